//! Replies as they are read and heard.

use super::*;
use crate::dialog::findings::Offer;
use crate::dialog::freshness::Moment;
use crate::dialog::gate;
use crate::dialog::tool::Subject;

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
