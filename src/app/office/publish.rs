//! `aisle office publish` at a terminal: a file to a bundle, tried, to the broker, and what was
//! done. What a bundle is and in which order it goes is `office`'s.

use super::{Place, replay};
use crate::app::cli::Publish;
use crate::app::folders::Folders;
use crate::app::shop;
use crate::domain::Cents;
use crate::office::bundle::{Draft, Extras};
use crate::office::content::{Imported, Taking};
use crate::office::keyring::Keyring;
use crate::office::publish::{self, New, Publishing, Went};
use crate::office::replay::Miss;
use crate::office::replay::verdict::{Figures, Record, Share, against};
use crate::office::shelf::{self, Shelf};
use crate::settings::Settings;
use crate::sync::enclosed::{Bodies, Enclosed};
use crate::sync::topics::Role;
use crate::sync::wire::catalog::FileName;
use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

/// Largest file that comes with a catalog, in bytes.
const LARGEST: u64 = 1 << 20;

/// Tries and publishes, and says what was done.
pub(super) fn run(
    arguments: &Publish,
    place: &Place,
    folders: &Folders,
    settings: &Settings,
) -> Result<ExitCode> {
    let tenant = place.tenant()?;
    let files = given(arguments)?;
    let extras = Extras { files: Some(&files), staged: arguments.staged };
    let taking = Taking {
        mapping: arguments.mapping.clone(),
        as_of: arguments.as_of.clone(),
        max_price_cents: Cents::from(settings.catalog.max_price) * 100,
        bad_share: settings.catalog.max_bad_share,
    };
    let try_it = |imported: &Imported, shelf: &Shelf| -> Result<Tried> {
        let (group, limits) = (&arguments.group, arguments.replay.limits());
        let record = replay::try_it(imported, &arguments.replay, group, place, folders, settings)?;
        let before = shelf.figures();
        let figures = before.as_ref().map(|(_, figures)| figures);
        let against = record.figures.as_ref().map(|own| against(own, figures, &limits)).unwrap_or_default();
        Ok(Tried { record, before, against })
    };
    if arguments.dry_run {
        let shelf = Shelf::look(&place.folder, &arguments.group)?;
        let room = tempfile::tempdir()?;
        let Packed { imported, draft } = pack(arguments, &taking, &shelf, extras, room.path())?;
        let left_out = imported.report.rejected_lines;
        let ring = Keyring::open(&place.folder, &tenant).ok();
        let signers = ring.map(|ring| signers(&ring)).transpose()?.unwrap_or_default();
        let newest = shelf.newest().map_or(0, |newest| newest.manifest.version);
        let same = shelf.newest().is_some_and(|newest| draft.is(newest, &signers, Timestamp::now()));
        let (state, version) = if same { (State::Already, newest) } else { (State::WouldBe, newest + 1) };
        let tried = if same { None } else { Some(try_it(&imported, &shelf)?) };
        let went = Went { version, ..Went::default() };
        return Ended { arguments, state, draft: &draft, left_out, went, tried: tried.as_ref() }.tell();
    }
    // What is missing is said before the long work.
    let connection = place.connection("office")?;
    let ring = Keyring::open(&place.folder, &tenant)?;
    let signers = signers(&ring)?;
    let mut shelf = Shelf::open(&place.folder, &arguments.group)?;
    let room = shelf.room()?;
    let Packed { imported, draft } = pack(arguments, &taking, &shelf, extras, room.path())?;
    let left_out = imported.report.rejected_lines;
    let newest = shelf.newest().filter(|newest| draft.is(newest, &signers, Timestamp::now()));
    let same = newest.map(|newest| newest.manifest.version);
    if let Some(version) = same.filter(|_| shelf.is_done(&ring.chain()) && !arguments.again) {
        let went = Went { version, ..Went::default() };
        let state = State::Already;
        return Ended { arguments, state, draft: &draft, left_out, went, tried: None }.tell();
    }
    // What is written down already was tried before that.
    let tried = if same.is_none() { Some(try_it(&imported, &shelf)?) } else { None };
    drop(imported);
    if tried.as_ref().is_some_and(|tried| !tried.against.is_empty()) {
        let (state, went) = (State::Refused, Went::default());
        return Ended { arguments, state, draft: &draft, left_out, went, tried: tried.as_ref() }.tell();
    }
    let told = draft.clone();
    let new =
        tried.as_ref().map(|tried| New { draft, room: room.path(), record: Some(tried.record.clone()) });
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
    Ended { arguments, state, draft: &told, left_out, went, tried: tried.as_ref() }.tell()
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

/// The files that are to come with the catalog, read through: here nothing is passed over.
fn given(arguments: &Publish) -> Result<Bodies> {
    let Publish { facts, menu, prompts, .. } = arguments;
    let named = [(FileName::Facts, facts), (FileName::Menu, menu), (FileName::Prompts, prompts)];
    let mut bodies = Bodies::new();
    for (name, path) in named {
        let Some(path) = path else { continue };
        let body = bytes(path)?;
        // An empty one takes it away.
        if !body.is_empty() {
            let path = path.display();
            let own = Bodies::from([(name, body.clone())]);
            let enclosed = Enclosed::read(&own).with_context(|| path.to_string())?;
            let unknown: Vec<String> = enclosed.unknown().into_iter().map(|(_, key)| key).collect();
            ensure!(unknown.is_empty(), "{path}: nothing is known of {}", unknown.join(", "));
        }
        bodies.insert(name, body);
    }
    Ok(bodies)
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", path.display());
    let mut bytes = Vec::new();
    fs::File::open(path)
        .with_context(cannot)?
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .with_context(cannot)?;
    ensure!(bytes.len() as u64 <= LARGEST, "{} is larger than {LARGEST} bytes", path.display());
    Ok(bytes)
}

/// A file as it was read, and its bundle.
struct Packed {
    imported: Imported,
    draft: Draft,
}

fn pack(
    arguments: &Publish,
    taking: &Taking,
    shelf: &Shelf,
    extras: Extras<'_>,
    room: &Path,
) -> Result<Packed> {
    let imported = Imported::read(&arguments.file, taking, room)?;
    for note in &imported.notes {
        writeln!(io::stderr(), "aisle: {note}")?;
    }
    for bad in &imported.report.rejected {
        writeln!(io::stderr(), "aisle: left out {bad}")?;
    }
    let draft = imported.look(|content| Draft::pack(content, shelf, extras, room))?;
    let enclosed = draft.enclosed(shelf, room)?;
    imported.enclose(&enclosed)?;
    let synonyms = Enclosed::read(&enclosed)?.synonyms;
    for idle in synonyms.idle(&shop::menu(imported.catalog())?) {
        writeln!(io::stderr(), "aisle: the menu's synonyms: {idle}")?;
    }
    Ok(Packed { imported, draft })
}

/// A catalog that was tried.
struct Tried {
    record: Record,
    /// The figures before, and of which version.
    before: Option<(u64, Figures)>,
    /// All that speaks against publishing it.
    against: Vec<String>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It does not answer well enough.
    Refused,
    Published,
    /// What was cut off, or is sent once more.
    Again,
    Already,
    WouldBe,
}

/// A publishing as it ended.
struct Ended<'a> {
    arguments: &'a Publish,
    state: State,
    draft: &'a Draft,
    left_out: u64,
    went: Went,
    tried: Option<&'a Tried>,
}

