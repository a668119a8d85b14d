//! Room on the disk: how much is free, and how much of it is left to what must not be lost. What
//! can be fetched or counted again asks first; orders, counts, prices and recalls never do.

use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes that are set aside: SQLite's own files beside three databases, and some orders and recalls.
const RESERVE: u64 = 4 << 20;
/// How many times as many are free where they are set aside.
const PLENTY: u64 = 4;
const RESERVE_FILE: &str = "reserve";

/// Free bytes on the disk that holds a folder, or is to hold it.
///
/// # Errors
/// The system does not say.
pub fn free(folder: &Path) -> io::Result<u64> {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let space = rustix::fs::statvfs(there)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// The disk of a folder, of which some is left alone.
#[derive(Debug, Clone)]
pub struct Room {
    folder: PathBuf,
    least: u64,
}

impl Room {
    /// `least` bytes are left alone.
    #[must_use]
    pub fn new(folder: &Path, least: u64) -> Self {
        Self { folder: folder.to_owned(), least }
    }

    /// Free bytes; `None`: the system does not say.
    #[must_use]
    pub fn free(&self) -> Option<u64> {
        free(&self.folder).ok()
    }

    /// Whether no more is free than is left alone.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.free().is_some_and(|free| free < self.least)
    }

    /// Sets some of the disk aside, while there is plenty, for a start at a time when nothing else
    /// is free: no database can be opened, not even to be read, before SQLite has made its files.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn set_aside(&self) -> io::Result<()> {
        let path = self.folder.join(RESERVE_FILE);
        let is_there = fs::metadata(&path).is_ok_and(|there| there.len() == RESERVE);
        if is_there || self.free().is_none_or(|free| free < RESERVE * PLENTY) {
            return Ok(());
        }
        let set = File::create(&path).and_then(|mut file| {
            // Not every file system knows how.
            fallocate(&file, FallocateFlags::empty(), 0, RESERVE)
                .map_err(io::Error::from)
                .or_else(|_| io::copy(&mut io::repeat(0).take(RESERVE), &mut file).and_then(|_| file.flush()))
        });
        set.inspect_err(|_| drop(fs::remove_file(&path)))
    }

    /// Gives up what was set aside, where no more than that is free. Whether there was any.
    ///
    /// # Errors
    /// It cannot be taken away.
    pub fn give_up(&self) -> io::Result<bool> {
        if self.free().is_none_or(|free| free >= RESERVE) {
            return Ok(false);
        }
        match fs::remove_file(self.folder.join(RESERVE_FILE)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_still_to_be_made_has_the_room_of_its_disk() {
        let folder = tempfile::tempdir().unwrap();
        let later = folder.path().join("a/b");
        assert!(free(&later).unwrap() > 0);
        assert!(!Room::new(&later, 1).is_short());
        assert!(Room::new(&later, u64::MAX).is_short());
    }
    #[test]
    fn some_is_set_aside_while_there_is_plenty_and_kept_while_more_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let (room, path) = (Room::new(folder.path(), 0), folder.path().join(RESERVE_FILE));
        // One that was cut off is made anew.
        fs::write(&path, b"cut").unwrap();
        room.set_aside().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), RESERVE);
        assert!(!room.give_up().unwrap() && path.exists());
        // That it is given up on a full disk, `tests/disk_full.rs` sees.
        assert!(Room::new(&folder.path().join("a/b"), 0).set_aside().is_err());
    }
}
