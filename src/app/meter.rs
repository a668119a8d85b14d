//! The meter: notes how the kiosk is used for head office's telemetry, on a thread of its own,
//! so that no shopper waits for the disk. Counts and words of closed lists only: never what
//! anybody said, looked for or bought.

use super::assistant::millis;
use super::talk::trace::{Reached, Trace};
use super::turn::{Answer, Step};
use crate::dialog::context::{Context, Question};
use crate::dialog::findings::Found;
use crate::dialog::tool::Tool;
use crate::domain::turn::{Intent, Timings};
use crate::store::{Catalog, Lane, Priority, Room};
use crate::sync::tell::Made;
use crate::sync::uplink::Waker;
use crate::sync::wire::event::{HonestNo, Stage, Telemetry, Told};
use crate::sync::wire::histogram::Histogram;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Events that may wait for the disk. One too many is lost, and logged.
const WAITING: usize = 1024;
/// How often the counts are written down.
const EVERY: Duration = Duration::from_secs(300);
/// When what could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(10);
/// Events of weight that wait for a disk that cannot be written; more are given up.
const HELD: usize = 256;

/// Events that were given up, by lane and kind, and are not counted in the outbox yet.
type Lost = HashMap<(Lane, String), u64>;

/// What is to be written.
enum Note {
    Event(Box<Made>),
    /// Write the counts down, and say when everything is.
    Flush(SyncSender<()>),
}

/// Notes for one kiosk.
pub struct Meter {
    notes: SyncSender<Note>,
    times: Arc<Mutex<BTreeMap<Stage, Histogram>>>,
    lost: Arc<Mutex<Lost>>,
    waker: Arc<OnceLock<Waker>>,
}

