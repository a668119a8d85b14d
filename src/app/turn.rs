//! One turn as a pure state machine: events in, commands out, no I/O and no
//! clock. It decides the order of things: clause after clause, each in the context
//! that the one before left; rules, then the catalog, and the language model only for
//! what both leave.

use crate::dialog::classifier::{Class, Hunch};
use crate::dialog::clause::{Clause, clauses};
use crate::dialog::context::Context;
use crate::dialog::findings::{Findings, Found};
use crate::dialog::gate;
use crate::dialog::menu::Menu;
use crate::dialog::prompt;
use crate::dialog::reply::{Reply, guess, joined, reply};
use crate::dialog::rules::{Certainty, Understanding, gathered, reconsidered, understand};
use crate::dialog::tool::{Constraints, Missing, Refusal, Subject, Tool};
use crate::dialog::words::words;
use crate::domain::Currency;
use crate::domain::turn::Tier;
use std::collections::VecDeque;

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The shopper's words, typed or transcribed; empty when nothing was heard.
    Words(String),
    /// Something was done on the screen, which means this call and nothing else.
    Touched(Box<Tool>),
    /// Speech could not be recognised; the reason is for staff.
    HearingFailed(String),
    /// What the classifier takes each clause for; `None`: it cannot tell.
    Classified(Vec<Option<Hunch>>),
    /// The language model's completion.
    ModelAnswered {
        completion: String,
        /// How alike what it names and the shopper's words are in meaning, -1 to 1;
        /// `None`: not known.
        likeness: Option<f32>,
    },
    ModelFailed(String),
    /// What the last look-up brought.
    Found(Box<Findings>),
    LookupFailed(String),
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)] // One at a time.
pub enum Command {
    LookUp(Tool),
    /// Of each clause, given as its words.
    Classify(Vec<Vec<String>>),
    AskModel,
    /// The turn is answered; nothing follows.
    Answer(Box<Answer>),
}

/// One tool call of a turn, done.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub understanding: Understanding,
    pub findings: Findings,
}

/// The end of a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// At least one, in the order of the clauses.
    pub steps: Vec<Step>,
    pub reply: Reply,
    /// What did not work, for staff.
    pub degraded: Vec<String>,
}

impl Answer {
    /// The products that it is about, each once, what was asked last first; and whether each
    /// stands in for what is not carried.
    #[must_use]
    pub fn products(&self) -> Vec<(&Found, bool)> {
        let mut products: Vec<(&Found, bool)> = Vec::new();
        for step in self.steps.iter().rev() {
            let found = step.findings.found.iter().map(|found| (found, false));
            for own in found.chain(step.findings.alternatives.iter().map(|found| (found, true))) {
                if !products.iter().any(|(known, _)| known.product.sku == own.0.product.sku) {
                    products.push(own);
                }
            }
        }
        products
    }

    /// The step that the turn is reported as: the first that changes the list, else
    /// the first that does more than show what is pointed at.
    #[must_use]
    pub fn main(&self) -> Option<&Step> {
        let changes = |step: &&Step| step.findings.list.is_some();
        let asks = |step: &&Step| !matches!(step.understanding.tool, Tool::ShowProducts { .. });
        self.steps.iter().find(changes).or_else(|| self.steps.iter().find(asks)).or(self.steps.first())
    }
}

/// A turn under way.
#[derive(Debug)]
pub struct Turn {
    /// The shopper's words; they die with the turn.
    words: String,
    /// Clauses that are still to be understood.
    clauses: VecDeque<Heard>,
    /// Only what rules are sure of counts: some clause is.
    only_sure: bool,
    /// The conversation, with the steps that are done.
    context: Context,
    understanding: Option<Understanding>,
    /// The clause under way, until the classifier was asked about it.
    clause: Option<Clause>,
    /// The rules' own reading, where the classifier's goes first.
    own: Option<Understanding>,
    /// What came of an order that names nothing in the shop, while the classifier is asked
    /// what else it may be.
    nothing: Option<Box<Findings>>,
    steps: Vec<Step>,
    /// The rules' findings, kept while the model is asked.
    fallback: Option<Box<Findings>>,
    degraded: Vec<String>,
    currency: Currency,
    aids: Aids,
}

