//! Timelines of how a visit begins and ends: who comes, who leaves, and what is left then.

use super::command::{Answer, Command, Event};
use super::visit::State;
use super::visit_tests::{Kiosk, goods, sku, ticket, turned};
use crate::domain::turn::Intent;
use crate::view::chrome::Page;
use crate::view::feedback::{Reason, Thumb};
use crate::view::format::Language;
use crate::view::list;
use crate::view::touch::Touch;

#[test]
fn nothing_of_a_visit_outlasts_it() {
    let mut kiosk = Kiosk::awake();
    let before = {
        let mut fresh = Kiosk::awake();
        fresh.touch(Touch::Ended);
        fresh.state.screen
    };
    kiosk.touch(Touch::LargeToggled);
    kiosk.touch(Touch::ContrastToggled);
    kiosk.touch(Touch::LanguageChosen(Language::German));
    kiosk.touch(Touch::VolumeStepped(3));
    let added = kiosk.touch(Touch::Added(sku("a")));
    kiosk.answer(ticket(&added), turned(Intent::Add, false, &["a"], 3));
    let asked = kiosk.touch(Touch::Asked("something private".into()));
    let late = kiosk.touch(Touch::CategoryOpened("Dairy".into()));
    kiosk.answer(ticket(&asked), turned(Intent::Find, true, &["a"], 3));
    assert_eq!(kiosk.touch(Touch::Ended), [Command::Silence], "it is asked first: there is a list");
    let ended = kiosk.touch(Touch::Ended);
    assert!(ended.contains(&Command::Forget(State::session(1))), "{ended:?}");
    assert!(ended.contains(&Command::Silence));
    assert!(ended.contains(&Command::FillSearch(String::new())), "what was typed is gone");
    assert_eq!(kiosk.state.screen, before);
    kiosk.answer(ticket(&late), Answer::Goods(goods(&["a"])));
    kiosk.answer(ticket(&late), turned(Intent::Add, false, &["a"], 9));
    assert_eq!(kiosk.state.screen, before, "an answer to the one who left is seen by nobody");
    kiosk.touch(Touch::Woken(None));
    kiosk.touch(Touch::ListOpened);
    assert!(kiosk.state.screen.list.lines.is_empty());
    assert_eq!(kiosk.state.screen.chrome.pieces, 0);
}

#[test]
fn an_idle_visit_is_asked_for_and_then_erased() {
    let mut kiosk = Kiosk::awake();
    kiosk.until(59);
    assert_eq!(kiosk.state.screen.chrome.idle_seconds, None);
    kiosk.until(60);
    assert_eq!(kiosk.state.screen.chrome.idle_seconds, Some(20));
    kiosk.until(70);
    assert_eq!(kiosk.state.screen.chrome.idle_seconds, Some(10));
    kiosk.touch(Touch::Stayed);
    assert_eq!(kiosk.state.screen.chrome.idle_seconds, None);
    kiosk.until(149);
    assert_eq!(kiosk.page(), Page::Home);
    let commands = kiosk.until(150);
    assert_eq!(kiosk.page(), Page::Attract);
    assert!(commands.contains(&Command::Forget(State::session(1))));
    assert!(kiosk.until(400).is_empty(), "nobody is asked who is not there");
}

#[test]
fn a_list_is_not_lost_by_a_slip_of_the_finger() {
    let mut kiosk = Kiosk::awake();
    kiosk.until(100);
    kiosk.touch(Touch::Woken(None));
    let added = kiosk.touch(Touch::Added(sku("a")));
    kiosk.answer(ticket(&added), turned(Intent::Add, false, &["a"], 3));
    assert_eq!(kiosk.touch(Touch::Ended), [Command::Silence]);
    assert_eq!(kiosk.state.screen.chrome.idle_seconds, Some(20), "it is asked first");
    kiosk.touch(Touch::Stayed);
    assert_eq!((kiosk.page(), kiosk.state.screen.chrome.pieces), (Page::Home, 3));
    // As a finger does it: a press, then the touch.
    kiosk.touch(Touch::Presence);
    kiosk.touch(Touch::Ended);
    kiosk.touch(Touch::Presence);
    assert!(!kiosk.touch(Touch::Ended).is_empty());
    assert_eq!(kiosk.page(), Page::Attract);
}

