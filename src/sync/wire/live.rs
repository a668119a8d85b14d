//! Prices, counts and recalls between two bundles. Prices and counts are cumulative since a
//! version of the catalog and split into shards, so the newest message of each shard is all
//! that a kiosk needs, however long it was away. Never decides between two values: who lays
//! them over the catalog does, by as-of time.

use super::sifted::{Item, Sifted};
use super::{
    GtinText, MAX_CENTS, MAX_PIECES, MAX_TEXT, Message, SkuText, WireError, at_most, sku, text, within,
};
use crate::domain::{Availability, Cents, Gtin, Promotion, Sku, moment};
use crate::sync::digest::Digest;
use crate::sync::topics::{Kind, Name};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most rows of one shard.
pub const MAX_ROWS: usize = 3000;
/// Most recalls that stand at a time.
pub const MAX_RECALLS: usize = 200;
/// Most products that one recall names.
pub const MAX_RECALLED: usize = 500;
/// How far a time may lie ahead of the one it is measured by: clocks differ. Beyond it a
/// wrong clock would win against all later values.
pub const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// Prices of a store, one shard of its products.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Prices {
    /// The version of the bundle that they are cumulative since.
    pub catalog: u64,
    /// Of this shard; only grows.
    #[schemars(range(min = 1))]
    pub version: u64,
    pub issued: Timestamp,
    #[schemars(length(max = 3000))]
    pub rows: Vec<Price>,
}

/// The whole price of a product: what is not there is not known, or not on offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Price {
    #[schemars(with = "SkuText")]
    pub sku: Sku,
    /// The regular price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000_000_u64))]
    pub price_cents: Option<Cents>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<PromotionShape>")]
    pub promotion: Option<Promotion>,
    /// When it was known; left out: when the message was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
}

/// A price for a limited time.
#[derive(JsonSchema)]
#[schemars(rename = "Promotion")]
#[allow(dead_code)]
struct PromotionShape {
    #[schemars(range(min = 0, max = 10_000_000_000_u64))]
    price_cents: i64,
    /// First moment it holds, RFC 3339 or a date.
    #[schemars(default)]
    from: Option<String>,
    /// Last moment it holds, RFC 3339 or a date.
    #[schemars(default)]
    until: Option<String>,
    #[schemars(default, length(max = 300))]
    label: Option<String>,
}

/// Counts of a store, one shard of its products.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// The version of the bundle that they are cumulative since.
    pub catalog: u64,
    /// Of this shard; only grows.
    #[schemars(range(min = 1))]
    pub version: u64,
    pub issued: Timestamp,
    #[schemars(length(max = 3000))]
    pub rows: Vec<Count>,
}

/// How much of a product there is: count and word are two ways to say it, neither is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Count {
    #[schemars(with = "SkuText")]
    pub sku: Sku,
    /// Pieces on hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub stock: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<AvailabilityShape>")]
    pub availability: Option<Availability>,
    /// When it was known; left out: when the message was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
}

/// Whether a product can be had.
#[derive(JsonSchema)]
#[schemars(rename = "Availability", rename_all = "snake_case")]
#[allow(dead_code)]
enum AvailabilityShape {
    InStock,
    OutOfStock,
    Preorder,
    Backorder,
    Discontinued,
}

/// All that a store must not sell now. Replaces the list before; an empty one lifts all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recalls {
    /// Only grows.
    #[schemars(range(min = 1))]
    pub version: u64,
    pub issued: Timestamp,
    /// One that is not understood does not keep the others from being heeded.
    #[schemars(length(max = 200))]
    pub items: Sifted<Recall>,
}

/// One stop of sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recall {
    pub id: Name,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<SkuText>", length(max = 500))]
    pub skus: Vec<Sku>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<GtinText>", length(max = 500))]
    pub gtins: Vec<Gtin>,
    /// Which lot, as the label writes it. The product is stopped as a whole all the same: a
    /// kiosk does not see which lot lies on the shelf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub lot: Option<String>,
    /// Why, for the people of the store.
    #[schemars(length(min = 1, max = 300))]
    pub text: String,
    pub since: Timestamp,
}

