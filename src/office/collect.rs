//! Owns the collecting of what kiosks tell: it comes over a subscription that several collectors
//! share, is written into office.db, and is acknowledged after the commit, by its ids. A collector
//! may die at any time: what it had not written down, or not acknowledged, the kiosks send again,
//! and what comes twice counts once. Never asks a kiosk for anything.
//!
//! ```text
//! broker -> mqtt -> task -> Job -> filing thread (SQL) -> Ack -> task -> mqtt -> broker
//! ```

use super::filing;
use super::running::Running;
use super::status;
use crate::store::{Filed, Office, OfficeBatch};
use crate::sync::mqtt::{self, Arrival, Inbox, Link, Message, Order, Told};
use crate::sync::topics::{Line, Name, Topic, office_filter};
use crate::sync::wire;
use crate::sync::wire::event::Ack;
use jiff::Timestamp;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TryRecvError};
use tokio::sync::watch;

/// Messages that may wait to be written down; more are held back by the broker.
const JOBS: usize = 64;
/// Messages that one transaction takes at most.
const TOGETHER: usize = 32;
/// Acknowledgements that may wait to be sent. More are left out: the kiosks ask again.
const ACKS: usize = 1_024;
/// How long the filing rests after the database could not be written.
const REST: Duration = Duration::from_secs(1);
/// The lines that carry batches.
const LINES: [Line; 4] = [Line::Order, Line::Inventory, Line::Outcome, Line::Telemetry];

/// Told of each commit before it is acknowledged. Called on the filing thread.
pub type Watching = Arc<dyn Fn(&Filed) + Send + Sync>;

/// What a collector needs.
pub struct Options {
    /// Broker, encryption and limits; a user of its own for each collector, since the broker
    /// lets one user in once. Subscriptions are filled in here.
    pub connection: mqtt::Options,
    pub tenant: Name,
    /// Collectors of this name share the load.
    pub share: Name,
    pub office: Arc<Office>,
    pub watching: Option<Watching>,
}

/// What a collector did since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    pub is_up: bool,
    pub batches: u64,
    /// Events written down.
    pub new: u64,
    /// Events that had been written down before.
    pub repeated: u64,
    /// Events refused by their ids.
    pub refused: u64,
    /// Messages that could not be read at all.
    pub unreadable: u64,
    /// Messages that were left to come again, since the database could not be written.
    pub failed: u64,
}

/// A collector. Stopped, it writes down and acknowledges what came.
pub type Collector = Running<Figures>;

/// Begins to collect, in the runtime that this is called in.
///
/// # Panics
/// Outside of a Tokio runtime.
#[must_use]
pub fn start(options: Options) -> Collector {
    let Options { mut connection, tenant, share, office, watching } = options;
    let lines = LINES.into_iter().map(|line| office_filter(&tenant, line, Some(&share)));
    // Statuses are retained, and each collector may write them: they are not shared.
    connection.subscriptions = lines.chain([office_filter(&tenant, Line::Status, None)]).collect();
    connection.presence = None;
    let (link, inbox) = mqtt::open(connection);
    let (stop, stopped) = watch::channel(false);
    let (counted, figures) = watch::channel(Figures::default());
    let (jobs, asked) = mpsc::channel(JOBS);
    let (acks, answers) = mpsc::channel(ACKS);
    let thread = Thread { tenant: tenant.clone(), office, watching, counted: counted.clone() };
    thread::spawn(move || thread.run(asked, &acks));
    let task = tokio::spawn(run(link, inbox, tenant, jobs, answers, stopped, counted));
    Running { task, stop, figures }
}

/// A message to be written down.
enum Job {
    Batch { store: Name, kiosk: Name, line: Line, payload: bytes::Bytes },
    Status { store: Name, kiosk: Name, is_retained: bool, payload: bytes::Bytes },
}

async fn run(
    link: Link,
    mut inbox: Inbox,
    tenant: Name,
    jobs: Sender<Job>,
    mut answers: Receiver<Message>,
    mut stopped: watch::Receiver<bool>,
    counted: watch::Sender<Figures>,
) {
    // While a job waits for room nothing is taken from the inbox, and the broker holds the rest
    // back. The filing thread never waits for this task, so that there is always room again.
    let mut waiting: Option<Job> = None;
    // An acknowledgement that the connection had no room for.
    let mut held: Option<Order> = None;
    loop {
        if let Some(order) = held.take() {
            held = give(&link, order);
        }
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => break,
            told = inbox.next(), if waiting.is_none() => match told {
                Some(told) => waiting = take(told, &tenant, &counted),
                None => return,
            },
            Ok(room) = jobs.reserve(), if waiting.is_some() => {
                if let Some(job) = waiting.take() {
                    room.send(job);
                }
            }
            answer = answers.recv(), if held.is_none() => match answer {
                Some(answer) => held = give(&link, Order::Publish(0, answer)),
                None => {
                    tracing::error!("nothing is written down any more: restart the collector");
                    return;
                }
            },
        }
    }
    // What has come is written down and answered while the connection still stands; what comes
    // meanwhile comes again, to others.
    if let Some(job) = waiting {
        let _ = jobs.try_send(job);
    }
    drop(jobs);
    loop {
        tokio::select! {
            biased;
            told = inbox.next() => if told.is_none() { return },
            answer = answers.recv() => match answer {
                Some(answer) => drop(link.try_send(Order::Publish(0, answer))),
                None => break,
            },
        }
    }
    let _ = link.try_send(Order::Stop);
    while inbox.next().await.is_some() {}
}

