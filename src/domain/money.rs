//! Money in whole minor units, shown and said. Never floats, never converts
//! between currencies.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount in minor units (US cents). Non-negative prices and signed
/// differences alike.
pub type Cents = i64;

/// An ISO 4217 currency code that the kiosk knows how to write and say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub enum Currency {
    #[default]
    #[serde(rename = "USD")]
    Usd,
    #[serde(rename = "EUR")]
    Eur,
    #[serde(rename = "GBP")]
    Gbp,
}

impl Currency {
    /// The currency of an ISO 4217 code, any case.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        match code.trim().to_ascii_uppercase().as_str() {
            "USD" => Some(Self::Usd),
            "EUR" => Some(Self::Eur),
            "GBP" => Some(Self::Gbp),
            _ => None,
        }
    }

    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Usd => "USD",
            Self::Eur => "EUR",
            Self::Gbp => "GBP",
        }
    }

    /// Its sign: `$`.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Usd => "$",
            Self::Eur => "€",
            Self::Gbp => "£",
        }
    }

    /// An amount for the screen: `$3.49`, `-$0.40`.
    #[must_use]
    pub fn show(self, cents: Cents) -> String {
        let sign = if cents < 0 { "-" } else { "" };
        let amount = cents.unsigned_abs();
        format!("{sign}{}{}.{:02}", self.symbol(), amount / 100, amount % 100)
    }
}

/// The amount that `text` writes: `3.49`, `3`, `0.5`. `None`: no such amount, or
/// one below 0 or with fractions of a cent.
#[must_use]
pub fn parse(text: &str) -> Option<Cents> {
    let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 2 {
        return None;
    }
    let part: Cents = format!("{part:0<2}").parse().ok()?;
    whole.parse::<Cents>().ok()?.checked_mul(100)?.checked_add(part)
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read() {
        assert_eq!([parse("3.49"), parse(" 3 "), parse("0.5")], [Some(349), Some(300), Some(50)]);
        for odd in ["", "-1", "3,49", "3.499", ".5", "1e3", "99999999999999999999"] {
            assert_eq!(parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn amounts_are_shown() {
        assert_eq!(Currency::Usd.show(349), "$3.49");
        assert_eq!(Currency::Usd.show(5), "$0.05");
        assert_eq!(Currency::Gbp.show(-40), "-£0.40");
        assert_eq!(Currency::Usd.show(Cents::MIN), "-$92233720368547758.08");
    }
}
