//! The kiosk's loop: takes events in turn, shows what the visit makes of them, and has its
//! commands done. Turns of one visit are done one after the other; look-ups side by side.

use super::command::{Answer, Browse, Command, Event, Spoken, Ticket};
use super::customer::Customers;
use super::hands::Hands;
use super::loudspeaker::{Loudspeaker, Told};
use super::tally::{Act, Tally};
use super::taste::{Hint, Taste};
use super::visit::{State, VOLUME};
use super::{ordering, printer, sensor, voice};
use crate::app::assistant::{Assistant, Input, Parts};
use crate::app::doctor::{self, Health};
use crate::app::folders::Folders;
use crate::app::meter::Meter;
use crate::app::orders::Orders;
use crate::app::talk::driver::Conversation;
use crate::app::talk::trace::Trace;
use crate::app::{line, service, speech_service};
use crate::domain::turn::OrderLine;
use crate::settings::Settings;
use crate::store::{Edition, StoreError};
use crate::sync::wire::event::{Dissatisfaction, Telemetry};
use crate::view::feedback::{Reason, Thumb};
use crate::view::maintenance;
use crate::view::touch::Touch;
use crate::view::window::Handle;
use crate::voice::listener::ReferenceSlot;
use anyhow::Result;
use jiff::Timestamp;
use sd_notify::NotifyState;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;

/// How often the visit is told the time.
const TICK: Duration = Duration::from_millis(250);
/// How often a catalog that cannot be opened is tried again.
const RETRY: Duration = Duration::from_secs(15);
/// How often the start is brought up to date.
const WELCOME: Duration = Duration::from_secs(60);
/// Events and turns that may wait.
const WAITING: usize = 256;
/// Look-ups at a time.
const LOOKS: usize = 2;
/// Most alerts that are acknowledged at once.
const ALERTS: usize = 1000;

/// What is said to a shopper when something broke that must not.
const BROKEN: &str = "Something went wrong here. Please try again, or ask a colleague.";
/// How long the window may leave a call unanswered before the watchdog hears no more.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is done one after the other.
enum Job {
    Turn(Ticket, Input),
    Edit(Ticket, OrderLine, Option<i64>),
    /// After the turns of that visit, which would bring its conversation back.
    Forget(String),
}

/// Sees whether the window still answers.
#[derive(Clone)]
struct Pulse {
    started: Instant,
    /// When it last did, in milliseconds since the start.
    answered: Arc<AtomicU64>,
    asked: Arc<AtomicBool>,
}

impl Pulse {
    /// Calls the window, unless it still owes an answer.
    fn ask(&self) {
        if !self.asked.swap(true, Ordering::Relaxed) {
            let own = self.clone();
            Handle.ping(move || {
                let now = u64::try_from(own.started.elapsed().as_millis()).unwrap_or(u64::MAX);
                own.answered.store(now, Ordering::Relaxed);
                own.asked.store(false, Ordering::Relaxed);
            });
        }
    }

