//! Timelines of a visit in which the shopper speaks, and touches as well.

use super::command::{Command, Event, Spoken};
use super::visit_tests::{Kiosk, good, ticket, turned};
use super::welcome::Welcome;
use crate::app::talk::driver::Moments;
use crate::app::talk::{self, Call, View};
use crate::domain::turn::Intent;
use crate::view::chrome::{Ear, Page};
use crate::view::listening::Voice;
use crate::view::outage::Outage;
use crate::view::touch::Touch;
use std::time::{Duration, Instant};

impl Kiosk {
    /// Somebody woke one that hears.
    fn hearing() -> Self {
        let mut kiosk = Self::bare();
        let welcome = Welcome { store: "Shop".into(), voice: true, sound: true, ..Welcome::default() };
        kiosk.event(Event::Welcomed(Box::new(welcome)));
        kiosk.touch(Touch::Woken(None));
        kiosk
    }

    fn spoken(&mut self, spoken: Spoken) -> Vec<Command> {
        let visit = self.state.number();
        self.event(Event::Spoken { visit, spoken })
    }

    fn shows(&mut self, ear: talk::Ear, words: &str) -> Vec<Command> {
        let is_final = ear == talk::Ear::Thinking;
        self.spoken(Spoken::View(View {
            ear,
            words: words.into(),
            is_final,
            is_meant: true,
            ..View::default()
        }))
    }

    fn asks(&mut self, words: &str) -> Vec<Command> {
        self.says(words, false)
    }

    fn says(&mut self, words: &str, again: bool) -> Vec<Command> {
        self.shows(talk::Ear::Thinking, words);
        let now = Instant::now();
        let moments = Moments { spoken: now, heard: now, asked: now };
        self.spoken(Spoken::Asked { words: words.into(), again, moments })
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
    }
}

#[test]
fn a_spoken_turn_is_shown_as_it_is_heard_and_answered_aloud() {
    let mut kiosk = Kiosk::hearing();
    assert_eq!(kiosk.touch(Touch::Spoke), [Command::Listen(Call::Tapped)]);
    assert_eq!(kiosk.page(), Page::Listening);
    kiosk.shows(talk::Ear::Hearing, "oat");
    kiosk.spoken(Spoken::Found(vec![good("a").card]));
    let listening = &kiosk.state.screen.listening;
    assert_eq!((listening.caption.as_str(), listening.found.len()), ("oat", 1));
    assert_eq!(listening.state, Voice::Listening);
    let commands = kiosk.asks("oat milk");
    assert_eq!(commands, [Command::Ask(ticket(&commands), "oat milk".into())]);
    assert_eq!((kiosk.page(), kiosk.state.screen.listening.state), (Page::Listening, Voice::Thinking));
    let answered = Event::Answered(ticket(&commands), Box::new(turned(Intent::Find, true, &["a", "b"], 0)));
    let said = Command::Speak(1, "Here you are.".into());
    assert_eq!(kiosk.event(answered), [said, Command::Answered(true)]);
    assert_eq!(kiosk.page(), Page::Results);
    kiosk.touch(Touch::Back);
    assert_eq!(kiosk.page(), Page::Home, "listening is not gone back to");
}

#[test]
fn an_answer_that_turns_no_page_leaves_the_listening_page_too() {
    let mut kiosk = Kiosk::hearing();
    kiosk.touch(Touch::Spoke);
    let asked = ticket(&kiosk.asks("hello"));
    kiosk.answer(asked, turned(Intent::Greeting, true, &[], 0));
    assert_eq!(kiosk.page(), Page::Home);
    assert!(kiosk.state.screen.chrome.notice.is_some());
}

#[test]
fn a_typed_turn_is_not_answered_aloud() {
    let mut kiosk = Kiosk::hearing();
    kiosk.touch(Touch::Typed);
    let asked = ticket(&kiosk.touch(Touch::Submitted("oat milk".into())));
    let answered = Event::Answered(asked, Box::new(turned(Intent::Find, true, &["a"], 0)));
    assert_eq!(kiosk.event(answered), []);
}

#[test]
fn who_touches_before_the_answer_is_not_talked_to() {
    let mut kiosk = Kiosk::hearing();
    kiosk.touch(Touch::Spoke);
    let asked = ticket(&kiosk.asks("oat milk"));
    kiosk.touch(Touch::ListOpened);
    let answered = Event::Answered(asked, Box::new(turned(Intent::Find, true, &["a"], 0)));
    assert_eq!(kiosk.event(answered), [Command::Answered(false)]);
    assert_eq!(kiosk.page(), Page::List);
}

#[test]
fn without_a_loudspeaker_it_listens_on_all_the_same() {
    let mut kiosk = Kiosk::hearing();
    kiosk.state.screen.chrome.sound = false;
    kiosk.touch(Touch::Spoke);
    let asked = ticket(&kiosk.asks("oat milk"));
    let answered = Event::Answered(asked, Box::new(turned(Intent::Find, true, &["a"], 0)));
    assert_eq!(kiosk.event(answered), [Command::Answered(false)]);
}

#[test]
fn a_kiosk_that_does_not_hear_says_so() {
    let mut kiosk = Kiosk::awake();
    assert_eq!(kiosk.touch(Touch::TalkPressed), []);
    assert_eq!(kiosk.touch(Touch::TalkReleased), []);
    assert_eq!(kiosk.touch(Touch::Spoke), []);
    assert_eq!((kiosk.page(), kiosk.state.screen.outage.outage), (Page::Outage, Outage::Voice));
}

