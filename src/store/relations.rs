//! What belongs together: variants of a product, what goes with it, what stands in
//! for it, and where on the floor it is. Relations to what the catalog does not
//! have are left out when they are read.

use super::StoreError;
use super::catalog::Catalog;
use super::connections::ReadError;
use super::rows::{self, COLUMNS};
use crate::domain::{Location, Point, Product, Sku};
use rusqlite::{Connection, params};

impl Catalog {
    /// The other products of its variant group, in catalog order.
    ///
    /// # Errors
    /// No catalog is loaded, or it cannot be read; so for every read here.
    pub fn variants(&self, sku: &Sku) -> Result<Vec<Product>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM products WHERE sku <> ?1 AND variant_group = \
             (SELECT variant_group FROM products WHERE sku = ?1) ORDER BY id"
        );
        self.read(|tx| products(tx, &sql, sku))
    }

    /// What the retailer says goes with it, in the retailer's order.
    pub fn accessories(&self, sku: &Sku) -> Result<Vec<Product>, StoreError> {
        self.related(sku, "accessories")
    }

    /// What the retailer says may stand in for it, in the retailer's order.
    pub fn substitutes(&self, sku: &Sku) -> Result<Vec<Product>, StoreError> {
        self.related(sku, "substitutes")
    }

    fn related(&self, sku: &Sku, column: &str) -> Result<Vec<Product>, StoreError> {
        let columns = COLUMNS.split(',').map(|column| format!("p.{}", column.trim()));
        let sql = format!(
            "SELECT {} FROM products AS own, json_each(own.{column}) AS other \
             JOIN products AS p ON p.sku = other.value WHERE own.sku = ?1 ORDER BY other.key",
            columns.collect::<Vec<_>>().join(", ")
        );
        self.read(|tx| products(tx, &sql, sku))
    }

    /// Where a place is on the floor; `None` when the planogram does not have it.
    pub fn position(&self, place: &Location) -> Result<Option<Point>, StoreError> {
        let areas = self.areas()?;
        Ok(areas.iter().find(|area| area.id == place.aisle).map(|area| area.bay(place.bay)))
    }
}

fn products(conn: &Connection, sql: &str, sku: &Sku) -> Result<Vec<Product>, ReadError> {
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map(params![sku.as_str()], rows::product)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
