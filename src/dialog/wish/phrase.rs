//! The noun phrase of a request, and the kind of product in it. Never reads what
//! the product must be.

use super::lists::{
    CLOSERS, CLOTHES, CONTAINERS, ENDS, FLAVOURS, FOOD, FOOTWEAR, FRAME, FURNITURE, GOODS, JOINS, LONE,
    MAKEUP, MATERIALS, PARTS, PLAIN, THING_COLOURS, TRIGGERS, UNITS, WHOM, Words, known,
};
use super::look::is_colour;
use super::{Request, Role};
use std::ops::Range;

/// Where the thing is named.
#[derive(Debug, Clone, Default)]
pub(super) struct Phrase {
    /// From the end of the frame ("i am looking for a") to the first clause.
    pub all: Range<usize>,
    /// The kind of product; empty where none is named.
    pub kind: Range<usize>,
}

impl Request {
    /// Where the request's frame ends.
    fn start(&self) -> usize {
        let is_trigger = |at: &usize| {
            let asks_for = matches!(self.word(*at), "look" | "search" | "shop") && self.word(at + 1) == "for";
            TRIGGERS.contains(self.word(*at)) || asks_for
        };
        let trigger = (0..self.tokens.len().min(16)).find(is_trigger);
        // "Lamps that i need": the thing came first, but "for my table i need" only says what for.
        let is_named = |at: usize| self.is_head(at) && !self.after(at, 3, &["for", "my"]);
        let mut at = trigger.filter(|at| !(0..*at).any(is_named)).map_or(0, |at| at + 1);
        while self.is_free(at) && FRAME.contains(self.word(at)) && !known(&CONTAINERS, self.word(at)) {
            at += 1;
        }
        at
    }

    pub(super) fn phrase(&mut self) -> Phrase {
        let start = self.start();
        let mut heads: Vec<usize> = Vec::new();
        let mut has_words = false;
        let mut at = start;
        while at < self.tokens.len() {
            if self.word(at) == "of" && at > start && self.is_container(at - 1) {
                // "A bottle of shampoo": the shampoo is wanted.
                let is_word = known(&CONTAINERS, self.word(at - 1)) && self.is_free(at - 1);
                let from = at - usize::from(is_word);
                self.mark(from..at + 1, Role::Container);
                heads.retain(|head| *head < from);
                at += 1;
                continue;
            }
            if self.ends_phrase(at, &heads, has_words) {
                break;
            }
            if self.is_head(at) {
                heads.push(at);
            }
            has_words |= self.is_free(at) && !FRAME.contains(self.word(at));
            at += 1;
            if self.pauses(at - 1) && !heads.is_empty() {
                break;
            }
        }
        let kind = self.kind(start..at, &heads).unwrap_or(at..at);
        Phrase { all: start..at, kind }
    }

    /// Whether "of" after this word makes it a measure of the thing.
    fn is_container(&self, at: usize) -> bool {
        let cue =
            (at + 2..at + 6).find(|at| matches!(self.word(*at), "color" | "colour" | "colors" | "size"));
        // "A bottle of amber color" is a bottle.
        let is_cued = cue.is_some_and(|cue| {
            let next = self.next(cue);
            next.is_empty() || next == "and" || ENDS.contains(next)
        });
        let is_size = self.tokens.get(at).is_some_and(|token| token.role == Role::Size);
        is_size || (known(&CONTAINERS, self.word(at)) && !is_cued)
    }

    fn ends_phrase(&self, at: usize, heads: &[usize], has_words: bool) -> bool {
        let word = self.word(at);
        let next = self.word(at + 1);
        let last = heads.last();
        let follows_head = last.is_some_and(|last| last + 1 == at);
        match word {
            // "Dark chocolate and almond bar" goes on, "shampoo and conditioner" too.
            "and" | "&" | "or" => {
                let is_flavour = last.is_some_and(|last| FLAVOURS.contains(self.word(*last)));
                let goes_on = is_flavour && !FRAME.contains(next) && !ENDS.contains(next);
                let is_joined = follows_head && self.leads_to_head(at + 1);
                last.is_some() && !goes_on && !is_joined && (follows_head || word == "and")
            }
            "to" | "color" | "colour" => follows_head,
            "one" | "ones" => last.is_some(),
            "of" => has_words,
            "compatible" if next != "with" => false,
            _ => self.is_free(at) && ENDS.contains(word) && (has_words || last.is_some()),
        }
    }

    /// Whether nothing but a kind stands here: "conditioner set".
    fn leads_to_head(&self, at: usize) -> bool {
        let at = at + usize::from(matches!(self.word(at), "a" | "an"));
        let run = (at..at + 3).take_while(|at| self.is_joining(*at) || self.is_head(*at));
        run.last().is_some_and(|at| self.is_head(at) && (self.pauses(at) || ENDS.contains(self.word(at + 1))))
    }

