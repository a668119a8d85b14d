//! The manifest of a bundle: which version is the newest, what is in it, of which chunks it is
//! made, and from which older versions a delta leads to it. Says nothing of how content is
//! packed; see [`crate::sync::pack`].

use super::{Message, Version, WireError, at_most, within};
use crate::sync::digest::Digest;
use crate::sync::topics::{Kind, MAX_CHUNK, MAX_SHARDS};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The catalog format that content is written in, as `aisle catalog export` writes it.
pub const FORMAT: u32 = 1;
/// Most chunks that one part is made of: 96 MiB packed.
pub const MAX_CHUNKS: usize = 1024;
/// Largest part once it is unpacked, in bytes; a kiosk's settings may say less.
pub const MAX_UNPACKED: u64 = 1 << 30;
/// Most products of a catalog.
pub const MAX_PRODUCTS: u64 = 5_000_000;
/// Most deltas that one manifest lists.
pub const MAX_DELTAS: usize = 32;

/// The newest bundle of a group of stores. All of its parts belong together: their digests
/// stand under one signature, so parts of two bundles cannot be mixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// Only grows; a rollback is a new version with the content of an old one.
    #[schemars(range(min = 1))]
    pub version: u64,
    pub issued: Timestamp,
    /// Until when it may be accepted. What was accepted stays in use.
    pub expires: Timestamp,
    /// Only kiosks that a `stage` command names apply it; the others fetch it and wait.
    #[serde(default)]
    pub staged: bool,
    /// [`FORMAT`] of the content.
    pub format: u32,
    /// The oldest program that understands the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_program: Option<Version>,
    /// Digest of the catalog's content; see [`crate::sync::root`].
    pub root: Digest,
    #[schemars(range(max = 5_000_000))]
    pub products: u64,
    /// The whole catalog.
    pub snapshot: Parts,
    /// Ways from one content to another; a chain of them may lead to this one's.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub deltas: Vec<Delta>,
    /// What comes with the catalog, each name at most once.
    #[serde(default)]
    #[schemars(length(max = 4))]
    pub files: Vec<File>,
    /// Into how many shards prices and counts are split at least: 1, 2, 4 ... 64.
    #[schemars(range(min = 1, max = 64))]
    pub shards: u8,
}

/// One packed stream, cut into chunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Parts {
    /// Bytes once it is unpacked.
    #[schemars(range(max = 1_073_741_824))]
    pub size: u64,
    /// Bytes of all chunks together.
    #[schemars(range(min = 1, max = 100_663_296))]
    pub packed: u64,
    /// Digest of what it unpacks to.
    pub sha256: Digest,
    /// In the order in which they are put together.
    #[schemars(length(min = 1, max = 1024))]
    pub chunks: Vec<Chunk>,
}

/// A piece of a packed stream; its digest is its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Chunk {
    pub sha256: Digest,
    #[schemars(range(min = 1, max = 98_304))]
    pub size: u32,
}

/// The rows that differ between two contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delta {
    pub from_version: u64,
    pub from_root: Digest,
    pub version: u64,
    pub root: Digest,
    pub parts: Parts,
}

/// What a bundle holds besides the catalog, each a text in TOML but for the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileName {
    /// What the recommender learnt; kept, and not read by this version.
    Recommender,
    /// Other ways to say what is on the menu: `[synonyms]`.
    Menu,
    /// What the stores say of themselves: `[store]`, `[stores.NAME]`.
    Facts,
    /// What the language model is told: `instructions`, `[[example]]`.
    Prompts,
}

impl FileName {
    pub const ALL: [Self; 4] = [Self::Recommender, Self::Menu, Self::Facts, Self::Prompts];

    /// As the manifest and the database write it.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Recommender => "recommender",
            Self::Menu => "menu",
            Self::Facts => "facts",
            Self::Prompts => "prompts",
        }
    }

    /// The file of a key.
    #[must_use]
    pub fn of(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.key() == key)
    }
}

/// A file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct File {
    pub name: FileName,
    pub whole: Parts,
    /// A shorter way for who has the file with this digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<FileChange>,
}

/// A file packed with an older one as its dictionary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileChange {
    pub from: Digest,
    pub parts: Parts,
}

impl Parts {
    /// # Errors
    /// A size or count beyond its limit, or chunks that do not add up.
    pub fn check(&self) -> Result<(), WireError> {
        within("size", self.size, 0, MAX_UNPACKED)?;
        at_most("chunks", &self.chunks, MAX_CHUNKS)?;
        within("chunks", self.chunks.len(), 1, MAX_CHUNKS)?;
        for chunk in &self.chunks {
            within("a chunk's size", chunk.size as usize, 1, MAX_CHUNK)?;
        }
        let sum: u64 = self.chunks.iter().map(|chunk| u64::from(chunk.size)).sum();
        if sum != self.packed {
            let why = format!("the chunks have {sum} bytes together, not {}", self.packed);
            return Err(WireError::OutOfRange { what: "packed", why });
        }
        Ok(())
    }
}

impl Message for Manifest {
    const KIND: Kind = Kind::Manifest;

    fn check(&self) -> Result<(), WireError> {
        within("version", self.version, 1, u64::MAX)?;
        if self.format != FORMAT {
            let what = format!("catalog format {}", self.format);
            return Err(WireError::Unknown { kind: Kind::Manifest.name(), what });
        }
        if self.expires <= self.issued {
            return Err(WireError::OutOfRange { what: "expires", why: "it is not after `issued`".into() });
        }
        within("products", self.products, 0, MAX_PRODUCTS)?;
        within("shards", self.shards, 1, MAX_SHARDS)?;
        if !self.shards.is_power_of_two() {
            return Err(WireError::OutOfRange {
                what: "shards",
                why: "write 1, 2, 4, 8, 16, 32 or 64".into(),
            });
        }
        self.snapshot.check()?;
        at_most("deltas", &self.deltas, MAX_DELTAS)?;
        for delta in &self.deltas {
            delta.parts.check()?;
            within("a delta's from_version", delta.from_version, 1, delta.version.saturating_sub(1))?;
            within("a delta's version", delta.version, 1, self.version)?;
        }
        for (at, file) in self.files.iter().enumerate() {
            if self.files.iter().skip(at + 1).any(|other| other.name == file.name) {
                return Err(WireError::OutOfRange { what: "files", why: "a name stands there twice".into() });
            }
            file.whole.check()?;
            file.change.as_ref().map_or(Ok(()), |change| change.parts.check())?;
        }
        Ok(())
    }
}
