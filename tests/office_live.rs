//! Head office's word to single stores, by its commands and over a real broker: recalls, prices
//! and counts come as a kiosk accepts them, add up, and go on from what the broker keeps, whatever
//! became of the folder or of the command before.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/broker.rs"]
mod broker;
mod common;
#[path = "common/desk.rs"]
mod desk;
#[path = "common/ends.rs"]
mod ends;
#[path = "common/wire.rs"]
mod wire;

use aisle::sync::accept::{Mark, Signed, Step, accept};
use aisle::sync::keys::{Anchor, KeyList, Trust};
use aisle::sync::mqtt::Told;
use aisle::sync::sign::{SecretKey, SignError, seal};
use aisle::sync::topics::{Name, Topic};
use aisle::sync::wire::live::{Counts, Prices, Recalls};
use broker::Broker;
use bytes::Bytes;
use common::{Kiosk as Office, text};
use desk::{UNTRIED, office, set};
use ends::{End, PATIENCE, office_options};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use wire::{Fault, Wire};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// All that kiosks of all stores have accepted, and what the broker keeps for them.
#[derive(Default)]
struct Kiosks {
    marks: Vec<Mark>,
    keys: Option<KeyList>,
    recalls: BTreeMap<String, Recalls>,
    prices: BTreeMap<(String, u8), Prices>,
    counts: BTreeMap<(String, u8), Counts>,
    /// Why a message was not taken, by topic.
    refused: BTreeMap<String, SignError>,
}

impl Kiosks {
    /// Looks at all that is retained, as kiosks do that connect. What is refused as older than
    /// what was accepted, or as another message of one version, is head office's fault.
    async fn look(&mut self, broker: &Broker, office: &Office) {
        let retained = retained(broker).await;
        let shown = office.json(&["office", "keys", "show", "--json"]);
        let root = shown["root_keys"].as_array().unwrap();
        let keys = root.iter().map(|key| key.as_str().unwrap().parse().unwrap()).collect();
        let chain = &retained["aisle/v1/acme/keys"];
        let trust = Trust::begin(&Anchor { keys, threshold: 1 }, chain, &name("acme")).unwrap();
        self.keys = Some(trust.list().clone());
        self.refused.clear();
        for (text, payload) in &retained {
            match Topic::parse(text).unwrap().1 {
                ref topic @ Topic::Recall { ref store } => {
                    if let Some(message) = self.take(topic, payload) {
                        self.recalls.insert(store.to_string(), message);
                    }
                }
                ref topic @ Topic::Price { ref store, shard } => {
                    if let Some(message) = self.take(topic, payload) {
                        self.prices.insert((store.to_string(), shard), message);
                    }
                }
                ref topic @ Topic::Stock { ref store, shard } => {
                    if let Some(message) = self.take(topic, payload) {
                        self.counts.insert((store.to_string(), shard), message);
                    }
                }
                _ => {}
            }
        }
    }

    fn take<M: Signed>(&mut self, topic: &Topic, payload: &Bytes) -> Option<M> {
        let keys = self.keys.as_ref().unwrap();
        let taken = accept::<M>(payload, topic, &name("acme"), keys, &self.marks, Timestamp::now());
        match taken {
            Ok(taken) => {
                if taken.step == Step::Newer {
                    let same = |mark: &Mark| {
                        taken.marks.iter().any(|new| (&new.scope, new.key) == (&mark.scope, mark.key))
                    };
                    self.marks.retain(|mark| !same(mark));
                    self.marks.extend(taken.marks);
                }
                Some(taken.message)
            }
            Err(error @ (SignError::Rollback { .. } | SignError::Equivocal(_))) => {
                panic!("{topic:?}: {error}")
            }
            Err(error) => {
                self.refused.insert(topic.scope(&name("acme")), error);
                None
            }
        }
    }

    fn stopped(&self, store: &str) -> (u64, Vec<String>) {
        let message = &self.recalls[store];
        (message.version, message.items.items.iter().map(|item| item.id.to_string()).collect())
    }

    /// Prices by product; a product that stands in two shards is a fault once all has arrived.
    fn prices(&self, store: &str) -> BTreeMap<String, i64> {
        let mut all = BTreeMap::new();
        for row in self.prices.iter().filter(|(at, _)| at.0 == store).flat_map(|(_, message)| &message.rows) {
            assert!(all.insert(row.sku.to_string(), row.price_cents.unwrap()).is_none(), "{} twice", row.sku);
        }
        all
    }
}

