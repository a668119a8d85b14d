//! The tables of `catalog.db`, and how an older database becomes the present one.
//! Steps are numbered by `PRAGMA user_version` and never edited once released;
//! a newer file is refused, a foreign one is not touched.

use super::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// What a database of one kind consists of.
pub(super) struct Schema {
    /// `PRAGMA application_id`, four letters.
    pub application_id: i64,
    /// Step N brings schema N to schema N + 1.
    pub steps: &'static [&'static [&'static str]],
}

/// `AISL`.
pub(super) const CATALOG: Schema = Schema {
    application_id: 0x4149_534C,
    steps: &[&[STEP_1, SEARCH_1], &[STEP_2], &[STEP_3, LENGTHS, BRANDS], &[STEP_4], &[STEP_5]],
};

impl Schema {
    /// The schema this program writes.
    pub(super) const fn version(&self) -> i64 {
        self.steps.len() as i64
    }
}

// Lists and maps are JSON in their column. `search` holds analysed words (see
// `words`), so the plain tokenizer only splits at spaces; `heads` are the words
// that say what a thing is ("milk" of "whole milk"). `words` are the words of
// names as written, for corrections; `stems` count every analysed word.
const STEP_1: &str = "
CREATE TABLE catalog (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    digest TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    as_of TEXT,
    imported_at TEXT NOT NULL,
    kiosk_x REAL,
    kiosk_y REAL
) STRICT;
CREATE TABLE option_groups (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;
CREATE TABLE areas (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    x REAL NOT NULL,
    y REAL NOT NULL,
    bays INTEGER NOT NULL,
    shelves INTEGER NOT NULL
) STRICT;
CREATE TABLE products (
    id INTEGER PRIMARY KEY,
    sku TEXT NOT NULL UNIQUE,
    gtin TEXT,
    title TEXT NOT NULL,
    brand TEXT,
    category TEXT NOT NULL,
    category_key TEXT NOT NULL,
    description TEXT,
    synonyms TEXT NOT NULL,
    price_cents INTEGER,
    pack_amount REAL,
    pack_unit TEXT,
    pack_count INTEGER,
    stock INTEGER,
    aisle TEXT,
    bay INTEGER,
    shelf INTEGER,
    allergens TEXT,
    dietary TEXT NOT NULL,
    attributes TEXT NOT NULL,
    age_restriction INTEGER,
    photo TEXT,
    option_groups TEXT NOT NULL
) STRICT;
CREATE INDEX products_gtin ON products (gtin) WHERE gtin IS NOT NULL;
CREATE INDEX products_category ON products (category_key);
CREATE TABLE words (
    word TEXT PRIMARY KEY,
    stem TEXT NOT NULL,
    sound TEXT NOT NULL,
    products INTEGER NOT NULL,
    heads INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE stems (
    stem TEXT PRIMARY KEY,
    products INTEGER NOT NULL,
    named INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

const SEARCH_1: &str = "
CREATE VIRTUAL TABLE search USING fts5 (
    title, synonyms, brand, kind, category, traits, description, heads,
    tokenize = 'unicode61 remove_diacritics 2'
);
";

// What a product may be known by grew, and titles became optional. The rows keep
// their numbers, which the full-text table refers to. `offer_*` repeat the
// promotion for conditions, as seconds since 1970. `base` holds, as JSON, what
// the catalog says of products that corrections change; of `catalog`,
// `corrections` is the revision of them that the rows show, since the moment
// `corrected_at` and until `corrected_until`, and `changes` counts how often they
// changed rows. `embeddings` hold the vectors of product texts by `text_key`, a
// digest (NULL: not made yet), so that an import keeps those it still needs.
const STEP_2: &str = "
CREATE TABLE products_2 (
    id INTEGER PRIMARY KEY,
    sku TEXT NOT NULL UNIQUE,
    gtins TEXT NOT NULL,
    title TEXT,
    brand TEXT,
    category TEXT NOT NULL,
    category_key TEXT NOT NULL,
    description TEXT,
    synonyms TEXT NOT NULL,
    price_cents INTEGER,
    promotion TEXT,
    offer_cents INTEGER,
    offer_from INTEGER,
    offer_until INTEGER,
    price_as_of TEXT,
    pack_amount REAL,
    pack_unit TEXT,
    pack_count INTEGER,
    stock INTEGER,
    availability TEXT,
    stock_as_of TEXT,
    aisle TEXT,
    bay INTEGER,
    shelf INTEGER,
    allergens TEXT,
    dietary TEXT NOT NULL,
    attributes TEXT NOT NULL,
    age_restriction INTEGER,
    photo TEXT,
    images TEXT NOT NULL,
    option_groups TEXT NOT NULL,
    variant_group TEXT,
    accessories TEXT NOT NULL,
    substitutes TEXT NOT NULL,
    languages TEXT NOT NULL,
    text_key BLOB
) STRICT;
INSERT INTO products_2 (id, sku, gtins, title, brand, category, category_key, description, synonyms,
    price_cents, pack_amount, pack_unit, pack_count, stock, aisle, bay, shelf, allergens, dietary,
    attributes, age_restriction, photo, images, option_groups, accessories, substitutes, languages)
SELECT id, sku, iif(gtin IS NULL, '[]', json_array(gtin)), title, brand, category, category_key,
    description, synonyms, price_cents, pack_amount, pack_unit, pack_count, stock, aisle, bay, shelf,
    allergens, dietary, attributes, age_restriction, photo, '[]', option_groups, '[]', '[]', '{}'
FROM products;
CREATE TABLE gtins (
    gtin TEXT NOT NULL,
    product INTEGER NOT NULL,
    PRIMARY KEY (gtin, product)
) STRICT, WITHOUT ROWID;
INSERT INTO gtins (gtin, product) SELECT gtin, id FROM products WHERE gtin IS NOT NULL;
DROP TABLE products;
ALTER TABLE products_2 RENAME TO products;
CREATE INDEX gtins_product ON gtins (product);
CREATE INDEX products_category ON products (category_key);
CREATE INDEX products_offer ON products (offer_cents) WHERE offer_cents IS NOT NULL;
CREATE INDEX products_variants ON products (variant_group) WHERE variant_group IS NOT NULL;
ALTER TABLE areas ADD COLUMN to_x REAL;
ALTER TABLE areas ADD COLUMN to_y REAL;
ALTER TABLE catalog ADD COLUMN corrections INTEGER NOT NULL DEFAULT 0;
ALTER TABLE catalog ADD COLUMN corrected_at INTEGER;
ALTER TABLE catalog ADD COLUMN corrected_until INTEGER;
ALTER TABLE catalog ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
CREATE TABLE base (
    id INTEGER PRIMARY KEY,
    sku TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;
CREATE TABLE embedder (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    passes INTEGER NOT NULL
) STRICT;
CREATE TABLE embeddings (
    text_key BLOB PRIMARY KEY,
    vector BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX products_text_key ON products (text_key);
CREATE VIRTUAL TABLE search_2 USING fts5 (
    title, synonyms, brand, kind, category, description, traits UNINDEXED, heads UNINDEXED,
    tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO search_2 (rowid, title, synonyms, brand, kind, category, description, traits, heads)
SELECT rowid, title, synonyms, brand, kind, category, description, traits, heads FROM search;
DROP TABLE search;
ALTER TABLE search_2 RENAME TO search;
CREATE VIRTUAL TABLE anywhere USING fts5 (
    words, content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO anywhere (rowid, words)
SELECT rowid, concat_ws(' ', title, synonyms, brand, kind, category, traits, description) FROM search;
";

// `brands` are the brands as analysed words, with the number of products of each.
const STEP_3: &str = "
ALTER TABLE catalog ADD COLUMN lengths TEXT;
CREATE TABLE brands (
    brand TEXT PRIMARY KEY,
    products INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

// What came from head office: the bundle in use, the digests of its rows by which a delta is
// checked (none of a catalog that was imported from a file), and the files that came with it.
const STEP_4: &str = "
CREATE TABLE bundle (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    root BLOB NOT NULL
) STRICT;
CREATE TABLE bundle_files (
    name TEXT PRIMARY KEY,
    sha256 BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE row_digests (
    sku TEXT PRIMARY KEY,
    digest BLOB NOT NULL
) STRICT, WITHOUT ROWID;
";

// `stopped` are the products of the present catalog that must not be sold: they stand in
// `base`, and nowhere else. `prices` counts how often price or stock alone changed rows,
// which `changes` does not count any more: the words of those rows are what they were.
const STEP_5: &str = "
CREATE TABLE stopped (
    sku TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
ALTER TABLE catalog ADD COLUMN prices INTEGER NOT NULL DEFAULT 0;
";

/// Fills `catalog.lengths`: the average number of words of the fields that BM25 is
/// computed for by the ranking, in their order there. Corrections change too little to
/// count it anew.
pub(super) const LENGTHS: &str = "
UPDATE catalog SET lengths = (
    SELECT json_array(
        ifnull(avg(length(title) - length(replace(title, ' ', '')) + (title <> '')), 0.0),
        ifnull(avg(length(synonyms) - length(replace(synonyms, ' ', '')) + (synonyms <> '')), 0.0),
        ifnull(avg(length(brand) - length(replace(brand, ' ', '')) + (brand <> '')), 0.0),
        ifnull(avg(length(kind) - length(replace(kind, ' ', '')) + (kind <> '')), 0.0),
        ifnull(avg(length(description) - length(replace(description, ' ', '')) + (description <> '')), 0.0))
    FROM search);
";

/// Fills `brands`. Corrections change no brand.
pub(super) const BRANDS: &str = "
DELETE FROM brands;
INSERT INTO brands (brand, products)
SELECT brand, count(*) FROM search WHERE brand <> '' GROUP BY brand;
";

/// The full-text tables. An import makes them anew, since emptying them would
/// visit every row. `search` ranks: stated traits and heads are kept beside it
/// but not indexed, since BM25 would take a product of many stated facts for a
/// long, unfocused text. `anywhere` finds: a product's words of all fields.
pub(super) const SEARCH_TABLES: &str = "
CREATE VIRTUAL TABLE search USING fts5 (
    title, synonyms, brand, kind, category, description, traits UNINDEXED, heads UNINDEXED,
    tokenize = 'unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE anywhere USING fts5 (
    words, content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2'
);
";

impl Schema {
    /// Creates the tables in a new file and brings an older one up to date.
    ///
    /// # Errors
    /// `Damaged` for a file of another kind, `Newer` for one of a later Aisle.
    pub(super) fn prepare(&self, conn: &mut Connection, path: &Path) -> Result<(), StoreError> {
        let sql = |source| StoreError::of(path, source);
        if self.current(conn, path)? == self.version() {
            return Ok(());
        }
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        // Another starting program may have been here first: look again, locked.
        let found = self.current(&tx, path)?;
        for step in self.steps.iter().skip(usize::try_from(found).unwrap_or(0)).copied().flatten() {
            tx.execute_batch(step).map_err(sql)?;
        }
        tx.pragma_update(None, "application_id", self.application_id).map_err(sql)?;
        tx.pragma_update(None, "user_version", self.version()).map_err(sql)?;
        tx.commit().map_err(sql)
    }

    /// The file's schema; 0 for a file without tables.
    fn current(&self, conn: &Connection, path: &Path) -> Result<i64, StoreError> {
        let number = |sql: &str| {
            conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(|e| StoreError::of(path, e))
        };
        let (owner, found) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
        let tables = number("SELECT count(*) FROM sqlite_schema")?;
        let (own, known) = (self.application_id, self.version());
        if (owner, found, tables) == (0, 0, 0) {
            Ok(0)
        } else if owner == own && (1..=known).contains(&found) {
            Ok(found)
        } else if owner == own && found > known {
            Err(StoreError::Newer { path: path.to_owned(), found, known })
        } else {
            let detail = "it belongs to another program".to_owned();
            Err(StoreError::Damaged { path: path.to_owned(), detail })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Catalog;
    use std::path::PathBuf;

    fn refusal(make: impl FnOnce(&Path)) -> (StoreError, PathBuf, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.db");
        make(&path);
        let error = Catalog::open(folder.path()).err().unwrap();
        (error, path, folder)
    }

    #[test]
    fn a_newer_file_is_refused_and_kept() {
        let (error, _, folder) = refusal(|path| {
            drop(Catalog::open(path.parent().unwrap()).unwrap());
            Connection::open(path)
                .unwrap()
                .pragma_update(None, "user_version", CATALOG.version() + 1)
                .unwrap();
        });
        assert!(matches!(error, StoreError::Newer { found, .. } if found == CATALOG.version() + 1));
        assert!(matches!(Catalog::open_or_rebuild(folder.path()), Err(StoreError::Newer { .. })));
    }

    #[test]
    fn foreign_and_broken_files_are_refused_and_put_aside_by_an_import() {
        let makers: [fn(&Path); 3] = [
            |path| Connection::open(path).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap(),
            |path| std::fs::write(path, "this is no database, but it is long enough to be one").unwrap(),
            |path| {
                drop(Catalog::open(path.parent().unwrap()).unwrap());
                let mut bytes = std::fs::read(path).unwrap();
                bytes.truncate(bytes.len() / 2);
                std::fs::write(path, bytes).unwrap();
            },
        ];
        for make in makers {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("catalog.db");
            make(&path);
            let before = std::fs::read(&path).unwrap();
            if let Err(error) = Catalog::open(folder.path()) {
                assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
                assert!(error.to_string().contains("`aisle catalog import FILE` rebuilds it"));
            }
            let (catalog, aside) = Catalog::open_or_rebuild(folder.path()).unwrap();
            assert!(matches!(catalog.info(), Err(StoreError::Empty)));
            let kept = std::fs::read(aside.unwrap()).unwrap();
            assert_eq!(kept.len(), before.len());
        }
    }
}
