//! Whether the shopper wants to be known.

use super::touch::Touch;
use super::ui;
use super::window::Sender;
use crate::domain::Private;
use slint::ComponentHandle;

pub use super::ui::Loyalty;

#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub state: Loyalty,
    /// How the shopper is greeted when known.
    pub name: Private<String>,
}

impl Default for Model {
    fn default() -> Self {
        Self { state: Loyalty::Asking, name: Private::default() }
    }
}

pub(super) fn show(model: &Model, window: &ui::AppWindow) {
    let adapter = window.global::<ui::ConsentAdapter>();
    if model.state != Loyalty::Entering {
        // Nobody's number stays on the screen.
        adapter.set_number(Default::default());
    }
    adapter.set_state(model.state);
    adapter.set_name(model.name.as_str().into());
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::ConsentAdapter>();
    adapter.on_agreed(send.plain(Touch::Consented(true)));
    adapter.on_declined(send.plain(Touch::Consented(false)));
    adapter.on_entered(send.text(|number| Touch::NumberEntered(Private::new(number))));
    adapter.on_forgotten(send.plain(Touch::Forgotten));
}
