//! What is laid over the catalog: the shop's corrections, head office's prices, counts and
//! recalls, what was sold since a count and what is put aside. `state.db` holds the truth, and the rows of `catalog.db` show it, so that search,
//! filters and reads need not know. What the catalog itself says of a covered product waits in
//! `base`. A crash between both files is found by the revision and finished by the next
//! [`reconcile`].

use super::analysis::Tally;
use super::connections::Connections;
use super::lexicon::sounds;
use super::rows::{self, COLUMNS};
use super::state::{self, State};
use super::{StoreError, live, moves};
use crate::domain::{AsOf, Correction, LiveCount, LivePrice, Moves, Product, Recall, Sku};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::collections::{BTreeMap, BTreeSet};

/// All that is said of some products, or of all, beside the catalog.
#[derive(Debug, Default)]
struct Overlay {
    revision: i64,
    made: Vec<(Sku, Correction)>,
    prices: BTreeMap<Sku, LivePrice>,
    counts: BTreeMap<Sku, LiveCount>,
    moves: BTreeMap<Sku, Moves>,
}

/// What a change of `state.db` can have changed in the catalog.
pub(super) enum Scope<'a> {
    /// Price, stock or what moved of these products. `before`: the revision that it follows.
    Live { skus: &'a BTreeSet<Sku>, before: i64 },
    /// What must not be sold.
    Recalls { before: i64 },
}

/// What became of a product's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Same,
    /// Price or stock alone.
    Repriced,
    Changed,
}

/// Brings the catalog's rows to what is said over it at `now`: brings in what is new, undoes
/// what was dropped and what has ended. True when rows changed.
pub(super) fn reconcile(
    connections: &Connections,
    state: &State,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let revision = state.revision()?;
    if !connections.read(|tx| Ok(is_due(tx, revision, now)?))? {
        return Ok(false);
    }
    let sql = |source| StoreError::of(connections.path(), source);
    let mut conn = connections.writer()?;
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    // Read under the catalog's lock: what another program adds later finds it
    // free, and brings it in itself.
    if !is_due(&tx, state.revision()?, now).map_err(sql)? {
        return Ok(false);
    }
    let changed = lay_all(connections, &tx, state, bundle(&tx).map_err(sql)?, now)?;
    tx.commit().map_err(sql)?;
    Ok(changed)
}

/// Brings in one change of `state.db`, where the rows show all that came before it; else all.
/// True when rows changed.
pub(super) fn follow(
    connections: &Connections,
    state: &State,
    scope: &Scope<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = |source| StoreError::of(connections.path(), source);
    let (Scope::Live { before, .. } | Scope::Recalls { before }) = *scope;
    let mut conn = connections.writer()?;
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    let revision = state.revision()?;
    if revision != before + 1 || is_due(&tx, before, now).map_err(sql)? {
        drop(tx);
        return reconcile(connections, state, now);
    }
    let bundle = bundle(&tx).map_err(sql)?;
    let (wanted, stopped) = match scope {
        Scope::Live { skus, .. } => ((*skus).clone(), stopped(&tx).map_err(sql)?),
        Scope::Recalls { .. } => {
            let recalls = state.read(live::recalls)?;
            let (before, now) = (stopped(&tx).map_err(sql)?, recalled(&tx, &recalls).map_err(sql)?);
            (before.union(&now).cloned().collect(), now)
        }
    };
    let overlay = state.read(|tx| Overlay::of(tx, &wanted, bundle))?;
    let changed = lay(&tx, &overlay, &wanted, &stopped, now).map_err(sql)?;
    let sql_text = "UPDATE catalog SET corrections = ?1";
    tx.execute(sql_text, [overlay.revision]).map_err(sql)?;
    tx.commit().map_err(sql)?;
    Ok(changed)
}

/// Whether the rows show another revision, or one of another time. Never without
/// a catalog.
fn is_due(conn: &Connection, revision: i64, now: Timestamp) -> rusqlite::Result<bool> {
    // A clock that was set back brings ended corrections to life again.
    let sql = "SELECT corrections <> ?1 OR ifnull(corrected_at, ?2) > ?2 OR ifnull(corrected_until, ?2) < ?2 \
               FROM catalog";
    let due = conn.prepare_cached(sql)?.query_row(params![revision, now.as_second()], |row| row.get(0));
    Ok(due.optional()?.unwrap_or(false))
}

