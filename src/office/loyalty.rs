//! Owns the stand-in for a CRM: kiosks ask, with a shopper's consent, who a number is and what they
//! bought, and are answered out of history.db. It answers a kiosk on that kiosk's own topic only,
//! within the time that the kiosk waits, and no faster than shoppers type. Never writes anything
//! down, and never logs a number, a name or a purchase.
//!
//! ```text
//! broker -> mqtt -> task -> Question -> thread (SQL) -> Message -> task -> mqtt -> broker
//! ```

mod answering;
mod question;

pub use answering::{Customers, NamesError};

use super::running::Running;
use crate::sync::loyalty::PATIENCE;
use crate::sync::mqtt::{self, Inbox, Link, Message, Order, Told};
use crate::sync::topics::{Line, Name, office_filter};
use answering::reply;
use question::{MOST, Pace, Question};
use std::sync::Arc;
use std::thread;
use std::time::Instant;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::watch;

/// Questions that may wait to be looked up, and answers that may wait to be sent.
const WAITING: usize = 64;

/// What it needs.
pub struct Options {
    /// Broker, encryption and limits. Subscriptions are filled in here.
    pub connection: mqtt::Options,
    pub tenant: Name,
    /// Those of this name share the load.
    pub share: Name,
    pub customers: Arc<Customers>,
}

/// What it did since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    pub is_up: bool,
    /// Numbers that somebody has, and that nobody has.
    pub known: u64,
    pub unknown: u64,
    /// Messages that are no questions, or ask for an answer elsewhere.
    pub passed_over: u64,
    /// Questions of kiosks that asked too many.
    pub too_many: u64,
    /// Questions that waited until nobody waited for the answer.
    pub late: u64,
    /// Questions that the database could not be asked.
    pub failed: u64,
}

/// Who answers. Stopped, it leaves who asked just now to ask again.
pub type Answerer = Running<Figures>;

/// Begins to answer, in the runtime that this is called in.
///
/// # Panics
/// Outside of a Tokio runtime.
#[must_use]
pub fn start(options: Options) -> Answerer {
    let Options { mut connection, tenant, share, customers } = options;
    connection.subscriptions = vec![office_filter(&tenant, Line::Loyalty, Some(&share))];
    connection.presence = None;
    let (link, inbox) = mqtt::open(connection);
    let (stop, stopped) = watch::channel(false);
    let (counted, figures) = watch::channel(Figures::default());
    let (ask, asked) = mpsc::channel(WAITING);
    let (answer, answers) = mpsc::channel(WAITING);
    let counts = counted.clone();
    thread::spawn(move || look_up(&customers, asked, &answer, &counts));
    let desk = Desk { tenant, pace: Pace::default(), ask, counted };
    let task = tokio::spawn(run(desk, link, inbox, answers, stopped));
    Running { task, stop, figures }
}

async fn run(
    mut desk: Desk,
    link: Link,
    mut inbox: Inbox,
    mut answers: Receiver<Message>,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => break,
            answer = answers.recv() => match answer {
                // Without room for it, it would come too late.
                Some(answer) => drop(link.try_send(Order::Publish(0, answer))),
                None => {
                    tracing::error!("nobody is looked up any more: start it again");
                    return;
                }
            },
            told = inbox.next() => match told {
                Some(told) => desk.take(told),
                None => return,
            },
        }
    }
    let _ = link.try_send(Order::Stop);
    while inbox.next().await.is_some() {}
}

/// What comes from the broker.
struct Desk {
    tenant: Name,
    pace: Pace,
    ask: Sender<Question>,
    counted: watch::Sender<Figures>,
}

impl Desk {
    fn take(&mut self, told: Told) {
        match told {
            Told::Arrived(arrival) => {
                let now = Instant::now();
                let Some(question) = Question::read(&arrival, &self.tenant, now) else {
                    tracing::debug!("a message was passed over");
                    return self.counted.send_modify(|figures| figures.passed_over += 1);
                };
                let count = self.pace.count(&question.kiosk, now);
                if count > MOST {
                    // Once: who floods the line shall not flood the log.
                    if count == MOST + 1 {
                        tracing::warn!(
                            kiosk = question.kiosk,
                            "asks for too many customers: it is not answered"
                        );
                    }
                    return self.counted.send_modify(|figures| figures.too_many += 1);
                }
                // Where so many wait already it would be late.
                if self.ask.try_send(question).is_err() {
                    self.counted.send_modify(|figures| figures.late += 1);
                }
            }
            Told::Up { .. } => self.counted.send_modify(|figures| figures.is_up = true),
            Told::Down { .. } => self.counted.send_modify(|figures| figures.is_up = false),
            Told::Refused { why, .. } if why.is_lasting() => tracing::error!("answers are refused: {why}"),
            Told::SubscribeRefused { filter, why } => {
                tracing::error!(filter, "the kiosks cannot be heard: {why}");
            }
            _ => {}
        }
    }
}

/// Looks up one after the other, until nobody asks any more.
fn look_up(
    customers: &Customers,
    mut asked: Receiver<Question>,
    answers: &Sender<Message>,
    counted: &watch::Sender<Figures>,
) {
    while let Some(question) = asked.blocking_recv() {
        if question.at.elapsed() >= PATIENCE {
            counted.send_modify(|figures| figures.late += 1);
            continue;
        }
        match customers.of(&question.number, jiff::Timestamp::now()) {
            Ok(found) => {
                counted.send_modify(|figures| {
                    *(if found.known { &mut figures.known } else { &mut figures.unknown }) += 1;
                });
                match reply(&question, found) {
                    Ok(answer) => drop(answers.try_send(answer)),
                    Err(error) => tracing::error!("an answer cannot be written: {error}"),
                }
            }
            Err(error) => {
                counted.send_modify(|figures| figures.failed += 1);
                tracing::error!("nobody can be looked up: {error}");
            }
        }
        if answers.is_closed() {
            return;
        }
    }
}
