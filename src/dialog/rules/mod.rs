//! The rules that come first: closed sentence shapes, each leading to one tool call,
//! understood in the context of the conversation. Where none fits, the words become a
//! search that is marked as unsure. Never asks a model, never looks into the catalog
//! beyond the menu's words and what was shown.

mod adding;
mod courtesy;
mod inferred;
mod listing;
mod narrow;
mod questions;
mod refusal;
mod subject;

use super::classifier::Hunch;
use super::clause::Clause;
use super::constraint::take_constraints;
use super::context::{Context, Question};
use super::menu::Menu;
use super::order::{self, Reading};
use super::tool::{Change, Constraints, Subject, Tool};
use super::wish;
use super::words::{Amount, amount};
use crate::domain::turn::Tier;
use regex_lite::Regex;
use std::sync::LazyLock;
use subject::{first, pattern, split, split_words, subject, trim};

/// What the words mean, and how sure the rules are of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Understanding {
    pub tool: Tool,
    pub tier: Tier,
    pub certainty: Certainty,
}

/// How much a reading of a clause weighs beside the turn's other clauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// A courtesy: it counts when nothing else was said.
    Courtesy,
    /// A search for words that no rule knows; the LLM may know better.
    Unsure,
    /// A short name without a sentence around it.
    Named,
    /// Something to search for, in a sentence that asks for it: "do you have ..."
    Asked,
    Sure,
}

impl Certainty {
    /// True where the rules found words to search for, and what is asked of the thing may be
    /// more than that it is there.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Unsure | Self::Named | Self::Asked)
    }
}

impl Understanding {
    fn of(tool: Tool) -> Self {
        let courtesy = matches!(tool, Tool::Greet | Tool::Acknowledge | Tool::SmallTalk | Tool::Mind { .. });
        let certainty = if courtesy { Certainty::Courtesy } else { Certainty::Sure };
        Self { tool, tier: Tier::Rules, certainty }
    }
}

/// A leading politeness or filler that means nothing.
const LEAD: &str = r"^(?:(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|please|excuse me|sorry|so|well|okay|ok|yes|yeah|and|but|there|then|also|right|alright|great|perfect|fine|nah|actually|now|by the way|just|real quick|quick question|for me|because|dear|love|mate|sir|madam|honey|sweetie|ugh|haha|whatever|quick one|ouch|super|ooh|oh|hm|hmm|back to|better|you can|you could|you may|i think|i guess|i suppose|i reckon|i believe|maybe|perhaps|oof|scary|good|i said|i meant|i mean|could you (?:please )?(?:tell|show) me|can you (?:please )?(?:tell|show) me|would you mind telling me|do you know|i would like to know|i want to know|tell me|i was wondering(?: if)?|i wonder|any idea|any chance) )+";
/// A trailing one.
const TAIL: &str = r"(?: (?:please|thanks|thank you|cheers|today|now|right now|here|at all|for me|anywhere|then|too|by any chance|in (?:this|the|your) (?:store|shop)|as well|anyway|again|at the moment|i guess|i think|i mean|isn it|is it not|right|okay|ok|or what|or something|if possible|dear|love|mate|sir|madam|nothing fancy|actually|come on|instead of that|for sure|later|tonight|this evening|real quick|anymore|by the way|and nothing else|and that is it|and that is all|nothing else|my friend|nicely|by itself|on its own|on their own|alone))+$";

static LEADING: LazyLock<Regex> = LazyLock::new(|| pattern(LEAD));
static TRAILING: LazyLock<Regex> = LazyLock::new(|| pattern(TAIL));

