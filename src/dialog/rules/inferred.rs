//! What a clause that no rule knows is taken for: the tool call of the classifier's class,
//! about what the clause points at or names. Never acts on a faint hunch; what changes
//! the list, calls a person or ends the session needs a stronger one.

use super::listing::{drink_of, last_drink, options_in, quantity};
use super::narrow::again;
use super::subject::{is_measure, split, split_words, subject};
use super::{Certainty, Understanding};
use crate::dialog::classifier::{Class, Hunch};
use crate::dialog::clause::Clause;
use crate::dialog::constraint::{allergens_in, dietary_named, take_constraints};
use crate::dialog::context::Context;
use crate::dialog::menu::Menu;
use crate::dialog::refer::{self, pointed_at};
use crate::dialog::size::take_size;
use crate::dialog::tool::{Change, Constraints, ListItem, Missing, Refusal, Subject, Than, Tool, Topic};
use crate::dialog::words::{Amount, amount};
use crate::domain::turn::Tier;

/// How likely a class must be to be looked up. Of utterances of writers that it was not
/// learned from, the classifier is right on 88 % of those above (`make tune-intents`).
const LIKELY: f32 = 0.45;
/// How likely, to do what a shopper would have to take back: 95 % are right.
const SURE: f32 = 0.7;

/// How likely, to refuse a search that the rules understood: somebody may need it.
pub(super) const CERTAIN: f32 = 0.85;
/// A longer clause that names no product tells a story.
const SHORT: usize = 8;

/// What `clause` is taken for; `None` where the hunch is too faint for what it means, or
/// nothing fits it.
pub(super) fn inferred(
    clause: &Clause,
    hunch: &Hunch,
    menu: &Menu,
    context: &Context,
) -> Option<Understanding> {
    let words = clause.words();
    // A product's name and nothing else, but for how much is in it.
    if !hunch.named.is_empty() && without_size(&hunch.named) == without_size(&words) {
        return None;
    }
    let reader = Reader { words: &words, hunch, menu, context };
    let strong = |tool: &Tool| hunch.probability >= limit(tool);
    let Some(tool) = reader.tool().filter(strong) else {
        // A trick about an allergen is answered with what the label says.
        let tool = reader.warned()?;
        return Some(Understanding { tool, tier: Tier::Rules, certainty: Certainty::Named });
    };
    let certainty = match Understanding::of(tool.clone()).certainty {
        Certainty::Courtesy => Certainty::Courtesy,
        _ if hunch.probability >= SURE => Certainty::Sure,
        _ => Certainty::Named,
    };
    Some(Understanding { tool, tier: Tier::Rules, certainty })
}

/// Of a name the words that are not how much of it there is.
fn without_size(words: &[String]) -> Vec<String> {
    let mut words = words.to_vec();
    let _ = take_size(&mut words);
    // Names have numbers of their own, which stand beside one that is taken.
    words.retain(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
    words
}

/// How likely the class must be for `tool`.
fn limit(tool: &Tool) -> f32 {
    let acts = matches!(
        tool,
        Tool::AddToList { .. }
            | Tool::ChangeList { .. }
            | Tool::RemoveFromList { .. }
            | Tool::ClearList
            | Tool::Undo
            | Tool::ConfirmList
            | Tool::Agree
            | Tool::Decline
            | Tool::CallStaff
            | Tool::Goodbye
            | Tool::Refuse { .. }
    );
    if acts { SURE } else { LIKELY }
}

struct Reader<'a> {
    words: &'a [String],
    hunch: &'a Hunch,
    menu: &'a Menu,
    context: &'a Context,
}

