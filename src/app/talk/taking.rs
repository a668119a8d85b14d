//! Turn taking as a pure state machine: what the listener, the engines, the loudspeaker and
//! the shopper's hand tell goes in; what is to be done next comes out. No sound, no I/O, no
//! clock of its own.
//!
//! While somebody speaks, drafts of their words are looked up so that cards are there when
//! they stop. The first pause is taken for the end: its sound is heard for good at once, and
//! how whole its words are decides how long the silence must last. Whoever goes on speaking
//! makes a draft of it; whoever goes on after the end was taken makes the turn anew, of all
//! that was said.

use super::terms::{Call, Clip, Command, Ear, Event, Manner, Reading, Said, View, Wholeness};
use std::time::Duration;

/// Why it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Closed,
    Called {
        call: Call,
        since: Duration,
    },
    /// An answer is being made or said: who speaks now interrupts.
    Answering {
        since: Duration,
    },
    /// After an answer.
    Open {
        until: Duration,
    },
}

/// An utterance under way.
#[derive(Debug, Clone, PartialEq, Default)]
struct Utterance {
    since: Duration,
    /// The latest clip of those before it, and the latest whose words are known.
    floor: Clip,
    known: Clip,
    /// The words of the turn before, which ended so shortly before that this may go on with it.
    before: Option<String>,
    /// Some of its words were about the shop.
    is_promising: bool,
    /// The sound of its latest pause, while that lasts or was the end.
    pause: Option<Clip>,
    /// It is over; what is missing is what was said.
    is_over: bool,
    /// The words of `pause`, once they are heard.
    words: Option<String>,
    reading: Option<Reading>,
    /// What `pause` was heard as, together with the turn before.
    whole: Whole,
    /// In dB of full scale, once it is over.
    loudness: f32,
}

/// Whether the turn before and a pause were heard as one.
#[derive(Debug, Clone, PartialEq, Default)]
enum Whole {
    /// Nothing spoke for it yet.
    #[default]
    Apart,
    Awaited,
    /// As these words, or in vain.
    Known(Option<String>),
}

/// How long the voice is held for somebody whose words promise nothing.
const HOLD: Duration = Duration::from_secs(3);
/// What takes longer hangs: an utterance with its hearing, or an answer before it is said.
const LONGEST: Duration = Duration::from_secs(60);
/// What is said so soon after an end was taken may have been meant to go on: longer than
/// most hesitate in mid-sentence.
const GOES_ON: Duration = Duration::from_millis(1500);
/// Failed attempts in a row after which touch is suggested.
const FAILURES: u8 = 2;

/// How much quieter another voice is than the shopper's, in dB: one of three or four times
/// the distance.
const FURTHER: f32 = 10.0;

/// Turn taking with one shopper.
#[derive(Debug)]
pub struct Talk {
    manner: Manner,
    now: Duration,
    mode: Mode,
    utterance: Option<Utterance>,
    /// The clip that is being heard.
    hearing: Option<Clip>,
    /// The latest clip.
    latest: Clip,
    speaks: bool,
    /// The voice is held, since then.
    held: Option<Duration>,
    deaf: bool,
    failures: u8,
    /// The latest turn's words, and when they were taken for whole.
    asked: Option<(String, Duration)>,
    /// How loud who called it was, in dB of full scale.
    shopper: Option<f32>,
    /// What is heard, as it is heard.
    words: String,
    /// As it was shown last.
    view: View,
}

impl Talk {
    #[must_use]
    pub fn new(manner: Manner) -> Self {
        Self {
            manner,
            now: Duration::ZERO,
            mode: Mode::Closed,
            utterance: None,
            hearing: None,
            latest: 0,
            speaks: false,
            held: None,
            deaf: false,
            failures: 0,
            asked: None,
            shopper: None,
            words: String::new(),
            view: View::default(),
        }
    }

    /// Whether an utterance is under way, or its words are awaited.
    #[must_use]
    pub fn is_engaged(&self) -> bool {
        self.utterance.is_some()
    }

    /// Whether an utterance is over and its words are awaited: what sounds meanwhile is let
    /// go by, or they would be lost for it.
    #[must_use]
    pub fn awaits_words(&self) -> bool {
        self.utterance.as_ref().is_some_and(|utterance| utterance.is_over)
    }

    /// Whether what is being said, or will be in a moment, may go on with the latest turn.
    #[must_use]
    pub fn may_go_on(&self) -> bool {
        self.utterance.as_ref().is_some_and(|utterance| utterance.before.is_some())
            || self.asked.as_ref().is_some_and(|(_, at)| self.now.saturating_sub(*at) < GOES_ON)
    }