/// Understands a clause in `context`, against the café's `menu`.
#[must_use]
pub fn understand(clause: &Clause, menu: &Menu, context: &Context) -> Understanding {
    let all = clause.words();
    if all.is_empty() {
        return Understanding::of(Tool::HeardNothing);
    }
    let sentence = all.join(" ");
    if let Some(tool) = refusal::refusal(&sentence, context) {
        return Understanding::of(tool);
    }
    if let Some(tool) = reply_to_question(&sentence, context) {
        return Understanding::of(tool);
    }
    let denied = clause.runs.iter().take(clause.runs.len() - 1).take_while(|run| is_denial(run)).count();
    let corrects = denied > 0;
    let clause = &plain(&Clause { runs: clause.runs[denied..].to_vec(), asks: clause.asks });
    let sentence = clause.words().join(" ");
    let bare = LEADING.replace(&sentence, "");
    let bare = TRAILING.replace(&bare, "").trim().to_owned();
    if bare.is_empty() {
        return Understanding::of(courtesy_of(&sentence));
    }
    match sure(clause, &sentence, &bare, corrects, menu, context) {
        // Thanks end a conversation only when nothing else is said.
        Some(Tool::Goodbye) if !LEAVING.is_match(&sentence) => {
            Understanding { certainty: Certainty::Courtesy, ..Understanding::of(Tool::Goodbye) }
        }
        Some(tool) => Understanding::of(tool),
        // "Yes, thirty, it is for the whole school."
        None if context.question().is_some() && YES.is_match(&clause.runs[0].join(" ")) => {
            Understanding::of(Tool::Agree)
        }
        // "And the apple pie?" may only be what the next clause asks about.
        None => match asked_again(&sentence, context) {
            Some(tool) => Understanding { certainty: Certainty::Named, ..Understanding::of(tool) },
            None => searched(clause, &bare, context),
        },
    }
}

/// Clauses as they are understood: what is only required of the thing that the clause
/// before names belongs to it. "Mango slices. Under fifteen dollars."
#[must_use]
pub fn gathered(clauses: Vec<Clause>, menu: &Menu, context: &Context) -> Vec<Clause> {
    let mut all: Vec<Clause> = Vec::new();
    for clause in clauses {
        // The one before is read only where this one may belong to it.
        if let Some(last) = all.last_mut()
            && let Some(required) = narrow::only_required(&clause)
            && names(last, menu, context)
        {
            last.runs.push(required);
        } else {
            all.push(clause);
        }
    }
    all
}

/// True for a clause that only names something to search for.
fn names(clause: &Clause, menu: &Menu, context: &Context) -> bool {
    let understanding = understand(clause, menu, context);
    understanding.certainty.is_open()
        && matches!(understanding.tool, Tool::FindProducts { query, .. } if !query.is_empty())
}

/// What a clause means of which `understanding` is the rules' own reading: theirs, unless
/// they only searched for its words and the classifier's hunch is strong enough.
#[must_use]
pub fn reconsidered(
    understanding: Understanding,
    clause: &Clause,
    hunch: &Hunch,
    menu: &Menu,
    context: &Context,
) -> Understanding {
    match inferred::inferred(clause, hunch, menu, context) {
        Some(inferred) if understanding.certainty == Certainty::Asked => {
            // "I need a body lotion" asks for one, and puts none on the list.
            let adds = matches!(inferred.tool, Tool::AddToList { .. }) && !hunch.named.is_empty();
            let searches =
                adds || matches!(inferred.tool, Tool::FindProducts { .. } | Tool::Recommend { .. });
            let refuses = matches!(inferred.tool, Tool::Refuse { .. });
            let sure =
                inferred.certainty == Certainty::Sure && (!refuses || hunch.probability >= inferred::CERTAIN);
            if sure && !searches { inferred } else { understanding }
        }
        Some(inferred) if understanding.certainty.is_open() => inferred,
        _ => understanding,
    }
}

static LEAVING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\b(?:bye|goodbye|see you|that is|that will|done|finished|nothing|day|evening)\b")
});

