//! A sensor that sees somebody come near: any program of the shop's that writes a line for
//! each time, such as `gpiomon` on a motion sensor's pin. Keeps the program running; knows
//! no hardware, and nothing of what a visit makes of it.

use super::command::Event;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

/// How long a program that ended is left alone.
const AGAIN: Duration = Duration::from_secs(30);
/// Longest line that is read, in bytes; what it says is of no account.
const LINE: u64 = 4096;

/// Sends [`Event::Approached`] for each line of the program `command` (with its arguments)
/// until nobody takes them any more. A program that ends or does not start is started anew
/// in half a minute.
pub(super) async fn watch(command: Vec<String>, events: mpsc::Sender<Event>) {
    let Some((program, arguments)) = command.split_first() else { return };
    let mut complained = false;
    loop {
        let started = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        match started {
            Ok(mut child) => {
                if let Some(output) = child.stdout.take() {
                    let mut lines = BufReader::new(output);
                    let mut line = Vec::new();
                    while let Ok(1..) = (&mut lines).take(LINE).read_until(b'\n', &mut line).await {
                        line.clear();
                        if events.send(Event::Approached).await.is_err() {
                            return;
                        }
                    }
                }
                let _ = child.kill().await;
                tracing::warn!(program, "the presence sensor's program ended; it is started again");
            }
            Err(error) if !complained => {
                complained = true;
                tracing::error!(program, %error, "the presence sensor's program does not start");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = events.closed() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_line_of_the_program_is_somebody() {
        let (events, mut seen) = mpsc::channel(8);
        let command = ["sh", "-c", "echo near; printf 'again\\n'; sleep 60"].map(str::to_owned).to_vec();
        let watching = tokio::spawn(watch(command, events));
        for _ in 0..2 {
            assert!(matches!(seen.recv().await, Some(Event::Approached)));
        }
        drop(seen);
        watching.abort();
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