    fn is_alive(&self) -> bool {
        let answered = Duration::from_millis(self.answered.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(answered) < PATIENCE
    }
}

struct Desk {
    folders: Arc<Folders>,
    settings: Arc<Settings>,
    events: mpsc::Sender<Event>,
    opened: mpsc::Sender<Result<Assistant>>,
    is_opening: Arc<AtomicBool>,
    is_checking: Arc<AtomicBool>,
    jobs: mpsc::Sender<Job>,
    hands: Option<Hands>,
    customers: Customers,
    loudspeaker: Option<Arc<Loudspeaker>>,
    /// Whether there is a loudspeaker to it, and a microphone to the conversation.
    sounds: Arc<AtomicBool>,
    hears: Arc<AtomicBool>,
    conversation: Option<Conversation>,
    looks: Arc<Semaphore>,
    /// The visit that is on, and its latest question.
    visit: Arc<AtomicU64>,
    latest: Arc<AtomicU64>,
    started: Instant,
}

/// Runs until the touches end or a signal comes.
///
/// # Errors
/// The kiosk's socket cannot be made: another one runs.
pub(super) async fn run(
    mut state: State,
    mut touches: mpsc::Receiver<Touch>,
    folders: Folders,
    settings: Settings,
    socket: PathBuf,
) -> Result<ExitCode> {
    let started = Instant::now();
    let (events, mut happened) = mpsc::channel(WAITING);
    let (opened, mut opening) = mpsc::channel(1);
    let (jobs, asked) = mpsc::channel::<Job>(WAITING);
    let mut desk = Desk {
        folders: Arc::new(folders),
        settings: Arc::new(settings),
        events,
        opened,
        is_opening: Arc::default(),
        is_checking: Arc::default(),
        jobs,
        hands: None,
        customers: Customers::default(),
        loudspeaker: None,
        sounds: Arc::default(),
        hears: Arc::default(),
        conversation: None,
        looks: Arc::new(Semaphore::new(LOOKS)),
        visit: Arc::default(),
        latest: Arc::default(),
        started,
    };
    desk.open();
    let sensor =
        tokio::spawn(sensor::watch(desk.settings.screen.presence_command.clone(), desk.events.clone()));
    let pulse = Pulse { started, answered: Arc::default(), asked: Arc::default() };
    let (served, mut serving) = mpsc::channel::<Result<()>>(1);
    let mut tick = tokio::time::interval(TICK);
    let mut refresh = tokio::time::interval(WELCOME);
    let mut shown = state.screen.clone();
    let mut asked = Some(asked);
    let mut failing: Option<Instant> = None;
    let (mut trace, mut tally, mut taste) = (Trace::default(), Tally::default(), Taste::default());
    let (mut to_head_office, mut edition) = (None, None);
    loop {
        let event = tokio::select! {
            touch = touches.recv() => match touch {
                Some(touch) => Event::Touched(touch),
                None => break,
            },
            Some(event) = happened.recv() => event,
            Some(assistant) = opening.recv() => match assistant {
                Ok(assistant) => {
                    failing = None;
                    let assistant = Arc::new(assistant);
                    tracing::info!(ms = started.elapsed().as_millis(), "the assistant is there");
                    if let Some(asked) = asked.take() {
                        desk.begin(&assistant, asked);
                        speech_service::start(&assistant, &desk.settings);
                        let line = line::start(&assistant, &desk.folders, &desk.settings);
                        let stop = line.stop_asked();
                        desk.customers = Customers::new(line.loyalty());
                        to_head_office = Some(line);
                        let (assistant, socket, served) = (Arc::clone(&assistant), socket.clone(), served.clone());
                        let pulse = pulse.clone();
                        tokio::spawn(async move {
                            let done = service::run(assistant, &socket, move || pulse.is_alive(), stop).await;
                            let _ = served.send(done).await;
                        });
                    }
                    desk.perform(vec![Command::Welcome], &state).await;
                    continue;
                }
                Err(error) => {
                    if failing.is_none() {
                        tracing::error!(error = format!("{error:#}"), "the kiosk has no catalog yet");
                    }
                    failing = Some(Instant::now());
                    Event::CatalogFailed
                }
            },
            Some(done) = serving.recv() => {
                done?;
                break;
            }
            _ = refresh.tick() => {
                if desk.hands.is_some() {
                    desk.perform(vec![Command::Welcome], &state).await;
                }
                continue;
            }
            _ = tick.tick() => {
                pulse.ask();
                if let (Some(hands), Some(visit)) = (&desk.hands, state.under_way()) {
                    // Looking around is part of the conversation, too.
                    hands.assistant.keep(&State::session(visit));
                }
                if desk.hands.is_none() {
                    // The screen says what is wrong; a restart would not help.
                    if pulse.is_alive() {
                        service::notify(&[NotifyState::Ready, NotifyState::Watchdog]);
                    }
                    if failing.is_some_and(|since| since.elapsed() >= RETRY) {
                        failing = None;
                        desk.open();
                    }
                }
                if desk.has_changed(&mut edition) { Event::CatalogChanged } else { Event::Tick }
            }
        };
        desk.follow(&event, &state, &mut trace);
        let (act, hint) = (Act::of(&event), Hint::of(&event, &state));
        let commands = state.update(event, started.elapsed());
        if commands.contains(&Command::Answered(false)) {
            trace.unsaid();
            desk.meter().iter().for_each(|meter| meter.spoken(&trace));
        }
        let (on, page) = (state.under_way(), state.screen.chrome.page);
        let visit = tally.follow(act, &commands, on, page, started.elapsed());
        for told in taste.follow(hint, &state).into_iter().chain(visit) {
            desk.meter().iter().for_each(|meter| meter.tell(told));
        }
        if desk.settings.screen.trace {
            state.screen.chrome.trace = trace.lines();
        }
        desk.visit.store(state.number(), Ordering::SeqCst);
        desk.latest.store(state.latest(), Ordering::SeqCst);
        if state.screen != shown {
            shown.clone_from(&state.screen);
            Handle.show(state.screen.clone());
        }
        desk.perform(commands, &state).await;
    }
    // Its program goes with it.
    sensor.abort();
    let code = match to_head_office {
        Some(line) => line.stop().await,
        None => ExitCode::SUCCESS,
    };
    if let Some(hands) = &desk.hands {
        hands.assistant.stop_engines().await;
    }
    if asked.is_none() {
        // Ours: the service made it.
        let _ = std::fs::remove_file(socket);
    }
    Ok(code)
}

impl Desk {
    /// Opens the catalog and all that is there with it, unless that is under way.
    fn open(&self) {
        if self.is_opening.swap(true, Ordering::SeqCst) {
            return;
        }
        let (folders, settings) = (Arc::clone(&self.folders), Arc::clone(&self.settings));
        let (opened, is_opening) = (self.opened.clone(), Arc::clone(&self.is_opening));
        tokio::spawn(async move {
            let assistant = spawn_blocking(move || {
                service::prepare(&folders, &settings)?;
                let whole = Parts { hearing: true, speaking: true };
                Assistant::open_to_run(&folders, (*settings).clone(), whole).or_else(|error| {
                    // Touch works without any model.
                    let mut settings = (*settings).clone();
                    settings.llm.enabled = false;
                    let bare = Parts { hearing: false, speaking: false };
                    let assistant = Assistant::open_to_run(&folders, settings, bare)?;
                    tracing::warn!(error = format!("{error:#}"), "the kiosk works by touch alone");
                    Ok(assistant)
                })
            });
            let assistant = assistant.await.unwrap_or_else(|error| Err(error.into()));
            is_opening.store(false, Ordering::SeqCst);
            let _ = opened.send(assistant).await;
        });
    }

