//! Replies: short sentences made of fixed words and typed facts, built side by
//! side for the screen and for the voice. Never repeats a shopper's words and
//! never writes a name, number, price or claim that is not a fact.

mod list;

use super::facts;
use super::findings::{Called, Findings, Found, Note};
use super::freshness::Freshness;
use super::tool::{Missing, Refusal, Subject, Than, Tool};
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
        self.text = sentence_case(self.text.trim_end());
        self.speech = sentence_case(self.speech.trim_end());
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
    if let Some(repeated) = &findings.repeated {
        return (**repeated).clone();
    }
    if let Some(note) = findings.note {
        noted(&mut reply, findings, note);
        return reply.finish();
    }
    let is_refused = matches!(findings.tool, Tool::Refuse { .. });
    if !is_refused && stopped(&mut reply, findings) {
        return reply.finish();
    }
    if findings.no_match && !is_refused {
        not_carried(&mut reply, findings);
        return reply.finish();
    }
    if findings.other_size {
        reply.say("I did not find that size. ");
    }
    let several =
        findings.found.len() > 1 && matches!(findings.tool.subject(), Some(Subject::Several { .. }));
    match &findings.tool {
        Tool::FindProducts { .. } | Tool::Recommend { .. } | Tool::NarrowProducts { .. } => found(&mut reply, findings),
        Tool::ShowProducts { .. } if several => found(&mut reply, findings),
        Tool::ShowProducts { .. } => about_first(&mut reply, findings, shown),
        Tool::FindSubstitutes { .. } => suggested(&mut reply, findings, "Instead you could take "),
        Tool::FindPairings { .. } => suggested(&mut reply, findings, "With it goes "),
        Tool::LocateProduct(_) => about_each(&mut reply, findings, located),
        Tool::GetPrice(Subject::Line { .. }) => list::line_priced(&mut reply, findings),
        Tool::GetPrice(_) => about_each(&mut reply, findings, priced),
        Tool::CheckStock(_) => about_each(&mut reply, findings, stocked),
        Tool::CompareProducts { .. } => compared(&mut reply, findings),
        Tool::CheckFacts { allergens, dietary, .. } => labelled(&mut reply, findings, allergens, dietary),
        Tool::ListOptions { .. } => list::choices(&mut reply, findings),
        Tool::PlanOccasion { .. } => list::planned(&mut reply, findings),
        Tool::AddToList { .. }
        | Tool::OrderDrinks { .. }
        | Tool::ChangeList { .. }
        | Tool::RemoveFromList { .. }
        | Tool::ClearList
        | Tool::Undo
        | Tool::ReviewList
        | Tool::ConfirmList
        | Tool::Agree
        | Tool::Decline => list::told(&mut reply, findings),
        Tool::ListPromotions => promoted(&mut reply, findings),
        Tool::StoreFact { .. } => match &findings.store_fact {
            Some((key, text)) => drop(reply.state(facts::store(key, text))),
            None => drop(reply.say("I do not know that. Please ask a colleague at the service desk.")),
        },
        Tool::CallStaff => called(&mut reply, findings),
        Tool::Help => drop(reply.say(
            "You can ask me where something is, what it costs, whether we have it, or what its label says. I can keep your list, plan a meal, or take your coffee order.",
        )),
        Tool::SmallTalk => drop(reply.say("I am the assistant of this shop, a machine. I can find things and take your order. What are you looking for?")),
        Tool::Acknowledge => drop(reply.say("Alright. What else can I find for you?")),
        Tool::Mind { .. } => drop(reply.say("I will keep that in mind when you ask about a label. What are you looking for?")),
        Tool::Greet => drop(reply.say("Hello! What are you looking for?")),
        Tool::Goodbye => drop(reply.say("You are welcome. Goodbye!")),
        Tool::Refuse { reason, .. } => refused(&mut reply, findings, *reason),
        Tool::Repeat => drop(reply.say("I have not said anything yet. What are you looking for?")),
        Tool::AskFor { missing } => drop(reply.say(asked(*missing))),
        Tool::AskAgain => drop(reply.say("Sorry, I did not understand that. What product are you looking for?")),
        Tool::CannotHear => drop(reply.say("Sorry, I cannot hear you at the moment. Please type or tap instead.")),
        Tool::CannotLook => drop(reply.say("Sorry, I cannot answer that at the moment. Please ask a colleague.")),
        Tool::HeardNothing => drop(reply.say("Sorry, I did not hear anything. Please try again, or tap the screen.")),
    }
    reply.finish()
}

