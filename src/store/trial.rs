//! A catalog that was laid in and is not committed yet is tried: are its indexes whole, and are
//! some of its products found by their own names? What fails here would leave shoppers before a
//! search that finds nothing, whatever the digests say. Never changes anything.

use super::StoreError;
use super::catalog::{count, list};
use super::lexicon::Lexicon;
use super::query::Query;
use super::rows::COLUMNS;
use super::search::{SearchRequest, View, search};
use crate::domain::Product;
use rusqlite::{Transaction, params};

/// Products that are looked for.
const SAMPLES: i64 = 8;
/// Hits among which a product must be that was called by its name.
const FIRST: usize = 10;

/// Tries what `tx` sees.
///
/// # Errors
/// It does not pass, or cannot be read.
pub(super) fn passes(tx: &Transaction<'_>, lexicon: &Lexicon) -> Result<(), Failed> {
    let sql = "SELECT (SELECT count(*) FROM products), (SELECT count(*) FROM search_docsize), \
               (SELECT count(*) FROM anywhere_docsize)";
    let (products, ranked, found) =
        tx.query_row(sql, [], |row| Ok((count(row, 0)?, count(row, 1)?, count(row, 2)?)))?;
    if (ranked, found) != (products, products) {
        return Err(Failed::Unfit(format!("{products} products, but {ranked} and {found} in the indexes")));
    }
    let (mut tried, mut missed) = (0, Vec::new());
    for product in samples(tx)? {
        let label = product.label();
        if Query::parse(&label, lexicon, &|_, _| false).terms.is_empty() {
            continue;
        }
        tried += 1;
        let request = SearchRequest { text: label.clone(), limit: FIRST, ..SearchRequest::default() };
        let outcome = search(&View { tx, lexicon, meaning: None }, &request)?;
        // Of two products of one name either will do.
        let is_it = |hit: &Product| hit.sku == product.sku || hit.label() == label;
        if !outcome.hits.iter().chain(&outcome.alternatives).any(|hit| is_it(&hit.product)) {
            missed.push(product.sku);
        }
    }
    // Some names say little; most say what they are.
    match missed.first() {
        Some(first) if missed.len() * 2 > tried => Err(Failed::Unfit(format!(
            "{} of {tried} products are not found by their names, {first} is one",
            missed.len()
        ))),
        _ => Ok(()),
    }
}

/// Why a catalog does not pass.
pub(super) enum Failed {
    Unfit(String),
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Failed {
    pub(super) fn at(self, path: &std::path::Path) -> StoreError {
        match self {
            Self::Unfit(why) => StoreError::Unfit { why },
            Self::Sql(source) => StoreError::of(path, source),
        }
    }
}

/// Some products that have names, evenly from the first to the last.
fn samples(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Product>> {
    let ends = "SELECT ifnull(min(id), 0), ifnull(max(id), 0) FROM products";
    let (first, last): (i64, i64) = tx.query_row(ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let sql =
        format!("SELECT {COLUMNS} FROM products WHERE id >= ?1 AND title IS NOT NULL ORDER BY id LIMIT 1");
    let mut products: Vec<Product> = Vec::new();
    for at in 0..SAMPLES {
        for product in list(tx, &sql, params![first + (last - first) / SAMPLES * at])? {
            if products.last().is_none_or(|own| own.sku != product.sku) {
                products.push(product);
            }
        }
    }
    Ok(products)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Currency;
    use crate::store::{
        Catalog, Digest, Entry, Feed, FeedError, Header, ImportLimits, NewBundle, Progress, Record,
    };
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::vec::IntoIter;

    /// Forty jams of one fruit.
    struct Jams(IntoIter<Record>);

    impl Jams {
        fn of(fruit: &str) -> Self {
            let header = Header { name: "A".into(), currency: Currency::default(), as_of: None };
            let jam = |n| {
                let title = format!("{fruit} jam {n}");
                let product = json!({"sku": format!("{fruit}-{n}"), "title": title});
                Record::Product(Box::new(serde_json::from_value(product).unwrap()))
            };
            let records: Vec<Record> = [Record::Header(header)].into_iter().chain((0..40).map(jam)).collect();
            Self(records.into_iter())
        }
    }

    impl Iterator for Jams {
        type Item = Result<Entry, FeedError>;

        fn next(&mut self) -> Option<Self::Item> {
            Some(Ok(Entry { line: 1, record: Ok(self.0.next()?) }))
        }
    }

    impl Feed for Jams {
        fn progress(&self) -> Progress {
            Progress { read: 0, total: 0 }
        }

        fn digest(&self) -> Digest {
            Digest([1; 32])
        }
    }

    fn found(catalog: &Catalog, text: &str) -> usize {
        let request = SearchRequest { text: text.to_owned(), limit: 5, ..SearchRequest::default() };
        catalog.search(&request).unwrap().hits.len()
    }

    #[test]
    fn a_catalog_whose_index_or_names_fail_is_never_taken_into_use() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        catalog.import(&mut Jams::of("plum"), &ImportLimits::default(), &mut |_| {}).unwrap();
        let renew = |spoil: &str| {
            catalog.renew::<StoreError>(&mut |_| {}, |renewal| {
                renewal.replace(&mut Jams::of("cherry"), 1_000, &mut |_| {}).unwrap();
                renewal.tx.execute_batch(spoil).unwrap();
                Ok(NewBundle { version: 7, root: Digest([0; 32]), files: BTreeMap::new() })
            })
        };
        // Rows that are not in the index; an index of other words.
        let missing = "DELETE FROM search WHERE rowid IN (SELECT id FROM products LIMIT 3)";
        let others = "UPDATE search SET title = 'x', synonyms = '', kind = '', category = '', heads = ''";
        for (spoil, why) in [(missing, "40 products, but 37 and 40"), (others, "not found by their names")] {
            let line = renew(spoil).unwrap_err().to_string();
            assert!(line.contains(why) && line.contains("as before"), "{line}");
            assert_eq!((found(&catalog, "plum"), found(&catalog, "cherry")), (5, 0));
            assert_eq!(catalog.bundle().unwrap(), None);
        }
        renew("").unwrap();
        assert_eq!((found(&catalog, "cherry"), found(&catalog, "plum")), (5, 0));
        assert_eq!(catalog.bundle().unwrap().unwrap().version, 7);
    }
}
