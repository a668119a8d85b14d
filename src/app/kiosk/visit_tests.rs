//! Timelines of a visit: what happens, and what the shopper sees then.

use super::command::{Answer, Browse, Command, Event, Ticket, Turned};
use super::goods::Goods;
use super::shelf::{Good, Light};
use super::visit::{Rules, State};
use super::welcome::Welcome;
use crate::dialog::findings::Found;
use crate::dialog::tool::Tool;
use crate::domain::turn::{Intent, OrderLine, Timings};
use crate::domain::{Currency, Private, Sku};
use crate::view::chrome::{Notice, Page, Sheet};
use crate::view::feedback::Thumb;
use crate::view::format::Language;
use crate::view::list;
use crate::view::maintenance::Gate;
use crate::view::outage::Outage;
use crate::view::touch::Touch;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) struct Kiosk {
    pub(super) state: State,
    pub(super) now: Duration,
}

pub(super) fn good(sku: &str) -> Good {
    let light = Light { now: jiff::Timestamp::UNIX_EPOCH, currency: Currency::Usd, as_of: None };
    let product = format!(r#"{{"sku":"{sku}","title":"Thing {sku}","price_cents":199,"stock":9}}"#);
    light.good(Found::new(serde_json::from_str(&product).unwrap(), ""))
}

pub(super) fn goods(skus: &[&str]) -> Goods {
    Goods { title: "things".into(), goods: skus.iter().map(|sku| good(sku)).collect(), ..Goods::default() }
}

/// A turn that leaves `pieces` of one thing on the list.
pub(super) fn turned(intent: Intent, by_words: bool, found: &[&str], pieces: u32) -> Answer {
    let order: Vec<OrderLine> = (pieces > 0)
        .then(|| OrderLine {
            sku: Sku::new("a").unwrap(),
            title: "Thing a".into(),
            quantity: pieces,
            options: BTreeMap::new(),
            defaults: BTreeMap::new(),
        })
        .into_iter()
        .collect();
    let line = |line: &OrderLine| list::Line {
        card: good("a").card,
        quantity: line.quantity,
        options: Vec::new(),
        defaults: Vec::new(),
        price: None,
        place: 0,
    };
    let list = list::Model { lines: order.iter().map(line).collect(), ..list::Model::default() };
    Answer::Turn(Box::new(Turned {
        intent,
        by_words,
        reply: "Here you are.".into(),
        speech: "Here you are.".into(),
        goods: goods(found),
        order,
        list,
        way: None,
        compared: Vec::new(),
        call: None,
        confirmed: false,
        times: Timings::default(),
    }))
}

impl Kiosk {
    /// Nobody is there, and the catalog is not open yet.
    pub(super) fn bare() -> Self {
        let rules = Rules {
            language: Language::English,
            ask_after: Duration::from_secs(60),
            erase_after: Duration::from_secs(20),
            pin: "4711".into(),
        };
        Self { state: State::new(rules, "Shop", "Ask at the desk."), now: Duration::ZERO }
    }

    /// Somebody woke it.
    pub(super) fn awake() -> Self {
        let mut kiosk = Self::bare();
        let welcome = Welcome { store: "Shop".into(), sound: true, printable: true, ..Welcome::default() };
        kiosk.event(Event::Welcomed(Box::new(welcome)));
        kiosk.touch(Touch::Woken(None));
        kiosk
    }

    pub(super) fn event(&mut self, event: Event) -> Vec<Command> {
        self.state.update(event, self.now)
    }

    pub(super) fn touch(&mut self, touch: Touch) -> Vec<Command> {
        self.event(Event::Touched(touch))
    }

    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.event(Event::Answered(ticket, Box::new(answer)));
    }

    /// Time goes on to `seconds` since the start, a tick a second.
    pub(super) fn until(&mut self, seconds: u64) -> Vec<Command> {
        let mut commands = Vec::new();
        while self.now < Duration::from_secs(seconds) {
            self.now += Duration::from_secs(1);
            commands.extend(self.event(Event::Tick));
        }
        commands
    }

    pub(super) fn page(&self) -> Page {
        self.state.screen.chrome.page
    }
}

pub(super) fn ticket(commands: &[Command]) -> Ticket {
    commands
        .iter()
        .find_map(|command| match command {
            Command::Ask(ticket, _)
            | Command::AskAgain(ticket, _)
            | Command::Call(ticket, _)
            | Command::Browse(ticket, _) => Some(*ticket),
            _ => None,
        })
        .unwrap()
}

pub(super) fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

