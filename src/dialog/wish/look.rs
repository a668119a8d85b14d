//! Colours and materials in the words of a request. Never says which colours are
//! alike.

use super::lists::{
    CLOSERS, CLOTHES, COLOURS, ENDS, FOOTWEAR, FRAME, FURNITURE, MAKEUP, MATERIAL_KINDS, MATERIALS,
    NO_COLOURS, PARTS, SHADES, THING_COLOURS, WHOM, known,
};
use super::phrase::{Phrase, is_strong, is_unknown};
use super::{Request, Role};
use std::ops::Range;

/// Words between "color" and what it is.
const LINKS: &[&str] = &[
    "is",
    "are",
    "must",
    "be",
    "should",
    "was",
    "of",
    "which",
    "in",
    "i",
    "want",
    "to",
    "will",
    "preference",
    "choice",
    "the",
    "a",
    "preferably",
    "would",
    "like",
    "prefer",
    "can",
];

impl Request {
    pub(super) fn colours(&mut self, phrase: &Phrase) -> Vec<String> {
        let mut found = self.cued_colours(phrase);
        if found.is_empty() {
            found = self.listed_colours(phrase);
        }
        if found.is_empty() {
            found.extend(self.named_colour(phrase));
        }
        let mut at = 0;
        while at < found.len() {
            let known = found[..at].contains(&found[at]);
            if known {
                found.remove(at);
            } else {
                at += 1;
            }
        }
        found
    }

