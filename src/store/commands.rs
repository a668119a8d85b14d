//! What became of head office's commands, in `state.db`: which were begun, which are answered,
//! and the highest list that each key signed. An answer is written down and put into the outbox
//! in one transaction, so that it is told exactly once. Knows nothing of what commands do.

use super::alerts::moment;
use super::catalog::Catalog;
use super::outbox::{self, NewEvent};
use super::trust::SeenMark;
use super::{Digest, StoreError};
use jiff::Timestamp;
use rusqlite::params;
use uuid::Uuid;

/// Answered commands that are known besides those that head office still lists.
const KEPT: i64 = 256;

/// Their tables, a step of state.db's. `outcome` is NULL while a command is begun and not
/// answered; `boot` tells one start of the machine from another.
pub(super) const TABLES: &str = "
CREATE TABLE commands (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    what TEXT NOT NULL,
    boot TEXT NOT NULL,
    at TEXT NOT NULL,
    outcome TEXT
) STRICT;
CREATE TABLE command_marks (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
";

/// A command that was begun and not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunCommand {
    pub id: Uuid,
    pub what: String,
    pub boot: String,
}

/// What is known of commands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownCommands {
    pub marks: Vec<SeenMark>,
    pub answered: Vec<Uuid>,
    /// In the order in which they were begun.
    pub begun: Vec<BegunCommand>,
}

