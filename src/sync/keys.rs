//! Which keys may sign what, and how that changes: a chain of key lists, as roots in The
//! Update Framework (specification 1.0, section 5.3). Each list is signed by enough root keys
//! of the one before it and of its own, and is taken one by one. Holds no secret key.

use super::digest::Digest;
use super::sign::{KeyId, PublicKey, Ring, SecretKey, SignError, Verified, open_as, seal_body};
use super::topics::{Kind, MAX_BATCH, Name, Role, Topic};
use super::wire::{self, Message, WireError};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most keys of a list.
pub const MAX_KEYS: usize = 16;
/// Most signatures that a role may ask for: a list needs those of two root roles, and
/// [`super::sign::MAX_SIGNATURES`] fit into one header.
const MAX_THRESHOLD: u8 = 3;
/// Most lists of a chain.
pub const MAX_LISTS: usize = 48;

/// A version of the keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyList {
    /// One more than the list before.
    #[schemars(range(min = 1))]
    pub version: u64,
    pub issued: Timestamp,
    /// From then on nothing is accepted until a newer list comes.
    pub expires: Timestamp,
    /// Digest of the body of the list before; the first has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    #[schemars(extend("minProperties" = 1, "maxProperties" = 16))]
    pub keys: BTreeMap<KeyId, Key>,
    /// Every role has an entry.
    pub roles: BTreeMap<Role, RoleKeys>,
}

/// A key and until when it signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    pub ed25519: PublicKey,
    /// Of other roles than root, whose keys end with the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

/// The keys of a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoleKeys {
    #[schemars(length(min = 1, max = 16))]
    pub keys: Vec<KeyId>,
    /// How many of them must sign.
    #[schemars(range(min = 1, max = 3))]
    pub threshold: u8,
}

/// The root keys that a kiosk was set up with.
#[derive(Debug, Clone)]
pub struct Anchor {
    pub keys: Vec<PublicKey>,
    pub threshold: usize,
}

/// The list in force, with the digest that the next one must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    list: KeyList,
    /// As it was signed: what is stored, and read again at the next start.
    body: Vec<u8>,
}

impl KeyList {
    /// Whose signatures count for `role` at `now`.
    ///
    /// # Errors
    /// The list expired.
    pub fn ring(&self, role: Role, now: Timestamp) -> Result<Ring, SignError> {
        if now >= self.expires {
            return Err(SignError::ListExpired { version: self.version, at: self.expires });
        }
        Ok(self.keys_of(role, |key| key.not_after.is_none_or(|end| now < end)))
    }

    /// Whether the key may sign for `role` in this list, be it its time or not.
    #[must_use]
    pub fn lists(&self, role: Role, id: KeyId) -> bool {
        self.roles.get(&role).is_some_and(|entry| entry.keys.contains(&id))
    }

    fn keys_of(&self, role: Role, counts: impl Fn(&Key) -> bool) -> Ring {
        let entry = self.roles.get(&role);
        let ids = entry.map(|entry| entry.keys.as_slice()).unwrap_or_default();
        let keys = ids.iter().filter_map(|id| self.keys.get(id)).filter(|key| counts(key));
        // Without an entry none would ever be enough.
        let threshold = entry.map_or(usize::MAX, |entry| usize::from(entry.threshold));
        Ring { role: role.name(), keys: keys.map(|key| key.ed25519).collect(), threshold }
    }

    /// Root keys end with their list, and a list that has expired still leads to the next.
    fn root(&self) -> Ring {
        self.keys_of(Role::Root, |_| true)
    }
}

impl Message for KeyList {
    const KIND: Kind = Kind::Keys;

    fn check(&self) -> Result<(), WireError> {
        let bad = |why: String| Err(WireError::OutOfRange { what: "keys", why });
        if self.version == 0 || (self.version == 1) != self.previous.is_none() {
            return bad("the first list is version 1 and names none before it; each other names one".into());
        }
        if self.expires <= self.issued {
            return bad("`expires` is not after `issued`".into());
        }
        if self.keys.is_empty() || self.keys.len() > MAX_KEYS {
            return bad(format!("a list has 1 to {MAX_KEYS} keys"));
        }
        if let Some((id, _)) = self.keys.iter().find(|(id, key)| key.ed25519.id() != **id) {
            return bad(format!("{id} is not the name of its key"));
        }
        for role in Role::ALL {
            let Some(entry) = self.roles.get(&role) else {
                return bad(format!("the role {} has no keys", role.name()));
            };
            let mut ids = entry.keys.clone();
            ids.sort_unstable();
            ids.dedup();
            if ids.len() != entry.keys.len() || ids.iter().any(|id| !self.keys.contains_key(id)) {
                return bad(format!("the role {} names a key twice, or one that is not there", role.name()));
            }
            if !(1..=MAX_THRESHOLD).contains(&entry.threshold) || usize::from(entry.threshold) > ids.len() {
                let most = ids.len().min(MAX_THRESHOLD.into());
                return bad(format!("of the role {} 1 to {most} keys may be asked to sign", role.name()));
            }
            // The root keys stay offline: they must not be needed for daily work.
            if role != Role::Root && ids.iter().any(|id| self.lists(Role::Root, *id)) {
                return bad(format!("the role {} uses a root key", role.name()));
            }
        }
        Ok(())
    }
}

