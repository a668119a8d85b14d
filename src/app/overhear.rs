//! What the assistant does while a shopper still speaks: hears drafts, and looks up what
//! their words are about without any effect. Changes no list, calls nobody, remembers
//! nothing, and asks no language model, which would come too late.

use super::assistant::Assistant;
use super::talk::Reading;
use super::talk::whole::wholeness;
use super::turn::{Aids, Answer, Command, Event, Turn};
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
        let shop = self.shop();
        let aids = Aids { classifier: self.classifier.is_some(), model: false };
        let mut turn = Turn::new(self.context(session), shop.info.currency, aids);
        let mut event = Event::Words(words.trim().to_owned());
        let answer = loop {
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
                Command::Answer(answer) => break *answer,
            };
        };
        let mut found: Vec<Product> = Vec::new();
        for step in answer.steps.iter().rev() {
            for own in step.findings.found.iter().chain(&step.findings.alternatives) {
                if !found.iter().any(|known| known.sku == own.product.sku) {
                    found.push(own.product.clone());
                }
            }
        }
        Glimpse { reading: reading(words, &answer), found }
    }
}

fn reading(words: &str, answer: &Answer) -> Reading {
    let Some(main) = answer.main() else { return Reading::default() };
    let (tool, findings) = (&main.understanding.tool, &main.findings);
    let is_found = !findings.no_match && (!findings.found.is_empty() || findings.list.is_some());
    let is_understood = match tool.intent() {
        Intent::Nothing | Intent::Unclear => false,
        Intent::Find | Intent::Locate | Intent::Price | Intent::Stock => is_found,
        Intent::Add | Intent::Order => !findings.no_match && !findings.lines.is_empty(),
        _ => true,
    };
    Reading {
        wholeness: wholeness(words, is_understood),
        is_addressed: is_understood && words.split_whitespace().count() <= REQUEST && {
            let short = words.split_whitespace().count() <= NAME;
            match tool.intent() {
                // What a shop does not do is asked of it seldom, and said beside it often.
                Intent::Refuse | Intent::SmallTalk => false,
                Intent::Greeting | Intent::Goodbye | Intent::Confirm | Intent::Decline => short,
                Intent::Find => {
                    main.understanding.certainty >= Certainty::Asked
                        || (main.understanding.certainty == Certainty::Named && short)
                }
                _ => main.understanding.certainty >= Certainty::Asked,
            }
        },
    }
}
