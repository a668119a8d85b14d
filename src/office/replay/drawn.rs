//! Questions that are drawn from a catalog and hold for any: products are found by their own
//! names at their own prices, what must not be sold is not offered, what nobody knows is not
//! said, and things that no product is called after get an honest no. Which products are drawn
//! goes by their numbers alone, so that one catalog after another is asked much the same.

use super::{By, Part, Play, Turn, Wanted};
use crate::domain::digest::Digest;
use crate::domain::{Product, Recall, Sku};
use crate::store::{Catalog, StoreError};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// Products that are called by their names.
const NAMES: usize = 200;
/// Of them, products that are asked for their prices as well.
const PRICES: usize = 50;
/// Products without a price that are asked for it.
const UNPRICED: usize = 20;
/// Products that are stopped for the occasion; of a small catalog, one of so many.
const STOPPED: usize = 10;
const STOPPED_OF: usize = 20;

/// How something is asked for that the shop has not.
const SOUGHT: [&str; 3] = ["Do you have {}?", "Where can I find {}?", "I'm looking for {}."];

/// Things of many trades; who has one of them is not asked for it.
const ELSEWHERE: [&str; 60] = [
    "a chainsaw",
    "a violin",
    "snow chains",
    "a wedding dress",
    "a fishing rod",
    "a tennis racket",
    "a cement mixer",
    "a wheelbarrow",
    "an accordion",
    "a microscope",
    "a parachute",
    "a kayak",
    "ski boots",
    "a saxophone",
    "a telescope",
    "a lawnmower",
    "a trampoline",
    "a surfboard",
    "an anvil",
    "a bassoon",
    "contact lenses",
    "a crossbow",
    "a hovercraft",
    "a harpsichord",
    "a toboggan",
    "a welding torch",
    "a jackhammer",
    "a trombone",
    "a carburettor",
    "a gearbox",
    "an exhaust pipe",
    "roof tiles",
    "a bathtub",
    "a piano",
    "a sewing machine",
    "a wheelchair",
    "hearing aids",
    "a pacemaker",
    "a tractor",
    "a plough",
    "a canoe",
    "a hammock",
    "a snowmobile",
    "a wetsuit",
    "a dartboard",
    "a birdcage",
    "an aquarium",
    "a saddle",
    "horseshoes",
    "a beehive",
    "a greenhouse",
    "a scarecrow",
    "a chandelier",
    "a grandfather clock",
    "a typewriter",
    "a gramophone",
    "a sextant",
    "a periscope",
    "an oscilloscope",
    "a defibrillator",
];

/// Words that nobody has made a product of; none is near an English one.
const MADE_UP: [&str; 20] = [
    "brelzoquindar",
    "vuxtomplique",
    "zafgrondelix",
    "quorvemsplat",
    "mivzantropul",
    "dwexolfrimbat",
    "hulmpzorvate",
    "jaxdribnolute",
    "kwembrafluzo",
    "plivzunghast",
    "skorbjamwix",
    "tvelqunoprad",
    "ubzafrelmonk",
    "wroxdinplavu",
    "yombzekralt",
    "gnuvtaxolimp",
    "chuzblarqued",
    "frimpzovlatch",
    "ozblentwarqu",
    "trumvoxzedil",
];

/// What is drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drawn {
    pub plays: Vec<Play>,
    /// Must be recalled before they are played.
    pub recalls: Vec<Recall>,
}

/// Draws from a catalog. Products of `spared` are not stopped.
///
/// # Errors
/// The catalog cannot be read.
pub fn draw(catalog: &Catalog, spared: &BTreeSet<Sku>, now: Timestamp) -> Result<Drawn, StoreError> {
    let mut lots = Lots::new(NAMES + STOPPED + spared.len());
    let mut unpriced = Lots::new(UNPRICED);
    let mut products = 0;
    catalog.for_each_product(|product| {
        products += 1;
        if product.title.is_some() {
            if product.price_cents.is_none() && product.promotion.is_none() {
                unpriced.add(&product);
            }
            lots.add(&product);
        }
    })?;
    let mut drawn = lots.drawn();
    let mut stopped = Vec::new();
    while stopped.len() < STOPPED.min(products / STOPPED_OF)
        && let Some(at) = drawn.iter().rposition(|product| !spared.contains(&product.sku))
    {
        stopped.push(drawn.remove(at));
    }
    let is_stopped = |sku: &Sku| stopped.iter().any(|product| product.sku == *sku);
    let mut all = Drawn::default();
    let mut asks = |says: String, by, part, wanted| {
        all.plays.push(Play { name: "drawn".to_owned(), turns: vec![Turn { says, by, wanted, part }] });
    };
    for (at, product) in drawn.iter().take(NAMES).enumerate() {
        let (sku, label, price_cents) = (product.sku.clone(), product.label(), product.price_at(now));
        if at < PRICES && price_cents.is_some() {
            let price = Wanted::Price { sku: sku.clone(), price_cents };
            asks(label.clone(), By::Touch, Part::Names, price);
        }
        asks(label.clone(), By::Search, Part::Names, Wanted::Named { sku, label });
    }
    for product in unpriced.drawn().iter().filter(|product| !is_stopped(&product.sku)) {
        let wanted = Wanted::Price { sku: product.sku.clone(), price_cents: None };
        asks(product.label(), By::Touch, Part::Honest, wanted);
    }
    for product in &stopped {
        let says = format!("Do you have {}?", product.label());
        asks(says, By::Words, Part::Honest, Wanted::Stopped { sku: product.sku.clone() });
    }
    let carried = catalog.vocabulary()?.words;
    let things = ELSEWHERE.iter().chain(&MADE_UP).filter(|thing| is_elsewhere(thing, &carried));
    for (thing, sought) in things.zip(SOUGHT.iter().cycle()) {
        asks(sought.replace("{}", thing), By::Words, Part::Honest, Wanted::NotCarried);
    }
    if !stopped.is_empty() {
        let skus = stopped.into_iter().map(|product| product.sku).collect();
        let text = "To see that it is not offered.".to_owned();
        all.recalls =
            vec![Recall { id: "replay".to_owned(), skus, gtins: Vec::new(), lot: None, text, since: now }];
    }
    Ok(all)
}

