//! The assistant of one run: catalog, engines and voice, and the loop that
//! carries out a turn's commands. Holds each conversation's memory, in this
//! process only. Never logs a shopper's words.

use super::ears::{Ears, HearingError};
use super::folders::Folders;
use super::lookup::Shelves;
use super::meaning::searched_by_meaning;
use super::meter::{self, Meter};
use super::mind::Mind;
use super::mouth::{Mouth, Utterance};
use super::sessions::{Sessions, Talked};
use super::shop::Shop;
use super::turn::{Aids, Answer, Command, Event, Turn};
use crate::dialog::classifier::{Classifier, Hunch};
use crate::dialog::context::Context;
use crate::dialog::findings::{Called, Found};
use crate::dialog::freshness::Freshness;
use crate::dialog::menu::Menu;
use crate::dialog::occasion::Guide;
use crate::dialog::prompt::{self, Prompts};
use crate::dialog::tool::Tool;
use crate::domain::turn::{Card, Timings, TurnReport};
use crate::domain::{AsOf, Product, moment};
use crate::engines::{Engine, EngineError, EngineState};
use crate::models::ModelDir;
use crate::models::onnx::Runtime;
use crate::settings::Settings;
use crate::store::{AlertKind, Catalog, CatalogInfo, EmbedError, SearchRequest, StoreError};
use crate::sync::wire::event::{Alert, Telemetry};
use crate::voice::echo::Noise;
use anyhow::{Context as _, Result};
use jiff::{Timestamp, Zoned};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// What the shopper gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    Text(String),
    Recording(PathBuf),
    /// What was done on the screen, as the call that it means.
    Touch(Box<Tool>),
    /// What was said in the turn before and was gone on with, as a whole: it counts in the
    /// place of that turn.
    Again(String),
}

/// One request for a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub id: Option<serde_json::Value>,
    pub input: Input,
    /// Turns of one session are one conversation.
    pub session: Option<String>,
    /// Whether the reply is to be spoken.
    pub speak: bool,
    /// Goodbye ends nothing: whoever asks sees to the end of the conversation.
    pub stays: bool,
}

/// Longest text that is taken, in bytes.
pub const MAX_TEXT: usize = 4000;

/// Which parts of the assistant a run needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    pub hearing: bool,
    pub speaking: bool,
}

/// The assistant.
pub struct Assistant {
    catalog: Arc<Catalog>,
    meter: OnceLock<Arc<Meter>>,
    shop: RwLock<Arc<Shop>>,
    guide: Guide,
    settings: Settings,
    pub(super) ears: Option<Ears>,
    mouth: Option<Mouth>,
    /// `None` where its vectors cannot be made.
    pub(super) classifier: Option<Classifier>,
    mind: Option<Mind>,
    sessions: Mutex<Sessions>,
    /// Orders are sent from here.
    sends: AtomicBool,
}

impl Assistant {
    /// Opens what `parts` name. The language model is optional: without its file
    /// the rules answer alone.
    ///
    /// # Errors
    /// There is no catalog, or a part's model is missing or damaged.
    pub fn open(folders: &Folders, settings: Settings, parts: Parts) -> Result<Self> {
        let catalog = Catalog::open(&folders.data)?;
        let shop = Shop::read(&catalog, &settings)?;
        Self::with(catalog, shop, folders, settings, parts)
    }

    /// As [`Self::open`], for a kiosk that runs on: without a catalog it answers that it cannot
    /// look things up, until one is there.
    ///
    /// # Errors
    /// The catalog or a part's model is damaged, or the model is missing.
    pub fn open_to_run(folders: &Folders, settings: Settings, parts: Parts) -> Result<Self> {
        let catalog = Catalog::open(&folders.data)?;
        let shop = match Shop::read(&catalog, &settings) {
            Err(StoreError::Empty) => Shop::none(&settings),
            read => read?,
        };
        Self::with(catalog, shop, folders, settings, parts)
    }

