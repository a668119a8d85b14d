//! The folder that holds the model files.
//!
//! Owns looking files up, telling their state, and bringing them. Beside the models it
//! keeps `.verified/` (stamps), `.fetch/` (what is not finished yet, and the lock) and
//! `FILE.part` (downloads to be resumed); a `manifest.toml` in it adds to the shipped
//! manifest. Promises that [`ModelDir::ready`] never hands out a file whose content was
//! not checked, and that only one process at a time writes.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::ModelError;
use super::digest;
use super::fetch::{Run, lock};
use super::hub::Hub;
use super::manifest::{Manifest, ModelEntry, Role, Tier};
use super::package::{PIPS, Packages};
use super::progress::{Progress, Quiet, Step};

/// The state of one model file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// There, and its SHA-256 is right (by the stamp of an earlier check, or just now).
    Ready,
    /// There with the right size, but its SHA-256 was not checked in this state.
    Unchecked,
    /// There, but its size or SHA-256 is wrong.
    Damaged,
    /// Not there; `bytes` of it were fetched by a run that was cut short.
    Missing {
        /// Bytes that a next fetch from the hub goes on from.
        bytes: u64,
    },
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Ready => "ready",
            Self::Unchecked => "unchecked",
            Self::Damaged => "damaged",
            Self::Missing { bytes: 0 } => "missing",
            Self::Missing { .. } => "partly fetched",
        })
    }
}

/// One line of `aisle models list` or `verify`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// The model's name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Which kiosks want it.
    pub tier: Tier,
    /// Licence of the weights.
    pub licence: String,
    /// Size of the whole file in bytes.
    pub size: u64,
    /// State of the file.
    pub status: Status,
    /// Where the file is or would be.
    pub path: PathBuf,
}

/// What a fetch did for one model.
#[derive(Debug)]
pub struct Fetched {
    /// The model's name.
    pub name: String,
    /// Whether the file was there and whole before.
    pub was_there: bool,
    /// The file, or why it could not be had.
    pub outcome: Result<PathBuf, ModelError>,
}

/// A folder of models, seen for one processor architecture.
#[derive(Debug, Clone)]
pub struct ModelDir {
    root: PathBuf,
    manifest: Manifest,
    arch: String,
    pips: Vec<Vec<String>>,
}

pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ModelError {
    let path = path.to_path_buf();
    move |source| ModelError::Io { action, path, source }
}

