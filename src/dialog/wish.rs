//! Reads what a shopper requires of a product out of a whole request ("i need
//! black walking shoes in a size 6.5, for men"): cues first ("size X", "X
//! colored", "made of X"), then word lists, then the grammar of the noun phrase,
//! whose last noun is the kind. Owns the order in which these take the words,
//! each word once. Never looks at a product, never searches, and never states a
//! value that was not said.

mod lists;
mod look;
mod phrase;
mod size;

use super::constraint::take_constraints;
use super::words::{MAX_WORDS, number, words};
use lists::{CLOSERS, ENDS, FLAVOURS, FOOD, FRAME, MAKEUP, PERSONS, PLAIN, TRIGGERS, WHOM, known};
use phrase::Phrase;
use std::ops::Range;

/// What a product must be; values as written in the request, in lower case. What
/// it must be free from, dietary words and prices are `take_constraints`' to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// The head noun and the nouns that belong to it: `energy drink`. Empty where
    /// no product is named.
    pub kind: String,
    /// `grey blue`, `aa-dark blue`.
    pub colour: Vec<String>,
    /// As worn (`3x-large`, `6.5`) or measured (`10.1 inches`, `32w x 33l`).
    pub size: Vec<String>,
    /// Pieces in a pack, or how many are wanted.
    pub quantity: Option<u32>,
    /// What it is made of: `solid wood`. The material of a part is a feature.
    pub material: Vec<String>,
    /// Who wears or uses it: `womens`, `men`, `kids`.
    pub for_whom: Option<String>,
    /// Only where it is named as such: "the brand X", "made by X".
    pub brand: Option<String>,
    /// All else that is said of it, in pieces.
    pub features: Vec<String>,
}

/// Reads a whole request.
#[must_use]
pub fn read(text: &str) -> Wish {
    let mut request = Request::new(text);
    let mut wish = Wish { size: request.sizes(), quantity: request.counts(), ..Wish::default() };
    request.take_needs();
    wish.for_whom = request.whom();
    wish.brand = request.brand();
    let phrase = request.phrase();
    wish.kind = request.text(phrase.kind.clone());
    if wish.size.is_empty() {
        wish.size.extend(request.bare_size(&phrase));
    }
    wish.quantity = wish.quantity.or_else(|| request.bare_count(&phrase));
    // "Dark chocolate" and "cotton candy" have neither colour nor material.
    if !request.is_any(&phrase, &[&FOOD, &FLAVOURS]) {
        // "Porcelain" is a shade of make-up.
        if !request.is_any(&phrase, &[&MAKEUP]) {
            wish.material = request.materials(&phrase);
        }
        wish.colour = request.colours(&phrase);
    }
    wish.features = request.features(&phrase);
    wish
}

/// Whether a sentence asks for a product in so many words: "i need a lamp".
#[must_use]
pub fn is_request(text: &str) -> bool {
    let mut request = Request::new(text);
    let phrase = request.phrase();
    !phrase.kind.is_empty() && (0..phrase.all.start).any(|at| TRIGGERS.contains(request.word(at)))
}

/// What a word was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Free,
    Size,
    /// "A pair of", "a bottle of".
    Container,
    /// Part of another value.
    Taken,
}

struct Token {
    word: String,
    number: Option<f64>,
    /// Punctuation stands after it.
    pause: bool,
    role: Role,
}

/// A request's words, and what they were taken for.
struct Request {
    tokens: Vec<Token>,
}