#[test]
fn silence_after_the_call_leads_back() {
    let mut kiosk = Kiosk::hearing();
    kiosk.touch(Touch::HelpOpened);
    kiosk.touch(Touch::Spoke);
    kiosk.shows(talk::Ear::Hearing, "");
    kiosk.shows(talk::Ear::Off, "");
    assert_eq!((kiosk.page(), kiosk.state.screen.chrome.ear), (Page::Help, Ear::Off));
}

#[test]
fn what_was_gone_on_with_is_asked_in_the_place_of_its_first_half() {
    let mut kiosk = Kiosk::hearing();
    kiosk.touch(Touch::Spoke);
    let first = kiosk.asks("a latte");
    let second = kiosk.says("a latte with soy milk", true);
    assert_eq!(second, [Command::AskAgain(ticket(&second), "a latte with soy milk".into())]);
    // The answer to half a sentence is not said.
    let half = Event::Answered(ticket(&first), Box::new(turned(Intent::Order, true, &["a"], 1)));
    assert_eq!(kiosk.event(half), []);
    let whole = Event::Answered(ticket(&second), Box::new(turned(Intent::Order, true, &["a"], 1)));
    let commands = kiosk.event(whole);
    assert!(commands.contains(&Command::Answered(true)), "{commands:?}");
}

#[test]
fn every_way_off_the_listening_page_stops_the_listening() {
    for touch in [
        Touch::Cancelled,
        Touch::Back,
        Touch::Typed,
        Touch::Opened(good("a").card.sku),
        Touch::Scanned("4006381333931".into()),
        Touch::Ended,
    ] {
        let mut kiosk = Kiosk::hearing();
        kiosk.touch(Touch::Spoke);
        assert!(kiosk.touch(touch.clone()).contains(&Command::Leave), "{touch:?}");
    }
    let mut kiosk = Kiosk::hearing();
    kiosk.touch(Touch::Spoke);
    assert_eq!(kiosk.touch(Touch::Finished), [Command::LetGo], "who is done is answered");
    assert_eq!(kiosk.page(), Page::Listening);
}

#[test]
fn a_button_that_is_kept_pressed_hears_until_it_is_let_go() {
    let mut kiosk = Kiosk::hearing();
    assert_eq!(kiosk.touch(Touch::TalkPressed), [Command::Listen(Call::Held)]);
    assert_eq!(kiosk.page(), Page::Home, "the button stays under the finger");
    kiosk.wait(Duration::from_millis(1500));
    assert_eq!(kiosk.touch(Touch::TalkReleased), [Command::LetGo]);
    assert_eq!(kiosk.touch(Touch::Spoke), [], "the click belongs to it");
    kiosk.wait(Duration::from_secs(1));
    assert_eq!(kiosk.touch(Touch::Spoke), [Command::Listen(Call::Tapped)], "the next one does not");
}

#[test]
fn a_tap_is_no_press_and_a_finger_that_slides_off_is_nothing() {
    let mut kiosk = Kiosk::hearing();
    kiosk.touch(Touch::TalkPressed);
    kiosk.wait(Duration::from_millis(80));
    assert_eq!(kiosk.touch(Touch::TalkReleased), []);
    assert_eq!(kiosk.touch(Touch::Spoke), [Command::Listen(Call::Tapped)]);
    assert_eq!(kiosk.until(3), [], "it listens on");

    let mut kiosk = Kiosk::hearing();
    kiosk.touch(Touch::TalkPressed);
    kiosk.touch(Touch::TalkReleased);
    assert_eq!(kiosk.until(1), [Command::Leave]);
}

#[test]
fn who_speaks_is_there() {
    let mut kiosk = Kiosk::hearing();
    kiosk.until(59);
    kiosk.shows(talk::Ear::Hearing, "I am looking for");
    kiosk.until(61);
    assert_eq!(kiosk.state.screen.chrome.idle_seconds, None, "not asked in mid-speech");
    kiosk.until(121);
    assert!(kiosk.state.screen.chrome.idle_seconds.is_some());
    kiosk.shows(talk::Ear::Hearing, "something nice");
    assert_eq!(kiosk.state.screen.chrome.idle_seconds, None, "a voice answers the question");
    // Noise that makes no words does not keep a visit alive.
    kiosk.shows(talk::Ear::Hearing, "");
    let commands = kiosk.until(210);
    assert!(commands.contains(&Command::Leave));
    assert_eq!(kiosk.page(), Page::Attract);
}

#[test]
fn nothing_that_is_said_outlasts_the_visit() {
    let mut kiosk = Kiosk::hearing();
    kiosk.touch(Touch::Spoke);
    kiosk.shows(talk::Ear::Hearing, "something private");
    kiosk.spoken(Spoken::Found(vec![good("a").card]));
    let asked = ticket(&kiosk.asks("something private"));
    let commands = kiosk.touch(Touch::Ended);
    assert!(commands.contains(&Command::Leave) && commands.contains(&Command::Silence));
    let late = View { words: "something private".into(), ear: talk::Ear::Hearing, ..View::default() };
    kiosk.event(Event::Spoken { visit: 1, spoken: Spoken::View(late.clone()) });
    kiosk.spoken(Spoken::View(late));
    let answered = Event::Answered(asked, Box::new(turned(Intent::Find, true, &["a"], 0)));
    assert_eq!(kiosk.event(answered), []);
    let screen = format!("{:?}", kiosk.state.screen);
    assert!(!screen.contains("private"), "{screen}");
    assert!(kiosk.state.screen.listening.found.is_empty());
}
