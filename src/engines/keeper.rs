//! Owns the life of one engine: start, serve one request at a time, ping while
//! idle, kill when hung, restart with growing pauses.
//!
//! Promises: whatever the worker does, the request under way is answered, and
//! the worker that failed it is gone before the next one starts. A worker that
//! never became ready is tried again for ever, at the longest pause: a shop must
//! recover by itself when a model or a cable comes back.
//! Never logs a request or an answer.
//!
//! Runs on a thread of its own with a single-threaded tokio runtime. Linux sends
//! a child's parent-death signal when the *thread* that spawned it ends, so the
//! spawning thread must live as long as the worker should.

use std::io;
use std::time::{Duration, Instant};

use tokio::sync::oneshot::Sender;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep_until, timeout, timeout_at};

use super::EngineError;
use super::events::{self, ErrorBody};
use super::link::Link;
use super::supervisor::{EngineConfig, EngineState, EngineStatus, Job, Order};
use super::wyoming::{Event, WyomingError};

/// What the engine is between two orders.
enum Phase {
    /// No worker, and nobody asked for one.
    Stopped,
    /// No connection, but the service answered last time: open it when needed.
    Asleep,
    /// Connected and ready.
    Ready(Box<Link>),
    /// No worker until the time given.
    Down { until: Instant, failed: bool },
}

/// Why a request got no answer, and whether the link is still usable.
enum Failure {
    /// The engine said no; it is well.
    Refused(EngineError),
    /// The stream ended.
    Ended,
    /// The stream lost its framing.
    Garbled(WyomingError),
    /// The deadline passed.
    Late,
}

pub(super) struct Keeper {
    config: EngineConfig,
    inbox: mpsc::Receiver<Order>,
    status: watch::Sender<EngineStatus>,
    /// Failures since the engine was last healthy.
    failures: u32,
    ready_since: Option<Instant>,
    /// A request that waits for the worker to come back.
    held: Option<Job>,
}

