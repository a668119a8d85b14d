//! The outbox: what head office is to be told, kept in `state.db` until it says that it has
//! it. An event is put in beside the fact it tells of, in one transaction, or by itself.
//!
//! Promises: an event leaves only when head office answered for it by its id, or when the outbox
//! is full and it is the least important; how many were dropped is counted by kind, and told to
//! head office by lane. Never holds a word of a shopper; never sends anything.

use super::alerts::moment;
use super::catalog::Catalog;
use super::{StoreError, orders};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use uuid::Uuid;

/// What a row costs beside its body, in bytes: ids, indexes and SQLite's own.
const OVERHEAD: usize = 160;

/// A stream of events. They are sent in order within one, and not across.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    Telemetry,
    Inventory,
    Order,
    /// What became of commands.
    Outcome,
}

impl Lane {
    /// The most urgent first.
    pub const ALL: [Self; 4] = [Self::Order, Self::Outcome, Self::Inventory, Self::Telemetry];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Telemetry => "telemetry",
            Self::Inventory => "inventory",
            Self::Order => "order",
            Self::Outcome => "outcome",
        }
    }
}

/// How much an event is worth where there is no room for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// One of many: a latency, a search.
    Low = 0,
    /// What a visit came to.
    Usual = 1,
    /// A fault, an alert, a count.
    High = 2,
    /// Never dropped: an order, and what tells of events that were.
    Keep = 3,
}

/// Something that head office is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent<'a> {
    /// Unique for ever; head office counts one id once.
    pub id: Uuid,
    pub lane: Lane,
    /// A word of a closed list.
    pub kind: &'a str,
    pub priority: Priority,
    pub made_at: Timestamp,
    /// JSON.
    pub body: &'a str,
}

/// An event that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Grows with each event.
    pub seq: i64,
    pub id: Uuid,
    pub kind: String,
    /// RFC 3339, in UTC.
    pub made_at: String,
    pub body: String,
}

/// How full the outbox is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboxState {
    pub waiting: u64,
    /// Of bodies and their rows, about.
    pub bytes: u64,
    /// When the oldest event was made, RFC 3339; `None`: none waits.
    pub oldest: Option<String>,
    /// Events dropped since the outbox was made, by kind.
    pub dropped: Vec<(String, u64)>,
}

impl Catalog {
    /// Puts an event into the outbox, which may take `cap` bytes. False: it was dropped, for
    /// all that waits is worth more.
    ///
    /// # Errors
    /// The database cannot be written; so for the others here.
    pub fn keep_event(&self, event: &NewEvent<'_>, cap: u64) -> Result<bool, StoreError> {
        self.state().write_alone(|tx| put(tx, event, cap))
    }

    /// The oldest events of a lane after `after`, at most so many and so many bytes of
    /// bodies; at least one, where there is one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn waiting_events(
        &self,
        lane: Lane,
        after: i64,
        most: usize,
        bytes: usize,
    ) -> Result<Vec<Waiting>, StoreError> {
        self.state().write_alone(|tx| {
            let sql = "SELECT seq, id, kind, made_at, body FROM outbox \
                       WHERE lane = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
            let mut statement = tx.prepare_cached(sql)?;
            let limit = i64::try_from(most).unwrap_or(i64::MAX);
            let mut left = bytes;
            let mut all = Vec::new();
            for event in statement.query_map(params![lane.name(), after, limit], waiting)? {
                let event = event?;
                let fits = event.body.len() <= left;
                if !fits && !all.is_empty() {
                    break;
                }
                left = left.saturating_sub(event.body.len());
                all.push(event);
            }
            Ok(all)
        })
    }

    /// Takes out what head office has; how many of them were there.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn acknowledge_events(&self, ids: &[Uuid]) -> Result<usize, StoreError> {
        self.state().write_alone(|tx| {
            let mut statement = tx.prepare_cached("DELETE FROM outbox WHERE id = ?1 RETURNING cost")?;
            let mut gone = (0, 0);
            for id in ids {
                orders::acknowledged(tx, *id)?;
                let cost: Option<i64> = statement.query_row([id.as_bytes()], |row| row.get(0)).optional()?;
                gone = (gone.0 + usize::from(cost.is_some()), gone.1 + cost.unwrap_or_default());
            }
            grow(tx, -gone.1)?;
            Ok(gone.0)
        })
    }

    /// How full the outbox is.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn outbox(&self) -> Result<OutboxState, StoreError> {
        self.state().write_alone(|tx| {
            let (waiting, oldest) = tx.query_row(
                "SELECT count(*), (SELECT made_at FROM outbox ORDER BY seq LIMIT 1) FROM outbox",
                [],
                |row| Ok((number(row, 0)?, row.get(1)?)),
            )?;
            let bytes = tx.query_row("SELECT bytes FROM outbox_size", [], |row| number(row, 0))?;
            let mut statement = tx.prepare("SELECT kind, count FROM outbox_dropped ORDER BY kind")?;
            let dropped = statement.query_map([], |row| Ok((row.get(0)?, number(row, 1)?)))?;
            Ok(OutboxState { waiting, bytes, oldest, dropped: dropped.collect::<rusqlite::Result<_>>()? })
        })
    }
}

