use super::*;
use crate::office::keyring::LIST_DAYS;
use crate::sync::sign::{SecretKey, seal};
use crate::sync::topics::{Kind, Topic};
use crate::sync::wire::Message;
use crate::sync::wire::live::{Prices, Recalls};
use crate::sync::wire::samples::{name, prices, recalls};
use tempfile::TempDir;

fn made() -> (TempDir, Keyring) {
    let folder = tempfile::tempdir().unwrap();
    let ring = Keyring::init(folder.path(), &name("acme"), LIST_DAYS, Timestamp::now()).unwrap();
    (folder, ring)
}

fn signers(ring: &Keyring) -> Vec<SecretKey> {
    ring.signers(Role::Live, Timestamp::now()).unwrap()
}

fn judge(ring: &Keyring) -> Judge<'_> {
    let ids = signers(ring).iter().map(|key| key.public().id()).collect();
    Judge::new(ring, ids, Timestamp::now()).unwrap()
}

fn sealed(recalls: &Recalls, store: &str, keys: &[SecretKey]) -> Vec<u8> {
    let keys: Vec<&SecretKey> = keys.iter().collect();
    seal(recalls, &Topic::Recall { store: name(store) }, &name("acme"), &keys).unwrap()
}

fn version(version: u64) -> Recalls {
    Recalls { version, ..recalls() }
}

/// Another list under the same version.
fn other(version: u64) -> Recalls {
    Recalls { items: Vec::new().into(), ..self::version(version) }
}

fn heard(message: Recalls) -> Option<Heard<Recalls>> {
    Some(Heard { message, counts: true, is_current: true })
}

#[test]
fn what_counts_is_the_newer_of_what_is_written_down_and_what_is_kept() {
    let of = |own: Option<Recalls>, heard| Base::of(own.as_ref(), heard);
    let base = |floor, said: Vec<Recalls>, stays, is_there| Base { floor, said, stays, is_there };
    assert_eq!(of(None, None), Base::nothing());
    assert_eq!(of(Some(version(3)), None), base(3, vec![version(3)], true, false), "the broker lost it");
    assert_eq!(of(Some(version(3)), heard(version(3))), base(3, vec![version(3)], true, true));
    assert_eq!(of(Some(version(3)), heard(other(2))), base(3, vec![version(3)], true, false), "never sent");
    assert_eq!(of(Some(version(3)), heard(other(5))), base(5, vec![other(5)], true, true), "an old copy");
    assert_eq!(of(None, heard(other(5))), base(5, vec![other(5)], true, true), "the folder is lost");
    let both = vec![version(3), other(3)];
    assert_eq!(of(Some(version(3)), heard(other(3))), base(3, both, false, false), "two under one version");
    let signed = |message, counts| Some(Heard { message, counts, is_current: false });
    assert_eq!(of(Some(version(3)), signed(version(3), true)), base(3, vec![version(3)], true, false));
    // What a key signed whose time is over counts for its version.
    assert_eq!(of(Some(version(3)), signed(version(3), false)), base(3, vec![version(3)], true, false));
    assert_eq!(of(Some(version(3)), signed(other(3), false)), base(3, vec![version(3)], false, false));
    assert_eq!(of(Some(version(3)), signed(other(9), false)), base(9, vec![version(3)], false, false));
    assert_eq!(of(None, signed(other(9), false)), base(9, Vec::new(), true, false));
    let last = base(u64::MAX, Vec::new(), true, true);
    assert!(matches!(last.next(&name("s1")), Err(LiveError::UsedUp { .. })));
    assert_eq!(Base::<Recalls>::nothing().next(&name("s1")).unwrap(), 1);
}

#[test]
fn what_nobody_of_head_office_signed_for_this_topic_is_not_there() {
    let (_folder, ring) = made();
    let (_other_folder, other_ring) = made();
    let judge = judge(&ring);
    let store = name("s042");
    let hear = |payload: &[u8]| judge.hear::<Recalls>(payload, &store, 0).unwrap();
    let good = sealed(&version(3), "s042", &signers(&ring));
    assert_eq!(hear(&good), heard(version(3)));
    let elsewhere = sealed(&version(9), "s043", &signers(&ring));
    let forged = sealed(&version(9), "s042", &signers(&other_ring));
    let as_catalog = sealed(&version(9), "s042", &ring.signers(Role::Catalog, Timestamp::now()).unwrap());
    let changed = [good.as_slice(), b" "].concat();
    for payload in [&b""[..], b"{}", b"no envelope\nat all", &elsewhere, &forged, &as_catalog, &changed] {
        assert_eq!(hear(payload), None);
    }
}

