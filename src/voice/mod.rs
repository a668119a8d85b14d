//! Voice: from sound to samples and from text to sound, in flow order.
//!
//! | module | owns |
//! |---|---|
//! | [`recording`] | a recorded shopper: WAV, FLAC or Ogg to 16 kHz mono |
//! | `bulkhead` | keeping a decoder's panic away from the kiosk |
//! | [`resample`] | changing the sample rate |
//! | [`microphone`] | live sound from a device |
//! | [`echo`] | the kiosk's own voice and steady noise taken out of what it hears |
//! | [`vad`] | where in the sound somebody speaks |
//! | [`endpoint`] | when an utterance begins, pauses and ends |
//! | [`listener`] | all of these at work: live sound in, utterances out |
//! | [`script`] | a reply cleaned and cut into pieces that can be spoken |
//! | [`espeak`] | the espeak-ng library: text to phonemes |
//! | [`phonemes`] | phonemes to the numbers a Piper voice was trained on |
//! | [`tts`] | the Piper voice: text to samples, piece by piece |
//! | [`wav`] | writing speech to a file |
//! | [`playback`] | speaking through a loudspeaker, and falling silent at once |
//! | [`devices`] | which microphones and loudspeakers there are |
//!
//! Promises: what comes in (files, text, devices) is untrusted, and at worst
//! yields an error of one line. Never logs what a shopper said or is told.

mod bulkhead;
pub mod devices;
pub mod echo;
pub mod endpoint;
pub mod espeak;
pub mod listener;
pub mod microphone;
pub mod phonemes;
pub mod playback;
pub mod recording;
pub mod resample;
pub mod script;
pub mod tts;
pub mod vad;
pub mod wav;

/// The sample rate of everything that listens (Whisper, Silero VAD), in hertz.
pub const LISTENING_RATE: u32 = 16_000;

/// Samples as the speech worker takes them; beyond full scale they are cut off.
#[must_use]
pub fn pcm(samples: &[f32]) -> Vec<i16> {
    // Clamped to full scale, so the cast keeps its value.
    #[allow(clippy::cast_possible_truncation)]
    let to_pcm = |sample: &f32| (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16;
    samples.iter().map(to_pcm).collect()
}
