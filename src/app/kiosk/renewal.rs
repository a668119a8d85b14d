//! What a visit shows when the catalog changed beneath it: prices and stock as they are now, and
//! nothing that must not be sold. Pure, as all of the visit is. Adds nothing to a page: what is
//! new is found by the next question.

use super::command::{Browse, Command, Renewal};
use super::goods::Goods;
use super::shelf::Good;
use super::visit::{Leaf, State};
use crate::domain::Sku;
use crate::domain::turn::OrderLine;
use crate::view::card::Card;
use crate::view::chrome::{Notice, Page};
use crate::view::{compare, map, product};
use std::collections::{BTreeMap, BTreeSet};

type Now = BTreeMap<Sku, Good>;

impl State {
    /// Asks for all that is shown, or that back leads to, anew.
    pub(super) fn renew(&mut self) -> Vec<Command> {
        if self.welcome.is_none() {
            return vec![Command::Welcome];
        }
        let Some(visit) = self.under_way() else { return vec![Command::Welcome] };
        let mut skus: BTreeSet<Sku> = self.goods.goods.iter().map(|good| good.card.sku.clone()).collect();
        let screen = &self.screen;
        skus.extend(of_product(screen.product.as_ref()));
        skus.extend(screen.compare.columns.iter().map(|column| column.card.sku.clone()));
        skus.extend(screen.for_you.rows.iter().flat_map(|row| &row.cards).map(|card| card.sku.clone()));
        skus.extend(screen.map.stops.iter().map(|stop| stop.sku.clone()));
        skus.extend(screen.list.lines.iter().map(|line| line.card.sku.clone()));
        skus.extend(screen.search.suggestions.iter().filter_map(|own| own.sku.clone()));
        for leaf in &self.history {
            skus.extend(leaf.goods.goods.iter().map(|good| good.card.sku.clone()));
            skus.extend(of_product(leaf.product.as_ref()));
            skus.extend(leaf.compare.columns.iter().map(|column| column.card.sku.clone()));
            skus.extend(leaf.map.stops.iter().map(|stop| stop.sku.clone()));
        }
        let product = self.screen.product.as_ref().map(|shown| shown.card.sku.clone());
        vec![Command::Welcome, Command::Renew { visit, skus: skus.into_iter().collect(), product }]
    }

    /// Shows what there is now.
    pub(super) fn renewed(&mut self, renewal: Renewal) -> Vec<Command> {
        let Renewal { goods: now, stopped, mut list, product } = renewal;
        let is_stopped = |sku: &Sku| stopped.iter().any(|(own, _)| own == sku);
        let mut seen: BTreeSet<Sku> = self.seen();
        let listed: BTreeSet<Sku> = self.screen.list.lines.iter().map(|line| line.card.sku.clone()).collect();
        seen.extend(listed);
        let told: Vec<&str> =
            stopped.iter().filter(|(sku, _)| seen.contains(sku)).map(|(_, title)| title.as_str()).collect();

        renew_goods(&mut self.goods, &now);
        for leaf in &mut self.history {
            let Leaf { goods, product, compare, map, .. } = leaf;
            renew_goods(goods, &now);
            renew_product(product, &now);
            renew_columns(compare, &now);
            renew_stops(map, &now);
        }
        // A page of what is gone is not gone back to.
        self.history.retain(|leaf| leaf.page != Page::Product || leaf.product.is_some());
        self.compared.retain(|sku| !is_stopped(sku));
        renew_columns(&mut self.screen.compare, &now);
        renew_stops(&mut self.screen.map, &now);
        for row in &mut self.screen.for_you.rows {
            renew_cards(&mut row.cards, &now);
        }
        self.screen.for_you.rows.retain(|row| !row.cards.is_empty());
        self.screen.search.suggestions.retain(|own| own.sku.as_ref().is_none_or(|sku| now.contains_key(sku)));

        list.question.clone_from(&self.screen.list.question);
        self.put_list(list);

        let mut commands = Vec::new();
        let is_gone = match (&self.screen.product, product) {
            (Some(before), Some(after)) if before.card.sku == after.card.sku => {
                let chosen = (before.quantity, before.chosen.clone());
                let is_as_it_comes = chosen == (after.quantity, after.chosen.clone());
                let mut after = *after;
                (after.quantity, after.chosen) = chosen;
                if !is_as_it_comes {
                    after.total = before.total;
                    commands.push(Command::Browse(self.standing(), Browse::Price(line_of(&after))));
                }
                self.screen.product = Some(after);
                false
            }
            _ => {
                renew_product(&mut self.screen.product, &now);
                self.screen.product.is_none()
            }
        };
        let page = self.screen.chrome.page;
        let is_empty = match page {
            Page::Product => is_gone,
            Page::Compare => self.screen.compare.columns.is_empty(),
            _ => false,
        };
        if is_empty {
            commands.extend(self.back());
        }
        if !told.is_empty() {
            self.screen.listening.answer.clear();
            self.say(Notice::Said(words(&told)), false);
            // What is said of it is not true any more.
            commands.insert(0, Command::Silence);
        }
        self.refresh();
        commands
    }

