//! A shop with an outbox and a head office with a database in one folder, and processes that
//! stand for either and can be killed.

#![allow(dead_code)] // Each test file uses its own part.

use super::broker::Broker;
use super::ends::{KIOSK, PATIENCE, limits};
use aisle::office::collect::{self, Collector};
use aisle::office::status::{self, Kiosk};
use aisle::store::{Catalog, Lane, NewEvent, Office, Priority, Waiting};
use aisle::sync::mqtt::{self, Told};
use aisle::sync::pump::Pace;
use aisle::sync::tls::{Identity, Roots, Tls};
use aisle::sync::topics::Site;
use aisle::sync::uplink::{self, Uplink};
use aisle::sync::wire::event::Health;
use aisle::sync::wire::status::{Backlog, Report};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// What a process of its own is to be, and with what.
const BE: &str = "AISLE_TEST_BE";
const ROOM: u64 = 256 << 20;

/// Times that are short enough to wait for.
pub fn pace() -> Pace {
    Pace {
        patience: Duration::from_millis(300),
        longest: Duration::from_secs(3),
        rest: Duration::from_millis(50),
        linger: Duration::from_millis(20),
        look: Duration::from_millis(400),
    }
}

pub fn site() -> Site {
    let name = |text: &str| text.parse().unwrap();
    Site { tenant: name("acme"), store: name("s042"), kiosk: name("k1"), group: name("all") }
}

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Both ends of the line, without the line.
pub struct Shop {
    folder: TempDir,
    pub catalog: Arc<Catalog>,
    pub office: Arc<Office>,
    cap: u64,
    ids: Mutex<Vec<Uuid>>,
    made: AtomicU64,
    sold: AtomicU64,
    tls: OnceLock<Tls>,
}

impl Shop {
    pub fn new() -> Self {
        Self::with_cap(ROOM)
    }

    /// Whose outbox may take `cap` bytes.
    pub fn with_cap(cap: u64) -> Self {
        // In memory, where there is some: what is tested survives a kill, not a power cut.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self::with(folder.unwrap(), cap)
    }

    /// Whose databases are on a disk.
    pub fn on_disk() -> Self {
        Self::with(tempfile::tempdir().unwrap(), ROOM)
    }

    /// The kiosk's databases in a folder that is there.
    pub fn apart(kiosk: &Path) -> Self {
        Self { catalog: Arc::new(Catalog::open(kiosk).unwrap()), ..Self::new() }
    }

    fn with(folder: TempDir, cap: u64) -> Self {
        let (catalog, office) = Self::open(folder.path());
        let (ids, made, sold, tls) = <(_, _, _, OnceLock<Tls>)>::default();
        Self { folder, catalog, office, cap, ids, made, sold, tls }
    }

    fn open(folder: &Path) -> (Arc<Catalog>, Arc<Office>) {
        let catalog = Catalog::open(folder).unwrap();
        (Arc::new(catalog), Arc::new(Office::open(&folder.join("office")).unwrap()))
    }

    /// How many events of a kind head office has.
    pub fn count(&self, kind: &str) -> u64 {
        self.office.counts().unwrap().into_iter().find(|(own, _)| own == kind).map_or(0, |(_, count)| count)
    }

    /// How many events were made so far.
    pub fn made(&self) -> u64 {
        self.made.load(SeqCst)
    }

    /// How many events head office has.
    pub fn filed(&self) -> u64 {
        self.office.counts().unwrap().iter().map(|(_, count)| count).sum()
    }

    /// What head office was told of events that were dropped: in how many words, and how many of
    /// each lane.
    pub fn given_up(&self) -> (u64, BTreeMap<String, u64>) {
        let file = rusqlite::Connection::open(self.folder.path().join("office/office.db")).unwrap();
        let mut bodies = file.prepare("SELECT body FROM events WHERE kind = 'dropped'").unwrap();
        let bodies = bodies.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let (mut words, mut lanes) = (0, BTreeMap::new());
        for body in bodies {
            let body: Value = serde_json::from_str(&body.unwrap()).unwrap();
            words += 1;
            let lane = body["what"].as_str().unwrap().to_owned();
            *lanes.entry(lane).or_default() += body["count"].as_u64().unwrap();
        }
        (words, lanes)
    }

    pub fn fleet(&self) -> Vec<Kiosk> {
        status::fleet(&self.office.kiosks().unwrap(), Timestamp::now())
    }

    /// Makes events of all kinds; of ten one tells of a sale of two, one of a count and one of what
    /// became of a command.
    pub fn put(&self, count: u64) {
        for _ in 0..count {
            let n = self.made.fetch_add(1, SeqCst);
            let (lane, priority, body) = event(n);
            self.sold.fetch_add(if n % 10 == 3 { 2 } else { 0 }, SeqCst);
            self.keep(lane, priority, Timestamp::now(), &body);
        }
    }

    pub fn put_order(&self, number: &str) {
        self.made.fetch_add(1, SeqCst);
        let lines = json!([{"sku": "CF-1", "quantity": 1, "options": [["size", "large"]]}]);
        let body = json!({"kind": "order_placed", "number": number, "lines": lines});
        self.keep(Lane::Order, Priority::Keep, Timestamp::now(), &body);
    }

