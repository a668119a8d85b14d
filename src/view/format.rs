//! Amounts, numbers and dates as the shopper's language writes them (CLDR, by way of
//! ICU4X). Knows no words; those stand in `ui`.

use crate::domain::{Cents, Currency};
use icu_datetime::DateTimeFormatter;
use icu_datetime::fieldsets::MD;
use icu_datetime::input::Date as IcuDate;
use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal;
use icu_locale_core::{Locale, locale};
use jiff::civil::Date;

/// A language that the screen speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    #[default]
    English,
    Spanish,
    German,
    French,
}

impl Language {
    pub const ALL: [Self; 4] = [Self::English, Self::Spanish, Self::German, Self::French];

    /// Its ISO 639-1 code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
            Self::German => "de",
            Self::French => "fr",
        }
    }

    /// The language of an ISO 639-1 code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    fn locale(self) -> Locale {
        match self {
            Self::English => locale!("en-US"),
            Self::Spanish => locale!("es"),
            Self::German => locale!("de"),
            Self::French => locale!("fr"),
        }
    }
}

/// Writes values in one language.
pub struct Format {
    language: Language,
    decimal: Option<DecimalFormatter>,
    date: Option<DateTimeFormatter<MD>>,
}

impl Format {
    /// For a language; what ICU has no data for is written plainly.
    #[must_use]
    pub fn new(language: Language) -> Self {
        let locale = language.locale();
        Self {
            language,
            decimal: DecimalFormatter::try_new((&locale).into(), Default::default()).ok(),
            date: DateTimeFormatter::try_new((&locale).into(), MD::medium()).ok(),
        }
    }

    /// An amount with its currency: `$3.49`, `3,49 $`. English puts the sign first, the
    /// other three last after a no-break space (CLDR, standard currency patterns).
    #[must_use]
    pub fn money(&self, cents: Cents, currency: Currency) -> String {
        let Some(decimal) = &self.decimal else { return currency.show(cents) };
        let mut amount = Decimal::from(cents.unsigned_abs());
        amount.multiply_pow10(-2);
        let (amount, sign) = (decimal.format(&amount), if cents < 0 { "\u{2212}" } else { "" });
        match self.language {
            Language::English => format!("{sign}{}{amount}", currency.symbol()),
            _ => format!("{sign}{amount}\u{a0}{}", currency.symbol()),
        }
    }

    /// A number with at most two decimals: `1,234.5`, `1.234,5`.
    #[must_use]
    pub fn number(&self, value: f64) -> String {
        let plain = format!("{value:.2}");
        let plain = plain.trim_end_matches('0').trim_end_matches('.');
        match (&self.decimal, plain.parse::<Decimal>()) {
            (Some(decimal), Ok(value)) => decimal.format(&value).to_string(),
            _ => plain.to_owned(),
        }
    }

    /// A day without its year: `Nov 29`, `29. Nov.`.
    #[must_use]
    pub fn day(&self, date: Date) -> String {
        let (year, month, day) = (date.year(), date.month(), date.day());
        let iso = IcuDate::try_new_iso(year.into(), month.unsigned_abs(), day.unsigned_abs());
        match (&self.date, iso) {
            (Some(formatter), Ok(date)) => formatter.format(&date).to_string(),
            _ => date.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_each_language_does() {
        let money = |language| Format::new(language).money(123_456, Currency::Usd);
        assert_eq!(money(Language::English), "$1,234.56");
        assert_eq!(money(Language::German), "1.234,56\u{a0}$");
        assert_eq!(money(Language::French), "1\u{202f}234,56\u{a0}$");
        assert_eq!(Format::new(Language::Spanish).money(349, Currency::Eur), "3,49\u{a0}€");
        assert_eq!(Format::new(Language::English).money(-40, Currency::Gbp), "\u{2212}£0.40");
        assert_eq!(Format::new(Language::German).money(5, Currency::Eur), "0,05\u{a0}€");
    }

    #[test]
    fn numbers_and_days_are_written_as_each_language_does() {
        assert_eq!(Format::new(Language::German).number(1.5), "1,5");
        assert_eq!(Format::new(Language::English).number(500.0), "500");
        let day = |language| Format::new(language).day(Date::constant(2026, 11, 29));
        assert_eq!(day(Language::English), "Nov 29");
        assert_eq!(day(Language::German), "29. Nov.");
        assert_eq!(day(Language::French), "29 nov.");
    }
}
