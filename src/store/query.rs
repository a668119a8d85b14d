//! What a shopper's words ask for: content words with their weight, the head
//! noun, and for each word the ways it may be read (as written, corrected,
//! joined, split). Pure; any text is a query, none is an error.

use super::lexicon::{Lexicon, is_english};
use super::words::{Analyst, Word, heads, is_cut, is_form};
use std::collections::BTreeSet;

/// Words kept of a query; the first ones carry the meaning.
const MAX_TERMS: usize = 24;

/// Polite shells around what is asked for, without apostrophes.
#[rustfmt::skip]
const SHELLS: &[&str] = &[
    "do you have any", "do you have some", "do you have", "do you sell any", "do you sell",
    "do you carry any", "do you carry", "do you stock", "have you got any", "have you got", "you got any",
    "got any", "i am looking for", "im looking for", "i m looking for", "we are looking for", "looking for",
    "searching for", "where can i find", "where could i find", "where do i find", "where do you keep",
    "where do you have", "where would i find", "where is", "where are", "wheres", "can i get", "could i get",
    "may i have", "can i have", "could i have", "can you show me", "show me", "i would like", "id like",
    "i want to buy", "i want", "i need", "we need", "i d like", "help me find", "give me", "get me",
    "tell me about", "is there any", "is there", "are there any", "are there", "how much is", "how much are",
    "how much does", "how much do", "what is the price of", "what does", "price of", "what kind of",
    "which kind of", "something for", "anything for", "something to", "something with", "some kind of",
    "do you know where", "in stock", "in the store", "in your store", "in this store", "right now",
    "thank you", "excuse me", "what is", "what are", "i am", "im", "on sale", "add to my", "my list",
    "to my cart",
];

/// Words that name nothing a shop sells.
#[rustfmt::skip]
const STOP: &[&str] = &[
    "a", "an", "the", "some", "any", "and", "or", "of", "to", "is", "are", "was", "be", "do", "does", "did",
    "you", "your", "yours", "we", "our", "us", "my", "me", "i", "im", "id", "ill", "ive", "it", "its", "this",
    "that", "these", "those", "there", "here", "what", "which", "who", "where", "when", "how", "much", "many",
    "can", "could", "would", "will", "shall", "should", "have", "has", "had", "got", "get", "need", "want",
    "wanna", "like", "looking", "look", "find", "show", "tell", "sell", "carry", "buy", "please", "thanks",
    "hello", "hi", "hey", "kind", "kinds", "sort", "type", "stuff", "thing", "things", "something",
    "anything", "one", "ones", "just", "also", "too", "um", "uh", "er", "oh", "ok", "okay", "so", "well",
    "then", "than", "as", "if", "but", "about", "cost", "costs", "price", "aisle", "shelf", "store", "shop",
    "he", "she", "they", "them", "his", "her", "their", "am", "been", "dont", "not", "no", "more", "other",
    "another", "all", "let", "lets", "yes", "maybe", "really", "dozen", "couple", "bit", "lot", "lots", "few",
];

/// Words of taste that few labels state; they never decide.
#[rustfmt::skip]
const SOFT: &[&str] = &[
    "good", "best", "better", "nice", "great", "cheap", "cheapest", "cheaper", "tasty", "yummy", "delicious",
    "favorite", "favourite", "new", "popular", "quality", "really", "very", "affordable", "big", "bigger",
    "large", "largest", "small", "smaller", "little", "fresh", "regular", "normal", "real", "quick", "easy",
    "healthy", "local", "perfect", "suitable", "today", "tonight", "tomorrow",
];

/// Colours, stemmed. What has another colour, or none that is stated, is another thing:
/// nobody who asks for red wine wants white.
#[rustfmt::skip]
const COLOURS: &[&str] = &[
    "black", "white", "red", "green", "blue", "yellow", "orang", "purpl", "violet", "pink", "brown", "gray",
    "silver", "gold", "golden", "beig", "turquois", "ivori", "crimson", "magenta", "cyan", "teal", "maroon",
];

/// Longest brand looked for, in words.
const MAX_BRAND: usize = 4;

