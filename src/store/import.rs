//! Replacing the catalog: all of a feed in one transaction, or nothing. Until
//! the commit every reader sees the old catalog; a crash, a kill or a full disk
//! at any moment leaves it standing. Never imports a file that as a whole makes
//! no sense.

use super::analysis::Tally;
use super::connections::{Connections, give_way};
use super::intake::{References, sane};
use super::lexicon::sounds;
use super::records::{Entry, Feed, FeedError, Header, LineError, Progress, Record};
use super::schema::{BRANDS, LENGTHS, SEARCH_TABLES};
use super::state::State;
use super::{CatalogVersion, StoreError, delta, overlay, rows};
use crate::domain::{Area, AsOf, Cents, OptionGroup, Point, Product, Sku};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Most line errors kept with their reasons; more are only counted.
const KEPT_ERRORS: usize = 1000;
/// Line errors named in an import's refusal.
const NAMED_ERRORS: usize = 3;
/// Lines between two calls of the progress callback.
const PROGRESS_LINES: u64 = 256;
/// A file without a header after so many bad lines is read no further.
const HOPELESS_LINES: u64 = 10_000;

/// What an import tolerates and overrides.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportLimits {
    /// Highest believable price, in cents.
    pub max_price_cents: Cents,
    /// Share of lines that may be bad, 0 to 1.
    pub bad_share: f64,
    /// Bad lines tolerated whatever their share.
    pub bad_lines: u64,
    /// When prices and stock were last sure, instead of what the header says.
    pub as_of: Option<AsOf>,
}

impl Default for ImportLimits {
    /// Prices to 100,000.00; 5 % bad lines, or 20.
    fn default() -> Self {
        Self { max_price_cents: 10_000_000, bad_share: 0.05, bad_lines: 20, as_of: None }
    }
}

/// What an import did.
#[derive(Debug, Clone)]
pub struct ImportReport {
    pub version: CatalogVersion,
    /// Products now in the catalog.
    pub accepted: u64,
    /// Lines left out, in file order: the first 1,000 of `rejected_lines`.
    pub rejected: Vec<LineError>,
    pub rejected_lines: u64,
    /// The catalog that was there before.
    pub replaced: Option<CatalogVersion>,
    pub took: Duration,
}

/// Why nothing was imported; the old catalog stands.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "no catalog header in the file (a line with \"record\":\"catalog\"): nothing was imported{}",
        named(bad)
    )]
    NoHeader { bad: Vec<LineError> },
    #[error("no usable product in the file: nothing was imported{}", named(bad))]
    NoProducts { bad: Vec<LineError> },
    #[error(
        "{count} of {lines} lines are bad, more than the {allowed} tolerated: nothing was imported{}",
        named(bad)
    )]
    TooManyBad { count: u64, lines: u64, allowed: u64, bad: Vec<LineError> },
}

fn named(bad: &[LineError]) -> String {
    bad.iter().take(NAMED_ERRORS).map(|error| format!("; {error}")).collect()
}

/// Runs a whole import on a connection of its own.
pub(super) fn import(
    connections: &Connections,
    state: &State,
    feed: &mut impl Feed,
    limits: &ImportLimits,
    progress: &mut dyn FnMut(Progress),
) -> Result<ImportReport, ImportError> {
    let mut conn = connections.writer()?;
    let imported = import_over(&mut conn, connections, state, feed, limits, progress);
    if imported.is_err() {
        give_way(&conn);
    }
    imported
}

fn import_over(
    conn: &mut Connection,
    connections: &Connections,
    state: &State,
    feed: &mut impl Feed,
    limits: &ImportLimits,
    progress: &mut dyn FnMut(Progress),
) -> Result<ImportReport, ImportError> {
    let started = Instant::now();
    let sql = |source| StoreError::of(connections.path(), source);
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    let replaced = CatalogVersion::read(&tx).optional().map_err(sql)?;
    let laid = lay_in(&tx, connections.path(), feed, limits, progress, false)?;
    let version = next_version(replaced.as_ref(), feed.digest().to_string());
    // They belong to the bundle that is not there any more.
    tx.execute("DELETE FROM bundle_files", []).map_err(sql)?;
    write_header(&tx, &laid.header, laid.kiosk, &version).map_err(sql)?;
    tx.execute_batch(LENGTHS).and_then(|()| tx.execute_batch(BRANDS)).map_err(sql)?;
    // In the same transaction: no shopper sees what the shop has withdrawn.
    overlay::lay_all(connections, &tx, state, 0, Timestamp::now())?;
    tx.commit().map_err(sql)?;
    // Moves the log into the file as far as no reader needs it; what is left
    // goes there by itself later.
    let _ = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    Ok(ImportReport {
        version,
        accepted: laid.accepted,
        rejected: laid.bad,
        rejected_lines: laid.bad_lines,
        replaced,
        took: started.elapsed(),
    })
}

