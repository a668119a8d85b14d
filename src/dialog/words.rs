//! Shopper's text as plain words: case, accents, contractions and punctuation
//! made uniform, so that rules and menus compare like with like. Never
//! interprets.

use num2words::Num2Words;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Contractions that matter to the rules, on words that were split at the
/// apostrophe.
const CONTRACTIONS: &[(&str, &str, &str)] = &[
    ("i", "d", "would"),
    ("id", "d", "would"),
    ("we", "d", "would"),
    ("i", "m", "am"),
    ("i", "ll", "will"),
    ("we", "ll", "will"),
    ("we", "re", "are"),
    ("i", "ve", "have"),
    ("you", "ve", "have"),
    ("what", "s", "is"),
    ("where", "s", "is"),
    ("how", "s", "is"),
    ("it", "s", "is"),
    ("that", "s", "is"),
    ("there", "s", "is"),
    ("let", "s", "us"),
];

/// The words of `text` in lower case without accents: letters and digits split
/// apart ("12oz" is "12", "oz"), contractions expanded ("I'd" is "i", "would"),
/// prices kept whole ("$3.49"), all other punctuation dropped. At most
/// `MAX_WORDS` words.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let plain: String = text
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .map(|c| if matches!(c, '\u{2019}' | '\u{2018}' | '`') { '\'' } else { c })
        .collect();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut apostrophe = false;
    let mut chars = plain.chars().peekable();
    while let Some(c) = chars.next() {
        // "1,5" is one and a half, "1,500" a thousand and more.
        let decimals = chars.clone().take_while(char::is_ascii_digit).count();
        let is_comma = c == ',' && word.ends_with(|d: char| d.is_ascii_digit()) && decimals > 0;
        if is_comma && decimals == 3 {
            continue;
        }
        let c = if is_comma { '.' } else { c };
        let joins = c == '.'
            && word.ends_with(|d: char| d.is_ascii_digit())
            && chars.peek().is_some_and(char::is_ascii_digit);
        let keeps = c.is_alphanumeric() || matches!(c, '$' | '€' | '£' | '%') || joins;
        let number_edge = word.chars().last().is_some_and(|last| {
            let digit = |c: char| c.is_ascii_digit() || c == '.';
            (digit(last) && c.is_alphabetic()) || (last.is_alphabetic() && c.is_ascii_digit())
        });
        if (!keeps || number_edge) && !word.is_empty() {
            push(&mut words, &word, apostrophe);
            apostrophe = c == '\'';
            word.clear();
        } else if !keeps {
            apostrophe = false;
        }
        if keeps {
            word.push(c);
        }
    }
    if !word.is_empty() {
        push(&mut words, &word, apostrophe);
    }
    words.truncate(MAX_WORDS);
    words
}

/// More words than this in one turn are cut off: nobody says them, and rules
/// stay fast.
pub const MAX_WORDS: usize = 120;

fn push(words: &mut Vec<String>, word: &str, after_apostrophe: bool) {
    if after_apostrophe && let Some(last) = words.last().map(String::as_str) {
        if let Some((_, _, full)) = CONTRACTIONS.iter().find(|(l, tail, _)| *l == last && *tail == word) {
            words.push((*full).to_owned());
            return;
        }
        // "don't": the n belongs to the not.
        if word == "t" && last.ends_with('n') {
            let stem = last.strip_suffix('n').unwrap_or_default().to_owned();
            let stem = if matches!(stem.as_str(), "ca" | "wo") { format!("{stem}n") } else { stem };
            words.pop();
            words.push(stem);
            words.push("not".to_owned());
            return;
        }
        if word == "s" {
            return; // possessive
        }
    }
    words.push(word.to_owned());
}

/// `words` with whole numbers below 1,000 written out, for comparison with menu
/// words: "12" is "twelve".
#[must_use]
pub fn numbers_as_words(words: &[String]) -> Vec<String> {
    words
        .iter()
        .flat_map(|word| match word.parse::<u16>() {
            Ok(n) if n < 1000 => count(u64::from(n)).split([' ', '-']).map(str::to_owned).collect(),
            _ => vec![word.clone()],
        })
        .collect()
}

/// A whole number as it is said: "twenty-one".
#[must_use]
pub fn count(n: u64) -> String {
    i64::try_from(n).ok().and_then(|n| Num2Words::new(n).to_words().ok()).unwrap_or_else(|| n.to_string())
}

/// The number that a word says, up to a hundred; `None` for other words.
#[must_use]
pub fn number(word: &str) -> Option<u32> {
    match word {
        "a" | "an" | "one" => return Some(1),
        "couple" | "pair" => return Some(2),
        "dozen" => return Some(12),
        _ => {}
    }
    word.parse().ok().or_else(|| {
        let english = text2num::Language::english();
        let digits = text2num::text2digits(word, &english).ok()?;
        digits.parse().ok()
    })
}

/// The number said at `at` and how many words it takes: "twenty five" is two.
#[must_use]
pub fn spoken_number(words: &[String], at: usize) -> Option<(u32, usize)> {
    let tens = number(words.get(at)?)?;
    let ones = words
        .get(at + 1)
        .filter(|word| !matches!(word.as_str(), "a" | "an"))
        .and_then(|word| number(word))
        .filter(|ones| (1..10).contains(ones) && tens >= 20 && tens % 10 == 0);
    Some((tens + ones.unwrap_or(0), 1 + usize::from(ones.is_some())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_becomes_plain_words() {
        let cases = [
            ("I'd like a 12oz Café au lait!", "i would like a 12 oz cafe au lait"),
            ("Where\u{2019}s the gluten-free bread?", "where is the gluten free bread"),
            ("I don't want Ben's, can't you?", "i do not want ben can not you"),
            ("under $5.50, please.", "under $5.50 please"),
            ("1,5 l or 1,500 g, 2, 3", "1.5 l or 1500 g 2 3"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text).join(" "), expected);
        }
    }

    #[test]
    fn numbers_are_said_and_read() {
        assert_eq!(count(21), "twenty-one");
        assert_eq!(number("twelve"), Some(12));
        assert_eq!(number("7"), Some(7));
        assert_eq!(number("milk"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,200}") {
            let words = words(&text);
            prop_assert!(words.iter().all(|w| !w.is_empty() && !w.contains(' ')));
            let _ = numbers_as_words(&words);
        }
    }
}
