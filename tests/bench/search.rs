//! `make bench-search`: Aisle's search beside plain SQLite FTS5 and tantivy on the
//! same products and queries: how good the answers are by people's judgments, how
//! fast they come, and what the store costs in time, disk and memory. Prints
//! tables and writes the same as search.json, with a chart in search.svg, to
//! $AISLE_BENCH_OUT, else to the target folder. `--quick` leaves out the largest
//! shop. `--tune` (`make tune-search`) measures nothing of this, but learns the weights
//! of the ranking and tells what they reach on queries left out. Products and queries
//! come from $AISLE_EVAL_DATA/icecat, else from the demo store, whose answers nobody has
//! judged.

#![allow(clippy::expect_used, clippy::panic)] // A measurement that cannot run shall stop.

#[path = "search/chart.rs"]
mod chart;
#[path = "search/data.rs"]
mod data;
#[path = "search/encoder.rs"]
mod encoder;
#[path = "search/engines.rs"]
mod engines;
#[path = "search/quality.rs"]
mod quality;
#[path = "../support/queries.rs"]
mod queries;
#[path = "search/speed.rs"]
mod speed;
#[path = "search/tuner.rs"]
mod tuner;

use aisle::store::{Catalog, Encoder};
use chart::{Bar, Panel};
use data::Source;
use encoder::{Kept, Varied};
use engines::{Aisle, Engine, Fts5, Tantivy};
use quality::Quality;
use serde_json::{Value, json};
use speed::Times;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Engines, in the order of all tables: Aisle as it is, without the embedding
/// model, and the two others.
const NAMES: [&str; 4] = ["Aisle", "Aisle, words alone", "SQLite FTS5", "tantivy"];

/// The largest shop, and the one that is imported while others search.
const LARGE: usize = 200_000;
const IMPORTED: usize = 100_000;

/// How often each query is timed.
const ROUNDS: usize = 5;
const QUICK_ROUNDS: usize = 15;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (quick, tunes) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => (false, false),
        ["--quick"] => (true, false),
        ["--tune"] => (true, true),
        [speed::PROBE, folder, query] => return speed::probed(Path::new(folder), query, None),
        [speed::PROBE, folder, query, model] => return speed::probed(Path::new(folder), query, Some(model)),
        _ => panic!("the only arguments are --quick and --tune"),
    };
    let source = Source::find();
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("search");
    std::fs::create_dir_all(&kept).expect("a folder in the target folder");
    let out = std::env::var_os("AISLE_BENCH_OUT").map_or_else(|| kept.clone(), PathBuf::from);
    std::fs::create_dir_all(&out).expect("a folder for the report");

    let model = encoder::model();
    let embedding = speed::embedding(&*model, &source);
    let vectors = Arc::new(Kept::open(model, &kept));
    let mut shop = Shop::open(&source, source.len(), Arc::clone(&vectors) as _, &kept);
    if tunes {
        let Source::Icecat { judgments, .. } = &source else {
            panic!("only judged queries teach: set AISLE_EVAL_DATA");
        };
        let demo = Shop::open(&Source::demo(), Source::demo().len(), vectors, &kept);
        return tuner::tune(&shop.aisle, judgments, &demo.aisle, &out);
    }
    let (queries, rounds) = (source.queries(), if quick { QUICK_ROUNDS } else { ROUNDS });
    let quality = if let Source::Icecat { judgments, no_relevant, .. } = &source {
        Some(shop.judge(|engine| Quality::of(engine, judgments, no_relevant)))
    } else {
        None
    };
    let mut report = json!({"embedding": embedding});
    let mut panels = Vec::new();
    let mut notes = vec![
        "Times: p50, lighter to p95; warm, one search at a time, with the query's embedding.".to_owned(),
    ];
    if let Some(quality) = &quality {
        let (gain, told) = compare(quality);
        report["quality"] = told;
        notes.insert(0, format!("{gain} An unjudged answer counts as wrong."));
        panels.push(quality_panel(quality));
    }
    let times = shop.race(&queries, rounds);
    panels.push(speed_panel(shop.count, &times));
    report["shops"] = json!([shop.report(&times, &queries)]);
    if matches!(source, Source::Icecat { .. }) {
        report["import"] = import(&source, &shop, &times, &queries, &kept);
        if !quick {
            drop(shop);
            let large = Shop::open(&source, LARGE, Arc::new(Varied(vectors)), &kept);
            let times = large.race(&queries, rounds);
            panels.push(speed_panel(large.count, &times));
            report["shops"].as_array_mut().expect("a list").push(large.report(&times, &queries));
        }
    }
    let (json, svg) = (out.join("search.json"), out.join("search.svg"));
    std::fs::write(&json, format!("{report:#}\n")).expect("the report can be written");
    chart::draw(&svg, "Search: Aisle beside SQLite FTS5 and tantivy", &notes, &NAMES, 2, &panels);
    println!("\nAs JSON: {}\nAs a chart: {}", json.display(), svg.display());
}

