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
    (&["sugarless"], "sugar-free"),
    (&["no", "added", "sugar"], "no-added-sugar"),
    (&["nonfat"], "fat-free"),
    // No allergen's absence: such creamers may hold milk protein.
    (&["non", "dairy"], "dairy-free"),
    (&["nondairy"], "dairy-free"),
    (&["keto", "friendly"], "keto"),
    (&["keto"], "keto"),
    (&["ketogenic"], "keto"),
    (&["paleo"], "paleo"),
    (&["usda", "certified", "organic"], "organic"),
    (&["usda", "organic"], "organic"),
    (&["certified", "organic"], "organic"),
    (&["organic"], "organic"),
    (&["halal"], "halal"),
    (&["kosher"], "kosher"),
    (&["fair", "trade"], "fair-trade"),
    (&["fairtrade"], "fair-trade"),
];

/// What is said to be absent ("fat free", "without sugar"), and the dietary word for it.
const ABSENT: &[(&str, &str)] = &[
    ("gluten", "gluten-free"),
    ("lactose", "lactose-free"),
    ("sugar", "sugar-free"),
    ("fat", "fat-free"),
    ("gmo", "non-gmo"),
    ("gmos", "non-gmo"),
    ("grain", "grain-free"),
    ("caffeine", "caffeine-free"),
];

/// Other things that products are free from; catalogs state them as they are said.
const SUBSTANCES: &[&str] = &[
    "alcohol",
    "aluminium",
    "aluminum",
    "ammonia",
    "bpa",
    "fluoride",
    "formaldehyde",
    "fragrance",
    "latex",
    "lead",
    "msg",
    "oil",
    "paraben",
    "parabens",
    "phthalate",
    "phthalates",
    "preservatives",
    "silicone",
    "sulfate",
    "sulfates",
    "sulphate",
    "sulphates",
    "talc",
];

