//! Opens what lets the catalog be searched by meaning. A kiosk without it still
//! finds by words: a missing or damaged model is told, never fatal.

use crate::models::ModelDir;
use crate::models::encoder::MiniLm;
use crate::models::onnx::Runtime;
use crate::settings::Settings;
use crate::store::{Catalog, Encoder};
use anyhow::Result;
use std::path::Path;
use std::sync::Arc;

/// `catalog`, searched by meaning where the models in `folder` allow it.
#[must_use]
pub fn searched_by_meaning(catalog: Catalog, folder: &Path, settings: &Settings) -> Catalog {
    match encoder(folder, settings) {
        Ok(encoder) => catalog.with_encoder(encoder),
        Err(error) => {
            tracing::warn!("searching by words alone: {error:#}");
            catalog
        }
    }
}

fn encoder(folder: &Path, settings: &Settings) -> Result<Arc<dyn Encoder>> {
    let models = ModelDir::open(folder)?;
    let runtime = Runtime::load(&models.ready("onnxruntime")?)?;
    let threads = settings.catalog.threads as usize;
    Ok(Arc::new(MiniLm::open(&models, &runtime, threads)?))
}
