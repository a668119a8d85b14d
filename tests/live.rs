//! What head office says between two catalogs: prices and counts by who knew last, recalls over
//! everything, whatever is imported, corrected or killed in between.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use aisle::domain::{Availability, Cents, Gtin, LiveCount, LivePrice, Product, Promotion, Recall, Sku};
use aisle::store::{Catalog, NewBundle, SearchOutcome, SearchRequest, Shard, StoreError};
use jiff::Timestamp;
use std::collections::BTreeMap;
use support::{HEADER, demo, demo_file, import, write};

const MILK: &str = "DA-1001";

fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn price(name: &str, cents: Cents, as_of: &str) -> LivePrice {
    LivePrice { sku: sku(name), price_cents: Some(cents), promotion: None, as_of: at(as_of) }
}

fn count(name: &str, stock: i64, as_of: &str) -> LiveCount {
    LiveCount { sku: sku(name), stock: Some(stock), availability: None, as_of: at(as_of) }
}

/// The `version`th message of shard 0, cumulative since bundle `catalog`.
fn shard<R>(catalog: u64, version: u64, rows: Vec<R>) -> Shard<R> {
    Shard { shard: 0, catalog, version, rows }
}

fn recall(skus: &[&str], gtins: &[&str]) -> Recall {
    Recall {
        id: "r-1".into(),
        skus: skus.iter().map(|name| sku(name)).collect(),
        gtins: gtins.iter().map(|code| Gtin::parse(code).unwrap()).collect(),
        lot: None,
        text: "The maker recalls it.".into(),
        since: at("2026-11-26T06:00:00Z"),
    }
}

fn search(catalog: &Catalog, text: &str) -> SearchOutcome {
    let request = SearchRequest { text: text.to_owned(), limit: 10, ..SearchRequest::default() };
    catalog.search(&request).unwrap()
}

fn found(catalog: &Catalog, text: &str) -> Vec<String> {
    search(catalog, text).hits.iter().map(|hit| hit.product.sku.to_string()).collect()
}

fn stopped(catalog: &Catalog, text: &str) -> Vec<String> {
    search(catalog, text).stopped.iter().map(|product| product.sku.to_string()).collect()
}

fn cents(catalog: &Catalog, name: &str) -> Option<Cents> {
    catalog.product(&sku(name)).unwrap().unwrap().price_cents
}

/// Everything that search and reads stand on.
fn everything(catalog: &Catalog) -> (Vec<Product>, BTreeMap<String, u32>) {
    let mut products = Vec::new();
    catalog.for_each_product(|product| products.push(product)).unwrap();
    (products, catalog.vocabulary().unwrap().words)
}

/// Makes the loaded catalog the bundle `version`, with the same content.
fn adopt(catalog: &Catalog, version: u64) {
    let root = aisle::store::Digest::of(b"content");
    let bundle = NewBundle { version, root, files: BTreeMap::new() };
    catalog.renew(&mut |_| {}, |_| Ok::<_, StoreError>(bundle)).unwrap();
}

#[test]
fn the_newest_price_shows_and_late_and_double_messages_change_nothing() {
    let (folder, catalog) = demo();
    let before = everything(&catalog);
    let edition = catalog.edition().unwrap();
    assert!(catalog.take_prices(&shard(0, 1, vec![price(MILK, 77, "2126-11-26T08:00:00Z")])).unwrap());
    let product = catalog.product(&sku(MILK)).unwrap().unwrap();
    assert_eq!(product.price_cents, Some(77));
    assert_eq!(product.price_as_of.as_deref(), Some("2126-11-26T08:00:00Z"));
    let now = catalog.edition().unwrap();
    assert_eq!((now.changes, now.prices), (edition.changes, edition.prices + 1), "no word changed");
    // The same again, and one that was known before.
    assert!(!catalog.take_prices(&shard(0, 1, vec![price(MILK, 77, "2126-11-26T08:00:00Z")])).unwrap());
    assert!(!catalog.take_prices(&shard(0, 2, vec![price(MILK, 55, "2126-11-26T07:00:00Z")])).unwrap());
    assert_eq!(cents(&catalog, MILK), Some(77));
    // Another program sees it, a rebuilt catalog too.
    assert_eq!(cents(&Catalog::open(folder.path()).unwrap(), MILK), Some(77));
    import(&catalog, &demo_file()).unwrap();
    assert_eq!(cents(&catalog, MILK), Some(77));
    // What it does not name any more is the catalog's again.
    assert!(catalog.take_prices(&shard(0, 3, vec![])).unwrap());
    assert_eq!(everything(&catalog), before, "nothing is left of it");
}

