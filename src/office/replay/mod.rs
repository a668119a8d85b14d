//! Owns what a catalog is tried with before it is published: conversations that somebody wrote
//! down with what is right, and questions that are drawn from the catalog itself, so that they
//! mean something for any. What is right, what came of it, and whether that is good enough. Pure;
//! who asks is `app`'s.
//!
//! ```text
//! written   conversations of a file     drawn     questions of the catalog's own
//! answer    what of an answer is wrong  verdict   figures, limits, and what is below them
//! ```

pub mod answer;
pub mod drawn;
pub mod verdict;
pub mod written;

use crate::domain::{Cents, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a turn counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Written conversations.
    Turns,
    /// Products, looked for by their own names and asked for their prices.
    Names,
    /// What the shop has not, must not sell or does not know.
    Honest,
}

/// What is right.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// As somebody wrote it down.
    Written(Box<written::Expect>),
    /// The product is among the first hits, or one of the same name.
    Named { sku: Sku, label: String },
    /// This price is said of it; `None`: none is.
    Price { sku: Sku, price_cents: Option<Cents> },
    /// It is said that there is no such thing.
    NotCarried,
    /// It is not offered.
    Stopped { sku: Sku },
}

/// How something is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// In words, as a shopper says or types them.
    Words,
    /// Through the search alone, which must find whatever a catalog calls its products; nobody
    /// speaks whole titles of an electronics shop.
    Search,
    /// By touching the product and asking what it costs.
    Touch,
}

/// What is asked, and what is right then.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// The words, or the product's name.
    pub says: String,
    pub by: By,
    pub wanted: Wanted,
    pub part: Part,
}

/// Turns of one visit.
#[derive(Debug, Clone, PartialEq)]
pub struct Play {
    pub name: String,
    pub turns: Vec<Turn>,
}

/// A turn that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miss {
    pub part: Part,
    pub play: String,
    pub says: String,
    pub why: String,
}

/// The products that plays are about.
#[must_use]
pub fn named(plays: &[Play]) -> BTreeSet<Sku> {
    let turns = plays.iter().flat_map(|play| &play.turns);
    turns
        .flat_map(|turn| match &turn.wanted {
            Wanted::Written(expect) => expect.skus().cloned().collect(),
            Wanted::Named { sku, .. } | Wanted::Price { sku, .. } | Wanted::Stopped { sku } => {
                vec![sku.clone()]
            }
            Wanted::NotCarried => Vec::new(),
        })
        .collect()
}
