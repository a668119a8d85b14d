use super::*;
use crate::domain::Availability;
use crate::sync::wire::samples::{at, sku};
use std::fs;

fn taking() -> Taking {
    let as_of = Some(at("2026-11-26T06:00:00Z"));
    Taking { now: at("2026-11-26T09:00:00Z"), as_of, max_price_cents: 1_000_000 }
}

fn with<T>(text: &str, read: impl FnOnce(&Path) -> Result<T, RowsError>) -> Result<T, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows");
    fs::write(&path, text).unwrap();
    read(&path).map_err(|error| error.to_string().replace(&path.display().to_string(), "F"))
}

fn prices_of(text: &str) -> Result<Vec<Price>, String> {
    with(text, |path| prices(path, taking()))
}

fn counts_of(text: &str) -> Result<Vec<Count>, String> {
    with(text, |path| counts(path, taking()))
}

#[test]
fn prices_are_read_from_tables_and_lines_alike() {
    let table = "sku,price,promotion_price,promotion_from,promotion_until,promotion_label,as_of\n\
                 A-1,3.49,2.99,2026-11-23,2026-11-29,\"Harvest, week\",2026-11-26T07:00:00+01:00\n\
                 A-2,3,,,,,\n\
                 A-3,unknown,,,,,2026-11-25\n";
    let lines = r#"{"sku":"A-1","price":3.49,"promotion":{"price":"2.99","from":"2026-11-23","until":"2026-11-29","label":"Harvest, week"},"as_of":"2026-11-26T06:00:00Z"}
{"sku":"A-2","price_cents":300,"promotion":null}
{"sku":"A-3","price_cents":null,"as_of":"2026-11-25T00:00:00Z"}"#;
    let prices = prices_of(table).unwrap();
    assert_eq!(prices_of(lines).unwrap(), prices);
    let promotion = Promotion {
        price_cents: 299,
        from: Some("2026-11-23".into()),
        until: Some("2026-11-29".into()),
        label: Some("Harvest, week".into()),
    };
    let first = Price {
        sku: sku("A-1"),
        price_cents: Some(349),
        promotion: Some(promotion),
        as_of: Some(at("2026-11-26T06:00:00Z")),
    };
    assert_eq!(prices[0], first);
    assert_eq!((prices[1].price_cents, prices[1].as_of), (Some(300), taking().as_of));
    assert_eq!((prices[2].price_cents, prices[2].as_of), (None, Some(at("2026-11-25T00:00:00Z"))));
}

#[test]
fn counts_are_pieces_or_words() {
    let counts =
        counts_of("sku;stock;availability\nA;12;\nB;;in stock\nC;0;backorder\nD;unknown;\n").unwrap();
    let said: Vec<_> = counts.iter().map(|count| (count.stock, count.availability)).collect();
    let expected = [
        (Some(12), None),
        (None, Some(Availability::InStock)),
        (Some(0), Some(Availability::Backorder)),
        (None, None),
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_file_that_says_no_time_is_from_when_it_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows");
    fs::write(&path, "sku,stock\nA,1\n").unwrap();
    let changed = at("2026-11-20T06:00:00Z");
    let time = std::time::SystemTime::from(changed);
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    let taking = Taking { as_of: None, ..taking() };
    assert_eq!(counts(&path, taking).unwrap()[0].as_of, Some(changed));
    // Never from what is still to come.
    let early = Taking { now: at("2026-11-01T00:00:00Z"), ..taking };
    assert_eq!(counts(&path, early).unwrap()[0].as_of, Some(early.now));
}

#[test]
fn a_bad_row_is_told_by_its_line_and_what_to_write() {
    for (text, wanted) in [
        ("sku,price\nA,3.49\n,3.49\n", "F line 3: write the product's number"),
        ("sku,price\nA,3.49\nB,1\nA,3.49\n", "F line 4: A stands in line 2 already"),
        (
            "sku,price\nA,\n",
            "F line 2: no price: write it into price (3.49) or price_cents (349), or write unknown",
        ),
        ("sku,price\nA,\"3,49\"\n", "F line 2: price \"3,49\": write it like 3.49"),
        ("sku,price\nA,-1\n", "F line 2: price \"-1\": write it like 3.49"),
        ("sku,price_cents\nA,3.49\n", "F line 2: price_cents \"3.49\": write it like 349"),
        ("sku,price_cents\nA,-349\n", "F line 2: price_cents \"-349\": write it like 349"),
        ("sku,price,price_cents\nA,1,100\n", "F line 2: write price or price_cents, not both"),
        (
            "sku,price\nA,10000.01\n",
            "F line 2: price \"10000.01\" is not believed: catalog.max_price allows 10000",
        ),
        ("sku,price,as_of\nA,1,yesterday\n", "F line 2: as_of \"yesterday\": write a time as"),
        (
            "sku,price,as_of\nA,1,2026-11-26T09:06:00Z\n",
            "F line 2: as_of \"2026-11-26T09:06:00Z\" is still to come",
        ),
        ("sku,price,promotion_label\nA,1,Week\n", "F line 2: a promotion without its price"),
        (
            "sku,price,promotion_price,promotion_from\nA,1,1,soon\n",
            "F line 2: promotion_from \"soon\": write a time",
        ),
        (
            "sku,price,promotion_price,promotion_from,promotion_until\nA,1,1,2026-11-24,2026-11-23\n",
            "F line 2: promotion_until is before promotion_from",
        ),
        ("sku,prise\nA,1\n", "F line 1: \"prise\" is no column: there are sku, price, price_cents"),
    ] {
        let got = prices_of(text).unwrap_err();
        assert!(got.starts_with(wanted), "{got}");
        assert_eq!(got.lines().count(), 1);
    }
    let long = format!("sku,price,promotion_price,promotion_label\nA,1,1,{}\n", "x".repeat(301));
    assert!(prices_of(&long).unwrap_err().contains("promotion_label: write at most 300"));
    for (text, wanted) in [
        ("sku,stock\nA,\n", "F line 2: neither stock nor availability"),
        ("sku,stock\nA,1.5\n", "F line 2: stock \"1.5\": write the pieces on hand"),
        ("sku,stock\nA,-1\n", "F line 2: stock \"-1\": write the pieces on hand"),
        ("sku,availability\nA,perhaps\n", "F line 2: availability \"perhaps\": write in_stock"),
        ("{\"sku\":\"A\",\"stock\":1}\n{\"sku\":\"B\",\"stock\":\"many\"}\n", "F line 2: stock \"many\""),
    ] {
        let got = counts_of(text).unwrap_err();
        assert!(got.starts_with(wanted), "{got}");
    }
    assert!(as_of(&"2026-11-27".to_owned(), taking().now).unwrap_err().contains("still to come"));
    assert!(as_of(&"2026-11-26".to_owned(), taking().now).is_ok());
}