impl Trust {
    /// The list that was in force before, from the kiosk's own database.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn restore(body: &[u8]) -> Result<Self, SignError> {
        Ok(Self { list: wire::read(body)?, body: body.to_vec() })
    }

    /// The newest list of a chain, for a kiosk that trusts none yet.
    ///
    /// # Errors
    /// No list is signed by the anchor, or one after it does not follow from the one before.
    pub fn begin(anchor: &Anchor, chain: &[u8], tenant: &Name) -> Result<Self, SignError> {
        let ring = Ring { role: Role::Root.name(), keys: anchor.keys.clone(), threshold: anchor.threshold };
        let lists = lists_of(chain)?;
        let first =
            lists.iter().enumerate().find_map(|(at, list)| Some((at, open_list(list, tenant, &ring).ok()?)));
        let (at, first) = first.ok_or(SignError::NotAnchored)?;
        let start = Self::of(&first)?;
        open_list(lists.get(at).copied().unwrap_or_default(), tenant, &start.list.root())?;
        start.walk(lists.get(at + 1..).unwrap_or_default(), tenant)
    }

    /// The newest list that a chain leads to from this one; the same where it ends with it.
    ///
    /// # Errors
    /// This list is not in the chain, or one after it does not follow from the one before.
    pub fn advance(&self, chain: &[u8], tenant: &Name) -> Result<Self, SignError> {
        let lists = lists_of(chain)?;
        let own = self.digest();
        // By digest, so that nothing is read of what is not verified.
        let at = lists.iter().position(|list| body_of(list).is_some_and(|body| Digest::of(body) == own));
        let at = at.ok_or(SignError::Unlinked { trusted: self.list.version })?;
        self.clone().walk(lists.get(at + 1..).unwrap_or_default(), tenant)
    }

    fn walk(self, lists: &[&[u8]], tenant: &Name) -> Result<Self, SignError> {
        lists.iter().try_fold(self, |trust, list| {
            let next = Self::of(&open_list(list, tenant, &trust.list.root())?)?;
            open_list(list, tenant, &next.list.root())?;
            if Some(next.list.version) != trust.list.version.checked_add(1)
                || next.list.previous != Some(trust.digest())
            {
                return Err(SignError::Unlinked { trusted: trust.list.version });
            }
            Ok(next)
        })
    }

    fn of(verified: &Verified<'_>) -> Result<Self, SignError> {
        Ok(Self { list: verified.read()?, body: verified.body.to_vec() })
    }

    #[must_use]
    pub fn list(&self) -> &KeyList {
        &self.list
    }

    /// What to store.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// What the next list names as the one before it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.body)
    }
}

fn open_list<'a>(list: &'a [u8], tenant: &Name, ring: &Ring) -> Result<Verified<'a>, SignError> {
    open_as(list, Kind::Keys, &Topic::Keys.scope(tenant), ring)
}

/// Signs a list by root keys: those of the list before, and its own.
///
/// # Errors
/// It goes beyond a limit, or there are no keys or too many.
pub fn seal_list(list: &KeyList, tenant: &Name, keys: &[&SecretKey]) -> Result<Vec<u8>, SignError> {
    seal_body(&wire::write(list)?, Kind::Keys, &Topic::Keys.scope(tenant), keys)
}

/// Puts sealed lists together, oldest first; of more than fit, the oldest are left out.
#[must_use]
pub fn chain(lists: &[Vec<u8>]) -> Vec<u8> {
    let mut room = MAX_BATCH;
    let newest = lists.iter().rev().take(MAX_LISTS).take_while(|list| {
        let fits = list.len() < room;
        room = room.saturating_sub(list.len() + 1);
        fits
    });
    let mut newest: Vec<&[u8]> = newest.map(Vec::as_slice).collect();
    newest.reverse();
    newest.join(&b'\n')
}

/// The sealed lists of a chain, oldest first: a header line and a body line each.
///
/// # Errors
/// It is empty, too large, or ends within a list.
pub fn lists_of(chain: &[u8]) -> Result<Vec<&[u8]>, SignError> {
    if chain.len() > MAX_BATCH {
        let (kind, bytes) = (Kind::Keys.name(), chain.len());
        return Err(SignError::TooLarge { kind, bytes, limit: MAX_BATCH });
    }
    let mut lists = Vec::new();
    let mut rest = chain;
    while !rest.is_empty() {
        let mut ends = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
        let Some(_header) = ends.next() else {
            return Err(SignError::NotSigned("a key list lacks its body"));
        };
        let end = ends.next().unwrap_or(rest.len());
        lists.push(rest.get(..end).unwrap_or_default());
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    if lists.is_empty() || lists.len() > MAX_LISTS {
        return Err(SignError::BadList(format!("a chain has 1 to {MAX_LISTS} lists")));
    }
    Ok(lists)
}

/// What a sealed list holds, not verified.
#[must_use]
pub fn body_of(list: &[u8]) -> Option<&[u8]> {
    list.get(list.iter().position(|byte| *byte == b'\n')? + 1..)
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