    /// Sets the hands to work.
    fn begin(&mut self, assistant: &Arc<Assistant>, mut asked: mpsc::Receiver<Job>) {
        let orders = Orders::start(assistant.shared_catalog(), &self.settings);
        if orders.is_some() {
            assistant.sends_orders();
        }
        let hands = Hands { assistant: Arc::clone(assistant), settings: Arc::clone(&self.settings), orders };
        self.hands = Some(hands.clone());
        let (events, visit) = (self.events.clone(), Arc::clone(&self.visit));
        let turning = hands.clone();
        tokio::spawn(async move {
            while let Some(job) = asked.recv().await {
                let (own, visit) = (turning.clone(), Arc::clone(&visit));
                let ticket = match &job {
                    Job::Turn(ticket, _) | Job::Edit(ticket, ..) => *ticket,
                    Job::Forget(session) => {
                        own.assistant.forget(session);
                        continue;
                    }
                };
                // Who left is not served any more.
                if ticket.visit != visit.load(Ordering::SeqCst) {
                    continue;
                }
                // A turn that breaks takes itself along, not those after it.
                let done = tokio::spawn(async move {
                    match job {
                        Job::Turn(ticket, input) => own.turn(ticket.visit, input).await,
                        Job::Edit(ticket, line, by) => own.edit(ticket.visit, &line, by).await,
                        Job::Forget(_) => Answer::Failed(BROKEN.into()),
                    }
                });
                let answer = done.await.unwrap_or_else(|_| Answer::Failed(BROKEN.into()));
                let _ = events.send(Event::Answered(ticket, Box::new(answer))).await;
            }
        });
        let (events, sounds) = (self.events.clone(), Arc::clone(&self.sounds));
        let device = Some(self.settings.audio.output.as_str()).filter(|name| !name.is_empty());
        let reference = ReferenceSlot::default();
        let tell = move |told| {
            let event = match told {
                Told::Open(open) => {
                    sounds.store(open, Ordering::SeqCst);
                    tracing::info!("the loudspeaker is {}", if open { "open" } else { "gone" });
                    Event::Plugged
                }
                Told::Says(visit, text) => Event::Spoke { visit, caption: Some(text) },
                Told::Sounded(visit, at) => Event::Sounded { visit, at },
                Told::Silent(visit) => Event::Spoke { visit, caption: None },
            };
            let _ = events.blocking_send(event);
        };
        let loudspeaker = Loudspeaker::start(Arc::clone(assistant), device, Arc::clone(&reference), tell);
        self.loudspeaker = loudspeaker.map(Arc::new);
        self.loudspeaker.iter().for_each(|own| own.set_volume(VOLUME));
        if !self.settings.listening.enabled || !assistant.hears() {
            return;
        }
        let (visit, loudspeaker) = (Arc::clone(&self.visit), self.loudspeaker.clone());
        let hears = Arc::clone(&self.hears);
        match voice::begin(&hands, visit, hears, reference, loudspeaker, self.events.clone()) {
            Ok(conversation) => self.conversation = Some(conversation),
            Err(error) => tracing::error!(error = format!("{error:#}"), "the kiosk cannot be spoken to"),
        }
    }

