//! What a customer is answered by: their name and, of all that they bought, what suggestions are
//! made of.

use super::question::Question;
use crate::domain::{Private, Purchase, Sku};
use crate::feeds::rows::{self, RowsError};
use crate::recommend::again::again;
use crate::store::{Bought, History, StoreError};
use crate::sync::loyalty::PATIENCE;
use crate::sync::mqtt::Message;
use crate::sync::wire::loyalty::{self as wire, LoyaltyReply, LoyaltyRequest, MAX_HISTORY};
use crate::sync::wire::{self as messages, Message as _, WireError};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;

/// Purchases of a customer that are looked at, the latest.
const LOOKED_AT: usize = 20_000;
/// Products that are told of: several times what a screen shows, since not every store has all.
const PRODUCTS: usize = 60;
const SECONDS_A_DAY: i64 = 86_400;

/// Why names are not taken.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct NamesError(#[from] RowsError);

/// All that is known of customers.
pub struct Customers {
    /// `None`: names only.
    history: Option<History>,
    names: BTreeMap<String, String>,
}

impl Customers {
    #[must_use]
    pub fn new(history: Option<History>) -> Self {
        Self { history, names: BTreeMap::new() }
    }

    /// With what they are called, a table of the columns number and name.
    ///
    /// # Errors
    /// The file or a row is not usable.
    pub fn with_names(mut self, path: &Path) -> Result<Self, NamesError> {
        rows::read(path, &["number", "name"], |_, row| {
            let number = row.text("number").map(str::to_owned);
            let number = number.filter(|own| LoyaltyRequest { number: own.clone() }.check().is_ok());
            let number = number.ok_or("write 4 to 32 digits and letters into number")?;
            let name = row.text("name").map(str::to_owned);
            let told = |name: &String| {
                let reply = LoyaltyReply { known: true, name: Some(name.clone()), history: Vec::new() };
                reply.check().is_ok()
            };
            let name = name.filter(told).ok_or("write 1 to 64 characters on one line into name")?;
            self.names.insert(number, name);
            Ok(())
        })?;
        Ok(self)
    }

    /// Who has a number, and what they bought, seen from `now`.
    ///
    /// # Errors
    /// The history cannot be read.
    pub(super) fn of(&self, number: &str, now: Timestamp) -> Result<LoyaltyReply, StoreError> {
        let bought = match &self.history {
            Some(history) => history.of(number, LOOKED_AT)?,
            None => None,
        };
        let name = self.names.get(number).cloned();
        let known = bought.is_some() || name.is_some();
        let history = told(&bought.map(Private::into_inner).unwrap_or_default(), now);
        Ok(LoyaltyReply { known, name, history })
    }
}

/// What is told of a history: of the products that count most, in turn from each its latest
/// purchases. So what is bought often has more rows than what was bought once, and the kiosk puts
/// them into the same order. Days count up to `now`, as those of a real CRM do.
fn told(bought: &[Bought], now: Timestamp) -> Vec<wire::Purchase> {
    let today = now.as_second().div_euclid(SECONDS_A_DAY);
    let purchase = |own: &Bought| Purchase {
        sku: own.sku.clone(),
        // A till whose clock is ahead sells today.
        days_ago: u32::try_from((today - own.day).clamp(0, 36_500)).unwrap_or(0),
        quantity: own.quantity.clamp(1, 10_000),
    };
    let all: Vec<Purchase> = bought.iter().map(purchase).collect();
    let mut latest: BTreeMap<&Sku, Vec<&Purchase>> = BTreeMap::new();
    for one in &all {
        latest.entry(&one.sku).or_default().push(one);
    }
    let ranked: Vec<Sku> = again(&all).into_iter().take(PRODUCTS).map(|(sku, _)| sku).collect();
    let mut rows: Vec<wire::Purchase> = Vec::new();
    for turn in 0.. {
        let before = rows.len();
        for one in ranked.iter().filter_map(|sku| latest.get(sku)?.get(turn)) {
            if rows.len() < MAX_HISTORY {
                let Purchase { sku, days_ago, quantity } = (*one).clone();
                rows.push(wire::Purchase { sku, days_ago, quantity });
            }
        }
        if rows.len() == before {
            break;
        }
    }
    rows
}

