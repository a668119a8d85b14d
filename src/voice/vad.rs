//! Voice activity: where in the sound somebody speaks.
//!
//! Owns the Silero VAD model and its state, and the rule that turns its
//! probabilities into spans. Promises: the same sound always gives the same
//! spans; a sample that is not a number counts as silence and never poisons the
//! state. Never decides when a turn is over (that is endpointing).
//!
//! Model and rule: Silero Team, "Silero VAD: pre-trained enterprise-grade Voice
//! Activity Detector", <https://github.com/snakers4/silero-vad> (MIT), version 6.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use ort::session::Session;
use ort::value::TensorRef;

use super::LISTENING_RATE;
use crate::models::onnx::{OnnxError, Runtime};

/// Samples per probability: 32 ms, the only step the model takes at 16 kHz.
pub const WINDOW: usize = 512;

/// Samples of the window before that the model is shown again.
const CONTEXT: usize = 64;

/// The model's recurrent state, float32 of shape (2, 1, 128).
const STATE_SHAPE: [usize; 3] = [2, 1, 128];
const STATE: usize = STATE_SHAPE[0] * STATE_SHAPE[1] * STATE_SHAPE[2];

/// Why no voice activity can be told.
#[derive(Debug, thiserror::Error)]
pub enum VadError {
    /// The runtime or the model file is missing or damaged.
    #[error(transparent)]
    Model(#[from] OnnxError),
    /// The model ran but is not a Silero VAD of version 5 or 6.
    #[error("the voice activity model failed ({0}): run `aisle models verify`")]
    Run(String),
}

/// When speech begins and ends. The thresholds are Silero's; the times are for
/// requests to a kiosk, where a span shall hold whole words and one short word
/// ("two", "yes") may be all there is. Measured: over 9 minutes of shop, cafe and
/// kitchen noise, 160 ms is the shortest `min_speech` that finds no speech in it,
/// and it misses 11 of 320 single spoken digits where Silero's 250 ms misses 32.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hysteresis {
    /// Speech begins at this probability, 0 to 1 (default 0.5).
    pub begin: f32,
    /// Speech ends below this probability, 0 to `begin` (default 0.35).
    pub end: f32,
    /// Shorter speech is a click or a cough (default 160 ms).
    pub min_speech: Duration,
    /// A shorter pause belongs to the speech around it (default 300 ms).
    pub min_silence: Duration,
    /// Kept before and after speech, for the soft edges of words (default 200 ms).
    pub pad: Duration,
}

impl Default for Hysteresis {
    fn default() -> Self {
        Self {
            begin: 0.5,
            end: 0.35,
            min_speech: Duration::from_millis(160),
            min_silence: Duration::from_millis(300),
            pad: Duration::from_millis(200),
        }
    }
}

/// One stretch of speech: sample positions, the end excluded.
pub type Span = Range<usize>;

/// A Silero VAD session with the state of one sound stream.
#[derive(Debug)]
pub struct Vad {
    session: Session,
    state: [f32; STATE],
    /// The last [`CONTEXT`] samples already judged, then up to one window of
    /// samples that still wait.
    window: Vec<f32>,
}

impl Vad {
    /// Opens the model at `model`, on one thread: a step takes well under 1 ms.
    ///
    /// # Errors
    /// [`VadError::Model`].
    pub fn load(runtime: &Runtime, model: &Path) -> Result<Self, VadError> {
        Ok(Self { session: runtime.session(model, 1)?, state: [0.0; STATE], window: fresh_window() })
    }

    /// Forgets the sound so far: the next sample begins a new stream.
    pub fn reset(&mut self) {
        self.state = [0.0; STATE];
        self.window = fresh_window();
    }

    /// Takes the next `samples` (16 kHz mono, any number) of the stream and
    /// gives one speech probability, 0 to 1, per [`WINDOW`] samples completed.
    ///
    /// # Errors
    /// [`VadError::Run`].
    pub fn push(&mut self, samples: &[f32]) -> Result<Vec<f32>, VadError> {
        let mut probabilities = Vec::with_capacity(samples.len() / WINDOW + 1);
        let mut rest = samples;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(CONTEXT + WINDOW - self.window.len()));
            self.window.extend(now.iter().map(|s| if s.is_finite() { *s } else { 0.0 }));
            rest = later;
            if self.window.len() == CONTEXT + WINDOW {
                probabilities.push(self.step()?);
                self.window.drain(..WINDOW);
            }
        }
        Ok(probabilities)
    }

    /// The spans of speech in a whole recording (16 kHz mono), in order and
    /// apart. Begins and ends with a fresh state.
    ///
    /// # Errors
    /// [`VadError::Run`].
    pub fn speech_spans(&mut self, samples: &[f32], rule: &Hysteresis) -> Result<Vec<Span>, VadError> {
        self.reset();
        let mut probabilities = self.push(samples)?;
        let missing = CONTEXT + WINDOW - self.window.len();
        if missing < WINDOW {
            probabilities.extend(self.push(&[0.0; WINDOW][..missing])?);
        }
        self.reset();
        Ok(spans(&probabilities, samples.len(), rule))
    }

    fn step(&mut self) -> Result<f32, VadError> {
        let failed = |error: &dyn std::fmt::Display| {
            VadError::Run(error.to_string().lines().next().unwrap_or_default().to_owned())
        };
        let rate = [i64::from(LISTENING_RATE)];
        let inputs = ort::inputs! {
            "input" => TensorRef::from_array_view(([1, CONTEXT + WINDOW], &self.window[..]))
                .map_err(|e| failed(&e))?,
            "state" => TensorRef::from_array_view((STATE_SHAPE, &self.state[..]))
                .map_err(|e| failed(&e))?,
            "sr" => TensorRef::from_array_view(([1_usize], &rate[..])).map_err(|e| failed(&e))?,
        };
        let outputs = self.session.run(inputs).map_err(|e| failed(&e))?;
        let tensor = |name: &str| {
            let value = outputs.get(name).ok_or_else(|| failed(&"it lacks an output"))?;
            value.try_extract_tensor::<f32>().map(|(_, values)| values).map_err(|e| failed(&e))
        };
        let probability = *tensor("output")?.first().ok_or_else(|| failed(&"it gave nothing"))?;
        let state = tensor("stateN")?.try_into().map_err(|_| failed(&"its state changed shape"))?;
        self.state = state;
        Ok(probability)
    }
}

