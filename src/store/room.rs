//! Room on the disk: how much is free, and how much of it is left to what must not be lost. What
//! can be fetched or counted again asks first; orders, counts, prices and recalls never do.

use std::io;
use std::path::{Path, PathBuf};

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
}
