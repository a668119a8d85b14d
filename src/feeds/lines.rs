//! A text line by line: UTF-8, LF or CRLF, no line longer than a limit.

use super::source::{Meter, Source, Text};
use crate::store::FeedError;
use std::io::BufRead;
use std::path::PathBuf;

/// Longest line kept, in bytes without its ending.
pub(super) const MAX_LINE_BYTES: usize = 1 << 20;

pub(super) struct Lines {
    path: PathBuf,
    reader: Text,
    meter: Meter,
    number: u64,
    line: Vec<u8>,
}

/// A line's number (from 1) and its text, or why it has none.
pub(super) type Line<'a> = (u64, Result<&'a str, String>);

impl Lines {
    pub(super) fn new(source: Source) -> Self {
        let (path, reader, meter) = source.read();
        Self { path, reader, meter, number: 0, line: Vec::new() }
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The next line that is not blank; `None` at the end.
    ///
    /// # Errors
    /// The file can no longer be read.
    pub(super) fn next_line(&mut self) -> Result<Option<Line<'_>>, FeedError> {
        loop {
            let Some(fits) = self.fill()? else {
                return Ok(None);
            };
            self.number += 1;
            if !fits {
                let reason = format!("longer than {} KiB", MAX_LINE_BYTES >> 10);
                return Ok(Some((self.number, Err(reason))));
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                break;
            }
        }
        let text = std::str::from_utf8(&self.line)
            .map_err(|e| format!("not UTF-8 text at byte {}", e.valid_up_to() + 1))
            .map(|text| text.trim_end_matches(['\r', '\n']));
        Ok(Some((self.number, text)))
    }

    /// Reads to the next line feed: `false` when the line did not fit, `None` at
    /// the end of the file.
    fn fill(&mut self) -> Result<Option<bool>, FeedError> {
        self.line.clear();
        let (mut any, mut fits) = (false, true);
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(FeedError::Read { path: self.path.clone(), source }),
            };
            if chunk.is_empty() {
                return Ok(any.then_some(fits));
            }
            any = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.map_or(chunk.len(), |at| at + 1)];
            // CR and LF may stand above the limit.
            fits = fits && self.line.len() + part.len() <= MAX_LINE_BYTES + 2;
            if fits {
                self.line.extend_from_slice(part);
            }
            let length = part.len();
            self.reader.consume(length);
            if end.is_some() {
                return Ok(Some(fits));
            }
        }
    }
}
