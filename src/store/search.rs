//! The shopper's search: the query is read against the catalog's words, FTS5
//! finds candidates by BM25 (all words, then any), the ranking orders them, and
//! what does not answer the query is not shown as if it did: then the answer is
//! an honest "we do not carry it", with the nearest things as alternatives.

use super::analysis::Fields;
use super::lexicon::Lexicon;
use super::meaning::{Encoder, Meanings, Near};
use super::query::{Query, Term};
use super::ranking::{Best, Candidate, Place, Ranked, Signals, rank};
use super::rows::{self, COLUMNS, PRICE_NOW, category_key};
use super::words::Analyst;
use crate::domain::{Cents, Product, Sku};
use jiff::Timestamp;
use rusqlite::{Row, Transaction, named_params, params};
use std::collections::HashSet;

/// Longest query read, in characters; the rest is ignored.
pub const MAX_QUERY_CHARS: usize = 500;
/// Most hits of one search.
const MAX_LIMIT: usize = 200;
/// Candidates that FTS5 hands to the ranking.
const CANDIDATES: i64 = 200;
/// Most alternatives beside a "we do not carry it".
const MAX_ALTERNATIVES: usize = 5;
/// Most things told apart in an enumeration.
const MAX_PARTS: usize = 6;
/// A hit covers at least this share of the query's weight.
const MIN_COVER: f64 = 0.6;
/// A hit that words may have met in by chance has at least this cosine with the
/// query; chosen on the judged queries, between those that a shop of electronics
/// answers (from 0.46) and those it cannot (to 0.43).
const MIN_COSINE: f64 = 0.44;
/// An alternative covers at least this.
const MIN_ALTERNATIVE: f64 = 0.25;

/// Candidates that only meaning found.
const NEAREST: usize = 50;
/// Threads that scan the vectors; one shopper is at a kiosk, and the other core
/// draws the screen.
const SCAN_THREADS: usize = 2;

/// BM25's column weights: title, synonyms, brand, kind, category, description;
/// the last two are not indexed.
const BM25: &str = "bm25(4.0, 1.0, 3.0, 3.0, 1.0, 1.0, 0.0, 0.0)";

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

/// What a search reads.
pub(super) struct View<'a> {
    pub tx: &'a Transaction<'a>,
    pub lexicon: &'a Lexicon,
    pub meaning: Option<(&'a Meanings, &'a dyn Encoder)>,
}

impl View<'_> {
    fn parse(&self, text: &str) -> Query {
        Query::parse(text, self.lexicon, &|a, b| is_phrase(self.tx, a, b).unwrap_or(false))
    }

    /// The products nearest in meaning. An encoder that fails is told to the
    /// log, without the words, and the search goes on by words.
    fn near(&self, text: &str) -> Option<Near<'_>> {
        let (meanings, encoder) = self.meaning?;
        match encoder.query(text) {
            Ok(query) => Some(meanings.near(&query, NEAREST, SCAN_THREADS)),
            Err(error) => {
                tracing::warn!(%error, "searching by words alone");
                None
            }
        }
    }
}

/// The signals of all candidates, best first.
pub(super) fn signals(view: &View<'_>, request: &SearchRequest) -> rusqlite::Result<Vec<(Sku, Signals)>> {
    let query = view.parse(&request.text);
    let near = view.near(&query.text);
    let ranked = candidates(view, &query, near.as_ref(), &request.filters, request.limit)?;
    let named = ranked.iter().map(|ranked| Ok((load(view.tx, ranked, reason)?.product.sku, ranked.signals)));
    named.collect()
}

