//! Hearing an order a second time among the menu's words, with the real model.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use aisle::engines::speech::Expected;
use aisle::engines::{Address, Engine, EngineConfig, EngineError, Speech};
use aisle::voice::recording::{Limits, Recording};

/// Far above what any of these needs on a busy machine; nothing here measures time.
const PATIENCE: Duration = Duration::from_secs(300);

fn speech() -> Speech {
    let folder = std::env::var_os("AISLE_MODELS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/aisle/models"),
        PathBuf::from,
    );
    let model = folder.join("whisper-base.bin");
    assert!(model.exists(), "{} is missing: run `aisle models fetch`", model.display());
    let args = ["--model".into(), model.into_os_string(), "--threads".into(), "1".into()];
    let address = Address::worker(env!("CARGO_BIN_EXE_aisle-stt"), args);
    Speech::new(Engine::new(EngineConfig::new("aisle-stt", address)).unwrap(), Some("en".into()))
}

/// "Make me a medium roast iced coffee with milk".
fn recorded() -> Vec<i16> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/iced-coffee.flac");
    let recording = Recording::open(&path, &Limits::default()).unwrap();
    recording.samples().iter().map(|s| (s * f32::from(i16::MAX)) as i16).collect()
}

fn expected(phrases: &[&str]) -> Expected {
    let phrases = phrases.iter().map(|phrase| (*phrase).to_owned()).collect();
    Expected { phrases, prompt: "Can I get a small latte with some cream?".into() }
}

#[tokio::test]
async fn the_last_utterance_is_heard_again_as_expected_phrases() {
    let speech = speech();
    let first = speech.transcribe(&recorded(), PATIENCE).await.unwrap();
    let utterance = first.utterance.unwrap();
    assert!(first.mean_logprob.is_some_and(|mean| mean < 0.0) && first.alternatives.is_empty());

    let phrases =
        ["make me", "get me", "a", "medium roast", "dark roast", "iced coffee", "mocha", "with", "milk"];
    let again = speech.rehear(utterance, expected(&phrases), PATIENCE).await.unwrap();
    let text = again.text.to_lowercase();
    assert!(text.starts_with("make me a medium roast iced coffee with milk"), "{text}");
    assert_eq!(again.alternatives.first().map(|(text, _)| text), Some(&again.text));

    // Other phrases say otherwise and are less likely; none say nothing.
    let other =
        speech.rehear(utterance, expected(&["make me", "a", "dark roast", "mocha"]), PATIENCE).await.unwrap();
    assert!(other.mean_logprob.is_none_or(|mean| mean < again.mean_logprob.unwrap() - 0.3));
    let none = speech.rehear(utterance, Expected::default(), PATIENCE).await.unwrap();
    assert!(none.text.is_empty() && none.alternatives.is_empty());
}

#[tokio::test]
async fn an_utterance_that_is_not_the_last_is_refused() {
    let speech = speech();
    let first = speech.transcribe(&recorded(), PATIENCE).await.unwrap();
    let silence = speech.transcribe(&[0; 16_000], PATIENCE).await.unwrap();
    assert_eq!(silence.utterance, None);
    let late = speech.rehear(first.utterance.unwrap(), expected(&["milk"]), PATIENCE).await;
    assert!(matches!(late, Err(EngineError::Refused { .. })), "{late:?}");
    // The worker goes on.
    assert!(!speech.transcribe(&recorded(), PATIENCE).await.unwrap().text.is_empty());
}
