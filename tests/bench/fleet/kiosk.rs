//! A kiosk without a database: its connection, session, pump and batches are the program's own;
//! its outbox and what it fetched are in memory, and what a delta makes of the shared rows is
//! unpacked and checked, and then let go. It never lays anything into a catalog: kiosks with a
//! folder (`whole`) do.

use super::scene::{News, STATUS_EVERY, Scene, event, site, waiting};
use aisle::domain::Sku;
use aisle::store::{Lane, Waiting};
use aisle::sync::batch;
use aisle::sync::delta::{OldRows, unpack_delta};
use aisle::sync::digest::Digest;
use aisle::sync::mqtt::{self, Arrival, Link, Message, Order, Presence, Told};
use aisle::sync::pack::{Chunks, Limits};
use aisle::sync::plan::{Have, Way};
use aisle::sync::pump::{self, Pump};
use aisle::sync::session::{self, Command, Done, Event, Failure, Job, Now, Outcome, Session, Stored};
use aisle::sync::topics::{Line, Site, Topic};
use aisle::sync::wire;
use aisle::sync::wire::event::{self as events, Ack, Refusal};
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::error::Error;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until};
use uuid::Uuid;

/// When an order that the connection had no room for is given again.
const AGAIN: Duration = Duration::from_millis(100);
/// The status' id; batches have those of the pump.
const STATUS: mqtt::Id = 0;

struct Kiosk {
    number: usize,
    site: Site,
    scene: Arc<Scene>,
    begun: Instant,
    link: Link,
    presence: Presence,
    connection: Option<mqtt::Session>,
    session: Session,
    staged: BTreeMap<Digest, Bytes>,
    orders: VecDeque<Order>,
    unpacked: Sender<Event>,
    version: Arc<AtomicU64>,
    pump: Pump,
    outbox: VecDeque<Waiting>,
    outbox_id: Uuid,
    /// How many events were put into the outbox, and all of their ids.
    made: Vec<Uuid>,
    /// It was given all that it is to tell, and has not yet said that it did.
    tells: bool,
}

/// Connects and goes on until the runtime ends.
pub async fn run(number: usize, scene: Arc<Scene>, mut connection: mqtt::Options) {
    let site = site(number);
    let version = Arc::new(AtomicU64::new(scene.have.catalog.map_or(0, |(version, _)| version)));
    let presence = scene.presence(number, Arc::clone(&version));
    connection.subscriptions = site.filters();
    connection.presence = Some(presence.clone());
    let stored = Stored { have: scene.have.clone(), ..Stored::default() };
    let session = Session::new(scene.setup(number), stored).unwrap();
    let (link, mut inbox) = mqtt::open(connection);
    let (unpacked, mut answers) = mpsc::channel(1);
    let mut events = scene.events.clone();
    events.mark_unchanged();
    let mut kiosk = Kiosk {
        number,
        site,
        begun: Instant::now(),
        link,
        presence,
        connection: None,
        session,
        staged: BTreeMap::new(),
        orders: VecDeque::new(),
        unpacked,
        version,
        pump: Pump::new(pump::Pace::default(), number as u64),
        outbox: VecDeque::new(),
        outbox_id: Uuid::new_v4(),
        made: Vec::new(),
        tells: false,
        scene,
    };
    let mut beat = interval_at(Instant::now() + STATUS_EVERY, STATUS_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        kiosk.give_orders();
        let due = kiosk.session.wake().into_iter().chain(kiosk.pump.next()).min();
        let due = due.map(|due| kiosk.begun + due);
        let tick = async { if let Some(due) = due { sleep_until(due).await } else { pending().await } };
        tokio::select! {
            biased;
            told = inbox.next() => match told {
                Some(told) => kiosk.take(told),
                None => return,
            },
            Some(answer) = answers.recv() => kiosk.happened(answer),
            Ok(()) = events.changed() => kiosk.is_to_tell(*events.borrow()),
            _ = beat.tick(), if kiosk.connection.is_some() => kiosk.say_status(),
            () = sleep(AGAIN), if !kiosk.orders.is_empty() => {}
            () = tick => {
                kiosk.happened(Event::Tick);
                kiosk.pumped(pump::Event::Tick);
            }
        }
    }
}

