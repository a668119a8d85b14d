//! What head office looks up of the events in `office.db`: the answer to a command, what a kiosk
//! did in a time, and what came last. Changes nothing.

use super::StoreError;
use super::alerts::moment;
use super::office::Office;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};
use uuid::Uuid;

/// An event as it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiledEvent {
    pub id: Uuid,
    pub store: String,
    pub kiosk: String,
    pub kind: String,
    /// By the kiosk's clock, and by head office's.
    pub made_at: Timestamp,
    pub received_at: Timestamp,
    /// JSON.
    pub body: String,
}

pub(super) const COLUMNS: &str = "id, store, kiosk, kind, made_at, received_at, body";

impl Office {
    /// What a kiosk answered to a command, JSON; `None`: nothing yet.
    ///
    /// # Errors
    /// The database cannot be read; so for the others here.
    pub fn outcome(&self, store: &str, kiosk: &str, command: Uuid) -> Result<Option<String>, StoreError> {
        self.write(|tx| {
            // In these words, so that the index serves; another kiosk's answer is none.
            let sql = "SELECT body FROM events WHERE lane = 'outcome' \
                       AND json_extract(body, '$.command') = ?1 AND store = ?2 AND kiosk = ?3";
            let mut statement = tx.prepare_cached(sql)?;
            statement.query_row(params![command.to_string(), store, kiosk], |row| row.get(0)).optional()
        })
    }

    /// Shows `see` the kind and body of each event that a kiosk made in `from..to`, by its clock.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn each_made(
        &self,
        store: &str,
        kiosk: &str,
        from: Timestamp,
        to: Timestamp,
        mut see: impl FnMut(&str, &str),
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            let sql = "SELECT kind, body FROM events \
                       WHERE store = ?1 AND kiosk = ?2 AND made_at >= ?3 AND made_at < ?4";
            let mut statement = tx.prepare_cached(sql)?;
            let mut rows = statement.query(params![store, kiosk, moment(from), moment(to)])?;
            while let Some(row) = rows.next()? {
                see(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
            }
            Ok(())
        })
    }

    /// The events that were written down since, in the order in which they came; at most so many
    /// of the latest.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn received_since(&self, since: Timestamp, most: usize) -> Result<Vec<FiledEvent>, StoreError> {
        self.write(|tx| {
            let sql = format!(
                "SELECT {COLUMNS} FROM events WHERE received_at >= ?1 \
                 ORDER BY received_at DESC, made_at DESC, seq DESC LIMIT ?2"
            );
            let mut statement = tx.prepare_cached(&sql)?;
            let limit = i64::try_from(most).unwrap_or(i64::MAX);
            let events = statement.query_map(params![moment(since), limit], filed)?;
            let mut events = events.collect::<rusqlite::Result<Vec<_>>>()?;
            events.reverse();
            Ok(events)
        })
    }
}

pub(super) fn filed(row: &Row<'_>) -> rusqlite::Result<FiledEvent> {
    // Written by this program; another text means that nobody knows when.
    let time =
        |at| Ok::<_, rusqlite::Error>(row.get::<_, String>(at)?.parse().unwrap_or(Timestamp::UNIX_EPOCH));
    Ok(FiledEvent {
        id: Uuid::from_bytes(row.get(0)?),
        store: row.get(1)?,
        kiosk: row.get(2)?,
        kind: row.get(3)?,
        made_at: time(4)?,
        received_at: time(5)?,
        body: row.get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Effect, OfficeBatch, OfficeEvent};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn events_are_found_by_command_by_time_and_by_when_they_came() {
        let folder = tempfile::tempdir().unwrap();
        let office = Office::open(folder.path()).unwrap();
        let command = Uuid::from_u128(77);
        let event = |n: u128, kind: &str, made: i64, body: String| OfficeEvent {
            id: Uuid::from_u128(n),
            seq: n as u64,
            kind: kind.into(),
            made_at: at(made),
            body,
            effect: Effect::Nothing,
        };
        let batch = |kiosk: &str, lane, events| OfficeBatch {
            store: "s042".into(),
            kiosk: kiosk.into(),
            outbox: Uuid::nil(),
            lane,
            events,
        };
        let answer = format!("{{\"kind\":\"done\",\"command\":\"{command}\"}}");
        office.file(&[batch("k1", "outcome", vec![event(1, "done", 5, answer.clone())])], at(100)).unwrap();
        let searched = |n, made| event(n, "searched", made, format!("{{\"n\":{n}}}"));
        office.file(&[batch("k1", "telemetry", vec![searched(3, 9), searched(2, 8)])], at(101)).unwrap();
        office.file(&[batch("k2", "telemetry", vec![searched(4, 8)])], at(102)).unwrap();
        assert_eq!(office.outcome("s042", "k1", command).unwrap(), Some(answer));
        assert_eq!(office.outcome("s042", "k2", command).unwrap(), None);
        assert_eq!(office.outcome("s042", "k1", Uuid::nil()).unwrap(), None);
        let mut seen = Vec::new();
        office
            .each_made("s042", "k1", at(5), at(9), |kind, body| seen.push(format!("{kind} {body}")))
            .unwrap();
        assert_eq!((seen.len(), seen[1].as_str()), (2, "searched {\"n\":2}"));
        let came = |since, most| {
            let events = office.received_since(at(since), most).unwrap();
            events.iter().map(|event| event.id.as_u128()).collect::<Vec<_>>()
        };
        assert_eq!((came(0, 10), came(101, 10), came(0, 2)), (vec![1, 2, 3, 4], vec![2, 3, 4], vec![3, 4]));
    }
}
