//! The small vocabulary that feeds share: availability, yes and no, GTINs,
//! points in time. Each `None` or error is left to the caller to note.

use crate::domain::{Availability, Gtin};
use std::str::FromStr;

/// Google's `availability` and schema.org's ItemAvailability, in any spelling:
/// `in_stock`, `in stock`, `https://schema.org/InStock`.
pub(crate) fn availability(text: &str) -> Option<Availability> {
    let name = text.trim().rsplit(['/', '#']).next().unwrap_or_default();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    match name.to_ascii_lowercase().as_str() {
        "instock" | "limitedavailability" | "instoreonly" | "available" => Some(Availability::InStock),
        "outofstock" | "soldout" => Some(Availability::OutOfStock),
        "preorder" | "presale" => Some(Availability::Preorder),
        "backorder" => Some(Availability::Backorder),
        "discontinued" => Some(Availability::Discontinued),
        _ => None,
    }
}

pub(super) fn flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "y" | "1" => Some(true),
        "no" | "false" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// A GTIN as shops' systems write it; `Err`: why it is left out.
pub(super) fn gtin(text: &str) -> Result<Option<Gtin>, &'static str> {
    let text = text.trim().trim_start_matches('\'');
    if text.is_empty() || text.bytes().all(|byte| byte == b'0') || super::price::is_blank(text) {
        return Ok(None);
    }
    // A spreadsheet's 4006381333931.0; what it made of 4.00638E+12 is lost.
    let text = text.strip_suffix(".0").unwrap_or(text);
    if text.contains(['e', 'E']) && text.contains(['.', ',', '+']) {
        return Err("gtin left out, a spreadsheet has rounded it");
    }
    match Gtin::parse(text) {
        Ok(gtin) => Ok(Some(gtin)),
        Err(crate::domain::GtinError::Shape(_)) => Err("gtin left out, not 8, 12, 13 or 14 digits"),
        Err(crate::domain::GtinError::CheckDigit { .. }) => Err("gtin left out, wrong check digit"),
    }
}

/// A date as it is, or a time as RFC 3339 (UTC where no offset is told).
pub(super) fn moment(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() == 10 && jiff::civil::Date::from_str(text).is_ok() {
        return Some(text.to_owned());
    }
    if let Ok(time) = jiff::Timestamp::from_str(text) {
        return Some(time.to_string());
    }
    if let Ok(time) = jiff::civil::DateTime::from_str(text) {
        return time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|time| time.timestamp().to_string());
    }
    jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn availability_in_both_vocabularies() {
        for text in [
            "in_stock",
            "in stock",
            "https://schema.org/InStock",
            "InStock",
            "http://schema.org/LimitedAvailability",
        ] {
            assert_eq!(availability(text), Some(Availability::InStock), "{text}");
        }
        assert_eq!(availability("SoldOut"), Some(Availability::OutOfStock));
        assert_eq!(availability("OnlineOnly"), None);
        assert_eq!(availability(""), None);
    }

    #[test]
    fn a_bad_gtin_has_its_reason() {
        assert!(gtin("4006381333931").unwrap().is_some());
        assert!(gtin("4006381333931.0").unwrap().is_some());
        assert_eq!(gtin(""), Ok(None));
        assert_eq!(gtin("0000000000000"), Ok(None));
        assert!(gtin("4.00638E+12").unwrap_err().contains("spreadsheet"));
        assert!(gtin("4006381333932").unwrap_err().contains("check digit"));
        assert!(gtin("ABC").unwrap_err().contains("digits"));
    }

    #[test]
    fn moments_become_rfc_3339() {
        assert_eq!(moment("2026-11-20").as_deref(), Some("2026-11-20"));
        assert_eq!(moment("2016-02-24T13:00-0800").as_deref(), Some("2016-02-24T21:00:00Z"));
        assert_eq!(moment("2026-11-20 06:00").as_deref(), Some("2026-11-20T06:00:00Z"));
        assert_eq!(moment("Fri, 20 Nov 2026 06:00:00 GMT").as_deref(), Some("2026-11-20T06:00:00Z"));
        assert_eq!(moment("soon"), None);
    }
}
