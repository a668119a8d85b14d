//! What a visit made of what was recommended to it: how many products were shown as such, and how
//! many of them were looked at or put on the list; and when the shopper was content with the list
//! without asking for anything more. Follows from outside, changes nothing, and knows no words.

use super::command::{Answer, Event};
use super::visit::State;
use crate::domain::Sku;
use crate::domain::turn::Intent;
use crate::sync::wire::event::Telemetry;
use crate::view::chrome::Page;
use crate::view::touch::Touch;
use std::collections::BTreeSet;

/// Follows visits.
#[derive(Debug, Default)]
pub(super) struct Taste {
    visit: Option<u64>,
    shown: BTreeSet<Sku>,
    taken: BTreeSet<Sku>,
}

/// What an event means for it, before the visit makes something of it.
#[derive(Debug, Default)]
pub(super) struct Hint {
    opened: Option<Sku>,
    recommended: Vec<Sku>,
    /// Lines of the list that the shopper is done with, without a turn.
    content: Option<u32>,
}

impl Hint {
    pub(super) fn of(event: &Event, state: &State) -> Self {
        match event {
            Event::Touched(Touch::Opened(sku)) => Self { opened: Some(sku.clone()), ..Self::default() },
            // Where nobody takes orders it ends the visit; else it is a turn, which tells itself.
            Event::Touched(Touch::Confirmed) if !state.screen.list.orderable && !state.order.is_empty() => {
                let lines = u32::try_from(state.order.len()).unwrap_or(u32::MAX);
                Self { content: Some(lines), ..Self::default() }
            }
            Event::Answered(_, answer) => match &**answer {
                Answer::Turn(turn) if turn.intent == Intent::Recommend => {
                    let goods = turn.goods.goods.iter().map(|good| good.card.sku.clone());
                    Self { recommended: goods.collect(), ..Self::default() }
                }
                _ => Self::default(),
            },
            _ => Self::default(),
        }
    }
}

impl Taste {
    /// After each event: what it meant, and what the visit is now. What is to be told.
    pub(super) fn follow(&mut self, hint: Hint, state: &State) -> Vec<Telemetry> {
        let on = state.under_way();
        let mut told = Vec::new();
        told.extend(hint.content.map(|lines| Telemetry::ListConfirmed { lines }));
        if on != self.visit {
            told.extend(self.tell());
            *self = Self { visit: on, ..Self::default() };
        }
        if on.is_none() {
            return told;
        }
        self.taken.extend(hint.opened.filter(|sku| self.shown.contains(sku)));
        let listed: BTreeSet<&Sku> = state.order.iter().map(|line| &line.sku).collect();
        self.taken.extend(listed.iter().filter(|sku| self.shown.contains(**sku)).map(|sku| (*sku).clone()));
        let screen = &state.screen;
        let beside = screen.product.iter().filter(|_| screen.chrome.page == Page::Product);
        let beside = beside.flat_map(|shown| shown.pairings.iter().chain(&shown.substitutes));
        let for_you = screen.for_you.rows.iter().filter(|_| screen.chrome.page == Page::ForYou);
        let cards = for_you.flat_map(|row| &row.cards).chain(beside).map(|card| card.sku.clone());
        // What was on the list before was not taken for being recommended.
        let fresh = cards.chain(hint.recommended).filter(|sku| !listed.contains(sku));
        self.shown.extend(fresh.collect::<Vec<_>>());
        told
    }

    fn tell(&self) -> Option<Telemetry> {
        let count = |skus: &BTreeSet<Sku>| u32::try_from(skus.len()).unwrap_or(u32::MAX);
        let (shown, taken) = (count(&self.shown), count(&self.taken));
        (shown > 0).then_some(Telemetry::Recommended { shown, taken })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::kiosk::command::Command;
    use crate::app::kiosk::visit_tests::{Kiosk, good, sku, ticket, turned};
    use crate::view::for_you::{Row, Why};

    /// A kiosk that is followed, and all that was told.
    struct Followed {
        kiosk: Kiosk,
        taste: Taste,
        told: Vec<Telemetry>,
    }

    impl Followed {
        fn new() -> Self {
            let mut own = Self { kiosk: Kiosk::awake(), taste: Taste::default(), told: Vec::new() };
            own.event(Event::Tick);
            own
        }

        fn event(&mut self, event: Event) -> Vec<Command> {
            let hint = Hint::of(&event, &self.kiosk.state);
            let commands = self.kiosk.event(event);
            self.told.extend(self.taste.follow(hint, &self.kiosk.state));
            commands
        }

        fn touch(&mut self, touch: Touch) -> Vec<Command> {
            self.event(Event::Touched(touch))
        }

        /// Ends the visit, and says so when it is asked whether the list may go.
        fn end(&mut self) {
            self.touch(Touch::Ended);
            self.touch(Touch::Ended);
        }

        /// Opens the page of what may please, on which these are.
        fn for_you(&mut self, skus: &[&str]) {
            let asked = ticket(&self.touch(Touch::ForYouOpened));
            let cards = skus.iter().map(|sku| good(sku).card).collect();
            let rows = vec![Row { why: Why::WithList, cards }];
            self.event(Event::Answered(asked, Box::new(Answer::ForYou(rows))));
        }
    }

    #[test]
    fn what_was_shown_and_what_was_taken_of_it_is_told_when_the_visit_ends() {
        let mut own = Followed::new();
        own.for_you(&["a", "b", "c"]);
        own.touch(Touch::Opened(sku("b")));
        own.touch(Touch::Opened(sku("elsewhere")));
        let asked = ticket(&own.touch(Touch::Added(sku("a"))));
        own.event(Event::Answered(asked, Box::new(turned(Intent::Add, false, &["a"], 1))));
        own.event(Event::Tick);
        assert_eq!(own.told, [], "not before");
        own.end();
        assert_eq!(own.told, [Telemetry::Recommended { shown: 3, taken: 2 }]);
        own.touch(Touch::Woken(None));
        own.end();
        assert_eq!(own.told.len(), 1, "nothing was recommended to the next");
    }

    #[test]
    fn a_recommendation_in_words_counts_and_what_was_listed_before_does_not() {
        let mut own = Followed::new();
        let asked = ticket(&own.touch(Touch::Added(sku("a"))));
        own.event(Event::Answered(asked, Box::new(turned(Intent::Add, false, &["a"], 1))));
        let asked = ticket(&own.touch(Touch::Submitted("what goes with it".into())));
        own.event(Event::Answered(asked, Box::new(turned(Intent::Recommend, true, &["a", "d", "e"], 1))));
        own.end();
        assert_eq!(own.told, [Telemetry::Recommended { shown: 2, taken: 0 }]);
    }

    #[test]
    fn who_is_content_with_a_list_that_nobody_takes_is_told_of() {
        let mut own = Followed::new();
        own.touch(Touch::ListOpened);
        own.touch(Touch::Confirmed);
        assert_eq!(own.told, [], "there is nothing on it");
        let asked = ticket(&own.touch(Touch::Added(sku("a"))));
        own.event(Event::Answered(asked, Box::new(turned(Intent::Add, false, &["a"], 2))));
        own.touch(Touch::Confirmed);
        assert_eq!(own.told, [Telemetry::ListConfirmed { lines: 1 }]);
    }
}
