//! What a record must satisfy to enter the catalog, whatever format it came
//! in: texts cleaned, ranges checked, references known. Products that others name
//! as accessories or substitutes may be unknown: they may be sold elsewhere or
//! later, so reads leave them out. Pure; each refusal is one reason in plain words.

use super::records::{Header, Record};
use crate::domain::{
    Allergens, Area, AsOf, Attribute, Cents, Correction, Location, OptionGroup, Point, Product, Promotion,
    Texts, moment,
};
use std::collections::{BTreeMap, HashMap};

/// Longest name, title, brand or synonym, in characters.
const NAME_CHARS: usize = 500;
/// Longest description or attribute, in characters.
const TEXT_CHARS: usize = 20_000;
/// Longest link to a picture, in characters.
const LINK_CHARS: usize = 2000;
/// Most synonyms, GTINs, relations and so on of one product.
const LIST_ITEMS: usize = 200;
/// Most pieces of one product on hand.
const MAX_STOCK: i64 = 10_000_000;
/// Farthest floor coordinate, in metres.
const MAX_METRES: f64 = 10_000.0;
/// The languages of ISO 639-1.
const LANGUAGES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy \
    da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig \
    ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml \
    mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg \
    si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh \
    yi yo za zh zu";
/// Highest age a product may ask for, in years.
const MAX_AGE: u8 = 99;

/// Cleans a record's texts and checks what can be checked without the others.
pub(super) fn sane(record: Record, max_price: Cents) -> Result<Record, String> {
    match record {
        Record::Header(header) => sane_header(header).map(Record::Header),
        Record::OptionGroup(group) => sane_group(group, max_price).map(Record::OptionGroup),
        Record::Area(area) => sane_area(area).map(Record::Area),
        Record::Kiosk(point) => sane_point(point).map(Record::Kiosk),
        Record::Product(product) => sane_product(*product, max_price).map(|p| Record::Product(Box::new(p))),
    }
}

/// Text without control characters, white space trimmed and runs of it joined.
fn clean(text: &str) -> String {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let visible: String = spaced.filter(|c| !c.is_control() && !is_invisible(*c)).collect();
    visible.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Characters that draw nothing but can reorder or hide others: zero-width and
/// bidirectional controls (Unicode UAX #9) and the byte order mark.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn name(what: &str, text: &str) -> Result<String, String> {
    let text = clean(text);
    if text.is_empty() {
        return Err(format!("{what} is empty"));
    }
    bounded(what, text, NAME_CHARS)
}

fn bounded(what: &str, text: String, max: usize) -> Result<String, String> {
    let chars = text.chars().count();
    if chars > max {
        return Err(format!("{what} has {chars} characters; at most {max} are taken"));
    }
    Ok(text)
}

fn optional(what: &str, text: Option<String>, max: usize) -> Result<Option<String>, String> {
    let text = text.map(|text| clean(&text)).filter(|text| !text.is_empty());
    text.map(|text| bounded(what, text, max)).transpose()
}

/// Cleaned, empty entries and repetitions dropped, order kept.
fn list(what: &str, entries: Vec<String>) -> Result<Vec<String>, String> {
    few(what, &entries)?;
    let mut kept: Vec<String> = Vec::with_capacity(entries.len());
    for entry in entries {
        let entry = bounded(what, clean(&entry), NAME_CHARS)?;
        if !entry.is_empty() && !kept.contains(&entry) {
            kept.push(entry);
        }
    }
    Ok(kept)
}

fn lower(what: &str, entries: Vec<String>) -> Result<Vec<String>, String> {
    list(what, entries.iter().map(|entry| entry.to_lowercase()).collect())
}

/// A time that can be read, or none.
fn time(what: &str, text: Option<AsOf>) -> Result<Option<AsOf>, String> {
    let text = optional(what, text, NAME_CHARS)?;
    match &text {
        Some(given) if moment::first(given).is_none() => {
            Err(format!("{what} {given:?} is neither an RFC 3339 time nor a date"))
        }
        _ => Ok(text),
    }
}

fn few<T>(what: &str, entries: &[T]) -> Result<(), String> {
    let count = entries.len();
    if count > LIST_ITEMS {
        return Err(format!("{what} has {count} entries; at most {LIST_ITEMS} are taken"));
    }
    Ok(())
}

