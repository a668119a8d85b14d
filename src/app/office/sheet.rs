//! `aisle office price` and `aisle office stock` at a terminal: a file to rows to the stores, and
//! what became of them. What counts and how it is parted is `office`'s.

use super::Place;
use super::live::{Said, meant, say};
use crate::app::cli::Sheet as Arguments;
use crate::domain::{Cents, Sku};
use crate::feeds::rows::RowsError;
use crate::office::content::MAX_PRICE_CENTS;
use crate::office::live::basis::Basis;
use crate::office::live::desk::Next;
use crate::office::live::file::{self, Taking};
use crate::office::live::record::Record;
use crate::office::live::sheets::{self, Difference, Row, Sheet};
use crate::settings::Settings;
use crate::sync::topics::Name;
use crate::sync::wire::live::{Counts, Prices};
use anyhow::{Result, anyhow};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

/// Most products named in a note.
const NAMED: usize = 5;

/// Sends prices; what to print.
pub(super) fn prices(arguments: &Arguments, place: &Place, settings: &Settings) -> Result<String> {
    run::<Prices>(arguments, place, settings, file::prices)
}

/// Sends counts; what to print.
pub(super) fn counts(arguments: &Arguments, place: &Place, settings: &Settings) -> Result<String> {
    run::<Counts>(arguments, place, settings, file::counts)
}

fn run<S: Sheet>(
    arguments: &Arguments,
    place: &Place,
    settings: &Settings,
    read: impl FnOnce(&Path, Taking) -> Result<Vec<S::Row>, RowsError>,
) -> Result<String> {
    let now = Timestamp::now();
    let as_of = arguments.as_of.as_ref().map(|text| file::as_of(text, now).map_err(|why| anyhow!(why)));
    let max_price_cents = (Cents::from(settings.catalog.max_price) * 100).min(MAX_PRICE_CENTS);
    let rows = read(&arguments.file, Taking { now, as_of: as_of.transpose()?, max_price_cents })?;
    let stores = meant(&arguments.stores, place)?;
    let mut groups: BTreeMap<Name, Name> = BTreeMap::new();
    let mut wanted: BTreeMap<Name, BTreeSet<Sku>> = BTreeMap::new();
    for store in &stores {
        let record = Record::<S>::load(&place.folder, store)?;
        let group = match arguments.group.clone().or_else(|| record.group.clone()) {
            Some(group) => group,
            None => remembered(place, store)?.map_or_else(|| "all".parse(), Ok)?,
        };
        let wanted =
            wanted.entry(group.clone()).or_insert_with(|| rows.iter().map(|row| row.sku().clone()).collect());
        wanted.extend(record.shards.iter().flatten().flat_map(S::rows).map(|row| row.sku().clone()));
        groups.insert(store.clone(), group);
    }
    let mut bases = BTreeMap::new();
    for (group, wanted) in wanted {
        let basis = Basis::read(&place.folder, &group, &wanted)?;
        note::<S>(arguments, &group, &basis, &rows)?;
        bases.insert(group, basis);
    }
    let said = say::<S, _>(place, &stores, arguments.dry_run, |store, _, before, now| {
        let group = groups.get(store).cloned();
        let basis = group.as_ref().and_then(|group| bases.get(group));
        let (plan, told) = sheets::plan(store, before, &rows, basis, now)?;
        let told = (told, basis.map_or(0, |basis| basis.version));
        Ok((Next { plan, group }, told))
    })?;
    Ok(tell::<S>(arguments, &groups, &said))
}

/// The group that prices or counts were sent for last.
fn remembered(place: &Place, store: &Name) -> Result<Option<Name>> {
    let prices = Record::<Prices>::load(&place.folder, store)?.group;
    let counts = Record::<Counts>::load(&place.folder, store)?.group;
    Ok(prices.or(counts))
}

/// Says which products no kiosk can know.
fn note<S: Sheet>(arguments: &Arguments, group: &Name, basis: &Basis, rows: &[S::Row]) -> Result<()> {
    let strange: Vec<&str> =
        rows.iter().map(|row| row.sku()).filter(|sku| !basis.knows(sku)).map(Sku::as_str).collect();
    if strange.is_empty() || basis.version == 0 {
        return Ok(());
    }
    let named = strange.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = if strange.len() > NAMED { ", ..." } else { "" };
    writeln!(
        io::stderr(),
        "aisle: {}: not in version {} of {group}: {} of {} products ({named}{more}); they count once a catalog \
         has them",
        arguments.file.display(),
        basis.version,
        strange.len(),
        rows.len()
    )?;
    Ok(())
}

fn tell<S: Sheet>(
    arguments: &Arguments,
    groups: &BTreeMap<Name, Name>,
    all: &[Said<(Difference, u64)>],
) -> String {
    let group = |store: &Name| groups.get(store).map(ToString::to_string).unwrap_or_default();
    if arguments.json {
        let one = |said: &Said<(Difference, u64)>| {
            let (told, catalog) = &said.told;
            let mut object = json!({"store": said.store, "group": group(&said.store), "catalog": catalog,
                "version": said.version, "messages": said.messages});
            if let (Some(object), Ok(Value::Object(told))) =
                (object.as_object_mut(), serde_json::to_value(told))
            {
                object.extend(told);
            }
            object
        };
        let stores: Vec<Value> = all.iter().map(one).collect();
        let state = if arguments.dry_run { "dry_run" } else { "sent" };
        return format!("{}\n", json!({"state": state, "kind": S::KIND.name(), "stores": stores}));
    }
    let mut text = String::new();
    for Said { store, messages, told: (told, catalog), .. } in all {
        let Difference { before, after, added, replaced, same, older, in_catalog, dropped } = told;
        let (would, sent) = if arguments.dry_run { ("would be ", "to send") } else { ("", "sent") };
        text += &format!(
            "{store}: {would}{after} {} since version {catalog} of {} (before: {before}); new {added}, replaced \
             {replaced}, same {same}, older than what stands {older}, in the catalog {in_catalog}, dropped \
             {dropped}; messages {sent}: {messages}.\n",
            S::WHAT,
            group(store),
        );
    }
    text
}
