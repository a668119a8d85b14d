//! Prices, stock and offers as the whole program tells them: what is old is told
//! as of its day, and the shop's corrections count at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::Kiosk;
use serde_json::Value;

const SHOP: &str = r#"{"record":"catalog","format":1,"name":"T","currency":"USD","as_of":"2020-01-05T06:00:00Z"}
{"record":"product","sku":"OLD","title":"Quince Jam","price_cents":349,"stock":12}
{"record":"product","sku":"NEW","title":"Rhubarb Pickle","price_cents":500,"stock":3,"price_as_of":"2999-01-01","stock_as_of":"2999-01-01"}
{"record":"product","sku":"OFF","title":"Walnut Oil","price_cents":899,"price_as_of":"2999-01-01","promotion":{"price_cents":699,"until":"2999-03-07"}}
{"record":"product","sku":"PAST","title":"Turnip Soup","price_cents":250,"price_as_of":"2999-01-01","promotion":{"price_cents":100,"until":"2020-03-07"}}
"#;

fn shop(as_of: &[&str]) -> Kiosk {
    let kiosk = Kiosk::empty();
    let file = kiosk.data.path().join("shop.jsonl");
    std::fs::write(&file, SHOP).unwrap();
    let output = kiosk.run(&[&["catalog", "import", file.to_str().unwrap()], as_of].concat());
    assert!(output.status.success(), "{}", common::text(&output.stderr));
    kiosk
}

fn ask(kiosk: &Kiosk, words: &str) -> Value {
    let output = kiosk.command().args(["ask", "--json", words]).env("TZ", "UTC").output().unwrap();
    assert!(output.status.success(), "{}", common::text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn old_prices_and_stock_are_not_told_as_present() {
    let kiosk = shop(&[]);
    let price = ask(&kiosk, "how much is the quince jam");
    assert_eq!(price["reply"], "Quince Jam was $3.49 on Jan 5, 2020.");
    assert_eq!(price["speech"], "Quince Jam was three forty-nine on January fifth, twenty twenty.");
    assert_eq!(price["cards"][0]["stale"], serde_json::json!(["price", "stock"]));
    let stock = ask(&kiosk, "is the quince jam in stock");
    assert_eq!(stock["reply"], "Quince Jam: 12 in stock on Jan 5, 2020, 6:00 am; I cannot be sure now.");
    let fresh = ask(&kiosk, "how much is the rhubarb pickle");
    assert_eq!(fresh["reply"], "Rhubarb Pickle is $5.00.");
    assert_eq!(fresh["cards"][0].get("stale"), None);

    let kiosk = shop(&["--as-of", "now"]);
    assert_eq!(ask(&kiosk, "how much is the quince jam")["reply"], "Quince Jam is $3.49.");
    let odd = kiosk.run(&["catalog", "import", "x", "--as-of", "soonish"]);
    assert_eq!(odd.status.code(), Some(2));
    assert!(common::text(&odd.stderr).contains("--as-of"));
}

#[test]
fn offers_that_hold_are_told_and_others_are_not() {
    let kiosk = shop(&[]);
    let offer = ask(&kiosk, "how much is the walnut oil");
    assert_eq!(offer["reply"], "Walnut Oil is on offer for $6.99 instead of $8.99 until Mar 7, 2999.");
    let card = &offer["cards"][0];
    assert_eq!((&card["price_cents"], &card["regular_price_cents"]), (&699.into(), &899.into()));
    assert_eq!(ask(&kiosk, "how much is the turnip soup")["reply"], "Turnip Soup is $2.50.");
    let offers = ask(&kiosk, "any deals today?");
    assert_eq!(offers["reply"], "On offer: Walnut Oil for $6.99 instead of $8.99 until Mar 7, 2999.");
    assert_eq!(offers["cards"].as_array().unwrap().len(), 1);
    assert_eq!(ask(&kiosk, "add two walnut oil to my list")["reply"], "2 Walnut Oil, $13.98. Anything else?");
}

#[test]
fn the_shops_corrections_are_made_listed_and_dropped() {
    let kiosk = shop(&[]);
    let said = |arguments: &[&str]| {
        let output = kiosk.run(arguments);
        assert!(output.status.success(), "{}", common::text(&output.stderr));
        common::text(&output.stdout)
    };
    said(&["catalog", "correct", "OLD", "--price", "3.99", "--synonym", "zibble", "--note", "Ann"]);
    assert_eq!(ask(&kiosk, "how much is the zibble")["reply"], "Quince Jam is $3.99.");
    let listed = kiosk.json(&["catalog", "corrections", "--json"]);
    assert_eq!(listed["corrections"][0]["price_cents"], 399);
    assert_eq!(listed["corrections"][0]["carried"], true);
    let list = said(&["catalog", "corrections"]);
    assert!(
        list.starts_with("OLD       price $3.99, synonym \"zibble\" since ") && list.ends_with(": Ann\n"),
        "{list}"
    );
    said(&["catalog", "correct", "OLD", "--withdraw"]);
    assert_eq!(kiosk.json(&["search", "quince jam", "--json"])["no_match"], true);
    assert_eq!(kiosk.json(&["catalog", "stats", "--json"])["stats"]["corrected"], 1);
    said(&["catalog", "correct", "OLD", "--drop"]);
    assert_eq!(kiosk.json(&["search", "quince jam", "--json"])["hits"][0]["sku"], "OLD");
    assert!(said(&["catalog", "correct", "LATER", "--stock", "5"]).contains("waits"));
    assert!(kiosk.refusal(&["catalog", "correct", "OLD", "--drop"]).contains("not corrected"));
    assert!(kiosk.refusal(&["catalog", "correct", "OLD"]).contains("nothing is corrected"));
    assert!(kiosk.refusal(&["catalog", "correct", "OLD", "--bay", "2"]).contains("--aisle"));
}
