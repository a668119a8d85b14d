//! What was found.

use super::card::{Card, cards};
use super::touch::Touch;
use super::ui;
use super::window::{Sender, Showing, keep};
use slint::ComponentHandle;

pub use super::ui::Found;

/// One way to narrow what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    /// What a tap on it gives back.
    pub key: String,
    pub label: Label,
    pub count: Option<u64>,
    pub chosen: bool,
}

/// What a facet is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// As the catalog has it.
    Own(String),
    /// A dietary word of the catalog.
    Dietary(String),
    InStock,
    OnOffer,
    CheapestFirst,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub query: String,
    pub answer: String,
    pub found: Found,
    /// The answer is a question, for yes or no.
    pub asks: bool,
    pub total: usize,
    /// There are more of them than these.
    pub is_cut: bool,
    /// These are what is left of so many; 0: nothing was narrowed.
    pub narrowed_from: usize,
    /// And more are shown on demand.
    pub is_growing: bool,
    pub facets: Vec<Facet>,
    pub cards: Vec<Card>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            query: String::new(),
            answer: String::new(),
            found: Found::Nothing,
            asks: false,
            total: 0,
            is_cut: false,
            narrowed_from: 0,
            is_growing: false,
            facets: Vec::new(),
            cards: Vec::new(),
        }
    }
}

pub(super) fn show(model: &Model, window: &ui::AppWindow, showing: &mut Showing<'_>) {
    let adapter = window.global::<ui::ResultsAdapter>();
    adapter.set_query(model.query.as_str().into());
    adapter.set_answer(model.answer.as_str().into());
    adapter.set_foreign(!showing.english && !model.answer.is_empty());
    adapter.set_found(model.found);
    adapter.set_asks(model.asks);
    adapter.set_cut(model.is_cut);
    adapter.set_narrowed_from(i32::try_from(model.narrowed_from).unwrap_or(i32::MAX));
    adapter.set_growing(model.is_growing);
    adapter.set_total(i32::try_from(model.total).unwrap_or(i32::MAX));
    let compared = model.cards.iter().filter(|card| card.compared).count();
    adapter.set_compared(i32::try_from(compared).unwrap_or(0));
    let words = &showing.words;
    let facet = |own: &Facet| ui::Facet {
        key: own.key.as_str().into(),
        label: match &own.label {
            Label::Own(text) => text.into(),
            Label::Dietary(word) => words.invoke_dietary(word.into()),
            Label::InStock => words.invoke_in_stock(),
            Label::OnOffer => words.invoke_on_offer(),
            Label::CheapestFirst => words.invoke_cheapest_first(),
        },
        count: own.count.and_then(|count| i32::try_from(count).ok()).unwrap_or(0),
        chosen: own.chosen,
    };
    let facets: Vec<ui::Facet> = model.facets.iter().map(facet).collect();
    adapter.set_facets(keep(adapter.get_facets(), facets));
    adapter.set_cards(cards(adapter.get_cards(), &model.cards, showing));
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::ResultsAdapter>();
    adapter.on_opened(send.sku(Touch::Opened));
    adapter.on_added(send.sku(Touch::Added));
    adapter.on_compare_toggled(send.sku(Touch::CompareToggled));
    adapter.on_compare(send.plain(Touch::Compared));
    adapter.on_narrowed(send.text(Touch::Narrowed));
    adapter.on_agreed(send.with(Touch::Agreed));
    adapter.on_more_wanted(send.plain(Touch::MoreWanted));
}
