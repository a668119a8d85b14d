//! Learns the weights of the ranking's signals, and tells by cross-validation what
//! they reach on queries that they were not learned from. Listwise: the weights make
//! a softmax over a query's products put its mass where the relevance is (ListNet,
//! Cao and others 2007), with a ridge against overfitting. Learned from judged
//! queries and from the demo store's own table of queries.

use super::data::Judgments;
use super::quality::{TOP, mean, ndcg};
use crate::queries::{TABLE, Want};
use aisle::store::{Catalog, SIGNALS, SearchRequest, Signals};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

const FOLDS: usize = 10;
/// Ways to split the queries into folds.
const SEEDS: u64 = 5;
const STEPS: i32 = 400;
const STEP: f64 = 0.05;
/// How much of the sum of squared weights counts beside the loss: the values tried,
/// and the one that is kept.
const RIDGES: [f64; 5] = [0.0003, 0.001, 0.003, 0.01, 0.03];
const KEPT_RIDGE: f64 = 0.001;
/// These decide what is an answer at all, and must not shift the order.
const LEFT_OUT: [&str; 2] = ["cover", "cosine"];
/// Products read of a query.
const DEEP: usize = 200;
/// What the demo store's table weighs beside the judged queries, a query for a query.
const TABLE_WEIGHT: f64 = 1.0;

/// A query's products.
struct List {
    query: String,
    skus: Vec<String>,
    signals: Vec<Signals>,
    /// What each is worth; they sum to 1.
    worth: Vec<f64>,
    weight: f64,
}

/// Prints what the weights reach, and the weights; writes all signals to `out`.
pub fn tune(judged: &Catalog, judgments: &Judgments, demo: &Catalog, out: &Path) {
    let mut lists = Vec::new();
    let mut rows = String::new();
    for (query, ratings) in judgments.iter().filter(|(_, ratings)| ratings.values().any(|r| *r > 0)) {
        let found = signals(judged, query);
        let gain = |sku: &String| ratings.get(sku).map_or(0.0, |rating| f64::from(*rating).exp2() - 1.0);
        let worth: Vec<f64> = found.iter().map(|(sku, _)| gain(sku)).collect();
        for ((sku, signals), worth) in found.iter().zip(&worth) {
            let row = json!({
                "query": query, "sku": sku, "judged": ratings.contains_key(sku), "gain": worth, "signals": signals,
            });
            writeln!(rows, "{row}").expect("memory");
        }
        lists.push(List::new(query, found, worth, 1.0));
    }
    let path = out.join("signals.jsonl");
    std::fs::write(&path, rows).expect("the signals can be written");
    let table: Vec<List> = TABLE.iter().filter_map(|(query, want)| wanted(demo, query, want)).collect();
    println!(
        "\n{} judged queries, {} of the demo store; signals: {}",
        lists.len(),
        table.len(),
        path.display()
    );
    println!(
        "{:<22} {:>8} {:>10}   on queries left out, {FOLDS} folds, {SEEDS} splits",
        "ridge", "nDCG@10", "condensed"
    );
    for ridge in RIDGES {
        let [whole, condensed] = left_out(&lists, &table, judgments, ridge);
        println!("{ridge:<22} {whole:>8.4} {condensed:>10.4}");
    }
    let all: Vec<&List> = lists.iter().chain(&table).collect();
    let weights = learn(&all, KEPT_RIDGE);
    let [whole, condensed] = measure(&lists.iter().collect::<Vec<_>>(), judgments, &weights);
    println!("{:<22} {whole:>8.4} {condensed:>10.4}   on those they were learned from", "kept");
    // Positive weights sum to 1, so that scores lie between 0 and 1.
    let sum: f64 = weights.iter().filter(|weight| **weight > 0.0).sum();
    for (name, weight) in SIGNALS.iter().zip(&weights) {
        println!("    {:>7.3}, // {name}", weight / sum);
    }
}

fn signals(catalog: &Catalog, query: &str) -> Vec<(String, Signals)> {
    let request = SearchRequest { text: query.to_owned(), limit: DEEP, ..SearchRequest::default() };
    let found = catalog.signals(&request).expect("a search");
    found.into_iter().map(|(sku, signals)| (sku.as_str().to_owned(), signals)).collect()
}

/// A query of the demo store's table with the products that it wants; `None` where it
/// wants none.
fn wanted(demo: &Catalog, query: &str, want: &Want) -> Option<List> {
    let found = signals(demo, query);
    let is_wanted = |sku: &String| {
        let product = demo.product(&aisle::domain::Sku::new(sku)?).expect("a product")?;
        let title = product.label();
        Some(match want {
            Want::First(parts) | Want::Top(parts) => parts.iter().any(|part| title.contains(part)),
            Want::Kind(kinds) => product.category.last().is_some_and(|kind| kinds.contains(&kind.as_str())),
            Want::NoMatch => false,
        })
    };
    let worth = found.iter().map(|(sku, _)| f64::from(u8::from(is_wanted(sku).unwrap_or(false)))).collect();
    Some(List::new(query, found, worth, TABLE_WEIGHT)).filter(|list| list.weight > 0.0)
}

