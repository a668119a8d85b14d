//! Owns how what happens at the kiosks is told while it comes: each event once, in one line. Pure.

use super::keyring::whole;
use crate::store::FiledEvent;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Collectors write at one time, and one may be late: so far back it is looked, in seconds.
const LATE_S: i64 = 30;

/// What was told already.
#[derive(Debug)]
pub struct News {
    since: Timestamp,
    told: BTreeMap<Uuid, Timestamp>,
}

impl News {
    /// Tells of what comes from now on.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { since: whole(now), told: BTreeMap::new() }
    }

    /// From when on events are to be looked for.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Those of the events that were not told yet, a line each.
    pub fn take(&mut self, events: &[FiledEvent], now: Timestamp) -> Vec<String> {
        let new: Vec<String> = events
            .iter()
            .filter(|event| self.told.insert(event.id, event.received_at).is_none())
            .map(line)
            .collect();
        let late = now.checked_sub(SignedDuration::from_secs(LATE_S)).unwrap_or(now);
        // When they came is written down in whole seconds.
        self.since = self.since.max(whole(late));
        let since = self.since;
        self.told.retain(|_, received_at| *received_at >= since);
        new
    }
}

/// An event in one line.
fn line(event: &FiledEvent) -> String {
    let at = event.made_at.strftime("%H:%M:%S");
    let body = serde_json::from_str::<Value>(&event.body).unwrap_or_default();
    let field = |(name, value): (&String, &Value)| match value {
        // Many numbers that nobody reads one by one.
        Value::Array(all) if all.len() > 8 => format!(" {name}=[{}]", all.len()),
        Value::String(text) if !text.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            format!(" {name}={text}")
        }
        value => format!(" {name}={value}"),
    };
    let fields = body.as_object().into_iter().flatten().filter(|(name, _)| *name != "kind");
    let fields: String = fields.map(field).collect();
    format!("{at} {}/{} {}{fields}", event.store, event.kiosk, event.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn event(n: u128, received: i64, kind: &str, body: &str) -> FiledEvent {
        FiledEvent {
            id: Uuid::from_u128(n),
            store: "s042".into(),
            kiosk: "k1".into(),
            kind: kind.into(),
            made_at: at(0),
            received_at: at(received),
            body: body.into(),
        }
    }

    #[test]
    fn each_event_is_told_once_even_when_it_comes_late() {
        let mut news = News::new(at(0));
        let one = event(1, 1, "searched", r#"{"kind":"searched","found":3,"no_match":false}"#);
        let said = news.take(std::slice::from_ref(&one), at(1));
        assert_eq!(said, ["08:00:00 s042/k1 searched found=3 no_match=false"]);
        assert_eq!(
            (news.take(&[one.clone(), event(2, 0, "x", "{}")], at(2)).len(), news.since()),
            (1, at(0))
        );
        assert!(news.take(std::slice::from_ref(&one), at(20)).is_empty());
        assert_eq!((news.take(&[], at(100)), news.since()), (vec![], at(70)));
        assert!(news.told.is_empty(), "what is not looked for any more is forgotten");
    }

    #[test]
    fn long_lists_and_sentences_are_told_so_that_a_line_stays_one() {
        let counts = r#"{"kind":"latency","stage":"total","counts":[0,0,0,0,0,0,0,0,1]}"#;
        assert!(line(&event(1, 0, "latency", counts)).ends_with("latency stage=total counts=[9]"));
        let failed = r#"{"kind":"failed","why":"no\nroom left"}"#;
        assert!(line(&event(1, 0, "failed", failed)).ends_with(r#"failed why="no\nroom left""#));
        assert!(line(&event(1, 0, "odd", "")).ends_with("s042/k1 odd"));
    }
}
