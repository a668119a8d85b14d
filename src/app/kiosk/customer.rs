//! A shopper who wants to be known: what they agree to, the number that is looked up, and what is
//! known of them until they leave. The visit's part is pure; [`Customers`] carries out.

use super::command::{Command, Event};
use super::visit::State;
use crate::app::line::loyalty::{Customer, Loyalty, Recognition};
use crate::domain::{Private, Sku};
use crate::recommend::again::again;
use crate::view::chrome::Page;
use crate::view::consent::{self, Loyalty as Stage};
use crate::view::for_you::Why;
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// What a customer buys, the most likely first.
pub(super) type Again = Private<Vec<Sku>>;

impl State {
    /// The page of the customer card, as far as the shopper has come with it.
    pub(super) fn open_consent(&mut self) -> Vec<Command> {
        self.open(Page::Consent)
    }

    /// Yes or no. Nothing is asked before a yes, and nothing where nobody could answer.
    pub(super) fn consented(&mut self, yes: bool) -> Vec<Command> {
        if !yes {
            return self.back();
        }
        let is_offered = self.welcome.as_ref().is_some_and(|welcome| welcome.cards);
        let stage = &mut self.screen.consent.state;
        if matches!(stage, Stage::Asking | Stage::Unknown | Stage::Unavailable) {
            *stage = if is_offered { Stage::Entering } else { Stage::Unavailable };
        }
        Vec::new()
    }

    pub(super) fn number_entered(&mut self, number: Private<String>) -> Vec<Command> {
        if self.screen.chrome.page != Page::Consent || self.screen.consent.state != Stage::Entering {
            return Vec::new();
        }
        self.looked_up += 1;
        self.screen.consent.state = Stage::Checking;
        vec![Command::LookUp { visit: self.visit, time: self.looked_up, number }]
    }

    /// What came of it, if it is still waited for.
    pub(super) fn recognised(&mut self, time: u64, recognition: Recognition) -> Vec<Command> {
        if time != self.looked_up || !self.is_looking_up() {
            return Vec::new();
        }
        match recognition {
            Recognition::Known(Customer { name, history }) => {
                let again = again(&history).into_iter().map(|(sku, _)| sku).collect();
                self.again = Some(Private::new(again));
                self.screen.consent = consent::Model { state: Stage::Known, name };
            }
            Recognition::Unknown => self.screen.consent.state = Stage::Unknown,
            Recognition::Unavailable => self.screen.consent.state = Stage::Unavailable,
        }
        Vec::new()
    }

    pub(super) fn is_looking_up(&self) -> bool {
        self.screen.consent.state == Stage::Checking
    }

    /// Of who left the page before they were known nothing is kept.
    pub(super) fn leave_consent(&mut self) {
        if self.screen.chrome.page != Page::Consent && self.screen.consent.state != Stage::Known {
            self.screen.consent = consent::Model::default();
        }
    }

    /// "Forget me now": the rest of the visit goes on.
    pub(super) fn forget_customer(&mut self) -> Vec<Command> {
        self.again = None;
        self.screen.consent = consent::Model::default();
        self.screen.for_you.rows.retain(|row| row.why != Why::Again);
        // What is being looked up may be theirs.
        self.leave();
        Vec::new()
    }
}

/// Has customers looked up, one at a time.
#[derive(Debug, Default)]
pub(super) struct Customers {
    loyalty: Option<Loyalty>,
    under_way: Mutex<Option<AbortHandle>>,
}

impl Customers {
    /// `None`: nobody can be looked up.
    pub(super) fn new(loyalty: Option<Loyalty>) -> Self {
        Self { loyalty, under_way: Mutex::default() }
    }

    pub(super) fn are_known(&self) -> bool {
        self.loyalty.is_some()
    }

    /// Looks one up, for the visit that it is told then.
    pub(super) fn look_up(
        &self,
        visit: u64,
        time: u64,
        number: Private<String>,
        events: mpsc::Sender<Event>,
    ) {
        let loyalty = self.loyalty.clone();
        let task = tokio::spawn(async move {
            let recognition = match loyalty {
                Some(loyalty) => loyalty.ask(number).await,
                None => Recognition::Unavailable,
            };
            let _ = events.send(Event::Recognised { visit, time, recognition }).await;
        });
        self.put(Some(task.abort_handle()));
    }

    /// Nobody waits for it any more.
    pub(super) fn call_off(&self) {
        self.put(None);
    }

    fn put(&self, task: Option<AbortHandle>) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = std::mem::replace(&mut *under_way, task) {
            before.abort();
        }
    }
}
