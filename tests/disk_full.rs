//! A disk that fills: while events are noted and acknowledged, while a catalog is staged and taken
//! into use, while prices and recalls are kept, and under the whole program. Nothing is half
//! written, shoppers are answered, and once there is room again nothing is missing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/broker.rs"]
mod broker;
mod common;
#[path = "common/desk.rs"]
mod desk;
#[path = "common/disk.rs"]
mod disk;
#[path = "common/ends.rs"]
mod ends;
#[path = "support/keys.rs"]
mod keys;
#[path = "support/kiosk.rs"]
mod kiosk;
#[path = "common/line.rs"]
mod line;
#[path = "common/running.rs"]
mod running;
mod support;

use aisle::app::meter::Meter;
use aisle::store::{Catalog, Lane, NewEvent, Priority, Room};
use aisle::sync::session::Outcome;
use aisle::sync::wire::event::{Engine, Telemetry};
use broker::Broker;
use common::Kiosk as Program;
use disk::{Disk, with_disk};
use kiosk::{Kiosk, at};
use line::{Shop, until};
use running::Running;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use support::bundle::{Content, Office, header, product, root_of};
use uuid::Uuid;

const NOW: &str = "2026-11-26T09:00:00Z";

/// Rows that do not compress, so that there are several chunks.
fn content(round: u64) -> Content {
    let mut random = fastrand::Rng::with_seed(round / 4);
    let rows = (0..300).map(|n| {
        let text: String = (0..300).map(|_| random.alphanumeric()).collect();
        let price = if n % 50 == 0 { round } else { 1 };
        product(&format!(
            r#"{{"sku":"P-{n}","title":"Thing {n}","price_cents":{price},"stock":1,"description":"{text}"}}"#
        ))
    });
    Content::new(&[header("Shop")], rows)
}

fn is_whole(folder: &Path) {
    for file in ["catalog.db", "state.db", "staging.db"] {
        let conn = rusqlite::Connection::open(folder.join(file)).unwrap();
        let verdict: String = conn.query_row("PRAGMA quick_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok", "{file}");
    }
}

#[test]
fn whatever_the_disk_has_room_for_nothing_is_lost_or_half_written() {
    with_disk("on_a_disk_of_its_own_all_parts", 24);
}

