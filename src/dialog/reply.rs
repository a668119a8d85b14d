//! Replies: short sentences made of fixed words and typed facts, built side by
//! side for the screen and for the voice. Never repeats a shopper's words and
//! never writes a name, number, price or claim that is not a fact.

use super::facts;
use super::findings::{Findings, Found};
use super::freshness::Freshness;
use super::tool::{Refusal, Tool};
use crate::domain::turn::Fact;
use crate::domain::{Currency, Product};

/// What is shown and said, and the facts that it stands on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    pub text: String,
    pub speech: String,
    pub facts: Vec<Fact>,
}

impl Reply {
    /// Fixed words, the same on screen and aloud.
    fn say(&mut self, words: &str) -> &mut Self {
        self.text += words;
        self.speech += words;
        self
    }

    /// A fact, in its two wordings.
    fn state(&mut self, fact: Fact) -> &mut Self {
        self.text += &fact.value;
        self.speech += &fact.speech;
        if !self.facts.contains(&fact) {
            self.facts.push(fact);
        }
        self
    }

    /// Capitalises the start of each sentence, of menu names too.
    fn finish(mut self) -> Self {
        self.text = sentence_case(&self.text);
        self.speech = sentence_case(&self.speech);
        self
    }
}

fn sentence_case(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The reply to what was found for a tool call that the language model guessed:
/// it says that it is a guess.
#[must_use]
pub fn guess(findings: &Findings) -> Reply {
    let mut hedged = Reply::default();
    hedged.say("I am not sure that I understood. ");
    let answer = reply(findings);
    hedged.text += &answer.text;
    hedged.speech += &answer.speech;
    hedged.facts = answer.facts;
    hedged
}

/// The reply to what was found.
#[must_use]
pub fn reply(findings: &Findings) -> Reply {
    let mut reply = Reply::default();
    if findings.no_match && !matches!(findings.tool, Tool::Refuse { .. }) {
        not_carried(&mut reply, findings);
        return reply.finish();
    }
    if findings.other_size {
        reply.say("I did not find that size. ");
    }
    match &findings.tool {
        Tool::FindProducts { .. } | Tool::Recommend { .. } => found(&mut reply, findings),
        Tool::LocateProduct(_) => about_first(&mut reply, findings, located),
        Tool::GetPrice(_) => about_first(&mut reply, findings, priced),
        Tool::CheckStock(_) => about_first(&mut reply, findings, stocked),
        Tool::CompareProducts { .. } => compared(&mut reply, findings),
        Tool::CheckFacts { allergens, dietary, .. } => labelled(&mut reply, findings, allergens, dietary),
        Tool::AddToList { .. } | Tool::OrderDrinks { .. } => ordered(&mut reply, findings),
        Tool::ListPromotions => promoted(&mut reply, findings),
        Tool::StoreFact { .. } | Tool::CallStaff => match &findings.store_fact {
            Some((key, text)) => drop(reply.state(facts::store(key, text))),
            None => drop(reply.say("I do not know that. Please ask a colleague at the service desk.")),
        },
        Tool::Help => drop(reply.say(
            "You can ask me where something is, what it costs, whether we have it, or what its label says. You can also order a coffee.",
        )),
        Tool::Greet => drop(reply.say("Hello! What are you looking for?")),
        Tool::Goodbye => drop(reply.say("You are welcome. Goodbye!")),
        Tool::Refuse { reason, .. } => refused(&mut reply, findings, *reason),
        Tool::AskAgain => drop(reply.say("Sorry, I did not understand that. What product are you looking for?")),
        Tool::CannotHear => drop(reply.say("Sorry, I cannot hear you at the moment. Please type or tap instead.")),
        Tool::CannotLook => drop(reply.say("Sorry, I cannot answer that at the moment. Please ask a colleague.")),
        Tool::HeardNothing => drop(reply.say("Sorry, I did not hear anything. Please try again, or tap the screen.")),
    }
    reply.finish()
}

fn not_carried(reply: &mut Reply, findings: &Findings) {
    reply.say("Sorry, we do not have that.");
    if let Some(nearest) = findings.alternatives.first() {
        reply.say(" The nearest I can offer is ").state(facts::title(&nearest.product));
        at_price(reply, nearest, findings.currency);
        reply.say(".");
    }
}

fn found(reply: &mut Reply, findings: &Findings) {
    let Some(first) = findings.found.first() else {
        return not_carried(reply, findings);
    };
    let count = findings.found.len();
    if count > 1 {
        reply.say("I found ").state(facts::number(count as u64, "search")).say(". The first is ");
    } else {
        reply.say("We have ");
    }
    reply.state(facts::title(&first.product));
    at_price(reply, first, findings.currency);
    in_place(reply, &first.product);
    reply.say(".");
    out_of_stock(reply, first);
}

/// Its price in passing: ", $3.49", as an offer with what it costs otherwise, as
/// what it was when that is too long ago.
fn at_price(reply: &mut Reply, found: &Found, currency: Currency) {
    let Some(price) = facts::price(found, currency) else { return };
    match (&found.price, facts::price_time(found)) {
        (Freshness::Now, _) if found.offer.is_some() => {
            reply.say(", on offer for ");
            offered(reply, found, price, currency);
        }
        (Freshness::Now, _) => drop(reply.say(", ").state(price)),
        (_, Some(day)) => drop(reply.say(", ").state(price).say(" on ").state(day)),
        (_, None) => drop(reply.say(", last known at ").state(price)),
    }
}

/// "$2.99 instead of $3.49 until Sunday".
fn offered(reply: &mut Reply, found: &Found, price: Fact, currency: Currency) {
    reply.state(price);
    if let Some(regular) = facts::regular_price(found, currency) {
        reply.say(" instead of ").state(regular);
    }
    if let Some(until) = facts::offer_until(found) {
        reply.say(" ").state(until);
    }
}

/// Its price as a statement: " is $3.49", " was $3.49 on Nov 20".
fn costs(reply: &mut Reply, found: &Found, price: Fact, currency: Currency) {
    match (&found.price, facts::price_time(found)) {
        (Freshness::Now, _) if found.offer.is_some() => {
            reply.say(" is on offer for ");
            offered(reply, found, price, currency);
        }
        (Freshness::Now, _) => drop(reply.say(" is ").state(price)),
        (_, Some(day)) => drop(reply.say(" was ").state(price).say(" on ").state(day)),
        (_, None) => drop(reply.say(" was ").state(price).say(" when I last heard")),
    }
}

fn promoted(reply: &mut Reply, findings: &Findings) {
    if findings.found.is_empty() {
        reply.say("I have no promotions listed at the moment.");
        return;
    }
    reply.say("On offer: ");
    for (index, found) in findings.found.iter().take(OFFERS).enumerate() {
        if index > 0 {
            reply.say("; ");
        }
        reply.state(facts::title(&found.product));
        if let Some(price) = facts::price(found, findings.currency) {
            reply.say(" for ");
            offered(reply, found, price, findings.currency);
        }
    }
    reply.say(".");
}

/// Most offers told in one reply; the cards show more.
const OFFERS: usize = 3;

fn in_place(reply: &mut Reply, product: &Product) {
    if let Some(place) = facts::location(product) {
        reply.say(", in ").state(place);
    }
}

fn out_of_stock(reply: &mut Reply, found: &Found) {
    if found.product.can_be_had() != Some(false) {
        return;
    }
    let Some(stock) = facts::stock(&found.product) else { return };
    match (&found.stock, facts::stock_time(found)) {
        (Freshness::Now, _) => reply.say(" It is ").state(stock).say("."),
        (_, Some(then)) => reply.say(" It was ").state(stock).say(" on ").state(then).say("."),
        (_, None) => reply.say(" It was ").state(stock).say(" when I last heard."),
    };
}

/// Answers about the best match; with none, the honest no.
fn about_first(reply: &mut Reply, findings: &Findings, answer: impl Fn(&mut Reply, &Findings, &Found)) {
    match findings.found.first() {
        Some(first) => answer(reply, findings, first),
        None => not_carried(reply, findings),
    }
}

fn located(reply: &mut Reply, _: &Findings, found: &Found) {
    reply.state(facts::title(&found.product));
    match facts::location(&found.product) {
        Some(place) => reply.say(" is in ").state(place).say("."),
        None => reply.say(": I do not know its shelf. A colleague at the service desk can help."),
    };
    out_of_stock(reply, found);
}

fn priced(reply: &mut Reply, findings: &Findings, found: &Found) {
    reply.state(facts::title(&found.product));
    match facts::price(found, findings.currency) {
        Some(price) => {
            costs(reply, found, price, findings.currency);
            reply.say(".")
        }
        None => reply.say(": I do not know its price. Please ask at the register."),
    };
}

fn stocked(reply: &mut Reply, _: &Findings, found: &Found) {
    reply.state(facts::title(&found.product)).say(": ");
    match (facts::stock(&found.product), &found.stock) {
        (None, _) => reply.say("I do not know how many are left"),
        (Some(stock), Freshness::Now) => reply.state(stock),
        (Some(stock), _) => {
            reply.state(stock);
            match facts::stock_time(found) {
                Some(then) => reply.say(" on ").state(then),
                None => reply.say(" when I last heard"),
            };
            reply.say("; I cannot be sure now.");
            if let Some(place) = facts::location(&found.product) {
                reply.say(" It stands in ").state(place).say(".");
            }
            return;
        }
    };
    in_place(reply, &found.product);
    reply.say(".");
}

fn compared(reply: &mut Reply, findings: &Findings) {
    if findings.found.len() < 2 {
        return self::found(reply, findings);
    }
    for (index, found) in findings.found.iter().take(2).enumerate() {
        if index > 0 {
            reply.say(" ");
        }
        reply.state(facts::title(&found.product));
        match facts::price(found, findings.currency) {
            Some(price) => costs(reply, found, price, findings.currency),
            None => drop(reply.say(" has no price that I know")),
        }
        in_place(reply, &found.product);
        reply.say(".");
    }
}

/// Labels differ from product to product, so each of the first few is answered
/// for by name: "granola" may be with nuts or without.
fn labelled(reply: &mut Reply, findings: &Findings, allergens: &[String], dietary: &[String]) {
    if findings.found.is_empty() {
        return not_carried(reply, findings);
    }
    for Found { product, .. } in findings.found.iter().take(LABELS) {
        reply.state(facts::title(product)).say(" ");
        let mut stated: Vec<Fact> = allergens.iter().map(|word| facts::allergen(product, word)).collect();
        stated.extend(dietary.iter().map(|word| facts::dietary(product, word)));
        if stated.is_empty() {
            stated.push(facts::allergens(product));
        }
        for (index, fact) in stated.into_iter().enumerate() {
            if index > 0 {
                reply.say(" and ");
            }
            reply.state(fact);
        }
        // What is added to order has a label of its own.
        reply.say(if product.option_groups.is_empty() { ". " } else { ", before anything is added. " });
    }
    reply.say("Please check the label, or ask us.");
}

/// Most products whose labels are answered for in one reply.
const LABELS: usize = 3;

fn ordered(reply: &mut Reply, findings: &Findings) {
    if findings.lines.is_empty() {
        return not_carried(reply, findings);
    }
    if let Some(limit) = findings.too_many {
        reply.say("I can take up to ").state(facts::number(u64::from(limit), "settings.dialog.max_quantity"));
        reply.say(" of one thing at a time. For more, please ask at the service desk.");
        return;
    }
    for (index, priced) in findings.lines.iter().enumerate() {
        if index > 0 {
            reply.say(", and ");
        }
        let Some(product) = findings.all().map(|f| &f.product).find(|p| p.sku == priced.line.sku) else {
            continue;
        };
        let sku = &priced.line.sku;
        if priced.line.quantity > 1 {
            reply.state(facts::number(u64::from(priced.line.quantity), "order")).say(" ");
        }
        let (lead, rest) = facts::option_words(&priced.line.options);
        if !lead.is_empty() {
            reply.state(facts::options(sku, &lead)).say(" ");
        }
        reply.state(facts::title(product));
        if !rest.is_empty() {
            reply.say(" with ").state(facts::options(sku, &rest));
        }
    }
    if let Some(total) = facts::order_total(findings) {
        reply.say(", ").state(total);
        if findings.found.iter().any(|found| found.price != Freshness::Now) {
            reply.say(" by the last prices that I know");
        }
    }
    reply.say(". Anything else?");
}

fn refused(reply: &mut Reply, findings: &Findings, reason: Refusal) {
    match reason {
        Refusal::Medical => {
            reply.say("I cannot give medical advice. Please ask the pharmacist or your doctor.");
        }
        Refusal::Instructions => {
            reply.say("I can only help with products and this shop.");
        }
        Refusal::PriceChange => {
            reply.say("I cannot change prices.");
        }
    }
    if let (Refusal::PriceChange, Some(found)) = (reason, findings.found.first())
        && let Some(price) = facts::price(found, findings.currency)
    {
        reply.say(" ").state(facts::title(&found.product));
        costs(reply, found, price, findings.currency);
        reply.say(".");
    }
}

#[cfg(test)]
mod tests {
    use super::super::findings::Offer;
    use super::super::freshness::Moment;
    use super::super::gate;
    use super::super::tool::Subject;
    use super::*;

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
}
