//! Whole visits on the real screen: the program's window on a real display, touched and
//! typed at, with the real catalog and models. What is seen is compared with what was
//! judged good once (tests/screens); every picture is left in the target folder's
//! tmp/screens.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "common/display.rs"]
mod display;
#[path = "common/sound.rs"]
mod sound;

use aisle::domain::Recall;
use aisle::store::{Catalog, SearchRequest};
use common::{Kiosk, repository, text};
use display::{Display, Screen};
use jiff::Timestamp;
use sound::{SoundCard, heard};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Places on the portrait screen.
const DOCK_SEARCH: (u32, u32) = (330, 1855);
const DOCK_MAP: (u32, u32) = (709, 1855);
const DOCK_LIST: (u32, u32) = (958, 1855);
const BACK: (u32, u32) = (90, 54);
const START_OVER: (u32, u32) = (915, 54);
/// "Erase it now", of the question that is laid over a page.
const ERASE: (u32, u32) = (540, 1100);
const FIRST_CARD: (u32, u32) = (250, 450);
/// "Order now", below a list.
const ORDER: (u32, u32) = (790, 1625);

fn portrait() -> Display {
    Display::new(1080, 1920)
}

fn visit(settings: &str) -> Screen {
    let screen = Screen::start(Kiosk::with_demo_store(), portrait(), settings, &[]);
    screen.wait_for_log("answering turns");
    screen
}

impl Screen {
    fn tap(&self, (x, y): (u32, u32)) {
        self.display.tap(x, y);
    }

    fn wake(&self) {
        self.tap((540, 1200));
        self.display.settled();
    }

    /// Searches by the field at `field`; below `head`, a share of the height, the page of the
    /// keyboard is compared.
    fn type_oat_milk(&self, field: (u32, u32), head: f64) {
        self.tap(field);
        self.display.settled();
        self.display.type_text("oat mi", 20);
        self.display.looks_like("search", head, 1.0);
        self.display.type_text("lk", 20);
        self.display.key("Return");
        self.display.looks_like("results", 0.0, 1.0);
    }

    fn search(&self, words: &str) {
        self.tap(DOCK_SEARCH);
        self.display.settled();
        self.display.type_text(words, 20);
        self.display.key("Return");
        self.display.settled();
    }
}

#[test]
fn a_shopper_searches_collects_and_leaves_nothing_behind() {
    let printed = tempfile::NamedTempFile::new().unwrap();
    let screen = visit(&format!("print_command = [\"tee\", {:?}]\n", printed.path()));
    let display = &screen.display;
    display.looks_like("attract", 0.0, 0.2);
    screen.wake();
    display.looks_like("home", 0.0, 1.0);
    screen.type_oat_milk(DOCK_SEARCH, 0.1);
    screen.tap(FIRST_CARD);
    display.looks_like("product", 0.0, 1.0);
    screen.tap(DOCK_MAP);
    display.looks_like("map", 0.0, 1.0);
    screen.tap(BACK);
    display.looks_like("product", 0.0, 1.0);
    screen.tap(BACK);
    display.looks_like("results", 0.0, 1.0);
    screen.search("add two oat milks and a lemon to my list");
    display.looks_like("list", 0.0, 0.88);
    // A list is not thrown away by one touch.
    screen.tap(START_OVER);
    sleep(Duration::from_millis(500));
    screen.tap(ERASE);
    display.looks_like("attract", 0.0, 0.2);
    screen.wake();
    screen.tap(DOCK_LIST);
    display.looks_like("list-empty", 0.0, 1.0);
}

#[test]
fn a_wide_screen_is_used_as_well_as_a_tall_one() {
    let screen = Screen::start(Kiosk::with_demo_store(), Display::new(1280, 800), "", &[]);
    screen.wait_for_log("answering turns");
    let display = &screen.display;
    screen.tap((640, 500));
    display.looks_like("home", 0.0, 1.0);
    screen.type_oat_milk((300, 756), 0.15);
    screen.tap((150, 250));
    display.looks_like("product", 0.0, 1.0);
    display.key("Escape");
    display.looks_like("results", 0.0, 1.0);
    screen.tap((142, 506));
    screen.tap((1204, 756));
    display.looks_like("list", 0.0, 0.85);
}

#[test]
fn a_question_is_answered_and_a_list_fetched_by_touch() {
    let screen = visit("");
    screen.wake();
    screen.search("I want to make pancakes for four");
    screen.display.looks_like("plan", 0.0, 1.0);
    // Yes.
    screen.tap((800, 325));
    screen.display.looks_like("plan-list", 0.0, 0.82);
    // The way past all of it.
    screen.tap((345, 1565));
    screen.display.looks_like("plan-way", 0.0, 0.82);
}

