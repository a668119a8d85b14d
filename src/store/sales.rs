//! Sales of the store's point of sale, in `state.db`: each is taken once by its id, in one
//! transaction with the counts that it lowers, the reservation that it ends and the events that
//! tell of it. Never holds who bought or what they paid.
//!
//! A sale is known again for longer than one may be late, so it counts once however often and
//! however late it is told. What was sold is kept by its time for a week, since a count that is
//! of some days ago may come late; older sales of a product are added up into one.

use super::catalog::Catalog;
use super::outbox::{NewEvent, put};
use super::{StoreError, aside, state};
use crate::domain::{Gtin, Sku};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::{BTreeMap, BTreeSet};

/// How late a sale may be told.
pub const LATEST_SALE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How far the point of sale's clock may be ahead.
pub const EARLIEST_SALE: SignedDuration = SignedDuration::from_hours(24);
/// How long a sale is known again: longer than both together.
const KNOWN: SignedDuration = SignedDuration::from_hours(32 * 24);
/// Sales that are known again at most: more than a large store makes in that time.
const MOST: i64 = 1_000_000;
/// How long sales of a product are kept one by one.
const APART: SignedDuration = SignedDuration::from_hours(7 * 24);
/// After how many sales it is looked what can go.
const TIDY_EVERY: i64 = 64;

/// A sale to be taken.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSale<'a> {
    pub id: &'a str,
    pub at: Timestamp,
    /// Pieces by product; below 0: brought back.
    pub lines: &'a [(Sku, i64)],
    /// The order whose reservation it ends.
    pub order: Option<&'a str>,
    /// What head office is told.
    pub events: &'a [NewEvent<'a>],
}

/// What became of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Took {
    New,
    /// It was taken before.
    Had,
    /// A sale of another time was taken by this id: nothing is done.
    Another,
}

/// Which articles the catalog has, shown or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    pub skus: BTreeSet<Sku>,
    pub gtins: BTreeMap<Gtin, Sku>,
}

impl Catalog {
    /// Takes a sale; the outbox may take `cap` bytes.
    ///
    /// # Errors
    /// `state.db` cannot be written: nothing is taken.
    pub fn take_sale(&self, sale: &NewSale<'_>, now: Timestamp, cap: u64) -> Result<Took, StoreError> {
        let (took, skus, before) = self.state().write_alone(|tx| {
            let at = sale.at.as_microsecond();
            let known = "SELECT at FROM sales WHERE id = ?1";
            if let Some(known) = tx.prepare_cached(known)?.query_row([sale.id], at_of).optional()? {
                let took = if known == at { Took::Had } else { Took::Another };
                return Ok((took, BTreeSet::new(), 0));
            }
            let sql = "INSERT INTO sales (id, at, taken_at) VALUES (?1, ?2, ?3)";
            tx.prepare_cached(sql)?.execute(params![sale.id, at, now.as_microsecond()])?;
            let seq = tx.last_insert_rowid();
            let mut skus: BTreeSet<Sku> = sale.lines.iter().map(|(sku, _)| sku.clone()).collect();
            let mut add = tx.prepare_cached(
                "INSERT INTO sold (sku, at, quantity) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (sku, at) DO UPDATE SET quantity = quantity + excluded.quantity",
            )?;
            for (sku, quantity) in sale.lines {
                add.execute(params![sku.as_str(), at, quantity])?;
            }
            if let Some(number) = sale.order {
                skus.extend(aside::end(tx, number)?);
            }
            sale.events.iter().try_for_each(|event| put(tx, event, cap).map(drop))?;
            if seq % TIDY_EVERY == 0 {
                tidy(tx, seq, now)?;
            }
            let before = if skus.is_empty() { 0 } else { state::revise(tx)? };
            Ok((Took::New, skus, before))
        })?;
        self.show_moves(&skus, before);
        Ok(took)
    }

