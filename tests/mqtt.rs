//! The connection to head office against mosquitto, over TLS, with the files that the product
//! ships: who is let in, what may be said, and what is told of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/broker.rs"]
mod broker;
#[path = "common/ends.rs"]
mod ends;
#[path = "common/wire.rs"]
mod wire;

use aisle::sync::mqtt::{Login, Message, Options, Order, Problem, Refusal, Session, Told};
use aisle::sync::tls::{Roots, Tls};
use broker::{Authority, Broker, PASSWORD, USER};
use ends::*;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio::time::Instant;
use wire::{Fault, Wire};

#[tokio::test]
async fn a_kiosk_is_online_once_connected_and_offline_once_it_stops() {
    let broker = Broker::start();
    let mut office = End::office(&broker).await;
    let mut kiosk = End::open(kiosk_options(broker.tls(KIOSK), broker.port, KIOSK));
    let session = kiosk.up().await;
    assert_eq!(session, Session { epoch: 3, number: 1 });
    let place = topic(KIOSK, "status");
    office.says(&place, &status(session, true)).await;
    kiosk.stop().await;
    office.says(&place, &status(session, false)).await;
    // Whoever comes later sees it as well.
    office.stop().await;
    let mut late = End::office(&broker).await;
    let arrival = late.arrival(&place).await;
    assert_eq!((arrival.payload, arrival.retain), (status(session, false).into(), true));
    late.stop().await;
    nothing_runs().await;
}

#[tokio::test]
async fn a_clock_that_is_behind_is_not_asked_whether_a_certificate_holds() {
    let mut broker = Broker::start();
    // As a clock of long ago sees any certificate.
    let now = Timestamp::now();
    let tomorrow = now + SignedDuration::from_hours(24);
    broker.holds_from(tomorrow.into());
    let tls = broker.tls(KIOSK);
    let mut behind = End::open(kiosk_options(tls.clone(), broker.port, KIOSK));
    let why = behind.down().await;
    assert!(matches!(&why, Problem::NotTrusted { .. }) && why.to_string().contains("clock"), "{why}");
    behind.stop().await;
    let told = tls.not_before(tomorrow + SignedDuration::from_secs(1));
    let mut knows = End::open(kiosk_options(told, broker.port, KIOSK));
    knows.up().await;
    knows.stop().await;
    // A time that is past changes nothing; what was agreed with the broker before counts on.
    let again = broker.tls(KIOSK).not_before(now);
    let mut behind = End::open(kiosk_options(again, broker.port, KIOSK));
    assert!(matches!(behind.down().await, Problem::NotTrusted { .. }));
    behind.stop().await;
}

#[tokio::test]
async fn a_kiosk_that_is_cut_off_is_offline_by_its_will_and_comes_back() {
    let broker = Broker::start();
    let mut office = End::office(&broker).await;
    let wire = Wire::to(broker.port).await;
    let mut kiosk = End::open(kiosk_options(broker.tls(KIOSK), wire.port, KIOSK));
    let first = kiosk.up().await;
    let place = topic(KIOSK, "status");
    office.says(&place, &status(first, true)).await;
    wire.set(Fault { refuses: true, ..Fault::default() });
    wire.cut();
    office.says(&place, &status(first, false)).await;
    assert!(matches!(kiosk.down().await, Problem::Cut { .. } | Problem::Broken { .. }));
    wire.heal();
    let second = kiosk.up().await;
    assert!(second > first);
    office.says(&place, &status(second, true)).await;
}

#[tokio::test]
async fn an_old_will_that_comes_late_does_not_bury_a_new_birth() {
    let broker = Broker::start();
    let mut office = End::office(&broker).await;
    let wire = Wire::to(broker.port).await;
    let mut kiosk = End::open(kiosk_options(broker.tls(KIOSK), wire.port, KIOSK));
    let first = kiosk.up().await;
    // The kiosk gives the connection up; the broker holds it for open until the next takes over.
    wire.set(Fault::STOPPED);
    kiosk.until("silence", |told| matches!(told, Told::Down { .. }).then_some(())).await;
    wire.heal();
    let second = kiosk.up().await;
    let place = topic(KIOSK, "status");
    office.says(&place, &status(second, true)).await;
    // As a cluster of brokers may do it: the will of the first connection, after the second's birth.
    office.insist(kept(&place, &status(first, false))).await;
    office.says(&place, &status(second, true)).await;
    kiosk.publish(&topic(KIOSK, "telemetry"), "still here").await.unwrap();
    let mut late = End::open(Options { client: "late".into(), ..office_options(&broker) });
    assert_eq!(late.arrival(&place).await.payload, status(second, true));
}

