//! `aisle`: arguments to settings to a command to an exit code. 0 is done, 1 a
//! fault that was found, 2 unusable input; errors are one line on stderr.

use aisle::app::assistant::{Assistant, Input, Parts, Request};
use aisle::app::cli::{self, Cli, Command};
use aisle::app::folders::Folders;
use aisle::app::meaning::searched_by_meaning;
use aisle::app::mouth::Utterance;
use aisle::app::{
    ask, corrections, doctor, history, kiosk, line, live, mirror, office, reports, search, service,
    speech_service,
};
use aisle::domain::Sku;
use aisle::domain::turn::TurnReport;
use aisle::models::{BarProgress, ModelDir, Row, Status};
use aisle::settings::{self, Settings};
use aisle::store::Catalog;
use aisle::sync::inventory;
use aisle::voice::playback::Speaker;
use aisle::voice::recording::{Limits, Recording};
use aisle::voice::wav;
use anyhow::{Context, Result, ensure};
use clap::Parser;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A service tells what it does; a command speaks up only when it must.
    let level = if cli.command.serves() { "warn,aisle=info" } else { "aisle=error" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("AISLE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let ansi = io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(ansi)
        // A log on a full disk must not end what is being done.
        .log_internal_errors(false)
        .init();
    match run(cli) {
        Ok(code) => code,
        // `aisle ... | head` is no error.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let line = format!("{error:#}").replace('\n', " ");
            // When even stderr is gone there is nobody left to tell.
            let _ = writeln!(io::stderr(), "aisle: {line}");
            ExitCode::from(2)
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn run(cli: Cli) -> Result<ExitCode> {
    if matches!(cli.command, Command::Settings) {
        print(&settings::reference())?;
        return Ok(ExitCode::SUCCESS);
    }
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folders = Folders::find(cli.data, cli.settings, variable)?;
    let settings = settings::load(folders.settings.as_deref(), settings::environment())?;
    match cli.command {
        Command::Ask(arguments) => block_on(ask(arguments, &folders, settings)),
        Command::Search(arguments) => find(arguments, &folders, &settings),
        Command::Catalog(cli::Catalog::Import(arguments)) => {
            print(&mirror::import(&arguments, &folders, &settings)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Catalog(cli::Catalog::Export { file }) => {
            mirror::export(&file, &folders)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Catalog(cli::Catalog::Embed) => {
            print(&mirror::embed(&folders, &settings)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Catalog(cli::Catalog::Correct(arguments)) => correct(*arguments, &folders, &settings),
        Command::Catalog(cli::Catalog::Corrections { json }) => show_corrections(&folders, json),
        Command::Catalog(cli::Catalog::Stats { json }) => stats(&folders, json),
        Command::History(cli::History::Import { file }) => {
            print(&history::import(&file, &folders)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Alerts(command) => alerts(command, &folders),
        Command::Models(command) => models(command, &folders),
        Command::Run(arguments) => {
            let socket = match arguments.socket {
                Some(path) => path,
                None => service::default_socket(variable)?,
            };
            if !arguments.headless {
                return kiosk::run(folders, settings, socket);
            }
            let parts = Parts { hearing: true, speaking: true };
            service::prepare(&folders, &settings)?;
            let assistant = Arc::new(Assistant::open_to_run(&folders, settings.clone(), parts)?);
            block_on(async {
                speech_service::start(&assistant, &settings);
                let line = line::start(&assistant, &folders, &settings);
                let served = service::run(assistant, &socket, || true, line.stop_asked()).await;
                let code = line.stop().await;
                served.map(|()| code)
            })
        }
        Command::Office(arguments) => office::run(arguments, &folders, &settings),
        Command::Doctor(arguments) => {
            let checks = block_on(async { Ok(doctor::examine(&folders, &settings).await) })?;
            let faults = checks.iter().any(|check| check.health == doctor::Health::Fault);
            print(&if arguments.json {
                format!("{}\n", json!({"ok": !faults, "checks": checks}))
            } else {
                doctor::table(&checks)
            })?;
            Ok(if faults { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Command::Settings => Ok(ExitCode::SUCCESS),
    }
}

fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(future)
}

fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

async fn ask(arguments: cli::Ask, folders: &Folders, settings: Settings) -> Result<ExitCode> {
    if let Some(file) = &arguments.batch {
        return ask_batch(file, arguments.say.as_deref(), folders, settings).await;
    }
    if let Some(path) = arguments.wav.as_ref().filter(|_| arguments.live) {
        return ask_live(path, arguments.json, folders, settings).await;
    }
    let speak = arguments.say.is_some() || arguments.play;
    let input = match (arguments.text, arguments.wav) {
        (_, Some(path)) => Input::Recording(path),
        (Some(text), None) => Input::Text(text),
        (None, None) => unreachable!("the parser asks for one of them"),
    };
    if let Input::Text(text) = &input {
        ensure!(!text.trim().is_empty(), "the text is empty: say what you are looking for");
    }
    let parts = Parts { hearing: matches!(input, Input::Recording(_)), speaking: speak };
    let device = settings.audio.output.clone();
    let assistant = Assistant::open(folders, settings, parts)?;
    if parts.hearing {
        // A model that does not load is told before the recording is heard.
        assistant.warm_ears().await?;
    }
    let speaker =
        arguments.play.then(|| Speaker::open((!device.is_empty()).then_some(device.as_str()))).transpose()?;
    let playing = speaker.as_ref().map(Speaker::begin);
    let request = Request { id: None, input, session: None, speak, stays: false };
    let (report, utterance) = assistant
        .turn(&request, |piece, rate| {
            // A loudspeaker that fails in mid-sentence leaves the reply on screen.
            if let Some(playing) = &playing
                && let Err(error) = playing.append(piece, rate)
            {
                tracing::warn!(%error, "the reply is not heard");
            }
        })
        .await?;
    if let (Some(path), Some(utterance)) = (&arguments.say, &utterance) {
        write_speech(path, utterance)?;
    }
    print(&show(&report, arguments.json)?)?;
    if let Some(playing) = playing {
        tokio::task::block_in_place(|| playing.wait())?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn ask_live(path: &Path, json: bool, folders: &Folders, settings: Settings) -> Result<ExitCode> {
    let limits = Limits { duration: Duration::from_secs_f64(settings.asr.max_seconds), ..Limits::default() };
    let samples = Recording::open(path, &limits)?.into_samples();
    let parts = Parts { hearing: true, speaking: true };
    let assistant = Arc::new(Assistant::open(folders, settings.clone(), parts)?);
    assistant.warm_ears().await?;
    for trouble in assistant.warm().await {
        tracing::warn!("{trouble}");
    }
    for turn in live::converse(&assistant, &settings, "live", samples).await? {
        print(&show(&turn.report, json)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_speech(path: &Path, utterance: &Utterance) -> Result<()> {
    Ok(wav::write(path, &utterance.samples, utterance.rate)?)
}

fn show(report: &TurnReport, json: bool) -> Result<String> {
    if json { Ok(format!("{}\n", serde_json::to_string(report)?)) } else { Ok(reports::turn(report)) }
}

/// Calls `answer` with each line of `file` ("-" is standard input) and its
/// number from 1, and prints what it returns as one line.
async fn each_line(file: &Path, mut answer: impl AsyncFnMut(&[u8], usize) -> Value) -> Result<()> {
    let mut reader: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let open = || format!("cannot read {}", file.display());
        ensure!(!file.is_dir(), "{} is a folder; give a file of JSON lines", file.display());
        Box::new(BufReader::new(File::open(file).with_context(open)?))
    };
    let mut number = 0;
    loop {
        let mut line = Vec::new();
        if reader.by_ref().take(ask::MAX_LINE as u64 + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        number += 1;
        if line.len() > ask::MAX_LINE && !line.ends_with(b"\n") {
            reader.skip_until(b'\n')?;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = answer(line.strip_suffix(b"\n").unwrap_or(&line), number).await;
        print(&format!("{answer}\n"))?;
    }
}

async fn ask_batch(
    file: &Path,
    say: Option<&Path>,
    folders: &Folders,
    settings: Settings,
) -> Result<ExitCode> {
    if let Some(folder) = say {
        ensure!(folder.is_dir(), "--say with --batch names a folder; {} is none", folder.display());
    }
    let parts = Parts { hearing: true, speaking: say.is_some() };
    let assistant = Assistant::open(folders, settings, parts)?;
    for trouble in assistant.warm().await {
        tracing::warn!("{trouble}");
    }
    each_line(file, async |line, number| ask::answer(&assistant, line, say, &number.to_string()).await)
        .await?;
    Ok(ExitCode::SUCCESS)
}

#[derive(serde::Deserialize)]
struct SearchLine {
    id: Option<Value>,
    query: String,
}

fn find(arguments: cli::Search, folders: &Folders, settings: &Settings) -> Result<ExitCode> {
    let catalog = Catalog::open(&folders.data)?;
    catalog.info()?;
    let catalog = searched_by_meaning(catalog, &folders.models, settings);
    let limit = usize::from(arguments.limit);
    let find = |text: &str| search::search(&catalog, text, limit, arguments.facets);
    if let Some(file) = &arguments.batch {
        block_on(each_line(file, async |line, _| {
            let (id, query) = match ask::parse::<SearchLine>(line) {
                Ok(line) => (line.id, line.query),
                Err(problem) => return ask::refusal(line, problem.code(), &problem.to_string()),
            };
            match find(&query) {
                Ok(outcome) => search::to_json(id, &outcome),
                Err(error) => ask::refusal(line, "store", &error.to_string()),
            }
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let query = arguments.query.unwrap_or_default();
    ensure!(!query.trim().is_empty(), "the query is empty: say what to search for");
    let outcome = find(&query)?;
    if arguments.json {
        print(&format!("{}\n", search::to_json(None, &outcome)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for product in &outcome.stopped {
        text += &format!("Not sold at the moment: {}\n", product.label());
    }
    if outcome.no_match && outcome.stopped.is_empty() {
        text += "Not carried.\n";
    }
    if outcome.other_size {
        text += "Not found in that size.\n";
    }
    let rows = outcome
        .hits
        .iter()
        .map(|hit| ("", hit))
        .chain(outcome.alternatives.iter().map(|hit| ("instead: ", hit)));
    for (mark, hit) in rows {
        text += &format!(
            "{:<9} {:.3}  {mark}{} ({})\n",
            hit.product.sku,
            hit.score,
            hit.product.label(),
            hit.reason
        );
    }
    if outcome.found > outcome.hits.len() {
        text += &format!("{} found in all.\n", outcome.found);
    }
    for facet in outcome.facets.iter().flat_map(search::facet_lines) {
        text += &format!("{facet}\n");
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn correct(arguments: cli::Correct, folders: &Folders, settings: &Settings) -> Result<ExitCode> {
    let sku = Sku::new(&arguments.sku).context("the SKU is empty, too long or holds control characters")?;
    let catalog = Catalog::open(&folders.data)?;
    let (now, cap) = (Timestamp::now(), u64::from(settings.sync.outbox_mb) << 20);
    if arguments.drop {
        let dropped = inventory::drop_correction(&catalog, &sku, now, cap)?;
        ensure!(dropped > 0, "{sku} is not corrected; `aisle catalog corrections` lists what is");
        print(&format!("{sku} is as the catalog says.\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    inventory::correct(&catalog, &sku, corrections::correction(arguments, now)?, now, cap)?;
    let waits = catalog.corrections()?.iter().any(|corrected| corrected.sku == sku && !corrected.carried);
    print(&if waits {
        format!("{sku} is not in the present catalog; its correction waits for it.\n")
    } else {
        format!("{sku} is corrected.\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

fn show_corrections(folders: &Folders, as_json: bool) -> Result<ExitCode> {
    let catalog = Catalog::open(&folders.data)?;
    let corrected = catalog.corrections()?;
    if as_json {
        print(&format!("{}\n", json!({"corrections": corrected})))?;
    } else {
        let currency = catalog.info().map(|info| info.currency).unwrap_or_default();
        print(&corrections::list(&corrected, currency, Timestamp::now()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn alerts(command: cli::Alerts, folders: &Folders) -> Result<ExitCode> {
    let catalog = Catalog::open(&folders.data)?;
    match command {
        cli::Alerts::List { json: true } => {
            print(&format!("{}\n", json!({"alerts": catalog.alerts(ALERTS)?})))?;
        }
        cli::Alerts::List { json: false } => {
            let alerts = catalog.alerts(ALERTS)?;
            let line = |alert: &aisle::store::Alert| match (&alert.acknowledged_at, &alert.acknowledged_by) {
                (Some(at), Some(by)) => {
                    format!("{:>5}  {}  seen to by {by} at {at}\n", alert.id, alert.raised_at)
                }
                _ => format!("{:>5}  {}  waits\n", alert.id, alert.raised_at),
            };
            let text: String = alerts.iter().map(line).collect();
            print(if text.is_empty() { "Nobody called.\n" } else { &text })?;
        }
        cli::Alerts::Ack { id, by } => {
            ensure!(
                catalog.acknowledge_alert(id, &by, Timestamp::now())?,
                "no call {id} waits; `aisle alerts list` shows them"
            );
            print(&format!("Call {id} is seen to.\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Most alerts that are listed.
const ALERTS: usize = 100;

fn stats(folders: &Folders, as_json: bool) -> Result<ExitCode> {
    let catalog = Catalog::open(&folders.data)?;
    let (info, stats) = (catalog.info()?, catalog.stats()?);
    let value = json!({
        "name": info.name, "currency": info.currency, "as_of": info.as_of, "version": info.version,
        "imported_at": info.imported_at, "stats": stats,
    });
    if as_json {
        print(&format!("{value}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!(
        "{} (version {}, as of {})\n",
        info.name,
        info.version.number,
        info.as_of.unwrap_or_else(|| "unknown".into())
    );
    for (name, count) in value["stats"].as_object().into_iter().flatten() {
        text += &format!("{:>12}  {}\n", count.to_string(), name.replace('_', " "));
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn models(command: cli::Models, folders: &Folders) -> Result<ExitCode> {
    let models = ModelDir::open(&folders.models)?;
    match command {
        cli::Models::List { json } => show_models(&models.list()?, json),
        cli::Models::Verify { names: wanted, json } => {
            let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
            let rows = models.verify(&wanted, &BarProgress::new())?;
            show_models(&rows, json)?;
            let bad: Vec<&Row> = rows.iter().filter(|row| row.status != Status::Ready).collect();
            ensure!(
                bad.is_empty(),
                "{} is {}: run `aisle models fetch {}`",
                bad[0].name,
                bad[0].status,
                bad[0].name
            );
            Ok(ExitCode::SUCCESS)
        }
        cli::Models::Fetch { names: wanted } => {
            let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
            let mut failed = None;
            for fetched in models.fetch(&wanted, &BarProgress::new())? {
                match fetched.outcome {
                    Ok(path) if fetched.was_there => {
                        print(&format!("{} is here: {}\n", fetched.name, path.display()))?
                    }
                    Ok(path) => print(&format!("{} fetched: {}\n", fetched.name, path.display()))?,
                    Err(error) => failed = Some(error),
                }
            }
            failed.map_or(Ok(ExitCode::SUCCESS), |error| Err(error.into()))
        }
    }
}

fn show_models(rows: &[Row], as_json: bool) -> Result<ExitCode> {
    if as_json {
        print(&format!("{}\n", json!({"models": rows})))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for row in rows {
        let megabytes = row.size / 1_000_000;
        text += &format!(
            "{:<32} {:<8} {:>5} MB  {:<10} {}\n",
            row.name,
            row.tier.to_string(),
            megabytes,
            row.status.to_string(),
            row.licence
        );
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
