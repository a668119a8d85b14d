//! Products described with schema.org in JSON-LD: a file of it, or a web page
//! that holds it. Read as a whole, hence bounded in size.

use super::foreign::{Context, Products, bare};
use super::google::promotion;
use super::pack::{self, Customs};
use super::plain::plain;
use super::price::Decimal;
use super::source::{Meter, Source};
use super::words;
use crate::domain::{Attribute, Product};
use crate::store::FeedError;
use html5gum::{Token, Tokenizer, emitters::default::DefaultEmitter};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::io::Read;

/// Largest file, in bytes.
const MAX_BYTES: u64 = 64 << 20;

type Object = Map<String, Value>;

/// Properties that lead on to products.
const PATHS: [&str; 9] = [
    "@graph",
    "itemListElement",
    "item",
    "mainEntity",
    "dataFeedElement",
    "hasVariant",
    "itemOffered",
    "hasOfferCatalog",
    "makesOffer",
];

/// Properties that are attributes as they are.
const FACTS: [(&str, &str); 8] = [
    ("color", "color"),
    ("material", "material"),
    ("pattern", "pattern"),
    ("mpn", "part number"),
    ("model", "model"),
    ("countryOfOrigin", "country of origin"),
    ("weight", "weight"),
    ("size", "size"),
];

/// What a product has in common with the other variants of its group.
const SHARED: [&str; 5] = ["brand", "category", "description", "image", "name"];

pub(super) struct JsonLd {
    meter: Meter,
    found: VecDeque<(u64, Result<Object, String>)>,
    /// The text is not UTF-8 and was read as Windows-1252.
    windows: bool,
}

impl JsonLd {
    /// Reads a whole file.
    ///
    /// # Errors
    /// It cannot be read or is too large.
    pub(super) fn new(source: Source, page: bool) -> Result<Self, FeedError> {
        let (path, text, meter) = source.read();
        let mut bytes = Vec::new();
        let failed = |source| FeedError::Read { path: path.clone(), source };
        text.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(FeedError::NotACatalog {
                path,
                reason: "JSON-LD is read up to 64 MiB: split the file",
            });
        }
        let (text, windows) = match String::from_utf8(bytes) {
            Ok(text) => (text, false),
            Err(e) => (encoding_rs::WINDOWS_1252.decode(e.as_bytes()).0.into_owned(), true),
        };
        let mut found = VecDeque::new();
        if page {
            let mut from = 0;
            for block in blocks(&text) {
                let at = text.get(from..).and_then(|rest| rest.find(&block)).map_or(from, |at| from + at);
                documents(&block, line_of(&text, at), &mut found);
                from = at + block.len().min(text.len() - at);
            }
        } else {
            documents(&text, 1, &mut found);
        }
        Ok(Self { meter, found, windows })
    }
}

fn line_of(text: &str, at: usize) -> u64 {
    text.get(..at).unwrap_or_default().matches('\n').count() as u64 + 1
}

/// The JSON-LD blocks of a web page.
fn blocks(page: &str) -> Vec<String> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let (mut all, mut open) = (Vec::new(), None::<Vec<u8>>);
    for Ok(token) in Tokenizer::new_with_emitter(page, emitter) {
        match token {
            Token::StartTag(tag) if tag.name.as_slice() == b"script" => {
                let kind = tag.attributes.iter().find(|(name, _)| name.as_slice() == b"type");
                let kind = kind.map(|(_, value)| String::from_utf8_lossy(value).to_ascii_lowercase());
                open = kind.filter(|kind| kind.starts_with("application/ld+json")).map(|_| Vec::new());
            }
            Token::String(part) => {
                if let Some(open) = &mut open {
                    open.extend_from_slice(&part);
                }
            }
            Token::EndTag(_) => {
                all.extend(open.take().map(|block| String::from_utf8_lossy(&block).into_owned()))
            }
            _ => {}
        }
    }
    // A block that is never closed is kept: its JSON will say that it is cut off.
    all.extend(open.map(|block| String::from_utf8_lossy(&block).into_owned()));
    all
}

