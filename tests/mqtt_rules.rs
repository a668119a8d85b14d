//! The connection to head office against a broker that does what brokers do not, or what
//! mosquitto cannot be brought to do: refuses, forgets, answers in disorder, talks nonsense.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/broker.rs"]
mod broker;
#[path = "common/false_broker.rs"]
mod false_broker;

use aisle::sync::mqtt::{self, Inbox, Limits, Link, Message, Options, Order, Pauses, Problem, Refusal, Told};
use false_broker::{CONNACK, FalseBroker, PINGREQ, PUBLISH, Peer, puback, publish, suback};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout};

const PATIENCE: Duration = Duration::from_secs(30);

fn open(broker: &FalseBroker, change: impl FnOnce(&mut Options)) -> (Link, Inbox) {
    let mut options = Options::new("127.0.0.1", broker.port, "kiosk", broker.tls());
    options.subscriptions = vec!["a".into()];
    options.limits = Limits {
        keep_alive: Duration::from_secs(5),
        grace: Duration::from_secs(1),
        answer_within: Duration::from_secs(1),
        pauses: Pauses {
            first: Duration::from_millis(2),
            longest: Duration::from_millis(10),
            denied: Duration::from_millis(10),
            taken: Duration::from_millis(10),
            ..Pauses::default()
        },
        ..Limits::default()
    };
    change(&mut options);
    mqtt::open(options)
}

async fn told(inbox: &mut Inbox) -> Told {
    timeout(PATIENCE, inbox.next()).await.expect("something is told").expect("it goes on")
}

async fn is_up(inbox: &mut Inbox) {
    while !matches!(told(inbox).await, Told::Up { .. }) {}
}

fn message(payload: &str) -> Message {
    Message { topic: "t".into(), payload: payload.to_owned().into(), ..Message::default() }
}

#[tokio::test]
async fn a_refused_subscription_is_told_by_name() {
    let broker = FalseBroker::start(async |mut peer: Peer| {
        let _ = async {
            peer.read().await?;
            peer.write(CONNACK).await;
            let asked = peer.read().await?;
            // Granted with QoS 1, not authorized, granted with QoS 0 only, quota exceeded.
            peer.write(&suback(asked.number(), &[1, 0x87, 0, 0x97])).await;
            peer.behave().await
        }
        .await;
    })
    .await;
    let (_link, mut inbox) = open(&broker, |options| {
        options.subscriptions = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    });
    assert!(matches!(told(&mut inbox).await, Told::Up { .. }));
    let refused = |filter: &str, why| Told::SubscribeRefused { filter: filter.into(), why };
    assert_eq!(told(&mut inbox).await, refused("b", Refusal::NotAllowed));
    assert_eq!(told(&mut inbox).await, refused("d", Refusal::Quota));
}

#[tokio::test]
async fn a_broker_that_answers_pings_and_nothing_else_is_left() {
    let broker = FalseBroker::start(async |mut peer: Peer| {
        let _ = async {
            peer.welcome(CONNACK, 1).await?;
            while let Some(packet) = peer.read().await {
                if packet.kind() == PINGREQ {
                    peer.write(&[0xd0, 0]).await;
                }
            }
            Some(())
        }
        .await;
    })
    .await;
    let (link, mut inbox) = open(&broker, |_| ());
    is_up(&mut inbox).await;
    link.send(Order::Publish(1, message("heard?"))).await.unwrap();
    assert_eq!(told(&mut inbox).await, Told::Refused { id: 1, why: Refusal::Cut });
    assert!(matches!(told(&mut inbox).await, Told::Down { why: Problem::Silent { .. }, .. }));
}

#[tokio::test]
async fn a_broker_that_never_answers_a_subscription_is_left() {
    let broker = FalseBroker::start(async |mut peer: Peer| {
        peer.read().await;
        peer.write(CONNACK).await;
        while peer.read().await.is_some() {}
    })
    .await;
    let (_link, mut inbox) = open(&broker, |_| ());
    assert!(matches!(told(&mut inbox).await, Told::Down { why: Problem::Silent { .. }, .. }));
}

#[tokio::test]
async fn a_broker_that_wants_no_pings_is_not_flooded_with_them() {
    // A server keep-alive of 0.
    let greeting = [0x20, 6, 0, 0, 3, 0x13, 0, 0];
    let broker = FalseBroker::start(move |mut peer: Peer| async move {
        let _ = async {
            peer.welcome(&greeting, 1).await?;
            peer.behave().await
        }
        .await;
    })
    .await;
    let (link, mut inbox) = open(&broker, |_| ());
    is_up(&mut inbox).await;
    for id in 0..100 {
        link.send(Order::Publish(id, message("x"))).await.unwrap();
        assert_eq!(told(&mut inbox).await, Told::Published { id });
    }
}

