//! Owns head office's end of the connection, for as long as one command takes: it hears what the
//! broker keeps, and sends until the broker has acknowledged every message, over as many
//! connections as that takes. Never decides what is said, and looks into nothing.

use crate::sync::mqtt::{self, Inbox, Link, Message, Options, Order, Problem, Refusal, Told, Unsent};
use crate::sync::topics::{Name, Topic, office_echo};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Without any answer for so long it is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Messages that wait for the broker's answer at one time.
const WINDOW: usize = 8;

/// Why it was not sent, or not all of it. The same command goes on where this one ended.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error("{}", for_office(.0))]
    Problem(Problem),
    #[error("the broker does not answer any more ({0}): run it again, and it goes on from here")]
    Silent(String),
    #[error("the broker does not take {topic}: {why}")]
    Refused { topic: String, why: Refusal },
    #[error("the broker does not give {topic}: {why}")]
    Unheard { topic: String, why: Refusal },
}

/// The words are a kiosk's; the settings are head office's.
fn for_office(problem: &Problem) -> String {
    let text = match problem {
        Problem::IdentityInUse => {
            "somebody else is at the broker as head office: wait until it is done".into()
        }
        problem => problem.to_string(),
    };
    text.replace("sync.", "office.").replace("this kiosk's", "head office's")
}

/// A message that the broker keeps.
pub(super) fn retained(topic: String, payload: Bytes) -> Message {
    Message { topic, payload, retain: true, ..Message::default() }
}

/// The key lists as they are published.
pub(super) fn keys(tenant: &Name, chain: &[u8]) -> Message {
    retained(Topic::Keys.text(tenant), chain.to_vec().into())
}

/// The connection.
pub(super) struct Line {
    link: Link,
    inbox: Inbox,
    /// What came last on each topic.
    heard: BTreeMap<String, Bytes>,
    /// Counts connections.
    ups: u64,
    is_up: bool,
    trouble: String,
    /// The number of the next message, and of the next mark.
    next: u64,
}

impl Line {
    /// Connects; the first thing that goes wrong ends it.
    ///
    /// # Errors
    /// The broker cannot be reached, or does not let head office in.
    pub(super) async fn open(options: Options) -> Result<Self, LineError> {
        let (link, inbox) = mqtt::open(options);
        let trouble = "it never did".to_owned();
        let mut line = Self { link, inbox, heard: BTreeMap::new(), ups: 0, is_up: false, trouble, next: 1 };
        let until = Instant::now() + PATIENCE;
        while !line.is_up {
            match line.told(until).await? {
                Told::Down { why, .. } => return Err(LineError::Problem(why)),
                told => line.note(told)?,
            }
        }
        Ok(line)
    }

    /// What came last on a topic.
    pub(super) fn heard(&self, topic: &str) -> Option<&Bytes> {
        self.heard.get(topic)
    }

    /// Hears all that the broker keeps on topics of `filters`, by topic. A mark that head office
    /// sends itself comes back behind it.
    ///
    /// # Errors
    /// The broker does not give them, or is silent.
    pub(super) async fn hear(
        &mut self,
        tenant: &Name,
        filters: &[String],
    ) -> Result<BTreeMap<String, Bytes>, LineError> {
        let echo = office_echo(tenant);
        self.heard.clear();
        for filter in filters.iter().chain([&echo]) {
            self.order(Order::Subscribe(filter.clone())).await?;
        }
        loop {
            let ups = self.ups;
            let mark = Bytes::from(self.next.to_string());
            let message = Message { topic: echo.clone(), payload: mark.clone(), ..Message::default() };
            self.put(message).await?;
            let until = Instant::now() + PATIENCE;
            // A mark that was on its way when the connection was cut never comes.
            while self.heard(&echo) != Some(&mark) && self.ups == ups {
                let told = self.told(until).await?;
                self.note(told)?;
            }
            if self.heard(&echo) == Some(&mark) {
                break;
            }
        }
        for filter in filters {
            self.order(Order::Unsubscribe(filter.clone())).await?;
        }
        Ok(std::mem::take(&mut self.heard))
    }

