//! What a reply claims of a product in words: whether it is there, where it stands,
//! what is in it. Each claim is held against the catalog's own statements.

use crate::checker::Turn;
use crate::shop::{FIXED, Product};
use crate::text::{Kind, Mark};

/// Groups of the words for one allergen, the catalog's word first.
const ALLERGENS: &[&[&str]] = &[
    &["milk", "dairy"],
    &["egg", "eggs"],
    &["fish"],
    &["peanuts", "peanut"],
    &["tree nuts", "tree nut"],
    &["soy", "soya"],
    &["gluten"],
    &["wheat"],
    &["sesame"],
    &["mustard"],
    &["celery"],
    &["sulphites", "sulfites", "sulphite", "sulfite"],
    &["lupin"],
    &["crustaceans", "crustacean"],
    &["molluscs", "mollusc", "mollusks"],
];
/// Words for two allergens at once.
const WIDE: &[(&str, [&str; 2])] =
    &[("nuts", ["peanuts", "tree nuts"]), ("shellfish", ["crustaceans", "molluscs"])];
const DIETS: &[&str] = &[
    "vegan",
    "vegetarian",
    "organic",
    "fair-trade",
    "kosher",
    "halal",
    "low-sodium",
    "keto",
    "paleo",
    "plant-based",
    "low-fat",
    "low-carb",
];

/// What is told of an allergen.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cue {
    Contains,
    May,
    Free,
    NotFree,
    Unstated,
}

/// The products that a claim is about: each entry are those that bear one title.
type Subjects = Vec<Vec<usize>>;

/// The sentences of a text, each with its last mark.
pub fn sentences(marks: &[Mark]) -> Vec<&[Mark]> {
    marks.split_inclusive(|mark| matches!(mark.kind, Kind::Stop(_))).collect()
}

pub fn check(turn: &mut Turn, key: &str, marks: &[Mark]) {
    areas(turn, key);
    let mut last: Subjects = Vec::new();
    for sentence in sentences(marks) {
        let asks = matches!(sentence.last().map(|mark| &mark.kind), Some(Kind::Stop(true)));
        if !asks {
            stock(turn, key, sentence, &last);
            places(turn, key, sentence, &last);
            contents(turn, key, sentence, &last);
        }
        if let Some(subjects) = subjects(turn, sentence, sentence.len()) {
            last = subjects;
        }
    }
}

/// Whether a sentence has one of these words.
pub fn says(sentence: &[Mark], words: &[&str]) -> bool {
    sentence.iter().filter_map(Mark::word).any(|word| words.contains(&word))
}

fn word(sentence: &[Mark], i: usize) -> &str {
    sentence.get(i).and_then(Mark::word).unwrap_or_default()
}

/// Whether these words stand at `i`, signs left out of account.
fn phrase(sentence: &[Mark], i: usize, words: &[&str]) -> bool {
    words.iter().enumerate().all(|(n, wanted)| word(sentence, i + n) == *wanted)
}

fn back(sentence: &[Mark], i: usize, most: usize, words: &[&str]) -> bool {
    (i.saturating_sub(most)..i).any(|at| words.contains(&word(sentence, at)))
}

/// The titles before a place of a sentence that stand together, with nothing but
/// "and", commas and numbers between them.
fn subjects(turn: &Turn, sentence: &[Mark], end: usize) -> Option<Subjects> {
    let mut found = Subjects::new();
    for mark in sentence[..end].iter().rev() {
        match &mark.kind {
            Kind::Name(title) if *title < FIXED => found.push(turn.bearers(*title)),
            Kind::Name(_) => {}
            Kind::Sign(',') | Kind::Number(_) if !found.is_empty() => {}
            Kind::Word(word) if !found.is_empty() && matches!(&**word, "and" | "or" | "both" | "the") => {}
            _ if found.is_empty() => {}
            _ => break,
        }
    }
    found.retain(|bearers| !bearers.is_empty());
    (!found.is_empty()).then_some(found)
}

/// Those before the claim in its sentence, else those of the sentence, else the last
/// that were told of.
fn about(turn: &Turn, sentence: &[Mark], i: usize, last: &Subjects) -> Subjects {
    let own = subjects(turn, sentence, i).or_else(|| subjects(turn, sentence, sentence.len()));
    own.unwrap_or_else(|| last.clone())
}

/// Whether a claim holds for each subject; of no subject, for something in the turn.
fn holds(turn: &Turn, subjects: &Subjects, claim: impl Fn(&Product) -> bool) -> bool {
    if subjects.is_empty() {
        return turn.own.iter().any(|product| claim(turn.product(*product)));
    }
    subjects.iter().all(|bearers| bearers.iter().any(|product| claim(turn.product(*product))))
}

