//! What kiosks tell head office through the outbox: telemetry, inventory, orders and the
//! outcomes of commands, each in batches of its own topic, and head office's answer. Telemetry
//! is closed: numbers and words of fixed lists, nothing that anybody said, and nothing that
//! tells one shopper from another. Never says how batches are sent.

use super::histogram::Histogram;
use super::pos::MAX_SALE_ID;
use super::sifted::{Item, Sifted};
use super::{MAX_CENTS, MAX_PIECES, MAX_TEXT, Message, SkuText, Version, WireError, sku, text, within};
use crate::domain::{Cents, Sku};
use crate::sync::topics::{Kind, Name};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Most events of a batch.
pub const MAX_EVENTS: usize = 256;
/// Most lines of an order.
const MAX_LINES: u32 = 500;
/// Longest answer to `diagnose`, in lines.
const MAX_FINDINGS: usize = 100;

/// What is told on one of the four topics.
pub trait Told: Serialize + DeserializeOwned + JsonSchema {
    const KIND: Kind;

    /// How much it matters, 0 to 9: the least goes first when the outbox is full.
    fn priority(&self) -> u8;

    /// # Errors
    /// A value beyond its limit.
    fn check(&self) -> Result<(), WireError>;
}

/// Some events of one outbox. Which of them head office took stands in its [`Ack`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(bound = "T: Told")]
pub struct Batch<T: Told> {
    pub id: Uuid,
    /// The outbox that counts the events: one that was lost and begun anew has another.
    pub outbox: Uuid,
    #[schemars(length(min = 1, max = 256))]
    pub events: Sifted<Event<T>>,
}

/// Something that happened. Its id is its own for ever: what came twice is counted once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(bound = "T: Told")]
pub struct Event<T: Told> {
    pub id: Uuid,
    /// Its place in the outbox. The order of events; clocks jump.
    pub seq: u64,
    /// The kiosk's clock.
    pub at: Timestamp,
    #[serde(flatten)]
    pub what: T,
}

/// How the kiosk is used and how it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Telemetry {
    /// A visit came to its end.
    VisitEnded {
        seconds: u32,
        /// Turns, spoken and typed.
        turns: u32,
        /// Pages that were looked at.
        pages: u32,
        by: Medium,
        /// Whether the shopper ended it; else it was left.
        finished: bool,
    },
    /// A search was answered.
    Searched {
        found: u32,
        /// Nothing that is carried fits.
        no_match: bool,
        /// What was asked for is carried, in other sizes only.
        other_size: bool,
    },
    /// The kiosk said that it cannot tell or has not, rather than guess.
    HonestNo {
        why: HonestNo,
    },
    /// Products were recommended; how many were looked at or taken.
    Recommended {
        shown: u32,
        taken: u32,
    },
    /// A shopper was content with the list.
    ListConfirmed {
        lines: u32,
    },
    /// What a shopper thought of it.
    Satisfaction {
        useful: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Dissatisfaction>,
    },
    /// How long a stage took since the last event of this kind.
    Latency {
        stage: Stage,
        counts: Histogram,
    },
    /// An engine was started anew.
    EngineRestarted {
        engine: Engine,
    },
    Health(Health),
    /// The program started.
    Started {
        program: Version,
    },
    /// Somebody of the store was called for.
    Alert {
        alert: Alert,
    },
    /// A bundle is in use.
    Applied {
        version: u64,
        ms: u64,
        bytes: u64,
        way: Way,
    },
    /// A bundle is not.
    Refused {
        version: u64,
        why: Refusal,
    },
    /// Events that were given up for want of room.
    Dropped {
        what: Dropped,
        count: u64,
    },
}

