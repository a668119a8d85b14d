//! Owns a bundle's way to all kiosks of a group by way of a few: it is published so that all fetch
//! it and wait; the first kiosks are told to take it, are watched, and then it is published to
//! all, or the content before it is, which takes it back. Either is a newer version of the same
//! group, so that kiosks that were away, and those that come later, end where the others are.
//!
//! What was decided is written down before it is done: a rollout that is broken off anywhere goes
//! on when it is asked for again.
//!
//! ```text
//! rollouts/all     the latest rollout of the group (JSON)
//! ```

use super::bundle::Draft;
use super::commands::{Asked, CommandError, State, Whose, state};
use super::files::{self, FileError};
use super::judge::{First, Limits, Look, Measures};
use super::keyring::Keyring;
use super::publish::{New, PublishError, Publishing, publish};
use super::shelf::{Shelf, ShelfError};
use super::status::{Presence, SILENT_AFTER_S, fleet};
use crate::store::{Office, StoreError};
use crate::sync::mqtt::Options;
use crate::sync::topics::Name;
use crate::sync::wire::catalog::Manifest;
use crate::sync::wire::command::{Action, Command};
use crate::sync::wire::event::{Outcome, Telemetry};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};
use uuid::Uuid;

const FOLDER: &str = "rollouts";
/// How long the first kiosks may take it.
const COMMAND_DAYS: i64 = 7;

/// Why a rollout cannot begin, or go on. Asked again, it goes on.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    #[error("nothing is published to {0}: `aisle office publish FILE --group {0} --staged` does it")]
    Nothing(Name),
    #[error("version {wanted} is not the newest of {group}: that is {newest}")]
    NotNewest { group: Name, wanted: u64, newest: u64 },
    #[error("version {0} waits for nobody: publish with --staged what is to be tried by some kiosks first")]
    NotStaged(u64),
    #[error("none of these stores has a kiosk of {0} that was ever heard: does `aisle office collect` run?")]
    Nobody(Name),
    #[error("version {0} is being rolled out: let that end, or end it with --abort")]
    Other(u64),
    #[error("version {0} is not being rolled out")]
    NotBegun(u64),
    #[error(
        "the content of version {0} is not whole on the shelf any more: publish its file with `aisle office publish`"
    )]
    Gone(u64),
    #[error("{} is damaged ({why}): move it away to begin anew", path.display())]
    Damaged { path: PathBuf, why: String },
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] FileError),
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The first kiosks take it, and are watched.
    First,
    /// It is decided that all get it.
    Releasing,
    Released,
    /// It is decided that it is taken back.
    Halting,
    /// The content before is published again.
    RolledBack,
    /// Nothing could be published: it stays where it is.
    Halted,
}

/// One of the first kiosks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub whose: Whose,
    /// Which tells it to take the bundle.
    command: Uuid,
    /// It was there when it was told so.
    was_there: bool,
    /// When it was first seen to have it.
    has_since: Option<Timestamp>,
}

/// A rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    pub group: Name,
    pub version: u64,
    pub members: Vec<Member>,
    pub began: Timestamp,
    pub limits: Limits,
    pub before: Measures,
    pub phase: Phase,
    /// Why it was halted.
    pub reasons: Vec<String>,
    /// As what all kiosks get it, or the content before.
    pub published: Option<u64>,
}

/// Works alone on rollouts for as long as it lives.
pub struct Desk {
    folder: PathBuf,
    _lock: File,
}

impl Desk {
    /// # Errors
    /// Another rollout is being watched, or the folder cannot be made.
    pub fn open(office: &Path) -> Result<Self, RolloutError> {
        let folder = office.join(FOLDER);
        files::private_folder(&folder)?;
        let lock = files::lock(&folder)?;
        Ok(Self { folder, _lock: lock })
    }

    /// The group's latest rollout.
    ///
    /// # Errors
    /// It is damaged.
    pub fn read(&self, group: &Name) -> Result<Option<Rollout>, RolloutError> {
        let path = self.folder.join(group.as_str());
        if !path.exists() {
            return Ok(None);
        }
        let bytes = files::read(&path)?;
        let damaged = |error: serde_json::Error| RolloutError::Damaged { path, why: error.to_string() };
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    /// Writes down how far it is.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, rollout: &Rollout) -> Result<(), RolloutError> {
        let bytes = serde_json::to_vec(rollout).unwrap_or_default();
        Ok(files::replace(&self.folder.join(rollout.group.as_str()), &bytes)?)
    }
}

/// What is to be rolled out.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub group: Name,
    pub version: u64,
    /// Stores whose kiosks come first.
    pub first: Vec<Name>,
    pub limits: Limits,
    /// How long before is compared, in days.
    pub days: u32,
}

