//! Owns which events of the outbox go to head office next, and when they go again. Pure: what
//! happened and the time in, what to do out. Never reads the outbox, a clock or the network.
//!
//! Promises:
//! - Of each lane one batch at most is unanswered; orders go first. So events of a lane arrive in
//!   the order in which they were put in.
//! - Only head office's answer takes an event out of the outbox. What stays unanswered goes again,
//!   after pauses that grow and at half the size, so that little is wasted while nobody answers;
//!   after a new connection it goes at once.
//! - Nothing is asked for while there is no connection, nor while nothing waits: then the next
//!   look is [`Pace::look`] away, unless something is put in.

use crate::store::{Lane, Waiting};
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

/// Most events of a batch.
pub const MOST_EVENTS: usize = 200;
/// Most bytes of a batch on the wire.
pub const MOST_BYTES: usize = 48 << 10;
/// Most bytes of an event on the wire: what a batch of its own may have, less its envelope.
pub const LARGEST: usize = 63 << 10;
/// What an event has on the wire besides its body, in bytes, at most: id, place and time.
const AROUND: usize = 128;
/// What a batch has besides its events, in bytes, at most.
const ENVELOPE: usize = 128;
/// Pauses double no more often than this.
const DOUBLINGS: u32 = 16;

/// Times. Others than those of [`Pace::default`] are for tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// How long an answer of head office is waited for at first; up to half as long again is
    /// added by chance, so that a thousand kiosks do not ask in step.
    pub patience: Duration,
    /// The longest that is waited for one.
    pub longest: Duration,
    /// How long is waited after the connection or the outbox did not take something.
    pub rest: Duration,
    /// How long others may join an event before it goes. Orders wait for nobody.
    pub linger: Duration,
    /// How often an empty outbox is looked at, though nothing was said to be put in.
    pub look: Duration,
}

impl Default for Pace {
    /// 10 s that grow to 10 minutes; a second's rest; 2 s to gather; a look each 30 s.
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(10),
            longest: Duration::from_secs(600),
            rest: Duration::from_secs(1),
            linger: Duration::from_secs(2),
            look: Duration::from_secs(30),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// There is a connection.
    Up,
    /// There is none any more.
    Down,
    /// Something was put into the outbox.
    Grew,
    /// What [`Command::Read`] asked for, oldest first; none: the lane is empty.
    Read { lane: Lane, rows: Vec<Waiting> },
    /// A batch did not get to the broker. `lasting`: it would not the next time either.
    Unsent { id: u64, lasting: bool },
    /// Head office's answer, or what it would say of events that cannot be sent.
    Answered { taken: Vec<Uuid>, refused: Vec<(Uuid, String)> },
    /// [`Command::Remove`] was carried out.
    Removed,
    /// The outbox did not do what it was asked to.
    Failed,
    /// It is [`Pump::next`].
    Tick,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Read the oldest events of a lane, at most so many and about so many bytes of bodies, once
    /// all that was asked before is done.
    Read { lane: Lane, most: usize, bytes: usize },
    /// Send a batch.
    Send { id: u64, lane: Lane, rows: Vec<Waiting> },
    /// Take events out of the outbox: head office has them, or never will.
    Remove { taken: Vec<Uuid>, refused: Vec<(Uuid, String)> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// It was empty when it was last read.
    Idle,
    Reading,
    Sent {
        id: u64,
        /// What is not answered yet.
        open: HashSet<Uuid>,
        /// Whether there is more than fitted.
        is_full: bool,
        until: Duration,
    },
    Resting {
        until: Duration,
    },
}

#[derive(Debug)]
struct Stream {
    lane: Lane,
    stage: Stage,
    /// Something was put in that the last reading may not have seen.
    grew: bool,
    /// Batches in a row that nobody answered.
    tries: u32,
    /// Events of the next batch at most.
    most: usize,
}

/// The state. Times are counted from any one moment.
#[derive(Debug)]
pub struct Pump {
    pace: Pace,
    random: fastrand::Rng,
    is_up: bool,
    /// Grows with each batch.
    last: u64,
    /// Times in a row that the outbox failed.
    troubles: u32,
    looked: Duration,
    streams: Vec<Stream>,
}

impl Pump {
    /// Without a connection. `seed` is where the chance in the pauses begins.
    #[must_use]
    pub fn new(pace: Pace, seed: u64) -> Self {
        let stream = |lane| Stream { lane, stage: Stage::Idle, grew: false, tries: 0, most: MOST_EVENTS };
        Self {
            pace,
            random: fastrand::Rng::with_seed(seed),
            is_up: false,
            last: 0,
            troubles: 0,
            looked: Duration::ZERO,
            streams: Lane::ALL.into_iter().map(stream).collect(),
        }
    }

