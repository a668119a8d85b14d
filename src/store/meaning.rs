//! What products mean, as vectors: which text of a product is embedded, where
//! the vectors lie, and the index of them in memory. A vector belongs to a text,
//! not to a product, so that an import makes only those whose texts are new.
//! Never runs a model; an [`Encoder`] does.

use super::StoreError;
use super::connections::Connections;
use super::rows::{self, COLUMNS};
use super::vectors::{Coded, Vectors};
use crate::domain::Product;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};

/// Length of a vector.
pub const DIMENSIONS: usize = super::vectors::DIMENSIONS;

/// A vector of length 1: the dot product of two is their cosine, -1 to 1.
pub type Embedding = [f32; DIMENSIONS];

/// Length of a text's key: a SHA-256 digest cut to 128 bits.
const KEY_BYTES: usize = 16;

/// Makes vectors of texts, closer the closer they mean.
pub trait Encoder: Send + Sync {
    /// Names the model; vectors of another cannot be compared.
    fn name(&self) -> &str;

    /// The vector of a shopper's words.
    ///
    /// # Errors
    /// The model failed.
    fn query(&self, text: &str) -> Result<Embedding, EncoderError>;

    /// The vectors of product texts, in their order.
    ///
    /// # Errors
    /// The model failed.
    fn products(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncoderError>;

    /// Called when no more products come for now.
    fn rest(&self) {}
}

/// Why an encoder gave no vector: one line, without the text.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EncoderError(pub String);

/// Products embedded between two writes.
const STEP: usize = 256;

/// Why products have no vectors; those made before it stay.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("products cannot be compared by meaning: {0}")]
    Encoder(#[from] EncoderError),
}

/// The text that is embedded: the name with what kind of thing it is.
pub(super) fn text(product: &Product) -> String {
    let mut text = product.label();
    if let Some(kind) = product.category.last()
        && !text.to_lowercase().contains(&kind.to_lowercase())
    {
        text = format!("{text}, {kind}");
    }
    text
}

/// The key that a text's vector is kept under.
pub(super) fn key(text: &str) -> [u8; KEY_BYTES] {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut key = [0; KEY_BYTES];
    key.copy_from_slice(digest.split_at(KEY_BYTES).0);
    key
}

/// Which vectors the database holds: the model's name and how many passes of it
/// have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stand {
    pub name: String,
    pub passes: i64,
}

impl Stand {
    pub(super) fn read(conn: &Connection) -> rusqlite::Result<Option<Self>> {
        conn.prepare_cached("SELECT name, passes FROM embedder")?
            .query_row([], |row| Ok(Self { name: row.get(0)?, passes: row.get(1)? }))
            .optional()
    }
}

/// Makes the vectors that products lack, in steps of their own: what is done
/// stays done when it is broken off. How many were made.
pub(super) fn pass(
    connections: &Connections,
    encoder: &dyn Encoder,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, EmbedError> {
    let sql = |source| StoreError::of(connections.path(), source);
    let mut conn = connections.writer()?;
    let begin = |conn: &mut Connection| -> Result<(), StoreError> {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        claim(&tx, encoder.name()).map_err(sql)?;
        fill_keys(&tx).map_err(sql)?;
        tx.commit().map_err(sql)
    };
    begin(&mut conn)?;
    let total = lacking(&conn).map_err(sql)?;
    let mut done = 0;
    loop {
        let texts = next_texts(&conn, STEP).map_err(sql)?;
        if texts.is_empty() {
            break;
        }
        let vectors = encoder.products(&texts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>())?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        for ((key, _), vector) in texts.iter().zip(&vectors) {
            keep(&tx, key, vector).map_err(sql)?;
        }
        tx.commit().map_err(sql)?;
        done += texts.len() as u64;
        progress(done.min(total), total);
    }
    encoder.rest();
    if done > 0 {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        end_pass(&tx).map_err(sql)?;
        tx.commit().map_err(sql)?;
    }
    Ok(done)
}

/// Gives the rows of an older file their keys.
fn fill_keys(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let sql = format!("SELECT id, {COLUMNS} FROM products WHERE text_key IS NULL");
    let mut statement = tx.prepare(&sql)?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>("id")?, text(&rows::product(row)?))))?;
    for row in rows {
        let (id, text) = row?;
        tx.prepare_cached("UPDATE products SET text_key = ?2 WHERE id = ?1")?
            .execute(params![id, key(&text)])?;
    }
    Ok(())
}