/// What the broker keeps for stores, by topic, and the keys.
async fn retained(broker: &Broker) -> BTreeMap<String, Bytes> {
    let mut options = office_options(broker);
    options.client = "acme/k/s042/k7".into();
    options.tls = broker.tls("acme/k/s042/k7");
    options.subscriptions =
        vec!["aisle/v1/acme/s/+/#".into(), "aisle/v1/acme/keys".into(), "aisle/v1/acme/k/s042/k7/#".into()];
    let mut end = End::open(options).once_up().await;
    // What is retained comes before what is said after it.
    end.send(ends::message("aisle/v1/acme/k/s042/k7/telemetry", "done")).await;
    let mut all = BTreeMap::new();
    loop {
        if let Told::Arrived(arrival) = end.told().await {
            if arrival.payload == "done" {
                break;
            }
            all.insert(arrival.topic, arrival.payload);
        }
    }
    end.stop().await;
    all
}

/// Puts messages at the broker by somebody who may write everywhere and has no key.
async fn plant(broker: &Broker, messages: &[(&str, Vec<u8>)]) {
    let mut end = End::office(broker).await;
    for (topic, payload) in messages {
        let message = aisle::sync::mqtt::Message {
            topic: format!("aisle/v1/acme/{topic}"),
            payload: payload.clone().into(),
            retain: true,
            ..aisle::sync::mqtt::Message::default()
        };
        end.insist(message).await;
    }
    end.stop().await;
}

fn file(office: &Office, name: &str, lines: &str) -> PathBuf {
    let path = office.data.path().join(name);
    fs::write(&path, lines).unwrap();
    path
}

/// Publishes a catalog of these prices, sure since `as_of`.
fn publish(office: &Office, prices: &[(&str, i64)], as_of: &str) {
    let mut lines = format!(
        "{{\"record\":\"catalog\",\"format\":1,\"name\":\"Shop\",\"currency\":\"USD\",\"as_of\":\"{as_of}\"}}\n"
    );
    for (sku, price) in prices {
        lines += &format!(
            "{{\"record\":\"product\",\"sku\":\"{sku}\",\"title\":\"Thing {sku}\",\"price_cents\":{price}}}\n"
        );
    }
    let path = file(office, "catalog.jsonl", &lines);
    office.json(&[&["office", "publish", "--json", path.to_str().unwrap()], UNTRIED].concat());
}

fn send(office: &Office, kind: &str, lines: &str, more: &[&str]) -> Value {
    let path = file(office, &format!("{kind}.csv"), lines);
    office.json(&[&["office", kind, "--json", path.to_str().unwrap()], more].concat())
}

fn stop(office: &Office, id: &str, sku: &str, more: &[&str]) -> Value {
    let arguments =
        ["office", "recall", "add", id, "--sku", sku, "--text", "The maker recalls it.", "--json"];
    office.json(&[&arguments, more].concat())
}

