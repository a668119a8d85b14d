//! A running kiosk and head office, with a real broker between them: what is published comes
//! to be found and answered, what shoppers do comes to be counted, and a line that is not there
//! stops nobody.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/broker.rs"]
mod broker;
#[path = "support/bundle.rs"]
mod bundle;
mod common;
#[path = "common/ends.rs"]
mod ends;
#[path = "support/keys.rs"]
mod keys;
#[path = "common/line.rs"]
mod line;

use aisle::sync::mqtt::Message;
use aisle::sync::sign::{SecretKey, seal};
use aisle::sync::topics::{Role, Topic};
use aisle::sync::wire;
use aisle::sync::wire::catalog::Manifest;
use aisle::sync::wire::live::{Count, Counts, Price, Prices, Recall, Recalls};
use broker::Broker;
use bundle::{Content, header, product};
use common::{Kiosk, models};
use ends::{End, KIOSK};
use jiff::{Timestamp, ToSpan};
use keys::secret;
use line::{Shop, collector, site, until};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};

fn content(round: u32) -> Content {
    let fruit = format!(r#"{{"sku":"FR-1","title":"Ruby dragonfruit","price_cents":{}}}"#, 300 + round);
    let rows =
        (0..40).map(|n| product(&format!(r#"{{"sku":"P-{n}","title":"Thing {n}","price_cents":{n}}}"#)));
    Content::new(&[header("Market of head office")], rows.chain([product(&fruit)]))
}

/// Head office, which publishes.
struct Publisher {
    end: End,
    made: bundle::Office,
}

impl Publisher {
    async fn new(broker: &Broker) -> Self {
        Self { end: End::office(broker).await, made: bundle::Office::new() }
    }

    async fn retained(&mut self, topic: &Topic, payload: Vec<u8>) {
        let topic = topic.text(&site().tenant);
        self.end.insist(Message { topic, payload: payload.into(), retain: true, ..Message::default() }).await;
    }

    /// Publishes a catalog, signed by `key`.
    async fn publish(&mut self, version: u64, content: &Content, key: &SecretKey) {
        let now = Timestamp::now();
        let manifest = self.made.publish(version, content, "");
        let manifest = Manifest { issued: now, expires: now + 24.hours(), ..manifest };
        for (digest, bytes) in self.made.chunks.clone() {
            self.retained(&site().chunk(digest), bytes).await;
        }
        let topic = Topic::Manifest { group: site().group };
        let sealed = seal(&manifest, &topic, &site().tenant, &[key]).unwrap();
        self.retained(&topic, sealed).await;
    }
}

impl Publisher {
    /// Sends a message about goods, signed as head office does.
    async fn live<M: wire::Message>(&mut self, topic: Topic, message: &M) {
        let sealed = seal(message, &topic, &site().tenant, &[&secret(Role::Live)]).unwrap();
        self.retained(&topic, sealed).await;
    }

    async fn recalls(&mut self, version: u64, skus: &[&str]) {
        let recall = Recall {
            id: "r-1".parse().unwrap(),
            skus: skus.iter().map(|name| sku(name)).collect(),
            gtins: Vec::new(),
            lot: None,
            text: "The maker recalls it.".into(),
            since: Timestamp::now(),
        };
        let items = if skus.is_empty() { Vec::new() } else { vec![recall] };
        let recalls = Recalls { version, issued: Timestamp::now(), items: items.into() };
        self.live(Topic::Recall { store: site().store }, &recalls).await;
    }
}

fn sku(text: &str) -> aisle::domain::Sku {
    aisle::domain::Sku::new(text).unwrap()
}

/// The program, as a shop runs it without a screen.
struct Running {
    process: Child,
    socket: PathBuf,
}

impl Running {
    fn start(kiosk: &Kiosk) -> Self {
        let socket = kiosk.data.path().join("run/turns.sock");
        let mut command = kiosk.command();
        command.args(["run", "--headless", "--socket"]).arg(&socket).env("AISLE_MODELS", models());
        let process = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
        Self { process, socket }
    }

    async fn is_there(&self) {
        until("it answers turns", || UnixStream::connect(&self.socket).is_ok()).await;
    }

    fn ask(&self, words: &str) -> Value {
        self.ask_as(&json!({"text": words}))
    }

    fn ask_as(&self, question: &Value) -> Value {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        writeln!(stream, "{question}").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A kiosk with the demo store that knows head office at `port`.
fn kiosk_of(broker: &Broker, port: u16) -> Kiosk {
    let kiosk = Kiosk::with_demo_store();
    let identity = broker.identity(KIOSK);
    let settings = format!(
        "[llm]\nenabled = false\n[sync]\nbroker = \"127.0.0.1:{port}\"\ntenant = \"acme\"\nstore = \"s042\"\n\
         kiosk = \"k1\"\nca = {:?}\ncertificate = {:?}\nkey = {:?}\nroot_keys = [\"{}\"]\n\
         status_seconds = 5\nspread_seconds = 0\n",
        broker.ca(),
        identity.certificate,
        identity.key,
        secret(Role::Root).public(),
    );
    std::fs::write(kiosk.data.path().join("aisle.toml"), settings).unwrap();
    kiosk
}

fn count(shop: &Shop, kind: &str) -> u64 {
    shop.office.counts().unwrap().into_iter().find(|(own, _)| own == kind).map_or(0, |(_, count)| count)
}

fn finds(kiosk: &Running) -> Option<u64> {
    let answer = kiosk.ask("do you have ruby dragonfruit");
    let card = answer["cards"].as_array()?.first()?.clone();
    (card["sku"] == "FR-1").then(|| card["price_cents"].as_u64()).flatten()
}

/// A running kiosk that has the first catalog of head office in use.
async fn opened(broker: &Broker) -> (Publisher, Kiosk, Running) {
    let mut publisher = Publisher::new(broker).await;
    publisher.retained(&Topic::Keys, keys::chain_of(&site().tenant)).await;
    publisher.publish(1, &content(1), &secret(Role::Catalog)).await;
    let kiosk = kiosk_of(broker, broker.port);
    let running = Running::start(&kiosk);
    running.is_there().await;
    until("the first catalog is in use", || finds(&running) == Some(301)).await;
    (publisher, kiosk, running)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_head_office_publishes_is_found_and_what_shoppers_do_is_counted() {
    let broker = Broker::start();
    let office = Shop::new();
    let collector = collector(&broker, &office, 1);
    let (mut publisher, kiosk, running) = opened(&broker).await;
    publisher.publish(2, &content(2), &secret(Role::Catalog)).await;
    until("the second is", || finds(&running) == Some(302)).await;
    assert!(
        running.ask("where is the oat milk")["cards"].as_array().unwrap().is_empty(),
        "it is not carried now"
    );
    // Who has no right to sign changes nothing, and it is seen.
    publisher.publish(3, &content(3), &SecretKey::from_seed(&[99; 32])).await;
    let refused = || office.fleet().iter().any(|kiosk| kiosk.troubles.iter().any(|own| own.contains("sign")));
    until("head office sees that it was refused", refused).await;
    assert_eq!(finds(&running), Some(302));
    until("turns are counted", || count(&office, "searched") >= 2 && count(&office, "honest_no") >= 1).await;
    until("and catalogs", || count(&office, "applied") == 2).await;
    let fleet = office.fleet();
    assert_eq!((fleet.len(), fleet[0].kiosk.as_str(), fleet[0].catalog), (1, "k1", Some(2)));
    running.stop();
    until("it said goodbye", || !office.office.kiosks().unwrap()[0].online).await;
    // What was counted last goes with the next start.
    let running = Running::start(&kiosk);
    until("the times are there", || count(&office, "latency") > 0 && count(&office, "started") == 2).await;
    running.is_there().await;
    assert_eq!(finds(&running), Some(302), "without anything being published anew");
    running.stop();
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_a_count_and_a_recall_are_answered_at_once() {
    let broker = Broker::start();
    let office = Shop::new();
    let collector = collector(&broker, &office, 1);
    let (mut publisher, kiosk, running) = opened(&broker).await;
    let (issued, store) = (Timestamp::now(), site().store);
    let row = Price { sku: sku("FR-1"), price_cents: Some(249), promotion: None, as_of: None };
    let prices = Prices { catalog: 1, version: 1, issued, rows: vec![row] };
    publisher.live(Topic::Price { store: store.clone(), shard: 0 }, &prices).await;
    until("the price is told", || finds(&running) == Some(249)).await;
    let row = Count { sku: sku("FR-1"), stock: Some(4), availability: None, as_of: None };
    let counts = Counts { catalog: 1, version: 1, issued, rows: vec![row] };
    publisher.live(Topic::Stock { store, shard: 0 }, &counts).await;
    let stock = || running.ask("do you have ruby dragonfruit in stock")["cards"][0]["stock"].as_u64();
    until("the count is told", || stock() == Some(4)).await;

    // A recall: not found, not put on a list, not sold from one, and said so.
    let on_list = json!({"text": "add two ruby dragonfruit to my list", "session": "anna"});
    assert_eq!(running.ask_as(&on_list)["order"][0]["sku"], "FR-1");
    publisher.recalls(1, &["FR-1"]).await;
    let stopped = "Ruby dragonfruit is not sold at the moment.";
    let says = |words: &str| running.ask(words)["reply"].as_str().unwrap().to_owned();
    until("it is stopped", || says("do you have ruby dragonfruit").starts_with(stopped)).await;
    for words in
        ["where is the ruby dragonfruit", "how much is ruby dragonfruit", "add ruby dragonfruit to my list"]
    {
        let answer = running.ask(words);
        assert!(answer["reply"].as_str().unwrap().starts_with(stopped), "{answer}");
        let cards = answer["cards"].as_array().unwrap();
        assert!(cards.iter().all(|card| card["sku"] != "FR-1"), "{answer}");
        assert!(answer["order"].as_array().unwrap().is_empty(), "{answer}");
    }
    let review = running.ask_as(&json!({"text": "what is on my list", "session": "anna"}));
    assert_eq!(review["reply"], stopped);
    let order = running.ask_as(&json!({"text": "that is all, thank you", "session": "anna"}));
    assert!(!order["reply"].as_str().unwrap().contains("Your order"), "{order}");
    until("head office sees that it is heeded", || office.fleet().iter().any(|kiosk| kiosk.recall == 1))
        .await;
    // Also after a restart without head office; and lifted.
    running.stop();
    let running = Running::start(&kiosk);
    running.is_there().await;
    assert!(running.ask("do you have ruby dragonfruit")["reply"].as_str().unwrap().starts_with(stopped));
    publisher.recalls(2, &[]).await;
    until("it is sold again, at its price", || finds(&running) == Some(249)).await;
    running.stop();
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kiosk_whose_head_office_is_not_there_answers_and_keeps_what_it_would_tell() {
    let mut broker = Broker::start();
    let kiosk = kiosk_of(&broker, broker.port);
    broker.kill();
    let running = Running::start(&kiosk);
    running.is_there().await;
    assert!(!running.ask("where is the oat milk")["cards"].as_array().unwrap().is_empty());
    let catalog = aisle::store::Catalog::open(kiosk.data.path()).unwrap();
    until("it is kept", || catalog.outbox().unwrap().waiting >= 2).await;
    let office = Shop::new();
    broker.restart();
    let collector = collector(&broker, &office, 1);
    until("it is told", || count(&office, "searched") == 1 && catalog.outbox().unwrap().waiting == 0).await;
    running.stop();
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_name_no_usable_line_stop_no_kiosk_and_are_told_by_the_doctor() {
    let kiosk = Kiosk::with_demo_store();
    let settings = "[llm]\nenabled = false\n[sync]\nbroker = \"broker.example.com\"\ntenant = \"acme\"\n\
                    store = \"s042\"\nkiosk = \"k1\"\n";
    std::fs::write(kiosk.data.path().join("aisle.toml"), settings).unwrap();
    let running = Running::start(&kiosk);
    running.is_there().await;
    assert!(!running.ask("where is the oat milk")["cards"].as_array().unwrap().is_empty());
    running.stop();
    let output = kiosk.command().args(["doctor", "--json"]).env("AISLE_MODELS", models()).output().unwrap();
    let doctor: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = doctor["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "head office").unwrap();
    assert_eq!(check["health"], "fault");
    assert!(check["seen"].as_str().unwrap().contains("sync.broker"), "{check}");
}
