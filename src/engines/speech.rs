//! Owns the client side of speech to text: one utterance in, one transcript out.
//!
//! Works with `aisle-stt` and with any other Wyoming speech service; what such a
//! service does not report is `None`. Promises: bounded by the caller's deadline.
//! Never logs audio or words, and [`Transcript`]'s `Debug` form hides the text.

use std::fmt;
use std::time::Duration;

use super::events::{self, RehearBody, SPEECH_FORMAT, TranscribeBody, TranscriptBody};
use super::supervisor::{Engine, Exchange};
use super::wyoming::{Event, WyomingError};
use super::{EngineError, EngineStatus};

/// Samples in one audio chunk: one second.
const CHUNK: usize = 16_000;

/// What was said in one utterance.
#[derive(Clone, Default, PartialEq)]
pub struct Transcript {
    /// The words as the engine wrote them; empty when nothing was said.
    pub text: String,
    /// Language of the text, such as `en`.
    pub language: Option<String>,
    /// Mean probability of the text's tokens, 0 to 1.
    pub confidence: Option<f32>,
    /// The model's probability that nobody spoke, 0 to 1.
    pub no_speech: Option<f32>,
    /// Whether the audio was decoded a second time with the full context.
    pub retried: bool,
    /// Encoder positions used, 50 a second, at most 1500.
    pub audio_ctx: Option<u32>,
    /// Time in the engine.
    pub decode: Option<Duration>,
    /// Mean natural logarithm of the probabilities of the text's tokens.
    pub mean_logprob: Option<f32>,
    /// By what [`Speech::rehear`] knows the utterance; `None` where the engine
    /// cannot hear it again.
    pub utterance: Option<u64>,
    /// The likeliest texts with their mean log-probabilities, best first, where
    /// the engine told more than one.
    pub alternatives: Vec<(String, f32)>,
}

/// What an utterance is expected to be made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Phrases that may follow one another in any order.
    pub phrases: Vec<String>,
    /// A sentence in the manner of what is expected.
    pub prompt: String,
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcript")
            .field("chars", &self.text.chars().count())
            .field("confidence", &self.confidence)
            .field("no_speech", &self.no_speech)
            .field("retried", &self.retried)
            .finish_non_exhaustive()
    }
}

impl From<TranscriptBody> for Transcript {
    fn from(body: TranscriptBody) -> Self {
        let share = |value: Option<f32>| value.filter(|value| (0.0..=1.0).contains(value));
        Self {
            text: body.text.trim().to_owned(),
            language: body.language,
            confidence: share(body.confidence),
            no_speech: share(body.no_speech),
            retried: body.retried,
            audio_ctx: body.audio_ctx,
            decode: body.decode_ms.map(Duration::from_millis),
            mean_logprob: body.mean_logprob.filter(|value| value.is_finite()),
            utterance: body.utterance,
            alternatives: body.alternatives.into_iter().map(|each| (each.text, each.mean_logprob)).collect(),
        }
    }
}

/// Speech to text by one engine; clones share it.
#[derive(Debug, Clone)]
pub struct Speech {
    engine: Engine,
    language: Option<String>,
}

impl Speech {
    /// Uses `engine` for speech in `language` (such as `en`; `None` leaves it to
    /// the service).
    #[must_use]
    pub fn new(engine: Engine, language: Option<String>) -> Self {
        Self { engine, language }
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

    /// Transcribes one utterance of 16 kHz mono samples.
    ///
    /// # Errors
    /// Any [`EngineError`]; by `deadline` at the latest.
    pub async fn transcribe(&self, pcm: &[i16], deadline: Duration) -> Result<Transcript, EngineError> {
        let events = request(self.language.clone(), false, pcm).map_err(|error| self.garbled(&error))?;
        self.heard(events, deadline).await
    }

    /// As [`Speech::transcribe`], for somebody who still speaks: soon rather than right.
    ///
    /// # Errors
    /// As of [`Speech::transcribe`].
    pub async fn draft(&self, pcm: &[i16], deadline: Duration) -> Result<Transcript, EngineError> {
        let events = request(self.language.clone(), true, pcm).map_err(|error| self.garbled(&error))?;
        self.heard(events, deadline).await
    }

    /// Hears the last utterance again as a sequence of expected phrases. The text
    /// is empty where they make none that is likely at all.
    ///
    /// # Errors
    /// Any [`EngineError`], also when `utterance` is no longer the last; by
    /// `deadline` at the latest.
    pub async fn rehear(
        &self,
        utterance: u64,
        expected: Expected,
        deadline: Duration,
    ) -> Result<Transcript, EngineError> {
        let Expected { phrases, prompt } = expected;
        let body = RehearBody { utterance, phrases, prompt };
        let event = Event::with_body(events::REHEAR, &body).map_err(|error| self.garbled(&error))?;
        self.heard(vec![event], deadline).await
    }

    async fn heard(&self, events: Vec<Event>, deadline: Duration) -> Result<Transcript, EngineError> {
        let exchange = Exchange { events, answer: events::TRANSCRIPT };
        let answer = self.engine.ask(exchange, deadline).await?;
        let body: TranscriptBody = answer.body().map_err(|error| self.garbled(&error))?;
        Ok(body.into())
    }

    fn garbled(&self, error: &WyomingError) -> EngineError {
        EngineError::Protocol { engine: self.engine.name().to_owned(), reason: error.to_string() }
    }
}

fn request(language: Option<String>, draft: bool, pcm: &[i16]) -> Result<Vec<Event>, WyomingError> {
    let transcribe = TranscribeBody { language, name: None, draft };
    let mut events = vec![
        Event::with_body(events::TRANSCRIBE, &transcribe)?,
        Event::with_body(events::AUDIO_START, &SPEECH_FORMAT)?,
    ];
    for samples in pcm.chunks(CHUNK) {
        let bytes = samples.iter().flat_map(|sample| sample.to_le_bytes());
        let chunk = Event::with_body(events::AUDIO_CHUNK, &SPEECH_FORMAT)?;
        events.push(chunk.with_payload(bytes.collect()));
    }
    events.push(Event::new(events::AUDIO_STOP));
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_framed_as_wyoming_asks() {
        let pcm: Vec<i16> = (0..20_000).map(|n| n as i16).collect();
        let events = request(Some("en".into()), false, &pcm).unwrap();
        let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["transcribe", "audio-start", "audio-chunk", "audio-chunk", "audio-stop"]);
        assert_eq!(events[0].text("language"), Some("en"));
        assert!(events[0].data.get("draft").is_none(), "other services do not know it");
        assert_eq!(events[2].data["rate"], 16_000);
        assert_eq!(events[2].payload.len(), 32_000);
        assert_eq!(&events[2].payload[2..4], &[1, 0]);
        assert_eq!(events[3].payload.len(), 8_000);
    }

    #[test]
    fn a_plain_services_transcript_is_enough() {
        let event = Event::new("transcript").with("text", " one latte ");
        let transcript: Transcript = event.body::<TranscriptBody>().unwrap().into();
        assert_eq!(transcript.text, "one latte");
        assert_eq!(transcript.confidence, None);
        assert!(!format!("{transcript:?}").contains("latte"));
    }
}
