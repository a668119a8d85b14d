//! Follow-ups of a search: "without nuts", "a cheaper one", "the Oatly one", "under
//! five dollars". Merges what is required now with what was searched; never searches.

use super::subject::{pattern, split_words};
use crate::dialog::clause::Clause;
use crate::dialog::constraint::{split, take_constraints};
use crate::dialog::context::{Context, Search};
use crate::dialog::refer::pointed_at;
use crate::dialog::tool::{Constraints, Subject, Than, Tool};
use crate::dialog::words::stem;
use regex_lite::Regex;
use std::sync::LazyLock;

/// Words that add nothing to what is required.
const SMALL: &[&str] = &[
    "a",
    "an",
    "the",
    "one",
    "ones",
    "some",
    "any",
    "something",
    "anything",
    "thing",
    "things",
    "kind",
    "kinds",
    "type",
    "types",
    "brand",
    "brands",
    "is",
    "are",
    "it",
    "that",
    "this",
    "these",
    "those",
    "they",
    "them",
    "of",
    "but",
    "with",
    "in",
    "for",
    "from",
    "and",
    "or",
    "also",
    "only",
    "just",
    "maybe",
    "more",
    "else",
    "other",
    "do",
    "you",
    "have",
    "got",
    "i",
    "me",
    "we",
    "want",
    "need",
    "like",
    "prefer",
    "would",
    "can",
    "could",
    "there",
    "which",
    "what",
    "how",
    "about",
    "show",
    "give",
    "find",
    "get",
    "please",
    "then",
    "rather",
    "instead",
    "be",
    "must",
    "should",
    "has",
    "to",
    "your",
    "my",
    "on",
    "not",
    "too",
    "same",
    "pack",
    "option",
    "options",
    "version",
    "make",
    "sure",
    "as",
    "well",
    "actually",
    "even",
    "price",
    "most",
    "at",
    "all",
    "so",
    "look",
    "looking",
    "am",
    "stuff",
    "sort",
    "where",
    "will",
    "buy",
    "see",
    "packs",
    "he",
    "she",
    "lot",
    "let",
    "lets",
    "was",
    "were",
    "ideally",
    "if",
    "possible",
];

static WHICH: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:and )?(?:which|what)(?: one| of (?:them|these|those))?(?: is| are)?(?: the)? ")
});

static THAN: LazyLock<Vec<(Regex, Than)>> = LazyLock::new(|| {
    vec![
        (
            pattern(
                r"\b(?:cheaper|less expensive|lower price|too expensive|too pricey|more affordable|costs? less)\b",
            ),
            Than::Cheaper,
        ),
        (
            pattern(r"\b(?:dearer|more expensive|pricier|fancier|higher quality|premium|better quality)\b"),
            Than::Dearer,
        ),
        (pattern(r"\b(?:bigger|larger)\b"), Than::Bigger),
        (pattern(r"\b(?:smaller|tinier)\b"), Than::Smaller),
        (
            pattern(
                r"\b(?:another|other|different|something else|anything else|not (?:that|this)(?: one)?)\b",
            ),
            Than::Other,
        ),
    ]
});

/// Whether `bare` names what was searched last, in its words or some of them: that asks for
/// all of it, not for the one card that happens to be called so ("milk" after "oat milk").
pub(super) fn is_again(bare: &str, context: &Context) -> bool {
    let (query, constraints) = split(bare);
    context.search().is_some_and(|search| {
        let before = Constraints { said: constraints.said.clone(), ..search.constraints.clone() };
        let known = |word: &str| search.query.split(' ').any(|own| own == word);
        !query.is_empty() && query.split(' ').all(known) && constraints == before
    })
}

/// The narrowing that `bare` means, where something was searched before.
pub(super) fn narrowed(bare: &str, context: &Context) -> Option<Tool> {
    let topic = match &context.topic {
        Some(Subject::Query { query, constraints }) => {
            Some(Search { query: query.clone(), constraints: constraints.clone() })
        }
        _ => None,
    };
    let search = topic.as_ref().or(context.search())?;
    if is_again(bare, context) {
        return None;
    }
    let extreme = WHICH.replace(bare, "");
    if matches!(context.last(), Some(Tool::CompareProducts { .. }))
        && extreme.len() < bare.len()
        && let Some(subject) = pointed_at(&extreme, context)
    {
        return Some(Tool::ShowProducts { subject });
    }
    if let Some(subject) = picked(bare, context) {
        return Some(Tool::ShowProducts { subject });
    }
    let mut left = split_words(bare);
    let required = take_constraints(&mut left);
    let than = THAN.iter().find(|(pattern, _)| pattern.is_match(bare)).map(|(_, than)| *than);
    let known: Vec<String> = search.query.split(' ').map(stem).collect();
    let comparing = [
        "cheaper",
        "cheapest",
        "dearer",
        "expensive",
        "bigger",
        "larger",
        "smaller",
        "another",
        "other",
        "different",
        "less",
        "lower",
        "pricier",
        "premium",
        "fancier",
        "pricey",
        "lowest",
        "affordable",
        "biggest",
        "largest",
        "smallest",
    ];
    let new: Vec<&str> = left
        .iter()
        .map(String::as_str)
        .filter(|word| !SMALL.contains(word) && !comparing.contains(word) && !known.contains(&stem(word)))
        .collect();
    if required.is_empty() && than.is_none() {
        return None;
    }
    // Something else is named: a search of its own.
    if !new.is_empty() {
        return None;
    }
    Some(again(search, required, than, context))
}

