//! What each answer does to a visit. Pure, as all of the visit is.

use super::command::{Answer, Command, Ticket, Turned};
use super::goods::Goods;
use super::visit::State;
use crate::domain::turn::Intent;
use crate::view::chrome::{Notice, Page};
use crate::view::{compare, feedback, list};

impl State {
    pub(super) fn answered(&mut self, ticket: Ticket, answer: Answer) -> Vec<Command> {
        let is_latest = ticket.turn == self.turn;
        if is_latest {
            self.screen.chrome.busy = false;
        }
        let mut commands = Vec::new();
        let speech = match &answer {
            Answer::Turn(turn) => Some(turn.speech.clone()),
            Answer::Failed(words) => Some(words.clone()),
            _ => None,
        };
        match answer {
            // The list counts whatever was asked since.
            Answer::Turn(mut turn) => {
                let order = std::mem::take(&mut turn.order);
                let changed = order != self.order;
                if changed {
                    self.unsay();
                }
                self.order = order;
                self.put_list(std::mem::take(&mut turn.list));
                if let Some(call) = turn.call {
                    self.screen.help.call = call;
                }
                if turn.confirmed {
                    commands.extend(self.send_order());
                }
                if is_latest || !turn.by_words {
                    self.take_turn(*turn, changed);
                }
            }
            Answer::Failed(words) if is_latest => {
                // The keyboard leaves no room for a notice.
                self.leave_entry();
                self.say(Notice::Said(words), false);
            }
            Answer::Goods(goods) if is_latest => {
                if goods.is_grown() {
                    // Who went on meanwhile is not called back.
                    if self.screen.chrome.page == Page::Results && self.goods.title == goods.title {
                        let chosen = std::mem::take(&mut self.goods.chosen);
                        self.goods = Goods { chosen, ..goods };
                    }
                } else {
                    self.keep_page();
                    self.goods = goods;
                    self.turn_to(Page::Results);
                }
            }
            Answer::Product(shown) if is_latest => {
                let before = self.screen.product.as_ref().map(|before| before.card.sku.clone());
                let is_other = before.as_ref() != Some(&shown.card.sku);
                if self.screen.chrome.page == Page::Product && !is_other {
                    self.screen.product = Some(*shown);
                } else {
                    self.keep_page();
                    self.screen.product = Some(*shown);
                    self.turn_to(Page::Product);
                }
            }
            // By what it is the price of: the number may have been stepped on since.
            Answer::Priced { line, total } => {
                if let Some(shown) = &mut self.screen.product
                    && shown.card.sku == line.sku
                    && shown.quantity == line.quantity
                    && shown.chosen == line.options
                {
                    shown.total = total;
                }
            }
            Answer::UnknownCode if is_latest => self.say(Notice::UnknownCode, false),
            Answer::Suggestions(suggestions) if is_latest => self.screen.search.suggestions = suggestions,
            Answer::Compared(columns) if is_latest => {
                self.show_compared(compare::Model { columns });
                self.go(Page::Compare);
            }
            Answer::Way(model) if is_latest => {
                self.keep_page();
                self.screen.map = *model;
                self.turn_to(Page::Map);
            }
            Answer::ForYou(rows) if is_latest => {
                self.screen.for_you.rows = rows;
                self.go(Page::ForYou);
            }
            _ => {}
        }
        self.refresh();
        commands
            .extend(speech.into_iter().flat_map(|speech| self.answer_aloud(ticket.turn, speech, is_latest)));
        commands
    }

    /// Shows the list as it is now; what came of printing and ordering stands.
    pub(super) fn put_list(&mut self, list: list::Model) {
        let before = std::mem::replace(&mut self.screen.list, list);
        let own = &mut self.screen.list;
        (own.printable, own.sent) = (before.printable, before.sent);
        // A printed list that changed is not the printed list.
        own.printed = before.printed.filter(|_| before.lines == own.lines);
        self.screen.chrome.pieces = own.pieces();
    }

    /// Goes back from where words are typed or spoken, to where they were begun.
    fn leave_entry(&mut self) {
        if matches!(self.screen.chrome.page, Page::Search | Page::Listening) {
            self.back();
        }
    }

    /// Where a turn leads, by what it was.
    fn take_turn(&mut self, turn: Turned, changed: bool) {
        let has_question = self.screen.list.question.is_some();
        match turn.intent {
            Intent::Add | Intent::Order | Intent::Change | Intent::Remove | Intent::Undo
                if turn.by_words || has_question =>
            {
                self.go(Page::List);
                if !has_question {
                    self.remark(turn.reply, turn.intent != Intent::Undo);
                }
            }
            // The list shows for itself what a touch changed on it.
            Intent::Add | Intent::Order | Intent::Change | Intent::Remove | Intent::Undo
                if self.screen.chrome.page == Page::List => {}
            // What was not done is not told as done.
            Intent::Add | Intent::Order | Intent::Change | Intent::Remove | Intent::Undo if !changed => {
                self.say(Notice::Said(turn.reply), false);
            }
            Intent::Undo => self.say(Notice::Undone, false),
            Intent::Add | Intent::Order => self.say(Notice::Added(turn.goods.title), true),
            Intent::Change | Intent::Remove => self.say(Notice::Said(turn.reply), true),
            // A question that another page asked is answered by what became of the list.
            Intent::Confirm if changed && self.screen.chrome.page != Page::List => {
                self.go(Page::List);
                self.remark(turn.reply, true);
            }
            Intent::Confirm | Intent::Decline if self.screen.chrome.page == Page::Results => {
                self.say(Notice::Said(turn.reply), false);
            }
            Intent::Confirm | Intent::Decline | Intent::Review if !turn.by_words => {}
            Intent::Review | Intent::Confirm | Intent::Decline if !self.screen.list.lines.is_empty() => {
                self.go(Page::List);
                self.remark(turn.reply, false);
            }
            Intent::CallStaff | Intent::Help => self.go(Page::Help),
            Intent::Goodbye => {
                self.screen.feedback = feedback::Model::default();
                self.go(Page::Feedback);
            }
            Intent::Compare if turn.compared.len() > 1 => {
                self.show_compared(compare::Model { columns: turn.compared });
                self.go(Page::Compare);
            }
            Intent::Locate if turn.way.is_some() => {
                self.keep_page();
                self.screen.map = turn.way.map(|way| *way).unwrap_or_default();
                self.turn_to(Page::Map);
                self.remark(turn.reply, false);
            }
            intent if !turn.goods.goods.is_empty() || matches!(intent, Intent::Find | Intent::Unclear) => {
                self.keep_page();
                self.goods = turn.goods;
                self.turn_to(Page::Results);
            }
            _ => {
                self.leave_entry();
                self.say(Notice::Said(turn.reply), false);
            }
        }
    }
}
