//! The real program, driven line by line, and the small sums that all parts share.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A file of this repository.
pub fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// The objects of a JSON lines file of this repository.
pub fn lines(file: &str) -> Vec<Value> {
    let path = repository(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{file}: {e}: {line}"));
    text.lines().filter(|line| !line.trim().is_empty()).map(parse).collect()
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

/// Imports a catalog file of this repository.
pub fn import(file: &str, data: &Path) {
    let store = repository(file);
    let status = Command::new(env!("CARGO_BIN_EXE_aisle"))
        .args(["catalog", "import", "--as-of", "now"])
        .arg(store)
        .arg("--data")
        .arg(data)
        .stdout(Stdio::null())
        .status()
        .expect("aisle runs");
    assert!(status.success(), "{file} is imported");
}

/// `aisle ask --batch -`, line by line.
pub struct Aisle {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Aisle {
    pub fn start(data: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_aisle"))
            .args(["ask", "--batch", "-", "--data"])
            .arg(data)
            .args(arguments)
            .envs(variables.iter().copied())
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