/// What was laid into the emptied tables.
pub(super) struct Laid {
    pub header: Header,
    pub kiosk: Option<Point>,
    accepted: u64,
    bad: Vec<LineError>,
    bad_lines: u64,
}

/// Empties the tables and lays a feed into them, all but the catalog's own row; with `digests`,
/// those of the rows too.
pub(super) fn lay_in(
    tx: &Transaction<'_>,
    path: &Path,
    feed: &mut impl Feed,
    limits: &ImportLimits,
    progress: &mut dyn FnMut(Progress),
    digests: bool,
) -> Result<Laid, ImportError> {
    let sql = |source| StoreError::of(path, source);
    clear(tx).map_err(sql)?;
    let mut intake = Intake { digests, ..Intake::default() };
    let mut since = 0;
    while let Some(entry) = feed.next() {
        intake.take(tx, entry?, limits).map_err(sql)?;
        since += 1;
        if since % PROGRESS_LINES == 0 {
            progress(feed.progress());
        }
        if intake.header.is_none() && intake.bad_lines > HOPELESS_LINES {
            break;
        }
    }
    progress(feed.progress());
    intake.take_waiting(tx).map_err(sql)?;
    let mut header = intake.verdict(limits)?;
    header.as_of = limits.as_of.clone().or(header.as_of);
    write_vocabulary(tx, &intake.tally).map_err(sql)?;
    let Intake { kiosk, accepted, bad, bad_lines, .. } = intake;
    Ok(Laid { header, kiosk, accepted, bad, bad_lines })
}

/// The version after `replaced`.
pub(super) fn next_version(replaced: Option<&CatalogVersion>, digest: String) -> CatalogVersion {
    CatalogVersion { number: replaced.map_or(1, |old| old.number.saturating_add(1)), digest }
}

fn clear(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    // Without conditions these drop whole pages, they do not visit rows.
    tx.execute_batch(
        "DELETE FROM catalog; DELETE FROM option_groups; DELETE FROM areas; DELETE FROM products; \
         DELETE FROM gtins; DELETE FROM base; DELETE FROM stopped; DELETE FROM words; DELETE FROM stems; DROP TABLE search; \
         DROP TABLE anywhere; DELETE FROM bundle; DELETE FROM row_digests;",
    )?;
    tx.execute_batch(SEARCH_TABLES)
}

/// The import's running state.
#[derive(Default)]
struct Intake {
    header: Option<Header>,
    kiosk: Option<Point>,
    known: References,
    skus: HashMap<Sku, u64>,
    /// Products whose references are not declared yet: they may come later.
    waiting: Vec<(u64, Product)>,
    tally: Tally,
    /// Whether rows are digested.
    digests: bool,
    accepted: u64,
    good_lines: u64,
    bad: Vec<LineError>,
    bad_lines: u64,
}

impl Intake {
    fn take(&mut self, tx: &Transaction<'_>, entry: Entry, limits: &ImportLimits) -> rusqlite::Result<()> {
        let Entry { line, record } = entry;
        match record.and_then(|record| sane(record, limits.max_price_cents)) {
            Ok(Record::Header(header)) => {
                if self.header.is_some() {
                    self.reject(line, "a second catalog header".to_owned());
                } else {
                    self.header = Some(header);
                    self.good_lines += 1;
                }
            }
            Ok(Record::OptionGroup(group)) => self.take_group(tx, line, &group)?,
            Ok(Record::Area(area)) => self.take_area(tx, line, area)?,
            Ok(Record::Kiosk(point)) => {
                if self.kiosk.replace(point).is_some() {
                    self.reject(line, "a second kiosk position".to_owned());
                } else {
                    self.good_lines += 1;
                }
            }
            Ok(Record::Product(product)) => {
                if let Some(first) = self.skus.get(&product.sku) {
                    let reason = format!("sku {} was already given on line {first}", product.sku);
                    self.reject(line, reason);
                } else {
                    self.skus.insert(product.sku.clone(), line);
                    let declared = product.location.is_none() || !self.known.areas.is_empty();
                    if declared && self.known.check(&product).is_ok() {
                        self.store(tx, &product)?;
                    } else {
                        self.waiting.push((line, *product));
                    }
                }
            }
            Err(reason) => self.reject(line, reason),
        }
        Ok(())
    }

