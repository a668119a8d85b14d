//! What shoppers see when the catalog changes while they look.

use super::command::{Browse, Command, Event, Renewal};
use super::shelf::Good;
use super::visit_tests::{Kiosk, good, goods, sku, ticket, turned};
use crate::app::kiosk::command::Answer;
use crate::domain::turn::Intent;
use crate::view::chrome::{Notice, Page};
use crate::view::touch::Touch;
use crate::view::{list, product};
use std::collections::BTreeMap;

fn priced(name: &str, cents: i64) -> Good {
    let mut good = good(name);
    good.card.price = Some(cents);
    good.product.price_cents = Some(cents);
    good
}

fn renewal(now: Vec<Good>, stopped: &[&str]) -> Renewal {
    Renewal {
        goods: now.into_iter().map(|good| (good.card.sku.clone(), good)).collect(),
        stopped: stopped.iter().map(|name| (sku(name), format!("Thing {name}"))).collect(),
        list: list::Model::default(),
        product: None,
    }
}

fn page(good: Good) -> product::Model {
    product::Model {
        card: good.card,
        brand: None,
        description: None,
        pack: None,
        allergens: None,
        attributes: BTreeMap::new(),
        age: None,
        options: Vec::new(),
        chosen: BTreeMap::new(),
        quantity: 1,
        total: Some(199),
        pairings: vec![priced("c", 5).card],
        substitutes: Vec::new(),
    }
}

fn titles(kiosk: &Kiosk) -> Vec<(String, Option<i64>)> {
    kiosk.state.screen.results.cards.iter().map(|card| (card.title.clone(), card.price)).collect()
}

/// Somebody who looks at the results `a` and `b`.
fn looking() -> Kiosk {
    let mut kiosk = Kiosk::awake();
    let asked = kiosk.touch(Touch::Submitted("things".into()));
    let mut found = goods(&["a", "b"]);
    found.goods[1].card.reason = "Also called so".into();
    found.answer = "I found 2. The first is Thing a, $1.99.".into();
    kiosk.answer(ticket(&asked), Answer::Goods(found));
    kiosk
}

#[test]
fn a_page_shows_what_things_cost_now() {
    let mut kiosk = looking();
    let asked = kiosk.event(Event::CatalogChanged);
    let Some(Command::Renew { visit, skus, product: None }) = asked.last() else { panic!("{asked:?}") };
    assert_eq!((*visit, &skus[..]), (kiosk.state.number(), &[sku("a"), sku("b")][..]));
    let now = renewal(vec![priced("a", 99), priced("b", 198)], &[]);
    let commands = kiosk.event(Event::Renewed(*visit, Box::new(now)));
    assert!(commands.is_empty(), "nothing is silenced for a price: {commands:?}");
    assert_eq!(titles(&kiosk), [("Thing a".into(), Some(99)), ("Thing b".into(), Some(198))]);
    assert_eq!(kiosk.state.screen.results.cards[1].reason, "Also called so", "why it is here stays");
    assert_eq!(kiosk.state.screen.chrome.notice, None);
    assert_eq!(kiosk.state.screen.results.answer, "", "it told another price");
}

#[test]
fn an_answer_stands_as_long_as_it_is_true() {
    let mut kiosk = looking();
    let visit = kiosk.state.number();
    let answer = kiosk.state.screen.results.answer.clone();
    kiosk.event(Event::Renewed(visit, Box::new(renewal(vec![good("a"), good("b")], &[]))));
    assert_eq!((kiosk.state.screen.results.answer.as_str(), answer.is_empty()), (answer.as_str(), false));
}

