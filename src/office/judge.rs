//! Owns the judgement on a bundle that some kiosks have and the others wait for: what they did
//! since against what the same kiosks did before. Pure: counts in, a verdict out.
//!
//! Shares and times count once there are enough of them on both sides; what has no equal before
//! is not compared. One fault that a number cannot excuse halts at once: a refusal, a kiosk that
//! went silent, a bundle that does not come.

use crate::sync::wire::event::{HonestNo, Stage, Telemetry};
use crate::sync::wire::histogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The stages that a shopper feels.
const FELT: [Stage; 4] = [Stage::Search, Stage::FirstCard, Stage::Reply, Stage::Total];
/// The share of times that the compared one is not exceeded by.
const MOST: f64 = 0.95;

/// What some kiosks did in a time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// Times of all kiosks together, in seconds.
    pub seconds: u64,
    /// Searches that were answered, and those of them that found something.
    pub searched: u64,
    pub found: u64,
    /// What was asked for, and how often the kiosk said honestly that it cannot tell or has not.
    pub asked: u64,
    pub honest_no: u64,
    pub engine_restarts: u64,
    pub stages: BTreeMap<Stage, Histogram>,
}

impl Measures {
    /// Counts an event.
    pub fn note(&mut self, event: &Telemetry) {
        match event {
            Telemetry::Searched { no_match, .. } => {
                self.searched += 1;
                self.asked += 1;
                self.found += u64::from(!no_match);
            }
            Telemetry::HonestNo { why } => {
                self.honest_no += 1;
                // What is not carried, must not be sold or is not stated was searched for, and is
                // counted there.
                let searched = matches!(why, HonestNo::NotCarried | HonestNo::Recalled | HonestNo::NotKnown);
                self.asked += u64::from(!searched);
            }
            Telemetry::EngineRestarted { .. } => self.engine_restarts += 1,
            Telemetry::Latency { stage, counts } => self.stages.entry(*stage).or_default().add(counts),
            _ => {}
        }
    }

    fn honest_share(&self) -> f64 {
        share(self.honest_no, self.asked)
    }

    fn found_share(&self) -> f64 {
        share(self.found, self.searched)
    }
}

// Counts stay far below 2^53, where f64 is exact.
#[allow(clippy::cast_precision_loss)]
fn share(some: u64, all: u64) -> f64 {
    some as f64 / all.max(1) as f64
}

/// How far one of the first kiosks is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct First {
    /// As people call it: s042/k1.
    pub name: String,
    pub has_it: bool,
    /// Why it does not take it.
    pub refused: Option<String>,
    /// It was there, and is not any more.
    pub is_silent: bool,
}

/// All that is judged by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    pub before: Measures,
    pub since: Measures,
    pub kiosks: Vec<First>,
    /// Since the first kiosks were told to take it, in minutes.
    pub waited: u64,
    /// Since all of them have it, in minutes; `None`: not all have it.
    pub held: Option<u64>,
}

/// What is borne.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// How long it must do well, in minutes.
    pub hold: u64,
    /// Within what all of the first kiosks must have it, in minutes.
    pub within: u64,
    /// Searches, questions or times that are needed on both sides before they are compared.
    pub least: u64,
    /// By how much the share of honest no's may grow, 0 to 1.
    pub no: f64,
    /// By how much the share of searches that find something may fall, 0 to 1.
    pub lost: f64,
    /// How many times as long a stage may take.
    pub slower: f64,
    /// Engine restarts beyond those of before.
    pub restarts: u64,
    /// Kiosks that may go silent.
    pub silent: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { hold: 60, within: 60, least: 50, no: 0.10, lost: 0.10, slower: 3.0, restarts: 3, silent: 0 }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Look again later; why.
    Wait(String),
    /// Take it back; all that speaks against it.
    Halt(Vec<String>),
    /// All may have it.
    Release,
}

/// Judges.
#[must_use]
pub fn judge(look: &Look, limits: &Limits) -> Verdict {
    let mut against: Vec<String> = look
        .kiosks
        .iter()
        .filter_map(|kiosk| Some(format!("{} does not take it: {}", kiosk.name, kiosk.refused.as_ref()?)))
        .collect();
    let silent: Vec<&str> =
        look.kiosks.iter().filter(|kiosk| kiosk.is_silent).map(|kiosk| kiosk.name.as_str()).collect();
    if silent.len() > limits.silent {
        against.push(format!("not heard any more: {}", silent.join(", ")));
    }
    let late: Vec<&str> =
        look.kiosks.iter().filter(|kiosk| !kiosk.has_it).map(|kiosk| kiosk.name.as_str()).collect();
    if !late.is_empty() && look.waited >= limits.within {
        against.push(format!("not in use after {} minutes: {}", look.waited, late.join(", ")));
    }
    against.extend(worse(&look.before, &look.since, limits));
    if !against.is_empty() {
        return Verdict::Halt(against);
    }
    match look.held {
        Some(held) if held >= limits.hold => Verdict::Release,
        Some(held) => Verdict::Wait(format!("it does well for {held} of {} minutes", limits.hold)),
        None => Verdict::Wait(format!("not in use yet: {}", late.join(", "))),
    }
}

