//! An event reaches head office's database exactly once, whatever happens on the way: against
//! mosquitto over TLS, with the real outbox, line, collector and database. Collectors and kiosks
//! that are to be killed are processes of their own: this program again, told by its environment
//! what to be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/broker.rs"]
mod broker;
#[path = "common/ends.rs"]
mod ends;
#[path = "common/line.rs"]
mod line;
#[path = "common/wire.rs"]
mod wire;

use aisle::store::Lane;
use aisle::sync::mqtt::{Message, Order, Told};
use broker::Broker;
use ends::{End, PATIENCE, message, nothing_runs, office_options, topic};
use line::*;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use wire::{Fault, Wire};

#[tokio::test]
async fn what_is_put_in_is_in_the_database_once_and_leaves_the_outbox() {
    let broker = Broker::start();
    let shop = Shop::new();
    let collector = collector(&broker, &shop, 1);
    let kiosk = kiosk(&broker, &shop, broker.port);
    let waker = kiosk.waker();
    shop.put(30);
    waker.wake();
    shop.settles().await;
    shop.put_order("k1-7");
    waker.wake();
    shop.settles().await;
    assert_eq!(shop.office.orders("s042", "k1-7").unwrap().len(), 1);
    assert_eq!(
        shop.office.stock("s042", "DA-1").unwrap(),
        Some((Some(40), 6)),
        "counts and sales took effect"
    );
    let figures = *collector.figures().borrow();
    assert_eq!((figures.new, figures.refused, figures.unreadable), (31, 0, 0));
    // Head office sees it.
    until("its status is there", || shop.fleet().iter().any(|kiosk| kiosk.waiting == 0)).await;
    let [row] = &shop.fleet()[..] else { panic!("one kiosk") };
    assert_eq!((row.kiosk.as_str(), row.program.as_deref()), ("k1", Some("0.1.0")));
    kiosk.stop().await;
    until("it said goodbye", || !shop.office.kiosks().unwrap()[0].online).await;
    collector.stop().await;
    nothing_runs().await;
}

