//! Owns how long to wait before the broker is tried again. Pure: chance and times are given.
//!
//! Full jitter: a pause is drawn evenly between nothing and a ceiling that doubles with each
//! failure, so that a thousand kiosks that lost one broker do not come back in step
//! (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).

use super::problem::{Patience, Problem};
use std::time::Duration;

/// A number of at least 0 and less than 1, another one at each call.
pub(super) type Jitter = Box<dyn FnMut() -> f64 + Send>;

/// The pauses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pauses {
    /// The ceiling after the first failure.
    pub first: Duration,
    /// The ceiling that is not exceeded.
    pub longest: Duration,
    /// A connection that held this long counts as a good one: the next failure is a first.
    pub calm: Duration,
    /// After a refusal that somebody has to mend: between half of this and all of it.
    pub denied: Duration,
    /// After somebody else took the identity: between a fifth of this and all of it.
    pub taken: Duration,
}

impl Default for Pauses {
    /// A second that grows to a minute, anew after a minute of calm; five minutes after a
    /// refusal; one to five where two fight for one identity.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            calm: Duration::from_secs(60),
            denied: Duration::from_secs(300),
            taken: Duration::from_secs(300),
        }
    }
}

pub(super) struct Backoff {
    pauses: Pauses,
    jitter: Jitter,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(pauses: Pauses, jitter: Jitter) -> Self {
        Self { pauses, jitter, failures: 0 }
    }

    /// How long to wait after `problem`; `held`: how long the broker had been talked with.
    pub(super) fn after(&mut self, problem: &Problem, held: Duration) -> Duration {
        if held >= self.pauses.calm {
            self.failures = 0;
        }
        let share = (self.jitter)().clamp(0.0, 1.0);
        match problem.patience() {
            Patience::Usual => {
                let ceiling = self.pauses.first.saturating_mul(1 << self.failures.min(16));
                self.failures = self.failures.saturating_add(1);
                ceiling.min(self.pauses.longest).mul_f64(share)
            }
            Patience::Denied => self.pauses.denied.mul_f64(0.5 + share / 2.0),
            Patience::Taken => self.pauses.taken.mul_f64(0.2 + share * 0.8),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Duration = Duration::ZERO;

    fn cut() -> Problem {
        Problem::Cut { why: "test".into() }
    }

    fn backoff(share: f64) -> Backoff {
        Backoff::new(Pauses::default(), Box::new(move || share))
    }

    #[test]
    fn the_ceiling_doubles_to_a_minute_and_stays() {
        let mut backoff = backoff(1.0);
        let pauses: Vec<u64> = (0..9).map(|_| backoff.after(&cut(), NOTHING).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        for _ in 0..100_000 {
            assert_eq!(backoff.after(&cut(), NOTHING).as_secs(), 60);
        }
    }

    #[test]
    fn a_pause_is_drawn_from_all_of_it() {
        assert_eq!(backoff(0.0).after(&cut(), NOTHING), NOTHING);
        assert_eq!(backoff(0.25).after(&cut(), NOTHING), Duration::from_millis(250));
    }

    #[test]
    fn a_minute_of_calm_forgets_the_failures() {
        let mut backoff = backoff(1.0);
        for _ in 0..9 {
            backoff.after(&cut(), Duration::from_secs(59));
        }
        assert_eq!(backoff.after(&cut(), Duration::from_secs(59)).as_secs(), 60);
        assert_eq!(backoff.after(&cut(), Duration::from_secs(60)).as_secs(), 1);
    }

    #[test]
    fn what_somebody_has_to_mend_is_tried_every_few_minutes() {
        assert_eq!(backoff(0.0).after(&Problem::Denied, NOTHING).as_secs(), 150);
        assert_eq!(backoff(1.0).after(&Problem::Denied, NOTHING).as_secs(), 300);
        assert_eq!(backoff(0.0).after(&Problem::IdentityInUse, NOTHING).as_secs(), 60);
        assert_eq!(backoff(1.0).after(&Problem::IdentityInUse, NOTHING).as_secs(), 300);
    }
}
