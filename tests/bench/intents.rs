//! `make tune-intents`: learns the intent classifier from models/intents.tsv, tells by
//! cross-validation what it reaches on utterances that it was not learned from, and
//! writes models/intents.json. The same utterances always give the same weights.
//!
//! Multinomial logistic regression with a ridge, by full-batch gradient descent with
//! momentum and a step per weight (Adam, Kingma and Ba 2015).

#![allow(clippy::expect_used, clippy::panic)] // A measurement that cannot run shall stop.

use aisle::dialog::classifier::{Class, Classifier, DIMENSIONS, GRAM, Weights, grams};
use aisle::dialog::words::words;
use aisle::models::ModelDir;
use aisle::models::encoder::MiniLm;
use aisle::models::onnx::Runtime;
use aisle::store::Encoder as _;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Utterances in which a gram must occur to count.
const MIN_COUNT: usize = 5;
/// How much of the sum of squared weights counts beside the mean loss, times utterances.
const RIDGE: f32 = 0.1;
const STEPS: i32 = 250;
const STEP: f32 = 0.15;
/// Parts for the cross-validation: each sixth of the file has its own writer, or nearly.
const WRITERS: usize = 6;
/// Most of a whole number in the file.
const LARGEST: f32 = 500.0;
/// From here on a class is acted on.
const LIKELY: [f32; 3] = [0.45, 0.6, 0.7];

struct Case {
    class: usize,
    words: Vec<String>,
    vector: [f32; DIMENSIONS],
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("models/intents.tsv")).expect("models/intents.tsv");
    let folder = std::env::var_os("AISLE_MODELS").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache/aisle/models");
    let models = ModelDir::open(folder.unwrap_or_else(home)).expect("the models");
    let runtime = Runtime::load(&models.ready("onnxruntime").expect("onnxruntime")).expect("onnxruntime");
    let encoder = MiniLm::open(&models, &runtime, 2).expect("MiniLM");
    let lines: Vec<(Class, Vec<String>)> = text.lines().map(read).collect();
    let classes: Vec<Class> =
        lines.iter().map(|(class, _)| *class).collect::<BTreeSet<_>>().into_iter().collect();
    let texts: Vec<String> = lines.iter().map(|(_, words)| words.join(" ")).collect();
    let vectors = encoder.products(&texts.iter().map(String::as_str).collect::<Vec<_>>()).expect("vectors");
    let cases: Vec<Case> = lines
        .into_iter()
        .zip(vectors)
        .map(|((class, words), vector)| Case {
            class: classes.iter().position(|own| *own == class).expect("a class"),
            words,
            vector,
        })
        .collect();
    println!("{} utterances, {} classes", cases.len(), classes.len());
    validate(&cases, &classes, encoder.name());
    let all: Vec<&Case> = cases.iter().collect();
    let weights = learn(&all, &classes, encoder.name());
    println!("{} grams", weights.grams.len());
    let out = root.join("models/intents.json");
    std::fs::write(&out, file(&weights)).expect("the weights can be written");
    println!("wrote {}", out.display());
}

fn read(line: &str) -> (Class, Vec<String>) {
    let (class, text) = line.split_once('\t').unwrap_or_else(|| panic!("no tab in {line:?}"));
    let class = serde_json::from_value(class.into()).unwrap_or_else(|_| panic!("no class {class:?}"));
    (class, words(text))
}

/// Learns from two writers, and asks about the third's utterances.
fn validate(cases: &[Case], classes: &[Class], encoder: &str) {
    let share = cases.len().div_ceil(WRITERS);
    let mut right = 0;
    let mut likely: [(usize, usize); LIKELY.len()] = Default::default();
    let mut missed: BTreeMap<(Class, Class), usize> = BTreeMap::new();
    let mut by_class: BTreeMap<Class, (usize, usize)> = BTreeMap::new();
    for writer in 0..WRITERS {
        let (own, others): (Vec<_>, Vec<_>) =
            cases.iter().enumerate().partition(|(at, _)| at / share == writer);
        let others: Vec<&Case> = others.into_iter().map(|(_, case)| case).collect();
        let classifier = Classifier::new(learn(&others, classes, encoder)).expect("weights");
        for (_, case) in own {
            let (class, probability) = classifier.classify(&case.words, &case.vector);
            let wanted = classes[case.class];
            let hit = class == wanted;
            right += usize::from(hit);
            let own = by_class.entry(wanted).or_default();
            own.0 += usize::from(hit);
            own.1 += 1;
            if !hit {
                *missed.entry((wanted, class)).or_default() += 1;
            }
            for (limit, (taken, hits)) in LIKELY.iter().zip(&mut likely) {
                *taken += usize::from(probability >= *limit);
                *hits += usize::from(probability >= *limit && hit);
            }
        }
    }
    #[allow(clippy::cast_precision_loss)]
    let percent = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
    println!("of a writer not learned from, right: {:.1} %", percent(right, cases.len()));
    for (limit, (taken, hits)) in LIKELY.iter().zip(likely) {
        let (taken_share, hit_share) = (percent(taken, cases.len()), percent(hits, taken));
        println!("  likelier than {limit}: {taken_share:.1} % of all, {hit_share:.1} % of them right");
    }
    let shares = by_class.iter().map(|(class, (hits, of))| format!("{class:?} {:.0}", percent(*hits, *of)));
    println!("  by class, in %: {}", shares.collect::<Vec<_>>().join(", "));
    let mut missed: Vec<_> = missed.into_iter().collect();
    missed.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let missed =
        missed.iter().take(12).map(|((wanted, got), count)| format!("{wanted:?} as {got:?} {count}"));
    println!("  most missed: {}", missed.collect::<Vec<_>>().join(", "));
}

