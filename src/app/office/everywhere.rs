//! Recalls that stand in all stores, at a terminal: which stores lack one, and how they come to it.

use super::Place;
use super::live::{known, standing_in};
use crate::office::keyring::Keyring;
use crate::office::live::desk::{Desk, Next};
use crate::office::live::everywhere::Everywhere;
use crate::office::live::recalls::{self, Ask};
use crate::sync::topics::Name;
use crate::sync::wire::live::{Recall, Recalls};
use anyhow::Result;
use std::collections::BTreeMap;

/// The stores that head office has heard of and that lack recalls which stand everywhere, with
/// those.
///
/// # Errors
/// A record is damaged.
pub(super) fn lacking(place: &Place) -> Result<BTreeMap<Name, Vec<Recall>>> {
    let everywhere = Everywhere::load(&place.folder)?;
    let mut lacking = BTreeMap::new();
    if everywhere.is_empty() {
        return Ok(lacking);
    }
    for store in known(place)? {
        let recalls = everywhere.lacking(&store, &standing_in(place, &store)?);
        if !recalls.is_empty() {
            lacking.insert(store, recalls);
        }
    }
    Ok(lacking)
}

/// What a person should know of stores that lack recalls; empty: none does.
///
/// # Errors
/// A record is damaged.
pub(super) fn hint(place: &Place) -> Result<String> {
    let stores: Vec<String> = lacking(place)?.into_keys().map(|store| store.to_string()).collect();
    Ok(match stores.as_slice() {
        [] => String::new(),
        stores => format!(
            "! Recalls that stand in all stores are missing in {}: `aisle office resend` sends them.\n",
            stores.join(", ")
        ),
    })
}

/// Sends stores what they lack.
///
/// # Errors
/// The broker cannot be reached, or a record is damaged.
pub(super) fn catch_up(place: &Place) -> Result<()> {
    let lacking = lacking(place)?;
    if lacking.is_empty() {
        return Ok(());
    }
    let connection = place.connection("office")?;
    let ring = Keyring::open(&place.folder, &place.tenant()?)?;
    let stores: Vec<Name> = lacking.keys().cloned().collect();
    super::block_on(async {
        let mut desk = Desk::open(&place.folder, &ring, connection).await?;
        desk.say::<Recalls>(&stores, |store, _, bases, now| {
            let ask = Ask::Stand(lacking.get(store).cloned().unwrap_or_default());
            Ok(Next { plan: recalls::plan(store, bases, &ask, now)?.0, group: None })
        })
        .await?;
        desk.close().await;
        Ok(())
    })?;
    for store in stores {
        tracing::info!(%store, "recalls that stand in all stores stand there now too");
    }
    Ok(())
}
