use super::event::*;
use super::samples::{self, at, sku};
use super::*;
use crate::sync::topics::Topic;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Writes a sample, reads it again, and gives its JSON.
fn round<M: Message + PartialEq + fmt::Debug>(message: &M) -> Value {
    let body = write(message).unwrap();
    assert_eq!(read::<M>(&body).as_ref(), Ok(message));
    serde_json::from_slice(&body).unwrap()
}

/// The sample's JSON, changed.
fn spoilt<M: Message>(message: &M, change: impl FnOnce(&mut Value)) -> Result<M, WireError> {
    let mut value = serde_json::to_value(message).unwrap();
    change(&mut value);
    read(&serde_json::to_vec(&value).unwrap())
}

#[test]
fn every_message_is_read_as_it_is_written() {
    round(&samples::manifest());
    round(&samples::prices());
    round(&samples::counts());
    round(&samples::recalls());
    round(&samples::status());
    round(&samples::telemetry());
    round(&samples::inventory());
    round(&samples::order());
    round(&samples::outcome());
    round(&samples::ack());
    round(&samples::commands());
    round(&samples::loyalty());
    round(&samples::loyalty_reply());
    round(&samples::sale());
}

#[test]
fn messages_look_as_they_are_described() {
    assert_eq!(
        round(&samples::commands())["items"][0],
        json!({"id": "01935c3a-0000-7000-8000-000000000032", "expires": "2026-11-27T00:00:00Z",
            "kind": "restart", "what": "engines"})
    );
    assert_eq!(
        round(&samples::telemetry())["events"][6],
        json!({"id": "01935c3a-0000-7000-8000-00000000006a", "seq": 47, "at": "2026-11-26T07:00:00.25Z",
            "kind": "latency", "stage": "first_card", "counts": [0,0,0,0,1,0,0,0,0,0,0,0,0,0,0]})
    );
    assert_eq!(
        round(&samples::sale())["lines"],
        json!([{"sku": "DA-1001", "quantity": 2}, {"gtin": "04006381333931", "quantity": -1}])
    );
    assert_eq!(
        round(&samples::prices())["rows"][1],
        json!({"sku": "DA-1002"}),
        "a price that is not known takes no room"
    );
    let gone = status::Status::gone(uuid::Uuid::nil());
    assert_eq!(round(&gone), json!({"connection": "00000000-0000-0000-0000-000000000000", "online": false}));
}

#[test]
fn fields_that_are_not_known_are_passed_over() {
    let extra = |value: &mut Value| {
        value["colour"] = json!("red");
        if let Some(row) = value.pointer_mut("/rows/0").or(None) {
            row["colour"] = json!("red");
        }
    };
    assert_eq!(spoilt(&samples::prices(), extra).unwrap(), samples::prices());
    assert_eq!(spoilt(&samples::manifest(), extra).unwrap(), samples::manifest());
    let event = |value: &mut Value| value["events"][2]["colour"] = json!("red");
    assert_eq!(spoilt(&samples::telemetry(), event).unwrap(), samples::telemetry());
    let unit = |value: &mut Value| value["items"][1]["colour"] = json!("red");
    assert_eq!(spoilt(&samples::commands(), unit).unwrap(), samples::commands());
}

#[test]
fn a_kind_that_is_not_known_is_refused_by_its_id_and_the_others_are_taken() {
    let commands = spoilt(&samples::commands(), |value| value["items"][1]["kind"] = json!("dance")).unwrap();
    assert_eq!(commands.items.items.len(), samples::commands().items.items.len() - 1);
    let [refused] = commands.items.refused.as_slice() else { panic!("one is refused") };
    assert_eq!(refused.id, samples::commands().items.items.get(1).map(|command| command.id));
    assert!(refused.why.starts_with("unknown variant `dance`"), "{}", refused.why);

    let batch = spoilt(&samples::telemetry(), |value| {
        value["events"][0]["kind"] = json!("transcript");
        value["events"][3]["taken"] = json!(99);
        value["events"][4] = json!("nonsense");
    });
    let batch = batch.unwrap();
    assert_eq!((batch.events.items.len(), batch.events.refused.len()), (11, 3));
    assert_eq!(batch.events.refused.iter().filter(|refused| refused.id.is_some()).count(), 2);

    let recalls = spoilt(&samples::recalls(), |value| {
        let mut bad = value["items"][0].clone();
        bad["skus"] = json!([]);
        bad["gtins"] = json!([]);
        value["items"].as_array_mut().unwrap().push(bad);
    });
    assert_eq!(recalls.unwrap().items.items, samples::recalls().items.items);
}

