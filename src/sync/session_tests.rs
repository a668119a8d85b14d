#[path = "session/kiosk_tests.rs"]
mod kiosk;
#[path = "session/live_tests.rs"]
mod live;

use super::*;
use crate::sync::wire::event::Telemetry;
use jiff::ToSpan;
use kiosk::{Kiosk, OFFICE, at, published, sealed, start};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::LazyLock;

#[test]
fn the_newest_is_fetched_checked_and_taken_into_use() {
    let mut kiosk = Kiosk::new();
    kiosk.begin(3);
    assert!(kiosk.subscribed.is_empty(), "a fleet does not ask at one moment");
    assert!(kiosk.session.wake().unwrap() <= Duration::from_secs(30));
    kiosk.run();
    assert_eq!(kiosk.applied, [(3, OFFICE.manifest(3).root, Way::Snapshot)]);
    assert!(kiosk.disk.staged.is_empty() && kiosk.subscribed.is_empty(), "nothing is left over");
    assert!(matches!(kiosk.told.last(), Some(Outcome::Applied { version: 3, bytes, .. }) if *bytes > 0));
    // The same again does nothing, after a restart too.
    kiosk.tell(published(3));
    kiosk.restart();
    kiosk.begin(3);
    assert!(!kiosk.step(true));
    assert_eq!(kiosk.applied.len(), 1);
}

#[test]
fn the_order_of_fetching_is_each_kiosks_own() {
    let order = |seed| {
        let mut kiosk = Kiosk::with(|setup| setup.seed = seed);
        kiosk.begin(1);
        kiosk.run();
        kiosk.fetched
    };
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
}

#[test]
fn deltas_are_taken_one_after_another_and_a_rollback_is_a_newer_version() {
    let mut kiosk = at(2);
    kiosk.tell(published(4));
    kiosk.run();
    assert!(matches!(&kiosk.applied[..], [(4, _, Way::Deltas(chain))] if chain.len() == 2));
    kiosk.tell(published(5));
    kiosk.run();
    assert_eq!((kiosk.version(), kiosk.disk.have.catalog.unwrap().1), (Some(5), OFFICE.manifest(2).root));
    kiosk.tell(published(4));
    kiosk.run();
    assert_eq!((kiosk.version(), kiosk.refusals()), (Some(5), vec![Refusal::Rollback]));
    // From the very content that it goes back to nothing is fetched but the version.
    let mut kiosk = at(2);
    kiosk.tell(published(5));
    kiosk.run();
    assert_eq!((kiosk.applied[0].2.clone(), kiosk.fetched.len()), (Way::Adopt, 0));
}

#[test]
fn what_was_cut_at_any_point_goes_on_where_it_was() {
    let mut whole = at(1);
    whole.tell(published(4));
    let mut steps = 0;
    while whole.step(true) {
        steps += 1;
    }
    for cut in 0..=steps {
        let mut kiosk = at(1);
        kiosk.tell(published(4));
        kiosk.run_for(cut);
        let before = kiosk.fetched.len();
        let (there, unanswered) = (kiosk.disk.staged.clone(), kiosk.subscribed.len());
        kiosk.restart();
        kiosk.begin(4);
        kiosk.run();
        assert_eq!(kiosk.version(), Some(4), "cut after step {cut}");
        assert_eq!(kiosk.fetched.len(), whole.fetched.len() + unanswered, "cut after step {cut}");
        assert!(kiosk.fetched[before..].iter().all(|digest| !there.contains(digest)));
        // The same with the connection alone gone for an hour.
        let mut kiosk = at(1);
        kiosk.tell(published(4));
        kiosk.run_for(cut);
        kiosk.tell(Event::Disconnected);
        while kiosk.step(false) {}
        kiosk.now.up += Duration::from_secs(3600);
        kiosk.tell(Event::Tick);
        kiosk.tell(Event::Connected);
        kiosk.run();
        assert_eq!((kiosk.version(), &kiosk.refusals()[..]), (Some(4), &[][..]));
    }
}

#[test]
fn a_newer_manifest_in_the_middle_takes_over_what_it_can_use() {
    let mut kiosk = at(1);
    kiosk.tell(published(2));
    for _ in 0..4 {
        kiosk.step(true);
    }
    assert!(!kiosk.disk.staged.is_empty());
    kiosk.tell(published(4));
    kiosk.run();
    assert_eq!(kiosk.applied.iter().map(|(version, ..)| *version).collect::<Vec<_>>(), [4]);
    let again: BTreeSet<Digest> = kiosk.fetched.iter().copied().collect();
    assert_eq!(again.len(), kiosk.fetched.len(), "nothing is fetched twice");
}