#[test]
fn typing_leads_to_results_and_back_leads_home() {
    let mut kiosk = Kiosk::awake();
    assert_eq!(kiosk.page(), Page::Home);
    assert_eq!(kiosk.touch(Touch::Typed), [Command::Leave, Command::FillSearch(String::new())]);
    let asked = kiosk.touch(Touch::Submitted("oat milk".into()));
    assert!(matches!(&asked[..], [Command::Ask(_, words)] if words == "oat milk"));
    assert!(kiosk.state.screen.chrome.busy);
    kiosk.answer(ticket(&asked), turned(Intent::Find, true, &["a", "b"], 0));
    assert_eq!((kiosk.page(), kiosk.state.screen.results.cards.len()), (Page::Results, 2));
    assert!(!kiosk.state.screen.chrome.busy);
    kiosk.touch(Touch::Back);
    assert_eq!(kiosk.page(), Page::Home, "what was typed is not gone back to");
    assert!(!kiosk.state.screen.chrome.can_back);
    assert!(kiosk.touch(Touch::Submitted("  ".into())).is_empty());
}

#[test]
fn back_shows_each_page_as_it_was() {
    let mut kiosk = Kiosk::awake();
    let first = kiosk.touch(Touch::CategoryOpened("Dairy".into()));
    kiosk.answer(ticket(&first), Answer::Goods(goods(&["a", "b", "c", "d"])));
    kiosk.touch(Touch::Narrowed("cheapest".into()));
    let second = kiosk.touch(Touch::OffersOpened);
    kiosk.answer(ticket(&second), Answer::Goods(goods(&["x"])));
    assert_eq!(kiosk.state.screen.results.cards.len(), 1);
    kiosk.touch(Touch::Back);
    let results = &kiosk.state.screen.results;
    assert_eq!((kiosk.page(), results.cards.len()), (Page::Results, 4));
    assert!(results.facets.iter().any(|facet| facet.key == "cheapest" && facet.chosen));
}

#[test]
fn an_answer_that_was_left_turns_no_page() {
    let mut kiosk = Kiosk::awake();
    let asked = kiosk.touch(Touch::CategoryOpened("Dairy".into()));
    kiosk.touch(Touch::HelpOpened);
    kiosk.touch(Touch::Back);
    kiosk.answer(ticket(&asked), Answer::Goods(goods(&["a"])));
    assert_eq!(kiosk.page(), Page::Home);
}

#[test]
fn every_touch_on_the_list_counts_whatever_was_asked_since() {
    let mut kiosk = Kiosk::awake();
    let first = kiosk.touch(Touch::Added(sku("a")));
    assert!(matches!(&first[..], [Command::Call(_, tool)] if matches!(**tool, Tool::AddToList { .. })));
    let second = kiosk.touch(Touch::Added(sku("a")));
    kiosk.answer(ticket(&first), turned(Intent::Add, false, &["a"], 1));
    kiosk.answer(ticket(&second), turned(Intent::Add, false, &["a"], 2));
    assert_eq!((kiosk.page(), kiosk.state.screen.chrome.pieces), (Page::Home, 2));
    assert_eq!(kiosk.state.screen.chrome.notice, Some(Notice::Added("things".into())));
    assert!(kiosk.state.screen.chrome.undoable);
    kiosk.until(8);
    assert_eq!(kiosk.state.screen.chrome.notice, None, "a notice goes by itself");
}

#[test]
fn cards_show_what_is_on_the_list() {
    let mut kiosk = Kiosk::awake();
    let opened = kiosk.touch(Touch::CategoryOpened("Dairy".into()));
    kiosk.answer(ticket(&opened), Answer::Goods(goods(&["a", "b"])));
    let added = kiosk.touch(Touch::Added(sku("a")));
    kiosk.answer(ticket(&added), turned(Intent::Add, false, &["a"], 3));
    let listed: Vec<u32> = kiosk.state.screen.results.cards.iter().map(|card| card.listed).collect();
    assert_eq!(listed, [3, 0]);
}

#[test]
fn a_page_that_was_left_is_not_read_on() {
    let mut kiosk = Kiosk::awake();
    let read = kiosk.touch(Touch::ReadAloud);
    assert!(matches!(read[..], [Command::Speak(1, _)]));
    kiosk.event(Event::Spoke { visit: 1, caption: Some("Hello!".into()) });
    assert_eq!(kiosk.touch(Touch::LargeToggled), [], "it is the same page");
    assert_eq!(kiosk.touch(Touch::HelpOpened), [Command::Silence]);
    // Nor is one that was about to be read.
    kiosk.event(Event::Spoke { visit: 1, caption: None });
    kiosk.touch(Touch::ReadAloud);
    let opened = kiosk.touch(Touch::CategoryOpened("things".into()));
    let found = Event::Answered(ticket(&opened), Box::new(Answer::Goods(goods(&["a"]))));
    assert_eq!(kiosk.event(found), [Command::Silence]);
    assert_eq!(kiosk.touch(Touch::Home), [], "nothing is read any more");
}

