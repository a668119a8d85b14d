//! A visit as a pure state machine: touches, answers and the clock in, commands and the
//! screen out. Nothing of one visit is seen by the next. No I/O, no clock of its own.

use super::command::{Browse, Command, Event, Ticket};
use super::customer::Again;
use super::gate::Gate;
use super::goods::Goods;
use super::shelf::mark;
use super::welcome::{Welcome, blank};
use crate::dialog::tool::Tool;
use crate::domain::Sku;
use crate::domain::turn::OrderLine;
use crate::view::chrome::{Notice, Page, Sheet};
use crate::view::format::Language;
use crate::view::list::Printed;
use crate::view::maintenance::Gate as Lock;
use crate::view::outage::Outage;
use crate::view::screen::Screen;
use crate::view::touch::Touch;
use crate::view::{compare, map, product, results};
use std::time::Duration;

/// Pages that back leads through.
const PAGES: usize = 30;
/// How long a notice stands.
const NOTICE: Duration = Duration::from_secs(7);
/// How long thanks stand before the visit ends.
pub(super) const THANKS: Duration = Duration::from_secs(8);
/// Longest speech that keeps a visit alive.
const SPEECH: Duration = Duration::from_secs(180);
/// Volume that each visit begins with, in tenths.
pub const VOLUME: u8 = 8;

/// What a kiosk is set to.
#[derive(Debug, Clone)]
pub struct Rules {
    pub language: Language,
    /// Idle time after which it asks whether somebody is there.
    pub ask_after: Duration,
    /// How long it asks.
    pub erase_after: Duration,
    /// Empty: no maintenance page.
    pub pin: String,
}

/// A page that back leads to, as it was.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    pub(super) page: Page,
    pub(super) goods: Goods,
    pub(super) product: Option<product::Model>,
    pub(super) compare: compare::Model,
    pub(super) map: map::Model,
}

/// The visit.
#[derive(Debug)]
pub struct State {
    pub(super) rules: Rules,
    pub screen: Screen,
    /// What the store says of itself; `None` until the catalog is open.
    pub(super) welcome: Option<Welcome>,
    /// Counts visits; a turn of one before is dropped.
    pub(super) visit: u64,
    pub(super) turn: u64,
    pub(super) last_touch: Duration,
    pub(super) now: Duration,
    pub(super) history: Vec<Leaf>,
    pub(super) goods: Goods,
    pub(super) order: Vec<OrderLine>,
    pub(super) compared: Vec<Sku>,
    /// What was ordered in this visit, and since when the latest order is on its way.
    pub(super) sent: Vec<OrderLine>,
    pub(super) sent_at: Option<Duration>,
    /// What the customer buys again, once they are known.
    pub(super) again: Option<Again>,
    /// Counts the numbers that were looked up.
    pub(super) looked_up: u64,
    notice_until: Option<Duration>,
    pub(super) ends_at: Option<Duration>,
    /// When "start over" was asked about.
    asked_at: Option<Duration>,
    speaking_since: Option<Duration>,
    /// The turn that was spoken and is not answered yet.
    pub(super) spoken_turn: Option<u64>,
    /// When the talk button was pressed, while it is; and let go, after all was said.
    pub(super) pressed_at: Option<Duration>,
    pub(super) let_go_at: Option<Duration>,
    /// When it was let go too soon for that, while no click followed.
    pub(super) slid_at: Option<Duration>,
    /// A page is being read out, or will be.
    pub(super) is_reading: bool,
    /// The page was turned by the event under way.
    has_turned: bool,
    pub(super) gate: Gate,
}

impl State {
    /// A kiosk that nobody stands at, with the catalog still to be opened.
    #[must_use]
    pub fn new(rules: Rules, store: &str, service_desk: &str) -> Self {
        let mut screen = blank(store, rules.language);
        screen.outage.service_desk = service_desk.to_owned();
        Self {
            rules,
            screen,
            welcome: None,
            visit: 0,
            turn: 0,
            last_touch: Duration::ZERO,
            now: Duration::ZERO,
            history: Vec::new(),
            goods: Goods::default(),
            order: Vec::new(),
            compared: Vec::new(),
            sent: Vec::new(),
            sent_at: None,
            again: None,
            looked_up: 0,
            notice_until: None,
            ends_at: None,
            asked_at: None,
            speaking_since: None,
            spoken_turn: None,
            pressed_at: None,
            let_go_at: None,
            slid_at: None,
            is_reading: false,
            has_turned: false,
            gate: Gate::default(),
        }
    }

    /// The name of the visit's conversation.
    #[must_use]
    pub fn session(visit: u64) -> String {
        format!("screen-{visit}")
    }

