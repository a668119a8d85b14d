//! Packing content into chunks and out of them: Zstandard (RFC 8878), cut into pieces that
//! pass every broker, each named by its SHA-256. Memory is that of one chunk and the window,
//! whatever the size. What is unpacked is never larger than the signed manifest says, and its
//! end is only told once its digest is right. Never fetches or stores anything itself.

use super::digest::{Digest, Hasher};
use super::root::{Line, MAX_HEADERS, MAX_LINE, RootHasher, Row};
use super::topics::MAX_CHUNK;
use super::wire::WireError;
use super::wire::catalog::{Chunk, Parts};
use std::io::{self, BufRead, BufReader, Read, Write};
use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

/// Level for what is packed once and fetched by all; unpacking takes as long at any level.
pub const LEVEL: i32 = 19;
/// Largest window of a snapshot, as its base-2 logarithm: 8 MiB, what level 19 uses.
const WINDOW_LOG: u32 = 23;
/// Largest window where an older content is the dictionary: 128 MiB.
const PREFIX_WINDOW_LOG: u32 = 27;
/// From this size of dictionary on, matches far back are looked for on purpose.
const LONG: usize = 4 << 20;

/// Largest sizes that a kiosk unpacks, in bytes, whatever is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub snapshot: u64,
    /// Of the new rows of a delta, and of the old ones that it is made from.
    pub delta: u64,
    /// Of another file.
    pub file: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { snapshot: 512 << 20, delta: 48 << 20, file: 64 << 20 }
    }
}

/// Why content cannot be packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error("it unpacks to {size} bytes and {limit} are allowed: raise the limit, or publish less")]
    TooLarge { size: u64, limit: u64 },
    #[error("it does not unpack to what the manifest says ({0}): fetch it again")]
    Damaged(&'static str),
    #[error("it is not made for the content that is here ({0}): fetch the snapshot")]
    Base(&'static str),
    #[error("its content is not right ({0}): publish it anew")]
    Content(&'static str),
    #[error("the old rows cannot be read: {0}")]
    Old(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Parts(#[from] WireError),
    #[error("it cannot be read or written: {0}")]
    Io(#[source] io::Error),
}

impl From<io::Error> for PackError {
    /// Finds the error that one of our own readers put into an I/O error.
    fn from(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(Self::Io)
    }
}

impl From<PackError> for io::Error {
    fn from(error: PackError) -> Self {
        Self::other(error)
    }
}

/// Cuts what is written into chunks and hands each over.
pub struct Chunker<P> {
    put: P,
    room: Vec<u8>,
    packed: u64,
    chunks: Vec<Chunk>,
}

impl<P: FnMut(&Digest, &[u8]) -> io::Result<()>> Chunker<P> {
    pub fn new(put: P) -> Self {
        Self { put, room: Vec::with_capacity(MAX_CHUNK), packed: 0, chunks: Vec::new() }
    }

    fn cut(&mut self) -> io::Result<()> {
        let sha256 = Digest::of(&self.room);
        (self.put)(&sha256, &self.room)?;
        let size = u32::try_from(self.room.len()).unwrap_or(u32::MAX);
        self.packed += u64::from(size);
        self.chunks.push(Chunk { sha256, size });
        self.room.clear();
        Ok(())
    }

    /// Hands the last chunk over. `size` and `sha256` are those of what was packed.
    ///
    /// # Errors
    /// It cannot be handed over, or there is more than a manifest may list.
    pub fn finish(mut self, size: u64, sha256: Digest) -> Result<Parts, PackError> {
        if !self.room.is_empty() {
            self.cut()?;
        }
        let parts = Parts { size, packed: self.packed, sha256, chunks: self.chunks };
        parts.check()?;
        Ok(parts)
    }
}

impl<P: FnMut(&Digest, &[u8]) -> io::Result<()>> Write for Chunker<P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (taken, _) = bytes.split_at(bytes.len().min(MAX_CHUNK - self.room.len()));
        self.room.extend_from_slice(taken);
        if self.room.len() == MAX_CHUNK {
            self.cut()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads the chunks of a stream one after another, each checked before a byte of it is used.
pub struct Chunks<'a, G> {
    left: std::slice::Iter<'a, Chunk>,
    get: G,
    now: Vec<u8>,
    at: usize,
}

impl<'a, G: FnMut(&Digest) -> io::Result<Vec<u8>>> Chunks<'a, G> {
    /// `get` brings a chunk by its digest.
    pub fn new(parts: &'a Parts, get: G) -> Self {
        Self { left: parts.chunks.iter(), get, now: Vec::new(), at: 0 }
    }
}

impl<G: FnMut(&Digest) -> io::Result<Vec<u8>>> BufRead for Chunks<'_, G> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at >= self.now.len() {
            let Some(chunk) = self.left.next() else { return Ok(&[]) };
            // Marked as ours, so that it is not taken for what the decompressor says.
            let bytes = (self.get)(&chunk.sha256).map_err(PackError::from)?;
            if !chunk.is(&bytes) {
                return Err(PackError::Damaged("a chunk is not the one that its name says").into());
            }
            (self.now, self.at) = (bytes, 0);
        }
        Ok(self.now.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }
}

impl<G: FnMut(&Digest) -> io::Result<Vec<u8>>> Read for Chunks<'_, G> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl Chunk {
    /// Whether these are its bytes.
    #[must_use]
    pub fn is(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.size as usize && Digest::of(bytes) == self.sha256
    }
}

/// What a packed stream unpacks to. Its end is an error unless it has the size and digest that
/// the manifest says, and nothing stands behind it.
pub struct Unpacked<'a, R> {
    decoder: Decoder<'a, R>,
    /// Bytes that may still come.
    left: u64,
    hasher: Option<Hasher>,
    sha256: Digest,
}

impl<R: BufRead> Unpacked<'static, R> {
    /// # Errors
    /// It says itself that it is larger than `limit`.
    pub fn new(packed: R, parts: &Parts, limit: u64) -> Result<Self, PackError> {
        bounded(parts.size, limit)?;
        let mut decoder = Decoder::with_buffer(packed)?.single_frame();
        decoder.window_log_max(WINDOW_LOG)?;
        Ok(Self { decoder, left: parts.size, hasher: Some(Hasher::default()), sha256: parts.sha256 })
    }
}

