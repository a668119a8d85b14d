//! A head office and a kiosk of a few variables, for the scripts of the session.

use super::super::*;
use crate::sync::keys::{Anchor, Key, RoleKeys, chain, seal_list};
use crate::sync::pack::Limits;
use crate::sync::plan::FileWay;
use crate::sync::sign::{SecretKey, seal};
use crate::sync::topics::Site;
use crate::sync::wire::catalog::{Delta, File, FileChange, FileName, Parts};
use crate::sync::wire::{event, samples};
use jiff::ToSpan;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::LazyLock;

pub const START: &str = "2026-11-26T08:00:00Z";

pub fn start() -> Timestamp {
    START.parse().unwrap()
}

pub fn site() -> Site {
    let name = |text: &str| text.parse().unwrap();
    Site { tenant: name("acme"), store: name("s042"), kiosk: name("k1"), group: name("north") }
}

pub fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

/// Root key 1; catalog, live and command keys from `base` on.
pub fn list(version: u64, previous: Option<Digest>, base: u8) -> KeyList {
    let mut keys = BTreeMap::new();
    let mut roles = BTreeMap::new();
    let seeds = [1, base, base + 1, base + 2];
    for (role, seed) in [Role::Root, Role::Catalog, Role::Live, Role::Command].into_iter().zip(seeds) {
        let public = secret(seed).public();
        keys.insert(public.id(), Key { ed25519: public, not_after: None });
        roles.insert(role, RoleKeys { keys: vec![public.id()], threshold: 1 });
    }
    let issued = start() - 240.hours();
    KeyList { version, issued, expires: start() + 8760.hours(), previous, keys, roles }
}

/// What head office and the broker have.
pub struct Office {
    pub keys: Bytes,
    /// The same and one list more, of other daily keys.
    pub rotated: Bytes,
    pub chunks: HashMap<Digest, Bytes>,
    pub manifests: Vec<Manifest>,
}

impl Office {
    pub fn new() -> Self {
        let tenant = site().tenant;
        let one = seal_list(&list(1, None, 10), &tenant, &[&secret(1)]).unwrap();
        let body = one.splitn(2, |byte| *byte == b'\n').nth(1).unwrap();
        let two = list(2, Some(Digest::of(body)), 20);
        let two = seal_list(&two, &tenant, &[&secret(1)]).unwrap();
        let (keys, rotated) = (chain(std::slice::from_ref(&one)).into(), chain(&[one, two]).into());
        let mut office = Self { keys, rotated, chunks: HashMap::new(), manifests: Vec::new() };
        for version in 1..=4 {
            office.add(version, version);
        }
        // A rollback: the newest version has the content of the second.
        office.add(5, 2);
        office
    }

    pub fn parts(&mut self, what: &str, count: usize) -> Parts {
        let chunks: Vec<Chunk> = (0..count)
            .map(|n| {
                let bytes = Bytes::from(format!("{what}, piece {n}"));
                let sha256 = Digest::of(&bytes);
                let size = u32::try_from(bytes.len()).unwrap();
                self.chunks.insert(sha256, bytes);
                Chunk { sha256, size }
            })
            .collect();
        let packed = chunks.iter().map(|chunk| u64::from(chunk.size)).sum();
        Parts { size: packed, packed, sha256: Digest::of(what.as_bytes()), chunks }
    }

    pub fn add(&mut self, version: u64, content: u64) {
        let root = |content: u64| Digest::of(format!("content {content}").as_bytes());
        let snapshot = self.parts(&format!("snapshot {content}"), 20);
        let before = self.manifests.last().map(|before| (before.version, before.root));
        let deltas = before.map(|(from_version, from_root)| Delta {
            from_version,
            from_root,
            version,
            root: root(content),
            parts: self.parts(&format!("delta {from_version} to {version}"), 3),
        });
        let mut deltas: Vec<Delta> = deltas.into_iter().collect();
        deltas.extend(self.manifests.last().iter().flat_map(|before| before.deltas.clone()));
        let whole = self.parts(&format!("facts {content}"), 2);
        let old = self.manifests.last().map(|before| before.files[0].whole.sha256);
        let change =
            old.map(|from| FileChange { from, parts: self.parts(&format!("facts to {version}"), 1) });
        let files = vec![File { name: FileName::Facts, whole, change }];
        self.manifests.push(Manifest {
            version,
            issued: start() - 1.hours(),
            expires: start() + 336.hours(),
            root: root(content),
            snapshot,
            deltas,
            files,
            min_program: None,
            ..samples::manifest()
        });
    }