    /// Sends one message and waits until the broker has it.
    ///
    /// # Errors
    /// It does not take it, or is silent.
    pub(super) async fn put(&mut self, message: Message) -> Result<(), LineError> {
        self.send(&[message], |message| Ok(message.clone()), |_| Ok(())).await
    }

    /// Sends a message for each of `all` and waits until the broker has every one of them, over
    /// as many connections as it takes; `arrived` is called for each.
    ///
    /// # Errors
    /// The broker does not take one, or is silent; the first error of `message` and `arrived`.
    pub(super) async fn send<T, E: From<LineError>>(
        &mut self,
        all: &[T],
        message: impl Fn(&T) -> Result<Message, E>,
        mut arrived: impl FnMut(&T) -> Result<(), E>,
    ) -> Result<(), E> {
        let first = self.next;
        self.next += all.len() as u64;
        let mut waiting: VecDeque<u64> = (first..self.next).collect();
        let mut open: BTreeSet<u64> = BTreeSet::new();
        let of = |id: u64| usize::try_from(id - first).ok().and_then(|at| all.get(at));
        let mut until = Instant::now() + PATIENCE;
        while !(waiting.is_empty() && open.is_empty()) {
            while self.is_up && open.len() < WINDOW {
                let Some((id, one)) = waiting.front().and_then(|id| Some((*id, of(*id)?))) else { break };
                if self.link.try_send(Order::Publish(id, message(one)?)).is_err() {
                    break;
                }
                waiting.pop_front();
                open.insert(id);
            }
            match self.told(until).await? {
                Told::Published { id } if open.remove(&id) => {
                    until = Instant::now() + PATIENCE;
                    of(id).map_or(Ok(()), &mut arrived)?;
                }
                Told::Refused { id, why } if open.remove(&id) => {
                    if why.is_lasting() {
                        let topic = of(id).map(&message).transpose()?.map(|message| message.topic);
                        return Err(LineError::Refused { topic: topic.unwrap_or_default(), why }.into());
                    }
                    waiting.push_back(id);
                }
                told => self.note(told)?,
            }
        }
        Ok(())
    }

    /// Ends the connection in good order.
    pub(super) async fn close(mut self) {
        let _ = self.link.send(Order::Stop).await;
        while self.inbox.next().await.is_some() {}
    }

    /// Gives an order, while what is told is taken: neither may wait for the other.
    async fn order(&mut self, order: Order) -> Result<(), LineError> {
        let until = Instant::now() + PATIENCE;
        while let Err(Unsent::Full) = self.link.try_send(order.clone()) {
            let told = self.told(until).await?;
            self.note(told)?;
        }
        Ok(())
    }

    async fn told(&mut self, until: Instant) -> Result<Told, LineError> {
        let told = timeout_at(until, self.inbox.next()).await.ok().flatten();
        told.ok_or_else(|| LineError::Silent(self.trouble.clone()))
    }

    /// What is told besides answers.
    fn note(&mut self, told: Told) -> Result<(), LineError> {
        match told {
            Told::Up { .. } => (self.is_up, self.ups) = (true, self.ups + 1),
            Told::Down { why: why @ (Problem::Denied | Problem::IdentityInUse), .. } => {
                return Err(LineError::Problem(why));
            }
            Told::Down { why, .. } => (self.is_up, self.trouble) = (false, for_office(&why)),
            Told::Arrived(arrival) if arrival.payload.is_empty() => drop(self.heard.remove(&arrival.topic)),
            Told::Arrived(arrival) => drop(self.heard.insert(arrival.topic, arrival.payload)),
            Told::SubscribeRefused { filter, why } => {
                return Err(LineError::Unheard { topic: filter, why });
            }
            _ => {}
        }
        Ok(())
    }
}
