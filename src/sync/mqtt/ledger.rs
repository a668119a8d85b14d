//! Owns what was asked of the broker in one connection and is not answered yet. Pure.
//!
//! The library gives no receipt for a request: it tells, in the order of the requests, which
//! packet number each was sent with, and the answer names that number. Numbers are dealt from
//! 1 to the size of the window and round again, whether the old one was answered or not
//! (`MqttState::next_pkid`, rumqttc 0.25.1), and two publishes of one number wedge it. So
//! nothing is asked while the round would reach a number that is still open.

use super::Id;
use std::collections::VecDeque;
use tokio::time::Instant;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// A message of the caller's.
    Publish(Id),
    /// The kiosk's status.
    Status,
    Subscribe(Vec<String>),
    Unsubscribe,
}

#[derive(Debug)]
struct Entry {
    /// Which request of this connection it is, from 0.
    turn: u64,
    /// The packet number, once it is sent.
    number: Option<u16>,
    asked: Asked,
    since: Instant,
}

#[derive(Debug)]
pub(super) struct Ledger {
    /// How many may be open.
    window: usize,
    /// How many packet numbers there are.
    numbers: u64,
    turn: u64,
    open: VecDeque<Entry>,
}

impl Ledger {
    /// `numbers`: how many packet numbers there are.
    pub(super) fn new(window: usize, numbers: u16) -> Self {
        Self { window: window.max(1), numbers: u64::from(numbers.max(1)), turn: 0, open: VecDeque::new() }
    }

    /// The broker takes no more than `numbers` at once.
    pub(super) fn narrow(&mut self, numbers: u16) {
        self.numbers = self.numbers.min(u64::from(numbers.max(1)));
    }

    /// Whether one more may be asked.
    pub(super) fn has_room(&self) -> bool {
        let round = self.open.iter().map(|entry| entry.turn).min().map_or(0, |oldest| self.turn - oldest);
        self.open.len() < self.window && round < self.numbers
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn asked(&mut self, asked: Asked, now: Instant) {
        self.open.push_back(Entry { turn: self.turn, number: None, asked, since: now });
        self.turn += 1;
    }

    /// The oldest request that had no number was sent with this one.
    pub(super) fn numbered(&mut self, number: u16) {
        if let Some(entry) = self.open.iter_mut().find(|entry| entry.number.is_none()) {
            entry.number = Some(number);
        }
    }

    /// What this number was asked for; it is open no more.
    pub(super) fn answered(&mut self, number: u16) -> Option<Asked> {
        let at = self.open.iter().position(|entry| entry.number == Some(number))?;
        self.open.remove(at).map(|entry| entry.asked)
    }

    /// Whether the kiosk's status is on its way.
    pub(super) fn has_status(&self) -> bool {
        self.open.iter().any(|entry| matches!(entry.asked, Asked::Status))
    }

    /// Since when the one that waits longest is open.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.open.iter().map(|entry| entry.since).min()
    }

    /// All that stays unanswered.
    pub(super) fn close(&mut self) -> impl Iterator<Item = Asked> {
        std::mem::take(&mut self.open).into_iter().map(|entry| entry.asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deals numbers as the library does.
    struct Dealer {
        last: u16,
        size: u16,
    }

    impl Dealer {
        fn deal(&mut self) -> u16 {
            let next = self.last + 1;
            self.last = if next == self.size { 0 } else { next };
            next
        }
    }

    #[test]
    fn an_answer_finds_what_was_asked_whatever_the_order() {
        let mut ledger = Ledger::new(4, 16);
        let now = Instant::now();
        for id in [7, 8, 9] {
            ledger.asked(Asked::Publish(id), now);
        }
        assert_eq!(ledger.answered(1), None, "it has no number yet");
        for number in [1, 2, 3] {
            ledger.numbered(number);
        }
        assert_eq!(ledger.answered(3), Some(Asked::Publish(9)));
        assert_eq!(ledger.answered(1), Some(Asked::Publish(7)));
        assert_eq!(ledger.answered(1), None, "once only");
        assert_eq!(ledger.close().collect::<Vec<_>>(), [Asked::Publish(8)]);
        assert!(ledger.is_empty());
    }

    #[test]
    fn no_two_open_requests_ever_bear_one_number() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let numbers = random.u16(1..=16);
            let mut ledger = Ledger::new(4, 16);
            ledger.narrow(numbers);
            let mut dealer = Dealer { last: 0, size: numbers };
            let mut open: Vec<(u16, Id)> = Vec::new();
            let mut done = 0;
            for id in 0..500 {
                while !ledger.has_room() {
                    let (number, id) = open.swap_remove(random.usize(..open.len()));
                    assert_eq!(ledger.answered(number), Some(Asked::Publish(id)), "seed {seed}");
                    done += 1;
                }
                let number = dealer.deal();
                assert!(open.iter().all(|(other, _)| *other != number), "seed {seed}: {number} twice");
                ledger.asked(Asked::Publish(id), Instant::now());
                ledger.numbered(number);
                open.push((number, id));
            }
            assert_eq!(done + open.len(), 500);
        }
    }
}
