//! What the session asks of the store: keeps what is staged and remembered, and takes bundles
//! into use. A bundle is brought in and its content compared with the manifest's root in one
//! transaction; whatever fails leaves the old one. Blocks: runs on a thread of its own.

use super::accept::Mark;
use super::delta::{OldRows, unpack_delta};
use super::digest::Digest;
use super::enclosed::{Bodies, Enclosed, EnclosedError};
use super::pack::{Chunks, Limits, PackError, Unpacked, unpack_file};
use super::plan::{FileWay, Have, Way};
use super::root::{MAX_LINE, RootHasher, Row};
use super::session::{Command, Done, Event, Failure, Job, Live, Memory, Outcome, Stored};
use super::sign::SignError;
use super::wire::Version;
use super::wire::catalog::{FileName, Manifest, Parts};
use super::wire::event::{self, Refusal};
use crate::domain::{Product, Sku};
use crate::feeds::native;
use crate::store::{
    Bundle, BundleFile, BundleNote, BundleState, Catalog, ChangeError, Changes, Entry, Feed, FeedError,
    ImportError, NewBundle, Progress, Record, Remembered, Renewal, Room, SeenMark, Staging, StagingError,
    StoreError,
};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// Highest believable price of a bundle, in cents, as an import's.
const MAX_PRICE_CENTS: i64 = 10_000_000;
/// Commands that may wait, and answers.
const WAITING: usize = 32;

/// Why the store cannot say how far the kiosk has come.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("what state.db remembers of head office cannot be read ({0}): bring back a copy of it")]
    Altered(#[from] SignError),
}

/// Runs commands, one after another.
pub struct Ingest {
    catalog: Arc<Catalog>,
    staging: Staging,
    limits: Limits,
    program: Version,
    room: Option<Room>,
    /// Could not be written: comes before any bundle.
    owed: Option<Memory>,
    on_step: Box<dyn FnMut(&'static str) + Send>,
}

impl Ingest {
    /// Opens the staging table in the data folder; it holds at most `staging` bytes.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn open(
        catalog: Arc<Catalog>,
        folder: &Path,
        staging: u64,
        limits: Limits,
        program: Version,
    ) -> Result<Self, StoreError> {
        let staging = Staging::open(folder, staging)?;
        let on_step = Box::new(|step| tracing::trace!(step, "bundle"));
        Ok(Self { catalog, staging, limits, program, room: None, owed: None, on_step })
    }

    /// Leaves some of the disk to what is dearer: then no catalog comes, and all else does.
    #[must_use]
    pub fn with_room(mut self, room: Room) -> Self {
        self.room = Some(room);
        self
    }

