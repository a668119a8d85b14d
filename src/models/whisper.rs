//! Rewriting a `CTranslate2` whisper model as a file for whisper.cpp.
//!
//! Owns [`convert`]. For `whisper-base` the outcome equals, byte for byte, the file that
//! the whisper.cpp project publishes (a test of the manifest's SHA-256 says so). Needs
//! memory for one buffer, whatever the size of the model. Never invents a value: a
//! variable that is missing, of another shape, or not in 16-bit floats is an error.
//!
//! The layout of the target is that of whisper.cpp's `whisper_model_load` and
//! `convert-pt-to-ggml.py` (MIT), little-endian 32-bit numbers throughout:
//! magic, 11 hyper-parameters, mel filters (rows, columns, f32 values), token list (count,
//! then length and bytes of each), then tensors (rank, name length, type, dimensions from
//! the innermost out, name, values). Matrices and convolution kernels are f16 (type 1),
//! vectors and positional embeddings f32 (type 0). The tensors stand in the order of
//! `OpenAI`'s checkpoints.
//!
//! `CTranslate2` stacks linear layers that share their input: query, key, value in self
//! attention (`linear_0`); key, value in cross attention (`linear_1`). The stacked bias
//! of a key is zero, because whisper's keys have none.

use std::io::{self, Read, Seek, Write};

use super::assets::{read_mel, read_tokens};
use super::ct2::Ct2;

/// "ggml", read as a little-endian number.
const MAGIC: i32 = 0x6767_6d6c;
/// Whisper large has 32 blocks on each side.
const MAX_BLOCKS: usize = 64;

/// Why a model could not be rewritten.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The model file is not a whisper model in 16-bit floats, or is damaged.
    #[error("CTranslate2 model: {0}")]
    Model(String),
    /// The mel filter archive is not what it should be.
    #[error("mel filters: {0}")]
    Mel(String),
    /// The token list is not what it should be.
    #[error("token list: {0}")]
    Vocabulary(String),
    /// An input cannot be read.
    #[error("cannot read: {0}")]
    Read(io::Error),
    /// The output cannot be written.
    #[error("cannot write: {0}")]
    Write(io::Error),
}

/// Writes `model` (`CTranslate2` `model.bin`), `mel` (`mel_filters.npz`) and `vocabulary`
/// (`*.tiktoken`) as one whisper.cpp file, telling `seen` the bytes written so far.
///
/// # Errors
/// [`ConvertError`], on any input whatever; what was written is then of no use.
pub fn convert(
    model: &mut (impl Read + Seek),
    mel: impl Read,
    vocabulary: impl Read,
    out: impl Write,
    seen: impl FnMut(u64),
) -> Result<(), ConvertError> {
    let model = Ct2::open(model)?;
    let mut writer = Writer { model, out: Counting { out, written: 0, seen } };
    let shape = Shape::of(&mut writer.model)?;
    writer.header(&shape)?;
    writer.mel(shape.mels, mel)?;
    writer.tokens(shape.vocabulary, vocabulary)?;
    writer.tensors(&shape)?;
    writer.out.flush().map_err(ConvertError::Write)
}

/// The hyper-parameters, all found in the shapes of the tensors.
struct Shape {
    vocabulary: usize,
    mels: usize,
    audio: Side,
    text: Side,
}

struct Side {
    context: usize,
    state: usize,
    heads: i16,
    blocks: usize,
}

impl Shape {
    fn of<R: Read + Seek>(model: &mut Ct2<'_, R>) -> Result<Self, ConvertError> {
        let [vocabulary, _] = model.dims("decoder/embeddings/weight")?;
        let [_, mels, _] = model.dims("encoder/conv1/weight")?;
        let (audio, text) = (Side::of(model, "encoder")?, Side::of(model, "decoder")?);
        Ok(Self { vocabulary, mels, audio, text })
    }
}

impl Side {
    fn of<R: Read + Seek>(model: &mut Ct2<'_, R>, side: &str) -> Result<Self, ConvertError> {
        let [context, state] = model.dims(&format!("{side}/position_encodings/encodings"))?;
        let heads = model.scalar(&format!("{side}/num_heads"))?;
        let block = |index| format!("{side}/layer_{index}/ffn/layer_norm/gamma");
        let blocks = (0..MAX_BLOCKS).take_while(|index| model.has(&block(*index))).count();
        if heads < 1 || blocks == 0 {
            return Err(ConvertError::Model(format!("{side} has {heads} heads and {blocks} blocks")));
        }
        Ok(Self { context, state, heads, blocks })
    }
}

