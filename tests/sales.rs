//! What shoppers see of sales and reservations: counts that go down once for each sale made after
//! them, whichever count holds, whatever is imported, corrected, rebuilt or killed in between.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use aisle::domain::{Correction, Gtin, LiveCount, Recall, Sku};
use aisle::store::{Catalog, Filters, NewAside, NewOrder, NewSale, SearchRequest, Shard, Took};
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{HEADER, import, write};
use uuid::Uuid;

const ROOM: u64 = 1 << 20;

fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

fn at(text: &str) -> Timestamp {
    format!("2026-11-26T{text}:00Z").parse().unwrap()
}

/// A time that is not over yet.
fn later(text: &str) -> Timestamp {
    format!("2999-11-26T{text}:00Z").parse().unwrap()
}

/// A catalog as of 08:00: jam is counted, tea is there, of salt nothing is known.
fn feed(folder: &Path, as_of: &str, jam: i64) {
    let header = HEADER.replace("\"currency\"", &format!("\"as_of\":\"{}\",\"currency\"", at(as_of)));
    let text = format!(
        "{header}\n{{\"record\":\"product\",\"sku\":\"JAM\",\"title\":\"Plum jam\",\"stock\":{jam},\"gtin\":\"4006381333931\"}}\n\
         {{\"record\":\"product\",\"sku\":\"TEA\",\"title\":\"Green tea\",\"availability\":\"in_stock\"}}\n\
         {{\"record\":\"product\",\"sku\":\"SALT\",\"title\":\"Sea salt\"}}\n"
    );
    write(folder, "feed.jsonl", &text);
}

fn load(catalog: &Catalog, folder: &Path, as_of: &str, jam: i64) {
    feed(folder, as_of, jam);
    import(catalog, &folder.join("feed.jsonl")).unwrap();
}

fn shop() -> (tempfile::TempDir, Catalog) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    load(&catalog, folder.path(), "08:00", 10);
    (folder, catalog)
}

fn sell(catalog: &Catalog, id: &str, time: &str, lines: &[(&str, i64)]) -> Took {
    pay(catalog, id, time, lines, None)
}

fn pay(catalog: &Catalog, id: &str, time: &str, lines: &[(&str, i64)], order: Option<&str>) -> Took {
    let lines: Vec<(Sku, i64)> = lines.iter().map(|(name, pieces)| (sku(name), *pieces)).collect();
    let sale = NewSale { id, at: at(time), lines: &lines, order, events: &[] };
    catalog.take_sale(&sale, at("23:00"), ROOM).unwrap()
}

fn jam(catalog: &Catalog) -> (Option<i64>, Option<String>) {
    let product = catalog.product(&sku("JAM")).unwrap().unwrap();
    (product.stock, product.stock_as_of)
}

fn left(catalog: &Catalog) -> i64 {
    jam(catalog).0.unwrap()
}

fn count(version: u64, stock: Option<i64>, as_of: &str) -> Shard<LiveCount> {
    let row = LiveCount { sku: sku("JAM"), stock, availability: None, as_of: at(as_of) };
    Shard { shard: 0, catalog: 1, version, rows: vec![row] }
}

fn counted(stock: i64, as_of: &str) -> Correction {
    Correction { stock: Some(stock), as_of: at(as_of).to_string(), ..Correction::default() }
}

fn in_stock(catalog: &Catalog) -> bool {
    let filters = Filters { in_stock: true, ..Filters::default() };
    let request = SearchRequest { text: "plum jam".into(), limit: 5, filters, ..SearchRequest::default() };
    catalog.search(&request).unwrap().hits.iter().any(|hit| hit.product.sku == sku("JAM"))
}

