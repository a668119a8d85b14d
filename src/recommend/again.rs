//! What a customer buys again and again: each product's shopping trips counted, a trip for less
//! the longer it is ago. On a year of real households this finds the next basket better than any
//! other simple rule does (see the measured facts of the design): popularity of the shop is a
//! third of it.

use crate::domain::{Purchase, Sku};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What a trip is still worth a week later.
const WEEKLY: f64 = 0.97;

/// The products of a history with their scores, the best first. Pieces decide only between
/// products that were bought as often.
#[must_use]
pub fn again(history: &[Purchase]) -> Vec<(Sku, f64)> {
    let mut trips: BTreeMap<&Sku, (BTreeSet<u32>, u64)> = BTreeMap::new();
    for Purchase { sku, days_ago, quantity } in history {
        let (days, pieces) = trips.entry(sku).or_default();
        days.insert(*days_ago);
        *pieces += u64::from(*quantity);
    }
    let worth = |days: BTreeSet<u32>| days.into_iter().map(|ago| WEEKLY.powf(f64::from(ago) / 7.0)).sum();
    let mut scored: Vec<(&Sku, f64, u64)> =
        trips.into_iter().map(|(sku, (days, pieces))| (sku, worth(days), pieces)).collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| (Reverse(a.2), a.0).cmp(&(Reverse(b.2), b.0))));
    scored.into_iter().map(|(sku, score, _)| (sku.clone(), score)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bought(sku: &str, days_ago: u32, quantity: u32) -> Purchase {
        Purchase { sku: Sku::new(sku).unwrap(), days_ago, quantity }
    }

    fn order(history: &[Purchase]) -> Vec<String> {
        again(history).into_iter().map(|(sku, _)| sku.to_string()).collect()
    }

    #[test]
    fn what_is_bought_often_comes_first_and_what_is_long_ago_counts_for_less() {
        let weekly = (0..4).map(|week| bought("milk", 7 * week, 1));
        let monthly = (0..2).map(|month| bought("coffee", 30 * month, 1));
        let history: Vec<_> = monthly.chain(weekly).chain([bought("cake", 1, 9)]).collect();
        assert_eq!(order(&history), ["milk", "coffee", "cake"]);
        // Six trips two years ago are worth less than one of today.
        let old: Vec<_> = (0..6).map(|n| bought("tea", 730 + n, 1)).chain([bought("jam", 0, 1)]).collect();
        assert_eq!(order(&old), ["jam", "tea"]);
    }

    #[test]
    fn one_trip_is_one_however_many_pieces_and_rows_it_has() {
        let history = [bought("a", 3, 40), bought("a", 3, 1), bought("b", 3, 1), bought("b", 10, 1)];
        assert_eq!(order(&history), ["b", "a"]);
        assert_eq!(again(&history[..1])[0].1, again(&history[..2])[0].1);
        assert_eq!(order(&[bought("b", 1, 1), bought("c", 1, 2), bought("a", 1, 1)]), ["c", "a", "b"]);
        assert!(again(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn every_product_has_one_place_whatever_the_order_of_rows(
            rows in prop::collection::vec((0..9_u8, 0..36_500_u32, 1..10_000_u32), 0..60)
        ) {
            let history: Vec<_> = rows.iter().map(|(n, ago, pieces)| bought(&format!("p{n}"), *ago, *pieces)).collect();
            let turned: Vec<_> = history.iter().rev().cloned().collect();
            let scored = again(&history);
            prop_assert_eq!(order(&history), order(&turned));
            prop_assert!(scored.iter().all(|(_, score)| *score > 0.0));
            prop_assert!(scored.windows(2).all(|pair| pair[0].1 >= pair[1].1));
            let products: BTreeSet<_> = rows.iter().map(|(n, ..)| n).collect();
            prop_assert_eq!(scored.len(), products.len());
        }
    }
}
