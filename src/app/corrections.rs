//! The shop's corrections at a terminal: arguments to a correction, and the list
//! of what is corrected.

use super::cli::Correct;
use crate::domain::{Correction, Currency, Location};
use crate::store::Corrected;
use anyhow::{Result, ensure};
use jiff::Timestamp;
use std::fmt::Write;

/// The correction that `arguments` ask for, known at `now`.
///
/// # Errors
/// A bay or shelf without its aisle.
pub fn correction(arguments: Correct, now: Timestamp) -> Result<Correction> {
    let Correct { bay, shelf, .. } = arguments;
    ensure!(
        arguments.aisle.is_some() || (bay.is_none() && shelf.is_none()),
        "--bay and --shelf need --aisle: a place is given whole"
    );
    Ok(Correction {
        price_cents: arguments.price,
        promotion: None,
        stock: arguments.stock,
        availability: None,
        location: arguments.aisle.map(|aisle| Location { aisle, bay, shelf }),
        title: arguments.title,
        description: arguments.description,
        synonyms: arguments.synonym,
        photo: arguments.photo,
        withdrawn: arguments.withdraw,
        as_of: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        until: arguments.until,
        note: arguments.note,
    })
}

/// One line a correction.
#[must_use]
pub fn list(corrected: &[Corrected], currency: Currency, now: Timestamp) -> String {
    let mut text = String::new();
    for Corrected { sku, correction, carried } in corrected {
        let said = |name: &str, value: &Option<String>| value.as_ref().map(|v| format!("{name} {v:?}"));
        let mut parts: Vec<String> = [
            correction.withdrawn.then(|| "withdrawn".to_owned()),
            correction.price_cents.map(|cents| format!("price {}", currency.show(cents))),
            correction.promotion.as_ref().map(|offer| format!("offer {}", currency.show(offer.price_cents))),
            correction.stock.map(|pieces| format!("stock {pieces}")),
            correction.availability.map(|word| format!("availability {}", word.name())),
            correction.location.as_ref().map(ToString::to_string),
            said("title", &correction.title),
            said("description", &correction.description),
            said("photo", &correction.photo),
        ]
        .into_iter()
        .flatten()
        .collect();
        parts.extend(correction.synonyms.iter().map(|word| format!("synonym {word:?}")));
        let until = correction.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
        let state = match (correction.holds(now), carried) {
            (false, _) => " (ended)",
            (true, false) => " (waits: not in the present catalog)",
            (true, true) => "",
        };
        let note = correction.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<9} {} since {}{until}{state}{note}",
            sku.as_str(),
            parts.join(", "),
            correction.as_of
        );
    }
    text
}
