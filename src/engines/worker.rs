//! Owns the worker's side of the protocol: read events, answer them one at a
//! time, give up when told to, end when the parent ends.
//!
//! Promises: nothing but events reaches the output, whatever a native library
//! prints; a request is answered exactly once; a stream that ends, or a parent
//! that dies, ends the worker even in the middle of inference; a Rust panic
//! prints its place only, never its message (which may quote a shopper).
//! Never names an engine crate: each worker binary brings its own [`Service`].

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::events::{self, code};
use super::wyoming::{Event, EventReader, WyomingError, write_event};

/// Events read ahead of the one being answered; more wait in the pipe.
const READ_AHEAD: usize = 256;
/// How long inference may take to notice that the parent is gone before the
/// worker ends itself the hard way.
const LAST_RESORT: Duration = Duration::from_secs(2);

/// Why a request or the loading of a model failed; becomes an `error` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Stable word, see [`events::code`].
    pub code: &'static str,
    /// One line for a person; never holds a shopper's words.
    pub text: String,
}

impl Refusal {
    /// A refusal with its code and its line.
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// The answer to a request that was given up.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(code::CANCELLED, "the request was cancelled")
    }
}

impl From<WyomingError> for Refusal {
    fn from(error: WyomingError) -> Self {
        Self::new(code::REQUEST, error.to_string())
    }
}

/// Tells an engine at work that its answer is no longer wanted.
#[derive(Debug, Clone, Default)]
pub struct GiveUp(Arc<AtomicUsize>);

