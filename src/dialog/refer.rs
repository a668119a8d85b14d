//! What a shopper points at: "it", "the second one", "the Oatly one", "both", among
//! what is on the screen and on the list. Never searches the catalog.

use super::context::{Context, Known};
use super::size::take_size;
use super::tool::Subject;
use super::words::{number, stem, words};
use crate::domain::Product;

/// Small words inside a description.
const SMALL: &[&str] = &[
    "the", "a", "an", "one", "ones", "from", "with", "of", "by", "in", "for", "that", "this", "those",
    "these", "said", "you", "have", "please", "and", "kind", "sort", "type", "brand", "is", "are", "some",
    "my",
];

/// Words for a product that set it off by nothing but being the usual one.
const PLAIN: &[&str] = &["normal", "regular", "plain", "ordinary", "standard", "usual", "basic"];

/// What `text` points at; `None` when it names something else.
#[must_use]
pub fn pointed_at(text: &str, context: &Context) -> Option<Subject> {
    let said: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let bare: Vec<&str> = said
        .iter()
        .copied()
        .skip_while(|word| matches!(*word, "the" | "of" | "just" | "only" | "about"))
        .collect();
    on_the_list(text, context)
        .or_else(|| pronoun(&bare, context))
        .or_else(|| by_place(&bare, context))
        .or_else(|| by_extreme(&bare, context))
        .or_else(|| by_size(&bare, context))
        .or_else(|| by_words(&said, context))
}

/// "Anything on my list", "my basket".
fn on_the_list(text: &str, context: &Context) -> Option<Subject> {
    let rest = ["anything ", "everything ", "all ", "something ", "any of it ", "any "]
        .iter()
        .find_map(|lead| text.strip_prefix(lead))
        .unwrap_or(text);
    let rest = rest.strip_prefix("on ").or_else(|| rest.strip_prefix("in ")).unwrap_or(rest);
    if !matches!(rest, "my list" | "the list" | "my basket" | "my cart" | "my order" | "my shopping list") {
        return None;
    }
    Subject::of((0..context.order.len()).map(|line| Subject::Line { line }).collect())
}

fn pronoun(bare: &[&str], context: &Context) -> Option<Subject> {
    match bare {
        ["it" | "that" | "this" | "one"] | ["that" | "this" | "same", "one" | "thing"] | ["it", "all"] => {
            context.focus()
        }
        ["them" | "those" | "these" | "both" | "they" | "all" | "ones"]
        | ["both" | "all", "of", "them" | "those" | "these" | "that"]
        | ["those" | "these" | "both", "ones" | "two" | "three"]
        | ["all", "that" | "this" | "those" | "these" | "three"] => context.focus_all(),
        _ => None,
    }
}

/// "Second one", "last", "number three", "first two", "other one".
fn by_place(bare: &[&str], context: &Context) -> Option<Subject> {
    let shown = context.shown();
    let one = |index: usize| shown.get(index).map(|known| of(&known.product));
    let is_end = |rest: &[&str]| matches!(rest, [] | ["one" | "product" | "item"]);
    match bare {
        ["number" | "option", n] => one(usize::try_from(number(n)?).ok()?.checked_sub(1)?),
        [place, rest @ ..] if is_end(rest) => match *place {
            "last" | "bottom" => one(shown.len().checked_sub(1)?),
            "top" => one(0),
            "other" => other(context),
            place => one(ordinal(place)?),
        },
        ["first", n, rest @ ..] if is_end(rest) || *rest == ["ones"] => {
            let n = usize::try_from(number(n)?).ok()?.min(shown.len());
            Subject::of(shown[..n].iter().map(|known| of(&known.product)).collect())
        }
        _ => None,
    }
}

fn ordinal(word: &str) -> Option<usize> {
    let places = [
        ["first", "1st"],
        ["second", "2nd"],
        ["third", "3rd"],
        ["fourth", "4th"],
        ["fifth", "5th"],
        ["sixth", "6th"],
    ];
    places.iter().position(|names| names.contains(&word))
}

/// The card beside the one that was spoken of: of two the other, of many the next.
fn other(context: &Context) -> Option<Subject> {
    let shown = context.shown();
    let focused = context.focused()?;
    let at = shown.iter().position(|known| known.product.sku == focused.product.sku);
    let next = at.map_or(0, |at| (at + 1) % shown.len());
    shown.get(next).filter(|known| known.product.sku != focused.product.sku).map(|known| of(&known.product))
}