    /// Which of these articles the catalog has, those that are stopped or withdrawn included.
    ///
    /// # Errors
    /// No catalog is loaded, or it cannot be read.
    pub fn carried(&self, skus: &BTreeSet<Sku>, gtins: &BTreeSet<Gtin>) -> Result<Carried, StoreError> {
        self.read(|tx| {
            let mut carried = Carried::default();
            let sql = "SELECT 1 FROM products WHERE sku = ?1 UNION ALL SELECT 1 FROM base WHERE sku = ?1";
            let mut is_there = tx.prepare_cached(sql)?;
            for sku in skus {
                if is_there.exists([sku.as_str()])? {
                    carried.skus.insert(sku.clone());
                }
            }
            let sql = "SELECT sku FROM products WHERE id = (SELECT min(product) FROM gtins WHERE gtin = ?1)";
            let mut shown = tx.prepare_cached(sql)?;
            let mut others = BTreeMap::new();
            for gtin in gtins {
                let text = gtin.to_string();
                let sku: Option<String> = shown.query_row([&text], |row| row.get(0)).optional()?;
                match sku.and_then(|sku| Sku::new(&sku)) {
                    Some(sku) => drop(carried.gtins.insert(*gtin, sku)),
                    None => drop(others.insert(text, *gtin)),
                }
            }
            if !others.is_empty() {
                hidden(tx, &others, &mut carried)?;
            }
            Ok(carried)
        })
    }

    /// When a sale was taken last.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn last_sale(&self) -> Result<Option<Timestamp>, StoreError> {
        self.state().read(|tx| {
            let sql = "SELECT taken_at FROM sales ORDER BY seq DESC LIMIT 1";
            let last = tx.query_row(sql, [], at_of).optional()?;
            Ok(last.and_then(|last| Timestamp::from_microsecond(last).ok()))
        })
    }
}

fn at_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<i64> {
    row.get(0)
}

/// Finds the products that are not shown, whose codes stand in their bodies only.
fn hidden(
    tx: &Transaction<'_>,
    gtins: &BTreeMap<String, Gtin>,
    carried: &mut Carried,
) -> rusqlite::Result<()> {
    let wanted: Vec<&String> = gtins.keys().collect();
    let sql = "SELECT own.value, b.sku FROM base AS b JOIN json_each(b.body, '$.gtins') AS own \
               WHERE NOT EXISTS (SELECT 1 FROM products AS p WHERE p.sku = b.sku) \
               AND own.value IN (SELECT value FROM json_each(?1)) ORDER BY b.id DESC";
    let mut select = tx.prepare_cached(sql)?;
    let rows = select.query_map([serde_json::json!(wanted).to_string()], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    for row in rows {
        let (text, sku) = row?;
        if let (Some(gtin), Some(sku)) = (gtins.get(&text), Sku::new(&sku)) {
            carried.gtins.insert(*gtin, sku);
        }
    }
    Ok(())
}

/// Forgets the ids that nobody may tell again, and adds old sales of a product up. What they
/// lower a count by stays the same, but for counts of the time between them.
fn tidy(tx: &Transaction<'_>, newest: i64, now: Timestamp) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM sales WHERE seq <= ?1", [newest - MOST])?;
    let before = |age| now.checked_sub(age).map_or(i64::MIN, Timestamp::as_microsecond);
    tx.execute("DELETE FROM sales WHERE taken_at < ?1", [before(KNOWN)])?;
    let sql = "SELECT sku, max(at), sum(quantity) FROM sold WHERE at < ?1 GROUP BY sku HAVING count(*) > 1";
    let mut select = tx.prepare(sql)?;
    let rows = select.query_map([before(APART)], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    })?;
    for (sku, last, quantity) in rows.collect::<rusqlite::Result<Vec<_>>>()? {
        tx.execute("DELETE FROM sold WHERE sku = ?1 AND at <= ?2", params![sku, last])?;
        let sql = "INSERT INTO sold (sku, at, quantity) VALUES (?1, ?2, ?3)";
        tx.execute(sql, params![sku, last, quantity])?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "sales_tests.rs"]
mod tests;
