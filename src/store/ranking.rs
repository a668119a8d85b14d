//! How well a product answers a query, from the analysed fields alone. Pure.
//!
//! The score is a weighted sum, each part from 0 to 1: how much of the query is
//! covered and where, whether the product *is* what the query names or only
//! mentions it ("milk" is not "milk chocolate"), an exact name, how little else
//! the name says, and BM25.

use super::analysis::BREAK;
use super::query::{Query, Reading, Term};

/// Parts of the score; they add up to 1.
const COVER: f64 = 0.40;
const HEAD: f64 = 0.25;
const EXACT: f64 = 0.15;
const ALL_IN_NAME: f64 = 0.08;
const BREVITY: f64 = 0.07;
const BM25: f64 = 0.05;
/// What is left of the score where nothing is covered; a product that has all
/// that was asked for comes before one that has a part of it in a better place.
const WHOLE: f64 = 0.4;
/// Taken off for a product known to be out of stock: decides near-ties only.
const OUT_OF_STOCK: f64 = 0.02;

/// How well a title's head noun fits that no synonym or category confirms.
const UNCONFIRMED: f64 = 0.6;

/// What a match in a description counts for "do we carry it".
const MENTIONED: f64 = 0.7;

/// A row of the `search` table that matched.
#[derive(Debug, Default)]
pub(super) struct Candidate {
    pub id: i64,
    pub title: String,
    pub synonyms: String,
    pub brand: String,
    pub kind: String,
    pub category: String,
    pub traits: String,
    pub description: String,
    pub heads: String,
    /// FTS5's BM25: below 0, the lower the better.
    pub bm25: f64,
    pub stock: Option<i64>,
}

/// Where a match counts most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Description,
    Category,
    Kind,
    Traits,
    Brand,
    Synonym,
    Title,
}

impl Place {
    fn strength(self) -> f64 {
        match self {
            Self::Title | Self::Synonym => 1.0,
            Self::Brand => 0.95,
            Self::Traits | Self::Kind => 0.9,
            Self::Category => 0.7,
            Self::Description => 0.5,
        }
    }
}

/// A judged candidate.
#[derive(Debug, Clone)]
pub(super) struct Ranked {
    pub id: i64,
    /// 0 to 1.
    pub score: f64,
    /// Share of the query's weight that the product has, 0 to 1.
    pub cover: f64,
    /// The query's head noun is there.
    pub has_head: bool,
    /// The product is what the head noun names, by name, synonym or category.
    pub is_head: bool,
    /// Only the description has the head noun, or whatever was found.
    pub is_mention: bool,
    /// The product is what any word of the query names.
    pub is_kin: bool,
    /// A word was matched outside the description.
    pub is_named: bool,
    /// The weakest place among the matched words that must match.
    pub place: Option<Place>,
    /// Number of the synonym that matched the whole query.
    pub synonym: Option<usize>,
    pub corrected: Vec<String>,
}

struct Match<'a> {
    reading: &'a Reading,
    place: Place,
}

