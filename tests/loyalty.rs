//! Customer cards from end to end: the kiosk's window, a real broker with the shipped rules, and
//! head office's stand-in for a CRM. Who agrees is known and finds what they buy again; when they
//! leave, nothing of them is anywhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/broker.rs"]
mod broker;
mod common;
#[path = "common/desk.rs"]
mod desk;
#[path = "common/display.rs"]
mod display;
#[path = "common/ends.rs"]
mod ends;

use aisle::sync::mqtt::{Message, Refusal, Told};
use aisle::sync::sign::SecretKey;
use aisle::sync::wire;
use aisle::sync::wire::loyalty::LoyaltyReply;
use broker::Broker;
use common::{Kiosk, repository, text};
use display::{Display, Screen};
use ends::{End, KIOSK, PATIENCE, kiosk_options, topic};
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Nobody else's: if it stands anywhere, it is the shopper's.
const NUMBER: &str = "480217365904";
const NAME: &str = "Annabelle";
/// Things of the demo store that they buy, the most often bought first, and one that is not sold.
const BOUGHT: [(&str, u32); 4] = [("DA-1022", 5), ("NONE-1", 4), ("DA-1007", 3), ("DA-1001", 1)];

/// Places on the portrait screen.
const DOCK_FOR_YOU: (u32, u32) = (817, 1855);
const START_OVER: (u32, u32) = (915, 54);
/// "My customer card", above the suggestions.
const CARD: (u32, u32) = (860, 150);
/// "Yes", of the question.
const YES: (u32, u32) = (287, 1159);
/// "For you" and "Forget me now", below the greeting.
const SUGGESTIONS: (u32, u32) = (378, 1120);
const FORGET: (u32, u32) = (652, 1120);
/// The key of the 1 beside its digit, and the disc over a greeting beside its tick.
const KEY: (u32, u32) = (250, 830);
const DISC: (u32, u32) = (540, 730);
const WHITE: [u8; 3] = [255; 3];
const BRAND: [u8; 3] = [0x0f, 0x5c, 0x4a];

/// Head office with customers: a history, and what one of them is called.
fn head_office(broker: &Broker) -> Kiosk {
    let office = Kiosk::empty();
    desk::set(&office, broker, broker.port);
    let identity = broker.identity("acme/loyalty-1");
    fs::copy(identity.certificate, office.data.path().join("loyalty-1.pem")).unwrap();
    fs::copy(identity.key, office.data.path().join("loyalty-1.key")).unwrap();
    let today = jiff::Timestamp::now();
    let mut rows = String::from("customer,sku,at,quantity\n");
    for (sku, times) in BOUGHT {
        for week in 0..i64::from(times) {
            rows +=
                &format!("{NUMBER},{sku},{},1\n", today - jiff::SignedDuration::from_hours(24 * 7 * week));
        }
    }
    rows += &format!("20260001,DA-1001,{today},1\n");
    let folder = office.data.path();
    fs::write(folder.join("history.csv"), rows).unwrap();
    fs::write(folder.join("names.csv"), format!("number,name\n{NUMBER},{NAME}\n")).unwrap();
    let file = folder.join("history.csv");
    let output = office.run(&["history", "import", file.to_str().unwrap()]);
    assert_eq!(text(&output.stdout), "Imported 14 purchases of 2 customers.\n", "{}", text(&output.stderr));
    office
}

/// The stand-in, as it is run.
struct Answering {
    program: Child,
    log: std::path::PathBuf,
}

impl Answering {
    fn start(office: &Kiosk) -> Self {
        let log = office.data.path().join("loyalty.log");
        let mut command = office.command();
        command.args(["office", "loyalty", "--names"]).arg(office.data.path().join("names.csv"));
        command.env("AISLE_LOG", "debug").stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
        let answering = Self { program: command.spawn().unwrap(), log };
        answering.says("the broker answers");
        answering
    }

