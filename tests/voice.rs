//! Voice with its real parts: the Silero and Piper models, espeak-ng, and
//! recorded shoppers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use aisle::models::onnx::{OnnxError, Runtime};
use aisle::voice::recording::{Limits, Recording};
use aisle::voice::tts::{Manner, TtsError, Voice};
use aisle::voice::vad::{Hysteresis, Vad, VadError, trim};
use aisle::voice::{LISTENING_RATE, wav};

fn model(name: &str) -> PathBuf {
    let folder = std::env::var_os("AISLE_MODELS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/aisle/models"),
        PathBuf::from,
    );
    folder.join(name)
}

fn runtime() -> Runtime {
    Runtime::load(&model("libonnxruntime.so")).unwrap()
}

fn vad() -> Vad {
    Vad::load(&runtime(), &model("silero_vad.onnx")).unwrap()
}

fn voice() -> Voice {
    let onnx = model("en_US-joe-medium.onnx");
    Voice::load(&runtime(), &onnx, &model("en_US-joe-medium.onnx.json"), 2).unwrap()
}

fn recorded(name: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings").join(name);
    Recording::open(&path, &Limits::default()).unwrap().into_samples()
}

fn seconds(samples: usize, rate: u32) -> f64 {
    samples as f64 / f64::from(rate)
}

#[test]
fn a_runtime_is_loaded_once_and_others_are_refused() {
    let _first = runtime();
    let _again = runtime();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("libonnxruntime.so");
    std::fs::write(&copy, "another library").unwrap();
    let error = Runtime::load(&copy).unwrap_err();
    assert!(matches!(error, OnnxError::LibraryAlreadyLoaded { .. }), "{error}");
}