#[test]
fn without_a_catalog_the_screen_says_so_until_it_is_there() {
    let mut kiosk = Kiosk::bare();
    assert!(kiosk.touch(Touch::Woken(None)).is_empty());
    assert_eq!((kiosk.page(), kiosk.state.screen.outage.outage), (Page::Outage, Outage::Starting));
    kiosk.event(Event::CatalogFailed);
    assert_eq!(kiosk.state.screen.outage.outage, Outage::Catalog);
    assert_eq!(kiosk.touch(Touch::Retried), [Command::OpenCatalog]);
    assert_eq!(kiosk.event(Event::CatalogChanged), [Command::Welcome], "the first one came by itself");
    kiosk.touch(Touch::StaffCalled);
    let told = Some(Notice::Said("Ask at the desk.".into()));
    assert_eq!(kiosk.state.screen.chrome.notice, told, "a call that cannot be made is not promised");
    kiosk.event(Event::Welcomed(Box::new(Welcome { store: "Shop".into(), ..Welcome::default() })));
    assert_eq!(kiosk.page(), Page::Home, "who waited is served");
}

#[test]
fn four_are_compared_and_no_more() {
    let mut kiosk = Kiosk::awake();
    let opened = kiosk.touch(Touch::OffersOpened);
    kiosk.answer(ticket(&opened), Answer::Goods(goods(&["a", "b", "c", "d", "e"])));
    for name in ["a", "b", "c", "d"] {
        kiosk.touch(Touch::CompareToggled(sku(name)));
    }
    assert_eq!(kiosk.state.screen.chrome.notice, None);
    kiosk.touch(Touch::CompareToggled(sku("e")));
    assert_eq!(kiosk.state.screen.chrome.notice, Some(Notice::ComparedMost));
    kiosk.touch(Touch::CompareToggled(sku("a")));
    let compared = kiosk.touch(Touch::Compared);
    let [Command::Browse(_, Browse::Compare(skus))] = &compared[..] else { panic!("{compared:?}") };
    assert_eq!(skus, &[sku("b"), sku("c"), sku("d")]);
}

#[test]
fn staff_come_in_by_the_pin_alone() {
    let mut kiosk = Kiosk::awake();
    assert!(kiosk.touch(Touch::EnginesRestarted).is_empty());
    kiosk.touch(Touch::Held);
    assert_eq!(kiosk.page(), Page::Maintenance);
    for digit in "4710".chars() {
        kiosk.touch(Touch::PinKey(Some(digit)));
    }
    assert_eq!(kiosk.state.screen.maintenance.gate, Gate::Wrong);
    assert!(kiosk.touch(Touch::Rechecked).is_empty());
    let mut commands = Vec::new();
    for digit in "4711".chars() {
        commands = kiosk.touch(Touch::PinKey(Some(digit)));
    }
    assert_eq!((kiosk.state.screen.maintenance.gate, &commands[..]), (Gate::Open, &[Command::Check][..]));
    kiosk.touch(Touch::Locked);
    assert_eq!((kiosk.page(), kiosk.state.screen.maintenance.gate), (Page::Attract, Gate::Locked));
    // Who came upon the gate by chance loses nothing.
    kiosk.touch(Touch::Woken(None));
    kiosk.touch(Touch::HelpOpened);
    kiosk.touch(Touch::Held);
    kiosk.touch(Touch::Locked);
    assert_eq!(kiosk.page(), Page::Help);
}

#[test]
fn a_scan_wakes_the_kiosk_and_opens_the_product() {
    let mut kiosk = Kiosk::awake();
    kiosk.touch(Touch::Ended);
    let scanned = kiosk.touch(Touch::Scanned("4006381333931".into()));
    assert!(matches!(&scanned[..], [Command::Browse(_, Browse::Scanned(code))] if code == "4006381333931"));
    assert_eq!(kiosk.page(), Page::Home);
    kiosk.answer(ticket(&scanned), Answer::UnknownCode);
    assert_eq!(kiosk.state.screen.chrome.notice, Some(Notice::UnknownCode));
}

