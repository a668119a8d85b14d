//! How facts are said aloud: prices, counts, pack sizes and places in the words
//! people use. English. Never decides what is said.

use super::words::count;
use crate::domain::{Cents, Currency, Location};
use regex_lite::Regex;
use std::sync::LazyLock;

/// A price as people say it: "three forty-nine", "five dollars", "eighty-nine
/// cents", "twelve oh five".
#[must_use]
pub fn price(cents: Cents, currency: Currency) -> String {
    let (one, many, small) = match currency {
        Currency::Usd => ("dollar", "dollars", "cents"),
        Currency::Eur => ("euro", "euros", "cents"),
        Currency::Gbp => ("pound", "pounds", "pence"),
    };
    let amount = cents.unsigned_abs();
    let (whole, part) = (amount / 100, amount % 100);
    let minus = if cents < 0 { "minus " } else { "" };
    let said = match (whole, part) {
        (1, 0) => format!("one {one}"),
        (_, 0) => format!("{} {many}", count(whole)),
        (0, 1) => format!("one {}", small.trim_end_matches('s')),
        (0, _) => format!("{} {small}", count(part)),
        (1..100, 1..10) => format!("{} oh {}", count(whole), count(part)),
        (1..100, _) => format!("{} {}", count(whole), count(part)),
        _ => format!("{} {many} and {} {small}", count(whole), count(part)),
    };
    format!("{minus}{said}")
}

/// A place: "aisle four, bay two, shelf three".
#[must_use]
pub fn location(place: &Location) -> String {
    numbers(&place.to_string())
}

static MEASURE: LazyLock<Regex> = LazyLock::new(|| {
    // A constant pattern, compiled by the tests below.
    #[allow(clippy::unwrap_used)]
    Regex::new(
        r"(?i)\b(\d+)(?:\.(\d+))?(?: ?(kg|g|ml|cl|l|oz|lb|ct|pk|m|cm|mm|w|%))?(?:\b|$|(?P<edge>[^\w]))",
    )
    .unwrap()
});

/// Text with its numbers and units written out: "Whole Milk 1.5 L" becomes
/// "Whole Milk one point five liters".
#[must_use]
pub fn numbers(text: &str) -> String {
    let text = &without_thousands(text);
    let said = MEASURE.replace_all(text, |found: &regex_lite::Captures<'_>| {
        let Ok(whole) = found[1].parse::<u32>() else { return found[0].to_owned() };
        // "2.5GBASE" and "802.11ac" are names: half a number is not said.
        let end = found.get(2).or(found.get(1)).map_or(0, |m| m.end());
        let rest = text.get(end..).unwrap_or_default();
        let in_name = found.get(3).is_none()
            && (rest.starts_with(|c: char| c.is_alphabetic())
                || (rest.starts_with('.') && rest[1..].starts_with(|c: char| c.is_ascii_digit())));
        let starts = text.get(..found.get(1).map_or(0, |m| m.start())).unwrap_or_default();
        let in_name = in_name
            || (starts.ends_with('.') && starts[..starts.len() - 1].ends_with(|c: char| c.is_ascii_digit()));
        // "4G" is a network and "3M" a brand.
        let is_capital =
            found.get(3).is_some_and(|unit| matches!(unit.as_str(), "G" | "M") && unit.start() == end);
        if in_name || is_capital {
            return found[0].to_owned();
        }
        let mut said = count(u64::from(whole));
        if let Some(part) = found.get(2) {
            said += " point";
            for digit in part.as_str().chars().filter_map(|c| c.to_digit(10)) {
                said += &format!(" {}", count(u64::from(digit)));
            }
        }
        if let Some(unit) = found.get(3) {
            said += " ";
            said += unit_name(&unit.as_str().to_lowercase(), whole == 1 && found.get(2).is_none());
        }
        said + found.name("edge").map_or("", |m| m.as_str())
    });
    said.replace(" & ", " and ").replace(" x ", " by ").replace('×', " by ")
}

/// "20,000" as one number.
fn without_thousands(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
    let separates = |at: usize| {
        chars[at] == ',' && at > 0 && digit(at - 1) && (1..=3).all(|n| digit(at + n)) && !digit(at + 4)
    };
    (0..chars.len()).filter(|at| !separates(*at)).map(|at| chars[at]).collect()
}

fn unit_name(unit: &str, one: bool) -> &'static str {
    match (unit, one) {
        ("kg", true) => "kilo",
        ("kg", false) => "kilos",
        ("g", true) => "gram",
        ("g", false) => "grams",
        ("ml", true) => "milliliter",
        ("ml", false) => "milliliters",
        ("cl", true) => "centiliter",
        ("cl", false) => "centiliters",
        ("l", true) => "liter",
        ("l", false) => "liters",
        ("oz", true) => "ounce",
        ("oz", false) => "ounces",
        ("lb", true) => "pound",
        ("lb", false) => "pounds",
        ("m", true) => "meter",
        ("m", false) => "meters",
        ("cm", true) => "centimeter",
        ("cm", false) => "centimeters",
        ("mm", true) => "millimeter",
        ("mm", false) => "millimeters",
        ("w", true) => "watt",
        ("w", false) => "watts",
        ("%", _) => "percent",
        ("pk", _) => "pack",
        _ => "count",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_numbers_stay() {
        for text in [
            "2.5GBASE-T adapter",
            "Wi-Fi (802.11ac)",
            "4.7GB disc",
            "88.9x23.0 label",
            "Dual SIM 4G",
            "3M Filter",
            "2.5in drive",
        ] {
            let said = numbers(text);
            assert!(
                !said.contains("gram")
                    && !said.contains("meter")
                    && !said.contains("two.")
                    && !said.contains("four."),
                "{said}"
            );
        }
        assert_eq!(numbers("Milk 1.5 L"), "Milk one point five liters");
        assert_eq!(numbers("Lamp 10W"), "Lamp ten watts");
        assert_eq!(numbers("20,000 pages, 1,5"), "twenty thousand pages, one,five");
    }

    #[test]
    fn prices_are_said_as_people_say_them() {
        let cases = [
            (349, "three forty-nine"),
            (500, "five dollars"),
            (100, "one dollar"),
            (89, "eighty-nine cents"),
            (1205, "twelve oh five"),
            (12050, "one hundred twenty dollars and fifty cents"),
            (-40, "minus forty cents"),
            (1, "one cent"),
        ];
        for (cents, said) in cases {
            assert_eq!(price(cents, Currency::Usd), said);
        }
    }

    #[test]
    fn sizes_are_written_out() {
        assert_eq!(numbers("Arla Whole Milk 1.5 L"), "Arla Whole Milk one point five liters");
        assert_eq!(numbers("Spaghetti 500 g"), "Spaghetti five hundred grams");
        assert_eq!(numbers("Cola 6 x 330 ml"), "Cola six by three hundred thirty milliliters");
        assert_eq!(numbers("fat 3.5 %"), "fat three point five percent");
        assert_eq!(numbers("AAA Batteries 8-Pack"), "AAA Batteries eight-Pack");
        assert_eq!(numbers("aisle 4, bay 2, shelf 3"), "aisle four, bay two, shelf three");
    }
}
