//! What the point of sale may say, and what becomes of it.

use super::*;
use crate::feeds::NativeFeed;
use crate::store::{ImportLimits, Lane};
use jiff::{SignedDuration, ToSpan};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tempfile::TempDir;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const NEXT: &str = "fedcba9876543210";

fn now() -> Timestamp {
    "2026-11-26T09:00:00Z".parse().unwrap()
}

fn tokens(text: &str) -> Result<Tokens, TokenError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    std::fs::write(&file, text).unwrap();
    Tokens::read(&file)
}

/// A kiosk that carries two products, and how often head office was to be told.
fn till(store: Option<&str>) -> (Till, Arc<Catalog>, Arc<AtomicUsize>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.jsonl");
    let text = r#"{"record":"catalog","format":1,"name":"Test","currency":"USD","as_of":"2026-11-26T08:00:00Z"}
{"record":"product","sku":"A","title":"Jam","stock":10,"gtin":"4006381333931"}
{"record":"product","sku":"B","title":"Tea","stock":5}
"#;
    std::fs::write(&file, text).unwrap();
    let catalog = Arc::new(Catalog::open(folder.path()).unwrap());
    let mut feed = NativeFeed::open(&file).unwrap();
    catalog.import(&mut feed, &ImportLimits::default(), &mut |_| {}).unwrap();
    let woken = Arc::<AtomicUsize>::default();
    let wakes = Arc::clone(&woken);
    let wake = move || {
        wakes.fetch_add(1, SeqCst);
    };
    let store = store.map(str::to_owned);
    let till = Till::new(Arc::clone(&catalog), tokens(TOKEN).unwrap(), store, 1 << 20, wake);
    (till, catalog, woken, folder)
}

fn stock(catalog: &Catalog, sku: &str) -> Option<i64> {
    catalog.product(&Sku::new(sku).unwrap()).unwrap().unwrap().stock
}

fn sale(id: &str, lines: &serde_json::Value) -> Vec<u8> {
    json!({"id": id, "at": now(), "lines": lines}).to_string().into_bytes()
}

fn told(catalog: &Catalog) -> Vec<(uuid::Uuid, String)> {
    let waiting = catalog.waiting_events(Lane::Inventory, 0, 100, 1 << 20).unwrap();
    waiting.into_iter().map(|event| (event.id, event.body)).collect()
}

#[test]
fn tokens_stand_one_a_line_and_all_of_them_count() {
    let own = tokens(&format!("# the old one\n{TOKEN}\n\n  {NEXT}  \n")).unwrap();
    assert_eq!(own.count(), 2);
    for known in [format!("Bearer {TOKEN}"), format!("bearer  {NEXT} ")] {
        assert!(own.know(&known), "{known}");
    }
    let near = format!("Bearer {}", &TOKEN[1..]);
    let near = near.as_str();
    for strange in ["", "Bearer", "Bearer ", TOKEN, "Basic 0123456789abcdef", near, "Bearer # the old one"] {
        assert!(!own.know(strange), "{strange}");
    }
    let why = |text: &str| tokens(text).err().unwrap().to_string();
    assert!(why("\n# none\n").contains("has no token"));
    assert!(why(&format!("{TOKEN}\nshort\n")).contains("line 2"));
    assert!(why("a token of many words").contains("line 1"));
    assert!(why(&format!("{TOKEN}\n").repeat(17)).contains("more than 16"));
    assert!(!why("too-short").contains("short"), "what is no token may be one elsewhere");
    assert!(
        Tokens::read(Path::new("/nowhere/tokens")).err().unwrap().to_string().contains("/nowhere/tokens")
    );
}