    /// Tells `on_step` of each step of taking a bundle into use, when it is done.
    #[must_use]
    pub fn with_steps(mut self, on_step: impl FnMut(&'static str) + Send + 'static) -> Self {
        self.on_step = Box::new(on_step);
        self
    }

    /// How far the kiosk has come: what a session starts with.
    ///
    /// # Errors
    /// A database cannot be read, or was altered.
    pub fn stored(&self) -> Result<Stored, IngestError> {
        let Remembered { keys, pinned, marks, signed } = self.catalog.remembered()?;
        let mark = |SeenMark { scope, key, version, digest }: SeenMark| {
            Ok(Mark { scope, key: key.parse()?, version, digest })
        };
        let marks = marks.into_iter().map(mark).collect::<Result<_, SignError>>()?;
        let signed = signed.into_iter().map(|(key, at)| Ok((key.parse()?, at)));
        let signed = signed.collect::<Result<_, SignError>>()?;
        Ok(Stored {
            memory: Memory { trust: keys, marks, signed, pinned },
            have: self.have()?,
            staged: self.staging.list()?,
            refused: self.catalog.refused_bundles(&self.program.to_string())?,
            recalls: self.catalog.recalls_version()?,
        })
    }

    /// What is in use.
    fn have(&self) -> Result<Have, StoreError> {
        let Some(Bundle { version, root, files }) = self.catalog.bundle()? else {
            return Ok(Have::default());
        };
        let file = |(name, digest): (String, Digest)| Some((FileName::of(&name)?, digest));
        let files = files.into_iter().filter_map(file).collect();
        Ok(Have { catalog: Some((version, root)), files })
    }

    /// Runs a command; what came of it goes back to the session. Commands for the connection
    /// are passed over.
    pub fn run(&mut self, command: Command) -> Option<Event> {
        if !matches!(command, Command::Remember(_) | Command::Apply(_)) {
            // Of one that is owed it was said why when it came.
            let _ = self.remember();
        }
        match command {
            Command::Subscribe(_) | Command::Unsubscribe(_) => None,
            Command::Stage(chunk, bytes) => {
                let kept = self.has_room().and_then(|()| Ok(self.staging.put(chunk.sha256, &bytes)?));
                self.step("staged");
                Some(match kept {
                    Ok(()) => Event::Staged(chunk.sha256),
                    Err(trouble) => Event::NotStaged(chunk.sha256, trouble.into()),
                })
            }
            Command::Take(topic, live) => {
                let (kept, version) = (self.take(&live), live.version());
                self.step("taken");
                Some(match kept {
                    Ok(()) => Event::Taken(topic, version),
                    Err(error) => Event::NotTaken(topic, version, error.to_string()),
                })
            }
            Command::Remember(memory) => {
                self.owed = Some(memory);
                if let Err(error) = self.remember() {
                    tracing::warn!(%error, "what head office signed is not written down yet");
                }
                None
            }
            Command::Apply(job) => {
                let version = job.manifest.version;
                Some(match self.apply(&job) {
                    Ok(done) => Event::Applied(Box::new(done)),
                    Err(trouble) => Event::NotApplied { version, why: trouble.into() },
                })
            }
            Command::Sweep(needed) => {
                if let Err(error) = self.staging.keep(&needed) {
                    tracing::warn!(%error, "pieces of a catalog stay on the disk");
                }
                self.step("swept");
                None
            }
            Command::Report(outcome) => {
                self.note(&outcome);
                None
            }
        }
    }

    fn has_room(&self) -> Result<(), Trouble> {
        if self.room.as_ref().is_some_and(Room::is_short) { Err(Trouble::NoRoom) } else { Ok(()) }
    }

    fn step(&mut self, name: &'static str) {
        (self.on_step)(name);
    }

    /// Keeps prices, counts or recalls, and shows them.
    fn take(&self, live: &Live) -> Result<(), StoreError> {
        match live {
            Live::Prices(shard) => self.catalog.take_prices(shard),
            Live::Counts(shard) => self.catalog.take_counts(shard),
            Live::Recalls { version, recalls } => self.catalog.take_recalls(*version, recalls),
        }
        .map(drop)
    }

    fn remember(&mut self) -> Result<(), StoreError> {
        let Some(memory) = &self.owed else { return Ok(()) };
        let mark = |mark: &Mark| SeenMark {
            scope: mark.scope.clone(),
            key: mark.key.to_string(),
            version: mark.version,
            digest: mark.digest,
        };
        self.catalog.remember(&Remembered {
            keys: memory.trust.clone(),
            pinned: memory.pinned,
            marks: memory.marks.iter().map(mark).collect(),
            signed: memory.signed.iter().map(|(key, at)| (key.to_string(), *at)).collect(),
        })?;
        self.owed = None;
        self.step("remembered");
        Ok(())
    }

    /// Writes down what became of a bundle, so that what is unusable is not tried at each start.
    fn note(&self, outcome: &Outcome) {
        let (version, root, state, why) = match outcome {
            Outcome::Applied { version, root, .. } => (*version, *root, BundleState::Applied, None),
            Outcome::Refused { version: Some(version), root: Some(root), detail, lasting: true, .. } => {
                (*version, *root, BundleState::Refused, Some(detail.clone()))
            }
            _ => return,
        };
        let program = self.program.to_string();
        let note = BundleNote { version, root, state, why, program };
        if let Err(error) = self.catalog.note_bundle(&note, Timestamp::now()) {
            tracing::warn!(%error, "what became of a bundle is not written down");
        }
    }

    fn apply(&mut self, job: &Job) -> Result<Done, Trouble> {
        let started = Instant::now();
        // Else an older manifest could come in again after a restart.
        self.remember()?;
        self.has_room()?;
        let missing = self.missing(job)?;
        if !missing.is_empty() {
            return Err(Trouble::Missing(missing));
        }
        let Job { manifest, plan, .. } = job;
        let (catalog, staging, limits) = (&self.catalog, &self.staging, self.limits);
        catalog.renew(&mut *self.on_step, |renewal| {
            let here = catalog.bundle()?.map(|bundle| bundle.root);
            match &plan.catalog {
                Way::Snapshot => lay_in(renewal, manifest, staging, limits)?,
                Way::Deltas(chain) => {
                    let here = here.ok_or(Trouble::Elsewhere)?;
                    change(renewal, manifest, chain, here, staging, limits)?;
                }
                Way::Adopt | Way::Nothing => {}
            }
            check(renewal, manifest)?;
            let files = files(catalog, job, staging, limits)?;
            Enclosed::read(&bodies(catalog, &files)?)?;
            Ok::<_, Trouble>(NewBundle { version: manifest.version, root: manifest.root, files })
        })?;
        let way = match plan.catalog {
            Way::Snapshot => event::Way::Snapshot,
            Way::Deltas(_) => event::Way::Delta,
            Way::Adopt | Way::Nothing => event::Way::Adopted,
        };
        Ok(Done { have: self.have()?, way, took: started.elapsed() })
    }

    /// The chunks that the job needs and that are not staged; a broken one is dropped.
    fn missing(&self, job: &Job) -> Result<Vec<Digest>, Trouble> {
        let mut missing = Vec::new();
        for chunk in needed(job).iter().flat_map(|parts| &parts.chunks) {
            match self.staging.get(chunk.sha256)? {
                Some(bytes) if chunk.is(&bytes) => {}
                found => {
                    if found.is_some() {
                        self.staging.drop_one(chunk.sha256)?;
                    }
                    missing.push(chunk.sha256);
                }
            }
        }
        Ok(missing)
    }
}

/// The parts that a job is made of.
fn needed(job: &Job) -> Vec<&Parts> {
    let Job { manifest, plan, .. } = job;
    let mut parts = match &plan.catalog {
        Way::Snapshot => vec![&manifest.snapshot],
        Way::Deltas(chain) => {
            chain.iter().filter_map(|at| manifest.deltas.get(*at)).map(|delta| &delta.parts).collect()
        }
        Way::Adopt | Way::Nothing => Vec::new(),
    };
    for (name, way) in &plan.files {
        let file = manifest.files.iter().find(|file| file.name == *name);
        parts.extend(file.and_then(|file| match way {
            FileWay::Whole => Some(&file.whole),
            FileWay::Change => file.change.as_ref().map(|change| &change.parts),
        }));
    }
    parts
}

fn chunks<'a>(
    parts: &'a Parts,
    staging: &'a Staging,
) -> Chunks<'a, impl FnMut(&Digest) -> io::Result<Vec<u8>>> {
    Chunks::new(parts, |digest| {
        let bytes = staging.get(*digest).map_err(io::Error::other)?;
        bytes.ok_or_else(|| io::ErrorKind::NotFound.into())
    })
}

