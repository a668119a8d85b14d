//! Orders that shoppers placed here, until somebody took them: head office, which acknowledges
//! the event that tells of them, or the program of the store that they are posted to. In
//! `state.db`, so that no power cut loses one. Never decides whom they are for.

use super::StoreError;
use super::alerts::moment;
use super::aside::{self, NewAside};
use super::catalog::Catalog;
use super::outbox::{NewEvent, put};
use super::state;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::BTreeSet;
use uuid::Uuid;

/// How long what became of an order is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An order to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOrder<'a> {
    /// Of the order, and of the event that tells of it.
    pub id: Uuid,
    /// What the shopper is told.
    pub number: &'a str,
    pub made_at: Timestamp,
    /// JSON, as it is posted.
    pub body: &'a str,
    /// Head office is told by this; `None`: it is not.
    pub event: Option<NewEvent<'a>>,
    /// It is to be posted in the store.
    pub post: bool,
    /// What is put aside for it.
    pub aside: Option<NewAside<'a>>,
}

/// An order that waits to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingOrder {
    pub id: Uuid,
    pub made_at: Timestamp,
    /// JSON.
    pub body: String,
}

/// Who took an order; `None`: they were not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderState {
    pub office: Option<bool>,
    pub store: Option<bool>,
}

impl OrderState {
    /// Whether somebody has it.
    #[must_use]
    pub fn is_taken(self) -> bool {
        self.office == Some(true) || self.store == Some(true)
    }
}

impl Catalog {
    /// The next number of an order, from 1. Each is given out once.
    ///
    /// # Errors
    /// The database cannot be written; so for the others here.
    pub fn next_order(&self) -> Result<u64, StoreError> {
        self.state().write_alone(|tx| {
            let sql = "UPDATE order_number SET last = last + 1 RETURNING last";
            tx.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
        })
    }

    /// Keeps an order, with the event that tells of it and what is put aside for it, all or
    /// nothing.
    pub fn keep_order(&self, order: &NewOrder<'_>, cap: u64) -> Result<(), StoreError> {
        let (skus, before) = self.state().write_alone(|tx| {
            forget(tx, order.made_at)?;
            let NewOrder { id, number, made_at, body, event, post, aside } = order;
            let (office, store) = (event.as_ref().map(|_| false), post.then_some(false));
            tx.execute(
                "INSERT INTO orders (id, number, made_at, body, office, store) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![id.as_bytes(), number, moment(*made_at), body, office, store],
            )?;
            event.iter().try_for_each(|event| put(tx, event, cap).map(drop))?;
            let Some(aside) = aside else { return Ok((BTreeSet::new(), 0)) };
            let skus = aside::begin(tx, number, *made_at, aside, cap)?;
            let before = if skus.is_empty() { 0 } else { state::revise(tx)? };
            Ok((skus, before))
        })?;
        self.show_moves(&skus, before);
        Ok(())
    }

    /// Who took an order; `None`: there is none of this id.
    pub fn order_state(&self, id: Uuid) -> Result<Option<OrderState>, StoreError> {
        self.state().read(|tx| {
            let sql = "SELECT office, store FROM orders WHERE id = ?1";
            let state = |row: &rusqlite::Row<'_>| Ok(OrderState { office: row.get(0)?, store: row.get(1)? });
            tx.query_row(sql, [id.as_bytes()], state).optional()
        })
    }

    /// The oldest order that is to be posted.
    pub fn order_to_post(&self) -> Result<Option<WaitingOrder>, StoreError> {
        self.state().read(|tx| {
            let sql = "SELECT id, made_at, body FROM orders WHERE store = 0 ORDER BY rowid LIMIT 1";
            let order = |row: &rusqlite::Row<'_>| {
                let made_at: String = row.get(1)?;
                // One whose time cannot be read is old.
                let made_at = made_at.parse().unwrap_or(Timestamp::UNIX_EPOCH);
                Ok(WaitingOrder { id: Uuid::from_bytes(row.get(0)?), made_at, body: row.get(2)? })
            };
            tx.query_row(sql, [], order).optional()
        })
    }

    /// The store has it; or, `given_up`, will never.
    pub fn order_posted(&self, id: Uuid, given_up: bool) -> Result<(), StoreError> {
        self.state().write_alone(|tx| {
            let store = (!given_up).then_some(true);
            tx.execute("UPDATE orders SET store = ?2 WHERE id = ?1", params![id.as_bytes(), store]).map(drop)
        })
    }

    /// How many orders head office has not acknowledged.
    pub fn open_orders(&self) -> Result<u64, StoreError> {
        self.state().read(|tx| {
            let sql = "SELECT count(*) FROM orders WHERE office = 0";
            tx.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
        })
    }
}