    /// Events spread evenly over a time.
    pub fn put_over(&self, count: u32, from: &str, span: Duration) {
        let from: Timestamp = from.parse().unwrap();
        for n in 0..count {
            self.made.fetch_add(1, SeqCst);
            let at = from + span * n / count;
            self.keep(Lane::Telemetry, Priority::Low, at, &json!({"kind": "list_confirmed", "lines": n}));
        }
    }

    /// Something that head office will refuse.
    pub fn put_bad(&self, body: &str) {
        put(&self.catalog, ROOM, Uuid::now_v7(), Lane::Telemetry, Priority::High, Timestamp::now(), body);
    }

    fn keep(&self, lane: Lane, priority: Priority, at: Timestamp, body: &Value) {
        let id = Uuid::now_v7();
        self.ids.lock().unwrap().push(id);
        put(&self.catalog, self.cap, id, lane, priority, at, &body.to_string());
    }

    /// Waits until the outbox is empty: then head office has all that was made, once.
    pub async fn settles(&self) {
        until("the outbox is empty", || self.catalog.outbox().unwrap().waiting == 0).await;
        let sorted = |mut ids: Vec<Uuid>| {
            ids.sort();
            ids
        };
        let has = sorted(self.office.events_of("s042", "k1").unwrap());
        let made = sorted(self.ids.lock().unwrap().clone());
        assert!(has == made, "head office has {} events, and {} were made", has.len(), made.len());
        let sold = self.office.stock("s042", "DA-1").unwrap().map_or(0, |(_, sold)| sold);
        assert_eq!(sold, i64::try_from(self.sold.load(SeqCst)).unwrap(), "each sale took effect once");
    }

    /// Whether head office can put the events into the order in which they were made.
    pub fn is_in_order(&self) -> bool {
        self.office.events_of("s042", "k1").unwrap() == *self.ids.lock().unwrap()
    }

    /// Puts one more event in; its place in the outbox, which counts all that were ever put in.
    pub fn last_place(&self) -> u64 {
        self.put_order("last");
        let all = self.catalog.waiting_events(Lane::Order, 0, 1_000_000, usize::MAX).unwrap();
        all.last().unwrap().seq.unsigned_abs()
    }
}

fn event(n: u64) -> (Lane, Priority, Value) {
    let as_of = Timestamp::from_second(1_800_000_000 + i64::try_from(n).unwrap()).unwrap();
    match n % 10 {
        3 => {
            let body = json!({"kind": "sold", "sku": "DA-1", "quantity": 2, "sale": format!("{n}")});
            (Lane::Inventory, Priority::High, body)
        }
        5 => {
            let command = Uuid::from_u128(n.into());
            (Lane::Outcome, Priority::High, json!({"kind": "done", "command": command}))
        }
        7 => {
            let body = json!({"kind": "counted", "sku": "DA-1", "stock": 13 + n, "as_of": as_of});
            (Lane::Inventory, Priority::High, body)
        }
        _ => {
            let body = json!({"kind": "searched", "found": n, "no_match": false, "other_size": false});
            (Lane::Telemetry, Priority::Low, body)
        }
    }
}

fn put(
    catalog: &Catalog,
    cap: u64,
    id: Uuid,
    lane: Lane,
    priority: Priority,
    made_at: Timestamp,
    body: &str,
) {
    let kind = if lane == Lane::Telemetry { "searched" } else { lane.name() };
    catalog.keep_event(&NewEvent { id, lane, kind, priority, made_at, body }, cap).unwrap();
}

/// Rows as a kiosk writes them into a batch.
pub fn raw_batch(rows: &[Waiting]) -> String {
    let event = |row: &Waiting| {
        let mut event: Value = serde_json::from_str(&row.body).unwrap();
        let whole = event.as_object_mut().unwrap();
        whole.insert("id".into(), json!(row.id));
        whole.insert("seq".into(), json!(row.seq));
        whole.insert("at".into(), json!(row.made_at));
        event
    };
    let events: Vec<Value> = rows.iter().map(event).collect();
    json!({"id": Uuid::now_v7(), "outbox": Uuid::from_u128(7), "events": events}).to_string()
}

pub fn report(outbox: Backlog) -> Report {
    Report {
        since: Timestamp::now(),
        at: Timestamp::now(),
        program: "0.1.0".parse().unwrap(),
        group: None,
        format: 1,
        catalog: None,
        keys: 0,
        recall: 0,
        lag_s: 0,
        skew_s: 0,
        outbox,
        engines: Vec::new(),
        health: Health { temperature_c: None, disk_free_mb: 1, memory_free_mb: 1, up_s: 1 },
        orders_open: 0,
        problem: None,
    }
}

/// A line with the times of a test; `status_every` as the test needs it.
fn uplink(catalog: &Arc<Catalog>, tls: Tls, port: u16, status_every: Duration) -> Uplink {
    uplink::start(options(catalog, tls, port, status_every))
}

