//! Questions about products: where, how much, how many left, what the label says, how
//! two differ, what goes with it, what is needed for an occasion. Never answers one.

use super::subject::{Rule, rule, split, split_words, subject};
use crate::dialog::constraint::{allergens_in, allergens_named, dietary_named, take_constraints};
use crate::dialog::context::Context;
use crate::dialog::tool::{Constraints, Missing, Subject, Than, Tool};
use crate::dialog::words::{Amount, amount};
use regex_lite::Captures;
use std::sync::LazyLock;

type Found<'a> = Captures<'a>;

pub(super) static QUESTIONS: LazyLock<Vec<Rule<Tool>>> = LazyLock::new(|| {
    let mut rules = Vec::new();
    rules.extend(occasions());
    rules.extend(labels());
    rules.extend(places());
    rules.extend(prices());
    rules.extend(stocks());
    rules.extend(comparisons());
    rules.extend(advice());
    rules
});

/// What a question is about: its words, else what is spoken of.
fn about(found: &Found<'_>, context: &Context) -> Option<Subject> {
    match found.name("q").or(found.name("r")).map(|q| q.as_str()) {
        Some(text) if !text.is_empty() => subject(text, context),
        _ => context.focus(),
    }
}

fn occasions() -> Vec<Rule<Tool>> {
    vec![
        rule(
            r"\b(?:what (?:do|would|will|should|must) (?:i|we) (?:all )?(?:need|get|buy|have to buy|want)|what is needed|what goes in|ingredients|everything (?:i|we)? ?(?:need)?|shopping list|(?:all )?the (?:stuff|things)(?: i need)?|what to (?:get|buy)) (?:for|to make|to cook|to bake|to do|to have|in|into)(?: (?:a|an|the|my|our|some|making|cooking|good|nice))* (?P<q>.+)$",
            plan,
        ),
        rule(
            r"\b(?:i am|we are|i will be|we will be|i want to|i would like to|we want to|going to|help me|help us) (?:\w+ )?(?:do|doing|make|making|have|having|host|hosting|cook|cooking|plan|planning|bake|baking|throw|throwing|prepare|preparing)(?: (?:a|an|the|my|our|some))* (?P<q>.+? (?:for (?:\w+ )?(?:\w+)(?: people| persons| guests| of us| kids| adults| friends)?|what .+))$",
            plan,
        ),
        rule(r"^plan (?:a |an |my |our |the )*(?P<q>.+)$", plan),
        // "Ten people for a barbecue. What do we need?"
        rule(
            r"^what (?:all )?(?:(?:do|should|would|will|must) (?:i|we) (?:all )?(?:need|get|buy|want)(?: to (?:get|buy|have))?|goes (?:in|into|on|in to) (?:it|one|that|them|those))$",
            |_, x| {
                Some(match &x.topic {
                    Some(Subject::Query { query, constraints: named }) => match planned(&told(query, named))?
                    {
                        Tool::PlanOccasion { occasion, people, .. } => {
                            Tool::PlanOccasion { occasion, people, constraints: named.clone() }
                        }
                        other => other,
                    },
                    _ => Tool::AskFor { missing: Missing::Occasion },
                })
            },
        ),
    ]
}

/// The words that a topic was read from: a plan heeds all that was said.
fn told(query: &str, constraints: &Constraints) -> String {
    let said = if constraints.said.is_empty() { query } else { &constraints.said };
    said.to_owned()
}

fn plan(found: &Found<'_>, _: &Context) -> Option<Tool> {
    planned(found["q"].split(" what ").next().unwrap_or_default())
}

