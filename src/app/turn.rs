//! One turn as a pure state machine: events in, commands out, no I/O and no
//! clock. It decides the order of things: clause after clause, each in the context
//! that the one before left; rules, then the catalog, and the language model only for
//! what both leave.

use crate::dialog::clause::{Clause, clauses};
use crate::dialog::context::Context;
use crate::dialog::findings::Findings;
use crate::dialog::gate;
use crate::dialog::menu::Menu;
use crate::dialog::prompt::{self, Segment};
use crate::dialog::reply::{Reply, guess, joined, reply};
use crate::dialog::rules::{Certainty, Understanding, understand};
use crate::dialog::tool::{Constraints, Missing, Subject, Tool};
use crate::domain::Currency;
use crate::domain::turn::Tier;
use std::collections::VecDeque;

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The shopper's words, typed or transcribed; empty when nothing was heard.
    Words(String),
    /// Speech could not be recognised; the reason is for staff.
    HearingFailed(String),
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
    AskModel(Vec<Segment>),
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
    clauses: VecDeque<Clause>,
    /// Only what rules are sure of counts: some clause is.
    only_sure: bool,
    /// The conversation, with the steps that are done.
    context: Context,
    understanding: Option<Understanding>,
    steps: Vec<Step>,
    /// The rules' findings, kept while the model is asked.
    fallback: Option<Box<Findings>>,
    degraded: Vec<String>,
    currency: Currency,
    model_available: bool,
}

