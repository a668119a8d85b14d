//! Reads the pack size that a shopper names: "two liters", "half a pound",
//! "a 12 ounce", "6 x 330 ml", "a pack of six". Never looks at a product.

use super::words::{number, spoken_number};
use crate::domain::Size;
use crate::domain::size::{OUNCE_G, POUND_G, US_FLUID_OUNCE_ML, US_GALLON_ML};

/// What a size is counted in.
#[derive(Clone, Copy)]
enum Unit {
    Grams(f64),
    Millilitres(f64),
    /// "Ounces" are said of weights and of drinks.
    Ounces,
    Pieces,
}

/// Takes the one size that `words` name out of them; `None`, and nothing taken, when
/// they name none, or several.
#[must_use]
pub fn take_size(words: &mut Vec<String>) -> Option<Size> {
    let mut found: Option<Size> = None;
    let mut left: Vec<String> = Vec::with_capacity(words.len());
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let Some((size, used)) = size_at(words, at) else {
            left.push(word.clone());
            at += 1;
            continue;
        };
        if found.is_some_and(|known| known != size) {
            return None;
        }
        found = Some(size);
        at += used;
        // "Two liters of milk" asks for milk.
        at += usize::from(words.get(at).is_some_and(|word| word == "of"));
    }
    if found.is_some() {
        *words = left;
    }
    found
}

/// The size that starts at a word, and how many words it takes.
fn size_at(words: &[String], at: usize) -> Option<(Size, usize)> {
    let word = |ahead: usize| words.get(at + ahead).map_or("", String::as_str);
    if matches!(word(0), "pack" | "packs" | "box" | "carton") && word(1) == "of" {
        let pieces = number(word(2)).filter(|pieces| *pieces > 1)?;
        return Some((Size { pieces: Some(pieces), ..Size::default() }, 3));
    }
    let (amount, used) = amount_at(words, at)?;
    // "6 x 330 ml": the pieces, then the size of one.
    if word(used) == "x" && amount.fract() == 0.0 {
        let (size, more) = size_at(words, at + used + 1)?;
        return Some((Size { pieces: pieces(amount), ..size }, used + 1 + more));
    }
    let (unit, length) = unit_at(words, at + used)?;
    let size = match unit {
        Unit::Grams(grams) => Size { grams: Some(grams * amount), ..Size::default() },
        Unit::Millilitres(millilitres) => Size { millilitres: Some(millilitres * amount), ..Size::default() },
        Unit::Ounces => Size {
            grams: Some(OUNCE_G * amount),
            millilitres: Some(US_FLUID_OUNCE_ML * amount),
            pieces: None,
        },
        Unit::Pieces => Size { pieces: Some(pieces(amount).filter(|n| *n > 1)?), ..Size::default() },
    };
    // "5 G" is a radio network, and so were those before it.
    let is_network = matches!(unit, Unit::Grams(grams) if grams <= 1.0) && amount < 7.0;
    (!is_network && amount > 0.0).then_some((size, used + length))
}

fn pieces(amount: f64) -> Option<u32> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (amount.fract() == 0.0 && (1.0..=1e6).contains(&amount)).then_some(amount as u32)
}

/// An amount and the number of words it takes: "two", "1.5", "half a", "one and a
/// half", "twenty four".
fn amount_at(words: &[String], at: usize) -> Option<(f64, usize)> {
    let word = |ahead: usize| words.get(at + ahead).map_or("", String::as_str);
    if let Some(part) = share(word(0)) {
        let article = usize::from(matches!(word(1), "a" | "an"));
        return Some((part, 1 + article));
    }
    let (mut amount, mut used) = match word(0).parse::<f64>() {
        Ok(amount) => (amount, 1),
        Err(_) => spoken_number(words, at).map(|(amount, used)| (f64::from(amount), used))?,
    };
    if !amount.is_finite() {
        return None;
    }
    if word(used) == "and"
        && word(used + 1) == "a"
        && let Some(part) = share(word(used + 2))
    {
        (amount, used) = (amount + part, used + 3);
    }
    Some((amount, used))
}

fn share(word: &str) -> Option<f64> {
    match word {
        "half" => Some(0.5),
        "quarter" => Some(0.25),
        _ => None,
    }
}