/// The machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// Of the processor; not known on every machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<i16>,
    pub disk_free_mb: u64,
    pub memory_free_mb: u64,
    /// Seconds since the program started.
    pub up_s: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Medium {
    Touch,
    Voice,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HonestNo {
    NotCarried,
    /// Price, stock, place or allergen is not stated.
    NotKnown,
    NotUnderstood,
    /// The kiosk does not do such things.
    OutOfScope,
    Recalled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dissatisfaction {
    NotFound,
    WrongAnswer,
    TooSlow,
    NotUnderstood,
    Other,
}

/// A stage of a turn, as `timings_ms` of `aisle ask --json` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Stt,
    Understand,
    Search,
    EndOfTurn,
    FirstCard,
    Reply,
    FirstAudio,
    Total,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    Stt,
    Llm,
    Voice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Alert {
    CallStaff,
    DiskFull,
    TooHot,
    /// Two kiosks use one identity.
    IdentityTaken,
}

/// How a bundle came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The content was there already.
    Adopted,
    Delta,
    Snapshot,
}

/// Why a bundle was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    Signature,
    Expired,
    Rollback,
    TooLarge,
    /// Chunks or rows that do not fit their digests.
    Damaged,
    /// For a newer program.
    Program,
    /// Its content did not pass the checks after it was laid in.
    Checks,
    Disk,
}

/// Which events were given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    Telemetry,
    Inventory,
    Order,
    Outcome,
}

/// What the store knows of its goods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Inventory {
    /// Somebody counted.
    Counted {
        #[schemars(with = "SkuText")]
        sku: Sku,
        #[schemars(range(min = 0, max = 1_000_000_000))]
        stock: i64,
        as_of: Timestamp,
    },
    /// The store's own word over the catalog's, until it ends.
    Corrected {
        #[schemars(with = "SkuText")]
        sku: Sku,
        field: Field,
        /// The new price, where `field` is `price`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 0, max = 10_000_000_000_u64))]
        price_cents: Option<Cents>,
        as_of: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// The store took its word back.
    CorrectionDropped {
        #[schemars(with = "SkuText")]
        sku: Sku,
    },
    /// The point of sale sold it; below 0: it was brought back.
    Sold {
        #[schemars(with = "SkuText")]
        sku: Sku,
        #[schemars(range(min = -1_000_000_000, max = 1_000_000_000))]
        quantity: i64,
        /// The sale's number at the point of sale.
        #[schemars(length(min = 1, max = 64))]
        sale: String,
    },
    /// Put aside for a shopper.
    Reserved {
        #[schemars(with = "SkuText")]
        sku: Sku,
        #[schemars(range(min = 1, max = 1_000_000_000))]
        quantity: i64,
        until: Timestamp,
    },
}

/// What a correction is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    Price,
    Promotion,
    Stock,
    Availability,
    Location,
    Text,
    Photo,
    Withdrawn,
}

/// Orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Order {
    OrderPlaced {
        /// What the shopper is told once head office has it.
        number: Name,
        #[schemars(length(min = 1, max = 500))]
        lines: Vec<Line>,
    },
}

/// A line of an order. What was chosen is written in the menu's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    #[schemars(with = "SkuText")]
    pub sku: Sku,
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub quantity: i64,
    /// The price that was shown for one; not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000_000_u64))]
    pub price_cents: Option<Cents>,
    /// Option group and value: `size`, `large`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub options: Vec<(String, String)>,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    Done {
        command: Uuid,
        /// What `diagnose` found, a line each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(max = 100))]
        findings: Vec<String>,
    },
    Failed {
        command: Uuid,
        #[schemars(length(min = 1, max = 300))]
        why: String,
    },
    /// It was not begun: expired, unknown, or not for this kiosk.
    Refused {
        command: Uuid,
        #[schemars(length(min = 1, max = 300))]
        why: String,
    },
}

/// Head office's answer to batches: what it has, after it was written down.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ack {
    /// Need not be sent again.
    #[schemars(length(max = 512))]
    pub taken: Vec<Uuid>,
    /// Cannot be taken however often they are sent.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub refused: Vec<Refused>,
}

/// An event that head office cannot take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refused {
    pub id: Uuid,
    #[schemars(length(min = 1, max = 300))]
    pub why: String,
}