impl<'a, R: BufRead> Unpacked<'a, R> {
    /// The same, packed with `prefix` as its dictionary.
    ///
    /// # Errors
    /// It says itself that it is larger than `limit`.
    pub fn with_prefix(packed: R, parts: &Parts, prefix: &'a [u8], limit: u64) -> Result<Self, PackError> {
        bounded(parts.size, limit)?;
        let decoder = prefixed(packed, prefix)?;
        Ok(Self { decoder, left: parts.size, hasher: Some(Hasher::default()), sha256: parts.sha256 })
    }

    fn end(&mut self) -> io::Result<usize> {
        let Some(hasher) = self.hasher.take() else { return Ok(0) };
        if self.left > 0 {
            return Err(PackError::Damaged("it is shorter").into());
        }
        if hasher.finish() != self.sha256 {
            return Err(PackError::Damaged("its digest is another").into());
        }
        if !self.decoder.get_mut().fill_buf()?.is_empty() {
            return Err(PackError::Damaged("something stands behind it").into());
        }
        Ok(0)
    }
}

impl<R: BufRead> Read for Unpacked<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(hasher) = &mut self.hasher else { return Ok(0) };
        if out.is_empty() {
            return Ok(0);
        }
        // One byte more than is allowed is enough to know.
        let most = usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX).min(out.len());
        let out = out.get_mut(..most).unwrap_or_default();
        let read = self.decoder.read(out).map_err(undecoded)?;
        if read == 0 {
            return self.end();
        }
        if read as u64 > self.left {
            return Err(PackError::Damaged("it is longer").into());
        }
        self.left -= read as u64;
        hasher.update(out.get(..read).unwrap_or_default());
        Ok(read)
    }
}

pub(super) fn bounded(size: u64, limit: u64) -> Result<(), PackError> {
    if size > limit { Err(PackError::TooLarge { size, limit }) } else { Ok(()) }
}

/// What the decompressor itself refuses is damage; what the reader below it says stays.
pub(super) fn undecoded(error: io::Error) -> io::Error {
    let ours = error.get_ref().is_some_and(|inner| inner.is::<PackError>());
    match error.kind() {
        io::ErrorKind::Other | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof if !ours => {
            PackError::Damaged("the decompressor refuses it").into()
        }
        _ => error,
    }
}

pub(super) fn prefixed<R: BufRead>(packed: R, prefix: &[u8]) -> io::Result<Decoder<'_, R>> {
    let mut decoder = Decoder::with_ref_prefix(packed, prefix)?.single_frame();
    decoder.window_log_max(if prefix.is_empty() { WINDOW_LOG } else { PREFIX_WINDOW_LOG })?;
    Ok(decoder)
}

