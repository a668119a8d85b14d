//! Orders through a real socket: a program of the store that takes, refuses, or is not there.

use super::*;
use crate::domain::Sku;
use crate::settings;
use crate::store::Lane;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::time::Instant;

/// Answers each request with the next status, and tells its head and body.
fn program(statuses: &'static [u16]) -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/orders", listener.local_addr().unwrap());
    let (tell, told) = channel();
    thread::spawn(move || {
        for status in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert!(reader.read_line(&mut head).unwrap() > 0);
            }
            let length = head.to_lowercase().split("content-length: ").nth(1).unwrap().to_owned();
            let mut body = vec![0; length.lines().next().unwrap().trim().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            write!(stream, "HTTP/1.1 {status} Said\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
            tell.send((head, String::from_utf8(body).unwrap())).unwrap();
        }
    });
    (url, told)
}

fn settings(webhook: &str, broker: &str) -> Settings {
    let variables = [
        ("AISLE_ORDERS_WEBHOOK", webhook),
        ("AISLE_SYNC_BROKER", broker),
        ("AISLE_SYNC_KIOSK", "k1"),
        ("AISLE_SYNC_STORE", "s042"),
    ];
    settings::load(None, variables.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap()
}

fn lines() -> Vec<(OrderLine, Option<Cents>)> {
    let line = OrderLine {
        sku: Sku::new("CF-1").unwrap(),
        title: "latte".into(),
        quantity: 2,
        options: [("size".to_owned(), "large".to_owned())].into(),
        defaults: [("milk".to_owned(), "whole milk".to_owned())].into(),
    };
    vec![(line, Some(520))]
}

fn place(orders: &Orders) -> Placed {
    orders.place(&lines(), Currency::default(), Timestamp::now()).unwrap()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < until, "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_order_is_posted_once_and_its_number_is_good_when_it_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Arc::new(Catalog::open(folder.path()).unwrap());
    let (url, told) = program(&[503, 200, 201]);
    let orders = Orders::start(Arc::clone(&catalog), &settings(&url, "")).unwrap();
    let first = place(&orders);
    assert_eq!(first.number, "k1-1");
    let wait = Duration::from_secs(20);
    let (head, body) = told.recv_timeout(wait).unwrap();
    assert!(head.to_lowercase().contains(&format!("idempotency-key: {}", first.id)), "{head}");
    assert!(!orders.is_taken(first.id), "503: not now");
    assert_eq!(told.recv_timeout(wait).unwrap().1, body, "the same again");
    eventually("it is taken", || orders.is_taken(first.id));
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["number"], &body["store"]), (&json!("k1-1"), &json!("s042")));
    let line = json!({
        "sku": "CF-1", "title": "latte", "quantity": 2, "price_cents": 520,
        "options": {"milk": "whole milk", "size": "large"},
    });
    assert_eq!(body["lines"], json!([line]));
    let second = place(&orders);
    told.recv_timeout(wait).unwrap();
    eventually("it is taken", || orders.is_taken(second.id));
    assert_eq!(second.number, "k1-2");
    assert_eq!(catalog.waiting_events(Lane::Order, 0, 9, 1 << 20).unwrap(), [], "no head office");
}

#[test]
fn what_the_program_refuses_is_given_up_and_does_not_hold_up_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Arc::new(Catalog::open(folder.path()).unwrap());
    let (url, told) = program(&[400, 200]);
    let orders = Orders::start(Arc::clone(&catalog), &settings(&url, "")).unwrap();
    let (first, second) = (place(&orders), place(&orders));
    (0..2).for_each(|_| drop(told.recv_timeout(Duration::from_secs(20)).unwrap()));
    eventually("the second is taken", || orders.is_taken(second.id));
    assert!(!orders.is_taken(first.id));
    assert_eq!(catalog.order_to_post().unwrap(), None);
}