/// Searches the catalog that the view sees.
pub(super) fn search(view: &View<'_>, request: &SearchRequest) -> rusqlite::Result<SearchOutcome> {
    let end = request.text.char_indices().nth(MAX_QUERY_CHARS).map_or(request.text.len(), |(at, _)| at);
    let text = request.text.get(..end).unwrap_or_default();
    let limit = request.limit.clamp(1, MAX_LIMIT);
    let (whole, is_one) = search_one(view, text, &request.filters, limit)?;
    let parts = listed(text);
    if is_one || parts.len() < 2 {
        return Ok(whole);
    }
    // "Milk and eggs" is nothing by itself, but both are.
    let found = parts.iter().map(|part| Ok(search_one(view, part, &request.filters, limit)?.0));
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

/// Searches for one thing; also tells whether a name says just that ("mac and
/// cheese").
fn search_one(
    view: &View<'_>,
    text: &str,
    filters: &Filters,
    limit: usize,
) -> rusqlite::Result<(SearchOutcome, bool)> {
    let (tx, query) = (view.tx, view.parse(text));
    if query.terms.is_empty() {
        return Ok((browse(tx, filters, limit)?, false));
    }
    let near = view.near(&query.text);
    let ranked = candidates(view, &query, near.as_ref(), filters, limit)?;
    let hits: Vec<&Ranked> = ranked.iter().filter(|r| covers(r)).take(limit).collect();
    if hits.iter().any(|ranked| answers(ranked)) {
        let is_one = hits.first().is_some_and(|best| best.is_named_so);
        let hits =
            hits.into_iter().map(|ranked| load(tx, ranked, reason)).collect::<rusqlite::Result<_>>()?;
        return Ok((SearchOutcome { hits, no_match: false, alternatives: Vec::new() }, is_one));
    }
    // Without the filters there may be just what was asked for.
    let mut others = ranked;
    let mut why: fn(&Ranked, &Product) -> String = likeness;
    if !filters.is_empty() {
        let all = candidates(view, &query, near.as_ref(), &Filters::default(), limit)?;
        if all.iter().any(answers) {
            others = all;
            why = |_, _| "does not meet every wish".to_owned();
        }
    }
    others.retain(|r| r.is_named && r.cover >= MIN_ALTERNATIVE && (r.has_head || r.is_kin));
    others.sort_by(|a, b| (b.is_head, b.has_head).cmp(&(a.is_head, a.has_head)).then(order(a, b)));
    others.truncate(limit.min(MAX_ALTERNATIVES));
    let alternatives = others.iter().map(|ranked| load(tx, ranked, why)).collect::<rusqlite::Result<_>>()?;
    Ok((SearchOutcome { hits: Vec::new(), no_match: true, alternatives }, false))
}

/// Whether a product has what matters of the query.
fn covers(ranked: &Ranked) -> bool {
    ranked.cover >= MIN_COVER && ranked.has_head
}

/// Whether a product is an answer, so that the shop carries such a thing. Words that meet by chance
/// ("phone" and "cord" in a surge protector's description) are told by meaning:
/// several words, or one that only a stated fact has, must be near in it too,
/// unless the product is called just that.
fn answers(ranked: &Ranked) -> bool {
    let is_chance = (ranked.words > 1 && !ranked.is_exact)
        || (ranked.place == Some(Place::Traits) && !ranked.is_named_so);
    covers(ranked) && (!is_chance || ranked.cosine.is_none_or(|cosine| cosine >= MIN_COSINE))
}

/// Candidates in the order they are found: those whose ranked fields have all
/// words that matter, those with any, those that have them all somewhere, those
/// near in meaning. Judged, best first.
fn candidates(
    view: &View<'_>,
    query: &Query,
    near: Option<&Near<'_>>,
    filters: &Filters,
    limit: usize,
) -> rusqlite::Result<Vec<Ranked>> {
    let required: Vec<&Term> = query.terms.iter().filter(|term| term.is_required).collect();
    let every: Vec<&Term> = query.terms.iter().collect();
    let must = if required.is_empty() { &every } else { &required };
    let is_reworded = every.iter().any(|term| term.readings.len() > 1);
    let mut found: Vec<Candidate> = Vec::new();
    let mut known: HashSet<i64> = HashSet::new();
    // As written first: a shop that says "smartphone" is not drowned in "mobile
    // phone" cases.
    for scope in if is_reworded { &[Scope::Meant, Scope::All][..] } else { &[Scope::Meant] } {
        let any = if every.len() > 1 { Some(expression(&every, *scope, " OR ")) } else { None };
        for expression in std::iter::once(expression(must, *scope, " AND ")).chain(any) {
            let fetched = fetch(view.tx, &expression, filters)?;
            found.extend(fetched.into_iter().filter(|candidate| known.insert(candidate.id)));
        }
    }
    let all = expression(must, Scope::All, " AND ");
    for (rank, candidate) in (0..).zip(&mut found) {
        candidate.rank = Some(rank);
    }
    let mut others = if found.len() < limit.max(NEAREST) { anywhere(view.tx, &all)? } else { Vec::new() };
    others.extend(near.iter().flat_map(|near| &near.best).map(|(id, _)| *id));
    others.retain(|id| known.insert(*id));
    found.extend(fetch_ids(view.tx, &others, filters)?);
    if let Some(near) = near {
        for candidate in &mut found {
            candidate.cosine = near.cosine(candidate.id);
        }
    }
    let best = Best::of(&found);
    let mut ranked: Vec<Ranked> = found.iter().map(|candidate| rank(query, candidate, &best)).collect();
    ranked.sort_by(order);
    Ok(ranked)
}

/// Products that have all the words in any of their fields.
fn anywhere(tx: &Transaction<'_>, expression: &str) -> rusqlite::Result<Vec<i64>> {
    let mut statement = tx.prepare_cached("SELECT rowid FROM anywhere WHERE anywhere MATCH ?1 LIMIT ?2")?;
    statement.query_map(params![expression, CANDIDATES], |row| row.get(0))?.collect()
}

/// Best first; catalog order among equals.
fn order(a: &Ranked, b: &Ranked) -> std::cmp::Ordering {
    b.score.total_cmp(&a.score).then(a.id.cmp(&b.id))
}

/// Which readings of a term are looked for.
#[derive(Clone, Copy, PartialEq)]
enum Scope {
    Meant,
    All,
}

/// A full-text expression of terms. Stems hold only letters, digits and points,
/// and each is quoted, so nothing in a query is ever an operator.
fn expression(terms: &[&Term], scope: Scope, operator: &str) -> String {
    let quoted = |stem: &String| format!("\"{}\"", stem.replace('"', ""));
    let term = |term: &&Term| {
        let chosen = match scope {
            Scope::Meant => term.readings.get(term.meant..=term.meant).unwrap_or_default(),
            Scope::All => &term.readings,
        };
        let readings = chosen.iter().map(|reading| {
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

/// The columns that [`candidate`] reads.
const CANDIDATE: &str = "s.rowid, s.title, s.synonyms, s.brand, s.kind, s.category, s.description, s.traits, \
     s.heads, p.stock";

/// Candidates by words, best by BM25 first.
fn fetch(tx: &Transaction<'_>, expression: &str, filters: &Filters) -> rusqlite::Result<Vec<Candidate>> {
    let sql = format!(
        "SELECT {CANDIDATE}, s.rank FROM search AS s JOIN products AS p ON p.id = s.rowid \
         WHERE s.search MATCH :subject AND s.rank MATCH '{BM25}' AND {} ORDER BY s.rank LIMIT :limit",
        condition()
    );
    filtered(tx, &sql, expression, CANDIDATES, filters, |row| {
        Ok(Candidate { bm25: row.get(10)?, ..candidate(row)? })
    })
}

/// The candidates of these rows that the filters let through, in their order.
fn fetch_ids(tx: &Transaction<'_>, ids: &[i64], filters: &Filters) -> rusqlite::Result<Vec<Candidate>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {CANDIDATE} FROM json_each(:subject) AS wanted JOIN search AS s ON s.rowid = wanted.value \
         JOIN products AS p ON p.id = s.rowid WHERE {} ORDER BY wanted.key LIMIT :limit",
        condition()
    );
    let list = serde_json::to_string(ids).unwrap_or_default();
    filtered(tx, &sql, &list, i64::MAX, filters, candidate)
}

/// Runs a statement with a `:subject`, a `:limit` and [`condition`].
fn filtered<T>(
    tx: &Transaction<'_>,
    sql: &str,
    subject: &str,
    limit: i64,
    filters: &Filters,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let bound = Bound::of(filters);
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map(
        named_params! {
            ":subject": subject,
            ":limit": limit,
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
        read,
    )?;
    rows.collect()
}

fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    let fields = Fields {
        title: row.get(1)?,
        synonyms: row.get(2)?,
        brand: row.get(3)?,
        kind: row.get(4)?,
        category: row.get(5)?,
        description: row.get(6)?,
        traits: row.get(7)?,
        heads: row.get(8)?,
    };
    Ok(Candidate { id: row.get(0)?, fields, stock: row.get(9)?, ..Candidate::default() })
}

/// A query without content words: what the filters let through, in stock
/// first; nothing when there are none.
fn browse(tx: &Transaction<'_>, filters: &Filters, limit: usize) -> rusqlite::Result<SearchOutcome> {
    if filters.is_empty() {
        return Ok(SearchOutcome { no_match: true, ..SearchOutcome::default() });
    }
    let columns: Vec<String> = COLUMNS.split(", ").map(|column| format!("p.{}", column.trim())).collect();
    let sql = format!(
        "SELECT {} FROM products AS p JOIN search AS s ON s.rowid = p.id \
         WHERE :subject = '' AND {} ORDER BY p.stock <= 0, p.id LIMIT :limit",
        columns.join(", "),
        condition()
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let products = filtered(tx, &sql, "", limit, filters, rows::product)?;
    let hit =
        |product| Hit { product, score: 1.0, reason: "meets your wishes".to_owned(), is_mention: false };
    let hits: Vec<Hit> = products.into_iter().map(hit).collect();
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
