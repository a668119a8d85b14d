//! Calls for a person: raised by the kiosk, kept in `state.db` until somebody of the
//! shop acknowledges them. Holds no word of a shopper.

use super::StoreError;
use super::catalog::Catalog;
use jiff::Timestamp;
use rusqlite::{Row, params};
use serde::Serialize;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A shopper asks for a person.
    CallStaff,
}

impl AlertKind {
    fn name(self) -> &'static str {
        match self {
            Self::CallStaff => "call_staff",
        }
    }

    fn named(name: &str) -> Option<Self> {
        (name == Self::CallStaff.name()).then_some(Self::CallStaff)
    }
}

/// An alert as it stands. Times are RFC 3339, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    pub id: i64,
    pub kind: AlertKind,
    pub raised_at: String,
    /// When and by whom it was acknowledged; `None`: it waits.
    pub acknowledged_at: Option<String>,
    pub acknowledged_by: Option<String>,
}

impl Catalog {
    /// Raises an alert, unless one of its kind waits already. True when it is new.
    ///
    /// # Errors
    /// The database cannot be written; so for the others here.
    pub fn raise_alert(&self, kind: AlertKind, now: Timestamp) -> Result<bool, StoreError> {
        self.state().write_alone(|tx| {
            let sql = "INSERT INTO alerts (kind, raised_at) SELECT ?1, ?2 WHERE NOT EXISTS \
                       (SELECT 1 FROM alerts WHERE kind = ?1 AND acknowledged_at IS NULL)";
            Ok(tx.execute(sql, params![kind.name(), moment(now)])? > 0)
        })
    }

    /// All alerts, those that wait first, then the latest first; at most `limit`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn alerts(&self, limit: usize) -> Result<Vec<Alert>, StoreError> {
        self.state().write_alone(|tx| {
            let sql = "SELECT id, kind, raised_at, acknowledged_at, acknowledged_by FROM alerts \
                       ORDER BY acknowledged_at IS NOT NULL, id DESC LIMIT ?1";
            let mut statement = tx.prepare(sql)?;
            let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], alert)?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
        })
    }

    /// Marks an alert as seen to. False when there is none that waits by this id.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn acknowledge_alert(&self, id: i64, by: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.state().write_alone(|tx| {
            let sql = "UPDATE alerts SET acknowledged_at = ?2, acknowledged_by = ?3 \
                       WHERE id = ?1 AND acknowledged_at IS NULL";
            Ok(tx.execute(sql, params![id, moment(now), by])? > 0)
        })
    }
}

pub(super) fn moment(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `None` for a kind that a newer program wrote.
fn alert(row: &Row<'_>) -> rusqlite::Result<Option<Alert>> {
    let kind: String = row.get(1)?;
    let Some(kind) = AlertKind::named(&kind) else { return Ok(None) };
    Ok(Some(Alert {
        id: row.get(0)?,
        kind,
        raised_at: row.get(2)?,
        acknowledged_at: row.get(3)?,
        acknowledged_by: row.get(4)?,
    }))
}
