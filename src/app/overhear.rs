//! What the assistant does while a shopper still speaks: hears drafts, and looks up what
//! their words are about without any effect. Changes no list, calls nobody, remembers
//! nothing, and asks no language model, which would come too late.

use super::assistant::Assistant;
use super::talk::Reading;
use super::talk::whole::wholeness;
use super::turn::{Aids, Answer, Command, Event, Step, Turn};
use crate::dialog::rules::Certainty;
use crate::domain::Product;
use crate::domain::turn::Intent;
use crate::engines::EngineError;

/// Most words that somebody says to a kiosk without having called it; others tell stories.
const REQUEST: usize = 12;
/// Most words of what counts as a name by itself: "the dark roast coffee beans".
const NAME: usize = 6;

/// What words are about.
#[derive(Debug, Clone, PartialEq)]
pub struct Glimpse {
    pub reading: Reading,
    /// What was found, best first, each once.
    pub found: Vec<Product>,
}

impl Assistant {
    /// Whether it can hear.
    #[must_use]
    pub fn hears(&self) -> bool {
        self.ears.is_some()
    }

    /// The words so far of somebody who still speaks; empty where nobody does.
    ///
    /// # Errors
    /// The engine gives no answer.
    pub async fn draft(&self, pcm: &[i16]) -> Result<String, EngineError> {
        match &self.ears {
            Some(ears) => ears.draft(pcm).await,
            None => Ok(String::new()),
        }
    }

    /// The words of somebody who has spoken; empty where nobody did.
    ///
    /// # Errors
    /// The engine gives no answer.
    pub async fn hear(&self, pcm: &[i16]) -> Result<String, EngineError> {
        let shop = tokio::task::block_in_place(|| self.shop());
        match &self.ears {
            Some(ears) => ears.hear_clip(pcm, &shop.menu).await,
            None => Ok(String::new()),
        }
    }

    /// What `words` would mean as the next turn of a session. For a thread that may block.
    #[must_use]
    pub fn glimpse(&self, session: Option<&str>, words: &str) -> Glimpse {
        let is_aided = self.classifier.is_some();
        let answer = self.foresee(session, words, is_aided);
        let found = answer.products().into_iter().map(|(found, _)| found.product.clone()).collect();
        let is_understood = answer.main().is_some_and(is_understood);
        // A classifier always takes words for something: who was not called goes by the rules.
        let by_rules = is_aided.then(|| self.foresee(session, words, false));
        let is_addressed =
            by_rules.as_ref().unwrap_or(&answer).main().is_some_and(|main| is_addressed(words, main));
        Glimpse { reading: Reading { wholeness: wholeness(words, is_understood), is_addressed }, found }
    }

    /// The turn that `words` would be, with or without the classifier.
    fn foresee(&self, session: Option<&str>, words: &str, classifier: bool) -> Answer {
        let shop = self.shop();
        let aids = Aids { classifier, model: false };
        let mut turn = Turn::new(self.context(session), shop.info.currency, aids);
        let mut event = Event::Words(words.trim().to_owned());
        loop {
            event = match turn.update(event, &shop.menu) {
                Command::LookUp(tool) => {
                    match self.shelves_in(&shop, turn.context(), |shelves| shelves.look_up(tool)) {
                        Ok(findings) => Event::Found(Box::new(findings)),
                        Err(error) => Event::LookupFailed(error.to_string()),
                    }
                }
                Command::Classify(clauses) => {
                    Event::Classified(clauses.iter().map(|words| self.hunch(words)).collect())
                }
                Command::AskModel(_) => Event::ModelFailed("it is not asked yet".into()),
                Command::Answer(answer) => return *answer,
            };
        }
    }
}

/// Whether a step made sense of what was said.
fn is_understood(step: &Step) -> bool {
    let findings = &step.findings;
    match step.understanding.tool.intent() {
        Intent::Nothing | Intent::Unclear => false,
        Intent::Find | Intent::Locate | Intent::Price | Intent::Stock => {
            !findings.no_match && (!findings.found.is_empty() || findings.list.is_some())
        }
        Intent::Add | Intent::Order => !findings.no_match && !findings.lines.is_empty(),
        Intent::Change | Intent::Remove => !findings.lines.is_empty() || !findings.removed.is_empty(),
        _ => true,
    }
}

/// Whether words that nobody called for are for the kiosk: about the shop, and as somebody
/// says them to it.
fn is_addressed(words: &str, main: &Step) -> bool {
    let count = words.split_whitespace().count();
    let certainty = main.understanding.certainty;
    is_understood(main)
        && count <= REQUEST
        && match main.understanding.tool.intent() {
            // What a shop does not do is asked of it seldom, and said beside it often.
            Intent::Refuse | Intent::SmallTalk => false,
            Intent::Greeting | Intent::Goodbye | Intent::Confirm | Intent::Decline => count <= NAME,
            Intent::Find => certainty >= Certainty::Asked || (certainty == Certainty::Named && count <= NAME),
            _ => certainty >= Certainty::Asked,
        }
}
