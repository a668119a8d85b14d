//! Scripted timelines of a conversation: every order in which shopper, engines and
//! loudspeaker can meet.

use super::taking::Talk;
use super::terms::{Call, Clip, Command, Ear, Event, Manner, Reading, Said, View, Wholeness};
use std::time::Duration;

const BRIEF: Duration = Duration::from_millis(350);
const USUAL: Duration = Duration::from_millis(900);
const PATIENT: Duration = Duration::from_millis(1600);

fn manner() -> Manner {
    Manner {
        brief: BRIEF,
        usual: USUAL,
        patient: PATIENT,
        follow_up: Duration::from_secs(8),
        first_word: Duration::from_secs(8),
    }
}

pub(super) const WHOLE: Reading = Reading { wholeness: Wholeness::Whole, is_addressed: true, goes_on: false };
pub(super) const BROKEN: Reading = Reading { wholeness: Wholeness::Broken, ..WHOLE };
pub(super) const BESIDE: Reading = Reading { is_addressed: false, ..WHOLE };
pub(super) const GOES_ON: Reading = Reading { goes_on: true, ..BESIDE };

/// As loud as the shopper's voice always is.
pub(super) fn ended(clip: Option<Clip>) -> Event {
    Event::Ended { clip, loudness: -30.0 }
}

/// A conversation, with the time that its script has reached.
pub(super) struct Script {
    talk: Talk,
    pub(super) now: Duration,
    pub(super) view: View,
}

impl Script {
    pub(super) fn new() -> Self {
        Self { talk: Talk::new(manner()), now: Duration::ZERO, view: View::default() }
    }

    fn called() -> Self {
        let mut script = Self::new();
        let commands = script.on(Event::Called(Call::Tapped));
        assert!(commands.contains(&Command::Listen(true)));
        script
    }

    /// What follows, but for what is shown, which is kept.
    pub(super) fn on(&mut self, event: Event) -> Vec<Command> {
        let mut commands = self.talk.update(event, self.now);
        commands.retain(|command| match command {
            Command::Show(view) => {
                self.view = view.clone();
                false
            }
            _ => true,
        });
        commands
    }

    pub(super) fn after(&mut self, time: Duration, event: Event) -> Vec<Command> {
        self.now += time;
        self.on(event)
    }

    fn heard(&mut self, clip: Clip, words: &str) -> Vec<Command> {
        self.on(Event::Heard(clip, Some(words.into())))
    }

    /// Says something that is heard and read by the time of the pause.
    fn says(&mut self, clip: Clip, words: &str, reading: Reading) -> Vec<Command> {
        self.on(Event::Began);
        assert!(self.on(Event::Paused(clip)).contains(&Command::Hear(clip)));
        let read = self.heard(clip, words);
        let reads = |own: &Command| match own {
            Command::Read(own, _) => *own == clip,
            _ => false,
        };
        assert!(read.len() == 1 && reads(&read[0]), "{read:?}");
        self.on(Event::Read(clip, reading));
        self.on(ended(None))
    }

    /// Up to an answer that is being said.
    fn answering() -> Self {
        let mut script = Self::called();
        assert_eq!(script.says(1, "oat milk", WHOLE), [Command::Ask("oat milk".into())]);
        assert_eq!(script.view.ear, Ear::Thinking);
        script.on(Event::Answered { speaks: true });
        script.on(Event::Speaks(true));
        assert_eq!(script.view.ear, Ear::Open);
        script
    }
}

