//! The kiosk's hearing and voice for other programs, as services of the Wyoming protocol:
//! where they answer, how many may ask at a time, and how much. Promises: every request is
//! answered, or refused with a stable code and one line, after which its connection is
//! closed; a shopper waits for one hearing or some sentences of others at most. Never logs
//! words or audio, never answers another machine unless told to, takes no turns.

mod door;
mod utterance;

use super::assistant::Assistant;
use super::ears::Ears;
use crate::engines::EngineError;
use crate::engines::events::{self, AudioFormat, TranscribeBody, code};
use crate::engines::wyoming::{Event, EventReader, WyomingError, write_event_async};
use crate::settings::Settings;
use crate::voice::tts::Manner;
use door::{Door, Duplex};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Display;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet, block_in_place, spawn_blocking};
use tokio::time::{sleep, timeout};
use utterance::Utterance;

/// What the services are called.
const PROGRAM: &str = "aisle";
/// Asks the voice; fields are [`Synthesize`].
const SYNTHESIZE: &str = "synthesize";
/// Error code: more connections or requests than are served at a time.
const BUSY: &str = "busy";
/// Error code: nothing came for [`IDLE`].
const IDLE_CODE: &str = "idle";

/// How long a connection may send nothing, or leave an answer unread.
const IDLE: Duration = Duration::from_secs(60);
/// How long a refused client may go on sending before it is cut off.
const LINGER: Duration = Duration::from_secs(5);
/// Connections above their number that are told so at a time; others are just closed.
const TURNED_AWAY: usize = 16;
/// Longest text that is said, in characters.
const MAX_TEXT: usize = 2000;
/// Most of a text that is said in one go, in characters: some seconds of work for the voice.
const AT_ONCE: usize = 300;
/// Pause between these, in which the kiosk's own reply gets the voice.
const BREATH: Duration = Duration::from_millis(5);

/// Why the services cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error("service.address: {0}")]
    Address(String),
    #[error("{0} can be reached from other machines: write tcp://127.0.0.1:port, or set service.remote")]
    Remote(String),
    #[error("another program already answers on {}", .0.display())]
    Taken(PathBuf),
    #[error("{} is in the way: it is no socket", .0.display())]
    InTheWay(PathBuf),
    #[error("cannot listen on {address}: {error}")]
    Listen { address: String, error: io::Error },
}

/// Why a connection is closed before its client closes it.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Wire(#[from] WyomingError),
    #[error("nothing came for {} s", IDLE.as_secs())]
    Idle,
    #[error("an answer was not read for {} s", IDLE.as_secs())]
    Unread,
    #[error("{text}")]
    Refused { code: &'static str, text: String },
}

fn refused(code: &'static str, why: impl Display) -> Trouble {
    Trouble::Refused { code, text: why.to_string().replace('\n', " ") }
}

impl Trouble {
    /// What the client is told; `None` where it cannot be.
    fn event(&self) -> Option<Event> {
        let code = match self {
            Self::Wire(WyomingError::Io(_)) | Self::Unread => return None,
            Self::Wire(WyomingError::Shape { .. }) => code::REQUEST,
            Self::Wire(_) => code::PROTOCOL,
            Self::Idle => IDLE_CODE,
            Self::Refused { code, .. } => *code,
        };
        Some(events::error(code, &self.to_string()))
    }
}

/// Offers hearing and voice to other programs, if the settings name a place for that. What
/// is in the way is logged: the kiosk works without.
pub fn start(assistant: &Arc<Assistant>, settings: &Settings) {
    if settings.service.address.is_empty() {
        return;
    }
    let serving = run(Arc::clone(assistant), settings.clone());
    tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "no speech service for other programs");
        }
    });
}

