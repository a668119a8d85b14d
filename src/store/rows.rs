//! How a product lies in the tables: its row, its GTINs, its words in the
//! full-text table. Lists and maps are JSON in their column; what the catalog
//! does not know is NULL.

use super::meaning;
use crate::domain::product::Unit;
use crate::domain::{Availability, Location, Pack, Product, Promotion, Sku, moment};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Type, ValueRef};
use rusqlite::{Connection, Row, named_params, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Between the levels of `category_key`; cleaned texts never hold it.
pub(super) const LEVEL: char = '\u{1f}';

pub(super) const COLUMNS: &str = "sku, gtins, title, brand, category, description, synonyms, \
    price_cents, promotion, price_as_of, pack_amount, pack_unit, pack_count, stock, availability, \
    stock_as_of, aisle, bay, shelf, allergens, dietary, attributes, age_restriction, photo, images, \
    option_groups, variant_group, accessories, substitutes, languages";

/// What a row `p` of `products` costs at the moment `:now` (seconds since 1970),
/// as [`Product::price_at`] has it.
pub(super) const PRICE_NOW: &str = "iif(p.offer_cents < ifnull(p.price_cents, 9223372036854775807) \
    AND ifnull(p.offer_from, :now) <= :now AND ifnull(p.offer_until, :now) >= :now, \
    p.offer_cents, p.price_cents)";

const INSERT: &str = "INSERT INTO products (id, sku, gtins, title, brand, category, category_key, \
    description, synonyms, price_cents, promotion, offer_cents, offer_from, offer_until, price_as_of, \
    pack_amount, pack_unit, pack_count, stock, availability, stock_as_of, aisle, bay, shelf, \
    allergens, dietary, attributes, age_restriction, photo, images, option_groups, variant_group, \
    accessories, substitutes, languages, text_key) \
    VALUES (:id, :sku, :gtins, :title, :brand, :category, :category_key, :description, :synonyms, \
    :price_cents, :promotion, :offer_cents, :offer_from, :offer_until, :price_as_of, :pack_amount, \
    :pack_unit, :pack_count, :stock, :availability, :stock_as_of, :aisle, :bay, :shelf, :allergens, \
    :dietary, :attributes, :age_restriction, :photo, :images, :option_groups, :variant_group, \
    :accessories, :substitutes, :languages, :text_key)";

/// A value kept as JSON text.
pub(super) struct Json<T>(pub T);

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        serde_json::from_str(text).map(Json).map_err(|e| FromSqlError::Other(Box::new(e)))
    }
}

/// The inverse of [`Json`]. The domain's types always have a JSON form; should
/// one not, NULL makes the insert fail.
pub(super) fn json<T: Serialize>(value: &T) -> Option<String> {
    serde_json::to_string(value).ok()
}

/// A category path as one comparable text: lower case, each level ended.
pub(super) fn category_key(levels: &[impl AsRef<str>]) -> String {
    let mut key = String::new();
    for level in levels {
        key.push_str(&level.as_ref().to_lowercase());
        key.push(LEVEL);
    }
    key
}

/// Writes a product's row and GTINs, under `id` or the next free one, which is
/// returned.
pub(super) fn insert(conn: &Connection, id: Option<i64>, product: &Product) -> rusqlite::Result<i64> {
    let (pack, place) = (product.pack.as_ref(), product.location.as_ref());
    let offer = product.promotion.as_ref();
    let (from, until) = term(offer);
    conn.prepare_cached(INSERT)?.execute(named_params! {
        ":id": id,
        ":sku": product.sku.as_str(),
        ":gtins": json(&product.gtins),
        ":title": product.title,
        ":brand": product.brand,
        ":category": json(&product.category),
        ":category_key": category_key(&product.category),
        ":description": product.description,
        ":synonyms": json(&product.synonyms),
        ":price_cents": product.price_cents,
        ":promotion": offer.and_then(json),
        ":offer_cents": offer.map(|offer| offer.price_cents),
        ":offer_from": from,
        ":offer_until": until,
        ":price_as_of": product.price_as_of,
        ":pack_amount": pack.map(|pack| pack.amount),
        ":pack_unit": pack.map(|pack| pack.unit.symbol()),
        ":pack_count": pack.map(|pack| pack.count),
        ":stock": product.stock,
        ":availability": product.availability.map(Availability::name),
        ":stock_as_of": product.stock_as_of,
        ":aisle": place.map(|place| place.aisle.as_str()),
        ":bay": place.and_then(|place| place.bay),
        ":shelf": place.and_then(|place| place.shelf),
        ":allergens": product.allergens.as_ref().and_then(json),
        ":dietary": json(&product.dietary),
        ":attributes": json(&product.attributes),
        ":age_restriction": product.age_restriction,
        ":photo": product.photo,
        ":images": json(&product.images),
        ":option_groups": json(&product.option_groups),
        ":variant_group": product.variant_group,
        ":accessories": json(&product.accessories),
        ":substitutes": json(&product.substitutes),
        ":languages": json(&product.languages),
        ":text_key": meaning::key(&meaning::text(product)),
    })?;
    let id = conn.last_insert_rowid();
    for gtin in &product.gtins {
        conn.prepare_cached("INSERT OR IGNORE INTO gtins (gtin, product) VALUES (?1, ?2)")?
            .execute(params![gtin.to_string(), id])?;
    }
    Ok(id)
}