/// The products of one or more JSON values in a row.
fn documents(text: &str, first_line: u64, found: &mut VecDeque<(u64, Result<Object, String>)>) {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    loop {
        let at = values.byte_offset();
        let skipped = text.get(at..).map_or(0, |rest| rest.len() - rest.trim_start().len());
        let line = first_line + line_of(text, at + skipped) - 1;
        match values.next() {
            None => return,
            Some(Ok(value)) => walk(value, None, &mut |object| found.push_back((line, Ok(object)))),
            Some(Err(e)) => {
                let line = first_line + (e.line() as u64).saturating_sub(1);
                let reason =
                    if e.is_eof() { "JSON that is cut off".to_owned() } else { super::native::reason(&e) };
                found.push_back((line, Err(reason)));
                return;
            }
        }
    }
}

fn is_a(object: &Object, wanted: &[&str]) -> bool {
    let name = |value: &Value| {
        value.as_str().is_some_and(|text| {
            let name = text.rsplit(['/', '#', ':']).next().unwrap_or_default();
            wanted.contains(&name)
        })
    };
    object.get("@type").is_some_and(|kind| match kind {
        Value::Array(kinds) => kinds.iter().any(name),
        kind => name(kind),
    })
}

/// Calls `take` with every product in `value`; `group` is what its variants
/// have in common. Recursion is bounded by the JSON reader's own depth of 128.
fn walk(value: Value, group: Option<&Object>, take: &mut dyn FnMut(Object)) {
    match value {
        Value::Array(values) => values.into_iter().for_each(|value| walk(value, group, take)),
        Value::Object(mut object) => {
            if is_a(&object, &["ProductGroup"]) {
                let variants = object.shift_remove("hasVariant");
                if let Some(variants) = variants {
                    walk(variants, Some(&object), take);
                }
            } else if is_a(&object, &["Product", "ProductModel", "IndividualProduct", "SomeProducts"]) {
                for (key, shared) in SHARED.iter().filter_map(|key| Some((*key, group?.get(*key)?))) {
                    object.entry(key).or_insert_with(|| shared.clone());
                }
                if let Some(id) =
                    group.and_then(|group| group.get("productGroupID").or_else(|| group.get("@id")))
                {
                    object.entry("inProductGroupWithID").or_insert_with(|| id.clone());
                }
                let variants = object.shift_remove("hasVariant");
                take(object);
                if let Some(variants) = variants {
                    walk(variants, None, take);
                }
            } else {
                for path in PATHS {
                    if let Some(value) = object.shift_remove(path) {
                        walk(value, group, take);
                    }
                }
            }
        }
        _ => {}
    }
}

/// A value as text: a string, a number, the name of a thing, the first of several.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => plain(text).trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Array(values) => return values.iter().find_map(text),
        Value::Object(object) => {
            let keys = ["@value", "name", "value", "contentUrl", "url", "@id"];
            let found = keys.iter().find_map(|key| object.get(*key).filter(|value| !value.is_object()))?;
            let unit = object.get("unitText").or_else(|| object.get("unitCode")).and_then(Value::as_str);
            let found = text(found)?;
            return Some(unit.map_or(found.clone(), |unit| format!("{found} {unit}")));
        }
        Value::Null => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn each(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(values)) => values,
        Some(value) => std::slice::from_ref(value),
        None => &[],
    }
}

