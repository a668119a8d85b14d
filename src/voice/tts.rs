//! The voice: text to speech, piece by piece.
//!
//! Owns a Piper voice (a VITS model as ONNX, and its JSON). Promises: the first
//! piece of a long text is ready before the rest is begun; text with nothing to
//! say is silence of length zero, not an error; memory per piece is bounded.
//! Never rewrites text, never plays it, never logs it.
//!
//! Scheme: Piper (OHF-Voice/piper1-gpl), inputs `input`, `input_lengths`,
//! `scales` and, for voices of several speakers, `sid`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ort::session::{Session, SessionInputValue};
use ort::value::TensorRef;
use serde::Deserialize;

use super::espeak::{self, EspeakError};
use super::phonemes::{self, PhonemeTable};
use super::script::{self, Sentence};
use crate::models::onnx::{OnnxError, Runtime};

/// Why there is no speech.
#[derive(Debug, thiserror::Error)]
pub enum TtsError {
    /// The runtime or the model file is missing or damaged.
    #[error(transparent)]
    Model(#[from] OnnxError),
    /// The voice's JSON is missing.
    #[error("the voice settings {} are missing: run `aisle models fetch`", .0.display())]
    NoSettings(PathBuf),
    /// The voice's JSON is damaged, or of a kind that is not understood.
    #[error("the voice settings {} are not usable ({reason}): run `aisle models verify`", .path.display())]
    BadSettings { path: PathBuf, reason: String },
    /// espeak-ng is not installed.
    #[error(transparent)]
    Espeak(#[from] EspeakError),
    /// More text than is said at once.
    #[error(transparent)]
    TooLong(#[from] script::TooLong),
    /// The model ran but is not a Piper voice.
    #[error("the voice model failed ({0}): run `aisle models verify`")]
    Run(String),
}

/// How the voice speaks. Values outside of their range count as its nearest end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Manner {
    /// Speaking rate, 0.5 (slow) to 2.0 (fast); 1 is the voice's own.
    pub rate: f32,
    /// Loudness of the loudest sample, 0 to 1 (full scale).
    pub volume: f32,
    /// Variation of the sound, 0 to 1; `None` is the voice's own.
    pub noise: Option<f32>,
    /// Variation of the rhythm, 0 to 1; `None` is the voice's own.
    pub rhythm_noise: Option<f32>,
    /// Silence between sentences, at most 2 s.
    pub sentence_pause: Duration,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            rate: 1.0,
            volume: 1.0,
            noise: None,
            rhythm_noise: None,
            sentence_pause: Duration::from_millis(200),
        }
    }
}

/// The parts of a Piper voice's JSON that matter here.
#[derive(Deserialize)]
struct VoiceFile {
    audio: AudioFile,
    espeak: EspeakFile,
    #[serde(default)]
    inference: InferenceFile,
    #[serde(default = "espeak_phonemes")]
    phoneme_type: String,
    phoneme_id_map: HashMap<String, Vec<i64>>,
}

#[derive(Deserialize)]
struct AudioFile {
    sample_rate: u32,
}

#[derive(Deserialize)]
struct EspeakFile {
    voice: String,
}

/// Defaults as in Piper.
#[derive(Deserialize)]
#[serde(default)]
struct InferenceFile {
    noise_scale: f32,
    length_scale: f32,
    noise_w: f32,
}

impl Default for InferenceFile {
    fn default() -> Self {
        Self { noise_scale: 0.667, length_scale: 1.0, noise_w: 0.8 }
    }
}

fn espeak_phonemes() -> String {
    "espeak".to_owned()
}

impl VoiceFile {
    fn read(path: &Path) -> Result<Self, TtsError> {
        let bad = |reason: String| TtsError::BadSettings { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => TtsError::NoSettings(path.to_owned()),
            _ => bad(error.to_string()),
        })?;
        let file: Self = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        if file.phoneme_type != "espeak" {
            return Err(bad("it wants another phonemizer than espeak-ng".to_owned()));
        }
        if !(8_000..=48_000).contains(&file.audio.sample_rate) {
            return Err(bad(format!("a sample rate of {} Hz", file.audio.sample_rate)));
        }
        if !(0.1..=10.0).contains(&file.inference.length_scale) {
            return Err(bad(format!("a length scale of {}", file.inference.length_scale)));
        }
        Ok(file)
    }
}

