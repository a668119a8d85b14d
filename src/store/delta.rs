//! Bringing the catalog from one content to another within one transaction: by a whole feed or
//! by the rows that differ. The rows that corrections cover change beneath them; what shoppers
//! see follows before the commit. Readers see the old catalog until then.

use super::analysis::Tally;
use super::import::{self, ImportError, ImportLimits, insert_area, insert_group};
use super::intake::{References, sane};
use super::overlay::count;
use super::records::{Header, Record};
use super::rows::{self, COLUMNS};
use super::{CatalogVersion, Digest, Feed, Progress, StoreError, lines};
use crate::domain::{Area, Currency, OptionGroup, Point, Product, Sku};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::path::Path;

/// What differs between two contents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Header, option groups, areas and the kiosk's place, all of them, where any differs.
    pub headers: Option<Vec<Record>>,
    pub removed: Vec<Sku>,
    /// Products that are there and change.
    pub changed: Vec<Product>,
    pub added: Vec<Product>,
}

/// Why changes do not fit.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("the change does not fit the catalog ({0}): fetch the whole one")]
    Unfit(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A catalog that is being renewed, all or nothing.
pub struct Renewal<'a> {
    pub(super) tx: &'a Transaction<'a>,
    path: &'a Path,
    on_step: &'a mut dyn FnMut(&'static str),
    /// Whether rows are other than they were.
    pub(super) changed: bool,
}

impl<'a> Renewal<'a> {
    pub(super) fn new(
        tx: &'a Transaction<'a>,
        path: &'a Path,
        on_step: &'a mut dyn FnMut(&'static str),
    ) -> Self {
        Self { tx, path, on_step, changed: false }
    }

    pub(super) fn step(&mut self, name: &'static str) {
        (self.on_step)(name);
    }

    fn of<T>(&self, answer: rusqlite::Result<T>) -> Result<T, StoreError> {
        answer.map_err(|source| StoreError::of(self.path, source))
    }

    /// Lays a whole feed in, in place of all that is there. Not one bad line is taken.
    ///
    /// # Errors
    /// As for an import.
    pub fn replace(
        &mut self,
        feed: &mut impl Feed,
        max_price_cents: i64,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), ImportError> {
        let limits = ImportLimits { max_price_cents, bad_share: 0.0, bad_lines: 0, as_of: None };
        let before = self.of(CatalogVersion::read(self.tx).optional())?;
        let laid = import::lay_in(self.tx, self.path, feed, &limits, progress, true)?;
        self.step("laid");
        let version = import::next_version(before.as_ref(), feed.digest().to_string());
        self.of(import::write_header(self.tx, &laid.header, laid.kiosk, &version))?;
        self.changed = true;
        Ok(())
    }

    /// The line of a product as the catalog, not the shop, has it, without its end.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn line(&self, sku: &Sku) -> Result<Option<Vec<u8>>, StoreError> {
        let product = self.of(beneath(self.tx, sku))?;
        let line = product.map(|product| lines::product(&product)).transpose();
        self.of(line.map_err(unwritten))
    }

    /// The header lines in their order, without their ends.
    ///
    /// # Errors
    /// No catalog is loaded, or it cannot be read.
    pub fn headers(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let records = self.of(headers(self.tx))?.ok_or(StoreError::Empty)?;
        self.of(records.iter().map(|record| lines::line(record).map_err(unwritten)).collect())
    }

    /// The digests of all rows, in the order of the bytes of their numbers.
    ///
    /// # Errors
    /// The database cannot be read; the first error of `each`.
    pub fn digests<E: From<StoreError>>(
        &self,
        mut each: impl FnMut(Sku, Digest) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut select = self.of(self.tx.prepare("SELECT sku, digest FROM row_digests ORDER BY sku"))?;
        let mut rows = self.of(select.query([]))?;
        while let Some(row) = self.of(rows.next())? {
            let (sku, digest): (String, [u8; 32]) =
                self.of(row.get(0).and_then(|sku| Ok((sku, row.get(1)?))))?;
            let Some(sku) = Sku::new(&sku) else { continue };
            each(sku, Digest(digest))?;
        }
        Ok(())
    }

    /// Brings in what differs. Afterwards [`Renewal::line`] and the digests show it.
    ///
    /// # Errors
    /// A product is there that should not be, or the other way round, or makes no sense.
    pub fn change(&mut self, changes: &Changes, max_price_cents: i64) -> Result<(), ChangeError> {
        let tx = self.tx;
        if self.of(CatalogVersion::read(tx).optional())?.is_none() {
            return Err(StoreError::Empty.into());
        }
        let replaced = match &changes.headers {
            Some(headers) => self.replace_headers(headers, max_price_cents)?,
            None => false,
        };
        let known = self.of(references(tx))?;
        let (mut new, mut old) = (Tally::default(), Tally::default());
        for sku in &changes.removed {
            if !self.of(remove(tx, sku, &mut old))? {
                return Err(unfit(sku, "is to go and is not there"));
            }
        }
        self.step("removed");
        let mut next = self.of(next_id(tx))?;
        for (product, is_new) in changes
            .changed
            .iter()
            .map(|product| (product, false))
            .chain(changes.added.iter().map(|product| (product, true)))
        {
            let record = sane(Record::Product(Box::new(product.clone())), max_price_cents);
            let Ok(Record::Product(product)) = record else {
                return Err(unfit(&product.sku, &record.err().unwrap_or_default()));
            };
            known.check(&product).map_err(|why| unfit(&product.sku, &why))?;
            let found = self.of(Place::find(tx, &product.sku))?;
            if found.is_some() == is_new {
                let why = if is_new { "is new and there already" } else { "changes and is not there" };
                return Err(unfit(&product.sku, why));
            }
            let place = found.unwrap_or_else(|| {
                next += 1;
                Place { id: next - 1, is_covered: false }
            });
            self.of(place.put(tx, &product, is_new, &mut old, &mut new))?;
        }
        self.step("changed");
        // First what is added, so that no word goes that only moved.
        self.of(count(tx, &new, 1).and_then(|()| count(tx, &old, -1)))?;
        if replaced {
            self.of(all_fit(tx, &known))?.map_err(ChangeError::Unfit)?;
        }
        let sql = "UPDATE catalog SET version = version + 1";
        self.of(tx.execute(sql, []))?;
        self.changed = true;
        self.step("counted");
        Ok(())
    }

    /// Puts other headers in the place of those that are there.
    fn replace_headers(&self, headers: &[Record], max_price_cents: i64) -> Result<bool, ChangeError> {
        let tx = self.tx;
        let mut known = References::default();
        self.of(tx.execute_batch("DELETE FROM option_groups; DELETE FROM areas;"))?;
        let (mut header, mut kiosk) = (None, None);
        let twice = |what: &str| ChangeError::Unfit(format!("{what} stands there twice"));
        for record in headers {
            match sane(record.clone(), max_price_cents).map_err(ChangeError::Unfit)? {
                Record::Header(found) => {
                    header.replace(found).map_or(Ok(()), |_| Err(twice("the header")))?;
                }
                Record::Kiosk(found) => {
                    kiosk.replace(found).map_or(Ok(()), |_| Err(twice("the kiosk's place")))?;
                }
                Record::OptionGroup(group) => {
                    known.groups.insert(group.id.clone(), 0).map_or(Ok(()), |_| Err(twice("a group")))?;
                    self.of(insert_group(tx, &group))?;
                }
                Record::Area(area) => {
                    self.of(insert_area(tx, &area))?;
                    known.areas.insert(area.id.clone(), area).map_or(Ok(()), |_| Err(twice("an aisle")))?;
                }
                Record::Product(_) => return Err(ChangeError::Unfit("a product is no header".into())),
            }
        }
        let Some(header) = header else {
            return Err(ChangeError::Unfit("there is no header".into()));
        };
        let sql = "UPDATE catalog SET name = ?1, currency = ?2, as_of = ?3, kiosk_x = ?4, kiosk_y = ?5";
        let (x, y) = (kiosk.map(|point| point.x), kiosk.map(|point| point.y));
        self.of(tx.execute(sql, params![header.name, header.currency.code(), header.as_of, x, y]))?;
        Ok(true)
    }
}

