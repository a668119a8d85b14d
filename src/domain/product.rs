//! What the shop sells, as far as it is known. Unknown is `None`, never a
//! guess: a missing stock is not "out of stock", a missing allergen statement
//! is not "free from".

use super::{AsOf, Cents, Gtin, Location, Sku, moment};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One article of the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    pub sku: Sku,
    /// Its GTINs: one for each pack it is sold in, the first the usual one.
    #[serde(default, alias = "gtin", deserialize_with = "one_or_more")]
    pub gtins: Vec<Gtin>,
    /// Its name; `None` in catalogs without names. [`Product::label`] always
    /// has something to show.
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub brand: Option<String>,
    /// From the widest to the narrowest: `["Dairy & Eggs", "Milk"]`.
    #[serde(default)]
    pub category: Vec<String>,
    #[serde(default)]
    pub description: Option<String>,
    /// Other words shoppers use for it.
    #[serde(default)]
    pub synonyms: Vec<String>,
    /// The regular price.
    #[serde(default)]
    pub price_cents: Option<Cents>,
    #[serde(default)]
    pub promotion: Option<Promotion>,
    /// When the price was last sure; `None`: as the catalog's.
    #[serde(default)]
    pub price_as_of: Option<AsOf>,
    #[serde(default)]
    pub pack: Option<Pack>,
    /// Pieces on hand.
    #[serde(default)]
    pub stock: Option<i64>,
    /// Whether it can be had, where the count is not known or not told.
    #[serde(default)]
    pub availability: Option<Availability>,
    /// When stock and availability were last sure; `None`: as the catalog's.
    #[serde(default)]
    pub stock_as_of: Option<AsOf>,
    #[serde(default)]
    pub location: Option<Location>,
    /// `None`: the label's statement is not known.
    #[serde(default)]
    pub allergens: Option<Allergens>,
    /// Stated suitabilities: `vegan`, `gluten-free`.
    #[serde(default)]
    pub dietary: Vec<String>,
    /// Further stated facts by name.
    #[serde(default)]
    pub attributes: BTreeMap<String, Attribute>,
    /// Lowest age that may buy it, in years.
    #[serde(default)]
    pub age_restriction: Option<u8>,
    /// File name in the catalog's `photos` folder.
    #[serde(default)]
    pub photo: Option<String>,
    /// Links to further pictures, as the feed gave them. The kiosk shows files
    /// only; a link is for those who mirror them.
    #[serde(default)]
    pub images: Vec<String>,
    /// Identifiers of the option groups it is made to order with.
    #[serde(default)]
    pub option_groups: Vec<String>,
    /// What its variants (sizes, colours) have in common: products of one group
    /// are variants of each other.
    #[serde(default)]
    pub variant_group: Option<String>,
    /// Products that go with it, as the retailer states.
    #[serde(default)]
    pub accessories: Vec<Sku>,
    /// Products that may stand in for it, as the retailer states.
    #[serde(default)]
    pub substitutes: Vec<Sku>,
    /// Its texts in other languages, by ISO 639-1 code.
    #[serde(default)]
    pub languages: BTreeMap<String, Texts>,
}

/// A price for a limited time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    pub price_cents: Cents,
    /// First moment it holds; `None`: already.
    #[serde(default)]
    pub from: Option<AsOf>,
    /// Last moment it holds (a date: to its end, UTC); `None`: until further notice.
    #[serde(default)]
    pub until: Option<AsOf>,
    /// What the retailer calls it: "Harvest week".
    #[serde(default)]
    pub label: Option<String>,
}

/// Whether a product can be had, in the words of schema.org's ItemAvailability
/// and Google's `availability`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    InStock,
    OutOfStock,
    /// Not here yet, can be ordered.
    Preorder,
    /// Will come again.
    Backorder,
    Discontinued,
}

/// A stated fact. Numbers are in the unit that their name or the feed says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Attribute {
    Flag(bool),
    Number(f64),
    Text(String),
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(true) => f.write_str("yes"),
            Self::Flag(false) => f.write_str("no"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A product's texts in one language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub synonyms: Vec<String>,
}

/// A list, a single value or null.
fn one_or_more<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Gtin>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        None,
        One(String),
        More(Vec<String>),
    }
    let texts = match Given::deserialize(from)? {
        Given::None => Vec::new(),
        Given::One(text) => vec![text],
        Given::More(texts) => texts,
    };
    texts.iter().map(|text| Gtin::parse(text).map_err(serde::de::Error::custom)).collect()
}

/// The allergen statement of a label. An allergen in none of the three lists
/// is not stated, hence unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allergens {
    #[serde(default)]
    pub contains: Vec<String>,
    #[serde(default)]
    pub may_contain: Vec<String>,
    #[serde(default)]
    pub free_from: Vec<String>,
}