    /// Takes the next event, that happened at `now` since the start.
    pub fn update(&mut self, event: Event, now: Duration) -> Vec<Command> {
        self.has_turned = false;
        let is_reading = self.is_reading;
        let was_looking_up = self.is_looking_up();
        let mut commands = self.take(event, now);
        self.leave_consent();
        if was_looking_up && !self.is_looking_up() {
            commands.push(Command::CallOff);
        }
        self.screen.chrome.leaving = self.asked_at.is_some();
        // What is read out is of a page that is not there any more.
        if is_reading && self.has_turned && !commands.contains(&Command::Silence) {
            // First: what is said of the new page is said after it.
            commands.insert(0, Command::Silence);
        }
        self.is_reading &= !commands.contains(&Command::Silence);
        commands
    }

    fn take(&mut self, event: Event, now: Duration) -> Vec<Command> {
        self.now = now;
        match event {
            // A press comes before the touch that it becomes; while the idle question is
            // shown, its own buttons answer it.
            Event::Touched(Touch::Presence) => {
                if self.screen.chrome.idle_seconds.is_none() {
                    self.last_touch = now;
                }
                Vec::new()
            }
            Event::Touched(touch) => {
                self.last_touch = now;
                let asked = self.screen.chrome.idle_seconds.take().is_some();
                // A list is not lost by a slip of the finger.
                if touch == Touch::Ended && !asked && self.screen.chrome.pieces > 0 {
                    self.asked_at = Some(now);
                    self.screen.chrome.idle_seconds = Some(seconds(self.rules.erase_after));
                    return vec![Command::Silence];
                }
                self.asked_at = None;
                self.touched(touch)
            }
            Event::Tick => {
                let mut commands = self.slid_off();
                commands.extend(self.tick());
                commands
            }
            Event::Welcomed(welcome) => self.welcomed(*welcome),
            // A visit goes on with what it has; a look-up that fails says so itself.
            Event::CatalogFailed if self.welcome.is_some() => Vec::new(),
            Event::CatalogFailed => {
                self.screen.outage.outage = Outage::Catalog;
                self.turn_to(Page::Outage);
                self.history.clear();
                self.refresh();
                Vec::new()
            }
            Event::Spoke { visit, caption } if visit == self.visit => {
                self.speaking_since = caption.is_some().then_some(now);
                self.is_reading &= caption.is_some();
                self.screen.chrome.speaking = caption.is_some();
                self.screen.chrome.caption = caption.unwrap_or_default();
                self.last_touch = now;
                Vec::new()
            }
            // What is said to one shopper is not shown to the next.
            Event::Spoke { .. } => Vec::new(),
            Event::Spoken { visit, spoken } if visit == self.visit => self.spoken(spoken),
            Event::Spoken { .. } | Event::Sounded { .. } => Vec::new(),
            Event::Plugged => vec![Command::Welcome],
            Event::Placed(visit, number) if visit == self.visit => self.placed(number),
            Event::Taken(visit, number) if visit == self.visit => self.taken(&number),
            Event::Placed(..) | Event::Taken(..) => Vec::new(),
            Event::Recognised { visit, time, recognition } if visit == self.visit => {
                self.recognised(time, recognition)
            }
            Event::Recognised { .. } => Vec::new(),
            Event::CatalogChanged => self.renew(),
            Event::Renewed(visit, renewal) if visit == self.visit => self.renewed(*renewal),
            Event::Renewed(..) => Vec::new(),
            Event::Checked(model) => {
                let lock = self.screen.maintenance.gate;
                self.screen.maintenance = crate::view::maintenance::Model { gate: lock, ..*model };
                Vec::new()
            }
            Event::Approached => {
                if self.screen.chrome.page == Page::Attract && self.welcome.is_some() {
                    self.begin(None);
                    self.last_touch = now;
                }
                Vec::new()
            }
            Event::Printed { visit, .. } if visit != self.visit => Vec::new(),
            Event::Printed { done, .. } => {
                let printed = if done { Printed::Done } else { Printed::Failed };
                self.screen.list.printed = self.screen.list.printed.map(|_| printed);
                Vec::new()
            }
            Event::Answered(ticket, answer) if ticket.visit == self.visit => self.answered(ticket, *answer),
            Event::Answered(..) => Vec::new(),
        }
    }

    /// For a new question: what was asked before turns no page any more.
    pub(super) fn ticket(&mut self) -> Ticket {
        self.turn += 1;
        self.standing()
    }

    /// For what turns no page that is awaited, and counts whatever is asked after it.
    pub(super) fn standing(&self) -> Ticket {
        Ticket { visit: self.visit, turn: self.turn }
    }

    /// No answer is awaited any more.
    pub(super) fn leave(&mut self) {
        self.turn += 1;
        self.screen.chrome.busy = false;
    }

    pub(super) fn busy(&mut self) -> Ticket {
        self.screen.chrome.busy = true;
        self.screen.chrome.sheet = Sheet::None;
        self.ticket()
    }

