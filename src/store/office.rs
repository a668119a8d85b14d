//! `office.db`, head office's own: what its kiosks told, each event once, the stock and the
//! orders that follow from it, and how each kiosk was when it was last heard. Several collectors
//! may write it at one time. Never deleted or rebuilt by the program.

use super::StoreError;
use super::alerts::moment;
use super::connections::database;
use super::schema::Schema;
use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// The file's name in the data folder.
const FILE: &str = "office.db";

/// `AISO`.
const SCHEMA: Schema = Schema { application_id: 0x4149_534F, steps: &[&[STEP_1], &[STEP_2], &[STEP_3]] };

// `outbox` and `seq` tell the order in which a kiosk made its events; clocks jump. Of
// `inventory`, `stock` is the newest count by its own time, and `sold` all that was ever sold.
const STEP_1: &str = "
CREATE TABLE events (
    id BLOB PRIMARY KEY,
    store TEXT NOT NULL,
    kiosk TEXT NOT NULL,
    outbox BLOB NOT NULL,
    seq INTEGER NOT NULL,
    lane TEXT NOT NULL,
    kind TEXT NOT NULL,
    made_at TEXT NOT NULL,
    received_at TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX events_kiosk ON events (store, kiosk, outbox, seq);
CREATE INDEX events_kind ON events (kind, made_at);
CREATE TABLE inventory (
    store TEXT NOT NULL,
    sku TEXT NOT NULL,
    stock INTEGER,
    as_of INTEGER,
    event BLOB,
    sold INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (store, sku)
) STRICT, WITHOUT ROWID;
CREATE TABLE orders (
    event BLOB PRIMARY KEY,
    store TEXT NOT NULL,
    kiosk TEXT NOT NULL,
    number TEXT NOT NULL,
    placed_at TEXT NOT NULL,
    received_at TEXT NOT NULL,
    lines TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX orders_number ON orders (store, number);
CREATE TABLE kiosks (
    store TEXT NOT NULL,
    kiosk TEXT NOT NULL,
    connection BLOB NOT NULL,
    online INTEGER NOT NULL,
    seen_at TEXT NOT NULL,
    report TEXT,
    PRIMARY KEY (store, kiosk)
) STRICT, WITHOUT ROWID;
";

// What became of a command is found by its id, what a kiosk did by the time, and what came last
// by when it came.
const STEP_2: &str = "
CREATE INDEX events_command ON events (json_extract(body, '$.command')) WHERE lane = 'outcome';
CREATE INDEX events_made ON events (store, kiosk, made_at);
CREATE INDEX events_received ON events (received_at);
";

// Once another database is named, each new event is to be brought there; `why` says why one
// cannot be.
const STEP_3: &str = "
CREATE TABLE forward (id INTEGER PRIMARY KEY CHECK (id = 1), database BLOB NOT NULL) STRICT;
CREATE TABLE unsent (event BLOB PRIMARY KEY, why TEXT) STRICT, WITHOUT ROWID;
CREATE TRIGGER events_unsent AFTER INSERT ON events WHEN EXISTS (SELECT 1 FROM forward) BEGIN
    INSERT INTO unsent (event) VALUES (new.id);
END;
CREATE TRIGGER events_gone AFTER DELETE ON events BEGIN
    DELETE FROM unsent WHERE event = old.id;
END;
";

/// What an event changes besides being written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Nothing,
    /// Somebody counted.
    Counted {
        sku: String,
        stock: i64,
        as_of: Timestamp,
    },
    /// Pieces sold; below 0: brought back.
    Sold {
        sku: String,
        quantity: i64,
    },
    /// An order; its lines are JSON.
    Ordered {
        number: String,
        lines: String,
    },
}

/// An event of a kiosk's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfficeEvent {
    pub id: Uuid,
    /// Its place in the kiosk's outbox.
    pub seq: u64,
    pub kind: String,
    /// By the kiosk's clock.
    pub made_at: Timestamp,
    /// JSON.
    pub body: String,
    pub effect: Effect,
}

/// Some events of one kiosk's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfficeBatch {
    pub store: String,
    pub kiosk: String,
    pub outbox: Uuid,
    pub lane: &'static str,
    pub events: Vec<OfficeEvent>,
}

/// How many events were new, and how many were there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filed {
    pub new: u64,
    pub repeated: u64,
}

