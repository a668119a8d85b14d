//! What may please.

use super::card::{Card, cards};
use super::touch::Touch;
use super::ui;
use super::window::{Sender, Showing, keep};
use slint::{ComponentHandle, ModelRc};

pub use super::ui::Why;

/// A row of things that are shown for the same reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub why: Why,
    pub cards: Vec<Card>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    pub rows: Vec<Row>,
}

pub(super) fn show(model: &Model, window: &ui::AppWindow, showing: &mut Showing<'_>) {
    let adapter = window.global::<ui::ForYouAdapter>();
    let row = |own: &Row| ui::Shelfful {
        why: own.why,
        about: Default::default(),
        cards: cards(ModelRc::default(), &own.cards, showing),
    };
    let rows: Vec<ui::Shelfful> = model.rows.iter().map(row).collect();
    adapter.set_rows(keep(adapter.get_rows(), rows));
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::ForYouAdapter>();
    adapter.on_opened(send.sku(Touch::Opened));
    adapter.on_added(send.sku(Touch::Added));
}
