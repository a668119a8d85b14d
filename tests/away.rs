//! A kiosk that was away for three days, whose clock is wrong, or whose broker lost its memory: it
//! ends with the newest catalog, price and count, exactly the recalls that stand, and head office
//! has all that happened meanwhile, once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/broker.rs"]
mod broker;
mod common;
#[path = "common/desk.rs"]
mod desk;
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

use aisle::store::{Catalog, Lane, NewEvent, Priority};
use aisle::sync::session::Outcome;
use aisle::sync::wire::event::Refusal;
use broker::Broker;
use common::Kiosk as Program;
use jiff::{SignedDuration, Timestamp, ToSpan};
use kiosk::{Kiosk, at};
use line::{Shop, until};
use running::Running;
use serde_json::Value;
use std::collections::BTreeSet;
use support::bundle::{Content, Office, header, product, root_of};
use uuid::Uuid;

fn content(round: u64) -> Content {
    let rows = (0..60).map(|n| {
        let price = if n % 9 == 0 { 100 + round } else { 100 };
        product(&format!(r#"{{"sku":"P-{n}","title":"Thing {n}","price_cents":{price},"stock":1}}"#))
    });
    let fruit =
        format!(r#"{{"sku":"FR-1","title":"Ruby dragonfruit","price_cents":{},"stock":1}}"#, 300 + round);
    Content::new(&[header("Market of head office")], rows.chain([product(&fruit)]))
}

/// Events that happened over three days before now; their ids.
fn happened(catalog: &Catalog, count: u32) -> BTreeSet<Uuid> {
    let (from, now) = (Timestamp::now() - 72.hours(), Timestamp::now());
    let every = now.duration_since(from) / i32::try_from(count).unwrap();
    (0..count)
        .map(|n| {
            let (id, made_at) = (Uuid::now_v7(), from + every * i32::try_from(n).unwrap());
            let (lane, priority, kind, body) = match n % 4 {
                0 => (Lane::Order, Priority::Keep, "order_placed", format!(
                    r#"{{"kind":"order_placed","number":"k1-{n}","lines":[{{"sku":"FR-1","quantity":1}}]}}"#
                )),
                1 => (Lane::Inventory, Priority::High, "counted", format!(
                    r#"{{"kind":"counted","sku":"P-1","stock":{n},"as_of":"{made_at}"}}"#
                )),
                _ => (Lane::Telemetry, Priority::Usual, "list_confirmed", format!(
                    r#"{{"kind":"list_confirmed","lines":{n}}}"#
                )),
            };
            let event = NewEvent { id, lane, kind, priority, made_at, body: &body };
            assert!(catalog.keep_event(&event, 32 << 20).unwrap());
            id
        })
        .collect()
}

fn card(running: &Running, field: &str) -> Value {
    running.ask("do you have ruby dragonfruit")["cards"][0][field].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_days_away_and_a_broker_that_forgot_all_end_well() {
    let mut broker = Broker::start();
    let (office, collected) = (desk::office(&broker), Shop::new());
    let publish = |round: u64, more: &[&str]| {
        let path = office.file("catalog.jsonl", content(round).text());
        office.json(&[&["office", "publish", "--json", &path], more].concat())
    };
    let said = |kind: &str, rows: &str, as_of: &str| {
        let path = office.file("rows.csv", rows);
        office.json(&["office", kind, "--json", &path, "--store", "s042", "--as-of", as_of])
    };
    let recall = |id: &str, sku: &str| {
        let text = ["--text", "The maker recalls it.", "--store", "s042", "--json"];
        office.json(&[&["office", "recall", "add", id, "--sku", sku], &text[..]].concat())
    };
    publish(1, &[]);
    let program = Program::with_demo_store();
    desk::join(&program, &broker, &office, "");
    let running = Running::start(&program);
    running.is_there().await;
    until("the first catalog is in use", || card(&running, "price_cents") == 301).await;
    until("its events are in the outbox", || {
        Catalog::open(program.data.path()).unwrap().outbox().unwrap().waiting > 0
    })
    .await;

    // Away: shoppers are served, the shop corrects, events pile up, also over a restart.
    broker.kill();
    for _ in 0..5 {
        assert_eq!(card(&running, "price_cents"), 301);
    }
    running.stop();
    let catalog = Catalog::open(program.data.path()).unwrap();
    let mut ids = happened(&catalog, 400);
    assert!(program.run(&["catalog", "correct", "P-3", "--stock", "9"]).status.success());
    let running = Running::start(&program);
    running.is_there().await;
    assert_eq!(card(&running, "price_cents"), 301);
    running.stop();
    for lane in Lane::ALL {
        ids.extend(catalog.waiting_events(lane, 0, 10_000, 1 << 30).unwrap().into_iter().map(|row| row.id));
    }

    // Meanwhile head office says much, and takes some of it back.
    broker.restart();
    for round in 2..=4 {
        publish(round, &[]);
        let as_of = (Timestamp::now() - (40 - i64::try_from(round).unwrap()).seconds()).to_string();
        said("price", &format!("sku,price_cents\nFR-1,{}\nP-5,{}\n", 200 + round, 50 + round), &as_of);
        said("stock", &format!("sku,stock\nFR-1,{}\n", 10 + round), &as_of);
    }
    recall("glass", "P-7");
    recall("nuts", "P-8");
    office.json(&["office", "recall", "lift", "glass", "--json"]);
    recall("milk", "P-9");
    // And then the broker loses all that it kept.
    broker.kill();
    broker.forget();
    broker.restart();
    let again = publish(4, &["--again"]);
    office.json(&["office", "resend", "--json"]);
    let version = again["version"].as_u64().unwrap();

    let collector = line::collector(&broker, &collected, 1);
    let running = Running::start(&program);
    let carries = || collected.fleet().iter().any(|kiosk| kiosk.catalog == Some(version));
    until("the newest catalog is in use", carries).await;
    until("the newest price and count are", || {
        card(&running, "price_cents") == 204 && card(&running, "stock") == 14
    })
    .await;
    until("and the recalls", || collected.fleet().iter().any(|kiosk| kiosk.recall > 0)).await;
    let stopped = ["P-7", "P-8", "P-9"].map(|name| catalog.stopped(&kiosk::sku(name)).unwrap().is_some());
    assert_eq!(stopped, [false, true, true]);
    assert_eq!(root_of(&catalog), content(4).root, "to the byte");
    until("all is told", || catalog.outbox().unwrap().waiting == 0).await;
    let has = collected.office.events_of("s042", "k1").unwrap();
    let unique: BTreeSet<Uuid> = has.iter().copied().collect();
    assert_eq!(has.len(), unique.len(), "each once");
    assert_eq!(ids.difference(&unique).count(), 0, "and none is missing");
    assert_eq!(collected.office.orders("s042", "k1-0").unwrap().len(), 1);
    assert!(catalog.outbox().unwrap().dropped.is_empty());
    running.stop();
    collector.stop().await;
}

const EARLY: &str = "2026-11-26T08:00:00Z";

/// What head office has published at 8 o'clock.
fn published(rounds: u64) -> (Office, Vec<aisle::sync::wire::catalog::Manifest>) {
    let mut office = Office::new();
    let manifests = (1..=rounds).map(|round| office.publish(round, &content(round), "")).collect();
    (office, manifests)
}

fn refusals(kiosk: &Kiosk) -> Vec<Refusal> {
    let why = |told: &Outcome| match told {
        Outcome::Refused { why, .. } | Outcome::LiveRefused { why, .. } => Some(*why),
        _ => None,
    };
    kiosk.told.iter().filter_map(why).collect()
}

#[test]
fn a_clock_that_begins_in_1970_delays_prices_alone_until_it_is_set() {
    let (office, manifests) = published(1);
    let folder = tempfile::tempdir().unwrap();
    let mut kiosk = Kiosk::open(folder.path(), Timestamp::UNIX_EPOCH);
    kiosk.hear(kiosk::manifest(&manifests[0]));
    let later = at(EARLY) + 30.hours();
    kiosk.hear(kiosk::recalls(1, later, &["P-7"]));
    kiosk.hear(kiosk::prices(1, 1, later, &[("FR-1", 200)]));
    kiosk.run_for(&office, 200);
    // The catalog's own signature says what time it is at least; a day later is too far ahead.
    assert_eq!(kiosk.catalog.bundle().unwrap().unwrap().version, 1);
    assert!(kiosk.is_stopped("P-7"), "a recall asks no clock");
    assert_eq!((kiosk.price("FR-1"), refusals(&kiosk)), (Some(301), vec![Refusal::Expired]));
    kiosk.clock = later + 1.minute();
    kiosk.run(&office);
    assert_eq!(kiosk.price("FR-1"), Some(200), "it was kept, and looked at again");
}

#[test]
fn a_clock_three_days_ahead_takes_nothing_back_and_goes_on_when_it_is_set() {
    let (office, mut manifests) = published(2);
    let folder = tempfile::tempdir().unwrap();
    let mut kiosk = Kiosk::open(folder.path(), at(EARLY));
    kiosk.hear(kiosk::manifest(&manifests[0]));
    kiosk.run(&office);
    kiosk.clock = at(EARLY) + 72.hours();
    manifests[1].expires = at(EARLY) + 48.hours();
    kiosk.hear(kiosk::manifest(&manifests[1]));
    kiosk.hear(kiosk::prices(1, 1, at(EARLY), &[("FR-1", 200)]));
    kiosk.hear(kiosk::recalls(1, at(EARLY), &["P-7"]));
    kiosk.run_for(&office, 50);
    assert_eq!(kiosk.catalog.bundle().unwrap().unwrap().version, 1, "by its clock the second has expired");
    assert_eq!(refusals(&kiosk), [Refusal::Expired], "which is said once");
    assert_eq!((kiosk.price("FR-1"), kiosk.is_stopped("P-7")), (Some(200), true));
    kiosk.clock = at(EARLY) + SignedDuration::from_mins(5);
    kiosk.run(&office);
    assert_eq!(root_of(&kiosk.catalog), content(2).root);
}

#[test]
fn a_clock_three_days_behind_believes_what_was_signed_and_nothing_older() {
    let (office, manifests) = published(3);
    let folder = tempfile::tempdir().unwrap();
    let mut kiosk = Kiosk::open(folder.path(), at(EARLY));
    kiosk.hear(kiosk::manifest(&manifests[1]));
    kiosk.hear(kiosk::prices(2, 5, at(EARLY), &[("FR-1", 205)]));
    kiosk.hear(kiosk::counts(2, 5, at(EARLY), &[("FR-1", 5)]));
    kiosk.hear(kiosk::recalls(5, at(EARLY), &["P-7", "P-8"]));
    kiosk.run(&office);
    drop(kiosk);
    // At the next start the clock is behind, and all that comes is old, doubled or out of order.
    let mut kiosk = Kiosk::open(folder.path(), at(EARLY) - 72.hours());
    for event in [
        kiosk::manifest(&manifests[0]),
        kiosk::prices(2, 4, at(EARLY) - 1.hour(), &[("FR-1", 1)]),
        kiosk::counts(2, 4, at(EARLY) - 1.hour(), &[("FR-1", 1)]),
        kiosk::recalls(4, at(EARLY), &[]),
        kiosk::recalls(6, at(EARLY), &["P-8"]),
        kiosk::recalls(6, at(EARLY), &["P-8"]),
        kiosk::recalls(5, at(EARLY), &["P-7", "P-8"]),
        kiosk::prices(2, 6, at(EARLY) + 1.minute(), &[("FR-1", 206)]),
        kiosk::prices(2, 5, at(EARLY), &[("FR-1", 205)]),
        kiosk::counts(2, 6, at(EARLY) + 1.minute(), &[("FR-1", 6)]),
    ] {
        kiosk.hear(event);
    }
    kiosk.run(&office);
    assert_eq!(kiosk.catalog.bundle().unwrap().unwrap().version, 2);
    assert_eq!((kiosk.price("FR-1"), kiosk.stock("FR-1")), (Some(206), Some(6)));
    assert_eq!((kiosk.is_stopped("P-7"), kiosk.is_stopped("P-8")), (false, true));
    // What is older than one that is still on its way to the disk is passed over.
    assert_eq!(refusals(&kiosk), [Refusal::Rollback; 4]);
    kiosk.hear(kiosk::manifest(&manifests[2]));
    kiosk.run(&office);
    assert_eq!(root_of(&kiosk.catalog), content(3).root);
}