fn told(turn: &Turn, subjects: &Subjects) -> String {
    let first = subjects.iter().filter_map(|bearers| bearers.first());
    let titles: Vec<&str> = first.map(|product| &*turn.product(*product).title).collect();
    if titles.is_empty() { "nothing named".to_owned() } else { titles.join(", ") }
}

/// What makes a claim right.
type Right = Box<dyn Fn(&Product) -> bool>;

fn stock(turn: &mut Turn, key: &str, sentence: &[Mark], last: &Subjects) {
    for i in 0..sentence.len() {
        let number = sentence[i].number().and_then(|number| number.parse::<i64>().ok());
        let here = |at: usize| {
            phrase(sentence, at, &["in", "stock"])
                || phrase(sentence, at, &["on", "the", "shelf"])
                || ["left", "available", "remaining"].contains(&word(sentence, at))
        };
        let doubt = back(sentence, i, 6, &["know", "whether", "if", "sure", "unknown"]);
        let (claim, right): (String, Right) = if doubt && here(i) {
            ("unknown".into(), Box::new(|product| product.carried().is_none()))
        } else if doubt {
            continue;
        } else if let Some(n) = number.filter(|_| here(i + 1)) {
            (n.to_string(), Box::new(move |product| product.stock == Some(n)))
        } else if phrase(sentence, i, &["out", "of", "stock"])
            || phrase(sentence, i, &["sold", "out"])
            || phrase(sentence, i, &["none", "left"])
            || phrase(sentence, i, &["not", "in", "stock"])
            || phrase(sentence, i, &["not", "available"])
            || word(sentence, i) == "unavailable"
        {
            ("out of stock".into(), Box::new(|product| product.carried() == Some(false)))
        } else if phrase(sentence, i, &["in", "stock"]) && !back(sentence, i, 2, &["not", "isn't", "aren't"])
        {
            let counted = i > 0 && sentence[i - 1].number().is_some();
            if counted {
                continue;
            }
            ("in stock".into(), Box::new(|product| product.carried() == Some(true)))
        } else {
            continue;
        };
        let subjects = about(turn, sentence, i, last);
        if !holds(turn, &subjects, right) {
            let detail = format!("{key}: {claim} of {}", told(turn, &subjects));
            turn.fault("stock claim", detail);
        }
    }
}

/// A place told at `i`: the aisle's id, and bay and shelf where they are told.
fn place(marks: &[Mark], i: usize) -> Option<(Option<String>, Option<i64>, Option<i64>)> {
    let after = |name: &str, from: usize, to: usize| {
        let at = (from..to).find(|at| word(marks, *at) == name)? + 1;
        let mut id = String::new();
        for (n, mark) in marks[at.min(marks.len())..].iter().enumerate() {
            // An aisle may be "P" or "7B", written as one.
            match &mark.kind {
                _ if n > 0 && marks[at + n - 1].at.end != mark.at.start => break,
                Kind::Number(number) => id.push_str(&number.value),
                Kind::Word(word) if word.chars().count() == 1 => id.push_str(&word.to_uppercase()),
                _ => break,
            }
        }
        Some(id).filter(|id| !id.is_empty())
    };
    let begins = ["aisle", "bay", "shelf"].contains(&word(marks, i));
    let inside = back(marks, i, 6, &["aisle"]) || word(marks, i) == "shelf" && back(marks, i, 3, &["bay"]);
    if !begins || inside && word(marks, i) != "aisle" {
        return None;
    }
    let end = (i + 1..marks.len()).find(|at| {
        word(marks, *at) == "aisle"
            || matches!(marks[*at].kind, Kind::Stop(_) | Kind::Name(_) | Kind::Amount { .. })
    });
    let end = end.unwrap_or(marks.len()).min(i + 9);
    let whole = |name: &str| after(name, i, end).and_then(|number| number.parse().ok());
    let told = (after("aisle", i, end), whole("bay"), whole("shelf"));
    (told != (None, None, None)).then_some(told)
}

/// Whether the place that a text tells is the product's; `None` when it tells none.
pub fn place_holds(marks: &[Mark], product: &Product) -> Option<bool> {
    let mut places = (0..marks.len()).filter_map(|i| place(marks, i)).peekable();
    places.peek()?;
    Some(places.all(|(aisle, bay, shelf)| {
        let same =
            |told: &String| product.aisle.as_ref().is_some_and(|aisle| aisle.eq_ignore_ascii_case(told));
        aisle.as_ref().is_none_or(same)
            && (bay.is_none() || bay == product.bay)
            && (shelf.is_none() || shelf == product.shelf)
    }))
}

