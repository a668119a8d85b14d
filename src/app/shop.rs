//! What turns need of the catalog at hand and of what came with it: read once, and again when the
//! catalog has changed, so that they never disagree. Empty where there is no catalog yet. Answers
//! nothing.

use crate::dialog::menu::Menu;
use crate::dialog::prompt::Prompts;
use crate::settings::{self, Settings};
use crate::store::{Catalog, CatalogInfo, Edition, StoreError};
use crate::sync::enclosed::{Bodies, Enclosed};
use crate::sync::wire::catalog::FileName;
use std::collections::{BTreeMap, BTreeSet};

/// Most products of a counter whose names are told from the menu's.
const COUNTER: usize = 500;

/// One reading of the catalog.
pub(super) struct Shop {
    /// `None`: there is no catalog.
    edition: Option<Edition>,
    pub(super) info: CatalogInfo,
    pub(super) menu: Menu,
    /// Names of areas by their signs.
    pub(super) areas: BTreeMap<String, String>,
    /// Those of the kiosk, with what head office says of the store.
    pub(super) settings: Settings,
    /// What the language model is told.
    pub(super) prompts: Prompts,
}

impl Shop {
    /// Where there is no catalog.
    pub(super) fn none(settings: &Settings) -> Self {
        Self {
            edition: None,
            info: CatalogInfo::default(),
            menu: Menu::default(),
            areas: BTreeMap::new(),
            settings: settings.clone(),
            prompts: Prompts::default(),
        }
    }

    /// # Errors
    /// No catalog is loaded, or it cannot be read.
    pub(super) fn read(catalog: &Catalog, settings: &Settings) -> Result<Self, StoreError> {
        // First, so that a change in between is noticed later, not missed.
        let edition = Some(catalog.edition()?);
        let Enclosed { facts, synonyms, prompts } = enclosed(catalog)?;
        let menu = menu(catalog)?.said_as(&synonyms);
        let areas = catalog.areas()?.into_iter().map(|area| (area.id, area.name)).collect();
        let settings = facts.over(settings, settings::environment());
        Ok(Self { edition, info: catalog.info()?, menu, areas, settings, prompts })
    }

    /// As the catalog is now, where that is another one.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn newer(&self, catalog: &Catalog, settings: &Settings) -> Result<Option<Self>, StoreError> {
        let is_same = Some(catalog.edition()?) == self.edition;
        if is_same { Ok(None) } else { Self::read(catalog, settings).map(Some) }
    }

    /// Whether a catalog was there to be read.
    pub(super) fn is_there(&self) -> bool {
        self.edition.is_some()
    }
}

/// The menu as the catalog writes it.
///
/// # Errors
/// No catalog is loaded, or it cannot be read.
pub(super) fn menu(catalog: &Catalog) -> Result<Menu, StoreError> {
    let items = catalog.made_to_order()?;
    let counters: BTreeSet<String> = items.iter().filter_map(|item| item.category.first().cloned()).collect();
    let mut goods = Vec::new();
    for counter in &counters {
        goods.extend(catalog.in_category(&[counter], COUNTER)?);
    }
    Ok(Menu::new(items, catalog.option_groups()?).beside(&goods))
}

/// What came with the catalog.
fn enclosed(catalog: &Catalog) -> Result<Enclosed, StoreError> {
    let mut bodies = Bodies::new();
    for name in FileName::ALL {
        if let Some(body) = catalog.bundle_file(name.key())? {
            bodies.insert(name, body);
        }
    }
    Ok(Enclosed::read(&bodies).unwrap_or_else(|error| {
        // It was read before it was taken, by another version of this program perhaps.
        tracing::error!("what came with the catalog is not used: {error}");
        Enclosed::default()
    }))
}
