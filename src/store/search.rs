//! The shopper's search: the query is read against the catalog's words, FTS5
//! finds candidates by BM25 (all words, then any), the ranking orders them, and
//! what does not answer the query is not shown as if it did: then the answer is
//! an honest "we do not carry it", with the nearest things as alternatives.

use super::lexicon::Lexicon;
use super::query::{Query, Term};
use super::ranking::{Candidate, Place, Ranked, rank};
use super::rows::{self, COLUMNS, PRICE_NOW, category_key};
use super::words::Analyst;
use crate::domain::{Cents, Product};
use jiff::Timestamp;
use rusqlite::{Row, Transaction, named_params};

/// Longest query read, in characters; the rest is ignored.
pub const MAX_QUERY_CHARS: usize = 500;
/// Most hits of one search.
const MAX_LIMIT: usize = 200;
/// Candidates that FTS5 hands to the ranking.
const CANDIDATES: i64 = 200;
/// Most alternatives beside a "we do not carry it".
const MAX_ALTERNATIVES: usize = 5;
/// From this score on, "mac and cheese" is one thing.
const ONE_THING: f64 = 0.65;
/// Most things told apart in an enumeration.
const MAX_PARTS: usize = 6;
/// A hit covers at least this share of the query's weight.
const MIN_COVER: f64 = 0.6;
/// An alternative covers at least this.
const MIN_ALTERNATIVE: f64 = 0.25;

/// BM25's column weights: title, synonyms, brand, kind, category, traits,
/// description, heads.
const BM25: &str = "bm25(4.0, 3.0, 3.0, 2.0, 1.0, 1.5, 1.0, 3.0)";

/// What to look for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SearchRequest {
    /// The shopper's words, as spoken or typed: data, never an expression.
    pub text: String,
    /// Most hits wanted, 1 to 200.
    pub limit: usize,
    pub filters: Filters,
}

/// What a hit must be. What is not known about a product never satisfies a
/// filter on it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filters {
    pub min_price_cents: Option<Cents>,
    pub max_price_cents: Option<Cents>,
    /// Stated suitabilities, all of them: `vegan`.
    pub dietary: Vec<String>,
    /// Stated to be free from each of these: in the label's "free from", or a
    /// suitability "X-free"; and in neither "contains" nor "may contain".
    pub free_from: Vec<String>,
    pub brand: Option<String>,
    /// A stock above 0 is known, or that it is in stock.
    pub in_stock: bool,
    /// Category path from the widest level; compared without case.
    pub category: Vec<String>,
    /// The moment whose prices count; `None`: the present. Filters nothing itself.
    pub moment: Option<Timestamp>,
}

impl Filters {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self { moment: self.moment, ..Self::default() }
    }
}

/// A found product.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    pub product: Product,
    /// 0 to 1, comparable within one search.
    pub score: f64,
    /// Why it is here, in a few words for the screen.
    pub reason: String,
    /// Only its description speaks of what was asked for (cookies made with
    /// milk, for "milk"): to be shown after the others, or not at all.
    pub is_mention: bool,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SearchOutcome {
    /// Best first; for an enumeration the best of each in turn.
    pub hits: Vec<Hit>,
    /// The shop does not carry what was asked for; `hits` is then empty.
    pub no_match: bool,
    /// Nearest things, when there is no match.
    pub alternatives: Vec<Hit>,
}

/// Searches the catalog that `tx` sees.
pub(super) fn search(
    tx: &Transaction<'_>,
    lexicon: &Lexicon,
    request: &SearchRequest,
) -> rusqlite::Result<SearchOutcome> {
    let end = request.text.char_indices().nth(MAX_QUERY_CHARS).map_or(request.text.len(), |(at, _)| at);
    let text = request.text.get(..end).unwrap_or_default();
    let limit = request.limit.clamp(1, MAX_LIMIT);
    let whole = search_one(tx, lexicon, text, &request.filters, limit)?;
    let parts = listed(text);
    let is_one = whole.hits.first().is_some_and(|best| best.score >= ONE_THING);
    if is_one || parts.len() < 2 {
        return Ok(whole);
    }
    // "Milk and eggs" is nothing by itself, but both are.
    let found = parts.iter().map(|part| search_one(tx, lexicon, part, &request.filters, limit));
    let found: Vec<SearchOutcome> = found.collect::<rusqlite::Result<_>>()?;
    if !whole.no_match && found.iter().any(|outcome| outcome.no_match) {
        return Ok(whole);
    }
    let mut lists: Vec<_> = found.into_iter().map(|outcome| outcome.hits.into_iter()).collect();
    let mut hits: Vec<Hit> = Vec::new();
    while hits.len() < limit && lists.iter().any(|list| list.len() > 0) {
        for hit in lists.iter_mut().filter_map(Iterator::next) {
            if hits.len() < limit && hits.iter().all(|known| known.product.sku != hit.product.sku) {
                hits.push(hit);
            }
        }
    }
    if hits.is_empty() { Ok(whole) } else { Ok(SearchOutcome { hits, ..SearchOutcome::default() }) }
}

