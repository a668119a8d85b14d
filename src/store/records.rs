//! What an import reads: catalog records one by one, each from a numbered
//! line, from whatever format a feed knows. Plain types and the [`Feed`] trait;
//! never reads a file itself.

use crate::domain::digest::Digest;
use crate::domain::{Area, Currency, OptionGroup, Point, Product};
use std::fmt;
use std::path::PathBuf;

/// One record of a catalog file.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    Header(Header),
    OptionGroup(OptionGroup),
    Area(Area),
    Kiosk(Point),
    Product(Box<Product>),
}

/// What the catalog is and from when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The shop's or the catalog's name.
    pub name: String,
    pub currency: Currency,
    /// When prices and stock were last sure: an RFC 3339 time or a date.
    pub as_of: Option<String>,
}

/// A record, or why the line holds none, with its line number (from 1).
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub line: u64,
    pub record: Result<Record, String>,
}

/// A line that was not imported, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LineError {
    pub line: u64,
    pub reason: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// How far a feed has read, in bytes of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub read: u64,
    pub total: u64,
}

/// A catalog file being read: an iterator of records or line errors, in bounded
/// memory. An `Err` item ends it: the file itself cannot be read.
pub trait Feed: Iterator<Item = Result<Entry, FeedError>> {
    fn progress(&self) -> Progress;

    /// The digest of what was read so far: of the file, once it has ended.
    fn digest(&self) -> Digest;

    /// What a person should know of what was read so far and what is no line
    /// error: "columns not used: ...". One line each.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

impl<F: Feed + ?Sized> Feed for Box<F> {
    fn progress(&self) -> Progress {
        (**self).progress()
    }

    fn digest(&self) -> Digest {
        (**self).digest()
    }

    fn notes(&self) -> Vec<String> {
        (**self).notes()
    }
}

/// Why a catalog file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is not a catalog file: {reason}", path.display())]
    NotACatalog { path: PathBuf, reason: &'static str },
    #[error(
        "{} is in no format that Aisle knows by itself ({seen}): write a mapping file and give it with \
         --mapping MAP.toml",
        path.display()
    )]
    NeedsMapping { path: PathBuf, seen: String },
    #[error("{} does not fit the mapping: {reason}", path.display())]
    Mismatch { path: PathBuf, reason: String },
    #[error("{} cannot be read from line {line} on: {reason}", path.display())]
    Broken { path: PathBuf, line: u64, reason: String },
}
