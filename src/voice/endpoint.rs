//! Endpointing: when somebody begins to speak, hesitates, goes on, and is done.
//!
//! Pure timing over the speech probabilities of [`super::vad`]: no sound, no clock, no
//! words. How patient it is, it is told; what was said, it never learns.

use super::LISTENING_RATE;
use super::vad::WINDOW;
use std::time::Duration;

/// Length of the window that each probability is about: 32 ms.
#[must_use]
pub fn window() -> Duration {
    windows(1)
}

/// Length of so many windows.
#[must_use]
pub fn windows(count: u32) -> Duration {
    Duration::from_secs(WINDOW as u64) * count / LISTENING_RATE
}

/// How many windows `time` is, a begun one counted.
fn count(time: Duration) -> u32 {
    u32::try_from(time.as_nanos().div_ceil(window().as_nanos())).unwrap_or(u32::MAX)
}

/// The probabilities and times that speech is told by. What is shorter than `least` is a
/// cough or a click, as in [`super::vad::Hysteresis`], where the values come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Somebody speaks from this probability on, 0 to 1.
    pub begin: f32,
    /// And not any more below this one, 0 to `begin`.
    pub end: f32,
    /// Speech in a row that begins an utterance. It may still turn out to be a cough.
    pub onset: Duration,
    /// Speech altogether, below which it was one.
    pub least: Duration,
    /// A silence in which the words so far are worth a look.
    pub pause: Duration,
    /// The longest utterance: whatever sounds on after it is no shopper.
    pub most: Duration,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            begin: 0.5,
            end: 0.35,
            onset: Duration::from_millis(64),
            least: Duration::from_millis(160),
            pause: Duration::from_millis(96),
            most: Duration::from_secs(30),
        }
    }
}

/// What a window of sound made of an utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Somebody speaks, for so many windows already.
    Began { windows: u32 },
    /// They have fallen silent, perhaps for good.
    Paused,
    /// They go on.
    Resumed,
    /// They are done. The silence is `silence` long; `cut`: they were still speaking when
    /// the longest utterance was over.
    Ended { silence: Duration, cut: bool },
    /// It was a cough.
    Dropped,
}

/// Where an utterance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody speaks; so many windows in a row did sound like it.
    Quiet {
        onset: u32,
    },
    Speech,
    /// Silent for so many windows.
    Silence {
        windows: u32,
        told: bool,
    },
}

/// Follows one stream of probabilities.
#[derive(Debug, Clone)]
pub struct Endpoint {
    rule: Rule,
    patience: u32,
    phase: Phase,
    /// Windows since the utterance began, and those of them that were speech.
    length: u32,
    speech: u32,
}

impl Endpoint {
    /// Nobody has spoken yet. `patience`: the silence that ends an utterance.
    #[must_use]
    pub fn new(rule: Rule, patience: Duration) -> Self {
        Self { rule, patience: count(patience), phase: Phase::Quiet { onset: 0 }, length: 0, speech: 0 }
    }