/// Counts what goes out, for the progress.
struct Counting<W, F> {
    out: W,
    written: u64,
    seen: F,
}

impl<W: Write, F: FnMut(u64)> Write for Counting<W, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.written += count as u64;
        (self.seen)(self.written);
        Ok(count)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Writer<'a, R, W> {
    model: Ct2<'a, R>,
    out: W,
}

/// Rows `first..first + count` of a stacked tensor; None means all of it.
type Rows = Option<(usize, usize)>;

impl<R: Read + Seek, W: Write> Writer<'_, R, W> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ConvertError> {
        self.out.write_all(bytes).map_err(ConvertError::Write)
    }

    fn number(&mut self, value: usize) -> Result<(), ConvertError> {
        let value = i32::try_from(value)
            .map_err(|_| ConvertError::Model(format!("{value} is too large a dimension")))?;
        self.put(&value.to_le_bytes())
    }

    fn header(&mut self, shape: &Shape) -> Result<(), ConvertError> {
        self.put(&MAGIC.to_le_bytes())?;
        self.number(shape.vocabulary)?;
        for side in [&shape.audio, &shape.text] {
            self.number(side.context)?;
            self.number(side.state)?;
            self.put(&i32::from(side.heads).to_le_bytes())?;
            self.number(side.blocks)?;
        }
        self.number(shape.mels)?;
        self.number(1) // f16
    }

    fn mel(&mut self, mels: usize, archive: impl Read) -> Result<(), ConvertError> {
        let (columns, values) = read_mel(mels, archive)?;
        self.number(mels)?;
        self.number(columns)?;
        for value in values {
            // The published files hold 0.0 where the archive has -0.0.
            self.put(&(value + 0.0).to_le_bytes())?;
        }
        Ok(())
    }

    fn tokens(&mut self, vocabulary: usize, list: impl Read) -> Result<(), ConvertError> {
        let tokens = read_tokens(list)?;
        if tokens.len() >= vocabulary {
            let what = format!("{} tokens for a model of {vocabulary}", tokens.len());
            return Err(ConvertError::Vocabulary(what));
        }
        self.number(tokens.len())?;
        for token in tokens {
            self.number(token.len())?;
            self.put(&token)?;
        }
        Ok(())
    }

    fn tensors(&mut self, shape: &Shape) -> Result<(), ConvertError> {
        for side in ["decoder", "encoder"] {
            let from = format!("{side}/position_encodings/encodings");
            let dims = self.model.dims::<2>(&from)?;
            self.wide(&format!("{side}.positional_embedding"), &dims, &from, 0)?;
        }
        self.matrix("decoder.token_embedding.weight", "decoder/embeddings/weight", None)?;
        for block in 0..shape.text.blocks {
            self.block("decoder", block, shape.text.state)?;
            self.cross_attention(block, shape.text.state)?;
        }
        self.norm("decoder.ln", "decoder/layer_norm")?;
        for conv in ["conv1", "conv2"] {
            self.convolution(conv)?;
        }
        for block in 0..shape.audio.blocks {
            self.block("encoder", block, shape.audio.state)?;
        }
        self.norm("encoder.ln_post", "encoder/layer_norm")
    }

    fn block(&mut self, side: &str, block: usize, state: usize) -> Result<(), ConvertError> {
        let (to, from) = (format!("{side}.blocks.{block}"), format!("{side}/layer_{block}"));
        self.norm(&format!("{to}.mlp_ln"), &format!("{from}/ffn/layer_norm"))?;
        self.linear(&format!("{to}.mlp.0"), &format!("{from}/ffn/linear_0"), None)?;
        self.linear(&format!("{to}.mlp.2"), &format!("{from}/ffn/linear_1"), None)?;
        let stacked = format!("{from}/self_attention/linear_0");
        self.norm(&format!("{to}.attn_ln"), &format!("{from}/self_attention/layer_norm"))?;
        self.linear(&format!("{to}.attn.query"), &stacked, Some((0, state)))?;
        self.key_and_value(&format!("{to}.attn"), &stacked, state, state)?;
        self.linear(&format!("{to}.attn.out"), &format!("{from}/self_attention/linear_1"), None)
    }

    fn cross_attention(&mut self, block: usize, state: usize) -> Result<(), ConvertError> {
        let to = format!("decoder.blocks.{block}.cross_attn");
        let from = format!("decoder/layer_{block}/attention");
        self.norm(&format!("{to}_ln"), &format!("{from}/layer_norm"))?;
        self.linear(&format!("{to}.query"), &format!("{from}/linear_0"), None)?;
        self.key_and_value(&to, &format!("{from}/linear_1"), 0, state)?;
        self.linear(&format!("{to}.out"), &format!("{from}/linear_2"), None)
    }

    /// Key and value stand after each other in a stacked layer, the key from row `first` on.
    fn key_and_value(
        &mut self,
        to: &str,
        from: &str,
        first: usize,
        state: usize,
    ) -> Result<(), ConvertError> {
        self.matrix(&format!("{to}.key.weight"), &format!("{from}/weight"), Some((first, state)))?;
        self.linear(&format!("{to}.value"), from, Some((first + state, state)))
    }

    fn linear(&mut self, to: &str, from: &str, rows: Rows) -> Result<(), ConvertError> {
        self.matrix(&format!("{to}.weight"), &format!("{from}/weight"), rows)?;
        self.vector(&format!("{to}.bias"), &format!("{from}/bias"), rows)
    }

    fn norm(&mut self, to: &str, from: &str) -> Result<(), ConvertError> {
        self.vector(&format!("{to}.weight"), &format!("{from}/gamma"), None)?;
        self.vector(&format!("{to}.bias"), &format!("{from}/beta"), None)
    }

    fn convolution(&mut self, conv: &str) -> Result<(), ConvertError> {
        let weight = format!("encoder/{conv}/weight");
        let dims = self.model.dims::<3>(&weight)?;
        self.narrow(&format!("encoder.{conv}.weight"), &dims, &weight, 0)?;
        let bias = format!("encoder/{conv}/bias");
        let [length] = self.model.dims(&bias)?;
        // A column, so that whisper.cpp can add it along the time axis.
        self.wide(&format!("encoder.{conv}.bias"), &[length, 1], &bias, 0)
    }

    fn matrix(&mut self, to: &str, from: &str, rows: Rows) -> Result<(), ConvertError> {
        let [all, columns] = self.model.dims(from)?;
        let (first, count) = rows.unwrap_or((0, all));
        self.narrow(to, &[count, columns], from, first.saturating_mul(columns))
    }

    fn vector(&mut self, to: &str, from: &str, rows: Rows) -> Result<(), ConvertError> {
        let [all] = self.model.dims(from)?;
        let (first, count) = rows.unwrap_or((0, all));
        self.wide(to, &[count], from, first)
    }

    /// Name, type and dimensions of a tensor; returns the number of values it holds.
    fn tensor(&mut self, name: &str, dims: &[usize], kind: usize) -> Result<usize, ConvertError> {
        self.number(dims.len())?;
        self.number(name.len())?;
        self.number(kind)?;
        for dim in dims.iter().rev() {
            self.number(*dim)?;
        }
        self.put(name.as_bytes())?;
        Ok(dims.iter().fold(1, |product, dim| product.saturating_mul(*dim)))
    }

    /// A tensor whose values stay 16-bit floats.
    fn narrow(&mut self, to: &str, dims: &[usize], from: &str, first: usize) -> Result<(), ConvertError> {
        let count = self.tensor(to, dims, 1)?;
        each_chunk(self.model.values(from, first, count)?, |chunk| {
            self.out.write_all(chunk).map_err(ConvertError::Write)
        })
    }

    /// A tensor whose values become 32-bit floats, which is exact.
    fn wide(&mut self, to: &str, dims: &[usize], from: &str, first: usize) -> Result<(), ConvertError> {
        let count = self.tensor(to, dims, 0)?;
        each_chunk(self.model.values(from, first, count)?, |chunk| {
            let (pairs, _) = chunk.as_chunks::<2>();
            let widened =
                pairs.iter().flat_map(|pair| half::f16::from_le_bytes(*pair).to_f32().to_le_bytes());
            self.out.write_all(&widened.collect::<Vec<u8>>()).map_err(ConvertError::Write)
        })
    }
}

/// Hands over everything in `from`, in pieces of an even number of bytes.
fn each_chunk(
    mut from: impl Read,
    mut take: impl FnMut(&[u8]) -> Result<(), ConvertError>,
) -> Result<(), ConvertError> {
    let mut chunk = Vec::new();
    loop {
        chunk.clear();
        from.by_ref().take(64 * 1024).read_to_end(&mut chunk).map_err(ConvertError::Read)?;
        if chunk.is_empty() {
            return Ok(());
        }
        take(&chunk)?;
    }
}

#[cfg(test)]
#[path = "whisper_tests.rs"]
mod tests;