/// A clause that was heard.
#[derive(Debug, Clone)]
struct Heard {
    clause: Clause,
    /// What the classifier takes it for.
    hunch: Option<Hunch>,
    /// What the rules read in it, while the conversation is as it was then.
    own: Option<Understanding>,
}

/// What may be asked where rules do not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aids {
    pub classifier: bool,
    pub model: bool,
}

impl Turn {
    /// A new turn of the conversation `context`, with the `aids` that there are.
    #[must_use]
    pub fn new(context: Context, currency: Currency, aids: Aids) -> Self {
        Self {
            words: String::new(),
            clauses: VecDeque::new(),
            only_sure: false,
            context,
            understanding: None,
            clause: None,
            own: None,
            nothing: None,
            steps: Vec::new(),
            fallback: None,
            degraded: Vec::new(),
            currency,
            aids,
        }
    }

    /// The words that were heard or typed.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    /// The conversation as the steps so far left it.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The conversation after the turn.
    #[must_use]
    pub fn into_context(self) -> Context {
        self.context
    }

    /// Takes the next event and says what to do.
    pub fn update(&mut self, event: Event, menu: &Menu) -> Command {
        match event {
            Event::Words(words) => {
                let heard = |clause| {
                    let own = Some(understand(&clause, menu, &self.context));
                    Heard { clause, hunch: None, own }
                };
                let all = gathered(clauses(&words), menu, &self.context);
                let all: Vec<Heard> = all.into_iter().map(heard).collect();
                self.words = words;
                let is_open = |heard: &Heard| heard.own.as_ref().is_some_and(|own| own.certainty.is_open());
                if self.aids.classifier && all.iter().any(is_open) {
                    let words = all.iter().map(|heard| heard.clause.words()).collect();
                    self.clauses = all.into();
                    return Command::Classify(words);
                }
                self.take_apart(all, menu);
                self.next(menu)
            }
            Event::Classified(hunches) => {
                let mut hunches = hunches.into_iter();
                if let Some(nothing) = self.nothing.take() {
                    return self.second_thought(nothing, hunches.next().flatten(), menu);
                }
                let mut all = Vec::from(std::mem::take(&mut self.clauses));
                // Who gives the machine orders is not helped to any by guessing.
                let orders = |heard: &Heard| {
                    let tool = heard.own.as_ref().map(|own| &own.tool);
                    matches!(tool, Some(Tool::Refuse { reason: Refusal::Instructions, .. }))
                };
                if !all.iter().any(orders) {
                    all.iter_mut().for_each(|heard| heard.hunch = hunches.next().flatten());
                }
                self.take_apart(all, menu);
                self.next(menu)
            }
            Event::Touched(tool) => {
                self.only_sure = true;
                let understanding =
                    Understanding { tool: *tool, tier: Tier::Rules, certainty: Certainty::Sure };
                let tool = understanding.tool.clone();
                self.understanding = Some(understanding);
                Command::LookUp(tool)
            }
            Event::HearingFailed(why) => {
                self.degraded.push(why);
                self.end_with(Tool::CannotHear)
            }
            Event::Found(findings) => self.found(findings, menu),
            Event::LookupFailed(why) => {
                self.degraded.push(why);
                self.end_with(Tool::CannotLook)
            }
            Event::ModelAnswered { completion, likeness } => {
                let constraints = self.constraints();
                // What is wanted the classifier knows better than a small model.
                let read = prompt::read(&completion, constraints.clone()).map(|read| {
                    match prompt::named(&completion) {
                        Some(query) if self.aids.classifier => {
                            Understanding { tool: Tool::FindProducts { query, constraints }, ..read }
                        }
                        _ => read,
                    }
                });
                match read {
                    // A small model that understands nothing repeats an example.
                    Some(understanding) if prompt::is_of(&completion, &self.words, likeness) => {
                        let tool = understanding.tool.clone();
                        self.understanding = Some(understanding);
                        Command::LookUp(tool)
                    }
                    _ => self.give_up(),
                }
            }
            Event::ModelFailed(why) => {
                self.degraded.push(why);
                self.give_up()
            }
        }
    }

    /// What the rules read in a clause in the conversation so far.
    fn own(&self, heard: &Heard, menu: &Menu) -> Understanding {
        heard.own.clone().unwrap_or_else(|| understand(&heard.clause, menu, &self.context))
    }

