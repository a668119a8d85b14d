use super::*;
use jiff::ToSpan;
use std::sync::LazyLock;

fn tenant() -> Name {
    "acme".parse().unwrap()
}

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A list with root keys of these seeds, and one key each for the other roles from `base` on.
fn list(version: u64, previous: Option<Digest>, root: &[u8], threshold: u8, base: u8) -> KeyList {
    let issued = at("2026-01-01T00:00:00Z");
    let mut keys = BTreeMap::new();
    let mut add = |seed: u8| {
        let public = secret(seed).public();
        keys.insert(public.id(), Key { ed25519: public, not_after: None });
        public.id()
    };
    let root = RoleKeys { keys: root.iter().map(|seed| add(*seed)).collect(), threshold };
    let mut roles = BTreeMap::from([(Role::Root, root)]);
    for (role, seed) in [Role::Catalog, Role::Live, Role::Command].into_iter().zip(base..) {
        roles.insert(role, RoleKeys { keys: vec![add(seed)], threshold: 1 });
    }
    KeyList { version, issued, expires: issued + 8760.hours(), previous, keys, roles }
}

fn seal(list: &KeyList, signers: &[u8]) -> Vec<u8> {
    let keys: Vec<SecretKey> = signers.iter().map(|seed| secret(*seed)).collect();
    seal_list(list, &tenant(), &keys.iter().collect::<Vec<_>>()).unwrap()
}

fn digest(sealed: &[u8]) -> Digest {
    Digest::of(body_of(sealed).unwrap())
}

fn anchor() -> Anchor {
    Anchor { keys: vec![secret(1).public()], threshold: 1 }
}

static THREE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(make_three);

fn three() -> Vec<Vec<u8>> {
    THREE.clone()
}

/// Three lists: the second has other daily keys, the third another root key as well.
fn make_three() -> Vec<Vec<u8>> {
    let one = seal(&list(1, None, &[1], 1, 10), &[1]);
    let two = seal(&list(2, Some(digest(&one)), &[1], 1, 20), &[1]);
    let three = seal(&list(3, Some(digest(&two)), &[2], 1, 20), &[1, 2]);
    vec![one, two, three]
}

#[test]
fn a_kiosk_gets_to_the_newest_list_from_any_older_one() {
    let lists = three();
    let newest = Trust::begin(&anchor(), &chain(&lists), &tenant()).unwrap();
    assert_eq!(newest.list().version, 3);
    for known in 1..=3 {
        let older = Trust::begin(&anchor(), &chain(&lists[..known]), &tenant()).unwrap();
        assert_eq!(older.list().version, known as u64);
        assert_eq!(older.advance(&chain(&lists), &tenant()).unwrap(), newest);
        assert_eq!(Trust::restore(older.body()).unwrap(), older, "what is stored is read again");
    }
}

#[test]
fn an_old_or_other_chain_is_refused() {
    let lists = three();
    let newest = Trust::begin(&anchor(), &chain(&lists), &tenant()).unwrap();
    assert_eq!(newest.advance(&chain(&lists[..2]), &tenant()), Err(SignError::Unlinked { trusted: 3 }));
    let fork = seal(&list(2, Some(digest(&lists[0])), &[1], 1, 30), &[1]);
    assert_eq!(
        newest.advance(&chain(&[lists[0].clone(), fork]), &tenant()),
        Err(SignError::Unlinked { trusted: 3 })
    );
    let first = Trust::begin(&anchor(), &chain(&lists[..1]), &tenant()).unwrap();
    let gap = [lists[0].clone(), lists[2].clone()];
    assert_eq!(first.advance(&chain(&gap), &tenant()), Err(SignError::Unlinked { trusted: 1 }));
    // The right number, but made after another list.
    let beside = seal(&list(2, Some(Digest::of(b"another")), &[1], 1, 30), &[1]);
    let beside = chain(&[lists[0].clone(), beside]);
    assert_eq!(first.advance(&beside, &tenant()), Err(SignError::Unlinked { trusted: 1 }));
    let other = "other".parse().unwrap();
    assert!(matches!(first.advance(&chain(&lists), &other), Err(SignError::OtherScope { .. })));
}

#[test]
fn a_new_root_needs_the_old_one_and_itself() {
    let one = seal(&list(1, None, &[1], 1, 10), &[1]);
    let trust = Trust::begin(&anchor(), &one, &tenant()).unwrap();
    let next = list(2, Some(digest(&one)), &[2], 1, 10);
    for signers in [&[1][..], &[2], &[3]] {
        let chain = chain(&[one.clone(), seal(&next, signers)]);
        assert!(matches!(trust.advance(&chain, &tenant()), Err(SignError::TooFew { .. })), "{signers:?}");
    }
    assert!(trust.advance(&chain(&[one, seal(&next, &[1, 2])]), &tenant()).is_ok());
}

#[test]
fn a_threshold_of_root_keys_is_kept() {
    let one = seal(&list(1, None, &[1, 2, 3], 2, 10), &[1, 2]);
    let keys = [1, 2, 3].map(|seed| secret(seed).public()).to_vec();
    let anchor = Anchor { keys, threshold: 2 };
    let trust = Trust::begin(&anchor, &one, &tenant()).unwrap();
    let next = list(2, Some(digest(&one)), &[1, 2, 3], 2, 10);
    let by = |signers| trust.advance(&chain(&[one.clone(), seal(&next, signers)]), &tenant());
    assert!(matches!(by(&[3]), Err(SignError::TooFew { good: 1, needed: 2, .. })));
    assert!(matches!(by(&[3, 3]), Err(SignError::TooFew { good: 1, needed: 2, .. })));
    assert!(by(&[3, 1]).is_ok());
}