    pub(super) fn ask(&mut self, words: String) -> Vec<Command> {
        vec![Command::Ask(self.asking(), words)]
    }

    /// For a turn by words that is to be asked.
    pub(super) fn asking(&mut self) -> Ticket {
        // A yes that is touched meanwhile would answer whatever is asked by then.
        self.screen.list.question = None;
        self.refresh();
        self.busy()
    }

    pub(super) fn call(&mut self, tool: Tool) -> Vec<Command> {
        vec![Command::Call(self.standing(), Box::new(tool))]
    }

    /// Changes a line of the list, which is found again by what it is: others may have gone.
    pub(super) fn edit(&mut self, line: usize, by: Option<i64>) -> Vec<Command> {
        let line = self.screen.list.lines.get(line).and_then(|shown| self.order.get(shown.place));
        let ticket = self.standing();
        line.map(|line| Command::Edit { ticket, line: line.clone(), by }).into_iter().collect()
    }

    /// Turns to a page that was touched; what was awaited before turns no page any more.
    pub(super) fn open(&mut self, page: Page) -> Vec<Command> {
        self.leave();
        self.go(page);
        Vec::new()
    }

    /// The visit that is on; `None`: nobody is there.
    #[must_use]
    pub fn under_way(&self) -> Option<u64> {
        (self.screen.chrome.page != Page::Attract).then_some(self.visit)
    }

