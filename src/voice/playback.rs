//! Playback: speech through a loudspeaker, piece by piece, and silence at once.
//!
//! Owns the open output device, and a copy of what it plays for who must not hear it
//! ([`Reference`]). Promises: pieces follow each other without a
//! gap; [`Playing::stop`] is heard within one device buffer; a device that is
//! unplugged ends the wait with an error instead of hanging. Never synthesizes,
//! never chooses another device than the one asked for.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ringbuf::traits::{Consumer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};
use rodio::buffer::SamplesBuffer;
use rodio::cpal::traits::DeviceTrait;
use rodio::cpal::{BufferSize, Error as StreamFault, ErrorKind};
use rodio::mixer::{Mixer, MixerSource, mixer};
use rodio::source::Zero;
use rodio::{ChannelCount, DeviceSinkBuilder, DeviceSinkError, MixerDeviceSink, Player, SampleRate, Source};

use super::devices::{Life, Quiet, abandon, find_output, named};
use super::resample::{ResampleError, resample};

/// How often a waiting thread looks whether the sound is over.
const LOOK: Duration = Duration::from_millis(10);

/// A device that is this much behind has stopped for good.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often a second the device asks for sound. It holds two such pieces, which sound on
/// after a stop: who interrupts is to be heard at once, and a busy processor is not to be
/// heard at all.
const CALLS: u32 = 50;

/// What may still sit in the device's own buffer when the last sample has been
/// handed over: the two pieces, or more of a device that has its own idea of them.
const TAIL: Duration = Duration::from_millis(100);

/// Why nothing is heard.
#[derive(Debug, thiserror::Error)]
pub enum PlaybackError {
    /// There is no sound card, or none by that name.
    #[error("there is no loudspeaker{}: see `aisle doctor` for those there are", named(.0.as_deref()))]
    NoDevice(Option<String>),
    /// The device exists but does not open.
    #[error("the loudspeaker{} cannot be opened: {reason}", named(.device.as_deref()))]
    Closed { device: Option<String>, reason: String },
    /// The device went away while it was speaking.
    #[error("the loudspeaker stopped while speaking; is it still plugged in?")]
    Lost,
    /// The sound has a rate of zero.
    #[error(transparent)]
    Rate(#[from] ResampleError),
}

/// An open loudspeaker. What it plays ends when it is dropped.
pub struct Speaker {
    /// Always there, until it is dropped.
    sink: Option<MixerDeviceSink>,
    rate: SampleRate,
    mixer: Mixer,
    reference: Option<Reference>,
    onset: Arc<Onset>,
    life: Arc<Life>,
}

/// When the first sound of the latest utterance was handed to the device.
struct Onset {
    opened: Instant,
    /// In microseconds since then; 0: there was none.
    at: AtomicU64,
}

/// All that a loudspeaker plays, silence included, as it is handed to the device: what an
/// echo canceller has to know. What is not read within [`Reference::KEPT`] is lost.
pub struct Reference {
    sound: HeapCons<f32>,
    rate: u32,
}

impl Reference {
    /// What is kept for the reader.
    pub const KEPT: Duration = Duration::from_secs(1);

    /// Samples a second.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Adds what was played since the last call to `into`, mono, -1 to 1.
    pub fn read(&mut self, into: &mut Vec<f32>) {
        into.extend(self.sound.pop_iter());
    }
}

/// Plays what the mixer makes, and keeps a copy. On the device's own thread: it neither
/// blocks nor allocates.
struct Tapped {
    mixed: MixerSource,
    copy: HeapProd<f32>,
    onset: Arc<Onset>,
    life: Arc<Life>,
    /// Samples since it was last said that it lives.
    taken: u32,
}

/// Samples after which it is said that a stream lives.
const BEAT: u32 = 256;

impl Iterator for Tapped {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        let sample = self.mixed.next()?;
        // Nobody listens, or not fast enough.
        let _ = self.copy.try_push(sample);
        self.taken += 1;
        if self.taken == BEAT {
            self.taken = 0;
            self.life.moves();
        }
        if sample != 0.0 && self.onset.at.load(Ordering::Relaxed) == 0 {
            let since = self.onset.opened.elapsed().as_micros();
            self.onset.at.store(u64::try_from(since).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
        }
        Some(sample)
    }
}

impl Source for Tapped {
    fn current_span_len(&self) -> Option<usize> {
        self.mixed.current_span_len()
    }

