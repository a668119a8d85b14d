//! Prices and counts as head office's systems export them: columns to rows, each with the time
//! when it was known. A bad row is told by its line and what to write instead. Sends nothing.

use crate::domain::{AsOf, Cents, Promotion, Sku, moment, money};
use crate::feeds::availability;
use crate::feeds::rows::{self, Cell, Row, RowsError};
use crate::sync::wire::live::{AHEAD, Count, Price};
use crate::sync::wire::{MAX_PIECES, MAX_TEXT};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;

const PRICES: [&str; 9] = [
    "sku",
    "price",
    "price_cents",
    "promotion_price",
    "promotion_price_cents",
    "promotion_from",
    "promotion_until",
    "promotion_label",
    "as_of",
];
const COUNTS: [&str; 4] = ["sku", "stock", "availability", "as_of"];

/// What is known of a file's rows besides what they say.
#[derive(Debug, Clone, Copy)]
pub struct Taking {
    pub now: Timestamp,
    /// When those were known that do not say it; `None`: when the file was last changed.
    pub as_of: Option<Timestamp>,
    /// Highest believable price, in cents.
    pub max_price_cents: Cents,
}

/// Reads prices.
///
/// # Errors
/// The file or a row is not usable.
pub fn prices(path: &Path, taking: Taking) -> Result<Vec<Price>, RowsError> {
    read(path, &PRICES, taking, |row, sku, as_of| price(row, sku, as_of, taking.max_price_cents))
}

/// Reads counts.
///
/// # Errors
/// The file or a row is not usable.
pub fn counts(path: &Path, taking: Taking) -> Result<Vec<Count>, RowsError> {
    read(path, &COUNTS, taking, count)
}

fn read<T>(
    path: &Path,
    columns: &[&str],
    taking: Taking,
    make: impl Fn(&Row, Sku, Timestamp) -> Result<T, String>,
) -> Result<Vec<T>, RowsError> {
    let default = taking.as_of.unwrap_or_else(|| changed(path, taking.now));
    let (mut all, mut seen) = (Vec::new(), BTreeMap::new());
    rows::read(path, columns, |line, row| {
        let sku = row.text("sku").and_then(Sku::new);
        let sku = sku.ok_or_else(|| {
            format!("write the product's number, 1 to {} characters, into sku", Sku::MAX_CHARS)
        })?;
        if let Some(first) = seen.insert(sku.clone(), line) {
            return Err(format!("{sku} stands in line {first} already: leave one of them out"));
        }
        let as_of = row.text("as_of").map(|text| known(text, taking.now)).transpose()?.unwrap_or(default);
        all.push(make(&row, sku, as_of)?);
        Ok(())
    })?;
    Ok(all)
}

/// When a file was last changed, and not later than now.
fn changed(path: &Path, now: Timestamp) -> Timestamp {
    let time = std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let time = time.and_then(|time| Timestamp::try_from(time).ok());
    // Whole seconds, as people write them: shorter on the wire.
    time.and_then(|time| Timestamp::from_second(time.as_second()).ok()).map_or(now, |time| time.min(now))
}

fn known(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let time = moment::first(text)
        .ok_or_else(|| format!("as_of {}: write a time as 2026-11-20T06:00:00Z, or a date", shown(text)))?;
    if time.duration_since(now) > AHEAD {
        return Err(format!("as_of {} is still to come: check the clock of whoever wrote it", shown(text)));
    }
    Ok(time)
}

/// The time of `--as-of`.
///
/// # Errors
/// It is none, or still to come.
pub fn as_of(text: &AsOf, now: Timestamp) -> Result<Timestamp, String> {
    known(text, now)
}

fn price(row: &Row, sku: Sku, as_of: Timestamp, most: Cents) -> Result<Price, String> {
    let price = amount(row, "price", "price_cents", most)?
        .ok_or("no price: write it into price (3.49) or price_cents (349), or write unknown")?;
    let promotion = amount(row, "promotion_price", "promotion_price_cents", most)?.flatten();
    let time = |column| {
        let text = row.text(column);
        match text.filter(|text| moment::first(text).is_none()) {
            Some(text) => {
                Err(format!("{column} {}: write a time as 2026-11-20T06:00:00Z, or a date", shown(text)))
            }
            None => Ok(text.map(str::to_owned)),
        }
    };
    let (from, until) = (time("promotion_from")?, time("promotion_until")?);
    let label = row.text("promotion_label");
    if label.is_some_and(|label| label.chars().count() > MAX_TEXT || label.chars().any(char::is_control)) {
        return Err(format!("promotion_label: write at most {MAX_TEXT} characters on one line"));
    }
    let begins = from.as_deref().and_then(moment::first);
    if begins.zip(until.as_deref().and_then(moment::last)).is_some_and(|(from, until)| from > until) {
        return Err("promotion_until is before promotion_from".to_owned());
    }
    let promotion = match promotion {
        Some(price_cents) => Some(Promotion { price_cents, from, until, label: label.map(str::to_owned) }),
        None if from.is_some() || until.is_some() || label.is_some() => {
            return Err("a promotion without its price: write it into promotion_price".to_owned());
        }
        None => None,
    };
    Ok(Price { sku, price_cents: price, promotion, as_of: Some(as_of) })
}

/// An amount in either of two columns; `None`: in neither, `Some(None)`: said to be not known.
fn amount(row: &Row, whole: &str, cents: &str, most: Cents) -> Result<Option<Option<Cents>>, String> {
    let (column, cell, read): (_, _, fn(&str) -> Option<Cents>) = match (row.cell(whole), row.cell(cents)) {
        (Some(_), Some(_)) => return Err(format!("write {whole} or {cents}, not both")),
        (None, None) => return Ok(None),
        (Some(cell), None) => (whole, cell, money::parse),
        (None, Some(cell)) => (cents, cell, |text| text.parse().ok().filter(|cents| *cents >= 0)),
    };
    let Cell::Text(text) = cell else { return Ok(Some(None)) };
    let like = if column == whole { "3.49" } else { "349" };
    let amount = read(text).ok_or_else(|| format!("{column} {}: write it like {like}", shown(text)))?;
    if amount > most {
        let why =
            format!("{column} {} is not believed: catalog.max_price allows {}", shown(text), most / 100);
        return Err(why);
    }
    Ok(Some(Some(amount)))
}

fn count(row: &Row, sku: Sku, as_of: Timestamp) -> Result<Count, String> {
    let (stock, word) = (row.cell("stock"), row.cell("availability"));
    if stock.is_none() && word.is_none() {
        return Err("neither stock nor availability: write one of them, or write unknown".to_owned());
    }
    let pieces = |text: &str| {
        let pieces = text.parse().ok().filter(|pieces| (0..=MAX_PIECES).contains(pieces));
        pieces.ok_or_else(|| format!("stock {}: write the pieces on hand, 0 to {MAX_PIECES}", shown(text)))
    };
    let said = |text: &str| {
        let why = "write in_stock, out_of_stock, preorder, backorder or discontinued";
        availability(text).ok_or_else(|| format!("availability {}: {why}", shown(text)))
    };
    Ok(Count {
        sku,
        stock: row.text("stock").map(pieces).transpose()?,
        availability: row.text("availability").map(said).transpose()?,
        as_of: Some(as_of),
    })
}

/// A cell in an error.
fn shown(text: &str) -> String {
    format!("{:?}", text.chars().filter(|c| !c.is_control()).take(40).collect::<String>())
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