/// Learns the weights of `cases`.
fn learn(cases: &[&Case], classes: &[Class], encoder: &str) -> Weights {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for gram in cases.iter().flat_map(|case| grams(&case.words)) {
        *counts.entry(gram).or_default() += 1;
    }
    counts.retain(|_, count| *count >= MIN_COUNT);
    let known: HashMap<&str, usize> =
        counts.keys().enumerate().map(|(at, gram)| (gram.as_str(), DIMENSIONS + at)).collect();
    let said: Vec<Vec<usize>> = cases
        .iter()
        .map(|case| grams(&case.words).iter().filter_map(|gram| known.get(gram.as_str()).copied()).collect())
        .collect();
    // By feature, then by class; the last row is the bias.
    let features = DIMENSIONS + counts.len() + 1;
    let count = classes.len();
    let mut weights = vec![0.0_f32; features * count];
    let (mut mean, mut square) = (weights.clone(), weights.clone());
    #[allow(clippy::cast_precision_loss)]
    let share = 1.0 / cases.len() as f32;
    for step in 1..=STEPS {
        let mut slope: Vec<f32> = weights.iter().map(|weight| weight * RIDGE * share).collect();
        for (case, grams) in cases.iter().zip(&said) {
            let mut scores = weights[(features - 1) * count..].to_vec();
            for (at, value) in case.vector.iter().enumerate() {
                add(&mut scores, &weights[at * count..][..count], *value);
            }
            for at in grams {
                add(&mut scores, &weights[at * count..][..count], GRAM);
            }
            let most = scores.iter().copied().fold(f32::MIN, f32::max);
            scores.iter_mut().for_each(|score| *score = (*score - most).exp());
            let sum: f32 = scores.iter().sum();
            scores.iter_mut().for_each(|score| *score *= share / sum);
            scores[case.class] -= share;
            for (at, value) in case.vector.iter().enumerate() {
                add(&mut slope[at * count..][..count], &scores, *value);
            }
            for at in grams {
                add(&mut slope[at * count..][..count], &scores, GRAM);
            }
            add(&mut slope[(features - 1) * count..], &scores, 1.0);
        }
        let (fade, spread) = (1.0 - 0.9_f32.powi(step), 1.0 - 0.999_f32.powi(step));
        for (((weight, slope), mean), square) in weights.iter_mut().zip(slope).zip(&mut mean).zip(&mut square)
        {
            *mean = 0.9 * *mean + 0.1 * slope;
            *square = 0.999 * *square + 0.001 * slope * slope;
            *weight -= STEP * (*mean / fade) / ((*square / spread).sqrt() + 1e-8);
        }
    }
    let largest = weights.iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
    let step = largest / LARGEST;
    #[allow(clippy::cast_possible_truncation)] // At most LARGEST.
    let whole = |weight: f32| (weight / step).round() as i16;
    let row = |at: usize| weights[at * count..][..count].iter().map(|weight| whole(*weight));
    Weights {
        encoder: encoder.to_owned(),
        classes: classes.to_vec(),
        step,
        bias: row(features - 1).collect(),
        vector: (0..count)
            .map(|class| (0..DIMENSIONS).map(|at| whole(weights[at * count + class])).collect())
            .collect(),
        grams: known.iter().map(|(gram, at)| ((*gram).to_owned(), row(*at).collect())).collect(),
    }
}

fn add(to: &mut [f32], row: &[f32], times: f32) {
    for (to, value) in to.iter_mut().zip(row) {
        *to += value * times;
    }
}

/// The weights as JSON with one gram a line, in their order, so that versions compare.
fn file(weights: &Weights) -> String {
    let grams: BTreeMap<&String, &Vec<i16>> = weights.grams.iter().collect();
    let lines: Vec<String> =
        grams.iter().map(|(gram, row)| format!("{}:{}", json(gram), json(row))).collect();
    let rows: Vec<String> = weights.vector.iter().map(json).collect();
    format!(
        "{{\"encoder\":{},\"classes\":{},\"step\":{},\"bias\":{},\n\"vector\":[\n{}\n],\n\"grams\":{{\n{}\n}}}}\n",
        json(&weights.encoder),
        json(&weights.classes),
        weights.step,
        json(&weights.bias),
        rows.join(",\n"),
        lines.join(",\n"),
    )
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain data")
}
