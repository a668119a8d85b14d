//! The shopper's search: the query is read against the catalog's words, FTS5
//! finds candidates by BM25 (all words, then any), the ranking orders them, and
//! what does not answer the query is not shown as if it did: then the answer is
//! an honest "we do not carry it", with the nearest things as alternatives.

use super::analysis::Fields;
use super::facets::{self, Facets};
use super::filters::{Filters, condition, filtered};
use super::lexicon::Lexicon;
use super::meaning::{Encoder, Meanings, Near};
use super::query::{Query, Term};
use super::ranking::{Candidate, Place, Ranked, Signals, order, rank};
use super::rows::{self, COLUMNS};
use crate::domain::{Product, Sku};
use jiff::Timestamp;
use rusqlite::{Row, Transaction, named_params, params};
use std::collections::{HashMap, HashSet};

/// Longest query read, in characters; the rest is ignored.
pub const MAX_QUERY_CHARS: usize = 500;
/// Most hits of one search.
const MAX_LIMIT: usize = 200;
/// Candidates that FTS5 hands to the ranking, for each way to look for them; at least
/// as many as hits are wanted.
const CANDIDATES: i64 = 100;
/// The same when all that were found are to be counted.
const COUNTED: i64 = 2000;
/// Most products that a query of filters alone looks at.
const BROWSED: i64 = 2000;
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
/// What is as near in meaning as this is of the same kind, whatever its name.
const MIN_KIN_COSINE: f64 = 0.5;
/// The best of the wanted size scores at least this share of the best of any: a litre
/// of yogurt, of the category "Dairy & Eggs", is no litre of eggs.
const MIN_SIZED: f64 = 0.75;
/// An alternative covers at least this.
const MIN_ALTERNATIVE: f64 = 0.25;

/// So many found by all words that those with any of them are not looked for.
const ENOUGH: usize = 60;
/// Candidates that only meaning found.
const NEAREST: usize = 40;
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
    /// Also count what the found products could be narrowed by.
    pub facets: bool,
}