    fn channels(&self) -> ChannelCount {
        self.mixed.channels()
    }

    fn sample_rate(&self) -> SampleRate {
        self.mixed.sample_rate()
    }

    fn total_duration(&self) -> Option<Duration> {
        None
    }
}

/// A mono mixer whose sound never ends, the source of it, and the copy.
fn tapped(rate: SampleRate) -> (Mixer, Tapped, Reference) {
    let (input, mixed) = mixer(ChannelCount::MIN, rate);
    input.add(Zero::new(ChannelCount::MIN, rate));
    let kept = rate.get() as usize * usize::try_from(Reference::KEPT.as_secs()).unwrap_or(1);
    let (copy, sound) = HeapRb::new(kept).split();
    let onset = Arc::new(Onset { opened: Instant::now(), at: AtomicU64::new(0) });
    let tapped = Tapped { mixed, copy, onset, life: Arc::default(), taken: 0 };
    (input, tapped, Reference { sound, rate: rate.get() })
}

impl Speaker {
    /// Opens the loudspeaker `device` (an id or a name as in
    /// [`super::devices::SoundDevices`]), or the default one.
    ///
    /// # Errors
    /// [`PlaybackError::NoDevice`] or [`PlaybackError::Closed`].
    pub fn open(device: Option<&str>) -> Result<Self, PlaybackError> {
        let _quiet = Quiet::begin();
        let wanted = device.map(str::to_owned);
        let found = find_output(device).ok_or_else(|| PlaybackError::NoDevice(wanted.clone()))?;
        let piece = found.default_output_config().ok().map(|usual| (usual.sample_rate() / CALLS).max(1));
        let life = Arc::new(Life::default());
        let on_fault = {
            let life = Arc::clone(&life);
            move |fault: StreamFault| life.note("loudspeaker", &fault, &GLITCHES)
        };
        let mut sink = DeviceSinkBuilder::from_device(found)
            .and_then(|builder| {
                let builder = builder.with_error_callback(on_fault);
                match piece {
                    Some(piece) => builder.with_buffer_size(BufferSize::Fixed(piece)),
                    None => builder,
                }
                .open_sink_or_fallback()
            })
            .map_err(|error| unopened(&error, wanted))?;
        sink.log_on_drop(false);
        let rate = sink.config().sample_rate();
        let (mixer, mut source, reference) = tapped(rate);
        source.life = Arc::clone(&life);
        let onset = Arc::clone(&source.onset);
        sink.mixer().add(source);
        Ok(Self { sink: Some(sink), rate, mixer, reference: Some(reference), onset, life })
    }

    /// Whether the device went away.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.life.is_lost()
    }

    /// When the first sound of the latest utterance was handed to the device.
    #[must_use]
    pub fn sounded(&self) -> Option<Instant> {
        let at = self.onset.at.load(Ordering::Relaxed);
        (at > 0).then(|| self.onset.opened + Duration::from_micros(at))
    }

    /// The copy of what is played, for one reader: `None` the second time.
    pub fn reference(&mut self) -> Option<Reference> {
        self.reference.take()
    }

    /// Begins an utterance; give it sound with [`Playing::append`].
    #[must_use]
    pub fn begin(&self) -> Playing {
        self.onset.at.store(0, Ordering::Relaxed);
        Playing {
            player: Arc::new(Player::connect_new(&self.mixer)),
            rate: self.rate,
            state: Arc::default(),
            life: Arc::clone(&self.life),
        }
    }

    /// Plays mono `samples` at `rate` hertz and returns when they were heard.
    ///
    /// # Errors
    /// [`PlaybackError::Lost`] or [`PlaybackError::Rate`].
    pub fn play(&self, samples: &[i16], rate: u32) -> Result<(), PlaybackError> {
        let playing = self.begin();
        playing.append(samples, rate)?;
        playing.wait()
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        if self.is_lost()
            && let Some(sink) = self.sink.take()
        {
            abandon(sink);
        }
    }
}

