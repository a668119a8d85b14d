//! Prices and counts of a store: which row of a product counts, which of them the catalog makes
//! unnecessary, and how they are parted into messages. Pure.

use super::basis::{Basis, Known};
use super::retained::Base;
use super::{Live, LiveError, Plan};
use crate::domain::Sku;
use crate::sync::sign::MAX_HEADER;
use crate::sync::topics::{MAX_CHUNK, MAX_SHARDS, Name};
use crate::sync::wire::live::{AHEAD, Count, Counts, MAX_ROWS, Price, Prices, shard_of};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Room for rows in a message, in bytes: what header, signatures and the message's own fields
/// leave.
const ROOM: usize = MAX_CHUNK - MAX_HEADER - 256;

/// What a file says of one product.
pub trait Row: Clone + PartialEq + Serialize {
    fn sku(&self) -> &Sku;
    /// When it was known; `None`: when the message was issued.
    fn as_of(&self) -> Option<Timestamp>;
    fn set_as_of(&mut self, as_of: Timestamp);
    /// Whether the catalog says it already, so that this row changes nothing: it loses against
    /// what is surer there, or is the same.
    fn is_in(&self, known: &Known) -> bool;
}

/// A message of rows.
pub trait Sheet: Live {
    type Row: Row;
    /// What it is of, in a sentence.
    const WHAT: &'static str;
    fn new(catalog: u64, version: u64, issued: Timestamp, rows: Vec<Self::Row>) -> Self;
    fn catalog(&self) -> u64;
    fn rows(&self) -> &[Self::Row];
}

/// Whether what the catalog has is surer than a row, or the same and as sure.
fn is_covered(as_of: Option<Timestamp>, surer: Option<Timestamp>, same: bool) -> bool {
    let (Some(as_of), Some(surer)) = (as_of, surer) else { return false };
    surer > as_of || (surer == as_of && same)
}

impl Row for Price {
    fn sku(&self) -> &Sku {
        &self.sku
    }
    fn as_of(&self) -> Option<Timestamp> {
        self.as_of
    }
    fn set_as_of(&mut self, as_of: Timestamp) {
        self.as_of = Some(as_of);
    }
    fn is_in(&self, known: &Known) -> bool {
        let same = (self.price_cents, &self.promotion) == (known.price_cents, &known.promotion);
        is_covered(self.as_of, known.price_as_of, same)
    }
}

impl Row for Count {
    fn sku(&self) -> &Sku {
        &self.sku
    }
    fn as_of(&self) -> Option<Timestamp> {
        self.as_of
    }
    fn set_as_of(&mut self, as_of: Timestamp) {
        self.as_of = Some(as_of);
    }
    fn is_in(&self, known: &Known) -> bool {
        let same = (self.stock, self.availability) == (known.stock, known.availability);
        is_covered(self.as_of, known.stock_as_of, same)
    }
}

impl Sheet for Prices {
    type Row = Price;
    const WHAT: &'static str = "prices";
    fn new(catalog: u64, version: u64, issued: Timestamp, rows: Vec<Price>) -> Self {
        Self { catalog, version, issued, rows }
    }
    fn catalog(&self) -> u64 {
        self.catalog
    }
    fn rows(&self) -> &[Price] {
        &self.rows
    }
}

impl Sheet for Counts {
    type Row = Count;
    const WHAT: &'static str = "counts";
    fn new(catalog: u64, version: u64, issued: Timestamp, rows: Vec<Count>) -> Self {
        Self { catalog, version, issued, rows }
    }
    fn catalog(&self) -> u64 {
        self.catalog
    }
    fn rows(&self) -> &[Count] {
        &self.rows
    }
}

/// What became of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Difference {
    /// Products that a row stood for before, and now.
    pub before: u64,
    pub after: u64,
    /// Rows of the file: for products that had none, in the place of another, the very same,
    /// less sure than what stands, and those that the catalog makes unnecessary.
    pub added: u64,
    pub replaced: u64,
    pub same: u64,
    pub older: u64,
    pub in_catalog: u64,
    /// Older rows that the catalog makes unnecessary by now.
    pub dropped: u64,
}

