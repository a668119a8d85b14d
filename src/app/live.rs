//! A recording as a live conversation: it comes as if it was being spoken, turns are taken
//! when their time has come, and the answers' sounds are made as they would be said. For
//! `aisle ask --live` and for measuring; the kiosk does the same with its devices.

use super::assistant::{Assistant, Input, Request, millis};
use super::talk::driver::{Conversation, Mind, Told};
use super::talk::trace::Trace;
use super::talk::{Call, Ear, Manner, Reading, Said, View};
use crate::domain::Sku;
use crate::domain::turn::TurnReport;
use crate::settings::{self, Settings};
use crate::voice::LISTENING_RATE;
use crate::voice::echo::Noise;
use crate::voice::endpoint::Rule;
use crate::voice::listener::{self, Listener, ReferenceSlot, Replay, Utterance};
use anyhow::{Context as _, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long after the recording the last word may still be on its way.
const TAIL: Duration = Duration::from_secs(3);
/// And how long the answer to it, whatever hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A turn that was taken.
#[derive(Debug)]
pub struct Spoken {
    /// Its times count from the last voiced sample, as the microphone's thread heard it.
    pub report: TurnReport,
    /// It counts in the place of the one before, which was taken before its end.
    pub again: bool,
    /// When that was, from the start of the recording.
    pub voiced: Duration,
}

/// Hears and understands for one session.
struct Ears {
    assistant: Arc<Assistant>,
    session: String,
}

impl Mind for Ears {
    type Found = Vec<Sku>;

    async fn draft(&self, sound: Utterance) -> Option<String> {
        self.assistant.draft(&sound).await.ok()
    }

    async fn hear(&self, sound: Utterance) -> Option<String> {
        self.assistant.hear(&sound).await.ok()
    }

    async fn read(&self, said: Said) -> (Reading, Vec<Sku>) {
        let (assistant, session) = (Arc::clone(&self.assistant), self.session.clone());
        let read = tokio::task::spawn_blocking(move || {
            let glimpse = assistant.glimpse(Some(&session), &said);
            (glimpse.reading, glimpse.found.into_iter().map(|product| product.sku).collect())
        });
        read.await.unwrap_or_default()
    }
}

/// Plays `samples` (16 kHz mono) to the assistant in real time, which was called just
/// before, and gives the turns it took of them. It listens on as the settings say; an answer
/// takes no time to be said.
///
/// # Errors
/// The assistant has no hearing, or a turn breaks.
pub async fn converse(
    assistant: &Arc<Assistant>,
    settings: &Settings,
    session: &str,
    samples: Vec<f32>,
) -> Result<Vec<Spoken>> {
    let ears = assistant.ears.as_ref().context("this run was started without hearing")?;
    let vad = ears.detector()?;
    let length = Duration::from_secs_f64(samples.len() as f64 / f64::from(LISTENING_RATE));
    let mind = Arc::new(Ears { assistant: Arc::clone(assistant), session: session.to_owned() });
    let (tell, mut told) = mpsc::channel(256);
    let began = Instant::now();
    let conversation = Conversation::begin(
        mind,
        manner(&settings.listening),
        |heard| {
            let samples = std::sync::Mutex::new(Some(samples));
            let open = move || {
                let samples = samples.lock().ok().and_then(|mut own| own.take());
                Ok(Replay::new(samples.unwrap_or_default()))
            };
            Listener::start(open, vad, attention(&settings.listening), ReferenceSlot::default(), heard)
        },
        move |event| {
            if !matches!(event, Told::Level { .. }) {
                let _ = tell.try_send(event);
            }
        },
    )?;
    conversation.call(Call::Tapped);
    let (mut trace, mut spoken) = (Trace::default(), Vec::new());
    let mut view = View::default();
    loop {
        let is_idle =
            matches!(view.ear, Ear::Off | Ear::Open) || (view.words.is_empty() && spoken.is_empty());
        let over = length + if is_idle { TAIL } else { PATIENCE };
        let left = over.saturating_sub(began.elapsed());
        let Ok(event) = tokio::time::timeout(left, told.recv()).await else { break };
        match event {
            None => break,
            Some(Told::Show(shown)) => view = shown,
            Some(Told::Found(skus)) => trace.found(&skus),
            Some(Told::Asked { words, again, moments }) => {
                trace.asked(moments);
                let input = if again { Input::Again(words) } else { Input::Text(words) };
                let report = answer(assistant, session, input, &mut trace).await?;
                spoken.push(Spoken {
                    report,
                    again,
                    voiced: moments.spoken.saturating_duration_since(began),
                });
                conversation.answered(false);
            }
            Some(_) => {}
        }
    }
    Ok(spoken)
}

/// Takes a turn, with its times.
async fn answer(assistant: &Assistant, session: &str, input: Input, trace: &mut Trace) -> Result<TurnReport> {
    let request = Request { id: None, input, session: Some(session.to_owned()), speak: true, stays: true };
    let asked = Instant::now();
    let (mut report, utterance) = assistant.turn(&request, |_, _| {}).await?;
    // Cards stand on the screen before the answer's sound is made.
    let shown = asked + Duration::from_secs_f64(report.timings_ms.reply.unwrap_or_default() / 1000.0);
    trace.answered_at(shown, report.cards.iter().map(|card| &card.sku));
    if let Some(sound) = utterance.and_then(|utterance| utterance.first_sound) {
        trace.sounded(sound);
    }
    let moments = trace.moments().context("a turn was asked")?;
    let since = |at: Instant| millis(at.saturating_duration_since(moments.spoken));
    let times = &mut report.timings_ms;
    times.stt = Some(since(moments.heard));
    times.end_of_turn = Some(since(moments.asked));
    times.first_card = trace.card().map(millis);
    times.reply = Some(since(shown));
    times.first_audio = trace.sound().map(millis);
    times.total = since(Instant::now());
    Ok(report)
}

/// How the settings listen.
#[must_use]
pub fn attention(settings: &settings::Listening) -> listener::Manner {
    listener::Manner {
        rule: Rule::default(),
        cancels: settings.echo_cancelled,
        noise: Noise::named(&settings.noise),
        interruptible: settings.interruptible && settings.echo_cancelled,
    }
}

/// How patient the settings are.
#[must_use]
pub fn manner(settings: &settings::Listening) -> Manner {
    let brief = Duration::from_millis(settings.brief_silence_ms.into());
    let usual = Duration::from_millis(settings.usual_silence_ms.into()).max(brief);
    Manner {
        brief,
        usual,
        patient: Duration::from_millis(settings.patient_silence_ms.into()).max(usual),
        follow_up: Duration::from_secs(settings.follow_up_seconds.into()),
        first_word: Duration::from_secs(settings.first_word_seconds.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_off_is_never_waited_for_less() {
        let odd = settings::Listening {
            brief_silence_ms: 900,
            usual_silence_ms: 300,
            patient_silence_ms: 200,
            ..settings::Settings::default().listening
        };
        let manner = manner(&odd);
        assert!(manner.brief <= manner.usual && manner.usual <= manner.patient);
    }
}