impl Catalog {
    /// What is known of commands.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn known_commands(&self) -> Result<KnownCommands, StoreError> {
        self.state().write_alone(|tx| {
            let mut known = KnownCommands::default();
            let mut select = tx.prepare("SELECT scope, key, version, digest FROM command_marks")?;
            for mark in select.query_map([], |row| {
                let version = row.get::<_, i64>(2)?.cast_unsigned();
                Ok(SeenMark { scope: row.get(0)?, key: row.get(1)?, version, digest: Digest(row.get(3)?) })
            })? {
                known.marks.push(mark?);
            }
            let mut select =
                tx.prepare("SELECT id, what, boot, outcome IS NULL FROM commands ORDER BY seq")?;
            for row in select.query_map([], |row| {
                let begun =
                    BegunCommand { id: Uuid::from_bytes(row.get(0)?), what: row.get(1)?, boot: row.get(2)? };
                Ok((begun, row.get::<_, bool>(3)?))
            })? {
                match row? {
                    (begun, true) => known.begun.push(begun),
                    (BegunCommand { id, .. }, false) => known.answered.push(id),
                }
            }
            Ok(known)
        })
    }

    /// Remembers these marks. Of answered commands that are not listed any more, old ones are
    /// forgotten.
    ///
    /// # Errors
    /// The database cannot be written; so for the others here.
    pub fn remember_commands(&self, marks: &[SeenMark], listed: &[Uuid]) -> Result<(), StoreError> {
        self.state().write_alone(|tx| {
            for SeenMark { scope, key, version, digest } in marks {
                let sql = "INSERT OR REPLACE INTO command_marks (scope, key, version, digest) \
                           VALUES (?1, ?2, ?3, ?4)";
                tx.execute(sql, params![scope, key, version.cast_signed(), digest.0])?;
            }
            let sql =
                "SELECT id FROM commands WHERE outcome IS NOT NULL ORDER BY seq DESC LIMIT -1 OFFSET ?1";
            let mut select = tx.prepare(sql)?;
            let old = select.query_map([KEPT], |row| Ok(Uuid::from_bytes(row.get(0)?)))?;
            for id in old.collect::<rusqlite::Result<Vec<_>>>()? {
                if !listed.contains(&id) {
                    tx.execute("DELETE FROM commands WHERE id = ?1", [id.as_bytes()])?;
                }
            }
            Ok(())
        })
    }

    /// Writes down that a command is begun. False: it is known already, and must not be begun.
    pub fn begin_command(&self, id: Uuid, what: &str, boot: &str, at: Timestamp) -> Result<bool, StoreError> {
        self.state().write_alone(|tx| {
            let sql = "INSERT INTO commands (id, what, boot, at) VALUES (?1, ?2, ?3, ?4) \
                       ON CONFLICT (id) DO NOTHING";
            Ok(tx.execute(sql, params![id.as_bytes(), what, boot, moment(at)])? > 0)
        })
    }

    /// Writes down what became of a command, and puts that into the outbox, which may take `cap`
    /// bytes. False: it was answered before, and nothing is told.
    pub fn answer_command(&self, id: Uuid, event: &NewEvent<'_>, cap: u64) -> Result<bool, StoreError> {
        self.state().write_alone(|tx| {
            let sql = "INSERT INTO commands (id, what, boot, at, outcome) VALUES (?1, '', '', ?2, ?3) \
                       ON CONFLICT (id) DO UPDATE SET outcome = excluded.outcome WHERE outcome IS NULL";
            let is_first = tx.execute(sql, params![id.as_bytes(), moment(event.made_at), event.kind])? > 0;
            if is_first {
                outbox::put(tx, event, cap)?;
            }
            Ok(is_first)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Lane, Priority};

    const ROOM: u64 = 1 << 20;

    fn answer(catalog: &Catalog, n: u128) -> bool {
        let event = NewEvent {
            id: Uuid::now_v7(),
            lane: Lane::Outcome,
            kind: "done",
            priority: Priority::High,
            made_at: Timestamp::UNIX_EPOCH,
            body: "{}",
        };
        catalog.answer_command(Uuid::from_u128(n), &event, ROOM).unwrap()
    }

    fn told(catalog: &Catalog) -> usize {
        catalog.waiting_events(Lane::Outcome, 0, 10_000, 1 << 30).unwrap().len()
    }

    #[test]
    fn a_command_is_begun_once_and_answered_once_across_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Catalog::open(folder.path()).unwrap();
        let begin = |catalog: &Catalog, n| {
            catalog.begin_command(Uuid::from_u128(n), "diagnose", "b1", Timestamp::UNIX_EPOCH).unwrap()
        };
        let catalog = open();
        assert!(begin(&catalog, 1) && !begin(&catalog, 1));
        drop(catalog);
        let catalog = open();
        assert!(!begin(&catalog, 1));
        let known = catalog.known_commands().unwrap();
        let begun = BegunCommand { id: Uuid::from_u128(1), what: "diagnose".into(), boot: "b1".into() };
        assert_eq!((known.begun, known.answered), (vec![begun], vec![]));
        assert!(answer(&catalog, 1) && !answer(&catalog, 1));
        assert!(answer(&catalog, 2), "it need not be begun");
        assert_eq!(told(&catalog), 2);
        drop(catalog);
        let known = open().known_commands().unwrap();
        assert_eq!((known.begun.len(), known.answered.len()), (0, 2));
        assert!(!begin(&open(), 2));
    }

    #[test]
    fn the_list_and_the_latest_are_known_and_older_ones_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        for n in 1..=KEPT as u128 + 10 {
            assert!(answer(&catalog, n));
        }
        let mark = |version| SeenMark {
            scope: "acme/k/s042/k1/commands".into(),
            key: "5f0c81a2".into(),
            version,
            digest: Digest([7; 32]),
        };
        catalog.remember_commands(&[mark(u64::MAX)], &[Uuid::from_u128(3)]).unwrap();
        let known = catalog.known_commands().unwrap();
        assert_eq!(known.marks, [mark(u64::MAX)]);
        assert_eq!(known.answered.len(), KEPT as usize + 1);
        assert!(known.answered.contains(&Uuid::from_u128(3)));
        assert!(!known.answered.contains(&Uuid::from_u128(2)));
        catalog.remember_commands(&[mark(9)], &[]).unwrap();
        assert_eq!(catalog.known_commands().unwrap().marks, [mark(9)]);
    }
}
