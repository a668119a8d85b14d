//! Words that nobody called for: which of them are for the kiosk, on the demo store.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use aisle::app::assistant::{Assistant, Parts};
use aisle::app::folders::Folders;
use aisle::app::talk::Wholeness;
use aisle::settings::Settings;
use common::{Kiosk, models};

fn assistant(kiosk: &Kiosk) -> Assistant {
    let variable = |name: &str| (name == "AISLE_MODELS").then(models);
    let folders = Folders::find(Some(kiosk.data.path().to_path_buf()), None, variable).unwrap();
    Assistant::open(&folders, Settings::default(), Parts { hearing: false, speaking: false }).unwrap()
}

#[test]
fn what_is_about_the_shop_is_for_the_kiosk_and_the_rest_is_not() {
    let kiosk = Kiosk::with_demo_store();
    let assistant = assistant(&kiosk);
    let is_for_it = |words: &str| assistant.glimpse(None, words).reading.is_addressed;
    let mut wrong = Vec::new();
    for words in [
        "Where is the oat milk?",
        "Do you have gluten-free pasta?",
        "Can I get a large latte with soy milk?",
        "Two bananas, please.",
        "What time do you close?",
        "Oat milk.",
    ] {
        if !is_for_it(words) {
            wrong.push(words);
        }
    }
    for words in [
        "cancel all timers",
        "Is the garage door open?",
        "lights in the office.",
        "Turn on the kitchen light.",
        "And so, my fellow Americans, ask not what your country can do for you.",
        "It's exciting to see everything growing so fast and to get the grass cut.",
        "I like to talk to Carl about New York and what a fellow can do there.",
        "He was not a handsome man.",
        "Thank you for watching.",
        "",
    ] {
        if is_for_it(words) {
            wrong.push(words);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn looking_ahead_finds_and_changes_nothing() {
    let kiosk = Kiosk::with_demo_store();
    let assistant = assistant(&kiosk);
    let whole = assistant.glimpse(Some("a"), "can I get a light roast iced mocha");
    assert_eq!(whole.reading.wholeness, Wholeness::Whole);
    assert_eq!(whole.found.first().unwrap().label(), "iced mocha");
    let broken = assistant.glimpse(Some("a"), "can I get a light roast iced mocha with");
    assert_eq!(broken.reading.wholeness, Wholeness::Broken);
    assert_eq!(broken.found.first().unwrap().label(), "iced mocha", "cards come before the end");
    let call = assistant.glimpse(Some("a"), "get me a human please");
    assert!(call.reading.is_addressed);
    let alerts = kiosk.json(&["alerts", "list", "--json"]);
    assert_eq!(alerts["alerts"], serde_json::json!([]), "nobody was called");
    let order = assistant.glimpse(Some("a"), "what is on my list");
    assert!(order.found.is_empty(), "nothing was put on the list");
}
