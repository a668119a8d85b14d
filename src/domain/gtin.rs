//! Product identifiers: the retailer's SKU and the GS1 GTIN with its check
//! digit. Never looks a product up.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The retailer's own article number: 1 to 64 visible characters, no spaces at
/// either end. Compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sku(String);

impl Sku {
    /// Longest SKU accepted, in characters.
    pub const MAX_CHARS: usize = 64;

    /// A SKU from text, trimmed; `None` when it is empty, too long or holds
    /// control characters.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let sane = !text.is_empty()
            && text.chars().count() <= Self::MAX_CHARS
            && !text.chars().any(char::is_control);
        sane.then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A Global Trade Item Number (GS1 General Specifications, section 7.9): 8, 12,
/// 13 or 14 digits, the last one a check digit. Kept as 14 digits, so that the
/// UPC and the EAN of one article compare equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Gtin(u64);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GtinError {
    #[error("a GTIN has 8, 12, 13 or 14 digits; {0:?} has not")]
    Shape(String),
    #[error(
        "the GTIN {text} ends with check digit {found}, but its digits give {expected}: a digit was mistyped"
    )]
    CheckDigit { text: String, found: u32, expected: u32 },
}

impl Gtin {
    /// Reads a GTIN, ignoring spaces and hyphens.
    ///
    /// # Errors
    /// The wrong number of digits, other characters, or a wrong check digit.
    pub fn parse(text: &str) -> Result<Self, GtinError> {
        let shape = || GtinError::Shape(text.chars().take(40).collect());
        let digits: Vec<u32> = text
            .chars()
            .filter(|c| !matches!(c, ' ' | '-'))
            .map(|c| c.to_digit(10))
            .collect::<Option<_>>()
            .ok_or_else(shape)?;
        let Some((&found, body)) = digits.split_last() else {
            return Err(shape());
        };
        if !matches!(digits.len(), 8 | 12 | 13 | 14) {
            return Err(shape());
        }
        let expected = Self::check_digit(body);
        if found != expected {
            let text = digits.iter().filter_map(|d| char::from_digit(*d, 10)).collect();
            return Err(GtinError::CheckDigit { text, found, expected });
        }
        Ok(Self(digits.iter().fold(0, |n, d| n * 10 + u64::from(*d))))
    }

    /// The GS1 modulo-10 check digit of `body` (the digits before it): weights
    /// 3 and 1 alternate from the right.
    #[must_use]
    pub fn check_digit(body: &[u32]) -> u32 {
        let sum: u32 = body.iter().rev().zip([3, 1].into_iter().cycle()).map(|(d, w)| d * w).sum();
        (10 - sum % 10) % 10
    }

    /// True in the ranges that GS1 leaves to each shop (prefixes 02, 04, 20-29
    /// of a 13-digit number): such a number means nothing elsewhere.
    #[must_use]
    pub fn is_in_store(self) -> bool {
        let prefix = (self.0 % 10_000_000_000_000) / 100_000_000_000;
        matches!(prefix, 2 | 4 | 20..=29)
    }
}

impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:014}", self.0)
    }
}

impl TryFrom<String> for Gtin {
    type Error = GtinError;
    fn try_from(text: String) -> Result<Self, GtinError> {
        Self::parse(&text)
    }
}

impl From<Gtin> for String {
    fn from(gtin: Gtin) -> Self {
        gtin.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_numbers_are_read() {
        // Examples printed in the GS1 General Specifications and on real packs.
        for good in ["4006381333931", "036000291452", "96385074", "2000000000008"] {
            assert!(Gtin::parse(good).is_ok(), "{good}");
        }
        assert!(matches!(Gtin::parse("4006381333932"), Err(GtinError::CheckDigit { expected: 1, .. })));
        assert!(matches!(Gtin::parse("40063813339"), Err(GtinError::Shape(_))));
        assert!(matches!(Gtin::parse(""), Err(GtinError::Shape(_))));
    }

    #[test]
    fn upc_and_ean_of_one_article_are_equal() {
        assert_eq!(Gtin::parse("036000291452"), Gtin::parse("0036000291452"));
    }

    #[test]
    fn in_store_prefixes() {
        assert!(Gtin::parse("2000000000008").is_ok_and(Gtin::is_in_store));
        assert!(!Gtin::parse("4006381333931").is_ok_and(Gtin::is_in_store));
    }

    proptest! {
        #[test]
        fn any_single_wrong_digit_is_caught(body in prop::collection::vec(0u32..10, 12), at in 0usize..13, add in 1u32..10) {
            let mut digits = body.clone();
            digits.push(Gtin::check_digit(&body));
            let text = |ds: &[u32]| ds.iter().map(|d| char::from_digit(*d, 10).unwrap()).collect::<String>();
            prop_assert!(Gtin::parse(&text(&digits)).is_ok());
            digits[at] = (digits[at] + add) % 10;
            prop_assert!(Gtin::parse(&text(&digits)).is_err());
        }

        #[test]
        fn never_panics(text in ".{0,40}") {
            let _ = Gtin::parse(&text);
        }
    }
}
