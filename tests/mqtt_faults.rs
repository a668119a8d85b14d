//! The connection to head office against mosquitto, over TLS, while the broker and the wire
//! fail: frozen, killed, without memory, cut anywhere, and all of it at random.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/broker.rs"]
mod broker;
#[path = "common/ends.rs"]
mod ends;
#[path = "common/wire.rs"]
mod wire;

use aisle::sync::mqtt::{Order, Problem, Refusal, Told};
use broker::Broker;
use ends::*;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use wire::{Fault, Wire};

#[tokio::test]
async fn a_broker_that_is_frozen_while_one_connects_is_given_up() {
    let broker = Broker::start();
    broker.freeze();
    let mut options = kiosk_options(broker.tls(KIOSK), broker.port, KIOSK);
    options.limits.connect_within = Duration::from_secs(1);
    let mut kiosk = End::open(options);
    for _ in 0..2 {
        assert!(matches!(kiosk.down().await, Problem::NoAnswer { .. }));
    }
    broker.thaw();
    kiosk.up().await;
    let mut office = End::office(&broker).await;
    goes_both_ways(&mut kiosk, &mut office, "awake").await;
}

#[tokio::test]
async fn a_broker_that_is_frozen_in_a_quiet_hour_is_noticed() {
    let broker = Broker::start();
    let mut kiosk = End::kiosk(&broker).await;
    // Nothing is on its way any more: only pings are left to tell.
    kiosk.publish(&topic(KIOSK, "telemetry"), "good night").await.unwrap();
    let since = Instant::now();
    broker.freeze();
    let why = kiosk.down().await;
    assert!(matches!(why, Problem::Silent { .. }), "{why}");
    // A ping each 5 s, a second of grace; the library alone takes two pings.
    assert!(since.elapsed() < Duration::from_secs(9), "{:?}", since.elapsed());
    broker.thaw();
    kiosk.up().await;
    let mut office = End::office(&broker).await;
    goes_both_ways(&mut kiosk, &mut office, "awake").await;
}

#[tokio::test]
async fn a_broker_that_is_frozen_with_a_full_socket_is_noticed() {
    let broker = Broker::start();
    let wire = Wire::to(broker.port).await;
    let mut options = kiosk_options(broker.tls(KIOSK), wire.port, KIOSK);
    options.limits.largest_sent = 1 << 20;
    let mut kiosk = End::open(options);
    kiosk.up().await;
    wire.set(Fault { stops_up: true, ..Fault::default() });
    // 4 at a time are sent: more than any socket holds whose other end does not read.
    let large = message(&topic(KIOSK, "telemetry"), vec![b'x'; 1_000_000]);
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(kiosk.send(large.clone()).await);
    }
    let since = Instant::now();
    // Each is answered, those too that wait for the window.
    for id in ids {
        let why = kiosk.answer(id).await.unwrap_err();
        assert!(matches!(why, Refusal::Cut | Refusal::Down), "{why}");
    }
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    wire.heal();
    let mut office = End::office(&broker).await;
    goes_both_ways(&mut kiosk, &mut office, "flows").await;
}

