use super::keys::KeyList;
use super::topics::{Direction, Kind, Line, Name, Site, Topic};
use super::wire::event::{Ack, Batch, Inventory, Order, Outcome, Telemetry};
use super::wire::{catalog, command, live, loyalty, pos, samples, status};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sync/schemas")
}

fn entry<M: JsonSchema + Serialize>(title: &str, sample: &M) -> (Schema, Value) {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<M>();
    schema.insert("title".into(), json!(title));
    (schema, serde_json::to_value(sample).unwrap())
}

/// Schema and sample of each kind that has a body of JSON, and of the envelope.
fn all() -> BTreeMap<&'static str, (Schema, Value)> {
    BTreeMap::from([
        ("envelope", entry("Header line of a signed message", &samples::header())),
        (Kind::Keys.name(), entry::<KeyList>("Key list", &samples::keys())),
        (Kind::Manifest.name(), entry::<catalog::Manifest>("Manifest of a bundle", &samples::manifest())),
        (Kind::Price.name(), entry::<live::Prices>("Prices", &samples::prices())),
        (Kind::Stock.name(), entry::<live::Counts>("Counts", &samples::counts())),
        (Kind::Recall.name(), entry::<live::Recalls>("Recalls", &samples::recalls())),
        (Kind::Status.name(), entry::<status::Status>("Status of a kiosk", &samples::status())),
        (Kind::Telemetry.name(), entry::<Batch<Telemetry>>("Telemetry", &samples::telemetry())),
        (Kind::Inventory.name(), entry::<Batch<Inventory>>("Inventory", &samples::inventory())),
        (Kind::Order.name(), entry::<Batch<Order>>("Orders", &samples::order())),
        (Kind::Outcome.name(), entry::<Batch<Outcome>>("Outcomes of commands", &samples::outcome())),
        (Kind::Ack.name(), entry::<Ack>("Acknowledgement", &samples::ack())),
        (Kind::Commands.name(), entry::<command::Commands>("Commands", &samples::commands())),
        (Kind::Loyalty.name(), entry::<loyalty::LoyaltyRequest>("Loyalty request", &samples::loyalty())),
        (
            Kind::LoyaltyReply.name(),
            entry::<loyalty::LoyaltyReply>("Loyalty reply", &samples::loyalty_reply()),
        ),
        (Kind::Sale.name(), entry::<pos::Sale>("Sale", &samples::sale())),
    ])
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::options().should_validate_formats(true).build(schema).unwrap()
}

/// `AISLE_WRITE_SCHEMAS=1 cargo test schemas` writes them.
#[test]
fn the_written_schemas_are_those_of_the_types() {
    let writes = std::env::var_os("AISLE_WRITE_SCHEMAS").is_some();
    let mut written: Vec<String> = Vec::new();
    for (name, (schema, _)) in all() {
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        // Whoever reads a schema has no links to follow.
        let text = text.replace("[`", "`").replace("`]", "`");
        let path = folder().join(format!("{name}.json"));
        if writes {
            fs::write(&path, &text).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == text,
            "{name}.json differs: run AISLE_WRITE_SCHEMAS=1 cargo test schemas, and look at it"
        );
        written.push(format!("{name}.json"));
    }
    let mut found: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    written.sort();
    assert_eq!(found, written, "no schema of a message that is gone");
}

#[test]
fn every_kind_with_a_body_of_json_has_a_schema_and_its_sample_fits() {
    let all = all();
    for kind in Kind::ALL {
        assert_eq!(all.contains_key(kind.name()), kind != Kind::Chunk, "{}", kind.name());
    }
    for (name, (schema, sample)) in &all {
        let schema = schema.as_value();
        assert!(jsonschema::meta::is_valid(schema), "{name}");
        let errors: Vec<String> = validator(schema)
            .iter_errors(sample)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
        let mut later = sample.clone();
        later.as_object_mut().unwrap().insert("colour".into(), json!("red"));
        assert_eq!(validator(schema).is_valid(&later), *name != "envelope", "{name}: fields may be added");
    }
}

