//! Rows of CSV and TSV files: quoted fields with line ends in them, line
//! numbers that stay right, no row larger than a limit, in constant memory.
//! Text that is not UTF-8 is read as Windows-1252 as long as nothing in the
//! file speaks for UTF-8.

use super::source::{Meter, Source, Text};
use crate::store::FeedError;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use std::io::BufRead;
use std::path::PathBuf;

/// Largest row kept, in bytes, and most fields in it.
const MAX_ROW_BYTES: usize = 1 << 20;
const MAX_FIELDS: usize = 8192;

const DELIMITERS: [u8; 4] = [b'\t', b';', b',', b'|'];

pub(super) struct Table {
    path: PathBuf,
    reader: Text,
    meter: Meter,
    core: Reader,
    /// Number of the line to be read next.
    line: u64,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The encoding was declared, or valid UTF-8 beyond ASCII was seen.
    utf8: bool,
    /// First line that was read as Windows-1252.
    windows: Option<u64>,
}

/// A row's number (its first line, from 1) and its fields, or why it has none.
pub(super) type Row = (u64, Result<Vec<String>, String>);

impl Table {
    pub(super) fn new(source: Source, delimiter: u8, declared: bool) -> Self {
        let (path, reader, meter) = source.read();
        Self {
            path,
            reader,
            meter,
            core: ReaderBuilder::new().delimiter(delimiter).build(),
            line: 1,
            bytes: vec![0; MAX_ROW_BYTES],
            ends: vec![0; MAX_FIELDS],
            utf8: declared,
            windows: None,
        }
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// What a person should know of the text's encoding.
    pub(super) fn note(&self) -> Option<String> {
        let line = self.windows?;
        Some(format!(
            "not UTF-8 from line {line} on, read as windows-1252: say encoding in a mapping if that is wrong"
        ))
    }

    /// The next row that is not blank; `None` at the end.
    ///
    /// # Errors
    /// The file can no longer be read, or ends within quotes.
    pub(super) fn next_row(&mut self) -> Result<Option<Row>, FeedError> {
        loop {
            let Some(row) = self.read()? else {
                return Ok(None);
            };
            if !row.1.as_ref().is_ok_and(|fields| fields.iter().all(|field| field.trim().is_empty())) {
                return Ok(Some(row));
            }
        }
    }

    fn read(&mut self) -> Result<Option<Row>, FeedError> {
        if !self.skip_line_ends()? {
            return Ok(None);
        }
        let line = self.line;
        let (mut filled, mut fields, mut fits, mut ended) = (0, 0, true, false);
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(FeedError::Read { path: self.path.clone(), source }),
            };
            // A line end put after the last byte ends the last row, or shows
            // that the file ends within quotes.
            let last = chunk.is_empty();
            let chunk = if last { b"\n" } else { chunk };
            if last && std::mem::replace(&mut ended, true) {
                let reason = "a quote is opened there and never closed: the file is cut off or damaged";
                return Err(FeedError::Broken { path: self.path.clone(), line, reason: reason.to_owned() });
            }
            let out = self.bytes.get_mut(filled..).unwrap_or_default();
            let ends = self.ends.get_mut(fields..).unwrap_or_default();
            let (result, read, wrote, found) = self.core.read_record(chunk, out, ends);
            if !last {
                let part = chunk.get(..read).unwrap_or_default();
                self.line += part.iter().filter(|byte| **byte == b'\n').count() as u64;
                self.reader.consume(read);
            }
            (filled, fields) = (filled + wrote, fields + found);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    (filled, fields, fits) = (0, 0, false);
                }
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        if !fits {
            let limit = MAX_ROW_BYTES >> 10;
            return Ok(Some((line, Err(format!("a row larger than {limit} KiB or {MAX_FIELDS} fields")))));
        }
        Ok(Some((line, self.fields(line, filled, fields))))
    }

    /// Passes over line ends before a row; `false` at the end of the file.
    fn skip_line_ends(&mut self) -> Result<bool, FeedError> {
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(FeedError::Read { path: self.path.clone(), source }),
            };
            if chunk.is_empty() {
                return Ok(false);
            }
            let blank = chunk.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
            let (count, lines) =
                blank.fold((0, 0), |(count, lines), byte| (count + 1, lines + u64::from(*byte == b'\n')));
            let more = count < chunk.len();
            self.line += lines;
            self.reader.consume(count);
            if more {
                return Ok(true);
            }
        }
    }

    fn fields(&mut self, line: u64, filled: usize, count: usize) -> Result<Vec<String>, String> {
        let bytes = self.bytes.get(..filled).unwrap_or_default();
        let valid = std::str::from_utf8(bytes);
        match valid {
            Ok(text) => self.utf8 |= !text.is_ascii(),
            Err(e) if self.utf8 => return Err(format!("not UTF-8 text at byte {}", e.valid_up_to() + 1)),
            Err(_) => self.windows = self.windows.or(Some(line)),
        }
        let mut from = 0;
        let ends = self.ends.get(..count).unwrap_or_default();
        Ok(ends
            .iter()
            .map(|end| {
                let field = bytes.get(from..*end).unwrap_or_default();
                from = *end;
                match valid {
                    Ok(_) => String::from_utf8_lossy(field).into_owned(),
                    Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(field).0.into_owned(),
                }
            })
            .collect())
    }
}