/// What rules are sure of.
fn sure(
    clause: &Clause,
    sentence: &str,
    bare: &str,
    corrects: bool,
    menu: &Menu,
    context: &Context,
) -> Option<Tool> {
    if let Some(tool) = listing::listing(clause, bare, menu, context) {
        return Some(tool);
    }
    if let Some(tool) = first(&courtesy::COURTESIES, sentence, context) {
        return Some(tool);
    }
    if let Some(tool) = first(&courtesy::COURTESIES, bare, context) {
        return Some(tool);
    }
    if let Some(tool) = options_asked(bare, menu, context) {
        return Some(tool);
    }
    if corrects && let Some(tool) = corrected(bare, context) {
        return Some(tool);
    }
    if let Some(tool) = first(&questions::QUESTIONS, bare, context) {
        return Some(tool);
    }
    if let Some(tool) = first(&courtesy::MINDED, sentence, context) {
        return Some(tool);
    }
    let reading = order::read(menu, &clause.words());
    let is_order = is_order(&reading, sentence);
    // What no menu knows may be a slip, or something from a shelf.
    let is_all = is_order && reading.leftover.is_empty();
    if !reading.lines.is_empty()
        && !is_all
        && let Some(tool) = mixed_order(clause, sentence, menu, context)
    {
        return Some(tool);
    }
    if is_order {
        return Some(Tool::OrderDrinks { lines: reading.lines, others: Vec::new() });
    }
    adding::added(clause, context).or_else(|| narrow::narrowed(bare, context))
}

/// A clause without the courtesies that it begins with.
fn plain(clause: &Clause) -> Clause {
    let mut runs = clause.runs.clone();
    let empty = |run: &[String]| {
        let said = run.join(" ");
        LEADING.replace(&format!("{said} "), "").trim().is_empty()
            || matches!(
                first(&courtesy::COURTESIES, &said, &Context::default()),
                Some(Tool::Acknowledge | Tool::Greet)
            )
    };
    while runs.len() > 1 && empty(&runs[0]) {
        runs.remove(0);
    }
    if let Some(first) = runs.first_mut() {
        let said = first.join(" ");
        let bare = LEADING.replace(&said, "");
        *first = split_words(&bare);
    }
    // "A tea, then, and a mocha."
    let fills =
        |run: &[String]| run.iter().all(|word| matches!(word.as_str(), "then" | "please" | "so" | "well"));
    runs.retain(|run| !run.is_empty() && (clause.runs.len() == 1 || !fills(run)));
    Clause { runs, asks: clause.asks }
}

/// Drinks and goods in one sentence: "two lattes, one of them with soy milk, and a
/// croissant". Each part is one or the other.
fn mixed_order(clause: &Clause, sentence: &str, menu: &Menu, context: &Context) -> Option<Tool> {
    let mut drinks: Vec<String> = Vec::new();
    let mut others: Vec<Vec<String>> = Vec::new();
    for run in &clause.runs {
        for part in run.split(|word| word == "and" || word == "plus").filter(|part| !part.is_empty()) {
            let reading = order::read(menu, part);
            let is_drink = reading.leftover.len() <= 1
                && !reading.lines.is_empty()
                && !reading.guessed
                && !reading.names_goods;
            let of_drink = !drinks.is_empty() && order::is_about_options(menu, part);
            if is_drink || of_drink {
                drinks.push("and".to_owned());
                drinks.extend(part.iter().cloned());
            } else {
                // "I want two bananas": what is wanted begins with how many.
                let asks = |at: &usize| amount(part, *at).is_none() && order::is_filler(&part[*at]);
                let lead = (0..part.len()).take_while(asks).count();
                others.push(part[lead..].to_vec());
            }
        }
    }
    let counted = |part: &Vec<String>| amount(part, 0).is_some();
    if drinks.is_empty() || others.is_empty() || !others.iter().all(counted) {
        return None;
    }
    let reading = order::read(menu, &drinks);
    let ordered = ORDER_CUE.is_match(sentence)
        || reading.lines.iter().any(|line| !line.options.is_empty() || line.quantity > 1);
    if !ordered {
        return None;
    }
    let items = subject::list_items(&subject::items(&others), context).ok()?;
    Some(Tool::OrderDrinks { lines: reading.lines, others: items })
}

