//! The engines side by side: Aisle's search, plain SQLite FTS5, and tantivy, each
//! with the same fields and, but for Aisle, the same field weights.

use super::data::Document;
use aisle::store::{Catalog, SearchRequest};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use tantivy::collector::TopDocs;
use tantivy::query::QueryParser;
use tantivy::schema::{
    Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::{IndexReader, TantivyDocument};

/// Weights of title, name, brand and description.
const WEIGHTS: [f32; 4] = [4.0, 1.0, 3.0, 1.0];

pub trait Engine {
    /// Ids of the hits, best first; none when the shop does not carry it.
    fn search(&self, text: &str, limit: usize) -> Result<Vec<String>, String>;
}

pub struct Aisle(pub Arc<Catalog>);

impl Engine for Aisle {
    fn search(&self, text: &str, limit: usize) -> Result<Vec<String>, String> {
        let request = SearchRequest { text: text.to_owned(), limit, ..SearchRequest::default() };
        let outcome = self.0.search(&request).map_err(|e| e.to_string())?;
        Ok(outcome.hits.into_iter().map(|hit| hit.product.sku.as_str().to_owned()).collect())
    }
}

/// SQLite's own full-text search: Porter stems, BM25, all words and then any.
pub struct Fts5(Connection);

impl Fts5 {
    pub fn build(folder: &Path, documents: impl Iterator<Item = Document>) -> Self {
        let mut conn = Connection::open(folder.join("fts5.db")).expect("a database");
        let [title, name, brand, description] = WEIGHTS;
        conn.execute_batch(&format!(
            "CREATE VIRTUAL TABLE search USING fts5 \
             (id UNINDEXED, title, name, brand, description, tokenize = 'porter unicode61'); \
             INSERT INTO search (search, rank) \
             VALUES ('rank', 'bm25(0.0, {title:?}, {name:?}, {brand:?}, {description:?})');"
        ))
        .expect("a table");
        let tx = conn.transaction().expect("a transaction");
        for document in documents {
            let Document { id, title, name, brand, description } = document;
            tx.prepare_cached("INSERT INTO search VALUES (?1, ?2, ?3, ?4, ?5)")
                .and_then(|mut insert| insert.execute([id, title, name, brand, description]))
                .expect("a row");
        }
        tx.execute_batch("INSERT INTO search (search) VALUES ('optimize')").expect("a merge");
        tx.commit().expect("a commit");
        Self(conn)
    }
}

impl Engine for Fts5 {
    fn search(&self, text: &str, limit: usize) -> Result<Vec<String>, String> {
        let words: Vec<String> = words(text).map(|word| format!("\"{word}\"")).collect();
        let read = |query: &str| -> rusqlite::Result<Vec<String>> {
            let sql = "SELECT id FROM search WHERE search MATCH ?1 ORDER BY rank LIMIT ?2";
            let mut select = self.0.prepare_cached(sql)?;
            let ids = select.query_map(rusqlite::params![query, limit.cast_signed()], |row| row.get(0))?;
            ids.collect()
        };
        let all_then_any = || {
            let all = read(&words.join(" AND "))?;
            Ok(if all.len() < limit { united(all, read(&words.join(" OR "))?, limit) } else { all })
        };
        all_then_any().map_err(|e: rusqlite::Error| e.to_string())
    }
}

/// Tantivy's BM25 with English stems.
pub struct Tantivy {
    reader: IndexReader,
    id: Field,
    all: QueryParser,
    any: QueryParser,
    /// Hits with all words before those with any; else any, by score alone.
    pub all_first: bool,
}

impl Tantivy {
    pub fn build(folder: &Path, documents: impl Iterator<Item = Document>) -> Self {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("en_stem")
            .set_index_option(IndexRecordOption::WithFreqsAndPositions);
        let options = TextOptions::default().set_indexing_options(indexing);
        let mut schema = Schema::builder();
        let id = schema.add_text_field("id", STRING | STORED);
        let fields = ["title", "name", "brand", "description"]
            .map(|field| schema.add_text_field(field, options.clone()));
        let index = tantivy::Index::create_in_dir(folder, schema.build()).expect("an index");
        let mut writer = index.writer_with_num_threads(1, 200_000_000).expect("a writer");
        for document in documents {
            let Document { id: of, title, name, brand, description } = document;
            let mut row = TantivyDocument::default();
            row.add_text(id, of);
            for (field, text) in fields.into_iter().zip([title, name, brand, description]) {
                row.add_text(field, text);
            }
            writer.add_document(row).expect("a document");
        }
        writer.commit().expect("a commit");
        // One segment: the fastest that it can be.
        let segments = index.searchable_segment_ids().expect("segments");
        if segments.len() > 1 {
            writer.merge(&segments).wait().expect("a merge");
        }
        writer.garbage_collect_files().wait().expect("a clean folder");
        writer.wait_merging_threads().expect("a merge");
        let parser = || {
            let mut parser = QueryParser::for_index(&index, fields.to_vec());
            fields.into_iter().zip(WEIGHTS).for_each(|(field, weight)| parser.set_field_boost(field, weight));
            parser
        };
        let (any, mut all) = (parser(), parser());
        all.set_conjunction_by_default();
        Self { reader: index.reader().expect("a reader"), id, all, any, all_first: true }
    }
}

impl Engine for Tantivy {
    fn search(&self, text: &str, limit: usize) -> Result<Vec<String>, String> {
        // Lower case, lest the parser take a shopper's OR for its own.
        let text = words(text).collect::<Vec<_>>().join(" ").to_lowercase();
        let searcher = self.reader.searcher();
        let read = |parser: &QueryParser| -> tantivy::Result<Vec<String>> {
            let query = parser.parse_query(&text)?;
            let found = searcher.search(&query, &TopDocs::with_limit(limit).order_by_score())?;
            let ids = found.into_iter().map(|(_, at)| {
                let row: TantivyDocument = searcher.doc(at)?;
                Ok(row.get_first(self.id).and_then(|id| id.as_str()).unwrap_or_default().to_owned())
            });
            ids.collect()
        };
        let found = || {
            let all = if self.all_first { read(&self.all)? } else { Vec::new() };
            Ok(if all.len() < limit { united(all, read(&self.any)?, limit) } else { all })
        };
        found().map_err(|e: tantivy::TantivyError| e.to_string())
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn united(mut first: Vec<String>, then: Vec<String>, limit: usize) -> Vec<String> {
    let more: Vec<String> = then.into_iter().filter(|id| !first.contains(id)).collect();
    first.extend(more);
    first.truncate(limit);
    first
}