#[test]
fn who_goes_on_before_the_answer_is_heard_has_said_one_sentence() {
    let mut script = Script::called();
    assert_eq!(script.says(1, "Can I get a latte?", WHOLE), [Command::Ask("Can I get a latte?".into())]);
    script.on(Event::Answered { speaks: true });
    script.after(Duration::from_millis(400), Event::Began);
    assert_eq!(script.on(Event::Paused(2)), [Command::Hear(2)]);
    let said = Said::after("Can I get a latte?", "with soy milk");
    assert_eq!(script.heard(2, "with soy milk"), [Command::Read(2, said.clone())]);
    // A pause cuts words as well as sentences: the sound of both is heard as one.
    let whole = Command::HearWhole(2);
    assert_eq!(script.on(Event::Read(2, GOES_ON)), [Command::ShowFound(2), whole, Command::Patience(BRIEF)]);
    assert_eq!(script.on(ended(None)), [], "it is waited for");
    let words = "Can I get a latte with soya milk?";
    let said = Said { whole: Some(words.into()), ..said };
    assert_eq!(script.on(Event::HeardWhole(2, Some(words.into()))), [Command::Read(2, said)]);
    let asked = [Command::ShowFound(2), Command::Hush, Command::AskAgain(words.into())];
    assert_eq!(script.on(Event::Read(2, GOES_ON)), asked);
    assert_eq!((script.view.words.as_str(), script.view.ear), (words, Ear::Thinking));
    // And again, where the whole cannot be heard.
    script.after(Duration::from_millis(400), Event::Began);
    script.on(Event::Paused(3));
    assert_eq!(script.heard(3, "and sugar"), [Command::Read(3, Said::after(words, "and sugar"))]);
    script.on(Event::Read(3, GOES_ON));
    assert_eq!(script.on(Event::HeardWhole(3, None)), []);
    let whole = "Can I get a latte with soya milk and sugar".to_owned();
    assert_eq!(script.on(ended(None)), [Command::Hush, Command::AskAgain(whole)]);
}

#[test]
fn what_is_nobodys_by_itself_may_be_the_rest_of_a_word() {
    let mut script = Script::answering();
    script.after(Duration::from_millis(400), Event::Began);
    script.on(Event::Paused(2));
    script.heard(2, "Car, please.");
    assert!(script.on(Event::Read(2, BESIDE)).contains(&Command::HearWhole(2)));
    // They go on once more: the end of it counts.
    assert_eq!(script.on(Event::Resumed), [Command::Patience(USUAL)]);
    assert_eq!(script.on(Event::HeardWhole(2, Some("oat milk".into()))), []);
    assert_eq!(script.on(Event::Growing(3)), [Command::Draft(3)], "drafts go on");
    script.on(Event::Paused(4));
    script.heard(4, "Car, please, with sugar.");
    assert!(script.on(Event::Read(4, BESIDE)).contains(&Command::HearWhole(4)));
    script.on(Event::HeardWhole(4, Some("a mocha with sugar".into())));
    script.on(Event::Read(4, GOES_ON));
    assert_eq!(script.on(ended(None)), [Command::Hush, Command::AskAgain("a mocha with sugar".into())]);
}

#[test]
fn an_end_before_the_whole_is_read_waits_for_it() {
    let mut script = Script::answering();
    script.after(Duration::from_millis(400), Event::Began);
    script.on(Event::Paused(2));
    script.heard(2, "Car, please.");
    script.on(Event::Read(2, BESIDE));
    script.on(Event::HeardWhole(2, Some("a mocha please".into())));
    assert_eq!(script.on(ended(None)), []);
    let asked = [Command::ShowFound(2), Command::Hush, Command::AskAgain("a mocha please".into())];
    assert_eq!(script.on(Event::Read(2, GOES_ON)), asked);
}

#[test]
fn words_of_their_own_are_a_turn_of_their_own_however_soon() {
    let mut script = Script::answering();
    script.after(Duration::from_millis(400), Event::Began);
    script.on(Event::Paused(2));
    script.heard(2, "two bananas");
    script.on(Event::Read(2, WHOLE));
    assert_eq!(script.on(ended(None)), [Command::Hush, Command::Ask("two bananas".into())]);
    // What is neither is nobody's.
    script.after(Duration::from_millis(400), Event::Began);
    script.on(Event::Paused(3));
    script.heard(3, "did you lock the car");
    script.on(Event::Read(3, BESIDE));
    assert_eq!(script.on(ended(None)), []);
    let words = "two bananas did you lock the car".to_owned();
    script.on(Event::HeardWhole(3, Some(words)));
    assert_eq!(script.on(Event::Read(3, BESIDE)), [Command::ShowFound(3)]);
    assert!(!script.talk.is_engaged());
}

