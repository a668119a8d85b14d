//! The kiosk's side of head office's commands: hears the list of all that is open, and decides
//! what is to be done, in which order, and what head office is told of it. Pure: [`update`] takes
//! one event and says what is to be done; nothing here reads a clock, a socket or a file.
//!
//! - A list counts when it is signed by a command key in force and newer than what was seen; what
//!   may become good, by newer keys or a clock set right, is looked at again.
//! - A command is done once, however often it comes and whatever happens meanwhile: what could
//!   end the program is written down as begun before it is begun, and is never begun again. Its
//!   answer is written together with the note that it is done.
//! - One is done at a time, in the order of the list. Those that wait for something, such as a
//!   bundle that is on its way, hold up no other, and are refused once they expire.
//! - One that is not known is refused by its id, and the others are done.

use super::accept::{Accepted, Mark, Step, accept, sure_time};
use super::digest::Digest;
use super::keys::KeyList;
use super::session::Now;
use super::topics::{Line, Site};
use super::wire::command::{Action, Command, Commands, Restart};
use super::wire::event::Outcome;
use super::wire::one_line;
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;
use uuid::Uuid;

/// How often a list that may become good is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// When what could not be written down is tried again.
const WRITE_AGAIN: Duration = Duration::from_secs(10);
/// Most lines of an answer, and most characters of each: several fit into a batch.
const MAX_FINDINGS: usize = 60;
const MAX_FINDING: usize = 160;

/// What does not change while the program runs.
#[derive(Debug, Clone)]
pub struct Setup {
    pub site: Site,
    /// The settings allow head office to restart the machine.
    pub may_reboot: bool,
    /// Another one after each start of the machine.
    pub boot: String,
}

/// What the store has at the start.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// Highest versions seen.
    pub marks: Vec<Mark>,
    /// Answered, the most recent ones at least.
    pub answered: BTreeSet<Uuid>,
    /// Begun and not answered: the program ended meanwhile.
    pub begun: Vec<Begun>,
}

/// A command that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    pub id: Uuid,
    /// As [`word`] has it.
    pub what: String,
    /// [`Setup::boot`] at that time.
    pub boot: String,
}

/// How far the kiosk has come with what commands wait for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct World {
    /// The key list in force.
    pub keys: Option<KeyList>,
    /// The newest time that head office signed.
    pub signed: Option<Timestamp>,
    /// The bundle in use.
    pub carried: Option<u64>,
    /// The bundle that was refused last, and why.
    pub refused: Option<(u64, String)>,
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Event {
    /// Came on the topic of the commands.
    Heard(Bytes),
    Stands(World),
    /// What was to be done is done: with what it found, or why it failed.
    Did(Uuid, Result<Vec<String>, String>),
    /// An answer is written down.
    Answered(Uuid),
    /// This could not be written down, and nothing was done.
    Unwritten(Uuid),
    /// Time passed: due at [`Docket::wake`], harmless at any other time.
    Tick,
}

/// What is to be done. In this order, one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Keep these marks, before anything else is done, and what is known of these commands.
    Remember { marks: Vec<Mark>, listed: Vec<Uuid> },
    /// Write this down as begun, then do it; answered with `Did` or `Unwritten`.
    Begin(Command),
    /// Do this, which may be done twice; answered with `Did`.
    Do(Command),
    /// Write this down and tell head office, both or neither; `Answered` or `Unwritten`.
    Answer(Outcome),
    /// Let this bundle into use although it waits.
    Release(u64),
    /// Ask for the key lists anew.
    ReadKeys,
    /// A list was not taken; for the log, once.
    NotTaken(String),
}

/// One of the list.
#[derive(Debug, Clone)]
enum Open {
    Known(Command),
    Unknown { id: Uuid, why: String },
}

impl Open {
    fn id(&self) -> Uuid {
        match self {
            Self::Known(command) => command.id,
            Self::Unknown { id, .. } => *id,
        }
    }
}

