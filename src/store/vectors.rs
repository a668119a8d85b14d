//! The vectors of a catalog in memory, and the exact search over them.
//!
//! Owns the coded form of a vector (int8 and one scale), which is also its form
//! in the database. Promises: dot products of coded vectors are exact; the best
//! rows come best first and ties by row, whatever the number of threads; memory
//! is [`CODED_BYTES`] per row. Never makes a vector, never touches the database.
//!
//! Why no index: 200,000 rows are scanned in some ten milliseconds, and an exact
//! scan has no parameters to tune, no build time and no missed product.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use multiversion::multiversion;

/// Length of a vector.
pub const DIMENSIONS: usize = 384;

/// Size of a coded vector: the scale as little-endian f32, then one byte a value.
pub const CODED_BYTES: usize = SCALE_BYTES + DIMENSIONS;

const SCALE_BYTES: usize = size_of::<f32>();

/// Rows whose dot products are taken at once: 96 KiB, which stay in the cache.
const BLOCK: usize = 256;

/// Fewer rows than this are scanned faster than a thread starts.
const ROWS_PER_THREAD: usize = 20_000;

/// Bytes that are no coded vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored vector is damaged: `aisle catalog import FILE` rebuilds it")]
pub struct BadVector;

type Values = [i8; DIMENSIONS];

/// A vector in int8: value times scale is what it was, within half a scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Coded {
    scale: f32,
    values: Values,
}

impl Coded {
    /// Codes `vector`. What is not finite counts as 0.
    #[must_use]
    pub fn of(vector: &[f32; DIMENSIONS]) -> Self {
        let largest = vector.iter().filter(|v| v.is_finite()).fold(0.0_f32, |most, v| most.max(v.abs()));
        let scale = largest / f32::from(i8::MAX);
        let coded =
            |value: f32| if scale > 0.0 && value.is_finite() { (value / scale).round() as i8 } else { 0 };
        Self { scale, values: vector.map(coded) }
    }

    /// The form in the database.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; CODED_BYTES] {
        let mut bytes = [0; CODED_BYTES];
        let (scale, values) = bytes.split_at_mut(SCALE_BYTES);
        scale.copy_from_slice(&self.scale.to_le_bytes());
        for (byte, value) in values.iter_mut().zip(self.values) {
            *byte = value.cast_unsigned();
        }
        bytes
    }

    /// Reads the form in the database.
    ///
    /// # Errors
    /// [`BadVector`] when the size or the scale is impossible.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadVector> {
        let (scale, values) = bytes.split_first_chunk::<SCALE_BYTES>().ok_or(BadVector)?;
        let values: &[u8; DIMENSIONS] = values.try_into().map_err(|_| BadVector)?;
        let scale = f32::from_le_bytes(*scale);
        if !scale.is_finite() || scale < 0.0 {
            return Err(BadVector);
        }
        Ok(Self { scale, values: values.map(u8::cast_signed) })
    }

    /// The dot product with `other`: the cosine when both were of length 1.
    #[must_use]
    #[cfg(test)]
    pub fn dot(&self, other: &Self) -> f32 {
        self.scale * other.scale * exact(&self.values, &other.values) as f32
    }
}

/// A found row and its dot product with the query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub row: u32,
    pub score: f32,
}

/// Greater is worse, so that a heap gives up its worst and sorting puts the best
/// first. Scores are finite by construction; rows are told apart by number.
impl Ord for Hit {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Hit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Hit {}

/// Coded vectors by row, counted from 0 in the order they were pushed.
#[derive(Clone, Debug, Default)]
pub struct Vectors {
    scales: Vec<f32>,
    values: Vec<Values>,
}

impl Vectors {
    /// Room for `rows` vectors, so that pushing them moves none.
    #[must_use]
    pub fn with_capacity(rows: usize) -> Self {
        Self { scales: Vec::with_capacity(rows), values: Vec::with_capacity(rows) }
    }