/// Serves at `service.address` until dropped.
///
/// # Errors
/// Nothing can listen there.
pub async fn run(assistant: Arc<Assistant>, settings: Settings) -> Result<(), ServiceError> {
    let door = Door::open(&settings.service).await?;
    tracing::info!(address = %door.address(), "a speech service for other programs");
    let places = Arc::new(Semaphore::new(settings.service.connections as usize));
    let doorstep = Arc::new(Semaphore::new(TURNED_AWAY));
    let host = Arc::new(Host {
        assistant,
        settings,
        hearing: Semaphore::new(1),
        speaking: Arc::new(Semaphore::new(1)),
    });
    let mut clients = JoinSet::new();
    loop {
        let stream = match door.accept().await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "a client of the speech service could not connect");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Who has left is forgotten.
        while clients.try_join_next().is_some() {}
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            let host = Arc::clone(&host);
            clients.spawn(async move {
                let _place = place;
                host.attend(stream).await;
            });
        } else if let Ok(place) = Arc::clone(&doorstep).try_acquire_owned() {
            let most = host.settings.service.connections;
            clients.spawn(async move {
                let _place = place;
                let (reader, writer) = tokio::io::split(stream);
                let why = refused(BUSY, format!("{most} connections are served already; try again later"));
                part(reader, writer, &why).await;
            });
        }
    }
}

/// Tells a client why it is left, and lets it finish what it is sending: a connection that
/// is closed over unread bytes takes back what was written last.
async fn part(mut reader: impl AsyncRead + Unpin, mut writer: impl AsyncWrite + Unpin, why: &Trouble) {
    let Some(event) = why.event() else { return };
    let told = async {
        write_event_async(&mut writer, &event).await?;
        writer.shutdown().await?;
        tokio::io::copy(&mut reader, &mut tokio::io::sink()).await?;
        Ok::<(), WyomingError>(())
    };
    // A client that goes away is its own affair.
    let _ = timeout(LINGER, told).await;
}

/// What all connections share.
struct Host {
    assistant: Arc<Assistant>,
    settings: Settings,
    /// One hearing and one text at a time: the engines are the shopper's first.
    hearing: Semaphore,
    speaking: Arc<Semaphore>,
}

/// Sound in the making: mono samples and their rate.
type Pieces = mpsc::Receiver<(Vec<i16>, u32)>;

impl Host {
    async fn attend(&self, stream: Box<dyn Duplex>) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let events = EventReader::new(&mut reader);
        let served = Client { host: self, events, writer: &mut writer, utterance: None }.serve().await;
        if let Err(why) = served {
            part(reader, writer, &why).await;
        }
    }

    /// Both services, or what there is of them.
    fn info(&self) -> Event {
        let (asr, voice) = (&self.settings.asr, &self.settings.voice.model);
        let domain = if self.assistant.hears() { "asr" } else { "" };
        let info = events::info(domain, PROGRAM, &asr.model, &[asr.language.as_str()]);
        if !self.assistant.speaks() {
            return info;
        }
        let attribution = json!({"name": "Aisle", "url": ""});
        info.with(
            "tts",
            json!([{
                "name": PROGRAM, "attribution": attribution, "installed": true,
                "description": null, "version": env!("CARGO_PKG_VERSION"),
                "supports_synthesize_streaming": false,
                "voices": [{
                    "name": voice, "attribution": attribution, "installed": true,
                    "description": null, "version": null, "languages": [voice_language(voice)],
                }],
            }]),
        )
    }

    /// Whether speech can be heard as `wanted`.
    fn check_hearing(&self, wanted: &TranscribeBody) -> Result<(), Trouble> {
        let own = &self.settings.asr;
        if !self.assistant.hears() {
            return Err(refused(code::ENGINE, "this kiosk cannot hear; `aisle doctor` says why"));
        }
        if !is_same(wanted.name.as_deref(), &own.model) {
            let text = format!("no such model: this kiosk hears with {}", own.model);
            return Err(refused(code::REQUEST, text));
        }
        if !is_same_language(wanted.language.as_deref(), &own.language) {
            return Err(refused(code::REQUEST, format!("this kiosk hears only {}", own.language)));
        }
        Ok(())
    }

    fn begin(&self, format: AudioFormat) -> Result<Utterance, Trouble> {
        self.check_hearing(&TranscribeBody::default())?;
        Utterance::begin(format, self.settings.asr.max_seconds)
    }

    /// The words in 16 kHz mono sound; none where nobody speaks.
    async fn hear(&self, samples: Vec<f32>) -> Result<String, Trouble> {
        let _turn = self.hearing.acquire().await;
        let voiced = |ears: &Ears| ears.voiced_in(samples).map_err(|error| refused(code::ENGINE, error));
        let pcm =
            block_in_place(|| self.assistant.ears.as_ref().map(voiced).transpose())?.unwrap_or_default();
        self.assistant.hear(&pcm).await.map_err(|error| match error {
            EngineError::Busy { .. } => refused(BUSY, error),
            error => refused(code::ENGINE, error),
        })
    }

    fn check_voice(&self, wanted: &Synthesize) -> Result<(), Trouble> {
        let own = &self.settings.voice.model;
        if !self.assistant.speaks() {
            return Err(refused(code::ENGINE, "this kiosk has no voice; `aisle doctor` says why"));
        }
        let length = wanted.text.chars().count();
        if length > MAX_TEXT {
            let text = format!("the text has {length} characters; at most {MAX_TEXT} are said");
            return Err(refused(code::TOO_LONG, text));
        }
        let Some(voice) = &wanted.voice else { return Ok(()) };
        if !is_same(voice.name.as_deref(), own) {
            return Err(refused(code::REQUEST, format!("no such voice: this kiosk has {own}")));
        }
        let language = voice_language(own);
        if !is_same_language(voice.language.as_deref(), language) {
            return Err(refused(code::REQUEST, format!("this kiosk speaks only {language}")));
        }
        Ok(())
    }

    /// Says `text` into a channel that holds all of it: a client that reads slowly does not
    /// keep the voice from the shopper.
    async fn speak(&self, text: String) -> (Pieces, JoinHandle<anyhow::Result<()>>) {
        let turn = Arc::clone(&self.speaking).acquire_owned().await;
        let assistant = Arc::clone(&self.assistant);
        // A piece holds a letter at least.
        let (pieces, made) = mpsc::channel(MAX_TEXT);
        let saying = spawn_blocking(move || -> anyhow::Result<()> {
            let _turn = turn;
            for (at, part) in parts(&text).into_iter().enumerate() {
                let mut pause = if at == 0 { Duration::ZERO } else { Manner::default().sentence_pause };
                let mut is_wanted = true;
                assistant.say(part, |samples, rate| {
                    let silent = (std::mem::take(&mut pause).as_secs_f64() * f64::from(rate)) as usize;
                    let mut piece = vec![0; silent];
                    piece.extend_from_slice(samples);
                    is_wanted = pieces.try_send((piece, rate)).is_ok();
                    is_wanted
                })?;
                if !is_wanted {
                    break;
                }
                std::thread::sleep(BREATH);
            }
            Ok(())
        });
        (made, saying)
    }
}

