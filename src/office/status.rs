//! Owns how the fleet looks: what each kiosk last said of itself, and what to think of it now.
//! Plain values, for a table or for JSON. Pure.

use crate::store::KioskRow;
use crate::sync::topics::Name;
use crate::sync::wire::status::{Report, Status};
use crate::sync::wire::{self, WireError};
use jiff::Timestamp;
use serde::Serialize;

/// A kiosk that says it is there, and was not heard for so long, in seconds: three statuses.
pub const SILENT_AFTER_S: u64 = 180;
/// A kiosk's clock that is wrong by more than this, in seconds, is worth a look.
const SKEWED_BY_S: i64 = 60;

/// Whether a kiosk is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Online,
    /// It never said goodbye, and is not heard.
    Silent,
    Offline,
}

/// A kiosk in the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kiosk {
    pub store: String,
    pub kiosk: String,
    pub presence: Presence,
    /// When it was last heard, and how long ago, in seconds.
    pub seen_at: Timestamp,
    pub seen_s: u64,
    /// Version of its program; `None`: it never said.
    pub program: Option<String>,
    /// Version of its catalog; `None`: it has none.
    pub catalog: Option<u64>,
    /// Version of the recalls that it heeds; 0: none came yet.
    pub recall: u64,
    /// Seconds since it heard of a newer catalog than its own.
    pub lag_s: u32,
    /// Events that wait, the age of the oldest in seconds, and events given up.
    pub waiting: u64,
    pub oldest_s: u64,
    pub dropped: u64,
    /// Orders that head office has not acknowledged.
    pub orders_open: u32,
    /// Of the processor, in degrees Celsius, where it is known.
    pub temperature_c: Option<i16>,
    pub disk_free_mb: Option<u64>,
    /// What a person should look at; one line each.
    pub troubles: Vec<String>,
}

/// What a status says, as a row of office.db. One that was retained may be old: then the kiosk was
/// last heard at its own time.
///
/// # Errors
/// It is no status.
pub(super) fn read(
    store: &Name,
    kiosk: &Name,
    is_retained: bool,
    payload: &[u8],
    now: Timestamp,
) -> Result<KioskRow, WireError> {
    let Status { connection, online, report } = wire::read(payload)?;
    let said = report.as_ref().map(|report| report.at.min(now));
    let seen_at = if is_retained { said.unwrap_or(Timestamp::UNIX_EPOCH) } else { now };
    let report = report.and_then(|report| serde_json::to_string(&report).ok());
    Ok(KioskRow { store: store.to_string(), kiosk: kiosk.to_string(), connection, online, seen_at, report })
}

/// The table: those that need a look first, then by store and name.
#[must_use]
pub fn fleet(rows: &[KioskRow], now: Timestamp) -> Vec<Kiosk> {
    let mut all: Vec<Kiosk> = rows.iter().map(|row| kiosk(row, now)).collect();
    all.sort_by_key(|kiosk| (kiosk.presence == Presence::Online, kiosk.troubles.is_empty()));
    all
}

fn kiosk(row: &KioskRow, now: Timestamp) -> Kiosk {
    let seen_s = now.duration_since(row.seen_at).as_secs().max(0).unsigned_abs();
    let presence = match row.online {
        false => Presence::Offline,
        true if seen_s > SILENT_AFTER_S => Presence::Silent,
        true => Presence::Online,
    };
    let report = row.report.as_deref().and_then(|report| serde_json::from_str::<Report>(report).ok());
    let mut all = Kiosk {
        store: row.store.clone(),
        kiosk: row.kiosk.clone(),
        presence,
        seen_at: row.seen_at,
        seen_s,
        program: None,
        catalog: None,
        recall: 0,
        lag_s: 0,
        waiting: 0,
        oldest_s: 0,
        dropped: 0,
        orders_open: 0,
        temperature_c: None,
        disk_free_mb: None,
        troubles: Vec::new(),
    };
    let Some(report) = report else { return all };
    all.program = Some(report.program.to_string());
    all.catalog = report.catalog.map(|carried| carried.version);
    all.recall = report.recall;
    all.lag_s = report.lag_s;
    (all.waiting, all.oldest_s, all.dropped) =
        (report.outbox.waiting, report.outbox.oldest_s, report.outbox.dropped);
    all.orders_open = report.orders_open;
    all.temperature_c = report.health.temperature_c;
    all.disk_free_mb = Some(report.health.disk_free_mb);
    all.troubles = troubles(&report);
    all
}