/// First and last second in which an offer holds. A time that cannot be read never holds; an
/// import refuses it before this.
fn term(offer: Option<&Promotion>) -> (Option<i64>, Option<i64>) {
    let from = offer.and_then(|offer| offer.from.as_deref());
    let from = from.map(|from| moment::first(from).map_or(i64::MAX, |at| at.as_second()));
    let until = offer.and_then(|offer| offer.until.as_deref());
    let until = until.map(|until| moment::last(until).map_or(i64::MIN, |at| at.as_second()));
    (from, until)
}

/// Writes price and stock of a product into its row, which else stays as it is.
pub(super) fn reprice(conn: &Connection, id: i64, product: &Product) -> rusqlite::Result<()> {
    let offer = product.promotion.as_ref();
    let (from, until) = term(offer);
    let sql = "UPDATE products SET price_cents = :price_cents, promotion = :promotion, \
        offer_cents = :offer_cents, offer_from = :offer_from, offer_until = :offer_until, \
        price_as_of = :price_as_of, stock = :stock, availability = :availability, \
        stock_as_of = :stock_as_of WHERE id = :id";
    let changed = conn.prepare_cached(sql)?.execute(named_params! {
        ":id": id,
        ":price_cents": product.price_cents,
        ":promotion": offer.and_then(json),
        ":offer_cents": offer.map(|offer| offer.price_cents),
        ":offer_from": from,
        ":offer_until": until,
        ":price_as_of": product.price_as_of,
        ":stock": product.stock,
        ":availability": product.availability.map(Availability::name),
        ":stock_as_of": product.stock_as_of,
    })?;
    if changed == 1 { Ok(()) } else { Err(rusqlite::Error::QueryReturnedNoRows) }
}

/// Removes a product from every table that holds its row or its words.
pub(super) fn remove(conn: &Connection, id: i64) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM products WHERE id = ?1",
        "DELETE FROM gtins WHERE product = ?1",
        "DELETE FROM search WHERE rowid = ?1",
        "DELETE FROM anywhere WHERE rowid = ?1",
    ] {
        conn.prepare_cached(sql)?.execute([id])?;
    }
    Ok(())
}

/// Reads a row of [`COLUMNS`].
pub(super) fn product(row: &Row<'_>) -> rusqlite::Result<Product> {
    let altered = |what: &str, text: String| {
        let error = format!("{what} {text:?} is not valid").into();
        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error)
    };
    let sku: String = row.get("sku")?;
    let unit: Option<String> = row.get("pack_unit")?;
    let pack = match unit {
        None => None,
        Some(symbol) => Some(Pack {
            amount: row.get("pack_amount")?,
            unit: Unit::of_symbol(&symbol).ok_or_else(|| altered("unit", symbol))?,
            count: row.get("pack_count")?,
        }),
    };
    let aisle: Option<String> = row.get("aisle")?;
    let location = match aisle {
        None => None,
        Some(aisle) => Some(Location { aisle, bay: row.get("bay")?, shelf: row.get("shelf")? }),
    };
    let availability: Option<String> = row.get("availability")?;
    let availability = availability.map(|word| {
        let known = Availability::ALL.into_iter().find(|known| known.name() == word);
        known.ok_or_else(|| altered("availability", word))
    });
    let skus = |column: &str| row.get::<_, Json<Vec<Sku>>>(column).map(|json| json.0);
    let texts = |column: &str| row.get::<_, Json<Vec<String>>>(column).map(|json| json.0);
    Ok(Product {
        sku: Sku::new(&sku).ok_or_else(|| altered("sku", sku))?,
        gtins: row.get::<_, Json<_>>("gtins")?.0,
        title: row.get("title")?,
        brand: row.get("brand")?,
        category: texts("category")?,
        description: row.get("description")?,
        synonyms: texts("synonyms")?,
        price_cents: row.get("price_cents")?,
        promotion: row.get::<_, Option<Json<_>>>("promotion")?.map(|json| json.0),
        price_as_of: row.get("price_as_of")?,
        pack,
        stock: row.get("stock")?,
        availability: availability.transpose()?,
        stock_as_of: row.get("stock_as_of")?,
        location,
        allergens: row.get::<_, Option<Json<_>>>("allergens")?.map(|json| json.0),
        dietary: texts("dietary")?,
        attributes: row.get::<_, Json<_>>("attributes")?.0,
        age_restriction: row.get("age_restriction")?,
        photo: row.get("photo")?,
        images: texts("images")?,
        option_groups: texts("option_groups")?,
        variant_group: row.get("variant_group")?,
        accessories: skus("accessories")?,
        substitutes: skus("substitutes")?,
        languages: row.get::<_, Json<_>>("languages")?.0,
    })
}