/// "Tacos for six people".
fn planned(said: &str) -> Option<Tool> {
    let words = split_words(said);
    let count = |at: usize| match amount(&words, at)? {
        (Amount::Pieces(people), used) => {
            let people = u32::try_from(people).ok().filter(|people| (1..=500).contains(people))?;
            Some((people, used))
        }
        (Amount::NotWhole, _) => None,
    };
    let is_people = |word: Option<&String>| {
        word.is_some_and(|w| {
            matches!(
                w.as_str(),
                "people" | "us" | "persons" | "guests" | "of" | "kids" | "adults" | "friends"
            )
        })
    };
    // "For six", or "ten people" anywhere.
    let named = (0..words.len()).find_map(|at| {
        let article = matches!(words[at].as_str(), "a" | "an");
        let (people, used) = count(at).filter(|_| !article)?;
        let after_for = at > 0 && matches!(words[at - 1].as_str(), "for" | "about" | "around" | "are" | "us");
        (after_for || is_people(words.get(at + used))).then_some((at, used, people))
    });
    let mut left = words.clone();
    if let Some((at, used, _)) = named {
        let end = (at + used + usize::from(is_people(left.get(at + used)))).min(left.len());
        let start = if at > 0 && left[at - 1] == "for" { at - 1 } else { at };
        left.drain(start..end);
    }
    let (occasion, constraints) = split(&left.join(" "));
    let people = named.map(|(_, _, people)| people);
    (!occasion.is_empty()).then_some(Tool::PlanOccasion { occasion, people, constraints })
}