/// The whole catalog.
fn lay_in(
    renewal: &mut Renewal<'_>,
    manifest: &Manifest,
    staging: &Staging,
    limits: Limits,
) -> Result<(), Trouble> {
    let parts = &manifest.snapshot;
    let unpacked = Unpacked::new(chunks(parts, staging), parts, limits.snapshot)?;
    let mut feed = LineFeed { from: BufReader::with_capacity(128 << 10, unpacked), line: 0, read: 0, parts };
    renewal.replace(&mut feed, MAX_PRICE_CENTS, &mut |_| {})?;
    Ok(())
}

/// Deltas, one after another.
fn change(
    renewal: &mut Renewal<'_>,
    manifest: &Manifest,
    chain: &[usize],
    mut here: Digest,
    staging: &Staging,
    limits: Limits,
) -> Result<(), Trouble> {
    for delta in chain.iter().filter_map(|at| manifest.deltas.get(*at)) {
        let parts = &delta.parts;
        let change = unpack_delta(chunks(parts, staging), parts, here, &mut Old(renewal), limits)?;
        if change.root != delta.root {
            return Err(Trouble::Elsewhere);
        }
        let headers = change.headers.as_ref().map(|lines| lines.iter().map(|line| record(line)).collect());
        let products = |rows: &[Row]| rows.iter().map(product).collect::<Result<Vec<_>, _>>();
        let changes = Changes {
            headers: headers.transpose()?,
            removed: change.removed,
            changed: products(&change.changed)?,
            added: products(&change.added)?,
        };
        renewal.change(&changes, MAX_PRICE_CENTS)?;
        here = delta.root;
    }
    Ok(())
}

