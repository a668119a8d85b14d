//! What kiosks tell comes to PostgreSQL once, whatever becomes of it on the way: against Debian's
//! server, with the real outbox, broker, collectors and databases between.

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
#[path = "common/postgres.rs"]
mod postgres;

use aisle::office::forward::{self, Forwarder, Pauses};
use aisle::office::postgres::Address;
use aisle::store::{Effect, Office, OfficeBatch, OfficeEvent};
use aisle::sync::tls::Roots;
use broker::Broker;
use jiff::Timestamp;
use line::{Shop, collect, kiosk, site, until};
use postgres::Postgres;
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

fn pauses() -> Pauses {
    let ms = Duration::from_millis;
    Pauses { look: ms(20), first: ms(20), longest: ms(200) }
}

fn address(postgres: &Postgres) -> Address {
    Address::read(&postgres.address(), &Roots::File(postgres.ca())).unwrap()
}

fn forwarder(office: &Arc<Office>, folder: &Path, address: Address) -> Forwarder {
    forward::start(forward::Options {
        office: Arc::clone(office),
        folder: folder.to_owned(),
        tenant: site().tenant,
        address,
        pauses: pauses(),
    })
}

/// A head office's database.
fn office() -> (TempDir, Arc<Office>) {
    let folder = tempfile::tempdir().unwrap();
    let office = Arc::new(Office::open(folder.path()).unwrap());
    (folder, office)
}

fn event(id: u128, kind: &str, body: &str) -> OfficeEvent {
    OfficeEvent {
        id: Uuid::from_u128(id),
        seq: id as u64,
        kind: kind.into(),
        made_at: Timestamp::from_second(1_800_000_000 + id as i64).unwrap(),
        body: body.into(),
        effect: Effect::Nothing,
    }
}

fn file(office: &Office, lane: &'static str, events: Vec<OfficeEvent>) {
    let (store, kiosk) = ("s042".into(), "k1".into());
    let batch = OfficeBatch { store, kiosk, outbox: Uuid::nil(), lane, events };
    office.file(&[batch], Timestamp::now()).unwrap();
}

fn sold(id: u128, quantity: i64) -> OfficeEvent {
    event(
        id,
        "sold",
        &format!("{{\"kind\":\"sold\",\"sku\":\"DA-1\",\"quantity\":{quantity},\"sale\":\"7\"}}"),
    )
}

fn counted(id: u128, stock: i64, as_of: &str) -> OfficeEvent {
    let body = format!("{{\"kind\":\"counted\",\"sku\":\"DA-1\",\"stock\":{stock},\"as_of\":\"{as_of}\"}}");
    event(id, "counted", &body)
}

