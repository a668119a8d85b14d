//! Reads a reply as a person would: words, numbers in digits or words, amounts of
//! money, dates, and the names that stand in it. Knows nothing of the program.

use std::ops::Range;

/// What stands at one place of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A word, in lower case.
    Word(String),
    Number(Number),
    /// An amount of money in cents. `pair` are its two numbers where it was said as
    /// "three forty-nine", which could as well be two numbers of a name.
    Amount {
        cents: i64,
        pair: Option<(String, String)>,
    },
    /// Month, day and, where it is told, year.
    Date(u32, u32, Option<i64>),
    /// Hour of 24 and minute.
    Time(u32, u32),
    /// The end of a sentence; true for a question.
    Stop(bool),
    /// Any other mark.
    Sign(char),
    /// A name that was looked for, by the number it was given.
    Name(usize),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// In digits, without leading zeros: "12", "1.5".
    pub value: String,
    /// "one hundred five" may also be 100 and 5.
    splits: Vec<(String, String)>,
    /// Said in words.
    pub worded: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    pub kind: Kind,
    /// Where it stands, in bytes.
    pub at: Range<usize>,
}

impl Mark {
    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<&str> {
        match &self.kind {
            Kind::Number(number) => Some(&number.value),
            _ => None,
        }
    }
}

impl Number {
    fn digits(text: &str) -> Self {
        let text = text.replace(',', "");
        let text = text.trim_start_matches('0');
        let value =
            if text.is_empty() || text.starts_with('.') { format!("0{text}") } else { text.to_owned() };
        Self { value, splits: Vec::new(), worded: false }
    }

    /// Whether it may be these two numbers.
    fn two(&self, high: Option<&str>, low: Option<&str>) -> bool {
        self.splits.iter().any(|split| (Some(&*split.0), Some(&*split.1)) == (high, low))
    }

    /// Whether it is `known`, or two numbers that are.
    pub fn any_of(&self, known: impl Fn(&str) -> bool) -> bool {
        known(&self.value) || self.splits.iter().any(|(high, low)| known(high) && known(low))
    }
}

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const ORDINALS: &str = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth \
    fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth";
const UNITS: &str = "liter litre milliliter gram kilogram milligram ounce meter centimeter millimeter watt kilowatt \
    volt pack piece feet kilo foot inch amp hour year";
const MONTHS: &str = "january february march april may june july august september october november december";

/// The marks of a text, without names.
pub fn read(text: &str) -> Vec<Mark> {
    moneyed(&dated(&numbered(&atoms(text))))
}

/// The marks of a text in which names are looked for: `find` tells the name that starts
/// at a mark and how many marks it takes. Names go before money and dates.
pub fn read_naming(text: &str, mut find: impl FnMut(&[Mark]) -> Option<(usize, usize)>) -> Vec<Mark> {
    let marks = numbered(&atoms(text));
    let (mut named, mut i) = (Vec::with_capacity(marks.len()), 0);
    while i < marks.len() {
        if let Some((name, taken)) = find(&marks[i..]) {
            let at = marks[i].at.start..marks[i + taken - 1].at.end;
            named.push(Mark { kind: Kind::Name(name), at });
            i += taken;
        } else {
            named.push(marks[i].clone());
            i += 1;
        }
    }
    moneyed(&dated(&named))
}

/// Whether the number words of a text around a place can be heard as `known` numbers one
/// after the other: "four thousand two hundred one thousand two hundred" is 4200, 1200.
pub fn heard(text: &str, at: &Range<usize>, known: &dyn Fn(&str) -> bool) -> Option<Vec<String>> {
    let atoms = atoms(text);
    let spoken = |i: usize| {
        let joins = |word: &str| matches!(word, "and" | "hundred" | "thousand" | "million" | "point");
        let counts = |word: &str| SMALL.contains(&word) || TENS.contains(&word);
        match &atoms[i].kind {
            Kind::Word(word) => joins(word) || counts(word),
            _ => {
                i > 0
                    && hyphened(&atoms[i - 1..])
                    && atoms[i - 1].word().is_some_and(|word| TENS.contains(&word))
            }
        }
    };
    let inside = atoms.iter().position(|mark| mark.at.start == at.start)?;
    let from = (0..inside).rev().take_while(|i| spoken(*i)).last().unwrap_or(inside);
    let to = (inside..atoms.len()).take_while(|i| spoken(*i)).last().map_or(inside, |last| last + 1);
    segments(&atoms[from..to], known, false)
}

