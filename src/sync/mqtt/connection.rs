//! Owns one life of a connection: a client and an event loop that nothing was done with before
//! and nothing is done with after. Ends with the first error of any kind.

use super::client::{self, Fault, NUMBERS, full, keep_alive, step};
use super::keeper::{Stop, Telling, take_down, want};
use super::ledger::{Asked, Ledger};
use super::problem::{Problem, Refusal};
use super::{Message, Options, Order, Presence, Session, Told, packet};
use bytes::Bytes;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnAck, Filter, Packet, PubAck, Publish, SubAck};
use rumqttc::v5::{AsyncClient, ClientError, Event, EventLoop};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

/// Topic filters that one packet subscribes.
const FILTERS: usize = 16;

/// Who writes statuses.
pub(super) struct Writer {
    /// Tells this program from another one with the same identity.
    pub(super) name: u64,
    /// Whether it has left one.
    pub(super) was_here: bool,
}

/// How a connection ended.
pub(super) enum Ended {
    Stopped,
    Cut(Problem),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Up to the broker's greeting.
    Connecting,
    /// Up to its last answer to the first subscriptions.
    Subscribing,
    Up,
    /// What is open is waited for, then the last status.
    Stopping,
    /// The broker is to close.
    Leaving,
}

pub(super) struct Connection<'a> {
    options: &'a Options,
    session: Session,
    telling: &'a mut Telling,
    filters: &'a mut Vec<String>,
    client: AsyncClient,
    ledger: Ledger,
    phase: Phase,
    /// When this phase must be over, where it must.
    until: Option<Instant>,
    /// When the broker was last heard.
    heard: Instant,
    greeted: Option<Instant>,
    keep_alive: Duration,
    largest_sent: usize,
    /// Filters that are still to be subscribed.
    next: VecDeque<String>,
    /// What waited to be told before anything of this connection did.
    before: usize,
    /// The status as it is to be retained.
    status: Bytes,
    /// What statuses of this connection bear.
    mark: String,
    /// An earlier connection got as far as to leave a status.
    was_here: bool,
    /// Somebody else left one since.
    is_contested: bool,
    /// Another one was put over this kiosk's.
    is_buried: bool,
    said_goodbye: bool,
}

impl<'a> Connection<'a> {
    pub(super) fn new(
        options: &'a Options,
        session: Session,
        telling: &'a mut Telling,
        filters: &'a mut Vec<String>,
        writer: &Writer,
    ) -> (Self, EventLoop) {
        let now = Instant::now();
        let limits = &options.limits;
        let mark = format!("{:016x}-{session}", writer.name);
        let (client, events) = client::new(options, session, &mark);
        let connection = Self {
            options,
            session,
            client,
            ledger: Ledger::new(usize::from(limits.window), NUMBERS),
            phase: Phase::Connecting,
            until: Some(now + limits.connect_within),
            heard: now,
            greeted: None,
            keep_alive: keep_alive(limits.keep_alive),
            largest_sent: limits.largest_sent as usize,
            next: VecDeque::new(),
            before: telling.len(),
            status: Bytes::new(),
            mark,
            was_here: writer.was_here,
            is_contested: false,
            is_buried: false,
            said_goodbye: false,
            telling,
            filters,
        };
        (connection, events)
    }

    /// Whether the broker greeted.
    pub(super) fn was_greeted(&self) -> bool {
        self.greeted.is_some()
    }