/// What PostgreSQL says of the stock.
fn stock(postgres: &Postgres) -> String {
    postgres.ask(
        "SELECT stock, sold FROM aisle.inventory WHERE tenant = 'acme' AND store = 's042' AND sku = 'DA-1'",
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_collectors_share_the_load_and_a_crash_of_the_database_loses_and_doubles_nothing() {
    let (broker, mut postgres, shop) = (Broker::start(), Postgres::start(), Shop::new());
    let (folder, second) = office();
    let first_folder = tempfile::tempdir().unwrap();
    let collectors = [(1, &shop.office), (2, &second)].map(|(number, office)| {
        let user = format!("acme/collect-{number}");
        collect(Arc::clone(office), broker.tls(&user), broker.port, &user, u64::MAX)
    });
    let forwarders = [
        forwarder(&shop.office, first_folder.path(), address(&postgres)),
        forwarder(&second, folder.path(), address(&postgres)),
    ];
    let up = || forwarders.iter().all(|own| own.figures().borrow().is_up);
    until("both reach PostgreSQL", up).await;
    let kiosk = kiosk(&broker, &shop, broker.port);
    let empty = || shop.catalog.outbox().unwrap().waiting == 0;
    // In many small batches, so that both collectors get some.
    let put = async |rounds: usize| {
        for _ in 0..rounds {
            shop.put(10);
            kiosk.waker().wake();
            until("head office has it", empty).await;
        }
    };
    put(20).await;
    let there = |count: u64| postgres.ask("SELECT count(*) FROM aisle.events") == count.to_string();
    until("they are there", || there(200)).await;
    postgres.crash();
    // Nobody waits for PostgreSQL: not the kiosk, and so no shopper.
    put(20).await;
    assert_eq!(shop.made(), 400);
    postgres.restart();
    put(10).await;
    let there = || postgres.ask("SELECT count(*), count(DISTINCT id) FROM aisle.events") == "500|500";
    until("all of them are there", there).await;
    assert_eq!(stock(&postgres), "510|100", "each count and each sale took effect once");
    let filed = |office: &Office| office.events_of("s042", "k1").unwrap().len();
    let shares = [filed(&shop.office), filed(&second)];
    assert!(shares.iter().all(|share| *share > 0), "they shared the load: {shares:?}");
    let one = postgres
        .ask("SELECT lane, kind, body->>'command' IS NOT NULL FROM aisle.events WHERE kind = 'done' LIMIT 1");
    assert_eq!(one, "outcome|done|t");
    assert_eq!(postgres.ask("SELECT sum(searches) FROM aisle.days"), "350");
    kiosk.stop().await;
    for (collector, forwarder) in collectors.into_iter().zip(forwarders) {
        collector.stop().await;
        forwarder.stop().await;
    }
    assert_eq!(second.unsent_count().unwrap(), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_there_before_comes_too_once_and_a_new_database_gets_all_of_it() {
    let postgres = Postgres::encrypted();
    let (folder, office) = office();
    file(&office, "inventory", vec![sold(1, 2), counted(2, 9, "2026-11-26T09:00:00Z")]);
    // Without encryption nobody is let in, and nobody is trusted whom the file does not name.
    let plain = postgres.address();
    let encrypted = std::fs::read_to_string(&plain).unwrap();
    std::fs::write(&plain, encrypted.replace("require", "disable")).unwrap();
    let error = Address::read(&plain, &Roots::System).unwrap().connect().await.err().unwrap().to_string();
    assert!(error.contains("pg_hba.conf") && error.lines().count() == 1, "{error}");
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("ca.pem"), broker::Authority::new().pem()).unwrap();
    let stranger = Address::read(&postgres.address(), &Roots::File(other.path().join("ca.pem"))).unwrap();
    let error = stranger.connect().await.err().unwrap().to_string();
    assert!(error.contains("certificate"), "{error}");

    let first = forwarder(&office, folder.path(), address(&postgres));
    until("what was there comes", || first.figures().borrow().new == 2).await;
    // An older count, a newer one, and a sale that is taken back.
    let later = [counted(3, 5, "2026-11-26T08:00:00Z"), counted(4, 7, "2026-11-26T10:00:00Z"), sold(5, -1)];
    file(&office, "inventory", later.to_vec());
    until("what is new comes", || first.figures().borrow().new == 5).await;
    assert_eq!(stock(&postgres), "7|1");
    first.stop().await;

    // Started again, it brings what is new alone; another folder's database brings its own.
    let again = forwarder(&office, folder.path(), address(&postgres));
    let (other_folder, other) = self::office();
    file(&other, "inventory", vec![sold(5, -1), sold(6, 4)]);
    let second = forwarder(&other, other_folder.path(), address(&postgres));
    until("the other's comes", || second.figures().borrow().new == 1).await;
    assert_eq!((second.figures().borrow().repeated, stock(&postgres)), (1, "7|5".to_owned()));
    file(&office, "telemetry", vec![event(7, "searched", "{\"kind\":\"searched\",\"no_match\":true}")]);
    until("what is new comes", || again.figures().borrow().new == 1).await;
    assert_eq!(again.figures().borrow().repeated, 0);
    again.stop().await;
    second.stop().await;

    // Somebody drops the tables: they are made and filled again, from both.
    postgres.empty();
    let both = [
        forwarder(&office, folder.path(), address(&postgres)),
        forwarder(&other, other_folder.path(), address(&postgres)),
    ];
    let count = || {
        postgres.ask("SELECT to_regclass('aisle.events') IS NOT NULL") == "t"
            && postgres.ask("SELECT count(*) FROM aisle.events") == "7"
    };
    until("all is there again", count).await;
    assert_eq!(stock(&postgres), "7|5");
    for own in both {
        own.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_it_cannot_take_holds_nothing_up() {
    let postgres = Postgres::start();
    let (folder, office) = office();
    let mut events: Vec<OfficeEvent> = (1..=40).map(|id| sold(id, 1)).collect();
    events.push(event(41, "counted", "{\"kind\":\"counted\",\"sku\":\"DA-1\",\"stock\":\"many\"}"));
    events.push(event(42, "sold", "{\"kind\":\"sold\",\"sku\":\"DA\\u0000-1\",\"quantity\":1}"));
    events.extend((43..=60).map(|id| sold(id, 1)));
    file(&office, "inventory", events);
    let forwarder = forwarder(&office, folder.path(), address(&postgres));
    let done = || office.unsent_count().unwrap() == (0, 1);
    until("all others are there", || forwarder.figures().borrow().is_up && done()).await;
    assert_eq!(forwarder.figures().borrow().aside, 1);
    assert_eq!(postgres.ask("SELECT count(*) FROM aisle.events"), "59");
    assert_eq!(stock(&postgres), "|59");
    forwarder.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_made_once_however_many_begin() {
    let postgres = Postgres::start();
    let address = address(&postgres);
    let begin = |_| {
        let address = address.clone();
        tokio::spawn(async move { address.connect().await.unwrap().identity().await.unwrap() })
    };
    let mut identities = Vec::new();
    for task in (0..12).map(begin).collect::<Vec<_>>() {
        identities.push(task.await.unwrap());
    }
    identities.dedup();
    assert_eq!(identities.len(), 1, "all see one database");
    // Tables of a newer program are left alone.
    postgres.ask("UPDATE aisle.about SET version = 99");
    let error = address.connect().await.err().unwrap().to_string();
    assert!(error.contains("version 99") && error.contains("update Aisle"), "{error}");
    let wrong = Address::read(&postgres.address_with("hunter2"), &Roots::System).unwrap();
    let error = wrong.connect().await.err().unwrap().to_string();
    assert!(
        error.contains("password") && !error.contains("hunter2") && error.lines().count() == 1,
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_brings_what_it_collects() {
    let (broker, postgres, shop) = (Broker::start(), Postgres::start(), Shop::new());
    let office = desk::office(&broker);
    let file = office.data.path().join("postgres");
    let asked = ["office", "collect", "--postgres", file.to_str().unwrap()];
    std::fs::write(&file, "no address, hunter2").unwrap();
    let error = office.refusal(&asked);
    assert!(error.contains("holds no address of PostgreSQL") && !error.contains("hunter2"), "{error}");
    std::fs::copy(postgres.address(), &file).unwrap();
    let mut command = office.command();
    let mut running = command.args(asked).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let kiosk = kiosk(&broker, &shop, broker.port);
    shop.put(50);
    kiosk.waker().wake();
    let there = || {
        postgres.ask("SELECT to_regclass('aisle.events') IS NOT NULL") == "t"
            && postgres.ask("SELECT count(*) FROM aisle.events") == "50"
    };
    until("PostgreSQL has them", there).await;
    assert_eq!(stock(&postgres), "60|10");
    kill_process(Pid::from_child(&running), Signal::TERM).unwrap();
    let ended = tokio::task::spawn_blocking(move || {
        let mut said = String::new();
        std::io::Read::read_to_string(&mut running.stderr.take().unwrap(), &mut said).unwrap();
        (running.wait().unwrap(), said)
    });
    let (status, said) = ended.await.unwrap();
    assert!(status.success(), "{said}");
    assert!(
        said.contains("into PostgreSQL") && said.contains("new=50") && !said.contains("correct"),
        "{said}"
    );
    kiosk.stop().await;
}