/// Whether no product is called after any of its words.
fn is_elsewhere(thing: &str, carried: &BTreeMap<String, u32>) -> bool {
    let is_carried = |word: &str| {
        let word = word.trim_end_matches('s');
        [word.to_owned(), format!("{word}s")].iter().any(|form| carried.contains_key(form))
    };
    thing.split(' ').filter(|word| !["a", "an"].contains(word)).all(|word| !is_carried(word))
}

/// Some products of many: those whose numbers have the smallest digests.
struct Lots {
    most: usize,
    kept: BinaryHeap<(Digest, Sku)>,
    products: BTreeMap<Sku, Product>,
}

impl Lots {
    fn new(most: usize) -> Self {
        Self { most, kept: BinaryHeap::new(), products: BTreeMap::new() }
    }

    fn add(&mut self, product: &Product) {
        let lot = (Digest::of(product.sku.as_str().as_bytes()), product.sku.clone());
        if self.kept.len() == self.most && self.kept.peek().is_none_or(|worst| lot >= *worst) {
            return;
        }
        self.kept.push(lot);
        self.products.insert(product.sku.clone(), product.clone());
        if self.kept.len() > self.most
            && let Some((_, gone)) = self.kept.pop()
        {
            self.products.remove(&gone);
        }
    }

    fn drawn(mut self) -> Vec<Product> {
        let kept = self.kept.into_sorted_vec();
        kept.iter().filter_map(|(_, sku)| self.products.remove(sku)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::office::content::{Imported, Taking};

    fn catalog(rows: usize, more: &str) -> (tempfile::TempDir, Imported) {
        let folder = tempfile::tempdir().unwrap();
        let mut text = r#"{"record":"catalog","format":1,"name":"A","currency":"USD"}"#.to_owned();
        for n in 0..rows {
            text += &format!(
                "\n{{\"record\":\"product\",\"sku\":\"P-{n}\",\"title\":\"Thing {n}\",\"price_cents\":{n}}}"
            );
        }
        let path = folder.path().join("catalog.jsonl");
        std::fs::write(&path, format!("{text}\n{more}")).unwrap();
        let taking = Taking { max_price_cents: i64::MAX, ..Taking::default() };
        let imported = Imported::read(&path, &taking, folder.path()).unwrap();
        (folder, imported)
    }

    fn skus(drawn: &Drawn, part: Part) -> BTreeSet<Sku> {
        let turns = drawn.plays.iter().flat_map(|play| &play.turns).filter(|turn| turn.part == part);
        let plays: Vec<Play> =
            turns.map(|turn| Play { name: String::new(), turns: vec![turn.clone()] }).collect();
        super::super::named(&plays)
    }

    #[test]
    fn the_same_products_are_drawn_from_one_catalog_after_another() {
        let now = Timestamp::UNIX_EPOCH;
        let (_one, first) = catalog(600, "");
        let (_two, second) = catalog(630, "");
        let none = BTreeSet::new();
        let drawn = [&first, &second].map(|own| draw(own.catalog(), &none, now).unwrap());
        let names = [&drawn[0], &drawn[1]].map(|drawn| skus(drawn, Part::Names));
        assert_eq!(names[0].len(), NAMES);
        assert!(names[0].intersection(&names[1]).count() > 170, "5 % more products change few of the drawn");
        let stopped: BTreeSet<Sku> = drawn[0].recalls[0].skus.iter().cloned().collect();
        assert_eq!(stopped.len(), STOPPED);
        assert!(stopped.is_disjoint(&names[0]), "what is stopped is not asked for as if it were sold");
        let spared = draw(first.catalog(), &stopped, now).unwrap();
        let others: BTreeSet<Sku> = spared.recalls[0].skus.iter().cloned().collect();
        assert!(others.is_disjoint(&stopped) && others.len() == STOPPED);
    }

    #[test]
    fn what_a_shop_has_is_not_asked_for_as_if_it_had_not() {
        let more = r#"{"record":"product","sku":"V","title":"Violins for Beginners"}"#;
        let (_folder, imported) = catalog(3, more);
        let drawn = draw(imported.catalog(), &BTreeSet::new(), Timestamp::UNIX_EPOCH).unwrap();
        let says: Vec<&str> =
            drawn.plays.iter().flat_map(|play| &play.turns).map(|turn| turn.says.as_str()).collect();
        assert!(!says.iter().any(|says| says.contains("a violin")), "{says:?}");
        assert!(says.contains(&"Do you have a chainsaw?") && says.contains(&"Violins for Beginners"));
        assert!(drawn.recalls.is_empty(), "of three products none is stopped");
    }
}