/// Judges a candidate; `best_bm25` is the lowest of all candidates.
pub(super) fn rank(query: &Query, candidate: &Candidate, best_bm25: f64) -> Ranked {
    let fields = [
        (Place::Title, words(&candidate.title)),
        (Place::Synonym, words(&candidate.synonyms)),
        (Place::Brand, words(&candidate.brand)),
        (Place::Traits, words(&candidate.traits)),
        (Place::Kind, words(&candidate.kind)),
        (Place::Category, words(&candidate.category)),
        (Place::Description, words(&candidate.description)),
    ];
    let matches: Vec<(&Term, Option<Match<'_>>)> =
        query.terms.iter().map(|term| (term, best_match(term, &fields))).collect();

    let all: f64 = query.terms.iter().map(|term| term.weight).sum();
    let share = |value: &dyn Fn(&Match<'_>) -> f64| {
        let sum: f64 = matches.iter().filter_map(|(t, m)| Some(t.weight * value(m.as_ref()?))).sum();
        if all > 0.0 { sum / all } else { 0.0 }
    };
    let cover = share(&|m| {
        let place = if m.place == Place::Description { MENTIONED } else { 1.0 };
        place * m.reading.quality
    });
    let strength = share(&|m| m.place.strength() * m.reading.quality);

    let [(_, title), (_, _), (_, brand), _, (_, kind), ..] = &fields;
    let wanted: Vec<&str> = matches
        .iter()
        .filter(|(term, _)| !term.is_size)
        .filter_map(|(term, m)| m.as_ref().map(|m| m.reading).or(term.readings.first()))
        .flat_map(|reading| reading.stems.iter().map(String::as_str))
        .collect();
    let name: Vec<&str> = title.iter().copied().filter(|w| !brand.contains(w) && !is_number(w)).collect();
    let synonyms: Vec<Vec<&str>> = candidate.synonyms.split(BREAK).map(words).collect();
    let synonym = synonyms.iter().position(|phrase| same(phrase, &wanted));
    let exact = if same(&name, &wanted) || same(title, &wanted) {
        1.0
    } else if synonym.is_some() {
        0.9
    } else if same(kind, &wanted) {
        0.6
    } else {
        0.0
    };
    let has_all = |words: &[&str]| !wanted.is_empty() && wanted.iter().all(|w| words.contains(w));
    let in_name =
        has_all(title) || wanted.iter().all(|w| title.contains(w) || brand.contains(w)) && !wanted.is_empty();
    let in_synonym = synonyms.iter().position(|phrase| has_all(phrase));
    let all_in_name = if in_name {
        1.0
    } else if in_synonym.is_some() {
        0.9
    } else {
        0.0
    };
    // Word counts stay far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let brevity = if name.is_empty() {
        0.0
    } else {
        name.iter().filter(|w| wanted.contains(w)).count() as f64 / name.len() as f64
    };
    let best_fit = matches
        .iter()
        .filter(|(term, _)| term.is_head)
        .filter_map(|(_, m)| m.as_ref())
        .map(|m| m.reading.quality * head_fit(m.reading, candidate, &fields))
        .fold(0.0, f64::max);
    let bm25 = if best_bm25 < 0.0 { (candidate.bm25 / best_bm25).clamp(0.0, 1.0) } else { 0.0 };
    let out = candidate.stock.is_some_and(|stock| stock <= 0);
    let sum = COVER * strength
        + HEAD * best_fit
        + EXACT * exact
        + ALL_IN_NAME * all_in_name
        + BREVITY * brevity
        + BM25 * bm25;
    let penalty = if out { OUT_OF_STOCK } else { 0.0 };
    let score = sum * (WHOLE + (1.0 - WHOLE) * cover) - penalty;

    let has_heads = query.terms.iter().any(|term| term.is_head);
    let found = || matches.iter().filter_map(|(_, m)| m.as_ref());
    let heads_found = || matches.iter().filter(|(t, _)| t.is_head).filter_map(|(_, m)| m.as_ref());
    let required = || matches.iter().filter(|(t, _)| t.is_required).filter_map(|(_, m)| m.as_ref());
    Ranked {
        id: candidate.id,
        score: score.max(0.0),
        cover,
        has_head: !has_heads || matches.iter().any(|(t, m)| t.is_head && m.is_some()),
        is_head: best_fit >= 0.5,
        is_mention: heads_found().map(|m| m.place).max().or_else(|| found().map(|m| m.place).max())
            == Some(Place::Description),
        is_kin: found().any(|m| head_fit(m.reading, candidate, &fields) >= 0.5),
        is_named: found().any(|m| m.place > Place::Category),
        place: required().map(|m| m.place).min().or_else(|| found().map(|m| m.place).min()),
        synonym: if in_name { None } else { synonym.or(in_synonym) },
        corrected: found().filter_map(|m| m.reading.corrected.clone()).fold(Vec::new(), |mut all, word| {
            if !all.contains(&word) {
                all.push(word);
            }
            all
        }),
    }
}

