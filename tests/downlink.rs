//! The whole way down, without a broker: signed keys, manifests and chunks go into the session,
//! its commands into the store, on disk. Cut off at any point, the kiosk goes on and ends with
//! what head office has.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/keys.rs"]
mod keys;
mod support;

use aisle::store::Catalog;
use aisle::sync::digest::Digest;
use aisle::sync::ingest::{self, Ingest};
use aisle::sync::keys::Anchor;
use aisle::sync::pack::Limits;
use aisle::sync::session::{Command, Event, Now, Outcome, Pace, Session, Setup, update};
use aisle::sync::sign::seal;
use aisle::sync::topics::{Role, Site, Topic};
use aisle::sync::wire::catalog::Manifest;
use bytes::Bytes;
use keys::secret;
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use support::bundle::{Content, Office, header, ingest, product, root_of};

fn site() -> Site {
    let name = |text: &str| text.parse().unwrap();
    Site { tenant: name("acme"), store: name("s042"), kiosk: name("k1"), group: name("north") }
}

fn keys() -> Bytes {
    keys::chain_of(&site().tenant).into()
}

fn sealed(manifest: &Manifest) -> Bytes {
    let topic = Topic::Manifest { group: site().group };
    seal(manifest, &topic, &site().tenant, &[&secret(Role::Catalog)]).unwrap().into()
}

fn setup() -> Setup {
    let anchor = Anchor { keys: vec![secret(Role::Root).public()], threshold: 1 };
    let (limits, pace, program) = (Limits::default(), Pace::default(), "1.4.0".parse().unwrap());
    Setup { site: site(), anchor, program, limits, pace, seed: 7 }
}

/// Rows that do not compress, so that there are several chunks.
fn content(round: u64) -> Content {
    let mut random = fastrand::Rng::with_seed(3);
    let rows = (0..1000).map(|n| {
        let text: String = (0..300).map(|_| random.alphanumeric()).collect();
        let price = if n % 50 == 0 { round } else { 1 };
        product(&format!(
            r#"{{"sku":"P-{n}","title":"Thing {n}","price_cents":{price},"description":"{text}"}}"#
        ))
    });
    Content::new(&[header("Shop")], rows)
}

struct Kiosk {
    catalog: Arc<Catalog>,
    ingest: Ingest,
    session: Session,
    up: Duration,
    subscribed: BTreeSet<Digest>,
    waiting: VecDeque<Event>,
    told: Vec<Outcome>,
    fetched: u64,
}

impl Kiosk {
    /// As the program starts: with what is on the disk.
    fn open(folder: &Path) -> Self {
        let catalog = Arc::new(Catalog::open(folder).unwrap());
        let ingest = ingest(&catalog, folder);
        let session = Session::new(setup(), ingest.stored().unwrap()).unwrap();
        let (subscribed, waiting) = (BTreeSet::new(), VecDeque::new());
        Self {
            catalog,
            ingest,
            session,
            up: Duration::ZERO,
            subscribed,
            waiting,
            told: Vec::new(),
            fetched: 0,
        }
    }

    fn hear(&mut self, event: Event) {
        let now = Now { clock: "2026-11-26T08:00:00Z".parse().unwrap(), up: self.up };
        for command in update(&mut self.session, event, now) {
            match &command {
                Command::Subscribe(digest) => assert!(self.subscribed.insert(*digest)),
                Command::Unsubscribe(digest) => assert!(self.subscribed.remove(digest)),
                Command::Report(outcome) => self.told.push(outcome.clone()),
                _ => {}
            }
            self.waiting.extend(self.ingest.run(command));
        }
    }

    fn step(&mut self, office: &Office) -> bool {
        if let Some(event) = self.waiting.pop_front() {
            self.hear(event);
        } else if let Some(digest) = self.subscribed.first().copied() {
            self.fetched += 1;
            self.hear(Event::Chunk(digest, office.chunks[&digest].clone().into()));
        } else {
            let Some(wake) = self.session.wake() else { return false };
            self.up = self.up.max(wake);
            self.hear(Event::Tick);
        }
        true
    }

    fn begin(&mut self, manifest: &Bytes) {
        self.hear(Event::Connected);
        self.hear(Event::Keys(keys()));
        self.hear(Event::Manifest(manifest.clone()));
    }
}

#[test]
fn cut_off_after_any_step_the_kiosk_ends_with_what_head_office_has() {
    let (a, b) = (content(1), content(2));
    let mut office = Office::new();
    let (one, two) = (office.publish(1, &a, "old"), office.publish(2, &b, "new"));
    let folder = tempfile::tempdir().unwrap();
    let (mut starts, mut fetched) = (0, 0);
    for (manifest, content) in [(&one, &a), (&two, &b)] {
        let payload = sealed(manifest);
        // Each start does one step more than the one before, from what the last one left.
        for steps in 0.. {
            let mut kiosk = Kiosk::open(folder.path());
            starts += 1;
            kiosk.begin(&payload);
            let mut rest = false;
            for _ in 0..steps {
                rest = !kiosk.step(&office);
            }
            fetched += kiosk.fetched;
            assert!(
                kiosk.told.iter().all(|told| !matches!(told, Outcome::Refused { .. })),
                "{:?}",
                kiosk.told
            );
            if rest {
                assert_eq!(kiosk.catalog.bundle().unwrap().unwrap().version, manifest.version);
                assert_eq!(root_of(&kiosk.catalog), content.root);
                break;
            }
        }
    }
    let named = one.snapshot.chunks.len() + two.deltas[0].parts.chunks.len() + 2;
    assert_eq!(fetched, named as u64, "no chunk is fetched twice");
    assert!(starts > 8, "{starts} starts");
}

#[test]
fn commands_run_on_a_thread_of_their_own_until_nobody_sends_any() {
    let mut office = Office::new();
    let a = content(1);
    let payload = sealed(&office.publish(1, &a, "facts"));
    let folder = tempfile::tempdir().unwrap();
    let Kiosk { catalog, ingest, mut session, .. } = Kiosk::open(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (commands, mut answers) = ingest::spawn(ingest);
        let start = [Event::Connected, Event::Keys(keys()), Event::Manifest(payload)];
        let mut waiting = VecDeque::from(start);
        let mut up = Duration::ZERO;
        while catalog.bundle().unwrap().is_none() {
            let event = match waiting.pop_front() {
                Some(event) => event,
                None if session.wake() == Some(Duration::ZERO) => unreachable!("it has nothing to wait for"),
                None => match tokio::time::timeout(Duration::from_millis(200), answers.recv()).await {
                    Ok(answer) => answer.unwrap(),
                    Err(_) => {
                        up = session.wake().unwrap_or(up);
                        Event::Tick
                    }
                },
            };
            let now = Now { clock: "2026-11-26T08:00:00Z".parse().unwrap(), up };
            for command in update(&mut session, event, now) {
                if let Command::Subscribe(digest) = command {
                    waiting.push_back(Event::Chunk(digest, office.chunks[&digest].clone().into()));
                }
                commands.send(command).await.unwrap();
            }
        }
        drop(commands);
        while answers.recv().await.is_some() {}
    });
    assert_eq!(root_of(&catalog), a.root);
}