#[test]
fn a_newer_manifest_while_one_is_taken_into_use_waits_for_it() {
    let mut kiosk = at(1);
    kiosk.tell(published(2));
    while kiosk.session.applying.is_none() {
        kiosk.step(true);
    }
    kiosk.tell(published(3));
    kiosk.run();
    assert_eq!(kiosk.applied.iter().map(|(version, ..)| *version).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn what_is_forged_damaged_or_expired_is_refused_and_told_once() {
    let mut kiosk = at(1);
    let forged = sealed(&OFFICE.manifest(2), 99);
    let expired = Manifest { expires: start() - 1.minutes(), ..OFFICE.manifest(2) };
    for payload in [forged, sealed(&expired, 10), Bytes::from_static(b"garbage"), Bytes::new()] {
        kiosk.tell(Event::Manifest(payload.clone()));
        kiosk.tell(Event::Manifest(payload));
    }
    kiosk.tell(Event::Keys(Bytes::from_static(b"rubbish")));
    let expected = [Refusal::Signature, Refusal::Expired, Refusal::Signature, Refusal::Signature];
    assert_eq!(kiosk.refusals(), expected);
    assert_eq!(kiosk.version(), Some(1));
    let same = Manifest { shards: 4, ..OFFICE.manifest(1) };
    kiosk.tell(Event::Manifest(sealed(&same, 10)));
    assert_eq!(kiosk.refusals().last(), Some(&Refusal::Rollback), "one version has one content");
}

#[test]
fn expiry_bars_acceptance_and_never_what_was_accepted() {
    let mut kiosk = at(1);
    kiosk.tell(published(2));
    kiosk.step(true);
    kiosk.now.clock += 8000.hours();
    kiosk.restart();
    kiosk.begin(2);
    kiosk.run();
    assert_eq!((kiosk.version(), kiosk.refusals().len()), (Some(2), 0));
}

#[test]
fn a_clock_that_was_wrong_does_not_bar_for_ever() {
    for years in [-10, 10] {
        let mut kiosk = Kiosk::new();
        kiosk.now.clock += (years * 8766).hours();
        kiosk.begin(2);
        for _ in 0..60 {
            kiosk.step(true);
        }
        assert_eq!(kiosk.version(), (years < 0).then_some(2), "an old clock is put right by signed times");
        kiosk.now.clock = start();
        kiosk.now.up += Duration::from_secs(60);
        kiosk.tell(Event::Tick);
        kiosk.run();
        assert_eq!(kiosk.version(), Some(2));
    }
}

#[test]
fn what_comes_before_the_keys_waits_for_them() {
    let mut kiosk = Kiosk::new();
    kiosk.tell(Event::Connected);
    kiosk.tell(published(1));
    assert_eq!(kiosk.told, []);
    kiosk.tell(Event::Keys(OFFICE.keys.clone()));
    kiosk.run();
    assert_eq!(kiosk.version(), Some(1));
    // Signed with a key that is not known yet.
    kiosk.tell(Event::Manifest(sealed(&OFFICE.manifest(2), 20)));
    assert_eq!(kiosk.version(), Some(1));
    kiosk.tell(Event::Keys(OFFICE.rotated.clone()));
    kiosk.run();
    assert_eq!(kiosk.version(), Some(2));
}

#[test]
fn a_lost_key_goes_with_all_that_it_signed() {
    let mut kiosk = at(1);
    let far = start() + 300_000.hours();
    let worst = Manifest { version: u64::MAX, issued: far, expires: far + 1.hours(), ..OFFICE.manifest(4) };
    kiosk.tell(Event::Manifest(sealed(&worst, 10)));
    kiosk.step(true);
    assert_eq!(kiosk.session.newest(), Some(u64::MAX));
    kiosk.tell(Event::Keys(OFFICE.rotated.clone()));
    assert_eq!((kiosk.session.newest(), kiosk.subscribed.len()), (None, 0));
    kiosk.tell(Event::Manifest(sealed(&OFFICE.manifest(2), 20)));
    kiosk.run();
    assert_eq!(kiosk.version(), Some(2));
}

#[test]
fn chunks_that_are_wrong_or_missing_are_asked_for_again_with_growing_pauses() {
    let mut kiosk = Kiosk::new();
    kiosk.begin(1);
    kiosk.step(true);
    let open: Vec<Digest> = kiosk.subscribed.iter().copied().collect();
    assert_eq!(open.len(), 8);
    kiosk.tell(Event::Chunk(open[0], Bytes::from_static(b"another")));
    kiosk.tell(Event::Chunk(open[1], Bytes::new()));
    kiosk.tell(Event::Chunk(Digest::of(b"unasked"), Bytes::from_static(b"unasked")));
    assert!(!kiosk.subscribed.contains(&open[0]) && kiosk.subscribed.contains(&open[1]));
    assert!(matches!(&kiosk.told[..], [.., Outcome::Stalled { version: 1, detail, .. }]
        if detail.ends_with("not what its name says")));
    let mut waits = Vec::new();
    for _ in 0..200 {
        let before = kiosk.now.up;
        assert!(kiosk.step(false));
        waits.push(kiosk.now.up - before);
    }
    let longest = waits.iter().max().unwrap();
    assert!(*longest > Duration::from_secs(1800) && *longest <= Duration::from_secs(3600));
    let stalls = kiosk.told.iter().filter(|told| matches!(told, Outcome::Stalled { .. })).count();
    assert_eq!(stalls, 1, "once is enough");
    let problem = kiosk.session.problem().unwrap();
    assert!(problem.starts_with("bundle 1 lacks ") && problem.contains("check that the broker"), "{problem}");
    kiosk.run();
    assert_eq!((kiosk.version(), kiosk.session.problem()), (Some(1), None));
}

#[test]
fn what_the_kiosk_cannot_hold_or_read_is_not_fetched() {
    let mut kiosk = Kiosk::with(|setup| setup.limits.snapshot = 10);
    kiosk.begin(1);
    assert_eq!((kiosk.refusals(), kiosk.session.wake()), (vec![Refusal::TooLarge], None));
    let mut kiosk = at(1);
    let newer = Manifest { min_program: Some("1.5.0".parse().unwrap()), ..OFFICE.manifest(2) };
    kiosk.tell(Event::Manifest(sealed(&newer, 10)));
    kiosk.tell(Event::Tick);
    assert_eq!((kiosk.refusals(), kiosk.session.wake()), (vec![Refusal::Program], None));
    kiosk.setup.program = "1.5.0".parse().unwrap();
    kiosk.restart();
    kiosk.tell(Event::Connected);
    kiosk.tell(Event::Manifest(sealed(&newer, 10)));
    kiosk.run();
    assert_eq!(kiosk.version(), Some(2));
}

#[test]
fn a_staged_bundle_is_fetched_and_waits_for_its_command() {
    let mut kiosk = at(1);
    let staged = Manifest { staged: true, ..OFFICE.manifest(2) };
    kiosk.tell(Event::Manifest(sealed(&staged, 10)));
    kiosk.run();
    assert_eq!(kiosk.told, [Outcome::Ready { version: 2 }]);
    kiosk.tell(Event::Release(3));
    kiosk.run();
    assert_eq!(kiosk.version(), Some(1), "another version was released");
    kiosk.tell(Event::Release(2));
    kiosk.run();
    assert_eq!(kiosk.version(), Some(2));
}

#[test]
fn a_pin_holds_newer_bundles_off_over_restarts() {
    let mut kiosk = at(1);
    kiosk.tell(Event::Pin(Some(1)));
    kiosk.restart();
    kiosk.begin(2);
    kiosk.run();
    assert_eq!((kiosk.version(), kiosk.fetched.len()), (Some(1), 0));
    kiosk.tell(Event::Pin(None));
    kiosk.run();
    assert_eq!(kiosk.version(), Some(2));
}

#[test]
fn a_delta_that_leads_elsewhere_is_made_good_by_the_snapshot() {
    let mut kiosk = at(1);
    kiosk.failures.push_back(Failure::Content(Refusal::Checks, "another root".into()));
    kiosk.tell(published(2));
    kiosk.run();
    assert_eq!((kiosk.applied[0].2.clone(), kiosk.version()), (Way::Snapshot, Some(2)));
    assert_eq!(kiosk.refusals(), []);
}

#[test]
fn a_bundle_that_fails_its_checks_is_refused_for_good_and_a_newer_one_is_taken() {
    let mut kiosk = Kiosk::new();
    kiosk.begin(1);
    while kiosk.session.applying.is_none() {
        kiosk.step(false);
        let open: Vec<Digest> = kiosk.subscribed.iter().copied().collect();
        open.into_iter().for_each(|digest| kiosk.tell(Event::Chunk(digest, OFFICE.chunks[&digest].clone())));
    }
    (kiosk.answers, kiosk.disk.have) = (VecDeque::new(), Have::default());
    let why = Failure::Content(Refusal::Checks, "another root".into());
    kiosk.tell(Event::NotApplied { version: 1, why });
    assert_eq!((kiosk.refusals(), kiosk.disk.staged.len()), (vec![Refusal::Checks], 0));
    kiosk.restart();
    kiosk.begin(1);
    assert!(!kiosk.step(true), "it is not tried again");
    kiosk.tell(published(2));
    kiosk.run();
    assert_eq!(kiosk.version(), Some(2));
}

#[test]
fn a_full_disk_and_lost_pieces_are_waited_out() {
    let mut kiosk = at(1);
    let lost = OFFICE.manifest(2).deltas[0].parts.chunks[0].sha256;
    kiosk.failures.push_back(Failure::NoRoom("the disk is full".into()));
    kiosk.failures.push_back(Failure::NoRoom("the disk is full".into()));
    kiosk.failures.push_back(Failure::Missing(vec![lost]));
    kiosk.failures.push_back(Failure::Missing(vec![]));
    kiosk.tell(published(2));
    while kiosk.session.problem().is_none() {
        kiosk.step(true);
    }
    let problem = "bundle 2 cannot be taken into use: the disk is full";
    assert_eq!(kiosk.session.problem().as_deref(), Some(problem));
    kiosk.run();
    assert_eq!((kiosk.version(), kiosk.session.problem()), (Some(2), None));
    assert_eq!(kiosk.fetched.iter().filter(|digest| **digest == lost).count(), 2);
    let told: Vec<_> = kiosk.told.iter().filter_map(Outcome::telemetry).collect();
    let [short, applied] = &told[..] else { panic!("{told:?}") };
    assert_eq!(*short, Telemetry::Refused { version: 2, why: Refusal::Disk }, "it is told once");
    assert!(matches!(applied, Telemetry::Applied { version: 2, ms: 1000, .. }), "{told:?}");
}

static NAMES: LazyLock<Vec<Digest>> = LazyLock::new(|| {
    let mut names: Vec<Digest> = OFFICE.chunks.keys().copied().collect();
    names.sort_unstable();
    names
});

/// One thing that may happen, by two numbers.
fn happen(kiosk: &mut Kiosk, what: u8, which: u16) {
    let version = u64::from(which % 5) + 1;
    let names = &*NAMES;
    let any = names[usize::from(which) % names.len()];
    let open = kiosk.subscribed.iter().nth(usize::from(which) % 8).copied();
    match what {
        0 => kiosk.tell(Event::Connected),
        1 => kiosk.tell(Event::Disconnected),
        2 => kiosk.tell(Event::Keys(OFFICE.keys.clone())),
        3..=5 => kiosk.tell(published(version)),
        6 => kiosk.tell(Event::Manifest(sealed(&OFFICE.manifest(version), 99))),
        7 => kiosk.tell(Event::Chunk(any, OFFICE.chunks[&any].clone())),
        8 => kiosk.tell(Event::Chunk(open.unwrap_or(any), Bytes::from(which.to_string()))),
        9 => kiosk.tell(Event::Chunk(open.unwrap_or(any), Bytes::new())),
        10 => kiosk.restart(),
        11 => kiosk.disk.staged.retain(|digest| digest.0[0] % 2 == 0),
        12 => {
            kiosk.now.up += Duration::from_secs(which.into());
            kiosk.tell(Event::Tick);
        }
        13 => kiosk.now.clock += (i64::from(which) - 32_768).hours(),
        14 => kiosk.failures.push_back(Failure::Later("full".into())),
        15 => kiosk.failures.push_back(Failure::Content(Refusal::Checks, "other".into())),
        16 => kiosk.failures.push_back(Failure::Missing(vec![any])),
        17 => kiosk.tell(Event::Staged(any)),
        18 => kiosk.tell(Event::NotStaged(open.unwrap_or(any), Failure::NoRoom("full".into()))),
        19 => kiosk.tell(Event::Release(version)),
        20 => kiosk.answers.truncate(usize::from(which % 3)),
        _ => kiosk.run_for(1),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_the_newest_is_reached_once_all_is_delivered(
        what in prop::collection::vec((0_u8..60, any::<u16>()), 0..250), seed in any::<u64>()
    ) {
        let mut kiosk = Kiosk::with(|setup| setup.seed = seed);
        for (what, which) in what {
            happen(&mut kiosk, what, which);
        }
        kiosk.restart();
        kiosk.now.clock = start();
        kiosk.begin(5);
        kiosk.run();
        prop_assert_eq!(kiosk.disk.have.catalog, Some((5, OFFICE.manifest(5).root)));
        prop_assert!(kiosk.subscribed.is_empty());
    }

    #[test]
    fn garbage_is_never_taken(payload in prop::collection::vec(any::<u8>(), 0..400), cut in any::<prop::sample::Index>()) {
        let mut kiosk = at(1);
        let mut good = sealed(&OFFICE.manifest(2), 10).to_vec();
        let place = cut.index(good.len());
        good[place] ^= 1 + payload.len() as u8 % 255;
        for payload in [payload, good] {
            kiosk.tell(Event::Manifest(payload.clone().into()));
            kiosk.tell(Event::Keys(payload.clone().into()));
            kiosk.tell(Event::Chunk(Digest::of(b"x"), payload.into()));
        }
        kiosk.run_for(20);
        prop_assert_eq!(kiosk.version(), Some(1));
    }
}