/// "Cheapest one", "bigger one", of the cards.
fn by_extreme(bare: &[&str], context: &Context) -> Option<Subject> {
    let (word, rest) = match bare {
        ["most", word, rest @ ..] if matches!(*word, "expensive") => ("dearest", rest),
        ["more", word, rest @ ..] if matches!(*word, "expensive") => ("dearest", rest),
        ["least", word, rest @ ..] if matches!(*word, "expensive") => ("cheapest", rest),
        [word, rest @ ..] => (*word, rest),
        [] => return None,
    };
    if !matches!(rest, [] | ["one" | "pack" | "bottle" | "size" | "jar" | "box" | "bag"]) {
        return None;
    }
    let shown = context.shown();
    if shown.len() < 2 {
        return None;
    }
    let priced = || shown.iter().filter_map(|known| Some((known.price_cents?, known)));
    let sized = || shown.iter().filter_map(|known| Some((content(&known.product)?, known)));
    let found = match word {
        "cheapest" | "cheaper" | "cheap" => priced().min_by_key(|(cents, _)| *cents).map(|(_, known)| known),
        "dearest" | "dearer" | "expensive" => {
            priced().max_by_key(|(cents, _)| *cents).map(|(_, known)| known)
        }
        "biggest" | "bigger" | "largest" | "larger" => {
            sized().max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known)
        }
        "smallest" | "smaller" => sized().min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known),
        _ => return None,
    }?;
    Some(of(&found.product))
}

/// "Forty-five pack", "two liter one", of the cards.
fn by_size(bare: &[&str], context: &Context) -> Option<Subject> {
    let mut left: Vec<String> = bare.iter().map(|word| (*word).to_owned()).collect();
    let size = take_size(&mut left)?;
    if left.iter().any(|word| {
        !SMALL.contains(&word.as_str()) && !matches!(word.as_str(), "bottle" | "bag" | "box" | "size")
    }) {
        return None;
    }
    let fits = |known: &&Known| known.product.pack.as_ref().is_some_and(|pack| size.fits(pack));
    context.shown().iter().find(fits).map(|known| of(&known.product))
}

/// Grams, millilitres or pieces in a whole pack: comparable among alike products.
#[must_use]
pub fn content(product: &Product) -> Option<f64> {
    let pack = product.pack.as_ref()?;
    Some(pack.amount * pack.unit.base() * f64::from(pack.count))
}

/// "The Oatly one", "that salsa", "the powder": a description that fits. With "one"
/// behind it any of its product's words will do; without, its last word must be
/// what the product is.
fn by_words(said: &[&str], context: &Context) -> Option<Subject> {
    let is_open = said.last().is_some_and(|word| matches!(*word, "one" | "ones"));
    let plural = said.last() == Some(&"ones");
    let wanted: Vec<String> = said
        .iter()
        .filter(|word| !SMALL.contains(word) && (!is_open || !PLAIN.contains(word)))
        .map(|word| stem(word))
        .collect();
    let candidates = candidates(context);
    if is_open && wanted.is_empty() && said.iter().any(|word| PLAIN.contains(word)) {
        if context.shown().len() < 2 {
            return None;
        }
        let plainest = context.shown().iter().min_by_key(|known| known.product.label().len())?;
        return Some(of(&plainest.product));
    }
    let head = wanted.last()?;
    let fits = |known: &Known| {
        let title = title_words(&known.product);
        if is_open {
            let all = all_words(&known.product);
            wanted.iter().all(|word| all.contains(word))
        } else {
            wanted.iter().all(|word| title.contains(word)) && kind(&known.product).as_ref() == Some(head)
        }
    };
    let mut found: Vec<&(Subject, &Known)> = candidates.iter().filter(|(_, known)| fits(known)).collect();
    if is_open && found.len() > 1 {
        // What the title says counts before a synonym or a label.
        let titled = |known: &Known| {
            let title = title_words(&known.product);
            wanted.iter().all(|word| title.contains(word))
        };
        if found.iter().any(|(_, known)| titled(known)) {
            found.retain(|(_, known)| titled(known));
        }
    }
    match found.len() {
        0 => None,
        1 => found.first().map(|(subject, _)| subject.clone()),
        _ if plural => Subject::of(found.iter().map(|(subject, _)| subject.clone()).collect()),
        _ if is_open => found.first().map(|(subject, _)| subject.clone()),
        // Several of a kind: only what is on the list is meant for sure.
        _ => {
            let listed = |known: &Known| context.order.iter().any(|line| line.sku == known.product.sku);
            let mut lines = found.iter().filter(|(_, known)| listed(known));
            let line = lines.next()?;
            lines.next().is_none().then(|| line.0.clone())
        }
    }
}

/// Products that words may describe: the cards, then the list; one that is on both
/// counts as the card.
fn candidates(context: &Context) -> Vec<(Subject, &Known)> {
    let mut all: Vec<(Subject, &Known)> =
        context.shown().iter().map(|known| (of(&known.product), known)).collect();
    for line in 0..context.order.len() {
        let Some(known) = context.listed(line) else { continue };
        match all.iter_mut().find(|(_, other)| other.product.sku == known.product.sku) {
            // What is made to order has options, so that its line says more.
            Some(card) if !known.product.option_groups.is_empty() => card.0 = Subject::Line { line },
            Some(_) => {}
            None => all.push((Subject::Line { line }, known)),
        }
    }
    all
}

