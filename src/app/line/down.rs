//! The catalog's way down, carried out: passes what head office says on to the session, its
//! orders to the connection and its work to the thread that writes; tells what came of it.
//! Decides nothing, and never waits for the disk. Sales come by the same line, and are passed on.

use super::commands::Ports;
use super::report::Reporter;
use crate::app::meter::Meter;
use crate::sync::ingest::{self, Ingest};
use crate::sync::mqtt::{Arrival, Link, Order, Problem, Told};
use crate::sync::session::{Command, Event, Now, Outcome, Session, update};
use crate::sync::topics::{Line, Site, Topic};
use crate::sync::wire::event::{Alert, Telemetry};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// Work that may wait for the disk before no more is taken from the line.
const MOST: usize = 32;
/// When an order that the connection had no room for is given again.
const AGAIN: Duration = Duration::from_millis(100);
/// When somebody is called again for another kiosk of this name.
const CALL_AGAIN: Duration = Duration::from_secs(3600);

/// Carries out what one session decides.
pub(super) struct Down {
    session: Session,
    site: Site,
    links: watch::Receiver<Option<Link>>,
    meter: Arc<Meter>,
    reporter: Arc<Reporter>,
    commands: Ports,
    /// Who waits for answers about customers.
    replies: mpsc::Sender<Told>,
    began: Instant,
    /// What the connection is asked next, and the disk.
    orders: VecDeque<Order>,
    work: VecDeque<Command>,
    /// When somebody was called for another kiosk of this name.
    called: Option<Instant>,
    /// Who takes sales, where somebody does, and what it is told next.
    till: Option<mpsc::Sender<Arrival>>,
    sales: VecDeque<Arrival>,
}

/// Who else hears what comes for this kiosk.
pub(super) struct Others {
    /// Waits for replies about a customer.
    pub(super) replies: mpsc::Sender<Told>,
    /// Takes sales, where somebody does.
    pub(super) till: Option<mpsc::Sender<Arrival>>,
}

impl Down {
    pub(super) fn new(
        session: Session,
        site: Site,
        links: watch::Receiver<Option<Link>>,
        meter: Arc<Meter>,
        reporter: Arc<Reporter>,
        commands: Ports,
        others: Others,
    ) -> Self {
        let began = Instant::now();
        reporter.stands(&session);
        commands.stands(&session);
        let Others { replies, till } = others;
        // Whoever takes no sales does not hear them.
        let hears = till.iter().map(|_| Order::Subscribe(site.own(Line::Sale).text(&site.tenant)));
        let (orders, work, sales, called) = (hears.collect(), VecDeque::new(), VecDeque::new(), None);
        Self {
            session,
            site,
            links,
            meter,
            reporter,
            commands,
            replies,
            began,
            orders,
            work,
            called,
            till,
            sales,
        }
    }

    /// Until the line ends; then what is on its way to the disk is finished.
    pub(super) async fn run(mut self, ingest: Ingest, mut told: mpsc::Receiver<Told>) {
        let (commands, mut answers) = ingest::spawn(ingest);
        loop {
            self.give_orders();
            let wake = self.session.wake().map(|at| self.began + at);
            let due = async { if let Some(wake) = wake { sleep_until(wake).await } else { pending().await } };
            let event = tokio::select! {
                biased;
                answer = answers.recv() => match answer {
                    Some(event) => Some(event),
                    None => {
                        tracing::error!("catalogs are not taken any more: restart the program");
                        break;
                    }
                },
                Ok(room) = commands.reserve(), if !self.work.is_empty() => {
                    if let Some(command) = self.work.pop_front() {
                        room.send(command);
                    }
                    None
                }
                () = pass_on(self.till.as_ref(), &mut self.sales), if !self.sales.is_empty() => None,
                heard = told.recv(), if self.work.len().max(self.sales.len()) < MOST => match heard {
                    Some(heard) => self.hear(heard),
                    None => break,
                },
                Some(asked) = self.commands.asked.recv() => Some(asked),
                () = sleep(AGAIN), if !self.orders.is_empty() => None,
                () = due => Some(Event::Tick),
            };
            if let Some(event) = event {
                self.happened(event);
            }
        }
        // The broker does not send these again.
        while !self.sales.is_empty() {
            pass_on(self.till.as_ref(), &mut self.sales).await;
        }
        drop(self.till.take());
        // What was decided is still written down: whom it trusts, what it has seen.
        self.work.retain(|command| !matches!(command, Command::Apply(_)));
        let mut commands = Some(commands);
        loop {
            if self.work.is_empty() {
                commands = None;
            }
            tokio::select! {
                Some(room) = async { commands.as_ref()?.reserve().await.ok() } => {
                    if let Some(command) = self.work.pop_front() {
                        room.send(command);
                    }
                }
                // Nobody may wait for the other.
                answer = answers.recv() => if answer.is_none() {
                    return;
                },
            }
        }
    }

