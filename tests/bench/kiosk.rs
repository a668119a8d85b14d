//! The recorded orders, the real program that hears them, and how its answers
//! are judged: what the benchmarks of orders share.

#![allow(clippy::expect_used, clippy::panic)] // A measurement that cannot run shall stop.
#![allow(dead_code)] // Each benchmark uses a part of it.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

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

#[allow(clippy::cast_precision_loss)]
pub fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// The nearest-rank quantile.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn quantile(times: &[f64], q: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

pub fn import(data: &Path) {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware-config/demo-store/catalog.jsonl");
    let status = Command::new(env!("CARGO_BIN_EXE_aisle"))
        .args(["catalog", "import", "--as-of", "now"])
        .arg(store)
        .arg("--data")
        .arg(data)
        .stdout(Stdio::null())
        .status()
        .expect("aisle runs");
    assert!(status.success(), "the demo store is imported");
}

/// `aisle ask --batch -`, line by line.
pub struct Aisle {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Aisle {
    pub fn start(data: &Path, speech: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_aisle"))
            .args(["ask", "--batch", "-", "--data"])
            .arg(data)
            .arg("--say")
            .arg(speech)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("aisle runs");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, answers }
    }

    pub fn ask(&mut self, line: &Value) -> Value {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{line}").expect("aisle reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("aisle answers");
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("not JSON ({e}): {answer}"))
    }

    /// Peak resident memory of `aisle` and its workers, in MB, by name.
    pub fn peak_memory(&self) -> Value {
        let root = self.child.id();
        let mut peaks = BTreeMap::new();
        let mut total = 0;
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name))?;
                line.split_whitespace().next().map(str::to_owned)
            };
            let number = |name: &str| field(name).and_then(|text| text.parse::<u64>().ok());
            if number("Pid:") == Some(u64::from(root)) || number("PPid:") == Some(u64::from(root)) {
                let peak = number("VmHWM:").unwrap_or(0) / 1000;
                total += peak;
                peaks.insert(field("Name:").unwrap_or_default(), peak);
            }
        }
        json!({"total": total, "each": peaks})
    }
}

impl Drop for Aisle {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
