//! The size of a pack as a shopper names it, and which packs have it: half a
//! kilogram is 500 g. Never guesses a size that is not stated.

use super::Pack;
use super::product::Unit;
use serde::{Deserialize, Serialize};

/// Exact by definition: the international avoirdupois pound (US Federal
/// Register, 1 July 1959; UK Units of Measurement Regulations 1995), the ounce
/// its sixteenth part, in grams.
pub const POUND_G: f64 = 453.592_37;
pub const OUNCE_G: f64 = POUND_G / 16.0;
/// Exact by definition: the US gallon of 231 cubic inches of 25.4 mm (NIST
/// Handbook 44, appendix C), in millilitres. Quart, pint and fluid ounce are
/// its 4th, 8th and 128th part.
pub const US_GALLON_ML: f64 = 3_785.411_784;
pub const US_FLUID_OUNCE_ML: f64 = US_GALLON_ML / 128.0;

/// Labels round ("16 oz (454 g)"); sizes this much apart, as a share, are one.
const TOLERANCE: f64 = 0.015;

/// A wanted size. "12 ounces" is a weight or a volume, so both may be given; a
/// pack needs to have one of the two, and the pieces where they are given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Size {
    /// Greater than 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grams: Option<f64>,
    /// Greater than 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub millilitres: Option<f64>,
    /// Pieces in the pack, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pieces: Option<u32>,
}

impl Size {
    /// Whether a pack has this size, by the piece or in all.
    #[must_use]
    pub fn fits(&self, pack: &Pack) -> bool {
        let one = pack.amount * pack.unit.base();
        let all = one * f64::from(pack.count);
        let is =
            |wanted: Option<f64>| wanted.is_some_and(|wanted| is_same(wanted, one) || is_same(wanted, all));
        let measured = match pack.unit {
            Unit::G | Unit::Kg => is(self.grams),
            Unit::Ml | Unit::L => is(self.millilitres),
            Unit::Each => false,
        };
        (measured || (self.grams.is_none() && self.millilitres.is_none()))
            && self.pieces.is_none_or(|pieces| {
                pieces == pack.count || (pack.unit == Unit::Each && is_same(f64::from(pieces), all))
            })
    }

    /// How a name states this size, number and unit in one word: `500g`, `0.5kg`.
    /// Empty where a name cannot say all of it in one word.
    #[must_use]
    pub fn spellings(&self) -> Vec<String> {
        let measured = self.grams.is_some() || self.millilitres.is_some();
        if let Some(pieces) = self.pieces {
            return if measured { Vec::new() } else { vec![format!("{pieces}pack")] };
        }
        let mass: &[(f64, &str)] = &[(1.0, "g"), (1000.0, "kg"), (OUNCE_G, "oz"), (POUND_G, "lb")];
        let volume: &[(f64, &str)] =
            &[(1.0, "ml"), (1000.0, "l"), (US_FLUID_OUNCE_ML, "oz"), (US_GALLON_ML, "gal")];
        let mut spelled: Vec<String> = Vec::new();
        for (amount, units) in [(self.grams, mass), (self.millilitres, volume)] {
            let Some(amount) = amount else { continue };
            for (unit, symbol) in units {
                for digits in 0..=2 {
                    let number = format!("{:.digits$}", amount / unit);
                    let stated: f64 = number.parse().unwrap_or_default();
                    let number = if number.contains('.') { number.trim_end_matches('0') } else { &number };
                    let word = format!("{}{symbol}", number.trim_end_matches('.'));
                    if is_same(amount, stated * unit) && !spelled.contains(&word) {
                        spelled.push(word);
                    }
                }
            }
        }
        spelled
    }
}

fn is_same(wanted: f64, stated: f64) -> bool {
    (wanted * (1.0 - TOLERANCE)..=wanted * (1.0 + TOLERANCE)).contains(&stated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grams(grams: f64) -> Size {
        Size { grams: Some(grams), ..Size::default() }
    }

    #[test]
    fn units_are_compared() {
        let pack = |amount, unit, count| Pack { amount, unit, count };
        assert!(grams(500.0).fits(&pack(0.5, Unit::Kg, 1)));
        assert!(grams(OUNCE_G * 16.0).fits(&pack(454.0, Unit::G, 1)));
        assert!(!grams(500.0).fits(&pack(454.0, Unit::G, 1)));
        assert!(!grams(500.0).fits(&pack(500.0, Unit::Ml, 1)));
        let cans = pack(330.0, Unit::Ml, 6);
        let volume = |millilitres, pieces| Size { grams: None, millilitres, pieces };
        assert!(volume(Some(330.0), None).fits(&cans) && volume(Some(1980.0), None).fits(&cans));
        assert!(volume(None, Some(6)).fits(&cans) && volume(Some(330.0), Some(6)).fits(&cans));
        assert!(!volume(Some(330.0), Some(4)).fits(&cans));
        let ounces = Size { millilitres: Some(US_FLUID_OUNCE_ML * 12.0), ..grams(OUNCE_G * 12.0) };
        assert!(ounces.fits(&pack(355.0, Unit::Ml, 1)) && ounces.fits(&pack(340.0, Unit::G, 1)));
        assert!(volume(None, Some(12)).fits(&pack(1.0, Unit::Each, 12)));
    }

    #[test]
    fn a_size_is_spelled_in_every_unit_that_says_it() {
        assert_eq!(grams(500.0).spellings(), ["500g", "0.5kg", "17.6oz", "17.64oz", "1.1lb"]);
        assert_eq!(grams(POUND_G).spellings(), ["454g", "453.6g", "453.59g", "0.45kg", "16oz", "1lb"]);
        assert_eq!(Size { pieces: Some(6), ..Size::default() }.spellings(), ["6pack"]);
    }
}