    /// What the line tells, as an event of the session.
    fn hear(&mut self, told: Told) -> Option<Event> {
        match told {
            Told::Up { .. } => Some(Event::Connected),
            Told::Down { why, .. } => {
                if why == Problem::IdentityInUse && self.may_call() {
                    self.meter.tell(Telemetry::Alert { alert: Alert::IdentityTaken });
                }
                Some(Event::Disconnected)
            }
            Told::Arrived(arrival) => self.arrived(arrival),
            Told::SubscribeRefused { filter, why } => {
                tracing::warn!("the broker does not give {filter}: {why}");
                None
            }
            Told::Refused { .. } => {
                // Where nobody waits it is nobody's.
                let _ = self.replies.try_send(told);
                None
            }
            Told::Published { .. } | Told::StatusRefused { .. } => None,
        }
    }

    /// Whether nobody was called for another kiosk of this name for a while: the two send each
    /// other away again and again.
    fn may_call(&mut self) -> bool {
        let now = Instant::now();
        let may = self.called.is_none_or(|called| now.duration_since(called) >= CALL_AGAIN);
        if may {
            self.called = Some(now);
        }
        may
    }

    fn arrived(&mut self, arrival: Arrival) -> Option<Event> {
        let (tenant, topic) = Topic::parse(&arrival.topic).ok()?;
        if !self.site.is_for_me(&tenant, &topic) {
            return None;
        }
        match topic {
            Topic::Keys => Some(Event::Keys(arrival.payload)),
            Topic::Manifest { .. } => Some(Event::Manifest(arrival.payload)),
            Topic::Chunk { digest, .. } => Some(Event::Chunk(digest, arrival.payload)),
            Topic::Price { .. } | Topic::Stock { .. } | Topic::Recall { .. } => {
                Some(Event::Live(topic, arrival.payload))
            }
            Topic::Kiosk { line: Line::Commands, .. } => {
                self.commands.hear(arrival.payload);
                None
            }
            Topic::Kiosk { line: Line::LoyaltyReply, .. } => {
                let _ = self.replies.try_send(Told::Arrived(arrival));
                None
            }
            Topic::Kiosk { line: Line::Sale, .. } => {
                self.sales.push_back(arrival);
                None
            }
            Topic::Kiosk { .. } => None,
        }
    }

    fn happened(&mut self, event: Event) {
        let now = Now { clock: Timestamp::now(), up: self.began.elapsed() };
        for command in update(&mut self.session, event, now) {
            match &command {
                Command::Subscribe(digest) => {
                    let topic = self.site.chunk(*digest).text(&self.site.tenant);
                    self.orders.push_back(Order::Subscribe(topic));
                    continue;
                }
                Command::Unsubscribe(digest) => {
                    let topic = self.site.chunk(*digest).text(&self.site.tenant);
                    self.orders.push_back(Order::Unsubscribe(topic));
                    continue;
                }
                Command::Report(outcome) => self.tell(outcome),
                _ => {}
            }
            self.work.push_back(command);
        }
        self.reporter.stands(&self.session);
        self.commands.stands(&self.session);
    }

    /// Gives the connection what it has room for, in order.
    fn give_orders(&mut self) {
        let link = self.links.borrow();
        let Some(link) = link.as_ref() else { return };
        while let Some(order) = self.orders.front() {
            if link.try_send(order.clone()).is_err() {
                break;
            }
            self.orders.pop_front();
        }
    }

    fn tell(&self, outcome: &Outcome) {
        outcome.telemetry().into_iter().for_each(|event| self.meter.tell(event));
        match outcome {
            Outcome::Applied { version, way, took, bytes, .. } => {
                tracing::info!(
                    version,
                    ?way,
                    bytes,
                    ms = took.as_millis(),
                    "a catalog of head office is in use"
                );
                self.reporter.refused(None);
            }
            Outcome::Refused { version, why, detail, .. } => {
                tracing::error!(version, ?why, "a catalog of head office is not taken: {detail}");
                self.reporter.refused(Some(detail.clone()));
                self.commands.refused(*version, detail);
            }
            Outcome::KeysRefused { why, detail } => {
                tracing::error!(?why, "keys of head office are not taken: {detail}");
                self.reporter.refused(Some(detail.clone()));
            }
            Outcome::KeysTaken { version } => {
                tracing::info!(version, "keys of head office are in force");
                self.reporter.refused(None);
            }
            Outcome::LiveRefused { kind, why, detail } => {
                tracing::error!(kind = kind.name(), ?why, "a message of head office is not taken: {detail}");
                self.reporter.refused(Some(detail.clone()));
            }
            Outcome::LiveLate { kind, detail } => {
                tracing::error!(kind = kind.name(), "a message of head office is not kept yet: {detail}");
            }
            Outcome::NoRoom { version, detail } => {
                tracing::error!(version, "a catalog has no room yet: {detail}");
            }
            Outcome::Ready { version } => tracing::info!(version, "a catalog waits to be released"),
            Outcome::Stalled { version, missing, detail } => {
                tracing::warn!(version, missing, "a catalog does not come on: {detail}");
            }
        }
    }
}

/// Tells the point of sale's end the first that waits, once it has room. May be dropped at any time.
async fn pass_on(till: Option<&mpsc::Sender<Arrival>>, sales: &mut VecDeque<Arrival>) {
    let Some(till) = till else { return sales.clear() };
    match till.reserve().await {
        Ok(room) => {
            if let Some(sale) = sales.pop_front() {
                room.send(sale);
            }
        }
        // It is gone.
        Err(_) => sales.clear(),
    }
}
