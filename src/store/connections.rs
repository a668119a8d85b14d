//! Connections to `catalog.db`: a few readers kept open, a writer opened for
//! each import. In WAL mode readers and the one writer do not wait for each
//! other, across threads and across programs.

use super::schema::{self, Schema};
use super::{StoreError, filters};
use rusqlite::{Connection, OpenFlags, Transaction};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Readers kept open when idle; more are opened when more threads read at once.
const IDLE_READERS: usize = 4;
/// Pages that a reader keeps in memory, in KiB: the words of 20,000 products and their
/// index. With SQLite's own 2 MB every search would read them from the file again.
const READER_CACHE_KIB: i64 = 16 << 10;
/// How long to wait for a lock. Readers need one only for an instant.
const READER_PATIENCE: Duration = Duration::from_secs(5);
const WRITER_PATIENCE: Duration = Duration::from_secs(30);
const GIVE_WAY_WITHIN: Duration = Duration::from_secs(1);
/// The write-ahead log shrinks to this many bytes after an import.
const LOG_BYTES: i64 = 4 << 20;

pub(super) struct Connections {
    path: PathBuf,
    idle: Mutex<Vec<Reader>>,
}

struct Reader {
    conn: Connection,
    file: FileId,
}

/// Device and inode: tells whether the path still names the file that a
/// connection has open, since a rebuild puts a new one in its place.
type FileId = (u64, u64);

impl Connections {
    /// Opens the file, creating or upgrading it as needed.
    pub(super) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let this = Self { path, idle: Mutex::default() };
        this.writer()?;
        let reader = this.reader()?;
        this.give_back(reader);
        Ok(this)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `read` in one read transaction: it sees one catalog, even while an
    /// import commits another.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Transaction<'_>) -> Result<T, ReadError>,
    ) -> Result<T, StoreError> {
        let mut reader = self.reader()?;
        let sql = |source| StoreError::of(&self.path, source);
        let tx = reader.conn.transaction().map_err(sql)?;
        let answer = read(&tx);
        tx.finish().map_err(sql)?;
        self.give_back(reader);
        answer.map_err(|error| match error {
            ReadError::Empty => StoreError::Empty,
            ReadError::Sql(source) => sql(source),
        })
    }

    /// A connection for one import or correction.
    pub(super) fn writer(&self) -> Result<Connection, StoreError> {
        let mut conn = writer(&self.path)?;
        schema::CATALOG.prepare(&mut conn, &self.path)?;
        Ok(conn)
    }

    fn reader(&self) -> Result<Reader, StoreError> {
        let file = self.file_id()?;
        {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|reader| reader.file == file);
            if let Some(reader) = idle.pop() {
                return Ok(reader);
            }
        }
        let conn = connect(&self.path, READER_PATIENCE)?;
        conn.set_prepared_statement_cache_capacity(64);
        // A negative size is in KiB.
        conn.pragma_update(None, "query_only", true)
            .and_then(|()| conn.pragma_update(None, "cache_size", -READER_CACHE_KIB))
            .and_then(|()| filters::install(&conn))
            .map_err(|e| StoreError::of(&self.path, e))?;
        Ok(Reader { conn, file })
    }

    fn give_back(&self, reader: Reader) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_READERS {
            idle.push(reader);
        }
    }

    fn file_id(&self) -> Result<FileId, StoreError> {
        let meta = std::fs::metadata(&self.path)
            .map_err(|source| StoreError::Folder { path: self.path.clone(), source })?;
        Ok((meta.dev(), meta.ino()))
    }
}

/// Why a read gave nothing.
pub(super) enum ReadError {
    Empty,
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for ReadError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sql(source)
    }
}

/// A connection that writes durably: what is committed survives a power cut.
pub(super) fn writer(path: &Path) -> Result<Connection, StoreError> {
    let sql = |source| StoreError::of(path, source);
    let conn = connect(path, WRITER_PATIENCE)?;
    // `query_row`, because setting these answers with a row.
    conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(sql)?;
    conn.pragma_update(None, "synchronous", "FULL").map_err(sql)?;
    conn.query_row(&format!("PRAGMA journal_size_limit = {LOG_BYTES}"), [], |_| Ok(())).map_err(sql)?;
    Ok(conn)
}

/// The database `file` of a folder, to be written; both are made if need be.
///
/// # Errors
/// The folder or file cannot be used, is damaged, foreign or newer.
pub(super) fn database(
    folder: &Path,
    file: &str,
    schema: &Schema,
) -> Result<(PathBuf, Connection), StoreError> {
    std::fs::create_dir_all(folder)
        .map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
    let path = folder.join(file);
    let mut conn = writer(&path)?;
    schema.prepare(&mut conn, &path)?;
    Ok((path, conn))
}

/// Gives back what a transaction that failed has put into the log: it would lie there, on a disk
/// that may be full, until the next one.
pub(super) fn give_way(conn: &Connection) {
    let _ = conn.busy_timeout(GIVE_WAY_WITHIN);
    // With this mode it answers with a row; a reader in the way is waited for by the next.
    let _ = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
}

fn connect(path: &Path, patience: Duration) -> Result<Connection, StoreError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sql = |source| StoreError::of(path, source);
    let conn = Connection::open_with_flags(path, flags).map_err(sql)?;
    conn.busy_timeout(patience).map_err(sql)?;
    Ok(conn)
}