/// Order kept, repetitions dropped.
fn once<T: PartialEq>(what: &str, entries: Vec<T>) -> Result<Vec<T>, String> {
    few(what, &entries)?;
    let mut kept: Vec<T> = Vec::with_capacity(entries.len());
    for entry in entries {
        if !kept.contains(&entry) {
            kept.push(entry);
        }
    }
    Ok(kept)
}

fn sane_header(header: Header) -> Result<Header, String> {
    let as_of = time("as_of", header.as_of)?;
    Ok(Header { name: name("name", &header.name)?, as_of, ..header })
}

fn sane_group(group: OptionGroup, max_price: Cents) -> Result<OptionGroup, String> {
    let mut group = OptionGroup {
        id: name("id", &group.id)?,
        name: name("name", &group.name)?,
        prompt: name("prompt", &group.prompt)?,
        amounts: list("amounts", group.amounts)?,
        ..group
    };
    if group.values.is_empty() || group.values.len() > LIST_ITEMS {
        return Err(format!("option group {} needs 1 to {LIST_ITEMS} values", group.id));
    }
    for value in &mut group.values {
        value.name = name("a value's name", &value.name)?;
        value.synonyms = list("a value's synonyms", std::mem::take(&mut value.synonyms))?;
        if value.price_delta_cents.checked_abs().is_none_or(|cents| cents > max_price) {
            return Err(format!("the price difference of {} is out of range", value.name));
        }
        value.allergens = value.allergens.take().map(sane_allergens).transpose()?;
    }
    let named = |wanted: &String| group.values.iter().any(|value| value.name == *wanted);
    match &group.default {
        Some(wanted) if !named(wanted) => {
            Err(format!("the default {wanted:?} of option group {} is none of its values", group.id))
        }
        _ => Ok(group),
    }
}

fn sane_area(area: Area) -> Result<Area, String> {
    let Point { x, y } = sane_point(Point { x: area.x, y: area.y })?;
    area.to.map(sane_point).transpose()?;
    if area.bays > 1000 || area.shelves > 100 {
        return Err(format!("aisle {} has more bays or shelves than any shop", area.id));
    }
    Ok(Area { id: name("id", &area.id)?, name: name("name", &area.name)?, x, y, ..area })
}

fn sane_point(point: Point) -> Result<Point, String> {
    let within = |metres: f64| metres.is_finite() && metres.abs() <= MAX_METRES;
    if within(point.x) && within(point.y) { Ok(point) } else { Err("x or y is not on any floor".to_owned()) }
}

fn sane_product(product: Product, max_price: Cents) -> Result<Product, String> {
    // The identifier's own rules hold for every format, JSON included.
    let sku = crate::domain::Sku::new(product.sku.as_str())
        .ok_or("sku is empty, too long or holds control characters")?;
    product.price_cents.map_or(Ok(()), |price| sane_price("price_cents", price, max_price))?;
    product.stock.map_or(Ok(()), sane_stock)?;
    if let Some(pack) = &product.pack
        && !(pack.amount.is_finite() && pack.amount > 0.0 && pack.count > 0)
    {
        return Err("a pack's amount and count must be greater than 0".to_owned());
    }
    if product.age_restriction.is_some_and(|age| age > MAX_AGE) {
        return Err(format!("age_restriction is over {MAX_AGE} years"));
    }
    Ok(Product {
        sku,
        gtins: once("gtins", product.gtins)?,
        title: product.title.map(|title| name("title", &title)).transpose()?,
        brand: optional("brand", product.brand, NAME_CHARS)?,
        category: list("category", product.category)?,
        description: optional("description", product.description, TEXT_CHARS)?,
        synonyms: list("synonyms", product.synonyms)?,
        dietary: lower("dietary", product.dietary)?,
        promotion: product.promotion.map(|offer| sane_promotion(offer, max_price)).transpose()?,
        price_as_of: time("price_as_of", product.price_as_of)?,
        stock_as_of: time("stock_as_of", product.stock_as_of)?,
        attributes: sane_attributes(product.attributes)?,
        images: sane_links(product.images)?,
        option_groups: list("option_groups", product.option_groups)?,
        variant_group: optional("variant_group", product.variant_group, NAME_CHARS)?,
        accessories: once("accessories", product.accessories)?,
        substitutes: once("substitutes", product.substitutes)?,
        languages: sane_languages(product.languages)?,
        photo: sane_photo(product.photo)?,
        allergens: product.allergens.map(sane_allergens).transpose()?,
        ..product
    })
}

