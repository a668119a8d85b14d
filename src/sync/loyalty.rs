//! A customer's number on its way to head office and back, as the kiosk sees it: which request is
//! open, and whether what comes is the answer to it. Pure. One request is open at a time, since
//! one shopper stands there; what comes for any other, or too late, is passed over.

use super::mqtt::{Arrival, Id, Message};
use super::topics::{Line, Site};
use super::wire::loyalty::{EXPIRES_S, LoyaltyReply, LoyaltyRequest};
use super::wire::{self, WireError};
use bytes::Bytes;
use std::time::Duration;

/// How long an answer is waited for; the broker keeps neither request nor answer any longer.
pub const PATIENCE: Duration = Duration::from_secs(EXPIRES_S as u64);
/// Bytes of correlation data.
pub const CORRELATION: usize = 16;
/// Where the numbers of its messages begin: nobody else of the kiosk's counts so far.
const FIRST: Id = 1 << 62;

/// The kiosk's side of it.
#[derive(Debug)]
pub struct Asking {
    site: Site,
    /// Where answers come.
    reply: String,
    next: Id,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    id: Id,
    correlation: [u8; CORRELATION],
    until: Duration,
}

impl Asking {
    #[must_use]
    pub fn new(site: Site) -> Self {
        let reply = site.own(Line::LoyaltyReply).text(&site.tenant);
        Self { site, reply, next: FIRST, open: None }
    }

    /// A request for `number` at `now`, which must be sent at once or not at all. What was open
    /// before is no more.
    ///
    /// # Errors
    /// The number can be nobody's.
    pub fn ask(
        &mut self,
        number: &str,
        correlation: [u8; CORRELATION],
        now: Duration,
    ) -> Result<(Id, Message), WireError> {
        self.open = None;
        let payload = wire::write(&LoyaltyRequest { number: number.to_owned() })?;
        let id = self.next;
        self.next += 1;
        self.open = Some(Open { id, correlation, until: now + PATIENCE });
        let message = Message {
            topic: self.site.own(Line::Loyalty).text(&self.site.tenant),
            payload: payload.into(),
            retain: false,
            expiry: Some(PATIENCE),
            response_topic: Some(self.reply.clone()),
            correlation: Some(Bytes::copy_from_slice(&correlation)),
        };
        Ok((id, message))
    }

    /// The answer, if this is it: then nothing is open any more. A retained one is somebody's
    /// mistake; one that is none of its kind leaves the request open for a better one.
    pub fn heard(&mut self, arrival: &Arrival, now: Duration) -> Option<LoyaltyReply> {
        let open = self.open.as_ref()?;
        let is_answer = arrival.topic == self.reply
            && !arrival.retain
            && arrival.correlation.as_deref() == Some(&open.correlation[..])
            && now < open.until;
        let reply = if is_answer { wire::read(&arrival.payload).ok()? } else { return None };
        self.open = None;
        Some(reply)
    }

    /// Whether it is the open request that the broker does not take; it is open no more then.
    pub fn refused(&mut self, id: Id) -> bool {
        self.open.take_if(|open| open.id == id).is_some()
    }

    /// When the open request is answered by nobody.
    #[must_use]
    pub fn until(&self) -> Option<Duration> {
        self.open.as_ref().map(|open| open.until)
    }

