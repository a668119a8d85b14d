//! Owns the kiosk's end of the line to head office while it runs: the connection, the pump and
//! the outbox brought together, and the kiosk's status. Carries out; what goes when is decided in
//! [`super::pump`], and what else head office says is passed on unread.
//!
//! ```text
//! broker <-> mqtt -> Told -> task -> pump -> Command -> outbox thread (SQL) -> task
//! ```
//!
//! The task that empties the inbox never waits for the outbox: a thread of its own does all SQL,
//! one job after the other. All that waits in between is bounded.

use super::batch;
use super::mqtt::{self, Inbox, Link, Message, Order, Presence, Session, Told};
use super::pump::{self, Command, Event, Pace, Pump};
use super::tell::tell_dropped;
use super::topics::{Line, Site};
use super::wire;
use super::wire::event::Ack;
use super::wire::status::{Backlog, Report, Status};
use crate::store::{Catalog, Lane, OutboxIdentity, StoreError, Waiting};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};
use uuid::Uuid;

/// Answers of the outbox's thread that may wait to be taken.
const ANSWERS: usize = 8;
/// What may wait for those who are told the rest, before the inbox is left to fill.
const PASSING: usize = 64;
/// Ids that may wait to be taken out. More are forgotten: their events go again, and are
/// answered again.
const REMOVING: usize = 8_192;
/// Jobs that may wait; beyond them answers are forgotten, as above.
const WAITING_JOBS: usize = 64;
/// How long a stop waits for the outbox's thread.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// How long is waited before an outbox that cannot be opened is tried again.
const REOPEN_AFTER: Duration = Duration::from_secs(10);
/// Ids of the messages of this module's; those of others are smaller.
const OWN: mqtt::Id = 1 << 63;
/// The status is one of them; batches count from the next.
const STATUS: mqtt::Id = OWN;

/// Describes the kiosk, given what waits for head office. Called on a thread that may block.
pub type Describe = Arc<dyn Fn(Backlog) -> Report + Send + Sync>;

/// What the line needs.
pub struct Options {
    /// Broker, encryption and limits. Presence, subscriptions and epoch are filled in here.
    pub connection: mqtt::Options,
    /// Where the kiosk stands.
    pub site: Site,
    /// Holds the outbox.
    pub catalog: Arc<Catalog>,
    pub describe: Describe,
    pub pace: Pace,
    /// How often the status is told anew: 60 s as a rule.
    pub status_every: Duration,
    /// Who is told of everything but the outbox's own messages and answers.
    pub others: Option<Sender<Told>>,
}

/// How the line stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    pub is_up: bool,
    /// What keeps it from being up, or from sending; one line for a person.
    pub trouble: Option<String>,
}

/// The handle. Dropped, everything stops where it is; what waits stays in the outbox.
pub struct Uplink {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
    grew: Arc<Notify>,
    standing: watch::Receiver<Standing>,
    link: watch::Receiver<Option<Link>>,
}

/// Says that something was put into the outbox. Without it, it goes at the next look.
#[derive(Debug, Clone)]
pub struct Waker(Arc<Notify>);

impl Waker {
    /// Call it after the transaction is committed. Never blocks.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// Begins to connect and to send, in the runtime that this is called in.
///
/// # Panics
/// Outside of a Tokio runtime.
#[must_use]
pub fn start(options: Options) -> Uplink {
    let (stop, stopped) = watch::channel(false);
    let (said, standing) = watch::channel(Standing::default());
    let (opened, link) = watch::channel(None);
    let grew = Arc::new(Notify::new());
    let task = tokio::spawn(run(options, stopped, grew.clone(), said, opened));
    Uplink { task, stop, grew, standing, link }
}

impl Uplink {
    /// For those who put something into the outbox.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(self.grew.clone())
    }

    /// How the line stands, now and later.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// To send and subscribe over the same connection, once it is opened. Ids of messages are
    /// below 2^63; their answers go to [`Options::others`].
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        self.link.borrow().clone()
    }

    /// The same, now and later, for who is started with it.
    #[must_use]
    pub fn links(&self) -> watch::Receiver<Option<Link>> {
        self.link.clone()
    }

    /// Says goodbye and stops, within a few seconds. Answers that come meanwhile still count.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for Uplink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the outbox's thread is asked.
enum Job {
    Read { lane: Lane, most: usize, bytes: usize },
    Remove { taken: Vec<Uuid>, refused: Vec<(Uuid, String)> },
    Report,
}

enum Answer {
    Read {
        lane: Lane,
        rows: Vec<Waiting>,
    },
    Removed,
    Failed(StoreError),
    /// `grew`: what was dropped is now told of, by an event.
    Report {
        report: Box<Report>,
        grew: bool,
    },
}

