//! The start of a visit.

use super::card::{Card, Kind, cards};
use super::touch::Touch;
use super::ui;
use super::window::{Sender, Showing, keep};
use slint::ComponentHandle;

/// A widest category of the catalog.
#[derive(Debug, Clone, PartialEq)]
pub struct Category {
    pub name: String,
    pub kind: Kind,
    pub products: u32,
    /// Name of a photograph that stands for it.
    pub photo: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    pub store: String,
    pub voice: bool,
    pub categories: Vec<Category>,
    pub offers: Vec<Card>,
}

pub(super) fn show(model: &Model, window: &ui::AppWindow, showing: &mut Showing<'_>) {
    let adapter = window.global::<ui::HomeAdapter>();
    adapter.set_store(model.store.as_str().into());
    adapter.set_voice(model.voice);
    let category = |own: &Category| ui::Category {
        name: own.name.as_str().into(),
        kind: own.kind,
        count: i32::try_from(own.products).unwrap_or(i32::MAX),
        photo: showing.photos.get(own.photo.as_deref()),
    };
    let categories: Vec<ui::Category> = model.categories.iter().map(category).collect();
    adapter.set_categories(keep(adapter.get_categories(), categories));
    adapter.set_offers(cards(adapter.get_offers(), &model.offers, showing));
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::HomeAdapter>();
    adapter.on_category_opened(send.text(Touch::CategoryOpened));
    adapter.on_offer_opened(send.sku(Touch::Opened));
    adapter.on_offers_opened(send.plain(Touch::OffersOpened));
    adapter.on_spoken(send.plain(Touch::Spoke));
    adapter.on_typed(send.plain(Touch::Typed));
    adapter.on_asked(send.text(Touch::Asked));
}
