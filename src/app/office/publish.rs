//! `aisle office publish` at a terminal: a file to a bundle to the broker, and what was done. What
//! a bundle is and in which order it goes is `office`'s.

use super::Place;
use crate::app::cli::Publish;
use crate::domain::Cents;
use crate::office::bundle::{Draft, Extras};
use crate::office::content::{Imported, Taking};
use crate::office::keyring::Keyring;
use crate::office::publish::{self, New, Publishing, Went};
use crate::office::shelf::{self, Shelf};
use crate::settings::Settings;
use crate::sync::topics::Role;
use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

/// Largest file of facts, in bytes.
const MAX_FACTS: u64 = 1 << 20;

/// Publishes; what to print.
pub(super) fn run(arguments: &Publish, place: &Place, settings: &Settings) -> Result<String> {
    let tenant = place.tenant()?;
    let facts = arguments.facts.as_deref().map(facts).transpose()?;
    let extras = Extras { facts: facts.as_deref(), staged: arguments.staged };
    let taking = Taking {
        mapping: arguments.mapping.clone(),
        as_of: arguments.as_of.clone(),
        max_price_cents: Cents::from(settings.catalog.max_price) * 100,
        bad_share: settings.catalog.max_bad_share,
    };
    if arguments.dry_run {
        let shelf = Shelf::look(&place.folder, &arguments.group)?;
        let room = tempfile::tempdir()?;
        let (draft, left_out) = pack(arguments, &taking, &shelf, extras, room.path())?;
        let ring = Keyring::open(&place.folder, &tenant).ok();
        let signers = ring.map(|ring| signers(&ring)).transpose()?.unwrap_or_default();
        let newest = shelf.newest().map_or(0, |newest| newest.manifest.version);
        let same = shelf.newest().is_some_and(|newest| draft.is(newest, &signers, Timestamp::now()));
        let (state, version) = if same { (State::Already, newest) } else { (State::WouldBe, newest + 1) };
        return Ok(tell(arguments, state, &draft, left_out, Went { version, ..Went::default() }));
    }
    // What is missing is said before the long work.
    let connection = place.connection("office")?;
    let ring = Keyring::open(&place.folder, &tenant)?;
    let signers = signers(&ring)?;
    let mut shelf = Shelf::open(&place.folder, &arguments.group)?;
    let room = shelf.room()?;
    let (draft, left_out) = pack(arguments, &taking, &shelf, extras, room.path())?;
    let newest = shelf.newest().filter(|newest| draft.is(newest, &signers, Timestamp::now()));
    let same = newest.map(|newest| newest.manifest.version);
    if let Some(version) = same.filter(|_| shelf.is_done(&ring.chain()) && !arguments.again) {
        return Ok(tell(arguments, State::Already, &draft, left_out, Went { version, ..Went::default() }));
    }
    let told = draft.clone();
    let new = same.is_none().then(|| New { draft, room: room.path() });
    let what = Publishing {
        shelf: &mut shelf,
        ring: &ring,
        group: arguments.group.clone(),
        new,
        days: arguments.days,
        again: arguments.again,
    };
    let went = super::block_on(async { Ok(publish::publish(connection, what).await?) })?;
    let state = if same == Some(went.version) { State::Again } else { State::Published };
    Ok(tell(arguments, state, &told, left_out, went))
}

/// Publishes the key lists alone; what to print.
pub(super) fn keys(place: &Place, ring: &Keyring) -> Result<String> {
    let connection = place.connection("office")?;
    let _alone = shelf::hold(&place.folder)?;
    super::block_on(async { Ok(publish::publish_keys(connection, ring).await?) })?;
    Ok(format!("Key list {} is published.\n", ring.list().version))
}

fn signers(ring: &Keyring) -> Result<Vec<crate::sync::sign::KeyId>> {
    let secrets = ring.signers(Role::Catalog, Timestamp::now())?;
    Ok(secrets.iter().map(|secret| secret.public().id()).collect())
}

/// The facts as a text.
fn facts(path: &Path) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", path.display());
    let mut bytes = Vec::new();
    fs::File::open(path)
        .with_context(cannot)?
        .take(MAX_FACTS + 1)
        .read_to_end(&mut bytes)
        .with_context(cannot)?;
    ensure!(bytes.len() as u64 <= MAX_FACTS, "{} is larger than {MAX_FACTS} bytes", path.display());
    ensure!(std::str::from_utf8(&bytes).is_ok(), "{} is no UTF-8 text", path.display());
    Ok(bytes)
}

/// The bundle of a file, and how many lines were left out of it.
fn pack(
    arguments: &Publish,
    taking: &Taking,
    shelf: &Shelf,
    extras: Extras<'_>,
    room: &Path,
) -> Result<(Draft, u64)> {
    let imported = Imported::read(&arguments.file, taking, room)?;
    for note in &imported.notes {
        writeln!(io::stderr(), "aisle: {note}")?;
    }
    for bad in &imported.report.rejected {
        writeln!(io::stderr(), "aisle: left out {bad}")?;
    }
    let draft = imported.look(|content| Draft::pack(content, shelf, extras, room))?;
    Ok((draft, imported.report.rejected_lines))
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Published,
    /// What was cut off, or is sent once more.
    Again,
    Already,
    WouldBe,
}

fn tell(arguments: &Publish, state: State, draft: &Draft, left_out: u64, went: Went) -> String {
    if arguments.json {
        return format!("{}\n", object(arguments, state, draft, left_out, went));
    }
    let (version, group) = (went.version, &arguments.group);
    let first = match state {
        State::Published => format!("Version {version} is published to {group}"),
        State::Again => format!("Version {version} is now wholly published to {group}"),
        State::Already => return format!("This is already published to {group}, as version {version}.\n"),
        State::WouldBe => format!("This would be version {version} of {group}"),
    };
    let differing = draft.differing;
    let staged = if arguments.staged { "; kiosks wait for a command" } else { "" };
    let delta = draft.delta_bytes().map_or_else(String::new, |bytes| format!(", the delta {bytes}"));
    let mut text = format!(
        "{first}{staged}: {} products; {} changed, {} new, {} gone; {left_out} lines left out.\n\
         The snapshot has {} bytes{delta}.\n",
        draft.products(),
        differing.changed,
        differing.added,
        differing.removed,
        draft.snapshot_bytes(),
    );
    if state != State::WouldBe {
        text += &format!(
            "Chunks sent: {}, {} bytes; old ones cleared: {}.\n",
            went.chunks, went.bytes, went.cleared
        );
    }
    text
}

fn object(arguments: &Publish, state: State, draft: &Draft, left_out: u64, went: Went) -> Value {
    let state = match state {
        State::Published => "published",
        State::Again => "completed",
        State::Already => "already_published",
        State::WouldBe => "dry_run",
    };
    json!({
        "state": state,
        "group": arguments.group,
        "version": went.version,
        "staged": arguments.staged,
        "products": draft.products(),
        "changed": draft.differing.changed,
        "added": draft.differing.added,
        "removed": draft.differing.removed,
        "left_out": left_out,
        "snapshot_bytes": draft.snapshot_bytes(),
        "delta_bytes": draft.delta_bytes(),
        "sent_chunks": went.chunks,
        "sent_bytes": went.bytes,
        "cleared_chunks": went.cleared,
    })
}
