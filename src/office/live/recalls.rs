//! Stops of sale: which stand in a store, and how one comes to the list or leaves it. Pure.

use super::retained::Base;
use super::{LiveError, Plan};
use crate::sync::topics::Name;
use crate::sync::wire::live::{MAX_RECALLS, Recall, Recalls};
use jiff::Timestamp;
use serde::Serialize;

/// What is asked of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Nothing: what stands is to be at the broker.
    Nothing,
    /// This one is to stand; where one of its name says something else, only with `replace`.
    Add { recall: Recall, replace: bool },
    /// The one of this name is to stand no more.
    Lift(Name),
    /// These are to stand; one of a name that stands stays as it is.
    Stand(Vec<Recall>),
}

/// What became of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Recalls that stood before, and that stand now.
    pub before: usize,
    pub after: usize,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Added,
    Replaced,
    Lifted,
    /// It stood so already, or did not stand.
    AsBefore,
}

/// The list as it is to be.
///
/// # Errors
/// Another recall has the name, the list is full, or a version is the last there is.
pub fn plan(
    store: &Name,
    bases: &[Base<Recalls>],
    ask: &Ask,
    issued: Timestamp,
) -> Result<(Plan<Recalls>, Difference), LiveError> {
    let nothing = Base::nothing();
    let base = bases.first().unwrap_or(&nothing);
    let mut items = standing(base);
    let before = items.len();
    let outcome = match ask {
        Ask::Nothing => Outcome::AsBefore,
        Ask::Add { recall, replace } => add(store, &mut items, recall, *replace)?,
        Ask::Lift(id) => {
            items.retain(|item| item.id != *id);
            if items.len() < before { Outcome::Lifted } else { Outcome::AsBefore }
        }
        Ask::Stand(all) => {
            for recall in all {
                if items.iter().all(|item| item.id != recall.id) {
                    add(store, &mut items, recall, false)?;
                }
            }
            if items.len() > before { Outcome::Added } else { Outcome::AsBefore }
        }
    };
    let told = Difference { before, after: items.len(), outcome };
    let stays = base.said.first().filter(|said| base.stays && said.items.items == items);
    let (message, is_new) = match stays {
        Some(said) => (Some(said.clone()), false),
        None if base.said.is_empty() && items.is_empty() => (None, false),
        None => (Some(Recalls { version: base.next(store)?, issued, items: items.into() }), true),
    };
    let send = if message.is_some() && (is_new || !base.is_there) { vec![0] } else { Vec::new() };
    let shards = message.map(|message| vec![Some(message)]).unwrap_or_default();
    Ok((Plan { shards, send, new: is_new.into() }, told))
}

/// What stands: of two folders' lists under one version all of both.
pub fn standing(base: &Base<Recalls>) -> Vec<Recall> {
    let mut items: Vec<Recall> = Vec::new();
    for item in base.said.iter().flat_map(|said| &said.items.items) {
        match items.iter_mut().find(|other| other.id == item.id) {
            Some(other) => join(other, item),
            None => items.push(item.clone()),
        }
    }
    items
}

/// Two recalls of one name stop the products of both.
fn join(one: &mut Recall, other: &Recall) {
    one.skus.extend(other.skus.iter().filter(|sku| !one.skus.contains(sku)).cloned().collect::<Vec<_>>());
    one.gtins
        .extend(other.gtins.iter().filter(|gtin| !one.gtins.contains(gtin)).copied().collect::<Vec<_>>());
    one.since = one.since.min(other.since);
}

fn add(store: &Name, items: &mut Vec<Recall>, recall: &Recall, replace: bool) -> Result<Outcome, LiveError> {
    if let Some(there) = items.iter_mut().find(|item| item.id == recall.id) {
        // Since when it stands does not change by being said again.
        let recall = Recall { since: there.since, ..recall.clone() };
        if *there == recall {
            return Ok(Outcome::AsBefore);
        }
        if !replace {
            return Err(LiveError::Taken { store: store.clone(), id: recall.id });
        }
        *there = recall;
        return Ok(Outcome::Replaced);
    }
    if items.len() >= MAX_RECALLS {
        return Err(LiveError::Full { store: store.clone() });
    }
    items.push(recall.clone());
    Ok(Outcome::Added)
}

#[cfg(test)]
#[path = "recalls_tests.rs"]
mod tests;
