//! What head office says between two catalogs, as it is kept: prices and counts by shards,
//! recalls. Of two values of a product the one that was known later stays. How they show in the
//! catalog is the overlay's. Knows nothing of how they came here.

use super::catalog::Catalog;
use super::overlay::{self, Scope};
use super::{StoreError, rows, state};
use crate::domain::{LiveCount, LivePrice, Recall, Sku};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// The newest of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard<R> {
    pub shard: u8,
    /// The version of the bundle that the rows are cumulative since.
    pub catalog: u64,
    pub version: u64,
    /// Each product once.
    pub rows: Vec<R>,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Price,
    Count,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Count => "count",
        }
    }
}

/// The name under which the version of the recalls is kept.
const RECALLS: &str = "recall";

/// A row of a shard.
trait Row: Serialize + DeserializeOwned + PartialEq {
    const WHAT: What;
    fn sku(&self) -> &Sku;
    fn as_of(&self) -> Timestamp;
}

impl Row for LivePrice {
    const WHAT: What = What::Price;
    fn sku(&self) -> &Sku {
        &self.sku
    }
    fn as_of(&self) -> Timestamp {
        self.as_of
    }
}

impl Row for LiveCount {
    const WHAT: What = What::Count;
    fn sku(&self) -> &Sku {
        &self.sku
    }
    fn as_of(&self) -> Timestamp {
        self.as_of
    }
}

impl Catalog {
    /// Takes the newest prices of a shard, and shows them. True when what shoppers see changed.
    ///
    /// # Errors
    /// A database cannot be written; so for the others here. What was kept and could not be shown
    /// is shown by the next [`Catalog::reconcile`].
    pub fn take_prices(&self, shard: &Shard<LivePrice>) -> Result<bool, StoreError> {
        self.take_shard(shard)
    }

    /// Takes the newest counts of a shard, and shows them. True when what shoppers see changed.
    pub fn take_counts(&self, shard: &Shard<LiveCount>) -> Result<bool, StoreError> {
        self.take_shard(shard)
    }

    /// Takes all that must not be sold, in place of what was recalled before. True when what
    /// shoppers see changed.
    pub fn take_recalls(&self, version: u64, recalls: &[Recall]) -> Result<bool, StoreError> {
        let before = self.state().write_alone(|tx| {
            keep_shard(tx, RECALLS, 0, 0, version)?;
            if self::recalls(tx)? == recalls {
                return Ok(None);
            }
            tx.execute("DELETE FROM recalls", [])?;
            for recall in recalls {
                tx.execute("INSERT INTO recalls (body) VALUES (?1)", [rows::json(recall)])?;
            }
            Ok(Some(state::revise(tx)?))
        })?;
        match before {
            Some(before) => self.follow(&Scope::Recalls { before }),
            None => self.catch_up(),
        }
    }

    /// All recalls that stand, of products that are not in the catalog too.
    pub fn recalls(&self) -> Result<Vec<Recall>, StoreError> {
        self.state().read(recalls)
    }

    /// The version of the newest recalls; 0: none came yet.
    pub fn recalls_version(&self) -> Result<u64, StoreError> {
        self.state().read(|tx| {
            let sql = "SELECT version FROM live_shards WHERE what = ?1";
            let version = tx.query_row(sql, [RECALLS], |row| row.get::<_, i64>(0)).optional()?;
            Ok(version.map_or(0, i64::cast_unsigned))
        })
    }

    fn take_shard<R: Row>(&self, shard: &Shard<R>) -> Result<bool, StoreError> {
        let bundle = self.bundle()?.map_or(0, |bundle| bundle.version);
        let (skus, before) = self.state().write_alone(|tx| {
            let skus = keep(tx, shard, bundle)?;
            let before = if skus.is_empty() { 0 } else { state::revise(tx)? };
            Ok((skus, before))
        })?;
        if skus.is_empty() {
            return self.catch_up();
        }
        self.follow(&Scope::Live { skus: &skus, before })
    }

    pub(super) fn follow(&self, scope: &Scope<'_>) -> Result<bool, StoreError> {
        unless_busy(overlay::follow(&self.connections, self.state(), scope, Timestamp::now()))
    }

    /// Shows what was kept before and could not be shown: what says nothing new is not taken
    /// before what it said is shown.
    fn catch_up(&self) -> Result<bool, StoreError> {
        unless_busy(overlay::reconcile(&self.connections, self.state(), Timestamp::now()))
    }
}

