//! Owns what head office asks of each kiosk: a sheet for each with all that is open, which is
//! signed and sent whole whenever it changes. A sheet's version only grows; it is written down
//! before it is sent, so that what is cut off is sent by the next run. What a kiosk answered, and
//! what expired, leaves the sheet. Never waits for an answer.
//!
//! ```text
//! commands/s042.k1     the sheet of kiosk k1 of store s042 (JSON)
//! ```

use super::files::{self, FileError};
use super::keyring::{Keyring, KeyringError, whole};
use super::line::{Line, LineError, keys, retained};
use super::shelf;
use crate::store::{KioskRow, Office, StoreError};
use crate::sync::mqtt::{Message, Options};
use crate::sync::sign::{self, Ring, SecretKey, SignError, seal};
use crate::sync::topics::{self, Name, Role, Topic};
use crate::sync::wire::command::{Command, Commands, MAX_COMMANDS};
use crate::sync::wire::event::Outcome;
use crate::sync::wire::status::Report;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use uuid::Uuid;

const FOLDER: &str = "commands";
/// Commands of a kiosk that are still shown when they are closed.
const SHOWN: usize = 32;

/// Why commands cannot be sent, or not all of them. Asked again, it goes on.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("{} is damaged ({why}): bring back a copy of it, or move it away to begin anew", path.display())]
    Damaged { path: PathBuf, why: String },
    #[error(
        "{MAX_COMMANDS} commands are open for {0}: wait until it answers, or withdraw some with `aisle office command withdraw`"
    )]
    Full(Whose),
    #[error(transparent)]
    Line(#[from] LineError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A kiosk of a store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Whose {
    pub store: Name,
    pub kiosk: Name,
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.store, self.kiosk)
    }
}

/// Who is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    Kiosk(Whose),
    Store(Name),
    /// All that take the catalog of this group.
    Group(Name),
}

/// Those of the kiosks that were ever heard who are meant, by store and name.
#[must_use]
pub fn chosen(rows: &[KioskRow], whom: &Whom) -> Vec<Whose> {
    let is_meant = |row: &&KioskRow| match whom {
        Whom::Kiosk(whose) => row.store == whose.store.as_str() && row.kiosk == whose.kiosk.as_str(),
        Whom::Store(store) => row.store == store.as_str(),
        Whom::Group(group) => group_of(row).as_ref() == Some(group),
    };
    let whose =
        |row: &KioskRow| Some(Whose { store: row.store.parse().ok()?, kiosk: row.kiosk.parse().ok()? });
    rows.iter().filter(is_meant).filter_map(whose).collect()
}

fn group_of(row: &KioskRow) -> Option<Name> {
    serde_json::from_str::<Report>(row.report.as_deref()?).ok()?.group
}

/// A command with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub command: Command,
    pub asked: Timestamp,
    /// It was taken back before the kiosk answered.
    #[serde(default)]
    pub withdrawn: bool,
}

/// What is asked of one kiosk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sheet {
    /// Of the list that was made last, and of that which the broker has; 0: none.
    version: u64,
    sent: u64,
    pub open: Vec<Asked>,
    /// The latest that are not open any more, oldest first.
    pub closed: Vec<Asked>,
}

impl Sheet {
    /// Closes what needs to stand here no longer. Whether anything changed.
    fn tidy(&mut self, now: Timestamp, is_closed: impl Fn(&Asked) -> bool) -> bool {
        let (closed, open): (Vec<_>, Vec<_>) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|asked| asked.command.expires <= now || is_closed(asked));
        let changed = !closed.is_empty();
        self.open = open;
        self.closed.extend(closed);
        self.closed.drain(..self.closed.len().saturating_sub(SHOWN));
        changed
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Open,
    Answered(Outcome),
    Withdrawn,
    /// Nobody answered in time; an answer may still come.
    Expired,
}

/// What became of a command, as far as it is known now.
///
/// # Errors
/// The database cannot be read.
pub fn state(office: &Office, whose: &Whose, asked: &Asked, now: Timestamp) -> Result<State, StoreError> {
    let body = office.outcome(whose.store.as_str(), whose.kiosk.as_str(), asked.command.id)?;
    let outcome = body.and_then(|body| serde_json::from_str(&body).ok());
    Ok(match outcome {
        Some(outcome) => State::Answered(outcome),
        None if asked.withdrawn => State::Withdrawn,
        None if asked.command.expires <= now => State::Expired,
        None => State::Open,
    })
}