#[test]
fn a_sale_after_the_count_lowers_it_and_one_before_it_does_not() {
    let (_folder, catalog) = shop();
    let edition = catalog.edition().unwrap();
    assert_eq!(sell(&catalog, "1", "08:00", &[("JAM", 4)]), Took::New);
    assert_eq!(jam(&catalog), (Some(10), None), "it is in that count");
    assert_eq!(catalog.edition().unwrap(), edition);
    sell(&catalog, "2", "08:01", &[("JAM", 1), ("TEA", 1), ("SALT", 1)]);
    assert_eq!(jam(&catalog), (Some(9), Some(at("08:01").to_string())), "true since then");
    assert_ne!(catalog.edition().unwrap(), edition, "the screen looks again");
    for (name, word) in [("TEA", Some(true)), ("SALT", None)] {
        let other = catalog.product(&sku(name)).unwrap().unwrap();
        assert_eq!((other.stock, other.can_be_had()), (None, word), "what nobody counted stays unknown");
    }
    sell(&catalog, "3", "08:03", &[("JAM", 3)]);
    assert_eq!(sell(&catalog, "3", "08:03", &[("JAM", 3)]), Took::Had);
    sell(&catalog, "4", "08:02", &[("JAM", 2)]);
    assert_eq!(jam(&catalog), (Some(4), Some(at("08:03").to_string())));
    assert!(in_stock(&catalog));
    sell(&catalog, "5", "08:04", &[("JAM", 6)]);
    assert_eq!((left(&catalog), in_stock(&catalog)), (0, false), "never below none");
    sell(&catalog, "6", "08:05", &[("JAM", -3)]);
    assert_eq!((left(&catalog), in_stock(&catalog)), (1, true), "one came back that was there");
}

#[test]
fn whichever_count_holds_has_what_was_sold_before_it() {
    let (folder, catalog) = shop();
    sell(&catalog, "1", "09:00", &[("JAM", 1)]);
    sell(&catalog, "2", "11:00", &[("JAM", 2)]);
    assert_eq!(left(&catalog), 7);
    // Head office counts between the two.
    catalog.take_counts(&count(1, Some(20), "10:00")).unwrap();
    assert_eq!(left(&catalog), 18);
    // The shop counts after both, and takes its word back.
    catalog.correct(&sku("JAM"), counted(5, "12:00")).unwrap();
    assert_eq!(jam(&catalog), (Some(5), Some(at("12:00").to_string())));
    sell(&catalog, "3", "12:30", &[("JAM", 1)]);
    assert_eq!(left(&catalog), 4);
    catalog.drop_correction(&sku("JAM")).unwrap();
    assert_eq!(left(&catalog), 17, "what was sold since head office counted");
    catalog.take_counts(&count(2, None, "13:00")).unwrap();
    assert_eq!(jam(&catalog).0, None, "not known is not known");
    // A catalog that knows best.
    load(&catalog, folder.path(), "14:00", 30);
    assert_eq!(jam(&catalog), (Some(30), None));
    sell(&catalog, "4", "13:59", &[("JAM", 9)]);
    sell(&catalog, "5", "14:01", &[("JAM", 9)]);
    assert_eq!(left(&catalog), 21);
    load(&catalog, folder.path(), "08:00", 10);
    assert_eq!(jam(&catalog).0, None, "the older catalog knows less than head office");
}

#[test]
fn sales_outlive_a_restart_and_a_rebuilt_catalog() {
    let (folder, catalog) = shop();
    let plain = catalog.product(&sku("JAM")).unwrap();
    sell(&catalog, "1", "09:00", &[("JAM", 3)]);
    drop(catalog);
    assert_eq!(left(&Catalog::open(folder.path()).unwrap()), 7);
    for file in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(file));
    }
    let catalog = Catalog::open(folder.path()).unwrap();
    assert_eq!(sell(&catalog, "2", "09:30", &[("JAM", 1)]), Took::New, "without a catalog it waits");
    load(&catalog, folder.path(), "08:00", 10);
    assert_eq!(left(&catalog), 6);
    assert_eq!(sell(&catalog, "1", "09:00", &[("JAM", 3)]), Took::Had);
    // What came back makes it as it was, but for the time.
    sell(&catalog, "3", "09:40", &[("JAM", -4)]);
    let shown =
        catalog.product(&sku("JAM")).unwrap().map(|own| aisle::domain::Product { stock_as_of: None, ..own });
    assert_eq!(shown, plain);
}

