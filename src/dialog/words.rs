//! Shopper's text as plain words: case, accents, contractions and punctuation
//! made uniform, so that rules and menus compare like with like. Never
//! interprets.

use num2words::Num2Words;
use rust_stemmers::{Algorithm, Stemmer};
use std::sync::LazyLock;
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
    ("that", "ll", "will"),
    ("it", "ll", "will"),
    ("you", "ll", "will"),
    ("they", "ll", "will"),
    ("you", "re", "are"),
    ("they", "re", "are"),
    ("they", "ve", "have"),
    ("we", "ve", "have"),
    ("you", "d", "would"),
    ("who", "s", "is"),
    ("that", "d", "would"),
    ("it", "d", "would"),
    ("there", "d", "would"),
    ("what", "d", "would"),
    ("he", "d", "would"),
    ("she", "d", "would"),
    ("they", "d", "would"),
    ("what", "ve", "have"),
    ("what", "re", "are"),
    ("where", "re", "are"),
    ("there", "re", "are"),
    ("he", "s", "is"),
    ("she", "s", "is"),
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
    let mut spaced = true;
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
        // "1/2" is one word, "-3" is "minus 3".
        let in_fraction = c == '/'
            && word.ends_with(|d: char| d.is_ascii_digit())
            && chars.peek().is_some_and(char::is_ascii_digit);
        if matches!(c, '-' | '\u{2212}')
            && word.is_empty()
            && spaced
            && chars.peek().is_some_and(char::is_ascii_digit)
        {
            push(&mut words, "minus", false);
        }
        spaced = c.is_whitespace();
        let joins = joins || in_fraction;
        let keeps = c.is_alphanumeric() || matches!(c, '$' | '€' | '£' | '%') || joins;
        let number_edge = word.chars().last().is_some_and(|last| {
            let digit = |c: char| c.is_ascii_digit() || matches!(c, '.' | '/');
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
    if words.iter().any(|word| SLOPPY.iter().any(|(written, _)| written == word)) {
        words = words.iter().flat_map(|word| spelled_out(word)).map(str::to_owned).collect();
    }
    words
}

/// Contractions and slips of common words, as they are typed in haste.
const SLOPPY: &[(&str, &[&str])] = &[
    ("im", &["i", "am"]),
    ("whereabouts", &["where"]),
    ("dont", &["do", "not"]),
    ("doesnt", &["does", "not"]),
    ("didnt", &["did", "not"]),
    ("isnt", &["is", "not"]),
    ("cant", &["can", "not"]),
    ("cannot", &["can", "not"]),
    ("wont", &["will", "not"]),
    ("whats", &["what", "is"]),
    ("wheres", &["where", "is"]),
    ("hows", &["how", "is"]),
    ("thats", &["that", "is"]),
    ("theres", &["there", "is"]),
    ("gimme", &["give", "me"]),
    ("lemme", &["let", "me"]),
    ("wanna", &["want", "to"]),
    ("gonna", &["going", "to"]),
    ("gotta", &["have", "to"]),
    ("pls", &["please"]),
    ("plz", &["please"]),
    ("pleas", &["please"]),
    ("thx", &["thanks"]),
    ("wich", &["which"]),
    ("whcih", &["which"]),
    ("mcuh", &["much"]),
    ("muhc", &["much"]),
    ("hwo", &["how"]),
    ("wher", &["where"]),
    ("whre", &["where"]),
    ("ther", &["there"]),
    ("teh", &["the"]),
    ("thos", &["those"]),
    ("thees", &["these"]),
    ("cheepest", &["cheapest"]),
    ("cheapst", &["cheapest"]),
    ("cheepr", &["cheaper"]),
    ("cheeper", &["cheaper"]),
    ("aisel", &["aisle"]),
    ("ailse", &["aisle"]),
    ("lookin", &["looking"]),
    ("somthing", &["something"]),
    ("anythin", &["anything"]),
    ("diffrence", &["difference"]),
    ("diference", &["difference"]),
    ("recomend", &["recommend"]),
    ("reccomend", &["recommend"]),
    ("vegitarian", &["vegetarian"]),
    ("vegeterian", &["vegetarian"]),
    ("ingrediants", &["ingredients"]),
    ("alergy", &["allergy"]),
    ("alergic", &["allergic"]),
    ("allergick", &["allergic"]),
    ("alergies", &["allergies"]),
    ("expencive", &["expensive"]),
    ("availible", &["available"]),
    ("avalable", &["available"]),
    ("reciept", &["receipt"]),
    ("brekfast", &["breakfast"]),
    ("glutenfree", &["gluten", "free"]),
    ("dairyfree", &["dairy", "free"]),
    ("lactosefree", &["lactose", "free"]),
    ("sugarfree", &["sugar", "free"]),
    ("nutfree", &["nut", "free"]),
    ("fatfree", &["fat", "free"]),
];

fn spelled_out(word: &str) -> Vec<&str> {
    let full = SLOPPY.iter().find(|(written, _)| *written == word).map(|(_, full)| full.to_vec());
    full.unwrap_or_else(|| vec![word])
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
            // "n't" by itself.
            if !stem.is_empty() {
                words.push(stem);
            }
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

/// How many pieces a shopper asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    Pieces(u64),
    /// Less than nothing, or not whole: "minus two", "half a".
    NotWhole,
}

/// The amount said at `at` and how many words it takes, its "of" included: "a
/// couple of", "nine hundred and ninety nine", "two dozen".
#[must_use]
pub fn amount(words: &[String], at: usize) -> Option<(Amount, usize)> {
    let word = |ahead: usize| words.get(at + ahead).map_or("", String::as_str);
    let of = |used: usize| used + usize::from(word(used) == "of");
    if matches!(word(0), "minus" | "negative") {
        let (_, used) = amount(words, at + 1)?;
        return Some((Amount::NotWhole, used + 1));
    }
    if word(0) == "half" || word(0) == "quarter" {
        let article = usize::from(matches!(word(1), "a" | "an"));
        return if word(1 + article) == "dozen" {
            Some((Amount::Pieces(6), of(2 + article)))
        } else {
            Some((Amount::NotWhole, of(1 + article)))
        };
    }
    let article = usize::from(matches!(word(0), "a" | "an" | "another"));
    if matches!(word(article), "couple" | "pair" | "dozen") {
        return Some((Amount::Pieces(u64::from(number(word(article))?)), of(article + 1)));
    }
    if article == 1 {
        return Some((Amount::Pieces(1), 1));
    }
    // "1/2" of a thing.
    if word(0).contains('/') && word(0).split('/').all(|part| part.parse::<u32>().is_ok()) {
        return Some((Amount::NotWhole, of(1)));
    }
    if word(0) == "zero" {
        return Some((Amount::Pieces(0), 1));
    }
    if let Ok(digits) = word(0).parse::<f64>() {
        let pieces = word(0).parse::<u64>().ok();
        if pieces.is_none() && digits.fract() == 0.0 && digits.is_finite() {
            return Some((Amount::Pieces(u64::MAX), of(1))); // more digits than anything counts
        }
        return Some((pieces.map_or(Amount::NotWhole, Amount::Pieces), of(1)));
    }
    let longest = (1..=LONGEST_NUMBER.min(words.len().saturating_sub(at))).rev().find_map(|used| {
        let said = &words[at..at + used];
        if said.first().is_some_and(|w| w == "and") || said.last().is_some_and(|w| w == "and") {
            return None;
        }
        let digits = text2num::text2digits(&said.join(" "), &text2num::Language::english()).ok()?;
        Some((digits.parse::<u64>().ok()?, used))
    });
    let (pieces, used) = longest?;
    // "One and a half" is not whole.
    if word(used) == "and" && word(used + 1) == "a" && matches!(word(used + 2), "half" | "quarter") {
        return Some((Amount::NotWhole, of(used + 3)));
    }
    let dozens = if word(used) == "dozen" { 12 } else { 1 };
    let used = used + usize::from(dozens > 1);
    Some((Amount::Pieces(pieces.saturating_mul(dozens)), of(used)))
}

/// Words of the longest number that is read.
const LONGEST_NUMBER: usize = 8;

static STEMMER: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::English));

