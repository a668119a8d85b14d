//! What one conversation remembers: the products last shown and the order so
//! far. Lives in memory only and is dropped whole when the session ends; it
//! never holds a shopper's words.

use crate::domain::Sku;
use crate::domain::turn::OrderLine;

/// The memory of one session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    shown: Vec<Sku>,
    pub order: Vec<OrderLine>,
}

impl Context {
    /// Remembers the cards of a turn, in their order; a turn without cards
    /// leaves the earlier ones in place.
    pub fn show(&mut self, cards: impl IntoIterator<Item = Sku>) {
        let cards: Vec<_> = cards.into_iter().collect();
        if !cards.is_empty() {
            self.shown = cards;
        }
    }

    /// The product that "it" means.
    #[must_use]
    pub fn focus(&self) -> Option<Sku> {
        self.shown.first().cloned()
    }

    /// The product that `words` point at ("it", "the second one").
    #[must_use]
    pub fn pointed_at(&self, words: &str) -> Option<Sku> {
        let bare = words.trim_start_matches("the ").trim_end_matches(" one").trim();
        let index = match bare {
            "it" | "that" | "this" | "them" | "those" | "these" | "one" | "first" | "1st" => 0,
            "second" | "2nd" => 1,
            "third" | "3rd" => 2,
            "fourth" | "4th" => 3,
            "fifth" | "5th" => 4,
            "last" => self.shown.len().checked_sub(1)?,
            _ => return None,
        };
        self.shown.get(index).cloned()
    }
}
