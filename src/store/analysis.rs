//! A product as the search sees it: its fields as analysed words, ready for
//! the full-text table, and the tally of all words for the vocabulary.

use super::words::{Analyst, Word, heads};
use crate::domain::{Attribute, Product};
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Stands between the phrases of a field (synonyms, heads); the full-text
/// tokenizer skips it.
pub(super) const BREAK: &str = " | ";

/// A product's row of the `search` table, stems separated by spaces.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Fields {
    pub title: String,
    pub synonyms: String,
    pub brand: String,
    /// The narrowest category.
    pub kind: String,
    /// The wider categories.
    pub category: String,
    /// Dietary words, attribute values and the names of true ones, pack size.
    pub traits: String,
    pub description: String,
    pub heads: String,
}

impl Fields {
    /// Writes the rows of the full-text tables.
    pub(super) fn insert(&self, conn: &Connection, id: i64) -> rusqlite::Result<()> {
        conn.prepare_cached(
            "INSERT INTO search (rowid, title, synonyms, brand, kind, category, description, traits, heads) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            id,
            self.title,
            self.synonyms,
            self.brand,
            self.kind,
            self.category,
            self.description,
            self.traits,
            self.heads,
        ])?;
        let all = [&self.title, &self.synonyms, &self.brand, &self.kind, &self.category];
        let all: Vec<&str> =
            all.into_iter().chain([&self.traits, &self.description]).map(String::as_str).collect();
        conn.prepare_cached("INSERT INTO anywhere (rowid, words) VALUES (?1, ?2)")?
            .execute(params![id, all.join(" ")])?;
        Ok(())
    }
}

/// How often a word of names occurs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct WordCount {
    pub stem: String,
    pub products: u32,
    /// Products of which it says what they are.
    pub heads: u32,
}

/// In how many products a stem occurs: anywhere, and outside descriptions.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct StemCount {
    pub products: u32,
    pub named: u32,
}

/// Analyses products and counts their words.
#[derive(Default)]
pub(super) struct Tally {
    analyst: Analyst,
    pub words: BTreeMap<String, WordCount>,
    pub stems: HashMap<String, StemCount>,
}

impl Tally {
    /// The product's fields; counts their words.
    pub(super) fn add(&mut self, product: &Product) -> Fields {
        let analyst = &mut self.analyst;
        let brand = analyst.words(product.brand.as_deref().unwrap_or_default());
        // What has no name is found by what it is called instead; a mere number is
        // no name.
        let is_called = product.title.is_some() || !product.category.is_empty();
        let title = if is_called { analyst.words(&product.label()) } else { Vec::new() };
        let foreign = product.languages.values().flat_map(|texts| texts.title.iter().chain(&texts.synonyms));
        let synonyms: Vec<Vec<Word>> =
            product.synonyms.iter().chain(foreign).map(|text| analyst.words(text)).collect();
        let (kind, wider) = product.category.split_last().map_or((None, &[][..]), |(k, w)| (Some(k), w));
        let kind = kind.map_or_else(Vec::new, |text| analyst.words(text));
        let category: Vec<Word> = wider.iter().flat_map(|text| analyst.words(text)).collect();
        let mut traits: Vec<Word> = product.dietary.iter().flat_map(|text| analyst.words(text)).collect();
        for (name, attribute) in &product.attributes {
            match attribute {
                // A thing is known for what it has, not for what it lacks.
                Attribute::Flag(has) => traits.extend(has.then(|| analyst.words(name)).into_iter().flatten()),
                stated => traits.extend(analyst.words(&stated.to_string())),
            }
        }
        if let Some(pack) = &product.pack {
            traits.extend(analyst.words(&format!("{} {}", pack.amount, pack.unit.symbol())));
            if pack.count > 1 {
                traits.extend(analyst.words(&format!("{} pack", pack.count)));
            }
        }
        let description = analyst.words(product.description.as_deref().unwrap_or_default());

        let mut head_phrases = vec![heads(unbranded(&title, &brand))];
        head_phrases.extend(synonyms.iter().map(|phrase| heads(unbranded(phrase, &brand))));
        let fields = Fields {
            title: stems(&title),
            synonyms: synonyms.iter().map(|phrase| stems(phrase)).collect::<Vec<_>>().join(BREAK),
            brand: stems(&brand),
            kind: stems(&kind),
            category: stems(&category),
            traits: stems(&traits),
            description: stems(&description),
            heads: head_phrases
                .iter()
                .map(|words| words.iter().map(|w| w.stem.as_str()).collect::<Vec<_>>().join(" "))
                .filter(|phrase| !phrase.is_empty())
                .collect::<Vec<_>>()
                .join(BREAK),
        };
        let head_words: BTreeSet<&str> =
            head_phrases.iter().flatten().chain(&heads(&kind)).map(|word| word.text.as_str()).collect();
        let named = [&title, &brand, &kind, &category, &traits];
        let named: BTreeMap<&str, &str> = (named.into_iter().flatten().chain(synonyms.iter().flatten()))
            .map(|word| (word.text.as_str(), word.stem.as_str()))
            .collect();
        let named_stems: BTreeSet<&str> = named.values().copied().collect();
        let all_stems: BTreeSet<&str> =
            named_stems.iter().copied().chain(description.iter().map(|word| word.stem.as_str())).collect();
        for (word, stem) in &named {
            let count = entry(&mut self.words, word);
            if count.stem.is_empty() {
                (*stem).clone_into(&mut count.stem);
            }
            count.products += 1;
            count.heads += u32::from(head_words.contains(word));
        }
        for stem in all_stems {
            let count = match self.stems.get_mut(stem) {
                Some(count) => count,
                None => self.stems.entry(stem.to_owned()).or_default(),
            };
            count.products += 1;
            count.named += u32::from(named_stems.contains(stem));
        }
        fields
    }
}

