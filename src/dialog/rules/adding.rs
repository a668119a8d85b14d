//! What is to be put on the list: "two lemons and a bulb of garlic", "I'll take it", "one
//! of those". Tells what asks for a thing from what only names it.

use super::listing::{not_sold, quantity};
use super::subject::{Item, NotSold, TAKING, items, list_items, pattern, split_words, subject};
use crate::dialog::clause::Clause;
use crate::dialog::context::Context;
use crate::dialog::refer::pointed_at;
use crate::dialog::tool::{ListItem, Subject, Tool};
use crate::dialog::words::{Amount, number};
use regex_lite::Regex;
use std::sync::LazyLock;

static ADD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:(?:can|could|would) you |please |and |also |then |yes |so |just |let us |let me |i (?:want|would like) (?:you )?to |i will |we will |go ahead and )*(?:add|put|throw|place|stick|include|pop)(?: (?:me|on|in|down|also|another))* (?P<q>.+?)(?: (?:down|back|on|in|there|for me))*(?: (?:to|in|on|into|onto) (?:my|the|our|that|it) ?(?:shopping )?(?:list|cart|basket|order|bag|trolley)?)?(?: (?:please|then|too|as well|anyway|instead|,))*$|^(?P<r>.+?) (?:to|on|onto|in|into|for) (?:my|the) (?:shopping )?(?:list|cart|basket)(?: (?:please|,))*$",
    )
});

/// What is to be put on the list; `asked`: it is not said that it is for the list.
pub(super) fn added(clause: &Clause, context: &Context) -> Option<Tool> {
    let text = clause.runs.iter().map(|run| run.join(" ")).collect::<Vec<_>>().join(" , ");
    let text = text.strip_suffix(" and nothing else").unwrap_or(&text).to_owned();
    let spoken = |text: &str| -> Vec<Vec<String>> {
        text.split(',').map(split_words).filter(|run| !run.is_empty()).collect()
    };
    let first_run = clause.runs.first().map(|run| run.join(" ")).unwrap_or_default();
    // "Put thirty on my list, it is for a camp": why comes after.
    let ends = ["list", "cart", "basket", "trolley"].iter().any(|end| first_run.ends_with(end));
    let text = if ends { first_run } else { text };
    // "Stick a box on, or I will never hear the end of it."
    let text = REASON.replace(&text, "").into_owned();
    if let Some(found) = ADD.captures(&text) {
        let named = found.name("q").or(found.name("r"))?.as_str();
        let named = &TAKING.replace(named, "");
        return listed(&spoken(named), context, Asking::Surely);
    }
    let rest = TAKING.replace(&text, "");
    // "A brie as well", after something was put on the list.
    let too = [" as well", " too"].iter().any(|end| text.ends_with(end)) && text.split(' ').count() <= 6;
    if too && !context.order.is_empty() {
        return listed(&spoken(&rest), context, Asking::Surely);
    }
    // "Six Granny Smith, please."
    let polite = clause.runs.iter().flatten().any(|word| word == "please")
        && clause.runs.first().is_some_and(|run| number(&run[0]).is_some_and(|number| number > 1));
    if polite && !QUESTION.is_match(&text) {
        return listed(&spoken(&rest), context, Asking::Surely);
    }
    if rest.len() == text.len() {
        // "Where did you move the 8": a number in a question counts nothing.
        if QUESTION.is_match(&text) {
            return None;
        }
        return listed(&spoken(&rest), context, Asking::Not);
    }
    // "We'll be over for dinner": what somebody does is not what they take.
    if DOING.is_match(&text) {
        return None;
    }
    // "Where is the Canvas Go! Plus card?": a name with a mark in it, in a question.
    if clause.asks && !ASKED_FOR.is_match(&text) {
        return None;
    }
    let asking = if WISHING.is_match(&text) { Asking::Maybe } else { Asking::Surely };
    listed(&spoken(&rest), context, asking)
}

/// How a question asks to have something.
static ASKED_FOR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:(?:can|could|may|might|would|will) (?:i|we|you)|(?:give|get|grab|pass|bring) (?:me|us)|let (?:me|us)|(?:i|we) (?:will|would|want|need))\b",
    )
});

static DOING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:\w+ )*?(?:i|we) will (?:just )?(?:be|see|come|let|call|meet|wait|think|ask|tell|pay|say|know|stay|talk) ",
    )
});

/// Why something is wanted, behind it.
static REASON: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?: ,)? (?:or|because|since|cause|so|as) (?:i|we|he|she|they|it|you|that|life|the|my) .+$")
});