impl GiveUp {
    /// Whether to stop as soon as possible and answer [`Refusal::cancelled`].
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    fn raise(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn lower(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a worker serves.
pub trait Service {
    /// The `info` event that describes the service.
    fn info(&self) -> Event;

    /// Takes one event; `None` when it is not answered (yet). Unknown events
    /// must be ignored, as Wyoming asks.
    ///
    /// # Errors
    /// A [`Refusal`], sent as the answer.
    fn handle(&mut self, event: Event) -> Result<Option<Event>, Refusal>;
}

/// Serves standard input and output as a child of `aisle`: checks the CPU, loads
/// the model, then answers until the input ends.
///
/// Exit codes: 0 when the input ended, 1 when the model could not be loaded or
/// the output broke, 2 when the input was no Wyoming stream.
pub fn run_on_stdio<S: Service>(load: impl FnOnce(GiveUp) -> Result<S, Refusal>) -> ExitCode {
    quiet_panics();
    #[cfg(target_os = "linux")]
    {
        // Best effort: the end of standard input says the same a little later.
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    }
    let output = match private_output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("aisle-worker: cannot use standard output: {error}");
            return ExitCode::from(1);
        }
    };
    let end = || {
        std::thread::sleep(LAST_RESORT);
        // Exit handlers of the native library could hang beside its running
        // threads; nobody is left to care about the status.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    };
    serve(io::stdin(), output, end, |give_up| {
        check_cpu()?;
        load(give_up)
    })
}

/// Serves one stream. `at_end` runs on the reading thread after the input ended
/// and the work under way was told to give up.
pub fn serve<S: Service>(
    input: impl Read + Send + 'static,
    mut output: impl Write,
    at_end: impl FnOnce() + Send + 'static,
    load: impl FnOnce(GiveUp) -> Result<S, Refusal>,
) -> ExitCode {
    let give_up = GiveUp::default();
    let inbox = match read_ahead(input, give_up.clone(), at_end) {
        Ok(inbox) => inbox,
        Err(error) => {
            eprintln!("aisle-worker: cannot start its reading thread: {error}");
            return ExitCode::from(1);
        }
    };
    let mut service = match load(give_up.clone()) {
        Ok(service) => service,
        Err(refusal) => {
            eprintln!("aisle-worker: {}", refusal.text);
            let _ = write_event(&mut output, &events::error(refusal.code, &refusal.text));
            return ExitCode::from(1);
        }
    };
    for event in inbox {
        let answer = match event {
            Ok(event) => answer(&mut service, event, &give_up),
            Err(error) => {
                let event = events::error(code::PROTOCOL, &error.to_string());
                let _ = write_event(&mut output, &event);
                return ExitCode::from(2);
            }
        };
        let Some(answer) = answer else { continue };
        match write_event(&mut output, &answer) {
            Ok(()) => {}
            Err(WyomingError::Io(_)) => return ExitCode::from(1),
            Err(error) => {
                let event = events::error(code::ENGINE, &error.to_string());
                if write_event(&mut output, &event).is_err() {
                    return ExitCode::from(1);
                }
            }
        }
    }
    ExitCode::SUCCESS
}

fn answer(service: &mut impl Service, event: Event, give_up: &GiveUp) -> Option<Event> {
    match event.kind.as_str() {
        events::DESCRIBE => Some(service.info()),
        events::PING => {
            let pong = Event::new(events::PONG);
            Some(match event.text("text") {
                Some(text) => pong.with("text", text),
                None => pong,
            })
        }
        events::CANCEL => {
            give_up.lower();
            None
        }
        _ => service.handle(event).unwrap_or_else(|refusal| Some(events::error(refusal.code, &refusal.text))),
    }
}

/// Reads events on a thread of its own, so that a cancellation or the end of
/// the input is seen while the engine works.
fn read_ahead(
    input: impl Read + Send + 'static,
    give_up: GiveUp,
    at_end: impl FnOnce() + Send + 'static,
) -> io::Result<Receiver<Result<Event, WyomingError>>> {
    let (events, inbox) = sync_channel(READ_AHEAD);
    std::thread::Builder::new().name("reader".into()).spawn(move || {
        let mut reader = EventReader::new(input);
        loop {
            let event = match reader.next_event() {
                Ok(Some(event)) => Ok(event),
                Ok(None) => break,
                Err(error) => Err(error),
            };
            // Raised here and lowered when the loop comes to this event, so
            // a late cancellation can never hit the request after it.
            if event.as_ref().is_ok_and(|event| event.kind == events::CANCEL) {
                give_up.raise();
            }
            let broken = event.is_err();
            if events.send(event).is_err() || broken {
                break;
            }
        }
        drop(events);
        give_up.raise();
        at_end();
    })?;
    Ok(inbox)
}

/// Keeps the real standard output for events and points the descriptor that
/// native code prints to at standard error.
fn private_output() -> io::Result<std::fs::File> {
    let private = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(std::fs::File::from(private))
}

fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(|| "unknown place".to_owned(), |place| format!("{}:{}", place.file(), place.line()));
        eprintln!("aisle-worker: internal error at {place}");
    }));
}

