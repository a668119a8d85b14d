use super::*;
use proptest::prelude::*;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn site() -> Site {
    Site { tenant: name("acme"), store: name("s042"), kiosk: name("k1"), group: name("north") }
}

fn topics() -> Vec<Topic> {
    let (store, group) = (name("s042"), name("north"));
    let mut all = vec![
        Topic::Keys,
        Topic::Manifest { group: group.clone() },
        Topic::Chunk { group, digest: Digest::of(b"x") },
        Topic::Price { store: store.clone(), shard: 0 },
        Topic::Stock { store: store.clone(), shard: 63 },
        Topic::Recall { store },
    ];
    all.extend(Line::ALL.map(|line| site().own(line)));
    all
}

/// As a broker matches (MQTT 5, section 4.7), filters without `$share`.
fn matches(filter: &str, topic: &str) -> bool {
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

#[test]
fn a_topic_is_read_as_it_is_written() {
    let texts: Vec<String> = topics().iter().map(|topic| topic.text(&name("acme"))).collect();
    let expected = [
        "aisle/v1/acme/keys",
        "aisle/v1/acme/g/north/catalog/manifest",
        "aisle/v1/acme/g/north/catalog/c/2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        "aisle/v1/acme/s/s042/price/0",
        "aisle/v1/acme/s/s042/stock/63",
        "aisle/v1/acme/s/s042/recall",
        "aisle/v1/acme/k/s042/k1/status",
        "aisle/v1/acme/k/s042/k1/telemetry",
        "aisle/v1/acme/k/s042/k1/inventory",
        "aisle/v1/acme/k/s042/k1/order",
        "aisle/v1/acme/k/s042/k1/result",
        "aisle/v1/acme/k/s042/k1/ack",
        "aisle/v1/acme/k/s042/k1/commands",
        "aisle/v1/acme/k/s042/k1/loyalty",
        "aisle/v1/acme/k/s042/k1/loyalty/reply",
        "aisle/v1/acme/k/s042/k1/pos",
    ];
    assert_eq!(texts, expected);
    for (topic, text) in topics().into_iter().zip(&texts) {
        assert_eq!(Topic::parse(text), Ok((name("acme"), topic)), "{text}");
    }
    let kinds: Vec<Kind> = topics().iter().map(Topic::kind).collect();
    assert_eq!(kinds, Kind::ALL, "one topic of each kind");
}

#[test]
fn a_strange_topic_is_none_of_ours() {
    let odd = [
        "",
        "/",
        "aisle/v1",
        "aisle/v1/",
        "aisle/v1/acme",
        "aisle/v2/acme/keys",
        "aisle/v1x/acme/keys",
        "aisle/v1/ACME/keys",
        "aisle/v1//keys",
        "aisle/v1/+/keys",
        "aisle/v1/acme/keys/",
        "aisle/v1/acme/s/+/recall",
        "aisle/v1/acme/s/#",
        "aisle/v1/acme/s/s042/price/64",
        "aisle/v1/acme/s/s042/price/00",
        "aisle/v1/acme/s/s042/price/+1",
        "aisle/v1/acme/s/s042/price/-1",
        "aisle/v1/acme/s/s042/price",
        "aisle/v1/acme/g/north/catalog/c/ABCD",
        "aisle/v1/acme/k/s042/k1",
        "aisle/v1/acme/k/s042/k1/",
        "aisle/v1/acme/k/s042/k1/loyalty/reply/x",
        "aisle/v1/acme/k/s042/k 1/status",
        "$SYS/broker/uptime",
    ];
    for text in odd {
        assert!(Topic::parse(text).is_err(), "{text}");
    }
    assert!(Topic::parse(&"aisle/v1/".repeat(10_000)).is_err());
    let error = Topic::parse("aisle/v1/acme/\u{7}\n").unwrap_err().to_string();
    assert!(!error.contains(['\u{7}', '\n']), "{error}");
}

#[test]
fn a_kiosk_hears_what_is_meant_for_it_and_writes_below_its_own_prefix() {
    let (site, tenant) = (site(), name("acme"));
    let prefix = format!("aisle/v1/{}/", site.user().unwrap());
    for topic in topics() {
        let text = topic.text(&tenant);
        let heard = site.filters().iter().any(|filter| matches(filter, &text));
        let is_asked_for = matches!(topic.kind(), Kind::Chunk | Kind::Sale);
        assert_eq!(site.is_for_me(&tenant, &topic), heard || is_asked_for, "{text}");
        assert_eq!(site.may_write(&topic), topic.kind().direction() == Direction::Up, "{text}");
        assert!(!site.may_write(&topic) || text.starts_with(&prefix), "{text}");
        assert!(!site.is_for_me(&name("other"), &topic));
        let neighbours =
            [Site { store: name("s043"), ..site.clone() }, Site { kiosk: name("k2"), ..site.clone() }];
        for neighbour in neighbours {
            assert!(!neighbour.may_write(&topic), "{text}");
        }
    }
    assert!(!site.is_for_me(&tenant, &Topic::Recall { store: name("s043") }));
    assert!(!site.is_for_me(&tenant, &Topic::Manifest { group: name("south") }));
}

#[test]
fn head_office_hears_all_kiosks() {
    let filter = office_filter(&name("acme"), Line::Telemetry, None);
    assert!(matches(&filter, &site().own(Line::Telemetry).text(&name("acme"))));
    assert!(!matches(&filter, &site().own(Line::Order).text(&name("acme"))));
    let shared = office_filter(&name("acme"), Line::Order, Some(&name("collectors")));
    assert_eq!(shared, "$share/collectors/aisle/v1/acme/k/+/+/order");
}

#[test]
fn head_office_hears_what_stands_in_a_store_and_itself_alone() {
    let (tenant, store) = (name("acme"), name("s042"));
    for topic in topics() {
        let text = topic.text(&tenant);
        let live = topic.kind().role() == Some(Role::Live);
        let filter = standing_filter(&tenant, &store, topic.kind());
        assert_eq!(filter.is_some_and(|filter| matches(&filter, &text)), live, "{text}");
    }
    let echo = office_echo(&tenant);
    assert!(Topic::parse(&echo).is_err() && echo.starts_with("aisle/v1/acme/office/"));
    assert!(!site().filters().iter().any(|filter| matches(filter, &echo)));
}

#[test]
fn a_user_name_fits_a_certificate() {
    assert_eq!(site().user().unwrap(), "acme/k/s042/k1");
    let long = Site { store: name(&"s".repeat(32)), kiosk: name(&"k".repeat(32)), ..site() };
    let error = long.user().unwrap_err().to_string();
    assert!(error.contains("has 72 characters"), "{error}");
}

#[test]
fn what_is_signed_is_retained_and_chunks_fit_a_message() {
    for kind in Kind::ALL {
        assert!(kind.role().is_none() || kind.is_retained(), "{}", kind.name());
        assert!(kind.limit() <= MAX_PAYLOAD, "{}", kind.name());
    }
    assert_eq!(Kind::Chunk.limit(), MAX_CHUNK);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn whatever_is_read_is_written_the_same(text in prop_oneof![
        ".{0,80}",
        "aisle/v1(/[a-z0-9+#._-]{0,5}){0,6}",
        "aisle/v1/acme/(k|s|g)/[a-z]{1,3}/(k1/)?(price|stock|catalog|status|loyalty|pos|ack)(/[0-9]{1,3}|/reply|/c|/manifest)?",
    ]) {
        if let Ok((tenant, topic)) = Topic::parse(&text) {
            prop_assert_eq!(topic.text(&tenant), text);
        }
    }

    #[test]
    fn no_name_breaks_out_of_its_level(text in ".{0,40}") {
        if let Ok(name) = text.parse::<Name>() {
            let topic = Topic::Recall { store: name };
            prop_assert_eq!(topic.text(&"acme".parse().unwrap()).matches('/').count(), 5);
        }
    }
}
