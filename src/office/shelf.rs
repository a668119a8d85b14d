//! Owns what was published to a group of stores: its manifests as they were signed, the chunks
//! that they name, and which of those the broker may have. What is written down here is the word
//! on which version comes next; a run that is cut off at any point is taken up from it. Never
//! sends anything.
//!
//! ```text
//! shelf/all/00000000000000000007.manifest   sealed, as it is published
//! shelf/all/00000000000000000007.replay      what came of trying it before, where it was tried
//! shelf/all/chunks/<sha256>                  what they name, and older snapshots
//! shelf/all/sent                             what the broker may have (JSON)
//! ```
//!
//! A chunk is noted before it is sent, so that none is forgotten at the broker, and again once
//! the broker has it, so that it is not sent twice.

use super::files::{self, FileError, NEW};
use super::replay::verdict::{Figures, Record};
use crate::sync::digest::Digest;
use crate::sync::sign::{Header, KeyId};
use crate::sync::topics::Name;
use crate::sync::wire;
use crate::sync::wire::catalog::{Chunk, Manifest, Parts};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// How many older contents are kept, each as its packed snapshot: deltas lead from them.
pub const BASES: usize = 8;

const SENT: &str = "sent";
const CHUNKS: &str = "chunks";
const END: &str = ".manifest";
const NOTE: &str = ".replay";

/// Why the shelf cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    #[error("{} is damaged ({why}): bring back a copy of the folder, or move the folder away to begin anew", path.display())]
    Damaged { path: PathBuf, why: String },
    #[error(transparent)]
    File(#[from] FileError),
}

/// A manifest that was written down.
#[derive(Debug, Clone)]
pub struct Publication {
    pub manifest: Manifest,
    /// As it is published.
    pub sealed: Vec<u8>,
    pub signers: Vec<KeyId>,
}

/// What the broker has, as far as it is known.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    /// The version whose manifest the broker has, and the one that it had before; 0: none.
    done: u64,
    before: u64,
    /// Digest of the key chain that it has.
    keys: Option<Digest>,
    /// Chunks that it has (true) or may have.
    chunks: BTreeMap<Digest, bool>,
}

/// A group's shelf.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    /// Newest first.
    publications: Vec<Publication>,
    sent: Sent,
    /// `None`: it is only looked at.
    _lock: Option<File>,
}

impl Shelf {
    /// Opens the shelf to publish, making it if need be. One publishes at a time.
    ///
    /// # Errors
    /// It is damaged, cannot be written, or somebody else publishes.
    pub fn open(office: &Path, group: &Name) -> Result<Self, ShelfError> {
        let lock = hold(office)?;
        let folder = folder(office, group);
        files::private_folder(&folder.join(CHUNKS))?;
        for name in files::names(&folder)?.into_iter().filter(|name| name.starts_with(NEW)) {
            // Left behind by a run that was killed.
            let path = folder.join(name);
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
        Self::of(folder, Some(lock))
    }

    /// Looks at the shelf, which need not be there. Nothing is changed.
    ///
    /// # Errors
    /// It is damaged.
    pub fn look(office: &Path, group: &Name) -> Result<Self, ShelfError> {
        Self::of(folder(office, group), None)
    }

    fn of(folder: PathBuf, lock: Option<File>) -> Result<Self, ShelfError> {
        let mut publications = Vec::new();
        let names = if folder.is_dir() { files::names(&folder)? } else { Vec::new() };
        for name in names.iter().rev().filter(|name| name.ends_with(END)) {
            let path = folder.join(name);
            let sealed = files::read(&path)?;
            publications.push(publication(sealed).map_err(|why| ShelfError::Damaged { path, why })?);
        }
        let path = folder.join(SENT);
        let sent = if path.exists() {
            let bytes = files::read(&path)?;
            let damaged = |error: serde_json::Error| ShelfError::Damaged { path, why: error.to_string() };
            serde_json::from_slice(&bytes).map_err(damaged)?
        } else {
            Sent::default()
        };
        Ok(Self { folder, publications, sent, _lock: lock })
    }

    /// What was written down, newest first.
    #[must_use]
    pub fn publications(&self) -> &[Publication] {
        &self.publications
    }

    #[must_use]
    pub fn newest(&self) -> Option<&Publication> {
        self.publications.first()
    }

    /// What the broker has had, newest first: without what was written down and not yet sent.
    #[must_use]
    pub fn published(&self) -> &[Publication] {
        let waiting = self.publications.iter().take_while(|own| own.manifest.version > self.sent.done);
        self.publications.get(waiting.count()..).unwrap_or_default()
    }

    /// Whether the broker has the newest manifest, and this key chain.
    #[must_use]
    pub fn is_done(&self, chain: &[u8]) -> bool {
        let newest = self.newest().map(|newest| newest.manifest.version);
        newest == Some(self.sent.done) && self.sent.keys == Some(Digest::of(chain))
    }

    /// A chunk's bytes.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn chunk(&self, digest: &Digest) -> io::Result<Vec<u8>> {
        fs::read(self.folder.join(CHUNKS).join(digest.to_string()))
    }