/// The store's program that takes orders: answers each after a second, and tells its body.
fn counter() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert!(reader.read_line(&mut head).unwrap() > 0);
            }
            let length = head.to_lowercase().split("content-length: ").nth(1).unwrap().to_owned();
            let mut body = vec![0; length.lines().next().unwrap().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            sleep(Duration::from_secs(1));
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            let _ = tell.send(String::from_utf8(body).unwrap());
        }
    });
    (port, told)
}

#[test]
fn an_order_goes_to_the_counter_and_its_number_to_the_shopper() {
    let (port, told) = counter();
    let screen = visit(&format!("[orders]\nwebhook = \"http://127.0.0.1:{port}/orders\"\n"));
    screen.wake();
    screen.search("a large latte with oat milk");
    // Until what was said of it is gone, and the button is where it stays.
    sleep(Duration::from_secs(8));
    screen.display.looks_like("order", 0.0, 1.0);
    screen.tap(ORDER);
    let order: serde_json::Value =
        serde_json::from_str(&told.recv_timeout(Duration::from_secs(20)).unwrap()).unwrap();
    let line = &order["lines"][0];
    assert_eq!((&line["quantity"], &line["options"]["milk"]), (&1.into(), &"oat milk".into()), "{order}");
    assert_eq!(order["number"], "kiosk-1");
    sleep(Duration::from_secs(1));
    screen.display.looks_like("order-number", 0.0, 1.0);
    assert!(told.try_recv().is_err(), "it is sent once");
}

#[test]
fn what_is_recalled_while_it_is_looked_at_goes_from_the_screen() {
    let screen = visit("");
    screen.wake();
    screen.search("oat milk");
    screen.tap(FIRST_CARD);
    screen.display.looks_like("product", 0.0, 1.0);
    let catalog = Catalog::open(screen.kiosk.data.path()).unwrap();
    let request = SearchRequest { text: "oat milk".into(), limit: 1, ..SearchRequest::default() };
    let shown = catalog.search(&request).unwrap().hits[0].product.sku.clone();
    let recall = Recall {
        id: "r-1".into(),
        skus: vec![shown],
        gtins: Vec::new(),
        lot: None,
        text: "The maker recalls it.".into(),
        since: Timestamp::now(),
    };
    catalog.take_recalls(1, &[recall]).unwrap();
    sleep(Duration::from_secs(2));
    screen.display.looks_like("recalled", 0.0, 1.0);
}

/// How many of `words` are in `text`.
fn count(text: &str, words: &[&str]) -> usize {
    words.iter().filter(|word| text.contains(**word)).count()
}

#[test]
fn a_page_is_read_aloud_also_when_the_loudspeaker_is_lost_meanwhile() {
    let mut card = SoundCard::new();
    let screen = Screen::start(Kiosk::with_demo_store(), portrait(), "", &card.variables());
    screen.wait_for_log("engines are warm");
    screen.wait_for_log("the loudspeaker is open");
    screen.wake();
    let quiet = Duration::from_secs(3);
    let recording = card.record();
    screen.display.key("F1");
    let whole = recording.until_silence(quiet);
    drop(recording);
    let text = heard(&screen.kiosk, &whole);
    let (first, last) =
        (["looking", "type", "produce"], ["pet", "cleaning", "household", "health", "seasonal"]);
    assert!(count(&text, &first) >= 2 && count(&text, &last) >= 3, "{text}");
    // Another page is touched: this one is not read on.
    let recording = card.record();
    screen.display.key("F1");
    recording.until_sound();
    sleep(Duration::from_secs(1));
    screen.tap(DOCK_LIST);
    let cut = recording.until_silence(quiet);
    drop(recording);
    assert!(cut.len() < whole.len() / 2, "{} of {} samples", cut.len(), whole.len());
    screen.tap(BACK);
    // What was not heard when the card went is said when it is back.
    let recording = card.record();
    screen.display.key("F1");
    recording.until_sound();
    sleep(Duration::from_millis(2500));
    card.unplug();
    drop(recording);
    card.plug_in();
    let rest = card.record().until_silence(quiet);
    let text = heard(&screen.kiosk, &rest);
    assert!(count(&text, &last) >= 3, "{text}");
    assert!(!text.contains("looking"), "what was heard is not said again: {text}");
}

