//! From text to words, the same way for products and for shoppers: folded
//! (case, accents, compatibility forms), split, sizes joined ("500 g" is one
//! word), stemmed. Also which word of a name says what the thing is. Pure.

use rust_stemmers::{Algorithm, Stemmer};
use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization;

/// A folded word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    pub stem: String,
    /// A number, or a number with its unit: `2`, `500g`, `2pct`.
    pub is_size: bool,
    /// Opens a new phrase: stands after a comma, a bracket, a dash, a slash.
    pub opens: bool,
}

/// Units after a number and the form they are kept in.
#[rustfmt::skip]
const UNITS: &[(&str, &str)] = &[
    ("g", "g"), ("gr", "g"), ("gram", "g"), ("grams", "g"), ("kg", "kg"), ("kilo", "kg"), ("kilos", "kg"),
    ("kilogram", "kg"), ("kilograms", "kg"), ("ml", "ml"), ("milliliter", "ml"), ("milliliters", "ml"),
    ("millilitre", "ml"), ("millilitres", "ml"), ("l", "l"), ("lt", "l"), ("liter", "l"), ("liters", "l"),
    ("litre", "l"), ("litres", "l"), ("oz", "oz"), ("ounce", "oz"), ("ounces", "oz"), ("lb", "lb"),
    ("lbs", "lb"), ("pound", "lb"), ("pounds", "lb"), ("gal", "gal"), ("gallon", "gal"), ("gallons", "gal"),
    ("pack", "pack"), ("packs", "pack"), ("pk", "pack"), ("ct", "pack"), ("count", "pack"), ("pct", "pct"),
    ("percent", "pct"), ("inch", "in"), ("inches", "in"), ("cm", "cm"), ("mm", "mm"), ("m", "m"),
    ("gb", "gb"), ("tb", "tb"), ("mb", "mb"), ("mah", "mah"), ("w", "w"), ("watt", "w"), ("v", "v"),
];

/// Numbers said as words, joined to a unit only ("two liters", not "two").
#[rustfmt::skip]
const NUMBERS: &[(&str, &str)] = &[
    ("one", "1"), ("two", "2"), ("three", "3"), ("four", "4"), ("five", "5"), ("six", "6"), ("eight", "8"),
    ("ten", "10"), ("twelve", "12"), ("eighteen", "18"), ("twenty", "20"),
];

/// Irregular plurals and spellings, to the form that is stemmed.
#[rustfmt::skip]
const NORMAL: &[(&str, &str)] = &[
    ("loaves", "loaf"), ("leaves", "leaf"), ("knives", "knife"), ("halves", "half"), ("shelves", "shelf"),
    ("calves", "calf"), ("wolves", "wolf"), ("men", "man"), ("mens", "man"), ("women", "woman"),
    ("womens", "woman"), ("children", "child"), ("childrens", "child"), ("feet", "foot"), ("teeth", "tooth"),
    ("mice", "mouse"), ("geese", "goose"), ("dice", "die"), ("yoghurt", "yogurt"), ("yoghurts", "yogurt"),
    ("chilli", "chili"), ("chillies", "chili"), ("chile", "chili"), ("donut", "doughnut"),
    ("donuts", "doughnut"), ("flavour", "flavor"), ("flavours", "flavor"), ("colour", "color"),
    ("colours", "color"), ("grey", "gray"), ("fibre", "fiber"), ("whisky", "whiskey"), ("omelette", "omelet"),
    ("licorice", "liquorice"), ("catsup", "ketchup"), ("veg", "vegetable"), ("veggie", "vegetable"),
    ("veggies", "vegetable"), ("fridge", "refrigerator"), ("wifi", "wireless"), ("hummous", "hummus"),
    ("houmous", "hummus"), ("cappucino", "cappuccino"), ("expresso", "espresso"), ("barbeque", "barbecue"),
    ("bbq", "barbecue"), ("biscuits", "biscuit"), ("paediatric", "pediatric"), ("aluminium", "aluminum"),
    ("tyre", "tire"), ("tyres", "tire"),
];