/// Puts an event in, within a transaction that also writes what it tells of. Less important
/// events make room for it, the oldest first; without such it is dropped itself, and counted.
/// The same id is put in once.
pub(super) fn put(tx: &Transaction<'_>, event: &NewEvent<'_>, cap: u64) -> rusqlite::Result<bool> {
    let cost = i64::try_from(event.body.len() + event.kind.len() + OVERHEAD).unwrap_or(i64::MAX);
    let cap = i64::try_from(cap).unwrap_or(i64::MAX);
    let priority = event.priority as i64;
    loop {
        let bytes: i64 =
            tx.prepare_cached("SELECT bytes FROM outbox_size")?.query_row([], |row| row.get(0))?;
        if event.priority == Priority::Keep || bytes.saturating_add(cost) <= cap {
            break;
        }
        let sql = "DELETE FROM outbox WHERE seq = (SELECT seq FROM outbox WHERE priority <= ?1 \
                   ORDER BY priority, seq LIMIT 1) RETURNING lane, kind, cost";
        let least: Option<(String, String, i64)> = tx
            .prepare_cached(sql)?
            .query_row([priority], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((lane, kind, freed)) = least else {
            count_dropped(tx, event.lane.name(), event.kind, 1)?;
            return Ok(false);
        };
        grow(tx, -freed)?;
        count_dropped(tx, &lane, &kind, 1)?;
    }
    let sql = "INSERT INTO outbox (id, lane, kind, priority, made_at, body, cost) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING";
    let lane = event.lane.name();
    let made_at = moment(event.made_at);
    let put = tx.prepare_cached(sql)?.execute(params![
        event.id.as_bytes(),
        lane,
        event.kind,
        priority,
        made_at,
        event.body,
        cost
    ])?;
    if put > 0 {
        grow(tx, cost)?;
    }
    Ok(true)
}

pub(super) fn grow(tx: &Transaction<'_>, by: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE outbox_size SET bytes = bytes + ?1")?.execute([by]).map(drop)
}

/// Counts events of a lane and kind that were dropped, and of which head office is to be told.
pub(super) fn count_dropped(
    tx: &Transaction<'_>,
    lane: &str,
    kind: &str,
    count: u64,
) -> rusqlite::Result<()> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let sql = "INSERT INTO outbox_dropped (kind, count) VALUES (?1, ?2) \
               ON CONFLICT (kind) DO UPDATE SET count = count + ?2";
    tx.prepare_cached(sql)?.execute(params![kind, count])?;
    let sql = "INSERT INTO outbox_untold (lane, count) VALUES (?1, ?2) \
               ON CONFLICT (lane) DO UPDATE SET count = count + ?2";
    tx.prepare_cached(sql)?.execute(params![lane, count]).map(drop)
}

/// A count; none is below 0.
fn number(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(at)?.unsigned_abs())
}

