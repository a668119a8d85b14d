//! Pack sizes as labels write them: `22 LB`, `6 x 330 ml`, `12 CT`. A size
//! that can be read two ways is no size.

use crate::domain::size::{OUNCE_G, POUND_G, US_GALLON_ML};
use crate::domain::{Currency, Pack, product::Unit};

/// How a feed's sizes are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Customs {
    /// A bare `OZ` is a weight, as on US labels (16 CFR 500.8); false where the
    /// feed also writes it for fluid ounces.
    pub ounce_is_weight: bool,
    /// Gallons, quarts, pints and fluid ounces are those of the US; elsewhere
    /// they are of unknown size.
    pub us_volumes: bool,
    pub decimal_comma: bool,
}

impl Customs {
    pub(super) fn of(currency: Option<Currency>) -> Self {
        Self {
            ounce_is_weight: true,
            us_volumes: currency.is_none_or(|currency| currency == Currency::Usd),
            decimal_comma: false,
        }
    }
}

/// Words after a size that only say what it comes in.
const VESSELS: [&str; 14] = [
    "btl", "bottle", "bottles", "can", "cans", "box", "bag", "jar", "pet", "ctn", "carton", "tub", "pouch",
    "net",
];

/// Reads a pack size; `None` where it is not clear.
pub(super) fn read(text: &str, customs: Customs) -> Option<Pack> {
    let text = text.trim().to_lowercase().replace('\u{a0}', " ");
    let text = text.trim_end_matches(['.', '*']);
    // Counted packs: 6 x 330 ml, 6x330ml.
    let (count, size) = match text.split_once(['x', '×']) {
        Some((count, size)) if count.trim().bytes().all(|b| b.is_ascii_digit()) => {
            (count.trim().parse().ok()?, size)
        }
        Some(_) if text.contains('×') => return None,
        _ => (1, text),
    };
    let (amount, rest) = number(size.trim_start(), customs.decimal_comma)?;
    let unit = rest.trim_start().trim_start_matches('-');
    let mut words: Vec<&str> = unit.split([' ', '.']).filter(|word| !word.is_empty()).collect();
    while words.len() > 1 && words.last().is_some_and(|last| VESSELS.contains(last)) {
        words.pop();
    }
    let (factor, unit) = measure(&words.join(" "), customs)?;
    let amount = rounded(amount * factor);
    if count == 0 || amount <= 0.0 || !amount.is_finite() {
        return None;
    }
    if unit != Unit::Each {
        return Some(Pack { amount, unit, count });
    }
    // Pieces are counted, not measured: 12 CT is 12 times one.
    let whole = (1.0..=1e6).contains(&amount) && amount.fract() == 0.0;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let pieces = if whole { (amount as u32).checked_mul(count)? } else { return None };
    Some(Pack { amount: 1.0, unit, count: pieces })
}

/// A factor to, and the unit of, a [`Pack`].
fn measure(unit: &str, customs: Customs) -> Option<(f64, Unit)> {
    let us = |part: f64| customs.us_volumes.then_some((US_GALLON_ML / part, Unit::Ml));
    Some(match unit {
        "g" | "gm" | "gr" | "gram" | "grams" | "gramm" => (1.0, Unit::G),
        "mg" => (0.001, Unit::G),
        "kg" | "kilo" | "kilogram" | "kilograms" | "kilogramm" => (1.0, Unit::Kg),
        "ml" | "millilitre" | "milliliter" => (1.0, Unit::Ml),
        "cl" => (10.0, Unit::Ml),
        "dl" => (100.0, Unit::Ml),
        "l" | "lt" | "ltr" | "liter" | "liters" | "litre" | "litres" => (1.0, Unit::L),
        "lb" | "lbs" | "pound" | "pounds" => (POUND_G, Unit::G),
        "oz" | "ozs" | "ounce" | "ounces" if customs.ounce_is_weight => (OUNCE_G, Unit::G),
        "fl oz" | "floz" | "fluid ounce" | "fluid ounces" => us(128.0)?,
        "pt" | "pint" | "pints" => us(8.0)?,
        "qt" | "quart" | "quarts" => us(4.0)?,
        "gal" | "gallon" | "gallons" => us(1.0)?,
        "ct" | "count" | "ea" | "each" | "pc" | "pcs" | "pk" | "pack" | "piece" | "pieces" | "st" | "stk"
        | "stück" => (1.0, Unit::Each),
        "dz" | "doz" | "dozen" => (12.0, Unit::Each),
        _ => return None,
    })
}