/// The version of the bundle in use; 0: the catalog came from a file.
fn bundle(conn: &Connection) -> rusqlite::Result<u64> {
    let version = conn.query_row("SELECT version FROM bundle", [], |row| row.get::<_, i64>(0)).optional()?;
    Ok(version.map_or(0, i64::cast_unsigned))
}

/// Makes the rows show all that is said at `now` over a loaded catalog, which is `bundle`,
/// within a transaction. True when rows changed.
pub(super) fn lay_all(
    connections: &Connections,
    tx: &Transaction<'_>,
    state: &State,
    bundle: u64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (overlay, recalls) = state.read(|tx| Ok((Overlay::all(tx, bundle)?, live::recalls(tx)?)))?;
    let lay = || {
        let stopped = recalled(tx, &recalls)?;
        let holding = overlay.made.iter().filter(|(_, correction)| correction.holds(now));
        let until = holding.clone().filter_map(|(_, correction)| correction.end()).min();
        let mut wanted: BTreeSet<Sku> = holding.map(|(sku, _)| sku.clone()).collect();
        wanted.extend(overlay.prices.keys().chain(overlay.counts.keys()).chain(&stopped).cloned());
        wanted.extend(overlay.moves.keys().cloned());
        let mut statement = tx.prepare("SELECT sku FROM base")?;
        for sku in statement.query_map([], |row| row.get::<_, String>(0))? {
            wanted.extend(Sku::new(&sku?));
        }
        let changed = lay(tx, &overlay, &wanted, &stopped, now)?;
        tx.execute(
            "UPDATE catalog SET corrections = ?1, corrected_at = ?2, corrected_until = ?3",
            params![overlay.revision, now.as_second(), until],
        )?;
        Ok(changed)
    };
    lay().map_err(|source| StoreError::of(connections.path(), source))
}

/// Makes the rows of the `wanted` products show what `overlay` says of them at `now`, and that
/// those of `stopped` are not sold; all others of it are shown so already.
fn lay(
    tx: &Transaction<'_>,
    overlay: &Overlay,
    wanted: &BTreeSet<Sku>,
    stopped: &BTreeSet<Sku>,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let mut made: BTreeMap<&Sku, Vec<&Correction>> = BTreeMap::new();
    for (sku, correction) in overlay.made.iter().filter(|(_, correction)| correction.holds(now)) {
        made.entry(sku).or_default().push(correction);
    }
    let as_of: Option<AsOf> =
        tx.query_row("SELECT as_of FROM catalog", [], |row| row.get(0)).optional()?.flatten();
    let (mut changes, mut prices) = (0, 0);
    for sku in wanted {
        let said = Said {
            price: overlay.prices.get(sku),
            count: overlay.counts.get(sku),
            moves: overlay.moves.get(sku),
            corrections: made.get(sku).map(Vec::as_slice).unwrap_or_default(),
            is_stopped: stopped.contains(sku),
        };
        match show(tx, sku, &said, as_of.as_ref())? {
            Shown::Same => {}
            Shown::Repriced => prices += 1,
            Shown::Changed => changes += 1,
        }
    }
    let before = self::stopped(tx)?;
    for sku in before.difference(stopped) {
        tx.execute("DELETE FROM stopped WHERE sku = ?1", [sku.as_str()])?;
    }
    for sku in stopped.difference(&before) {
        tx.execute("INSERT INTO stopped (sku) VALUES (?1)", [sku.as_str()])?;
    }
    tx.execute("UPDATE catalog SET changes = changes + ?1, prices = prices + ?2", [changes, prices])?;
    Ok(changes + prices > 0)
}

/// What is said of one product.
struct Said<'a> {
    price: Option<&'a LivePrice>,
    count: Option<&'a LiveCount>,
    moves: Option<&'a Moves>,
    /// In the order they were made.
    corrections: &'a [&'a Correction],
    is_stopped: bool,
}

