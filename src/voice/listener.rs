//! Listener: live sound in, utterances out. One thread that reads the microphone, takes the
//! kiosk's own voice and steady noise out of it, and tells when somebody begins to speak,
//! pauses and is done, each time with the sound so far.
//!
//! Owns the microphone, the canceller, the detector and the sound of the utterance under
//! way. Promises: sound is in memory only, and no longer than an utterance lasts; while it
//! is not told to listen, all sound goes by; a microphone that goes away is opened again
//! until it is back. Never hears words, never decides what a pause means.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use super::echo::{Canceller, EchoError, FRAME, Noise};
use super::endpoint::{self, Endpoint, Moment, Rule};
use super::microphone::{Microphone, MicrophoneError};
use super::playback::Reference;
use super::resample::{ResampleError, Stream};
use super::vad::{Vad, VadError, WINDOW};
use super::{LISTENING_RATE, pcm};

/// How often sound is looked for.
const LOOK: Duration = Duration::from_millis(10);
/// How long after a microphone went away it is looked for again.
const AGAIN: Duration = Duration::from_secs(1);
/// Windows kept from before an utterance was noticed: the soft edge of its first word.
const BEFORE: usize = 10;
/// Windows kept after its last voiced one.
const AFTER: usize = 6;
/// Windows kept on either side of a pause within an utterance: together as long as one between
/// two words. Whisper takes a word that a longer one cuts for two.
const BESIDE: usize = 3;
/// Windows that are still heard after the shopper says that they are done: the hand is
/// quicker than the last word.
const LAST: u32 = 4;
/// Every so many windows of speech the sound so far is told.
const GROWTH: u32 = 8;
/// Windows between two levels.
const LEVELS: u32 = 3;
/// Orders that may wait.
const ORDERS: usize = 64;
/// Nobody speaks below this probability.
const NOBODY: f32 = 0.1;
/// Where the kiosk's own voice may be left in the sound, speech is likelier than this; it is
/// believed sooner, since the voice is only held for it at first.
const OVER_VOICE: (f32, Duration) = (0.7, Duration::from_millis(64));
/// Quieter than a voice near the microphone, in dB of full scale.
const SILENCE_DB: f32 = -90.0;

/// Sound as it comes.
pub trait Sound {
    /// Samples a second.
    fn rate(&self) -> u32;

    /// Adds what came since the last call to `into`, mono, -1 to 1.
    ///
    /// # Errors
    /// There will be no more.
    fn read(&mut self, into: &mut Vec<f32>) -> Result<(), MicrophoneError>;
}

impl Sound for Microphone {
    fn rate(&self) -> u32 {
        Self::rate(self)
    }

    fn read(&mut self, into: &mut Vec<f32>) -> Result<(), MicrophoneError> {
        Self::read(self, into).map(|_| ())
    }
}

/// A recording that comes as if it was being spoken, with silence after it.
pub struct Replay {
    samples: Vec<f32>,
    given: usize,
    began: Option<Instant>,
}

impl Replay {
    /// Of 16 kHz mono samples. It begins with the first read.
    #[must_use]
    pub fn new(samples: Vec<f32>) -> Self {
        Self { samples, given: 0, began: None }
    }
}

impl Sound for Replay {
    fn rate(&self) -> u32 {
        LISTENING_RATE
    }

    fn read(&mut self, into: &mut Vec<f32>) -> Result<(), MicrophoneError> {
        let began = *self.began.get_or_insert_with(Instant::now);
        let due = (began.elapsed().as_secs_f64() * f64::from(LISTENING_RATE)) as usize;
        while self.given < due {
            into.push(self.samples.get(self.given).copied().unwrap_or(0.0));
            self.given += 1;
        }
        Ok(())
    }
}

/// Sound of one utterance, 16 kHz mono.
pub type Utterance = Arc<[i16]>;

