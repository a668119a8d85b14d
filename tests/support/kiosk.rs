//! A kiosk's way down without a broker: the session with its real store on a disk, whatever the
//! clock says and the disk has room for; and head office as far as it signs.

#![allow(dead_code)] // Each test file uses its own part.

use super::keys::{chain_of, secret};
use super::support::bundle::{Office, ingest};
use aisle::domain::Sku;
use aisle::store::Catalog;
use aisle::sync::digest::Digest;
use aisle::sync::ingest::Ingest;
use aisle::sync::keys::Anchor;
use aisle::sync::pack::Limits;
use aisle::sync::session::{Command, Event, Now, Outcome, Pace, Session, Setup, update};
use aisle::sync::sign::seal;
use aisle::sync::topics::{Role, Site, Topic};
use aisle::sync::wire::Message;
use aisle::sync::wire::catalog::Manifest;
use aisle::sync::wire::live::{Count, Counts, Price, Prices, Recall, Recalls};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub fn site() -> Site {
    let name = |text: &str| text.parse().unwrap();
    Site { tenant: name("acme"), store: name("s042"), kiosk: name("k1"), group: name("north") }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

fn sealed<M: Message>(message: &M, topic: &Topic, role: Role) -> Bytes {
    seal(message, topic, &site().tenant, &[&secret(role)]).unwrap().into()
}

pub fn keys() -> Event {
    Event::Keys(chain_of(&site().tenant).into())
}

pub fn manifest(manifest: &Manifest) -> Event {
    Event::Manifest(sealed(manifest, &Topic::Manifest { group: site().group }, Role::Catalog))
}

fn live<M: Message>(topic: Topic, message: &M) -> Event {
    let payload = sealed(message, &topic, Role::Live);
    Event::Live(topic, payload)
}

/// Prices of one shard, since the bundle `catalog`.
pub fn prices(catalog: u64, version: u64, issued: Timestamp, rows: &[(&str, i64)]) -> Event {
    let row = |(name, cents): &(&str, i64)| Price {
        sku: sku(name),
        price_cents: Some(*cents),
        promotion: None,
        as_of: None,
    };
    let rows = rows.iter().map(row).collect();
    live(Topic::Price { store: site().store, shard: 0 }, &Prices { catalog, version, issued, rows })
}

/// Counts of one shard, since the bundle `catalog`.
pub fn counts(catalog: u64, version: u64, issued: Timestamp, rows: &[(&str, i64)]) -> Event {
    let row = |(name, stock): &(&str, i64)| Count {
        sku: sku(name),
        stock: Some(*stock),
        availability: None,
        as_of: None,
    };
    let rows = rows.iter().map(row).collect();
    live(Topic::Stock { store: site().store, shard: 0 }, &Counts { catalog, version, issued, rows })
}

/// All that must not be sold, a recall each.
pub fn recalls(version: u64, issued: Timestamp, skus: &[&str]) -> Event {
    let recall = |name: &&str| Recall {
        id: format!("r-{}", name.to_lowercase()).parse().unwrap(),
        skus: vec![sku(name)],
        gtins: Vec::new(),
        lot: None,
        text: "The maker recalls it.".into(),
        since: at("2026-11-26T06:00:00Z"),
    };
    let items: Vec<Recall> = skus.iter().map(recall).collect();
    let message = Recalls { version, issued, items: items.into() };
    live(Topic::Recall { store: site().store }, &message)
}

pub struct Kiosk {
    pub catalog: Arc<Catalog>,
    ingest: Ingest,
    pub session: Session,
    /// The calendar's clock, which a test may set wrong.
    pub clock: Timestamp,
    pub up: Duration,
    subscribed: BTreeSet<Digest>,
    waiting: VecDeque<Event>,
    pub told: Vec<Outcome>,
}

impl Kiosk {
    /// As the program starts: with what is on the disk.
    pub fn open(folder: &Path, clock: Timestamp) -> Self {
        Self::over(Arc::new(Catalog::open(folder).unwrap()), folder, clock)
    }

    pub fn over(catalog: Arc<Catalog>, folder: &Path, clock: Timestamp) -> Self {
        let ingest = ingest(&catalog, folder);
        let anchor = Anchor { keys: vec![secret(Role::Root).public()], threshold: 1 };
        let (limits, pace, program) = (Limits::default(), Pace::default(), "1.4.0".parse().unwrap());
        let setup = Setup { site: site(), anchor, program, limits, pace, seed: 7 };
        let session = Session::new(setup, ingest.stored().unwrap()).unwrap();
        let mut kiosk = Self {
            catalog,
            ingest,
            session,
            clock,
            up: Duration::ZERO,
            subscribed: BTreeSet::new(),
            waiting: VecDeque::new(),
            told: Vec::new(),
        };
        kiosk.hear(Event::Connected);
        kiosk.hear(keys());
        kiosk
    }

    pub fn hear(&mut self, event: Event) {
        for command in update(&mut self.session, event, Now { clock: self.clock, up: self.up }) {
            match &command {
                Command::Subscribe(digest) => assert!(self.subscribed.insert(*digest)),
                Command::Unsubscribe(digest) => assert!(self.subscribed.remove(digest)),
                Command::Report(outcome) => self.told.push(outcome.clone()),
                _ => {}
            }
            self.waiting.extend(self.ingest.run(command));
        }
    }

    /// One thing happens that is due; false when nothing is.
    pub fn step(&mut self, office: &Office) -> bool {
        if let Some(event) = self.waiting.pop_front() {
            self.hear(event);
        } else if let Some(digest) = self.subscribed.first().copied() {
            self.hear(Event::Chunk(digest, office.chunks[&digest].clone().into()));
        } else {
            let Some(wake) = self.session.wake() else { return false };
            let waited = wake.saturating_sub(self.up);
            self.up += waited;
            self.clock += SignedDuration::try_from(waited).unwrap();
            self.hear(Event::Tick);
        }
        true
    }

    /// Until nothing is due any more.
    pub fn run(&mut self, office: &Office) {
        for _ in 0..10_000 {
            if !self.step(office) {
                return;
            }
        }
        panic!("it never comes to rest: {:?}", self.session.problem());
    }

    pub fn run_for(&mut self, office: &Office, steps: usize) {
        for _ in 0..steps {
            self.step(office);
        }
    }

    pub fn price(&self, name: &str) -> Option<i64> {
        self.catalog.product(&sku(name)).unwrap().and_then(|product| product.price_cents)
    }

    pub fn stock(&self, name: &str) -> Option<i64> {
        self.catalog.product(&sku(name)).unwrap().and_then(|product| product.stock)
    }

    /// Whether it is carried, and must not be sold.
    pub fn is_stopped(&self, name: &str) -> bool {
        let there = self.catalog.product(&sku(name)).unwrap().is_some();
        let stopped = self.catalog.stopped(&sku(name)).unwrap().is_some();
        assert!(there != stopped, "{name}: it is sold or it is stopped");
        stopped
    }
}
