//! What is to be said: a reply cleaned and cut into pieces that can be spoken.
//!
//! Promises: text is untrusted, so control characters, markup (SSML tags,
//! espeak-ng's `[[...]]`), emoji and list signs never reach the voice; no piece
//! is longer than [`MAX_PIECE`]; words stay in order and none is lost. Prices,
//! times and decimals are not cut ("3.49", "10:30"). Never rewrites words or
//! numbers: a reply arrives as it is to be said.

use unicode_normalization::UnicodeNormalization;

/// The longest text that is said at once, in characters: about a minute.
pub const MAX_TEXT: usize = 1_000;

/// The longest piece in characters: about 15 s of speech. A longer sentence is
/// cut at a clause, a longer clause between words.
pub const MAX_PIECE: usize = 200;

/// The shopper waits for the first piece, so a first sentence longer than this
/// many characters (about 4 s) is begun with its first clauses alone...
const LONG_START: usize = 60;

/// ...which are at least this many characters, to sound like a phrase.
const SHORT_START: usize = 20;

/// Punctuation and signs that a voice can use or speak; letters and digits of
/// any language are always kept, everything else is dropped.
const KEPT: &str = ".,;:!?'-/&%+=@<>$£€¥¢°×";

/// Abbreviations whose period does not end a sentence.
const ABBREVIATIONS: [&str; 10] = ["mr", "mrs", "ms", "dr", "st", "approx", "vs", "incl", "excl", "min"];

/// Text that is too long to be a reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text has {0} characters; at most {MAX_TEXT} are said at once")]
pub struct TooLong(pub usize);

/// A stretch of words up to a punctuation mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The words, trimmed, never empty; it may hold marks that do not end it.
    pub words: String,
    /// One of `. ! ? , ; :`, or none where a long clause was cut.
    pub mark: Option<char>,
}

/// One piece of speech, spoken in one go: a sentence or a part of a long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    clauses: Vec<Clause>,
}

impl Sentence {
    /// The clauses, at least one.
    #[must_use]
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// Whether it really ends a sentence, so that a pause shall follow.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.clauses.last().is_some_and(|clause| ends_sentence(clause.mark))
    }

    fn chars(&self) -> usize {
        self.clauses.iter().map(|clause| clause.words.chars().count() + 2).sum()
    }
}

/// Cleans `text` and cuts it into sentences. Text without a single letter or
/// digit gives none.
///
/// # Errors
/// [`TooLong`] for more than [`MAX_TEXT`] characters.
pub fn sentences(text: &str) -> Result<Vec<Sentence>, TooLong> {
    let length = text.chars().count();
    if length > MAX_TEXT {
        return Err(TooLong(length));
    }
    let mut sentences: Vec<Sentence> = Vec::new();
    let mut open = Sentence { clauses: Vec::new() };
    for clause in clauses(&clean(text)) {
        if !open.clauses.is_empty() && open.chars() + clause.words.chars().count() > MAX_PIECE {
            sentences.push(std::mem::replace(&mut open, Sentence { clauses: Vec::new() }));
        }
        open.clauses.push(clause);
        if open.is_complete() {
            sentences.push(std::mem::replace(&mut open, Sentence { clauses: Vec::new() }));
        }
    }
    if let Some(last) = open.clauses.last_mut() {
        // The end of the text ends a sentence, also without a period.
        last.mark = Some('.');
        sentences.push(open);
    }
    start_soon(&mut sentences);
    Ok(sentences)
}

/// Cuts the beginning off a long first sentence.
fn start_soon(sentences: &mut Vec<Sentence>) {
    let Some(first) = sentences.first_mut().filter(|first| first.chars() > LONG_START) else {
        return;
    };
    let mut said = 0;
    let cut = first.clauses.iter().position(|clause| {
        said += clause.words.chars().count();
        said >= SHORT_START
    });
    if let Some(cut) = cut.filter(|cut| cut + 1 < first.clauses.len()) {
        let rest = first.clauses.split_off(cut + 1);
        sentences.insert(1, Sentence { clauses: rest });
    }
}

fn ends_sentence(mark: Option<char>) -> bool {
    matches!(mark, Some('.' | '!' | '?'))
}