/// Two utterances that followed each other as one, without the silence between them, but for
/// what is as short as within a sentence.
#[must_use]
pub fn joined(first: &[i16], second: &[i16]) -> Utterance {
    // What comes before an utterance, less the two windows that began it and its soft edge.
    const EARLY: usize = (BEFORE - 2 - BESIDE) * WINDOW;
    let second = second.get(EARLY..).unwrap_or_default();
    first.iter().chain(second).copied().collect()
}

/// Shortens the pause of so many windows that `sound` ends with, but for its last window,
/// which goes on.
fn shorten(sound: &mut Vec<f32>, pause: usize) {
    let end = sound.len().saturating_sub((1 + BESIDE) * WINDOW);
    let start = end.saturating_sub(pause.saturating_sub(2 * BESIDE) * WINDOW);
    sound.drain(start..end);
}

/// What is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// The microphone is open; `false`: it went away, or is not there.
    Open(bool),
    /// Loudness now, and of the place when nobody speaks; in dB of full scale.
    Level {
        now: f32,
        place: f32,
    },
    /// Somebody speaks.
    Began,
    /// And goes on; the sound so far.
    Growing(Utterance),
    /// A pause; the last voiced sample came at `until`.
    Paused {
        sound: Utterance,
        until: Instant,
    },
    Resumed,
    /// The utterance is over. The sound is there where the pause before was not told.
    /// `loudness`: of its voiced parts, in dB of full scale.
    Ended {
        sound: Option<Utterance>,
        until: Instant,
        loudness: f32,
    },
    /// It was a cough.
    Dropped,
}

/// What it is to do.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    Listen(bool),
    Patience(Duration),
    Finish,
    /// The kiosk speaks.
    Speaks(bool),
}

/// How it listens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Manner {
    pub rule: Rule,
    /// Takes the kiosk's own voice out.
    pub cancels: bool,
    /// How much of a steady noise it takes out.
    pub noise: Noise,
    /// Hears somebody who speaks while the kiosk does. Without it, it is deaf meanwhile.
    pub interruptible: bool,
}

/// Why it cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("no thread can be started for the microphone: {0}")]
pub struct ListenerError(#[from] io::Error);

/// Where the loudspeaker leaves what it plays. One that is opened again leaves another.
pub type ReferenceSlot = Arc<Mutex<Option<Reference>>>;

/// The handle of the thread, which ends with it.
#[derive(Debug, Clone)]
pub struct Listener {
    orders: SyncSender<Order>,
}

impl Listener {
    /// Begins to read what `open` opens, on a thread of its own, which `open` is called on.
    /// `told` must not take long.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start<S: Sound>(
        open: impl Fn() -> Result<S, MicrophoneError> + Send + 'static,
        vad: Vad,
        manner: Manner,
        reference: ReferenceSlot,
        told: impl FnMut(Told) + Send + 'static,
    ) -> Result<Self, ListenerError> {
        let canceller = (manner.cancels || manner.noise != Noise::Kept)
            .then(|| Canceller::new(manner.cancels, manner.noise));
        let (orders, asked) = sync_channel(ORDERS);
        let mut ear = Ear::new(vad, manner, canceller, told);
        thread::Builder::new().name("microphone".into()).spawn(move || ear.run(open, &asked, &reference))?;
        Ok(Self { orders })
    }

    /// Tells utterances from now on, or none.
    pub fn listen(&self, on: bool) {
        self.order(Order::Listen(on));
    }

    /// The silence that ends an utterance, that under way included.
    pub fn set_patience(&self, patience: Duration) {
        self.order(Order::Patience(patience));
    }

    /// Ends the utterance under way.
    pub fn finish(&self) {
        self.order(Order::Finish);
    }

    /// Tells it whether the kiosk speaks.
    pub fn set_speaks(&self, speaks: bool) {
        self.order(Order::Speaks(speaks));
    }

    fn order(&self, order: Order) {
        // A thread that is that far behind hangs in the sound system, and hears nothing.
        if let Err(TrySendError::Full(_)) = self.orders.try_send(order) {
            tracing::warn!("the microphone's thread does not answer");
        }
    }
}