#[tokio::test]
async fn answers_in_any_order_and_refusals_wedge_nothing() {
    // A receive maximum of 3: three packet numbers, so that each is used again at once.
    let greeting = [0x20, 6, 0, 0, 3, 0x21, 0, 3];
    let broker = FalseBroker::start(move |mut peer: Peer| async move {
        let mut random = fastrand::Rng::with_seed(5);
        let _ = async {
            peer.welcome(&greeting, 1).await?;
            let mut open = Vec::new();
            loop {
                match timeout(Duration::from_millis(3), peer.read()).await {
                    Ok(Some(packet)) if packet.kind() == PUBLISH => open.push(packet.number()),
                    Ok(Some(_)) => {}
                    Ok(None) => return Some(()),
                    // Nothing more comes before an answer goes.
                    Err(_) if open.is_empty() => {}
                    Err(_) => {
                        let number = open.swap_remove(random.usize(..open.len()));
                        peer.write(&puback(number, if random.bool() { 0 } else { 0x87 })).await;
                    }
                }
            }
        }
        .await;
    })
    .await;
    let (link, mut inbox) = open(&broker, |options| options.limits.answer_within = PATIENCE);
    is_up(&mut inbox).await;
    let sending = tokio::spawn(async move {
        for id in 0..300 {
            link.send(Order::Publish(id, message("x"))).await.unwrap();
        }
        link
    });
    let mut answered = vec![0; 300];
    let mut refused = 0;
    for _ in 0..300 {
        match told(&mut inbox).await {
            Told::Published { id } => answered[id as usize] += 1,
            Told::Refused { id, why: Refusal::NotAllowed } => {
                answered[id as usize] += 1;
                refused += 1;
            }
            told => panic!("{told:?}"),
        }
    }
    assert!(answered.iter().all(|count| *count == 1), "each once: {answered:?}");
    assert!((50..250).contains(&refused), "{refused}");
    drop(sending.await);
}

#[tokio::test]
async fn nothing_that_a_broker_sends_stops_the_kiosk_for_good() {
    let rounds = 300;
    let served = Arc::new(AtomicUsize::new(0));
    let count = served.clone();
    let broker = FalseBroker::start(move |mut peer: Peer| {
        let round = count.fetch_add(1, Ordering::SeqCst);
        async move {
            let mut random = fastrand::Rng::with_seed(round as u64);
            let _ = async {
                if round >= rounds {
                    peer.welcome(CONNACK, 1).await?;
                    peer.write(&publish("a", 1, b"at last")).await;
                    return peer.behave().await;
                }
                // A good packet with some bytes changed, cut short or doubled; or any bytes.
                let mut bytes = match random.u8(0..8) {
                    0 => CONNACK.to_vec(),
                    1 => suback([0, random.u8(0..3)], &[1]),
                    2 => puback([0, random.u8(0..20)], random.u8(..)),
                    3 => publish("a", random.u16(0..3), b"payload"),
                    // A second greeting that asks for a ping at every moment, or for huge packets.
                    4 => vec![0x20, 6, 0, 0, 3, 0x13, 0, 0],
                    5 => vec![0x30, 0xff, 0xff, 0xff, 0x7f],
                    6 => vec![0xe0, 2, random.u8(..), 0],
                    _ => (0..random.usize(1..64)).map(|_| random.u8(..)).collect(),
                };
                for _ in 0..random.usize(0..4) {
                    let at = random.usize(..bytes.len());
                    match random.u8(0..3) {
                        0 => bytes[at] = random.u8(..),
                        1 => bytes.truncate(at.max(1)),
                        _ => bytes.extend_from_within(at..),
                    }
                }
                // In the place of the greeting, or after it, or once all is well.
                peer.read().await?;
                match round % 3 {
                    0 => {}
                    1 => peer.write(CONNACK).await,
                    _ => {
                        peer.write(CONNACK).await;
                        let asked = peer.read().await?;
                        peer.write(&suback(asked.number(), &[1])).await;
                    }
                }
                peer.write(&bytes).await;
                // It may be left at once, or wait for more; then the wire is cut.
                let _ =
                    timeout(Duration::from_millis(3), async { while peer.read().await.is_some() {} }).await;
                Some(())
            }
            .await;
        }
    })
    .await;
    let (link, mut inbox) = open(&broker, |_| ());
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "stuck after {} rounds", served.load(Ordering::SeqCst));
        let _ = link.try_send(Order::Publish(1, message("x")));
        match told(&mut inbox).await {
            Told::Arrived(arrival) if arrival.payload == "at last" => break,
            _ => {}
        }
    }
    assert!(served.load(Ordering::SeqCst) > rounds);
}
