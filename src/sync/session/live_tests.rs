//! Prices, counts and recalls through the session: what is taken, when it is remembered, and
//! what is tried again.

use super::kiosk::{Kiosk, OFFICE, at, secret, site, start};
use super::*;
use crate::sync::sign::seal;
use crate::sync::topics::Kind;
use crate::sync::wire::Message;
use crate::sync::wire::live::{Counts, Prices, Recalls};
use crate::sync::wire::samples;
use jiff::ToSpan;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;

fn price_topic() -> Topic {
    Topic::Price { store: site().store, shard: 3 }
}

fn recall_topic() -> Topic {
    Topic::Recall { store: site().store }
}

/// The key of live messages in the first list is of seed 11, in the second of 21.
fn sealed<M: Message>(message: &M, topic: Topic, seed: u8) -> Event {
    let payload = seal(message, &topic, &site().tenant, &[&secret(seed)]).unwrap();
    Event::Live(topic, payload.into())
}

fn prices(version: u64) -> Event {
    sealed(&Prices { version, issued: start(), ..samples::prices() }, price_topic(), 11)
}

fn recalls(version: u64, issued: Timestamp) -> Event {
    sealed(&Recalls { version, issued, ..samples::recalls() }, recall_topic(), 11)
}

fn versions(kiosk: &Kiosk) -> Vec<u64> {
    kiosk.taken.iter().map(Live::version).collect()
}

fn marks(kiosk: &Kiosk) -> Vec<u64> {
    let live = |mark: &&Mark| mark.scope.contains("/s/");
    kiosk.disk.memory.marks.iter().filter(live).map(|mark| mark.version).collect()
}

#[test]
fn a_message_is_taken_once_and_remembered_once_the_store_has_it() {
    let mut kiosk = at(1);
    kiosk.tell(prices(5));
    assert_eq!((versions(&kiosk), marks(&kiosk)), (vec![5], vec![]), "not before");
    kiosk.tell(prices(5));
    assert_eq!(versions(&kiosk), [5], "it is on its way");
    kiosk.run();
    assert_eq!(marks(&kiosk), [5]);
    kiosk.tell(prices(5));
    kiosk.tell(prices(4));
    kiosk.run();
    kiosk.restart();
    kiosk.begin(1);
    kiosk.tell(prices(5));
    kiosk.run();
    assert_eq!(versions(&kiosk), [5], "neither again nor what is older");
    assert_eq!(kiosk.told.iter().filter(|told| matches!(told, Outcome::LiveRefused { .. })).count(), 1);
    let Live::Prices(shard) = &kiosk.taken[0] else { panic!() };
    assert_eq!((shard.shard, shard.catalog), (3, samples::prices().catalog));
    assert!(
        shard
            .rows
            .iter()
            .zip(samples::prices().rows)
            .all(|(own, sent)| own.as_of == sent.as_of.unwrap_or(start()))
    );
}

#[test]
fn a_newer_one_on_the_heels_of_another_is_the_one_that_is_remembered() {
    let mut kiosk = at(1);
    kiosk.tell(prices(5));
    kiosk.tell(prices(6));
    kiosk.step(true);
    assert_eq!(marks(&kiosk), [0; 0], "6 is not on the disk yet");
    kiosk.run();
    assert_eq!((versions(&kiosk), marks(&kiosk)), (vec![5, 6], vec![6]));
}

#[test]
fn what_waits_for_room_is_not_displaced_by_what_is_older_or_forged() {
    let mut kiosk = at(1);
    kiosk.full = 1;
    kiosk.tell(prices(6));
    kiosk.step(true);
    let problem = "a price message is not kept yet: the disk is full";
    assert_eq!(kiosk.session.problem().as_deref(), Some(problem));
    kiosk.tell(prices(5));
    kiosk.tell(sealed(&Prices { version: 7, issued: start(), ..samples::prices() }, price_topic(), 99));
    kiosk.run();
    assert_eq!((versions(&kiosk), marks(&kiosk), kiosk.session.problem()), (vec![6], vec![6], None));
}

#[test]
fn what_the_disk_had_no_room_for_is_tried_again() {
    let mut kiosk = at(1);
    kiosk.full = 2;
    kiosk.tell(recalls(7, start()));
    kiosk.run();
    assert_eq!((versions(&kiosk), kiosk.session.recalls()), (vec![7], 7));
    let late = kiosk.told.iter().filter(|told| matches!(told, Outcome::LiveLate { .. }));
    assert_eq!(late.count(), 2);
    assert!(kiosk.now.up >= LOOK_AGAIN * 2);
}