/// A kiosk as it was last heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KioskRow {
    pub store: String,
    pub kiosk: String,
    /// The connection that it spoke of.
    pub connection: Uuid,
    pub online: bool,
    pub seen_at: Timestamp,
    /// What it last said of itself, JSON; `None`: nothing yet.
    pub report: Option<String>,
}

/// The database; share it behind an `Arc`, use it from any thread.
pub struct Office {
    path: PathBuf,
    conn: Mutex<Connection>,
}

impl Office {
    /// Opens the file in a data folder, creating both if need be.
    ///
    /// # Errors
    /// The folder or file cannot be used, is damaged, foreign or newer.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let (path, conn) = database(folder, FILE, &SCHEMA).map_err(StoreError::in_office)?;
        Ok(Self { path, conn: Mutex::new(conn) })
    }

    /// Writes batches down in one transaction, each event once by its id, with what follows from
    /// it. Afterwards they survive a power cut.
    ///
    /// # Errors
    /// The database cannot be written; then nothing is.
    pub fn file(&self, batches: &[OfficeBatch], received_at: Timestamp) -> Result<Filed, StoreError> {
        self.write(|tx| {
            let received_at = moment(received_at);
            let mut filed = Filed::default();
            for batch in batches {
                for event in &batch.events {
                    let is_new = insert(tx, batch, event, &received_at)?;
                    if is_new {
                        affect(tx, batch, event, &received_at)?;
                        filed.new += 1;
                    } else {
                        filed.repeated += 1;
                    }
                }
            }
            Ok(filed)
        })
    }

    /// Writes down how a kiosk is. A kiosk that is gone keeps what it last said. That a connection
    /// ended says nothing about a newer one. False: it was such a late word, and was passed over.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn hear(&self, kiosk: &KioskRow) -> Result<bool, StoreError> {
        self.write(|tx| {
            let sql = "INSERT INTO kiosks (store, kiosk, connection, online, seen_at, report) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (store, kiosk) DO UPDATE SET \
                       connection = excluded.connection, online = excluded.online, \
                       seen_at = max(seen_at, excluded.seen_at), report = ifnull(excluded.report, report) \
                       WHERE excluded.online OR NOT kiosks.online OR kiosks.connection = excluded.connection";
            let changed = tx.prepare_cached(sql)?.execute(params![
                kiosk.store,
                kiosk.kiosk,
                kiosk.connection.as_bytes(),
                kiosk.online,
                moment(kiosk.seen_at),
                kiosk.report
            ])?;
            Ok(changed > 0)
        })
    }

    /// All kiosks that were ever heard, by store and name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn kiosks(&self) -> Result<Vec<KioskRow>, StoreError> {
        self.write(|tx| {
            let sql = "SELECT store, kiosk, connection, online, seen_at, report FROM kiosks \
                       ORDER BY store, kiosk";
            tx.prepare(sql)?.query_map([], kiosk)?.collect()
        })
    }

    /// How many events there are of each kind, by kind.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.write(|tx| {
            let mut statement =
                tx.prepare("SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind")?;
            let rows =
                statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
            rows.collect()
        })
    }

    /// The ids of a kiosk's events in the order in which it made them.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn events_of(&self, store: &str, kiosk: &str) -> Result<Vec<Uuid>, StoreError> {
        self.write(|tx| {
            let sql = "SELECT id FROM events WHERE store = ?1 AND kiosk = ?2 ORDER BY outbox, seq";
            let mut statement = tx.prepare(sql)?;
            let rows = statement.query_map([store, kiosk], |row| Ok(Uuid::from_bytes(row.get(0)?)))?;
            rows.collect()
        })
    }

    /// A product's newest count in a store, and how many were sold there; `None`: never heard of.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn stock(&self, store: &str, sku: &str) -> Result<Option<(Option<i64>, i64)>, StoreError> {
        self.write(|tx| {
            let mut statement =
                tx.prepare("SELECT stock, sold FROM inventory WHERE store = ?1 AND sku = ?2")?;
            let mut rows = statement.query_map([store, sku], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.next().transpose()
        })
    }

    /// The orders with this number in a store: their lines, as JSON.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn orders(&self, store: &str, number: &str) -> Result<Vec<String>, StoreError> {
        self.write(|tx| {
            let mut statement =
                tx.prepare("SELECT lines FROM orders WHERE store = ?1 AND number = ?2 ORDER BY event")?;
            statement.query_map([store, number], |row| row.get(0))?.collect()
        })
    }

    pub(super) fn write<T>(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut conn = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        let run = |conn: &mut Connection| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = write(&tx)?;
            tx.commit()?;
            Ok(answer)
        };
        run(&mut conn).map_err(|source| StoreError::of(&self.path, source).in_office())
    }
}

