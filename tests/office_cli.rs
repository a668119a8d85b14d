//! Head office's commands as people and timers run them, against a real broker: what is published
//! comes to a kiosk, what is cut off is finished by the next run, and what is wrong changes nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/broker.rs"]
mod broker;
#[path = "support/bundle.rs"]
mod bundle;
mod common;
#[path = "common/desk.rs"]
mod desk;
#[path = "common/ends.rs"]
mod ends;
#[path = "common/wire.rs"]
mod wire;

use aisle::domain::Sku;
use aisle::store::Catalog;
use aisle::sync::digest::Digest;
use aisle::sync::ingest::Ingest;
use aisle::sync::keys::Anchor;
use aisle::sync::mqtt::Told;
use aisle::sync::pack::Limits;
use aisle::sync::session::{Command, Event, Now, Outcome, Pace, Session, Setup, update};
use aisle::sync::topics::{Name, Site, Topic};
use aisle::sync::wire::catalog::Manifest;
use aisle::sync::wire::{self as wires, event};
use broker::Broker;
use bundle::{ingest, root_of};
use bytes::Bytes;
use common::{Kiosk as Office, text};
use desk::{UNTRIED, office, set};
use ends::{End, KIOSK, PATIENCE, kiosk_options, office_options};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};
use wire::{Fault, Wire};

fn site() -> Site {
    let name = |text: &str| text.parse().unwrap();
    Site { tenant: name("acme"), store: name("s042"), kiosk: name("k1"), group: name("all") }
}

/// Rows that do not compress, so that there are several chunks; of `rows`, the first five differ
/// from round to round.
fn catalog(office: &Office, rows: usize, round: usize) -> PathBuf {
    let mut random = fastrand::Rng::with_seed(3);
    let mut lines = r#"{"record":"catalog","format":1,"name":"Shop","currency":"USD"}"#.to_owned();
    for n in 0..rows {
        let text: String = (0..400).map(|_| random.alphanumeric()).collect();
        let price = if n < 5 { round } else { 1 };
        lines += &format!(
            "\n{{\"record\":\"product\",\"sku\":\"P-{n}\",\"title\":\"Thing {n}\",\"price_cents\":{price},\
             \"description\":\"{text}\"}}"
        );
    }
    let file = office.data.path().join(format!("catalog-{round}.jsonl"));
    fs::write(&file, lines).unwrap();
    file
}

fn publish(office: &Office, file: &Path, more: &[&str]) -> Value {
    let arguments = [&["office", "publish", "--json", file.to_str().unwrap()], UNTRIED, more].concat();
    office.json(&arguments)
}

/// A kiosk's end: the library over a real connection, without the program around it.
struct Kiosk {
    folder: TempDir,
    catalog: Arc<Catalog>,
    ingest: Ingest,
    session: Session,
    end: End,
    began: Instant,
    told: Vec<Outcome>,
}