/// The reading and field in which a term counts most.
fn best_match<'a>(term: &'a Term, fields: &[(Place, Vec<&str>); 7]) -> Option<Match<'a>> {
    let place_of =
        |stem: &str| fields.iter().find(|(_, words)| words.contains(&stem)).map(|(place, _)| *place);
    let mut best: Option<Match<'a>> = None;
    for reading in &term.readings {
        let places: Option<Vec<Place>> = reading.stems.iter().map(|stem| place_of(stem)).collect();
        let Some(place) = places.and_then(|places| places.into_iter().min()) else {
            continue;
        };
        let value = |m: &Match<'_>| m.place.strength() * m.reading.quality;
        let found = Match { reading, place };
        if best.as_ref().is_none_or(|best| value(&found) > value(best)) {
            best = Some(found);
        }
    }
    best
}

/// How far the product is what the head noun names: 1 by its title.
fn head_fit(reading: &Reading, candidate: &Candidate, fields: &[(Place, Vec<&str>); 7]) -> f64 {
    let Some(noun) = reading.stems.last() else {
        return 0.0;
    };
    let has = |text: &str| text.split(' ').any(|word| word == noun);
    let (title, synonyms) = candidate.heads.split_once(BREAK).unwrap_or((&candidate.heads, ""));
    let in_kind = has(&candidate.kind);
    if has(title) {
        // "Adult Cat Food Chicken": where neither synonyms nor category agree,
        // the title's last noun may be its flavour.
        if synonyms.is_empty() || in_kind || has(synonyms) { 1.0 } else { UNCONFIRMED }
    } else if has(synonyms) {
        0.9
    } else if in_kind {
        0.7
    } else if has(&candidate.category) {
        0.5
    } else if fields.iter().any(|(place, words)| *place > Place::Kind && words.contains(&noun.as_str())) {
        0.3
    } else {
        0.0
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split(' ').filter(|word| !word.is_empty() && *word != BREAK.trim()).collect()
}

/// The same words, in any order.
fn same(a: &[&str], b: &[&str]) -> bool {
    !a.is_empty() && a.iter().all(|word| b.contains(word)) && b.iter().all(|word| a.contains(word))
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::analysis::Tally;
    use super::super::lexicon::tests::of;
    use super::*;

    fn judge(query: &str, product: &serde_json::Value) -> Ranked {
        let fields = Tally::default().add(&serde_json::from_value(product.clone()).unwrap());
        let candidate = Candidate {
            title: fields.title,
            synonyms: fields.synonyms,
            kind: fields.kind,
            description: fields.description,
            heads: fields.heads,
            stock: product["stock"].as_i64(),
            ..Candidate::default()
        };
        let lexicon = of(&["Whole Milk", "Milk Chocolate", "Oat Cookies", "Bread"]);
        rank(&Query::parse(query, &lexicon, &|_, _| false), &candidate, 0.0)
    }

    #[test]
    fn the_thing_itself_comes_before_what_is_made_with_it() {
        let milk = judge("milk", &serde_json::json!({"sku": "A", "title": "Whole Milk 1 L"}));
        let bar = judge("milk", &serde_json::json!({"sku": "B", "title": "Milk Chocolate"}));
        let cookies =
            judge("milk", &serde_json::json!({"sku": "C", "title": "Cookies", "description": "With milk."}));
        assert!(milk.score > bar.score && bar.score > cookies.score);
        assert!(milk.is_head && !bar.is_head && cookies.is_mention && !bar.is_mention);
    }

    #[test]
    fn stock_decides_only_between_equals() {
        let out = judge("milk", &serde_json::json!({"sku": "A", "title": "Milk", "stock": 0}));
        let there = judge("milk", &serde_json::json!({"sku": "B", "title": "Milk", "stock": 3}));
        let worse = judge("milk", &serde_json::json!({"sku": "C", "title": "Milk Bread", "stock": 3}));
        assert!(there.score > out.score && out.score > worse.score);
    }

    #[test]
    fn cover_says_how_much_was_found() {
        let half = judge("oat milk", &serde_json::json!({"sku": "A", "title": "Whole Milk"}));
        assert!(half.cover > 0.3 && half.cover < 0.7 && half.has_head);
        let headless = judge("oat milk", &serde_json::json!({"sku": "A", "title": "Oat Cookies"}));
        assert!(!headless.has_head);
    }
}
