//! `make bench-fleet`: a fleet of kiosks against one broker and one collector, all on this
//! machine: how long until all are connected and until all have what changed of their catalog,
//! what passes over each wire, how much telemetry arrives (each event once, or it fails), and
//! what it takes.
//!
//! Most kiosks have no database (`fleet/kiosk.rs`): they verify the signed manifest, fetch the
//! chunks and unpack the delta over rows in memory that all of them share. Some (`fleet/whole.rs`)
//! have a data folder and take it into use as a shop's kiosk does.
//!
//! `AISLE_FLEET_KIOSKS` (2,000), `_WHOLE` (20 of them), `_PRODUCTS` (100,000), `_EVENTS` that each
//! kiosk tells (100), `_SPREAD` and `_IDLE` in seconds (30 and 60, and shorter for a fleet of less
//! than 500), `_WIRES` whose bytes are counted (20).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/broker.rs"]
mod broker;
#[path = "../support/bundle.rs"]
mod bundle;
#[path = "fleet/head.rs"]
mod head;
#[path = "fleet/kiosk.rs"]
mod kiosk;
#[path = "fleet/machine.rs"]
mod machine;
#[path = "fleet/scene.rs"]
mod scene;
mod wares;
#[path = "fleet/whole.rs"]
mod whole;
#[path = "../common/wire.rs"]
mod wire;

use aisle::sync::mqtt;
use broker::Broker;
use head::Head;
use machine::{Look, megabytes};
use scene::{News, Said, Scene, site};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;
use wire::Wire;

/// No step may take longer.
const PATIENCE: Duration = Duration::from_secs(240);
/// For what was just done to be over: last answers, last statuses.
const REST: Duration = Duration::from_secs(3);
/// Open files of a kiosk with a folder, at most.
const FILES_OF_WHOLE: usize = 32;

struct Size {
    kiosks: usize,
    whole: usize,
    products: usize,
    events: usize,
    spread: Duration,
    idle: Duration,
    wires: usize,
}

impl Size {
    fn read() -> Self {
        let set = |name: &str, usual: usize| {
            let Ok(text) = std::env::var(format!("AISLE_FLEET_{name}")) else { return usual };
            text.parse().unwrap_or_else(|_| panic!("AISLE_FLEET_{name}={text:?} is no number"))
        };
        let kiosks = set("KIOSKS", 2_000).max(1);
        let (spread, idle) = if kiosks < 500 { (5, 5) } else { (30, 60) };
        let whole = set("WHOLE", 20.min(kiosks / 10)).min(kiosks);
        Self {
            kiosks,
            whole,
            products: set("PRODUCTS", 100_000).max(100),
            events: set("EVENTS", 100).max(1),
            spread: Duration::from_secs(set("SPREAD", spread) as u64),
            idle: Duration::from_secs(set("IDLE", idle) as u64),
            wires: set("WIRES", 20).min(kiosks - whole),
        }
    }
}

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--test") {
        return ExitCode::SUCCESS;
    }
    let size = Size::read();
    // A wire has two ends, both of them here.
    let files = size.kiosks + 2 * size.wires + FILES_OF_WHOLE * size.whole + 256;
    if let Err(why) = machine::allow_files(files as u64) {
        eprintln!("{why}");
        return ExitCode::from(2);
    }
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    println!("this machine: {cores} cores, {:.0} GB of memory", machine::all_memory() as f64 / 1e9);
    println!(
        "the fleet: {} kiosks, {} of them with a database; the others verify, fetch and unpack, in memory",
        size.kiosks, size.whole
    );
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(cores).enable_all().build().unwrap();
    runtime.block_on(run(&size, cores));
    // Kiosks stop where they are.
    runtime.shutdown_background();
    ExitCode::SUCCESS
}

