//! How sure a price or a stock is, and how moments are worded: for the screen
//! and for the voice. The age is judged by who has the clock; never here.

use super::words::count;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use num2words::Num2Words;

/// A moment in the two wordings of a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    pub screen: String,
    pub speech: String,
}

/// How sure a statement is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Freshness {
    /// It is so.
    #[default]
    Now,
    /// It was so then.
    Then(Moment),
    /// It was so when last heard of; nobody knows when.
    Once,
}

impl Moment {
    /// The day of `at` ("Nov 20"), where clocks and calendar are those of `now`.
    #[must_use]
    pub fn day(at: Timestamp, now: &Zoned) -> Self {
        Self::date(at.to_zoned(now.time_zone().clone()).date(), now)
    }

    /// A day: "Nov 20", of another year "Nov 20, 2025".
    #[must_use]
    pub fn date(date: Date, now: &Zoned) -> Self {
        let mut screen = date.strftime("%b %-d").to_string();
        let mut speech = format!("{} {}", date.strftime("%B"), ordinal(i64::from(date.day())));
        if date.year() != now.date().year() {
            screen += &format!(", {}", date.year());
            speech += &format!(", {}", year(i64::from(date.year())));
        }
        Self { screen, speech }
    }

    /// Day and time: "Nov 20, 6:00 am".
    #[must_use]
    pub fn time(at: Timestamp, now: &Zoned) -> Self {
        let day = Self::day(at, now);
        let (screen, speech) = clock(at, now.time_zone());
        Self { screen: format!("{}, {screen}", day.screen), speech: format!("{} at {speech}", day.speech) }
    }

    /// How long something holds whose last moment is `end`: "only today", "until
    /// tomorrow", "until Sunday", "until Nov 29". A whole-day `date` is said as it
    /// was written.
    #[must_use]
    pub fn until(end: Timestamp, date: Option<Date>, now: &Zoned) -> Self {
        let zone = now.time_zone();
        let day = date.unwrap_or_else(|| end.to_zoned(zone.clone()).date());
        let ahead = (day - now.date()).get_days();
        if ahead <= 0 {
            if date.is_some() {
                return Self { screen: "only today".into(), speech: "only today".into() };
            }
            let (screen, speech) = clock(end, zone);
            return Self { screen: format!("until {screen} today"), speech: format!("until {speech} today") };
        }
        let Self { screen, speech } = match ahead {
            1 => Self { screen: "tomorrow".into(), speech: "tomorrow".into() },
            2..=6 => {
                let name = day.strftime("%A").to_string();
                Self { screen: name.clone(), speech: name }
            }
            _ => Self::date(day, now),
        };
        Self { screen: format!("until {screen}"), speech: format!("until {speech}") }
    }
}

/// A time of day: "6:05 am" and "six oh five am".
fn clock(at: Timestamp, zone: &TimeZone) -> (String, String) {
    let at = at.to_zoned(zone.clone());
    let half = if at.hour() < 12 { "am" } else { "pm" };
    let hour = (at.hour() + 11) % 12 + 1;
    let said = count(u64::from(hour.unsigned_abs()));
    let minutes = count(u64::from(at.minute().unsigned_abs()));
    let speech = match at.minute() {
        0 => format!("{said} {half}"),
        1..10 => format!("{said} oh {minutes} {half}"),
        _ => format!("{said} {minutes} {half}"),
    };
    (format!("{hour}:{:02} {half}", at.minute()), speech)
}

fn ordinal(n: i64) -> String {
    Num2Words::new(n).ordinal().to_words().unwrap_or_else(|_| n.to_string())
}

fn year(n: i64) -> String {
    Num2Words::new(n).year().to_words().unwrap_or_else(|_| n.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(moment: Moment) -> [String; 2] {
        [moment.screen, moment.speech]
    }

    #[test]
    fn moments_are_worded_as_people_say_them() {
        let now: Zoned = "2026-11-24T09:00:00-05:00[America/New_York]".parse().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let early = at("2026-11-20T06:00:00Z");
        assert_eq!(both(Moment::day(early, &now)), ["Nov 20", "November twentieth"]);
        assert_eq!(both(Moment::time(early, &now)), ["Nov 20, 1:00 am", "November twentieth at one am"]);
        let noon = at("2025-12-01T17:05:00Z");
        assert_eq!(
            both(Moment::time(noon, &now)),
            ["Dec 1, 2025, 12:05 pm", "December first, twenty twenty-five at twelve oh five pm"]
        );
        let until = |text: &str| {
            let date = crate::domain::moment::date(text);
            Moment::until(crate::domain::moment::last(text).unwrap(), date, &now).screen
        };
        assert_eq!(until("2026-11-24"), "only today");
        assert_eq!(until("2026-11-24T23:30:00Z"), "until 6:30 pm today");
        assert_eq!(until("2026-11-25"), "until tomorrow");
        assert_eq!(until("2026-11-29"), "until Sunday");
        assert_eq!(until("2026-12-01"), "until Dec 1");
        assert_eq!(until("2027-01-31"), "until Jan 31, 2027");
    }
}
