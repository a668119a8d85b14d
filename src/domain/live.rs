//! What head office says of products between two catalogs: prices, counts, recalls. Of two
//! values the one that was known later holds. Never stored here.

use super::product::{Availability, Product, Promotion};
use super::{AsOf, Cents, Gtin, Sku, moment};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The whole price of a product: what is `None` is not known, or not on offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LivePrice {
    pub sku: Sku,
    /// The regular price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_cents: Option<Cents>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<Promotion>,
    /// When it was known.
    pub as_of: Timestamp,
}

/// How much of a product there is; neither: not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCount {
    pub sku: Sku,
    /// Pieces on hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Availability>,
    /// When it was known.
    pub as_of: Timestamp,
}

/// A stop of sale. Whatever else is said of its products, they are not sold while it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recall {
    pub id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skus: Vec<Sku>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gtins: Vec<Gtin>,
    /// Which lot, as the label writes it; the product is stopped as a whole all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// Why, for the people of the store.
    pub text: String,
    pub since: Timestamp,
}

impl LivePrice {
    /// Lays it over `product`, as a catalog that was sure at `catalog` has it. False: the
    /// catalog knew its price later, and nothing changed.
    pub fn apply(&self, product: &mut Product, catalog: Option<&AsOf>) -> bool {
        if is_later(product.price_as_of.as_ref().or(catalog), self.as_of) {
            return false;
        }
        product.price_cents = self.price_cents;
        product.promotion.clone_from(&self.promotion);
        product.price_as_of = Some(self.as_of.to_string());
        true
    }
}

impl LiveCount {
    /// Lays it over `product`, as a catalog that was sure at `catalog` has it. False: the
    /// catalog counted later, and nothing changed.
    pub fn apply(&self, product: &mut Product, catalog: Option<&AsOf>) -> bool {
        if is_later(product.stock_as_of.as_ref().or(catalog), self.as_of) {
            return false;
        }
        (product.stock, product.availability) = (self.stock, self.availability);
        product.stock_as_of = Some(self.as_of.to_string());
        true
    }
}

/// Whether what was known at `known` is newer than `as_of`. A time that nobody gave is older
/// than any.
fn is_later(known: Option<&AsOf>, as_of: Timestamp) -> bool {
    known.and_then(|known| moment::first(known)).is_some_and(|known| known > as_of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Correction;

    fn product(json: &str) -> Product {
        serde_json::from_str(json).unwrap()
    }

    fn price(cents: Cents, as_of: &str) -> LivePrice {
        LivePrice {
            sku: Sku::new("A").unwrap(),
            price_cents: Some(cents),
            promotion: None,
            as_of: as_of.parse().unwrap(),
        }
    }

    #[test]
    fn the_later_of_catalog_and_message_holds() {
        let shelf = r#"{"sku":"A","price_cents":100,"price_as_of":"2026-11-26T08:00:00Z"}"#;
        for (as_of, taken) in [("2026-11-26T08:00:00Z", true), ("2026-11-26T07:59:59Z", false)] {
            let mut own = product(shelf);
            assert_eq!(price(90, as_of).apply(&mut own, None), taken, "{as_of}");
            assert_eq!(own.price_cents, Some(if taken { 90 } else { 100 }));
        }
        // A catalog's own time stands for products without one.
        let mut own = product(r#"{"sku":"A","price_cents":100}"#);
        assert!(!price(90, "2026-11-25T08:00:00Z").apply(&mut own, Some(&"2026-11-26".into())));
        assert!(price(90, "2026-11-26T08:00:00Z").apply(&mut own, Some(&"2026-11-26".into())));
        let mut own = product(r#"{"sku":"A","stock":3,"stock_as_of":"2026-11-26T08:00:00Z"}"#);
        let count = LiveCount {
            sku: own.sku.clone(),
            stock: None,
            availability: Some(Availability::OutOfStock),
            as_of: "2026-11-26T09:00:00Z".parse().unwrap(),
        };
        assert!(count.apply(&mut own, None));
        assert_eq!((own.stock, own.availability), (None, Some(Availability::OutOfStock)));
    }

    #[test]
    fn a_store_and_its_head_office_are_judged_by_when_they_knew() {
        let correction = |as_of: &str| Correction {
            price_cents: Some(80),
            title: Some("Pear".into()),
            as_of: as_of.into(),
            ..Correction::default()
        };
        let live = price(90, "2026-11-26T09:00:00Z");
        for (as_of, cents) in
            [("2026-11-26T08:00:00Z", 90), ("2026-11-26T10:00:00Z", 80), ("2026-11-26T09:00:00Z", 80)]
        {
            let mut own = product(r#"{"sku":"A","price_cents":100}"#);
            assert!(live.apply(&mut own, None));
            correction(as_of).apply(&mut own, None, Some(live.as_of));
            assert_eq!(own.price_cents, Some(cents), "{as_of}");
            assert_eq!(own.title.as_deref(), Some("Pear"), "no message speaks of names");
        }
    }
}
