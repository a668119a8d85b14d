//! Sizes as worn and measured, and counts, in the words of a request. Never says
//! what a size means.

use super::lists::{CLOTHES, CONTAINERS, COUNTED, ENDS, FOOTWEAR, SHADES, SIDES, UNITS, WHOM, known};
use super::look::is_colour;
use super::phrase::Phrase;
use super::{Request, Role, whole};
use crate::dialog::words::number;
use std::ops::Range;

/// Words between "size" and what it is.
const LINKS: &[&str] = &[
    "of", "is", "be", "should", "must", "was", "it", "to", "the", "i", "want", "wear", "a", "an", "in",
    "like", "need", "will", "would", "my", "they", "them", "for",
];
const BEDS: &[&str] = &["bed", "beds", "mattress", "mattresses", "bedframe", "sheets"];
/// "Medium roast" and "large screen" are no sizes of clothes.
const NO_SIZE: &[&str] = &[
    "capacity", "room", "space", "kitchen", "bathroom", "screen", "dog", "dogs", "cats", "roast", "grind",
    "color", "shade", "tone", "to",
];
/// "3.5 mm jack" and "32g ram" are no sizes of the thing.
const PLUGS: &[&str] = &["ram", "rom", "ssd", "jack", "stereo", "audio", "headphone", "plug", "aux", "male"];
/// "3 tier shelves" are not three.
const NO_COUNT: &[&str] = &[
    "tier", "piece", "way", "drawer", "door", "panel", "light", "port", "in", "person", "ply", "shelf",
    "inch",
];