fn unfit(sku: &Sku, why: &str) -> ChangeError {
    ChangeError::Unfit(format!("product {sku}: {why}"))
}

fn unwritten(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

/// Keeps the digest of a product's line.
pub(super) fn keep_digest(conn: &Connection, product: &Product) -> rusqlite::Result<()> {
    let line = lines::product(product).map_err(unwritten)?;
    conn.prepare_cached("INSERT OR REPLACE INTO row_digests (sku, digest) VALUES (?1, ?2)")?
        .execute(params![product.sku.as_str(), Digest::of(&line).0])
        .map(drop)
}

/// A product as the catalog has it, whatever the shop says.
fn beneath(conn: &Connection, sku: &Sku) -> rusqlite::Result<Option<Product>> {
    let kept = conn
        .prepare_cached("SELECT body FROM base WHERE sku = ?1")?
        .query_row([sku.as_str()], |row| Ok(row.get::<_, rows::Json<Product>>(0)?.0))
        .optional()?;
    match kept {
        Some(product) => Ok(Some(product)),
        None => Ok(shown(conn, sku)?.map(|(_, product)| product)),
    }
}

/// A product as shoppers see it.
fn shown(conn: &Connection, sku: &Sku) -> rusqlite::Result<Option<(i64, Product)>> {
    let sql = format!("SELECT id, {COLUMNS} FROM products WHERE sku = ?1");
    let row = |row: &rusqlite::Row<'_>| Ok((row.get("id")?, rows::product(row)?));
    conn.prepare_cached(&sql)?.query_row([sku.as_str()], row).optional()
}

/// Under which number a product's rows are.
struct Place {
    id: i64,
    /// Whether a correction covers it.
    is_covered: bool,
}

impl Place {
    fn find(conn: &Connection, sku: &Sku) -> rusqlite::Result<Option<Self>> {
        let id = |sql: &str| {
            conn.prepare_cached(sql)?.query_row([sku.as_str()], |row| row.get::<_, i64>(0)).optional()
        };
        if let Some(id) = id("SELECT id FROM base WHERE sku = ?1")? {
            return Ok(Some(Self { id, is_covered: true }));
        }
        let found = id("SELECT id FROM products WHERE sku = ?1")?;
        Ok(found.map(|id| Self { id, is_covered: false }))
    }

    /// Puts a product there. What is covered changes beneath its correction, which shows it.
    fn put(
        &self,
        tx: &Transaction<'_>,
        product: &Product,
        is_new: bool,
        old: &mut Tally,
        new: &mut Tally,
    ) -> rusqlite::Result<()> {
        if self.is_covered {
            tx.prepare_cached("UPDATE base SET body = ?2 WHERE id = ?1")?
                .execute(params![self.id, rows::json(product)])?;
        } else {
            if !is_new && let Some((id, before)) = shown(tx, &product.sku)? {
                old.add(&before);
                rows::remove(tx, id)?;
            }
            rows::insert(tx, Some(self.id), product)?;
            new.add(product).insert(tx, self.id)?;
        }
        keep_digest(tx, product)
    }
}

/// Removes a product with what a correction makes of it. False when there is none.
fn remove(tx: &Transaction<'_>, sku: &Sku, old: &mut Tally) -> rusqlite::Result<bool> {
    let covered = tx.prepare_cached("DELETE FROM base WHERE sku = ?1")?.execute([sku.as_str()])? > 0;
    let shown = shown(tx, sku)?;
    if let Some((id, product)) = &shown {
        old.add(product);
        rows::remove(tx, *id)?;
    }
    tx.prepare_cached("DELETE FROM row_digests WHERE sku = ?1")?.execute([sku.as_str()])?;
    Ok(covered || shown.is_some())
}

/// The first number above all that products have, those that are withdrawn too.
fn next_id(tx: &Transaction<'_>) -> rusqlite::Result<i64> {
    let sql =
        "SELECT max(ifnull((SELECT max(id) FROM products), 0), ifnull((SELECT max(id) FROM base), 0)) + 1";
    tx.query_row(sql, [], |row| row.get(0))
}

/// What is declared before the products, in its order; `None` without a catalog.
fn headers(tx: &Transaction<'_>) -> rusqlite::Result<Option<Vec<Record>>> {
    let sql = "SELECT name, currency, as_of, kiosk_x, kiosk_y FROM catalog";
    let header = |row: &rusqlite::Row<'_>| {
        let code: String = row.get(1)?;
        let currency = Currency::parse(&code).unwrap_or_default();
        let place = row.get::<_, Option<f64>>(3)?.zip(row.get(4)?).map(|(x, y)| Point { x, y });
        Ok((Header { name: row.get(0)?, currency, as_of: row.get(2)? }, place))
    };
    let Some((header, place)) = tx.query_row(sql, [], header).optional()? else { return Ok(None) };
    let mut records = vec![Record::Header(header)];
    records.extend(groups(tx)?.into_iter().map(Record::OptionGroup));
    records.extend(areas(tx)?.into_iter().map(Record::Area));
    records.extend(place.map(Record::Kiosk));
    Ok(Some(records))
}

