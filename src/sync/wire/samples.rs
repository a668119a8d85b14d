//! One good message of each kind, for tests: the smallest that shows every field.

use super::catalog::{Chunk, Delta, FORMAT, File, FileChange, FileName, Manifest, Parts};
use super::command::{Action, Command, Commands, Restart};
use super::event::*;
use super::histogram::Histogram;
use super::live::{Count, Counts, Price, Prices, Recall, Recalls};
use super::loyalty::{LoyaltyReply, LoyaltyRequest, Purchase};
use super::pos::{Sale, SaleLine};
use super::status::{Backlog, Carried, EngineReport, EngineState, Report, Status};
use super::{Article, Version};
use crate::domain::{Availability, Gtin, Promotion, Sku};
use crate::sync::digest::Digest;
use crate::sync::keys::{Key, KeyList, RoleKeys};
use crate::sync::sign::{Header, SecretKey, seal};
use crate::sync::topics::{Name, Role, Topic};
use jiff::Timestamp;
use uuid::Uuid;

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(0x0193_5c3a_0000_7000_8000_0000_0000_0000 + n)
}

fn gtin() -> Gtin {
    Gtin::parse("4006381333931").unwrap()
}

fn version() -> Version {
    "0.1.0".parse().unwrap()
}

pub fn parts(text: &str) -> Parts {
    let bytes = text.as_bytes();
    let chunk = Chunk { sha256: Digest::of(bytes), size: u32::try_from(bytes.len()).unwrap() };
    Parts { size: 1000, packed: u64::from(chunk.size), sha256: Digest::of(b"unpacked"), chunks: vec![chunk] }
}

pub fn manifest() -> Manifest {
    Manifest {
        version: 12,
        issued: at("2026-11-26T06:00:00Z"),
        expires: at("2026-12-10T06:00:00Z"),
        staged: false,
        format: FORMAT,
        min_program: Some(version()),
        root: Digest::of(b"twelve"),
        products: 2,
        snapshot: parts("snapshot"),
        deltas: vec![Delta {
            from_version: 11,
            from_root: Digest::of(b"eleven"),
            version: 12,
            root: Digest::of(b"twelve"),
            parts: parts("delta"),
        }],
        files: vec![File {
            name: FileName::Facts,
            whole: parts("facts"),
            change: Some(FileChange { from: Digest::of(b"old facts"), parts: parts("change") }),
        }],
        shards: 8,
    }
}

pub fn prices() -> Prices {
    Prices {
        catalog: 12,
        version: 3,
        issued: at("2026-11-26T07:00:00Z"),
        rows: vec![
            Price {
                sku: sku("DA-1001"),
                price_cents: Some(349),
                promotion: Some(Promotion {
                    price_cents: 299,
                    from: Some("2026-11-23".into()),
                    until: Some("2026-11-29".into()),
                    label: Some("Harvest week".into()),
                }),
                as_of: Some(at("2026-11-26T06:59:00Z")),
            },
            Price { sku: sku("DA-1002"), price_cents: None, promotion: None, as_of: None },
        ],
    }
}

pub fn counts() -> Counts {
    let rows = vec![
        Count {
            sku: sku("DA-1001"),
            stock: Some(12),
            availability: None,
            as_of: Some(at("2026-11-26T06:59:00Z")),
        },
        Count { sku: sku("DA-1002"), stock: None, availability: Some(Availability::OutOfStock), as_of: None },
    ];
    Counts { catalog: 12, version: 3, issued: at("2026-11-26T07:00:00Z"), rows }
}

pub fn recalls() -> Recalls {
    let recall = Recall {
        id: name("2026-11-salmonella"),
        skus: vec![sku("DA-1001")],
        gtins: vec![gtin()],
        lot: Some("L2381".into()),
        text: "The maker recalls it: salmonella. Please take it off the shelf.".into(),
        since: at("2026-11-26T06:30:00Z"),
    };
    Recalls { version: 2, issued: at("2026-11-26T06:30:10Z"), items: vec![recall].into() }
}

pub fn health() -> Health {
    Health { temperature_c: Some(51), disk_free_mb: 9000, memory_free_mb: 1200, up_s: 86_400 }
}

pub fn status() -> Status {
    let report = Report {
        since: at("2026-11-25T07:00:00Z"),
        at: at("2026-11-26T07:00:00Z"),
        program: version(),
        group: Some(name("north")),
        format: FORMAT,
        catalog: Some(Carried { version: 12, root: Digest::of(b"twelve") }),
        keys: 1,
        recall: 2,
        lag_s: 0,
        skew_s: -2,
        outbox: Backlog { waiting: 3, oldest_s: 40, dropped: 0 },
        engines: vec![EngineReport { engine: Engine::Stt, state: EngineState::Ready }],
        health: health(),
        orders_open: 1,
        problem: Some("the microphone is gone".into()),
    };
    Status { connection: id(1), online: true, report: Some(report) }
}

fn batch<T: Told>(events: impl IntoIterator<Item = T>) -> Batch<T> {
    let event = |(n, what)| Event {
        id: id(100 + n as u128),
        seq: 41 + n as u64,
        at: at("2026-11-26T07:00:00.25Z"),
        what,
    };
    let events: Vec<_> = events.into_iter().enumerate().map(event).collect();
    Batch { id: id(2), outbox: id(3), events: events.into() }
}

