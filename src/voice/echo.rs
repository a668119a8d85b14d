//! Echo and noise: the kiosk's own voice, and on request steady noise, taken out of what
//! the microphone hears.
//!
//! Owns the canceller (sonora, a port of WebRTC's audio processing) and what it has learnt
//! of the room. Promises: it finds the delay between loudspeaker and microphone itself; a
//! sample that is not a number does not poison it; without anything played it changes no
//! more than the rumble below 100 Hz. Never decides whether somebody speaks.
//!
//! It learns while the kiosk speaks, so one is kept for as long as the microphone is open.
//! Measured with synthetic rooms: 20 dB after half a second of speech, 40 dB and more after
//! some; a voice over it loses 1 to 3 dB; 0.7 % of a core.

use sonora::config::{EchoCanceller, NoiseSuppression, NoiseSuppressionLevel};
use sonora::{AudioProcessing, Config, StreamConfig};

use super::LISTENING_RATE;

/// Samples of one step: 10 ms.
pub const FRAME: usize = LISTENING_RATE as usize / 100;

/// How much of a steady noise is taken out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Noise {
    /// None of it: what hears words was trained on noisy sound, and hears through it best.
    #[default]
    Kept,
    Low,
    Moderate,
    High,
}

impl Noise {
    /// From its name in the settings: `off`, `low`, `moderate` or `high`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "low" => Self::Low,
            "moderate" => Self::Moderate,
            "high" => Self::High,
            _ => Self::Kept,
        }
    }

    fn level(self) -> Option<NoiseSuppressionLevel> {
        match self {
            Self::Kept => None,
            Self::Low => Some(NoiseSuppressionLevel::Low),
            Self::Moderate => Some(NoiseSuppressionLevel::Moderate),
            Self::High => Some(NoiseSuppressionLevel::High),
        }
    }
}

/// The canceller refuses a frame.
#[derive(Debug, thiserror::Error)]
#[error("the echo canceller failed: {0}")]
pub struct EchoError(String);

impl From<sonora::Error> for EchoError {
    fn from(error: sonora::Error) -> Self {
        Self(format!("{error:?}"))
    }
}

/// Takes out of one microphone what one loudspeaker played.
pub struct Canceller {
    processing: AudioProcessing,
}

impl Canceller {
    /// Knows nothing of the room yet. `echo`: there is a loudspeaker to be taken out.
    #[must_use]
    pub fn new(echo: bool, noise: Noise) -> Self {
        let suppression = |level| NoiseSuppression { level, ..NoiseSuppression::default() };
        let config = Config {
            echo_canceller: echo.then(EchoCanceller::default),
            noise_suppression: noise.level().map(suppression),
            ..Config::default()
        };
        let mono = StreamConfig::new(LISTENING_RATE, 1);
        let processing =
            AudioProcessing::builder().config(config).capture_config(mono).render_config(mono).build();
        Self { processing }
    }

    /// Takes 10 ms (160 samples, -1 to 1) of what was played, silence included. They may come
    /// several at a time, before the microphone hears them.
    ///
    /// # Errors
    /// [`EchoError`].
    pub fn played(&mut self, frame: &[f32]) -> Result<(), EchoError> {
        let frame = whole(frame);
        Ok(self.processing.process_render_f32(&[&frame], &mut [&mut [0.0; FRAME]])?)
    }

    /// Cleans 10 ms (160 samples, -1 to 1) of what the microphone heard.
    ///
    /// # Errors
    /// [`EchoError`].
    pub fn heard(&mut self, frame: &mut [f32]) -> Result<(), EchoError> {
        let mut clean = [0.0; FRAME];
        self.processing.process_capture_f32(&[&whole(frame)], &mut [&mut clean])?;
        for (sample, clean) in frame.iter_mut().zip(clean) {
            *sample = clean;
        }
        Ok(())
    }
}

/// One frame of numbers: of another length it panics, and one that is no number silences
/// it for good.
fn whole(frame: &[f32]) -> [f32; FRAME] {
    let mut own = [0.0; FRAME];
    for (own, sample) in own.iter_mut().zip(frame) {
        *own = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
    }
    own
}

