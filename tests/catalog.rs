//! The catalog on disk: what an import takes and refuses, and that whatever
//! happens to it, shoppers see the old catalog or the new one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use aisle::domain::{Gtin, Location, Product, Sku};
use aisle::store::{Catalog, Filters, ImportError, ImportLimits, SearchRequest, StoreError};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::{HEADER, demo, demo_file, import, made_up, write};

fn ask(text: &str) -> SearchRequest {
    SearchRequest { text: text.to_owned(), limit: 10, ..SearchRequest::default() }
}

#[test]
fn the_demo_store_is_imported_whole() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    assert!(matches!(catalog.info(), Err(StoreError::Empty)));
    let report = import(&catalog, &demo_file()).unwrap();
    assert_eq!(report.rejected, []);
    assert_eq!(report.replaced, None);

    let info = catalog.info().unwrap();
    assert_eq!((info.version.number, info.products), (1, report.accepted));
    assert_eq!(info.version.digest.len(), 64);
    assert!(info.as_of.is_some());
    let stats = catalog.stats().unwrap();
    assert_eq!(stats.products, report.accepted);
    assert!(stats.made_to_order > 0 && stats.areas > 0 && stats.option_groups > 0);
    assert_eq!(catalog.option_groups().unwrap().len() as u64, stats.option_groups);
    assert_eq!(catalog.areas().unwrap().len() as u64, stats.areas);
    assert_eq!(catalog.made_to_order().unwrap().len() as u64, stats.made_to_order);
    assert!(catalog.kiosk().unwrap().is_some());

    // What went in comes out: every product of the file, field by field.
    let mut products = 0;
    for line in std::fs::read_to_string(demo_file()).unwrap().lines() {
        let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
        if record["record"] != "product" {
            continue;
        }
        record.as_object_mut().unwrap().remove("record");
        let given: aisle::domain::Product = serde_json::from_value(record).unwrap();
        let kept = catalog.product(&given.sku).unwrap().unwrap();
        assert_eq!(kept, given);
        for gtin in given.gtins {
            assert_eq!(catalog.by_gtin(gtin).unwrap().unwrap().sku, given.sku);
        }
        products += 1;
    }
    assert_eq!(products, report.accepted);

    let again = import(&catalog, &demo_file()).unwrap();
    assert_eq!((again.version.number, again.replaced), (2, Some(info.version)));
    assert_eq!(catalog.info().unwrap().products, report.accepted);
}

#[test]
fn products_are_read_by_list_category_and_number() {
    let (_folder, catalog) = demo();
    let milk = catalog.in_category(&["dairy & eggs", "MILK"], 100).unwrap();
    assert!(milk.len() > 5 && milk.iter().all(|p| p.category == ["Dairy & Eggs", "Milk"]));
    assert_eq!(catalog.in_category(&["Dairy & Eggs"], 3).unwrap().len(), 3);
    assert!(catalog.in_category(&["Dairy"], 3).unwrap().is_empty(), "levels are whole names");
    let mut fourth = Vec::new();
    let stands = |product: &Product| product.location.as_ref().is_some_and(|place| place.aisle == "4");
    catalog.for_each_product(|product| fourth.extend(stands(&product).then_some(product))).unwrap();
    assert!(fourth.len() > 20);
    assert_eq!(catalog.in_area("4", 1000).unwrap(), fourth);
    assert_eq!(catalog.in_area("4", 2).unwrap(), fourth[..2]);
    assert!(catalog.in_area("44", 2).unwrap().is_empty());
    let wanted: Vec<Sku> = [&milk[2], &milk[0]].map(|p| p.sku.clone()).to_vec();
    let unknown = Sku::new("no such thing").unwrap();
    let found = catalog.products(&[wanted[0].clone(), unknown.clone(), wanted[1].clone()]).unwrap();
    assert_eq!(found.into_iter().map(|p| p.sku).collect::<Vec<_>>(), wanted);
    assert_eq!(catalog.product(&unknown).unwrap(), None);
    assert_eq!(catalog.by_gtin(Gtin::parse("4006381333931").unwrap()).unwrap(), None);
    let words = catalog.vocabulary().unwrap();
    assert!(words.brands.contains(&"Arla".to_owned()) && words.categories.contains(&"Milk".to_owned()));
    assert!(words.words["milk"] > 5);
}

