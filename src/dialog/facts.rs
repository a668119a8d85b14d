//! Makes facts out of products: the one place where a price, a stock, a shelf
//! or a label's statement becomes words, for the screen and for the voice. A
//! fact that is not known has no words here.

use super::findings::{Findings, Found};
use super::freshness::{Freshness, Moment};
use super::spoken;
use super::words::count;
use crate::domain::product::AllergenFact;
use crate::domain::turn::{Fact, FactKind};
use crate::domain::{Availability, Cents, Currency, Product, Sku};

/// Stock above this is said as "in stock", not counted out.
const MANY: i64 = 20;

fn fact(kind: FactKind, sku: Option<&Sku>, value: String, speech: String, source: &str) -> Fact {
    Fact { kind, sku: sku.cloned(), value, speech, source: source.to_owned() }
}

#[must_use]
pub fn title(product: &Product) -> Fact {
    let label = product.label();
    let speech = spoken::numbers(&label);
    fact(FactKind::Title, Some(&product.sku), label, speech, "products.title")
}

/// What it costs, an offer counted.
#[must_use]
pub fn price(found: &Found, currency: Currency) -> Option<Fact> {
    let source = if found.offer.is_some() { "products.promotion" } else { "products.price_cents" };
    Some(money(&found.product.sku, found.price_cents?, currency, source))
}

/// What it costs without its offer.
#[must_use]
pub fn regular_price(found: &Found, currency: Currency) -> Option<Fact> {
    Some(money(&found.product.sku, found.product.price_cents?, currency, "products.price_cents"))
}

fn money(sku: &Sku, cents: Cents, currency: Currency, source: &str) -> Fact {
    fact(FactKind::Price, Some(sku), currency.show(cents), spoken::price(cents, currency), source)
}

/// How long its offer holds: "until Sunday".
#[must_use]
pub fn offer_until(found: &Found) -> Option<Fact> {
    Some(time(&found.product.sku, found.offer.as_ref()?.until.as_ref()?, "products.promotion"))
}

/// When its price was last sure, if that is too long ago: "Nov 20".
#[must_use]
pub fn price_time(found: &Found) -> Option<Fact> {
    then(found, &found.price, "products.price_as_of")
}

/// When its stock was last sure, if that is too long ago: "Nov 20, 6:00 am".
#[must_use]
pub fn stock_time(found: &Found) -> Option<Fact> {
    then(found, &found.stock, "products.stock_as_of")
}

fn then(found: &Found, freshness: &Freshness, source: &str) -> Option<Fact> {
    match freshness {
        Freshness::Then(moment) => Some(time(&found.product.sku, moment, source)),
        Freshness::Now | Freshness::Once => None,
    }
}

fn time(sku: &Sku, moment: &Moment, source: &str) -> Fact {
    fact(FactKind::Time, Some(sku), moment.screen.clone(), moment.speech.clone(), source)
}

/// "12 in stock", "in stock", "out of stock", or the stated availability.
#[must_use]
pub fn stock(product: &Product) -> Option<Fact> {
    let sku = Some(&product.sku);
    if let Some(pieces @ 1..=MANY) = product.stock {
        let speech = format!("{} in stock", count(pieces.unsigned_abs()));
        return Some(fact(FactKind::Stock, sku, format!("{pieces} in stock"), speech, "products.stock"));
    }
    let (words, source) = match (product.stock, product.availability) {
        (Some(pieces), _) => (if pieces > 0 { "in stock" } else { "out of stock" }, "products.stock"),
        (None, Some(stated)) => {
            let words = match stated {
                Availability::InStock => "in stock",
                Availability::OutOfStock => "out of stock",
                Availability::Preorder => "only on preorder",
                Availability::Backorder => "on back order",
                Availability::Discontinued => "discontinued",
            };
            (words, "products.availability")
        }
        (None, None) => return None,
    };
    Some(fact(FactKind::Stock, sku, words.to_owned(), words.to_owned(), source))
}

