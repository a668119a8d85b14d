//! A text file line by line: UTF-8, LF or CRLF, a byte order mark tolerated, no
//! line longer than a limit. Counts and digests every byte on the way.

use crate::store::{Digest, FeedError, Progress};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Longest line kept, in bytes without its ending.
pub(super) const MAX_LINE_BYTES: usize = 1 << 20;

const BUFFER_BYTES: usize = 64 << 10;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

pub(super) struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    total: u64,
    read: u64,
    number: u64,
    hash: Sha256,
    line: Vec<u8>,
}

/// A line's number (from 1) and its text, or why it has none.
pub(super) type Line<'a> = (u64, Result<&'a str, String>);

impl Lines {
    /// Opens a file and looks at its first bytes.
    ///
    /// # Errors
    /// It cannot be read, is empty, or is not text.
    pub(super) fn open(path: &Path) -> Result<Self, FeedError> {
        let path = path.to_owned();
        let refuse = |reason| FeedError::NotACatalog { path: path.clone(), reason };
        let read = |source| FeedError::Read { path: path.clone(), source };
        let meta = std::fs::metadata(&path).map_err(read)?;
        if !meta.is_file() {
            return Err(refuse("it is not a regular file"));
        }
        let file = File::open(&path).map_err(read)?;
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
        let start = reader.fill_buf().map_err(read)?;
        if start.is_empty() {
            return Err(refuse("it is empty"));
        }
        if start.contains(&0) {
            return Err(refuse("it holds binary bytes, not text"));
        }
        let (total, hash) = (meta.len(), Sha256::new());
        Ok(Self { path, reader, total, read: 0, number: 0, hash, line: Vec::new() })
    }

    pub(super) fn progress(&self) -> Progress {
        Progress { read: self.read, total: self.total }
    }

    pub(super) fn digest(&self) -> Digest {
        Digest(self.hash.clone().finalize().into())
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
            if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
                self.line.drain(..BYTE_ORDER_MARK.len());
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
            self.hash.update(part);
            let length = part.len();
            self.read += length as u64;
            self.reader.consume(length);
            if end.is_some() {
                return Ok(Some(fits));
            }
        }
    }
}