fn record(line: &[u8]) -> Result<Record, Trouble> {
    let text = std::str::from_utf8(line).map_err(|_| Trouble::Line("it is no UTF-8 text".into()))?;
    native::read(text).map_err(Trouble::Line)
}

fn product(row: &Row) -> Result<Product, Trouble> {
    match record(row.line())? {
        Record::Product(product) if product.sku == *row.sku() => Ok(*product),
        _ => Err(Trouble::Line("it is no product, or another one".into())),
    }
}

/// Whether the content is the manifest's.
fn check(renewal: &Renewal<'_>, manifest: &Manifest) -> Result<(), Trouble> {
    let mut root = RootHasher::new(&renewal.headers()?);
    renewal.digests(|sku, digest| Ok::<_, Trouble>(root.row(&sku, digest)?))?;
    if root.count() != manifest.products || root.finish() != manifest.root {
        return Err(Trouble::Elsewhere);
    }
    Ok(())
}

/// The manifest's files: those that come, and those that stay.
fn files(
    catalog: &Catalog,
    job: &Job,
    staging: &Staging,
    limits: Limits,
) -> Result<BTreeMap<String, Option<BundleFile>>, Trouble> {
    let mut files = BTreeMap::new();
    for file in &job.manifest.files {
        let name = file.name.key().to_owned();
        let way = job.plan.files.iter().find(|(name, _)| *name == file.name).map(|(_, way)| *way);
        let body = match (way, &file.change) {
            (None, _) => None,
            (Some(FileWay::Change), Some(change)) => {
                let old = catalog.bundle_file(&name)?.ok_or(Trouble::Elsewhere)?;
                Some(unpack_file(chunks(&change.parts, staging), &change.parts, &old, limits.file)?)
            }
            (Some(_), _) => Some(unpack_file(chunks(&file.whole, staging), &file.whole, &[], limits.file)?),
        };
        // A change leads to the same file as the whole.
        if body.as_ref().is_some_and(|body| Digest::of(body) != file.whole.sha256) {
            return Err(Trouble::Elsewhere);
        }
        let sha256 = file.whole.sha256;
        files.insert(name, body.map(|body| BundleFile { sha256, body }));
    }
    Ok(files)
}

/// What the files say, also of those that stay.
fn bodies(catalog: &Catalog, files: &BTreeMap<String, Option<BundleFile>>) -> Result<Bodies, Trouble> {
    let mut bodies = Bodies::new();
    for (key, file) in files {
        let Some(name) = FileName::of(key) else { continue };
        let body = match file {
            Some(file) => file.body.clone(),
            None => catalog.bundle_file(key)?.ok_or(Trouble::Elsewhere)?,
        };
        bodies.insert(name, body);
    }
    Ok(bodies)
}

/// The old rows of a delta.
struct Old<'a, 'b>(&'a Renewal<'b>);

impl OldRows for Old<'_, '_> {
    fn row(&mut self, sku: &Sku) -> Result<Option<Vec<u8>>, Box<dyn Error + Send + Sync>> {
        Ok(self.0.line(sku)?)
    }
}

/// A feed over unpacked bytes.
struct LineFeed<'a, R> {
    from: BufReader<R>,
    line: u64,
    read: u64,
    parts: &'a Parts,
}

