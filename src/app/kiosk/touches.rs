//! What each touch does to a visit. Pure, as all of the visit is.

use super::command::{Browse, Command, PAGE};
use super::gate::Outcome;
use super::renewal::line_of;
use super::visit::{State, THANKS, VOLUME, seconds};
use crate::dialog::order::HeardLine;
use crate::dialog::tool::{ListItem, Subject, Tool};
use crate::domain::{Private, Sku};
use crate::view::card::Card;
use crate::view::chrome::{Notice, Page, Sheet};
use crate::view::consent::Loyalty;
use crate::view::feedback::{Reason, Thumb};
use crate::view::list::Printed;
use crate::view::maintenance::Gate as Lock;
use crate::view::touch::Touch;
use crate::view::{feedback, search};
use std::collections::BTreeMap;

/// Most products that are compared.
const COMPARED: usize = 4;
/// Most pieces that the product page counts to; the list asks back long before.
const PIECES: u32 = 99;
/// Most characters that are typed.
const TYPED: usize = 200;

impl State {
    pub(super) fn touched(&mut self, touch: Touch) -> Vec<Command> {
        // A touch that was on its way when the visit ended belongs to nobody.
        let wakes = matches!(touch, Touch::Woken(_) | Touch::Scanned(_) | Touch::Presence | Touch::ReadAloud);
        if self.screen.chrome.page == Page::Attract && !wakes {
            return Vec::new();
        }
        // Before the catalog is there, only what needs none of it is done.
        if self.welcome.is_none() && needs_catalog(&touch) {
            self.turn_to(Page::Outage);
            match touch {
                Touch::Retried => return vec![Command::OpenCatalog],
                // A call could not be kept for anybody to see.
                Touch::StaffCalled => {
                    self.say(Notice::Said(self.screen.outage.service_desk.clone()), false);
                }
                _ => {}
            }
            return Vec::new();
        }
        match touch {
            Touch::Woken(language) if self.screen.chrome.page == Page::Attract => {
                self.begin(language);
                Vec::new()
            }
            Touch::Presence | Touch::Woken(_) => Vec::new(),
            // Who goes back from listening says no more.
            Touch::Back if self.screen.chrome.page == Page::Listening => self.touched(Touch::Cancelled),
            Touch::Back => self.back(),
            Touch::Home => self.open(Page::Home),
            Touch::Ended => self.end(),
            Touch::Stayed => Vec::new(),
            Touch::ListOpened => self.open(Page::List),
            Touch::MapOpened => self.browse(Browse::Way { skus: Vec::new(), title: String::new() }),
            Touch::HelpOpened => self.open(Page::Help),
            Touch::ForYouOpened => self.browse(Browse::ForYou(self.again.clone().unwrap_or_default())),
            Touch::ConsentOpened => self.open_consent(),
            Touch::Spoke => self.wants_to_speak(),
            Touch::TalkPressed => self.talk_pressed(),
            Touch::TalkReleased => self.talk_released(),
            Touch::Hushed => vec![Command::Leave],
            Touch::Typed => {
                self.screen.search = search::Model::default();
                self.open(Page::Search);
                vec![Command::Leave, Command::FillSearch(String::new())]
            }
            Touch::SheetOpened(sheet) => {
                self.screen.chrome.sheet = sheet;
                Vec::new()
            }
            Touch::LanguageChosen(language) => {
                self.screen.chrome.language = language;
                self.screen.chrome.sheet = Sheet::None;
                Vec::new()
            }
            Touch::ContrastToggled | Touch::LargeToggled | Touch::ReachToggled | Touch::StillToggled => {
                let access = &mut self.screen.chrome.access;
                let own = match touch {
                    Touch::ContrastToggled => &mut access.high_contrast,
                    Touch::LargeToggled => &mut access.large_text,
                    Touch::ReachToggled => &mut access.low_reach,
                    _ => &mut access.still,
                };
                *own = !*own;
                Vec::new()
            }
            Touch::VolumeStepped(by) => {
                let volume = i32::from(self.screen.chrome.volume) + by;
                self.screen.chrome.volume = u8::try_from(volume.clamp(0, 10)).unwrap_or(VOLUME);
                vec![Command::Volume(self.screen.chrome.volume)]
            }
            Touch::ReadAloud => {
                // The help key of a keypad is the first that somebody who does not see presses.
                if self.screen.chrome.page == Page::Attract {
                    self.begin(None);
                }
                if !self.screen.chrome.sound {
                    return Vec::new();
                }
                self.is_reading = true;
                vec![Command::Speak(self.visit, super::aloud::page(&self.screen))]
            }
            Touch::Silenced => vec![Command::Silence],
            Touch::NoticeUndone | Touch::Undone => self.call(Tool::Undo),
            Touch::Held => {
                if self.rules.pin.is_empty() {
                    return Vec::new();
                }
                self.gate.clear();
                self.keep_page();
                self.screen.maintenance.gate = Lock::Locked;
                self.screen.maintenance.digits = 0;
                self.turn_to(Page::Maintenance);
                Vec::new()
            }
            Touch::CategoryOpened(name) => self.browse(Browse::Category { name, most: PAGE }),
            Touch::AreaOpened(sign) => self.browse(Browse::Area { sign, most: PAGE }),
            Touch::OffersOpened => self.browse(Browse::Offers { most: PAGE }),
            Touch::Asked(words) => self.ask(words),
            Touch::Edited(text) => {
                let text = text.chars().take(TYPED).collect();
                let ticket = self.ticket();
                vec![Command::Browse(ticket, Browse::Suggest(text))]
            }
            Touch::Submitted(text) if text.trim().is_empty() => Vec::new(),
            Touch::Submitted(text) => self.ask(text.chars().take(TYPED).collect()),
            Touch::Opened(sku) if self.screen.chrome.page == Page::Listening => {
                let mut commands = self.browse(Browse::Product(sku));
                commands.push(Command::Leave);
                commands
            }
            Touch::Suggested(_, Some(sku)) | Touch::Opened(sku) => self.browse(Browse::Product(sku)),
            Touch::Suggested(text, None) => self.ask(text),
            Touch::Added(sku) => self.add(&sku),
            Touch::CompareToggled(sku) => self.toggle_compared(&sku),
            Touch::ShownCompareToggled => {
                let sku = self.screen.product.as_ref().map(|shown| shown.card.sku.clone());
                sku.map(|sku| self.toggle_compared(&sku)).unwrap_or_default()
            }
            Touch::Compared => self.browse(Browse::Compare(self.compared.clone())),
            Touch::Narrowed(key) => {
                self.goods.toggle(&key);
                self.refresh();
                Vec::new()
            }
            Touch::MoreWanted => match self.goods.source.clone().and_then(|source| source.grown(PAGE)) {
                Some(more) => self.browse(more),
                None => Vec::new(),
            },
            Touch::Finished => vec![Command::LetGo],
            Touch::Cancelled => {
                let mut commands = self.back();
                commands.push(Command::Leave);
                commands
            }
            Touch::Stepped(by) => {
                self.step_shown(by);
                self.price_shown()
            }
            Touch::OptionChosen(group, value) => {
                if let Some(shown) = &mut self.screen.product {
                    let same = shown.chosen.get(&group) == Some(&value);
                    if same {
                        shown.chosen.remove(&group)
                    } else {
                        shown.chosen.insert(group, value)
                    };
                }
                self.price_shown()
            }
            Touch::ShownAdded => self.add_shown(),
            Touch::ShownLocated => {
                let Some(shown) = &self.screen.product else { return Vec::new() };
                let (sku, title) = (shown.card.sku.clone(), shown.card.title.clone());
                self.browse(Browse::Way { skus: vec![sku], title })
            }
            Touch::LineStepped(line, by) => self.edit(line, Some(by.into())),
            Touch::LineRemoved(line) => self.edit(line, None),
            Touch::Cleared => self.call(Tool::ClearList),
            Touch::Printed
                if self.screen.list.printable && self.screen.list.printed != Some(Printed::Printing) =>
            {
                self.screen.list.printed = Some(Printed::Printing);
                vec![Command::Print(self.visit)]
            }
            Touch::Printed => Vec::new(),
            Touch::WayShown => {
                let mut skus: Vec<Sku> = Vec::new();
                for line in &self.order {
                    if !skus.contains(&line.sku) {
                        skus.push(line.sku.clone());
                    }
                }
                self.browse(Browse::Way { skus, title: String::new() })
            }
            Touch::Confirmed if self.screen.list.orderable => self.call(Tool::ConfirmList),
            Touch::Confirmed => {
                self.screen.feedback = feedback::Model::default();
                self.go(Page::Feedback);
                Vec::new()
            }
            Touch::Agreed(yes) => self.call(if yes { Tool::Agree } else { Tool::Decline }),
            Touch::Thumbed(thumb) => {
                self.screen.feedback.thumb = thumb;
                self.screen.feedback.done = thumb == Thumb::Up;
                if thumb == Thumb::Up { self.thanked(Reason::None) } else { Vec::new() }
            }
            Touch::Reasoned(reason) => {
                self.screen.feedback.reason = reason;
                self.screen.feedback.done = true;
                self.thanked(reason)
            }
            Touch::FeedbackFinished => self.end(),
            Touch::Consented(yes) => self.consented(yes),
            Touch::NumberEntered(number) => self.number_entered(number),
            Touch::Forgotten => self.forget_customer(),
            Touch::StaffCalled => self.call(Tool::CallStaff),
            Touch::Retried => vec![Command::OpenCatalog],
            Touch::PinKey(key) => self.pin_key(key),
            Touch::Rechecked if self.is_open() => vec![Command::Check],
            Touch::EnginesRestarted if self.is_open() => vec![Command::RestartEngines],
            Touch::AlertsCleared if self.is_open() => vec![Command::ClearAlerts],
            Touch::Rechecked | Touch::EnginesRestarted | Touch::AlertsCleared => Vec::new(),
            // A shopper who came upon the gate goes on where they were.
            Touch::Locked if !self.is_open() => self.back(),
            Touch::Locked => self.end(),
            Touch::Scanned(code) => self.scanned(code),
        }
    }

