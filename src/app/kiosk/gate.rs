//! The PIN before the maintenance page: who tries too often must wait, longer each time.
//! Pure; the clock is told.

use std::time::Duration;

/// Wrong PINs in a row that are forgiven.
const TRIES: u32 = 4;
/// First wait; each further wrong PIN doubles it, up to the longest.
const WAIT: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(3600);

/// The gate's memory; it outlasts a visit.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    typed: String,
    wrong: u32,
    barred_until: Option<Duration>,
}

/// What a key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// More digits are needed.
    Typing,
    Open,
    Wrong,
    /// Nothing is taken for so long.
    Barred(Duration),
}

impl Gate {
    /// Digits typed so far.
    #[must_use]
    pub fn digits(&self) -> usize {
        self.typed.len()
    }

    /// Forgets what was typed.
    pub fn clear(&mut self) {
        self.typed.clear();
    }

    /// How long it is still barred at `now`.
    #[must_use]
    pub fn barred(&self, now: Duration) -> Option<Duration> {
        self.barred_until.and_then(|until| until.checked_sub(now)).filter(|left| !left.is_zero())
    }

    /// Takes a digit, or back for `None`, typed at `now`.
    pub fn key(&mut self, key: Option<char>, pin: &str, now: Duration) -> Outcome {
        if let Some(left) = self.barred(now) {
            return Outcome::Barred(left);
        }
        match key {
            Some(digit) => self.typed.push(digit),
            None => drop(self.typed.pop()),
        }
        if self.typed.len() < pin.len() || pin.is_empty() {
            self.typed.truncate(pin.len());
            return Outcome::Typing;
        }
        let right = self.typed == pin;
        self.typed.clear();
        if right {
            self.wrong = 0;
            return Outcome::Open;
        }
        self.wrong += 1;
        if self.wrong <= TRIES {
            return Outcome::Wrong;
        }
        let wait = WAIT.saturating_mul(1 << (self.wrong - TRIES - 1).min(10)).min(LONGEST);
        self.barred_until = Some(now + wait);
        Outcome::Barred(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_in(gate: &mut Gate, digits: &str, at: u64) -> Outcome {
        let now = Duration::from_secs(at);
        digits.chars().map(|digit| gate.key(Some(digit), "4711", now)).last().unwrap()
    }

    #[test]
    fn the_right_pin_opens_and_guessing_bars() {
        let mut gate = Gate::default();
        assert_eq!(type_in(&mut gate, "471", 0), Outcome::Typing);
        assert_eq!(gate.key(None, "4711", Duration::ZERO), Outcome::Typing);
        assert_eq!(type_in(&mut gate, "11", 0), Outcome::Open);
        for _ in 0..4 {
            assert_eq!(type_in(&mut gate, "0000", 1), Outcome::Wrong);
        }
        assert_eq!(type_in(&mut gate, "0000", 1), Outcome::Barred(Duration::from_secs(30)));
        assert_eq!(
            type_in(&mut gate, "4711", 20),
            Outcome::Barred(Duration::from_secs(11)),
            "even the right one"
        );
        assert_eq!(
            type_in(&mut gate, "0000", 31),
            Outcome::Barred(Duration::from_secs(60)),
            "longer each time"
        );
        assert_eq!(type_in(&mut gate, "4711", 91), Outcome::Open);
        assert_eq!(type_in(&mut gate, "0000", 92), Outcome::Wrong, "forgiven");
    }

    #[test]
    fn without_a_pin_nothing_opens() {
        let mut gate = Gate::default();
        assert_eq!(gate.key(Some('1'), "", Duration::ZERO), Outcome::Typing);
        assert_eq!(gate.digits(), 0);
    }
}
