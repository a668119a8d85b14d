//! Owns the task that keeps a connection: one after the other, each built anew, with pauses in
//! between. What is to be told waits here, so that a slow reader never holds up a connection.

use super::backoff::Backoff;
use super::connection::{Connection, Ended, Writer};
use super::{Options, Order, Problem, Refusal, Session, Told};
use rumqttc::v5::mqttbytes::v5::Publish;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// No order is taken, and nothing is connected, while more than this waits to be told.
const WAITING: usize = 64;
/// Messages of QoS 0, which the broker cannot be told to hold back, are dropped beyond this.
const FLOOD: usize = 256;
/// How long is waited for a reader of the last words.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What is to be told, in order, each with the message to acknowledge once it is taken.
pub(super) struct Telling {
    waiting: VecDeque<(Told, Option<Publish>)>,
    out: mpsc::Sender<Told>,
}

/// Nobody reads any more.
pub(super) struct Unread;

impl Telling {
    pub(super) fn say(&mut self, told: Told) {
        self.waiting.push_back((told, None));
    }

    /// Says it before all but the first `at` that wait.
    pub(super) fn say_at(&mut self, at: usize, told: Told) {
        self.waiting.insert(at.min(self.waiting.len()), (told, None));
    }

    /// A message that came; false: there is no room for it.
    pub(super) fn pass(&mut self, told: Told, publish: Option<Publish>) -> bool {
        let fits = publish.is_some() || self.waiting.len() < FLOOD;
        if fits {
            self.waiting.push_back((told, publish));
        }
        fits
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING
    }

    /// Gives the first to the reader once there is room; what is to be acknowledged then. May be
    /// dropped at any time.
    pub(super) async fn deliver(&mut self) -> Result<Option<Publish>, Unread> {
        let Ok(room) = self.out.reserve().await else {
            self.waiting.clear();
            return Err(Unread);
        };
        let Some((told, publish)) = self.waiting.pop_front() else { return Ok(None) };
        room.send(told);
        Ok(publish)
    }

    /// The connection is gone: there is nobody to acknowledge to.
    fn forget(&mut self) {
        self.waiting.iter_mut().for_each(|(_, publish)| *publish = None);
    }

    fn say_down(&mut self, why: Problem, pause: Duration) {
        // Nobody needs to read of each attempt in a long outage.
        if let Some((Told::Down { .. }, _)) = self.waiting.back() {
            self.waiting.pop_back();
        }
        self.say(Told::Down { why, pause });
    }
}

/// Whether the end is asked for.
pub(super) struct Stop {
    asked: watch::Receiver<()>,
    is_asked: bool,
}

impl Stop {
    pub(super) fn ask(&mut self) {
        self.is_asked = true;
    }

    /// Waits until it is. May be dropped at any time.
    pub(super) async fn wait(&mut self) {
        if !self.is_asked {
            // An error: the last handle is gone, which asks for the same.
            let _ = self.asked.changed().await;
            self.is_asked = true;
        }
    }
}

pub(super) struct Keeper {
    options: Options,
    backoff: Backoff,
    orders: mpsc::Receiver<Order>,
    stop: Stop,
    telling: Telling,
    /// What is subscribed in each connection.
    filters: Vec<String>,
    writer: Writer,
    number: u64,
}

impl Keeper {
    pub(super) fn new(
        mut options: Options,
        orders: mpsc::Receiver<Order>,
        stop: watch::Receiver<()>,
        out: mpsc::Sender<Told>,
    ) -> Self {
        let filters = std::mem::take(&mut options.subscriptions);
        let mut random = options.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Self {
            backoff: Backoff::new(options.limits.pauses.clone(), Box::new(move || random.f64())),
            options,
            orders,
            stop: Stop { asked: stop, is_asked: false },
            telling: Telling { waiting: VecDeque::new(), out },
            filters,
            writer: Writer { name: fastrand::u64(..), was_here: false },
            number: 0,
        }
    }

    pub(super) async fn run(mut self) {
        while !self.stop.is_asked {
            self.number += 1;
            let session = Session { epoch: self.options.epoch, number: self.number };
            let (mut connection, events) =
                Connection::new(&self.options, session, &mut self.telling, &mut self.filters, &self.writer);
            let ended = connection.run(events, &mut self.orders, &mut self.stop).await;
            let held = connection.held();
            self.writer.was_here |= connection.was_greeted();
            connection.close(matches!(ended, Ended::Stopped));
            self.telling.forget();
            let Ended::Cut(why) = ended else { break };
            let pause = self.backoff.after(&why, held);
            tracing::info!(%session, ?pause, "no connection to head office: {why}");
            self.telling.say_down(why, pause);
            self.wait(Instant::now() + pause).await;
        }
        self.finish().await;
    }

    /// Waits until then, and until there is room for what another connection would tell.
    async fn wait(&mut self, until: Instant) {
        while !self.stop.is_asked {
            let has_room = self.telling.has_room();
            tokio::select! {
                biased;
                () = self.stop.wait() => return,
                () = tokio::time::sleep_until(until), if has_room => return,
                delivered = self.telling.deliver(), if self.telling.len() > 0 => {
                    self.stop.is_asked |= delivered.is_err();
                }
                order = self.orders.recv(), if has_room => {
                    take_down(order, &mut self.telling, &mut self.filters, &mut self.stop);
                }
            }
        }
    }

    /// Answers what waits, and leaves.
    async fn finish(mut self) {
        self.orders.close();
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Publish(id, _) = order {
                self.telling.say(Told::Refused { id, why: Refusal::Stopped });
            }
        }
        let last_words = async { while self.telling.len() > 0 && self.telling.deliver().await.is_ok() {} };
        let _ = tokio::time::timeout(LAST_WORDS, last_words).await;
    }
}

/// Takes an order while there is no connection.
pub(super) fn take_down(
    order: Option<Order>,
    telling: &mut Telling,
    filters: &mut Vec<String>,
    stop: &mut Stop,
) {
    match order {
        Some(Order::Publish(id, _)) => telling.say(Told::Refused { id, why: Refusal::Down }),
        Some(Order::Subscribe(filter)) => want(filters, &filter),
        Some(Order::Unsubscribe(filter)) => filters.retain(|other| *other != filter),
        Some(Order::Stop) | None => stop.is_asked = true,
    }
}

/// Notes that a filter is to be subscribed in each connection.
pub(super) fn want(filters: &mut Vec<String>, filter: &str) {
    if !filters.iter().any(|other| other == filter) {
        filters.push(filter.to_owned());
    }
}