#[tokio::test]
async fn a_status_that_the_kiosk_publishes_itself_stays() {
    let broker = Broker::start();
    let mut office = End::office(&broker).await;
    let mut kiosk = End::kiosk(&broker).await;
    let place = topic(KIOSK, "status");
    kiosk.insist(kept(&place, "busy")).await;
    office.says(&place, "busy").await;
    office.insist(kept(&place, "something else")).await;
    office.says(&place, "busy").await;
    // The last word is the kiosk's, and it is said once.
    kiosk.publish(&topic(KIOSK, "telemetry"), "done").await.unwrap();
    match office.told().await {
        Told::Arrived(arrival) => assert_eq!(arrival.payload, "done"),
        told => panic!("{told:?}"),
    }
}

#[tokio::test]
async fn a_status_in_a_foreign_place_is_refused_and_the_rest_works() {
    let broker = Broker::start();
    let mut office = End::office(&broker).await;
    let mut options = kiosk_options(broker.tls(KIOSK), broker.port, KIOSK);
    if let Some(presence) = &mut options.presence {
        presence.topic = topic("acme/k/s042/k2", "status");
    }
    let mut kiosk = End::open(options).once_up().await;
    let refused = kiosk.until("a refusal", |told| match told {
        Told::StatusRefused { why } => Some(why.clone()),
        _ => None,
    });
    assert_eq!(refused.await, Refusal::NotAllowed);
    goes_both_ways(&mut kiosk, &mut office, "all the same").await;
    kiosk.stop().await;
}

#[tokio::test]
async fn a_kiosk_writes_only_below_its_own_prefix() {
    let broker = Broker::start();
    let mut office = End::office(&broker).await;
    let mut kiosk = End::kiosk(&broker).await;
    let (own, foreign) = (topic(KIOSK, "telemetry"), topic("acme/k/s042/k2", "telemetry"));
    for place in [foreign.as_str(), "aisle/v1/acme/keys", "aisle/v1/acme/g/all/catalog/manifest"] {
        assert_eq!(kiosk.publish(place, "not mine").await, Err(Refusal::NotAllowed), "{place}");
    }
    assert_eq!(kiosk.publish("aisle/+/x", "no topic").await, Err(Refusal::Topic));
    // More refusals than there are packet numbers, and all that is allowed still goes.
    for n in 0..40 {
        let id = kiosk.send(message(&foreign, "not mine")).await;
        assert_eq!(kiosk.publish(&own, format!("mine {n}")).await, Ok(()));
        assert!(id > 0);
    }
    for n in 0..40 {
        assert_eq!(office.arrival(&own).await.payload, format!("mine {n}"));
    }
    // What it may not read it does not get, whatever it subscribes.
    kiosk.link.send(Order::Subscribe(topic("acme/k/s042/k2", "#"))).await.unwrap();
    kiosk.link.send(Order::Subscribe("not/#/a/filter".into())).await.unwrap();
    let refused = kiosk.until("a refusal", |told| match told {
        Told::SubscribeRefused { filter, why } => Some((filter.clone(), why.clone())),
        _ => None,
    });
    assert_eq!(refused.await, ("not/#/a/filter".into(), Refusal::Topic));
    office.publish(&topic("acme/k/s042/k2", "ack"), "for another").await.unwrap();
    office.publish(&topic(KIOSK, "ack"), "for this one").await.unwrap();
    let first = kiosk.until("a message", |told| match told {
        Told::Arrived(arrival) => Some(arrival.payload.clone()),
        _ => None,
    });
    assert_eq!(first.await, "for this one");
}