    /// When [`Event::Tick`] is due; `None`: only an event changes anything.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        let look = self.looked + self.pace.look;
        let due = self.streams.iter().filter_map(|stream| match stream.stage {
            Stage::Idle => Some(look),
            Stage::Reading => None,
            Stage::Sent { until, .. } | Stage::Resting { until } => Some(until),
        });
        due.min().filter(|_| self.is_up)
    }

    /// Whether a batch is on its way and not answered.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.streams.iter().any(|stream| matches!(stream.stage, Stage::Sent { .. }))
    }

    /// How long is waited after the `tries`th failure, from `base` on.
    fn pause(&mut self, base: Duration, tries: u32) -> Duration {
        let pause = base.saturating_mul(1 << tries.min(DOUBLINGS)).min(self.pace.longest);
        pause.mul_f64(1.0 + self.random.f64() / 2.0)
    }
}

impl Stream {
    fn read(&mut self) -> Command {
        self.stage = Stage::Reading;
        self.grew = false;
        Command::Read { lane: self.lane, most: self.most, bytes: MOST_BYTES }
    }

    /// There is something, and it need not go this moment.
    fn gather(&mut self, linger: Duration, now: Duration) -> Option<Command> {
        if self.lane == Lane::Order {
            return Some(self.read());
        }
        self.stage = Stage::Resting { until: now + linger };
        None
    }

    /// All of a batch is answered.
    fn go_on(&mut self, is_full: bool, linger: Duration, now: Duration) -> Option<Command> {
        (self.tries, self.most) = (0, MOST_EVENTS);
        if is_full {
            Some(self.read())
        } else if self.grew {
            self.gather(linger, now)
        } else {
            self.stage = Stage::Idle;
            None
        }
    }
}

/// What follows from an event at the time `now`.
pub fn update(pump: &mut Pump, event: Event, now: Duration) -> Vec<Command> {
    match event {
        Event::Up => {
            pump.is_up = true;
            pump.looked = now;
            pump.streams.iter_mut().map(Stream::read).collect()
        }
        Event::Down => {
            pump.is_up = false;
            pump.streams.iter_mut().for_each(|stream| stream.stage = Stage::Idle);
            Vec::new()
        }
        Event::Grew => grew(pump, now),
        Event::Read { lane, rows } => read(pump, lane, rows, now),
        Event::Unsent { id, lasting } => {
            unsent(pump, id, lasting, now);
            Vec::new()
        }
        Event::Answered { taken, refused } => answered(pump, taken, refused, now),
        Event::Removed => {
            pump.troubles = 0;
            Vec::new()
        }
        Event::Failed => {
            let until = now + pump.pause(pump.pace.rest, pump.troubles);
            pump.troubles = pump.troubles.saturating_add(1);
            pump.streams.iter_mut().for_each(|stream| stream.stage = Stage::Resting { until });
            Vec::new()
        }
        Event::Tick => tick(pump, now),
    }
}

fn grew(pump: &mut Pump, now: Duration) -> Vec<Command> {
    let (is_up, linger) = (pump.is_up, pump.pace.linger);
    let grew = |stream: &mut Stream| {
        stream.grew = true;
        (is_up && stream.stage == Stage::Idle).then(|| stream.gather(linger, now)).flatten()
    };
    pump.streams.iter_mut().filter_map(grew).collect()
}

