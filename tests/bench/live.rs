//! `cargo bench --bench live`: the spoken conversation in real time, through turn taking,
//! engines and voice of the real program, with recordings in the place of the microphone.
//! Cases come from $AISLE_EVAL_DATA. Prints tables and writes the same as JSON.
//!
//! | part | measures |
//! |---|---|
//! | latency | last voiced sample (by an offline pass) to first card and first sound, beside a naive chain |
//! | pauses | turns cut off by pauses put into clips, and how long the end is waited for |
//! | nonsense | turns taken of noise and of bystanders while it listens on |
//! | idle | processor time while it listens and nobody speaks |
//!
//! $AISLE_LIVE_PARTS picks parts, $AISLE_LIVE_PAUSES pauses, $AISLE_LIVE_NONSENSE (parted by
//! semicolons) kinds of nonsense; $AISLE_LIVE_CLIPS limits the clips (the first by hash of
//! their names, the development half only).

#![allow(clippy::expect_used, clippy::panic)] // A measurement that cannot run shall stop.

#[path = "mixing.rs"]
#[allow(dead_code)] // Shared with other benches, which need more of it.
mod mixing;
#[path = "eval/orders.rs"]
#[allow(dead_code)]
mod orders;
#[path = "eval/program.rs"]
#[allow(dead_code)]
mod program;
#[path = "recordings.rs"]
mod recordings;

use aisle::app::assistant::{Assistant, Parts};
use aisle::app::folders::{Folders, worker};
use aisle::app::live::{Spoken, converse};
use aisle::app::talk::Said;
use aisle::dialog::prompt::{self, Prompts};
use aisle::engines::{Address, CompletionRequest, Engine, EngineConfig, LanguageModel, Segment};
use aisle::models::ModelDir;
use aisle::models::onnx::Runtime;
use aisle::settings::Settings;
use aisle::voice::LISTENING_RATE;
use aisle::voice::vad::{Hysteresis, Span, Vad};
use mixing::hash;
use orders::{Case, Score, cases};
use program::{import, quantile, share};
use recordings::{files, name, open};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const STORE: &str = "firmware-config/demo-store/catalog.jsonl";
/// Clips of the development half that are played unless told otherwise.
const CLIPS: usize = 60;
/// Pauses that are put into clips, in milliseconds.
const PAUSES: [u64; 4] = [300, 600, 900, 1200];
/// A turn that ends so much before the last voiced sample was cut off.
const EARLY: Duration = Duration::from_millis(400);
/// What a chain waits for that knows nothing of words: the usual silence of voice assistants.
const FIXED_SILENCE: f64 = 700.0;
/// Clips that the naive chain is measured on: it is slow.
const NAIVE: usize = 20;

struct Bench {
    assistant: Arc<Assistant>,
    settings: Settings,
    vad: Vad,
    sessions: u64,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts").block_on(run());
}

async fn run() {
    let data =
        PathBuf::from(std::env::var_os("AISLE_EVAL_DATA").expect("AISLE_EVAL_DATA names the test data"));
    let part = |name: &str| picked("AISLE_LIVE_PARTS", name, ',');
    let most = std::env::var("AISLE_LIVE_CLIPS").map_or(CLIPS, |most| most.parse().expect("a number"));
    let store = tempfile::tempdir().expect("a temporary folder");
    import(STORE, store.path());
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let folders = Folders::find(Some(store.path().to_path_buf()), None, variable).expect("folders");
    let variables = std::env::vars().filter(|(name, _)| name.starts_with("AISLE_"));
    let settings = aisle::settings::load(None, variables).expect("settings");
    let models = ModelDir::open(&folders.models).expect("the models are there");
    let ready = |name: &str| models.ready(name).expect("the model is there");
    let runtime = Runtime::load(&ready("onnxruntime")).expect("the runtime loads");
    let vad = Vad::load(&runtime, &ready("silero-vad")).expect("the detector loads");
    let parts = Parts { hearing: true, speaking: true };
    let assistant =
        Arc::new(Assistant::open(&folders, settings.clone(), parts).expect("the assistant opens"));
    assert!(assistant.warm().await.is_empty(), "the engines start");
    let mut bench = Bench { assistant, settings, vad, sessions: 0 };
    let mut clips: Vec<Case> = cases().1;
    clips.retain(|case| hash(&name(&case.clip)).is_multiple_of(2));
    clips.sort_by_key(|case| hash(&name(&case.clip)));
    clips.truncate(most);
    let mut report = json!({"clips": clips.len()});
    if part("latency") {
        report["latency"] = bench.latency(&clips).await;
        report["naive"] = bench.naive(&clips[..clips.len().min(NAIVE)], &models).await;
    }
    if part("pauses") {
        report["pauses"] = bench.pauses(&clips[..clips.len().div_ceil(2)]).await;
    }
    if part("nonsense") {
        report["nonsense"] = bench.nonsense(&clips[0].clip, &data).await;
    }
    if part("idle") {
        report["idle"] = bench.idle().await;
    }
    let path = std::env::var_os("AISLE_LIVE_REPORT")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("live.json"), PathBuf::from);
    std::fs::write(&path, format!("{report:#}\n")).expect("the report can be written");
    println!("As JSON: {}", path.display());
}

