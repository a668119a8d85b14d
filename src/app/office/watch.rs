//! `aisle office watch`: the fleet and what happens there, as it comes. At a terminal the table
//! stands above the latest events; elsewhere events alone are written, a line each.

use super::collect::CLEAR;
use super::{Place, block_on, everywhere, print};
use crate::office::news::News;
use crate::office::status::fleet;
use crate::office::table::table;
use anyhow::Result;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::io::IsTerminal;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(1);
/// Events that are looked at in one go; of a fleet that tells more, the latest.
const MOST: usize = 10_000;
/// Events that stand below the table.
const SHOWN: usize = 20;

/// Until SIGINT or SIGTERM.
pub(super) fn run(place: &Place) -> Result<()> {
    let office = place.collected()?;
    let is_terminal = std::io::stdout().is_terminal();
    block_on(async {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut news = News::new(Timestamp::now());
        let mut latest = VecDeque::new();
        let mut due = interval(EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if !is_terminal {
            print(&format!(
                "{}{}",
                table(&fleet(&office.kiosks()?, Timestamp::now())),
                everywhere::hint(place)?
            ))?;
        }
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = due.tick() => {}
            }
            let now = Timestamp::now();
            let said = news.take(&office.received_since(news.since(), MOST)?, now);
            if !is_terminal {
                print(&said.iter().map(|line| format!("{line}\n")).collect::<String>())?;
                continue;
            }
            latest.extend(said);
            latest.drain(..latest.len().saturating_sub(SHOWN));
            let below: String = latest.iter().map(|line| format!("{line}\n")).collect();
            let hint = everywhere::hint(place)?;
            print(&format!("{CLEAR}{}{hint}\n{below}", table(&fleet(&office.kiosks()?, now))))?;
        }
    })
}
