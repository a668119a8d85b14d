//! Head office's commands, carried out: what comes is passed to the docket, which decides, and
//! what it decides is written down and done, one after another. Waits for the disk and for
//! engines on its own task, so that nobody else does. Decides nothing.

use crate::app::assistant::Assistant;
use crate::app::doctor::{self, Health};
use crate::app::folders::Folders;
use crate::app::meter::Meter;
use crate::engines::Engine;
use crate::settings::Settings;
use crate::store::{BegunCommand, Catalog, SeenMark, StoreError};
use crate::sync::accept::Mark;
use crate::sync::commands::{Begun, Docket, Event, Order, Setup, Stored, World, told_of, update, word};
use crate::sync::mqtt::{self, Link};
use crate::sync::session::{self, Now, Session};
use crate::sync::sign::SignError;
use crate::sync::tell::Made;
use crate::sync::topics::{Site, Topic};
use crate::sync::wire::WireError;
use crate::sync::wire::command::{Action, Command, Restart};
use crate::sync::wire::event::Outcome;
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::process;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use uuid::Uuid;

/// Questions to the catalog's session that may wait.
const ASKED: usize = 8;
/// How long the machine may take to go down before that has failed.
const REBOOT_WITHIN: Duration = Duration::from_secs(120);
/// How long a pin may take to be on the disk.
const PINNED_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What is needed to carry commands out.
pub(super) struct Kit {
    pub site: Site,
    pub catalog: Arc<Catalog>,
    pub assistant: Weak<Assistant>,
    pub folders: Folders,
    pub settings: Settings,
    pub meter: Arc<Meter>,
    pub links: watch::Receiver<Option<Link>>,
    /// True: the program is to be started anew.
    pub anew: watch::Sender<bool>,
}

/// The other end, for who speaks with head office and with the session.
pub(super) struct Ports {
    /// Each list holds all that counts: of several that came the last is looked at.
    lists: watch::Sender<Bytes>,
    world: watch::Sender<World>,
    /// What the session is to be told.
    pub asked: mpsc::Receiver<session::Event>,
}

impl Ports {
    /// A list came.
    pub(super) fn hear(&self, payload: Bytes) {
        self.lists.send_replace(payload);
    }

    /// How far the session has come.
    pub(super) fn stands(&self, session: &Session) {
        let list = session.trust().map(|trust| trust.list());
        let (signed, carried) = (session.signed(), session.have().catalog.map(|(version, _)| version));
        self.world.send_if_modified(|world| {
            let keys = world.keys.as_ref().map(|keys| keys.version);
            let same =
                keys == list.map(|list| list.version) && (world.signed, world.carried) == (signed, carried);
            if !same {
                (world.keys, world.signed, world.carried) = (list.cloned(), signed, carried);
            }
            !same
        });
    }

    /// A bundle was refused.
    pub(super) fn refused(&self, version: Option<u64>, why: &str) {
        if let Some(version) = version {
            self.world.send_modify(|world| world.refused = Some((version, why.to_owned())));
        }
    }
}

/// Carries commands out.
pub(super) struct Performer {
    kit: Kit,
    docket: Docket,
    boot: String,
    lists: watch::Receiver<Bytes>,
    world: watch::Receiver<World>,
    asks: mpsc::Sender<session::Event>,
    began: Instant,
    /// Could not be written: comes before anything is begun.
    owed: Option<(Vec<SeenMark>, Vec<Uuid>)>,
}