impl Bench {
    async fn converse(&mut self, samples: Vec<f32>) -> Vec<Spoken> {
        self.sessions += 1;
        let session = self.sessions.to_string();
        converse(&self.assistant, &self.settings, &session, samples).await.expect("turns are answered")
    }

    /// Where somebody speaks, to the window.
    fn spans(&mut self, samples: &[f32], min_silence: Duration) -> Vec<Span> {
        let rule = Hysteresis { pad: Duration::ZERO, min_silence, ..Hysteresis::default() };
        self.vad.speech_spans(samples, &rule).expect("the detector works")
    }

    fn voiced_until(&mut self, samples: &[f32]) -> Duration {
        let spans = self.spans(samples, Hysteresis::default().min_silence);
        seconds(spans.last().map_or(0, |span| span.end))
    }

    async fn latency(&mut self, clips: &[Case]) -> Value {
        let mut score = Score::default();
        let (mut cards, mut sounds, mut ends, mut cut) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for case in clips {
            let samples = open(&case.clip);
            let voiced = self.voiced_until(&samples);
            let turns = self.converse(samples).await;
            cut += usize::from(turns.first().is_some_and(|turn| turn.voiced + EARLY < voiced));
            let Some(last) = turns.last() else {
                score.judge(case, &json!({}));
                continue;
            };
            score.judge(case, &serde_json::to_value(&last.report).expect("a report is JSON"));
            // From the true end, not from where the live detector saw it.
            let off = millis(last.voiced) - millis(voiced);
            let times = &last.report.timings_ms;
            cards.extend(times.first_card.map(|time| (time + off).max(0.0)));
            sounds.extend(times.first_audio.map(|time| time + off));
            ends.extend(times.end_of_turn.map(|time| time + off));
        }
        println!("\nLatency, {} clips in real time, ms after the last voiced sample:", clips.len());
        for (what, times) in [("end of turn", &ends), ("first card", &cards), ("first sound", &sounds)] {
            println!("  {what:<12} p50 {:.0}, p95 {:.0}", quantile(times, 0.5), quantile(times, 0.95));
        }
        let right = 100.0 * share(score.orders_right, score.orders);
        println!("  cut off: {cut}; whole orders right: {right:.1} %");
        if std::env::var_os("AISLE_EVAL_SHOW").is_some() {
            score.print("live orders");
        }
        json!({
            "cut_off": cut, "orders": score.report(),
            "first_card": both(&cards), "first_sound": both(&sounds), "end_of_turn": both(&ends),
        })
    }

