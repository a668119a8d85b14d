//! What a sentence is about: the product it names or points at, and the items of an
//! enumeration. Never decides what is done with them.

use crate::dialog::constraint::take_constraints;
use crate::dialog::context::{Context, Known};
use crate::dialog::refer::{kind, pointed_at};
use crate::dialog::size::take_size;
use crate::dialog::tool::{Constraints, ListItem, Subject};
use crate::dialog::words::{Amount, amount, number, words};
use regex_lite::{Captures, Regex};
use std::sync::LazyLock;

/// A sentence shape, and the tool call that it makes.
pub(super) struct Rule<T> {
    pub pattern: Regex,
    pub build: fn(&Captures<'_>, &Context) -> Option<T>,
}

// The patterns are constants of this folder; a test compiles all of them.
#[allow(clippy::expect_used)]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a rule's pattern is valid")
}

pub(super) fn rule<T>(text: &str, build: fn(&Captures<'_>, &Context) -> Option<T>) -> Rule<T> {
    Rule { pattern: pattern(text), build }
}

/// The first of `rules` that fits.
pub(super) fn first<T>(rules: &[Rule<T>], text: &str, context: &Context) -> Option<T> {
    rules.iter().find_map(|rule| (rule.build)(&rule.pattern.captures(text)?, context))
}

/// The words of a text whose words stand between spaces.
pub(super) fn split_words(text: &str) -> Vec<String> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Words that ask to have something, before what it is.
pub(super) static TAKING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:(?:yes|yeah|okay|ok|great|fine|well|then|so|and|also|actually|just|no|please|perfect|alright|nah) )*(?:(?:i|we) (?:will need|will|would like to|would like|want to|want|need|guess i will)(?: just)?(?: (?:take|have|get|go for|go with|go|buy|grab|try|stick with|also))*|(?:i|we) would rather have|(?:give|get|grab|pass) (?:me|us)|let (?:me|us) (?:have|get|take|try)|(?:can|could|may) (?:i|we) (?:please )?(?:have|get|take|order|buy)|i am (?:going|gonna) (?:to )?(?:take|have|get|go for|go with)|take|plus)(?: (?:just|also|only|then|please))* ",
    )
});

/// Packs and measures that are said of a product without naming it.
const MEASURES: &[&str] = &[
    "pack",
    "packs",
    "packet",
    "packets",
    "bottle",
    "bottles",
    "can",
    "cans",
    "box",
    "boxes",
    "bag",
    "bags",
    "jar",
    "jars",
    "loaf",
    "loaves",
    "carton",
    "cartons",
    "tub",
    "tubs",
    "tin",
    "tins",
    "bunch",
    "bunches",
    "piece",
    "pieces",
    "bulb",
    "bulbs",
    "head",
    "heads",
    "cup",
    "cups",
    "roll",
    "rolls",
    "slice",
    "slices",
    "tube",
    "tubes",
    "bar",
    "bars",
    "unit",
    "units",
    "sixpack",
    "crate",
    "crates",
    "case",
    "cases",
    "portion",
    "portions",
    "stick",
    "sticks",
    "cartonful",
];

/// True for a word that counts packs: "jars".
pub(super) fn is_measure(word: &str) -> bool {
    MEASURES.contains(&word)
}

/// Small words around what is searched for.
const EDGES: &[&str] = &[
    "that",
    "is",
    "are",
    "the",
    "a",
    "an",
    "some",
    "any",
    "your",
    "for",
    "with",
    "which",
    "something",
    "my",
    "those",
    "these",
    "of",
    "me",
    "like",
    "maybe",
    "just",
    "also",
    "again",
    "there",
    "our",
    "this",
    "to",
    "and",
];

/// `query` with its constraints and the small words at its edges taken off.
pub(super) fn split(query: &str) -> (String, Constraints) {
    let query = RELATIVE.replace(query, "");
    let mut words = split_words(&query);
    let mut said = words.clone();
    trim(&mut said);
    let mut constraints = take_constraints(&mut words);
    trim(&mut words);
    if words != said {
        constraints.said = said.join(" ");
    }
    for own in [&["store", "brand"][..], &["own", "brand"], &["house", "brand"]] {
        if let Some(at) = words.windows(own.len()).position(|run| run.iter().zip(own).all(|(a, b)| a == b)) {
            words.drain(at..at + own.len());
        }
    }
    (words.join(" "), constraints)
}