/// All that head office has asked for.
#[derive(Debug)]
pub struct Docket {
    setup: Setup,
    world: World,
    marks: Vec<Mark>,
    /// Answered, or begun: never begun again.
    settled: BTreeSet<Uuid>,
    list: Vec<Open>,
    /// A list that may become good, and when it is looked at again.
    held: Option<(Bytes, Duration)>,
    told: Option<Digest>,
    /// What is being done.
    doing: Option<Uuid>,
    /// What is to be answered, in order; the first is being written when `writing`.
    answers: VecDeque<Outcome>,
    writing: bool,
    /// Nothing is written before this.
    again: Duration,
    released: Option<u64>,
    keys_asked: BTreeSet<Uuid>,
}

/// Takes an event and says what is to be done.
pub fn update(docket: &mut Docket, event: Event, now: Now) -> Vec<Order> {
    let mut orders = Vec::new();
    docket.take(event, now, &mut orders);
    docket.go_on(now, &mut orders);
    orders
}

/// What a command is called where it is written down.
#[must_use]
pub fn word(action: &Action) -> &'static str {
    match action {
        Action::Restart { what: Restart::Engines } => "restart engines",
        Action::Restart { what: Restart::Program } => "restart program",
        Action::Restart { what: Restart::Machine } => "restart machine",
        Action::Diagnose => "diagnose",
        Action::RotateKeys { .. } => "rotate keys",
        Action::PinVersion { .. } => "pin version",
        Action::Stage { .. } => "stage",
    }
}

/// The command that an outcome tells of.
#[must_use]
pub fn told_of(outcome: &Outcome) -> Uuid {
    let (Outcome::Done { command, .. } | Outcome::Failed { command, .. } | Outcome::Refused { command, .. }) =
        outcome;
    *command
}

fn done(command: Uuid) -> Outcome {
    Outcome::Done { command, findings: Vec::new() }
}

fn failed(command: Uuid, why: &str) -> Outcome {
    Outcome::Failed { command, why: one_line(why).unwrap_or_else(|| "nobody knows why".to_owned()) }
}

fn refused(command: Uuid, why: &str) -> Outcome {
    Outcome::Refused { command, why: one_line(why).unwrap_or_else(|| "it cannot be read".to_owned()) }
}

/// What became of a command that was begun before the program ended.
fn left_over(begun: &Begun, boot: &str) -> Outcome {
    match begun.what.as_str() {
        "restart program" | "restart engines" => done(begun.id),
        "restart machine" if begun.boot != boot => done(begun.id),
        "restart machine" => failed(begun.id, "the program was started anew, and the machine was not"),
        _ => failed(begun.id, "the program ended while it did this"),
    }
}

/// What a list of findings may be.
fn fitting(findings: Vec<String>) -> Vec<String> {
    let line = |text: String| Some(one_line(&text)?.chars().take(MAX_FINDING).collect());
    findings.into_iter().filter_map(line).take(MAX_FINDINGS).collect()
}

impl Docket {
    #[must_use]
    pub fn new(setup: Setup, stored: Stored) -> Self {
        let answers = stored.begun.iter().map(|begun| left_over(begun, &setup.boot)).collect();
        let mut settled = stored.answered;
        settled.extend(stored.begun.iter().map(|begun| begun.id));
        Self {
            setup,
            world: World::default(),
            marks: stored.marks,
            settled,
            list: Vec::new(),
            held: None,
            told: None,
            doing: None,
            answers,
            writing: false,
            again: Duration::ZERO,
            released: None,
            keys_asked: BTreeSet::new(),
        }
    }

    /// When a `Tick` is due, on the clock that only runs forward.
    #[must_use]
    pub fn wake(&self, now: Now) -> Option<Duration> {
        let held = self.held.as_ref().map(|(_, at)| *at);
        let write = (!self.answers.is_empty() && !self.writing).then_some(self.again);
        // The calendar's clock may jump: it is not trusted for longer than a look.
        let waits = self.open().next().is_some() && self.doing.is_none();
        let expires = waits.then(|| match self.again {
            again if now.up < again => again,
            _ => now.up.saturating_add(self.next_end(now)),
        });
        held.into_iter().chain(write).chain(expires).min()
    }