#[tokio::test]
async fn what_head_office_cannot_take_is_refused_by_its_id_and_the_rest_goes() {
    let broker = Broker::start();
    let shop = Shop::new();
    let _collector = collector(&broker, &shop, 1);
    shop.put(5);
    for body in [r#"{"kind":"from_the_future"}"#, r#"{"kind":"recommended","shown":1,"taken":2}"#, "no JSON"]
    {
        shop.put_bad(body);
    }
    shop.put(5);
    let kiosk = kiosk(&broker, &shop, broker.port);
    shop.settles().await;
    let refused: u64 = shop.catalog.refusals().unwrap().iter().map(|one| one.count).sum();
    assert_eq!(refused, 3);
    assert!(shop.catalog.outbox().unwrap().dropped.is_empty(), "refused is not dropped for want of room");
    kiosk.stop().await;
}

#[tokio::test]
async fn a_broker_that_is_killed_frozen_and_robbed_of_its_memory_loses_nothing() {
    let mut broker = Broker::start();
    let shop = Shop::new();
    let _collector = collector(&broker, &shop, 1);
    let kiosk = kiosk(&broker, &shop, broker.port);
    let mut random = fastrand::Rng::with_seed(3);
    for round in 0..8 {
        shop.put(random.u64(1..60));
        kiosk.waker().wake();
        sleep(Duration::from_millis(random.u64(0..60))).await;
        if round % 2 == 0 {
            broker.freeze();
            shop.put(10);
            sleep(Duration::from_millis(100)).await;
            broker.thaw();
        } else {
            broker.kill();
            shop.put(10);
            if random.bool() {
                broker.forget();
            }
            broker.restart();
        }
        kiosk.waker().wake();
    }
    shop.settles().await;
    kiosk.stop().await;
}

#[tokio::test]
async fn a_line_that_is_cut_at_any_byte_loses_nothing() {
    let broker = Broker::start();
    let shop = Shop::new();
    let collector = collector(&broker, &shop, 1);
    let wire = Wire::to(broker.port).await;
    let kiosk = kiosk(&broker, &shop, wire.port);
    let mut random = fastrand::Rng::with_seed(11);
    for n in 0..60 {
        shop.put(random.u64(1..40));
        kiosk.waker().wake();
        let bytes = Some(random.u64(0..12_000));
        wire.set(match n % 4 {
            0 => Fault { cut_up: bytes, ..Fault::default() },
            1 => Fault { cut_down: bytes, ..Fault::default() },
            2 => Fault { delay: Duration::from_millis(random.u64(1..10)), ..Fault::default() },
            _ => Fault { stops_down: true, ..Fault::default() },
        });
        sleep(Duration::from_millis(random.u64(0..60))).await;
        if n % 4 == 3 {
            wire.cut();
        }
    }
    wire.heal();
    shop.settles().await;
    let figures = *collector.figures().borrow();
    println!("60 cuts: {figures:?}");
    assert!(figures.repeated > 0, "some cuts came between an event and its answer: {figures:?}");
    kiosk.stop().await;
}

#[tokio::test]
async fn a_collector_that_dies_between_commit_and_acknowledgement_counts_nothing_twice() {
    let broker = Broker::start();
    let shop = Shop::new();
    let kiosk = kiosk(&broker, &shop, broker.port);
    let mut deaths = 0;
    for round in 0..6_u64 {
        // Of one lane three batches, one after another: three commits at least.
        shop.put(700);
        kiosk.waker().wake();
        // Dies with its second or third commit, having acknowledged those before it.
        let mut child = Child::collector(&broker, &shop, 1, 1 + round % 2);
        deaths += u32::from(child.ends_within(PATIENCE).await);
    }
    assert_eq!(deaths, 6);
    let collector = collector(&broker, &shop, 1);
    shop.settles().await;
    let figures = *collector.figures().borrow();
    assert!(figures.repeated > 0, "what was written down and not acknowledged came again: {figures:?}");
    kiosk.stop().await;
}

#[tokio::test]
async fn two_collectors_share_the_load_and_one_may_die() {
    let broker = Broker::start();
    let shop = Shop::new();
    let first = collector(&broker, &shop, 1);
    let mut second = Child::collector(&broker, &shop, 2, u64::MAX);
    second.says("up");
    let kiosk = kiosk(&broker, &shop, broker.port);
    for round in 0..40 {
        shop.put(5);
        kiosk.waker().wake();
        sleep(Duration::from_millis(20)).await;
        if round == 20 {
            until("both had something", || {
                shop.put(1);
                kiosk.waker().wake();
                let mine = first.figures().borrow().new;
                mine > 0 && mine < shop.filed()
            })
            .await;
            second.kill();
        }
    }
    shop.settles().await;
    let mine = first.figures().borrow().new;
    assert!(mine < shop.made(), "the other one wrote some of {} down", shop.made());
    kiosk.stop().await;
}

/// The kiosk's line is dropped after a time that is drawn anew, and begun again: 150 times, and on
/// a machine that has much else to do until enough of them got far enough.
#[tokio::test]
async fn a_line_that_is_dropped_at_any_moment_loses_nothing() {
    let broker = Broker::start();
    let shop = Shop::new();
    let collector = collector(&broker, &shop, 1);
    let mut random = fastrand::Rng::with_seed(20_261_126);
    let mut n = 0;
    while n < 150 || (n < 1_500 && collector.figures().borrow().batches <= 30) {
        shop.put(random.u64(1..30));
        let kiosk = kiosk(&broker, &shop, broker.port);
        sleep(Duration::from_micros(random.u64(0..60_000))).await;
        if n % 10 == 9 {
            kiosk.stop().await;
        }
        n += 1;
    }
    // It was dropped early and late: before anything went, and between an event and its answer.
    let (figures, waiting) = (*collector.figures().borrow(), shop.catalog.outbox().unwrap().waiting);
    println!("{n} lines dropped: {figures:?}, {waiting} of {} wait", shop.made());
    assert!(figures.batches > 30 && figures.repeated > 0, "{figures:?}");
    let kiosk = kiosk(&broker, &shop, broker.port);
    shop.settles().await;
    kiosk.stop().await;
}

/// The kiosk is a process that puts events in, sends them and is killed with -9.
#[tokio::test]
async fn a_kiosk_that_is_killed_at_any_moment_loses_nothing_that_it_put_in() {
    let broker = Broker::start();
    let shop = Shop::new();
    let collector = collector(&broker, &shop, 1);
    let mut random = fastrand::Rng::with_seed(99);
    let mut n = 0;
    while n < 60 || (n < 600 && collector.figures().borrow().batches <= 20) {
        let mut child = Child::kiosk(&broker, &shop);
        child.says("begun");
        sleep(Duration::from_micros(random.u64(0..70_000))).await;
        child.kill();
        n += 1;
    }
    let figures = *collector.figures().borrow();
    let last = shop.last_place();
    println!("{n} kiosks killed: {figures:?} of {last}");
    assert!(figures.batches > 20 && figures.new < last, "{figures:?}");
    let kiosk = kiosk(&broker, &shop, broker.port);
    until("the outbox is empty", || shop.catalog.outbox().unwrap().waiting == 0).await;
    assert_eq!(shop.filed(), last, "{last} were ever put in");
    assert_eq!(collector.figures().borrow().new, last);
    kiosk.stop().await;
}

#[tokio::test]
async fn repeated_and_reordered_batches_count_once() {
    let broker = Broker::start();
    let shop = Shop::new();
    let _collector = collector(&broker, &shop, 1);
    shop.put(60);
    // What a broker may do: a later part first, everything twice, some of it retained by mistake.
    let mut end = End::kiosk(&broker).await;
    for (lane, line) in
        [(Lane::Telemetry, "telemetry"), (Lane::Inventory, "inventory"), (Lane::Outcome, "result")]
    {
        let rows = shop.catalog.waiting_events(lane, 0, 1_000, 1 << 20).unwrap();
        let place = topic(ends::KIOSK, line);
        for part in [6..rows.len(), 0..5, 3..rows.len(), 0..rows.len()] {
            end.insist(message(&place, raw_batch(&rows[part]))).await;
        }
        let kept = Message { retain: true, ..message(&place, raw_batch(&rows)) };
        end.insist(kept).await;
        end.insist(message(&place, "no batch at all")).await;
    }
    end.stop().await;
    until("they are there", || shop.filed() == shop.made()).await;
    assert_eq!(shop.catalog.outbox().unwrap().waiting, shop.made(), "nobody told the kiosk");
    let kiosk = kiosk(&broker, &shop, broker.port);
    shop.settles().await;
    kiosk.stop().await;
    // A collector that comes later is given what was retained, and leaves it.
    let late = collector(&broker, &shop, 2);
    until("it is up", || late.figures().borrow().is_up).await;
    sleep(Duration::from_millis(200)).await;
    assert_eq!(late.figures().borrow().batches, 0);
}

#[tokio::test]
async fn three_days_without_a_line_are_made_up_for() {
    let broker = Broker::start();
    let shop = Shop::new();
    // Ten thousand events over three days, by the kiosk's own clock.
    shop.put_over(10_000, "2026-11-23T08:00:00Z", Duration::from_secs(3 * 86_400));
    assert_eq!(shop.catalog.outbox().unwrap().waiting, 10_000);
    let collector = collector(&broker, &shop, 1);
    let since = Instant::now();
    let kiosk = kiosk(&broker, &shop, broker.port);
    shop.settles().await;
    println!("10,000 events in {:?}", since.elapsed());
    let figures = *collector.figures().borrow();
    assert!(figures.batches < 70, "they go in large batches: {figures:?}");
    assert!(shop.is_in_order());
    kiosk.stop().await;
}

#[tokio::test]
async fn a_full_outbox_keeps_what_matters_and_says_what_it_dropped() {
    let broker = Broker::start();
    let shop = Shop::with_cap(60_000);
    for n in 0..50 {
        shop.put(20);
        shop.put_order(&format!("k1-{n}"));
    }
    let before = shop.catalog.outbox().unwrap();
    let dropped: u64 = before.dropped.iter().map(|(_, count)| count).sum();
    assert!(dropped > 500, "{before:?}");
    let collector = collector(&broker, &shop, 1);
    let kiosk = kiosk(&broker, &shop, broker.port);
    until("the outbox is empty", || shop.catalog.outbox().unwrap().waiting == 0).await;
    // Every event was dropped and counted, or is there; every order is there.
    let (words, lanes) = shop.given_up();
    assert_eq!(shop.filed() - words + dropped, shop.made());
    assert_eq!(lanes.values().sum::<u64>(), dropped, "head office is told of each, by lane: {lanes:?}");
    assert!(words == lanes.len() as u64 && lanes["telemetry"] > lanes["inventory"], "{words} {lanes:?}");
    for n in 0..50 {
        assert_eq!(shop.office.orders("s042", &format!("k1-{n}")).unwrap().len(), 1);
    }
    until("head office hears of it", || shop.fleet().iter().any(|kiosk| kiosk.dropped == dropped)).await;
    let trouble = format!("{dropped} events were given up for want of room");
    assert!(shop.fleet()[0].troubles.contains(&trouble), "{:?}", shop.fleet());
    kiosk.stop().await;
    // And what is dropped later, too, once.
    shop.put(500);
    let more: u64 = shop.catalog.outbox().unwrap().dropped.iter().map(|(_, count)| count).sum();
    assert!(more > dropped);
    let kiosk = self::kiosk(&broker, &shop, broker.port);
    let told = || shop.given_up().1.values().sum::<u64>();
    until("head office is told of the rest", || told() >= more).await;
    until("the outbox is empty", || shop.catalog.outbox().unwrap().waiting == 0).await;
    kiosk.stop().await;
    assert_eq!((told(), shop.filed() - shop.given_up().0 + more), (more, shop.made()));
    drop(collector);
}

#[tokio::test]
async fn head_office_that_never_answers_is_asked_less_and_less() {
    let broker = Broker::start();
    let shop = Shop::new();
    shop.put(300);
    let mut office = End::open(office_options(&broker)).once_up().await;
    let kiosk = kiosk(&broker, &shop, broker.port);
    let until = Instant::now() + Duration::from_secs(4);
    let mut bytes = Vec::new();
    while let Ok(told) = tokio::time::timeout_at(until, office.inbox.next()).await {
        if let Some(Told::Arrived(arrival)) = told
            && arrival.topic.ends_with("telemetry")
        {
            bytes.push(arrival.payload.len());
        }
    }
    // 0.3 s that double, up to half of it added: at 0, then 0.3, 0.9, 2.1 s at the soonest.
    assert!((2..=4).contains(&bytes.len()), "{bytes:?}");
    assert!(bytes.windows(2).all(|pair| pair[1] < pair[0]), "each time less: {bytes:?}");
    assert_eq!(shop.catalog.outbox().unwrap().waiting, shop.made(), "nothing leaves");
    // It comes back, and so does everything.
    let _collector = collector(&broker, &shop, 1);
    shop.settles().await;
    office.stop().await;
    kiosk.stop().await;
}

#[tokio::test]
async fn an_empty_outbox_is_quiet_and_a_stop_is_quick() {
    let broker = Broker::start();
    let shop = Shop::new();
    let wire = Wire::to(broker.port).await;
    let kiosk = kiosk_that_tells(&broker, &shop, wire.port, Duration::from_secs(60));
    until("it is up", || kiosk.standing().borrow().is_up).await;
    sleep(Duration::from_millis(500)).await;
    let (before, _) = wire.passed();
    sleep(Duration::from_millis(1_500)).await;
    let (after, _) = wire.passed();
    assert!(after - before < 100, "{} bytes for nothing", after - before);
    // With a line that takes nothing more, and things on their way.
    shop.put(500);
    wire.set(Fault::STOPPED);
    kiosk.waker().wake();
    sleep(Duration::from_millis(50)).await;
    timeout(Duration::from_secs(8), kiosk.stop()).await.expect("it stops");
    assert_eq!(shop.catalog.outbox().unwrap().waiting, shop.made());
}

#[tokio::test]
async fn who_does_not_listen_to_the_rest_does_not_hold_the_outbox_up() {
    let broker = Broker::start();
    let shop = Shop::new();
    let _collector = collector(&broker, &shop, 1);
    let (others, mut rest) = mpsc::channel(1);
    let kiosk = kiosk_with_others(&broker, &shop, others);
    until("it is up", || kiosk.standing().borrow().is_up).await;
    let mut office = End::open(office_options(&broker)).once_up().await;
    for n in 0..40 {
        office.insist(message(&topic("acme/s/s042", "price/0"), format!("{n}"))).await;
    }
    shop.put(300);
    kiosk.waker().wake();
    shop.settles().await;
    // A message of another's over the same connection, and its answer.
    let link = kiosk.link().unwrap();
    link.send(Order::Publish(7, message(&topic(ends::KIOSK, "loyalty"), "{}"))).await.unwrap();
    let (mut arrived, mut is_up) = (Vec::new(), false);
    loop {
        match timeout(PATIENCE, rest.recv()).await.expect("it is told").expect("it goes on") {
            Told::Up { .. } => is_up = true,
            Told::Arrived(arrival) => arrived.push(arrival.payload),
            Told::Published { id } => break assert_eq!(id, 7, "the outbox's own are nobody else's"),
            told => panic!("{told:?}"),
        }
    }
    let all: Vec<_> = (0..40).map(|n| format!("{n}")).collect();
    assert!(is_up && arrived == all, "{arrived:?}");
    // Nor does it hold a stop up.
    for n in 0..200 {
        office.insist(message(&topic("acme/s/s042", "price/0"), format!("{n}"))).await;
    }
    timeout(Duration::from_secs(8), kiosk.stop()).await.expect("it stops");
    office.stop().await;
}

/// What the processes are that the tests above start; by itself it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_of_its_own() {
    line::be_what_the_environment_says().await;
}
