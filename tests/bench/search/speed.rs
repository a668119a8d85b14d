//! How fast answers are, how long a start takes, and what it costs in memory.

use super::data::Source;
use super::encoder;
use super::engines::{Aisle, Engine};
use aisle::feeds::{self, Mapping};
use aisle::store::{Catalog, Encoder, ImportLimits};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Product texts that the model is timed on.
const EMBEDDED: usize = 512;

/// The argument that makes this program a [`probed`] one.
pub const PROBE: &str = "--probe";

/// Times of searches, in milliseconds, sorted.
pub struct Times(Vec<f64>);

impl Times {
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    /// The nearest-rank quantile.
    pub fn at(&self, quantile: f64) -> f64 {
        let rank = (quantile * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    pub fn report(&self) -> Value {
        let [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1.0].map(|quantile| self.at(quantile));
        json!({"p50": p50, "p95": p95, "p99": p99, "max": max, "searches": self.0.len()})
    }

    pub fn print(&self, name: &str) {
        let [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1.0].map(|quantile| self.at(quantile));
        println!("{name:<22} {p50:>9.2} {p95:>9.2} {p99:>9.2} {max:>9.2}");
    }
}

/// Every query `rounds` times with every engine in turn, so that a busy moment of
/// the machine strikes them all; one round before it warms them up.
pub fn race(engines: &[&dyn Engine], queries: &[String], rounds: usize) -> Vec<Times> {
    let mut times = vec![Vec::new(); engines.len()];
    for round in 0..=rounds {
        for (engine, times) in engines.iter().zip(&mut times) {
            for query in queries {
                let started = Instant::now();
                std::hint::black_box(engine.search(query, 10)).expect("a search");
                if round > 0 {
                    times.push(ms(started.elapsed()));
                }
            }
        }
    }
    times.into_iter().map(Times::of).collect()
}

/// Imports a catalog file; returns the seconds that it took.
pub fn import(catalog: &Catalog, (file, mapping): &(PathBuf, Option<Mapping>)) -> f64 {
    let started = Instant::now();
    let feed = feeds::open(file, mapping.as_ref(), &feeds::Options::default());
    let mut feed = feed.unwrap_or_else(|e| panic!("{e}"));
    let imported = catalog.import(&mut feed, &ImportLimits::default(), &mut |_| {});
    let report = imported.unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    if report.rejected_lines > 0 {
        println!("{} lines were left out; the first: {:?}", report.rejected_lines, report.rejected.first());
    }
    started.elapsed().as_secs_f64()
}

/// Searches without a pause while another thread imports `file`: their times and
/// how many failed.
pub fn while_importing(
    catalog: &Arc<Catalog>,
    file: &(PathBuf, Option<Mapping>),
    queries: &[String],
) -> (Times, usize) {
    let ended = AtomicBool::new(false);
    let (mut times, mut errors) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            import(catalog, file);
            ended.store(true, Ordering::Release);
        });
        let engine = Aisle(Arc::clone(catalog));
        for query in queries.iter().cycle() {
            let started = Instant::now();
            errors += usize::from(engine.search(query, 10).is_err());
            times.push(ms(started.elapsed()));
            if ended.load(Ordering::Acquire) {
                break;
            }
        }
    });
    (Times::of(times), errors)
}

/// Milliseconds for the vector of a query, and of a product among some hundreds.
pub fn embedding(model: &dyn Encoder, source: &Source) -> Value {
    let mut times = Vec::new();
    for query in source.queries() {
        let started = Instant::now();
        model.query(&query).expect("a vector");
        times.push(ms(started.elapsed()));
    }
    let titles: Vec<String> = source.documents(EMBEDDED).map(|document| document.title).collect();
    let started = Instant::now();
    model.products(&titles.iter().map(String::as_str).collect::<Vec<_>>()).expect("vectors");
    let product = ms(started.elapsed()) / titles.len() as f64;
    let query = Times::of(times);
    println!("Embedding: {:.1} ms a query (p50), {product:.1} ms a product", query.at(0.5));
    json!({"query_ms": query.report(), "product_ms": product})
}

/// A fresh process opens the catalog in `folder` and answers one query; another
/// does it without loading the model, which tells the catalog's memory.
pub fn probe(folder: &Path, query: &str, model: &str) -> Value {
    let run = |more: &[&str]| -> Value {
        let this = std::env::current_exe().expect("this program");
        let output = Command::new(this).arg(PROBE).arg(folder).arg(query).args(more).output();
        let output = output.expect("this program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let (mut whole, alone) = (run(&[]), run(&[model]));
    whole["catalog_mb"] = alone["grown_mb"].clone();
    whole
}

/// What that process does: with the model, or with the name of it alone.
pub fn probed(folder: &Path, query: &str, model: Option<&str>) {
    let model = model.map_or_else(encoder::model, encoder::named);
    // The model's first run sets up its memory; it is not the catalog's cost.
    model.query(query).expect("a vector");
    let before = memory("RssAnon:");
    let started = Instant::now();
    let catalog = Arc::new(Catalog::open(folder).expect("a catalog").with_encoder(model));
    let opened = ms(started.elapsed());
    Aisle(catalog).search(query, 10).expect("a search");
    let searched = ms(started.elapsed());
    let answer = json!({
        "open_ms": opened, "open_and_first_search_ms": searched,
        "resident_mb": memory("VmRSS:"), "grown_mb": memory("RssAnon:") - before,
    });
    println!("{answer}");
}

/// A line of this process's memory, in MB.
fn memory(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a line of that name");
    let kib: f64 = line.split_whitespace().next().and_then(|text| text.parse().ok()).expect("a number");
    kib * 1024.0 / 1e6
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
