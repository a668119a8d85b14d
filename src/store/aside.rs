//! What is put aside for orders, in `state.db`: until a time, or until a sale names the order.
//! While it is, the shown count is lower by it. Never decides what is put aside.

use super::catalog::Catalog;
use super::outbox::{NewEvent, put};
use super::{StoreError, state};
use crate::domain::Sku;
use jiff::Timestamp;
use rusqlite::{Transaction, params};
use std::collections::BTreeSet;

/// What is to be put aside for an order.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAside<'a> {
    pub until: Timestamp,
    /// Pieces by product.
    pub lines: &'a [(Sku, i64)],
    /// What head office is told.
    pub events: &'a [NewEvent<'a>],
}

/// Puts aside for the order `number`, placed at `since`; of which products.
pub(super) fn begin(
    tx: &Transaction<'_>,
    number: &str,
    since: Timestamp,
    aside: &NewAside<'_>,
    cap: u64,
) -> rusqlite::Result<BTreeSet<Sku>> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO aside (number, sku, quantity, since, until) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (number, sku) DO UPDATE SET quantity = quantity + excluded.quantity",
    )?;
    let (since, until) = (since.as_microsecond(), aside.until.as_microsecond());
    for (sku, quantity) in aside.lines {
        insert.execute(params![number, sku.as_str(), quantity, since, until])?;
    }
    aside.events.iter().try_for_each(|event| put(tx, event, cap).map(drop))?;
    Ok(aside.lines.iter().map(|(sku, _)| sku.clone()).collect())
}

/// Ends what is put aside for an order; of which products.
pub(super) fn end(tx: &Transaction<'_>, number: &str) -> rusqlite::Result<BTreeSet<Sku>> {
    skus(tx, "DELETE FROM aside WHERE number = ?1 RETURNING sku", params![number])
}

fn skus(tx: &Transaction<'_>, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<BTreeSet<Sku>> {
    let mut select = tx.prepare_cached(sql)?;
    let skus = select.query_map(params, |row| row.get::<_, String>(0))?;
    Ok(skus.collect::<rusqlite::Result<Vec<_>>>()?.iter().filter_map(|sku| Sku::new(sku)).collect())
}

impl Catalog {
    /// Ends what was put aside until `now`. True when there was any.
    pub(super) fn end_asides(&self, now: Timestamp) -> Result<bool, StoreError> {
        let now = now.as_microsecond();
        let over = "SELECT 1 FROM aside WHERE until <= ?1";
        // As a rule there is none, and nothing is written.
        if !self.state().read(|tx| tx.prepare_cached(over)?.exists([now]))? {
            return Ok(false);
        }
        let (skus, before) = self.state().write_alone(|tx| {
            let skus = skus(tx, "DELETE FROM aside WHERE until <= ?1 RETURNING sku", [now])?;
            Ok((skus, state::revise(tx)?))
        })?;
        self.show_moves(&skus, before);
        Ok(true)
    }
}
