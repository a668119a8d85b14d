//! Prices as shops write them: `3.49 USD`, `€ 3,49`, `1.234,56`. Exact in
//! minor units; what can be read two ways is refused, never guessed.

use crate::domain::{Cents, Currency};

/// Which sign parts the cents off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Decimal {
    /// Not told: read where only one reading is possible.
    #[default]
    Auto,
    Point,
    Comma,
}

/// An amount, and its currency where one stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Price {
    pub cents: Cents,
    pub currency: Option<Currency>,
}

/// Words that spreadsheets and exports put where nothing is known.
pub(super) fn is_blank(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || ["-", "--", "n/a", "na", "null", "none", "nan"].contains(&text.to_lowercase().as_str())
}

/// Reads a price; `Ok(None)` where there is none.
///
/// # Errors
/// One reason: not a price, negative, another currency than Aisle knows, or
/// readable in two ways.
pub(super) fn read(text: &str, decimal: Decimal) -> Result<Option<Price>, String> {
    if is_blank(text) {
        return Ok(None);
    }
    let shown: String = text.trim().chars().take(40).collect();
    let (number, currency) = split_currency(text.trim())
        .map_err(|code| format!("price {shown:?} is in {code}; this Aisle takes USD, EUR and GBP"))?;
    let bad = |what: &str| Err(format!("price {shown:?} {what}"));
    if number.starts_with(['-', '\u{2212}']) || number.ends_with('-') {
        return bad("is negative");
    }
    match amount(number.strip_prefix('+').unwrap_or(number), decimal) {
        Ok(cents) => Ok(Some(Price { cents, currency })),
        Err(what) => bad(what),
    }
}

/// Whole minor units: `349`.
pub(super) fn read_cents(text: &str) -> Result<Option<Cents>, String> {
    if is_blank(text) {
        return Ok(None);
    }
    let shown: String = text.trim().chars().take(40).collect();
    let whole = text.trim();
    let whole =
        whole.split_once('.').filter(|(_, rest)| rest.chars().all(|c| c == '0')).map_or(whole, |w| w.0);
    match whole.parse::<Cents>() {
        Ok(cents) if cents >= 0 => Ok(Some(cents)),
        Ok(_) => Err(format!("price {shown:?} is negative")),
        Err(_) => Err(format!("price {shown:?} is not a whole number of cents")),
    }
}

/// Takes a currency sign or ISO 4217 code off either end; `Err`: a code that
/// Aisle does not know.
fn split_currency(text: &str) -> Result<(&str, Option<Currency>), String> {
    let signs = [("US$", Currency::Usd), ("$", Currency::Usd), ("€", Currency::Eur), ("£", Currency::Gbp)];
    for (sign, currency) in signs {
        let rest = text.strip_prefix(sign).or_else(|| text.strip_suffix(sign));
        if let Some(rest) = rest {
            return Ok((rest.trim(), Some(currency)));
        }
        // A sign before the currency: -€3.49.
        if let Some(rest) = text.strip_prefix('-').and_then(|rest| rest.strip_prefix(sign)) {
            let at = text.len() - rest.len() - sign.len();
            let negative = text.get(..at).filter(|_| !rest.is_empty()).unwrap_or(text);
            return Ok((negative, Some(currency)));
        }
    }
    let letters = |c: char| c.is_alphabetic();
    let head = text.trim_start_matches(letters);
    let tail = head.trim_end_matches(letters);
    let code = match (text.len() - head.len(), head.len() - tail.len()) {
        (0, 0) => return Ok((text, None)),
        (length, 0) => text.get(..length),
        (0, length) => text.get(text.len() - length..),
        _ => return Ok((text, None)),
    };
    match code {
        Some(code) if code.chars().count() == 3 => match Currency::parse(code) {
            Some(currency) => Ok((tail.trim(), Some(currency))),
            None if code.is_ascii() => Err(code.to_uppercase()),
            None => Ok((text, None)),
        },
        _ => Ok((text, None)),
    }
}

/// An unsigned decimal number in hundredths, rounded half up.
fn amount(text: &str, decimal: Decimal) -> Result<Cents, &'static str> {
    const NO_PRICE: &str = "is not a price";
    const TWO_WAYS: &str = "can be read in two ways: say in a mapping whether decimal_comma is true or false";
    let gap = |c: &char| matches!(c, ' ' | '\'' | '\u{2019}' | '\u{a0}' | '\u{202f}');
    let gapped: Vec<&str> = text.split(|c| gap(&c)).collect();
    if !grouped(&gapped) {
        return Err(NO_PRICE);
    }
    let text = gapped.concat();
    let mark = match (text.rfind('.'), text.rfind(',')) {
        (None, None) => None,
        (Some(point), Some(comma)) => Some(if point > comma { '.' } else { ',' }),
        (Some(_), None) => single(&text, '.', decimal == Decimal::Comma, decimal).ok_or(TWO_WAYS)?,
        (None, Some(_)) => single(&text, ',', decimal == Decimal::Point, decimal).ok_or(TWO_WAYS)?,
    };
    match (mark, decimal) {
        (Some('.'), Decimal::Comma) => return Err("has a decimal point, but the mapping says decimal_comma"),
        (Some(','), Decimal::Point) => {
            return Err("has a decimal comma: say decimal_comma = true in a mapping");
        }
        _ => {}
    }
    let (whole, part) = match mark {
        Some(mark) => text.rsplit_once(mark).ok_or(NO_PRICE)?,
        None => (text.as_str(), ""),
    };
    let groups: Vec<&str> = whole.split(|c| matches!(c, '.' | ',') && Some(c) != mark).collect();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !grouped(&groups) || !digits(part) || (whole.is_empty() && part.is_empty()) {
        return Err(NO_PRICE);
    }
    let whole = groups.concat();
    if !digits(&whole) {
        return Err(NO_PRICE);
    }
    let mut cents: Cents = 0;
    let padded = part.bytes().chain([b'0', b'0']).take(2);
    for byte in whole.bytes().chain(padded) {
        let digit = Cents::from(byte.wrapping_sub(b'0'));
        cents = cents.checked_mul(10).and_then(|cents| cents.checked_add(digit)).ok_or("is too large")?;
    }
    let up = part.as_bytes().get(2).is_some_and(|digit| *digit >= b'5');
    cents.checked_add(Cents::from(up)).ok_or("is too large")
}