fn waiting(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    let id: [u8; 16] = row.get(1)?;
    Ok(Waiting {
        seq: row.get(0)?,
        id: Uuid::from_bytes(id),
        kind: row.get(2)?,
        made_at: row.get(3)?,
        body: row.get(4)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROOM: u64 = 1 << 20;

    fn event(
        id: u128,
        kind: &'static str,
        priority: Priority,
        body: &str,
    ) -> (u128, &'static str, Priority, String) {
        (id, kind, priority, body.to_owned())
    }

    fn keep(
        catalog: &Catalog,
        cap: u64,
        (id, kind, priority, body): &(u128, &'static str, Priority, String),
    ) -> bool {
        let lane = if *priority == Priority::Keep { Lane::Order } else { Lane::Telemetry };
        let (id, priority, made_at) = (Uuid::from_u128(*id), *priority, Timestamp::UNIX_EPOCH);
        catalog.keep_event(&NewEvent { id, lane, kind, priority, made_at, body }, cap).unwrap()
    }

    fn ids(catalog: &Catalog, lane: Lane) -> Vec<u128> {
        let all = catalog.waiting_events(lane, 0, usize::MAX, usize::MAX).unwrap();
        all.iter().map(|event| event.id.as_u128()).collect()
    }

    #[test]
    fn an_event_waits_until_it_is_acknowledged_and_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Catalog::open(folder.path()).unwrap();
        for id in [1, 2, 3, 2] {
            keep(&open(), ROOM, &event(id, "searched", Priority::Low, "{}"));
        }
        assert_eq!(ids(&open(), Lane::Telemetry), [1, 2, 3], "it outlives the program");
        let acknowledge = |ids: &[u128]| {
            let ids: Vec<Uuid> = ids.iter().copied().map(Uuid::from_u128).collect();
            open().acknowledge_events(&ids).unwrap()
        };
        assert_eq!(acknowledge(&[2, 9]), 1);
        assert_eq!(acknowledge(&[2]), 0, "late and twice is harmless");
        assert_eq!(ids(&open(), Lane::Telemetry), [1, 3]);
        assert_eq!(acknowledge(&[1, 3]), 2);
        assert_eq!(open().outbox().unwrap(), OutboxState::default());
    }

    #[test]
    fn a_batch_is_as_long_as_fits_and_never_empty() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        for id in 1..=5 {
            keep(&catalog, ROOM, &event(id, "searched", Priority::Low, &"x".repeat(10)));
        }
        let batch = |after, most, bytes| catalog.waiting_events(Lane::Telemetry, after, most, bytes).unwrap();
        assert_eq!(batch(0, 3, 1_000).len(), 3);
        assert_eq!(batch(0, 10, 25).len(), 2);
        assert_eq!(batch(0, 10, 1).len(), 1, "what is larger than a batch is one");
        let last = batch(0, 3, 1_000)[2].seq;
        assert_eq!(batch(last, 10, 1_000).len(), 2);
        assert_eq!(catalog.waiting_events(Lane::Order, 0, 10, 1_000).unwrap(), []);
    }

    #[test]
    fn the_least_important_make_room_and_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        let cap = 3 * (OVERHEAD as u64 + 30);
        let body = "x".repeat(20);
        assert!(keep(&catalog, cap, &event(1, "latency", Priority::Low, &body)));
        assert!(keep(&catalog, cap, &event(2, "visit", Priority::Usual, &body)));
        assert!(keep(&catalog, cap, &event(3, "latency", Priority::Low, &body)));
        assert!(
            keep(&catalog, cap, &event(4, "alert", Priority::High, &body)),
            "the oldest of the least goes"
        );
        assert_eq!(ids(&catalog, Lane::Telemetry), [2, 3, 4]);
        assert!(keep(&catalog, cap, &event(5, "alert", Priority::High, &body)));
        assert!(
            !keep(&catalog, cap, &event(6, "latency", Priority::Low, &body)),
            "all that waits is worth more"
        );
        assert_eq!(ids(&catalog, Lane::Telemetry), [2, 4, 5]);
        let state = catalog.outbox().unwrap();
        assert_eq!((state.waiting, state.dropped), (3, vec![("latency".into(), 3)]));
        // An order is kept whatever it costs.
        assert!(keep(&catalog, cap, &event(7, "order_placed", Priority::Keep, &"x".repeat(5_000))));
        assert_eq!(ids(&catalog, Lane::Order), [7]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// Whatever comes: each event waits, was acknowledged or was counted as dropped; the
        /// size is that of what waits.
        #[test]
        fn nothing_is_lost_uncounted(
            steps in proptest::collection::vec((0u8..4, 0u8..4, 0usize..200), 1..60),
            cap in 400u64..3_000,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let catalog = Catalog::open(folder.path()).unwrap();
            let kinds = ["a", "b", "c", "d"];
            let priorities = [Priority::Low, Priority::Usual, Priority::High, Priority::Keep];
            let (mut made, mut gone) = (0u64, 0u64);
            for (at, (what, priority, size)) in steps.into_iter().enumerate() {
                if what == 3 {
                    let first = ids(&catalog, Lane::Telemetry).into_iter().next();
                    let first: Vec<Uuid> = first.into_iter().map(Uuid::from_u128).collect();
                    gone += catalog.acknowledge_events(&first).unwrap() as u64;
                    continue;
                }
                let priority = priorities[usize::from(priority)];
                keep(&catalog, cap, &event(at as u128, kinds[usize::from(what)], priority, &"x".repeat(size)));
                made += 1;
            }
            let state = catalog.outbox().unwrap();
            let dropped: u64 = state.dropped.iter().map(|(_, count)| count).sum();
            prop_assert_eq!(state.waiting + dropped + gone, made);
            let all = Lane::ALL.iter().flat_map(|lane| catalog.waiting_events(*lane, 0, 1_000, 1 << 30).unwrap());
            let size: usize = all.map(|event| event.body.len() + event.kind.len() + OVERHEAD).sum();
            prop_assert_eq!(state.bytes, size as u64);
        }
    }
}