/// All sheets, by kiosk.
///
/// # Errors
/// One of them is damaged.
pub fn sheets(office: &Path) -> Result<BTreeMap<Whose, Sheet>, CommandError> {
    let folder = office.join(FOLDER);
    let names = if folder.is_dir() { files::names(&folder)? } else { Vec::new() };
    let mut all = BTreeMap::new();
    for name in names {
        let whose = name.split_once('.').and_then(|(store, kiosk)| {
            Some(Whose { store: store.parse().ok()?, kiosk: kiosk.parse().ok()? })
        });
        if let Some(whose) = whose {
            all.insert(whose.clone(), read(office, &whose)?);
        }
    }
    Ok(all)
}

fn path(office: &Path, whose: &Whose) -> PathBuf {
    office.join(FOLDER).join(format!("{}.{}", whose.store, whose.kiosk))
}

fn read(office: &Path, whose: &Whose) -> Result<Sheet, CommandError> {
    let path = path(office, whose);
    if !path.exists() {
        return Ok(Sheet::default());
    }
    let bytes = files::read(&path)?;
    serde_json::from_slice(&bytes).map_err(|error| CommandError::Damaged { path, why: error.to_string() })
}

fn write(office: &Path, whose: &Whose, sheet: &Sheet) -> Result<(), CommandError> {
    Ok(files::replace(&path(office, whose), &serde_json::to_vec(sheet).unwrap_or_default())?)
}

/// What is to be sent.
#[derive(Debug, Default)]
pub struct Sending {
    /// New commands. One that stands on the sheet already is not put there again.
    pub new: Vec<(Whose, Command)>,
    /// Taken back, where they are not answered yet.
    pub withdrawn: BTreeSet<Uuid>,
    /// Send every list again, for a broker that lost them.
    pub again: bool,
}

/// How many lists went to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Went {
    pub lists: usize,
}

/// Brings all sheets up to date and sends those that the broker lacks, in the runtime that this
/// is called in. Without any nobody is connected to.
///
/// # Errors
/// The broker cannot be reached or refuses, or a file cannot be used: what was done is written
/// down.
pub async fn send(
    options: Options,
    folder: &Path,
    ring: &Keyring,
    office: &Office,
    what: Sending,
) -> Result<Went, CommandError> {
    // The broker lets head office in once.
    let _alone = shelf::hold(folder)?;
    files::private_folder(&folder.join(FOLDER))?;
    let now = Timestamp::now();
    let changed = changed(folder, office, what, now)?;
    if changed.is_empty() {
        return Ok(Went::default());
    }
    let signers = ring.signers(Role::Command, now)?;
    let tenant = ring.tenant();
    let topic = |whose: &Whose| Topic::Kiosk {
        store: whose.store.clone(),
        kiosk: whose.kiosk.clone(),
        line: topics::Line::Commands,
    };
    let mut line = Line::open(options).await?;
    // Who signs must be known first.
    line.put(keys(tenant, &ring.chain())).await?;
    let filters: Vec<String> = changed.keys().map(|whose| topic(whose).text(tenant)).collect();
    let there = line.hear(tenant, &filters).await?;
    let mut lists = Vec::new();
    for (whose, mut sheet) in changed {
        let topic = topic(&whose);
        // Another folder sent meanwhile, or this one is an old copy.
        let highest = there.get(&topic.text(tenant)).and_then(|there| version(there, &topic, ring));
        sheet.version = sheet.version.max(highest.unwrap_or(0)).saturating_add(1);
        let payload = sealed(&sheet, now, &topic, tenant, &signers)?;
        write(folder, &whose, &sheet)?;
        lists.push((whose, sheet, retained(topic.text(tenant), payload.into())));
    }
    let arrived = |(whose, sheet, _): &(Whose, Sheet, Message)| {
        write(folder, whose, &Sheet { sent: sheet.version, ..sheet.clone() })
    };
    line.send::<_, CommandError>(&lists, |(_, _, message)| Ok(message.clone()), arrived).await?;
    line.close().await;
    Ok(Went { lists: lists.len() })
}

