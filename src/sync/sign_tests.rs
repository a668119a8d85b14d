use super::*;
use crate::sync::wire::live::{Counts, Prices};
use proptest::prelude::*;
use std::sync::LazyLock;

static KEY: LazyLock<SecretKey> = LazyLock::new(|| SecretKey::from_seed(&[7; 32]));

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn topic() -> Topic {
    Topic::Price { store: name("s042"), shard: 3 }
}

fn ring(keys: &[&SecretKey], threshold: usize) -> Ring {
    Ring { role: "live", keys: keys.iter().map(|key| key.public()).collect(), threshold }
}

fn prices() -> Prices {
    serde_json::from_str(
        r#"{"catalog":4,"version":9,"issued":"2026-11-26T08:00:00Z","rows":[{"sku":"DA-1001","price_cents":349}]}"#,
    )
    .unwrap()
}

static SEALED: LazyLock<Vec<u8>> =
    LazyLock::new(|| seal(&prices(), &topic(), &name("acme"), &[&KEY]).unwrap());

fn sealed() -> Vec<u8> {
    SEALED.clone()
}

#[test]
fn what_is_sealed_opens_on_its_topic() {
    let payload = sealed();
    let verified = open(&payload, &topic(), &name("acme"), &ring(&[&KEY], 1)).unwrap();
    assert_eq!(verified.read::<Prices>().unwrap(), prices());
    assert_eq!(verified.signers, [KEY.public().id()]);
    assert!(verified.read::<Counts>().is_err(), "a price is no count");
}

#[test]
fn an_envelope_never_changes_its_form() {
    // Ed25519 is deterministic: other bytes mean that kiosks in the field refuse them. Made once
    // with another program (OpenSSL) from the description in sign.rs.
    let text = String::from_utf8(sealed()).unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"v":1,"type":"price","scope":"acme/s/s042/price/3","sigs":[{"key":"fe812c12","sig":"#,
            "\"EU80s8Hcpgsk3380VHAqGApXRc7WWogfPUyietdXDyIvpaPOXoj2pgp+9GreUMGo7TBivAEO4v+qXR+6mOfkAg==\"}]}\n",
            r#"{"catalog":4,"version":9,"issued":"2026-11-26T08:00:00Z","rows":[{"sku":"DA-1001","price_cents":349}]}"#,
        )
    );
}

#[test]
fn a_message_is_good_on_its_own_topic_only() {
    let payload = sealed();
    let on = |topic: &Topic, tenant: &str| {
        open(&payload, topic, &name(tenant), &ring(&[&KEY], 1)).map(|_| ()).unwrap_err()
    };
    let (mine, store) = (name("s042"), name("s043"));
    assert!(matches!(on(&Topic::Price { store, shard: 3 }, "acme"), SignError::OtherScope { .. }));
    assert!(matches!(
        on(&Topic::Price { store: mine.clone(), shard: 4 }, "acme"),
        SignError::OtherScope { .. }
    ));
    assert!(matches!(on(&topic(), "other"), SignError::OtherScope { .. }));
    assert!(matches!(
        on(&Topic::Stock { store: mine.clone(), shard: 3 }, "acme"),
        SignError::OtherType { .. }
    ));
    // Nor where the header is rewritten to suit.
    let lie = String::from_utf8(payload.clone()).unwrap().replace("price/3", "price/4");
    let four = Topic::Price { store: mine, shard: 4 };
    let opened = open(lie.as_bytes(), &four, &name("acme"), &ring(&[&KEY], 1));
    assert_eq!(opened.unwrap_err(), SignError::Forged(KEY.public().id()));
}