impl Rollout {
    /// Begins one: who comes first, and how they did so far. Nothing is told to anybody.
    ///
    /// # Errors
    /// There is no such bundle that waits, or no such kiosk.
    pub fn begin(
        wanted: Wanted,
        shelf: &Shelf,
        office: &Office,
        now: Timestamp,
    ) -> Result<Self, RolloutError> {
        let Wanted { group, version, first, limits, days } = wanted;
        let newest = &shelf.newest().ok_or_else(|| RolloutError::Nothing(group.clone()))?.manifest;
        if newest.version != version {
            return Err(RolloutError::NotNewest { group, wanted: version, newest: newest.version });
        }
        if !newest.staged {
            return Err(RolloutError::NotStaged(version));
        }
        let rows = office.kiosks()?;
        let of_group = super::commands::Whom::Group(group.clone());
        let all = fleet(&rows, now);
        let there = |whose: &Whose| {
            let kiosk = all.iter().find(|kiosk| is(kiosk, whose));
            kiosk.is_some_and(|kiosk| kiosk.presence == Presence::Online)
        };
        let members: Vec<Member> = super::commands::chosen(&rows, &of_group)
            .into_iter()
            .filter(|whose| first.contains(&whose.store))
            .map(|whose| Member { was_there: there(&whose), whose, command: Uuid::new_v4(), has_since: None })
            .collect();
        if members.is_empty() {
            return Err(RolloutError::Nobody(group));
        }
        let span = SignedDuration::from_hours(24 * i64::from(days));
        let from = now.checked_sub(span).unwrap_or(Timestamp::MIN);
        let mut before = Measures::default();
        for member in &members {
            measure(office, &member.whose, from, now, &mut before)?;
        }
        let (phase, reasons) = (Phase::First, Vec::new());
        Ok(Self { group, version, members, began: now, limits, before, phase, reasons, published: None })
    }

    /// What tells the first kiosks to take it.
    #[must_use]
    pub fn commands(&self) -> Vec<(Whose, Command)> {
        self.members.iter().map(|member| (member.whose.clone(), self.command(member))).collect()
    }

    fn command(&self, member: &Member) -> Command {
        let span = SignedDuration::from_hours(24 * COMMAND_DAYS);
        let expires = super::keyring::whole(self.began.checked_add(span).unwrap_or(Timestamp::MAX));
        Command { id: member.command, expires, what: Action::Stage { version: self.version } }
    }