#[test]
fn what_is_stopped_goes_at_once_and_nothing_more_is_said_of_it() {
    let mut kiosk = looking();
    let visit = kiosk.state.number();
    let commands = kiosk.event(Event::Renewed(visit, Box::new(renewal(vec![good("b")], &["a"]))));
    assert_eq!(commands, [Command::Silence]);
    assert_eq!(titles(&kiosk), [("Thing b".into(), Some(199))]);
    let said = Notice::Said("Thing a is not sold at the moment.".into());
    assert_eq!(kiosk.state.screen.chrome.notice, Some(said));
    // Of what the shopper does not see nothing is said.
    let mut kiosk = looking();
    kiosk.touch(Touch::Home);
    let visit = kiosk.state.number();
    let commands = kiosk.event(Event::Renewed(visit, Box::new(renewal(vec![good("b")], &["a"]))));
    assert_eq!((commands, kiosk.state.screen.chrome.notice.clone()), (vec![], None));
}

#[test]
fn the_page_of_a_stopped_product_is_left() {
    let mut kiosk = looking();
    let asked = kiosk.touch(Touch::Opened(sku("a")));
    kiosk.answer(ticket(&asked), Answer::Product(Box::new(page(good("a")))));
    assert_eq!(kiosk.page(), Page::Product);
    let asked = kiosk.event(Event::CatalogChanged);
    assert!(matches!(asked.last(), Some(Command::Renew { product: Some(open), .. }) if *open == sku("a")));
    let visit = kiosk.state.number();
    let commands = kiosk.event(Event::Renewed(visit, Box::new(renewal(vec![good("b")], &["a"]))));
    assert!(commands.contains(&Command::Silence));
    assert_eq!(kiosk.page(), Page::Results);
    assert_eq!(titles(&kiosk), [("Thing b".into(), Some(199))]);
    // Nor is it gone back to.
    let mut kiosk = looking();
    let asked = kiosk.touch(Touch::Opened(sku("a")));
    kiosk.answer(ticket(&asked), Answer::Product(Box::new(page(good("a")))));
    let asked = kiosk.touch(Touch::Opened(sku("b")));
    kiosk.answer(ticket(&asked), Answer::Product(Box::new(page(good("b")))));
    let mut now = renewal(vec![good("b")], &["a"]);
    now.product = Some(Box::new(page(good("b"))));
    kiosk.event(Event::Renewed(kiosk.state.number(), Box::new(now)));
    assert_eq!(kiosk.page(), Page::Product);
    kiosk.touch(Touch::Back);
    assert_eq!(kiosk.page(), Page::Results);
}

#[test]
fn what_was_chosen_on_a_page_stays_and_is_priced_anew() {
    let mut kiosk = looking();
    let asked = kiosk.touch(Touch::Opened(sku("a")));
    let mut open = page(good("a"));
    open.quantity = 3;
    kiosk.answer(ticket(&asked), Answer::Product(Box::new(open)));
    let mut now = renewal(vec![priced("a", 99), good("b")], &[]);
    now.product = Some(Box::new(page(priced("a", 99))));
    let commands = kiosk.event(Event::Renewed(kiosk.state.number(), Box::new(now)));
    let [Command::Browse(_, Browse::Price(line))] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!((line.quantity, line.sku.as_str()), (3, "a"));
    let shown = kiosk.state.screen.product.as_ref().unwrap();
    assert_eq!((shown.quantity, shown.card.price), (3, Some(99)));
}

#[test]
fn the_list_counts_as_it_is_now_and_another_visit_is_left_alone() {
    let mut kiosk = looking();
    let asked = kiosk.touch(Touch::Submitted("a".into()));
    kiosk.answer(ticket(&asked), turned(Intent::Add, true, &["a"], 2));
    assert_eq!(kiosk.state.screen.chrome.pieces, 2);
    let visit = kiosk.state.number();
    kiosk.event(Event::Renewed(visit + 1, Box::new(renewal(vec![], &["a"]))));
    assert_eq!(kiosk.state.screen.chrome.pieces, 2);
    let commands = kiosk.event(Event::Renewed(visit, Box::new(renewal(vec![good("b")], &["a"]))));
    assert_eq!(kiosk.state.screen.chrome.pieces, 0);
    assert!(commands.contains(&Command::Silence), "it was on the list: {commands:?}");
    assert!(matches!(&kiosk.state.screen.chrome.notice, Some(Notice::Said(_))));
}