/// Where it stands, with the area's name where its sign is no number: "aisle B (Bakery
/// counter), bay 2".
#[must_use]
pub fn location(found: &Found) -> Option<Fact> {
    let place = found.product.location.as_ref()?;
    let (mut value, mut speech) = (place.to_string(), spoken::location(place));
    let is_number = place.aisle.chars().all(|c| c.is_ascii_digit());
    if let Some(area) = found.area.as_ref().filter(|_| !is_number) {
        let sign = format!("aisle {}", place.aisle);
        value = value.replacen(&sign, &format!("{sign} ({area})"), 1);
        speech = speech.replacen(&sign, &format!("{sign}, {area}"), 1);
    }
    Some(fact(FactKind::Location, Some(&found.product.sku), value, speech, "products.location"))
}

/// What the label states about one allergen: "contains milk".
#[must_use]
pub fn allergen(product: &Product, allergen: &str) -> Fact {
    let value = match product.allergen(allergen) {
        AllergenFact::Contains => format!("contains {allergen}"),
        AllergenFact::MayContain => format!("may contain {allergen}"),
        AllergenFact::FreeFrom => format!("is stated free from {allergen}"),
        AllergenFact::Unknown => format!("has no statement about {allergen}"),
    };
    fact(FactKind::Allergen, Some(&product.sku), value.clone(), value, "products.allergens")
}

/// Whether a suitability is stated: "is stated vegan".
#[must_use]
pub fn dietary(product: &Product, diet: &str) -> Fact {
    let value = if product.dietary.iter().any(|stated| stated == diet) {
        format!("is stated {diet}")
    } else {
        format!("is not stated to be {diet}")
    };
    let speech = value.replace('-', " ");
    fact(FactKind::Dietary, Some(&product.sku), value, speech, "products.dietary")
}

/// The whole allergen statement: "contains milk, soy; may contain nuts".
#[must_use]
pub fn allergens(product: &Product) -> Fact {
    let value = match &product.allergens {
        None => "has no allergen statement".to_owned(),
        Some(stated) => {
            let part = |verb: &str, list: &[String]| {
                (!list.is_empty()).then(|| format!("{verb} {}", list.join(", ")))
            };
            let parts: Vec<_> = [
                part("contains", &stated.contains),
                part("may contain", &stated.may_contain),
                part("is stated free from", &stated.free_from),
            ]
            .into_iter()
            .flatten()
            .collect();
            if parts.is_empty() { "lists no allergens".to_owned() } else { parts.join("; ") }
        }
    };
    fact(FactKind::Allergen, Some(&product.sku), value.clone(), value, "products.allergens")
}

/// A whole number of things.
#[must_use]
pub fn number(n: u64, source: &str) -> Fact {
    fact(FactKind::Count, None, n.to_string(), count(n), source)
}

/// The options of an order line as they were said, in words of the menu.
#[must_use]
pub fn options(sku: &Sku, words: &str) -> Fact {
    fact(FactKind::Options, Some(sku), words.to_owned(), words.to_owned(), "option_groups")
}

/// A sum of money.
#[must_use]
pub fn total(cents: Cents, currency: Currency) -> Fact {
    let speech = spoken::price(cents, currency);
    fact(FactKind::OrderTotal, None, currency.show(cents), speech, "products.price_cents")
}

/// A text of the shop's own settings.
#[must_use]
pub fn store(key: &str, text: &str) -> Fact {
    let speech = spoken::numbers(text);
    fact(FactKind::StoreFact, None, text.to_owned(), speech, &format!("settings.{key}"))
}

/// The lowest age that may buy it, in years.
#[must_use]
pub fn age(product: &Product) -> Option<Fact> {
    let years = u64::from(product.age_restriction?);
    Some(fact(FactKind::Age, Some(&product.sku), years.to_string(), count(years), "products.age_restriction"))
}

