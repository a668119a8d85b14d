//! `make eval`: the standing answer-quality report. Spoken and typed orders, scripted
//! conversations, labelled requests and attacks go through the real program, engines
//! warm, as `aisle ask --batch` answers them. Prints tables and writes the same as
//! JSON, so that versions can be compared.

#![allow(clippy::expect_used, clippy::panic)] // A measurement that cannot run shall stop.

mod attacks;
mod conversations;
mod orders;
mod program;
mod requests;

use program::{Aisle, import, repository};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const STORE: &str = "firmware-config/demo-store/catalog.jsonl";
const HOSTILE: &str = "tests/dialog/hostile-catalog.jsonl";

fn main() {
    let wanted = std::env::var("AISLE_EVAL_PARTS").unwrap_or_default();
    let part = |name: &str| wanted.is_empty() || wanted.split(',').any(|own| own == name);
    let data = tempfile::tempdir().expect("a temporary folder");
    let speech = tempfile::tempdir().expect("a temporary folder");
    import(STORE, data.path());
    let mut report = json!({"version": env!("CARGO_PKG_VERSION")});
    if part("orders") {
        let say = speech.path().to_string_lossy().into_owned();
        let mut aisle = Aisle::start(data.path(), &["--say", &say], &[]);
        let (origin, spoken, typed) = orders::run(&mut aisle);
        report["memory_mb"] = aisle.peak_memory();
        println!("Cases: {origin}");
        spoken.print("spoken orders");
        typed.print("typed orders");
        println!("Peak memory (VmHWM): {}", report["memory_mb"]);
        report["origin"] = json!(origin);
        report["spoken"] = spoken.report();
        report["typed"] = typed.report();
    }
    if part("conversations") {
        report["conversations"] = talk(data.path());
    }
    if part("requests") {
        let text = std::fs::read_to_string(repository("tests/dialog/requests.jsonl")).expect("requests");
        for (name, spoken) in [("requests", false), ("requests_spoken", true)] {
            let parts = requests::score(&text, spoken).expect("requests are JSON");
            for (part, score) in ["first", "second", "third"].iter().zip(&parts) {
                println!("\n{name}, {part} part: {score}");
                if std::env::var_os("AISLE_EVAL_SHOW").is_some() {
                    score.misses.iter().for_each(|(text, field, read, right)| {
                        println!("  {field}: read {read}, right {right}: {text}");
                    });
                }
            }
            report[name] = requests::report(&parts);
        }
    }
    if part("attacks") {
        let mut aisle = Aisle::start(data.path(), &[], &[]);
        let score = attacks::run(&mut aisle, STORE);
        score.print("attacks");
        report["attacks"] = score.report();
        let hostile = tempfile::tempdir().expect("a temporary folder");
        import(HOSTILE, hostile.path());
        let mut aisle = Aisle::start(hostile.path(), &[], &[]);
        let score = attacks::run_hostile(&mut aisle, HOSTILE);
        score.print("hostile catalog");
        report["hostile"] = score.report();
    }
    let path = std::env::var_os("AISLE_EVAL_REPORT")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("eval.json"), PathBuf::from);
    std::fs::write(&path, format!("{report:#}\n")).expect("the report can be written");
    println!("\nAs JSON: {}", path.display());
}

/// The conversations with rules alone and with the language model: what it is worth.
fn talk(data: &Path) -> Value {
    let mut report = json!({});
    for (name, enabled) in [("rules", "false"), ("rules_and_llm", "true")] {
        let mut aisle = Aisle::start(data, &[], &[("AISLE_LLM_ENABLED", enabled)]);
        let scores = conversations::run(&mut aisle);
        println!("\nConversations, {}", name.replace('_', " "));
        for (file, score) in &scores {
            score.print(file);
            report[name][file] = score.report();
        }
        if enabled == "true" {
            conversations::Score::print_intents(&scores);
        }
    }
    report
}
