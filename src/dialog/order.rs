//! Spoken orders: finds the best reading of a sentence as menu phrases, repairs
//! mishearings against the menu's own words, and gathers them into order lines.
//! Never asks the catalog and never invents an option that was not heard.

use super::menu::{Meaning, Menu};
use super::sound::Sounded;
use super::words::{number, numbers_as_words};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One drink as it was heard. `options` maps a group's id to menu words with
/// the amount as spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeardLine {
    /// Menu name, or the SKU where it was touched: two items may have one name.
    pub item: String,
    /// At least 1.
    pub quantity: u32,
    pub options: BTreeMap<String, String>,
}

/// How a sentence reads as an order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    pub lines: Vec<HeardLine>,
    /// Content words that are on no menu, in order.
    pub leftover: Vec<String>,
    /// True when every match was to the letter.
    pub exact: bool,
    /// True when the drink is the nearest to words that fit none well.
    pub guessed: bool,
    /// True when something was named too that is not made to order.
    pub names_goods: bool,
}

/// Words that carry no content in an order. Skipping them is free, and a fuzzy
/// match must not swallow them.
pub(super) const FILLERS: &[&str] = &[
    "a",
    "an",
    "the",
    "and",
    "or",
    "with",
    "of",
    "in",
    "to",
    "for",
    "on",
    "it",
    "me",
    "my",
    "i",
    "we",
    "you",
    "would",
    "like",
    "want",
    "will",
    "have",
    "take",
    "get",
    "got",
    "can",
    "could",
    "may",
    "please",
    "order",
    "make",
    "made",
    "give",
    "need",
    "just",
    "also",
    "then",
    "uh",
    "um",
    "er",
    "hi",
    "hello",
    "hey",
    "there",
    "is",
    "that",
    "this",
    "be",
    "do",
    "us",
    "one",
    "some",
    "thanks",
    "thank",
    "add",
    "put",
    "go",
    "let",
    "am",
    "cup",
    "cups",
    "brew",
    "fix",
    "love",
    "went",
    "size",
    "sized",
    "drink",
    "so",
    "okay",
    "ok",
    "yes",
    "well",
    "plus",
    "roast",
    "shot",
    "shots",
    "getting",
    "grab",
    "bring",
    "try",
    "maybe",
    "actually",
    "now",
    "today",
    "if",
    "how",
    "about",
    "by",
    "at",
    "as",
    "much",
    "husband",
    "wife",
    "daughter",
    "son",
    "friend",
    "colleague",
    "boss",
    "mom",
    "mum",
    "mother",
    "dad",
    "father",
    "kid",
    "kids",
    "brother",
    "sister",
    "partner",
    "him",
    "her",
    "them",
    "boy",
    "girl",
];

/// Measures of things on shelves; no mishearing of a drink, though "liter" is near
/// "latte".
const MEASURES: &[&str] = &[
    "liter", "liters", "litre", "litres", "gallon", "gallons", "quart", "quarts", "pint", "pints", "gram",
    "grams", "kilo", "kilos", "kg", "pound", "pounds", "pack", "packs", "bottle", "bottles",
];

/// Words after which what was said before is taken back.
const CORRECTIONS: &[&str] = &["no", "sorry", "actually", "rather", "mean", "instead", "wait"];

#[derive(Debug, Clone, Copy)]
struct Match {
    start: usize,
    end: usize,
    meaning: Meaning,
    distance: f64,
}

/// Reads `words` (from [`super::words::words`]) against `menu`. Empty lines
/// mean that no drink was heard.
#[must_use]
pub fn read(menu: &Menu, words: &[String]) -> Reading {
    let words = numbers_as_words(words);
    let mut matches = best_cover(menu, &words);
    let guessed = !matches.iter().any(|m| matches!(m.meaning, Meaning::Item(_)));
    if guessed {
        matches = with_nearest_item(menu, &words, matches);
    }
    if !matches.iter().any(|m| matches!(m.meaning, Meaning::Item(_))) {
        return Reading::default();
    }
    let leftover = leftover(&words, &matches).cloned().collect();
    let exact = matches.iter().all(|m| m.distance == 0.0);
    let names_goods = matches.iter().any(|m| m.meaning == Meaning::Goods);
    Reading { lines: gather(menu, &words, &matches), leftover, exact, guessed, names_goods }
}