    /// What a clause means of which `own` is the rules' reading. What the next one asks
    /// about is named, and means nothing by itself.
    fn meant(&self, heard: &Heard, own: Understanding, next_asks: bool, menu: &Menu) -> Understanding {
        match &heard.hunch {
            // Medical advice is refused, whatever is asked after.
            Some(hunch) if !next_asks || hunch.class == Class::Medical => {
                reconsidered(own, &heard.clause, hunch, menu, &self.context)
            }
            _ => own,
        }
    }

    /// Keeps those of all clauses that count.
    fn take_apart(&mut self, mut all: Vec<Heard>, menu: &Menu) {
        let mut certainties = Vec::new();
        for at in 0..all.len() {
            let next_asks = all.get(at + 1).is_some_and(|next| asks(&next.clause));
            let heard = &all[at];
            let understanding = self.meant(heard, self.own(heard, menu), next_asks, menu);
            let named = understanding.certainty < Certainty::Asked && next_asks;
            self.context.topic = topic(&understanding, heard.hunch.as_ref()).filter(|_| named);
            let minds = matches!(understanding.tool, Tool::Mind { .. }) && all.len() > 1;
            // "Once more, what is the price?" asks for the price.
            let leads = understanding.tool == Tool::Repeat && at + 1 < all.len();
            certainties.push(if leads { Certainty::Courtesy } else { understanding.certainty });
            // "She can't have nuts. Is this one all right?" minds it in the question.
            if minds {
                self.context.take(&Findings::none(understanding.tool, self.currency));
                all.iter_mut().for_each(|heard| heard.own = None);
            } else if self.context.topic.is_some() {
                all.iter_mut().skip(at + 1).for_each(|heard| heard.own = None);
            }
        }
        self.context.topic = None;
        let best = certainties.iter().max().copied();
        self.only_sure = best >= Some(Certainty::Asked);
        let counts = |at: usize| match best {
            Some(Certainty::Asked | Certainty::Sure) => true,
            // A story is told in several sentences; the first stands for it.
            Some(Certainty::Unsure) => certainties.iter().position(|c| *c == Certainty::Unsure) == Some(at),
            Some(Certainty::Courtesy) => at + 1 == certainties.len(),
            _ => Some(certainties[at]) == best,
        };
        let kept = all.into_iter().enumerate().filter(|(at, _)| counts(*at));
        self.clauses = kept.map(|(_, heard)| heard).collect();
    }

    /// Understands the next clause, in the context of the steps before it.
    fn next(&mut self, menu: &Menu) -> Command {
        while let Some(mut heard) = self.clauses.pop_front() {
            let next_asks = self.clauses.front().is_some_and(|next| asks(&next.clause));
            if !self.steps.is_empty() || self.context.topic.is_some() {
                heard.own = None;
            }
            let own = self.own(&heard, menu);
            let understanding = self.meant(&heard, own.clone(), next_asks, menu);
            self.own = Some(own).filter(|own| own.tool != understanding.tool);
            let Heard { clause, hunch, .. } = heard;
            let own_question = clause.asks && understanding.certainty > Certainty::Courtesy && !next_asks;
            let leads = understanding.tool == Tool::Repeat && !self.clauses.is_empty();
            let counts = !leads
                && (!self.only_sure
                    || understanding.certainty >= Certainty::Asked
                    || (own_question && !self.steps.is_empty()));
            // "We are having tacos for six. What do we need?" is asked once.
            let planned = understanding.tool == Tool::AskFor { missing: Missing::Occasion }
                && self.steps.iter().any(|step| matches!(step.understanding.tool, Tool::PlanOccasion { .. }));
            let again = planned
                || self.steps.last().is_some_and(|step| step.understanding.tool == understanding.tool)
                || (!self.steps.is_empty() && self.says_again(&understanding.tool));
            if counts && !again {
                let tool = understanding.tool.clone();
                self.clause = (hunch.is_none() && self.aids.classifier).then_some(clause);
                self.understanding = Some(understanding);
                return Command::LookUp(tool);
            }
            // "And the brie, how much is it": the question is about what was named.
            if next_asks {
                self.context.topic = topic(&understanding, hunch.as_ref());
            }
        }
        if self.steps.is_empty() { self.end_with(Tool::HeardNothing) } else { self.conclude() }
    }

