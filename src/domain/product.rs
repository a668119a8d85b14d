//! What the shop sells, as far as it is known. Unknown is `None`, never a
//! guess: a missing stock is not "out of stock", a missing allergen statement
//! is not "free from".

use super::{Cents, Gtin, Location, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One article of the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    pub sku: Sku,
    #[serde(default)]
    pub gtin: Option<Gtin>,
    pub title: String,
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
    #[serde(default)]
    pub price_cents: Option<Cents>,
    #[serde(default)]
    pub pack: Option<Pack>,
    /// Pieces on hand at the catalog's as-of time.
    #[serde(default)]
    pub stock: Option<i64>,
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
    pub attributes: BTreeMap<String, String>,
    /// Lowest age that may buy it, in years.
    #[serde(default)]
    pub age_restriction: Option<u8>,
    /// File name in the catalog's `photos` folder.
    #[serde(default)]
    pub photo: Option<String>,
    /// Identifiers of the option groups it is made to order with.
    #[serde(default)]
    pub option_groups: Vec<String>,
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

impl Unit {
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
    fn an_unstated_allergen_is_unknown() {
        let json = r#"{"sku":"A","title":"Bar","allergens":{"contains":["milk"],"free_from":["gluten"]}}"#;
        let product: Product = serde_json::from_str(json).unwrap();
        assert_eq!(product.allergen("milk"), AllergenFact::Contains);
        assert_eq!(product.allergen("gluten"), AllergenFact::FreeFrom);
        assert_eq!(product.allergen("peanuts"), AllergenFact::Unknown);
    }
}