impl Told for Telemetry {
    const KIND: Kind = Kind::Telemetry;

    fn priority(&self) -> u8 {
        match self {
            Self::Latency { .. } | Self::Health(_) => 0,
            Self::Searched { .. } | Self::Recommended { .. } => 1,
            Self::VisitEnded { .. }
            | Self::HonestNo { .. }
            | Self::ListConfirmed { .. }
            | Self::Satisfaction { .. } => 2,
            Self::EngineRestarted { .. } | Self::Started { .. } | Self::Alert { .. } => 3,
            Self::Applied { .. } | Self::Refused { .. } | Self::Dropped { .. } => 4,
        }
    }

    fn check(&self) -> Result<(), WireError> {
        if let Self::Recommended { shown, taken } = self {
            within("taken", *taken, 0, *shown)?;
        }
        Ok(())
    }
}

impl Told for Inventory {
    const KIND: Kind = Kind::Inventory;

    fn priority(&self) -> u8 {
        6
    }

    fn check(&self) -> Result<(), WireError> {
        match self {
            Self::Counted { sku: number, stock, .. } => {
                sku(number)?;
                within("stock", *stock, 0, MAX_PIECES)
            }
            Self::Corrected { sku: number, price_cents, .. } => {
                sku(number)?;
                price_cents.map_or(Ok(()), |price| within("price_cents", price, 0, MAX_CENTS))
            }
            Self::CorrectionDropped { sku: number } => sku(number),
            Self::Sold { sku: number, quantity, sale } => {
                sku(number)?;
                text("sale", sale, MAX_SALE_ID)?;
                within("quantity", *quantity, -MAX_PIECES, MAX_PIECES)
            }
            Self::Reserved { sku: number, quantity, .. } => {
                sku(number)?;
                within("quantity", *quantity, 1, MAX_PIECES)
            }
        }
    }
}

impl Told for Order {
    const KIND: Kind = Kind::Order;

    fn priority(&self) -> u8 {
        9
    }

    fn check(&self) -> Result<(), WireError> {
        let Self::OrderPlaced { lines, .. } = self;
        within("lines", lines.len(), 1, MAX_LINES as usize)?;
        for line in lines {
            sku(&line.sku)?;
            within("quantity", line.quantity, 1, MAX_PIECES)?;
            line.price_cents.map_or(Ok(()), |price| within("price_cents", price, 0, MAX_CENTS))?;
            super::at_most("options", &line.options, 16)?;
            for (group, value) in &line.options {
                text("option", group, Sku::MAX_CHARS)?;
                text("option", value, Sku::MAX_CHARS)?;
            }
        }
        Ok(())
    }
}

impl Told for Outcome {
    const KIND: Kind = Kind::Outcome;

    fn priority(&self) -> u8 {
        8
    }

    fn check(&self) -> Result<(), WireError> {
        match self {
            Self::Done { findings, .. } => {
                super::at_most("findings", findings, MAX_FINDINGS)?;
                findings.iter().try_for_each(|line| text("finding", line, MAX_TEXT))
            }
            Self::Failed { why, .. } | Self::Refused { why, .. } => text("why", why, MAX_TEXT),
        }
    }
}

impl<T: Told> Item for Event<T> {
    fn check(&self) -> Result<(), WireError> {
        self.what.check()
    }
}

impl<T: Told> Message for Batch<T> {
    const KIND: Kind = T::KIND;

    fn check(&self) -> Result<(), WireError> {
        within("events", self.events.len(), 1, MAX_EVENTS)?;
        self.events.items.iter().try_for_each(Item::check)
    }
}

impl Message for Ack {
    const KIND: Kind = Kind::Ack;

    fn check(&self) -> Result<(), WireError> {
        super::at_most("taken", &self.taken, 2 * MAX_EVENTS)?;
        super::at_most("refused", &self.refused, 2 * MAX_EVENTS)?;
        self.refused.iter().try_for_each(|refused| text("why", &refused.why, MAX_TEXT))
    }
}
