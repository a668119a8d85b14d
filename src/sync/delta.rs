//! The rows that differ between two contents, and packing them: new rows compressed with the
//! old versions of the same rows as the dictionary, so that of a changed price little more than
//! the price travels. Memory is that of the changed rows, old and new, not of the catalog.
//! Never applies anything.
//!
//! A packed delta is: the length of its index (32 bits, little-endian); the index, compressed;
//! the rows, compressed with the old rows as the dictionary. The index has a JSON line
//! (`Index`), then a line for each header, each number removed and each number changed; the
//! rows are a line for each product changed, then for each added, in the order of their numbers.

use super::digest::{Digest, Hasher};
use super::pack::{Chunker, Limits, PackError, bounded, compress, prefixed, undecoded};
use super::root::{Line, MAX_HEADERS, Row};
use super::wire::catalog::Parts;
use crate::domain::Sku;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, BufRead, Read, Write};

/// The only version of the index so far.
const VERSION: u32 = 1;

/// Where the rows of the old content are.
pub trait OldRows {
    /// The line of a product, without its end; `None`: there is none.
    ///
    /// # Errors
    /// It cannot be read.
    fn row(&mut self, sku: &Sku) -> Result<Option<Vec<u8>>, Box<dyn Error + Send + Sync>>;
}

impl OldRows for BTreeMap<Sku, Vec<u8>> {
    fn row(&mut self, sku: &Sku) -> Result<Option<Vec<u8>>, Box<dyn Error + Send + Sync>> {
        Ok(self.get(sku).cloned())
    }
}

/// What makes one content into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub from_root: Digest,
    pub root: Digest,
    /// All header lines, where any of them differs.
    pub headers: Option<Vec<Vec<u8>>>,
    /// Products that are gone, in the order of their numbers.
    pub removed: Vec<Sku>,
    /// Products that are other than they were, likewise.
    pub changed: Vec<Row>,
    /// Products that are new, likewise.
    pub added: Vec<Row>,
}

/// The first line of an index.
#[derive(Debug, Serialize, Deserialize)]
struct Index {
    format: u32,
    from_root: Digest,
    root: Digest,
    /// Number of header lines; `None`: they stay.
    headers: Option<usize>,
    removed: usize,
    changed: usize,
    added: usize,
    /// Bytes and digest of the old rows, to tell a wrong base from damage.
    old: u64,
    old_sha256: Digest,
}

impl Change {
    /// The numbers and digests that take the place of the old ones.
    pub fn digests(&self) -> impl Iterator<Item = (&Sku, Digest)> {
        self.changed.iter().chain(&self.added).map(|row| (row.sku(), row.digest()))
    }
}

/// Finds what differs between two contents, both in the order of their numbers. Holds the rows
/// that differ. `headers` are the new ones where they differ.
///
/// # Errors
/// The rows cannot be read or are out of order.
pub fn diff<E: Into<PackError>>(
    from_root: Digest,
    root: Digest,
    headers: Option<Vec<Vec<u8>>>,
    old: impl IntoIterator<Item = (Sku, Digest)>,
    new: impl IntoIterator<Item = Result<Row, E>>,
) -> Result<Change, PackError> {
    let mut change =
        Change { from_root, root, headers, removed: Vec::new(), changed: Vec::new(), added: Vec::new() };
    let mut old = old.into_iter().peekable();
    let mut last: Option<Sku> = None;
    for row in new {
        let row = row.map_err(Into::into)?;
        if last.as_ref().is_some_and(|last| last >= row.sku()) {
            return Err(PackError::Content("the products do not stand in the order of their numbers"));
        }
        last = Some(row.sku().clone());
        while let Some((sku, _)) = old.next_if(|(sku, _)| sku < row.sku()) {
            change.removed.push(sku);
        }
        match old.next_if(|(sku, _)| sku == row.sku()) {
            None => change.added.push(row),
            Some((_, digest)) if digest != row.digest() => change.changed.push(row),
            Some(_) => {}
        }
    }
    change.removed.extend(old.map(|(sku, _)| sku));
    Ok(change)
}

