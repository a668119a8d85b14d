//! Tells head office how the machine is: now and then all of it, at once what somebody must see
//! to. Changes nothing but what is set aside of the disk.

use crate::app::machine::{Alarms, Machine};
use crate::app::meter::Meter;
use crate::sync::wire::event::Telemetry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What is wrong with the machine now.
pub(super) type Wrong = Arc<Mutex<Alarms>>;

/// Looks until it is stopped; tells how the machine is every `told_every`, up to a tenth of it
/// sooner or later, so that a thousand kiosks do not tell in step.
pub(super) async fn watch(machine: Machine, wrong: Wrong, meter: Arc<Meter>, told_every: Duration) {
    let again = || Instant::now() + told_every.mul_f64(0.9 + fastrand::f64() / 5.0);
    let mut due = again();
    loop {
        let (looks, wrong) = (machine.clone(), Arc::clone(&wrong));
        // The disk may hang.
        let look = spawn_blocking(move || {
            looks.set_aside();
            let health = looks.health();
            let began = wrong.lock().unwrap_or_else(PoisonError::into_inner).look(&looks, &health);
            (health, began)
        });
        if let Ok((health, began)) = look.await {
            for alert in began {
                tracing::error!(
                    ?alert,
                    disk_free_mb = health.disk_free_mb,
                    "somebody must see to this machine"
                );
                meter.tell(Telemetry::Alert { alert });
            }
            if Instant::now() >= due {
                meter.tell(Telemetry::Health(health));
                due = again();
            }
        }
        sleep(LOOK_EVERY.min(due.saturating_duration_since(Instant::now()))).await;
    }
}
