//! The bundle that a session aims at: how far it has come, and what of it was told. Pure.

use super::fetch::{Fetch, Pace};
use super::{Command, Failure, Now, Outcome};
use crate::sync::digest::Digest;
use crate::sync::plan::{FileWay, Plan, Way};
use crate::sync::wire::catalog::{Chunk, Manifest, Parts};
use std::collections::BTreeMap;
use std::time::Duration;

/// The bundle that is being fetched or taken into use.
#[derive(Debug)]
pub(super) struct Target {
    pub manifest: Manifest,
    pub plan: Plan,
    pub fetch: Fetch,
    /// Deltas led nowhere: by the snapshot and whole files.
    pub whole: bool,
    /// Attempts to take it into use that failed and may pass.
    pub failures: u32,
    /// Not tried before this.
    pub retry: Duration,
    pub told_ready: bool,
    pub told_stalled: bool,
    pub told_short: bool,
    /// What held it up last; `None` again once something of it comes.
    pub trouble: Option<String>,
}

impl Target {
    /// Says that the disk has no room for it, once.
    pub fn lacks(&mut self, why: &Failure, commands: &mut Vec<Command>) {
        if matches!(why, Failure::NoRoom(_)) && !std::mem::replace(&mut self.told_short, true) {
            let (version, detail) = (self.manifest.version, why.detail());
            commands.push(Command::Report(Outcome::NoRoom { version, detail }));
        }
    }

    pub fn stalled(&mut self, detail: String, commands: &mut Vec<Command>) {
        self.trouble = Some(detail.clone());
        if !std::mem::replace(&mut self.told_stalled, true) {
            let (version, missing) = (self.manifest.version, self.fetch.missing());
            commands.push(Command::Report(Outcome::Stalled { version, missing, detail }));
        }
    }

    pub fn try_later(
        &mut self,
        detail: String,
        now: Now,
        pace: &Pace,
        random: &mut fastrand::Rng,
        commands: &mut Vec<Command>,
    ) {
        self.failures = self.failures.saturating_add(1);
        self.retry = now.up.saturating_add(pace.pause(self.failures, random));
        self.stalled(detail, commands);
    }

    /// Whether it builds upon what is here.
    pub fn is_partial(&self) -> bool {
        matches!(self.plan.catalog, Way::Deltas(_) | Way::Adopt)
            || self.plan.files.iter().any(|(_, way)| *way == FileWay::Change)
    }

    /// Every chunk that its plan is made of, staged before or not.
    pub fn plan_chunks(&self) -> Vec<Chunk> {
        let named: BTreeMap<Digest, Chunk> = parts(&self.manifest)
            .flat_map(|parts| &parts.chunks)
            .map(|chunk| (chunk.sha256, *chunk))
            .collect();
        named.into_values().collect()
    }
}

fn parts(manifest: &Manifest) -> impl Iterator<Item = &Parts> {
    let files = manifest.files.iter().flat_map(|file| {
        std::iter::once(&file.whole).chain(file.change.as_ref().map(|change| &change.parts))
    });
    std::iter::once(&manifest.snapshot).chain(manifest.deltas.iter().map(|delta| &delta.parts)).chain(files)
}

pub(super) fn all_chunks(manifest: &Manifest) -> impl Iterator<Item = Digest> + '_ {
    parts(manifest).flat_map(|parts| &parts.chunks).map(|chunk| chunk.sha256)
}
