use super::*;
use crate::sync::keys::{Key, RoleKeys};
use crate::sync::sign::{SecretKey, seal};
use crate::sync::topics::{Line, Role, Site};
use crate::sync::wire::samples;
use jiff::ToSpan;
use std::collections::BTreeMap;

const NOW: &str = "2026-11-26T08:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn site() -> Site {
    let name = |text: &str| text.parse().unwrap();
    Site { tenant: name("acme"), store: name("s042"), kiosk: name("k1"), group: name("north") }
}

fn secret(role: Role, generation: u8) -> SecretKey {
    SecretKey::from_seed(&[generation * 16 + role as u8; 32])
}

/// Lists the keys of these generations for each role.
fn keys(generations: &[u8]) -> KeyList {
    let mut list = KeyList {
        version: 1,
        issued: now() - 24.hours(),
        expires: now() + 8760.hours(),
        previous: None,
        keys: BTreeMap::new(),
        roles: BTreeMap::new(),
    };
    for role in Role::ALL {
        let public = generations.iter().map(|generation| secret(role, *generation).public());
        let public: Vec<_> = public.collect();
        let ids = public.iter().map(|key| key.id()).collect();
        list.keys.extend(public.iter().map(|key| (key.id(), Key { ed25519: *key, not_after: None })));
        list.roles.insert(role, RoleKeys { keys: ids, threshold: 1 });
    }
    list.check().unwrap();
    list
}

fn topic<M: Signed>() -> Topic {
    let site = site();
    let (store, group) = (site.store.clone(), site.group.clone());
    match M::KIND {
        crate::sync::topics::Kind::Manifest => Topic::Manifest { group },
        crate::sync::topics::Kind::Price => Topic::Price { store, shard: 0 },
        crate::sync::topics::Kind::Stock => Topic::Stock { store, shard: 0 },
        crate::sync::topics::Kind::Recall => Topic::Recall { store },
        _ => site.own(Line::Commands),
    }
}

fn sealed<M: Signed>(message: &M, key: &SecretKey) -> Vec<u8> {
    seal(message, &topic::<M>(), &site().tenant, &[key]).unwrap()
}

fn take<M: Signed>(payload: &[u8], keys: &KeyList, seen: &[Mark]) -> Result<Accepted<M>, SignError> {
    accept(payload, &topic::<M>(), &site().tenant, keys, seen, now())
}

/// The rules that hold for every signed kind, each of which is tried.
fn rules<M: Signed + PartialEq + std::fmt::Debug>(with: impl Fn(u64) -> M) {
    let role = M::KIND.role().unwrap();
    let (both, old, new) = (keys(&[1, 2]), keys(&[1]), keys(&[2]));
    let by = |version, generation| sealed(&with(version), &secret(role, generation));

    let first = take::<M>(&by(7, 1), &both, &[]).unwrap();
    assert_eq!((first.step, &first.message), (Step::Newer, &with(7)));
    let seen = first.marks;
    assert_eq!(take::<M>(&by(7, 1), &both, &seen).unwrap().step, Step::Again);
    assert_eq!(take::<M>(&by(8, 1), &both, &seen).unwrap().step, Step::Newer);
    let rollback = Err(SignError::Rollback { seen: 7, found: 6 });
    assert_eq!(take::<M>(&by(6, 1), &both, &seen), rollback);
    assert_eq!(take::<M>(&by(6, 2), &both, &seen), rollback, "nor by another key while both are good");
    // The old key is gone, and with it what it signed.
    assert_eq!(take::<M>(&by(1, 2), &new, &seen).unwrap().step, Step::Newer);
    assert!(matches!(take::<M>(&by(9, 1), &new, &seen), Err(SignError::TooFew { good: 0, .. })));
    assert!(matches!(take::<M>(&by(9, 2), &old, &seen), Err(SignError::TooFew { good: 0, .. })));
    for other in Role::ALL.into_iter().filter(|other| *other != role) {
        let payload = sealed(&with(9), &secret(other, 1));
        assert!(matches!(take::<M>(&payload, &both, &seen), Err(SignError::TooFew { .. })), "{other:?}");
    }
    let expired = KeyList { expires: now(), ..both.clone() };
    assert!(matches!(take::<M>(&by(9, 1), &expired, &seen), Err(SignError::ListExpired { .. })));
    // Marks of another topic say nothing about this one.
    let elsewhere: Vec<Mark> =
        seen.iter().map(|mark| Mark { scope: "acme/x".into(), ..mark.clone() }).collect();
    assert_eq!(take::<M>(&by(1, 1), &both, &elsewhere).unwrap().step, Step::Newer);
}

