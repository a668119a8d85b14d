//! A catalog is tried before it is published: what does not answer well enough is refused with the
//! turns that went wrong, and neither the shelf nor the broker changes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/broker.rs"]
mod broker;
mod common;
#[path = "common/desk.rs"]
mod desk;

use broker::Broker;
use common::{Kiosk as Office, repository, text};
use desk::office;
use jiff::Timestamp;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// How fast this machine is, with all that it does besides, is not what is tested.
const CALM: &[&str] = &["--max-p95-ms", "60000", "--max-slower", "1000"];

fn demo() -> PathBuf {
    repository("firmware-config/demo-store/catalog.jsonl")
}

/// The demo store without the products that `goes` picks.
fn without(office: &Office, goes: impl Fn(&Value) -> bool) -> PathBuf {
    let text = fs::read_to_string(demo()).unwrap();
    let stays = |line: &&str| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["record"] != "product" || !goes(&record)
    };
    let lines: Vec<&str> = text.lines().filter(stays).collect();
    let path = office.data.path().join("spoiled.jsonl");
    fs::write(&path, lines.join("\n")).unwrap();
    path
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_answers_badly_is_refused_and_nothing_changes() {
    let broker = Broker::start();
    let office = office(&broker);
    let file = demo();
    // The same time for all, so that the same file is the same content.
    let now = Timestamp::now().to_string();
    let publish = [&["office", "publish", file.to_str().unwrap(), "--as-of", &now], CALM].concat();
    let first = office.json(&[&publish[..], &["--json"]].concat());
    assert_eq!((&first["state"], &first["version"]), (&"published".into(), &1.into()));
    let figures = &first["replay"]["figures"];
    let of = |part: &str| figures[part]["of"].as_u64().unwrap();
    assert!(of("turns") > 50 && of("names") == 250 && of("honest") > 50, "{figures}");
    assert_eq!(first["replay"]["before"], Value::Null);
    let shelf = office.data.path().join("office/shelf/all");
    let note = |version: u64| -> Value {
        let bytes = fs::read(shelf.join(format!("{version:020}.replay"))).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    assert_eq!(&note(1)["figures"], figures, "the figures are kept");
    let said = office.run(&publish);
    assert!(text(&said.stdout).starts_with("This is already published"), "{said:?}");

    // A feed that lost a department: what people ask for is gone.
    let before = (files(&shelf), files(&shelf.join("chunks")));
    let spoiled = without(&office, |record| {
        ["Dairy", "Produce"].iter().any(|name| record["category"].to_string().contains(name))
    });
    let spoiled = [&["office", "publish", spoiled.to_str().unwrap(), "--as-of", &now], CALM].concat();
    for more in [&[][..], &["--dry-run"]] {
        let refused = office.run(&[&spoiled[..], more].concat());
        let (out, error) = (text(&refused.stdout), text(&refused.stderr));
        assert_eq!((refused.status.code(), error.lines().count()), (Some(1), 1), "{error}");
        assert!(error.contains("published to all: accuracy of turns"), "{error}");
        assert!(
            out.starts_with("Tried: turns ") && out.contains("(before: ") && out.contains("\n  ! "),
            "{out}"
        );
        assert_eq!((files(&shelf), files(&shelf.join("chunks"))), before, "nothing is written down");
    }
    let refused = office.run(&[&spoiled[..], &["--json"]].concat());
    let told: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!((&told["state"], &told["sent_chunks"]), (&"refused".into(), &0.into()));
    assert_eq!(told["replay"]["before"]["version"], 1);
    assert!(!told["replay"]["misses"].as_array().unwrap().is_empty());

    // Who knows better says why, and that is kept; figures are compared with those before it.
    let second = office.json(&[&spoiled[..], &["--json", "--skip-replay", "Dairy is closed."]].concat());
    assert_eq!((&second["version"], &note(2)["skipped"]), (&2.into(), &"Dairy is closed.".into()));
    let third = office.json(&[&publish[..], &["--json"]].concat());
    assert_eq!((&third["version"], &third["replay"]["before"]["version"]), (&3.into(), &1.into()));
}

#[test]
fn a_retailer_s_own_turns_are_held_to_and_limits_are_theirs() {
    let office = Office::empty();
    fs::write(office.data.path().join("aisle.toml"), "[office]\ntenant = \"acme\"\n").unwrap();
    let file = demo();
    let dry = ["office", "publish", file.to_str().unwrap(), "--as-of", "now", "--dry-run", "--json"];
    let dry = [&dry[..], CALM].concat();
    let turns = office.data.path().join("office/turns");
    fs::create_dir_all(&turns).unwrap();
    let own = turns.join("all.jsonl");
    fs::write(
        &own,
        "{\"says\":\"where is the oat milk\",\"expect\":{\"any_of\":[\"DA-1014\"],\"must_say\":[\"aisle 4\"]}}\n\
         {\"name\":\"a list\",\"turns\":[{\"says\":\"two lemons\",\"expect\":{\"list\":[{\"sku\":\"PR-1009\",\"quantity\":2}]}}]}\n\
         {\"says\":\"do you sell car tyres\",\"expect\":{\"no\":true}}\n",
    )
    .unwrap();
    let told = office.json(&dry);
    assert_eq!(
        told["replay"]["figures"]["turns"],
        serde_json::json!({"right": 2, "of": 2}),
        "{}",
        told["replay"]
    );
    // One of three is wrong, which is too much, unless it is not.
    let more =
        fs::read_to_string(&own).unwrap() + "{\"says\":\"oat milk\",\"expect\":{\"any_of\":[\"PR-1009\"]}}\n";
    let other = office.data.path().join("mine.jsonl");
    fs::write(&other, more).unwrap();
    let mine = [&dry[..], &["--turns", other.to_str().unwrap()]].concat();
    let refused = office.run(&mine);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("accuracy of turns 66.7 % is below 90 %"), "{refused:?}");
    let told = office.json(&[&mine[..], &["--min-accuracy", "60"]].concat());
    assert_eq!(told["replay"]["misses"][0]["says"], "oat milk");

    fs::write(&other, "{\"say\":\"oat milk\"}\n").unwrap();
    let error = office.refusal(&mine);
    assert!(error.contains("line 1 of") && error.contains("mine.jsonl"), "{error}");
    for (more, wrong) in [
        (&["--min-accuracy", "101"][..], "0 to 100"),
        (&["--skip-replay", " "], "say why"),
        (&["--skip-replay", "x", "--turns", "y"], "cannot be used with"),
    ] {
        let output = office.run(&[&dry[..], more].concat());
        assert!(output.status.code() == Some(2) && text(&output.stderr).contains(wrong), "{output:?}");
    }
}