#[test]
fn as_many_keys_must_sign_as_the_role_asks_for() {
    let (one, two, other) =
        (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32]), SecretKey::from_seed(&[3; 32]));
    let by = |keys: &[&SecretKey]| seal(&prices(), &topic(), &name("acme"), keys).unwrap();
    let opens = |payload: &[u8]| {
        open(payload, &topic(), &name("acme"), &ring(&[&one, &two], 2)).map(|v| v.signers.len())
    };
    assert_eq!(opens(&by(&[&one, &two])), Ok(2));
    assert_eq!(opens(&by(&[&other, &two, &one])), Ok(2), "a key that is not known does no harm");
    let few = |good| SignError::TooFew { role: "live", good, needed: 2 };
    assert_eq!(opens(&by(&[&one])), Err(few(1)));
    assert_eq!(opens(&by(&[&one, &one])), Err(few(1)), "one key counts once");
    assert_eq!(opens(&by(&[&other])), Err(few(0)));
    let none = open(&by(&[&one]), &topic(), &name("acme"), &ring(&[], 0)).map(|_| ());
    assert!(matches!(none, Err(SignError::TooFew { .. })), "no threshold lets nobody through");
}

#[test]
fn sizes_and_forms_are_refused_before_anything_is_read() {
    let opens =
        |payload: &[u8]| open(payload, &topic(), &name("acme"), &ring(&[&KEY], 1)).map(|_| ()).unwrap_err();
    let huge = [sealed(), vec![b' '; Kind::Price.limit()]].concat();
    assert!(matches!(opens(&huge), SignError::TooLarge { .. }));
    assert!(matches!(opens(b""), SignError::NotSigned(_)));
    assert!(matches!(opens(&vec![b'x'; 5000]), SignError::NotSigned("it has no header line")));
    let text = String::from_utf8(sealed()).unwrap();
    let (head, body) = text.split_once('\n').unwrap();
    let with = |head: &str| opens(format!("{head}\n{body}").as_bytes());
    assert_eq!(with(&head.replace("\"v\":1", "\"v\":2")), SignError::Version(2));
    for odd in [
        head.replace("\"v\":1", "\"v\": 1"),
        head.replace("\"v\":1", "\"x\":0,\"v\":1"),
        head.replace("\"v\":1,", ""),
        format!("{head} "),
        head.replace("==\"", "\""),
        format!("{}{head}", " ".repeat(MAX_HEADER)),
        head.replace("\"sigs\":[", "\"sigs\":[[").replace("]}", "]]}"),
    ] {
        assert!(matches!(with(&odd), SignError::NotSigned(_)), "{odd}");
    }
}

#[test]
fn weak_and_odd_keys_are_no_keys() {
    // The neutral element, and the point of order 2: RFC 8032's encodings of small order.
    let weak = ["01", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"];
    for text in [&format!("{:0<64}", weak[0]), weak[1], "", "00", &"zz".repeat(32)] {
        assert!(matches!(text.parse::<PublicKey>(), Err(SignError::BadKey(_))), "{text}");
    }
    let key = KEY.public();
    assert_eq!(key.to_string().parse(), Ok(key));
    assert_eq!(SecretKey::from_seed(&KEY.seed()).public(), key);
    assert!(!format!("{:?}", *KEY).contains("0707"), "a secret key is not shown");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_changed_byte_goes_unnoticed(at in any::<prop::sample::Index>(), change in 1_u8..) {
        let mut payload = sealed();
        let at = at.index(payload.len());
        payload[at] ^= change;
        prop_assert!(open(&payload, &topic(), &name("acme"), &ring(&[&KEY], 1)).is_err());
    }

    #[test]
    fn nothing_cut_or_put_in_goes_unnoticed(
        at in any::<prop::sample::Index>(), cut in 0_usize..40, put in prop::collection::vec(any::<u8>(), 0..40)
    ) {
        let original = sealed();
        let at = at.index(original.len() + 1);
        let (head, tail) = original.split_at(at);
        let payload = [head, &put, &tail[cut.min(tail.len())..]].concat();
        prop_assume!(payload != original);
        prop_assert!(open(&payload, &topic(), &name("acme"), &ring(&[&KEY], 1)).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn whatever_comes_is_refused_quietly(
        payload in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            r#"\{"v":1,"type":"price","scope":"acme/s/s042/price/3","sigs":\[(\{"key":"[0-9a-f]{8}","sig":"[A-Za-z0-9+/=]{0,88}"\},?){0,3}\]\}\n.{0,20}"#
                .prop_map(String::into_bytes),
        ]
    ) {
        prop_assert!(open(&payload, &topic(), &name("acme"), &ring(&[&KEY], 1)).is_err());
    }
}
