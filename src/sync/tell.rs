//! Puts what head office is to be told into the outbox: finds its lane, kind and worth. Never
//! sends anything; [`super::uplink`] does.

use super::topics::Kind;
use super::wire::WireError;
use super::wire::event::{Dropped, Telemetry, Told};
use crate::store::{Catalog, Lane, NewEvent, Priority, StoreError};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

/// Why something could not be put into the outbox.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    #[error("head office would refuse it: {0}")]
    Unfit(#[from] WireError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An event that is ready for the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    id: Uuid,
    lane: Lane,
    kind: String,
    priority: Priority,
    made_at: Timestamp,
    body: String,
}

impl Made {
    /// An event that happened `at`.
    ///
    /// # Errors
    /// It goes beyond its limits.
    pub fn of<T: Told>(what: &T, at: Timestamp) -> Result<Self, WireError> {
        what.check()?;
        let malformed = |why: String| WireError::Malformed { kind: T::KIND.name(), why };
        let body = serde_json::to_value(what).map_err(|error| malformed(error.to_string()))?;
        let kind = body.get("kind").and_then(Value::as_str);
        let kind = kind.ok_or_else(|| malformed("it has no kind".to_owned()))?.to_owned();
        let (id, lane, priority) = (Uuid::now_v7(), lane(T::KIND), worth(what.priority()));
        Ok(Self { id, lane, kind, priority, made_at: at, body: body.to_string() })
    }

    /// The same by an id that its own facts give it: whoever tells of them tells one event.
    #[must_use]
    pub fn known_as(self, id: Uuid) -> Self {
        Self { id, ..self }
    }

    /// As the store takes it.
    #[must_use]
    pub fn event(&self) -> NewEvent<'_> {
        let Self { id, lane, kind, priority, made_at, body } = self;
        NewEvent { id: *id, lane: *lane, kind, priority: *priority, made_at: *made_at, body }
    }
}

/// Puts an event that happened `at` into the outbox, which may take `cap` bytes; wake the
/// uplink afterwards. False: it was dropped and counted, for all that waits is worth more.
///
/// # Errors
/// It goes beyond its limits, or the database cannot be written.
pub fn tell<T: Told>(catalog: &Catalog, what: &T, at: Timestamp, cap: u64) -> Result<bool, TellError> {
    Ok(catalog.keep_event(&Made::of(what, at)?.event(), cap)?)
}

/// Puts into the outbox how many events of each lane were dropped since head office was last told;
/// nothing where none were, or where such a word of the lane still waits. How many were put in.
///
/// # Errors
/// The database cannot be written.
pub fn tell_dropped(catalog: &Catalog, at: Timestamp) -> Result<usize, StoreError> {
    catalog.tell_dropped("dropped", at, |lane, count| {
        let what = match lane {
            Lane::Telemetry => Dropped::Telemetry,
            Lane::Inventory => Dropped::Inventory,
            Lane::Order => Dropped::Order,
            Lane::Outcome => Dropped::Outcome,
        };
        serde_json::to_string(&Telemetry::Dropped { what, count }).unwrap_or_default()
    })
}

fn lane(kind: Kind) -> Lane {
    match kind {
        Kind::Inventory => Lane::Inventory,
        Kind::Order => Lane::Order,
        Kind::Outcome => Lane::Outcome,
        _ => Lane::Telemetry,
    }
}

/// From 0 to 9, as [`Told::priority`] has it.
fn worth(priority: u8) -> Priority {
    match priority {
        0..=1 => Priority::Low,
        2 => Priority::Usual,
        3..=8 => Priority::High,
        _ => Priority::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch;
    use super::super::wire::event::{Batch, HonestNo, Outcome};
    use super::super::wire::{self, Message, samples};
    use super::*;
    use crate::store::Waiting;

    const ROOM: u64 = 1 << 20;

    fn waiting(catalog: &Catalog, lane: Lane) -> Vec<Waiting> {
        catalog.waiting_events(lane, 0, 100, 1 << 20).unwrap()
    }

    /// Every sample is put in, and head office reads it as it was.
    fn comes_back<T: Told + Clone + PartialEq + std::fmt::Debug>(
        catalog: &Catalog,
        sample: &Batch<T>,
        lane: Lane,
    ) where
        Batch<T>: Message,
    {
        for event in &sample.events.items {
            assert!(tell(catalog, &event.what, event.at, ROOM).unwrap());
        }
        let rows = waiting(catalog, lane);
        let payload = batch::write(Uuid::nil(), Uuid::nil(), &rows).payload.unwrap();
        let read: Batch<T> = wire::read(&payload).unwrap();
        let of =
            |batch: &Batch<T>| batch.events.items.iter().map(|event| event.what.clone()).collect::<Vec<_>>();
        assert_eq!(of(&read), of(sample));
        assert!(read.events.refused.is_empty());
        assert!(rows.iter().all(|row| row.body.contains(&format!("\"kind\":\"{}\"", row.kind))));
    }

    #[test]
    fn what_is_told_stands_in_its_lane_as_head_office_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        comes_back(&catalog, &samples::telemetry(), Lane::Telemetry);
        comes_back(&catalog, &samples::inventory(), Lane::Inventory);
        comes_back(&catalog, &samples::order(), Lane::Order);
        comes_back(&catalog, &samples::outcome(), Lane::Outcome);
    }

    #[test]
    fn what_head_office_would_refuse_is_not_put_in() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        let told =
            tell(&catalog, &Telemetry::Recommended { shown: 1, taken: 2 }, Timestamp::UNIX_EPOCH, ROOM);
        assert!(matches!(told, Err(TellError::Unfit(_))), "{told:?}");
        let failed = Outcome::Failed { command: Uuid::nil(), why: String::new() };
        assert!(tell(&catalog, &failed, Timestamp::UNIX_EPOCH, ROOM).is_err());
        assert_eq!(catalog.outbox().unwrap().waiting, 0);
    }

    #[test]
    fn what_was_dropped_is_told_by_lane() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        for _ in 0..3 {
            let no = Telemetry::HonestNo { why: HonestNo::NotKnown };
            assert!(!tell(&catalog, &no, Timestamp::UNIX_EPOCH, 0).unwrap());
        }
        assert_eq!(tell_dropped(&catalog, Timestamp::UNIX_EPOCH).unwrap(), 1);
        let [word] = &waiting(&catalog, Lane::Telemetry)[..] else { panic!("one word") };
        let told: Telemetry = serde_json::from_str(&word.body).unwrap();
        assert_eq!(told, Telemetry::Dropped { what: Dropped::Telemetry, count: 3 });
        assert_eq!(word.kind, "dropped");
    }

    #[test]
    fn orders_alone_are_never_dropped() {
        let of =
            |worth: Priority| (0..=9).filter(|priority| super::worth(*priority) == worth).collect::<Vec<_>>();
        assert_eq!(of(Priority::Keep), [9]);
        assert_eq!((of(Priority::Low), of(Priority::Usual)), (vec![0, 1], vec![2]));
    }
}
