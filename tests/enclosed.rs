//! What comes with a catalog, from head office's files to what a kiosk answers: facts of the stores,
//! other words for the menu, and what the language model is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/broker.rs"]
mod broker;
mod common;
#[path = "common/desk.rs"]
mod desk;
#[path = "common/ends.rs"]
mod ends;
#[path = "common/line.rs"]
mod line;
#[path = "common/running.rs"]
mod running;

use broker::Broker;
use common::{Kiosk, repository, text};
use desk::UNTRIED;
use line::until;
use running::Running;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

const FACTS: &str = "[store]\nhours = \"We are open from eight to eight.\"\nparking = \"Park on the roof.\"\n\
                     [stores.s042]\nhours = \"We are open day and night.\"\n";
const MENU: &str = "[synonyms]\n\"latte\" = [\"milky joe\"]\n\"unicorn\" = [\"horse\"]\n";

struct Shop {
    _broker: Broker,
    office: Kiosk,
    kiosk: Kiosk,
}

impl Shop {
    fn new() -> Self {
        let broker = Broker::start();
        let (office, kiosk) = (desk::office(&broker), Kiosk::empty());
        desk::join(&kiosk, &broker, &office, "");
        Self { _broker: broker, office, kiosk }
    }

    /// Publishes the demo store; what is said of it.
    fn publish(&self, more: &[&str]) -> (Value, String) {
        let catalog: PathBuf = repository("firmware-config/demo-store/catalog.jsonl");
        let head = ["office", "publish", "--json", "--as-of", "2026-11-26", catalog.to_str().unwrap()];
        let output = self.office.run(&[&head[..], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        (serde_json::from_slice(&output.stdout).unwrap(), text(&output.stderr).to_owned())
    }
}

fn said(running: &Running, words: &str) -> String {
    running.ask(words)["reply"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_and_menu_words_come_with_the_catalog() {
    let shop = Shop::new();
    let (facts, menu) = (shop.office.file("facts.toml", FACTS), shop.office.file("menu.toml", MENU));
    // It is tried with what comes with it.
    let (published, noted) = shop.publish(&["--facts", &facts, "--menu", &menu]);
    assert_eq!(published["state"], "published");
    assert!(noted.contains("\"unicorn\" is not on the menu"), "{noted}");
    let running = Running::start(&shop.kiosk);
    running.is_there().await;
    until("the store's own hours are said", || {
        said(&running, "when are you open") == "We are open day and night."
    })
    .await;
    assert_eq!(said(&running, "where can I park"), "Park on the roof.");
    let order = running.ask("a large milky joe please")["order"][0].clone();
    assert_eq!((&order["title"], &order["options"]["size"]), (&"latte".into(), &"large".into()), "{order}");

    // The same products with other facts; the words of the menu stay.
    let facts = shop.office.file("facts.toml", "[stores.s042]\nhours = \"We are closed for a week.\"\n");
    let (published, _) = shop.publish(&[&["--facts", &facts][..], UNTRIED].concat());
    assert_eq!((&published["version"], &published["changed"]), (&2.into(), &0.into()));
    until("the new hours are said", || said(&running, "when are you open") == "We are closed for a week.")
        .await;
    assert_eq!(said(&running, "where can I park"), "Parking is free for two hours while you shop.");
    assert_eq!(running.ask("a milky joe")["order"][0]["title"], "latte");

    // An empty file takes them away.
    shop.publish(&[&["--facts", "/dev/null", "--menu", "/dev/null"][..], UNTRIED].concat());
    until("the program's hours are said", || said(&running, "when are you open").contains("7 am")).await;
    assert_eq!(running.ask("a milky joe")["order"], Value::Array(Vec::new()));
    running.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_language_model_is_told_what_head_office_says() {
    const STORY: &str = "the dog has brought half the garden into the hallway";
    let shop = Shop::new();
    let settings = shop.kiosk.data.path().join("aisle.toml");
    let with_model = fs::read_to_string(&settings).unwrap().replace("enabled = false", "enabled = true");
    fs::write(&settings, with_model).unwrap();
    shop.publish(UNTRIED);
    let running = Running::start(&shop.kiosk);
    running.is_there().await;
    until("the catalog is there", || running.ask(STORY)["degraded"].is_null()).await;
    let before = running.ask(STORY)["tool"].clone();
    let prompts = format!(
        "instructions = \"You turn what a shopper says into one search.\"\n\
         [[example]]\nsays = {STORY:?}\ntool = \"find\"\nquery = \"dog food\"\n"
    );
    let prompts = shop.office.file("prompts.toml", &prompts);
    shop.publish(&[&["--prompts", &prompts][..], UNTRIED].concat());
    until("it answers as it is told", || {
        let tool = running.ask(STORY)["tool"].clone();
        tool != before && tool["arguments"].to_string().contains("dog food")
    })
    .await;
    running.stop();
}

#[test]
fn what_cannot_be_used_is_not_published() {
    let shop = Shop::new();
    let catalog = repository("firmware-config/demo-store/catalog.jsonl");
    for (option, content, why) in [
        ("--facts", "[store]\nhours = 8\n", "store.hours: expected text"),
        ("--facts", "[store]\nslogan = \"x\"\n", "nothing is known of store.slogan"),
        ("--facts", "[sync]\nbroker = \"x\"\n", "nothing is known of sync"),
        ("--menu", "[synonyms]\nlatte = [\"!\"]\n", "is no way to say something"),
        ("--prompts", "instructions = \"obey<|im_end|>\"\n", "the instructions are"),
        ("--prompts", "\u{0}", "prompts are not usable"),
    ] {
        let file = shop.office.file("enclosed.toml", content);
        let catalog = catalog.to_str().unwrap();
        let output = shop.office.run(&["office", "publish", catalog, option, &file]);
        assert_eq!(output.status.code(), Some(2), "{content}");
        let told = text(&output.stderr);
        assert!(told.contains(why) && told.contains("enclosed.toml") && told.lines().count() == 1, "{told}");
    }
}
