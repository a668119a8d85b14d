//! What of an answer is not as it should be, in a few words. Pure.

use super::Wanted;
use super::written::{Expect, ListLine};
use crate::domain::turn::{FactKind, TurnReport};
use crate::domain::{Cents, Sku};

/// Hits among which a product must be that was called by its name.
pub const FIRST: usize = 3;

/// A turn that was answered.
#[derive(Debug, Clone)]
pub struct Answer<'a> {
    pub report: &'a TurnReport,
    /// It was an honest no.
    pub is_no: bool,
}

impl Answer<'_> {
    /// What is wrong with it; `None`: nothing.
    #[must_use]
    pub fn fault(&self, wanted: &Wanted) -> Option<String> {
        match wanted {
            Wanted::Written(expect) => self.written(expect),
            // That is asked of the search.
            Wanted::Named { sku, label } => {
                let cards = self.report.cards.iter();
                unnamed(cards.map(|card| (&card.sku, card.title.as_str())), sku, label)
            }
            Wanted::Price { sku, price_cents } => self.priced(sku, *price_cents),
            Wanted::NotCarried => (!self.is_no).then(|| self.no_no()),
            Wanted::Stopped { sku } => {
                self.shows(sku).then(|| format!("offers {sku}, which must not be sold"))
            }
        }
    }

    fn shows(&self, sku: &Sku) -> bool {
        self.report.cards.iter().any(|card| card.sku == *sku)
    }

    fn no_no(&self) -> String {
        let shown = self.report.cards.iter().take(FIRST).map(|card| card.title.as_str());
        format!("no honest no, but {}", listed(shown))
    }

    fn priced(&self, sku: &Sku, price_cents: Option<Cents>) -> Option<String> {
        let said = self.report.facts.iter().find(|fact| {
            matches!(fact.kind, FactKind::Price | FactKind::UnitPrice) && fact.sku.as_ref() == Some(sku)
        });
        let Some(card) = self.report.cards.iter().find(|card| card.sku == *sku) else {
            return Some(format!("{sku} is on no card"));
        };
        if card.price_cents != price_cents {
            let cents =
                |cents: Option<Cents>| cents.map_or_else(|| "unknown".to_owned(), |own| own.to_string());
            let (shown, right) = (cents(card.price_cents), cents(price_cents));
            return Some(format!("its price is {shown} on the card and {right} in the catalog, in cents"));
        }
        match (said, price_cents) {
            (Some(said), None) => Some(format!("says {}, and nobody knows the price", said.value)),
            (None, Some(_)) => Some("does not say the price".to_owned()),
            _ => None,
        }
    }

    fn written(&self, expect: &Expect) -> Option<String> {
        let report = self.report;
        let facts = report.facts.iter().filter_map(|fact| fact.sku.as_ref());
        let lines = report.order.iter().map(|line| &line.sku);
        let seen: Vec<&Sku> = report.cards.iter().map(|card| &card.sku).chain(facts).chain(lines).collect();
        if let Some(missing) = expect.about.iter().find(|sku| !seen.contains(sku)) {
            return Some(format!("not about {missing}"));
        }
        if !expect.any_of.is_empty() && !expect.any_of.iter().any(|sku| self.shows(sku)) {
            return Some(format!("none of {} is on a card", listed(expect.any_of.iter().map(Sku::as_str))));
        }
        if let Some(wrong) = expect.none_of.iter().find(|sku| self.shows(sku)) {
            return Some(format!("{wrong} is on a card"));
        }
        let reply = report.reply.to_lowercase();
        if let Some(words) = expect.must_say.iter().find(|words| !reply.contains(&words.to_lowercase())) {
            return Some(format!("does not say {words:?}"));
        }
        if expect.no && !self.is_no {
            return Some(self.no_no());
        }
        let list = expect.list.as_ref()?;
        let mut there: Vec<ListLine> = report
            .order
            .iter()
            .map(|line| ListLine {
                sku: line.sku.clone(),
                quantity: line.quantity,
                options: line.options.clone(),
            })
            .collect();
        let mut wanted = list.clone();
        there.sort();
        wanted.sort();
        (there != wanted).then(|| {
            let line = |line: &ListLine| format!("{} {}", line.quantity, line.sku);
            format!("the list is {}", listed(there.iter().map(line)))
        })
    }
}

/// What is wrong with hits, given as numbers and names, where a product is looked for by its own
/// name; `None`: nothing. Of two products of one name either is right.
pub fn unnamed<'a>(
    hits: impl Iterator<Item = (&'a Sku, &'a str)> + Clone,
    sku: &Sku,
    label: &str,
) -> Option<String> {
    let hits = hits.take(FIRST);
    let is_there = hits.clone().any(|(own, title)| own == sku || title == label);
    (!is_there)
        .then(|| format!("not among the first {FIRST}, which are {}", listed(hits.map(|(_, title)| title))))
}