/// The replies of several steps of one turn, as one.
#[must_use]
pub fn joined(replies: impl IntoIterator<Item = Reply>) -> Reply {
    let mut all = Reply::default();
    for reply in replies {
        if !all.text.is_empty() {
            all.text.push(' ');
            all.speech.push(' ');
        }
        all.text += &reply.text;
        all.speech += &reply.speech;
        for fact in reply.facts {
            if !all.facts.contains(&fact) {
                all.facts.push(fact);
            }
        }
    }
    // Asked once, at the end.
    const MORE: &str = " Anything else?";
    for text in [&mut all.text, &mut all.speech] {
        if text.matches(MORE).count() > 1 || (text.contains(MORE) && !text.ends_with(MORE)) {
            *text = text.replace(MORE, "");
        }
    }
    all
}

fn asked(missing: Missing) -> &'static str {
    match missing {
        Missing::Product => "Which product do you mean?",
        Missing::Line => "I do not find that on your list. Which of the things on it do you mean?",
        Missing::Other => "What shall I compare it with?",
        Missing::Occasion => "What is it for?",
    }
}

/// What could not be done.
fn noted(reply: &mut Reply, findings: &Findings, note: Note) {
    match note {
        Note::None(than) => {
            reply.say(match than {
                Than::Cheaper => "I found none that is cheaper.",
                Than::Dearer => "I found none that is dearer.",
                Than::Bigger => "I found none that is bigger.",
                Than::Smaller => "I found none that is smaller.",
                Than::Other => "I found no others.",
            });
            if let Some(first) = findings.found.first() {
                reply.say(" There is ").state(facts::title(&first.product));
                at_price(reply, first, findings.currency);
                reply.say(".");
            }
        }
        Note::NotListed
            if matches!(findings.tool, Tool::ReviewList | Tool::ConfirmList | Tool::ClearList) =>
        {
            reply.say("Your list is empty. What shall I put on it?");
        }
        Note::NotListed => drop(reply.say("I do not find that on your list.")),
        Note::NothingToUndo => drop(reply.say("There is nothing to take back.")),
        Note::Nothing => drop(reply.say("Alright. What are you looking for?")),
        Note::NoPlan => {
            reply.say("I have no plan for that. Tell me what you need, and I will find it.");
        }
    }
}

fn called(reply: &mut Reply, findings: &Findings) {
    match findings.called {
        Some(Called::Now) => drop(reply.say("I have called a colleague to come here. ")),
        Some(Called::Before) => drop(reply.say("A colleague has been called already. ")),
        Some(Called::Failed) | None => {}
    }
    match &findings.store_fact {
        Some((key, text)) => drop(reply.state(facts::store(key, text))),
        None => drop(reply.say("Please ask at the service desk.")),
    }
}

/// "Ruby dragonfruit is not sold at the moment." True: there is nothing else to say. Why, is for
/// the people of the store.
fn stopped(reply: &mut Reply, findings: &Findings) -> bool {
    for (index, product) in findings.stopped.iter().take(STOPS).enumerate() {
        if index > 0 {
            reply.say(" ");
        }
        reply.state(facts::title(product)).say(" is not sold at the moment.");
    }
    if findings.stopped.is_empty() {
        return false;
    }
    if findings.no_match {
        nearest(reply, findings);
        return true;
    }
    if findings.found.is_empty() && findings.lines.is_empty() && findings.list.is_none() {
        return true;
    }
    reply.say(" ");
    false
}

fn not_carried(reply: &mut Reply, findings: &Findings) {
    reply.say(match findings.tool {
        Tool::NarrowProducts { .. } => "I found none like that.",
        Tool::FindSubstitutes { .. } | Tool::FindPairings { .. } => "I know of nothing for that.",
        _ if findings.relaxed => "I found none of which that is known.",
        _ => "Sorry, we do not have that.",
    });
    nearest(reply, findings);
}