fn product(object: &Object, context: &mut Context) -> Result<Product, String> {
    let get = |key: &str| object.get(key).and_then(text);
    let offers = offers(object);
    let numbers = ["gtin", "gtin13", "gtin14", "gtin12", "gtin8"];
    let gtins: Vec<String> = numbers.iter().flat_map(|key| each(object.get(*key))).filter_map(text).collect();
    let offered = || offers.iter().find_map(|offer| offer.get("sku").and_then(text));
    let id = get("sku").or_else(offered).or_else(|| get("productID")).or_else(|| gtins.first().cloned());
    let mut product = bare(&id.or_else(|| get("mpn")).unwrap_or_default()).map_err(|reason| {
        get("name")
            .map_or(reason.clone(), |name| format!("{reason}: {}", name.chars().take(60).collect::<String>()))
    })?;
    product.gtins = context.gtins(gtins.iter().map(String::as_str));
    product.title = get("name");
    product.description = get("description");
    product.brand = get("brand").or_else(|| get("manufacturer"));
    product.category = match each(object.get("category")) {
        [one] => text(one).map(|path| levels(&path)).unwrap_or_default(),
        several => several.iter().filter_map(text).filter(|level| !level.starts_with("http")).collect(),
    };
    product.synonyms = each(object.get("alternateName")).iter().filter_map(text).collect();
    product.images = each(object.get("image")).iter().filter_map(image).collect();
    let group =
        object.get("isVariantOf").and_then(Value::as_object).and_then(|group| group.get("productGroupID"));
    product.variant_group = get("inProductGroupWithID").or_else(|| group.and_then(text));
    price(&mut product, &offers, context)?;
    product.stock = offers.iter().find_map(|offer| offer.get("inventoryLevel")).and_then(|level| {
        let level = level.as_object().and_then(|level| level.get("value")).unwrap_or(level);
        text(level)?.parse().ok().filter(|pieces| *pieces >= 0)
    });
    let availability = offers.iter().find_map(|offer| offer.get("availability").and_then(text));
    product.availability = availability.as_deref().and_then(words::availability);
    if availability.is_some() && product.availability.is_none() {
        context.note("availability left out, it says nothing of the shop's stock");
    }
    product.pack = get("size").and_then(|size| pack::read(&size, Customs::of(context.currency)));
    for (key, name) in FACTS {
        if let Some(text) = get(key) {
            product.attributes.insert(name.to_owned(), Attribute::Text(text));
        }
    }
    for property in each(object.get("additionalProperty")).iter().filter_map(Value::as_object) {
        if let Some((name, value)) = attribute(property) {
            product.attributes.insert(name, value);
        }
    }
    Ok(product)
}

/// The levels of a category path, which schema.org writes with `>` or `/`; a
/// link is none.
fn levels(path: &str) -> Vec<String> {
    if path.starts_with("http") {
        return Vec::new();
    }
    let mark = if path.contains('>') { '>' } else { '/' };
    path.split(mark).map(|level| level.trim().to_owned()).filter(|level| !level.is_empty()).collect()
}

/// An image's link; its caption is none.
fn image(value: &Value) -> Option<String> {
    match value {
        Value::Object(object) => {
            ["contentUrl", "url", "@id"].iter().find_map(|key| object.get(*key).and_then(text))
        }
        value => text(value),
    }
}

fn attribute(property: &Object) -> Option<(String, Attribute)> {
    let name = property.get("name").or_else(|| property.get("propertyID")).and_then(text)?;
    let unit = property.get("unitText").or_else(|| property.get("unitCode")).and_then(text);
    Some(match (property.get("value")?, unit) {
        (Value::Bool(flag), _) => (name, Attribute::Flag(*flag)),
        (Value::Number(number), unit) => {
            let name = unit.map_or(name.clone(), |unit| format!("{name} ({unit})"));
            (name, Attribute::Number(number.as_f64()?))
        }
        (value, unit) => {
            let value = text(value)?;
            (name, Attribute::Text(unit.map_or(value.clone(), |unit| format!("{value} {unit}"))))
        }
    })
}

/// The offers of a product, those within an AggregateOffer included.
fn offers(product: &Object) -> Vec<&Object> {
    let mut all = Vec::new();
    for offer in each(product.get("offers")).iter().filter_map(Value::as_object) {
        let inner = each(offer.get("offers")).iter().filter_map(Value::as_object);
        let before = all.len();
        all.extend(inner);
        if all.len() == before {
            all.push(offer);
        }
    }
    all
}

