//! What the machine gives and what a program takes of it: open files, memory and time of the
//! processor, as Linux tells them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::time::Duration;

/// Ticks in a second, of the times in `/proc/PID/stat`: the same on every Linux that Aisle is
/// built for.
const TICKS: u64 = 100;

/// Has the system allow `needed` open files to this program and to those that it starts.
///
/// # Errors
/// It does not; one line says what to do.
pub fn allow_files(needed: u64) -> Result<(), String> {
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|files| files >= needed) {
        return Ok(());
    }
    // Only root may go beyond the second figure.
    let maximum = now.maximum.map(|files| files.max(needed));
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum }).map_err(|why| {
        format!(
            "such a fleet needs {needed} open files, and this system gives {} ({why}): raise the limit \
             (`ulimit -Hn`, LimitNOFILE), run it as root, or set AISLE_FLEET_KIOSKS lower",
            now.maximum.unwrap_or_default()
        )
    })
}

/// Memory of this machine, in bytes.
pub fn all_memory() -> u64 {
    kilobytes("/proc/meminfo", "MemTotal:")
}

/// Memory that a program has now, in bytes.
pub fn memory(pid: u32) -> u64 {
    kilobytes(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// The most memory that it ever had, in bytes.
pub fn most_memory(pid: u32) -> u64 {
    kilobytes(&format!("/proc/{pid}/status"), "VmHWM:")
}

fn kilobytes(path: &str, name: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let figure = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    figure.unwrap_or(0) * 1024
}

/// Time of the processor that a program has had so far.
pub fn busy(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name stands in brackets and may hold anything; the two times are the 12th and 13th
    // fields behind it.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// What a program took since it was last looked at.
pub struct Look {
    pid: u32,
    at: std::time::Instant,
    busy: Duration,
}

impl Look {
    pub fn at(pid: u32) -> Self {
        Self { pid, at: std::time::Instant::now(), busy: busy(pid) }
    }

    /// In words: of one core's time, and of memory.
    pub fn tell(&self) -> String {
        let (busy, passed) = (busy(self.pid) - self.busy, self.at.elapsed());
        format!(
            "{:.1} s of a core ({:.0} %), {:.1} MB",
            busy.as_secs_f64(),
            100.0 * busy.as_secs_f64() / passed.as_secs_f64().max(0.001),
            megabytes(memory(self.pid))
        )
    }
}

/// Millions of bytes.
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
