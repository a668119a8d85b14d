//! The products of the present catalog that must not be sold: no search and no read finds them,
//! but who asks for one by name or by its code is told so. Never sells a substitute for the
//! answer: what else there is, is the search's.

use super::analysis::Tally;
use super::catalog::Catalog;
use super::connections::ReadError;
use super::search::Hit;
use super::{StoreError, query, rows};
use crate::domain::{Gtin, Product, Sku};
use rusqlite::Transaction;
use std::collections::BTreeSet;

/// What is stopped, with its words.
#[derive(Debug, Default)]
pub(super) struct Stops {
    products: Vec<(Product, BTreeSet<String>)>,
}

impl Stops {
    pub(super) fn load(tx: &Transaction<'_>) -> rusqlite::Result<Self> {
        let mut select =
            tx.prepare_cached("SELECT b.body FROM stopped AS s JOIN base AS b USING (sku) ORDER BY b.id")?;
        let products = select.query_map([], |row| Ok(row.get::<_, rows::Json<Product>>(0)?.0))?;
        let products = products.map(|product| product.map(|product| (stems(&product), product)));
        let products = products.map(|entry| entry.map(|(stems, product)| (product, stems)));
        Ok(Self { products: products.collect::<rusqlite::Result<_>>()? })
    }

    /// Those that have all that `text` asks for in their names, where none of `hits` has: a
    /// shopper who asks for pasta is not told of one that is stopped among many.
    pub(super) fn named(&self, text: &str, hits: &[Hit]) -> Vec<Product> {
        if self.products.is_empty() {
            return Vec::new();
        }
        let wanted = query::wanted(text);
        let has_all = |stems: &BTreeSet<String>| !wanted.is_empty() && wanted.is_subset(stems);
        let named: Vec<&(Product, _)> = self.products.iter().filter(|(_, stems)| has_all(stems)).collect();
        if named.is_empty() || hits.iter().any(|hit| has_all(&stems(&hit.product))) {
            return Vec::new();
        }
        named.into_iter().map(|(product, _)| product.clone()).collect()
    }

    fn find(&self, is_it: impl Fn(&Product) -> bool) -> Option<Product> {
        self.products.iter().map(|(product, _)| product).find(|product| is_it(product)).cloned()
    }
}

/// The words of a product's names.
fn stems(product: &Product) -> BTreeSet<String> {
    let mut tally = Tally::default();
    tally.add(product);
    tally.stems.into_iter().filter(|(_, count)| count.named > 0).map(|(stem, _)| stem).collect()
}

impl Catalog {
    /// The product of this number, if it must not be sold.
    ///
    /// # Errors
    /// No catalog is loaded, or it cannot be read; so for the others here.
    pub fn stopped(&self, sku: &Sku) -> Result<Option<Product>, StoreError> {
        self.find_stopped(|product| product.sku == *sku)
    }

    /// The product with this code, if it must not be sold.
    pub fn stopped_by_gtin(&self, gtin: Gtin) -> Result<Option<Product>, StoreError> {
        self.find_stopped(|product| product.gtins.contains(&gtin))
    }

    fn find_stopped(&self, is_it: impl Fn(&Product) -> bool) -> Result<Option<Product>, StoreError> {
        self.read(|tx| Ok::<_, ReadError>(self.stops(tx)?.find(is_it)))
    }
}