/// `text` without what must not or cannot be spoken, on one line.
fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for c in without_markup(text).nfc() {
        match c {
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => {
                // A line of a list is a sentence of its own.
                if cleaned.trim_end().ends_with(char::is_alphanumeric) {
                    cleaned.push('.');
                }
                cleaned.push(' ');
            }
            '\u{2018}' | '\u{2019}' => cleaned.push('\''),
            '\u{2026}' => cleaned.push_str(". "),
            '(' | ')' | '[' | ']' | '{' | '}' | '\u{2013}' | '\u{2014}' => cleaned.push_str(", "),
            c if c.is_alphanumeric() || KEPT.contains(c) => cleaned.push(c),
            // Zero-width characters stand inside words.
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => {}
            _ => cleaned.push(' '),
        }
    }
    cleaned.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` without `<tags>` and `[[phonemes]]`. A sign that opens no such thing
/// stays ("for < 5 dollars").
fn without_markup(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '[']) {
        let (before, from) = rest.split_at(at);
        kept.push_str(before);
        let end = if from.starts_with("[[") {
            from.find("]]").map(|end| end + 2)
        } else if from.starts_with('<')
            && from[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c))
        {
            from.find('>').map(|end| end + 1)
        } else {
            None
        };
        // Both opening signs are one byte long.
        let (sign, after) = from.split_at(end.unwrap_or(1));
        kept.push_str(if end.is_some() { " " } else { sign });
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// Cuts cleaned text at its marks.
fn clauses(text: &str) -> Vec<Clause> {
    let mut found: Vec<Clause> = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|&(_, next)| next);
        if is_mark(c) && ends_clause(c, &text[start..at], next, &text[at + c.len_utf8()..]) {
            add_clause(&mut found, &text[start..at], Some(c));
            start = at + c.len_utf8();
        }
    }
    add_clause(&mut found, &text[start..], None);
    found
}

fn is_mark(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | ',' | ';' | ':')
}

/// Whether the mark `c` after `words` ends a clause, or belongs to a number or
/// an abbreviation.
fn ends_clause(c: char, words: &str, next: Option<char>, rest: &str) -> bool {
    if next.is_some_and(|next| !next.is_whitespace() && !is_mark(next)) {
        return false;
    }
    if c != '.' {
        return true;
    }
    let word = words.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let abbreviated = ABBREVIATIONS.iter().any(|known| word.eq_ignore_ascii_case(known));
    let goes_on = rest.trim_start().starts_with(char::is_lowercase);
    let at_end = rest.trim().is_empty();
    at_end || !(abbreviated || goes_on)
}

/// Adds a clause; a mark without words before it strengthens the last clause.
fn add_clause(found: &mut Vec<Clause>, words: &str, mark: Option<char>) {
    let words = words.trim_start_matches(|c| c == ' ' || is_mark(c)).trim_end();
    if !words.chars().any(char::is_alphanumeric) {
        if let Some(last) = found.last_mut()
            && mark.is_some()
            && !ends_sentence(last.mark)
            && (last.mark.is_none() || ends_sentence(mark))
        {
            last.mark = mark;
        }
        return;
    }
    let mut cut = between_words(words);
    let last = cut.pop();
    found.extend(cut.into_iter().map(|words| Clause { words, mark: None }));
    found.extend(last.map(|words| Clause { words, mark }));
}

/// `words` in parts of at most [`MAX_PIECE`] characters, cut between words where
/// there are any.
fn between_words(words: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut length = 0;
    for word in words.split(' ') {
        let letters: Vec<char> = word.chars().collect();
        for part in letters.chunks(MAX_PIECE) {
            let space = usize::from(length > 0);
            if length + space + part.len() > MAX_PIECE {
                parts.push(String::new());
                length = 0;
            }
            if let Some(open) = parts.last_mut() {
                if length > 0 {
                    open.push(' ');
                    length += 1;
                }
                open.extend(part);
                length += part.len();
            }
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sentences as `words mark` joined by spaces.
    fn cut(text: &str) -> Vec<String> {
        let show = |clause: &Clause| {
            format!("{}{}", clause.words, clause.mark.map(String::from).unwrap_or_default())
        };
        sentences(text)
            .unwrap()
            .iter()
            .map(|s| s.clauses().iter().map(show).collect::<Vec<_>>().join("|"))
            .collect()
    }

    #[test]
    fn sentences_and_clauses() {
        assert_eq!(
            cut("The iced coffee is three forty-nine, in the cafe. Anything else?"),
            ["The iced coffee is three forty-nine,|in the cafe.", "Anything else?"]
        );
        assert_eq!(cut("Really?! Wait... what"), ["Really?", "Wait.", "what."]);
        assert_eq!(cut("no period"), ["no period."]);
    }

    #[test]
    fn a_long_first_sentence_starts_with_a_phrase() {
        assert_eq!(
            cut("Sure, the oat milk is four ninety-nine, in aisle six, and a cheaper one is there."),
            ["Sure,|the oat milk is four ninety-nine,", "in aisle six,|and a cheaper one is there."]
        );
        let long = "the oat milk that you asked for is on the second shelf in aisle six of the store";
        assert_eq!(cut(long), [format!("{long}.")], "there is no clause to cut at");
    }

    #[test]
    fn numbers_times_and_abbreviations_are_not_cut() {
        assert_eq!(cut("It is 3.49 at 10:30, or 1,000."), ["It is 3.49 at 10:30,|or 1,000."]);
        assert_eq!(cut("Ask Dr. Smith."), ["Ask Dr. Smith."]);
        assert_eq!(cut("Aisle B. The next one."), ["Aisle B.", "The next one."]);
        assert_eq!(cut("milk, e.g. oat milk."), ["milk,|e.g. oat milk."]);
    }

    #[test]
    fn markup_controls_and_pictures_are_not_spoken() {
        assert_eq!(cut("Hello <break time='9s'/>there [[h@loU]]\u{7} now 🙂"), ["Hello there now."]);
        assert_eq!(cut("**Latte** — with `oat` milk"), ["Latte,|with oat milk."]);
        assert_eq!(cut("under < 5 [dollars"), ["under < 5,|dollars."]);
        assert_eq!(cut("- latte\n- mocha\n"), ["- latte.", "- mocha."]);
        assert_eq!(cut("a latte (large)."), ["a latte,|large."]);
        assert_eq!(cut("co\u{ad}ffee cafe\u{301}"), ["coffee café."]);
    }

    #[test]
    fn nothing_to_say_is_no_sentence() {
        for text in ["", "  ", "...", "?!", "🙂", "\u{0}\n", "<b></b>", "- - -", "[[x]]"] {
            assert_eq!(sentences(text).unwrap(), [], "{text:?}");
        }
    }

    #[test]
    fn too_long_a_text_is_refused_and_a_long_sentence_is_cut() {
        let error = sentences(&"a".repeat(5_000)).unwrap_err();
        assert_eq!(error.to_string(), "the text has 5000 characters; at most 1000 are said at once");
        let pieces = sentences(&"oat milk ".repeat(110)).unwrap();
        assert!(pieces.len() >= 5);
        assert!(pieces[..4].iter().all(|piece| !piece.is_complete()));
        assert!(pieces.last().unwrap().is_complete());
    }

    proptest! {
        #[test]
        fn any_text_gives_bounded_pieces_with_all_its_words(
            text in r"([a-z0-9.,;:!?<>\[\](){}*' \n\t\u{0}é🙂-]|\PC){0,400}"
        ) {
            for sentence in sentences(&text).unwrap() {
                prop_assert!(!sentence.clauses().is_empty());
                prop_assert!(sentence.chars() <= MAX_PIECE + 4);
                for clause in sentence.clauses() {
                    prop_assert!(clause.words.chars().any(char::is_alphanumeric));
                    prop_assert!(!clause.words.chars().any(char::is_control));
                }
            }
        }

        #[test]
        fn no_word_is_lost(words in prop::collection::vec("[a-z]{1,12}[,.?]{0,2}", 1..60)) {
            let text = words.join(" ");
            let letters = |text: &str| -> String {
                text.chars().filter(|c| c.is_alphabetic()).collect()
            };
            let said: String = sentences(&text)
                .unwrap()
                .iter()
                .flat_map(|s| s.clauses().iter().map(|c| letters(&c.words)).collect::<Vec<_>>())
                .collect();
            prop_assert_eq!(said, letters(&text));
        }
    }
}