/// The options that `words` name for the drink on the menu called `item`, where they
/// name nothing else: "with oat milk", "a large", "no sugar". `None` otherwise.
#[must_use]
pub fn options(menu: &Menu, words: &[String], item: &str) -> Option<BTreeMap<String, String>> {
    let words = numbers_as_words(words);
    let item = menu.items.iter().position(|known| known.label() == item)?;
    let matches = best_cover(menu, &words);
    let only_options = !matches.iter().any(|m| matches!(m.meaning, Meaning::Item(_) | Meaning::Goods));
    if matches.is_empty() || !only_options || matches.iter().any(|m| m.distance > SURE) {
        return None;
    }
    if leftover(&words, &matches).next().is_some() {
        return None;
    }
    let mut draft = Draft { item: Some(item), ..Draft::default() };
    draft.choose(choices(menu, &matches));
    let options = finish(menu, draft)?.options;
    (!options.is_empty()).then_some(options)
}

/// True when `words` choose options and name no drink: "one of them with almond milk".
#[must_use]
pub fn is_about_options(menu: &Menu, words: &[String]) -> bool {
    let words: Vec<String> = numbers_as_words(words)
        .into_iter()
        .filter(|word| !matches!(word.as_str(), "them" | "those" | "these" | "each" | "both" | "other"))
        .collect();
    let matches = best_cover(menu, &words);
    leftover(&words, &matches).next().is_none()
        && !matches.is_empty()
        && matches.iter().all(|m| !matches!(m.meaning, Meaning::Item(_) | Meaning::Goods))
}

/// The words of content that no match covers.
fn leftover<'a>(words: &'a [String], matches: &'a [Match]) -> impl Iterator<Item = &'a String> {
    let covered = |index: usize| matches.iter().any(|m| (m.start..m.end).contains(&index));
    words
        .iter()
        .enumerate()
        .filter(move |(index, word)| !covered(*index) && !is_filler(word) && number(word).is_none())
        .map(|(_, word)| word)
}

/// Largest distance at which options alone are taken for heard.
const SURE: f64 = 0.2;

/// The choices among `matches`, with their amounts.
fn choices(menu: &Menu, matches: &[Match]) -> Vec<Choice> {
    let mut choices = Vec::new();
    let mut amount: Option<(usize, usize)> = None;
    for found in matches {
        match found.meaning {
            Meaning::Amount(which) => amount = Some((which, found.end)),
            Meaning::Choice { group, value } => {
                let amount = amount_of(menu, amount.take(), found, group);
                choices.push(Choice { group, value, amount, at: found.start });
            }
            Meaning::Item(_) | Meaning::Goods => {}
        }
    }
    choices
}

/// The amount said right before a choice, where its group has it.
fn amount_of(menu: &Menu, amount: Option<(usize, usize)>, found: &Match, group: usize) -> Option<usize> {
    let (which, end) = amount?;
    (found.start - end <= 1 && menu.groups[group].amounts.contains(&menu.amounts[which])).then_some(which)
}

/// How many options `words` name, whether or not they name a drink.
#[must_use]
pub fn options_named(menu: &Menu, words: &[String]) -> usize {
    let matches = best_cover(menu, &numbers_as_words(words));
    matches.iter().filter(|m| matches!(m.meaning, Meaning::Choice { .. })).count()
}

/// Adds the drink that sounds nearest to the words left over, when at least one
/// option was heard (so that this is an order) and no drink was.
fn with_nearest_item(menu: &Menu, words: &[String], mut matches: Vec<Match>) -> Vec<Match> {
    let choices = matches.iter().filter(|m| matches!(m.meaning, Meaning::Choice { .. })).count();
    if choices == 0 {
        return matches;
    }
    let taken = |at: usize| matches.iter().any(|m| (m.start..m.end).contains(&at));
    let mut nearest: Option<Match> = None;
    for start in 0..words.len() {
        for end in start + 1..=words.len().min(start + MAX_WINDOW) {
            let window = &words[start..end];
            let edge_filler = [window.first(), window.last()].iter().flatten().any(|w| is_filler(w));
            if edge_filler || is_measured(window) || (start..end).any(taken) {
                continue;
            }
            let sounded = Sounded::new(window);
            for phrase in menu.phrases.iter().filter(|p| matches!(p.meaning, Meaning::Item(_))) {
                let distance = sounded.distance(&phrase.sounded);
                if distance < nearest.map_or(NEAREST_ITEM, |m| m.distance) {
                    nearest = Some(Match { start, end, meaning: phrase.meaning, distance });
                }
            }
        }
    }
    matches.extend(nearest);
    matches.sort_by_key(|m| m.start);
    matches
}