pub fn telemetry() -> Batch<Telemetry> {
    let mut counts = Histogram::default();
    counts.record(12.0);
    batch([
        Telemetry::VisitEnded { seconds: 61, turns: 3, pages: 5, by: Medium::Both, finished: true },
        Telemetry::Searched { found: 4, no_match: false, other_size: false },
        Telemetry::HonestNo { why: HonestNo::NotCarried },
        Telemetry::Recommended { shown: 4, taken: 1 },
        Telemetry::ListConfirmed { lines: 3 },
        Telemetry::Satisfaction { useful: false, reason: Some(Dissatisfaction::TooSlow) },
        Telemetry::Latency { stage: Stage::FirstCard, counts },
        Telemetry::EngineRestarted { engine: Engine::Llm },
        Telemetry::Health(health()),
        Telemetry::Started { program: version() },
        Telemetry::Alert { alert: Alert::CallStaff },
        Telemetry::Applied { version: 12, ms: 800, bytes: 9000, way: Way::Delta },
        Telemetry::Refused { version: 13, why: Refusal::Signature },
        Telemetry::Dropped { what: Dropped::Telemetry, count: 7 },
    ])
}

pub fn inventory() -> Batch<Inventory> {
    let (sku, as_of) = (|| sku("DA-1001"), at("2026-11-26T06:00:00Z"));
    batch([
        Inventory::Counted { sku: sku(), stock: 7, as_of },
        Inventory::Corrected {
            sku: sku(),
            field: Field::Price,
            price_cents: Some(199),
            as_of,
            until: Some(as_of),
        },
        Inventory::CorrectionDropped { sku: sku() },
        Inventory::Sold { sku: sku(), quantity: 2, sale: "2026/0042 A".into() },
        Inventory::Reserved { sku: sku(), quantity: 1, until: as_of },
    ])
}

pub fn order() -> Batch<Order> {
    let line = Line {
        sku: sku("CF-1"),
        quantity: 1,
        price_cents: Some(389),
        options: vec![("size".into(), "large".into())],
    };
    batch([Order::OrderPlaced { number: name("k1-0042"), lines: vec![line] }])
}

pub fn outcome() -> Batch<Outcome> {
    batch([
        Outcome::Done { command: id(50), findings: vec!["microphone: good".into()] },
        Outcome::Failed { command: id(51), why: "the disk is full".into() },
        Outcome::Refused { command: id(52), why: "it expired".into() },
    ])
}

pub fn ack() -> Ack {
    Ack { taken: vec![id(100)], refused: vec![Refused { id: id(101), why: "update head office".into() }] }
}

pub fn commands() -> Commands {
    let expires = at("2026-11-27T00:00:00Z");
    let actions = [
        Action::Restart { what: Restart::Engines },
        Action::Diagnose,
        Action::RotateKeys { at_least: 2 },
        Action::PinVersion { version: Some(11) },
        Action::PinVersion { version: None },
        Action::Stage { version: 12 },
    ];
    let items: Vec<_> =
        actions.into_iter().zip(50..).map(|(what, n)| Command { id: id(n), expires, what }).collect();
    Commands { version: 5, issued: at("2026-11-26T07:00:00Z"), items: items.into() }
}

pub fn loyalty() -> LoyaltyRequest {
    LoyaltyRequest { number: "4711AB".into() }
}

pub fn loyalty_reply() -> LoyaltyReply {
    let history = vec![Purchase { sku: sku("DA-1001"), days_ago: 7, quantity: 2 }];
    LoyaltyReply { known: true, name: Some("Ada".into()), history }
}

pub fn sale() -> Sale {
    let lines = vec![
        SaleLine { article: Article::Sku(sku("DA-1001")), quantity: 2 },
        SaleLine { article: Article::Gtin(gtin()), quantity: -1 },
    ];
    let order = Some("k1-42".into());
    Sale { id: "2026/0042 A".into(), at: at("2026-11-26T07:00:00Z"), lines, order }
}

pub fn keys() -> KeyList {
    let public = |seed| SecretKey::from_seed(&[seed; 32]).public();
    let key = |seed| {
        (public(seed).id(), Key { ed25519: public(seed), not_after: Some(at("2027-06-01T00:00:00Z")) })
    };
    let role = |(role, seed)| (role, RoleKeys { keys: vec![public(seed).id()], threshold: 1 });
    KeyList {
        version: 2,
        issued: at("2026-11-01T00:00:00Z"),
        expires: at("2027-11-01T00:00:00Z"),
        previous: Some(Digest::of(b"one")),
        keys: (1..=4).map(key).collect(),
        roles: Role::ALL.into_iter().zip(1..).map(role).collect(),
    }
}

pub fn header() -> Header {
    let sealed = seal(
        &prices(),
        &Topic::Price { store: name("s042"), shard: 3 },
        &name("acme"),
        &[&SecretKey::from_seed(&[3; 32])],
    );
    let sealed = sealed.unwrap();
    serde_json::from_slice(sealed.split(|byte| *byte == b'\n').next().unwrap()).unwrap()
}
