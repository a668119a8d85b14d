//! Conversations through the real program on the demo store: context over turns, the
//! list, plans, calls for a person, and what bad input gets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Kiosk, repository};
use serde_json::{Value, json};

/// Plays one session; the answers in order.
fn play(kiosk: &Kiosk, says: &[&str]) -> Vec<Value> {
    let lines: String = says
        .iter()
        .enumerate()
        .map(|(id, text)| format!("{}\n", json!({"id": id, "session": "s", "text": text})))
        .collect();
    let turns = kiosk.batch("ask", lines.as_bytes(), &[]);
    assert_eq!(turns.len(), says.len());
    turns
}

/// The list as (SKU, quantity).
fn list(turn: &Value) -> Vec<(String, u64)> {
    let lines = turn["order"].as_array().unwrap().iter();
    lines.map(|line| (line["sku"].as_str().unwrap().to_owned(), line["quantity"].as_u64().unwrap())).collect()
}

fn reply(turn: &Value) -> &str {
    turn["reply"].as_str().unwrap()
}

#[test]
fn a_search_is_narrowed_and_what_is_shown_is_put_on_the_list() {
    let kiosk = Kiosk::with_demo_store();
    let turns = play(
        &kiosk,
        &[
            "where do you keep the oat milk",
            "which one is the cheapest?",
            "does that one contain milk?",
            "put two of those on my list",
            "and where is it, and how much is it?",
            "make it three",
            "undo that",
            "what have I got so far?",
        ],
    );
    assert_eq!(turns[0]["intent"], "locate");
    assert_eq!(
        (turns[1]["intent"].as_str(), &turns[1]["cards"][0]["sku"]),
        (Some("narrow"), &json!("DA-1022"))
    );
    assert_eq!(turns[2]["intent"], "allergens");
    assert!(reply(&turns[2]).contains("free from milk"), "{}", reply(&turns[2]));
    assert_eq!(list(&turns[3]), [("DA-1022".to_owned(), 2)]);
    assert!(
        reply(&turns[4]).contains("aisle 4") && reply(&turns[4]).contains("$4.58"),
        "{}",
        reply(&turns[4])
    );
    assert_eq!(list(&turns[5]), [("DA-1022".to_owned(), 3)]);
    assert_eq!(list(&turns[6]), [("DA-1022".to_owned(), 2)]);
    assert_eq!(turns[7]["intent"], "review");
    assert!(reply(&turns[7]).contains("$4.58"), "{}", reply(&turns[7]));
}

#[test]
fn a_drink_takes_options_over_several_turns() {
    let kiosk = Kiosk::with_demo_store();
    let turns = play(
        &kiosk,
        &[
            "can I get a, uh, a large, no, a medium latte",
            "with oat milk please",
            "no, sorry, soy",
            "two cappuccinos, one of them with almond milk, and a butter croissant",
            "how much does it all come to?",
            "zero lattes",
        ],
    );
    let options = |turn: &Value, line: usize| turn["order"][line]["options"].clone();
    assert_eq!(options(&turns[0], 0), json!({"size": "medium"}));
    assert_eq!(options(&turns[1], 0), json!({"milk": "oat milk", "size": "medium"}));
    assert_eq!(options(&turns[2], 0), json!({"milk": "soy milk", "size": "medium"}));
    let lines: Vec<_> =
        turns[3]["order"].as_array().unwrap().iter().skip(1).map(|line| line["options"].clone()).collect();
    assert!(lines.contains(&json!({"milk": "almond milk"})) && lines.contains(&json!({})), "{lines:?}");
    assert_eq!(turns[3]["order"].as_array().unwrap().len(), 4);
    assert_eq!(turns[4]["intent"], "review");
    assert_eq!(turns[5]["order"], turns[4]["order"], "nothing was ordered");
}

#[test]
fn what_is_asked_for_beside_a_drink_is_not_left_out() {
    let kiosk = Kiosk::with_demo_store();
    for (said, beside) in [
        ("a large latte with oat milk and two lemons", "Lemon"),
        ("I want two bananas and a large latte please", "Banana"),
        ("a latte with oat milk and a croissant", "Butter Croissant"),
    ] {
        let turn = play(&kiosk, &[said]).remove(0);
        let titles: Vec<_> = turn["order"].as_array().unwrap().iter().map(|line| &line["title"]).collect();
        assert_eq!(titles, ["latte", beside], "{said}");
    }
    // Of what the shop has not it says so.
    let turn = play(&kiosk, &["a large latte and a drizzle of unicorn"]).remove(0);
    assert_eq!(turn["order"].as_array().unwrap().len(), 1);
    assert!(reply(&turn).contains("did not find"), "{}", reply(&turn));
}