#[test]
fn the_late_end_of_what_was_hushed_does_not_end_the_next_answer() {
    let mut script = Script::answering();
    script.says(2, "two bananas", WHOLE);
    script.on(Event::Speaks(true));
    script.on(Event::Speaks(false));
    script.on(Event::Answered { speaks: true });
    script.on(Event::Speaks(true));
    script.now += Duration::from_secs(30);
    assert_eq!(script.on(Event::Tick), [], "it is heard for as long as it speaks");
    assert_eq!(script.on(Event::Began)[0], Command::Hold);
}

#[test]
fn what_is_said_later_or_after_a_tap_goes_on_with_nothing() {
    let mut script = Script::answering();
    script.after(Duration::from_millis(1600), Event::Began);
    script.on(Event::Paused(2));
    assert_eq!(script.heard(2, "with sugar"), [Command::Read(2, Said::alone("with sugar"))]);
    let mut script = Script::answering();
    script.on(Event::Called(Call::Tapped));
    script.after(Duration::from_millis(200), Event::Began);
    script.on(Event::Paused(2));
    assert_eq!(script.heard(2, "with sugar"), [Command::Read(2, Said::alone("with sugar"))]);
    // Nor with what was said before the shopper turned away.
    let mut script = Script::answering();
    script.on(Event::Left);
    script.on(Event::Called(Call::Tapped));
    script.on(ended(None));
    script.on(Event::Began);
    script.on(Event::Paused(2));
    assert_eq!(script.heard(2, "with sugar"), [Command::Read(2, Said::alone("with sugar"))]);
}

#[test]
fn a_turn_is_taken_as_soon_as_whole_words_are_followed_by_a_brief_silence() {
    let mut script = Script::called();
    assert_eq!(script.view.ear, Ear::Hearing);
    assert_eq!(script.on(Event::Began), [Command::Patience(USUAL)]);
    assert_eq!(script.on(Event::Growing(1)), [Command::Draft(1)]);
    assert_eq!(script.on(Event::Growing(2)), [], "one thing is heard at a time");
    assert_eq!(script.heard(1, "do you"), [Command::Read(1, Said::alone("do you"))]);
    assert_eq!(script.view.words, "do you");
    assert!(!script.view.is_final);
    assert_eq!(script.on(Event::Read(1, BROKEN)), [Command::ShowFound(1)], "a draft ends nothing");
    assert_eq!(script.on(Event::Paused(3)), [Command::Hear(3)]);
    assert_eq!(
        script.heard(3, "do you have oat milk"),
        [Command::Read(3, Said::alone("do you have oat milk"))]
    );
    assert_eq!(script.on(Event::Read(3, WHOLE)), [Command::ShowFound(3), Command::Patience(BRIEF)]);
    assert_eq!(script.on(ended(None)), [Command::Ask("do you have oat milk".into())]);
    assert_eq!((script.view.ear, script.view.is_final), (Ear::Thinking, true));
}

#[test]
fn who_breaks_off_is_waited_for_and_the_rest_belongs_to_it() {
    let mut script = Script::called();
    script.on(Event::Began);
    script.on(Event::Paused(1));
    script.heard(1, "a latte with");
    assert!(script.on(Event::Read(1, BROKEN)).contains(&Command::Patience(PATIENT)));
    assert_eq!(script.on(Event::Resumed), [Command::Patience(USUAL)]);
    script.on(Event::Paused(2));
    script.heard(2, "a latte with soy milk");
    script.on(Event::Read(2, WHOLE));
    assert_eq!(script.on(ended(None)), [Command::Ask("a latte with soy milk".into())]);
}

#[test]
fn words_that_come_after_the_end_are_still_the_turn() {
    let mut script = Script::called();
    script.on(Event::Began);
    script.on(Event::Paused(1));
    assert_eq!(script.on(ended(None)), [], "the engine is slower than the silence");
    assert_eq!(script.view.ear, Ear::Thinking);
    assert_eq!(script.heard(1, "oat milk"), [Command::Read(1, Said::alone("oat milk"))]);
    let commands = script.on(Event::Read(1, WHOLE));
    assert_eq!(commands, [Command::ShowFound(1), Command::Ask("oat milk".into())]);
}