impl Kiosk {
    fn say(&self, news: News) {
        self.scene.say(self.number, news);
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Up { session } => {
                self.connection = Some(session);
                self.say(News::Up);
                self.say_status();
                self.happened(Event::Connected);
                self.pumped(pump::Event::Up);
            }
            Told::Down { why, .. } => {
                self.connection = None;
                self.say(News::Down(why.to_string()));
                self.happened(Event::Disconnected);
                self.pumped(pump::Event::Down);
            }
            Told::Arrived(arrival) => self.arrived(arrival),
            Told::Refused { id, why } if id != STATUS => {
                self.pumped(pump::Event::Unsent { id, lasting: why.is_lasting() });
            }
            Told::Published { .. } | Told::Refused { .. } => {}
            Told::StatusRefused { why } | Told::SubscribeRefused { why, .. } => {
                self.say(News::Wrong(why.to_string()));
            }
        }
    }

    fn arrived(&mut self, arrival: Arrival) {
        let Ok((tenant, topic)) = Topic::parse(&arrival.topic) else { return };
        if !self.site.is_for_me(&tenant, &topic) {
            return;
        }
        match topic {
            Topic::Keys => self.happened(Event::Keys(arrival.payload)),
            Topic::Manifest { .. } => self.happened(Event::Manifest(arrival.payload)),
            Topic::Chunk { digest, .. } => self.happened(Event::Chunk(digest, arrival.payload)),
            Topic::Kiosk { line: Line::Ack, .. } => match wire::read::<Ack>(&arrival.payload) {
                Ok(Ack { taken, refused }) => {
                    let refused = refused.into_iter().map(|one| (one.id, one.why)).collect();
                    self.pumped(pump::Event::Answered { taken, refused });
                }
                Err(error) => self.say(News::Wrong(error.to_string())),
            },
            _ => {}
        }
    }

    /// What the session decides, until it wants nothing more.
    fn happened(&mut self, event: Event) {
        let mut next = VecDeque::from([event]);
        while let Some(event) = next.pop_front() {
            let now = Now { clock: Timestamp::now(), up: self.begun.elapsed() };
            for command in session::update(&mut self.session, event, now) {
                let topic = |digest| self.site.chunk(digest).text(&self.site.tenant);
                match command {
                    Command::Subscribe(digest) => self.orders.push_back(Order::Subscribe(topic(digest))),
                    Command::Unsubscribe(digest) => self.orders.push_back(Order::Unsubscribe(topic(digest))),
                    Command::Stage(chunk, bytes) => {
                        self.staged.insert(chunk.sha256, bytes);
                        next.push_back(Event::Staged(chunk.sha256));
                    }
                    Command::Apply(job) => self.unpack(*job),
                    Command::Sweep(needed) => self.staged.retain(|digest, _| needed.contains(digest)),
                    Command::Report(outcome) => self.report(&outcome),
                    // What is to outlive the program is not needed here.
                    _ => {}
                }
            }
        }
    }

    fn report(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Applied { version, .. } => {
                self.version.store(*version, Relaxed);
                self.staged.clear();
                self.say(News::Applied(*version));
                outcome.telemetry().into_iter().for_each(|event| self.put(&event));
                self.pumped(pump::Event::Grew);
            }
            Outcome::Refused { detail, .. }
            | Outcome::KeysRefused { detail, .. }
            | Outcome::Stalled { detail, .. } => self.say(News::Wrong(detail.clone())),
            _ => {}
        }
    }

    /// Unpacks and checks a delta on another thread.
    fn unpack(&self, job: Job) {
        let (scene, staged, answer) = (Arc::clone(&self.scene), self.staged.clone(), self.unpacked.clone());
        tokio::spawn(async move {
            let room = scene.cores.acquire().await.unwrap();
            let rows = Arc::clone(&scene);
            let done = tokio::task::spawn_blocking(move || unpacked(&rows, &staged, &job)).await.unwrap();
            drop(room);
            let _ = answer.send(done).await;
        });
    }

    /// The pump's decisions, until it wants nothing more.
    fn pumped(&mut self, event: pump::Event) {
        let mut next = VecDeque::from([event]);
        while let Some(event) = next.pop_front() {
            for command in pump::update(&mut self.pump, event, self.begun.elapsed()) {
                match command {
                    pump::Command::Read { lane, most, bytes } => {
                        let rows = self.read(lane, most, bytes);
                        next.push_back(pump::Event::Read { lane, rows });
                    }
                    pump::Command::Send { id, rows, .. } => {
                        if !self.send(id, &rows) {
                            next.push_back(pump::Event::Unsent { id, lasting: false });
                        }
                    }
                    pump::Command::Remove { taken, refused } => {
                        if let Some((_, why)) = refused.first() {
                            self.say(News::Wrong(why.clone()));
                        }
                        let gone: BTreeSet<Uuid> = taken.into_iter().collect();
                        self.outbox.retain(|row| !gone.contains(&row.id));
                        next.push_back(pump::Event::Removed);
                    }
                }
            }
        }
        if self.tells && self.outbox.is_empty() {
            self.tells = false;
            let made = std::mem::take(&mut self.made);
            self.say(News::Told(made));
        }
    }

    /// The oldest that wait, as a catalog reads them.
    fn read(&self, lane: Lane, most: usize, bytes: usize) -> Vec<Waiting> {
        if lane != Lane::Telemetry {
            return Vec::new();
        }
        let mut left = bytes;
        let fits = |row: &&Waiting| {
            let fits = row.body.len() <= left;
            left = left.saturating_sub(row.body.len());
            fits
        };
        self.outbox.iter().take(most).take_while(fits).cloned().collect()
    }

    fn send(&self, id: u64, rows: &[Waiting]) -> bool {
        let Some(payload) = batch::write(Uuid::now_v7(), self.outbox_id, rows).payload else { return true };
        let topic = self.site.own(Line::Telemetry).text(&self.site.tenant);
        let message = Message { topic, payload: payload.into(), ..Message::default() };
        self.link.try_send(Order::Publish(id, message)).is_ok()
    }

    fn put(&mut self, event: &events::Telemetry) {
        let row = waiting(self.made.len() + 1, event);
        self.made.push(row.id);
        self.outbox.push_back(row);
    }

    /// Puts so many events into the outbox, as if there had been no line for a while.
    fn is_to_tell(&mut self, count: usize) {
        (0..count).for_each(|n| self.put(&event(n)));
        self.tells = true;
        self.pumped(pump::Event::Grew);
    }

    fn say_status(&self) {
        let Some(connection) = self.connection else { return };
        let payload = (self.presence.status)(connection, true);
        let message =
            Message { topic: self.presence.topic.clone(), payload, retain: true, ..Message::default() };
        let _ = self.link.try_send(Order::Publish(STATUS, message));
    }

    /// Gives the connection what it has room for, in order.
    fn give_orders(&mut self) {
        while let Some(order) = self.orders.front() {
            if self.link.try_send(order.clone()).is_err() {
                break;
            }
            self.orders.pop_front();
        }
    }
}

