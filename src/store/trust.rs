//! Whom this kiosk trusts and how far it has come, in `state.db`, where no catalog and no rebuild
//! reaches it: the key list in force, the highest version that each key signed for each topic,
//! the newest time that each key signed. Knows nothing of signatures.

use super::catalog::Catalog;
use super::{Digest, StoreError};
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Transaction, params};
use std::collections::BTreeMap;

/// The highest version that a key signed for a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenMark {
    pub scope: String,
    pub key: String,
    pub version: u64,
    /// Of the message.
    pub digest: Digest,
}

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The key list in force, as it was signed.
    pub keys: Option<Vec<u8>>,
    /// No bundle newer than this is taken.
    pub pinned: Option<u64>,
    pub marks: Vec<SeenMark>,
    /// By key.
    pub signed: BTreeMap<String, Timestamp>,
}

impl Catalog {
    /// What is remembered.
    ///
    /// # Errors
    /// The database cannot be read, or was altered.
    pub fn remembered(&self) -> Result<Remembered, StoreError> {
        self.state().write_alone(|tx| {
            let sql = "SELECT keys, pinned FROM trust WHERE id = 1";
            let of = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?));
            let (keys, pinned) = tx.query_row(sql, [], of)?;
            let pinned = pinned.map(i64::cast_unsigned);
            Ok(Remembered { keys, pinned, marks: marks(tx)?, signed: signed(tx)? })
        })
    }

    /// Remembers: keys and pin take the place of those before; a mark that of the same scope and
    /// key, be it higher or lower; a time only moves on. What is not named stays.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn remember(&self, what: &Remembered) -> Result<(), StoreError> {
        self.state().write_alone(|tx| {
            let pinned = what.pinned.map(u64::cast_signed);
            tx.execute("UPDATE trust SET keys = ?1, pinned = ?2 WHERE id = 1", params![what.keys, pinned])?;
            for SeenMark { scope, key, version, digest } in &what.marks {
                let sql =
                    "INSERT OR REPLACE INTO marks (scope, key, version, digest) VALUES (?1, ?2, ?3, ?4)";
                tx.execute(sql, params![scope, key, version.cast_signed(), digest.0])?;
            }
            let known = signed(tx)?;
            for (key, at) in &what.signed {
                if known.get(key).is_none_or(|before| before < at) {
                    let sql = "INSERT OR REPLACE INTO signed_times (key, at) VALUES (?1, ?2)";
                    tx.execute(sql, params![key, at.to_string()])?;
                }
            }
            Ok(())
        })
    }
}

fn marks(tx: &Transaction<'_>) -> rusqlite::Result<Vec<SeenMark>> {
    let mut select = tx.prepare("SELECT scope, key, version, digest FROM marks")?;
    let marks = select.query_map([], |row| {
        let version = row.get::<_, i64>(2)?.cast_unsigned();
        Ok(SeenMark { scope: row.get(0)?, key: row.get(1)?, version, digest: Digest(row.get(3)?) })
    })?;
    marks.collect()
}

fn signed(tx: &Transaction<'_>) -> rusqlite::Result<BTreeMap<String, Timestamp>> {
    let mut select = tx.prepare("SELECT key, at FROM signed_times")?;
    let times = select.query_map([], |row| {
        let at: String = row.get(1)?;
        let at = at.parse().map_err(|error: jiff::Error| {
            rusqlite::Error::FromSqlConversionFailure(1, Type::Text, error.into())
        })?;
        Ok((row.get(0)?, at))
    })?;
    times.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_there_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let mark = |version| SeenMark {
            scope: "acme/g/north/catalog/manifest".into(),
            key: "5f0c81a2".into(),
            version,
            digest: Digest([7; 32]),
        };
        let time = |text: &str| BTreeMap::from([("5f0c81a2".to_owned(), text.parse().unwrap())]);
        let mut first = Remembered {
            keys: Some(b"keys".to_vec()),
            pinned: Some(u64::MAX),
            marks: vec![mark(u64::MAX - 1)],
            signed: time("2026-11-26T08:00:00Z"),
        };
        let catalog = Catalog::open(folder.path()).unwrap();
        assert_eq!(catalog.remembered().unwrap(), Remembered::default());
        catalog.remember(&first).unwrap();
        drop(catalog);
        let catalog = Catalog::open(folder.path()).unwrap();
        assert_eq!(catalog.remembered().unwrap(), first);
        let older =
            Remembered { marks: vec![mark(2)], signed: time("2026-11-25T08:00:00Z"), ..first.clone() };
        catalog.remember(&older).unwrap();
        first.marks = vec![mark(2)];
        assert_eq!(catalog.remembered().unwrap(), first, "a time only moves on");
    }
}
