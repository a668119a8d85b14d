//! What of `office.db` is still to be brought to another database: every event from the moment
//! that one was named, and those before it. A database that takes its place is filled from the
//! start. Knows nothing of how they are brought.

use super::StoreError;
use super::office::Office;
use super::office_events::{COLUMNS, FiledEvent, filed};
use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

/// An event that is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsentEvent {
    pub event: FiledEvent,
    pub outbox: Uuid,
    pub seq: i64,
    pub lane: String,
}

impl Office {
    /// All that is and comes here is to be brought to the database of this name. Where it was
    /// another one, everything is.
    ///
    /// # Errors
    /// The database cannot be written; so for the others here.
    pub fn forward_to(&self, database: Uuid) -> Result<(), StoreError> {
        self.write(|tx| {
            let known: Option<[u8; 16]> =
                tx.query_row("SELECT database FROM forward", [], |row| row.get(0)).optional()?;
            if known == Some(database.into_bytes()) {
                return Ok(());
            }
            tx.execute(
                "INSERT OR REPLACE INTO forward (id, database) VALUES (1, ?1)",
                [database.as_bytes()],
            )?;
            tx.execute("DELETE FROM unsent", [])?;
            tx.execute("INSERT INTO unsent (event) SELECT id FROM events", []).map(drop)
        })
    }

    /// The first that are to be brought; none before [`Office::forward_to`].
    pub fn unsent(&self, most: usize) -> Result<Vec<UnsentEvent>, StoreError> {
        self.write(|tx| {
            let sql = format!(
                "SELECT {COLUMNS}, outbox, seq, lane FROM unsent JOIN events ON id = event \
                 WHERE why IS NULL ORDER BY event LIMIT ?1"
            );
            let mut statement = tx.prepare_cached(&sql)?;
            let events = statement.query_map([i64::try_from(most).unwrap_or(i64::MAX)], |row| {
                Ok(UnsentEvent {
                    event: filed(row)?,
                    outbox: Uuid::from_bytes(row.get("outbox")?),
                    seq: row.get("seq")?,
                    lane: row.get("lane")?,
                })
            })?;
            events.collect()
        })
    }

    /// These are there.
    pub fn sent(&self, ids: &[Uuid]) -> Result<(), StoreError> {
        self.write(|tx| {
            let mut statement = tx.prepare_cached("DELETE FROM unsent WHERE event = ?1")?;
            ids.iter().try_for_each(|id| statement.execute([id.as_bytes()]).map(drop))
        })
    }

    /// This one cannot be brought.
    pub fn put_aside(&self, id: Uuid, why: &str) -> Result<(), StoreError> {
        let sql = "UPDATE unsent SET why = ?2 WHERE event = ?1";
        self.write(|tx| tx.execute(sql, params![id.as_bytes(), why]).map(drop))
    }

    /// How many are to be brought, and how many cannot be.
    pub fn unsent_count(&self) -> Result<(u64, u64), StoreError> {
        self.write(|tx| {
            let sql = "SELECT count(*) - count(why), count(why) FROM unsent";
            let count = |row: &rusqlite::Row<'_>, at| row.get::<_, i64>(at).map(i64::unsigned_abs);
            tx.query_row(sql, [], |row| Ok((count(row, 0)?, count(row, 1)?)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Effect, OfficeBatch, OfficeEvent};
    use jiff::Timestamp;

    fn file(office: &Office, ids: &[u128]) {
        let event = |id: &u128| OfficeEvent {
            id: Uuid::from_u128(*id),
            seq: 4,
            kind: "searched".into(),
            made_at: Timestamp::UNIX_EPOCH,
            body: "{}".into(),
            effect: Effect::Nothing,
        };
        let batch = OfficeBatch {
            store: "s042".into(),
            kiosk: "k1".into(),
            outbox: Uuid::from_u128(9),
            lane: "telemetry",
            events: ids.iter().map(event).collect(),
        };
        office.file(&[batch], Timestamp::UNIX_EPOCH).unwrap();
    }

    fn unsent(office: &Office) -> Vec<u128> {
        office.unsent(10).unwrap().iter().map(|own| own.event.id.as_u128()).collect()
    }

    #[test]
    fn every_event_is_to_be_brought_once_to_each_database() {
        let folder = tempfile::tempdir().unwrap();
        let office = Office::open(folder.path()).unwrap();
        file(&office, &[2, 1]);
        assert_eq!(unsent(&office), [0; 0], "nobody wants them");
        let database = Uuid::from_u128(50);
        office.forward_to(database).unwrap();
        file(&office, &[1, 3]);
        assert_eq!(unsent(&office), [1, 2, 3]);
        let first = &office.unsent(1).unwrap()[0];
        assert_eq!((first.seq, first.lane.as_str(), first.outbox.as_u128()), (4, "telemetry", 9));
        office.sent(&[Uuid::from_u128(1), Uuid::from_u128(3)]).unwrap();
        let office = Office::open(folder.path()).unwrap();
        office.forward_to(database).unwrap();
        file(&office, &[3, 4]);
        assert_eq!(unsent(&office), [2, 4], "what is there is not brought again");
        office.put_aside(Uuid::from_u128(2), "too odd").unwrap();
        assert_eq!((unsent(&office), office.unsent_count().unwrap()), (vec![4], (1, 1)));
        office.forward_to(Uuid::from_u128(51)).unwrap();
        assert_eq!(unsent(&office), [1, 2, 3, 4], "a new database gets all of them");
    }
}