/// Whether the event is new.
fn insert(
    tx: &Transaction<'_>,
    batch: &OfficeBatch,
    event: &OfficeEvent,
    received_at: &str,
) -> rusqlite::Result<bool> {
    let sql = "INSERT INTO events (id, store, kiosk, outbox, seq, lane, kind, made_at, received_at, body) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING";
    let inserted = tx.prepare_cached(sql)?.execute(params![
        event.id.as_bytes(),
        batch.store,
        batch.kiosk,
        batch.outbox.as_bytes(),
        i64::try_from(event.seq).unwrap_or(i64::MAX),
        batch.lane,
        event.kind,
        moment(event.made_at),
        received_at,
        event.body
    ])?;
    Ok(inserted > 0)
}

/// What follows from a new event. In whatever order events come, the result is the same.
fn affect(
    tx: &Transaction<'_>,
    batch: &OfficeBatch,
    event: &OfficeEvent,
    received_at: &str,
) -> rusqlite::Result<()> {
    match &event.effect {
        Effect::Nothing => Ok(()),
        Effect::Counted { sku, stock, as_of } => {
            let sql = "INSERT INTO inventory (store, sku, stock, as_of, event) VALUES (?1, ?2, ?3, ?4, ?5) \
                       ON CONFLICT (store, sku) DO UPDATE SET \
                       stock = excluded.stock, as_of = excluded.as_of, event = excluded.event \
                       WHERE as_of IS NULL OR (excluded.as_of, excluded.event) > (as_of, event)";
            let as_of = as_of.as_microsecond();
            let row = params![batch.store, sku, stock, as_of, event.id.as_bytes()];
            tx.prepare_cached(sql)?.execute(row).map(drop)
        }
        Effect::Sold { sku, quantity } => {
            let sql = "INSERT INTO inventory (store, sku, sold) VALUES (?1, ?2, ?3) \
                       ON CONFLICT (store, sku) DO UPDATE SET sold = sold + excluded.sold";
            tx.prepare_cached(sql)?.execute(params![batch.store, sku, quantity]).map(drop)
        }
        Effect::Ordered { number, lines } => {
            let sql = "INSERT INTO orders (event, store, kiosk, number, placed_at, received_at, lines) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let placed_at = moment(event.made_at);
            let row =
                params![event.id.as_bytes(), batch.store, batch.kiosk, number, placed_at, received_at, lines];
            tx.prepare_cached(sql)?.execute(row).map(drop)
        }
    }
}