fn fresh_window() -> Vec<f32> {
    let mut window = Vec::with_capacity(CONTEXT + WINDOW);
    window.resize(CONTEXT, 0.0);
    window
}

/// Turns one probability per [`WINDOW`] of a recording of `len` samples into
/// spans: Silero's rule, with spans that touch after padding made one.
#[must_use]
pub fn spans(probabilities: &[f32], len: usize, rule: &Hysteresis) -> Vec<Span> {
    let samples = |time: Duration| (time.as_secs_f64() * f64::from(LISTENING_RATE)) as usize;
    let (min_speech, min_silence) = (samples(rule.min_speech), samples(rule.min_silence));

    let mut found: Vec<Span> = Vec::new();
    let mut begin = None;
    let mut quiet_since = None;
    let mut keep = |speech: Span| {
        if speech.len() > min_speech {
            found.push(speech);
        }
    };
    for (index, &probability) in probabilities.iter().enumerate() {
        let at = index * WINDOW;
        if probability >= rule.begin {
            begin = begin.or(Some(at));
            quiet_since = None;
        } else if probability < rule.end
            && let Some(start) = begin
        {
            let quiet = *quiet_since.get_or_insert(at);
            if at - quiet >= min_silence {
                keep(start..quiet);
                (begin, quiet_since) = (None, None);
            }
        }
    }
    if let Some(start) = begin {
        keep(start..quiet_since.unwrap_or(len).max(start));
    }

    let pad = samples(rule.pad);
    let mut padded: Vec<Span> = Vec::with_capacity(found.len());
    for speech in found {
        let span = speech.start.saturating_sub(pad)..(speech.end + pad).min(len);
        match padded.last_mut() {
            Some(last) if last.end >= span.start => last.end = span.end,
            _ => padded.push(span),
        }
    }
    padded
}

/// The sound from the first to the last span; empty when there is none.
#[must_use]
pub fn trim<'a>(samples: &'a [f32], spans: &[Span]) -> &'a [f32] {
    match (spans.first(), spans.last()) {
        (Some(first), Some(last)) => samples.get(first.start..last.end).unwrap_or(samples),
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `pattern`: one character per window, `#` speech, `-` between the
    /// thresholds, `.` silence.
    fn found(pattern: &str) -> Vec<(usize, usize)> {
        let probabilities: Vec<f32> = pattern
            .chars()
            .map(|c| match c {
                '#' => 0.9,
                '-' => 0.4,
                _ => 0.1,
            })
            .collect();
        let rule = Hysteresis { pad: Duration::ZERO, ..Hysteresis::default() };
        spans(&probabilities, pattern.len() * WINDOW, &rule)
            .into_iter()
            .map(|span| (span.start / WINDOW, span.end / WINDOW))
            .collect()
    }

    #[test]
    fn speech_begins_high_and_ends_low() {
        assert_eq!(found("....##########............"), [(4, 14)]);
        assert_eq!(found("----##########------......"), [(4, 20)], "in between speech goes on");
        assert_eq!(found("..........................."), []);
    }

    #[test]
    fn a_click_is_dropped_and_a_short_pause_is_bridged() {
        assert_eq!(found("...#####..............."), [], "5 windows are 160 ms");
        assert_eq!(found("..########........########.............."), [(2, 26)]);
        assert_eq!(found("..########............########.........."), [(2, 10), (22, 30)]);
    }

    #[test]
    fn speech_up_to_the_end_is_kept() {
        assert_eq!(found("....##########"), [(4, 14)]);
    }

    #[test]
    fn trimming_keeps_what_lies_between_spans() {
        let sound: Vec<f32> = (0..100_u8).map(f32::from).collect();
        assert_eq!(trim(&sound, &[10..20, 40..50]), &sound[10..50]);
        assert!(trim(&sound, &[]).is_empty());
    }

    proptest! {
        #[test]
        fn spans_are_ordered_apart_and_inside(
            probabilities in prop::collection::vec(0.0_f32..1.0, 0..200),
            short in 0_usize..WINDOW,
        ) {
            let len = (probabilities.len() * WINDOW).saturating_sub(short);
            let spans = spans(&probabilities, len, &Hysteresis::default());
            for span in &spans {
                prop_assert!(span.start < span.end && span.end <= len);
            }
            for pair in spans.windows(2) {
                prop_assert!(pair[0].end < pair[1].start);
            }
        }
    }
}