/// The thread's own state.
struct Ear<T> {
    vad: Vad,
    manner: Manner,
    canceller: Option<Canceller>,
    told: T,
    endpoint: Endpoint,
    listens: bool,
    speaks: bool,
    /// Sound at 16 kHz that makes no whole frame or window yet.
    frames: Vec<f32>,
    windows: Vec<f32>,
    /// Windows from before an utterance, oldest first.
    before: VecDeque<Vec<f32>>,
    sound: Vec<f32>,
    /// Power of the utterance's voiced windows, and how many they are.
    power: f32,
    voiced: u32,
    /// Windows until the utterance is ended.
    finishing: Option<u32>,
    /// What the loudspeaker plays.
    played: Option<(Reference, Stream)>,
    /// Windows since sound or level was told.
    grown: u32,
    unlevelled: u32,
    /// Loudness when nobody speaks, in dB of full scale.
    place: Option<f32>,
    /// As it was told.
    told_place: f32,
    /// The loudest of the windows since the level was told.
    loudest: f32,
}

impl<T: FnMut(Told)> Ear<T> {
    fn new(vad: Vad, manner: Manner, canceller: Option<Canceller>, told: T) -> Self {
        Self {
            vad,
            manner,
            canceller,
            told,
            endpoint: Endpoint::new(manner.rule, Duration::from_secs(1)),
            listens: false,
            speaks: false,
            frames: Vec::new(),
            windows: Vec::new(),
            before: VecDeque::new(),
            sound: Vec::new(),
            power: 0.0,
            voiced: 0,
            finishing: None,
            played: None,
            grown: 0,
            unlevelled: 0,
            place: None,
            told_place: SILENCE_DB,
            loudest: SILENCE_DB,
        }
    }

