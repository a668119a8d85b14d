//! Small tables that are no catalog: one product a row, as CSV, TSV or JSON lines. Here are lines,
//! columns and cells; what a cell means is the caller's. A file with a bad row is refused as a
//! whole, by its first one.

use super::lines::Lines;
use super::source::Source;
use super::table::{self, Table};
use crate::store::FeedError;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Most rows of a file: all that is ever said to a store at once.
pub const MAX_ROWS: u64 = 200_000;
/// The word for what nobody knows, where an empty cell may be a mistake.
const UNKNOWN: &str = "unknown";
/// Most of a text shown in an error, in characters.
const SHOWN: usize = 40;

/// Why a file of rows is not taken.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    #[error("{} holds no rows: {reason}", path.display())]
    NoRows { path: PathBuf, reason: String },
    #[error("{} line {line}: {why}{}", path.display(), others(*more))]
    Bad { path: PathBuf, line: u64, why: String, more: u64 },
    #[error("{} has more than {most} rows: {}", path.display(), instead(*most))]
    TooMany { path: PathBuf, most: u64 },
    #[error(transparent)]
    Feed(FeedError),
}

impl From<FeedError> for RowsError {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::NotACatalog { path, reason } => Self::NoRows { path, reason: reason.to_owned() },
            FeedError::Broken { path, line, reason } => Self::Bad { path, line, why: reason, more: 0 },
            error => Self::Feed(error),
        }
    }
}

fn instead(most: u64) -> &'static str {
    if most == MAX_ROWS { "publish a catalog instead" } else { "leave out the oldest" }
}

fn others(more: u64) -> String {
    match more {
        0 => String::new(),
        1 => " (and one more bad row)".to_owned(),
        more => format!(" (and {more} more bad rows)"),
    }
}

/// A row's cells by column. What is left out or empty is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    cells: BTreeMap<String, Cell>,
}

/// A cell that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Said to be not known: `unknown`, or `null` in JSON.
    Unknown,
    /// A text or a number, as it stands there.
    Text(String),
}

impl Row {
    /// A cell; `None`: the row says nothing there.
    #[must_use]
    pub fn cell(&self, column: &str) -> Option<&Cell> {
        self.cells.get(column)
    }

    /// A cell's text; what is not known counts as not there.
    #[must_use]
    pub fn text(&self, column: &str) -> Option<&str> {
        match self.cells.get(column)? {
            Cell::Text(text) => Some(text),
            Cell::Unknown => None,
        }
    }

    fn of_fields(columns: &[String], fields: Vec<String>) -> Result<Self, String> {
        if fields.len() > columns.len() {
            let (found, wanted) = (fields.len(), columns.len());
            return Err(format!(
                "{found} cells under {wanted} columns: put cells with a separator in quotes"
            ));
        }
        let cells = columns.iter().cloned().zip(fields).filter_map(|(column, field)| {
            let field = field.trim();
            let cell = match field {
                "" => return None,
                field if field.eq_ignore_ascii_case(UNKNOWN) => Cell::Unknown,
                field => Cell::Text(field.to_owned()),
            };
            Some((column, cell))
        });
        Ok(Self { cells: cells.collect() })
    }

    /// A line of JSON; an object within is read as columns of its name: `promotion_until`.
    fn of_line(line: &str, columns: &[&str]) -> Result<Self, String> {
        let object = match serde_json::from_str(line) {
            Ok(Value::Object(object)) => object,
            _ => return Err("write one JSON object a line, or a table with column names".to_owned()),
        };
        let mut row = Self::default();
        for (key, value) in object {
            match value {
                Value::Object(inner) => {
                    inner
                        .into_iter()
                        .try_for_each(|(end, value)| row.put(format!("{key}_{end}"), value, columns))?;
                }
                Value::Null if !columns.contains(&key.as_str()) && is_stem(&key, columns) => {}
                value => row.put(key, value, columns)?,
            }
        }
        Ok(row)
    }