    /// Who notes for head office, once the catalog is open.
    fn meter(&self) -> Option<&Meter> {
        self.hands.as_ref()?.assistant.meter()
    }

    /// Whether the catalog is another than `known`, which it becomes.
    fn has_changed(&self, known: &mut Option<Edition>) -> bool {
        let Some(hands) = &self.hands else { return false };
        let now = tokio::task::block_in_place(|| hands.assistant.catalog().edition()).ok();
        let changed = now.is_some() && *known != now;
        if changed {
            *known = now;
        }
        changed
    }

    /// What others than the visit need to know of an event.
    fn follow(&self, event: &Event, state: &State, trace: &mut Trace) {
        match event {
            Event::Spoke { caption, .. } => {
                self.conversation.iter().for_each(|own| own.speaks(caption.is_some()));
            }
            Event::Spoken { spoken, .. } => match spoken {
                Spoken::Found(cards) => trace.found(cards.iter().map(|card| &card.sku)),
                Spoken::Asked { moments, .. } => trace.asked(*moments),
                _ => {}
            },
            Event::Answered(ticket, answer) => match &**answer {
                Answer::Turn(turn) if state.is_spoken(ticket.turn) => {
                    trace.answered(turn.goods.goods.iter().map(|good| &good.card.sku));
                }
                Answer::Turn(turn) => self.meter().iter().for_each(|meter| meter.turn(&turn.times)),
                _ => {}
            },
            Event::Sounded { at, .. } if trace.sounded(*at) => {
                self.meter().iter().for_each(|meter| meter.spoken(trace));
                tracing::info!("a spoken turn: {}", trace.lines().replace('\n', ", "));
            }
            _ => {}
        }
    }

    /// Queues a job; one too many is answered at once.
    fn queue(&self, ticket: Ticket, job: Job) {
        if self.jobs.try_send(job).is_err() {
            let answer = Box::new(Answer::Failed(BROKEN.into()));
            let _ = self.events.try_send(Event::Answered(ticket, answer));
        }
    }

