//! The kiosk's ears: the conversation with the shopper who stands before it, as events of
//! their visit. Hears and understands through the hands; decides nothing.

use super::command::{Event, Spoken};
use super::hands::Hands;
use super::loudspeaker::Loudspeaker;
use crate::app::live::{attention, manner};
use crate::app::talk::driver::{Conversation, Mind, Told};
use crate::app::talk::{Reading, Said};
use crate::engines::EngineError;
use crate::view::card::Card;
use crate::voice::listener::{self, Listener, ReferenceSlot, Utterance};
use crate::voice::microphone::Microphone;
use anyhow::{Context as _, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Most cards that are shown of what was found for words that are not said to the end.
const SHOWN: usize = 3;

/// Hears and understands for the visit that is on.
struct Ears {
    hands: Hands,
    visit: Arc<AtomicU64>,
}

impl Mind for Ears {
    type Found = Vec<Card>;

    async fn draft(&self, sound: Utterance) -> Option<String> {
        told(self.hands.assistant.draft(&sound).await)
    }

    async fn hear(&self, sound: Utterance) -> Option<String> {
        told(self.hands.assistant.hear(&sound).await)
    }

    async fn read(&self, said: Said) -> (Reading, Vec<Card>) {
        let (hands, visit) = (self.hands.clone(), self.visit.load(Ordering::SeqCst));
        let read = tokio::task::spawn_blocking(move || hands.glimpse(visit, &said, SHOWN));
        read.await.unwrap_or_default()
    }
}

fn told(heard: Result<String, EngineError>) -> Option<String> {
    heard.inspect_err(|error| tracing::warn!(%error, "an utterance was not heard")).ok()
}

/// Begins to listen with the settings' microphone; `hears` tells whether there is one.
///
/// # Errors
/// The detector's model is damaged, or the system has no thread left.
pub(super) fn begin(
    hands: &Hands,
    visit: Arc<AtomicU64>,
    hears: Arc<AtomicBool>,
    reference: ReferenceSlot,
    loudspeaker: Option<Arc<Loudspeaker>>,
    events: mpsc::Sender<Event>,
) -> Result<Conversation> {
    let settings = &hands.settings.listening;
    let ears = hands.assistant.ears.as_ref().context("there is no hearing")?;
    let vad = ears.detector()?;
    let device = Some(hands.settings.audio.input.clone()).filter(|name| !name.is_empty());
    let how = attention(settings);
    let follows = settings.volume_follows_noise;
    let mind = Arc::new(Ears { hands: hands.clone(), visit: Arc::clone(&visit) });
    let tell = move |told: Told<Vec<Card>>| {
        let number = visit.load(Ordering::SeqCst);
        let spoken = match told {
            Told::Show(view) => Spoken::View(view),
            Told::Found(cards) => Spoken::Found(cards),
            Told::Asked { words, again, moments } => Spoken::Asked { words, again, moments },
            Told::Hears(open) => {
                tracing::info!("the microphone is {}", if open { "open" } else { "gone" });
                hears.store(open, Ordering::SeqCst);
                let _ = events.try_send(Event::Plugged);
                return;
            }
            Told::Level { now, place } => {
                if let Some(loudspeaker) = loudspeaker.as_ref().filter(|_| follows) {
                    loudspeaker.set_place(Some(place));
                }
                // The next one follows soon, and takes no place that words need.
                if events.capacity() < events.max_capacity() / 2 {
                    return;
                }
                let level = level(now, place);
                let _ = events.try_send(Event::Spoken { visit: number, spoken: Spoken::Level(level) });
                return;
            }
            // At once: nothing is to be decided about it.
            Told::Hold => {
                tracing::debug!("somebody may interrupt");
                return loudspeaker.iter().for_each(|own| own.hold());
            }
            Told::GoOn => return loudspeaker.iter().for_each(|own| own.go_on()),
            Told::Hush => return loudspeaker.iter().for_each(|own| own.silence()),
        };
        if let Err(TrySendError::Full(event)) = events.try_send(Event::Spoken { visit: number, spoken }) {
            // The kiosk's loop is far behind: the conversation does not wait for it.
            let events = events.clone();
            tokio::spawn(async move {
                let _ = events.send(event).await;
            });
        }
    };
    let start = |told: Box<dyn FnMut(listener::Told) + Send>| {
        Listener::start(move || Microphone::open(device.as_deref()), vad, how, reference, told)
    };
    Ok(Conversation::begin(mind, manner(settings), start, tell)?)
}

/// Loudness beside that of the place (dB of full scale), as it is shown: 0 to 1.
fn level(now: f32, place: f32) -> f32 {
    const FAINT: f32 = 6.0;
    const LOUD: f32 = 36.0;
    ((now - place - FAINT) / (LOUD - FAINT)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_shown_beside_the_places_own() {
        assert_eq!(level(-60.0, -60.0), 0.0);
        assert_eq!(level(-20.0, -60.0), 1.0);
        assert!((level(-39.0, -60.0) - 0.5).abs() < 1e-6);
    }
}