#[test]
fn schemas_keep_the_limits_of_the_code() {
    let all = all();
    let fits = |name: &str, path: &str, value: Value| {
        let (schema, sample) = &all[name];
        let mut spoilt = sample.clone();
        *spoilt.pointer_mut(path).unwrap() = value;
        validator(schema.as_value()).is_valid(&spoilt)
    };
    let many = |name: &str, path: &str, count: usize| {
        let one = all[name].1.pointer(path).unwrap()[0].clone();
        fits(name, path, json!(vec![one; count]))
    };
    for (name, path, most) in [
        ("manifest", "/snapshot/chunks", catalog::MAX_CHUNKS),
        ("manifest", "/deltas", catalog::MAX_DELTAS),
        ("price", "/rows", live::MAX_ROWS),
        ("stock", "/rows", live::MAX_ROWS),
        ("recall", "/items", live::MAX_RECALLS),
        ("recall", "/items/0/skus", live::MAX_RECALLED),
        ("telemetry", "/events", super::wire::event::MAX_EVENTS),
        ("commands", "/items", command::MAX_COMMANDS),
        ("ack", "/taken", 2 * super::wire::event::MAX_EVENTS),
        ("loyalty_reply", "/history", loyalty::MAX_HISTORY),
        ("sale", "/lines", pos::MAX_LINES),
    ] {
        assert!(many(name, path, most) && !many(name, path, most + 1), "{name} {path}");
    }
    for (name, path, bad) in [
        ("manifest", "/version", json!(0)),
        ("manifest", "/shards", json!(65)),
        ("manifest", "/snapshot/size", json!(catalog::MAX_UNPACKED + 1)),
        ("manifest", "/snapshot/chunks/0/size", json!(super::topics::MAX_CHUNK + 1)),
        ("manifest", "/root", json!("00")),
        ("manifest", "/issued", json!("yesterday")),
        ("manifest", "/min_program", json!("1")),
        ("price", "/rows/0/sku", json!("")),
        ("price", "/rows/0/price_cents", json!(-1)),
        ("price", "/rows/0/price_cents", json!(super::wire::MAX_CENTS + 1)),
        ("stock", "/rows/1/availability", json!("rented")),
        ("recall", "/items/0/id", json!("a/b")),
        ("telemetry", "/events/0/kind", json!("transcript")),
        ("telemetry", "/events/0/id", json!("7")),
        ("telemetry", "/events/6/counts", json!([1])),
        ("commands", "/items/0/kind", json!("dance")),
        ("loyalty", "/number", json!("a#b")),
        ("sale", "/lines/0/sku", json!(null)),
        ("keys", "/roles/root/threshold", json!(0)),
        ("envelope", "/sigs", json!([])),
    ] {
        assert!(!fits(name, path, bad.clone()), "{name} {path} {bad}");
    }
}

/// Every place in a schema where a text of the sender's choice may stand.
fn free_texts(schema: &Value, at: &str, found: &mut Vec<String>) {
    match schema {
        Value::Object(object) => {
            let is_text = match object.get("type") {
                Some(Value::String(kind)) => kind == "string",
                Some(Value::Array(kinds)) => kinds.contains(&json!("string")),
                // No type at all lets anything in.
                _ => object.is_empty() || object.keys().all(|key| key == "description"),
            };
            let is_closed =
                ["enum", "const", "format", "pattern"].iter().any(|key| object.contains_key(*key));
            if is_text && !is_closed {
                found.push(at.to_owned());
            }
            object.iter().for_each(|(key, value)| free_texts(value, &format!("{at}/{key}"), found));
        }
        Value::Array(values) => values.iter().for_each(|value| free_texts(value, at, found)),
        Value::Bool(true) if !at.ends_with("default") => found.push(at.to_owned()),
        _ => {}
    }
}

#[test]
fn telemetry_has_no_room_for_words_or_names() {
    let all = all();
    let texts = |name: &str| {
        let mut found = Vec::new();
        let schema = all[name].0.as_value();
        for part in ["properties", "$defs"] {
            if let Some(Value::Object(parts)) = schema.get(part) {
                parts.iter().for_each(|(key, value)| free_texts(value, key, &mut found));
            }
        }
        found
    };
    assert_eq!(texts("telemetry"), Vec::<String>::new());
    assert!(texts("outcome").iter().any(|at| at.contains("why")), "the test sees a text where there is one");
}

#[test]
fn the_table_of_topics_is_that_of_the_code() {
    let name = |text: &str| text.parse::<Name>().unwrap();
    let site = Site { tenant: name("t"), store: name("store"), kiosk: name("kiosk"), group: name("group") };
    let (store, group) = (site.store.clone(), site.group.clone());
    let digest = super::digest::Digest::of(b"");
    let mut topics = vec![
        Topic::Keys,
        Topic::Manifest { group: group.clone() },
        Topic::Chunk { group, digest },
        Topic::Price { store: store.clone(), shard: 7 },
        Topic::Stock { store: store.clone(), shard: 7 },
        Topic::Recall { store },
    ];
    topics.extend(Line::ALL.map(|line| site.own(line)));
    let rows = topics.iter().map(|topic| {
        let kind = topic.kind();
        let path = topic.scope(&site.tenant).split_off("t/".len());
        let path = path.replace(&digest.to_string(), "{sha256}").replace("/7", "/{shard}");
        let path =
            path.replace("/kiosk", "/{kiosk}").replace("/store", "/{store}").replace("/group", "/{group}");
        let way = match kind.direction() {
            Direction::Down => "down",
            Direction::Up => "up",
            Direction::Within => "within",
        };
        let retained = if kind.is_retained() { "yes" } else { "no" };
        let role = kind.role().map_or("-", super::topics::Role::name);
        format!(
            "//! | `{path}` | {} | {way} | {retained} | {role} | {} KiB |",
            kind.name(),
            kind.limit() >> 10
        )
    });
    let table: Vec<&str> =
        include_str!("mod.rs").lines().filter(|line| line.starts_with("//! | `")).collect();
    assert_eq!(table, rows.collect::<Vec<_>>());
}
