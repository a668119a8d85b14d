//! What a fetch or a check tells while it runs, and how that looks on a terminal.
//!
//! Owns the [`Progress`] trait and its two users: a bar on a terminal, one plain line
//! every tenth of the way where the output is a log. Never decides anything.

use indicatif::{DecimalBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

/// What is being done to a model file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Bytes come in from a hub or a package.
    Fetch,
    /// A `CTranslate2` model is rewritten as a whisper.cpp file.
    Convert,
    /// The file is read and its SHA-256 computed.
    Check,
}

impl Step {
    const fn word(self) -> &'static str {
        match self {
            Self::Fetch => "fetching",
            Self::Convert => "converting",
            Self::Check => "checking",
        }
    }
}

/// Told how far the work on one model file is. Calls come from one thread, one model
/// after another: `start`, any number of `at`, `finish`; `note` at any time.
pub trait Progress: Sync {
    /// A step of `total` bytes begins on `model`.
    fn start(&self, model: &str, step: Step, total: u64);
    /// `done` bytes of the step are done (absolute, not since the last call).
    fn at(&self, done: u64);
    /// The step that was started last has ended, well or not.
    fn finish(&self);
    /// One line worth telling, such as why a source was given up.
    fn note(&self, model: &str, line: &str);
}

/// Tells nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Quiet;

impl Progress for Quiet {
    fn start(&self, _: &str, _: Step, _: u64) {}
    fn at(&self, _: u64) {}
    fn finish(&self) {}
    fn note(&self, _: &str, _: &str) {}
}

/// Bars on a terminal; elsewhere a line at the start of a step and at every 10 % of what is
/// fetched. All on standard error.
#[derive(Debug)]
pub struct BarProgress {
    terminal: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Idle,
    Bar(ProgressBar),
    Lines { label: String, total: u64, tenths: u64 },
}

impl BarProgress {
    /// Looks once whether standard error is a terminal.
    #[must_use]
    pub fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), state: Mutex::new(State::Idle) }
    }

    fn with_state(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Default for BarProgress {
    fn default() -> Self {
        Self::new()
    }
}

/// Standard error may be closed; a fetch does not fail for that.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

impl Progress for BarProgress {
    fn start(&self, model: &str, step: Step, total: u64) {
        let label = format!("{} {model}", step.word());
        self.with_state(|state| {
            *state = if self.terminal {
                let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
                if let Ok(style) = ProgressStyle::with_template(
                    "{msg} [{bar:24}] {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}",
                ) {
                    bar.set_style(style.progress_chars("=> "));
                }
                bar.set_message(label);
                State::Bar(bar)
            } else {
                tell(&format!("{label} ({})", DecimalBytes(total)));
                // The other steps take a moment: their start is enough for a log.
                let total = if step == Step::Fetch { total } else { 0 };
                State::Lines { label, total, tenths: 0 }
            };
        });
    }

    fn at(&self, done: u64) {
        self.with_state(|state| match state {
            State::Idle => {}
            State::Bar(bar) => bar.set_position(done),
            State::Lines { label, total, tenths } => {
                let now = done.saturating_mul(10).checked_div(*total).unwrap_or(0).min(10);
                if now > *tenths {
                    *tenths = now;
                    tell(&format!("{label} {} %", now * 10));
                }
            }
        });
    }

    fn finish(&self) {
        self.with_state(|state| {
            if let State::Bar(bar) = state {
                bar.finish_and_clear();
            }
            *state = State::Idle;
        });
    }

    fn note(&self, model: &str, line: &str) {
        let text = format!("{model}: {line}");
        self.with_state(|state| match state {
            State::Bar(bar) => bar.suspend(|| tell(&text)),
            State::Idle | State::Lines { .. } => tell(&text),
        });
    }
}