impl Request {
    fn new(text: &str) -> Self {
        let mut tokens: Vec<Token> = Vec::new();
        for chunk in spaced(text).split_whitespace().take(MAX_WORDS) {
            let end = chunk.trim_end_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '"' | '&' | '%'));
            let word =
                end.trim_start_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '&' | '#' | '.'));
            let lead = &end[..end.len() - word.len()];
            let has_digit = word.contains(|c: char| c.is_ascii_digit());
            // An inch sign stays, a quotation mark does not.
            let word = if has_digit { word } else { word.trim_matches(['"', '.']) };
            let pause = |part: &str| part.contains([',', '.', ';', '!', '?', '(', ')']);
            if let Some(last) = tokens.last_mut() {
                last.pause |= pause(lead) || (word.is_empty() && pause(chunk));
                if word.starts_with("shirt") && matches!(last.word.as_str(), "t" | "tee") {
                    last.word = format!("{} {word}", last.word);
                    last.pause = pause(&chunk[end.len()..]);
                    continue;
                }
            }
            if !word.is_empty() {
                let pause = pause(&chunk[end.len()..]);
                tokens.push(Token { word: word.to_owned(), number: amount(word), pause, role: Role::Free });
            }
        }
        if let Some(last) = tokens.last_mut() {
            last.pause = true;
        }
        Self { tokens }
    }

    /// The word at a place; empty beside the request.
    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.word.as_str())
    }

    /// The word after, where no punctuation stands between.
    fn next(&self, at: usize) -> &str {
        if self.pauses(at) { "" } else { self.word(at + 1) }
    }

    fn is_free(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.role == Role::Free)
    }

    fn pauses(&self, at: usize) -> bool {
        self.tokens.get(at).is_none_or(|token| token.pause)
    }

    fn number(&self, at: usize) -> Option<f64> {
        self.tokens.get(at).and_then(|token| token.number)
    }

    fn text(&self, span: Range<usize>) -> String {
        span.map(|at| self.word(at)).collect::<Vec<_>>().join(" ")
    }

    fn mark(&mut self, span: Range<usize>, role: Role) {
        self.tokens.iter_mut().take(span.end).skip(span.start).for_each(|token| token.role = role);
    }

    /// Whether one of the `reach` words before is said.
    fn after(&self, at: usize, reach: usize, said: &[&str]) -> bool {
        (at.saturating_sub(reach)..at).any(|at| said.contains(&self.word(at)))
    }

    /// Whether "for" or "for a" stands right before, and not in "looking for".
    fn is_for(&self, at: usize) -> bool {
        let at = at - usize::from(at > 0 && self.after(at, 1, &["a", "an", "the", "my", "up"]));
        let asks = ["looking", "lookin", "searching", "shopping", "hunting", "look", "search", "shop"];
        at > 1 && self.word(at - 1) == "for" && !asks.contains(&self.word(at - 2))
    }

    /// Takes the words that `take_constraints` reads.
    fn take_needs(&mut self) {
        let mut spoken: Vec<(usize, String)> = Vec::new();
        for at in (0..self.tokens.len()).filter(|at| self.is_free(*at)) {
            spoken.extend(words(self.word(at)).into_iter().map(|word| (at, word)));
        }
        let mut left: Vec<String> = spoken.iter().map(|(_, word)| word.clone()).collect();
        let _ = take_constraints(&mut left);
        let mut left = left.into_iter().peekable();
        for (at, word) in spoken {
            if left.next_if_eq(&word).is_none() {
                self.mark(at..at + 1, Role::Taken);
            }
        }
    }

    fn whom(&mut self) -> Option<String> {
        let between =
            ["a", "my", "the", "our", "young", "teen", "teenage", "little", "big", "old", "plus", "size"];
        for at in (0..self.tokens.len()).filter(|at| self.is_free(*at)) {
            let for_at = (at.saturating_sub(4)..at).rev().find(|at| !between.contains(&self.word(*at)));
            let for_at = for_at.filter(|at| self.word(*at) == "for");
            let named = known(&WHOM, self.word(at)) || (known(&PERSONS, self.word(at)) && for_at.is_some());
            let is_theme =
                ["shower", "birthday", "party", "day", "room", "bedroom"].contains(&self.word(at + 1));
            if named && !is_theme {
                let pair = matches!(self.word(at + 1), "and" | "or" | "&") && known(&WHOM, self.word(at + 2));
                let start = at - usize::from(self.after(at, 1, &["teen", "teenage", "young"]));
                let end = at + if pair { 3 } else { 1 };
                self.mark(for_at.unwrap_or(start)..end, Role::Taken);
                return Some(self.text(start..end));
            }
        }
        None
    }

    /// "the brand of X", "X brand", "made by X".
    fn brand(&mut self) -> Option<String> {
        let cue = (0..self.tokens.len()).find(|at| {
            self.word(*at) == "brand" || (self.word(*at) == "by" && self.after(*at, 1, &["made"]))
        })?;
        let is_name =
            |at: usize| self.is_free(at) && !ENDS.contains(self.word(at)) && !FRAME.contains(self.word(at));
        let is_before = cue > 0 && self.word(cue) == "brand" && is_name(cue - 1);
        let links = ["of", "is", "must", "should", "be"];
        let start = (cue + 1..).find(|at| !links.contains(&self.word(*at)))?;
        let (start, end) = match is_before {
            true => (cue - 1, cue),
            false => (start, (start..start + 3).find(|at| !is_name(*at)).unwrap_or(start + 3)),
        };
        // The name ends where punctuation stands.
        let end = (start..end).find(|at| self.pauses(*at)).map_or(end, |at| at + 1);
        self.mark(cue.min(start)..end.max(cue + 1), Role::Taken);
        (start < end).then(|| self.text(start..end))
    }

    /// What is left, in pieces.
    fn features(&self, phrase: &Phrase) -> Vec<String> {
        let splits =
            ["and", "or", "with", "that", "which", "is", "are", "has", "have", "in", "also", "it", "i"];
        let opens =
            ["high", "long", "low", "easy", "ready", "anti", "fast", "quick", "short", "double", "hand"];
        let fillers =
            ["a", "an", "the", "any", "to", "of", "be", "me", "they", "one", "ones", "make", "sure"];
        let is_filler = |word: &str| {
            (ENDS.contains(word) && word != "for") || TRIGGERS.contains(word) || fillers.contains(&word)
        };
        let mut runs: Vec<Vec<&str>> = vec![Vec::new()];
        for at in phrase.all.start..self.tokens.len() {
            let (word, next) = (self.word(at), self.word(at + 1));
            let taken = !self.is_free(at) || phrase.kind.contains(&at);
            let run = runs.last().map_or(&[][..], Vec::as_slice);
            let in_for = run.first() == Some(&"for");
            let splits = taken || (splits.contains(&word) && !(in_for && word == "and"));
            if splits || word == "for" {
                runs.push(Vec::new());
            }
            if let Some(run) = runs.last_mut().filter(|_| !splits) {
                run.push(word);
                let is_plain =
                    known(&PLAIN, word) && run.len() == 1 && !opens.contains(&word) && next != "to";
                let closes = known(&CLOSERS, word) || (is_plain && !known(&CLOSERS, next));
                if self.pauses(at) || (at < phrase.kind.start && closes && !ENDS.contains(next)) {
                    runs.push(Vec::new());
                }
            }
        }
        let trimmed = runs.iter().map(|run| {
            let end = run.iter().rposition(|word| *word != "for" && !is_filler(word)).map_or(0, |at| at + 1);
            let start = run.iter().position(|word| !is_filler(word)).unwrap_or(end).min(end);
            run[start..end].join(" ")
        });
        trimmed.filter(|run| !run.is_empty()).collect()
    }
}