    fn kind(&self, all: Range<usize>, heads: &[usize]) -> Option<Range<usize>> {
        // "Cat litter the 20 pound bag": the bag is but its container.
        let is_container = |at: usize| {
            let before = heads.iter().rfind(|head| **head < at);
            let is_measure = |at: usize| !self.is_free(at) || matches!(self.word(at), "a" | "the");
            let measured = before.is_some_and(|head| head + 1 < at && (head + 1..at).all(is_measure));
            known(&CONTAINERS, self.word(at)) && measured
        };
        let is_thing = |at: &&usize| is_strong(self.word(**at)) && !is_container(**at);
        let listed = heads.iter().rfind(is_thing).or(heads.last()).copied();
        // A shoe horn is no shoe.
        let listed = listed.map(|head| {
            let extends = head + 2 == all.end && !self.pauses(head) && self.is_noun(head + 1);
            head + usize::from(extends)
        });
        let first_pause = all.clone().find(|at| self.pauses(*at)).map_or(all.end, |at| at + 1);
        let unlisted = || {
            let is_noun = |at: &usize| self.is_noun(*at) && !is_strong(self.word(*at));
            (all.start..first_pause).rev().find(is_noun).or_else(|| all.clone().rev().find(is_noun))
        };
        let later = || {
            let first =
                (all.end..self.tokens.len()).find(|at| self.is_head(*at) && is_strong(self.word(*at)))?;
            (first..self.tokens.len()).take_while(|at| self.is_head(*at)).last()
        };
        let joining = || all.clone().rev().find(|at| self.is_free(*at) && known(&JOINS, self.word(*at)));
        let head = listed.or_else(unlisted).or_else(later).or_else(joining)?;
        let first = if head < all.end { all.start } else { all.end };
        // An "olive" dress is no kind of its own.
        let is_worn = [&CLOTHES, &FOOTWEAR].iter().any(|list| known(list, self.word(head)));
        let is_colour = |at: usize| is_worn && THING_COLOURS.contains(self.word(at));
        let joined = |mut start: usize| {
            while start > first && self.is_joining(start - 1) && !is_colour(start - 1) {
                start -= 1;
            }
            start
        };
        let mut start = joined(head);
        if start >= first + 2 && matches!(self.word(start - 1), "and" | "&") && self.is_head(start - 2) {
            start = joined(start - 2);
        }
        Some(start..head + 1)
    }

    /// The last word of the kind.
    pub(super) fn head(&self, phrase: &Phrase) -> &str {
        phrase.kind.clone().last().map_or("", |at| self.word(at))
    }

    pub(super) fn is_any(&self, phrase: &Phrase, lists: &[&Words]) -> bool {
        let head = self.head(phrase);
        let is_shirt = head.starts_with("t shirt") && lists.iter().any(|list| list.contains("shirt"));
        is_shirt || lists.iter().any(|list| known(list, head))
    }

    /// Whether a word is listed as a kind of product.
    fn is_head(&self, at: usize) -> bool {
        let (word, next) = (self.word(at), self.word(at + 1));
        let other = match word {
            "color" => !self.after(at, 1, &["hair", "nail", "lip", "food", "brow"]),
            "light" => next == "weight" || is_colour(next),
            "shelf" => next == "stable",
            "machine" => next.starts_with("wash") || self.after(at, 1, &["in", "by"]),
            "wash" => {
                let is_soap = self.next(at).is_empty() || ENDS.contains(self.next(at));
                self.after(at, 1, &["machine"]) || (self.after(at, 1, &["hand"]) && !is_soap)
            }
            "plug" => matches!(next, "and" | "play"),
            _ => false,
        };
        let is_thing = |word: &str| is_strong(word) || FLAVOURS.contains(word);
        let last = word.rsplit_once('-').map_or(word, |(_, last)| last);
        self.is_free(at) && !other && (is_thing(word) || is_thing(last))
    }

    fn is_joining(&self, at: usize) -> bool {
        let word = self.word(at);
        let other = (word == "power" && self.after(at, 1, &["high", "low"]))
            || (word == "charging" && self.after(at, 1, &["fast", "quick", "wireless"]))
            || (word == "sound" && self.after(at, 1, &["stereo", "surround"]));
        // "A steel frame storage tower"
        let is_part = at > 0 && known(&PARTS, word) && known(&MATERIALS, self.word(at - 1));
        let is_bulb =
            word == "light" && matches!(self.word(at + 1), "bulb" | "bulbs" | "fixture" | "fixtures");
        let is_milk = matches!(word, "almond" | "coconut" | "oat" | "olive" | "peanut")
            && matches!(self.word(at + 1), "milk" | "flour" | "oil" | "butter");
        let joins = known(&JOINS, word) || is_milk || is_bulb || (is_strong(word) && !known(&LONE, word));
        self.is_free(at) && !self.pauses(at) && !other && !is_part && joins
    }

    /// Whether a word that no list has may be a noun.
    pub(super) fn is_noun(&self, at: usize) -> bool {
        let word = self.word(at);
        let is_look = is_colour(word) || known(&MATERIALS, word) || THING_COLOURS.contains(word);
        self.is_free(at) && is_unknown(word) && !is_look
    }
}

/// Whether a word is listed as a kind, and not as an ingredient.
pub(super) fn is_strong(word: &str) -> bool {
    let lists = [&GOODS, &CLOTHES, &FOOTWEAR, &MAKEUP, &FURNITURE, &FOOD];
    word.starts_with("t shirt") || lists.iter().any(|list| known(list, word))
}

/// Whether no list describes a word: a name, or a noun that is not listed.
pub(super) fn is_unknown(word: &str) -> bool {
    let lists = [&WHOM, &PLAIN, &CLOSERS, &CONTAINERS, &PARTS, &UNITS, &JOINS];
    let endings = ["ed", "ing", "able", "ible", "ful", "less", "free", "ly", "proof", "ish"];
    word.chars().all(char::is_alphabetic)
        && !endings.iter().any(|end| word.ends_with(end))
        && ![&FRAME, &ENDS].iter().any(|list| list.contains(word))
        && !lists.iter().any(|list| known(list, word))
}
