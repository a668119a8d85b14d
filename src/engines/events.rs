//! Owns the names and fields of the events that Aisle and its workers exchange.
//!
//! The speech events are Wyoming's own (checked against the Python package's
//! `asr.py`, `audio.py`, `info.py`, `ping.py` and `error.py`); keys marked
//! *extension* are ours and are left out or ignored by other services. The
//! language model's events are ours, as Wyoming has none for a raw model.
//! Promises: both ends use these types, so they cannot drift apart.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::wyoming::Event;

/// Asks a service to describe itself; answered by [`INFO`].
pub const DESCRIBE: &str = "describe";
/// A service's description; a worker sends it only after its model is loaded.
pub const INFO: &str = "info";
/// Asks for a sign of life; answered by [`PONG`] with the same text.
pub const PING: &str = "ping";
/// Answer to [`PING`].
pub const PONG: &str = "pong";
/// A request failed; fields are [`ErrorBody`].
pub const ERROR: &str = "error";
/// Extension: give up the request under way. It is still answered, by its
/// result or by an error with [`code::CANCELLED`].
pub const CANCEL: &str = "cancel";

/// Announces speech to transcribe; fields are [`TranscribeBody`].
pub const TRANSCRIBE: &str = "transcribe";
/// Audio begins; fields are [`AudioFormat`].
pub const AUDIO_START: &str = "audio-start";
/// A piece of audio: [`AudioFormat`] with little-endian PCM as payload.
pub const AUDIO_CHUNK: &str = "audio-chunk";
/// Audio is complete; the service answers with [`TRANSCRIPT`].
pub const AUDIO_STOP: &str = "audio-stop";
/// What was said; fields are [`TranscriptBody`].
pub const TRANSCRIPT: &str = "transcript";
/// Extension: hear the last utterance once more, as phrases that are expected;
/// fields are [`RehearBody`]. Answered by [`TRANSCRIPT`], its text empty where
/// the phrases make none that is likely at all.
pub const REHEAR: &str = "rehear";

/// Extension: process a prompt ahead of time; fields are [`PrimeBody`].
pub const PRIME: &str = "prime";
/// Answer to [`PRIME`]; fields are [`PrimedBody`].
pub const PRIMED: &str = "primed";
/// Extension: continue a prompt; fields are [`CompleteBody`].
pub const COMPLETE: &str = "complete";
/// Answer to [`COMPLETE`]; fields are [`CompletionBody`].
pub const COMPLETION: &str = "completion";

/// Values of an error event's `code`.
pub mod code {
    /// The model is missing, damaged or of another kind.
    pub const MODEL: &str = "model";
    /// The CPU lacks instructions that this build needs.
    pub const CPU: &str = "cpu";
    /// The bytes on the stream are no Wyoming events.
    pub const PROTOCOL: &str = "protocol";
    /// The event lacks a field or has one out of range.
    pub const REQUEST: &str = "request";
    /// The audio is not 16 kHz, 16 bit, mono.
    pub const AUDIO_FORMAT: &str = "audio-format";
    /// More audio or text than the engine takes at once.
    pub const TOO_LONG: &str = "too-long";
    /// The grammar does not parse, or admits no further token.
    pub const GRAMMAR: &str = "grammar";
    /// The request was given up because a `cancel` event came.
    pub const CANCELLED: &str = "cancelled";
    /// The engine itself failed.
    pub const ENGINE: &str = "engine";
}

/// Fields of [`ERROR`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// One line for a person.
    pub text: String,
    /// Stable word for a program, see [`code`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Fields of [`AUDIO_START`] and [`AUDIO_CHUNK`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioFormat {
    /// Samples a second.
    pub rate: u32,
    /// Bytes a sample.
    pub width: u32,
    /// Number of channels.
    pub channels: u32,
}

/// What the speech engine hears: 16 kHz, 16 bit, mono.
pub const SPEECH_FORMAT: AudioFormat = AudioFormat { rate: 16_000, width: 2, channels: 1 };

/// Fields of [`TRANSCRIBE`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscribeBody {
    /// Language spoken, such as `en`; the service's default where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Model to use, where a service has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Our own field: the words are wanted soon rather than right, of somebody who still
    /// speaks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
}

