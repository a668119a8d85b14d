//! Copying bytes with a bound, telling a failing source from a failing disk.
//!
//! Promises never to write more than the bound and never to hold more than one buffer.

use std::fs::Permissions;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Why a source did not give the file, seen by the code that tries one after another.
#[derive(Debug)]
pub(super) enum SourceError {
    /// This source cannot give the file: say so and try the next one.
    Refused(String),
    /// Our own disk fails: trying another source would not help.
    Disk { path: PathBuf, source: io::Error },
}

impl SourceError {
    /// For `map_err` on an operation on our own file `path`.
    pub(super) fn disk(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        |source| Self::Disk { path, source }
    }
}

/// Whether the system refused a write for want of room: disk, quota or file size limit.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// A temporary file in `dir` with the rights of any new file: the service that reads the
/// models is not always the user who fetched them.
pub(super) fn temporary(dir: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(dir)
}

/// How a copy ended early.
#[derive(Debug)]
pub(super) enum CopyError {
    Read(io::Error),
    Write(io::Error),
    TooLong,
}

/// Copies `from` to `to` until its end, at most `limit` bytes, telling `seen` the number
/// of bytes copied so far. One more byte than `limit` in `from` is [`CopyError::TooLong`].
pub(super) fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    limit: u64,
    mut seen: impl FnMut(u64),
) -> Result<u64, CopyError> {
    let mut buffer = vec![0_u8; 128 * 1024];
    let mut copied = 0_u64;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Read(error)),
        };
        if copied + read as u64 > limit {
            return Err(CopyError::TooLong);
        }
        to.write_all(buffer.get(..read).unwrap_or_default()).map_err(CopyError::Write)?;
        copied += read as u64;
        seen(copied);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_holds_to_the_byte() {
        let mut out = Vec::new();
        assert_eq!(copy(&mut &b"12345"[..], &mut out, 5, |_| ()).ok(), Some(5));
        let over = copy(&mut &b"123456"[..], &mut Vec::new(), 5, |_| ());
        assert!(matches!(over, Err(CopyError::TooLong)));
    }
}