fn segments(run: &[Mark], known: &dyn Fn(&str) -> bool, decimal: bool) -> Option<Vec<String>> {
    let digit = |i: usize| run.get(i).and_then(Mark::word).is_some_and(|word| SMALL[..10].contains(&word));
    let scale =
        |i: usize| matches!(run.get(i).and_then(Mark::word), Some("hundred" | "thousand" | "million"));
    if run.is_empty() {
        return Some(Vec::new());
    }
    if decimal && digit(0) && !scale(1) {
        // "two point zero six" is heard as 2.06.
        return None;
    }
    (1..=run.len()).find_map(|to| {
        let cut = to < run.len() && (hyphened(&run[to - 1..]) || to > 1 && hyphened(&run[to - 2..]));
        let (number, _) = spoken_number(&run[..to]).filter(|(_, taken)| *taken == to && !cut)?;
        let rest =
            segments(&run[to..], known, number.value.contains('.')).filter(|_| known(&number.value))?;
        Some(std::iter::once(number.value).chain(rest).collect())
    })
}

/// A name's marks, to look for it.
pub fn name(text: &str) -> Vec<Mark> {
    let mut marks = numbered(&atoms(text));
    marks.retain(|mark| !matches!(mark.kind, Kind::Sign(_) | Kind::Stop(_)));
    marks
}

/// How many of `marks` the name takes when it stands at their start. `spoken` allows
/// for units in full and for small words between numbers.
pub fn starts_with(marks: &[Mark], name: &[Mark], spoken: bool) -> Option<usize> {
    let (mut i, mut j) = (0, 0);
    while j < name.len() {
        let here = marks.get(i)?;
        let (there, number) = (&name[j].kind, name[j].number());
        match &here.kind {
            Kind::Sign(_) | Kind::Stop(_) if i > 0 => i += 1,
            kind if same(kind, there, spoken) => (i, j) = (i + 1, j + 1),
            Kind::Number(here) if spoken && here.two(number, name.get(j + 1).and_then(Mark::number)) => {
                (i, j) = (i + 1, j + 2);
            }
            Kind::Word(word) if spoken && i > 0 && matches!(&**word, "and" | "to" | "by" | "percent") => {
                i += 1;
            }
            _ if spoken && i > 0 && matches!(there, Kind::Word(word) if matches!(&**word, "and" | "x")) => {
                j += 1;
            }
            _ => return None,
        }
    }
    Some(i)
}

fn same(here: &Kind, there: &Kind, spoken: bool) -> bool {
    match (here, there) {
        (Kind::Word(here), Kind::Word(there)) => {
            let unit =
                |short: &str| short.chars().count() <= 3 && here.chars().next() == short.chars().next();
            here == there
                || spoken && UNITS.split(' ').any(|unit| unit == here.trim_end_matches('s')) && unit(there)
                || spoken && matches!((&**here, &**there), ("by" | "times", "x") | ("pounds" | "pound", "lb"))
        }
        (Kind::Number(here), Kind::Number(there)) => here.value == there.value,
        (Kind::Amount { cents: here, .. }, Kind::Amount { cents: there, .. }) => here == there,
        _ => false,
    }
}