/// The newest description, for statuses that are made between two.
type Latest = Arc<Mutex<Report>>;

async fn run(
    options: Options,
    mut stopped: watch::Receiver<bool>,
    grew: Arc<Notify>,
    said: watch::Sender<Standing>,
    opened: watch::Sender<Option<Link>>,
) {
    let Options { mut connection, site, catalog, describe, pace, status_every, others } = options;
    let (identity, report) = loop {
        let (catalog, describe) = (catalog.clone(), describe.clone());
        let begun = spawn_blocking(move || {
            let identity = catalog.begin_outbox()?;
            Ok::<_, StoreError>((identity, describe(backlog(&catalog)?)))
        });
        let why = match begun.await {
            Ok(Ok(begun)) => break begun,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!("the outbox cannot be used: {why}");
        said.send_replace(Standing { is_up: false, trouble: Some(why) });
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = sleep(REOPEN_AFTER) => {}
        }
    };
    let latest = Arc::new(Mutex::new(report));
    let start = Uuid::new_v4().as_u64_pair().0;
    let topic = site.own(Line::Status).text(&site.tenant);
    connection.epoch = identity.starts;
    connection.subscriptions = site.filters();
    let speaks = latest.clone();
    let status: mqtt::Status =
        Arc::new(move |session, online| status(&speaks, start, session, online).into());
    connection.presence = Some(Presence { topic: topic.clone(), status: status.clone() });
    let (link, inbox) = mqtt::open(connection);
    opened.send_replace(Some(link.clone()));
    let (jobs, asked) = mpsc::channel(1);
    let (answer, answers) = mpsc::channel(ANSWERS);
    thread::spawn(move || keep_outbox(&catalog, &describe, asked, &answer));
    let line = Running {
        pump: Pump::new(pace, fastrand::u64(..)),
        begun: Instant::now(),
        identity,
        ack: site.own(Line::Ack).text(&site.tenant),
        site,
        topic,
        status,
        latest,
        session: None,
        link,
        todo: VecDeque::new(),
        passing: VecDeque::new(),
        others,
        said,
    };
    line.run(inbox, jobs, answers, stopped, &grew, status_every).await;
}

fn status(latest: &Latest, start: u64, session: Session, online: bool) -> Vec<u8> {
    let connection = Uuid::from_u64_pair(start, session.number);
    let report = || {
        let report = latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // However it was worded, it shall not cost the rest of the status.
        Report { problem: report.problem.as_deref().and_then(wire::one_line), ..report }
    };
    let status =
        if online { Status { connection, online, report: Some(report()) } } else { Status::gone(connection) };
    wire::write(&status).unwrap_or_else(|error| {
        tracing::error!("the status cannot be told: {error}");
        Vec::new()
    })
}

/// What waits for head office.
fn backlog(catalog: &Catalog) -> Result<Backlog, StoreError> {
    let state = catalog.outbox()?;
    let oldest = state.oldest.and_then(|oldest| oldest.parse::<Timestamp>().ok());
    let age = oldest.map_or(0, |oldest| Timestamp::now().duration_since(oldest).as_secs().max(0));
    let dropped = state.dropped.iter().map(|(_, count)| count).sum();
    Ok(Backlog { waiting: state.waiting, oldest_s: age.unsigned_abs(), dropped })
}

/// Does one job after the other, until nobody asks any more.
fn keep_outbox(catalog: &Catalog, describe: &Describe, mut asked: Receiver<Job>, answer: &Sender<Answer>) {
    while let Some(job) = asked.blocking_recv() {
        let done = match job {
            Job::Read { lane, most, bytes } => {
                catalog.waiting_events(lane, 0, most, bytes).map(|rows| Answer::Read { lane, rows })
            }
            Job::Remove { taken, refused } => catalog
                .acknowledge_events(&taken)
                .and_then(|_| if refused.is_empty() { Ok(0) } else { catalog.refuse_events(&refused) })
                .map(|_| Answer::Removed),
            Job::Report => {
                // On a full disk too head office hears how the kiosk is.
                let told = tell_dropped(catalog, Timestamp::now()).unwrap_or_else(|error| {
                    tracing::warn!(%error, "that events were dropped is told later");
                    0
                });
                backlog(catalog)
                    .map(|backlog| Answer::Report { report: Box::new(describe(backlog)), grew: told > 0 })
            }
        };
        if answer.blocking_send(done.unwrap_or_else(Answer::Failed)).is_err() {
            break;
        }
    }
}

