//! What is said of the list: what was put on it, changed and taken off, what it costs,
//! what can be chosen, what an occasion needs.

use super::{Reply, not_carried, of_age, out_of_stock};
use crate::dialog::context::Question;
use crate::dialog::facts;
use crate::dialog::findings::{Findings, Found, Need, PricedLine};
use crate::dialog::freshness::Freshness;
use crate::dialog::tool::Tool;
use crate::domain::Sku;

/// What a step did to the list.
pub(super) fn told(reply: &mut Reply, findings: &Findings) {
    let empty = findings.list.as_ref().is_some_and(Vec::is_empty);
    match &findings.tool {
        Tool::ReviewList => return reviewed(reply, findings, "You have "),
        Tool::ConfirmList => {
            reviewed(reply, findings, "Your order: ");
            // Of what is sent the kiosk says itself what became of it.
            let is_made = |found: &Found| !found.product.option_groups.is_empty();
            if !findings.sent {
                reply.say(" Please show this at the register or the counter.");
            } else if !findings.found.iter().all(is_made) {
                reply.say(" Please take the rest to the register.");
            }
            return;
        }
        Tool::Agree => {
            reply.say("Good. ");
            if findings.lines.is_empty() {
                reply.say("Anything else?");
            } else {
                added(reply, findings);
            }
            return;
        }
        Tool::Decline => {
            reply.say("Alright, I leave it. ");
            if empty {
                reply.say("Your list is empty.");
            } else if findings.list.is_some() {
                reviewed(reply, findings, "You have ");
            } else {
                reply.say("Anything else?");
            }
            return;
        }
        Tool::ClearList => {
            reply.say("Your list is empty now.");
            return;
        }
        Tool::Undo => {
            reply.say("I took that back. ");
            if empty {
                reply.say("Your list is empty.");
            } else {
                reviewed(reply, findings, "You have ");
            }
            return;
        }
        Tool::AddToList { .. } | Tool::OrderDrinks { .. } if findings.lines.is_empty() => {
            return not_carried(reply, findings);
        }
        _ => {}
    }
    if !findings.removed.is_empty() {
        reply.say(if findings.lines.is_empty() { "I took off " } else { "Instead of " });
        for (index, line) in findings.removed.iter().enumerate() {
            if index > 0 {
                reply.say(" and ");
            }
            name(reply, findings, &line.sku);
        }
        if findings.lines.is_empty() {
            reply.say(". ");
            reply.say(if empty { "Your list is empty now." } else { "Anything else?" });
            return;
        }
        reply.say(": ");
    } else if matches!(findings.tool, Tool::ChangeList { .. }) {
        reply.say("Now it is ");
    }
    added(reply, findings);
}

/// "2 lemons, and 1 large latte with soy milk, $6.49. Anything else?"
fn added(reply: &mut Reply, findings: &Findings) {
    if findings.question == Some(Question::Meant) {
        reply.say("That is ");
    }
    lines(reply, findings, &findings.lines);
    total(reply, findings);
    reply.say(".");
    for priced in findings.lines.iter().take(LISTED) {
        if let Some(found) = found(findings, &priced.line.sku) {
            let many = findings.lines.len() > 1;
            if many && found.product.can_be_had() == Some(false) {
                reply.say(" ").state(facts::title(&found.product)).say(":");
            }
            out_of_stock(reply, found);
            of_age(reply, &found.product);
        }
    }
    if findings.partly {
        reply.say(" Something else that you named I did not find.");
    }
    if findings.question == Some(Question::Meant) {
        reply.say(" Is that right?");
    } else {
        reply.say(" Anything else?");
    }
}

/// Most lines that are told one by one; the screen shows all.
const LISTED: usize = 5;

fn reviewed(reply: &mut Reply, findings: &Findings, lead: &str) {
    // All that is on it is stopped, which was said.
    if findings.lines.is_empty() {
        return;
    }
    reply.say(lead);
    lines(reply, findings, &findings.lines);
    reply.say(".");
    if let Some(cents) = findings.total_cents {
        reply.say(" Together ").state(facts::total(cents, findings.currency));
        old_prices(reply, findings);
        reply.say(".");
    }
}

fn old_prices(reply: &mut Reply, findings: &Findings) {
    if findings.found.iter().any(|found| found.price != Freshness::Now) {
        reply.say(" by the last prices that I know");
    }
}