impl List {
    fn new(query: &str, found: Vec<(String, Signals)>, mut worth: Vec<f64>, weight: f64) -> Self {
        let sum: f64 = worth.iter().sum();
        worth.iter_mut().for_each(|worth| *worth /= sum.max(f64::MIN_POSITIVE));
        let (skus, signals) = found.into_iter().unzip();
        // Nothing can be learned where nothing is worth anything.
        Self { query: query.to_owned(), skus, signals, worth, weight: if sum > 0.0 { weight } else { 0.0 } }
    }

    fn ordered(&self, weights: &Signals) -> Vec<String> {
        let score = |signals: &Signals| -> f64 { dot(weights, signals) };
        let mut order: Vec<usize> = (0..self.skus.len()).collect();
        order.sort_by(|a, b| score(&self.signals[*b]).total_cmp(&score(&self.signals[*a])));
        order.into_iter().map(|at| self.skus[at].clone()).collect()
    }
}

fn dot(weights: &Signals, signals: &Signals) -> f64 {
    weights.iter().zip(signals).map(|(weight, signal)| weight * signal).sum()
}

/// Adam (Kingma and Ba 2015) from zero: the loss is convex, so where it starts is all
/// the same.
fn learn(lists: &[&List], ridge: f64) -> Signals {
    let mut weights = [0.0; SIGNALS.len()];
    let (mut first, mut second) = (weights, weights);
    let total: f64 = lists.iter().map(|list| list.weight).sum();
    for step in 1..=STEPS {
        let mut slope = weights.map(|weight| ridge * weight);
        for list in lists.iter().filter(|list| list.weight > 0.0) {
            let scores: Vec<f64> = list.signals.iter().map(|signals| dot(&weights, signals)).collect();
            let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let mass: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
            let sum: f64 = mass.iter().sum();
            for ((signals, mass), worth) in list.signals.iter().zip(mass).zip(&list.worth) {
                let pull = (mass / sum - worth) * list.weight / total;
                slope.iter_mut().zip(signals).for_each(|(slope, signal)| *slope += pull * signal);
            }
        }
        for at in 0..SIGNALS.len() {
            if LEFT_OUT.contains(&SIGNALS[at]) {
                continue;
            }
            first[at] = 0.9 * first[at] + 0.1 * slope[at];
            second[at] = 0.999 * second[at] + 0.001 * slope[at] * slope[at];
            let (mean, spread) =
                (first[at] / (1.0 - 0.9_f64.powi(step)), second[at] / (1.0 - 0.999_f64.powi(step)));
            weights[at] -= STEP * mean / (spread.sqrt() + 1e-8);
        }
    }
    weights
}

/// nDCG@10 and its condensed form.
fn measure(lists: &[&List], judgments: &Judgments, weights: &Signals) -> [f64; 2] {
    let (whole, condensed): (Vec<f64>, Vec<f64>) =
        lists.iter().map(|list| of(list, &judgments[&list.query], weights)).unzip();
    [mean(&whole), mean(&condensed)]
}

fn of(list: &List, ratings: &BTreeMap<String, i32>, weights: &Signals) -> (f64, f64) {
    let mut hits = list.ordered(weights);
    let whole = ndcg(&hits[..hits.len().min(TOP)], ratings);
    hits.retain(|sku| ratings.contains_key(sku));
    (whole, ndcg(&hits, ratings))
}

/// Each query measured by weights that were learned without it.
fn left_out(lists: &[List], table: &[List], judgments: &Judgments, ridge: f64) -> [f64; 2] {
    let (mut whole, mut condensed) = (Vec::new(), Vec::new());
    for seed in 0..SEEDS {
        let mut order: Vec<usize> = (0..lists.len()).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut order);
        for fold in 0..FOLDS {
            let is_left_out = |place: usize| place % FOLDS == fold;
            let kept =
                order.iter().enumerate().filter(|(place, _)| !is_left_out(*place)).map(|(_, at)| &lists[*at]);
            let weights = learn(&kept.chain(table).collect::<Vec<_>>(), ridge);
            for (_, at) in order.iter().enumerate().filter(|(place, _)| is_left_out(*place)) {
                let (one, two) = of(&lists[*at], &judgments[&lists[*at].query], &weights);
                whole.push(one);
                condensed.push(two);
            }
        }
    }
    [mean(&whole), mean(&condensed)]
}
