//! Owns the way of a bundle to the broker: key lists, chunks, the manifest, then away with what
//! nobody fetches any more. Each step counts once the broker has acknowledged it, so that a
//! manifest never names what is not there; what was cut off goes on with the first step that is
//! not done. Never makes a bundle, and signs one only when its version is known.

use super::bundle::Draft;
use super::keyring::{Keyring, KeyringError};
use super::line::{Line, LineError, keys, retained};
use super::replay::verdict::Record;
use super::shelf::{Shelf, ShelfError};
use crate::sync::digest::Digest;
use crate::sync::mqtt::Options;
use crate::sync::sign::{self, Ring, SignError};
use crate::sync::topics::{Name, Role, Topic};
use crate::sync::wire::catalog::{Chunk, Manifest};
use bytes::Bytes;
use jiff::Timestamp;
use std::io;
use std::path::Path;

/// Chunks that are noted as sent together.
const TOGETHER: usize = 32;

/// Why it was not published, or not all of it. Asked again, it goes on.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error(transparent)]
    Line(#[from] LineError),
    #[error("a chunk cannot be read ({0}): bring back a copy of the shelf, or move it away to begin anew")]
    Chunk(io::Error),
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// What went over the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Went {
    pub version: u64,
    pub chunks: u64,
    /// Of those chunks.
    pub bytes: u64,
    /// Chunks that were taken away.
    pub cleared: u64,
}

/// A bundle that is not written down yet.
pub struct New<'a> {
    pub draft: Draft,
    /// Where its chunks are.
    pub room: &'a Path,
    /// What came of trying it.
    pub record: Option<Record>,
}

/// What is to be published.
pub struct Publishing<'a> {
    pub shelf: &'a mut Shelf,
    pub ring: &'a Keyring,
    pub group: Name,
    /// `None`: the newest of the shelf.
    pub new: Option<New<'a>>,
    /// Days for which a new one may be taken.
    pub days: u32,
    /// Send all of it, whatever the broker had.
    pub again: bool,
}

/// Publishes, in the runtime that this is called in.
///
/// # Errors
/// The broker cannot be reached or refuses, or a file cannot be used: what was done is written
/// down.
pub async fn publish(mut options: Options, what: Publishing<'_>) -> Result<Went, PublishError> {
    let Publishing { shelf, ring, group, new, days, again } = what;
    let (tenant, chain) = (ring.tenant().clone(), ring.chain());
    let topic = Topic::Manifest { group: group.clone() };
    options.subscriptions = vec![topic.text(&tenant)];
    let mut line = Line::open(options).await?;
    line.put(keys(&tenant, &chain)).await?;
    shelf.keys_arrived(&chain)?;
    // What is retained comes with the subscription, and so before this answer. Where it does not,
    // too much is sent at worst.
    let there = line.heard(&topic.text(&tenant)).cloned();
    let is_ours = there
        .as_ref()
        .is_some_and(|there| shelf.publications().iter().any(|publication| publication.sealed == *there));
    if again || !is_ours {
        shelf.forget()?;
    }
    let highest = there.as_ref().and_then(|there| version(there, &topic, ring)).unwrap_or(0);
    let newest = shelf.newest().map_or(0, |newest| newest.manifest.version);
    let overtaken = highest > newest;
    // Another folder published meanwhile, or this one is an old copy.
    let again_as_new = || {
        let old = shelf.newest().filter(|_| overtaken)?;
        Some(Draft::of(&old.manifest))
    };
    let (draft, room, record) = match new {
        Some(New { draft, room, record }) => (Some(draft), Some(room), record),
        None => (again_as_new(), None, None),
    };
    if let Some(draft) = draft {
        let (now, signers) = (Timestamp::now(), ring.signers(Role::Catalog, Timestamp::now())?);
        let version = highest.max(newest).saturating_add(1);
        let sealed = draft.seal(version, days, now, &topic, &tenant, &signers)?;
        let empty;
        let room = match room {
            Some(room) => room,
            None => {
                empty = shelf.room()?;
                empty.path()
            }
        };
        if let Some(record) = record {
            shelf.note(version, &record)?;
        }
        shelf.write_down(room, sealed)?;
    }
    let Some(newest) = shelf.newest() else { return Ok(Went::default()) };
    let mut went = Went { version: newest.manifest.version, ..Went::default() };
    let manifest = Bytes::from(newest.sealed.clone());
    let chunk_topic = |digest| Topic::Chunk { group: group.clone(), digest }.text(&tenant);

    for chunks in shelf.to_send().chunks(TOGETHER) {
        shelf.intend(chunks)?;
        let message = |chunk: &Chunk| {
            let bytes = shelf.chunk(&chunk.sha256).map_err(PublishError::Chunk)?;
            if !chunk.is(&bytes) {
                let why = format!("{} is damaged", chunk.sha256);
                return Err(PublishError::Chunk(io::Error::new(io::ErrorKind::InvalidData, why)));
            }
            Ok(retained(chunk_topic(chunk.sha256), bytes.into()))
        };
        let mut arrived = Vec::new();
        let sent = line.send(chunks, message, |chunk| {
            arrived.push(*chunk);
            Ok(())
        });
        let sent = sent.await;
        shelf.arrived(&arrived)?;
        went.chunks += arrived.len() as u64;
        went.bytes += arrived.iter().map(|chunk| u64::from(chunk.size)).sum::<u64>();
        sent?;
    }

    line.put(retained(topic.text(&tenant), manifest)).await?;
    shelf.done()?;

    for digests in shelf.to_clear().chunks(TOGETHER) {
        let message = |digest: &Digest| Ok(retained(chunk_topic(*digest), Bytes::new()));
        line.send::<_, PublishError>(digests, message, |_| Ok(())).await?;
        shelf.cleared(digests)?;
        went.cleared += digests.len() as u64;
    }
    shelf.tidy();
    line.close().await;
    Ok(went)
}

/// Publishes the key lists alone.
///
/// # Errors
/// The broker cannot be reached, or refuses.
pub async fn publish_keys(options: Options, ring: &Keyring) -> Result<(), PublishError> {
    let chain = ring.chain();
    let mut line = Line::open(options).await?;
    line.put(keys(ring.tenant(), &chain)).await?;
    line.close().await;
    Ok(())
}

/// The version of a manifest that one of head office's keys signed, whatever its time.
fn version(payload: &[u8], topic: &Topic, ring: &Keyring) -> Option<u64> {
    let rows = ring.rows().into_iter().filter(|row| row.role == Role::Catalog);
    let keys = Ring { role: Role::Catalog.name(), keys: rows.map(|row| row.public).collect(), threshold: 1 };
    let manifest: Manifest = sign::open(payload, topic, ring.tenant(), &keys).ok()?.read().ok()?;
    Some(manifest.version)
}
