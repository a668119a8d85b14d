//! Typing, with what the catalog suggests.

use super::card::Kind;
use super::touch::Touch;
use super::ui;
use super::window::{Sender, Showing, keep};
use crate::domain::{Cents, Currency, Sku};
use slint::ComponentHandle;

/// What typed words may become.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    pub text: String,
    /// The product itself; `None`: words to search for.
    pub sku: Option<Sku>,
    /// What it costs.
    pub price: Option<(Cents, Currency)>,
    /// What kind of thing it is, in the catalog's words.
    pub category: String,
    pub photo: Option<String>,
    pub kind: Kind,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    pub suggestions: Vec<Suggestion>,
}

pub(super) fn show(model: &Model, window: &ui::AppWindow, showing: &mut Showing<'_>) {
    let adapter = window.global::<ui::SearchAdapter>();
    adapter.set_language(showing.language.code().into());
    let suggestion = |own: &Suggestion| {
        let price = own.price.map(|(cents, currency)| showing.format.money(cents, currency));
        ui::Suggestion {
            text: own.text.as_str().into(),
            detail: price.unwrap_or_else(|| own.category.clone()).into(),
            sku: own.sku.as_ref().map(|sku| sku.as_str().into()).unwrap_or_default(),
            photo: showing.photos.get(own.photo.as_deref()),
            kind: own.kind,
        }
    };
    let suggestions: Vec<ui::Suggestion> = model.suggestions.iter().map(suggestion).collect();
    adapter.set_suggestions(keep(adapter.get_suggestions(), suggestions));
}

/// Puts `text` into the field.
pub(super) fn fill(text: &str, window: &ui::AppWindow) {
    window.global::<ui::SearchAdapter>().set_text(text.into());
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::SearchAdapter>();
    adapter.on_edited(send.text(Touch::Edited));
    adapter.on_submitted(send.text(Touch::Submitted));
    let own = send.clone();
    adapter.on_chosen(move |text, sku| own.send(Touch::Suggested(text.into(), Sku::new(&sku))));
}