#[test]
fn bad_lines_are_left_out_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let product = |fields: &str| format!(r#"{{"record":"product",{fields}}}"#);
    let lines = [
        "\u{feff}".to_owned() + HEADER,
        // Refers ahead to an aisle that follows: fine.
        product(r#""sku":"A","title":"Good\u0007 jam","location":{"aisle":"1","bay":2}"#),
        r#"{"record":"aisle","id":"1","name":"One","x":1,"y":2,"bays":3,"shelves":4}"#.to_owned(),
        String::new(),
        product(r#""sku":"A","title":"Twice""#),
        product(r#""sku":"B","title":"No such aisle","location":{"aisle":"9"}"#),
        product(r#""sku":"C","title":"No such group","option_groups":["size"]"#),
        product(r#""sku":"D","title":"Dear","price_cents":10000001"#),
        product(r#""sku":"E","title":"Mistyped","gtin":"4006381333932""#),
        product(r#""sku":"F","title":"Odd","colour":"red""#),
        product(r#""sku":"G","title":" \u0000 ""#),
        "garbage".to_owned(),
    ];
    let file = write(folder.path(), "bad.jsonl", &lines.join("\r\n"));
    let report = import(&catalog, &file).unwrap();
    let named: Vec<(u64, &str)> = report.rejected.iter().map(|e| (e.line, e.reason.as_str())).collect();
    let expected = [
        (5, "sku A was already given on line 2"),
        (6, "aisle \"9\" is not declared"),
        (7, "option group \"size\" is not declared"),
        (8, "price_cents is 10000001; prices from 0 to 10000000 are taken"),
        (9, "the GTIN 4006381333932 ends with check digit 2"),
        (10, "unknown field `colour`"),
        (11, "title is empty"),
        (12, "not JSON: expected value"),
    ];
    assert_eq!(named.len(), expected.len(), "{named:?}");
    for ((line, reason), (at, starts)) in named.iter().zip(expected) {
        assert!(*line == at && reason.starts_with(starts), "line {line}: {reason}");
    }
    assert_eq!((report.accepted, report.rejected_lines), (1, 8));
    let kept = catalog.product(&Sku::new("A").unwrap()).unwrap().unwrap();
    assert_eq!(kept.title.as_deref(), Some("Good jam"));
}

#[test]
fn a_file_without_sense_changes_nothing() {
    let (folder, catalog) = demo();
    let before = catalog.info().unwrap();
    let bad_lines = |good: usize, bad: usize| made_up("plum", good) + &"nonsense\n".repeat(bad);
    let refused = |name: &str, text: &str| {
        let error = import(&catalog, &write(folder.path(), name, text)).unwrap_err();
        assert!(!error.to_string().contains('\n'), "one line: {error}");
        error
    };
    assert!(matches!(refused("none", HEADER), ImportError::NoProducts { .. }));
    let headless = made_up("plum", 3).lines().skip(1).collect::<Vec<_>>().join("\n");
    assert!(matches!(refused("headless", &headless), ImportError::NoHeader { .. }));
    assert!(matches!(refused("text", "Dear shop,\nplease"), ImportError::NoHeader { .. }));
    assert!(matches!(refused("empty", ""), ImportError::Feed(_)));
    assert!(matches!(refused("binary", "PK\u{3}\u{4}\0\0"), ImportError::Feed(_)));
    assert!(matches!(import(&catalog, Path::new("/nonexistent")).unwrap_err(), ImportError::Feed(_)));
    assert!(matches!(
        refused("long", &"x".repeat(3 << 20)),
        ImportError::NoHeader { bad } if bad[0].reason.starts_with("longer than")
    ));
    let ImportError::TooManyBad { count, allowed, bad, .. } = refused("bad", &bad_lines(10, 21)) else {
        panic!("21 bad lines of 32 were taken");
    };
    assert_eq!((count, allowed, bad.len(), bad[0].line), (21, 20, 21, 12));
    assert_eq!(catalog.info().unwrap(), before);
    assert!(!catalog.search(&ask("milk")).unwrap().hits.is_empty());

    // 20 bad lines always pass, more only within 5 %.
    let file = write(folder.path(), "few", &bad_lines(10, 20));
    assert_eq!(import(&catalog, &file).unwrap().rejected_lines, 20);
    let file = write(folder.path(), "many", &bad_lines(1000, 50));
    assert_eq!(import(&catalog, &file).unwrap().accepted, 1000);
    let strict = ImportLimits { bad_lines: 0, bad_share: 0.0, ..ImportLimits::default() };
    let mut feed = aisle::feeds::NativeFeed::open(&file).unwrap();
    assert!(catalog.import(&mut feed, &strict, &mut |_| {}).is_err());
}

/// A data folder with a catalog that an older Aisle wrote.
fn old_folder(written: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let old = rusqlite::Connection::open(folder.path().join("catalog.db")).unwrap();
    old.execute_batch(written).unwrap();
    folder
}

const SCHEMA_1: &str = include_str!("fixtures/catalog-schema-1.sql");
const SCHEMA_2: &str = include_str!("fixtures/catalog-schema-2.sql");

/// Schema 2 had no field lengths and no brands, which the ranking goes by.
#[test]
fn a_catalog_of_schema_2_is_searched_as_if_imported_anew() {
    let folder = old_folder(SCHEMA_2);
    let old = Catalog::open(folder.path()).unwrap();
    assert_eq!(old.info().unwrap().name, "Second Corner Shop");
    // Its correction was in a state.db that is not here: the catalog's own word counts.
    let mut products = Vec::new();
    old.for_each_product(|product| products.push(product)).unwrap();
    assert_eq!(products[1].price_cents, None);
    assert_eq!(products[0].promotion.as_ref().unwrap().label.as_deref(), Some("Harvest week"));
    let mut lines = vec![HEADER.to_owned()];
    lines.push(r#"{"record":"aisle","id":"1","name":"Dairy","x":4,"y":6,"bays":8,"shelves":4}"#.to_owned());
    lines.push(
        r#"{"record":"option_group","id":"size","name":"size","prompt":"Size?","values":[{"name":"small"}]}"#
            .to_owned(),
    );
    for product in &products {
        let mut line = serde_json::to_value(product).unwrap();
        line["record"] = "product".into();
        lines.push(line.to_string());
    }
    let anew = tempfile::tempdir().unwrap();
    let new = Catalog::open(anew.path()).unwrap();
    let report = import(&new, &write(anew.path(), "anew.jsonl", &lines.join("\n"))).unwrap();
    assert_eq!(report.rejected, []);
    for text in ["milk", "arla milk", "oat milk", "haferdrink", "box", "iced coffee", "lawn mower"] {
        let found = |catalog: &Catalog| {
            let outcome = catalog.search(&ask(text)).unwrap();
            outcome.hits.into_iter().map(|hit| (hit.product.sku, hit.score)).collect::<Vec<_>>()
        };
        assert_eq!(found(&old), found(&new), "{text}");
    }
}

#[test]
fn an_old_catalog_is_brought_up_to_date_with_its_products() {
    let folder = old_folder(SCHEMA_1);
    let catalog = Catalog::open(folder.path()).unwrap();
    let info = catalog.info().unwrap();
    assert_eq!((info.name.as_str(), info.products, info.version.number), ("Old Corner Shop", 5, 1));
    let milk = catalog.product(&Sku::new("DA-1").unwrap()).unwrap().unwrap();
    let written = r#"{"sku":"DA-1","gtin":"2000000010014","title":"Arla Organic Milk 1 L","brand":"Arla",
        "category":["Dairy & Eggs","Milk"],"description":"Fresh organic cow's milk.",
        "synonyms":["semi skimmed milk"],"price_cents":219,"pack":{"amount":1,"unit":"l"},"stock":7,
        "location":{"aisle":"1","bay":1,"shelf":1},"allergens":{"contains":["milk"],"free_from":["gluten"]},
        "dietary":["vegetarian","gluten-free"],"attributes":{"fat":"1.5 %"},"photo":"milk.jpg"}"#;
    assert_eq!(milk, serde_json::from_str(written).unwrap());
    assert_eq!(catalog.by_gtin(Gtin::parse("2000000010021").unwrap()).unwrap().unwrap().sku.as_str(), "DA-2");
    assert_eq!(catalog.areas().unwrap()[0].to, None);
    assert_eq!(catalog.made_to_order().unwrap()[0].option_groups, ["size"]);
    assert_eq!(catalog.search(&ask("oat milk")).unwrap().hits[0].product.sku.as_str(), "DA-2");
    assert!(catalog.search(&ask("lawn mower")).unwrap().no_match);
    assert_eq!(catalog.stats().unwrap().with_gtin, 2);

    let report = import(&catalog, &demo_file()).unwrap();
    assert_eq!((report.version.number, report.replaced), (2, Some(info.version)));
    assert_eq!(catalog.product(&Sku::new("XX-1").unwrap()).unwrap(), None);
    drop(catalog);
    let again = Catalog::open(folder.path()).unwrap();
    assert_eq!(again.info().unwrap().products, report.accepted);
}

#[test]
fn a_product_is_found_by_any_of_its_gtins_and_needs_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let rich = r#"{"sku":"A","gtins":["4006381333931","2000000010014","4006381333931"],"category":["Jam"],
        "promotion":{"price_cents":299,"until":"2026-11-29"},"price_cents":349,"price_as_of":"2026-11-24",
        "availability":"backorder","attributes":{"organic":true,"weight":340.5},"images":["https://a/b.jpg"],
        "variant_group":"jam","accessories":["B"],"substitutes":["C"],
        "languages":{"de":{"title":"Marmelade"}}}"#
        .replace('\n', "");
    let line = |json: &str| json.replacen('{', r#"{"record":"product","#, 1);
    let file = [HEADER, &line(&rich), &line(r#"{"sku":"B"}"#)].join("\n");
    let report = import(&catalog, &write(folder.path(), "rich.jsonl", &file)).unwrap();
    assert_eq!(report.rejected, []);
    let mut given: aisle::domain::Product = serde_json::from_str(&rich).unwrap();
    given.gtins.truncate(2);
    for gtin in &given.gtins {
        assert_eq!(catalog.by_gtin(*gtin).unwrap().as_ref(), Some(&given));
    }
    assert_eq!(given.label(), "Jam");
    let under_three = |day: &str| {
        let moment = format!("{day}T12:00:00Z").parse().ok();
        let filters = Filters { max_price_cents: Some(300), moment, ..Filters::default() };
        catalog.search(&SearchRequest { filters, ..ask("jam") }).unwrap().hits.len()
    };
    assert_eq!((under_three("2026-11-29"), under_three("2026-11-30")), (1, 0), "an offer ends");
    assert_eq!(catalog.search(&ask("jam")).unwrap().hits[0].product, given);
    assert_eq!(catalog.search(&ask("marmelade")).unwrap().hits[0].product, given);
    assert_eq!(catalog.product(&Sku::new("B").unwrap()).unwrap().unwrap().label(), "Article B");
}

#[test]
fn products_lead_to_what_belongs_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let file = [
        HEADER,
        r#"{"record":"aisle","id":"4","name":"Dairy","x":10,"y":20,"to":{"x":18,"y":24},"bays":5,"shelves":4}"#,
        r#"{"record":"aisle","id":"C","name":"Cafe","x":3,"y":4,"bays":4,"shelves":4}"#,
        r#"{"record":"product","sku":"S","title":"Small","variant_group":"g","accessories":["X","none","M"],"substitutes":["L"]}"#,
        r#"{"record":"product","sku":"M","title":"Middle","variant_group":"g"}"#,
        r#"{"record":"product","sku":"L","title":"Large","variant_group":"g"}"#,
        r#"{"record":"product","sku":"X","title":"Other"}"#,
    ];
    import(&catalog, &write(folder.path(), "related.jsonl", &file.join("\n"))).unwrap();
    let (small, other) = (Sku::new("S").unwrap(), Sku::new("X").unwrap());
    let skus = |found: Result<Vec<aisle::domain::Product>, StoreError>| {
        found.unwrap().iter().map(|product| product.sku.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(skus(catalog.variants(&small)), ["M", "L"]);
    assert_eq!(skus(catalog.accessories(&small)), ["X", "M"], "in the given order, unknown ones left out");
    assert_eq!(skus(catalog.substitutes(&small)), ["L"]);
    assert!(catalog.variants(&other).unwrap().is_empty() && catalog.accessories(&other).unwrap().is_empty());

    let place = |aisle: &str, bay| Location { aisle: aisle.into(), bay, shelf: None };
    let position = |place: &Location| catalog.position(place).unwrap().map(|point| (point.x, point.y));
    assert_eq!(position(&place("4", Some(1))), Some((10.0, 20.0)));
    assert_eq!(position(&place("4", Some(5))), Some((18.0, 24.0)));
    assert_eq!(position(&place("4", Some(2))), Some((12.0, 21.0)));
    assert_eq!(position(&place("4", None)), Some((14.0, 22.0)), "the middle");
    assert_eq!(position(&place("C", Some(3))), Some((3.0, 4.0)));
    assert_eq!(position(&place("9", None)), None);
}

#[test]
fn searches_go_on_during_imports() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let plum = write(folder.path(), "plum.jsonl", &made_up("plum", 700));
    let pear = write(folder.path(), "pear.jsonl", &made_up("pear", 400));
    import(&catalog, &plum).unwrap();
    let done = AtomicBool::new(false);
    let asked: usize = std::thread::scope(|scope| {
        let shopper = || {
            let mut asked = 0;
            while !done.load(Ordering::Relaxed) || asked == 0 {
                let outcome = catalog.search(&ask("plum or pear jam")).unwrap();
                let titles: BTreeSet<String> = (outcome.hits.iter())
                    .map(|hit| hit.product.label().split(' ').next().unwrap_or_default().to_owned())
                    .collect();
                assert!(titles.len() <= 1, "one catalog at a time: {titles:?}");
                let products = catalog.info().unwrap().products;
                assert!(products == 700 || products == 400, "{products}");
                asked += 1;
            }
            asked
        };
        let shoppers = [scope.spawn(shopper), scope.spawn(shopper)];
        for _ in 0..5 {
            import(&catalog, &pear).unwrap();
            import(&catalog, &plum).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        shoppers.into_iter().map(|shopper| shopper.join().unwrap()).sum()
    });
    assert!(asked >= 2);
    assert_eq!(catalog.info().unwrap().version.number, 11);
}

/// Tells a child process of this test program what to do, see [`child`].
const TASK: &str = "AISLE_TEST_CHILD_TASK";

/// Not a test by itself: what the child processes of the tests below run.
#[test]
fn child() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    let (task, folder) = task.split_once(' ').unwrap();
    let folder = Path::new(folder);
    let catalog = Catalog::open(folder).unwrap();
    if task == "once" {
        match import(&catalog, &folder.join("plum.jsonl")) {
            Ok(_) => println!("imported"),
            Err(error) => println!("refused: {error}"),
        }
        return;
    }
    println!("ready");
    loop {
        for name in ["plum.jsonl", "pear.jsonl"] {
            import(&catalog, &folder.join(name)).unwrap();
            println!("imported");
        }
    }
}

/// This program again, to run [`child`], started by a shell that first does
/// `setup`.
fn spawn(setup: &str, task: &str, folder: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{setup}exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(TASK, format!("{task} {}", folder.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

#[test]
fn a_killed_import_leaves_the_old_catalog_or_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "plum.jsonl", &made_up("plum", 600));
    write(folder.path(), "pear.jsonl", &made_up("pear", 450));
    let mut seen = BTreeSet::new();
    // A fixed walk over the moments of an import (some 30 ms each).
    let mut wait: u64 = 1;
    for round in 0..30 {
        let mut child = spawn("", "loop", folder.path()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let sign = if round % 2 == 0 { "ready" } else { "imported" };
        while !lines.next().unwrap().unwrap().contains(sign) {}
        wait = wait * 37 % 113;
        std::thread::sleep(Duration::from_millis(wait));
        assert!(child.try_wait().unwrap().is_none(), "the child stopped by itself");
        child.kill().unwrap();
        child.wait().unwrap();

        let (catalog, aside) = Catalog::open_or_rebuild(folder.path()).unwrap();
        assert_eq!(aside, None, "the file is whole");
        let info = match catalog.info() {
            Err(StoreError::Empty) => continue, // Killed in the very first import.
            info => info.unwrap(),
        };
        assert!(matches!(info.products, 600 | 450), "{info:?}");
        let name = if info.products == 600 { "plum" } else { "pear" };
        let hits = catalog.search(&ask(&format!("{name} jam 7"))).unwrap().hits;
        assert_eq!(hits[0].product.sku.as_str(), format!("{name}-7"));
        assert_eq!(hits[0].product.price_cents, Some(7));
        seen.insert(info.version.number);
    }
    assert!(seen.len() > 1, "imports went on between the kills");
}

#[test]
fn a_full_disk_leaves_the_old_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let small = write(folder.path(), "small.jsonl", &made_up("pear", 20));
    write(folder.path(), "plum.jsonl", &made_up("plum", 5000));
    let catalog = Catalog::open(folder.path()).unwrap();
    import(&catalog, &small).unwrap();
    let before = catalog.info().unwrap();
    // No file may grow past 1,000 blocks of 512 bytes; the signal that would
    // end the process is ignored, so that writes fail as on a full disk.
    let output = spawn("trap '' XFSZ; ulimit -f 1000; ", "once", folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("refused: the disk that holds") && said.contains("is full"), "{said}");
    assert_eq!(catalog.info().unwrap(), before);
    assert!(!catalog.search(&ask("pear jam")).unwrap().hits.is_empty());
    let output = spawn("", "once", folder.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("imported"));
    assert_eq!(catalog.info().unwrap().products, 5000, "another process's import is seen");
    assert_eq!(catalog.search(&ask("plum jam 7")).unwrap().hits[0].product.sku.as_str(), "plum-7");
}