fn entry<'a>(words: &'a mut BTreeMap<String, WordCount>, word: &str) -> &'a mut WordCount {
    if !words.contains_key(word) {
        words.insert(word.to_owned(), WordCount::default());
    }
    words.entry(word.to_owned()).or_default()
}

/// A name without the brand that it starts with, unless nothing is left.
fn unbranded<'a>(name: &'a [Word], brand: &[Word]) -> &'a [Word] {
    let starts = name.len() > brand.len() && name.iter().zip(brand).all(|(n, b)| n.stem == b.stem);
    if starts { name.get(brand.len()..).unwrap_or_default() } else { name }
}

fn stems(words: &[Word]) -> String {
    words.iter().map(|word| word.stem.as_str()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_counts_of_a_product() {
        let product: Product = serde_json::from_str(
            r#"{"sku":"A","title":"Oatly Oat Drink 1 L","brand":"Oatly","category":["Dairy & Eggs","Plant Milk"],
                "synonyms":["oat milk"],"description":"Made of oats.","dietary":["vegan"]}"#,
        )
        .unwrap();
        let mut tally = Tally::default();
        let fields = tally.add(&product);
        assert_eq!(fields.title, "oatly oat drink 1l");
        assert_eq!(fields.kind, "plant milk");
        assert_eq!(fields.heads, "drink | milk");
        assert_eq!(tally.words["milk"], WordCount { stem: "milk".to_owned(), products: 1, heads: 1 });
        assert_eq!(tally.words["plant"].heads, 0);
        assert_eq!(tally.stems["made"], StemCount { products: 1, named: 0 });
    }

    #[test]
    fn true_flags_and_other_languages_are_words_of_a_product() {
        let product: Product = serde_json::from_str(
            r#"{"sku":"A","title":"Tablet 10","category":["Tablets"],
                "attributes":{"touchscreen":true,"stylus":false,"screen":10.5,"colour":"black"},
                "languages":{"de":{"title":"Tafelrechner","synonyms":["Rechenbrett"]}}}"#,
        )
        .unwrap();
        let fields = Tally::default().add(&product);
        assert_eq!(fields.traits, "black 10.5 touchscreen");
        assert_eq!(fields.synonyms, "tafelrechn | rechenbrett");
    }

    #[test]
    fn a_nameless_product_is_found_by_its_kind() {
        let fields = |json: &str| Tally::default().add(&serde_json::from_str(json).unwrap());
        assert_eq!(fields(r#"{"sku":"821","brand":"Private","category":["Soft Drinks"]}"#).heads, "drink");
        assert_eq!(fields(r#"{"sku":"821"}"#).title, "");
    }
}