    /// What stands beside the word "color".
    fn cued_colours(&mut self, phrase: &Phrase) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for at in 0..self.tokens.len() {
            let several = self.word(at).ends_with("ors") && at > 0 && self.number(at - 1).is_some();
            let is_cue = match self.word(at) {
                "color" | "colour" | "colors" | "colours" | "colored" | "coloured" => true,
                "shade" => self.is_any(phrase, &[&MAKEUP]),
                _ => false,
            };
            let other = self.after(at, 1, &["hair", "full", "rich", "true", "nail", "lip"]);
            if !is_cue || several || other || phrase.kind.contains(&at) {
                continue;
            }
            let Some(span) = self.colour_before(at, phrase).or_else(|| self.colour_after(at)) else {
                continue;
            };
            // "Color 17" has no other name.
            let is_number = span.len() == 1 && self.number(span.start).is_some();
            if is_number && span.start < at {
                continue; // "4 color"
            }
            let start = if is_number && span.start == at + 1 { at } else { span.start };
            let said = self.text(start..span.end);
            found.extend(said.split(" or ").flat_map(|said| said.split(" and ")).map(str::to_owned));
            self.mark(span.start.min(at)..span.end.max(at + 1), Role::Taken);
        }
        found
    }

    /// "aa-dark blue colored", "in the mystic sand color".
    fn colour_before(&self, cue: usize, phrase: &Phrase) -> Option<Range<usize>> {
        let articles =
            ["the", "a", "an", "its", "any", "some", "same", "their", "no", "be", "of", "and", "or", "with"];
        let is_listed = |at: usize| {
            let word = self.word(at);
            is_colour(word) || known(&THING_COLOURS, word) || known(&SHADES, word)
        };
        let is_name = |at: usize| {
            let word = self.word(at);
            let is_code = word.contains(|c: char| !c.is_alphabetic());
            self.is_free(at)
                && !self.pauses(at)
                && !phrase.kind.contains(&at)
                && !articles.contains(&word)
                && !ENDS.contains(word)
                && (is_listed(at) || ((is_unknown(word) || is_code) && !known(&MATERIALS, word)))
        };
        let first = phrase.all.start.min(cue);
        let mut start = cue;
        while start > first && cue - start < 4 && is_name(start - 1) {
            start -= 1;
            // "cotton lake blue": one word more may name a shade.
            if start + 1 < cue && is_listed(start + 1) && !is_listed(start) {
                break;
            }
        }
        // "in an athletic gold color" is all colour.
        let named = (cue.saturating_sub(5)..cue).find(|at| self.word(*at) == "in");
        let named = named.map(|at| at + 1 + usize::from(articles[..3].contains(&self.word(at + 1))));
        let is_plain = |at: usize| self.is_free(at) && !FRAME.contains(self.word(at));
        if let Some(named) = named.filter(|named| *named < start && (*named..start).all(is_plain)) {
            start = named;
        }
        // "silver with trundle color", "camel or ivory colored"
        let pairs = |at: usize| {
            is_colour(self.word(at))
                || known(&THING_COLOURS, self.word(at))
                || (is_unknown(self.word(at)) && is_name(at))
        };
        if start < cue
            && start > 1
            && matches!(self.word(start - 1), "with" | "or" | "and")
            && pairs(start - 2)
        {
            start -= 2;
        }
        (start < cue).then_some(start..cue)
    }

    /// "the color must be colt gray", "in color 17".
    fn colour_after(&self, cue: usize) -> Option<Range<usize>> {
        if self.pauses(cue) {
            return None;
        }
        let first = (cue + 1..cue + 8).find(|at| !LINKS.contains(&self.word(*at)))?;
        let ends = |at: usize| {
            let word = self.word(at);
            let is_end = ["and", "please", "one", "ones", "to", "size", "color"].contains(&word);
            !self.is_free(at) || is_end || (ENDS.contains(word) && word != "or")
        };
        let last = (first..first + 4).find(|at| ends(*at)).unwrap_or(first + 4);
        let end = (first..last).find(|at| self.pauses(*at)).map_or(last, |at| at + 1);
        let word = self.word(first);
        let is_code =
            word.contains(|c: char| c.is_ascii_digit()) || word.len() == 1 || self.number(first).is_some();
        let is_named = is_code || is_colour(word) || known(&SHADES, word);
        let is_said = first > cue + 1 || self.after(cue, 2, &["in", "the"]);
        (end > first && (is_said || is_named)).then_some(first..end)
    }

    fn listed_colours(&mut self, phrase: &Phrase) -> Vec<String> {
        let things = self.is_any(phrase, &[&CLOTHES, &FOOTWEAR, &MAKEUP, &FURNITURE]);
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let Some(end) = self.colour_run(at, phrase, things) else {
                at += 1;
                continue;
            };
            // "in shadow black"
            let is_named = at > phrase.all.end
                && self.is_noun(at - 1)
                && self.after(at - 1, 1, &["in", "is", "be", "are"]);
            let start = at - usize::from(is_named);
            found.push(self.text(start..end));
            self.mark(start..end, Role::Taken);
            at = end;
        }
        found
    }

    /// Where a run of colour words that starts here ends: "dark grey", "blonde to brown".
    fn colour_run(&self, at: usize, phrase: &Phrase, things: bool) -> Option<usize> {
        let free = |at: usize| self.is_free(at) && !phrase.kind.contains(&at);
        let is_base = |at: usize| {
            let word = self.word(at);
            let stands_alone = self.after(at, 1, &["in", "is", "are", "be"])
                && (matches!(self.next(at), "" | "and" | "or") || ENDS.contains(self.next(at)));
            let is_yarn = word == "heather" && self.after(at, 1, &["cotton"]);
            // "Black rose" is one colour.
            let is_second = at > 0 && free(at - 1) && !self.pauses(at - 1) && is_colour(self.word(at - 1));
            let is_thing = known(&THING_COLOURS, word)
                && (things || stands_alone || (is_second && !known(&NO_COLOURS, word)));
            free(at) && !is_yarn && (is_colour(word) || is_thing)
        };
        let is_shade = |at: usize| {
            let word = self.word(at).rsplit('-').next().unwrap_or_default();
            free(at) && (known(&SHADES, word) || known(&THING_COLOURS, word))
        };
        // "3 light" counts lamps.
        if self.word(at) == "light" && at > 0 && self.number(at - 1).is_some() {
            return None;
        }
        let run = (at..self.tokens.len()).take_while(|at| is_base(*at) || is_shade(*at));
        let pause = run.clone().find(|at| self.pauses(*at)).unwrap_or(usize::MAX);
        let end = run.take_while(|at| *at <= pause).filter(|at| is_base(*at)).last()? + 1;
        let follower = self.next(end - 1);
        let is_other = match follower {
            "noise" => !self.word(end + 1).starts_with("cancel"),
            "finish" | "flavor" | "flavored" | "flavour" | "flavoured" | "scent" => true,
            "color" | "colored" => false,
            _ if self.word(end - 1) == "clear" && known(&MATERIALS, follower) => true,
            _ => known(&NO_COLOURS, follower) || (end > phrase.all.end && known(&PARTS, follower)),
        };
        let of_another =
            at > phrase.all.start && self.is_for(at) && (self.is_noun(end) || known(&WHOM, follower));
        if is_other || of_another {
            return None;
        }
        let more = if follower == "to" { self.colour_run(end + 1, phrase, things) } else { None };
        Some(more.unwrap_or(end))
    }

    /// An unlisted name right after the size of clothes, or before make-up, is its
    /// colour: "32w x 33l rocky top jeans".
    fn named_colour(&mut self, phrase: &Phrase) -> Option<String> {
        let first = phrase.all.clone().find(|at| self.is_free(*at) && !FRAME.contains(self.word(*at)))?;
        let before = self.tokens[..first].iter().rev().find(|token| token.role != Role::Container);
        let after_size = before.is_some_and(|token| token.role == Role::Size);
        let is_worn = self.is_any(phrase, &[&CLOTHES, &FOOTWEAR]) && after_size;
        let is_lip = phrase.kind.len() > 1 && self.word(phrase.kind.start) == "lip";
        let is_name = |at: usize| {
            let word = self.word(at);
            let is_second = at > first && is_strong(word);
            let is_feature = known(&CLOSERS, self.next(at));
            self.is_free(at)
                && word != "shade"
                && !is_feature
                && (is_unknown(word) || known(&SHADES, word) || is_second)
        };
        if !is_worn && !is_lip && !self.is_any(phrase, &[&MAKEUP]) {
            return None;
        }
        let end = (first..first + 3).take_while(|at| *at < phrase.kind.start && is_name(*at)).last()? + 1;
        self.mark(first..end, Role::Taken);
        Some(self.text(first..end))
    }

    pub(super) fn materials(&mut self, phrase: &Phrase) -> Vec<String> {
        let joins = ["alloy", "blend", "fiber", "fibre", "wax", "fleece", "vinyl", "acetate"];
        let mut found: Vec<String> = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let free = |at: usize| self.is_free(at) && !phrase.kind.contains(&at);
            let is_kind =
                |at: &usize| free(*at) && known(&MATERIAL_KINDS, self.word(*at)) && !self.pauses(*at);
            let base = at + (at..at + 2).take_while(is_kind).count();
            if !free(base) || !MATERIALS.contains(self.word(base)) {
                at += 1;
                continue;
            }
            let mut end = base + 1;
            while free(end) && joins.contains(&self.next(end - 1)) {
                end += 1;
            }
            let follower = self.next(end - 1);
            // "Steel blue" is a colour, "high fiber" a claim.
            let is_other = base == at
                && end == at + 1
                && ((known(&SHADES, self.word(at)) && is_colour(follower))
                    || self.word(at).starts_with("fib"));
            let of_another = at > phrase.all.start && self.is_for(at);
            let is_part = known(&PARTS, follower) && !matches!(self.word(end + 1), "chair" | "chairs");
            if !is_other && !of_another && !is_part {
                let said = self.text(at..end);
                if !found.contains(&said) {
                    found.push(said);
                }
                self.mark(at..end, Role::Taken);
            }
            at = end;
        }
        found
    }
}

pub(super) fn is_colour(word: &str) -> bool {
    let last = word.rsplit(['-', '#', '/']).next().unwrap_or_default();
    // "black-1" is a maker's own black.
    let numbered = word.split_once('-').is_some_and(|(colour, number)| {
        COLOURS.contains(colour) && number.chars().all(|c| c.is_ascii_digit())
    });
    known(&COLOURS, word) || COLOURS.contains(last) || numbered
}