#[test]
fn an_offer_comes_and_goes_with_its_message() {
    let (_folder, catalog) = demo();
    let offer = Promotion {
        price_cents: 50,
        from: None,
        until: Some("2127-01-01".into()),
        label: Some("Harvest week".into()),
    };
    let row = LivePrice { promotion: Some(offer), ..price(MILK, 100, "2126-11-26T08:00:00Z") };
    catalog.take_prices(&shard(0, 1, vec![row])).unwrap();
    let offers = catalog.offers(at("2126-11-27T08:00:00Z"), 200).unwrap();
    assert!(offers.iter().any(|product| product.sku.as_str() == MILK));
    catalog.take_prices(&shard(0, 2, vec![price(MILK, 100, "2126-11-26T09:00:00Z")])).unwrap();
    let offers = catalog.offers(at("2126-11-27T08:00:00Z"), 200).unwrap();
    assert!(offers.iter().all(|product| product.sku.as_str() != MILK));
}

#[test]
fn a_count_yields_to_a_later_one_wherever_that_comes_from() {
    let (_folder, catalog) = demo();
    catalog.take_counts(&shard(0, 1, vec![count(MILK, 3, "2126-11-26T08:00:00Z")])).unwrap();
    let stock = |catalog: &Catalog| catalog.product(&sku(MILK)).unwrap().unwrap().stock;
    assert_eq!(stock(&catalog), Some(3));
    let counted = |stock: i64, as_of: &str| {
        let json = format!(r#"{{"as_of":"{as_of}","stock":{stock}}}"#);
        catalog.correct(&sku(MILK), serde_json::from_str(&json).unwrap()).unwrap();
    };
    counted(9, "2126-11-26T07:00:00Z");
    assert_eq!(stock(&catalog), Some(3), "head office knew later");
    counted(8, "2126-11-26T09:00:00Z");
    assert_eq!(stock(&catalog), Some(8));
    catalog.take_counts(&shard(0, 2, vec![count(MILK, 2, "2126-11-26T10:00:00Z")])).unwrap();
    assert_eq!(stock(&catalog), Some(2));
    let out = LiveCount {
        stock: None,
        availability: Some(Availability::OutOfStock),
        ..count(MILK, 0, "2126-11-26T11:00:00Z")
    };
    catalog.take_counts(&shard(0, 3, vec![out])).unwrap();
    let product = catalog.product(&sku(MILK)).unwrap().unwrap();
    assert_eq!((product.stock, product.availability), (None, Some(Availability::OutOfStock)));
}

#[test]
fn rows_that_stand_in_a_newer_bundle_stay_until_it_is_here() {
    let (_folder, catalog) = demo();
    adopt(&catalog, 4);
    let own = cents(&catalog, MILK);
    catalog.take_prices(&shard(4, 1, vec![price(MILK, 77, "2126-11-26T08:00:00Z")])).unwrap();
    // Bundle 5 has that price in it, and is still on its way.
    assert!(!catalog.take_prices(&shard(5, 2, vec![])).unwrap());
    assert_eq!(cents(&catalog, MILK), Some(77));
    adopt(&catalog, 5);
    assert_eq!(cents(&catalog, MILK), own, "what bundle 5 says holds from its first moment");
}

#[test]
fn what_is_recalled_is_nowhere_but_told_of() {
    let (folder, catalog) = demo();
    let milk = catalog.product(&sku(MILK)).unwrap().unwrap();
    let before = everything(&catalog);
    catalog
        .correct(&sku(MILK), serde_json::from_str(r#"{"as_of":"2126-11-26","stock":7}"#).unwrap())
        .unwrap();
    assert!(catalog.take_recalls(1, &[recall(&[MILK, "NOT-HERE"], &[])]).unwrap());
    assert_eq!(catalog.product(&sku(MILK)).unwrap(), None);
    assert!(catalog.products(&[sku(MILK)]).unwrap().is_empty());
    assert!(!found(&catalog, &milk.label()).contains(&MILK.to_owned()));
    assert_eq!(stopped(&catalog, &milk.label()), [MILK]);
    assert_eq!(stopped(&catalog, "bread"), [""; 0]);
    assert_eq!(catalog.stopped(&sku(MILK)).unwrap().map(|own| own.label()), Some(milk.label()));
    assert_eq!(catalog.recalls_version().unwrap(), 1);
    // Whatever is said, counted or imported meanwhile.
    catalog.take_prices(&shard(0, 1, vec![price(MILK, 5, "2126-11-27T08:00:00Z")])).unwrap();
    catalog.take_counts(&shard(0, 1, vec![count(MILK, 5, "2126-11-27T08:00:00Z")])).unwrap();
    import(&catalog, &demo_file()).unwrap();
    assert_eq!(catalog.product(&sku(MILK)).unwrap(), None);
    assert_eq!(stopped(&Catalog::open(folder.path()).unwrap(), &milk.label()), [MILK]);
    // Lifted: with what was said since.
    catalog.take_recalls(2, &[]).unwrap();
    let back = catalog.product(&sku(MILK)).unwrap().unwrap();
    assert_eq!((back.price_cents, back.stock), (Some(5), Some(5)));
    catalog.drop_correction(&sku(MILK)).unwrap();
    catalog.take_prices(&shard(0, 2, vec![])).unwrap();
    catalog.take_counts(&shard(0, 2, vec![])).unwrap();
    assert_eq!(everything(&catalog), before, "nothing is left of it");
}

#[test]
fn a_recall_by_code_finds_its_product_now_and_later() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    // Before there is any catalog.
    catalog.take_recalls(1, &[recall(&[], &["4006381333931", "40170725"])]).unwrap();
    let lines = [
        r#"{"record":"product","sku":"A","title":"Ruby pear juice","gtins":["4006381333931"]}"#,
        r#"{"record":"product","sku":"B","title":"Green tea"}"#,
        r#"{"record":"product","sku":"C","title":"Blue soap","gtins":["40170725"]}"#,
    ];
    let file = write(folder.path(), "a.jsonl", &format!("{HEADER}\n{}\n", lines.join("\n")));
    import(&catalog, &file).unwrap();
    assert_eq!(catalog.info().unwrap().products, 1);
    let code = Gtin::parse("4006381333931").unwrap();
    assert_eq!(catalog.by_gtin(code).unwrap(), None);
    assert_eq!(catalog.stopped_by_gtin(code).unwrap().unwrap().sku.as_str(), "A");
    assert_eq!(stopped(&catalog, "do you have ruby pear juice"), ["A"]);
    assert_eq!(stopped(&catalog, "where is the blue soap please"), ["C"]);
    assert_eq!(stopped(&catalog, "green tea"), [""; 0]);
    // One of two is lifted.
    catalog.take_recalls(2, &[recall(&[], &["40170725"])]).unwrap();
    assert_eq!(found(&catalog, "ruby pear juice"), ["A"]);
    assert_eq!(stopped(&catalog, "blue soap"), ["C"]);
    assert_eq!(catalog.by_gtin(code).unwrap().unwrap().sku.as_str(), "A");
}

#[test]
fn who_asks_for_a_kind_is_not_told_of_the_one_that_is_stopped() {
    let (_folder, catalog) = demo();
    let milk = catalog.product(&sku(MILK)).unwrap().unwrap();
    catalog.take_recalls(1, &[recall(&[MILK], &[])]).unwrap();
    assert!(!found(&catalog, "milk").is_empty());
    assert_eq!(stopped(&catalog, "milk"), [""; 0], "there is other milk");
    assert_eq!(stopped(&catalog, &format!("how much is {}", milk.label())), [MILK]);
}

#[test]
fn many_rows_and_messages_in_any_order_come_to_the_newest_of_each() {
    let (_folder, catalog) = demo();
    let skus: Vec<Sku> = everything(&catalog).0.into_iter().map(|product| product.sku).collect();
    let mut random = fastrand::Rng::with_seed(11);
    let mut newest: BTreeMap<Sku, (Timestamp, Cents)> = BTreeMap::new();
    for version in 1..60 {
        // Each names all that were named before, as head office does, some with an older value.
        let mut rows: BTreeMap<Sku, LivePrice> = newest
            .iter()
            .map(|(sku, (as_of, cents))| {
                let late = random.bool();
                let as_of = if late { *as_of - jiff::SignedDuration::from_secs(60) } else { *as_of };
                let cents = if late { 1 } else { *cents };
                (
                    sku.clone(),
                    LivePrice { sku: sku.clone(), price_cents: Some(cents), promotion: None, as_of },
                )
            })
            .collect();
        for _ in 0..5 {
            let own = &skus[random.usize(..skus.len())];
            let as_of = at("2126-11-26T08:00:00Z") + jiff::SignedDuration::from_secs(random.i64(0..100_000));
            let cents = random.i64(100..1000);
            let known = newest.get(own).is_some_and(|(before, _)| *before > as_of);
            rows.insert(
                own.clone(),
                LivePrice { sku: own.clone(), price_cents: Some(cents), promotion: None, as_of },
            );
            if !known {
                newest.insert(own.clone(), (as_of, cents));
            }
        }
        catalog.take_prices(&shard(0, version, rows.into_values().collect())).unwrap();
        if random.u8(..8) == 0 {
            import(&catalog, &demo_file()).unwrap();
        }
    }
    for (own, (as_of, cents)) in newest {
        let product = catalog.product(&own).unwrap().unwrap();
        assert_eq!(
            (product.price_cents, product.price_as_of),
            (Some(cents), Some(as_of.to_string())),
            "{own}"
        );
    }
}
