use super::*;
use crate::office::judge::{Verdict, judge};
use crate::store::{Effect, KioskRow, OfficeBatch, OfficeEvent};
use crate::sync::digest::Digest;
use crate::sync::sign::{SecretKey, seal};
use crate::sync::topics::Topic;
use crate::sync::wire::event::{Refusal, Way};
use crate::sync::wire::samples;
use crate::sync::wire::status::Carried;
use jiff::ToSpan;
use tempfile::TempDir;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn start() -> Timestamp {
    "2026-11-26T08:00:00Z".parse().unwrap()
}

/// Head office's folder with a shelf and a database.
struct Folder {
    folder: TempDir,
    shelf: Shelf,
    office: Office,
    events: u64,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path(), &name("north")).unwrap();
        let office = Office::open(folder.path()).unwrap();
        Self { folder, shelf, office, events: 0 }
    }

    fn publish(&mut self, version: u64, content: &str, staged: bool) {
        let root = Digest::of(content.as_bytes());
        let manifest =
            Manifest { version, root, staged, deltas: Vec::new(), files: Vec::new(), ..samples::manifest() };
        let topic = Topic::Manifest { group: name("north") };
        let sealed = seal(&manifest, &topic, &name("acme"), &[&SecretKey::from_seed(&[7; 32])]).unwrap();
        let room = self.shelf.room().unwrap();
        self.shelf.write_down(room.path(), sealed).unwrap();
    }

    fn hears(&self, store: &str, catalog: u64, at: Timestamp, online: bool) {
        let mut report = samples::status().report.unwrap();
        report.catalog = Some(Carried { version: catalog, root: Digest::of(b"x") });
        let report = online.then(|| serde_json::to_string(&report).unwrap());
        let connection = Uuid::nil();
        let (store, kiosk) = (store.to_owned(), "k1".to_owned());
        let row = KioskRow { store, kiosk, connection, online, seen_at: at, report };
        assert!(self.office.hear(&row).unwrap());
    }

    fn happens<T: serde::Serialize>(&mut self, store: &str, lane: &'static str, what: &T, at: Timestamp) {
        let body = serde_json::to_value(what).unwrap();
        self.events += 1;
        let event = OfficeEvent {
            id: Uuid::now_v7(),
            seq: self.events,
            kind: body["kind"].as_str().unwrap().to_owned(),
            made_at: at,
            body: body.to_string(),
            effect: Effect::Nothing,
        };
        let (store, kiosk) = (store.to_owned(), "k1".to_owned());
        let batch = OfficeBatch { store, kiosk, outbox: Uuid::nil(), lane, events: vec![event] };
        self.office.file(&[batch], at).unwrap();
    }

    fn searches(&mut self, store: &str, count: u64, no_match: bool, at: Timestamp) {
        for _ in 0..count {
            let searched = Telemetry::Searched { found: 1, no_match, other_size: false };
            self.happens(store, "telemetry", &searched, at);
        }
    }

    fn begin(&self, version: u64, first: &[&str]) -> Result<Rollout, RolloutError> {
        let first = first.iter().map(|store| name(store)).collect();
        let limits = Limits { least: 10, ..Limits::default() };
        let wanted = Wanted { group: name("north"), version, first, limits, days: 7 };
        Rollout::begin(wanted, &self.shelf, &self.office, start())
    }
}

/// With version 1 for all and version 2 for those who are told.
fn staged() -> Folder {
    let mut folder = Folder::new();
    folder.publish(1, "one", false);
    folder.publish(2, "two", true);
    folder.hears("s1", 1, start(), true);
    folder.hears("s2", 1, start(), true);
    folder
}

#[test]
fn only_what_waits_and_is_the_newest_is_rolled_out_to_kiosks_that_are_known() {
    let why =
        |folder: &Folder, version, first: &[&str]| folder.begin(version, first).unwrap_err().to_string();
    assert!(why(&Folder::new(), 1, &["s1"]).contains("--staged"));
    let mut folder = staged();
    assert!(why(&folder, 1, &["s1"]).contains("that is 2"));
    assert!(why(&folder, 2, &["s9"]).contains("collect"));
    assert_eq!(folder.begin(2, &["s1"]).unwrap().members.len(), 1);
    folder.publish(3, "three", false);
    assert!(why(&folder, 3, &["s1"]).contains("waits for nobody"));
}