/// What somebody does with it: "a milk she can drink", "bread that they can eat".
static RELATIVE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r" (?:that |which )?(?:(?:can|could|may) )?(?:i|she|he|we|they|you|somebody|someone)(?: (?:can|could|might|would|may))? (?:eat|drink|have|use|try|like|take)(?: too| as well| safely)?$",
    )
});

/// Takes the small words off the edges.
pub(super) fn trim(words: &mut Vec<String>) {
    while words.last().is_some_and(|w| EDGES.contains(&w.as_str())) {
        words.pop();
    }
    let lead = words.iter().take_while(|w| EDGES.contains(&w.as_str())).count();
    words.drain(..lead);
}

/// Names that hold an "and".
const PAIRED: &[&str] = &[
    "mac and cheese",
    "macaroni and cheese",
    "half and half",
    "salt and vinegar",
    "salt and pepper",
    "sweet and sour",
    "oil and vinegar",
    "cookies and cream",
    "fish and chips",
    "black and white",
    "sour cream and onion",
    "oat and honey",
    "peanut butter and jelly",
    "pork and beans",
    "rice and beans",
    "bread and butter",
    "date and cocoa",
];

/// The products that `text` names or points at.
pub(super) fn subject(text: &str, context: &Context) -> Option<Subject> {
    // "Is it gluten free to": a slip for "too".
    let text = text.trim();
    let text = text.strip_suffix(" to").unwrap_or(text);
    if let Some(subject) = pointed_at(text, context) {
        return Some(subject);
    }
    let is_name = PAIRED.iter().any(|name| text.contains(name));
    let parts: Vec<&str> = if is_name { vec![text] } else { text.split(" and ").collect() };
    let subjects: Vec<Subject> = parts.iter().filter_map(|part| one(part, context)).collect();
    Subject::of(subjects)
}

fn one(text: &str, context: &Context) -> Option<Subject> {
    if let Some(subject) = pointed_at(text, context) {
        return Some(subject);
    }
    // "A pack of those".
    let bare = text.trim_start_matches("a ").trim_start_matches("one ");
    if let Some((measure, rest)) = bare.split_once(" of ")
        && is_measure(measure)
        && let Some(subject) = pointed_at(rest, context)
    {
        return Some(subject);
    }
    // "A pack" of what is spoken of.
    let said: Vec<&str> = text.split(' ').filter(|word| number(word).is_none() && *word != "the").collect();
    if said.len() == 1
        && is_measure(said[0])
        && let Some(focus) = context.focus()
    {
        return Some(focus);
    }
    named(text, context)
}

/// What is named, where nothing is pointed at.
fn named(text: &str, context: &Context) -> Option<Subject> {
    let (query, constraints) = split(text);
    // "Half a gallon", of what is spoken of.
    if query.is_empty()
        && constraints.size.is_some()
        && let Some(query) =
            context.focused().and_then(|known| kind(&known.product)).or_else(|| of_what(context))
    {
        return Some(Subject::Query { query, constraints });
    }
    let words: Vec<&str> = query
        .split(' ')
        .filter(|word| !matches!(*word, "one" | "ones" | "normal" | "regular" | "plain" | "ordinary"))
        .collect();
    // "The gluten free one": of what was searched, where no card is it.
    if query.split(' ').any(|word| word == "one" || word == "ones")
        && let Some(known) = of_what(context)
    {
        let named = words.join(" ");
        let query = if named.is_empty() { known } else { format!("{named} {known}") };
        return Some(Subject::Query { query, constraints });
    }
    (!query.is_empty()).then_some(Subject::Query { query, constraints })
}

/// What "one" stands for: what is spoken of, else what was searched for.
pub(super) fn of_what(context: &Context) -> Option<String> {
    let searched = || context.search().map(|search| search.query.clone()).filter(|query| !query.is_empty());
    match context.topic.as_ref() {
        Some(Subject::Query { query, .. }) => Some(query.clone()),
        _ => searched().or_else(|| context.focused().map(described)),
    }
}

/// What a product is, in its title's words, without brand and size.
pub(super) fn described(known: &Known) -> String {
    let product = &known.product;
    let brand = product.brand.as_deref().map(words).unwrap_or_default();
    let title = words(&product.label());
    let named = title.strip_prefix(brand.as_slice()).unwrap_or(&title);
    let kind: Vec<&str> = named
        .iter()
        .map(String::as_str)
        .take_while(|word| !word.chars().any(|c| c.is_ascii_digit()))
        .collect();
    kind[kind.len().saturating_sub(2)..].join(" ")
}

