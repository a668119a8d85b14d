//! `staging.db`: pieces of a catalog on their way, by the digest of each, so that a fetch that
//! was cut off goes on where it was. Holds nothing that cannot be fetched again: a file that is
//! damaged, foreign or newer is deleted and begun anew, and anybody may delete it at any time.

use super::connections::writer;
use super::schema::Schema;
use super::{Digest, StoreError};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file's name in the data folder.
const FILE: &str = "staging.db";

/// `AISG`.
const SCHEMA: Schema = Schema { application_id: 0x4149_5347, steps: &[&[STEP_1]] };

// `size` stands before the bytes, so that sums need not read them.
const STEP_1: &str = "
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
";

/// Why a piece could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    #[error("the pieces of a catalog take more than {cap} bytes: raise `max_bundle_mb`, or publish less")]
    Full { cap: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Pieces by digest; whether they are what their digests say is the reader's to check.
pub struct Staging {
    path: PathBuf,
    cap: u64,
    conn: Mutex<Connection>,
}

impl Staging {
    /// Opens the file in a data folder, or begins it anew. It holds at most `cap` bytes.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn open(folder: &Path, cap: u64) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let conn = match prepare(&path) {
            Err(StoreError::Damaged { .. } | StoreError::Newer { .. }) => {
                for end in ["db", "db-wal", "db-shm"] {
                    match std::fs::remove_file(path.with_extension(end)) {
                        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                            return Err(StoreError::Folder { path, source });
                        }
                        _ => {}
                    }
                }
                prepare(&path)?
            }
            conn => conn?,
        };
        Ok(Self { path, cap, conn: Mutex::new(conn) })
    }

    /// Keeps a piece. One that is there already stays.
    ///
    /// # Errors
    /// It does not fit, or the disk is full.
    pub fn put(&self, digest: Digest, bytes: &[u8]) -> Result<(), StagingError> {
        let conn = self.conn();
        let size = bytes.len() as u64;
        let room = || {
            let there = conn.prepare_cached("SELECT 1 FROM chunks WHERE sha256 = ?1")?.exists([digest.0])?;
            Ok((there, held(&conn)?))
        };
        let (there, held) = room().map_err(|source| self.trouble(source))?;
        if there {
            return Ok(());
        }
        if held.saturating_add(size) > self.cap {
            return Err(StagingError::Full { cap: self.cap });
        }
        conn.prepare_cached("INSERT INTO chunks (sha256, size, body) VALUES (?1, ?2, ?3)")
            .and_then(|mut insert| insert.execute(params![digest.0, size.cast_signed(), bytes]))
            .map_err(|source| self.trouble(source))?;
        Ok(())
    }

    /// A piece, if it is there.
    ///
    /// # Errors
    /// The file cannot be read; so for the others below.
    pub fn get(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let conn = self.conn();
        conn.prepare_cached("SELECT body FROM chunks WHERE sha256 = ?1")
            .and_then(|mut select| select.query_row([digest.0], |row| row.get(0)).optional())
            .map_err(|source| self.trouble(source))
    }

    /// The digests of all pieces.
    pub fn list(&self) -> Result<BTreeSet<Digest>, StoreError> {
        let conn = self.conn();
        let list = || {
            let mut select = conn.prepare_cached("SELECT sha256 FROM chunks")?;
            let digests = select.query_map([], |row| Ok(Digest(row.get(0)?)))?;
            digests.collect::<rusqlite::Result<_>>()
        };
        list().map_err(|source| self.trouble(source))
    }

    /// How many bytes there are.
    pub fn bytes(&self) -> Result<u64, StoreError> {
        held(&self.conn()).map_err(|source| self.trouble(source))
    }

    /// Drops one piece.
    pub fn drop_one(&self, digest: Digest) -> Result<(), StoreError> {
        let conn = self.conn();
        conn.execute("DELETE FROM chunks WHERE sha256 = ?1", [digest.0])
            .map(drop)
            .map_err(|source| self.trouble(source))
    }

    /// Drops all pieces but these. When none is left the file shrinks.
    pub fn keep(&self, needed: &BTreeSet<Digest>) -> Result<(), StoreError> {
        let gone: Vec<Digest> = self.list()?.into_iter().filter(|digest| !needed.contains(digest)).collect();
        let mut conn = self.conn();
        let sweep = |conn: &mut Connection| {
            let tx = conn.transaction()?;
            for digest in &gone {
                tx.prepare_cached("DELETE FROM chunks WHERE sha256 = ?1")?.execute([digest.0])?;
            }
            tx.commit()?;
            // An empty file is quickly written anew; a full one is left as it is.
            if !gone.is_empty() && held(conn)? == 0 {
                conn.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
            }
            Ok(())
        };
        sweep(&mut conn).map_err(|source| self.trouble(source))
    }

    fn trouble(&self, source: rusqlite::Error) -> StoreError {
        StoreError::of(&self.path, source)
    }

    fn conn(&self) -> MutexGuard<'_, Connection> {
        self.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn prepare(path: &Path) -> Result<Connection, StoreError> {
    let sql = |source| StoreError::of(path, source);
    let mut conn = writer(path)?;
    // What a power cut takes is fetched again.
    conn.pragma_update(None, "synchronous", "NORMAL").map_err(sql)?;
    SCHEMA.prepare(&mut conn, path)?;
    let verdict: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(sql)?;
    if verdict == "ok" {
        return Ok(conn);
    }
    Err(StoreError::Damaged { path: path.to_owned(), detail: verdict })
}

fn held(conn: &Connection) -> rusqlite::Result<u64> {
    let sum = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0).map(i64::unsigned_abs);
    conn.prepare_cached("SELECT ifnull(sum(size), 0) FROM chunks")?.query_row([], sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u8) -> Digest {
        Digest([n; 32])
    }

    #[test]
    fn pieces_outlive_the_program_and_go_when_they_are_not_needed() {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::open(folder.path(), 1000).unwrap();
        for n in 1..=3 {
            staging.put(digest(n), &[n; 300]).unwrap();
            staging.put(digest(n), &[n; 300]).unwrap();
        }
        drop(staging);
        let staging = Staging::open(folder.path(), 1000).unwrap();
        assert_eq!(staging.list().unwrap(), (1..=3).map(digest).collect());
        assert!(matches!(staging.put(digest(4), &[4; 101]), Err(StagingError::Full { cap: 1000 })));
        staging.put(digest(4), &[4; 100]).unwrap();
        assert_eq!(staging.get(digest(4)).unwrap(), Some(vec![4; 100]));
        staging.keep(&BTreeSet::from([digest(2)])).unwrap();
        assert_eq!((staging.bytes().unwrap(), staging.get(digest(1)).unwrap()), (300, None));
        staging.keep(&BTreeSet::new()).unwrap();
        assert_eq!(staging.bytes().unwrap(), 0);
    }

    #[test]
    fn a_broken_file_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        drop(Staging::open(folder.path(), 1000).unwrap());
        let path = folder.path().join(FILE);
        let newer = SCHEMA.version() + 1;
        Connection::open(&path).unwrap().pragma_update(None, "user_version", newer).unwrap();
        Staging::open(folder.path(), 1000).unwrap().put(digest(1), b"one").unwrap();
        for log in ["db-wal", "db-shm"] {
            let _ = std::fs::remove_file(path.with_extension(log));
        }
        std::fs::write(&path, "this is no database, but it is long enough to be one").unwrap();
        let staging = Staging::open(folder.path(), 1000).unwrap();
        assert!(staging.list().unwrap().is_empty());
        staging.put(digest(1), b"one").unwrap();
    }
}
