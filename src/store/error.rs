//! What can go wrong with the catalog database, each in one line that says
//! what to do. Never carries a shopper's words.

use rusqlite::ErrorCode;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no catalog is loaded: run `aisle catalog import FILE`")]
    Empty,
    #[error("{} is damaged or is not an Aisle catalog ({detail}): `aisle catalog import FILE` rebuilds it", path.display())]
    Damaged { path: PathBuf, detail: String },
    #[error("{} is damaged or is not Aisle's ({detail}): it holds the shop's own corrections, so bring back a copy of it, or move it away to go on without them", path.display())]
    DamagedState { path: PathBuf, detail: String },
    #[error("{} is damaged or is not Aisle's ({detail}): it holds what the kiosks told, so bring back a copy of it, or move it away to begin anew", path.display())]
    DamagedOffice { path: PathBuf, detail: String },
    #[error("{} is damaged or is not Aisle's ({detail}): move it away and import it again with `aisle history import FILE`", path.display())]
    DamagedHistory { path: PathBuf, detail: String },
    #[error("{} has schema {found}, but this Aisle knows only up to {known}: update Aisle", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("the disk that holds {} is full: free some space and try again; what was there is unchanged", path.display())]
    DiskFull { path: PathBuf },
    #[error("the new catalog does not pass its trial ({why}): publish it anew; what was there is as before")]
    Unfit { why: String },
    #[error("{} is in use by an import: try again when it has ended", path.display())]
    Busy { path: PathBuf },
    #[error("cannot open or create {}: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("cannot use {}: {source}", path.display())]
    Sql { path: PathBuf, source: rusqlite::Error },
}

impl StoreError {
    /// The same trouble where it is `state.db` that has it: no mirror, so it is
    /// never rebuilt.
    pub(super) fn in_state(self) -> Self {
        match self {
            Self::Damaged { path, detail } => Self::DamagedState { path, detail },
            other => other,
        }
    }

    /// The same trouble where it is `office.db` that has it: no mirror either.
    pub(super) fn in_office(self) -> Self {
        match self {
            Self::Damaged { path, detail } => Self::DamagedOffice { path, detail },
            other => other,
        }
    }

    /// The same trouble where it is `history.db` that has it.
    pub(super) fn in_history(self) -> Self {
        match self {
            Self::Damaged { path, detail } => Self::DamagedHistory { path, detail },
            other => other,
        }
    }

    /// Sorts a database error by what the reader can do about it.
    pub(super) fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        let Some(code) = source.sqlite_error_code() else {
            // A value of the wrong type or a broken JSON cell: nobody but an
            // import writes here, so the file was altered.
            return match source {
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..) => {
                    Self::Damaged { path, detail: source.to_string() }
                }
                source => Self::Sql { path, source },
            };
        };
        match code {
            ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt => {
                Self::Damaged { path, detail: source.to_string() }
            }
            ErrorCode::DiskFull => Self::DiskFull { path },
            ErrorCode::SystemIoFailure if is_write_failure(&source) => Self::DiskFull { path },
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy { path },
            _ => Self::Sql { path, source },
        }
    }
}

/// True for a failed write or a failed growth of the file: a full disk, a quota
/// or a size limit, which SQLite tells apart only for ENOSPC.
fn is_write_failure(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_WRITE};
    matches!(
        error.sqlite_error().map(|e| e.extended_code),
        Some(SQLITE_IOERR_WRITE | SQLITE_IOERR_SHMSIZE | SQLITE_IOERR_TRUNCATE)
    )
}
