//! How well a product answers a query, from its analysed fields and what the
//! two searches said of it. Pure.
//!
//! A candidate is judged by signals, each from 0 to 1: how much of the query is
//! covered and where, whether the product *is* what the query names or only
//! mentions it ("milk" is not "milk chocolate"), an exact name, how little else
//! the name says, BM25 and meaning. The score is their weighted sum.

use super::analysis::{BREAK, Fields};
use super::query::{Query, Reading, Term};

/// Names of the signals, in the order of [`Signals`].
pub const SIGNALS: [&str; 13] = [
    "head",
    "exact",
    "in_name",
    "brevity",
    "bm25",
    "bm25_rank",
    "meaning",
    "anywhere",
    "described",
    "stated",
    "repeated",
    "cover",
    "cosine",
];

/// What is told of one candidate, each from 0 to 1.
pub type Signals = [f64; SIGNALS.len()];

/// Weights of the signals: learned on 50 judged queries for electronics and the
/// demo shop's table of queries together, by a listwise softmax loss with ridge:
/// nDCG@10 0.807 on those 50, 0.791 on queries left out (ten folds).
/// That a name holds all words weighs below 0 since it comes with head, brevity
/// and BM25. The last two decide what is an answer at all, not the order.
const WEIGHTS: Signals =
    [0.045, 0.042, -0.029, 0.030, 0.044, 0.238, 0.178, 0.310, 0.075, 0.038, -0.062, 0.0, 0.0];
/// Taken off for a product known to be out of stock: decides near-ties only.
const OUT_OF_STOCK: f64 = 0.02;
/// The rank by BM25 that counts half.
const HALF_RANK: f64 = 20.0;

/// How well a title's head noun fits that no synonym or category confirms.
const UNCONFIRMED: f64 = 0.6;

/// What a match in a description counts for "do we carry it".
const MENTIONED: f64 = 0.7;

/// A product that one of the searches found.
#[derive(Debug, Default)]
pub(super) struct Candidate {
    pub id: i64,
    pub fields: Fields,
    /// FTS5's BM25: below 0, the lower the better; 0 when not found by words.
    pub bm25: f64,
    /// Position among those found by words, from 0; `None` when not among them.
    pub rank: Option<u32>,
    /// Cosine of product and query; `None` without vectors.
    pub cosine: Option<f64>,
    pub stock: Option<i64>,
}

/// The best that any candidate of a search has, which the others are measured by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Best {
    /// The lowest BM25.
    pub bm25: f64,
    /// The highest cosine.
    pub cosine: f64,
    /// The cosine that stands for an unknown one.
    pub usual_cosine: f64,
}

impl Best {
    pub(super) fn of(candidates: &[Candidate]) -> Self {
        let cosines: Vec<f64> = candidates.iter().filter_map(|candidate| candidate.cosine).collect();
        // Counts stay far below 2^53.
        #[allow(clippy::cast_precision_loss)]
        let usual = if cosines.is_empty() { 0.0 } else { cosines.iter().sum::<f64>() / cosines.len() as f64 };
        Self {
            bm25: candidates.iter().map(|candidate| candidate.bm25).fold(0.0, f64::min),
            cosine: cosines.into_iter().fold(0.0, f64::max),
            usual_cosine: usual,
        }
    }
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
    /// Cosine of product and query; `None` without vectors.
    pub cosine: Option<f64>,
    /// 0 to 1.
    pub score: f64,
    /// Share of the query's weight that the product has, 0 to 1.
    pub cover: f64,
    /// The query's head noun is there.
    pub has_head: bool,
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

struct Match<'a> {
    reading: &'a Reading,
    place: Place,
}

/// Judges a candidate against the query and the best of all candidates.
pub(super) fn rank(query: &Query, candidate: &Candidate, best: &Best) -> Ranked {
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
    let bm25 = if best.bm25 < 0.0 { (candidate.bm25 / best.bm25).clamp(0.0, 1.0) } else { 0.0 };
    let cosine = candidate.cosine.unwrap_or(best.usual_cosine);
    let meaning = if best.cosine > 0.0 { (cosine / best.cosine).clamp(0.0, 1.0) } else { 0.0 };
    let described = field_share(Place::Description);
    let signals: Signals = [
        best_fit,
        exact,
        all_in_name,
        brevity,
        bm25,
        candidate.rank.map_or(0.0, |rank| HALF_RANK / (HALF_RANK + f64::from(rank))),
        meaning,
        f64::from(u8::from(found_all)),
        described,
        field_share(Place::Traits),
        described * all_in_name,
        cover,
        candidate.cosine.unwrap_or_default().max(0.0),
    ];
    let sum: f64 = WEIGHTS.iter().zip(&signals).map(|(weight, signal)| weight * signal).sum();
    let out = candidate.stock.is_some_and(|stock| stock <= 0);
    let score = sum - if out { OUT_OF_STOCK } else { 0.0 };

    let has_heads = query.terms.iter().any(|term| term.is_head);
    let found = || matches.iter().filter_map(|(_, m)| m.as_ref());
    let heads_found = || matches.iter().filter(|(t, _)| t.is_head).filter_map(|(_, m)| m.as_ref());
    let required = || matches.iter().filter(|(t, _)| t.is_required).filter_map(|(_, m)| m.as_ref());
    Ranked {
        id: candidate.id,
        signals,
        cosine: candidate.cosine,
        score: score.clamp(0.0, 1.0),
        cover,
        has_head: !has_heads || matches.iter().any(|(t, m)| t.is_head && m.is_some()),
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
fn best_match<'a>(term: &'a Term, fields: &[(Place, Vec<&str>); 7]) -> Option<Match<'a>> {
    let has = |words: &Vec<&str>, stem: &str| match &term.follows {
        None => words.contains(&stem),
        Some(before) => words.windows(2).any(|pair| pair == [before.as_str(), stem]),
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

/// How far the product is what the head noun names: 1 by its title.
fn head_fit(reading: &Reading, row: &Fields, fields: &[(Place, Vec<&str>); 7]) -> f64 {
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

    fn judge(query: &str, product: &serde_json::Value) -> Ranked {
        let fields = Tally::default().add(&serde_json::from_value(product.clone()).unwrap());
        let candidate = Candidate { fields, stock: product["stock"].as_i64(), ..Candidate::default() };
        let lexicon = of(&["Whole Milk", "Milk Chocolate", "Oat Cookies", "Bread"]);
        rank(&Query::parse(query, &lexicon, &|_, _| false), &candidate, &Best::default())
    }

    #[test]
    fn the_thing_itself_comes_before_what_is_made_with_it() {
        let milk = judge("milk", &serde_json::json!({"sku": "A", "title": "Whole Milk 1 L"}));
        let bar = judge("milk", &serde_json::json!({"sku": "B", "title": "Milk Chocolate"}));
        let cookies =
            judge("milk", &serde_json::json!({"sku": "C", "title": "Cookies", "description": "With milk."}));
        let head = |ranked: &Ranked| ranked.signals[0];
        assert!(milk.score > bar.score && head(&milk) > head(&bar) && head(&bar) > head(&cookies));
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
