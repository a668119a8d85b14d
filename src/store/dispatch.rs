//! What sending needs of the outbox besides its events: its name, how often the program began
//! to send from it, what head office refused, and what it is to be told of events that were
//! dropped. Never holds a word of a shopper.

use super::catalog::Catalog;
use super::outbox::{self, Lane, NewEvent, Priority, grow};
use super::{StoreError, orders};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use uuid::Uuid;

/// Which outbox it is, and which start of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxIdentity {
    /// Its own for ever; one that was lost and begun anew has another.
    pub outbox: Uuid,
    /// Grows with each start.
    pub starts: u64,
}

/// What head office refused of one kind of event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusals {
    pub kind: String,
    /// How many, since the outbox was made.
    pub count: u64,
    /// Why the last of them.
    pub why: String,
    /// The last of them, as it was sent.
    pub body: String,
}

impl Catalog {
    /// Tells which outbox it is, and counts this start of the program.
    ///
    /// # Errors
    /// The database cannot be written; so for the others here.
    pub fn begin_outbox(&self) -> Result<OutboxIdentity, StoreError> {
        self.state().write_alone(|tx| {
            let sql = "INSERT INTO outbox_identity (id, outbox, starts) VALUES (1, ?1, 1) \
                       ON CONFLICT (id) DO UPDATE SET starts = starts + 1 RETURNING outbox, starts";
            tx.query_row(sql, [Uuid::new_v4().as_bytes()], |row| {
                let starts: i64 = row.get(1)?;
                Ok(OutboxIdentity { outbox: Uuid::from_bytes(row.get(0)?), starts: starts.unsigned_abs() })
            })
        })
    }

    /// Takes out what head office will never take, each with the reason; how many of them were
    /// there. They are counted by kind, and the last of each kind is kept to be looked at.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn refuse_events(&self, refused: &[(Uuid, String)]) -> Result<usize, StoreError> {
        self.state().write_alone(|tx| {
            let sql = "DELETE FROM outbox WHERE id = ?1 RETURNING cost, kind, body";
            let mut remove = tx.prepare_cached(sql)?;
            let sql = "INSERT INTO outbox_refused (kind, count, why, body) VALUES (?1, 1, ?2, ?3) \
                       ON CONFLICT (kind) DO UPDATE SET count = count + 1, why = ?2, body = ?3";
            let mut count = tx.prepare_cached(sql)?;
            let (mut gone, mut freed) = (0, 0);
            for (id, why) in refused {
                orders::refused(tx, *id)?;
                let removed: Option<(i64, String, String)> = remove
                    .query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                    .optional()?;
                let Some((cost, kind, body)) = removed else { continue };
                count.execute(params![kind, why, body])?;
                (gone, freed) = (gone + 1, freed + cost);
            }
            grow(tx, -freed)?;
            Ok(gone)
        })
    }

    /// Puts an event of this kind into the outbox for each lane of which events were dropped that
    /// head office was not told of; `body` writes it. One of a lane at most waits, so that they
    /// take no room from others while nobody answers: what is dropped meanwhile is told of when
    /// head office has taken that one. How many were put in.
    ///
    /// # Errors
    /// The database cannot be written; then nothing is.
    pub fn tell_dropped(
        &self,
        kind: &str,
        now: Timestamp,
        body: impl Fn(Lane, u64) -> String,
    ) -> Result<usize, StoreError> {
        self.state().write_alone(|tx| {
            let untold = untold(tx)?;
            for (of, count) in &untold {
                let (id, body) = (Uuid::now_v7(), body(*of, *count));
                let (lane, priority) = (Lane::Telemetry, Priority::Keep);
                let event = NewEvent { id, lane, kind, priority, made_at: now, body: &body };
                outbox::put(tx, &event, u64::MAX)?;
                let sql = "UPDATE outbox_untold SET count = 0, event = ?2 WHERE lane = ?1";
                tx.execute(sql, params![of.name(), id.as_bytes()])?;
            }
            Ok(untold.len())
        })
    }

    /// Counts events that were given up before they were put in, so that head office is told of
    /// them as of those that the outbox had no room for.
    ///
    /// # Errors
    /// The database cannot be written; then none is counted.
    pub fn count_dropped(&self, dropped: &[(Lane, String, u64)]) -> Result<(), StoreError> {
        self.state().write_alone(|tx| {
            dropped
                .iter()
                .try_for_each(|(lane, kind, count)| outbox::count_dropped(tx, lane.name(), kind, *count))
        })
    }

    /// What head office refused, by kind.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn refusals(&self) -> Result<Vec<Refusals>, StoreError> {
        self.state().write_alone(|tx| {
            let mut statement =
                tx.prepare("SELECT kind, count, why, body FROM outbox_refused ORDER BY kind")?;
            let rows = statement.query_map([], |row| {
                let count: i64 = row.get(1)?;
                let (kind, why, body) = (row.get(0)?, row.get(2)?, row.get(3)?);
                Ok(Refusals { kind, count: count.unsigned_abs(), why, body })
            })?;
            rows.collect()
        })
    }
}