    /// Takes the next event, that happened at `now` since the start.
    pub fn update(&mut self, event: Event, now: Duration) -> Vec<Command> {
        self.now = now;
        let mut commands = self.take(event);
        let view = self.look();
        if view != self.view {
            self.view = view.clone();
            commands.push(Command::Show(view));
        }
        commands
    }

    fn take(&mut self, event: Event) -> Vec<Command> {
        if let Event::Growing(clip) | Event::Paused(clip) | Event::Ended { clip: Some(clip), .. } = &event {
            self.latest = self.latest.max(*clip);
        }
        match event {
            Event::Began
            | Event::Growing(_)
            | Event::Paused(_)
            | Event::Resumed
            | Event::Ended { .. }
            | Event::Dropped
                if self.awaits_words() =>
            {
                Vec::new()
            }
            Event::Called(call) => self.called(call),
            Event::LetGo => self.let_go(),
            Event::Left => self.close(),
            Event::Deaf(deaf) => {
                self.deaf = deaf;
                if deaf { self.close() } else { Vec::new() }
            }
            Event::Began => self.began(),
            Event::Growing(clip) if self.utterance.is_some() && self.hearing.is_none() => {
                self.hearing = Some(clip);
                vec![Command::Draft(clip)]
            }
            Event::Growing(_) => Vec::new(),
            Event::Paused(clip) => self.paused(clip),
            Event::Resumed => {
                if let Some(utterance) = &mut self.utterance {
                    (utterance.pause, utterance.words, utterance.reading) = (None, None, None);
                    utterance.whole = Whole::Apart;
                }
                vec![Command::Patience(self.patience())]
            }
            Event::Ended { clip, loudness } => self.ended(clip, loudness),
            Event::Dropped => {
                let mut commands = self.forget_utterance();
                commands.extend(self.go_on());
                commands
            }
            Event::Heard(clip, words) => self.heard(clip, words),
            Event::HeardWhole(clip, words) => self.heard_whole(clip, words),
            Event::Read(clip, reading) => self.read(clip, reading),
            Event::Answered { speaks: false } if self.is_answering() => self.open(),
            Event::Answered { speaks: true } if matches!(self.mode, Mode::Open { .. }) => {
                // The end of what was hushed was taken for this answer's.
                self.mode = Mode::Answering { since: self.now };
                Vec::new()
            }
            Event::Answered { .. } => Vec::new(),
            Event::Speaks(speaks) => {
                // One that was hushed ends late.
                let spoke = std::mem::replace(&mut self.speaks, speaks);
                if spoke && !speaks && self.is_answering() {
                    return self.open();
                }
                Vec::new()
            }
            Event::Tick => self.tick(),
        }
    }

    fn called(&mut self, call: Call) -> Vec<Command> {
        if self.deaf {
            // Whoever shows that it listens is told that it does not.
            return vec![Command::Show(self.look())];
        }
        // The button was kept pressed, and turns out to have been tapped, or the other way.
        if let Mode::Called { call: own, .. } = &mut self.mode {
            *own = call;
            return vec![Command::Patience(self.patience())];
        }
        let mut commands = self.give_up();
        // Also what is only about to be said.
        if self.speaks || self.is_answering() {
            commands.push(Command::Hush);
        }
        if self.mode != Mode::Closed {
            // Somebody else's utterance may be under way.
            commands.push(Command::Listen(false));
        }
        (self.speaks, self.held) = (false, None);
        self.utterance = None;
        self.words.clear();
        self.mode = Mode::Called { call, since: self.now };
        commands.extend([Command::Listen(true), Command::Patience(self.patience())]);
        commands
    }

    /// The silence that ends an utterance of which nothing is known.
    fn patience(&self) -> Duration {
        match self.mode {
            // The hand says when.
            Mode::Called { call: Call::Held, .. } => Duration::MAX,
            _ => self.manner.usual,
        }
    }

    fn let_go(&mut self) -> Vec<Command> {
        let Mode::Called { call, .. } = self.mode else { return Vec::new() };
        // The hand has no more to say.
        self.mode = Mode::Called { call: Call::Tapped, since: self.now };
        if self.utterance.is_some() {
            return vec![Command::Finish];
        }
        // Nobody said anything: a slow tap, or somebody who is impatient.
        match call {
            Call::Held => vec![Command::Patience(self.patience())],
            Call::Tapped => self.failed(),
        }
    }

    fn began(&mut self) -> Vec<Command> {
        match self.mode {
            Mode::Closed => return Vec::new(),
            // Babble without an end keeps nobody's ear open.
            Mode::Open { until } if self.now >= until => return self.close(),
            _ => {}
        }
        let mut commands = self.give_up();
        if self.speaks && self.held.is_none() {
            self.held = Some(self.now);
            commands.push(Command::Hold);
        }
        let is_called = matches!(self.mode, Mode::Called { .. });
        let is_soon = |at: Duration| !is_called && self.now.saturating_sub(at) < GOES_ON;
        let before = self.asked.as_ref().filter(|(_, at)| is_soon(*at)).map(|(words, _)| words.clone());
        self.utterance =
            Some(Utterance { since: self.now, floor: self.latest, before, ..Utterance::default() });
        self.words.clear();
        commands.push(Command::Patience(self.patience()));
        commands
    }

