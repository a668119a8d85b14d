//! What moved beside the counts, in `state.db`: their tables, what the overlay reads of them, and
//! how a change of them comes to be shown. Who writes them: [`super::sales`], [`super::aside`].

use super::catalog::Catalog;
use super::overlay::Scope;
use crate::domain::{Aside, Moves, Sku, Sold};
use jiff::Timestamp;
use rusqlite::{Row, Transaction};
use std::collections::{BTreeMap, BTreeSet};

/// A step of state.db's. `sales` are the sales that were taken; `sold` what they moved, added up
/// by product and time; `aside` what is put aside for an order. Times are microseconds since 1970.
pub(super) const TABLES: &str = "
CREATE TABLE sales (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    taken_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sales_taken ON sales (taken_at);
CREATE TABLE sold (
    sku TEXT NOT NULL,
    at INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    PRIMARY KEY (sku, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX sold_at ON sold (at);
CREATE TABLE aside (
    number TEXT NOT NULL,
    sku TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (number, sku)
) STRICT, WITHOUT ROWID;
CREATE INDEX aside_sku ON aside (sku);
CREATE INDEX aside_until ON aside (until);
";

/// All moves, by product.
pub(super) fn all(tx: &Transaction<'_>) -> rusqlite::Result<BTreeMap<Sku, Moves>> {
    let mut moves = BTreeMap::<Sku, Moves>::new();
    let mut select = tx.prepare_cached("SELECT at, quantity, sku FROM sold")?;
    for row in select.query_map([], |row| Ok((sold(row)?, row.get::<_, String>(2)?)))? {
        let (sold, sku) = row?;
        Sku::new(&sku).into_iter().for_each(|sku| moves.entry(sku).or_default().sold.push(sold));
    }
    let mut select = tx.prepare_cached("SELECT since, quantity, sku FROM aside")?;
    for row in select.query_map([], |row| Ok((aside(row)?, row.get::<_, String>(2)?)))? {
        let (aside, sku) = row?;
        Sku::new(&sku).into_iter().for_each(|sku| moves.entry(sku).or_default().aside.push(aside));
    }
    Ok(moves)
}

/// The moves of one product.
pub(super) fn of(tx: &Transaction<'_>, sku: &Sku) -> rusqlite::Result<Moves> {
    let mut select = tx.prepare_cached("SELECT at, quantity FROM sold WHERE sku = ?1")?;
    let sold = select.query_map([sku.as_str()], sold)?.collect::<rusqlite::Result<_>>()?;
    let mut select = tx.prepare_cached("SELECT since, quantity FROM aside WHERE sku = ?1")?;
    let aside = select.query_map([sku.as_str()], aside)?.collect::<rusqlite::Result<_>>()?;
    Ok(Moves { sold, aside })
}

fn sold(row: &Row<'_>) -> rusqlite::Result<Sold> {
    Ok(Sold { at: time(row)?, quantity: row.get(1)? })
}

fn aside(row: &Row<'_>) -> rusqlite::Result<Aside> {
    Ok(Aside { since: time(row)?, quantity: row.get(1)? })
}

/// The first column's.
fn time(row: &Row<'_>) -> rusqlite::Result<Timestamp> {
    let microseconds = row.get(0)?;
    Timestamp::from_microsecond(microseconds)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, microseconds))
}

impl Catalog {
    /// Shows what moved of these products, after revision `before`. What cannot be shown now is
    /// shown by the next [`Catalog::reconcile`]: it is written down.
    pub(super) fn show_moves(&self, skus: &BTreeSet<Sku>, before: i64) {
        if skus.is_empty() {
            return;
        }
        if let Err(error) = self.follow(&Scope::Live { skus, before }) {
            tracing::warn!(%error, "a count is not lowered yet; it is tried again");
        }
    }
}