/// Nutrients as said after "low" or "high in", and the dietary words for little and
/// for much of them; empty where it is no claim.
const NUTRIENTS: &[(&str, &str, &str)] = &[
    ("sodium", "low-sodium", ""),
    ("salt", "low-sodium", ""),
    ("sugar", "low-sugar", ""),
    ("carb", "low-carb", ""),
    ("carbs", "low-carb", ""),
    ("carbohydrate", "low-carb", ""),
    ("fat", "low-fat", ""),
    ("calorie", "low-calorie", ""),
    ("calories", "low-calorie", ""),
    ("cholesterol", "low-cholesterol", ""),
    ("protein", "", "high-protein"),
    ("fiber", "", "high-fiber"),
    ("fibre", "", "high-fiber"),
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
    ("coeliac", &["gluten"]),
    ("coeliacs", &["gluten"]),
    ("celiac", &["gluten"]),
    ("celiacs", &["gluten"]),
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

/// The label words for all allergens said in `words`, each once.
#[must_use]
pub fn allergens_in(words: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in words {
        for stated in allergens_named(word) {
            if !found.iter().any(|known| known == stated) {
                found.push((*stated).to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The dietary words said anywhere in `words`, as the catalog states them.
#[must_use]
pub fn dietary_named(words: &[String]) -> Vec<String> {
    let mut words = words.to_vec();
    take_dietary(&mut words)
}

fn take_dietary(words: &mut Vec<String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let add = |found: &mut Vec<String>, stated: &str| {
        if !found.iter().any(|known| known == stated) {
            found.push(stated.to_owned());
        }
    };
    for (said, stated) in DIETARY {
        while take(words, said) {
            add(&mut found, stated);
        }
    }
    let mut at = 0;
    while at < words.len() {
        if let Some((all, used)) = levels_at(words, at) {
            all.iter().for_each(|stated| add(&mut found, stated));
            words.drain(at..at + used);
            continue;
        }
        let Some((things, used)) = absence_at(words, at) else {
            at += 1;
            continue;
        };
        // "BPA and GMO free": the other thing stays, in its short form.
        let (diets, others): (Vec<String>, Vec<String>) =
            things.into_iter().partition(|thing| diet_without(thing).is_some());
        if diets.is_empty() {
            at += used;
            continue;
        }
        diets.iter().filter_map(|thing| diet_without(thing)).for_each(|stated| add(&mut found, stated));
        let left = others.into_iter().flat_map(|thing| [thing, "free".to_owned()]);
        words.splice(at..at + used, left.collect::<Vec<_>>());
    }
    found
}

/// The dietary word for the absence of a thing.
fn diet_without(thing: &str) -> Option<&'static str> {
    ABSENT.iter().find(|(said, _)| *said == thing).map(|(_, stated)| *stated)
}

/// "low sugar", "low in sugar and fat": the dietary words, and how many words say them.
fn levels_at(words: &[String], at: usize) -> Option<(Vec<&'static str>, usize)> {
    let word = |ahead: usize| words.get(at + ahead).map_or("", String::as_str);
    let mut used = if word(1) == "in" { 2 } else { 1 };
    let mut all = Vec::new();
    while let Some((_, low, high)) = NUTRIENTS.iter().find(|(said, ..)| *said == word(used)) {
        let stated = match word(0) {
            "low" | "reduced" => low,
            "high" => high,
            "rich" if word(1) == "in" => high,
            _ => "",
        };
        if stated.is_empty() {
            break;
        }
        all.push(stated);
        used += if word(used + 1) == "and" { 2 } else { 1 };
    }
    // A last "and" leads to something else.
    used -= usize::from(word(used - 1) == "and");
    (!all.is_empty()).then_some((all, used))
}

/// The things whose absence is said at a word, and how many words say it: "without
/// sugar", "gluten and soy free", "free from milk".
fn absence_at(words: &[String], at: usize) -> Option<(Vec<String>, usize)> {
    let word = |ahead: usize| words.get(at + ahead).map_or("", String::as_str);
    let is_thing = |said: &str| {
        diet_without(said).is_some() || !allergens_named(said).is_empty() || SUBSTANCES.contains(&said)
    };
    let lead = match (word(0), word(1)) {
        ("without", "any") | ("free", "of" | "from") | ("not", "contain" | "include") => 2,
        ("without" | "no" | "non" | "zero" | "lack" | "lacks" | "lacking", _) | ("not", "alcoholic") => 1,
        _ => 0,
    };
    if lead > 0 {
        return match word(lead) {
            "alcoholic" => Some((vec!["alcohol".to_owned()], lead + 1)),
            said if is_thing(said) => Some((vec![said.to_owned()], lead + 1)),
            _ => None,
        };
    }
    let mut things: Vec<String> = Vec::new();
    let mut used = 0;
    // "Milk and sugar free gum" wants milk: only what nobody buys as such is in a list.
    let is_listed = |said: &str| {
        diet_without(said).is_some()
            || matches!(said, "dairy" | "egg" | "nut" | "peanut" | "soy" | "wheat")
            || (SUBSTANCES.contains(&said) && !matches!(said, "alcohol" | "lead" | "oil"))
    };
    while is_thing(word(used)) && (word(used + 1) == "free" || is_listed(word(used))) {
        things.push(word(used).to_owned());
        used += 1;
        if word(used) == "free" {
            return Some((things, used + 1));
        }
        used += usize::from(matches!(word(used), "and" | "or"));
    }
    None
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
        &["not", "more", "than"],
        &["no", "more", "than"],
        &["less", "than"],
        &["lower", "than"],
        &["cheaper", "than"],
        &["under"],
        &["below"],
        &["up", "to"],
        &["at", "most"],
    ] {
        if let Some(cents) = take_price(words, said) {
            constraints.max_price_cents = Some(cents);
        }
    }
    for said in [&["more", "than"][..], &["higher", "than"], &["over"], &["above"], &["at", "least"]] {
        if let Some(cents) = take_price(words, said) {
            constraints.min_price_cents = Some(cents);
        }
    }
    for said in [&["in", "stock"][..], &["available"]] {
        constraints.in_stock |= take(words, said);
    }
    for said in [
        &["costs", "the", "least"][..],
        &["cost", "the", "least"],
        &["least", "expensive"],
        &["lowest", "price"],
        &["lowest", "priced"],
        &["not", "too", "expensive"],
    ] {
        constraints.cheapest_first |= take(words, said);
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
    while at < words.len() {
        let Some((things, used)) = absence_at(words, at) else {
            at += 1;
            continue;
        };
        words.drain(at..at + used);
        for thing in things {
            let stated = allergens_named(&thing);
            let stated = if stated.is_empty() { vec![thing.as_str()] } else { stated.to_vec() };
            for stated in stated {
                if !free_from.iter().any(|known| known == stated) {
                    free_from.push(stated.to_owned());
                }
            }
        }
    }
}

/// Words that follow a price said without its currency.
const AFTER_PRICE: &[&str] =
    &["", "and", "or", "but", "please", "for", "with", "in", "that", "which", "from", "each", "i", "is"];

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
        // "Up to 48 inches" is no price, "under 5 please" is.
        _ if words[first].starts_with(['$', '€', '£']) || AFTER_PRICE.contains(&unit) => {
            amount.checked_mul(100)?
        }
        _ => return None,
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
    fn claims_are_read_in_all_their_forms() {
        for (text, query, dietary, free_from) in [
            ("fat free yogurt", "yogurt", &["fat-free"][..], &[][..]),
            (
                "a cola with no sugar or zero caffeine",
                "a cola with or",
                &["sugar-free", "caffeine-free"],
                &[],
            ),
            ("bpa and gmo free cans", "cans", &["non-gmo"], &["bpa"]),
            ("milk and sugar free gum", "milk and gum", &["sugar-free"], &[]),
            ("snacks low in sugar and fat", "snacks", &["low-sugar", "low-fat"], &[]),
            ("high protein bars", "bars", &["high-protein"], &[]),
            ("non alcoholic beer free from wheat", "beer", &[], &["alcohol", "wheat"]),
            ("keto friendly non dairy creamer", "creamer", &["dairy-free", "keto"], &[]),
        ] {
            let (left, constraints) = read(text);
            assert_eq!(left, query, "{text}");
            assert_eq!(constraints.dietary, dietary, "{text}");
            assert_eq!(constraints.free_from, free_from, "{text}");
        }
    }

    #[test]
    fn a_measure_is_no_price() {
        for text in
            ["a stand for screens up to 48 inches", "at least 8 feet of rope", "toys for over 3 year olds"]
        {
            assert_eq!(read(text).1.max_price_cents.or(read(text).1.min_price_cents), None, "{text}");
        }
        assert_eq!(read("bread under 5 please").1.max_price_cents, Some(500));
        assert_eq!(read("lower than $20 lamps").1.max_price_cents, Some(2000));
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