    pub fn manifest(&self, version: u64) -> Manifest {
        self.manifests[usize::try_from(version).unwrap() - 1].clone()
    }
}

pub static OFFICE: LazyLock<Office> = LazyLock::new(Office::new);

pub fn sealed(manifest: &Manifest, seed: u8) -> Bytes {
    let topic = Topic::Manifest { group: site().group };
    seal(manifest, &topic, &site().tenant, &[&secret(seed)]).unwrap().into()
}

pub static PUBLISHED: LazyLock<Vec<Bytes>> =
    LazyLock::new(|| OFFICE.manifests.iter().map(|manifest| sealed(manifest, 10)).collect());

pub fn published(version: u64) -> Event {
    Event::Manifest(PUBLISHED[usize::try_from(version).unwrap() - 1].clone())
}

/// A kiosk whose disk is a few variables. What is on the disk outlives a restart.
pub struct Kiosk {
    pub setup: Setup,
    pub session: Session,
    pub now: Now,
    pub disk: Stored,
    pub subscribed: BTreeSet<Digest>,
    /// What the disk has to answer.
    pub answers: VecDeque<Event>,
    pub applied: Vec<(u64, Digest, Way)>,
    pub told: Vec<Outcome>,
    /// The next bundles fail like this.
    pub failures: VecDeque<Failure>,
    pub fetched: Vec<Digest>,
    /// What the store took of prices, counts and recalls, and how often it cannot.
    pub taken: Vec<Live>,
    pub full: usize,
}

