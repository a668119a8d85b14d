//! Timelines of a shopper who wants to be known, and of one who is forgotten.

use super::command::{Answer, Browse, Command, Event, Ticket};
use super::visit_tests::{Kiosk, good};
use super::welcome::Welcome;
use crate::app::line::loyalty::{Customer, Recognition};
use crate::domain::{Private, Purchase, Sku};
use crate::view::chrome::Page;
use crate::view::consent::Loyalty;
use crate::view::for_you::{Row, Why};
use crate::view::touch::Touch;

const NUMBER: &str = "480217365904";
const NAME: &str = "Annabelle";

/// At the question whether the shopper wants to be known.
fn asked() -> Kiosk {
    let mut kiosk = Kiosk::awake();
    let welcome = Welcome { store: "Shop".into(), cards: true, ..Welcome::default() };
    kiosk.event(Event::Welcomed(Box::new(welcome)));
    kiosk.touch(Touch::ConsentOpened);
    assert_eq!((kiosk.page(), stage(&kiosk)), (Page::Consent, Loyalty::Asking));
    kiosk
}

fn number() -> Touch {
    Touch::NumberEntered(Private::new(NUMBER.into()))
}

/// Whose number is being looked up, with the visit and the time that it was asked.
fn checking() -> (Kiosk, u64, u64) {
    let mut kiosk = asked();
    assert_eq!(kiosk.touch(Touch::Consented(true)), []);
    assert_eq!(stage(&kiosk), Loyalty::Entering);
    let (visit, time) = look_up(&kiosk.touch(number()));
    assert_eq!(stage(&kiosk), Loyalty::Checking);
    (kiosk, visit, time)
}

fn look_up(commands: &[Command]) -> (u64, u64) {
    match commands {
        [Command::LookUp { visit, time, number }] => {
            assert_eq!(number.as_str(), NUMBER);
            (*visit, *time)
        }
        other => panic!("{other:?}"),
    }
}

fn stage(kiosk: &Kiosk) -> Loyalty {
    kiosk.state.screen.consent.state
}

fn bought(sku: &str, days_ago: u32) -> Purchase {
    Purchase { sku: Sku::new(sku).unwrap(), days_ago, quantity: 1 }
}

fn known() -> Recognition {
    let history = vec![bought("tea", 1), bought("milk", 2), bought("milk", 9)];
    Recognition::Known(Customer { name: Private::new(NAME.into()), history: Private::new(history) })
}

/// The customer's page of suggestions: what is asked for it.
fn for_you(kiosk: &mut Kiosk) -> (Ticket, Vec<String>) {
    match &kiosk.touch(Touch::ForYouOpened)[..] {
        [Command::Browse(ticket, Browse::ForYou(again))] => {
            (*ticket, again.iter().map(ToString::to_string).collect())
        }
        other => panic!("{other:?}"),
    }
}

fn rows(why: Why) -> Answer {
    let offers = Row { why: Why::Offers, cards: vec![good("jam").card] };
    Answer::ForYou(vec![Row { why, cards: vec![good("milk").card] }, offers])
}

fn recognised() -> Kiosk {
    let (mut kiosk, visit, time) = checking();
    let commands = kiosk.event(Event::Recognised { visit, time, recognition: known() });
    assert_eq!((commands, stage(&kiosk)), (vec![Command::CallOff], Loyalty::Known));
    kiosk
}

#[test]
fn a_customer_is_greeted_and_finds_what_they_buy_again() {
    let mut kiosk = recognised();
    assert_eq!(kiosk.state.screen.consent.name.as_str(), NAME);
    let (ticket, again) = for_you(&mut kiosk);
    assert_eq!(again, ["milk", "tea"], "what is bought more often comes first");
    kiosk.answer(ticket, rows(Why::Again));
    assert_eq!((kiosk.page(), kiosk.state.screen.for_you.rows.len()), (Page::ForYou, 2));
    // The page of the card shows them as known from then on.
    kiosk.touch(Touch::ConsentOpened);
    assert_eq!(stage(&kiosk), Loyalty::Known);
    let shown = format!("{:?}", kiosk.state);
    for word in [NUMBER, NAME, "Thing milk"] {
        assert!(!shown.contains(word), "Debug shows {word}");
    }
}

#[test]
fn nothing_is_asked_before_a_yes_and_nothing_where_nobody_answers() {
    let mut kiosk = asked();
    assert_eq!(kiosk.touch(number()), [], "nobody agreed");
    assert_eq!(stage(&kiosk), Loyalty::Asking);
    kiosk.touch(Touch::Consented(false));
    assert_eq!(kiosk.page(), Page::Home);
    let mut kiosk = Kiosk::awake();
    assert!(!kiosk.state.screen.for_you.cards);
    kiosk.touch(Touch::ConsentOpened);
    kiosk.touch(Touch::Consented(true));
    assert_eq!(stage(&kiosk), Loyalty::Unavailable);
    assert_eq!(kiosk.touch(number()), []);
    assert_eq!(for_you(&mut kiosk).1, Vec::<String>::new());
}

