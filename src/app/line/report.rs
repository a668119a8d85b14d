//! What the kiosk says of itself in its status: what it carries, how its engines and its
//! machine are, and what keeps it from its work. Looks, and changes nothing.

use super::engines::named;
use super::health::Wrong;
use crate::app::assistant::Assistant;
use crate::app::machine::Machine;
use crate::engines::{Engine, EngineState};
use crate::sync::session::Session;
use crate::sync::topics::Name;
use crate::sync::wire::Version;
use crate::sync::wire::catalog::FORMAT;
use crate::sync::wire::status::{self, Backlog, Carried, EngineReport, Report};
use jiff::Timestamp;
use std::sync::{Mutex, PoisonError, Weak};
use std::time::Instant;

/// How far the catalog's way down has come.
#[derive(Debug, Clone, Default)]
struct Course {
    carried: Option<Carried>,
    keys: u64,
    /// The newest version that head office announced, and since when it was not in use.
    behind: Option<(u64, Instant)>,
    /// The newest time that head office signed.
    signed: Option<Timestamp>,
    /// The version of the recalls that are heeded.
    recall: u64,
    /// What keeps the newest catalog from coming.
    problem: Option<String>,
    /// What was refused last, until something is taken again.
    refused: Option<String>,
}

/// Describes one kiosk.
pub(super) struct Reporter {
    program: Version,
    group: Name,
    machine: Machine,
    wrong: Wrong,
    assistant: Weak<Assistant>,
    since: Timestamp,
    course: Mutex<Course>,
}

impl Reporter {
    pub(super) fn new(
        program: Version,
        group: Name,
        machine: Machine,
        wrong: Wrong,
        assistant: Weak<Assistant>,
    ) -> Self {
        let (since, course) = (Timestamp::now(), Mutex::default());
        Self { program, group, machine, wrong, assistant, since, course }
    }

    /// How far the session has come.
    pub(super) fn stands(&self, session: &Session) {
        let carried = session.have().catalog.map(|(version, root)| Carried { version, root });
        let mut course = self.course();
        let newest = session.newest().filter(|newest| carried.is_none_or(|own| own.version < *newest));
        let since = |newest| match course.behind {
            // Behind is behind, however often head office publishes meanwhile.
            Some((_, since)) => (newest, since),
            None => (newest, Instant::now()),
        };
        course.behind = newest.map(since);
        course.carried = carried;
        course.keys = session.trust().map_or(0, |trust| trust.list().version);
        course.signed = session.signed();
        course.recall = session.recalls();
        course.problem = session.problem();
    }

    /// Why something of head office was refused; `None`: something was taken since.
    pub(super) fn refused(&self, why: Option<String>) {
        self.course().refused = why;
    }

    /// The status, given what waits in the outbox. For a thread that may block.
    pub(super) fn report(&self, outbox: Backlog) -> Report {
        let course = self.course().clone();
        let at = Timestamp::now();
        let assistant = self.assistant.upgrade();
        let lag = course.behind.map_or(0, |(_, since)| since.elapsed().as_secs());
        let health = self.machine.health();
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner).trouble(&health);
        let skew = course.signed.map_or(0, |signed| at.duration_since(signed).as_secs());
        Report {
            since: self.since,
            at,
            program: self.program,
            group: Some(self.group.clone()),
            format: FORMAT,
            catalog: course.carried,
            keys: course.keys,
            recall: course.recall,
            lag_s: u32::try_from(lag).unwrap_or(u32::MAX),
            // Signed times lie in the past as a rule: only a clock before them is wrong for sure.
            skew_s: skew.min(0),
            outbox,
            engines: assistant
                .iter()
                .flat_map(|own| own.engines().filter_map(engine).collect::<Vec<_>>())
                .collect(),
            health,
            orders_open: assistant.as_deref().map_or(0, open_orders),
            problem: joined(wrong, course.problem.or(course.refused)),
        }
    }

    fn course(&self) -> std::sync::MutexGuard<'_, Course> {
        // Plain values, which a panic elsewhere cannot break.
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Both, where there are two.
fn joined(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => Some(format!("{one}; {other}")),
        (one, other) => one.or(other),
    }
}

fn open_orders(assistant: &Assistant) -> u32 {
    u32::try_from(assistant.catalog().open_orders().unwrap_or(0)).unwrap_or(u32::MAX)
}

fn engine(own: &Engine) -> Option<EngineReport> {
    let engine = named(own)?;
    let state = match own.state() {
        EngineState::Ready => status::EngineState::Ready,
        EngineState::Failed | EngineState::BackingOff => status::EngineState::Failed,
        _ => status::EngineState::Starting,
    };
    Some(EngineReport { engine, state })
}
