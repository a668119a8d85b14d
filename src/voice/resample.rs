//! Changing the sample rate of a whole clip, or of a sound as it comes.
//!
//! Owns the choice of resampler. Promises: no change of pitch or level; the
//! start of a clip stays at the start, and its length is the old length times
//! the ratio, rounded up; a [`Stream`] runs behind by some milliseconds, always
//! the same.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler, WindowFunction};

/// Input frames per step. A filter of this length passes speech up to about
/// 95 % of the lower rate's half.
const CHUNK: usize = 1024;

/// A rate of zero, or a clip too long to address.
#[derive(Debug, thiserror::Error)]
#[error("cannot change {from} Hz sound to {to} Hz ({reason})")]
pub struct ResampleError {
    from: u32,
    to: u32,
    reason: String,
}

/// Mono `samples` at `from` hertz as mono samples at `to` hertz.
///
/// # Errors
/// When either rate is zero.
pub fn resample(samples: Vec<f32>, from: u32, to: u32) -> Result<Vec<f32>, ResampleError> {
    if from == to || samples.is_empty() {
        return Ok(samples);
    }
    let failed = |reason: &dyn std::fmt::Display| ResampleError { from, to, reason: reason.to_string() };
    let frames = samples.len();
    let clip = InterleavedSlice::new(&samples, 1, frames).map_err(|e| failed(&e))?;
    let (rate_in, rate_out) = (from as usize, to as usize);
    let window = WindowFunction::BlackmanHarris2;
    let out = Fft::<f32>::new_custom(rate_in, rate_out, CHUNK, 1, 1, window, FixedSync::Input)
        .map_err(|e| failed(&e))?
        .process_all(&clip, frames, None)
        .map_err(|e| failed(&e))?;
    Ok(out.take_data())
}

/// Chunks a second of a stream: each waits for its last sample.
const CHUNKS: u32 = 100;

/// Mono sound that comes in pieces of any length.
pub struct Stream {
    /// `None`: the rates are the same.
    fft: Option<Fft<f32>>,
    /// Samples that make no whole chunk yet.
    waiting: Vec<f32>,
    made: Vec<f32>,
    rates: (u32, u32),
}

impl Stream {
    /// From `from` to `to` hertz.
    ///
    /// # Errors
    /// When either rate is zero.
    pub fn new(from: u32, to: u32) -> Result<Self, ResampleError> {
        let failed = |reason: &dyn std::fmt::Display| ResampleError { from, to, reason: reason.to_string() };
        let mut own = Self { fft: None, waiting: Vec::new(), made: Vec::new(), rates: (from, to) };
        if from != to {
            let chunk = (from / CHUNKS).max(1) as usize;
            let window = WindowFunction::BlackmanHarris2;
            let (rate_in, rate_out) = (from as usize, to as usize);
            let fft = Fft::new_custom(rate_in, rate_out, chunk, 1, 1, window, FixedSync::Input)
                .map_err(|e| failed(&e))?;
            own.made = vec![0.0; fft.output_frames_max()];
            own.fft = Some(fft);
        }
        Ok(own)
    }

    /// Takes the next `samples` and adds what they make to `out`.
    ///
    /// # Errors
    /// The resampler refuses them, which it has no reason to.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) -> Result<(), ResampleError> {
        let Some(fft) = &mut self.fft else {
            out.extend_from_slice(samples);
            return Ok(());
        };
        let (from, to) = self.rates;
        let failed = |reason: &dyn std::fmt::Display| ResampleError { from, to, reason: reason.to_string() };
        self.waiting.extend_from_slice(samples);
        let mut used = 0;
        loop {
            let frames = fft.input_frames_next();
            let Some(chunk) = self.waiting.get(used..used + frames) else { break };
            let room = self.made.len();
            let from = InterleavedSlice::new(chunk, 1, frames).map_err(|e| failed(&e))?;
            let mut into = InterleavedSlice::new_mut(&mut self.made, 1, room).map_err(|e| failed(&e))?;
            let (_, made) = fft.process_into_buffer(&from, &mut into, None).map_err(|e| failed(&e))?;
            out.extend_from_slice(&self.made[..made]);
            used += frames;
        }
        self.waiting.drain(..used);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hertz: f32, seconds: f32) -> Vec<f32> {
        let frames = (rate as f32 * seconds) as usize;
        let step = std::f32::consts::TAU * hertz / rate as f32;
        (0..frames).map(|n| 0.5 * (step * n as f32).sin()).collect()
    }

    #[test]
    fn a_tone_keeps_its_level_pitch_and_place() {
        for from in [4_000, 8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000, 16_001] {
            let out = resample(tone(from, 100.0, 1.0), from, 16_000).unwrap();
            assert!(out.len().abs_diff(16_000) <= 1, "{from}: {} samples", out.len());
            // Compare with the ideal tone away from the edges. An odd filter length
            // may shift it by half a sample of the old rate.
            let ideal = tone(16_000, 100.0, 1.0);
            let worst = (1_000..15_000).map(|n| (out[n] - ideal[n]).abs()).fold(0.0_f32, f32::max);
            assert!(worst < 0.02, "{from}: off by {worst}");
        }
    }

    #[test]
    fn what_the_new_rate_cannot_hold_is_removed() {
        let out = resample(tone(48_000, 11_000.0, 1.0), 48_000, 16_000).unwrap();
        let peak = out[1_000..15_000].iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
        assert!(peak < 0.01, "an 11 kHz tone came back at level {peak}");
    }

    #[test]
    fn a_stream_keeps_level_and_pitch_whatever_its_pieces() {
        for from in [8_000, 44_100, 48_000, 16_000] {
            let sound = tone(from, 440.0, 1.0);
            let mut whole = Vec::new();
            Stream::new(from, 16_000).unwrap().push(&sound, &mut whole).unwrap();
            let mut pieces = Vec::new();
            let mut stream = Stream::new(from, 16_000).unwrap();
            for piece in sound.chunks(37) {
                stream.push(piece, &mut pieces).unwrap();
            }
            assert_eq!(whole, pieces, "{from}");
            assert!(whole.len() > 15_700 && whole.len() <= 16_001, "{from}: {}", whole.len());
            let middle = &whole[2_000..14_000];
            let peak = middle.iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
            let crossings = middle.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
            assert!(
                (0.49..0.51).contains(&peak) && (328..=332).contains(&crossings),
                "{from}: {peak} {crossings}"
            );
        }
        assert!(Stream::new(0, 16_000).is_err());
    }

    #[test]
    fn equal_rates_no_samples_and_no_rate() {
        assert_eq!(resample(vec![0.1, 0.2], 8_000, 8_000).unwrap(), [0.1, 0.2]);
        assert!(resample(Vec::new(), 8_000, 16_000).unwrap().is_empty());
        assert!(resample(vec![0.1], 0, 16_000).is_err());
    }
}
