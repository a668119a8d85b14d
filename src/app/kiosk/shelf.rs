//! A found product as a card: what is known of it now, and how long ago that was sure.
//! Pure; the clock and the list are told.

use crate::dialog::findings::Found;
use crate::dialog::freshness::Freshness;
use crate::domain::planogram::is_aisle;
use crate::domain::turn::OrderLine;
use crate::domain::{AsOf, Availability, Currency, Product, moment};
use crate::view::card::{Age, Card, PriceAge, Stock};
use crate::view::photos::kind;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Pieces up to which a stock is called low.
const LOW: i64 = 5;

/// A product with its card.
#[derive(Debug, Clone, PartialEq)]
pub struct Good {
    pub card: Card,
    pub product: Product,
}

/// What cards are made by.
#[derive(Debug, Clone)]
pub struct Light {
    pub now: Timestamp,
    pub currency: Currency,
    /// When the whole catalog was sure.
    pub as_of: Option<AsOf>,
}

impl Light {
    /// The card of `found`, with the reason it is shown for where there is more to say
    /// than that it was asked for.
    #[must_use]
    pub fn good(&self, found: Found) -> Good {
        let product = found.product;
        let place = product.location.clone();
        // A counter is known by its name, an aisle by its sign.
        let area = found.area.filter(|_| place.as_ref().is_some_and(|place| !is_aisle(&place.aisle)));
        let price = found.price_cents.filter(|_| found.price == Freshness::Now);
        let price_age = match &found.price {
            Freshness::Now => PriceAge::Now,
            Freshness::Once => PriceAge::Once,
            Freshness::Then(_) => {
                let as_of = product.price_as_of.as_ref().or(self.as_of.as_ref());
                as_of.and_then(|as_of| self.day(as_of)).map_or(PriceAge::Once, PriceAge::Day)
            }
        };
        let card = Card {
            sku: product.sku.clone(),
            title: product.label(),
            photo: product.photo.clone(),
            kind: kind(&product.category),
            price: found.price_cents,
            // Who is not sure of a price promises no offer.
            regular: found.offer.as_ref().and(price).and(product.price_cents),
            currency: self.currency,
            unit_price: found.price_cents.and_then(|cents| product.pack.as_ref()?.unit_price(cents)),
            until: found.offer.as_ref().and_then(|_| {
                let until = product.promotion.as_ref()?.until.as_deref()?;
                moment::date(until).or_else(|| Some(moment::last(until)?.to_zoned(TimeZone::system()).date()))
            }),
            price_age,
            made_to_order: !product.option_groups.is_empty(),
            stock: stock(&product),
            count: product.stock,
            age: self.age(&product),
            place,
            area,
            marks: product.dietary.clone(),
            reason: reason(&found.reason),
            instead: false,
            listed: 0,
            compared: false,
        };
        Good { card, product }
    }

    /// The day of a moment, where the shop's clocks are.
    fn day(&self, as_of: &AsOf) -> Option<Date> {
        moment::date(as_of).or_else(|| Some(moment::first(as_of)?.to_zoned(TimeZone::system()).date()))
    }

    /// How long ago the stock was sure.
    fn age(&self, product: &Product) -> (Age, i32) {
        let as_of = product.stock_as_of.as_ref().or(self.as_of.as_ref());
        let Some(at) = as_of.and_then(|as_of| moment::first(as_of)) else { return (Age::Unknown, 0) };
        let minutes = self.now.as_second().saturating_sub(at.as_second()).max(0) / 60;
        let count = |n: i64| i32::try_from(n).unwrap_or(i32::MAX);
        match minutes {
            0..2 => (Age::Fresh, 0),
            2..60 => (Age::Minutes, count(minutes)),
            60..2880 => (Age::Hours, count(minutes / 60)),
            _ => (Age::Days, count(minutes / 1440)),
        }
    }
}

fn stock(product: &Product) -> Stock {
    match (product.stock, product.availability) {
        (Some(pieces), _) if pieces > LOW => Stock::In,
        (Some(pieces), _) if pieces > 0 => Stock::Low,
        (_, Some(Availability::Preorder | Availability::Backorder)) => Stock::Orderable,
        (Some(_), _) => Stock::Out,
        (None, Some(Availability::InStock)) => Stock::In,
        (None, Some(Availability::OutOfStock | Availability::Discontinued)) => Stock::Out,
        (None, None) => Stock::Unknown,
    }
}

/// A reason for the screen; that it is what was asked for goes without saying.
fn reason(words: &str) -> String {
    match words {
        "name matches" | "on your list" | "on offer" | "" => String::new(),
        _ => {
            let mut letters = words.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
        }
    }
}

/// Marks what is on the list.
pub fn mark<'a>(cards: impl IntoIterator<Item = &'a mut Card>, order: &[OrderLine]) {
    for card in cards {
        let pieces = order.iter().filter(|line| line.sku == card.sku).map(|line| line.quantity);
        card.listed = pieces.fold(0, u32::saturating_add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::freshness::Moment;

    fn product(json: &str) -> Product {
        serde_json::from_str(json).unwrap()
    }

    fn light() -> Light {
        Light {
            now: "2026-11-25T12:00:00Z".parse().unwrap(),
            currency: Currency::Usd,
            as_of: Some("2026-11-25T06:00:00Z".to_owned()),
        }
    }

    #[test]
    fn a_stock_is_told_with_its_age() {
        let card = |json| light().good(Found::new(product(json), "name matches")).card;
        let oat = card(r#"{"sku":"A","title":"Oats","stock":33}"#);
        assert_eq!((oat.stock, oat.age, oat.reason.as_str()), (Stock::In, (Age::Hours, 6), ""));
        let few = card(r#"{"sku":"A","stock":2,"stock_as_of":"2026-11-25T11:48:00Z"}"#);
        assert_eq!((few.stock, few.age), (Stock::Low, (Age::Minutes, 12)));
        assert_eq!(card(r#"{"sku":"A","stock":0}"#).stock, Stock::Out);
        assert_eq!(card(r#"{"sku":"A"}"#).stock, Stock::Unknown, "unknown is not sold out");
        assert_eq!(card(r#"{"sku":"A","availability":"preorder"}"#).stock, Stock::Orderable);
    }

    #[test]
    fn an_aisle_goes_by_its_sign_and_a_counter_by_its_name() {
        let mut found = Found::new(product(r#"{"sku":"A","location":{"aisle":"4","bay":2}}"#), "");
        found.area = Some("Dairy".into());
        assert_eq!(light().good(found.clone()).card.area, None);
        found.product.location.as_mut().unwrap().aisle = "B".into();
        assert_eq!(light().good(found).card.area.as_deref(), Some("Dairy"));
    }

    #[test]
    fn a_price_that_is_not_sure_makes_no_offer() {
        let mut found = Found::new(
            product(r#"{"sku":"A","price_cents":349,"promotion":{"price_cents":299,"until":"2026-11-29"}}"#),
            "",
        );
        found.price_cents = Some(299);
        found.offer = Some(crate::dialog::findings::Offer { until: None });
        let card = light().good(found.clone()).card;
        assert_eq!((card.regular, card.until.map(|day| day.day())), (Some(349), Some(29)));
        found.price = Freshness::Once;
        let old = light().good(found.clone()).card;
        assert_eq!((old.regular, old.price_age), (None, PriceAge::Once));
        found.price = Freshness::Then(Moment { screen: "Nov 25".into(), speech: "November 25th".into() });
        assert_eq!(light().good(found).card.price_age, PriceAge::Day(Date::constant(2026, 11, 25)));
    }
}