    /// The number of the visit.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.visit
    }

    /// The number of the latest question.
    #[must_use]
    pub fn latest(&self) -> u64 {
        self.turn
    }

    pub(super) fn browse(&mut self, browse: Browse) -> Vec<Command> {
        let ticket = self.busy();
        vec![Command::Browse(ticket, browse)]
    }

    /// A visit begins.
    pub(super) fn begin(&mut self, language: Option<Language>) {
        self.reset();
        self.screen.chrome.language = language.unwrap_or(self.rules.language);
        self.turn_to(Page::Home);
        self.refresh();
    }

    /// The visit ends: all of it is erased, here and in the conversation's memory.
    pub(super) fn end(&mut self) -> Vec<Command> {
        let session = Self::session(self.visit);
        self.reset();
        vec![
            Command::Leave,
            Command::Silence,
            Command::Volume(VOLUME),
            Command::FillSearch(String::new()),
            Command::Forget(session),
            Command::Welcome,
        ]
    }

    /// The kiosk as it is when nobody is there.
    fn reset(&mut self) {
        self.visit += 1;
        self.turn += 1;
        self.history.clear();
        self.goods = Goods::default();
        self.order.clear();
        self.compared.clear();
        self.sent.clear();
        self.sent_at = None;
        self.again = None;
        self.notice_until = None;
        self.ends_at = None;
        self.asked_at = None;
        self.speaking_since = None;
        self.spoken_turn = None;
        self.pressed_at = None;
        self.let_go_at = None;
        self.slid_at = None;
        self.is_reading = false;
        self.gate.clear();
        let store = std::mem::take(&mut self.screen.chrome.store);
        let outage = self.screen.outage.clone();
        self.screen = blank(&store, self.rules.language);
        match &self.welcome {
            Some(welcome) => welcome.lay(&mut self.screen),
            None => self.screen.outage = outage,
        }
    }

    fn welcomed(&mut self, welcome: Welcome) -> Vec<Command> {
        let first = self.welcome.is_none();
        welcome.lay(&mut self.screen);
        self.welcome = Some(welcome);
        mark(&mut self.screen.home.offers, &self.order);
        if first && self.screen.chrome.page == Page::Outage {
            // Who waited is served, as they had set the screen.
            let access = self.screen.chrome.access;
            self.begin(Some(self.screen.chrome.language));
            self.screen.chrome.access = access;
        }
        self.refresh();
        Vec::new()
    }

    fn tick(&mut self) -> Vec<Command> {
        if self.notice_until.is_some_and(|until| self.now >= until) {
            self.unsay();
        }
        if self.ends_at.is_some_and(|at| self.now >= at) {
            return self.end();
        }
        let commands = self.await_taking();
        let page = self.screen.chrome.page;
        if self.screen.maintenance.gate == Lock::Barred {
            self.screen.maintenance.barred_seconds = self.gate.barred(self.now).map_or(0, seconds);
            if self.screen.maintenance.barred_seconds == 0 {
                self.screen.maintenance.gate = Lock::Locked;
            }
        }
        let is_idle = page == Page::Attract || (page == Page::Outage && self.welcome.is_none());
        // Listening is not idling, as long as any page takes to be read out.
        let speaks = self.speaking_since.is_some_and(|since| self.now.saturating_sub(since) < SPEECH);
        if is_idle || (speaks && self.asked_at.is_none()) {
            self.last_touch = self.now;
            return commands;
        }
        let asked = self.asked_at.map(|at| self.now.saturating_sub(at) + self.rules.ask_after);
        let idle = self.now.saturating_sub(self.last_touch).max(asked.unwrap_or_default());
        if idle >= self.rules.ask_after + self.rules.erase_after {
            return self.end();
        }
        self.screen.chrome.idle_seconds = (idle >= self.rules.ask_after)
            .then(|| seconds(self.rules.ask_after + self.rules.erase_after - idle).max(1));
        commands
    }

    /// Shows the assistant's own words, where the page that they are about is shown as well
    /// and the shopper reads English.
    pub(super) fn remark(&mut self, reply: String, undoable: bool) {
        if self.screen.chrome.language == Language::English {
            self.say(Notice::Said(reply), undoable);
        }
    }

    /// Takes a notice away that is not true any more.
    pub(super) fn unsay(&mut self) {
        self.screen.chrome.notice = None;
        self.screen.chrome.undoable = false;
        self.notice_until = None;
    }

    pub(super) fn say(&mut self, notice: Notice, undoable: bool) {
        self.screen.chrome.notice = Some(notice);
        self.screen.chrome.undoable = undoable;
        self.notice_until = Some(self.now + NOTICE);
    }

    /// Keeps the page for back.
    pub(super) fn keep_page(&mut self) {
        let page = self.screen.chrome.page;
        // What was typed is not gone back to; nor is what is over.
        if matches!(page, Page::Attract | Page::Search | Page::Outage | Page::Maintenance | Page::Listening) {
            return;
        }
        if self.history.len() == PAGES {
            self.history.remove(0);
        }
        self.history.push(Leaf {
            page,
            goods: self.goods.clone(),
            product: self.screen.product.clone(),
            compare: self.screen.compare.clone(),
            map: self.screen.map.clone(),
        });
    }

    /// Turns to a page, with the one before kept; the same page again is not kept twice.
    pub(super) fn go(&mut self, page: Page) {
        let before = self.screen.chrome.page;
        if before != page {
            self.keep_page();
        }
        self.turn_to(page);
        self.refresh();
    }

    pub(super) fn turn_to(&mut self, page: Page) {
        self.screen.chrome.page = page;
        self.screen.chrome.sheet = Sheet::None;
        self.has_turned = true;
        if page != Page::Feedback {
            // Who goes on is not sent away.
            self.ends_at = None;
        }
        if page == Page::Home {
            self.history.clear();
        }
        // Home is where every way back ends.
        self.screen.chrome.can_back = page != Page::Home;
    }

    pub(super) fn back(&mut self) -> Vec<Command> {
        if self.welcome.is_none() {
            return Vec::new();
        }
        match self.history.pop() {
            Some(leaf) => {
                self.goods = leaf.goods;
                self.screen.product = leaf.product;
                self.show_compared(leaf.compare);
                self.screen.map = leaf.map;
                self.turn_to(leaf.page);
            }
            None => self.turn_to(Page::Home),
        }
        // An answer that is still awaited would turn the page again.
        self.leave();
        self.refresh();
        Vec::new()
    }

    /// Puts products side by side; these are the chosen ones then.
    pub(super) fn show_compared(&mut self, model: compare::Model) {
        if model.columns.len() > 1 {
            self.compared = model.columns.iter().map(|column| column.card.sku.clone()).collect();
        }
        self.screen.compare = model;
    }

    /// Brings what pages show of the list and of the chosen up to date.
    pub(super) fn refresh(&mut self) {
        for good in &mut self.goods.goods {
            good.card.compared = self.compared.contains(&good.card.sku);
        }
        mark(self.goods.goods.iter_mut().map(|good| &mut good.card), &self.order);
        self.screen.results =
            if self.goods == Goods::default() { results::Model::default() } else { self.goods.model() };
        // A question that was answered, or was followed by another, stands no more.
        if self.goods.asks && self.screen.list.question.as_ref() != Some(&self.goods.answer) {
            self.screen.results.asks = false;
            self.screen.results.answer.clear();
        }
        let compared = &self.compared;
        if let Some(shown) = &mut self.screen.product {
            shown.card.compared = compared.contains(&shown.card.sku);
            let cards =
                std::iter::once(&mut shown.card).chain(&mut shown.pairings).chain(&mut shown.substitutes);
            mark(cards, &self.order);
        }
        mark(self.screen.compare.columns.iter_mut().map(|column| &mut column.card), &self.order);
        mark(self.screen.for_you.rows.iter_mut().flat_map(|row| &mut row.cards), &self.order);
        mark(&mut self.screen.home.offers, &self.order);
        self.screen.list.orderable = !self.unsent().is_empty();
    }
}

/// Whole seconds, a begun one counted.
pub(super) fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