/// What the only kind of mark in a number is: `Some(Some(mark))` parts the
/// cents, `Some(None)` groups thousands, `None` may be either.
fn single(text: &str, mark: char, thousands: bool, decimal: Decimal) -> Option<Option<char>> {
    let mut parts = text.split(mark);
    let (first, last, more) = (parts.next()?, parts.next()?, parts.next().is_some());
    let like_thousands = last.len() == 3 && (1..=3).contains(&first.len()) && first != "0";
    if more || (thousands && last.len() == 3) {
        return Some(None);
    }
    (!like_thousands || decimal != Decimal::Auto).then_some(Some(mark))
}

/// Digits only; where there are several groups, three in each but the first.
fn grouped(groups: &[&str]) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','));
    let Some((first, rest)) = groups.split_first() else {
        return false;
    };
    let whole = |group: &&str| group.split(['.', ',']).next().is_some_and(|group| group.len() == 3);
    groups.iter().all(|group| digits(group))
        && rest.iter().all(whole)
        && (rest.is_empty() || (1..=3).contains(&first.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cents(text: &str, decimal: Decimal) -> Option<Cents> {
        read(text, decimal).unwrap().map(|price| price.cents)
    }

    #[test]
    fn prices_as_shops_write_them() {
        for (text, wanted) in [
            ("3.49 USD", 349),
            ("USD 3.49", 349),
            ("$3.49", 349),
            ("€ 3,49", 349),
            ("3,49 €", 349),
            ("1.234,56", 123_456),
            ("1,234.56", 123_456),
            ("1 234,56 EUR", 123_456),
            ("1'234.50", 123_450),
            ("1.234.567", 123_456_700),
            ("12", 1200),
            (".99", 99),
            ("0.995", 100),
            ("3,5", 350),
            ("15.00 GBP", 1500),
            ("2.00001", 200),
        ] {
            assert_eq!(cents(text, Decimal::Auto), Some(wanted), "{text}");
        }
        assert_eq!(cents("1.234", Decimal::Comma), Some(123_400));
        assert_eq!(cents("1,234", Decimal::Comma), Some(123));
        assert_eq!(cents("1,234", Decimal::Point), Some(123_400));
        assert_eq!(cents("1.899", Decimal::Point), Some(190));
        assert_eq!(read("3.49 EUR", Decimal::Auto).unwrap().unwrap().currency, Some(Currency::Eur));
        for blank in ["", "  ", "N/A", "-", "null"] {
            assert_eq!(read(blank, Decimal::Auto), Ok(None), "{blank}");
        }
    }

    #[test]
    fn what_is_no_price_has_a_reason() {
        for (text, reason) in [
            ("-3.49", "negative"),
            ("-€3.49", "negative"),
            ("3.49-", "negative"),
            ("99 SEK", "is in SEK"),
            ("1.234", "two ways"),
            ("1,234 USD", "two ways"),
            ("1.2.3", "not a price"),
            ("4.00638E+12", "not a price"),
            ("call us", "not a price"),
            ("3.49/3.99", "not a price"),
            ("12 34", "not a price"),
            ("99999999999999999999", "too large"),
        ] {
            let got = read(text, Decimal::Auto).unwrap_err();
            assert!(got.contains(reason), "{text}: {got}");
        }
        assert!(read("3,49", Decimal::Point).is_err());
        assert_eq!(read_cents("4995"), Ok(Some(4995)));
        assert_eq!(read_cents("4995.0"), Ok(Some(4995)));
        assert!(read_cents("49.95").is_err() && read_cents("-1").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(cents in 0..10_000_000_000i64, comma: bool, grouped: bool) {
            let (mark, group) = if comma { (',', '.') } else { ('.', ',') };
            let mut whole = (cents / 100).to_string();
            if grouped {
                let mut at = whole.len();
                while at > 3 {
                    at -= 3;
                    whole.insert(at, group);
                }
            }
            let text = format!("{whole}{mark}{:02} EUR", cents % 100);
            let price = Price { cents, currency: Some(Currency::Eur) };
            prop_assert_eq!(read(&text, Decimal::Auto), Ok(Some(price)));
            let told = if comma { Decimal::Comma } else { Decimal::Point };
            prop_assert_eq!(read(&text, told), Ok(Some(price)));
        }

        #[test]
        fn never_panics(text in "[-+0-9.,€$ A-Z']{0,30}|.{0,30}") {
            for decimal in [Decimal::Auto, Decimal::Point, Decimal::Comma] {
                let _ = read(&text, decimal);
                let _ = read_cents(&text);
            }
        }
    }
}
