//! Topics and their text, the only place that knows `aisle/v1`: what each topic carries, who
//! may write it, how large it may be, and what a kiosk asks the broker for. Never sends
//! anything. The table of all topics stands in [`super`].

use super::digest::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What every topic begins with; `v1` is the version of all messages below it.
const ROOT: &str = "aisle/v1";
/// Longest topic that is looked at, in bytes: longer than any of ours.
const MAX_TOPIC: usize = 256;
/// Longest name of a tenant, store, kiosk or group, in characters.
pub const MAX_NAME: usize = 32;
/// Longest common name of a certificate, in characters (X.520, `ub-common-name`).
const MAX_COMMON_NAME: usize = 64;
/// Into how many shards a store's prices and counts are split at most.
pub const MAX_SHARDS: u8 = 64;

/// Largest payload of any topic, in bytes. AWS IoT's broker, the narrowest in use, passes
/// 128 KiB with its headers.
pub const MAX_PAYLOAD: usize = 120 << 10;
/// Largest chunk, in bytes.
pub const MAX_CHUNK: usize = 96 << 10;
/// Largest batch of outbox rows, in bytes.
pub const MAX_BATCH: usize = 64 << 10;

/// A tenant's, store's, kiosk's or group's name: 1 to 32 of a-z, 0-9, `-` and `_`. No
/// wildcard, level or space can be in it, so it may stand in a topic as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = r"^[a-z0-9_-]{1,32}$"))]
pub struct Name(String);

impl Name {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        let plain = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        let sane = (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(plain);
        sane.then(|| Self(text.to_owned())).ok_or_else(|| TopicError::Name(shown(text)))
    }
}

impl TryFrom<String> for Name {
    type Error = TopicError;

    fn try_from(text: String) -> Result<Self, TopicError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a name or topic is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    #[error("{0:?} is no name: write 1 to {MAX_NAME} of a-z, 0-9, - and _")]
    Name(String),
    #[error("{0:?} is no topic of this program: see the table in src/sync/mod.rs")]
    Unknown(String),
    #[error("{name:?} has {} characters, and a certificate's name {MAX_COMMON_NAME}: choose shorter names \
             for tenant, store and kiosk", name.len())]
    CommonName { name: String },
}

/// Text of others in an error: short, and without control characters.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_COMMON_NAME).collect()
}

/// Who signs a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Key lists; kept offline.
    Root,
    /// Bundles.
    Catalog,
    /// Prices, counts and recalls.
    Live,
    /// Commands.
    Command,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Root, Self::Catalog, Self::Live, Self::Command];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Catalog => "catalog",
            Self::Live => "live",
            Self::Command => "command",
        }
    }
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Head office to kiosks.
    Down,
    /// A kiosk to head office.
    Up,
    /// The store's point of sale to its kiosk.
    Within,
}

/// What a topic carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Keys,
    Manifest,
    Chunk,
    Price,
    Stock,
    Recall,
    Status,
    Telemetry,
    Inventory,
    Order,
    Outcome,
    Ack,
    Commands,
    Loyalty,
    LoyaltyReply,
    Sale,
}

impl Kind {
    pub const ALL: [Self; 16] = [
        Self::Keys,
        Self::Manifest,
        Self::Chunk,
        Self::Price,
        Self::Stock,
        Self::Recall,
        Self::Status,
        Self::Telemetry,
        Self::Inventory,
        Self::Order,
        Self::Outcome,
        Self::Ack,
        Self::Commands,
        Self::Loyalty,
        Self::LoyaltyReply,
        Self::Sale,
    ];

    /// The word used in signatures and in the names of schemas.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Manifest => "manifest",
            Self::Chunk => "chunk",
            Self::Price => "price",
            Self::Stock => "stock",
            Self::Recall => "recall",
            Self::Status => "status",
            Self::Telemetry => "telemetry",
            Self::Inventory => "inventory",
            Self::Order => "order",
            Self::Outcome => "outcome",
            Self::Ack => "ack",
            Self::Commands => "commands",
            Self::Loyalty => "loyalty",
            Self::LoyaltyReply => "loyalty_reply",
            Self::Sale => "sale",
        }
    }

    /// Who signs it; `None`: nobody. A chunk is named by its digest, which a signed manifest
    /// gives; the broker's rules say who may write the others.
    #[must_use]
    pub fn role(self) -> Option<Role> {
        match self {
            Self::Keys => Some(Role::Root),
            Self::Manifest => Some(Role::Catalog),
            Self::Price | Self::Stock | Self::Recall => Some(Role::Live),
            Self::Commands => Some(Role::Command),
            _ => None,
        }
    }

    /// Whether the broker keeps the last one for those who come later.
    #[must_use]
    pub fn is_retained(self) -> bool {
        self.role().is_some() || matches!(self, Self::Chunk | Self::Status)
    }

    #[must_use]
    pub fn direction(self) -> Direction {
        match self {
            Self::Status
            | Self::Telemetry
            | Self::Inventory
            | Self::Order
            | Self::Outcome
            | Self::Loyalty => Direction::Up,
            Self::Sale => Direction::Within,
            _ => Direction::Down,
        }
    }

    /// Largest payload, in bytes, signatures counted. Anything larger is not looked at.
    #[must_use]
    pub fn limit(self) -> usize {
        match self {
            Self::Manifest => MAX_PAYLOAD,
            Self::Chunk | Self::Price | Self::Stock | Self::Recall => MAX_CHUNK,
            Self::Keys | Self::Telemetry | Self::Inventory | Self::Order | Self::Outcome | Self::Sale => {
                MAX_BATCH
            }
            Self::Ack | Self::Commands | Self::LoyaltyReply => 32 << 10,
            Self::Status => 8 << 10,
            Self::Loyalty => 1 << 10,
        }
    }
}

