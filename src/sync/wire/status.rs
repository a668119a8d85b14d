//! What head office sees of a kiosk: whether it is there, what it carries, how it is. The same
//! topic takes the last will, which the broker sends when the kiosk is gone.

use super::event::{Engine, Health};
use super::{MAX_TEXT, Message, Version, WireError, at_most, text};
use crate::sync::digest::Digest;
use crate::sync::topics::{Kind, Name};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Most engines that are told of.
const MAX_ENGINES: usize = 8;

/// A kiosk's presence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// Made anew for each connection: a will of an older one says nothing about this one.
    pub connection: Uuid,
    pub online: bool,
    /// There while it is online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// How it is, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// When the program started.
    pub since: Timestamp,
    /// The kiosk's clock now.
    pub at: Timestamp,
    pub program: Version,
    /// The group of stores whose catalog it takes; older programs do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Name>,
    /// Catalog format that it reads.
    pub format: u32,
    /// The bundle in use; none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<Carried>,
    /// Version of the key list that it trusts; 0: none yet.
    pub keys: u64,
    /// Version of the recalls that it heeds; 0: none.
    pub recall: u64,
    /// Seconds since it last heard of a newer bundle than the one in use; 0: it is current.
    pub lag_s: u32,
    /// Its clock against the newest signed time it saw, in seconds; below 0: it is behind.
    pub skew_s: i64,
    pub outbox: Backlog,
    #[serde(default)]
    #[schemars(length(max = 8))]
    pub engines: Vec<EngineReport>,
    pub health: Health,
    /// Orders that head office has not acknowledged.
    pub orders_open: u32,
    /// What keeps it from its work, for a person of head office.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300))]
    pub problem: Option<String>,
}

/// A bundle in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Carried {
    pub version: u64,
    pub root: Digest,
}

/// What waits for head office.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Backlog {
    pub waiting: u64,
    /// Age of the oldest, in seconds.
    pub oldest_s: u64,
    /// Dropped for want of room since the outbox was begun.
    pub dropped: u64,
}

/// An engine and how it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EngineReport {
    pub engine: Engine,
    pub state: EngineState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EngineState {
    Starting,
    Ready,
    Failed,
    /// Switched off in the settings.
    Off,
}

impl Status {
    /// The last will of a connection, and what a kiosk says before it leaves.
    #[must_use]
    pub fn gone(connection: Uuid) -> Self {
        Self { connection, online: false, report: None }
    }
}

impl Message for Status {
    const KIND: Kind = Kind::Status;

    fn check(&self) -> Result<(), WireError> {
        if self.online != self.report.is_some() {
            let why = "it is there exactly while the kiosk is online".into();
            return Err(WireError::OutOfRange { what: "report", why });
        }
        let Some(report) = &self.report else { return Ok(()) };
        at_most("engines", &report.engines, MAX_ENGINES)?;
        report.problem.as_deref().map_or(Ok(()), |problem| text("problem", problem, MAX_TEXT))
    }
}
