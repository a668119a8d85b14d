//! What the store's point of sale tells its kiosk, over MQTT or local HTTP alike. Never holds
//! who bought or how they paid.

use super::{Article, MAX_PIECES, Message, WireError, text, within};
use crate::sync::topics::Kind;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most lines of a sale.
pub const MAX_LINES: usize = 500;
/// Longest number of a sale, in characters.
pub const MAX_SALE_ID: usize = 64;
/// Longest number of an order, in characters.
pub const MAX_ORDER: usize = 32;

/// One sale. Its id makes it count once however often it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sale {
    /// The point of sale's own number of it, of which the store has no other within 32 days.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
    /// When it was paid.
    pub at: Timestamp,
    #[schemars(length(min = 1, max = 500))]
    pub lines: Vec<SaleLine>,
    /// The number of the order that it pays, where it does: what was put aside for it is sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub order: Option<String>,
}

/// Pieces of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SaleLine {
    #[serde(flatten)]
    pub article: Article,
    /// Below 0: brought back.
    #[schemars(range(min = -1_000_000_000, max = 1_000_000_000))]
    pub quantity: i64,
}

impl Message for Sale {
    const KIND: Kind = Kind::Sale;

    fn check(&self) -> Result<(), WireError> {
        text("id", &self.id, MAX_SALE_ID)?;
        within("lines", self.lines.len(), 1, MAX_LINES)?;
        self.order.iter().try_for_each(|order| text("order", order, MAX_ORDER))?;
        for line in &self.lines {
            line.article.check()?;
            within("quantity", line.quantity, -MAX_PIECES, MAX_PIECES)?;
        }
        Ok(())
    }
}