    /// True for a look at the line that was just changed: "make that two. The powder".
    fn says_again(&self, tool: &Tool) -> bool {
        let Tool::ShowProducts { subject } = tool else { return false };
        let touched = |subject: &Subject| match subject {
            Subject::Line { line } => self.context.touched().contains(line),
            Subject::Sku { sku } => self
                .context
                .touched()
                .iter()
                .any(|line| self.context.order.get(*line).is_some_and(|own| own.sku == *sku)),
            _ => false,
        };
        self.context.just_listed()
            && match subject {
                Subject::Several { subjects } => subjects.iter().any(touched),
                one => touched(one),
            }
    }

    fn found(&mut self, findings: Box<Findings>, menu: &Menu) -> Command {
        // What the classifier took it for led nowhere: the rules' own reading is next.
        if let Some(own) = self.own.take()
            && findings.no_match
            && !findings.relaxed
        {
            let tool = own.tool.clone();
            self.understanding = Some(own);
            return Command::LookUp(tool);
        }
        // "I'll think about it" puts nothing on the list.
        if findings.no_match
            && matches!(findings.tool, Tool::AddToList { .. })
            && let Some(clause) = &self.clause
        {
            self.nothing = Some(findings);
            return Command::Classify(vec![clause.words()]);
        }
        let alone = self.steps.is_empty() && self.clauses.is_empty();
        let doubtful = alone
            && self.fallback.is_none()
            && self
                .understanding
                .as_ref()
                .is_some_and(|u| u.certainty == Certainty::Unsure && u.tier == Tier::Rules)
            && (findings.no_match || (self.is_long() && !self.is_called(&findings)));
        if doubtful {
            self.fallback = Some(findings);
            return if self.aids.model { Command::AskModel } else { self.give_up() };
        }
        // The model's search must be carried by the shop; otherwise it guessed.
        if findings.no_match && self.fallback.is_some() {
            return self.give_up();
        }
        // A question beside another step, that nothing answers, is no question.
        let idle = findings.no_match && !self.steps.is_empty();
        if !(idle && self.understanding.as_ref().is_some_and(|u| u.certainty < Certainty::Asked)) {
            self.done(*findings);
        }
        self.next(menu)
    }

    /// What else an order may be that names nothing in the shop.
    fn second_thought(&mut self, nothing: Box<Findings>, hunch: Option<Hunch>, menu: &Menu) -> Command {
        let clause = self.clause.take().unwrap_or_default();
        let own =
            Understanding { tool: nothing.tool.clone(), tier: Tier::Rules, certainty: Certainty::Unsure };
        let other = hunch.map(|hunch| reconsidered(own, &clause, &hunch, menu, &self.context));
        match other.filter(|other| other.tool != nothing.tool && !searches(&other.tool)) {
            Some(other) => {
                let tool = other.tool.clone();
                self.understanding = Some(other);
                Command::LookUp(tool)
            }
            None => self.found(nothing, menu),
        }
    }

    /// The model did not help: the rules' own answer stands, and a sentence that
    /// they could not read as a product is asked for again.
    fn give_up(&mut self) -> Command {
        let findings = match self.fallback.take() {
            Some(findings) if !self.is_long() => *findings,
            _ => Findings::none(Tool::AskAgain, self.currency),
        };
        self.understanding = None;
        self.done(findings);
        self.conclude()
    }

    /// True for a story rather than the name of a product: what a search finds
    /// in it is chance.
    fn is_long(&self) -> bool {
        self.words.split_whitespace().count() > SHORT
    }

    /// True where all that was said is in the name of something that was found: somebody read
    /// it out, however long it is.
    fn is_called(&self, findings: &Findings) -> bool {
        let said = words(&self.words);
        let names = findings.found.iter().map(|found| words(&found.product.label()));
        names.into_iter().any(|name| said.iter().all(|word| name.contains(word)))
    }

    /// What the rules already read as required; the model names a product only.
    fn constraints(&self) -> Constraints {
        match self.understanding.as_ref().map(|u| &u.tool) {
            Some(
                Tool::FindProducts { constraints, .. }
                | Tool::Recommend { constraints, .. }
                | Tool::LocateProduct(Subject::Query { constraints, .. })
                | Tool::GetPrice(Subject::Query { constraints, .. })
                | Tool::CheckStock(Subject::Query { constraints, .. }),
            ) => constraints.clone(),
            _ => Constraints::default(),
        }
    }

