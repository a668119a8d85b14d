//! A catalog file as a stream of UTF-8 bytes: unpacked where it is gzip or
//! Zstandard, transcoded where it is UTF-16 or a declared encoding, a byte order
//! mark dropped. Counts and digests every byte of the file itself on the way.

use crate::store::{Digest, FeedError, Progress};
use encoding_rs::Encoding;
use encoding_rs_io::DecodeReaderBytesBuilder;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes looked at to tell the format.
const HEAD_BYTES: u64 = 64 << 10;
const BUFFER_BYTES: usize = 64 << 10;

/// Magic numbers: RFC 1952 section 2.3.1 and RFC 8878 section 3.1.1.
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTANDARD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// A text holds no NUL; one in a stray field is no reason to refuse a file, but
/// more than one in so many bytes is no text.
const BYTES_PER_NUL: usize = 64;

type Bytes = Box<dyn Read + Send>;

/// A catalog file, opened and looked at.
pub(super) struct Source {
    path: PathBuf,
    head: Vec<u8>,
    rest: Bytes,
    meter: Meter,
}

/// The text of a [`Source`] while it is read.
pub(super) type Text = BufReader<Bytes>;

/// How much of the file has been read, and its digest; shared with the reader
/// at the bottom.
#[derive(Clone)]
pub(super) struct Meter {
    total: u64,
    tally: Arc<Mutex<(u64, Sha256)>>,
}

impl Meter {
    fn of<T>(&self, with: impl FnOnce(&mut (u64, Sha256)) -> T) -> T {
        with(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn progress(&self) -> Progress {
        Progress { read: self.of(|tally| tally.0), total: self.total }
    }

    pub(super) fn digest(&self) -> Digest {
        Digest(self.of(|tally| tally.1.clone()).finalize().into())
    }
}

struct Metered {
    file: File,
    meter: Meter,
}

impl Read for Metered {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(into)?;
        let part = into.get(..count).unwrap_or_default();
        self.meter.of(|(read, hash)| {
            *read += count as u64;
            hash.update(part);
        });
        Ok(count)
    }
}

impl Source {
    /// Opens a file and looks at its first bytes. Without an encoding, UTF-16
    /// is known by its byte order mark and all else is passed on as it is.
    ///
    /// # Errors
    /// It cannot be read or unpacked, is empty, or is not text.
    pub(super) fn open(path: &Path, encoding: Option<&'static Encoding>) -> Result<Self, FeedError> {
        let path = path.to_owned();
        let refuse = |reason| FeedError::NotACatalog { path: path.clone(), reason };
        let failed = |source| FeedError::Read { path: path.clone(), source };
        let meta = std::fs::metadata(&path).map_err(failed)?;
        if !meta.is_file() {
            return Err(refuse("it is not a regular file"));
        }
        let meter = Meter { total: meta.len(), tally: Arc::new(Mutex::new((0, Sha256::new()))) };
        let file = Metered { file: File::open(&path).map_err(failed)?, meter: meter.clone() };
        let mut packed = BufReader::with_capacity(BUFFER_BYTES, file);
        let magic = packed.fill_buf().map_err(failed)?;
        let plain: Bytes = if magic.starts_with(GZIP) {
            Box::new(flate2::bufread::MultiGzDecoder::new(packed))
        } else if magic.starts_with(ZSTANDARD) {
            Box::new(zstd::Decoder::with_buffer(packed).map_err(failed)?)
        } else {
            Box::new(packed)
        };
        let mut text = DecodeReaderBytesBuilder::new()
            .encoding(encoding)
            .utf8_passthru(encoding.is_none())
            .bom_override(true)
            .strip_bom(true)
            .build(plain);
        let mut head = Vec::new();
        text.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(failed)?;
        if head.is_empty() {
            return Err(refuse("it is empty"));
        }
        if head.iter().filter(|byte| **byte == 0).count() * BYTES_PER_NUL > head.len() {
            return Err(refuse("it holds binary bytes, not text"));
        }
        Ok(Self { path, head, rest: Box::new(text), meter })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The first bytes of the text.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// When the file was last changed.
    pub(super) fn modified(&self) -> Option<jiff::Timestamp> {
        let time = std::fs::metadata(&self.path).and_then(|meta| meta.modified()).ok()?;
        jiff::Timestamp::try_from(time).ok()
    }

    /// The whole text, from its start.
    pub(super) fn read(self) -> (PathBuf, Text, Meter) {
        let all: Bytes = Box::new(Cursor::new(self.head).chain(self.rest));
        (self.path, BufReader::with_capacity(BUFFER_BYTES, all), self.meter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn text(bytes: &[u8], encoding: Option<&'static Encoding>) -> String {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let (_, mut text, meter) = Source::open(file.path(), encoding).unwrap().read();
        let mut all = String::new();
        text.read_to_string(&mut all).unwrap();
        assert_eq!(meter.progress(), Progress { read: bytes.len() as u64, total: bytes.len() as u64 });
        assert_eq!(meter.digest(), Digest(Sha256::digest(bytes).into()));
        all
    }

    #[test]
    fn packed_and_encoded_files_give_the_same_text() {
        let plain = "id;naam\n1;crème brûlée €\n".repeat(9000);
        assert_eq!(text(plain.as_bytes(), None), plain);
        assert_eq!(text(format!("\u{feff}{plain}").as_bytes(), None), plain);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(plain.as_bytes()).unwrap();
        assert_eq!(text(&gzip.finish().unwrap(), None), plain);
        assert_eq!(text(&zstd::encode_all(plain.as_bytes(), 1).unwrap(), None), plain);
        let wide: Vec<u8> =
            "\u{feff}".encode_utf16().chain(plain.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(text(&wide, None), plain);
        let (latin, ..) = encoding_rs::WINDOWS_1252.encode(&plain);
        assert_eq!(text(&latin, Some(encoding_rs::WINDOWS_1252)), plain);
    }

    #[test]
    fn a_cut_off_packed_file_is_an_error() {
        let packed = zstd::encode_all(&vec![b'x'; 300_000][..], 1).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&packed[..packed.len() - 4]).unwrap();
        let read = Source::open(file.path(), None).map(|source| source.read().1.read_to_end(&mut Vec::new()));
        assert!(!matches!(read, Ok(Ok(_))));
    }
}
