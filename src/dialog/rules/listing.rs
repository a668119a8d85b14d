//! Changes of the list: quantities, options, swaps, removal, undo, review and
//! confirmation. Names lines by their place; never touches the list itself.

use super::subject::{
    Rule, TAKING, TOO_MANY, described, first, is_measure, items, pattern, rule, split, split_words, subject,
};
use crate::dialog::clause::Clause;
use crate::dialog::constraint::{allergens_in, dietary_named};
use crate::dialog::context::Context;
use crate::dialog::menu::Menu;
use crate::dialog::order;
use crate::dialog::refer::{self, pointed_at};
use crate::dialog::tool::{Change, ListItem, Missing, Refusal, Subject, Tool};
use crate::dialog::words::{Amount, amount};
use regex_lite::Regex;
use std::sync::LazyLock;

/// The change of the list that a clause asks for; `bare` are its words without
/// courtesies.
pub(super) fn listing(clause: &Clause, bare: &str, menu: &Menu, context: &Context) -> Option<Tool> {
    let first_run = clause.runs.first().map(|run| run.join(" ")).unwrap_or_default();
    let last_run = clause.runs.last().map(|run| run.join(" ")).unwrap_or_default();
    let whole = first(&WHOLE, bare, context).filter(|tool| *tool != Tool::ReviewList || !names_label(bare));
    // What is said beside it may be why: "take one off, two is plenty".
    let several = clause.runs.len() > 1;
    whole
        .or_else(|| swapped(bare, menu, context))
        .or_else(|| several.then(|| removed(&last_run, context)).flatten())
        .or_else(|| several.then(|| removed(&first_run, context)).flatten())
        .or_else(|| removed(bare, context))
        .or_else(|| changed(clause, bare, menu, context))
        .or_else(|| options_by_run(clause, menu, context))
}

/// True where a label is asked about: "is there mustard in anything on my list".
fn names_label(text: &str) -> bool {
    let words = split_words(text);
    !allergens_in(&words).is_empty() || !dietary_named(&words).is_empty()
}

/// What is said of the list as a whole.
static WHOLE: LazyLock<Vec<Rule<Tool>>> = LazyLock::new(|| {
    vec![
        rule(
            r"^undo\b|\bundo (?:that|it|this|the last)\b|^(?P<who>.*?)\b(?:put|bring|add) (?:it|them|that|those|everything) (?:all )?back\b|^(?:take|scratch) that back$|^go back one$|^revert\b",
            |found, _| {
                // "Can I bring it back" asks about returns.
                let own =
                    found.name("who").is_some_and(|who| who.as_str().split(' ').any(|word| word == "i"));
                (!own).then_some(Tool::Undo)
            },
        ),
        rule(
            r"^(?:clear|empty|delete|reset|wipe|cancel|drop|scrap|remove|erase) (?:out )?(?:my |the |our |this )*(?:whole |entire |full |shopping )*(?:list|cart|basket|order|everything|trolley|lot)\b|^(?:clear|empty|delete|reset|wipe|cancel|drop|scrap|remove|erase) (?:out )?all(?: (?:of|from|off|on|in) .*| (?:my |the )?(?:items|things|lines|products|entries|articles|stuff))?$|^start (?:all )?(?:over|again|from scratch)\b|^(?:remove|take|delete|cancel|scrap) (?:everything|it all|them all|all of (?:it|them|that))(?: off| out| away)?(?: (?:my|the) list)?$|^new (?:list|order)$",
            |_, _| Some(Tool::ClearList),
        ),
        rule(
            r"\b(?:what|which)\b.*\b(?:have|do|did|has) (?:i|we)\b.*\b(?:so far|got|order(?:ed)?|list|basket|cart|add(?:ed)?)\b|\b(?:what|which)\b.*\b(?:on|in) (?:my|the|our) (?:shopping )?(?:list|basket|cart|order)\b|\b(?:read|show|tell|repeat|review|see|check|give)\b.*\b(?:my|the|our|whole|entire) (?:whole |entire |full |shopping )*(?:list|order|basket|cart|thing)\b|^(?:my|the) (?:list|order|cart|basket)$|\bdid (?:i|we|you) (?:put|add|have|get)\b.*\b(?:list|cart|basket|order)\b|\b(?:is|are) .+ (?:on|in) (?:my|the) (?:list|cart|basket)\b|\bhow many .+ (?:on|in) (?:my|the) (?:list|cart|basket)\b",
            |_, _| Some(Tool::ReviewList),
        ),
        rule(
            r"\bwhat\b.*\b(?:all|everything|that|it) come to\b|\bhow much\b.*\b(?:come to|total|altogether|all together|everything|all of (?:it|that)|so far|my (?:list|order|basket|cart))\b|\b(?:total|altogether|all together|grand total|the damage|the bill|in total)\b|\bwhat do (?:i|we) owe\b|\b(?:cost|price|much)\b.* (?:the|my) (?:whole |entire )?(?:order|list|basket|cart|lot)\b|\b(?:the|my) (?:whole |entire )?(?:order|list|basket|cart|lot) (?:cost|costs)\b",
            |_, context| (!context.order.is_empty()).then_some(Tool::ReviewList),
        ),
        rule(
            r"^(?:please )?(?:confirm|send|place|submit|finish|finalize|complete)(?: (?:it|that|this|my|the|our|off|all|order|list|everything|in))*$|\b(?:confirm|place|send|submit|finish) (?:it|my|the|this|that) ?(?:order|list)?$|^(?:check ?out|order (?:it|that|now)|i am ready to (?:order|pay|check out)|ready to order)$|\bthat is (?:everything|all|it) .*\b(?:send|order|confirm|place|go ahead)\b",
            |_, _| Some(Tool::ConfirmList),
        ),
        rule(
            r"\bgo ahead$|^(?:that is|you have|got) (?:everything|it right)$|^that is (?:everything|all|it|the lot)(?: then)?(?: (?:order|send|put) (?:it|away|off))?$",
            |_, context| (!context.order.is_empty()).then_some(Tool::ConfirmList),
        ),
    ]
});