#[test]
fn every_kind_keeps_the_rules() {
    rules(|version| Manifest { version, deltas: Vec::new(), ..samples::manifest() });
    rules(|version| Prices { version, ..samples::prices() });
    rules(|version| Counts { version, ..samples::counts() });
    rules(|version| Recalls { version, ..samples::recalls() });
    rules(|version| Commands { version, ..samples::commands() });
}

#[test]
fn one_version_has_one_content() {
    let key = secret(Role::Catalog, 1);
    let one = Manifest { version: 3, deltas: Vec::new(), ..samples::manifest() };
    let other = Manifest { shards: 16, ..one.clone() };
    let seen = take::<Manifest>(&sealed(&one, &key), &keys(&[1]), &[]).unwrap().marks;
    assert_eq!(take::<Manifest>(&sealed(&other, &key), &keys(&[1]), &seen), Err(SignError::Equivocal(3)));
}

#[test]
fn an_expired_manifest_is_not_accepted_but_one_in_use_stays() {
    let key = secret(Role::Catalog, 1);
    let expired = Manifest { issued: now() - 48.hours(), expires: now(), ..samples::manifest() };
    let payload = sealed(&expired, &key);
    assert_eq!(take::<Manifest>(&payload, &keys(&[1]), &[]), Err(SignError::Expired { at: now() }));
    let earlier = now() - 1.hour();
    let topic = topic::<Manifest>();
    let list = keys(&[1]);
    let taken = accept::<Manifest>(&payload, &topic, &site().tenant, &list, &[], earlier).unwrap();
    assert_eq!(take::<Manifest>(&payload, &list, &taken.marks).unwrap().step, Step::Again);
}

#[test]
fn a_price_from_the_future_waits_and_a_recall_does_not() {
    let soon = now() + 10.minutes();
    let prices = Prices { issued: soon, rows: Vec::new(), ..samples::prices() };
    let payload = sealed(&prices, &secret(Role::Live, 1));
    let error = take::<Prices>(&payload, &keys(&[1]), &[]).unwrap_err();
    assert_eq!(error, SignError::TooEarly { issued: soon });
    assert!(error.may_pass());
    let near = Prices { issued: now() + 4.minutes(), ..prices };
    assert!(take::<Prices>(&sealed(&near, &secret(Role::Live, 1)), &keys(&[1]), &[]).is_ok());
    let recalls = Recalls { issued: soon, ..samples::recalls() };
    assert!(take::<Recalls>(&sealed(&recalls, &secret(Role::Live, 1)), &keys(&[1]), &[]).is_ok());
}

#[test]
fn a_clock_that_is_behind_is_not_believed() {
    let signed = now();
    let long_ago = "1970-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(sure_time(long_ago, Some(signed)), signed);
    assert_eq!(sure_time(signed + 1.hour(), Some(signed)), signed + 1.hour());
    assert_eq!(sure_time(long_ago, None), long_ago);
}

#[test]
fn nothing_unsigned_is_taken_for_signed() {
    let topic = site().own(Line::Ack);
    let refused = accept::<Commands>(b"{}", &topic, &site().tenant, &keys(&[1]), &[], now());
    assert!(matches!(refused, Err(SignError::NotSigned(_))));
}
