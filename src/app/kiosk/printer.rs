//! Hands a text to the shop's printer program. Never knows what it says.

use anyhow::{Context as _, Result};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// How long a printer may take.
const PRINTING: Duration = Duration::from_secs(30);

/// Prints.
///
/// # Errors
/// No program is set, it cannot be started, fails, or takes too long: then it is ended.
pub(super) async fn print(command: &[String], text: &str) -> Result<()> {
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
