//! The catalog's words in memory, and what a word that is not among them may
//! have been: a misspelling, a mishearing, a compound written apart. Corrects
//! only towards words of the catalog's names, and never a plain English word
//! unless it sounds the same: "lamp" is no "lamb", "flower" may be "flour".

use super::analysis::StemCount;
use super::rows::Json;
use super::words::Analyst;
use rphonetic::DoubleMetaphone;
use rusqlite::Connection;
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;
use strsim::damerau_levenshtein;

/// Shorter words are not corrected: too many others are one letter away.
const MIN_CORRECTED: usize = 4;
/// Longest word corrected, in letters.
const MAX_CORRECTED: usize = 30;
/// Each part of a word split in two has at least so many letters.
const MIN_PART: usize = 3;

/// Most words that one may have been.
const MAX_LIKELY: usize = 8;
/// What the same sound is worth, in changed letters.
const ALIKE: f64 = 0.75;
/// What a commoner word is worth, in changed letters per unit of log count:
/// breaks ties only.
const COMMON: f64 = 0.05;

/// Plain words that a speech recognizer writes for a food that sounds the same.
#[rustfmt::skip]
const HOMOPHONES: &[(&str, &str)] = &[
    ("flower", "flour"), ("flowers", "flour"), ("leak", "leek"), ("leaks", "leeks"), ("serial", "cereal"),
    ("serials", "cereals"), ("pair", "pear"), ("pairs", "pears"), ("pare", "pear"), ("beat", "beet"),
    ("beats", "beets"), ("time", "thyme"), ("stake", "steak"), ("stakes", "steaks"), ("muscle", "mussel"),
    ("muscles", "mussels"), ("place", "plaice"), ("soul", "sole"), ("bred", "bread"), ("doe", "dough"),
    ("moose", "mousse"), ("karat", "carrot"), ("carat", "carrot"), ("caret", "carrot"), ("karats", "carrots"),
    ("carats", "carrots"), ("current", "currant"), ("currents", "currants"), ("chilly", "chili"),
    ("bury", "berry"), ("buries", "berries"), ("meet", "meat"), ("non", "naan"), ("nun", "naan"),
    ("maze", "maize"), ("source", "sauce"), ("role", "roll"), ("roles", "rolls"), ("tee", "tea"),
    ("coco", "cocoa"), ("ail", "ale"), ("raising", "raisin"), ("reasons", "raisins"), ("salary", "celery"),
    ("pees", "peas"), ("peace", "peas"), ("feat", "feta"), ("fete", "feta"), ("pi", "pie"),
    ("desert", "dessert"), ("deserts", "desserts"), ("basal", "basil"), ("whine", "wine"),
];

/// Different words for the same thing (American first), for catalogs that do
/// not list them as synonyms. One line is one thing.
#[rustfmt::skip]
const SAME: &[&[&str]] = &[
    &["zucchini", "courgette"], &["eggplant", "aubergine"], &["cilantro", "coriander"],
    &["arugula", "rocket"], &["scallion", "spring onion", "green onion"], &["shrimp", "prawn"],
    &["beet", "beetroot"], &["rutabaga", "swede"], &["cookie", "biscuit"], &["candy", "sweets"],
    &["soda", "pop", "soft drink"], &["chips", "crisps"], &["ground beef", "minced beef", "beef mince"],
    &["confectioners sugar", "powdered sugar", "icing sugar"], &["diaper", "nappy"], &["pacifier", "dummy"],
    &["trash", "garbage", "rubbish"], &["flashlight", "torch"], &["bandage", "plaster", "bandaid"],
    &["tissue", "kleenex"], &["detergent", "washing powder"], &["plastic wrap", "cling film"],
    &["foil", "tinfoil"], &["laptop", "notebook"], &["tv", "television"], &["earbud", "earphone"],
    &["smartphone", "cellphone", "mobile phone"], &["sneaker", "trainer"], &["couch", "sofa"],
    &["oatmeal", "porridge"], &["jelly", "jello"], &["acetaminophen", "paracetamol", "tylenol"],
];

/// Common English words of four to eight letters, one of each stem.
const ENGLISH: &str = include_str!("english.txt");

