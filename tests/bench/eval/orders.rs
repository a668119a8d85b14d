//! Café orders, spoken and typed: slot values and whole orders right. Cases come from
//! $AISLE_EVAL_DATA/barista, else from tests/recordings.

use crate::program::{Aisle, quantile, share};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A slot of the benchmark's labels, and the order line's own name for it.
const SLOTS: [(&str, &str); 5] = [
    ("roast", "roast"),
    ("size", "size"),
    ("numberOfShots", "shots"),
    ("milkAmount", "milk"),
    ("sugarAmount", "sweetener"),
];

pub struct Case {
    pub clip: PathBuf,
    /// `item` and option groups to menu words.
    pub wanted: BTreeMap<String, String>,
}

#[derive(Default)]
pub struct Score {
    pub slots: usize,
    pub slots_right: usize,
    pub orders: usize,
    pub orders_right: usize,
    pub times: BTreeMap<String, Vec<f64>>,
    pub wrong: Vec<String>,
}

/// Spoken and typed orders, and where the cases come from.
pub fn run(aisle: &mut Aisle) -> (String, Score, Score) {
    let (origin, cases) = cases();
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
    (origin, spoken, typed)
}

pub fn cases() -> (String, Vec<Case>) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let given = std::env::var_os("AISLE_EVAL_DATA").map(|dir| PathBuf::from(dir).join("barista"));
    let (origin, labels, clips) = match given.filter(|dir| dir.is_dir()) {
        Some(dir) => ("AISLE_EVAL_DATA", dir.join("labels.json"), dir.join("speech")),
        None => ("the shipped cases (AISLE_EVAL_DATA is not set)", shipped.join("labels.json"), shipped),
    };
    let text = std::fs::read_to_string(&labels).unwrap_or_else(|e| panic!("{}: {e}", labels.display()));
    let labels: BTreeMap<String, Value> = serde_json::from_str(&text).expect("labels are JSON");
    let case = |(name, label): (String, Value)| {
        let mut wanted = BTreeMap::new();
        for (slot, value) in label["slots"].as_object().expect("slots") {
            let key = SLOTS.iter().find(|(theirs, _)| theirs == slot).map_or("item", |(_, ours)| ours);
            wanted.insert(key.to_owned(), value.as_str().expect("a word").to_owned());
        }
        Case { clip: clips.join(name), wanted }
    };
    (origin.to_owned(), labels.into_iter().map(case).collect())
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

impl Score {
    pub fn judge(&mut self, case: &Case, answer: &Value) {
        let lines = answer["order"].as_array().cloned().unwrap_or_default();
        let mut heard: BTreeMap<String, String> = BTreeMap::new();
        if let Some(line) = lines.first() {
            heard.insert("item".into(), line["title"].as_str().unwrap_or_default().to_owned());
            for (group, words) in line["options"].as_object().into_iter().flatten() {
                heard.insert(group.clone(), words.as_str().unwrap_or_default().to_owned());
            }
        }
        let right = case.wanted.iter().filter(|(key, value)| heard.get(*key) == Some(value)).count();
        self.slots += case.wanted.len();
        self.slots_right += right;
        self.orders += 1;
        if lines.len() == 1 && heard == case.wanted {
            self.orders_right += 1;
        } else {
            let name = case.clip.file_name().unwrap_or_default().to_string_lossy();
            self.wrong
                .push(format!("{name}: {} -> {heard:?}, wanted {:?}", answer["transcript"], case.wanted));
        }
        for (stage, time) in answer["timings_ms"].as_object().into_iter().flatten() {
            if let Some(time) = time.as_f64() {
                self.times.entry(stage.clone()).or_default().push(time);
            }
        }
    }

    pub fn report(&self) -> Value {
        let times: BTreeMap<_, _> = self
            .times
            .iter()
            .map(|(stage, times)| (stage, json!({"p50": quantile(times, 0.5), "p95": quantile(times, 0.95)})))
            .collect();
        json!({
            "slot_values_right": share(self.slots_right, self.slots), "slot_values": self.slots,
            "orders_right": share(self.orders_right, self.orders), "orders": self.orders,
            "ms": times,
        })
    }

    pub fn print(&self, name: &str) {
        println!(
            "\n{name}: slot values {:.1} % of {}, whole orders {:.1} % of {}",
            100.0 * share(self.slots_right, self.slots),
            self.slots,
            100.0 * share(self.orders_right, self.orders),
            self.orders
        );
        for (stage, times) in &self.times {
            println!(
                "  {stage:<12} p50 {:>8.1} ms   p95 {:>8.1} ms",
                quantile(times, 0.5),
                quantile(times, 0.95)
            );
        }
        if std::env::var_os("AISLE_EVAL_SHOW").is_some() {
            for wrong in &self.wrong {
                println!("  wrong: {wrong}");
            }
        }
    }
}