/// A search, where no rule fits.
fn searched(clause: &Clause, bare: &str, context: &Context) -> Understanding {
    // "For the lunch box, snack bars": what it is for comes first.
    let purpose = clause.runs.first().filter(|run| {
        clause.runs.len() > 1 && run.iter().find(|word| *word != "and").is_some_and(|word| word == "for")
    });
    let rest: Vec<String> = clause.runs.iter().skip(1).flatten().cloned().collect();
    let rest = TRAILING.replace(&rest.join(" "), "").into_owned();
    let bare = if purpose.is_some() { rest.as_str() } else { bare };
    let asked = FIND.captures(bare).map(|found| found["q"].to_owned());
    let named = asked.as_deref().unwrap_or(bare);
    match subject(named, context) {
        Some(Subject::Query { query, constraints })
            if matches!(named, "it" | "that" | "this" | "those" | "them") =>
        {
            return Understanding::of(Tool::FindProducts { query, constraints });
        }
        None | Some(Subject::Query { .. } | Subject::Several { .. }) => {}
        Some(_) if narrow::is_again(named, context) => {}
        Some(subject) => return Understanding::of(Tool::ShowProducts { subject }),
    }
    if named.split(' ').count() > 4
        && let Some(tool) = requested(clause, named)
    {
        // A product is named in so many words, whatever else is said of it.
        return Understanding::of(tool);
    }
    let certainty = match (asked.is_some(), named.split(' ').count()) {
        (true, ..=6) => Certainty::Asked,
        (false, ..=3) => Certainty::Named,
        // A long tail of words is a story, not a product's name.
        _ => Certainty::Unsure,
    };
    let (query, constraints) = split(named);
    Understanding { tool: Tool::FindProducts { query, constraints }, tier: Tier::Rules, certainty }
}

/// A product with what is wished of it: "i need black walking shoes in size 6.5".
fn requested(clause: &Clause, named: &str) -> Option<Tool> {
    let text = clause.runs.iter().map(|run| run.join(" ")).collect::<Vec<_>>().join(", ");
    if !wish::is_request(&text) {
        return None;
    }
    let mut words = clause.words();
    let constraints = take_constraints(&mut words);
    let wish = wish::read(&text);
    let plain = wish.kind.split(' ').all(|word| VAGUE.contains(&word));
    let mut said = split_words(named);
    trim(&mut said);
    (!plain).then_some(Tool::FindProducts {
        query: wish.kind,
        constraints: Constraints {
            colour: wish.colour,
            measure: if constraints.size.is_some() { Vec::new() } else { wish.size },
            material: wish.material,
            for_whom: wish.for_whom,
            features: wish.brand.into_iter().chain(wish.features).collect(),
            said: said.join(" "),
            ..constraints
        },
    })
}

/// Words that name no kind of product.
const VAGUE: &[&str] = &[
    "something",
    "anything",
    "thing",
    "things",
    "stuff",
    "one",
    "ones",
    "it",
    "that",
    "this",
    "kind",
    "sort",
    "those",
    "help",
    "idea",
    "way",
    "gift",
    "present",
    "product",
    "item",
    "everything",
    "what",
];

fn courtesy_of(sentence: &str) -> Tool {
    if sentence.contains("thank") {
        Tool::Goodbye
    } else if sentence.split(' ').any(|w| matches!(w, "hi" | "hello" | "hey" | "good")) {
        Tool::Greet
    } else {
        Tool::Acknowledge
    }
}

static YES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:yes|yeah|yep|yup|sure|okay|ok|please|alright|all right|right|correct|exactly|absolutely|definitely|of course|that is right|that is correct|please do|go ahead|do it|do that|sounds good|i do|i am sure|confirm|all of (?:them|it)|add (?:them|it|all|everything)(?: all)?(?: to (?:my|the) list)?|put (?:them|it|all of them|everything)(?: all)? (?:on|in)(?: (?:my|the) list)?|that is what i (?:want|said|mean)|yes i (?:do|am)|thanks|thank you| )+$",
    )
});
static NO: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:no|nope|nah|no thanks|no thank you|do not|cancel(?: that| it)?|never mind|not really|of course not|that is (?:wrong|not right|too many|a mistake|not what i (?:said|meant))|wrong|please|thanks|i do not|no i do not|stop|forget it|god| )+$",
    )
});