/// One catalog in all engines.
struct Shop {
    folder: TempDir,
    count: usize,
    import_seconds: f64,
    /// The embedding model's name.
    model: String,
    aisle: Arc<Catalog>,
    engines: [Box<dyn Engine>; 2],
    fts5: Fts5,
    tantivy: Tantivy,
}

impl Shop {
    fn open(source: &Source, count: usize, encoder: Arc<dyn Encoder>, kept: &Path) -> Self {
        let folder = tempfile::tempdir_in(kept).expect("a temporary folder");
        let place = |name: &str| {
            let place = folder.path().join(name);
            std::fs::create_dir(&place).expect("a folder");
            place
        };
        let (ours, fts5, tantivy, feed) = (place("aisle"), place("fts5"), place("tantivy"), place("feed"));
        let model = encoder.name().to_owned();
        let catalog = Catalog::open(&ours).expect("a catalog").with_encoder(encoder);
        let import_seconds = speed::import(&catalog, &source.catalog_file(count, &feed));
        std::fs::remove_dir_all(&feed).expect("the feed goes");
        println!("\nA shop of {} products: imported in {import_seconds:.1} s", grouped(count));
        let mut told = 0;
        let mut progress = |done, total| {
            if done >= told + 4096 {
                told = done;
                println!("  embedded {done} of {total}");
            }
        };
        catalog.embed(&mut progress).expect("vectors");
        let aisle = Arc::new(catalog);
        let words = Arc::new(Catalog::open(&ours).expect("a catalog"));
        Self {
            engines: [Box::new(Aisle(Arc::clone(&aisle))), Box::new(Aisle(words))],
            fts5: Fts5::build(&fts5, source.documents(count)),
            tantivy: Tantivy::build(&tantivy, source.documents(count)),
            folder,
            count,
            import_seconds,
            model,
            aisle,
        }
    }

    fn engines(&self) -> [&dyn Engine; 4] {
        let [ours, words] = &self.engines;
        [&**ours, &**words, &self.fts5, &self.tantivy]
    }

    /// Measures every engine; tantivy in the better of its two ways from then on.
    fn judge(&mut self, measure: impl Fn(&dyn Engine) -> Quality) -> [Quality; 4] {
        let all_first = measure(&self.tantivy).ndcg();
        self.tantivy.all_first = false;
        self.tantivy.all_first = all_first >= measure(&self.tantivy).ndcg();
        self.engines().map(measure)
    }

    fn race(&self, queries: &[String], rounds: usize) -> Vec<Times> {
        println!("{:<22} {:>9} {:>9} {:>9} {:>9}", "ms a search", "p50", "p95", "p99", "max");
        let times = speed::race(&self.engines(), queries, rounds);
        NAMES.iter().zip(&times).for_each(|(name, times)| times.print(name));
        times
    }

