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

    fn symbol(self) -> &'static str {
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

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown() {
        assert_eq!(Currency::Usd.show(349), "$3.49");
        assert_eq!(Currency::Usd.show(5), "$0.05");
        assert_eq!(Currency::Gbp.show(-40), "-£0.40");
        assert_eq!(Currency::Usd.show(Cents::MIN), "-$92233720368547758.08");
    }
}
