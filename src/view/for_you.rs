//! What may please.

use super::card::{Card, cards};
use super::touch::Touch;
use super::ui;
use super::window::{Sender, Showing, keep};
use slint::{ComponentHandle, ModelRc};
use std::fmt;

pub use super::ui::Why;

/// A row of things that are shown for the same reason.
#[derive(Clone, PartialEq)]
pub struct Row {
    pub why: Why,
    pub cards: Vec<Card>,
}

/// What somebody buys is theirs.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("why", &self.why).field("cards", &self.cards.len()).finish()
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// Customer cards can be used here.
    pub cards: bool,
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
    adapter.set_cards(model.cards);
    adapter.set_rows(keep(adapter.get_rows(), rows));
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::ForYouAdapter>();
    adapter.on_opened(send.sku(Touch::Opened));
    adapter.on_added(send.sku(Touch::Added));
}
