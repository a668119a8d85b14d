//! Owns what becomes of a batch that a kiosk sent: rows for office.db, and the answer to it. What
//! cannot be taken is refused by its id, with the reason. Pure.

use crate::store::{Effect, OfficeBatch, OfficeEvent};
use crate::sync::topics::{Line, Name};
use crate::sync::wire::event::{Ack, Batch, Inventory, Order, Outcome, Refused, Telemetry, Told};
use crate::sync::wire::{self, Message, WireError};
use serde_json::Value;

/// A batch, ready to be written down and answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filing {
    pub batch: OfficeBatch,
    /// Good once the batch is written down.
    pub ack: Ack,
}

/// Reads a batch that came from a kiosk on one of its lines. The broker vouches for who it is:
/// nobody else may write there.
///
/// # Errors
/// It is no batch at all: there are no ids to answer.
pub(super) fn read(store: &Name, kiosk: &Name, line: Line, payload: &[u8]) -> Result<Filing, WireError> {
    match line {
        Line::Telemetry => file::<Telemetry>(store, kiosk, payload),
        Line::Inventory => file::<Inventory>(store, kiosk, payload),
        Line::Order => file::<Order>(store, kiosk, payload),
        Line::Outcome => file::<Outcome>(store, kiosk, payload),
        line => {
            Err(WireError::Malformed { kind: line.kind().name(), why: "it carries no batches".to_owned() })
        }
    }
}

/// What an event changes besides being written down.
trait Effects {
    fn effect(&self) -> Effect {
        Effect::Nothing
    }
}

impl Effects for Telemetry {}
impl Effects for Outcome {}

impl Effects for Inventory {
    fn effect(&self) -> Effect {
        match self {
            Self::Counted { sku, stock, as_of } => {
                Effect::Counted { sku: sku.to_string(), stock: *stock, as_of: *as_of }
            }
            Self::Sold { sku, quantity, .. } => Effect::Sold { sku: sku.to_string(), quantity: *quantity },
            _ => Effect::Nothing,
        }
    }
}

impl Effects for Order {
    fn effect(&self) -> Effect {
        let Self::OrderPlaced { number, lines } = self;
        let lines = serde_json::to_string(lines).unwrap_or_default();
        Effect::Ordered { number: number.to_string(), lines }
    }
}

fn file<T: Told + Effects>(store: &Name, kiosk: &Name, payload: &[u8]) -> Result<Filing, WireError>
where
    Batch<T>: Message,
{
    let batch: Batch<T> = wire::read(payload)?;
    let mut ack = Ack::default();
    let mut events = Vec::with_capacity(batch.events.items.len());
    for event in batch.events.items {
        let Ok(body) = serde_json::to_value(&event.what) else { continue };
        ack.taken.push(event.id);
        events.push(OfficeEvent {
            id: event.id,
            seq: event.seq,
            kind: body.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned(),
            made_at: event.at,
            body: body.to_string(),
            effect: event.what.effect(),
        });
    }
    for refused in batch.events.refused {
        let Some(id) = refused.id else {
            tracing::warn!(%store, %kiosk, "an event without an id was passed over: {}", refused.why);
            continue;
        };
        ack.refused.push(Refused { id, why: one_line(&refused.why) });
    }
    let (store, kiosk) = (store.to_string(), kiosk.to_string());
    let batch = OfficeBatch { store, kiosk, outbox: batch.outbox, lane: T::KIND.name(), events };
    Ok(Filing { batch, ack })
}

/// As an answer may bear it.
fn one_line(why: &str) -> String {
    wire::one_line(why).unwrap_or_else(|| "it cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use uuid::Uuid;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn read_on(line: Line, payload: &[u8]) -> Result<Filing, WireError> {
        read(&name("s042"), &name("k1"), line, payload)
    }

    fn event(n: u128, body: Value) -> Value {
        let mut event = json!({"id": Uuid::from_u128(n), "seq": n as u64, "at": "2026-11-26T07:00:00Z"});
        event.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        event
    }

    fn batch(events: &[Value]) -> Vec<u8> {
        json!({"id": Uuid::nil(), "outbox": Uuid::from_u128(9), "events": events}).to_string().into_bytes()
    }

    #[test]
    fn a_bad_event_is_refused_by_its_id_and_the_others_are_taken() {
        let bad = [
            event(2, json!({"kind": "from_the_future", "x": 1})),
            event(3, json!({"kind": "recommended", "shown": 1, "taken": 2})),
            event(4, json!({"kind": "searched", "found": "many"})),
        ];
        let good = event(1, json!({"kind": "list_confirmed", "lines": 3}));
        let all: Vec<Value> = [good].into_iter().chain(bad).chain([json!({"no": "id"}), json!(7)]).collect();
        let Filing { batch: filed, ack } = read_on(Line::Telemetry, &batch(&all)).unwrap();
        assert_eq!(ack.taken, [Uuid::from_u128(1)]);
        let refused: Vec<u128> = ack.refused.iter().map(|one| one.id.as_u128()).collect();
        assert_eq!(refused, [2, 3, 4]);
        assert!(ack.refused[0].why.contains("from_the_future"), "{:?}", ack.refused[0]);
        assert!(wire::write(&ack).is_ok());
        assert_eq!((filed.lane, filed.outbox.as_u128()), ("telemetry", 9));
        let [only] = filed.events.as_slice() else { panic!("{filed:?}") };
        assert_eq!(
            (only.kind.as_str(), only.seq, only.effect.clone()),
            ("list_confirmed", 1, Effect::Nothing)
        );
        assert_eq!(only.body, r#"{"kind":"list_confirmed","lines":3}"#);
    }

    #[test]
    fn what_follows_from_an_event_is_told() {
        let sold = event(1, json!({"kind": "sold", "sku": "DA-1", "quantity": 2, "sale": "7"}));
        let filed = read_on(Line::Inventory, &batch(&[sold])).unwrap();
        let effect = Effect::Sold { sku: "DA-1".into(), quantity: 2 };
        assert_eq!(filed.batch.events[0].effect, effect);
        let lines = json!([{"sku": "CF-1", "quantity": 1}]);
        let order = event(2, json!({"kind": "order_placed", "number": "k1-7", "lines": lines}));
        let filed = read_on(Line::Order, &batch(&[order])).unwrap();
        let effect = Effect::Ordered { number: "k1-7".into(), lines: lines.to_string() };
        assert_eq!(filed.batch.events[0].effect, effect);
    }

    #[test]
    fn what_is_no_batch_has_no_answer() {
        for payload in [&b""[..], b"{}", b"\xff\xfe", &batch(&[])] {
            assert!(read_on(Line::Telemetry, payload).is_err());
        }
        assert!(read_on(Line::Status, &batch(&[event(1, json!({}))])).is_err());
    }

    #[test]
    fn a_reason_is_cut_to_what_an_answer_may_bear() {
        assert_eq!(one_line("a\nb\0"), "a b");
        assert_eq!(one_line(&"é".repeat(400)).chars().count(), 300);
        assert_eq!(one_line("\n"), "it cannot be read");
    }
}