/// Words after which a name no longer says what the thing is.
const CUTS: &[&str] = &["with", "without", "in", "for", "from", "by", "on", "at", "to"];

/// Words for a form or container, which follow the noun they belong to.
#[rustfmt::skip]
const FORMS: &[&str] = &[
    "block", "bottle", "bottles", "bulb", "bunch", "can", "cans", "carton", "cob", "crown", "crumbles", "cup",
    "cups", "hearts", "jar", "loaf", "log", "pack", "packs", "packet", "piece", "pieces", "powder", "root",
    "slices", "stalks", "stick", "sticks", "tablets", "tin", "tub", "wedge", "bar", "bars", "chunks", "cubes",
    "florets", "kernels", "breast", "breasts", "chops", "drumsticks", "fillet", "fillets", "patties",
    "shoulder", "thighs", "wings",
];

/// Further words that stand before "of" and say only how much.
#[rustfmt::skip]
const CONTAINERS: &[&str] = &[
    "bag", "bags", "bars", "box", "boxes", "case", "cartons", "crate", "glass", "jars", "jug", "loaves",
    "packets", "pouch", "pouches", "roll", "rolls", "sack", "slice", "tins", "tray", "tube", "tubes", "tubs",
    "bunches",
];

/// Words that may follow a noun without naming another thing.
#[rustfmt::skip]
const TRAILING: &[&str] = &[
    "large", "small", "medium", "organic", "fresh", "frozen", "vegan", "vegetarian", "original",
    "unsweetened", "natural", "plain", "classic", "assorted", "mixed", "mild", "free", "black", "white",
    "silver", "blue", "red", "green", "pink", "gray", "yellow", "zero", "light", "extra", "xl", "new",
    "please", "today", "now",
];

/// Most words taken of one text.
const MAX_WORDS: usize = 4000;

/// Stems words, remembering those it has met.
pub(super) struct Analyst {
    stemmer: Stemmer,
    memo: HashMap<String, String>,
}

impl Default for Analyst {
    fn default() -> Self {
        Self { stemmer: Stemmer::create(Algorithm::English), memo: HashMap::new() }
    }
}

impl Analyst {
    /// The words of a text in order.
    pub(super) fn words(&mut self, text: &str) -> Vec<Word> {
        let raw = join_sizes(split(text));
        raw.into_iter()
            .map(|Raw { text, opens }| {
                let is_size = text.starts_with(|c: char| c.is_ascii_digit()) && is_amount(&text);
                Word { stem: self.stem(&text), text, is_size, opens }
            })
            .collect()
    }

    /// The stem of a folded word (Snowball's English stemmer, "Porter 2").
    pub(super) fn stem(&mut self, word: &str) -> String {
        if let Some(stem) = self.memo.get(word) {
            return stem.clone();
        }
        let normal = lookup(NORMAL, word).unwrap_or(word);
        let stem = if normal.bytes().any(|byte| byte.is_ascii_digit()) {
            normal.to_owned()
        } else {
            conservative(normal, &self.stemmer.stem(normal))
        };
        self.memo.insert(word.to_owned(), stem.clone());
        stem
    }
}

/// The stem, unless it would merge what a shop keeps apart: "organic" and
/// "organ", the brand "Oatly" and "oat".
fn conservative(word: &str, stem: &str) -> String {
    let singular = word.strip_suffix('s').unwrap_or(word);
    let merges = (singular.ends_with("ic") && !stem.ends_with("ic"))
        || (word.ends_with("ly") && !stem.ends_with("li"));
    if merges { singular.to_owned() } else { stem.to_owned() }
}

