//! Prices, counts and recalls on their way to the store: verified, newer than what was seen,
//! given to the store one message a topic at a time, and remembered once the store has them.
//! What is not on the disk when the power goes is taken again: its message is retained.

use super::{Command, LOOK_AGAIN, Now, Outcome, Session, refusal};
use crate::domain::{LiveCount, LivePrice, Recall};
use crate::store::Shard;
use crate::sync::accept::{Accepted, Mark, Signed, Step, accept};
use crate::sync::sign::SignError;
use crate::sync::topics::{Kind, Topic};
use crate::sync::wire::live::{self, Counts, Prices, Recalls};
use crate::sync::wire::one_line;
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// Topics of which a message is held at a time: all shards of a store, of prices and counts.
const HELD: usize = 513;

/// What the store is to take.
#[derive(Debug, Clone, PartialEq)]
pub enum Live {
    Prices(Shard<LivePrice>),
    Counts(Shard<LiveCount>),
    Recalls { version: u64, recalls: Vec<Recall> },
}

impl Live {
    #[must_use]
    pub fn version(&self) -> u64 {
        match self {
            Self::Prices(shard) => shard.version,
            Self::Counts(shard) => shard.version,
            Self::Recalls { version, .. } => *version,
        }
    }
}

/// What is between the broker and the store.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// Given to the store, which has not answered yet.
    given: BTreeMap<Topic, Given>,
    /// May become good, or could not be kept: looked at again then.
    held: BTreeMap<Topic, Held>,
    /// The version of the recalls that the store has.
    recalls: u64,
    /// What the store cannot keep, and why.
    late: BTreeMap<Topic, String>,
}

#[derive(Debug)]
struct Given {
    payload: Bytes,
    version: u64,
    marks: Vec<Mark>,
    /// When it was signed, where that is known not to lie ahead.
    issued: Option<Timestamp>,
}

#[derive(Debug)]
struct Held {
    payload: Bytes,
    until: Duration,
    /// Of one that is good, and that the store could not keep; 0: nobody knows.
    version: u64,
}

/// A message for the store.
struct News {
    live: Live,
    marks: Vec<Mark>,
    issued: Option<Timestamp>,
}

impl Lanes {
    /// `recalls`: the version that the store has.
    pub(super) fn new(recalls: u64) -> Self {
        Self { recalls, ..Self::default() }
    }

    pub(super) fn wake(&self) -> Option<Duration> {
        self.held.values().map(|held| held.until).min()
    }

    /// What the store cannot keep now: recalls first.
    pub(super) fn problem(&self) -> Option<String> {
        let recall = self.late.iter().find(|(topic, _)| topic.kind() == Kind::Recall);
        let (topic, why) = recall.or_else(|| self.late.iter().next())?;
        one_line(&format!("a {} message is not kept yet: {why}", topic.kind().name()))
    }

    fn hold(&mut self, topic: Topic, held: Held) {
        if self.held.len() < HELD || self.held.contains_key(&topic) {
            self.held.insert(topic, held);
        }
    }
}

impl Session {
    /// The version of the recalls that are heeded; 0: none came yet.
    #[must_use]
    pub fn recalls(&self) -> u64 {
        self.lanes.recalls
    }

    pub(super) fn take_live(&mut self, topic: Topic, payload: Bytes, now: Now, commands: &mut Vec<Command>) {
        // A retained message that is cleared says nothing.
        if payload.is_empty() {
            return;
        }
        let until = now.up.saturating_add(LOOK_AGAIN);
        let before = self.lanes.held.remove(&topic);
        if self.trust.is_none() {
            // The keys come on another topic, sooner or later.
            return self.lanes.hold(topic, Held { payload, until, version: 0 });
        }
        let read = match (topic.kind(), &topic) {
            (Kind::Price, Topic::Price { shard, .. }) => {
                self.read(&topic, &payload, now, |message| prices(message, *shard))
            }
            (Kind::Stock, Topic::Stock { shard, .. }) => {
                self.read(&topic, &payload, now, |message| counts(message, *shard))
            }
            (Kind::Recall, _) => self.read(&topic, &payload, now, recalls),
            _ => return,
        };
        match read {
            // What waits for room is newer than what came late.
            Ok(Some(News { live, .. }))
                if before.as_ref().is_some_and(|own| own.version > live.version()) =>
            {
                self.lanes.held.extend(before.map(|before| (topic, before)));
            }
            Ok(Some(News { live, marks, issued })) => {
                let given = Given { payload, version: live.version(), marks, issued };
                self.lanes.given.insert(topic.clone(), given);
                commands.push(Command::Take(topic, Box::new(live)));
            }
            Ok(None) => self.lanes.held.extend(before.map(|before| (topic, before))),
            Err(error) => {
                if self.is_untold(&payload) {
                    let (kind, why, detail) = (topic.kind(), refusal(&error), error.to_string());
                    commands.push(Command::Report(Outcome::LiveRefused { kind, why, detail }));
                }
                // What is refused takes nobody's place.
                let held = match before {
                    Some(before) if before.version > 0 || !error.may_pass() => Some(before),
                    _ => error.may_pass().then_some(Held { payload, until, version: 0 }),
                };
                held.into_iter().for_each(|held| self.lanes.hold(topic.clone(), held));
            }
        }
    }