/// Facts of a label.
fn labels() -> Vec<Rule<Tool>> {
    vec![
        rule(
            r"^(?:does|do|has|have|is there|are there|did)(?: the| your| these| those)* (?P<q>.+?) (?:contain|have|has|got|include|come with)(?: any)? (?P<a>.+)$",
            contains,
        ),
        rule(
            r"^(?:does|do|has|have|did)(?: the| your)* (?P<q>.+?) (?:contain|have|has|got) (?:any|some|it|that|them|any of (?:it|that|them))$",
            |c, x| {
                let (allergens, dietary) = match x.last() {
                    _ if !x.avoid().is_empty() => (x.avoid().to_vec(), Vec::new()),
                    Some(Tool::CheckFacts { allergens, dietary, .. }) => (allergens.clone(), dietary.clone()),
                    _ => return None,
                };
                let named =
                    if matches!(&c["q"], "you" | "they" | "we") { return None } else { subject(&c["q"], x)? };
                facts_of(named, allergens, dietary, false)
            },
        ),
        rule(
            r"^(?:(?:is|are) (?:there )?(?:any |some )?|(?:could|can|might|may|will) there be (?:any |some )?|(?:any|some) )(?P<a>[a-z ]+?) (?:in|on|inside) (?P<q>.+)$",
            |c, x| {
                let named = c["a"].split(' ').any(|w| !allergens_named(w).is_empty());
                if named { contains(c, x) } else { None }
            },
        ),
        rule(
            r"^(?:which|what) (?:of (?:these|those|them) |ones? )?(?:have|has|contain|contains|is with|are with)(?: any)? (?P<a>.+?)(?: in (?:it|them))?$",
            |c, x| {
                let asked = split_words(&c["a"]);
                let subject = listed_or_shown(x)?;
                facts_of(subject, allergens_in(&asked), dietary_named(&asked), false)
            },
        ),
        rule(
            r"^(?:what|which) allergens? (?:are |does |do |is |has |have )?(?:in |there in |for )?(?P<q>.*?)(?: (?:contain|have|got|in it|in there|in them))?$",
            |c, x| facts_of(about(c, x)?, Vec::new(), Vec::new(), true),
        ),
        rule(r"^(?:any|are there (?:any )?|what about(?: the)?) allergens?(?: in (?P<q>.+))?$", |c, x| {
            facts_of(about(c, x)?, Vec::new(), Vec::new(), true)
        }),
        rule(r"^what (?:is|are) (?:actually )?in (?P<q>.+)$", |c, x| {
            let is_place = ["stock", "aisle", "my", "the list"].iter().any(|place| c["q"].starts_with(place));
            if is_place { None } else { facts_of(subject(&c["q"], x)?, Vec::new(), Vec::new(), true) }
        }),
        rule(
            r"^(?:does|do|has|have|is there|are there) (?:any of (?:it|them|these|those|that)|anything) (?:on my list )?(?:contain|have|has|with)?(?: any)? ?(?P<a>.+)$",
            |c, x| {
                let asked = split_words(&c["a"]);
                facts_of(listed_or_shown(x)?, allergens_in(&asked), dietary_named(&asked), false)
            },
        ),
        // "Is it okay for a coeliac", "can someone with a nut allergy eat this".
        rule(
            r"^(?:is|are|would)(?: the| your| these| those)* (?P<q>.+?) (?:be )?(?:okay|ok|safe|fine|alright|all right|good|suitable|right|edible)(?: (?:to eat|to have))? (?:for|with|if|when|without)\b(?P<a>.+)$",
            suited,
        ),
        rule(
            r"^(?P<q>.+?) (?:okay|ok|safe|fine|alright|all right|suitable) (?:for|with|if) (?P<a>.+)$",
            |c, x| {
                let asked = split_words(&c["a"]);
                let named = !allergens_in(&asked).is_empty() || !diets_in(&asked).is_empty();
                if named { suited(c, x) } else { None }
            },
        ),
        rule(
            r"^(?:can|could|may|should) (?P<a>.+?) (?P<v>eat|have|drink|use) (?P<q>.+?)(?P<m> with (?:my|that|the|this|her|his) (?:allergy|allergies|condition|intolerance))?$",
            |c, x| {
                let asked = split_words(&c["a"]);
                let (mut allergens, dietary) = (allergens_in(&asked), diets_in(&asked));
                // "Can I have" asks for it; "can I eat" asks whether it is good for me.
                let minds = c.name("m").is_some() || &c["v"] != "have";
                if allergens.is_empty() && dietary.is_empty() && minds {
                    allergens = x.avoid().to_vec();
                }
                facts_of(subject(&c["q"], x)?, allergens, dietary, false)
            },
        ),
        rule(
            r"^(?:is|are)(?: the| your)* (?P<q>.+?) (?:out|okay|ok|safe|fine|a problem|all right|alright)(?: then| for (?:her|him|them|me|us))?$",
            |c, x| {
                if x.avoid().is_empty() {
                    return None;
                }
                facts_of(subject(&c["q"], x)?, x.avoid().to_vec(), Vec::new(), false)
            },
        ),
        rule(r"^(?:is|are)(?: there)? (?P<q>.+)$", |c, x| {
            let mut left = split_words(&c["q"]);
            // "Is any of it organic" looks for one that is.
            if left.first().is_some_and(|word| word == "any") {
                return None;
            }
            let constraints = take_constraints(&mut left);
            if constraints.dietary.is_empty() && constraints.free_from.is_empty() {
                return None;
            }
            left.retain(|word| {
                !matches!(
                    word.as_str(),
                    "stated"
                        | "labeled"
                        | "marked"
                        | "certified"
                        | "really"
                        | "actually"
                        | "all"
                        | "also"
                        | "like"
                )
            });
            let subject = subject(&left.join(" "), x).or_else(|| x.focus())?;
            facts_of(subject, constraints.free_from, constraints.dietary, false)
        }),
    ]
}

/// Diets of people: "a vegan", "vegetarians".
fn diets_in(asked: &[String]) -> Vec<String> {
    let singular: Vec<String> = asked.iter().map(|word| word.trim_end_matches('s').to_owned()).collect();
    dietary_named(&singular)
}

/// The cards; with a list but no card spoken of, its lines.
fn listed_or_shown(context: &Context) -> Option<Subject> {
    if context.just_listed() {
        let lines = (0..context.order.len().min(MANY)).map(|line| Subject::Line { line }).collect();
        return Subject::of(lines);
    }
    context.focus_all()
}

/// Most lines or cards whose labels are asked for at once.
const MANY: usize = 4;

fn contains(found: &Found<'_>, context: &Context) -> Option<Tool> {
    // "Do you have oat milk" asks the shop, not a label.
    if matches!(&found["q"], "you" | "i" | "we" | "they" | "you guys") {
        return None;
    }
    let asked = split_words(&found["a"]);
    let any = asked.iter().any(|w| w.starts_with("allergen"));
    facts_of(subject(&found["q"], context)?, allergens_in(&asked), dietary_named(&asked), any)
}

