//! `history.db`: what customers bought, at head office and in evaluation only, never on a kiosk. An
//! import replaces all of it. A product that a customer bought twice on one day stands there once.

use super::StoreError;
use super::connections::database;
use super::schema::Schema;
use crate::domain::{Private, Sku};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The file's name in the data folder.
const FILE: &str = "history.db";
/// Longest number of a customer, in characters.
pub const MAX_CUSTOMER_CHARS: usize = 64;
/// Most pieces that one row counts.
const PIECES: u32 = 10_000;

/// `AISH`.
const SCHEMA: Schema = Schema { application_id: 0x4149_5348, steps: &[&[STEP_1]] };

// `day` counts from 1970-01-01, in UTC.
const STEP_1: &str = "
CREATE TABLE purchases (
    customer TEXT NOT NULL,
    day INTEGER NOT NULL,
    sku TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    PRIMARY KEY (customer, day, sku)
) STRICT, WITHOUT ROWID;
";

/// A purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bought {
    pub sku: Sku,
    /// Days since 1970-01-01.
    pub day: i64,
    pub quantity: u32,
}

/// The database; share it behind an `Arc`, use it from any thread.
pub struct History {
    path: PathBuf,
    conn: Mutex<Connection>,
}

impl History {
    /// Whether there is one in a data folder.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        folder.join(FILE).is_file()
    }

    /// Opens the file in a data folder, creating both if need be.
    ///
    /// # Errors
    /// The folder or file cannot be used, is damaged, foreign or newer.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let (path, conn) = database(folder, FILE, &SCHEMA).map_err(StoreError::in_history)?;
        Ok(Self { path, conn: Mutex::new(conn) })
    }

    /// Replaces all that is there by what `fill` puts in; how many rows that came to, and of how
    /// many customers.
    ///
    /// # Errors
    /// The first of `fill`, or the database cannot be written: what was there stands.
    pub fn replace<E: From<StoreError>>(
        &self,
        fill: impl FnOnce(&mut dyn FnMut(&str, &Bought) -> Result<(), StoreError>) -> Result<(), E>,
    ) -> Result<(u64, u64), E> {
        let failed = |source| StoreError::of(&self.path, source).in_history();
        let mut conn = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        tx.execute("DELETE FROM purchases", []).map_err(failed)?;
        fill(&mut |customer, bought| insert(&tx, customer, bought).map_err(failed))?;
        let count = "SELECT count(*), count(DISTINCT customer) FROM purchases";
        let counted = tx
            .query_row(count, [], |row| {
                Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs()))
            })
            .map_err(failed)?;
        tx.commit().map_err(failed)?;
        Ok(counted)
    }

    /// The latest purchases of a customer, the newest first, `most` of them; `None`: nobody has
    /// this number.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn of(&self, customer: &str, most: usize) -> Result<Option<Private<Vec<Bought>>>, StoreError> {
        let conn = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || -> rusqlite::Result<_> {
            let known = "SELECT 1 FROM purchases WHERE customer = ?1 LIMIT 1";
            if conn.prepare_cached(known)?.query_row([customer], |_| Ok(())).optional()?.is_none() {
                return Ok(None);
            }
            let sql = "SELECT sku, day, quantity FROM purchases WHERE customer = ?1 \
                       ORDER BY day DESC, sku LIMIT ?2";
            let mut statement = conn.prepare_cached(sql)?;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![customer, most], |row| {
                Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))
            })?;
            let mut all = Vec::new();
            for row in rows {
                let (sku, day, quantity) = row?;
                // Written by this program; anything else is no product.
                all.extend(Sku::new(&sku).map(|sku| Bought { sku, day, quantity }));
            }
            Ok(Some(Private::new(all)))
        };
        read().map_err(|source| StoreError::of(&self.path, source).in_history())
    }
}

fn insert(tx: &Transaction<'_>, customer: &str, bought: &Bought) -> rusqlite::Result<()> {
    let sql = "INSERT INTO purchases (customer, day, sku, quantity) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT DO UPDATE SET quantity = min(quantity + excluded.quantity, ?5)";
    let quantity = bought.quantity.min(PIECES);
    let row = params![customer, bought.day, bought.sku.as_str(), quantity, PIECES];
    tx.prepare_cached(sql)?.execute(row).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bought(sku: &str, day: i64, quantity: u32) -> Bought {
        Bought { sku: Sku::new(sku).unwrap(), day, quantity }
    }

    fn fill(history: &History, rows: &[(&str, Bought)]) -> (u64, u64) {
        history
            .replace(|put| rows.iter().try_for_each(|(customer, bought)| put(customer, bought)))
            .map_err(|error: StoreError| error)
            .unwrap()
    }

    #[test]
    fn a_history_is_replaced_and_read_the_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!History::is_in(folder.path()));
        let history = History::open(folder.path()).unwrap();
        let rows = [
            ("1001", bought("milk", 20_000, 1)),
            ("1001", bought("tea", 20_007, 1)),
            ("1002", bought("jam", 20_001, 1)),
            ("1001", bought("milk", 20_007, 2)),
            ("1001", bought("milk", 20_007, 9_999)),
        ];
        assert_eq!(fill(&history, &rows), (4, 2));
        drop(history);
        assert!(History::is_in(folder.path()));
        let history = History::open(folder.path()).unwrap();
        let own = history.of("1001", 9).unwrap().unwrap().into_inner();
        assert_eq!(
            own,
            [bought("milk", 20_007, 10_000), bought("tea", 20_007, 1), bought("milk", 20_000, 1)]
        );
        assert_eq!(history.of("1001", 2).unwrap().unwrap().len(), 2);
        assert_eq!(history.of("1003", 9).unwrap(), None);
        assert_eq!(fill(&history, &rows[2..3]), (1, 1));
        assert_eq!(history.of("1001", 9).unwrap(), None);
    }

    #[test]
    fn what_fails_half_way_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path()).unwrap();
        fill(&history, &[("1001", bought("milk", 20_000, 1))]);
        let failed = history.replace(|put| {
            put("1001", &bought("tea", 20_001, 1))?;
            Err(StoreError::Empty)
        });
        assert!(matches!(failed, Err(StoreError::Empty)));
        assert_eq!(history.of("1001", 9).unwrap().unwrap().into_inner(), [bought("milk", 20_000, 1)]);
    }

    #[test]
    fn another_file_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "no database at all, and long enough to look").unwrap();
        let error = History::open(folder.path()).err().unwrap().to_string();
        assert!(error.contains("aisle history import"), "{error}");
    }
}
