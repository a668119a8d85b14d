//! Owns one connection to an engine: the pipes of a child, a Unix socket or a
//! TCP stream, all behind the same two boxed halves.
//!
//! Promises: a child is killed when its link goes, is never left a zombie after
//! [`Link::end`], and sits in a process group of its own (a terminal's Ctrl-C
//! reaches `aisle`, which then ends its workers). What a worker prints on stderr
//! is drained; only lines from before it is ready, and the crash lines of ggml,
//! Rust and C++ after that, go to the log, so no shopper's words can.
//! Never restarts anything: that is the keeper's task.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, ChildStderr, Command};

use super::wyoming::{Event, EventReader, WyomingError, write_event_async};

/// Longest line of a worker's stderr that is kept, in bytes.
const MAX_LINE: usize = 512;
/// Lines of a worker's stderr that are kept to explain its end.
const TAIL_LINES: usize = 8;
/// How long an ended worker's status and last words are waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Where an engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A child that speaks Wyoming on its standard input and output.
    Worker {
        /// Path of the executable.
        program: PathBuf,
        /// Its arguments.
        args: Vec<OsString>,
    },
    /// A service on a Unix socket.
    Unix(PathBuf),
    /// A service on TCP, as `host:port`.
    Tcp(String),
}

impl Address {
    /// A worker with its arguments.
    pub fn worker<A: Into<OsString>>(program: impl Into<PathBuf>, args: impl IntoIterator<Item = A>) -> Self {
        Self::Worker { program: program.into(), args: args.into_iter().map(Into::into).collect() }
    }
}

impl FromStr for Address {
    type Err = String;

    /// Reads `unix:///path/of.sock` or `tcp://host:port`, as Wyoming's own
    /// command lines do.
    fn from_str(uri: &str) -> Result<Self, String> {
        match uri.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("tcp", place)) => match place.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    Ok(Self::Tcp(place.to_owned()))
                }
                _ => Err(format!("`{uri}` lacks a host or a port: write tcp://host:port")),
            },
            _ => Err(format!("`{uri}` is no engine address: write unix:///path/of.sock or tcp://host:port")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker { program, .. } => write!(f, "{}", program.display()),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(place) => write!(f, "tcp://{place}"),
        }
    }
}

/// An open connection.
pub(super) struct Link {
    reader: EventReader<Box<dyn AsyncRead + Send + Unpin>>,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    child: Option<Child>,
    words: LastWords,
}

impl Link {
    /// Starts the worker or connects to the service.
    ///
    /// # Errors
    /// One line that says what could not be started or reached.
    pub(super) async fn open(engine: &str, address: &Address) -> Result<Self, String> {
        match address {
            Address::Worker { program, args } => Self::spawn(engine, program, args),
            Address::Unix(path) => match UnixStream::connect(path).await {
                Ok(stream) => Ok(Self::over(tokio::io::split(stream))),
                Err(error) => Err(format!("cannot connect to {address}: {error}")),
            },
            Address::Tcp(place) => match TcpStream::connect(place).await {
                Ok(stream) => {
                    // A request is one burst of small writes: send them as they come.
                    let _ = stream.set_nodelay(true);
                    Ok(Self::over(tokio::io::split(stream)))
                }
                Err(error) => Err(format!("cannot connect to {address}: {error}")),
            },
        }
    }

    fn over(
        (reader, writer): (impl AsyncRead + Send + Unpin + 'static, impl AsyncWrite + Send + Unpin + 'static),
    ) -> Self {
        Self {
            reader: EventReader::new(Box::new(reader)),
            writer: Box::new(writer),
            child: None,
            words: LastWords::default(),
        }
    }

