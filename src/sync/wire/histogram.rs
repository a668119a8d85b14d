//! How long things took, as counts between fixed edges: two histograms add up by adding their
//! counts, and no single time can be read out of one. Never reads a clock.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Upper edges, in milliseconds, each counted in; what took longer than the last is counted
/// after it. Steps of 1-2-5, as people read scales, from what is not felt to what nobody
/// waits for.
pub const EDGES_MS: [u32; 14] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000];

/// Counts, one for each edge and one for what took longer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Histogram([u32; EDGES_MS.len() + 1]);

impl Histogram {
    /// Counts one time, in milliseconds. A time that is no number is not counted.
    pub fn record(&mut self, ms: f64) {
        if ms.is_nan() {
            return;
        }
        let at = EDGES_MS.iter().position(|edge| ms <= f64::from(*edge)).unwrap_or(EDGES_MS.len());
        if let Some(count) = self.0.get_mut(at) {
            *count = count.saturating_add(1);
        }
    }

    /// Adds the counts of `other`.
    pub fn add(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = own.saturating_add(other);
        }
    }

    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(|count| u64::from(*count)).sum()
    }

    /// The edge in milliseconds below which at least the share `q` (0 to 1) of all times lie.
    /// `None`: there are none, or it lies beyond the last edge.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u32> {
        // Counts stay far below 2^53, where f64 is exact.
        #[allow(clippy::cast_precision_loss)]
        let share = |count: u64| count as f64 / self.total().max(1) as f64;
        let mut below = 0;
        EDGES_MS.iter().zip(self.0).find_map(|(edge, count)| {
            below += u64::from(count);
            (below > 0 && share(below) >= q).then_some(*edge)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_is_counted_at_the_first_edge_that_it_does_not_pass() {
        let mut times = Histogram::default();
        for ms in [-1.0, 0.0, 1.0, 1.1, 30_000.0, 30_001.0, f64::INFINITY, f64::NAN] {
            times.record(ms);
        }
        let counts = serde_json::to_value(times).unwrap();
        assert_eq!(counts, serde_json::json!([3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]));
        assert_eq!((times.total(), times.quantile(0.5), times.quantile(1.0)), (7, Some(2), None));
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    proptest! {
        #[test]
        fn adding_is_as_if_all_had_been_recorded_at_one_place(
            one in prop::collection::vec(0.0..40_000.0, 0..50), other in prop::collection::vec(0.0..40_000.0, 0..50)
        ) {
            let of = |times: &[f64]| {
                let mut all = Histogram::default();
                times.iter().for_each(|ms| all.record(*ms));
                all
            };
            let mut sum = of(&one);
            sum.add(&of(&other));
            prop_assert_eq!(sum, of(&[one, other].concat()));
        }
    }
}