#[test]
fn head_office_is_told_with_the_number_and_its_answer_takes_the_order() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Arc::new(Catalog::open(folder.path()).unwrap());
    assert!(Orders::start(Arc::clone(&catalog), &settings("", "")).is_none(), "nobody takes orders");
    assert!(Orders::start(Arc::clone(&catalog), &settings("nowhere", "")).is_none());
    let orders = Orders::start(Arc::clone(&catalog), &settings("", "127.0.0.1:8883")).unwrap();
    let placed = place(&orders);
    let waiting = catalog.waiting_events(Lane::Order, 0, 9, 1 << 20).unwrap();
    let body: serde_json::Value = serde_json::from_str(&waiting[0].body).unwrap();
    assert_eq!((waiting[0].id, &body["number"]), (placed.id, &json!("k1-1")));
    assert_eq!((catalog.open_orders().unwrap(), orders.is_taken(placed.id)), (1, false));
    catalog.acknowledge_events(&[placed.id]).unwrap();
    assert_eq!((catalog.open_orders().unwrap(), orders.is_taken(placed.id)), (0, true));
    // What head office refuses is not taken.
    let refused = place(&orders);
    catalog.refuse_events(&[(refused.id, "no".into())]).unwrap();
    assert_eq!((catalog.open_orders().unwrap(), orders.is_taken(refused.id)), (0, false));
}

/// A catalog in which lattes are counted, tea is only said to be there.
fn stocked(folder: &std::path::Path) -> Arc<Catalog> {
    let file = folder.join("catalog.jsonl");
    let text = r#"{"record":"catalog","format":1,"name":"Test","currency":"USD"}
{"record":"product","sku":"CF-1","title":"Latte","stock":9}
{"record":"product","sku":"TE-1","title":"Tea","availability":"in_stock"}
"#;
    std::fs::write(&file, text).unwrap();
    let catalog = Catalog::open(folder).unwrap();
    let mut feed = crate::feeds::NativeFeed::open(&file).unwrap();
    catalog.import(&mut feed, &crate::store::ImportLimits::default(), &mut |_| {}).unwrap();
    Arc::new(catalog)
}

#[test]
fn what_is_counted_of_an_order_is_put_aside_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = stocked(folder.path());
    let stock = |name: &str| catalog.product(&Sku::new(name).unwrap()).unwrap().unwrap().stock;
    let mut own = settings("", "127.0.0.1:8883");
    place(&Orders::start(Arc::clone(&catalog), &own).unwrap());
    assert_eq!(stock("CF-1"), Some(9), "nobody wants that");
    own.orders.reserve_minutes = 30;
    let orders = Orders::start(Arc::clone(&catalog), &own).unwrap();
    let (now, mut wanted) = (Timestamp::now(), lines());
    wanted.extend(lines());
    let tea = OrderLine { sku: Sku::new("TE-1").unwrap(), ..wanted[0].0.clone() };
    wanted.push((tea, None));
    let placed = orders.place(&wanted, Currency::default(), now).unwrap();
    assert_eq!((stock("CF-1"), stock("TE-1")), (Some(5), None));
    let until = now + SignedDuration::from_mins(30);
    let told = catalog.waiting_events(Lane::Inventory, 0, 9, 1 << 20).unwrap();
    let bodies: Vec<&str> = told.iter().map(|event| event.body.as_str()).collect();
    let reserved = json!({"kind": "reserved", "sku": "CF-1", "quantity": 4, "until": until}).to_string();
    assert_eq!(bodies, [reserved]);
    // Paid: sold instead of put aside. Left: there again.
    let sold = [(Sku::new("CF-1").unwrap(), 4)];
    let number = Some(placed.number.as_str());
    let sale = crate::store::NewSale { id: "r-1", at: now, lines: &sold, order: number, events: &[] };
    catalog.take_sale(&sale, now, 1 << 20).unwrap();
    assert_eq!(stock("CF-1"), Some(5));
    place(&orders);
    assert_eq!(stock("CF-1"), Some(3));
    catalog.reconcile(until + SignedDuration::from_mins(1)).unwrap();
    assert_eq!(stock("CF-1"), Some(5));
}