impl Meter {
    /// Begins to write into the outbox of `catalog`, which may take so many megabytes. While
    /// there is no `room` only what has weight is written; the rest is given up, and counted.
    #[must_use]
    pub fn start(catalog: Arc<Catalog>, outbox_mb: u32, room: Room) -> Arc<Self> {
        let (notes, told) = sync_channel(WAITING);
        let times = Arc::<Mutex<BTreeMap<_, _>>>::default();
        let lost = Arc::<Mutex<Lost>>::default();
        let waker = Arc::<OnceLock<Waker>>::default();
        let writer = Writer {
            catalog,
            cap: u64::from(outbox_mb) << 20,
            room,
            times: Arc::clone(&times),
            lost: Arc::clone(&lost),
            held: VecDeque::new(),
            waker: Arc::clone(&waker),
            fails: false,
        };
        if let Err(error) = thread::Builder::new().name("meter".into()).spawn(move || writer.run(&told)) {
            tracing::error!(%error, "nothing is counted for head office");
        }
        Arc::new(Self { notes, times, lost, waker })
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
    pub fn tell<T: Told>(&self, what: T) {
        let made = match Made::of(&what, Timestamp::now()) {
            Ok(made) => made,
            Err(error) => return tracing::error!(%error, "head office would refuse what it is to be told"),
        };
        if let Err(TrySendError::Full(Note::Event(made)) | TrySendError::Disconnected(Note::Event(made))) =
            self.notes.try_send(Note::Event(Box::new(made)))
        {
            tracing::warn!("an event for head office is lost: the disk does not keep up");
            lose(&self.lost, &made);
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

/// What a turn that left `context` is worth telling, besides its times. What a visit at the screen
/// makes of recommendations is told at its end, by who follows it (`is_visit`).
pub(super) fn told(answer: &Answer, context: &Context, is_visit: bool) -> Vec<Telemetry> {
    let mut all: Vec<Telemetry> = answer.steps.iter().flat_map(of_step).collect();
    all.retain(|event| !(is_visit && matches!(event, Telemetry::Recommended { .. })));
    let confirms = answer.steps.iter().any(|step| step.understanding.tool == Tool::ConfirmList);
    // Asked whether it is meant so, nobody has confirmed yet.
    let asks = matches!(context.question(), Some(Question::Meant | Question::AddAll(_)));
    if confirms && !asks && !context.order.is_empty() {
        let lines = u32::try_from(context.order.len()).unwrap_or(u32::MAX);
        all.push(Telemetry::ListConfirmed { lines });
    }
    all
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
        _ if findings.found.first().is_some_and(|found| is_unknown(intent, found)) => {
            Some(HonestNo::NotKnown)
        }
        _ => None,
    };
    all.extend(why.map(|why| Telemetry::HonestNo { why }));
    if intent == Intent::Recommend && !findings.found.is_empty() {
        let shown = u32::try_from(findings.found.len()).unwrap_or(u32::MAX);
        all.push(Telemetry::Recommended { shown, taken: 0 });
    }
    all
}

/// Whether what was asked of a product is not stated.
fn is_unknown(intent: Intent, found: &Found) -> bool {
    let product = &found.product;
    match intent {
        Intent::Price => found.price_cents.is_none(),
        Intent::Stock => product.stock.is_none() && product.availability.is_none(),
        Intent::Locate => product.location.is_none(),
        Intent::Allergens => product.allergens.is_none(),
        _ => false,
    }
}

/// Counts an event as given up.
fn lose(lost: &Mutex<Lost>, made: &Made) {
    let event = made.event();
    let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
    *lost.entry((event.lane, event.kind.to_owned())).or_default() += 1;
}

/// The thread that writes.
struct Writer {
    catalog: Arc<Catalog>,
    cap: u64,
    room: Room,
    times: Arc<Mutex<BTreeMap<Stage, Histogram>>>,
    lost: Arc<Mutex<Lost>>,
    /// Could not be written yet.
    held: VecDeque<Made>,
    waker: Arc<OnceLock<Waker>>,
    /// The last one could not be written: that is logged once.
    fails: bool,
}

impl Writer {
    /// Until nobody notes anything any more.
    fn run(mut self, told: &Receiver<Note>) {
        let mut due = Instant::now() + EVERY;
        let mut again = Instant::now() + AGAIN;
        loop {
            let left = due.min(again).saturating_duration_since(Instant::now());
            match told.recv_timeout(left) {
                Ok(Note::Event(made)) => self.write(*made),
                Ok(Note::Flush(done)) => {
                    self.flush();
                    self.catch_up();
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // Also while much is told, without a pause in it.
            if Instant::now() >= due {
                self.flush();
                due = Instant::now() + EVERY;
            }
            if Instant::now() >= again {
                self.catch_up();
                again = Instant::now() + AGAIN;
            }
        }
    }

    /// Writes the counts since the last time down.
    fn flush(&mut self) {
        let times = std::mem::take(&mut *self.times.lock().unwrap_or_else(PoisonError::into_inner));
        for (stage, counts) in times {
            match Made::of(&Telemetry::Latency { stage, counts }, Timestamp::now()) {
                Ok(made) => self.write(made),
                Err(error) => tracing::error!(%error, "head office would refuse what it is to be told"),
            }
        }
    }

    fn write(&mut self, made: Made) {
        let has_weight = made.event().priority >= Priority::High;
        if !has_weight && self.room.is_short() {
            return lose(&self.lost, &made);
        }
        if self.put(&made) {
            return;
        }
        if has_weight && self.held.len() < HELD {
            self.held.push_back(made);
        } else {
            lose(&self.lost, &made);
        }
    }

    /// Writes down what could not be written, and counts what was given up.
    fn catch_up(&mut self) {
        while let Some(made) = self.held.pop_front() {
            if !self.put(&made) {
                self.held.push_front(made);
                return;
            }
        }
        let lost = std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner));
        if lost.is_empty() {
            return;
        }
        let rows: Vec<(Lane, String, u64)> =
            lost.into_iter().map(|((lane, kind), count)| (lane, kind, count)).collect();
        if self.catalog.count_dropped(&rows).is_err() {
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            rows.into_iter().for_each(|(lane, kind, count)| *lost.entry((lane, kind)).or_default() += count);
        }
    }

    /// Puts one event into the outbox, or counts it there as dropped. False: it cannot be written.
    fn put(&mut self, made: &Made) -> bool {
        let kept = self.catalog.keep_event(&made.event(), self.cap);
        if let Err(error) = &kept
            && !self.fails
        {
            tracing::error!(%error, "what head office is to be told cannot be kept");
        }
        self.fails = kept.is_err();
        if let (Ok(true), Some(waker)) = (&kept, self.waker.get()) {
            waker.wake();
        }
        kept.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::wire::event::Alert;
    use serde_json::Value;

    #[test]
    fn what_is_told_and_counted_lies_in_the_outbox() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Arc::new(Catalog::open(folder.path()).unwrap());
        let meter = Meter::start(Arc::clone(&catalog), 1, Room::new(folder.path(), 0));
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

    #[test]
    fn without_room_what_has_weight_is_kept_and_the_rest_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Arc::new(Catalog::open(folder.path()).unwrap());
        let meter = Meter::start(Arc::clone(&catalog), 1, Room::new(folder.path(), u64::MAX));
        for _ in 0..3 {
            meter.tell(Telemetry::HonestNo { why: HonestNo::NotCarried });
        }
        meter.tell(Telemetry::Alert { alert: Alert::DiskFull });
        meter.stop();
        let waiting = catalog.waiting_events(Lane::Telemetry, 0, 10, 1 << 20).unwrap();
        let kinds: Vec<&str> = waiting.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["alert"]);
        assert_eq!(catalog.outbox().unwrap().dropped, [("honest_no".to_owned(), 3)]);
    }
}