#[test]
fn where_one_word_matters_for_all_an_unknown_one_refuses_all() {
    let refused = spoilt(&samples::counts(), |value| value["rows"][1]["availability"] = json!("rented"));
    let error = refused.unwrap_err();
    assert_eq!(error, WireError::Unknown { kind: "stock", what: "`rented`".into() });
    assert!(error.to_string().ends_with("update the program"));
    let refused = spoilt(&samples::manifest(), |value| value["format"] = json!(2));
    assert!(matches!(refused, Err(WireError::Unknown { .. })));
    let refused = spoilt(&samples::manifest(), |value| value["files"][0]["name"] = json!("firmware"));
    assert!(matches!(refused, Err(WireError::Unknown { .. })));
}

#[test]
fn an_event_that_was_tampered_with_keeps_nothing_that_is_not_of_its_kind() {
    let batch = spoilt(&samples::telemetry(), |value| value["events"][1]["words"] = json!("oat milk"));
    let again = String::from_utf8(write(&batch.unwrap()).unwrap()).unwrap();
    assert!(!again.contains("oat milk"));
}

#[test]
fn every_limit_is_kept() {
    fn refused<M: Message>(at: &str, message: &M, change: impl FnOnce(&mut Value)) {
        let result = spoilt(message, change);
        assert!(matches!(result, Err(WireError::OutOfRange { .. } | WireError::Malformed { .. })), "{at}");
    }
    let (manifest, prices, counts) = (samples::manifest(), samples::prices(), samples::counts());
    refused("version", &manifest, |v| v["version"] = json!(0));
    refused("expires", &manifest, |v| v["expires"] = v["issued"].clone());
    refused("products", &manifest, |v| v["products"] = json!(5_000_001));
    refused("shards", &manifest, |v| v["shards"] = json!(3));
    refused("shards", &manifest, |v| v["shards"] = json!(128));
    refused("packed", &manifest, |v| v["snapshot"]["packed"] = json!(7));
    refused("size", &manifest, |v| v["snapshot"]["size"] = json!(catalog::MAX_UNPACKED + 1));
    refused("no chunks", &manifest, |v| {
        v["snapshot"]["chunks"] = json!([]);
        v["snapshot"]["packed"] = json!(0);
    });
    refused("chunk", &manifest, |v| {
        v["snapshot"]["chunks"][0]["size"] = json!(98_305);
        v["snapshot"]["packed"] = json!(98_305);
    });
    refused("chunk", &manifest, |v| v["snapshot"]["chunks"][0]["sha256"] = json!("../../etc"));
    refused("delta", &manifest, |v| v["deltas"][0]["from_version"] = json!(12));
    refused("delta", &manifest, |v| v["deltas"][0]["version"] = json!(13));
    refused("deltas", &manifest, |v| v["deltas"] = json!(vec![v["deltas"][0].clone(); 33]));
    refused("files", &manifest, |v| v["files"] = json!(vec![v["files"][0].clone(); 2]));
    refused("program", &manifest, |v| v["min_program"] = json!("1.0"));

    refused("price", &prices, |v| v["rows"][0]["price_cents"] = json!(-1));
    refused("price", &prices, |v| v["rows"][0]["price_cents"] = json!(MAX_CENTS + 1));
    refused("price", &prices, |v| v["rows"][0]["price_cents"] = json!(3.49));
    refused("promotion", &prices, |v| v["rows"][0]["promotion"]["until"] = json!("soon"));
    refused("label", &prices, |v| v["rows"][0]["promotion"]["label"] = json!("a\nb"));
    refused("sku", &prices, |v| v["rows"][0]["sku"] = json!(""));
    refused("sku", &prices, |v| v["rows"][0]["sku"] = json!("x".repeat(65)));
    refused("sku", &prices, |v| v["rows"][0]["sku"] = json!(" A"));
    refused("twice", &prices, |v| v["rows"][1]["sku"] = v["rows"][0]["sku"].clone());
    refused("as_of", &prices, |v| v["rows"][0]["as_of"] = json!("2026-11-26T07:05:01Z"));
    let near = spoilt(&prices, |v| v["rows"][0]["as_of"] = json!("2026-11-26T07:05:00Z"));
    assert!(near.is_ok(), "five minutes are allowed");
    refused("stock", &counts, |v| v["rows"][0]["stock"] = json!(-1));

    refused("recalls", &samples::recalls(), |v| v["items"] = json!(vec![v["items"][0].clone(); 201]));
    refused("commands", &samples::commands(), |v| v["items"] = json!(vec![v["items"][0].clone(); 65]));
    refused("events", &samples::telemetry(), |v| v["events"] = json!([]));
    refused("events", &samples::telemetry(), |v| v["events"] = json!(vec![v["events"][0].clone(); 257]));
    refused("ack", &samples::ack(), |v| v["taken"] = json!(vec![v["taken"][0].clone(); 513]));
    refused("status", &samples::status(), |v| v["online"] = json!(false));
    refused("status", &samples::status(), |v| v["report"] = json!(null));
    refused("number", &samples::loyalty(), |v| v["number"] = json!("a/b#"));
    refused("number", &samples::loyalty(), |v| v["number"] = json!("123"));
    refused("reply", &samples::loyalty_reply(), |v| v["known"] = json!(false));
    refused("sale", &samples::sale(), |v| v["lines"] = json!([]));
    refused("sale", &samples::sale(), |v| v["lines"][0] = json!({"quantity": 1}));
    refused("gtin", &samples::sale(), |v| v["lines"][1]["gtin"] = json!("4006381333932"));
    let long = "x".repeat(Kind::Ack.limit());
    let huge = spoilt(&samples::ack(), |v| v["padding"] = json!(long));
    assert!(matches!(huge, Err(WireError::TooLarge { .. })), "a field that is not known counts, too");
}

