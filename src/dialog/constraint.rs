//! Reads what a shopper requires of a product out of a query ("gluten free
//! bread under five dollars") and leaves the words to search for.

use super::size::take_size;
use super::tool::Constraints;
use super::words::{spoken_number, words};
use crate::domain::Cents;

/// Dietary words as said, and as the catalog states them.
const DIETARY: &[(&[&str], &str)] = &[
    (&["vegan"], "vegan"),
    (&["plant", "based"], "vegan"),
    (&["vegetarian"], "vegetarian"),
    (&["gluten", "free"], "gluten-free"),
    (&["without", "gluten"], "gluten-free"),
    (&["no", "gluten"], "gluten-free"),
    (&["lactose", "free"], "lactose-free"),
    (&["without", "lactose"], "lactose-free"),
    (&["sugar", "free"], "sugar-free"),
    (&["sugarless"], "sugar-free"),
    (&["no", "sugar"], "sugar-free"),
    (&["without", "sugar"], "sugar-free"),
    (&["organic"], "organic"),
    (&["halal"], "halal"),
    (&["kosher"], "kosher"),
    (&["low", "sodium"], "low-sodium"),
    (&["low", "salt"], "low-sodium"),
    (&["fair", "trade"], "fair-trade"),
    (&["fairtrade"], "fair-trade"),
];

/// Allergens as said, and as labels state them (regulation EU 1169/2011,
/// annex II, and the FDA's major allergens).
const ALLERGENS: &[(&str, &[&str])] = &[
    ("nuts", &["tree nuts", "peanuts"]),
    ("nut", &["tree nuts", "peanuts"]),
    ("almonds", &["tree nuts"]),
    ("hazelnuts", &["tree nuts"]),
    ("walnuts", &["tree nuts"]),
    ("cashews", &["tree nuts"]),
    ("peanuts", &["peanuts"]),
    ("peanut", &["peanuts"]),
    ("milk", &["milk"]),
    ("dairy", &["milk"]),
    ("lactose", &["milk"]),
    ("eggs", &["egg"]),
    ("egg", &["egg"]),
    ("gluten", &["gluten"]),
    ("wheat", &["wheat"]),
    ("soy", &["soy"]),
    ("soya", &["soy"]),
    ("sesame", &["sesame"]),
    ("fish", &["fish"]),
    ("shellfish", &["crustaceans", "molluscs"]),
    ("crustaceans", &["crustaceans"]),
    ("shrimp", &["crustaceans"]),
    ("molluscs", &["molluscs"]),
    ("celery", &["celery"]),
    ("mustard", &["mustard"]),
    ("sulphites", &["sulphites"]),
    ("sulfites", &["sulphites"]),
    ("lupin", &["lupin"]),
];

/// The label words for an allergen as it is said; empty for other words.
#[must_use]
pub fn allergens_named(word: &str) -> &'static [&'static str] {
    ALLERGENS.iter().find(|(said, _)| *said == word).map_or(&[], |(_, stated)| stated)
}

/// The dietary words said anywhere in `words`, as the catalog states them.
#[must_use]
pub fn dietary_named(words: &[String]) -> Vec<String> {
    let mut words = words.to_vec();
    take_dietary(&mut words)
}

fn take_dietary(words: &mut Vec<String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (said, stated) in DIETARY {
        while take(words, said) {
            if !found.iter().any(|known| known == stated) {
                found.push((*stated).to_owned());
            }
        }
    }
    found
}

/// Removes the first run of `said` from `words`; false when there is none.
fn take(words: &mut Vec<String>, said: &[&str]) -> bool {
    let at = words.windows(said.len()).position(|run| run.iter().zip(said).all(|(a, b)| a == b));
    if let Some(at) = at {
        words.drain(at..at + said.len());
    }
    at.is_some()
}

/// Takes the constraints out of `words`; what is left is what to search for.
#[must_use]
pub fn take_constraints(words: &mut Vec<String>) -> Constraints {
    let mut constraints = Constraints { dietary: take_dietary(words), ..Constraints::default() };
    take_free_from(words, &mut constraints.free_from);
    for said in [
        &["for", "less", "than"][..],
        &["less", "than"],
        &["under"],
        &["below"],
        &["cheaper", "than"],
        &["up", "to"],
        &["at", "most"],
        &["no", "more", "than"],
    ] {
        if let Some(cents) = take_price(words, said) {
            constraints.max_price_cents = Some(cents);
        }
    }
    for said in [&["more", "than"][..], &["over"], &["above"], &["at", "least"]] {
        if let Some(cents) = take_price(words, said) {
            constraints.min_price_cents = Some(cents);
        }
    }
    for said in [&["in", "stock"][..], &["available"]] {
        constraints.in_stock |= take(words, said);
    }
    for said in ["cheap", "cheapest", "cheaper", "inexpensive", "affordable", "budget"] {
        constraints.cheapest_first |= take(words, &[said]);
    }
    // After prices, whose pounds are not weights.
    constraints.size = take_size(words);
    constraints
}