/// A loaded voice. One piece is synthesized at a time.
#[derive(Debug)]
pub struct Voice {
    session: Session,
    table: PhonemeTable,
    language: String,
    sample_rate: u32,
    /// The voice's own noise, length and rhythm noise.
    scales: [f32; 3],
    several_speakers: bool,
    manner: Manner,
}

impl Voice {
    /// Opens the Piper voice `model` with its settings `json`, to run on at most
    /// `threads` threads, and checks that espeak-ng speaks its language.
    ///
    /// # Errors
    /// [`TtsError`].
    pub fn load(runtime: &Runtime, model: &Path, json: &Path, threads: usize) -> Result<Self, TtsError> {
        let file = VoiceFile::read(json)?;
        let table = PhonemeTable::new(file.phoneme_id_map)
            .map_err(|error| TtsError::BadSettings { path: json.to_owned(), reason: error.to_string() })?;
        espeak::check(&file.espeak.voice)?;
        let session = runtime.session(model, threads)?;
        let several_speakers = session.inputs().iter().any(|input| input.name() == "sid");
        Ok(Self {
            session,
            table,
            language: file.espeak.voice,
            sample_rate: file.audio.sample_rate,
            scales: [file.inference.noise_scale, file.inference.length_scale, file.inference.noise_w],
            several_speakers,
            manner: Manner::default(),
        })
    }

    /// Changes how it speaks from the next piece on.
    pub fn set_manner(&mut self, manner: Manner) {
        self.manner = manner;
    }

    /// The sample rate of its speech, in hertz.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Cuts `text` into the pieces that [`Voice::synthesize`] takes.
    ///
    /// # Errors
    /// [`TtsError::TooLong`].
    pub fn sentences(text: &str) -> Result<Vec<Sentence>, TtsError> {
        Ok(script::sentences(text)?)
    }

    /// The speech of one piece: mono samples at [`Voice::sample_rate`], the
    /// loudest of them at the set volume. Empty when nothing can be spoken.
    ///
    /// # Errors
    /// [`TtsError::Espeak`] or [`TtsError::Run`].
    pub fn synthesize(&mut self, sentence: &Sentence) -> Result<Vec<i16>, TtsError> {
        let spelled = phonemes::spell(sentence, &self.language)?;
        let mut sound = Vec::new();
        for ids in self.table.runs(&spelled) {
            sound.extend(self.run(&ids).map_err(|error| {
                TtsError::Run(error.to_string().lines().next().unwrap_or_default().to_owned())
            })?);
        }
        Ok(to_samples(&sound, self.manner.volume))
    }

    /// Says `text`: an iterator of pieces in order, each synthesized when it is
    /// asked for, with the pauses between sentences in front of the later ones.
    ///
    /// # Errors
    /// [`TtsError::TooLong`]; the pieces have errors of their own.
    pub fn say(&mut self, text: &str) -> Result<Speech<'_>, TtsError> {
        let pieces = Self::sentences(text)?.into_iter();
        Ok(Speech { voice: self, pieces, pause: false })
    }

    fn run(&mut self, ids: &[i64]) -> ort::Result<Vec<f32>> {
        let [noise, length, rhythm] = self.scales;
        let scales = [
            self.manner.noise.map_or(noise, |noise| within(noise, 0.0, 1.0)),
            length / within(self.manner.rate, 0.5, 2.0),
            self.manner.rhythm_noise.map_or(rhythm, |noise| within(noise, 0.0, 1.0)),
        ];
        let count = [ids.len() as i64];
        let first_speaker = [0_i64];
        let mut inputs: Vec<(&str, SessionInputValue)> = vec![
            ("input", TensorRef::from_array_view(([1, ids.len()], ids))?.into()),
            ("input_lengths", TensorRef::from_array_view(([1_usize], &count[..]))?.into()),
            ("scales", TensorRef::from_array_view(([3_usize], &scales[..]))?.into()),
        ];
        if self.several_speakers {
            let sid = TensorRef::from_array_view(([1_usize], &first_speaker[..]))?;
            inputs.push(("sid", sid.into()));
        }
        let outputs = self.session.run(inputs)?;
        let sound = outputs.get("output").ok_or_else(|| ort::Error::new("it gives no sound"))?;
        // Shape (1, 1, 1, samples).
        Ok(sound.try_extract_tensor::<f32>()?.1.to_vec())
    }
}