fn sane_price(what: &str, price: Cents, max_price: Cents) -> Result<(), String> {
    if (0..=max_price).contains(&price) {
        return Ok(());
    }
    Err(format!("{what} is {price}; prices from 0 to {max_price} are taken"))
}

fn sane_stock(stock: i64) -> Result<(), String> {
    if (0..=MAX_STOCK).contains(&stock) {
        return Ok(());
    }
    Err(format!("stock is {stock}; pieces on hand are 0 to {MAX_STOCK}"))
}

fn sane_photo(photo: Option<String>) -> Result<Option<String>, String> {
    let photo = optional("photo", photo, NAME_CHARS)?;
    match &photo {
        Some(file) if file.contains(['/', '\\']) || file.starts_with('.') => {
            Err("photo must be a plain file name, without folders".to_owned())
        }
        _ => Ok(photo),
    }
}

/// A correction as a product's fields are taken.
pub(super) fn sane_correction(given: Correction, max_price: Cents) -> Result<Correction, String> {
    given.price_cents.map_or(Ok(()), |price| sane_price("price_cents", price, max_price))?;
    given.stock.map_or(Ok(()), sane_stock)?;
    let correction = Correction {
        promotion: given.promotion.map(|offer| sane_promotion(offer, max_price)).transpose()?,
        title: given.title.map(|title| name("title", &title)).transpose()?,
        description: optional("description", given.description, TEXT_CHARS)?,
        synonyms: list("synonyms", given.synonyms)?,
        photo: sane_photo(given.photo)?,
        as_of: time("as_of", Some(given.as_of))?.ok_or("as_of is empty")?,
        until: time("until", given.until)?,
        note: optional("note", given.note, NAME_CHARS)?,
        ..given
    };
    if correction.is_empty() {
        return Err("nothing is corrected: name a field".to_owned());
    }
    Ok(correction)
}

fn sane_promotion(promotion: Promotion, max_price: Cents) -> Result<Promotion, String> {
    sane_price("a promotion's price_cents", promotion.price_cents, max_price)?;
    let promotion = Promotion {
        from: time("a promotion's from", promotion.from)?,
        until: time("a promotion's until", promotion.until)?,
        label: optional("a promotion's label", promotion.label, NAME_CHARS)?,
        ..promotion
    };
    if let (Some(from), Some(until)) = (&promotion.from, &promotion.until)
        && moment::first(from) > moment::last(until)
    {
        return Err(format!("the promotion ends ({until}) before it begins ({from})"));
    }
    Ok(promotion)
}

fn sane_allergens(stated: Allergens) -> Result<Allergens, String> {
    Ok(Allergens {
        contains: lower("allergens", stated.contains)?,
        may_contain: lower("allergens", stated.may_contain)?,
        free_from: lower("allergens", stated.free_from)?,
    })
}

fn sane_attributes(given: BTreeMap<String, Attribute>) -> Result<BTreeMap<String, Attribute>, String> {
    if given.len() > LIST_ITEMS {
        return Err(format!("more than {LIST_ITEMS} attributes"));
    }
    let attribute = |(key, value): (String, Attribute)| {
        let key = name("an attribute's name", &key)?;
        let value = match value {
            Attribute::Number(number) if !number.is_finite() => {
                return Err(format!("attribute {key} is not a finite number"));
            }
            Attribute::Text(text) => Attribute::Text(bounded("an attribute", clean(&text), TEXT_CHARS)?),
            value => value,
        };
        Ok((key, value))
    };
    given.into_iter().map(attribute).collect()
}

fn sane_links(links: Vec<String>) -> Result<Vec<String>, String> {
    let links = links.iter().map(|link| clean(link)).filter(|link| !link.is_empty());
    once("images", links.map(|link| bounded("an image", link, LINK_CHARS)).collect::<Result<_, _>>()?)
}

fn sane_languages(given: BTreeMap<String, Texts>) -> Result<BTreeMap<String, Texts>, String> {
    let language = |(code, texts): (String, Texts)| {
        let code = code.trim().to_lowercase();
        if !LANGUAGES.split(' ').any(|known| known == code) {
            return Err(format!("{code:?} is not a language code of ISO 639-1"));
        }
        let texts = Texts {
            title: optional("title", texts.title, NAME_CHARS)?,
            description: optional("description", texts.description, TEXT_CHARS)?,
            synonyms: list("synonyms", texts.synonyms)?,
        };
        Ok((code, texts))
    };
    given.into_iter().map(language).collect()
}