static SWAP: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:(?:can|could) you )?(?:swap|switch|replace|exchange|trade|change|substitute) (?P<a>.+?) (?:for|with|to|by|into) (?P<b>.+?)(?: instead)?$|^(?P<d>.+?) (?:instead of|not) (?P<c>.+)$",
    )
});

/// "Swap it for the gluten free one", "soy instead of oat".
fn swapped(bare: &str, menu: &Menu, context: &Context) -> Option<Tool> {
    if context.order.is_empty() {
        return None;
    }
    let found = SWAP.captures(bare)?;
    let old = found.name("a").or(found.name("c"))?.as_str();
    let new = found.name("b").or(found.name("d"))?.as_str();
    // "She can not have milk" swaps nothing.
    let verbs = [
        "can", "do", "does", "did", "is", "am", "are", "was", "will", "would", "could", "should", "has",
        "have", "if",
    ];
    if new.split(' ').next_back().is_some_and(|word| verbs.contains(&word)) {
        return None;
    }
    let new = TAKING.replace(new, "");
    let words = split_words(&new);
    let drink = drink_of(&refer::lines(old, context), context).or_else(|| last_drink(context));
    if let Some(tool) = drink.and_then(|line| chosen(menu, &words, line, context)) {
        return Some(tool);
    }
    if amount(&words, 0).is_some_and(|(_, used)| used == words.len()) {
        return quantity(&refer::lines(old, context), amount(&words, 0)?.0);
    }
    // "Three sorbets, not two."
    let corrected = amount(&split_words(old), 0).is_some_and(|(_, used)| used == split_words(old).len());
    if corrected && let Some((pieces, used)) = amount(&words, 0) {
        let named = words[used..].join(" ");
        let lines = if named.is_empty() { context.touched().to_vec() } else { refer::lines(&named, context) };
        return quantity(&lines, pieces);
    }
    // "Dana texted: single, not double."
    if let Some(line) = drink
        && order::options(menu, &split_words(old), &context.order[line].title).is_some()
        && let Some(options) = options_in(&words, menu, &context.order[line].title)
    {
        return Some(Tool::ChangeList { changes: vec![Change::Options { line, options }] });
    }
    let line = *refer::lines(old, context).first()?;
    let items = items(std::slice::from_ref(&words));
    let [item] = items.as_slice() else { return None };
    let subject = replacement(&item.name, line, context)?;
    let quantity = match item.amount {
        Some(Amount::Pieces(pieces)) => u32::try_from(pieces).ok()?,
        _ => context.order.get(line)?.quantity,
    };
    Some(Tool::ChangeList { changes: vec![Change::Swap { line, item: ListItem { subject, quantity } }] })
}

