//! The meter: notes how the kiosk is used for head office's telemetry, on a thread of its own,
//! so that no shopper waits for the disk. Counts and words of closed lists only: never what
//! anybody said, looked for or bought.

use super::assistant::millis;
use super::talk::trace::{Reached, Trace};
use super::turn::{Answer, Step};
use crate::domain::turn::{Intent, Timings};
use crate::store::Catalog;
use crate::sync::tell::{TellError, tell};
use crate::sync::uplink::Waker;
use crate::sync::wire::event::{HonestNo, Stage, Telemetry, Told};
use crate::sync::wire::histogram::Histogram;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Events that may wait for the disk. One too many is lost, and logged.
const WAITING: usize = 1024;
/// How often the counts are written down.
const EVERY: Duration = Duration::from_secs(300);

/// Puts one event into the outbox, which may take so many bytes.
type Tell = Box<dyn FnOnce(&Catalog, u64) -> Result<bool, TellError> + Send>;

/// What is to be written.
enum Note {
    Event(Tell),
    /// Write the counts down, and say when everything is.
    Flush(SyncSender<()>),
}

/// Notes for one kiosk.
pub struct Meter {
    notes: SyncSender<Note>,
    times: Arc<Mutex<BTreeMap<Stage, Histogram>>>,
    waker: Arc<OnceLock<Waker>>,
}

impl Meter {
    /// Begins to write into the outbox of `catalog`, which may take so many megabytes.
    #[must_use]
    pub fn start(catalog: Arc<Catalog>, outbox_mb: u32) -> Arc<Self> {
        let (notes, told) = sync_channel(WAITING);
        let times = Arc::<Mutex<BTreeMap<_, _>>>::default();
        let waker = Arc::<OnceLock<Waker>>::default();
        let writer = Writer {
            catalog,
            cap: u64::from(outbox_mb) << 20,
            times: Arc::clone(&times),
            waker: Arc::clone(&waker),
            fails: false,
        };
        if let Err(error) = thread::Builder::new().name("meter".into()).spawn(move || writer.run(&told)) {
            tracing::error!(%error, "nothing is counted for head office");
        }
        Arc::new(Self { notes, times, waker })
    }

    /// Who is woken when something was written.
    pub fn wakes(&self, waker: Waker) {
        let _ = self.waker.set(waker);
    }

    /// Says that somebody else put something into the outbox.
    pub(super) fn wake(&self) {
        self.waker.get().into_iter().for_each(Waker::wake);
    }

    /// Notes an event that happened now.
    pub fn tell<T: Told + Send + 'static>(&self, what: T) {
        let at = Timestamp::now();
        let note = Note::Event(Box::new(move |catalog, cap| tell(catalog, &what, at, cap)));
        if self.notes.try_send(note).is_err() {
            tracing::warn!("an event for head office is lost: the disk does not keep up");
        }
    }

    /// Counts how long a stage took, in milliseconds.
    pub fn took(&self, stage: Stage, ms: f64) {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).entry(stage).or_default().record(ms);
    }

    /// Notes a turn that was not spoken, or that was a recording.
    pub fn turn(&self, times: &Timings) {
        self.ran([
            (Stage::Stt, times.stt),
            (Stage::FirstCard, times.first_card),
            (Stage::Reply, times.reply),
            (Stage::FirstAudio, times.first_audio),
            (Stage::Total, Some(times.total)),
        ]);
    }

    /// Counts the stages that ran.
    fn ran<const N: usize>(&self, stages: [(Stage, Option<f64>); N]) {
        for (stage, ms) in stages {
            if let Some(ms) = ms {
                self.took(stage, ms);
            }
        }
    }

    /// Notes the times of a spoken turn, which count from the end of the shopper's speech.
    pub(super) fn spoken(&self, trace: &Trace) {
        for (reached, time) in trace.stages() {
            let stage = match reached {
                Reached::Words => Stage::Stt,
                Reached::EndOfTurn => Stage::EndOfTurn,
                Reached::FirstCard => Stage::FirstCard,
                Reached::Answer => Stage::Reply,
                Reached::FirstSound => Stage::FirstAudio,
            };
            self.took(stage, millis(time));
        }
    }

    /// Notes what was made of a turn, however it came.
    pub(super) fn answered(&self, told: &[Telemetry], times: &Timings) {
        self.ran([(Stage::Understand, times.understand), (Stage::Search, times.search)]);
        told.iter().for_each(|event| self.tell(*event));
    }

    /// Writes down what is counted. Blocks until that is done, or nobody does it.
    pub fn stop(&self) {
        let (done, written) = sync_channel(1);
        if self.notes.send(Note::Flush(done)).is_ok() {
            let _ = written.recv();
        }
    }
}