/// The parts of an enumeration ("milk, eggs and bread").
fn listed(text: &str) -> Vec<String> {
    let mut parts = vec![Vec::new()];
    for word in text.split_whitespace() {
        let bare = word.trim_end_matches(',');
        let joins = ["and", "or", "&"].iter().any(|join| bare.eq_ignore_ascii_case(join));
        if let Some(last) = parts.last_mut().filter(|_| !joins && !bare.is_empty()) {
            last.push(bare);
        }
        if joins || bare.len() < word.len() {
            parts.push(Vec::new());
        }
    }
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.take(MAX_PARTS).map(|part| part.join(" ")).collect()
}

/// Searches for one thing.
fn search_one(
    tx: &Transaction<'_>,
    lexicon: &Lexicon,
    text: &str,
    filters: &Filters,
    limit: usize,
) -> rusqlite::Result<SearchOutcome> {
    let query = Query::parse(text, lexicon, &|a, b| is_phrase(tx, a, b).unwrap_or(false));
    if query.terms.is_empty() {
        return browse(tx, filters, limit);
    }
    let ranked = candidates(tx, &query, filters, limit)?;
    let hits: Vec<&Ranked> = ranked.iter().filter(|r| answers(r)).take(limit).collect();
    if !hits.is_empty() {
        let hits =
            hits.into_iter().map(|ranked| load(tx, ranked, reason)).collect::<rusqlite::Result<_>>()?;
        return Ok(SearchOutcome { hits, no_match: false, alternatives: Vec::new() });
    }
    // Without the filters there may be just what was asked for.
    let mut near = ranked;
    let mut why: fn(&Ranked, &Product) -> String = likeness;
    if !filters.is_empty() {
        let all = candidates(tx, &query, &Filters::default(), limit)?;
        if all.iter().any(answers) {
            near = all;
            why = |_, _| "does not meet every wish".to_owned();
        }
    }
    near.retain(|r| r.is_named && r.cover >= MIN_ALTERNATIVE && (r.has_head || r.is_kin));
    near.sort_by(|a, b| (b.is_head, b.has_head).cmp(&(a.is_head, a.has_head)).then(order(a, b)));
    near.truncate(limit.min(MAX_ALTERNATIVES));
    let alternatives = near.iter().map(|ranked| load(tx, ranked, why)).collect::<rusqlite::Result<_>>()?;
    Ok(SearchOutcome { hits: Vec::new(), no_match: true, alternatives })
}

/// Whether a product is an answer, not just near one.
fn answers(ranked: &Ranked) -> bool {
    ranked.cover >= MIN_COVER && ranked.has_head
}

/// Candidates that have all words that matter, then those with any; ranked,
/// best first.
fn candidates(
    tx: &Transaction<'_>,
    query: &Query,
    filters: &Filters,
    limit: usize,
) -> rusqlite::Result<Vec<Ranked>> {
    let required: Vec<&Term> = query.terms.iter().filter(|term| term.is_required).collect();
    let every: Vec<&Term> = query.terms.iter().collect();
    let all = expression(if required.is_empty() { &every } else { &required }, " AND ");
    let mut found = fetch(tx, &all, filters)?;
    if found.len() < limit && every.len() > 1 {
        for candidate in fetch(tx, &expression(&every, " OR "), filters)? {
            if !found.iter().any(|known| known.id == candidate.id) {
                found.push(candidate);
            }
        }
    }
    let best = found.iter().map(|candidate| candidate.bm25).fold(0.0, f64::min);
    let mut ranked: Vec<Ranked> = found.iter().map(|candidate| rank(query, candidate, best)).collect();
    ranked.sort_by(order);
    Ok(ranked)
}

