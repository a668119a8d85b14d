//! The shop's corrections in the catalog: `state.db` holds the truth, and the
//! rows of `catalog.db` show it, so that search, filters and reads need not know.
//! What the catalog itself says of a corrected product waits in `base`. A crash
//! between both files is found by the revision and finished by the next
//! [`reconcile`].

use super::StoreError;
use super::analysis::Tally;
use super::connections::Connections;
use super::lexicon::sounds;
use super::rows::{self, COLUMNS};
use super::state::{Corrections, State};
use crate::domain::{AsOf, Correction, Product, Sku};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::collections::BTreeMap;

/// A correction as it stands.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Corrected {
    pub sku: Sku,
    #[serde(flatten)]
    pub correction: Correction,
    /// Whether the present catalog has the product; if not, the correction waits.
    pub carried: bool,
}

/// Brings the catalog's rows to what the corrections say at `now`: applies new
/// ones, undoes dropped and ended ones. True when rows changed.
pub(super) fn reconcile(
    connections: &Connections,
    state: &State,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let revision = state.revision()?;
    if !connections.read(|tx| Ok(is_due(tx, revision, now)?))? {
        return Ok(false);
    }
    let sql = |source| StoreError::of(connections.path(), source);
    let mut conn = connections.writer()?;
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    // Read under the catalog's lock: what another program adds later finds it
    // free, and brings it in itself.
    let corrections = state.corrections()?;
    if !is_due(&tx, corrections.revision, now).map_err(sql)? {
        return Ok(false);
    }
    let changed = apply(&tx, &corrections, now).map_err(sql)?;
    tx.commit().map_err(sql)?;
    Ok(changed)
}

/// Whether the rows show another revision, or one of another time. Never without
/// a catalog.
fn is_due(conn: &Connection, revision: i64, now: Timestamp) -> rusqlite::Result<bool> {
    // A clock that was set back brings ended corrections to life again.
    let sql = "SELECT corrections <> ?1 OR ifnull(corrected_at, ?2) > ?2 OR ifnull(corrected_until, ?2) < ?2 \
               FROM catalog";
    let due = conn.prepare_cached(sql)?.query_row(params![revision, now.as_second()], |row| row.get(0));
    Ok(due.optional()?.unwrap_or(false))
}

/// Makes the rows show `corrections` at `now`, within a transaction on a loaded
/// catalog. True when rows changed.
pub(super) fn apply(
    tx: &Transaction<'_>,
    corrections: &Corrections,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let mut wanted: BTreeMap<Sku, Vec<&Correction>> = BTreeMap::new();
    for (sku, correction) in &corrections.made {
        if correction.holds(now) {
            wanted.entry(sku.clone()).or_default().push(correction);
        }
    }
    let until = wanted.values().flatten().filter_map(|correction| correction.end()).min();
    let mut statement = tx.prepare("SELECT body FROM base")?;
    for product in statement.query_map([], |row| row.get::<_, rows::Json<Product>>(0))? {
        wanted.entry(product?.0.sku).or_default();
    }
    let as_of: Option<AsOf> =
        tx.query_row("SELECT as_of FROM catalog", [], |row| row.get(0)).optional()?.flatten();
    let mut changes = 0;
    for (sku, corrections) in &wanted {
        changes += i64::from(show(tx, sku, corrections, as_of.as_ref())?);
    }
    tx.execute(
        "UPDATE catalog SET corrections = ?1, corrected_at = ?2, corrected_until = ?3, changes = changes + ?4",
        params![corrections.revision, now.as_second(), until, changes],
    )?;
    Ok(changes > 0)
}

/// Makes one product's rows show what the catalog, sure at `as_of`, says with
/// `corrections` laid over it. True when they changed.
fn show(
    tx: &Transaction<'_>,
    sku: &Sku,
    corrections: &[&Correction],
    as_of: Option<&AsOf>,
) -> rusqlite::Result<bool> {
    let sql = format!("SELECT id, {COLUMNS} FROM products WHERE sku = ?1");
    let row = |row: &rusqlite::Row<'_>| Ok((row.get("id")?, rows::product(row)?));
    let shown: Option<(i64, Product)> = tx.prepare_cached(&sql)?.query_row([sku.as_str()], row).optional()?;
    let kept = tx
        .prepare_cached("SELECT id, body FROM base WHERE sku = ?1")?
        .query_row([sku.as_str()], |row| Ok((row.get(0)?, row.get::<_, rows::Json<Product>>(1)?.0)))
        .optional()?;
    let is_kept = kept.is_some();
    let Some((id, base)) = kept.or_else(|| shown.clone()) else {
        return Ok(false); // Not in this catalog: the correction waits.
    };
    if corrections.is_empty() {
        tx.prepare_cached("DELETE FROM base WHERE id = ?1")?.execute([id])?;
    } else if !is_kept {
        tx.prepare_cached("INSERT INTO base (id, sku, body) VALUES (?1, ?2, ?3)")?.execute(params![
            id,
            sku.as_str(),
            rows::json(&base)
        ])?;
    }
    let mut product = base;
    for correction in corrections {
        correction.apply(&mut product, as_of);
    }
    let product = (!corrections.iter().any(|correction| correction.withdrawn)).then_some(product);
    let shown = shown.map(|(_, product)| product);
    if product == shown {
        return Ok(false);
    }
    if let Some(shown) = &shown {
        count(tx, &words(shown), -1)?;
        rows::remove(tx, id)?;
    }
    if let Some(product) = &product {
        let mut tally = Tally::default();
        rows::insert(tx, Some(id), product)?;
        tally.add(product).insert(tx, id)?;
        count(tx, &tally, 1)?;
    }
    Ok(true)
}

pub(super) fn words(product: &Product) -> Tally {
    let mut tally = Tally::default();
    tally.add(product);
    tally
}

/// Adds a product's words to the vocabulary (`sign` 1) or takes them out (-1).
pub(super) fn count(tx: &Transaction<'_>, tally: &Tally, sign: i64) -> rusqlite::Result<()> {
    let mut add = tx.prepare_cached(
        "INSERT INTO words (word, stem, sound, products, heads) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (word) DO UPDATE SET \
         products = products + excluded.products, heads = heads + excluded.heads",
    )?;
    for (word, count) in &tally.words {
        let (products, heads) = (sign * i64::from(count.products), sign * i64::from(count.heads));
        add.execute(params![word, count.stem, sounds(word).join(" "), products, heads])?;
    }
    let mut add = tx.prepare_cached(
        "INSERT INTO stems (stem, products, named) VALUES (?1, ?2, ?3) ON CONFLICT (stem) DO UPDATE SET \
         products = products + excluded.products, named = named + excluded.named",
    )?;
    for (stem, count) in &tally.stems {
        add.execute(params![stem, sign * i64::from(count.products), sign * i64::from(count.named)])?;
    }
    tx.prepare_cached("DELETE FROM words WHERE products <= 0")?.execute([])?;
    tx.prepare_cached("DELETE FROM stems WHERE products <= 0")?.execute([])?;
    Ok(())
}