/// Why something is not written down.
#[derive(Debug, thiserror::Error)]
enum Unwritten {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("head office would refuse it: {0}")]
    Unfit(#[from] WireError),
    #[error(transparent)]
    Broken(#[from] JoinError),
}

impl Performer {
    /// # Errors
    /// The database cannot be read, or was altered.
    pub(super) fn new(kit: Kit) -> Result<(Self, Ports), super::LineError> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot = boot.trim().to_owned();
        let setup =
            Setup { site: kit.site.clone(), may_reboot: kit.settings.sync.allow_reboot, boot: boot.clone() };
        let docket = Docket::new(setup, stored(&kit.catalog)?);
        let (send_list, lists) = watch::channel(Bytes::new());
        let (send_world, world) = watch::channel(World::default());
        let (asks, asked) = mpsc::channel(ASKED);
        let ports = Ports { lists: send_list, world: send_world, asked };
        let began = Instant::now();
        Ok((Self { kit, docket, boot, lists, world, asks, began, owed: None }, ports))
    }

    /// Until the line ends.
    pub(super) async fn run(mut self) {
        self.happened(Event::Tick).await;
        loop {
            let wake = self.docket.wake(self.now()).map(|at| self.began + at);
            let due = async { if let Some(wake) = wake { sleep_until(wake).await } else { pending().await } };
            let event = tokio::select! {
                biased;
                changed = self.world.changed() => match changed {
                    Ok(()) => Event::Stands(self.world.borrow_and_update().clone()),
                    Err(_) => return,
                },
                changed = self.lists.changed() => match changed {
                    Ok(()) => Event::Heard(self.lists.borrow_and_update().clone()),
                    Err(_) => return,
                },
                () = due => Event::Tick,
            };
            self.happened(event).await;
        }
    }

    fn now(&self) -> Now {
        Now { clock: Timestamp::now(), up: self.began.elapsed() }
    }

    /// Tells the docket, and does what it wants, until it wants no more.
    async fn happened(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = self.now();
            for order in update(&mut self.docket, event, now) {
                events.extend(self.perform(order).await);
            }
        }
    }

    async fn perform(&mut self, order: Order) -> Option<Event> {
        match order {
            Order::Remember { marks, listed } => {
                self.owed = Some((marks.iter().map(seen).collect(), listed));
                if let Err(error) = self.remember().await {
                    tracing::warn!(%error, "which commands were seen is not written down yet");
                }
                None
            }
            Order::Begin(command) => match self.begin(&command).await {
                Ok(true) => Some(self.carry_out(command).await),
                Ok(false) => Some(Event::Did(command.id, Err("it was begun before".to_owned()))),
                Err(error) => {
                    tracing::warn!(%error, "a command is not begun, since that cannot be written down");
                    Some(Event::Unwritten(command.id))
                }
            },
            Order::Do(command) => Some(self.carry_out(command).await),
            Order::Answer(outcome) => Some(self.answer(outcome).await),
            Order::Release(version) => {
                let _ = self.asks.send(session::Event::Release(version)).await;
                None
            }
            Order::ReadKeys => {
                let topic = Topic::Keys.text(&self.kit.site.tenant);
                // What is retained comes again with each subscription.
                let link = self.kit.links.borrow().clone();
                let _ = link.map(|link| link.try_send(mqtt::Order::Subscribe(topic)));
                None
            }
            Order::NotTaken(why) => {
                tracing::error!("a list of commands is not taken: {why}");
                None
            }
        }
    }

    async fn remember(&mut self) -> Result<(), Unwritten> {
        let Some((marks, listed)) = self.owed.clone() else { return Ok(()) };
        let catalog = Arc::clone(&self.kit.catalog);
        spawn_blocking(move || catalog.remember_commands(&marks, &listed)).await??;
        self.owed = None;
        Ok(())
    }

    async fn begin(&mut self, command: &Command) -> Result<bool, Unwritten> {
        self.remember().await?;
        let (catalog, boot) = (Arc::clone(&self.kit.catalog), self.boot.clone());
        let (id, what) = (command.id, word(&command.what));
        Ok(spawn_blocking(move || catalog.begin_command(id, what, &boot, Timestamp::now())).await??)
    }

    async fn answer(&self, outcome: Outcome) -> Event {
        let id = told_of(&outcome);
        match self.write(id, &outcome).await {
            Ok(is_first) => {
                if is_first {
                    self.kit.meter.wake();
                }
                Event::Answered(id)
            }
            Err(error) => {
                tracing::warn!(%error, "what became of a command is not written down yet");
                Event::Unwritten(id)
            }
        }
    }

    /// Writes an answer down, together with what head office is told. Whether it is the first.
    async fn write(&self, id: Uuid, outcome: &Outcome) -> Result<bool, Unwritten> {
        let made = Made::of(outcome, Timestamp::now())?;
        let cap = u64::from(self.kit.settings.sync.outbox_mb) << 20;
        let catalog = Arc::clone(&self.kit.catalog);
        Ok(spawn_blocking(move || catalog.answer_command(id, &made.event(), cap)).await??)
    }

    async fn carry_out(&self, command: Command) -> Event {
        let what = word(&command.what);
        tracing::info!(id = %command.id, what, "head office commands");
        let done = match command.what {
            Action::Restart { what: Restart::Engines } => self.restart_engines().await,
            Action::Restart { what: Restart::Program } => {
                self.kit.anew.send_replace(true);
                // Answered at the next start.
                pending().await
            }
            Action::Restart { what: Restart::Machine } => reboot().await,
            Action::Diagnose => self.diagnose().await,
            Action::PinVersion { version } => self.pin(version).await,
            // The session's; the docket watches them.
            Action::RotateKeys { .. } | Action::Stage { .. } => Ok(Vec::new()),
        };
        if let Err(why) = &done {
            tracing::warn!(id = %command.id, what, "a command of head office failed: {why}");
        }
        Event::Did(command.id, done)
    }

    async fn restart_engines(&self) -> Result<Vec<String>, String> {
        let assistant = self.kit.assistant.upgrade().ok_or("the kiosk is being stopped")?;
        assistant.stop_engines().await;
        let troubles = assistant.warm().await;
        if troubles.is_empty() { Ok(Vec::new()) } else { Err(troubles.join("; ")) }
    }

    async fn diagnose(&self) -> Result<Vec<String>, String> {
        let (folders, settings) = (self.kit.folders.clone(), self.kit.settings.clone());
        let checks = spawn_blocking(move || doctor::standing(&folders, &settings)).await;
        let checks = checks.map_err(|_| "looking at itself broke off")?;
        let assistant = self.kit.assistant.upgrade();
        let engines = assistant.iter().flat_map(|own| own.engines().map(engine).collect::<Vec<_>>());
        // What is wrong comes first, so that it is not what is left out.
        let mut lines: Vec<(Health, String)> = checks.iter().map(line).chain(engines).collect();
        lines.sort_by_key(|(health, _)| match health {
            Health::Fault => 0,
            Health::Warning => 1,
            Health::Good => 2,
        });
        Ok(lines.into_iter().map(|(_, line)| line).collect())
    }

    /// Good once it is on the disk: what is answered is done for ever.
    async fn pin(&self, version: Option<u64>) -> Result<Vec<String>, String> {
        let gone = |_| "the kiosk is being stopped".to_owned();
        self.asks.send(session::Event::Pin(version)).await.map_err(gone)?;
        let until = Instant::now() + PINNED_WITHIN;
        while Instant::now() < until {
            let catalog = Arc::clone(&self.kit.catalog);
            let pinned = spawn_blocking(move || catalog.remembered().map(|remembered| remembered.pinned));
            if matches!(pinned.await, Ok(Ok(pinned)) if pinned == version) {
                return Ok(Vec::new());
            }
            sleep(LOOK_EVERY).await;
        }
        Err("it cannot be written down: look at the disk".to_owned())
    }
}