/// How many events of each lane were dropped and not told of, but for lanes of which a word
/// still waits.
fn untold(tx: &Transaction<'_>) -> rusqlite::Result<Vec<(Lane, u64)>> {
    let sql = "SELECT lane, count FROM outbox_untold WHERE count > 0 \
               AND NOT EXISTS (SELECT 1 FROM outbox WHERE id = outbox_untold.event)";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        let (lane, count): (String, i64) = (row.get(0)?, row.get(1)?);
        let lane = Lane::ALL.into_iter().find(|known| known.name() == lane);
        Ok(lane.map(|lane| (lane, count.unsigned_abs())))
    })?;
    rows.filter_map(Result::transpose).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::OutboxState;
    use std::collections::BTreeMap;

    #[test]
    fn an_outbox_keeps_its_name_and_counts_starts() {
        let folder = tempfile::tempdir().unwrap();
        let begin = || Catalog::open(folder.path()).unwrap().begin_outbox().unwrap();
        let (first, second) = (begin(), begin());
        assert_eq!((first.starts, second.starts), (1, 2));
        assert_eq!(first.outbox, second.outbox);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(Catalog::open(other.path()).unwrap().begin_outbox().unwrap().outbox, first.outbox);
    }

    #[test]
    fn what_is_refused_leaves_and_is_counted_with_the_last_reason() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        for n in 1..=3 {
            let event = NewEvent {
                id: Uuid::from_u128(n),
                lane: Lane::Telemetry,
                kind: "searched",
                priority: Priority::Low,
                made_at: Timestamp::UNIX_EPOCH,
                body: &format!("{{\"n\":{n}}}"),
            };
            assert!(catalog.keep_event(&event, 1 << 20).unwrap());
        }
        let refuse = |ids: &[u128], why: &str| {
            let refused: Vec<_> = ids.iter().map(|id| (Uuid::from_u128(*id), why.to_owned())).collect();
            catalog.refuse_events(&refused).unwrap()
        };
        assert_eq!(refuse(&[1, 9], "too old"), 1);
        assert_eq!(refuse(&[1], "again"), 0, "late and twice is harmless");
        assert_eq!(refuse(&[2, 3], "no"), 2);
        let (kind, why, body) = ("searched".into(), "no".into(), "{\"n\":3}".into());
        assert_eq!(catalog.refusals().unwrap(), [Refusals { kind, count: 3, why, body }]);
        assert_eq!(catalog.outbox().unwrap(), OutboxState::default(), "nothing waits, nothing was dropped");
    }

    /// Events of each lane that were dropped are told of once, in one event that waits at a time.
    #[test]
    fn what_was_dropped_is_told_by_lane_and_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        let mut last = 0;
        let mut drop_some = |lane, count: u128| {
            for _ in 0..count {
                last += 1;
                let (kind, priority, made_at) = ("kind", Priority::Low, Timestamp::UNIX_EPOCH);
                let event = NewEvent { id: Uuid::from_u128(last), lane, kind, priority, made_at, body: "{}" };
                assert!(!catalog.keep_event(&event, 0).unwrap());
            }
        };
        let tell = || {
            let body = |lane: Lane, count| format!("{} {count}", lane.name());
            catalog.tell_dropped("dropped", Timestamp::UNIX_EPOCH, body).unwrap()
        };
        let waiting = || catalog.waiting_events(Lane::Telemetry, 0, 100, 10_000).unwrap();
        assert_eq!(tell(), 0, "there is nothing to tell");
        drop_some(Lane::Telemetry, 3);
        drop_some(Lane::Outcome, 1);
        assert_eq!((tell(), tell()), (2, 0));
        drop_some(Lane::Telemetry, 4);
        drop_some(Lane::Inventory, 2);
        assert_eq!((tell(), tell()), (1, 0), "of telemetry a word waits already");
        let mut told = BTreeMap::<String, u64>::new();
        for round in 0..3 {
            let words = waiting();
            assert_eq!(words.len(), [3, 1, 0][round], "round {round}");
            for word in &words {
                let (lane, count) = word.body.split_once(' ').unwrap();
                *told.entry(lane.to_owned()).or_default() += count.parse::<u64>().unwrap();
            }
            let ids: Vec<Uuid> = words.iter().map(|word| word.id).collect();
            assert_eq!(catalog.acknowledge_events(&ids).unwrap(), ids.len());
            tell();
        }
        let all = [("inventory", 2), ("outcome", 1), ("telemetry", 7)];
        assert_eq!(told, all.map(|(lane, count)| (lane.to_owned(), count)).into());
        assert_eq!(catalog.outbox().unwrap().dropped, [("kind".to_owned(), 10)]);
    }
}
