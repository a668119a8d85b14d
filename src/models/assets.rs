//! The two small files that a whisper.cpp model needs beside the weights: mel filters in a
//! `NumPy` archive, and the token list.
//!
//! Promises to read at most 16 MiB of either, whatever the bytes are.

use base64::Engine as _;
use std::io::{self, BufRead, BufReader, Read};

use super::whisper::ConvertError;

/// A mel filter bank of 128 rows has 103,040 bytes; a token list about 800,000.
const MAX_SMALL_FILE: u64 = 16 << 20;

/// Columns and row-major values of the filter bank `mel_ROWS` in an `.npz` archive
/// (`NumPy` format 1.0, `numpy.lib.format`).
pub(super) fn read_mel(rows: usize, archive: impl Read) -> Result<(usize, Vec<f32>), ConvertError> {
    let bad = |what: &dyn std::fmt::Display| ConvertError::Mel(what.to_string());
    let bytes = read_bounded(archive).map_err(|error| bad(&error))?;
    let mut archive = zip::ZipArchive::new(io::Cursor::new(bytes)).map_err(|error| bad(&error))?;
    let name = format!("mel_{rows}.npy");
    let member = archive.by_name(&name).map_err(|error| bad(&format!("{name}: {error}")))?;
    let array = read_bounded(member).map_err(|error| bad(&error))?;
    let shape = || -> Option<(usize, &[u8])> {
        let rest = array.strip_prefix(b"\x93NUMPY\x01\x00")?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (header, values) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        let header = std::str::from_utf8(header).ok()?;
        if !header.contains("'descr': '<f4'") || !header.contains("'fortran_order': False") {
            return None;
        }
        let (_, shape) = header.split_once("'shape': (")?;
        let (shape, _) = shape.split_once(')')?;
        let mut dims = shape.split(',').map(|dim| dim.trim().parse::<usize>());
        let (found, columns) = (dims.next()?.ok()?, dims.next()?.ok()?);
        let fits = found == rows && rows.checked_mul(columns)?.checked_mul(4)? == values.len();
        fits.then_some((columns, values))
    };
    let (columns, values) = shape().ok_or_else(|| bad(&format!("{name} is not a table of 32-bit floats")))?;
    let (quads, _) = values.as_chunks::<4>();
    Ok((columns, quads.iter().map(|quad| f32::from_le_bytes(*quad)).collect()))
}

/// The tokens of a `.tiktoken` file: lines of a base64 token and its rank, from 0 on.
pub(super) fn read_tokens(list: impl Read) -> Result<Vec<Vec<u8>>, ConvertError> {
    let mut tokens = Vec::new();
    for line in BufReader::new(list.take(MAX_SMALL_FILE)).lines() {
        let number = tokens.len();
        let bad = |what: &str| ConvertError::Vocabulary(format!("line {}: {what}", number + 1));
        let line = line.map_err(|error| bad(&error.to_string()))?;
        if line.is_empty() {
            continue;
        }
        let (token, rank) = line.split_once(' ').ok_or_else(|| bad("no rank"))?;
        if rank.trim().parse() != Ok(number) {
            return Err(bad("out of order"));
        }
        // The multilingual list ends with an empty token, written as "=".
        let token = if token == "=" { "" } else { token };
        let token = base64::engine::general_purpose::STANDARD.decode(token);
        tokens.push(token.map_err(|_| bad("not base64"))?);
    }
    Ok(tokens)
}

fn read_bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_SMALL_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_SMALL_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}