fn copy(from: &Path, to: &Path) {
    assert!(std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

fn owned(expected: &[(&str, i64)]) -> BTreeMap<String, i64> {
    expected.iter().map(|(sku, price)| ((*sku).to_owned(), *price)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recall_comes_to_its_stores_stays_and_is_lifted() {
    let broker = Broker::start();
    let office = office(&broker);
    let both = ["--store", "s042", "--store", "s043"];
    let dry = stop(&office, "milk", "DA-1001", &[&both[..], &["--dry-run"]].concat());
    assert_eq!((&dry["state"], &dry["stores"][0]["outcome"]), (&"dry_run".into(), &"added".into()));
    assert!(!office.data.path().join("office/live").exists(), "a look leaves nothing");

    let said = stop(&office, "milk", "DA-1001", &both);
    assert_eq!((&said["state"], said["stores"].as_array().unwrap().len()), (&"sent".into(), 2));
    assert_eq!((&said["stores"][1]["version"], &said["stores"][1]["messages"]), (&1.into(), &1.into()));
    let mut kiosks = Kiosks::default();
    kiosks.look(&broker, &office).await;
    assert_eq!(kiosks.stopped("s042"), (1, vec!["milk".to_owned()]));
    assert_eq!(kiosks.stopped("s043"), (1, vec!["milk".to_owned()]));

    // A person is told in one line for each store.
    let nuts =
        ["office", "recall", "add", "nuts", "--gtin", "4006381333931", "--lot", "L2381", "--text", "Glass."];
    let output = office.run(&[&nuts[..], &["--store", "s042"]].concat());
    assert_eq!(text(&output.stdout), "s042: recall nuts stands now; recalls 2 (before: 1), version 2.\n");
    let output = office.run(&[&nuts[..], &["--all-stores"]].concat());
    assert_eq!(
        text(&output.stdout),
        "s042: recall nuts is as before; recalls 2 (before: 2), version 2.\n\
         s043: recall nuts stands now; recalls 2 (before: 1), version 2.\n"
    );
    kiosks.look(&broker, &office).await;
    let item = &kiosks.recalls["s042"].items.items[1];
    assert_eq!((item.gtins[0].to_string(), item.lot.as_deref()), ("04006381333931".into(), Some("L2381")));

    // Nobody lets milk be sold again by mistake.
    let other = ["office", "recall", "add", "milk", "--sku", "DA-2", "--text", "Other.", "--store", "s042"];
    let error = office.refusal(&other);
    assert!(error.contains("s042: recall milk stands there") && error.contains("--replace"), "{error}");
    assert!(office.run(&[&other[..], &["--replace"]].concat()).status.success());
    kiosks.look(&broker, &office).await;
    assert_eq!(
        (kiosks.stopped("s042").0, kiosks.recalls["s042"].items.items[0].skus[0].as_str()),
        (3, "DA-2")
    );

    let list = office.json(&["office", "recall", "list", "--json", "--store", "s043"]);
    let ids: Vec<&str> =
        list["recalls"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!((ids, &list["recalls"][0]["sent"]), (vec!["milk", "nuts"], &true.into()));
    let shown = text(&office.run(&["office", "recall", "list"]).stdout);
    assert!(
        shown.contains("s042  nuts  since ") && shown.contains("GTIN 04006381333931; lot L2381"),
        "{shown}"
    );

    let lifted = office.json(&["office", "recall", "lift", "milk", "--json"]);
    assert_eq!(
        (&lifted["stores"][0]["outcome"], &lifted["stores"][1]["after"]),
        (&"lifted".into(), &1.into())
    );
    assert!(office.run(&["office", "recall", "lift", "nuts", "--store", "s043"]).status.success());
    kiosks.look(&broker, &office).await;
    assert_eq!(kiosks.stopped("s042"), (4, vec!["nuts".to_owned()]));
    assert_eq!(kiosks.stopped("s043"), (4, Vec::new()), "an empty list lifts all");
    let error = office.refusal(&["office", "recall", "lift", "milk"]);
    assert!(error.contains("milk stands nowhere") && error.contains("recall list"), "{error}");

    for (arguments, wanted) in [
        (&["x y", "--sku", "A", "--text", "t", "--store", "s1"][..], "is no name"),
        (&["x", "--text", "t", "--store", "s1"], "--sku"),
        (&["x", "--sku", "A", "--text", "t"], "--store"),
        (&["x", "--gtin", "4006381333932", "--text", "t", "--store", "s1"], "check digit"),
        (&["x", "--sku", "A", "--text", "", "--store", "s1"], "text: write 1 to 300"),
    ] {
        let output = office.run(&[&["office", "recall", "add"], arguments].concat());
        let error = text(&output.stderr);
        assert!(output.status.code() == Some(2) && error.contains(wanted), "{error}");
    }
    assert!(!office.data.path().join("office/live/s1").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_heard_of_later_comes_to_the_recalls_for_all() {
    let broker = Broker::start();
    let office = office(&broker);
    publish(&office, &[("A", 100)], "2026-11-20");
    stop(&office, "own", "A", &["--store", "s042"]);
    for id in ["milk", "nuts", "eggs"] {
        stop(&office, id, "A", &["--all-stores"]);
    }
    office.json(&["office", "recall", "lift", "eggs", "--json"]);
    send(&office, "price", "sku,price\nA,1.10\n", &["--store", "s050", "--as-of", "2026-11-21"]);
    let mut kiosks = Kiosks::default();
    kiosks.look(&broker, &office).await;
    assert_eq!(kiosks.stopped("s050"), (1, vec!["milk".to_owned(), "nuts".to_owned()]));
    // Lifted in one store it stays so, whatever is said later.
    office.json(&["office", "recall", "lift", "nuts", "--store", "s050", "--json"]);
    office.json(&["office", "resend", "--json"]);
    kiosks.look(&broker, &office).await;
    assert_eq!(kiosks.stopped("s050"), (2, vec!["milk".to_owned()]));
    assert_eq!(kiosks.stopped("s042").1, ["own", "milk", "nuts"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prices_and_counts_add_up_since_the_catalog() {
    let broker = Broker::start();
    let office = office(&broker);
    let error = {
        let path = file(&office, "early.csv", "sku,price\nA,1\n");
        office.refusal(&["office", "price", path.to_str().unwrap(), "--store", "s042"])
    };
    assert!(error.contains("nothing is published to all yet") && error.contains("--group"), "{error}");
    publish(&office, &[("A", 100), ("B", 200), ("C", 300)], "2026-11-20T00:00:00Z");

    let at = ["--store", "s042", "--as-of", "2026-11-21T06:00:00Z"];
    let rows = "sku,price,as_of\nA,1.10,2026-11-21T06:00:00Z\nC,3.00,2026-11-19\n";
    let dry = send(&office, "price", rows, &[&at[..], &["--dry-run"]].concat());
    assert_eq!((&dry["state"], &dry["stores"][0]["added"]), (&"dry_run".into(), &1.into()));
    assert!(!office.data.path().join("office/live").exists(), "a look leaves nothing");
    let one = send(&office, "price", rows, &at);
    let told = &one["stores"][0];
    assert_eq!((&told["catalog"], &told["added"], &told["in_catalog"]), (&1.into(), &1.into(), &1.into()));
    let mut kiosks = Kiosks::default();
    kiosks.look(&broker, &office).await;
    assert_eq!(kiosks.prices("s042"), owned(&[("A", 110)]));

    // The second file says something of other products, and of one something older.
    let two = "sku,price,as_of\nA,0.90,2026-11-20T12:00:00Z\nB,2.20,\nX,9.99,\n";
    let path = file(&office, "two.csv", two);
    let output =
        office.run(&["office", "price", path.to_str().unwrap(), "--store", "s042", "--as-of", "2026-11-21"]);
    let note = text(&output.stderr);
    assert!(
        note.contains("not in version 1 of all: 1 of 3 products (X)") && note.lines().count() == 1,
        "{note}"
    );
    assert_eq!(
        text(&output.stdout),
        "s042: 3 prices since version 1 of all (before: 1); new 2, replaced 0, same 0, older than what stands 1, \
         in the catalog 0, dropped 0; messages sent: 1.\n"
    );
    kiosks.look(&broker, &office).await;
    assert_eq!(kiosks.prices("s042"), owned(&[("A", 110), ("B", 220), ("X", 999)]));
    let message = &kiosks.prices[&("s042".to_owned(), 0)];
    assert_eq!((message.version, message.catalog), (2, 1));
    let again = office.json(&[
        "office",
        "price",
        "--json",
        path.to_str().unwrap(),
        "--store",
        "s042",
        "--as-of",
        "2026-11-21",
    ]);
    assert_eq!((&again["stores"][0]["messages"], &again["stores"][0]["same"]), (&0.into(), &2.into()));

    // Counts are their own; a bad row sends nothing, not even the good ones.
    send(&office, "stock", "sku,stock,availability\nA,5,\nB,,out of stock\n", &at);
    let path = file(&office, "bad.csv", "sku,stock\nA,7\nB,many\nC,-1\n");
    let error = office.refusal(&["office", "stock", path.to_str().unwrap(), "--store", "s042"]);
    assert!(
        error.contains("bad.csv line 3: stock \"many\"") && error.contains("one more bad row"),
        "{error}"
    );
    kiosks.look(&broker, &office).await;
    let counts = &kiosks.counts[&("s042".to_owned(), 0)];
    assert_eq!((counts.version, counts.rows.len(), counts.rows[0].stock), (1, 2, Some(5)));

    // The next catalog has what was sent, and is surer: those rows go.
    publish(&office, &[("A", 110), ("B", 220), ("C", 300)], "2026-11-22T00:00:00Z");
    let rows = "sku,price\nC,3.30\n";
    let three =
        send(&office, "price", rows, &["--store", "s042", "--store", "s043", "--as-of", "2026-11-23"]);
    assert_eq!((&three["stores"][0]["dropped"], &three["stores"][0]["catalog"]), (&2.into(), &2.into()));
    kiosks.look(&broker, &office).await;
    assert_eq!(kiosks.prices("s042"), owned(&[("C", 330), ("X", 999)]));
    assert_eq!(kiosks.prices("s043"), owned(&[("C", 330)]));
    assert_eq!(kiosks.prices[&("s042".to_owned(), 0)].catalog, 2);
    // One that waits for a command is no reason to drop anything.
    let staged = office.data.path().join("catalog.jsonl");
    let lines = fs::read_to_string(&staged).unwrap().replace("\"price_cents\":300", "\"price_cents\":330");
    fs::write(&staged, lines.replace("2026-11-22", "2026-11-24")).unwrap();
    office.json(&[&["office", "publish", "--json", "--staged", staged.to_str().unwrap()], UNTRIED].concat());
    let four = send(&office, "price", "sku,price\nA,1.20\n", &["--store", "s042", "--as-of", "2026-11-23"]);
    assert_eq!((&four["stores"][0]["dropped"], &four["stores"][0]["catalog"]), (&0.into(), &2.into()));
    // Of a group that nobody published to, nothing is sent; the store's own is remembered.
    let path = file(&office, "price.csv", rows);
    let error =
        office.refusal(&["office", "price", path.to_str().unwrap(), "--store", "s042", "--group", "nord"]);
    assert!(error.contains("nothing is published to nord yet"), "{error}");
    let north = office.data.path().join("catalog.jsonl");
    office.json(
        &[&["office", "publish", "--json", "--group", "north", north.to_str().unwrap()], UNTRIED].concat(),
    );
    let rows = "sku,stock\nA,5\n";
    let first = send(&office, "stock", rows, &["--store", "s044", "--group", "north"]);
    let then = send(&office, "price", "sku,price\nA,1.30\n", &["--store", "s044"]);
    assert_eq!(
        (&first["stores"][0]["group"], &then["stores"][0]["group"]),
        (&"north".into(), &"north".into())
    );
    assert_eq!(then["stores"][0]["catalog"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_prices_go_in_as_many_messages_as_they_need() {
    let broker = Broker::start();
    let office = office(&broker);
    publish(&office, &[("P-0", 1)], "2026-11-20T00:00:00Z");
    let rows = |range: std::ops::Range<usize>, cents: usize| {
        let lines: String = range.map(|n| format!("P-{n},{cents}\n")).collect();
        format!("sku,price_cents\n{lines}")
    };
    let at = ["--store", "s042", "--as-of", "2026-11-21"];
    send(&office, "price", &rows(0..900, 1), &at);
    let mut kiosks = Kiosks::default();
    kiosks.look(&broker, &office).await;
    assert_eq!(kiosks.prices.len(), 1);
    send(&office, "price", &rows(900..9_000, 2), &at);
    kiosks.look(&broker, &office).await;
    assert_eq!((kiosks.prices.len(), kiosks.prices("s042").len()), (8, 9_000));
    let one =
        send(&office, "price", "sku,price_cents\nP-7,3\n", &["--store", "s042", "--as-of", "2026-11-22"]);
    assert_eq!((&one["stores"][0]["messages"], &one["stores"][0]["after"]), (&1.into(), &9_000.into()));
    kiosks.look(&broker, &office).await;
    assert_eq!((kiosks.prices("s042")["P-7"], kiosks.prices("s042").len()), (3, 9_000));
    // A folder that is lost goes on from the broker, all shards of it.
    fs::remove_dir_all(office.data.path().join("office/live")).unwrap();
    let one =
        send(&office, "price", "sku,price_cents\nP-8,3\n", &["--store", "s042", "--as-of", "2026-11-22"]);
    assert_eq!((&one["stores"][0]["before"], &one["stores"][0]["messages"]), (&9_000.into(), &1.into()));
    kiosks.look(&broker, &office).await;
    assert_eq!((kiosks.prices("s042")["P-8"], kiosks.prices("s042").len()), (3, 9_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_copy_of_the_folder_goes_on_from_what_was_said_meanwhile() {
    let broker = Broker::start();
    let office = office(&broker);
    publish(&office, &[("A", 100)], "2026-11-20T00:00:00Z");
    let at = ["--store", "s042", "--as-of", "2026-11-21"];
    stop(&office, "milk", "A", &["--store", "s042"]);
    send(&office, "price", "sku,price\nA,1.10\n", &at);
    let folder = office.data.path().join("office");
    let away = office.data.path().join("away");
    copy(&folder, &away);
    stop(&office, "nuts", "B", &["--store", "s042"]);
    office.json(&["office", "recall", "lift", "milk", "--json"]);
    send(&office, "price", "sku,price\nB,2.20\n", &at);
    let mut kiosks = Kiosks::default();
    kiosks.look(&broker, &office).await;
    assert_eq!(kiosks.stopped("s042"), (3, vec!["nuts".to_owned()]));
    fs::remove_dir_all(&folder).unwrap();
    fs::rename(&away, &folder).unwrap();

    // Its milk was lifted meanwhile, and its nuts it does not know: both are as they were left.
    let said = stop(&office, "eggs", "C", &["--store", "s042"]);
    assert_eq!((&said["stores"][0]["version"], &said["stores"][0]["before"]), (&4.into(), &1.into()));
    send(&office, "price", "sku,price\nC,3.30\n", &at);
    kiosks.look(&broker, &office).await;
    assert_eq!(kiosks.stopped("s042"), (4, vec!["nuts".to_owned(), "eggs".to_owned()]));
    assert_eq!(kiosks.prices("s042"), owned(&[("A", 110), ("B", 220), ("C", 330)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_of_head_office_signed_does_not_confuse() {
    let broker = Broker::start();
    let office = office(&broker);
    publish(&office, &[("A", 100)], "2026-11-20T00:00:00Z");
    let at = ["--store", "s042", "--as-of", "2026-11-21"];
    stop(&office, "milk", "A", &["--store", "s042"]);
    stop(&office, "milk", "A", &["--store", "s043"]);
    send(&office, "price", "sku,price\nA,1.10\n", &at);
    let mut kiosks = Kiosks::default();
    kiosks.look(&broker, &office).await;
    let genuine = retained(&broker).await;

    let thief = SecretKey::from_seed(&[9; 32]);
    let issued = Timestamp::now();
    let topic = Topic::Recall { store: name("s042") };
    let nothing = Recalls { version: 900, issued, items: Vec::new().into() };
    let forged = seal(&nothing, &topic, &name("acme"), &[&thief]).unwrap();
    let elsewhere = genuine["aisle/v1/acme/s/s043/recall"].to_vec();
    plant(
        &broker,
        &[
            ("s/s042/recall", forged),
            ("s/s042/price/0", b"no message\nat all".to_vec()),
            ("s/s042/price/9", b"{}".to_vec()),
            ("s/s043/recall", elsewhere),
        ],
    )
    .await;
    kiosks.look(&broker, &office).await;
    assert!(matches!(kiosks.refused["acme/s/s042/recall"], SignError::TooFew { .. }));

    // It goes on from its own word, which comes back to its place.
    let said = stop(&office, "nuts", "B", &["--store", "s042"]);
    assert_eq!(said["stores"][0]["version"], 2);
    let again = send(&office, "price", "sku,price\nA,1.10\n", &at);
    assert_eq!((&again["stores"][0]["same"], &again["stores"][0]["messages"]), (&1.into(), &1.into()));
    kiosks.look(&broker, &office).await;
    assert_eq!(kiosks.stopped("s042"), (2, vec!["milk".to_owned(), "nuts".to_owned()]));
    assert_eq!(kiosks.refused.keys().collect::<Vec<_>>(), ["acme/s/s042/price/9"]);
    assert_eq!(
        retained(&broker).await["aisle/v1/acme/s/s042/price/0"],
        genuine["aisle/v1/acme/s/s042/price/0"]
    );

    // Another's message in the place of a store's own is put right as well.
    let one = retained(&broker).await["aisle/v1/acme/s/s042/recall"].to_vec();
    plant(&broker, &[("s/s043/recall", one)]).await;
    let sent = office.json(&["office", "resend", "--json"]);
    assert_eq!(sent["messages"], 1);
    kiosks.look(&broker, &office).await;
    assert_eq!(kiosks.stopped("s043"), (1, vec!["milk".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_and_a_broker_that_lost_all_need_one_command() {
    let mut broker = Broker::start();
    let office = office(&broker);
    publish(&office, &[("A", 100)], "2026-11-20T00:00:00Z");
    stop(&office, "milk", "A", &["--store", "s042"]);
    send(&office, "price", "sku,price\nA,1.10\n", &["--store", "s042", "--as-of", "2026-11-21"]);
    send(&office, "stock", "sku,stock\nA,4\n", &["--store", "s042", "--as-of", "2026-11-21"]);
    let mut kiosks = Kiosks::default();
    kiosks.look(&broker, &office).await;
    assert_eq!(office.json(&["office", "resend", "--json"])["messages"], 0);

    assert!(office.run(&["office", "keys", "rotate", "live", "--grace-days", "0"]).status.success());
    let output = office.run(&["office", "resend"]);
    assert_eq!(text(&output.stdout), "Messages sent once more: 3, of 1 stores looked at.\n");
    kiosks.look(&broker, &office).await;
    assert!(kiosks.refused.is_empty(), "{:?}", kiosks.refused);
    assert_eq!(kiosks.keys.as_ref().unwrap().version, 2, "the list came before what its key signed");
    assert_eq!((kiosks.stopped("s042").0, kiosks.counts[&("s042".to_owned(), 0)].version), (1, 1));

    broker.kill();
    broker.forget();
    broker.restart();
    assert_eq!(office.json(&["office", "resend", "--json"])["messages"], 3);
    kiosks.look(&broker, &office).await;
    assert_eq!((kiosks.stopped("s042").0, kiosks.prices("s042")), (1, owned(&[("A", 110)])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_killed_anywhere_is_finished_by_the_next() {
    let broker = Broker::start();
    let office = office(&broker);
    publish(&office, &[("P-0", 1)], "2026-11-20T00:00:00Z");
    let wire = Wire::to(broker.port).await;
    wire.set(Fault { delay: Duration::from_millis(2), ..Fault::default() });
    set(&office, &broker, wire.port);
    let mut kiosks = Kiosks::default();
    let (mut newest, mut cut_off) = (BTreeMap::new(), 0);
    for (round, bytes) in [300, 3_000, 20_000, 60_000, 140_000, 220_000].into_iter().enumerate() {
        // More rows each time, so that shards are doubled on the way.
        let rows = 0..(round + 1) * 700;
        let lines: String = rows.map(|n| format!("P-{n},{}\n", round + 1)).collect();
        let path = file(&office, "price.csv", &format!("sku,price_cents\n{lines}"));
        let day = format!("2026-11-{}", 21 + round.min(4));
        let arguments = ["office", "price", path.to_str().unwrap(), "--store", "s042", "--as-of", &day];
        let before = wire.passed().0;
        let mut command = office.command();
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while wire.passed().0 - before < bytes && process.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "{} bytes passed", wire.passed().0 - before);
            sleep(Duration::from_millis(1)).await;
        }
        process.kill().unwrap();
        cut_off += usize::from(!process.wait().unwrap().success());
        // Kiosks hear what came by then: nothing that was there is missing.
        kiosks.look(&broker, &office).await;
        let known: BTreeMap<String, i64> = kiosks
            .prices
            .values()
            .flat_map(|message| &message.rows)
            .map(|row| (row.sku.to_string(), row.price_cents.unwrap()))
            .collect();
        assert!(newest.keys().all(|sku| known.contains_key(sku)), "round {round}");
        office.json(&[&arguments[..], &["--json"]].concat());
        kiosks.look(&broker, &office).await;
        newest = kiosks.prices("s042");
        assert_eq!(newest.len(), (round + 1) * 700, "round {round}");
        let last = i64::try_from(round + 1).unwrap();
        assert!(newest.values().all(|price| *price == last), "round {round}");
    }
    assert!(kiosks.prices.len() > 1);
    assert!(cut_off >= 4, "{cut_off} were cut off");
}