/// The shard that a product belongs to, of `shards` (a power of two): the low bits of the
/// first byte of the SHA-256 of its number.
#[must_use]
pub fn shard_of(sku: &Sku, shards: u8) -> u8 {
    let Digest([first, ..]) = Digest::of(sku.as_str().as_bytes());
    first & shards.saturating_sub(1)
}

fn cents(what: &'static str, cents: Cents) -> Result<(), WireError> {
    within(what, cents, 0, MAX_CENTS)
}

/// Nothing can be known later than it is told.
fn known(as_of: Option<Timestamp>, issued: Timestamp) -> Result<(), WireError> {
    if as_of.is_some_and(|as_of| as_of.duration_since(issued) > AHEAD) {
        let why = "it is more than five minutes after `issued`: set the sender's clock".into();
        return Err(WireError::OutOfRange { what: "as_of", why });
    }
    Ok(())
}

/// Each product once.
fn distinct<'a>(skus: impl Iterator<Item = &'a Sku>) -> Result<(), WireError> {
    let mut skus: Vec<&Sku> = skus.collect();
    skus.sort_unstable();
    match skus.windows(2).find(|pair| pair.first() == pair.get(1)) {
        Some(_) => Err(WireError::OutOfRange { what: "rows", why: "a product stands there twice".into() }),
        None => skus.into_iter().try_for_each(sku),
    }
}

impl Message for Prices {
    const KIND: Kind = Kind::Price;

    fn check(&self) -> Result<(), WireError> {
        within("version", self.version, 1, u64::MAX)?;
        at_most("rows", &self.rows, MAX_ROWS)?;
        distinct(self.rows.iter().map(|row| &row.sku))?;
        for row in &self.rows {
            known(row.as_of, self.issued)?;
            row.price_cents.map_or(Ok(()), |price| cents("price_cents", price))?;
            if let Some(promotion) = &row.promotion {
                cents("promotion.price_cents", promotion.price_cents)?;
                promotion
                    .label
                    .as_deref()
                    .map_or(Ok(()), |label| text("promotion.label", label, MAX_TEXT))?;
                let times = [&promotion.from, &promotion.until];
                if times.into_iter().flatten().any(|time| moment::first(time).is_none()) {
                    let why = "write a time as 2026-11-20T06:00:00Z, or a date".into();
                    return Err(WireError::OutOfRange { what: "promotion", why });
                }
            }
        }
        Ok(())
    }
}

impl Message for Counts {
    const KIND: Kind = Kind::Stock;

    fn check(&self) -> Result<(), WireError> {
        within("version", self.version, 1, u64::MAX)?;
        at_most("rows", &self.rows, MAX_ROWS)?;
        distinct(self.rows.iter().map(|row| &row.sku))?;
        for row in &self.rows {
            known(row.as_of, self.issued)?;
            row.stock.map_or(Ok(()), |stock| within("stock", stock, 0, MAX_PIECES))?;
        }
        Ok(())
    }
}

impl Item for Recall {
    fn check(&self) -> Result<(), WireError> {
        at_most("skus", &self.skus, MAX_RECALLED)?;
        at_most("gtins", &self.gtins, MAX_RECALLED)?;
        if self.skus.is_empty() && self.gtins.is_empty() {
            return Err(WireError::OutOfRange { what: "recall", why: "it names no product".into() });
        }
        self.skus.iter().try_for_each(sku)?;
        self.lot.as_deref().map_or(Ok(()), |lot| text("lot", lot, Sku::MAX_CHARS))?;
        text("text", &self.text, MAX_TEXT)
    }
}

impl Message for Recalls {
    const KIND: Kind = Kind::Recall;

    fn check(&self) -> Result<(), WireError> {
        within("version", self.version, 1, u64::MAX)?;
        within("items", self.items.len(), 0, MAX_RECALLS)?;
        self.items.items.iter().try_for_each(Item::check)
    }
}

/// Whether a message issued then may be taken at `now`: one from the future would win against
/// all that follow.
#[must_use]
pub fn is_timely(issued: Timestamp, now: Timestamp) -> bool {
    issued.duration_since(now) <= AHEAD
}
