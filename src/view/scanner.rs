//! A barcode scanner that types like a keyboard ("keyboard wedge"): digits in a burst that
//! no fingers make, then Enter. Tells a scan from typing; never knows what a code is of.

use std::time::{Duration, Instant};

/// Longest pause between two keys of a scan. Scanners send a key every 1 to 30 ms; fast
/// typists need 80 ms and more.
const PAUSE: Duration = Duration::from_millis(60);
/// Digits of the shortest and the longest code that is read: GTIN-8 to GTIN-14, and
/// loyalty cards up to 19 (ISO/IEC 7812).
const LENGTH: std::ops::RangeInclusive<usize> = 8..=19;

/// The keys of a scan that may be under way.
#[derive(Debug, Default)]
pub struct Scanner {
    digits: String,
    last: Option<Instant>,
}

impl Scanner {
    /// Takes the next key, typed at `now`; a code when this key ends one.
    pub fn key(&mut self, key: char, now: Instant) -> Option<String> {
        let quick = self.last.is_some_and(|last| now.saturating_duration_since(last) <= PAUSE);
        if !quick {
            self.digits.clear();
        }
        self.last = Some(now);
        match key {
            '0'..='9' => {
                self.digits.push(key);
                None
            }
            '\n' | '\r' | '\t' => {
                Some(std::mem::take(&mut self.digits)).filter(|code| LENGTH.contains(&code.len()))
            }
            _ => {
                self.digits.clear();
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_all(keys: &str, pause: u64) -> Option<String> {
        let (mut scanner, start) = (Scanner::default(), Instant::now());
        let at = |index: usize| start + Duration::from_millis(pause * index as u64);
        keys.chars().enumerate().filter_map(|(index, key)| scanner.key(key, at(index))).last()
    }

    #[test]
    fn a_burst_of_digits_is_a_scan_and_typing_is_not() {
        assert_eq!(type_all("4006381333931\n", 4).as_deref(), Some("4006381333931"));
        assert_eq!(type_all("4006381333931\n", 90), None, "a fast typist");
        assert_eq!(type_all("1234\n", 4), None, "too short");
        assert_eq!(type_all("40063a81333931\n", 4).as_deref(), Some("81333931"), "after a letter");
        assert_eq!(type_all("\n", 4), None);
    }
}