/// The stem of a word (Snowball's English stemmer, "Porter 2"): "lemons" and
/// "lemon" are one.
#[must_use]
pub fn stem(word: &str) -> String {
    STEMMER.stem(word).into_owned()
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
            ("n't", "not"),
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

    #[test]
    fn amounts_are_read_whole() {
        for (text, expected) in [
            ("two lemons", Some((Amount::Pieces(2), 1))),
            ("a couple of lemons", Some((Amount::Pieces(2), 3))),
            ("two dozen eggs", Some((Amount::Pieces(24), 2))),
            ("half a dozen eggs", Some((Amount::Pieces(6), 3))),
            ("nine hundred and ninety-nine tubs", Some((Amount::Pieces(999), 5))),
            ("ten thousand bananas", Some((Amount::Pieces(10_000), 2))),
            ("12 and a half", Some((Amount::Pieces(12), 1))),
            ("half a cucumber", Some((Amount::NotWhole, 2))),
            ("one and a half pineapples", Some((Amount::NotWhole, 4))),
            ("minus two cucumbers", Some((Amount::NotWhole, 2))),
            ("1.5 cucumbers", Some((Amount::NotWhole, 1))),
            ("99999999999999999999999 lemons", Some((Amount::Pieces(u64::MAX), 1))),
            ("-3 kiwis", Some((Amount::NotWhole, 2))),
            ("1/2 melon", Some((Amount::NotWhole, 1))),
            ("lemons", None),
            ("and two", None),
        ] {
            assert_eq!(amount(&words(text), 0), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,200}") {
            let words = words(&text);
            for at in 0..words.len() {
                let _ = amount(&words, at);
            }
            prop_assert!(words.iter().all(|w| !w.is_empty() && !w.contains(' ')));
            let _ = numbers_as_words(&words);
        }
    }
}
