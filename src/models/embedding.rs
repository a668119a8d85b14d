//! Embeddings: texts as vectors whose closeness is closeness of meaning.
//!
//! Owns the MiniLM session and its tokenizer. Promises: vectors have length 1;
//! they come in the order of the texts; a text of any length costs bounded time
//! and memory; no more threads than asked for. Never logs a text, never stores
//! a vector.
//!
//! Model: all-MiniLM-L6-v2 (Apache-2.0), <https://www.sbert.net>: mean of the
//! token states, then L2 normalisation. It computes in int8, scaled by what passes
//! through it at once: so each text is run by itself, lest its vector depend on
//! its neighbours and two kiosks rank differently.

use std::path::{Path, PathBuf};

use ort::session::Session;
use ort::value::TensorRef;
use tokenizers::Tokenizer;

use super::onnx::{OnnxError, Runtime};

/// Length of a vector.
pub const DIMENSIONS: usize = 384;

/// One vector of length 1: the dot product of two is their cosine, -1 to 1.
pub type Embedding = [f32; DIMENSIONS];

/// Tokens of a text that are read; the rest is dropped. The model was trained on
/// 128. Of 19,406 electronics products 0.8% had a longer brand, name and kind than 64,
/// and whole names ranked no better.
const QUERY_TOKENS: usize = 128;
const PRODUCT_TOKENS: usize = 64;

/// Bytes of a text that are tokenized, far more than the tokens above ever need.
const TEXT_BYTES: usize = 4096;

/// Why there is no embedding.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddingError {
    /// The runtime or the model file is missing or damaged.
    #[error(transparent)]
    Model(#[from] OnnxError),
    /// The tokenizer's JSON is missing.
    #[error("the tokenizer {} is missing: run `aisle models fetch`", .0.display())]
    NoTokenizer(PathBuf),
    /// The tokenizer's JSON is damaged, or of a kind that is not understood.
    #[error("the tokenizer {} is not usable ({reason}): run `aisle models verify`", .path.display())]
    BadTokenizer { path: PathBuf, reason: String },
    /// The model ran but is not MiniLM, or the tokenizer is another model's.
    #[error("the embedding model failed ({0}): run `aisle models verify`")]
    Run(String),
}

/// An open embedding model.
#[derive(Debug)]
pub struct Embedder {
    /// At least one, of one thread each: more texts at once are faster than more
    /// threads for one text.
    sessions: Vec<Session>,
    tokenizer: Tokenizer,
}

impl Embedder {
    /// Opens the ONNX `model` with its `tokenizer` JSON, to run on at most
    /// `threads` threads (0 counts as 1).
    ///
    /// # Errors
    /// [`EmbeddingError`].
    pub fn open(
        runtime: &Runtime,
        model: &Path,
        tokenizer: &Path,
        threads: usize,
    ) -> Result<Self, EmbeddingError> {
        let tokenizer = read_tokenizer(tokenizer)?;
        let sessions = (0..threads.max(1)).map(|_| runtime.session(model, 1));
        Ok(Self { sessions: sessions.collect::<Result<_, _>>()?, tokenizer })
    }

    /// The vector of what a shopper asks for.
    ///
    /// # Errors
    /// [`EmbeddingError::Run`].
    pub fn query(&mut self, text: &str) -> Result<Embedding, EmbeddingError> {
        let tokens = tokens(&self.tokenizer, text, QUERY_TOKENS)?;
        let session = self.sessions.first_mut().ok_or_else(|| failed(&"it is not open"))?;
        run(session, &tokens).map_err(|error| failed(&error))
    }

    /// The vectors of product texts, in their order. Give some hundreds at once, so
    /// that all threads have something to do.
    ///
    /// # Errors
    /// [`EmbeddingError::Run`].
    pub fn products(&mut self, texts: &[&str]) -> Result<Vec<Embedding>, EmbeddingError> {
        let tokenizer = &self.tokenizer;
        let share = texts.len().div_ceil(self.sessions.len().max(1)).max(1);
        let each = |session: &mut Session, texts: &[&str]| -> Result<Vec<Embedding>, EmbeddingError> {
            let vector = |text: &&str| {
                let tokens = tokens(tokenizer, text, PRODUCT_TOKENS)?;
                run(session, &tokens).map_err(|error| failed(&error))
            };
            texts.iter().map(vector).collect()
        };
        std::thread::scope(|scope| {
            let running: Vec<_> = self
                .sessions
                .iter_mut()
                .zip(texts.chunks(share))
                .map(|(session, texts)| scope.spawn(move || each(session, texts)))
                .collect();
            let mut vectors = Vec::with_capacity(texts.len());
            for thread in running {
                vectors.extend(thread.join().map_err(|_| failed(&"a thread of it stopped"))??);
            }
            Ok(vectors)
        })
    }
}

