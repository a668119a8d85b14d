//! How well a product answers a query, from its analysed fields and what the
//! two searches said of it. Pure.
//!
//! A candidate is judged by signals, each from 0 to 1: how much of the query is
//! covered and where, whether the product *is* what the query names or only
//! mentions it ("milk" is not "milk chocolate"), an exact name, how little else
//! the name says, its place by BM25 over all fields and by the best field of each
//! word, and meaning. The score is their weighted sum.

use super::analysis::{BREAK, Fields};
use super::lexicon::Lengths;
use super::query::{Query, Reading, Term};
use std::cmp::Ordering;

/// Names of the signals, in the order of [`Signals`].
pub const SIGNALS: [&str; 14] = [
    "head",
    "exact",
    "in_name",
    "brevity",
    "bm25_rank",
    "dismax_rank",
    "meaning",
    "anywhere",
    "as_meant",
    "described",
    "stated",
    "repeated",
    "cover",
    "cosine",
];

/// What is told of one candidate, each from 0 to 1.
pub type Signals = [f64; SIGNALS.len()];

/// Places in [`Signals`] of what is relative to the other candidates.
const BM25_RANK: usize = 4;
const DISMAX_RANK: usize = 5;
const MEANING: usize = 6;

/// Weights of the signals, as `make tune-search` learned them. nDCG@10 on judged queries
/// for electronics: 0.817 by cross-validation, 0.820 on those they were learned from.
/// That the description repeats a name weighs below 0 since both count already. The last
/// two decide what is an answer at all, not the order.
const WEIGHTS: Signals =
    [0.077, 0.019, 0.001, 0.071, 0.075, 0.170, 0.165, 0.193, 0.136, 0.059, 0.033, -0.049, 0.0, 0.0];
/// Taken off for a product known to be out of stock: decides near-ties only.
const OUT_OF_STOCK: f64 = 0.02;
/// The rank by BM25 that counts half.
const HALF_RANK: f64 = 20.0;
/// BM25's saturation and length normalisation, at their usual values (Robertson and
/// Zaragoza 2009).
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// How well a title's head noun fits that no synonym or category confirms.
const UNCONFIRMED: f64 = 0.6;

/// What a match in a description counts for "do we carry it".
const MENTIONED: f64 = 0.7;

/// A product that one of the searches found.
#[derive(Debug, Default)]
pub(super) struct Candidate {
    pub id: i64,
    pub fields: Fields,
    /// Position among those found by words, from 0; `None` when not among them.
    pub rank: Option<u32>,
    /// Cosine of product and query; `None` without vectors.
    pub cosine: Option<f64>,
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
    pub signals: Signals,
    /// The sum over the words of the best BM25 that a field has; 0 or more.
    dismax: f64,
    /// Cosine of product and query; `None` without vectors.
    pub cosine: Option<f64>,
    /// 0 to 1.
    pub score: f64,
    /// Share of the query's weight that the product has, 0 to 1.
    pub cover: f64,
    /// The query's head noun is there.
    pub has_head: bool,
    /// It has every word that tells things of one kind apart: the brand, the colour.
    pub has_marks: bool,
    /// The product is what the head noun names, by name, synonym or category.
    pub is_head: bool,
    /// A synonym or the whole name, and nothing else, is what was asked for.
    pub is_exact: bool,
    /// Only the description has the head noun, or whatever was found.
    pub is_mention: bool,
    /// Its name, or a synonym, has all that was asked for.
    pub is_named_so: bool,
    /// The product is what any word of the query names.
    pub is_kin: bool,
    /// A word was matched outside the description.
    pub is_named: bool,
    /// How many words of the query must match.
    pub words: usize,
    /// The weakest place among the matched words that must match.
    pub place: Option<Place>,
    /// Number of the synonym that matched the whole query.
    pub synonym: Option<usize>,
    pub corrected: Vec<String>,
}

/// A candidate's words by field, in the order of their weight.
type Rows<'a> = [(Place, Vec<&'a str>); 7];