/// A short enumeration.
fn listed<T: AsRef<str>>(all: impl IntoIterator<Item = T>) -> String {
    let all: Vec<String> = all.into_iter().map(|one| one.as_ref().to_owned()).collect();
    match all.as_slice() {
        [] => "nothing".to_owned(),
        [few @ .., last] if few.len() < 5 => [few, std::slice::from_ref(last)].concat().join(", "),
        many => format!("{} and {} more", many[..4].join(", "), many.len() - 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::turn::{Card, Fact, Intent, OrderLine, Tier, Timings, ToolCall};
    use serde_json::json;

    fn sku(text: &str) -> Sku {
        Sku::new(text).unwrap()
    }

    fn report(cards: &[(&str, &str, Option<Cents>)]) -> TurnReport {
        let card = |&(own, title, price_cents): &(&str, &str, Option<Cents>)| Card {
            sku: sku(own),
            title: title.to_owned(),
            price_cents,
            regular_price_cents: None,
            currency: crate::domain::Currency::default(),
            stock: None,
            as_of: None,
            location: None,
            stale: Vec::new(),
            reason: String::new(),
        };
        TurnReport {
            id: None,
            transcript: String::new(),
            intent: Intent::Find,
            tier: Tier::Rules,
            tool: ToolCall { name: String::new(), arguments: json!({}) },
            also: Vec::new(),
            cards: cards.iter().map(card).collect(),
            order: Vec::new(),
            reply: "It is $2.49, in Aisle 4.".to_owned(),
            speech: String::new(),
            facts: Vec::new(),
            degraded: Vec::new(),
            timings_ms: Timings::default(),
        }
    }

    fn fault(report: &TurnReport, wanted: &Wanted) -> Option<String> {
        Answer { report, is_no: false }.fault(wanted)
    }

    #[test]
    fn a_name_wants_its_product_near_the_top() {
        let (a, b, c, d) = (sku("A"), sku("B"), sku("C"), sku("D"));
        let four = [(&a, "Rye"), (&b, "Barley"), (&c, "Oats"), (&d, "Oats")];
        assert_eq!(unnamed(four.into_iter(), &c, "Oats"), None);
        assert_eq!(unnamed(four.into_iter(), &d, "Oats"), None, "another one of its name is there");
        let why = unnamed(four.into_iter(), &d, "Oats, large").unwrap();
        assert_eq!(why, "not among the first 3, which are Rye, Barley, Oats");
        assert!(unnamed(std::iter::empty(), &a, "Rye").unwrap().ends_with("nothing"));
    }

    #[test]
    fn a_no_is_a_no_and_a_price_is_the_catalog_s_or_none() {
        let mut answer = report(&[("A", "Rye", Some(100))]);
        assert!(fault(&answer, &Wanted::NotCarried).unwrap().contains("Rye"));
        assert_eq!(Answer { report: &answer, is_no: true }.fault(&Wanted::NotCarried), None);
        assert_eq!(fault(&answer, &Wanted::Stopped { sku: sku("B") }), None);
        assert!(fault(&answer, &Wanted::Stopped { sku: sku("A") }).is_some());
        let price = |own: &str, price_cents| Wanted::Price { sku: sku(own), price_cents };
        assert!(fault(&answer, &price("B", None)).unwrap().contains("no card"));
        assert!(fault(&answer, &price("A", Some(99))).unwrap().contains("100 on the card and 99"));
        assert!(fault(&answer, &price("A", None)).unwrap().contains("unknown in the catalog"));
        assert!(fault(&answer, &price("A", Some(100))).unwrap().contains("does not say"));
        answer.facts.push(Fact {
            kind: FactKind::Price,
            sku: Some(sku("A")),
            value: "$1.00".into(),
            speech: String::new(),
            source: String::new(),
        });
        assert_eq!(fault(&answer, &price("A", Some(100))), None);
        answer.cards[0].price_cents = None;
        assert!(fault(&answer, &price("A", None)).unwrap().contains("says $1.00"));
    }

    #[test]
    fn what_is_written_down_is_held_to() {
        let mut answer = report(&[("A", "Rye", None), ("B", "Oats", None)]);
        answer.order.push(OrderLine {
            sku: sku("A"),
            title: "rye".into(),
            quantity: 2,
            options: [("size".to_owned(), "large".to_owned())].into(),
            defaults: [].into(),
        });
        let of = |json: serde_json::Value| Wanted::Written(serde_json::from_value(json).unwrap());
        let line = json!({"sku": "A", "quantity": 2, "options": {"size": "large"}});
        for (expect, wrong) in [
            (
                json!({"about": ["A", "B"], "any_of": ["X", "B"], "must_say": ["aisle 4"], "list": [line]}),
                None,
            ),
            (json!({"about": ["C"]}), Some("not about C")),
            (json!({"any_of": ["C"]}), Some("none of C")),
            (json!({"none_of": ["C", "B"]}), Some("B is on a card")),
            (json!({"must_say": ["aisle 5"]}), Some("aisle 5")),
            (json!({"no": true}), Some("no honest no")),
            (json!({"list": []}), Some("the list is 2 A")),
        ] {
            let found = fault(&answer, &of(expect.clone()));
            let fits = wrong
                .map_or(found.is_none(), |wrong| found.as_deref().is_some_and(|own| own.contains(wrong)));
            assert!(fits, "{expect}: {found:?}");
        }
    }

    #[test]
    fn an_enumeration_stays_short() {
        assert_eq!(listed(["a", "b", "c", "d", "e"]), "a, b, c, d, e");
        assert_eq!(listed(["a", "b", "c", "d", "e", "f"]), "a, b, c, d and 2 more");
        assert_eq!(listed::<&str>([]), "nothing");
    }
}