/// The words that say what a named thing is: the last noun before a size, a
/// comma or a preposition, and, where that is only its form ("slices"), the
/// noun before it too. Empty for a name of sizes only.
pub(super) fn heads(name: &[Word]) -> Vec<&Word> {
    let start = name.iter().position(|word| !word.is_size).unwrap_or(name.len());
    let rest = name.get(start..).unwrap_or_default();
    let ends = |(at, word): (usize, &Word)| {
        at > 0 && (word.is_size || word.opens || CUTS.contains(&word.text.as_str()))
    };
    let end = rest.iter().enumerate().position(ends).unwrap_or(rest.len());
    let mut phrase = rest.get(..end).unwrap_or_default();
    while let [before @ .., last] = phrase
        && !before.is_empty()
        && TRAILING.contains(&last.text.as_str())
    {
        // "gluten free" is one property: both words go.
        let drop_two = last.text == "free" && before.len() > 1;
        phrase = if drop_two { &before[..before.len() - 1] } else { before };
    }
    let Some((last, before)) = phrase.split_last() else {
        return Vec::new();
    };
    let mut heads = vec![last];
    if FORMS.contains(&last.text.as_str()) {
        heads.extend(before.last());
    }
    heads
}

/// True for a word after which a noun phrase ends.
pub(super) fn is_cut(word: &str) -> bool {
    CUTS.contains(&word)
}

/// True for a form or container ("bottle").
pub(super) fn is_form(word: &str) -> bool {
    FORMS.contains(&word)
        || CONTAINERS.contains(&word)
        || UNITS.iter().any(|(unit, _)| *unit == word && unit.len() > 2)
}