impl ModelDir {
    /// The folder `root` (it need not exist yet) with the shipped manifest, overlaid by
    /// `root/manifest.toml` where there is one, for the architecture of this program.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] or [`ModelError::Io`] when a manifest cannot be read.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, ModelError> {
        let root = root.into();
        let own = root.join("manifest.toml");
        let mut manifest = Manifest::shipped()?;
        if own.exists() {
            manifest = manifest.overlaid(Manifest::load(&own)?);
            manifest
                .check()
                .map_err(|what| ModelError::Manifest { origin: own.display().to_string(), what })?;
        }
        Ok(Self::with_manifest(root, manifest))
    }

    /// The folder `root` with that manifest only.
    #[must_use]
    pub fn with_manifest(root: impl Into<PathBuf>, manifest: Manifest) -> Self {
        let pips = PIPS.iter().map(|words| words.iter().map(|&word| word.to_owned()).collect());
        let arch = std::env::consts::ARCH.to_owned();
        Self { root: root.into(), manifest, arch, pips: pips.collect() }
    }

    /// The same folder, fetching packages with this command (`["/opt/venv/bin/pip"]`)
    /// instead of `python3 -m pip`, `pip3` or `pip`.
    #[must_use]
    pub fn with_pip(mut self, command: &[&str]) -> Self {
        self.pips = vec![command.iter().map(|&word| word.to_owned()).collect()];
        self
    }

    /// The same folder for another architecture, to prepare the disk of another machine.
    #[must_use]
    pub fn for_arch(mut self, arch: &str) -> Self {
        arch.clone_into(&mut self.arch);
        self
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The entries for this architecture, in the order of the manifest.
    pub fn entries(&self) -> impl Iterator<Item = &ModelEntry> {
        self.manifest.models.iter().filter(|entry| entry.is_for(&self.arch))
    }

    /// The entry of that name for this architecture.
    ///
    /// # Errors
    /// [`ModelError::Unknown`] or [`ModelError::Architecture`].
    pub fn entry(&self, name: &str) -> Result<&ModelEntry, ModelError> {
        if let Some(entry) = self.entries().find(|entry| entry.name == name) {
            return Ok(entry);
        }
        if self.manifest.models.iter().any(|entry| entry.name == name) {
            let (name, arch) = (name.to_owned(), self.arch.clone());
            return Err(ModelError::Architecture { name, arch });
        }
        let known: Vec<_> = self.entries().map(|entry| entry.name.as_str()).collect();
        Err(ModelError::Unknown { name: name.to_owned(), known: known.join(", ") })
    }

    /// Where the file of that model is or would be, whatever its state.
    ///
    /// # Errors
    /// As [`ModelDir::entry`].
    pub fn path(&self, name: &str) -> Result<PathBuf, ModelError> {
        self.entry(name).map(|entry| self.root.join(&entry.file))
    }

    /// The state of a file, without reading it.
    ///
    /// # Errors
    /// As [`ModelDir::entry`], and [`ModelError::Io`].
    pub fn status(&self, name: &str) -> Result<Status, ModelError> {
        self.status_of(self.entry(name)?)
    }

    /// One row for each model of this architecture, without reading the files.
    ///
    /// # Errors
    /// [`ModelError::Io`].
    pub fn list(&self) -> Result<Vec<Row>, ModelError> {
        self.entries().map(|entry| Ok(self.row(entry, self.status_of(entry)?))).collect()
    }

    /// Reads every byte of the named models, or with no names of all that are there,
    /// and tells which are whole. Renews the stamps.
    ///
    /// # Errors
    /// As [`ModelDir::entry`], and [`ModelError::Io`].
    pub fn verify(&self, names: &[&str], progress: &dyn Progress) -> Result<Vec<Row>, ModelError> {
        let mut rows = Vec::new();
        for entry in self.chosen(names, |_| true)? {
            let status = match self.status_of(entry)? {
                Status::Missing { .. } if names.is_empty() => continue,
                found @ (Status::Missing { .. } | Status::Damaged) => found,
                Status::Ready | Status::Unchecked => self.check(entry, progress)?,
            };
            rows.push(self.row(entry, status));
        }
        Ok(rows)
    }

    /// The file of that model, checked: at once by its stamp where it was not touched
    /// since, else by reading all of it (about half a second for 150 MB).
    ///
    /// # Errors
    /// [`ModelError::Missing`], [`ModelError::Damaged`], [`ModelError::Io`], and as
    /// [`ModelDir::entry`].
    pub fn ready(&self, name: &str) -> Result<PathBuf, ModelError> {
        let entry = self.entry(name)?;
        let name = || name.to_owned();
        match self.settled(entry, &Quiet)? {
            Status::Ready => Ok(self.root.join(&entry.file)),
            Status::Missing { .. } => Err(ModelError::Missing { name: name() }),
            Status::Damaged | Status::Unchecked => Err(ModelError::Damaged { name: name() }),
        }
    }

    /// Brings the named models, or with no names all of the default tier for this
    /// architecture. What is there and whole is left alone. One model that cannot be
    /// had does not keep the others from being fetched, but a full disk ends the run.
    ///
    /// # Errors
    /// As [`ModelDir::entry`], and [`ModelError::Io`] when the folder cannot be used at
    /// all; what concerns one model only is in its [`Fetched`].
    pub fn fetch(&self, names: &[&str], progress: &dyn Progress) -> Result<Vec<Fetched>, ModelError> {
        let wanted = self.chosen(names, |entry| entry.tier == Tier::Default)?;
        let work = self.root.join(".fetch");
        fs::create_dir_all(&work).map_err(io_error("create", &work))?;
        let _lock = lock(&work.join("lock"), progress)?;
        let run =
            Run { dir: self, hub: Hub::new(), packages: Packages::new(work, self.pips.clone()), progress };
        let mut fetched = Vec::new();
        let mut pending = Vec::new();
        for entry in wanted {
            if self.settled(entry, progress)? == Status::Ready {
                let (name, path) = (entry.name.clone(), self.root.join(&entry.file));
                fetched.push(Fetched { name, was_there: true, outcome: Ok(path) });
            } else {
                pending.push(entry);
            }
        }
        let mut rest = pending.as_slice();
        while let Some((entry, after)) = rest.split_first() {
            let outcome = run.bring(entry, rest);
            let full = matches!(outcome, Err(ModelError::Full { .. }));
            fetched.push(Fetched { name: entry.name.clone(), was_there: false, outcome });
            if full {
                break;
            }
            rest = after;
        }
        run.packages.sweep();
        fetched.sort_by_key(|done| self.entries().position(|entry| entry.name == done.name));
        Ok(fetched)
    }

    fn chosen(
        &self,
        names: &[&str],
        by_default: impl Fn(&ModelEntry) -> bool,
    ) -> Result<Vec<&ModelEntry>, ModelError> {
        if names.is_empty() {
            return Ok(self.entries().filter(|entry| by_default(entry)).collect());
        }
        names.iter().map(|name| self.entry(name)).collect()
    }

    fn row(&self, entry: &ModelEntry, status: Status) -> Row {
        Row {
            name: entry.name.clone(),
            role: entry.role,
            tier: entry.tier,
            licence: entry.licence.clone(),
            size: entry.size,
            status,
            path: self.root.join(&entry.file),
        }
    }

    fn status_of(&self, entry: &ModelEntry) -> Result<Status, ModelError> {
        let path = self.root.join(&entry.file);
        let Some(file) = metadata(&path)? else {
            let bytes = metadata(&self.part(entry))?.map_or(0, |part| part.len());
            return Ok(Status::Missing { bytes });
        };
        Ok(if !file.is_file() || file.len() != entry.size {
            Status::Damaged
        } else if digest::is_stamped(&self.stamp(entry), &entry.sha256, &file) {
            Status::Ready
        } else {
            Status::Unchecked
        })
    }

    /// The state of a file, reading it where its stamp does not say.
    fn settled(&self, entry: &ModelEntry, progress: &dyn Progress) -> Result<Status, ModelError> {
        match self.status_of(entry)? {
            Status::Unchecked => self.check(entry, progress),
            known => Ok(known),
        }
    }

    /// Reads the file and renews its stamp.
    fn check(&self, entry: &ModelEntry, progress: &dyn Progress) -> Result<Status, ModelError> {
        let path = self.root.join(&entry.file);
        // Taken before reading: a file that is changed meanwhile does not match its stamp.
        let before = fs::metadata(&path).map_err(io_error("read", &path))?;
        progress.start(&entry.name, Step::Check, entry.size);
        let found = digest::sha256(&path, |done| progress.at(done));
        progress.finish();
        let stamp = self.stamp(entry);
        if found.map_err(io_error("read", &path))? != entry.sha256 {
            // A leftover stamp would be wrong only if size and time still matched.
            let _ = fs::remove_file(&stamp);
            return Ok(Status::Damaged);
        }
        if let Err(error) = digest::write_stamp(&stamp, &entry.sha256, &before) {
            tracing::debug!(model = entry.name, %error, "no stamp kept, the next start reads the file again");
        }
        Ok(Status::Ready)
    }

    pub(super) fn part(&self, entry: &ModelEntry) -> PathBuf {
        self.root.join(format!("{}.part", entry.file))
    }

    pub(super) fn stamp(&self, entry: &ModelEntry) -> PathBuf {
        self.root.join(".verified").join(&entry.file)
    }
}

/// None where there is no such file.
fn metadata(path: &Path) -> Result<Option<Metadata>, ModelError> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("read", path)(error)),
    }
}

#[cfg(test)]
#[path = "dir_tests.rs"]
mod tests;
