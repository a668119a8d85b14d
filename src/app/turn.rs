//! One turn as a pure state machine: events in, commands out, no I/O and no
//! clock. It decides the order of things: rules, then the catalog, and the
//! language model only for what both leave.

use crate::dialog::context::Context;
use crate::dialog::findings::Findings;
use crate::dialog::gate;
use crate::dialog::menu::Menu;
use crate::dialog::prompt::{self, Segment};
use crate::dialog::reply::{Reply, guess, reply};
use crate::dialog::rules::{Understanding, understand};
use crate::dialog::tool::{Constraints, Subject, Tool};
use crate::domain::Currency;
use crate::domain::turn::Tier;

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The shopper's words, typed or transcribed; empty when nothing was heard.
    Words(String),
    /// Speech could not be recognised; the reason is for staff.
    HearingFailed(String),
    /// The language model's completion.
    ModelAnswered(String),
    ModelFailed(String),
    /// What the last look-up brought.
    Found(Box<Findings>),
    LookupFailed(String),
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    LookUp(Tool),
    AskModel(Vec<Segment>),
    /// The turn is answered; nothing follows.
    Answer(Box<Answer>),
}

/// The end of a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub understanding: Understanding,
    pub findings: Findings,
    pub reply: Reply,
    /// What did not work, for staff.
    pub degraded: Vec<String>,
}

/// A turn under way.
#[derive(Debug)]
pub struct Turn {
    /// The shopper's words; they die with the turn.
    words: String,
    understanding: Option<Understanding>,
    /// The rules' findings, kept while the model is asked.
    fallback: Option<Box<Findings>>,
    degraded: Vec<String>,
    currency: Currency,
    model_available: bool,
}

impl Turn {
    /// A new turn. `model_available` tells whether a language model may be asked.
    #[must_use]
    pub fn new(currency: Currency, model_available: bool) -> Self {
        Self {
            words: String::new(),
            understanding: None,
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

    /// Takes the next event and says what to do.
    pub fn update(&mut self, event: Event, menu: &Menu, context: &Context) -> Command {
        match event {
            Event::Words(words) => {
                let understanding = understand(&words, menu, context);
                self.words = words;
                let tool = understanding.tool.clone();
                self.understanding = Some(understanding);
                Command::LookUp(tool)
            }
            Event::HearingFailed(why) => {
                self.degraded.push(why);
                self.conclude(Findings::none(Tool::CannotHear, self.currency))
            }
            Event::Found(findings) => self.found(findings),
            Event::LookupFailed(why) => {
                self.degraded.push(why);
                self.conclude(Findings::none(Tool::CannotLook, self.currency))
            }
            Event::ModelAnswered(completion) => match prompt::read(&completion, self.constraints()) {
                Some(understanding) => {
                    let tool = understanding.tool.clone();
                    self.understanding = Some(understanding);
                    Command::LookUp(tool)
                }
                None => self.give_up(),
            },
            Event::ModelFailed(why) => {
                self.degraded.push(why);
                self.give_up()
            }
        }
    }

    fn found(&mut self, findings: Box<Findings>) -> Command {
        let doubtful = self.fallback.is_none()
            && (findings.no_match || self.is_long())
            && self.understanding.as_ref().is_some_and(|u| !u.sure && u.tier == Tier::Rules);
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
        self.conclude(*findings)
    }

    /// The model did not help: the rules' own answer stands, and a sentence that
    /// they could not read as a product is asked for again.
    fn give_up(&mut self) -> Command {
        let findings = match self.fallback.take() {
            Some(findings) if !self.is_long() => *findings,
            _ => Findings::none(Tool::AskAgain, self.currency),
        };
        self.understanding =
            Some(Understanding { tool: findings.tool.clone(), tier: Tier::Rules, sure: false });
        self.conclude(findings)
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

    /// Words a reply, and lets it out only through the gate.
    fn conclude(&mut self, findings: Findings) -> Command {
        let guessed = self.understanding.as_ref().is_some_and(|u| u.tier == Tier::Llm);
        let mut answer = if guessed { guess(&findings) } else { reply(&findings) };
        if let Err(refused) = gate::check(&answer, &findings) {
            self.degraded.push(format!("the gate refused a reply: {refused}"));
            answer = reply(&Findings::none(Tool::CannotLook, self.currency));
        }
        let tool = findings.tool.clone();
        let understanding = match self.understanding.take() {
            Some(understanding) if understanding.tool == tool => understanding,
            _ => Understanding { tool, tier: Tier::Rules, sure: true },
        };
        let degraded = std::mem::take(&mut self.degraded);
        Command::Answer(Box::new(Answer { understanding, findings, reply: answer, degraded }))
    }
}

/// Up to so many words are taken for the name of something that the shop might
/// carry; a longer sentence that nothing understood is asked for again.
const SHORT: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn drive(turn: &mut Turn, event: Event) -> Command {
        turn.update(event, &Menu::default(), &Context::default())
    }

    fn nothing(tool: Tool) -> Event {
        Event::Found(Box::new(Findings { no_match: true, ..Findings::none(tool, Currency::Usd) }))
    }

    const STORY: &str = "my kid spilled juice all over our new white sofa yesterday";

    #[test]
    fn the_model_is_asked_only_for_what_rules_and_catalog_leave() {
        let mut turn = Turn::new(Currency::Usd, true);
        let Command::LookUp(tool) = drive(&mut turn, Event::Words(STORY.into())) else { panic!() };
        assert!(matches!(drive(&mut turn, nothing(tool)), Command::AskModel(_)));
        let call = r#"{"tool":"find","query":"stain remover"}"#;
        let Command::LookUp(tool) = drive(&mut turn, Event::ModelAnswered(call.into())) else { panic!() };
        assert!(matches!(&tool, Tool::FindProducts { query, .. } if query == "stain remover"));
        let Command::Answer(answer) = drive(&mut turn, nothing(tool)) else { panic!() };
        assert_eq!(answer.findings.tool, Tool::AskAgain, "a search that finds nothing was a guess");
        assert_eq!(answer.understanding.tier, Tier::Rules);
    }

    #[test]
    fn without_a_model_the_answer_is_honest() {
        let mut turn = Turn::new(Currency::Usd, false);
        let Command::LookUp(tool) = drive(&mut turn, Event::Words(STORY.into())) else { panic!() };
        assert!(matches!(drive(&mut turn, nothing(tool)), Command::Answer(_)));
        let mut turn = Turn::new(Currency::Usd, true);
        let Command::LookUp(tool) = drive(&mut turn, Event::Words(STORY.into())) else { panic!() };
        drive(&mut turn, nothing(tool));
        let Command::Answer(answer) = drive(&mut turn, Event::ModelFailed("down".into())) else { panic!() };
        assert_eq!(answer.degraded, ["down"]);
    }

    #[test]
    fn failures_are_answered() {
        for event in [Event::HearingFailed("down".into()), Event::LookupFailed("locked".into())] {
            let mut turn = Turn::new(Currency::Usd, true);
            let Command::Answer(answer) = drive(&mut turn, event) else { panic!() };
            assert!(!answer.reply.text.is_empty() && answer.degraded.len() == 1);
        }
    }

    #[test]
    fn sure_rules_never_ask_the_model() {
        let mut turn = Turn::new(Currency::Usd, true);
        let command = drive(&mut turn, Event::Words("where is the unicorn".into()));
        assert_eq!(command, Command::LookUp(Tool::LocateProduct(Subject::words("unicorn"))));
        let Command::LookUp(tool) = command else { panic!() };
        assert!(matches!(drive(&mut turn, nothing(tool)), Command::Answer(_)));
    }
}
