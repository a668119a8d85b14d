//! Reading `CTranslate2`'s `model.bin`, version 6.
//!
//! Owns the index of named variables; values stay in the file until asked for. Source of
//! the layout: `ModelLoader` and the model specification writer of `CTranslate2` (MIT).
//! All numbers are little-endian:
//! version u32, specification name, revision u32, count u32, then for each variable
//! its name, rank u8, dimensions u32 each, type u8, byte length u32, the bytes;
//! then count u32 and pairs of names (alias, variable). A name is its byte length u16,
//! counting a final zero byte, and the bytes.
//!
//! Promises that no allocation follows a number of the file beyond 64 KiB, whatever the
//! bytes are: every length is held against the length of the file first.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom};

use super::whisper::ConvertError;

/// The type code of 16-bit floats.
const FLOAT16: u8 = 4;
/// Ranks are 0 to 3 in a whisper model.
const MAX_RANK: u8 = 4;
/// Whisper large has about 1,000 variables.
const MAX_VARIABLES: u32 = 65_536;

/// Where a variable lies.
#[derive(Debug, Clone)]
struct Variable {
    dims: Vec<usize>,
    kind: u8,
    offset: u64,
    bytes: u64,
}

/// The index of an open model file.
#[derive(Debug)]
pub(super) struct Ct2<'a, R> {
    file: &'a mut R,
    variables: HashMap<String, Variable>,
}

fn bad(what: impl Into<String>) -> ConvertError {
    ConvertError::Model(what.into())
}

/// An end of file inside a structure is a fault of the content, not of the disk.
fn reading(error: io::Error) -> ConvertError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => bad("the file ends too early"),
        _ => ConvertError::Read(error),
    }
}

fn bytes<const N: usize>(file: &mut impl Read) -> Result<[u8; N], ConvertError> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes).map_err(reading)?;
    Ok(bytes)
}

fn number(file: &mut impl Read) -> Result<u32, ConvertError> {
    bytes(file).map(u32::from_le_bytes)
}

fn name(file: &mut impl Read) -> Result<String, ConvertError> {
    let length = u16::from_le_bytes(bytes(file)?);
    let mut text = vec![0; usize::from(length)];
    file.read_exact(&mut text).map_err(reading)?;
    if text.last() == Some(&0) {
        text.pop();
    }
    String::from_utf8(text).map_err(|_| bad("a name is not text"))
}

impl<'a, R: Read + Seek> Ct2<'a, R> {
    /// Reads the index.
    pub(super) fn open(file: &'a mut R) -> Result<Self, ConvertError> {
        let length = file.seek(SeekFrom::End(0)).map_err(reading)?;
        file.rewind().map_err(reading)?;
        let mut buffered = io::BufReader::new(&mut *file);
        let version = number(&mut buffered)?;
        if version != 6 {
            return Err(bad(format!("version {version} instead of 6")));
        }
        let specification = name(&mut buffered)?;
        if specification != "WhisperSpec" {
            return Err(bad("not a whisper model"));
        }
        number(&mut buffered)?;
        let count = number(&mut buffered)?;
        if count > MAX_VARIABLES {
            return Err(bad(format!("{count} variables")));
        }
        let mut variables = HashMap::new();
        for _ in 0..count {
            let name = name(&mut buffered)?;
            let [rank] = bytes(&mut buffered)?;
            if rank > MAX_RANK {
                return Err(bad(format!("{name} has {rank} dimensions")));
            }
            let mut dims = Vec::new();
            for _ in 0..rank {
                dims.push(number(&mut buffered)? as usize);
            }
            let [kind] = bytes(&mut buffered)?;
            let bytes = u64::from(number(&mut buffered)?);
            let offset = buffered.stream_position().map_err(reading)?;
            if offset + bytes > length {
                return Err(bad("the file ends too early"));
            }
            // At most 2^32, so it fits.
            buffered.seek_relative(bytes.cast_signed()).map_err(reading)?;
            variables.insert(name, Variable { dims, kind, offset, bytes });
        }
        Ok(Self { file, variables })
    }

    fn variable(&self, name: &str) -> Result<&Variable, ConvertError> {
        self.variables.get(name).ok_or_else(|| bad(format!("{name} is missing")))
    }

    /// Whether there is a variable of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// The dimensions of a 16-bit float tensor of rank `N`, checked against its length.
    pub(super) fn dims<const N: usize>(&self, name: &str) -> Result<[usize; N], ConvertError> {
        let variable = self.variable(name)?;
        if variable.kind != FLOAT16 {
            return Err(bad(format!("{name} is not in 16-bit floats")));
        }
        let dims = <[usize; N]>::try_from(variable.dims.as_slice())
            .map_err(|_| bad(format!("{name} has {} dimensions", variable.dims.len())))?;
        let product = dims.iter().try_fold(2_u64, |product, &dim| product.checked_mul(dim as u64));
        if product != Some(variable.bytes) {
            return Err(bad(format!("{name} has {} bytes for {dims:?}", variable.bytes)));
        }
        Ok(dims)
    }

    /// A whole number stored in one or two bytes.
    pub(super) fn scalar(&mut self, name: &str) -> Result<i16, ConvertError> {
        let Variable { offset, bytes: length, .. } = *self.variable(name)?;
        self.file.seek(SeekFrom::Start(offset)).map_err(reading)?;
        match length {
            1 => bytes::<1>(self.file).map(|[byte]| i16::from(byte.cast_signed())),
            2 => bytes(self.file).map(i16::from_le_bytes),
            _ => Err(bad(format!("{name} is not a small number"))),
        }
    }

    /// A reader of `count` 16-bit floats of a tensor, from element `first` on.
    pub(super) fn values(
        &mut self,
        name: &str,
        first: usize,
        count: usize,
    ) -> Result<impl Read, ConvertError> {
        let variable = self.variable(name)?;
        let (start, wanted) = (2 * first as u64, 2 * count as u64);
        if start.checked_add(wanted).is_none_or(|end| end > variable.bytes) {
            return Err(bad(format!("{name} is too short")));
        }
        let offset = variable.offset + start;
        self.file.seek(SeekFrom::Start(offset)).map_err(reading)?;
        Ok((&mut *self.file).take(wanted))
    }
}
