//! Owns the connection to head office's broker: MQTT 5 over TLS. Only this module and the
//! files below it name the MQTT library.
//!
//! ```text
//! Link, Inbox     what the rest of sync calls: orders in, what happened out
//!   keeper        one task: connects, waits between attempts (backoff), passes things on
//!     connection  one life of a connection, with a client and an event loop of its own
//!       client    the library's client and event loop
//!       ledger    what was asked and is not answered yet
//!       packet    what a message looks like on the wire
//! problem         what went wrong, in words
//! ```
//!
//! Promises:
//! - After any error the client is dropped and built anew. The library's known faults (packet
//!   numbers that collide after a reconnect, queued messages that are forgotten, acks that get
//!   lost) live in what it carries over, so nothing is carried over. A broker that is silent,
//!   or that answers pings and nothing else, counts as an error.
//! - Each [`Order::Publish`] is answered exactly once, with [`Told::Published`] or
//!   [`Told::Refused`]. "Published" means that the broker has it, not that head office has: what
//!   must not be lost is kept until head office acknowledges it by its id. A message may go
//!   twice.
//! - Subscriptions are made, and the broker's answers to them looked at, before anything is
//!   published.
//! - The broker is told to hold back what is not taken from the [`Inbox`]; pings go on
//!   meanwhile. All that waits here is bounded by [`Limits`].
//! - The kiosk's status is retained: online once connected, offline by its own word or by the
//!   broker's (LastWill). An older "offline" that comes late is put right.
//!
//! It never stores anything, never retries a message, and never looks into one.

mod backoff;
mod client;
mod connection;
mod keeper;
mod ledger;
mod packet;
mod problem;

pub use backoff::Pauses;
pub use problem::{Problem, Refusal};

use super::tls::Tls;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::{mpsc, watch};

/// Orders that may wait.
const ORDERS: usize = 16;
/// What may wait to be taken from the inbox, besides what the broker holds back.
const TELLING: usize = 16;

/// Names a message of the caller's, until it is answered.
pub type Id = u64;

/// One life of a connection. Later ones are greater, over restarts too as long as `epoch` grows
/// with each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session {
    /// As in [`Options::epoch`].
    pub epoch: u64,
    /// Counts from 1.
    pub number: u64,
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.number)
    }
}

/// A user of the broker's. On its listener for certificates none is needed.
#[derive(Clone)]
pub struct Login {
    /// Its name: the kiosk's part of the topics, such as `acme/k/s042/k1`.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How the kiosk's status is told.
#[derive(Clone)]
pub struct Presence {
    /// Where: a topic below the kiosk's own prefix. A message that is published there by
    /// [`Order::Publish`] becomes the status.
    pub topic: String,
    /// The status in this session, online or not.
    pub status: Status,
}

/// Writes a status: in this session, online or not.
pub type Status = Arc<dyn Fn(Session, bool) -> Bytes + Send + Sync>;

/// Sizes and times. Others than those of [`Limits::default`] are for tests and unusual networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// From looking the host up to the broker's greeting.
    pub connect_within: Duration,
    /// How often the broker is pinged: whole seconds, 5 at least. It may ask for another time.
    pub keep_alive: Duration,
    /// How late a ping's answer may be.
    pub grace: Duration,
    /// How long one request may stay unanswered.
    pub answer_within: Duration,
    /// How long a clean stop may take.
    pub stop_within: Duration,
    /// Largest packet that is taken, in bytes; the broker is told and drops larger ones.
    pub largest_taken: u32,
    /// Largest packet that is sent, in bytes; the broker's own limit holds too.
    pub largest_sent: u32,
    /// Messages that the broker may send before the first of them is taken from the inbox.
    pub taken_ahead: u16,
    /// Requests that may be unanswered at one time.
    pub window: u16,
    /// What is waited between attempts.
    pub pauses: Pauses,
}

impl Default for Limits {
    /// 10 s to connect, a ping each 15 s answered within 10, 20 s for an answer, 3 s to stop;
    /// 256 KiB each way, which all brokers pass with room for a chunk of 96 KiB.
    fn default() -> Self {
        Self {
            connect_within: Duration::from_secs(10),
            keep_alive: Duration::from_secs(15),
            grace: Duration::from_secs(10),
            answer_within: Duration::from_secs(20),
            stop_within: Duration::from_secs(3),
            largest_taken: 256 * 1024,
            largest_sent: 256 * 1024,
            taken_ahead: 16,
            window: 4,
            pauses: Pauses::default(),
        }
    }
}

/// What a connection needs.
pub struct Options {
    /// The broker's host: a name or an IPv4 address, as its certificate has it. (The library
    /// cannot write an IPv6 address; give that host a name.)
    pub host: String,
    /// Its port: 8883 as a rule.
    pub port: u16,
    /// The client id: the kiosk's name, unique for the broker.
    pub client: String,
    /// User and password, where the certificate does not say who the kiosk is.
    pub login: Option<Login>,
    /// The encryption.
    pub tls: Tls,
    /// How the status is told; `None`: it is not.
    pub presence: Option<Presence>,
    /// What is subscribed from the start.
    pub subscriptions: Vec<String>,
    /// Grows with each start of the program.
    pub epoch: u64,
    /// Sizes and times.
    pub limits: Limits,
    /// Where the chance in the pauses begins; `None`: elsewhere each time.
    pub seed: Option<u64>,
}