/// Best first; catalog order among equals.
fn order(a: &Ranked, b: &Ranked) -> std::cmp::Ordering {
    b.score.total_cmp(&a.score).then(a.id.cmp(&b.id))
}

/// A full-text expression of terms. Stems hold only letters, digits and points,
/// and each is quoted, so nothing in a query is ever an operator.
fn expression(terms: &[&Term], operator: &str) -> String {
    let quoted = |stem: &String| format!("\"{}\"", stem.replace('"', ""));
    let term = |term: &&Term| {
        let readings = term.readings.iter().map(|reading| {
            format!("({})", reading.stems.iter().map(quoted).collect::<Vec<_>>().join(" AND "))
        });
        format!("({})", readings.collect::<Vec<_>>().join(" OR "))
    };
    terms.iter().map(term).collect::<Vec<_>>().join(operator)
}

/// True when two stems stand side by side in a title or synonym.
fn is_phrase(tx: &Transaction<'_>, first: &str, second: &str) -> rusqlite::Result<bool> {
    let expression =
        format!("{{title synonyms}} : \"{} {}\"", first.replace('"', ""), second.replace('"', ""));
    tx.prepare_cached("SELECT 1 FROM search WHERE search MATCH ?1 LIMIT 1")?.exists([expression])
}

/// The filters as a condition on `p` (products) and `s` (search), from the
/// parameters of [`bind`].
const CONDITION: &str = "
    (:min_price IS NULL OR {price} >= :min_price)
    AND (:max_price IS NULL OR {price} <= :max_price)
    AND (:in_stock = 0 OR p.stock > 0 OR (p.stock IS NULL AND p.availability = 'in_stock'))
    AND (:brand IS NULL OR s.brand = :brand)
    AND (:category IS NULL OR (p.category_key >= :category AND p.category_key < :category_end))
    AND (:dietary IS NULL OR NOT EXISTS (
        SELECT 1 FROM json_each(:dietary) AS wish WHERE wish.value NOT IN (
            SELECT value FROM json_each(p.dietary))))
    AND (:free_from IS NULL OR NOT EXISTS (
        SELECT 1 FROM json_each(:free_from) AS wish WHERE
            (wish.value NOT IN (SELECT value FROM json_each(p.allergens, '$.free_from'))
             AND wish.value || '-free' NOT IN (SELECT value FROM json_each(p.dietary)))
            OR wish.value IN (SELECT value FROM json_each(p.allergens, '$.contains'))
            OR wish.value IN (SELECT value FROM json_each(p.allergens, '$.may_contain'))))";

fn condition() -> String {
    CONDITION.replace("{price}", PRICE_NOW)
}

/// [`Filters`] as SQL values.
struct Bound {
    brand: Option<String>,
    category: Option<String>,
    category_end: Option<String>,
    dietary: Option<String>,
    free_from: Option<String>,
    now: i64,
}

impl Bound {
    fn of(filters: &Filters) -> Self {
        let list = |words: &[String]| {
            let words: Vec<String> = words.iter().map(|word| word.trim().to_lowercase()).collect();
            if words.is_empty() { None } else { serde_json::to_string(&words).ok() }
        };
        let category = (!filters.category.is_empty()).then(|| category_key(&filters.category));
        let stems = |text: &String| {
            let words = Analyst::default().words(text);
            words.into_iter().map(|word| word.stem).collect::<Vec<_>>().join(" ")
        };
        Self {
            brand: filters.brand.as_ref().map(stems),
            category_end: category.as_ref().map(|from| format!("{from}{}", char::MAX)),
            category,
            dietary: list(&filters.dietary),
            free_from: list(&filters.free_from),
            now: filters.moment.unwrap_or_else(Timestamp::now).as_second(),
        }
    }
}