    fn paused(&mut self, clip: Clip) -> Vec<Command> {
        let Some(utterance) = &mut self.utterance else { return Vec::new() };
        utterance.pause = Some(clip);
        (utterance.words, utterance.reading, utterance.whole) = (None, None, Whole::Apart);
        self.hearing = Some(clip);
        vec![Command::Hear(clip)]
    }

    fn ended(&mut self, clip: Option<Clip>, loudness: f32) -> Vec<Command> {
        let Some(utterance) = &mut self.utterance else { return Vec::new() };
        (utterance.is_over, utterance.loudness) = (true, loudness);
        match (utterance.pause, clip) {
            (None, Some(clip)) => {
                utterance.pause = Some(clip);
                self.hearing = Some(clip);
                vec![Command::Hear(clip)]
            }
            // The pause could not be heard.
            (None, None) => self.failed(),
            _ => self.conclude(),
        }
    }

    fn heard(&mut self, clip: Clip, words: Option<String>) -> Vec<Command> {
        if self.hearing == Some(clip) {
            self.hearing = None;
        }
        let Some(utterance) = &mut self.utterance else { return Vec::new() };
        // Of an utterance before, or older than what is known.
        if clip <= utterance.floor || clip < utterance.known {
            return Vec::new();
        }
        utterance.known = clip;
        let for_good = utterance.pause == Some(clip);
        let Some(words) = words else {
            // A draft that fails is not missed, and a pause may be none.
            if for_good && utterance.is_over {
                return self.failed();
            }
            utterance.pause = utterance.pause.filter(|pause| *pause != clip);
            return Vec::new();
        };
        if for_good {
            utterance.words = Some(words.clone());
        }
        if words.is_empty() {
            return if for_good { self.conclude() } else { Vec::new() };
        }
        self.words.clone_from(&words);
        let before = utterance.before.clone();
        vec![Command::Read(clip, Said { before, ..Said::alone(words) })]
    }

    fn heard_whole(&mut self, clip: Clip, whole: Option<String>) -> Vec<Command> {
        if self.hearing == Some(clip) {
            self.hearing = None;
        }
        let Some(utterance) = &mut self.utterance else { return Vec::new() };
        // They have gone on meanwhile.
        if utterance.pause != Some(clip) || utterance.whole != Whole::Awaited {
            return Vec::new();
        }
        let whole = whole.filter(|words| !words.is_empty());
        utterance.whole = Whole::Known(whole.clone());
        match (whole, &utterance.words) {
            (Some(whole), Some(words)) => {
                // What the words alone meant decides nothing any more.
                utterance.reading = None;
                let (before, words) = (utterance.before.clone(), words.clone());
                vec![Command::Read(clip, Said { words, before, whole: Some(whole) })]
            }
            _ => self.conclude(),
        }
    }

    fn read(&mut self, clip: Clip, reading: Reading) -> Vec<Command> {
        let Some(utterance) = &mut self.utterance else { return Vec::new() };
        if clip <= utterance.floor || clip < utterance.known {
            return Vec::new();
        }
        utterance.is_promising |= reading.is_addressed || reading.goes_on;
        let mut commands = vec![Command::ShowFound(clip)];
        if utterance.pause == Some(clip) {
            utterance.reading = Some(reading);
            // What is nobody's by itself may be half a word.
            let is_part = reading.goes_on || !reading.is_addressed;
            if utterance.whole == Whole::Apart && utterance.before.is_some() && is_part {
                utterance.whole = Whole::Awaited;
                self.hearing = Some(clip);
                commands.push(Command::HearWhole(clip));
            }
            let is_held = matches!(self.mode, Mode::Called { call: Call::Held, .. });
            if utterance.is_over {
                commands.extend(self.conclude());
            } else if !is_held {
                commands.push(Command::Patience(match reading.wholeness {
                    Wholeness::Whole => self.manner.brief,
                    Wholeness::Unknown => self.manner.usual,
                    Wholeness::Broken => self.manner.patient,
                }));
            }
        }
        commands
    }

