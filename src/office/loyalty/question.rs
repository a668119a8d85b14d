//! What a kiosk asks, and whether it may: read, checked and counted. Pure; the clock is told.

use crate::domain::Private;
use crate::sync::loyalty::CORRELATION;
use crate::sync::mqtt::Arrival;
use crate::sync::topics::{Line, Name, Topic};
use crate::sync::wire;
use crate::sync::wire::loyalty::LoyaltyRequest;
use bytes::Bytes;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Numbers that one kiosk may ask for within [`SPAN`]: more than shoppers type, and too few to try
/// all that there are.
pub(super) const MOST: u32 = 20;
const SPAN: Duration = Duration::from_secs(60);
/// Kiosks that are counted at a time.
const KIOSKS: usize = 100_000;

/// A question that is to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// Which kiosk, as its topics name it.
    pub kiosk: String,
    /// Where it hears the answer.
    pub topic: String,
    pub correlation: Bytes,
    pub number: Private<String>,
    pub at: Instant,
}

impl Question {
    /// A message as a question; `None`: it is none that is answered. Only to its own topic of
    /// answers does a kiosk make head office write, and only to one question at a time.
    pub(super) fn read(arrival: &Arrival, tenant: &Name, at: Instant) -> Option<Self> {
        let (whose, Topic::Kiosk { store, kiosk, line: Line::Loyalty }) =
            Topic::parse(&arrival.topic).ok()?
        else {
            return None;
        };
        let name = format!("{store}/{kiosk}");
        let topic = Topic::Kiosk { store, kiosk, line: Line::LoyaltyReply }.text(tenant);
        let correlation = arrival.correlation.clone().filter(|own| own.len() == CORRELATION)?;
        let is_ours =
            whose == *tenant && !arrival.retain && arrival.response_topic.as_deref() == Some(topic.as_str());
        if !is_ours {
            return None;
        }
        let LoyaltyRequest { number } = wire::read(&arrival.payload).ok()?;
        Some(Self { kiosk: name, topic, correlation, number: Private::new(number), at })
    }
}

/// How many numbers each kiosk asked for lately.
#[derive(Debug, Default)]
pub(super) struct Pace {
    lately: HashMap<String, (Instant, u32)>,
}

impl Pace {
    /// Counts one more of a kiosk; how many it asked for within the time, this one counted.
    pub(super) fn count(&mut self, kiosk: &str, now: Instant) -> u32 {
        let is_over = |since: Instant| now.saturating_duration_since(since) >= SPAN;
        if let Some((since, count)) = self.lately.get_mut(kiosk) {
            if is_over(*since) {
                (*since, *count) = (now, 0);
            }
            *count = count.saturating_add(1);
            return *count;
        }
        if self.lately.len() >= KIOSKS {
            self.lately.retain(|_, (since, _)| !is_over(*since));
        }
        // More kiosks at once than anybody has: they wait.
        if self.lately.len() >= KIOSKS {
            return u32::MAX;
        }
        self.lately.insert(kiosk.to_owned(), (now, 1));
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks() -> Arrival {
        Arrival {
            topic: "aisle/v1/acme/k/s042/k1/loyalty".into(),
            payload: r#"{"number":"480217365904"}"#.into(),
            retain: false,
            response_topic: Some("aisle/v1/acme/k/s042/k1/loyalty/reply".into()),
            correlation: Some(vec![7; 16].into()),
            authorization: None,
        }
    }

    fn read(arrival: &Arrival) -> Option<Question> {
        Question::read(arrival, &"acme".parse().unwrap(), Instant::now())
    }

    #[test]
    fn a_question_is_answered_where_its_kiosk_hears() {
        let question = read(&asks()).unwrap();
        assert_eq!((question.kiosk.as_str(), question.number.as_str()), ("s042/k1", "480217365904"));
        assert_eq!(Some(question.topic.clone()), asks().response_topic);
        assert!(!format!("{question:?}").contains("4802"));
    }

    #[test]
    fn nobody_has_head_office_write_elsewhere_and_what_is_no_question_gets_no_answer() {
        let to = |topic: &str| Arrival { response_topic: Some(topic.into()), ..asks() };
        let says = |payload: &str| Arrival { payload: payload.to_owned().into(), ..asks() };
        for odd in [
            to("aisle/v1/acme/k/s042/k2/loyalty/reply"),
            to("aisle/v1/acme/k/s042/k1/commands"),
            to("aisle/v1/acme/keys"),
            to("aisle/v1/other/k/s042/k1/loyalty/reply"),
            to("aisle/v1/acme/k/s042/k1/loyalty/reply/"),
            to(""),
            Arrival { response_topic: None, ..asks() },
            Arrival { correlation: None, ..asks() },
            Arrival { correlation: Some(vec![7; 15].into()), ..asks() },
            Arrival { correlation: Some(vec![7; 60_000].into()), ..asks() },
            Arrival { retain: true, ..asks() },
            Arrival { topic: "aisle/v1/other/k/s042/k1/loyalty".into(), ..asks() },
            Arrival { topic: "aisle/v1/acme/k/s042/k1/telemetry".into(), ..asks() },
            Arrival { topic: "aisle/v1/acme/k/s042/k1/loyalty/reply".into(), ..asks() },
            says(""),
            says("{}"),
            says(r#"{"number":"123"}"#),
            says(r#"{"number":"' OR 1=1"}"#),
            says(&format!(r#"{{"number":"4711","more":"{}"}}"#, "x".repeat(1_024))),
        ] {
            assert_eq!(read(&odd), None, "{:?} {:?}", odd.topic, odd.response_topic);
        }
    }

    #[test]
    fn who_tries_numbers_is_not_answered_for_a_while() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        assert!((1..=MOST + 2).all(|time| pace.count("s042/k1", start) == time));
        assert_eq!(pace.count("s042/k2", start), 1, "each kiosk for itself");
        assert_eq!(pace.count("s042/k1", start + SPAN / 2), MOST + 3);
        assert_eq!(pace.count("s042/k1", start + SPAN), 1);
        let mut pace = Pace::default();
        assert!((0..KIOSKS).all(|n| pace.count(&format!("s/{n}"), start) == 1));
        assert_eq!((pace.count("s/new", start), pace.count("s/new", start + SPAN)), (u32::MAX, 1));
        assert_eq!(pace.lately.len(), 1, "those before are forgotten");
    }
}