fn suited(found: &Found<'_>, context: &Context) -> Option<Tool> {
    let asked = split_words(&found["a"]);
    let mut allergens = allergens_in(&asked);
    let dietary = diets_in(&asked);
    if allergens.is_empty() && dietary.is_empty() {
        allergens = context.avoid().to_vec();
    }
    facts_of(subject(&found["q"], context)?, allergens, dietary, false)
}

/// `None` when nothing that a label states was asked for, unless `any` will do.
fn facts_of(subject: Subject, allergens: Vec<String>, dietary: Vec<String>, any: bool) -> Option<Tool> {
    (any || !allergens.is_empty() || !dietary.is_empty()).then_some(Tool::CheckFacts {
        subject,
        allergens,
        dietary,
    })
}

fn places() -> Vec<Rule<Tool>> {
    vec![
        rule(
            r"^(?:where|whereabouts) (?:is|are|was|were|might|could|can i find|can i get|do i find|do i get|would i find|could i find|might i find|will i find|do you (?:keep|have|put|store|sell)|would|do i pick|can i pick|(?:have|did) you (?:put|hidden|moved)) (?:the |a |an |some |any |your |all the )*(?P<q>.+?)(?: located| kept| stored| hiding| be| up| at| live)*$",
            |c, x| Some(Tool::LocateProduct(subject(&c["q"], x)?)),
        ),
        rule(
            r"^(?:where|whereabouts|where (?:is|are|to)|(?:what|which) (?:aisle|shelf|row|section))$",
            |_, x| Some(Tool::LocateProduct(x.focus_spoken()?)),
        ),
        rule(
            r"^(?:which|what) (?:aisle|shelf|section|bay|row|department)(?: number)? (?:is|are|has|have|for|do i find|can i find|would have|would|are you keeping|do you (?:keep|have))(?: the| a| an| some| your)* (?P<q>.+?)(?: in| on| at| be)*$",
            |c, x| Some(Tool::LocateProduct(subject(&c["q"], x)?)),
        ),
        rule(
            r"^(?:how do i (?:get|find|go)(?: to)?|take me to|guide me to|show me (?:the way to|where)|lead me to|direct me to|point me to|(?:the )?way to)(?: the| a| some| your)* (?P<q>.+?)(?: is| are)?$",
            |c, x| Some(Tool::LocateProduct(subject(&c["q"], x)?)),
        ),
        rule(r"^(?:find|locate) (?P<q>it|that|this|them|those) (?:for me)?$", |c, x| {
            Some(Tool::LocateProduct(subject(&c["q"], x)?))
        }),
    ]
}

fn prices() -> Vec<Rule<Tool>> {
    vec![
        rule(
            r"^how (?:much|expensive) (?:is|are|does|do|for|would|will|was)(?: the| a| an| your| some)* (?P<q>.+?)(?: (?:cost|costs|be|go for|sell for|normally|usually|each|regularly))*$",
            priced,
        ),
        rule(
            r"^what (?:is|are|was) the (?:price|prices|cost|regular price|normal price)(?: (?:of|for|on))?(?: the| a| an| your| some)* ?(?P<q>.*)$",
            priced,
        ),
        rule(
            r"^what (?:does|do|would|will|did)(?: the| a| an| your| some)* (?P<q>.+?) (?:cost|go for|sell for|run)(?: me| together| each| now| all together)*$",
            priced,
        ),
        rule(
            r"^(?:.+ )?what (?:is |does |do )?(?:one of )?(?P<q>it|that|this|they|those|these|them|the .+?) costs?$",
            priced,
        ),
        rule(r"^how much is one of (?P<q>.+)$", priced),
        rule(
            r"^what (?:is|are) (?P<q>it|that|this|they|those|these)(?: (?:now|normally|usually|each|going for))*$",
            priced,
        ),
        rule(r"^(?:the )?(?:prices?|cost) (?:of|for|on|check)(?: the| a| an| your| for)* (?P<q>.+)$", priced),
        rule(r"^what are (?:they|you|we) (?:asking|charging)(?: for)? (?P<q>.+)$", priced),
        rule(r"^(?P<q>.+) (?:price|prices|price please)$", |c, x| {
            if matches!(&c["q"], "lowest" | "the lowest" | "cheapest" | "best" | "low" | "cheap") {
                return None;
            }
            let named = subject(&c["q"], x)?;
            let is_pointing = !matches!(named, Subject::Query { .. });
            (is_pointing || c["q"].split(' ').count() <= 4).then_some(Tool::GetPrice(named))
        }),
        rule(r"^(?:how much|(?:the )?price|what price|cost|how much (?:is|are)|and the price)$", |_, x| {
            Some(Tool::GetPrice(x.focus_spoken()?))
        }),
        rule(r"^how much$", |_, _| Some(Tool::AskFor { missing: Missing::Product })),
    ]
}