/// The delimiter that parts the first line into most fields, and those fields.
pub(super) fn header(head: &[u8], delimiter: Option<u8>) -> (u8, Vec<String>) {
    let candidates = delimiter.map_or(DELIMITERS.to_vec(), |delimiter| vec![delimiter]);
    let parted = candidates.into_iter().map(|delimiter| (delimiter, first_row(head, delimiter)));
    parted.reduce(|best, next| if next.1.len() > best.1.len() { next } else { best }).unwrap_or_default()
}

fn first_row(head: &[u8], delimiter: u8) -> Vec<String> {
    let head = [head, b"\n"].concat();
    let (mut bytes, mut ends) = (vec![0; head.len()], vec![0; MAX_FIELDS]);
    let mut core = ReaderBuilder::new().delimiter(delimiter).build();
    let (_, _, _, count) = core.read_record(&head, &mut bytes, &mut ends);
    let mut from = 0;
    let ends = ends.get(..count).unwrap_or_default();
    ends.iter()
        .map(|end| {
            let field = bytes.get(from..*end).unwrap_or_default();
            from = *end;
            String::from_utf8_lossy(field).trim().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn open(bytes: &[u8], delimiter: u8) -> Table {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        Table::new(Source::open(file.path(), None).unwrap(), delimiter, false)
    }

    fn rows(table: &mut Table) -> Vec<Row> {
        std::iter::from_fn(|| table.next_row().unwrap()).collect()
    }

    #[test]
    fn quotes_line_ends_and_blank_rows_keep_their_line_numbers() {
        let text = b"a,b\r\n\r\n\"x\n\ny\",\"say \"\"hi\"\"\"\r\n,,\n17\" disk,z\nlast,row";
        let all = rows(&mut open(text, b','));
        let fields = |at: usize| all[at].1.clone().unwrap();
        assert_eq!(all.iter().map(|row| row.0).collect::<Vec<_>>(), [1, 3, 7, 8]);
        assert_eq!(fields(1), ["x\n\ny", "say \"hi\""]);
        assert_eq!(fields(2), ["17\" disk", "z"]);
        assert_eq!(fields(3), ["last", "row"]);
    }

    #[test]
    fn a_huge_field_is_one_bad_row() {
        let mut bytes = b"a,b\n1,".to_vec();
        bytes.resize(bytes.len() + (10 << 20), b'x');
        bytes.extend(b"\n2,y\n");
        let all = rows(&mut open(&bytes, b','));
        assert_eq!(all.len(), 3);
        assert!(all[1].1.as_ref().unwrap_err().contains("larger than 1024 KiB"));
        assert_eq!(all[2], (3, Ok(vec!["2".to_owned(), "y".to_owned()])));
    }

    #[test]
    fn a_file_that_ends_within_quotes_is_refused() {
        let mut table = open(b"a,b\n1,x\n2,\"cut o", b',');
        assert!(table.next_row().is_ok() && table.next_row().is_ok());
        let error = table.next_row().unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("cut off"), "{error}");
    }

    #[test]
    fn windows_1252_is_read_until_utf_8_is_seen() {
        let mut table = open(b"a\nplain\ncr\xe8me\ncr\xc3\xa8me\nbad\xe8\n", b',');
        let all = rows(&mut table);
        assert_eq!(all[2].1.as_ref().unwrap()[0], "crème");
        assert_eq!(all[3].1.as_ref().unwrap()[0], "crème");
        assert!(all[4].1.as_ref().unwrap_err().starts_with("not UTF-8"));
        assert!(table.note().unwrap().contains("from line 3"));
    }

    #[test]
    fn the_delimiter_is_found() {
        assert_eq!(header(b"id\ttitle, short\tprice\n1\t2\t3", None).0, b'\t');
        assert_eq!(header(b"id;price\n1;2,5", None), (b';', vec!["id".to_owned(), "price".to_owned()]));
        assert_eq!(header(b"one column", None).1, ["one column"]);
    }

    proptest! {
        #[test]
        fn any_bytes_end_without_panic(bytes in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'\n'), Just(b','), any::<u8>()], 1..400)) {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&bytes).unwrap();
            if let Ok(source) = Source::open(file.path(), None) {
                let mut table = Table::new(source, b',', false);
                while let Ok(Some((line, _))) = table.next_row() {
                    prop_assert!(line as usize <= bytes.len());
                }
            }
        }
    }
}