/// The answer to the question that is open, and yes or no to none.
fn reply_to_question(sentence: &str, context: &Context) -> Option<Tool> {
    let words = split_words(sentence);
    match context.question() {
        Some(Question::People { occasion, constraints }) => {
            let lead = words
                .iter()
                .take_while(|w| {
                    matches!(w.as_str(), "for" | "about" | "we" | "are" | "there" | "just" | "us" | "uh")
                })
                .count();
            if let Some((Amount::Pieces(people), used)) = amount(&words, lead)
                && words.len() <= lead + used + 3
                && let Ok(people) = u32::try_from(people)
                && (1..=500).contains(&people)
            {
                return Some(Tool::PlanOccasion {
                    occasion: occasion.clone(),
                    people: Some(people),
                    constraints: constraints.clone(),
                });
            }
        }
        Some(Question::Meant | Question::AddAll(_)) => {}
        None => return None,
    }
    if YES.is_match(sentence) && sentence != "thanks" && sentence != "thank you" {
        return Some(Tool::Agree);
    }
    NO.is_match(sentence).then_some(Tool::Decline)
}

/// "No", "no sorry", "nope": what follows sets something right.
fn is_denial(run: &[String]) -> bool {
    let first = run.first().map_or("", String::as_str);
    // "Not cream, oat milk": what is not meant is named too.
    (first == "not" && run.len() <= 4)
        || (matches!(first, "no" | "nope" | "nah")
            && run
                .iter()
                .skip(1)
                .all(|word| matches!(word.as_str(), "no" | "sorry" | "wait" | "not" | "that")))
}

/// "No, the other one": another product in the place of the one just put on the list.
fn corrected(bare: &str, context: &Context) -> Option<Tool> {
    let &line = context.touched().first().filter(|_| context.just_listed())?;
    let found = super::refer::pointed_at(bare, context)?;
    let quantity = context.order.get(line)?.quantity;
    let item = super::tool::ListItem { subject: found, quantity };
    Some(Tool::ChangeList { changes: vec![Change::Swap { line, item }] })
}

static OPTIONS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:what|which)(?: kinds? of| types? of| sorts? of)? (?P<g>[a-z]+)(?: (?:options|choices))?(?: (?:do you have|have you got|are there|can i (?:get|have|choose)|does (?P<q>.+?) come in|do you (?:do|offer)|is there|for (?P<r>.+)))(?: (?:for|with|in) (?P<s>.+))?$",
    )
});

/// "What sizes do you have": the choices of what is made to order.
fn options_asked(bare: &str, menu: &Menu, context: &Context) -> Option<Tool> {
    let found = OPTIONS.captures(bare)?;
    let named = super::words::stem(&found["g"]);
    let group = menu.groups.iter().find(|group| {
        [&group.id, &group.name].iter().any(|name| super::words::stem(&name.to_lowercase()) == named)
    });
    let all = matches!(&found["g"], "options" | "choices" | "extras");
    if group.is_none() && !all {
        return None;
    }
    let about = found.name("q").or(found.name("r")).or(found.name("s")).map(|q| q.as_str());
    let has_options = |known: &super::context::Known| !known.product.option_groups.is_empty();
    let subject = match about.and_then(|text| subject(text, context)) {
        Some(subject) => subject,
        // "What milk do you have" asks for a drink only while one is spoken of.
        None => match context.focus()? {
            focus @ (Subject::Line { .. } | Subject::Sku { .. })
                if context.focused().is_some_and(has_options) =>
            {
                focus
            }
            _ => return None,
        },
    };
    Some(Tool::ListOptions { subject, group: group.map(|group| group.id.clone()) })
}

static AGAIN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:and|what about|how about|and what about|and how about|or)(?: the| a| an| your| some)* (?P<q>.+?)(?: then| please)?$",
    )
});