#[test]
fn an_occasion_is_planned_and_agreed_to() {
    let kiosk = Kiosk::with_demo_store();
    let turns =
        play(&kiosk, &["what do I need for tacos?", "six people", "yes please", "no wait, undo that"]);
    assert_eq!(turns[0]["intent"], "plan");
    assert!(reply(&turns[0]).ends_with("For how many people is it?"), "{}", reply(&turns[0]));
    assert!(reply(&turns[1]).contains("for 6"), "{}", reply(&turns[1]));
    assert!(list(&turns[1]).is_empty(), "nothing is put on the list unasked");
    assert!(list(&turns[2]).len() >= 5, "{:?}", list(&turns[2]));
    assert!(list(&turns[3]).is_empty());
}

#[test]
fn large_numbers_are_asked_about_and_absurd_ones_refused() {
    let kiosk = Kiosk::with_demo_store();
    let turns = play(
        &kiosk,
        &["give me 200 bananas", "no", "give me ten thousand bananas", "add -3 kiwis", "add 30 limes", "yes"],
    );
    assert_eq!(list(&turns[0])[0].1, 200);
    assert!(reply(&turns[0]).ends_with("Is that right?"), "{}", reply(&turns[0]));
    assert!(list(&turns[1]).is_empty());
    for turn in &turns[2..4] {
        assert_eq!((turn["intent"].as_str(), list(turn).len()), (Some("refuse"), 0), "{turn}");
    }
    assert_eq!(list(&turns[5])[0].1, 30);
}

#[test]
fn a_called_person_waits_to_be_acknowledged() {
    let kiosk = Kiosk::with_demo_store();
    let turns = play(&kiosk, &["can I talk to a person", "I need a human please"]);
    assert!(reply(&turns[0]).contains("have called a colleague"), "{}", reply(&turns[0]));
    assert!(reply(&turns[1]).contains("called already"), "{}", reply(&turns[1]));
    let alerts = kiosk.json(&["alerts", "list", "--json"]);
    let alerts = alerts["alerts"].as_array().unwrap();
    assert_eq!((alerts.len(), &alerts[0]["acknowledged_at"]), (1, &Value::Null));
    let id = alerts[0]["id"].to_string();
    let ack = kiosk.command().args(["alerts", "ack", &id, "--by", "Ann"]).output().unwrap();
    assert!(ack.status.success());
    let alerts = kiosk.json(&["alerts", "list", "--json"]);
    assert_eq!(alerts["alerts"][0]["acknowledged_by"], "Ann");
    let again = kiosk.command().args(["alerts", "ack", &id]).output().unwrap();
    assert_eq!(again.status.code(), Some(2), "it waits no more");
}

#[test]
fn courtesies_and_other_languages_are_understood() {
    let kiosk = Kiosk::with_demo_store();
    let turns = play(
        &kiosk,
        &[
            "Hola, where do I find the tortillas de maíz?",
            "¿Y cuánto cuesta?",
            "sorry, what did you say?",
            "are you a real person?",
            "Gracias, adiós!",
            "how much is it",
        ],
    );
    assert_eq!(turns[0]["cards"][0]["sku"], "WF-1002");
    assert_eq!(turns[1]["intent"], "price");
    assert_eq!((turns[2]["intent"].as_str(), &turns[2]["reply"]), (Some("repeat"), &turns[1]["reply"]));
    assert_eq!(turns[3]["intent"], "small_talk");
    assert_eq!(turns[4]["intent"], "goodbye");
    assert!(turns[5]["cards"].as_array().unwrap().is_empty(), "the session was erased: {}", turns[5]);
}

#[test]
fn a_bad_file_of_occasions_is_one_clear_line() {
    let kiosk = Kiosk::with_demo_store();
    let file = kiosk.data.path().join("occasions.toml");
    for (text, why) in
        [("[[occasion]]\nname = \"x\"\nserves = 0\nneeds = []\n", "serve"), ("= nonsense", "occasions")]
    {
        std::fs::write(&file, text).unwrap();
        let run =
            kiosk.command().args(["ask", "hello"]).env("AISLE_DIALOG_OCCASIONS", &file).output().unwrap();
        let error = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{error}");
        assert!(error.contains(why) && error.trim_end().lines().count() == 1, "{error}");
    }
    std::fs::copy(repository("firmware-config/occasions.toml"), &file).unwrap();
    let run = kiosk.command().args(["ask", "hello"]).env("AISLE_DIALOG_OCCASIONS", &file).output().unwrap();
    assert!(run.status.success());
}