    fn report(&self, times: &[Times], queries: &[String]) -> Value {
        let bytes = |name: &str| folder_bytes(&self.folder.path().join(name));
        let (ours, fts5, tantivy) = (bytes("aisle"), bytes("fts5"), bytes("tantivy"));
        let query = queries.first().expect("a query");
        let start = speed::probe(&self.folder.path().join("aisle"), query, &self.model);
        println!(
            "On disk: Aisle {:.1} MB (whole products and vectors), FTS5 {:.1} MB, tantivy {:.1} MB",
            ours as f64 / 1e6,
            fts5 as f64 / 1e6,
            tantivy as f64 / 1e6
        );
        let told = |key: &str| start[key].as_f64().unwrap_or(f64::NAN);
        println!(
            "A fresh process: catalog open {:.0} ms, with the first search {:.0} ms; resident {:.0} MB with \
             the model; the catalog's share is {:.0} MB",
            told("open_ms"),
            told("open_and_first_search_ms"),
            told("resident_mb"),
            told("catalog_mb"),
        );
        let times: serde_json::Map<_, _> =
            NAMES.iter().zip(times).map(|(name, times)| ((*name).to_owned(), times.report())).collect();
        json!({
            "products": self.count,
            "import_seconds": self.import_seconds,
            "search_ms": times,
            "bytes": {"Aisle": ours, "SQLite FTS5": fts5, "tantivy": tantivy},
            "start": start,
        })
    }
}

/// Prints the quality of all engines and how much better Aisle is than the better
/// of the two others; returns the latter as a sentence, and all as JSON.
fn compare(quality: &[Quality; 4]) -> (String, Value) {
    println!(
        "\n{:<22} {:>8} {:>10} {:>10} {:>16} {:>16} {:>16}",
        "answers", "nDCG@10", "condensed", "judged", "refused rightly", "wrongly", "foreign refused"
    );
    NAMES.iter().zip(quality).for_each(|(name, quality)| quality.print(name));
    let [ours, _, fts5, tantivy] = quality;
    let (name, best) =
        if fts5.ndcg() > tantivy.ndcg() { ("SQLite FTS5", fts5) } else { ("tantivy", tantivy) };
    let (gain, [low, high]) = ours.better_than(best);
    let sentence = format!("nDCG@10: Aisle {gain:+.3} to {name} (95 % interval {low:+.3} to {high:+.3}).");
    println!("{sentence}");
    let engines: serde_json::Map<_, _> =
        NAMES.iter().zip(quality).map(|(name, quality)| ((*name).to_owned(), quality.report())).collect();
    let told = json!({
        "engines": engines,
        "gain": {"over": name, "ndcg10": gain, "interval_95": [low, high]},
    });
    (sentence, told)
}

/// How long a large import takes, alone and while others search, and what the
/// searches feel of it.
fn import(source: &Source, shop: &Shop, quiet: &[Times], queries: &[String], kept: &Path) -> Value {
    let folder = tempfile::tempdir_in(kept).expect("a temporary folder");
    let file = source.catalog_file(IMPORTED, folder.path());
    let alone = speed::import(&Catalog::open(folder.path()).expect("a catalog"), &file);
    let (times, errors) = speed::while_importing(&shop.aisle, &file, queries);
    let quiet = quiet.first().expect("Aisle's times");
    let ratio = times.at(0.99) / quiet.at(0.99);
    println!("{} products are imported in {alone:.1} s; searches meanwhile:", grouped(IMPORTED));
    times.print("Aisle");
    println!("  errors: {errors}; p99 is {ratio:.1} times the quiet one");
    json!({
        "products": IMPORTED, "seconds": alone, "search_ms_meanwhile": times.report(),
        "errors": errors, "p99_ratio": ratio,
    })
}

fn quality_panel(quality: &[Quality; 4]) -> Panel {
    let bar = |quality: &Quality| Bar {
        value: quality.ndcg(),
        tail: None,
        label: format!("{:.3}", quality.ndcg()),
    };
    Panel {
        title: "Answers".into(),
        unit: "nDCG@10; longer is better",
        bars: quality.iter().map(bar).collect(),
    }
}

fn speed_panel(products: usize, times: &[Times]) -> Panel {
    let bar = |times: &Times| Bar {
        value: times.at(0.5),
        tail: Some(times.at(0.95)),
        label: format!("{:.1} to {:.1} ms", times.at(0.5), times.at(0.95)),
    };
    Panel {
        title: format!("Time, {} products", grouped(products)),
        unit: "ms a search; shorter is better",
        bars: times.iter().map(bar).collect(),
    }
}

/// 200,000 for 200000.
fn grouped(number: usize) -> String {
    if number < 1000 {
        number.to_string()
    } else {
        format!("{},{:03}", grouped(number / 1000), number % 1000)
    }
}

/// Size of all files in a folder.
fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum()
}