/// What is to stand in a line's place: "the gluten free one" is of the line's kind.
fn replacement(name: &str, line: usize, context: &Context) -> Option<Subject> {
    let open = name.ends_with(" one") || name == "one";
    let known = context.listed(line)?;
    let alike = |sku: &crate::domain::Sku| {
        context.known(sku).is_some_and(|other| refer::kind(&other.product) == refer::kind(&known.product))
    };
    match pointed_at(name, context) {
        Some(Subject::Sku { sku }) if sku != known.product.sku && (!open || alike(&sku)) => {
            return Some(Subject::Sku { sku });
        }
        _ if !open => return subject(name, context),
        _ => {}
    }
    let (named, constraints) = split(name.trim_end_matches("one").trim_end());
    let query = format!("{named} {}", described(known)).trim().to_owned();
    Some(Subject::Query { query, constraints })
}

static REMOVE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:(?:can|could) you |actually |just |please |let us |i want to |i would like to )*(?:remove|delete|cancel|drop|scrap|forget(?: about)?|lose|ditch|skip|take (?:off|out|away)|get rid of|leave (?:off|out)|scratch|i (?:do not|no longer) (?:want|need)|i will (?:leave|skip)|without) (?P<q>.+?)(?: (?:anymore|any more|after all|again|off|instead))*(?: (?:from|off|on|out of|of|in) (?:my |the |our )?(?:shopping )?(?:list|order|cart|basket))?(?: (?:anymore|any more|after all|again))*$|^(?:(?:can|could) you |actually |just )*(?:take|leave) (?P<r>.+?) (?:off|out|away|back)(?: (?:of )?(?:my|the|our) .+)?(?: (?:again|then))?$",
    )
});

/// "Scrap the croissant", "take two off again".
fn removed(bare: &str, context: &Context) -> Option<Tool> {
    let found = REMOVE.captures(bare)?;
    let q = found.name("q").or(found.name("r"))?.as_str();
    let from_list = [" list", " order", " cart", " basket"].iter().any(|place| bare.ends_with(place));
    if context.order.is_empty() {
        let points = matches!(q, "it" | "that" | "this" | "them" | "those");
        return (from_list || points).then_some(Tool::AskFor { missing: Missing::Line });
    }
    let words = split_words(q);
    let (pieces, name) = match amount(&words, 0) {
        Some((Amount::Pieces(pieces), used)) if words[0] != "a" && words[0] != "an" => {
            (Some(i64::try_from(pieces).ok()?), words[used..].join(" "))
        }
        _ => (None, q.to_owned()),
    };
    let name = name.trim_start_matches("of ").to_owned();
    let lines = if name.is_empty() || name == "more" || name == "of them" {
        context.touched().to_vec()
    } else {
        let whole = refer::lines(&name, context);
        if whole.is_empty() { each_of(&name, context) } else { whole }
    };
    let Some(&line) = lines.first() else {
        // "I'll leave that" of what was only looked at.
        if bare.starts_with("i will ") || bare.starts_with("skip") || bare.starts_with("forget") {
            return Some(Tool::Acknowledge);
        }
        return (from_list
            || pieces.is_none() && !bare.starts_with("without") && !bare.starts_with("forget"))
        .then_some(Tool::AskFor { missing: Missing::Line });
    };
    match pieces {
        Some(pieces) if pieces < i64::from(context.order.get(line)?.quantity) => {
            Some(Tool::ChangeList { changes: vec![Change::By { line, pieces: -pieces }] })
        }
        _ => Some(Tool::RemoveFromList { lines }),
    }
}

