//! The chunks that are still to come: which are asked for now, which wait, which did not come.
//! A few at a time and in random order, so that a fleet asks for different ones. Pure.

use crate::sync::digest::Digest;
use crate::sync::wire::catalog::Chunk;
use std::collections::BTreeMap;
use std::time::Duration;

/// How a kiosk fetches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Chunks asked for, or on their way to the disk, at a time.
    pub window: usize,
    /// The first is asked for after a pause between nothing and this, so that a fleet that
    /// hears of a bundle at one moment does not ask at one moment.
    pub spread: Duration,
    /// How long a chunk may take before it is asked for again.
    pub patience: Duration,
    /// The pause after the first round in which nothing came; it doubles with each, and half
    /// of it is drawn by chance.
    pub first_pause: Duration,
    pub longest_pause: Duration,
    /// Rounds without anything after which it is reported.
    pub rounds: u32,
}

impl Default for Pace {
    /// Eight at a time, the first within 30 s, each within 30 s; pauses of 30 s to an hour,
    /// reported after five.
    fn default() -> Self {
        Self {
            window: 8,
            spread: Duration::from_secs(30),
            patience: Duration::from_secs(30),
            first_pause: Duration::from_secs(30),
            longest_pause: Duration::from_secs(3600),
            rounds: 5,
        }
    }
}

impl Pace {
    /// The pause after `failures`, at least 1.
    pub(super) fn pause(&self, failures: u32, random: &mut fastrand::Rng) -> Duration {
        let doubled = self.first_pause.saturating_mul(1 << failures.saturating_sub(1).min(16));
        doubled.min(self.longest_pause).mul_f64(0.5 + random.f64() / 2.0)
    }
}

/// What is to be asked of the broker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Open(Digest),
    Close(Digest),
}

/// What became of bytes that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    /// They are the chunk: it is to be kept.
    Good(Chunk),
    /// They are not what their name says.
    Bad,
    /// Nobody asked for them, or they came before.
    Unasked,
}

/// The fetching of one plan's chunks.
#[derive(Debug)]
pub(super) struct Fetch {
    /// To be asked for, the last one first.
    left: Vec<Chunk>,
    /// Asked for, and until when they may take.
    open: BTreeMap<Digest, (Chunk, Duration)>,
    /// On their way to the disk.
    storing: BTreeMap<Digest, Chunk>,
    /// Did not come, or came wrong: for the next round.
    late: Vec<Chunk>,
    /// Nothing is asked for before this.
    begins: Duration,
    /// Rounds in which nothing came.
    failures: u32,
    /// Whether anything came in this round.
    moved: bool,
}

impl Fetch {
    pub fn new(mut chunks: Vec<Chunk>, begins: Duration, random: &mut fastrand::Rng) -> Self {
        random.shuffle(&mut chunks);
        Self {
            left: chunks,
            open: BTreeMap::new(),
            storing: BTreeMap::new(),
            late: Vec::new(),
            begins,
            failures: 0,
            moved: false,
        }
    }

    pub fn is_done(&self) -> bool {
        self.missing() == 0
    }

    /// Chunks that are not on the disk yet.
    pub fn missing(&self) -> usize {
        self.left.len() + self.open.len() + self.storing.len() + self.late.len()
    }

    /// Rounds in which nothing came, one after another.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Takes over what an older plan is in the middle of, where this one needs it as well;
    /// what it does not need is closed.
    pub fn inherit(&mut self, old: Self, asks: &mut Vec<Ask>) {
        for (digest, entry) in old.open {
            if let Some(at) = self.left.iter().position(|chunk| chunk.sha256 == digest) {
                self.left.swap_remove(at);
                self.open.insert(digest, entry);
            } else {
                asks.push(Ask::Close(digest));
            }
        }
        for (digest, chunk) in old.storing {
            if let Some(at) = self.left.iter().position(|chunk| chunk.sha256 == digest) {
                self.left.swap_remove(at);
                self.storing.insert(digest, chunk);
            }
        }
    }

    /// Asks for as many as the window has room for.
    pub fn fill(&mut self, now: Duration, pace: &Pace, asks: &mut Vec<Ask>) {
        while now >= self.begins && self.open.len() + self.storing.len() < pace.window.max(1) {
            let Some(chunk) = self.left.pop() else { break };
            self.open.insert(chunk.sha256, (chunk, now.saturating_add(pace.patience)));
            asks.push(Ask::Open(chunk.sha256));
        }
    }

    /// Gives up what took too long. At the end of a round in which some did not come, the next
    /// one begins after a pause. True when nothing at all came in it.
    pub fn expire(
        &mut self,
        now: Duration,
        pace: &Pace,
        random: &mut fastrand::Rng,
        asks: &mut Vec<Ask>,
    ) -> bool {
        let late: Vec<Digest> =
            self.open.iter().filter(|(_, (_, until))| *until <= now).map(|(digest, _)| *digest).collect();
        for digest in late {
            self.give_up(digest, asks);
        }
        let over = self.left.is_empty() && self.open.is_empty() && self.storing.is_empty();
        if !over || self.late.is_empty() {
            return false;
        }
        let vain = !self.moved;
        self.failures = if vain { self.failures.saturating_add(1) } else { 0 };
        self.moved = false;
        self.begins = now.saturating_add(pace.pause(self.failures.max(1), random));
        self.left = std::mem::take(&mut self.late);
        random.shuffle(&mut self.left);
        vain
    }

    fn give_up(&mut self, digest: Digest, asks: &mut Vec<Ask>) {
        if let Some((chunk, _)) = self.open.remove(&digest) {
            asks.push(Ask::Close(digest));
            self.late.push(chunk);
        }
    }

    /// Takes what came under a name.
    pub fn arrived(&mut self, digest: Digest, bytes: &[u8], asks: &mut Vec<Ask>) -> Arrived {
        let Some((chunk, _)) = self.open.get(&digest).copied() else { return Arrived::Unasked };
        // Cleared by head office: it may come again, in its time.
        if bytes.is_empty() {
            return Arrived::Unasked;
        }
        if !chunk.is(bytes) {
            self.give_up(digest, asks);
            return Arrived::Bad;
        }
        self.open.remove(&digest);
        asks.push(Ask::Close(digest));
        self.storing.insert(digest, chunk);
        self.moved = true;
        Arrived::Good(chunk)
    }

    /// It lies on the disk.
    pub fn stored(&mut self, digest: &Digest) {
        self.storing.remove(digest);
    }

    /// It could not be kept: it is fetched again in a later round.
    pub fn not_stored(&mut self, digest: &Digest) {
        if let Some(chunk) = self.storing.remove(digest) {
            self.late.push(chunk);
            self.moved = false;
        }
    }

    /// The connection is there again, and with it all that was asked for: the time that it was
    /// gone does not count.
    pub fn reconnected(&mut self, now: Duration, pace: &Pace) {
        for (_, until) in self.open.values_mut() {
            *until = now.saturating_add(pace.patience);
        }
    }

    /// Asks for nothing more.
    pub fn close(self, asks: &mut Vec<Ask>) {
        asks.extend(self.open.into_keys().map(Ask::Close));
    }

    /// When it wants to be called again.
    pub fn wake(&self) -> Option<Duration> {
        // With all of the window on its way to the disk, the disk answers.
        let waits = !self.left.is_empty() && self.open.is_empty() && self.storing.is_empty();
        let begins = waits.then_some(self.begins);
        self.open.values().map(|(_, until)| *until).chain(begins).min()
    }
}