#[test]
fn what_goes_beyond_a_limit_is_not_written() {
    let mut prices = samples::prices();
    prices.rows = (0..3001)
        .map(|n| live::Price {
            sku: sku(&format!("{n:020}")),
            price_cents: Some(1),
            promotion: None,
            as_of: None,
        })
        .collect();
    assert!(matches!(write(&prices), Err(WireError::OutOfRange { what: "rows", .. })));
    prices.rows.truncate(3000);
    assert!(write(&prices).is_err(), "with as much text as this they are too many bytes");
    prices.rows.truncate(2000);
    assert!(write(&prices).is_ok());
}

#[test]
fn a_shopper_is_not_shown_in_a_log() {
    let shown = format!("{:?} {:?}", samples::loyalty(), samples::loyalty_reply());
    assert!(!shown.contains("4711") && !shown.contains("Ada") && !shown.contains("DA-1001"), "{shown}");
}

#[test]
fn versions_are_compared_number_by_number() {
    let version = |text: &str| text.parse::<Version>();
    assert!(version("0.10.0").unwrap() > version("0.9.9").unwrap());
    for odd in ["", "1", "1.2", "1.2.3.4", "1.2.x", "1.2.-3", "1.2.+3", "1..3", "1.2.70000"] {
        assert!(version(odd).is_err(), "{odd}");
    }
}

#[test]
fn a_product_belongs_to_one_shard() {
    // The first byte of the SHA-256 of "A" is 0x55.
    assert_eq!([1, 2, 4, 8, 64].map(|shards| live::shard_of(&sku("A"), shards)), [0, 1, 1, 5, 21]);
}

#[test]
fn the_least_important_goes_first() {
    let of = |batch: Batch<Telemetry>| batch.events.items.iter().map(|event| event.what.priority()).max();
    let telemetry = of(samples::telemetry()).unwrap();
    let inventory = samples::inventory().events.items[0].what.priority();
    let outcome = samples::outcome().events.items[0].what.priority();
    let order = samples::order().events.items[0].what.priority();
    assert!(telemetry < inventory && inventory < outcome && outcome < order && order <= 9);
}

