//! What the shop itself knows better than its catalog: corrections of one
//! product, laid over whatever the catalog says. Never stored here.

use super::product::{Availability, Product, Promotion};
use super::{AsOf, Cents, Location, moment};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A correction of one product; what is `None` or empty stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// The regular price. It also ends the catalog's own promotion, which was
    /// made for another price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_cents: Option<Cents>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<Promotion>,
    /// Pieces on hand; until a catalog brings a later count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Availability>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Further words that shoppers use for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub synonyms: Vec<String>,
    /// File name in the catalog's `photos` folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<String>,
    /// Not sold here for now: not found, not offered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// When it was known.
    pub as_of: AsOf,
    /// Last moment it holds (a date: to its end, UTC); `None`: until dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<AsOf>,
    /// Who corrected and why, for colleagues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Correction {
    /// True when it corrects nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { as_of, until, note, .. } = self.clone();
        *self == Self { as_of, until, note, ..Self::default() }
    }

    /// Whether it holds at `now`, to the second.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.end().is_none_or(|end| now.as_second() <= end)
    }

    /// Its last second since 1970; `None`: it does not end by itself.
    #[must_use]
    pub fn end(&self) -> Option<i64> {
        let until = self.until.as_deref()?;
        Some(moment::last(until).map_or(i64::MIN, Timestamp::as_second))
    }

    /// Forgets what `newer` corrects as well.
    pub fn yield_to(&mut self, newer: &Self) {
        fn give<T>(own: &mut Option<T>, newer: Option<&T>) {
            own.take_if(|_| newer.is_some());
        }
        give(&mut self.price_cents, newer.price_cents.as_ref());
        give(&mut self.promotion, newer.promotion.as_ref());
        // Count and word are two ways to say one thing.
        if newer.stock.is_some() || newer.availability.is_some() {
            (self.stock, self.availability) = (None, None);
        }
        give(&mut self.location, newer.location.as_ref());
        give(&mut self.title, newer.title.as_ref());
        give(&mut self.description, newer.description.as_ref());
        self.synonyms.retain(|word| !newer.synonyms.contains(word));
        give(&mut self.photo, newer.photo.as_ref());
        self.withdrawn &= !newer.withdrawn;
    }

    /// Whether the catalog counted later than the shop: a count is a measurement, and the
    /// later one holds. Prices and words are decisions, and hold until they end.
    fn is_counted_anew(&self, product: &Product, catalog: Option<&AsOf>) -> bool {
        let counted = product.stock.is_some() || product.availability.is_some();
        let since = product.stock_as_of.as_ref().or(catalog).and_then(|as_of| moment::first(as_of));
        let own = moment::first(&self.as_of);
        counted && since.zip(own).is_some_and(|(since, own)| since > own)
    }

    /// Whether head office told a price, known at `told`, after the shop decided on its own.
    fn is_priced_anew(&self, told: Option<Timestamp>) -> bool {
        told.zip(moment::first(&self.as_of)).is_some_and(|(told, own)| told > own)
    }

    /// Lays it over `product`, as a catalog that was sure at `catalog` has it, with head
    /// office's live price of `told`, if any, over it; `withdrawn` is the caller's to heed.
    pub fn apply(&self, product: &mut Product, catalog: Option<&AsOf>, told: Option<Timestamp>) {
        let prices = self.price_cents.is_some() || self.promotion.is_some();
        if prices && !self.is_priced_anew(told) {
            if self.price_cents.is_some() {
                (product.price_cents, product.promotion) = (self.price_cents, None);
            }
            if self.promotion.is_some() {
                product.promotion.clone_from(&self.promotion);
            }
            product.price_as_of = Some(self.as_of.clone());
        }
        let counts = self.stock.is_some() || self.availability.is_some();
        if counts && !self.is_counted_anew(product, catalog) {
            (product.stock, product.availability) = (self.stock, self.availability);
            product.stock_as_of = Some(self.as_of.clone());
        }
        let over = |own: &mut Option<String>, ours: &Option<String>| {
            if ours.is_some() {
                own.clone_from(ours);
            }
        };
        over(&mut product.title, &self.title);
        over(&mut product.description, &self.description);
        over(&mut product.photo, &self.photo);
        if self.location.is_some() {
            product.location.clone_from(&self.location);
        }
        for word in &self.synonyms {
            if !product.synonyms.contains(word) {
                product.synonyms.push(word.clone());
            }
        }
    }
}