impl<R: Read> Iterator for LineFeed<'_, R> {
    type Item = Result<Entry, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        let failed = |source| FeedError::Read { path: PathBuf::from("the bundle"), source };
        let mut line = Vec::new();
        let read = (&mut self.from).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line);
        match read {
            Ok(0) => return None,
            Ok(read) => self.read += read as u64,
            Err(source) => return Some(Err(failed(source))),
        }
        self.line += 1;
        let record = match line.strip_suffix(b"\n").map(std::str::from_utf8) {
            Some(Ok(text)) => native::read(text),
            Some(Err(_)) => Err("not UTF-8 text".to_owned()),
            None => Err("it is too long, or has no end".to_owned()),
        };
        Some(Ok(Entry { line: self.line, record }))
    }
}

impl<R: Read> Feed for LineFeed<'_, R> {
    fn progress(&self) -> Progress {
        Progress { read: self.read, total: self.parts.size }
    }

    fn digest(&self) -> Digest {
        self.parts.sha256
    }
}

/// Why a bundle was not taken into use.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("chunks are missing")]
    Missing(Vec<Digest>),
    #[error("the disk is nearly full, and the rest of it is for orders and recalls: free some space")]
    NoRoom,
    #[error("what it leads to is not the content that the manifest names: publish it anew")]
    Elsewhere,
    #[error("a row cannot be read ({0}): publish it anew, or update the program")]
    Line(String),
    #[error("{0}: publish it anew, or update the program")]
    Enclosed(#[from] EnclosedError),
    #[error(transparent)]
    Pack(#[from] PackError),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Staging(#[from] StagingError),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let detail = trouble.to_string();
        match trouble {
            Trouble::Missing(missing) => Self::Missing(missing),
            Trouble::NoRoom
            | Trouble::Import(ImportError::Store(StoreError::DiskFull { .. }))
            | Trouble::Change(ChangeError::Store(StoreError::DiskFull { .. }))
            | Trouble::Store(StoreError::DiskFull { .. })
            | Trouble::Staging(StagingError::Store(StoreError::DiskFull { .. })) => Self::NoRoom(detail),
            Trouble::Elsewhere
            | Trouble::Line(_)
            | Trouble::Enclosed(_)
            | Trouble::Change(ChangeError::Unfit(_))
            | Trouble::Store(StoreError::Unfit { .. }) => Self::Content(Refusal::Checks, detail),
            Trouble::Pack(error) => packed(&error, detail),
            Trouble::Import(ImportError::Feed(FeedError::Read { source, .. })) => {
                let error = PackError::from(source);
                let detail = error.to_string();
                packed(&error, detail)
            }
            Trouble::Import(ImportError::Store(_))
            | Trouble::Change(ChangeError::Store(_))
            | Trouble::Store(_)
            | Trouble::Staging(_) => Self::Later(detail),
            Trouble::Import(_) => Self::Content(Refusal::Checks, detail),
        }
    }
}

fn packed(error: &PackError, detail: String) -> Failure {
    match error {
        PackError::TooLarge { .. } => Failure::Content(Refusal::TooLarge, detail),
        PackError::Damaged(_) | PackError::Base(_) | PackError::Parts(_) => {
            Failure::Content(Refusal::Damaged, detail)
        }
        PackError::Content(_) => Failure::Content(Refusal::Checks, detail),
        // The disk, not the bundle.
        PackError::Old(_) | PackError::Io(_) => Failure::Later(detail),
    }
}

/// Lets `ingest` run commands on a blocking thread until the sender is dropped. Both ends hold
/// a few only; who sends must also receive.
#[must_use]
pub fn spawn(mut ingest: Ingest) -> (mpsc::Sender<Command>, mpsc::Receiver<Event>) {
    let (commands, mut next) = mpsc::channel(WAITING);
    let (answers, events) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        while let Some(command) = next.blocking_recv() {
            if let Some(event) = ingest.run(command)
                && answers.blocking_send(event).is_err()
            {
                break;
            }
        }
    });
    (commands, events)
}