/// Both engines are built for AVX2, FMA, F16C and BMI2 on x86-64 (see
/// `.cargo/config.toml`) and would die of an illegal instruction without.
fn check_cpu() -> Result<(), Refusal> {
    #[cfg(target_arch = "x86_64")]
    {
        let missing: Vec<&str> = [
            ("AVX2", std::arch::is_x86_feature_detected!("avx2")),
            ("FMA", std::arch::is_x86_feature_detected!("fma")),
            ("F16C", std::arch::is_x86_feature_detected!("f16c")),
            ("BMI2", std::arch::is_x86_feature_detected!("bmi2")),
        ]
        .into_iter()
        .filter_map(|(name, present)| (!present).then_some(name))
        .collect();
        if !missing.is_empty() {
            return Err(Refusal::new(
                code::CPU,
                format!(
                    "this CPU lacks {}; build Aisle for it with RUSTFLAGS=-Ctarget-cpu=native and GGML_NATIVE=ON",
                    missing.join(", ")
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// Answers `work` once it is told to give up, and `echo` at once.
    struct Fake(GiveUp);

    impl Service for Fake {
        fn info(&self) -> Event {
            events::info("asr", "fake", "fake", &["en"])
        }

        fn handle(&mut self, event: Event) -> Result<Option<Event>, Refusal> {
            match event.kind.as_str() {
                "work" => {
                    while !self.0.is_wanted() {
                        std::thread::yield_now();
                    }
                    Err(Refusal::cancelled())
                }
                "echo" if self.0.is_wanted() => Err(Refusal::cancelled()),
                "echo" => Ok(Some(Event::new("echoed"))),
                _ => Ok(None),
            }
        }
    }

    /// A pipe that stays open until dropped.
    struct Pipe(std::sync::mpsc::Receiver<Vec<u8>>, Vec<u8>);

    impl Read for Pipe {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.1.is_empty() {
                match self.0.recv() {
                    Ok(bytes) => self.1 = bytes,
                    Err(_) => return Ok(0),
                }
            }
            let count = into.len().min(self.1.len());
            into[..count].copy_from_slice(&self.1[..count]);
            self.1.drain(..count);
            Ok(count)
        }
    }

    fn answers(kinds: &[&str]) -> (Vec<Event>, ExitCode) {
        let (sender, receiver) = channel();
        for kind in kinds {
            sender.send(Event::new(kind).encode().unwrap()).unwrap();
        }
        // The fake stays blind to the end of the input until all was answered.
        let (done, wait) = channel::<()>();
        let mut wire = Vec::new();
        let expected = kinds.len() - kinds.iter().filter(|kind| **kind == "cancel").count();
        struct Counting<'a>(&'a mut Vec<u8>, usize, Option<std::sync::mpsc::Sender<Vec<u8>>>);
        impl Write for Counting<'_> {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                self.1 -= 1;
                if self.1 == 0 {
                    self.2 = None;
                }
                Ok(())
            }
        }
        let code = serve(
            Pipe(receiver, Vec::new()),
            Counting(&mut wire, expected, Some(sender)),
            move || drop(done),
            |give_up| Ok(Fake(give_up)),
        );
        let _ = wait.recv();
        let mut reader = EventReader::new(&wire[..]);
        let mut events = Vec::new();
        while let Some(event) = reader.next_event().unwrap() {
            events.push(event);
        }
        (events, code)
    }

    #[test]
    fn a_cancellation_ends_the_request_under_way_and_no_later_one() {
        let (events, code) = answers(&["describe", "work", "cancel", "echo", "ping"]);
        let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["info", "error", "echoed", "pong"]);
        assert_eq!(events[1].text("code"), Some("cancelled"));
        assert_eq!(code, ExitCode::SUCCESS);
    }

    #[test]
    fn the_end_of_the_input_ends_the_work_under_way() {
        let mut wire = Vec::new();
        let input = Event::new("work").encode().unwrap();
        let code = serve(io::Cursor::new(input), &mut wire, || {}, |give_up| Ok(Fake(give_up)));
        assert_eq!(code, ExitCode::SUCCESS);
    }

    #[test]
    fn garbage_is_answered_with_an_error_and_a_clean_end() {
        let mut wire = Vec::new();
        let code = serve(
            io::Cursor::new(b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            &mut wire,
            || {},
            |give_up| Ok(Fake(give_up)),
        );
        let event = EventReader::new(&wire[..]).next_event().unwrap().unwrap();
        assert_eq!(event.text("code"), Some("protocol"));
        assert_eq!(code, ExitCode::from(2));
    }

    #[test]
    fn a_model_that_does_not_load_is_said_once() {
        let mut wire = Vec::new();
        let code = serve(
            io::Cursor::new(Vec::new()),
            &mut wire,
            || {},
            |_| Err::<Fake, _>(Refusal::new(code::MODEL, "no such file")),
        );
        let event = EventReader::new(&wire[..]).next_event().unwrap().unwrap();
        assert_eq!(event.text("text"), Some("no such file"));
        assert_eq!(code, ExitCode::from(1));
    }
}
