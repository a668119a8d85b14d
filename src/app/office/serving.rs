//! A service of head office's while it runs: signals, the supervisor's watchdog, and now and then a
//! word about what it did. What it does is its own.

use crate::app::service::notify;
use anyhow::{Result, ensure};
use sd_notify::NotifyState;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// How often it says what it did.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// A service that runs until it is stopped.
pub(super) trait Serves {
    type Figures;

    /// What it did since it was started, now and later.
    fn figures(&self) -> watch::Receiver<Self::Figures>;

    /// Whether the broker answers.
    fn is_up(figures: &Self::Figures) -> bool;

    /// Writes what it did into the log.
    fn tell(&self);
}

/// Returns at SIGTERM or SIGINT. `begin` starts the service, once signals are caught.
///
/// # Errors
/// The service ended by itself.
pub(super) async fn serve<S: Serves>(begin: impl FnOnce() -> S) -> Result<S> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let service = begin();
    let mut figures = service.figures();
    let mut telling = interval(TELL_EVERY);
    telling.set_missed_tick_behavior(MissedTickBehavior::Delay);
    telling.tick().await;
    let mut beating = interval(sd_notify::watchdog_enabled().map_or(TELL_EVERY, |limit| limit / 2));
    let mut was_up = false;
    notify(&[NotifyState::Ready]);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = beating.tick() => notify(&[NotifyState::Watchdog]),
            _ = telling.tick() => service.tell(),
            changed = figures.changed() => {
                // The task is gone: whoever supervises this starts it again.
                ensure!(changed.is_ok(), "nothing is done any more: start it again");
                let is_up = S::is_up(&figures.borrow_and_update());
                if is_up != was_up {
                    tracing::info!("{}", if is_up { "the broker answers" } else { "the broker is away" });
                    was_up = is_up;
                }
            }
        }
    }
    notify(&[NotifyState::Stopping]);
    Ok(service)
}
