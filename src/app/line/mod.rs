//! The kiosk's line to head office while it runs: the uplink with the outbox, the catalog on
//! its way down, and what the kiosk says of itself. Without a broker in the settings there is
//! none, and what is to be told waits in the outbox; a line that fails never stops the kiosk.
//!
//! ```text
//! broker <-> uplink -> down -> session (pure) -> down -> ingest -> catalog
//!              ^         +---> commands: what head office asks, carried out
//! meter -> outbox        report -> status        engines, health -> meter
//! loyalty: a customer's number, up and answered, past the outbox
//! point of sale: HTTP, or broker <-> uplink -> down -> till -> counts and outbox
//! ```

mod commands;
mod down;
mod engines;
mod health;
pub mod loyalty;
mod report;
mod setup;

pub use setup::{Setup, SetupError};

use super::assistant::Assistant;
use super::folders::Folders;
use super::machine::{Machine, room};
use super::meter::Meter;
use super::pos::{self, Pos};
use crate::settings::Settings;
use crate::store::StoreError;
use crate::sync::ingest::{Ingest, IngestError};
use crate::sync::mqtt::Arrival;
use crate::sync::pack::Limits;
use crate::sync::pump;
use crate::sync::session::{self, Session};
use crate::sync::sign::SignError;
use crate::sync::uplink::{self, Standing, Uplink};
use crate::sync::wire::event::Telemetry;
use crate::sync::wire::{Version, WireError};
use commands::Performer;
use down::{Down, Others};
use health::Wrong;
use loyalty::Loyalty;
use report::Reporter;
use std::future::pending;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// What the uplink may tell before the way down takes it.
const WAITING: usize = 64;
/// How long a stop waits for a bundle that is being taken into use.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// With what the program ends to be started anew: whatever a service is told to do of itself, it
/// is told apart from an end that somebody wanted (sysexits.h: EX_TEMPFAIL).
const ANEW: u8 = 75;

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ingest(#[from] IngestError),
    #[error("what state.db remembers of head office cannot be read ({0}): bring back a copy of it")]
    Altered(#[from] SignError),
    #[error("this program's version is no version: {0}")]
    Version(#[from] WireError),
}

/// The line of one kiosk.
pub struct Line {
    uplink: Option<Uplink>,
    down: Option<JoinHandle<()>>,
    commands: Option<JoinHandle<()>>,
    /// Watch engines and machine.
    watchers: Vec<JoinHandle<()>>,
    meter: Arc<Meter>,
    loyalty: Option<Loyalty>,
    pos: Pos,
    /// Head office wants the program to be started anew.
    anew: watch::Sender<bool>,
}

/// Begins to note what head office is to be told, and to speak with it where the settings say
/// so, in the runtime that this is called in. What is in the way is logged.
#[must_use]
pub fn start(assistant: &Arc<Assistant>, folders: &Folders, settings: &Settings) -> Line {
    let room = room(&folders.data, settings);
    let meter = Meter::start(assistant.shared_catalog(), settings.sync.outbox_mb, room);
    if let Ok(program) = program() {
        meter.tell(Telemetry::Started { program });
    }
    assistant.note_with(Arc::clone(&meter));
    let anew = watch::Sender::new(false);
    let mut watchers = engines::watch(assistant, &meter);
    let (machine, wrong) = (Machine::new(&folders.data, settings), Wrong::default());
    let every = Duration::from_secs(settings.machine.health_seconds.into());
    let watch_health = health::watch(machine.clone(), Arc::clone(&wrong), Arc::clone(&meter), every);
    watchers.push(tokio::spawn(watch_health));
    let (pos, sales) = pos::start(assistant.shared_catalog(), settings, &meter);
    let opened = open(assistant, folders, settings, (machine, wrong), &meter, sales, &anew);
    let opened = opened.unwrap_or_else(|error| {
        tracing::error!("no line to head office: {error}");
        None
    });
    let mut line =
        Line { uplink: None, down: None, commands: None, watchers, meter, loyalty: None, pos, anew };
    if let Some(Open { uplink, down, commands, loyalty }) = opened {
        line.meter.wakes(uplink.waker());
        tokio::spawn(watch(uplink.standing()));
        (line.uplink, line.down, line.commands) = (Some(uplink), Some(down), Some(commands));
        line.loyalty = loyalty;
    }
    if settings.loyalty.enabled && line.loyalty.is_none() {
        tracing::warn!("customer cards cannot be used without a line to head office: see [sync]");
    }
    line
}

/// What a line is made of.
struct Open {
    uplink: Uplink,
    down: JoinHandle<()>,
    commands: JoinHandle<()>,
    loyalty: Option<Loyalty>,
}

fn program() -> Result<Version, WireError> {
    env!("CARGO_PKG_VERSION").parse()
}

fn open(
    assistant: &Arc<Assistant>,
    folders: &Folders,
    settings: &Settings,
    (machine, wrong): (Machine, Wrong),
    meter: &Arc<Meter>,
    sales: Option<mpsc::Sender<Arrival>>,
    anew: &watch::Sender<bool>,
) -> Result<Option<Open>, LineError> {
    let sync = &settings.sync;
    let Some(Setup { mut connection, site, anchor }) = Setup::read(sync)? else { return Ok(None) };
    let (catalog, program, data) = (assistant.shared_catalog(), program()?, folders.data.as_path());
    let staging = u64::from(sync.staging_mb) << 20;
    let ingest = Ingest::open(Arc::clone(&catalog), data, staging, Limits::default(), program)?
        .with_room(room(data, settings));
    let way = session::Setup {
        site: site.clone(),
        anchor,
        program,
        limits: Limits::default(),
        pace: session::Pace {
            spread: Duration::from_secs(sync.spread_seconds.into()),
            ..session::Pace::default()
        },
        seed: fastrand::u64(..),
    };
    let session = Session::new(way, ingest.stored()?)?;
    if let Some(signed) = session.signed() {
        // It is later than that, whatever the clock says.
        connection.tls = connection.tls.not_before(signed);
    }
    let reporter = Reporter::new(program, site.group.clone(), machine, wrong, Arc::downgrade(assistant));
    let reporter = Arc::new(reporter);
    let (passes, told) = mpsc::channel(WAITING);
    let describes = Arc::clone(&reporter);
    let uplink = uplink::start(uplink::Options {
        connection,
        site: site.clone(),
        catalog: Arc::clone(&catalog),
        describe: Arc::new(move |backlog| describes.report(backlog)),
        pace: pump::Pace::default(),
        status_every: Duration::from_secs(sync.status_seconds.into()),
        others: Some(passes),
    });
    let (performer, ports) = Performer::new(commands::Kit {
        site: site.clone(),
        catalog,
        assistant: Arc::downgrade(assistant),
        folders: folders.clone(),
        settings: settings.clone(),
        meter: Arc::clone(meter),
        links: uplink.links(),
        anew: anew.clone(),
    })?;
    let (asks, replies) = loyalty::start(site.clone(), uplink.links(), uplink.standing());
    let loyalty = settings.loyalty.enabled.then_some(asks);
    let others = Others { replies, till: sales };
    let down = Down::new(session, site, uplink.links(), Arc::clone(meter), reporter, ports, others);
    let (down, commands) = (tokio::spawn(down.run(ingest, told)), tokio::spawn(performer.run()));
    Ok(Some(Open { uplink, down, commands, loyalty }))
}

/// Logs how the line stands, when that changes.
async fn watch(mut standing: watch::Receiver<Standing>) {
    let mut before = Standing::default();
    while standing.changed().await.is_ok() {
        let now = standing.borrow_and_update().clone();
        match (&now.trouble, now.is_up) {
            (Some(trouble), _) if before.trouble.as_ref() != Some(trouble) => {
                tracing::warn!("head office: {trouble}");
            }
            (None, true) if !before.is_up => tracing::info!("head office answers"),
            _ => {}
        }
        before = now;
    }
}

impl Line {
    /// To look customers up, where that is wanted.
    #[must_use]
    pub fn loyalty(&self) -> Option<Loyalty> {
        self.loyalty.clone()
    }

    /// Ends when head office wants the program to be started anew.
    pub fn stop_asked(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut anew = self.anew.subscribe();
        async move {
            if anew.wait_for(|anew| *anew).await.is_err() {
                pending::<()>().await;
            }
        }
    }

    /// Writes down what is still counted, says goodbye, and stops. With what the program ends.
    pub async fn stop(mut self) -> ExitCode {
        let meter = Arc::clone(&self.meter);
        self.pos.close().await;
        // What was begun is answered at the next start.
        self.commands.iter().chain(&self.watchers).for_each(JoinHandle::abort);
        // What it writes down now is told at the next start.
        let _ = tokio::task::spawn_blocking(move || meter.stop()).await;
        if let Some(uplink) = self.uplink {
            uplink.stop().await;
        }
        if let Some(down) = self.down
            && timeout(STOP_WITHIN, down).await.is_err()
        {
            tracing::warn!("a catalog was being taken into use; it is tried again at the next start");
        }
        self.pos.stop().await;
        if *self.anew.borrow() { ExitCode::from(ANEW) } else { ExitCode::SUCCESS }
    }
}