#[test]
fn a_recall_is_heeded_whatever_the_clocks_say_and_moves_none() {
    let mut kiosk = at(1);
    let signed = kiosk.session.signed();
    kiosk.tell(recalls(1, start() + 87_600.hours()));
    kiosk.run();
    assert_eq!(kiosk.session.recalls(), 1);
    assert_eq!(kiosk.session.signed(), signed);
    // A price from the future would win against all that follow.
    let early = Prices { version: 9, issued: start() + 24.hours(), ..samples::prices() };
    let rows = early.rows.iter().cloned().map(|row| crate::sync::wire::live::Price { as_of: None, ..row });
    let early = Prices { rows: rows.collect(), ..early };
    kiosk.tell(sealed(&early, price_topic(), 11));
    assert_eq!(versions(&kiosk), [1]);
    kiosk.now.clock = start() + 24.hours();
    kiosk.now.up += LOOK_AGAIN;
    kiosk.tell(Event::Tick);
    assert_eq!(versions(&kiosk), [1, 9], "it is taken when its time comes");
}

#[test]
fn what_comes_before_its_keys_waits_for_them() {
    let mut kiosk = Kiosk::new();
    kiosk.tell(Event::Connected);
    kiosk.tell(recalls(1, start()));
    kiosk.tell(sealed(&Prices { version: 2, issued: start(), ..samples::prices() }, price_topic(), 21));
    assert_eq!(versions(&kiosk), [0; 0]);
    kiosk.tell(Event::Keys(OFFICE.keys.clone()));
    assert_eq!(versions(&kiosk), [1], "the other is signed by a key that is not listed yet");
    kiosk.run_for(3);
    kiosk.tell(Event::Keys(OFFICE.rotated.clone()));
    assert_eq!(versions(&kiosk), [1, 2]);
}

#[test]
fn what_is_forged_or_for_another_shard_is_not_taken() {
    let mut kiosk = at(1);
    kiosk.tell(sealed(&Prices { version: 2, issued: start(), ..samples::prices() }, price_topic(), 10));
    let Event::Live(_, payload) = prices(3) else { panic!() };
    let other = Topic::Price { store: site().store, shard: 4 };
    kiosk.tell(Event::Live(other, payload));
    kiosk.tell(Event::Live(price_topic(), Bytes::from_static(b"{}\n{}")));
    kiosk.tell(Event::Live(price_topic(), Bytes::new()));
    assert_eq!(versions(&kiosk), [0; 0]);
    let why = |told: &Outcome| matches!(told, Outcome::LiveRefused { .. });
    assert_eq!(kiosk.told.iter().filter(|told| why(told)).count(), 3);
}

fn counts(version: u64) -> Event {
    let topic = Topic::Stock { store: site().store, shard: 3 };
    sealed(&Counts { version, issued: start(), ..samples::counts() }, topic, 11)
}

/// The newest version of each topic, as head office sent it.
const NEWEST: u64 = 6;

static SENT: LazyLock<Vec<(u64, Topic, Bytes)>> = LazyLock::new(|| {
    let all = (1..=NEWEST).flat_map(|version| {
        [prices(version), counts(version), recalls(version, start())].map(|event| match event {
            Event::Live(topic, payload) => (version, topic, payload),
            other => panic!("{other:?}"),
        })
    });
    all.collect()
});

proptest! {
    // Some twenty messages each.
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn messages_out_of_order_doubled_and_changed_come_to_the_newest_of_each(
        came in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::option::weighted(0.4, (any::<prop::sample::Index>(), 1_u8..)), any::<bool>()),
            10..30),
        full in 0_usize..3, restart in 0_usize..40,
    ) {
        let mut kiosk = at(1);
        kiosk.full = full;
        let mut newest: BTreeMap<Kind, u64> = BTreeMap::new();
        for (at, (which, change, waits)) in came.into_iter().enumerate() {
            let (version, topic, payload) = which.get(&SENT);
            let mut payload = payload.to_vec();
            match change {
                None => {
                    let own = newest.entry(topic.kind()).or_default();
                    *own = (*own).max(*version);
                }
                Some((place, by)) => {
                    let place = place.index(payload.len());
                    payload[place] ^= by;
                }
            }
            kiosk.tell(Event::Live(topic.clone(), payload.into()));
            if waits {
                kiosk.step(true);
            }
            if at == restart {
                // What was not on the disk comes again: the newest of each topic is retained.
                kiosk.restart();
                kiosk.begin(1);
                for (version, topic, payload) in SENT.iter() {
                    if newest.get(&topic.kind()) == Some(version) {
                        kiosk.tell(Event::Live(topic.clone(), payload.clone()));
                    }
                }
            }
        }
        kiosk.run_for(60);
        for (kind, newest) in newest {
            let of = |live: &&Live| matches!((live, kind),
                (Live::Prices(_), Kind::Price) | (Live::Counts(_), Kind::Stock) | (Live::Recalls { .. }, Kind::Recall));
            let taken: Vec<u64> = kiosk.taken.iter().filter(of).map(Live::version).collect();
            // What a restart lost before it was remembered is taken again.
            prop_assert!(taken.is_sorted(), "{taken:?}");
            // A byte of the envelope may change nothing that counts.
            prop_assert!(taken.last().is_some_and(|last| (newest..=NEWEST).contains(last)), "{taken:?}, {newest}");
        }
        let rows = samples::prices().rows.len();
        prop_assert!(kiosk.taken.iter().all(|live| !matches!(live, Live::Prices(shard) if shard.rows.len() != rows)));
    }
}