/// Largest distance at which a drink is still guessed from the words left over.
const NEAREST_ITEM: f64 = 0.5;

fn is_measured(window: &[String]) -> bool {
    window.iter().any(|word| MEASURES.contains(&word.as_str()))
}

pub(super) fn is_filler(word: &str) -> bool {
    FILLERS.contains(&word)
}

/// The non-overlapping matches with the highest total gain, by dynamic
/// programming over word positions. A match gains its phrase's letters, less
/// for distance; an unknown word that stays uncovered costs one.
fn best_cover(menu: &Menu, words: &[String]) -> Vec<Match> {
    let mut best: Vec<(f64, Option<Match>)> = vec![(0.0, None)];
    for end in 1..=words.len() {
        let skip_cost = if is_filler(&words[end - 1]) { 0.0 } else { 1.0 };
        let mut top = (best[end - 1].0 - skip_cost, None);
        let first = end.saturating_sub(MAX_WINDOW);
        for (start, before) in best.iter().enumerate().skip(first) {
            for (found, gain) in window_matches(menu, words, start, end) {
                let total = before.0 + gain;
                if total > top.0 {
                    top = (total, Some(found));
                }
            }
        }
        best.push(top);
    }
    let mut matches = Vec::new();
    let mut at = words.len();
    while at > 0 {
        match best[at].1 {
            Some(found) => {
                at = found.start;
                matches.push(found);
            }
            None => at -= 1,
        }
    }
    matches.reverse();
    matches
}

/// Longest run of heard words that one menu phrase may be: mishearings split
/// words ("cap a chino").
const MAX_WINDOW: usize = 5;

fn window_matches<'a>(
    menu: &'a Menu,
    words: &'a [String],
    start: usize,
    end: usize,
) -> impl Iterator<Item = (Match, f64)> + 'a {
    let window = &words[start..end];
    let sounded = Sounded::new(window);
    let heard = sounded.letters.chars().count();
    // A content-free edge word belongs outside of a repaired phrase.
    let edges = [window.first(), window.last()];
    let is_measured = is_measured(window);
    menu.phrases.iter().filter_map(move |phrase| {
        let letters = phrase.sounded.letters.chars().count();
        let strict = matches!(phrase.meaning, Meaning::Amount(_) | Meaning::Goods)
            || (is_measured && matches!(phrase.meaning, Meaning::Item(_)))
            || window.len() > phrase.words.len() + 2;
        let distance = if window == phrase.words {
            0.0
        } else if strict || edges.iter().flatten().any(|w| is_filler(w) && !phrase.words.contains(w)) {
            return None;
        } else {
            // Never as good as to the letter, worse with a foreign small word inside.
            let inner = window.iter().filter(|w| is_filler(w) && !phrase.words.contains(w)).count();
            #[allow(clippy::cast_precision_loss)]
            let inner = inner as f64 * 0.15;
            (sounded.distance(&phrase.sounded) + inner).max(0.02)
        };
        // Letters that were not heard count for nothing: "cream" is no "creamer".
        let heard = if distance > 0.0 { letters.min(heard) } else { letters };
        #[allow(clippy::cast_precision_loss)]
        let worth = heard.min(16) as f64 - 0.5; // one long phrase beats two short ones
        let gain = worth * (1.0 - 1.8 * distance);
        (distance <= tolerance(letters))
            .then_some((Match { start, end, meaning: phrase.meaning, distance }, gain))
    })
}

/// Largest distance at which a phrase of so many letters is still taken for
/// heard: short words allow no slip, long ones about a third.
fn tolerance(letters: usize) -> f64 {
    match letters {
        0..=3 => 0.0,
        4 => 0.2,
        5 => 0.26,
        6 | 7 => 0.3,
        _ => 0.36,
    }
}

