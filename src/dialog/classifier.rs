//! What a clause wants that no rule knows: a linear intent classifier over the clause's
//! sentence vector and its words. Only names an intent, with how likely it is; what it
//! is about, and whether that is enough to act, the rules decide.
//!
//! Multinomial logistic regression with a ridge, learned by `make tune-intents` from
//! models/intents.tsv. The vector carries the meaning, the words the idiom: each alone is
//! worse (see the README's table).

use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Length of a sentence vector.
pub const DIMENSIONS: usize = 384;

/// What a word or pair of words counts beside the vector, whose length is 1.
pub const GRAM: f32 = 0.3;

/// What a shopper may want.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Names a product, or a need for one.
    Find,
    Locate,
    Price,
    Stock,
    Compare,
    Cheaper,
    Bigger,
    Smaller,
    /// Other ones than those shown.
    Others,
    Recommend,
    Pairings,
    Substitutes,
    /// What a label says: allergens, diets, ingredients.
    Label,
    Promotions,
    /// What a dish or an occasion needs.
    Plan,
    Add,
    Remove,
    /// Another number or option of what is on the list.
    Change,
    Review,
    Confirm,
    Undo,
    Clear,
    Repeat,
    Help,
    Person,
    Hours,
    Returns,
    Toilets,
    Payment,
    Parking,
    Greet,
    Goodbye,
    Thanks,
    Smalltalk,
    Yes,
    No,
    Medical,
    /// Nonsense, and what a shop's kiosk cannot do.
    Other,
}

/// What a clause is taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Hunch {
    pub class: Class,
    /// 0 to 1.
    pub probability: f32,
    /// The clause's words that name something in the catalog, in order.
    pub named: Vec<String>,
}

/// The learned weights, as their file holds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// The encoder whose vectors they are for.
    pub encoder: String,
    pub classes: Vec<Class>,
    /// What a step of the whole numbers below is worth.
    pub step: f32,
    /// By class.
    pub bias: Vec<i16>,
    /// By class, then by the vector's dimension.
    pub vector: Vec<Vec<i16>>,
    /// By gram, then by class.
    pub grams: HashMap<String, Vec<i16>>,
}

/// The learned weights that come with the program; a test reads them.
const SHIPPED: &str = include_str!("../../models/intents.json");

/// The classifier.
#[derive(Debug)]
pub struct Classifier {
    weights: Weights,
}

impl Classifier {
    /// The one that comes with the program; `None` where its file is damaged.
    #[must_use]
    pub fn shipped() -> Option<Self> {
        Self::new(serde_json::from_str(SHIPPED).ok()?)
    }

    /// `None` where the weights do not fit together.
    #[must_use]
    pub fn new(weights: Weights) -> Option<Self> {
        let count = weights.classes.len();
        let fits = count > 1
            && weights.bias.len() == count
            && weights.vector.len() == count
            && weights.vector.iter().all(|row| row.len() == DIMENSIONS)
            && weights.grams.values().all(|row| row.len() == count)
            && weights.step.is_finite();
        fits.then_some(Self { weights })
    }

    /// The encoder whose vectors it reads.
    #[must_use]
    pub fn encoder(&self) -> &str {
        &self.weights.encoder
    }

    /// The likeliest class of a clause, given as its `words` and their `vector` of length
    /// 1, and how likely it is, 0 to 1.
    #[must_use]
    pub fn classify(&self, words: &[String], vector: &[f32; DIMENSIONS]) -> (Class, f32) {
        let Weights { classes, step, bias, vector: rows, grams: known, .. } = &self.weights;
        let mut scores: Vec<f32> = bias.iter().map(|bias| f32::from(*bias)).collect();
        for (score, row) in scores.iter_mut().zip(rows) {
            *score += row.iter().zip(vector).map(|(weight, value)| f32::from(*weight) * value).sum::<f32>();
        }
        for row in grams(words).iter().filter_map(|gram| known.get(gram)) {
            for (score, weight) in scores.iter_mut().zip(row) {
                *score += f32::from(*weight) * GRAM;
            }
        }
        let most = scores.iter().copied().fold(f32::MIN, f32::max);
        let parts: Vec<f32> = scores.iter().map(|score| ((score - most) * step).exp()).collect();
        let sum: f32 = parts.iter().sum();
        let best = classes.iter().zip(&parts).max_by(|(_, a), (_, b)| a.total_cmp(b));
        // `new` refuses weights without classes.
        best.map_or((Class::Other, 0.0), |(class, part)| (*class, part / sum))
    }
}

/// The words and pairs of words that count, each once; the ends of the clause are marked.
#[must_use]
pub fn grams(words: &[String]) -> Vec<String> {
    let mut grams: Vec<String> = words.to_vec();
    let marked: Vec<&str> =
        std::iter::once("^").chain(words.iter().map(String::as_str)).chain(["$"]).collect();
    grams.extend(marked.windows(2).map(|pair| pair.join(" ")));
    grams.sort_unstable();
    grams.dedup();
    grams
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::words::words;
    use proptest::prelude::*;

    #[test]
    fn both_the_vector_and_the_words_count() {
        let row = |first: i16| [vec![first], vec![0; DIMENSIONS - 1]].concat();
        let weights = Weights {
            encoder: "any".into(),
            classes: vec![Class::Price, Class::Review],
            step: 0.01,
            bias: vec![0, 0],
            vector: vec![row(100), row(-100)],
            grams: HashMap::from([("read back".to_owned(), vec![-1000, 1000])]),
        };
        let classifier = Classifier::new(weights).unwrap();
        let mut vector = [0.0; DIMENSIONS];
        vector[0] = 1.0;
        let (class, probability) = classifier.classify(&words("what is the damage"), &vector);
        // Scores 1 and -1: e / (e + 1/e).
        assert_eq!(class, Class::Price);
        assert!((probability - 0.8808).abs() < 1e-3, "{probability}");
        // 1 - 3 against -1 + 3.
        let (class, probability) = classifier.classify(&words("read back"), &vector);
        assert_eq!(class, Class::Review);
        assert!((probability - 0.9820).abs() < 1e-3, "{probability}");
    }

    #[test]
    fn the_shipped_weights_are_whole() {
        let weights: Weights = serde_json::from_str(SHIPPED).unwrap();
        assert_eq!((weights.classes.len(), weights.encoder.as_str()), (38, "minilm-l6-v2/int8"));
        assert!(weights.grams.len() > 1000 && Classifier::shipped().is_some());
    }

    #[test]
    fn weights_that_do_not_fit_are_refused() {
        let weights: Weights = serde_json::from_str(SHIPPED).unwrap();
        assert!(Classifier::new(Weights { bias: vec![0], ..weights.clone() }).is_none());
        assert!(Classifier::new(Weights { vector: Vec::new(), ..weights.clone() }).is_none());
        assert!(Classifier::new(Weights { classes: Vec::new(), ..weights }).is_none());
    }

    proptest! {
        #[test]
        fn any_words_have_a_class_and_a_probability(text in ".{0,200}") {
            let classifier = Classifier::shipped().unwrap();
            let (_, probability) = classifier.classify(&words(&text), &[0.05; DIMENSIONS]);
            prop_assert!((0.0..=1.0).contains(&probability));
        }
    }
}