#[test]
fn speaking_is_no_idling() {
    let mut kiosk = Kiosk::awake();
    kiosk.until(50);
    kiosk.event(Event::Spoke { visit: 1, caption: Some("A long answer".into()) });
    kiosk.event(Event::Spoke { visit: 0, caption: Some("For somebody else".into()) });
    kiosk.until(200);
    assert_eq!(kiosk.page(), Page::Home);
    assert_eq!(kiosk.state.screen.chrome.caption, "A long answer");
    kiosk.event(Event::Spoke { visit: 1, caption: None });
    kiosk.until(259);
    assert_eq!(kiosk.state.screen.chrome.idle_seconds, None, "counted from the end of it");
    kiosk.until(260);
    assert_eq!(kiosk.state.screen.chrome.idle_seconds, Some(20));
}

#[test]
fn somebody_who_comes_near_wakes_the_kiosk_and_keeps_it_no_longer() {
    let mut kiosk = Kiosk::awake();
    kiosk.until(81);
    assert_eq!(kiosk.page(), Page::Attract);
    kiosk.event(Event::Approached);
    assert_eq!(kiosk.page(), Page::Home);
    // Passers-by are no shoppers.
    for second in 82..=170 {
        kiosk.until(second);
        if kiosk.page() == Page::Attract {
            return;
        }
        kiosk.event(Event::Approached);
    }
    panic!("it is awake still");
}

#[test]
fn thanks_end_the_visit() {
    let mut kiosk = Kiosk::awake();
    kiosk.touch(Touch::Confirmed);
    assert_eq!(kiosk.page(), Page::Feedback);
    assert!(kiosk.touch(Touch::Thumbed(Thumb::Down)).is_empty(), "a reason is asked for first");
    let verdict = Command::Feedback { thumb: Thumb::Down, reason: Reason::TooSlow };
    assert_eq!(kiosk.touch(Touch::Reasoned(Reason::TooSlow)), [verdict]);
    kiosk.until(8);
    assert_eq!(kiosk.page(), Page::Attract);
}

#[test]
fn who_goes_on_after_thanks_is_not_sent_away() {
    let mut kiosk = Kiosk::awake();
    kiosk.touch(Touch::Confirmed);
    kiosk.touch(Touch::Thumbed(Thumb::Up));
    kiosk.touch(Touch::ListOpened);
    kiosk.until(30);
    assert_eq!(kiosk.page(), Page::List);
}

#[test]
fn the_help_key_of_a_keypad_wakes_the_kiosk_and_has_it_read() {
    let mut kiosk = Kiosk::awake();
    kiosk.until(81);
    assert_eq!(kiosk.page(), Page::Attract);
    let read = kiosk.touch(Touch::ReadAloud);
    assert!(matches!(read[..], [Command::Speak(3, _)]), "{read:?}");
    assert_eq!(kiosk.page(), Page::Home);
}

#[test]
fn what_came_of_printing_is_told_to_whoever_printed() {
    let mut kiosk = Kiosk::awake();
    let added = kiosk.touch(Touch::Added(sku("a")));
    kiosk.answer(ticket(&added), turned(Intent::Add, false, &["a"], 1));
    let printed = kiosk.touch(Touch::Printed);
    let [Command::Print(visit)] = printed[..] else { panic!("{printed:?}") };
    kiosk.event(Event::Printed { visit: visit + 1, done: false });
    assert_eq!(kiosk.state.screen.list.printed, Some(list::Printed::Printing));
    kiosk.event(Event::Printed { visit, done: true });
    assert_eq!(kiosk.state.screen.list.printed, Some(list::Printed::Done));
}