    /// Until the handle is gone.
    fn run<S: Sound>(
        &mut self,
        open: impl Fn() -> Result<S, MicrophoneError>,
        orders: &Receiver<Order>,
        reference: &ReferenceSlot,
    ) {
        let mut said = false;
        loop {
            match open() {
                Ok(sound) => {
                    said = false;
                    (self.told)(Told::Open(true));
                    let ended = self.read(sound, orders, reference);
                    self.forget();
                    (self.told)(Told::Open(false));
                    match ended {
                        Ok(()) => return,
                        Err(fault) => tracing::warn!("the microphone: {fault}; it is opened again"),
                    }
                }
                Err(error) => {
                    if !said {
                        tracing::warn!(%error, "nobody is heard; it is tried again");
                        (self.told)(Told::Open(false));
                    }
                    said = true;
                }
            }
            // Orders go on being taken, so that the handle's end is noticed.
            let until = Instant::now() + AGAIN;
            while let Some(left) = until.checked_duration_since(Instant::now()) {
                match orders.recv_timeout(left) {
                    Ok(order) => self.obey(order),
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        }
    }

    /// Reads until the sound ends, or the handle is gone.
    fn read<S: Sound>(
        &mut self,
        mut sound: S,
        orders: &Receiver<Order>,
        slot: &ReferenceSlot,
    ) -> Result<(), Fault> {
        let mut incoming = Stream::new(sound.rate(), LISTENING_RATE)?;
        // What was played while no microphone was open has nothing to do with what it hears.
        if let Some((reference, _)) = &mut self.played {
            reference.read(&mut Vec::new());
        }
        let (mut raw, mut far) = (Vec::new(), Vec::new());
        loop {
            match orders.recv_timeout(LOOK) {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            // Another loudspeaker; the old copy has ended.
            if let Some(fresh) = slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
                let stream = Stream::new(fresh.rate(), LISTENING_RATE)?;
                self.played = Some((fresh, stream));
            }
            if let Some((reference, stream)) = &mut self.played {
                raw.clear();
                reference.read(&mut raw);
                stream.push(&raw, &mut far)?;
            }
            raw.clear();
            sound.read(&mut raw)?;
            incoming.push(&raw, &mut self.frames)?;
            self.frames(&mut far)?;
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Listen(on) => {
                if on != self.listens {
                    self.forget();
                }
                self.listens = on;
            }
            Order::Patience(patience) => self.endpoint.set_patience(patience),
            Order::Finish => self.finishing = self.endpoint.is_under_way().then_some(LAST),
            Order::Speaks(speaks) => {
                if speaks && !self.manner.interruptible {
                    self.before.clear();
                    self.vad.reset();
                }
                self.speaks = speaks;
                let (begin, onset) =
                    if speaks { OVER_VOICE } else { (self.manner.rule.begin, self.manner.rule.onset) };
                self.endpoint.set_begin(begin, onset);
            }
        }
    }

    /// Lets go of all sound.
    fn forget(&mut self) {
        self.endpoint.reset();
        self.vad.reset();
        self.windows.clear();
        self.over();
        self.before.clear();
    }

    /// Takes what came, frame by frame: first what was played until now, then what was heard.
    fn frames(&mut self, far: &mut Vec<f32>) -> Result<(), Fault> {
        if let Some(canceller) = &mut self.canceller {
            let whole = far.len() / FRAME * FRAME;
            for frame in far[..whole].chunks_exact(FRAME) {
                canceller.played(frame)?;
            }
            far.drain(..whole);
        } else {
            far.clear();
        }
        let whole = self.frames.len() / FRAME * FRAME;
        let mut frames: Vec<f32> = self.frames.drain(..whole).collect();
        for frame in frames.chunks_exact_mut(FRAME) {
            if let Some(canceller) = &mut self.canceller {
                canceller.heard(frame)?;
            }
            self.windows.extend_from_slice(frame);
            while self.windows.len() >= WINDOW {
                let window: Vec<f32> = self.windows.drain(..WINDOW).collect();
                self.window(window)?;
            }
        }
        Ok(())
    }

    fn window(&mut self, window: Vec<f32>) -> Result<(), Fault> {
        let loudness = decibels(&window);
        self.loudest = self.loudest.max(loudness);
        let is_deaf = self.speaks && !self.manner.interruptible;
        let probability = if self.listens && !is_deaf {
            self.vad.push(&window)?.first().copied().unwrap_or(0.0)
        } else {
            0.0
        };
        // What the place sounds like is heard between the words, and while nobody listens.
        if !self.speaks && probability < NOBODY && !self.endpoint.is_under_way() {
            self.place = Some(follow(self.place, loudness));
        }
        self.unlevelled += 1;
        if self.unlevelled >= LEVELS {
            self.unlevelled = 0;
            let place = self.place.unwrap_or(SILENCE_DB);
            let now = std::mem::replace(&mut self.loudest, SILENCE_DB);
            // Who does not listen is told of the place alone, when it changes.
            if self.listens || (place - self.told_place).abs() >= 1.0 {
                self.told_place = place;
                (self.told)(Told::Level { now, place });
            }
        }
        if !self.listens || (is_deaf && !self.endpoint.is_under_way()) {
            return Ok(());
        }
        let was_under_way = self.endpoint.is_under_way();
        // This window is silent already, where there is any silence.
        let silence = self.endpoint.silence();
        let had_paused = silence >= self.manner.rule.pause;
        let mut moment = self.endpoint.push(probability);
        if let Some(left) = self.finishing {
            self.finishing = left.checked_sub(1);
            if left == 0 && moment.is_none() {
                moment = self.endpoint.finish();
            }
        }
        if self.endpoint.is_under_way() && self.endpoint.silence().is_zero() {
            self.power += 10.0_f32.powf(loudness / 10.0);
            self.voiced += 1;
        }
        if was_under_way {
            self.sound.extend_from_slice(&window);
            if self.endpoint.silence().is_zero() && self.endpoint.is_under_way() {
                shorten(&mut self.sound, (silence.as_millis() / endpoint::window().as_millis()) as usize);
            }
        } else {
            if self.before.len() == BEFORE {
                self.before.pop_front();
            }
            self.before.push_back(window);
        }
        if let Some(moment) = moment {
            let silence = match moment {
                Moment::Ended { silence, .. } => silence,
                _ => self.endpoint.silence(),
            };
            let until = Instant::now().checked_sub(silence).unwrap_or_else(Instant::now);
            self.tell(moment, had_paused, until);
        } else if was_under_way && self.endpoint.silence().is_zero() {
            self.grown += 1;
            if self.grown >= GROWTH {
                self.grown = 0;
                (self.told)(Told::Growing(pcm(&self.sound).into()));
            }
        }
        Ok(())
    }

    fn tell(&mut self, moment: Moment, had_paused: bool, until: Instant) {
        let told = match moment {
            Moment::Began { .. } => {
                self.grown = 0;
                self.sound = self.before.drain(..).flatten().collect();
                Told::Began
            }
            Moment::Paused => Told::Paused { sound: pcm(&self.sound).into(), until },
            Moment::Resumed => Told::Resumed,
            Moment::Ended { silence, .. } => {
                let silent = (silence.as_millis() / endpoint::window().as_millis()) as usize;
                let kept = self.sound.len().saturating_sub(silent.saturating_sub(AFTER) * WINDOW);
                let sound = (!had_paused).then(|| pcm(&self.sound[..kept]).into());
                let loudness = (10.0 * (self.power / self.voiced.max(1) as f32).log10()).max(SILENCE_DB);
                self.over();
                Told::Ended { sound, until, loudness }
            }
            Moment::Dropped => {
                self.over();
                Told::Dropped
            }
        };
        (self.told)(told);
    }
}

impl<T> Ear<T> {
    /// Lets go of an utterance. Its last windows come before the next one.
    fn over(&mut self) {
        let from = self.sound.len().saturating_sub(BEFORE * WINDOW);
        self.before = self.sound[from..].chunks(WINDOW).map(<[f32]>::to_vec).collect();
        self.sound.clear();
        self.finishing = None;
        (self.power, self.voiced) = (0.0, 0);
    }
}

/// What ends the reading of a sound.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Microphone(#[from] MicrophoneError),
    #[error(transparent)]
    Resample(#[from] ResampleError),
    #[error(transparent)]
    Echo(#[from] EchoError),
    #[error(transparent)]
    Vad(#[from] VadError),
}

/// Root mean square in dB of full scale.
fn decibels(window: &[f32]) -> f32 {
    let power = window.iter().map(|sample| sample * sample).sum::<f32>() / window.len().max(1) as f32;
    (10.0 * power.log10()).max(SILENCE_DB)
}

/// The loudness of a place: quick to fall, slow to rise, so that a clatter does not count.
fn follow(place: Option<f32>, loudness: f32) -> f32 {
    const FALL: f32 = 0.2;
    const RISE: f32 = 0.02;
    place.map_or(loudness, |place| place + (loudness - place) * if loudness < place { FALL } else { RISE })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sound of so many windows each, all samples of one the same.
    fn sound(parts: &[(usize, f32)]) -> Vec<f32> {
        parts.iter().flat_map(|(windows, sample)| vec![*sample; windows * WINDOW]).collect()
    }

    #[test]
    fn a_long_pause_within_an_utterance_becomes_a_short_one() {
        let mut long = sound(&[(20, 1.0), (30, 0.0), (1, 2.0)]);
        shorten(&mut long, 30);
        assert_eq!(long, sound(&[(20, 1.0), (2 * BESIDE, 0.0), (1, 2.0)]));
        for pause in [0, 1, 2 * BESIDE] {
            let short = sound(&[(20, 1.0), (pause, 0.0), (1, 2.0)]);
            let mut same = short.clone();
            shorten(&mut same, pause);
            assert_eq!(same, short, "{pause}");
        }
    }

    #[test]
    fn halves_are_joined_with_a_pause_as_between_words() {
        let (first, second) = (vec![1; 3 * WINDOW], vec![2; BEFORE * WINDOW]);
        let whole = joined(&first, &second);
        assert_eq!(whole.len(), (3 + 2 + BESIDE) * WINDOW);
        assert_eq!((whole[3 * WINDOW - 1], whole[3 * WINDOW]), (1, 2));
    }
}
