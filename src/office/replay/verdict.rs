//! What came of a replay as figures, and whether they are good enough: against limits, and
//! against those of what was published before. Pure.

use super::{Miss, Part};
use crate::domain::digest::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Below this many milliseconds nobody is called slow, however fast it was before.
const FAST_MS: f64 = 100.0;

/// How many were right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Share {
    pub right: u32,
    pub of: u32,
}

impl Share {
    pub fn count(&mut self, is_right: bool) {
        self.right += u32::from(is_right);
        self.of += 1;
    }

    /// Of 100; `None`: nothing was asked.
    #[must_use]
    pub fn percent(self) -> Option<f64> {
        (self.of > 0).then(|| 100.0 * f64::from(self.right) / f64::from(self.of))
    }
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Written conversations.
    pub turns: Share,
    /// Products called by their names.
    pub names: Share,
    /// What the shop has not, must not sell or does not know.
    pub honest: Share,
    /// Until the reply, in milliseconds: of half, and of 95 of 100.
    pub p50_ms: f64,
    pub p95_ms: f64,
    /// Whether products were compared by meaning.
    pub by_meaning: bool,
    /// Which conversations they were; `None`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Digest>,
}

impl Figures {
    fn share(&self, part: Part) -> Share {
        match part {
            Part::Turns => self.turns,
            Part::Names => self.names,
            Part::Honest => self.honest,
        }
    }

    pub fn share_mut(&mut self, part: Part) -> &mut Share {
        match part {
            Part::Turns => &mut self.turns,
            Part::Names => &mut self.names,
            Part::Honest => &mut self.honest,
        }
    }

    /// Sets the times.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn time(&mut self, mut times: Vec<f64>) {
        times.sort_by(f64::total_cmp);
        // The nearest rank.
        let at = |share: f64| {
            let rank = (share * times.len() as f64).ceil() as usize;
            times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        (self.p50_ms, self.p95_ms) = (at(0.5), at(0.95));
    }
}

/// What is kept of a replay beside the manifest that it was of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub at: Timestamp,
    /// The program's version: another one may answer otherwise.
    pub program: String,
    /// `None`: it was left out.
    pub figures: Option<Figures>,
    /// Why it was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub misses: Vec<Miss>,
}

/// What is borne.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Of 100: written turns, and names, that must be right.
    pub accuracy: f64,
    /// Of 100: honest no's that must be.
    pub honest: f64,
    /// Milliseconds within which 95 of 100 are answered.
    pub p95_ms: f64,
    /// Points of 100 by which a share may fall.
    pub fall: f64,
    /// How many times as long it may take.
    pub slower: f64,
}

/// All that speaks against publishing it; empty: nothing.
#[must_use]
pub fn against(figures: &Figures, before: Option<&Figures>, limits: &Limits) -> Vec<String> {
    let mut against = Vec::new();
    for (part, name, least, option) in [
        (Part::Turns, "accuracy of turns", limits.accuracy, "--min-accuracy"),
        (Part::Names, "accuracy of names", limits.accuracy, "--min-accuracy"),
        (Part::Honest, "honest no's", limits.honest, "--min-honest"),
    ] {
        let share = figures.share(part);
        let Some(now) = share.percent() else { continue };
        if now < least {
            against.push(format!("{name} {now:.1} % is below {least} % ({option})"));
            continue;
        }
        let comparable = before.filter(|before| {
            before.by_meaning == figures.by_meaning
                && (part != Part::Turns || before.written == figures.written)
        });
        let Some(was) = comparable.and_then(|before| before.share(part).percent()) else { continue };
        // One case of few is no trend.
        let lost = f64::from(share.of) * (was - now) / 100.0;
        if was - now > limits.fall && lost > 1.5 {
            against.push(format!(
                "{name} fell from {was:.1} to {now:.1} %, by more than {} points (--max-fall)",
                limits.fall
            ));
        }
    }
    let p95 = figures.p95_ms;
    if p95 > limits.p95_ms {
        against.push(format!(
            "95 of 100 are answered within {p95:.0} ms, above {:.0} (--max-p95-ms)",
            limits.p95_ms
        ));
    } else if let Some(was) = before.map(|before| before.p95_ms)
        && p95 > FAST_MS
        && p95 > was * limits.slower
    {
        against.push(format!(
            "95 of 100 are answered within {p95:.0} ms, more than {} times the {was:.0} of before (--max-slower)",
            limits.slower
        ));
    }
    against
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { accuracy: 90.0, honest: 85.0, p95_ms: 500.0, fall: 5.0, slower: 3.0 };

    fn figures(turns: u32, names: u32, honest: u32, p95_ms: f64) -> Figures {
        let of = |right| Share { right, of: 100 };
        Figures {
            turns: of(turns),
            names: of(names),
            honest: of(honest),
            p50_ms: 1.0,
            p95_ms,
            by_meaning: true,
            written: None,
        }
    }

    fn said(figures: &Figures, before: Option<&Figures>) -> String {
        against(figures, before, &LIMITS).join("; ")
    }

    #[test]
    fn limits_hold_with_nothing_before() {
        assert_eq!(said(&figures(90, 90, 85, 500.0), None), "");
        assert_eq!(said(&Figures::default(), None), "", "what was not asked is not wrong");
        assert!(said(&figures(89, 100, 100, 1.0), None).contains("accuracy of turns 89.0 % is below 90 %"));
        assert!(said(&figures(100, 89, 100, 1.0), None).contains("accuracy of names"));
        assert!(said(&figures(100, 100, 84, 1.0), None).contains("honest no's 84.0 %"));
        assert!(said(&figures(100, 100, 100, 501.0), None).contains("501 ms, above 500"));
        assert_eq!(against(&figures(0, 0, 0, 900.0), None, &LIMITS).len(), 4);
    }

    #[test]
    fn what_was_published_before_is_not_fallen_behind() {
        let before = figures(100, 100, 100, 50.0);
        assert_eq!(said(&figures(95, 95, 95, 99.0), Some(&before)), "");
        assert!(said(&figures(94, 100, 100, 1.0), Some(&before)).contains("fell from 100.0 to 94.0 %"));
        assert!(said(&figures(100, 100, 100, 160.0), Some(&before)).contains("more than 3 times the 50"));
        assert_eq!(said(&figures(100, 100, 100, 140.0), Some(&before)), "");
        // Other conversations, or none compared by meaning, are another measure.
        let others = Figures { written: Some(Digest::of(b"x")), ..before.clone() };
        assert_eq!(said(&figures(91, 100, 100, 1.0), Some(&others)), "");
        let words = Figures { by_meaning: false, ..before };
        assert_eq!(said(&figures(100, 91, 90, 1.0), Some(&words)), "");
        // One of few is no trend.
        let few = |right| Figures { turns: Share { right, of: 10 }, ..Figures::default() };
        assert_eq!(said(&few(9), Some(&few(10))), "");
    }

    #[test]
    fn times_are_those_of_the_nearest_rank() {
        let mut figures = Figures::default();
        figures.time((1..=100).rev().map(f64::from).collect());
        assert_eq!((figures.p50_ms, figures.p95_ms), (50.0, 95.0));
        figures.time(vec![7.0]);
        assert_eq!((figures.p50_ms, figures.p95_ms), (7.0, 7.0));
    }
}
