//! Files as head office keeps them: they appear whole or not at all, survive a power cut once
//! they are there, and are for their owner alone. Knows nothing of what they hold.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What a file that is being written is called; one that is left over may go.
pub const NEW: &str = ".new-";

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{} cannot be read ({why})", path.display())]
    Read { path: PathBuf, why: io::Error },
    #[error("{} cannot be written ({why}): check the folder's owner and the free space", path.display())]
    Write { path: PathBuf, why: io::Error },
    #[error("{} is there already and is never overwritten: move it away first", .0.display())]
    There(PathBuf),
    #[error("another `aisle office` works in {}: wait until it is done", .0.display())]
    Busy(PathBuf),
}

fn unwritten(path: &Path) -> impl Fn(io::Error) -> FileError + '_ {
    |why| FileError::Write { path: path.to_owned(), why }
}

/// Makes a folder that only its owner enters, and those above it.
pub fn private_folder(path: &Path) -> Result<(), FileError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unwritten(path))
}

/// Works alone in a folder for as long as the answer lives.
pub fn lock(folder: &Path) -> Result<File, FileError> {
    let file = File::open(folder).map_err(|why| FileError::Read { path: folder.to_owned(), why })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(FileError::Busy(folder.to_owned())),
        Err(TryLockError::Error(why)) => Err(FileError::Write { path: folder.to_owned(), why }),
    }
}

pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|why| FileError::Read { path: path.to_owned(), why })
}

/// The names in a folder, sorted; those that are no text are passed over.
pub fn names(folder: &Path) -> Result<Vec<String>, FileError> {
    let failed = |why| FileError::Read { path: folder.to_owned(), why };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// Writes a file that must not be there yet.
pub fn create(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let failed = unwritten(path);
    let file = written(path, bytes)?;
    match file.persist_noclobber(path) {
        Ok(_) => sync_folder(path),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(FileError::There(path.to_owned()))
        }
        Err(error) => Err(failed(error.error)),
    }
}

/// Writes a file in place of the one that is there.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    written(path, bytes)?.persist(path).map_err(|error| unwritten(path)(error.error))?;
    sync_folder(path)
}

/// On the disk, under another name, with mode 0600.
fn written(path: &Path, bytes: &[u8]) -> Result<NamedTempFile, FileError> {
    let failed = unwritten(path);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(NEW).tempfile_in(folder).map_err(&failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(&failed)?;
    Ok(file)
}

/// Puts the names of a folder on the disk.
pub fn sync_folder(path: &Path) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritten(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn files_are_for_their_owner_and_never_overwritten_by_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        private_folder(&inner).unwrap();
        assert_eq!(fs::metadata(&inner).unwrap().permissions().mode() & 0o777, 0o700);
        let path = inner.join("secret");
        create(&path, b"one").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(create(&path, b"two"), Err(FileError::There(_))));
        assert_eq!(read(&path).unwrap(), b"one");
        replace(&path, b"three").unwrap();
        assert_eq!(
            (read(&path).unwrap(), names(&inner).unwrap()),
            (b"three".to_vec(), vec!["secret".into()])
        );
    }

    #[test]
    fn one_works_in_a_folder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap();
        assert!(matches!(lock(folder.path()), Err(FileError::Busy(_))));
        drop(held);
        assert!(lock(folder.path()).is_ok());
    }
}