/// A check as a line of an answer.
fn line(check: &doctor::Check) -> (Health, String) {
    (check.health, format!("{} {}: {}", mark(check.health), check.name, check.seen))
}

fn engine(own: &Engine) -> (Health, String) {
    use crate::engines::EngineState;
    let status = own.status();
    let health = match status.state {
        EngineState::Failed => Health::Fault,
        EngineState::BackingOff => Health::Warning,
        _ => Health::Good,
    };
    let (name, state, restarts) = (own.name(), status.state.name(), status.restarts);
    (health, format!("{} engine: {name} is {state}, restarted {restarts} times", mark(health)))
}

fn mark(health: Health) -> &'static str {
    match health {
        Health::Good => "ok",
        Health::Warning => "warning",
        Health::Fault => "FAULT",
    }
}

/// Asks the system to restart the machine; comes back only where that fails.
async fn reboot() -> Result<Vec<String>, String> {
    let asked = process::Command::new("systemctl").args(["--no-ask-password", "reboot"]).output().await;
    let output = asked.map_err(|error| format!("systemctl cannot be run: {error}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let last = words.lines().last().unwrap_or_default();
        return Err(format!("the system does not restart ({last}): let Aisle's user do it, see README"));
    }
    let _ = timeout(REBOOT_WITHIN, pending::<()>()).await;
    Err("the system said that it would restart, and did not".to_owned())
}

fn seen(mark: &Mark) -> SeenMark {
    let Mark { scope, key, version, digest } = mark;
    SeenMark { scope: scope.clone(), key: key.to_string(), version: *version, digest: *digest }
}

fn stored(catalog: &Catalog) -> Result<Stored, super::LineError> {
    let known = catalog.known_commands()?;
    let mark = |SeenMark { scope, key, version, digest }: SeenMark| {
        Ok(Mark { scope, key: key.parse()?, version, digest })
    };
    let marks = known.marks.into_iter().map(mark).collect::<Result<_, SignError>>()?;
    let begun = known.begun.into_iter().map(|BegunCommand { id, what, boot }| Begun { id, what, boot });
    Ok(Stored { marks, answered: known.answered.into_iter().collect(), begun: begun.collect() })
}
