//! Replies: short sentences made of fixed words and typed facts, built side by
//! side for the screen and for the voice. Never repeats a shopper's words and
//! never writes a name, number, price or claim that is not a fact.

use super::facts;
use super::findings::{Findings, Found};
use super::tool::{Refusal, Tool};
use crate::domain::Product;
use crate::domain::turn::Fact;

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
    match &findings.tool {
        Tool::FindProducts { .. } | Tool::Recommend { .. } => found(&mut reply, findings),
        Tool::LocateProduct(_) => about_first(&mut reply, findings, located),
        Tool::GetPrice(_) => about_first(&mut reply, findings, priced),
        Tool::CheckStock(_) => about_first(&mut reply, findings, stocked),
        Tool::CompareProducts { .. } => compared(&mut reply, findings),
        Tool::CheckFacts { allergens, dietary, .. } => labelled(&mut reply, findings, allergens, dietary),
        Tool::AddToList { .. } | Tool::OrderDrinks { .. } => ordered(&mut reply, findings),
        Tool::ListPromotions => drop(reply.say("I have no promotions listed at the moment.")),
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
        if let Some(price) = facts::price(&nearest.product, findings.currency) {
            reply.say(", ").state(price);
        }
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
    if let Some(price) = facts::price(&first.product, findings.currency) {
        reply.say(", ").state(price);
    }
    in_place(reply, &first.product);
    reply.say(".");
    out_of_stock(reply, &first.product);
}

fn in_place(reply: &mut Reply, product: &Product) {
    if let Some(place) = facts::location(product) {
        reply.say(", in ").state(place);
    }
}

fn out_of_stock(reply: &mut Reply, product: &Product) {
    if product.stock.is_some_and(|pieces| pieces <= 0)
        && let Some(stock) = facts::stock(product)
    {
        reply.say(" It is ").state(stock).say(" right now.");
    }
}

/// Answers about the best match; with none, the honest no.
fn about_first(reply: &mut Reply, findings: &Findings, answer: impl Fn(&mut Reply, &Findings, &Product)) {
    match findings.found.first() {
        Some(Found { product, .. }) => answer(reply, findings, product),
        None => not_carried(reply, findings),
    }
}

fn located(reply: &mut Reply, _: &Findings, product: &Product) {
    reply.state(facts::title(product));
    match facts::location(product) {
        Some(place) => reply.say(" is in ").state(place).say("."),
        None => reply.say(": I do not know its shelf. A colleague at the service desk can help."),
    };
    out_of_stock(reply, product);
}

fn priced(reply: &mut Reply, findings: &Findings, product: &Product) {
    reply.state(facts::title(product));
    match facts::price(product, findings.currency) {
        Some(price) => reply.say(" is ").state(price).say("."),
        None => reply.say(": I do not know its price. Please ask at the register."),
    };
}

fn stocked(reply: &mut Reply, _: &Findings, product: &Product) {
    reply.state(facts::title(product));
    match facts::stock(product) {
        Some(stock) => reply.say(": ").state(stock),
        None => reply.say(": I do not know how many are left"),
    };
    in_place(reply, product);
    reply.say(".");
}

fn compared(reply: &mut Reply, findings: &Findings) {
    if findings.found.len() < 2 {
        return found(reply, findings);
    }
    for (index, Found { product, .. }) in findings.found.iter().take(2).enumerate() {
        if index > 0 {
            reply.say(" ");
        }
        reply.state(facts::title(product));
        match facts::price(product, findings.currency) {
            Some(price) => reply.say(" is ").state(price),
            None => reply.say(" has no price that I know"),
        };
        in_place(reply, product);
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
        let Some(product) = findings.products().find(|p| p.sku == priced.line.sku) else { continue };
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
    if let (Refusal::PriceChange, Some(Found { product, .. })) = (reason, findings.found.first())
        && let Some(price) = facts::price(product, findings.currency)
    {
        reply.say(" ").state(facts::title(product)).say(" is ").state(price).say(".");
    }
}