/// Weights by role; a head noun says most.
const HEAD: f64 = 1.3;
const MODIFIER: f64 = 1.0;
const SOFTENED: f64 = 0.2;
/// How well a reading stands for the word as written.
const JOINED: f64 = 0.98;
const SPLIT: f64 = 0.95;
const CORRECTED: f64 = 0.85;
const SAME: f64 = 0.9;

#[derive(Debug, Default)]
pub(super) struct Query {
    /// What is asked for, without polite shells and as it was meant, for those who
    /// go by meaning.
    pub text: String,
    pub terms: Vec<Term>,
}

/// A content word.
#[derive(Debug)]
pub(super) struct Term {
    /// Role times rarity; greater than 0.
    pub weight: f64,
    pub is_head: bool,
    /// Sizes and words of taste need not match.
    pub is_required: bool,
    pub is_size: bool,
    /// Tells things of one kind apart, a brand or a colour beside the head noun: what
    /// does not have it is another thing.
    pub is_mark: bool,
    /// The stem it must directly follow: the name that a number belongs to.
    pub follows: Option<String>,
    /// As written first, unless a neighbour says that another is meant.
    pub readings: Vec<Reading>,
    /// The first reading that the catalog knows: the one the shopper means.
    pub meant: usize,
}

/// A way to read a word: all these stems.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    pub stems: Vec<String>,
    /// Of each stem, 0 to 1, as the lexicon has it.
    pub rarity: Vec<f64>,
    /// 0 to 1.
    pub quality: f64,
    /// The catalog's word that stands for the shopper's.
    pub corrected: Option<String>,
}

impl Reading {
    fn new(stems: Vec<String>, quality: f64, corrected: Option<&str>) -> Self {
        Self { stems, rarity: Vec::new(), quality, corrected: corrected.map(str::to_owned) }
    }
}

impl Query {
    /// Reads a query; without content words it has no terms. `is_phrase` tells
    /// whether two stems stand side by side in a name of the catalog.
    pub(super) fn parse(text: &str, lexicon: &Lexicon, is_phrase: &dyn Fn(&str, &str) -> bool) -> Self {
        let mut analyst = Analyst::default();
        let words = without_shells(analyst.words(text));
        let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        let mut spoken = roles(words);
        spoken.truncate(MAX_TERMS);
        let mut readings: Vec<Vec<Reading>> =
            (0..spoken.len()).map(|at| readings(&spoken, at, lexicon, is_phrase, &mut analyst)).collect();
        for reading in readings.iter_mut().flatten() {
            reading.rarity = reading.stems.iter().map(|stem| lexicon.rarity(stem)).collect();
        }
        let meant: Vec<usize> = readings
            .iter()
            .map(|all| all.iter().position(|reading| reading_known(reading, lexicon)).unwrap_or_default())
            .collect();
        let marks = marks(&spoken, &readings, &meant, lexicon);
        let rewritten = readings.iter().zip(&meant).map(|(all, at)| all.get(*at)?.corrected.as_deref());
        let rewritten: Vec<Option<&str>> = rewritten.collect();
        let text = if rewritten.iter().all(Option::is_none) {
            text
        } else {
            let words = spoken.iter().zip(&rewritten).map(|(spoken, new)| new.unwrap_or(&spoken.word.text));
            words.collect::<Vec<_>>().join(" ")
        };
        let terms = spoken.into_iter().zip(readings).zip(meant).zip(marks);
        let terms = terms.map(|(((spoken, readings), meant), is_mark)| {
            let rarity = readings
                .iter()
                .map(|reading| reading.rarity.iter().copied().fold(0.0, f64::max))
                .fold(1.0, f64::min);
            // A word about the use ("for my grandson") that no product knows
            // cannot tell products apart.
            let unknown = spoken.is_context && readings.iter().all(|r| !reading_known(r, lexicon));
            let role = if unknown { SOFTENED } else { spoken.role };
            Term {
                weight: role * (0.5 + 0.5 * rarity),
                is_head: spoken.is_head,
                is_required: spoken.role > SOFTENED && !unknown,
                is_size: spoken.word.is_size,
                is_mark,
                follows: spoken.follows,
                meant,
                readings,
            }
        });
        Self { text, terms: terms.collect() }
    }
}