#[test]
fn another_program_sees_a_sale_and_brings_it_in() {
    let (folder, catalog) = shop();
    let other = Catalog::open(folder.path()).unwrap();
    sell(&other, "1", "09:00", &[("JAM", 1)]);
    catalog.correct(&sku("TEA"), counted(4, "09:00")).unwrap();
    sell(&catalog, "2", "09:01", &[("JAM", 1), ("TEA", 1)]);
    for own in [&catalog, &other] {
        assert_eq!((left(own), own.product(&sku("TEA")).unwrap().unwrap().stock), (8, Some(3)));
    }
}

#[test]
fn goods_that_are_stopped_or_withdrawn_are_sold_by_their_codes_all_the_same() {
    let (_folder, catalog) = shop();
    let code = Gtin::parse("4006381333931").unwrap();
    let (skus, gtins) = (BTreeSet::from([sku("JAM"), sku("X")]), BTreeSet::from([code]));
    let known = |catalog: &Catalog| catalog.carried(&skus, &gtins).unwrap();
    let carried = known(&catalog);
    assert_eq!((carried.skus.len(), carried.gtins.get(&code)), (1, Some(&sku("JAM"))));
    catalog
        .correct(
            &sku("JAM"),
            Correction { withdrawn: true, as_of: at("09:00").to_string(), ..Correction::default() },
        )
        .unwrap();
    assert_eq!(known(&catalog), carried);
    catalog.drop_correction(&sku("JAM")).unwrap();
    let recall = Recall {
        id: "r-1".into(),
        skus: vec![sku("JAM")],
        gtins: Vec::new(),
        lot: None,
        text: "Glass.".into(),
        since: at("09:00"),
    };
    catalog.take_recalls(1, &[recall]).unwrap();
    assert_eq!((catalog.product(&sku("JAM")).unwrap(), known(&catalog)), (None, carried));
    sell(&catalog, "1", "09:30", &[("JAM", 1)]);
    catalog.take_recalls(2, &[]).unwrap();
    assert_eq!(left(&catalog), 9);
}

fn order(catalog: &Catalog, number: &str, pieces: i64, until: &str) {
    let lines = [(sku("JAM"), pieces)];
    let aside = NewAside { until: later(until), lines: &lines, events: &[] };
    let id = Uuid::now_v7();
    let (body, made_at) = ("{}", at("09:00"));
    let order = NewOrder { id, number, made_at, body, event: None, post: true, aside: Some(aside) };
    catalog.keep_order(&order, ROOM).unwrap();
}

