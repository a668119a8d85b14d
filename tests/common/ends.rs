//! The two ends of a connection to head office in tests: a kiosk and head office, as the
//! broker's shipped rules name them, with times that are short enough to wait for.

#![allow(dead_code)] // Each test file uses its own part.

use super::broker::Broker;
use aisle::sync::mqtt::{
    self, Arrival, Inbox, Limits, Link, Message, Options, Order, Pauses, Presence, Problem, Refusal, Session,
    Told,
};
use aisle::sync::tls::Tls;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

pub const KIOSK: &str = "acme/k/s042/k1";
pub const OFFICE: &str = "acme/office";
/// Nothing that must happen takes this long, even on a machine that has much else to do.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn topic(user: &str, end: &str) -> String {
    format!("aisle/v1/{user}/{end}")
}

pub fn limits() -> Limits {
    Limits {
        connect_within: Duration::from_secs(4),
        keep_alive: Duration::from_secs(5),
        grace: Duration::from_secs(1),
        answer_within: Duration::from_secs(3),
        stop_within: Duration::from_secs(2),
        pauses: Pauses {
            first: Duration::from_millis(20),
            longest: Duration::from_millis(100),
            calm: Duration::from_secs(5),
            denied: Duration::from_millis(500),
            taken: Duration::from_secs(600),
        },
        ..Limits::default()
    }
}

pub fn status(session: Session, online: bool) -> String {
    format!(r#"{{"online":{online},"session":"{session}"}}"#)
}

/// What a kiosk asks for, through `port`.
pub fn kiosk_options(tls: Tls, port: u16, user: &str) -> Options {
    let mut options = Options::new("127.0.0.1", port, user, tls);
    options.limits = limits();
    options.seed = Some(7);
    options.epoch = 3;
    options.subscriptions = vec![topic(user, "ack"), topic("acme/g/all", "catalog/manifest")];
    options.presence = Some(Presence {
        topic: topic(user, "status"),
        status: Arc::new(|session, online| status(session, online).into()),
    });
    options
}

pub fn office_options(broker: &Broker) -> Options {
    let mut options = Options::new("127.0.0.1", broker.port, OFFICE, broker.tls(OFFICE));
    options.limits = Limits { largest_sent: 4 << 20, ..limits() };
    options.subscriptions = vec![topic("acme/k/+/+", "status"), topic("acme/k/+/+", "telemetry")];
    options
}

/// One end of a connection, with what was told and not asked for yet.
pub struct End {
    pub link: Link,
    pub inbox: Inbox,
    next: u64,
}

impl End {
    pub fn open(options: Options) -> Self {
        let (link, inbox) = mqtt::open(options);
        Self { link, inbox, next: 1 }
    }

    pub async fn kiosk(broker: &Broker) -> Self {
        Self::open(kiosk_options(broker.tls(KIOSK), broker.port, KIOSK)).once_up().await
    }

    pub async fn office(broker: &Broker) -> Self {
        Self::open(office_options(broker)).once_up().await
    }

    pub async fn once_up(mut self) -> Self {
        self.up().await;
        self
    }

    pub async fn told(&mut self) -> Told {
        timeout(PATIENCE, self.inbox.next()).await.expect("something is told").expect("it goes on")
    }

    /// The first that `wanted` picks; what comes before is passed over.
    pub async fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&Told) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            match tokio::time::timeout_at(deadline, self.inbox.next()).await {
                Ok(Some(told)) => match wanted(&told) {
                    Some(wanted) => return wanted,
                    None => seen.push(format!("{told:.200?}")),
                },
                Ok(None) => panic!("it ended before {what}; told: {seen:#?}"),
                Err(_) => panic!("{what} never came; told: {seen:#?}"),
            }
        }
    }

    pub async fn up(&mut self) -> Session {
        self.until("up", |told| if let Told::Up { session } = told { Some(*session) } else { None }).await
    }

    pub async fn down(&mut self) -> Problem {
        self.until("down", |told| if let Told::Down { why, .. } = told { Some(why.clone()) } else { None })
            .await
    }

    pub async fn arrival(&mut self, topic: &str) -> Arrival {
        self.until(topic, |told| match told {
            Told::Arrived(arrival) if arrival.topic == topic => Some(arrival.clone()),
            _ => None,
        })
        .await
    }

    pub async fn says(&mut self, topic: &str, payload: &str) {
        self.until(&format!("{payload} on {topic}"), |told| match told {
            Told::Arrived(arrival) => (arrival.topic == topic && arrival.payload == payload).then_some(()),
            _ => None,
        })
        .await;
    }

    /// Sends a message; its id.
    pub async fn send(&mut self, message: Message) -> u64 {
        self.next += 1;
        self.link.send(Order::Publish(self.next, message)).await.expect("it takes orders");
        self.next
    }

    pub async fn answer(&mut self, asked: u64) -> Result<(), Refusal> {
        self.until(&format!("an answer to {asked}"), |told| match told {
            Told::Published { id } if *id == asked => Some(Ok(())),
            Told::Refused { id, why } if *id == asked => Some(Err(why.clone())),
            _ => None,
        })
        .await
    }

    pub async fn publish(&mut self, topic: &str, payload: impl Into<Vec<u8>>) -> Result<(), Refusal> {
        let id = self.send(message(topic, payload)).await;
        self.answer(id).await
    }

    /// Publishes until the broker has it, over as many connections as it takes.
    pub async fn insist(&mut self, message: Message) {
        loop {
            let id = self.send(message.clone()).await;
            match self.answer(id).await {
                Ok(()) => return,
                Err(Refusal::Down) => drop(self.up().await),
                Err(why) => assert!(!why.is_lasting(), "{why}"),
            }
        }
    }

    pub async fn stop(mut self) {
        self.link.send(Order::Stop).await.unwrap();
        timeout(PATIENCE, async { while self.inbox.next().await.is_some() {} }).await.expect("it stops");
        assert!(self.link.send(Order::Subscribe("x".into())).await.is_err(), "it takes no more orders");
    }
}

