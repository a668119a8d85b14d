//! A product as every page shows it, with values that the shopper's language is still
//! to be given to.

use super::ui;
use super::window::{Showing, keep};
use crate::domain::product::UnitPrice;
use crate::domain::{Cents, Currency, Location, Sku};
use jiff::civil::Date;
use slint::{ModelRc, SharedString, VecModel};

pub use super::ui::{Age, Kind, Stock};

/// When a price was last sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceAge {
    /// It holds.
    Now,
    /// On that day.
    Day(Date),
    /// Nobody knows when.
    Once,
}

/// A product card.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    pub sku: Sku,
    pub title: String,
    /// Name of its photograph.
    pub photo: Option<String>,
    pub kind: Kind,
    /// What it costs now; `None`: not known.
    pub price: Option<Cents>,
    /// What it costs without the offer that holds.
    pub regular: Option<Cents>,
    pub currency: Currency,
    /// When the price was last sure.
    pub price_age: PriceAge,
    /// It has options that are chosen on its page.
    pub made_to_order: bool,
    pub unit_price: Option<UnitPrice>,
    /// Last day of the offer.
    pub until: Option<Date>,
    pub stock: Stock,
    /// Pieces on hand, where known.
    pub count: Option<i64>,
    /// How long ago the stock was sure: so many of the unit.
    pub age: (Age, i32),
    pub place: Option<Location>,
    /// What a counter is called; `None` for an aisle.
    pub area: Option<String>,
    /// Dietary words, as stated.
    pub marks: Vec<String>,
    /// Why it is shown, in English; empty: as asked for.
    pub reason: String,
    /// The shop does not have what was asked for.
    pub instead: bool,
    /// Pieces on the list.
    pub listed: u32,
    pub compared: bool,
}

impl Card {
    pub(super) fn show(&self, showing: &mut Showing<'_>) -> ui::Card {
        let text = |text: &str| SharedString::from(text);
        let money = |cents: Option<Cents>| cents.map(|cents| showing.format.money(cents, self.currency));
        let unit_price = self.unit_price.map(|price| showing.unit_price(price, self.currency));
        let price_age = match self.price_age {
            _ if self.price.is_none() => SharedString::default(),
            PriceAge::Now => SharedString::default(),
            PriceAge::Day(day) => showing.words.invoke_as_of(showing.format.day(day).into()),
            PriceAge::Once => showing.words.invoke_price_may_differ(),
        };
        let until = self.until.map(|day| showing.words.invoke_until(showing.format.day(day).into()));
        let marks: Vec<SharedString> = self.marks.iter().map(|mark| text(mark)).collect();
        ui::Card {
            sku: text(self.sku.as_str()),
            title: text(&self.title),
            kind: self.kind,
            price: money(self.price).unwrap_or_default().into(),
            regular: money(self.regular).unwrap_or_default().into(),
            price_age,
            unit_price: unit_price.unwrap_or_default(),
            offer: until.unwrap_or_default(),
            stock: self.stock,
            count: self.count.and_then(|count| i32::try_from(count).ok()).unwrap_or(0),
            age: self.age.0,
            age_n: self.age.1,
            aisle: self.place.as_ref().map(|place| text(&place.aisle)).unwrap_or_default(),
            area: self.area.as_deref().map(text).unwrap_or_default(),
            bay: whole(self.place.as_ref().and_then(|place| place.bay)),
            shelf: whole(self.place.as_ref().and_then(|place| place.shelf)),
            marks: ModelRc::new(VecModel::from(marks)),
            // What the search says for itself is English.
            reason: if showing.english { text(&self.reason) } else { SharedString::default() },
            instead: self.instead,
            listed: i32::try_from(self.listed).unwrap_or(i32::MAX),
            compared: self.compared,
            photo: showing.photos.get(self.photo.as_deref()),
        }
    }
}

/// A bay or shelf for Slint; 0: not known.
pub(super) fn whole(number: Option<u32>) -> i32 {
    number.and_then(|number| i32::try_from(number).ok()).unwrap_or(0)
}

/// Cards as a model of Slint's.
pub(super) fn cards(
    current: ModelRc<ui::Card>,
    cards: &[Card],
    showing: &mut Showing<'_>,
) -> ModelRc<ui::Card> {
    keep(current, cards.iter().map(|card| card.show(showing)).collect())
}

/// Texts as a model of Slint's.
pub(super) fn texts<T: AsRef<str>>(texts: &[T]) -> ModelRc<SharedString> {
    let shown: Vec<SharedString> = texts.iter().map(|text| text.as_ref().into()).collect();
    ModelRc::new(VecModel::from(shown))
}
