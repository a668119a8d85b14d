//! `make eval`: spoken and typed orders through the real program, engines warm,
//! as `aisle ask --batch` answers them. Prints a table and writes the same as
//! JSON. Cases come from $AISLE_EVAL_DATA/barista, else from tests/recordings.

#![allow(clippy::expect_used)] // A measurement that cannot run shall stop.

#[path = "kiosk.rs"]
mod kiosk;

use kiosk::{Aisle, Score, cases, import};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn main() {
    let (origin, cases) = cases();
    let data = tempfile::tempdir().expect("a temporary folder");
    let speech = tempfile::tempdir().expect("a temporary folder");
    import(data.path());
    let mut aisle = Aisle::start(data.path(), speech.path());
    let mut spoken = Score::default();
    for (index, case) in cases.iter().enumerate() {
        let answer = aisle.ask(&json!({"id": index.to_string(), "wav": case.clip}));
        spoken.judge(case, &answer);
    }
    let mut typed = Score::default();
    for (index, case) in cases.iter().enumerate() {
        let answer = aisle.ask(&json!({"id": index.to_string(), "text": typed_order(&case.wanted, index)}));
        typed.judge(case, &answer);
    }
    let memory = aisle.peak_memory();
    drop(aisle);
    let report = json!({
        "origin": origin,
        "spoken": spoken.report(),
        "typed": typed.report(),
        "peak_memory_mb": memory,
    });
    println!("Cases: {} from {origin}", cases.len());
    spoken.print("spoken orders");
    typed.print("typed orders");
    println!("Peak memory (VmHWM): {memory}");
    let path = std::env::var_os("AISLE_EVAL_REPORT")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("eval.json"), PathBuf::from);
    std::fs::write(&path, format!("{report:#}\n")).expect("the report can be written");
    println!("As JSON: {}", path.display());
}

/// The order in one of several everyday wordings.
fn typed_order(wanted: &BTreeMap<String, String>, index: usize) -> String {
    let part = |key: &str| wanted.get(key).cloned();
    let item = part("item").unwrap_or_default();
    let lead: Vec<_> = ["size", "roast", "shots"].iter().filter_map(|key| part(key)).collect();
    let with: Vec<_> = ["milk", "sweetener"].iter().filter_map(|key| part(key)).collect();
    let (lead, with) = (lead.join(" "), with.join(" and "));
    let tail = if with.is_empty() { String::new() } else { format!(" with {with}") };
    match index % 5 {
        0 => format!("Can I get a {lead} {item}{tail}, please?"),
        1 => format!("{item}, {lead}{tail}"),
        2 => format!("I'd like one {item}{tail} {lead}"),
        3 => format!("hi could you make me a {lead} {item}{tail} thanks"),
        _ => format!(
            "uh let me have {}a {lead} {item}",
            if with.is_empty() { String::new() } else { format!("{with} in ") }
        ),
    }
}
