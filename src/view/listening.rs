//! The shopper speaks, the kiosk listens, thinks and answers.

use super::card::{Card, cards};
use super::touch::Touch;
use super::ui;
use super::window::{Sender, Showing};
use slint::ComponentHandle;

pub use super::ui::Voice;

#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub state: Voice,
    /// Loudness, 0 to 1.
    pub level: f32,
    /// What is heard, as it is heard.
    pub caption: String,
    /// The caption will not change any more.
    pub is_final: bool,
    pub understood: String,
    pub answer: String,
    /// Too loud here to be understood.
    pub noisy: bool,
    /// The talk button is kept pressed.
    pub holding: bool,
    /// What was found for words that may go on.
    pub found: Vec<Card>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            state: Voice::Listening,
            level: 0.0,
            caption: String::new(),
            is_final: false,
            understood: String::new(),
            answer: String::new(),
            noisy: false,
            holding: false,
            found: Vec::new(),
        }
    }
}

pub(super) fn show(model: &Model, window: &ui::AppWindow, showing: &mut Showing<'_>) {
    let adapter = window.global::<ui::ListeningAdapter>();
    adapter.set_state(model.state);
    adapter.set_level(model.level.clamp(0.0, 1.0));
    adapter.set_caption(model.caption.as_str().into());
    adapter.set_final(model.is_final);
    adapter.set_understood(model.understood.as_str().into());
    adapter.set_answer(model.answer.as_str().into());
    adapter.set_foreign(!showing.english);
    adapter.set_noisy(model.noisy);
    adapter.set_holding(model.holding);
    adapter.set_found(cards(adapter.get_found(), &model.found, showing));
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::ListeningAdapter>();
    adapter.on_finished(send.plain(Touch::Finished));
    adapter.on_cancelled(send.plain(Touch::Cancelled));
    adapter.on_typed(send.plain(Touch::Typed));
    adapter.on_opened(send.sku(Touch::Opened));
}
