//! `cargo bench --bench replay`: thousands of turns through the real program, each judged against the
//! catalog by a checker that shares nothing with the program: SQL of its own, its own
//! reading of numbers and names. Prints the faults and counts, writes the same as JSON,
//! and exits with 1 when there was any fault.
//!
//! `AISLE_REPLAY_TURNS` (10000), `AISLE_REPLAY_SEED` (1), `AISLE_REPLAY_SHOW` (20 faults),
//! `AISLE_REPLAY_REPORT` (replay.json in the target folder). With `AISLE_EVAL_DATA` a shop
//! of icecat's electronics and more real requests take part. In right answers faults are
//! planted, to tell how many the checker would catch; with `AISLE_REPLAY_MISSED` those
//! that it did not are printed.

#![allow(clippy::expect_used, clippy::panic)] // A measurement that cannot run shall stop.

mod checker;
mod claims;
mod figures;
mod frames;
mod generator;
mod proof;
mod shop;
mod text;

use checker::{Fault, Past, Said};
use generator::{Conversation, Generator, Random, Texts};
use proof::Planter;
use serde_json::{Value, json};
use shop::Shop;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Conversations that run beside each other, so that one's order in another's shows.
const BESIDE: usize = 3;
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_mins(1);
/// A conversation idle for so long may have been erased (`dialog.idle_seconds` is 90).
const FRESH: Duration = Duration::from_secs(80);

fn main() -> ExitCode {
    proof::run();
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("{name}: {e}")))
    };
    let turns = usize::try_from(number("AISLE_REPLAY_TURNS", 10_000)).expect("a number of turns");
    let most = usize::try_from(number("AISLE_REPLAY_SHOW", 20)).expect("a number of faults");
    let seed = number("AISLE_REPLAY_SEED", 1);
    let given = std::env::var_os("AISLE_EVAL_DATA").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let texts = Texts::read(given.as_deref(), &root.join("tests/dialog"));
    println!("{} requests, {} shipped conversations", texts.requests.len(), texts.conversations.len());
    let mut tally = Tally { show: most, ..Tally::default() };
    let stock = stock(given.as_deref());
    let shares: usize = stock.iter().map(|(.., share)| share).sum();
    for (index, (name, arguments, share)) in stock.iter().enumerate() {
        let data = tempfile::tempdir().expect("a temporary folder");
        import(arguments, data.path());
        let shop = Shop::open(name, data.path()).unwrap_or_else(|e| panic!("{name}: {e}"));
        println!("{name}: {} products", shop.products.len());
        let wanted = (turns * share).div_ceil(shares);
        replay(&shop, &texts, seed + index as u64, wanted, data.path(), &mut tally);
    }
    tally.print();
    let report = tally.report(seed);
    let path = std::env::var_os("AISLE_REPLAY_REPORT")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("replay.json"), PathBuf::from);
    std::fs::write(&path, format!("{report:#}\n")).expect("the report can be written");
    println!("As JSON: {}", path.display());
    if tally.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

