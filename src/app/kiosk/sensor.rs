//! A sensor that sees somebody come near: any program of the shop's that writes a line for
//! each time, such as `gpiomon` on a motion sensor's pin. Keeps the program running; knows
//! no hardware, and nothing of what a visit makes of it.

use super::command::Event;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{self, error::TrySendError};

/// How long a program that ended is left alone.
const AGAIN: Duration = Duration::from_secs(30);
/// What comes sooner after the last time is the same person.
const APART: Duration = Duration::from_secs(1);
/// Longest line that is read, in bytes; what it says is of no account.
const LINE: u64 = 4096;

/// Sends [`Event::Approached`] for each line of the program `command` (with its arguments),
/// once a second at most, until nobody takes them any more. A program that ends or does not
/// start is started anew in half a minute; that is logged once, until it writes a line.
pub(super) async fn watch(command: Vec<String>, events: mpsc::Sender<Event>) {
    let Some((program, arguments)) = command.split_first() else { return };
    let mut has_failed = false;
    while !events.is_closed() {
        let spoke = match listen(program, arguments, &events).await {
            Ok(spoke) => {
                if spoke || !has_failed {
                    tracing::warn!(program, "the presence sensor's program ended; it is started again");
                }
                spoke
            }
            Err(error) => {
                if !has_failed {
                    tracing::error!(program, %error, "the presence sensor's program does not start");
                }
                false
            }
        };
        has_failed = !spoke;
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = events.closed() => {}
        }
    }
}

/// The program with all that it started, which ends with it.
struct Family(Child);

impl Drop for Family {
    fn drop(&mut self) {
        let group = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Runs the program until it ends; whether it wrote anything.
async fn listen(program: &str, arguments: &[String], events: &mpsc::Sender<Event>) -> io::Result<bool> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .process_group(0)
        .spawn()?;
    let mut family = Family(child);
    let Some(output) = family.0.stdout.take() else { return Ok(false) };
    let mut lines = BufReader::new(output);
    let (mut line, mut last) = (Vec::new(), None::<Instant>);
    while (&mut lines).take(LINE).read_until(b'\n', &mut line).await? > 0 {
        line.clear();
        if last.is_some_and(|last| last.elapsed() < APART) {
            continue;
        }
        last = Some(Instant::now());
        // One that finds no room is of no use later.
        if let Err(TrySendError::Closed(_)) = events.try_send(Event::Approached) {
            break;
        }
    }
    Ok(last.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_of_the_program_is_somebody_and_a_stream_of_them_the_same() {
        let (events, mut seen) = mpsc::channel(8);
        let command = ["sh", "-c", "yes | head -n 100000; sleep 1.2; echo near; sleep 60"];
        let watching = tokio::spawn(watch(command.map(str::to_owned).to_vec(), events));
        for _ in 0..2 {
            assert!(matches!(seen.recv().await, Some(Event::Approached)));
        }
        assert!(seen.try_recv().is_err(), "no more than two came near");
        watching.abort();
    }

    #[tokio::test]
    async fn what_the_program_started_ends_with_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (events, mut seen) = mpsc::channel(8);
        let script = format!("(sleep 1; echo left > {}) & echo near; sleep 60", file.path().display());
        let watching = tokio::spawn(watch(vec!["sh".into(), "-c".into(), script], events));
        assert!(matches!(seen.recv().await, Some(Event::Approached)));
        watching.abort();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_ends_nothing() {
        let (events, seen) = mpsc::channel(8);
        let watching = tokio::spawn(watch(vec!["/nowhere/sensor".into()], events));
        tokio::task::yield_now().await;
        drop(seen);
        watching.await.unwrap();
        let (events, _seen) = mpsc::channel(8);
        watch(Vec::new(), events).await;
    }
}