#[test]
fn what_is_put_aside_is_not_shown_until_it_is_sold_or_its_time_is_over() {
    let (folder, catalog) = shop();
    order(&catalog, "k1-1", 2, "10:00");
    order(&catalog, "k1-2", 3, "11:00");
    assert_eq!(jam(&catalog), (Some(5), Some(at("09:00").to_string())));
    assert_eq!(left(&Catalog::open(folder.path()).unwrap()), 5, "after a restart too");
    // A count has in it what is put aside.
    catalog.correct(&sku("JAM"), counted(20, "09:30")).unwrap();
    assert_eq!(left(&catalog), 15);
    assert!(!catalog.reconcile(later("09:59")).unwrap());
    assert!(catalog.reconcile(later("10:00")).unwrap());
    assert_eq!(left(&catalog), 17);
    // A sale that names its order takes its place; another sale does not.
    sell(&catalog, "1", "10:30", &[("JAM", 1)]);
    assert_eq!(left(&catalog), 16);
    pay(&catalog, "2", "10:31", &[("JAM", 3)], Some("k1-2"));
    assert_eq!(left(&catalog), 16);
    assert!(!catalog.reconcile(later("12:00")).unwrap(), "nothing is put aside any more");
    pay(&catalog, "3", "10:32", &[("JAM", 1)], Some("k1-1"));
    assert_eq!(left(&catalog), 15, "late is harmless");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However sales, repetitions, counts and imports are mixed, what is shown is the newest count
    /// less what was sold after it.
    #[test]
    fn what_is_shown_does_not_depend_on_the_order(
        sales in proptest::collection::vec((0u32..23, 0u32..60, -3i64..6), 1..12),
        shop_counts in 0u32..23,
        tells in 0u32..23,
        turn in any::<prop::sample::Index>(),
    ) {
        enum Step { Sale(usize), Correct, Tell, Import }
        let time = |hour: u32, minute: u32| format!("{hour:02}:{minute:02}");
        let mut shown = Vec::new();
        for round in 0..2 {
            let (folder, catalog) = shop();
            let mut steps: Vec<Step> = (0..sales.len()).chain(0..sales.len()).map(Step::Sale).collect();
            steps.extend([Step::Correct, Step::Tell, Step::Import]);
            if round > 0 {
                let middle = turn.index(steps.len());
                steps.rotate_left(middle);
                steps.reverse();
            }
            for step in steps {
                match step {
                    Step::Sale(n) => {
                        let (hour, minute, pieces) = sales[n];
                        sell(&catalog, &n.to_string(), &time(hour, minute), &[("JAM", pieces)]);
                    }
                    Step::Correct => catalog.correct(&sku("JAM"), counted(40, &time(shop_counts, 30))).unwrap(),
                    Step::Tell => {
                        catalog.take_counts(&count(1, Some(50), &time(tells, 15))).unwrap();
                    }
                    Step::Import => load(&catalog, folder.path(), "08:00", 10),
                }
            }
            shown.push(left(&catalog));
        }
        let counts = [(at("08:00"), 10), (at(&time(tells, 15)), 50), (at(&time(shop_counts, 30)), 40)];
        let (since, pieces) = counts.into_iter().max().unwrap();
        let after = sales.iter().filter(|(hour, minute, _)| at(&time(*hour, *minute)) > since);
        let sold: i64 = after.map(|(_, _, pieces)| pieces).sum();
        prop_assert_eq!(&shown, &vec![(pieces - sold).max(0); 2]);
    }
}

/// Tells a child process of this test program its folder, see [`child`].
const FOLDER: &str = "AISLE_TEST_SALES_FOLDER";

/// Not a test by itself: sells one after another until it is killed, and says what was taken.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let catalog = Catalog::open(Path::new(&folder)).unwrap();
    println!("ready");
    for n in 0.. {
        if sell(&catalog, &n.to_string(), "09:00", &[("JAM", 1)]) == Took::New {
            println!("took {n}");
        }
    }
}

#[test]
fn a_kill_between_both_databases_loses_no_sale_and_counts_none_twice() {
    let (folder, catalog) = shop();
    load(&catalog, folder.path(), "08:00", 1_000_000);
    let mut taken = 0;
    for round in 0..12_u64 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child", "--nocapture", "--test-threads=1"]).env(FOLDER, folder.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !lines.next().unwrap().unwrap().contains("ready") {}
        std::thread::sleep(Duration::from_millis(20 + round * 37 % 113));
        child.kill().unwrap();
        child.wait().unwrap();
        let said = lines.map_while(Result::ok).filter(|line| line.starts_with("took")).count();
        let shown = Catalog::open(folder.path()).unwrap();
        let sold = 1_000_000 - left(&shown);
        assert!(sold >= taken + i64::try_from(said).unwrap(), "what was answered is shown");
        taken = sold;
        // Each of them is known again, and the next is not.
        let known = (0..sold).filter(|n| sell(&shown, &n.to_string(), "09:00", &[("JAM", 1)]) == Took::Had);
        assert_eq!(i64::try_from(known.count()).unwrap(), sold);
        assert_eq!(1_000_000 - left(&shown), sold);
    }
    assert!(taken > 0);
    assert!(!catalog.reconcile(Timestamp::now()).unwrap(), "nothing is left to be shown");
}
