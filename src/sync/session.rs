//! The kiosk's side of a catalog that comes down: hears keys, manifests and chunks as they
//! come, decides what to fetch and when a bundle is taken into use, and what is told of it.
//! Pure: [`update`] takes one event and says what is to be done; nothing here reads a clock,
//! a socket or a file. What is done is told back as an event, and may take as long as it likes.
//!
//! - What is remembered ([`Memory`]) and what is staged come from the store at the start and go
//!   to it as values, so a kiosk that was cut off at any point goes on from there.
//! - Times between two steps are counted on a clock that only runs forward; the calendar's is
//!   asked about expiry alone, and so a clock that jumps neither stops nor hurries a fetch.
//! - A bundle is never taken into use here: `Apply` asks the store to, which compares the
//!   content with the manifest's root before it commits.

mod fetch;
mod live;
mod order;
mod target;

pub use fetch::Pace;
pub use live::Live;
pub use order::{Command, Done, Event, Failure, Job, Memory, Now, Outcome, Setup, Stored};

use super::accept::{Accepted, Mark, Step, accept, sure_time};
use super::digest::Digest;
use super::keys::{KeyList, Trust};
use super::plan::{Have, Way, plan};
use super::sign::{KeyId, SignError};
use super::topics::{Role, Topic};
use super::wire::catalog::{Chunk, Manifest};
use super::wire::event::Refusal;
use super::wire::{WireError, one_line};
use bytes::Bytes;
use fetch::{Arrived, Ask, Fetch};
use jiff::Timestamp;
use live::Lanes;
use std::collections::BTreeSet;
use std::time::Duration;
use target::{Target, all_chunks};

/// How often a message that may become good is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Refused payloads whose digests are kept, so that each is reported once.
const TOLD: usize = 64;

/// The state of it all.
#[derive(Debug)]
pub struct Session {
    setup: Setup,
    random: fastrand::Rng,
    trust: Option<Trust>,
    memory: Memory,
    have: Have,
    staged: BTreeSet<Digest>,
    refused: BTreeSet<(u64, Digest)>,
    connected: bool,
    /// The newest manifest that was accepted, and who signed it.
    newest: Option<(Manifest, Vec<KeyId>)>,
    /// A manifest that may become good, and when it is looked at again.
    held: Option<(Bytes, Duration)>,
    target: Option<Target>,
    applying: Option<u64>,
    released: Option<u64>,
    fetched: u64,
    told: BTreeSet<Digest>,
    lanes: Lanes,
}

/// Takes an event and says what is to be done.
pub fn update(session: &mut Session, event: Event, now: Now) -> Vec<Command> {
    let mut commands = Vec::new();
    session.take(event, now, &mut commands);
    session.go_on(now, &mut commands);
    commands
}

impl Session {
    /// # Errors
    /// The stored key list cannot be read: the database was altered.
    pub fn new(setup: Setup, stored: Stored) -> Result<Self, SignError> {
        let trust = stored.memory.trust.as_deref().map(Trust::restore).transpose()?;
        Ok(Self {
            random: fastrand::Rng::with_seed(setup.seed),
            setup,
            trust,
            memory: stored.memory,
            have: stored.have,
            staged: stored.staged,
            refused: stored.refused,
            connected: false,
            newest: None,
            held: None,
            target: None,
            applying: None,
            released: None,
            fetched: 0,
            told: BTreeSet::new(),
            lanes: Lanes::new(stored.recalls),
        })
    }

    /// What is in use.
    #[must_use]
    pub fn have(&self) -> &Have {
        &self.have
    }

    /// The key list in force.
    #[must_use]
    pub fn trust(&self) -> Option<&Trust> {
        self.trust.as_ref()
    }

    /// The newest version that was accepted, be it in use or not.
    #[must_use]
    pub fn newest(&self) -> Option<u64> {
        self.newest.as_ref().map(|(manifest, _)| manifest.version)
    }