    fn spawn(engine: &str, program: &PathBuf, args: &[OsString]) -> Result<Self, String> {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            // ggml's threads wait for each other several times a layer. Where they
            // spin, another busy program on the kiosk's two cores makes a request
            // take 10 to 100 times as long; OpenMP's threads can sleep instead.
            .env("OMP_WAIT_POLICY", "passive")
            .spawn()
            .map_err(|error| {
                format!(
                    "cannot start {}: {error}; reinstall Aisle so that its workers lie beside it",
                    program.display()
                )
            })?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(format!("{} was started without pipes", program.display()));
        };
        let mut link = Self::over((stdout, stdin));
        link.child = Some(child);
        tokio::spawn(drain(stderr, engine.to_owned(), link.words.clone()));
        Ok(link)
    }

    /// Number of the child, while it lives; `None` for a service.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Whether this link owns the engine (and may ping and kill it).
    pub(super) fn is_worker(&self) -> bool {
        self.child.is_some()
    }

    /// From here on only crash lines of the worker's stderr are logged.
    pub(super) fn mark_ready(&self) {
        self.words.update(|words| words.ready = true);
    }

    /// The next event; `None` at the end of the stream. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, WyomingError> {
        self.reader.next_event_async().await
    }

    /// Writes one event. Not cancel-safe: end the link after a dropped write.
    pub(super) async fn send(&mut self, event: &Event) -> Result<(), WyomingError> {
        write_event_async(&mut self.writer, event).await
    }

    /// Kills the worker, if there is one, and waits until it is gone.
    pub(super) async fn kill(mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.start_kill();
            let _ = child.wait().await;
        }
    }

    /// Says in one line why the stream ended, after a short wait for the
    /// worker's status; kills it if it still lives then.
    pub(super) async fn end(mut self) -> String {
        let Some(child) = &mut self.child else {
            return "the service closed the connection".to_owned();
        };
        let status = tokio::time::timeout(LAST_WORDS, async {
            let status = child.wait().await;
            self.words.drained().await;
            status
        });
        let how = match status.await {
            Ok(Ok(status)) => describe(status),
            _ => "it closed its output".to_owned(),
        };
        let _ = child.start_kill();
        let _ = child.wait().await;
        match self.words.last() {
            Some(line) => format!("{how}: {line}"),
            None => how,
        }
    }
}

fn describe(status: std::process::ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (_, Some(4)) => "killed by signal 4, illegal instruction: this build needs a newer CPU".to_owned(),
        (_, Some(signal)) => format!("killed by signal {signal}"),
        (Some(code), None) => format!("exit code {code}"),
        (None, None) => "ended".to_owned(),
    }
}

/// The end of a worker's stderr, shared with the task that drains it.
#[derive(Clone, Default)]
struct LastWords(Arc<Mutex<Words>>, Arc<tokio::sync::Notify>);

#[derive(Default)]
struct Words {
    lines: VecDeque<String>,
    ready: bool,
    closed: bool,
}

impl LastWords {
    fn update<T>(&self, change: impl FnOnce(&mut Words) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, engine: &str, line: &str) {
        let line = line.trim();
        let kept = self.update(|words| {
            let kept = !line.is_empty() && (!words.ready || is_crash_line(line));
            if kept {
                words.lines.push_back(line.to_owned());
                if words.lines.len() > TAIL_LINES {
                    words.lines.pop_front();
                }
            }
            kept
        });
        if kept {
            tracing::debug!(engine, "{line}");
        }
    }

    fn last(&self) -> Option<String> {
        self.update(|words| words.lines.iter().next_back().cloned())
    }

    async fn drained(&self) {
        let closed = self.1.notified();
        if !self.update(|words| words.closed) {
            closed.await;
        }
    }
}

/// Whether a line comes from the abort paths of ggml, Rust or C++, whose texts
/// are fixed (the workers' own panic hook prints the place only).
fn is_crash_line(line: &str) -> bool {
    ["GGML_ASSERT", "ggml_", "terminate called", "aisle-"].iter().any(|start| line.starts_with(start))
        || line.contains("GGML_ASSERT(")
}

async fn drain(mut stderr: ChildStderr, engine: String, words: LastWords) {
    let mut line = Vec::with_capacity(MAX_LINE);
    let mut chunk = [0_u8; 1024];
    while let Ok(count) = stderr.read(&mut chunk).await {
        if count == 0 {
            break;
        }
        for &byte in chunk.iter().take(count) {
            if byte == b'\n' {
                words.add(&engine, &String::from_utf8_lossy(&line));
                line.clear();
            } else if line.len() < MAX_LINE {
                line.push(byte);
            }
        }
    }
    words.add(&engine, &String::from_utf8_lossy(&line));
    words.update(|words| words.closed = true);
    words.1.notify_waiters();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_wyoming_writes_them() {
        assert_eq!("unix:///run/aisle/stt.sock".parse(), Ok(Address::Unix("/run/aisle/stt.sock".into())));
        assert_eq!("tcp://127.0.0.1:10300".parse(), Ok(Address::Tcp("127.0.0.1:10300".into())));
        for wrong in ["", "stt", "tcp://host", "tcp://:1", "tcp://h:99999", "unix://x", "http://h:1"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn after_it_is_ready_only_crash_lines_of_a_worker_are_kept() {
        let words = LastWords::default();
        words.add("stt", "loading the model");
        words.update(|words| words.ready = true);
        words.add("stt", "some shopper words");
        assert_eq!(words.last().as_deref(), Some("loading the model"));
        words.add("stt", "/src/ggml.c:12: GGML_ASSERT(a == b) failed");
        assert!(words.last().unwrap().contains("GGML_ASSERT"));
    }
}