/// A number without sign or exponent at the start, and what follows it.
fn number(text: &str, decimal_comma: bool) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',')).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    let (digits, rest) = match digits.strip_suffix('.') {
        Some(digits) => (digits, rest),
        None => (digits, rest),
    };
    let plain = match digits.split_once(',') {
        None => digits.to_owned(),
        // 1,5 l can only be a decimal comma; 1,500 g could be either.
        Some((whole, part)) if decimal_comma || part.len() != 3 => format!("{whole}.{part}"),
        Some(_) => return None,
    };
    if decimal_comma && digits.contains('.') {
        return None;
    }
    Some((plain.parse().ok()?, rest))
}

/// To a microgram or nanolitre: hides only what binary fractions add.
fn rounded(amount: f64) -> f64 {
    (amount * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const US: Customs = Customs { ounce_is_weight: true, us_volumes: true, decimal_comma: false };

    #[test]
    fn sizes_as_labels_write_them() {
        for (text, amount, unit, count) in [
            ("22 LB", 9_979.032_14, Unit::G, 1),
            ("16 OZ", 453.592_37, Unit::G, 1),
            ("6 x 330 ml", 330.0, Unit::Ml, 6),
            ("6x330ml", 330.0, Unit::Ml, 6),
            ("1.5 L", 1.5, Unit::L, 1),
            ("1,5 l", 1.5, Unit::L, 1),
            (".5 L", 0.5, Unit::L, 1),
            ("1 GAL", 3_785.411_784, Unit::Ml, 1),
            ("12 FL OZ", 354.882_355, Unit::Ml, 1),
            ("2 L BTL", 2.0, Unit::L, 1),
            ("5-LB BAG", 2_267.961_85, Unit::G, 1),
            ("12 CT", 1.0, Unit::Each, 12),
            ("2 DZ", 1.0, Unit::Each, 24),
            ("75cl", 750.0, Unit::Ml, 1),
        ] {
            assert_eq!(read(text, US), Some(Pack { amount, unit, count }), "{text}");
        }
    }

    #[test]
    fn what_is_not_clear_is_no_size() {
        for text in [
            "",
            "LARGE",
            "GAL",
            "1/2 GAL",
            "6/12 OZ",
            "8 CT/16 OZ",
            "0 OZ",
            "13 X9 IN",
            "9-9 OZ",
            "1,500 g",
            "120 SQ FT",
            "P    9 OZ",
            "-3 kg",
            "1e3 kg",
            "0 x 3 g",
            "2.5 CT",
            "99999999999 x 3 g",
        ] {
            assert_eq!(read(text, US), None, "{text}");
        }
        let elsewhere = Customs { ounce_is_weight: false, us_volumes: false, decimal_comma: true };
        assert_eq!(read("2 pint", elsewhere), None);
        assert_eq!(read("16 OZ", elsewhere), None);
        assert_eq!(read("1.500 g", elsewhere), None);
    }

    proptest! {
        #[test]
        fn sizes_are_positive_and_nothing_panics(text in "[0-9.,x]{0,8} ?(oz|kg|ml|ct|fl oz)|.{0,24}") {
            if let Some(pack) = read(&text, US) {
                prop_assert!(pack.amount > 0.0 && pack.amount.is_finite() && pack.count > 0);
            }
        }
    }
}