    fn is_open(&self) -> bool {
        self.screen.maintenance.gate == Lock::Open
    }

    fn pin_key(&mut self, key: Option<char>) -> Vec<Command> {
        let pin = self.rules.pin.clone();
        let outcome = self.gate.key(key, &pin, self.now);
        let model = &mut self.screen.maintenance;
        model.digits = self.gate.digits();
        match outcome {
            Outcome::Typing => model.gate = Lock::Locked,
            Outcome::Wrong => model.gate = Lock::Wrong,
            Outcome::Barred(left) => {
                model.gate = Lock::Barred;
                model.barred_seconds = seconds(left);
            }
            Outcome::Open => {
                model.gate = Lock::Open;
                return vec![Command::Check];
            }
        }
        Vec::new()
    }

    fn scanned(&mut self, code: String) -> Vec<Command> {
        if self.screen.chrome.page == Page::Consent {
            match self.screen.consent.state {
                Loyalty::Entering => return self.number_entered(Private::new(code)),
                // The card, held there for too long.
                Loyalty::Checking => return Vec::new(),
                _ => {}
            }
        }
        if matches!(self.screen.chrome.page, Page::Attract) {
            self.begin(None);
        }
        let mut commands = Vec::new();
        // Who holds a product to the scanner says no more.
        if self.screen.chrome.page == Page::Listening {
            commands.push(Command::Leave);
        }
        commands.extend(self.browse(Browse::Scanned(code)));
        commands
    }

