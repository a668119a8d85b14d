//! The kiosk's loudspeaker: one thing is said at a time, the latest that was asked for, in
//! the shopper's volume; any of it can be cut short. A thread of its own; without a
//! loudspeaker it stays silent.

use crate::app::assistant::Assistant;
use crate::voice::playback::{Playing, Speaker};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How often it is tried to open a loudspeaker again that went away in mid-speech.
const TRIES: u32 = 8;
/// And how long after each time.
const AGAIN: Duration = Duration::from_millis(500);

/// Something to say.
struct Words {
    /// Whose visit it belongs to.
    visit: u64,
    text: String,
    /// What was asked for before a silence is not said after it.
    round: u64,
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
    volume: Mutex<f32>,
}

/// Plain values, which a panic elsewhere cannot break.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Waits for the next thing to say.
    fn next(&self) -> Words {
        let mut wanted = lock(&self.wanted);
        loop {
            if let Some(words) = wanted.take() {
                return words;
            }
            wanted = self.woken.wait(wanted).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_current(&self, words: &Words) -> bool {
        words.round == self.round.load(Ordering::SeqCst)
    }

    /// Says `words` until the end or a silence. A loudspeaker that goes away meanwhile is
    /// opened again, and what was not yet heard is said by it; `None`: it is gone for good.
    fn speak(
        &self,
        mut speaker: Speaker,
        open: impl Fn() -> Option<Speaker>,
        assistant: &Assistant,
        words: &Words,
    ) -> Option<Speaker> {
        let mut pieces: Vec<(Vec<i16>, u32)> = Vec::new();
        let mut playing = self.begin(&speaker);
        let said = assistant.say(&words.text, |piece, rate| {
            // One that is lost is seen to at the end.
            let _ = playing.append(piece, rate);
            pieces.push((piece.to_vec(), rate));
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
        playing.set_volume(*lock(&self.volume));
        *lock(&self.playing) = Some(Arc::clone(&playing));
        playing
    }
}

impl Loudspeaker {
    /// Opens the loudspeaker `device`, or the default one, which may take a while; `None`
    /// where there is none or the assistant has no voice. `told` gets each text as it
    /// begins, with its visit, and `None` at its end.
    pub fn open(
        assistant: Arc<Assistant>,
        device: Option<&str>,
        told: impl Fn(u64, Option<String>) + Send + 'static,
    ) -> Option<Self> {
        assistant.speaks().then_some(())?;
        let device = device.map(str::to_owned);
        let (ready, is_ready) = sync_channel(1);
        let shared = Arc::new(Shared { volume: Mutex::new(1.0), ..Shared::default() });
        let own = Arc::clone(&shared);
        // The device's handle stays on the thread that opened it, which lasts as long as the
        // kiosk.
        let spawned = thread::Builder::new().name("loudspeaker".into()).spawn(move || {
            let open = || {
                let opened = Speaker::open(device.as_deref());
                opened.inspect_err(|error| tracing::warn!(%error, "nothing is said aloud")).ok()
            };
            let mut speaker = open();
            if speaker.is_none() || ready.send(()).is_err() {
                return;
            }
            loop {
                let words = own.next();
                if !own.is_current(&words) {
                    continue;
                }
                // One that was unplugged may be back.
                speaker = speaker.or_else(open);
                told(words.visit, Some(words.text.clone()));
                if let Some(opened) = speaker.take() {
                    let speak = || own.speak(opened, open, &assistant, &words);
                    speaker = catch_unwind(AssertUnwindSafe(speak)).unwrap_or(None);
                }
                told(words.visit, None);
            }
        });
        (spawned.is_ok() && is_ready.recv().is_ok()).then_some(Self { shared })
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
        if let Some(playing) = &*lock(&self.shared.playing) {
            playing.stop();
        }
    }

    /// In tenths of full loudness; squared, as loudness is heard.
    pub fn set_volume(&self, tenths: u8) {
        let share = f32::from(tenths.min(10)) / 10.0;
        *lock(&self.shared.volume) = share * share;
        if let Some(playing) = &*lock(&self.shared.playing) {
            playing.set_volume(share * share);
        }
    }
}
