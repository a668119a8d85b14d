//! The kiosk's loudspeaker: one thing is said at a time, the latest that was asked for, in
//! the shopper's volume and as loud as the place needs; any of it can be held or cut short.
//! A thread of its own; without a loudspeaker it stays silent, and takes one that comes.

use crate::app::assistant::Assistant;
use crate::voice::listener::ReferenceSlot;
use crate::voice::playback::{Playing, Speaker};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often it is tried to open a loudspeaker again that went away in mid-speech.
const TRIES: u32 = 8;
/// And how long after each time.
const AGAIN: Duration = Duration::from_millis(500);
/// How often a loudspeaker is looked for that is not there.
const LOOK: Duration = Duration::from_secs(3);

/// Loudness of a place at which the voice is as loud as the shopper set it, in dB of full
/// scale: a shop at an ordinary hour, at an ordinary microphone's gain.
const ORDINARY: f32 = -50.0;
/// The voice follows by half of what the place is louder or quieter, up to these, in dB.
const QUIETER: f32 = -4.0;
const LOUDER: f32 = 6.0;

/// Something to say.
struct Words {
    /// Whose visit it belongs to.
    visit: u64,
    text: String,
    /// What was asked for before a silence is not said after it.
    round: u64,
}

/// What is told of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// There is a loudspeaker, or none any more.
    Open(bool),
    /// A text begins, for a visit.
    Says(u64, String),
    /// Its first sound was handed to the device.
    Sounded(u64, Instant),
    /// It is over.
    Silent(u64),
}

/// The loudspeaker.
pub struct Loudspeaker {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// What is to be said next; the latest counts.
    wanted: Mutex<Option<Words>>,
    woken: Condvar,
    round: AtomicU64,
    playing: Mutex<Option<Arc<Playing>>>,
    /// The shopper's volume, and what the place adds to it, as factors.
    volume: Mutex<(f32, f32)>,
    /// Whether it is held.
    held: Mutex<bool>,
}

/// Plain values, which a panic elsewhere cannot break.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Waits for the next thing to say, for some time.
    fn next(&self, time: Duration) -> Option<Words> {
        let wanted = lock(&self.wanted);
        let none = |wanted: &mut Option<Words>| wanted.is_none();
        let waited = self.woken.wait_timeout_while(wanted, time, none);
        waited.unwrap_or_else(PoisonError::into_inner).0.take()
    }

    fn is_current(&self, words: &Words) -> bool {
        words.round == self.round.load(Ordering::SeqCst)
    }

    fn volume(&self) -> f32 {
        let (own, place) = *lock(&self.volume);
        (own * place).min(1.0)
    }

    /// Says `words` until the end or a silence. A loudspeaker that goes away meanwhile is
    /// opened again, and what was not yet heard is said by it; `None`: it is gone for good.
    fn speak(
        &self,
        mut speaker: Speaker,
        open: impl Fn() -> Option<Speaker>,
        assistant: &Assistant,
        words: &Words,
        told: &impl Fn(Told),
    ) -> Option<Speaker> {
        let mut pieces: Vec<(Vec<i16>, u32)> = Vec::new();
        let mut playing = self.begin(&speaker);
        let began = Instant::now();
        let mut sounded = false;
        let mut listen = |speaker: &Speaker| {
            if !sounded && let Some(at) = speaker.sounded().filter(|at| *at >= began) {
                sounded = true;
                told(Told::Sounded(words.visit, at));
            }
        };
        let said = assistant.say(&words.text, |piece, rate| {
            // One that is lost is seen to at the end.
            let _ = playing.append(piece, rate);
            pieces.push((piece.to_vec(), rate));
            listen(&speaker);
            self.is_current(words)
        });
        if let Err(error) = said {
            tracing::warn!(%error, "the voice failed; the caption stands");
        }
        let (mut tries, mut heard) = (0, 0);
        let rest = 'said: loop {
            if !self.is_current(words) {
                playing.stop();
            }
            let ended = playing.wait();
            listen(&speaker);
            heard += playing.heard();
            if ended.is_ok() {
                break Some(speaker);
            }
            // Closed before it is opened again: many can be open only once.
            drop(speaker);
            speaker = loop {
                if tries == TRIES || !self.is_current(words) {
                    break 'said None;
                }
                tries += 1;
                thread::sleep(AGAIN);
                if let Some(reopened) = open() {
                    break reopened;
                }
            };
            playing = self.begin(&speaker);
            for (piece, rate) in pieces.iter().skip(heard) {
                let _ = playing.append(piece, *rate);
            }
        };
        *lock(&self.playing) = None;
        rest
    }

    fn begin(&self, speaker: &Speaker) -> Arc<Playing> {
        let playing = Arc::new(speaker.begin());
        playing.set_volume(self.volume());
        let mut current = lock(&self.playing);
        if *lock(&self.held) {
            playing.hold();
        }
        *current = Some(Arc::clone(&playing));
        playing
    }
}