    fn next_end(&self, now: Now) -> Duration {
        let sure = self.sure(now);
        let ends = self.open().filter_map(|open| match open {
            Open::Known(command) => Duration::try_from(command.expires.duration_since(sure)).ok(),
            Open::Unknown { .. } => None,
        });
        ends.chain([LOOK_AGAIN]).min().unwrap_or(LOOK_AGAIN)
    }

    fn sure(&self, now: Now) -> Timestamp {
        sure_time(now.clock, self.world.signed)
    }

    /// What is neither answered nor begun.
    fn open(&self) -> impl Iterator<Item = &Open> {
        self.list.iter().filter(|open| !self.settled.contains(&open.id()))
    }

    fn take(&mut self, event: Event, now: Now, orders: &mut Vec<Order>) {
        match event {
            Event::Heard(payload) => self.hear(payload, now, orders),
            Event::Stands(world) => {
                let keys_changed = self.world.keys != world.keys;
                self.world = world;
                if keys_changed && let Some((payload, _)) = self.held.take() {
                    self.hear(payload, now, orders);
                }
            }
            Event::Did(id, result) if self.doing == Some(id) => {
                self.doing = None;
                self.settled.insert(id);
                self.answers.push_back(match result {
                    Ok(findings) => Outcome::Done { command: id, findings: fitting(findings) },
                    Err(why) => failed(id, &why),
                });
            }
            Event::Did(..) => {}
            Event::Answered(id) => {
                if self.writing && self.answers.front().is_some_and(|answer| told_of(answer) == id) {
                    self.writing = false;
                    self.answers.pop_front();
                    self.settled.insert(id);
                }
            }
            Event::Unwritten(id) => {
                self.again = now.up.saturating_add(WRITE_AGAIN);
                self.writing = false;
                self.doing.take_if(|doing| *doing == id);
            }
            Event::Tick => {
                if let Some((payload, _)) = self.held.take_if(|(_, at)| *at <= now.up) {
                    self.hear(payload, now, orders);
                }
            }
        }
    }

    fn hear(&mut self, payload: Bytes, now: Now, orders: &mut Vec<Order>) {
        // A retained message that is cleared says nothing.
        if payload.is_empty() {
            return;
        }
        let again = now.up.saturating_add(LOOK_AGAIN);
        let Some(keys) = &self.world.keys else {
            // The keys come on another topic, sooner or later.
            self.held = Some((payload, again));
            return;
        };
        let (topic, tenant) = (self.setup.site.own(Line::Commands), &self.setup.site.tenant);
        match accept::<Commands>(&payload, &topic, tenant, keys, &self.marks, self.sure(now)) {
            Ok(Accepted { message, step, marks }) => {
                // What was held is older than this, or this.
                self.held = None;
                self.put(message);
                if step == Step::Newer {
                    for mark in &marks {
                        self.marks.retain(|old| (&old.scope, old.key) != (&mark.scope, mark.key));
                        self.marks.push(mark.clone());
                    }
                    let listed = self.list.iter().map(Open::id).collect();
                    orders.push(Order::Remember { marks, listed });
                }
            }
            Err(error) => {
                let digest = Digest::of(&payload);
                if self.told.replace(digest) != Some(digest) {
                    orders.push(Order::NotTaken(error.to_string()));
                }
                if error.may_pass() {
                    self.held = Some((payload, again));
                }
            }
        }
    }

    /// Takes the place of the list before.
    fn put(&mut self, message: Commands) {
        let known = message.items.items.into_iter().map(Open::Known);
        let unknown = message.items.refused.into_iter().filter_map(|refused| {
            // Without an id there is nothing to answer.
            Some(Open::Unknown { id: refused.id?, why: refused.why })
        });
        self.list = known.chain(unknown).collect();
        let listed: BTreeSet<Uuid> = self.list.iter().map(Open::id).collect();
        self.keys_asked.retain(|id| listed.contains(id));
    }