/// The option groups and aisles that products may refer to.
#[derive(Default)]
pub(super) struct References {
    pub groups: HashMap<String, u64>,
    pub areas: HashMap<String, Area>,
}

impl References {
    /// Checks what a product refers to. A catalog that declares no aisle at all
    /// has no planogram to be checked against.
    pub(super) fn check(&self, product: &Product) -> Result<(), String> {
        if let Some(id) = product.option_groups.iter().find(|id| !self.groups.contains_key(*id)) {
            return Err(format!("option group {id:?} is not declared"));
        }
        product.location.as_ref().map_or(Ok(()), |place| self.check_place(place))
    }

    /// Checks that a place is on the floor, where there is a planogram.
    pub(super) fn check_place(&self, place: &Location) -> Result<(), String> {
        if self.areas.is_empty() {
            return Ok(());
        }
        let Some(area) = self.areas.get(&place.aisle) else {
            return Err(format!("aisle {:?} is not declared", place.aisle));
        };
        for (what, at, count) in [("bay", place.bay, area.bays), ("shelf", place.shelf, area.shelves)] {
            if at.is_some_and(|at| at == 0 || at > count) {
                let at = at.unwrap_or_default();
                return Err(format!("{what} {at} is not in aisle {}, which has {count}", area.id));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(json: &str) -> Result<Product, String> {
        let text = format!("{{\"sku\":\"A\",\"title\":\"T\"{json}}}");
        match sane(Record::Product(serde_json::from_str(&text).unwrap()), 1_000_000)? {
            Record::Product(product) => Ok(*product),
            _ => Err("not a product".to_owned()),
        }
    }

    #[test]
    fn texts_are_cleaned() {
        let got =
            product(r#","brand":" A\u0007cme\n\tFoods\u202e ","dietary":["Vegan","vegan",""]"#).unwrap();
        assert_eq!(got.brand.as_deref(), Some("Acme Foods"));
        assert_eq!(got.dietary, ["vegan"]);
    }

    #[test]
    fn ranges_are_checked() {
        for bad in [
            r#","price_cents":-1"#,
            r#","price_cents":1000001"#,
            r#","stock":-1"#,
            r#","pack":{"amount":0,"unit":"g"}"#,
            r#","photo":"../../etc/passwd""#,
            r#","promotion":{"price_cents":-1}"#,
            r#","promotion":{"price_cents":1,"from":"2026-11-30","until":"2026-11-29"}"#,
            r#","promotion":{"price_cents":1,"until":"Sunday"}"#,
            r#","price_as_of":"yesterday""#,
            r#","stock_as_of":"2026-02-30""#,
            r#","languages":{"xx":{"title":"T"}}"#,
            r#","languages":{"english":{"title":"T"}}"#,
        ] {
            assert!(product(bad).is_err(), "{bad}");
        }
        assert!(product(r#","price_cents":1000000,"stock":0"#).is_ok());
        let day =
            r#","promotion":{"price_cents":1,"from":"2026-11-29","until":"2026-11-29","label":" Sale "}"#;
        assert_eq!(product(day).unwrap().promotion.unwrap().label.as_deref(), Some("Sale"));
        let infinite = BTreeMap::from([("weight".to_owned(), Attribute::Number(f64::INFINITY))]);
        assert_eq!(sane_attributes(infinite).unwrap_err(), "attribute weight is not a finite number");
    }

    #[test]
    fn references_are_checked() {
        let mut known = References::default();
        let placed = product(r#","location":{"aisle":"4","bay":9}"#).unwrap();
        assert!(known.check(&placed).is_ok(), "no planogram: nothing to check against");
        let area =
            |bays| Area { id: "4".into(), name: "Dairy".into(), x: 0.0, y: 0.0, to: None, bays, shelves: 5 };
        known.areas.insert("4".to_owned(), area(10));
        assert!(known.check(&placed).is_ok());
        known.areas.insert("4".to_owned(), area(8));
        assert_eq!(known.check(&placed).unwrap_err(), "bay 9 is not in aisle 4, which has 8");
        let made = product(r#","option_groups":["size"]"#).unwrap();
        assert_eq!(known.check(&made).unwrap_err(), "option group \"size\" is not declared");
    }
}