fn places(turn: &mut Turn, key: &str, sentence: &[Mark], last: &Subjects) {
    for i in 0..sentence.len() {
        let Some((aisle, bay, shelf)) = place(sentence, i) else { continue };
        let subjects = about(turn, sentence, i, last);
        let right = |product: &Product| {
            let same =
                |told: &String| product.aisle.as_ref().is_some_and(|aisle| aisle.eq_ignore_ascii_case(told));
            aisle.as_ref().is_none_or(same)
                && (bay.is_none() || bay == product.bay)
                && (shelf.is_none() || shelf == product.shelf)
        };
        if !holds(turn, &subjects, right) {
            let detail = format!("{key}: {aisle:?} {bay:?} {shelf:?} of {}", told(turn, &subjects));
            turn.fault("place claim", detail);
        }
    }
}

/// "aisle C (Café counter)": the name is that of the aisle.
fn areas(turn: &mut Turn, key: &str) {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let text = turn.answer[key].as_str().unwrap_or_default();
    let mut wrong = Vec::new();
    for told in text.split("aisle ").skip(1) {
        let Some((id, name)) = told.split_once(" (").filter(|(id, _)| !id.contains([' ', ',', '.', ';']))
        else {
            continue;
        };
        let mut own = turn.own.iter().map(|product| turn.product(*product));
        let name = letters(name);
        let right = own.any(|product| {
            let area = product.area.as_deref().map(letters).unwrap_or_default();
            product.aisle.as_deref() == Some(id) && !area.is_empty() && name.starts_with(&area)
        });
        if !right {
            wrong.push(format!("{key}: aisle {id} ({name}"));
        }
    }
    for detail in wrong {
        turn.fault("area name", detail);
    }
}

/// The allergens that a word at `i` stands for, and how many marks it takes.
fn allergens(sentence: &[Mark], i: usize) -> Option<(Vec<&'static str>, usize)> {
    let wide = WIDE
        .iter()
        .find(|(name, _)| word(sentence, i) == *name && word(sentence, i.wrapping_sub(1)) != "tree");
    if let Some((_, both)) = wide {
        return Some((both.to_vec(), 1));
    }
    let named = |name: &str| phrase(sentence, i, &name.split(' ').collect::<Vec<_>>());
    let group = ALLERGENS.iter().find(|group| group.iter().any(|name| named(name)))?;
    let taken = group.iter().find(|name| named(name)).map_or(1, |name| name.split(' ').count());
    Some((vec![group[0]], taken))
}

/// A dietary word at `i`, "gluten-free" or "vegan", and how many marks it takes.
fn diet(sentence: &[Mark], i: usize) -> Option<(String, usize)> {
    let hyphen =
        |at: usize| usize::from(matches!(sentence.get(at).map(|mark| &mark.kind), Some(Kind::Sign('-'))));
    let second = i + 1 + hyphen(i + 1);
    let (first, other) = (word(sentence, i), word(sentence, second));
    let what =
        ["gluten", "lactose", "sugar", "dairy", "nut", "milk", "egg", "soy", "wheat", "alcohol", "caffeine"];
    let pair = format!("{first}-{other}");
    if other == "free" && what.contains(&first) && !["from", "of"].contains(&word(sentence, second + 1))
        || DIETS.contains(&&*pair)
    {
        return Some((pair, second + 1 - i));
    }
    DIETS.contains(&first).then(|| (first.to_owned(), 1))
}

fn contents(turn: &mut Turn, key: &str, sentence: &[Mark], last: &Subjects) {
    let nots = ["not", "no", "isn't", "aren't", "doesn't", "don't", "nothing", "without", "cannot", "can't"];
    let (mut cue, mut i): (Option<Cue>, usize) = (None, 0);
    while i < sentence.len() {
        let denied = back(sentence, i, 4, &nots);
        if let Some((diet, taken)) = diet(sentence, i) {
            diet_claim(turn, key, sentence, (i, taken), &diet, denied, last);
            i += taken;
            continue;
        }
        match word(sentence, i) {
            "contain" | "contains" | "containing" => {
                let may = back(sentence, i, 2, &["may", "might", "can", "could"]);
                cue = Some(if denied {
                    Cue::Free
                } else if may {
                    Cue::May
                } else {
                    Cue::Contains
                });
            }
            "traces" => cue = Some(Cue::May),
            "free" if ["from", "of"].contains(&word(sentence, i + 1)) => {
                cue = Some(if denied { Cue::NotFree } else { Cue::Free });
            }
            "no" | "without" if cue == Some(Cue::Contains) => cue = Some(Cue::Free),
            "statement" | "stated" | "states" | "says" | "say" | "mention" | "listed" | "declared"
                if denied =>
            {
                cue = Some(Cue::Unstated);
            }
            "whether" | "if" => cue = None,
            _ if matches!(sentence[i].kind, Kind::Sign(';' | ':') | Kind::Name(_)) => cue = None,
            _ => {}
        }
        let whole = phrase(sentence, i, &["allergen", "statement"]) && denied;
        if whole {
            let subjects = about(turn, sentence, i, last);
            if !holds(turn, &subjects, |product| product.allergens.is_none()) {
                let detail = format!("{key}: no allergen statement of {}", told(turn, &subjects));
                turn.fault("allergen claim", detail);
            }
        } else if let Some((allergens, taken)) = allergens(sentence, i) {
            if let Some(cue) = cue {
                let subjects = about(turn, sentence, i, last);
                if !holds(turn, &subjects, |product| contents_hold(product, cue, &allergens)) {
                    let detail = format!("{key}: {cue:?} {allergens:?} of {}", told(turn, &subjects));
                    turn.fault("allergen claim", detail);
                }
            }
            i += taken;
            continue;
        }
        i += 1;
    }
}