fn lookup(table: &[(&str, &'static str)], word: &str) -> Option<&'static str> {
    table.iter().find(|(key, _)| *key == word).map(|(_, value)| *value)
}

struct Raw {
    text: String,
    opens: bool,
}

/// Folds and splits at whatever is no letter or digit. Apostrophes join
/// ("kellogg's" loses its "'s"), a decimal point stays inside its number, an
/// ampersand between letters joins them ("M&M").
fn split(text: &str) -> Vec<Raw> {
    let folded: Vec<char> =
        text.nfkd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).flat_map(char::to_lowercase).collect();
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut opens, mut next_opens) = (false, false);
    let mut at = 0;
    while let Some(&c) = folded.get(at) {
        let before = at.checked_sub(1).and_then(|i| folded.get(i)).copied().unwrap_or(' ');
        let after = folded.get(at + 1).copied().unwrap_or(' ');
        at += 1;
        if c.is_alphanumeric() {
            if word.is_empty() {
                opens = std::mem::take(&mut next_opens);
            }
            match c {
                'ß' => word.push_str("ss"),
                'æ' => word.push_str("ae"),
                'œ' => word.push_str("oe"),
                'ø' => word.push('o'),
                'ł' => word.push('l'),
                'đ' => word.push('d'),
                c => word.push(c),
            }
            continue;
        }
        match c {
            '\'' | '’' | '‘' | 'ʼ' | '`' if !word.is_empty() => {
                let ends = folded.get(at + 1).is_none_or(|c| !c.is_alphanumeric());
                if after == 's' && ends {
                    at += 1;
                }
                continue;
            }
            '.' | ',' if before.is_ascii_digit() && after.is_ascii_digit() => {
                word.push('.');
                continue;
            }
            '&' if before.is_alphabetic() && after.is_alphabetic() => continue,
            _ => {}
        }
        push(&mut words, &mut word, opens);
        let dash = matches!(c, '-' | '–' | '—') && (before == ' ' || c != '-');
        next_opens |=
            dash || matches!(c, ',' | ';' | ':' | '(' | ')' | '[' | ']' | '|' | '/' | '"' | '!' | '?');
        if c == '%' {
            words.push(Raw { text: "pct".to_owned(), opens: false });
        }
        if words.len() >= MAX_WORDS {
            return words;
        }
    }
    push(&mut words, &mut word, opens);
    words
}

fn push(words: &mut Vec<Raw>, word: &mut String, opens: bool) {
    if !word.is_empty() {
        words.push(Raw { text: std::mem::take(word), opens });
    }
}

/// Joins a number and its unit into one word in one form: `500 g`, `500g` and
/// `500 grams` are all `500g`.
fn join_sizes(words: Vec<Raw>) -> Vec<Raw> {
    let mut joined: Vec<Raw> = Vec::with_capacity(words.len());
    let mut words = words.into_iter().peekable();
    while let Some(Raw { text, opens }) = words.next() {
        let number = lookup(NUMBERS, &text).unwrap_or(&text);
        let digits = number.trim_end_matches(|c: char| c.is_alphabetic());
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let suffix = number.get(digits.len()..).unwrap_or_default();
        if is_number && suffix.is_empty() {
            if words.peek().is_some_and(|next| next.text == "fl") {
                words.next();
            }
            let unit = words.peek().filter(|next| !next.opens).and_then(|next| lookup(UNITS, &next.text));
            if let Some(unit) = unit {
                words.next();
                joined.push(Raw { text: format!("{digits}{unit}"), opens });
                continue;
            }
        } else if is_number && let Some(unit) = lookup(UNITS, suffix) {
            joined.push(Raw { text: format!("{digits}{unit}"), opens });
            continue;
        }
        joined.push(Raw { text, opens });
    }
    // "4 x 90 g": the sign belongs to the size.
    let sized = |word: &Raw| is_amount(&word.text);
    let mut kept: Vec<Raw> = Vec::with_capacity(joined.len());
    let mut rest = joined.into_iter().peekable();
    while let Some(word) = rest.next() {
        let times = word.text == "x" && kept.last().is_some_and(sized) && rest.peek().is_some_and(sized);
        if !times {
            kept.push(word);
        }
    }
    kept
}

/// True for a number with at most a known unit behind it.
fn is_amount(word: &str) -> bool {
    let digits = word.trim_end_matches(|c: char| c.is_alphabetic());
    let suffix = word.get(digits.len()..).unwrap_or_default();
    !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && (suffix.is_empty() || UNITS.iter().any(|(_, unit)| *unit == suffix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(text: &str) -> Vec<String> {
        Analyst::default().words(text).into_iter().map(|word| word.text).collect()
    }

    fn head(name: &str) -> Vec<String> {
        heads(&Analyst::default().words(name)).into_iter().map(|word| word.text.clone()).collect()
    }

    #[test]
    fn words_are_folded_and_sizes_joined() {
        assert_eq!(texts("Jalapeño CRÈME Brûlée"), ["jalapeno", "creme", "brulee"]);
        assert_eq!(texts("Kellogg's M&M’s 500 g, 1.5L"), ["kellogg", "mm", "500g", "1.5l"]);
        assert_eq!(texts("2 % milk two liters 6-pack 12 fl oz"), ["2pct", "milk", "2l", "6pack", "12oz"]);
        assert_eq!(texts("Pouches 4 x 90 g"), ["pouches", "4", "90g"]);
    }

    #[test]
    fn one_stem_for_one_thing() {
        let mut analyst = Analyst::default();
        for (a, b) in [("apples", "apple"), ("berries", "berry"), ("loaves", "loaf"), ("yoghurts", "yogurt")]
        {
            assert_eq!(analyst.stem(a), analyst.stem(b), "{a}");
        }
        for (a, b) in [("organic", "organ"), ("oatly", "oat")] {
            assert_ne!(analyst.stem(a), analyst.stem(b), "{a}");
        }
    }

    #[test]
    fn the_head_says_what_it_is() {
        for (name, want) in [
            ("Arla Organic Medium-Fat Milk 1 L", vec!["milk"]),
            ("Milk Chocolate Bar 100 g", vec!["bar", "chocolate"]),
            ("Apples, Gala", vec!["apples"]),
            ("Thessa Greek Yogurt 0 % Fat 500 g", vec!["yogurt"]),
            ("Plain Bagel with Cream Cheese", vec!["bagel"]),
            ("Almond Milk Original 1 L", vec!["milk"]),
            ("2 % Milk 1.89 L", vec!["milk"]),
            ("bread gluten free", vec!["bread"]),
            ("", vec![]),
        ] {
            assert_eq!(head(name), want, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_plain_words(text in "\\PC{0,80}") {
            for word in Analyst::default().words(&text) {
                prop_assert!(!word.text.is_empty());
                prop_assert!(word.text.chars().all(|c| c.is_alphanumeric() || c == '.'));
            }
        }
    }
}