impl Said<'_> {
    /// The product as shoppers see it; `None`: not at all.
    fn over(&self, base: &Product, as_of: Option<&AsOf>) -> Option<Product> {
        if self.is_stopped || self.corrections.iter().any(|correction| correction.withdrawn) {
            return None;
        }
        let mut product = base.clone();
        let price = self.price.filter(|price| price.apply(&mut product, as_of));
        self.count.iter().for_each(|count| {
            count.apply(&mut product, as_of);
        });
        let told = price.map(|price| price.as_of);
        self.corrections.iter().for_each(|correction| correction.apply(&mut product, as_of, told));
        // Last, so that it is taken from whichever count holds.
        self.moves.iter().for_each(|moves| moves.apply(&mut product, as_of));
        Some(product)
    }
}

/// Makes one product's rows show what the catalog, sure at `as_of`, says with what is `said`
/// laid over it.
fn show(tx: &Transaction<'_>, sku: &Sku, said: &Said<'_>, as_of: Option<&AsOf>) -> rusqlite::Result<Shown> {
    let sql = format!("SELECT id, {COLUMNS} FROM products WHERE sku = ?1");
    let row = |row: &rusqlite::Row<'_>| Ok((row.get("id")?, rows::product(row)?));
    let shown: Option<(i64, Product)> = tx.prepare_cached(&sql)?.query_row([sku.as_str()], row).optional()?;
    let kept = tx
        .prepare_cached("SELECT id, body FROM base WHERE sku = ?1")?
        .query_row([sku.as_str()], |row| Ok((row.get(0)?, row.get::<_, rows::Json<Product>>(1)?.0)))
        .optional()?;
    let is_kept = kept.is_some();
    let Some((id, base)) = kept.or_else(|| shown.clone()) else {
        return Ok(Shown::Same); // Not in this catalog: what is said of it waits.
    };
    let product = said.over(&base, as_of);
    // A live value that the catalog knows better covers nothing.
    let is_covered = said.is_stopped || !said.corrections.is_empty() || product.as_ref() != Some(&base);
    if is_kept && !is_covered {
        tx.prepare_cached("DELETE FROM base WHERE id = ?1")?.execute([id])?;
    } else if is_covered && !is_kept {
        tx.prepare_cached("INSERT INTO base (id, sku, body) VALUES (?1, ?2, ?3)")?.execute(params![
            id,
            sku.as_str(),
            rows::json(&base)
        ])?;
    }
    let shown = shown.map(|(_, product)| product);
    if product == shown {
        return Ok(Shown::Same);
    }
    if let (Some(product), Some(shown)) = (&product, &shown)
        && is_repriced(product, shown)
    {
        rows::reprice(tx, id, product)?;
        return Ok(Shown::Repriced);
    }
    if let Some(shown) = &shown {
        count(tx, &words(shown), -1)?;
        rows::remove(tx, id)?;
    }
    if let Some(product) = &product {
        let mut tally = Tally::default();
        rows::insert(tx, Some(id), product)?;
        tally.add(product).insert(tx, id)?;
        count(tx, &tally, 1)?;
    }
    Ok(Shown::Changed)
}

/// Whether two states of a product differ in price and stock alone, which have no words.
fn is_repriced(new: &Product, old: &Product) -> bool {
    let old = old.clone();
    let priced = Product {
        price_cents: old.price_cents,
        promotion: old.promotion.clone(),
        price_as_of: old.price_as_of.clone(),
        stock: old.stock,
        availability: old.availability,
        stock_as_of: old.stock_as_of.clone(),
        ..new.clone()
    };
    priced == old
}

impl Overlay {
    /// What is said of all products, while `bundle` is in use.
    fn all(tx: &Transaction<'_>, bundle: u64) -> rusqlite::Result<Self> {
        Ok(Self {
            revision: state::read_revision(tx)?,
            made: state::made(tx)?,
            prices: live::all(tx, live::What::Price, bundle)?,
            counts: live::all(tx, live::What::Count, bundle)?,
            moves: moves::all(tx)?,
        })
    }