fn priced(found: &Found<'_>, context: &Context) -> Option<Tool> {
    let bare = found["q"].trim();
    if matches!(bare, "they" | "both" | "") {
        return Some(Tool::GetPrice(context.focus_all()?));
    }
    let named = subject(bare, context)?;
    let each = found[0].contains("one of ") || found[0].contains(" each");
    Some(Tool::GetPrice(match named {
        // "One of them": a piece, not the whole line.
        Subject::Line { line }
            if each && context.order.get(line).is_some_and(|own| own.options.is_empty()) =>
        {
            Subject::Sku { sku: context.order.get(line)?.sku.clone() }
        }
        named => named,
    }))
}

fn stocks() -> Vec<Rule<Tool>> {
    vec![
        rule(
            r"^(?:do you have|have you got|is there|are there|is|are|got|have you|do you still have|any)(?: the| a| an| any| some| your| more| still)* (?P<q>.+?) (?:still )?(?:in stock|in today|available|left|on hand|sold out|out of stock|gone)$",
            |c, x| Some(Tool::CheckStock(subject(&c["q"], x)?)),
        ),
        rule(
            r"^(?:do you have|have you got|have you|got|is|are) (?P<q>it|that|this|them|those|these|any)(?: (?:in|one|ones|in store|back|still|there))*$",
            |_, x| Some(Tool::CheckStock(x.focus()?)),
        ),
        rule(r"^is (?:the |your )?(?P<q>.+) in$", |c, x| Some(Tool::CheckStock(subject(&c["q"], x)?))),
        rule(
            r"^how many (?P<q>.+?) (?:do you (?:\w+ )?(?:have|got)|have you (?:\w+ )?got|are there|are left|are in stock|left|in stock).*$",
            |c, x| Some(Tool::CheckStock(subject(&c["q"], x)?)),
        ),
        rule(
            r"^(?:none|how many (?:have you|do you) (?:got|have)(?: left| in stock| still)*|how many (?:are|is|do you have)(?: there)?(?: left| in stock)?|how many|(?:any|none|got any|is there any|are there any)(?: at all| left| more| still)+|in stock|(?:is it |are they )?available|do you have enough(?: .*)?|are there enough(?: .*)?|is there enough(?: .*)?)$",
            |_, x| Some(Tool::CheckStock(x.focus()?)),
        ),
        rule(
            r"^how many .+ (?:is|are) (?:it|that|this|those|(?:there )?in (?:it|that|there|a pack|one))$",
            |_, x| Some(Tool::ShowProducts { subject: x.focus()? }),
        ),
        rule(r"^how many (?:are|is|come|comes) (?:in|there in) (?P<q>.+)$", |c, x| {
            let subject = subject(&c["q"], x).or_else(|| x.focus())?;
            Some(Tool::ShowProducts { subject })
        }),
    ]
}

