//! Owns the way of a bundle to the broker: key lists, chunks, the manifest, then away with what
//! nobody fetches any more. Each step counts once the broker has acknowledged it, so that a
//! manifest never names what is not there; what was cut off goes on with the first step that is
//! not done. Never makes a bundle, and signs one only when its version is known.

use super::bundle::Draft;
use super::keyring::{Keyring, KeyringError};
use super::shelf::{Shelf, ShelfError};
use crate::sync::mqtt::{self, Inbox, Link, Message, Options, Order, Problem, Refusal, Told};
use crate::sync::sign::{self, Ring, SignError};
use crate::sync::topics::{Name, Role, Topic};
use crate::sync::wire::catalog::{Chunk, Manifest};
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Without any answer for so long it is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Messages that wait for the broker's answer at one time.
const WINDOW: usize = 8;
/// Chunks that are noted as sent together.
const TOGETHER: usize = 32;

/// Why it was not published, or not all of it. Asked again, it goes on.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error("{}", for_office(.0))]
    Problem(Problem),
    #[error("the broker does not answer any more ({0}): publish again, and it goes on from here")]
    Silent(String),
    #[error("the broker does not take {topic}: {why}")]
    Refused { topic: String, why: Refusal },
    #[error("the broker does not give {topic}: {why}")]
    Unheard { topic: String, why: Refusal },
    #[error("a chunk cannot be read ({0}): bring back a copy of the shelf, or move it away to begin anew")]
    Chunk(io::Error),
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// The words are a kiosk's; the settings are head office's.
fn for_office(problem: &Problem) -> String {
    let text = match problem {
        Problem::IdentityInUse => {
            "somebody else is at the broker as head office: wait until it is done".into()
        }
        problem => problem.to_string(),
    };
    text.replace("sync.", "office.").replace("this kiosk's", "head office's")
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
    line.send(&[()], |()| Ok(keys(&tenant, &chain)), |_| Ok(())).await?;
    shelf.keys_arrived(&chain)?;
    // What is retained comes with the subscription, and so before this answer. Where it does not,
    // too much is sent at worst.
    let there = line.heard.take();
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
    let (draft, room) = match new {
        Some(New { draft, room }) => (Some(draft), Some(room)),
        None => (again_as_new(), None),
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

    let message = || retained(topic.text(&tenant), manifest.clone());
    line.send(&[()], |()| Ok(message()), |()| Ok(())).await?;
    shelf.done()?;

    for digests in shelf.to_clear().chunks(TOGETHER) {
        line.send(digests, |digest| Ok(retained(chunk_topic(*digest), Bytes::new())), |_| Ok(())).await?;
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
    line.send(&[()], |()| Ok(keys(ring.tenant(), &chain)), |()| Ok(())).await?;
    line.close().await;
    Ok(())
}

fn keys(tenant: &Name, chain: &[u8]) -> Message {
    retained(Topic::Keys.text(tenant), chain.to_vec().into())
}

fn retained(topic: String, payload: Bytes) -> Message {
    Message { topic, payload, retain: true, ..Message::default() }
}

/// The version of a manifest that one of head office's keys signed, whatever its time.
fn version(payload: &[u8], topic: &Topic, ring: &Keyring) -> Option<u64> {
    let rows = ring.rows().into_iter().filter(|row| row.role == Role::Catalog);
    let keys = Ring { role: Role::Catalog.name(), keys: rows.map(|row| row.public).collect(), threshold: 1 };
    let manifest: Manifest = sign::open(payload, topic, ring.tenant(), &keys).ok()?.read().ok()?;
    Some(manifest.version)
}

/// Head office's end of the connection, for as long as one publishing takes.
struct Line {
    link: Link,
    inbox: Inbox,
    /// What came last on the topic that is listened to.
    heard: Option<Bytes>,
    is_up: bool,
    trouble: String,
    next: u64,
}

impl Line {
    /// Connects; the first thing that goes wrong ends it.
    async fn open(options: Options) -> Result<Self, PublishError> {
        let (link, inbox) = mqtt::open(options);
        let trouble = "it never did".to_owned();
        let mut line = Self { link, inbox, heard: None, is_up: false, trouble, next: 1 };
        let until = Instant::now() + PATIENCE;
        while !line.is_up {
            match line.told(until).await? {
                Told::Down { why, .. } => return Err(PublishError::Problem(why)),
                told => line.note(told)?,
            }
        }
        Ok(line)
    }

    async fn told(&mut self, until: Instant) -> Result<Told, PublishError> {
        let told = timeout_at(until, self.inbox.next()).await.ok().flatten();
        told.ok_or_else(|| PublishError::Silent(self.trouble.clone()))
    }

    /// What is told besides answers.
    fn note(&mut self, told: Told) -> Result<(), PublishError> {
        match told {
            Told::Up { .. } => self.is_up = true,
            Told::Down { why: why @ (Problem::Denied | Problem::IdentityInUse), .. } => {
                return Err(PublishError::Problem(why));
            }
            Told::Down { why, .. } => (self.is_up, self.trouble) = (false, for_office(&why)),
            Told::Arrived(arrival) => {
                self.heard = Some(arrival.payload).filter(|payload| !payload.is_empty())
            }
            Told::SubscribeRefused { filter, why } => {
                return Err(PublishError::Unheard { topic: filter, why });
            }
            _ => {}
        }
        Ok(())
    }

    /// Sends a message for each of `all` and waits until the broker has every one of them, over
    /// as many connections as it takes; `arrived` is called for each.
    async fn send<T>(
        &mut self,
        all: &[T],
        message: impl Fn(&T) -> Result<Message, PublishError>,
        mut arrived: impl FnMut(&T) -> Result<(), PublishError>,
    ) -> Result<(), PublishError> {
        let first = self.next;
        self.next += all.len() as u64;
        let mut waiting: VecDeque<u64> = (first..self.next).collect();
        let mut open: BTreeSet<u64> = BTreeSet::new();
        let of = |id: u64| usize::try_from(id - first).ok().and_then(|at| all.get(at));
        let mut until = Instant::now() + PATIENCE;
        while !(waiting.is_empty() && open.is_empty()) {
            while self.is_up && open.len() < WINDOW {
                let Some((id, one)) = waiting.front().and_then(|id| Some((*id, of(*id)?))) else { break };
                if self.link.try_send(Order::Publish(id, message(one)?)).is_err() {
                    break;
                }
                waiting.pop_front();
                open.insert(id);
            }
            match self.told(until).await? {
                Told::Published { id } if open.remove(&id) => {
                    until = Instant::now() + PATIENCE;
                    of(id).map_or(Ok(()), &mut arrived)?;
                }
                Told::Refused { id, why } if open.remove(&id) => {
                    if why.is_lasting() {
                        let topic = of(id).map(&message).transpose()?.map(|message| message.topic);
                        return Err(PublishError::Refused { topic: topic.unwrap_or_default(), why });
                    }
                    waiting.push_back(id);
                }
                told => self.note(told)?,
            }
        }
        Ok(())
    }

    async fn close(mut self) {
        let _ = self.link.send(Order::Stop).await;
        while self.inbox.next().await.is_some() {}
    }
}
