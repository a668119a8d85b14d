//! Whether it was any use.

use super::touch::Touch;
use super::ui;
use super::window::Sender;
use slint::ComponentHandle;

pub use super::ui::{Reason, Thumb};

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Model {
    pub thumb: Thumb,
    pub reason: Reason,
    pub done: bool,
}

impl Default for Model {
    fn default() -> Self {
        Self { thumb: Thumb::None, reason: Reason::None, done: false }
    }
}

pub(super) fn show(model: &Model, window: &ui::AppWindow) {
    let adapter = window.global::<ui::FeedbackAdapter>();
    adapter.set_thumb(model.thumb);
    adapter.set_reason(model.reason);
    adapter.set_done(model.done);
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::FeedbackAdapter>();
    adapter.on_thumbed(send.with(Touch::Thumbed));
    adapter.on_reasoned(send.with(Touch::Reasoned));
    adapter.on_finished(send.plain(Touch::FeedbackFinished));
}