/// Not a test by itself.
#[test]
fn on_a_disk_of_its_own_all_parts() {
    let Some(disk) = Disk::of_this_process() else { return };
    let folder = disk.folder();
    let mut office = Office::new();
    let catalog = Arc::new(Catalog::open(folder).unwrap());
    let mut kiosk = Kiosk::over(Arc::clone(&catalog), folder, at(NOW));
    kiosk.hear(kiosk::manifest(&office.publish(1, &content(1), "")));
    kiosk.run(&office);
    assert_eq!(root_of(&catalog), content(1).root);
    let mut random = fastrand::Rng::with_seed(5);
    // What was put in, what was dropped for want of room in the outbox, and what head office has.
    let (mut kept, mut dropped, mut refused) = (Vec::new(), 0_u64, 0);
    let mut filed: BTreeMap<Uuid, u32> = BTreeMap::new();
    let mut unanswered = BTreeSet::new();
    let (mut failures, mut short) = ([0; 3], 0);
    let (mut newest, mut version) = (content(1), 1);
    let rounds = 40_u64;
    for round in 2..2 + rounds {
        disk.fill(if random.u8(..4) == 0 { 0 } else { random.u64(0..1_500_000) });
        let issued = at(NOW) + jiff::SignedDuration::from_secs(i64::try_from(round).unwrap());
        let cents = i64::try_from(round).unwrap();
        let events = [
            kiosk::recalls(round, issued, &[if round % 2 == 0 { "P-7" } else { "P-8" }]),
            kiosk::prices(1, round, issued, &[("P-1", 1_000 + cents), ("P-2", 2_000 + cents)]),
            kiosk::counts(1, round, issued, &[("P-3", cents)]),
        ];
        events.into_iter().for_each(|event| kiosk.hear(event));
        if round % 3 == 0 {
            newest = content(round);
            version += 1;
            kiosk.hear(kiosk::manifest(&office.publish(version, &newest, &format!("facts {round}"))));
        }
        for n in 0..10 {
            let (id, body) =
                (Uuid::now_v7(), format!(r#"{{"kind":"x","n":"{}"}}"#, "x".repeat(random.usize(..2_000))));
            let (lane, priority) =
                if n == 0 { (Lane::Order, Priority::Keep) } else { (Lane::Telemetry, Priority::Low) };
            let event = NewEvent { id, lane, kind: "x", priority, made_at: at(NOW), body: &body };
            match catalog.keep_event(&event, 60_000) {
                Ok(true) => kept.push(id),
                Ok(false) => dropped += 1,
                Err(error) => {
                    assert!(error.to_string().contains("is full"), "{error}");
                    failures[0] += 1;
                }
            }
        }
        kiosk.run_for(&office, random.usize(10..60));
        // Head office takes a batch; whether that is written down here is another question.
        for lane in [Lane::Order, Lane::Telemetry] {
            let batch: Vec<Uuid> = catalog
                .waiting_events(lane, 0, random.usize(1..20), 100_000)
                .map_or(Vec::new(), |rows| rows.into_iter().map(|row| row.id).collect());
            batch.iter().for_each(|id| *filed.entry(*id).or_default() += 1);
            if catalog.acknowledge_events(&batch).is_err() {
                failures[1] += 1;
                unanswered.extend(batch);
            }
        }
        // Shoppers are answered from what was there, or from what is new.
        assert!(kiosk.price("P-1").is_some());
        kiosk.is_stopped("P-7");
        refused += kiosk.told.drain(..).filter(|told| matches!(told, Outcome::LiveLate { .. })).count();
        short += usize::from(kiosk.session.problem().is_some());
        if random.u8(..5) == 0 {
            disk.make_room();
            kiosk.run_for(&office, 30);
        }
        if random.u8(..10) == 0 {
            disk.make_room();
            drop(kiosk);
            kiosk = Kiosk::over(Arc::clone(&catalog), folder, at(NOW));
            version += 1;
            kiosk.hear(kiosk::manifest(&office.publish(version, &newest, &format!("facts {round} again"))));
        }
    }
    disk.make_room();
    kiosk.run(&office);
    failures[2] = refused;
    println!(
        "events not kept, batches not taken out, messages not kept: {failures:?}; trouble {short} times"
    );
    assert!(failures.iter().all(|count| *count > 0) && short > 0, "the disk was full at all of it");

    let last = 1 + rounds;
    let issued = at(NOW) + jiff::SignedDuration::from_hours(1);
    kiosk.hear(kiosk::recalls(last + 1, issued, &["P-9"]));
    kiosk.hear(kiosk::prices(1, last + 1, issued, &[("P-1", 77), ("P-2", 78)]));
    kiosk.run(&office);
    assert_eq!(kiosk.session.problem(), None);
    assert_eq!(root_of(&catalog), newest.root, "it is head office's to the byte");
    assert_eq!((kiosk.price("P-1"), kiosk.price("P-2")), (Some(77), Some(78)));
    assert_eq!(["P-7", "P-8", "P-9"].map(|name| kiosk.is_stopped(name)), [false, false, true]);
    assert_eq!(kiosk.session.recalls(), last + 1);
    // Each event is acknowledged, or was dropped and counted.
    for lane in Lane::ALL {
        let rest: Vec<Uuid> = catalog
            .waiting_events(lane, 0, 100_000, 1 << 30)
            .unwrap()
            .into_iter()
            .map(|row| row.id)
            .collect();
        rest.iter().for_each(|id| *filed.entry(*id).or_default() += 1);
        assert_eq!(catalog.acknowledge_events(&rest).unwrap(), rest.len());
    }
    let outbox = catalog.outbox().unwrap();
    let counted: u64 = outbox.dropped.iter().map(|(_, count)| count).sum();
    let lost = kept.iter().filter(|id| !filed.contains_key(*id)).count() as u64;
    // One that head office has, and whose answer could not be written down, may have been given up.
    let certain = lost + dropped;
    assert!((certain..=certain + unanswered.len() as u64).contains(&counted), "{certain}, {counted}");
    assert!(filed.keys().all(|id| kept.contains(id)), "and it has nothing that was not kept");
    assert_eq!((outbox.waiting, outbox.bytes), (0, 0));
    is_whole(folder);
}

#[test]
fn a_catalog_that_does_not_fit_gives_its_room_back() {
    with_disk("on_a_disk_of_its_own_a_catalog", 128);
}

/// Not a test by itself.
#[test]
fn on_a_disk_of_its_own_a_catalog() {
    let Some(disk) = Disk::of_this_process() else { return };
    let folder = disk.folder();
    let (small, mut office) = (content(1), Office::new());
    let mut random = fastrand::Rng::with_seed(1);
    let large = (0..3_000).map(|n| {
        let text: String = (0..2_000).map(|_| random.alphanumeric()).collect();
        product(&format!(r#"{{"sku":"L-{n}","title":"Large {n}","description":"{text}"}}"#))
    });
    let large = Content::new(&[header("Shop")], large);
    let mut kiosk = Kiosk::open(folder, at(NOW));
    kiosk.hear(kiosk::manifest(&office.publish(1, &small, "")));
    kiosk.run(&office);
    let log = folder.join("catalog.db-wal");
    let room = || std::fs::metadata(&log).map_or(0, |meta| meta.len());
    // There is room to stage it, and none to lay it in.
    disk.fill(16_000_000);
    kiosk.hear(kiosk::manifest(&office.publish(2, &large, "")));
    while kiosk.session.problem().is_none() {
        assert!(kiosk.step(&office), "it did not even try");
    }
    let problem = kiosk.session.problem().unwrap();
    assert!(problem.contains("cannot be taken into use") && problem.contains("is full"), "{problem}");
    assert!(room() < 100_000, "the log holds {} bytes", room());
    assert_eq!(root_of(&kiosk.catalog), small.root);
    let told = kiosk.told.iter().filter_map(Outcome::telemetry).collect::<Vec<_>>();
    let disk_is_full = "Refused { version: 2, why: Disk }";
    assert_eq!(told.iter().filter(|told| format!("{told:?}") == disk_is_full).count(), 1, "{told:?}");
    // What matters more still has its room.
    kiosk.hear(kiosk::recalls(1, at(NOW), &["P-7"]));
    while !kiosk.is_stopped("P-7") {
        kiosk.step(&office);
    }
    disk.make_room();
    kiosk.run(&office);
    assert_eq!((root_of(&kiosk.catalog), kiosk.session.problem()), (large.root, None));
    is_whole(folder);
}

#[test]
fn events_are_counted_once_or_counted_as_dropped_on_a_line_whose_disk_fills() {
    with_disk("on_a_disk_of_its_own_the_line", 16);
}

/// Not a test by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_disk_of_its_own_the_line() {
    let Some(disk) = Disk::of_this_process() else { return };
    let broker = Broker::start();
    let shop = Shop::apart(disk.folder());
    // A process of its own, whose disk is another.
    let mut collector = line::Child::collector(&broker, &shop, 1, u64::MAX);
    collector.says("up");
    let kiosk = line::kiosk(&broker, &shop, broker.port);
    let meter = Meter::start(Arc::clone(&shop.catalog), 8, Room::new(disk.folder(), 400_000));
    meter.wakes(kiosk.waker());
    let (mut searches, mut restarts) = (0, 0);
    let mut random = fastrand::Rng::with_seed(9);
    for round in 0..24 {
        disk.fill(random.u64(0..900_000));
        for n in 0..20 {
            if n % 10 == 0 {
                restarts += 1;
                meter.tell(Telemetry::EngineRestarted { engine: Engine::Stt });
            } else {
                searches += 1;
                meter.tell(Telemetry::Searched { found: n, no_match: false, other_size: false });
            }
        }
        tokio::time::sleep(Duration::from_millis(random.u64(0..120))).await;
        if round % 4 == 3 {
            disk.make_room();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    disk.fill(0);
    // Nothing more is written: it is still there, and says so.
    let before = shop.fleet()[0].seen_at;
    until("it says how it is on a full disk", || shop.fleet()[0].seen_at > before).await;
    disk.make_room();
    let all = Arc::clone(&meter);
    tokio::task::spawn_blocking(move || all.stop()).await.unwrap();
    until("all is told", || {
        shop.catalog.outbox().unwrap().waiting == 0 && shop.count("engine_restarted") == restarts
    })
    .await;
    until("and what was given up", || {
        let given_up = shop.given_up().1.get("telemetry").copied().unwrap_or(0);
        shop.count("searched") + given_up == searches
    })
    .await;
    println!("{} of {searches} searches arrived, the rest is counted", shop.count("searched"));
    assert!(shop.count("searched") < searches, "the disk was full");
    kiosk.stop().await;
    is_whole(disk.folder());
}

#[test]
fn a_kiosk_on_a_full_disk_answers_and_calls_for_somebody() {
    with_disk("on_a_disk_of_its_own_the_program", 48);
}

/// Not a test by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_disk_of_its_own_the_program() {
    let Some(disk) = Disk::of_this_process() else { return };
    if !disk.is_own() {
        // A limit of this process says nothing to another.
        return;
    }
    let broker = Broker::start();
    let (office, collected) = (desk::office(&broker), Shop::new());
    let catalog = office.data.path().join("catalog.jsonl");
    std::fs::write(&catalog, content(1).text()).unwrap();
    office.json(&["office", "publish", "--json", catalog.to_str().unwrap()]);
    let collector = line::collector(&broker, &collected, 1);
    let kiosk = Program::with_demo_store_in(tempfile::tempdir_in(disk.folder()).unwrap());
    desk::join(&kiosk, &broker, &office, "[machine]\nlow_disk_mb = 10\n");
    let running = Running::start(&kiosk);
    running.is_there().await;
    let carries = |version| collected.fleet().iter().any(|kiosk| kiosk.catalog == Some(version));
    until("the catalog is in use", || carries(1)).await;

    disk.fill(0);
    std::fs::write(&catalog, content(4).text()).unwrap();
    office.json(&["office", "publish", "--json", catalog.to_str().unwrap()]);
    let trouble = |words: &str| {
        collected.fleet().iter().any(|kiosk| kiosk.troubles.iter().any(|trouble| trouble.contains(words)))
    };
    for _ in 0..20 {
        assert_eq!(running.ask("do you have thing 7")["cards"][0]["sku"], "P-7");
    }
    until("head office sees that the disk is full", || trouble("the disk is nearly full")).await;
    until("and what that keeps from it", || trouble("bundle 2")).await;
    // A little room: what has weight is told of.
    disk.fill(1_000_000);
    until("somebody is called for", || collected.count("alert") == 1).await;
    until("and told what is refused", || collected.count("refused") == 1).await;
    // It starts without a free byte, too, where nothing else can even read.
    disk.fill(0);
    running.stop();
    disk.fill(0);
    assert!(!kiosk.run(&["ask", "do you have thing 7"]).status.success());
    let running = Running::start(&kiosk);
    running.is_there().await;
    assert_eq!(running.ask("do you have thing 7")["cards"][0]["sku"], "P-7");
    disk.make_room();
    running.stop();
    let running = Running::start(&kiosk);
    until("the newer catalog is in use", || carries(2)).await;
    assert_eq!(running.ask("do you have thing 7")["cards"][0]["sku"], "P-7");
    let given_up = || collected.given_up().1.get("telemetry").copied().unwrap_or(0);
    let told = || collected.count("searched") + given_up();
    until("each search is told, or counted as given up", || told() >= 22).await;
    running.stop();
    collector.stop().await;
}

/// Not a test by itself: a collector whose disk is another.
#[tokio::test]
async fn a_process_of_its_own() {
    line::be_what_the_environment_says().await;
}