    /// A folder for what is being packed.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn room(&self) -> Result<TempDir, ShelfError> {
        let made = tempfile::Builder::new().prefix(NEW).tempdir_in(&self.folder);
        Ok(made.map_err(|why| FileError::Write { path: self.folder.clone(), why })?)
    }

    /// Writes a new manifest down, with the chunks in `room`: from then on its version is used up.
    ///
    /// # Errors
    /// It is no manifest, or not newer, or cannot be written; then it does not count.
    pub fn write_down(&mut self, room: &Path, sealed: Vec<u8>) -> Result<(), ShelfError> {
        let chunks = self.folder.join(CHUNKS);
        for name in files::names(room)?.into_iter().filter(|name| name.parse::<Digest>().is_ok()) {
            let (from, to) = (room.join(&name), chunks.join(&name));
            let moved =
                File::open(&from).and_then(|file| file.sync_all()).and_then(|()| fs::rename(from, &to));
            moved.map_err(|why| FileError::Write { path: to, why })?;
        }
        files::sync_folder(&chunks.join(SENT))?;
        let damaged = |why| ShelfError::Damaged { path: self.folder.clone(), why };
        let new = publication(sealed).map_err(damaged)?;
        let path = self.folder.join(format!("{:020}{END}", new.manifest.version));
        files::create(&path, &new.sealed)?;
        self.publications.insert(0, new);
        Ok(())
    }

    /// Keeps what came of trying the content of a manifest.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn note(&self, version: u64, record: &Record) -> Result<(), ShelfError> {
        let bytes = serde_json::to_vec(record).unwrap_or_default();
        Ok(files::replace(&self.folder.join(format!("{version:020}{NOTE}")), &bytes)?)
    }

    /// What came of trying the content of a manifest; `None`: it is not known.
    #[must_use]
    pub fn noted(&self, version: u64) -> Option<Record> {
        let bytes = files::read(&self.folder.join(format!("{version:020}{NOTE}"))).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// The newest figures that there are, and of which version.
    #[must_use]
    pub fn figures(&self) -> Option<(u64, Figures)> {
        let versions = self.publications.iter().map(|own| own.manifest.version);
        versions.filter_map(|version| Some((version, self.noted(version)?.figures?))).next()
    }

    /// The chunks of the newest manifest that the broker may lack, each once.
    #[must_use]
    pub fn to_send(&self) -> Vec<Chunk> {
        let mut seen = BTreeSet::new();
        let chunks = self.newest().into_iter().flat_map(|newest| parts(&newest.manifest));
        let chunks = chunks.flat_map(|parts| &parts.chunks).copied();
        chunks
            .filter(|chunk| self.sent.chunks.get(&chunk.sha256) != Some(&true) && seen.insert(chunk.sha256))
            .collect()
    }

    /// These are about to be sent.
    ///
    /// # Errors
    /// It cannot be written down; so for the others here.
    pub fn intend(&mut self, chunks: &[Chunk]) -> Result<(), ShelfError> {
        for chunk in chunks {
            self.sent.chunks.entry(chunk.sha256).or_insert(false);
        }
        self.save()
    }

    /// The broker has these.
    pub fn arrived(&mut self, chunks: &[Chunk]) -> Result<(), ShelfError> {
        self.sent.chunks.extend(chunks.iter().map(|chunk| (chunk.sha256, true)));
        self.save()
    }

    /// The broker lost what it had, or may have.
    pub fn forget(&mut self) -> Result<(), ShelfError> {
        self.sent.chunks.values_mut().for_each(|there| *there = false);
        self.save()
    }

    /// The broker has this key chain.
    pub fn keys_arrived(&mut self, chain: &[u8]) -> Result<(), ShelfError> {
        self.sent.keys = Some(Digest::of(chain));
        self.save()
    }

    /// The broker has the newest manifest.
    pub fn done(&mut self) -> Result<(), ShelfError> {
        let version = self.newest().map_or(0, |newest| newest.manifest.version);
        if version != self.sent.done {
            (self.sent.before, self.sent.done) = (self.sent.done, version);
        }
        self.save()
    }

    /// Chunks that the broker may have and nobody fetches any more: those that neither the newest
    /// manifest names nor the one that the broker had before.
    #[must_use]
    pub fn to_clear(&self) -> Vec<Digest> {
        let named = self.named(|publication, at| {
            at == 0 || [self.sent.done, self.sent.before].contains(&publication.manifest.version)
        });
        self.sent.chunks.keys().filter(|digest| !named.contains(digest)).copied().collect()
    }

    /// The broker has these no more.
    pub fn cleared(&mut self, chunks: &[Digest]) -> Result<(), ShelfError> {
        self.sent.chunks.retain(|digest, _| !chunks.contains(digest));
        self.save()
    }

    /// Removes what is not needed any more, here. What cannot be removed is removed next time.
    pub fn tidy(&mut self) {
        let old = self.publications.split_off(self.publications.len().min(BASES + 1));
        for publication in old {
            for end in [END, NOTE] {
                let name = format!("{:020}{end}", publication.manifest.version);
                let _ = fs::remove_file(self.folder.join(name));
            }
        }
        let mut needed = self.named(|publication, at| {
            at == 0 || [self.sent.done, self.sent.before].contains(&publication.manifest.version)
        });
        let snapshots = self.publications.iter().map(|publication| &publication.manifest.snapshot);
        needed.extend(snapshots.flat_map(|parts| &parts.chunks).map(|chunk| chunk.sha256));
        let chunks = self.folder.join(CHUNKS);
        for name in files::names(&chunks).unwrap_or_default() {
            if name.parse().is_ok_and(|digest: Digest| !needed.contains(&digest)) {
                let _ = fs::remove_file(chunks.join(name));
            }
        }
    }

    fn named(&self, which: impl Fn(&Publication, usize) -> bool) -> BTreeSet<Digest> {
        let chosen = self.publications.iter().enumerate().filter(|(at, own)| which(own, *at));
        let parts = chosen.flat_map(|(_, own)| parts(&own.manifest));
        parts.flat_map(|parts| &parts.chunks).map(|chunk| chunk.sha256).collect()
    }

    fn save(&self) -> Result<(), ShelfError> {
        let bytes = serde_json::to_vec(&self.sent).unwrap_or_default();
        Ok(files::replace(&self.folder.join(SENT), &bytes)?)
    }
}

