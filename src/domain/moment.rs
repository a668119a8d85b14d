//! Points in time as feeds and people write them: RFC 3339, or a date. Never
//! reads a clock.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A point in time as a feed gives it: RFC 3339, or a date in UTC.
pub type AsOf = String;

/// The first moment that `text` means: a date's start. `None`: no time at all.
#[must_use]
pub fn first(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Some(date(text)?.to_zoned(TimeZone::UTC).ok()?.timestamp()))
}

/// The last moment that `text` means: a date's end. `None`: no time at all.
#[must_use]
pub fn last(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let day = date(text)?.to_zoned(TimeZone::UTC).ok()?;
        Some(day.end_of_day().ok()?.timestamp())
    })
}

/// The date that `text` is, if it is one without a time of day.
#[must_use]
pub fn date(text: &str) -> Option<Date> {
    // The parser would also take a date out of a longer text.
    (text.len() == "2026-11-20".len()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_whole_days_and_times_are_moments() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(first("2026-11-20"), Some(at("2026-11-20T00:00:00Z")));
        assert_eq!(
            last("2026-11-20").map(|end| end.as_second()),
            Some(at("2026-11-20T23:59:59Z").as_second())
        );
        assert_eq!(first("2026-11-20T06:00:00+01:00"), Some(at("2026-11-20T05:00:00Z")));
        for odd in ["", "tomorrow", "2026-11-31", "2026-11-20T06:00:00", "2026-11-20 at noon"] {
            assert_eq!((first(odd), last(odd)), (None, None), "{odd}");
        }
    }
}