    /// Full-context Whisper after a fixed silence, the language model with a prompt that it
    /// does not know, the whole reply before it is said.
    async fn naive(&mut self, clips: &[Case], models: &ModelDir) -> Value {
        let model = models.ready(&self.settings.llm.model).expect("the model is there");
        let args: [std::ffi::OsString; 4] = ["--model".into(), model.into(), "--threads".into(), "2".into()];
        let config = EngineConfig::new("aisle-llm", Address::worker(worker("aisle-llm"), args));
        let llm = LanguageModel::new(Engine::new(config).expect("a thread starts"));
        llm.engine().warm().await.expect("the language model loads");
        let (mut cards, mut sounds, prompts) = (Vec::new(), Vec::new(), Prompts::shipped());
        for (index, case) in clips.iter().enumerate() {
            let samples = open(&case.clip);
            let spans = self.spans(&samples, Hysteresis::default().min_silence);
            let (Some(first), Some(last)) = (spans.first(), spans.last()) else { continue };
            let mut pcm: Vec<i16> =
                samples[first.start..last.end].iter().map(|s| (s * 32_767.0) as i16).collect();
            pcm.resize(30 * LISTENING_RATE as usize, 0);
            let started = Instant::now();
            let words = self.assistant.hear(&pcm).await.expect("it is heard");
            let mut prompt = vec![Segment::trusted(format!("Shop {index}.\n"))];
            prompt.extend(prompts.about(&words).into_iter().map(|segment| Segment::trusted(segment.text)));
            let request = CompletionRequest {
                prompt,
                grammar: Some(prompt::GRAMMAR.to_owned()),
                max_tokens: prompt::MAX_TOKENS,
                temperature: 0.0,
                seed: 0,
                deadline: Duration::from_secs(30),
            };
            llm.complete(request).await.expect("it is completed");
            let glimpse = tokio::task::block_in_place(|| self.assistant.glimpse(None, &Said::alone(&*words)));
            cards.push(FIXED_SILENCE + millis(started.elapsed()));
            let reply = format!(
                "I found {}. Anything else?",
                glimpse.found.first().map_or_else(|| "nothing".to_owned(), aisle::domain::Product::label)
            );
            tokio::task::block_in_place(|| self.assistant.say(&reply, |_, _| true)).expect("it is said");
            sounds.push(FIXED_SILENCE + millis(started.elapsed()));
        }
        println!("\nThe naive chain, {} of them, {FIXED_SILENCE} ms of silence included:", clips.len());
        for (what, times) in [("first card", &cards), ("first sound", &sounds)] {
            println!("  {what:<12} p50 {:.0}, p95 {:.0}", quantile(times, 0.5), quantile(times, 0.95));
        }
        json!({"clips": clips.len(), "first_card": both(&cards), "first_sound": both(&sounds)})
    }

    /// Clips with a pause put into the gap nearest to the middle of what is said.
    async fn pauses(&mut self, clips: &[Case]) -> Value {
        println!("\nPauses put into {} clips:", clips.len());
        let mut report = json!({});
        let chosen = |pause: &u64| picked("AISLE_LIVE_PAUSES", &pause.to_string(), ',');
        for pause in std::iter::once(0).chain(PAUSES).filter(chosen) {
            let (mut cut, mut waits, mut right) = (0, Vec::new(), 0);
            for case in clips {
                let mut samples = open(&case.clip);
                let spans = self.spans(&samples, Duration::from_millis(64));
                let whole =
                    spans.first().map_or(0, |span| span.start)..spans.last().map_or(0, |span| span.end);
                let middle = whole.start.midpoint(whole.end);
                let gaps = spans.windows(2).map(|pair| pair[0].end.midpoint(pair[1].start));
                // Without any gap, between two words that run into each other.
                let at = gaps.min_by_key(|gap| gap.abs_diff(middle)).unwrap_or(middle);
                let silence = vec![0.0; (pause as usize) * LISTENING_RATE as usize / 1000];
                samples.splice(at..at, silence);
                let voiced = self.voiced_until(&samples);
                let turns = self.converse(samples).await;
                cut += usize::from(turns.first().is_some_and(|turn| turn.voiced + EARLY < voiced));
                if let Some(last) = turns.last() {
                    let wait = last.report.timings_ms.end_of_turn.unwrap_or_default();
                    waits.push(wait + millis(last.voiced) - millis(voiced));
                    let mut score = Score::default();
                    score.judge(case, &serde_json::to_value(&last.report).expect("a report is JSON"));
                    right += score.orders_right;
                    if std::env::var_os("AISLE_EVAL_SHOW").is_some() && score.orders_right == 0 {
                        for turn in &turns {
                            let report = &turn.report;
                            println!(
                                "      {:?} again: {} -> {:?}",
                                report.transcript, turn.again, report.order
                            );
                        }
                    }
                }
            }
            let mean = waits.iter().sum::<f64>() / waits.len().max(1) as f64;
            println!(
                "  {pause:>5} ms: cut off {:.1} %, end waited for {mean:.0} ms on average, whole orders right {:.1} %",
                100.0 * share(cut, clips.len()),
                100.0 * share(right, clips.len()),
            );
            report[pause.to_string()] = json!({
                "cut_off": share(cut, clips.len()), "mean_wait_ms": mean, "orders_right": share(right, clips.len()),
            });
        }
        report
    }

