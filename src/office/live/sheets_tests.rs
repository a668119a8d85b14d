use super::*;
use crate::office::live::retained::Heard;
use crate::sync::accept::Signed;
use crate::sync::wire::samples::{at, name, sku};
use crate::sync::wire::{self, Message};
use proptest::prelude::*;

fn hour(hour: u32) -> Timestamp {
    at("2026-11-26T00:00:00Z") + jiff::SignedDuration::from_hours(hour.into())
}

fn price(product: &str, cents: i64, known: u32) -> Price {
    Price { sku: sku(product), price_cents: Some(cents), promotion: None, as_of: Some(hour(known)) }
}

fn says(price_cents: i64, since: u32) -> Known {
    Known { price_cents: Some(price_cents), price_as_of: Some(hour(since)), ..Known::default() }
}

/// The catalog of version 12 in so many shards.
fn basis(shards: u8, known: &[(&str, Known)]) -> Basis {
    Basis::made(12, shards, known.iter().map(|(product, known)| (sku(product), known.clone())))
}

fn store() -> Name {
    name("s042")
}

/// Bases of what was said and has arrived.
fn after(plan: &Plan<Prices>) -> Vec<Base<Prices>> {
    let heard = |message: &Prices| Heard { message: message.clone(), counts: true, is_current: true };
    plan.shards.iter().map(|own| Base::of(own.as_ref(), own.as_ref().map(heard))).collect()
}

fn lay(bases: &[Base<Prices>], rows: &[Price], basis: &Basis) -> (Plan<Prices>, Difference) {
    plan(&store(), bases, rows, Some(basis), hour(20)).unwrap()
}

fn prices(plan: &Plan<Prices>) -> BTreeMap<String, i64> {
    let rows = plan.shards.iter().flatten().flat_map(|message| &message.rows);
    rows.map(|row| (row.sku.to_string(), row.price_cents.unwrap())).collect()
}

fn stands(expected: &[(&str, i64)]) -> BTreeMap<String, i64> {
    expected.iter().map(|(product, cents)| ((*product).to_owned(), *cents)).collect()
}

#[test]
fn rows_add_up_and_the_surer_one_counts() {
    let basis = basis(1, &[]);
    let (first, told) = lay(&[], &[price("A", 100, 5), price("B", 200, 5)], &basis);
    assert_eq!(told, Difference { added: 2, after: 2, ..Difference::default() });
    assert_eq!((first.send.clone(), first.new), (vec![0], 1));
    let message = first.shards[0].as_ref().unwrap();
    assert_eq!((message.version, message.catalog, message.issued), (1, 12, hour(20)));

    let rows = [price("A", 101, 6), price("B", 199, 4), price("C", 300, 1)];
    let (second, told) = lay(&after(&first), &rows, &basis);
    let expected =
        Difference { before: 2, after: 3, added: 1, replaced: 1, older: 1, ..Difference::default() };
    assert_eq!(told, expected);
    assert_eq!(prices(&second), stands(&[("A", 101), ("B", 200), ("C", 300)]));
    assert_eq!(second.shards[0].as_ref().unwrap().version, 2);

    // The same file again says nothing new; of equally sure rows the later one counts.
    let (again, told) = lay(&after(&second), &rows, &basis);
    assert_eq!((told.same, told.older, again.send.clone(), again.new), (2, 1, vec![], 0));
    assert_eq!(again.shards, second.shards);
    let (third, told) = lay(&after(&second), &[price("A", 99, 6)], &basis);
    assert_eq!((told.replaced, prices(&third)["A"]), (1, 99));
}

#[test]
fn what_the_catalog_says_as_surely_is_left_out_and_dropped() {
    let none = basis(1, &[]);
    let rows = [price("A", 100, 5), price("B", 200, 5), price("C", 300, 5), price("D", 400, 5)];
    let (first, _) = lay(&[], &rows, &none);
    let later = Basis::made(
        13,
        1,
        [
            (sku("A"), says(100, 6)),
            (sku("B"), says(250, 6)),
            (sku("C"), says(300, 4)),
            (sku("D"), Known { price_cents: Some(400), ..Known::default() }),
        ],
    );
    // A is there and surer, B is overtaken; C is surer here; nobody knows how sure D is there.
    let (second, told) = lay(&after(&first), &[price("E", 1, 5)], &later);
    assert_eq!((told.dropped, told.added, told.after), (2, 1, 3));
    assert_eq!(prices(&second), stands(&[("C", 300), ("D", 400), ("E", 1)]));
    assert_eq!(second.shards[0].as_ref().unwrap().catalog, 13);
    // What comes anew and is there already is not sent; as sure and different, it is.
    let rows = [price("A", 100, 6), price("B", 251, 6), price("C", 300, 3)];
    let (third, told) = lay(&after(&second), &rows, &later);
    assert_eq!((told.in_catalog, told.added, told.older), (1, 1, 1));
    assert_eq!(prices(&third), stands(&[("B", 251), ("C", 300), ("D", 400), ("E", 1)]));
    // When the last row goes, an empty message says so.
    let all = Basis::made(14, 1, ["B", "C", "D", "E"].map(|product| (sku(product), says(1, 19))));
    let (fourth, told) = lay(&after(&third), &[], &all);
    assert_eq!((told.dropped, told.after, fourth.send.clone()), (4, 0, vec![0]));
    let last = fourth.shards[0].as_ref().unwrap();
    assert_eq!((last.version, last.rows.len()), (4, 0));
    let (fifth, _) = lay(&after(&fourth), &[], &all);
    assert_eq!((fifth.send.len(), fifth.new), (0, 0));
    // Where nothing was ever said, nothing is said of nothing.
    let (nothing, _) = lay(&[], &[price("B", 2, 3)], &all);
    assert_eq!((nothing.shards.len(), nothing.send.len()), (0, 0));
}

