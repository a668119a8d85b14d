//! What another program wants heard, as it comes: PCM of any sane format to 16 kHz mono.
//! Holds no more than may be heard. Never judges whether somebody speaks.

use super::{Trouble, refused};
use crate::engines::events::{AudioFormat, code};
use crate::voice::LISTENING_RATE;
use crate::voice::resample::Stream;
use std::ops::RangeInclusive;

/// Sample rates that are heard, in hertz.
const RATES: RangeInclusive<u32> = 4_000..=192_000;
/// Channels that are heard.
const CHANNELS: RangeInclusive<u32> = 1..=8;
/// Silence that gets an utterance's end out of the resampler, in seconds: for odd rates it
/// works by the second.
const FLUSH: usize = 2;

/// An utterance as it comes in.
pub(super) struct Utterance {
    format: AudioFormat,
    /// Longest that is heard, in seconds.
    most: f64,
    /// Frames that have come.
    frames: u64,
    stream: Stream,
    mixed: Vec<f32>,
    /// 16 kHz mono.
    heard: Vec<f32>,
}

impl Utterance {
    pub(super) fn begin(format: AudioFormat, most: f64) -> Result<Self, Trouble> {
        let AudioFormat { rate, width, channels } = format;
        if !RATES.contains(&rate) || !matches!(width, 1 | 2 | 4) || !CHANNELS.contains(&channels) {
            let text = format!(
                "audio of {rate} Hz, {width} bytes a sample and {channels} channels is not understood: \
                 {} to {} Hz, 1, 2 or 4 bytes and {} to {} channels are",
                RATES.start(),
                RATES.end(),
                CHANNELS.start(),
                CHANNELS.end()
            );
            return Err(refused(code::AUDIO_FORMAT, text));
        }
        let stream = Stream::new(rate, LISTENING_RATE).map_err(|error| refused(code::ENGINE, error))?;
        Ok(Self { format, most, frames: 0, stream, mixed: Vec::new(), heard: Vec::new() })
    }

    pub(super) fn add(&mut self, format: AudioFormat, pcm: &[u8]) -> Result<(), Trouble> {
        if format != self.format {
            return Err(refused(code::AUDIO_FORMAT, "the audio changes its format in the middle"));
        }
        let (width, channels) = (format.width as usize, format.channels as usize);
        let frame = width * channels;
        if !pcm.len().is_multiple_of(frame) {
            let text = format!("an audio chunk of {} bytes holds no whole number of samples", pcm.len());
            return Err(refused(code::AUDIO_FORMAT, text));
        }
        self.frames += (pcm.len() / frame) as u64;
        if self.frames as f64 > self.most * f64::from(format.rate) {
            let text = format!("the audio is longer than {} s, the most that is heard", self.most);
            return Err(refused(code::TOO_LONG, text));
        }
        let mix = |frame: &[u8]| frame.chunks_exact(width).map(level).sum::<f32>() / channels as f32;
        self.mixed.clear();
        self.mixed.extend(pcm.chunks_exact(frame).map(mix));
        self.stream.push(&self.mixed, &mut self.heard).map_err(|error| refused(code::ENGINE, error))
    }

    pub(super) fn finish(mut self) -> Result<Vec<f32>, Trouble> {
        if self.frames > 0 {
            let silence = vec![0.0; FLUSH * self.format.rate as usize];
            self.stream.push(&silence, &mut self.heard).map_err(|error| refused(code::ENGINE, error))?;
        }
        Ok(self.heard.into_iter().map(|sample| sample.clamp(-1.0, 1.0)).collect())
    }
}

/// A little-endian sample as -1 to 1. A single byte is signed, too, as the protocol's
/// reference implementation takes it.
fn level(sample: &[u8]) -> f32 {
    match *sample {
        [a] => f32::from(i8::from_le_bytes([a])) / 128.0,
        [a, b] => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
        [a, b, c, d] => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(format: AudioFormat, seconds: u32) -> Vec<u8> {
        let frames = format.rate * seconds;
        let step = std::f64::consts::TAU * 200.0 / f64::from(format.rate);
        let sample = |at: u32| {
            let full = (0.5 * (step * f64::from(at)).sin() * f64::from(i32::MAX)) as i32;
            full.to_le_bytes()[4 - format.width as usize..].repeat(format.channels as usize)
        };
        (0..frames).flat_map(sample).collect()
    }

    #[test]
    fn sound_of_any_sane_format_is_the_same_sound() {
        for (rate, width, channels) in [(16_000, 2, 1), (44_100, 2, 2), (8_000, 1, 1), (192_000, 4, 8)] {
            let format = AudioFormat { rate, width, channels };
            let mut utterance = Utterance::begin(format, 10.0).unwrap();
            for chunk in tone(format, 1).chunks(format.width as usize * format.channels as usize * 777) {
                utterance.add(format, chunk).unwrap();
            }
            let heard = utterance.finish().unwrap();
            let sound = &heard[2_000..14_000];
            let peak = sound.iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
            let crossings = sound.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
            assert!((0.48..0.52).contains(&peak), "{format:?}: {peak}");
            assert!((148..=152).contains(&crossings), "{format:?}: {crossings}");
        }
    }

    #[test]
    fn other_formats_broken_chunks_and_too_much_sound_are_refused() {
        let good = AudioFormat { rate: 16_000, width: 2, channels: 1 };
        let told = |trouble: Result<(), Trouble>| {
            trouble.unwrap_err().event().unwrap().text("code").unwrap().to_owned()
        };
        for wrong in [
            AudioFormat { rate: 3_999, ..good },
            AudioFormat { rate: 192_001, ..good },
            AudioFormat { width: 3, ..good },
            AudioFormat { width: 0, ..good },
            AudioFormat { channels: 0, ..good },
            AudioFormat { channels: 9, ..good },
        ] {
            assert_eq!(told(Utterance::begin(wrong, 1.0).map(drop)), code::AUDIO_FORMAT, "{wrong:?}");
        }
        let mut utterance = Utterance::begin(good, 1.0).unwrap();
        assert_eq!(told(utterance.add(good, &[1, 2, 3])), code::AUDIO_FORMAT);
        assert_eq!(told(utterance.add(AudioFormat { channels: 2, ..good }, &[0; 4])), code::AUDIO_FORMAT);
        utterance.add(good, &[0; 32_000]).unwrap();
        assert_eq!(told(utterance.add(good, &[0; 2])), code::TOO_LONG);
        assert!(Utterance::begin(good, 1.0).unwrap().finish().unwrap().is_empty());
    }
}