    /// Another silence ends the utterance from now on, that under way included: what was
    /// said is whole, or is not.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = count(patience).max(1);
    }

    /// Another probability, 0 to 1, for as long as `onset`, begins an utterance from now on.
    pub fn set_begin(&mut self, begin: f32, onset: Duration) {
        (self.rule.begin, self.rule.onset) = (begin.max(self.rule.end), onset);
    }

    /// Whether an utterance is under way.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        !matches!(self.phase, Phase::Quiet { .. })
    }

    /// How long it has been silent within the utterance.
    #[must_use]
    pub fn silence(&self) -> Duration {
        match self.phase {
            Phase::Silence { windows: silent, .. } => windows(silent),
            _ => Duration::ZERO,
        }
    }

    /// Forgets the utterance under way.
    pub fn reset(&mut self) {
        self.phase = Phase::Quiet { onset: 0 };
        (self.length, self.speech) = (0, 0);
    }

    /// The shopper says that they are done: what was said so far is the utterance.
    pub fn finish(&mut self) -> Option<Moment> {
        let is_under_way = self.is_under_way();
        let silence = self.silence();
        is_under_way.then(|| self.end(silence, false))
    }

    /// Takes the speech probability, 0 to 1, of the next window.
    pub fn push(&mut self, probability: f32) -> Option<Moment> {
        let is_loud = probability >= self.rule.begin;
        if let Phase::Quiet { onset } = &mut self.phase {
            *onset = if is_loud { *onset + 1 } else { 0 };
            let begun = *onset;
            if begun < count(self.rule.onset).max(1) {
                return None;
            }
            self.phase = Phase::Speech;
            (self.length, self.speech) = (begun, begun);
            return Some(Moment::Began { windows: begun });
        }
        self.length += 1;
        let is_quiet = probability < self.rule.end;
        self.speech += u32::from(!is_quiet && (is_loud || self.phase == Phase::Speech));
        if windows(self.length) >= self.rule.most {
            let silence = self.silence();
            return Some(self.end(silence, silence.is_zero()));
        }
        match &mut self.phase {
            Phase::Speech if is_quiet => {
                self.phase = Phase::Silence { windows: 1, told: false };
                self.silent(1, false)
            }
            Phase::Silence { told, .. } if is_loud => {
                let told = *told;
                self.phase = Phase::Speech;
                told.then_some(Moment::Resumed)
            }
            Phase::Silence { windows, told } => {
                *windows += 1;
                let (silent, told) = (*windows, *told);
                self.silent(silent, told)
            }
            _ => None,
        }
    }

    fn silent(&mut self, silent: u32, told: bool) -> Option<Moment> {
        if silent >= self.patience.max(1) {
            return Some(self.end(windows(silent), false));
        }
        if told || silent < count(self.rule.pause) {
            return None;
        }
        self.phase = Phase::Silence { windows: silent, told: true };
        Some(Moment::Paused)
    }

    fn end(&mut self, silence: Duration, cut: bool) -> Moment {
        let is_speech = windows(self.speech) > self.rule.least;
        self.reset();
        if is_speech { Moment::Ended { silence, cut } } else { Moment::Dropped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn endpoint(patience_ms: u64) -> Endpoint {
        Endpoint::new(Rule::default(), Duration::from_millis(patience_ms))
    }

    /// `pattern`: `#` speech, `-` in between, `.` silence, one window each. Each moment with
    /// the window that brought it.
    fn moments(endpoint: &mut Endpoint, pattern: &str) -> Vec<(usize, Moment)> {
        let probability = |mark| match mark {
            '#' => 0.9,
            '-' => 0.4,
            _ => 0.05,
        };
        let told = pattern.chars().enumerate();
        told.filter_map(|(at, mark)| Some((at, endpoint.push(probability(mark))?))).collect()
    }

    #[test]
    fn an_utterance_begins_pauses_and_ends() {
        let silence = windows(10);
        let found = moments(&mut endpoint(320), "..##########..........");
        let told = [
            (3, Moment::Began { windows: 2 }),
            (14, Moment::Paused),
            (21, Moment::Ended { silence, cut: false }),
        ];
        assert_eq!(found, told);
    }

    #[test]
    fn hesitation_is_not_the_end() {
        let found = moments(&mut endpoint(640), "##########.......#######--##....................");
        let kinds: Vec<Moment> = found.into_iter().map(|(_, moment)| moment).collect();
        assert!(matches!(
            kinds[..],
            [Moment::Began { .. }, Moment::Paused, Moment::Resumed, Moment::Paused, Moment::Ended { .. }]
        ));
        let short = moments(&mut endpoint(640), "##########..####....................");
        assert_eq!(short.len(), 3, "a breath is not told: {short:?}");
    }

    #[test]
    fn a_click_is_nothing_and_a_cough_is_dropped() {
        assert_eq!(moments(&mut endpoint(320), "..#......#............"), []);
        let cough = moments(&mut endpoint(320), "..####.............");
        assert_eq!(cough.last().map(|(_, moment)| *moment), Some(Moment::Dropped));
        let word = moments(&mut endpoint(320), "..######.............");
        assert!(matches!(word.last(), Some((_, Moment::Ended { .. }))), "{word:?}");
    }

    #[test]
    fn patience_changes_while_somebody_is_silent() {
        let mut own = endpoint(1_600);
        assert_eq!(moments(&mut own, "##########..........").len(), 2);
        assert_eq!(own.silence(), windows(10));
        own.set_patience(Duration::from_millis(320));
        assert!(matches!(own.push(0.0), Some(Moment::Ended { .. })), "at once");
        assert!(!own.is_under_way());
    }

    #[test]
    fn it_never_listens_for_ever() {
        let rule = Rule { most: Duration::from_secs(2), ..Rule::default() };
        let mut own = Endpoint::new(rule, Duration::from_millis(500));
        let found = moments(&mut own, &"#".repeat(63));
        assert!(matches!(found.last(), Some((62, Moment::Ended { cut: true, .. }))), "{found:?}");
    }

    #[test]
    fn who_is_done_says_so() {
        let mut own = endpoint(1_000);
        assert_eq!(own.finish(), None, "nothing was said");
        moments(&mut own, "##########");
        assert_eq!(own.finish(), Some(Moment::Ended { silence: Duration::ZERO, cut: false }));
        moments(&mut own, "####");
        assert_eq!(own.finish(), Some(Moment::Dropped), "a cough is no utterance");
        assert_eq!(own.finish(), None);
    }

    proptest! {
        /// Utterances begin before they end, and no moment comes out of order.
        #[test]
        fn moments_are_in_order(
            probabilities in prop::collection::vec(0.0_f32..1.0, 0..600),
            patience in 1_u64..2_000,
        ) {
            let mut own = endpoint(patience);
            let mut before: Option<Moment> = None;
            for probability in probabilities {
                let Some(moment) = own.push(probability) else { continue };
                let fits = match moment {
                    Moment::Began { .. } => {
                        matches!(before, None | Some(Moment::Ended { .. } | Moment::Dropped))
                    }
                    Moment::Paused => matches!(before, Some(Moment::Began { .. } | Moment::Resumed)),
                    Moment::Resumed => matches!(before, Some(Moment::Paused)),
                    Moment::Ended { .. } | Moment::Dropped => {
                        matches!(before, Some(Moment::Began { .. } | Moment::Resumed | Moment::Paused))
                    }
                };
                prop_assert!(fits, "{moment:?} after {before:?}");
                before = Some(moment);
                prop_assert_eq!(own.is_under_way(), !matches!(moment, Moment::Ended { .. } | Moment::Dropped));
            }
        }
    }
}