/// The stems, as written, of the words that say what is asked for: without shells, sizes and
/// words of taste or use.
pub(super) fn wanted(text: &str) -> BTreeSet<String> {
    let spoken = roles(without_shells(Analyst::default().words(text)));
    let says = |one: &Spoken| one.role > SOFTENED && !one.is_context;
    spoken.into_iter().filter(says).take(MAX_TERMS).map(|one| one.word.stem).collect()
}

/// Which words are a brand or a colour that goes with a head noun.
fn marks(spoken: &[Spoken], readings: &[Vec<Reading>], meant: &[usize], lexicon: &Lexicon) -> Vec<bool> {
    let stems: Vec<String> = readings
        .iter()
        .zip(meant)
        .map(|(all, at)| all.get(*at).map(|reading| reading.stems.join(" ")).unwrap_or_default())
        .collect();
    let is_beside = |at: usize| spoken.get(at).is_some_and(|s| !s.is_head && !s.word.is_size);
    let has_head = spoken.iter().any(|s| s.is_head);
    let mut marks: Vec<bool> = (0..spoken.len())
        .map(|at| has_head && is_beside(at) && stems.get(at).is_some_and(|s| COLOURS.contains(&s.as_str())))
        .collect();
    for length in 1..=MAX_BRAND.min(stems.len()) {
        for (first, words) in stems.windows(length).enumerate() {
            let place = first..first + length;
            if has_head && place.clone().all(is_beside) && lexicon.is_brand(&words.join(" ")) {
                marks.iter_mut().skip(first).take(length).for_each(|mark| *mark = true);
            }
        }
    }
    marks
}

fn reading_known(reading: &Reading, lexicon: &Lexicon) -> bool {
    reading.stems.iter().all(|stem| lexicon.count(stem).products > 0)
}

/// A content word with its role.
struct Spoken {
    word: Word,
    role: f64,
    is_head: bool,
    /// Stands after "for", "with", "in".
    is_context: bool,
    /// Directly follows the one before it.
    is_adjacent: bool,
    /// The stem before it, for a number that belongs to a name.
    follows: Option<String>,
}

/// Drops polite shells, longest first, wherever they stand.
fn without_shells(words: Vec<Word>) -> Vec<Word> {
    let mut kept: Vec<Word> = Vec::with_capacity(words.len());
    let mut rest = words.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let starts = |shell: &&&str| {
            let mut parts = shell.split(' ');
            let mut heard = rest.iter().map(|word| word.text.as_str());
            parts.all(|part| heard.next() == Some(part))
        };
        let shell = SHELLS.iter().filter(starts).map(|shell| shell.split(' ').count()).max();
        if let Some(length) = shell {
            rest = rest.get(length..).unwrap_or_default();
        } else {
            kept.push(first.clone());
            rest = after;
        }
    }
    kept
}

/// The words of `words` that name something in the catalog, in order: runs of the words
/// of its names, where one of them says what a product is.
pub(super) fn named(lexicon: &Lexicon, words: &[String]) -> Vec<String> {
    let mut analyst = Analyst::default();
    let is_name = |word: &String, analyst: &mut Analyst| {
        !STOP.contains(&word.as_str())
            && !is_cut(word)
            && (lexicon.names(word, &analyst.stem(word))
                || lexicon.correct(word).is_some() && !is_english(word, &analyst.stem(word)))
    };
    let known: Vec<bool> = words.iter().map(|word| is_name(word, &mut analyst)).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let count = known[at..].iter().take_while(|known| **known).count();
        let run = &words[at..at + count];
        if run.iter().any(|word| lexicon.is_head(word, &analyst.stem(word))) {
            found.extend_from_slice(run);
        }
        at += count + 1;
    }
    found
}