    fn take_group(&mut self, tx: &Transaction<'_>, line: u64, group: &OptionGroup) -> rusqlite::Result<()> {
        if let Some(first) = self.known.groups.get(&group.id) {
            let reason = format!("option group {} was already given on line {first}", group.id);
            self.reject(line, reason);
            return Ok(());
        }
        insert_group(tx, group)?;
        self.known.groups.insert(group.id.clone(), line);
        self.good_lines += 1;
        Ok(())
    }

    fn take_area(&mut self, tx: &Transaction<'_>, line: u64, area: Area) -> rusqlite::Result<()> {
        if self.known.areas.contains_key(&area.id) {
            self.reject(line, format!("aisle {} was already given", area.id));
            return Ok(());
        }
        insert_area(tx, &area)?;
        self.known.areas.insert(area.id.clone(), area);
        self.good_lines += 1;
        Ok(())
    }

    /// Decides on the products that referred ahead, now that all is declared.
    fn take_waiting(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        for (line, product) in std::mem::take(&mut self.waiting) {
            match self.known.check(&product) {
                Ok(()) => self.store(tx, &product)?,
                Err(reason) => self.reject(line, reason),
            }
        }
        self.bad.sort_by_key(|error| error.line);
        Ok(())
    }

    fn store(&mut self, tx: &Transaction<'_>, product: &Product) -> rusqlite::Result<()> {
        let id = rows::insert(tx, None, product)?;
        self.tally.add(product).insert(tx, id)?;
        if self.digests {
            delta::keep_digest(tx, product)?;
        }
        self.accepted += 1;
        self.good_lines += 1;
        Ok(())
    }

    fn reject(&mut self, line: u64, reason: String) {
        self.bad_lines += 1;
        if self.bad.len() < KEPT_ERRORS {
            self.bad.push(LineError { line, reason });
        }
    }

    /// Whether what was read makes a catalog; its header if so.
    fn verdict(&mut self, limits: &ImportLimits) -> Result<Header, ImportError> {
        let Some(header) = self.header.take() else {
            return Err(ImportError::NoHeader { bad: std::mem::take(&mut self.bad) });
        };
        let lines = self.good_lines + self.bad_lines;
        // Line counts stay far below 2^53.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let share = (lines as f64 * limits.bad_share.clamp(0.0, 1.0)) as u64;
        let allowed = share.max(limits.bad_lines);
        if self.bad_lines > allowed {
            let bad = std::mem::take(&mut self.bad);
            return Err(ImportError::TooManyBad { count: self.bad_lines, lines, allowed, bad });
        }
        if self.accepted == 0 {
            return Err(ImportError::NoProducts { bad: std::mem::take(&mut self.bad) });
        }
        Ok(header)
    }
}

pub(super) fn insert_group(tx: &Transaction<'_>, group: &OptionGroup) -> rusqlite::Result<()> {
    let body = serde_json::to_string(group).ok();
    tx.prepare_cached("INSERT INTO option_groups (id, body) VALUES (?1, ?2)")?
        .execute(params![group.id, body])
        .map(drop)
}

pub(super) fn insert_area(tx: &Transaction<'_>, area: &Area) -> rusqlite::Result<()> {
    let Area { id, name, x, y, to, bays, shelves } = area;
    let to = to.as_ref();
    tx.prepare_cached(
        "INSERT INTO areas (id, name, x, y, to_x, to_y, bays, shelves) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![id, name, x, y, to.map(|to| to.x), to.map(|to| to.y), bays, shelves])
    .map(drop)
}

fn write_vocabulary(tx: &Transaction<'_>, tally: &Tally) -> rusqlite::Result<()> {
    let mut insert =
        tx.prepare("INSERT INTO words (word, stem, sound, products, heads) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (word, count) in &tally.words {
        insert.execute(params![word, count.stem, sounds(word).join(" "), count.products, count.heads])?;
    }
    let mut insert = tx.prepare("INSERT INTO stems (stem, products, named) VALUES (?1, ?2, ?3)")?;
    for (stem, count) in &tally.stems {
        insert.execute(params![stem, count.products, count.named])?;
    }
    // One index segment instead of many: searches are faster, the file smaller.
    tx.execute("INSERT INTO search (search) VALUES ('optimize')", [])?;
    tx.execute("INSERT INTO anywhere (anywhere) VALUES ('optimize')", [])?;
    Ok(())
}

pub(super) fn write_header(
    tx: &Transaction<'_>,
    header: &Header,
    kiosk: Option<Point>,
    version: &CatalogVersion,
) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO catalog (id, version, digest, name, currency, as_of, imported_at, kiosk_x, kiosk_y) \
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            version.number,
            version.digest,
            header.name,
            header.currency.code(),
            header.as_of,
            Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            kiosk.map(|point| point.x),
            kiosk.map(|point| point.y),
        ],
    )?;
    Ok(())
}