/// Where an import is under way, it will show it.
fn unless_busy(shown: Result<bool, StoreError>) -> Result<bool, StoreError> {
    match shown {
        Err(StoreError::Busy { .. }) => Ok(false),
        shown => shown,
    }
}

fn keep_shard(
    tx: &Transaction<'_>,
    what: &str,
    shard: u8,
    catalog: u64,
    version: u64,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO live_shards (what, shard, catalog, version) VALUES (?1, ?2, ?3, ?4)";
    tx.execute(sql, params![what, shard, catalog.cast_signed(), version.cast_signed()]).map(drop)
}

/// Keeps a shard; the products of which something else is said than before.
fn keep<R: Row>(tx: &Transaction<'_>, shard: &Shard<R>, bundle: u64) -> rusqlite::Result<BTreeSet<Sku>> {
    let what = R::WHAT.name();
    keep_shard(tx, what, shard.shard, shard.catalog, shard.version)?;
    let sql = "UPDATE live SET current = 0 WHERE what = ?1 AND shard = ?2";
    tx.execute(sql, params![what, shard.shard])?;
    let mut select = tx.prepare_cached("SELECT body FROM live WHERE what = ?1 AND sku = ?2")?;
    let mut insert = tx.prepare_cached(
        "INSERT OR REPLACE INTO live (what, sku, shard, current, body) VALUES (?1, ?2, ?3, 1, ?4)",
    )?;
    let mut changed = BTreeSet::new();
    for row in &shard.rows {
        let sku = row.sku();
        let body = |row: &rusqlite::Row<'_>| Ok(row.get::<_, rows::Json<R>>(0)?.0);
        let before = select.query_row(params![what, sku.as_str()], body).optional()?;
        // A late message does not undo what is newer.
        let kept = before.as_ref().filter(|before| before.as_of() > row.as_of()).unwrap_or(row);
        if before.as_ref() != Some(kept) {
            changed.insert(sku.clone());
        }
        insert.execute(params![what, sku.as_str(), shard.shard, rows::json(kept)])?;
    }
    // What it does not name any more stands in its catalog. Until that is here, it is kept.
    if shard.catalog <= bundle {
        let mut delete = tx.prepare_cached(
            "DELETE FROM live WHERE what = ?1 AND shard = ?2 AND current = 0 RETURNING sku",
        )?;
        for sku in delete.query_map(params![what, shard.shard], |row| row.get::<_, String>(0))? {
            changed.extend(Sku::new(&sku?));
        }
    }
    Ok(changed)
}

/// A row counts while its shard's newest message names it, or while the catalog that it stands
/// in is not here.
const COUNTS: &str = "FROM live AS l JOIN live_shards AS s ON s.what = l.what AND s.shard = l.shard \
    WHERE l.what = ?1 AND (l.current OR s.catalog > ?2)";

/// All that is said of `what`, while `bundle` is in use.
pub(super) fn all<T: DeserializeOwned>(
    tx: &Transaction<'_>,
    what: What,
    bundle: u64,
) -> rusqlite::Result<BTreeMap<Sku, T>> {
    let mut select = tx.prepare_cached(&format!("SELECT l.sku, l.body {COUNTS}"))?;
    let rows = select.query_map(params![what.name(), bundle.cast_signed()], |row| {
        let sku: String = row.get(0)?;
        Ok((sku, row.get::<_, rows::Json<T>>(1)?.0))
    })?;
    let rows: Vec<(String, T)> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(rows.into_iter().filter_map(|(sku, row)| Some((Sku::new(&sku)?, row))).collect())
}

/// What is said of one product, while `bundle` is in use.
pub(super) fn one<T: DeserializeOwned>(
    tx: &Transaction<'_>,
    what: What,
    sku: &Sku,
    bundle: u64,
) -> rusqlite::Result<Option<T>> {
    let mut select = tx.prepare_cached(&format!("SELECT l.body {COUNTS} AND l.sku = ?3"))?;
    let body = |row: &rusqlite::Row<'_>| Ok(row.get::<_, rows::Json<T>>(0)?.0);
    select.query_row(params![what.name(), bundle.cast_signed(), sku.as_str()], body).optional()
}

/// All recalls, in their order.
pub(super) fn recalls(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Recall>> {
    let mut select = tx.prepare_cached("SELECT body FROM recalls ORDER BY position")?;
    select.query_map([], |row| Ok(row.get::<_, rows::Json<Recall>>(0)?.0))?.collect()
}