#[test]
fn only_shards_with_changes_are_sent_and_their_number_never_shrinks() {
    let four = basis(4, &[]);
    let rows: Vec<Price> = (0..100).map(|n| price(&format!("P-{n}"), n, 5)).collect();
    let (first, _) = lay(&[], &rows, &four);
    assert_eq!((first.shards.len(), first.send.clone()), (4, vec![3, 2, 1, 0]));
    for (at, message) in first.shards.iter().enumerate() {
        let rows = &message.as_ref().unwrap().rows;
        assert!(rows.iter().all(|row| usize::from(shard_of(&row.sku, 4)) == at));
    }
    let (second, _) = lay(&after(&first), &[price("P-7", 1, 6)], &basis(1, &[]));
    let changed = shard_of(&sku("P-7"), 4);
    assert_eq!((second.shards.len(), second.send.clone()), (4, vec![changed]));
    let versions = second.shards.iter().flatten().map(|message| message.version).collect::<Vec<_>>();
    assert_eq!(versions.iter().sum::<u64>(), 5, "{versions:?}");
}

#[test]
fn shards_are_doubled_until_each_message_fits() {
    let long = |n: i64| {
        let mut row = price(&format!("P-{n}-{}", "x".repeat(50)), n, 5);
        let label = Some("Ü".repeat(300));
        row.promotion = Some(crate::domain::Promotion { price_cents: 1, from: None, until: None, label });
        row
    };
    let one = basis(1, &[]);
    let rows: Vec<Price> = (0..600).map(long).collect();
    let (first, told) = lay(&[], &rows[..100], &one);
    assert_eq!((first.shards.len(), told.after), (1, 100));
    let (second, told) = lay(&after(&first), &rows, &one);
    assert_eq!((told.added, told.same, told.after), (500, 100, 600));
    assert!(second.shards.len() > 4, "{}", second.shards.len());
    assert!(second.send.is_sorted_by(|one, other| one > other), "what is new comes before what it leaves");
    assert_eq!(prices(&second).len(), 600);
    for message in second.shards.iter().flatten() {
        assert!(wire::write(message).unwrap().len() <= ROOM + 256);
    }
    // Cut off between two of the messages, as an old program reads them: none is missing.
    let mut half = after(&first);
    half.resize(second.shards.len(), Base::nothing());
    for at in second.send.iter().take(3) {
        half[usize::from(*at)] = after(&second)[usize::from(*at)].clone();
    }
    let (third, told) = lay(&half, &rows, &one);
    assert_eq!((told.after, prices(&third).len()), (600, 600));
    // Many short rows are too many as well.
    let many: Vec<Price> = (0..7_000).map(|n| price(&format!("{n}"), 1, 5)).collect();
    let (fourth, _) = lay(&[], &many, &one);
    assert!(fourth.shards.len() >= 8 && fourth.shards.iter().flatten().all(|one| one.check().is_ok()));
    // And more than all messages together hold is refused.
    let rows: Vec<Price> = (0..12_000).map(long).collect();
    let error = plan::<Prices>(&store(), &[], &rows, Some(&one), hour(20)).unwrap_err().to_string();
    assert!(error.contains("s042") && error.contains("publish a catalog"), "{error}");
}

#[test]
fn the_broker_gets_what_it_lacks_under_the_same_version() {
    let one = basis(1, &[]);
    let (first, _) = lay(&[], &[price("A", 100, 5)], &one);
    let own = first.shards[0].as_ref();
    let (second, told) = lay(&[Base::of(own, None)], &[], &one);
    assert_eq!((second.send.clone(), second.new, told.before), (vec![0], 0, 1));
    assert_eq!(second.shards, first.shards);
    // With something more it is a new version at once.
    let (third, _) = lay(&[Base::of(own, None)], &[price("B", 1, 5)], &one);
    assert_eq!(third.shards[0].as_ref().unwrap().version, 2);
}

