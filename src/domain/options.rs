//! Option groups of a product made to order (size, roast, milk): the menu's
//! own words. Never parses speech; `dialog` does.

use super::money::Cents;
use super::product::Allergens;
use serde::{Deserialize, Serialize};

/// A choice that a product offers, at most one value of it per order line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionGroup {
    /// Stable identifier: `size`, `milk`.
    pub id: String,
    /// What the group is called on screen.
    pub name: String,
    /// The question asked when a choice is needed.
    pub prompt: String,
    pub values: Vec<OptionValue>,
    /// The value used when the shopper names none; `None`: nothing is added.
    #[serde(default)]
    pub default: Option<String>,
    /// Words of amount that may stand before a value ("a bit of"); empty when
    /// the group has no amounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amounts: Vec<String>,
}

/// One value of a group, under its menu name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionValue {
    pub name: String,
    /// Added to the product's price, in cents; may be negative.
    #[serde(default)]
    pub price_delta_cents: Cents,
    /// Other ways to say it.
    #[serde(default)]
    pub synonyms: Vec<String>,
    /// What choosing it adds to the product's allergen statement; `None`: not
    /// stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allergens: Option<Allergens>,
}

impl OptionGroup {
    /// The value with this menu name, an amount before it ignored
    /// ("lots of soy milk" finds "soy milk").
    #[must_use]
    pub fn value(&self, words: &str) -> Option<&OptionValue> {
        let bare = self
            .amounts
            .iter()
            .filter_map(|amount| words.strip_prefix(amount.as_str())?.strip_prefix(' '))
            .min_by_key(|rest| rest.len())
            .unwrap_or(words);
        self.values.iter().find(|value| value.name == bare)
    }
}