    /// What the present page shows, and what is said of it.
    fn seen(&self) -> BTreeSet<Sku> {
        let screen = &self.screen;
        match screen.chrome.page {
            Page::Results => self.goods.goods.iter().map(|good| good.card.sku.clone()).collect(),
            Page::Product => screen.product.iter().map(|shown| shown.card.sku.clone()).collect(),
            Page::Compare => screen.compare.columns.iter().map(|column| column.card.sku.clone()).collect(),
            Page::Map => screen.map.stops.iter().map(|stop| stop.sku.clone()).collect(),
            _ => BTreeSet::new(),
        }
    }
}

/// "Ruby dragonfruit is not sold at the moment."
fn words(titles: &[&str]) -> String {
    let verb = if titles.len() > 1 { "are" } else { "is" };
    format!("{} {verb} not sold at the moment.", titles.join(", "))
}

fn of_product(shown: Option<&product::Model>) -> Vec<Sku> {
    let cards = |shown: &product::Model| {
        let beside = shown.pairings.iter().chain(&shown.substitutes);
        std::iter::once(&shown.card).chain(beside).map(|card| card.sku.clone()).collect()
    };
    shown.map(cards).unwrap_or_default()
}

/// A product on its page, as it would come onto the list.
pub(super) fn line_of(shown: &product::Model) -> OrderLine {
    OrderLine {
        sku: shown.card.sku.clone(),
        title: shown.card.title.clone(),
        quantity: shown.quantity,
        options: shown.chosen.clone(),
        defaults: BTreeMap::new(),
    }
}

/// A card with what is there now; why it is shown stays.
fn renew_card(card: &mut Card, now: &Good) {
    let before = std::mem::replace(card, now.card.clone());
    let Card { reason, instead, listed, compared, .. } = before;
    (card.reason, card.instead, card.listed, card.compared) = (reason, instead, listed, compared);
}

fn renew_cards(cards: &mut Vec<Card>, now: &Now) {
    cards.retain_mut(|card| match now.get(&card.sku) {
        Some(good) => {
            renew_card(card, good);
            true
        }
        None => false,
    });
}

fn renew_goods(goods: &mut Goods, now: &Now) {
    let said = |good: &Good| (good.card.price, good.card.regular, good.card.stock, good.card.place.clone());
    let is_true = |good: &Good| now.get(&good.card.sku).is_some_and(|own| said(own) == said(good));
    if !goods.goods.iter().all(is_true) {
        // It names products, prices, places, or asks about them.
        goods.answer.clear();
        goods.asks = false;
    }
    goods.goods.retain_mut(|good| match now.get(&good.card.sku) {
        Some(own) => {
            renew_card(&mut good.card, own);
            good.product = own.product.clone();
            true
        }
        None => false,
    });
}

/// A product's page as far as its cards go; none for what is gone.
fn renew_product(shown: &mut Option<product::Model>, now: &Now) {
    let Some(own) = shown else { return };
    match now.get(&own.card.sku) {
        Some(good) => {
            renew_card(&mut own.card, good);
            renew_cards(&mut own.pairings, now);
            renew_cards(&mut own.substitutes, now);
        }
        None => *shown = None,
    }
}

fn renew_columns(model: &mut compare::Model, now: &Now) {
    model.columns.retain_mut(|column| match now.get(&column.card.sku) {
        Some(good) => {
            renew_card(&mut column.card, good);
            true
        }
        None => false,
    });
}

fn renew_stops(model: &mut map::Model, now: &Now) {
    model.stops.retain(|stop| now.contains_key(&stop.sku));
}
