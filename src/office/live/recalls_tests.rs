use super::*;
use crate::office::live::retained::Heard;
use crate::sync::accept::Signed;
use crate::sync::wire::samples::{at, name, sku};

fn now() -> Timestamp {
    at("2026-11-26T09:00:00Z")
}

fn recall(id: &str, product: &str) -> Recall {
    let text = "The maker recalls it.".to_owned();
    Recall { id: name(id), skus: vec![sku(product)], gtins: Vec::new(), lot: None, text, since: now() }
}

fn add(id: &str, product: &str) -> Ask {
    Ask::Add { recall: recall(id, product), replace: false }
}

fn ask(bases: &[Base<Recalls>], ask: &Ask) -> Result<(Plan<Recalls>, Difference), LiveError> {
    plan(&name("s042"), bases, ask, now())
}

fn after(plan: &Plan<Recalls>) -> Vec<Base<Recalls>> {
    let heard = |message: &Recalls| Heard { message: message.clone(), counts: true, is_current: true };
    plan.shards.iter().map(|own| Base::of(own.as_ref(), own.as_ref().map(heard))).collect()
}

fn list(plan: &Plan<Recalls>) -> Vec<String> {
    let items = plan.shards.iter().flatten().flat_map(|message| &message.items.items);
    items.map(|item| format!("{} {}", item.id, item.skus[0])).collect()
}

#[test]
fn a_recall_comes_stays_and_goes() {
    let (first, told) = ask(&[], &add("milk", "A")).unwrap();
    assert_eq!((told.before, told.after, told.outcome), (0, 1, Outcome::Added));
    assert_eq!((list(&first), first.send.clone()), (vec!["milk A".to_owned()], vec![0]));
    let (second, told) = ask(&after(&first), &add("nuts", "B")).unwrap();
    assert_eq!((told.after, second.shards[0].as_ref().unwrap().version()), (2, 2));
    // Said again, later: nothing changes, not even since when it stands.
    let mut later = recall("milk", "A");
    later.since = at("2026-11-27T09:00:00Z");
    let (same, told) = ask(&after(&second), &Ask::Add { recall: later, replace: false }).unwrap();
    assert_eq!((told.outcome, same.send.len(), same.new), (Outcome::AsBefore, 0, 0));
    let (third, told) = ask(&after(&second), &Ask::Lift(name("milk"))).unwrap();
    assert_eq!((told.before, told.after, told.outcome), (2, 1, Outcome::Lifted));
    assert_eq!(list(&third), ["nuts B"]);
    let (fourth, _) = ask(&after(&third), &Ask::Lift(name("nuts"))).unwrap();
    let last = fourth.shards[0].as_ref().unwrap();
    assert_eq!((last.version, last.items.len()), (4, 0), "an empty list lifts all");
    let (fifth, told) = ask(&after(&fourth), &Ask::Lift(name("nuts"))).unwrap();
    assert_eq!((told.outcome, fifth.send.len()), (Outcome::AsBefore, 0));
    let (nothing, _) = ask(&[], &Ask::Lift(name("nuts"))).unwrap();
    assert_eq!((nothing.shards.len(), nothing.send.len()), (0, 0));
}

#[test]
fn another_recall_of_one_name_takes_no_place_by_mistake() {
    let (first, _) = ask(&[], &add("milk", "A")).unwrap();
    let error = ask(&after(&first), &add("milk", "B")).unwrap_err().to_string();
    assert!(error.contains("s042") && error.contains("milk") && error.contains("--replace"), "{error}");
    let replace = Ask::Add { recall: recall("milk", "B"), replace: true };
    let (second, told) = ask(&after(&first), &replace).unwrap();
    assert_eq!((told.outcome, list(&second)), (Outcome::Replaced, vec!["milk B".to_owned()]));
}

#[test]
fn no_more_stand_than_a_message_holds() {
    let mut bases = Vec::new();
    for n in 0..MAX_RECALLS {
        bases = after(&ask(&bases, &add(&format!("r{n}"), "A")).unwrap().0);
    }
    let error = ask(&bases, &add("one-more", "A")).unwrap_err().to_string();
    assert!(error.contains("lift one first"), "{error}");
    assert!(ask(&bases, &add("r7", "A")).is_ok());
}

#[test]
fn what_either_of_two_folders_stops_is_stopped() {
    let (first, _) = ask(&[], &add("milk", "A")).unwrap();
    let (here, _) = ask(&after(&first), &add("nuts", "B")).unwrap();
    let there = Ask::Add { recall: recall("milk", "C"), replace: true };
    let (there, _) = ask(&after(&first), &there).unwrap();
    let heard = Heard { message: there.shards[0].clone().unwrap(), counts: true, is_current: true };
    let base = Base::of(here.shards[0].as_ref(), Some(heard));
    let (joined, told) = ask(&[base], &Ask::Nothing).unwrap();
    assert_eq!((told.before, joined.new, joined.shards[0].as_ref().unwrap().version), (2, 1, 3));
    let items = &joined.shards[0].as_ref().unwrap().items.items;
    let milk = items.iter().find(|item| item.id == name("milk")).unwrap();
    assert_eq!(milk.skus, [sku("A"), sku("C")]);
}

#[test]
fn what_is_to_stand_joins_what_does_once() {
    let (first, _) = ask(&[], &add("milk", "A")).unwrap();
    let all = Ask::Stand(vec![recall("milk", "Z"), recall("nuts", "B")]);
    let (second, told) = ask(&after(&first), &all).unwrap();
    assert_eq!(
        (told.outcome, list(&second)),
        (Outcome::Added, vec!["milk A".to_owned(), "nuts B".to_owned()])
    );
    let (third, told) = ask(&after(&second), &all).unwrap();
    assert_eq!((told.outcome, third.send), (Outcome::AsBefore, vec![]));
}
