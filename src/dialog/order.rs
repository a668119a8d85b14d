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
    /// Menu name.
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
}

/// Words that carry no content in an order. Skipping them is free, and a fuzzy
/// match must not swallow them.
pub(super) const FILLERS: &[&str] = &[
    "a", "an", "the", "and", "or", "with", "of", "in", "to", "for", "on", "it", "me", "my", "i", "we", "you",
    "would", "like", "want", "will", "have", "take", "get", "got", "can", "could", "may", "please", "order",
    "make", "made", "give", "need", "just", "also", "then", "uh", "um", "er", "hi", "hello", "hey", "there",
    "is", "that", "this", "be", "do", "us", "one", "some", "thanks", "thank", "add", "put", "go", "let",
    "am", "cup", "cups", "brew", "fix", "love", "went", "size", "sized", "drink", "so", "okay", "ok", "yes",
    "well", "plus", "roast", "shot", "shots", "getting", "grab", "bring", "try", "maybe", "actually", "now",
    "today", "if", "how", "about", "by", "at", "as", "much",
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
    if !matches.iter().any(|m| matches!(m.meaning, Meaning::Item(_))) {
        matches = with_nearest_item(menu, &words, matches);
    }
    if !matches.iter().any(|m| matches!(m.meaning, Meaning::Item(_))) {
        return Reading::default();
    }
    let covered = |index: usize| matches.iter().any(|m| (m.start..m.end).contains(&index));
    let leftover = words
        .iter()
        .enumerate()
        .filter(|(index, word)| !covered(*index) && !is_filler(word) && number(word).is_none())
        .map(|(_, word)| word.clone())
        .collect();
    let exact = matches.iter().all(|m| m.distance == 0.0);
    Reading { lines: gather(menu, &words, &matches), leftover, exact }
}

/// How many options `words` name, whether or not they name a drink.
#[must_use]
pub fn options(menu: &Menu, words: &[String]) -> usize {
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

fn is_filler(word: &str) -> bool {
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
        let strict = matches!(phrase.meaning, Meaning::Amount(_))
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
                let amount = amount
                    .take()
                    .filter(|(which, end)| {
                        found.start - end <= 1 && menu.groups[group].amounts.contains(&menu.amounts[*which])
                    })
                    .map(|(which, _)| which);
                pending.push(Choice { group, value, amount, at: found.start });
            }
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
                    Some(draft) if draft.item == Some(item) && quantity.is_none() => {}
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
    drafts.into_iter().filter_map(|draft| finish(menu, draft)).collect()
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
    number(word).filter(|n| *n > 0)
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
mod tests {
    use super::super::words::words;
    use super::*;
    use crate::domain::{OptionGroup, Product};
    use proptest::prelude::*;

    fn menu() -> Menu {
        let drinks = [
            "coffee",
            "iced coffee",
            "house coffee",
            "latte",
            "mocha",
            "iced mocha",
            "cappuccino",
            "espresso",
        ];
        let groups = r#"[
            {"id":"size","name":"size","prompt":"","values":[{"name":"small"},{"name":"medium"},{"name":"large"},
              {"name":"twelve ounce","synonyms":["12 oz"]}]},
            {"id":"roast","name":"roast","prompt":"","values":[{"name":"dark roast"},{"name":"medium roast"}]},
            {"id":"shots","name":"shots","prompt":"","values":[{"name":"double shot","synonyms":["two shots"]}]},
            {"id":"milk","name":"milk","prompt":"","amounts":["a bit of","lots of","no"],
              "values":[{"name":"milk"},{"name":"soy milk","synonyms":["soy"]},{"name":"cream"}]},
            {"id":"sweetener","name":"sweetener","prompt":"","amounts":["a bit of","lots of","no"],
              "values":[{"name":"sugar"},{"name":"brown sugar"}]}]"#;
        let groups: Vec<OptionGroup> = serde_json::from_str(groups).unwrap();
        let ids: Vec<_> = groups.iter().map(|g| g.id.clone()).collect();
        let item = |(n, title): (usize, &&str)| {
            let json = serde_json::json!({"sku": format!("C{n}"), "title": title, "option_groups": ids});
            serde_json::from_value::<Product>(json).unwrap()
        };
        Menu::new(drinks.iter().enumerate().map(item).collect(), groups)
    }

    /// `quantity item group=value ...`, joined by `;`.
    fn show(text: &str) -> String {
        let reading = read(&menu(), &words(text));
        let line = |l: &HeardLine| {
            let options: Vec<_> = l.options.iter().map(|(g, v)| format!(" {g}={v}")).collect();
            format!("{} {}{}", l.quantity, l.item, options.concat())
        };
        reading.lines.iter().map(line).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn orders_are_read_in_any_word_order() {
        let cases = [
            ("Can I get a large latte with soy milk, please?", "1 latte milk=soy milk size=large"),
            (
                "two 12oz iced coffees with lots of brown sugar",
                "2 iced coffee size=twelve ounce sweetener=lots of brown sugar",
            ),
            (
                "with a bit of cream a dark roast house coffee",
                "1 house coffee milk=a bit of cream roast=dark roast",
            ),
            ("a latte with a double shot of espresso", "1 latte shots=double shot"),
            ("a mocha without sugar", "1 mocha sweetener=no sugar"),
            ("I want a medium medium roast coffee", "1 coffee roast=medium roast size=medium"),
        ];
        for (text, expected) in cases {
            assert_eq!(show(text), expected, "{text}");
        }
    }

    #[test]
    fn several_drinks_keep_their_own_options() {
        assert_eq!(
            show("a large latte with soy milk and a small mocha with sugar"),
            "1 latte milk=soy milk size=large; 1 mocha size=small sweetener=sugar"
        );
        assert_eq!(
            show("large latte with soy milk, small mocha"),
            "1 latte milk=soy milk size=large; 1 mocha size=small"
        );
    }

    #[test]
    fn mishearings_are_repaired() {
        let cases = [
            ("I'd like a cap a chino", "1 cappuccino"),
            ("a large ice coffee", "1 iced coffee size=large"),
            ("a small late with milk", "1 latte milk=milk size=small"),
        ];
        for (text, expected) in cases {
            assert_eq!(show(text), expected, "{text}");
        }
    }

    #[test]
    fn corrections_replace() {
        assert_eq!(show("a coffee, sorry, a latte, small, no, large"), "1 latte size=large");
    }

    #[test]
    fn what_is_on_no_menu_is_left_over() {
        let reading = read(&menu(), &words("a latte and a chainsaw"));
        assert_eq!(reading.leftover, ["chainsaw"]);
        assert!(read(&menu(), &words("where are the tomatoes")).lines.is_empty());
        assert!(read(&menu(), &words("do you have 7 liters of milk")).lines.is_empty());
    }

    proptest! {
        #[test]
        fn any_words_are_survived(text in "[a-z0-9 ]{0,120}") {
            let _ = read(&menu(), &words(&text));
        }
    }
}
