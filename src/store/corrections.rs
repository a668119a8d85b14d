//! The shop's corrections of its catalog: made, dropped, read. `state.db` holds them; that
//! `catalog.db` shows them is the overlay's.

use super::catalog::Catalog;
use super::intake::{References, sane_correction};
use super::outbox::{NewEvent, put};
use super::{ImportLimits, StoreError, overlay, state};
use crate::domain::{Correction, Sku};
use jiff::Timestamp;
use rusqlite::Transaction;

/// A correction as it stands.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Corrected {
    pub sku: Sku,
    #[serde(flatten)]
    pub correction: Correction,
    /// Whether the present catalog has the product; if not, the correction waits.
    pub carried: bool,
}

/// Why a correction was not taken.
#[derive(Debug, thiserror::Error)]
pub enum CorrectionError {
    #[error("the correction is not usable: {0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Catalog {
    /// Corrects a product for as long as the correction holds, over whatever this
    /// and later catalogs say. One for a product that is not in the present
    /// catalog waits.
    ///
    /// # Errors
    /// The correction makes no sense, or a database cannot be written. When it was
    /// kept but could not be shown yet, the next [`Catalog::reconcile`] does.
    pub fn correct(&self, sku: &Sku, correction: Correction) -> Result<(), CorrectionError> {
        self.correct_and_tell(sku, correction, &[], 0)
    }

    /// The same, with events that tell of it put into the outbox, which may take `cap` bytes: both
    /// or neither.
    ///
    /// # Errors
    /// As [`Catalog::correct`].
    pub fn correct_and_tell(
        &self,
        sku: &Sku,
        correction: Correction,
        events: &[NewEvent<'_>],
        cap: u64,
    ) -> Result<(), CorrectionError> {
        let max_price = ImportLimits::default().max_price_cents;
        let correction = sane_correction(correction, max_price).map_err(CorrectionError::Refused)?;
        if let Some(place) = &correction.location {
            let areas = match self.areas() {
                Err(StoreError::Empty) => Vec::new(),
                areas => areas?,
            };
            let areas = areas.into_iter().map(|area| (area.id.clone(), area)).collect();
            let known = References { areas, ..References::default() };
            known.check_place(place).map_err(CorrectionError::Refused)?;
        }
        self.state().correct(sku, &correction, |tx| keep_all(tx, events, cap))?;
        Ok(self.show_corrections()?)
    }

    /// Drops all corrections of a product: the catalog's own word counts again.
    /// How many there were.
    ///
    /// # Errors
    /// A database cannot be written.
    pub fn drop_correction(&self, sku: &Sku) -> Result<usize, StoreError> {
        self.drop_correction_and_tell(sku, &[], 0)
    }

    /// The same, with events that tell of it put into the outbox, which may take `cap` bytes, where
    /// there was any.
    ///
    /// # Errors
    /// A database cannot be written.
    pub fn drop_correction_and_tell(
        &self,
        sku: &Sku,
        events: &[NewEvent<'_>],
        cap: u64,
    ) -> Result<usize, StoreError> {
        let dropped = self.state().drop_corrections(sku, |tx| keep_all(tx, events, cap))?;
        self.show_corrections()?;
        Ok(dropped)
    }

    fn show_corrections(&self) -> Result<(), StoreError> {
        match self.reconcile(Timestamp::now()) {
            // An import is under way, and will show them.
            Ok(_) | Err(StoreError::Busy { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// All corrections in the order they were made, ended ones too.
    ///
    /// # Errors
    /// A database cannot be read.
    pub fn corrections(&self) -> Result<Vec<Corrected>, StoreError> {
        let made = self.state().read(state::made)?;
        self.connections.read(|tx| {
            let sql = "SELECT 1 FROM products WHERE sku = ?1 UNION ALL SELECT 1 FROM base WHERE sku = ?1";
            let mut is_carried = tx.prepare_cached(sql)?;
            let corrected = made.into_iter().map(|(sku, correction)| {
                Ok(Corrected { carried: is_carried.exists([sku.as_str()])?, sku, correction })
            });
            Ok(corrected.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Brings the catalog to what the shop and head office say over it at `now`: what another
    /// program wrote or a crash left, and what has ended, reservations too. Costs next to
    /// nothing when there is nothing to do. True when products changed.
    ///
    /// # Errors
    /// A database cannot be read or written.
    pub fn reconcile(&self, now: Timestamp) -> Result<bool, StoreError> {
        let ended = self.end_asides(now)?;
        Ok(overlay::reconcile(&self.connections, self.state(), now)? || ended)
    }
}

fn keep_all(tx: &Transaction<'_>, events: &[NewEvent<'_>], cap: u64) -> rusqlite::Result<()> {
    events.iter().try_for_each(|event| put(tx, event, cap).map(drop))
}