async fn run(size: &Size, cores: usize) {
    let began = Instant::now();
    let mut head = Head::new(size.products);
    tell_packed(&head, size);
    let folders = equip(&head, size.whole);
    println!("all that is made beforehand took {:.1?}", began.elapsed());

    let broker = Broker::as_shipped();
    let alone = machine::memory(broker.pid());
    let sent = head.publish(&broker, 0).await;
    sleep(REST).await;
    println!(
        "published: {} chunks of {:.2} MB; the broker has {:.1} MB, and had {:.1} MB",
        sent.chunks,
        megabytes(sent.bytes),
        megabytes(machine::memory(broker.pid())),
        megabytes(alone)
    );

    let (says, news) = mpsc::unbounded_channel();
    let (events, told) = watch::channel(0);
    let scene = Arc::new(Scene {
        anchor: head.anchor(),
        have: head.have(),
        rows: std::mem::take(&mut head.rows),
        spread: size.spread,
        says,
        events: told,
        cores: Semaphore::new(cores),
    });
    let mut desk = Desk { news, downs: 0, wrong: Vec::new() };
    let (collector, office) = head.collect(&broker);
    let figures = collector.figures();
    while !figures.borrow().is_up {
        sleep(Duration::from_millis(20)).await;
    }
    for (number, folder) in folders.iter().enumerate() {
        let connection = connection(&broker, broker.port, number);
        tokio::spawn(whole::run(number, folder.path().to_owned(), scene.clone(), connection));
    }
    desk.hear("connected", size.whole, Instant::now(), |_, news| matches!(news, News::Up)).await;

    let wires = connect(size, &broker, &scene, &mut desk).await;
    idle(size, &broker, &wires).await;
    update(size, &broker, &mut head, &wires, &mut desk).await;

    // What each told of the update is there; now for the events.
    let applied = size.kiosks as u64;
    until("each told that it has it", || figures.borrow().new >= applied).await;
    sleep(REST).await;
    let (look, before, earlier) = (Look::at(broker.pid()), passed(&wires), *figures.borrow());
    let since = Instant::now();
    events.send_replace(size.events);
    let mut ids: BTreeMap<usize, Vec<Uuid>> = BTreeMap::new();
    let times = desk.hear("told all", size.kiosks, since, |number, news| {
        let News::Told(told) = news else { return false };
        ids.insert(number, std::mem::take(told));
        true
    });
    let times = times.await;
    let took = times.last().copied().unwrap_or_default();
    let now = *figures.borrow();
    let all = (size.kiosks * size.events) as u64;
    println!(
        "telemetry, all of {all} events at once: {took:.1?}, {:.0} events/s, {} in the busiest second; in {} \
         batches; {} came twice",
        all as f64 / took.as_secs_f64(),
        busiest(&times) * size.events,
        now.batches - earlier.batches,
        now.repeated - earlier.repeated
    );
    show("  until head office had all of a kiosk's", times);
    tell_wires("  bytes of an event", size.events, &before, &passed(&wires));
    println!("  the broker: {}", look.tell());
    let expected = size.events + 1;
    for (number, made) in &ids {
        let site = site(*number);
        let filed = office.events_of(site.store.as_str(), site.kiosk.as_str()).unwrap();
        assert_eq!(filed.len(), expected, "{} of {}", site.kiosk, site.store);
        assert!(made.iter().all(|id| filed.contains(id)), "{} of {}", site.kiosk, site.store);
    }
    let filed: u64 = office.counts().unwrap().iter().map(|(_, count)| count).sum();
    assert_eq!(filed, (size.kiosks * expected) as u64, "each event is there once");
    assert_eq!((now.refused, now.unreadable, now.failed), (0, 0, 0));
    println!(
        "  head office has {filed} events, each once; {:.0} bytes of disk each",
        head.collected() as f64 / filed as f64
    );
    println!(
        "the broker at most: {:.1} MB; in all {:.1} s of a core",
        megabytes(machine::most_memory(broker.pid())),
        machine::busy(broker.pid()).as_secs_f64()
    );
    desk.tell();
    collector.stop().await;
    println!("all of it took {:.0?}", began.elapsed());
}