#[test]
fn a_missing_or_damaged_model_is_an_error_of_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silero_vad.onnx");
    let missing = Vad::load(&runtime(), &path).unwrap_err();
    assert!(missing.to_string().ends_with("is missing: run `aisle models fetch`"), "{missing}");

    let whole = std::fs::read(model("silero_vad.onnx")).unwrap();
    for damaged in [&b""[..], b"text\n", &whole[..whole.len() / 2]] {
        std::fs::write(&path, damaged).unwrap();
        let error = Vad::load(&runtime(), &path).unwrap_err();
        assert!(matches!(error, VadError::Model(OnnxError::ModelUnusable { .. })), "{error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

#[test]
fn another_model_in_its_place_is_an_error_not_a_crash() {
    let mut swapped = Vad::load(&runtime(), &model("en_US-joe-medium.onnx")).unwrap();
    assert!(matches!(swapped.push(&[0.0; 512]), Err(VadError::Run(_))));

    let json = model("en_US-joe-medium.onnx.json");
    let mut swapped = Voice::load(&runtime(), &model("silero_vad.onnx"), &json, 1).unwrap();
    let piece = &Voice::sentences("hello").unwrap()[0];
    assert!(matches!(swapped.synthesize(piece), Err(TtsError::Run(_))));
}

#[test]
fn speech_is_found_and_silence_is_not() {
    let mut vad = vad();
    let rule = Hysteresis::default();
    for name in ["order-1.flac", "order-2.flac"] {
        let sound = recorded(name);
        let spans = vad.speech_spans(&sound, &rule).unwrap();
        assert!(!spans.is_empty(), "{name}");
        let heard = trim(&sound, &spans);
        assert!(seconds(heard.len(), LISTENING_RATE) > 2.0, "{name}: {spans:?}");
    }
    let silence = vec![0.0; 16_000 * 5];
    assert!(vad.speech_spans(&silence, &rule).unwrap().is_empty());
    let hum: Vec<f32> =
        (0..64_000_u16).map(|n| 0.3 * (f32::from(n % 320) / 320.0 * std::f32::consts::TAU).sin()).collect();
    assert!(vad.speech_spans(&hum, &rule).unwrap().is_empty());
    assert!(vad.speech_spans(&[], &rule).unwrap().is_empty());
}

#[test]
fn a_stream_in_pieces_gives_what_the_whole_gives() {
    let mut vad = vad();
    let sound = recorded("order-1.flac");
    let whole = vad.push(&sound).unwrap();
    assert_eq!(whole.len(), sound.len() / 512);
    assert!(whole.iter().all(|p| (0.0..=1.0).contains(p)));
    vad.reset();
    let mut pieces = Vec::new();
    for piece in sound.chunks(441) {
        pieces.extend(vad.push(piece).unwrap());
    }
    assert_eq!(pieces, whole);
}

#[test]
fn samples_that_are_no_numbers_do_not_deafen_the_stream() {
    let mut vad = vad();
    vad.push(&[f32::NAN; 1_000]).unwrap();
    vad.push(&[f32::INFINITY; 1_048]).unwrap();
    let after = vad.push(&recorded("order-1.flac")).unwrap();
    assert!(after.iter().any(|p| *p > 0.9));
}

#[test]
fn a_reply_is_spoken_and_sounds_like_speech() {
    let mut voice = voice();
    assert_eq!(voice.sample_rate(), 22_050);
    let samples =
        voice.say("The iced coffee is three forty-nine, in the cafe.").unwrap().into_samples().unwrap();
    let length = seconds(samples.len(), 22_050);
    assert!((2.0..5.0).contains(&length), "{length} s");
    assert!(samples.iter().any(|s| s.unsigned_abs() > 30_000), "full volume");

    // The other half of the kiosk must take it for speech, from end to end.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reply.wav");
    wav::write(&path, &samples, voice.sample_rate()).unwrap();
    let heard = Recording::open(&path, &Limits::default()).unwrap();
    assert!((heard.duration().as_secs_f64() - length).abs() < 0.01);
    let spans = vad().speech_spans(heard.samples(), &Hysteresis::default()).unwrap();
    let voiced: usize = spans.iter().map(ExactSizeIterator::len).sum();
    assert!(seconds(voiced, LISTENING_RATE) > length * 0.7, "{spans:?}");
}

#[test]
fn pieces_come_one_by_one_with_pauses_between_sentences() {
    let mut voice = voice();
    voice.set_manner(Manner { sentence_pause: Duration::from_millis(500), ..Manner::default() });
    let pieces: Vec<Vec<i16>> =
        voice.say("Sure. Two lattes. Anything else?").unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(pieces.len(), 3);
    let leading = |piece: &[i16]| piece.iter().take_while(|s| **s == 0).count();
    assert!(leading(&pieces[0]) < 11_025);
    assert!(leading(&pieces[1]) >= 11_025 && leading(&pieces[2]) >= 11_025);
}

#[test]
fn manner_changes_speed_and_loudness() {
    let mut voice = voice();
    let mut say = |manner: Manner| {
        voice.set_manner(manner);
        voice.say("Two oat milk lattes and a muffin.").unwrap().into_samples().unwrap()
    };
    // Without variation of the rhythm, length is comparable.
    let plain = Manner { rhythm_noise: Some(0.0), ..Manner::default() };
    let slow = say(Manner { rate: 0.5, ..plain }).len();
    let fast = say(Manner { rate: 2.0, ..plain }).len();
    assert!(slow > 2 * fast, "{slow} {fast}");
    let quiet = say(Manner { volume: 0.1, ..plain });
    let peak = quiet.iter().map(|s| s.unsigned_abs()).max().unwrap();
    assert!((3_200..=3_300).contains(&peak), "{peak}");
    let odd = Manner { rate: f32::NAN, volume: f32::INFINITY, noise: Some(-1.0), ..plain };
    assert!(say(odd).iter().any(|s| s.unsigned_abs() > 30_000));
}

#[test]
fn nothing_to_say_is_no_sound_and_odd_text_is_no_error() {
    let mut voice = voice();
    for text in ["", " \n", "...", "🙂🙂", "<speak></speak>", "\u{0}\u{1b}[31m!"] {
        let samples = voice.say(text).unwrap().into_samples().unwrap();
        assert!(samples.len() < 22_050 * 2, "{text:?} takes {} samples", samples.len());
    }
    assert!(voice.say("").unwrap().into_samples().unwrap().is_empty());
    for text in ["日本語", "crème brûlée", "x", "½ × 3 = 1.5", "a\u{301}\u{301}\u{301}", "ﷺ"] {
        voice.say(text).unwrap().into_samples().unwrap();
    }
    assert!(matches!(voice.say(&"word ".repeat(1_000)).err(), Some(TtsError::TooLong(_))));
}

#[test]
fn endless_digits_are_spoken_in_bounded_pieces() {
    let mut voice = voice();
    let first = voice.say(&"9".repeat(900)).unwrap().next().unwrap().unwrap();
    assert!(seconds(first.len(), 22_050) < 150.0);
}
