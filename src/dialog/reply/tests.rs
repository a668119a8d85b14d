//! Replies as they are read and heard.

use super::*;
use crate::dialog::findings::{Offer, PricedLine};
use crate::dialog::freshness::Moment;
use crate::dialog::gate;
use crate::dialog::tool::Subject;
use crate::domain::Sku;
use crate::domain::turn::OrderLine;

fn found(json: &str) -> Found {
    Found::new(serde_json::from_str(json).unwrap(), "")
}

/// Text and speech of a reply that the gate passes.
fn told(tool: fn(Subject) -> Tool, found: &Found) -> [String; 2] {
    let tool = tool(Subject::words("milk"));
    let findings = Findings { found: vec![found.clone()], ..Findings::none(tool, Currency::Usd) };
    let reply = reply(&findings);
    assert_eq!(gate::check(&reply, &findings), Ok(()), "{}", reply.text);
    [reply.text, reply.speech]
}

#[test]
fn old_prices_and_stock_are_told_as_what_they_were() {
    let mut milk =
        found(r#"{"sku":"A","title":"Milk","price_cents":349,"stock":12,"location":{"aisle":"4"}}"#);
    assert_eq!(told(Tool::GetPrice, &milk), ["Milk is $3.49.", "Milk is three forty-nine."]);
    assert_eq!(told(Tool::CheckStock, &milk)[0], "Milk: 12 in stock, in aisle 4.");
    let day = Moment { screen: "Nov 20".into(), speech: "November twentieth".into() };
    let time = Moment { screen: "Nov 20, 6:00 am".into(), speech: "November twentieth at six am".into() };
    (milk.price, milk.stock) = (Freshness::Then(day), Freshness::Then(time));
    assert_eq!(
        told(Tool::GetPrice, &milk),
        ["Milk was $3.49 on Nov 20.", "Milk was three forty-nine on November twentieth."]
    );
    assert_eq!(
        told(Tool::CheckStock, &milk),
        [
            "Milk: 12 in stock on Nov 20, 6:00 am; I cannot be sure now. It stands in aisle 4.",
            "Milk: twelve in stock on November twentieth at six am; I cannot be sure now. It stands in aisle four."
        ]
    );
    (milk.price, milk.stock) = (Freshness::Once, Freshness::Once);
    milk.product.stock = Some(0);
    assert_eq!(told(Tool::GetPrice, &milk)[0], "Milk was $3.49 when I last heard.");
    assert_eq!(
        told(Tool::LocateProduct, &milk)[0],
        "Milk is in aisle 4. It was out of stock when I last heard."
    );
}

#[test]
fn an_offer_is_told_with_the_regular_price() {
    let mut milk = found(r#"{"sku":"A","title":"Milk","price_cents":349}"#);
    let sunday = Moment { screen: "until Sunday".into(), speech: "until Sunday".into() };
    (milk.price_cents, milk.offer) = (Some(299), Some(Offer { until: Some(sunday) }));
    assert_eq!(
        told(Tool::GetPrice, &milk),
        [
            "Milk is on offer for $2.99 instead of $3.49 until Sunday.",
            "Milk is on offer for two ninety-nine instead of three forty-nine until Sunday."
        ]
    );
    assert_eq!(
        told(|_| Tool::ListPromotions, &milk)[0],
        "On offer: Milk for $2.99 instead of $3.49 until Sunday."
    );
}

#[test]
fn a_stated_availability_is_told_without_a_count() {
    for (stated, words) in [
        ("in_stock", "Milk: in stock."),
        ("out_of_stock", "Milk: out of stock."),
        ("discontinued", "Milk: discontinued."),
    ] {
        let milk = found(&format!(r#"{{"sku":"A","title":"Milk","availability":"{stated}"}}"#));
        assert_eq!(told(Tool::CheckStock, &milk)[0], words);
    }
    let unknown = found(r#"{"sku":"A","title":"Milk"}"#);
    assert_eq!(told(Tool::CheckStock, &unknown)[0], "Milk: I do not know how many are left.");
}

#[test]
fn a_total_of_more_than_was_named_says_that_there_is_more() {
    let told = |count: usize| {
        let sku = |n: usize| format!("S{n}");
        let found = (0..count)
            .map(|n| found(&format!(r#"{{"sku":"{}","title":"Thing {n}","price_cents":100}}"#, sku(n))))
            .collect();
        let line = |n: usize| PricedLine {
            line: OrderLine {
                sku: Sku::new(&sku(n)).unwrap(),
                title: format!("Thing {n}"),
                quantity: 1,
                options: Default::default(),
                defaults: Default::default(),
            },
            unit_cents: Some(100),
        };
        let lines = (0..count).map(line).collect();
        let findings = Findings { found, lines, ..Findings::none(Tool::Agree, Currency::Usd) };
        let reply = reply(&findings);
        assert_eq!(gate::check(&reply, &findings), Ok(()), "{}", reply.text);
        reply.text
    };
    assert!(told(5).ends_with(", and Thing 4, together $5.00. Anything else?"), "{}", told(5));
    assert!(told(7).ends_with(", and Thing 4, and more on the screen, together $7.00. Anything else?"));
}

#[test]
fn what_is_sent_is_not_to_be_shown_at_the_counter() {
    let latte = found(r#"{"sku":"L","title":"Latte","option_groups":["size"]}"#);
    let milk = found(r#"{"sku":"M","title":"Milk"}"#);
    let told = |found: &[&Found], sent: bool| {
        let found = found.iter().map(|own| (*own).clone()).collect();
        let findings = Findings { found, sent, ..Findings::none(Tool::ConfirmList, Currency::Usd) };
        reply(&findings).text
    };
    assert!(told(&[&latte], false).ends_with("show this at the register or the counter."));
    assert!(!told(&[&latte], true).contains("Please"));
    assert!(told(&[&latte, &milk], true).ends_with("Please take the rest to the register."));
}
