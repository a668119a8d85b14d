//! Ordering what is made for the shopper: what of the list is not sent yet, what is shown of an
//! order on its way, and when its number is good. The visit's part is pure; [`place`] carries out.

use super::command::{Command, Event};
use super::hands::Hands;
use super::visit::State;
use crate::domain::turn::OrderLine;
use crate::view::chrome::{Notice, Page};
use crate::view::format::Language;
use crate::view::list::Sent;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

/// How long a shopper waits for a number before they are sent to the counter.
const WAIT: Duration = Duration::from_secs(8);
/// How often it is looked whether an order was taken, and for how long.
const LOOK: Duration = Duration::from_millis(200);
const LOOKED: Duration = Duration::from_secs(600);

impl State {
    /// What of the list is made for the shopper, and not ordered yet.
    pub(super) fn unsent(&self) -> Vec<OrderLine> {
        if !self.welcome.as_ref().is_some_and(|welcome| welcome.orders) {
            return Vec::new();
        }
        let made = self.screen.list.lines.iter().filter(|line| line.card.made_to_order);
        let mut left = self.sent.clone();
        let mut unsent = Vec::new();
        for line in made.filter_map(|line| self.order.get(line.place)) {
            let mut line = line.clone();
            for sent in &mut left {
                if is_same(sent, &line) {
                    let both = sent.quantity.min(line.quantity);
                    (sent.quantity, line.quantity) = (sent.quantity - both, line.quantity - both);
                }
            }
            if line.quantity > 0 {
                unsent.push(line);
            }
        }
        unsent
    }

    /// Orders it.
    pub(super) fn send_order(&mut self) -> Vec<Command> {
        let lines = self.unsent();
        if lines.is_empty() {
            return Vec::new();
        }
        self.sent.extend(lines.clone());
        self.sent_at = Some(self.now);
        self.screen.list.sent = Some(Sent::Sending);
        vec![Command::Place(self.visit, lines)]
    }

    /// It is written down, or is not.
    pub(super) fn placed(&mut self, number: Option<String>) -> Vec<Command> {
        if number.is_none() { self.send_to_counter() } else { Vec::new() }
    }

    /// Somebody has it.
    pub(super) fn taken(&mut self, number: &str) -> Vec<Command> {
        self.sent_at = None;
        let number = number.to_uppercase();
        let spoken = format!("Your order number is {}.", number.replace('-', " "));
        self.screen.list.sent = Some(Sent::Number(number));
        self.tell_of_order(spoken)
    }

    /// Says what became of an order, where its page does not show it and aloud.
    fn tell_of_order(&mut self, spoken: String) -> Vec<Command> {
        if self.screen.chrome.language != Language::English {
            return Vec::new();
        }
        if self.screen.chrome.page != Page::List {
            self.say(Notice::Said(spoken.clone()), false);
        }
        vec![Command::Speak(self.visit, spoken)]
    }

    /// Who waited long enough shows the list at the counter. The number may come still.
    pub(super) fn await_taking(&mut self) -> Vec<Command> {
        let waited = self.sent_at.is_some_and(|since| self.now.saturating_sub(since) >= WAIT);
        if waited { self.send_to_counter() } else { Vec::new() }
    }

    /// Nobody has it as far as is known: the shopper brings it.
    fn send_to_counter(&mut self) -> Vec<Command> {
        self.sent_at = None;
        self.screen.list.sent = Some(Sent::Counter);
        self.tell_of_order("Please show this at the counter.".into())
    }
}

/// Whether two lines are of the same thing, made the same way.
fn is_same(a: &OrderLine, b: &OrderLine) -> bool {
    a.sku == b.sku && a.options == b.options && a.defaults == b.defaults
}

/// Places an order, and tells when somebody has it.
pub(super) async fn place(hands: Hands, visit: u64, lines: Vec<OrderLine>, events: mpsc::Sender<Event>) {
    let own = hands.clone();
    let placed = spawn_blocking(move || own.place(visit, &lines)).await.ok().flatten();
    let number = placed.as_ref().map(|placed| placed.number.clone());
    let _ = events.send(Event::Placed(visit, number)).await;
    let (Some(placed), Some(orders)) = (placed, hands.orders) else { return };
    let until = Instant::now() + LOOKED;
    while Instant::now() < until {
        let (own, id) = (orders.clone(), placed.id);
        if spawn_blocking(move || own.is_taken(id)).await.unwrap_or(false) {
            let _ = events.send(Event::Taken(visit, placed.number)).await;
            return;
        }
        sleep(LOOK).await;
    }
}