/// How much is in a pack: `count` pieces of `amount` `unit` each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// Greater than 0, in `unit`.
    pub amount: f64,
    pub unit: Unit,
    #[serde(default = "one")]
    pub count: u32,
}

fn one() -> u32 {
    1
}

/// A unit of pack size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    G,
    Kg,
    Ml,
    L,
    Each,
}

/// A price per kilogram, litre or piece, rounded half up to a cent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitPrice {
    pub cents: Cents,
    /// `Kg`, `L` or `Each`.
    pub per: Unit,
}

impl Promotion {
    /// Whether it holds at `now`. One whose times cannot be read does not.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        let begun =
            self.from.as_deref().is_none_or(|from| moment::first(from).is_some_and(|from| from <= now));
        begun
            && self.until.as_deref().is_none_or(|until| moment::last(until).is_some_and(|until| now <= until))
    }
}

/// Whether a photograph's name is that of a file in the photos' folder: no folder in it,
/// not hidden.
#[must_use]
pub fn is_photo_name(name: &str) -> bool {
    !name.starts_with('.') && std::path::Path::new(name).file_name().is_some_and(|own| own == name)
}

impl Availability {
    pub const ALL: [Self; 5] =
        [Self::InStock, Self::OutOfStock, Self::Preorder, Self::Backorder, Self::Discontinued];

    /// The word used in feeds: `in_stock`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InStock => "in_stock",
            Self::OutOfStock => "out_of_stock",
            Self::Preorder => "preorder",
            Self::Backorder => "backorder",
            Self::Discontinued => "discontinued",
        }
    }
}

impl Unit {
    /// How many grams, millilitres or pieces it is.
    #[must_use]
    pub fn base(self) -> f64 {
        match self {
            Self::Kg | Self::L => 1000.0,
            Self::G | Self::Ml | Self::Each => 1.0,
        }
    }

    /// The unit that it is measured against: two units of one base can be compared.
    #[must_use]
    pub fn base_unit(self) -> Self {
        match self {
            Self::G | Self::Kg => Self::G,
            Self::Ml | Self::L => Self::Ml,
            Self::Each => Self::Each,
        }
    }

    pub const ALL: [Self; 5] = [Self::G, Self::Kg, Self::Ml, Self::L, Self::Each];

    /// The unit of a [`Unit::symbol`].
    #[must_use]
    pub fn of_symbol(symbol: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.symbol() == symbol)
    }

    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::G => "g",
            Self::Kg => "kg",
            Self::Ml => "ml",
            Self::L => "l",
            Self::Each => "each",
        }
    }
}

impl Pack {
    /// The price per kilogram, litre or piece, the bases that unit-price rules
    /// such as EU directive 98/6/EC use; `None` for a pack of no size.
    #[must_use]
    pub fn unit_price(&self, price: Cents) -> Option<UnitPrice> {
        let (scale, per) = match self.unit {
            Unit::G => (1000.0, Unit::Kg),
            Unit::Kg => (1.0, Unit::Kg),
            Unit::Ml => (1000.0, Unit::L),
            Unit::L => (1.0, Unit::L),
            Unit::Each => (1.0, Unit::Each),
        };
        let size = self.amount * f64::from(self.count) / scale;
        // Prices stay far below 2^53, where f64 is exact to the cent.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
        let cents = (price as f64 / size).round() as Cents;
        (size.is_finite() && size > 0.0).then_some(UnitPrice { cents, per })
    }
}

/// How an allergen stands on a product's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllergenFact {
    Contains,
    MayContain,
    FreeFrom,
    /// Not stated: the only honest answer is "look at the label or ask".
    Unknown,
}

impl Product {
    /// What to call it: its name, else what kind of thing it is, with its size
    /// as stated, else its number.
    #[must_use]
    pub fn label(&self) -> String {
        if let Some(title) = &self.title {
            return title.clone();
        }
        let Some(kind) = self.category.last() else {
            return format!("Article {}", self.sku);
        };
        let brand = self.brand.as_ref().map(|brand| format!("{brand} ")).unwrap_or_default();
        match &self.pack {
            Some(Pack { amount, unit, count: 1 }) => format!("{brand}{kind} {amount} {}", unit.symbol()),
            _ => format!("{brand}{kind}"),
        }
    }

    /// The promotion that holds at `now`, if it makes the product cheaper.
    #[must_use]
    pub fn offer(&self, now: Timestamp) -> Option<&Promotion> {
        let cheaper = |offer: &&Promotion| self.price_cents.is_none_or(|regular| offer.price_cents < regular);
        self.promotion.as_ref().filter(|offer| offer.holds(now)).filter(cheaper)
    }

    /// What it costs at `now`.
    #[must_use]
    pub fn price_at(&self, now: Timestamp) -> Option<Cents> {
        self.offer(now).map(|offer| offer.price_cents).or(self.price_cents)
    }