/// "The milk and the eggs": the lines of each.
fn each_of(name: &str, context: &Context) -> Vec<usize> {
    let mut lines: Vec<usize> = name.split(" and ").flat_map(|part| refer::lines(part, context)).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

pub(super) fn quantity(lines: &[usize], amount: Amount) -> Option<Tool> {
    let &line = lines.first()?;
    let Amount::Pieces(pieces) = amount else { return Some(not_sold(Some(Subject::Line { line }))) };
    match u32::try_from(pieces) {
        Ok(0) => Some(Tool::RemoveFromList { lines: lines.to_vec() }),
        Ok(quantity) if quantity < TOO_MANY => {
            Some(Tool::ChangeList { changes: vec![Change::Quantity { line, quantity }] })
        }
        _ => Some(not_sold(Some(Subject::Line { line }))),
    }
}

pub(super) fn not_sold(subject: Option<Subject>) -> Tool {
    Tool::Refuse { reason: Refusal::Quantity, subject }
}

static MORE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:(?:can|could) you |can i (?:have|get) |i (?:want|need|will take|will have|would like) |give me |add |and |make (?:it|that) |put )*(?P<n>one|two|three|four|five|six|\d+|another|a) (?P<w>more|less|fewer|extra|another|other)(?: (?:one|ones|of (?:it|them|those|that|these)|packs?|pieces?))*(?: (?:of )?(?P<q>.+))?$|^(?:can i (?:have|get) |i (?:want|need|will take|will have|would like) |give me |add |and )*(?P<a>another)(?: (?:one|of (?:those|them|these)))?(?: of those| of them)?$",
    )
});

static SET: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:(?:can|could) you |please |actually |no |and )*(?:make|change|set|have|turn) (?P<q>.+)$")
});

/// Quantities and options of what is on the list.
fn changed(clause: &Clause, bare: &str, menu: &Menu, context: &Context) -> Option<Tool> {
    if context.order.is_empty() {
        let found = SET.captures(bare)?;
        return set(clause, &found["q"], menu, context);
    }
    if bare == "double it" || bare == "double that" {
        let &line = context.touched().first()?;
        return quantity(&[line], Amount::Pieces(u64::from(context.order.get(line)?.quantity) * 2));
    }
    if let Some(tool) = more(bare, context).or_else(|| enough(bare, context)) {
        return Some(tool);
    }
    if let Some(tool) = part_of_line(bare, menu, context) {
        return Some(tool);
    }
    if let Some(found) = SET.captures(bare)
        && let Some(tool) = set(clause, &found["q"], menu, context)
    {
        return Some(tool);
    }
    options_of_line(bare, menu, context)
}

fn more(bare: &str, context: &Context) -> Option<Tool> {
    let found = MORE.captures(bare)?;
    let lines = match found.name("q").map(|q| q.as_str()) {
        Some(q) => refer::lines(q, context),
        None if context.just_listed() || !context.touched().is_empty() => context.touched().to_vec(),
        None => Vec::new(),
    };
    let &line = lines.first()?;
    if found.name("a").is_some() && !context.just_listed() {
        return None;
    }
    let said: Vec<String> = vec![found.name("n").map_or("one", |n| n.as_str()).to_owned()];
    let pieces = match amount(&said, 0) {
        Some((Amount::Pieces(pieces), _)) => i64::try_from(pieces).ok()?.min(i64::from(TOO_MANY)),
        _ => 1,
    };
    let fewer = found.name("w").is_some_and(|w| matches!(w.as_str(), "less" | "fewer"));
    Some(Tool::ChangeList {
        changes: vec![Change::By { line, pieces: if fewer { -pieces } else { pieces } }],
    })
}

static ENOUGH: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?P<q>.+?) (?:will do|would do|should do|is enough|is plenty|are enough|are plenty|is fine|are fine|in total|altogether|is all (?:i|we) need|are all (?:i|we) need)(?: it)?$",
    )
});

/// "Ten oranges will do": so many of what is on the list.
fn enough(bare: &str, context: &Context) -> Option<Tool> {
    let found = ENOUGH.captures(bare)?;
    let words = split_words(&found["q"]);
    let (amount, used) = amount(&words, 0)?;
    let name = words[used..].join(" ");
    let lines = if name.is_empty() { context.touched().to_vec() } else { refer::lines(&name, context) };
    quantity(&lines, amount)
}

static PART: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:(?:can|could) you |make |i want |i would like )*(?P<n>one|two|three|four|five|\d+) of (?:the |my |those |these )*(?P<q>.+?) (?:with|as|should be|gets?|needs?|has|wants?|be) (?P<o>.+)$",
    )
});