    fn add(&mut self, sku: &Sku) -> Vec<Command> {
        // What is made to order is chosen on its page.
        if self.card(sku).is_some_and(|card| card.made_to_order) {
            return self.browse(Browse::Product(sku.clone()));
        }
        let items = vec![ListItem { subject: Subject::Sku { sku: sku.clone() }, quantity: 1 }];
        self.call(Tool::AddToList { items })
    }

    /// The card of a product, on whichever page.
    fn card(&self, sku: &Sku) -> Option<&Card> {
        let screen = &self.screen;
        let shown = screen.product.iter().flat_map(|shown| shown.pairings.iter().chain(&shown.substitutes));
        let found = self.goods.goods.iter().map(|good| &good.card);
        found
            .chain(&screen.home.offers)
            .chain(shown)
            .chain(screen.compare.columns.iter().map(|column| &column.card))
            .chain(screen.for_you.rows.iter().flat_map(|row| &row.cards))
            .find(|card| card.sku == *sku)
    }

    fn add_shown(&mut self) -> Vec<Command> {
        let Some(shown) = &self.screen.product else { return Vec::new() };
        let quantity = shown.quantity;
        if shown.options.is_empty() {
            let subject = Subject::Sku { sku: shown.card.sku.clone() };
            return self.call(Tool::AddToList { items: vec![ListItem { subject, quantity }] });
        }
        let options: BTreeMap<String, String> = shown.chosen.clone();
        let lines = vec![HeardLine { item: shown.card.sku.to_string(), quantity, options }];
        self.call(Tool::OrderDrinks { lines, others: Vec::new() })
    }

    fn step_shown(&mut self, by: i32) {
        if let Some(shown) = &mut self.screen.product {
            shown.quantity = shown.quantity.saturating_add_signed(by).clamp(1, PIECES);
        }
    }

    fn price_shown(&mut self) -> Vec<Command> {
        let ticket = self.ticket();
        let Some(shown) = &mut self.screen.product else { return Vec::new() };
        shown.total = None;
        vec![Command::Browse(ticket, Browse::Price(line_of(shown)))]
    }

    fn toggle_compared(&mut self, sku: &Sku) -> Vec<Command> {
        match self.compared.iter().position(|own| own == sku) {
            Some(at) => drop(self.compared.remove(at)),
            None if self.compared.len() >= COMPARED => self.say(Notice::ComparedMost, false),
            None => self.compared.push(sku.clone()),
        }
        let on_page = self.screen.chrome.page == Page::Compare;
        if on_page {
            let columns = &mut self.screen.compare.columns;
            columns.retain(|column| column.card.sku != *sku);
            self.compared = columns.iter().map(|column| column.card.sku.clone()).collect();
            if columns.len() < 2 {
                return self.back();
            }
        }
        self.refresh();
        Vec::new()
    }

    fn thanked(&mut self, reason: Reason) -> Vec<Command> {
        self.ends_at = Some(self.now + THANKS);
        vec![Command::Feedback { thumb: self.screen.feedback.thumb, reason }]
    }
}

/// What cannot be done while there is no catalog.
fn needs_catalog(touch: &Touch) -> bool {
    !matches!(
        touch,
        Touch::Presence
            | Touch::SheetOpened(_)
            | Touch::LanguageChosen(_)
            | Touch::ContrastToggled
            | Touch::LargeToggled
            | Touch::ReachToggled
            | Touch::StillToggled
            | Touch::Held
            | Touch::PinKey(_)
            | Touch::Rechecked
            | Touch::EnginesRestarted
            | Touch::AlertsCleared
            | Touch::Locked
            | Touch::Ended
            | Touch::Stayed
            | Touch::Back
    )
}