#[test]
fn touch_works_while_every_engine_is_down() {
    let nowhere = tempfile::tempdir().unwrap();
    let models = [("AISLE_MODELS", nowhere.path().display().to_string())];
    let kiosk = Kiosk::with_demo_store();
    let screen = Screen::start(kiosk, portrait(), "", &models);
    screen.wait_for_log("by touch alone");
    screen.wait_for_log("answering turns");
    screen.wake();
    screen.search("oat milk");
    screen.display.looks_like("results", 0.0, 1.0);
}

#[test]
fn an_idle_visit_is_asked_for_and_erased() {
    let screen = visit("ask_seconds = 10\nerase_seconds = 5\n");
    screen.wake();
    screen.search("oat milk");
    screen.tap(FIRST_CARD);
    let left = Instant::now();
    screen.display.settled();
    sleep(Duration::from_secs(11).saturating_sub(left.elapsed()));
    let asking = screen.display.picture();
    assert!(asking.get_pixel(20, 1000)[0] < 140, "the page is veiled while it is asked");
    // Whoever is there stays: a touch anywhere beside the question.
    screen.tap((540, 1700));
    sleep(Duration::from_secs(7));
    screen.display.looks_like("product", 0.0, 1.0);
    sleep(Duration::from_secs(10));
    screen.display.looks_like("attract", 0.0, 0.2);
}

#[test]
fn a_kiosk_without_a_catalog_says_so_and_goes_on_when_it_comes() {
    let screen = Screen::start(Kiosk::empty(), portrait(), "", &[]);
    screen.wait_for_log("no catalog yet");
    screen.display.looks_like("outage", 0.0, 1.0);
    let store = repository("firmware-config/demo-store/catalog.jsonl");
    let imported = screen.kiosk.run(&["catalog", "import", store.to_str().unwrap(), "--as-of", "now"]);
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    // Photographs come after the products.
    screen.display.comes_to_look_like("home", 0.0, 1.0);
}

#[test]
fn a_scanned_product_is_shown_whatever_holds_the_focus() {
    let screen = visit("");
    screen.display.type_text("2000300010219\n", 2);
    sleep(Duration::from_millis(500));
    screen.display.looks_like("scanned", 0.0, 1.0);
    // The Enter of a scan presses no button.
    for _ in 0..3 {
        screen.display.key("Tab");
    }
    screen.display.type_text("2000300010219\n", 2);
    sleep(Duration::from_millis(500));
    screen.tap((540, 1240));
    screen.display.looks_like("scanned", 0.1, 1.0);
}

#[test]
fn staff_hold_the_shops_name_and_type_the_pin() {
    let screen = visit("pin = \"4711\"\n");
    screen.wake();
    screen.display.press(180, 54, 5.5);
    screen.display.looks_like("pin", 0.0, 1.0);
    // A wrong one is refused.
    let key = |digit: char| {
        screen.tap(if digit == '4' {
            (308, 1054)
        } else if digit == '7' {
            (308, 1166)
        } else {
            (308, 941)
        })
    };
    "4711".chars().rev().for_each(key);
    screen.display.looks_like("pin-wrong", 0.0, 1.0);
    "4711".chars().for_each(key);
    // The figures below its head differ from run to run.
    screen.display.looks_like("maintenance", 0.0, 0.1);
    assert!(!screen.log().contains("panicked"), "{}", screen.log());
}

#[test]
fn random_touches_leave_the_kiosk_standing() {
    let touches: u32 = std::env::var("AISLE_SOAK").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    let mut screen = visit("");
    let mut random = fastrand::Rng::with_seed(11);
    let mut settled = 0;
    for n in 0..touches {
        let at = |random: &mut fastrand::Rng| (random.u32(0..1080), random.u32(0..1920));
        let (from, to) = (at(&mut random), at(&mut random));
        match random.u8(..5) {
            0 => screen.display.drag(from, to),
            _ => screen.display.tap(from.0, from.1),
        }
        if n == touches / 4 {
            settled = screen.memory();
        }
        assert!(screen.is_running(), "after {n} touches: {}", screen.log());
    }
    let grown = screen.memory().saturating_sub(settled);
    // Photographs fill their cache meanwhile, which is bounded.
    assert!(grown < 120, "{grown} MB more than after a quarter of the touches");
    assert!(!screen.log().contains("panicked"), "{}", screen.log());
    screen.tap(START_OVER);
    sleep(Duration::from_millis(600));
    screen.display.key("Escape");
    // It answers still.
    screen.wait_for(|picture| picture.get_pixel(540, 1000).0 != [0, 0, 0], "a picture");
}
