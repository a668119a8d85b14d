//! What turn taking is told and what it tells, as plain values: the words between the pure
//! machine, who drives it and who shows it.

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
    /// They go on with the turn before: both together are what was meant.
    pub goes_on: bool,
}

/// Words that were heard, with what they may belong to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    pub words: String,
    /// Those of the turn before, which came so shortly before that these may go on with it.
    pub before: Option<String>,
    /// What the sound of both was heard as, as one.
    pub whole: Option<String>,
}

impl Said {
    /// Words that belong to nothing before.
    #[must_use]
    pub fn alone(words: impl Into<String>) -> Self {
        Self { words: words.into(), ..Self::default() }
    }

    /// Words that may go on with those of a turn just before.
    #[must_use]
    pub fn after(before: impl Into<String>, words: impl Into<String>) -> Self {
        Self { before: Some(before.into()), ..Self::alone(words) }
    }

    /// The turn before and these words as one; `None` where there was none. Heard as one
    /// where they were, else put together: Whisper ends each piece as if it were whole.
    #[must_use]
    pub fn together(&self) -> Option<String> {
        let before = self.before.as_deref()?;
        if self.whole.is_some() {
            return self.whole.clone();
        }
        let before = before.trim_end().trim_end_matches(['.', '?', '!', ',', '…', '-', '–', '—']);
        Some(format!("{} {}", before.trim_end(), self.words.trim_start()))
    }
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
    /// What was heard in the sound of the turn before and a clip, as one.
    HeardWhole(Clip, Option<String>),
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
    /// Hears the sound of the turn before and a clip as one: a word that a pause cuts is
    /// heard in neither.
    HearWhole(Clip),
    /// What is being heard is not wanted any more.
    GiveUp,
    /// Looks up what the words of a clip are about.
    Read(Clip, Said),
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
    /// The turn before is taken back: the words, its own among them, count in its place.
    AskAgain(String),
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
    /// The words are meant for the kiosk: it was called, or they are about the shop.
    pub is_meant: bool,
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