fn groups(tx: &Transaction<'_>) -> rusqlite::Result<Vec<OptionGroup>> {
    let mut select = tx.prepare_cached("SELECT body FROM option_groups ORDER BY position")?;
    select.query_map([], |row| Ok(row.get::<_, rows::Json<OptionGroup>>(0)?.0))?.collect()
}

fn areas(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Area>> {
    let sql = "SELECT id, name, x, y, to_x, to_y, bays, shelves FROM areas ORDER BY position";
    let mut select = tx.prepare_cached(sql)?;
    let area = |row: &rusqlite::Row<'_>| {
        let to = row.get::<_, Option<f64>>(4)?.zip(row.get(5)?).map(|(x, y)| Point { x, y });
        let (id, name, bays, shelves) = (row.get(0)?, row.get(1)?, row.get(6)?, row.get(7)?);
        Ok(Area { id, name, x: row.get(2)?, y: row.get(3)?, to, bays, shelves })
    };
    select.query_map([], area)?.collect()
}

fn references(tx: &Transaction<'_>) -> rusqlite::Result<References> {
    let groups = groups(tx)?.into_iter().map(|group| (group.id, 0)).collect();
    let areas = areas(tx)?.into_iter().map(|area| (area.id.clone(), area)).collect();
    Ok(References { groups, areas })
}

/// Whether every product, as the catalog has it, refers to what is declared.
fn all_fit(tx: &Transaction<'_>, known: &References) -> rusqlite::Result<Result<(), String>> {
    let mut select = tx.prepare("SELECT sku FROM row_digests")?;
    let mut skus = select.query([])?;
    while let Some(row) = skus.next()? {
        let sku: String = row.get(0)?;
        let product = Sku::new(&sku).map(|sku| beneath(tx, &sku)).transpose()?.flatten();
        if let Some(Err(why)) = product.map(|product| known.check(&product)) {
            return Ok(Err(format!("product {sku}: {why}")));
        }
    }
    Ok(Ok(()))
}