/// In what the kiosks do worse than before.
fn worse(before: &Measures, since: &Measures, limits: &Limits) -> Vec<String> {
    let mut worse = Vec::new();
    let enough = |one: u64, other: u64| one.min(other) >= limits.least.max(1);
    if enough(before.asked, since.asked) {
        let (old, new) = (before.honest_share(), since.honest_share());
        if new - old > limits.no {
            worse.push(format!("honest no's: {} of what is asked, {} before", percent(new), percent(old)));
        }
    }
    if enough(before.searched, since.searched) {
        let (old, new) = (before.found_share(), since.found_share());
        if old - new > limits.lost {
            worse.push(format!("searches that find something: {}, {} before", percent(new), percent(old)));
        }
    }
    for stage in FELT {
        let (Some(old), Some(new)) = (before.stages.get(&stage), since.stages.get(&stage)) else { continue };
        if !enough(old.total(), new.total()) {
            continue;
        }
        let edge = |times: &Histogram| times.quantile(MOST);
        let is_slower = match (edge(old), edge(new)) {
            (Some(old), Some(new)) => f64::from(new) > f64::from(old) * limits.slower,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if is_slower {
            let ms = |edge: Option<u32>| edge.map_or("over 30 s".to_owned(), |edge| format!("{edge} ms"));
            let name = called(stage);
            worse.push(format!("{name}, of 95 in 100: {}, {} before", ms(edge(new)), ms(edge(old))));
        }
    }
    // As many as before, in this time.
    let usual = before.engine_restarts.saturating_mul(since.seconds) / before.seconds.max(1);
    if since.engine_restarts > usual.saturating_add(limits.restarts) {
        worse.push(format!("engine restarts: {}, usually {usual}", since.engine_restarts));
    }
    worse
}

/// A stage as people call it.
fn called(stage: Stage) -> &'static str {
    match stage {
        Stage::Search => "search",
        Stage::FirstCard => "first card",
        Stage::Reply => "reply",
        _ => "the whole turn",
    }
}

