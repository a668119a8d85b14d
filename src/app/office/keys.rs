//! `aisle office keys` at a terminal. What a key is and who signs what is `office`'s and `sync`'s;
//! here it is asked for and told.

use super::Place;
use crate::app::cli::Keys;
use crate::office::keyring::{KeyRow, Keyring};
use crate::sync::topics::Role;
use anyhow::Result;
use jiff::Timestamp;
use serde_json::json;

/// Carries a command out; what to print.
pub(super) fn run(command: Keys, place: &Place) -> Result<String> {
    let (tenant, now) = (place.tenant()?, Timestamp::now());
    let open = || Keyring::open(&place.folder, &tenant);
    Ok(match command {
        Keys::Init { days } => {
            let ring = Keyring::init(&place.folder, &tenant, days, now)?;
            format!("{}\n{}", table(&ring), advice(&ring))
        }
        Keys::Show { json: true } => format!("{}\n", object(&open()?)),
        Keys::Show { json: false } => table(&open()?),
        Keys::Rotate { role, grace_days } => {
            let mut ring = open()?;
            let public = ring.rotate(role, grace_days, now)?;
            let text = format!("{}\nThe new {} key is {}.\n", table(&ring), role.name(), public.id());
            let root = if role == Role::Root { advice(&ring) } else { String::new() };
            text + &root + SEND
        }
        Keys::Renew { days } => {
            let mut ring = open()?;
            ring.renew(days, now)?;
            table(&ring) + "\n" + SEND
        }
        Keys::Publish => super::publish::keys(place, &open()?)?,
    })
}

const SEND: &str =
    "Kiosks hear of it with the next `aisle office publish`, or by `aisle office keys publish`.\n";

fn advice(ring: &Keyring) -> String {
    let keys: Vec<String> = ring.root_keys().iter().map(|key| format!("{:?}", key.to_string())).collect();
    format!(
        "For the kiosks' settings:\n  [sync]\n  root_keys = [{}]\n\n\
         Take the root key offline: move {}/root-*.key to a medium that is locked away, and keep two \
         copies. It is needed to rotate and renew keys, and for nothing else; without it kiosks must be set \
         up anew.\n",
        keys.join(", "),
        ring.folder().display()
    )
}

fn table(ring: &Keyring) -> String {
    let list = ring.list();
    let mut text = format!(
        "Key list {} of {}, good until {}.\n{:<8}  {:<8}  {:<20}  secret\n",
        list.version,
        ring.tenant(),
        list.expires,
        "role",
        "key",
        "counts until"
    );
    for KeyRow { role, id, not_after, here, .. } in ring.rows() {
        let until = not_after.map_or_else(|| "the list's end".to_owned(), |end| end.to_string());
        let secret = if here { "here" } else { "elsewhere" };
        text += &format!("{:<8}  {id}  {until:<20}  {secret}\n", role.name());
    }
    text
}

fn object(ring: &Keyring) -> serde_json::Value {
    let list = ring.list();
    let thresholds: serde_json::Map<String, serde_json::Value> =
        list.roles.iter().map(|(role, entry)| (role.name().to_owned(), entry.threshold.into())).collect();
    json!({
        "tenant": ring.tenant(),
        "version": list.version,
        "issued": list.issued,
        "expires": list.expires,
        "root_keys": ring.root_keys(),
        "thresholds": thresholds,
        "keys": ring.rows(),
    })
}