impl Options {
    /// With the usual limits, without user, status or subscriptions.
    #[must_use]
    pub fn new(host: &str, port: u16, client: &str, tls: Tls) -> Self {
        Self {
            host: host.to_owned(),
            port,
            client: client.to_owned(),
            login: None,
            tls,
            presence: None,
            subscriptions: Vec::new(),
            epoch: 0,
            limits: Limits::default(),
            seed: None,
        }
    }
}

/// A message to be sent, at least once (QoS 1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Its topic, without wildcards.
    pub topic: String,
    /// What it says.
    pub payload: Bytes,
    /// Whether the broker keeps it for who subscribes later.
    pub retain: bool,
    /// How long the broker may keep it for one that is away; whole seconds.
    pub expiry: Option<Duration>,
    /// Where an answer is expected.
    pub response_topic: Option<String>,
    /// What the answer is to bear.
    pub correlation: Option<Bytes>,
}

/// What is asked of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Send a message; answered with its id.
    Publish(Id, Message),
    /// Subscribe a topic filter from now on, and in each later connection. Asked again, it
    /// brings what is retained again.
    Subscribe(String),
    /// Subscribe it no more.
    Unsubscribe(String),
    /// Say "offline" and leave. Overtakes what waits. What dropping the [`Link`] does.
    Stop,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Connected and subscribed; the status is on its way.
    Up {
        /// Which life of the connection it is.
        session: Session,
    },
    /// An attempt failed or a connection ended.
    Down {
        /// Why.
        why: Problem,
        /// How long is waited before the next attempt.
        pause: Duration,
    },
    /// A message came.
    Arrived(Arrival),
    /// The broker has the message.
    Published {
        /// Which.
        id: Id,
    },
    /// It has not, or perhaps not.
    Refused {
        /// Which.
        id: Id,
        /// Why.
        why: Refusal,
    },
    /// The broker does not take the kiosk's status.
    StatusRefused {
        /// Why.
        why: Refusal,
    },
    /// The broker does not give this topic. It is asked for again at the next connection.
    SubscribeRefused {
        /// Which.
        filter: String,
        /// Why.
        why: Refusal,
    },
}

/// A message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Its topic.
    pub topic: String,
    /// What it says.
    pub payload: Bytes,
    /// Whether it comes from the broker's store because of a subscription, not fresh.
    pub retain: bool,
    /// Where an answer is expected.
    pub response_topic: Option<String>,
    /// What the answer is to bear.
    pub correlation: Option<Bytes>,
    /// Its user property `authorization`.
    pub authorization: Option<Authorization>,
}

/// What tells that somebody may say something. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization(String);

impl Authorization {
    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").finish_non_exhaustive()
    }
}

/// The connection is closed and takes no orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the connection to the broker is closed")]
pub struct Closed;

/// Why an order was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unsent {
    /// Too many wait: give it again after the next that is told.
    #[error("too many orders wait")]
    Full,
    /// The connection is closed.
    #[error("the connection to the broker is closed")]
    Closed,
}

/// Takes orders; clones share it. When the last one goes, the connection stops.
#[derive(Debug, Clone)]
pub struct Link {
    orders: mpsc::Sender<Order>,
    stop: watch::Sender<()>,
}

impl Link {
    /// Gives an order; waits while too many wait. Whoever empties the [`Inbox`] must not wait
    /// here: use [`Link::try_send`].
    ///
    /// # Errors
    /// [`Closed`] once it has stopped.
    pub async fn send(&self, order: Order) -> Result<(), Closed> {
        match order {
            Order::Stop => {
                self.stop.send_replace(());
                Ok(())
            }
            order => self.orders.send(order).await.map_err(|_| Closed),
        }
    }

    /// Gives an order, if there is room for it.
    ///
    /// # Errors
    /// [`Unsent`]: too many wait, or the connection has stopped.
    pub fn try_send(&self, order: Order) -> Result<(), Unsent> {
        match order {
            Order::Stop => {
                self.stop.send_replace(());
                Ok(())
            }
            order => self.orders.try_send(order).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Unsent::Full,
                mpsc::error::TrySendError::Closed(_) => Unsent::Closed,
            }),
        }
    }
}

/// Gives what happened, in order. Dropped, it stops the connection.
#[derive(Debug)]
pub struct Inbox(mpsc::Receiver<Told>);

impl Inbox {
    /// What happened next; `None` once the connection has stopped. May be dropped at any time:
    /// nothing is lost.
    pub async fn next(&mut self) -> Option<Told> {
        self.0.recv().await
    }
}

/// Begins to connect, in a task of the runtime that this is called in.
///
/// # Panics
/// Outside of a Tokio runtime.
#[must_use]
pub fn open(options: Options) -> (Link, Inbox) {
    let (orders, asked) = mpsc::channel(ORDERS);
    let (stop, stopped) = watch::channel(());
    let (out, told) = mpsc::channel(TELLING);
    tokio::spawn(keeper::Keeper::new(options, asked, stopped, out).run());
    (Link { orders, stop }, Inbox(told))
}