/// ALSA names a default device also where there is no sound card.
fn unopened(error: &DeviceSinkError, device: Option<String>) -> PlaybackError {
    match error {
        DeviceSinkError::NoDevice => PlaybackError::NoDevice(device),
        DeviceSinkError::DefaultSinkConfigError(fault)
            if matches!(fault.kind(), ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable) =>
        {
            PlaybackError::NoDevice(device)
        }
        _ => PlaybackError::Closed { device, reason: reasons(error) },
    }
}

/// What ends no stream: the system goes on by itself.
const GLITCHES: [ErrorKind; 3] = [ErrorKind::Xrun, ErrorKind::DeviceChanged, ErrorKind::RealtimeDenied];

/// The message of an error with those below it, on one line.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        text = format!("{text}: {cause}");
        below = cause.source();
    }
    text.replace('\n', " ")
}

#[derive(Default)]
struct State {
    stopped: bool,
    /// The length of all sound appended so far.
    queued: Duration,
    /// How many pieces that is.
    pieces: usize,
}

/// One utterance being spoken. Clones control the same utterance, from any
/// thread.
#[derive(Clone)]
pub struct Playing {
    player: Arc<Player>,
    rate: NonZero<u32>,
    state: Arc<Mutex<State>>,
    life: Arc<Life>,
}

impl Playing {
    /// Adds mono `samples` at `rate` hertz behind what is already there; nothing
    /// once the utterance was stopped.
    ///
    /// # Errors
    /// [`PlaybackError::Lost`] or [`PlaybackError::Rate`].
    pub fn append(&self, samples: &[i16], rate: u32) -> Result<(), PlaybackError> {
        if self.life.is_lost() {
            return Err(PlaybackError::Lost);
        }
        if samples.is_empty() {
            return Ok(());
        }
        // Resampled here, once and well: the mixer would interpolate linearly.
        let sound = samples.iter().map(|&s| f32::from(s) / 32_768.0).collect();
        let sound = resample(sound, rate, self.rate.get())?;
        let mut state = self.state();
        if !state.stopped {
            state.queued += Duration::from_secs_f64(sound.len() as f64 / f64::from(self.rate.get()));
            state.pieces += 1;
            self.player.append(SamplesBuffer::new(NonZero::<u16>::MIN, self.rate, sound));
        }
        Ok(())
    }

    /// Plays louder or quieter from now on; 1 is as it was made.
    pub fn set_volume(&self, volume: f32) {
        self.player.set_volume(volume.max(0.0));
    }