struct Match<'a> {
    reading: &'a Reading,
    place: Place,
}

/// Judges candidates against the query; best first, catalog order among equals.
pub(super) fn rank(query: &Query, lengths: &Lengths, candidates: &[Candidate]) -> Vec<Ranked> {
    let mut ranked: Vec<Ranked> =
        candidates.iter().map(|candidate| judge(query, lengths, candidate)).collect();
    compare(&mut ranked, candidates);
    for (ranked, candidate) in ranked.iter_mut().zip(candidates) {
        let sum: f64 = WEIGHTS.iter().zip(&ranked.signals).map(|(weight, signal)| weight * signal).sum();
        let out = candidate.stock.is_some_and(|stock| stock <= 0);
        ranked.score = (sum - if out { OUT_OF_STOCK } else { 0.0 }).clamp(0.0, 1.0);
    }
    ranked.sort_by(order);
    ranked
}

/// Best first; catalog order among equals.
pub(super) fn order(a: &Ranked, b: &Ranked) -> Ordering {
    b.score.total_cmp(&a.score).then(a.id.cmp(&b.id))
}

/// Fills in the signals that measure a candidate by the others.
fn compare(ranked: &mut [Ranked], candidates: &[Candidate]) {
    let cosines = || candidates.iter().filter_map(|candidate| candidate.cosine);
    let best_cosine = cosines().fold(0.0, f64::max);
    // Stands for an unknown one. Counts stay far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let usual_cosine = cosines().sum::<f64>() / cosines().count().max(1) as f64;
    for (ranked, candidate) in ranked.iter_mut().zip(candidates) {
        ranked.signals[BM25_RANK] = candidate.rank.map_or(0.0, nearness);
        let cosine = candidate.cosine.unwrap_or(usual_cosine);
        ranked.signals[MEANING] =
            if best_cosine > 0.0 { (cosine / best_cosine).clamp(0.0, 1.0) } else { 0.0 };
    }
    let mut order: Vec<usize> = (0..ranked.len()).filter(|at| ranked[*at].dismax > 0.0).collect();
    order.sort_by(|a, b| ranked[*b].dismax.total_cmp(&ranked[*a].dismax).then(a.cmp(b)));
    for (rank, at) in (0..).zip(order) {
        ranked[at].signals[DISMAX_RANK] = nearness(rank);
    }
}

/// 1 for the first, half at [`HALF_RANK`].
fn nearness(rank: u32) -> f64 {
    HALF_RANK / (HALF_RANK + f64::from(rank))
}

