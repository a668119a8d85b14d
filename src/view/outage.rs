//! Something does not work.

use super::touch::Touch;
use super::ui;
use super::window::Sender;
use slint::ComponentHandle;

pub use super::ui::Outage;

#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub outage: Outage,
    pub service_desk: String,
}

impl Default for Model {
    fn default() -> Self {
        Self { outage: Outage::Starting, service_desk: String::new() }
    }
}

pub(super) fn show(model: &Model, window: &ui::AppWindow) {
    let adapter = window.global::<ui::OutageAdapter>();
    adapter.set_outage(model.outage);
    adapter.set_service_desk(model.service_desk.as_str().into());
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::OutageAdapter>();
    adapter.on_typed(send.plain(Touch::Typed));
    adapter.on_browsed(send.plain(Touch::Home));
    adapter.on_called(send.plain(Touch::StaffCalled));
    adapter.on_retried(send.plain(Touch::Retried));
}