/// "One of the iced coffees with oat milk".
fn part_of_line(bare: &str, menu: &Menu, context: &Context) -> Option<Tool> {
    let found = PART.captures(bare)?;
    let named = &found["q"];
    let lines = if named == "them" { context.touched().to_vec() } else { refer::lines(named, context) };
    let line = drink_of(&lines, context)?;
    let words = split_words(&found["o"]);
    let options = order::options(menu, &words, &context.order[line].title)?;
    let Amount::Pieces(pieces) = amount(&[found["n"].to_owned()], 0)?.0 else { return None };
    Some(Tool::ChangeList {
        changes: vec![Change::Split { line, pieces: u32::try_from(pieces).ok()?, options }],
    })
}

/// "Make it two", "make the sauce three", "make that a large", "make one of them decaf".
fn set(clause: &Clause, q: &str, menu: &Menu, context: &Context) -> Option<Tool> {
    let words = split_words(q);
    // What follows a pause may be why: "make the cocoa two, my other kid wants one".
    let run: Vec<String> = clause.runs.first().cloned().unwrap_or_default();
    let first: Vec<String> = run.iter().skip_while(|word| *word != &words[0]).cloned().collect();
    for words in [&words, &first] {
        for at in 1..words.len() {
            let Some((amount, used)) = amount(words, at) else { continue };
            let rest = &words[(at + used).min(words.len())..];
            let ends = rest.iter().all(|w| {
                is_measure(w) || matches!(w.as_str(), "of" | "them" | "those" | "instead" | "please" | "then")
            });
            if !ends || matches!(words[at].as_str(), "a" | "an") && at + used < words.len() {
                continue;
            }
            let target =
                words[..at].iter().filter(|w| *w != "to" && *w != "into").cloned().collect::<Vec<_>>();
            let target = target.join(" ");
            let lines = refer::lines(&target, context);
            if !lines.is_empty() {
                return quantity(&lines, amount);
            }
            // "Make that two" of what was only looked at.
            if matches!(target.as_str(), "it" | "that" | "them" | "those")
                && let Some(subject @ Subject::Sku { .. }) = context.focus()
                && let Amount::Pieces(pieces) = amount
                && let Ok(quantity @ 1..TOO_MANY) = u32::try_from(pieces)
            {
                return Some(Tool::AddToList { items: vec![ListItem { subject, quantity }] });
            }
        }
    }
    // "Make one of them decaf": a part of the line.
    if let Some((Amount::Pieces(pieces), used)) = amount(&words, 0)
        && words.get(used).is_some_and(|w| matches!(w.as_str(), "them" | "those" | "these"))
        && let Some(line) = drink_of(context.touched(), context)
        && let Some(options) = order::options(menu, &words[used + 1..], &context.order[line].title)
    {
        let pieces = u32::try_from(pieces).ok()?;
        return Some(Tool::ChangeList { changes: vec![Change::Split { line, pieces, options }] });
    }
    // "Make it a large", "make the latte a large one".
    for at in (1..words.len()).rev() {
        let lines = refer::lines(&words[..at].join(" "), context);
        let drink = drink_of(&lines, context);
        if let Some(tool) = drink.and_then(|line| chosen(menu, &words[at..], line, context)) {
            return Some(tool);
        }
    }
    None
}

/// Words with which a question about goods begins, not a wish for a drink.
const ASKING: &[&str] = &[
    "do", "does", "have", "where", "how", "what", "which", "is", "are", "any", "compare", "find", "show",
    "looking", "why", "when", "who", "search", "buy",
];

static OWN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:make |have |and )*(?:the|my) (?P<q>.+?) (?:gets?|with|should be|should have|as|needs?|has|wants?|in) (?P<o>.+)$",
    )
});

static INTO: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:make |and |have |put |add )*(?P<o>.+?) (?:in|on|into|for|to) (?:(?P<own>mine|it)|(?:the|my|that) (?P<q>.+))$",
    )
});

