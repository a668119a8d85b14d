//! What a visit came to, in numbers: how long it was, how many turns and pages, by voice or by
//! touch, and whether the shopper ended it. Follows from outside; changes nothing, and knows
//! no words.

use super::command::{Command, Event, Spoken};
use crate::sync::wire::event::{Medium, Telemetry};
use crate::view::chrome::Page;
use std::time::Duration;

/// A visit under way.
#[derive(Debug, Clone, PartialEq)]
struct Visit {
    number: u64,
    began: Duration,
    turns: u32,
    pages: u32,
    page: Page,
    has_spoken: bool,
    has_touched: bool,
}

/// Follows visits.
#[derive(Debug, Default)]
pub(super) struct Tally {
    visit: Option<Visit>,
}

/// What an event was, as far as it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Touched,
    Said,
    Other,
}

impl Act {
    pub(super) fn of(event: &Event) -> Self {
        match event {
            Event::Touched(_) => Self::Touched,
            Event::Spoken { spoken: Spoken::Asked { .. }, .. } => Self::Said,
            _ => Self::Other,
        }
    }
}

impl Tally {
    /// After each event: what it was, what came of it, the visit that is on and its page, at
    /// `now` since the start. What is to be told when a visit ended.
    pub(super) fn follow(
        &mut self,
        act: Act,
        commands: &[Command],
        on: Option<u64>,
        page: Page,
        now: Duration,
    ) -> Option<Telemetry> {
        let ended = self.visit.take_if(|visit| on != Some(visit.number)).map(|visit| {
            let by = match (visit.has_spoken, visit.has_touched) {
                (true, true) => Medium::Both,
                (true, false) => Medium::Voice,
                _ => Medium::Touch,
            };
            let seconds = now.saturating_sub(visit.began).as_secs();
            Telemetry::VisitEnded {
                seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
                turns: visit.turns,
                pages: visit.pages,
                by,
                finished: act == Act::Touched,
            }
        });
        if let Some(number) = on {
            let visit = self.visit.get_or_insert(Visit {
                number,
                began: now,
                turns: 0,
                pages: 1,
                page,
                has_spoken: false,
                has_touched: false,
            });
            let asks = |command: &&Command| matches!(command, Command::Ask(..) | Command::Call(..));
            visit.turns += u32::try_from(commands.iter().filter(asks).count()).unwrap_or(0);
            visit.has_spoken |= act == Act::Said;
            visit.has_touched |= act == Act::Touched;
            visit.pages += u32::from(visit.page != page);
            visit.page = page;
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::kiosk::command::Ticket;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_visit_is_told_when_it_ends_and_the_next_counts_anew() {
        let mut tally = Tally::default();
        let ticket = Ticket { visit: 1, turn: 1 };
        assert_eq!(tally.follow(Act::Other, &[], None, Page::Attract, SECOND), None);
        assert_eq!(tally.follow(Act::Touched, &[], Some(1), Page::Home, SECOND), None);
        let asks = [Command::Ask(ticket, "oat milk".into())];
        assert_eq!(tally.follow(Act::Said, &asks, Some(1), Page::Home, 2 * SECOND), None);
        assert_eq!(tally.follow(Act::Other, &[], Some(1), Page::Results, 3 * SECOND), None);
        let told = tally.follow(Act::Touched, &[], None, Page::Attract, 31 * SECOND);
        let by = Medium::Both;
        let visit = Telemetry::VisitEnded { seconds: 30, turns: 1, pages: 2, by, finished: true };
        assert_eq!(told, Some(visit));
        assert_eq!(tally.follow(Act::Other, &[], Some(2), Page::Home, 40 * SECOND), None);
        let told = tally.follow(Act::Other, &[], Some(3), Page::Home, 50 * SECOND);
        let by = Medium::Touch;
        let visit = Telemetry::VisitEnded { seconds: 10, turns: 0, pages: 1, by, finished: false };
        assert_eq!(told, Some(visit), "one after the other, without a pause");
    }
}