/// Publishes alone, for as long as the answer lives: the broker lets head office in once.
///
/// # Errors
/// Somebody else publishes, or the folder cannot be made.
pub fn hold(office: &Path) -> Result<File, FileError> {
    let folder = office.join("shelf");
    files::private_folder(&folder)?;
    files::lock(&folder)
}

fn folder(office: &Path, group: &Name) -> PathBuf {
    office.join("shelf").join(group.as_str())
}

fn publication(sealed: Vec<u8>) -> Result<Publication, String> {
    let mut halves = sealed.splitn(2, |byte| *byte == b'\n');
    let header = halves.next().unwrap_or_default();
    let header: Header = serde_json::from_slice(header).map_err(|error| error.to_string())?;
    let manifest = wire::read(halves.next().unwrap_or_default()).map_err(|error| error.to_string())?;
    let signers = header.sigs.iter().map(|sig| sig.key).collect();
    Ok(Publication { manifest, sealed, signers })
}

/// All parts of a manifest.
fn parts(manifest: &Manifest) -> impl Iterator<Item = &Parts> {
    let files = manifest.files.iter().flat_map(|file| {
        [Some(&file.whole), file.change.as_ref().map(|change| &change.parts)].into_iter().flatten()
    });
    [&manifest.snapshot].into_iter().chain(manifest.deltas.iter().map(|delta| &delta.parts)).chain(files)
}
