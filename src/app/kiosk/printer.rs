//! Hands a text to the shop's printer program. Never knows what it says.

use super::command::Event;
use crate::view::window::Handle;
use anyhow::{Context as _, Result};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long a printer may take.
const PRINTING: Duration = Duration::from_secs(30);

/// Prints the list of a visit, as the window has it, and tells what became of it.
pub(super) fn start(visit: u64, command: &[String], events: mpsc::Sender<Event>) {
    let command = command.to_vec();
    let runtime = tokio::runtime::Handle::current();
    Handle.printout(move |text| {
        runtime.spawn(async move {
            let printed = print(&command, &text).await;
            if let Err(error) = &printed {
                tracing::error!(error = format!("{error:#}"), "the list could not be printed");
            }
            let _ = events.send(Event::Printed { visit, done: printed.is_ok() }).await;
        });
    });
}

/// Prints.
///
/// # Errors
/// No program is set, it cannot be started, fails, or takes too long: then it is ended.
async fn print(command: &[String], text: &str) -> Result<()> {
    match timeout(PRINTING, run(command, text)).await {
        Ok(printed) => printed,
        Err(_) => anyhow::bail!("it took longer than {} s", PRINTING.as_secs()),
    }
}

async fn run(command: &[String], text: &str) -> Result<()> {
    let (program, arguments) = command.split_first().context("no printer program is set")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).await?;
    }
    let status = child.wait().await?;
    anyhow::ensure!(status.success(), "{program} ended with {status}");
    Ok(())
}
