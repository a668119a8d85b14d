//! Visits by voice: recorded people speak into a virtual microphone, the kiosk's window is
//! there, real engines hear and understand, and what the loudspeaker says is recorded and
//! heard by Whisper in turn.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "common/display.rs"]
mod display;
#[path = "common/sound.rs"]
mod sound;

use common::{Kiosk, repository};
use display::{Display, Screen};
use sound::{SoundCard, heard, likeness};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// Places on the portrait screen.
const DOCK_SPEAK: (u32, u32) = (100, 1855);
const DOCK_LIST: (u32, u32) = (958, 1855);
const STOP_LISTENING: (u32, u32) = (860, 1695);

/// "Can I get a light roast iced mocha with some sugar?"
const MOCHA: &str = "tests/recordings/order-1.flac";
/// "Can I have a single shot coffee with a bit of sugar and milk?"
const COFFEE: &str = "tests/recordings/order-4.flac";

/// What the kiosk says to them.
const MOCHA_SAID: &str = "Light roast iced mocha with some sugar, five nineteen. Anything else?";
const COFFEE_SAID: &str = "Single shot coffee with milk and a bit of sugar, two ninety-nine. Anything else?";

/// How long anything here may take.
const SOON: Duration = Duration::from_secs(30);
/// What the log says of a turn that was spoken and is answered aloud.
const TURN: &str = "a spoken turn";

fn started(card: &SoundCard, settings: &str) -> Screen {
    let kiosk = Kiosk::with_demo_store();
    let screen = Screen::start(kiosk, Display::new(1080, 1920), settings, &card.variables());
    for ready in ["the loudspeaker is open", "the microphone is open", "engines are warm"] {
        screen.wait_for_log(ready);
    }
    screen.display.tap(540, 1200);
    let (x, y) = DOCK_SPEAK;
    let is_brand = |pixel: &image::Rgb<u8>| pixel.0 == [0x0f, 0x5c, 0x4a];
    screen.wait_for(|picture| is_brand(picture.get_pixel(x - 35, y)), "the button to speak");
    screen.display.settled();
    screen
}

impl Screen {
    fn touch(&self, (x, y): (u32, u32)) {
        self.display.tap(x, y);
    }

    fn turns(&self) -> usize {
        self.log().matches(TURN).count()
    }

    /// Waits until so many turns were spoken and answered aloud.
    fn wait_for_turns(&self, count: usize) {
        self.wait_for_logs(TURN, count, SOON);
    }
}

/// All files below `folder`.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path);
        }
    }
    found
}

fn holds(bytes: &[u8], words: &str) -> bool {
    bytes.windows(words.len()).any(|window| window.eq_ignore_ascii_case(words.as_bytes()))
}

#[test]
fn a_shopper_who_speaks_is_answered_aloud_and_leaves_nothing_behind() {
    let card = SoundCard::new();
    let screen = started(&card, "");
    let before = files(screen.kiosk.data.path());
    let recording = card.record();
    screen.touch(DOCK_SPEAK);
    card.say(&repository(MOCHA));
    screen.wait_for_turns(1);
    let first = recording.until_silence(Duration::from_secs(2));
    drop(recording);
    screen.display.looks_like("list-spoken", 0.0, 0.6);
    // It listens on: what follows needs no touch.
    let recording = card.record();
    card.say(&repository(COFFEE));
    screen.wait_for_turns(2);
    let second = recording.until_silence(Duration::from_secs(2));
    drop(recording);
    for (samples, own, other) in [(&first, MOCHA_SAID, COFFEE_SAID), (&second, COFFEE_SAID, MOCHA_SAID)] {
        let words = heard(&screen.kiosk, samples);
        let (to_own, to_other) = (likeness(&words, own), likeness(&words, other));
        assert!(to_own > 0.45 && to_own > to_other + 0.1, "{words}: {to_own} {to_other}");
    }
    screen.display.looks_like("list-spoken-twice", 0.0, 0.6);
    // Touch goes on where the voice was.
    screen.touch(STOP_LISTENING);
    screen.touch(DOCK_LIST);
    screen.display.looks_like("list-spoken-twice", 0.0, 0.6);
    // Of what was said nothing is on the disk: no file came, and none holds the words.
    let _ = std::fs::remove_file(screen.kiosk.data.path().join("heard.wav"));
    assert_eq!(files(screen.kiosk.data.path()), before);
    for file in &before {
        let bytes = std::fs::read(file).unwrap();
        for words in ["can i get a", "can i have a", "light roast ice", "bit of sugar and milk"] {
            assert!(!holds(&bytes, words), "{} holds {words:?}", file.display());
        }
    }
}

#[test]
fn who_interrupts_is_heard_and_the_kiosk_does_not_hear_itself() {
    let card = SoundCard::new();
    card.echo(60);
    let screen = started(&card, "");
    screen.touch(DOCK_SPEAK);
    card.say(&repository(MOCHA));
    // The answer's own sound comes back to the microphone, and makes no turn.
    screen.wait_for_turns(1);
    let recording = card.record();
    recording.until_silence(Duration::from_secs(2));
    assert_eq!(screen.turns(), 1, "it heard itself: {}", screen.log());
    // Into the next answer somebody speaks.
    card.say(&repository(COFFEE));
    screen.wait_for_turns(2);
    card.say(&repository(MOCHA));
    screen.wait_for_turns(3);
    recording.until_silence(Duration::from_secs(3));
    assert_eq!(screen.turns(), 3, "{}", screen.log());
}

#[test]
fn a_button_that_is_kept_pressed_hears_until_it_is_let_go() {
    let card = SoundCard::new();
    let screen = started(&card, "");
    let mut shopper = None;
    std::thread::scope(|scope| {
        scope.spawn(|| screen.display.press(DOCK_SPEAK.0, DOCK_SPEAK.1, 6.0));
        sleep(Duration::from_millis(700));
        shopper = Some(card.saying(&repository(MOCHA)));
    });
    shopper.unwrap().wait().unwrap();
    screen.wait_for_turns(1);
    screen.display.looks_like("list-spoken", 0.0, 0.6);
}

#[test]
fn a_microphone_that_is_pulled_out_is_missed_and_comes_back() {
    let mut card = SoundCard::new();
    let screen = started(&card, "");
    screen.touch(DOCK_SPEAK);
    card.unplug();
    screen.wait_for_log("the microphone is gone");
    screen.display.looks_like("home-deaf", 0.0, 1.0);
    card.plug_in();
    screen.wait_for_logs("the microphone is open", 2, SOON);
    screen.display.settled();
    screen.touch(DOCK_SPEAK);
    card.say(&repository(MOCHA));
    screen.wait_for_turns(1);
}

#[test]
fn a_speech_engine_that_dies_in_mid_sentence_costs_that_sentence_only() {
    let card = SoundCard::new();
    let screen = started(&card, "");
    screen.touch(DOCK_SPEAK);
    let mut shopper = card.saying(&repository(MOCHA));
    sleep(Duration::from_millis(2500));
    let log = screen.log();
    let pid = log.split("engine=aisle-stt pid=").nth(1).and_then(|rest| rest.split_whitespace().next());
    let killed = std::process::Command::new("kill").args(["-9", pid.unwrap()]).status().unwrap();
    assert!(killed.success());
    shopper.wait().unwrap();
    screen.wait_for_logs("engine ready engine=aisle-stt", 2, SOON);
    // It goes on listening, so that it can be said again at once.
    if screen.turns() == 0 {
        card.say(&repository(MOCHA));
    }
    screen.wait_for_turns(1);
}