/// One part of an enumeration.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub amount: Option<Amount>,
    /// Packs were named, or the amount stood by itself: no part of a name.
    pub is_counted: bool,
    /// "A red onion": one, where others are counted.
    pub has_article: bool,
    /// The words after the amount and its measure; empty: "two packs".
    pub name: String,
}

/// The items that `runs` enumerate: "two apples, a loaf of bread and milk", "your
/// spaghetti, one pack".
pub(super) fn items(runs: &[Vec<String>]) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for run in runs {
        if matches!(run.join(" ").as_str(), "thank you" | "thanks" | "please" | "cheers" | "okay") {
            continue;
        }
        // "Salted pretzels, the Brookmill ones": what sets it off comes after a pause.
        if let (Some(last), Some((first, [middle @ .., end]))) = (items.last_mut(), run.split_first())
            && first == "the"
            && (end == "one" || end == "ones")
            && !middle.is_empty()
            && last.amount.is_none()
        {
            last.name = format!("{} {}", middle.join(" "), last.name);
            continue;
        }
        // "The buns, the eight pack": its size comes after a pause.
        if let Some(last) = items.last_mut()
            && is_size(run)
        {
            last.name = format!("{} {}", last.name, run[1..].join(" "));
            continue;
        }
        for part in parts(run) {
            let item = item(&part);
            // "The candles and the matches, one of each."
            if item.name == "each" && item.amount.is_some() && !items.is_empty() {
                for own in &mut items {
                    own.amount = item.amount;
                    own.is_counted = true;
                }
                continue;
            }
            match items.last_mut() {
                // "..., just one": of what was named before.
                Some(last)
                    if last.amount.is_none()
                        && item.amount.is_some()
                        && matches!(item.name.as_str(), "" | "them" | "those" | "of them") =>
                {
                    last.amount = item.amount;
                    last.is_counted = true;
                }
                _ if item.name.is_empty() && item.amount.is_none() => {}
                _ => items.push(item),
            }
        }
    }
    items
}

/// True for "the eight pack", "the two liter".
fn is_size(run: &[String]) -> bool {
    let mut rest = run.to_vec();
    run.first().is_some_and(|word| word == "the") && take_size(&mut rest).is_some() && rest.len() == 1
}

