//! What the broker keeps against what was written down: which of the two counts, and from which
//! version on it goes. Pure. What is not signed by head office is as if it were not there.

use super::record::Record;
use super::{Live, LiveError};
use crate::office::keyring::Keyring;
use crate::sync::sign::{self, KeyId, Ring, SignError};
use crate::sync::topics::{Name, Role};
use crate::sync::wire::WireError;
use bytes::Bytes;
use jiff::Timestamp;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A message that the broker keeps and head office signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard<M> {
    pub message: M,
    /// Whether a kiosk would take it now. One that a key signed whose time is over still holds its
    /// version, as long as the key is listed.
    pub counts: bool,
    /// Whether the keys signed it that sign now.
    pub is_current: bool,
}

/// What a new message goes on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base<M> {
    /// The highest version that a kiosk may have seen; 0: none.
    pub floor: u64,
    /// What was said last. Two where two copies of the folder used one version for two things:
    /// then both count.
    pub said: Vec<M>,
    /// Whether it may stay under its version: nothing else was said under that or a higher one.
    pub stays: bool,
    /// Whether the broker keeps it as it is to be kept.
    pub is_there: bool,
}

impl<M: Live> Base<M> {
    /// Nothing was ever said.
    #[must_use]
    pub fn nothing() -> Self {
        Self { floor: 0, said: Vec::new(), stays: true, is_there: true }
    }

    /// The version of the next message.
    ///
    /// # Errors
    /// There is none.
    pub fn next(&self, store: &Name) -> Result<u64, LiveError> {
        let used_up = || LiveError::UsedUp { store: store.clone(), kind: M::KIND.name() };
        self.floor.checked_add(1).ok_or_else(used_up)
    }

    /// Puts together what is written down and what was heard.
    #[must_use]
    pub fn of(own: Option<&M>, heard: Option<Heard<M>>) -> Self {
        let Some(Heard { message, counts, is_current }) = heard else {
            let Some(own) = own else { return Self::nothing() };
            return Self { floor: own.version(), said: vec![own.clone()], stays: true, is_there: false };
        };
        let floor = message.version();
        let Some(own) = own else {
            let said = if counts { vec![message] } else { Vec::new() };
            return Self { floor, said, stays: true, is_there: is_current };
        };
        let own = own.clone();
        match own.version().cmp(&floor) {
            // Written down and never sent, or the broker went back.
            Ordering::Greater => Self { floor: own.version(), said: vec![own], stays: true, is_there: false },
            Ordering::Equal if own == message => {
                Self { floor, said: vec![own], stays: true, is_there: is_current }
            }
            Ordering::Equal if counts => {
                Self { floor, said: vec![own, message], stays: false, is_there: false }
            }
            Ordering::Less if counts => {
                Self { floor, said: vec![message], stays: true, is_there: is_current }
            }
            // A key signed it whose time is over: it counts for its version only.
            _ => Self { floor, said: vec![own], stays: false, is_there: false },
        }
    }
}

/// Who may have signed what is heard.
pub struct Judge<'a> {
    ring: &'a Keyring,
    /// All keys that are listed, whatever their time.
    listed: Ring,
    /// Those that kiosks go by now.
    now: Ring,
    signers: Vec<KeyId>,
}

impl<'a> Judge<'a> {
    /// # Errors
    /// The key list expired.
    pub fn new(ring: &'a Keyring, signers: Vec<KeyId>, now: Timestamp) -> Result<Self, SignError> {
        let keys = ring.rows().into_iter().filter(|row| row.role == Role::Live).map(|row| row.public);
        let listed = Ring { role: Role::Live.name(), keys: keys.collect(), threshold: 1 };
        Ok(Self { ring, listed, now: ring.list().ring(Role::Live, now)?, signers })
    }

    /// What a payload says; `None`: nobody of head office's signed it.
    ///
    /// # Errors
    /// Head office signed it, and this program does not understand it: it must not be lost.
    pub fn hear<M: Live>(
        &self,
        payload: &[u8],
        store: &Name,
        shard: u8,
    ) -> Result<Option<Heard<M>>, LiveError> {
        let (topic, tenant) = (M::topic(store, shard), self.ring.tenant());
        let Ok(opened) = sign::open(payload, &topic, tenant, &self.listed) else { return Ok(None) };
        let kind = M::KIND.name();
        let not_understood =
            |source| LiveError::NotUnderstood { store: store.clone(), kind, source: SignError::Body(source) };
        let message: M = opened.read().map_err(not_understood)?;
        if !message.is_whole() {
            return Err(not_understood(WireError::Unknown { kind, what: "an item".to_owned() }));
        }
        let counts = sign::open(payload, &topic, tenant, &self.now).is_ok();
        Ok(Some(Heard { message, counts, is_current: counts && opened.signers == self.signers }))
    }

    /// What a store's messages go on from, by shard: as many as there are in the record or at the
    /// broker.
    ///
    /// # Errors
    /// As [`Judge::hear`].
    pub fn bases<M: Live>(
        &self,
        record: &Record<M>,
        heard: &BTreeMap<String, Bytes>,
        store: &Name,
    ) -> Result<Vec<Base<M>>, LiveError> {
        let mut found = Vec::new();
        for shard in 0..M::SHARDS {
            let payload = heard.get(&M::topic(store, shard).text(self.ring.tenant()));
            found.push(payload.map(|payload| self.hear(payload, store, shard)).transpose()?.flatten());
        }
        let last = found.iter().rposition(Option::is_some).map_or(0, |at| at + 1);
        // A number of shards is a power of two; none at all stays none.
        let count = record.shards.len().max(if last == 0 { 0 } else { last.next_power_of_two() });
        let own = |at: usize| record.shards.get(at).and_then(Option::as_ref);
        Ok(found.into_iter().take(count).enumerate().map(|(at, heard)| Base::of(own(at), heard)).collect())
    }
}

/// What messages go on from as far as it is written down, without asking the broker.
#[must_use]
pub fn unheard<M: Live>(record: &Record<M>) -> Vec<Base<M>> {
    let base = |own: &Option<M>| {
        let base = Base::of(own.as_ref(), None);
        Base { is_there: base.is_there || record.sent, ..base }
    };
    record.shards.iter().map(base).collect()
}

#[cfg(test)]
#[path = "retained_tests.rs"]
mod tests;