fn tell_packed(head: &Head, size: &Size) {
    let [one, two] = &head.versions;
    println!("the catalog: {} products ({}), {} bytes", size.products, head.origin, one.snapshot.size);
    println!("{}", head.differing.tell(two.deltas[0].parts.packed));
}

/// Data folders with the first version in use.
fn equip(head: &Head, count: usize) -> Vec<tempfile::TempDir> {
    if count == 0 {
        return Vec::new();
    }
    let first = head.equip();
    (0..count)
        .map(|_| {
            let folder = tempfile::tempdir().unwrap();
            head::copy(first.path(), folder.path());
            folder
        })
        .collect()
}

/// A kiosk's connection through `port`, with a certificate of its own and the limits as shipped.
fn connection(broker: &Broker, port: u16, number: usize) -> mqtt::Options {
    let user = site(number).user().unwrap();
    mqtt::Options::new("127.0.0.1", port, &user, broker.tls(&user))
}

/// Has all kiosks connect at one moment. Those whose bytes are counted go through wires.
async fn connect(size: &Size, broker: &Broker, scene: &Arc<Scene>, desk: &mut Desk) -> Vec<Wire> {
    let mut wires = Vec::new();
    for _ in 0..size.wires {
        wires.push(Wire::to(broker.port).await);
    }
    let (own, theirs) = (machine::memory(std::process::id()), machine::memory(broker.pid()));
    let count = size.kiosks - size.whole;
    let connections: Vec<_> = (size.whole..size.kiosks)
        .map(|number| {
            let port = wires.get(number - size.whole).map_or(broker.port, |wire| wire.port);
            (number, connection(broker, port, number))
        })
        .collect();
    let (look, since) = (Look::at(broker.pid()), Instant::now());
    for (number, connection) in connections {
        tokio::spawn(kiosk::run(number, scene.clone(), connection));
    }
    let times = desk.hear("connected", count, since, |_, news| matches!(news, News::Up)).await;
    show("connected, all at one moment", times);
    println!("  the broker: {}; attempts that failed: {}", look.tell(), desk.downs);
    sleep(REST).await;
    let each = |now: u64, before: u64| now.saturating_sub(before) as f64 / count as f64 / 1e3;
    println!(
        "  memory of a kiosk: {:.1} kB here, {:.1} kB at the broker",
        each(machine::memory(std::process::id()), own),
        each(machine::memory(broker.pid()), theirs)
    );
    tell_wires("  bytes of a kiosk", 1, &vec![(0, 0); wires.len()], &passed(&wires));
    wires
}

/// Nothing happens: pings, and a status now and then.
async fn idle(size: &Size, broker: &Broker, wires: &[Wire]) {
    let (look, before) = (Look::at(broker.pid()), passed(wires));
    sleep(size.idle).await;
    println!("nothing to tell, for {:.0?}; the broker: {}", size.idle, look.tell());
    tell_wires("  bytes of a kiosk", 1, &before, &passed(wires));
}

/// One row in a hundred changes for all.
async fn update(size: &Size, broker: &Broker, head: &mut Head, wires: &[Wire], desk: &mut Desk) {
    let (look, before) = (Look::at(broker.pid()), passed(wires));
    let (mut after, mut slow) = (before.clone(), Vec::new());
    let since = Instant::now();
    let went = head.publish(broker, 1).await;
    println!("published: {} chunks of {} bytes, in {:.1?}", went.chunks, went.bytes, since.elapsed());
    let times = desk.hear("have the update", size.kiosks, since, |number, news| {
        if !matches!(news, News::Applied(2)) {
            return false;
        }
        if number < size.whole {
            slow.push(since.elapsed());
        } else if let Some(wire) = wires.get(number - size.whole) {
            after[number - size.whole] = wire.passed();
        }
        true
    });
    let times = times.await;
    println!("one row in a hundred, to all, fetched within {:.0?} by chance:", size.spread);
    show("  all", times);
    show("  of these, taken into use by those with a database", slow);
    tell_wires("  bytes of a kiosk", 1, &before, &after);
    let down: u64 = after.iter().zip(&before).map(|(after, before)| after.1 - before.1).sum();
    let alone = head.differing.packed;
    println!(
        "  down, against zstd of the changed rows alone ({alone} bytes): {:.2} times",
        down as f64 / wires.len().max(1) as f64 / alone as f64
    );
    println!("  the broker: {}", look.tell());
}