    fn put(&mut self, column: String, value: Value, columns: &[&str]) -> Result<(), String> {
        known(&column, columns)?;
        let cell = match value {
            Value::Null => Cell::Unknown,
            Value::Number(number) => Cell::Text(number.to_string()),
            Value::String(text) => match text.trim() {
                "" => return Ok(()),
                text if text.eq_ignore_ascii_case(UNKNOWN) => Cell::Unknown,
                text => Cell::Text(text.to_owned()),
            },
            _ => return Err(format!("{column} is neither a text nor a number")),
        };
        if self.cells.insert(column.clone(), cell).is_some() {
            return Err(format!("{column} stands there twice"));
        }
        Ok(())
    }
}

/// Whether columns begin with this name: `promotion` of `promotion_until`.
fn is_stem(key: &str, columns: &[&str]) -> bool {
    columns.iter().any(|column| column.strip_prefix(key).is_some_and(|end| end.starts_with('_')))
}

fn known(column: &str, columns: &[&str]) -> Result<(), String> {
    if columns.contains(&column) {
        return Ok(());
    }
    let shown: String = column.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    Err(format!("{shown:?} is no column: there are {}", columns.join(", ")))
}

/// Reads a file, row by row. All rows are looked at, so that the error can say how many are bad.
///
/// # Errors
/// It cannot be read, has other columns than `columns`, has no row, or `take` refuses one.
pub fn read(
    path: &Path,
    columns: &[&str],
    take: impl FnMut(u64, Row) -> Result<(), String>,
) -> Result<u64, RowsError> {
    read_many(path, columns, MAX_ROWS, take)
}

/// The same for a file of at most `most` rows.
///
/// # Errors
/// As above.
pub fn read_many(
    path: &Path,
    columns: &[&str],
    most: u64,
    mut take: impl FnMut(u64, Row) -> Result<(), String>,
) -> Result<u64, RowsError> {
    let source = Source::open(path, None)?;
    let mut tally = Tally { path, most, rows: 0, bad: None, more: 0 };
    if source.head().trim_ascii_start().starts_with(b"{") {
        let mut lines = Lines::new(source);
        while let Some((line, text)) = lines.next_line()? {
            let row = text.and_then(|text| Row::of_line(text, columns));
            tally.note(line, row.and_then(|row| take(line, row)))?;
        }
    } else {
        let (delimiter, _) = table::header(source.head(), None);
        let mut table = Table::new(source, delimiter, true);
        let bad = |line, why| RowsError::Bad { path: path.to_owned(), line, why, more: 0 };
        let Some((line, header)) = table.next_row()? else { return tally.finish() };
        let header: Vec<String> = header
            .map_err(|why| bad(line, why))?
            .iter()
            .map(|name| name.trim().to_ascii_lowercase())
            .collect();
        header.iter().try_for_each(|name| known(name, columns)).map_err(|why| bad(line, why))?;
        if let Some(name) =
            header.iter().enumerate().find(|(at, name)| header.iter().take(*at).any(|other| other == *name))
        {
            return Err(bad(line, format!("the column {} stands there twice", name.1)));
        }
        while let Some((line, fields)) = table.next_row()? {
            let row = fields.and_then(|fields| Row::of_fields(&header, fields));
            tally.note(line, row.and_then(|row| take(line, row)))?;
        }
    }
    tally.finish()
}

/// What was read so far.
struct Tally<'a> {
    path: &'a Path,
    most: u64,
    rows: u64,
    bad: Option<(u64, String)>,
    more: u64,
}