pub fn message(topic: &str, payload: impl Into<Vec<u8>>) -> Message {
    Message { topic: topic.to_owned(), payload: payload.into().into(), ..Message::default() }
}

/// Retained, as manifests and prices are.
pub fn kept(topic: &str, payload: &str) -> Message {
    Message { retain: true, ..message(topic, payload) }
}

/// That a message goes from the kiosk to head office and another one back.
pub async fn goes_both_ways(kiosk: &mut End, office: &mut End, text: &str) {
    // Each at its own time: the one that reconnects later would miss what is not retained.
    let deadline = Instant::now() + PATIENCE;
    let mut heard = (false, false);
    while heard != (true, true) {
        assert!(Instant::now() < deadline, "{text}: heard by office and kiosk: {heard:?}");
        for (end, user, name) in [(&*kiosk, KIOSK, "telemetry"), (&*office, KIOSK, "ack")] {
            let _ = end.link.try_send(Order::Publish(0, message(&topic(user, name), text)));
        }
        let until = Instant::now() + Duration::from_millis(200);
        let hears =
            |told: &Option<Told>| matches!(told, Some(Told::Arrived(arrival)) if arrival.payload == text);
        while Instant::now() < until && heard != (true, true) {
            tokio::select! {
                told = office.inbox.next() => heard.0 |= hears(&told),
                told = kiosk.inbox.next() => heard.1 |= hears(&told),
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }
}

/// That nothing is left running in this runtime.
pub async fn nothing_runs() {
    let metrics = tokio::runtime::Handle::current().metrics();
    let deadline = Instant::now() + PATIENCE;
    while metrics.num_alive_tasks() > 0 {
        assert!(Instant::now() < deadline, "{} tasks are left", metrics.num_alive_tasks());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