static QUESTION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:(?:and|so|but|then|okay|ok|well) )*(?:where|when|who|why|which|whose|does|did|do|is|are|was|were|has|(?:what|how) (?:is|are|was|were|do|does|did|can|could|would|will|much|many|kind|sort|type)) ",
    )
});

/// How much the words around a thing ask to have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    Not,
    /// "I need", "can I get": it may also be a question where it is.
    Maybe,
    /// "I'll take", "give me".
    Surely,
}

static WISHING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:\w+ )*?(?:(?:i|we) (?:would like|want|need)|(?:can|could|may) (?:i|we))\b")
});

/// A list of items. Without a word that asks for it, only what counts pieces of a
/// plural, or of what is pointed at, is one.
fn listed(runs: &[Vec<String>], context: &Context, asking: Asking) -> Option<Tool> {
    let mut all = items(runs);
    // "I'll take the first one, the IPA": one thing, said twice.
    if all.len() == 2
        && all[0].amount.is_none()
        && all[1].amount.is_none()
        && pointed_at(&all[0].name, context).is_some()
        && runs.len() == 2
    {
        all.truncate(1);
    }
    if all.is_empty() {
        return None;
    }
    let explicit =
        |item: &Item| item.is_counted || (item.amount.is_some() && counts(&item.name, item.amount, context));
    let definite =
        |item: &Item| pointed_at(&item.name, context).is_some() || is_definite(&item.name, context);
    let vague = |item: &Item| {
        item.name.split(' ').any(|w| matches!(w, "something" | "anything" | "any" | "nothing" | "everything"))
    };
    let counted = all.iter().filter(|item| explicit(item)).count();
    let wanted = match asking {
        Asking::Surely => !all.iter().any(vague),
        Asking::Maybe => counted == all.len() || all.iter().all(definite),
        // "A pack of gum", first thing: a name, and no order yet.
        Asking::Not
            if context.last().is_none()
                && all.len() == 1
                && all[0].has_article
                && all[0].amount == Some(Amount::Pieces(1)) =>
        {
            false
        }
        Asking::Not => counted > 0 && all.iter().all(|item| explicit(item) || item.has_article),
    };
    if !wanted || (counted > 0 && all.iter().all(|item| is_bare(&item.name)) && context.focus().is_none()) {
        return None;
    }
    // "Add those", of what was just put on the list.
    let pointing = |item: &Item| {
        item.amount.is_none() && matches!(item.name.as_str(), "it" | "that" | "those" | "them" | "these")
    };
    if context.just_listed()
        && all.iter().all(pointing)
        && matches!(context.focus(), Some(Subject::Line { .. }))
    {
        return Some(if context.question().is_some() { Tool::Agree } else { Tool::Acknowledge });
    }
    match list_items(&all, context) {
        Err(NotSold) => Some(not_sold(all.first().and_then(|item| subject(&item.name, context)))),
        Ok(items) if items.is_empty() => None,
        // "Two", after something was put on the list: so many of it.
        Ok(items)
            if asking != Asking::Surely
                && context.just_listed()
                && all.len() == 1
                && is_bare(&all[0].name) =>
        {
            let [ListItem { subject, quantity: pieces }] = items.as_slice() else { return None };
            match subject {
                Subject::Line { line } => quantity(&[*line], Amount::Pieces(u64::from(*pieces))),
                _ => Some(Tool::AddToList { items }),
            }
        }
        Ok(items) => Some(Tool::AddToList { items }),
    }
}

fn is_bare(name: &str) -> bool {
    name.is_empty() || name == "of them" || name == "them"
}

/// True for "the mild" of what was shown.
fn is_definite(name: &str, context: &Context) -> bool {
    let bare = name.strip_prefix("the ").unwrap_or(name);
    pointed_at(&format!("{bare} one"), context).is_some()
}

/// True where a number before `name` counts pieces: "two lemons", "one of those".
fn counts(name: &str, amount: Option<Amount>, context: &Context) -> bool {
    if amount == Some(Amount::NotWhole) {
        return true;
    }
    if name.is_empty() {
        return context.focus().is_some();
    }
    let one = amount == Some(Amount::Pieces(1));
    // "One rye bread" is asked for; "one of a kind" and "one a day" are names.
    let first = name.split(' ').next().unwrap_or_default();
    if one
        && !matches!(
            first,
            "a" | "of" | "more" | "plus" | "direction" | "way" | "size" | "time" | "whole" | "on"
        )
        && name.split(' ').count() <= 5
    {
        return true;
    }
    pointed_at(name, context).is_some()
        || name.split(' ').next().is_some_and(|w| matches!(w, "those" | "these" | "them" | "that"))
        || (!one
            && name.split(' ').any(|word| word.len() > 3 && word.ends_with('s') && !word.ends_with("ss")))
}
