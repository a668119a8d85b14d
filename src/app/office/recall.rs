//! `aisle office recall` at a terminal: a stop of sale is asked for, lifted and listed. What a list
//! is and how it comes to the stores is `office`'s.

use super::Place;
use super::live::{Said, meant, once, say};
use crate::app::cli::{Recall as Command, RecallAdd};
use crate::office::keyring::whole;
use crate::office::live::desk::Next;
use crate::office::live::everywhere::Everywhere;
use crate::office::live::recalls::{self, Ask, Difference, Outcome};
use crate::office::live::record::{self, Record};
use crate::office::live::retained::unheard;
use crate::office::shelf;
use crate::sync::topics::Name;
use crate::sync::wire::live::{Recall, Recalls};
use crate::sync::wire::sifted::Item;
use anyhow::{Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Carries a command out; what to print.
pub(super) fn run(command: Command, place: &Place) -> Result<String> {
    match command {
        Command::Add(arguments) => add(arguments, place),
        Command::Lift { id, store, dry_run, json } => lift(id, &store, dry_run, json, place),
        Command::List { store, json } => list(&once(&store), json, place),
    }
}

fn add(arguments: RecallAdd, place: &Place) -> Result<String> {
    let RecallAdd { id, stores, sku, gtin, lot, text, replace, dry_run, json } = arguments;
    let since = whole(Timestamp::now());
    let recall = Recall { id: id.clone(), skus: sku, gtins: gtin, lot, text, since };
    recall.check()?;
    let for_all = stores.all_stores && !dry_run;
    let stores = meant(&stores, place)?;
    if for_all {
        // Before it is sent: also stores that are heard of later come to it.
        let _alone = shelf::hold(&place.folder)?;
        let mut everywhere = Everywhere::load(&place.folder)?;
        everywhere.add(&recall);
        everywhere.save(&place.folder)?;
    }
    let said = ask(&stores, &Ask::Add { recall, replace }, dry_run, place)?;
    Ok(tell(&id, &said, dry_run, json))
}

fn lift(id: Name, stores: &[Name], dry_run: bool, json: bool, place: &Place) -> Result<String> {
    let mut stores = once(stores);
    let mut everywhere = Everywhere::load(&place.folder)?;
    let stood = everywhere.lift(&id, &stores);
    if stood && !dry_run {
        let _alone = shelf::hold(&place.folder)?;
        everywhere.save(&place.folder)?;
    }
    if stores.is_empty() {
        for (store, record) in records(&[], place)? {
            if items(&record).iter().any(|item| item.id == id) {
                stores.push(store);
            }
        }
        if stores.is_empty() && stood {
            let lifted = format!("Recall {id} is lifted; it had come to no store yet.\n");
            return Ok(if json { tell(&id, &[], dry_run, json) } else { lifted });
        }
        ensure!(
            !stores.is_empty(),
            "recall {id} stands nowhere, as far as {} knows: see `aisle office recall list`, or name stores \
             with --store",
            place.folder.display()
        );
    }
    let said = ask(&stores, &Ask::Lift(id.clone()), dry_run, place)?;
    Ok(tell(&id, &said, dry_run, json))
}

fn ask(stores: &[Name], ask: &Ask, dry_run: bool, place: &Place) -> Result<Vec<Said<Difference>>> {
    say::<Recalls, _>(place, stores, dry_run, |store, _, bases, now| {
        let (plan, told) = recalls::plan(store, bases, ask, now)?;
        Ok((Next { plan, group: None }, told))
    })
}

fn tell(id: &Name, all: &[Said<Difference>], dry_run: bool, as_json: bool) -> String {
    if as_json {
        let one = |said: &Said<Difference>| {
            let Difference { before, after, outcome } = said.told;
            json!({"store": said.store, "outcome": outcome, "version": said.version,
                "before": before, "after": after, "messages": said.messages})
        };
        let stores: Vec<Value> = all.iter().map(one).collect();
        let state = if dry_run { "dry_run" } else { "sent" };
        return format!("{}\n", json!({"state": state, "id": id, "stores": stores}));
    }
    let mut text = String::new();
    for Said { store, messages, version, told: Difference { before, after, outcome } } in all {
        let what = match (outcome, dry_run) {
            (Outcome::Added, false) => "stands now",
            (Outcome::Added, true) => "would stand",
            (Outcome::Replaced, false) => "says something else now",
            (Outcome::Replaced, true) => "would say something else",
            (Outcome::Lifted, false) => "is lifted",
            (Outcome::Lifted, true) => "would be lifted",
            (Outcome::AsBefore, _) => "is as before",
        };
        let again =
            if *outcome == Outcome::AsBefore && *messages > 0 && !dry_run { ", sent again" } else { "" };
        text += &format!(
            "{store}: recall {id} {what}{again}; recalls {after} (before: {before}), version {version}.\n"
        );
    }
    text
}

/// What was said to these stores, or to all.
fn records(stores: &[Name], place: &Place) -> Result<Vec<(Name, Record<Recalls>)>> {
    let all = record::stores(&place.folder)?;
    let chosen = all.into_iter().filter(|store| stores.is_empty() || stores.contains(store));
    chosen.map(|store| Ok((store.clone(), Record::load(&place.folder, &store)?))).collect()
}

fn items(record: &Record<Recalls>) -> Vec<Recall> {
    unheard(record).first().map(recalls::standing).unwrap_or_default()
}

fn list(stores: &[Name], as_json: bool, place: &Place) -> Result<String> {
    let records = records(stores, place)?;
    let rows = records
        .iter()
        .flat_map(|(store, record)| items(record).into_iter().map(move |item| (store, record.sent, item)));
    if as_json {
        let row = |(store, sent, item): (&Name, bool, Recall)| {
            let Recall { id, skus, gtins, lot, text, since } = item;
            json!({"store": store, "id": id, "skus": skus, "gtins": gtins, "lot": lot, "text": text,
                "since": since, "sent": sent})
        };
        let rows: Vec<Value> = rows.map(row).collect();
        return Ok(format!("{}\n", json!({"recalls": rows})));
    }
    let mut text = String::new();
    for (store, sent, item) in rows {
        let skus = item.skus.iter().map(ToString::to_string);
        let gtins = item.gtins.iter().map(|gtin| format!("GTIN {gtin}"));
        let products: Vec<String> = skus.chain(gtins).collect();
        let lot = item.lot.map(|lot| format!("; lot {lot}")).unwrap_or_default();
        text += &format!(
            "{store}  {}  since {}: {}{lot}\n  {}\n",
            item.id,
            item.since,
            products.join(", "),
            item.text
        );
        if !sent {
            text += "  ! not at the broker yet: `aisle office resend` sends it\n";
        }
    }
    Ok(if text.is_empty() { "No recall stands.\n".to_owned() } else { text })
}
