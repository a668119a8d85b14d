//! Whatever happens in whatever order, a conversation neither hangs nor listens unasked.

use super::taking_tests::{BESIDE, BROKEN, GOES_ON, Script, WHOLE, ended};
use super::terms::{Call, Command, Ear, Event, Reading};
use proptest::prelude::*;
use std::time::Duration;

fn any_event() -> impl Strategy<Value = Event> {
    let clip = 0_u64..6;
    let words = prop_oneof![Just(None), Just(Some(String::new())), Just(Some("milk".to_owned()))];
    let reading =
        prop_oneof![Just(WHOLE), Just(BROKEN), Just(BESIDE), Just(GOES_ON), Just(Reading::default())];
    prop_oneof![
        Just(Event::Called(Call::Tapped)),
        Just(Event::Called(Call::Held)),
        Just(Event::LetGo),
        Just(Event::Left),
        Just(Event::Began),
        clip.clone().prop_map(Event::Growing),
        clip.clone().prop_map(Event::Paused),
        Just(Event::Resumed),
        prop::option::of(clip.clone()).prop_map(ended),
        Just(Event::Dropped),
        (clip.clone(), words.clone()).prop_map(|(clip, words)| Event::Heard(clip, words)),
        (clip.clone(), words).prop_map(|(clip, words)| Event::HeardWhole(clip, words)),
        (clip, reading).prop_map(|(clip, reading)| Event::Read(clip, reading)),
        any::<bool>().prop_map(|speaks| Event::Answered { speaks }),
        any::<bool>().prop_map(Event::Speaks),
        any::<bool>().prop_map(Event::Deaf),
        Just(Event::Tick),
    ]
}

proptest! {
    /// Whatever comes in whatever order: nobody is heard who did not call, the voice is never
    /// held for good, and time alone ends the listening.
    #[test]
    fn it_never_hangs(events in prop::collection::vec(any_event(), 0..60)) {
        let mut script = Script::new();
        let (mut listens, mut held) = (false, false);
        for event in events {
            let asks_for_it = matches!(event, Event::Called(_));
            for command in script.after(Duration::from_millis(100), event) {
                match command {
                    Command::Listen(on) => {
                        prop_assert!(!on || asks_for_it);
                        listens = on;
                    }
                    Command::Hold => held = true,
                    Command::GoOn | Command::Hush => held = false,
                    Command::Ask(words) | Command::AskAgain(words) => {
                        prop_assert!(listens && !words.is_empty());
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(listens, script.view.ear != Ear::Off);
        }
        // Then the shopper falls silent, the engines answer, the voice ends.
        for event in [Event::Deaf(false), Event::Tick, Event::Dropped, Event::Answered { speaks: false }, Event::Speaks(false), Event::LetGo] {
            for command in script.after(Duration::from_millis(100), event) {
                match command {
                    Command::GoOn | Command::Hush => held = false,
                    Command::Listen(on) => listens = on,
                    _ => {}
                }
            }
        }
        // An engine that never answers is given up first.
        for seconds in [61, 61, 20] {
            for command in script.after(Duration::from_secs(seconds), Event::Tick) {
                match command {
                    Command::Listen(on) => listens = on,
                    Command::GoOn | Command::Hush => held = false,
                    _ => {}
                }
            }
        }
        prop_assert!(!held, "the voice waits for nobody");
        prop_assert!(!listens);
    }
}