/// Fields of [`TRANSCRIPT`].
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TranscriptBody {
    /// What was said; empty when nothing was.
    pub text: String,
    /// Language of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Extension: mean probability of the text's tokens, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Extension: the model's probability that nobody spoke, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_speech: Option<f32>,
    /// Extension: whether the audio was decoded a second time.
    #[serde(default)]
    pub retried: bool,
    /// Extension: encoder positions used (50 a second, at most 1500).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_ctx: Option<u32>,
    /// Extension: time in the engine, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decode_ms: Option<u64>,
    /// Extension: mean natural logarithm of the probabilities of the text's
    /// tokens, at most 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_logprob: Option<f32>,
    /// Extension: by what number [`REHEAR`] calls this utterance, while it is
    /// the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utterance: Option<u64>,
    /// Extension: the likeliest texts, this one among them, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
}

/// One of the texts that an utterance may have been.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// The text.
    pub text: String,
    /// Mean natural logarithm of the probabilities of its tokens.
    pub mean_logprob: f32,
}

/// Fields of [`REHEAR`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RehearBody {
    /// The utterance's number.
    pub utterance: u64,
    /// Phrases of words with spaces between them; a text is any sequence of them.
    pub phrases: Vec<String>,
    /// Text in the manner of what is expected, as if it had been said before.
    #[serde(default)]
    pub prompt: String,
}

/// A piece of a prompt. Only a trusted one may hold control tokens such as
/// `<|im_start|>`; in any other these are plain text to the model.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptSegment {
    /// The text.
    pub text: String,
    /// Whether Aisle itself wrote it; false for speech, catalog and web text.
    #[serde(default)]
    pub trusted: bool,
}

/// Fields of [`PRIME`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimeBody {
    /// The beginning that later prompts share.
    pub prompt: Vec<PromptSegment>,
}

/// Fields of [`PRIMED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimedBody {
    /// Tokens in the prompt.
    pub prompt_tokens: u32,
    /// Tokens that were in the key/value cache already.
    pub cached_tokens: u32,
    /// Time in the engine, in milliseconds.
    pub decode_ms: u64,
}

/// Fields of [`COMPLETE`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct CompleteBody {
    /// The prompt, chat template included.
    pub prompt: Vec<PromptSegment>,
    /// GBNF grammar whose `root` the answer must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grammar: Option<String>,
    /// Most tokens to generate, at least 1.
    pub max_tokens: u32,
    /// 0 takes the likeliest token each time; higher values draw at random.
    #[serde(default)]
    pub temperature: f32,
    /// Seed of the draw; the same seed gives the same answer.
    #[serde(default)]
    pub seed: u32,
}

/// Fields of [`COMPLETION`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct CompletionBody {
    /// What the model wrote.
    pub text: String,
    /// Tokens in the prompt.
    pub prompt_tokens: u32,
    /// Prompt tokens that were in the key/value cache already.
    pub cached_tokens: u32,
    /// Tokens generated.
    pub generated_tokens: u32,
    /// Whether the model ended by itself; false when `max_tokens` ended it.
    pub finished: bool,
    /// Time in the engine, in milliseconds.
    pub decode_ms: u64,
}

/// An error event.
#[must_use]
pub fn error(code: &str, text: &str) -> Event {
    Event::new(ERROR).with("text", text).with("code", code)
}

/// The `info` event of a worker: every list that Wyoming names, with our one
/// program in `domain` (`asr` for speech; `handle` for the language model, the
/// closest that Wyoming has to text in, text out).
#[must_use]
pub fn info(domain: &str, program: &str, model: &str, languages: &[&str]) -> Event {
    let attribution = json!({"name": "Aisle", "url": ""});
    let version = env!("CARGO_PKG_VERSION");
    let program = json!({
        "name": program, "attribution": attribution, "installed": true,
        "description": null, "version": version,
        "models": [{
            "name": model, "attribution": attribution, "installed": true,
            "description": null, "version": null, "languages": languages,
        }],
    });
    ["asr", "tts", "handle", "intent", "wake", "mic", "snd"].into_iter().fold(
        Event::new(INFO),
        |event, list| {
            let entries = if list == domain { vec![program.clone()] } else { Vec::new() };
            event.with(list, Value::from(entries))
        },
    )
}