    fn with(
        catalog: Catalog,
        shop: Shop,
        folders: &Folders,
        settings: Settings,
        parts: Parts,
    ) -> Result<Self> {
        let catalog = searched_by_meaning(catalog, &folders.models, &settings);
        let shop = RwLock::new(Arc::new(shop));
        let models = ModelDir::open(&folders.models)?;
        let runtime = (parts.hearing || parts.speaking)
            .then(|| models.ready("onnxruntime").map_err(anyhow::Error::from))
            .transpose()?
            .map(|library| Runtime::load(&library))
            .transpose()?;
        let ears = match &runtime {
            Some(runtime) if parts.hearing => {
                let noise = Noise::named(&settings.listening.noise);
                Some(Ears::open(&models, runtime, &settings.asr, noise)?)
            }
            _ => None,
        };
        let mouth = match &runtime {
            Some(runtime) if parts.speaking => Some(Mouth::open(&models, runtime, &settings.voice)?),
            _ => None,
        };
        let mind = settings.llm.enabled.then(|| Mind::open(&models, &settings.llm)).transpose()?;
        let guide = guide(&settings)?;
        let classifier = Classifier::shipped().filter(|own| catalog.encoder() == Some(own.encoder()));
        let (catalog, meter, sessions) = (Arc::new(catalog), OnceLock::new(), Mutex::default());
        let sends = AtomicBool::new(false);
        Ok(Self { catalog, meter, shop, guide, settings, ears, mouth, classifier, mind, sessions, sends })
    }

    /// Makes products that came with an import or a correction ready for search by
    /// meaning; next to nothing when there are none. How many there were.
    ///
    /// # Errors
    /// The model fails or the catalog cannot be written.
    pub fn embed(&self) -> Result<u64, EmbedError> {
        match self.catalog.lacking_vectors() {
            Ok(0) | Err(StoreError::Empty) => return Ok(0),
            lacking => lacking?,
        };
        self.catalog.embed(&mut |_, _| {})
    }

    /// Loads both engines, the language model's fixed prompt and what a search keeps
    /// in memory, ahead of the first turn. What does not start is reported and tried again later.
    pub async fn warm(&self) -> Vec<String> {
        let hearing = async {
            match &self.ears {
                Some(ears) => ears.warm().await.err().map(|error| error.to_string()),
                None => None,
            }
        };
        let thinking = async {
            match &self.mind {
                Some(mind) => mind.warm(&self.shop().prompts).await.err().map(|error| error.to_string()),
                None => None,
            }
        };
        tokio::task::block_in_place(|| {
            let request = SearchRequest { text: "milk".to_owned(), limit: 1, ..SearchRequest::default() };
            // A catalog that cannot be read is told by the first turn.
            let _ = self.catalog.search(&request);
        });
        let (hearing, thinking) = tokio::join!(hearing, thinking);
        hearing.into_iter().chain(thinking).collect()
    }

    /// Has a language model that runs read what came with the latest catalog, ahead of its turns.
    ///
    /// # Errors
    /// The worker fails.
    pub async fn prime(&self) -> Result<(), EngineError> {
        match &self.mind {
            Some(mind) if mind.engine().state() == EngineState::Ready => {
                mind.warm(&self.shop().prompts).await
            }
            _ => Ok(()),
        }
    }

    /// Loads the speech worker.
    ///
    /// # Errors
    /// It does not start: its model is missing, damaged, or not for this machine.
    pub async fn warm_ears(&self) -> Result<()> {
        match &self.ears {
            Some(ears) => Ok(ears.warm().await?),
            None => Ok(()),
        }
    }

    /// The engines of this run, for health checks.
    pub fn engines(&self) -> impl Iterator<Item = &Engine> {
        let ears = self.ears.as_ref().map(Ears::engine);
        ears.into_iter().chain(self.mind.as_ref().map(Mind::engine))
    }

    /// Ends all engines; each is started anew when it is next needed.
    pub async fn stop_engines(&self) {
        for engine in self.engines() {
            engine.stop().await;
        }
    }

    /// The loaded catalog; all empty where there is none yet.
    #[must_use]
    pub fn info(&self) -> CatalogInfo {
        self.shop().info.clone()
    }

    /// Whether there is a catalog.
    #[must_use]
    pub fn has_catalog(&self) -> bool {
        self.shop().is_there()
    }

    /// Brings the catalog up to date with the shop's corrections, see
    /// [`Catalog::reconcile`].
    ///
    /// # Errors
    /// A database cannot be read or written.
    pub fn reconcile(&self) -> Result<bool, StoreError> {
        self.catalog.reconcile(Timestamp::now())
    }