/// Packs `bytes` with `prefix` as the dictionary; an empty one is none.
pub(super) fn compress(to: impl Write, bytes: &[u8], prefix: &[u8], level: i32) -> io::Result<()> {
    let mut encoder = Encoder::with_ref_prefix(to, level, prefix)?;
    encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
    if !prefix.is_empty() {
        // The window must reach from the last byte back to the first of the dictionary.
        let reach = (prefix.len() + bytes.len()).next_power_of_two().trailing_zeros();
        encoder.window_log(reach.clamp(10, PREFIX_WINDOW_LOG))?;
        encoder.long_distance_matching(prefix.len() >= LONG)?;
    }
    encoder.write_all(bytes)?;
    encoder.finish().map(|_| ())
}

/// Packs a file, with an older one as its dictionary where the receiver has it.
///
/// # Errors
/// A chunk cannot be handed over, or the file is larger than a manifest may say.
pub fn pack_file(
    bytes: &[u8],
    prefix: &[u8],
    level: i32,
    put: impl FnMut(&Digest, &[u8]) -> io::Result<()>,
) -> Result<Parts, PackError> {
    let mut chunker = Chunker::new(put);
    compress(&mut chunker, bytes, prefix, level)?;
    chunker.finish(bytes.len() as u64, Digest::of(bytes))
}

/// Unpacks a file; `prefix` is the older one that it was packed with, or empty.
///
/// # Errors
/// It is larger than `limit`, or not what the manifest says.
pub fn unpack_file(
    packed: impl BufRead,
    parts: &Parts,
    prefix: &[u8],
    limit: u64,
) -> Result<Vec<u8>, PackError> {
    let mut bytes = Vec::new();
    Unpacked::with_prefix(packed, parts, prefix, limit)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A packed catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub parts: Parts,
    pub root: Digest,
    pub products: u64,
}

/// Packs a whole catalog: its header lines in their order, then its products in the order of
/// their numbers. Hands chunks over as they are full.
///
/// # Errors
/// The rows cannot be read or are out of order, or a chunk cannot be handed over.
pub fn pack_snapshot<E: Into<PackError>>(
    headers: &[Vec<u8>],
    rows: impl IntoIterator<Item = Result<Row, E>>,
    level: i32,
    put: impl FnMut(&Digest, &[u8]) -> io::Result<()>,
) -> Result<Snapshot, PackError> {
    let mut encoder = Encoder::new(Chunker::new(put), level)?;
    let (mut hasher, mut size, mut root) = (Hasher::default(), 0, RootHasher::new(headers));
    let mut write = |line: &[u8]| -> io::Result<()> {
        for piece in [line, b"\n"] {
            hasher.update(piece);
            size += piece.len() as u64;
            encoder.write_all(piece)?;
        }
        Ok(())
    };
    headers.iter().try_for_each(|header| write(header))?;
    for row in rows {
        let row = row.map_err(Into::into)?;
        root.row(row.sku(), row.digest())?;
        write(row.line())?;
    }
    let products = root.count();
    let parts = encoder.finish()?.finish(size, hasher.finish())?;
    Ok(Snapshot { parts, root: root.finish(), products })
}

/// Reads an unpacked catalog line by line, at most one of them in memory, and checks at its
/// end that it has the content that the manifest names. Nothing that `take` was given counts
/// before this returns.
///
/// # Errors
/// It cannot be read, is no catalog, or has other content; the first error of `take`.
pub fn read_snapshot(
    from: impl Read,
    root: Digest,
    mut take: impl FnMut(Line) -> Result<(), PackError>,
) -> Result<u64, PackError> {
    let mut from = BufReader::with_capacity(128 << 10, from);
    let mut headers: Vec<Vec<u8>> = Vec::new();
    let mut products: Option<RootHasher> = None;
    loop {
        let mut line = Vec::new();
        (&mut from).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        if line.pop() != Some(b'\n') {
            return Err(PackError::Content("a line is too long, or has no end"));
        }
        let line = Line::read(line)?;
        match &line {
            Line::Header(header) if products.is_none() && headers.len() < MAX_HEADERS => {
                headers.push(header.clone());
            }
            Line::Header(_) => {
                return Err(PackError::Content("a header stands behind products, or one too many"));
            }
            Line::Product(row) => {
                products.get_or_insert_with(|| RootHasher::new(&headers)).row(row.sku(), row.digest())?;
            }
        }
        take(line)?;
    }
    let products = products.unwrap_or_else(|| RootHasher::new(&headers));
    let count = products.count();
    if products.finish() != root {
        return Err(PackError::Content("it is not the content that the manifest names"));
    }
    Ok(count)
}

#[cfg(test)]
#[path = "pack_tests.rs"]
pub(super) mod tests;