#[test]
fn a_sale_is_taken_once_by_whichever_number_it_names_its_goods() {
    let (till, catalog, woken, _folder) = till(Some("acme/s042"));
    let lines = json!([
        {"sku": "A", "quantity": 1}, {"gtin": "4006381333931", "quantity": 2}, {"sku": "B", "quantity": 0},
        {"sku": "X", "quantity": 1}, {"gtin": "96385074", "quantity": 1},
    ]);
    let body = sale("r-1", &lines);
    let first = till.take(&body, now()).unwrap();
    assert_eq!((first.id.as_str(), first.is_new), ("r-1", true));
    let unknown = json!(first.unknown);
    assert_eq!(unknown, json!([{"sku": "X"}, {"gtin": "00000096385074"}]));
    assert_eq!((stock(&catalog, "A"), stock(&catalog, "B")), (Some(7), Some(5)));
    let again = till.take(&body, now() + 1.hour()).unwrap();
    assert_eq!(again, Receipt { is_new: false, ..first });
    let bodies: Vec<String> = told(&catalog).into_iter().map(|(_, body)| body).collect();
    let line =
        |pieces: i64| json!({"kind": "sold", "sku": "A", "quantity": pieces, "sale": "r-1"}).to_string();
    assert_eq!((bodies, woken.load(SeqCst)), (vec![line(1), line(2)], 1));
    assert_eq!(stock(&catalog, "A"), Some(7));
}

#[test]
fn kiosks_of_one_store_tell_of_a_line_by_one_id() {
    let ids = |store| {
        let (till, catalog, _, _folder) = till(store);
        till.take(&sale("r-1", &json!([{"sku": "A", "quantity": 1}, {"sku": "A", "quantity": 1}])), now())
            .unwrap();
        told(&catalog).into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    let one = ids(Some("acme/s042"));
    assert!(one.len() == 2 && one[0] != one[1]);
    assert_eq!(ids(Some("acme/s042")), one);
    assert_ne!(ids(Some("acme/s043")), one);
    assert!(ids(None).is_empty(), "there is nobody to be told");
}

#[test]
fn what_is_no_sale_of_these_days_is_refused_in_one_line() {
    let (till, catalog, _, _folder) = till(Some("acme/s042"));
    let of = |at: Timestamp| json!({"id": "r", "at": at, "lines": [{"sku": "A", "quantity": 1}]}).to_string();
    let day = SignedDuration::from_hours(24);
    let bad = [
        (of(now() + day + 1.second()), "more than a day ahead"),
        (of(now() - day * 30 - SignedDuration::from_secs(1)), "30 days ago"),
        ("{}".into(), "missing field `id`"),
        ("no json".into(), "no sale message"),
        (json!({"id": "r", "at": now(), "lines": []}).to_string(), "lines"),
        (of(now()).replace("\"r\"", "\"\""), "id"),
        (of(now()).replace(":1}", ":1000000001}"), "quantity"),
        (of(now()).replace("\"sku\"", "\"plu\""), "no sale message"),
        (of(now()).replace("\"lines\"", "\"order\":\"\",\"lines\""), "order"),
        (" ".repeat(70_000), "may have 65536"),
    ];
    for (body, wanted) in bad {
        let error = till.take(body.as_bytes(), now()).unwrap_err().to_string();
        assert!(error.contains(wanted) && !error.contains('\n'), "{wanted}: {error}");
    }
    assert_eq!(
        (stock(&catalog, "A"), told(&catalog).len(), catalog.last_sale().unwrap()),
        (Some(10), 0, None)
    );
    assert!(till.take(of(now() + day).as_bytes(), now()).unwrap().is_new, "a clock may be a day ahead");
    assert!(matches!(till.take(of(now()).as_bytes(), now()), Err(TillError::Another(id)) if id == "r"));
}

#[test]
fn a_store_without_a_catalog_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Arc::new(Catalog::open(folder.path()).unwrap());
    let till = Till::new(catalog, tokens(TOKEN).unwrap(), None, 1 << 20, || ());
    let taken = till.take(&sale("r-1", &json!([{"sku": "A", "quantity": 1}])), now());
    assert!(matches!(taken, Err(TillError::Store(StoreError::Empty))), "{taken:?}");
}
