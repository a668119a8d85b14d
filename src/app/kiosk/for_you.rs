//! What may please a shopper: rows of products, each with its reason, as the catalog has them now.

use super::hands::{OFFERED, all, goods, offers};
use crate::app::lookup::Shelves;
use crate::dialog::tool::{Subject, Tool};
use crate::domain::Sku;
use crate::store::StoreError;
use crate::view::card::Card;
use crate::view::for_you::{Row, Why};
use std::collections::BTreeSet;

/// Products of a customer that are looked up at a time: many are not carried here.
const LOOKED_UP: usize = 24;

/// What this customer buys again, what goes with the list, and offers.
pub(super) fn for_you(shelves: &Shelves<'_>, again: &[Sku]) -> Result<Vec<Row>, StoreError> {
    let listed: BTreeSet<Sku> = shelves.context.order.iter().map(|line| line.sku.clone()).collect();
    let mut rows = Vec::new();
    let cards = bought(shelves, again, &listed)?;
    if !cards.is_empty() {
        rows.push(Row { why: Why::Again, cards });
    }
    // In turn from each thing on the list, so that the last one has its say as well.
    let mut beside = Vec::new();
    for sku in &listed {
        let subject = Subject::Sku { sku: sku.clone() };
        beside.push(shelves.look_up(Tool::FindPairings { subject, kind: None })?.found.into_iter());
    }
    let mut seen = listed.clone();
    let mut fresh = Vec::new();
    while fresh.len() < OFFERED && !beside.is_empty() {
        beside.retain_mut(|found| match found.next() {
            Some(found) => {
                if seen.insert(found.product.sku.clone()) {
                    fresh.push(found);
                }
                true
            }
            None => false,
        });
    }
    let cards: Vec<_> = goods(shelves, fresh).into_iter().map(|good| good.card).collect();
    if !cards.is_empty() {
        rows.push(Row { why: Why::WithList, cards });
    }
    let mut cards: Vec<_> = offers(shelves, OFFERED)?.into_iter().map(|good| good.card).collect();
    cards.retain(|card| !listed.contains(&card.sku));
    if !cards.is_empty() {
        rows.push(Row { why: Why::Offers, cards });
    }
    Ok(rows)
}

/// The first of what a customer buys that is sold here and not listed yet.
fn bought(shelves: &Shelves<'_>, again: &[Sku], listed: &BTreeSet<Sku>) -> Result<Vec<Card>, StoreError> {
    let wanted: Vec<Sku> = again.iter().filter(|sku| !listed.contains(*sku)).cloned().collect();
    let mut cards = Vec::new();
    for some in wanted.chunks(LOOKED_UP) {
        // What is recalled, withdrawn or unknown here is not among them.
        let found = goods(shelves, all(shelves.catalog.products(some)?));
        cards.extend(found.into_iter().map(|good| good.card));
        if cards.len() >= OFFERED {
            cards.truncate(OFFERED);
            break;
        }
    }
    Ok(cards)
}