struct Running {
    pump: Pump,
    begun: Instant,
    identity: OutboxIdentity,
    site: Site,
    /// Where the status stands.
    topic: String,
    /// Where answers come.
    ack: String,
    status: mqtt::Status,
    latest: Latest,
    /// There is a connection.
    session: Option<Session>,
    link: Link,
    /// What the outbox's thread is to do next.
    todo: VecDeque<Job>,
    /// What others are to be told next.
    passing: VecDeque<Told>,
    others: Option<Sender<Told>>,
    said: watch::Sender<Standing>,
}

impl Running {
    async fn run(
        mut self,
        mut inbox: Inbox,
        jobs: Sender<Job>,
        mut answers: Receiver<Answer>,
        mut stopped: watch::Receiver<bool>,
        grew: &Notify,
        status_every: Duration,
    ) {
        let mut beat = interval(status_every);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_stopping = false;
        loop {
            let due = self.pump.next().map(|at| self.begun + at);
            let tick = async { if let Some(due) = due { sleep_until(due).await } else { pending().await } };
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped), if !is_stopping => {
                    is_stopping = true;
                    let _ = self.link.try_send(Order::Stop);
                }
                told = inbox.next(), if is_stopping || self.passing.len() < PASSING => match told {
                    Some(told) => self.take(told),
                    None => break,
                },
                answer = answers.recv() => match answer {
                    Some(answer) => self.answered(answer),
                    None => {
                        self.stands(Some("the outbox is not kept any more: restart the program".into()));
                        break;
                    }
                },
                Ok(room) = jobs.reserve(), if !self.todo.is_empty() => {
                    if let Some(job) = self.todo.pop_front() {
                        room.send(job);
                    }
                }
                () = pass_on(self.others.as_ref(), &mut self.passing), if !self.passing.is_empty() => {}
                () = grew.notified(), if !is_stopping => self.happened(Event::Grew),
                _ = beat.tick(), if self.session.is_some() && !is_stopping => self.ask(Job::Report),
                () = tick, if !is_stopping => self.happened(Event::Tick),
            }
        }
        if timeout(STOP_WITHIN, self.finish(jobs, answers)).await.is_err() {
            tracing::warn!("the outbox did not answer in time; what was acknowledged last goes again");
        }
    }

    /// Has taken out what was answered last, so that it need not go again.
    async fn finish(mut self, jobs: Sender<Job>, mut answers: Receiver<Answer>) {
        self.todo.retain(|job| matches!(job, Job::Remove { .. }));
        let mut jobs = Some(jobs);
        loop {
            if self.todo.is_empty() {
                jobs = None;
            }
            tokio::select! {
                answer = answers.recv() => if answer.is_none() {
                    return;
                },
                Some(room) = async { jobs.as_ref()?.reserve().await.ok() } => {
                    if let Some(job) = self.todo.pop_front() {
                        room.send(job);
                    }
                }
            }
        }
    }

    fn stands(&self, trouble: Option<String>) {
        let now = Standing { is_up: self.session.is_some(), trouble };
        self.said.send_if_modified(|said| std::mem::replace(said, now.clone()) != now);
    }

    /// What the connection tells.
    fn take(&mut self, told: Told) {
        match told {
            Told::Arrived(arrival) if arrival.topic == self.ack => {
                // A retained one is somebody's mistake, and old.
                if !arrival.retain {
                    self.acknowledged(&arrival.payload);
                }
            }
            Told::Published { id } if id >= OWN => {}
            Told::Refused { id, why } if id >= OWN => {
                if id != STATUS {
                    if why.is_lasting() {
                        tracing::warn!("the broker does not take what head office is to be told: {why}");
                        self.stands(Some(why.to_string()));
                    }
                    self.happened(Event::Unsent { id: id - OWN, lasting: why.is_lasting() });
                }
            }
            told => {
                match &told {
                    Told::Up { session } => {
                        self.session = Some(*session);
                        self.stands(None);
                        self.ask(Job::Report);
                        self.happened(Event::Up);
                    }
                    Told::Down { why, .. } => {
                        self.session = None;
                        self.stands(Some(why.to_string()));
                        self.happened(Event::Down);
                    }
                    Told::StatusRefused { why } => self.stands(Some(why.to_string())),
                    _ => {}
                }
                if self.others.is_some() {
                    self.passing.push_back(told);
                }
            }
        }
    }

    fn acknowledged(&mut self, payload: &[u8]) {
        match wire::read::<Ack>(payload) {
            Ok(Ack { taken, refused }) => {
                self.stands(None);
                let refused: Vec<_> = refused.into_iter().map(|one| (one.id, one.why)).collect();
                if let Some((id, why)) = refused.first() {
                    tracing::warn!(%id, refused = refused.len(), "head office refuses events: {why}");
                }
                self.happened(Event::Answered { taken, refused });
            }
            Err(error) => tracing::warn!("an answer of head office was passed over: {error}"),
        }
    }

    /// What the outbox's thread answers.
    fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Read { lane, rows } => self.happened(Event::Read { lane, rows }),
            Answer::Removed => self.happened(Event::Removed),
            Answer::Failed(error) => {
                tracing::error!("the outbox cannot be used: {error}");
                self.stands(Some(error.to_string()));
                self.happened(Event::Failed);
            }
            Answer::Report { report, grew } => {
                if grew {
                    self.happened(Event::Grew);
                }
                *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = *report;
                let Some(session) = self.session else { return };
                let payload = (self.status)(session, true);
                let topic = self.topic.clone();
                let message = Message { topic, payload, retain: true, ..Message::default() };
                // Where there is no room for it now, the next one will do.
                let _ = self.link.try_send(Order::Publish(STATUS, message));
            }
        }
    }

    fn happened(&mut self, event: Event) {
        let now = self.begun.elapsed();
        for command in pump::update(&mut self.pump, event, now) {
            match command {
                Command::Read { lane, most, bytes } => self.ask(Job::Read { lane, most, bytes }),
                Command::Remove { taken, refused } => self.ask(Job::Remove { taken, refused }),
                Command::Send { id, lane, rows } => self.send(id, lane, &rows),
            }
        }
    }

    /// Has the outbox's thread do something, after what it was asked before. What is asked twice
    /// is done once, so that little waits however long a job takes.
    fn ask(&mut self, job: Job) {
        match &job {
            // The later one sees more.
            Job::Read { lane, .. } => {
                self.todo.retain(|job| !matches!(job, Job::Read { lane: other, .. } if other == lane));
            }
            Job::Report => self.todo.retain(|job| !matches!(job, Job::Report)),
            Job::Remove { .. } => {}
        }
        let is_full = self.todo.len() >= WAITING_JOBS;
        match (self.todo.back_mut(), job) {
            (Some(Job::Remove { taken, refused }), Job::Remove { taken: more, refused: others }) => {
                if taken.len() + refused.len() < REMOVING {
                    taken.extend(more);
                    refused.extend(others);
                }
            }
            (_, Job::Remove { .. }) if is_full => {}
            (_, job) => self.todo.push_back(job),
        }
    }

    fn send(&mut self, id: u64, lane: Lane, rows: &[Waiting]) {
        let written = batch::write(Uuid::now_v7(), self.identity.outbox, rows);
        if let Some(payload) = written.payload {
            let topic = self.site.own(line(lane)).text(&self.site.tenant);
            let message = Message { topic, payload: payload.into(), ..Message::default() };
            if self.link.try_send(Order::Publish(OWN + id, message)).is_err() {
                self.happened(Event::Unsent { id, lasting: false });
            }
        }
        if !written.unfit.is_empty() {
            self.happened(Event::Answered { taken: Vec::new(), refused: written.unfit });
        }
    }
}