fn read(pump: &mut Pump, lane: Lane, mut rows: Vec<Waiting>, now: Duration) -> Vec<Command> {
    let Some(at) = pump.streams.iter().position(|stream| stream.lane == lane) else { return Vec::new() };
    let (most, tries) = match pump.streams.get(at) {
        // The connection went meanwhile, or the outbox failed.
        Some(stream) if stream.stage != Stage::Reading => return Vec::new(),
        Some(stream) => (stream.most, stream.tries),
        None => return Vec::new(),
    };
    let pause = pump.pause(pump.pace.patience, tries);
    let linger = pump.pace.linger;
    let Some(stream) = pump.streams.get_mut(at) else { return Vec::new() };
    if let Some(first) = rows.first()
        && size(first) > LARGEST
    {
        let why = format!("it has {} bytes and may have {LARGEST}", size(first));
        let refused = vec![(first.id, why)];
        return vec![Command::Remove { taken: Vec::new(), refused }, stream.read()];
    }
    let fits = fitting(&rows, most);
    let is_full = fits < rows.len() || fits >= most;
    rows.truncate(fits);
    if rows.is_empty() {
        return stream.go_on(false, linger, now).into_iter().collect();
    }
    pump.last += 1;
    let open = rows.iter().map(|row| row.id).collect();
    stream.stage = Stage::Sent { id: pump.last, open, is_full, until: now + pause };
    vec![Command::Send { id: pump.last, lane, rows }]
}

/// How many of the first rows go into one batch; one at least.
fn fitting(rows: &[Waiting], most: usize) -> usize {
    let mut left = MOST_BYTES - ENVELOPE;
    let fits = rows.iter().take(most).enumerate().take_while(|(at, row)| {
        let (fits, rest) = (size(row) <= left, left.saturating_sub(size(row)));
        left = rest;
        fits || *at == 0
    });
    fits.count()
}

/// What an event has on the wire, in bytes, at most.
fn size(row: &Waiting) -> usize {
    row.body.len() + AROUND
}

fn unsent(pump: &mut Pump, id: u64, lasting: bool, now: Duration) {
    let is_it = |stream: &Stream| matches!(stream.stage, Stage::Sent { id: sent, .. } if sent == id);
    let Some(at) = pump.streams.iter().position(is_it) else { return };
    let tries = pump.streams.get(at).map_or(0, |stream| stream.tries);
    let base = if lasting { pump.pace.patience } else { pump.pace.rest };
    let pause = pump.pause(base, if lasting { tries } else { 0 });
    if let Some(stream) = pump.streams.get_mut(at) {
        stream.tries += u32::from(lasting);
        stream.stage = Stage::Resting { until: now + pause };
    }
}

fn answered(pump: &mut Pump, taken: Vec<Uuid>, refused: Vec<(Uuid, String)>, now: Duration) -> Vec<Command> {
    if taken.is_empty() && refused.is_empty() {
        return Vec::new();
    }
    let linger = pump.pace.linger;
    let mut next = Vec::new();
    for stream in &mut pump.streams {
        let Stage::Sent { open, is_full, .. } = &mut stream.stage else { continue };
        for id in taken.iter().chain(refused.iter().map(|(id, _)| id)) {
            open.remove(id);
        }
        if open.is_empty() {
            let is_full = *is_full;
            next.extend(stream.go_on(is_full, linger, now));
        }
    }
    // Before anything is read again, and whether or not it was waited for: a late answer counts.
    next.insert(0, Command::Remove { taken, refused });
    next
}

fn tick(pump: &mut Pump, now: Duration) -> Vec<Command> {
    if !pump.is_up {
        return Vec::new();
    }
    let looks = now >= pump.looked + pump.pace.look;
    if looks {
        pump.looked = now;
    }
    let due = |stream: &mut Stream| match stream.stage {
        Stage::Sent { until, .. } if until <= now => {
            stream.tries = stream.tries.saturating_add(1);
            stream.most = (stream.most / 2).max(1);
            Some(stream.read())
        }
        Stage::Resting { until } if until <= now => Some(stream.read()),
        Stage::Idle if looks => Some(stream.read()),
        _ => None,
    };
    pump.streams.iter_mut().filter_map(due).collect()
}

#[cfg(test)]
#[path = "pump_tests.rs"]
mod tests;
