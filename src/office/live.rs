//! Owns what head office says to single stores between two catalogs: prices, counts and recalls.
//! Each message holds all that counts now, so what was said last is kept here, word for word:
//!
//! ```text
//! live/s042/recall    what is not to be sold (JSON)
//! live/s042/price     prices since a catalog, by shard
//! live/s042/stock     counts since a catalog, by shard
//! ```
//! A message is written down here before it is sent, so that its version is used up once. What the
//! broker keeps is heard first, every time: where head office signed something newer than what is
//! written here, as after a copy of the folder was brought back, that counts and is gone on from;
//! where the broker lacks something, as after a command that was cut off, it is sent as well. What
//! nobody of head office's signed counts for nothing.
//!
//! ```text
//! record    the files            retained  what the broker has against them
//! file      rows of a file       basis     what the published catalog says already
//! sheets    prices and counts    recalls   stops of sale
//! desk      heard, planned, written down, sent
//! everywhere  recalls for all stores, those to come too
//! ```

pub mod basis;
pub mod desk;
pub mod everywhere;
pub mod file;
pub mod recalls;
pub mod record;
pub mod retained;
pub mod sheets;

use super::files::FileError;
use super::keyring::KeyringError;
use super::line::LineError;
use super::shelf::ShelfError;
use crate::sync::accept::Signed;
use crate::sync::pack::PackError;
use crate::sync::sign::SignError;
use crate::sync::topics::{MAX_SHARDS, Name, Topic};
use crate::sync::wire::live::{Counts, MAX_RECALLS, Prices, Recalls};
use std::path::PathBuf;

/// Why nothing, or not all of it, is said.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    #[error(
        "{} is damaged ({why}): bring back a copy of it, or move it away, and what the broker keeps counts",
        path.display()
    )]
    Damaged { path: PathBuf, why: String },
    #[error(
        "nothing is published to {0} yet: publish its catalog first, or name the stores' group with --group"
    )]
    NoCatalog(Name),
    #[error("version {version} of {group} cannot be read ({why}): bring back a copy of the shelf")]
    Catalog { group: Name, version: u64, why: PackError },
    #[error(
        "{store}: what was said of {what} since the last catalogs does not fit into {MAX_SHARDS} messages \
         any more: publish a catalog that has it"
    )]
    TooMany { store: Name, what: &'static str },
    #[error(
        "{store}: recall {id} stands there and says something else: choose another name, or add --replace"
    )]
    Taken { store: Name, id: Name },
    #[error("{store}: {MAX_RECALLS} recalls stand there, and no more can: lift one first")]
    Full { store: Name },
    #[error("{store}: {source}")]
    Unfit { store: Name, source: SignError },
    #[error(
        "{store}: the broker keeps a {kind} message of head office's that is not understood ({source}): update this program"
    )]
    NotUnderstood { store: Name, kind: &'static str, source: SignError },
    #[error(
        "{store}: the {kind} message there has the highest version there is: `aisle office keys rotate live \
         --grace-days 0`, then `keys renew` and `keys publish`"
    )]
    UsedUp { store: Name, kind: &'static str },
    #[error(transparent)]
    Line(#[from] LineError),
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    File(#[from] FileError),
}

/// A kind of message that is said to a store.
pub trait Live: Signed + Clone + PartialEq {
    /// How many stores' messages are heard at once: a broker queues no more than a thousand.
    const TOGETHER: usize;
    /// How many messages a store may have of it.
    const SHARDS: u8;

    /// Where one of them is kept.
    fn topic(store: &Name, shard: u8) -> Topic;

    /// Whether all of it was understood.
    fn is_whole(&self) -> bool {
        true
    }
}

impl Live for Prices {
    const TOGETHER: usize = 8;
    const SHARDS: u8 = MAX_SHARDS;

    fn topic(store: &Name, shard: u8) -> Topic {
        Topic::Price { store: store.clone(), shard }
    }
}

impl Live for Counts {
    const TOGETHER: usize = 8;
    const SHARDS: u8 = MAX_SHARDS;

    fn topic(store: &Name, shard: u8) -> Topic {
        Topic::Stock { store: store.clone(), shard }
    }
}

impl Live for Recalls {
    const TOGETHER: usize = 256;
    const SHARDS: u8 = 1;

    fn topic(store: &Name, _: u8) -> Topic {
        Topic::Recall { store: store.clone() }
    }

    fn is_whole(&self) -> bool {
        self.items.refused.is_empty()
    }
}

/// What is to be said to a store, and what of it anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<M> {
    /// By shard; `None`: nothing was ever said there.
    pub shards: Vec<Option<M>>,
    /// The shards that the broker lacks, in the order in which they are to be sent.
    pub send: Vec<u8>,
    /// Of them, those that are new.
    pub new: usize,
}