    /// Adds the next row.
    pub fn push(&mut self, vector: &Coded) {
        self.scales.push(vector.scale);
        self.values.push(vector.values);
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// The score of one row; `None` when there is no such row.
    #[must_use]
    pub fn score(&self, query: &Coded, row: u32) -> Option<f32> {
        let at = usize::try_from(row).ok()?;
        let (values, scale) = (self.values.get(at)?, self.scales.get(at)?);
        Some(query.scale * scale * exact(&query.values, values) as f32)
    }

    /// The `k` rows nearest to `query`, best first, on at most `threads` threads
    /// (0 counts as 1).
    #[must_use]
    pub fn scan(&self, query: &Coded, k: usize, threads: usize) -> Vec<Hit> {
        let threads = threads.min(self.len() / ROWS_PER_THREAD).max(1);
        let share = self.len().div_ceil(threads).max(1);
        let mut shares = self.values.chunks(share).zip(self.scales.chunks(share)).zip((0..).step_by(share));
        let Some(((values, scales), first)) = shares.next() else {
            return Vec::new();
        };
        let mut hits = std::thread::scope(|scope| {
            let others: Vec<_> = shares
                .map(|((values, scales), first)| scope.spawn(move || best(query, values, scales, first, k)))
                .collect();
            let mut hits = best(query, values, scales, first, k);
            for other in others {
                match other.join() {
                    Ok(found) => hits.extend(found),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            hits
        });
        hits.sort_unstable();
        hits.truncate(k);
        hits
    }
}

/// The `k` best of `values`, whose first row is `first`, in no order.
fn best(query: &Coded, values: &[Values], scales: &[f32], first: u32, k: usize) -> Vec<Hit> {
    if k == 0 {
        return Vec::new();
    }
    let mut worst_first = BinaryHeap::with_capacity(k.min(values.len()));
    let mut products = [0_i32; BLOCK];
    let mut rows = first..;
    for (values, scales) in values.chunks(BLOCK).zip(scales.chunks(BLOCK)) {
        dot_all(&query.values, values, &mut products);
        for ((product, scale), row) in products.iter().zip(scales).zip(&mut rows) {
            let hit = Hit { row, score: query.scale * scale * *product as f32 };
            if worst_first.len() < k {
                worst_first.push(hit);
            } else if let Some(mut worst) = worst_first.peek_mut()
                && hit < *worst
            {
                *worst = hit;
            }
        }
    }
    worst_first.into_vec()
}

/// The dot products of `query` with each of `rows`: plain loops that the
/// compiler turns into vector instructions, once per instruction set; the one
/// for this processor is chosen when it runs.
#[multiversion(targets("x86_64+avx2", "aarch64+neon+dotprod"))]
fn dot_all(query: &Values, rows: &[Values], products: &mut [i32; BLOCK]) {
    for (product, row) in products.iter_mut().zip(rows) {
        *product = exact(query, row);
    }
}

/// Exact: 384 products of at most 128 * 128 stay far inside of i32. "Wrapping"
/// spares the overflow checks, with which no vector instructions are made.
#[inline(always)]
fn exact(one: &Values, two: &Values) -> i32 {
    one.iter()
        .zip(two)
        .fold(0, |sum, (one, two)| sum.wrapping_add(i32::from(*one).wrapping_mul(i32::from(*two))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A vector that is 1 at `at` and `rest` elsewhere.
    fn peak(at: usize, rest: f32) -> Coded {
        let mut vector = [rest; DIMENSIONS];
        vector[at] = 1.0;
        Coded::of(&vector)
    }

    fn scalar(one: &Coded, two: &Coded) -> i32 {
        one.values.iter().zip(&two.values).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
    }

    fn any_coded() -> impl Strategy<Value = Coded> {
        let values = prop::collection::vec(any::<i8>(), DIMENSIONS);
        // Few scales, so that ties happen.
        (prop::sample::select(vec![0.0_f32, 0.001, 0.5]), values)
            .prop_map(|(scale, values)| Coded { scale, values: values.try_into().unwrap() })
    }

    #[test]
    fn the_extremes_do_not_overflow() {
        let least = Coded { scale: 1.0, values: [i8::MIN; DIMENSIONS] };
        let most = Coded { scale: 1.0, values: [i8::MAX; DIMENSIONS] };
        let mut vectors = Vectors::default();
        vectors.push(&least);
        vectors.push(&most);
        let scores: Vec<f32> = vectors.scan(&least, 2, 1).iter().map(|hit| hit.score).collect();
        assert_eq!(scores, [384.0 * 16384.0, -384.0 * 16256.0]);
    }

    #[test]
    fn what_is_not_finite_counts_as_nothing() {
        let mut vector = [0.0; DIMENSIONS];
        (vector[0], vector[1], vector[2]) = (f32::NAN, 2.0, f32::INFINITY);
        let coded = Coded::of(&vector);
        assert!((coded.scale - 2.0 / 127.0).abs() < 1e-6);
        assert_eq!((coded.values[0], coded.values[1], coded.values[2]), (0, 127, 0));
        assert_eq!(Coded::of(&[0.0; DIMENSIONS]).dot(&coded).to_bits(), 0.0_f32.to_bits());
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let bytes = peak(3, 0.0).to_bytes();
        assert_eq!(Coded::from_bytes(&bytes[1..]), Err(BadVector));
        assert_eq!(Coded::from_bytes(&[]), Err(BadVector));
        for scale in [f32::NAN, f32::INFINITY, -1.0] {
            let mut bytes = bytes;
            bytes[..SCALE_BYTES].copy_from_slice(&scale.to_le_bytes());
            assert_eq!(Coded::from_bytes(&bytes), Err(BadVector), "{scale}");
        }
    }

    #[test]
    fn ties_go_by_row_with_any_number_of_threads() {
        let mut vectors = Vectors::default();
        for row in 0..3 * ROWS_PER_THREAD {
            vectors.push(&peak(row % 5, 0.1));
        }
        let query = peak(2, 0.1);
        let one = vectors.scan(&query, 50, 1);
        assert!(one.iter().map(|hit| hit.row).eq((0..50).map(|n| 2 + 5 * n)));
        for threads in [0, 2, 3, 64] {
            assert_eq!(vectors.scan(&query, 50, threads), one, "{threads} threads");
        }
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        let query = peak(0, 0.0);
        assert!(Vectors::default().scan(&query, 10, 2).is_empty());
        let mut vectors = Vectors::with_capacity(1);
        vectors.push(&query);
        assert!(vectors.scan(&query, 0, 1).is_empty());
        assert_eq!(vectors.scan(&query, 10, 1).len(), 1);
        assert_eq!(vectors.score(&query, 1), None);
    }

    proptest! {
        #[test]
        fn bytes_give_back_what_was_coded(coded in any_coded()) {
            prop_assert_eq!(Coded::from_bytes(&coded.to_bytes()), Ok(coded));
        }

        #[test]
        fn coding_is_within_half_a_step(vector in prop::collection::vec(-1.0_f32..1.0, DIMENSIONS)) {
            let vector: [f32; DIMENSIONS] = vector.try_into().unwrap();
            let coded = Coded::of(&vector);
            for (value, was) in coded.values.iter().zip(vector) {
                prop_assert!((f32::from(*value) * coded.scale - was).abs() <= coded.scale * 0.5001);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_scan_is_the_head_of_a_full_sort(
            rows in prop::collection::vec(any_coded(), 0..2 * BLOCK),
            query in any_coded(),
            k in 0_usize..40,
        ) {
            let mut vectors = Vectors::default();
            rows.iter().for_each(|row| vectors.push(row));
            let mut all: Vec<Hit> = (0..)
                .zip(&rows)
                .map(|(at, row)| Hit { row: at, score: query.scale * row.scale * scalar(&query, row) as f32 })
                .collect();
            for hit in &all {
                prop_assert_eq!(vectors.score(&query, hit.row), Some(hit.score));
            }
            all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
            all.truncate(k);
            prop_assert_eq!(vectors.scan(&query, k, 2), all);
        }
    }
}
