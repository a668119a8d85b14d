//! What a sale writes into `state.db`, without a catalog; what shoppers see of it is tested in
//! tests/sales.rs.

use super::*;
use crate::store::{Lane, Priority};
use uuid::Uuid;

const ROOM: u64 = 1 << 20;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

fn number(catalog: &Catalog, sql: &str) -> i64 {
    catalog.state().read(|tx| tx.query_row(sql, [], |row| row.get(0))).unwrap()
}

#[test]
fn a_sale_and_what_tells_of_it_are_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    let (paid, now) = (at("2026-11-26T09:00:00Z"), at("2026-11-26T09:00:05Z"));
    let event = NewEvent {
        id: Uuid::from_u128(1),
        lane: Lane::Inventory,
        kind: "sold",
        priority: Priority::High,
        made_at: now,
        body: r#"{"kind":"sold"}"#,
    };
    let (lines, events) = ([(sku("A"), 2), (sku("A"), 1), (sku("B"), -1)], [event]);
    let sale = NewSale { id: "till-1/42", at: paid, lines: &lines, order: None, events: &events };
    for (round, took) in [Took::New, Took::Had, Took::Had].into_iter().enumerate() {
        // Another start each time.
        let catalog = Catalog::open(folder.path()).unwrap();
        assert_eq!(catalog.last_sale().unwrap(), (round > 0).then_some(now));
        assert_eq!(catalog.take_sale(&sale, now, ROOM).unwrap(), took);
        let later = NewSale { at: at("2026-11-26T10:00:00Z"), ..sale.clone() };
        assert_eq!(catalog.take_sale(&later, now, ROOM).unwrap(), Took::Another, "of another time");
        assert_eq!(number(&catalog, "SELECT quantity FROM sold WHERE sku = 'A'"), 3);
        assert_eq!(number(&catalog, "SELECT quantity FROM sold WHERE sku = 'B'"), -1);
        assert_eq!(catalog.outbox().unwrap().waiting, 1);
        assert_eq!(catalog.last_sale().unwrap(), Some(now));
    }
}

#[test]
fn old_sales_are_added_up_and_ids_forgotten_when_nobody_may_tell_them_again() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let begin = at("2026-10-01T08:00:00Z");
    let lines = [(sku("A"), 1)];
    let take = |n: i64, hours: i64| {
        let now = begin + SignedDuration::from_hours(hours);
        let id = format!("{n}");
        let sale = NewSale { id: &id, at: now, lines: &lines, order: None, events: &[] };
        assert_eq!(catalog.take_sale(&sale, now, ROOM).unwrap(), Took::New);
    };
    // Two a day for 32 days: those of the last week stand apart.
    (1..=64).for_each(|n| take(n, n * 12));
    assert_eq!(number(&catalog, "SELECT count(*) FROM sales"), 64);
    assert_eq!(number(&catalog, "SELECT sum(quantity) FROM sold"), 64);
    assert_eq!(number(&catalog, "SELECT count(*) FROM sold"), 1 + 15);
    assert_eq!(number(&catalog, "SELECT max(quantity) FROM sold"), 49);
    // Four days later the first eight are forgotten, and none that may still be told.
    (65..=128).for_each(|n| take(n, 64 * 12 + (n - 64) * 3 / 2));
    assert_eq!(number(&catalog, "SELECT min(seq) FROM sales"), 8);
    assert_eq!(number(&catalog, "SELECT sum(quantity) FROM sold"), 128, "no piece is forgotten");
    let oldest = number(&catalog, "SELECT min(at) FROM sales");
    let now = begin + SignedDuration::from_hours(64 * 12 + 96);
    let (oldest, latest) = (Timestamp::from_microsecond(oldest).unwrap(), now - LATEST_SALE);
    assert!(oldest <= latest - EARLIEST_SALE, "{oldest} {latest}");
}
