//! MiniLM as the catalog's encoder: one session that answers shoppers, another
//! that is open only while products are embedded, so that no shopper waits for
//! a batch of products. Never decides what is embedded; the catalog does.

use super::embedding::{Embedder, EmbeddingError};
use super::onnx::Runtime;
use super::{ModelDir, ModelError};
use crate::store::{Embedding, Encoder, EncoderError};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The model's and its tokenizer's names in the manifest.
const MODEL: &str = "minilm-l6-v2";
const TOKENIZER: &str = "minilm-l6-v2-tokenizer";
/// Whose vectors are comparable: another way to compute is another name.
const NAME: &str = "minilm-l6-v2/int8";
/// A few words are embedded fastest on one thread.
const QUERY_THREADS: usize = 1;

/// Why the encoder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum EncoderOpenError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Embedding(#[from] EmbeddingError),
}

pub struct MiniLm {
    runtime: Runtime,
    model: PathBuf,
    tokenizer: PathBuf,
    threads: usize,
    queries: Mutex<Embedder>,
    products: Mutex<Option<Embedder>>,
}

impl MiniLm {
    /// Opens the model; products are embedded on at most `threads` threads.
    ///
    /// # Errors
    /// The model or its tokenizer is missing or damaged.
    pub fn open(models: &ModelDir, runtime: &Runtime, threads: usize) -> Result<Self, EncoderOpenError> {
        let (model, tokenizer) = (models.ready(MODEL)?, models.ready(TOKENIZER)?);
        let queries = Mutex::new(Embedder::open(runtime, &model, &tokenizer, QUERY_THREADS)?);
        let (runtime, products) = (runtime.clone(), Mutex::default());
        Ok(Self { runtime, model, tokenizer, threads, queries, products })
    }
}

impl Encoder for MiniLm {
    fn name(&self) -> &str {
        NAME
    }

    fn query(&self, text: &str) -> Result<Embedding, EncoderError> {
        let mut session = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        session.query(text).map_err(|error| EncoderError(error.to_string()))
    }

    fn products(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncoderError> {
        let told = |error: EmbeddingError| EncoderError(error.to_string());
        let mut open = self.products.lock().unwrap_or_else(PoisonError::into_inner);
        let mut session = match open.take() {
            Some(session) => session,
            None => {
                Embedder::open(&self.runtime, &self.model, &self.tokenizer, self.threads).map_err(told)?
            }
        };
        let vectors = session.products(texts).map_err(told)?;
        *open = Some(session);
        Ok(vectors)
    }

    fn rest(&self) {
        *self.products.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
