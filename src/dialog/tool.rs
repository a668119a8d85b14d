//! The tool calls of the assistant: everything it can do for a shopper, each
//! with typed arguments. Never performs one; `app` does.

use super::order::HeardLine;
use crate::domain::turn::{Intent, ToolCall};
use crate::domain::{Cents, Size, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// Colours, as said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub colour: Vec<String>,
    /// Sizes as worn or measured, as said: "3x-large", "10.1 inches".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measure: Vec<String>,
    /// What it is made of, as said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub material: Vec<String>,
    /// Who is to use it, as said: "womens".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_whom: Option<String>,
    /// All else that is said of it, as said; it orders what is found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_stock: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cheapest_first: bool,
    /// The words that all this was read from, where they are others than the query's: they
    /// may have been a product's name.
    #[serde(skip)]
    pub said: String,
}

impl Constraints {
    /// Words that a product should have besides its kind, each in lower case.
    #[must_use]
    pub fn wishes(&self) -> Vec<String> {
        let said = self.colour.iter().chain(&self.measure).chain(&self.material);
        let said = said.chain(&self.for_whom).chain(&self.features);
        said.flat_map(|text| super::words::words(text)).collect()
    }

    /// True when nothing is required.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self { said: self.said.clone(), ..Self::default() }
    }
}

/// What a question is about: something to search for, a product already shown, a
/// line of the list, or several of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[allow(clippy::large_enum_variant)] // A turn has a handful.
pub enum Subject {
    Query {
        query: String,
        #[serde(default, skip_serializing_if = "Constraints::is_empty")]
        constraints: Constraints,
    },
    Sku {
        sku: Sku,
    },
    /// By its place on the list, from 0.
    Line {
        line: usize,
    },
    Several {
        subjects: Vec<Subject>,
    },
}

impl Subject {
    /// Words alone, nothing required of the product.
    #[must_use]
    pub fn words(query: impl Into<String>) -> Self {
        Self::Query { query: query.into(), constraints: Constraints::default() }
    }

    /// One subject of several, or several.
    #[must_use]
    pub fn of(mut subjects: Vec<Self>) -> Option<Self> {
        match subjects.len() {
            0 => None,
            1 => subjects.pop(),
            _ => Some(Self::Several { subjects }),
        }
    }
}

/// How what is wanted differs from what is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Than {
    Cheaper,
    Dearer,
    Bigger,
    Smaller,
    /// Anything but what was shown.
    Other,
}

/// One change to a line of the list, which is named by its place, from 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant)] // A turn has a handful.
pub enum Change {
    /// So many pieces from now on, at least 1.
    Quantity { line: usize, quantity: u32 },
    /// So many pieces more, or fewer; none left takes the line off.
    By { line: usize, pieces: i64 },
    /// Options by group, in menu words.
    Options { line: usize, options: BTreeMap<String, String> },
    /// So many pieces of the line get options of their own.
    Split { line: usize, pieces: u32, options: BTreeMap<String, String> },
    /// Another product in the place of this one.
    Swap { line: usize, item: ListItem },
}

/// What the shopper still has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Which product is meant.
    Product,
    /// Which line of the list is meant.
    Line,
    /// What the product is to be compared with.
    Other,
    /// What is needed, and for which occasion.
    Occasion,
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
    /// Whether somebody is old enough; the register checks.
    Age,
    /// Not a number of whole pieces that the shop sells at once.
    Quantity,
    /// What other shoppers said or bought.
    Others,
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
    /// Searches again with what was searched before and what is required now.
    NarrowProducts {
        query: String,
        constraints: Constraints,
        /// What `than` compares with: the products on the screen.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        shown: Vec<Sku>,
        #[serde(skip_serializing_if = "Option::is_none")]
        than: Option<Than>,
    },
    /// Picks from what is on the screen.
    ShowProducts {
        subject: Subject,
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
    /// What a product made to order can be had with.
    ListOptions {
        subject: Subject,
        /// A group's id; `None`: all of them.
        #[serde(skip_serializing_if = "Option::is_none")]
        group: Option<String>,
    },
    /// What goes with a product; `kind` narrows it: "cheese".
    FindPairings {
        subject: Subject,
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
    },
    /// What may stand in for a product.
    FindSubstitutes {
        subject: Subject,
    },
    /// What is needed for an occasion or a dish.
    PlanOccasion {
        occasion: String,
        /// `None`: not said.
        #[serde(skip_serializing_if = "Option::is_none")]
        people: Option<u32>,
        /// What each thing must satisfy: "a vegan picnic".
        #[serde(default, skip_serializing_if = "Constraints::is_empty")]
        constraints: Constraints,
    },
    AddToList {
        items: Vec<ListItem>,
    },
    ChangeList {
        changes: Vec<Change>,
    },
    /// By their places on the list, from 0.
    RemoveFromList {
        lines: Vec<usize>,
    },
    ClearList,
    /// Takes back the last change of the list.
    Undo,
    ReviewList,
    ConfirmList,
    /// "Yes" to the question that is open.
    Agree,
    /// "No" to it.
    Decline,
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
    Repeat,
    Help,
    SmallTalk,
    /// "Great", "I see": nothing is asked.
    Acknowledge,
    Greet,
    /// Allergens to be minded from now on, as labels state them.
    Mind {
        allergens: Vec<String>,
    },
    /// Something essential was not said.
    AskFor {
        missing: Missing,
    },
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
    /// What the call is about, where it is about one thing.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Self::LocateProduct(subject)
            | Self::GetPrice(subject)
            | Self::CheckStock(subject)
            | Self::ShowProducts { subject }
            | Self::CheckFacts { subject, .. }
            | Self::ListOptions { subject, .. }
            | Self::Refuse { subject: Some(subject), .. } => Some(subject),
            _ => None,
        }
    }

    #[must_use]
    pub fn intent(&self) -> Intent {
        match self {
            Self::FindProducts { .. } => Intent::Find,
            Self::NarrowProducts { .. } | Self::ShowProducts { .. } => Intent::Narrow,
            Self::Recommend { .. } | Self::FindSubstitutes { .. } => Intent::Recommend,
            Self::FindPairings { .. } => Intent::Pairings,
            Self::PlanOccasion { .. } => Intent::Plan,
            Self::LocateProduct(_) => Intent::Locate,
            Self::GetPrice(_) => Intent::Price,
            Self::CheckStock(_) => Intent::Stock,
            Self::CompareProducts { .. } => Intent::Compare,
            Self::CheckFacts { .. } => Intent::Allergens,
            Self::AddToList { .. } => Intent::Add,
            Self::OrderDrinks { .. } => Intent::Order,
            Self::ChangeList { .. } => Intent::Change,
            Self::RemoveFromList { .. } | Self::ClearList => Intent::Remove,
            Self::Undo => Intent::Undo,
            Self::ReviewList => Intent::Review,
            Self::ConfirmList | Self::Agree => Intent::Confirm,
            Self::Decline => Intent::Decline,
            Self::Repeat => Intent::Repeat,
            Self::SmallTalk | Self::Acknowledge | Self::Mind { .. } => Intent::SmallTalk,
            Self::ListPromotions => Intent::Promotions,
            Self::StoreFact { .. } => Intent::StoreFacts,
            Self::CallStaff => Intent::CallStaff,
            Self::Help | Self::ListOptions { .. } => Intent::Help,
            Self::Greet => Intent::Greeting,
            Self::Goodbye => Intent::Goodbye,
            Self::Refuse { .. } => Intent::Refuse,
            Self::AskAgain | Self::AskFor { .. } | Self::CannotLook => Intent::Unclear,
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