fn fetch(tx: &Transaction<'_>, expression: &str, filters: &Filters) -> rusqlite::Result<Vec<Candidate>> {
    let bound = Bound::of(filters);
    let sql = format!(
        "SELECT s.rowid, s.title, s.synonyms, s.brand, s.kind, s.category, s.traits, s.description, s.heads, \
         s.rank, p.stock FROM search AS s JOIN products AS p ON p.id = s.rowid \
         WHERE s.search MATCH :expression AND s.rank MATCH '{BM25}' AND {} \
         ORDER BY s.rank LIMIT :limit",
        condition()
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map(
        named_params! {
            ":expression": expression,
            ":limit": CANDIDATES,
            ":min_price": filters.min_price_cents,
            ":max_price": filters.max_price_cents,
            ":in_stock": filters.in_stock,
            ":brand": bound.brand,
            ":category": bound.category,
            ":category_end": bound.category_end,
            ":dietary": bound.dietary,
            ":free_from": bound.free_from,
            ":now": bound.now,
        },
        candidate,
    )?;
    rows.collect()
}

fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    Ok(Candidate {
        id: row.get(0)?,
        title: row.get(1)?,
        synonyms: row.get(2)?,
        brand: row.get(3)?,
        kind: row.get(4)?,
        category: row.get(5)?,
        traits: row.get(6)?,
        description: row.get(7)?,
        heads: row.get(8)?,
        bm25: row.get(9)?,
        stock: row.get(10)?,
    })
}

/// A query without content words: what the filters let through, in stock
/// first; nothing when there are none.
fn browse(tx: &Transaction<'_>, filters: &Filters, limit: usize) -> rusqlite::Result<SearchOutcome> {
    if filters.is_empty() {
        return Ok(SearchOutcome { no_match: true, ..SearchOutcome::default() });
    }
    let bound = Bound::of(filters);
    let columns: Vec<String> = COLUMNS.split(", ").map(|column| format!("p.{}", column.trim())).collect();
    let sql = format!(
        "SELECT {} FROM products AS p JOIN search AS s ON s.rowid = p.id WHERE {} \
         ORDER BY p.stock <= 0, p.id LIMIT :limit",
        columns.join(", "),
        condition()
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let products = statement.query_map(
        named_params! {
            ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
            ":min_price": filters.min_price_cents,
            ":max_price": filters.max_price_cents,
            ":in_stock": filters.in_stock,
            ":brand": bound.brand,
            ":category": bound.category,
            ":category_end": bound.category_end,
            ":dietary": bound.dietary,
            ":free_from": bound.free_from,
            ":now": bound.now,
        },
        rows::product,
    )?;
    let hit =
        |product| Hit { product, score: 1.0, reason: "meets your wishes".to_owned(), is_mention: false };
    let hits = products.map(|product| product.map(hit)).collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(SearchOutcome { no_match: hits.is_empty(), hits, alternatives: Vec::new() })
}

fn load(
    tx: &Transaction<'_>,
    ranked: &Ranked,
    why: fn(&Ranked, &Product) -> String,
) -> rusqlite::Result<Hit> {
    let sql = format!("SELECT {COLUMNS} FROM products WHERE id = ?1");
    let product = tx.prepare_cached(&sql)?.query_row([ranked.id], rows::product)?;
    // Four digits are enough to compare, and read well.
    let score = (ranked.score * 10_000.0).round() / 10_000.0;
    Ok(Hit { score, reason: why(ranked, &product), is_mention: ranked.is_mention, product })
}

/// Why a hit is one.
fn reason(ranked: &Ranked, product: &Product) -> String {
    let synonym = ranked.synonym.and_then(|at| product.synonyms.get(at));
    let because = match (synonym, ranked.place) {
        (Some(synonym), _) => format!("also called “{synonym}”"),
        (None, Some(Place::Title | Place::Synonym) | None) => "name matches".to_owned(),
        (None, Some(Place::Brand)) => "brand matches".to_owned(),
        (None, Some(Place::Traits)) => "matches what is stated about it".to_owned(),
        (None, Some(Place::Kind | Place::Category)) => {
            let kind = product.category.last().map_or("its category", String::as_str);
            format!("found in {kind}")
        }
        (None, Some(Place::Description)) => "its description mentions it".to_owned(),
    };
    if ranked.corrected.is_empty() {
        return because;
    }
    format!("understood as “{}”: {because}", ranked.corrected.join(" "))
}

/// Why an alternative is near.
fn likeness(ranked: &Ranked, product: &Product) -> String {
    match product.category.last() {
        Some(kind) if ranked.is_head => format!("the nearest in {kind}"),
        _ => "matches part of the request".to_owned(),
    }
}
