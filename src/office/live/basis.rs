//! What the published catalog of a group says of products: the newest that the broker has and
//! that kiosks take into use by themselves. Reads the shelf, changes nothing.

use super::LiveError;
use super::sheets::Row;
use crate::domain::{AsOf, Availability, Cents, Promotion, Sku, moment};
use crate::office::bundle;
use crate::office::shelf::Shelf;
use crate::sync::pack::PackError;
use crate::sync::root::Line;
use crate::sync::topics::Name;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A group's catalog, as far as it is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Basis {
    /// Its version; 0: none that kiosks take into use by themselves.
    pub version: u64,
    /// Into how many messages its prices and counts are parted at least.
    pub shards: u8,
    known: BTreeMap<Sku, Known>,
}

/// What it says of a product.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    pub price_cents: Option<Cents>,
    pub promotion: Option<Promotion>,
    /// When the price was sure; `None`: nobody knows.
    pub price_as_of: Option<Timestamp>,
    pub stock: Option<i64>,
    pub availability: Option<Availability>,
    /// When the count was sure; `None`: nobody knows.
    pub stock_as_of: Option<Timestamp>,
}

impl Basis {
    /// Reads what the catalog of `group` says of `wanted`.
    ///
    /// # Errors
    /// Nothing is published to the group, or it cannot be read.
    pub fn read(office: &Path, group: &Name, wanted: &BTreeSet<Sku>) -> Result<Self, LiveError> {
        let shelf = Shelf::look(office, group)?;
        let published = shelf.published();
        let Some(newest) = published.first() else { return Err(LiveError::NoCatalog(group.clone())) };
        let shards = newest.manifest.shards;
        // One that waits for a command is in use nowhere, or not everywhere.
        let Some(base) = published.iter().map(|own| &own.manifest).find(|manifest| !manifest.staged) else {
            return Ok(Self { version: 0, shards, known: BTreeMap::new() });
        };
        let (mut known, mut as_of) = (BTreeMap::new(), None);
        let read = bundle::read(&shelf, base, |line| {
            match line {
                Line::Header(line) => as_of = header(&line).or(as_of),
                Line::Product(row) if wanted.contains(row.sku()) => {
                    known.insert(row.sku().clone(), product(row.line(), as_of)?);
                }
                Line::Product(_) => {}
            }
            Ok(())
        });
        let version = base.version;
        read.map_err(|why| LiveError::Catalog { group: group.clone(), version, why })?;
        Ok(Self { version, shards, known })
    }

    /// Whether the catalog has the product.
    #[must_use]
    pub fn knows(&self, sku: &Sku) -> bool {
        self.known.contains_key(sku)
    }

    /// Whether the catalog makes a row unnecessary.
    pub fn has<R: Row>(&self, row: &R) -> bool {
        self.known.get(row.sku()).is_some_and(|known| row.is_in(known))
    }

    /// As if a catalog said this, for tests.
    #[cfg(test)]
    pub(super) fn made(version: u64, shards: u8, known: impl IntoIterator<Item = (Sku, Known)>) -> Self {
        Self { version, shards, known: known.into_iter().collect() }
    }
}

/// When the catalog as a whole was sure, of its header line; `None`: another line, or not told.
fn header(line: &[u8]) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Header {
        record: String,
        #[serde(default)]
        as_of: Option<AsOf>,
    }
    let header: Header = serde_json::from_slice(line).ok()?;
    header.as_of.filter(|_| header.record == "catalog").and_then(|as_of| moment::first(&as_of))
}

fn product(line: &[u8], catalog: Option<Timestamp>) -> Result<Known, PackError> {
    #[derive(Deserialize)]
    struct Carried {
        #[serde(default)]
        price_cents: Option<Cents>,
        #[serde(default)]
        promotion: Option<Promotion>,
        #[serde(default)]
        price_as_of: Option<AsOf>,
        #[serde(default)]
        stock: Option<i64>,
        #[serde(default)]
        availability: Option<Availability>,
        #[serde(default)]
        stock_as_of: Option<AsOf>,
    }
    let carried: Carried =
        serde_json::from_slice(line).map_err(|_| PackError::Content("a product cannot be read"))?;
    let sure = |own: Option<AsOf>| own.map_or(catalog, |own| moment::first(&own));
    Ok(Known {
        price_cents: carried.price_cents,
        promotion: carried.promotion,
        price_as_of: sure(carried.price_as_of),
        stock: carried.stock,
        availability: carried.availability,
        stock_as_of: sure(carried.stock_as_of),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_as_sure_as_it_says_or_else_as_its_catalog() {
        let at = |text: &str| text.parse::<Timestamp>().ok();
        let of =
            header(br#"{"record":"catalog","format":1,"name":"A","currency":"USD","as_of":"2026-11-20"}"#);
        assert_eq!(of, at("2026-11-20T00:00:00Z"));
        assert_eq!(header(br#"{"record":"aisle","id":"x"}"#), None);
        let line = br#"{"record":"product","sku":"A","price_cents":349,"stock":3,"stock_as_of":"2026-11-21T06:00:00Z"}"#;
        let known = product(line, of).unwrap();
        assert_eq!((known.price_cents, known.price_as_of), (Some(349), of));
        assert_eq!((known.stock, known.stock_as_of), (Some(3), at("2026-11-21T06:00:00Z")));
        assert_eq!(product(br#"{"record":"product","sku":"A"}"#, None).unwrap(), Known::default());
        assert!(product(br#"{"record":"product","sku":"A","stock":"x"}"#, None).is_err());
    }
}
