//! Scripts of what head office asks, with a store that is a few variables and may fail.

use super::*;
use crate::sync::keys::{Key, RoleKeys};
use crate::sync::sign::{SecretKey, seal};
use crate::sync::topics::{Name, Role};
use crate::sync::wire::{self, Message};
use jiff::ToSpan;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

fn start() -> Timestamp {
    "2026-11-26T08:00:00Z".parse().unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn site() -> Site {
    Site { tenant: name("acme"), store: name("s042"), kiosk: name("k1"), group: name("north") }
}

fn secret(role: Role) -> SecretKey {
    SecretKey::from_seed(&[role as u8 + 1; 32])
}

fn keys(version: u64) -> KeyList {
    let mut list = KeyList {
        version,
        issued: start() - 24.hours(),
        expires: start() + 240.hours(),
        previous: None,
        keys: BTreeMap::new(),
        roles: BTreeMap::new(),
    };
    for role in Role::ALL {
        let public = secret(role).public();
        list.keys.insert(public.id(), Key { ed25519: public, not_after: None });
        list.roles.insert(role, RoleKeys { keys: vec![public.id()], threshold: 1 });
    }
    list
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn command(n: u128, what: Action) -> Command {
    Command { id: id(n), expires: start() + 1.hour(), what }
}

const ENGINES: Action = Action::Restart { what: Restart::Engines };
const PROGRAM: Action = Action::Restart { what: Restart::Program };
const MACHINE: Action = Action::Restart { what: Restart::Machine };

fn sealed_by(role: Role, version: u64, items: Vec<Command>) -> Bytes {
    let list = Commands { version, issued: start(), items: items.into() };
    let topic = site().own(Line::Commands);
    assert_eq!(Commands::KIND.role(), Some(Role::Command));
    if role == Role::Command {
        return seal(&list, &topic, &site().tenant, &[&secret(role)]).unwrap().into();
    }
    // As a forger would who holds another key: the header names it.
    let body = wire::write(&list).unwrap();
    let scope = topic.scope(&site().tenant);
    crate::sync::sign::seal_body(&body, Commands::KIND, &scope, &[&secret(role)]).unwrap().into()
}

fn sealed(version: u64, items: Vec<Command>) -> Bytes {
    sealed_by(Role::Command, version, items)
}

/// The docket, and a store that outlives it.
struct Kiosk {
    docket: Docket,
    may_reboot: bool,
    boot: &'static str,
    world: World,
    now: Now,
    disk: Stored,
    /// How many writes fail from now on.
    failing: u32,
    /// What was done, and told.
    done: Vec<Action>,
    told: Vec<Outcome>,
    released: Vec<u64>,
    keys_read: u32,
    not_taken: u32,
    /// What comes of what is done; `None`: the program ends in the middle of it.
    result: Option<Result<Vec<String>, String>>,
    is_dead: bool,
}

impl Kiosk {
    fn new() -> Self {
        Self::with_keys(Some(keys(1)))
    }

    fn with_keys(keys: Option<KeyList>) -> Self {
        let now = Now { clock: start(), up: Duration::ZERO };
        let world = World { keys, ..World::default() };
        let setup = Setup { site: site(), may_reboot: false, boot: "one".into() };
        let mut kiosk = Self {
            docket: Docket::new(setup, Stored::default()),
            may_reboot: false,
            boot: "one",
            world,
            now,
            disk: Stored::default(),
            failing: 0,
            done: Vec::new(),
            told: Vec::new(),
            released: Vec::new(),
            keys_read: 0,
            not_taken: 0,
            result: Some(Ok(Vec::new())),
            is_dead: false,
        };
        kiosk.stands();
        kiosk
    }

    fn stands(&mut self) {
        self.tell(Event::Stands(self.world.clone()));
    }

    /// The program is started anew.
    fn restart(&mut self) {
        let setup = Setup { site: site(), may_reboot: self.may_reboot, boot: self.boot.into() };
        self.docket = Docket::new(setup, self.disk.clone());
        self.is_dead = false;
        self.tell(Event::Tick);
        self.stands();
    }

    fn writes(&mut self) -> bool {
        let fails = self.failing > 0;
        self.failing = self.failing.saturating_sub(1);
        !fails
    }

    fn tell(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for order in update(&mut self.docket, event, self.now) {
                if self.is_dead {
                    return;
                }
                events.extend(self.perform(order));
            }
        }
    }

    fn perform(&mut self, order: Order) -> Option<Event> {
        match order {
            Order::Remember { marks, .. } => {
                self.disk.marks.extend(marks);
                None
            }
            Order::Begin(command) => {
                if !self.writes() {
                    return Some(Event::Unwritten(command.id));
                }
                let what = word(&command.what).to_owned();
                self.disk.begun.push(Begun { id: command.id, what, boot: self.boot.into() });
                self.act(command)
            }
            Order::Do(command) => self.act(command),
            Order::Answer(outcome) => {
                let id = told_of(&outcome);
                if !self.writes() {
                    return Some(Event::Unwritten(id));
                }
                assert!(self.disk.answered.insert(id), "{id} is answered once");
                self.disk.begun.retain(|begun| begun.id != id);
                self.told.push(outcome);
                Some(Event::Answered(id))
            }
            Order::Release(version) => {
                self.released.push(version);
                None
            }
            Order::ReadKeys => {
                self.keys_read += 1;
                None
            }
            Order::NotTaken(_) => {
                self.not_taken += 1;
                None
            }
        }
    }

    fn act(&mut self, command: Command) -> Option<Event> {
        self.done.push(command.what);
        self.is_dead = self.result.is_none();
        Some(Event::Did(command.id, self.result.clone()?))
    }

    fn hears(&mut self, payload: Bytes) {
        self.tell(Event::Heard(payload));
    }

    /// Time passes, with what is due in between.
    fn waits(&mut self, time: Duration) {
        let end = self.now.up + time;
        while let Some(wake) = self.docket.wake(self.now).filter(|wake| *wake <= end) {
            // What is due at once and changes nothing would spin.
            self.pass(wake.saturating_sub(self.now.up).max(Duration::from_millis(1)));
            self.tell(Event::Tick);
        }
        self.pass(end.saturating_sub(self.now.up));
    }

    fn pass(&mut self, time: Duration) {
        self.now.up += time;
        self.now.clock += jiff::SignedDuration::try_from(time).unwrap();
    }
}

#[test]
fn commands_are_done_in_order_and_once_however_often_they_come() {
    let mut kiosk = Kiosk::new();
    let list = sealed(5, vec![command(1, ENGINES), command(2, Action::Diagnose)]);
    kiosk.result = Some(Ok(vec!["disk:\nfull".into(), String::new()]));
    for _ in 0..3 {
        kiosk.hears(list.clone());
    }
    kiosk.restart();
    kiosk.hears(list);
    kiosk.hears(sealed(6, vec![command(2, Action::Diagnose), command(1, ENGINES)]));
    assert_eq!(kiosk.done, [ENGINES, Action::Diagnose]);
    let findings = vec!["disk: full".to_owned()];
    let done = |n| Outcome::Done { command: id(n), findings: findings.clone() };
    assert_eq!(kiosk.told, [done(1), done(2)]);
    assert_eq!(kiosk.docket.wake(kiosk.now), None, "nothing is left to do");
}

#[test]
fn an_older_list_and_one_of_another_key_say_nothing() {
    let mut kiosk = Kiosk::new();
    kiosk.hears(sealed(5, Vec::new()));
    kiosk.hears(sealed(4, vec![command(1, ENGINES)]));
    kiosk.hears(sealed_by(Role::Catalog, 6, vec![command(2, ENGINES)]));
    kiosk.hears(Bytes::from_static(b"{}\n{}"));
    kiosk.hears(Bytes::new());
    let mut damaged = sealed(7, vec![command(3, ENGINES)]).to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    kiosk.hears(damaged.into());
    assert_eq!((kiosk.not_taken, kiosk.done.len(), kiosk.told.len()), (4, 0, 0));
    kiosk.restart();
    kiosk.hears(sealed(4, vec![command(1, ENGINES)]));
    assert!(kiosk.done.is_empty(), "nor after a restart");
}

#[test]
fn a_list_that_comes_before_the_keys_waits_for_them() {
    let mut kiosk = Kiosk::with_keys(None);
    kiosk.hears(sealed(1, vec![command(1, Action::Diagnose)]));
    assert!(kiosk.done.is_empty());
    kiosk.world.keys = Some(keys(1));
    kiosk.stands();
    assert_eq!(kiosk.done, [Action::Diagnose]);
}

#[test]
fn what_is_expired_or_unknown_is_refused_by_its_id_and_the_others_are_done() {
    let mut kiosk = Kiosk::new();
    let items = json!({"version": 1, "issued": start(), "items": [
        {"id": id(1), "expires": start(), "kind": "diagnose"},
        {"id": id(2), "expires": start() + 1.hour(), "kind": "sing"},
        {"expires": start() + 1.hour(), "kind": "sing"},
        {"id": id(3), "expires": start() + 1.hour(), "kind": "stage", "version": 0},
        {"id": id(4), "expires": start() + 1.hour(), "kind": "diagnose"},
    ]});
    let scope = site().own(Line::Commands).scope(&site().tenant);
    let body = items.to_string();
    let key = secret(Role::Command);
    let list = crate::sync::sign::seal_body(body.as_bytes(), Commands::KIND, &scope, &[&key]).unwrap();
    kiosk.hears(list.into());
    let refused: Vec<u128> = kiosk
        .told
        .iter()
        .filter_map(|told| match told {
            Outcome::Refused { command, why } => {
                assert!(!why.is_empty());
                Some(command.as_u128())
            }
            _ => None,
        })
        .collect();
    assert_eq!(refused, [1, 2, 3]);
    assert!(matches!(&kiosk.told[1], Outcome::Done { command, .. } if *command == id(4)), "{:?}", kiosk.told);
    assert!(matches!(&kiosk.told[2], Outcome::Refused { why, .. } if why.contains("sing")));
}

/// A clock that is behind does not bring back what expired by a time that head office signed.
#[test]
fn expiry_goes_by_the_newest_time_that_was_signed() {
    let mut kiosk = Kiosk::new();
    kiosk.world.signed = Some(start() + 2.hours());
    kiosk.stands();
    kiosk.hears(sealed(1, vec![command(1, ENGINES)]));
    assert!(matches!(kiosk.told[..], [Outcome::Refused { .. }]));
    assert!(kiosk.done.is_empty());
}

#[test]
fn a_restart_of_the_program_is_done_once_and_answered_at_the_next_start() {
    let mut kiosk = Kiosk::new();
    let list = sealed(1, vec![command(1, PROGRAM), command(2, Action::Diagnose)]);
    kiosk.result = None;
    kiosk.hears(list.clone());
    assert!(kiosk.told.is_empty() && kiosk.is_dead);
    kiosk.result = Some(Ok(Vec::new()));
    for _ in 0..3 {
        kiosk.restart();
        kiosk.hears(list.clone());
    }
    assert_eq!(kiosk.done, [PROGRAM, Action::Diagnose]);
    let done = |n| Outcome::Done { command: id(n), findings: Vec::new() };
    assert_eq!(kiosk.told, [done(1), done(2)]);
}

#[test]
fn the_machine_is_restarted_only_where_the_settings_let_it_be() {
    let mut kiosk = Kiosk::new();
    kiosk.hears(sealed(1, vec![command(1, MACHINE)]));
    assert!(matches!(&kiosk.told[..], [Outcome::Refused { why, .. }] if why.contains("sync.allow_reboot")));
    kiosk.may_reboot = true;
    kiosk.restart();
    kiosk.result = None;
    kiosk.hears(sealed(2, vec![command(2, MACHINE)]));
    assert_eq!(kiosk.done, [MACHINE]);
    kiosk.boot = "two";
    kiosk.restart();
    assert_eq!(kiosk.told[1], Outcome::Done { command: id(2), findings: Vec::new() });
    kiosk.hears(sealed(3, vec![command(3, MACHINE)]));
    kiosk.restart();
    assert!(matches!(kiosk.told[2], Outcome::Failed { .. }), "the machine did not restart");
    assert_eq!(kiosk.done, [MACHINE, MACHINE]);
}

#[test]
fn what_ends_the_program_is_not_tried_again() {
    let mut kiosk = Kiosk::new();
    let list = sealed(1, vec![command(1, Action::Diagnose)]);
    kiosk.result = None;
    kiosk.hears(list.clone());
    kiosk.restart();
    kiosk.hears(list);
    assert_eq!(kiosk.done, [Action::Diagnose]);
    assert!(matches!(&kiosk.told[..], [Outcome::Failed { why, .. }] if why.contains("ended")));
}

#[test]
fn a_bundle_is_released_and_answered_once_it_is_in_use() {
    let mut kiosk = Kiosk::new();
    let stage = |n, version| command(n, Action::Stage { version });
    kiosk.hears(sealed(1, vec![stage(1, 7), command(2, Action::Diagnose)]));
    assert_eq!((kiosk.released.as_slice(), kiosk.done.len()), (&[7][..], 1), "it holds up no other");
    kiosk.restart();
    kiosk.hears(sealed(1, vec![stage(1, 7), command(2, Action::Diagnose)]));
    assert_eq!(kiosk.released, [7, 7], "a new program is told anew");
    kiosk.world.carried = Some(6);
    kiosk.stands();
    assert_eq!(kiosk.told.len(), 1);
    kiosk.world.carried = Some(7);
    kiosk.stands();
    assert_eq!(kiosk.told[1], Outcome::Done { command: id(1), findings: Vec::new() });
    // What is refused fails, what never comes expires.
    kiosk.hears(sealed(2, vec![stage(3, 8)]));
    kiosk.world.refused = Some((8, "the rows do not fit".into()));
    kiosk.stands();
    let why = "the rows do not fit".to_owned();
    assert_eq!(kiosk.told[2], Outcome::Failed { command: id(3), why });
    kiosk.hears(sealed(3, vec![stage(4, 9)]));
    kiosk.waits(Duration::from_secs(3_700));
    assert!(matches!(&kiosk.told[3], Outcome::Refused { why, .. } if why.contains("expired")));
}

#[test]
fn newer_keys_are_asked_for_and_waited_for() {
    let mut kiosk = Kiosk::new();
    kiosk.hears(sealed(1, vec![command(1, Action::RotateKeys { at_least: 1 })]));
    assert_eq!((kiosk.told.len(), kiosk.keys_read), (1, 0), "they are here already");
    kiosk.hears(sealed(2, vec![command(2, Action::RotateKeys { at_least: 2 })]));
    kiosk.waits(Duration::from_secs(600));
    assert_eq!((kiosk.told.len(), kiosk.keys_read), (1, 1));
    kiosk.world.keys = Some(keys(2));
    kiosk.stands();
    assert!(matches!(kiosk.told[1], Outcome::Done { .. }));
    kiosk.hears(sealed(3, vec![command(3, Action::RotateKeys { at_least: 9 })]));
    kiosk.waits(Duration::from_secs(3_700));
    assert!(matches!(&kiosk.told[2], Outcome::Refused { why, .. } if why.contains("key list 2")));
}

#[test]
fn what_cannot_be_written_down_is_not_begun_and_tried_again() {
    let mut kiosk = Kiosk::new();
    kiosk.failing = 3;
    kiosk.hears(sealed(1, vec![command(1, ENGINES)]));
    assert!(kiosk.done.is_empty());
    kiosk.waits(Duration::from_secs(60));
    assert_eq!((kiosk.done.as_slice(), kiosk.told.len()), (&[ENGINES][..], 1));
    kiosk.hears(sealed(2, vec![command(2, Action::PinVersion { version: Some(3) })]));
    assert_eq!((kiosk.done.len(), kiosk.told.len()), (2, 2));
    // The answer alone cannot be written: it is done once all the same.
    kiosk.failing = 0;
    kiosk.result = Some(Err("no\nmemory".into()));
    kiosk.hears(sealed(3, vec![command(3, Action::PinVersion { version: None })]));
    assert_eq!(kiosk.told[2], Outcome::Failed { command: id(3), why: "no memory".into() });
}

#[test]
fn an_answer_is_as_long_as_it_may_be() {
    let mut kiosk = Kiosk::new();
    kiosk.result = Some(Ok(vec!["é".repeat(1_000); 500]));
    kiosk.hears(sealed(1, vec![command(1, Action::Diagnose)]));
    let Outcome::Done { findings, .. } = &kiosk.told[0] else { panic!("{:?}", kiosk.told) };
    assert_eq!((findings.len(), findings[0].chars().count()), (MAX_FINDINGS, MAX_FINDING));
    let bytes: usize = findings.iter().map(String::len).sum();
    assert!(bytes * 2 < crate::sync::topics::MAX_BATCH);
}

static LISTS: std::sync::LazyLock<Vec<Bytes>> = std::sync::LazyLock::new(|| {
    (1..=5_u64)
        .map(|version| sealed(version, vec![command(version.into(), ENGINES), command(9, ENGINES)]))
        .collect()
});

proptest! {
    // Some twenty lists each.
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn lists_out_of_order_doubled_and_changed_do_each_command_once(
        came in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::option::weighted(0.4, (any::<prop::sample::Index>(), 1_u8..)), any::<bool>()),
            10..30),
        failing in 0_u32..4, restart in 0_usize..40,
    ) {
        let mut kiosk = Kiosk::new();
        kiosk.failing = failing;
        for (at, (which, change, waits)) in came.into_iter().enumerate() {
            let mut payload = which.get(&LISTS).to_vec();
            if let Some((place, by)) = change {
                let place = place.index(payload.len());
                payload[place] ^= by;
            }
            kiosk.hears(payload.into());
            if waits {
                kiosk.waits(Duration::from_secs(30));
            }
            if at == restart {
                kiosk.restart();
            }
        }
        kiosk.hears(LISTS[4].clone());
        kiosk.waits(Duration::from_secs(300));
        // That none is answered twice the store itself asserts.
        let known: Vec<Uuid> = [1, 2, 3, 4, 5, 9].map(id).into();
        prop_assert!(kiosk.told.iter().all(|told| known.contains(&told_of(told))));
        prop_assert!(kiosk.done.len() <= known.len(), "{:?}", kiosk.done);
        for wanted in [id(5), id(9)] {
            prop_assert!(kiosk.disk.answered.contains(&wanted), "{wanted}");
        }
    }
}
