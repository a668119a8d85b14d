//! `aisle office rollout`: takes a bundle to some stores, watches them, and gives it to all or
//! takes it back. What is judged, kept and published is `office`'s; here it is waited, asked and
//! told.

use super::{Place, block_on, commands, print};
use crate::app::cli;
use crate::office::commands::Sending;
use crate::office::judge::{Limits, Verdict, judge, line};
use crate::office::keyring::Keyring;
use crate::office::rollout::{Desk, Phase, Rollout, RolloutError, Wanted};
use crate::office::shelf::Shelf;
use crate::store::Office;
use anyhow::Result;
use jiff::Timestamp;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(2);
/// Days for which what it publishes may be taken, as `publish` has it.
const DAYS: u32 = 30;

/// Rolls out, or goes on with it. Success: all have it, or may have it.
pub(super) fn run(arguments: &cli::Rollout, place: &Place) -> Result<ExitCode> {
    let (office, ring) = (place.collected()?, Keyring::open(&place.folder, &place.tenant()?)?);
    let desk = Desk::open(&place.folder)?;
    let mut rollout = taken_up(arguments, place, &desk, &office)?;
    if arguments.abort && rollout.phase == Phase::First {
        halt(&desk, &mut rollout, vec!["somebody wanted it".to_owned()])?;
    }
    if rollout.phase == Phase::First {
        commands::send(place, &ring, Sending { new: rollout.commands(), ..Sending::default() })?;
        let kiosks: Vec<String> = rollout.members.iter().map(|member| member.whose.to_string()).collect();
        print(&format!("Version {} goes to {} first.\n", rollout.version, kiosks.join(", ")))?;
        if !block_on(watch(&desk, &mut rollout, &office))? {
            print("Broken off; it goes on when it is asked for again.\n")?;
            return Ok(ExitCode::FAILURE);
        }
    }
    let decided = rollout.phase;
    let conclude = async {
        let connection = place.connection("office")?;
        Ok(rollout.conclude(connection, &place.folder, &ring, DAYS).await?)
    };
    block_on(conclude)?;
    if decided != rollout.phase {
        // What was not answered by now need not be done.
        let withdrawn = rollout.open_commands().into_iter().collect();
        commands::send(place, &ring, Sending { withdrawn, ..Sending::default() })?;
        desk.keep(&rollout)?;
    }
    tell(&rollout)
}

/// The rollout that was asked for, begun or found.
fn taken_up(arguments: &cli::Rollout, place: &Place, desk: &Desk, office: &Office) -> Result<Rollout> {
    let (group, version) = (&arguments.group, arguments.version);
    let found = desk.read(group)?;
    if let Some(found) = found {
        if found.version == version {
            return Ok(found);
        }
        if matches!(found.phase, Phase::First | Phase::Releasing | Phase::Halting) {
            return Err(RolloutError::Other(found.version).into());
        }
    }
    if arguments.abort {
        return Err(RolloutError::NotBegun(version).into());
    }
    let share = |points: u8| f64::from(points) / 100.0;
    let limits = Limits {
        hold: arguments.hold,
        within: arguments.within,
        least: arguments.least,
        no: share(arguments.max_honest_no),
        lost: share(arguments.max_search_loss),
        slower: arguments.max_slower,
        restarts: arguments.max_restarts,
        silent: arguments.max_silent,
    };
    let (group, first, days) = (group.clone(), arguments.canary.clone(), arguments.compare);
    let shelf = Shelf::look(&place.folder, &group)?;
    let wanted = Wanted { group, version, first, limits, days };
    let rollout = Rollout::begin(wanted, &shelf, office, Timestamp::now())?;
    // What they are told has its ids from here on.
    desk.keep(&rollout)?;
    Ok(rollout)
}

fn halt(desk: &Desk, rollout: &mut Rollout, reasons: Vec<String>) -> Result<()> {
    (rollout.phase, rollout.reasons) = (Phase::Halting, reasons);
    Ok(desk.keep(rollout)?)
}

/// Watches until it is decided. False: it was broken off.
async fn watch(desk: &Desk, rollout: &mut Rollout, office: &Office) -> Result<bool> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut due = interval(EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said = String::new();
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(false),
            _ = interrupt.recv() => return Ok(false),
            _ = due.tick() => {}
        }
        let members = rollout.members.clone();
        let look = rollout.look(office, Timestamp::now())?;
        if rollout.members != members {
            desk.keep(rollout)?;
        }
        let verdict = judge(&look, &rollout.limits);
        let why = if let Verdict::Wait(why) = &verdict { format!("{why}; ") } else { String::new() };
        let now = format!("{why}{}\n", line(&look));
        if now != said {
            print(&now)?;
            said = now;
        }
        match verdict {
            Verdict::Wait(_) => {}
            Verdict::Halt(reasons) => {
                halt(desk, rollout, reasons)?;
                return Ok(true);
            }
            Verdict::Release => {
                rollout.phase = Phase::Releasing;
                desk.keep(rollout)?;
                return Ok(true);
            }
        }
    }
}

/// How it ended.
fn tell(rollout: &Rollout) -> Result<ExitCode> {
    let Rollout { version, group, published, phase, reasons, .. } = rollout;
    let published = published.unwrap_or_default();
    let mut text = match phase {
        Phase::Released => format!("Version {version} is released to {group}, as version {published}.\n"),
        Phase::RolledBack => {
            format!("Version {version} is halted; {group} has the content before, as version {published}.\n")
        }
        _ => format!("Version {version} is halted, and nothing is published in its place.\n"),
    };
    text.extend(reasons.iter().map(|reason| format!("  ! {reason}\n")));
    print(&text)?;
    Ok(if *phase == Phase::Released { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