fn contents_hold(product: &Product, cue: Cue, allergens: &[&str]) -> bool {
    let none = [Vec::new(), Vec::new(), Vec::new()];
    let stated = product.allergens.as_ref().unwrap_or(&none);
    let listed = |list: usize, name: &str| {
        let diet = list == 2 && product.dietary.iter().any(|diet| *diet == format!("{name}-free"));
        diet || stated[list].iter().any(|stated| stated == name)
    };
    let any = |list: usize| allergens.iter().any(|name| listed(list, name));
    let every = |list: usize| allergens.iter().all(|name| listed(list, name));
    match cue {
        Cue::Contains => any(0),
        Cue::May => any(1),
        Cue::Free => every(2),
        Cue::NotFree => !every(2),
        Cue::Unstated => (0..3).all(|list| !any(list)),
    }
}

fn diet_claim(
    turn: &mut Turn,
    key: &str,
    sentence: &[Mark],
    (i, taken): (usize, usize),
    diet: &str,
    denied: bool,
    last: &Subjects,
) {
    let listed = |product: &Product| {
        let free = diet.strip_suffix("-free").filter(|_| diet != "sugar-free");
        let allergen = free.map(|name| match name {
            "dairy" => "milk",
            "nut" => "tree nuts",
            name => name,
        });
        product.dietary.iter().any(|listed| listed == diet)
            || allergen.is_some_and(|name| contents_hold(product, Cue::Free, &[name]))
    };
    let named = subjects(turn, sentence, sentence.len()).is_some();
    let pronoun = ["it", "they", "that", "this", "these", "both"].iter().any(|p| back(sentence, i, i, &[p]));
    let (right, subjects) = if named || pronoun && !last.is_empty() {
        let subjects = about(turn, sentence, i, last);
        (holds(turn, &subjects, |product| listed(product) != denied), subjects)
    } else if denied {
        // "I found nothing vegan": of no product.
        (true, Subjects::new())
    } else {
        // "I found 3 vegan ones": of all that is shown.
        (turn.cards.iter().all(|card| listed(turn.product(*card))), Subjects::new())
    };
    if !right {
        let not = if denied { "not " } else { "" };
        let detail = format!("{key}: {not}{diet} of {} (at {i}, {taken})", told(turn, &subjects));
        turn.fault("dietary claim", detail);
    }
}

/// A diet that was wished for holds for all that is shown, or the reply speaks of it.
pub fn wish(turn: &mut Turn, reply: &str) {
    let plain = |text: &str| {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        format!(" {} ", words.map(str::to_lowercase).collect::<Vec<_>>().join(" "))
    };
    let intent = turn.answer["intent"].as_str().unwrap_or_default();
    let (said, told) = (turn.said.text.to_lowercase(), plain(reply));
    let said = format!(" {said} ");
    let excused = ["not", "none", "no", "nothing", "sorry", "instead", "nearest"];
    let excused = excused.iter().any(|word| told.contains(&format!(" {word} ")));
    if excused || !["find", "plan", "recommend", "narrow"].contains(&intent) {
        return;
    }
    for diet in turn.shop.diets() {
        let wished = plain(diet);
        let against =
            ["not", "non", "no", "than"].iter().any(|not| said.contains(&format!(" {not}{wished}")));
        let spoken =
            [diet.clone(), diet.replace('-', " ")].iter().any(|diet| said.contains(&format!(" {diet} ")));
        let wrong = turn.cards.iter().find(|card| !turn.product(**card).dietary.contains(diet));
        if let Some(card) = wrong.filter(|_| spoken && !against && !told.contains(&wished)) {
            let detail = format!("{diet}: {}", turn.product(*card).title);
            turn.fault("wish for a diet ignored", detail);
        }
    }
}