/// Splits a query into what to search for and what is required of it. The words that
/// are left stay as written, for model numbers' sake; a query without constraints
/// stays whole.
#[must_use]
pub fn split(text: &str) -> (String, Constraints) {
    let mut left = words(text);
    let constraints = take_constraints(&mut left);
    if constraints.is_empty() {
        return (text.to_owned(), constraints);
    }
    // What is left is a part of what was there, in its order.
    let mut left = left.into_iter().peekable();
    let mut kept: Vec<String> = Vec::new();
    for written in text.split_whitespace() {
        let all = words(written);
        let stays: Vec<String> = all.iter().filter_map(|word| left.next_if_eq(word)).collect();
        if stays.len() == all.len() && !all.is_empty() {
            kept.push(written.to_owned());
        } else {
            kept.extend(stays);
        }
    }
    // A word that was joined over a space would otherwise be lost.
    kept.extend(left);
    (kept.join(" "), constraints)
}

/// "without nuts", "nut free", "no peanuts".
fn take_free_from(words: &mut Vec<String>, free_from: &mut Vec<String>) {
    let mut at = 0;
    while at + 1 < words.len() {
        let pair = (words[at].as_str(), words[at + 1].as_str());
        let stated = match pair {
            ("without" | "no", allergen) | (allergen, "free") => allergens_named(allergen),
            _ => &[],
        };
        if stated.is_empty() {
            at += 1;
            continue;
        }
        words.drain(at..at + 2);
        free_from.extend(
            stated.iter().map(|s| (*s).to_owned()).filter(|s| !free_from.contains(s)).collect::<Vec<_>>(),
        );
    }
}

/// Takes `said` and the price after it: "under 5", "under $5.50", "under five
/// dollars", "under 50 cents".
fn take_price(words: &mut Vec<String>, said: &[&str]) -> Option<Cents> {
    let at = words.windows(said.len()).position(|run| run.iter().zip(said).all(|(a, b)| a == b))?;
    let first = at + said.len();
    let (amount, mut used) = price_at(words, first)?;
    let unit = words.get(first + used).map_or("", String::as_str);
    let cents = match unit {
        "cent" | "cents" => {
            used += 1;
            amount
        }
        "dollar" | "dollars" | "bucks" | "euro" | "euros" | "pound" | "pounds" => {
            used += 1;
            amount.checked_mul(100)?
        }
        _ => amount.checked_mul(100)?,
    };
    words.drain(at..first + used);
    // Kept in hundredths until here, so that "$5.50" is exact.
    Some(cents / 100)
}

/// An amount in hundredths and the number of words it takes.
fn price_at(words: &[String], at: usize) -> Option<(Cents, usize)> {
    let word = words.get(at)?;
    let bare = word.trim_start_matches(['$', '€', '£']);
    let (whole, part) = bare.split_once('.').unwrap_or((bare, ""));
    if let Ok(whole) = whole.parse::<u32>() {
        let part: Cents = format!("{part:0<2}").get(..2)?.parse().ok()?;
        return Some((Cents::from(whole) * 100 + part, 1));
    }
    let (amount, used) = spoken_number(words, at)?;
    Some((Cents::from(amount) * 100, used))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Constraints) {
        let mut words = words(text);
        let constraints = take_constraints(&mut words);
        (words.join(" "), constraints)
    }

    #[test]
    fn constraints_leave_the_query() {
        let (query, constraints) = read("gluten-free bread under five dollars");
        assert_eq!(query, "bread");
        assert_eq!(
            (constraints.max_price_cents, constraints.dietary),
            (Some(500), vec!["gluten-free".into()])
        );
        let (query, constraints) = read("cheap cookies without nuts below $3.50");
        assert_eq!(query, "cookies");
        assert_eq!(constraints.max_price_cents, Some(350));
        assert_eq!(constraints.free_from, ["tree nuts", "peanuts"]);
        assert!(constraints.cheapest_first);
        assert_eq!(read("wine over twenty five dollars").1.min_price_cents, Some(2500));
        assert_eq!(read("gum under 50 cents").1.max_price_cents, Some(50));
    }

    #[test]
    fn what_is_left_stays_as_written() {
        let (query, constraints) = split("Brother TN-2110 toner under $40.50, in stock");
        assert_eq!(query, "Brother TN-2110 toner");
        assert_eq!((constraints.max_price_cents, constraints.in_stock), (Some(4050), true));
        assert_eq!(split("HP dv7-1211ea").0, "HP dv7-1211ea");
        assert_eq!(split("gluten-free Kellogg's flakes for less than five dollars").0, "Kellogg's flakes");
        assert_eq!(split("under 5 dollars").0, "");
        let (query, constraints) = split("2 l milk under 3 pounds");
        assert_eq!(query, "milk");
        assert_eq!(constraints.size.and_then(|size| size.millilitres), Some(2000.0));
    }

    #[test]
    fn plain_queries_stay_whole() {
        assert_eq!(read("whole milk"), ("whole milk".into(), Constraints::default()));
    }
}