#[test]
fn what_was_said_of_the_list_goes_when_it_changes() {
    let mut kiosk = Kiosk::awake();
    let added = kiosk.touch(Touch::Added(sku("a")));
    kiosk.answer(ticket(&added), turned(Intent::Add, false, &["a"], 1));
    assert!(kiosk.state.screen.chrome.notice.is_some());
    kiosk.touch(Touch::ListOpened);
    let emptied = kiosk.touch(Touch::Cleared);
    kiosk.answer(ticket(&emptied), turned(Intent::Remove, false, &[], 0));
    assert_eq!((kiosk.page(), &kiosk.state.screen.chrome.notice), (Page::List, &None));
}

#[test]
fn what_was_not_done_is_not_told_as_done() {
    let mut kiosk = Kiosk::awake();
    let added = kiosk.touch(Touch::Added(sku("gone")));
    kiosk.answer(ticket(&added), turned(Intent::Add, false, &[], 0));
    assert_eq!(kiosk.state.screen.chrome.notice, Some(Notice::Said("Here you are.".into())));
    assert!(!kiosk.state.screen.chrome.undoable);
}

#[test]
fn a_line_is_changed_by_what_it_is_not_by_where_it_was() {
    let mut kiosk = Kiosk::awake();
    let added = kiosk.touch(Touch::Added(sku("a")));
    kiosk.answer(ticket(&added), turned(Intent::Add, false, &["a"], 3));
    let stepped = kiosk.touch(Touch::LineStepped(0, -1));
    assert!(matches!(&stepped[..], [Command::Edit { line, by: Some(-1), .. }] if line.sku == sku("a")));
    assert!(kiosk.touch(Touch::LineRemoved(7)).is_empty());
}

#[test]
fn a_catalog_that_cannot_be_read_for_once_ends_no_visit() {
    let mut kiosk = Kiosk::awake();
    kiosk.touch(Touch::HelpOpened);
    kiosk.event(Event::CatalogFailed);
    assert_eq!(kiosk.page(), Page::Help);
}

#[test]
fn a_page_of_goods_grows_in_place_and_keeps_what_was_chosen() {
    let mut kiosk = Kiosk::awake();
    let page = |browse: Browse, skus: &[&str]| {
        Answer::Goods(Goods { source: Some(browse), is_cut: true, ..goods(skus) })
    };
    let opened = kiosk.touch(Touch::CategoryOpened("things".into()));
    let Some(Command::Browse(first, browse)) = opened.first().cloned() else { panic!("{opened:?}") };
    kiosk.answer(first, page(browse, &["a"]));
    kiosk.touch(Touch::Narrowed("stock".into()));
    let more = kiosk.touch(Touch::MoreWanted);
    let Some(Command::Browse(second, grown)) = more.first().cloned() else { panic!("{more:?}") };
    assert!(matches!(&grown, Browse::Category { name, most: 400 } if name == "things"), "{grown:?}");
    kiosk.answer(second, page(grown, &["a", "b"]));
    assert_eq!(kiosk.state.screen.results.cards.len(), 2);
    assert!(kiosk.state.screen.results.is_growing);
    assert!(kiosk.state.screen.results.facets.is_empty(), "too few to narrow");
    assert!(kiosk.state.goods.chosen.contains("stock"));
    kiosk.touch(Touch::Back);
    assert_eq!(kiosk.page(), Page::Home, "it is one page");
    // More that comes when the shopper has gone on calls nobody back.
    let opened = kiosk.touch(Touch::CategoryOpened("things".into()));
    kiosk.answer(ticket(&opened), page(Browse::Category { name: "things".into(), most: 200 }, &["a"]));
    let more = kiosk.touch(Touch::MoreWanted);
    let added = kiosk.touch(Touch::Added(sku("a")));
    kiosk.answer(ticket(&added), turned(Intent::Add, true, &["a"], 1));
    assert_eq!(kiosk.page(), Page::List);
    kiosk.answer(ticket(&more), page(Browse::Category { name: "things".into(), most: 400 }, &["a", "b"]));
    assert_eq!(kiosk.page(), Page::List);
    // It ends somewhere.
    let last = Browse::Offers { most: 1000 };
    assert_eq!(last.grown(200), None);
}