#[test]
fn a_kiosk_set_up_later_begins_with_the_list_of_its_root_key() {
    let mut lists = three();
    let late = Anchor { keys: vec![secret(2).public()], threshold: 1 };
    assert_eq!(Trust::begin(&late, &chain(&lists), &tenant()).unwrap().list().version, 3);
    let wrong = Anchor { keys: vec![secret(9).public()], threshold: 1 };
    assert_eq!(Trust::begin(&wrong, &chain(&lists), &tenant()), Err(SignError::NotAnchored));
    let nobody = Anchor { keys: Vec::new(), threshold: 0 };
    assert_eq!(Trust::begin(&nobody, &chain(&lists), &tenant()), Err(SignError::NotAnchored));
    lists.remove(0);
    assert_eq!(
        Trust::begin(&anchor(), &chain(&lists), &tenant()).unwrap().list().version,
        3,
        "a chain cut at its beginning"
    );
}

#[test]
fn an_expired_list_lets_nobody_sign_but_leads_on() {
    let one = seal(&list(1, None, &[1], 1, 10), &[1]);
    let trust = Trust::begin(&anchor(), &one, &tenant()).unwrap();
    let (before, after) = (trust.list().expires - 1.second(), trust.list().expires);
    assert!(trust.list().ring(Role::Live, before).is_ok());
    assert!(matches!(trust.list().ring(Role::Live, after), Err(SignError::ListExpired { version: 1, .. })));
    let mut next = list(2, Some(digest(&one)), &[1], 1, 10);
    next.expires += 8760.hours();
    let next = trust.advance(&chain(&[one, seal(&next, &[1])]), &tenant()).unwrap();
    assert!(next.list().ring(Role::Live, after).is_ok());
}

#[test]
fn a_key_past_its_time_is_not_counted() {
    let mut list = list(1, None, &[1], 1, 10);
    let id = secret(11).public().id();
    let end = list.issued + 24.hours();
    list.keys.get_mut(&id).unwrap().not_after = Some(end);
    assert_eq!(list.ring(Role::Live, end - 1.second()).unwrap().keys.len(), 1);
    assert_eq!(list.ring(Role::Live, end).unwrap().keys.len(), 0);
    assert_eq!(list.ring(Role::Catalog, end).unwrap().keys.len(), 1);
}

#[test]
fn a_list_that_cannot_work_is_refused() {
    let good = list(2, Some(Digest::of(b"")), &[1], 1, 10);
    assert_eq!(good.check(), Ok(()));
    let bad: [fn(&mut KeyList); 9] = [
        |list| list.version = 0,
        |list| list.previous = None,
        |list| list.expires = list.issued,
        |list| drop(list.roles.remove(&Role::Live)),
        |list| list.roles.get_mut(&Role::Live).unwrap().threshold = 2,
        |list| list.roles.get_mut(&Role::Live).unwrap().threshold = 0,
        |list| list.roles.get_mut(&Role::Live).unwrap().keys.push(secret(99).public().id()),
        |list| list.roles.get_mut(&Role::Live).unwrap().keys = vec![secret(1).public().id()],
        |list| list.keys.values_mut().next().unwrap().ed25519 = secret(99).public(),
    ];
    for (at, spoil) in bad.iter().enumerate() {
        let mut list = good.clone();
        spoil(&mut list);
        assert!(list.check().is_err(), "{at}");
    }
}

#[test]
fn a_long_chain_keeps_its_newest_lists() {
    let mut lists = vec![seal(&list(1, None, &[1], 1, 10), &[1])];
    for version in 2..=60 {
        let previous = digest(lists.last().unwrap());
        lists.push(seal(&list(version, Some(previous), &[1], 1, 10), &[1]));
    }
    let all = chain(&lists);
    assert!(all.len() <= MAX_BATCH);
    let trust = Trust::begin(&anchor(), &all, &tenant()).unwrap();
    assert_eq!(trust.list().version, 60);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    #[test]
    fn no_changed_chain_leads_anywhere_else(at in proptest::prelude::any::<proptest::sample::Index>(), change in 1_u8..) {
        let lists = three();
        let good = chain(&lists);
        let trust = Trust::begin(&anchor(), &lists[0], &tenant()).unwrap();
        let mut bad = good.clone();
        let at = at.index(bad.len());
        bad[at] ^= change;
        // What stands before the list in force is not looked at.
        let reached = trust.advance(&bad, &tenant());
        proptest::prop_assert!(reached.is_err() || at < lists[0].len());
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(10_000))]

    #[test]
    fn whatever_comes_as_a_chain_is_refused_quietly(
        chain in proptest::collection::vec(proptest::prop_oneof![
            proptest::prelude::Just(10_u8), proptest::prelude::any::<u8>()], 0..300)
    ) {
        let trust = Trust::restore(body_of(&THREE[0]).unwrap()).unwrap();
        proptest::prop_assert!(trust.advance(&chain, &tenant()).is_err());
        proptest::prop_assert!(Trust::begin(&anchor(), &chain, &tenant()).is_err());
    }
}