/// "With oat milk", "sixteen ounce", "the other cappuccino with skim": options alone,
/// for a drink that is on the list.
fn options_of_line(bare: &str, menu: &Menu, context: &Context) -> Option<Tool> {
    let words: Vec<String> = bare
        .split(' ')
        .filter(|word| !matches!(*word, "instead" | "rather" | "though" | "after" | "else"))
        .map(str::to_owned)
        .collect();
    if words.first().is_some_and(|w| ASKING.contains(&w.as_str())) {
        return None;
    }
    if let Some(found) = OWN.captures(bare)
        && let Some(line) = drink_of(&refer::lines(&found["q"], context), context)
        && let Some(tool) = chosen(menu, &split_words(&found["o"]), line, context)
    {
        return Some(tool);
    }
    // "A double shot in the latte", that is on the list.
    if let Some(found) = INTO.captures(bare)
        && let Some(line) = match found.name("q") {
            Some(q) => drink_of(&refer::lines(q.as_str(), context), context),
            None => drink_of(context.touched(), context).or_else(|| any_drink(context)),
        }
        && let Some(tool) = chosen(menu, &split_words(&found["o"]), line, context)
    {
        return Some(tool);
    }
    let reading = order::read(menu, &words);
    let of_one = match reading.lines.as_slice() {
        // A drink of the list is named with "the" or "my": no new one.
        [line] if line.quantity == 1 && !line.options.is_empty() => {
            let own = words.iter().position(|w| matches!(w.as_str(), "the" | "my" | "other"));
            own.filter(|at| *at <= 2)?;
            let is_other = words.iter().any(|w| w == "other");
            let named = format!("{}{}", if is_other { "other " } else { "" }, line.item);
            let target = drink_of(&refer::lines(&named, context), context)?;
            (reading.leftover.iter().all(|w| w == "other")).then_some((target, line.options.clone()))
        }
        [] => {
            let line = drink_of(context.touched(), context).or_else(|| last_drink(context))?;
            Some((line, order::options(menu, &words, &context.order[line].title)?))
        }
        _ => None,
    };
    let (line, options) = of_one?;
    Some(Tool::ChangeList { changes: vec![Change::Options { line, options }] })
}

/// "Three shots, I had a terrible night, and vanilla syrup": options between words that
/// tell a story.
fn options_by_run(clause: &Clause, menu: &Menu, context: &Context) -> Option<Tool> {
    let line = drink_of(context.touched(), context).or_else(|| last_drink(context))?;
    if clause.runs.len() < 2 {
        return None;
    }
    let mut all = std::collections::BTreeMap::new();
    for run in &clause.runs {
        match order::options(menu, run, &context.order[line].title) {
            Some(options) => all.extend(options),
            None if run.iter().any(|word| matches!(word.as_str(), "i" | "we" | "he" | "she" | "it")) => {}
            None => return None,
        }
    }
    (!all.is_empty()).then_some(Tool::ChangeList { changes: vec![Change::Options { line, options: all }] })
}

/// The change to the options that `words` name, and nothing else, for the drink of a line.
fn chosen(menu: &Menu, words: &[String], line: usize, context: &Context) -> Option<Tool> {
    let options = order::options(menu, words, &context.order.get(line)?.title)?;
    Some(Tool::ChangeList { changes: vec![Change::Options { line, options }] })
}

/// The options that the longest run of `words` names for the drink called `title`.
pub(super) fn options_in(
    words: &[String],
    menu: &Menu,
    title: &str,
) -> Option<std::collections::BTreeMap<String, String>> {
    let mut runs = (1..=words.len()).rev().flat_map(|count| words.windows(count));
    runs.find_map(|run| order::options(menu, run, title))
}

/// The last of `lines` that is made to order.
pub(super) fn drink_of(lines: &[usize], context: &Context) -> Option<usize> {
    lines
        .iter()
        .rev()
        .copied()
        .find(|line| context.listed(*line).is_some_and(|known| !known.product.option_groups.is_empty()))
}

/// The last drink of the list, while it is spoken of.
pub(super) fn last_drink(context: &Context) -> Option<usize> {
    if context.just_listed() { any_drink(context) } else { None }
}

/// The last drink of the list.
fn any_drink(context: &Context) -> Option<usize> {
    let all: Vec<usize> = (0..context.order.len()).collect();
    drink_of(&all, context)
}
