//! What was found, and the part of it that the shopper narrowed it to by touch. Pure.

use super::command::{Browse, PAGE};
use super::shelf::Good;
use crate::view::card::{Card, Stock};
use crate::view::results::{Facet, Found, Label, Model};
use std::collections::{BTreeMap, BTreeSet};

/// Most values offered of one facet.
const VALUES: usize = 6;
/// Fewest products that are worth narrowing.
const WORTH: usize = 4;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Goods {
    /// What was asked for, as it is shown.
    pub title: String,
    /// The assistant's answer.
    pub answer: String,
    /// Best first.
    pub goods: Vec<Good>,
    /// Keys of the chosen facets.
    pub chosen: BTreeSet<String>,
    /// The answer is a question, for yes or no.
    pub asks: bool,
    /// What was browsed to; `None`: it was searched for.
    pub source: Option<Browse>,
    /// There are more of them than these.
    pub is_cut: bool,
}

impl Goods {
    /// Chooses a facet, or no longer.
    pub fn toggle(&mut self, key: &str) {
        if !self.chosen.remove(key) {
            self.chosen.insert(key.to_owned());
        }
    }

    /// Whether these are more of a page that is open already.
    #[must_use]
    pub fn is_grown(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.most() > Some(PAGE))
    }

    /// The page.
    #[must_use]
    pub fn model(&self) -> Model {
        let mut kept: Vec<&Good> = self.goods.iter().filter(|good| self.fits(good, None)).collect();
        if self.chosen.contains("cheapest") {
            kept.sort_by_key(|good| good.card.price.unwrap_or(i64::MAX));
        }
        let cards: Vec<Card> = kept.iter().map(|good| good.card.clone()).collect();
        let found = match cards.first() {
            None => Found::Nothing,
            Some(first) if first.instead => Found::Instead,
            Some(_) => Found::All,
        };
        Model {
            query: self.title.clone(),
            answer: self.answer.clone(),
            found,
            asks: self.asks,
            total: cards.len(),
            is_cut: self.is_cut,
            narrowed_from: if self.chosen.is_empty() { 0 } else { self.goods.len() },
            is_growing: self.source.clone().is_some_and(|source| source.grown(PAGE).is_some()),
            facets: self.facets(),
            cards,
        }
    }

    /// Whether a product has all that was chosen: of brands and of kinds one, of all else
    /// each. What `but` belongs to does not count: so many there would be with it.
    fn fits(&self, good: &Good, but: Option<&str>) -> bool {
        let group = |key: &str| key.split_once(':').map_or(key.to_owned(), |(group, _)| group.to_owned());
        let is_open = |name: &str| but.is_some_and(|but| group(but) == name);
        let one_of = |name: &str| {
            let mut own = self.chosen.iter().filter(|key| group(key) == name).peekable();
            is_open(name) || own.peek().is_none() || own.any(|key| has(good, key))
        };
        let rest = self.chosen.iter().filter(|key| !matches!(group(key).as_str(), "brand" | "kind"));
        one_of("brand") && one_of("kind") && rest.into_iter().all(|key| has(good, key))
    }

    fn facets(&self) -> Vec<Facet> {
        if self.goods.len() < WORTH {
            return Vec::new();
        }
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for good in &self.goods {
            for key in keys(good) {
                let fits = u64::from(self.fits(good, Some(&key)));
                *counts.entry(key).or_default() += fits;
            }
        }
        let of = |group: &str| {
            let mut own: Vec<(&String, u64)> = counts
                .iter()
                .filter(|(key, count)| {
                    key.split(':').next() == Some(group) && (**count > 0 || self.chosen.contains(*key))
                })
                .map(|(key, count)| (key, *count))
                .collect();
            own.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            own.truncate(VALUES);
            // What all of them are divides nothing.
            own.retain(|(key, count)| *count < self.goods.len() as u64 || self.chosen.contains(*key));
            own
        };
        let facet = |(key, count): (&String, u64)| {
            let value = key.split_once(':').map_or("", |(_, value)| value);
            let label = match key.split(':').next() {
                Some("diet") => Label::Dietary(value.to_owned()),
                Some("stock") => Label::InStock,
                Some("offer") => Label::OnOffer,
                _ => Label::Own(value.to_owned()),
            };
            Facet { key: key.clone(), label, count: Some(count), chosen: self.chosen.contains(key) }
        };
        let mut facets: Vec<Facet> =
            ["stock", "offer", "kind", "diet", "brand"].into_iter().flat_map(of).map(facet).collect();
        if self.goods.iter().filter(|good| good.card.price.is_some()).count() > 1 {
            let chosen = self.chosen.contains("cheapest");
            let cheapest = Facet { key: "cheapest".into(), label: Label::CheapestFirst, count: None, chosen };
            facets.insert(0, cheapest);
        }
        facets
    }
}

