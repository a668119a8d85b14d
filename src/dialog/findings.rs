//! What a tool call brought back, as plain values: the only ground a reply may
//! stand on.

use super::freshness::{Freshness, Moment};
use super::tool::Tool;
use crate::domain::turn::OrderLine;
use crate::domain::{Cents, Currency, Product};

/// A product that was found, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub product: Product,
    pub reason: String,
    /// What it costs, an offer counted.
    pub price_cents: Option<Cents>,
    /// The offer that makes it cheaper than its regular price.
    pub offer: Option<Offer>,
    /// How sure its price is.
    pub price: Freshness,
    /// How sure its stock is.
    pub stock: Freshness,
}

/// A promotion that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// How long, as a whole phrase; `None`: until further notice.
    pub until: Option<Moment>,
}

impl Found {
    /// A product at its regular price, sure in all.
    #[must_use]
    pub fn new(product: Product, reason: impl Into<String>) -> Self {
        let (price_cents, reason) = (product.price_cents, reason.into());
        Self { product, reason, price_cents, offer: None, price: Freshness::Now, stock: Freshness::Now }
    }
}

/// An order line with its product and price.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedLine {
    pub line: OrderLine,
    /// For one piece, options included; `None`: the price is not known.
    pub unit_cents: Option<Cents>,
}

/// The answer of the catalog and the settings to one tool call.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    pub tool: Tool,
    pub currency: Currency,
    /// Best first.
    pub found: Vec<Found>,
    /// The shop does not carry what was asked for; `alternatives` are the
    /// nearest by kind.
    pub no_match: bool,
    pub alternatives: Vec<Found>,
    /// None of what was found is known to have the size that was asked for.
    pub other_size: bool,
    /// Lines that this turn adds or changes.
    pub lines: Vec<PricedLine>,
    /// Quantities above what is taken without asking.
    pub too_many: Option<u32>,
    /// A text from the settings, with its key.
    pub store_fact: Option<(&'static str, String)>,
}

impl Findings {
    /// Findings of a tool call that needed nothing.
    #[must_use]
    pub fn none(tool: Tool, currency: Currency) -> Self {
        Self {
            tool,
            currency,
            found: Vec::new(),
            no_match: false,
            alternatives: Vec::new(),
            other_size: false,
            lines: Vec::new(),
            too_many: None,
            store_fact: None,
        }
    }

    /// Every product that the reply may speak of.
    pub fn all(&self) -> impl Iterator<Item = &Found> {
        self.found.iter().chain(&self.alternatives)
    }
}