/// A name of the shop's own for an occasion or something that it needs.
#[must_use]
pub fn occasion(words: &str) -> Fact {
    fact(FactKind::Occasion, None, words.to_owned(), words.to_owned(), "occasions")
}

/// The name of an option group.
#[must_use]
pub fn options_of(name: &str) -> Fact {
    fact(FactKind::Options, None, name.to_owned(), name.to_owned(), "option_groups")
}

/// What a product can be had with: "small, medium, large".
#[must_use]
pub fn choices(values: &[String]) -> Fact {
    let said = values.join(", ");
    fact(FactKind::Options, None, said.clone(), said, "option_groups")
}

/// Every fact that `findings` support, made anew from the products: what the
/// gate compares a reply against.
#[must_use]
pub fn supported(findings: &Findings) -> Vec<Fact> {
    let mut facts = Vec::new();
    let currency = findings.currency;
    for found in findings.all() {
        let product = &found.product;
        facts.push(title(product));
        facts.extend(price(found, currency));
        facts.extend(regular_price(found, currency));
        facts.extend(stock(product));
        facts.extend([offer_until(found), price_time(found), stock_time(found)].into_iter().flatten());
        facts.extend(location(found));
        facts.extend(age(product));
        facts.push(allergens(product));
        if let super::tool::Tool::CheckFacts { allergens, dietary: diets, .. } = &findings.tool {
            facts.extend(allergens.iter().map(|word| allergen(product, word)));
            facts.extend(diets.iter().map(|word| dietary(product, word)));
        }
    }
    facts.extend(findings.stopped.iter().map(title));
    for priced in &findings.lines {
        facts.push(number(u64::from(priced.line.quantity), "order"));
        let (lead, rest) = option_words(&priced.line.options);
        facts.extend([lead, rest].iter().map(|words| options(&priced.line.sku, words)));
    }
    facts.extend(order_total(findings));
    facts.extend(findings.total_cents.map(|cents| total(cents, currency)));
    let found = findings.found.len().max(findings.alternatives.len()) as u64;
    facts.push(number(found, "search"));
    facts.push(number(findings.lines.len() as u64, "order"));
    facts.extend(findings.list.iter().map(|list| number(list.len() as u64, "order")));
    for line in &findings.removed {
        facts.push(number(u64::from(line.quantity), "order"));
    }
    if let Some(plan) = &findings.plan {
        facts.push(occasion(&plan.occasion));
        facts.push(number(u64::from(plan.people), "occasions"));
        facts.push(number(plan.needs.len() as u64, "occasions"));
        facts.extend(plan.needs.iter().map(|need| occasion(&need.what)));
    }
    facts.extend(findings.choices.iter().flat_map(|(name, values)| [options_of(name), choices(values)]));
    facts.extend(findings.repeated.iter().flat_map(|reply| reply.facts.clone()));
    facts.extend(findings.store_fact.as_ref().map(|(key, text)| store(key, text)));
    facts
}

/// Options as people say them around a drink's name: size, roast and shots
/// before it, the rest after a "with". Either may be empty.
#[must_use]
pub fn option_words(options: &std::collections::BTreeMap<String, String>) -> (String, String) {
    let first = ["size", "roast", "shots"];
    let lead: Vec<_> = first.iter().filter_map(|id| options.get(*id)).cloned().collect();
    let rest = options.iter().filter(|(id, _)| !first.contains(&id.as_str())).map(|(_, words)| words.clone());
    (lead.join(" "), rest.collect::<Vec<_>>().join(" and "))
}

/// What the lines of this turn cost together; `None` when a price is unknown
/// or the sum too large to be meant.
#[must_use]
pub fn order_total(findings: &Findings) -> Option<Fact> {
    let mut sum: Cents = 0;
    for priced in &findings.lines {
        sum = sum.checked_add(priced.unit_cents?.checked_mul(Cents::from(priced.line.quantity))?)?;
    }
    (!findings.lines.is_empty()).then(|| total(sum, findings.currency))
}
