//! One product.

use super::card::{Card, cards, texts};
use super::touch::Touch;
use super::ui;
use super::window::{Sender, Showing, keep};
use crate::domain::product::{Pack, Unit};
use crate::domain::{Allergens, Attribute, Cents, Currency, OptionGroup};
use slint::{ComponentHandle, ModelRc, SharedString, VecModel};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub card: Card,
    pub brand: Option<String>,
    pub description: Option<String>,
    pub pack: Option<Pack>,
    /// The label's statement; `None`: not known.
    pub allergens: Option<Allergens>,
    pub attributes: BTreeMap<String, Attribute>,
    /// Lowest age that may buy it.
    pub age: Option<u8>,
    pub options: Vec<OptionGroup>,
    /// Chosen values by group.
    pub chosen: BTreeMap<String, String>,
    pub quantity: u32,
    /// What all of it costs.
    pub total: Option<Cents>,
    pub pairings: Vec<Card>,
    pub substitutes: Vec<Card>,
}

pub(super) fn show(model: &Model, window: &ui::AppWindow, showing: &mut Showing<'_>) {
    let adapter = window.global::<ui::ProductAdapter>();
    let currency = model.card.currency;
    adapter.set_card(model.card.show(showing));
    adapter.set_photo(showing.photos.get(model.card.photo.as_deref()));
    adapter.set_brand(model.brand.as_deref().unwrap_or_default().into());
    adapter.set_description(model.description.as_deref().unwrap_or_default().into());
    adapter.set_quantity(i32::try_from(model.quantity).unwrap_or(i32::MAX));
    adapter.set_allergens_stated(model.allergens.is_some());
    let stated = model.allergens.clone().unwrap_or_default();
    adapter.set_contains(texts(&stated.contains));
    adapter.set_may_contain(texts(&stated.may_contain));
    adapter.set_free_from(texts(&stated.free_from));
    adapter.set_facts(keep(adapter.get_facts(), facts(model, showing)));
    adapter.set_age(model.age.unwrap_or(0).into());
    let groups: Vec<ui::OptionGroup> =
        model.options.iter().map(|group| options(group, &model.chosen, currency, showing)).collect();
    adapter.set_options(keep(adapter.get_options(), groups));
    let total = model.total.map(|cents| showing.format.money(cents, currency));
    adapter.set_total(total.unwrap_or_default().into());
    adapter.set_pairings(cards(adapter.get_pairings(), &model.pairings, showing));
    adapter.set_substitutes(cards(adapter.get_substitutes(), &model.substitutes, showing));
}

/// A pack as it is written: `6 × 330 ml`; `None`: of a single piece nothing is to be said.
pub(super) fn pack(pack: &Pack, showing: &Showing<'_>) -> Option<String> {
    let amount = showing.format.number(pack.amount);
    match (pack.unit, pack.count) {
        (Unit::Each, 1) if pack.amount <= 1.0 => None,
        (Unit::Each, 1) => Some(format!("{amount} ×")),
        (Unit::Each, count) => Some(format!("{count} × {amount}")),
        (unit, 1) => Some(format!("{amount} {}", unit.symbol())),
        (unit, count) => Some(format!("{count} × {amount} {}", unit.symbol())),
    }
}

/// A name of the catalog's as a heading: "carton_size" is "Carton size".
pub(super) fn spelled(name: &str) -> String {
    let name = name.replace('_', " ");
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn facts(model: &Model, showing: &Showing<'_>) -> Vec<ui::FactRow> {
    let row = |name: SharedString, value: String| ui::FactRow { name, value: value.into() };
    let size = model.pack.as_ref().and_then(|own| pack(own, showing));
    let size = size.map(|value| row(showing.words.invoke_pack(), value));
    let attributes =
        model.attributes.iter().map(|(name, value)| row(spelled(name).into(), showing.stated(value)));
    size.into_iter().chain(attributes).collect()
}

/// A group without what is the same under another name: "12 oz" beside "medium".
fn options(
    group: &OptionGroup,
    chosen: &BTreeMap<String, String>,
    currency: Currency,
    showing: &Showing<'_>,
) -> ui::OptionGroup {
    let own = chosen.get(&group.id).and_then(|words| group.value(words)).map(|value| value.name.as_str());
    let mut seen = BTreeSet::new();
    let values: Vec<ui::OptionValue> = group
        .values
        .iter()
        // Words for ounces stand beside small, medium and large at the same price.
        .filter(|value| {
            let twin = value.name.ends_with(" ounce") && !seen.insert(value.price_delta_cents);
            seen.insert(value.price_delta_cents);
            !twin
        })
        .map(|value| {
            let extra = match value.price_delta_cents {
                0 => String::new(),
                more if more > 0 => format!("+{}", showing.format.money(more, currency)),
                less => showing.format.money(less, currency),
            };
            ui::OptionValue {
                name: value.name.as_str().into(),
                extra: extra.into(),
                chosen: own == Some(value.name.as_str()),
            }
        })
        .collect();
    let name = spelled(&group.name);
    ui::OptionGroup {
        id: group.id.as_str().into(),
        name: name.into(),
        values: ModelRc::new(VecModel::from(values)),
    }
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::ProductAdapter>();
    adapter.on_stepped(send.with(Touch::Stepped));
    let own = send.clone();
    adapter.on_option_chosen(move |group, value| own.send(Touch::OptionChosen(group.into(), value.into())));
    adapter.on_added(send.plain(Touch::ShownAdded));
    adapter.on_located(send.plain(Touch::ShownLocated));
    adapter.on_compare_toggled(send.plain(Touch::ShownCompareToggled));
    adapter.on_opened(send.sku(Touch::Opened));
    adapter.on_other_added(send.sku(Touch::Added));
}