#[test]
fn the_first_kiosks_are_told_and_judged_by_what_they_did_before() {
    let mut folder = staged();
    folder.searches("s1", 20, false, start() - 5.hours());
    folder.searches("s1", 30, true, start() - 400.hours());
    folder.searches("s2", 30, true, start() - 5.hours());
    let mut rollout = folder.begin(2, &["s1"]).unwrap();
    assert_eq!((rollout.before.searched, rollout.before.found), (20, 20), "the same kiosk, seven days");
    let commands = rollout.commands();
    assert_eq!(commands, rollout.commands(), "asked again it is the same");
    let [(whose, Command { id, what: Action::Stage { version: 2 }, .. })] = &commands[..] else {
        panic!("{commands:?}")
    };
    assert_eq!(whose.to_string(), "s1/k1");
    let id = *id;
    let mut at =
        |folder: &Folder, minutes: i64| rollout.look(&folder.office, start() + minutes.minutes()).unwrap();
    let look = at(&folder, 1);
    assert_eq!((look.kiosks[0].has_it, look.held, look.since.searched), (false, None, 0));
    folder.happens("s1", "outcome", &Outcome::Done { command: id, findings: Vec::new() }, start());
    assert_eq!(at(&folder, 2).held, Some(0));
    folder.searches("s1", 20, true, start() + 4.minutes());
    folder.hears("s1", 2, start() + 5.minutes(), true);
    let look = at(&folder, 5);
    assert_eq!((look.held, look.since.searched, look.since.found), (Some(3), 20, 0));
    assert!(matches!(judge(&look, &rollout.limits), Verdict::Halt(_)));
}

#[test]
fn who_refuses_or_goes_away_is_seen() {
    let mut folder = staged();
    let mut rollout = folder.begin(2, &["s1", "s2"]).unwrap();
    let refused = |version| Telemetry::Refused { version, why: Refusal::Checks };
    folder.happens("s1", "telemetry", &refused(1), start() + 1.minute());
    folder.hears("s2", 1, start() + 1.minute(), false);
    let look = rollout.look(&folder.office, start() + 3.minutes()).unwrap();
    assert!(look.kiosks.iter().all(|kiosk| kiosk.refused.is_none() && !kiosk.is_silent), "{look:?}");
    folder.happens("s1", "telemetry", &refused(2), start() + 2.minutes());
    folder.hears("s1", 1, start() + 8.minutes(), true);
    let look = rollout.look(&folder.office, start() + 9.minutes()).unwrap();
    assert_eq!(look.kiosks[0].refused.as_deref(), Some("checks"));
    assert_eq!((look.kiosks[0].is_silent, look.kiosks[1].is_silent), (false, true));
    let applied = Telemetry::Applied { version: 2, ms: 1, bytes: 1, way: Way::Delta };
    folder.happens("s2", "telemetry", &applied, start());
}

#[test]
fn what_is_decided_is_done_once_and_gives_way_to_what_is_newer() {
    let mut folder = staged();
    let mut rollout = folder.begin(2, &["s1"]).unwrap();
    let version = |course| match course {
        Course::Publish(manifest) => manifest.version,
        other => panic!("{other:?}"),
    };
    rollout.phase = Phase::Releasing;
    assert_eq!(version(rollout.course(&folder.shelf)), 2);
    rollout.phase = Phase::Halting;
    assert_eq!(version(rollout.course(&folder.shelf)), 1);
    folder.publish(3, "one", false);
    assert_eq!(rollout.course(&folder.shelf), Course::Finish, "it was cut off there");
    rollout.phase = Phase::Releasing;
    assert_eq!(rollout.course(&folder.shelf), Course::Overtaken(3));
    folder.publish(4, "one", true);
    rollout.phase = Phase::Halting;
    assert_eq!(rollout.course(&folder.shelf), Course::Overtaken(4));
    let mut alone = Folder::new();
    alone.publish(1, "one", true);
    alone.hears("s1", 0, start(), true);
    let mut rollout = alone.begin(1, &["s1"]).unwrap();
    rollout.phase = Phase::Halting;
    assert_eq!(rollout.course(&alone.shelf), Course::Nothing);
}

#[test]
fn a_rollout_is_found_again_as_it_was() {
    let folder = staged();
    let rollout = folder.begin(2, &["s1"]).unwrap();
    let desk = Desk::open(folder.folder.path()).unwrap();
    assert_eq!(desk.read(&name("north")).unwrap(), None);
    desk.keep(&rollout).unwrap();
    assert!(matches!(Desk::open(folder.folder.path()), Err(RolloutError::File(FileError::Busy(_)))));
    drop(desk);
    let desk = Desk::open(folder.folder.path()).unwrap();
    assert_eq!(desk.read(&name("north")).unwrap(), Some(rollout));
    std::fs::write(folder.folder.path().join("rollouts/north"), "{").unwrap();
    assert!(desk.read(&name("north")).unwrap_err().to_string().contains("rollouts/north"));
}
