//! `cargo bench --bench noise`: the recorded orders, clean and mixed with real
//! noise at seven levels, through the real program, engines warm. Prints a table
//! and writes the same as JSON. Cases and noise come from $AISLE_EVAL_DATA.
//!
//! $AISLE_NOISE_CLIPS limits the clips (the first by hash of their names) and
//! $AISLE_NOISE_LEVELS the levels ("clean,18,6"). Half of the clips, by hash as
//! well, is for development; nothing may be tuned on the other half.

#![allow(clippy::expect_used, clippy::panic)] // A measurement that cannot run shall stop.

#[path = "mixing.rs"]
mod mixing;
#[path = "eval/orders.rs"]
#[allow(dead_code)] // Shared with the evaluation, which needs more of it.
mod orders;
#[path = "eval/program.rs"]
#[allow(dead_code)] // Shared with the evaluation, which needs more of it.
mod program;
#[path = "recordings.rs"]
mod recordings;

use aisle::voice::wav;
use mixing::{hash, mix};
use orders::{Score, cases};
use program::{Aisle, import, quantile, share};
use recordings::{files, name, open};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the published benchmark measures, in dB.
const LEVELS: &str = "clean,24,21,18,15,12,9,6";

fn main() {
    let data = std::env::var_os("AISLE_EVAL_DATA").expect("AISLE_EVAL_DATA names the folder of test data");
    let noises = files(&PathBuf::from(data).join("noise"));
    let noises: Vec<Vec<f32>> = noises.iter().map(|path| open(path)).collect();
    let mut cases = cases().1;
    cases.sort_by_key(|case| hash(&name(&case.clip)));
    if let Ok(most) = std::env::var("AISLE_NOISE_CLIPS") {
        cases.truncate(most.parse().expect("AISLE_NOISE_CLIPS is a number"));
    }
    let levels = std::env::var("AISLE_NOISE_LEVELS").unwrap_or_else(|_| LEVELS.to_owned());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let speech = tempfile::tempdir().expect("a temporary folder");
    import("firmware-config/demo-store/catalog.jsonl", folder.path());
    let mut aisle = Aisle::start(folder.path(), &["--say", &speech.path().to_string_lossy()], &[]);
    let recording = folder.path().join("mixed.wav");
    let mut report = BTreeMap::new();
    let mut averages: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    println!("{} clips", cases.len());
    for level in levels.split(',') {
        let mut scores =
            [("all", Score::default()), ("development", Score::default()), ("unseen", Score::default())];
        for (index, case) in cases.iter().enumerate() {
            let hash = hash(&name(&case.clip));
            let mixed = match level {
                "clean" => open(&case.clip),
                snr => {
                    let noise = &noises[usize::try_from(hash >> 8).unwrap_or(0) % noises.len()];
                    mix(&open(&case.clip), noise, hash >> 16, snr.parse().expect("a level is a number"))
                }
            };
            write(&recording, &mixed);
            let answer = aisle.ask(&json!({"id": format!("{level} {index}"), "wav": recording}));
            let half = if hash.is_multiple_of(2) { "development" } else { "unseen" };
            for (_, score) in scores.iter_mut().filter(|(name, _)| *name == "all" || *name == half) {
                score.judge(case, &answer);
            }
        }
        if let Some((_, score)) = scores.first().filter(|_| std::env::var_os("AISLE_EVAL_SHOW").is_some()) {
            score.print(level);
        }
        for (half, score) in &scores {
            if level != "clean" {
                averages.entry(half).or_default().push(share(score.orders_right, score.orders));
            }
        }
        let halves: BTreeMap<_, _> = scores.iter().map(|(half, score)| (half, score.report())).collect();
        report.insert(level.to_owned(), json!(halves));
        line(level, &scores);
    }
    let averages: BTreeMap<_, _> = averages
        .iter()
        .map(|(half, rates)| (*half, rates.iter().sum::<f64>() / rates.len() as f64))
        .collect();
    println!("\nWhole orders, average over the levels with noise:");
    for (half, rate) in &averages {
        println!("  {half:<12} {:.1} %", 100.0 * rate);
    }
    let report: Value = json!({"clips": cases.len(), "levels": report, "noisy_orders_right": averages});
    let path = std::env::var_os("AISLE_NOISE_REPORT")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("noise.json"), PathBuf::from);
    std::fs::write(&path, format!("{report:#}\n")).expect("the report can be written");
    println!("As JSON: {}", path.display());
}

/// One line of the table: the level, then each half's orders, slots and times.
fn line(level: &str, scores: &[(&str, Score)]) {
    print!("{level:>6}");
    for (half, score) in scores {
        let orders = 100.0 * share(score.orders_right, score.orders);
        let slots = 100.0 * share(score.slots_right, score.slots);
        print!(" | {half}: orders {orders:.1} %, slots {slots:.1} %");
    }
    let times = scores.first().and_then(|(_, score)| score.times.get("stt")).map_or(&[][..], Vec::as_slice);
    println!(" | hearing p50 {:.0} ms, p95 {:.0} ms", quantile(times, 0.5), quantile(times, 0.95));
}

#[allow(clippy::cast_possible_truncation)] // Samples are within -1 to 1.
fn write(path: &Path, samples: &[f32]) {
    let pcm: Vec<i16> = samples.iter().map(|s| (s * f32::from(i16::MAX)).round() as i16).collect();
    wav::write(path, &pcm, 16_000).expect("a recording can be written");
}
