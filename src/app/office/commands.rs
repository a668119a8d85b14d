//! `aisle office command` at a terminal: who is told what, and what came of it. How lists are
//! kept, signed and sent is `office`'s.

use super::{Place, block_on, print};
use crate::app::cli::{Order, To, What};
use crate::office::commands::{self, Asked, Sending, Sheet, State, Whom, Whose, chosen, sheets, state};
use crate::office::keyring::Keyring;
use crate::store::Office;
use crate::sync::wire::command::{Action, Command, Restart};
use crate::sync::wire::event::Outcome;
use anyhow::{Result, bail, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use uuid::Uuid;

/// How often answers are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Carries a command of the command line out.
pub(super) fn run(order: Order, place: &Place) -> Result<()> {
    let ring = || Ok::<_, anyhow::Error>(Keyring::open(&place.folder, &place.tenant()?)?);
    let (what, to) = match order {
        Order::List { json } => return list(place, json),
        Order::Withdraw { ids } => {
            let all = sheets(&place.folder)?;
            let is_open =
                |id: &Uuid| all.values().any(|sheet| sheet.open.iter().any(|asked| asked.command.id == *id));
            if let Some(id) = ids.iter().find(|id| !is_open(id)) {
                bail!("command {id} is not open; `aisle office command list` shows what is");
            }
            let lists = send(
                place,
                &ring()?,
                Sending { withdrawn: ids.into_iter().collect(), ..Sending::default() },
            )?;
            return print(&format!("Lists sent: {lists}.\n"));
        }
        Order::Send { again } => {
            let lists = send(place, &ring()?, Sending { again, ..Sending::default() })?;
            return print(&format!("Lists sent: {lists}.\n"));
        }
        Order::Restart { what, to } => {
            let what = match what {
                What::Engines => Restart::Engines,
                What::Program => Restart::Program,
                What::Machine => Restart::Machine,
            };
            (Action::Restart { what }, to)
        }
        Order::Diagnose { to } => (Action::Diagnose, to),
        Order::Pin { version, to } => (Action::PinVersion { version: Some(version) }, to),
        Order::Unpin { to } => (Action::PinVersion { version: None }, to),
        Order::Release { version, to } => (Action::Stage { version }, to),
        Order::Keys { to } => (Action::RotateKeys { at_least: ring()?.list().version }, to),
    };
    tell(place, &ring()?, &what, &to)
}

/// Tells kiosks to do it, and waits for answers where that is asked for.
fn tell(place: &Place, ring: &Keyring, what: &Action, to: &To) -> Result<()> {
    let office = place.collected()?;
    let whom = whom(to)?;
    let kiosks = chosen(&office.kiosks()?, &whom);
    ensure!(
        !kiosks.is_empty(),
        "no such kiosk was ever heard: `aisle office status` shows those that were, and does `aisle office collect` run?"
    );
    let span = SignedDuration::from_mins(to.within.into());
    let expires = Timestamp::from_second(Timestamp::now().as_second())?.checked_add(span)?;
    let command = |whose: Whose| (whose, Command { id: Uuid::new_v4(), expires, what: what.clone() });
    let new: Vec<(Whose, Command)> = kiosks.into_iter().map(command).collect();
    send(place, ring, Sending { new: new.clone(), ..Sending::default() })?;
    let rows = block_on(answers(&office, new, to.wait))?;
    if to.json {
        let open = rows.iter().filter(|row| row.state == State::Open).count();
        let kiosks: Vec<Value> = rows.iter().map(Row::object).collect();
        return print(&format!("{}\n", json!({"open": open, "commands": kiosks})));
    }
    print(&rows.iter().map(Row::text).collect::<String>())
}

fn whom(to: &To) -> Result<Whom> {
    Ok(match (&to.store, &to.kiosk, &to.group) {
        (Some(store), Some(kiosk), _) => Whom::Kiosk(Whose { store: store.clone(), kiosk: kiosk.clone() }),
        (Some(store), None, _) => Whom::Store(store.clone()),
        (None, _, Some(group)) => Whom::Group(group.clone()),
        (None, _, None) => bail!("say who: --store S, --store S --kiosk K, or --group G"),
    })
}

pub(super) fn send(place: &Place, ring: &Keyring, what: Sending) -> Result<usize> {
    let (connection, office) = (place.connection("office")?, place.collected()?);
    let went = async { Ok(commands::send(connection, &place.folder, ring, &office, what).await?) };
    Ok(block_on(went)?.lists)
}

/// What is known of each, at once or once all are answered.
async fn answers(office: &Office, all: Vec<(Whose, Command)>, wait: u32) -> Result<Vec<Row>> {
    let until = Instant::now() + Duration::from_secs(wait.into());
    loop {
        let now = Timestamp::now();
        let row = |(whose, command): &(Whose, Command)| {
            let asked = Asked { command: command.clone(), asked: now, withdrawn: false };
            Row::new(office, whose, &asked, now)
        };
        let rows = all.iter().map(row).collect::<Result<Vec<_>>>()?;
        if Instant::now() >= until || rows.iter().all(|row| row.state != State::Open) {
            return Ok(rows);
        }
        sleep(LOOK_EVERY).await;
    }
}

fn list(place: &Place, as_json: bool) -> Result<()> {
    let (office, now) = (place.collected()?, Timestamp::now());
    let mut rows = Vec::new();
    for (whose, Sheet { open, closed, .. }) in sheets(&place.folder)? {
        for asked in closed.iter().chain(&open) {
            rows.push(Row::new(&office, &whose, asked, now)?);
        }
    }
    if as_json {
        let open = rows.iter().filter(|row| row.state == State::Open).count();
        let rows: Vec<Value> = rows.iter().map(Row::object).collect();
        return print(&format!("{}\n", json!({"open": open, "commands": rows})));
    }
    if rows.is_empty() {
        return print("Nothing was asked of any kiosk yet.\n");
    }
    print(&rows.iter().map(Row::text).collect::<String>())
}

/// A command with what became of it.
struct Row {
    whose: Whose,
    command: Command,
    state: State,
}

impl Row {
    fn new(office: &Office, whose: &Whose, asked: &Asked, now: Timestamp) -> Result<Self> {
        let state = state(office, whose, asked, now)?;
        Ok(Self { whose: whose.clone(), command: asked.command.clone(), state })
    }

    fn what(&self) -> String {
        match &self.command.what {
            Action::Restart { what: Restart::Engines } => "restart engines".into(),
            Action::Restart { what: Restart::Program } => "restart program".into(),
            Action::Restart { what: Restart::Machine } => "restart machine".into(),
            Action::Diagnose => "diagnose".into(),
            Action::RotateKeys { at_least } => format!("keys {at_least}"),
            Action::PinVersion { version: Some(version) } => format!("pin {version}"),
            Action::PinVersion { version: None } => "unpin".into(),
            Action::Stage { version } => format!("release {version}"),
        }
    }

    /// The word for its state, why, and what was found.
    fn said(&self) -> (&'static str, Option<&str>, &[String]) {
        match &self.state {
            State::Open => ("open", None, &[]),
            State::Withdrawn => ("withdrawn", None, &[]),
            State::Expired => ("expired", None, &[]),
            State::Answered(Outcome::Done { findings, .. }) => ("done", None, findings),
            State::Answered(Outcome::Failed { why, .. }) => ("FAILED", Some(why), &[]),
            State::Answered(Outcome::Refused { why, .. }) => ("REFUSED", Some(why), &[]),
        }
    }

    fn text(&self) -> String {
        let (state, why, findings) = self.said();
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        let mut text = format!("{}  {}  {}  {state}{why}\n", self.command.id, self.whose, self.what());
        text.extend(findings.iter().map(|line| format!("  {line}\n")));
        text
    }

    fn object(&self) -> Value {
        let (state, why, findings) = self.said();
        json!({
            "id": self.command.id, "store": self.whose.store, "kiosk": self.whose.kiosk,
            "what": self.what(), "expires": self.command.expires, "state": state.to_lowercase(),
            "why": why, "findings": findings,
        })
    }
}