    async fn perform(&self, commands: Vec<Command>, state: &State) {
        for command in commands {
            self.do_one(command, state).await;
        }
    }

    async fn do_one(&self, command: Command, state: &State) {
        let Some(hands) = self.hands.clone() else {
            match command {
                Command::OpenCatalog => self.open(),
                Command::Check => self.check(state, String::new()),
                _ => {}
            }
            return;
        };
        let events = self.events.clone();
        match command {
            Command::OpenCatalog | Command::Welcome => {
                let sound = self.sounds.load(Ordering::SeqCst);
                let voice = self.hears.load(Ordering::SeqCst);
                let cards = self.customers.are_known();
                spawn_blocking(move || {
                    let event = match hands.welcome(voice, sound, cards) {
                        Ok(welcome) => Event::Welcomed(Box::new(welcome)),
                        // Said when it was found out.
                        Err(StoreError::Empty) => Event::CatalogFailed,
                        Err(error) => {
                            tracing::error!(%error, "the catalog cannot be read");
                            Event::CatalogFailed
                        }
                    };
                    let _ = events.blocking_send(event);
                });
            }
            Command::Ask(ticket, words) => self.queue(ticket, Job::Turn(ticket, Input::Text(words))),
            Command::AskAgain(ticket, words) => self.queue(ticket, Job::Turn(ticket, Input::Again(words))),
            Command::Call(ticket, tool) => self.queue(ticket, Job::Turn(ticket, Input::Touch(tool))),
            Command::Edit { ticket, line, by } => self.queue(ticket, Job::Edit(ticket, line, by)),
            Command::Browse(ticket, browse) => {
                let (looks, latest) = (Arc::clone(&self.looks), Arc::clone(&self.latest));
                tokio::spawn(async move {
                    let Ok(_permit) = looks.acquire_owned().await else { return };
                    // What was typed on since needs no suggestions any more.
                    let is_stale = ticket.turn != latest.load(Ordering::SeqCst);
                    if is_stale && matches!(browse, Browse::Suggest(_)) {
                        return;
                    }
                    let looked = spawn_blocking(move || hands.browse(ticket.visit, &browse)).await;
                    let answer = looked.unwrap_or_else(|_| Answer::Failed(BROKEN.into()));
                    let _ = events.send(Event::Answered(ticket, Box::new(answer))).await;
                });
            }
            Command::Renew { visit, skus, product } => {
                spawn_blocking(move || match hands.renew(visit, &skus, product.as_ref()) {
                    Ok(renewal) => {
                        let _ = events.blocking_send(Event::Renewed(visit, Box::new(renewal)));
                    }
                    Err(error) => tracing::error!(%error, "what is shown cannot be brought up to date"),
                });
            }
            Command::Place(visit, lines) => drop(tokio::spawn(ordering::place(hands, visit, lines, events))),
            Command::LookUp { visit, time, number } => self.customers.look_up(visit, time, number, events),
            Command::CallOff => self.customers.call_off(),
            Command::FillSearch(text) => Handle.fill_search(text),
            Command::Speak(visit, text) => {
                if let Some(loudspeaker) = &self.loudspeaker {
                    loudspeaker.say(visit, text);
                }
            }
            Command::Listen(call) => self.conversation.iter().for_each(|own| own.call(call)),
            Command::LetGo => self.conversation.iter().for_each(Conversation::let_go),
            Command::Leave => self.conversation.iter().for_each(Conversation::leave),
            Command::Answered(aloud) => self.conversation.iter().for_each(|own| own.answered(aloud)),
            Command::Silence => self.loudspeaker.iter().for_each(|own| own.silence()),
            Command::Volume(tenths) => self.loudspeaker.iter().for_each(|own| own.set_volume(tenths)),
            Command::Forget(session) => {
                hands.assistant.forget(&session);
                // Once more after the turn that may be under way.
                let _ = self.jobs.try_send(Job::Forget(session));
            }
            Command::Print(visit) => printer::start(visit, &self.settings.screen.print_command, events),
            Command::Check => self.check(state, String::new()),
            Command::RestartEngines => {
                let assistant = Arc::clone(&hands.assistant);
                tokio::spawn(async move {
                    assistant.stop_engines().await;
                    for trouble in assistant.warm().await {
                        tracing::warn!(%trouble, "an engine did not start again");
                    }
                });
                self.check(state, "The engines are being started again.".into());
            }
            Command::ClearAlerts => {
                let catalog = hands.assistant.catalog();
                let seen = tokio::task::block_in_place(|| {
                    let waiting =
                        catalog.alerts(ALERTS)?.into_iter().filter(|alert| alert.acknowledged_at.is_none());
                    waiting
                        .map(|alert| catalog.acknowledge_alert(alert.id, "at the kiosk", Timestamp::now()))
                        .collect::<Result<Vec<bool>, _>>()
                });
                let done = match seen {
                    Ok(seen) => format!("Calls marked as seen: {}.", seen.len()),
                    Err(error) => error.to_string(),
                };
                self.check(state, done);
            }
            Command::Feedback { thumb, reason } => {
                let (word, said) = match reason {
                    Reason::None => (None, None),
                    Reason::NotFound => (Some("not_found"), Some(Dissatisfaction::NotFound)),
                    Reason::WrongAnswer => (Some("wrong_answer"), Some(Dissatisfaction::WrongAnswer)),
                    Reason::TooSlow => (Some("too_slow"), Some(Dissatisfaction::TooSlow)),
                    Reason::NotUnderstood => (Some("not_understood"), Some(Dissatisfaction::NotUnderstood)),
                    Reason::Other => (Some("other"), Some(Dissatisfaction::Other)),
                };
                let told = Telemetry::Satisfaction { useful: thumb == Thumb::Up, reason: said };
                self.meter().iter().for_each(|meter| meter.tell(told));
                spawn_blocking(move || {
                    let kept =
                        hands.assistant.catalog().keep_feedback(thumb == Thumb::Up, word, Timestamp::now());
                    if let Err(error) = kept {
                        tracing::error!(%error, "a verdict could not be kept");
                    }
                });
            }
        }
    }