/// What a turn is worth telling, besides its times.
pub(super) fn told(answer: &Answer) -> Vec<Telemetry> {
    answer.steps.iter().flat_map(of_step).collect()
}

fn of_step(step: &Step) -> Vec<Telemetry> {
    let findings = &step.findings;
    let intent = step.understanding.tool.intent();
    let mut all = Vec::new();
    let looks = matches!(
        intent,
        Intent::Find | Intent::Narrow | Intent::Locate | Intent::Price | Intent::Stock | Intent::Allergens
    );
    // "Where is it" of what is at hand looks for nothing.
    if looks && (findings.no_match || !findings.found.is_empty()) {
        all.push(Telemetry::Searched {
            found: u32::try_from(findings.found.len()).unwrap_or(u32::MAX),
            no_match: findings.no_match,
            other_size: findings.other_size,
        });
    }
    let why = match intent {
        Intent::Refuse => Some(HonestNo::OutOfScope),
        Intent::Unclear => Some(HonestNo::NotUnderstood),
        _ if !findings.stopped.is_empty() => Some(HonestNo::Recalled),
        _ if findings.no_match => Some(HonestNo::NotCarried),
        _ => None,
    };
    all.extend(why.map(|why| Telemetry::HonestNo { why }));
    if intent == Intent::Recommend && !findings.found.is_empty() {
        let shown = u32::try_from(findings.found.len()).unwrap_or(u32::MAX);
        all.push(Telemetry::Recommended { shown, taken: 0 });
    }
    all
}

/// The thread that writes.
struct Writer {
    catalog: Arc<Catalog>,
    cap: u64,
    times: Arc<Mutex<BTreeMap<Stage, Histogram>>>,
    waker: Arc<OnceLock<Waker>>,
    /// The last one could not be written: that is logged once.
    fails: bool,
}

impl Writer {
    /// Until nobody notes anything any more.
    fn run(mut self, told: &Receiver<Note>) {
        let mut due = Instant::now() + EVERY;
        loop {
            let left = due.saturating_duration_since(Instant::now());
            match told.recv_timeout(left) {
                Ok(Note::Event(event)) => self.write(event),
                Ok(Note::Flush(done)) => {
                    self.flush();
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.flush();
                    due = Instant::now() + EVERY;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Writes the counts since the last time down.
    fn flush(&mut self) {
        let times = std::mem::take(&mut *self.times.lock().unwrap_or_else(PoisonError::into_inner));
        for (stage, counts) in times {
            let event = Telemetry::Latency { stage, counts };
            self.write(Box::new(move |catalog, cap| tell(catalog, &event, Timestamp::now(), cap)));
        }
    }

    fn write(&mut self, event: Tell) {
        let kept = event(&self.catalog, self.cap);
        if let Err(error) = &kept
            && !self.fails
        {
            tracing::error!(%error, "what head office is to be told cannot be kept");
        }
        self.fails = kept.is_err();
        if let (Ok(true), Some(waker)) = (kept, self.waker.get()) {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Lane;
    use serde_json::Value;

    #[test]
    fn what_is_told_and_counted_lies_in_the_outbox() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Arc::new(Catalog::open(folder.path()).unwrap());
        let meter = Meter::start(Arc::clone(&catalog), 1);
        meter.tell(Telemetry::HonestNo { why: HonestNo::NotCarried });
        for ms in [3.0, 4.0, 700.0] {
            meter.took(Stage::FirstCard, ms);
        }
        meter.stop();
        let waiting = catalog.waiting_events(Lane::Telemetry, 0, 10, 1 << 20).unwrap();
        let kinds: Vec<&str> = waiting.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["honest_no", "latency"]);
        let body: Value = serde_json::from_str(&waiting[1].body).unwrap();
        assert_eq!((&body["kind"], &body["stage"]), (&"latency".into(), &"first_card".into()));
        let counts: Vec<u64> = serde_json::from_value(body["counts"].clone()).unwrap();
        assert_eq!((counts[2], counts[9], counts.iter().sum::<u64>()), (2, 1, 3));
        meter.stop();
        let waiting = catalog.waiting_events(Lane::Telemetry, 0, 10, 1 << 20).unwrap();
        assert_eq!(waiting.len(), 2, "what was counted is not counted again");
    }
}