    /// No answer is wanted any more.
    pub fn forget(&mut self) {
        self.open = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "aisle/v1/acme/k/s042/k1/loyalty/reply";
    const FIVE: Duration = Duration::from_secs(5);

    fn asking() -> Asking {
        let name = |text: &str| text.parse().unwrap();
        Asking::new(Site { tenant: name("acme"), store: name("s042"), kiosk: name("k1"), group: name("all") })
    }

    fn arrival(correlation: u8, payload: &str) -> Arrival {
        Arrival {
            topic: OWN.into(),
            payload: payload.to_owned().into(),
            retain: false,
            response_topic: None,
            correlation: Some(vec![correlation; 16].into()),
            authorization: None,
        }
    }

    fn known() -> Arrival {
        arrival(7, r#"{"known":true,"name":"Ann","history":[]}"#)
    }

    #[test]
    fn a_request_says_where_and_until_when_it_is_answered() {
        let mut asking = asking();
        let (_, message) = asking.ask("480217365904", [7; 16], FIVE).unwrap();
        assert_eq!(message.topic, "aisle/v1/acme/k/s042/k1/loyalty");
        assert_eq!(message.payload, r#"{"number":"480217365904"}"#);
        assert_eq!((message.retain, message.expiry), (false, Some(FIVE)));
        assert_eq!(message.response_topic.as_deref(), Some(OWN));
        assert_eq!(message.correlation.as_deref(), Some(&[7; 16][..]));
        assert_eq!(asking.until(), Some(2 * FIVE));
        assert!(!format!("{asking:?}").contains("4802"));
        for odd in ["", "123", "1234 5678", "12345678\n", &"1".repeat(33), "número"] {
            assert!(asking.ask(odd, [7; 16], FIVE).is_err(), "{odd:?}");
            assert_eq!(asking.until(), None);
        }
    }

    #[test]
    fn the_answer_is_taken_once() {
        let mut asking = asking();
        assert_eq!(asking.heard(&known(), Duration::ZERO), None, "nobody asked");
        asking.ask("4711", [7; 16], Duration::ZERO).unwrap();
        let reply = asking.heard(&known(), Duration::from_secs(1)).unwrap();
        assert_eq!((reply.known, reply.name.as_deref()), (true, Some("Ann")));
        assert_eq!(asking.heard(&known(), Duration::from_secs(1)), None);
        assert_eq!(asking.until(), None);
    }

    #[test]
    fn what_is_no_answer_changes_nothing() {
        let mut asking = asking();
        asking.ask("4711", [7; 16], Duration::ZERO).unwrap();
        let foreign = [
            Arrival { topic: OWN.replace("k1", "k2"), ..known() },
            Arrival { topic: OWN.replace("/reply", ""), ..known() },
            Arrival { retain: true, ..known() },
            Arrival { correlation: None, ..known() },
            Arrival { correlation: Some(vec![7; 15].into()), ..known() },
            Arrival { correlation: Some(vec![7; 17].into()), ..known() },
            arrival(8, r#"{"known":true}"#),
            arrival(7, ""),
            arrival(7, "{}"),
            arrival(7, r#"{"known":false,"name":"Ann"}"#),
            arrival(7, r#"{"known":true,"history":[{"sku":"A","days_ago":-1,"quantity":1}]}"#),
            arrival(7, &format!(r#"{{"known":true,"more":"{}"}}"#, "x".repeat(40_000))),
        ];
        for arrival in &foreign {
            assert_eq!(asking.heard(arrival, Duration::from_secs(1)), None, "{:?}", arrival.topic);
        }
        assert!(asking.heard(&known(), Duration::from_secs(1)).is_some(), "it is still waited for");
    }

    #[test]
    fn what_comes_late_or_after_another_request_is_nobodys() {
        let mut asking = asking();
        asking.ask("4711", [7; 16], Duration::ZERO).unwrap();
        assert_eq!(asking.heard(&known(), FIVE), None);
        // Asked again, by the next shopper.
        let (first, _) = asking.ask("4711", [8; 16], FIVE).unwrap();
        assert_eq!(asking.heard(&known(), FIVE), None);
        let (second, _) = asking.ask("4712", [9; 16], FIVE).unwrap();
        assert!(first != second && !asking.refused(first));
        assert!(asking.refused(second) && !asking.refused(second));
        assert_eq!(asking.heard(&arrival(9, r#"{"known":false}"#), FIVE), None);
        asking.ask("4712", [9; 16], FIVE).unwrap();
        asking.forget();
        assert_eq!(asking.heard(&arrival(9, r#"{"known":false}"#), FIVE), None, "the shopper left");
    }
}
