//! Owns the handle by which Aisle uses one engine: ask, warm, stop, observe.
//!
//! Promises: [`Engine::ask`] returns by its deadline whatever the engine does;
//! requests wait in a bounded queue and run one at a time; a future that is
//! dropped cancels its request; dropping the last handle ends the worker.
//! Never blocks, never needs a runtime to be created: each engine is kept by a
//! thread of its own (see `keeper`), which is also what the worker's
//! parent-death signal is tied to.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use super::EngineError;
use super::keeper::Keeper;
use super::link::Address;
use super::wyoming::Event;

/// Deadlines beyond this are cut to it; no engine works that long on anything.
const LONGEST_DEADLINE: Duration = Duration::from_secs(3600);

/// How one engine is started and watched. Times other than those of
/// [`EngineConfig::new`] are for tests and unusual hardware.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Name for errors and logs, such as `aisle-stt`.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// Requests that may wait besides the one that runs.
    pub queue: usize,
    /// Longest time from start to ready, model loading included.
    pub start_within: Duration,
    /// A worker that idles this long is pinged.
    pub ping_every: Duration,
    /// An unanswered ping restarts the worker after this time.
    pub ping_within: Duration,
    /// A request past its deadline is cancelled; a worker that does not give it
    /// up within this time is killed.
    pub cancel_within: Duration,
    /// First pause before a restart; doubles with each failure.
    pub pause_min: Duration,
    /// Longest pause before a restart.
    pub pause_max: Duration,
    /// A worker that has been ready this long has its pauses reset.
    pub healthy_after: Duration,
}

impl EngineConfig {
    /// The usual times: 60 s to start, a ping after 10 s of idling answered in
    /// 5 s, half a second to give up, pauses of 250 ms to 30 s that reset after a minute, 4 waiting requests.
    pub fn new(name: impl Into<String>, address: Address) -> Self {
        Self {
            name: name.into(),
            address,
            queue: 4,
            start_within: Duration::from_secs(60),
            ping_every: Duration::from_secs(10),
            ping_within: Duration::from_secs(5),
            cancel_within: Duration::from_millis(500),
            pause_min: Duration::from_millis(250),
            pause_max: Duration::from_secs(30),
            healthy_after: Duration::from_secs(60),
        }
    }
}

/// What an engine is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineState {
    /// Not started yet, or stopped on request.
    Stopped,
    /// Starting; its model is being loaded.
    Starting,
    /// Ready for requests, or working on one.
    Ready,
    /// It had been ready and ended; it is restarted after a pause.
    BackingOff,
    /// It did not become ready; it is tried again after a pause.
    Failed,
}

impl EngineState {
    /// Stable lower-case name, for the manager's page and telemetry.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::BackingOff => "backing-off",
            Self::Failed => "failed",
        }
    }
}

/// A snapshot of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatus {
    /// What it is doing.
    pub state: EngineState,
    /// How often it has been restarted since Aisle began.
    pub restarts: u32,
    /// The worker's process number while one runs; `None` for a service.
    pub pid: Option<u32>,
    /// One line on the last end or failed start; `None` when there was none.
    pub last_problem: Option<String>,
}

/// Events that make one request, and the type of the event that answers it.
#[derive(Debug)]
pub struct Exchange {
    /// Sent in order.
    pub events: Vec<Event>,
    /// Type of the answer; an `error` event answers too, others are skipped.
    pub answer: &'static str,
}

/// What the handle asks of its keeper.
pub(super) enum Order {
    Ask(Job),
    Warm(oneshot::Sender<Result<(), EngineError>>),
    Stop(oneshot::Sender<()>),
}

/// One request on its way.
pub(super) struct Job {
    pub(super) exchange: Exchange,
    pub(super) deadline: Instant,
    pub(super) allowed: Duration,
    /// Whether it has been sent before, on a connection that closed.
    pub(super) again: bool,
    pub(super) reply: oneshot::Sender<Result<Event, EngineError>>,
}

/// Handle of one engine; clones share it.
#[derive(Debug, Clone)]
pub struct Engine {
    name: String,
    queue: usize,
    orders: mpsc::Sender<Order>,
    status: watch::Receiver<EngineStatus>,
}

impl Engine {
    /// Makes the handle; the worker starts with the first request or [`Engine::warm`].
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when the system has no thread left.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let name = config.name.clone();
        let queue = config.queue.max(1);
        let (orders, inbox) = mpsc::channel(queue);
        let (status_in, status) = watch::channel(EngineStatus {
            state: EngineState::Stopped,
            restarts: 0,
            pid: None,
            last_problem: None,
        });
        Keeper::start(config, inbox, status_in).map_err(|error| EngineError::Unavailable {
            engine: name.clone(),
            reason: format!("its supervisor could not start: {error}"),
        })?;
        Ok(Self { name, queue, orders, status })
    }

    /// Name for errors and logs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the engine is doing now.
    #[must_use]
    pub fn status(&self) -> EngineStatus {
        self.status.borrow().clone()
    }

    /// What the engine is doing now, without the details.
    #[must_use]
    pub fn state(&self) -> EngineState {
        self.status.borrow().state
    }

    /// Follows the engine's status.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<EngineStatus> {
        self.status.clone()
    }

    /// Starts the worker if it does not run and waits until it is ready. An
    /// engine whose start failed is tried again at once.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] with the worker's own line when it cannot start.
    pub async fn warm(&self) -> Result<(), EngineError> {
        let (reply, answer) = oneshot::channel();
        self.order(Order::Warm(reply)).await?;
        answer.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    /// Ends the worker and frees its memory; the next request starts it again.
    /// Waits for the request under way.
    pub async fn stop(&self) {
        let (reply, done) = oneshot::channel();
        if self.order(Order::Stop(reply)).await.is_ok() {
            let _ = done.await;
        }
    }

    /// Sends a request and waits for its answer. Dropping the future tells the
    /// worker to give up.
    ///
    /// # Errors
    /// Any [`EngineError`]; by `deadline` at the latest.
    pub async fn ask(&self, exchange: Exchange, deadline: Duration) -> Result<Event, EngineError> {
        let (reply, answer) = oneshot::channel();
        let deadline = deadline.min(LONGEST_DEADLINE);
        let at = Instant::now() + deadline;
        let job = Job { exchange, deadline: at, allowed: deadline, again: false, reply };
        self.orders.try_send(Order::Ask(job)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                EngineError::Busy { engine: self.name.clone(), waiting: self.queue }
            }
            mpsc::error::TrySendError::Closed(_) => self.stopped(),
        })?;
        match tokio::time::timeout_at(at.into(), answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(self.stopped()),
            Err(_) => Err(EngineError::Timeout { engine: self.name.clone(), after: deadline }),
        }
    }

    async fn order(&self, order: Order) -> Result<(), EngineError> {
        self.orders.send(order).await.map_err(|_| self.stopped())
    }

    fn stopped(&self) -> EngineError {
        EngineError::Stopped { engine: self.name.clone() }
    }
}