/// A unit and the number of words it takes.
fn unit_at(words: &[String], at: usize) -> Option<(Unit, usize)> {
    let word = |ahead: usize| words.get(at + ahead).map_or("", String::as_str);
    let us = |part: f64| Unit::Millilitres(US_GALLON_ML / part);
    let unit = match word(0) {
        "g" | "gr" | "gram" | "grams" | "gramme" | "grammes" => Unit::Grams(1.0),
        "kg" | "kgs" | "kilo" | "kilos" | "kilogram" | "kilograms" => Unit::Grams(1000.0),
        "lb" | "lbs" | "pound" | "pounds" => Unit::Grams(POUND_G),
        "ml" | "milliliter" | "milliliters" | "millilitre" | "millilitres" => Unit::Millilitres(1.0),
        "cl" | "centiliter" | "centiliters" | "centilitre" | "centilitres" => Unit::Millilitres(10.0),
        "l" | "lt" | "ltr" | "liter" | "liters" | "litre" | "litres" => Unit::Millilitres(1000.0),
        "oz" | "ounce" | "ounces" => Unit::Ounces,
        "fl" | "fluid" if matches!(word(1), "oz" | "ounce" | "ounces") => {
            return Some((Unit::Millilitres(US_FLUID_OUNCE_ML), 2));
        }
        "pint" | "pints" => us(8.0),
        "quart" | "quarts" => us(4.0),
        "gal" | "gallon" | "gallons" => us(1.0),
        // "Two packs" counts what is bought; "a six pack" says what it is.
        "pack" | "pk" | "ct" | "count" => Unit::Pieces,
        _ => return None,
    };
    Some((unit, 1))
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<[Option<f64>; 3]> {
        let size = take_size(&mut words(text))?;
        let rounded = |amount: f64| (amount * 10.0).round() / 10.0;
        Some([size.grams.map(rounded), size.millilitres.map(rounded), size.pieces.map(f64::from)])
    }

    #[test]
    fn sizes_as_they_are_said() {
        for (text, size) in [
            ("two liters of milk", [None, Some(2000.0), None]),
            ("2L cola", [None, Some(2000.0), None]),
            ("milk 1,5 l", [None, Some(1500.0), None]),
            ("one and a half liters of water", [None, Some(1500.0), None]),
            ("half a pound of ham", [Some(226.8), None, None]),
            ("a half gallon of milk", [None, Some(1892.7), None]),
            ("twenty four fluid ounces", [None, Some(709.8), None]),
            ("a 12 ounce soda", [Some(340.2), Some(354.9), None]),
            ("500 g pasta", [Some(500.0), None, None]),
            ("6 x 330 ml beer", [None, Some(330.0), Some(6.0)]),
            ("a six pack of cola", [None, None, Some(6.0)]),
            ("a pack of 12 batteries", [None, None, Some(12.0)]),
            ("1 lb and 1 lb", [Some(453.6), None, None]),
            ("20 5 kg bags", [Some(5000.0), None, None]),
        ] {
            assert_eq!(read(text), Some(size), "{text}");
        }
    }

    #[test]
    fn what_is_left_is_the_thing() {
        for (text, thing) in [
            ("two liters of milk", "milk"),
            ("milk two liters", "milk"),
            ("a half gallon of milk", "a milk"),
            ("a pack of 12 batteries", "a batteries"),
            ("1 l milk and 500 g butter", "1 l milk and 500 g butter"),
        ] {
            let mut left = words(text);
            let _ = take_size(&mut left);
            assert_eq!(left.join(" "), thing);
        }
    }

    #[test]
    fn other_numbers_are_no_size() {
        for text in [
            "5G router",
            "two packs of pasta",
            "a pack of gum",
            "1 l milk and 500 g butter",
            "size 10 shoes",
            "milk",
            "under 5 dollars",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_words_are_survived(text in "([0-9.,]{0,6}|half|and a|x|of|pack|oz|lb|l| ){0,12}") {
            if let Some(size) = take_size(&mut words(&text)) {
                let amounts = [size.grams, size.millilitres];
                prop_assert!(amounts.iter().flatten().all(|amount| *amount > 0.0 && amount.is_finite()));
            }
        }
    }
}
