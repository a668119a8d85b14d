//! Aisle's own catalog format: JSON Lines, one record a line, told apart by its
//! `record` key. Strict: an unknown record or key is a line error, since a
//! mistyped `allergens` must not silently become "unknown".
//!
//! ```text
//! {"record":"catalog","format":1,"name":"...","currency":"USD","as_of":"2026-11-20T06:00:00Z"}
//! {"record":"option_group","id":"size",...}     as domain::OptionGroup
//! {"record":"aisle","id":"4","name":"Dairy",...} as domain::Area
//! {"record":"kiosk","x":20.0,"y":1.5}
//! {"record":"product","sku":"DA-1001",...}      as domain::Product
//! ```

use super::lines::Lines;
use super::source::Source;
use crate::domain::{Area, Currency, OptionGroup, Point, Product};
use crate::store::{Digest, Entry, FORMAT, Feed, FeedError, Header, Progress, Record, line};
use serde::Deserialize;
use std::io::Write;
use std::path::Path;

/// Longest reason kept of what the JSON reader says, in characters.
const REASON_CHARS: usize = 160;

#[derive(Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
enum Line {
    Catalog(HeaderLine),
    OptionGroup(OptionGroup),
    Aisle(Area),
    Kiosk(Point),
    Product(Box<Product>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderLine {
    format: u32,
    name: String,
    currency: Currency,
    #[serde(default)]
    as_of: Option<String>,
}

/// Writes records as lines, in the order they come: header, option groups,
/// areas and kiosk before the products. What is written, read and written again
/// is the same to the byte. Returns the number of lines.
///
/// # Errors
/// The first error of `records` or of `out`; what was written until then is not
/// a catalog.
pub fn write<E: From<std::io::Error>>(
    out: &mut impl Write,
    records: impl IntoIterator<Item = Result<Record, E>>,
) -> Result<u64, E> {
    let mut lines = 0;
    for record in records {
        let record = record?;
        out.write_all(&line(&record).map_err(std::io::Error::from)?)?;
        out.write_all(b"\n")?;
        lines += 1;
    }
    Ok(lines)
}

/// A native catalog file being read.
pub struct NativeFeed {
    lines: Lines,
    ended: bool,
}

impl NativeFeed {
    /// Opens a catalog file.
    ///
    /// # Errors
    /// It cannot be read, is empty, or is not text.
    pub fn open(path: &Path) -> Result<Self, FeedError> {
        Ok(Self::new(Source::open(path, None)?))
    }

    pub(super) fn new(source: Source) -> Self {
        Self { lines: Lines::new(source), ended: false }
    }
}

impl Iterator for NativeFeed {
    type Item = Result<Entry, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.lines.next_line() {
            Ok(Some((line, text))) => Some(Ok(Entry { line, record: text.and_then(read) })),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}

impl Feed for NativeFeed {
    fn progress(&self) -> Progress {
        self.lines.meter().progress()
    }

    fn digest(&self) -> Digest {
        self.lines.meter().digest()
    }
}

/// Reads a record from its line, without its end.
///
/// # Errors
/// Why it is none, in plain words.
pub fn read(text: &str) -> Result<Record, String> {
    let line: Line = serde_json::from_str(text).map_err(|e| reason(&e))?;
    Ok(match line {
        Line::Catalog(HeaderLine { format, .. }) if format != FORMAT => {
            return Err(format!("catalog format {format} is not known; this Aisle reads {FORMAT}"));
        }
        Line::Catalog(HeaderLine { name, currency, as_of, .. }) => {
            Record::Header(Header { name, currency, as_of })
        }
        Line::OptionGroup(group) => Record::OptionGroup(group),
        Line::Aisle(area) => Record::Area(area),
        Line::Kiosk(point) => Record::Kiosk(point),
        Line::Product(product) => Record::Product(product),
    })
}

/// What the JSON reader found wrong, without its line number (always 1 here)
/// and its list of all that would have been right.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    let text = text.split_once(", expected one of ").map_or(text, |(what, _)| what);
    let text = if error.is_data() { text.to_owned() } else { format!("not JSON: {text}") };
    text.chars().filter(|c| !c.is_control()).take(REASON_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn entries(bytes: &[u8]) -> Vec<Entry> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut feed = NativeFeed::open(file.path()).unwrap();
        let all: Vec<Entry> = feed.by_ref().map(Result::unwrap).collect();
        let whole = u64::try_from(bytes.len()).unwrap();
        assert_eq!(feed.progress(), Progress { read: whole, total: whole });
        all
    }

    #[test]
    fn marks_crlf_and_blank_lines_are_tolerated() {
        let all = entries(
            b"\xef\xbb\xbf{\"record\":\"catalog\",\"format\":1,\"name\":\"A\",\"currency\":\"USD\"}\r\n\r\n   \n{\"record\":\"kiosk\",\"x\":1,\"y\":2}",
        );
        assert_eq!(all.iter().map(|e| e.line).collect::<Vec<_>>(), [1, 4]);
        assert!(matches!(all[0].record, Ok(Record::Header(_))));
        assert_eq!(all[1].record, Ok(Record::Kiosk(Point { x: 1.0, y: 2.0 })));
    }

    #[test]
    fn each_bad_line_has_one_reason() {
        let long = format!("{{\"record\":\"product\",\"sku\":\"{}\"}}\n", "x".repeat(MAX));
        let mut bytes = long.into_bytes();
        bytes.extend(b"\xff\xfe\n{\"record\":\"gadget\"}\n{\"sku\":1}\n");
        bytes.extend(b"{\"record\":\"product\",\"sku\":\"A\",\"title\":\"T\",\"colour\":\"red\"}\n{oops\n");
        bytes.extend(b"{\"record\":\"catalog\",\"format\":9,\"name\":\"A\",\"currency\":\"USD\"}\n");
        bytes.extend(b"{\"record\":\"product\",\"sku\":\"A\",\"title\":\"T\",\"gtin\":\"4006381333932\"}\n");
        let reasons: Vec<String> = entries(&bytes).into_iter().map(|e| e.record.unwrap_err()).collect();
        let starts = [
            "longer than 1024 KiB",
            "not UTF-8 text at byte 1",
            "unknown variant `gadget`",
            "missing field `record`",
            "unknown field `colour`",
            "not JSON: key must be a string",
            "catalog format 9 is not known",
            "the GTIN 4006381333932 ends with check digit 2",
        ];
        assert_eq!(reasons.len(), starts.len());
        for (reason, start) in reasons.iter().zip(starts) {
            assert!(reason.starts_with(start), "{reason}");
        }
    }

    const MAX: usize = super::super::lines::MAX_LINE_BYTES;

    #[test]
    fn what_is_no_text_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let of = |bytes: &[u8]| {
            let path = folder.path().join("file");
            std::fs::write(&path, bytes).unwrap();
            NativeFeed::open(&path).err().map(|e| e.to_string()).unwrap_or_default()
        };
        assert!(of(b"").ends_with("it is empty"));
        assert!(of(b"SQLite format 3\0").contains("binary"));
        let missing = NativeFeed::open(&folder.path().join("none")).err().unwrap();
        assert!(missing.to_string().contains("No such file"));
        let dir = NativeFeed::open(folder.path()).err().unwrap();
        assert!(dir.to_string().contains("not a regular file"));
    }
}
