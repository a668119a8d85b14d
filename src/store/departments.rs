//! The widest categories and the aisles, for who looks around before asking.

use super::StoreError;
use super::catalog::{Catalog, bounded, list};
use super::rows::COLUMNS;
use crate::domain::Product;
use rusqlite::params;

/// A widest category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Department {
    pub name: String,
    pub products: u32,
    /// Name of a photograph of one of them.
    pub photo: Option<String>,
}

impl Catalog {
    /// The widest categories, in catalog order.
    ///
    /// # Errors
    /// No catalog is loaded, or it cannot be read.
    pub fn departments(&self) -> Result<Vec<Department>, StoreError> {
        self.read(|tx| {
            let sql = "SELECT category ->> 0 AS name, count(*), min(photo) FROM products \
                       WHERE name IS NOT NULL GROUP BY name ORDER BY min(id)";
            let mut statement = tx.prepare_cached(sql)?;
            let departments = statement.query_map([], |row| {
                Ok(Department { name: row.get(0)?, products: row.get(1)?, photo: row.get(2)? })
            })?;
            Ok(departments.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Products that stand in the aisle or counter of this sign, in catalog order.
    ///
    /// # Errors
    /// As [`Catalog::departments`].
    pub fn in_area(&self, sign: &str, limit: usize) -> Result<Vec<Product>, StoreError> {
        self.read(|tx| {
            let sql = format!("SELECT {COLUMNS} FROM products WHERE aisle = ?1 ORDER BY id LIMIT ?2");
            Ok(list(tx, &sql, params![sign, bounded(limit)])?)
        })
    }

    /// Names of photographs, a few of each narrowest category, well mixed, at most `limit`.
    ///
    /// # Errors
    /// As [`Catalog::departments`].
    pub fn photographs(&self, limit: u32) -> Result<Vec<String>, StoreError> {
        self.read(|tx| {
            let sql = "SELECT min(photo) FROM products WHERE photo IS NOT NULL \
                       GROUP BY category, id % 4 ORDER BY min(id) * 7919 % 1009 LIMIT ?1";
            let mut statement = tx.prepare_cached(sql)?;
            let names = statement.query_map(params![limit], |row| row.get(0))?;
            Ok(names.collect::<rusqlite::Result<_>>()?)
        })
    }
}