/// The old versions of `skus`, one after another, at most `limit` bytes.
fn old_rows<'a>(
    skus: impl Iterator<Item = &'a Sku>,
    old: &mut impl OldRows,
    limit: u64,
) -> Result<Vec<u8>, PackError> {
    let mut lines = Vec::new();
    for sku in skus {
        let line = old.row(sku).map_err(PackError::Old)?;
        lines.extend_from_slice(&line.ok_or(PackError::Base("a changed product is not there"))?);
        lines.push(b'\n');
        bounded(lines.len() as u64, limit)?;
    }
    Ok(lines)
}

fn lines<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut all = Vec::new();
    for line in lines {
        all.extend_from_slice(line);
        all.push(b'\n');
    }
    all
}

/// Packs a change. `old` has the rows of the content that it starts from.
///
/// # Errors
/// An old row is missing, the change is larger than `limit` bytes (then a snapshot serves
/// better), or a chunk cannot be handed over.
pub fn pack_delta(
    change: &Change,
    old: &mut impl OldRows,
    level: i32,
    limit: u64,
    put: impl FnMut(&Digest, &[u8]) -> io::Result<()>,
) -> Result<Parts, PackError> {
    let prefix = old_rows(change.changed.iter().map(Row::sku), old, limit)?;
    let index = Index {
        format: VERSION,
        from_root: change.from_root,
        root: change.root,
        headers: change.headers.as_ref().map(Vec::len),
        removed: change.removed.len(),
        changed: change.changed.len(),
        added: change.added.len(),
        old: prefix.len() as u64,
        old_sha256: Digest::of(&prefix),
    };
    let head = serde_json::to_vec(&index).map_err(io::Error::from)?;
    let headers = change.headers.iter().flatten().map(Vec::as_slice);
    let removed = change.removed.iter().map(|sku| sku.as_str().as_bytes());
    let changed = change.changed.iter().map(|row| row.sku().as_str().as_bytes());
    let index = lines(std::iter::once(head.as_slice()).chain(headers).chain(removed).chain(changed));
    let rows = lines(change.changed.iter().chain(&change.added).map(Row::line));
    let size = (index.len() + rows.len()) as u64;
    bounded(size, limit)?;

    let mut packed_index = Vec::new();
    compress(&mut packed_index, &index, &[], level)?;
    let length =
        u32::try_from(packed_index.len()).map_err(|_| PackError::Content("the index is too long"))?;
    let mut chunker = Chunker::new(put);
    chunker.write_all(&length.to_le_bytes())?;
    chunker.write_all(&packed_index)?;
    compress(&mut chunker, &rows, &prefix, level)?;
    let mut hasher = Hasher::default();
    hasher.update(&index);
    hasher.update(&rows);
    chunker.finish(size, hasher.finish())
}