fn nearest(reply: &mut Reply, findings: &Findings) {
    if let Some(nearest) = findings.alternatives.first() {
        let lead = if findings.relaxed {
            " Without all that you ask of it there is "
        } else {
            " The nearest I can offer is "
        };
        reply.say(lead).state(facts::title(&nearest.product));
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
    in_place(reply, first);
    reply.say(".");
    out_of_stock(reply, first);
}

fn shown(reply: &mut Reply, findings: &Findings, found: &Found) {
    presented(reply, findings, found);
    out_of_stock(reply, found);
    of_age(reply, &found.product);
}

/// "Salted Pretzels is $2.49, in aisle 3."
fn presented(reply: &mut Reply, findings: &Findings, found: &Found) {
    reply.state(facts::title(&found.product));
    match facts::price(found, findings.currency) {
        Some(price) => costs(reply, found, price, findings.currency),
        None => drop(reply.say(" has no price that I know")),
    }
    in_place(reply, found);
    reply.say(".");
}

/// "You must be 21 to buy it."
fn of_age(reply: &mut Reply, product: &Product) {
    if let Some(age) = facts::age(product) {
        reply.say(" You must be ").state(age).say(" to buy it.");
    }
}

/// Up to three products, each with its price.
fn suggested(reply: &mut Reply, findings: &Findings, lead: &str) {
    if findings.found.is_empty() {
        return not_carried(reply, findings);
    }
    reply.say(lead);
    for (index, found) in findings.found.iter().take(OFFERS).enumerate() {
        if index > 0 {
            reply.say("; or ");
        }
        reply.state(facts::title(&found.product));
        at_price(reply, found, findings.currency);
        in_place(reply, found);
    }
    reply.say(".");
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

/// Most stopped products that are named one by one.
const STOPS: usize = 3;

/// Most offers told in one reply; the cards show more.
const OFFERS: usize = 3;

fn in_place(reply: &mut Reply, found: &Found) {
    if let Some(place) = facts::location(found) {
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

/// Answers about the best match, or about each of several.
fn about_each(reply: &mut Reply, findings: &Findings, answer: impl Fn(&mut Reply, &Findings, &Found)) {
    let several = matches!(findings.tool.subject(), Some(Subject::Several { .. }));
    if findings.found.is_empty() {
        return not_carried(reply, findings);
    }
    for (index, found) in findings.found.iter().take(if several { SEVERAL } else { 1 }).enumerate() {
        if index > 0 {
            reply.say(" ");
        }
        answer(reply, findings, found);
    }
}

/// Most products that one reply answers for one by one.
const SEVERAL: usize = 4;

fn located(reply: &mut Reply, _: &Findings, found: &Found) {
    reply.state(facts::title(&found.product));
    match facts::location(found) {
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
            if let Some(place) = facts::location(found) {
                reply.say(" It stands in ").state(place).say(".");
            }
            return;
        }
    };
    in_place(reply, found);
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
        presented(reply, findings, found);
    }
}

/// Labels differ from product to product, so each of the first few is answered
/// for by name: "granola" may be with nuts or without.
fn labelled(reply: &mut Reply, findings: &Findings, allergens: &[String], dietary: &[String]) {
    if findings.found.is_empty() {
        return not_carried(reply, findings);
    }
    // Who points at one product wants to know of that one.
    let one = matches!(findings.tool.subject(), Some(Subject::Sku { .. } | Subject::Line { .. }));
    for Found { product, .. } in findings.found.iter().take(if one { 1 } else { LABELS }) {
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
        Refusal::Age => {
            reply.say("I cannot judge ages; the register checks.");
            if let Some(found) = findings.found.first()
                && let Some(age) = facts::age(&found.product)
            {
                reply
                    .say(" You must be ")
                    .state(age)
                    .say(" to buy ")
                    .state(facts::title(&found.product))
                    .say(".");
            }
        }
        Refusal::Quantity => {
            reply.say("I can only take whole pieces, and not as many as that. For more, please ask at the service desk.");
        }
        Refusal::Others => {
            reply.say("I do not know what others said or bought, and I will not keep what you say.");
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
mod tests;
