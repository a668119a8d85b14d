//! What left the shelves, or was put aside, beside what was counted: sales, goods brought back,
//! reservations. A count has in it what was sold before it. Never stored here.

use super::product::Product;
use super::{AsOf, moment};
use jiff::Timestamp;

/// Pieces that were sold at one time; below 0: brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sold {
    pub at: Timestamp,
    pub quantity: i64,
}

/// Pieces that are put aside for somebody, since a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aside {
    pub since: Timestamp,
    pub quantity: i64,
}

/// All that moved of one product, in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moves {
    pub sold: Vec<Sold>,
    /// What is put aside lies in the store still, and is in every count.
    pub aside: Vec<Aside>,
}

impl Moves {
    /// Takes from the count of `product`, as a catalog that was sure at `catalog` has it, what was
    /// sold after it and what is put aside. Where nobody counted there is nothing to take from;
    /// a count of no time is older than any sale. What is left is true since the last of these.
    pub fn apply(&self, product: &mut Product, catalog: Option<&AsOf>) {
        let Some(counted) = product.stock else { return };
        let since = product.stock_as_of.as_ref().or(catalog).and_then(|as_of| moment::first(as_of));
        let sold = self.sold.iter().filter(|sold| since.is_none_or(|since| sold.at > since));
        let (mut left, mut last) = (counted, since);
        let moves = sold.map(|sold| (sold.at, sold.quantity));
        for (at, quantity) in moves.chain(self.aside.iter().map(|aside| (aside.since, aside.quantity))) {
            left = left.saturating_sub(quantity);
            last = last.max(Some(at));
        }
        // More may be sold than was counted, but no fewer than none are there.
        product.stock = Some(left.max(0));
        if last != since {
            product.stock_as_of = last.map(|last| last.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn product(json: &str) -> Product {
        serde_json::from_str(json).unwrap()
    }

    fn sold(time: &str, quantity: i64) -> Sold {
        Sold { at: at(time), quantity }
    }

    #[test]
    fn a_count_has_what_was_sold_before_it() {
        let moves = Moves {
            sold: vec![
                sold("2026-11-26T07:59:59Z", 1),
                sold("2026-11-26T08:00:00Z", 2),
                sold("2026-11-26T08:00:01Z", 4),
                sold("2026-11-26T09:00:00Z", -1),
            ],
            aside: Vec::new(),
        };
        let stock = |json: &str, catalog: Option<&str>| {
            let mut product = product(json);
            moves.apply(&mut product, catalog.map(str::to_owned).as_ref());
            (product.stock, product.stock_as_of)
        };
        let last = Some("2026-11-26T09:00:00Z".to_owned());
        let counted = r#"{"sku":"A","stock":10,"stock_as_of":"2026-11-26T08:00:00Z"}"#;
        assert_eq!(stock(counted, Some("2026-11-27")), (Some(7), last.clone()));
        let plain = r#"{"sku":"A","stock":10}"#;
        assert_eq!(stock(plain, Some("2026-11-26")), (Some(4), last.clone()), "a day begins at midnight");
        assert_eq!(stock(plain, None), (Some(4), last.clone()), "a count of no time is older than any sale");
        assert_eq!(stock(plain, Some("2026-11-27")), (Some(10), None), "it has them all in it");
        assert_eq!(stock(r#"{"sku":"A","stock":2}"#, None), (Some(0), last), "never below none");
        let word = r#"{"sku":"A","availability":"in_stock"}"#;
        assert_eq!(stock(word, None), (None, None), "nobody counted");
    }

    #[test]
    fn what_is_put_aside_is_in_every_count() {
        let aside = vec![Aside { since: at("2026-11-26T07:00:00Z"), quantity: 2 }];
        let mut own = product(r#"{"sku":"A","stock":3,"stock_as_of":"2026-11-26T08:00:00Z"}"#);
        Moves { sold: Vec::new(), aside }.apply(&mut own, None);
        assert_eq!((own.stock, own.stock_as_of.as_deref()), (Some(1), Some("2026-11-26T08:00:00Z")));
    }

    proptest! {
        /// In whatever order moves come: what is left is the count less what was sold after it.
        #[test]
        fn order_does_not_matter(
            moves in proptest::collection::vec((-100i64..100, -20i64..20), 0..30),
            counted in 0i64..200,
            turn in 0usize..30,
        ) {
            let since = at("2026-11-26T08:00:00Z");
            let mut sold: Vec<Sold> = moves
                .iter()
                .map(|(minutes, quantity)| Sold { at: since + minutes.minutes(), quantity: *quantity })
                .collect();
            let after: i64 = moves.iter().filter(|(minutes, _)| *minutes > 0).map(|(_, own)| own).sum();
            let mut results = Vec::new();
            for _ in 0..2 {
                let mut own = product(r#"{"sku":"A","stock_as_of":"2026-11-26T08:00:00Z"}"#);
                own.stock = Some(counted);
                Moves { sold: sold.clone(), aside: Vec::new() }.apply(&mut own, None);
                prop_assert_eq!(own.stock, Some((counted - after).max(0)));
                results.push(own);
                let middle = turn.min(sold.len());
                sold.rotate_left(middle);
                sold.reverse();
            }
            prop_assert_eq!(&results[0], &results[1]);
        }
    }
}