/// Fields of [`SYNTHESIZE`] that count here.
#[derive(Deserialize)]
struct Synthesize {
    text: String,
    #[serde(default)]
    voice: Option<WantedVoice>,
}

#[derive(Deserialize)]
struct WantedVoice {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    language: Option<String>,
}

/// One connection.
struct Client<'h, R, W> {
    host: &'h Host,
    events: EventReader<R>,
    writer: W,
    utterance: Option<Utterance>,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Client<'_, R, W> {
    /// Answers until the client leaves.
    async fn serve(&mut self) -> Result<(), Trouble> {
        loop {
            match timeout(IDLE, self.events.next_event_async()).await {
                Ok(Ok(Some(event))) => self.take(event).await?,
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(Trouble::Idle),
            }
        }
    }

    async fn take(&mut self, event: Event) -> Result<(), Trouble> {
        match event.kind.as_str() {
            events::DESCRIBE => self.send(&self.host.info()).await,
            events::PING => {
                let text = event.data.get("text").cloned().unwrap_or(Value::Null);
                self.send(&Event::new(events::PONG).with("text", text)).await
            }
            events::TRANSCRIBE => {
                self.utterance = None;
                self.host.check_hearing(&event.body()?)
            }
            events::AUDIO_START => {
                self.utterance = Some(self.host.begin(event.body()?)?);
                Ok(())
            }
            events::AUDIO_CHUNK => {
                let format: AudioFormat = event.body()?;
                // Some clients leave the start out.
                let utterance = match &mut self.utterance {
                    Some(utterance) => utterance,
                    none => none.insert(self.host.begin(format)?),
                };
                block_in_place(|| utterance.add(format, &event.payload))
            }
            events::AUDIO_STOP => {
                let Some(utterance) = self.utterance.take() else {
                    return Err(refused(code::REQUEST, "the audio stopped before it started"));
                };
                let text = self.host.hear(block_in_place(|| utterance.finish())?).await?;
                let language = self.host.settings.asr.language.as_str();
                let answer = Event::new(events::TRANSCRIPT).with("text", text).with("language", language);
                self.send(&answer).await
            }
            SYNTHESIZE => self.say(event.body()?).await,
            // As the protocol wants it: what a service does not know, it leaves alone.
            _ => Ok(()),
        }
    }

    async fn say(&mut self, wanted: Synthesize) -> Result<(), Trouble> {
        self.host.check_voice(&wanted)?;
        let (mut pieces, saying) = self.host.speak(wanted.text).await;
        let mut is_silent = true;
        while let Some((samples, rate)) = pieces.recv().await {
            let format = AudioFormat { rate, width: 2, channels: 1 };
            if std::mem::take(&mut is_silent) {
                self.send(&Event::with_body(events::AUDIO_START, &format)?).await?;
            }
            // A second at most.
            for samples in samples.chunks(rate.max(1) as usize) {
                let bytes = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
                let chunk = Event::with_body(events::AUDIO_CHUNK, &format)?.with_payload(bytes);
                self.send(&chunk).await?;
            }
        }
        match saying.await {
            Ok(Ok(())) if is_silent => Err(refused(code::REQUEST, "nothing in the text can be said")),
            Ok(Ok(())) => self.send(&Event::new(events::AUDIO_STOP)).await,
            Ok(Err(error)) => Err(refused(code::ENGINE, format!("{error:#}"))),
            Err(_) => Err(refused(code::ENGINE, "the voice broke off")),
        }
    }

    async fn send(&mut self, event: &Event) -> Result<(), Trouble> {
        match timeout(IDLE, write_event_async(&mut self.writer, event)).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(Trouble::Unread),
        }
    }
}