fn of(product: &Product) -> Subject {
    Subject::Sku { sku: product.sku.clone() }
}

/// The stems of a product's title.
#[must_use]
pub fn title_words(product: &Product) -> Vec<String> {
    words(&product.label()).iter().map(|word| stem(word)).collect()
}

/// The stems of all that is said of a product but its description.
#[must_use]
pub fn all_words(product: &Product) -> Vec<String> {
    let mut text = product.label();
    let attributes = product.attributes.values().map(ToString::to_string);
    let more = product.brand.iter().cloned().chain(product.synonyms.iter().cloned());
    for part in more.chain(product.dietary.iter().cloned()).chain(attributes) {
        text.push(' ');
        text += &part;
    }
    words(&text).iter().map(|word| stem(word)).collect()
}

/// The stem of what a product is: the last word of its title before its size.
#[must_use]
pub fn kind(product: &Product) -> Option<String> {
    let title = words(&product.label());
    let end = title.iter().skip(1).position(|word| word.chars().any(|c| c.is_ascii_digit()));
    let named = &title[..end.map_or(title.len(), |at| at + 1)];
    named.iter().rev().find(|word| word.chars().all(char::is_alphabetic)).map(|word| stem(word))
}

/// The lines of the list that `text` means; empty when it means none.
#[must_use]
pub fn lines(text: &str, context: &Context) -> Vec<usize> {
    let said: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let bare: Vec<&str> = said.iter().copied().filter(|word| !matches!(*word, "the" | "my" | "of")).collect();
    let count = context.order.len();
    match bare.as_slice() {
        ["it" | "that" | "this" | "one" | "them" | "those" | "these" | "both"] | ["that" | "this", "one"] => {
            if !context.touched().is_empty() && (context.just_listed() || context.focus().is_none()) {
                return context.touched().to_vec();
            }
            return of_focus(context);
        }
        ["last", "one" | "item" | "thing"] | ["last"] => return count.checked_sub(1).into_iter().collect(),
        ["other", "one"] | ["other"] => {
            let beside = |line: &usize| {
                !context.touched().contains(line)
                    && context.touched().iter().any(|own| context.order[*own].sku == context.order[*line].sku)
            };
            let like: Vec<usize> = (0..count).filter(beside).collect();
            return if like.is_empty() && count == 2 {
                (0..count).filter(|line| !context.touched().contains(line)).collect()
            } else {
                like
            };
        }
        ["everything" | "all"] | ["all" | "both", "them"] => return (0..count).collect(),
        [place, "one" | "item" | "thing"] if ordinal(place).is_some() => {
            return ordinal(place).filter(|at| *at < count).into_iter().collect();
        }
        _ => {}
    }
    let is_other = bare.contains(&"other");
    let wanted: Vec<String> = bare
        .iter()
        .filter(|word| !SMALL.contains(word) && **word != "other")
        .map(|word| stem(word))
        .collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let fits = |line: usize, strict: bool| {
        let title = words(&context.order[line].title);
        let mut all: Vec<String> = title.iter().map(|word| stem(word)).collect();
        if !strict && let Some(known) = context.listed(line) {
            all.extend(all_words(&known.product));
        }
        all.extend(
            context.order[line].options.values().flat_map(|option| words(option)).map(|word| stem(&word)),
        );
        wanted.iter().all(|word| all.contains(word))
    };
    let mut found: Vec<usize> = (0..count).filter(|line| fits(*line, true)).collect();
    if found.is_empty() {
        found = (0..count).filter(|line| fits(*line, false)).collect();
    }
    if found.len() > 1 && is_other {
        found.retain(|line| !context.touched().contains(line) || context.touched().len() > 1);
        if context.touched().len() > 1
            && let Some(least) = found.iter().copied().min_by_key(|line| context.order[*line].options.len())
        {
            // The one of which less was said.
            found = vec![least];
        }
    }
    if found.len() > 1 {
        // What the title is counts before what it is of.
        let is_kind = |line: &usize| {
            context.listed(*line).and_then(|known| kind(&known.product)) == wanted.last().cloned()
        };
        if found.iter().any(is_kind) {
            found.retain(is_kind);
        }
    }
    found
}

/// The lines of what was last spoken of.
fn of_focus(context: &Context) -> Vec<usize> {
    match context.focus() {
        Some(Subject::Line { line }) => vec![line],
        Some(Subject::Sku { sku }) => {
            (0..context.order.len()).filter(|line| context.order[*line].sku == sku).collect()
        }
        _ => context.touched().to_vec(),
    }
}