impl Request {
    pub(super) fn sizes(&mut self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let Some((value, end)) = self.size_at(at) else {
                at += 1;
                continue;
            };
            let said = self.text(value);
            if !found.contains(&said) {
                found.push(said);
            }
            self.mark(at..end, Role::Size);
            at = end;
        }
        found
    }

    /// The size that starts at a word, with its cue: where its value stands, and
    /// where all of it ends.
    fn size_at(&self, at: usize) -> Option<(Range<usize>, usize)> {
        let is_cue = |word: &str| matches!(word, "size" | "sized" | "sizes");
        if is_cue(self.word(at)) && !self.pauses(at) {
            let first = (at + 1..at + 10).find(|at| !LINKS.contains(&self.word(*at)))?;
            return self.worn(first, true).map(|length| (first..first + length, first + length));
        }
        if let Some(length) = self.worn(at, true) {
            let end = at + length;
            match self.next(end - 1) {
                next if is_cue(next) => return Some((at..end, end + 1)),
                "in" if is_cue(self.word(end + 1)) => return Some((at..end, end + 2)),
                _ => {}
            }
        }
        if let Some(length) = self.measured(at) {
            let of_another = self.is_for(at)
                || self.after(at, 1, &["fits", "under", "below", "than"])
                || (self.after(at, 1, &["to"]) && self.after(at, 2, &["up"]))
                || self.after(at, 3, &["compatible"])
                || (PLUGS.contains(&self.word(at + length))
                    && !matches!(self.word(at + length + 1), "play" | "and" | "n"));
            return (!of_another).then_some((at..at + length, at + length));
        }
        self.worn(at, false).map(|length| (at..at + length, at + length))
    }

    /// How many words from here say a size as it is worn, or a bed's; a bare number
    /// or a code only with a cue.
    fn worn(&self, at: usize, cued: bool) -> Option<usize> {
        if cued && let Some(length) = self.measured(at) {
            return Some(length);
        }
        let (word, next) = (self.word(at), self.next(at));
        let with_width = |length: usize| {
            let end = at + length;
            let is_part =
                ["leg", "legs", "brim", "calf", "toe", "boot", "boots"].contains(&self.word(end + 1));
            let is_width = matches!(self.next(end - 1), "wide" | "x-wide" | "narrow" | "tall" | "petite");
            let is_x_wide = self.next(end - 1) == "x" && self.word(end + 1) == "wide";
            length + usize::from(is_width && !is_part) + 2 * usize::from(is_x_wide)
        };
        let letters = ["small", "medium", "large"];
        let crosses = word.trim_start_matches(|c: char| c.is_ascii_digit());
        let is_prefix = word == "extra" || (!crosses.is_empty() && crosses.trim_matches('x').is_empty());
        if is_prefix && letters.contains(&next) {
            return Some(with_width(2));
        }
        if next == "x" && letters.contains(&self.word(at + 2)) && self.number(at).is_some_and(|n| n < 7.0) {
            return Some(with_width(3));
        }
        if is_letter_size(word) {
            let follower = self.word(at + 1);
            let is_shade = word == "medium" && (is_colour(follower) || known(&SHADES, follower));
            let other = is_shade || NO_SIZE.contains(&follower) || self.is_for(at);
            return (cued || !letters.contains(&word) || !other).then(|| with_width(1));
        }
        match (word, next) {
            ("big", "and" | "&") if self.word(at + 2) == "tall" => return Some(3),
            ("plus", "size") | ("twin" | "full" | "queen" | "king", "xl") | ("california", "king") => {
                return Some(2);
            }
            ("twin" | "full" | "queen" | "king", _) => {
                let is_bed = BEDS.contains(&next) || BEDS.contains(&self.word(at + 2));
                return (cued || is_bed).then_some(1);
            }
            ("double" | "single", "size" | "sized") => return Some(1),
            ("2t" | "3t" | "4t" | "5t" | "6t", _) => return Some(1),
            _ => {}
        }
        let Some(length) = self.amount(at) else {
            let is_code = word.contains(|c: char| c.is_ascii_digit()) || matches!(word, "s" | "m" | "l");
            return (cued && is_code && !word.ends_with("th")).then_some(1);
        };
        let next = self.next(at + length - 1);
        let is_wide = matches!(next, "wide" | "x-wide" | "narrow");
        if known(&COUNTED, next) {
            return None;
        }
        (cued || is_wide || self.is_worn_number(at, length)).then(|| with_width(length))
    }

    /// A bare number is a size after a wearer ("womens 8.5") and in "wear a 9".
    fn is_worn_number(&self, at: usize, length: usize) -> bool {
        let follower = self.next(at + length - 1);
        let is_last = follower.is_empty() || ENDS.contains(follower);
        let after_whom = at > 0 && known(&WHOM, self.word(at - 1)) && !self.pauses(at - 1);
        (after_whom && follower != "color" && self.number(at).is_some_and(|number| number < 60.0))
            || (is_last && self.after(at, 1, &["a"]) && self.after(at, 2, &["in", "wear"]))
    }

    /// How many words from here are a number: "7", "seven point five", "twenty four".
    fn amount(&self, at: usize) -> Option<usize> {
        let tens = self.number(at)?;
        let is_said = |at: usize| self.word(at).starts_with(char::is_alphabetic);
        let ones = self.number(at + 1).filter(|ones| *ones < 10.0 && is_said(at) && is_said(at + 1));
        match (self.next(at), self.word(at + 2)) {
            ("point", _) if self.number(at + 2).is_some() => Some(3),
            ("and", "a") if self.word(at + 3) == "half" => Some(4),
            (next, _) if !next.is_empty() && tens >= 20.0 && ones.is_some() => Some(2),
            _ => Some(1),
        }
    }

    /// How many words from here are a measure: "10.1 inches", "32w x 33l", "28 wide
    /// by 34 long".
    fn measured(&self, at: usize) -> Option<usize> {
        let (mut length, mut has_unit, mut sides) = self.side(at)?;
        while self.joins_sides(at + length) {
            let Some((more, unit, others)) = self.side(at + length + 1) else { break };
            let is_side = |at: usize| SIDES.contains(self.word(at));
            if self.word(at + length) == "and" && !(is_side(at + length - 1) && is_side(at + length + more)) {
                break;
            }
            length += 1 + more;
            sides += others;
            has_unit |= unit;
        }
        (sides > 1 || has_unit).then_some(length)
    }

    /// "5 by 7", "36 wide and 30 long".
    fn joins_sides(&self, at: usize) -> bool {
        let is_and = self.word(at) == "and" && self.number(at + 1).is_some();
        is_and || matches!(self.word(at), "x" | "by")
    }

    /// One side of a measure: its words, whether a unit is said, and how many sides
    /// it holds ("5x7ft" is two).
    fn side(&self, at: usize) -> Option<(usize, bool, usize)> {
        let (mut length, mut has_unit, sides) = match self.amount(at) {
            Some(length) => (length, false, 1),
            None => glued(self.word(at)).map(|(unit, sides)| (1, unit, sides))?,
        };
        let (unit, after) = (self.next(at + length - 1), self.word(at + length + 1));
        let joins = |word: &str| matches!(word, "x" | "by");
        // "5 g" is a network.
        let is_network = unit == "g" && self.number(at).is_some_and(|number| number < 7.0);
        let more = match unit {
            _ if has_unit => 0,
            "fl" | "fluid" => 2,
            "in" if matches!(after, "width" | "length" | "height") => 2,
            "in" => usize::from(self.pauses(at + length) || joins(after) || SIDES.contains(after)),
            _ => usize::from(known(&UNITS, unit) && !is_network),
        };
        has_unit |= more > 0;
        length += more;
        // "28 wide by 34 long", but "5 by 7 foot long" is 5 by 7 foot.
        if SIDES.contains(self.next(at + length - 1)) {
            let is_second = at > 0 && self.joins_sides(at - 1) && !has_unit;
            length += usize::from(self.joins_sides(at + length + 1) || is_second);
        }
        Some((length, has_unit, sides))
    }

    pub(super) fn counts(&mut self) -> Option<u32> {
        let mut found = None;
        for at in 0..self.tokens.len() {
            if let Some((count, length)) = self.count_at(at) {
                found = found.or(Some(count).filter(|count| (1..=1000).contains(count)));
                self.mark(at..at + length, Role::Taken);
            }
        }
        found
    }

    /// A count and how many words say it: "pack of three", "6-count", "5 of them".
    fn count_at(&self, at: usize) -> Option<(u32, usize)> {
        if !self.is_free(at) {
            return None;
        }
        let word = self.word(at);
        let letters = word.find(|c: char| c.is_alphabetic()).filter(|at| *at > 0);
        let glued = word.split_once('-').or_else(|| word.split_at_checked(letters?));
        if let Some((count, _)) = glued.filter(|(_, unit)| known(&COUNTED, unit)) {
            return Some((number(count)?, 1));
        }
        if known(&CONTAINERS, word) && self.word(at + 1) == "of" && self.is_free(at + 2) {
            return Some((whole(self.number(at + 2)?)?, 3));
        }
        if word == "count" && matches!(self.word(at + 1), "of" | "is" | "should") {
            let value = (at + 2..at + 4).find(|at| self.number(*at).is_some())?;
            return Some((whole(self.number(value)?)?, value + 1 - at));
        }
        if word == "dozen" {
            return Some((12, 1));
        }
        let length = self.amount(at).filter(|length| *length < 3)?;
        let ones = if length == 2 { self.number(at + 1)? } else { 0.0 };
        let count = whole(self.number(at)? + ones)?;
        let next = self.word(at + length);
        let is_of = self.word(at + length + 1) == "of";
        match next {
            _ if known(&COUNTED, next) => Some((count, length + 1 + usize::from(is_of))),
            "of" if matches!(self.word(at + length + 1), "them" | "those" | "these") => {
                Some((count, length + 2))
            }
            _ if is_of && count > 1 && next.ends_with('s') && known(&CONTAINERS, next) => {
                Some((count, length + 2))
            }
            _ => None,
        }
    }

    /// A number before the kind, of shoes and clothes: "8.5 sandals".
    pub(super) fn bare_size(&mut self, phrase: &Phrase) -> Option<String> {
        let before = phrase.all.start..phrase.kind.start;
        let at = before.into_iter().find(|at| self.is_free(*at) && self.number(*at).is_some())?;
        let number = self.number(at).filter(|number| *number < 60.0)?;
        let halves = number.fract() != 0.0;
        let counts = self.bare_count_at(phrase) == Some(at);
        if !self.is_any(phrase, &[&CLOTHES, &FOOTWEAR]) || (!halves && (at != phrase.all.start || counts)) {
            return None;
        }
        self.mark(at..at + 1, Role::Size);
        Some(self.word(at).to_owned())
    }

    /// A number before several things: "3 vanity lights".
    pub(super) fn bare_count(&mut self, phrase: &Phrase) -> Option<u32> {
        let at = self.bare_count_at(phrase)?;
        self.mark(at..at + 1, Role::Taken);
        whole(self.number(at)?)
    }

    fn bare_count_at(&self, phrase: &Phrase) -> Option<usize> {
        let at = phrase.all.start;
        let count = whole(self.number(at)?).filter(|count| (2..=12).contains(count));
        let counts = self.is_free(at) && at < phrase.kind.start && !NO_COUNT.contains(&self.word(at + 1));
        (count.is_some() && counts && self.head(phrase).ends_with('s')).then_some(at)
    }
}

