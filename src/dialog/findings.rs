//! What a tool call brought back, as plain values: the only ground a reply may
//! stand on.

use super::context::Question;
use super::freshness::{Freshness, Moment};
use super::reply::Reply;
use super::tool::{Than, Tool};
use crate::domain::turn::OrderLine;
use crate::domain::{Cents, Currency, Product, Sku};

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
    /// What shoppers call the place where it stands: "Bakery counter".
    pub area: Option<String>,
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
        Self {
            product,
            reason,
            price_cents,
            offer: None,
            price: Freshness::Now,
            stock: Freshness::Now,
            area: None,
        }
    }
}

/// An order line with its product and price.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedLine {
    pub line: OrderLine,
    /// For one piece, options included; `None`: the price is not known.
    pub unit_cents: Option<Cents>,
}

/// One thing that an occasion needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// In the shop's own words: "taco shells".
    pub what: String,
    /// `None`: the shop has none, or none that is known to fit.
    pub sku: Option<Sku>,
    /// The shop has some, but none of them is known to be as is asked: vegan, free from nuts.
    pub unfit: bool,
    /// Packs, at least 1.
    pub quantity: u32,
}

/// What an occasion needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The shop's name for it.
    pub occasion: String,
    pub people: u32,
    pub needs: Vec<Need>,
}

/// What became of a wish that the list or the cards could not fulfil.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// No product is as different as was asked for.
    None(Than),
    /// The list has no such line, or nothing on it.
    NotListed,
    /// There is nothing to take back.
    NothingToUndo,
    /// There is no reply to repeat, no question to answer.
    Nothing,
    /// No list for this occasion.
    NoPlan,
}

/// What became of a call for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    Now,
    /// Somebody was called before and is not there yet.
    Before,
    /// The call could not be recorded.
    Failed,
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
    /// What was asked for and must not be sold at the moment.
    pub stopped: Vec<Product>,
    /// Some of the things that were named were not found.
    pub partly: bool,
    /// The alternatives are what there is without all that was required.
    pub relaxed: bool,
    /// None of what was found is known to have the size that was asked for.
    pub other_size: bool,
    /// Lines that the reply speaks of: added, changed, or asked about.
    pub lines: Vec<PricedLine>,
    /// Lines that were taken off.
    pub removed: Vec<OrderLine>,
    /// The whole list after this step, where it may have changed.
    pub list: Option<Vec<OrderLine>>,
    /// Places on it of the lines that the step is about.
    pub touched: Vec<usize>,
    /// What is asked back.
    pub question: Option<Question>,
    /// What is made for the shopper goes from here to who makes it, once the list is confirmed.
    pub sent: bool,
    /// What the list costs, where that is asked about or shown.
    pub total_cents: Option<Cents>,
    pub plan: Option<Plan>,
    /// Option groups by name with the menu names of their values.
    pub choices: Vec<(String, Vec<String>)>,
    pub note: Option<Note>,
    pub called: Option<Called>,
    /// The reply that is said again.
    pub repeated: Option<Box<Reply>>,
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
            stopped: Vec::new(),
            partly: false,
            relaxed: false,
            other_size: false,
            lines: Vec::new(),
            removed: Vec::new(),
            list: None,
            touched: Vec::new(),
            question: None,
            total_cents: None,
            plan: None,
            choices: Vec::new(),
            sent: false,
            note: None,
            called: None,
            repeated: None,
            store_fact: None,
        }
    }

    /// Every product that the reply may speak of.
    pub fn all(&self) -> impl Iterator<Item = &Found> {
        self.found.iter().chain(&self.alternatives)
    }
}
