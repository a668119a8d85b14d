//! A kiosk with a data folder of its own: the program's line to head office from end to end, with
//! its uplink, outbox and catalog, without the assistant around it.

use super::scene::{News, STATUS_EVERY, Scene, event, program, site};
use aisle::store::{Catalog, Lane};
use aisle::sync::ingest::{self, Ingest};
use aisle::sync::mqtt::{self, Link, Order, Told};
use aisle::sync::pack::Limits;
use aisle::sync::pump;
use aisle::sync::session::{Command, Event, Now, Outcome, Session, update};
use aisle::sync::tell::tell;
use aisle::sync::topics::{Site, Topic};
use aisle::sync::uplink::{self, Uplink};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

const STAGING: u64 = 512 << 20;
/// What may wait for head office, in bytes.
const OUTBOX: u64 = 32 << 20;
const AGAIN: Duration = Duration::from_millis(100);
/// How often it is looked whether all is told.
const LOOK: Duration = Duration::from_millis(200);

struct Whole {
    number: usize,
    site: Site,
    scene: Arc<Scene>,
    catalog: Arc<Catalog>,
    uplink: Uplink,
    session: Session,
    version: Arc<AtomicU64>,
    begun: Instant,
    orders: VecDeque<Order>,
    work: VecDeque<Command>,
}

/// Connects and goes on until the runtime ends.
pub async fn run(number: usize, folder: PathBuf, scene: Arc<Scene>, connection: mqtt::Options) {
    let opened = spawn_blocking(move || {
        let catalog = Arc::new(Catalog::open(&folder).unwrap());
        let ingest = Ingest::open(catalog.clone(), &folder, STAGING, Limits::default(), program()).unwrap();
        let stored = ingest.stored().unwrap();
        (catalog, ingest, stored)
    });
    let (catalog, ingest, stored) = opened.await.unwrap();
    let version = Arc::new(AtomicU64::new(stored.have.catalog.map_or(0, |(version, _)| version)));
    let session = Session::new(scene.setup(number), stored).unwrap();
    let (passes, mut told) = mpsc::channel(64);
    let (describes, carries) = (scene.clone(), version.clone());
    let uplink = uplink::start(uplink::Options {
        connection,
        site: site(number),
        catalog: catalog.clone(),
        describe: Arc::new(move |backlog| describes.report(carries.load(Relaxed), backlog)),
        pace: pump::Pace::default(),
        status_every: STATUS_EVERY,
        others: Some(passes),
    });
    let mut events = scene.events.clone();
    events.mark_unchanged();
    let (commands, mut answers) = ingest::spawn(ingest);
    let (begun, orders, work) = (Instant::now(), VecDeque::new(), VecDeque::new());
    let site = site(number);
    let mut kiosk = Whole { number, site, scene, catalog, uplink, session, version, begun, orders, work };
    loop {
        let link = kiosk.uplink.link();
        kiosk.give_orders(link.as_ref());
        let wake = kiosk.session.wake().map(|at| kiosk.begun + at);
        let due = async { if let Some(wake) = wake { sleep_until(wake).await } else { pending().await } };
        let event = tokio::select! {
            biased;
            Some(answer) = answers.recv() => Some(answer),
            Ok(room) = commands.reserve(), if !kiosk.work.is_empty() => {
                if let Some(command) = kiosk.work.pop_front() {
                    room.send(command);
                }
                None
            }
            heard = told.recv() => match heard {
                Some(heard) => kiosk.hear(heard),
                None => return,
            },
            Ok(()) = events.changed() => {
                kiosk.is_to_tell(*events.borrow());
                None
            }
            () = sleep(AGAIN), if !kiosk.orders.is_empty() => None,
            () = due => Some(Event::Tick),
        };
        if let Some(event) = event {
            kiosk.happened(event);
        }
    }
}

impl Whole {
    fn say(&self, news: News) {
        self.scene.say(self.number, news);
    }

    fn hear(&self, told: Told) -> Option<Event> {
        match told {
            Told::Up { .. } => {
                self.say(News::Up);
                Some(Event::Connected)
            }
            Told::Down { why, .. } => {
                self.say(News::Down(why.to_string()));
                Some(Event::Disconnected)
            }
            Told::Arrived(arrival) => match Topic::parse(&arrival.topic).ok()?.1 {
                Topic::Keys => Some(Event::Keys(arrival.payload)),
                Topic::Manifest { .. } => Some(Event::Manifest(arrival.payload)),
                Topic::Chunk { digest, .. } => Some(Event::Chunk(digest, arrival.payload)),
                _ => None,
            },
            Told::StatusRefused { why } | Told::SubscribeRefused { why, .. } => {
                self.say(News::Wrong(why.to_string()));
                None
            }
            Told::Published { .. } | Told::Refused { .. } => None,
        }
    }

    fn happened(&mut self, event: Event) {
        let now = Now { clock: Timestamp::now(), up: self.begun.elapsed() };
        for command in update(&mut self.session, event, now) {
            let topic = |digest| self.site.chunk(digest).text(&self.site.tenant);
            match &command {
                Command::Subscribe(digest) => self.orders.push_back(Order::Subscribe(topic(*digest))),
                Command::Unsubscribe(digest) => self.orders.push_back(Order::Unsubscribe(topic(*digest))),
                Command::Report(outcome) => {
                    self.report(outcome);
                    self.work.push_back(command);
                }
                _ => self.work.push_back(command),
            }
        }
    }

    fn report(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Applied { version, .. } => {
                self.version.store(*version, Relaxed);
                self.say(News::Applied(*version));
                let (catalog, waker) = (self.catalog.clone(), self.uplink.waker());
                let told = outcome.telemetry();
                spawn_blocking(move || {
                    if let Some(event) = told {
                        tell(&catalog, &event, Timestamp::now(), OUTBOX).unwrap();
                    }
                    waker.wake();
                });
            }
            Outcome::Refused { detail, .. }
            | Outcome::KeysRefused { detail, .. }
            | Outcome::Stalled { detail, .. } => self.say(News::Wrong(detail.clone())),
            _ => {}
        }
    }

    /// Puts so many events into the outbox, and says when head office has them.
    fn is_to_tell(&self, count: usize) {
        let (scene, number) = (self.scene.clone(), self.number);
        let (catalog, waker) = (self.catalog.clone(), self.uplink.waker());
        tokio::spawn(async move {
            let puts = catalog.clone();
            let made = spawn_blocking(move || {
                for n in 0..count {
                    tell(&puts, &event(n), Timestamp::now(), OUTBOX).unwrap();
                }
                let all = puts.waiting_events(Lane::Telemetry, 0, usize::MAX, usize::MAX).unwrap();
                all.iter().map(|row| row.id).collect::<Vec<Uuid>>()
            });
            let made = made.await.unwrap();
            waker.wake();
            while catalog.outbox().unwrap().waiting > 0 {
                sleep(LOOK).await;
            }
            scene.say(number, News::Told(made));
        });
    }

    fn give_orders(&mut self, link: Option<&Link>) {
        let Some(link) = link else { return };
        while let Some(order) = self.orders.front() {
            if link.try_send(order.clone()).is_err() {
                break;
            }
            self.orders.pop_front();
        }
    }
}