/// How many products have no vector.
pub(super) fn lacking(conn: &Connection) -> rusqlite::Result<u64> {
    let sql =
        "SELECT count(*) FROM products WHERE ifnull(text_key, x'') NOT IN (SELECT text_key FROM embeddings)";
    conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// Products without a vector, at most `limit`: the key and the text of each.
fn next_texts(conn: &Connection, limit: usize) -> rusqlite::Result<Vec<(Vec<u8>, String)>> {
    let sql = format!(
        "SELECT text_key, {COLUMNS} FROM products WHERE text_key NOT IN (SELECT text_key FROM embeddings) LIMIT ?1"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = conn.prepare_cached(&sql)?;
    let texts = statement.query_map([limit], |row| Ok((row.get(0)?, text(&rows::product(row)?))))?;
    texts.collect()
}

/// Forgets the vectors of another model.
fn claim(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<()> {
    if Stand::read(tx)?.is_some_and(|stand| stand.name == name) {
        return Ok(());
    }
    tx.execute("DELETE FROM embeddings", [])?;
    tx.execute("DELETE FROM embedder", [])?;
    tx.execute("INSERT INTO embedder (id, name, passes) VALUES (1, ?1, 0)", [name])?;
    Ok(())
}

fn keep(tx: &Transaction<'_>, key: &[u8], vector: &Embedding) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO embeddings (text_key, vector) VALUES (?1, ?2)")?
        .execute(params![key, Coded::of(vector).to_bytes()])?;
    Ok(())
}

/// Ends a pass: texts that no product has any more are forgotten.
fn end_pass(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM embeddings WHERE text_key NOT IN (SELECT text_key FROM products)", [])?;
    tx.execute("UPDATE embedder SET passes = passes + 1", [])?;
    Ok(())
}

/// The catalog's vectors in memory.
pub(super) struct Meanings {
    /// Product rows, ascending, one for each vector.
    ids: Vec<i64>,
    vectors: Vectors,
}

/// The nearest product rows with their cosines, and a way to ask for others'.
pub(super) struct Near<'a> {
    meanings: &'a Meanings,
    query: Coded,
    /// Best first.
    pub best: Vec<(i64, f64)>,
}

impl Meanings {
    /// Reads the vectors of the products that `conn` sees. A damaged one counts
    /// as missing: the next pass makes it anew.
    pub(super) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut statement = conn.prepare(
            "SELECT p.id, e.vector FROM products AS p JOIN embeddings AS e ON e.text_key = p.text_key \
             ORDER BY p.id",
        )?;
        let count: i64 = conn.query_row("SELECT count(*) FROM embeddings", [], |row| row.get(0))?;
        let count = usize::try_from(count).unwrap_or_default();
        let mut this = Self { ids: Vec::with_capacity(count), vectors: Vectors::with_capacity(count) };
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let Ok(vector) = Coded::from_bytes(row.get_ref(1)?.as_blob()?) {
                this.ids.push(row.get(0)?);
                this.vectors.push(&vector);
            }
        }
        Ok(this)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The `count` products nearest to `query`.
    pub(super) fn near(&self, query: &Embedding, count: usize, threads: usize) -> Near<'_> {
        let query = Coded::of(query);
        let hits = self.vectors.scan(&query, count, threads).into_iter();
        let id = |row: u32| self.ids.get(usize::try_from(row).ok()?).copied();
        let best = hits.filter_map(|hit| Some((id(hit.row)?, f64::from(hit.score)))).collect();
        Near { meanings: self, query, best }
    }
}

impl Near<'_> {
    /// A product's cosine with the query; `None` when it has no vector yet.
    pub(super) fn cosine(&self, id: i64) -> Option<f64> {
        let row = self.meanings.ids.binary_search(&id).ok()?;
        self.meanings.vectors.score(&self.query, u32::try_from(row).ok()?).map(f64::from)
    }
}