/// Whether `own` is what is wanted, or nothing else is.
fn is_same(wanted: Option<&str>, own: &str) -> bool {
    wanted.is_none_or(|wanted| wanted.is_empty() || wanted == own)
}

/// Whether the languages are the same, whatever their regions: `en`, `en_US`, `en-GB`.
fn is_same_language(wanted: Option<&str>, own: &str) -> bool {
    let bare = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    wanted.is_none_or(|wanted| wanted.is_empty() || bare(wanted) == bare(own))
}

/// The language in a voice's name, `en_US` of `piper-en_US-joe-medium`.
fn voice_language(model: &str) -> &str {
    model.split('-').nth(1).unwrap_or(model)
}

/// `text` in parts of at most [`AT_ONCE`] characters, cut between sentences where that is
/// possible, else between words.
fn parts(text: &str) -> Vec<&str> {
    let mut rest = text.trim();
    let mut parts = Vec::new();
    while let Some((most, _)) = rest.char_indices().nth(AT_ONCE) {
        let (head, _) = rest.split_at(most);
        let ends = |at: &usize| head.get(..*at).is_some_and(|head| head.ends_with(['.', '!', '?']));
        let gaps = || head.rmatch_indices(char::is_whitespace).map(|(at, _)| at);
        let (part, after) = rest.split_at(gaps().find(ends).or_else(|| gaps().next()).unwrap_or(most));
        parts.push(part);
        rest = after.trim_start();
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_its_sentences() {
        assert!(parts("  ").is_empty());
        assert_eq!(parts(" Hello there. "), ["Hello there."]);
        let text = "The oat milk costs $3.49, and it is in aisle four. ".repeat(30);
        let cut = parts(&text);
        assert!(cut.iter().all(|part| part.ends_with("four.") && part.chars().count() <= AT_ONCE));
        assert_eq!(cut.join(" "), text.trim());
        let words = "é ".repeat(1000);
        assert_eq!(parts(&words).join(" "), words.trim());
        assert_eq!(parts(&"x".repeat(AT_ONCE + 1)).len(), 2);
    }

    #[test]
    fn languages_are_compared_without_their_regions() {
        let own = voice_language("piper-en_US-joe-medium");
        assert_eq!(own, "en_US");
        for wanted in [None, Some(""), Some("en"), Some("en-GB"), Some("EN_us")] {
            assert!(is_same_language(wanted, own), "{wanted:?}");
        }
        assert!(!is_same_language(Some("de"), own));
    }
}