/// A word of the catalog's names.
struct Entry {
    text: String,
    stem: String,
    products: u32,
    heads: u32,
    letters: u32,
    chars: usize,
    sounds: Vec<String>,
}

/// Average lengths, in words, of a product's title, synonyms, brand, kind and description.
pub(super) type Lengths = [f64; 5];

pub(super) struct Lexicon {
    products: u32,
    lengths: Lengths,
    entries: Vec<Entry>,
    by_text: HashMap<String, usize>,
    by_sound: HashMap<String, Vec<usize>>,
    stems: HashMap<String, StemCount>,
    /// Brands as stems, with their products.
    brands: HashMap<String, u32>,
}

impl Lexicon {
    /// Reads the word lists that the import wrote.
    pub(super) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let products = conn.query_row("SELECT count(*) FROM products", [], |row| row.get(0))?;
        let mut statement = conn.prepare("SELECT word, stem, sound, products, heads FROM words")?;
        let entries: Vec<Entry> = statement
            .query_map([], |row| {
                let (text, sound): (String, String) = (row.get(0)?, row.get(2)?);
                Ok(Entry {
                    letters: letters(&text),
                    chars: text.chars().count(),
                    stem: row.get(1)?,
                    sounds: sound.split(' ').filter(|s| !s.is_empty()).map(str::to_owned).collect(),
                    products: row.get(3)?,
                    heads: row.get(4)?,
                    text,
                })
            })?
            .collect::<rusqlite::Result<_>>()?;
        let mut statement = conn.prepare("SELECT stem, products, named FROM stems")?;
        let stems = statement
            .query_map([], |row| Ok((row.get(0)?, StemCount { products: row.get(1)?, named: row.get(2)? })))?
            .collect::<rusqlite::Result<_>>()?;
        let lengths =
            conn.query_row("SELECT lengths FROM catalog", [], |row| row.get::<_, Option<Json<_>>>(0))?;
        let lengths = lengths.map(|json| json.0).unwrap_or_default();
        let mut statement = conn.prepare("SELECT brand, products FROM brands")?;
        let brands = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let brands = brands.collect::<rusqlite::Result<_>>()?;
        Ok(Self { brands, ..Self::new(products, lengths, entries, stems) })
    }

    fn new(products: u32, lengths: Lengths, entries: Vec<Entry>, stems: HashMap<String, StemCount>) -> Self {
        let by_text = entries.iter().enumerate().map(|(at, entry)| (entry.text.clone(), at)).collect();
        let mut by_sound: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, entry) in entries.iter().enumerate() {
            for sound in &entry.sounds {
                by_sound.entry(sound.clone()).or_default().push(at);
            }
        }
        is_english("", ""); // Reads the word list now, not in a shopper's turn.
        Self { products, lengths, entries, by_text, by_sound, stems, brands: HashMap::new() }
    }

    pub(super) fn lengths(&self) -> &Lengths {
        &self.lengths
    }

    /// In how many products a stem occurs.
    pub(super) fn count(&self, stem: &str) -> StemCount {
        self.stems.get(stem).copied().unwrap_or_default()
    }

    /// Inverse document frequency, 0 to 1: 1 for a word of no product (BM25's
    /// form, Robertson and Zaragoza 2009, divided by its maximum).
    pub(super) fn rarity(&self, stem: &str) -> f64 {
        let idf = |products: u32| {
            let (all, with) = (f64::from(self.products), f64::from(products));
            ((all - with + 0.5).max(0.5) / (with + 0.5)).ln_1p()
        };
        idf(self.count(stem).products) / idf(0)
    }

    /// True when these stems, separated by spaces, are a brand's name and little else:
    /// "Always" in a shop where "always" is mostly an adverb is no brand.
    pub(super) fn is_brand(&self, stems: &str) -> bool {
        let named = stems.split(' ').map(|stem| self.count(stem).named).min().unwrap_or_default();
        self.brands.get(stems).is_some_and(|products| 2 * products >= named)
    }

    /// True when the word, or another of its stem, is in a product's name,
    /// brand, category or traits.
    pub(super) fn names(&self, word: &str, stem: &str) -> bool {
        self.by_text.contains_key(word) || self.count(stem).named > 0
    }

    /// True when the word, or one that it may have been, says what a product is: "milk" of
    /// oat milk.
    pub(super) fn is_head(&self, word: &str, stem: &str) -> bool {
        let heads =
            |text: &str| self.by_text.get(text).and_then(|at| self.entries.get(*at)).map_or(0, |e| e.heads);
        heads(word) > 0
            || heads(stem) > 0
            || (!is_english(word, stem) && self.correct(word).is_some_and(|(text, _)| heads(text) > 0))
    }

    /// The food that a plain word sounds like, if the catalog has it.
    pub(super) fn homophone(&self, word: &str) -> Option<(&str, &str)> {
        let (_, meant) = HOMOPHONES.iter().find(|(heard, _)| *heard == word)?;
        let entry = self.entries.get(*self.by_text.get(*meant)?)?;
        Some((&entry.text, &entry.stem))
    }

    /// Other words for the thing that the phrase `stem` names (one word, or two
    /// side by side), as the catalog's names have them: each word with its stems.
    pub(super) fn same(&self, stem: &str, analyst: &mut Analyst) -> Vec<(&'static str, Vec<String>)> {
        let mut found = Vec::new();
        for line in SAME {
            let mut stems =
                |phrase: &str| phrase.split(' ').map(|word| analyst.stem(word)).collect::<Vec<_>>();
            if !line.iter().any(|phrase| stems(phrase).join(" ") == stem) {
                continue;
            }
            for &phrase in *line {
                let stems = stems(phrase);
                if stems.join(" ") != stem && stems.iter().all(|stem| self.count(stem).named > 0) {
                    found.push((phrase, stems));
                }
            }
        }
        found
    }

    /// The likeliest word of the catalog's names for one that is not there, with
    /// its stem.
    pub(super) fn correct(&self, word: &str) -> Option<(&str, &str)> {
        self.likely(word).into_iter().next()
    }

    /// Words of the catalog's names that `word` may have been, with their stems,
    /// likeliest first: fewest changed letters, same sound first, then the
    /// commoner.
    pub(super) fn likely(&self, word: &str) -> Vec<(&str, &str)> {
        let chars = word.chars().count();
        if !(MIN_CORRECTED..=MAX_CORRECTED).contains(&chars) || word.bytes().any(|b| b.is_ascii_digit()) {
            return Vec::new();
        }
        let spelled = if chars < 7 { 1 } else { 2 };
        let sounded = if chars < 5 { 1 } else { spelled + 1 };
        let mask = letters(word);
        let own_sounds = sounds(word);
        let alike: HashSet<usize> =
            own_sounds.iter().filter_map(|sound| self.by_sound.get(sound)).flatten().copied().collect();
        let first = word.chars().next();
        let mut found: Vec<(f64, &Entry)> = Vec::new();
        for (at, entry) in self.entries.iter().enumerate() {
            let is_alike = alike.contains(&at);
            let limit = if is_alike { sounded } else { spelled };
            // Each change alters at most two letters of the set.
            let differs = (entry.letters ^ mask).count_ones() as usize;
            if entry.chars < MIN_PART || entry.chars.abs_diff(chars) > limit || differs > 2 * limit {
                continue;
            }
            if !is_alike && entry.text.chars().next() != first {
                continue;
            }
            let distance = damerau_levenshtein(word, &entry.text);
            if distance <= limit {
                // Distances stay below 4, where f64 is exact.
                #[allow(clippy::cast_precision_loss)]
                let cost = distance as f64
                    - if is_alike { ALIKE } else { 0.0 }
                    - f64::from(entry.products + 2 * entry.heads).ln_1p() * COMMON;
                found.push((cost, entry));
            }
        }
        found.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        found.truncate(MAX_LIKELY);
        found.into_iter().map(|(_, entry)| (entry.text.as_str(), entry.stem.as_str())).collect()
    }

    /// Two words of names that make up `word` ("oatmilk"), the pair whose rarer
    /// part is the commonest.
    pub(super) fn split<'a>(&self, word: &'a str) -> Option<(&'a str, &'a str)> {
        let common = |part: &str| {
            let long = part.chars().count() >= MIN_PART;
            self.by_text.get(part).and_then(|at| self.entries.get(*at)).filter(|_| long).map(|e| e.products)
        };
        let cuts = word.char_indices().skip(MIN_PART).map(|(at, _)| word.split_at(at));
        let pairs = cuts.filter_map(|(a, b)| Some((common(a)?.min(common(b)?), (a, b))));
        pairs.max_by_key(|(products, _)| *products).map(|(_, pair)| pair)
    }
}

