//! A kiosk that has no catalog, or whose catalog is damaged: it waits, says so, and is served by
//! head office's over the line, without anybody who comes to it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/broker.rs"]
mod broker;
mod common;
#[path = "common/desk.rs"]
mod desk;
#[path = "common/ends.rs"]
mod ends;
#[path = "common/line.rs"]
mod line;
#[path = "common/running.rs"]
mod running;

use aisle::store::Catalog;
use broker::Broker;
use common::{Kiosk, text};
use desk::UNTRIED;
use line::until;
use running::Running;
use serde_json::Value;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

const ROWS: &str = "{\"record\":\"catalog\",\"format\":1,\"name\":\"Market of head office\",\"currency\":\"USD\"}\n\
    {\"record\":\"product\",\"sku\":\"FR-1\",\"title\":\"Ruby dragonfruit\",\"price_cents\":300,\"stock\":9,\"category\":[\"Fruit\"]}\n\
    {\"record\":\"product\",\"sku\":\"FR-2\",\"title\":\"Green mangosteen\",\"price_cents\":250,\"stock\":4,\"category\":[\"Fruit\"]}\n";

/// Publishes the catalog, a price and a recall.
fn publish(office: &Kiosk) {
    let catalog = office.file("catalog.jsonl", ROWS);
    office.json(&[&["office", "publish", "--json", &catalog], UNTRIED].concat());
    let prices = office.file("prices.csv", "sku,price_cents\nFR-1,199\n");
    office.json(&["office", "price", "--json", &prices, "--store", "s042", "--as-of", "now"]);
    let text = ["--text", "The maker recalls it.", "--store", "s042", "--json"];
    office.json(&[&["office", "recall", "add", "worms", "--sku", "FR-2"], &text[..]].concat());
}

fn price(running: &Running) -> Value {
    running.ask("do you have ruby dragonfruit")["cards"][0]["price_cents"].clone()
}

/// Waits until the kiosk sells what head office has said.
async fn is_served(running: &Running, kiosk: &Kiosk) {
    until("the price of head office is in use", || price(running) == 199).await;
    until("and the recall", || {
        let sku = aisle::domain::Sku::new("FR-2").unwrap();
        Catalog::open(kiosk.data.path()).unwrap().stopped(&sku).unwrap().is_some()
    })
    .await;
    let answer = running.ask("do you have green mangosteen");
    assert_eq!(answer["cards"], Value::Array(Vec::new()), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kiosk_without_a_catalog_waits_for_the_first_one() {
    let broker = Broker::start();
    let (office, kiosk) = (desk::office(&broker), Kiosk::empty());
    desk::join(&kiosk, &broker, &office, "");
    let checks = kiosk.json(&["doctor", "--json"]);
    let of_catalog =
        checks["checks"].as_array().unwrap().iter().find(|own| own["name"] == "catalog").unwrap();
    assert_eq!(of_catalog["health"], "warning", "{of_catalog}");
    let socket = kiosk.data.path().join("watchdog");
    let watchdog = UnixDatagram::bind(&socket).unwrap();
    watchdog.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let running = Running::start_watched(&kiosk, &socket);
    running.is_there().await;

    let answer = running.ask("do you have ruby dragonfruit");
    assert_eq!(answer["cards"], Value::Array(Vec::new()), "{answer}");
    assert!(answer["degraded"][0].as_str().unwrap().contains("no catalog"), "{answer}");
    // A restart would bring none.
    let mut beats = 0;
    while beats < 3 {
        let mut told = [0; 256];
        let size = watchdog.recv(&mut told).unwrap();
        beats += usize::from(String::from_utf8_lossy(&told[..size]).contains("WATCHDOG=1"));
    }

    publish(&office);
    is_served(&running, &kiosk).await;
    running.stop();

    // Another disk, and all waits at the broker in whatever order it comes.
    let wiped = Kiosk::empty();
    desk::join(&wiped, &broker, &office, "");
    let running = Running::start(&wiped);
    running.is_there().await;
    is_served(&running, &wiped).await;
    running.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_catalog_is_put_aside_and_comes_anew() {
    let broker = Broker::start();
    let (office, kiosk) = (desk::office(&broker), Kiosk::empty());
    desk::join(&kiosk, &broker, &office, "");
    publish(&office);
    let running = Running::start(&kiosk);
    running.is_there().await;
    is_served(&running, &kiosk).await;
    running.stop();
    let corrected = kiosk.run(&["catalog", "correct", "FR-1", "--stock", "2"]);
    assert!(corrected.status.success(), "{}", text(&corrected.stderr));

    // As a dying disk does it: the header stands, pages behind it are junk.
    let path = kiosk.data.path().join("catalog.db");
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let size = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&vec![0x5A; usize::try_from(size).unwrap() - 4096]).unwrap();
    drop(file);
    let running = Running::start(&kiosk);
    running.is_there().await;
    is_served(&running, &kiosk).await;
    assert_eq!(running.ask("do you have ruby dragonfruit")["cards"][0]["stock"], 2, "the shop's own count");
    assert!(kiosk.data.path().join("catalog.db.damaged").is_file());
    running.stop();

    // Without head office nobody would bring another: a person decides.
    fs::write(&path, [0x5A; 8192]).unwrap();
    fs::remove_file(kiosk.data.path().join("aisle.toml")).unwrap();
    let refused =
        kiosk.command().args(["run", "--headless", "--socket"]).arg(kiosk.data.path().join("s")).output();
    let refused = refused.unwrap();
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("aisle catalog import FILE"), "{}", text(&refused.stderr));
}
