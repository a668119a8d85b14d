//! How the kiosk does, for staff behind a PIN.

use super::touch::Touch;
use super::ui;
use super::window::{Sender, keep};
use slint::ComponentHandle;

pub use super::ui::{Gate, Health};

#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub gate: Gate,
    /// So many digits of the PIN are typed.
    pub digits: usize,
    pub barred_seconds: u32,
    /// Name, detail, health.
    pub checks: Vec<(String, String, Health)>,
    pub version: String,
    pub products: u64,
    pub uptime_minutes: u64,
    /// Resident memory, in megabytes.
    pub memory: u64,
    pub done: String,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            gate: Gate::Locked,
            digits: 0,
            barred_seconds: 0,
            checks: Vec::new(),
            version: env!("CARGO_PKG_VERSION").into(),
            products: 0,
            uptime_minutes: 0,
            memory: 0,
            done: String::new(),
        }
    }
}

pub(super) fn show(model: &Model, window: &ui::AppWindow) {
    let adapter = window.global::<ui::MaintenanceAdapter>();
    adapter.set_gate(model.gate);
    adapter.set_digits(i32::try_from(model.digits).unwrap_or(0));
    adapter.set_barred_seconds(i32::try_from(model.barred_seconds).unwrap_or(0));
    let check = |(name, detail, health): &(String, String, Health)| ui::Check {
        name: name.into(),
        detail: detail.into(),
        health: *health,
    };
    let checks: Vec<ui::Check> = model.checks.iter().map(check).collect();
    adapter.set_checks(keep(adapter.get_checks(), checks));
    adapter.set_version(model.version.as_str().into());
    adapter.set_products(model.products.to_string().into());
    let (days, hours, minutes) =
        (model.uptime_minutes / 1440, model.uptime_minutes / 60 % 24, model.uptime_minutes % 60);
    adapter.set_uptime(format!("{days} d {hours:02}:{minutes:02}").into());
    adapter.set_memory(format!("{} MB", model.memory).into());
    adapter.set_done(model.done.as_str().into());
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::MaintenanceAdapter>();
    let own = send.clone();
    adapter.on_digit(move |key| {
        own.send(Touch::PinKey(key.chars().next().filter(char::is_ascii_digit)));
    });
    adapter.on_rechecked(send.plain(Touch::Rechecked));
    adapter.on_engines_restarted(send.plain(Touch::EnginesRestarted));
    adapter.on_alerts_cleared(send.plain(Touch::AlertsCleared));
    adapter.on_locked(send.plain(Touch::Locked));
}
