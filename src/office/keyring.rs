//! Owns head office's keys: a secret seed for each in a file that only its owner reads, and the
//! chain of signed key lists. A secret is never overwritten, printed or logged, and nothing is
//! sent from here. The root keys sign key lists only: between two of those their files may lie
//! on a medium that is locked away, and all else goes on without them.
//!
//! ```text
//! keys/chain                    all key lists, sealed, as they are published
//! keys/catalog-5f0c81a2.key     the seed of one key, 64 hexadecimal digits
//! ```

use super::files::{self, FileError};
use crate::sync::digest::Digest;
use crate::sync::keys::{Anchor, Key, KeyList, RoleKeys, Trust, body_of, chain, lists_of, seal_list};
use crate::sync::sign::{KeyId, MAX_SIGNATURES, PublicKey, SecretKey, SignError};
use crate::sync::topics::{Name, Role};
use crate::sync::wire;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// How long a key list is good for, in days, where nothing else is said.
pub const LIST_DAYS: u32 = 365;
/// How long a key that was replaced goes on counting, in days, where nothing else is said.
pub const GRACE_DAYS: u32 = 7;

const CHAIN: &str = "chain";

/// Why a key cannot be made, found or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    #[error("{} holds keys already: replace one with `aisle office keys rotate`", .0.display())]
    There(PathBuf),
    #[error("there are no keys in {}: make them with `aisle office keys init`", .0.display())]
    None(PathBuf),
    #[error(
        "{} is damaged, or another tenant's: check office.tenant, and bring back a copy of it if that is right",
        path.display()
    )]
    Chain { path: PathBuf, source: SignError },
    #[error(
        "the secret of {role} key {id} is not here: bring {} back for as long as it takes",
        path.display()
    )]
    Away { role: &'static str, id: KeyId, path: PathBuf },
    #[error("{} can be read by others: chmod 600 it, and rotate that key if others may have read it", .0.display())]
    Open(PathBuf),
    #[error("{} holds no secret of key {id}: bring back a copy of it", path.display())]
    Secret { path: PathBuf, id: KeyId },
    #[error("no {0} key is in force: replace it with `aisle office keys rotate {0}`")]
    Nobody(&'static str),
    #[error("the key list expired at {0}: extend it with `aisle office keys renew`")]
    Expired(Timestamp),
    #[error("no randomness from the system ({0}): try again")]
    Random(getrandom::Error),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    File(#[from] FileError),
}

/// A key in the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyRow {
    pub role: Role,
    pub id: KeyId,
    pub public: PublicKey,
    /// Until when it counts; `None`: as long as the list.
    pub not_after: Option<Timestamp>,
    /// Whether its secret is here.
    pub here: bool,
}

/// All key lists of a tenant, and where the secrets are.
#[derive(Debug)]
pub struct Keyring {
    folder: PathBuf,
    tenant: Name,
    lists: Vec<Vec<u8>>,
    trust: Trust,
}

impl Keyring {
    /// Makes a key for each role and the first list, good for `days`. Cut off, it can be asked
    /// again: secrets that were made are used.
    ///
    /// # Errors
    /// There are keys already, or a file cannot be written.
    pub fn init(office: &Path, tenant: &Name, days: u32, now: Timestamp) -> Result<Self, KeyringError> {
        let folder = office.join("keys");
        files::private_folder(&folder)?;
        let _lock = files::lock(&folder)?;
        if folder.join(CHAIN).exists() {
            return Err(KeyringError::There(folder));
        }
        let now = whole(now);
        let mut list = KeyList {
            version: 1,
            issued: now,
            expires: later(now, days),
            previous: None,
            keys: BTreeMap::new(),
            roles: BTreeMap::new(),
        };
        let mut root = Vec::new();
        for role in Role::ALL {
            let secret = match left_over(&folder, role)? {
                Some(secret) => secret,
                None => make(&folder, role)?,
            };
            let public = secret.public();
            list.keys.insert(public.id(), Key { ed25519: public, not_after: None });
            list.roles.insert(role, RoleKeys { keys: vec![public.id()], threshold: 1 });
            if role == Role::Root {
                root.push(secret);
            }
        }
        let sealed = seal_list(&list, tenant, &root.iter().collect::<Vec<_>>())?;
        files::create(&folder.join(CHAIN), &sealed)?;
        Self::open(office, tenant)
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// There are no keys, or the chain is damaged or another tenant's.
    pub fn open(office: &Path, tenant: &Name) -> Result<Self, KeyringError> {
        let folder = office.join("keys");
        let path = folder.join(CHAIN);
        if !path.exists() {
            return Err(KeyringError::None(folder));
        }
        let bytes = files::read(&path)?;
        // The folder is head office's own word for who the root is; what follows must hold.
        let begin = || -> Result<_, SignError> {
            let lists: Vec<Vec<u8>> = lists_of(&bytes)?.into_iter().map(<[u8]>::to_vec).collect();
            let first = lists.first().and_then(|list| body_of(list));
            let first: KeyList = wire::read(first.unwrap_or_default())?;
            let root = first.roles.get(&Role::Root);
            let ids = root.map(|entry| entry.keys.as_slice()).unwrap_or_default();
            let keys = ids.iter().filter_map(|id| first.keys.get(id)).map(|key| key.ed25519).collect();
            let threshold = root.map_or(1, |entry| entry.threshold.into());
            Ok((lists, Trust::begin(&Anchor { keys, threshold }, &bytes, tenant)?))
        };
        let (lists, trust) = begin().map_err(|source| KeyringError::Chain { path, source })?;
        Ok(Self { folder, tenant: tenant.clone(), lists, trust })
    }

    /// What is published on the topic `keys`.
    #[must_use]
    pub fn chain(&self) -> Vec<u8> {
        chain(&self.lists)
    }

    /// The newest list.
    #[must_use]
    pub fn list(&self) -> &KeyList {
        self.trust.list()
    }

    #[must_use]
    pub fn tenant(&self) -> &Name {
        &self.tenant
    }

    /// The root keys as a kiosk's `sync.root_keys` has them.
    #[must_use]
    pub fn root_keys(&self) -> Vec<PublicKey> {
        keys(self.list(), Role::Root).map(|(_, key)| key.ed25519).collect()
    }

    /// All keys of the newest list, by role.
    #[must_use]
    pub fn rows(&self) -> Vec<KeyRow> {
        let of = |role| {
            keys(self.list(), role).map(move |(id, key)| KeyRow {
                role,
                id,
                public: key.ed25519,
                not_after: key.not_after,
                here: self.path(role, id).exists(),
            })
        };
        Role::ALL.into_iter().flat_map(of).collect()
    }

    /// Where the secrets and the chain are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes a new key for `role` and a new list. The oldest key of the role goes: a root key at
    /// once, since lists need none of it any more; another one `grace` days later, so that what
    /// it signed is still accepted by then. Keys that went are left out of the list.
    ///
    /// # Errors
    /// Not enough root keys are here, or a file cannot be written; then the old list stands.
    pub fn rotate(&mut self, role: Role, grace: u32, now: Timestamp) -> Result<PublicKey, KeyringError> {
        let _lock = files::lock(&self.folder)?;
        let now = whole(now);
        let mut list = self.next(LIST_DAYS, now);
        // Before anything is made: whoever signs must be here.
        self.root_secrets(&[self.list()])?;
        let secret = make(&self.folder, role)?;
        let public = secret.public();
        let active: Vec<KeyId> =
            keys(&list, role).filter(|(_, key)| key.not_after.is_none()).map(|(id, _)| id).collect();
        list.keys.insert(public.id(), Key { ed25519: public, not_after: None });
        let entry = list.roles.entry(role).or_insert_with(|| RoleKeys { keys: Vec::new(), threshold: 1 });
        entry.keys.push(public.id());
        if let Some(oldest) = active.first() {
            if role == Role::Root {
                entry.keys.retain(|id| id != oldest);
                list.keys.remove(oldest);
            } else if let Some(key) = list.keys.get_mut(oldest) {
                key.not_after = Some(later(now, grace));
            }
        }
        self.append(&list)?;
        Ok(public)
    }

    /// Makes a new list with the same keys, good for `days`.
    ///
    /// # Errors
    /// Not enough root keys are here, or a file cannot be written; then the old list stands.
    pub fn renew(&mut self, days: u32, now: Timestamp) -> Result<(), KeyringError> {
        let _lock = files::lock(&self.folder)?;
        let list = self.next(days, whole(now));
        self.append(&list)
    }

    /// The secrets that sign what is published now for `role`: of the keys that stay.
    ///
    /// # Errors
    /// The list expired, there is no such key, or its secret is not here.
    pub fn signers(&self, role: Role, now: Timestamp) -> Result<Vec<SecretKey>, KeyringError> {
        let list = self.list();
        if now >= list.expires {
            return Err(KeyringError::Expired(list.expires));
        }
        let threshold = list.roles.get(&role).map_or(1, |entry| usize::from(entry.threshold));
        // The newest come last.
        let active: Vec<KeyId> =
            keys(list, role).filter(|(_, key)| key.not_after.is_none()).map(|(id, _)| id).collect();
        let chosen = active.get(active.len().saturating_sub(threshold)..).unwrap_or_default();
        if chosen.is_empty() {
            return Err(KeyringError::Nobody(role.name()));
        }
        chosen.iter().map(|id| self.secret(role, *id)).collect()
    }

    /// A new list, without the keys that went.
    fn next(&self, days: u32, now: Timestamp) -> KeyList {
        let mut list = self.list().clone();
        list.version = list.version.saturating_add(1);
        // A clock that was put back must not make a list from before the last one.
        list.issued = now.max(list.issued);
        list.expires = later(list.issued, days);
        list.previous = Some(self.trust.digest());
        let gone: BTreeSet<KeyId> = list
            .keys
            .iter()
            .filter(|(_, key)| key.not_after.is_some_and(|end| end <= now))
            .map(|(id, _)| *id)
            .collect();
        list.keys.retain(|id, _| !gone.contains(id));
        list.roles.values_mut().for_each(|entry| entry.keys.retain(|id| !gone.contains(id)));
        list
    }

    /// Signs a list by the root keys before and after it, and puts it at the end of the chain.
    fn append(&mut self, list: &KeyList) -> Result<(), KeyringError> {
        let secrets = self.root_secrets(&[self.list(), list])?;
        let sealed = seal_list(list, &self.tenant, &secrets.iter().collect::<Vec<_>>())?;
        let lists: Vec<Vec<u8>> = self.lists.iter().cloned().chain([sealed]).collect();
        let bytes = chain(&lists);
        // What a kiosk would refuse is not written down.
        let trust = self.trust.advance(&bytes, &self.tenant)?;
        files::replace(&self.folder.join(CHAIN), &bytes)?;
        self.lists = lists_of(&bytes)?.into_iter().map(<[u8]>::to_vec).collect();
        self.trust = trust;
        Ok(())
    }

    /// The root secrets that are here, enough for each of `lists`.
    fn root_secrets(&self, lists: &[&KeyList]) -> Result<Vec<SecretKey>, KeyringError> {
        let mut found: BTreeMap<KeyId, SecretKey> = BTreeMap::new();
        for list in lists {
            let needed = list.roles.get(&Role::Root).map_or(1, |entry| usize::from(entry.threshold));
            let mut away = None;
            let mut there = 0;
            for (id, _) in keys(list, Role::Root) {
                match self.secret(Role::Root, id) {
                    Ok(secret) if there < needed => {
                        there += 1;
                        found.insert(id, secret);
                    }
                    Ok(_) => {}
                    Err(error @ KeyringError::Away { .. }) => away = Some(error),
                    Err(error) => return Err(error),
                }
            }
            if let Some(away) = away.filter(|_| there < needed) {
                return Err(away);
            }
        }
        Ok(found.into_values().take(MAX_SIGNATURES).collect())
    }

    fn path(&self, role: Role, id: KeyId) -> PathBuf {
        path(&self.folder, role, id)
    }

    fn secret(&self, role: Role, id: KeyId) -> Result<SecretKey, KeyringError> {
        let path = self.path(role, id);
        if !path.exists() {
            return Err(KeyringError::Away { role: role.name(), id, path });
        }
        read_secret(path, id)
    }
}

fn path(folder: &Path, role: Role, id: KeyId) -> PathBuf {
    folder.join(format!("{}-{id}.key", role.name()))
}

fn read_secret(path: PathBuf, id: KeyId) -> Result<SecretKey, KeyringError> {
    let failed = |why| FileError::Read { path: path.clone(), why };
    let mode = File::open(&path).and_then(|file| file.metadata()).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyringError::Open(path));
    }
    let text = fs::read_to_string(&path).map_err(failed)?;
    // 32 bytes in hexadecimal, as a digest is written.
    let secret = text.trim_ascii().parse().ok().map(|Digest(seed)| SecretKey::from_seed(&seed));
    secret.filter(|secret| secret.public().id() == id).ok_or(KeyringError::Secret { path, id })
}

