//! What messages say: their types, the limits of every count and length, and reading and
//! writing them as JSON. Fields that are not known are passed over, so that a newer sender is
//! understood; a kind that is not known is refused, since nobody can know what it asks for.
//! Never sends anything, and never looks at a signature.

pub mod catalog;
pub mod command;
pub mod event;
pub mod histogram;
pub mod live;
pub mod loyalty;
pub mod pos;
#[cfg(test)]
pub(crate) mod samples;
pub mod sifted;
pub mod status;
#[cfg(test)]
mod wire_tests;

use super::topics::Kind;
use crate::domain::{Cents, Gtin, Sku};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Highest price, in cents: a hundred million of the currency's main unit.
pub const MAX_CENTS: Cents = 10_000_000_000;
/// Most pieces in a count or a sale.
pub const MAX_PIECES: i64 = 1_000_000_000;
/// Longest sentence for people, in characters.
pub const MAX_TEXT: usize = 300;
/// Longest reason kept of what the JSON reader says, in characters.
const REASON_CHARS: usize = 200;

/// Why a message cannot be taken, or must not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("the {kind} message has {bytes} bytes and may have {limit}: send less at once")]
    TooLarge { kind: &'static str, bytes: usize, limit: usize },
    #[error("this is no {kind} message: {why}")]
    Malformed { kind: &'static str, why: String },
    #[error("the {kind} message holds what this program does not know ({what}): update the program")]
    Unknown { kind: &'static str, what: String },
    #[error("{what}: {why}")]
    OutOfRange { what: &'static str, why: String },
}

/// A message of one kind of topic.
pub trait Message: Serialize + DeserializeOwned + JsonSchema {
    /// The topics that it stands on.
    const KIND: Kind;

    /// Whether all of it lies within its limits.
    ///
    /// # Errors
    /// What does not, and what would.
    fn check(&self) -> Result<(), WireError>;
}

/// Reads a message. A signature, where there is one, was checked before.
///
/// # Errors
/// It is too large, no such message, holds an unknown kind or goes beyond a limit.
pub fn read<M: Message>(body: &[u8]) -> Result<M, WireError> {
    let kind = M::KIND.name();
    fits::<M>(body.len())?;
    let message: M = serde_json::from_slice(body).map_err(|error| refusal(kind, &error))?;
    message.check()?;
    Ok(message)
}

/// Writes a message.
///
/// # Errors
/// It goes beyond a limit.
pub fn write<M: Message>(message: &M) -> Result<Vec<u8>, WireError> {
    message.check()?;
    let body = serde_json::to_vec(message)
        .map_err(|error| WireError::Malformed { kind: M::KIND.name(), why: reason(&error) })?;
    fits::<M>(body.len())?;
    Ok(body)
}

fn fits<M: Message>(bytes: usize) -> Result<(), WireError> {
    let limit = M::KIND.limit();
    if bytes > limit {
        return Err(WireError::TooLarge { kind: M::KIND.name(), bytes, limit });
    }
    Ok(())
}

/// What the JSON reader found wrong.
fn refusal(kind: &'static str, error: &serde_json::Error) -> WireError {
    let why = reason(error);
    match why.strip_prefix("unknown variant ").and_then(|rest| rest.split_once(',')) {
        Some((what, _)) => WireError::Unknown { kind, what: what.to_owned() },
        None => WireError::Malformed { kind, why },
    }
}

/// Without the line number, which is always 1, control characters and endless quotations.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    text.chars().filter(|c| !c.is_control()).take(REASON_CHARS).collect()
}

/// A number within its range.
fn within<T: PartialOrd + fmt::Display>(
    what: &'static str,
    value: T,
    min: T,
    max: T,
) -> Result<(), WireError> {
    if value < min || value > max {
        return Err(WireError::OutOfRange { what, why: format!("{value} is not between {min} and {max}") });
    }
    Ok(())
}

/// A list that is not too long.
fn at_most<T>(what: &'static str, list: &[T], max: usize) -> Result<(), WireError> {
    if list.len() > max {
        let why = format!("{} of them, and at most {max} go into one message", list.len());
        return Err(WireError::OutOfRange { what, why });
    }
    Ok(())
}

/// A text for people: not empty, not too long, one line.
fn text(what: &'static str, text: &str, max: usize) -> Result<(), WireError> {
    let chars = text.chars().count();
    if chars == 0 || chars > max || text.chars().any(char::is_control) {
        let why = format!("write 1 to {max} characters on one line; these are {chars}");
        return Err(WireError::OutOfRange { what, why });
    }
    Ok(())
}

/// Any text as a message may bear it for people: one line of at most [`MAX_TEXT`] characters;
/// `None` where nothing is left.
#[must_use]
pub fn one_line(text: &str) -> Option<String> {
    let line: String =
        text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let line: String = line.chars().take(MAX_TEXT).collect();
    (!line.is_empty()).then_some(line)
}

/// An article number as [`Sku::new`] makes it.
fn sku(sku: &Sku) -> Result<(), WireError> {
    if Sku::new(sku.as_str()).as_ref() != Some(sku) {
        let why = format!("write 1 to {} visible characters", Sku::MAX_CHARS);
        return Err(WireError::OutOfRange { what: "sku", why });
    }
    Ok(())
}

// The domain's own types know nothing of schemas; these stand for them.

/// The retailer's own article number, without spaces at its ends.
#[derive(JsonSchema)]
#[schemars(rename = "Sku", transparent)]
pub struct SkuText(#[schemars(length(min = 1, max = 64))] pub String);

/// A Global Trade Item Number with its check digit; written with 14 digits.
#[derive(JsonSchema)]
#[schemars(rename = "Gtin", transparent)]
pub struct GtinText(#[schemars(length(min = 8, max = 40))] pub String);

/// A product, by whichever number the sender knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Article {
    Sku(#[schemars(with = "SkuText")] Sku),
    Gtin(#[schemars(with = "GtinText")] Gtin),
}

impl Article {
    fn check(&self) -> Result<(), WireError> {
        match self {
            Self::Sku(number) => sku(number),
            Self::Gtin(_) => Ok(()),
        }
    }
}

/// A version of the program: `1.4.0`, compared number by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = r"^[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,5}$"))]
pub struct Version([u16; 3]);

impl FromStr for Version {
    type Err = WireError;

    fn from_str(text: &str) -> Result<Self, WireError> {
        let number = |part: &str| part.bytes().all(|c| c.is_ascii_digit()).then(|| part.parse().ok())?;
        let mut parts = text.split('.').map(number);
        let mut next = || parts.next().flatten();
        match (next(), next(), next(), parts.next()) {
            (Some(major), Some(minor), Some(patch), None) => Ok(Self([major, minor, patch])),
            _ => Err(WireError::OutOfRange { what: "version", why: "write it as 1.4.0".into() }),
        }
    }
}

impl TryFrom<String> for Version {
    type Error = WireError;

    fn try_from(text: String) -> Result<Self, WireError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([major, minor, patch]) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}
