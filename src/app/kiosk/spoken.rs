//! What a shopper's voice does to a visit. Pure, as all of the visit is.

use super::command::{Command, Spoken};
use super::visit::State;
use crate::app::talk::{Call, Ear, View};
use crate::view::chrome::{self, Page};
use crate::view::listening::{self, Voice};
use crate::view::outage::Outage;
use std::time::Duration;

/// The talk button that is kept pressed for longer is let go when all is said; a shorter
/// press is a tap.
const PRESS: Duration = Duration::from_millis(450);
/// A click that comes so soon after it was let go is part of it.
const CLICK: Duration = Duration::from_millis(300);

/// Steps of the loudness that is shown.
const LEVELS: f32 = 8.0;

impl State {
    pub(super) fn spoken(&mut self, spoken: Spoken) -> Vec<Command> {
        if self.screen.chrome.page == Page::Attract {
            return Vec::new();
        }
        match spoken {
            Spoken::View(view) => return self.overheard(view),
            Spoken::Found(cards) => self.screen.listening.found = cards,
            Spoken::Level(level) => {
                // In steps that can be told apart, and not at all where none is shown: the
                // window is drawn anew with each.
                let is_shown = self.screen.chrome.ear != chrome::Ear::Off;
                let level = if is_shown { (level * LEVELS).round() / LEVELS } else { 0.0 };
                (self.screen.chrome.level, self.screen.listening.level) = (level, level);
            }
            Spoken::Asked { words, again, .. } => {
                self.is_there();
                let ticket = self.asking();
                self.spoken_turn = Some(self.turn);
                return vec![match again {
                    true => Command::AskAgain(ticket, words),
                    false => Command::Ask(ticket, words),
                }];
            }
        }
        Vec::new()
    }

    /// Who speaks is there.
    fn is_there(&mut self) {
        self.last_touch = self.now;
        if !self.screen.chrome.leaving {
            self.screen.chrome.idle_seconds = None;
        }
    }

    fn overheard(&mut self, view: View) -> Vec<Command> {
        if view.is_meant && !view.words.is_empty() {
            self.is_there();
        }
        let listening = &mut self.screen.listening;
        if view.words.is_empty() {
            listening.found.clear();
        }
        listening.state = if view.ear == Ear::Thinking { Voice::Thinking } else { Voice::Listening };
        listening.caption.clone_from(&view.words);
        (listening.is_final, listening.holding, listening.noisy) = (view.is_final, view.holding, view.noisy);
        let chrome = &mut self.screen.chrome;
        chrome.ear = match view.ear {
            Ear::Off => chrome::Ear::Off,
            Ear::Open => chrome::Ear::Open,
            Ear::Hearing => chrome::Ear::Hearing,
            Ear::Thinking => chrome::Ear::Thinking,
        };
        (chrome.heard, chrome.holding, chrome.noisy) = (view.words, view.holding, view.noisy);
        // Nobody said anything.
        let awaits = self.spoken_turn == Some(self.turn);
        if view.ear == Ear::Off && self.screen.chrome.page == Page::Listening && !awaits {
            return self.back();
        }
        Vec::new()
    }

    /// The talk button was touched.
    pub(super) fn wants_to_speak(&mut self) -> Vec<Command> {
        if !self.screen.chrome.voice {
            self.screen.outage.outage = Outage::Voice;
            self.go(Page::Outage);
            return Vec::new();
        }
        if self.let_go_at.take().is_some_and(|at| self.now.saturating_sub(at) < CLICK) {
            return Vec::new();
        }
        self.slid_at = None;
        self.leave();
        self.screen.listening = listening::Model::default();
        self.go(Page::Listening);
        vec![Command::Listen(Call::Tapped)]
    }

    /// The talk button is pressed; it may be kept pressed.
    pub(super) fn talk_pressed(&mut self) -> Vec<Command> {
        if !self.screen.chrome.voice {
            return Vec::new();
        }
        // An answer that is awaited would talk into what is said now.
        self.leave();
        self.pressed_at = Some(self.now);
        (self.let_go_at, self.slid_at) = (None, None);
        vec![Command::Listen(Call::Held)]
    }

    /// And let go.
    pub(super) fn talk_released(&mut self) -> Vec<Command> {
        match self.pressed_at.take() {
            Some(at) if self.now.saturating_sub(at) >= PRESS => {
                self.let_go_at = Some(self.now);
                vec![Command::LetGo]
            }
            // The click that makes it a tap comes at once, or never: the finger slid off.
            Some(_) => {
                self.slid_at = Some(self.now);
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// A finger that slid off the talk button meant nothing.
    pub(super) fn slid_off(&mut self) -> Vec<Command> {
        match self.slid_at {
            Some(at) if self.now.saturating_sub(at) >= CLICK => {
                self.slid_at = None;
                vec![Command::Leave]
            }
            _ => Vec::new(),
        }
    }

    /// Whether the answer to a spoken turn is awaited, and it is this one.
    #[must_use]
    pub fn is_spoken(&self, turn: u64) -> bool {
        self.spoken_turn == Some(turn)
    }

    /// What is said aloud to the turn that was spoken. `is_latest`: nothing was done since.
    pub(super) fn answer_aloud(&mut self, turn: u64, speech: String, is_latest: bool) -> Vec<Command> {
        if self.spoken_turn != Some(turn) {
            return Vec::new();
        }
        self.spoken_turn = None;
        let aloud = is_latest && self.screen.chrome.sound && !speech.is_empty();
        let mut commands = Vec::new();
        if aloud {
            commands.push(Command::Speak(self.visit, speech));
        }
        commands.push(Command::Answered(aloud));
        commands
    }
}