/// A share as people read it.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// The measures in one line.
#[must_use]
pub fn line(look: &Look) -> String {
    let Look { before, since, .. } = look;
    let p95 = |measures: &Measures| {
        let edge = measures.stages.get(&Stage::Total).and_then(|times| times.quantile(MOST));
        edge.map_or("-".to_owned(), |edge| format!("{edge} ms"))
    };
    format!(
        "{} asked, {} honest no's ({}); {} searches, {} find something ({}); total {} ({}); {} engine restarts",
        since.asked,
        percent(since.honest_share()),
        percent(before.honest_share()),
        since.searched,
        percent(since.found_share()),
        percent(before.found_share()),
        p95(since),
        p95(before),
        since.engine_restarts,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::wire::event::Engine;
    use proptest::prelude::*;

    fn times(ms: f64, count: u32) -> Histogram {
        let mut times = Histogram::default();
        (0..count).for_each(|_| times.record(ms));
        times
    }

    /// So many searches of which so many find nothing.
    fn searches(all: u64, lost: u64) -> Measures {
        let mut measures = Measures { seconds: 3_600, ..Measures::default() };
        for n in 0..all {
            let no_match = n < lost;
            measures.note(&Telemetry::Searched { found: 1, no_match, other_size: false });
            if no_match {
                measures.note(&Telemetry::HonestNo { why: HonestNo::NotCarried });
            }
        }
        measures
    }

    fn kiosk(name: &str) -> First {
        First { name: name.into(), has_it: true, refused: None, is_silent: false }
    }

    fn look(before: Measures, since: Measures) -> Look {
        Look { before, since, kiosks: vec![kiosk("s1/k1"), kiosk("s1/k2")], waited: 5, held: Some(60) }
    }

    fn halted(look: &Look) -> Vec<String> {
        match judge(look, &Limits::default()) {
            Verdict::Halt(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_does_as_well_as_before_is_released_after_its_time() {
        let mut well = look(searches(200, 10), searches(100, 6));
        assert_eq!(judge(&well, &Limits::default()), Verdict::Release);
        well.held = Some(59);
        assert!(matches!(judge(&well, &Limits::default()), Verdict::Wait(why) if why.contains("59 of 60")));
        well.held = None;
        well.kiosks[1].has_it = false;
        assert!(matches!(judge(&well, &Limits::default()), Verdict::Wait(why) if why.contains("s1/k2")));
    }

    #[test]
    fn a_kiosk_that_refuses_goes_silent_or_stays_behind_halts_at_once() {
        let mut bad = look(Measures::default(), Measures::default());
        (bad.held, bad.waited) = (None, 60);
        bad.kiosks[0].refused = Some("the rows do not fit".into());
        bad.kiosks[1].is_silent = true;
        bad.kiosks[1].has_it = false;
        let why = halted(&bad);
        assert_eq!(
            why,
            [
                "s1/k1 does not take it: the rows do not fit",
                "not heard any more: s1/k2",
                "not in use after 60 minutes: s1/k2"
            ]
        );
        bad.kiosks[0].refused = None;
        bad.waited = 59;
        let bears = Limits { silent: 1, ..Limits::default() };
        assert!(matches!(judge(&bad, &bears), Verdict::Wait(_)));
    }

    #[test]
    fn searches_that_find_less_and_more_honest_nos_halt_before_the_time_is_over() {
        let mut bad = look(searches(200, 10), searches(100, 20));
        bad.held = Some(1);
        let why = halted(&bad);
        assert_eq!(
            why,
            [
                "honest no's: 20 % of what is asked, 5 % before",
                "searches that find something: 80 %, 95 % before"
            ]
        );
        bad.since = searches(49, 40);
        assert!(matches!(judge(&bad, &Limits::default()), Verdict::Wait(_)), "too few to tell");
        bad.since = searches(100, 100);
        bad.before = searches(49, 0);
        assert!(matches!(judge(&bad, &Limits::default()), Verdict::Wait(_)), "there is nothing to compare");
    }

    #[test]
    fn questions_that_are_not_understood_count_without_a_search() {
        let mut measures = Measures::default();
        for why in [HonestNo::NotUnderstood, HonestNo::NotKnown, HonestNo::NotCarried] {
            measures.note(&Telemetry::HonestNo { why });
        }
        measures.note(&Telemetry::Searched { found: 0, no_match: true, other_size: false });
        measures.note(&Telemetry::ListConfirmed { lines: 3 });
        assert_eq!((measures.asked, measures.honest_no, measures.searched, measures.found), (2, 3, 1, 0));
    }

    #[test]
    fn a_stage_that_takes_much_longer_halts() {
        let with = |ms: f64, count: u32| {
            let mut measures = Measures { seconds: 3_600, ..Measures::default() };
            measures.note(&Telemetry::Latency { stage: Stage::FirstCard, counts: times(ms, count / 2) });
            measures.note(&Telemetry::Latency { stage: Stage::FirstCard, counts: times(ms, count / 2) });
            measures
        };
        assert_eq!(judge(&look(with(90.0, 60), with(190.0, 60)), &Limits::default()), Verdict::Release);
        let why = halted(&look(with(90.0, 60), with(450.0, 60)));
        assert_eq!(why, ["first card, of 95 in 100: 500 ms, 100 ms before"]);
        assert!(halted(&look(with(90.0, 60), with(60_000.0, 60)))[0].contains("over 30 s"));
        assert_eq!(judge(&look(with(90.0, 60), with(450.0, 40)), &Limits::default()), Verdict::Release);
        assert_eq!(judge(&look(with(60_000.0, 60), with(450.0, 60)), &Limits::default()), Verdict::Release);
    }

    #[test]
    fn engines_may_restart_as_often_as_before_and_a_little_more() {
        let with = |restarts, seconds| {
            let mut measures = Measures { seconds, ..Measures::default() };
            for _ in 0..restarts {
                measures.note(&Telemetry::EngineRestarted { engine: Engine::Stt });
            }
            measures
        };
        let limits = Limits::default();
        assert_eq!(judge(&look(with(24, 86_400), with(4, 3_600)), &limits), Verdict::Release);
        assert_eq!(halted(&look(with(24, 86_400), with(5, 3_600))), ["engine restarts: 5, usually 1"]);
        assert_eq!(judge(&look(with(0, 0), with(3, 3_600)), &limits), Verdict::Release);
    }

    proptest! {
        /// Whatever the counts, it is judged, and what is exactly as before does not halt.
        #[test]
        fn the_same_as_before_never_halts(all in 0u64..300, lost in 0u64..300, held in 0u64..200) {
            let same = searches(all, lost.min(all));
            let mut one = look(same.clone(), same);
            one.held = Some(held);
            prop_assert!(!matches!(judge(&one, &Limits::default()), Verdict::Halt(_)));
        }

        /// What halts with fewer finds halts with still fewer.
        #[test]
        fn worse_is_never_judged_better(all in 50u64..200, lost in 0u64..200, more in 0u64..200) {
            let (lost, more) = (lost.min(all), (lost + more).min(all));
            let halts = |lost| matches!(
                judge(&look(searches(100, 5), searches(all, lost)), &Limits::default()), Verdict::Halt(_));
            prop_assert!(!halts(lost) || halts(more));
        }
    }
}