/// "And the apple pie?": what was asked last, of another product.
fn asked_again(sentence: &str, context: &Context) -> Option<Tool> {
    let found = AGAIN.captures(sentence)?;
    let named = &found["q"];
    if named.split(' ').count() > 5 {
        return None;
    }
    let other = subject(named, context)?;
    match context.last()? {
        Tool::CheckFacts { allergens, dietary, .. } => {
            Some(Tool::CheckFacts { subject: other, allergens: allergens.clone(), dietary: dietary.clone() })
        }
        Tool::LocateProduct(_) => Some(Tool::LocateProduct(other)),
        Tool::GetPrice(_) => Some(Tool::GetPrice(other)),
        Tool::CheckStock(_) => Some(Tool::CheckStock(other)),
        _ => None,
    }
}

/// True when the sentence orders drinks: it names one, and little else that no
/// menu knows.
fn is_order(reading: &Reading, sentence: &str) -> bool {
    if reading.lines.is_empty() || reading.names_goods {
        return false;
    }
    let options: usize = reading.lines.iter().map(|line| line.options.len()).max().unwrap_or(0);
    let optioned = options > 0;
    let spare = reading.leftover.len();
    let asked = ORDER_CUE.is_match(sentence);
    if OFFERED.is_match(sentence) && !GETTING.is_match(sentence) {
        return false;
    }
    // A drink that was only guessed needs more around it.
    if reading.guessed && !asked {
        return false;
    }
    // "Three bags of chips" come from a shelf.
    let words: Vec<&str> = sentence.split(' ').collect();
    let packed =
        |pair: &[&str]| pair[1] == "of" && subject::is_measure(pair[0]) && !pair[0].starts_with("cup");
    if words.windows(2).any(packed) {
        return false;
    }
    // "The coffee" is spoken of; "can I get the mocha" is ordered.
    let heard = optioned && reading.exact && spare == 0;
    if !heard && DEFINITE.is_match(sentence) && !GETTING.is_match(sentence) {
        return false;
    }
    match (asked, optioned) {
        (true, true) => spare <= 3,
        (true, false) | (false, true) => spare <= 1,
        (false, false) => spare == 0 && reading.exact,
    }
}

static ORDER_CUE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:can|could|may) (?:i|we) (?:have|get|order)\b|\b(?:i|we) (?:would like|want|need|will (?:have|take)|would love)\b|\b(?:get|give|make|bring|brew|fix|order|pour|grab)\b(?: (?:me|us))?|\blet (?:me|us) (?:have|get)\b|\w for me\b",
    )
});

/// What the shop has is asked, not ordered.
static OFFERED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\b(?:do you (?:have|sell|make|do|offer|serve)|have you got|is there|are there|what|which)\b")
});

static DEFINITE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:\w+ ){0,3}(?:the|my|your|that) "));
static GETTING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:can|could|may) (?:i|we)\b|\b(?:get|give|make|bring) (?:me|us)\b|\b(?:i|we) will (?:have|take|get)\b|\border\b|\blet (?:me|us)\b",
    )
});

static FIND: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:do (?:you|they|we|you guys) (?:have|sell|carry|stock|offer|keep)|have you got|got|are there|is there|(?:i|we) (?:am|are) (?:looking|searching|here|shopping) for|looking for|in search of|(?:i|we) (?:need|want|would like|would love|have to buy|need to buy|want to buy|must get|need to get|am after|could use)(?: to (?:buy|get|find|see|have))?|(?:can|could|may|where can) (?:i|we) (?:also |please |just )?(?:get|have|buy|find|see)|(?:can|could) you (?:find|get|show)(?: me)?|show me|find(?: me)?|search for|search|get me|give me|any|what (?:kinds?|types?|sorts?|brands?) of|which|what) (?:me )?(?:some |any |a |an |the |your |of )*(?P<q>.+?)(?: do you (?:have|sell|carry|stock)| have you got| are there| is there)?$",
    )
});

#[cfg(test)]
mod tests;