impl Kiosk {
    async fn new(broker: &Broker, office: &Office) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Arc::new(Catalog::open(folder.path()).unwrap());
        let ingest = ingest(&catalog, folder.path());
        let shown = office.json(&["office", "keys", "show", "--json"]);
        let keys = shown["root_keys"].as_array().unwrap();
        let keys = keys.iter().map(|key| key.as_str().unwrap().parse().unwrap()).collect();
        let setup = Setup {
            site: site(),
            anchor: Anchor { keys, threshold: 1 },
            program: "1.4.0".parse().unwrap(),
            limits: Limits::default(),
            pace: Pace { spread: Duration::ZERO, ..Pace::default() },
            seed: 7,
        };
        let session = Session::new(setup, ingest.stored().unwrap()).unwrap();
        let mut options = kiosk_options(broker.tls(KIOSK), broker.port, KIOSK);
        (options.subscriptions, options.presence) = (site().filters(), None);
        let (end, began) = (End::open(options), Instant::now());
        Self { folder, catalog, ingest, session, end, began, told: Vec::new() }
    }

    /// Goes on until `version` is in use; by which way it came.
    async fn takes(&mut self, version: u64) -> event::Way {
        let deadline = Instant::now() + PATIENCE;
        let mut waiting = VecDeque::new();
        loop {
            let applied = self.told.iter().find_map(|told| match told {
                Outcome::Applied { version: own, way, .. } if *own == version => Some(*way),
                _ => None,
            });
            if let Some(way) = applied {
                return way;
            }
            assert!(Instant::now() < deadline, "version {version} never came: {:?}", self.told);
            let event = match waiting.pop_front() {
                Some(event) => event,
                None => match timeout(Duration::from_millis(50), self.end.inbox.next()).await {
                    Ok(Some(told)) => match heard(told) {
                        Some(event) => event,
                        None => continue,
                    },
                    Ok(None) => panic!("the connection ended"),
                    Err(_) => Event::Tick,
                },
            };
            let now = Now { clock: Timestamp::now(), up: self.began.elapsed() };
            for command in update(&mut self.session, event, now) {
                let order = match &command {
                    Command::Subscribe(digest) => Some((true, *digest)),
                    Command::Unsubscribe(digest) => Some((false, *digest)),
                    Command::Report(outcome) => {
                        self.told.push(outcome.clone());
                        None
                    }
                    _ => None,
                };
                if let Some((wanted, digest)) = order {
                    let topic = site().chunk(digest).text(&site().tenant);
                    use aisle::sync::mqtt::Order;
                    let order = if wanted { Order::Subscribe(topic) } else { Order::Unsubscribe(topic) };
                    self.end.link.send(order).await.unwrap();
                }
                waiting.extend(self.ingest.run(command));
            }
        }
    }

    fn price(&self, sku: &str) -> Option<i64> {
        self.catalog.product(&Sku::new(sku).unwrap()).unwrap().and_then(|product| product.price_cents)
    }
}

fn heard(told: Told) -> Option<Event> {
    match told {
        Told::Up { .. } => Some(Event::Connected),
        Told::Down { .. } => Some(Event::Disconnected),
        Told::Arrived(arrival) => match Topic::parse(&arrival.topic).unwrap().1 {
            Topic::Keys => Some(Event::Keys(arrival.payload)),
            Topic::Manifest { .. } => Some(Event::Manifest(arrival.payload)),
            Topic::Chunk { digest, .. } => Some(Event::Chunk(digest, arrival.payload)),
            _ => None,
        },
        _ => None,
    }
}

/// What the broker keeps: the manifest of the group, and the chunks.
async fn retained(broker: &Broker) -> (Option<Manifest>, BTreeMap<Digest, Bytes>) {
    let mut options = office_options(broker);
    // One of the collectors' users, so that head office is not sent away; it reads as a kiosk does.
    options.client = "acme/k/s042/k7".into();
    options.tls = broker.tls("acme/k/s042/k7");
    let wanted = "aisle/v1/acme/g/all/catalog/#";
    options.subscriptions = vec![wanted.to_owned()];
    let mut end = End::open(options).once_up().await;
    let mark = "aisle/v1/acme/k/s042/k7/telemetry";
    // What is retained has come before this answer.
    let id = end.send(ends::message(mark, "done")).await;
    let (mut manifest, mut chunks) = (None, BTreeMap::new());
    loop {
        match end.told().await {
            Told::Published { id: own } if own == id => break,
            Told::Arrived(arrival) => match Topic::parse(&arrival.topic).unwrap().1 {
                Topic::Manifest { .. } => {
                    let at = arrival.payload.iter().position(|byte| *byte == b'\n').unwrap();
                    manifest = Some(wires::read::<Manifest>(&arrival.payload[at + 1..]).unwrap());
                }
                Topic::Chunk { digest, .. } => drop(chunks.insert(digest, arrival.payload)),
                _ => {}
            },
            _ => {}
        }
    }
    end.stop().await;
    (manifest, chunks)
}

fn named(manifest: &Manifest) -> Vec<Digest> {
    let deltas = manifest.deltas.iter().map(|delta| &delta.parts);
    let files = manifest.files.iter().map(|file| &file.whole);
    let parts = [&manifest.snapshot].into_iter().chain(deltas).chain(files);
    parts.flat_map(|parts| &parts.chunks).map(|chunk| chunk.sha256).collect()
}