fn comparisons() -> Vec<Rule<Tool>> {
    vec![
        rule(
            r"^(?:(?:can|could) you )?(?:compare|(?:what is )?(?:the )?difference between|which is (?:the )?(?:cheaper|better|bigger|larger|dearer)(?: one)?|what is (?:cheaper|better|bigger)|between)(?: the| a)* (?P<a>.+?) (?:and|with|to|or|versus|vs|against)(?: the| a)* (?P<b>.+?)(?: (?:price wise|on price|by price|the one .*|which .*))?$",
            |c, x| {
                let mut subjects = vec![subject(&c["a"], x)?, subject(&c["b"], x)?];
                subjects.dedup();
                Some(Tool::CompareProducts { subjects })
            },
        ),
        rule(
            r"^(?:compare|(?:what is )?the difference between|what is the difference)(?: in price| in size)?(?: (?P<q>them|those|these|both|the two|these two|those two|the first two|first two))?$",
            |c, x| {
                match c.name("q").map(|q| q.as_str()) {
                    Some(text @ ("the first two" | "first two")) => subject(text, x),
                    // "Nuts or almonds, what is the difference?"
                    _ => match x.focus_all() {
                        Some(Subject::Query { query, .. }) if query.contains(" or ") => {
                            Subject::of(query.split(" or ").filter_map(|part| subject(part, x)).collect())
                        }
                        focus => focus,
                    },
                }
                .map(compared)
                .or(Some(Tool::AskFor { missing: Missing::Product }))
            },
        ),
        rule(
            r"^how (?:is|are) (?P<q>it|that|this|they|the .+?) (?:different|differ)(?: (?:from|to|than) (?:the )?(?P<b>.+))?$",
            |c, x| {
                let first = subject(&c["q"], x)?;
                let Some(other) = c.name("b") else { return Some(compared(x.focus_all()?)) };
                let other = subject(other.as_str(), x)?;
                if other == first {
                    // "It" is the one of those spoken of that is not named.
                    return Some(compared(x.focus_spoken()?));
                }
                Some(Tool::CompareProducts { subjects: vec![first, other] })
            },
        ),
        rule(r"^(?P<a>.+) (?:versus|vs) (?P<b>.+)$", |c, x| {
            Some(Tool::CompareProducts { subjects: vec![subject(&c["a"], x)?, subject(&c["b"], x)?] })
        }),
        rule(
            r"^compare(?: it| that| this)? (?:with|to|and|against) (?:the )?(?P<b>.+?)(?: (?:price wise|on price|by price))?$",
            |c, x| Some(Tool::CompareProducts { subjects: vec![x.focus()?, subject(&c["b"], x)?] }),
        ),
        rule(r"^compare (?P<q>.+)$", |c, x| match subject(&c["q"], x)? {
            several @ Subject::Several { .. } => Some(compared(several)),
            _ => Some(Tool::AskFor { missing: Missing::Other }),
        }),
    ]
}

fn compared(subject: Subject) -> Tool {
    match subject {
        Subject::Several { subjects } => Tool::CompareProducts { subjects },
        one => Tool::CompareProducts { subjects: vec![one] },
    }
}