#[test]
fn what_was_heard_before_they_went_on_is_not_the_turn() {
    let mut script = Script::called();
    script.on(Event::Began);
    script.on(Event::Paused(1));
    script.on(Event::Resumed);
    // Too late: it is a draft now.
    assert_eq!(script.heard(1, "a latte"), [Command::Read(1, Said::alone("a latte"))]);
    assert_eq!(script.on(Event::Read(1, WHOLE)), [Command::ShowFound(1)]);
    assert_eq!(script.on(Event::Paused(2)), [Command::Hear(2)]);
    assert_eq!(script.on(ended(None)), []);
    script.heard(2, "a latte and a mocha");
    let commands = script.on(Event::Read(2, WHOLE));
    assert!(commands.contains(&Command::Ask("a latte and a mocha".into())));
}

#[test]
fn the_hand_ends_a_turn_that_the_hand_began() {
    let mut script = Script::new();
    let commands = script.on(Event::Called(Call::Held));
    assert_eq!(commands, [Command::Listen(true), Command::Patience(Duration::MAX)]);
    assert!(script.view.holding);
    assert_eq!(script.on(Event::Began), [Command::Patience(Duration::MAX)]);
    script.on(Event::Paused(1));
    script.heard(1, "a latte");
    assert_eq!(script.on(Event::Read(1, WHOLE)), [Command::ShowFound(1)], "no silence ends it");
    assert_eq!(script.on(Event::Resumed), [Command::Patience(Duration::MAX)], "nor does a breath");
    assert_eq!(script.on(Event::LetGo), [Command::Finish]);
    assert_eq!(script.on(ended(Some(2))), [Command::Hear(2)]);
    script.heard(2, "a latte and a scone");
    assert!(script.on(Event::Read(2, WHOLE)).contains(&Command::Ask("a latte and a scone".into())));
}

#[test]
fn a_button_let_go_in_silence_was_a_slow_tap() {
    let mut script = Script::new();
    script.on(Event::Called(Call::Held));
    assert_eq!(script.on(Event::LetGo), [Command::Patience(USUAL)]);
    assert_eq!((script.view.ear, script.view.holding), (Ear::Hearing, false));
    assert_eq!(script.after(Duration::from_secs(8), Event::Tick), [Command::Listen(false)]);
}

#[test]
fn a_cough_into_a_button_that_is_kept_pressed_leaves_no_ear_open() {
    let mut script = Script::new();
    script.on(Event::Called(Call::Held));
    script.on(Event::Began);
    assert_eq!(script.on(Event::LetGo), [Command::Finish]);
    script.on(Event::Dropped);
    assert!(!script.view.holding);
    assert_eq!(script.after(Duration::from_secs(8), Event::Tick), [Command::Listen(false)]);
}

#[test]
fn a_sound_before_its_words_are_there_costs_no_utterance() {
    let mut script = Script::called();
    script.on(Event::Began);
    script.on(Event::Paused(1));
    script.on(ended(None));
    for event in [Event::Began, Event::Growing(2), Event::Paused(3), Event::Resumed, Event::Dropped] {
        assert_eq!(script.on(event), []);
    }
    script.heard(1, "eggs");
    assert!(script.on(Event::Read(1, WHOLE)).contains(&Command::Ask("eggs".into())));
}

#[test]
fn babble_without_an_end_holds_neither_the_voice_nor_the_ear() {
    let mut script = Script::answering();
    assert_eq!(script.on(Event::Began)[0], Command::Hold);
    assert_eq!(script.after(Duration::from_secs(2), Event::Tick), []);
    assert_eq!(script.after(Duration::from_secs(1), Event::Tick), [Command::GoOn]);
    script.on(Event::Growing(2));
    script.heard(2, "and then he said");
    assert!(!script.view.is_meant, "it keeps no visit alive");
    script.on(Event::Speaks(false));
    script.on(Event::Dropped);
    script.now += Duration::from_secs(9);
    assert_eq!(script.on(Event::Began), [Command::Listen(false)]);
}

#[test]
fn who_calls_while_somebody_else_speaks_is_heard_from_the_start() {
    let mut script = Script::answering();
    script.on(Event::Speaks(false));
    script.on(Event::Began);
    let commands = script.on(Event::Called(Call::Tapped));
    assert_eq!(commands, [Command::Listen(false), Command::Listen(true), Command::Patience(USUAL)]);
    assert_eq!(script.says(2, "eggs", WHOLE), [Command::Ask("eggs".into())]);
}

