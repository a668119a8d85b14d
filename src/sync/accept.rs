//! Whether a signed message is news: verified, read, not older than what was seen, not
//! expired. Pure: what was seen comes in, what is to be remembered goes out.
//!
//! Versions only grow, for each topic and key of its own. What a key signed is forgotten when
//! a newer list drops the key: so an attacker who raised a version to the highest number is
//! got rid of with the key (fast-forward recovery, The Update Framework 1.0, section 5.3.11).

use super::digest::Digest;
use super::keys::KeyList;
use super::sign::{KeyId, SignError, open};
use super::topics::{Name, Topic};
use super::wire::catalog::Manifest;
use super::wire::command::Commands;
use super::wire::live::{Counts, Prices, Recalls, is_timely};
use super::wire::{Message, WireError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The highest version that a key signed for a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// As [`Topic::scope`].
    pub scope: String,
    pub key: KeyId,
    pub version: u64,
    /// Of the body.
    pub digest: Digest,
}

/// A message that may be acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted<M> {
    pub message: M,
    pub step: Step,
    /// Take the place of those with the same scope and key, together with what is done.
    pub marks: Vec<Mark>,
}

/// What a message is against those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Newer,
    /// The very one that was accepted last.
    Again,
}

/// A message that head office signs and counts.
pub trait Signed: Message {
    fn version(&self) -> u64;
    fn issued(&self) -> Timestamp;
    /// Until when it may be accepted.
    fn expires(&self) -> Option<Timestamp> {
        None
    }
    /// Whether it decides by its time, so that one from the future must not be taken.
    fn is_timed(&self) -> bool {
        false
    }
}

impl Signed for Manifest {
    fn version(&self) -> u64 {
        self.version
    }
    fn issued(&self) -> Timestamp {
        self.issued
    }
    fn expires(&self) -> Option<Timestamp> {
        Some(self.expires)
    }
}

impl Signed for Prices {
    fn version(&self) -> u64 {
        self.version
    }
    fn issued(&self) -> Timestamp {
        self.issued
    }
    fn is_timed(&self) -> bool {
        true
    }
}

impl Signed for Counts {
    fn version(&self) -> u64 {
        self.version
    }
    fn issued(&self) -> Timestamp {
        self.issued
    }
    fn is_timed(&self) -> bool {
        true
    }
}

// A recall is heeded whatever the clocks say.
impl Signed for Recalls {
    fn version(&self) -> u64 {
        self.version
    }
    fn issued(&self) -> Timestamp {
        self.issued
    }
}

// Each command has an end of its own.
impl Signed for Commands {
    fn version(&self) -> u64 {
        self.version
    }
    fn issued(&self) -> Timestamp {
        self.issued
    }
}

/// The time to judge by: the kiosk's clock, or the newest time that head office signed where
/// the clock is behind it.
#[must_use]
pub fn sure_time(clock: Timestamp, signed: Option<Timestamp>) -> Timestamp {
    signed.map_or(clock, |signed| clock.max(signed))
}

/// Takes what came on `topic`, or says why not. `seen` holds the marks of this topic; others
/// are passed over. `now` is a [`sure_time`].
///
/// # Errors
/// It is forged, replayed, too old, expired, or no such message.
pub fn accept<M: Signed>(
    payload: &[u8],
    topic: &Topic,
    tenant: &Name,
    keys: &KeyList,
    seen: &[Mark],
    now: Timestamp,
) -> Result<Accepted<M>, SignError> {
    let Some(role) = topic.kind().role() else {
        return Err(SignError::NotSigned("nobody signs what comes on this topic"));
    };
    let verified = open(payload, topic, tenant, &keys.ring(role, now)?)?;
    let message: M = verified.read()?;
    let (scope, version, digest) = (topic.scope(tenant), message.version(), verified.digest());
    let counts = seen.iter().filter(|mark| mark.scope == scope && keys.lists(role, mark.key));
    let highest = counts.max_by_key(|mark| mark.version);
    let step = match highest {
        Some(mark) if mark.version > version => {
            return Err(SignError::Rollback { seen: mark.version, found: version });
        }
        Some(mark) if mark.version == version && mark.digest != digest => {
            return Err(SignError::Equivocal(version));
        }
        Some(mark) if mark.version == version => Step::Again,
        _ => Step::Newer,
    };
    if step == Step::Newer {
        // What was accepted once stays good when it comes again.
        if let Some(at) = message.expires().filter(|end| now >= *end) {
            return Err(SignError::Expired { at });
        }
        if message.is_timed() && !is_timely(message.issued(), now) {
            return Err(SignError::TooEarly { issued: message.issued() });
        }
    }
    let mark = |key: &KeyId| Mark { scope: scope.clone(), key: *key, version, digest };
    Ok(Accepted { message, step, marks: verified.signers.iter().map(mark).collect() })
}

impl SignError {
    /// Whether the message may become good later, by a newer key list or a clock set right:
    /// it is worth looking at again then.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::TooFew { .. }
                | Self::ListExpired { .. }
                | Self::Expired { .. }
                | Self::TooEarly { .. }
                | Self::Version(_)
                | Self::Body(WireError::Unknown { .. })
        )
    }
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
