//! Plain text out of the HTML that shops put into descriptions: tags dropped,
//! scripts and styles with their content, entities decoded.

use html5gum::{Token, Tokenizer, emitters::default::DefaultEmitter};
use std::borrow::Cow;

/// Tags that stand within a word or a line; all others part words.
const INLINE: [&[u8]; 12] =
    [b"a", b"b", b"i", b"u", b"em", b"strong", b"span", b"font", b"sup", b"sub", b"small", b"mark"];

/// `text` without markup; untouched where there is none ("5 < 6 & 7").
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let tagged = has_tag(text);
    if !tagged && !has_entity(text) {
        return Cow::Borrowed(text);
    }
    // A lone `<` would swallow the rest as an unfinished tag.
    let text = if tagged { Cow::Borrowed(text) } else { Cow::Owned(text.replace('<', "&lt;")) };
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let (mut out, mut hidden) = (Vec::with_capacity(text.len()), None);
    for Ok(token) in Tokenizer::new_with_emitter(&*text, emitter) {
        match token {
            Token::String(part) if hidden.is_none() => out.extend_from_slice(&part),
            Token::StartTag(tag) => {
                if matches!(tag.name.as_slice(), b"script" | b"style") && !tag.self_closing {
                    hidden = Some(tag.name);
                } else if !INLINE.contains(&tag.name.as_slice()) {
                    out.push(b' ');
                }
            }
            Token::EndTag(tag) => {
                if hidden.as_ref() == Some(&tag.name) {
                    hidden = None;
                } else if !INLINE.contains(&tag.name.as_slice()) {
                    out.push(b' ');
                }
            }
            _ => {}
        }
    }
    let text = String::from_utf8_lossy(&out);
    Cow::Owned(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Whether a `<` begins a tag that is closed.
fn has_tag(text: &str) -> bool {
    let opens = |at: usize| {
        let next = text.as_bytes().get(at + 1);
        next.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, b'/' | b'!'))
    };
    let Some(last) = text.rfind('>') else {
        return false;
    };
    text.match_indices('<').take_while(|(at, _)| *at < last).any(|(at, _)| opens(at))
}

/// Whether a character reference stands somewhere: `&amp;`, `&#39;`.
fn has_entity(text: &str) -> bool {
    text.match_indices('&').any(|(at, _)| {
        let rest = text.get(at + 1..).unwrap_or_default();
        let name = rest.bytes().take(32).take_while(|c| c.is_ascii_alphanumeric() || *c == b'#').count();
        name > 1 && rest.as_bytes().get(name) == Some(&b';')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn markup_is_dropped_and_text_kept() {
        for (html, text) in [
            ("<p>Fresh</p><p>milk</p>", "Fresh milk"),
            ("Ben &amp; Jerry&#39;s", "Ben & Jerry's"),
            ("one<br/>two <b>th</b>ree", "one two three"),
            ("<script>alert('<p>')</script>Soap<style>p{}</style>", "Soap"),
            ("cr&egrave;me", "crème"),
            ("5 < 6 & 7", "5 < 6 & 7"),
            ("AT&T <now", "AT&T <now"),
            ("a <b &amp; c", "a <b & c"),
            ("<!-- x -->ok", "ok"),
        ] {
            assert_eq!(plain(html), text, "{html}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[<>&;#/!a-z \"'=-]{0,60}|.{0,40}") {
            let _ = plain(&text);
        }

        #[test]
        fn text_without_marks_is_untouched(text in "[^<&]{0,60}") {
            prop_assert_eq!(&*plain(&text), &*text);
        }
    }
}