/// Words, runs of digits and signs; `$3.49` is one amount already.
fn atoms(text: &str) -> Vec<Mark> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let end_of = |i: usize| chars.get(i).map_or(text.len(), |(at, _)| *at);
    let char_at = |i: usize| chars.get(i).map(|(_, c)| *c);
    let digit_at = |i: usize| char_at(i).is_some_and(|c| c.is_ascii_digit());
    let mut marks = Vec::new();
    let mut i = 0;
    while let Some(c) = char_at(i) {
        let from = i;
        let money = matches!(c, '$' | '€' | '£') && digit_at(i + 1);
        i += 1;
        if c.is_whitespace() {
            continue;
        }
        let kind = if c.is_ascii_digit() || money {
            let decimal = |i: usize| char_at(i) == Some('.') && digit_at(i + 1);
            let thousands =
                |i: usize| char_at(i) == Some(',') && (1..=3).all(|n| digit_at(i + n)) && !digit_at(i + 4);
            let mut point = false;
            while digit_at(i) || !point && decimal(i) || !point && thousands(i) {
                point |= char_at(i) == Some('.');
                i += 1;
            }
            let digits = &text[end_of(from + usize::from(money))..end_of(i)];
            if money {
                Kind::Amount { cents: cents(digits), pair: None }
            } else {
                Kind::Number(Number::digits(digits))
            }
        } else if c.is_alphabetic() {
            let inner = |i: usize| {
                matches!(char_at(i), Some('\'' | '’')) && char_at(i + 1).is_some_and(char::is_alphabetic)
            };
            while char_at(i).is_some_and(char::is_alphabetic) || inner(i) {
                i += 1;
            }
            Kind::Word(text[end_of(from)..end_of(i)].to_lowercase().replace('’', "'"))
        } else {
            let ends = char_at(i)
                .is_none_or(|next| next.is_whitespace() || matches!(next, '"' | ')' | '.' | '!' | '?'));
            match c {
                '&' => Kind::Word("and".into()),
                '%' => Kind::Word("percent".into()),
                '×' => Kind::Word("x".into()),
                '.' | '!' | '?' if ends => Kind::Stop(c == '?'),
                _ => Kind::Sign(c),
            }
        };
        marks.push(Mark { kind, at: end_of(from)..end_of(i) });
    }
    marks
}

fn cents(digits: &str) -> i64 {
    let digits = digits.replace(',', "");
    let (whole, part) = digits.split_once('.').unwrap_or((&digits, ""));
    let part = format!("{part:0<2}");
    // More than two decimals are no amount of money: let it match nothing.
    if part.len() > 2 { -1 } else { format!("{whole}{part}").parse().unwrap_or(-1) }
}

/// Joins number words into numbers.
fn numbered(atoms: &[Mark]) -> Vec<Mark> {
    let (mut marks, mut i) = (Vec::with_capacity(atoms.len()), 0);
    while i < atoms.len() {
        if let Some((number, taken)) = spoken_number(&atoms[i..]) {
            let at = atoms[i].at.start..atoms[i + taken - 1].at.end;
            marks.push(Mark { kind: Kind::Number(number), at });
            i += taken;
        } else {
            marks.push(atoms[i].clone());
            i += 1;
        }
    }
    marks
}

/// Whether the second mark is a hyphen that joins those around it.
fn hyphened(marks: &[Mark]) -> bool {
    let joined = |two: &[Mark]| two[0].at.end == two[1].at.start;
    marks.len() > 2 && marks[1].kind == Kind::Sign('-') && marks[..3].windows(2).all(joined)
}

/// Below a hundred: "seven", "forty-nine". Tens and ones are hyphenated.
fn below_hundred(atoms: &[Mark]) -> Option<(u64, usize)> {
    let word = |i: usize| atoms.get(i).and_then(Mark::word);
    let small = |word: &str| SMALL.iter().position(|small| *small == word);
    let first = word(0)?;
    if let Some(small) = small(first) {
        return Some((small as u64, 1));
    }
    let tens = 20 + 10 * TENS.iter().position(|tens| *tens == first)? as u64;
    match word(2).and_then(small) {
        Some(ones @ 1..=9) if hyphened(atoms) => Some((tens + ones as u64, 3)),
        _ => Some((tens, 1)),
    }
}

fn below_thousand(atoms: &[Mark]) -> Option<Read> {
    let (value, taken) = below_hundred(atoms)?;
    if value == 0 || atoms.get(taken).and_then(Mark::word) != Some("hundred") {
        return Some((value, taken, Vec::new()));
    }
    let (high, taken) = (value * 100, taken + 1);
    let and = usize::from(atoms.get(taken).and_then(Mark::word) == Some("and"));
    Some(match below_hundred(&atoms[taken + and..]).filter(|(low, _)| *low > 0) {
        Some((low, more)) => (high + low, taken + and + more, vec![(high, low)]),
        None => (high, taken, Vec::new()),
    })
}

/// A value, how many marks it takes, and the two numbers that it may be instead.
type Read = (u64, usize, Vec<(u64, u64)>);

