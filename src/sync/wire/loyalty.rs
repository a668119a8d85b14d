//! A shopper's own purchases, asked for with consent: a request and its reply, tied together
//! by MQTT 5's response topic and correlation data. Both live in memory only: neither is
//! written down, retained, or shown by `Debug`.

use super::{Message, SkuText, WireError, at_most, sku, text, within};
use crate::domain::Sku;
use crate::sync::topics::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most purchases of a reply.
pub const MAX_HISTORY: usize = 300;
/// How long a request is worth answering, in seconds: MQTT 5's message expiry.
pub const EXPIRES_S: u32 = 5;

/// Who asks, by the number that the shopper gave.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoyaltyRequest {
    #[schemars(regex(pattern = r"^[0-9A-Za-z]{4,32}$"))]
    pub number: String,
}

/// What is known of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoyaltyReply {
    /// False: nobody has this number.
    pub known: bool,
    /// What to call them on the screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub name: Option<String>,
    #[serde(default)]
    #[schemars(length(max = 300))]
    pub history: Vec<Purchase>,
}

/// Something bought, as `aisle recommend` takes it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Purchase {
    #[schemars(with = "SkuText")]
    pub sku: Sku,
    #[schemars(range(max = 36_500))]
    pub days_ago: u32,
    #[schemars(range(min = 1, max = 10_000))]
    pub quantity: u32,
}

impl fmt::Debug for LoyaltyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoyaltyRequest")
    }
}

impl fmt::Debug for LoyaltyReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoyaltyReply")
    }
}

impl fmt::Debug for Purchase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Purchase")
    }
}

impl Message for LoyaltyRequest {
    const KIND: Kind = Kind::Loyalty;

    fn check(&self) -> Result<(), WireError> {
        within("number", self.number.len(), 4, 32)?;
        if !self.number.bytes().all(|c| c.is_ascii_alphanumeric()) {
            return Err(WireError::OutOfRange {
                what: "number",
                why: "write digits and letters only".into(),
            });
        }
        Ok(())
    }
}

impl Message for LoyaltyReply {
    const KIND: Kind = Kind::LoyaltyReply;

    fn check(&self) -> Result<(), WireError> {
        self.name.as_deref().map_or(Ok(()), |name| text("name", name, 64))?;
        at_most("history", &self.history, MAX_HISTORY)?;
        if !self.known && (self.name.is_some() || !self.history.is_empty()) {
            let why = "it says that nobody is known, and then who".into();
            return Err(WireError::OutOfRange { what: "known", why });
        }
        for purchase in &self.history {
            sku(&purchase.sku)?;
            within("days_ago", purchase.days_ago, 0, 36_500)?;
            within("quantity", purchase.quantity, 1, 10_000)?;
        }
        Ok(())
    }
}