/// Rows that all kiosks share.
struct Shared<'a>(&'a BTreeMap<Sku, Vec<u8>>);

impl OldRows for Shared<'_> {
    fn row(&mut self, sku: &Sku) -> Result<Option<Vec<u8>>, Box<dyn Error + Send + Sync>> {
        Ok(self.0.get(sku).cloned())
    }
}

/// What comes of a job: one delta from what all carry, unpacked, its rows read and checked.
fn unpacked(scene: &Scene, staged: &BTreeMap<Digest, Bytes>, job: &Job) -> Event {
    let started = std::time::Instant::now();
    let version = job.manifest.version;
    let fails = |why: String| Event::NotApplied { version, why: Failure::Content(Refusal::Checks, why) };
    let chosen = match &job.plan.catalog {
        Way::Deltas(chain) => chain.as_slice(),
        way => return fails(format!("it was to come as a delta, and comes as {way:?}")),
    };
    let [at] = chosen else { return fails("it was to come as one delta".to_owned()) };
    let (Some(delta), Some((_, here))) = (job.manifest.deltas.get(*at), job.have.catalog) else {
        return fails("there is nothing to start from".to_owned());
    };
    let chunks = Chunks::new(&delta.parts, |digest: &Digest| {
        staged.get(digest).map(|bytes| bytes.to_vec()).ok_or_else(|| io::ErrorKind::NotFound.into())
    });
    match unpack_delta(chunks, &delta.parts, here, &mut Shared(&scene.rows), Limits::default()) {
        Ok(change) if change.root == job.manifest.root => {
            let have = Have { catalog: Some((version, change.root)), files: job.have.files.clone() };
            let done = Done { have, way: events::Way::Delta, took: started.elapsed() };
            Event::Applied(Box::new(done))
        }
        Ok(_) => fails("it leads elsewhere".to_owned()),
        Err(error) => fails(error.to_string()),
    }
}