    /// A message for the store; `None`: it was taken before, or is on its way there.
    fn read<M: Signed>(
        &self,
        topic: &Topic,
        payload: &Bytes,
        now: Now,
        made: impl FnOnce(M) -> Live,
    ) -> Result<Option<News>, SignError> {
        let Some(trust) = &self.trust else { return Ok(None) };
        let (tenant, sure) = (&self.setup.site.tenant, self.sure(now));
        let Accepted { message, step, marks } =
            accept::<M>(payload, topic, tenant, trust.list(), &self.memory.marks, sure)?;
        let on_its_way = self.lanes.given.get(topic);
        if step == Step::Again || on_its_way.is_some_and(|given| given.version >= message.version()) {
            return Ok(None);
        }
        // A recall is heeded whatever its time: so its time counts for nothing else.
        let issued = message.is_timed().then(|| message.issued());
        Ok(Some(News { live: made(message), marks, issued }))
    }

    /// The store has it.
    pub(super) fn taken(&mut self, topic: &Topic, version: u64, commands: &mut Vec<Command>) {
        if topic.kind() == Kind::Recall {
            self.lanes.recalls = version;
        }
        self.lanes.late.remove(topic);
        // Of good ones, what is older need not be looked at again.
        self.lanes.held.retain(|own, held| own != topic || held.version == 0 || held.version > version);
        // A newer one of the same topic may be on its way.
        let is_it = self.lanes.given.get(topic).is_some_and(|given| given.version == version);
        if is_it && let Some(Given { marks, issued, .. }) = self.lanes.given.remove(topic) {
            self.remember(issued, marks, commands);
        }
    }

    /// The store could not keep it now.
    pub(super) fn not_taken(
        &mut self,
        topic: Topic,
        version: u64,
        detail: String,
        now: Now,
        commands: &mut Vec<Command>,
    ) {
        let kind = topic.kind();
        let is_it = self.lanes.given.get(&topic).is_some_and(|given| given.version == version);
        if is_it && let Some(Given { payload, .. }) = self.lanes.given.remove(&topic) {
            self.lanes.late.insert(topic.clone(), detail.clone());
            self.lanes.hold(topic, Held { payload, until: now.up.saturating_add(LOOK_AGAIN), version });
        }
        commands.push(Command::Report(Outcome::LiveLate { kind, detail }));
    }

    /// What is due is looked at again; all of it under new keys.
    pub(super) fn look_again(&mut self, all: bool, now: Now, commands: &mut Vec<Command>) {
        let due = |at: Duration| all || at <= now.up;
        let topics: Vec<Topic> = self
            .lanes
            .held
            .iter()
            .filter(|(_, held)| due(held.until))
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in topics {
            if let Some(Held { payload, .. }) = self.lanes.held.remove(&topic) {
                self.take_live(topic, payload, now, commands);
            }
        }
    }
}

fn prices(message: Prices, shard: u8) -> Live {
    let Prices { catalog, version, issued, rows } = message;
    let row = |row: live::Price| {
        let live::Price { sku, price_cents, promotion, as_of } = row;
        LivePrice { sku, price_cents, promotion, as_of: as_of.unwrap_or(issued) }
    };
    Live::Prices(Shard { shard, catalog, version, rows: rows.into_iter().map(row).collect() })
}

fn counts(message: Counts, shard: u8) -> Live {
    let Counts { catalog, version, issued, rows } = message;
    let row = |row: live::Count| {
        let live::Count { sku, stock, availability, as_of } = row;
        LiveCount { sku, stock, availability, as_of: as_of.unwrap_or(issued) }
    };
    Live::Counts(Shard { shard, catalog, version, rows: rows.into_iter().map(row).collect() })
}

fn recalls(message: Recalls) -> Live {
    let Recalls { version, items, .. } = message;
    let recall = |recall: live::Recall| {
        let live::Recall { id, skus, gtins, lot, text, since } = recall;
        Recall { id: id.to_string(), skus, gtins, lot, text, since }
    };
    Live::Recalls { version, recalls: items.items.into_iter().map(recall).collect() }
}