impl Loudspeaker {
    /// Takes the loudspeaker `device`, or the default one, as soon as there is one; what it
    /// plays is left in `reference` for who must not hear it. `None` where the assistant has
    /// no voice or no thread can be started.
    pub fn start(
        assistant: Arc<Assistant>,
        device: Option<&str>,
        reference: ReferenceSlot,
        told: impl Fn(Told) + Send + 'static,
    ) -> Option<Self> {
        assistant.speaks().then_some(())?;
        let device = device.map(str::to_owned);
        let shared = Arc::new(Shared { volume: Mutex::new((1.0, 1.0)), ..Shared::default() });
        let own = Arc::clone(&shared);
        // The device's handle stays on the thread that opened it, which lasts as long as the
        // kiosk.
        let spawned = thread::Builder::new().name("loudspeaker".into()).spawn(move || {
            let silent = Mutex::new(false);
            let open = || match Speaker::open(device.as_deref()) {
                Ok(mut speaker) => {
                    *lock(&silent) = false;
                    *lock(&reference) = speaker.reference();
                    Some(speaker)
                }
                Err(error) => {
                    // Said once: it is looked for until there is one.
                    if !std::mem::replace(&mut *lock(&silent), true) {
                        tracing::warn!(%error, "nothing is said aloud");
                    }
                    None
                }
            };
            let mut speaker: Option<Speaker> = None;
            let mut is_open = false;
            loop {
                // One that was unplugged may be back, or comes for the first time.
                speaker = speaker.filter(|speaker| !speaker.is_lost()).or_else(open);
                if is_open != speaker.is_some() {
                    is_open = speaker.is_some();
                    told(Told::Open(is_open));
                }
                let Some(words) = own.next(LOOK) else { continue };
                if !own.is_current(&words) {
                    continue;
                }
                told(Told::Says(words.visit, words.text.clone()));
                if let Some(opened) = speaker.take() {
                    let speak = || own.speak(opened, open, &assistant, &words, &told);
                    speaker = catch_unwind(AssertUnwindSafe(speak)).unwrap_or(None);
                }
                told(Told::Silent(words.visit));
            }
        });
        spawned.is_ok().then_some(Self { shared })
    }

    /// Says `text` to the shopper of a visit, in the place of what is being said.
    pub fn say(&self, visit: u64, text: String) {
        self.silence();
        let round = self.shared.round.load(Ordering::SeqCst);
        *lock(&self.shared.wanted) = Some(Words { visit, text, round });
        self.shared.woken.notify_one();
    }

    /// Falls silent.
    pub fn silence(&self) {
        self.shared.round.fetch_add(1, Ordering::SeqCst);
        lock(&self.shared.wanted).take();
        let playing = lock(&self.shared.playing);
        *lock(&self.shared.held) = false;
        if let Some(playing) = &*playing {
            playing.stop();
            playing.go_on();
        }
    }

    /// Stops where it is, until it goes on or is silenced.
    pub fn hold(&self) {
        let playing = lock(&self.shared.playing);
        *lock(&self.shared.held) = true;
        if let Some(playing) = &*playing {
            playing.hold();
        }
    }

    /// Goes on where it was held.
    pub fn go_on(&self) {
        let playing = lock(&self.shared.playing);
        *lock(&self.shared.held) = false;
        if let Some(playing) = &*playing {
            playing.go_on();
        }
    }

    /// In tenths of full loudness; squared, as loudness is heard.
    pub fn set_volume(&self, tenths: u8) {
        let share = f32::from(tenths.min(10)) / 10.0;
        lock(&self.shared.volume).0 = share * share;
        self.apply_volume();
    }

    /// Follows the loudness of the place, in dB of full scale; `None`: not any more.
    pub fn set_place(&self, loudness: Option<f32>) {
        lock(&self.shared.volume).1 = loudness.map_or(1.0, gain);
        self.apply_volume();
    }

    fn apply_volume(&self) {
        let volume = self.shared.volume();
        if let Some(playing) = &*lock(&self.shared.playing) {
            playing.set_volume(volume);
        }
    }
}

/// What a place of this loudness (dB of full scale) adds to the voice, as a factor.
fn gain(loudness: f32) -> f32 {
    let decibels = ((loudness - ORDINARY) / 2.0).clamp(QUIETER, LOUDER);
    10.0_f32.powf(decibels / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_voice_follows_the_place_within_limits() {
        assert!((gain(ORDINARY) - 1.0).abs() < 1e-6);
        assert!(gain(-45.0) > 1.0 && gain(-55.0) < 1.0);
        assert_eq!(gain(-20.0), gain(0.0), "no louder than 6 dB");
        assert_eq!(gain(-90.0), gain(-60.0), "no quieter than 4 dB");
        assert!((20.0 * gain(0.0).log10() - LOUDER).abs() < 1e-4);
    }
}