impl Turn {
    /// A new turn of the conversation `context`. `model_available` tells whether a
    /// language model may be asked.
    #[must_use]
    pub fn new(context: Context, currency: Currency, model_available: bool) -> Self {
        Self {
            words: String::new(),
            clauses: VecDeque::new(),
            only_sure: false,
            context,
            understanding: None,
            steps: Vec::new(),
            fallback: None,
            degraded: Vec::new(),
            currency,
            model_available,
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
                self.take_apart(&words, menu);
                self.words = words;
                self.next(menu)
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
                match prompt::read(&completion, self.constraints()) {
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

    /// Takes what was said apart, and leaves out what cannot count.
    fn take_apart(&mut self, said: &str, menu: &Menu) {
        let all = clauses(said);
        let mut certainties = Vec::new();
        for (at, clause) in all.iter().enumerate() {
            let understanding = understand(clause, menu, &self.context);
            let named = understanding.certainty < Certainty::Sure && all.get(at + 1).is_some_and(asks);
            self.context.topic = topic(&understanding).filter(|_| named);
            // "She can't have nuts. Is this one all right?" minds it in the question.
            if matches!(understanding.tool, Tool::Mind { .. }) && all.len() > 1 {
                self.context.take(&Findings::none(understanding.tool, self.currency));
            }
            certainties.push(understanding.certainty);
        }
        self.context.topic = None;
        let best = certainties.iter().max().copied();
        self.only_sure = best == Some(Certainty::Sure);
        let counts = |at: usize| match best {
            Some(Certainty::Sure) => true,
            // A story is told in several sentences; the first stands for it.
            Some(Certainty::Unsure) => certainties.iter().position(|c| *c == Certainty::Unsure) == Some(at),
            Some(Certainty::Courtesy) => at + 1 == certainties.len(),
            _ => Some(certainties[at]) == best,
        };
        let kept = all.iter().enumerate().filter(|(at, _)| counts(*at)).map(|(_, clause)| clause.clone());
        self.clauses = kept.collect();
    }

    /// Understands the next clause, in the context of the steps before it.
    fn next(&mut self, menu: &Menu) -> Command {
        while let Some(clause) = self.clauses.pop_front() {
            let understanding = understand(&clause, menu, &self.context);
            let next_asks = self.clauses.front().is_some_and(asks);
            let own_question = clause.asks && understanding.certainty > Certainty::Courtesy && !next_asks;
            let counts = !self.only_sure
                || understanding.certainty == Certainty::Sure
                || (own_question && !self.steps.is_empty());
            // "We are having tacos for six. What do we need?" is asked once.
            let planned = understanding.tool == Tool::AskFor { missing: Missing::Occasion }
                && self.steps.iter().any(|step| matches!(step.understanding.tool, Tool::PlanOccasion { .. }));
            let again = planned
                || self.steps.last().is_some_and(|step| step.understanding.tool == understanding.tool)
                || (!self.steps.is_empty() && self.says_again(&understanding.tool));
            if counts && !again {
                let tool = understanding.tool.clone();
                self.understanding = Some(understanding);
                return Command::LookUp(tool);
            }
            // "And the brie, how much is it": the question is about what was named.
            if next_asks {
                self.context.topic = topic(&understanding);
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
        let alone = self.steps.is_empty() && self.clauses.is_empty();
        let doubtful = alone
            && self.fallback.is_none()
            && self
                .understanding
                .as_ref()
                .is_some_and(|u| u.certainty == Certainty::Unsure && u.tier == Tier::Rules)
            && (findings.no_match || self.is_long());
        if doubtful {
            self.fallback = Some(findings);
            return if self.model_available {
                Command::AskModel(prompt::prompt(&self.words))
            } else {
                self.give_up()
            };
        }
        // The model's search must be carried by the shop; otherwise it guessed.
        if findings.no_match && self.fallback.is_some() {
            return self.give_up();
        }
        // A question beside another step, that nothing answers, is no question.
        let idle = findings.no_match && !self.steps.is_empty();
        if !(idle && self.understanding.as_ref().is_some_and(|u| u.certainty < Certainty::Sure)) {
            self.done(*findings);
        }
        self.next(menu)
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
        let idle = |step: &Step| step.findings.no_match && step.understanding.certainty < Certainty::Sure;
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
            replies.push(said);
        }
        let reply = joined(replies);
        self.context.say(&reply);
        let degraded = std::mem::take(&mut self.degraded);
        Command::Answer(Box::new(Answer { steps, reply, degraded }))
    }
}

/// What a clause names that the next one may ask about.
fn topic(understanding: &Understanding) -> Option<Subject> {
    match &understanding.tool {
        _ if understanding.certainty == Certainty::Courtesy => None,
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
mod tests {
    use super::*;

    fn drive(turn: &mut Turn, event: Event) -> Command {
        turn.update(event, &Menu::default())
    }

    fn nothing(tool: Tool) -> Event {
        Event::Found(Box::new(Findings { no_match: true, ..Findings::none(tool, Currency::Usd) }))
    }

    const STORY: &str = "my kid spilled juice all over our new white sofa yesterday";

    #[test]
    fn the_model_is_asked_only_for_what_rules_and_catalog_leave() {
        let mut turn = Turn::new(Context::default(), Currency::Usd, true);
        let Command::LookUp(tool) = drive(&mut turn, Event::Words(STORY.into())) else { panic!() };
        assert!(matches!(drive(&mut turn, nothing(tool)), Command::AskModel(_)));
        let call = r#"{"tool":"find","query":"stain remover"}"#;
        let Command::LookUp(tool) =
            drive(&mut turn, Event::ModelAnswered { completion: call.into(), likeness: Some(0.6) })
        else {
            panic!()
        };
        assert!(matches!(&tool, Tool::FindProducts { query, .. } if query == "stain remover"));
        let Command::Answer(answer) = drive(&mut turn, nothing(tool)) else { panic!() };
        let step = answer.main().unwrap();
        assert_eq!(step.findings.tool, Tool::AskAgain, "a search that finds nothing was a guess");
        assert_eq!(step.understanding.tier, Tier::Rules);
    }

    #[test]
    fn without_a_model_the_answer_is_honest() {
        let mut turn = Turn::new(Context::default(), Currency::Usd, false);
        let Command::LookUp(tool) = drive(&mut turn, Event::Words(STORY.into())) else { panic!() };
        assert!(matches!(drive(&mut turn, nothing(tool)), Command::Answer(_)));
        let mut turn = Turn::new(Context::default(), Currency::Usd, true);
        let Command::LookUp(tool) = drive(&mut turn, Event::Words(STORY.into())) else { panic!() };
        drive(&mut turn, nothing(tool));
        let Command::Answer(answer) = drive(&mut turn, Event::ModelFailed("down".into())) else { panic!() };
        assert_eq!(answer.degraded, ["down"]);
    }

    #[test]
    fn failures_are_answered() {
        for event in [Event::HearingFailed("down".into()), Event::LookupFailed("locked".into())] {
            let mut turn = Turn::new(Context::default(), Currency::Usd, true);
            let Command::Answer(answer) = drive(&mut turn, event) else { panic!() };
            assert!(!answer.reply.text.is_empty() && answer.degraded.len() == 1);
        }
    }

    #[test]
    fn sure_rules_never_ask_the_model() {
        let mut turn = Turn::new(Context::default(), Currency::Usd, true);
        let command = drive(&mut turn, Event::Words("where is the unicorn".into()));
        assert_eq!(command, Command::LookUp(Tool::LocateProduct(Subject::words("unicorn"))));
        let Command::LookUp(tool) = command else { panic!() };
        assert!(matches!(drive(&mut turn, nothing(tool)), Command::Answer(_)));
    }
}