    /// One order, then what is no turn while the kiosk listens on: noise, and others' speech.
    async fn nonsense(&mut self, order: &Path, data: &Path) -> Value {
        let before = std::mem::replace(&mut self.settings.listening.follow_up_seconds, 60);
        let head = open(order);
        let mut report = json!({});
        let shopper = loudness(&head);
        for (kind, folder, quieter) in [
            ("noise", "noise", None),
            ("bystanders", "speech", Some(0.0)),
            ("bystanders, 6 dB quieter", "speech", Some(6.0)),
            ("bystanders, 12 dB quieter", "speech", Some(12.0)),
        ]
        .into_iter()
        .filter(|(kind, ..)| picked("AISLE_LIVE_NONSENSE", kind, ';'))
        {
            let mut pieces: Vec<Vec<f32>> = vec![Vec::new()];
            for path in files(&data.join(folder)) {
                let mut sound = open(&path);
                if let Some(quieter) = quieter {
                    let gain = 10.0_f32.powf((shopper - quieter - loudness(&sound)) / 20.0);
                    sound.iter_mut().for_each(|sample| *sample = (*sample * gain).clamp(-1.0, 1.0));
                }
                for part in sound.chunks(40 * LISTENING_RATE as usize) {
                    let full = pieces.last().map_or(0, Vec::len) + part.len() > 45 * LISTENING_RATE as usize;
                    if full {
                        pieces.push(Vec::new());
                    }
                    if let Some(piece) = pieces.last_mut() {
                        piece.extend_from_slice(part);
                        piece.resize(piece.len() + LISTENING_RATE as usize * 3 / 2, 0.0);
                    }
                }
            }
            let (mut false_turns, mut length) = (0, 0);
            for piece in pieces {
                let mut samples = head.clone();
                samples.resize(samples.len() + 2 * LISTENING_RATE as usize, 0.0);
                let from = seconds(samples.len());
                length += piece.len();
                samples.extend(piece);
                let turns = self.converse(samples).await;
                for turn in turns.iter().filter(|turn| turn.voiced > from) {
                    false_turns += 1;
                    println!(
                        "  a turn of {kind}: {:?} ({})",
                        turn.report.transcript,
                        turn.report.intent.name()
                    );
                }
            }
            let minutes = seconds(length).as_secs_f64() / 60.0;
            println!("\n{kind}: {false_turns} turns in {minutes:.1} minutes of listening on");
            report[kind] = json!({"turns": false_turns, "minutes": minutes});
        }
        self.settings.listening.follow_up_seconds = before;
        report
    }

    /// Half a minute in which it listens and nobody speaks.
    async fn idle(&mut self) -> Value {
        let before = std::mem::replace(&mut self.settings.listening.first_word_seconds, 60);
        let mut random = fastrand::Rng::with_seed(1);
        let hiss: Vec<f32> = std::iter::repeat_with(|| (random.f32() - 0.5) * 0.002)
            .take(24 * LISTENING_RATE as usize)
            .collect();
        let (used, started) = (processor(), Instant::now());
        let turns = self.converse(hiss).await;
        let share = (processor() - used).as_secs_f64() / started.elapsed().as_secs_f64();
        assert!(turns.is_empty(), "hiss is no turn");
        self.settings.listening.first_word_seconds = before;
        println!("\nIdle and listening: {:.1} % of a core", 100.0 * share);
        json!({"share_of_a_core": share})
    }
}

/// Whether `name` is among those that a variable picks; without it, all are.
fn picked(variable: &str, name: &str, between: char) -> bool {
    let wanted = std::env::var(variable).unwrap_or_default();
    wanted.is_empty() || wanted.split(between).any(|own| own == name)
}

/// Of what is voiced, in dB of full scale: the windows of 32 ms that are no more than 20 dB
/// quieter than the loudest.
fn loudness(samples: &[f32]) -> f32 {
    let power =
        |window: &[f32]| window.iter().map(|sample| sample * sample).sum::<f32>() / window.len() as f32;
    let all: Vec<f32> = samples.chunks(512).map(power).collect();
    let most = all.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let voiced: Vec<f32> = all.into_iter().filter(|power| *power > most / 100.0).collect();
    10.0 * (voiced.iter().sum::<f32>() / voiced.len().max(1) as f32).max(1e-9).log10()
}

/// Processor time of this process.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux tells");
    let after = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: u64 = after.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    Duration::from_millis(ticks * 10)
}

fn both(times: &[f64]) -> Value {
    json!({"p50": quantile(times, 0.5), "p95": quantile(times, 0.95)})
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn seconds(samples: usize) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(LISTENING_RATE))
}