impl Reader<'_> {
    fn tool(&self) -> Option<Tool> {
        let context = self.context;
        let has_list = !context.order.is_empty();
        let asked = || (self.words.len() <= SHORT).then_some(Tool::AskFor { missing: Missing::Product });
        let about = |call: fn(Subject) -> Tool| self.about().map(call).or_else(asked);
        Some(match self.hunch.class {
            Class::Find => self.find()?,
            Class::Locate => about(Tool::LocateProduct)?,
            Class::Price if has_list && self.is_of_all() => Tool::ReviewList,
            Class::Price => about(Tool::GetPrice)?,
            Class::Stock => about(Tool::CheckStock)?,
            Class::Compare => self.compare()?,
            Class::Cheaper => self.narrow(Than::Cheaper)?,
            Class::Bigger => self.narrow(Than::Bigger)?,
            Class::Smaller => self.narrow(Than::Smaller)?,
            Class::Others => self.narrow(Than::Other)?,
            Class::Recommend => {
                let (query, constraints) = self.searched()?;
                Tool::Recommend { query, constraints }
            }
            Class::Pairings => Tool::FindPairings { subject: self.about()?, kind: None },
            Class::Substitutes => Tool::FindSubstitutes { subject: self.about()? },
            Class::Label => self.label()?,
            // "Is the shampoo on offer": its price tells.
            Class::Promotions if self.is_of_one() => Tool::GetPrice(self.about()?),
            Class::Promotions => Tool::ListPromotions,
            Class::Add => self.add()?,
            Class::Remove => self.remove()?,
            Class::Change => self.change()?,
            Class::Review => Tool::ReviewList,
            Class::Confirm if has_list => Tool::ConfirmList,
            Class::Undo if context.before().is_some() => Tool::Undo,
            Class::Clear if has_list => Tool::ClearList,
            Class::Repeat => Tool::Repeat,
            Class::Help => Tool::Help,
            Class::Person => Tool::CallStaff,
            Class::Hours => Tool::StoreFact { topic: Topic::Hours },
            Class::Returns => Tool::StoreFact { topic: Topic::Returns },
            Class::Toilets => Tool::StoreFact { topic: Topic::Toilets },
            Class::Payment => Tool::StoreFact { topic: Topic::Payment },
            Class::Parking => Tool::StoreFact { topic: Topic::Parking },
            Class::Greet => Tool::Greet,
            Class::Goodbye => Tool::Goodbye,
            Class::Thanks => Tool::Acknowledge,
            Class::Smalltalk => Tool::SmallTalk,
            Class::Yes if context.question().is_some() => Tool::Agree,
            Class::No if context.question().is_some() => Tool::Decline,
            Class::Yes | Class::No => Tool::Acknowledge,
            Class::Medical => Tool::Refuse { reason: Refusal::Medical, subject: None },
            // A plan needs an occasion's name, which the rules know; nonsense has no call.
            Class::Plan | Class::Confirm | Class::Undo | Class::Clear | Class::Other => return None,
        })
    }

    /// The words that name something in the catalog.
    fn named(&self) -> Option<String> {
        (!self.hunch.named.is_empty()).then(|| self.hunch.named.join(" "))
    }

    /// What is named, with what the whole clause requires of it.
    fn searched(&self) -> Option<(String, Constraints)> {
        let (query, _) = split(&self.named()?);
        let constraints = take_constraints(&mut self.words.to_vec());
        (!query.is_empty()).then_some((query, constraints))
    }

    fn find(&self) -> Option<Tool> {
        let (query, constraints) = self.searched()?;
        Some(Tool::FindProducts { query, constraints })
    }

    /// "All of that together".
    fn is_of_all(&self) -> bool {
        let all = ["all", "everything", "total", "altogether", "far", "lot", "together", "whole", "bill"];
        self.words.iter().any(|word| all.contains(&word.as_str())) && self.hunch.named.is_empty()
    }

    /// What is pointed at by a phrase of two words or more: "the second one".
    fn pointed(&self) -> Option<Subject> {
        let words = self.words;
        let runs = (2..=5_usize.min(words.len())).rev().flat_map(|count| words.windows(count));
        let mut runs = runs.filter(|run| run.first().is_some_and(|word| is_pointer(word)));
        runs.find_map(|run| pointed_at(&run.join(" "), self.context))
    }

    /// Where a word stands for something that was spoken of.
    fn pronoun(&self) -> Option<usize> {
        let words = self.words;
        (0..words.len()).find(|at| {
            let next = words.get(at + 1);
            match words[*at].as_str() {
                "one" => next.is_none() || (*at > 0 && is_pointer(&words[at - 1])),
                word => is_pronoun(word) && next.is_none_or(|next| !self.hunch.named.contains(next)),
            }
        })
    }

    /// What the clause is about: what it points at or names, "it" where it names nothing
    /// before.
    fn about(&self) -> Option<Subject> {
        if let Some(subject) = self.pointed() {
            return Some(subject);
        }
        let words = self.words;
        let named = words.iter().position(|word| self.hunch.named.contains(word));
        let pronoun = self.pronoun();
        let focus = || {
            let many = pronoun
                .is_some_and(|at| matches!(words[at].as_str(), "those" | "these" | "them" | "they" | "both"));
            if many { self.context.focus_all() } else { self.context.focus() }
        };
        let first = match (pronoun, named) {
            (Some(pronoun), Some(named)) if pronoun > named => None,
            (None, Some(_)) => None,
            _ => focus(),
        };
        let named = || match subject(&self.named()?, self.context)? {
            Subject::Query { .. } => {
                let (query, constraints) = self.searched()?;
                Some(Subject::Query { query, constraints })
            }
            pointed => Some(pointed),
        };
        first.or_else(named).or_else(focus)
    }

    fn compare(&self) -> Option<Tool> {
        let subjects = match (self.about(), self.context.focus()) {
            (Some(Subject::Several { subjects }), _) => subjects,
            // "How is the cod different?", from what is spoken of.
            (Some(other), Some(focus)) if other != focus && !self.hunch.named.is_empty() => {
                vec![focus, other]
            }
            _ => {
                let shown = self.context.shown().iter().take(2);
                shown.map(|known| Subject::Sku { sku: known.product.sku.clone() }).collect()
            }
        };
        (subjects.len() > 1).then_some(Tool::CompareProducts { subjects })
    }

    /// Others than those on the screen; of something that was not searched, a search.
    fn narrow(&self, than: Than) -> Option<Tool> {
        let search = self.context.search();
        let new = self.named().filter(|named| {
            let known = search.map(|search| split_words(&search.query)).unwrap_or_default();
            !split_words(named).iter().all(|word| known.contains(word))
        });
        if new.is_some() {
            let (query, constraints) = self.searched()?;
            let cheapest_first = than == Than::Cheaper || constraints.cheapest_first;
            return Some(Tool::FindProducts {
                query,
                constraints: Constraints { cheapest_first, ..constraints },
            });
        }
        Some(again(search?, take_constraints(&mut self.words.to_vec()), Some(than), self.context))
    }

    fn is_of_one(&self) -> bool {
        let asks = self.words.first().is_some_and(|word| matches!(word.as_str(), "is" | "are"));
        asks && !self.hunch.named.is_empty()
    }

    /// What the label of a named product says of a named allergen, where the clause is no
    /// plain search.
    fn warned(&self) -> Option<Tool> {
        let tricks = matches!(self.hunch.class, Class::Other | Class::Medical | Class::Label | Class::Stock);
        let named = self.hunch.named.iter().any(|word| !is_label(word));
        let is_long = self.words.len() > SHORT;
        let allergens = allergens_in(self.words);
        if tricks && named && is_long && !allergens.is_empty() { self.label() } else { None }
    }

    fn label(&self) -> Option<Tool> {
        let (allergens, dietary) = (allergens_in(self.words), dietary_named(self.words));
        // An allergen is named to ask about it, not as the product.
        let named: Vec<String> = self.hunch.named.iter().filter(|word| !is_label(word)).cloned().collect();
        let hunch = Hunch { named, ..self.hunch.clone() };
        let about = Reader { hunch: &hunch, ..*self }.about()?;
        // What is asked of the label is not required of the product; "which meat is halal"
        // and "the vegan sushi, is soy in that" say which one is meant.
        let chooses = !allergens.is_empty()
            || self.words.first().is_some_and(|word| matches!(word.as_str(), "which" | "what" | "any"));
        let subject = match about {
            Subject::Query { query, constraints } => {
                let dietary = if chooses { constraints.dietary } else { Vec::new() };
                let constraints = Constraints { dietary, free_from: Vec::new(), ..constraints };
                Subject::Query { query, constraints }
            }
            pointed => pointed,
        };
        Some(Tool::CheckFacts { subject, allergens, dietary })
    }

    /// The number of pieces that is said; `None`: none is.
    fn pieces(&self) -> Option<u32> {
        let said = |at: usize| match amount(self.words, at)? {
            (Amount::Pieces(pieces), _) => u32::try_from(pieces).ok(),
            (Amount::NotWhole, _) => None,
        };
        (0..self.words.len())
            .filter(|at| !matches!(self.words[*at].as_str(), "a" | "an" | "one"))
            .find_map(said)
    }

    /// The same, a "one" counted too.
    fn counted(&self) -> Option<u32> {
        let one = self.words.iter().any(|word| word == "one");
        self.pieces().or(one.then_some(1))
    }

    /// "Stick it on there": of what is named or pointed at, in a number that the shop sells.
    fn add(&self) -> Option<Tool> {
        if self.hunch.named.is_empty() && self.pronoun().is_none() {
            return None;
        }
        // "And milk" goes on with a list; of none it only names milk.
        let only_names = self.words.iter().all(|word| {
            self.hunch.named.contains(word) || matches!(word.as_str(), "and" | "also" | "plus" | "then")
        });
        if only_names && self.context.order.is_empty() {
            return None;
        }
        let quantity = self.pieces().unwrap_or(1);
        let subject = self.about()?;
        (1..super::subject::TOO_MANY)
            .contains(&quantity)
            .then_some(Tool::AddToList { items: vec![ListItem { subject, quantity }] })
    }

    /// The lines of the list that the clause means.
    fn lines(&self) -> Vec<usize> {
        let named: Vec<&str> =
            self.hunch.named.iter().map(String::as_str).filter(|word| !is_measure(word)).collect();
        match named.as_slice() {
            [_, ..] => refer::lines(&named.join(" "), self.context),
            [] => refer::lines("it", self.context),
        }
    }

    fn remove(&self) -> Option<Tool> {
        let lines = self.lines();
        let &line = lines.first()?;
        let listed = self.context.order.get(line)?.quantity;
        match self.counted() {
            Some(pieces) if pieces < listed => {
                Some(Tool::ChangeList { changes: vec![Change::By { line, pieces: -i64::from(pieces) }] })
            }
            _ => Some(Tool::RemoveFromList { lines }),
        }
    }

    /// Options of a drink, else a number of pieces.
    fn change(&self) -> Option<Tool> {
        let drink = drink_of(&self.lines(), self.context).or_else(|| last_drink(self.context));
        if let Some(line) = drink {
            let title = &self.context.order.get(line)?.title;
            if let Some(options) = options_in(self.words, self.menu, title) {
                return Some(Tool::ChangeList { changes: vec![Change::Options { line, options }] });
            }
        }
        let pieces = self.counted()?;
        quantity(&self.lines(), Amount::Pieces(u64::from(pieces)))
    }
}

fn is_pronoun(word: &str) -> bool {
    matches!(word, "it" | "that" | "this" | "those" | "these" | "them" | "they" | "both")
}

/// True for how a phrase begins that points at something.
fn is_pointer(word: &str) -> bool {
    matches!(
        word,
        "the" | "that" | "this" | "those" | "these" | "both" | "first" | "second" | "last" | "other"
    )
}

/// True for a word that labels state.
fn is_label(word: &str) -> bool {
    let said = [word.to_owned()];
    matches!(word, "free" | "ingredients" | "ingredient" | "label" | "allergy" | "allergen")
        || !allergens_in(&said).is_empty()
        || !dietary_named(&said).is_empty()
}
