//! Microphone: live sound from a device, as it comes.
//!
//! Owns the open input device and the ring between its callback and whoever reads.
//! Promises: the callback neither blocks nor allocates; what is not read in time is
//! dropped; a device that goes away is an error of the next read. Never
//! changes the sample rate, never keeps a sound.

use std::num::NonZero;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, FromSample, Sample, SampleFormat, SizedSample, Stream, StreamConfig};
use ringbuf::traits::{Consumer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use super::devices::{Life, Quiet, abandon, find_input, named};

/// What the ring holds: longer than any reader is away.
const RING: Duration = Duration::from_secs(2);
/// How often the device is asked to hand over its sound, in times a second.
const CALLS: u32 = 50;
/// A device that hands over nothing for so long has gone away without saying so.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why nothing is heard.
#[derive(Debug, thiserror::Error)]
pub enum MicrophoneError {
    /// There is no sound card, or none by that name.
    #[error("there is no microphone{}: see `aisle doctor` for those there are", named(.0.as_deref()))]
    NoDevice(Option<String>),
    /// The device exists but does not open.
    #[error("the microphone{} cannot be opened: {reason}", named(.device.as_deref()))]
    Closed { device: Option<String>, reason: String },
    /// The device went away.
    #[error("the microphone stopped; is it still plugged in?")]
    Lost,
}

/// An open microphone. It records while it lives, and belongs to the thread that opened it.
pub struct Microphone {
    /// Always there, until it is dropped.
    stream: Option<Stream>,
    sound: HeapCons<f32>,
    rate: u32,
    life: Arc<Life>,
    heard_at: Instant,
}

impl Microphone {
    /// Opens the microphone `device` (an id or a name as in
    /// [`super::devices::SoundDevices`]), or the default one.
    ///
    /// # Errors
    /// [`MicrophoneError::NoDevice`] or [`MicrophoneError::Closed`].
    pub fn open(device: Option<&str>) -> Result<Self, MicrophoneError> {
        let _quiet = Quiet::begin();
        let wanted = device.map(str::to_owned);
        let found = find_input(device).ok_or_else(|| MicrophoneError::NoDevice(wanted.clone()))?;
        let usual = found.default_input_config().map_err(|error| match error.kind() {
            ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => {
                MicrophoneError::NoDevice(wanted.clone())
            }
            _ => closed(wanted.clone(), &error),
        })?;
        let rate = usual.sample_rate();
        // The usual buffers hold back a tenth of a second or more of what was said.
        let brisk = StreamConfig { buffer_size: BufferSize::Fixed((rate / CALLS).max(1)), ..usual.config() };
        let mut opened = Err(MicrophoneError::Lost);
        for config in [brisk, usual.config()] {
            let life = Arc::new(Life::default());
            let length = rate as usize * usize::try_from(RING.as_secs()).unwrap_or(1);
            let (ring, sound) = HeapRb::new(length).split();
            opened = stream(&found, config, usual.sample_format(), ring, &life)
                .and_then(|stream| stream.play().map(|()| stream))
                .map(|stream| Self { stream: Some(stream), sound, rate, life, heard_at: Instant::now() })
                .map_err(|error| closed(wanted.clone(), &error));
            if opened.is_ok() {
                break;
            }
        }
        opened
    }

    /// Samples a second.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Adds what was heard since the last call to `into`, mono, -1 to 1; how many samples
    /// that was.
    ///
    /// # Errors
    /// [`MicrophoneError::Lost`].
    pub fn read(&mut self, into: &mut Vec<f32>) -> Result<usize, MicrophoneError> {
        let before = into.len();
        into.extend(self.sound.pop_iter());
        let count = into.len() - before;
        if count > 0 {
            self.heard_at = Instant::now();
        }
        if self.is_lost() {
            return Err(MicrophoneError::Lost);
        }
        Ok(count)
    }

    fn is_lost(&self) -> bool {
        self.life.is_lost() || self.heard_at.elapsed() > PATIENCE
    }
}

impl Drop for Microphone {
    fn drop(&mut self) {
        if self.is_lost()
            && let Some(stream) = self.stream.take()
        {
            abandon(stream);
        }
    }
}

fn closed(device: Option<String>, error: &cpal::Error) -> MicrophoneError {
    MicrophoneError::Closed { device, reason: error.to_string().replace('\n', " ") }
}

/// Begins to record in whatever format the device has.
fn stream(
    device: &cpal::Device,
    config: StreamConfig,
    format: SampleFormat,
    ring: HeapProd<f32>,
    life: &Arc<Life>,
) -> Result<Stream, cpal::Error> {
    match format {
        SampleFormat::I8 => stream_of::<i8>(device, config, ring, life),
        SampleFormat::I16 => stream_of::<i16>(device, config, ring, life),
        SampleFormat::I24 => stream_of::<cpal::I24>(device, config, ring, life),
        SampleFormat::I32 => stream_of::<i32>(device, config, ring, life),
        SampleFormat::U8 => stream_of::<u8>(device, config, ring, life),
        SampleFormat::U16 => stream_of::<u16>(device, config, ring, life),
        SampleFormat::U32 => stream_of::<u32>(device, config, ring, life),
        SampleFormat::F64 => stream_of::<f64>(device, config, ring, life),
        // What is neither of these fails to open, with the system's words.
        _ => stream_of::<f32>(device, config, ring, life),
    }
}

fn stream_of<T>(
    device: &cpal::Device,
    config: StreamConfig,
    mut ring: HeapProd<f32>,
    life: &Arc<Life>,
) -> Result<Stream, cpal::Error>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let channels = NonZero::new(usize::from(config.channels)).unwrap_or(NonZero::<usize>::MIN);
    let (lives, life) = (Arc::clone(life), Arc::clone(life));
    let heard = move |sound: &[T], _: &cpal::InputCallbackInfo| {
        lives.moves();
        // What nobody reads in time finds no room.
        ring.push_iter(mono(sound, channels));
    };
    let on_fault = move |fault| life.note("microphone", &fault, &GLITCHES);
    device.build_input_stream(config, heard, on_fault, None)
}