#[test]
fn keys_are_made_shown_replaced_and_extended() {
    let office = Office::empty();
    assert!(office.refusal(&["office", "keys", "init"]).contains("office.tenant"));
    fs::write(office.data.path().join("aisle.toml"), "[office]\ntenant = \"acme\"\n").unwrap();
    assert!(office.refusal(&["office", "keys", "show"]).contains("keys init"));
    let output = office.run(&["office", "keys", "init"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = office.json(&["office", "keys", "show", "--json"]);
    let root = shown["root_keys"][0].as_str().unwrap().to_owned();
    let said = text(&output.stdout);
    assert!(said.contains(&format!("root_keys = [\"{root}\"]")) && said.contains("offline"), "{said}");
    assert!(office.refusal(&["office", "keys", "init"]).contains("rotate"));
    let output = office.run(&["office", "keys", "rotate", "catalog", "--grace-days", "3"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = office.json(&["office", "keys", "show", "--json"]);
    let of = |shown: &Value, role: &str| -> Vec<Value> {
        let keys = shown["keys"].as_array().unwrap().iter();
        keys.filter(|key| key["role"] == role).cloned().collect()
    };
    assert_eq!((shown["version"].as_u64(), of(&shown, "catalog").len()), (Some(2), 2));
    assert!(of(&shown, "catalog")[0]["not_after"].is_string());
    assert!(office.run(&["office", "keys", "rotate", "root"]).status.success());
    assert!(office.run(&["office", "keys", "renew", "--days", "30"]).status.success());
    let shown = office.json(&["office", "keys", "show", "--json"]);
    assert_eq!((shown["version"].as_u64(), of(&shown, "root").len()), (Some(4), 1));
    assert_ne!(shown["root_keys"][0], root.as_str());
    assert!(!text(&office.run(&["office", "keys", "show"]).stdout).contains("elsewhere"));
    // The root key goes offline: the others still sign.
    let keys = office.data.path().join("office/keys");
    let is_root = |name: &str| name.starts_with("root-");
    for entry in fs::read_dir(&keys).unwrap().map(Result::unwrap) {
        if is_root(&entry.file_name().into_string().unwrap()) {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let error = office.refusal(&["office", "keys", "renew"]);
    assert!(error.contains("root-") && error.contains("bring"), "{error}");
    assert!(text(&office.run(&["office", "keys", "show"]).stdout).contains("elsewhere"));
    assert!(office.run(&["office", "keys", "rotate", "manager"]).status.code() == Some(2));
    // Another folder holds other keys.
    let other = office.data.path().join("other");
    let output = office.run(&["office", "--office", other.to_str().unwrap(), "keys", "init"]);
    assert!(output.status.success() && !text(&output.stdout).contains(&root));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_comes_to_a_kiosk_first_whole_and_then_as_what_differs() {
    let broker = Broker::start();
    let office = office(&broker);
    let one = catalog(&office, 600, 1);
    let dry = publish(&office, &one, &["--dry-run"]);
    assert_eq!(
        (&dry["state"], &dry["version"], &dry["products"]),
        (&"dry_run".into(), &1.into(), &600.into())
    );
    assert!(!office.data.path().join("office/shelf").exists(), "a look leaves nothing");
    let first = publish(&office, &one, &[]);
    assert_eq!((&first["state"], &first["version"]), (&"published".into(), &1.into()));
    assert_eq!(first["snapshot_bytes"], dry["snapshot_bytes"]);
    assert!(first["sent_chunks"].as_u64().unwrap() > 1);
    let mut kiosk = Kiosk::new(&broker, &office).await;
    assert_eq!(kiosk.takes(1).await, event::Way::Snapshot);
    assert_eq!((kiosk.price("P-0"), kiosk.price("P-9")), (Some(1), Some(1)));
    let (manifest, _) = retained(&broker).await;
    assert_eq!(root_of(&kiosk.catalog), manifest.unwrap().root);

    // The same again changes nothing, and needs no broker.
    let again = publish(&office, &one, &[]);
    assert_eq!((&again["state"], &again["version"]), (&"already_published".into(), &1.into()));
    let dry = publish(&office, &one, &["--dry-run"]);
    assert_eq!((&dry["state"], &dry["version"]), (&"already_published".into(), &1.into()));
    let said = office.run(&[&["office", "publish", one.to_str().unwrap()], UNTRIED].concat());
    assert_eq!(text(&said.stdout), "This is already published to all, as version 1.\n");

    let two = publish(&office, &catalog(&office, 600, 2), &["--facts", "/dev/null"]);
    assert_eq!((&two["version"], &two["changed"], &two["added"]), (&2.into(), &5.into(), &0.into()));
    assert!(two["delta_bytes"].as_u64().unwrap() * 20 < two["snapshot_bytes"].as_u64().unwrap());
    assert_eq!(kiosk.takes(2).await, event::Way::Delta);
    assert_eq!(kiosk.price("P-0"), Some(2));

    // A new key signs the third, and whoever holds the old list hears of it first.
    assert!(office.run(&["office", "keys", "rotate", "catalog"]).status.success());
    let three = publish(&office, &catalog(&office, 600, 3), &[]);
    assert_eq!(three["version"], 3);
    assert_eq!(kiosk.takes(3).await, event::Way::Delta);
    assert_eq!(kiosk.session.trust().unwrap().list().version, 2);

    // Chunks of the first are gone; those of the second are still there for whoever fetches it.
    let (manifest, chunks) = retained(&broker).await;
    let manifest = manifest.unwrap();
    assert_eq!((manifest.version, manifest.deltas.len()), (3, 2));
    assert!(named(&manifest).iter().all(|digest| chunks.contains_key(digest)));
    assert!(three["cleared_chunks"].as_u64().unwrap() > 0);

    // An older content is a new version, and one that waits is told so.
    let back = publish(&office, &one, &["--staged"]);
    assert_eq!((&back["version"], &back["staged"], &back["changed"]), (&4.into(), &true.into(), &5.into()));
    let released = publish(&office, &one, &[]);
    assert_eq!((&released["version"], &released["changed"]), (&5.into(), &0.into()));
    kiosk.takes(5).await;
    assert_eq!(kiosk.price("P-0"), Some(1));
    assert!(!kiosk.told.iter().any(|told| matches!(told, Outcome::Refused { .. })), "{:?}", kiosk.told);

    // A broker that lost all of it gets it again, by itself with the next, or when asked.
    let mut broker = broker;
    broker.kill();
    broker.forget();
    broker.restart();
    let again = publish(&office, &one, &["--again"]);
    assert_eq!((&again["state"], &again["version"]), (&"completed".into(), &5.into()));
    let mut late = Kiosk::new(&broker, &office).await;
    assert_eq!(late.takes(5).await, event::Way::Snapshot);
    assert_eq!(root_of(&late.catalog), root_of(&kiosk.catalog));
    drop((late.folder, kiosk.folder));
}

/// A publishing through a slow wire that is killed after so many bytes.
async fn killed(office: &Office, file: &Path, wire: &Wire, bytes: u64) -> bool {
    let before = wire.passed().0;
    let mut command = office.command();
    command.args(["office", "publish"]).args(UNTRIED).arg(file).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = command.spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while wire.passed().0 - before < bytes {
        if process.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(Instant::now() < deadline, "{} bytes passed", wire.passed().0 - before);
        sleep(Duration::from_millis(1)).await;
    }
    process.kill().unwrap();
    process.wait().unwrap();
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publishing_that_is_killed_anywhere_is_finished_by_the_next() {
    let broker = Broker::start();
    let office = office(&broker);
    let wire = Wire::to(broker.port).await;
    wire.set(Fault { delay: Duration::from_millis(2), ..Fault::default() });
    set(&office, &broker, wire.port);
    let mut cut_off = 0;
    let mut kiosk = Kiosk::new(&broker, &office).await;
    let mut newest = 0;
    for (round, bytes) in [500, 4_000, 60_000, 130_000, 210_000].into_iter().enumerate() {
        let file = catalog(&office, 600, 10 + round);
        let was_killed = killed(&office, &file, &wire, bytes).await;
        let (manifest, chunks) = retained(&broker).await;
        if let Some(manifest) = &manifest {
            let missing = named(manifest).into_iter().filter(|digest| !chunks.contains_key(digest)).count();
            assert!([newest, newest + 1].contains(&manifest.version), "round {round}: {}", manifest.version);
            assert_eq!(missing, 0, "round {round}: the manifest names what is not there");
        }
        if was_killed && manifest.is_none_or(|manifest| manifest.version == newest) {
            cut_off += 1;
        }
        let published = publish(&office, &file, &[]);
        newest += 1;
        assert_eq!(published["version"], newest, "a version is used up once: round {round}");
        kiosk.takes(newest).await;
        assert_eq!(kiosk.price("P-0"), Some(10 + i64::try_from(round).unwrap()));
    }
    assert!(cut_off >= 3, "{cut_off} were cut off before the manifest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_is_made_anew_and_the_publishing_goes_on() {
    let broker = Broker::start();
    let office = office(&broker);
    let wire = Wire::to(broker.port).await;
    wire.set(Fault { delay: Duration::from_millis(2), ..Fault::default() });
    set(&office, &broker, wire.port);
    let file = catalog(&office, 600, 1);
    let mut command = office.command();
    command
        .args(["office", "publish", "--json"])
        .args(UNTRIED)
        .arg(file)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let mut process = command.spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while wire.passed().0 < 50_000 {
        assert!(process.try_wait().unwrap().is_none() && Instant::now() < deadline, "{:?}", wire.passed());
        sleep(Duration::from_millis(1)).await;
    }
    wire.cut();
    let output = tokio::task::spawn_blocking(move || process.wait_with_output().unwrap()).await.unwrap();
    assert!(output.status.success());
    let published: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&published["state"], &published["version"]), (&"published".into(), &1.into()));
    Kiosk::new(&broker, &office).await.takes(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_one_line_and_nothing_is_published() {
    let broker = Broker::start();
    let office = office(&broker);
    let good = catalog(&office, 20, 1);
    let bad = office.data.path().join("bad.jsonl");
    fs::write(&bad, "this is no catalog\n").unwrap();
    let publish =
        |file: &Path| office.refusal(&[&["office", "publish", file.to_str().unwrap()], UNTRIED].concat());
    assert!(publish(&bad).contains("bad.jsonl"));
    assert!(publish(&office.data.path().join("none.jsonl")).contains("none.jsonl"));
    let no_products = office.data.path().join("empty.jsonl");
    fs::write(&no_products, "{\"record\":\"catalog\",\"format\":1,\"name\":\"A\",\"currency\":\"USD\"}\n")
        .unwrap();
    assert!(publish(&no_products).contains("no usable product"));
    assert!(retained(&broker).await.0.is_none());
    // Nobody listens there.
    set(&office, &broker, broker::free_port());
    let error = publish(&good);
    assert!(error.contains("office.broker"), "{error}");
    // Nobody is called that.
    set(&office, &broker, broker.port);
    let stranger = broker.identity("acme/k/s042/k8");
    fs::copy(stranger.certificate, office.data.path().join("office.pem")).unwrap();
    fs::copy(stranger.key, office.data.path().join("office.key")).unwrap();
    let error = publish(&good);
    assert!(error.contains("aisle/v1/acme/keys") && error.contains("acl"), "{error}");
    assert!(retained(&broker).await.0.is_none());
    // The first one that is right is the first version.
    set(&office, &broker, broker.port);
    let first = office.json(&[&["office", "publish", "--json", good.to_str().unwrap()], UNTRIED].concat());
    assert_eq!(first["version"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_the_folder_from_before_goes_on_after_what_was_published_meanwhile() {
    let broker = Broker::start();
    let office = office(&broker);
    let (one, two) = (catalog(&office, 50, 1), catalog(&office, 50, 2));
    publish(&office, &one, &[]);
    let shelf = office.data.path().join("office/shelf");
    let away = office.data.path().join("away");
    assert!(std::process::Command::new("cp").arg("-a").args([&shelf, &away]).status().unwrap().success());
    publish(&office, &two, &[]);
    let mut kiosk = Kiosk::new(&broker, &office).await;
    kiosk.takes(2).await;
    fs::remove_dir_all(&shelf).unwrap();
    fs::rename(&away, &shelf).unwrap();
    assert_eq!(publish(&office, &one, &["--again"])["version"], 3);
    kiosk.takes(3).await;
    assert_eq!(kiosk.price("P-0"), Some(1));
    fs::remove_dir_all(&shelf).unwrap();
    assert_eq!(publish(&office, &two, &[])["version"], 4);
    kiosk.takes(4).await;
    assert_eq!(kiosk.price("P-0"), Some(2));
}

/// A collector as a service runs it.
struct Collecting(Child);

impl Collecting {
    fn start(office: &Office) -> Self {
        let mut command = office.command();
        command.args(["office", "collect"]).stdout(Stdio::null()).stderr(Stdio::inherit());
        Self(command.spawn().unwrap())
    }

    fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_kiosk_says_is_collected_and_shown() {
    let broker = Broker::start();
    let office = Office::empty();
    set(&office, &broker, broker.port);
    assert!(office.refusal(&["office", "status"]).contains("--office"));
    // Of what came long ago it lets go.
    let filed = aisle::store::Office::open(&office.data.path().join("office")).unwrap();
    let old = |id: u128, days: i64| {
        let received = Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
        let event = aisle::store::OfficeEvent {
            id: uuid::Uuid::from_u128(id),
            seq: 1,
            kind: "searched".into(),
            made_at: received,
            body: "{}".into(),
            effect: aisle::store::Effect::Nothing,
        };
        let (store, kiosk, outbox) = ("s042".into(), "k1".into(), uuid::Uuid::nil());
        let (lane, events) = ("telemetry", vec![event]);
        let batch = aisle::store::OfficeBatch { store, kiosk, outbox, lane, events };
        filed.file(&[batch], received).unwrap();
    };
    old(1, 500);
    old(2, 1);
    let collecting = Collecting::start(&office);
    let deadline = Instant::now() + PATIENCE;
    while filed.events_of("s042", "k1").unwrap() != [uuid::Uuid::from_u128(2)] {
        assert!(Instant::now() < deadline, "the old event stays");
        sleep(Duration::from_millis(50)).await;
    }
    let name = |text: &str| text.parse::<Name>().unwrap();
    let line = aisle::sync::topics::Line::Status;
    let topic = Topic::Kiosk { store: name("s042"), kiosk: name("k1"), line }.text(&name("acme"));
    let now = Timestamp::now();
    let status = serde_json::json!({
        "connection": uuid::Uuid::now_v7(), "online": true,
        "report": {
            "since": now, "at": now, "program": "1.4.0", "format": 1, "keys": 1, "recall": 0, "lag_s": 0,
            "skew_s": 0, "outbox": {"waiting": 3, "oldest_s": 40, "dropped": 0}, "orders_open": 0,
            "health": {"disk_free_mb": 9000, "memory_free_mb": 300, "up_s": 60},
            "problem": "the microphone is gone",
        },
    });
    let mut kiosk = End::kiosk(&broker).await;
    let message = aisle::sync::mqtt::Message {
        topic,
        payload: status.to_string().into(),
        retain: true,
        ..aisle::sync::mqtt::Message::default()
    };
    kiosk.insist(message).await;
    let deadline = Instant::now() + PATIENCE;
    let shown = loop {
        let output = office.run(&["office", "status", "--json"]);
        if output.status.success() {
            let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
            if shown["kiosks"].as_array().is_some_and(|all| !all.is_empty()) {
                break shown;
            }
        }
        assert!(Instant::now() < deadline, "no kiosk is shown");
        sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((&shown["kiosks"][0]["kiosk"], &shown["online"]), (&"k1".into(), &1.into()));
    assert_eq!(shown["kiosks"][0]["troubles"][0], "the microphone is gone");
    let table = text(&office.run(&["office", "status"]).stdout);
    assert!(table.contains("s042") && table.contains("! the microphone is gone"), "{table}");
    assert!(table.contains("1 kiosk: 1 online"), "{table}");
    collecting.stop();
}