/// Drops stop words and containers ("a bottle of water" asks for water), tells
/// the head noun and what stands after a preposition.
fn roles(words: Vec<Word>) -> Vec<Spoken> {
    let is_stop = |word: &Word| STOP.contains(&word.text.as_str());
    let mut spoken: Vec<Spoken> = Vec::new();
    let (mut context, mut negated, mut gap) = (None, false, true);
    for (at, word) in words.iter().enumerate() {
        let text = word.text.as_str();
        let has_content = spoken.iter().any(|s| !s.word.is_size);
        if is_cut(text) {
            if has_content {
                negated = text == "without";
                context = Some(match text {
                    "with" => 0.8,
                    "for" => 0.6,
                    _ => 0.5,
                });
            }
            gap = true;
            continue;
        }
        let contains = is_form(text) && words.get(at + 1).is_some_and(|next| next.text == "of");
        if contains || is_stop(word) || negated {
            gap = true;
            continue;
        }
        // "PlayStation 4", "TN-2110": a number after a name belongs to it; one
        // before it ("6 eggs") says how many.
        let is_model = has_content && !gap && text.bytes().all(|byte| byte.is_ascii_digit());
        let word = &Word { is_size: word.is_size && !is_model, ..word.clone() };
        let soft = word.is_size || SOFT.contains(&text);
        let role = if soft { SOFTENED } else { context.unwrap_or(MODIFIER) };
        spoken.push(Spoken {
            word: word.clone(),
            role,
            is_head: false,
            is_context: context.is_some(),
            is_adjacent: !gap,
            follows: spoken.last().filter(|_| is_model).map(|before| before.word.stem.clone()),
        });
        gap = false;
    }
    let main: Vec<Word> = spoken
        .iter()
        .take_while(|s| !s.is_context)
        .map(|s| Word { opens: false, ..s.word.clone() })
        .collect();
    let named: Vec<String> = heads(&main).into_iter().map(|word| word.text.clone()).collect();
    for one in spoken.iter_mut().filter(|s| !s.is_context && named.contains(&s.word.text)) {
        one.is_head = true;
        one.role = HEAD;
    }
    spoken
}

/// The ways to read the word at `at`, as written first.
fn readings(
    spoken: &[Spoken],
    at: usize,
    lexicon: &Lexicon,
    is_phrase: &dyn Fn(&str, &str) -> bool,
    analyst: &mut Analyst,
) -> Vec<Reading> {
    let Some(Spoken { word, .. }) = spoken.get(at) else {
        return Vec::new();
    };
    let mut readings = vec![Reading::new(vec![word.stem.clone()], 1.0, None)];
    if word.is_size {
        return readings;
    }
    let known = lexicon.names(&word.text, &word.stem);
    let pairs = [(at.checked_sub(1), at), (Some(at), at + 1)];
    for (first, second) in pairs {
        let pair = first.and_then(|first| Some((spoken.get(first)?, spoken.get(second)?)));
        let Some((a, b)) = pair.filter(|(_, b)| b.is_adjacent && !b.word.is_size) else {
            continue;
        };
        if a.word.is_size {
            // "7 up": how many it is, unless the shop writes both in one.
            let joined = format!("{}{}", a.word.text, b.word.text);
            if lexicon.names(&joined, &joined) {
                readings.iter_mut().for_each(|reading| reading.quality *= SPLIT);
                readings.insert(0, Reading::new(vec![joined], 1.0, None));
            }
            continue;
        }
        let both = format!("{} {}", a.word.stem, b.word.stem);
        readings.extend(same(lexicon, &both, analyst));
        let joined = format!("{}{}", a.word.text, b.word.text);
        let stem = analyst.stem(&joined);
        if lexicon.names(&joined, &stem) {
            readings.push(Reading::new(vec![stem], JOINED, None));
        } else if !lexicon.names(&a.word.text, &a.word.stem) || !lexicon.names(&b.word.text, &b.word.stem) {
            // "brock oli": neither half need be a word of the catalog.
            if let Some(reading) = corrected(lexicon.correct(&joined)) {
                readings.push(reading);
            }
        }
    }
    // A plain word is another one where its neighbour says so ("cheery
    // tomatoes"), even if the shop has the plain one too ("purpose flower").
    let before = at.checked_sub(1).and_then(|at| spoken.get(at)).map(|s| s.word.stem.as_str());
    let after = spoken.get(at + 1).map(|s| s.word.stem.as_str());
    let fits = |stem: &str| {
        before.is_some_and(|before| is_phrase(before, stem))
            || after.is_some_and(|after| is_phrase(stem, after))
    };
    if known && let Some(homophone) = lexicon.homophone(&word.text).filter(|(_, stem)| fits(stem)) {
        readings.extend(corrected(Some(homophone)));
        readings.rotate_right(1);
        return readings;
    }
    let others = same(lexicon, &word.stem, analyst);
    if known || !others.is_empty() {
        readings.extend(others);
        return readings;
    }
    if let Some((a, b)) = lexicon.split(&word.text) {
        let stems = vec![analyst.stem(a), analyst.stem(b)];
        readings.push(Reading::new(stems, SPLIT, None));
    } else if let Some(reading) = corrected(lexicon.homophone(&word.text)) {
        readings.push(reading);
    } else if readings.len() == 1 {
        let likely = if is_english(&word.text, &word.stem) {
            lexicon.likely(&word.text).into_iter().find(|(_, stem)| fits(stem))
        } else {
            lexicon.correct(&word.text)
        };
        readings.extend(corrected(likely));
    }
    readings
}

