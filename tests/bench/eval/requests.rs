//! Scores `dialog::wish` and `dialog::constraint` on labelled requests: the share
//! of requests with every field right, by field, for each hundred of the file apart:
//! what each was used for, tests/dialog/README.md tells.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt;

use aisle::dialog::constraint::{allergens_named, dietary_named, take_constraints};
use aisle::dialog::wish;
use aisle::dialog::words::words;

/// Requests that were drawn and labelled at once.
const PART: usize = 100;

/// The fields that count to a request's exact match, then those reported beside it.
const EXACT: [&str; 7] = ["colour", "size", "quantity", "material", "dietary", "free_from", "price"];
const BESIDE: [&str; 5] = ["kind head", "kind", "for_whom", "brand", "features"];

/// How many of `cases` requests are right, by field.
#[derive(Debug, Default)]
pub struct Score {
    pub cases: usize,
    pub right: Vec<(&'static str, usize)>,
    /// Requests with all of `EXACT` right.
    pub whole: usize,
    /// Text, field, what was read and what is right, of each miss.
    pub misses: Vec<(String, &'static str, String, String)>,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[allow(clippy::cast_precision_loss)]
        let share = |right: usize| 100.0 * right as f64 / self.cases.max(1) as f64;
        write!(f, "{} requests, all exact fields {:.0} %", self.cases, share(self.whole))?;
        self.right.iter().try_for_each(|(field, right)| write!(f, ", {field} {:.0} %", share(*right)))
    }
}

/// Scores each hundred lines of `jsonl`. `spoken` takes the punctuation out first, as a
/// speech engine's text may lack it.
///
/// # Errors
/// When a line is no JSON.
pub fn score(jsonl: &str, spoken: bool) -> serde_json::Result<Vec<Score>> {
    let labels: Vec<Value> = jsonl.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let scored = |part: &[Value]| {
        let mut score = Score::default();
        part.iter().for_each(|label| add(&mut score, label, spoken));
        score
    };
    Ok(labels.chunks(PART).map(scored).collect())
}

/// The shares of each hundred.
pub fn report(parts: &[Score]) -> Value {
    let part = |score: &Score| {
        let fields: serde_json::Map<String, Value> = score
            .right
            .iter()
            .map(|(field, right)| ((*field).to_owned(), json!(crate::program::share(*right, score.cases))))
            .collect();
        json!({"requests": score.cases, "all_exact": crate::program::share(score.whole, score.cases), "fields": fields})
    };
    parts.iter().map(part).collect()
}

fn add(score: &mut Score, label: &Value, spoken: bool) {
    let text = label["text"].as_str().unwrap_or_default();
    let text = if spoken { without_punctuation(text) } else { text.to_owned() };
    let wish = wish::read(&text);
    let constraints = take_constraints(&mut words(&text));
    let price = |cents: Option<i64>| cents.map(|cents| cents.to_string());
    let prices = |min: Option<i64>, max: Option<i64>| {
        format!("{}..{}", price(min).unwrap_or_default(), price(max).unwrap_or_default())
    };
    let said = |field: &str| label[field].as_array().into_iter().flatten().filter_map(Value::as_str);
    let of = |field: &str| set(said(field));
    // What is read are the catalog's words: those of a label's "plant-based" and "nut".
    let stated =
        |said: &str, stated: Vec<String>| if stated.is_empty() { vec![said.to_owned()] } else { stated };
    let dietary: Vec<String> =
        said("dietary").flat_map(|said| stated(said, dietary_named(&words(said)))).collect();
    let free_from: Vec<String> = said("free_from")
        .flat_map(|said| stated(said, allergens_named(said).iter().map(|word| (*word).to_owned()).collect()))
        .collect();
    let one = |field: &str| set(label[field].as_str());
    let found: [(&'static str, BTreeSet<String>, BTreeSet<String>); 12] = [
        ("colour", set(wish.colour.iter().map(String::as_str)), of("colour")),
        ("size", set(wish.size.iter().map(String::as_str)), of("size")),
        (
            "quantity",
            wish.quantity.iter().map(u32::to_string).collect(),
            label["quantity"].as_u64().iter().map(u64::to_string).collect(),
        ),
        ("material", set(wish.material.iter().map(String::as_str)), of("material")),
        (
            "dietary",
            set(constraints.dietary.iter().map(String::as_str)),
            set(dietary.iter().map(String::as_str)),
        ),
        (
            "free_from",
            set(constraints.free_from.iter().map(String::as_str)),
            set(free_from.iter().map(String::as_str)),
        ),
        (
            "price",
            [prices(constraints.min_price_cents, constraints.max_price_cents)].into(),
            [prices(label["min_price_cents"].as_i64(), label["max_price_cents"].as_i64())].into(),
        ),
        ("kind head", head(&wish.kind), head(label["kind"].as_str().unwrap_or_default())),
        ("kind", set([wish.kind.as_str()]), set([label["kind"].as_str().unwrap_or_default()])),
        ("for_whom", set(wish.for_whom.as_deref()), one("for_whom")),
        ("brand", set(wish.brand.as_deref()), one("brand")),
        ("features", set(wish.features.iter().map(String::as_str)), of("features")),
    ];
    if score.right.is_empty() {
        score.right = EXACT.iter().chain(&BESIDE).map(|field| (*field, 0)).collect();
    }
    score.cases += 1;
    let mut whole = true;
    for (field, read, right) in found {
        let is_right = read == right;
        whole &= is_right || !EXACT.contains(&field);
        if let Some((_, count)) = score.right.iter_mut().find(|(known, _)| *known == field) {
            *count += usize::from(is_right);
        }
        if !is_right {
            score.misses.push((text.clone(), field, format!("{read:?}"), format!("{right:?}")));
        }
    }
    score.whole += usize::from(whole);
}

/// Values compared without case; a hyphen is a space ("t-shirt" is "t shirt").
fn set<'a>(values: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let plain = |value: &str| {
        value
            .to_lowercase()
            .replace('-', " ")
            .replace(['\u{201c}', '\u{201d}'], "\"")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    values.into_iter().map(plain).collect()
}

/// The last word of a kind.
fn head(kind: &str) -> BTreeSet<String> {
    set([kind.split(|c: char| c == '-' || c.is_whitespace()).next_back().unwrap_or_default()])
}

/// Drops punctuation but decimal points; a hyphen becomes a space.
fn without_punctuation(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let digit = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_digit);
    let mut plain = String::new();
    for (at, c) in chars.iter().enumerate() {
        let is_decimal = *c == '.' && digit(at.checked_sub(1)) && digit(Some(at + 1));
        match c {
            _ if c.is_alphanumeric() || c.is_whitespace() || is_decimal || *c == '\'' => plain.push(*c),
            '.' | ',' => plain.push(' '),
            _ => plain.push(' '),
        }
    }
    plain
}
