//! Photographs that come beside a catalog file: copied into the data folder, where the
//! screen reads them, each whole or not at all. A photograph that is missing is none.

use crate::domain::product::is_photo_name;
use crate::store::{Catalog, StoreError};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Largest photograph that is copied, in bytes.
const MAX_BYTES: u64 = 20 << 20;

/// How many photographs the catalog names, and how many of them are there now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mirrored {
    pub named: usize,
    pub there: usize,
}

/// Copies the photographs that products name from the folder `photos` beside `feed` into
/// `to`; those that are there in the same size are left alone, none is deleted.
///
/// # Errors
/// The catalog cannot be read, or the folder not be written.
pub fn mirror(catalog: &Catalog, feed: &Path, to: &Path) -> Result<Mirrored, PicturesError> {
    let mut names = BTreeSet::new();
    catalog.for_each_product(|product| names.extend(product.photo))?;
    names.retain(|name| is_photo_name(name));
    let from = feed.parent().unwrap_or(Path::new("")).join("photos");
    let mut mirrored = Mirrored { named: names.len(), there: 0 };
    if from.is_dir() && !names.is_empty() {
        fs::create_dir_all(to).map_err(PicturesError::Folder)?;
    }
    for name in names {
        let (source, target) = (from.join(&name), to.join(&name));
        let size = |path: &Path| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|meta| meta.len());
        match (size(&source), size(&target)) {
            (Some(new), old) if new <= MAX_BYTES && old != Some(new) => {
                copy(&source, &target).map_err(PicturesError::Folder)?;
                mirrored.there += 1;
            }
            (_, Some(_)) => mirrored.there += 1,
            _ => {}
        }
    }
    Ok(mirrored)
}

/// Why photographs could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum PicturesError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the photographs cannot be copied into the data folder: {0}")]
    Folder(#[source] io::Error),
}

fn copy(source: &Path, target: &Path) -> io::Result<()> {
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut part = tempfile::NamedTempFile::new_in(folder)?;
    io::copy(&mut fs::File::open(source)?, &mut part)?;
    // The service reads them under a user of its own.
    part.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    part.persist(target).map_err(|error| error.error)?;
    Ok(())
}