    fn says(&self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(words) {
            assert!(Instant::now() < deadline, "it never said {words:?}: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Ends it as systemd does; its last words.
    fn stop(mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.program);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.program.wait().unwrap().success(), "{}", self.log());
        self.log()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// A file below `folder` that holds `words`, if any does.
fn who_holds(folder: &Path, words: &str) -> Option<String> {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let found = if path.is_dir() {
            who_holds(&path, words)
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            let holds = bytes.windows(words.len()).any(|window| window == words.as_bytes());
            holds.then(|| path.display().to_string())
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// A kiosk's end of the line that hears answers.
async fn kiosk_end(broker: &Broker) -> End {
    let mut options = kiosk_options(broker.tls(KIOSK), broker.port, KIOSK);
    options.subscriptions.push(topic(KIOSK, "loyalty/reply"));
    End::open(options).once_up().await
}

fn asks(number: &str, mark: u8) -> Message {
    Message {
        topic: topic(KIOSK, "loyalty"),
        payload: format!(r#"{{"number":"{number}"}}"#).into(),
        retain: false,
        expiry: Some(Duration::from_secs(5)),
        response_topic: Some(topic(KIOSK, "loyalty/reply")),
        correlation: Some(vec![mark; 16].into()),
    }
}

/// Sends a question; the answer that bears its mark, with whatever else came before it.
async fn answered(end: &mut End, message: Message) -> (LoyaltyReply, Vec<Vec<u8>>) {
    let mark = message.correlation.clone();
    end.send(message).await;
    let mut others = Vec::new();
    let arrival = loop {
        match end.told().await {
            Told::Arrived(arrival) if arrival.correlation == mark => break arrival,
            Told::Arrived(arrival) => others.push(arrival.correlation.unwrap_or_default().to_vec()),
            _ => {}
        }
    };
    assert_eq!(arrival.topic, topic(KIOSK, "loyalty/reply"));
    assert!(!arrival.retain);
    (wire::read(&arrival.payload).unwrap(), others)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_office_answers_a_kiosk_about_who_asked_and_nobody_elsewhere() {
    let broker = Broker::start();
    let office = head_office(&broker);
    let answering = Answering::start(&office);
    let mut kiosk = kiosk_end(&broker).await;
    let (reply, _) = answered(&mut kiosk, asks(NUMBER, 1)).await;
    assert_eq!((reply.known, reply.name.as_deref(), reply.history.len()), (true, Some(NAME), 13));
    let newest = reply.history.iter().find(|own| own.sku.as_str() == "DA-1001").unwrap();
    assert_eq!((newest.days_ago, newest.quantity), (0, 1));
    let (reply, _) = answered(&mut kiosk, asks("20260001", 2)).await;
    assert_eq!((reply.known, reply.name, reply.history.len()), (true, None, 1));
    let (reply, _) = answered(&mut kiosk, asks("99999999", 3)).await;
    assert_eq!((reply.known, reply.name, reply.history.len()), (false, None, 0));

    // What is no question, or wants its answer elsewhere, gets none: the next one is answered first.
    let mut listens = kiosk_options(broker.tls("acme/k/s042/k2"), broker.port, "acme/k/s042/k2");
    listens.subscriptions = vec![topic("acme/k/s042/k2", "#")];
    let mut other = End::open(listens).once_up().await;
    let to = |place: &str| Message { response_topic: Some(place.to_owned()), ..asks(NUMBER, 9) };
    let says = |payload: &str| Message { payload: payload.to_owned().into(), ..asks(NUMBER, 9) };
    for odd in [
        to("aisle/v1/acme/k/s042/k2/loyalty/reply"),
        to("aisle/v1/acme/k/s042/k1/commands"),
        Message { response_topic: None, ..asks(NUMBER, 9) },
        Message { correlation: Some(vec![9; 3].into()), ..asks(NUMBER, 9) },
        says("rubbish"),
        says(r#"{"number":"%"}"#),
        Message { retain: true, ..says(&"x".repeat(50_000)) },
    ] {
        kiosk.send(odd).await;
    }
    let (reply, others) = answered(&mut kiosk, asks(NUMBER, 4)).await;
    assert!(reply.known && others.is_empty(), "{others:?}");
    kiosk.send(Message { topic: topic(KIOSK, "loyalty"), retain: true, ..Message::default() }).await;

    // Who tries numbers is not answered any more; another kiosk is.
    for mark in 20..60 {
        kiosk.send(asks(&format!("1000{mark}"), mark)).await;
    }
    answering.says("asks for too many customers");
    let more = Message {
        topic: topic("acme/k/s042/k2", "loyalty"),
        response_topic: Some(topic("acme/k/s042/k2", "loyalty/reply")),
        ..asks(NUMBER, 5)
    };
    other.send(more).await;
    let first = other.arrival(&topic("acme/k/s042/k2", "loyalty/reply")).await;
    assert_eq!(first.correlation, asks(NUMBER, 5).correlation, "nothing was written there before");

    // It may do no more than that.
    let mut stranger = ends::office_options(&broker);
    stranger.client = "acme/loyalty-1".into();
    let log = answering.stop();
    for words in [NUMBER, NAME, "20260001", "DA-1001"] {
        assert!(!log.contains(words), "the log holds {words}");
    }
    stranger.tls = broker.tls("acme/loyalty-1");
    stranger.subscriptions = vec![topic("acme/k/+/+", "telemetry"), topic("acme/k/+/+", "loyalty")];
    let mut stranger = End::open(stranger).once_up().await;
    let forbidden = stranger.publish(&topic(KIOSK, "commands"), "{}").await;
    assert_eq!(forbidden, Err(Refusal::NotAllowed));
    kiosk.publish(&topic(KIOSK, "telemetry"), "not for it").await.unwrap();
    kiosk.send(asks(NUMBER, 6)).await;
    let first = stranger.until("a message", |told| match told {
        Told::Arrived(arrival) => Some(arrival.topic.clone()),
        _ => None,
    });
    assert_eq!(first.await, topic(KIOSK, "loyalty"));
    for end in [kiosk, other, stranger] {
        end.stop().await;
    }
}

#[test]
fn nobody_is_answered_for_where_nobody_is_known() {
    let office = Kiosk::empty();
    let error = office.refusal(&["office", "loyalty"]);
    assert!(error.contains("office.broker"), "{error}");
    let broker = Broker::start();
    desk::set(&office, &broker, broker.port);
    let identity = broker.identity("acme/loyalty-1");
    fs::copy(identity.certificate, office.data.path().join("loyalty-1.pem")).unwrap();
    fs::copy(identity.key, office.data.path().join("loyalty-1.key")).unwrap();
    let error = office.refusal(&["office", "loyalty"]);
    assert!(error.contains("aisle history import"), "{error}");
}

/// A kiosk's window, with the line to head office set.
fn window(broker: &Broker, display: Display, more: &str) -> Screen {
    let identity = broker.identity(KIOSK);
    let settings = format!(
        "{more}[llm]\nenabled = false\n[loyalty]\nenabled = true\n[sync]\nbroker = \"127.0.0.1:{}\"\n\
         tenant = \"acme\"\nstore = \"s042\"\nkiosk = \"k1\"\nca = {:?}\ncertificate = {:?}\nkey = {:?}\n\
         root_keys = [\"{}\"]\n",
        broker.port,
        broker.ca(),
        identity.certificate,
        identity.key,
        SecretKey::from_seed(&[1; 32]).public(),
    );
    let screen = Screen::start(Kiosk::with_demo_store(), display, &settings, &[]);
    screen.wait_for_log("answering turns");
    screen.wait_for_log("head office answers");
    screen
}

impl Screen {
    fn tap(&self, (x, y): (u32, u32)) {
        self.display.tap(x, y);
        self.display.settled();
    }

    /// Waits until a place has this colour, however slow the machine is.
    fn turns(&self, (x, y): (u32, u32), colour: [u8; 3], what: &str) {
        self.wait_for(|picture| picture.get_pixel(x, y).0 == colour, what);
    }

    /// Holds the card to the scanner, once a number is asked for: then a key stands at `key`.
    fn scan(&self, key: (u32, u32), number: &str) {
        self.turns(key, WHITE, "the keys");
        self.display.type_text(&format!("{number}\n"), 2);
    }

    /// By way of the suggestions, where nobody is known yet.
    fn comes_to_the_question(&self, heart: (u32, u32), card: (u32, u32)) {
        self.tap(heart);
        self.display.looks_like("for-you-card", 0.0, 1.0);
        self.tap(card);
        self.display.looks_like("consent", 0.0, 1.0);
    }

    /// Types it on the portrait screen, and that it is complete.
    fn type_number(&self, number: &str) {
        self.turns(KEY, WHITE, "the keys");
        let key = |at: u32| self.display.tap(296 + 244 * (at % 3), 855 + 113 * (at / 3));
        number.chars().filter_map(|digit| digit.to_digit(10)).for_each(|digit| match digit {
            0 => key(10),
            digit => key(digit - 1),
        });
        key(11);
    }
}

#[test]
fn a_customer_is_known_while_they_are_there_and_nowhere_afterwards() {
    let broker = Broker::start();
    let office = head_office(&broker);
    let answering = Answering::start(&office);
    let screen = window(&broker, Display::new(1080, 1920), "");
    let display = &screen.display;
    screen.tap((540, 1200));
    screen.comes_to_the_question(DOCK_FOR_YOU, CARD);
    screen.tap(YES);
    display.looks_like("consent-number", 0.0, 1.0);
    screen.scan(KEY, NUMBER);
    screen.turns(DISC, BRAND, "the greeting");
    display.looks_like("consent-known", 0.0, 1.0);
    screen.tap(SUGGESTIONS);
    display.looks_like("for-you-known", 0.0, 1.0);
    screen.tap(START_OVER);
    display.looks_like("attract", 0.0, 0.2);
    screen.tap((540, 1200));
    screen.comes_to_the_question(DOCK_FOR_YOU, CARD);
    // Known once more, by the keys of the screen, and forgotten by "Forget me now".
    screen.tap(YES);
    screen.type_number(NUMBER);
    screen.turns(DISC, BRAND, "the greeting");
    display.looks_like("consent-known", 0.0, 1.0);
    screen.tap(FORGET);
    display.looks_like("consent", 0.0, 1.0);
    screen.tap(DOCK_FOR_YOU);
    display.looks_like("for-you-card", 0.0, 1.0);

    let log = answering.stop();
    assert!(log.contains("known=2 unknown=0 passed_over=0"), "{log}");
    // The log of the kiosk and its outbox are in its folder, the broker's own beside its files.
    for words in [NUMBER, NAME] {
        assert_eq!(who_holds(screen.kiosk.data.path(), words), None);
        assert_eq!(who_holds(broker.path(), words), None);
        assert!(!log.contains(words), "{log}");
    }
}

#[test]
fn who_is_not_known_or_not_answered_is_told_so_on_a_wide_screen() {
    let mut broker = Broker::start();
    let office = head_office(&broker);
    let screen = window(&broker, Display::new(1280, 800), "");
    let display = &screen.display;
    let (heart, card, yes, again) = ((947, 38), (1150, 106), (440, 517), (440, 505));
    // A key, the button of another try, the disc over a greeting.
    let (key, button, disc) = ((830, 260), (300, 497), (640, 250));
    screen.tap((640, 500));
    screen.comes_to_the_question(heart, card);
    screen.tap(yes);
    display.looks_like("consent-number", 0.0, 1.0);
    // Nobody answers at head office.
    screen.scan(key, NUMBER);
    screen.wait_for_log("nobody answered in time");
    screen.turns(button, WHITE, "that nobody answers");
    display.looks_like("consent-unavailable", 0.0, 1.0);
    // Without a connection nothing waits for one.
    broker.kill();
    screen.wait_for_log("no connection to head office");
    screen.tap(again);
    screen.scan(key, NUMBER);
    screen.wait_for_log("there is no connection");
    screen.turns(button, WHITE, "that there is no line");
    display.looks_like("consent-unavailable", 0.0, 1.0);
    broker.restart();
    screen.wait_for_logs("head office answers", 2, PATIENCE);
    let answering = Answering::start(&office);
    screen.tap(again);
    screen.scan(key, "99999999");
    screen.turns(button, WHITE, "that nobody has it");
    display.looks_like("consent-unknown", 0.0, 1.0);
    screen.tap(again);
    screen.scan(key, NUMBER);
    screen.turns(disc, BRAND, "the greeting");
    display.looks_like("consent-known", 0.0, 1.0);
    assert!(answering.stop().contains("known=1 unknown=1 passed_over=0"));
    assert!(!screen.log().contains("99999999"), "{}", screen.log());
}