    /// What is said of some, while `bundle` is in use.
    fn of(tx: &Transaction<'_>, skus: &BTreeSet<Sku>, bundle: u64) -> rusqlite::Result<Self> {
        let mut overlay = Self { revision: state::read_revision(tx)?, ..Self::default() };
        for sku in skus {
            let made = state::of(tx, sku)?.into_iter();
            overlay.made.extend(made.map(|(_, correction)| (sku.clone(), correction)));
            let price = live::one(tx, live::What::Price, sku, bundle)?;
            overlay.prices.extend(price.map(|price| (sku.clone(), price)));
            let count = live::one(tx, live::What::Count, sku, bundle)?;
            overlay.counts.extend(count.map(|count| (sku.clone(), count)));
            overlay.moves.insert(sku.clone(), moves::of(tx, sku)?);
        }
        Ok(overlay)
    }
}

/// The products that are shown as stopped.
fn stopped(tx: &Transaction<'_>) -> rusqlite::Result<BTreeSet<Sku>> {
    let mut select = tx.prepare_cached("SELECT sku FROM stopped")?;
    let skus = select.query_map([], |row| row.get::<_, String>(0))?;
    Ok(skus.collect::<rusqlite::Result<Vec<_>>>()?.iter().filter_map(|sku| Sku::new(sku)).collect())
}

/// The products of the catalog, shown or covered, that `recalls` name by number or by code.
fn recalled(tx: &Transaction<'_>, recalls: &[Recall]) -> rusqlite::Result<BTreeSet<Sku>> {
    let mut stopped = BTreeSet::new();
    let mut is_there = tx.prepare_cached(
        "SELECT 1 FROM products WHERE sku = ?1 UNION ALL SELECT 1 FROM base WHERE sku = ?1",
    )?;
    for sku in recalls.iter().flat_map(|recall| &recall.skus) {
        if is_there.exists([sku.as_str()])? {
            stopped.insert(sku.clone());
        }
    }
    let gtins: Vec<String> =
        recalls.iter().flat_map(|recall| &recall.gtins).map(ToString::to_string).collect();
    if gtins.is_empty() {
        return Ok(stopped);
    }
    let gtins = serde_json::Value::from(gtins).to_string();
    // What is covered has no codes outside its body while it is not shown.
    for sql in [
        "SELECT p.sku FROM json_each(?1) AS wanted JOIN gtins AS g ON g.gtin = wanted.value \
         JOIN products AS p ON p.id = g.product",
        "SELECT b.sku FROM base AS b WHERE EXISTS (SELECT 1 FROM json_each(b.body, '$.gtins') AS own \
         JOIN json_each(?1) AS wanted ON wanted.value = own.value)",
    ] {
        let mut select = tx.prepare(sql)?;
        for sku in select.query_map([&gtins], |row| row.get::<_, String>(0))? {
            stopped.extend(Sku::new(&sku?));
        }
    }
    Ok(stopped)
}

pub(super) fn words(product: &Product) -> Tally {
    let mut tally = Tally::default();
    tally.add(product);
    tally
}

/// Adds a product's words to the vocabulary (`sign` 1) or takes them out (-1).
pub(super) fn count(tx: &Transaction<'_>, tally: &Tally, sign: i64) -> rusqlite::Result<()> {
    let mut add = tx.prepare_cached(
        "INSERT INTO words (word, stem, sound, products, heads) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (word) DO UPDATE SET \
         products = products + excluded.products, heads = heads + excluded.heads",
    )?;
    for (word, count) in &tally.words {
        let (products, heads) = (sign * i64::from(count.products), sign * i64::from(count.heads));
        add.execute(params![word, count.stem, sounds(word).join(" "), products, heads])?;
    }
    let mut add = tx.prepare_cached(
        "INSERT INTO stems (stem, products, named) VALUES (?1, ?2, ?3) ON CONFLICT (stem) DO UPDATE SET \
         products = products + excluded.products, named = named + excluded.named",
    )?;
    for (stem, count) in &tally.stems {
        add.execute(params![stem, sign * i64::from(count.products), sign * i64::from(count.named)])?;
    }
    tx.prepare_cached("DELETE FROM words WHERE products <= 0")?.execute([])?;
    tx.prepare_cached("DELETE FROM stems WHERE products <= 0")?.execute([])?;
    Ok(())
}