fn advice() -> Vec<Rule<Tool>> {
    vec![
        rule(
            r"^(?:what|anything|something)(?: else)? (?:goes|would go|to go|that goes|pairs|works|tastes good|is good|would be good)(?: (?:well|best|nicely|good|great))? with (?P<q>.+?)(?: (?P<k>\w+) wise)?$",
            paired,
        ),
        rule(
            r"^(?:what|which)(?: kind of| sort of)? (?P<k>\w+(?: \w+)?) (?:goes|go|would go|pairs|pair|works|work)(?: (?:well|best|nicely|good))? with (?P<q>.+)$",
            paired,
        ),
        rule(
            r"^what (?:can|should|could|would|do) (?:i|you|we) (?:\w+ )?(?:serve|have|eat|drink|put|use|pair|combine|get|recommend|suggest)(?: (?:to go|together))? with (?P<q>.+)$",
            paired,
        ),
        rule(
            r"^(?:what|anything|something|is there (?:anything|something)|do you have (?:anything|something)|have you got (?:anything|something)|what else)(?: (?:is|are|do you have|have you got|that is|else))* (?:similar|like|alike|close|comparable)(?: to)?(?: (?P<q>.+))?$",
            |c, x| Some(Tool::FindSubstitutes { subject: about(c, x)? }),
        ),
        rule(
            r"^(?:(?:is there|do you have|have you got|what is|what are|any|give me|suggest|recommend|find me|show me) )?(?:a |an |any |some |the |good )*(?:substitutes?|alternatives?|replacements?)(?: (?:for|to|of|instead of) (?P<q>.+))?$",
            |c, x| Some(Tool::FindSubstitutes { subject: about(c, x)? }),
        ),
        rule(
            r"^what (?:can|could|should|do|would) (?:i|we|you) (?:use|get|take|have|buy|recommend|suggest|offer) instead(?: of (?P<q>.+))?$",
            |c, x| Some(Tool::FindSubstitutes { subject: about(c, x)? }),
        ),
        rule(
            r"^(?:something along (?:those|these) lines|something like (?:that|it|this)|what (?:else )?do you have instead|something else instead|instead of (?P<q>.+) what .+)$",
            |c, x| Some(Tool::FindSubstitutes { subject: about(c, x)? }),
        ),
        rule(
            r"^(?:what else (?:do you have|have you got|is there)|anything else|something else|any others?|others|other (?:ones|brands|kinds|options)|show me (?:more|others|other ones)|what other .*|do you have (?:any )?others?|more options)(?: (?:like (?:it|that|this)|there))?$",
            |_, x| {
                let search = x.search()?.clone();
                let shown = x.shown().iter().map(|known| known.product.sku.clone()).collect();
                let constraints = search.constraints;
                Some(Tool::NarrowProducts {
                    query: search.query,
                    constraints,
                    shown,
                    than: Some(Than::Other),
                })
            },
        ),
        rule(
            r"^(?:(?:can|could|would|do) you )?(?:recommend|suggest)(?: me)?(?: a| an| some| any| me)*(?: good| nice)? (?P<q>.+)$",
            recommended,
        ),
        rule(
            r"^(?:what is|which is|what are|which are)(?: the| a| your)*(?: good| best| nicest| favorite| most popular) (?P<q>.+)$",
            recommended,
        ),
        rule(r"^what (?P<q>.+?) (?:would|do|can) you (?:recommend|suggest)(?: .*)?$", recommended),
        rule(
            r"^(?:what (?:would|do|can) you (?:recommend|suggest)|(?:recommend|suggest) (?:something|me something)|any (?:recommendations?|suggestions?|ideas)|surprise me)$",
            |_, _| Some(Tool::AskFor { missing: Missing::Product }),
        ),
        rule(
            r"^(?:does|do) (?:that|this|the same|their) brand (?:also )?(?:do|have|make|sell|offer|carry) (?:any )?(?P<q>.+)$",
            |c, x| {
                let brand = x.focused()?.product.brand.clone()?;
                let (query, constraints) = split(&c["q"]);
                Some(Tool::FindProducts { query: format!("{} {query}", brand.to_lowercase()), constraints })
            },
        ),
        rule(r"^what else (?:have you got|do you have|is there) (?P<q>.+)$", recommended),
    ]
}

fn paired(found: &Found<'_>, context: &Context) -> Option<Tool> {
    let kind = found.name("k").map(|kind| kind.as_str().to_owned());
    let kind = kind.filter(|kind| {
        !matches!(kind.as_str(), "else" | "would" | "well" | "food" | "foods" | "things" | "stuff")
    });
    Some(Tool::FindPairings { subject: subject(&found["q"], context)?, kind })
}

fn recommended(found: &Found<'_>, context: &Context) -> Option<Tool> {
    let (query, constraints) = split(&found["q"]);
    if matches!(query.as_str(), "one" | "ones" | "it" | "them" | "which" | "of these" | "of those") {
        return Some(Tool::ShowProducts { subject: context.focus()? });
    }
    (!query.is_empty() || !constraints.is_empty()).then_some(Tool::Recommend { query, constraints })
}
