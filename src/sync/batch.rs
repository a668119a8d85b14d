//! Owns what a batch of the outbox looks like on the wire. Bodies go as they were written, since
//! head office judges them; what is no JSON object is told apart. Never reads the outbox.

use crate::store::Waiting;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// A batch, and what does not fit into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// A [`Batch`](super::wire::event::Batch) as JSON; `None`: nothing could be written.
    pub payload: Option<Vec<u8>>,
    /// Events that nobody can read, each with the reason.
    pub unfit: Vec<(Uuid, String)>,
}

#[derive(Serialize)]
struct Whole {
    id: Uuid,
    outbox: Uuid,
    events: Vec<Map<String, Value>>,
}

/// Writes events of the outbox named `outbox` as the batch `id`.
#[must_use]
pub fn write(id: Uuid, outbox: Uuid, rows: &[Waiting]) -> Written {
    let mut unfit = Vec::new();
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        match serde_json::from_str::<Map<String, Value>>(&row.body) {
            Ok(body) => {
                let mut event = Map::new();
                event.insert("id".into(), row.id.to_string().into());
                event.insert("seq".into(), row.seq.into());
                event.insert("at".into(), row.made_at.clone().into());
                event.extend(body.into_iter().filter(|(name, _)| !is_own(name)));
                events.push(event);
            }
            Err(error) => unfit.push((row.id, format!("its body is no JSON object: {error}"))),
        }
    }
    let payload = (!events.is_empty()).then(|| serde_json::to_vec(&Whole { id, outbox, events }).ok());
    Written { payload: payload.flatten(), unfit }
}

/// What the outbox says of an event, and no body.
fn is_own(name: &str) -> bool {
    matches!(name, "id" | "seq" | "at")
}

#[cfg(test)]
mod tests {
    use super::super::wire::event::{Batch, Event, Order, Telemetry, Told};
    use super::super::wire::{self, Message, samples};
    use super::*;

    fn waiting<T: Told>(event: &Event<T>) -> Waiting {
        let body = serde_json::to_value(&event.what).unwrap();
        Waiting {
            seq: i64::try_from(event.seq).unwrap(),
            id: event.id,
            kind: body["kind"].as_str().unwrap().to_owned(),
            made_at: event.at.to_string(),
            body: body.to_string(),
        }
    }

    fn round<T: Told + PartialEq + std::fmt::Debug>(batch: &Batch<T>)
    where
        Batch<T>: Message,
    {
        let rows: Vec<Waiting> = batch.events.items.iter().map(waiting).collect();
        let written = write(batch.id, batch.outbox, &rows);
        assert_eq!(written.unfit, []);
        let payload = written.payload.unwrap();
        assert_eq!(wire::read::<Batch<T>>(&payload).unwrap(), *batch);
        assert_eq!(payload, wire::write(batch).unwrap(), "to the byte");
    }

    #[test]
    fn a_batch_is_read_as_what_was_put_in() {
        round::<Telemetry>(&samples::telemetry());
        round::<Order>(&samples::order());
        round(&samples::inventory());
        round(&samples::outcome());
    }

    #[test]
    fn what_nobody_can_read_is_told_apart() {
        let row = |n, body: &str| Waiting {
            seq: n,
            id: Uuid::from_u128(n.unsigned_abs().into()),
            kind: "searched".into(),
            made_at: "2026-11-26T07:00:00Z".into(),
            body: body.into(),
        };
        let good = r#"{"kind":"list_confirmed","lines":3,"id":"mine","seq":"x"}"#;
        let written = write(Uuid::nil(), Uuid::nil(), &[row(1, good), row(2, "[]"), row(3, "{")]);
        let names: Vec<u128> = written.unfit.iter().map(|(id, _)| id.as_u128()).collect();
        assert_eq!(names, [2, 3]);
        let read = wire::read::<Batch<Telemetry>>(&written.payload.unwrap()).unwrap();
        assert_eq!((read.events.items.len(), read.events.refused.len()), (1, 0));
        let none = write(Uuid::nil(), Uuid::nil(), &[row(2, "")]);
        assert_eq!((none.payload, none.unfit.len()), (None, 1));
    }
}
