//! The shop's own corrections: they count over whatever the catalog says, outlive
//! imports, rebuilds and kills, and end when they should.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use aisle::domain::{Correction, Location, Product, Promotion, Sku};
use aisle::store::{Catalog, CorrectionError, Filters, SearchRequest, StoreError};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{HEADER, demo, demo_file, import, made_up, write};

fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn made(json: &str) -> Correction {
    let json = json.replacen('{', r#"{"as_of":"2026-11-24T09:00:00Z","#, 1);
    serde_json::from_str(&json).unwrap()
}

fn skus(catalog: &Catalog, text: &str) -> Vec<String> {
    let request = SearchRequest { text: text.to_owned(), limit: 10, ..SearchRequest::default() };
    catalog.search(&request).unwrap().hits.iter().map(|hit| hit.product.sku.to_string()).collect()
}

/// Everything that search and reads stand on.
fn everything(catalog: &Catalog) -> (Vec<Product>, BTreeMap<String, u32>) {
    let mut products = Vec::new();
    catalog.for_each_product(|product| products.push(product)).unwrap();
    (products, catalog.vocabulary().unwrap().words)
}

#[test]
fn a_correction_is_what_search_filters_and_reads_see() {
    let (folder, catalog) = demo();
    let before = everything(&catalog);
    let milk = sku("DA-1001");
    catalog
        .correct(
            &milk,
            made(
                r#"{"price_cents":7,"stock":3,"title":"Quoggly Milk","synonyms":["zibble drink"],
                    "location":{"aisle":"1","bay":2},"note":"Ann: label is wrong"}"#,
            ),
        )
        .unwrap();
    let product = catalog.product(&milk).unwrap().unwrap();
    assert_eq!((product.price_cents, product.stock), (Some(7), Some(3)));
    assert_eq!(product.price_as_of.as_deref(), Some("2026-11-24T09:00:00Z"));
    assert_eq!(product.location, Some(Location { aisle: "1".into(), bay: Some(2), shelf: None }));
    assert_eq!(skus(&catalog, "quoggly"), ["DA-1001"]);
    assert_eq!(skus(&catalog, "quogly milk")[0], "DA-1001", "misspelt, the new word is known");
    assert_eq!(skus(&catalog, "zibble drink")[0], "DA-1001");
    let filters = Filters { max_price_cents: Some(7), ..Filters::default() };
    let cheap = SearchRequest { text: "milk".into(), limit: 10, filters, ..SearchRequest::default() };
    assert_eq!(catalog.search(&cheap).unwrap().hits.len(), 1);
    assert_eq!(catalog.stats().unwrap().corrected, 1);
    assert_eq!(catalog.info().unwrap().products as usize, before.0.len());

    // Another program sees it, and what a second correction leaves of the first.
    let other = Catalog::open(folder.path()).unwrap();
    other.correct(&milk, made(r#"{"price_cents":9}"#)).unwrap();
    assert_eq!(catalog.product(&milk).unwrap().unwrap().price_cents, Some(9));
    assert_eq!(skus(&catalog, "quoggly"), ["DA-1001"]);
    let listed = catalog.corrections().unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!((listed[0].correction.price_cents, listed[1].correction.price_cents), (None, Some(9)));

    assert_eq!(catalog.drop_correction(&milk).unwrap(), 2);
    assert_eq!(everything(&catalog), before, "nothing is left of it");
    assert!(!skus(&catalog, "quoggly").contains(&"DA-1001".to_owned()));
    assert_eq!(catalog.drop_correction(&milk).unwrap(), 0);
}

#[test]
fn what_is_withdrawn_is_nowhere_to_be_found() {
    let (_folder, catalog) = demo();
    let before = everything(&catalog);
    let milk = sku("DA-1001");
    let product = catalog.product(&milk).unwrap().unwrap();
    catalog.correct(&milk, made(r#"{"withdrawn":true}"#)).unwrap();
    catalog.correct(&milk, made(r#"{"price_cents":1}"#)).unwrap();
    assert_eq!(catalog.product(&milk).unwrap(), None, "a later price does not sell it again");
    assert_eq!(catalog.by_gtin(product.gtins[0]).unwrap(), None);
    assert!(!skus(&catalog, "arla organic medium fat milk").contains(&"DA-1001".to_owned()));
    assert!(catalog.in_category(&["Dairy & Eggs"], 1000).unwrap().iter().all(|p| p.sku != milk));
    // An import does not bring it back, not even for a moment.
    import(&catalog, &demo_file()).unwrap();
    assert_eq!(catalog.product(&milk).unwrap(), None);
    catalog.drop_correction(&milk).unwrap();
    assert_eq!(everything(&catalog), before);
    assert_eq!(catalog.by_gtin(product.gtins[0]).unwrap(), Some(product));
}

#[test]
fn a_correction_ends_and_what_it_covered_holds_again() {
    let (_folder, catalog) = demo();
    let milk = sku("DA-1001");
    let price = |now: &str| {
        catalog.reconcile(at(now)).unwrap();
        catalog.product(&milk).unwrap().map(|product| product.price_cents.unwrap())
    };
    let regular = price("2999-01-01T00:00:00Z");
    catalog.correct(&milk, made(r#"{"price_cents":150}"#)).unwrap();
    catalog.correct(&milk, made(r#"{"price_cents":99,"until":"2999-01-02"}"#)).unwrap();
    catalog.correct(&milk, made(r#"{"withdrawn":true,"until":"2999-01-01T12:00:00Z"}"#)).unwrap();
    assert_eq!(price("2999-01-01T12:00:00Z"), None);
    assert_eq!(price("2999-01-01T12:00:01Z"), Some(99));
    assert_eq!(price("2999-01-02T23:59:59Z"), Some(99));
    assert_eq!(price("2999-01-03T00:00:00Z"), Some(150));
    assert!(!catalog.reconcile(at("2999-01-03T00:01:00Z")).unwrap(), "nothing more to do");
    assert_eq!(price("2999-01-01T12:30:00Z"), Some(99), "the clock was set back");
    assert_eq!(catalog.corrections().unwrap().len(), 3, "ended ones are kept");
    catalog.drop_correction(&milk).unwrap();
    assert_eq!(price("2999-01-01T00:00:00Z"), regular);
}

#[test]
fn a_new_price_ends_the_catalogs_offer() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let line =
        r#"{"record":"product","sku":"A","title":"Jam","price_cents":349,"promotion":{"price_cents":299}}"#;
    import(&catalog, &write(folder.path(), "a.jsonl", &format!("{HEADER}\n{line}"))).unwrap();
    let now = at("2026-11-24T10:00:00Z");
    let price = || catalog.product(&sku("A")).unwrap().unwrap().price_at(now);
    assert_eq!(price(), Some(299));
    catalog.correct(&sku("A"), made(r#"{"price_cents":399}"#)).unwrap();
    assert_eq!(price(), Some(399));
    let promotion = Some(Promotion { price_cents: 199, from: None, until: None, label: None });
    catalog.correct(&sku("A"), Correction { promotion, ..made("{\"stock\":1}") }).unwrap();
    assert_eq!(price(), Some(199));
}

#[test]
fn corrections_wait_for_their_product_and_outlive_a_rebuilt_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    catalog.correct(&sku("plum-3"), made(r#"{"price_cents":555}"#)).unwrap();
    assert!(!catalog.corrections().unwrap()[0].carried);
    let pear = write(folder.path(), "pear.jsonl", &made_up("pear", 5));
    let plum = write(folder.path(), "plum.jsonl", &made_up("plum", 5));
    let price = |catalog: &Catalog| catalog.product(&sku("plum-3")).unwrap().map(|p| p.price_cents);
    for (file, expected) in [(&pear, None), (&plum, Some(Some(555))), (&pear, None), (&plum, Some(Some(555)))]
    {
        import(&catalog, file).unwrap();
        assert_eq!(price(&catalog), expected);
        assert_eq!(catalog.corrections().unwrap()[0].carried, expected.is_some());
    }
    drop(catalog);
    std::fs::write(folder.path().join("catalog.db"), "damaged beyond all recognition, and no database")
        .unwrap();
    for log in ["catalog.db-wal", "catalog.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(log));
    }
    let (catalog, aside) = Catalog::open_or_rebuild(folder.path()).unwrap();
    assert!(aside.is_some());
    import(&catalog, &plum).unwrap();
    assert_eq!(price(&catalog), Some(Some(555)));
}

#[test]
fn corrections_without_sense_are_refused() {
    let (_folder, catalog) = demo();
    for (json, reason) in [
        ("{\"note\":\"hm\"}", "nothing is corrected"),
        (r#"{"price_cents":-1}"#, "price_cents is -1"),
        (r#"{"stock":-1}"#, "stock is -1"),
        (r#"{"title":" "}"#, "title is empty"),
        (r#"{"photo":"../x.jpg"}"#, "photo must be"),
        (r#"{"stock":1,"until":"soon"}"#, "until \"soon\" is neither"),
        (r#"{"location":{"aisle":"99"}}"#, "aisle \"99\" is not declared"),
        (r#"{"location":{"aisle":"4","bay":99}}"#, "bay 99 is not in aisle 4"),
    ] {
        let error = catalog.correct(&sku("DA-1001"), made(json)).unwrap_err();
        assert!(
            matches!(&error, CorrectionError::Refused(why) if why.starts_with(reason)),
            "{json}: {error}"
        );
    }
    assert_eq!(catalog.corrections().unwrap(), []);
}

#[test]
fn a_damaged_state_is_refused_and_left_alone() {
    let (folder, catalog) = demo();
    catalog.correct(&sku("DA-1001"), made(r#"{"price_cents":1}"#)).unwrap();
    drop(catalog);
    let state = folder.path().join("state.db");
    let garbage = "this is no database, but it is long enough to be one";
    for log in ["state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(log));
    }
    std::fs::write(&state, garbage).unwrap();
    for error in [Catalog::open(folder.path()).err(), Catalog::open_or_rebuild(folder.path()).err()] {
        let error = error.unwrap();
        assert!(matches!(error, StoreError::DamagedState { .. }), "{error}");
        assert!(!error.to_string().contains('\n') && error.to_string().contains("state.db"));
    }
    assert_eq!(std::fs::read_to_string(&state).unwrap(), garbage);
    // Without it the catalog's own word counts.
    std::fs::remove_file(&state).unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    assert_eq!(catalog.product(&sku("DA-1001")).unwrap().unwrap().price_cents, Some(219));
}

/// Tells a child process of this test program its folder, see [`child`].
const FOLDER: &str = "AISLE_TEST_CORRECTIONS_FOLDER";

/// Not a test by itself: corrects and imports until it is killed.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let folder = Path::new(&folder);
    let catalog = Catalog::open(folder).unwrap();
    println!("ready");
    for round in 1.. {
        for at in 0..5 {
            let which = sku(&format!("plum-{at}"));
            let correction = if (round + at) % 3 == 0 {
                made(r#"{"withdrawn":true}"#)
            } else {
                made(&format!(r#"{{"price_cents":{},"synonyms":["zib{round}"]}}"#, 1000 + round))
            };
            catalog.drop_correction(&which).unwrap();
            catalog.correct(&which, correction).unwrap();
        }
        import(&catalog, &folder.join("plum.jsonl")).unwrap();
        println!("round");
    }
}

#[test]
fn a_kill_between_both_databases_is_made_good() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "plum.jsonl", &made_up("plum", 20));
    let catalog = Catalog::open(folder.path()).unwrap();
    import(&catalog, &file).unwrap();
    let plain = everything(&catalog);
    let mut wait: u64 = 1;
    for _ in 0..20 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child", "--nocapture", "--test-threads=1"]).env(FOLDER, folder.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !lines.next().unwrap().unwrap().contains("ready") {}
        wait = wait * 37 % 113;
        std::thread::sleep(Duration::from_millis(wait));
        assert!(child.try_wait().unwrap().is_none(), "the child stopped by itself");
        child.kill().unwrap();
        child.wait().unwrap();

        let (catalog, aside) = Catalog::open_or_rebuild(folder.path()).unwrap();
        assert_eq!(aside, None);
        let mut corrected = BTreeMap::new();
        for entry in catalog.corrections().unwrap() {
            corrected.insert(entry.sku.to_string(), entry.correction);
        }
        for at in 0..20 {
            let name = format!("plum-{at}");
            let shown = catalog.product(&sku(&name)).unwrap();
            match corrected.get(&name) {
                Some(correction) if correction.withdrawn => assert_eq!(shown, None),
                Some(correction) => {
                    assert_eq!(shown.unwrap().price_cents, correction.price_cents);
                    assert!(skus(&catalog, &correction.synonyms[0]).contains(&name));
                }
                None => assert_eq!(shown.unwrap().price_cents, Some(at)),
            }
        }
    }
    assert!(!catalog.corrections().unwrap().is_empty());
    for at in 0..5 {
        catalog.drop_correction(&sku(&format!("plum-{at}"))).unwrap();
    }
    assert_eq!(everything(&catalog), plain, "no word is counted twice or lost");
}

/// A count is a measurement: a catalog that counted later knows better. A price is a
/// decision, and holds.
#[test]
fn a_later_count_of_the_catalog_ends_a_corrected_stock_but_no_price() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let feed = |as_of: &str, counted: &str| {
        format!(
            "{}\n{{\"record\":\"product\",\"sku\":\"A\",\"title\":\"Jam\",\"price_cents\":300,\"stock\":9{counted}}}\n",
            HEADER.replace("\"currency\"", &format!("\"as_of\":\"{as_of}\",\"currency\""))
        )
    };
    let shown = |as_of: &str, counted: &str| {
        import(&catalog, &write(folder.path(), "feed.jsonl", &feed(as_of, counted))).unwrap();
        let jam = catalog.product(&sku("A")).unwrap().unwrap();
        (jam.price_cents, jam.stock)
    };
    assert_eq!(shown("2026-11-23T06:00:00Z", ""), (Some(300), Some(9)));
    catalog.correct(&sku("A"), made(r#"{"price_cents":250,"stock":2}"#)).unwrap();
    let jam = catalog.product(&sku("A")).unwrap().unwrap();
    assert_eq!((jam.price_cents, jam.stock), (Some(250), Some(2)));
    assert_eq!(shown("2026-11-24T06:00:00Z", ""), (Some(250), Some(2)), "the catalog is older");
    assert_eq!(shown("2026-11-24T12:00:00Z", ""), (Some(250), Some(9)), "and now it is younger");
    let own = r#","stock_as_of":"2026-11-24T08:00:00Z""#;
    assert_eq!(shown("2026-11-24T12:00:00Z", own), (Some(250), Some(2)), "this product was counted before");
}