/// The sheets that are to be sent, as they are to be.
fn changed(
    folder: &Path,
    office: &Office,
    what: Sending,
    now: Timestamp,
) -> Result<BTreeMap<Whose, Sheet>, CommandError> {
    let Sending { new, withdrawn, again } = what;
    let mut all = sheets(folder)?;
    let mut wanted = BTreeSet::new();
    for (whose, sheet) in &mut all {
        let mut answered = BTreeSet::new();
        for asked in &mut sheet.open {
            if matches!(state(office, whose, asked, now)?, State::Answered(_)) {
                answered.insert(asked.command.id);
            } else {
                asked.withdrawn |= withdrawn.contains(&asked.command.id);
            }
        }
        let tidied = sheet.tidy(now, |asked| asked.withdrawn || answered.contains(&asked.command.id));
        if tidied || again || sheet.sent != sheet.version {
            wanted.insert(whose.clone());
        }
    }
    for (whose, command) in new {
        let sheet = all.entry(whose.clone()).or_default();
        if sheet.open.iter().chain(&sheet.closed).any(|asked| asked.command.id == command.id) {
            continue;
        }
        if sheet.open.len() >= MAX_COMMANDS {
            return Err(CommandError::Full(whose));
        }
        sheet.open.push(Asked { command, asked: whole(now), withdrawn: false });
        wanted.insert(whose);
    }
    all.retain(|whose, _| wanted.contains(whose));
    Ok(all)
}

fn sealed(
    sheet: &Sheet,
    now: Timestamp,
    topic: &Topic,
    tenant: &Name,
    signers: &[SecretKey],
) -> Result<Vec<u8>, SignError> {
    let items: Vec<Command> = sheet.open.iter().map(|asked| asked.command.clone()).collect();
    let list = Commands { version: sheet.version, issued: whole(now), items: items.into() };
    seal(&list, topic, tenant, &signers.iter().collect::<Vec<_>>())
}

