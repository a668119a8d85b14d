//! The embedding model, and two stand-ins for it that save the benchmark an hour
//! of embedding: queries always go through the model.

use super::data::{VARIATIONS, unvaried};
use aisle::app::folders::Folders;
use aisle::models::ModelDir;
use aisle::models::encoder::MiniLm;
use aisle::models::onnx::Runtime;
use aisle::store::{DIMENSIONS, Embedding, Encoder, EncoderError};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Length of what tells a varied text's vector from its base's: their cosine is
/// about 0.97, as between the titles of two models of one series.
const DISTANCE: f32 = 0.25;

/// Threads for the vectors of products.
const THREADS: usize = 2;

/// The model that the product itself uses, from where `aisle models fetch` put it.
pub fn model() -> Arc<dyn Encoder> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let folders = Folders::find(None, None, variable).unwrap_or_else(|e| panic!("{e}"));
    let models = ModelDir::open(folders.models).unwrap_or_else(|e| panic!("{e}"));
    let library = models.ready("onnxruntime").unwrap_or_else(|e| panic!("{e}"));
    let runtime = Runtime::load(&library).unwrap_or_else(|e| panic!("{e}"));
    let model = MiniLm::open(&models, &runtime, THREADS).unwrap_or_else(|e| panic!("{e}"));
    Arc::new(model)
}

/// An encoder that goes by a model's name and knows one direction: it makes a
/// catalog load that model's vectors.
pub fn named(name: &str) -> Arc<dyn Encoder> {
    struct Named(String);
    impl Encoder for Named {
        fn name(&self) -> &str {
            &self.0
        }
        fn query(&self, _: &str) -> Result<Embedding, EncoderError> {
            Ok(turned(&[0.0; DIMENSIONS], &self.0))
        }
        fn products(&self, _: &[&str]) -> Result<Vec<Embedding>, EncoderError> {
            Err(EncoderError("it embeds no products".into()))
        }
    }
    Arc::new(Named(name.to_owned()))
}

/// The model, with the vectors of product texts kept in a file: the second run
/// embeds nothing.
pub struct Kept {
    model: Arc<dyn Encoder>,
    file: Mutex<Connection>,
}

impl Kept {
    pub fn open(model: Arc<dyn Encoder>, folder: &Path) -> Self {
        let safe: String =
            model.name().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let file = Connection::open(folder.join(format!("vectors-{safe}.db"))).expect("a file of vectors");
        let table = "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; \
                     CREATE TABLE IF NOT EXISTS vectors (text TEXT PRIMARY KEY, vector BLOB) WITHOUT ROWID";
        file.execute_batch(table).expect("a file of vectors");
        Self { model, file: Mutex::new(file) }
    }

    fn known(&self, text: &str) -> Option<Embedding> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = file.prepare_cached("SELECT vector FROM vectors WHERE text = ?1").expect("SQL");
        let bytes: Option<Vec<u8>> =
            statement.query_row([text], |row| row.get(0)).optional().expect("a read");
        let bytes = bytes?;
        let values = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        let mut vector = [0.0; DIMENSIONS];
        vector.iter_mut().zip(values).for_each(|(to, from)| *to = from);
        Some(vector)
    }

    fn keep(&self, text: &str, vector: &Embedding) {
        let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let sql = "INSERT OR REPLACE INTO vectors VALUES (?1, ?2)";
        file.prepare_cached(sql).and_then(|mut s| s.execute(params![text, bytes])).expect("a write");
    }
}

impl Encoder for Kept {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn query(&self, text: &str) -> Result<Embedding, EncoderError> {
        self.model.query(text)
    }

    fn products(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncoderError> {
        let mut vectors: Vec<Option<Embedding>> = texts.iter().map(|text| self.known(text)).collect();
        let unknown = texts.iter().zip(&vectors).filter(|(_, vector)| vector.is_none());
        let unknown: Vec<&str> = unknown.map(|(text, _)| *text).collect();
        let mut made = self.model.products(&unknown)?.into_iter();
        for (text, place) in texts.iter().zip(&mut vectors).filter(|(_, vector)| vector.is_none()) {
            let vector = made.next().ok_or_else(|| EncoderError("it made too few vectors".into()))?;
            self.keep(text, &vector);
            *place = Some(vector);
        }
        Ok(vectors.into_iter().flatten().collect())
    }

    fn rest(&self) {
        self.model.rest();
    }
}

/// The model for queries; a varied product's vector is that of the product it
/// was varied from, turned a little, always the same for the same text.
pub struct Varied(pub Arc<Kept>);

impl Encoder for Varied {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn query(&self, text: &str) -> Result<Embedding, EncoderError> {
        self.0.query(text)
    }

    fn products(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncoderError> {
        let vector = |text: &&str| {
            let base = (0..VARIATIONS).find_map(|variation| self.0.known(&unvaried(text, variation)));
            // A brand or kind with digits in it is not varied, so its product's
            // base is not found: a direction of its own does for the clock.
            turned(&base.unwrap_or([0.0; DIMENSIONS]), text)
        };
        Ok(texts.iter().map(vector).collect())
    }
}

fn turned(base: &Embedding, text: &str) -> Embedding {
    let seed = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut random = fastrand::Rng::with_seed(seed);
    // Uniform noise in -1 to 1 has a variance of 1/3.
    let scale = DISTANCE * (3.0 / 384.0_f32).sqrt();
    let moved = base.map(|value| value + scale * (2.0 * random.f32() - 1.0));
    let length = moved.iter().map(|value| value * value).sum::<f32>().sqrt();
    moved.map(|value| value / length)
}
