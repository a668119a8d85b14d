//! Products side by side.

use super::card::{Card, cards, texts};
use super::product::{pack, spelled};
use super::touch::Touch;
use super::ui;
use super::window::{Sender, Showing, keep};
use crate::domain::product::{Pack, UnitPrice};
use crate::domain::{Allergens, Attribute, Cents};
use slint::{ComponentHandle, ModelRc, SharedString, VecModel};
use std::collections::{BTreeMap, BTreeSet};

/// One of the products.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub card: Card,
    pub pack: Option<Pack>,
    pub allergens: Option<Allergens>,
    pub attributes: BTreeMap<String, Attribute>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// Two to four.
    pub columns: Vec<Column>,
}

pub(super) fn show(model: &Model, window: &ui::AppWindow, showing: &mut Showing<'_>) {
    let adapter = window.global::<ui::CompareAdapter>();
    let rows = rows(&model.columns, showing);
    adapter.set_rows(keep(adapter.get_rows(), rows));
    let shown: Vec<Card> = model.columns.iter().map(|column| column.card.clone()).collect();
    adapter.set_cards(cards(adapter.get_cards(), &shown, showing));
}

fn rows(columns: &[Column], showing: &Showing<'_>) -> Vec<ui::CompareRow> {
    let mut rows = Vec::new();
    let mut row = |kind: ui::Trait, name: &str, values: Vec<String>, words: Vec<Vec<String>>, best: i32| {
        // A row of which nothing is known tells nothing.
        let told = values.iter().any(|value| !value.is_empty());
        if !told && !matches!(kind, ui::Trait::Stock | ui::Trait::Place) {
            return;
        }
        // "Not stated" and "none" are not the same.
        let differs = values.windows(2).any(|pair| pair[0] != pair[1])
            || words.windows(2).any(|pair| pair[0] != pair[1]);
        let words: Vec<ModelRc<SharedString>> = words.iter().map(|list| texts(list)).collect();
        rows.push(ui::CompareRow {
            r#trait: kind,
            name: name.into(),
            values: texts(&values),
            words: ModelRc::new(VecModel::from(words)),
            best,
            differs,
        });
    };
    let money =
        |cents: Option<Cents>, card: &Card| cents.map(|cents| showing.format.money(cents, card.currency));
    let each = |value: &dyn Fn(&Column) -> Option<String>| -> Vec<String> {
        columns.iter().map(|column| value(column).unwrap_or_default()).collect()
    };
    let prices: Vec<Option<Cents>> = columns.iter().map(|column| column.card.price).collect();
    row(
        ui::Trait::Price,
        "",
        each(&|column| money(column.card.price, &column.card)),
        Vec::new(),
        cheapest(&prices),
    );
    let unit_prices: Vec<Option<UnitPrice>> = columns.iter().map(|column| column.card.unit_price).collect();
    // Only prices for the same unit can be compared.
    let mut units = unit_prices.iter().flatten().map(|price| price.per);
    let same = units.next().is_some_and(|first| units.all(|per| per == first));
    let numbers: Vec<Option<Cents>> =
        unit_prices.iter().map(|price| price.map(|price| price.cents)).collect();
    let unit_price =
        |column: &Column| Some(showing.unit_price(column.card.unit_price?, column.card.currency).into());
    row(ui::Trait::UnitPrice, "", each(&unit_price), Vec::new(), if same { cheapest(&numbers) } else { -1 });
    row(ui::Trait::Pack, "", each(&|column| pack(column.pack.as_ref()?, showing)), Vec::new(), -1);
    row(ui::Trait::Stock, "", each(&|column| Some(format!("{:?}", column.card.stock))), Vec::new(), -1);
    row(
        ui::Trait::Place,
        "",
        each(&|column| column.card.place.as_ref().map(ToString::to_string)),
        Vec::new(),
        -1,
    );
    let lists = |of: &dyn Fn(&Column) -> Option<Vec<String>>| -> (Vec<String>, Vec<Vec<String>>) {
        let lists: Vec<Option<Vec<String>>> = columns.iter().map(of).collect();
        let values = lists.iter().map(|list| if list.is_some() { "stated".into() } else { String::new() });
        (values.collect(), lists.iter().map(|list| list.clone().unwrap_or_default()).collect())
    };
    let (values, words) = lists(&|column| (!column.card.marks.is_empty()).then(|| column.card.marks.clone()));
    row(ui::Trait::Dietary, "", values, words, -1);
    let (values, words) = lists(&|column| column.allergens.as_ref().map(|own| own.contains.clone()));
    row(ui::Trait::Contains, "", values, words, -1);
    let (values, words) = lists(&|column| column.allergens.as_ref().map(|own| own.may_contain.clone()));
    row(ui::Trait::MayContain, "", values, words, -1);
    let (values, words) = lists(&|column| column.allergens.as_ref().map(|own| own.free_from.clone()));
    row(ui::Trait::FreeFrom, "", values, words, -1);
    let names: BTreeSet<&String> = columns.iter().flat_map(|column| column.attributes.keys()).collect();
    for name in names {
        let value = |column: &Column| column.attributes.get(name).map(|value| showing.stated(value));
        row(ui::Trait::Other, &spelled(name), each(&value), Vec::new(), -1);
    }
    rows
}

/// The column with the one lowest amount; -1: none, or several.
fn cheapest(amounts: &[Option<Cents>]) -> i32 {
    let Some(least) = amounts.iter().flatten().min() else { return -1 };
    let mut own = amounts.iter().enumerate().filter(|(_, amount)| amount.as_ref() == Some(least));
    match (own.next(), own.next()) {
        (Some((at, _)), None) if amounts.iter().flatten().count() > 1 => i32::try_from(at).unwrap_or(-1),
        _ => -1,
    }
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::CompareAdapter>();
    adapter.on_opened(send.sku(Touch::Opened));
    adapter.on_added(send.sku(Touch::Added));
    adapter.on_removed(send.sku(Touch::CompareToggled));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_the_cheapest() {
        assert_eq!(cheapest(&[Some(300), Some(200), None]), 1);
        assert_eq!(cheapest(&[Some(200), Some(200)]), -1, "equal prices");
        assert_eq!(cheapest(&[Some(200), None]), -1, "nothing to compare with");
        assert_eq!(cheapest(&[]), -1);
    }
}
