//! Head office's keys for the tests: one of each role, for a century.

#![allow(dead_code)] // Each test file uses its own part.

use aisle::sync::keys::{Key, KeyList, RoleKeys, chain, seal_list};
use aisle::sync::sign::SecretKey;
use aisle::sync::topics::{Name, Role};
use std::collections::BTreeMap;

pub fn secret(role: Role) -> SecretKey {
    SecretKey::from_seed(&[role as u8 + 1; 32])
}

/// The key lists as they are published.
pub fn chain_of(tenant: &Name) -> Vec<u8> {
    let mut list = KeyList {
        version: 1,
        issued: "2026-11-01T00:00:00Z".parse().unwrap(),
        expires: "2126-11-01T00:00:00Z".parse().unwrap(),
        previous: None,
        keys: BTreeMap::new(),
        roles: BTreeMap::new(),
    };
    for role in Role::ALL {
        let public = secret(role).public();
        list.keys.insert(public.id(), Key { ed25519: public, not_after: None });
        list.roles.insert(role, RoleKeys { keys: vec![public.id()], threshold: 1 });
    }
    chain(&[seal_list(&list, tenant, &[&secret(Role::Root)]).unwrap()])
}
