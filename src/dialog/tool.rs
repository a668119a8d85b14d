//! The tool calls of the assistant: everything it can do for a shopper, each
//! with typed arguments. Never performs one; `app` does.

use super::order::HeardLine;
use crate::domain::turn::{Intent, ToolCall};
use crate::domain::{Cents, Size, Sku};
use serde::{Deserialize, Serialize};

/// What the products must satisfy, beside the words.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Constraints {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_price_cents: Option<Cents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_price_cents: Option<Cents>,
    /// Dietary words that the product must state: `vegan`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dietary: Vec<String>,
    /// Allergens that the product must be stated free from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub free_from: Vec<String>,
    /// The pack's size, where the shop has the thing in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_stock: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cheapest_first: bool,
}

impl Constraints {
    /// True when nothing is required.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a question is about: something to search for, or a product already
/// shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Subject {
    Query {
        query: String,
        #[serde(default, skip_serializing_if = "Constraints::is_empty")]
        constraints: Constraints,
    },
    Sku {
        sku: Sku,
    },
}

impl Subject {
    /// Words alone, nothing required of the product.
    #[must_use]
    pub fn words(query: impl Into<String>) -> Self {
        Self::Query { query: query.into(), constraints: Constraints::default() }
    }
}

/// A product to put on the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListItem {
    #[serde(flatten)]
    pub subject: Subject,
    pub quantity: u32,
}

/// Something that the shop is asked about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    Hours,
    Returns,
    Toilets,
    Payment,
    Parking,
    ServiceDesk,
}

/// Why something is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Prices are the shop's; nobody talks the kiosk into others.
    PriceChange,
    /// Instructions to the assistant itself.
    Instructions,
    /// Advice that only a doctor or pharmacist may give.
    Medical,
}

/// One tool call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", content = "arguments", rename_all = "snake_case")]
pub enum Tool {
    FindProducts {
        query: String,
        constraints: Constraints,
    },
    Recommend {
        query: String,
        constraints: Constraints,
    },
    LocateProduct(Subject),
    GetPrice(Subject),
    CheckStock(Subject),
    CompareProducts {
        subjects: Vec<Subject>,
    },
    CheckFacts {
        subject: Subject,
        allergens: Vec<String>,
        dietary: Vec<String>,
    },
    AddToList {
        items: Vec<ListItem>,
    },
    /// `others` are products named in the same sentence that are not made to order.
    OrderDrinks {
        lines: Vec<HeardLine>,
        others: Vec<ListItem>,
    },
    ListPromotions,
    StoreFact {
        topic: Topic,
    },
    CallStaff,
    Help,
    Greet,
    Goodbye,
    Refuse {
        reason: Refusal,
        subject: Option<Subject>,
    },
    /// The words were not understood.
    AskAgain,
    /// There were no words.
    HeardNothing,
    /// The speech engine is not there.
    CannotHear,
    /// The catalog cannot be read.
    CannotLook,
}

impl Tool {
    #[must_use]
    pub fn intent(&self) -> Intent {
        match self {
            Self::FindProducts { .. } => Intent::Find,
            Self::Recommend { .. } => Intent::Recommend,
            Self::LocateProduct(_) => Intent::Locate,
            Self::GetPrice(_) => Intent::Price,
            Self::CheckStock(_) => Intent::Stock,
            Self::CompareProducts { .. } => Intent::Compare,
            Self::CheckFacts { .. } => Intent::Allergens,
            Self::AddToList { .. } => Intent::Add,
            Self::OrderDrinks { .. } => Intent::Order,
            Self::ListPromotions => Intent::Promotions,
            Self::StoreFact { .. } => Intent::StoreFacts,
            Self::CallStaff => Intent::CallStaff,
            Self::Help => Intent::Help,
            Self::Greet => Intent::Greeting,
            Self::Goodbye => Intent::Goodbye,
            Self::Refuse { .. } => Intent::Refuse,
            Self::AskAgain | Self::CannotLook => Intent::Unclear,
            Self::HeardNothing | Self::CannotHear => Intent::Nothing,
        }
    }

    /// The call as it is reported: `arguments` is always an object.
    #[must_use]
    pub fn report(&self) -> ToolCall {
        // Plain data with text keys always serializes.
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let name = value["name"].as_str().unwrap_or_default().to_owned();
        let arguments = match value["arguments"].take() {
            serde_json::Value::Null => serde_json::json!({}),
            arguments => arguments,
        };
        ToolCall { name, arguments }
    }
}
