//! Turn taking as a pure state machine: what the listener, the engines, the loudspeaker and
//! the shopper's hand tell goes in; what is to be done next comes out. No sound, no I/O, no
//! clock of its own.
//!
//! While somebody speaks, drafts of their words are looked up so that cards are there when
//! they stop. The first pause is taken for the end: its sound is heard for good at once, and
//! how whole its words are decides how long the silence must last. Whoever goes on speaking
//! makes a draft of it.

use std::time::Duration;

/// Number of a piece of sound, growing.
pub type Clip = u64;

/// How patient it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// The silence that ends what is whole.
    pub brief: Duration,
    /// What is not known to be either.
    pub usual: Duration,
    /// What breaks off: "a latte with".
    pub patient: Duration,
    /// How long it listens on after an answer; zero: not at all.
    pub follow_up: Duration,
    /// How long it waits for the first word after it was called.
    pub first_word: Duration,
}

/// How it was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// It finds the end itself.
    Tapped,
    /// The button is kept pressed; the end is when it is let go.
    Held,
}

/// What words are worth, looked up without any effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    pub wholeness: Wholeness,
    /// They are about the shop, so they are meant for the kiosk also where nobody called it.
    pub is_addressed: bool,
}

/// Whether more words are to be expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wholeness {
    Whole,
    #[default]
    Unknown,
    Broken,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Called(Call),
    /// "I am done", or the button was let go.
    LetGo,
    /// Cancelled, or the shopper does something else.
    Left,
    Began,
    /// Somebody still speaks; this is what was said until now.
    Growing(Clip),
    /// They may be done; this is all of it.
    Paused(Clip),
    Resumed,
    /// They are done. The clip is there where no pause came before; `loudness` is that of
    /// the utterance, in dB of full scale.
    Ended {
        clip: Option<Clip>,
        loudness: f32,
    },
    /// It was no speech.
    Dropped,
    /// What was heard in a clip; `None`: the engine failed. Empty: nobody spoke.
    Heard(Clip, Option<String>),
    Read(Clip, Reading),
    /// The turn was answered; `speaks`: an answer will be said aloud.
    Answered {
        speaks: bool,
    },
    /// The loudspeaker begins or ends.
    Speaks(bool),
    /// The microphone went away, or is back.
    Deaf(bool),
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Listens for utterances, or lets all sound go by.
    Listen(bool),
    /// The silence that ends the utterance.
    Patience(Duration),
    /// Ends the utterance now.
    Finish,
    /// Hears a clip as a draft, or for good. Whatever is being heard is given up for it.
    Draft(Clip),
    Hear(Clip),
    /// What is being heard is not wanted any more.
    GiveUp,
    /// Looks up what the words of a clip are about.
    Read(Clip, String),
    /// What was found for a clip is shown.
    ShowFound(Clip),
    /// Stops the loudspeaker for as long as it is not known whether this is an interruption.
    Hold,
    /// It was none.
    GoOn,
    /// Falls silent for good.
    Hush,
    /// The words are the shopper's turn.
    Ask(String),
    Show(View),
}

/// What the shopper sees of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    pub ear: Ear,
    pub words: String,
    /// The words will not change any more.
    pub is_final: bool,
    pub holding: bool,
    /// Nothing could be made of what was said: touch is suggested.
    pub noisy: bool,
}

/// The ear, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ear {
    #[default]
    Off,
    /// It would hear somebody.
    Open,
    /// It was called, and waits or hears.
    Hearing,
    /// An answer is being made.
    Thinking,
}

/// Why it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Closed,
    Called {
        call: Call,
        since: Duration,
    },
    /// An answer is being made or said: who speaks now interrupts.
    Answering,
    /// After an answer.
    Open {
        until: Duration,
    },
}