/// A whole recording (16 kHz mono) without its steady noise. Its start stays its start, but
/// for some milliseconds.
///
/// # Errors
/// [`EchoError`].
pub fn without_noise(samples: &mut [f32], noise: Noise) -> Result<(), EchoError> {
    if noise == Noise::Kept {
        return Ok(());
    }
    let mut canceller = Canceller::new(false, noise);
    samples.chunks_mut(FRAME).try_for_each(|frame| canceller.heard(frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sound that never repeats: a canceller cannot learn it by heart.
    fn noise(seed: u64, len: usize) -> Vec<f32> {
        let mut random = fastrand::Rng::with_seed(seed);
        // A low-pass gives it the slope of a voice.
        let mut last = 0.0;
        std::iter::repeat_with(|| {
            last = 0.8 * last + 0.2 * (random.f32() - 0.5);
            last
        })
        .take(len)
        .collect()
    }

    fn power(samples: &[f32]) -> f32 {
        samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32
    }

    fn decibels(ratio: f32) -> f32 {
        10.0 * ratio.log10()
    }

    /// What is left of `near` beside the echo of `far`, 70 ms later and half as loud.
    fn cancelled(far: &[f32], near: &[f32]) -> Vec<f32> {
        let delay = 7 * FRAME;
        let mut canceller = Canceller::new(true, Noise::Kept);
        let mut left = Vec::new();
        for at in (0..far.len() - FRAME).step_by(FRAME) {
            canceller.played(&far[at..at + FRAME]).unwrap();
            let echo = |n: usize| n.checked_sub(delay).map_or(0.0, |n| 0.5 * far[n]);
            let mut heard: Vec<f32> = (at..at + FRAME).map(|n| echo(n) + near[n]).collect();
            canceller.heard(&mut heard).unwrap();
            left.extend(heard);
        }
        left
    }

    #[test]
    fn its_own_voice_is_taken_out_and_another_is_not() {
        let seconds = |n: usize| n * LISTENING_RATE as usize;
        let far = noise(1, seconds(6));
        let mut near = vec![0.0; seconds(6)];
        let voice = noise(2, seconds(1));
        near[seconds(4)..seconds(5)].copy_from_slice(&voice);
        let left = cancelled(&far, &near);
        let echo = power(&far[seconds(2)..seconds(4)]) / 4.0;
        let gone = decibels(echo / power(&left[seconds(2)..seconds(4)]));
        assert!(gone > 20.0, "only {gone} dB of the echo are gone");
        let kept = decibels(power(&left[seconds(4)..seconds(5)]) / power(&voice));
        assert!(kept > -8.0, "another voice lost {kept} dB");
    }

    #[test]
    fn nothing_poisons_it() {
        let mut canceller = Canceller::new(true, Noise::Moderate);
        canceller.played(&[f32::NAN; FRAME]).unwrap();
        canceller.heard(&mut [f32::INFINITY; FRAME]).unwrap();
        canceller.played(&[0.1]).unwrap();
        canceller.heard(&mut []).unwrap();
        let mut frame = vec![0.0; FRAME];
        for (at, sample) in noise(3, 50 * FRAME).into_iter().enumerate() {
            frame[at % FRAME] = sample;
            if at % FRAME == FRAME - 1 {
                canceller.heard(&mut frame).unwrap();
                assert!(frame.iter().all(|sample| sample.is_finite()));
            }
        }
        assert!(power(&frame) > 0.0, "it still hears");
    }

    #[test]
    fn steady_noise_is_taken_out_where_that_is_asked_for() {
        let mut sound = noise(4, 3 * LISTENING_RATE as usize);
        let whole = sound.clone();
        without_noise(&mut sound, Noise::Kept).unwrap();
        assert_eq!(sound, whole);
        without_noise(&mut sound, Noise::named("moderate")).unwrap();
        let last = 2 * LISTENING_RATE as usize;
        assert!(decibels(power(&whole[last..]) / power(&sound[last..])) > 6.0);
    }
}