fn keys(good: &Good) -> Vec<String> {
    let product = &good.product;
    let mut keys: Vec<String> = product.dietary.iter().map(|word| format!("diet:{word}")).collect();
    keys.extend(product.brand.iter().map(|brand| format!("brand:{brand}")));
    keys.extend(product.category.last().map(|kind| format!("kind:{kind}")));
    keys.extend(matches!(good.card.stock, Stock::In | Stock::Low).then(|| "stock".to_owned()));
    keys.extend(good.card.regular.is_some().then(|| "offer".to_owned()));
    keys
}

fn has(good: &Good, key: &str) -> bool {
    key == "cheapest" || keys(good).iter().any(|own| own == key)
}

#[cfg(test)]
mod tests {
    use super::super::shelf::Light;
    use super::*;
    use crate::domain::Currency;

    fn goods() -> Goods {
        let light = Light { now: jiff::Timestamp::UNIX_EPOCH, currency: Currency::Usd, as_of: None };
        let good = |json: &str| {
            let product = serde_json::from_str(json).unwrap();
            light.good(crate::dialog::findings::Found::new(product, ""))
        };
        let goods = vec![
            good(
                r#"{"sku":"1","title":"A","brand":"Oatly","category":["Dairy","Plant Milk"],"price_cents":300,"stock":9,"dietary":["vegan"]}"#,
            ),
            good(
                r#"{"sku":"2","title":"B","brand":"Alpro","category":["Dairy","Plant Milk"],"price_cents":200,"stock":0,"dietary":["vegan"]}"#,
            ),
            good(
                r#"{"sku":"3","title":"C","brand":"Arla","category":["Dairy","Milk"],"price_cents":100,"stock":9}"#,
            ),
            good(r#"{"sku":"4","title":"D","brand":"Arla","category":["Dairy","Milk"],"stock":9}"#),
        ];
        Goods { title: "milk".into(), goods, ..Goods::default() }
    }

    fn shown(goods: &Goods) -> Vec<String> {
        goods.model().cards.iter().map(|card| card.title.clone()).collect()
    }

    #[test]
    fn brands_widen_each_other_and_all_else_narrows() {
        let mut goods = goods();
        goods.toggle("brand:Oatly");
        goods.toggle("brand:Alpro");
        assert_eq!(shown(&goods), ["A", "B"]);
        goods.toggle("stock");
        assert_eq!(shown(&goods), ["A"]);
        goods.toggle("diet:vegan");
        goods.toggle("brand:Oatly");
        goods.toggle("brand:Alpro");
        assert_eq!(shown(&goods), ["A"]);
    }

    #[test]
    fn counts_say_how_many_there_would_be() {
        let mut goods = goods();
        goods.toggle("stock");
        let count = |goods: &Goods, key: &str| {
            goods.model().facets.into_iter().find(|facet| facet.key == key).and_then(|facet| facet.count)
        };
        assert_eq!(count(&goods, "kind:Plant Milk"), Some(1));
        assert_eq!(count(&goods, "brand:Arla"), Some(2));
        goods.toggle("brand:Arla");
        assert_eq!(count(&goods, "brand:Oatly"), Some(1), "a second brand adds");
        assert_eq!(count(&goods, "kind:Plant Milk"), None, "nothing would be left");
    }

    #[test]
    fn the_cheapest_come_first_and_the_unknown_last() {
        let mut goods = goods();
        goods.toggle("cheapest");
        assert_eq!(shown(&goods), ["C", "B", "A", "D"]);
        assert_eq!(Goods::default().model().found, Found::Nothing);
    }
}
