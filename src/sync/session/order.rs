//! What passes between the session and the rest of the kiosk: events in, commands out, and what
//! outlives the program. Plain values.

use super::Pace;
use super::live::Live;
use crate::sync::accept::Mark;
use crate::sync::digest::Digest;
use crate::sync::keys::Anchor;
use crate::sync::pack::Limits;
use crate::sync::plan::{Have, Plan};
use crate::sync::sign::KeyId;
use crate::sync::topics::{Kind, Site, Topic};
use crate::sync::wire::Version;
use crate::sync::wire::catalog::{Chunk, Manifest};
use crate::sync::wire::event::{self, Refusal, Telemetry};
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The present, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The calendar's; may jump.
    pub clock: Timestamp,
    /// Since the program started; only grows.
    pub up: Duration,
}

/// What does not change while the program runs.
#[derive(Debug, Clone)]
pub struct Setup {
    pub site: Site,
    pub anchor: Anchor,
    pub program: Version,
    pub limits: Limits,
    pub pace: Pace,
    /// Of the order of fetching and of pauses.
    pub seed: u64,
}

/// What must outlive the program, and no content can overwrite.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Body of the key list in force.
    pub trust: Option<Vec<u8>>,
    /// Highest versions seen.
    pub marks: Vec<Mark>,
    /// The newest time that each key signed. Of a key that is listed no more it is forgotten,
    /// so that one who signed a time far ahead is got rid of with the key.
    pub signed: BTreeMap<KeyId, Timestamp>,
    /// No bundle newer than this is taken.
    pub pinned: Option<u64>,
}

/// What the store has at the start.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    pub memory: Memory,
    pub have: Have,
    pub staged: BTreeSet<Digest>,
    /// Versions and roots that this program found unusable.
    pub refused: BTreeSet<(u64, Digest)>,
    /// Version of the recalls that it has; 0: none came yet.
    pub recalls: u64,
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Event {
    Connected,
    Disconnected,
    /// Came on the topic of the keys.
    Keys(Bytes),
    /// Came on the topic of the manifest.
    Manifest(Bytes),
    /// Came under the name of a chunk.
    Chunk(Digest, Bytes),
    /// Came on a topic of prices, counts or recalls.
    Live(Topic, Bytes),
    /// The store has this version of what came on the topic.
    Taken(Topic, u64),
    /// It could not keep it, and why.
    NotTaken(Topic, u64, String),
    /// A chunk lies on the disk.
    Staged(Digest),
    /// It could not be kept.
    NotStaged(Digest, Failure),
    /// The bundle is in use.
    Applied(Box<Done>),
    /// It is not, and all is as it was before.
    NotApplied {
        version: u64,
        why: Failure,
    },
    /// A command lets a bundle into use whose manifest says to wait.
    Release(u64),
    /// A command bars bundles newer than this; `None`: none.
    Pin(Option<u64>),
    /// Time passed: due at [`Session::wake`], harmless at any other time.
    Tick,
}

/// What is to be done. In this order, one after another.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Subscribe(Digest),
    Unsubscribe(Digest),
    /// Keep a chunk; answered with `Staged` or `NotStaged`.
    Stage(Chunk, Bytes),
    /// Keep and show prices, counts or recalls; answered with `Taken` or `NotTaken`.
    Take(Topic, Box<Live>),
    /// Takes the place of what was remembered.
    Remember(Memory),
    /// Take a bundle into use; answered with `Applied` or `NotApplied`.
    Apply(Box<Job>),
    /// Of what is staged, only these are needed any more.
    Sweep(BTreeSet<Digest>),
    Report(Outcome),
}

/// A bundle to be taken into use, all of whose chunks are staged.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub manifest: Manifest,
    pub plan: Plan,
    /// What the plan starts from.
    pub have: Have,
}

/// A bundle that is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub have: Have,
    pub way: event::Way,
    pub took: Duration,
}

/// Why a bundle could not be taken into use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// These chunks are not staged any more, or not what their names say.
    Missing(Vec<Digest>),
    /// Its content is not right, or not for what is here.
    Content(Refusal, String),
    /// The disk has no room for it now.
    NoRoom(String),
    /// The database cannot take it now.
    Later(String),
}

impl Failure {
    /// Why, for a person.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Missing(missing) => format!("{} chunks are missing", missing.len()),
            Self::Content(_, detail) | Self::NoRoom(detail) | Self::Later(detail) => detail.clone(),
        }
    }
}

/// What head office is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A newer key list is in force.
    KeysTaken {
        version: u64,
    },
    KeysRefused {
        why: Refusal,
        detail: String,
    },
    /// A manifest or bundle is not taken. `version` where it is known for sure; `lasting` where
    /// this program need not try it again.
    Refused {
        version: Option<u64>,
        root: Option<Digest>,
        why: Refusal,
        detail: String,
        lasting: bool,
    },
    /// Prices, counts or recalls are not taken.
    LiveRefused {
        kind: Kind,
        why: Refusal,
        detail: String,
    },
    /// They could not be kept; it goes on trying.
    LiveLate {
        kind: Kind,
        detail: String,
    },
    /// The disk has no room for it; it goes on trying.
    NoRoom {
        version: u64,
        detail: String,
    },
    /// Everything of it is here, and it waits to be released.
    Ready {
        version: u64,
    },
    /// Chunks do not come, or it cannot be taken into use; it goes on trying.
    Stalled {
        version: u64,
        missing: usize,
        detail: String,
    },
    Applied {
        version: u64,
        root: Digest,
        way: event::Way,
        took: Duration,
        /// That were fetched for it since the program started.
        bytes: u64,
    },
}

impl Outcome {
    /// What of it goes into the outbox. A manifest whose version nobody vouches for is not told
    /// of there; what is stalled stands in the status, see [`Session::problem`].
    ///
    /// [`Session::problem`]: super::Session::problem
    #[must_use]
    pub fn telemetry(&self) -> Option<Telemetry> {
        match *self {
            Self::Applied { version, way, took, bytes, .. } => {
                let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                Some(Telemetry::Applied { version, ms, bytes, way })
            }
            Self::Refused { version: Some(version), why, .. } => Some(Telemetry::Refused { version, why }),
            Self::NoRoom { version, .. } => Some(Telemetry::Refused { version, why: Refusal::Disk }),
            Self::Refused { version: None, .. }
            | Self::KeysTaken { .. }
            | Self::KeysRefused { .. }
            | Self::LiveRefused { .. }
            | Self::LiveLate { .. }
            | Self::Ready { .. }
            | Self::Stalled { .. } => None,
        }
    }
}