    /// How the first kiosks do now. Notes who has it.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn look(&mut self, office: &Office, now: Timestamp) -> Result<Look, RolloutError> {
        let rows = office.kiosks()?;
        let fleet = fleet(&rows, now);
        let (mut since, mut kiosks) = (Measures::default(), Vec::new());
        for at in 0..self.members.len() {
            let Some(member) = self.members.get(at) else { continue };
            let kiosk = fleet.iter().find(|kiosk| is(kiosk, &member.whose));
            let asked = Asked { command: self.command(member), asked: self.began, withdrawn: false };
            let answer = state(office, &member.whose, &asked, now)?;
            let has_it = matches!(answer, State::Answered(Outcome::Done { .. }))
                || kiosk.and_then(|kiosk| kiosk.catalog).is_some_and(|carried| carried >= self.version);
            let mut refused = match answer {
                State::Answered(Outcome::Failed { why, .. } | Outcome::Refused { why, .. }) => Some(why),
                _ => None,
            };
            if refused.is_none() {
                refused = self.refusal(office, &member.whose, now)?;
            }
            let is_silent = member.was_there
                && kiosk
                    .is_none_or(|kiosk| kiosk.presence != Presence::Online && kiosk.seen_s > SILENT_AFTER_S);
            kiosks.push(First { name: member.whose.to_string(), has_it, refused, is_silent });
            let whose = member.whose.clone();
            if let Some(member) = self.members.get_mut(at).filter(|_| has_it) {
                let from = *member.has_since.get_or_insert(now);
                measure(office, &whose, from, later(now), &mut since)?;
            }
        }
        let minutes = |since: Timestamp| now.duration_since(since).as_mins().max(0).unsigned_abs();
        let has_since: Option<Vec<Timestamp>> = self.members.iter().map(|member| member.has_since).collect();
        let held = has_since.and_then(|all| all.into_iter().max()).map(minutes);
        Ok(Look { before: self.before.clone(), since, kiosks, waited: minutes(self.began), held })
    }

    /// Why a kiosk told that it does not take the bundle.
    fn refusal(&self, office: &Office, whose: &Whose, now: Timestamp) -> Result<Option<String>, StoreError> {
        let (mut found, mut applied) = (None, false);
        let (store, kiosk) = (whose.store.as_str(), whose.kiosk.as_str());
        office.each_made(store, kiosk, self.began, later(now), |kind, body| {
            if kind == "refused"
                && let Ok(Telemetry::Refused { version, why }) = serde_json::from_str(body)
                && version == self.version
            {
                found = Some(format!("{why:?}").to_lowercase());
            }
            if kind == "applied"
                && let Ok(Telemetry::Applied { version, .. }) = serde_json::from_str(body)
            {
                applied |= version == self.version;
            }
        })?;
        // One that had no room at first has it all the same.
        Ok(found.filter(|_| !applied))
    }

    /// What is to be published, as the shelf is now.
    fn course(&self, shelf: &Shelf) -> Course {
        let all = shelf.publications().iter().map(|own| &own.manifest);
        let content = all.clone().find(|own| match self.phase {
            Phase::Releasing => own.version == self.version,
            // What was for all before; what was tried before that was taken back, or is newer.
            _ => own.version < self.version && !own.staged,
        });
        let newest = all.max_by_key(|own| own.version).filter(|newest| newest.version > self.version);
        match (content, newest) {
            // Cut off after it was written down: that one is sent.
            (Some(content), Some(newest)) if !newest.staged && same(newest, content) => Course::Finish,
            (_, Some(newest)) => Course::Overtaken(newest.version),
            (Some(content), None) => Course::Publish(Box::new(content.clone())),
            (None, None) => Course::Nothing,
        }
    }

    /// Does what was decided, and says so. Commands to the first kiosks are the caller's.
    ///
    /// # Errors
    /// It cannot be published.
    pub async fn conclude(
        &mut self,
        options: Options,
        folder: &Path,
        ring: &Keyring,
        days: u32,
    ) -> Result<(), RolloutError> {
        let ended = match self.phase {
            Phase::Releasing => Phase::Released,
            Phase::Halting => Phase::RolledBack,
            _ => return Ok(()),
        };
        let mut shelf = Shelf::open(folder, &self.group)?;
        let content = match self.course(&shelf) {
            Course::Publish(content) => Some(content),
            Course::Finish => None,
            Course::Nothing => {
                self.reasons.push("there is no content before it to go back to".to_owned());
                self.phase = Phase::Halted;
                return Ok(());
            }
            Course::Overtaken(newest) => {
                self.reasons.push(format!("version {newest} was published meanwhile"));
                self.phase = Phase::Halted;
                return Ok(());
            }
        };
        let room = shelf.room()?;
        let new = match content {
            Some(content) => {
                let draft = Draft::anew(&content, &shelf).ok_or(RolloutError::Gone(content.version))?;
                // It was tried when it was first published.
                let record = shelf.noted(content.version);
                Some(New { draft, room: room.path(), record })
            }
            None => None,
        };
        let group = self.group.clone();
        let what = Publishing { shelf: &mut shelf, ring, group, new, days, again: false };
        let went = publish(options, what).await?;
        (self.published, self.phase) = (Some(went.version), ended);
        Ok(())
    }

    /// The commands that need not be done any more.
    #[must_use]
    pub fn open_commands(&self) -> Vec<Uuid> {
        self.members.iter().map(|member| member.command).collect()
    }
}

/// How what was decided is done.
#[derive(Debug, Clone, PartialEq)]
enum Course {
    Publish(Box<Manifest>),
    /// It is the newest of the shelf, and may not be sent.
    Finish,
    /// There is no such content.
    Nothing,
    /// Something else is newer.
    Overtaken(u64),
}

fn is(kiosk: &super::status::Kiosk, whose: &Whose) -> bool {
    kiosk.store == whose.store.as_str() && kiosk.kiosk == whose.kiosk.as_str()
}

fn same(one: &Manifest, other: &Manifest) -> bool {
    let files = |manifest: &Manifest| {
        manifest.files.iter().map(|file| (file.name, file.whole.sha256)).collect::<Vec<_>>()
    };
    one.root == other.root && files(one) == files(other)
}

/// The end of the second that is not over: what was made in it counts too.
fn later(now: Timestamp) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(1)).unwrap_or(now)
}

/// Adds what a kiosk did in a time.
fn measure(
    office: &Office,
    whose: &Whose,
    from: Timestamp,
    to: Timestamp,
    measures: &mut Measures,
) -> Result<(), StoreError> {
    measures.seconds += to.duration_since(from).as_secs().max(0).unsigned_abs();
    office.each_made(whose.store.as_str(), whose.kiosk.as_str(), from, to, |kind, body| {
        if matches!(kind, "searched" | "honest_no" | "latency" | "engine_restarted")
            && let Ok(event) = serde_json::from_str(body)
        {
            measures.note(&event);
        }
    })
}

#[cfg(test)]
#[path = "rollout_tests.rs"]
mod tests;