/// Lower case, with spaces where words end though none was written.
fn spaced(text: &str) -> String {
    let chars: Vec<char> = text
        .chars()
        .flat_map(char::to_lowercase)
        .filter(|c| !matches!(c, '\'' | '\u{2019}' | '\u{2018}' | '`'))
        .map(|c| match c {
            '\u{201c}' | '\u{201d}' | '\u{2033}' => '"',
            '\u{d7}' => 'x',
            '|' => '/',
            ':' | '+' => ' ',
            _ => c,
        })
        .collect();
    let mut spaced = String::with_capacity(text.len() + 8);
    for (at, c) in chars.iter().enumerate() {
        let is =
            |at: Option<usize>, test: fn(&char) -> bool| at.and_then(|at| chars.get(at)).is_some_and(test);
        let letters = is(at.checked_sub(1), |c| c.is_alphabetic()) && is(Some(at + 1), |c| c.is_alphabetic());
        match c {
            // 1.6" x 120"size
            '"' if is(at.checked_sub(1), char::is_ascii_digit) && is(Some(at + 1), |c| c.is_alphabetic()) => {
                spaced.push_str("\" ");
            }
            '(' => spaced.push_str(" ( "),
            ',' | '.' if letters || (*c == ',' && !is(Some(at + 1), char::is_ascii_digit)) => {
                spaced.push(*c);
                spaced.push(' ');
            }
            '*' if is(Some(at + 1), |c| c.is_whitespace()) => spaced.push_str(" x "),
            _ => spaced.push(*c),
        }
    }
    for cue in ["sized", "size", "colored", "coloured"] {
        spaced = spaced.replace(&format!("-{cue}"), &format!(" {cue}"));
    }
    spaced
}

