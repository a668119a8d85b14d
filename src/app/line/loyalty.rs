//! A shopper's own purchases, asked of head office with their consent: one number at a time goes
//! up the line, and what comes back goes to who asked. Past the outbox and past every log: a
//! number that cannot be sent now is not sent at all.

use crate::domain::{Private, Purchase};
use crate::sync::loyalty::{Asking, CORRELATION};
use crate::sync::mqtt::{Link, Order, Told};
use crate::sync::topics::Site;
use crate::sync::uplink::Standing;
use crate::sync::wire::loyalty::{self as wire, LoyaltyReply};
use std::future::pending;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// What may wait to be looked at, of each kind.
const WAITING: usize = 8;

/// What is known of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    pub name: Private<String>,
    pub history: Private<Vec<Purchase>>,
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognition {
    Known(Customer),
    /// Nobody has this number.
    Unknown,
    /// There is no line, or nobody answered.
    Unavailable,
}

/// For who asks.
#[derive(Debug, Clone)]
pub struct Loyalty(mpsc::Sender<Ask>);

#[derive(Debug)]
struct Ask {
    number: Private<String>,
    answer: oneshot::Sender<Recognition>,
}

impl Loyalty {
    /// Asks, and waits for the answer as long as that is worth it. Dropped, it is asked no more.
    pub async fn ask(&self, number: Private<String>) -> Recognition {
        let (answer, answered) = oneshot::channel();
        if self.0.send(Ask { number, answer }).await.is_err() {
            return Recognition::Unavailable;
        }
        answered.await.unwrap_or(Recognition::Unavailable)
    }
}

/// Carries requests to the line, and answers back.
pub(super) struct Messenger {
    asking: Asking,
    /// Who waits for the open one.
    waits: Option<oneshot::Sender<Recognition>>,
    links: watch::Receiver<Option<Link>>,
    standing: watch::Receiver<Standing>,
    began: Instant,
}

/// Begins to carry in the runtime that this is called in, until the line ends: for who asks, and
/// for who hears what the line tells.
pub(super) fn start(
    site: Site,
    links: watch::Receiver<Option<Link>>,
    standing: watch::Receiver<Standing>,
) -> (Loyalty, mpsc::Sender<Told>) {
    let (ask, asks) = mpsc::channel(WAITING);
    let (tell, told) = mpsc::channel(WAITING);
    let (asking, began) = (Asking::new(site), Instant::now());
    tokio::spawn(Messenger { asking, waits: None, links, standing, began }.run(asks, told));
    (Loyalty(ask), tell)
}

impl Messenger {
    async fn run(mut self, mut asks: mpsc::Receiver<Ask>, mut told: mpsc::Receiver<Told>) {
        loop {
            let until = self.asking.until().map(|at| self.began + at);
            let late =
                async { if let Some(until) = until { sleep_until(until).await } else { pending().await } };
            let waits = &mut self.waits;
            let left = async { if let Some(who) = waits { who.closed().await } else { pending().await } };
            tokio::select! {
                biased;
                () = left => self.leave(),
                ask = asks.recv() => match ask {
                    Some(ask) => self.ask(ask),
                    None => return,
                },
                told = told.recv() => match told {
                    Some(told) => self.hear(told),
                    None => return,
                },
                changed = self.standing.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    if !self.standing.borrow_and_update().is_up {
                        self.fail("the connection was cut");
                    }
                }
                () = late => self.fail("nobody answered in time"),
            }
        }
    }

    fn ask(&mut self, Ask { number, answer }: Ask) {
        self.waits = Some(answer);
        if let Err(why) = self.send(&number) {
            self.fail(why);
        }
    }

    fn send(&mut self, number: &str) -> Result<(), &'static str> {
        if !self.standing.borrow().is_up {
            return Err("there is no connection");
        }
        let mut correlation = [0; CORRELATION];
        getrandom::fill(&mut correlation).map_err(|_| "the system has no randomness")?;
        let (id, message) = self
            .asking
            .ask(number, correlation, self.began.elapsed())
            .map_err(|_| "it can be nobody's number")?;
        let link = self.links.borrow();
        let link = link.as_ref().ok_or("there is no connection")?;
        link.try_send(Order::Publish(id, message)).map_err(|_| "the connection has no room")
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Arrived(arrival) => {
                if let Some(reply) = self.asking.heard(&arrival, self.began.elapsed()) {
                    self.answer(recognition(reply));
                }
            }
            Told::Refused { id, .. } if self.asking.refused(id) => self.fail("the broker does not take it"),
            _ => {}
        }
    }

    fn fail(&mut self, why: &str) {
        if self.waits.is_some() {
            tracing::warn!("a customer's number is not looked up: {why}");
        }
        self.answer(Recognition::Unavailable);
    }

    fn answer(&mut self, recognition: Recognition) {
        self.asking.forget();
        if let Some(who) = self.waits.take() {
            // Who left needs none.
            let _ = who.send(recognition);
        }
    }

    fn leave(&mut self) {
        self.asking.forget();
        self.waits = None;
    }
}

fn recognition(reply: LoyaltyReply) -> Recognition {
    if !reply.known {
        return Recognition::Unknown;
    }
    let bought =
        |own: wire::Purchase| Purchase { sku: own.sku, days_ago: own.days_ago, quantity: own.quantity };
    Recognition::Known(Customer {
        name: Private::new(reply.name.unwrap_or_default()),
        history: Private::new(reply.history.into_iter().map(bought).collect()),
    })
}
