//! What a found product must be, and how that is asked of the database. What is not
//! known about a product never satisfies a filter on it.

use super::rows::{PRICE_NOW, category_key};
use super::words::Analyst;
use crate::domain::product::Unit;
use crate::domain::{Cents, Pack, Size};
use jiff::Timestamp;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Row, Transaction, named_params};
use serde_json::json;
use std::sync::Arc;

/// What a hit must be. What is not known about a product never satisfies a
/// filter on it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filters {
    pub min_price_cents: Option<Cents>,
    pub max_price_cents: Option<Cents>,
    /// Suitabilities, all of them, as stated or in the title: `vegan`. A title counts
    /// only where no label says otherwise.
    pub dietary: Vec<String>,
    /// Stated to be free from each of these: in the label's "free from", or a
    /// suitability "X-free"; and in neither "contains" nor "may contain".
    pub free_from: Vec<String>,
    pub brand: Option<String>,
    /// The pack's size, as stated or, for want of that, in the title. A search that
    /// finds nothing of this size looks for others, and says so.
    pub size: Option<Size>,
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

/// The filters as a condition on `p` (products) and `s` (search), from the
/// parameters of [`filtered`].
const CONDITION: &str = "
    (:min_price IS NULL OR {price} >= :min_price)
    AND (:max_price IS NULL OR {price} <= :max_price)
    AND (:in_stock = 0 OR p.stock > 0 OR (p.stock IS NULL AND p.availability = 'in_stock'))
    AND (:brand IS NULL OR s.brand = :brand)
    AND (:category IS NULL OR (p.category_key >= :category AND p.category_key < :category_end))
    AND (:dietary IS NULL OR NOT EXISTS (
        SELECT 1 FROM json_each(:dietary) AS wish
        WHERE wish.value ->> '$.stated' NOT IN (SELECT value FROM json_each(p.dietary))
        AND (instr(' ' || s.title || ' ', wish.value ->> '$.words') = 0
             OR wish.value ->> '$.allergen' IN (SELECT value FROM json_each(p.allergens, '$.contains'))
             OR wish.value ->> '$.allergen' IN (SELECT value FROM json_each(p.allergens, '$.may_contain')))))
    AND (:size IS NULL OR has_size(:size, p.pack_amount, p.pack_unit, p.pack_count, s.title))
    AND (:free_from IS NULL OR NOT EXISTS (
        SELECT 1 FROM json_each(:free_from) AS wish WHERE
            (wish.value NOT IN (SELECT value FROM json_each(p.allergens, '$.free_from'))
             AND wish.value || '-free' NOT IN (SELECT value FROM json_each(p.dietary)))
            OR wish.value IN (SELECT value FROM json_each(p.allergens, '$.contains'))
            OR wish.value IN (SELECT value FROM json_each(p.allergens, '$.may_contain'))))";

pub(super) fn condition() -> String {
    CONDITION.replace("{price}", PRICE_NOW)
}

/// Lets a connection's statements call what [`condition`] does beyond SQL:
/// `has_size(size, amount, unit, count, title)`, whether a stated pack fits the size
/// (JSON), or else whether the analysed title spells it.
pub(super) fn install(conn: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function("has_size", 5, flags, |ctx| {
        let wanted: Arc<(Size, Vec<String>)> = ctx.get_or_create_aux(0, |value| {
            let size: Size = serde_json::from_slice(value.as_bytes()?)?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((size, size.spellings()))
        })?;
        let (size, spellings) = &*wanted;
        let amount: Option<f64> = ctx.get(1)?;
        Ok(match (amount, ctx.get::<Option<String>>(2)?) {
            (Some(amount), Some(unit)) => Unit::of_symbol(&unit)
                .is_some_and(|unit| size.fits(&Pack { amount, unit, count: ctx.get(3).unwrap_or(1) })),
            _ => {
                let title: String = ctx.get(4)?;
                title.split(' ').any(|word| spellings.iter().any(|spelling| spelling == word))
            }
        })
    })
}

/// [`Filters`] as SQL values.
struct Bound {
    brand: Option<String>,
    category: Option<String>,
    category_end: Option<String>,
    dietary: Option<String>,
    free_from: Option<String>,
    size: Option<String>,
    now: i64,
}

impl Bound {
    fn of(filters: &Filters) -> Self {
        let list = |words: &[String]| {
            let words: Vec<String> = words.iter().map(|word| word.trim().to_lowercase()).collect();
            (!words.is_empty()).then(|| json!(words).to_string())
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
            dietary: (!filters.dietary.is_empty()).then(|| {
                let wish = |word: &String| {
                    let stated = word.trim().to_lowercase();
                    let allergen = stated.strip_suffix("-free").map(str::to_owned);
                    json!({"words": format!(" {} ", stems(word)), "stated": stated, "allergen": allergen})
                };
                json!(filters.dietary.iter().map(wish).collect::<Vec<_>>()).to_string()
            }),
            size: filters.size.map(|size| json!(size).to_string()),
            free_from: list(&filters.free_from),
            now: filters.moment.unwrap_or_else(Timestamp::now).as_second(),
        }
    }
}

/// Runs a statement with a `:subject`, a `:limit` and [`condition`].
pub(super) fn filtered<T>(
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
            ":size": bound.size,
            ":now": bound.now,
        },
        read,
    )?;
    rows.collect()
}
