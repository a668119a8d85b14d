//! The program as a shop runs it without a screen, while a test asks it things.

#![allow(dead_code)] // Each test file uses its own part.

use super::common::{Kiosk, models};
use super::ends::PATIENCE;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep};

pub struct Running {
    process: Child,
    socket: PathBuf,
}

impl Running {
    pub fn start(kiosk: &Kiosk) -> Self {
        Self::begin(kiosk, kiosk.command())
    }

    /// One to whom a file that can grow no more is an error, and not the end: see [`Self::fill`].
    pub fn start_on_a_disk_that_fills(kiosk: &Kiosk) -> Self {
        let own = kiosk.command();
        let mut command = Command::new("sh");
        // What is ignored stays ignored by who takes its place.
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(own.get_program()).args(own.get_args());
        command.env_remove("XDG_CONFIG_HOME");
        Self::begin(kiosk, command)
    }

    /// One whose watchdog hears it at `socket`, every half second.
    pub fn start_watched(kiosk: &Kiosk, socket: &Path) -> Self {
        let mut command = kiosk.command();
        command.env("NOTIFY_SOCKET", socket).env("WATCHDOG_USEC", "1000000");
        Self::begin(kiosk, command)
    }

    fn begin(kiosk: &Kiosk, mut command: Command) -> Self {
        let socket = kiosk.data.path().join("run/turns.sock");
        command.args(["run", "--headless", "--socket"]).arg(&socket).env("AISLE_MODELS", models());
        let process = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
        Self { process, socket }
    }

    pub async fn is_there(&self) {
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(&self.socket).is_err() {
            assert!(Instant::now() < deadline, "it never answers turns");
            sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn ask(&self, words: &str) -> Value {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        writeln!(stream, "{}", json!({"text": words})).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Whether its disk is full from now on: no file of it can be written.
    pub fn fill(&self, is_full: bool) {
        let limit = Rlimit { current: is_full.then_some(0), maximum: None };
        rustix::process::prlimit(Some(self.pid()), Resource::Fsize, limit).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// Kills it with -9.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Ends it as systemd does.
    pub fn stop(mut self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
        assert!(self.process.wait().unwrap().success());
    }

    /// With what it ends by itself; `None`: it does not within `time`.
    pub async fn ends_within(&mut self, time: Duration) -> Option<i32> {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait().unwrap() {
                return Some(status.code().expect("no signal ended it"));
            }
            sleep(Duration::from_millis(10)).await;
        }
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
