//! The turn as everybody sees it: the tool call that was understood, the facts
//! that were found, and the report that `aisle ask --json` prints. Plain data;
//! `dialog` decides, `app` runs.

use super::{Cents, Currency, Location, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a shopper wants. Closed: everything else is `Unclear`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    Find,
    /// Fewer or others of what was found.
    Narrow,
    Locate,
    Price,
    Stock,
    Compare,
    Recommend,
    Pairings,
    Promotions,
    /// What an occasion or a dish needs.
    Plan,
    Add,
    Order,
    Change,
    Remove,
    Undo,
    Review,
    /// The list stands, or an open question is agreed to.
    Confirm,
    /// An open question is declined.
    Decline,
    Allergens,
    StoreFacts,
    Help,
    Repeat,
    CallStaff,
    SmallTalk,
    Greeting,
    Goodbye,
    /// Understood as something that the kiosk does not do.
    Refuse,
    /// Not understood.
    Unclear,
    /// No words were heard.
    Nothing,
}

impl Intent {
    /// The word used in JSON and in evaluation tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::Narrow => "narrow",
            Self::Locate => "locate",
            Self::Price => "price",
            Self::Stock => "stock",
            Self::Compare => "compare",
            Self::Recommend => "recommend",
            Self::Pairings => "pairings",
            Self::Promotions => "promotions",
            Self::Plan => "plan",
            Self::Add => "add",
            Self::Order => "order",
            Self::Change => "change",
            Self::Remove => "remove",
            Self::Undo => "undo",
            Self::Review => "review",
            Self::Confirm => "confirm",
            Self::Decline => "decline",
            Self::Allergens => "allergens",
            Self::StoreFacts => "store_facts",
            Self::Help => "help",
            Self::Repeat => "repeat",
            Self::CallStaff => "call_staff",
            Self::SmallTalk => "small_talk",
            Self::Greeting => "greeting",
            Self::Goodbye => "goodbye",
            Self::Refuse => "refuse",
            Self::Unclear => "unclear",
            Self::Nothing => "nothing",
        }
    }
}

/// Which part of the cascade understood the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    Rules,
    Llm,
}

/// A tool call as reported: a name and typed arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    pub name: String,
    pub arguments: serde_json::Value,
}

/// A product card.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Card {
    pub sku: Sku,
    pub title: String,
    /// What it costs, an offer counted.
    pub price_cents: Option<Cents>,
    /// What it costs without the offer that holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regular_price_cents: Option<Cents>,
    pub currency: Currency,
    /// Pieces on hand at `as_of`; `null`: not known.
    pub stock: Option<i64>,
    /// When price and stock were last sure (RFC 3339).
    pub as_of: Option<String>,
    pub location: Option<Location>,
    /// What of it is too old to be sure now: `price`, `stock`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stale: Vec<&'static str>,
    /// Why this card is here, in a few words.
    pub reason: String,
}

/// One line of an order made to order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    pub sku: Sku,
    /// The menu name: "iced coffee".
    pub title: String,
    pub quantity: u32,
    /// Group to menu words, as spoken: `milk` to "lots of soy milk".
    pub options: BTreeMap<String, String>,
    /// What was not said and is assumed, by group.
    pub defaults: BTreeMap<String, String>,
}

/// The kind of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    Title,
    Price,
    UnitPrice,
    Stock,
    Location,
    Allergen,
    Dietary,
    Pack,
    OrderTotal,
    /// A whole number of products or pieces.
    Count,
    /// Chosen options, in menu words.
    Options,
    StoreFact,
    /// When something was sure, or until when it holds.
    Time,
    /// The lowest age that may buy a product.
    Age,
    /// Words of the shop's own for an occasion and what it needs.
    Occasion,
}

/// A statement that a reply may make, with where it comes from. `value` is the
/// wording for the screen; `speech` the same fact as it is said aloud.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fact {
    pub kind: FactKind,
    pub sku: Option<Sku>,
    pub value: String,
    #[serde(skip)]
    pub speech: String,
    /// Table and column, or settings key: `products.price_cents`.
    pub source: String,
}

/// Milliseconds from the start of the turn's work, or spent in a stage. `None`
/// where the stage did not run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Timings {
    /// Spent hearing: decoding the recording, voice activity, speech to text.
    pub stt: Option<f64>,
    /// Spent understanding, the LLM included where it was asked.
    pub understand: Option<f64>,
    /// Spent in the catalog.
    pub search: Option<f64>,
    /// Of a live conversation, which counts from the last voiced sample: until the utterance
    /// was taken for whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_of_turn: Option<f64>,
    /// From the start to the first card.
    pub first_card: Option<f64>,
    /// From the start to the reply's text.
    pub reply: Option<f64>,
    /// From the start to the first synthesized sound.
    pub first_audio: Option<f64>,
    /// From the start to the end, the whole reply synthesized.
    pub total: f64,
}

/// Everything a turn gave, in the order of the command-line contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TurnReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<serde_json::Value>,
    pub transcript: String,
    pub intent: Intent,
    pub tier: Tier,
    pub tool: ToolCall,
    /// Further tool calls of the same turn: "two of those, and where are they?"
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<ToolCall>,
    pub cards: Vec<Card>,
    pub order: Vec<OrderLine>,
    pub reply: String,
    pub speech: String,
    pub facts: Vec<Fact>,
    /// Parts that did not work in this turn, for a person: "speech engine is
    /// restarting". Left out when all is well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<String>,
    pub timings_ms: Timings,
}
