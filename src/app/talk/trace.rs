//! How long a spoken turn took, from the last voiced sample to what the shopper sees and
//! hears. Times only: no words.

use super::driver::Moments;
use crate::domain::Sku;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A stage of a spoken turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// The words were there.
    Words,
    EndOfTurn,
    FirstCard,
    Answer,
    FirstSound,
}

impl Reached {
    fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::EndOfTurn => "end of turn",
            Self::FirstCard => "first card",
            Self::Answer => "answer",
            Self::FirstSound => "first sound",
        }
    }
}

/// The turn under way, or the latest.
#[derive(Debug, Default)]
pub struct Trace {
    /// When each product that is shown for the utterance under way appeared.
    seen: HashMap<Sku, Instant>,
    moments: Option<Moments>,
    card: Option<Duration>,
    answered: Option<Duration>,
    sound: Option<Duration>,
    is_unsaid: bool,
}

impl Trace {
    /// Products are shown for what is not said to the end. One that vanishes was wrong.
    pub fn found<'a>(&mut self, products: impl IntoIterator<Item = &'a Sku>) {
        let now = Instant::now();
        self.seen = products
            .into_iter()
            .map(|sku| (sku.clone(), self.seen.get(sku).copied().unwrap_or(now)))
            .collect();
    }

    /// The utterance became a turn.
    pub fn asked(&mut self, moments: Moments) {
        *self = Self { seen: std::mem::take(&mut self.seen), moments: Some(moments), ..Self::default() };
    }

    /// The turn is answered with these products, best first.
    pub fn answered<'a>(&mut self, products: impl Iterator<Item = &'a Sku>) {
        self.answered_at(Instant::now(), products);
    }

    /// As [`Trace::answered`], where that was some time ago.
    pub fn answered_at<'a>(&mut self, now: Instant, mut products: impl Iterator<Item = &'a Sku>) {
        let Some(moments) = self.moments.filter(|_| self.answered.is_none()) else { return };
        self.answered = Some(now.saturating_duration_since(moments.spoken));
        let early = |sku: &Sku| self.seen.get(sku).copied();
        let first = products.next();
        let shown = first.map(|first| products.chain([first]).filter_map(early).min().unwrap_or(now));
        self.card = shown.map(|at| at.saturating_duration_since(moments.spoken));
        self.seen.clear();
    }

    /// The answer is not said aloud: the next sound is something else's.
    pub fn unsaid(&mut self) {
        self.is_unsaid = true;
    }

    /// The first sound of an answer was handed to the loudspeaker. Whether it is the turn's.
    pub fn sounded(&mut self, at: Instant) -> bool {
        let awaits = self.answered.is_some() && self.sound.is_none() && !self.is_unsaid;
        let Some(moments) = self.moments.filter(|_| awaits) else { return false };
        self.sound = Some(at.saturating_duration_since(moments.spoken));
        true
    }

    /// When the turn's utterance ended and was taken for whole.
    #[must_use]
    pub fn moments(&self) -> Option<Moments> {
        self.moments
    }

    /// From the last voiced sample to the first card that stayed; `None`: there was none.
    #[must_use]
    pub fn card(&self) -> Option<Duration> {
        self.card
    }

    /// From the last voiced sample to the first sound of the answer, where there was one.
    #[must_use]
    pub fn sound(&self) -> Option<Duration> {
        self.sound
    }

    /// From the last voiced sample to each stage that there was.
    pub fn stages(&self) -> impl Iterator<Item = (Reached, Duration)> {
        let since = |at: Instant, spoken: Instant| at.saturating_duration_since(spoken);
        let stages = [
            (Reached::Words, self.moments.map(|own| since(own.heard, own.spoken))),
            (Reached::EndOfTurn, self.moments.map(|own| since(own.asked, own.spoken))),
            (Reached::FirstCard, self.card),
            (Reached::Answer, self.answered),
            (Reached::FirstSound, self.sound),
        ];
        stages.into_iter().filter_map(|(stage, time)| Some((stage, time?)))
    }

    /// Milliseconds from the last voiced sample to each stage, as `stage ms` in lines.
    #[must_use]
    pub fn lines(&self) -> String {
        let line = |(stage, time): (Reached, Duration)| format!("{} {} ms", stage.name(), time.as_millis());
        self.stages().map(line).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sku(text: &str) -> Sku {
        Sku::new(text).unwrap()
    }

    #[test]
    fn a_card_counts_from_when_it_came_to_stay() {
        let mut trace = Trace::default();
        let (milk, tea) = (sku("milk"), sku("tea"));
        trace.found([&milk, &tea]);
        let first = trace.seen[&milk];
        trace.found([&milk]);
        assert_eq!(trace.seen.len(), 1, "what vanished was wrong");
        assert_eq!(trace.seen[&milk], first);
        let spoken = Instant::now();
        trace.asked(Moments { spoken, heard: spoken, asked: spoken });
        trace.answered([&tea, &milk].into_iter());
        assert_eq!(trace.card, Some(Duration::ZERO), "the milk was there before the end");
        assert!(!trace.lines().contains("first sound"));
        assert!(trace.sounded(spoken + Duration::from_millis(500)));
        assert!(!trace.sounded(spoken + Duration::from_millis(900)), "only the first counts");
        assert!(trace.lines().ends_with("first sound 500 ms"), "{}", trace.lines());
    }

    #[test]
    fn an_answer_without_a_card_has_none() {
        let mut trace = Trace::default();
        let now = Instant::now();
        trace.asked(Moments { spoken: now, heard: now, asked: now });
        trace.answered(std::iter::empty());
        assert_eq!(trace.card, None);
        assert!(trace.lines().contains("answer"));
    }
}
