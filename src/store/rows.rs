//! How a product lies in its row. Lists and maps are JSON in their column;
//! what the catalog does not know is NULL.

use crate::domain::product::Unit;
use crate::domain::{Gtin, Location, Pack, Product, Sku};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Type, ValueRef};
use rusqlite::{Row, Statement, named_params};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Between the levels of `category_key`; cleaned texts never hold it.
pub(super) const LEVEL: char = '\u{1f}';

pub(super) const COLUMNS: &str = "sku, gtin, title, brand, category, description, synonyms, \
    price_cents, pack_amount, pack_unit, pack_count, stock, aisle, bay, shelf, allergens, dietary, \
    attributes, age_restriction, photo, option_groups";

pub(super) const INSERT: &str = "INSERT INTO products (sku, gtin, title, brand, category, \
    category_key, description, synonyms, price_cents, pack_amount, pack_unit, pack_count, stock, \
    aisle, bay, shelf, allergens, dietary, attributes, age_restriction, photo, option_groups) \
    VALUES (:sku, :gtin, :title, :brand, :category, :category_key, :description, :synonyms, \
    :price_cents, :pack_amount, :pack_unit, :pack_count, :stock, :aisle, :bay, :shelf, :allergens, \
    :dietary, :attributes, :age_restriction, :photo, :option_groups)";

/// A value kept as JSON text.
struct Json<T>(T);

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        serde_json::from_str(text).map(Json).map_err(|e| FromSqlError::Other(Box::new(e)))
    }
}

/// The inverse of [`Json`]. The domain's types always have a JSON form; should
/// one not, NULL makes the insert fail.
fn json<T: Serialize>(value: &T) -> Option<String> {
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

/// Runs [`INSERT`].
pub(super) fn insert(statement: &mut Statement<'_>, product: &Product) -> rusqlite::Result<usize> {
    let (pack, place) = (product.pack.as_ref(), product.location.as_ref());
    statement.execute(named_params! {
        ":sku": product.sku.as_str(),
        ":gtin": product.gtin.map(|gtin| gtin.to_string()),
        ":title": product.title,
        ":brand": product.brand,
        ":category": json(&product.category),
        ":category_key": category_key(&product.category),
        ":description": product.description,
        ":synonyms": json(&product.synonyms),
        ":price_cents": product.price_cents,
        ":pack_amount": pack.map(|pack| pack.amount),
        ":pack_unit": pack.map(|pack| pack.unit.symbol()),
        ":pack_count": pack.map(|pack| pack.count),
        ":stock": product.stock,
        ":aisle": place.map(|place| place.aisle.as_str()),
        ":bay": place.and_then(|place| place.bay),
        ":shelf": place.and_then(|place| place.shelf),
        ":allergens": product.allergens.as_ref().and_then(json),
        ":dietary": json(&product.dietary),
        ":attributes": json(&product.attributes),
        ":age_restriction": product.age_restriction,
        ":photo": product.photo,
        ":option_groups": json(&product.option_groups),
    })
}

/// Reads a row of [`COLUMNS`].
pub(super) fn product(row: &Row<'_>) -> rusqlite::Result<Product> {
    let altered = |what: &str, text: String| {
        let error = format!("{what} {text:?} is not valid").into();
        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error)
    };
    let sku: String = row.get("sku")?;
    let gtin: Option<String> = row.get("gtin")?;
    let unit: Option<String> = row.get("pack_unit")?;
    let pack = match unit {
        None => None,
        Some(symbol) => {
            let units = [Unit::G, Unit::Kg, Unit::Ml, Unit::L, Unit::Each];
            let unit = units.into_iter().find(|unit| unit.symbol() == symbol);
            Some(Pack {
                amount: row.get("pack_amount")?,
                unit: unit.ok_or_else(|| altered("unit", symbol))?,
                count: row.get("pack_count")?,
            })
        }
    };
    let aisle: Option<String> = row.get("aisle")?;
    let location = match aisle {
        None => None,
        Some(aisle) => Some(Location { aisle, bay: row.get("bay")?, shelf: row.get("shelf")? }),
    };
    let texts = |column: &str| row.get::<_, Json<Vec<String>>>(column).map(|json| json.0);
    Ok(Product {
        sku: Sku::new(&sku).ok_or_else(|| altered("sku", sku))?,
        gtin: gtin.map(|text| Gtin::parse(&text).map_err(|_| altered("gtin", text))).transpose()?,
        title: row.get("title")?,
        brand: row.get("brand")?,
        category: texts("category")?,
        description: row.get("description")?,
        synonyms: texts("synonyms")?,
        price_cents: row.get("price_cents")?,
        pack,
        stock: row.get("stock")?,
        location,
        allergens: row.get::<_, Option<Json<_>>>("allergens")?.map(|json| json.0),
        dietary: texts("dietary")?,
        attributes: row.get::<_, Json<_>>("attributes")?.0,
        age_restriction: row.get("age_restriction")?,
        photo: row.get("photo")?,
        option_groups: texts("option_groups")?,
    })
}