/// True for a plain English word: what was written is what was meant.
pub(super) fn is_english(word: &str, stem: &str) -> bool {
    static STEMS: OnceLock<HashSet<String>> = OnceLock::new();
    let stems = STEMS.get_or_init(|| {
        let mut analyst = Analyst::default();
        let words = ENGLISH.lines().filter(|line| !line.starts_with('#'));
        words.flat_map(|word| [word.to_owned(), analyst.stem(word)]).collect()
    });
    stems.contains(stem) || stems.contains(word)
}

/// How a word may sound: its double metaphone codes (Philips 2000), longest
/// first eight sounds; none for a word without consonants or with digits.
pub(super) fn sounds(word: &str) -> Vec<String> {
    if word.len() < MIN_PART || !word.chars().all(|c| c.is_ascii_alphabetic()) {
        return Vec::new();
    }
    let coder = DoubleMetaphone::new(Some(8));
    let code = coder.double_metaphone(word);
    let mut codes = vec![code.primary()];
    if code.alternate() != code.primary() {
        codes.push(code.alternate());
    }
    codes.retain(|code| !code.is_empty());
    codes
}

/// The set of a word's letters, one bit each; all others share a bit.
fn letters(word: &str) -> u32 {
    word.bytes()
        .fold(0, |set, byte| set | 1 << if byte.is_ascii_lowercase() { u32::from(byte - b'a') } else { 26 })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::store::analysis::Tally;

    /// The lexicon of products with these titles.
    pub(in crate::store) fn of(titles: &[&str]) -> Lexicon {
        let mut tally = Tally::default();
        for title in titles {
            let json = serde_json::json!({"sku": "A", "title": title});
            tally.add(&serde_json::from_value(json).unwrap());
        }
        let entry = |(text, count): (String, crate::store::analysis::WordCount)| Entry {
            letters: letters(&text),
            chars: text.chars().count(),
            sounds: sounds(&text),
            stem: count.stem,
            products: count.products,
            heads: count.heads,
            text,
        };
        let products = u32::try_from(titles.len()).unwrap();
        Lexicon::new(products, Lengths::default(), tally.words.into_iter().map(entry).collect(), tally.stems)
    }

    #[test]
    fn misspellings_are_corrected_towards_names() {
        let lexicon = of(&["Broccoli", "Avocado", "Lamb Chops", "Feta", "Cherry Tomatoes", "Oat Milk"]);
        let correct = |word| lexicon.correct(word).map(|(text, _)| text);
        assert_eq!(correct("brockoli"), Some("broccoli"));
        assert_eq!(correct("avacado"), Some("avocado"));
        assert_eq!(correct("tomatos"), Some("tomatoes"));
        assert_eq!(correct("xylophone"), None);
        assert_eq!(correct("fta"), None, "too short");
        assert_eq!(correct("chops2"), None, "numbers are meant");
        assert_eq!(lexicon.split("oatmilk"), Some(("oat", "milk")));
        assert_eq!(lexicon.split("milkoat!"), None);
    }

    #[test]
    fn plain_words_are_known() {
        for word in ["lamp", "charger", "tires", "boots"] {
            assert!(is_english(word, &Analyst::default().stem(word)), "{word}");
        }
        assert!(!is_english("brockoli", "brockoli"));
        assert_eq!(of(&["Flour"]).homophone("flower").map(|(text, _)| text), Some("flour"));
        assert_eq!(of(&["Bread"]).homophone("flower"), None);
    }

    #[test]
    fn rare_words_weigh_more() {
        let lexicon = of(&["Whole Milk", "Oat Milk", "Milk", "Bread"]);
        assert!(lexicon.rarity("milk") < lexicon.rarity("oat"));
        assert!(lexicon.rarity("oat") < lexicon.rarity("unknown"));
        assert!((lexicon.rarity("unknown") - 1.0).abs() < 1e-9);
    }
}