/// The token numbers of `text`, at most `limit`, with the model's marks at both ends.
fn tokens(tokenizer: &Tokenizer, text: &str, limit: usize) -> Result<Vec<i64>, EmbeddingError> {
    let text = text.get(..text.floor_char_boundary(TEXT_BYTES)).unwrap_or(text);
    let encoding = tokenizer.encode_fast(text, true).map_err(|error| failed(&error))?;
    let mut tokens: Vec<i64> = encoding.get_ids().iter().map(|id| i64::from(*id)).collect();
    // The closing mark stays when the text is cut.
    if let Some(closing) = tokens.last().copied()
        && tokens.len() > limit
    {
        tokens.truncate(limit - 1);
        tokens.push(closing);
    }
    Ok(tokens)
}

fn run(session: &mut Session, tokens: &[i64]) -> ort::Result<Embedding> {
    let shape = [1, tokens.len()];
    let (mask, kinds) = (vec![1_i64; tokens.len()], vec![0_i64; tokens.len()]);
    let outputs = session.run(ort::inputs! {
        "input_ids" => TensorRef::from_array_view((shape, tokens))?,
        "attention_mask" => TensorRef::from_array_view((shape, &mask[..]))?,
        "token_type_ids" => TensorRef::from_array_view((shape, &kinds[..]))?,
    })?;
    let states = outputs.get("last_hidden_state").ok_or_else(|| ort::Error::new("it lacks an output"))?;
    let (states, rest) = states.try_extract_tensor::<f32>()?.1.as_chunks::<DIMENSIONS>();
    if states.len() != tokens.len() || !rest.is_empty() {
        return Err(ort::Error::new("its output has another shape"));
    }
    pooled(states).ok_or_else(|| ort::Error::new("its output is not finite"))
}

/// The direction of the mean of `states`; `None` when it has none.
fn pooled(states: &[Embedding]) -> Option<Embedding> {
    let mut sum = [0.0_f32; DIMENSIONS];
    for state in states {
        for (sum, value) in sum.iter_mut().zip(state) {
            *sum += value;
        }
    }
    // The length of the sum cancels the number of states.
    let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    (length.is_finite() && length > 0.0).then(|| sum.map(|value| value / length))
}

fn read_tokenizer(path: &Path) -> Result<Tokenizer, EmbeddingError> {
    let bad = |reason: &dyn std::fmt::Display| EmbeddingError::BadTokenizer {
        path: path.to_owned(),
        reason: one_line(reason),
    };
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => EmbeddingError::NoTokenizer(path.to_owned()),
        _ => bad(&error),
    })?;
    let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|error| bad(&error))?;
    // Both are done here: the file's own limits pad every text to 128 tokens.
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|error| bad(&error))?;
    Ok(tokenizer)
}

fn failed(error: &dyn std::fmt::Display) -> EmbeddingError {
    EmbeddingError::Run(one_line(error))
}

/// The first line of a foreign message: ours are one line each.
fn one_line(message: &dyn std::fmt::Display) -> String {
    message.to_string().lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pooled_vector_is_the_direction_of_the_mean() {
        let mut one = [0.0; DIMENSIONS];
        let mut two = [0.0; DIMENSIONS];
        (one[0], two[1]) = (6.0, 8.0);
        let pooled = pooled(&[one, two]).unwrap();
        assert!((pooled[0] - 0.6).abs() < 1e-6 && (pooled[1] - 0.8).abs() < 1e-6);
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        assert!(pooled(&[]).is_none());
        assert!(pooled(&[[0.0; DIMENSIONS]]).is_none());
        assert!(pooled(&[[f32::NAN; DIMENSIONS]]).is_none());
        assert!(pooled(&[[f32::INFINITY; DIMENSIONS]]).is_none());
    }

    #[test]
    fn a_missing_or_damaged_tokenizer_is_named_with_its_remedy() {
        let error = read_tokenizer(Path::new("/nowhere/tokenizer.json")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the tokenizer /nowhere/tokenizer.json is missing: run `aisle models fetch`"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        for damaged in ["", "{}", "{\"model\":", "[\n\n]"] {
            std::fs::write(file.path(), damaged).unwrap();
            let error = read_tokenizer(file.path()).unwrap_err();
            assert!(matches!(error, EmbeddingError::BadTokenizer { .. }), "{damaged}: {error}");
            assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}