impl Tally<'_> {
    fn note(&mut self, line: u64, taken: Result<(), String>) -> Result<(), RowsError> {
        self.rows += 1;
        if self.rows > self.most {
            return Err(RowsError::TooMany { path: self.path.to_owned(), most: self.most });
        }
        match (taken, &self.bad) {
            (Ok(()), _) => {}
            (Err(why), None) => self.bad = Some((line, why)),
            (Err(_), Some(_)) => self.more += 1,
        }
        Ok(())
    }

    fn finish(self) -> Result<u64, RowsError> {
        let path = self.path.to_owned();
        match self.bad {
            Some((line, why)) => Err(RowsError::Bad { path, line, why, more: self.more }),
            None if self.rows == 0 => {
                Err(RowsError::NoRows { path, reason: "it has column names at most".to_owned() })
            }
            None => Ok(self.rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    const COLUMNS: [&str; 4] = ["sku", "price", "promotion_price", "promotion_until"];

    fn rows(text: &[u8]) -> Result<Vec<(u64, Row)>, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        let mut rows = Vec::new();
        let read = read(file.path(), &COLUMNS, |line, row| {
            let refused = row.text("sku") == Some("bad");
            rows.push((line, row));
            if refused { Err("it is bad".to_owned()) } else { Ok(()) }
        });
        read.map(|_| rows).map_err(|error| error.to_string().replace(&file.path().display().to_string(), "F"))
    }

    #[test]
    fn tables_and_lines_say_the_same() {
        let table = rows(b"SKU;price;promotion_until\n A-1 ; 3.49;\n\nA-2;Unknown;2026-12-24\n").unwrap();
        let lines = rows(
            b"{\"sku\":\"A-1\",\"price\":3.49,\"promotion\":null}\n\n\
              {\"sku\":\"A-2\",\"price\":null,\"promotion\":{\"until\":\"2026-12-24\"}}\n",
        );
        let lines = lines.unwrap();
        let only = |rows: &[(u64, Row)]| rows.iter().map(|(_, row)| row.clone()).collect::<Vec<_>>();
        assert_eq!(only(&table), only(&lines));
        assert_eq!((table[1].0, lines[1].0), (4, 3));
        assert_eq!(table[0].1.text("price"), Some("3.49"));
        assert_eq!(table[1].1.cell("price"), Some(&Cell::Unknown));
        assert_eq!((table[0].1.cell("promotion_until"), table[1].1.text("price")), (None, None));
        // A byte order mark, and what a spreadsheet packs.
        assert_eq!(only(&rows(b"\xef\xbb\xbfsku\tprice\nA-1\t3.49\n").unwrap())[0].text("sku"), Some("A-1"));
    }

    #[test]
    fn a_bad_file_is_refused_by_its_first_bad_row() {
        for (text, wanted) in [
            (&b""[..], "F holds no rows: it is empty"),
            (b"sku,price\n", "F holds no rows: it has column names at most"),
            (b"sku,prise\nA,1\n", "F line 1: \"prise\" is no column: there are sku, price, "),
            (b"sku,sku\nA,1\n", "F line 1: the column sku stands there twice"),
            (b"sku,price\nA,1,5\n", "F line 2: 3 cells under 2 columns"),
            (b"sku,price\nA,1\nbad,2\nbad,3\nbad,4\n", "F line 3: it is bad (and 2 more bad rows)"),
            (b"sku,price\nbad,2\nbad,3\n", "F line 2: it is bad (and one more bad row)"),
            (b"sku\nA\n\"B", "F line 3: a quote is opened"),
            (b"sku\nA\xff\n", "F line 2: not UTF-8"),
            (b"{\"sku\":\"A\"}\n{\"sku\":\n", "F line 2: write one JSON object a line"),
            (b"{\"sku\":\"A\",\"promotion\":{\"til\":1}}\n", "F line 1: \"promotion_til\" is no column"),
            (b"{\"sku\":true}\n", "F line 1: sku is neither"),
            (b"{\"sku\":\"A\",\"gone\":null}\n", "F line 1: \"gone\" is no column"),
        ] {
            let got = rows(text).unwrap_err();
            assert!(got.starts_with(wanted), "{got}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_panic(bytes in prop::collection::vec(prop_oneof![
            Just(b'"'), Just(b'\n'), Just(b','), Just(b'{'), Just(b's'), any::<u8>()
        ], 0..300)) {
            let _ = rows(&bytes);
            let _ = rows(&[b"sku,price\n", bytes.as_slice()].concat());
            let _ = rows(&[b"{\"sku\":", bytes.as_slice()].concat());
        }
    }
}