    /// The shop as the catalog has it now. A catalog that cannot be read leaves the
    /// one before in place; the turn's look-up says what is wrong.
    pub(super) fn shop(&self) -> Arc<Shop> {
        let kept = Arc::clone(&self.shop.read().unwrap_or_else(PoisonError::into_inner));
        let Ok(Some(shop)) = kept.newer(&self.catalog, &self.settings) else { return kept };
        let shop = Arc::new(shop);
        *self.shop.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&shop);
        shop
    }

    /// Takes one turn. A spoken reply's `pieces` are passed on as they are made.
    ///
    /// # Errors
    /// The recording or the text is unusable; every other trouble is answered,
    /// and named in the report's `degraded`.
    pub async fn turn(
        &self,
        request: &Request,
        pieces: impl FnMut(&[i16], u32),
    ) -> Result<(TurnReport, Option<Utterance>)> {
        let (report, utterance, told) = self.take(request, pieces).await?;
        if let Some(meter) = self.meter() {
            meter.answered(&told, &report.timings_ms);
        }
        Ok((report, utterance))
    }

    /// A turn that nobody asked for, to see whether it works: it is told to nobody.
    pub(super) async fn try_turn(&self, request: &Request) -> Result<TurnReport> {
        Ok(self.take(request, |_, _| {}).await?.0)
    }

    pub(super) async fn take(
        &self,
        request: &Request,
        pieces: impl FnMut(&[i16], u32),
    ) -> Result<(TurnReport, Option<Utterance>, Vec<Telemetry>)> {
        let started = Instant::now();
        let mut timings = Timings::default();
        let context = match &request.input {
            Input::Again(_) => self.context_before(request.session.as_deref()),
            _ => self.context(request.session.as_deref()),
        };
        let before = context.clone();
        let shop = tokio::task::block_in_place(|| self.shop());
        let aids = Aids { classifier: self.classifier.is_some(), model: self.mind.is_some() };
        let mut turn = Turn::new(context, shop.info.currency, aids);
        let mut event = self.listen(&request.input, &shop.menu, &mut timings).await?;
        let answer = loop {
            let asked = Instant::now();
            match turn.update(event, &shop.menu) {
                Command::LookUp(tool) => {
                    add(&mut timings.understand, asked);
                    let looked = Instant::now();
                    event = tokio::task::block_in_place(|| self.look_up(&shop, tool, turn.context()));
                    add(&mut timings.search, looked);
                }
                Command::Classify(clauses) => {
                    let hunches = clauses.iter().map(|words| self.hunch(words));
                    event = Event::Classified(tokio::task::block_in_place(|| hunches.collect()));
                    add(&mut timings.understand, asked);
                }
                Command::AskModel => {
                    event = self.ask_model(&shop.prompts, turn.words()).await;
                    add(&mut timings.understand, asked);
                }
                Command::Answer(answer) => break *answer,
            }
        };
        timings.reply = Some(ms(started));
        let cards = cards(&answer, &shop.info);
        timings.first_card = (!cards.is_empty()).then(|| ms(started));
        let transcript = turn.words().to_owned();
        let context = turn.into_context();
        let order = context.order.clone();
        let told = meter::told(&answer, &context, request.stays);
        self.remember(request, Talked { context, before }, &answer);
        let main = answer.main().context("a turn has a step")?;
        let (intent, tier) = (main.understanding.tool.intent(), main.understanding.tier);
        let tool = main.understanding.tool.report();
        let others = answer.steps.iter().filter(|step| !std::ptr::eq(*step, main));
        let also = others.map(|step| step.understanding.tool.report()).collect();
        let mut degraded = answer.degraded;
        let utterance = match &self.mouth {
            Some(mouth) if request.speak => {
                match tokio::task::block_in_place(|| mouth.say(&answer.reply.speech, pieces)) {
                    Ok(utterance) => Some(utterance),
                    Err(error) => {
                        degraded.push(error.to_string());
                        None
                    }
                }
            }
            _ => None,
        };
        let first_sound = utterance.as_ref().and_then(|utterance| utterance.first_sound);
        timings.first_audio = first_sound.map(|at| millis(at.duration_since(started)));
        timings.total = ms(started);
        let report = TurnReport {
            id: request.id.clone(),
            transcript,
            intent,
            tier,
            tool,
            also,
            cards,
            order,
            reply: answer.reply.text,
            speech: answer.reply.speech,
            facts: answer.reply.facts,
            degraded,
            timings_ms: timings,
        };
        Ok((report, utterance, told))
    }

    async fn listen(&self, input: &Input, menu: &Menu, timings: &mut Timings) -> Result<Event> {
        match input {
            Input::Text(text) | Input::Again(text) => {
                let size = text.len();
                anyhow::ensure!(size <= MAX_TEXT, "the text has {size} bytes; at most {MAX_TEXT} are read");
                Ok(Event::Words(text.trim().to_owned()))
            }
            Input::Touch(tool) => Ok(Event::Touched(tool.clone())),
            Input::Recording(path) => {
                let started = Instant::now();
                let ears = self.ears.as_ref().context("this run was started without hearing")?;
                let heard = ears.hear(path, menu).await;
                timings.stt = Some(ms(started));
                match heard {
                    Ok(words) => Ok(Event::Words(words)),
                    Err(HearingError::Recording(error)) => Err(error.into()),
                    Err(error) => Ok(Event::HearingFailed(error.to_string())),
                }
            }
        }
    }

    /// What tool calls read from, in the conversation of a session.
    pub(super) fn shelves<T>(&self, session: Option<&str>, act: impl FnOnce(&Shelves<'_>) -> T) -> T {
        let context = self.context(session);
        self.shelves_in(&self.shop(), &context, act)
    }

    pub(super) fn shelves_in<T>(
        &self,
        shop: &Shop,
        context: &Context,
        act: impl FnOnce(&Shelves<'_>) -> T,
    ) -> T {
        act(&Shelves {
            catalog: &self.catalog,
            info: &shop.info,
            menu: &shop.menu,
            settings: &shop.settings,
            guide: &self.guide,
            areas: &shop.areas,
            now: &Zoned::now(),
            context,
            sends: self.sends.load(Ordering::Relaxed),
        })
    }

    /// Whether it has a voice.
    #[must_use]
    pub fn speaks(&self) -> bool {
        self.mouth.is_some()
    }

    /// Says `text`; `pieces` gets the sound as it is made, until it says that nobody listens
    /// any more. Without a voice it says nothing.
    ///
    /// # Errors
    /// The voice failed.
    pub fn say(&self, text: &str, pieces: impl FnMut(&[i16], u32) -> bool) -> Result<()> {
        if let Some(mouth) = &self.mouth {
            mouth.say_while(text, pieces)?;
        }
        Ok(())
    }

    /// The catalog, for what is no turn.
    pub(super) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(super) fn shared_catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog)
    }

    /// Notes turns for head office with `meter` from now on; only the first one counts.
    pub(super) fn note_with(&self, meter: Arc<Meter>) {
        let _ = self.meter.set(meter);
    }

    /// What is made to order is sent to who makes it from now on, once a shopper is done.
    pub(super) fn sends_orders(&self) {
        self.sends.store(true, Ordering::Relaxed);
    }

    /// Who notes; `None` for a single question at a terminal.
    pub(super) fn meter(&self) -> Option<&Meter> {
        self.meter.get().map(Arc::as_ref)
    }

    /// Keeps the conversation of a session that is under way, however long ago its last
    /// turn was.
    pub fn keep(&self, session: &str) {
        self.sessions().keep(session);
    }

    /// Erases the conversation of a session.
    pub fn forget(&self, session: &str) {
        self.sessions().forget(session);
    }

    fn look_up(&self, shop: &Shop, tool: Tool, context: &Context) -> Event {
        let calls = tool == Tool::CallStaff;
        match self.shelves_in(shop, context, |shelves| shelves.look_up(tool)) {
            Ok(mut findings) => {
                if calls {
                    findings.called = Some(self.call_staff());
                }
                Event::Found(Box::new(findings))
            }
            Err(error) => Event::LookupFailed(error.to_string()),
        }
    }

    /// How alike two texts are in meaning, as the cosine of their vectors.
    fn likeness(&self, one: &str, other: &str) -> Option<f32> {
        let (one, other) = (self.catalog.vector(one)?, self.catalog.vector(other)?);
        Some(one.iter().zip(&other).map(|(a, b)| a * b).sum())
    }

    /// What a clause is taken for; `None` where the model or the catalog fails, which the
    /// look-up will tell.
    pub(super) fn hunch(&self, words: &[String]) -> Option<Hunch> {
        let vector = self.catalog.vector(&words.join(" "))?;
        let (class, probability) = self.classifier.as_ref()?.classify(words, &vector);
        Some(Hunch { class, probability, named: self.catalog.named(words).ok()? })
    }

    async fn ask_model(&self, prompts: &Prompts, words: &str) -> Event {
        let Some(mind) = &self.mind else {
            return Event::ModelFailed("there is no language model".into());
        };
        match mind.choose(prompts.about(words)).await {
            Ok(completion) => {
                let named = prompt::named(&completion);
                let likeness =
                    tokio::task::block_in_place(|| named.and_then(|named| self.likeness(words, &named)));
                Event::ModelAnswered { completion, likeness }
            }
            Err(error) => Event::ModelFailed(error.to_string()),
        }
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, Sessions> {
        // Contexts are replaced whole, so a poisoned lock holds no half of one.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn context(&self, session: Option<&str>) -> Context {
        self.of_session(session, |talked| &talked.context)
    }

    /// As it was before the latest turn.
    pub(super) fn context_before(&self, session: Option<&str>) -> Context {
        self.of_session(session, |talked| &talked.before)
    }

    fn of_session(&self, session: Option<&str>, part: impl Fn(&Talked) -> &Context) -> Context {
        let idle = Duration::from_secs(u64::from(self.settings.dialog.idle_seconds));
        session
            .and_then(|id| self.sessions().get(id, idle).map(|talked| part(talked).clone()))
            .unwrap_or_default()
    }

    /// Raises an alert that somebody of the shop must acknowledge.
    fn call_staff(&self) -> Called {
        match self.catalog.raise_alert(AlertKind::CallStaff, Timestamp::now()) {
            Ok(true) => {
                if let Some(meter) = self.meter() {
                    meter.tell(Telemetry::Alert { alert: Alert::CallStaff });
                }
                Called::Now
            }
            Ok(false) => Called::Before,
            Err(error) => {
                tracing::error!(%error, "a call for staff could not be recorded");
                Called::Failed
            }
        }
    }

    fn remember(&self, request: &Request, talked: Talked, answer: &Answer) {
        let Some(session) = request.session.as_deref() else { return };
        let is_goodbye = answer.steps.last().is_some_and(|step| step.understanding.tool == Tool::Goodbye);
        if is_goodbye && !request.stays {
            self.sessions().forget(session);
        } else {
            self.sessions().put(session, talked);
        }
    }
}

