//! Owns the client side of the language model: a prompt in, a completion out.
//!
//! A prompt is a list of segments; only trusted ones may hold control tokens, so
//! that speech and catalog text can never end a turn or open a system message.
//! Promises: bounded by the caller's deadline. Never logs prompts or answers.

use std::fmt;
use std::time::Duration;

use super::events::{self, CompleteBody, CompletionBody, PrimeBody, PrimedBody, PromptSegment};
use super::supervisor::{Engine, Exchange};
use super::wyoming::{Event, WyomingError};
use super::{EngineError, EngineStatus};

/// A piece of a prompt.
#[derive(Clone, PartialEq, Eq)]
pub enum Segment {
    /// Written by Aisle: control tokens in it take effect.
    Trusted(String),
    /// From a shopper, the catalog or the network: everything in it is plain text.
    Untrusted(String),
}

impl Segment {
    /// Aisle's own text, such as the chat template and the instructions.
    pub fn trusted(text: impl Into<String>) -> Self {
        Self::Trusted(text.into())
    }

    /// Anybody else's text.
    pub fn untrusted(text: impl Into<String>) -> Self {
        Self::Untrusted(text.into())
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trusted(text) => write!(f, "Trusted({} bytes)", text.len()),
            Self::Untrusted(text) => write!(f, "Untrusted({} bytes)", text.len()),
        }
    }
}

impl From<Segment> for PromptSegment {
    fn from(segment: Segment) -> Self {
        let (text, trusted) = match segment {
            Segment::Trusted(text) => (text, true),
            Segment::Untrusted(text) => (text, false),
        };
        Self { text, trusted }
    }
}

/// What to complete.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionRequest {
    /// The prompt, chat template included.
    pub prompt: Vec<Segment>,
    /// GBNF grammar whose `root` the answer must match.
    pub grammar: Option<String>,
    /// Most tokens to generate, at least 1.
    pub max_tokens: u32,
    /// 0 takes the likeliest token each time.
    pub temperature: f32,
    /// Seed of the draw where `temperature` is above 0.
    pub seed: u32,
    /// Longest time until the answer, queueing included.
    pub deadline: Duration,
}

/// What the model wrote.
#[derive(Clone, PartialEq)]
pub struct Completion {
    /// The text, without control tokens.
    pub text: String,
    /// Tokens in the prompt.
    pub prompt_tokens: u32,
    /// Prompt tokens that needed no work because they were cached.
    pub cached_tokens: u32,
    /// Tokens generated.
    pub generated_tokens: u32,
    /// Whether the model ended by itself; false when `max_tokens` ended it, so
    /// that a text under a grammar may be incomplete.
    pub finished: bool,
    /// Time in the engine.
    pub decode: Duration,
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completion")
            .field("prompt_tokens", &self.prompt_tokens)
            .field("cached_tokens", &self.cached_tokens)
            .field("generated_tokens", &self.generated_tokens)
            .field("finished", &self.finished)
            .field("decode", &self.decode)
            .finish_non_exhaustive()
    }
}

/// What [`LanguageModel::prime`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Primed {
    /// Tokens in the prompt.
    pub prompt_tokens: u32,
    /// Tokens that were cached already.
    pub cached_tokens: u32,
    /// Time in the engine.
    pub decode: Duration,
}

/// A language model run by one engine; clones share it.
#[derive(Debug, Clone)]
pub struct LanguageModel {
    engine: Engine,
}

impl LanguageModel {
    /// Uses `engine`.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// The engine underneath.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What the engine is doing.
    #[must_use]
    pub fn status(&self) -> EngineStatus {
        self.engine.status()
    }

    /// Processes the beginning that later prompts share, so that they need not.
    /// The worker keeps a few of them, the least recently used one goes first;
    /// a restarted worker has none, so prime again when `status().restarts` grew.
    ///
    /// # Errors
    /// Any [`EngineError`]; by `deadline` at the latest.
    pub async fn prime(&self, prompt: Vec<Segment>, deadline: Duration) -> Result<Primed, EngineError> {
        let body = PrimeBody { prompt: prompt.into_iter().map(Into::into).collect() };
        let request = Event::with_body(events::PRIME, &body);
        let answer = self.ask(request, events::PRIMED, deadline).await?;
        let body: PrimedBody = answer.body().map_err(|error| self.garbled(&error))?;
        Ok(Primed {
            prompt_tokens: body.prompt_tokens,
            cached_tokens: body.cached_tokens,
            decode: Duration::from_millis(body.decode_ms),
        })
    }

    /// Continues a prompt.
    ///
    /// # Errors
    /// Any [`EngineError`]; by the request's deadline at the latest.
    pub async fn complete(&self, request: CompletionRequest) -> Result<Completion, EngineError> {
        let body = CompleteBody {
            prompt: request.prompt.into_iter().map(Into::into).collect(),
            grammar: request.grammar,
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            seed: request.seed,
        };
        let event = Event::with_body(events::COMPLETE, &body);
        let answer = self.ask(event, events::COMPLETION, request.deadline).await?;
        let body: CompletionBody = answer.body().map_err(|error| self.garbled(&error))?;
        Ok(Completion {
            text: body.text,
            prompt_tokens: body.prompt_tokens,
            cached_tokens: body.cached_tokens,
            generated_tokens: body.generated_tokens,
            finished: body.finished,
            decode: Duration::from_millis(body.decode_ms),
        })
    }

    async fn ask(
        &self,
        request: Result<Event, WyomingError>,
        answer: &'static str,
        deadline: Duration,
    ) -> Result<Event, EngineError> {
        let exchange = Exchange { events: vec![request.map_err(|error| self.garbled(&error))?], answer };
        self.engine.ask(exchange, deadline).await
    }

    fn garbled(&self, error: &WyomingError) -> EngineError {
        EngineError::Protocol { engine: self.engine.name().to_owned(), reason: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_keep_their_trust_on_the_wire_and_their_words_out_of_logs() {
        let wire: Vec<PromptSegment> =
            [Segment::trusted("<|im_start|>"), Segment::untrusted("hi")].map(Into::into).into();
        assert!(wire[0].trusted && !wire[1].trusted);
        let event = Event::with_body(events::PRIME, &PrimeBody { prompt: wire }).unwrap();
        assert_eq!(event.data["prompt"][1]["trusted"], false);
        assert!(!format!("{:?}", Segment::untrusted("oat milk")).contains("milk"));
    }
}