/// Unpacks a delta for the content with the root `here`, whose rows `old` has.
///
/// # Errors
/// It is larger than allowed, damaged, or made for other content.
pub fn unpack_delta(
    mut packed: impl BufRead,
    parts: &Parts,
    here: Digest,
    old: &mut impl OldRows,
    limits: Limits,
) -> Result<Change, PackError> {
    bounded(parts.size, limits.delta)?;
    let mut length = [0; 4];
    packed.read_exact(&mut length).map_err(undecoded)?;
    let length = u32::from_le_bytes(length).into();
    let mut packed_index = Vec::new();
    (&mut packed).take(length).read_to_end(&mut packed_index)?;
    if packed_index.len() as u64 != length {
        return Err(PackError::Damaged("it is shorter"));
    }
    let mut rest = packed_index.as_slice();
    let index_bytes = unpack(&mut rest, &[], parts.size)?;
    if !rest.is_empty() {
        return Err(PackError::Damaged("something stands behind its index"));
    }
    let (head, entries) = split_index(&index_bytes)?;
    if head.from_root != here {
        return Err(PackError::Base("its root is another"));
    }
    bounded(head.old, limits.delta)?;
    let changed = entries.changed;
    let prefix = old_rows(changed.iter(), old, limits.delta)?;
    if prefix.len() as u64 != head.old || Digest::of(&prefix) != head.old_sha256 {
        return Err(PackError::Base("its rows are others"));
    }
    let rows = unpack(&mut packed, &prefix, parts.size - index_bytes.len() as u64)?;
    drop(prefix);
    if !packed.fill_buf()?.is_empty() {
        return Err(PackError::Damaged("something stands behind it"));
    }
    let mut hasher = Hasher::default();
    hasher.update(&index_bytes);
    hasher.update(&rows);
    if (index_bytes.len() + rows.len()) as u64 != parts.size || hasher.finish() != parts.sha256 {
        return Err(PackError::Damaged("its size or digest is another"));
    }
    let mut rows = rows.split_inclusive(|byte| *byte == b'\n').map(row);
    let replaced: Vec<Row> = rows.by_ref().take(changed.len()).collect::<Result<_, _>>()?;
    let added: Vec<Row> = rows.collect::<Result<_, _>>()?;
    if added.len() != head.added || !changed.iter().eq(replaced.iter().map(Row::sku)) {
        return Err(PackError::Content("its rows are not those that its index names"));
    }
    let ordered = ascending(entries.removed.iter())
        && ascending(replaced.iter().map(Row::sku))
        && ascending(added.iter().map(Row::sku));
    if !ordered {
        return Err(PackError::Content("a number stands there twice, or out of order"));
    }
    let (headers, removed) = (entries.headers, entries.removed);
    Ok(Change { from_root: head.from_root, root: head.root, headers, removed, changed: replaced, added })
}

/// Unpacks one frame, at most `limit` bytes.
fn unpack(packed: &mut impl BufRead, prefix: &[u8], limit: u64) -> Result<Vec<u8>, PackError> {
    let mut bytes = Vec::new();
    prefixed(packed, prefix)?.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(undecoded)?;
    if bytes.len() as u64 > limit {
        return Err(PackError::Damaged("it is longer"));
    }
    Ok(bytes)
}

fn row(line: &[u8]) -> Result<Row, PackError> {
    Row::read(line.strip_suffix(b"\n").ok_or(PackError::Content("a line has no end"))?.to_vec())
}

/// What stands behind the first line of an index.
struct Entries {
    headers: Option<Vec<Vec<u8>>>,
    removed: Vec<Sku>,
    changed: Vec<Sku>,
}

fn split_index(index: &[u8]) -> Result<(Index, Entries), PackError> {
    let bad = || PackError::Content("its index cannot be read");
    let index = index.strip_suffix(b"\n").ok_or_else(bad)?;
    let mut lines = index.split(|byte| *byte == b'\n');
    let head: Index = serde_json::from_slice(lines.next().unwrap_or_default()).map_err(|_| bad())?;
    if head.format != VERSION {
        return Err(PackError::Content("its format is not known: update the program"));
    }
    if head.headers.is_some_and(|headers| headers > MAX_HEADERS) {
        return Err(PackError::Content("it has too many headers"));
    }
    let mut headers = Vec::new();
    for line in lines.by_ref().take(head.headers.unwrap_or_default()) {
        match Line::read(line.to_vec())? {
            Line::Header(header) => headers.push(header),
            Line::Product(_) => return Err(bad()),
        }
    }
    let sku = |line: &[u8]| {
        let text = std::str::from_utf8(line).ok()?;
        Sku::new(text).filter(|sku| sku.as_str() == text)
    };
    let mut skus = lines.map(sku);
    let removed: Vec<Sku> = skus.by_ref().take(head.removed).collect::<Option<_>>().ok_or_else(bad)?;
    let changed: Vec<Sku> = skus.collect::<Option<_>>().ok_or_else(bad)?;
    let counts = (removed.len(), changed.len(), headers.len());
    if counts != (head.removed, head.changed, head.headers.unwrap_or_default()) {
        return Err(bad());
    }
    let headers = head.headers.map(|_| headers);
    Ok((head, Entries { headers, removed, changed }))
}

fn ascending<'a>(skus: impl Iterator<Item = &'a Sku>) -> bool {
    skus.is_sorted_by(|one, next| one < next)
}

#[cfg(test)]
#[path = "delta_tests.rs"]
mod tests;