    /// The newest time that a key in force signed; `None`: nothing was signed yet.
    #[must_use]
    pub fn signed(&self) -> Option<Timestamp> {
        let list = self.trust.as_ref().map(Trust::list)?;
        let signed = self.memory.signed.iter().filter(|(key, _)| is_listed(list, **key));
        signed.map(|(_, at)| *at).chain([list.issued]).max()
    }

    /// What keeps the newest bundle from coming, or prices, counts and recalls, for
    /// [`Report::problem`]; `None`: nothing, or nothing yet.
    ///
    /// [`Report::problem`]: super::wire::status::Report::problem
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.target_problem().or_else(|| self.lanes.problem())
    }

    fn target_problem(&self) -> Option<String> {
        let target = self.target.as_ref()?;
        let trouble = target.trouble.as_ref()?;
        let (version, missing) = (target.manifest.version, target.fetch.missing());
        one_line(&match missing {
            0 => format!("bundle {version} cannot be taken into use: {trouble}"),
            missing => format!("bundle {version} lacks {missing} chunks: {trouble}"),
        })
    }

    /// When a `Tick` is due, on the clock that only runs forward.
    #[must_use]
    pub fn wake(&self) -> Option<Duration> {
        let target = self.target.as_ref().filter(|_| self.applying.is_none());
        let target = target.and_then(|target| {
            if target.fetch.is_done() {
                (target.failures > 0).then_some(target.retry)
            } else {
                target.fetch.wake().filter(|_| self.connected)
            }
        });
        let held = self.held.as_ref().map(|(_, at)| *at);
        target.into_iter().chain(held).chain(self.lanes.wake()).min()
    }

    /// The time to judge expiry by.
    fn sure(&self, now: Now) -> Timestamp {
        sure_time(now.clock, self.signed())
    }

    fn take(&mut self, event: Event, now: Now, commands: &mut Vec<Command>) {
        match event {
            Event::Connected => {
                self.connected = true;
                if let Some(target) = &mut self.target {
                    target.fetch.reconnected(now.up, &self.setup.pace);
                }
            }
            Event::Disconnected => self.connected = false,
            Event::Keys(payload) => self.take_keys(&payload, now, commands),
            Event::Manifest(payload) => self.take_manifest(payload, now, commands),
            Event::Chunk(digest, bytes) => self.take_chunk(digest, bytes, commands),
            Event::Live(topic, payload) => self.take_live(topic, payload, now, commands),
            Event::Taken(topic, version) => self.taken(&topic, version, commands),
            Event::NotTaken(topic, version, detail) => {
                self.not_taken(topic, version, detail, now, commands);
            }
            Event::Staged(digest) => {
                self.staged.insert(digest);
                if let Some(target) = &mut self.target {
                    target.fetch.stored(&digest);
                    target.trouble = None;
                }
            }
            Event::NotStaged(digest, why) => {
                let Some(target) = &mut self.target else { return };
                target.fetch.not_stored(&digest);
                target.lacks(&why, commands);
                target.stalled(why.detail(), commands);
            }
            Event::Applied(done) => self.applied(*done, commands),
            Event::NotApplied { version, why } => self.not_applied(version, why, now, commands),
            Event::Release(version) => self.released = Some(version),
            Event::Pin(version) => {
                if std::mem::replace(&mut self.memory.pinned, version) != version {
                    commands.push(Command::Remember(self.memory.clone()));
                }
            }
            Event::Tick => {
                if let Some((payload, _)) = self.held.take_if(|(_, at)| *at <= now.up) {
                    self.take_manifest(payload, now, commands);
                }
                self.look_again(false, now, commands);
            }
        }
    }

    fn take_keys(&mut self, payload: &Bytes, now: Now, commands: &mut Vec<Command>) {
        // A retained message that is cleared says nothing.
        if payload.is_empty() {
            return;
        }
        let tenant = &self.setup.site.tenant;
        let next = match &self.trust {
            Some(trust) => trust.advance(payload, tenant),
            None => Trust::begin(&self.setup.anchor, payload, tenant),
        };
        let trust = match next {
            Ok(trust) => trust,
            Err(error) => {
                if self.is_untold(payload) {
                    let (why, detail) = (refusal(&error), error.to_string());
                    commands.push(Command::Report(Outcome::KeysRefused { why, detail }));
                }
                return;
            }
        };
        if self.trust.as_ref() == Some(&trust) {
            return;
        }
        let list = trust.list();
        self.memory.marks.retain(|mark| is_listed(list, mark.key));
        self.memory.signed.retain(|key, _| is_listed(list, *key));
        self.memory.trust = Some(trust.body().to_vec());
        let signs = |signers: &[KeyId]| signers.iter().any(|key| list.lists(Role::Catalog, *key));
        // What was signed with a key that was lost is not fetched any further.
        let disowned = self.newest.take_if(|(_, signers)| !signs(signers)).is_some();
        let version = list.version;
        self.trust = Some(trust);
        commands.push(Command::Remember(self.memory.clone()));
        commands.push(Command::Report(Outcome::KeysTaken { version }));
        if disowned && self.applying.is_none() {
            self.drop_target(commands);
        }
        if let Some((payload, _)) = self.held.take() {
            self.take_manifest(payload, now, commands);
        }
        self.look_again(true, now, commands);
    }

    fn take_manifest(&mut self, payload: Bytes, now: Now, commands: &mut Vec<Command>) {
        if payload.is_empty() {
            return;
        }
        let again = now.up.saturating_add(LOOK_AGAIN);
        let Some(trust) = &self.trust else {
            // The keys come on another topic, sooner or later.
            self.held = Some((payload, again));
            return;
        };
        let site = &self.setup.site;
        let topic = Topic::Manifest { group: site.group.clone() };
        let (seen, sure) = (&self.memory.marks, self.sure(now));
        match accept::<Manifest>(&payload, &topic, &site.tenant, trust.list(), seen, sure) {
            Ok(Accepted { message, step, marks }) => {
                // What was held is older than this, or this.
                self.held = None;
                let signers = marks.iter().map(|mark| mark.key).collect();
                if step == Step::Newer {
                    self.remember(Some(message.issued), marks, commands);
                }
                self.newest = Some((message, signers));
            }
            Err(error) => {
                if self.is_untold(&payload) {
                    commands.push(Command::Report(Outcome::Refused {
                        version: None,
                        root: None,
                        why: refusal(&error),
                        detail: error.to_string(),
                        lasting: false,
                    }));
                }
                if error.may_pass() {
                    self.held = Some((payload, again));
                }
            }
        }
    }

    fn remember(&mut self, issued: Option<Timestamp>, marks: Vec<Mark>, commands: &mut Vec<Command>) {
        for mark in marks {
            if let Some(issued) = issued {
                let signed = self.memory.signed.entry(mark.key).or_insert(issued);
                *signed = (*signed).max(issued);
            }
            self.memory.marks.retain(|old| (&old.scope, old.key) != (&mark.scope, mark.key));
            self.memory.marks.push(mark);
        }
        commands.push(Command::Remember(self.memory.clone()));
    }

    fn take_chunk(&mut self, digest: Digest, bytes: Bytes, commands: &mut Vec<Command>) {
        let Some(target) = &mut self.target else { return };
        let mut asks = Vec::new();
        let arrived = target.fetch.arrived(digest, &bytes, &mut asks);
        commands.extend(asks.into_iter().map(Command::from));
        match arrived {
            Arrived::Good(chunk) => {
                self.fetched = self.fetched.saturating_add(u64::from(chunk.size));
                commands.push(Command::Stage(chunk, bytes));
            }
            Arrived::Bad => target.stalled(format!("chunk {digest} is not what its name says"), commands),
            Arrived::Unasked => {}
        }
    }

    fn applied(&mut self, done: Done, commands: &mut Vec<Command>) {
        self.applying = None;
        self.have = done.have;
        let Some((version, root)) = self.have.catalog else { return };
        let Done { way, took, .. } = done;
        let bytes = std::mem::take(&mut self.fetched);
        commands.push(Command::Report(Outcome::Applied { version, root, way, took, bytes }));
        // Whatever else was aimed at is planned anew from here.
        self.drop_target(commands);
        if self.newest() == Some(version) {
            self.staged.clear();
            commands.push(Command::Sweep(BTreeSet::new()));
        }
    }

    fn not_applied(&mut self, version: u64, why: Failure, now: Now, commands: &mut Vec<Command>) {
        if self.applying.take_if(|applying| *applying == version).is_none() {
            return;
        }
        let missing: BTreeSet<Digest> = match &why {
            Failure::Missing(missing) => missing.iter().copied().collect(),
            _ => BTreeSet::new(),
        };
        self.staged.retain(|digest| !missing.contains(digest));
        let Some(target) = self.target.as_mut().filter(|target| target.manifest.version == version) else {
            return;
        };
        match why {
            Failure::Missing(missing) if !missing.is_empty() => {
                target.failures = target.failures.saturating_add(1);
                let begins = match target.failures {
                    1 => now.up,
                    failures => now.up.saturating_add(self.setup.pace.pause(failures, &mut self.random)),
                };
                let all = target.plan_chunks();
                let again: Vec<Chunk> =
                    all.into_iter().filter(|chunk| missing.contains(&chunk.sha256)).collect();
                target.retry = if again.is_empty() { begins } else { now.up };
                target.fetch = Fetch::new(again, begins, &mut self.random);
            }
            Failure::Content(_, _) if !target.whole && target.is_partial() => {
                // A delta that leads elsewhere, or from elsewhere: the snapshot leads there too.
                let manifest = target.manifest.clone();
                self.aim(manifest, true, now, commands);
            }
            Failure::Content(why, detail) => {
                let root = target.manifest.root;
                self.refused.insert((version, root));
                commands.push(refused(version, Some(root), why, detail, true));
                self.drop_target(commands);
                self.staged.clear();
                commands.push(Command::Sweep(BTreeSet::new()));
            }
            Failure::Missing(_) => {
                let detail = "staged chunks cannot be read".to_owned();
                target.try_later(detail, now, &self.setup.pace, &mut self.random, commands);
            }
            why @ (Failure::Later(_) | Failure::NoRoom(_)) => {
                target.lacks(&why, commands);
                target.try_later(why.detail(), now, &self.setup.pace, &mut self.random, commands);
            }
        }
    }

    fn drop_target(&mut self, commands: &mut Vec<Command>) {
        if let Some(target) = self.target.take() {
            let mut asks = Vec::new();
            target.fetch.close(&mut asks);
            commands.extend(asks.into_iter().map(Command::from));
        }
    }

    /// Aims at the newest manifest, fetches for it, and has it taken into use when all is there.
    fn go_on(&mut self, now: Now, commands: &mut Vec<Command>) {
        if self.applying.is_some() {
            return;
        }
        let barred = |version: u64| self.memory.pinned.is_some_and(|pinned| version > pinned);
        let aimed = self.target.as_ref().map(|target| (target.manifest.version, target.manifest.root));
        let newest = self.newest.as_ref().map(|(newest, _)| (newest.version, newest.root));
        match (aimed, newest) {
            (_, Some((version, _))) if barred(version) => self.drop_target(commands),
            (aimed, Some(newest)) if aimed != Some(newest) && !self.refused.contains(&newest) => {
                if let Some((manifest, _)) = self.newest.clone() {
                    self.aim(manifest, false, now, commands);
                }
            }
            _ => {}
        }
        let Some(target) = &mut self.target else { return };
        if self.connected {
            let mut asks = Vec::new();
            if target.fetch.expire(now.up, &self.setup.pace, &mut self.random, &mut asks)
                && target.fetch.failures() >= self.setup.pace.rounds
            {
                target.stalled("chunks do not come: check that the broker has them".into(), commands);
            }
            target.fetch.fill(now.up, &self.setup.pace, &mut asks);
            commands.extend(asks.into_iter().map(Command::from));
        }
        if !target.fetch.is_done() || now.up < target.retry {
            return;
        }
        let version = target.manifest.version;
        if target.manifest.staged && self.released != Some(version) {
            if !std::mem::replace(&mut target.told_ready, true) {
                commands.push(Command::Report(Outcome::Ready { version }));
            }
            return;
        }
        self.applying = Some(version);
        let (manifest, plan) = (target.manifest.clone(), target.plan.clone());
        commands.push(Command::Apply(Box::new(Job { manifest, plan, have: self.have.clone() })));
    }

    /// Plans the way to a manifest, and gives up what is not on it.
    fn aim(&mut self, manifest: Manifest, whole: bool, now: Now, commands: &mut Vec<Command>) {
        let version = manifest.version;
        let refuse = |why, detail| refused(version, Some(manifest.root), why, detail, false);
        if let Some(needed) = manifest.min_program.filter(|needed| *needed > self.setup.program) {
            let own = self.setup.program;
            let detail = format!("it needs program {needed}, and this is {own}: update the program");
            self.refused.insert((version, manifest.root));
            commands.push(refuse(Refusal::Program, detail));
            return self.drop_target(commands);
        }
        let from = if whole { Have::default() } else { self.have.clone() };
        let plan = match plan(&from, &manifest, self.setup.limits, |digest| self.staged.contains(digest)) {
            Ok(plan) => plan,
            Err(error) => {
                self.refused.insert((version, manifest.root));
                commands.push(refuse(Refusal::TooLarge, error.to_string()));
                return self.drop_target(commands);
            }
        };
        let old = self.target.take();
        let mut asks = Vec::new();
        if plan.catalog == Way::Nothing && plan.files.is_empty() {
            if let Some(old) = old {
                old.fetch.close(&mut asks);
                commands.extend(asks.into_iter().map(Command::from));
            }
            return;
        }
        // Of what is staged, what this manifest does not name is of no use any more.
        let named: BTreeSet<Digest> = all_chunks(&manifest).collect();
        if self.staged.iter().any(|digest| !named.contains(digest)) {
            self.staged.retain(|digest| named.contains(digest));
            commands.push(Command::Sweep(named));
        }
        let jitter = self.setup.pace.spread.mul_f64(self.random.f64());
        // In the middle of a fetch there is nothing to spread any more.
        let begins = if old.is_some() { now.up } else { now.up.saturating_add(jitter) };
        let mut fetch = Fetch::new(plan.fetch.clone(), begins, &mut self.random);
        if let Some(old) = old {
            fetch.inherit(old.fetch, &mut asks);
            commands.extend(asks.into_iter().map(Command::from));
        }
        self.target = Some(Target {
            manifest,
            plan,
            fetch,
            whole,
            failures: 0,
            retry: Duration::ZERO,
            told_ready: false,
            told_stalled: false,
            told_short: false,
            trouble: None,
        });
    }

    /// Whether a payload was not reported yet; it counts as reported then.
    fn is_untold(&mut self, payload: &[u8]) -> bool {
        if self.told.len() >= TOLD {
            self.told.clear();
        }
        self.told.insert(Digest::of(payload))
    }
}