    /// Looks at everything, for the maintenance page.
    fn check(&self, state: &State, done: String) {
        let (folders, settings) = (Arc::clone(&self.folders), Arc::clone(&self.settings));
        let products = self.hands.as_ref().map_or(0, |hands| hands.assistant.info().products);
        let (events, uptime) = (self.events.clone(), self.started.elapsed());
        let before = state.screen.maintenance.clone();
        // One look at a time: the models' files are read through.
        if self.is_checking.swap(true, Ordering::SeqCst) {
            return;
        }
        let is_checking = Arc::clone(&self.is_checking);
        let engines: Vec<doctor::Check> = self.hands.iter().flat_map(|hands| hands.engines()).collect();
        tokio::spawn(async move {
            let standing = spawn_blocking(move || doctor::standing(&folders, &settings)).await;
            is_checking.store(false, Ordering::SeqCst);
            let checks: Vec<doctor::Check> =
                standing.unwrap_or_default().into_iter().chain(engines).collect();
            let check = |check: doctor::Check| {
                let health = match check.health {
                    Health::Good => maintenance::Health::Ok,
                    Health::Warning => maintenance::Health::Note,
                    Health::Fault => maintenance::Health::Fault,
                };
                let advice =
                    if check.advice.is_empty() { String::new() } else { format!(": {}", check.advice) };
                (check.name.to_owned(), check.seen + &advice, health)
            };
            let model = maintenance::Model {
                checks: checks.into_iter().map(check).collect(),
                products,
                uptime_minutes: uptime.as_secs() / 60,
                memory: resident_megabytes(),
                done,
                ..before
            };
            let _ = events.send(Event::Checked(Box::new(model))).await;
        });
    }
}

/// Memory that the process holds, in megabytes; 0 where the system does not say.
fn resident_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = kilobytes.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or(0) / 1024
}