/// The shop's occasions: its own file's, else those of the program.
fn guide(settings: &Settings) -> Result<Guide> {
    let path = &settings.dialog.occasions;
    if path.is_empty() {
        return Ok(Guide::shipped());
    }
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the occasions in {path}"))?;
    Guide::read(&text).with_context(|| format!("the occasions in {path} are not usable"))
}

fn cards(answer: &Answer, info: &CatalogInfo) -> Vec<Card> {
    let card = |found: &Found, alternative: bool| Card {
        sku: found.product.sku.clone(),
        title: found.product.label(),
        price_cents: found.price_cents,
        regular_price_cents: found.offer.as_ref().and(found.product.price_cents),
        currency: info.currency,
        stock: found.product.stock,
        as_of: as_of(&found.product, info),
        stale: [("price", &found.price), ("stock", &found.stock)]
            .into_iter()
            .filter_map(|(what, freshness)| (*freshness != Freshness::Now).then_some(what))
            .collect(),
        location: found.product.location.clone(),
        reason: if alternative { format!("instead: {}", found.reason) } else { found.reason.clone() },
    };
    answer.products().into_iter().map(|(found, alternative)| card(found, alternative)).collect()
}

/// When price and stock were both sure.
fn as_of(product: &Product, info: &CatalogInfo) -> Option<AsOf> {
    let times = [&product.price_as_of, &product.stock_as_of].map(|own| own.as_ref().or(info.as_of.as_ref()));
    times.into_iter().flatten().min_by_key(|as_of| moment::first(as_of)).cloned()
}

fn add(total: &mut Option<f64>, since: Instant) {
    *total = Some(total.unwrap_or_default() + ms(since));
}

fn ms(since: Instant) -> f64 {
    millis(since.elapsed())
}

/// Milliseconds to a tenth.
pub(super) fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}
