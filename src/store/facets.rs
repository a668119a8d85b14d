//! How the found products divide: what a screen offers to narrow them by, with
//! counts. Counts only what is known; never reads the query.

use super::rows::{Json, PRICE_NOW};
use crate::domain::{Attribute, Cents};
use rusqlite::{Transaction, named_params};
use std::collections::{BTreeMap, HashMap};

/// Most values told of one facet, the commonest.
const MAX_VALUES: usize = 12;
/// Most attributes told.
const MAX_ATTRIBUTES: usize = 6;
/// An attribute divides the products when at least this share of them states it ...
const MIN_STATED: f64 = 0.3;
/// ... in at least two ways and no more than this, each by two products or more on
/// average: what is different for each product narrows nothing.
const MAX_WAYS: usize = 12;

/// What the found products have, each value with the number of products, commonest
/// first. A product that states nothing is counted nowhere.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Facets {
    pub brands: Vec<Facet>,
    /// Narrowest categories.
    pub kinds: Vec<Facet>,
    pub dietary: Vec<Facet>,
    /// By name: `colour`.
    pub attributes: Vec<(String, Vec<Facet>)>,
    /// Lowest and highest price; `None` when no price is known.
    pub prices: Option<(Cents, Cents)>,
    /// How many can be had.
    pub in_stock: u64,
    /// How many are cheaper now than usual.
    pub on_offer: u64,
}

/// A value and how many of the found products have it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Facet {
    pub value: String,
    pub count: u64,
}

#[derive(Default)]
struct Counts(HashMap<String, u64>);

impl Counts {
    fn add(&mut self, value: String) {
        *self.0.entry(value).or_default() += 1;
    }

    /// Commonest first, then by name.
    fn facets(self) -> Vec<Facet> {
        let mut facets: Vec<Facet> =
            self.0.into_iter().map(|(value, count)| Facet { value, count }).collect();
        facets.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        facets.truncate(MAX_VALUES);
        facets
    }
}

/// Counts the products of these rows at the moment `now`, in seconds since 1970.
pub(super) fn count(tx: &Transaction<'_>, ids: &[i64], now: i64) -> rusqlite::Result<Facets> {
    let sql = format!(
        "SELECT p.brand, p.category, p.dietary, p.attributes, {PRICE_NOW}, p.price_cents, \
         ifnull(p.stock > 0, p.availability = 'in_stock') \
         FROM json_each(:ids) AS wanted JOIN products AS p ON p.id = wanted.value"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let list = serde_json::to_string(ids).unwrap_or_default();
    let mut rows = statement.query(named_params! {":ids": list, ":now": now})?;
    let (mut facets, mut brands, mut kinds, mut dietary) =
        (Facets::default(), Counts::default(), Counts::default(), Counts::default());
    let mut attributes: BTreeMap<String, Counts> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        row.get::<_, Option<String>>(0)?.into_iter().for_each(|brand| brands.add(brand));
        row.get::<_, Json<Vec<String>>>(1)?.0.pop().into_iter().for_each(|kind| kinds.add(kind));
        row.get::<_, Json<Vec<String>>>(2)?.0.into_iter().for_each(|word| dietary.add(word));
        for (name, stated) in row.get::<_, Json<BTreeMap<String, Attribute>>>(3)?.0 {
            attributes.entry(name).or_default().add(stated.to_string());
        }
        let (price, usual): (Option<Cents>, Option<Cents>) = (row.get(4)?, row.get(5)?);
        if let Some(price) = price {
            let (low, high) = facets.prices.unwrap_or((price, price));
            facets.prices = Some((low.min(price), high.max(price)));
            facets.on_offer += u64::from(usual.is_none_or(|usual| price < usual));
        }
        facets.in_stock += u64::from(row.get::<_, Option<bool>>(6)?.unwrap_or(false));
    }
    // Counts stay far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let divides = |counts: &Counts| {
        let stated: u64 = counts.0.values().sum();
        let ways = counts.0.len();
        (2..=MAX_WAYS).contains(&ways)
            && stated >= 2 * ways as u64
            && stated as f64 >= MIN_STATED * ids.len() as f64
    };
    let mut dividing: Vec<(u64, String, Counts)> = attributes
        .into_iter()
        .filter(|(_, counts)| divides(counts))
        .map(|(name, counts)| (counts.0.values().sum(), name, counts))
        .collect();
    dividing.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    dividing.truncate(MAX_ATTRIBUTES);
    facets.attributes = dividing.into_iter().map(|(_, name, counts)| (name, counts.facets())).collect();
    (facets.brands, facets.kinds, facets.dietary) = (brands.facets(), kinds.facets(), dietary.facets());
    Ok(facets)
}
