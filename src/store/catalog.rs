//! The catalog as the rest of the program sees it: opened once, shared by all
//! threads, read by SKU, GTIN, category or search, replaced by an import.
//! Reads always see one whole catalog.

use super::connections::{Connections, ReadError};
use super::lexicon::Lexicon;
use super::meaning::{self, EmbedError, Encoder, Meanings, Stand};
use super::query;
use super::ranking::Signals;
use super::rows::{self, COLUMNS, PRICE_NOW};
use super::search::{SearchOutcome, SearchRequest, View, search, signals};
use super::state::State;
use super::stats::{self, CatalogStats};
use super::stops::Stops;
use super::{Feed, ImportError, ImportLimits, ImportReport, Progress, StoreError, import};
use crate::domain::{Area, Currency, Gtin, OptionGroup, Point, Product, Sku};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params, params};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// The file's name in the data folder.
const FILE: &str = "catalog.db";

/// Which catalog is loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct CatalogVersion {
    /// Grows by one with every import.
    pub number: i64,
    /// SHA-256 of the imported file, in hexadecimal.
    pub digest: String,
}

impl CatalogVersion {
    pub(super) fn read(conn: &Connection) -> rusqlite::Result<Self> {
        conn.prepare_cached("SELECT version, digest FROM catalog")?
            .query_row([], |row| Ok(Self { number: row.get(0)?, digest: row.get(1)? }))
    }
}

/// What is loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogInfo {
    pub name: String,
    pub currency: Currency,
    /// When prices and stock were last sure, as the file says.
    pub as_of: Option<String>,
    pub version: CatalogVersion,
    /// RFC 3339.
    pub imported_at: String,
    pub products: u64,
}

/// The catalog's own words, for rules that must know a product when they hear
/// one. Lists are sorted, without repetitions, as written in the catalog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    pub titles: Vec<String>,
    pub brands: Vec<String>,
    /// Names of all levels.
    pub categories: Vec<String>,
    pub synonyms: Vec<String>,
    /// Folded words of names (lower case, no accents) with the number of
    /// products that have them.
    pub words: BTreeMap<String, u32>,
}

/// The catalog database; cheap to share behind an `Arc`.
pub struct Catalog {
    pub(super) connections: Connections,
    state: State,
    lexicon: Kept<Wording, Lexicon>,
    encoder: Option<Arc<dyn Encoder>>,
    meanings: Kept<(Wording, Stand), Meanings>,
    stops: Kept<Edition, Stops>,
}

/// Which products are there to be read, and what came with them: it differs whenever an import, a
/// correction or head office changed them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    pub version: CatalogVersion,
    /// Rows that were changed since the import, came or went.
    pub changes: i64,
    /// Rows whose price or stock alone was changed since the import.
    pub prices: i64,
    /// Version of head office's bundle, if it is one.
    pub bundle: Option<i64>,
}

/// Which words products have: what an edition is but for prices and stock.
pub(super) type Wording = (CatalogVersion, i64);