#[test]
fn a_pause_that_could_not_be_heard_is_heard_at_the_end() {
    let mut script = Script::called();
    script.on(Event::Began);
    script.on(Event::Paused(1));
    assert_eq!(script.on(Event::Heard(1, None)), []);
    script.on(Event::Resumed);
    script.on(Event::Paused(2));
    script.heard(2, "a latte and a mocha");
    script.on(Event::Read(2, WHOLE));
    assert_eq!(script.on(ended(None)), [Command::Ask("a latte and a mocha".into())]);
}

#[test]
fn what_hangs_is_given_up() {
    let mut script = Script::called();
    script.on(Event::Began);
    script.after(Duration::from_secs(60), Event::Tick);
    assert_eq!(script.says(1, "eggs", WHOLE), [Command::Ask("eggs".into())], "it listens on");
    script.after(Duration::from_secs(60), Event::Tick);
    assert_eq!(script.view.ear, Ear::Open, "an answer that never comes is not waited for");
}

#[test]
fn a_press_that_turns_out_to_be_a_tap_loses_nothing() {
    let mut script = Script::new();
    script.on(Event::Called(Call::Held));
    script.on(Event::Began);
    assert_eq!(script.on(Event::Called(Call::Tapped)), [Command::Patience(USUAL)]);
    script.on(Event::Paused(1));
    script.heard(1, "eggs");
    script.on(Event::Read(1, WHOLE));
    assert_eq!(script.on(ended(None)), [Command::Ask("eggs".into())]);
}

#[test]
fn an_interruption_holds_the_voice_at_once_and_silences_it_when_it_is_a_turn() {
    let mut script = Script::answering();
    assert_eq!(script.on(Event::Began)[0], Command::Hold);
    script.on(Event::Paused(2));
    script.heard(2, "the cheapest one");
    script.on(Event::Read(2, WHOLE));
    let commands = script.on(ended(None));
    assert_eq!(commands, [Command::Hush, Command::Ask("the cheapest one".into())]);
    // The loudspeaker's own report of it comes late.
    assert_eq!(script.on(Event::Speaks(false)), []);
    assert_eq!(script.view.ear, Ear::Thinking);
}

#[test]
fn a_cough_or_a_neighbour_does_not_silence_the_voice() {
    for end in 0..3 {
        let mut script = Script::answering();
        script.now += Duration::from_secs(2);
        assert_eq!(script.on(Event::Began)[0], Command::Hold);
        let commands = match end {
            0 => script.on(Event::Dropped),
            1 => {
                script.on(Event::Paused(2));
                script.on(ended(None));
                script.heard(2, "")
            }
            _ => {
                script.on(Event::Paused(2));
                script.heard(2, "he said to her that it was late");
                script.on(Event::Read(2, BESIDE));
                script.on(ended(None))
            }
        };
        assert!(commands.contains(&Command::GoOn), "{end}: {commands:?}");
        assert!(!commands.iter().any(|command| matches!(command, Command::Ask(_) | Command::Hush)));
        assert_eq!(script.view.ear, Ear::Open);
    }
}

#[test]
fn after_an_answer_it_listens_on_for_some_time() {
    let mut script = Script::answering();
    assert_eq!(script.on(Event::Speaks(false)), []);
    assert_eq!(script.view.ear, Ear::Open);
    assert_eq!(script.after(Duration::from_secs(7), Event::Tick), []);
    assert_eq!(script.says(2, "where is it", WHOLE), [Command::Ask("where is it".into())]);
    script.on(Event::Answered { speaks: false });
    assert_eq!(script.view.ear, Ear::Open, "also after an answer that is not said");
    assert_eq!(script.after(Duration::from_secs(8), Event::Tick), [Command::Listen(false)]);
    assert_eq!(script.view.ear, Ear::Off);
    assert_eq!(script.on(Event::Began), [], "nobody is heard any more");
}

#[test]
fn what_is_said_beside_it_while_it_listens_on_is_no_turn() {
    let mut script = Script::answering();
    script.on(Event::Speaks(false));
    script.now += Duration::from_secs(2);
    assert_eq!(script.says(2, "turn on the kitchen light", BESIDE), []);
    assert_eq!(script.view, View { ear: Ear::Open, ..View::default() });
    // Who called it is answered, whatever they say.
    let mut script = Script::called();
    assert_eq!(
        script.says(1, "turn on the kitchen light", BESIDE),
        [Command::Ask("turn on the kitchen light".into())]
    );
}

