//! What the kiosk shows before anybody asks: the attract page and the start of a visit.

use super::visit::VOLUME;
use crate::view::card::Card;
use crate::view::chrome::{Access, Page, Sheet};
use crate::view::format::Language;
use crate::view::home::Category;
use crate::view::screen::Screen;
use crate::view::{
    attract, chrome, compare, consent, feedback, for_you, help, home, list, listening, maintenance, map,
    outage, results, search,
};

/// What the store says of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Welcome {
    pub store: String,
    /// It can be spoken to.
    pub voice: bool,
    /// It can speak.
    pub sound: bool,
    pub printable: bool,
    /// Somebody takes orders.
    pub orders: bool,
    /// Customer cards can be used.
    pub cards: bool,
    pub categories: Vec<Category>,
    pub offers: Vec<Card>,
    /// Names of photographs for the attract page.
    pub photos: Vec<String>,
    /// What the shop says when asked, by topic.
    pub facts: Vec<(&'static str, String)>,
    pub service_desk: String,
}

impl Welcome {
    /// Puts it on the screen.
    pub fn lay(&self, screen: &mut Screen) {
        screen.chrome.store.clone_from(&self.store);
        screen.chrome.voice = self.voice;
        screen.chrome.sound = self.sound;
        screen.attract = attract::Model {
            store: self.store.clone(),
            voice: self.voice,
            photos: self.photos.clone(),
            offers: self.offers.clone(),
        };
        screen.home = home::Model {
            store: self.store.clone(),
            voice: self.voice,
            categories: self.categories.clone(),
            offers: self.offers.clone(),
        };
        screen.list.store.clone_from(&self.store);
        screen.list.printable = self.printable;
        screen.for_you.cards = self.cards;
        screen.help.voice = self.voice;
        screen.help.facts.clone_from(&self.facts);
        screen.outage.service_desk.clone_from(&self.service_desk);
    }
}

/// The attract page, with nothing known yet.
#[must_use]
pub fn blank(store: &str, language: Language) -> Screen {
    Screen {
        chrome: chrome::Model {
            store: store.to_owned(),
            page: Page::Attract,
            sheet: Sheet::None,
            can_back: false,
            voice: false,
            sound: false,
            speaking: false,
            ear: chrome::Ear::Off,
            heard: String::new(),
            level: 0.0,
            holding: false,
            noisy: false,
            trace: String::new(),
            caption: String::new(),
            notice: None,
            undoable: false,
            pieces: 0,
            language,
            access: Access::default(),
            volume: VOLUME,
            idle_seconds: None,
            leaving: false,
            busy: false,
        },
        attract: attract::Model { store: store.to_owned(), ..attract::Model::default() },
        home: home::Model { store: store.to_owned(), ..home::Model::default() },
        search: search::Model::default(),
        listening: listening::Model::default(),
        results: results::Model::default(),
        product: None,
        compare: compare::Model::default(),
        list: list::Model { store: store.to_owned(), ..list::Model::default() },
        map: map::Model::default(),
        for_you: for_you::Model::default(),
        feedback: feedback::Model::default(),
        consent: consent::Model::default(),
        help: help::Model::default(),
        outage: outage::Model::default(),
        maintenance: maintenance::Model::default(),
    }
}