fn troubles(report: &Report) -> Vec<String> {
    use crate::sync::wire::status::EngineState;
    let mut troubles: Vec<String> = report.problem.iter().cloned().collect();
    let failed = report.engines.iter().filter(|engine| engine.state == EngineState::Failed);
    troubles.extend(failed.map(|engine| format!("the {:?} engine failed", engine.engine).to_lowercase()));
    if report.skew_s.abs() > SKEWED_BY_S {
        troubles.push(format!("its clock is wrong by {} s", report.skew_s));
    }
    if report.outbox.dropped > 0 {
        troubles.push(format!("{} events were given up for want of room", report.outbox.dropped));
    }
    troubles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::wire::samples;
    use uuid::Uuid;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn row(status: &Status, is_retained: bool, now: &str) -> KioskRow {
        let payload = wire::write(status).unwrap();
        read(&name("s042"), &name("k1"), is_retained, &payload, samples::at(now)).unwrap()
    }

    #[test]
    fn a_kiosk_stands_in_the_table_as_it_said() {
        let row = row(&samples::status(), false, "2026-11-26T07:00:05Z");
        let table = fleet(&[row], samples::at("2026-11-26T07:00:15Z"));
        let [kiosk] = table.as_slice() else { panic!("{table:?}") };
        assert_eq!((kiosk.presence, kiosk.seen_s), (Presence::Online, 10));
        assert_eq!((kiosk.program.as_deref(), kiosk.catalog), (Some("0.1.0"), Some(12)));
        assert_eq!((kiosk.waiting, kiosk.oldest_s, kiosk.orders_open), (3, 40, 1));
        assert_eq!(kiosk.troubles, ["the microphone is gone"]);
    }

    #[test]
    fn what_was_retained_is_as_old_as_it_says() {
        let old = row(&samples::status(), true, "2026-11-26T09:00:00Z");
        assert_eq!(old.seen_at, samples::at("2026-11-26T07:00:00Z"));
        let ahead = row(&samples::status(), true, "2026-11-26T06:00:00Z");
        assert_eq!(ahead.seen_at, samples::at("2026-11-26T06:00:00Z"), "a clock that is ahead");
        let gone = row(&Status::gone(Uuid::nil()), true, "2026-11-26T09:00:00Z");
        assert_eq!(gone.seen_at, Timestamp::UNIX_EPOCH, "nobody knows since when");
    }

    #[test]
    fn who_needs_a_look_stands_first() {
        let now = samples::at("2026-11-26T07:00:00Z");
        let mut well = samples::status();
        let report = well.report.as_mut().unwrap();
        report.problem = None;
        let named = |kiosk: &str, status: &Status, at: &str| {
            let row = row(status, false, at);
            KioskRow { kiosk: kiosk.to_owned(), ..row }
        };
        let rows = [
            named("a", &well, "2026-11-26T07:00:00Z"),
            named("b", &samples::status(), "2026-11-26T07:00:00Z"),
            named("c", &well, "2026-11-26T06:00:00Z"),
            named("d", &Status::gone(Uuid::nil()), "2026-11-26T07:00:00Z"),
        ];
        let table = fleet(&rows, now);
        let order: Vec<_> = table.iter().map(|kiosk| (kiosk.kiosk.as_str(), kiosk.presence)).collect();
        let (online, silent, offline) = (Presence::Online, Presence::Silent, Presence::Offline);
        assert_eq!(order, [("c", silent), ("d", offline), ("b", online), ("a", online)]);
    }

    #[test]
    fn what_is_no_status_is_refused() {
        let read = |payload: &[u8]| read(&name("s"), &name("k"), false, payload, Timestamp::UNIX_EPOCH);
        assert!(read(b"").is_err() && read(b"{}").is_err());
    }
}