impl Kiosk {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let anchor = Anchor { keys: vec![secret(1).public()], threshold: 1 };
        let (limits, pace) = (Limits::default(), Pace::default());
        let program = "1.4.0".parse().unwrap();
        let mut setup = Setup { site: site(), anchor, program, limits, pace, seed: 7 };
        change(&mut setup);
        let session = Session::new(setup.clone(), Stored::default()).unwrap();
        Self {
            setup,
            session,
            now: Now { clock: start(), up: Duration::ZERO },
            disk: Stored::default(),
            subscribed: BTreeSet::new(),
            answers: VecDeque::new(),
            applied: Vec::new(),
            told: Vec::new(),
            failures: VecDeque::new(),
            fetched: Vec::new(),
            taken: Vec::new(),
            full: 0,
        }
    }

    /// What a kill leaves.
    pub fn restart(&mut self) {
        self.session = Session::new(self.setup.clone(), self.disk.clone()).unwrap();
        self.subscribed.clear();
        self.answers.clear();
    }

    pub fn tell(&mut self, event: Event) {
        for command in update(&mut self.session, event, self.now) {
            match command {
                Command::Subscribe(digest) => {
                    assert!(self.subscribed.insert(digest), "asked for twice");
                    self.fetched.push(digest);
                }
                Command::Unsubscribe(digest) => assert!(self.subscribed.remove(&digest), "never asked for"),
                Command::Stage(chunk, bytes) => {
                    assert!(chunk.is(&bytes), "what is staged is what its name says");
                    self.disk.staged.insert(chunk.sha256);
                    self.answers.push_back(Event::Staged(chunk.sha256));
                }
                Command::Take(topic, live) => {
                    let version = live.version();
                    self.answers.push_back(if self.full > 0 {
                        self.full -= 1;
                        Event::NotTaken(topic, version, "the disk is full".into())
                    } else {
                        self.taken.push(*live);
                        Event::Taken(topic, version)
                    });
                }
                Command::Remember(memory) => self.disk.memory = memory,
                Command::Apply(job) => {
                    let answer = self.apply(*job);
                    self.answers.push_back(answer);
                }
                Command::Sweep(needed) => self.disk.staged.retain(|digest| needed.contains(digest)),
                Command::Report(outcome) => {
                    if let Outcome::Refused {
                        version: Some(version), root: Some(root), lasting: true, ..
                    } = &outcome
                    {
                        self.disk.refused.insert((*version, *root));
                    }
                    self.told.push(outcome);
                }
            }
            assert!(self.subscribed.len() <= self.setup.pace.window);
        }
    }

    /// As the store does: from what is here, along the plan, to the manifest's content or not.
    pub fn apply(&mut self, job: Job) -> Event {
        let Job { manifest, plan, .. } = job;
        let version = manifest.version;
        let injected = match self.failures.front() {
            Some(Failure::Content(..)) if !matches!(plan.catalog, Way::Deltas(_)) => None,
            _ => self.failures.pop_front(),
        };
        if let Some(why) = injected {
            return Event::NotApplied { version, why };
        }
        let mut parts = Vec::new();
        let root = match &plan.catalog {
            Way::Snapshot => {
                parts.push(&manifest.snapshot);
                manifest.root
            }
            Way::Deltas(chain) => {
                let mut here = self.disk.have.catalog.unwrap().1;
                for delta in chain.iter().map(|at| &manifest.deltas[*at]) {
                    assert_eq!(delta.from_root, here, "a delta is for what is here");
                    here = delta.root;
                    parts.push(&delta.parts);
                }
                here
            }
            Way::Adopt | Way::Nothing => self.disk.have.catalog.unwrap().1,
        };
        assert_eq!(root, manifest.root, "only the manifest's content is taken into use");
        for (name, way) in &plan.files {
            let file = manifest.files.iter().find(|file| file.name == *name).unwrap();
            if *way == FileWay::Change {
                let change = file.change.as_ref().unwrap();
                assert_eq!(Some(&change.from), self.disk.have.files.get(name));
                parts.push(&change.parts);
            } else {
                parts.push(&file.whole);
            }
        }
        let chunks = parts.iter().flat_map(|parts| &parts.chunks).map(|chunk| chunk.sha256);
        let missing: Vec<Digest> = chunks.filter(|digest| !self.disk.staged.contains(digest)).collect();
        if !missing.is_empty() {
            return Event::NotApplied { version, why: Failure::Missing(missing) };
        }
        let files = manifest.files.iter().map(|file| (file.name, file.whole.sha256)).collect();
        let have = Have { catalog: Some((version, root)), files };
        self.disk.have = have.clone();
        self.applied.push((version, root, plan.catalog));
        let done = Done { have, way: event::Way::Delta, took: Duration::from_secs(1) };
        Event::Applied(Box::new(done))
    }

    /// One thing happens that is due; false when nothing is.
    pub fn step(&mut self, broker: bool) -> bool {
        if let Some(answer) = self.answers.pop_front() {
            self.tell(answer);
            return true;
        }
        let there = self.subscribed.iter().find(|digest| OFFICE.chunks.contains_key(*digest)).copied();
        if let Some(digest) = there.filter(|_| broker) {
            self.tell(Event::Chunk(digest, OFFICE.chunks[&digest].clone()));
            return true;
        }
        let Some(wake) = self.session.wake() else { return false };
        let waited = wake.saturating_sub(self.now.up);
        self.now.up += waited;
        self.now.clock += jiff::SignedDuration::try_from(waited).unwrap();
        self.tell(Event::Tick);
        true
    }

    pub fn run(&mut self) {
        for _ in 0..10_000 {
            if !self.step(true) {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    pub fn begin(&mut self, version: u64) {
        self.tell(Event::Connected);
        self.tell(Event::Keys(OFFICE.keys.clone()));
        self.tell(published(version));
    }

    pub fn version(&self) -> Option<u64> {
        self.disk.have.catalog.map(|(version, _)| version)
    }

    pub fn refusals(&self) -> Vec<Refusal> {
        let why = |outcome: &Outcome| match outcome {
            Outcome::Refused { why, .. } | Outcome::KeysRefused { why, .. } => Some(*why),
            _ => None,
        };
        self.told.iter().filter_map(why).collect()
    }
}

/// A kiosk that has this version in use.
pub fn at(version: u64) -> Kiosk {
    let mut kiosk = Kiosk::new();
    kiosk.begin(version);
    kiosk.run();
    assert_eq!(kiosk.version(), Some(version));
    kiosk.applied.clear();
    kiosk.told.clear();
    kiosk.fetched.clear();
    kiosk
}

impl Kiosk {
    /// A message that may become good is looked at again and again: there is no end to wait for.
    pub fn run_for(&mut self, steps: usize) {
        (0..steps).for_each(|_| {
            self.step(true);
        });
    }
}