/// An utterance under way.
#[derive(Debug, Clone, PartialEq, Default)]
struct Utterance {
    /// The sound of its latest pause, while that lasts or was the end.
    pause: Option<Clip>,
    /// It is over; what is missing is what was said.
    is_over: bool,
    /// The words of `pause`, once they are heard.
    words: Option<String>,
    reading: Option<Reading>,
    /// In dB of full scale, once it is over.
    loudness: f32,
}

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
    /// The clip that is being heard, and whether it is for good.
    hearing: Option<(Clip, bool)>,
    speaks: bool,
    held: bool,
    deaf: bool,
    failures: u8,
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
            speaks: false,
            held: false,
            deaf: false,
            failures: 0,
            shopper: None,
            words: String::new(),
            view: View::default(),
        }
    }

    /// Whether somebody is speaking, or what they said is being worked on.
    #[must_use]
    pub fn is_engaged(&self) -> bool {
        self.utterance.is_some() || self.mode == Mode::Answering
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
        match event {
            Event::Called(call) => self.called(call),
            Event::LetGo => self.let_go(),
            Event::Left => self.close(),
            Event::Deaf(deaf) => {
                self.deaf = deaf;
                if deaf { self.close() } else { Vec::new() }
            }
            Event::Began => self.began(),
            Event::Growing(clip) if self.utterance.is_some() && self.hearing.is_none() => {
                self.hearing = Some((clip, false));
                vec![Command::Draft(clip)]
            }
            Event::Growing(_) => Vec::new(),
            Event::Paused(clip) => self.paused(clip),
            Event::Resumed => {
                self.utterance = self.utterance.take().map(|_| Utterance::default());
                vec![Command::Patience(self.manner.usual)]
            }
            Event::Ended { clip, loudness } => self.ended(clip, loudness),
            Event::Dropped => {
                let mut commands = self.forget_utterance();
                commands.extend(self.go_on());
                commands
            }
            Event::Heard(clip, words) => self.heard(clip, words),
            Event::Read(clip, reading) => self.read(clip, reading),
            Event::Answered { speaks } => {
                if self.mode == Mode::Answering && !speaks {
                    return self.open();
                }
                Vec::new()
            }
            Event::Speaks(speaks) => {
                self.speaks = speaks;
                if !speaks && self.mode == Mode::Answering {
                    return self.open();
                }
                Vec::new()
            }
            Event::Tick => self.tick(),
        }
    }

    fn called(&mut self, call: Call) -> Vec<Command> {
        if self.deaf {
            return Vec::new();
        }
        // The button was kept pressed, and turns out to have been tapped, or the other way.
        if let Mode::Called { call: own, .. } = &mut self.mode {
            *own = call;
            return vec![Command::Patience(self.patience())];
        }
        let mut commands = self.give_up();
        if self.speaks {
            commands.push(Command::Hush);
        }
        (self.speaks, self.held) = (false, false);
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
        if self.utterance.is_some() {
            return vec![Command::Finish];
        }
        // Nobody said anything.
        match call {
            Call::Held => self.close(),
            Call::Tapped => self.failed(),
        }
    }

    fn began(&mut self) -> Vec<Command> {
        if self.mode == Mode::Closed {
            return Vec::new();
        }
        let mut commands = self.give_up();
        if self.speaks && !self.held {
            self.held = true;
            commands.push(Command::Hold);
        }
        self.utterance = Some(Utterance::default());
        self.words.clear();
        commands.push(Command::Patience(self.patience()));
        commands
    }

    fn paused(&mut self, clip: Clip) -> Vec<Command> {
        let Some(utterance) = &mut self.utterance else { return Vec::new() };
        utterance.pause = Some(clip);
        utterance.words = None;
        utterance.reading = None;
        self.hearing = Some((clip, true));
        vec![Command::Hear(clip)]
    }

    fn ended(&mut self, clip: Option<Clip>, loudness: f32) -> Vec<Command> {
        let Some(utterance) = &mut self.utterance else { return Vec::new() };
        (utterance.is_over, utterance.loudness) = (true, loudness);
        match (utterance.pause, clip) {
            (None, Some(clip)) => {
                utterance.pause = Some(clip);
                self.hearing = Some((clip, true));
                vec![Command::Hear(clip)]
            }
            _ => self.conclude(),
        }
    }

    fn heard(&mut self, clip: Clip, words: Option<String>) -> Vec<Command> {
        if self.hearing.is_some_and(|(heard, _)| heard == clip) {
            self.hearing = None;
        }
        let Some(utterance) = &mut self.utterance else { return Vec::new() };
        let for_good = utterance.pause == Some(clip);
        let Some(words) = words else {
            // A draft that fails is not missed.
            return if for_good { self.failed() } else { Vec::new() };
        };
        if for_good {
            utterance.words = Some(words.clone());
        }
        if words.is_empty() {
            return if for_good { self.conclude() } else { Vec::new() };
        }
        self.words.clone_from(&words);
        vec![Command::Read(clip, words)]
    }

    fn read(&mut self, clip: Clip, reading: Reading) -> Vec<Command> {
        let Some(utterance) = &mut self.utterance else { return Vec::new() };
        let mut commands = vec![Command::ShowFound(clip)];
        if utterance.pause == Some(clip) {
            utterance.reading = Some(reading);
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
        let was_called = matches!(self.mode, Mode::Called { .. });
        // A voice from further away than the shopper's is somebody else's.
        let is_near = self.shopper.is_none_or(|shopper| utterance.loudness > shopper - FURTHER);
        if was_called {
            self.shopper = Some(utterance.loudness);
        } else if !reading.is_addressed || !is_near {
            let mut commands = self.forget_utterance();
            commands.extend(self.go_on());
            return commands;
        }
        let words = words.clone();
        let mut commands = Vec::new();
        if self.speaks || self.held {
            commands.push(Command::Hush);
        }
        (self.speaks, self.held, self.failures) = (false, false, 0);
        self.utterance = None;
        self.mode = Mode::Answering;
        commands.push(Command::Ask(words));
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
        std::mem::take(&mut self.held).then_some(Command::GoOn).into_iter().collect()
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
        self.mode = Mode::Closed;
        self.failures = 0;
        commands
    }

    fn tick(&mut self) -> Vec<Command> {
        if self.utterance.is_some() {
            return Vec::new();
        }
        match self.mode {
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
            Mode::Answering if !self.speaks => Ear::Thinking,
            Mode::Answering | Mode::Open { .. } => Ear::Open,
        };
        View {
            ear,
            words: self.words.clone(),
            is_final: is_over || self.mode == Mode::Answering,
            holding: matches!(self.mode, Mode::Called { call: Call::Held, .. }),
            noisy: self.failures >= FAILURES,
        }
    }
}