fn price(product: &mut Product, offers: &[&Object], context: &mut Context) -> Result<(), String> {
    let mut prices = Vec::new();
    for offer in offers {
        let currency = offer.get("priceCurrency").and_then(text);
        let mut regular = None;
        let mut current = one_price(offer, "price", currency.as_deref(), context)?;
        for part in each(offer.get("priceSpecification")).iter().filter_map(Value::as_object) {
            let currency = part.get("priceCurrency").and_then(text).or_else(|| currency.clone());
            let Some(cents) = one_price(part, "price", currency.as_deref(), context)? else {
                continue;
            };
            let kind = part.get("priceType").and_then(text).unwrap_or_default();
            if ["ListPrice", "StrikethroughPrice", "SRP", "MSRP"].iter().any(|list| kind.ends_with(list)) {
                regular = Some(cents);
            } else {
                current = current.or(Some(cents));
            }
        }
        if current.is_none() {
            let low = one_price(offer, "lowPrice", currency.as_deref(), context)?;
            let high = one_price(offer, "highPrice", currency.as_deref(), context)?;
            if low.is_some() && (high.is_none() || high == low) {
                current = low;
            } else if low.is_some() {
                context.note("price left out, only a range is given");
            }
        }
        let until = offer.get("priceValidUntil").and_then(text);
        prices.extend(current.map(|current| (current, regular, until)));
    }
    let Some((current, regular, until)) = prices.first().cloned() else {
        return Ok(());
    };
    if prices.iter().any(|other| (other.0, other.1) != (current, regular)) {
        context.note("price left out, several offers with different prices");
        return Ok(());
    }
    product.price_cents = regular.filter(|regular| *regular > current).or(Some(current));
    if product.price_cents != Some(current) {
        product.promotion = promotion(current, product.price_cents, None, context);
        if let (Some(promotion), Some(until)) = (&mut product.promotion, until) {
            promotion.until = context.moment("end of a sale", &until);
        }
    }
    Ok(())
}

fn one_price(
    object: &Object,
    key: &str,
    currency: Option<&str>,
    context: &mut Context,
) -> Result<Option<i64>, String> {
    let (given, decimal) = match object.get(key) {
        Some(Value::Number(number)) => (number.to_string(), Decimal::Point),
        Some(Value::String(given)) => (given.clone(), Decimal::Auto),
        _ => return Ok(None),
    };
    let bare = !given.contains(char::is_alphabetic) && !given.contains(['$', '€', '£']);
    let shown = match currency {
        Some(currency) if bare && !given.trim().is_empty() => format!("{given} {currency}"),
        _ => given,
    };
    context.price(&shown, decimal)
}

impl Products for JsonLd {
    fn next(&mut self, context: &mut Context) -> Result<Option<Result<Product, String>>, FeedError> {
        let Some((line, object)) = self.found.pop_front() else {
            return Ok(None);
        };
        context.line = line;
        Ok(Some(object.and_then(|object| product(&object, context))))
    }

    fn meter(&self) -> &Meter {
        &self.meter
    }

    fn notes(&self) -> Vec<String> {
        self.windows.then(|| "not UTF-8, read as windows-1252".to_owned()).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::notes::Notes;

    fn one(json: &str) -> (Result<Product, String>, Vec<String>) {
        let mut context = Context { line: 1, notes: Notes::default(), currency: None };
        let object = serde_json::from_str(json).unwrap();
        (product(&object, &mut context), context.notes.lines())
    }

    #[test]
    fn a_list_price_and_a_lower_one_are_a_promotion() {
        let (product, _) =
            one(r#"{"sku":"1","offers":{"price":"8.00","priceCurrency":"USD","priceValidUntil":"2026-12-01",
            "priceSpecification":[{"price":10,"priceType":"https://schema.org/ListPrice"}]}}"#);
        let product = product.unwrap();
        let sale = product.promotion.unwrap();
        assert_eq!((product.price_cents, sale.price_cents), (Some(1000), 800));
        assert_eq!(sale.until.as_deref(), Some("2026-12-01"));
    }

    #[test]
    fn a_range_is_no_price() {
        let (product, notes) =
            one(r#"{"sku":"1","offers":{"lowPrice":1,"highPrice":2,"priceCurrency":"USD"}}"#);
        assert_eq!((product.unwrap().price_cents, notes.len()), (None, 1));
    }

    #[test]
    fn a_foreign_currency_is_a_bad_row() {
        let (product, _) = one(r#"{"sku":"1","offers":{"price":1,"priceCurrency":"SEK"}}"#);
        assert!(product.unwrap_err().contains("SEK"));
    }

    #[test]
    fn category_levels() {
        assert_eq!(levels("Food / Tea"), ["Food", "Tea"]);
        assert_eq!(levels("Food > Tea/Coffee"), ["Food", "Tea/Coffee"]);
        assert!(levels("https://example.org/tea").is_empty());
    }

    #[test]
    fn only_blocks_of_json_ld_are_taken() {
        let page = "<script>{\"a\":1}</script><script type='application/ld+json'>{\"b\":2}</script>";
        assert_eq!(blocks(page), ["{\"b\":2}"]);
    }
}