type Stock = Vec<(&'static str, Vec<std::ffi::OsString>, usize)>;

/// The shops: how each is imported and its share of the turns.
fn stock(given: Option<&Path>) -> Stock {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware-config");
    let demo = config.join("demo-store/catalog.jsonl").into_os_string();
    let mut stock: Stock = vec![
        ("demo store", vec![demo.clone(), "--as-of".into(), "now".into()], 9),
        ("demo store as it says", vec![demo.clone()], 3),
        ("demo store of old", vec![demo, "--as-of".into(), "2026-01-15".into()], 2),
    ];
    let products = given.map(|dir| dir.join("icecat/products.jsonl.zst")).filter(|file| file.is_file());
    if let Some(products) = products {
        let mapping = config.join("mappings/icecat.toml").into_os_string();
        stock.push(("icecat", vec![products.into_os_string(), "--mapping".into(), mapping], 6));
    } else {
        println!(
            "The demo store alone takes part: set AISLE_EVAL_DATA to a folder with icecat/products.jsonl.zst."
        );
    }
    stock
}

fn import(arguments: &[std::ffi::OsString], data: &Path) {
    let status = Command::new(env!("CARGO_BIN_EXE_aisle"))
        .args(["catalog", "import"])
        .args(arguments)
        .arg("--data")
        .arg(data)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("aisle runs");
    assert!(status.success(), "the shop is imported");
}

/// A conversation that runs.
struct Running {
    session: String,
    conversation: Conversation,
    next: usize,
    past: Past,
    last: Instant,
}

fn replay(shop: &Shop, texts: &Texts, seed: u64, wanted: usize, data: &Path, tally: &mut Tally) {
    let mut generator = Generator::new(seed, shop, texts);
    let mut order = Random::new(!seed);
    let mut planter = std::mem::take(&mut tally.planter);
    let mut aisle = Aisle::start(data);
    let mut running: Vec<Running> = Vec::new();
    let (mut begun, mut asked) = (0, 0);
    while asked < wanted {
        while running.len() < BESIDE {
            begun += 1;
            running.push(Running {
                session: format!("{}-{begun}", shop.name),
                conversation: generator.conversation(),
                next: 0,
                past: Past::default(),
                last: Instant::now(),
            });
        }
        let index = order.below(running.len());
        let one = &mut running[index];
        let (aim, said) = &one.conversation.turns[one.next];
        asked += 1;
        let id = format!("{}#{}", one.session, one.next);
        let idle = one.last.elapsed();
        let answer = aisle.ask(&json!({"id": id, "text": said.text, "session": one.session}));
        let (faults, line) = match answer {
            Err(kind) => {
                // Its conversations are lost with it.
                aisle = Aisle::start(data);
                (vec![Fault { kind, detail: String::new() }], Value::Null)
            }
            Ok(answer) if answer["id"].as_str() != Some(&id) => {
                (vec![Fault { kind: "answer to another line", detail: answer.to_string() }], answer)
            }
            Ok(answer) if !answer["error"].is_null() => {
                (vec![Fault { kind: "error for a valid line", detail: answer["error"].to_string() }], answer)
            }
            Ok(answer) => {
                if idle > FRESH && answer["order"].as_array().is_some_and(Vec::is_empty) {
                    one.past.order.clear();
                }
                let (faults, after) = checker::judge(shop, said, &one.past, &answer);
                if faults.is_empty() {
                    planter.plant(shop, said, &one.past, &answer);
                }
                one.past = after;
                (faults, answer)
            }
        };
        let died = line.is_null();
        tally.count(&shop.name, aim, &one.session, said, &line, faults);
        one.last = Instant::now();
        one.next += 1;
        if died {
            running.clear();
        } else if one.next == one.conversation.turns.len() {
            running.remove(index);
        }
        if asked % 500 == 0 {
            println!("{}: {asked} turns, {} faults so far", shop.name, tally.faults.len());
        }
    }
    tally.planter = planter;
}

/// `aisle ask --batch -`, line by line.
struct Aisle {
    child: Child,
    answers: Receiver<String>,
}

impl Aisle {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_aisle"))
            .args(["ask", "--batch", "-", "--data"])
            .arg(data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("aisle runs");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, answers) = sync_channel(1);
        std::thread::spawn(move || {
            loop {
                let mut line = Vec::new();
                let read = lines.read_until(b'\n', &mut line);
                // Bytes that are no UTF-8 become U+FFFD, which the checker reports.
                let line = String::from_utf8_lossy(&line).into_owned();
                if !matches!(read, Ok(1..)) || sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, answers }
    }

    fn ask(&mut self, line: &Value) -> Result<Value, &'static str> {
        let stdin = self.child.stdin.as_mut().ok_or("the program died")?;
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).map_err(|_| "the program died")?;
        let answer = self.answers.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => "no answer in a minute",
            RecvTimeoutError::Disconnected => "the program died",
        })?;
        serde_json::from_str(&answer).map_err(|_| "the answer is no JSON")
    }
}