/// Gives an order; comes back with it when there is no room.
fn give(link: &Link, order: Order) -> Option<Order> {
    match link.try_send(order.clone()) {
        Err(mqtt::Unsent::Full) => Some(order),
        Ok(()) | Err(mqtt::Unsent::Closed) => None,
    }
}

/// What the connection tells; a message to be written down.
fn take(told: Told, tenant: &Name, counted: &watch::Sender<Figures>) -> Option<Job> {
    match told {
        Told::Arrived(arrival) => job(arrival, tenant),
        Told::Up { .. } => {
            counted.send_modify(|figures| figures.is_up = true);
            None
        }
        Told::Down { .. } => {
            counted.send_modify(|figures| figures.is_up = false);
            None
        }
        Told::Refused { why, .. } if why.is_lasting() => {
            tracing::error!("acknowledgements are refused: {why}");
            None
        }
        Told::SubscribeRefused { filter, why } => {
            tracing::error!(filter, "the kiosks cannot be heard: {why}");
            None
        }
        _ => None,
    }
}

fn job(arrival: Arrival, tenant: &Name) -> Option<Job> {
    let Arrival { topic, payload, retain, .. } = arrival;
    let (whose, Topic::Kiosk { store, kiosk, line }) = Topic::parse(&topic).ok()? else { return None };
    match line {
        _ if whose != *tenant => None,
        Line::Status => Some(Job::Status { store, kiosk, is_retained: retain, payload }),
        // A batch is never retained; mosquitto 2.0.11 passes what somebody retained by mistake on
        // to each new sharer.
        line if LINES.contains(&line) && !retain => Some(Job::Batch { store, kiosk, line, payload }),
        _ => None,
    }
}

/// What writes down.
struct Thread {
    tenant: Name,
    office: Arc<Office>,
    watching: Option<Watching>,
    counted: watch::Sender<Figures>,
}

impl Thread {
    /// Takes what waits, writes it down together, answers, and so on until nobody asks any more.
    fn run(&self, mut asked: Receiver<Job>, acks: &Sender<Message>) {
        while let Some(first) = asked.blocking_recv() {
            let mut jobs = vec![first];
            while jobs.len() < TOGETHER {
                match asked.try_recv() {
                    Ok(job) => jobs.push(job),
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
            if acks.is_closed() {
                return;
            }
            self.file(jobs, acks);
        }
    }

    fn file(&self, jobs: Vec<Job>, acks: &Sender<Message>) {
        let now = Timestamp::now();
        let mut batches: Vec<OfficeBatch> = Vec::new();
        let mut answers: Vec<Message> = Vec::new();
        let (mut unreadable, mut refused) = (0, 0);
        for job in jobs {
            match job {
                Job::Batch { store, kiosk, line, payload } => {
                    match filing::read(&store, &kiosk, line, &payload) {
                        Ok(filed) => {
                            refused += filed.ack.refused.len() as u64;
                            batches.push(filed.batch);
                            answers.extend(self.answer(store, kiosk, &filed.ack));
                        }
                        Err(error) => {
                            unreadable += 1;
                            tracing::warn!(%store, %kiosk, "a message was passed over: {error}");
                        }
                    }
                }
                Job::Status { store, kiosk, is_retained, payload } => {
                    self.hear(&store, &kiosk, is_retained, &payload, now);
                }
            }
        }
        let filed = if batches.is_empty() { Ok(Filed::default()) } else { self.office.file(&batches, now) };
        let failed = if filed.is_err() { batches.len() as u64 } else { 0 };
        match filed {
            Ok(filed) => {
                self.counted.send_modify(|figures| {
                    figures.batches += batches.len() as u64;
                    figures.new += filed.new;
                    figures.repeated += filed.repeated;
                    figures.refused += refused;
                    figures.unreadable += unreadable;
                });
                if let Some(watching) = &self.watching
                    && !batches.is_empty()
                {
                    watching(&filed);
                }
                for answer in answers {
                    // Without room it is left out: the kiosk sends again, and is answered then.
                    let _ = acks.try_send(answer);
                }
            }
            Err(error) => {
                self.counted.send_modify(|figures| figures.failed += failed);
                tracing::error!("nothing is acknowledged, and all of it will come again: {error}");
                thread::sleep(REST);
            }
        }
    }

    fn answer(&self, store: Name, kiosk: Name, ack: &Ack) -> Option<Message> {
        let topic = Topic::Kiosk { store, kiosk, line: Line::Ack }.text(&self.tenant);
        match wire::write(ack) {
            Ok(payload) => Some(Message { topic, payload: payload.into(), ..Message::default() }),
            Err(error) => {
                tracing::error!("an acknowledgement cannot be written: {error}");
                None
            }
        }
    }

    fn hear(&self, store: &Name, kiosk: &Name, is_retained: bool, payload: &[u8], now: Timestamp) {
        let heard = match status::read(store, kiosk, is_retained, payload, now) {
            Ok(row) => self.office.hear(&row).map(drop).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = heard {
            tracing::warn!(%store, %kiosk, "a status was passed over: {why}");
        }
    }
}