#[test]
fn a_key_that_was_replaced_holds_versions_for_as_long_as_it_is_listed() {
    let (_folder, mut ring) = made();
    let old = signers(&ring);
    let payload = sealed(&version(3), "s042", &old);
    let store = name("s042");
    let hear = |ring: &Keyring| judge(ring).hear::<Recalls>(&payload, &store, 0).unwrap();
    let is = |heard: Option<Heard<Recalls>>| heard.map(|heard| (heard.counts, heard.is_current));
    ring.rotate(Role::Live, 7, Timestamp::now()).unwrap();
    assert_eq!(is(hear(&ring)), Some((true, false)), "in its grace it counts, and is signed anew");
    let (_folder, mut ring) = made();
    let old = signers(&ring);
    let payload = sealed(&version(3), "s042", &old);
    let hear = |ring: &Keyring| judge(ring).hear::<Recalls>(&payload, &store, 0).unwrap();
    ring.rotate(Role::Live, 0, Timestamp::now()).unwrap();
    assert_eq!(is(hear(&ring)), Some((false, false)));
    ring.renew(30, Timestamp::now()).unwrap();
    assert_eq!(is(hear(&ring)), None, "its key is listed no more");
}

/// As a later program says it.
#[derive(Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Later {
    version: u64,
    issued: Timestamp,
    items: Vec<serde_json::Value>,
}

impl Message for Later {
    const KIND: Kind = Kind::Recall;

    fn check(&self) -> Result<(), WireError> {
        Ok(())
    }
}

#[test]
fn what_is_signed_and_not_understood_is_never_overwritten() {
    let (_folder, ring) = made();
    let keys = signers(&ring);
    let keys: Vec<&SecretKey> = keys.iter().collect();
    let topic = Topic::Recall { store: name("s042") };
    for (version, item) in [(3, serde_json::json!({"id": "milk", "shelves": [4]})), (0, serde_json::json!(7))]
    {
        let later = Later { version, issued: Timestamp::now(), items: vec![item] };
        let sealed = seal(&later, &topic, &name("acme"), &keys).unwrap();
        let error = judge(&ring).hear::<Recalls>(&sealed, &name("s042"), 0).unwrap_err().to_string();
        assert!(error.contains("s042") && error.contains("update this program"), "{error}");
    }
}

#[test]
fn there_are_as_many_bases_as_shards_here_or_at_the_broker() {
    let (_folder, ring) = made();
    let (store, keys) = (name("s042"), signers(&ring));
    let keys: Vec<&SecretKey> = keys.iter().collect();
    let topic = Topic::Price { store: store.clone(), shard: 5 };
    let payload = seal(&prices(), &topic, &name("acme"), &keys).unwrap();
    let heard = BTreeMap::from([
        (topic.text(&name("acme")), Bytes::from(payload)),
        (Topic::Price { store: store.clone(), shard: 63 }.text(&name("acme")), Bytes::from_static(b"forged")),
    ]);
    let record = |shards| Record { shards: vec![None; shards], ..Record::<Prices>::default() };
    let nothing = BTreeMap::new();
    let count = |record, heard| judge(&ring).bases::<Prices>(&record, heard, &store).unwrap().len();
    assert_eq!(count(record(0), &nothing), 0);
    assert_eq!(count(record(2), &nothing), 2);
    assert_eq!(count(record(2), &heard), 8);
    assert_eq!(count(record(16), &heard), 16);
    let bases = judge(&ring).bases::<Prices>(&record(2), &heard, &store).unwrap();
    assert_eq!(bases[5].said, [prices()]);
    assert!(bases.iter().enumerate().all(|(at, base)| at == 5 || base.said.is_empty()));
}