impl Ended<'_> {
    /// Says what came of it; with what the program ends.
    fn tell(&self) -> Result<ExitCode> {
        let text = if self.arguments.json {
            format!("{}\n", self.object())
        } else {
            self.tried.map_or_else(String::new, lines) + &self.said()
        };
        super::print(&text)?;
        let Some(tried) = self.tried.filter(|tried| !tried.against.is_empty()) else {
            return Ok(ExitCode::SUCCESS);
        };
        let verb = if self.state == State::WouldBe { "would not be" } else { "is not" };
        let (group, why) = (&self.arguments.group, tried.against.join("; "));
        writeln!(io::stderr(), "aisle: the catalog {verb} published to {group}: {why}")?;
        Ok(ExitCode::FAILURE)
    }

    /// For people.
    fn said(&self) -> String {
        let Self { arguments, state, draft, left_out, went, .. } = self;
        let (version, group) = (went.version, &arguments.group);
        let first = match state {
            State::Refused => return String::new(),
            State::Published => format!("Version {version} is published to {group}"),
            State::Again => format!("Version {version} is now wholly published to {group}"),
            State::Already => {
                return format!("This is already published to {group}, as version {version}.\n");
            }
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
        if *state != State::WouldBe {
            text += &format!(
                "Chunks sent: {}, {} bytes; old ones cleared: {}.\n",
                went.chunks, went.bytes, went.cleared
            );
        }
        text
    }

    /// For programs.
    fn object(&self) -> Value {
        let Self { arguments, state, draft, left_out, went, tried } = self;
        let state = match state {
            State::Refused => "refused",
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
            "replay": tried.map(|Tried { record, before, against }| json!({
                "figures": record.figures,
                "skipped": record.skipped,
                "before": before.as_ref().map(|(version, figures)| json!({"version": version, "figures": figures})),
                "against": against,
                "misses": record.misses,
            })),
        })
    }
}

/// What trying it found, for people.
fn lines(tried: &Tried) -> String {
    let Tried { record: Record { figures, skipped, misses, .. }, before, against } = tried;
    let Some(figures) = figures else {
        return format!("Not tried: {}.\n", skipped.as_deref().unwrap_or_default());
    };
    let share = |name: &str, of: fn(&Figures) -> Share| {
        let percent = |figures: &Figures| of(figures).percent().map(|own| format!("{own:.1}"));
        let (right, was) = (percent(figures)?, before.as_ref().and_then(|(_, before)| percent(before)));
        let was = was.map_or_else(String::new, |was| format!(" (before: {was})"));
        Some(format!("{name} {right} % of {}{was}", of(figures).of))
    };
    let shares = [
        share("turns", |figures| figures.turns),
        share("names", |figures| figures.names),
        share("honest no's", |figures| figures.honest),
    ];
    let shares = shares.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let was =
        before.as_ref().map_or_else(String::new, |(_, before)| format!(" (before: {:.0})", before.p95_ms));
    let by = if figures.by_meaning { "" } else { "; by words, not by meaning" };
    let mut text = format!("Tried: {shares}; 95 of 100 within {:.0} ms{was}{by}.\n", figures.p95_ms);
    if !against.is_empty() {
        text.extend(
            misses.iter().map(|Miss { play, says, why, .. }| format!("  ! {play}: {says:?}: {why}\n")),
        );
    }
    text
}
