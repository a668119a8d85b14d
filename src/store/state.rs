//! `state.db`: what the shop itself decided and no catalog file brings back.
//! Never deleted or rebuilt by the program; a damaged one is refused.

use super::StoreError;
use super::connections::writer;
use super::schema::Schema;
use crate::domain::{Correction, Sku};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file's name in the data folder.
const FILE: &str = "state.db";

/// `AISS`.
const SCHEMA: Schema = Schema {
    application_id: 0x4149_5353,
    steps: &[
        &[STEP_1],
        &[STEP_2],
        &[STEP_3],
        &[STEP_4],
        &[STEP_5],
        &[STEP_6],
        &[STEP_7],
        &[STEP_8],
        &[STEP_9],
    ],
};

// Corrections in the order they were made; `revision` grows with each change to
// them, so that the catalog can tell which it shows.
const STEP_1: &str = "
CREATE TABLE revision (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    corrections INTEGER NOT NULL
) STRICT;
INSERT INTO revision (id, corrections) VALUES (1, 0);
CREATE TABLE corrections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sku TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX corrections_sku ON corrections (sku);
";

// Calls for a person; the outbox tells head office of them.
const STEP_2: &str = "
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    raised_at TEXT NOT NULL,
    acknowledged_at TEXT,
    acknowledged_by TEXT
) STRICT;
CREATE INDEX alerts_open ON alerts (kind) WHERE acknowledged_at IS NULL;
";

// Verdicts of shoppers, without a word of theirs.
const STEP_3: &str = "
CREATE TABLE feedback (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    given_at TEXT NOT NULL,
    useful INTEGER NOT NULL,
    reason TEXT
) STRICT;
";

// What head office is to be told; `cost` is what a row counts of the outbox's size.
const STEP_4: &str = "
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    lane TEXT NOT NULL,
    kind TEXT NOT NULL,
    priority INTEGER NOT NULL,
    made_at TEXT NOT NULL,
    body TEXT NOT NULL,
    cost INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_lane ON outbox (lane, seq);