fn passed(wires: &[Wire]) -> Vec<(u64, u64)> {
    wires.iter().map(Wire::passed).collect()
}

/// Bytes are those of TLS, without TCP's and IP's headers.
fn tell_wires(what: &str, parts: usize, before: &[(u64, u64)], after: &[(u64, u64)]) {
    if before.is_empty() {
        return;
    }
    let of = |pick: fn(&(u64, u64)) -> u64| {
        let all: Vec<u64> =
            after.iter().zip(before).map(|(after, before)| pick(after) - pick(before)).collect();
        let mean = all.iter().sum::<u64>() as f64 / all.len() as f64 / parts as f64;
        (mean, all.into_iter().max().unwrap_or_default() as f64 / parts as f64)
    };
    let (up, down) = (of(|passed| passed.0), of(|passed| passed.1));
    println!(
        "{what}, mean of {} (most): {:.0} ({:.0}) up, {:.0} ({:.0}) down",
        before.len(),
        up.0,
        up.1,
        down.0,
        down.1
    );
}

fn show(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let Some(last) = times.len().checked_sub(1) else { return };
    let at = |share: usize| times[last * share / 100];
    println!("{what}: {} kiosks, p50 {:.1?}, p95 {:.1?}, last {:.1?}", times.len(), at(50), at(95), at(100));
}

/// The most of `times`, the shortest first, that lie within one second.
fn busiest(times: &[Duration]) -> usize {
    let second = Duration::from_secs(1);
    let within = |(at, from): (usize, &Duration)| {
        times[at..].iter().take_while(|time| **time < *from + second).count()
    };
    times.iter().enumerate().map(within).max().unwrap_or_default()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Where kiosks say how far they are.
struct Desk {
    news: mpsc::UnboundedReceiver<Said>,
    downs: usize,
    wrong: Vec<String>,
}

impl Desk {
    /// Waits until so many kiosks have said what is wanted; how long each took since then, the
    /// fastest first.
    async fn hear(
        &mut self,
        what: &str,
        count: usize,
        since: Instant,
        mut wanted: impl FnMut(usize, &mut News) -> bool,
    ) -> Vec<Duration> {
        let deadline = Instant::now() + PATIENCE;
        let mut times: BTreeMap<usize, Duration> = BTreeMap::new();
        while times.len() < count {
            let Ok(said) = timeout_at(deadline, self.news.recv()).await else {
                panic!(
                    "{} of {count} {what}; {} connections ended; {:?}",
                    times.len(),
                    self.downs,
                    self.wrong
                );
            };
            let (number, at, mut news) = said.unwrap();
            match &news {
                News::Down(why) => {
                    self.downs += 1;
                    self.note(why.clone());
                }
                News::Wrong(why) => self.note(why.clone()),
                _ => {}
            }
            if wanted(number, &mut news) {
                times.entry(number).or_insert(at.saturating_duration_since(since));
            }
        }
        let mut times: Vec<Duration> = times.into_values().collect();
        times.sort_unstable();
        times
    }

    /// Each trouble once, and not too many.
    fn note(&mut self, why: String) {
        if self.wrong.len() < 8 && !self.wrong.contains(&why) {
            self.wrong.push(why);
        }
    }

    fn tell(&self) {
        println!("connections that ended, or were not made at once: {}", self.downs);
        self.wrong.iter().for_each(|why| println!("  {why}"));
    }
}
