//! What `office.db` lets go of, so that it does not grow for ever: events and orders that came long
//! ago. The stock that follows from them stays, and so does what another database still awaits.
//! Knows no clock.

use super::StoreError;
use super::alerts::moment;
use super::office::Office;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

impl Office {
    /// When the newest event came, by head office's clock; `None`: none did.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn newest_received(&self) -> Result<Option<Timestamp>, StoreError> {
        self.write(|tx| {
            let sql = "SELECT received_at FROM events ORDER BY received_at DESC LIMIT 1";
            let newest: Option<String> = tx.query_row(sql, [], |row| row.get(0)).optional()?;
            Ok(newest.and_then(|text| text.parse().ok()))
        })
    }

    /// Lets go of events that came before a time, the oldest first and at most so many, in one
    /// transaction; how many. An event that comes again after that is new.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn let_go(&self, before: Timestamp, most: usize) -> Result<usize, StoreError> {
        self.write(|tx| {
            let sql = "SELECT id FROM events WHERE received_at < ?1 \
                       AND NOT EXISTS (SELECT 1 FROM unsent WHERE event = id AND why IS NULL) \
                       ORDER BY received_at LIMIT ?2";
            let limit = i64::try_from(most).unwrap_or(i64::MAX);
            let mut select = tx.prepare_cached(sql)?;
            let ids = select.query_map(params![moment(before), limit], |row| row.get::<_, [u8; 16]>(0))?;
            let ids = ids.collect::<rusqlite::Result<Vec<_>>>()?;
            let mut orders = tx.prepare_cached("DELETE FROM orders WHERE event = ?1")?;
            let mut events = tx.prepare_cached("DELETE FROM events WHERE id = ?1")?;
            for id in &ids {
                orders.execute([id])?;
                events.execute([id])?;
            }
            Ok(ids.len())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Effect, OfficeBatch, OfficeEvent};
    use uuid::Uuid;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn file(office: &Office, id: u128, received: i64) {
        let effect = match id % 3 {
            0 => Effect::Ordered { number: format!("n{id}"), lines: "[]".into() },
            1 => Effect::Sold { sku: "A".into(), quantity: 1 },
            _ => Effect::Nothing,
        };
        let event = OfficeEvent {
            id: Uuid::from_u128(id),
            seq: 1,
            kind: "any".into(),
            // What the kiosk's clock says decides nothing.
            made_at: at(1_000_000 - received),
            body: "{}".into(),
            effect,
        };
        let (store, kiosk, outbox) = ("s042".into(), "k1".into(), Uuid::nil());
        let batch = OfficeBatch { store, kiosk, outbox, lane: "order", events: vec![event] };
        assert_eq!(office.file(&[batch], at(received)).unwrap().new, 1);
    }

    #[test]
    fn the_oldest_go_and_what_follows_from_them_stays() {
        let folder = tempfile::tempdir().unwrap();
        let office = Office::open(folder.path()).unwrap();
        assert_eq!((office.newest_received().unwrap(), office.let_go(at(100), 10).unwrap()), (None, 0));
        (1..=6).for_each(|n| file(&office, n, i64::try_from(n).unwrap() * 10));
        assert_eq!(office.newest_received().unwrap(), Some(at(60)));
        let left = || {
            let ids = office.events_of("s042", "k1").unwrap();
            let mut ids: Vec<u128> = ids.into_iter().map(|id| id.as_u128()).collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!((office.let_go(at(40), 2).unwrap(), left()), (2, vec![3, 4, 5, 6]));
        assert_eq!((office.let_go(at(40), 2).unwrap(), left()), (1, vec![4, 5, 6]));
        assert_eq!((office.let_go(at(40), 2).unwrap(), left()), (0, vec![4, 5, 6]));
        assert_eq!(office.stock("s042", "A").unwrap(), Some((None, 2)), "sold is sold");
        let orders = ["n3", "n6"].map(|number| office.orders("s042", number).unwrap().len());
        assert_eq!(orders, [0, 1]);
    }

    #[test]
    fn what_another_database_awaits_stays_until_it_is_there_or_cannot_be() {
        let folder = tempfile::tempdir().unwrap();
        let office = Office::open(folder.path()).unwrap();
        office.forward_to(Uuid::from_u128(7)).unwrap();
        (1..=3).for_each(|n| file(&office, n, 10));
        assert_eq!(office.let_go(at(100), 10).unwrap(), 0);
        office.sent(&[Uuid::from_u128(1)]).unwrap();
        office.put_aside(Uuid::from_u128(2), "a word that it does not know").unwrap();
        assert_eq!(office.let_go(at(100), 10).unwrap(), 2);
        assert_eq!(office.unsent_count().unwrap(), (1, 0));
    }
}
