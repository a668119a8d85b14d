//! A typed search: what is required is read out of the words and heeded, as it is
//! in a conversation. Never answers a question; that is a turn's.

use super::lookup::{filters, required};
use crate::dialog::constraint;
use crate::domain::Product;
use crate::store::{Catalog, Facet, Facets, Hit, SearchOutcome, SearchRequest, StoreError};
use serde_json::{Value, json};

/// Searches for `text`, with what it requires as filters.
///
/// # Errors
/// No catalog is loaded, or it cannot be read.
pub fn search(
    catalog: &Catalog,
    text: &str,
    limit: usize,
    facets: bool,
) -> Result<SearchOutcome, StoreError> {
    let (text, constraints) = constraint::split(text);
    let request = SearchRequest { text, limit, filters: filters(&constraints), facets };
    required(catalog, &request, constraints.cheapest_first)
}

/// What the found products could be narrowed by, a line a facet, for a terminal.
#[must_use]
pub fn facet_lines(facets: &Facets) -> Vec<String> {
    let counted = |facets: &[Facet]| {
        let each = facets.iter().map(|facet| format!("{} ({})", facet.value, facet.count));
        each.collect::<Vec<_>>().join(", ")
    };
    let named = [("kind", &facets.kinds), ("brand", &facets.brands), ("dietary", &facets.dietary)];
    let named =
        named.into_iter().chain(facets.attributes.iter().map(|(name, facets)| (name.as_str(), facets)));
    named
        .filter(|(_, facets)| !facets.is_empty())
        .map(|(name, facets)| format!("  {name}: {}", counted(facets)))
        .collect()
}

/// The outcome as the command line gives it.
#[must_use]
pub fn to_json(id: Option<Value>, outcome: &SearchOutcome) -> Value {
    let row = |hit: &Hit| {
        json!({
            "sku": hit.product.sku, "title": hit.product.label(), "score": hit.score, "reason": hit.reason,
        })
    };
    let rows = |hits: &[Hit]| hits.iter().map(row).collect::<Vec<_>>();
    let mut told = json!({
        "id": id,
        "hits": rows(&outcome.hits),
        "found": outcome.found,
        "no_match": outcome.no_match,
        "other_size": outcome.other_size,
        "alternatives": rows(&outcome.alternatives),
    });
    if !outcome.stopped.is_empty() {
        let row = |product: &Product| json!({"sku": product.sku, "title": product.label()});
        told["stopped"] = outcome.stopped.iter().map(row).collect();
    }
    if let Some(facets) = &outcome.facets {
        told["facets"] = json!(facets);
    }
    told
}