#[test]
fn times_are_utc_to_the_second_or_finer() {
    let ack = spoilt(&samples::sale(), |value| value["at"] = json!("2026-11-26T08:00:00+01:00")).unwrap();
    assert_eq!(ack.at, at("2026-11-26T07:00:00Z"));
    assert!(spoilt(&samples::sale(), |value| value["at"] = json!("2026-11-26")).is_err());
}

/// Reads a payload as whatever its topic says it is, as a subscriber does.
fn read_any(topic: &Topic, payload: &[u8]) {
    match topic.kind() {
        Kind::Keys => drop(read::<crate::sync::keys::KeyList>(payload)),
        Kind::Manifest => drop(read::<catalog::Manifest>(payload)),
        Kind::Chunk => {}
        Kind::Price => drop(read::<live::Prices>(payload)),
        Kind::Stock => drop(read::<live::Counts>(payload)),
        Kind::Recall => drop(read::<live::Recalls>(payload)),
        Kind::Status => drop(read::<status::Status>(payload)),
        Kind::Telemetry => drop(read::<Batch<Telemetry>>(payload)),
        Kind::Inventory => drop(read::<Batch<Inventory>>(payload)),
        Kind::Order => drop(read::<Batch<Order>>(payload)),
        Kind::Outcome => drop(read::<Batch<Outcome>>(payload)),
        Kind::Ack => drop(read::<Ack>(payload)),
        Kind::Commands => drop(read::<command::Commands>(payload)),
        Kind::Loyalty => drop(read::<loyalty::LoyaltyRequest>(payload)),
        Kind::LoyaltyReply => drop(read::<loyalty::LoyaltyReply>(payload)),
        Kind::Sale => drop(read::<pos::Sale>(payload)),
    }
}

fn all_samples() -> Vec<Vec<u8>> {
    vec![
        write(&samples::manifest()).unwrap(),
        write(&samples::prices()).unwrap(),
        write(&samples::counts()).unwrap(),
        write(&samples::recalls()).unwrap(),
        write(&samples::status()).unwrap(),
        write(&samples::telemetry()).unwrap(),
        write(&samples::inventory()).unwrap(),
        write(&samples::order()).unwrap(),
        write(&samples::outcome()).unwrap(),
        write(&samples::ack()).unwrap(),
        write(&samples::commands()).unwrap(),
        write(&samples::loyalty()).unwrap(),
        write(&samples::loyalty_reply()).unwrap(),
        write(&samples::sale()).unwrap(),
    ]
}

static SAMPLES: std::sync::LazyLock<Vec<Vec<u8>>> = std::sync::LazyLock::new(all_samples);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn whatever_comes_on_any_topic_is_read_or_refused(
        kind in 0_usize..16, sample in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(),
        put in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            prop::sample::select(vec!["null", "-1", "1e999", "18446744073709551616", "[[[[", "\"\\ud800\"", "{}", "\u{0}"])
                .prop_map(|text| text.as_bytes().to_vec()),
        ],
        cut in 0_usize..30, is_junk in prop::bool::weighted(0.1)
    ) {
        let name = |text: &str| samples::name(text);
        let site = crate::sync::topics::Site { tenant: name("t"), store: name("s"), kiosk: name("k"), group: name("g") };
        let (store, group) = (name("s"), name("g"));
        let topic = match kind {
            0 => Topic::Keys,
            1 => Topic::Manifest { group },
            2 => Topic::Price { store, shard: 0 },
            3 => Topic::Stock { store, shard: 0 },
            4 => Topic::Recall { store },
            other => site.own(crate::sync::topics::Line::ALL[other % 10]),
        };
        let mut payload = if is_junk { Vec::new() } else { sample.get(&SAMPLES).clone() };
        let at = at.index(payload.len() + 1);
        let end = (at + cut).min(payload.len());
        payload.splice(at..end, put);
        read_any(&topic, &payload);
    }
}