#[test]
fn a_question_on_a_page_is_answered_by_touch_and_stands_no_more() {
    let mut kiosk = Kiosk::awake();
    let asked = kiosk.touch(Touch::Submitted("a barbecue for six".into()));
    let plan = || {
        let Answer::Turn(mut plan) = turned(Intent::Plan, true, &["a", "b"], 0) else { panic!() };
        plan.list.question = Some("Shall I put them on your list?".into());
        plan.goods.answer = "Shall I put them on your list?".into();
        plan.goods.asks = true;
        Answer::Turn(plan)
    };
    kiosk.answer(ticket(&asked), plan());
    assert_eq!(kiosk.page(), Page::Results);
    assert!(kiosk.state.screen.results.asks);
    // While something else is asked for, yes would be the answer to that.
    let other = kiosk.touch(Touch::Submitted("something else".into()));
    kiosk.touch(Touch::Back);
    assert!(!kiosk.state.screen.results.asks);
    drop(other);
    let asked = kiosk.touch(Touch::Submitted("a barbecue for six".into()));
    kiosk.answer(ticket(&asked), plan());
    let agreed = kiosk.touch(Touch::Agreed(true));
    assert!(matches!(&agreed[..], [Command::Call(_, tool)] if **tool == Tool::Agree));
    kiosk.answer(ticket(&agreed), turned(Intent::Confirm, false, &[], 2));
    assert_eq!(kiosk.page(), Page::List, "what became of it is shown");
    kiosk.touch(Touch::Back);
    assert_eq!(kiosk.page(), Page::Results);
    let results = &kiosk.state.screen.results;
    assert!(!results.asks && results.answer.is_empty() && results.cards.len() == 2, "it was answered");
}

#[test]
fn no_order_of_touches_breaks_a_visit() {
    let touches = || {
        vec![
            Touch::Woken(None),
            Touch::Back,
            Touch::Home,
            Touch::Ended,
            Touch::ListOpened,
            Touch::MapOpened,
            Touch::HelpOpened,
            Touch::ForYouOpened,
            Touch::ConsentOpened,
            Touch::Consented(true),
            Touch::NumberEntered(Private::new("123".into())),
            Touch::TalkPressed,
            Touch::TalkReleased,
            Touch::Spoke,
            Touch::Hushed,
            Touch::Finished,
            Touch::Typed,
            Touch::SheetOpened(Sheet::Access),
            Touch::LargeToggled,
            Touch::ReadAloud,
            Touch::Held,
            Touch::PinKey(Some('4')),
            Touch::CategoryOpened("Dairy".into()),
            Touch::Asked("milk".into()),
            Touch::Edited("mi".into()),
            Touch::Opened(sku("a")),
            Touch::Added(sku("b")),
            Touch::CompareToggled(sku("a")),
            Touch::Compared,
            Touch::Narrowed("stock".into()),
            Touch::Stepped(-5),
            Touch::OptionChosen("size".into(), "large".into()),
            Touch::ShownAdded,
            Touch::ShownLocated,
            Touch::LineStepped(7, -1),
            Touch::LineRemoved(0),
            Touch::Printed,
            Touch::WayShown,
            Touch::Confirmed,
            Touch::Agreed(true),
            Touch::Thumbed(Thumb::Up),
            Touch::Scanned("4006381333931".into()),
        ]
    };
    let mut random = fastrand::Rng::with_seed(7);
    let mut kiosk = Kiosk::awake();
    let mut open: Vec<Ticket> = Vec::new();
    for _ in 0..20_000 {
        let all = touches();
        let commands = match random.u8(..10) {
            0..6 => kiosk.touch(all[random.usize(..all.len())].clone()),
            6..9 if !open.is_empty() => {
                let ticket = open.swap_remove(random.usize(..open.len()));
                let answer = match random.u8(..5) {
                    0 => Answer::Goods(goods(&["a", "b"])),
                    1 => turned(Intent::Add, random.bool(), &["a"], random.u32(..4)),
                    2 => turned(Intent::Find, true, &[], random.u32(..4)),
                    3 => Answer::Failed("no".into()),
                    _ => Answer::Compared(Vec::new()),
                };
                kiosk.answer(ticket, answer);
                Vec::new()
            }
            _ => {
                let seconds = kiosk.now.as_secs() + random.u64(..30);
                kiosk.until(seconds)
            }
        };
        open.extend(commands.iter().filter_map(|command| match command {
            Command::Ask(ticket, _)
            | Command::AskAgain(ticket, _)
            | Command::Call(ticket, _)
            | Command::Browse(ticket, _) => Some(*ticket),
            _ => None,
        }));
        open.truncate(20);
        let screen = &kiosk.state.screen;
        assert_eq!(screen.chrome.pieces, screen.list.pieces());
        if screen.chrome.page == Page::Attract {
            assert!(
                screen.list.lines.is_empty() && screen.results.cards.is_empty() && screen.product.is_none()
            );
            assert_eq!(screen.chrome.access, Default::default());
        }
        let ends = matches!(screen.chrome.page, Page::Home | Page::Attract | Page::Maintenance);
        assert!(
            screen.chrome.can_back || ends || screen.chrome.page == Page::Outage,
            "{:?} is a dead end",
            screen.chrome.page
        );
    }
}