/// The version of a list that one of head office's keys signed.
fn version(payload: &[u8], topic: &Topic, ring: &Keyring) -> Option<u64> {
    let rows = ring.rows().into_iter().filter(|row| row.role == Role::Command);
    let keys = Ring { role: Role::Command.name(), keys: rows.map(|row| row.public).collect(), threshold: 1 };
    let list: Commands = sign::open(payload, topic, ring.tenant(), &keys).ok()?.read().ok()?;
    Some(list.version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Effect, OfficeBatch, OfficeEvent};
    use crate::sync::wire::command::Action;
    use jiff::ToSpan;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn whose(kiosk: &str) -> Whose {
        Whose { store: name("s042"), kiosk: name(kiosk) }
    }

    fn start() -> Timestamp {
        "2026-11-26T08:00:00Z".parse().unwrap()
    }

    fn command(n: u128) -> Command {
        Command { id: Uuid::from_u128(n), expires: start() + 1.hour(), what: Action::Diagnose }
    }

    fn row(store: &str, kiosk: &str, group: Option<&str>) -> KioskRow {
        let mut report = crate::sync::wire::samples::status().report.unwrap();
        report.group = group.map(name);
        let report = serde_json::to_string(&report).unwrap();
        let (store, kiosk) = (store.to_owned(), kiosk.to_owned());
        let (connection, seen_at) = (Uuid::nil(), start());
        KioskRow { store, kiosk, connection, online: true, seen_at, report: Some(report) }
    }

    #[test]
    fn who_is_meant_is_chosen_of_those_that_were_heard() {
        let rows = [row("s1", "k1", Some("north")), row("s1", "k2", None), row("s2", "k1", Some("south"))];
        let chosen = |whom| chosen(&rows, &whom).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(chosen(Whom::Store(name("s1"))), ["s1/k1", "s1/k2"]);
        assert_eq!(chosen(Whom::Kiosk(Whose { store: name("s2"), kiosk: name("k1") })), ["s2/k1"]);
        assert_eq!(chosen(Whom::Group(name("north"))), ["s1/k1"], "an older program does not say");
        assert!(chosen(Whom::Store(name("s3"))).is_empty());
    }

    struct Folder {
        folder: tempfile::TempDir,
        office: Office,
    }

    impl Folder {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let office = Office::open(folder.path()).unwrap();
            files::private_folder(&folder.path().join(FOLDER)).unwrap();
            Self { folder, office }
        }

        fn changed(&self, what: Sending, now: Timestamp) -> Result<BTreeMap<Whose, Sheet>, CommandError> {
            changed(self.folder.path(), &self.office, what, now)
        }

        /// As if all that changed had been sent.
        fn send(&self, what: Sending) -> usize {
            let changed = self.changed(what, start()).unwrap();
            for (whose, sheet) in &changed {
                let version = sheet.version + 1;
                write(self.folder.path(), whose, &Sheet { version, sent: version, ..sheet.clone() }).unwrap();
            }
            changed.len()
        }

        fn answer(&self, whose: &Whose, n: u128) {
            let body = serde_json::to_string(&Outcome::Done {
                command: Uuid::from_u128(n),
                findings: vec!["disk: good".into()],
            });
            let event = OfficeEvent {
                id: Uuid::now_v7(),
                seq: 1,
                kind: "done".into(),
                made_at: start(),
                body: body.unwrap(),
                effect: Effect::Nothing,
            };
            let batch = OfficeBatch {
                store: whose.store.to_string(),
                kiosk: whose.kiosk.to_string(),
                outbox: Uuid::nil(),
                lane: "outcome",
                events: vec![event],
            };
            self.office.file(&[batch], start()).unwrap();
        }
    }

    fn ids(asked: &[Asked]) -> Vec<u128> {
        asked.iter().map(|asked| asked.command.id.as_u128()).collect()
    }

    #[test]
    fn what_is_answered_withdrawn_or_expired_leaves_the_sheet_and_is_shown_for_a_while() {
        let folder = Folder::new();
        let (one, two) = (whose("k1"), whose("k2"));
        let new = [1, 2, 3].map(|n| (one.clone(), command(n))).into_iter().chain([(two.clone(), command(9))]);
        let new: Vec<_> = new.collect();
        assert_eq!(folder.send(Sending { new: new.clone(), ..Sending::default() }), 2);
        assert_eq!(folder.send(Sending { new, ..Sending::default() }), 0, "asked again it changes nothing");
        assert_eq!(folder.send(Sending { again: true, ..Sending::default() }), 2);
        folder.answer(&one, 2);
        folder.answer(&two, 1);
        let withdrawn = BTreeSet::from([Uuid::from_u128(1), Uuid::from_u128(2)]);
        assert_eq!(folder.send(Sending { withdrawn, ..Sending::default() }), 1, "another's answer is none");
        let sheet = read(folder.folder.path(), &one).unwrap();
        assert_eq!((ids(&sheet.open), ids(&sheet.closed)), (vec![3], vec![1, 2]));
        let states: Vec<_> = sheet
            .closed
            .iter()
            .chain(&sheet.open)
            .map(|asked| state(&folder.office, &one, asked, start()).unwrap())
            .collect();
        assert!(matches!(states[..], [State::Withdrawn, State::Answered(Outcome::Done { .. }), State::Open]));
        let later = folder.changed(Sending::default(), start() + 2.hours()).unwrap();
        assert_eq!(later.len(), 2);
        assert!(later.values().all(|sheet| sheet.open.is_empty()));
    }

    #[test]
    fn a_sheet_that_was_not_sent_is_sent_by_the_next_run_and_a_full_one_takes_no_more() {
        let folder = Folder::new();
        let one = whose("k1");
        let full = (0..MAX_COMMANDS as u128).map(|n| (one.clone(), command(n + 1))).collect();
        let changed = folder.changed(Sending { new: full, ..Sending::default() }, start()).unwrap();
        // Written down, and cut off.
        let sheet = Sheet { version: 7, ..changed[&one].clone() };
        write(folder.folder.path(), &one, &sheet).unwrap();
        assert_eq!(folder.changed(Sending::default(), start()).unwrap()[&one], sheet);
        let more = Sending { new: vec![(one.clone(), command(100))], ..Sending::default() };
        assert!(matches!(folder.changed(more, start()), Err(CommandError::Full(_))));
        std::fs::write(path(folder.folder.path(), &one), "{").unwrap();
        let error = folder.changed(Sending::default(), start()).unwrap_err().to_string();
        assert!(error.contains("s042.k1") && error.contains("bring back"), "{error}");
    }
}