/// Where a lane's batches go.
fn line(lane: Lane) -> Line {
    match lane {
        Lane::Telemetry => Line::Telemetry,
        Lane::Inventory => Line::Inventory,
        Lane::Order => Line::Order,
        Lane::Outcome => Line::Outcome,
    }
}

/// Tells others the first that waits, once they have room. May be dropped at any time.
async fn pass_on(others: Option<&Sender<Told>>, passing: &mut VecDeque<Told>) {
    let Some(others) = others else { return passing.clear() };
    match others.reserve().await {
        Ok(room) => {
            if let Some(told) = passing.pop_front() {
                room.send(told);
            }
        }
        // They are gone.
        Err(_) => passing.clear(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::samples;
    use super::*;

    #[test]
    fn a_problem_of_any_length_does_not_cost_the_status() {
        let told = |problem: &str| {
            let report = Report { problem: Some(problem.to_owned()), ..samples::status().report.unwrap() };
            let session = Session { epoch: 1, number: 1 };
            let payload = status(&Arc::new(Mutex::new(report)), 7, session, true);
            wire::read::<Status>(&payload).unwrap().report.unwrap().problem
        };
        assert_eq!(told("the disk\nis full").as_deref(), Some("the disk is full"));
        assert_eq!(told(&"é".repeat(400)), Some("é".repeat(wire::MAX_TEXT)));
        assert_eq!(told("\n"), None);
    }
}
