//! What head office asks of one kiosk. The list holds all that is open, each with an id, so
//! that what came twice is done once. Never runs anything.

use super::sifted::{Item, Sifted};
use super::{Message, WireError, within};
use crate::sync::topics::Kind;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Most commands that are open at a time.
pub const MAX_COMMANDS: usize = 64;

/// All open commands. Replaces the list before; each leaves it once its outcome is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Commands {
    /// Only grows.
    #[schemars(range(min = 1))]
    pub version: u64,
    pub issued: Timestamp,
    /// One that is not known is refused by its id; the others are done.
    #[schemars(length(max = 64))]
    pub items: Sifted<Command>,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Command {
    pub id: Uuid,
    /// Not begun after this.
    pub expires: Timestamp,
    #[serde(flatten)]
    pub what: Action,
}

/// What is to be done. Doing it twice is as doing it once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    Restart {
        what: Restart,
    },
    /// Looks at itself as `aisle doctor` does, and tells what it finds.
    Diagnose,
    /// Reads the key list anew, and trusts none older than this.
    RotateKeys {
        #[schemars(range(min = 1))]
        at_least: u64,
    },
    /// Takes no bundle newer than this; `None`: any again.
    PinVersion {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u64>,
    },
    /// Takes this bundle into use although its manifest says to wait.
    Stage {
        #[schemars(range(min = 1))]
        version: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// The speech and language engines.
    Engines,
    /// The program; its service starts it anew.
    Program,
    /// The machine.
    Machine,
}

impl Item for Command {
    fn check(&self) -> Result<(), WireError> {
        match self.what {
            Action::RotateKeys { at_least: version } | Action::Stage { version } => {
                within("version", version, 1, u64::MAX)
            }
            _ => Ok(()),
        }
    }
}

impl Message for Commands {
    const KIND: Kind = Kind::Commands;

    fn check(&self) -> Result<(), WireError> {
        within("version", self.version, 1, u64::MAX)?;
        within("items", self.items.len(), 0, MAX_COMMANDS)?;
        self.items.items.iter().try_for_each(Item::check)
    }
}