/// Head office has the event `id`: if it tells of an order, the order is taken.
pub(super) fn acknowledged(tx: &Transaction<'_>, id: Uuid) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE orders SET office = 1 WHERE id = ?1")?.execute([id.as_bytes()]).map(drop)
}

/// Head office refused the event `id`: it will never take that order.
pub(super) fn refused(tx: &Transaction<'_>, id: Uuid) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE orders SET office = NULL WHERE id = ?1")?.execute([id.as_bytes()]).map(drop)
}

/// Forgets what nobody waits for any more.
fn forget(tx: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let Ok(before) = now.checked_sub(KEPT) else { return Ok(()) };
    let sql = "DELETE FROM orders WHERE made_at < ?1 AND office IS NOT 0 AND store IS NOT 0";
    tx.execute(sql, [moment(before)]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Lane, Priority};

    const ROOM: u64 = 1 << 20;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn order(n: u128, made_at: &str, event: bool, post: bool) -> NewOrder<'static> {
        let (id, made_at) = (Uuid::from_u128(n), at(made_at));
        let body = r#"{"kind":"order_placed"}"#;
        let event = event.then_some(NewEvent {
            id,
            lane: Lane::Order,
            kind: "order_placed",
            priority: Priority::Keep,
            made_at,
            body,
        });
        NewOrder { id, number: "k1-1", made_at, body, event, post, aside: None }
    }

    #[test]
    fn an_order_is_taken_by_whoever_is_first() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        assert_eq!((catalog.next_order().unwrap(), catalog.next_order().unwrap()), (1, 2));
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        catalog.keep_order(&order(1, "2026-11-26T08:00:00Z", true, true), ROOM).unwrap();
        catalog.keep_order(&order(2, "2026-11-26T08:01:00Z", true, false), ROOM).unwrap();
        assert_eq!(catalog.open_orders().unwrap(), 2);
        assert_eq!(catalog.order_to_post().unwrap().unwrap().id, one);
        let state = |id| catalog.order_state(id).unwrap().unwrap();
        assert_eq!(state(one), OrderState { office: Some(false), store: Some(false) });
        catalog.order_posted(one, false).unwrap();
        assert!(state(one).is_taken() && !state(two).is_taken());
        assert_eq!(catalog.order_to_post().unwrap(), None);
        catalog.acknowledge_events(&[two, Uuid::from_u128(99)]).unwrap();
        assert_eq!(state(two), OrderState { office: Some(true), store: None });
        assert_eq!((catalog.open_orders().unwrap(), catalog.order_state(Uuid::nil()).unwrap()), (1, None));
        // After a restart it is as it was.
        let again = Catalog::open(folder.path()).unwrap();
        assert_eq!((again.next_order().unwrap(), again.open_orders().unwrap()), (3, 1));
    }

    #[test]
    fn only_what_nobody_waits_for_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        catalog.keep_order(&order(1, "2026-11-01T08:00:00Z", false, true), ROOM).unwrap();
        catalog.keep_order(&order(2, "2026-11-01T08:00:00Z", false, true), ROOM).unwrap();
        catalog.order_posted(Uuid::from_u128(2), true).unwrap();
        catalog.keep_order(&order(3, "2026-11-26T08:00:00Z", false, true), ROOM).unwrap();
        assert!(catalog.order_state(Uuid::from_u128(1)).unwrap().is_some(), "it still waits");
        assert_eq!(catalog.order_state(Uuid::from_u128(2)).unwrap(), None);
    }
}
