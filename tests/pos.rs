//! A running kiosk and the store's point of sale, over a real socket and a real broker: each sale
//! counts once, what was answered is not lost, and what cannot be written down is asked for again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/broker.rs"]
mod broker;
mod common;
#[path = "common/ends.rs"]
mod ends;
#[path = "common/line.rs"]
mod line;
#[path = "common/running.rs"]
mod running;

use aisle::store::Catalog;
use aisle::sync::sign::SecretKey;
use broker::{Broker, free_port};
use common::{Kiosk, models};
use ends::PATIENCE;
use jiff::{Timestamp, ToSpan};
use line::{Shop, collector, until};
use rumqttc::tokio_rustls::rustls::crypto::ring::default_provider;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use rumqttc::{TlsConfiguration, Transport};
use running::Running;
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;
use tokio::time::timeout;

const TOKEN: &str = "5f0c81a25f0c81a25f0c81a25f0c81a2";
const NEXT: &str = "aaaabbbbccccddddeeeeffff00001111";
/// Sixty of them are there.
const PASTA: &str = "PA-1001";
const POS: &str = "acme/pos/s042";
/// The broker's word for a kiosk that asks for sales.
const HEARS: &str = "aisle/v1/acme/k/s042/k1/pos (QoS 1)";

/// The demo store with a point of sale, and where that tells it.
fn shop(more: &str) -> (Kiosk, u16) {
    let (kiosk, port) = (Kiosk::with_demo_store(), free_port());
    let tokens = kiosk.data.path().join("tokens");
    fs::write(&tokens, format!("# tills of both floors\n{TOKEN}\n{NEXT}\n")).unwrap();
    let settings = format!(
        "[llm]\nenabled = false\n[pos]\nlisten = \"127.0.0.1:{port}\"\ntoken_file = {tokens:?}\n{more}"
    );
    fs::write(kiosk.data.path().join("aisle.toml"), settings).unwrap();
    (kiosk, port)
}

fn sale(id: &str, lines: &Value) -> String {
    json!({"id": id, "at": Timestamp::now(), "lines": lines}).to_string()
}

fn of_pasta(id: &str, pieces: i64) -> String {
    sale(id, &json!([{"sku": PASTA, "quantity": pieces}]))
}

/// What is answered to a request with these lines of head.
fn ask(port: u16, method: &str, path: &str, head: &str, body: &[u8]) -> io::Result<(u16, String, Value)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: kiosk\r\nconnection: close\r\ncontent-length: {length}\r\n{head}\r\n"
    )?;
    // Who is refused need not be heard out.
    let _ = stream.write_all(body);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = serde_json::from_str(body.trim())?;
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, head.to_lowercase(), body))
}

fn with(token: &str) -> String {
    format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n")
}

fn tell(port: u16, body: &str) -> io::Result<(u16, Value)> {
    ask(port, "POST", "/v1/sales", &with(TOKEN), body.as_bytes()).map(|(status, _, body)| (status, body))
}

