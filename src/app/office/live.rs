//! What the commands that speak to single stores share: which stores are meant, one connection
//! for all of them, and a look without any. What is said is `office`'s.

use super::Place;
use crate::app::cli::Stores;
use crate::office::keyring::Keyring;
use crate::office::live::desk::{Desk, Next};
use crate::office::live::record::{self, Record};
use crate::office::live::retained::{Base, unheard};
use crate::office::live::{Live, LiveError, recalls, sheets};
use crate::store::Office;
use crate::sync::topics::Name;
use crate::sync::wire::live::{Counts, Prices, Recall, Recalls};
use anyhow::{Result, ensure};
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;

/// The collectors' database in head office's folder.
const COLLECTED: &str = "office.db";

/// What a store was told.
pub(super) struct Said<T> {
    pub store: Name,
    /// Messages that the broker was given, or would be.
    pub messages: usize,
    /// Highest version of them all; 0: nothing was ever said.
    pub version: u64,
    pub told: T,
}

/// The stores that are meant, each once.
///
/// # Errors
/// Head office knows none.
pub(super) fn meant(stores: &Stores, place: &Place) -> Result<Vec<Name>> {
    if !stores.all_stores {
        return Ok(once(&stores.store));
    }
    let all = known(place)?;
    ensure!(!all.is_empty(), "head office has heard of no store yet: name them with --store");
    Ok(all.into_iter().collect())
}

/// The stores that head office has heard of or said anything to.
///
/// # Errors
/// The folder or the collected cannot be read.
pub(super) fn known(place: &Place) -> Result<BTreeSet<Name>> {
    let mut all: BTreeSet<Name> = record::stores(&place.folder)?.into_iter().collect();
    // Opening it would make it.
    if place.folder.join(COLLECTED).is_file() {
        let kiosks = Office::open(&place.folder)?.kiosks()?;
        all.extend(kiosks.iter().filter_map(|kiosk| kiosk.store.parse().ok()));
    }
    Ok(all)
}

/// The recalls that stand in a store, as it was last said from here.
///
/// # Errors
/// The record is damaged.
pub(super) fn standing_in(place: &Place, store: &Name) -> Result<Vec<Recall>> {
    let record = Record::<Recalls>::load(&place.folder, store)?;
    Ok(unheard(&record).first().map(recalls::standing).unwrap_or_default())
}

/// Each once, in order.
pub(super) fn once(stores: &[Name]) -> Vec<Name> {
    stores.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

/// Says to each store what `plan` makes of what was said before, or only looks.
///
/// # Errors
/// It cannot be planned, or the broker cannot be reached.
pub(super) fn say<M: Live, T>(
    place: &Place,
    stores: &[Name],
    dry_run: bool,
    mut plan: impl FnMut(&Name, &Record<M>, &[Base<M>], Timestamp) -> Result<(Next<M>, T), LiveError>,
) -> Result<Vec<Said<T>>> {
    let mut all = Vec::new();
    let mut noted =
        |store: &Name, record: &Record<M>, bases: &[Base<M>], now| -> Result<Next<M>, LiveError> {
            let (next, told) = plan(store, record, bases, now)?;
            let version = next.plan.shards.iter().flatten().map(M::version).max().unwrap_or(0);
            all.push(Said { store: store.clone(), messages: next.plan.send.len(), version, told });
            Ok(next)
        };
    if dry_run {
        for store in stores {
            let record = Record::load(&place.folder, store)?;
            noted(store, &record, &unheard(&record), Timestamp::now())?;
        }
        return Ok(all);
    }
    let connection = place.connection("office")?;
    let ring = Keyring::open(&place.folder, &place.tenant()?)?;
    super::block_on(async {
        let mut desk = Desk::open(&place.folder, &ring, connection).await?;
        desk.say(stores, &mut noted).await?;
        desk.close().await;
        Ok(())
    })?;
    Ok(all)
}

/// Sends what stands where the broker lacks it; what to print.
///
/// # Errors
/// The broker cannot be reached, or a record is damaged.
pub(super) fn resend(stores: Vec<Name>, as_json: bool, place: &Place) -> Result<String> {
    let stores = if stores.is_empty() { record::stores(&place.folder)? } else { once(&stores) };
    ensure!(!stores.is_empty(), "nothing was sent to any store from {}", place.folder.display());
    let connection = place.connection("office")?;
    let ring = Keyring::open(&place.folder, &place.tenant()?)?;
    let mut messages = 0;
    super::block_on(async {
        let mut desk = Desk::open(&place.folder, &ring, connection).await?;
        // What the shops must not sell comes first.
        let nothing = recalls::Ask::Nothing;
        desk.say::<Recalls>(&stores, |store, _, bases, now| {
            let (plan, _) = recalls::plan(store, bases, &nothing, now)?;
            messages += plan.send.len();
            Ok(Next { plan, group: None })
        })
        .await?;
        desk.say::<Prices>(&stores, |store, record, bases, now| {
            let (plan, _) = sheets::plan(store, bases, &[], None, now)?;
            messages += plan.send.len();
            Ok(Next { plan, group: record.group.clone() })
        })
        .await?;
        desk.say::<Counts>(&stores, |store, record, bases, now| {
            let (plan, _) = sheets::plan(store, bases, &[], None, now)?;
            messages += plan.send.len();
            Ok(Next { plan, group: record.group.clone() })
        })
        .await?;
        desk.close().await;
        Ok(())
    })?;
    if as_json {
        return Ok(format!("{}\n", json!({"stores": stores, "messages": messages})));
    }
    Ok(format!("Messages sent once more: {messages}, of {} stores looked at.\n", stores.len()))
}