/// Judges one candidate by itself.
fn judge(query: &Query, lengths: &Lengths, candidate: &Candidate) -> Ranked {
    let row = &candidate.fields;
    let fields = [
        (Place::Title, words(&row.title)),
        (Place::Synonym, words(&row.synonyms)),
        (Place::Brand, words(&row.brand)),
        (Place::Traits, words(&row.traits)),
        (Place::Kind, words(&row.kind)),
        (Place::Category, words(&row.category)),
        (Place::Description, words(&row.description)),
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

    let [(_, title), (_, _), (_, brand), _, (_, kind), ..] = &fields;
    let wanted: Vec<&str> = matches
        .iter()
        .filter(|(term, _)| !term.is_size)
        .filter_map(|(term, m)| m.as_ref().map(|m| m.reading).or(term.readings.first()))
        .flat_map(|reading| reading.stems.iter().map(String::as_str))
        .collect();
    let name: Vec<&str> = title.iter().copied().filter(|w| !brand.contains(w) && !is_number(w)).collect();
    let synonyms: Vec<Vec<&str>> = row.synonyms.split(BREAK).map(words).collect();
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
        .map(|m| m.reading.quality * head_fit(m.reading, row, &fields))
        .fold(0.0, f64::max);
    let field_share = |place: Place| {
        let words = fields.iter().find(|(at, _)| *at == place).map(|(_, words)| words);
        let has = |term: &Term| {
            let has = |stem: &String| words.is_some_and(|words| words.contains(&stem.as_str()));
            term.readings.iter().any(|reading| reading.stems.iter().all(has))
        };
        let sum: f64 = query.terms.iter().filter(|term| has(term)).map(|term| term.weight).sum();
        if all > 0.0 { sum / all } else { 0.0 }
    };
    let found_all = matches.iter().all(|(term, m)| m.is_some() || !term.is_required);
    let as_meant = query.terms.iter().all(|term| {
        let has = |stem: &String| fields.iter().any(|(_, words)| words.contains(&stem.as_str()));
        term.readings.get(term.meant).is_some_and(|reading| reading.stems.iter().all(has))
    });
    let described = field_share(Place::Description);
    let signals: Signals = [
        best_fit,
        exact,
        all_in_name,
        brevity,
        0.0,
        0.0,
        0.0,
        f64::from(u8::from(found_all)),
        f64::from(u8::from(as_meant)),
        described,
        field_share(Place::Traits),
        described * all_in_name,
        cover,
        candidate.cosine.unwrap_or_default().max(0.0),
    ];

    let has_heads = query.terms.iter().any(|term| term.is_head);
    let found = || matches.iter().filter_map(|(_, m)| m.as_ref());
    let heads_found = || matches.iter().filter(|(t, _)| t.is_head).filter_map(|(_, m)| m.as_ref());
    let required = || matches.iter().filter(|(t, _)| t.is_required).filter_map(|(_, m)| m.as_ref());
    Ranked {
        id: candidate.id,
        signals,
        dismax: dismax(query, lengths, &fields),
        cosine: candidate.cosine,
        score: 0.0,
        cover,
        has_head: !has_heads || matches.iter().any(|(t, m)| t.is_head && m.is_some()),
        has_marks: matches.iter().all(|(term, m)| !term.is_mark || m.is_some()),
        is_head: best_fit >= 0.5,
        is_exact: exact > 0.0 || synonym.is_some(),
        is_named_so: all_in_name > 0.0,
        is_mention: heads_found().map(|m| m.place).max().or_else(|| found().map(|m| m.place).max())
            == Some(Place::Description),
        is_kin: found().any(|m| head_fit(m.reading, row, &fields) >= 0.5),
        is_named: found().any(|m| m.place > Place::Category),
        words: query.terms.iter().filter(|term| term.is_required).count(),
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
fn best_match<'a>(term: &'a Term, fields: &Rows<'_>) -> Option<Match<'a>> {
    // A number that was said apart and is written in one with its name ("d 3") follows nothing.
    let has = |words: &Vec<&str>, stem: &str| match &term.follows {
        Some(before) if is_number(stem) => words.windows(2).any(|pair| pair == [before.as_str(), stem]),
        _ => words.contains(&stem),
    };
    let place_of = |stem: &str| fields.iter().find(|(_, words)| has(words, stem)).map(|(place, _)| *place);
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

/// How well each word is found in the one field that has it best, added up: a product
/// that says a word in its name is not outdone by one that repeats it everywhere
/// (disjunction max, as Lucene calls it). Words count as meant: other words for the
/// same thing are for those that do not have them.
fn dismax(query: &Query, lengths: &Lengths, fields: &Rows<'_>) -> f64 {
    let [title, synonyms, brand, _, kind, _, description] = fields;
    let ranked = [title, synonyms, brand, kind, description];
    // Word counts stay far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let bm25 = |stem: &str, words: &[&str], usual: f64| {
        let times = words.iter().filter(|word| **word == stem).count() as f64;
        let length = if usual > 0.0 { words.len() as f64 / usual } else { 1.0 };
        times * (K1 + 1.0) / (times + K1 * (1.0 - B + B * length))
    };
    let best_field = |stem: &str| {
        let fields = ranked.iter().zip(lengths).map(|((_, words), usual)| bm25(stem, words, *usual));
        fields.fold(0.0, f64::max)
    };
    let meant = |term: &Term| {
        let reading = term.readings.get(term.meant)?;
        Some(
            reading
                .stems
                .iter()
                .zip(&reading.rarity)
                .map(|(stem, rarity)| rarity * best_field(stem))
                .sum::<f64>(),
        )
    };
    query.terms.iter().filter_map(meant).sum()
}

/// How far the product is what the head noun names: 1 by its title.
fn head_fit(reading: &Reading, row: &Fields, fields: &Rows<'_>) -> f64 {
    let Some(noun) = reading.stems.last() else {
        return 0.0;
    };
    let has = |text: &str| text.split(' ').any(|word| word == noun);
    let (title, synonyms) = row.heads.split_once(BREAK).unwrap_or((&row.heads, ""));
    let in_kind = has(&row.kind);
    if has(title) {
        // "Adult Cat Food Chicken": where neither synonyms nor category agree,
        // the title's last noun may be its flavour.
        if synonyms.is_empty() || in_kind || has(synonyms) { 1.0 } else { UNCONFIRMED }
    } else if has(synonyms) {
        0.9
    } else if in_kind {
        0.7
    } else if has(&row.category) {
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
    use serde_json::json;

    fn judged(query: &str, products: &[serde_json::Value]) -> Vec<Ranked> {
        let candidate = |(id, product): (i64, &serde_json::Value)| {
            let fields = Tally::default().add(&serde_json::from_value(product.clone()).unwrap());
            Candidate { id, fields, stock: product["stock"].as_i64(), ..Candidate::default() }
        };
        let candidates: Vec<Candidate> = (0..).zip(products).map(candidate).collect();
        let lexicon = of(&["Whole Milk", "Milk Chocolate", "Oat Cookies", "Bread"]);
        let mut ranked =
            rank(&Query::parse(query, &lexicon, &|_, _| false), &[3.0, 3.0, 1.0, 1.0, 9.0], &candidates);
        ranked.sort_by_key(|ranked| ranked.id);
        ranked
    }

    #[test]
    fn the_thing_itself_comes_before_what_is_made_with_it() {
        let [milk, bar, cookies] = &judged(
            "milk",
            &[
                json!({"sku": "A", "title": "Whole Milk 1 L"}),
                json!({"sku": "B", "title": "Milk Chocolate"}),
                json!({"sku": "C", "title": "Cookies", "description": "With milk."}),
            ],
        )[..] else {
            panic!("three");
        };
        let head = |ranked: &Ranked| ranked.signals[0];
        assert!(milk.score > bar.score && head(milk) > head(bar) && head(bar) > head(cookies));
        assert!(milk.is_head && !bar.is_head && cookies.is_mention && !bar.is_mention);
    }

    #[test]
    fn stock_decides_only_between_equals() {
        let [out, there, worse] = &judged(
            "milk",
            &[
                json!({"sku": "A", "title": "Milk", "stock": 0}),
                json!({"sku": "B", "title": "Milk", "stock": 3}),
                json!({"sku": "C", "title": "Milk Bread", "stock": 3}),
            ],
        )[..] else {
            panic!("three");
        };
        assert!(there.score > out.score && out.score > worse.score);
    }

    #[test]
    fn cover_says_how_much_was_found() {
        let [half, headless] = &judged(
            "oat milk",
            &[json!({"sku": "A", "title": "Whole Milk"}), json!({"sku": "B", "title": "Oat Cookies"})],
        )[..] else {
            panic!("two");
        };
        assert!(half.cover > 0.3 && half.cover < 0.7 && half.has_head);
        assert!(!headless.has_head);
    }

    #[test]
    fn a_word_counts_in_its_best_field() {
        let named = json!({"sku": "A", "title": "Oat Bar"});
        let repeated = json!({"sku": "B", "title": "Oat Bar with much else in its name", "description": "A bar that has oat and much else in it, told at length."});
        let [named, repeated] = &judged("oat", &[named, repeated])[..] else {
            panic!("two");
        };
        assert!(named.dismax > repeated.dismax && repeated.dismax > 0.0);
        assert!(named.signals[DISMAX_RANK] > repeated.signals[DISMAX_RANK]);
    }
}