fn kiosk(row: &Row<'_>) -> rusqlite::Result<KioskRow> {
    let seen_at: String = row.get(4)?;
    Ok(KioskRow {
        store: row.get(0)?,
        kiosk: row.get(1)?,
        connection: Uuid::from_bytes(row.get(2)?),
        online: row.get(3)?,
        // Written by this program; another text means that it was never seen.
        seen_at: seen_at.parse().unwrap_or(Timestamp::UNIX_EPOCH),
        report: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn event(id: u128, effect: Effect) -> OfficeEvent {
        let kind = match effect {
            Effect::Nothing => "searched",
            Effect::Counted { .. } => "counted",
            Effect::Sold { .. } => "sold",
            Effect::Ordered { .. } => "order_placed",
        };
        OfficeEvent {
            id: Uuid::from_u128(id),
            seq: 1,
            kind: kind.into(),
            made_at: at(0),
            body: "{}".into(),
            effect,
        }
    }

    fn batch(events: Vec<OfficeEvent>) -> OfficeBatch {
        let (store, kiosk) = ("s042".into(), "k1".into());
        OfficeBatch { store, kiosk, outbox: Uuid::nil(), lane: "inventory", events }
    }

    fn counted(stock: i64, second: i64) -> Effect {
        Effect::Counted { sku: "DA-1".into(), stock, as_of: at(second) }
    }

    fn sold(quantity: i64) -> Effect {
        Effect::Sold { sku: "DA-1".into(), quantity }
    }

    #[test]
    fn an_event_that_comes_twice_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let ordered = Effect::Ordered { number: "k1-7".into(), lines: "[1]".into() };
        let events = vec![event(1, sold(2)), event(2, counted(9, 5)), event(3, ordered), event(1, sold(2))];
        for round in 0..2 {
            let office = Office::open(folder.path()).unwrap();
            let filed = office.file(&[batch(events.clone())], at(9)).unwrap();
            let expected = if round == 0 { (3, 1) } else { (0, 4) };
            assert_eq!((filed.new, filed.repeated), expected);
            assert_eq!(office.stock("s042", "DA-1").unwrap(), Some((Some(9), 2)));
            assert_eq!(office.orders("s042", "k1-7").unwrap(), ["[1]"]);
            assert_eq!(office.events_of("s042", "k1").unwrap().len(), 3);
        }
        assert_eq!(Office::open(folder.path()).unwrap().stock("s1", "DA-1").unwrap(), None);
    }

    #[test]
    fn what_fails_is_not_half_written() {
        let folder = tempfile::tempdir().unwrap();
        let office = Office::open(folder.path()).unwrap();
        // An order whose row is there although its event is not: somebody wrote into the file.
        let order = || event(7, Effect::Ordered { number: "n".into(), lines: "[]".into() });
        office.file(&[batch(vec![order()])], at(0)).unwrap();
        office.write(|tx| tx.execute("DELETE FROM events", [])).unwrap();
        assert!(office.file(&[batch(vec![event(1, sold(2)), order()])], at(0)).is_err());
        assert_eq!(office.counts().unwrap(), []);
        assert_eq!(office.stock("s042", "DA-1").unwrap(), None);
    }

    #[test]
    fn a_late_word_of_an_old_connection_does_not_bury_a_newer_one() {
        let folder = tempfile::tempdir().unwrap();
        let office = Office::open(folder.path()).unwrap();
        let row = |connection, online, second| KioskRow {
            store: "s042".into(),
            kiosk: "k1".into(),
            connection: Uuid::from_u128(connection),
            online,
            seen_at: at(second),
            report: online.then(|| format!("{{\"n\":{connection}}}")),
        };
        assert!(office.hear(&row(1, true, 10)).unwrap());
        assert!(office.hear(&row(2, true, 20)).unwrap());
        assert!(!office.hear(&row(1, false, 21)).unwrap(), "the will of the first");
        assert_eq!(office.kiosks().unwrap(), [row(2, true, 20)]);
        assert!(office.hear(&row(2, false, 30)).unwrap());
        let report = row(2, true, 0).report;
        assert_eq!(office.kiosks().unwrap(), [KioskRow { report, ..row(2, false, 30) }]);
        // What is retained may be old.
        assert!(office.hear(&row(3, true, 5)).unwrap());
        assert_eq!(office.kiosks().unwrap()[0].seen_at, at(30));
    }

    #[test]
    fn a_file_that_is_not_ours_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "not a database, and long enough to be taken for one")
            .unwrap();
        let line = Office::open(folder.path()).err().unwrap().to_string();
        assert!(line.contains("move it away to begin anew") && !line.contains('\n'), "{line}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]

        /// In whatever order, in whatever batches and however often events come, the stock is
        /// the same.
        #[test]
        fn the_order_of_events_does_not_matter(
            facts in proptest::collection::vec((any::<bool>(), 0i64..5, 0i64..4), 1..12),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 0..30),
        ) {
            let events: Vec<OfficeEvent> = facts
                .iter()
                .zip(1..)
                .map(|(&(counts, n, second), id)| event(id, if counts { counted(n, second) } else { sold(n) }))
                .collect();
            let file = |batches: Vec<Vec<OfficeEvent>>| {
                let folder = tempfile::tempdir().unwrap();
                let office = Office::open(folder.path()).unwrap();
                for events in batches {
                    office.file(&[batch(events)], at(0)).unwrap();
                }
                (office.stock("s042", "DA-1").unwrap(), office.events_of("s042", "k1").unwrap().len())
            };
            let mut shuffled: Vec<Vec<OfficeEvent>> =
                order.iter().map(|index| vec![index.get(&events).clone()]).collect();
            shuffled.push(events.iter().rev().cloned().collect());
            prop_assert_eq!(file(shuffled), file(vec![events]));
        }
    }
}