    /// Goes on with the next that can be done or answered.
    fn go_on(&mut self, now: Now, orders: &mut Vec<Order>) {
        self.help(orders);
        if self.doing.is_some() || self.writing || now.up < self.again {
            return;
        }
        if self.answers.is_empty() {
            let sure = self.sure(now);
            let next = self.open().find_map(|open| self.step(open, sure));
            match next {
                Some(Next::Answer(outcome)) => self.answers.push_back(outcome),
                Some(Next::Do(command)) => {
                    self.doing = Some(command.id);
                    // What may be done twice needs no note.
                    orders.push(match command.what {
                        Action::PinVersion { .. } => Order::Do(command),
                        _ => Order::Begin(command),
                    });
                    return;
                }
                None => return,
            }
        }
        if let Some(answer) = self.answers.front() {
            self.writing = true;
            orders.push(Order::Answer(answer.clone()));
        }
    }

    /// What can be done with one of the list now.
    fn step(&self, open: &Open, sure: Timestamp) -> Option<Next> {
        let command = match open {
            Open::Unknown { id, why } => return Some(Next::Answer(refused(*id, why))),
            Open::Known(command) => command,
        };
        let (id, world) = (command.id, &self.world);
        let answer = |outcome| Some(Next::Answer(outcome));
        let keys = world.keys.as_ref().map_or(0, |keys| keys.version);
        match command.what {
            Action::Stage { version } if world.carried.is_some_and(|carried| carried >= version) => {
                answer(done(id))
            }
            Action::RotateKeys { at_least } if keys >= at_least => answer(done(id)),
            _ if sure >= command.expires => answer(refused(id, &self.too_late(command))),
            Action::Stage { version } => {
                let why = world.refused.as_ref().filter(|(refused, _)| *refused == version);
                why.and_then(|(_, why)| answer(failed(id, why)))
            }
            Action::RotateKeys { .. } => None,
            Action::Restart { what: Restart::Machine } if !self.setup.may_reboot => answer(refused(
                id,
                "this kiosk's settings do not let head office restart the machine (sync.allow_reboot)",
            )),
            Action::Restart { .. } | Action::Diagnose | Action::PinVersion { .. } => {
                Some(Next::Do(command.clone()))
            }
        }
    }

    fn too_late(&self, command: &Command) -> String {
        let waited = match command.what {
            Action::Stage { version } => match self.world.carried {
                Some(carried) => format!(": bundle {carried} is in use, and {version} did not come"),
                None => format!(": bundle {version} did not come"),
            },
            Action::RotateKeys { at_least } => {
                let keys = self.world.keys.as_ref().map_or(0, |keys| keys.version);
                format!(": key list {keys} is in force, and {at_least} did not come")
            }
            _ => String::new(),
        };
        format!("it expired at {}{waited}", command.expires)
    }

    /// Helps what those commands wait for to come.
    fn help(&mut self, orders: &mut Vec<Order>) {
        let staged = self.open().filter_map(|open| match open {
            Open::Known(Command { what: Action::Stage { version }, .. }) => Some(*version),
            _ => None,
        });
        // Of several the newest: there is but one manifest.
        let staged = staged.max();
        if staged.is_some() && staged != self.released {
            self.released = staged;
            orders.extend(staged.map(Order::Release));
        }
        let keys = self.world.keys.as_ref().map_or(0, |keys| keys.version);
        let behind: BTreeSet<Uuid> = self
            .open()
            .filter_map(|open| match open {
                Open::Known(Command { id, what: Action::RotateKeys { at_least }, .. })
                    if *at_least > keys && !self.keys_asked.contains(id) =>
                {
                    Some(*id)
                }
                _ => None,
            })
            .collect();
        if !behind.is_empty() {
            self.keys_asked.extend(behind);
            orders.push(Order::ReadKeys);
        }
    }
}

/// What comes next.
enum Next {
    Answer(Outcome),
    Do(Command),
}

#[cfg(test)]
#[path = "commands_tests.rs"]
mod tests;