#[test]
fn an_old_copy_goes_on_from_what_was_said_meanwhile() {
    let one = basis(1, &[]);
    let (first, _) = lay(&[], &[price("A", 100, 5)], &one);
    let (meanwhile, _) = lay(&after(&first), &[price("A", 101, 6), price("B", 1, 6)], &one);
    let heard = |message: &Prices| Heard { message: message.clone(), counts: true, is_current: true };
    let base = Base::of(first.shards[0].as_ref(), meanwhile.shards[0].as_ref().map(heard));
    let (next, told) = lay(&[base], &[price("C", 2, 6)], &one);
    assert_eq!((told.before, next.shards[0].as_ref().unwrap().version), (2, 3));
    assert_eq!(prices(&next), stands(&[("A", 101), ("B", 1), ("C", 2)]));
    // Two copies used one version for two things: both count, under the next.
    let (other, _) = lay(&after(&first), &[price("A", 102, 7), price("D", 3, 6)], &one);
    let base = Base::of(other.shards[0].as_ref(), meanwhile.shards[0].as_ref().map(heard));
    let (next, _) = plan(&store(), &[base], &[], None, hour(20)).unwrap();
    let message = next.shards[0].as_ref().unwrap();
    assert_eq!((message.version, message.catalog, next.new), (3, 12, 1));
    assert_eq!(prices(&next), stands(&[("A", 102), ("B", 1), ("D", 3)]));
}

#[test]
fn times_that_lie_ahead_are_put_right_and_left_out_ones_are_those_of_their_message() {
    let one = basis(1, &[]);
    // Adopted from the broker: written when the clock was wrong, and a row without a time.
    let mut message = Prices::new(12, 1, hour(30), vec![price("A", 1, 30), price("B", 2, 30)]);
    message.rows[1].as_of = None;
    let base = Base { floor: 1, said: vec![message], stays: true, is_there: true };
    let (next, _) = lay(&[base], &[], &one);
    let message = next.shards[0].as_ref().unwrap();
    assert!(message.rows.iter().all(|row| row.as_of == Some(hour(20))), "{message:?}");
    assert!(message.check().is_ok() && message.version() == 2);
}

#[test]
fn counts_are_told_like_prices() {
    let count = |stock, known| Count { sku: sku("A"), stock, availability: None, as_of: Some(hour(known)) };
    let basis = Basis::made(
        12,
        1,
        [(sku("A"), Known { stock: Some(4), stock_as_of: Some(hour(3)), ..Known::default() })],
    );
    let lay = |rows: &[Count]| plan::<Counts>(&store(), &[], rows, Some(&basis), hour(20)).unwrap();
    assert_eq!(lay(&[count(Some(9), 2)]).1.in_catalog, 1);
    assert_eq!(lay(&[count(Some(4), 3)]).1.in_catalog, 1);
    assert_eq!(lay(&[count(None, 3)]).1.added, 1, "that nobody knows any more is news");
}

proptest! {
    /// Whatever comes in whatever order, over whatever crashes: each product's surest row stands,
    /// and no version is used for two things.
    #[test]
    fn versions_only_grow_and_the_surest_rows_stand(
        runs in prop::collection::vec(
            (prop::collection::btree_map(0_u8..12, (0_i64..3, 0_u32..6), 0..6), any::<bool>(), 0_u8..3), 1..12)
    ) {
        let mut written: Vec<Option<Prices>> = Vec::new();
        let mut kept: BTreeMap<usize, Prices> = BTreeMap::new();
        let mut seen: BTreeMap<(usize, u64), Prices> = BTreeMap::new();
        let mut surest: BTreeMap<String, (u32, i64)> = BTreeMap::new();
        for (rows, arrives, shards) in runs {
            let rows: Vec<Price> =
                rows.iter().map(|(n, (cents, known))| price(&format!("P-{n}"), *cents, *known)).collect();
            let count = written.len().max(kept.keys().next_back().map_or(0, |at| (at + 1).next_power_of_two()));
            let heard = |at: usize| {
                kept.get(&at).map(|message| Heard { message: message.clone(), counts: true, is_current: true })
            };
            let bases: Vec<Base<Prices>> =
                (0..count).map(|at| Base::of(written.get(at).and_then(Option::as_ref), heard(at))).collect();
            let (plan, _) = lay(&bases, &rows, &basis(1 << shards, &[]));
            written = plan.shards.clone();
            for row in &rows {
                let seconds = row.as_of.unwrap().as_second() - hour(0).as_second();
                let (known, cents) = (u32::try_from(seconds / 3600).unwrap(), row.price_cents.unwrap());
                let stands = surest.entry(row.sku.to_string()).or_insert((known, cents));
                if known >= stands.0 {
                    *stands = (known, cents);
                }
            }
            // A command that was cut off sends none, or the first of them.
            let sent = if arrives { plan.send.len() } else { plan.send.len().min(1) };
            for at in plan.send.iter().take(sent).map(|at| usize::from(*at)) {
                let message = plan.shards[at].clone().unwrap();
                let before = kept.insert(at, message.clone());
                prop_assert!(before.is_none_or(|before| before.version <= message.version));
                let same = seen.entry((at, message.version)).or_insert_with(|| message.clone());
                prop_assert_eq!(&*same, &message);
            }
            let expected = surest.iter().map(|(product, (_, cents))| (product.clone(), *cents)).collect();
            prop_assert_eq!(prices(&plan), expected);
        }
    }
}