    /// Falls silent at once and for good. Safe to call twice.
    pub fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        self.player.stop();
    }

    /// Stops for a while; [`Playing::go_on`] ends it.
    pub fn hold(&self) {
        self.player.pause();
    }

    /// Goes on where it was held.
    pub fn go_on(&self) {
        self.player.play();
    }

    /// Whether everything appended so far has been handed to the device.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.player.empty()
    }

    /// How many of the pieces that were appended have been played to their end.
    #[must_use]
    pub fn heard(&self) -> usize {
        self.state().pieces.saturating_sub(self.player.len())
    }

    /// Waits until everything appended so far was heard, or was stopped.
    ///
    /// # Errors
    /// [`PlaybackError::Lost`] when the device went away or makes no progress.
    pub fn wait(&self) -> Result<(), PlaybackError> {
        let mut deadline = Instant::now() + self.state().queued + PATIENCE;
        while !self.player.empty() {
            if self.player.is_paused() {
                deadline += LOOK;
            }
            if self.life.is_lost() || Instant::now() > deadline {
                return Err(PlaybackError::Lost);
            }
            if self.state().stopped {
                return Ok(());
            }
            sleep(LOOK);
        }
        sleep(TAIL);
        // Nothing may be left because nothing could be appended.
        if self.life.is_lost() { Err(PlaybackError::Lost) } else { Ok(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // All fields are plain values: a panic elsewhere cannot break them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_loudspeaker_is_named() {
        let error = Speaker::open(Some("no such thing")).err().unwrap();
        assert_eq!(
            error.to_string(),
            "there is no loudspeaker \"no such thing\": see `aisle doctor` for those there are"
        );
    }

    #[test]
    fn a_glitch_is_survived_and_a_lost_device_is_remembered() {
        let life = Life::default();
        life.note("loudspeaker", &StreamFault::new(ErrorKind::Xrun), &GLITCHES);
        assert!(!life.is_lost());
        life.note("loudspeaker", &StreamFault::new(ErrorKind::DeviceNotAvailable), &GLITCHES);
        assert!(life.is_lost());
    }

    /// An utterance whose device never asks for a sample.
    fn deaf() -> (Playing, rodio::queue::SourcesQueueOutput) {
        let (player, output) = Player::new();
        let rate = NonZero::new(48_000).unwrap();
        let (state, life) = (Arc::default(), Arc::default());
        (Playing { player: Arc::new(player), rate, state, life }, output)
    }

    #[test]
    fn what_was_stopped_stays_silent() {
        let (playing, _output) = deaf();
        playing.append(&[1_000; 2_205], 22_050).unwrap();
        assert!(!playing.is_over());
        playing.clone().stop();
        playing.append(&[1_000; 2_205], 22_050).unwrap();
        playing.wait().unwrap();
        assert_eq!(playing.player.len(), 1, "nothing was added after the stop");
    }

    #[test]
    fn a_lost_device_ends_the_wait() {
        let (playing, _output) = deaf();
        playing.append(&[1_000; 2_205], 22_050).unwrap();
        playing.life.note("loudspeaker", &StreamFault::new(ErrorKind::DeviceNotAvailable), &GLITCHES);
        assert!(matches!(playing.wait(), Err(PlaybackError::Lost)));
        assert_eq!((playing.heard(), playing.state().pieces), (0, 1), "what was not heard is known still");
        assert!(matches!(playing.append(&[1], 22_050), Err(PlaybackError::Lost)));
        playing.stop();
        assert!(matches!(playing.wait(), Err(PlaybackError::Lost)), "a stop does not bring it back");
    }

    #[test]
    fn a_copy_of_what_is_played_is_kept_at_the_volume_it_has() {
        let rate = NonZero::new(48_000).unwrap();
        let (input, mut source, mut reference) = tapped(rate);
        let mut copy = Vec::new();
        assert_eq!(source.by_ref().take(480).filter(|sample| *sample != 0.0).count(), 0);
        let player = Arc::new(Player::connect_new(&input));
        let playing = Playing { player, rate, state: Arc::default(), life: Arc::default() };
        playing.set_volume(0.5);
        playing.append(&[16_384; 4_800], 48_000).unwrap();
        let played: Vec<f32> = source.by_ref().take(9_600).collect();
        reference.read(&mut copy);
        assert_eq!(copy.len(), 10_080);
        assert_eq!(copy[480..], played);
        let loud = played.iter().filter(|sample| (**sample - 0.25).abs() < 0.01).count();
        assert!(loud > 4_000, "{loud} samples at half of half");
        assert!(source.onset.at.load(Ordering::Relaxed) > 0, "its beginning is known");
        playing.hold();
        // What is under way is heard to the end of its step.
        assert!(source.by_ref().take(4_800).skip(480).all(|sample| sample == 0.0), "it is held");
        playing.append(&[16_384; 4_800], 48_000).unwrap();
        playing.go_on();
        assert!(source.by_ref().take(4_800).any(|sample| sample != 0.0), "and goes on");
        reference.read(&mut copy);
        // A reader that stays away misses something and finds the rest in order.
        assert_eq!(source.by_ref().take(100_000).count(), 100_000);
        copy.clear();
        reference.read(&mut copy);
        assert_eq!(copy.len(), 48_000);
    }

    #[test]
    fn samples_reach_the_device_in_order_at_its_rate() {
        let (playing, output) = deaf();
        playing.append(&[16_384; 2_205], 22_050).unwrap();
        playing.append(&[-16_384; 2_205], 22_050).unwrap();
        let heard: Vec<f32> = output.take(9_600).collect();
        let near = |at: usize, level: f32| (heard[at] - level).abs() < 0.05;
        assert!(near(2_400, 0.5) && near(7_200, -0.5), "{} {}", heard[2_400], heard[7_200]);
    }
}