impl Drop for Aisle {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let give_up = Instant::now() + Duration::from_secs(10);
        while Instant::now() < give_up {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came of all turns.
#[derive(Default)]
struct Tally {
    show: usize,
    turns: usize,
    kinds: BTreeMap<&'static str, usize>,
    intents: BTreeMap<String, usize>,
    aims: BTreeMap<String, usize>,
    tiers: BTreeMap<String, usize>,
    /// Milliseconds by intent and tier, and of all.
    times: BTreeMap<String, Vec<f64>>,
    faults: Vec<Value>,
    planter: Planter,
}

impl Tally {
    fn count(
        &mut self,
        shop: &str,
        aim: &str,
        session: &str,
        said: &Said,
        answer: &Value,
        faults: Vec<Fault>,
    ) {
        self.turns += 1;
        let intent = answer["intent"].as_str().unwrap_or("none").to_owned();
        let tier = answer["tier"].as_str().unwrap_or("none").to_owned();
        if let Some(time) = answer["timings_ms"]["total"].as_f64() {
            for key in ["all".to_owned(), format!("tier {tier}"), format!("{intent} ({tier})")] {
                self.times.entry(key).or_default().push(time);
            }
        }
        let wrong = if faults.is_empty() { "" } else { ", with faults" };
        *self.aims.entry(format!("{aim}{wrong}")).or_default() += 1;
        *self.tiers.entry(format!("{tier} ({shop})")).or_default() += 1;
        for fault in faults {
            let seen = self.kinds.entry(fault.kind).or_default();
            *seen += 1;
            // Of each kind a few, so that a frequent one does not hide the rest.
            if *seen <= self.show.div_ceil(4) {
                let reply = answer["reply"].as_str().unwrap_or_default();
                println!(
                    "\n{} [{session}] {}\n  said:   {}\n  reply:  {reply}",
                    fault.kind, fault.detail, said.text
                );
                println!("  speech: {}", answer["speech"].as_str().unwrap_or_default());
            }
            self.faults.push(json!({
                "kind": fault.kind, "detail": fault.detail, "session": session, "aim": aim, "intent": intent,
                "tier": tier, "said": said.text, "conversation": said.heard, "reply": answer["reply"],
                "speech": answer["speech"],
            }));
        }
        *self.intents.entry(intent).or_default() += 1;
    }

    fn print(&self) {
        println!("\n{} turns, {} faults", self.turns, self.faults.len());
        let counts = |name: &str, counts: &BTreeMap<String, usize>| {
            println!("\n{name}");
            for (key, count) in counts {
                println!("  {key:<40} {count:>6}  {:>5.1} %", 100.0 * share(*count, self.turns));
            }
        };
        let kinds = self.kinds.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
        counts("Faults by kind", &kinds);
        counts("Turns by intent", &self.intents);
        counts("Turns by what they were made for", &self.aims);
        counts("Turns by tier", &self.tiers);
        println!("\nFaults planted in right answers, and caught");
        for (kind, (planted, caught)) in &self.planter.counts {
            println!("  {kind:<40} {planted:>6}  {:>5.1} %", 100.0 * share(*caught, *planted));
        }
        println!("\nTime from words to reply, ms");
        for (key, times) in &self.times {
            let (p50, p95) = (quantile(times, 0.5), quantile(times, 0.95));
            println!("  {key:<40} {:>6}  p50 {p50:>8.1}  p95 {p95:>8.1}", times.len());
        }
    }

    fn report(&self, seed: u64) -> Value {
        let times: BTreeMap<_, _> = self
            .times
            .iter()
            .map(|(key, times)| {
                (
                    key,
                    json!({"turns": times.len(), "p50": quantile(times, 0.5), "p95": quantile(times, 0.95)}),
                )
            })
            .collect();
        json!({
            "turns": self.turns, "seed": seed, "faults_by_kind": self.kinds, "turns_by_intent": self.intents,
            "turns_by_aim": self.aims, "turns_by_tier": self.tiers, "planted_and_caught": self.planter.counts,
            "ms": times, "faults": self.faults,
        })
    }
}

#[allow(clippy::cast_precision_loss)]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// The nearest-rank quantile.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn quantile(times: &[f64], q: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