/// Lays `rows`, each with its as-of time and each product once, over what stands. Without a basis
/// nothing is left out.
///
/// # Errors
/// It is more than fits into all messages, or a version is the last there is.
pub fn plan<S: Sheet>(
    store: &Name,
    bases: &[Base<S>],
    rows: &[S::Row],
    basis: Option<&Basis>,
    issued: Timestamp,
) -> Result<(Plan<S>, Difference), LiveError> {
    let mut stands = standing(bases);
    let mut told = Difference { before: stands.len() as u64, ..Difference::default() };
    for row in rows {
        let old = stands.get(row.sku());
        if old.is_some_and(|old| old.as_of() > row.as_of()) {
            told.older += 1;
        } else if old == Some(row) {
            told.same += 1;
        } else if basis.is_some_and(|basis| basis.has(row)) {
            // What it takes the place of is even less sure.
            stands.remove(row.sku());
            told.in_catalog += 1;
        } else if stands.insert(row.sku().clone(), row.clone()).is_some() {
            told.replaced += 1;
        } else {
            told.added += 1;
        }
    }
    stands.retain(|_, row| {
        let needed = !basis.is_some_and(|basis| basis.has(row));
        told.dropped += u64::from(!needed);
        // Somebody's clock was wrong and is right now: what lies ahead would win until then.
        if row.as_of().is_some_and(|as_of| as_of.duration_since(issued) > AHEAD) {
            row.set_as_of(issued);
        }
        needed
    });
    told.after = stands.len() as u64;
    let shards = bases.len().max(basis.map_or(1, |basis| basis.shards.into()));
    let parted = part(stands, shards).ok_or(LiveError::TooMany { store: store.clone(), what: S::WHAT })?;
    let mut plan = Plan { shards: Vec::new(), send: Vec::new(), new: 0 };
    for (at, rows) in parted.into_iter().enumerate() {
        let nothing = Base::nothing();
        let base = bases.get(at).unwrap_or(&nothing);
        let stays = base.said.first().filter(|said| base.stays && dated(*said).values().eq(&rows));
        let (message, is_new) = match stays {
            Some(said) => (Some(said.clone()), false),
            None if base.said.is_empty() && rows.is_empty() => (None, false),
            None => {
                let before = base.said.iter().map(S::catalog).min();
                let catalog = basis.map_or(before.unwrap_or(0), |basis| basis.version);
                (Some(S::new(catalog, base.next(store)?, issued, rows)), true)
            }
        };
        // Downwards: where the shards were doubled, a row comes to a higher one before it leaves
        // the lower.
        if message.is_some() && (is_new || !base.is_there) {
            plan.send.insert(0, u8::try_from(at).unwrap_or(u8::MAX));
        }
        plan.new += usize::from(is_new);
        plan.shards.push(message);
    }
    if plan.shards.iter().all(Option::is_none) {
        plan.shards.clear();
    }
    Ok((plan, told))
}

/// A message's rows with their times, in the order of their products.
fn dated<S: Sheet>(message: &S) -> BTreeMap<Sku, S::Row> {
    let row = |row: &S::Row| {
        let mut row = row.clone();
        row.set_as_of(row.as_of().unwrap_or(message.issued()));
        (row.sku().clone(), row)
    };
    message.rows().iter().map(row).collect()
}

/// All rows that stand. A product may be in two messages, of two shards or two folders: the surer
/// row counts, and of equals the one that was sent later.
fn standing<S: Sheet>(bases: &[Base<S>]) -> BTreeMap<Sku, S::Row> {
    let mut all: BTreeMap<Sku, (Timestamp, S::Row)> = BTreeMap::new();
    for message in bases.iter().flat_map(|base| &base.said) {
        for (sku, row) in dated(message) {
            let wins = all
                .get(&sku)
                .is_none_or(|(issued, old)| (old.as_of(), *issued) <= (row.as_of(), message.issued()));
            if wins {
                all.insert(sku, (message.issued(), row));
            }
        }
    }
    all.into_iter().map(|(sku, (_, row))| (sku, row)).collect()
}

/// Parts rows into at least so many messages, twice as many as long as one does not fit. `None`:
/// they do not fit.
fn part<R: Row>(rows: BTreeMap<Sku, R>, shards: usize) -> Option<Vec<Vec<R>>> {
    let rows: Vec<(usize, R)> = rows.into_values().map(|row| (bytes(&row), row)).collect();
    let mut shards = u8::try_from(shards).ok()?.checked_next_power_of_two()?;
    loop {
        let mut sizes = vec![(0, 0); shards.into()];
        for (bytes, row) in &rows {
            if let Some((count, size)) = sizes.get_mut(usize::from(shard_of(row.sku(), shards))) {
                (*count, *size) = (*count + 1, *size + bytes);
            }
        }
        if sizes.iter().all(|(count, size)| *count <= MAX_ROWS && *size <= ROOM) {
            break;
        }
        shards = shards.checked_mul(2).filter(|shards| *shards <= MAX_SHARDS)?;
    }
    let mut parted: Vec<Vec<R>> = (0..shards).map(|_| Vec::new()).collect();
    for (_, row) in rows {
        if let Some(shard) = parted.get_mut(usize::from(shard_of(row.sku(), shards))) {
            shard.push(row);
        }
    }
    Some(parted)
}

/// What a row takes in a message, with the comma behind it.
fn bytes<R: Row>(row: &R) -> usize {
    serde_json::to_vec(row).map_or(usize::MAX / 2, |text| text.len() + 1)
}

#[cfg(test)]
#[path = "sheets_tests.rs"]
mod tests;