#[tokio::test]
async fn a_request_and_its_answer_find_each_other() {
    let broker = Broker::start();
    let mut office = End::office(&broker).await;
    let mut kiosk = End::kiosk(&broker).await;
    let request = Message {
        response_topic: Some(topic(KIOSK, "ack")),
        correlation: Some(b"\x00\xff\x07"[..].into()),
        expiry: Some(Duration::from_secs(5)),
        ..message(&topic(KIOSK, "telemetry"), "who is 12345678?")
    };
    kiosk.insist(request).await;
    let asked = office.arrival(&topic(KIOSK, "telemetry")).await;
    let answer =
        Message { correlation: asked.correlation, ..message(&asked.response_topic.unwrap(), "a friend") };
    office.insist(answer).await;
    let answered = kiosk.arrival(&topic(KIOSK, "ack")).await;
    assert_eq!(answered.correlation.unwrap(), &b"\x00\xff\x07"[..]);
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why() {
    let broker = Broker::start();
    let down = async |options: Options| {
        let mut end = End::open(options);
        let why = end.down().await;
        end.stop().await;
        why
    };
    let plain = || kiosk_options(broker.plain_tls(), broker.port, KIOSK);
    let why = down(plain()).await;
    assert!(matches!(why, Problem::CertificateRefused { .. }), "no certificate: {why}");
    // One that somebody else signed.
    let other = Authority::new();
    std::fs::create_dir(broker.path().join("other")).unwrap();
    let forged = other.certify(&broker.path().join("other"), "forged", KIOSK);
    let tls = Tls::new(&Roots::File(broker.ca()), Some(&forged)).unwrap();
    let why = down(kiosk_options(tls, broker.port, KIOSK)).await;
    assert!(matches!(why, Problem::CertificateRefused { .. }), "forged: {why}");
    // A broker that somebody else vouches for.
    std::fs::write(broker.path().join("other/ca.pem"), other.pem()).unwrap();
    let tls = Tls::new(&Roots::File(broker.path().join("other/ca.pem")), None).unwrap();
    let why = down(kiosk_options(tls, broker.password_port, KIOSK)).await;
    assert!(matches!(why, Problem::NotTrusted { .. }), "another authority: {why}");
    // Users and passwords.
    let login = |user: &str, password: &str| {
        let login = Login { user: user.into(), password: password.into() };
        Options { port: broker.password_port, client: user.into(), login: Some(login), ..plain() }
    };
    assert_eq!(down(login(USER, "wrong")).await, Problem::Denied);
    assert_eq!(down(login("acme/k/s042/nobody", PASSWORD)).await, Problem::Denied);
    assert_eq!(down(Options { port: broker.password_port, ..plain() }).await, Problem::Denied);
    let mut known = End::open(Options { subscriptions: vec![], presence: None, ..login(USER, PASSWORD) });
    known.up().await;
    assert_eq!(known.publish(&topic(USER, "telemetry"), "me").await, Ok(()));
    assert_eq!(known.publish(&topic(KIOSK, "telemetry"), "me").await, Err(Refusal::NotAllowed));
    // Nobody there. A label of a name has 63 letters at most, so that no name server need be asked.
    let host = format!("{}.example", "x".repeat(64));
    assert_eq!(down(Options { host: host.clone(), ..plain() }).await, Problem::HostUnknown { host });
    let why = down(Options { port: broker::free_port(), ..plain() }).await;
    assert!(matches!(why, Problem::Unreachable { .. }), "{why}");
}

#[tokio::test]
async fn a_file_that_is_not_right_is_named() {
    let broker = Broker::start();
    let identity = broker.identity(KIOSK);
    let other = broker.identity("acme/k/s042/k2");
    let roots = Roots::File(broker.ca());
    let missing = broker.path().join("missing.pem");
    let mixed = aisle::sync::tls::Identity { key: other.key, ..identity.clone() };
    let swapped = aisle::sync::tls::Identity { key: identity.certificate.clone(), ..identity.clone() };
    let damaged = broker.path().join("damaged.pem");
    let text = std::fs::read_to_string(broker.ca()).unwrap();
    std::fs::write(&damaged, text.replace("\nMII", "\n!!!")).unwrap();
    let no_certificate = Roots::File(identity.key.clone());
    for (result, words) in [
        (Tls::new(&Roots::File(missing), None), "missing.pem cannot be read"),
        (Tls::new(&no_certificate, None), "holds no certificate"),
        (Tls::new(&Roots::File(damaged), None), "damaged.pem is damaged"),
        (Tls::new(&roots, Some(&mixed)), "is not the key of"),
        (Tls::new(&roots, Some(&swapped)), "holds no private key"),
    ] {
        let line = result.unwrap_err().to_string();
        assert!(line.contains(words) && !line.contains('\n'), "{line}");
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_and_the_connection_stays() {
    let broker = Broker::start();
    let mut office = End::office(&broker).await;
    let mut kiosk = End::kiosk(&broker).await;
    let (own, ack) = (topic(KIOSK, "telemetry"), topic(KIOSK, "ack"));
    let why = kiosk.publish(&own, vec![0; 300_000]).await.unwrap_err();
    assert!(matches!(why, Refusal::TooLarge { limit: 262_144, .. }), "{why}");
    // Head office may send more than a kiosk, but not more than the broker takes.
    let why = office.publish(&ack, vec![0; 2_000_000]).await.unwrap_err();
    assert!(matches!(why, Refusal::TooLarge { limit: 1_048_576, .. }), "{why}");
    // The last byte that fits: type, length in 3 bytes, topic with its length, number, no properties.
    let most = 1_048_576 - (1 + 3 + 2 + ack.len() + 2 + 1);
    assert_eq!(office.publish(&ack, vec![0; most]).await, Ok(()));
    let why = office.publish(&ack, vec![0; most + 1]).await.unwrap_err();
    assert_eq!(why, Refusal::TooLarge { bytes: 1_048_577, limit: 1_048_576 });
    // The kiosk never got it; what follows it gets, in the same session.
    office.publish(&ack, "small").await.unwrap();
    match kiosk.told().await {
        Told::Arrived(arrival) => assert_eq!(arrival.payload, "small"),
        told => panic!("{told:?}"),
    }
    kiosk.publish(&own, "small").await.unwrap();
}

#[tokio::test]
async fn two_with_one_identity_do_not_fight() {
    let broker = Broker::start();
    let mut ends = [End::kiosk(&broker).await, End::kiosk(&broker).await];
    let mut office = End::office(&broker).await;
    // They send each other away until one knows why, and leaves the place to the other.
    let deadline = Instant::now() + PATIENCE;
    let loser = loop {
        let [first, second] = &mut ends;
        let (who, told) = tokio::select! {
            told = first.inbox.next() => (0, told),
            told = second.inbox.next() => (1, told),
            () = tokio::time::sleep_until(deadline) => panic!("they fight for ever"),
        };
        if let Told::Down { why: Problem::IdentityInUse, pause } = told.expect("it goes on") {
            assert!(pause >= Duration::from_secs(120), "{pause:?}");
            break who;
        }
    };
    goes_both_ways(&mut ends[1 - loser], &mut office, "the other").await;
    let [first, second] = ends;
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn what_an_earlier_program_left_is_nobody_elses() {
    let broker = Broker::start();
    End::kiosk(&broker).await.stop().await;
    let wire = Wire::to(broker.port).await;
    wire.set(Fault { refuses: true, ..Fault::default() });
    let mut kiosk = End::open(kiosk_options(broker.tls(KIOSK), wire.port, KIOSK));
    kiosk.down().await;
    wire.heal();
    for _ in 0..3 {
        kiosk.up().await;
        kiosk.publish(&topic(KIOSK, "telemetry"), "here").await.unwrap();
        wire.cut();
        assert!(matches!(kiosk.down().await, Problem::Cut { .. } | Problem::Broken { .. }));
    }
}

#[tokio::test]
async fn a_slow_reader_loses_nothing_and_keeps_its_connection() {
    let broker = Broker::start();
    let mut office = End::office(&broker).await;
    let mut kiosk = End::kiosk(&broker).await;
    let place = topic(KIOSK, "ack");
    for n in 0..300 {
        office.publish(&place, format!("{n}")).await.unwrap();
    }
    // Longer than the broker waits for somebody who neither reads nor pings: 1.5 times 5 s.
    tokio::time::sleep(Duration::from_secs(9)).await;
    for n in 0..300 {
        match kiosk.told().await {
            Told::Arrived(arrival) => assert_eq!(arrival.payload, format!("{n}")),
            told => panic!("{told:?}"),
        }
    }
    kiosk.publish(&topic(KIOSK, "telemetry"), "here").await.unwrap();
}

#[tokio::test]
async fn many_subscriptions_are_made_and_made_again() {
    let broker = Broker::start();
    let mut office = End::office(&broker).await;
    let wire = Wire::to(broker.port).await;
    let mut options = kiosk_options(broker.tls(KIOSK), wire.port, KIOSK);
    options.subscriptions.extend((0..100).map(|n| topic("acme/g/all", &format!("catalog/c/{n}"))));
    let mut kiosk = End::open(options).once_up().await;
    kiosk.link.send(Order::Subscribe(topic("acme/g/all", "catalog/c/100"))).await.unwrap();
    kiosk.link.send(Order::Unsubscribe(topic("acme/g/all", "catalog/c/50"))).await.unwrap();
    wire.cut();
    kiosk.down().await;
    kiosk.up().await;
    for n in [50, 0, 99, 100] {
        office.publish(&topic("acme/g/all", &format!("catalog/c/{n}")), format!("{n}")).await.unwrap();
    }
    for n in [0, 99, 100] {
        let first = kiosk.until("a chunk", |told| match told {
            Told::Arrived(arrival) => Some(arrival.payload.clone()),
            _ => None,
        });
        assert_eq!(first.await, format!("{n}"), "50 is subscribed no more");
    }
}