/// Makes a secret and its file.
fn make(folder: &Path, role: Role) -> Result<SecretKey, KeyringError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(KeyringError::Random)?;
    let secret = SecretKey::from_seed(&seed);
    let text = format!("{}\n", Digest(seed));
    files::create(&path(folder, role, secret.public().id()), text.as_bytes())?;
    Ok(secret)
}

/// A secret for `role` that a run which was cut off had made.
fn left_over(folder: &Path, role: Role) -> Result<Option<SecretKey>, KeyringError> {
    for name in files::names(folder)? {
        let id = name.strip_prefix(role.name()).and_then(|rest| rest.strip_prefix('-'));
        let id = id.and_then(|rest| rest.strip_suffix(".key")).and_then(|id| id.parse().ok());
        if let Some(id) = id {
            return read_secret(folder.join(&name), id).map(Some);
        }
    }
    Ok(None)
}

/// The keys of a role in the order in which they came.
fn keys(list: &KeyList, role: Role) -> impl Iterator<Item = (KeyId, &Key)> {
    let ids = list.roles.get(&role).map(|entry| entry.keys.as_slice()).unwrap_or_default();
    ids.iter().filter_map(|id| list.keys.get(id).map(|key| (*id, key)))
}

/// Whole seconds: what people read.
pub fn whole(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

pub(super) fn later(now: Timestamp, days: u32) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