    /// Whether it is known to be there (`Some(true)`) or known to be not. A count
    /// says more than a word.
    #[must_use]
    pub fn can_be_had(&self) -> Option<bool> {
        match (self.stock, self.availability) {
            (Some(pieces), _) => Some(pieces > 0),
            (None, Some(stated)) => Some(stated == Availability::InStock),
            (None, None) => None,
        }
    }

    /// What the label states about `allergen` (vocabulary word, lower case).
    #[must_use]
    pub fn allergen(&self, allergen: &str) -> AllergenFact {
        let Some(stated) = &self.allergens else {
            return AllergenFact::Unknown;
        };
        let lists = |list: &[String]| list.iter().any(|entry| entry == allergen);
        if lists(&stated.contains) {
            AllergenFact::Contains
        } else if lists(&stated.may_contain) {
            AllergenFact::MayContain
        } else if lists(&stated.free_from) {
            AllergenFact::FreeFrom
        } else {
            AllergenFact::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_prices_are_per_kilogram_litre_or_piece() {
        let pack = |amount, unit, count| Pack { amount, unit, count };
        assert_eq!(pack(500.0, Unit::G, 1).unit_price(249), Some(UnitPrice { cents: 498, per: Unit::Kg }));
        assert_eq!(pack(330.0, Unit::Ml, 6).unit_price(599), Some(UnitPrice { cents: 303, per: Unit::L }));
        assert_eq!(pack(1.0, Unit::Each, 12).unit_price(360), Some(UnitPrice { cents: 30, per: Unit::Each }));
        assert_eq!(pack(0.0, Unit::G, 1).unit_price(100), None);
    }

    #[test]
    fn a_name_with_a_folder_is_no_photograph() {
        assert!(is_photo_name("milk.jpg"));
        for odd in ["../milk.jpg", "a/b.jpg", "/milk.jpg", "", ".", "..", ".milk.jpg"] {
            assert!(!is_photo_name(odd), "{odd}");
        }
    }

    #[test]
    fn a_promotion_holds_from_its_first_to_its_last_moment() {
        let json = r#"{"sku":"A","price_cents":349,
            "promotion":{"price_cents":299,"from":"2026-11-23","until":"2026-11-29"}}"#;
        let mut product: Product = serde_json::from_str(json).unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(product.price_at(at("2026-11-22T23:59:59Z")), Some(349));
        assert_eq!(product.price_at(at("2026-11-23T00:00:00Z")), Some(299));
        assert_eq!(product.price_at(at("2026-11-29T23:59:59Z")), Some(299));
        assert_eq!(product.price_at(at("2026-11-30T00:00:00Z")), Some(349));
        product.price_cents = Some(250);
        assert_eq!(product.price_at(at("2026-11-25T12:00:00Z")), Some(250), "dearer than the regular price");
    }

    #[test]
    fn what_has_no_name_is_called_by_its_kind() {
        let label = |json: &str| serde_json::from_str::<Product>(json).unwrap().label();
        assert_eq!(label(r#"{"sku":"7","title":"Oat Drink","category":["Milk"]}"#), "Oat Drink");
        let json = r#"{"sku":"7","brand":"Acme","category":["Food","Jam"],"pack":{"amount":340,"unit":"g"}}"#;
        assert_eq!(label(json), "Acme Jam 340 g");
        assert_eq!(label(r#"{"sku":"7"}"#), "Article 7");
    }

    #[test]
    fn one_or_many_gtins_are_read() {
        let gtins = |json: &str| serde_json::from_str::<Product>(json).map(|p| p.gtins.len());
        assert_eq!(gtins(r#"{"sku":"A"}"#).unwrap(), 0);
        assert_eq!(gtins(r#"{"sku":"A","gtin":null}"#).unwrap(), 0);
        assert_eq!(gtins(r#"{"sku":"A","gtin":"4006381333931"}"#).unwrap(), 1);
        assert_eq!(gtins(r#"{"sku":"A","gtins":["4006381333931","2000000010014"]}"#).unwrap(), 2);
        let error = gtins(r#"{"sku":"A","gtins":["4006381333932"]}"#).unwrap_err().to_string();
        assert!(error.starts_with("the GTIN 4006381333932 ends with check digit 2"), "{error}");
    }

    #[test]
    fn an_unstated_allergen_is_unknown() {
        let json = r#"{"sku":"A","title":"Bar","allergens":{"contains":["milk"],"free_from":["gluten"]}}"#;
        let product: Product = serde_json::from_str(json).unwrap();
        assert_eq!(product.allergen("milk"), AllergenFact::Contains);
        assert_eq!(product.allergen("gluten"), AllergenFact::FreeFrom);
        assert_eq!(product.allergen("peanuts"), AllergenFact::Unknown);
    }
}
