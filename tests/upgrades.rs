//! A data folder that an older program wrote is brought up to date with all that is in it: the
//! shop's own word, what waits for head office, the catalog. Its files are fixtures, as SQL text.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use aisle::domain::{Product, Sku};
use aisle::store::{Catalog, Lane, NewEvent, OutboxState, Priority, Remembered, SearchRequest, Waiting};
use aisle::sync::session::Event;
use aisle::sync::tell::tell_dropped;
use aisle::sync::wire::event::{Batch, Inventory, Order, Telemetry, Way};
use jiff::Timestamp;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use support::bundle::{Content, Office, header, ingest, root_of, take};
use tempfile::TempDir;
use uuid::Uuid;

const STATE_4: &str = include_str!("fixtures/state-schema-4.sql");
const CATALOG_3: &str = include_str!("fixtures/catalog-schema-3.sql");
const ROOM: u64 = 1 << 20;

/// A folder whose two databases belong together.
fn old_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, written) in [("state.db", STATE_4), ("catalog.db", CATALOG_3)] {
        Connection::open(folder.path().join(name)).unwrap().execute_batch(written).unwrap();
    }
    folder
}

fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

fn number(file: &Path, sql: &str) -> i64 {
    Connection::open(file).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// All that a database is declared to be, by name; SQLite quotes some names in one way or another.
fn declared(file: &Path) -> BTreeMap<String, String> {
    let conn = Connection::open(file).unwrap();
    let mut select = conn.prepare("SELECT name, ifnull(sql, '') FROM sqlite_schema").unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
    rows.map(Result::unwrap).map(|(name, sql)| (name, sql.replace(['"', '\''], ""))).collect()
}

fn lane(catalog: &Catalog, lane: Lane) -> Vec<Waiting> {
    catalog.waiting_events(lane, 0, 100, 1 << 20).unwrap()
}

fn ids(catalog: &Catalog) -> Vec<u128> {
    Lane::ALL.into_iter().flat_map(|of| lane(catalog, of)).map(|event| event.id.as_u128()).collect()
}

#[test]
fn old_files_become_what_new_ones_are() {
    let (old, new) = (old_folder(), tempfile::tempdir().unwrap());
    for (name, was) in [("state.db", 4), ("catalog.db", 3)] {
        assert_eq!(number(&old.path().join(name), "PRAGMA user_version"), was);
    }
    drop(Catalog::open(old.path()).unwrap());
    drop(Catalog::open(new.path()).unwrap());
    for name in ["state.db", "catalog.db"] {
        let (old, new) = (old.path().join(name), new.path().join(name));
        let version = |file: &Path| number(file, "PRAGMA user_version");
        assert_eq!(version(&old), version(&new), "{name}");
        let (old, new) = (declared(&old), declared(&new));
        assert_eq!(old.keys().collect::<Vec<_>>(), new.keys().collect::<Vec<_>>(), "{name}");
        old.iter().for_each(|(table, sql)| assert_eq!(*sql, new[table], "{name}"));
    }
}

#[test]
fn the_shops_own_word_stays() {
    let folder = old_folder();
    for _ in 0..2 {
        let catalog = Catalog::open(folder.path()).unwrap();
        let corrections = catalog.corrections().unwrap();
        let of: Vec<_> =
            corrections.iter().map(|corrected| (corrected.sku.as_str(), corrected.carried)).collect();
        assert_eq!(of, [("DA-2", true), ("XX-1", true)]);
        assert_eq!(corrections[0].correction.note.as_deref(), Some("price tag"));
        assert_eq!(catalog.product(&sku("DA-2")).unwrap().unwrap().price_cents, Some(229));
        assert_eq!(catalog.product(&sku("XX-1")).unwrap(), None, "it is withdrawn");
        let alerts = catalog.alerts(10).unwrap();
        let by: Vec<_> = alerts.iter().map(|alert| (alert.id, alert.acknowledged_by.as_deref())).collect();
        assert_eq!(by, [(2, None), (1, Some("Ana"))]);
        assert_eq!(catalog.feedback().unwrap(), (1, 1));
    }
    let catalog = Catalog::open(folder.path()).unwrap();
    assert_eq!(catalog.drop_correction(&sku("XX-1")).unwrap(), 1);
    assert_eq!(catalog.product(&sku("XX-1")).unwrap().unwrap().price_cents, Some(999));
}

#[test]
fn what_waits_for_head_office_still_waits_and_is_sent_in_its_order() {
    let folder = old_folder();
    let catalog = Catalog::open(folder.path()).unwrap();
    let before = OutboxState {
        waiting: 3,
        bytes: 737,
        oldest: Some("2026-11-25T09:00:03Z".into()),
        dropped: vec![("searched".into(), 2)],
    };
    assert_eq!(catalog.outbox().unwrap(), before);
    assert_eq!(ids(&catalog), [4, 3, 6]);
    assert_eq!(lane(&catalog, Lane::Order)[0].seq, 4);
    let as_sent = |of: Lane| {
        let events = lane(&catalog, of).into_iter().map(|row| {
            let mut event: serde_json::Value = serde_json::from_str(&row.body).unwrap();
            event["id"] = row.id.to_string().into();
            event["seq"] = row.seq.into();
            event["at"] = row.made_at.into();
            event
        });
        let events: Vec<_> = events.collect();
        let (id, outbox) = (Uuid::nil(), Uuid::nil());
        serde_json::json!({"id": id, "outbox": outbox, "events": events}).to_string().into_bytes()
    };
    assert!(read::<Order>(&as_sent(Lane::Order)) && read::<Inventory>(&as_sent(Lane::Inventory)));
    assert!(read::<Telemetry>(&as_sent(Lane::Telemetry)));

    // The outbox gets its name, and goes on counting where it was.
    let (first, again) = (catalog.begin_outbox().unwrap(), catalog.begin_outbox().unwrap());
    assert_eq!((first.starts, again.starts, first.outbox), (1, 2, again.outbox));
    assert_eq!(catalog.refusals().unwrap(), []);
    let put = NewEvent {
        id: Uuid::from_u128(7),
        lane: Lane::Outcome,
        kind: "done",
        priority: Priority::High,
        made_at: Timestamp::UNIX_EPOCH,
        body: r#"{"kind":"done","command":"00000000-0000-0000-0000-000000000001"}"#,
    };
    assert!(catalog.keep_event(&put, ROOM).unwrap());
    assert_eq!(lane(&catalog, Lane::Outcome)[0].seq, 7, "no number is used twice");
    // What was dropped before is told of now, once.
    assert_eq!(tell_dropped(&catalog, Timestamp::UNIX_EPOCH).unwrap(), 1);
    let word = lane(&catalog, Lane::Telemetry).pop().unwrap();
    assert_eq!(word.body, r#"{"kind":"dropped","what":"telemetry","count":2}"#);
    let all: Vec<Uuid> = Lane::ALL.into_iter().flat_map(|of| lane(&catalog, of)).map(|row| row.id).collect();
    assert_eq!(catalog.acknowledge_events(&all).unwrap(), 5);
    assert_eq!(tell_dropped(&catalog, Timestamp::UNIX_EPOCH).unwrap(), 0);
    let after = OutboxState { dropped: before.dropped, ..OutboxState::default() };
    assert_eq!(catalog.outbox().unwrap(), after, "what is gone leaves no bytes");
}

fn read<T: aisle::sync::wire::event::Told>(payload: &[u8]) -> bool
where
    Batch<T>: aisle::sync::wire::Message,
{
    let batch: Batch<T> = aisle::sync::wire::read(payload).unwrap();
    batch.events.items.len() == 1 && batch.events.refused.is_empty()
}

#[test]
fn a_kiosk_trusts_nobody_before_it_is_told_whom() {
    let folder = old_folder();
    let catalog = Arc::new(Catalog::open(folder.path()).unwrap());
    assert_eq!(catalog.remembered().unwrap(), Remembered::default());
    assert_eq!(catalog.bundle_notes().unwrap(), []);
    let stored = ingest(&catalog, folder.path()).stored().unwrap();
    assert!(stored.have.catalog.is_none() && stored.staged.is_empty() && stored.refused.is_empty());
}

#[test]
fn an_old_catalog_is_searched_as_before_and_takes_bundles() {
    let folder = old_folder();
    let catalog = Arc::new(Catalog::open(folder.path()).unwrap());
    let info = catalog.info().unwrap();
    assert_eq!((info.name.as_str(), info.products, info.version.number), ("Third Corner Shop", 3, 1));
    assert_eq!(info.version.digest, "b5dfb617a540780b4e9b5de2ca4f4db72ad3e12d4d131e96a19146400b586240");
    let found = |text: &str| {
        let request = SearchRequest { text: text.to_owned(), limit: 10, ..SearchRequest::default() };
        let hits = catalog.search(&request).unwrap().hits;
        hits.iter().map(|hit| hit.product.sku.to_string()).collect::<Vec<_>>()
    };
    assert_eq!((found("arla milk")[0].as_str(), found("haferdrink")[0].as_str()), ("DA-1", "DA-2"));
    assert_eq!(catalog.bundle().unwrap(), None, "it came from a file");

    // A whole one, since nothing is known of its rows; then what differs.
    let products: Vec<Product> = ["DA-1", "DA-2"]
        .map(|number| catalog.product(&sku(number)).unwrap().unwrap())
        .into_iter()
        .map(|product| Product { location: None, price_cents: Some(300), ..product })
        .collect();
    let a = Content::new(&[header("Third Corner Shop")], products.clone());
    let cheaper = products.iter().map(|product| Product { price_cents: Some(100), ..product.clone() });
    let b = Content::new(&[header("Third Corner Shop")], cheaper);
    let mut office = Office::new();
    let (one, two) = (office.publish(1, &a, "facts"), office.publish(2, &b, "facts"));
    let mut ingest = ingest(&catalog, folder.path());
    for (manifest, way) in [(&one, Way::Snapshot), (&two, Way::Delta)] {
        match take(&mut ingest, &office, manifest, false) {
            Event::Applied(done) => assert_eq!(done.way, way),
            other => panic!("{other:?}"),
        }
        assert_eq!(root_of(&catalog), manifest.root);
    }
    let price = |number: &str| catalog.product(&sku(number)).unwrap().unwrap().price_cents;
    assert_eq!((price("DA-1"), price("DA-2")), (Some(100), Some(229)), "the shop's own price holds");
}
