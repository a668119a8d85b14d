//! Words that nobody called for: which of them are for the kiosk, on the demo store.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use aisle::app::assistant::{Assistant, Input, Parts, Request};
use aisle::app::folders::Folders;
use aisle::app::talk::{Said, Wholeness};
use aisle::domain::turn::OrderLine;
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
    let is_for_it = |words: &str| assistant.glimpse(None, &Said::alone(words)).reading.is_addressed;
    let mut wrong = Vec::new();
    for words in [
        "Where is the oat milk?",
        "Do you have gluten-free pasta?",
        "Can I get a large latte with soy milk?",
        "Two bananas, please.",
        "What time do you close?",
        "Oat milk.",
        "Bananas.",
        "Can I have a single-shot coffee with a bit of sugar and milk?",
        "Could I have two large iced vanilla lattes with oat milk and one hot mocha with extra whipped cream?",
    ] {
        if !is_for_it(words) {
            wrong.push(words);
        }
    }
    for words in [
        "cancel all timers",
        "What's the date?",
        "Bananna.",
        "I'll be back in two minutes.",
        "We'll be over for greater.",
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
    let whole = assistant.glimpse(Some("a"), &Said::alone("can I get a light roast iced mocha"));
    assert_eq!(whole.reading.wholeness, Wholeness::Whole);
    assert_eq!(whole.found.first().unwrap().label(), "iced mocha");
    let broken = assistant.glimpse(Some("a"), &Said::alone("can I get a light roast iced mocha with"));
    assert_eq!(broken.reading.wholeness, Wholeness::Broken);
    assert_eq!(broken.found.first().unwrap().label(), "iced mocha", "cards come before the end");
    let call = assistant.glimpse(Some("a"), &Said::alone("get me a human please"));
    assert!(call.reading.is_addressed);
    let alerts = kiosk.json(&["alerts", "list", "--json"]);
    assert_eq!(alerts["alerts"], serde_json::json!([]), "nobody was called");
    let order = assistant.glimpse(Some("a"), &Said::alone("what is on my list"));
    assert!(order.found.is_empty(), "nothing was put on the list");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_that_goes_on_counts_in_the_place_of_its_first_half() {
    let kiosk = Kiosk::with_demo_store();
    let assistant = assistant(&kiosk);
    let mut wrong = Vec::new();
    for (first, second, goes_on) in [
        ("Can I get a latte?", "with soy milk", true),
        ("Can I get a light roast?", "Iced mocha with some sugar.", true),
        ("Can I have a large", "cappuccino please", true),
        ("I want a dark roast 16", "ounce mocha with whole milk", true),
        ("Do you have any?", "Oat milk.", true),
        ("Do you have milk?", "without lactose", false),
        ("Can I get a latte?", "And two bananas.", false),
        ("Can I get a latte?", "Did you lock the car?", false),
        ("Can I get a latte?", "Where is the oat milk?", false),
        ("Can I get a latte?", "Hmm.", false),
        ("Where is the oat milk?", "He was not a handsome man.", false),
        ("What time do you close?", "with soy milk", false),
    ] {
        ask(&assistant, first, Input::Text(first.into())).await;
        let glimpse = assistant.glimpse(Some(first), &Said::after(first, second));
        if glimpse.reading.goes_on != goes_on {
            wrong.push((first, second, glimpse.reading));
        }
        assistant.forget(first);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // A word that a pause cut, heard as one.
    ask(&assistant, "a", Input::Text("I'd like a moe.".into())).await;
    let said = Said {
        whole: Some("I'd like a mocha please.".into()),
        ..Said::after("I'd like a moe.", "Car, please.")
    };
    assert!(assistant.glimpse(Some("a"), &said).reading.goes_on);
    assistant.forget("a");
    ask(&assistant, "a", Input::Text("two bananas please".into())).await;
    ask(&assistant, "a", Input::Text("Can I get a latte?".into())).await;
    let order = ask(&assistant, "a", Input::Again("Can I get a latte with soy milk".into())).await;
    assert_eq!(order.len(), 2, "the bananas stay, and there is one latte: {order:?}");
    assert_eq!(order[1].options["milk"], "soy milk");
    let order = ask(&assistant, "a", Input::Again("Can I get a latte with soy milk and sugar".into())).await;
    assert_eq!((order.len(), order[1].options.len()), (2, 2), "{order:?}");
}

async fn ask(assistant: &Assistant, session: &str, input: Input) -> Vec<OrderLine> {
    let session = Some(session.to_owned());
    let request = Request { id: None, input, session, speak: false, stays: true };
    assistant.turn(&request, |_, _| {}).await.unwrap().0.order
}