/// `high` of a power of a thousand and what follows it below that.
fn scaled(atoms: &[Mark], high: Read, word: &str, scale: u64, below: fn(&[Mark]) -> Option<Read>) -> Read {
    if high.0 == 0 || high.0 >= 1_000 || atoms.get(high.1).and_then(Mark::word) != Some(word) {
        return high;
    }
    let (value, taken) = (high.0 * scale, high.1 + 1);
    let and = usize::from(atoms.get(taken).and_then(Mark::word) == Some("and"));
    match below(&atoms[taken + and..]).filter(|low| low.0 > 0) {
        Some((low, more, splits)) => {
            let inner = splits.into_iter().map(|(first, second)| (value + first, second));
            (value + low, taken + and + more, std::iter::once((value, low)).chain(inner).collect())
        }
        None => (value, taken, Vec::new()),
    }
}

fn below_million(atoms: &[Mark]) -> Option<Read> {
    Some(scaled(atoms, below_thousand(atoms)?, "thousand", 1_000, below_thousand))
}

fn spoken_number(atoms: &[Mark]) -> Option<(Number, usize)> {
    let high = below_thousand(atoms)?;
    let (value, mut taken, mut splits) = if atoms.get(high.1).and_then(Mark::word) == Some("million") {
        scaled(atoms, high, "million", 1_000_000, below_million)
    } else {
        below_million(atoms)?
    };
    let mut text = value.to_string();
    if atoms.get(taken).and_then(Mark::word) == Some("point") {
        let digit = |i: usize| {
            let word = atoms.get(i).and_then(Mark::word)?;
            // "ten point zero five thousand" is 10.0 and 5000.
            let next = atoms.get(i + 1).and_then(Mark::word);
            let larger = i > taken + 1 && matches!(next, Some("hundred" | "thousand" | "million"));
            SMALL[..10].iter().position(|small| *small == word && !larger)
        };
        let digits: String = (taken + 1..).map_while(digit).map(|digit| digit.to_string()).collect();
        if !digits.is_empty() {
            (taken, splits) = (taken + 1 + digits.len(), Vec::new());
            text = format!("{text}.{digits}");
        }
    }
    let splits = splits.into_iter().map(|(high, low)| (high.to_string(), low.to_string())).collect();
    Some((Number { value: text, splits, worded: true }, taken))
}

/// Joins months, days and years, hours and minutes.
fn dated(marks: &[Mark]) -> Vec<Mark> {
    let (mut out, mut i) = (Vec::with_capacity(marks.len()), 0);
    while i < marks.len() {
        let at = marks[i].at.start;
        let capital =
            |text: &str| MONTHS.split(' ').position(|month| text.len() >= 3 && month.starts_with(text));
        let month = marks[i].word().and_then(capital);
        if let Some((month, (day, taken))) = month.zip(day(&marks[i + 1..])) {
            i += 1 + taken;
            let comma = usize::from(matches!(marks.get(i).map(|m| &m.kind), Some(Kind::Sign(','))));
            let whole = |i: usize| marks.get(i).and_then(Mark::number).and_then(|n| n.parse::<i64>().ok());
            let year = match (whole(i + comma), whole(i + comma + 1)) {
                (Some(year @ 1900..=2100), _) => Some((year, 1)),
                (Some(high @ 19..=21), Some(low @ 10..=99)) => Some((high * 100 + low, 2)),
                _ => None,
            };
            i += year.map_or(0, |(_, taken)| comma + taken);
            let month = u32::try_from(month).unwrap_or(0) + 1;
            let kind = Kind::Date(month, day, year.map(|(year, _)| year));
            out.push(Mark { kind, at: at..marks[i - 1].at.end });
        } else if let Some((hour, minute, taken)) = time(&marks[i..]) {
            i += taken;
            out.push(Mark { kind: Kind::Time(hour, minute), at: at..marks[i - 1].at.end });
        } else {
            out.push(marks[i].clone());
            i += 1;
        }
    }
    out
}