fn total(reply: &mut Reply, findings: &Findings) {
    if let Some(total) = facts::order_total(findings) {
        // What several cost together must not sound like the last one's price.
        reply.say(if findings.lines.len() > 1 { ", together " } else { ", " }).state(total);
        old_prices(reply, findings);
    }
}

fn lines(reply: &mut Reply, findings: &Findings, lines: &[PricedLine]) {
    for (index, priced) in lines.iter().take(LISTED).enumerate() {
        if index > 0 {
            reply.say(", and ");
        }
        line(reply, findings, priced);
    }
    // A total that follows is of all of them.
    if lines.len() > LISTED {
        reply.say(", and more on the screen");
    }
}

fn line(reply: &mut Reply, findings: &Findings, priced: &PricedLine) {
    let sku = &priced.line.sku;
    if priced.line.quantity > 1 {
        reply.state(facts::number(u64::from(priced.line.quantity), "order")).say(" ");
    }
    let (lead, rest) = facts::option_words(&priced.line.options);
    if !lead.is_empty() {
        reply.state(facts::options(sku, &lead)).say(" ");
    }
    name(reply, findings, sku);
    if !rest.is_empty() {
        reply.say(" with ").state(facts::options(sku, &rest));
    }
}

fn found<'a>(findings: &'a Findings, sku: &Sku) -> Option<&'a Found> {
    findings.all().find(|found| found.product.sku == *sku)
}

fn name(reply: &mut Reply, findings: &Findings, sku: &Sku) {
    let stopped = findings.stopped.iter().find(|product| product.sku == *sku);
    match found(findings, sku).map(|found| &found.product).or(stopped) {
        Some(product) => drop(reply.state(facts::title(product))),
        None => drop(reply.say("something that we no longer have")),
    }
}

/// What a line of the list costs, its options included.
pub(super) fn line_priced(reply: &mut Reply, findings: &Findings) {
    let Some(priced) = findings.lines.first() else { return not_carried(reply, findings) };
    line(reply, findings, priced);
    match facts::order_total(findings) {
        Some(total) => {
            reply.say(": ").state(total);
            old_prices(reply, findings);
            reply.say(".");
        }
        None => drop(reply.say(": I do not know its price. Please ask at the register.")),
    }
}

/// "Sizes: small, medium, large."
pub(super) fn choices(reply: &mut Reply, findings: &Findings) {
    if findings.choices.is_empty() {
        return not_carried(reply, findings);
    }
    if let Some(found) = findings.found.first() {
        reply.say("For ").state(facts::title(&found.product)).say(" you can choose the ");
    }
    for (index, (name, values)) in findings.choices.iter().enumerate() {
        if index > 0 {
            reply.say("; the ");
        }
        reply.state(facts::options_of(name)).say(": ").state(facts::choices(values));
    }
    reply.say(".");
}

/// "For tacos for 6 you need taco shells, ... Shall I put them on your list?"
pub(super) fn planned(reply: &mut Reply, findings: &Findings) {
    let Some(plan) = &findings.plan else { return not_carried(reply, findings) };
    reply.say("For ").state(facts::occasion(&plan.occasion)).say(" for ");
    reply.state(facts::number(u64::from(plan.people), "occasions")).say(" you need ");
    for (index, need) in plan.needs.iter().enumerate() {
        if index > 0 {
            reply.say(if index + 1 == plan.needs.len() { " and " } else { ", " });
        }
        reply.state(facts::occasion(&need.what));
    }
    reply.say(".");
    let unfit: Vec<&Need> = plan.needs.iter().filter(|need| need.unfit).collect();
    let missing: Vec<&Need> = plan.needs.iter().filter(|need| need.sku.is_none() && !need.unfit).collect();
    needed(reply, " We do not have ", &missing);
    needed(reply, " I know of none that fits for ", &unfit);
    match findings.question {
        Some(Question::People { .. }) => reply.say(" For how many people is it?"),
        Some(Question::AddAll(_)) if missing.is_empty() && unfit.is_empty() => {
            reply.say(" Shall I put all of it on your list?")
        }
        Some(Question::AddAll(_)) => reply.say(" Shall I put the rest on your list?"),
        _ => reply,
    };
}

/// "We do not have taco shells or limes."; nothing for no needs.
fn needed(reply: &mut Reply, lead: &str, needs: &[&Need]) {
    for (index, need) in needs.iter().enumerate() {
        reply.say(if index == 0 { lead } else { " or " });
        reply.state(facts::occasion(&need.what));
    }
    if !needs.is_empty() {
        reply.say(".");
    }
}
