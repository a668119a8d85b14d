//! The conversations under way, by session. Owns nothing that outlives the program: a
//! conversation is in memory only, and gone when it was left alone for long.

use crate::dialog::context::Context;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Most conversations kept at a time; the oldest one goes first.
const MOST: usize = 1000;

/// What was talked about.
#[derive(Debug)]
pub(super) struct Talked {
    pub context: Context,
    /// As it was before the latest turn.
    pub before: Context,
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    all: HashMap<String, (Talked, Instant)>,
}

impl Sessions {
    /// What a session talked about; all that were left alone for `idle` are forgotten.
    pub(super) fn get(&mut self, session: &str, idle: Duration) -> Option<&Talked> {
        self.all.retain(|_, (_, used)| used.elapsed() < idle);
        self.all.get(session).map(|(talked, _)| talked)
    }

    pub(super) fn put(&mut self, session: &str, talked: Talked) {
        if self.all.len() >= MOST && !self.all.contains_key(session) {
            let oldest = self.all.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| id.clone());
            oldest.and_then(|id| self.all.remove(&id));
        }
        self.all.insert(session.to_owned(), (talked, Instant::now()));
    }

    /// It is not left alone.
    pub(super) fn keep(&mut self, session: &str) {
        if let Some((_, used)) = self.all.get_mut(session) {
            *used = Instant::now();
        }
    }

    pub(super) fn forget(&mut self, session: &str) {
        self.all.remove(session);
    }
}