/// The mean of each frame's channels. A sample that is not a number is silence.
fn mono<T>(sound: &[T], channels: NonZero<usize>) -> impl Iterator<Item = f32>
where
    T: Copy,
    f32: FromSample<T>,
{
    let share = 1.0 / channels.get() as f32;
    sound.chunks_exact(channels.get()).map(move |frame| {
        let sum: f32 = frame.iter().map(|sample| f32::from_sample(*sample)).sum();
        let mean = sum * share;
        if mean.is_finite() { mean.clamp(-1.0, 1.0) } else { 0.0 }
    })
}

/// What ends no stream. Another format does: it is met by opening the device again.
const GLITCHES: [ErrorKind; 2] = [ErrorKind::Xrun, ErrorKind::RealtimeDenied];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_microphone_is_named() {
        let error = Microphone::open(Some("no such thing")).err().unwrap();
        assert_eq!(
            error.to_string(),
            "there is no microphone \"no such thing\": see `aisle doctor` for those there are"
        );
    }

    #[test]
    fn a_glitch_is_survived_and_a_lost_device_is_remembered() {
        let life = Life::default();
        life.note("microphone", &cpal::Error::new(ErrorKind::Xrun), &GLITCHES);
        assert!(!life.is_lost());
        life.note("microphone", &cpal::Error::new(ErrorKind::StreamInvalidated), &GLITCHES);
        assert!(life.is_lost());
    }

    #[test]
    fn channels_are_averaged_in_any_format() {
        let two = NonZero::new(2).unwrap();
        let heard: Vec<f32> = mono(&[16_384_i16, 0, -32_768, -32_768, 5], two).collect();
        assert_eq!(heard, [0.25, -1.0], "half a frame is none");
        let odd: Vec<f32> = mono(&[f32::NAN, 0.5, 4.0], NonZero::<usize>::MIN).collect();
        assert_eq!(odd, [0.0, 0.5, 1.0]);
    }

    #[test]
    fn what_nobody_reads_is_dropped() {
        let (mut ring, mut sound) = HeapRb::<f32>::new(4).split();
        assert_eq!(ring.push_iter([0.1; 6].into_iter()), 4);
        assert_eq!(sound.pop_iter().count(), 4);
    }
}
