//! Head office's commands: where its folder and its broker are, and which command does what.
//! What they do is `office`'s.

mod collect;
mod commands;
mod everywhere;
mod keys;
mod live;
mod loyalty;
mod publish;
mod recall;
mod replay;
mod rollout;
mod serving;
mod sheet;
mod watch;

use super::broker::{self, BrokerError};
use super::cli::{Office, OfficeCommand, Recall};
use super::folders::Folders;
use crate::settings::{self, Settings};
use crate::store;
use crate::sync::mqtt;
use crate::sync::topics::Name;
use anyhow::{Context, Result};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

const SECTION: &str = "office";

/// Where head office is: its folder, and its broker in the settings.
struct Place {
    folder: PathBuf,
    settings: settings::Office,
}

impl Place {
    fn tenant(&self) -> Result<Name, BrokerError> {
        broker::name(SECTION, "tenant", &self.settings.tenant)
    }

    /// What kiosks told, as it was collected.
    fn collected(&self) -> Result<store::Office> {
        let folder = &self.folder;
        anyhow::ensure!(
            folder.is_dir(),
            "there is no folder {}: name head office's with --office DIR",
            folder.display()
        );
        Ok(store::Office::open(folder)?)
    }

    /// A connection as `name`: office, collect-1 and so on, or loyalty-1.
    fn connection(&self, name: &str) -> Result<mqtt::Options> {
        let settings = &self.settings;
        if settings.broker.is_empty() {
            anyhow::bail!("office.broker is empty: write host:port of the broker into it");
        }
        let named = |text: &str| text.replace("{name}", name);
        let place = broker::Place {
            section: SECTION,
            who: "head office",
            broker: &settings.broker,
            ca: &settings.ca,
            certificate: &named(&settings.certificate),
            key: &named(&settings.key),
            user: &named(&settings.user),
            password_file: &named(&settings.password_file),
        };
        Ok(place.options(&format!("{}/{name}", self.tenant()?))?)
    }
}

/// Runs a command of head office's.
///
/// # Errors
/// It cannot be done; one line says why.
pub fn run(arguments: Office, folders: &Folders, settings: &Settings) -> Result<ExitCode> {
    let set = Some(settings.office.data.as_str()).filter(|set| !set.is_empty()).map(PathBuf::from);
    let folder = arguments.office.or(set).unwrap_or_else(|| folders.data.join("office"));
    let place = Place { folder, settings: settings.office.clone() };
    // What is said to stores anyway brings those up to date that lack recalls for all.
    let says = match &arguments.command {
        OfficeCommand::Publish(publish) => !publish.dry_run,
        OfficeCommand::Price(sheet) | OfficeCommand::Stock(sheet) => !sheet.dry_run,
        OfficeCommand::Recall(Recall::Add(add)) => !add.dry_run,
        OfficeCommand::Recall(Recall::Lift { dry_run, .. }) => !dry_run,
        OfficeCommand::Resend { .. } => true,
        _ => false,
    };
    match arguments.command {
        OfficeCommand::Keys(command) => print(&keys::run(command, &place)?)?,
        OfficeCommand::Publish(arguments) => return publish::run(&arguments, &place, folders, settings),
        OfficeCommand::Recall(command) => print(&recall::run(command, &place)?)?,
        OfficeCommand::Price(arguments) => print(&sheet::prices(&arguments, &place, settings)?)?,
        OfficeCommand::Stock(arguments) => print(&sheet::counts(&arguments, &place, settings)?)?,
        OfficeCommand::Resend { store, json } => print(&live::resend(store, json, &place)?)?,
        OfficeCommand::Collect { number, postgres } => collect::run(number, postgres, &place)?,
        OfficeCommand::Loyalty(arguments) => loyalty::run(&arguments, &place, &folders.data)?,
        OfficeCommand::Status { json, watch } => collect::status(&place, json, watch)?,
        OfficeCommand::Command(order) => commands::run(order, &place)?,
        OfficeCommand::Watch => watch::run(&place)?,
        OfficeCommand::Rollout(arguments) => return rollout::run(&arguments, &place),
    }
    if says {
        everywhere::catch_up(&place)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().context("no threads")?.block_on(future)
}

fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
