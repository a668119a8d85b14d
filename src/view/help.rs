//! What the kiosk can do, and a person.

use super::touch::Touch;
use super::ui;
use super::window::{Sender, Showing, keep};
use slint::ComponentHandle;

pub use super::ui::Call;

#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub call: Call,
    pub voice: bool,
    /// What the shop says of itself: the topic's key and the text.
    pub facts: Vec<(&'static str, String)>,
}

impl Default for Model {
    fn default() -> Self {
        Self { call: Call::None, voice: false, facts: Vec::new() }
    }
}

pub(super) fn show(model: &Model, window: &ui::AppWindow, showing: &mut Showing<'_>) {
    let adapter = window.global::<ui::HelpAdapter>();
    adapter.set_call(model.call);
    adapter.set_voice(model.voice);
    let facts: Vec<ui::StoreFact> = model
        .facts
        .iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(topic, text)| ui::StoreFact { topic: (*topic).into(), text: text.into() })
        .collect();
    adapter.set_facts(keep(adapter.get_facts(), facts));
    adapter.set_english_only(!showing.english);
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::HelpAdapter>();
    adapter.on_called(send.plain(Touch::StaffCalled));
    adapter.on_asked(send.text(Touch::Asked));
}