#[derive(Default)]
struct Draft {
    item: Option<usize>,
    quantity: Option<u32>,
    /// Group to value and amount.
    chosen: BTreeMap<usize, (usize, Option<usize>)>,
    /// It was told apart from a larger number: "one of them".
    is_part: bool,
}

impl Draft {
    fn choose(&mut self, choices: impl IntoIterator<Item = Choice>) {
        // The last word on a group stands: "small, no, large".
        self.chosen.extend(choices.into_iter().map(|c| (c.group, (c.value, c.amount))));
    }
}

/// An option that was heard, and where.
struct Choice {
    group: usize,
    value: usize,
    amount: Option<usize>,
    at: usize,
}

fn gather(menu: &Menu, words: &[String], matches: &[Match]) -> Vec<HeardLine> {
    let mut drafts: Vec<Draft> = Vec::new();
    // Choices since the last drink: they are its own, or the next one's.
    let mut pending: Vec<Choice> = Vec::new();
    let mut amount: Option<(usize, usize)> = None;
    let mut last_end = 0;
    for (index, found) in matches.iter().enumerate() {
        match found.meaning {
            Meaning::Amount(which) => amount = Some((which, found.end)),
            Meaning::Choice { group, value } => {
                let amount = amount_of(menu, amount.take(), found, group);
                // "One of them with soy milk": a part of what was just ordered.
                if let Some(pieces) = part_before(words, last_end, found.start) {
                    if let Some(draft) = drafts.last_mut() {
                        draft.choose(std::mem::take(&mut pending));
                    }
                    take_part(&mut drafts, pieces);
                }
                pending.push(Choice { group, value, amount, at: found.start });
            }
            Meaning::Goods => amount = None,
            Meaning::Item(_) if !drafts.is_empty() && names_the_shots(menu, words, matches, index) => {}
            Meaning::Item(item) => {
                amount = None;
                let corrected =
                    words[last_end..found.start].iter().any(|w| CORRECTIONS.contains(&w.as_str()));
                let quantity = quantity_before(words, matches, index);
                match drafts.last_mut() {
                    // "a coffee, sorry, a latte": the drink is replaced.
                    Some(draft) if corrected => draft.item = Some(item),
                    // The same sentence heard twice is one order.
                    Some(draft)
                        if draft.item == Some(item) && says_again(words, last_end, found.start, quantity) => {
                    }
                    last => {
                        if let Some(draft) = last {
                            let opening = opening(words, matches, index);
                            let own = pending.iter().take_while(|choice| choice.at < opening).count();
                            draft.choose(pending.drain(..own));
                        }
                        drafts.push(Draft { item: Some(item), quantity, ..Draft::default() });
                    }
                }
                if let Some(draft) = drafts.last_mut() {
                    draft.choose(pending.drain(..));
                }
            }
        }
        last_end = found.end;
    }
    if let Some(draft) = drafts.last_mut() {
        draft.choose(pending);
    }
    drafts
        .into_iter()
        .filter(|draft| draft.quantity != Some(0))
        .filter_map(|draft| finish(menu, draft))
        .collect()
}

/// The pieces in "one of them" or "one with" between two places.
fn part_before(words: &[String], from: usize, to: usize) -> Option<u32> {
    let between = words.get(from..to)?;
    let is_part = |at: usize| {
        let next = |ahead: usize| between.get(at + ahead).map_or("", String::as_str);
        let of_them = next(1) == "of" && matches!(next(2), "them" | "those" | "these");
        let counts = !matches!(between[at].as_str(), "a" | "an") && number(&between[at]).is_some();
        counts && (of_them || next(1) == "with" || (next(1) == "should" && next(2) == "be"))
    };
    (0..between.len()).find(|at| is_part(*at)).and_then(|at| number(&between[at]))
}