impl SearchRequest {
    /// Candidates that FTS5 hands to the ranking.
    fn depth(&self) -> i64 {
        let wanted = i64::try_from(self.limit.min(MAX_LIMIT)).unwrap_or(CANDIDATES);
        if self.facets { COUNTED } else { CANDIDATES.max(wanted) }
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
    /// How many products were found, shown or not: all of them, up to some thousands,
    /// when facets were asked for; else of the hundred or two that were looked at.
    pub found: usize,
    /// The shop does not carry what was asked for; `hits` is then empty.
    pub no_match: bool,
    /// None of what was found is known to have the wanted size; `hits` have others.
    pub other_size: bool,
    /// What all that were found could be narrowed by; `None` unless asked for and for
    /// an enumeration.
    pub facets: Option<Facets>,
    /// Nearest things, when there is no match.
    pub alternatives: Vec<Hit>,
    /// Products that are just what was asked for and must not be sold, where nothing that is
    /// found is. To be told of, never shown as if they could be had.
    pub stopped: Vec<Product>,
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

/// The signals of all products that have what matters of the query, best first.
pub(super) fn signals(view: &View<'_>, request: &SearchRequest) -> rusqlite::Result<Vec<(Sku, Signals)>> {
    let query = view.parse(&request.text);
    if query.terms.is_empty() {
        return Ok(Vec::new());
    }
    let near = view.near(&query.text);
    let ranked = candidates(view, &query, near.as_ref(), &request.filters, request.depth())?;
    let named = ranked
        .iter()
        .filter(|ranked| covers(ranked))
        .map(|ranked| Ok((load(view.tx, ranked, reason)?.product.sku, ranked.signals)));
    named.collect()
}

/// Searches the catalog that the view sees.
pub(super) fn search(view: &View<'_>, request: &SearchRequest) -> rusqlite::Result<SearchOutcome> {
    let end = request.text.char_indices().nth(MAX_QUERY_CHARS).map_or(request.text.len(), |(at, _)| at);
    let text = request.text.get(..end).unwrap_or_default();
    let limit = request.limit.clamp(1, MAX_LIMIT);
    let (whole, is_one) = search_one(view, text, request, limit)?;
    let parts = listed(text);
    if is_one || parts.len() < 2 {
        return Ok(whole);
    }
    // "Milk and eggs" is nothing by itself, but both are.
    let request = &SearchRequest { facets: false, ..request.clone() };
    let found = parts.iter().map(|part| Ok(search_one(view, part, request, limit)?.0));
    let found: Vec<SearchOutcome> = found.collect::<rusqlite::Result<_>>()?;
    if !whole.no_match && found.iter().any(|outcome| outcome.no_match) {
        return Ok(whole);
    }
    let count = found.iter().map(|outcome| outcome.found).sum();
    let other_size = found.iter().all(|outcome| outcome.other_size);
    let mut lists: Vec<_> = found.into_iter().map(|outcome| outcome.hits.into_iter()).collect();
    let mut hits: Vec<Hit> = Vec::new();
    while hits.len() < limit && lists.iter().any(|list| list.len() > 0) {
        for hit in lists.iter_mut().filter_map(Iterator::next) {
            if hits.len() < limit && hits.iter().all(|known| known.product.sku != hit.product.sku) {
                hits.push(hit);
            }
        }
    }
    if hits.is_empty() {
        Ok(whole)
    } else {
        Ok(SearchOutcome { hits, found: count, other_size, ..SearchOutcome::default() })
    }
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
    request: &SearchRequest,
    limit: usize,
) -> rusqlite::Result<(SearchOutcome, bool)> {
    let (tx, query) = (view.tx, view.parse(text));
    if query.terms.is_empty() {
        return Ok((browse(tx, request, limit)?, false));
    }
    let near = view.near(&query.text);
    let (ranked, filters) = sized(view, &query, near.as_ref(), request)?;
    let other_size = filters.size != request.filters.size;
    let found: Vec<&Ranked> = ranked.iter().filter(|r| covers(r)).collect();
    if found.iter().take(limit).any(|ranked| answers(ranked)) {
        let is_one = found.first().is_some_and(|best| best.is_named_so);
        let ids: Vec<i64> = found.iter().map(|ranked| ranked.id).collect();
        let outcome = SearchOutcome {
            found: found.len(),
            other_size,
            facets: facets_of(tx, request, &ids)?,
            hits: found
                .into_iter()
                .take(limit)
                .map(|r| load(tx, r, reason))
                .collect::<rusqlite::Result<_>>()?,
            ..SearchOutcome::default()
        };
        return Ok((outcome, is_one));
    }
    // Without the filters there may be just what was asked for.
    let mut others = ranked;
    let mut why: fn(&Ranked, &Product) -> String = likeness;
    if !filters.is_empty() {
        let all = candidates(view, &query, near.as_ref(), &Filters::default(), CANDIDATES)?;
        if all.iter().any(answers) {
            others = all;
            why = |_, _| "does not meet every wish".to_owned();
        }
    }
    others.retain(is_alternative);
    others.sort_by(|a, b| (b.is_head, b.has_head).cmp(&(a.is_head, a.has_head)).then(order(a, b)));
    others.truncate(limit.min(MAX_ALTERNATIVES));
    let alternatives = others.iter().map(|ranked| load(tx, ranked, why)).collect::<rusqlite::Result<_>>()?;
    Ok((SearchOutcome { no_match: true, alternatives, ..SearchOutcome::default() }, false))
}

/// The candidates, and the filters that they passed: without the size where nothing
/// of that size is what was asked for.
fn sized(
    view: &View<'_>,
    query: &Query,
    near: Option<&Near<'_>>,
    request: &SearchRequest,
) -> rusqlite::Result<(Vec<Ranked>, Filters)> {
    let filters = request.filters.clone();
    let ranked = candidates(view, query, near, &filters, request.depth())?;
    if filters.size.is_none() {
        return Ok((ranked, filters));
    }
    let filters_without = Filters { size: None, ..filters.clone() };
    let all = candidates(view, query, near, &filters_without, request.depth())?;
    let best = |ranked: &[Ranked]| ranked.iter().find(|r| answers(r)).map_or(0.0, |r| r.score);
    if best(&ranked) < MIN_SIZED * best(&all) { Ok((all, filters_without)) } else { Ok((ranked, filters)) }
}

fn facets_of(tx: &Transaction<'_>, request: &SearchRequest, ids: &[i64]) -> rusqlite::Result<Option<Facets>> {
    let now = request.filters.moment.unwrap_or_else(Timestamp::now).as_second();
    request.facets.then(|| facets::count(tx, ids, now)).transpose()
}

/// Whether a product is near enough to what is not carried to be offered instead: of
/// its kind by name, or by meaning.
fn is_alternative(ranked: &Ranked) -> bool {
    let by_name = ranked.is_named && ranked.cover >= MIN_ALTERNATIVE && (ranked.has_head || ranked.is_kin);
    by_name || ranked.cosine.is_some_and(|cosine| cosine >= MIN_KIN_COSINE)
}

/// Whether a product has what matters of the query.
fn covers(ranked: &Ranked) -> bool {
    ranked.cover >= MIN_COVER && ranked.has_head && ranked.has_marks
}

/// Whether a product is an answer, so that the shop carries such a thing. Words that
/// meet by chance ("phone" and "cord" in a surge protector's description) are told by
/// meaning: several words, or one that only a stated fact has, must be near in it too,
/// unless the product is called just that.
fn answers(ranked: &Ranked) -> bool {
    let is_chance = (ranked.words > 1 && !ranked.is_exact)
        || (ranked.place == Some(Place::Traits) && !ranked.is_named_so);
    covers(ranked) && (!is_chance || ranked.cosine.is_none_or(|cosine| cosine >= MIN_COSINE))
}

/// Products that the words or the meaning of a query lead to, judged, best first.
fn candidates(
    view: &View<'_>,
    query: &Query,
    near: Option<&Near<'_>>,
    filters: &Filters,
    depth: i64,
) -> rusqlite::Result<Vec<Ranked>> {
    let required: Vec<&Term> = query.terms.iter().filter(|term| term.is_required).collect();
    let every: Vec<&Term> = query.terms.iter().collect();
    let must = if required.is_empty() { &every } else { &required };
    let mut found = Found::default();
    // Those whose ranked fields have all words that matter, then those with any. As
    // meant first: a shop that says "smartphone" is not drowned in "mobile phone"
    // cases.
    let is_reworded = every.iter().any(|term| term.readings.len() > 1);
    for scope in if is_reworded { &[Scope::Meant, Scope::All][..] } else { &[Scope::Meant] } {
        found.add(fetch(view.tx, &expression(must, *scope, " AND "), filters, depth)?);
        if every.len() > 1 && found.rows.len() < ENOUGH {
            found.add(fetch(view.tx, &expression(&every, *scope, " OR "), filters, depth)?);
        }
    }
    let by_words = found.rows.len();
    // Those that have them all somewhere, and those near in meaning.
    if by_words < usize::try_from(depth / 2).unwrap_or(usize::MAX) {
        found.add(anywhere(view.tx, &expression(must, Scope::All, " AND "), depth)?);
    }
    found.add(near.iter().flat_map(|near| &near.best).map(|(id, _)| *id).collect());
    let mut candidates = fetch_ids(view.tx, &found.rows, filters)?;
    let ranks: HashMap<i64, u32> = found.rows.iter().take(by_words).copied().zip(0..).collect();
    for candidate in &mut candidates {
        candidate.rank = ranks.get(&candidate.id).copied();
        candidate.cosine = near.and_then(|near| near.cosine(candidate.id));
    }
    Ok(rank(query, view.lexicon.lengths(), &candidates))
}

/// Rows in the order they were first found.
#[derive(Default)]
struct Found {
    rows: Vec<i64>,
    known: HashSet<i64>,
}

impl Found {
    fn add(&mut self, rows: Vec<i64>) {
        self.rows.extend(rows.into_iter().filter(|id| self.known.insert(*id)));
    }
}

/// Products that have all the words in any of their fields.
fn anywhere(tx: &Transaction<'_>, expression: &str, depth: i64) -> rusqlite::Result<Vec<i64>> {
    let mut statement = tx.prepare_cached("SELECT rowid FROM anywhere WHERE anywhere MATCH ?1 LIMIT ?2")?;
    statement.query_map(params![expression, depth], |row| row.get(0))?.collect()
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

/// The columns that [`candidate`] reads.
const CANDIDATE: &str = "s.rowid, s.title, s.synonyms, s.brand, s.kind, s.category, s.description, s.traits, \
     s.heads, p.stock";

/// Rows that the full-text expression finds, the best by BM25 first. Fields are read later, of those that are left: SQLite would read them of every match.
fn fetch(
    tx: &Transaction<'_>,
    expression: &str,
    filters: &Filters,
    depth: i64,
) -> rusqlite::Result<Vec<i64>> {
    let row = |row: &Row<'_>| row.get(0);
    if filters.is_empty() {
        let sql = format!(
            "SELECT rowid FROM search WHERE search MATCH ?1 AND rank MATCH '{BM25}' ORDER BY rank LIMIT ?2"
        );
        return tx.prepare_cached(&sql)?.query_map(params![expression, depth], row)?.collect();
    }
    let sql = format!(
        "SELECT s.rowid FROM search AS s JOIN products AS p ON p.id = s.rowid \
         WHERE s.search MATCH :subject AND s.rank MATCH '{BM25}' AND {} ORDER BY s.rank LIMIT :limit",
        condition()
    );
    filtered(tx, &sql, expression, depth, filters, row)
}

/// The candidates of these rows that the filters let through.
fn fetch_ids(tx: &Transaction<'_>, ids: &[i64], filters: &Filters) -> rusqlite::Result<Vec<Candidate>> {
    let list = serde_json::to_string(ids).unwrap_or_default();
    let select = format!(
        "SELECT {CANDIDATE} FROM json_each(:subject) AS wanted JOIN search AS s ON s.rowid = wanted.value \
         JOIN products AS p ON p.id = s.rowid"
    );
    if filters.is_empty() {
        return tx.prepare_cached(&select)?.query_map(named_params! {":subject": list}, candidate)?.collect();
    }
    let sql = format!("{select} WHERE {} LIMIT :limit", condition());
    filtered(tx, &sql, &list, i64::MAX, filters, candidate)
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
fn browse(tx: &Transaction<'_>, request: &SearchRequest, limit: usize) -> rusqlite::Result<SearchOutcome> {
    let filters = &request.filters;
    if filters.is_empty() {
        return Ok(SearchOutcome { no_match: true, ..SearchOutcome::default() });
    }
    let sql = format!(
        "SELECT p.id FROM products AS p JOIN search AS s ON s.rowid = p.id \
         WHERE :subject = '' AND {} ORDER BY p.stock <= 0, p.id LIMIT :limit",
        condition()
    );
    let ids: Vec<i64> = filtered(tx, &sql, "", BROWSED, filters, |row| row.get(0))?;
    let mut hits = Vec::with_capacity(limit.min(ids.len()));
    for id in ids.iter().take(limit) {
        let reason = "meets your wishes".to_owned();
        hits.push(Hit { product: by_id(tx, *id)?, score: 1.0, reason, is_mention: false });
    }
    let facets = facets_of(tx, request, &ids)?;
    Ok(SearchOutcome {
        no_match: hits.is_empty(),
        found: ids.len(),
        hits,
        facets,
        ..SearchOutcome::default()
    })
}

fn by_id(tx: &Transaction<'_>, id: i64) -> rusqlite::Result<Product> {
    let sql = format!("SELECT {COLUMNS} FROM products WHERE id = ?1");
    tx.prepare_cached(&sql)?.query_row([id], rows::product)
}

fn load(
    tx: &Transaction<'_>,
    ranked: &Ranked,
    why: fn(&Ranked, &Product) -> String,
) -> rusqlite::Result<Hit> {
    let product = by_id(tx, ranked.id)?;
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