/// Where one kiosk stands: everything that its topics are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    pub tenant: Name,
    pub store: Name,
    pub kiosk: Name,
    /// The group of stores whose catalog it carries.
    pub group: Name,
}

/// A topic of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    Keys,
    Manifest {
        group: Name,
    },
    Chunk {
        group: Name,
        digest: Digest,
    },
    Price {
        store: Name,
        shard: u8,
    },
    Stock {
        store: Name,
        shard: u8,
    },
    Recall {
        store: Name,
    },
    /// One kiosk's own; only the kinds of [`Kind`] that are made for one kiosk.
    Kiosk {
        store: Name,
        kiosk: Name,
        line: Line,
    },
}

/// What passes between head office and one kiosk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Line {
    Status,
    Telemetry,
    Inventory,
    Order,
    Outcome,
    Ack,
    Commands,
    Loyalty,
    LoyaltyReply,
    Sale,
}

impl Line {
    pub const ALL: [Self; 10] = [
        Self::Status,
        Self::Telemetry,
        Self::Inventory,
        Self::Order,
        Self::Outcome,
        Self::Ack,
        Self::Commands,
        Self::Loyalty,
        Self::LoyaltyReply,
        Self::Sale,
    ];

    /// The end of its topic.
    fn path(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Telemetry => "telemetry",
            Self::Inventory => "inventory",
            Self::Order => "order",
            Self::Outcome => "result",
            Self::Ack => "ack",
            Self::Commands => "commands",
            Self::Loyalty => "loyalty",
            Self::LoyaltyReply => "loyalty/reply",
            Self::Sale => "pos",
        }
    }

    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Status => Kind::Status,
            Self::Telemetry => Kind::Telemetry,
            Self::Inventory => Kind::Inventory,
            Self::Order => Kind::Order,
            Self::Outcome => Kind::Outcome,
            Self::Ack => Kind::Ack,
            Self::Commands => Kind::Commands,
            Self::Loyalty => Kind::Loyalty,
            Self::LoyaltyReply => Kind::LoyaltyReply,
            Self::Sale => Kind::Sale,
        }
    }
}

impl Topic {
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Keys => Kind::Keys,
            Self::Manifest { .. } => Kind::Manifest,
            Self::Chunk { .. } => Kind::Chunk,
            Self::Price { .. } => Kind::Price,
            Self::Stock { .. } => Kind::Stock,
            Self::Recall { .. } => Kind::Recall,
            Self::Kiosk { line, .. } => line.kind(),
        }
    }

    /// What a signature is good for: this topic of this tenant and no other, `acme/s/s042/price/3`.
    #[must_use]
    pub fn scope(&self, tenant: &Name) -> String {
        match self {
            Self::Keys => format!("{tenant}/keys"),
            Self::Manifest { group } => format!("{tenant}/g/{group}/catalog/manifest"),
            Self::Chunk { group, digest } => format!("{tenant}/g/{group}/catalog/c/{digest}"),
            Self::Price { store, shard } => format!("{tenant}/s/{store}/price/{shard}"),
            Self::Stock { store, shard } => format!("{tenant}/s/{store}/stock/{shard}"),
            Self::Recall { store } => format!("{tenant}/s/{store}/recall"),
            Self::Kiosk { store, kiosk, line } => format!("{tenant}/k/{store}/{kiosk}/{}", line.path()),
        }
    }

    /// The topic as the broker knows it.
    #[must_use]
    pub fn text(&self, tenant: &Name) -> String {
        format!("{ROOT}/{}", self.scope(tenant))
    }

    /// Reads a topic that a message came on. One topic has one text only: what is read and
    /// written again is the same.
    ///
    /// # Errors
    /// It is none of ours.
    pub fn parse(text: &str) -> Result<(Name, Self), TopicError> {
        let unknown = || TopicError::Unknown(shown(text));
        if text.len() > MAX_TOPIC {
            return Err(unknown());
        }
        let rest = text.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('/')).ok_or_else(unknown)?;
        let levels: Vec<&str> = rest.split('/').collect();
        let topic = match levels.as_slice() {
            [_, "keys"] => Self::Keys,
            [_, "g", group, "catalog", "manifest"] => Self::Manifest { group: group.parse()? },
            [_, "g", group, "catalog", "c", digest] => {
                Self::Chunk { group: group.parse()?, digest: digest.parse().map_err(|_| unknown())? }
            }
            [_, "s", store, "price", n] => {
                Self::Price { store: store.parse()?, shard: shard(n).ok_or_else(unknown)? }
            }
            [_, "s", store, "stock", n] => {
                Self::Stock { store: store.parse()?, shard: shard(n).ok_or_else(unknown)? }
            }
            [_, "s", store, "recall"] => Self::Recall { store: store.parse()? },
            [_, "k", store, kiosk, end @ ..] => {
                let end = end.join("/");
                let line = Line::ALL.into_iter().find(|line| line.path() == end).ok_or_else(unknown)?;
                Self::Kiosk { store: store.parse()?, kiosk: kiosk.parse()?, line }
            }
            _ => return Err(unknown()),
        };
        Ok((levels.first().copied().unwrap_or_default().parse()?, topic))
    }
}