    /// Takes the utterance for a turn, once it is over and all of it is known.
    fn conclude(&mut self) -> Vec<Command> {
        let Some(utterance) = &self.utterance else { return Vec::new() };
        let (true, Some(words)) = (utterance.is_over, &utterance.words) else { return Vec::new() };
        if words.is_empty() {
            return self.failed();
        }
        let Some(reading) = utterance.reading else { return Vec::new() };
        let whole = match &utterance.whole {
            Whole::Awaited => return Vec::new(),
            Whole::Known(whole) => whole.clone(),
            Whole::Apart => None,
        };
        let was_called = matches!(self.mode, Mode::Called { .. });
        // A voice from further away than the shopper's is somebody else's.
        let before = utterance.before.clone().filter(|_| reading.goes_on);
        let is_near = self.shopper.is_none_or(|shopper| utterance.loudness > shopper - FURTHER);
        if was_called {
            self.shopper = Some(utterance.loudness);
        } else if !(reading.is_addressed || before.is_some()) || !is_near {
            let mut commands = self.forget_utterance();
            commands.extend(self.go_on());
            return commands;
        }
        let again = before.is_some();
        let said = Said { words: words.clone(), before, whole };
        let words = said.together().unwrap_or(said.words);
        let mut commands = Vec::new();
        // Also what is only about to be said, where it answers half a sentence.
        if self.speaks || self.held.is_some() || again {
            commands.push(Command::Hush);
        }
        (self.speaks, self.held, self.failures) = (false, None, 0);
        self.utterance = None;
        self.mode = Mode::Answering { since: self.now };
        self.asked = Some((words.clone(), self.now));
        self.words.clone_from(&words);
        commands.push(if again { Command::AskAgain(words) } else { Command::Ask(words) });
        commands
    }

    /// Nothing came of an utterance. Who was called says so and listens on; else it was
    /// meant for nobody.
    fn failed(&mut self) -> Vec<Command> {
        let mut commands = self.forget_utterance();
        commands.extend(self.go_on());
        if let Mode::Called { .. } = self.mode {
            self.failures = self.failures.saturating_add(1);
            self.mode = Mode::Called { call: Call::Tapped, since: self.now };
        }
        commands
    }

    fn forget_utterance(&mut self) -> Vec<Command> {
        self.utterance = None;
        self.words.clear();
        self.give_up()
    }

    fn give_up(&mut self) -> Vec<Command> {
        self.hearing.take().map(|_| Command::GiveUp).into_iter().collect()
    }

    /// What was being said goes on, where it was held for nothing.
    fn go_on(&mut self) -> Vec<Command> {
        self.held.take().map(|_| Command::GoOn).into_iter().collect()
    }

    /// Listens on after an answer.
    fn open(&mut self) -> Vec<Command> {
        if self.manner.follow_up.is_zero() {
            return self.close();
        }
        self.mode = Mode::Open { until: self.now + self.manner.follow_up };
        if self.utterance.is_none() {
            self.words.clear();
        }
        Vec::new()
    }

    fn close(&mut self) -> Vec<Command> {
        let mut commands = self.forget_utterance();
        commands.extend(self.go_on());
        if self.mode != Mode::Closed {
            commands.push(Command::Listen(false));
        }
        (self.mode, self.asked) = (Mode::Closed, None);
        self.failures = 0;
        commands
    }

    fn is_answering(&self) -> bool {
        matches!(self.mode, Mode::Answering { .. })
    }

    fn tick(&mut self) -> Vec<Command> {
        if let Some(utterance) = &self.utterance {
            if self.now.saturating_sub(utterance.since) >= LONGEST {
                return self.failed();
            }
            let is_long = self.held.is_some_and(|since| self.now.saturating_sub(since) >= HOLD);
            return if is_long && !utterance.is_promising { self.go_on() } else { Vec::new() };
        }
        match self.mode {
            Mode::Answering { since } if !self.speaks && self.now.saturating_sub(since) >= LONGEST => {
                self.open()
            }
            Mode::Open { until } if self.now >= until => self.close(),
            Mode::Called { call: Call::Tapped, since }
                if self.now.saturating_sub(since) >= self.manner.first_word =>
            {
                self.close()
            }
            _ => Vec::new(),
        }
    }

    fn look(&self) -> View {
        let is_speaking = self.utterance.is_some();
        let is_over = self.utterance.as_ref().is_some_and(|utterance| utterance.is_over);
        let ear = match self.mode {
            Mode::Closed => Ear::Off,
            _ if is_over => Ear::Thinking,
            _ if is_speaking => Ear::Hearing,
            Mode::Called { .. } => Ear::Hearing,
            Mode::Answering { .. } if !self.speaks => Ear::Thinking,
            Mode::Answering { .. } | Mode::Open { .. } => Ear::Open,
        };
        View {
            ear,
            words: self.words.clone(),
            is_final: is_over || self.is_answering(),
            is_meant: match (self.mode, &self.utterance) {
                (Mode::Called { .. }, _) => true,
                (_, Some(utterance)) => utterance.is_promising,
                (_, None) => self.is_answering(),
            },
            holding: matches!(self.mode, Mode::Called { call: Call::Held, .. }),
            noisy: self.failures >= FAILURES,
        }
    }
}