/// Makes so many pieces of the last drink a line of their own, which comes last: what
/// is chosen next is theirs. The rest of a drink that was divided may be one itself.
fn take_part(drafts: &mut Vec<Draft>, pieces: u32) {
    let Some(item) = drafts.last().and_then(|draft| draft.item) else { return };
    let same = |draft: &Draft| draft.item == Some(item);
    if let Some(at) =
        drafts.iter().position(|draft| same(draft) && draft.quantity.is_some_and(|all| all > pieces))
    {
        let whole = &mut drafts[at];
        whole.quantity = whole.quantity.map(|all| all - pieces);
        let part =
            Draft { item: whole.item, quantity: Some(pieces), chosen: whole.chosen.clone(), is_part: true };
        drafts.push(part);
    } else if let Some(at) =
        drafts.iter().position(|draft| same(draft) && !draft.is_part && draft.quantity == Some(pieces))
        && at + 1 < drafts.len()
    {
        let rest = drafts.remove(at);
        drafts.push(rest);
    }
}

/// True where the same drink is named again and no second one is meant: "a mocha,
/// iced, an iced mocha".
fn says_again(words: &[String], from: usize, to: usize, quantity: Option<u32>) -> bool {
    let between = words.get(from..to).unwrap_or_default();
    let article = between.iter().any(|word| word == "a" || word == "an");
    let joined = between.iter().any(|word| matches!(word.as_str(), "and" | "another" | "plus"));
    quantity.is_none() || (quantity == Some(1) && article && !joined)
}

/// True for the drink in "a double shot of espresso", said of another drink.
fn names_the_shots(menu: &Menu, words: &[String], matches: &[Match], index: usize) -> bool {
    let start = matches[index].start;
    let Some(before) = index.checked_sub(1).map(|at| &matches[at]) else { return false };
    let of = start.checked_sub(1).is_some_and(|at| words[at] == "of") && before.end + 1 == start;
    let shots = |group: usize| menu.groups[group].id == "shots";
    of && matches!(before.meaning, Meaning::Choice { group, .. } if shots(group))
}

/// Where the description of the drink at `index` opens: at the last "and a" (or
/// number) before it, otherwise at the choices that stand right before it
/// without a "with".
fn opening(words: &[String], matches: &[Match], index: usize) -> usize {
    let start = matches[index].start;
    let floor =
        matches[..index].iter().rev().find(|m| matches!(m.meaning, Meaning::Item(_))).map_or(0, |m| m.end);
    let opens = |at: usize| {
        let next = words.get(at + 1).map_or("", String::as_str);
        words[at] == "and" && (number(next).is_some() || matches!(next, "another" | "the"))
    };
    if let Some(at) = (floor..start).rev().find(|at| opens(*at)) {
        return at;
    }
    let mut run = start;
    for earlier in matches[floor_index(matches, index)..index].iter().rev() {
        let with = earlier.start.checked_sub(1).is_some_and(|at| words[at] == "with");
        if earlier.end != run || with {
            break;
        }
        run = earlier.start;
    }
    run
}

/// Index of the first match after the drink before `index`.
fn floor_index(matches: &[Match], index: usize) -> usize {
    matches[..index].iter().rposition(|m| matches!(m.meaning, Meaning::Item(_))).map_or(0, |at| at + 1)
}

/// The number said before a drink or before the choices that lead to it.
fn quantity_before(words: &[String], matches: &[Match], index: usize) -> Option<u32> {
    let mut at = matches[index].start;
    // Step over the choices that directly precede: "two large lattes".
    for earlier in matches[..index].iter().rev() {
        if earlier.end != at || !matches!(earlier.meaning, Meaning::Choice { .. }) {
            break;
        }
        at = earlier.start;
    }
    let taken = |position: usize| matches.iter().any(|m| (m.start..m.end).contains(&position));
    let before = at.checked_sub(1).filter(|position| !taken(*position))?;
    let word = if words[before] == "of" { words.get(before.checked_sub(1)?)? } else { words.get(before)? };
    if word == "zero" { Some(0) } else { number(word) }
}

fn finish(menu: &Menu, draft: Draft) -> Option<HeardLine> {
    let item = draft.item?;
    let allowed: Vec<usize> = menu.groups_of(item).collect();
    let options = draft
        .chosen
        .into_iter()
        .filter(|(group, _)| allowed.contains(group))
        .map(|(group, (value, amount))| {
            let entry = &menu.groups[group];
            let name = &entry.values[value].name;
            let said = amount.map_or_else(|| name.clone(), |a| format!("{} {name}", menu.amounts[a]));
            (entry.id.clone(), said)
        })
        .collect();
    Some(HeardLine { item: menu.items[item].label(), quantity: draft.quantity.unwrap_or(1), options })
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