/// The message that answers a question. What does not fit is left out, the least important first.
pub(super) fn reply(question: &Question, mut found: LoyaltyReply) -> Result<Message, WireError> {
    let payload = loop {
        match messages::write(&found) {
            Err(WireError::TooLarge { .. }) if !found.history.is_empty() => {
                found.history.truncate(found.history.len() * 9 / 10);
            }
            written => break written?,
        }
    };
    Ok(Message {
        topic: question.topic.clone(),
        payload: payload.into(),
        retain: false,
        expiry: Some(PATIENCE),
        response_topic: None,
        correlation: Some(question.correlation.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn now() -> Timestamp {
        "2026-11-26T10:00:00Z".parse().unwrap()
    }

    fn today() -> i64 {
        now().as_second() / SECONDS_A_DAY
    }

    fn bought(sku: &str, days_ago: i64) -> Bought {
        Bought { sku: Sku::new(sku).unwrap(), day: today() - days_ago, quantity: 1 }
    }

    /// The newest first, as the database gives them.
    fn told_of(mut rows: Vec<Bought>) -> Vec<wire::Purchase> {
        rows.sort_by_key(|own| -own.day);
        told(&rows, now())
    }

    fn question() -> Question {
        Question {
            kiosk: "s042/k1".into(),
            topic: "aisle/v1/acme/k/s042/k1/loyalty/reply".into(),
            correlation: vec![7; 16].into(),
            number: Private::new("4711".into()),
            at: Instant::now(),
        }
    }

    #[test]
    fn days_count_up_to_now_and_stay_within_their_limits() {
        let days = |rows| told_of(rows).into_iter().map(|own| own.days_ago).collect::<Vec<_>>();
        assert_eq!(days(vec![bought("a", 0), bought("b", 3), bought("c", 40_000)]), [0, 3, 36_500]);
        assert_eq!(days(vec![bought("a", -2)]), [0]);
    }

    #[test]
    fn of_a_long_history_what_counts_most_is_told_and_in_the_same_order() {
        // 100 products, the first bought every week, the last once a year.
        let every = |n: i64| 7 + 4 * n;
        let rows = (0..100).flat_map(|n| {
            (0..360 / every(n)).map(move |time| bought(&format!("p{n:02}"), time * every(n) + n % 7))
        });
        let rows: Vec<Bought> = rows.collect();
        let told = told_of(rows.clone());
        assert_eq!(told.len(), MAX_HISTORY);
        let own = |rows: &[wire::Purchase]| -> Vec<Purchase> {
            let purchase = |own: &wire::Purchase| Purchase {
                sku: own.sku.clone(),
                days_ago: own.days_ago,
                quantity: own.quantity,
            };
            rows.iter().map(purchase).collect()
        };
        let order = |history: &[Purchase]| -> Vec<Sku> {
            again(history).into_iter().map(|(sku, _)| sku).take(12).collect()
        };
        let all: Vec<Purchase> = rows
            .iter()
            .map(|own| Purchase {
                sku: own.sku.clone(),
                days_ago: u32::try_from(today() - own.day).unwrap(),
                quantity: 1,
            })
            .collect();
        assert_eq!(order(&own(&told)), order(&all));
    }

    #[test]
    fn an_answer_always_fits() {
        let long = |n: i64| format!("{n:é<64}");
        let history = told_of((0..60).flat_map(|n| (0..9).map(move |ago| bought(&long(n), ago))).collect());
        assert_eq!(history.len(), MAX_HISTORY);
        let found = LoyaltyReply { known: true, name: Some("Ann".into()), history };
        let message = reply(&question(), found).unwrap();
        let read: LoyaltyReply = messages::read(&message.payload).unwrap();
        assert!(read.history.len() > 100 && read.history.len() < MAX_HISTORY, "{}", read.history.len());
        assert_eq!((message.retain, message.expiry), (false, Some(PATIENCE)));
        assert_eq!((message.correlation, message.topic), (Some(question().correlation), question().topic));
    }

    #[test]
    fn a_customer_is_known_by_a_history_or_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path()).unwrap();
        let rows = [("1001", bought("milk", 3)), ("1002", bought("tea", 1))];
        history
            .replace(|put| rows.iter().try_for_each(|(customer, own)| put(customer, own)))
            .map_err(|error: StoreError| error)
            .unwrap();
        let names = folder.path().join("names.csv");
        std::fs::write(&names, "number,name\n1001,Ann\n1003,Bo\n").unwrap();
        let customers = Customers::new(Some(history)).with_names(&names).unwrap();
        let of = |number: &str| {
            let LoyaltyReply { known, name, history } = customers.of(number, now()).unwrap();
            (known, name.unwrap_or_default(), history.len())
        };
        assert_eq!(of("1001"), (true, "Ann".into(), 1));
        assert_eq!(of("1002"), (true, String::new(), 1));
        assert_eq!(of("1003"), (true, "Bo".into(), 0));
        assert_eq!(of("1004"), (false, String::new(), 0));
        for (row, wanted) in [("123,Ann", "line 2: write 4 to 32"), ("1001,", "line 2: write 1 to 64")] {
            std::fs::write(&names, format!("number,name\n{row}\n")).unwrap();
            let error = Customers::new(None).with_names(&names).err().unwrap().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