    /// How long the broker was talked with.
    pub(super) fn held(&self) -> Duration {
        self.greeted.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Answers what stays open.
    pub(super) fn close(mut self, stopped: bool) {
        let why = if stopped { Refusal::Stopped } else { Refusal::Cut };
        for asked in self.ledger.close() {
            if let Asked::Publish(id) = asked {
                self.telling.say(Told::Refused { id, why: why.clone() });
            }
        }
    }

    /// Lives until the first error, or until it is stopped.
    pub(super) async fn run(
        &mut self,
        mut events: EventLoop,
        orders: &mut mpsc::Receiver<Order>,
        stop: &mut Stop,
    ) -> Ended {
        // The library looks the host up as well, but tells a name that nobody knows no better
        // than a network that is down.
        tokio::select! {
            biased;
            () = stop.wait() => return Ended::Stopped,
            found = self.look_up() => if let Err(problem) = found {
                return Ended::Cut(problem);
            },
        }
        loop {
            let taken = {
                // Kept until it is done: the library does not say what is lost when it is dropped.
                let mut step = pin!(step(&mut events));
                loop {
                    let deadline = self.deadline();
                    let tells = self.phase != Phase::Subscribing && self.telling.len() > 0;
                    let takes = self.takes_orders();
                    tokio::select! {
                        biased;
                        () = stop.wait(), if !self.is_stopping() => {
                            match self.begin_to_stop() {
                                Ok(true) => return Ended::Stopped,
                                Ok(false) => {}
                                Err(problem) => return Ended::Cut(problem),
                            }
                        }
                        delivered = self.telling.deliver(), if tells => match delivered {
                            Ok(publish) => if let Err(problem) = self.acknowledge(publish) {
                                return Ended::Cut(problem);
                            },
                            Err(_) => stop.ask(),
                        },
                        order = orders.recv(), if takes => match order {
                            Some(order) => if let Err(problem) = self.carry_out(order, stop) {
                                return Ended::Cut(problem);
                            },
                            None => stop.ask(),
                        },
                        taken = &mut step => break taken,
                        () = sleep_until(deadline) => return self.overdue(),
                    }
                }
            };
            let ended = match taken {
                Ok(event) => {
                    let ended = self.take(event).err();
                    // "No pings", says the broker; the library would send one at every moment.
                    if events.options.keep_alive().is_zero() {
                        events.options.set_keep_alive(self.keep_alive);
                    }
                    ended
                }
                Err(fault) => Some(self.ends(fault, &mut events)),
            };
            match ended {
                Some(_) if self.is_stopping() => return Ended::Stopped,
                Some(problem) => return Ended::Cut(problem),
                None => {}
            }
        }
    }

    fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping | Phase::Leaving)
    }

    fn takes_orders(&self) -> bool {
        let has_room = self.telling.has_room();
        match self.phase {
            Phase::Connecting => has_room,
            Phase::Up => has_room && self.ledger.has_room() && self.next.is_empty(),
            Phase::Subscribing | Phase::Stopping | Phase::Leaving => false,
        }
    }

    /// When it is too late for what must come next.
    fn deadline(&self) -> Instant {
        let silent = self.heard + self.keep_alive + self.options.limits.grace;
        let unanswered = self.ledger.oldest().map(|since| since + self.options.limits.answer_within);
        match self.phase {
            Phase::Connecting => self.until.unwrap_or(silent),
            _ => [Some(silent), unanswered, self.until].into_iter().flatten().min().unwrap_or(silent),
        }
    }

    fn overdue(&self) -> Ended {
        let limits = &self.options.limits;
        match self.phase {
            Phase::Connecting => {
                Ended::Cut(Problem::NoAnswer { address: self.address(), after: limits.connect_within })
            }
            Phase::Subscribing | Phase::Up => Ended::Cut(Problem::Silent {
                after: self
                    .heard
                    .elapsed()
                    .max(self.ledger.oldest().map_or(Duration::ZERO, |at| at.elapsed())),
            }),
            Phase::Stopping | Phase::Leaving => Ended::Stopped,
        }
    }

    fn address(&self) -> String {
        format!("{}:{}", self.options.host, self.options.port)
    }

    fn presence_topic(&self) -> Option<&String> {
        self.options.presence.as_ref().map(|presence| &presence.topic)
    }

    /// Whether this program wrote the status, in this or an earlier connection.
    fn is_ours(&self, mark: &str) -> bool {
        mark.split('-').next() == self.mark.split('-').next()
    }

    async fn look_up(&self) -> Result<(), Problem> {
        let Options { host, port, limits, .. } = self.options;
        if host.parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        let look_up = tokio::net::lookup_host((host.as_str(), *port));
        match timeout(limits.connect_within, look_up).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Problem::HostUnknown { host: host.clone() }),
            Err(_) => Err(Problem::NoAnswer { address: self.address(), after: limits.connect_within }),
        }
    }

    /// What an event of the library's means.
    fn take(&mut self, event: Event) -> Result<(), Problem> {
        match event {
            Event::Outgoing(
                Outgoing::Publish(number) | Outgoing::Subscribe(number) | Outgoing::Unsubscribe(number),
            ) => self.ledger.numbered(number),
            Event::Outgoing(Outgoing::AwaitAck(number)) => {
                return Err(Problem::Broken { why: format!("packet number {number} was used twice") });
            }
            Event::Outgoing(_) => {}
            Event::Incoming(packet) => {
                self.heard = Instant::now();
                match packet {
                    Packet::ConnAck(greeting) => self.greeted(&greeting)?,
                    Packet::SubAck(answer) => self.subscribed(&answer)?,
                    Packet::UnsubAck(answer) => drop(self.ledger.answered(answer.pkid)),
                    Packet::PubAck(answer) => self.published(&answer),
                    Packet::Publish(publish) => self.arrived(publish)?,
                    _ => {}
                }
            }
        }
        self.go_on()
    }

    /// What came of an error; first what had come before it and was not looked at yet.
    fn ends(&mut self, fault: Fault, events: &mut EventLoop) -> Problem {
        for event in std::mem::take(&mut events.state.events) {
            if let Event::Incoming(Packet::PubAck(_) | Packet::Publish(_)) = event {
                let _ = self.take(event);
            }
        }
        match fault {
            Fault::Error(error) => {
                let problem =
                    Problem::of(*error, &self.options.host, &self.address(), self.greeted.is_some());
                match problem {
                    // Mosquitto 2.0.11 does not say why it closes the older of two connections.
                    Problem::Cut { .. }
                        if self.is_contested && self.held() < self.options.limits.pauses.calm =>
                    {
                        Problem::IdentityInUse
                    }
                    problem => problem,
                }
            }
            Fault::Panic => Problem::Broken { why: "the MQTT library failed".to_owned() },
        }
    }

    fn greeted(&mut self, greeting: &ConnAck) -> Result<(), Problem> {
        self.greeted = Some(self.heard);
        if let Some(properties) = &greeting.properties {
            self.ledger.narrow(properties.receive_max.unwrap_or(u16::MAX));
            let largest = properties.max_packet_size.unwrap_or(u32::MAX) as usize;
            self.largest_sent = self.largest_sent.min(largest);
            if let Some(seconds) = properties.server_keep_alive.filter(|seconds| *seconds > 0) {
                self.keep_alive = Duration::from_secs(seconds.into());
            }
        }
        self.phase = Phase::Subscribing;
        self.until = None;
        self.before = self.telling.len();
        for filter in self.filters.clone() {
            self.queue(filter);
        }
        if let Some(Presence { topic, .. }) = &self.options.presence {
            self.next.push_back(topic.clone());
        }
        Ok(())
    }

    /// Asks what can be asked now.
    fn go_on(&mut self) -> Result<(), Problem> {
        match self.phase {
            Phase::Connecting | Phase::Leaving => Ok(()),
            Phase::Subscribing => {
                self.subscribe()?;
                if self.next.is_empty() && self.ledger.is_empty() { self.is_up() } else { Ok(()) }
            }
            Phase::Up => {
                self.subscribe()?;
                if self.is_buried && self.ledger.has_room() && !self.ledger.has_status() {
                    self.is_buried = false;
                    self.say_status(self.status.clone())?;
                }
                Ok(())
            }
            Phase::Stopping => self.go_on_stopping(),
        }
    }

    fn is_up(&mut self) -> Result<(), Problem> {
        self.phase = Phase::Up;
        self.telling.say_at(self.before, Told::Up { session: self.session });
        if let Some(Presence { status, .. }) = &self.options.presence {
            self.say_status(status(self.session, true))?;
        }
        Ok(())
    }

    fn queue(&mut self, filter: String) {
        if packet::is_filter(&filter) {
            self.next.push_back(filter);
        } else {
            self.telling.say(Told::SubscribeRefused { filter, why: Refusal::Topic });
        }
    }

    fn subscribe(&mut self) -> Result<(), Problem> {
        while !self.next.is_empty() && self.ledger.has_room() {
            let filters: Vec<String> = self.next.drain(..self.next.len().min(FILTERS)).collect();
            let paths = filters.iter().map(|path| Filter::new(path, QoS::AtLeastOnce));
            let sent = self.client.try_subscribe_many(paths);
            self.note(sent, Asked::Subscribe(filters))?;
        }
        Ok(())
    }

    fn subscribed(&mut self, answer: &SubAck) -> Result<(), Problem> {
        let Some(Asked::Subscribe(filters)) = self.ledger.answered(answer.pkid) else {
            return Err(Problem::Broken { why: "an answer to no subscription".to_owned() });
        };
        if filters.len() != answer.return_codes.len() {
            return Err(Problem::Broken { why: "an answer to other subscriptions".to_owned() });
        }
        for (filter, code) in filters.into_iter().zip(&answer.return_codes) {
            if let Some(why) = Refusal::of_subscribe(*code) {
                self.telling.say(Told::SubscribeRefused { filter, why });
            }
        }
        Ok(())
    }

    fn published(&mut self, answer: &PubAck) {
        let refusal = Refusal::of_publish(answer.reason);
        match (self.ledger.answered(answer.pkid), refusal) {
            (Some(Asked::Publish(id)), None) => self.telling.say(Told::Published { id }),
            (Some(Asked::Publish(id)), Some(why)) => self.telling.say(Told::Refused { id, why }),
            (Some(Asked::Status), Some(why)) => self.telling.say(Told::StatusRefused { why }),
            _ => {}
        }
    }

    fn arrived(&mut self, publish: Publish) -> Result<(), Problem> {
        let Ok(topic) = std::str::from_utf8(&publish.topic).map(str::to_owned) else {
            return self.acknowledge(Some(publish));
        };
        if self.presence_topic() == Some(&topic) {
            let mark = packet::mark(&publish);
            if publish.retain {
                // How it was before this connection. Before the first, it is of an earlier program.
                self.is_contested |= self.was_here && mark.is_some_and(|mark| !self.is_ours(mark));
            } else {
                // One's own comes back; anything else, such as an old will, is put right.
                self.is_buried |= mark != Some(self.mark.as_str());
            }
            return self.acknowledge(Some(publish));
        }
        let told = Told::Arrived(packet::arrival(topic, &publish));
        let ack = (publish.qos != QoS::AtMostOnce).then_some(publish);
        if !self.telling.pass(told, ack) {
            tracing::warn!("a message that the broker cannot hold back was dropped: nobody takes them");
        }
        Ok(())
    }

    fn acknowledge(&mut self, publish: Option<Publish>) -> Result<(), Problem> {
        match publish {
            Some(publish) => self.client.try_ack(&publish).map_err(full),
            None => Ok(()),
        }
    }

    fn carry_out(&mut self, order: Order, stop: &mut Stop) -> Result<(), Problem> {
        if self.phase == Phase::Connecting {
            take_down(Some(order), self.telling, self.filters, stop);
            return Ok(());
        }
        match order {
            Order::Publish(id, message) => {
                if let Some(why) = self.publish(Asked::Publish(id), message)? {
                    self.telling.say(Told::Refused { id, why });
                }
                Ok(())
            }
            Order::Subscribe(filter) => {
                want(self.filters, &filter);
                self.queue(filter);
                self.subscribe()
            }
            Order::Unsubscribe(filter) => {
                if !self.filters.contains(&filter) || !packet::is_filter(&filter) {
                    return Ok(());
                }
                self.filters.retain(|other| *other != filter);
                let sent = self.client.try_unsubscribe(filter);
                self.note(sent, Asked::Unsubscribe)
            }
            Order::Stop => {
                stop.ask();
                Ok(())
            }
        }
    }

    /// Sends a message; what is wrong with it, if it cannot be sent.
    fn publish(&mut self, asked: Asked, message: Message) -> Result<Option<Refusal>, Problem> {
        let mut properties = packet::properties(&message);
        let is_status = self.presence_topic() == Some(&message.topic);
        if is_status {
            properties.user_properties.push(packet::marked(&self.mark));
        }
        if let Some(why) = packet::unfit(&message, &properties, self.largest_sent) {
            return Ok(Some(why));
        }
        let Message { topic, payload, retain, .. } = message;
        if is_status {
            self.status = payload.clone();
        }
        let qos = QoS::AtLeastOnce;
        let sent = self.client.try_publish_with_properties(topic, qos, retain, payload, properties);
        self.note(sent, asked)?;
        Ok(None)
    }

    fn say_status(&mut self, status: Bytes) -> Result<(), Problem> {
        let Some(topic) = self.presence_topic().cloned() else { return Ok(()) };
        let message = Message { topic, payload: status, retain: true, ..Message::default() };
        if let Some(why) = self.publish(Asked::Status, message)? {
            self.telling.say(Told::StatusRefused { why });
        }
        Ok(())
    }

    /// True where there is nothing to say goodbye to: the broker says that the kiosk is gone.
    fn begin_to_stop(&mut self) -> Result<bool, Problem> {
        if self.phase != Phase::Up {
            return Ok(true);
        }
        self.phase = Phase::Stopping;
        self.until = Some(Instant::now() + self.options.limits.stop_within);
        self.next.clear();
        self.go_on_stopping()?;
        Ok(false)
    }

    /// What is open first, then the status, then the end.
    fn go_on_stopping(&mut self) -> Result<(), Problem> {
        if !self.ledger.is_empty() {
            return Ok(());
        }
        if let Some(Presence { status, .. }) = &self.options.presence
            && !self.said_goodbye
        {
            self.said_goodbye = true;
            self.say_status(status(self.session, false))?;
            if !self.ledger.is_empty() {
                return Ok(());
            }
        }
        self.phase = Phase::Leaving;
        self.client.try_disconnect().map_err(full)
    }

    fn note(&mut self, sent: Result<(), ClientError>, asked: Asked) -> Result<(), Problem> {
        sent.map_err(full)?;
        self.ledger.asked(asked, Instant::now());
        Ok(())
    }
}
