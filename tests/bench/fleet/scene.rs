//! What all kiosks of the fleet share: whom they trust, what they carry, what they are to tell,
//! and where they say how far they are.

use aisle::store::Waiting;
use aisle::sync::keys::Anchor;
use aisle::sync::mqtt::{Presence, Session as Connection};
use aisle::sync::pack::Limits;
use aisle::sync::plan::Have;
use aisle::sync::session::{Pace, Setup};
use aisle::sync::topics::{Line, Name, Site};
use aisle::sync::wire;
use aisle::sync::wire::event::{Engine, Health, HonestNo, Medium, Stage, Telemetry};
use aisle::sync::wire::histogram::Histogram;
use aisle::sync::wire::status::{Backlog, Carried, EngineReport, EngineState, Report, Status};
use aisle::{domain::Sku, sync::digest::Digest};
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;
use uuid::Uuid;

/// How often a kiosk says how it is: the default of `sync.status_seconds`.
pub const STATUS_EVERY: Duration = Duration::from_secs(60);
/// Kiosks of one store.
const PER_STORE: usize = 4;

/// How far a kiosk is.
#[derive(Debug)]
pub enum News {
    Up,
    Down(String),
    /// This version is in use.
    Applied(u64),
    /// Head office has all that it was to be told: these.
    Told(Vec<Uuid>),
    /// Something that must not be.
    Wrong(String),
}

/// Who says what, and when.
pub type Said = (usize, Instant, News);

pub struct Scene {
    pub anchor: Anchor,
    /// What the kiosks carry at the start.
    pub have: Have,
    /// The rows of it, for those that have no database.
    pub rows: BTreeMap<Sku, Vec<u8>>,
    pub spread: Duration,
    pub says: mpsc::UnboundedSender<Said>,
    /// How many events each kiosk is to tell from now on; 0: none yet.
    pub events: watch::Receiver<usize>,
    /// As many unpack at one time as there are cores: real kiosks do not share theirs.
    pub cores: Semaphore,
}

pub fn program() -> wire::Version {
    env!("CARGO_PKG_VERSION").parse().unwrap()
}

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Where the kiosk with this number stands.
pub fn site(number: usize) -> Site {
    Site {
        tenant: name("acme"),
        store: name(&format!("s{:04}", number / PER_STORE)),
        kiosk: name(&format!("k{}", number % PER_STORE)),
        group: name("all"),
    }
}

impl Scene {
    /// A kiosk's session, with all but the spread as it is shipped.
    pub fn setup(&self, number: usize) -> Setup {
        Setup {
            site: site(number),
            anchor: self.anchor.clone(),
            program: program(),
            limits: Limits::default(),
            pace: Pace { spread: self.spread, ..Pace::default() },
            seed: number as u64,
        }
    }

    pub fn say(&self, number: usize, news: News) {
        let _ = self.says.send((number, Instant::now(), news));
    }

    /// What a kiosk says of itself: as much as a real one does.
    pub fn report(&self, version: u64, outbox: Backlog) -> Report {
        let engine = |engine| EngineReport { engine, state: EngineState::Ready };
        let root = self.have.catalog.map_or(Digest([0; 32]), |(_, root)| root);
        Report {
            group: Some(name("all")),
            since: Timestamp::now(),
            at: Timestamp::now(),
            program: program(),
            format: 1,
            catalog: Some(Carried { version, root }),
            keys: 1,
            recall: 0,
            lag_s: 0,
            skew_s: 0,
            outbox,
            engines: vec![engine(Engine::Stt), engine(Engine::Llm), engine(Engine::Voice)],
            health: Health {
                temperature_c: Some(51),
                disk_free_mb: 40_000,
                memory_free_mb: 900,
                up_s: 86_400,
            },
            orders_open: 0,
            problem: None,
        }
    }

    /// How the kiosk's status is told; `version` is what it carries.
    pub fn presence(self: &Arc<Self>, number: usize, version: Arc<AtomicU64>) -> Presence {
        let (scene, start) = (Arc::clone(self), Uuid::new_v4().as_u64_pair().0);
        let site = site(number);
        let status = move |session: Connection, online: bool| -> Bytes {
            let connection = Uuid::from_u64_pair(start, session.number);
            let report = || Some(scene.report(version.load(Relaxed), Backlog::default()));
            let status = if online {
                Status { connection, online, report: report() }
            } else {
                Status::gone(connection)
            };
            wire::write(&status).unwrap().into()
        };
        Presence { topic: site.own(Line::Status).text(&site.tenant), status: Arc::new(status) }
    }
}

/// What a kiosk tells, in the proportions of visits: of ten events five searches, a visit and two
/// counts of times.
pub fn event(n: usize) -> Telemetry {
    let small = |most: usize| u32::try_from(n % most).unwrap_or_default();
    match n % 10 {
        5 => Telemetry::HonestNo { why: HonestNo::NotCarried },
        6 => Telemetry::Recommended { shown: 4, taken: small(2) },
        7 => Telemetry::VisitEnded {
            seconds: small(240),
            turns: small(7),
            pages: small(9),
            by: Medium::Both,
            finished: n.is_multiple_of(3),
        },
        8 | 9 => {
            let mut counts = Histogram::default();
            (0..n % 40).for_each(|at| counts.record(17.0 * at as f64));
            Telemetry::Latency { stage: Stage::FirstCard, counts }
        }
        _ => Telemetry::Searched { found: small(200), no_match: n % 17 == 3, other_size: false },
    }
}

/// The same as it waits in an outbox.
pub fn waiting(seq: usize, event: &Telemetry) -> Waiting {
    let body = serde_json::to_value(event).unwrap();
    Waiting {
        seq: i64::try_from(seq).unwrap(),
        id: Uuid::now_v7(),
        kind: body["kind"].as_str().unwrap().to_owned(),
        made_at: Timestamp::now().to_string(),
        body: body.to_string(),
    }
}