/// The search once more, with what is required now and as different as is wished.
pub(super) fn again(search: &Search, required: Constraints, than: Option<Than>, context: &Context) -> Tool {
    let mut constraints = merged(&search.constraints, required);
    if than == Some(Than::Cheaper) {
        constraints.cheapest_first = true;
    }
    let shown = context.shown().iter().map(|known| known.product.sku.clone());
    let focus = context.focused().map(|known| known.product.sku.clone());
    let shown = match than {
        Some(Than::Other) => shown.collect(),
        Some(_) => focus.into_iter().chain(shown).take(1).collect(),
        None => Vec::new(),
    };
    Tool::NarrowProducts { query: search.query.clone(), constraints, shown, than }
}

static REQUIRED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:and |but )*(?:(?:they|it|that|this|which|those) (?:is|are|has|have|must|should|needs?|ought)(?: to)?(?: be| have)? )?",
    )
});

/// What a clause requires that names nothing: "under five dollars", "they have to be
/// vegan". `None` for a question, and where anything else is said.
pub(super) fn only_required(clause: &Clause) -> Option<Vec<String>> {
    let text = clause.words().join(" ");
    let mut said = split_words(&REQUIRED.replace(&text, ""));
    // "... and not Tropicana": no brand is required.
    let end = said.windows(2).position(|pair| pair == ["and", "not"]).unwrap_or(said.len());
    said.truncate(end);
    let asks = clause.asks || said.first().is_some_and(|word| ASKING.contains(&word.as_str()));
    let mut left = said.clone();
    let required = take_constraints(&mut left);
    let is_all = left.iter().all(|word| SMALL.contains(&word.as_str()));
    (!asks && !required.is_empty() && is_all).then_some(said)
}

/// How a question begins.
const ASKING: &[&str] =
    &["is", "are", "do", "does", "can", "could", "which", "what", "how", "where", "any", "have", "has"];

/// One or some of the cards that a short phrase picks: "the second one", "triple A".
fn picked(bare: &str, context: &Context) -> Option<Subject> {
    let bare = WHICH.replace(bare, "");
    let said: Vec<&str> = bare.split(' ').filter(|word| *word != "please").collect();
    if said.len() > 6 {
        return None;
    }
    let text = said.join(" ");
    let text = text
        .trim_start_matches("show me ")
        .trim_start_matches("i mean ")
        .trim_start_matches("i meant ")
        .trim_start_matches("what about ")
        .trim_start_matches("how about ");
    let last_is_one = text.ends_with(" one") || text.ends_with(" ones");
    if let Some(subject) = pointed_at(text, context)
        && (text != "it" && text != "that" && text != "this")
    {
        return Some(subject);
    }
    let few = said.len() <= 3 && context.shown().len() > 1;
    if !last_is_one
        && few
        && said.iter().all(|word| word.len() > 1 || word.chars().all(char::is_alphanumeric))
    {
        // Words that set some of the cards off from the others.
        return match pointed_at(&format!("{text} ones"), context)? {
            Subject::Several { subjects } if subjects.len() >= context.shown().len() => None,
            subject => Some(subject),
        };
    }
    None
}

/// What was required before, and what is required now in its place.
fn merged(before: &Constraints, now: Constraints) -> Constraints {
    let both = |before: &[String], now: Vec<String>| {
        let mut all = before.to_vec();
        all.extend(now.into_iter().filter(|word| !before.contains(word)));
        all
    };
    Constraints {
        max_price_cents: now.max_price_cents.or(before.max_price_cents),
        min_price_cents: now.min_price_cents.or(before.min_price_cents),
        dietary: both(&before.dietary, now.dietary),
        free_from: both(&before.free_from, now.free_from),
        size: now.size.or(before.size),
        colour: if now.colour.is_empty() { before.colour.clone() } else { now.colour },
        measure: if now.measure.is_empty() { before.measure.clone() } else { now.measure },
        material: if now.material.is_empty() { before.material.clone() } else { now.material },
        for_whom: now.for_whom.or_else(|| before.for_whom.clone()),
        features: both(&before.features, now.features),
        in_stock: now.in_stock || before.in_stock,
        cheapest_first: now.cheapest_first || before.cheapest_first,
        said: String::new(),
    }
}
