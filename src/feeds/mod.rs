//! Readers of catalog files, one file per format: bytes in, records or line
//! errors out, in bounded memory and with progress in bytes. What a record must
//! satisfy to be sold is checked once for all formats, by `store`'s import.
//! Never writes anywhere but where [`native::write`] is told to.
//!
//! [`open`] tells the format by the content: Aisle's own, Google Merchant
//! Center's as a table or XML, schema.org's JSON-LD; anything else that has rows
//! needs a [`Mapping`]. [`rows`] reads tables that are no catalog.

mod foreign;
mod google;
mod google_xml;
mod jsonld;
mod lines;
mod mapped;
mod mapping;
pub mod native;
mod notes;
mod pack;
mod plain;
mod price;
pub mod rows;
mod source;
mod table;
mod words;

pub use foreign::{Freshness, Options};
pub use mapping::{Mapping, MappingError};
pub use native::NativeFeed;
pub(crate) use words::availability;

use crate::store::{Feed, FeedError};
use foreign::{Foreign, Origin};
use google::GoogleTable;
use google_xml::GoogleXml;
use jsonld::JsonLd;
use lines::Lines;
use mapped::{Mapped, Rows};
use mapping::Format;
use source::Source;
use std::collections::BTreeMap;
use std::path::Path;
use table::Table;

/// Most columns named in an error.
const NAMED_COLUMNS: usize = 30;

/// Opens a catalog file in whatever format it is.
///
/// # Errors
/// It cannot be read, is no text, or is in no format that is known without a
/// mapping; the error names the columns that were seen.
pub fn open(path: &Path, mapping: Option<&Mapping>, options: &Options) -> Result<Box<dyn Feed>, FeedError> {
    if let Some(mapping) = mapping {
        return mapped(path, mapping, options);
    }
    let source = Source::open(path, None)?;
    let origin = Origin::of(&source);
    let head = String::from_utf8_lossy(source.head()).into_owned();
    let start = head.trim_start();
    if start.starts_with('<') {
        return match root(start).as_deref() {
            Some("rss" | "feed") => {
                let source = Source::open(path, Some(declared_encoding(start)))?;
                Ok(Box::new(Foreign::new(GoogleXml::new(source), options, origin)))
            }
            _ if is_page(start) => Ok(Box::new(Foreign::new(JsonLd::new(source, true)?, options, origin))),
            Some(root) => {
                Err(needs_mapping(path, format!("XML of <{root}>, which no mapping can read: export CSV")))
            }
            None => Err(needs_mapping(path, "XML without any element".to_owned())),
        };
    }
    if start.starts_with(['{', '[']) {
        let first =
            start.lines().next().and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let has = |key: &str| first.as_ref().is_some_and(|first| first.get(key).is_some());
        let told = ["\"@type\"", "\"@graph\"", "\"@context\""].iter().any(|key| start.contains(key));
        if has("record") || (!told && start.contains("\"record\"")) {
            return Ok(Box::new(NativeFeed::new(source)));
        }
        if told {
            return Ok(Box::new(Foreign::new(JsonLd::new(source, false)?, options, origin)));
        }
        let keys = first.as_ref().and_then(serde_json::Value::as_object);
        let keys: Vec<String> = keys.into_iter().flat_map(|first| first.keys().cloned()).collect();
        return Err(needs_mapping(path, seen("JSON", &keys)));
    }
    let (delimiter, columns) = table::header(source.head(), None);
    if google::is_header(&columns) {
        let table = Table::new(source, delimiter, false);
        return Ok(Box::new(Foreign::new(GoogleTable::new(table), options, origin)));
    }
    Err(needs_mapping(path, seen("a table", &columns)))
}

fn mapped(path: &Path, mapping: &Mapping, options: &Options) -> Result<Box<dyn Feed>, FeedError> {
    // UTF-8 is checked row by row, so that one bad row is one line error.
    let source = Source::open(path, mapping.encoding().filter(|encoding| *encoding != encoding_rs::UTF_8))?;
    let origin = Origin::of(&source);
    let lines = match mapping.format {
        Format::Jsonl => true,
        Format::Csv | Format::Tsv => false,
        Format::Auto => source.head().trim_ascii_start().starts_with(b"{"),
    };
    let path = source.path().to_owned();
    let rows = if lines {
        Rows::Lines(Lines::new(source))
    } else {
        let told = mapping.delimiter.and_then(|c| u8::try_from(c).ok());
        let told = told.or((mapping.format == Format::Tsv).then_some(b'\t'));
        let (delimiter, _) = table::header(source.head(), told);
        let table = Box::new(Table::new(source, delimiter, mapping.encoding().is_some()));
        Rows::Table { table, index: BTreeMap::new(), columns: Vec::new() }
    };
    let products = Mapped::new(mapping.clone(), path, rows);
    Ok(Box::new(Foreign::new(products, &mapping.options(options), origin)))
}

fn needs_mapping(path: &Path, seen: String) -> FeedError {
    FeedError::NeedsMapping { path: path.to_owned(), seen }
}

fn seen(what: &str, columns: &[String]) -> String {
    let shown: Vec<String> = columns
        .iter()
        .filter(|column| !column.is_empty())
        .take(NAMED_COLUMNS)
        .map(|column| column.chars().filter(|c| !c.is_control()).take(40).collect())
        .collect();
    if shown.is_empty() {
        return format!("{what} without column names");
    }
    let more = if columns.len() > NAMED_COLUMNS { ", ..." } else { "" };
    format!("{what} with the columns {}{more}", shown.join(", "))
}

/// The name of the first element, behind declarations and comments.
fn root(text: &str) -> Option<String> {
    let mut reader = quick_xml::Reader::from_str(text);
    loop {
        match reader.read_event().ok()? {
            quick_xml::events::Event::Start(start) | quick_xml::events::Event::Empty(start) => {
                return Some(start.local_name().as_ref().to_ascii_lowercase());
            }
            quick_xml::events::Event::Eof => return None,
            _ => {}
        }
    }
}

fn is_page(text: &str) -> bool {
    let start: String = text.chars().take(2000).collect::<String>().to_ascii_lowercase();
    start.contains("<!doctype html") || start.contains("<html") || text.contains("application/ld+json")
}

/// The encoding in an XML declaration, else UTF-8. What is not valid in it
/// becomes U+FFFD, as in every browser.
fn declared_encoding(text: &str) -> &'static encoding_rs::Encoding {
    let label = text.strip_prefix("<?xml").and_then(|rest| {
        let declaration = rest.split_once("?>")?.0;
        let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        value.get(1..)?.split_once(quote).map(|(label, _)| label)
    });
    let declared = label.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()));
    declared.filter(|encoding| encoding.is_ascii_compatible()).unwrap_or(encoding_rs::UTF_8)
}