async fn listens(port: u16) {
    until("it listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()).await;
}

/// What the kiosk says of pasta.
fn pasta(running: &Running) -> (i64, String) {
    let answer = running.ask("is the dellarosa spaghetti in stock");
    let card = &answer["cards"][0];
    assert_eq!(card["sku"], PASTA, "{answer}");
    (card["stock"].as_i64().unwrap(), answer["reply"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_point_of_sale_sells_is_not_there_any_more() {
    let (kiosk, port) = shop("");
    let running = Running::start(&kiosk);
    running.is_there().await;
    listens(port).await;
    assert_eq!(pasta(&running).0, 60);
    // Those that say nothing keep nobody waiting.
    let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let idle: Vec<TcpStream> = (0..8).map(|_| connect()).collect();
    let mut halting = connect();
    write!(halting, "POST /v1/sales HTTP/1.1\r\nhost: kiosk\r\ncontent-length: 9\r\n{}\r\n{{", with(TOKEN))
        .unwrap();
    let first = of_pasta("till-1/1", 2);
    let good = with(TOKEN);
    let large = " ".repeat(65_537);
    let late = json!({"id": "x", "at": Timestamp::now() - (31 * 24).hours(), "lines": [{"sku": PASTA, "quantity": 1}]});
    let early =
        json!({"id": "x", "at": Timestamp::now() + 25.hours(), "lines": [{"sku": PASTA, "quantity": 1}]});
    let refused = [
        (
            "POST",
            "/v1/sales",
            "content-type: application/json\r\n".to_owned(),
            first.clone(),
            401,
            "unauthorized",
        ),
        ("POST", "/v1/sales", with("5f0c81a25f0c81a25f0c81a25f0c81a3"), first.clone(), 401, "unauthorized"),
        ("POST", "/v1/sales", with(""), large.clone(), 401, "unauthorized"),
        (
            "POST",
            "/v1/sales",
            format!("authorization: Bearer {TOKEN}\r\n"),
            first.clone(),
            415,
            "unsupported_media_type",
        ),
        ("POST", "/v1/sales", good.clone(), large, 413, "too_large"),
        ("POST", "/v1/sales", good.clone(), "{\"id\":".into(), 400, "malformed"),
        ("POST", "/v1/sales", good.clone(), late.to_string(), 400, "malformed"),
        ("POST", "/v1/sales", good.clone(), early.to_string(), 400, "malformed"),
        ("GET", "/v1/sales", good.clone(), String::new(), 405, "method_not_allowed"),
        ("POST", "/v1/sale", good, first.clone(), 404, "not_found"),
    ];
    for (method, path, head, body, status, code) in refused {
        let (got, head, body) = ask(port, method, path, &head, body.as_bytes()).unwrap();
        assert_eq!((got, &body["error"]["code"]), (status, &json!(code)), "{body}");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(!message.is_empty() && !message.contains('\n') && !message.contains(TOKEN), "{message}");
        assert_eq!(head.contains("www-authenticate: bearer"), status == 401, "{head}");
    }
    assert_eq!(pasta(&running).0, 60);

    let taken = json!({"id": "till-1/1", "new": true, "unknown": []});
    assert_eq!(tell(port, &first).unwrap(), (201, taken));
    assert_eq!(pasta(&running).0, 58, "what is answered is shown");
    let again = ask(port, "POST", "/v1/sales", &with(NEXT), first.as_bytes()).unwrap();
    assert_eq!((again.0, &again.2["new"]), (200, &json!(false)), "both tokens count");
    let (status, body) = tell(port, &of_pasta("till-1/1", 2)).unwrap();
    assert_eq!((status, &body["error"]["code"]), (409, &json!("conflict")), "{body}");
    let lines = json!([
        {"gtin": "2000800010016", "quantity": 59}, {"sku": PASTA, "quantity": -1}, {"sku": "GIFT-CARD", "quantity": 1},
    ]);
    let (status, body) = tell(port, &sale("till-2/1", &lines)).unwrap();
    assert_eq!((status, &body["unknown"]), (201, &json!([{"sku": "GIFT-CARD"}])));
    let (stock, reply) = pasta(&running);
    assert!(stock == 0 && reply.contains("out of stock"), "{stock}: {reply}");
    // Nor do they stay.
    let mut text = String::new();
    halting.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    for mut stream in idle {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    running.stop();
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    // Nobody is told where there is no head office.
    let catalog = Catalog::open(kiosk.data.path()).unwrap();
    let kinds = catalog.waiting_events(aisle::store::Lane::Inventory, 0, 9, 1 << 20).unwrap();
    assert_eq!(kinds, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_that_was_answered_outlives_a_kill_and_one_told_again_counts_once() {
    let (kiosk, port) = shop("");
    let at = Timestamp::now();
    let body = move |n: u64| {
        json!({"id": format!("till-1/{n}"), "at": at, "lines": [{"sku": "PA-1002", "quantity": -1}]})
            .to_string()
    };
    let mut told = 0;
    for round in 0..3_u64 {
        let running = Running::start(&kiosk);
        listens(port).await;
        // All that was told before is known.
        for n in 0..told {
            assert_eq!(tell(port, &body(n)).unwrap().0, 200, "{n} was answered before it was killed");
        }
        let answered = Arc::new(AtomicU64::new(told));
        let counts = Arc::clone(&answered);
        let till = thread::spawn(move || {
            // Until nobody answers; the last one is told again after the restart.
            while let Ok((status, _)) = tell(port, &body(counts.load(SeqCst))) {
                assert!(status < 300, "{status}");
                counts.fetch_add(1, SeqCst);
            }
        });
        until("some are answered", || answered.load(SeqCst) >= told + 5).await;
        tokio::time::sleep(Duration::from_millis(20 + 61 * round)).await;
        running.kill();
        till.join().unwrap();
        told = answered.load(SeqCst);
    }
    let catalog = Catalog::open(kiosk.data.path()).unwrap();
    let pasta = aisle::domain::Sku::new("PA-1002").unwrap();
    let stock = catalog.product(&pasta).unwrap().unwrap().stock.unwrap();
    let came_back = u64::try_from(stock - 52).unwrap();
    assert!((told..=told + 1).contains(&came_back), "{told} were answered, and {came_back} count");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_asks_for_the_sale_again_and_keeps_nothing_of_it() {
    let (kiosk, port) = shop("");
    let running = Running::start_on_a_disk_that_fills(&kiosk);
    running.is_there().await;
    listens(port).await;
    let (first, second) = (of_pasta("r-1", 1), of_pasta("r-2", 2));
    assert_eq!(tell(port, &first).unwrap().0, 201);
    running.fill(true);
    for body in [&second, &second] {
        let (status, head, body) = ask(port, "POST", "/v1/sales", &with(TOKEN), body.as_bytes()).unwrap();
        assert_eq!((status, &body["error"]["code"]), (503, &json!("unavailable")), "{body}");
        assert!(head.contains("retry-after: 5") && !body.to_string().contains("state.db"), "{body}");
    }
    assert_eq!(tell(port, &first).unwrap().0, 200, "what was taken is known");
    assert_eq!(pasta(&running).0, 59);
    running.fill(false);
    assert_eq!(tell(port, &second).unwrap().0, 201);
    assert_eq!(pasta(&running).0, 57);
    running.stop();
}

/// The store's point of sale at the broker.
struct Pos {
    client: AsyncClient,
    events: EventLoop,
}

impl Pos {
    fn at(broker: &Broker) -> Self {
        let _ = default_provider().install_default();
        let identity = broker.identity(POS);
        let read = |path: &std::path::Path| fs::read(path).unwrap();
        let mut options = MqttOptions::new(POS, "127.0.0.1", broker.port);
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Simple {
            ca: read(&broker.ca()),
            alpn: None,
            client_auth: Some((read(&identity.certificate), read(&identity.key))),
        }));
        let (client, events) = AsyncClient::new(options, 8);
        Self { client, events }
    }

    /// Tells a sale on the topic of a kiosk of a store; whether the broker may pass it on.
    async fn tell(&mut self, to: &str, token: Option<&str>, sale: &str) -> bool {
        let own = |token| ("authorization".to_owned(), format!("Bearer {token}"));
        let properties =
            PublishProperties { user_properties: token.map(own).into_iter().collect(), ..Default::default() };
        let topic = format!("aisle/v1/acme/k/{to}/pos");
        let sale = sale.to_owned();
        self.client.publish_with_properties(topic, QoS::AtLeastOnce, false, sale, properties).await.unwrap();
        let answer = async {
            loop {
                if let Event::Incoming(Packet::PubAck(answer)) = self.events.poll().await.unwrap() {
                    return answer.reason != PubAckReason::NotAuthorized;
                }
            }
        };
        timeout(PATIENCE, answer).await.expect("the broker answers")
    }
}

/// The shipped rules, with the store's point of sale in them as they say.
fn with_pos() -> Broker {
    let mut broker = Broker::start();
    let file = broker.path().join("acl");
    let rules = fs::read_to_string(&file).unwrap();
    let mine = rules.replace("# user acme/pos/s042\n# topic", "user acme/pos/s042\ntopic");
    assert_ne!(mine, rules, "the shipped rules speak of a point of sale");
    fs::write(&file, mine).unwrap();
    broker.restart();
    broker
}

/// What the settings of a kiosk say of head office.
fn sync(broker: &Broker, kiosk: &str) -> String {
    let identity = broker.identity(&format!("acme/k/s042/{kiosk}"));
    let root = SecretKey::from_seed(&[1; 32]);
    format!(
        "[sync]\nbroker = \"127.0.0.1:{}\"\ntenant = \"acme\"\nstore = \"s042\"\nkiosk = \"{kiosk}\"\nca = {:?}\n\
         certificate = {:?}\nkey = {:?}\nroot_keys = [\"{}\"]\nstatus_seconds = 5\n",
        broker.port,
        broker.ca(),
        identity.certificate,
        identity.key,
        root.public(),
    )
}

fn sold(office: &Shop) -> i64 {
    office.office.stock("s042", PASTA).unwrap().map_or(0, |(_, sold)| sold)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sales_come_over_the_broker_and_head_office_counts_each_once() {
    let broker = with_pos();
    let office = Shop::new();
    let collector = collector(&broker, &office, 1);
    let (kiosk, port) = shop(&sync(&broker, "k1"));
    let running = Running::start(&kiosk);
    running.is_there().await;
    listens(port).await;
    until("it hears sales", || broker.log().contains(HEARS)).await;
    let mut pos = Pos::at(&broker);
    for (token, body) in [
        (None, of_pasta("m-0", 50)),
        (Some("5f0c81a25f0c81a25f0c81a25f0c81a3"), of_pasta("m-0", 50)),
        (Some(TOKEN), "no sale".to_owned()),
        (Some(TOKEN), format!("{}{}", of_pasta("m-0", 50), " ".repeat(65_536))),
    ] {
        assert!(pos.tell("s042/k1", token, &body).await);
    }
    let first = of_pasta("m-1", 3);
    for _ in 0..3 {
        assert!(pos.tell("s042/k1", Some(TOKEN), &first).await);
    }
    // By then all before it are looked at.
    assert!(pos.tell("s042/k1", Some(NEXT), &of_pasta("m-2", 1)).await);
    until("it is shown", || pasta(&running).0 == 56).await;
    assert_eq!(tell(port, &first).unwrap().0, 200, "however it comes");
    assert_eq!(tell(port, &of_pasta("h-1", 2)).unwrap().0, 201);
    until("head office is told", || sold(&office) == 6).await;
    assert!(!pos.tell("s043/k1", Some(TOKEN), &first).await, "another store's kiosk is none of its business");

    // Killed, and told all of it again both ways.
    running.kill();
    let running = Running::start(&kiosk);
    running.is_there().await;
    listens(port).await;
    assert_eq!(tell(port, &of_pasta("h-2", 4)).unwrap().0, 201);
    assert_eq!(tell(port, &first).unwrap().0, 200);
    let is_told = || sold(&office) == 10;
    until("head office is told of the last", is_told).await;
    let catalog = Catalog::open(kiosk.data.path()).unwrap();
    until("nothing waits", || catalog.outbox().unwrap().waiting == 0).await;
    assert_eq!((sold(&office), pasta(&running).0), (10, 50));
    running.stop();

    // Another kiosk of the store is told of the same sale, and tells head office, too.
    let (kiosk, port) = shop(&sync(&broker, "k2"));
    let running = Running::start(&kiosk);
    running.is_there().await;
    listens(port).await;
    assert_eq!(tell(port, &first).unwrap().0, 201);
    assert_eq!(pasta(&running).0, 60, "it was sold before this kiosk's catalog was counted");
    let kinds = || office.office.counts().unwrap().into_iter().collect::<std::collections::BTreeMap<_, _>>();
    let catalog = Catalog::open(kiosk.data.path()).unwrap();
    until("it is told", || kinds()["started"] == 3 && catalog.outbox().unwrap().waiting == 0).await;
    assert_eq!((sold(&office), kinds()["sold"]), (10, 4), "a sale is one, whoever tells of it");
    running.stop();
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_nothing_comes_in_and_the_doctor_says_so() {
    let broker = with_pos();
    let office = Shop::new();
    let collector = collector(&broker, &office, 1);
    let (kiosk, port) = shop(&sync(&broker, "k1"));
    let file = kiosk.data.path().join("aisle.toml");
    let settings = fs::read_to_string(&file).unwrap();
    let line = settings.lines().find(|line| line.starts_with("token_file")).unwrap().to_owned();
    let doctor = || {
        let output =
            kiosk.command().args(["doctor", "--json"]).env("AISLE_MODELS", models()).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap().clone();
        let check = checks.into_iter().find(|check| check["name"] == "point of sale").unwrap();
        (check["health"].as_str().unwrap().to_owned(), check["seen"].as_str().unwrap().to_owned())
    };
    let (health, seen) = doctor();
    assert!(health == "good" && seen.contains("tokens: 2; none came yet"), "{health}: {seen}");
    fs::write(&file, settings.replace(&line, "")).unwrap();
    let (health, seen) = doctor();
    assert!(health == "fault" && seen.starts_with("pos.token_file is empty"), "{health}: {seen}");
    let running = Running::start(&kiosk);
    running.is_there().await;
    until("it is at the broker", || office.office.kiosks().unwrap().iter().any(|own| own.online)).await;
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    assert!(Pos::at(&broker).tell("s042/k1", Some(TOKEN), &of_pasta("m-1", 3)).await);
    assert_eq!(pasta(&running).0, 60);
    assert!(!broker.log().contains(HEARS));
    running.stop();
    collector.stop().await;
}