/// The number that a word is or says; "a pair" says none here.
fn amount(word: &str) -> Option<f64> {
    let is_said = word.len() < 14 && !matches!(word, "a" | "an" | "pair" | "couple" | "dozen");
    let said = || number(word).filter(|_| is_said).map(f64::from);
    word.parse::<f64>().ok().or_else(said).filter(|amount| amount.is_finite() && *amount >= 0.0)
}

/// A number as a count of pieces.
fn whole(amount: f64) -> Option<u32> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (amount.fract() == 0.0 && (1.0..=1000.0).contains(&amount)).then_some(amount as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Kind, colour, size, quantity, material and wearer of a request.
    fn told(text: &str) -> String {
        let wish = read(text);
        let quantity = wish.quantity.map(|quantity| quantity.to_string()).unwrap_or_default();
        let lists = [wish.colour.join(", "), wish.size.join(", "), quantity, wish.material.join(", ")];
        format!("{} | {} | {}", wish.kind, lists.join(" | "), wish.for_whom.unwrap_or_default())
    }

    #[test]
    fn requests_are_read() {
        for (text, expected) in [
            (
                "I'm looking for a dark green wool sweater for men, size x-large",
                "sweater | dark green | x-large |  | wool | men",
            ),
            ("find me a pack of 12 aa batteries", "batteries |  |  | 12 |  | "),
            (
                "i need women's hiking boots in a size 8.5 wide with a rubber sole",
                "hiking boots |  | 8.5 wide |  |  | womens",
            ),
            ("show me a 6 foot hdmi cable", "hdmi cable |  | 6 foot |  |  | "),
            ("i want dark chocolate", "chocolate |  |  |  |  | "),
            (
                "can you get me jeans in the color faded indigo. i wear 34w x 30l",
                "jeans | faded indigo | 34w x 30l |  |  | ",
            ),
            (
                "i would like a coffee table made of solid oak wood with metal legs",
                "coffee table |  |  |  | solid oak wood | ",
            ),
            ("i need three rolls of blue wrapping paper", "paper | blue |  | 3 |  | "),
            ("i want a moss colored rug that is 5x7 ft for the living room", "rug | moss | 5x7 ft |  |  | "),
            ("need extra large t shirts for kids", "t shirts |  | extra large |  |  | kids"),
            ("i want a gold plated necklace", "necklace |  |  |  |  | "),
            ("get me a queen sized duvet in pale pink or white", "duvet | pale pink, white | queen |  |  | "),
            ("where is the milk", "milk |  |  |  |  | "),
            ("", " |  |  |  |  | "),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn the_rest_is_features_and_brand() {
        let wish = read("i want a sugar free energy drink by the brand of volta that is easy to carry");
        assert_eq!((wish.kind.as_str(), wish.brand.as_deref()), ("energy drink", Some("volta")));
        assert_eq!(wish.features, ["easy to carry"]);
        assert!(is_request("i need a new lamp") && !is_request("thank you") && !is_request("aisle four"));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,200}") {
            let _ = read(&text);
        }

        #[test]
        fn any_words_are_survived(
            text in "((size|color|of|x|by|pack|for|and|brand|made|3x|5x7ft|12|one|point|half|in|red|steel|shirt|cable|women|[.,\"(&#-]) ?){0,20}",
        ) {
            let wish = read(&text);
            prop_assert!(wish.colour.iter().chain(&wish.size).chain(&wish.features).all(|said| !said.is_empty()));
            let _ = is_request(&text);
        }
    }
}
