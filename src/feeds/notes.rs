//! What a reader left out without losing the product, counted by reason, with
//! the first lines where it happened. Bounded, whatever a file holds.

use std::collections::BTreeMap;

/// Different reasons kept; more are only counted together.
const REASONS: usize = 40;
/// Line numbers kept of each.
const LINES: usize = 5;

#[derive(Default)]
pub(super) struct Notes {
    counts: BTreeMap<String, (u64, Vec<u64>)>,
    more: u64,
}

impl Notes {
    pub(super) fn add(&mut self, line: u64, reason: &str) {
        if let Some((count, lines)) = self.counts.get_mut(reason) {
            *count += 1;
            if lines.len() < LINES && lines.last() != Some(&line) {
                lines.push(line);
            }
        } else if self.counts.len() < REASONS {
            self.counts.insert(reason.to_owned(), (1, vec![line]));
        } else {
            self.more += 1;
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let one = |(reason, (count, lines)): (&String, &(u64, Vec<u64>))| {
            let numbers: Vec<String> = lines.iter().map(u64::to_string).collect();
            let and_more = if (lines.len() as u64) < *count { ", ..." } else { "" };
            let s = if *count == 1 { "" } else { "s" };
            format!("{reason}: {count} time{s}, line {}{and_more}", numbers.join(", "))
        };
        let mut all: Vec<String> = self.counts.iter().map(one).collect();
        if self.more > 0 {
            all.push(format!("{} more of other kinds", self.more));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_with_their_first_lines() {
        let mut notes = Notes::default();
        (1..=9).for_each(|line| notes.add(line, "gtin left out"));
        notes.add(3, "other");
        assert_eq!(
            notes.lines(),
            ["gtin left out: 9 times, line 1, 2, 3, 4, 5, ...", "other: 1 time, line 3"]
        );
        (0..100).for_each(|n| notes.add(n, &format!("reason {n}")));
        assert_eq!(notes.lines().len(), REASONS + 1);
    }
}
