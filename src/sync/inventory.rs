//! What the store knows of its goods, told to head office beside the fact: corrections and counts
//! go into `state.db` together with the events that tell of them, both or neither. Says nothing of
//! who counted, nor why.

use super::tell::Made;
use super::wire::WireError;
use super::wire::event::{Field, Inventory};
use crate::domain::{Correction, Sku, moment};
use crate::store::{Catalog, CorrectionError, NewEvent, StoreError};
use jiff::Timestamp;

/// Why a correction was not taken.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    #[error(transparent)]
    Correction(#[from] CorrectionError),
    #[error("the correction is not usable: {0}")]
    Unfit(#[from] WireError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Corrects a product, and tells head office. The outbox may take `cap` bytes.
///
/// # Errors
/// The correction makes no sense, or a database cannot be written.
pub fn correct(
    catalog: &Catalog,
    sku: &Sku,
    correction: Correction,
    now: Timestamp,
    cap: u64,
) -> Result<(), InventoryError> {
    let told = told(sku, &correction, now);
    let made: Vec<Made> = told.iter().map(|what| Made::of(what, now)).collect::<Result<_, _>>()?;
    let events: Vec<NewEvent<'_>> = made.iter().map(Made::event).collect();
    Ok(catalog.correct_and_tell(sku, correction, &events, cap)?)
}

/// Takes all corrections of a product back, and tells head office; how many there were.
///
/// # Errors
/// A database cannot be written.
pub fn drop_correction(
    catalog: &Catalog,
    sku: &Sku,
    now: Timestamp,
    cap: u64,
) -> Result<usize, InventoryError> {
    let made = Made::of(&Inventory::CorrectionDropped { sku: sku.clone() }, now)?;
    Ok(catalog.drop_correction_and_tell(sku, &[made.event()], cap)?)
}

/// What head office is told of a correction: one event a field, a count as such.
fn told(sku: &Sku, correction: &Correction, now: Timestamp) -> Vec<Inventory> {
    let as_of = moment::first(&correction.as_of).unwrap_or(now);
    let until = correction.until.as_deref().and_then(moment::last);
    let Correction { price_cents, promotion, stock, availability, location, title, .. } = correction;
    let is_text = title.is_some() || correction.description.is_some() || !correction.synonyms.is_empty();
    let fields = [
        (Field::Price, price_cents.is_some()),
        (Field::Promotion, promotion.is_some()),
        (Field::Availability, availability.is_some()),
        (Field::Location, location.is_some()),
        (Field::Text, is_text),
        (Field::Photo, correction.photo.is_some()),
        (Field::Withdrawn, correction.withdrawn),
    ];
    let counted = stock.map(|stock| Inventory::Counted { sku: sku.clone(), stock, as_of });
    let corrected = fields.into_iter().filter(|(_, is_corrected)| *is_corrected).map(|(field, _)| {
        let price_cents = price_cents.filter(|_| field == Field::Price);
        Inventory::Corrected { sku: sku.clone(), field, price_cents, as_of, until }
    });
    counted.into_iter().chain(corrected).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Lane;

    const ROOM: u64 = 1 << 20;

    fn sku() -> Sku {
        Sku::new("A").unwrap()
    }

    fn made(json: &str) -> Correction {
        serde_json::from_str(json).unwrap()
    }

    fn now() -> Timestamp {
        "2026-11-26T09:00:00Z".parse().unwrap()
    }

    fn waiting(catalog: &Catalog) -> Vec<String> {
        let waiting = catalog.waiting_events(Lane::Inventory, 0, 100, 1 << 20).unwrap();
        waiting.into_iter().map(|event| event.body).collect()
    }

    #[test]
    fn each_field_is_told_and_a_count_is_a_count() {
        let correction = made(
            r#"{"as_of":"2026-11-26T08:00:00Z","until":"2026-11-27","price_cents":99,"stock":3,
                "title":"Pear","synonyms":["birne"],"withdrawn":true}"#,
        );
        let told = told(&sku(), &correction, now());
        let (as_of, until) = (now() - jiff::SignedDuration::from_hours(1), moment::last("2026-11-27"));
        let corrected =
            |field, price_cents| Inventory::Corrected { sku: sku(), field, price_cents, as_of, until };
        assert_eq!(
            told,
            [
                Inventory::Counted { sku: sku(), stock: 3, as_of },
                corrected(Field::Price, Some(99)),
                corrected(Field::Text, None),
                corrected(Field::Withdrawn, None),
            ]
        );
    }

    #[test]
    fn what_is_refused_is_not_told_and_what_is_taken_back_is() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path()).unwrap();
        let bad = made(r#"{"as_of":"2026-11-26","price_cents":-5}"#);
        correct(&catalog, &sku(), bad, now(), ROOM).unwrap_err();
        assert_eq!((waiting(&catalog).len(), catalog.corrections().unwrap().len()), (0, 0));
        let good = made(r#"{"as_of":"2026-11-26","stock":5}"#);
        correct(&catalog, &sku(), good, now(), ROOM).unwrap();
        assert_eq!(drop_correction(&catalog, &sku(), now(), ROOM).unwrap(), 1);
        assert_eq!(drop_correction(&catalog, &sku(), now(), ROOM).unwrap(), 0, "there was none");
        let told = waiting(&catalog);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("counted") && told[1].contains("correction_dropped"), "{told:?}");
    }
}