    /// A step is done: the conversation goes on from it.
    fn done(&mut self, findings: Findings) {
        self.context.take(&findings);
        let tool = findings.tool.clone();
        let understanding = match self.understanding.take() {
            Some(understanding) if understanding.tool == tool => understanding,
            _ => Understanding { tool, tier: Tier::Rules, certainty: Certainty::Sure },
        };
        self.steps.push(Step { understanding, findings });
    }

    fn end_with(&mut self, tool: Tool) -> Command {
        self.understanding = None;
        self.done(Findings::none(tool, self.currency));
        self.conclude()
    }

    /// Words a reply to every step, and lets each out only through the gate.
    fn conclude(&mut self) -> Command {
        let mut steps = std::mem::take(&mut self.steps);
        let idle = |step: &Step| step.findings.no_match && step.understanding.certainty < Certainty::Asked;
        if steps.iter().any(|step| !idle(step)) {
            steps.retain(|step| !idle(step));
        }
        let mut replies = Vec::new();
        for step in &steps {
            let guessed = step.understanding.tier == Tier::Llm;
            let mut said = if guessed { guess(&step.findings) } else { reply(&step.findings) };
            if let Err(refused) = gate::check(&said, &step.findings) {
                self.degraded.push(format!("the gate refused a reply: {refused}"));
                said = reply(&Findings::none(Tool::CannotLook, self.currency));
            }
            // "The price of the honey. How much is it?" is answered once.
            if !replies.contains(&said) {
                replies.push(said);
            }
        }
        let reply = joined(replies);
        self.context.say(&reply);
        let degraded = std::mem::take(&mut self.degraded);
        Command::Answer(Box::new(Answer { steps, reply, degraded }))
    }
}

/// True for what would only search again.
fn searches(tool: &Tool) -> bool {
    matches!(tool, Tool::FindProducts { .. } | Tool::Recommend { .. } | Tool::AddToList { .. })
}

/// What a clause names that the next one may ask about; of a story, what in it is sold.
fn topic(understanding: &Understanding, hunch: Option<&Hunch>) -> Option<Subject> {
    match (&understanding.tool, hunch) {
        _ if understanding.certainty == Certainty::Courtesy => None,
        (Tool::FindProducts { .. }, Some(hunch))
            if hunch.named.is_empty() && matches!(hunch.class, Class::Smalltalk | Class::Other) =>
        {
            None
        }
        (Tool::FindProducts { query, constraints }, Some(hunch))
            if understanding.certainty == Certainty::Unsure
                && !hunch.named.is_empty()
                && !query.split(' ').any(|word| word == "or") =>
        {
            let constraints = Constraints { said: query.clone(), ..constraints.clone() };
            Some(Subject::Query { query: hunch.named.join(" "), constraints })
        }
        (tool, _) => named_by(tool),
    }
}

fn named_by(tool: &Tool) -> Option<Subject> {
    match tool {
        Tool::FindProducts { query, constraints } if !query.is_empty() => {
            Some(Subject::Query { query: query.clone(), constraints: constraints.clone() })
        }
        Tool::GetPrice(subject)
        | Tool::LocateProduct(subject)
        | Tool::CheckStock(subject)
        | Tool::ShowProducts { subject }
        | Tool::CheckFacts { subject, .. } => Some(subject.clone()),
        _ => None,
    }
}

/// True for a clause that asks about what was named before it: "how much is it".
fn asks(clause: &Clause) -> bool {
    let words = clause.words();
    let first = words.iter().find(|word| !matches!(word.as_str(), "and" | "but" | "then" | "so"));
    first.is_some_and(|word| {
        matches!(
            word.as_str(),
            "how"
                | "what"
                | "which"
                | "where"
                | "is"
                | "are"
                | "do"
                | "does"
                | "have"
                | "has"
                | "can"
                | "price"
                | "any"
                | "could"
                | "compare"
        )
    })
}

/// Up to so many words are taken for the name of something that the shop might
/// carry; a longer sentence that nothing understood is asked for again.
const SHORT: usize = 6;

#[cfg(test)]
#[path = "turn_tests.rs"]
mod tests;
