//! Tries a catalog before it is published: its questions are put to an assistant of its own, in
//! the catalog's scratch folder, by rules, classifier and search. The language model is left out:
//! it is asked what nothing else understands, which no catalog changes, and head office need not
//! have it. What is asked and what is right is `office::replay`'s.

use super::{Place, block_on};
use crate::app::assistant::{Assistant, Input, Parts, Request};
use crate::app::cli;
use crate::app::folders::Folders;
use crate::dialog::tool::{Subject, Tool};
use crate::domain::Sku;
use crate::office::content::Imported;
use crate::office::replay::answer::{Answer, FIRST, unnamed};
use crate::office::replay::drawn::{self, Drawn};
use crate::office::replay::verdict::{Figures, Record};
use crate::office::replay::written::{self, Written};
use crate::office::replay::{By, Miss, Play, Turn, Wanted, named};
use crate::settings::Settings;
use crate::store::{Catalog, SearchRequest};
use crate::sync::topics::Name;
use crate::sync::wire::event::Telemetry;
use anyhow::{Context, Result};
use jiff::Timestamp;
use std::path::Path;
use std::time::Instant;

/// Misses that are kept and shown.
const SHOWN: usize = 10;

/// Tries `imported`, or notes why it is not tried.
///
/// # Errors
/// The turns cannot be read, or the catalog cannot be used.
pub(super) fn try_it(
    imported: &Imported,
    arguments: &cli::Replay,
    group: &Name,
    place: &Place,
    folders: &Folders,
    settings: &Settings,
) -> Result<Record> {
    let now = Timestamp::now();
    let program = env!("CARGO_PKG_VERSION").to_owned();
    let record = Record { at: now, program, figures: None, skipped: None, misses: Vec::new() };
    if let Some(why) = &arguments.skip_replay {
        return Ok(Record { skipped: Some(why.clone()), ..record });
    }
    let catalog = imported.catalog();
    let own = place.folder.join("turns").join(format!("{group}.jsonl"));
    let given = arguments.turns.as_deref().or(Some(own.as_path()).filter(|own| own.exists()));
    let written = match given {
        Some(path) => Some(written::read(path)?),
        None => written::shipped(&catalog.info()?.name),
    };
    let (plays, digest) =
        written.map_or_else(Default::default, |Written { plays, digest }| (plays, Some(digest)));
    let Drawn { plays: drawn, recalls } = drawn::draw(catalog, &named(&plays), now)?;
    catalog.take_recalls(1, &recalls)?;
    let plays: Vec<Play> = plays.into_iter().chain(drawn).collect();
    let (mut figures, mut misses) = block_on(play(imported.folder(), &plays, folders, settings))?;
    figures.written = digest;
    // Of each kind some.
    misses.sort_by_key(|miss| miss.part);
    let shown = misses.chunk_by(|one, other| one.part == other.part);
    let misses = shown.flat_map(|part| part.iter().take(SHOWN)).cloned().collect();
    Ok(Record { figures: Some(figures), misses, ..record })
}

/// Plays all, one after another, as a kiosk is asked.
async fn play(
    scratch: &Path,
    plays: &[Play],
    folders: &Folders,
    settings: &Settings,
) -> Result<(Figures, Vec<Miss>)> {
    let (mut figures, mut misses, mut times) = (Figures::default(), Vec::new(), Vec::new());
    let folders = Folders { data: scratch.to_owned(), ..folders.clone() };
    let mut settings = settings.clone();
    settings.llm.enabled = false;
    let at_once = u64::from(settings.catalog.embedded_at_import);
    let assistant = Assistant::open(&folders, settings, Parts { hearing: false, speaking: false })
        .context("the catalog cannot be tried")?;
    // A kiosk that has many to compare answers by words meanwhile; so does this.
    let has_model = assistant.catalog().encoder().is_some();
    let lacking = assistant.catalog().lacking_vectors()?;
    if has_model && lacking <= at_once {
        tokio::task::block_in_place(|| assistant.embed())?;
    }
    figures.by_meaning = has_model && assistant.catalog().lacking_vectors()? == 0;
    assistant.warm().await;
    for (number, play) in plays.iter().enumerate() {
        let session = number.to_string();
        for turn in &play.turns {
            let (fault, ms) = ask(&assistant, &session, turn).await;
            times.extend(ms);
            figures.share_mut(turn.part).count(fault.is_none());
            misses.extend(fault.map(|why| Miss {
                part: turn.part,
                play: play.name.clone(),
                says: turn.says.clone(),
                why,
            }));
        }
        assistant.forget(&session);
    }
    figures.time(times);
    Ok((figures, misses))
}

/// Asks; what is wrong with the answer, and how long it took in milliseconds.
async fn ask(assistant: &Assistant, session: &str, turn: &Turn) -> (Option<String>, Option<f64>) {
    let input = match (turn.by, &turn.wanted) {
        (By::Search, Wanted::Named { sku, label }) => {
            return tokio::task::block_in_place(|| search(assistant.catalog(), sku, label));
        }
        (By::Touch, Wanted::Price { sku, .. }) => {
            Input::Touch(Box::new(Tool::GetPrice(Subject::Sku { sku: sku.clone() })))
        }
        _ => Input::Text(turn.says.clone()),
    };
    let session = Some(session.to_owned());
    let request = Request { id: None, input, session, speak: false, stays: false };
    match assistant.take(&request, |_, _| {}).await {
        Ok((report, _, told)) => {
            let is_no = told.iter().any(|told| matches!(told, Telemetry::HonestNo { .. }));
            (Answer { report: &report, is_no }.fault(&turn.wanted), report.timings_ms.reply)
        }
        Err(error) => (Some(format!("{error:#}")), None),
    }
}

fn search(catalog: &Catalog, sku: &Sku, label: &str) -> (Option<String>, Option<f64>) {
    let began = Instant::now();
    let request = SearchRequest { text: label.to_owned(), limit: FIRST, ..SearchRequest::default() };
    match catalog.search(&request) {
        Ok(outcome) => {
            let ms = began.elapsed().as_secs_f64() * 1_000.0;
            let hits: Vec<(Sku, String)> =
                outcome.hits.into_iter().map(|hit| (hit.product.sku.clone(), hit.product.label())).collect();
            (unnamed(hits.iter().map(|(own, title)| (own, title.as_str())), sku, label), Some(ms))
        }
        Err(error) => (Some(error.to_string()), None),
    }
}
