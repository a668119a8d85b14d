//! Lets go of what `office.db` has held long enough, in small steps while events come in. Counts
//! the time from the newest event that it found and not from the clock alone: a clock that jumps
//! ahead takes nothing along.

use crate::store::{Office, StoreError};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(3600);
/// Events that one transaction takes along, and the rest after it: who files waits for neither long.
const TOGETHER: usize = 500;
const REST: Duration = Duration::from_millis(50);

/// Runs until it is dropped; events are held for `days`.
pub async fn run(office: Arc<Office>, days: u32) {
    let held = SignedDuration::from_hours(24 * i64::from(days));
    let mut reference: Option<(Timestamp, Instant)> = None;
    loop {
        match sweep(&office, held, &mut reference).await {
            Ok(0) => {}
            Ok(events) => tracing::info!(events, days, "let go of what came longer ago"),
            Err(error) => tracing::error!("old events are not let go of: {error}"),
        }
        sleep(EVERY).await;
    }
}

/// Lets go of all that is old now; how many events.
async fn sweep(
    office: &Arc<Office>,
    held: SignedDuration,
    reference: &mut Option<(Timestamp, Instant)>,
) -> Result<usize, StoreError> {
    if reference.is_none() {
        let newest = ask(office, Office::newest_received).await?;
        *reference = newest.map(|newest| (newest, Instant::now()));
    }
    let Some(known) = *reference else { return Ok(0) };
    let mut gone = 0;
    loop {
        let step = move |office: &Office| office.let_go(before(known, Timestamp::now(), held), TOGETHER);
        let events = ask(office, step).await?;
        gone += events;
        if events < TOGETHER {
            return Ok(gone);
        }
        sleep(REST).await;
    }
}

/// Asks office.db, which blocks; what broke off is asked again at the next look.
async fn ask<T: Default + Send + 'static>(
    office: &Arc<Office>,
    ask: impl FnOnce(&Office) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let office = Arc::clone(office);
    spawn_blocking(move || ask(&office)).await.unwrap_or_else(|_| Ok(T::default()))
}

/// Before which events have been held long enough: counted from the newest that was `known` then
/// and the time that passed since, and never beyond the clock.
fn before((newest, then): (Timestamp, Instant), now: Timestamp, held: SignedDuration) -> Timestamp {
    let passed = SignedDuration::try_from(then.elapsed()).unwrap_or_default();
    let at = newest.checked_add(passed).unwrap_or(now).min(now);
    at.checked_sub(held).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Effect, OfficeBatch, OfficeEvent};
    use uuid::Uuid;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    #[test]
    fn a_clock_that_jumps_takes_nothing_along() {
        let newest: Timestamp = "2026-11-26T08:00:00Z".parse().unwrap();
        let known = (newest, Instant::now());
        let of = |now: &str| before(known, now.parse().unwrap(), DAY * 30);
        // Not much time passes here.
        let close = |one: Timestamp, other: &str| {
            let other: Timestamp = other.parse().unwrap();
            assert!(one.duration_since(other).abs() < SignedDuration::from_secs(60), "{one} is not {other}");
        };
        close(of("2026-11-26T08:00:01Z"), "2026-10-27T08:00:00Z");
        close(of("2041-01-01T00:00:00Z"), "2026-10-27T08:00:00Z");
        close(of("1970-01-02T00:00:00Z"), "1969-12-03T00:00:00Z");
    }

    #[tokio::test]
    async fn all_that_is_old_goes_in_steps() {
        let folder = tempfile::tempdir().unwrap();
        let office = Arc::new(Office::open(folder.path()).unwrap());
        let mut reference = None;
        assert_eq!(sweep(&office, DAY, &mut reference).await.unwrap(), 0);
        let file = |ids: std::ops::Range<u128>, received: Timestamp| {
            let event = |id| OfficeEvent {
                id: Uuid::from_u128(id),
                seq: 1,
                kind: "searched".into(),
                made_at: received,
                body: "{}".into(),
                effect: Effect::Nothing,
            };
            let (store, kiosk, outbox) = ("s042".into(), "k1".into(), Uuid::nil());
            let events = ids.map(event).collect();
            office
                .file(&[OfficeBatch { store, kiosk, outbox, lane: "telemetry", events }], received)
                .unwrap();
        };
        let now = Timestamp::now();
        file(0..1_200, now.checked_sub(DAY * 3).unwrap());
        file(1_200..1_210, now);
        assert_eq!(sweep(&office, DAY * 2, &mut reference).await.unwrap(), 1_200);
        assert_eq!(office.counts().unwrap(), [("searched".to_owned(), 10)]);
        assert_eq!(sweep(&office, DAY * 2, &mut reference).await.unwrap(), 0);
    }
}