fn parts(run: &[String]) -> Vec<Vec<String>> {
    let sentence = run.join(" ");
    if PAIRED.iter().any(|name| sentence.contains(name)) {
        return vec![run.to_vec()];
    }
    let mut parts: Vec<Vec<String>> = vec![Vec::new()];
    for (at, word) in run.iter().enumerate() {
        let next_but_one = run.get(at + 2).map_or("", String::as_str);
        let is_number = at > 0
            && at + 1 < run.len()
            && (matches!(run[at - 1].as_str(), "hundred" | "thousand")
                || (matches!(next_but_one, "half" | "quarter") && number(&run[at - 1]).is_some()));
        if matches!(word.as_str(), "and" | "plus") && !is_number {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(word.clone());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Words that may stand before an item or behind it, and mean nothing there.
const AROUND: &[&str] = &[
    "just", "only", "also", "then", "please", "too", "now", "maybe", "some", "the", "your", "those", "these",
    "of", "more", "as", "well", "instead", "that", "my", "actually", "okay", "get", "me", "make",
];

/// What may stand behind an item and mean nothing there.
const ENDS: &[&[&str]] = &[
    &["for", "me"],
    &["will", "do"],
    &["is", "plenty"],
    &["is", "enough"],
    &["are", "plenty"],
    &["are", "enough"],
    &["for", "now"],
    &["anyway"],
    &["after", "all"],
    &["for", "the", "list"],
    &["for", "my", "list"],
];

fn item(part: &[String]) -> Item {
    let mut words = part.to_vec();
    for end in ENDS {
        let from = words.len().saturating_sub(end.len());
        if from > 0 && words[from..].iter().zip(*end).all(|(a, b)| a == b) {
            words.truncate(from);
        }
    }
    while words
        .last()
        .is_some_and(|w| matches!(w.as_str(), "then" | "please" | "too" | "well" | "as" | "instead" | "now"))
    {
        words.pop();
    }
    let lead = words
        .iter()
        .take_while(|w| {
            matches!(w.as_str(), "just" | "only" | "also" | "then" | "maybe" | "actually" | "get" | "me")
        })
        .count();
    words.drain(..lead);
    // "All five": a number after all.
    if words.first().is_some_and(|word| word == "all") && amount(&words, 1).is_some() {
        words.remove(0);
    }
    let mut found = amount(&words, 0);
    // "Two percent milk" and "a six pack" count nothing.
    if let Some((_, used)) = found
        && is_unit(words.get(used).map_or("", String::as_str))
        && !(words[used] == "pack" && found.is_some_and(|(amount, _)| amount == Amount::Pieces(1)))
    {
        found = None;
    }
    let is_article = words.first().is_some_and(|word| word == "a" || word == "an");
    let mut rest = words;
    let mut is_counted = false;
    if let Some((_, used)) = found {
        rest.drain(..used);
        if rest.first().is_some_and(|w| is_measure(w)) && rest.get(1).is_none_or(|w| w == "of") {
            rest.drain(..2.min(rest.len()));
            is_counted = true;
        }
    }
    // "A cheaper one" counts nothing; "a can of beans" does.
    let article = found.is_some_and(|(_, used)| used == 1) && is_article;
    let amount = found.map(|(amount, _)| amount).filter(|_| !article || is_counted);
    let has_article = is_article
        || rest
            .first()
            .is_some_and(|word| matches!(word.as_str(), "the" | "some" | "your" | "that" | "those"));
    Item { amount, is_counted, has_article, name: rest.join(" ") }
}

/// True for a word that makes the number before it a size or a name.
fn is_unit(word: &str) -> bool {
    matches!(
        word,
        "percent"
            | "%"
            | "pack"
            | "ply"
            | "pound"
            | "pounds"
            | "lb"
            | "lbs"
            | "oz"
            | "ounce"
            | "ounces"
            | "g"
            | "gram"
            | "grams"
            | "kg"
            | "kilo"
            | "kilos"
            | "l"
            | "liter"
            | "liters"
            | "litre"
            | "litres"
            | "ml"
            | "gallon"
            | "gallons"
            | "quart"
            | "quarts"
            | "pint"
            | "pints"
            | "watt"
            | "watts"
            | "w"
            | "v"
            | "inch"
            | "inches"
            | "ct"
            | "count"
            | "up"
            | "in"
            | "hundred"
            | "way"
            | "year"
    )
}

/// The items as list items; `None` where a number cannot be sold, or nothing is named.
pub(super) fn list_items(items: &[Item], context: &Context) -> Result<Vec<ListItem>, NotSold> {
    let mut listed = Vec::new();
    for item in items {
        let quantity = match item.amount {
            None => 1,
            Some(Amount::Pieces(pieces)) => match u32::try_from(pieces) {
                Ok(quantity) if (1..TOO_MANY).contains(&quantity) => quantity,
                _ => return Err(NotSold),
            },
            Some(Amount::NotWhole) => return Err(NotSold),
        };
        let name = item.name.trim();
        let subject = if matches!(name, "those" | "these" | "them" | "that" | "it" | "of them")
            && item.amount.is_some()
        {
            // "Two of those" are two of the one that is spoken of.
            context.focus()
        } else if matches!(name, "those" | "these" | "them") {
            context.focus_spoken()
        } else if AROUND.contains(&name) && !matches!(name, "those" | "these" | "that") || name.is_empty() {
            context.focus()
        } else {
            subject_of_item(name, context)
        };
        if let Some(subject) = subject {
            listed.push(ListItem { subject, quantity });
        }
    }
    Ok(listed)
}

/// A number of pieces that the shop does not sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotSold;

/// So many pieces are never taken at a kiosk, whatever is confirmed.
pub(super) const TOO_MANY: u32 = 500;

/// An item's product: what it points at, or what its words name. "Those butter
/// croissants" are named, "the mild" is pointed at.
fn subject_of_item(name: &str, context: &Context) -> Option<Subject> {
    let first = name.split(' ').next().unwrap_or_default();
    // "Four tomatoes" are named, however many tomatoes are on the screen.
    let pointing =
        matches!(first, "the" | "that" | "this" | "those" | "these" | "my" | "it" | "them" | "both" | "all")
            || ["one", "ones", "first", "second", "third", "last", "two"]
                .iter()
                .any(|end| name.ends_with(end));
    if pointing && let Some(subject) = pointed_at(name, context) {
        return Some(subject);
    }
    if first == "size"
        && let Some(subject) = pointed_at(&format!("{name} one"), context)
    {
        return Some(subject);
    }
    let bare = name.strip_prefix("the ").unwrap_or(name);
    if name != bare
        && bare.split(' ').count() <= 2
        && let Some(subject) = pointed_at(&format!("{bare} one"), context)
    {
        return Some(subject);
    }
    if pointing { one(name, context) } else { named(name, context) }
}
