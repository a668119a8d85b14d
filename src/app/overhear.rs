//! What the assistant does while a shopper still speaks: hears drafts, and looks up what
//! their words are about without any effect. Changes no list, calls nobody, remembers
//! nothing, and asks no language model, which would come too late.

use super::assistant::Assistant;
use super::talk::whole::wholeness;
use super::talk::{Reading, Said};
use super::turn::{Aids, Answer, Command, Event, Step, Turn};
use crate::dialog::context::Context;
use crate::dialog::menu::Menu;
use crate::dialog::rules::Certainty;
use crate::dialog::tool::Tool;
use crate::dialog::{order, words};
use crate::domain::Product;
use crate::domain::turn::Intent;
use crate::engines::EngineError;

/// Most words that somebody says to a kiosk without having called it; others tell stories.
const REQUEST: usize = 12;
/// Letters of the shortest word that says something.
const SHORTEST: usize = 3;
/// One word in so many of a long order may be none that the menu knows.
const BESIDES: usize = 8;
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

    /// What is said would mean as the next turn of a session, or together with the words of
    /// its latest turn, in the place of that. For a thread that may block.
    #[must_use]
    pub fn glimpse(&self, session: Option<&str>, said: &Said) -> Glimpse {
        let alone = self.look_ahead(&self.context(session), &said.words);
        let Some((before, together)) = said.before.as_deref().zip(said.together()) else {
            return alone.glimpse;
        };
        let context = self.context_before(session);
        let whole = self.look_ahead(&context, &together);
        // The turn before is looked up again only where both make sense together.
        let is_part = || goes_on(&said.words, &self.look_ahead(&context, before), &alone, &whole);
        if whole.tool.is_some() && is_part() {
            let reading = Reading { goes_on: true, ..whole.glimpse.reading };
            return Glimpse { reading, ..whole.glimpse };
        }
        alone.glimpse
    }

    fn look_ahead(&self, context: &Context, words: &str) -> Ahead {
        let menu = &self.shop().menu;
        let is_aided = self.classifier.is_some();
        let answer = self.foresee(context, words, is_aided);
        let found = answer.products().into_iter().map(|(found, _)| found.product.clone()).collect();
        let is_understood = answer.main().is_some_and(is_understood);
        // A classifier always takes words for something: who was not called goes by the rules.
        let by_rules = is_aided.then(|| self.foresee(context, words, false));
        let rules = by_rules.unwrap_or(answer);
        let is_addressed = rules.main().is_some_and(|main| is_addressed(words, main, menu));
        let reading = Reading { wholeness: wholeness(words, is_understood), is_addressed, goes_on: false };
        let tool = rules.main().filter(|main| self::is_understood(main));
        let tool = tool.map(|main| main.understanding.tool.clone());
        Ahead { glimpse: Glimpse { reading, found }, tool }
    }

    /// The turn that `words` would be, with or without the classifier.
    fn foresee(&self, context: &Context, words: &str, classifier: bool) -> Answer {
        let shop = self.shop();
        let aids = Aids { classifier, model: false };
        let mut turn = Turn::new(context.clone(), shop.info.currency, aids);
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
                Command::AskModel => Event::ModelFailed("it is not asked yet".into()),
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

/// What a look ahead brought: what the rules make of the words, where they make sense.
struct Ahead {
    glimpse: Glimpse,
    tool: Option<Tool>,
}

/// Whether `words` go on with a turn that was taken too early. `before`: that turn by
/// itself; `alone`: the words by themselves; `whole`: both together.
fn goes_on(words: &str, before: &Ahead, alone: &Ahead, whole: &Ahead) -> bool {
    let Some(tool) = whole.tool.as_ref().filter(|tool| before.tool.as_ref() != Some(*tool)) else {
        return false;
    };
    let is_name = words.split_whitespace().count() <= NAME;
    match tool {
        // "Do you have any ... oat milk": the first half made no sense.
        _ if before.tool.is_none() && is_name => true,
        // Of drinks every word is known: what neither makes more of them nor leaves more
        // words over belongs to those that were named.
        Tool::OrderDrinks { lines, others } => {
            let (first, second) = (drinks(before), drinks(alone));
            let is_part = match &alone.tool {
                Some(tool) => matches!(tool.intent(), Intent::Order | Intent::Change | Intent::Unclear),
                None => true,
            };
            let is_part = is_part || !alone.glimpse.reading.is_addressed;
            is_part && lines.len() <= (first.0 + second.0).max(1) && others.len() <= first.1
        }
        _ => false,
    }
}

/// How many drinks are ordered, and other things.
fn drinks(ahead: &Ahead) -> (usize, usize) {
    match &ahead.tool {
        Some(Tool::OrderDrinks { lines, others }) => (lines.len(), others.len()),
        _ => (0, 0),
    }
}

/// Whether words that nobody called for are for the kiosk: about the shop, and as somebody
/// says them to it.
fn is_addressed(words: &str, main: &Step, menu: &Menu) -> bool {
    let count = words.split_whitespace().count();
    let certainty = main.understanding.certainty;
    let is_request = count <= REQUEST
        && match main.understanding.tool.intent() {
            // What a shop does not do is asked of it seldom, and said beside it often.
            Intent::Refuse | Intent::SmallTalk => false,
            Intent::Greeting | Intent::Goodbye | Intent::Confirm | Intent::Decline => count <= NAME,
            Intent::Find => {
                let is_name = || certainty == Certainty::Named && count <= NAME && is_to_the_letter(main);
                certainty >= Certainty::Asked || is_name()
            }
            _ => certainty >= Certainty::Asked,
        };
    is_understood(main) && (is_request || is_spelt_out(words, main, menu))
}

/// Whether what was found has all words of the search, and none had to be guessed.
fn is_to_the_letter(main: &Step) -> bool {
    let Tool::FindProducts { query, .. } = &main.understanding.tool else { return true };
    let Some(best) = main.findings.found.first() else { return false };
    let texts = std::iter::once(best.product.label())
        .chain(best.product.synonyms.iter().cloned())
        .chain(best.product.category.iter().cloned());
    let known: Vec<String> =
        texts.flat_map(|text| words::words(&text)).map(|word| words::stem(&word)).collect();
    words::words(query)
        .iter()
        .filter(|word| word.chars().count() >= SHORTEST)
        .all(|word| known.contains(&words::stem(word)))
}

/// Whether words are an order of drinks, with little else in them; it may be a long one.
fn is_spelt_out(words: &str, main: &Step, menu: &Menu) -> bool {
    let reading = order::read(menu, &words::words(words));
    let is_order = matches!(main.understanding.tool, Tool::OrderDrinks { .. });
    let besides = reading.leftover.len() * BESIDES;
    is_order && !reading.guessed && besides <= words.split_whitespace().count()
}