/// `0` to `63`, without a leading zero or sign.
fn shard(text: &str) -> Option<u8> {
    let shard = text.parse::<u8>().ok().filter(|shard| *shard < MAX_SHARDS)?;
    (shard.to_string() == text).then_some(shard)
}

impl Site {
    /// A topic of this kiosk's own.
    #[must_use]
    pub fn own(&self, line: Line) -> Topic {
        Topic::Kiosk { store: self.store.clone(), kiosk: self.kiosk.clone(), line }
    }

    /// Where a chunk of its catalog is.
    #[must_use]
    pub fn chunk(&self, digest: Digest) -> Topic {
        Topic::Chunk { group: self.group.clone(), digest }
    }

    /// Its user name at the broker, which the shipped rules take for its prefix: `acme/k/s042/k1`.
    ///
    /// # Errors
    /// It is too long for the common name of a certificate.
    pub fn user(&self) -> Result<String, TopicError> {
        let name = format!("{}/k/{}/{}", self.tenant, self.store, self.kiosk);
        if name.len() > MAX_COMMON_NAME { Err(TopicError::CommonName { name }) } else { Ok(name) }
    }

    /// What it subscribes to as soon as it is connected. Chunks are asked for one by one, by
    /// [`Site::chunk`], while they are wanted; sales where the settings say who may tell them.
    #[must_use]
    pub fn filters(&self) -> Vec<String> {
        let own = |line| self.own(line).text(&self.tenant);
        vec![
            Topic::Keys.text(&self.tenant),
            Topic::Manifest { group: self.group.clone() }.text(&self.tenant),
            format!("{ROOT}/{}/s/{}/#", self.tenant, self.store),
            own(Line::Ack),
            own(Line::Commands),
            own(Line::LoyaltyReply),
        ]
    }

    /// Whether a message on `topic` of `tenant` is meant for this kiosk.
    #[must_use]
    pub fn is_for_me(&self, tenant: &Name, topic: &Topic) -> bool {
        *tenant == self.tenant
            && topic.kind().direction() != Direction::Up
            && match topic {
                Topic::Keys => true,
                Topic::Manifest { group } | Topic::Chunk { group, .. } => *group == self.group,
                Topic::Price { store, .. } | Topic::Stock { store, .. } | Topic::Recall { store } => {
                    *store == self.store
                }
                Topic::Kiosk { store, kiosk, .. } => (store, kiosk) == (&self.store, &self.kiosk),
            }
    }

    /// Whether the kiosk itself may write there.
    #[must_use]
    pub fn may_write(&self, topic: &Topic) -> bool {
        topic.kind().direction() == Direction::Up
            && matches!(topic, Topic::Kiosk { store, kiosk, .. } if (store, kiosk) == (&self.store, &self.kiosk))
    }
}

/// What head office subscribes to: the lines of all kiosks of `tenant`. With `share`, several
/// collectors of that name share the messages (MQTT 5, section 4.8.2).
#[must_use]
pub fn office_filter(tenant: &Name, line: Line, share: Option<&Name>) -> String {
    let share = share.map(|share| format!("$share/{share}/")).unwrap_or_default();
    format!("{share}{ROOT}/{tenant}/k/+/+/{}", line.path())
}

/// What head office subscribes to in order to hear what stands in a store: all shards of its
/// prices or counts, or its recalls. `None`: nothing of that kind is said to a store.
#[must_use]
pub fn standing_filter(tenant: &Name, store: &Name, kind: Kind) -> Option<String> {
    let end = match kind {
        Kind::Price => "price/+",
        Kind::Stock => "stock/+",
        Kind::Recall => "recall",
        _ => return None,
    };
    Some(format!("{ROOT}/{tenant}/s/{store}/{end}"))
}

/// Where head office hears itself: what it sends there comes back behind all that the broker had
/// for it before. Nobody else listens, and nothing is kept or signed there.
#[must_use]
pub fn office_echo(tenant: &Name) -> String {
    format!("{ROOT}/{tenant}/office/echo")
}

#[cfg(test)]
#[path = "topics_tests.rs"]
mod tests;