#[tokio::test]
async fn a_broker_that_is_killed_and_comes_back_is_found_again() {
    let mut broker = Broker::start();
    let mut office = End::office(&broker).await;
    let mut kiosk = End::kiosk(&broker).await;
    let manifest = topic("acme/g/all", "catalog/manifest");
    office.insist(kept(&manifest, "version 7")).await;
    kiosk.says(&manifest, "version 7").await;
    let deadline = Instant::now() + PATIENCE;
    while !broker.has_saved("version 7") {
        assert!(Instant::now() < deadline, "the broker never saves");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    broker.kill();
    kiosk.down().await;
    broker.restart();
    let again = kiosk.arrival(&manifest).await;
    assert_eq!((again.payload, again.retain), ("version 7".into(), true));
    goes_both_ways(&mut kiosk, &mut office, "after a kill").await;
    // Without what it had kept: head office says it again, and it is there.
    broker.kill();
    broker.forget();
    broker.restart();
    goes_both_ways(&mut kiosk, &mut office, "after it lost its memory").await;
    office.insist(kept(&manifest, "version 8")).await;
    kiosk.says(&manifest, "version 8").await;
}

#[tokio::test]
async fn a_cut_at_any_byte_leaves_nothing_behind() {
    let broker = Broker::start();
    let wire = Wire::to(broker.port).await;
    let mut options = kiosk_options(broker.tls(KIOSK), wire.port, KIOSK);
    options.limits.pauses.longest = Duration::from_millis(4);
    let mut kiosk = End::open(options);
    kiosk.up().await;
    let (up, down) = wire.passed();
    // From the first byte to well beyond the greeting, both ways.
    let mut random = fastrand::Rng::with_seed(42);
    let places = |whole: u64| (0..32).map(move |n| n * (whole + 400) / 32);
    for (n, bytes) in places(down).enumerate().chain(places(up).enumerate()) {
        let bytes = Some(bytes + random.u64(0..16));
        let fault = if n % 2 == 0 {
            Fault { cut_down: bytes, ..Fault::default() }
        } else {
            Fault { cut_up: bytes, ..Fault::default() }
        };
        wire.set(fault);
        wire.cut();
        // The one that was there, and the next, which gets as far as it gets.
        let mut downs = 0;
        while downs < 2 {
            match kiosk.told().await {
                Told::Down { .. } => downs += 1,
                // So that bytes pass: there and, as answers, back.
                Told::Up { .. } | Told::Published { .. } => {
                    kiosk.send(message(&topic(KIOSK, "telemetry"), "more")).await;
                }
                _ => {}
            }
        }
    }
    wire.heal();
    let mut office = End::office(&broker).await;
    goes_both_ways(&mut kiosk, &mut office, "whole").await;
    kiosk.stop().await;
    office.stop().await;
    drop(wire);
    nothing_runs().await;
}

#[tokio::test]
async fn it_stops_whatever_it_is_doing() {
    let mut broker = Broker::start();
    let wire = Wire::to(broker.port).await;
    let options = || kiosk_options(broker.tls(KIOSK), wire.port, KIOSK);
    let quickly = async |end: End| {
        let since = Instant::now();
        end.stop().await;
        assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
    };
    // With what was asked just before still on its way.
    let mut kiosk = End::open(options()).once_up().await;
    let id = kiosk.send(message(&topic(KIOSK, "telemetry"), "goodbye")).await;
    kiosk.link.send(Order::Stop).await.unwrap();
    assert!(matches!(kiosk.answer(id).await, Ok(()) | Err(Refusal::Stopped)));
    quickly(kiosk).await;
    // With a wire that takes nothing more.
    let kiosk = End::open(options()).once_up().await;
    wire.set(Fault::STOPPED);
    quickly(kiosk).await;
    // While it connects.
    let kiosk = End::open(options());
    quickly(kiosk).await;
    wire.heal();
    // With handles that are dropped.
    let kiosk = End::open(options()).once_up().await;
    drop(kiosk);
    let End { link, mut inbox, .. } = End::open(options()).once_up().await;
    drop(link);
    while timeout(PATIENCE, inbox.next()).await.expect("it ends").is_some() {}
    // Without a broker, in a long pause, orders waiting.
    let mut options = options();
    options.limits.pauses.first = Duration::from_secs(600);
    options.limits.pauses.longest = Duration::from_secs(600);
    broker.kill();
    let mut kiosk = End::open(options);
    kiosk.down().await;
    let id = kiosk.send(message(&topic(KIOSK, "telemetry"), "too late")).await;
    assert_eq!(kiosk.answer(id).await, Err(Refusal::Down));
    quickly(kiosk).await;
    drop(wire);
    nothing_runs().await;
}

/// Faults in a row, drawn anew from the seed; each lasts a few milliseconds.
#[tokio::test]
async fn after_300_random_faults_messages_go_both_ways() {
    let mut broker = Broker::start();
    let wire = Wire::to(broker.port).await;
    let mut options = kiosk_options(broker.tls(KIOSK), wire.port, KIOSK);
    options.limits.pauses.longest = Duration::from_millis(50);
    options.limits.connect_within = Duration::from_secs(2);
    let mut kiosk = End::open(options);
    let mut office = End::office(&broker).await;
    let mut random = fastrand::Rng::with_seed(20_260_726);
    let (mut downs, mut slowest) = (0, Duration::ZERO);
    for n in 0..300_u32 {
        match random.u32(0..12) {
            0 | 1 => wire.cut(),
            2 => wire.half_close(),
            3 => wire.set(Fault { cut_down: Some(random.u64(0..6000)), ..Fault::default() }),
            4 => wire.set(Fault { cut_up: Some(random.u64(0..6000)), ..Fault::default() }),
            5 => wire.set(Fault { stops_up: true, ..Fault::default() }),
            6 => wire.set(Fault { stops_down: true, ..Fault::default() }),
            7 => wire.set(Fault { delay: Duration::from_millis(random.u64(1..30)), ..Fault::default() }),
            8 => {
                wire.set(Fault { refuses: true, ..Fault::default() });
                wire.cut();
            }
            9 => broker.freeze(),
            10 if random.u8(0..4) == 0 => {
                broker.kill();
                if random.bool() {
                    broker.forget();
                }
                broker.restart();
            }
            _ => {
                let text = vec![b'x'; random.usize(0..100_000)];
                let _ = kiosk.link.try_send(Order::Publish(1, message(&topic(KIOSK, "telemetry"), text)));
            }
        }
        // Some time for it, in which both ends go on reading.
        let until = Instant::now() + Duration::from_millis(random.u64(0..40));
        loop {
            tokio::select! {
                told = kiosk.inbox.next() => {
                    downs += u32::from(matches!(told.expect("it goes on"), Told::Down { .. }));
                    let _ = kiosk.link.try_send(Order::Publish(2, message(&topic(KIOSK, "telemetry"), "x")));
                }
                told = office.inbox.next() => drop(told.expect("it goes on")),
                () = tokio::time::sleep_until(until) => break,
            }
        }
        broker.thaw();
        wire.heal();
        if n % 20 == 19 {
            let since = Instant::now();
            goes_both_ways(&mut kiosk, &mut office, &format!("after fault {n}")).await;
            slowest = slowest.max(since.elapsed());
        }
    }
    println!("300 faults, {downs} connections lost, slowest way back {slowest:?}");
    assert!(downs > 50, "the faults are felt: {downs}");
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    kiosk.stop().await;
    office.stop().await;
    drop(wire);
    nothing_runs().await;
}
