//! An order from the list to its number.

use super::command::{Answer, Command, Event};
use super::visit::State;
use super::visit_tests::{Kiosk, ticket, turned};
use super::welcome::Welcome;
use crate::domain::turn::{Intent, OrderLine};
use crate::view::chrome::Page;
use crate::view::list::Sent;
use crate::view::touch::Touch;

/// A turn that leaves so many lattes on the list; `confirmed`: the shopper is done with it.
fn lattes(pieces: u32, confirmed: bool) -> Answer {
    let Answer::Turn(mut turn) = turned(Intent::Order, true, &[], pieces) else { panic!() };
    turn.list.lines.iter_mut().for_each(|line| line.card.made_to_order = true);
    turn.confirmed = confirmed;
    Answer::Turn(turn)
}

/// Somebody with a latte on their list, at a kiosk where `orders` are taken.
fn thirsty(orders: bool) -> Kiosk {
    let mut kiosk = Kiosk::bare();
    let welcome = Welcome { store: "Shop".into(), orders, ..Welcome::default() };
    kiosk.event(Event::Welcomed(Box::new(welcome)));
    kiosk.touch(Touch::Woken(None));
    say(&mut kiosk, lattes(1, false));
    kiosk
}

fn say(kiosk: &mut Kiosk, answer: Answer) -> Vec<Command> {
    let asked = kiosk.touch(Touch::Submitted("words".into()));
    kiosk.event(Event::Answered(ticket(&asked), Box::new(answer)))
}

fn sent(kiosk: &Kiosk) -> Option<Sent> {
    kiosk.state.screen.list.sent.clone()
}

fn placed(commands: &[Command]) -> Vec<OrderLine> {
    let lines = commands.iter().find_map(|command| match command {
        Command::Place(_, lines) => Some(lines.clone()),
        _ => None,
    });
    lines.unwrap_or_default()
}

fn spoken(commands: &[Command]) -> Option<String> {
    commands.iter().find_map(|command| match command {
        Command::Speak(_, words) => Some(words.clone()),
        _ => None,
    })
}

fn visit(state: &State) -> u64 {
    state.number()
}

#[test]
fn a_number_is_shown_once_somebody_has_the_order() {
    let mut kiosk = thirsty(true);
    assert!(kiosk.state.screen.list.orderable && sent(&kiosk).is_none());
    let asked = kiosk.touch(Touch::Confirmed);
    assert!(matches!(&asked[..], [Command::Call(..)]), "{asked:?}");
    let commands = kiosk.event(Event::Answered(ticket(&asked), Box::new(lattes(1, true))));
    assert_eq!(placed(&commands)[0].quantity, 1);
    assert_eq!(sent(&kiosk), Some(Sent::Sending));
    let now = visit(&kiosk.state);
    kiosk.event(Event::Placed(now, Some("k1-42".into())));
    assert_eq!(sent(&kiosk), Some(Sent::Sending), "nobody has it yet");
    let commands = kiosk.event(Event::Taken(now, "k1-42".into()));
    assert_eq!(sent(&kiosk), Some(Sent::Number("K1-42".into())));
    assert!(matches!(&commands[..], [Command::Speak(_, words)] if words.contains("K1 42")));
    // Done is done; the same list is not ordered twice.
    assert!(!kiosk.state.screen.list.orderable);
    assert!(placed(&say(&mut kiosk, lattes(1, true))).is_empty());
    kiosk.touch(Touch::Confirmed);
    assert_eq!(kiosk.page(), Page::Feedback);
}

#[test]
fn who_waits_too_long_is_sent_to_the_counter_and_may_still_get_a_number() {
    let mut kiosk = thirsty(true);
    say(&mut kiosk, lattes(1, true));
    let now = visit(&kiosk.state);
    kiosk.event(Event::Placed(now, Some("k1-42".into())));
    assert_eq!(spoken(&kiosk.until(7)), None);
    assert_eq!(sent(&kiosk), Some(Sent::Sending));
    assert_eq!(spoken(&kiosk.until(9)).as_deref(), Some("Please show this at the counter."));
    assert_eq!(sent(&kiosk), Some(Sent::Counter));
    kiosk.event(Event::Taken(now, "k1-42".into()));
    assert_eq!(sent(&kiosk), Some(Sent::Number("K1-42".into())));
    // One that could not be written down.
    let mut kiosk = thirsty(true);
    say(&mut kiosk, lattes(1, true));
    let now = visit(&kiosk.state);
    let commands = kiosk.event(Event::Placed(now, None));
    assert!(spoken(&commands).is_some(), "{commands:?}");
    assert_eq!(sent(&kiosk), Some(Sent::Counter));
}

#[test]
fn only_what_came_on_the_list_since_is_ordered_then() {
    let mut kiosk = thirsty(true);
    assert_eq!(placed(&say(&mut kiosk, lattes(1, true)))[0].quantity, 1);
    say(&mut kiosk, lattes(3, false));
    assert!(kiosk.state.screen.list.orderable);
    assert_eq!(placed(&say(&mut kiosk, lattes(3, true)))[0].quantity, 2);
}

#[test]
fn nobody_orders_where_nobody_takes_orders_nor_for_the_next_shopper() {
    let mut kiosk = thirsty(false);
    assert!(!kiosk.state.screen.list.orderable);
    assert!(placed(&say(&mut kiosk, lattes(1, true))).is_empty());
    assert_eq!(sent(&kiosk), None);
    let mut kiosk = thirsty(true);
    say(&mut kiosk, lattes(1, true));
    let before = visit(&kiosk.state);
    kiosk.touch(Touch::Ended);
    kiosk.touch(Touch::Ended);
    kiosk.touch(Touch::Woken(None));
    kiosk.event(Event::Taken(before, "k1-42".into()));
    assert_eq!(sent(&kiosk), None);
}