#[test]
fn a_plan_with_a_diet_denies_only_what_the_shop_lacks() {
    let kiosk = Kiosk::with_demo_store();
    let turns = play(&kiosk, &["plan a vegan picnic for four", "yes please"]);
    let said = reply(&turns[0]);
    // There is cheese, none of it known to be vegan; plates need no label.
    assert!(said.contains("none that fits for cheese") && !said.contains("do not have"), "{said}");
    let cards = turns[0]["cards"].as_array().unwrap();
    let titles: Vec<&str> = cards.iter().map(|card| card["title"].as_str().unwrap()).collect();
    assert!(titles.iter().any(|title| title.contains("Paper Plates")), "{titles:?}");
    assert!(!titles.iter().any(|title| title.contains("Potatoes")), "{titles:?}");
    assert!(!list(&turns[1]).is_empty());
}

#[test]
fn a_product_called_by_its_whole_name_is_never_denied() {
    let kiosk = Kiosk::with_demo_store();
    for (said, sku) in [
        ("i'm looking for Silvaine Fragrance-Free Hand Cream 75 ml", "HB-1028"),
        ("do you have Silvaine Fragrance-Free Hand Cream 75 ml?", "HB-1028"),
    ] {
        let turns = play(&kiosk, &[said]);
        assert_eq!(turns[0]["cards"][0]["sku"], sku, "{said}: {}", reply(&turns[0]));
        assert!(!reply(&turns[0]).contains("do not have"), "{said}: {}", reply(&turns[0]));
    }
}

#[test]
fn a_number_in_a_question_puts_nothing_on_the_list() {
    let kiosk = Kiosk::with_demo_store();
    let turns = play(&kiosk, &["where did you move the - 8\"", "what is the 6 doing here"]);
    assert!(turns.iter().all(|turn| list(turn).is_empty()));
}

#[test]
fn idioms_that_no_rule_has_are_understood() {
    let kiosk = Kiosk::with_demo_store();
    let turns = play(
        &kiosk,
        &[
            "have you still got the trail mix?",
            "shame, something along those lines then?",
            "and that would set me back how much?",
            "can I get somebody human over here to sort this out",
            "how does this gadget work then",
        ],
    );
    let intents: Vec<&str> = turns.iter().map(|turn| turn["intent"].as_str().unwrap()).collect();
    assert_eq!(intents, ["stock", "recommend", "price", "call_staff", "help"]);
    assert!(turns.iter().all(|turn| turn["tier"] == "rules"));
}

#[test]
fn what_is_required_in_a_sentence_of_its_own_is_heeded() {
    let kiosk = Kiosk::with_demo_store();
    for (said, query, field, value) in [
        ("gluten-free mango slices. under $15", "mango slices", "max_price_cents", json!(1500)),
        ("do you have feta? It has to be vegan.", "feta", "dietary", json!(["vegan"])),
        ("Lime that is lactose-free and not Tropicana", "lime", "dietary", json!(["lactose-free"])),
    ] {
        let turns = play(&kiosk, &[said]);
        let arguments = &turns[0]["tool"]["arguments"];
        assert_eq!(arguments["query"], query, "{said}: {arguments}");
        assert_eq!(arguments["constraints"][field], value, "{said}: {arguments}");
    }
    // None of the feta is known to be vegan: it is not sold as if it were.
    let turns = play(&kiosk, &["do you have feta? It has to be vegan."]);
    assert!(reply(&turns[0]).contains("none of which that is known"), "{}", reply(&turns[0]));
}

#[test]
fn a_lead_in_repeats_nothing() {
    let kiosk = Kiosk::with_demo_store();
    let turns = play(
        &kiosk,
        &["where is the olive oil?", "So once more, what is the price of the Greenholt almond butter?"],
    );
    assert_eq!((&turns[1]["intent"], &turns[1]["also"]), (&json!("price"), &json!(null)));
    assert!(!reply(&turns[1]).contains("Olive Oil"), "{}", reply(&turns[1]));
}

/// However a product is called, to say its name alone asks for it.
#[test]
fn a_product_is_asked_for_by_its_name_and_size() {
    let kiosk = Kiosk::with_demo_store();
    let turns = play(
        &kiosk,
        &["Medwell Antiseptic Spray 100 ml", "Do you have vitamin D3?", "what is a safe dose of ibuprofen"],
    );
    let first = |turn: &Value| turn["cards"][0]["title"].as_str().unwrap_or_default().to_owned();
    assert_eq!(first(&turns[0]), "Medwell Antiseptic Spray 100 ml");
    assert_eq!(turns[1]["cards"][0]["reason"], "name matches", "{}", turns[1]);
    assert_eq!(first(&turns[1]), "Medwell Vitamin D3 90 Capsules");
    assert_eq!(turns[2]["intent"], "refuse");
}