CREATE INDEX outbox_least ON outbox (priority, seq);
CREATE TABLE outbox_size (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    bytes INTEGER NOT NULL
) STRICT;
INSERT INTO outbox_size (id, bytes) VALUES (1, 0);
CREATE TABLE outbox_dropped (
    kind TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

// Which outbox it is, what head office refused of it, and what it was not told yet of what was
// dropped: `count` since `event` told of it. Before, nothing was dropped but of two lanes.
const STEP_5: &str = "
CREATE TABLE outbox_identity (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    outbox BLOB NOT NULL,
    starts INTEGER NOT NULL
) STRICT;
CREATE TABLE outbox_refused (
    kind TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    why TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox_untold (
    lane TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    event BLOB
) STRICT, WITHOUT ROWID;
INSERT INTO outbox_untold (lane, count)
SELECT iif(kind IN ('counted', 'corrected', 'correction_dropped', 'sold', 'reserved'),
    'inventory', 'telemetry'), sum(count) FROM outbox_dropped GROUP BY 1;
";

// Whom this kiosk trusts, and the highest versions and times that each key signed; what
// became of bundles. Numbers of 64 bits without a sign are kept as those with one.
const STEP_6: &str = "
CREATE TABLE trust (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    keys BLOB,
    pinned INTEGER
) STRICT;
INSERT INTO trust (id) VALUES (1);
CREATE TABLE marks (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE signed_times (
    key TEXT PRIMARY KEY,
    at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE bundles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    version INTEGER NOT NULL,
    root BLOB NOT NULL,
    state TEXT NOT NULL,
    why TEXT,
    program TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
";

// What head office says between two bundles. Of prices and counts the newest value of each
// product that a shard named; `current`: the shard's newest message names it still. `catalog`
// and `version` are that message's. `revision.corrections` counts their changes too.
// Orders, and who took them: head office (`office`), the store's own program (`store`);
// NULL: not asked, or never will.
const STEP_7: &str = "
CREATE TABLE live_shards (
    what TEXT NOT NULL,
    shard INTEGER NOT NULL,
    catalog INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (what, shard)
) STRICT, WITHOUT ROWID;
CREATE TABLE live (
    what TEXT NOT NULL,
    sku TEXT NOT NULL,
    shard INTEGER NOT NULL,
    current INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (what, sku)
) STRICT, WITHOUT ROWID;
CREATE INDEX live_of_shard ON live (what, shard);
CREATE TABLE recalls (
    position INTEGER PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;
CREATE TABLE order_number (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO order_number (id, last) VALUES (1, 0);
CREATE TABLE orders (
    id BLOB PRIMARY KEY,
    number TEXT NOT NULL,
    made_at TEXT NOT NULL,
    body TEXT NOT NULL,
    office INTEGER,
    store INTEGER
) STRICT;
";

// What became of head office's commands.
const STEP_8: &str = super::commands::TABLES;

// What was sold, and what is put aside.
const STEP_9: &str = super::moves::TABLES;

pub(super) struct State {
    path: PathBuf,
    conn: Mutex<Connection>,
}

impl State {
    /// Opens the file in a data folder, creating or upgrading it as needed.
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let open = || {
            let mut conn = writer(&path)?;
            SCHEMA.prepare(&mut conn, &path)?;
            let sql = |source| StoreError::of(&path, source);
            let verdict: String =
                conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(sql)?;
            if verdict == "ok" {
                return Ok(conn);
            }
            let detail = verdict.lines().last().unwrap_or_default().to_owned();
            Err(StoreError::Damaged { path: path.clone(), detail })
        };
        let conn = open().map_err(StoreError::in_state)?;
        Ok(Self { path, conn: Mutex::new(conn) })
    }

    pub(super) fn revision(&self) -> Result<i64, StoreError> {
        read_revision(&self.conn()).map_err(|source| self.trouble(source))
    }

    /// Keeps a correction. Earlier ones of the product give way where they
    /// correct the same, unless the new one ends by itself: then they hold again.
    /// `tell` writes beside it what head office is to be told.
    pub(super) fn correct(
        &self,
        sku: &Sku,
        correction: &Correction,
        tell: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            tell(tx)?;
            if correction.until.is_none() {
                for (id, mut earlier) in of(tx, sku)? {
                    let before = earlier.clone();
                    earlier.yield_to(correction);
                    if earlier.is_empty() {
                        tx.execute("DELETE FROM corrections WHERE id = ?1", [id])?;
                    } else if earlier != before {
                        let sql = "UPDATE corrections SET body = ?2 WHERE id = ?1";
                        tx.execute(sql, params![id, serde_json::to_string(&earlier).ok()])?;
                    }
                }
            }
            let body = serde_json::to_string(correction).ok();
            let sql = "INSERT INTO corrections (sku, body) VALUES (?1, ?2)";
            tx.execute(sql, params![sku.as_str(), body])
        })
        .map(drop)
    }

    /// Drops all corrections of a product; how many there were. `tell` writes beside it what head
    /// office is to be told, if there were any.
    pub(super) fn drop_corrections(
        &self,
        sku: &Sku,
        tell: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<usize, StoreError> {
        self.write(|tx| {
            let dropped = tx.execute("DELETE FROM corrections WHERE sku = ?1", [sku.as_str()])?;
            if dropped > 0 {
                tell(tx)?;
            }
            Ok(dropped)
        })
    }

    /// Writes corrections.
    fn write<T>(&self, write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.write_alone(|tx| {
            let answer = write(tx)?;
            revise(tx)?;
            Ok(answer)
        })
    }

    /// Reads what belongs together.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut conn = self.conn();
        conn.transaction().and_then(|tx| read(&tx)).map_err(|source| self.trouble(source))
    }

    /// Reads and writes what is no correction, all or nothing.
    pub(super) fn write_alone<T>(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let run = |conn: &mut Connection| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = write(&tx)?;
            tx.commit()?;
            Ok(answer)
        };
        run(&mut self.conn()).map_err(|source| self.trouble(source))
    }

    fn trouble(&self, source: rusqlite::Error) -> StoreError {
        StoreError::of(&self.path, source).in_state()
    }

    fn conn(&self) -> MutexGuard<'_, Connection> {
        // A transaction that a panic ended is rolled back, so nothing is half done.
        self.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a change of what is laid over the catalog; the revision before.
pub(super) fn revise(tx: &Transaction<'_>) -> rusqlite::Result<i64> {
    let sql = "UPDATE revision SET corrections = corrections + 1 RETURNING corrections - 1";
    tx.query_row(sql, [], |row| row.get(0))
}

/// All corrections, in the order they were made.
pub(super) fn made(tx: &Transaction<'_>) -> rusqlite::Result<Vec<(Sku, Correction)>> {
    let mut statement = tx.prepare_cached("SELECT id, sku, body FROM corrections ORDER BY id")?;
    statement.query_map([], correction)?.collect()
}

pub(super) fn read_revision(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("SELECT corrections FROM revision")?.query_row([], |row| row.get(0))
}

pub(super) fn of(tx: &Transaction<'_>, sku: &Sku) -> rusqlite::Result<Vec<(i64, Correction)>> {
    let mut statement = tx.prepare("SELECT id, sku, body FROM corrections WHERE sku = ?1 ORDER BY id")?;
    let rows = statement.query_map([sku.as_str()], |row| Ok((row.get(0)?, correction(row)?.1)))?;
    rows.collect()
}

/// Reads a row of id, SKU and body.
fn correction(row: &Row<'_>) -> rusqlite::Result<(Sku, Correction)> {
    let altered = |error| rusqlite::Error::FromSqlConversionFailure(2, Type::Text, error);
    let (sku, body): (String, String) = (row.get(1)?, row.get(2)?);
    let known = Sku::new(&sku).ok_or_else(|| altered(format!("sku {sku:?} is not valid").into()))?;
    Ok((known, serde_json::from_str(&body).map_err(|error| altered(error.into()))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_takes_up_where_the_one_before_ended() {
        for steps in 1..SCHEMA.steps.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(FILE);
            let older = Schema { steps: &SCHEMA.steps[..steps], ..SCHEMA };
            older.prepare(&mut writer(&path).unwrap(), &path).unwrap();
            let state = State::open(folder.path()).unwrap();
            let number = |sql: &str| state.conn().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
            assert_eq!(number("PRAGMA user_version"), SCHEMA.version(), "from {steps}");
            let single = "SELECT (SELECT count(*) FROM revision) + (SELECT count(*) FROM outbox_size) \
                          + (SELECT count(*) FROM trust)";
            assert_eq!(number(single), 3, "from {steps}");
        }
    }
}
