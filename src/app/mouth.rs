//! Speaking: the reply's words to samples, piece by piece, and onwards to a
//! file or a loudspeaker.

use crate::models::onnx::{OnnxError, Runtime};
use crate::models::{ModelDir, ModelError};
use crate::settings;
use crate::voice::tts::{Manner, TtsError, Voice};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The kiosk's voice.
pub struct Mouth {
    voice: Mutex<Voice>,
}

/// Why the voice cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum MouthError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    #[error(transparent)]
    Voice(#[from] TtsError),
}

/// A spoken reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Utterance {
    /// Mono.
    pub samples: Vec<i16>,
    /// In hertz.
    pub rate: u32,
    /// When the first piece was ready to be played; `None`: nothing to say.
    pub first_sound: Option<Instant>,
}

impl Mouth {
    /// Loads the voice.
    ///
    /// # Errors
    /// A model or espeak-ng is missing or damaged.
    pub fn open(
        models: &ModelDir,
        runtime: &Runtime,
        settings: &settings::Voice,
    ) -> Result<Self, MouthError> {
        let model = models.ready(&settings.model)?;
        let json = models.ready(&format!("{}-config", settings.model))?;
        let mut voice = Voice::load(runtime, &model, &json, settings.threads as usize)?;
        // Ranges of the settings are far inside f32.
        #[allow(clippy::cast_possible_truncation)]
        voice.set_manner(Manner {
            rate: settings.rate as f32,
            volume: settings.volume as f32,
            ..Manner::default()
        });
        Ok(Self { voice: Mutex::new(voice) })
    }

    /// Speaks `text` into memory; `heard` gets each piece as soon as it is there.
    ///
    /// # Errors
    /// The voice failed.
    pub fn say(&self, text: &str, mut heard: impl FnMut(&[i16], u32)) -> Result<Utterance, TtsError> {
        self.say_while(text, |piece, rate| {
            heard(piece, rate);
            true
        })
    }

    /// As [`Mouth::say`], until `heard` says that nobody listens any more.
    ///
    /// # Errors
    /// The voice failed.
    pub fn say_while(
        &self,
        text: &str,
        mut heard: impl FnMut(&[i16], u32) -> bool,
    ) -> Result<Utterance, TtsError> {
        let mut voice = self.voice.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = voice.sample_rate();
        let mut utterance = Utterance { samples: Vec::new(), rate, first_sound: None };
        for piece in voice.say(text)? {
            let piece = piece?;
            if !piece.is_empty() {
                utterance.first_sound.get_or_insert_with(Instant::now);
            }
            let goes_on = heard(&piece, rate);
            utterance.samples.extend(piece);
            if !goes_on {
                break;
            }
        }
        Ok(utterance)
    }
}