/// Whether a word is a size of clothes by its letters: `3x-large`, `xxl`, `small`.
fn is_letter_size(word: &str) -> bool {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = word.len() - rest.len();
    let base = rest.trim_start_matches('x');
    let crosses = rest.len() - base.len();
    let base = base.trim_start_matches('-');
    let is_part = |part: &str| matches!(part, "x" | "xx" | "extra" | "small" | "medium" | "large");
    digits < 2
        && match base {
            "small" | "medium" | "large" => digits == 0 || crosses > 0,
            "l" | "s" => crosses > 0 || (digits == 1 && base == "l"),
            "" => (digits == 1 && crosses == 1) || crosses > 1,
            _ => base.contains(['-', '/']) && base.split(['-', '/']).all(is_part),
        }
}

/// A number and its unit in one word, or several: "150ft", "4-inch", "5x7ft": whether
/// a unit is said, and how many sides.
fn glued(word: &str) -> Option<(bool, usize)> {
    let mut sides = 0;
    let mut has_unit = false;
    let mut rest = word;
    loop {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '/'));
        let number = rest.strip_suffix(after).filter(|number| !number.is_empty())?;
        sides += 1;
        let is_cross = |at: &usize| after[at + 1..].starts_with(|c: char| c.is_ascii_digit());
        let cross = after.match_indices(['x', '*']).map(|(at, _)| at).find(is_cross);
        let unit = after[..cross.unwrap_or(after.len())].trim_start_matches('-');
        let is_network = unit == "g" && number.parse().is_ok_and(|number: f64| number < 7.0);
        let is_unit = (known(&UNITS, unit) || matches!(unit, "in" | "\"")) && !is_network;
        if !unit.is_empty() && !is_unit && !SIDES.contains(unit) {
            return None;
        }
        has_unit |= is_unit;
        match cross {
            Some(at) => rest = &after[at + 1..],
            None => return Some((has_unit, sides)),
        }
    }
}
