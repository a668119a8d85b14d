//! What turns need of the catalog at hand: read once, and again when the catalog has changed.
//! Empty where there is no catalog yet. Answers nothing.

use crate::dialog::menu::Menu;
use crate::store::{Catalog, CatalogInfo, Edition, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// Most products of a counter whose names are told from the menu's.
const COUNTER: usize = 500;

/// One reading of the catalog.
#[derive(Default)]
pub(super) struct Shop {
    /// `None`: there is no catalog.
    edition: Option<Edition>,
    pub(super) info: CatalogInfo,
    pub(super) menu: Menu,
    /// Names of areas by their signs.
    areas: BTreeMap<String, String>,
}

impl Shop {
    /// # Errors
    /// No catalog is loaded, or it cannot be read.
    pub(super) fn read(catalog: &Catalog) -> Result<Self, StoreError> {
        // First, so that a change in between is noticed later, not missed.
        let edition = Some(catalog.edition()?);
        let items = catalog.made_to_order()?;
        let counters: BTreeSet<String> =
            items.iter().filter_map(|item| item.category.first().cloned()).collect();
        let mut goods = Vec::new();
        for counter in &counters {
            goods.extend(catalog.in_category(&[counter], COUNTER)?);
        }
        let menu = Menu::new(items, catalog.option_groups()?).beside(&goods);
        let areas = catalog.areas()?.into_iter().map(|area| (area.id, area.name)).collect();
        Ok(Self { edition, info: catalog.info()?, menu, areas })
    }

    /// As the catalog is now, where that is another one.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn newer(&self, catalog: &Catalog) -> Result<Option<Self>, StoreError> {
        if Some(catalog.edition()?) == self.edition { Ok(None) } else { Self::read(catalog).map(Some) }
    }

    /// Whether a catalog was there to be read.
    pub(super) fn is_there(&self) -> bool {
        self.edition.is_some()
    }

    pub(super) fn areas(&self) -> &BTreeMap<String, String> {
        &self.areas
    }
}