fn options(catalog: &Arc<Catalog>, tls: Tls, port: u16, status_every: Duration) -> uplink::Options {
    let mut connection = mqtt::Options::new("127.0.0.1", port, KIOSK, tls);
    connection.limits = limits();
    uplink::Options {
        connection,
        site: site(),
        catalog: catalog.clone(),
        describe: Arc::new(report),
        pace: pace(),
        status_every,
        others: None,
    }
}

/// The kiosk's end, where somebody is told of the rest.
pub fn kiosk_with_others(broker: &Broker, shop: &Shop, others: mpsc::Sender<Told>) -> Uplink {
    let options = options(&shop.catalog, broker.tls(KIOSK), broker.port, Duration::from_secs(60));
    uplink::start(uplink::Options { others: Some(others), ..options })
}

/// The kiosk's end, through `port`.
pub fn kiosk(broker: &Broker, shop: &Shop, port: u16) -> Uplink {
    kiosk_that_tells(broker, shop, port, Duration::from_millis(500))
}

/// The same, which tells its status so often.
pub fn kiosk_that_tells(broker: &Broker, shop: &Shop, port: u16, status_every: Duration) -> Uplink {
    let tls = shop.tls.get_or_init(|| broker.tls(KIOSK)).clone();
    uplink(&shop.catalog, tls, port, status_every)
}

/// A collector that ends its program with its commit of this number.
pub fn collect(office: Arc<Office>, tls: Tls, port: u16, user: &str, dies_at: u64) -> Collector {
    let mut connection = mqtt::Options::new("127.0.0.1", port, user, tls);
    connection.limits = limits();
    let commits = AtomicU64::new(0);
    collect::start(collect::Options {
        connection,
        tenant: site().tenant,
        share: "collectors".parse().unwrap(),
        office,
        watching: Some(Arc::new(move |_| {
            if commits.fetch_add(1, SeqCst) >= dies_at {
                std::process::abort();
            }
        })),
    })
}

fn user(number: u32) -> String {
    format!("acme/collect-{number}")
}

/// One of the two collectors that the broker knows, in this process.
pub fn collector(broker: &Broker, shop: &Shop, number: u32) -> Collector {
    let user = user(number);
    collect(shop.office.clone(), broker.tls(&user), broker.port, &user, u64::MAX)
}

/// A process of its own.
pub struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
}

impl Child {
    /// A collector that dies after so many commits, when the next is made and not acknowledged.
    pub fn collector(broker: &Broker, shop: &Shop, number: u32, dies_at: u64) -> Self {
        let user = user(number);
        let identity = broker.identity(&user);
        Self::start("collector", broker, shop, &identity, &json!({"user": user, "dies_at": dies_at}))
    }

    /// A kiosk that puts events in and sends them until it is killed.
    pub fn kiosk(broker: &Broker, shop: &Shop) -> Self {
        Self::start("kiosk", broker, shop, &broker.identity(KIOSK), &json!({}))
    }

    fn start(be: &str, broker: &Broker, shop: &Shop, identity: &Identity, more: &Value) -> Self {
        let what = json!({"be": be, "port": broker.port, "ca": broker.ca(), "folder": shop.folder.path(),
            "certificate": identity.certificate, "key": identity.key, "more": more});
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["a_process_of_its_own", "--exact", "--nocapture"])
            .env(BE, what.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (say, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = say.send(line);
            }
        });
        Self { process, lines }
    }

    /// Waits until it says a word.
    pub fn says(&mut self, word: &str) {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.ends_with(word) => return,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("it never said {word}"),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended before it said {word}"),
            }
        }
    }

    /// Whether it ends by itself.
    pub async fn ends_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            if self.process.try_wait().unwrap().is_some() {
                return true;
            }
            sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// Kills it with -9.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a process that [`Child`] started does; nothing where it was not.
pub async fn be_what_the_environment_says() {
    let Ok(what) = std::env::var(BE) else { return };
    let what: Value = serde_json::from_str(&what).unwrap();
    let path = |name: &str| PathBuf::from(what[name].as_str().unwrap());
    let port = u16::try_from(what["port"].as_u64().unwrap()).unwrap();
    let identity = Identity { certificate: path("certificate"), key: path("key") };
    let tls = Tls::new(&Roots::File(path("ca")), Some(&identity)).unwrap();
    let (catalog, office) = Shop::open(&path("folder"));
    let more = &what["more"];
    if what["be"] == "collector" {
        let (user, dies_at) = (more["user"].as_str().unwrap(), more["dies_at"].as_u64().unwrap());
        let collector = collect(office, tls, port, user, dies_at);
        until("it is up", || collector.figures().borrow().is_up).await;
        println!("\nup");
        sleep(Duration::from_secs(120)).await;
        return;
    }
    let kiosk = uplink(&catalog, tls, port, Duration::from_secs(60));
    let waker = kiosk.waker();
    let putting = tokio::task::spawn_blocking(move || {
        for n in 0..100_000 {
            let (lane, priority, body) = event(n);
            put(&catalog, ROOM, Uuid::now_v7(), lane, priority, Timestamp::now(), &body.to_string());
            waker.wake();
            if n == 0 {
                println!("\nbegun");
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    });
    let _ = putting.await;
}