impl Keeper {
    /// Starts the keeper's thread; it ends when every handle is gone.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be made.
    pub(super) fn start(
        config: EngineConfig,
        inbox: mpsc::Receiver<Order>,
        status: watch::Sender<EngineStatus>,
    ) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name(format!("{} keeper", config.name)).spawn(move || {
            runtime
                .block_on(Self { config, inbox, status, failures: 0, ready_since: None, held: None }.run());
        })?;
        Ok(())
    }

    async fn run(mut self) {
        let mut phase = Phase::Stopped;
        loop {
            let next = match phase {
                Phase::Stopped | Phase::Asleep => self.rest().await,
                Phase::Down { until, failed } => self.pause(until, failed).await,
                Phase::Ready(link) => self.serve(link).await,
            };
            match next {
                Some(next) => phase = next,
                None => return,
            }
        }
    }

    /// Waits for the first order without a worker.
    async fn rest(&mut self) -> Option<Phase> {
        match self.inbox.recv().await? {
            Order::Stop(done) => {
                let _ = done.send(());
                self.publish(EngineState::Stopped, None);
                Some(Phase::Stopped)
            }
            Order::Ask(job) => {
                self.held = Some(job);
                Some(self.bring_up(None).await)
            }
            Order::Warm(reply) => Some(self.bring_up(Some(reply)).await),
        }
    }

    /// Waits out the pause before a restart. A request whose deadline allows it
    /// waits too; any other is answered at once.
    async fn pause(&mut self, until: Instant, failed: bool) -> Option<Phase> {
        loop {
            let order = tokio::select! {
                () = sleep_until(until.into()) => return Some(self.restart(None).await),
                order = self.inbox.recv(), if self.held.is_none() => order?,
            };
            match order {
                Order::Stop(done) => {
                    let _ = done.send(());
                    self.publish(EngineState::Stopped, None);
                    return Some(Phase::Stopped);
                }
                Order::Warm(reply) => return Some(self.restart(Some(reply)).await),
                Order::Ask(job) if !failed && until < job.deadline => self.held = Some(job),
                Order::Ask(job) => {
                    let _ = job.reply.send(Err(self.unavailable()));
                }
            }
        }
    }

    /// Serves orders while the link lasts.
    async fn serve(&mut self, mut link: Box<Link>) -> Option<Phase> {
        if let Some(job) = self.held.take() {
            match self.answer(link, job).await {
                Ok(good) => link = good,
                Err(phase) => return Some(phase),
            }
        }
        let mut ping_at = Instant::now() + self.config.ping_every;
        loop {
            let order = tokio::select! {
                biased;
                event = link.next() => match event {
                    Ok(Some(_)) => continue,
                    _ if !link.is_worker() => return Some(Phase::Asleep),
                    Ok(None) => {
                        let reason = link.end().await;
                        return Some(self.fall(reason, false));
                    }
                    Err(error) => {
                        link.kill().await;
                        return Some(self.fall(error.to_string(), false));
                    }
                },
                order = self.inbox.recv() => order,
                () = sleep_until(ping_at.into()), if link.is_worker() => {
                    if !self.ping(&mut link).await {
                        link.kill().await;
                        return Some(self.fall("it did not answer a ping".to_owned(), false));
                    }
                    ping_at = Instant::now() + self.config.ping_every;
                    continue;
                }
            };
            match order {
                None => {
                    link.kill().await;
                    return None;
                }
                Some(Order::Warm(reply)) => {
                    let _ = reply.send(Ok(()));
                }
                Some(Order::Stop(done)) => {
                    link.kill().await;
                    self.publish(EngineState::Stopped, None);
                    let _ = done.send(());
                    return Some(Phase::Stopped);
                }
                Some(Order::Ask(job)) => match self.answer(link, job).await {
                    Ok(good) => link = good,
                    Err(phase) => return Some(phase),
                },
            }
            ping_at = Instant::now() + self.config.ping_every;
        }
    }

    async fn restart(&mut self, reply: Option<Sender<Result<(), EngineError>>>) -> Phase {
        self.status.send_modify(|status| {
            status.restarts = status.restarts.saturating_add(1);
        });
        self.bring_up(reply).await
    }

    /// Starts or reaches the engine and waits until it describes itself.
    async fn bring_up(&mut self, reply: Option<Sender<Result<(), EngineError>>>) -> Phase {
        self.publish(EngineState::Starting, None);
        let started = Instant::now();
        match self.open().await {
            Ok(link) => {
                link.mark_ready();
                self.publish(EngineState::Ready, link.pid());
                tracing::info!(
                    engine = %self.config.name,
                    pid = link.pid(),
                    ready_after_ms = started.elapsed().as_millis(),
                    "engine ready"
                );
                if let Some(reply) = reply {
                    let _ = reply.send(Ok(()));
                }
                self.ready_since = Some(Instant::now());
                Phase::Ready(Box::new(link))
            }
            Err(problem) => {
                let phase = self.fall(problem, true);
                let error = self.unavailable();
                if let Some(job) = self.held.take() {
                    let _ = job.reply.send(Err(error.clone()));
                }
                if let Some(reply) = reply {
                    let _ = reply.send(Err(error));
                }
                phase
            }
        }
    }

    async fn open(&self) -> Result<Link, String> {
        let late = || format!("it was not ready within {:?}", self.config.start_within);
        let by = Instant::now() + self.config.start_within;
        let opening = Link::open(&self.config.name, &self.config.address);
        let mut link = timeout_at(by.into(), opening).await.unwrap_or_else(|_| Err(late()))?;
        self.status.send_modify(|status| status.pid = link.pid());

        let greeting = async {
            link.send(&Event::new(events::DESCRIBE)).await?;
            loop {
                match link.next().await? {
                    Some(event) if event.kind == events::INFO => return Ok(None),
                    Some(event) if event.kind == events::ERROR => return Ok(Some(event)),
                    Some(_) => {}
                    None => return Err(WyomingError::Truncated),
                }
            }
        };
        match timeout_at(by.into(), greeting).await {
            Ok(Ok(None)) => Ok(link),
            Ok(Ok(Some(error))) => {
                let text = error.text("text").unwrap_or("unspecified error");
                let line = one_line(text);
                link.kill().await;
                Err(line)
            }
            // A pipe that breaks here means that the worker is gone: its status
            // and last line say more than the pipe does.
            Ok(Err(WyomingError::Truncated | WyomingError::Io(_))) => Err(link.end().await),
            Ok(Err(error)) => {
                link.kill().await;
                Err(error.to_string())
            }
            Err(_) => {
                link.kill().await;
                Err(late())
            }
        }
    }

    /// Runs one request and sends its answer. Gives the link back when it is
    /// still good, or else the phase that follows.
    async fn answer(&mut self, mut link: Box<Link>, mut job: Job) -> Result<Box<Link>, Phase> {
        if job.reply.is_closed() || job.deadline <= Instant::now() {
            return Ok(link);
        }
        match self.exchange(&mut link, &mut job).await {
            Ok(event) => {
                let _ = job.reply.send(Ok(event));
                Ok(link)
            }
            Err(Failure::Refused(error)) => {
                let _ = job.reply.send(Err(error));
                Ok(link)
            }
            Err(Failure::Late) => {
                let _ = job
                    .reply
                    .send(Err(EngineError::Timeout { engine: self.config.name.clone(), after: job.allowed }));
                let settling = settle(&mut link, job.exchange.answer);
                if let Ok(true) = timeout(self.config.cancel_within, settling).await {
                    return Ok(link);
                }
                link.kill().await;
                let problem = "it did not answer a request in time".to_owned();
                Err(self.fall(problem, false))
            }
            Err(Failure::Garbled(error)) => {
                let _ = job.reply.send(Err(self.protocol(&error)));
                link.kill().await;
                Err(self.fall(error.to_string(), false))
            }
            Err(Failure::Ended) if !link.is_worker() && !job.again => {
                // Some services close after each answer, and this request may
                // have crossed that: it deserves a fresh connection.
                job.again = true;
                self.held = Some(job);
                Err(self.bring_up(None).await)
            }
            Err(Failure::Ended) => {
                let reason = link.end().await;
                let _ = job.reply.send(Err(EngineError::Died {
                    engine: self.config.name.clone(),
                    reason: reason.clone(),
                }));
                Err(self.fall(reason, false))
            }
        }
    }

    async fn exchange(&self, link: &mut Link, job: &mut Job) -> Result<Event, Failure> {
        let by = job.deadline.into();
        for event in &job.exchange.events {
            match timeout_at(by, link.send(event)).await {
                Ok(Ok(())) => {}
                Ok(Err(WyomingError::Io(_))) => return Err(Failure::Ended),
                // Encoding fails before a byte is written, so the link is unharmed;
                // a worker forgets a half-sent request when the next one begins.
                Ok(Err(error)) => return Err(Failure::Refused(self.protocol(&error))),
                // Half an event may be on its way: no cancel can follow it.
                Err(_) => return Err(Failure::Late),
            }
        }
        let mut cancelled = false;
        loop {
            let event = tokio::select! {
                biased;
                event = link.next() => event,
                () = sleep_until(by) => return Err(Failure::Late),
                () = job.reply.closed(), if !cancelled => {
                    cancelled = true;
                    match timeout_at(by, link.send(&Event::new(events::CANCEL))).await {
                        Ok(Ok(())) => continue,
                        Ok(Err(_)) => return Err(Failure::Ended),
                        Err(_) => return Err(Failure::Late),
                    }
                }
            };
            match event {
                Ok(Some(event)) if event.kind == job.exchange.answer => return Ok(event),
                Ok(Some(event)) if event.kind == events::ERROR => {
                    return Err(Failure::Refused(self.refused(&event)));
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(WyomingError::Io(_) | WyomingError::Truncated) => {
                    return Err(Failure::Ended);
                }
                Err(error) => return Err(Failure::Garbled(error)),
            }
        }
    }

    async fn ping(&self, link: &mut Link) -> bool {
        let exchange = async {
            link.send(&Event::new(events::PING)).await.ok()?;
            loop {
                if link.next().await.ok()??.kind == events::PONG {
                    return Some(());
                }
            }
        };
        matches!(timeout(self.config.ping_within, exchange).await, Ok(Some(())))
    }

    fn fall(&mut self, problem: String, failed: bool) -> Phase {
        let healthy = self.config.healthy_after;
        if self.ready_since.take().is_some_and(|since| since.elapsed() >= healthy) {
            self.failures = 0;
        }
        let pause = pause_after(&self.config, self.failures);
        self.failures = self.failures.saturating_add(1);
        // The same fault at every attempt is worth one line, not one every pause.
        if self.status.borrow().last_problem.as_deref() == Some(problem.as_str()) {
            tracing::debug!(engine = %self.config.name, "{problem}");
        } else {
            tracing::warn!(engine = %self.config.name, pause_ms = pause.as_millis(), "{problem}");
        }
        self.status.send_modify(|status| {
            status.last_problem = Some(problem);
        });
        let state = if failed { EngineState::Failed } else { EngineState::BackingOff };
        self.publish(state, None);
        Phase::Down { until: Instant::now() + pause, failed }
    }

    fn publish(&self, state: EngineState, pid: Option<u32>) {
        self.status.send_modify(|status| {
            status.state = state;
            status.pid = pid;
        });
    }

    fn unavailable(&self) -> EngineError {
        let problem = self.status.borrow().last_problem.clone();
        EngineError::Unavailable {
            engine: self.config.name.clone(),
            reason: problem.unwrap_or_else(|| "it is being restarted".to_owned()),
        }
    }

    fn refused(&self, event: &Event) -> EngineError {
        match event.body::<ErrorBody>() {
            Ok(body) => EngineError::Refused {
                engine: self.config.name.clone(),
                code: body.code.unwrap_or_else(|| events::code::ENGINE.to_owned()),
                text: one_line(&body.text),
            },
            Err(error) => self.protocol(&error),
        }
    }

    fn protocol(&self, error: &WyomingError) -> EngineError {
        EngineError::Protocol { engine: self.config.name.clone(), reason: error.to_string() }
    }
}

/// Asks the worker to give up and waits for the answer it still owes; false
/// when the link broke instead.
async fn settle(link: &mut Link, answer: &str) -> bool {
    if link.send(&Event::new(events::CANCEL)).await.is_err() {
        return false;
    }
    while let Ok(Some(event)) = link.next().await {
        if event.kind == answer || event.kind == events::ERROR {
            return true;
        }
    }
    false
}

/// Pause after `failures` failures in a row: doubles from the shortest to the longest.
fn pause_after(config: &EngineConfig, failures: u32) -> Duration {
    config.pause_min.saturating_mul(2_u32.saturating_pow(failures)).min(config.pause_max)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::link::Address;
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let config = EngineConfig::new("x", Address::Unix("/none".into()));
        let pauses: Vec<_> = (0..9).map(|n| pause_after(&config, n).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        assert_eq!(pause_after(&config, u32::MAX), config.pause_max);
    }
}