/// A time of the day: "6:00 am", "18:30", "six oh five pm".
fn time(marks: &[Mark]) -> Option<(u32, u32, usize)> {
    let whole = |i: usize| marks.get(i).and_then(Mark::number).and_then(|n| n.parse::<u32>().ok());
    let word = |i: usize| marks.get(i).and_then(Mark::word);
    let sign = |i: usize| matches!(marks.get(i).map(|mark| &mark.kind), Some(Kind::Sign(':')));
    let glued = |i: usize| marks.get(i + 1).is_some_and(|next| marks[i].at.end == next.at.start);
    let hour = whole(0).filter(|hour| *hour < 24)?;
    let clock = sign(1) && glued(0) && glued(1);
    let (minute, taken) = match (whole(1), whole(2)) {
        (_, Some(minute @ 0..=59)) if clock => (minute, 3),
        (_, Some(minute @ 1..=9)) if matches!(word(1), Some("oh" | "o")) => (minute, 3),
        (Some(minute @ 10..=59), _) => (minute, 2),
        _ => (0, 1),
    };
    match word(taken) {
        Some("am") if hour <= 12 => Some((hour % 12, minute, taken + 1)),
        Some("pm") if hour <= 12 => Some((hour % 12 + 12, minute, taken + 1)),
        _ => clock.then_some((hour, minute, taken)),
    }
}

/// A day of the month: "5", "5th", "fifth", "thirty-first".
fn day(marks: &[Mark]) -> Option<(u32, usize)> {
    let ordinal = |word: &str| -> Option<u32> {
        (1..).zip(ORDINALS.split(' ')).find(|(_, ordinal)| *ordinal == word).map(|(n, _)| n)
    };
    let word = |i: usize| marks.get(i).and_then(Mark::word);
    let (day, taken) = if let Some(day) = word(0).and_then(ordinal) {
        (day, 1)
    } else if word(0) == Some("twentieth") {
        (20, 1)
    } else if word(0) == Some("thirtieth") {
        (30, 1)
    } else {
        let number: u32 = marks.first()?.number()?.parse().ok()?;
        match (marks.get(1).map(|mark| &mark.kind), word(2).and_then(ordinal)) {
            (Some(Kind::Sign('-')), Some(ones @ 1..=9)) if number == 20 || number == 30 => (number + ones, 3),
            _ => (number, 1 + usize::from(matches!(word(1), Some("st" | "nd" | "rd" | "th")))),
        }
    };
    (1..=31).contains(&day).then_some((day, taken))
}

/// Joins what is said of money: "two dollars and five cents", "three forty-nine".
fn moneyed(marks: &[Mark]) -> Vec<Mark> {
    let (mut out, mut i) = (Vec::with_capacity(marks.len()), 0);
    while i < marks.len() {
        if let Some((cents, pair, taken)) = spoken_amount(&marks[i..]) {
            let at = marks[i].at.start..marks[i + taken - 1].at.end;
            out.push(Mark { kind: Kind::Amount { cents, pair }, at });
            i += taken;
        } else {
            out.push(marks[i].clone());
            i += 1;
        }
    }
    out
}

type Spoken = (i64, Option<(String, String)>, usize);

fn spoken_amount(marks: &[Mark]) -> Option<Spoken> {
    let word = |i: usize| marks.get(i).and_then(Mark::word);
    let whole = |i: usize| marks.get(i).and_then(Mark::number).and_then(|n| n.parse::<i64>().ok());
    let worded = |i: usize| matches!(marks.get(i).map(|m| &m.kind), Some(Kind::Number(n)) if n.worded);
    let is_cents = |i: usize| matches!(word(i), Some("cents" | "cent"));
    let first = whole(0)?;
    if is_cents(1) {
        return Some((first, None, 2));
    }
    if matches!(word(1), Some("dollars" | "dollar" | "euros" | "euro" | "pounds" | "pound")) {
        let and = usize::from(word(2) == Some("and"));
        return Some(match whole(2 + and) {
            Some(cents @ 1..=99) if is_cents(3 + and) => (first * 100 + cents, None, 4 + and),
            _ => (first * 100, None, 2),
        });
    }
    let oh = matches!(word(1), Some("oh" | "o"));
    match whole(if oh { 2 } else { 1 }) {
        Some(cents @ 1..=9) if oh => Some((first * 100 + cents, None, 3)),
        Some(cents @ 10..=99) if !oh && worded(0) && worded(1) => {
            let pair = (first.to_string(), cents.to_string());
            Some((first * 100 + cents, Some(pair), 2))
        }
        _ => None,
    }
}
