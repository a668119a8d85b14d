//! How much of the catalog is known: plain counts, for a person to judge a feed
//! by. Never names a product.

use super::catalog::count;
use rusqlite::Transaction;

/// How much of the catalog is known, in products unless said.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct CatalogStats {
    pub products: u64,
    pub with_gtin: u64,
    pub with_price: u64,
    pub with_stock: u64,
    pub out_of_stock: u64,
    pub with_location: u64,
    pub with_allergens: u64,
    pub with_photo: u64,
    pub with_title: u64,
    pub with_promotion: u64,
    pub with_availability: u64,
    /// Members of a variant group.
    pub with_variants: u64,
    /// With accessories or substitutes.
    pub with_relations: u64,
    /// With texts in other languages.
    pub with_languages: u64,
    /// Of which the shop or head office says something else; what is withdrawn or must not be sold
    /// is in no other count.
    pub corrected: u64,
    pub age_restricted: u64,
    pub made_to_order: u64,
    /// Distinct brands.
    pub brands: u64,
    /// Distinct category paths.
    pub categories: u64,
    /// Rows.
    pub option_groups: u64,
    pub areas: u64,
    /// Size of the file, in bytes.
    pub file_bytes: u64,
}

/// Counts the catalog that `tx` sees.
pub(super) fn read(tx: &Transaction<'_>, file_bytes: u64) -> rusqlite::Result<CatalogStats> {
    let sql = "SELECT count(*), count(*) FILTER (WHERE gtins <> '[]'), count(price_cents), count(stock), \
               count(*) FILTER (WHERE ifnull(stock <= 0, availability <> 'in_stock')), count(aisle), count(allergens), count(photo), \
               count(age_restriction), count(*) FILTER (WHERE option_groups <> '[]'), \
               count(DISTINCT brand), count(DISTINCT nullif(category_key, '')), \
               (SELECT count(*) FROM option_groups), (SELECT count(*) FROM areas), \
               count(title), count(promotion), count(availability), count(variant_group), \
               count(*) FILTER (WHERE accessories <> '[]' OR substitutes <> '[]'), \
               count(*) FILTER (WHERE languages <> '{}'), (SELECT count(*) FROM base) FROM products";
    tx.query_row(sql, [], |row| {
        Ok(CatalogStats {
            products: count(row, 0)?,
            with_gtin: count(row, 1)?,
            with_price: count(row, 2)?,
            with_stock: count(row, 3)?,
            out_of_stock: count(row, 4)?,
            with_location: count(row, 5)?,
            with_allergens: count(row, 6)?,
            with_photo: count(row, 7)?,
            age_restricted: count(row, 8)?,
            made_to_order: count(row, 9)?,
            brands: count(row, 10)?,
            categories: count(row, 11)?,
            option_groups: count(row, 12)?,
            areas: count(row, 13)?,
            with_title: count(row, 14)?,
            with_promotion: count(row, 15)?,
            with_availability: count(row, 16)?,
            with_variants: count(row, 17)?,
            with_relations: count(row, 18)?,
            with_languages: count(row, 19)?,
            corrected: count(row, 20)?,
            file_bytes,
        })
    })
}