#[test]
fn a_card_that_is_scanned_is_a_number_where_one_is_asked_for_only() {
    let mut kiosk = asked();
    let scan = || Touch::Scanned(NUMBER.into());
    assert!(matches!(&kiosk.touch(scan())[..], [Command::Browse(_, Browse::Scanned(_))]));
    kiosk.touch(Touch::Consented(true));
    look_up(&kiosk.touch(scan()));
    assert_eq!(kiosk.touch(scan()), [], "the card is still held there");
}

#[test]
fn who_is_not_known_or_not_reached_tries_again() {
    let (mut kiosk, visit, time) = checking();
    kiosk.event(Event::Recognised { visit, time, recognition: Recognition::Unknown });
    assert_eq!(stage(&kiosk), Loyalty::Unknown);
    kiosk.touch(Touch::Consented(true));
    let (visit, time) = look_up(&kiosk.touch(number()));
    kiosk.event(Event::Recognised { visit, time, recognition: Recognition::Unavailable });
    assert_eq!(stage(&kiosk), Loyalty::Unavailable);
    kiosk.touch(Touch::Consented(true));
    let (visit, time) = look_up(&kiosk.touch(number()));
    // Answers to what was asked before, and twice.
    for late in [time - 1, time - 2] {
        kiosk.event(Event::Recognised { visit, time: late, recognition: known() });
        assert_eq!(stage(&kiosk), Loyalty::Checking);
    }
    kiosk.event(Event::Recognised { visit, time, recognition: known() });
    kiosk.event(Event::Recognised { visit, time, recognition: Recognition::Unknown });
    assert_eq!(stage(&kiosk), Loyalty::Known);
}

#[test]
fn who_leaves_while_it_is_looked_up_is_not_known_afterwards() {
    for leaves in [Touch::Consented(false), Touch::Back, Touch::Home, Touch::ListOpened, Touch::Held] {
        let (mut kiosk, visit, time) = checking();
        let commands = kiosk.touch(leaves.clone());
        assert!(commands.contains(&Command::CallOff), "{leaves:?}: {commands:?}");
        assert_eq!(kiosk.event(Event::Recognised { visit, time, recognition: known() }), []);
        assert!(kiosk.state.screen.consent.name.is_empty() && stage(&kiosk) == Loyalty::Asking, "{leaves:?}");
        assert!(for_you(&mut kiosk).1.is_empty());
    }
}

#[test]
fn a_visit_that_ends_takes_the_customer_along() {
    // By "start over", and by nobody being there any more.
    for by_touch in [true, false] {
        let mut kiosk = recognised();
        let (ticket, _) = for_you(&mut kiosk);
        kiosk.answer(ticket, rows(Why::Again));
        if by_touch {
            kiosk.touch(Touch::Ended);
        } else {
            kiosk.until(100);
        }
        assert_eq!(kiosk.page(), Page::Attract);
        kiosk.touch(Touch::Woken(None));
        assert!(kiosk.state.screen.for_you.rows.is_empty() && kiosk.state.screen.consent.name.is_empty());
        let (ticket, again) = for_you(&mut kiosk);
        assert!(again.is_empty());
        kiosk.answer(ticket, rows(Why::Offers));
        kiosk.touch(Touch::ConsentOpened);
        assert_eq!(stage(&kiosk), Loyalty::Asking);
    }
    // The answer comes when the next shopper is there, who asked for something as well.
    let (mut kiosk, visit, time) = checking();
    assert!(kiosk.touch(Touch::Ended).contains(&Command::CallOff));
    kiosk.touch(Touch::Woken(None));
    kiosk.touch(Touch::ConsentOpened);
    kiosk.touch(Touch::Consented(true));
    let (next, later) = look_up(&kiosk.touch(number()));
    kiosk.event(Event::Recognised { visit, time, recognition: known() });
    kiosk.event(Event::Recognised { visit, time: later, recognition: known() });
    assert_eq!(stage(&kiosk), Loyalty::Checking);
    kiosk.event(Event::Recognised { visit: next, time: later, recognition: known() });
    assert_eq!(stage(&kiosk), Loyalty::Known);
}

#[test]
fn who_is_forgotten_goes_on_as_a_stranger() {
    let mut kiosk = recognised();
    let (ticket, _) = for_you(&mut kiosk);
    kiosk.answer(ticket, rows(Why::Again));
    // The same page is asked for once more, and they are forgotten before it is there.
    let (ticket, _) = for_you(&mut kiosk);
    kiosk.touch(Touch::ConsentOpened);
    kiosk.touch(Touch::Forgotten);
    kiosk.answer(ticket, rows(Why::Again));
    assert_eq!((kiosk.page(), stage(&kiosk)), (Page::Consent, Loyalty::Asking));
    let rows: Vec<Why> = kiosk.state.screen.for_you.rows.iter().map(|row| row.why).collect();
    assert_eq!(rows, [Why::Offers]);
    kiosk.touch(Touch::Back);
    assert!(for_you(&mut kiosk).1.is_empty() && kiosk.state.screen.consent.name.is_empty());
}