/// Speech in the making; see [`Voice::say`].
#[derive(Debug)]
pub struct Speech<'v> {
    voice: &'v mut Voice,
    pieces: std::vec::IntoIter<Sentence>,
    /// Whether the sentence before is complete and was heard.
    pause: bool,
}

impl Speech<'_> {
    /// All pieces as one clip.
    ///
    /// # Errors
    /// The first error of a piece.
    pub fn into_samples(self) -> Result<Vec<i16>, TtsError> {
        let mut samples = Vec::new();
        for piece in self {
            samples.extend(piece?);
        }
        Ok(samples)
    }
}

impl Iterator for Speech<'_> {
    type Item = Result<Vec<i16>, TtsError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let piece = self.pieces.next()?;
            match self.voice.synthesize(&piece) {
                Ok(samples) if samples.is_empty() => {}
                Ok(samples) => {
                    let silent = if self.pause { self.voice.pause_samples() } else { 0 };
                    self.pause = piece.is_complete();
                    let mut spoken = vec![0; silent];
                    spoken.extend(samples);
                    return Some(Ok(spoken));
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Voice {
    fn pause_samples(&self) -> usize {
        let pause = self.manner.sentence_pause.min(Duration::from_secs(2));
        (pause.as_secs_f64() * f64::from(self.sample_rate)) as usize
    }
}

/// `value` within its range; what is not a number counts as `low`.
fn within(value: f32, low: f32, high: f32) -> f32 {
    // Unlike `clamp`, `max` and `min` replace what is not a number.
    value.max(low).min(high)
}

/// Scales `sound` so that its peak has `volume`, as Piper does. Near silence is
/// not blown up.
fn to_samples(sound: &[f32], volume: f32) -> Vec<i16> {
    let peak = sound.iter().fold(0.01_f32, |peak, s| peak.max(s.abs()));
    let scale = within(volume, 0.0, 1.0) * f32::from(i16::MAX) / peak;
    // `as` saturates, and turns what is not a number into 0.
    sound.iter().map(|s| (s * scale) as i16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<VoiceFile, TtsError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), json).unwrap();
        VoiceFile::read(file.path())
    }

    #[test]
    fn settings_are_checked_before_use() {
        let good = r#"{"audio":{"sample_rate":22050},"espeak":{"voice":"en-us"},"phoneme_id_map":{}}"#;
        assert_eq!(read(good).unwrap().inference.length_scale.to_bits(), 1.0_f32.to_bits());
        for bad in [
            "",
            "{}",
            "[1",
            &good.replace("22050", "1"),
            &good.replace(r#""espeak":{"#, r#""phoneme_type":"text","espeak":{"#),
            &good.replace(r#""espeak":{"#, r#""inference":{"length_scale":0},"espeak":{"#),
        ] {
            let error = read(bad).err().unwrap_or_else(|| panic!("{bad:?} was taken"));
            assert!(matches!(error, TtsError::BadSettings { .. }), "{error}");
            assert_eq!(error.to_string().lines().count(), 1);
        }
        let missing = VoiceFile::read(Path::new("/nowhere.json")).err().unwrap();
        assert!(matches!(missing, TtsError::NoSettings(_)), "{missing}");
    }

    #[test]
    fn the_peak_gets_the_volume() {
        assert_eq!(to_samples(&[0.0, 0.25, -0.5], 1.0), [0, 16_383, -32_767]);
        assert_eq!(to_samples(&[0.5], 0.5), [16_383]);
        assert_eq!(to_samples(&[0.001], 1.0), [3_276], "near silence stays near silence");
        assert_eq!(to_samples(&[f32::NAN, 0.5], 1.0), [0, 32_767]);
        assert!(to_samples(&[], 1.0).is_empty());
    }
}