impl From<Ask> for Command {
    fn from(ask: Ask) -> Self {
        match ask {
            Ask::Open(digest) => Self::Subscribe(digest),
            Ask::Close(digest) => Self::Unsubscribe(digest),
        }
    }
}

fn refused(version: u64, root: Option<Digest>, why: Refusal, detail: String, lasting: bool) -> Command {
    Command::Report(Outcome::Refused { version: Some(version), root, why, detail, lasting })
}

fn is_listed(list: &KeyList, key: KeyId) -> bool {
    Role::ALL.into_iter().any(|role| list.lists(role, key))
}

/// What a signature's or a message's error counts as.
fn refusal(error: &SignError) -> Refusal {
    match error {
        SignError::TooLarge { .. } | SignError::Body(WireError::TooLarge { .. }) => Refusal::TooLarge,
        SignError::Expired { .. } | SignError::ListExpired { .. } | SignError::TooEarly { .. } => {
            Refusal::Expired
        }
        SignError::Rollback { .. } | SignError::Equivocal(_) | SignError::Unlinked { .. } => {
            Refusal::Rollback
        }
        SignError::Version(_) | SignError::Body(WireError::Unknown { .. }) => Refusal::Program,
        SignError::Body(_) => Refusal::Damaged,
        _ => Refusal::Signature,
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