/// The catalog's own words for what a word or a pair of words names.
fn same(lexicon: &Lexicon, stem: &str, analyst: &mut Analyst) -> Vec<Reading> {
    let others = lexicon.same(stem, analyst).into_iter();
    others.map(|(word, stems)| Reading::new(stems, SAME, Some(word))).collect()
}

fn corrected(found: Option<(&str, &str)>) -> Option<Reading> {
    found.map(|(text, stem)| Reading::new(vec![stem.to_owned()], CORRECTED, Some(text)))
}

#[cfg(test)]
mod tests {
    use super::super::lexicon::tests::of;
    use super::*;

    /// The query's words as they are read first, the head noun in capitals, what
    /// need not match in brackets.
    fn read(text: &str) -> Vec<String> {
        let lexicon = of(&["Oat Milk 1 L", "Tuna in Water", "Cat Food", "Bread"]);
        let query = Query::parse(text, &lexicon, &|_, _| false);
        let show = |term: Term| {
            let word = term.readings[0].stems.join(" ");
            let word = if term.is_head { word.to_uppercase() } else { word };
            if term.is_required { word } else { format!("[{word}]") }
        };
        query.terms.into_iter().map(show).collect()
    }

    #[test]
    fn shells_containers_and_sizes_are_told_from_content() {
        assert_eq!(read("Do you have any oat milk, please?"), ["oat", "MILK"]);
        assert_eq!(read("I'm looking for 2 liters of milk"), ["[2l]", "MILK"]);
        assert_eq!(read("a bottle of water"), ["WATER"]);
        assert_eq!(read("bread gluten free"), ["BREAD", "gluten", "free"]);
        assert_eq!(read("food for my cat"), ["FOOD", "cat"]);
        assert_eq!(read("food for my grandson"), ["FOOD", "[grandson]"]);
        assert_eq!(read("bread without seeds"), ["BREAD"]);
        assert_eq!(read("the best bread"), ["[best]", "BREAD"]);
        assert_eq!(read("where is the"), [""; 0]);
    }

    #[test]
    fn a_word_is_read_in_several_ways() {
        let lexicon = of(&["Watermelon", "Oat Milk"]);
        let readings = |text: &str| -> Vec<Vec<String>> {
            let query = Query::parse(text, &lexicon, &|_, _| false);
            query.terms[0].readings.iter().map(|reading| reading.stems.clone()).collect()
        };
        assert_eq!(readings("water melon"), [["water"], ["watermelon"]]);
        assert_eq!(readings("oatmilk"), [vec!["oatmilk"], vec!["oat", "milk"]]);
        assert_eq!(readings("watermellon"), [["watermellon"], ["watermelon"]]);
    }
}
