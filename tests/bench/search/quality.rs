//! How good answers are, by people's judgments of them.

use super::data::Judgments;
use super::engines::Engine;
use crate::queries::{GROCERIES, NEITHER};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Hits that count.
pub const TOP: usize = 10;
/// Hits read for the measure that passes over unjudged ones.
const DEEP: usize = 50;
/// Resamples of the bootstrap, and its seed.
const RESAMPLES: usize = 10_000;
const SEED: u64 = 20_260_101;

/// An engine's answers to all judged queries, measured.
pub struct Quality {
    /// nDCG@10 of each query that has a relevant product, in the order of the
    /// judgments; what is not judged counts as wrong.
    ndcg: Vec<f64>,
    /// The same over judged hits only.
    condensed: Vec<f64>,
    /// Share of the top ten that is judged.
    judged: Vec<f64>,
    /// Queries for which the shop carries nothing good: all, and those refused.
    hopeless: usize,
    hopeless_refused: usize,
    /// The other queries: all, and those refused all the same.
    others: usize,
    others_refused: usize,
    /// Requests for what other shops sell: all, and those refused.
    foreign: usize,
    foreign_refused: usize,
}

impl Quality {
    pub fn of(engine: &dyn Engine, judgments: &Judgments, no_relevant: &[String]) -> Self {
        let search = |query: &str, limit| engine.search(query, limit).expect("a search");
        let mut this = Self {
            ndcg: Vec::new(),
            condensed: Vec::new(),
            judged: Vec::new(),
            hopeless: no_relevant.len(),
            hopeless_refused: no_relevant.iter().filter(|query| search(query, TOP).is_empty()).count(),
            others: 0,
            others_refused: 0,
            foreign: foreign().count(),
            foreign_refused: foreign().filter(|query| search(query, TOP).is_empty()).count(),
        };
        for (query, ratings) in judgments.iter().filter(|(_, ratings)| ratings.values().any(|r| *r > 0)) {
            let hits = search(query, TOP);
            if !no_relevant.contains(query) {
                this.others += 1;
                this.others_refused += usize::from(hits.is_empty());
            }
            let judged = hits.iter().filter(|id| ratings.contains_key(*id)).count();
            this.judged.push(judged as f64 / hits.len().max(1) as f64);
            this.ndcg.push(ndcg(&hits, ratings));
            let mut deep = search(query, DEEP);
            deep.retain(|id| ratings.contains_key(id));
            this.condensed.push(ndcg(&deep, ratings));
        }
        this
    }

    pub fn ndcg(&self) -> f64 {
        mean(&self.ndcg)
    }

    /// The mean difference to `other` over the queries, and its 95 % interval by
    /// resampling queries.
    pub fn better_than(&self, other: &Self) -> (f64, [f64; 2]) {
        let gains: Vec<f64> = self.ndcg.iter().zip(&other.ndcg).map(|(ours, theirs)| ours - theirs).collect();
        let mut random = fastrand::Rng::with_seed(SEED);
        let mut means: Vec<f64> = (0..RESAMPLES)
            .map(|_| mean(&gains.iter().map(|_| gains[random.usize(..gains.len())]).collect::<Vec<_>>()))
            .collect();
        means.sort_by(f64::total_cmp);
        (mean(&gains), [means[RESAMPLES / 40], means[RESAMPLES - 1 - RESAMPLES / 40]])
    }

    pub fn print(&self, name: &str) {
        println!(
            "{name:<22} {:>8.3} {:>10.3} {:>8.0} % {:>9} of {:<3} {:>9} of {:<3} {:>9} of {:<3}",
            self.ndcg(),
            mean(&self.condensed),
            100.0 * mean(&self.judged),
            self.hopeless_refused,
            self.hopeless,
            self.others_refused,
            self.others,
            self.foreign_refused,
            self.foreign,
        );
    }

    pub fn report(&self) -> Value {
        json!({
            "ndcg10": self.ndcg(),
            "ndcg10_judged_only": mean(&self.condensed),
            "judged_share_of_top10": mean(&self.judged),
            "queries": self.ndcg.len(),
            "no_relevant_refused": self.hopeless_refused, "no_relevant": self.hopeless,
            "others_wrongly_refused": self.others_refused, "others": self.others,
            "foreign_refused": self.foreign_refused, "foreign": self.foreign,
        })
    }
}

/// What a shop of electronics does not sell. Its catalog may all the same have a bread
/// maker for "bread".
fn foreign() -> impl Iterator<Item = &'static &'static str> {
    // Batteries and bulbs are sold by both.
    let both = ["batteries", "light bulbs", "tablet"];
    GROCERIES.iter().chain(NEITHER).filter(move |query| !both.contains(query))
}

/// Gain 2^rating - 1, discount log2(rank + 1), over the best order possible.
pub fn ndcg(hits: &[String], ratings: &BTreeMap<String, i32>) -> f64 {
    let gain = |rating: i32| f64::from(rating).exp2() - 1.0;
    let sum = |gains: &[f64]| -> f64 {
        (1..).zip(gains.iter().take(TOP)).map(|(rank, gain)| gain / f64::from(rank + 1).log2()).sum()
    };
    let found: Vec<f64> = hits.iter().map(|id| ratings.get(id).map_or(0.0, |rating| gain(*rating))).collect();
    let mut ideal: Vec<f64> = ratings.values().map(|rating| gain(*rating)).collect();
    ideal.sort_by(|a, b| b.total_cmp(a));
    sum(&found) / sum(&ideal)
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