impl Catalog {
    /// Opens the catalog in a data folder, creating both if need be. A new
    /// catalog is empty: reads answer [`StoreError::Empty`]. Corrections that a
    /// crash left undone are finished.
    ///
    /// # Errors
    /// The folder or a file cannot be used, is damaged, foreign, or newer.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder)
            .map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
        let connections = Connections::open(folder.join(FILE))?;
        let state = State::open(folder)?;
        let (lexicon, meanings, stops) = (RwLock::default(), RwLock::default(), RwLock::default());
        let catalog = Self { connections, state, lexicon, encoder: None, meanings, stops };
        match catalog.reconcile(Timestamp::now()) {
            // The import that is under way will do it.
            Ok(_) | Err(StoreError::Busy { .. }) => Ok(catalog),
            Err(error) => Err(error),
        }
    }

    /// Like [`Catalog::open`], for an import: a damaged or foreign file is put
    /// aside (its new name is returned) and a new one started. The catalog is a
    /// mirror, so nothing is lost that an import does not bring back.
    ///
    /// # Errors
    /// As [`Catalog::open`], but for damage.
    pub fn open_or_rebuild(folder: &Path) -> Result<(Self, Option<PathBuf>), StoreError> {
        let damaged = match Self::open(folder) {
            Ok(catalog) => match catalog.check() {
                Ok(()) => return Ok((catalog, None)),
                Err(error) => error,
            },
            Err(error) => error,
        };
        let StoreError::Damaged { path, .. } = damaged else {
            return Err(damaged);
        };
        let aside = path.with_extension("db.damaged");
        let rename = |source| StoreError::Folder { path: path.clone(), source };
        std::fs::rename(&path, &aside).map_err(rename)?;
        for log in ["db-wal", "db-shm"] {
            match std::fs::remove_file(path.with_extension(log)) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(rename(e)),
                _ => {}
            }
        }
        Ok((Self::open(folder)?, Some(aside)))
    }

    /// Reads the whole file for damage.
    ///
    /// # Errors
    /// It is damaged, or cannot be read.
    pub fn check(&self) -> Result<(), StoreError> {
        let verdict: String =
            self.connections.read(|tx| Ok(tx.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?))?;
        if verdict == "ok" {
            return Ok(());
        }
        let path = self.connections.path().to_owned();
        Err(StoreError::Damaged { path, detail: verdict.lines().last().unwrap_or_default().to_owned() })
    }

    /// Replaces the catalog by a feed's, all or nothing; searches go on
    /// meanwhile and see the old one. `progress` is called now and then.
    ///
    /// # Errors
    /// The file cannot be read or as a whole makes no sense, or the database
    /// cannot be written: the old catalog stands.
    pub fn import(
        &self,
        feed: &mut impl Feed,
        limits: &ImportLimits,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ImportReport, ImportError> {
        let report = import::import(&self.connections, &self.state, feed, limits, progress)?;
        // The first shopper after an import shall not wait for the word lists.
        // Should it fail, the import has still succeeded.
        let _ = self.read(|tx| self.lexicon(tx).map(drop));
        Ok(report)
    }

    /// The name of the encoder, if there is one.
    #[must_use]
    pub fn encoder(&self) -> Option<&str> {
        self.encoder.as_ref().map(|encoder| encoder.name())
    }

    /// The vector of a text; `None` without an encoder, or where it fails.
    #[must_use]
    pub fn vector(&self, text: &str) -> Option<super::Embedding> {
        self.encoder.as_ref()?.query(text).ok()
    }

    /// The words of `words` that name something in the catalog: those beside each other that
    /// its names have, where one of them says what a thing is.
    ///
    /// # Errors
    /// No catalog is loaded, or it cannot be read.
    pub fn named(&self, words: &[String]) -> Result<Vec<String>, StoreError> {
        self.read(|tx| Ok(query::named(self.lexicon(tx)?.as_ref(), words)))
    }

    /// What the shop itself decided.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Lets searches go by meaning too. Without an encoder, or while products
    /// have no vectors yet, they go by words alone.
    #[must_use]
    pub fn with_encoder(mut self, encoder: Arc<dyn Encoder>) -> Self {
        self.encoder = Some(encoder);
        self
    }

    /// Finds what a shopper asked for.
    ///
    /// # Errors
    /// No catalog is loaded, or it cannot be read. Never because of the text.
    pub fn search(&self, request: &SearchRequest) -> Result<SearchOutcome, StoreError> {
        self.read(|tx| {
            let (lexicon, meanings) = (self.lexicon(tx)?, self.meanings(tx)?);
            let mut outcome = search(&self.view(tx, &lexicon, meanings.as_deref()), request)?;
            outcome.stopped = self.stops(tx)?.named(&request.text, &outcome.hits);
            Ok(outcome)
        })
    }

    /// The signals of the products that a search has to order, for whoever tunes the ranking.
    ///
    /// # Errors
    /// As [`Catalog::search`].
    pub fn signals(&self, request: &SearchRequest) -> Result<Vec<(Sku, Signals)>, StoreError> {
        self.read(|tx| {
            let (lexicon, meanings) = (self.lexicon(tx)?, self.meanings(tx)?);
            Ok(signals(&self.view(tx, &lexicon, meanings.as_deref()), request)?)
        })
    }

    /// Makes the vectors that products still lack, in small steps that can be
    /// broken off at any time; `progress` is told how many are done and how many
    /// there are. Returns how many were made: 0 without an encoder.
    ///
    /// # Errors
    /// The encoder fails, or the database cannot be written.
    pub fn embed(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, EmbedError> {
        match &self.encoder {
            Some(encoder) => meaning::pass(&self.connections, encoder.as_ref(), progress),
            None => Ok(0),
        }
    }

    /// How many products have no vector yet.
    ///
    /// # Errors
    /// No catalog is loaded, or it cannot be read.
    pub fn lacking_vectors(&self) -> Result<u64, StoreError> {
        self.read(|tx| Ok(meaning::lacking(tx)?))
    }

    /// # Errors
    /// No catalog is loaded, or it cannot be read; so for every read below.
    pub fn info(&self) -> Result<CatalogInfo, StoreError> {
        self.read(|tx| {
            let sql = "SELECT name, currency, as_of, version, digest, imported_at, \
                       (SELECT count(*) FROM products) FROM catalog";
            Ok(tx.query_row(sql, [], |row| {
                let code: String = row.get(1)?;
                Ok(CatalogInfo {
                    name: row.get(0)?,
                    currency: Currency::parse(&code).unwrap_or_default(),
                    as_of: row.get(2)?,
                    version: CatalogVersion { number: row.get(3)?, digest: row.get(4)? },
                    imported_at: row.get(5)?,
                    products: count(row, 6)?,
                })
            })?)
        })
    }

    pub fn edition(&self) -> Result<Edition, StoreError> {
        self.read(|tx| Ok(edition(tx)?))
    }

    pub fn stats(&self) -> Result<CatalogStats, StoreError> {
        let file_bytes = std::fs::metadata(self.connections.path()).map_or(0, |meta| meta.len());
        self.read(|tx| Ok(stats::read(tx, file_bytes)?))
    }

    pub fn product(&self, sku: &Sku) -> Result<Option<Product>, StoreError> {
        self.read(|tx| Ok(by_sku(tx, sku)?))
    }

    /// The products in the order asked for; unknown SKUs are left out.
    pub fn products(&self, skus: &[Sku]) -> Result<Vec<Product>, StoreError> {
        self.read(|tx| {
            let found = skus.iter().map(|sku| by_sku(tx, sku)).filter_map(Result::transpose);
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The product that has this GTIN, whichever of its packs it is on.
    pub fn by_gtin(&self, gtin: Gtin) -> Result<Option<Product>, StoreError> {
        self.read(|tx| {
            let sql = format!(
                "SELECT {COLUMNS} FROM products WHERE id = (SELECT min(product) FROM gtins WHERE gtin = ?1)"
            );
            Ok(tx.prepare_cached(&sql)?.query_row([gtin.to_string()], rows::product).optional()?)
        })
    }

    /// Products of a category and its subcategories, in catalog order; the
    /// names are compared without case. An empty prefix is every product.
    pub fn in_category(&self, prefix: &[&str], limit: usize) -> Result<Vec<Product>, StoreError> {
        self.read(|tx| {
            let from = rows::category_key(prefix);
            let sql = format!(
                "SELECT {COLUMNS} FROM products WHERE category_key >= ?1 AND category_key < ?2 \
                 ORDER BY id LIMIT ?3"
            );
            let to = format!("{from}{}", char::MAX);
            Ok(list(tx, &sql, params![from, to, bounded(limit)])?)
        })
    }

    /// Products whose title holds all of `parts` but two, whatever the case of ASCII letters
    /// ("\u{2122}" may be said as "tm"); at most `limit`, those with most parts first. Reads every
    /// title: for what no search found.
    ///
    /// # Errors
    /// As [`Catalog::search`].
    pub fn with_title(&self, parts: &[&str], limit: usize) -> Result<Vec<Product>, StoreError> {
        self.read(|tx| {
            let sql = format!(
                "SELECT {COLUMNS}, (SELECT count(*) FROM json_each(?1) \
                 WHERE instr(lower(title), lower(value)) > 0) AS held \
                 FROM products WHERE held > 0 AND held + 2 >= ?2 ORDER BY held DESC, id LIMIT ?3"
            );
            let count = i64::try_from(parts.len()).unwrap_or(i64::MAX);
            Ok(list(tx, &sql, params![serde_json::json!(parts).to_string(), count, bounded(limit)])?)
        })
    }

    /// Products made to order: those with option groups, in catalog order.
    pub fn made_to_order(&self) -> Result<Vec<Product>, StoreError> {
        self.read(|tx| {
            let sql = format!("SELECT {COLUMNS} FROM products WHERE option_groups <> '[]' ORDER BY id");
            Ok(list(tx, &sql, [])?)
        })
    }

    /// Products with an offer that holds at `now`, the largest saving first.
    pub fn offers(&self, now: Timestamp, limit: usize) -> Result<Vec<Product>, StoreError> {
        self.read(|tx| {
            let sql = format!(
                "SELECT {COLUMNS} FROM products AS p WHERE p.offer_cents IS NOT NULL \
                 AND {PRICE_NOW} IS NOT p.price_cents ORDER BY p.price_cents - p.offer_cents DESC, id LIMIT :limit"
            );
            Ok(list(tx, &sql, named_params! {":now": now.as_second(), ":limit": bounded(limit)})?)
        })
    }

    /// Every product, in catalog order, for an export or an index.
    pub fn for_each_product(&self, mut visit: impl FnMut(Product)) -> Result<(), StoreError> {
        self.read(|tx| {
            let mut statement = tx.prepare(&format!("SELECT {COLUMNS} FROM products ORDER BY id"))?;
            for product in statement.query_map([], rows::product)? {
                visit(product?);
            }
            Ok(())
        })
    }

    pub fn option_groups(&self) -> Result<Vec<OptionGroup>, StoreError> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached("SELECT body FROM option_groups ORDER BY position")?;
            let groups = statement.query_map([], |row| {
                let body: String = row.get(0)?;
                serde_json::from_str(&body).map_err(|e| {
                    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, e.into())
                })
            })?;
            Ok(groups.collect::<rusqlite::Result<_>>()?)
        })
    }

    pub fn areas(&self) -> Result<Vec<Area>, StoreError> {
        self.read(|tx| {
            let sql = "SELECT id, name, x, y, bays, shelves, to_x, to_y FROM areas ORDER BY position";
            let mut statement = tx.prepare_cached(sql)?;
            let areas = statement.query_map([], |row| {
                Ok(Area {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    x: row.get(2)?,
                    y: row.get(3)?,
                    bays: row.get(4)?,
                    shelves: row.get(5)?,
                    to: point(row.get(6)?, row.get(7)?),
                })
            })?;
            Ok(areas.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Where the kiosk stands, if the catalog says.
    pub fn kiosk(&self) -> Result<Option<Point>, StoreError> {
        self.read(|tx| {
            Ok(tx.query_row("SELECT kiosk_x, kiosk_y FROM catalog", [], |row| {
                Ok(point(row.get(0)?, row.get(1)?))
            })?)
        })
    }

    pub fn vocabulary(&self) -> Result<Vocabulary, StoreError> {
        self.read(|tx| {
            let (mut categories, mut synonyms) = (BTreeSet::new(), BTreeSet::new());
            let (mut titles, mut brands) = (BTreeSet::new(), BTreeSet::new());
            let mut statement = tx.prepare(&format!("SELECT {COLUMNS} FROM products"))?;
            for product in statement.query_map([], rows::product)? {
                let product = product?;
                titles.extend(product.title);
                brands.extend(product.brand);
                categories.extend(product.category);
                synonyms.extend(product.synonyms);
            }
            let mut statement = tx.prepare("SELECT word, products FROM words")?;
            let words = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(Vocabulary {
                titles: titles.into_iter().collect(),
                brands: brands.into_iter().collect(),
                categories: categories.into_iter().collect(),
                synonyms: synonyms.into_iter().collect(),
                words: words.collect::<rusqlite::Result<_>>()?,
            })
        })
    }

    fn view<'a>(
        &'a self,
        tx: &'a Transaction<'a>,
        lexicon: &'a Lexicon,
        meanings: Option<&'a Meanings>,
    ) -> View<'a> {
        View { tx, lexicon, meaning: meanings.zip(self.encoder.as_deref()) }
    }

    /// The vectors of the catalog that `tx` sees, read again when an import or a
    /// pass of the encoder has changed them; `None` without any.
    fn meanings(&self, tx: &Transaction<'_>) -> Result<Option<Arc<Meanings>>, ReadError> {
        let Some(encoder) = &self.encoder else {
            return Ok(None);
        };
        let (wording, stand) = (wording(tx)?, Stand::read(tx)?);
        let Some(stand) = stand.filter(|stand| stand.name == encoder.name()) else {
            return Ok(None);
        };
        let meanings = kept(&self.meanings, (wording, stand), || Meanings::load(tx))?;
        Ok(Some(meanings).filter(|meanings| !meanings.is_empty()))
    }

    /// One read transaction on a loaded catalog.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Transaction<'_>) -> Result<T, ReadError>,
    ) -> Result<T, StoreError> {
        self.connections.read(|tx| {
            let loaded = CatalogVersion::read(tx).optional()?;
            if loaded.is_none() { Err(ReadError::Empty) } else { read(tx) }
        })
    }

    /// The word lists of the catalog that `tx` sees, read again when an import
    /// or a correction (by any program) has changed it.
    pub(super) fn lexicon(&self, tx: &Transaction<'_>) -> Result<Arc<Lexicon>, ReadError> {
        kept(&self.lexicon, wording(tx)?, || Lexicon::load(tx))
    }

    /// Keeps word lists that were read already.
    pub(super) fn keep_lexicon(&self, wording: Wording, lexicon: Lexicon) {
        *self.lexicon.write().unwrap_or_else(PoisonError::into_inner) = Some((wording, Arc::new(lexicon)));
    }

    /// What must not be sold, of the catalog that `tx` sees.
    pub(super) fn stops(&self, tx: &Transaction<'_>) -> Result<Arc<Stops>, ReadError> {
        kept(&self.stops, edition(tx)?, || Stops::load(tx))
    }
}

/// Something read from the database and kept, with what it was read from.
type Kept<K, T> = RwLock<Option<(K, Arc<T>)>>;

/// What is kept of `key`; when there is nothing, loads it, once for all who ask.
fn kept<K: PartialEq, T>(
    kept: &Kept<K, T>,
    key: K,
    load: impl FnOnce() -> rusqlite::Result<T>,
) -> Result<Arc<T>, ReadError> {
    let of = |kept: &Option<(K, Arc<T>)>| {
        kept.as_ref().filter(|(known, _)| *known == key).map(|(_, value)| Arc::clone(value))
    };
    let known = of(&kept.read().unwrap_or_else(PoisonError::into_inner));
    if let Some(value) = known {
        return Ok(value);
    }
    // Another thread may have loaded it while this one waited.
    let mut kept = kept.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(value) = of(&kept) {
        return Ok(value);
    }
    let value = Arc::new(load()?);
    *kept = Some((key, Arc::clone(&value)));
    Ok(value)
}

fn edition(tx: &Transaction<'_>) -> rusqlite::Result<Edition> {
    let version = CatalogVersion::read(tx)?;
    let sql = "SELECT changes, prices, (SELECT version FROM bundle WHERE id = 1) FROM catalog";
    let of = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (changes, prices, bundle) = tx.prepare_cached(sql)?.query_row([], of)?;
    Ok(Edition { version, changes, prices, bundle })
}

pub(super) fn wording(tx: &Transaction<'_>) -> rusqlite::Result<Wording> {
    let Edition { version, changes, .. } = edition(tx)?;
    Ok((version, changes))
}

fn by_sku(tx: &Transaction<'_>, sku: &Sku) -> rusqlite::Result<Option<Product>> {
    let sql = format!("SELECT {COLUMNS} FROM products WHERE sku = :sku");
    tx.prepare_cached(&sql)?.query_row(named_params! {":sku": sku.as_str()}, rows::product).optional()
}

pub(super) fn list(
    tx: &Transaction<'_>,
    sql: &str,
    params: impl rusqlite::Params,
) -> rusqlite::Result<Vec<Product>> {
    tx.prepare_cached(sql)?.query_map(params, rows::product)?.collect()
}

fn point(x: Option<f64>, y: Option<f64>) -> Option<Point> {
    x.zip(y).map(|(x, y)| Point { x, y })
}

/// A row count; SQLite has no unsigned numbers.
pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

pub(super) fn bounded(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
