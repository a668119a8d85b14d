//! The page that is shown while nobody is there.

use super::card::{Card, cards, texts};
use super::format::Language;
use super::touch::Touch;
use super::ui;
use super::window::{Sender, Showing, keep};
use slint::{ComponentHandle, Image};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    pub store: String,
    pub voice: bool,
    /// Names of photographs for the moving band.
    pub photos: Vec<String>,
    pub offers: Vec<Card>,
}

pub(super) fn show(model: &Model, window: &ui::AppWindow, showing: &mut Showing<'_>) {
    let adapter = window.global::<ui::AttractAdapter>();
    adapter.set_store(model.store.as_str().into());
    adapter.set_voice(model.voice);
    let photos: Vec<Image> = model
        .photos
        .iter()
        .map(|name| showing.photos.get(Some(name)))
        .filter(|image| image.size().width > 0)
        .collect();
    adapter.set_photos(keep(adapter.get_photos(), photos));
    adapter.set_offers(cards(adapter.get_offers(), &model.offers, showing));
    adapter.set_languages(texts(&Language::ALL.map(Language::code)));
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::AttractAdapter>();
    adapter.on_woken(send.plain(Touch::Woken(None)));
    let own = send.clone();
    adapter.on_woken_in(move |code| own.send(Touch::Woken(Language::parse(&code))));
}
