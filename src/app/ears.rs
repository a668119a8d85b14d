//! Hearing: from a recording to words, through voice activity and the speech
//! worker. Audio stays in memory and is dropped when the words are there.

use super::folders::worker;
use crate::dialog::menu::Menu;
use crate::dialog::rehearing::{self, Expectation, Hearing};
use crate::engines::speech::{Expected, Transcript};
use crate::engines::{Address, Engine, EngineConfig, EngineError, Speech};
use crate::models::onnx::{OnnxError, Runtime};
use crate::models::{ModelDir, ModelError};
use crate::settings::Asr;
use crate::voice::echo::{EchoError, Noise, without_noise};
use crate::voice::pcm;
use crate::voice::recording::{Limits, Recording, RecordingError};
use crate::voice::vad::{Hysteresis, Vad, VadError, trim};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What hearing needs.
pub struct Ears {
    vad: Mutex<Vad>,
    /// What another detector is made of.
    detector: (Runtime, PathBuf),
    noise: Noise,
    speech: Speech,
    limits: Limits,
    deadline: Duration,
}

/// Why hearing cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum EarsError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    #[error(transparent)]
    Vad(#[from] VadError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Why a recording gave no words.
#[derive(Debug, thiserror::Error)]
pub enum HearingError {
    /// The recording itself: the shopper's or caller's to mend.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// Ours: the turn is answered all the same.
    #[error(transparent)]
    Vad(#[from] VadError),
    #[error(transparent)]
    Echo(#[from] EchoError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Ears {
    /// Sets up voice activity detection and starts the speech worker's handle;
    /// the worker itself loads when first needed or told to [`Ears::warm`].
    ///
    /// # Errors
    /// A model is missing or damaged.
    pub fn open(
        models: &ModelDir,
        runtime: &Runtime,
        settings: &Asr,
        noise: Noise,
    ) -> Result<Self, EarsError> {
        let model = models.ready(&settings.model)?;
        let detector = (runtime.clone(), models.ready("silero-vad")?);
        let vad = Vad::load(&detector.0, &detector.1)?;
        let args: [OsString; 8] = [
            "--model".into(),
            model.into(),
            "--threads".into(),
            settings.threads.to_string().into(),
            "--beam".into(),
            settings.beam.to_string().into(),
            "--language".into(),
            settings.language.clone().into(),
        ];
        let config = EngineConfig::new("aisle-stt", Address::worker(worker("aisle-stt"), args));
        let speech = Speech::new(Engine::new(config)?, Some(settings.language.clone()));
        let limits = Limits { duration: Duration::from_secs_f64(settings.max_seconds), ..Limits::default() };
        let deadline = Duration::from_secs_f64(settings.deadline_seconds);
        Ok(Self { vad: Mutex::new(vad), detector, noise, speech, limits, deadline })
    }

    /// The speech worker, for its state.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        self.speech.engine()
    }

    /// Another voice activity detector, for live sound.
    ///
    /// # Errors
    /// The model is damaged.
    pub fn detector(&self) -> Result<Vad, VadError> {
        Vad::load(&self.detector.0, &self.detector.1)
    }

    /// Loads the speech worker ahead of the first turn.
    ///
    /// # Errors
    /// It does not start.
    pub async fn warm(&self) -> Result<(), EngineError> {
        self.speech.engine().warm().await
    }

    /// The words in the recording at `path`; empty when nobody speaks. What sounds
    /// like an order from `menu`, and is not sure, is heard twice.
    ///
    /// # Errors
    /// The recording cannot be read, or the engine gives no answer.
    pub async fn hear(&self, path: &Path, menu: &Menu) -> Result<String, HearingError> {
        let pcm = tokio::task::block_in_place(|| self.voiced(path))?;
        Ok(self.hear_clip(&pcm, menu).await?)
    }

    /// The words in what somebody just said (16 kHz mono, without silence around it), as
    /// [`Ears::hear`].
    ///
    /// # Errors
    /// The engine gives no answer.
    pub async fn hear_clip(&self, pcm: &[i16], menu: &Menu) -> Result<String, EngineError> {
        if pcm.is_empty() {
            return Ok(String::new());
        }
        let started = Instant::now();
        let first = self.speech.transcribe(pcm, self.deadline).await?;
        let Some(utterance) = first.utterance else { return Ok(first.text) };
        let heard = hearing(&first);
        if !rehearing::is_worthwhile(menu, &heard) {
            return Ok(heard.text);
        }
        let Expectation { phrases, prompt } = rehearing::expectation(menu);
        let left = self.deadline.saturating_sub(started.elapsed());
        // A second hearing that fails leaves the first.
        let again = self.speech.rehear(utterance, Expected { phrases, prompt }, left).await;
        let again = again.map_or_else(|_| Vec::new(), |again| again.alternatives);
        let again = again.into_iter().map(|(text, mean_logprob)| Hearing { text, mean_logprob }).collect();
        Ok(rehearing::choose(menu, heard, again).text)
    }

    /// The words so far of somebody who still speaks: soon rather than right.
    ///
    /// # Errors
    /// The engine gives no answer.
    pub async fn draft(&self, pcm: &[i16]) -> Result<String, EngineError> {
        Ok(self.speech.draft(pcm, self.deadline).await?.text)
    }

    /// The recording from the first to the last voiced sample.
    fn voiced(&self, path: &Path) -> Result<Vec<i16>, HearingError> {
        self.voiced_in(Recording::open(path, &self.limits)?.into_samples())
    }

    /// From the first to the last voiced of `samples` (16 kHz mono), without their noise
    /// where the settings say so.
    ///
    /// # Errors
    /// The detector or the canceller fails.
    pub fn voiced_in(&self, mut samples: Vec<f32>) -> Result<Vec<i16>, HearingError> {
        without_noise(&mut samples, self.noise)?;
        // A poisoned detector resets its state with the next recording.
        let mut vad = self.vad.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let spans = vad.speech_spans(&samples, &Hysteresis::default())?;
        drop(vad);
        Ok(pcm(trim(&samples, &spans)))
    }
}

fn hearing(transcript: &Transcript) -> Hearing {
    let mean_logprob = transcript.mean_logprob.unwrap_or(f32::NEG_INFINITY);
    Hearing { text: transcript.text.clone(), mean_logprob }
}