#[test]
fn a_voice_from_further_away_is_somebody_elses() {
    for (loudness, is_turn) in [(-38.0, true), (-42.0, false)] {
        let mut script = Script::answering();
        script.on(Event::Speaks(false));
        script.on(Event::Began);
        script.on(Event::Paused(2));
        script.heard(2, "where is it");
        script.on(Event::Read(2, WHOLE));
        let commands = script.on(Event::Ended { clip: None, loudness });
        assert_eq!(commands.contains(&Command::Ask("where is it".into())), is_turn, "{commands:?}");
    }
}

#[test]
fn silence_and_noise_are_no_turn_and_twice_of_them_suggests_to_touch() {
    let mut script = Script::called();
    for (clip, noisy) in [(1, false), (2, true)] {
        script.on(Event::Began);
        script.on(Event::Paused(clip));
        script.on(ended(None));
        assert_eq!(script.heard(clip, ""), []);
        assert_eq!((script.view.ear, script.view.noisy), (Ear::Hearing, noisy));
    }
    assert_eq!(script.after(Duration::from_secs(8), Event::Tick), [Command::Listen(false)]);
    assert_eq!(script.view, View::default());
}

#[test]
fn an_engine_that_dies_costs_the_utterance_and_nothing_else() {
    let mut script = Script::called();
    script.on(Event::Began);
    script.on(Event::Growing(1));
    assert_eq!(script.on(Event::Heard(1, None)), [], "a draft is not missed");
    script.on(Event::Paused(2));
    script.on(ended(None));
    assert_eq!(script.on(Event::Heard(2, None)), []);
    assert_eq!(script.view.ear, Ear::Hearing, "it can be said again");
    assert_eq!(script.says(3, "eggs", WHOLE), [Command::Ask("eggs".into())]);
}

#[test]
fn a_microphone_that_goes_away_ends_the_listening_at_every_stage() {
    let stages: [&[Event]; 5] = [
        &[],
        &[Event::Began],
        &[Event::Began, Event::Growing(1)],
        &[Event::Began, Event::Paused(1)],
        &[Event::Began, Event::Paused(1), ended(None)],
    ];
    for stage in stages {
        let mut script = Script::called();
        for event in stage {
            script.on(event.clone());
        }
        let commands = script.on(Event::Deaf(true));
        assert_eq!(commands.last(), Some(&Command::Listen(false)), "{stage:?}");
        assert_eq!(script.view, View::default());
        script.on(Event::Called(Call::Tapped));
        assert_eq!(script.view, View::default(), "there is nothing to hear with");
        assert_eq!(script.heard(1, "eggs"), [], "what was under way is gone");
        script.on(Event::Deaf(false));
        script.on(Event::Called(Call::Tapped));
        assert_eq!(script.says(2, "milk", WHOLE), [Command::Ask("milk".into())]);
    }
}

#[test]
fn who_leaves_is_forgotten_at_every_stage() {
    for events in 0..4 {
        let mut script = Script::called();
        let stage = [Event::Began, Event::Paused(1), ended(None)];
        for event in stage.into_iter().take(events) {
            script.on(event);
        }
        let commands = script.on(Event::Left);
        assert_eq!(commands.contains(&Command::GiveUp), events > 1, "{commands:?}");
        assert_eq!(script.heard(1, "eggs"), []);
        assert_eq!(script.on(Event::Read(1, WHOLE)), []);
        assert_eq!(script.on(ended(None)), []);
        assert_eq!(script.view, View::default());
    }
}

#[test]
fn who_speaks_while_an_answer_is_made_is_heard_next() {
    let mut script = Script::called();
    script.says(1, "oat milk", WHOLE);
    assert_eq!(script.says(2, "no, almond milk", WHOLE), [Command::Ask("no, almond milk".into())]);
    // The first answer comes late, and is not said.
    script.on(Event::Answered { speaks: true });
    script.on(Event::Speaks(true));
    assert_eq!(script.view.ear, Ear::Open);
}
