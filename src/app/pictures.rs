//! Photographs that come beside a catalog file: copied into the data folder, where the
//! screen reads them, each whole or not at all. A photograph that is missing is none.

use crate::domain::product::is_photo_name;
use crate::store::{Catalog, StoreError};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Largest photograph that is copied, in bytes.
const MAX_BYTES: u64 = 20 << 20;

/// File in the photographs' folder that names those that were copied, one a line.
const COPIED: &str = ".copied";

/// How many photographs the catalog names, and how many of them are there now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mirrored {
    pub named: usize,
    pub there: usize,
}

/// Copies the photographs that products name from the folder `photos` beside `feed` into
/// `to`; those that are there in the same size are left alone, those that no product names
/// any more are deleted if they were copied and not put there by hand.
///
/// # Errors
/// The catalog cannot be read, or the folder not be written.
pub fn mirror(catalog: &Catalog, feed: &Path, to: &Path) -> Result<Mirrored, PicturesError> {
    let mut names = BTreeSet::new();
    catalog.for_each_product(|product| names.extend(product.photo))?;
    names.retain(|name| is_photo_name(name));
    bring(&names, &feed.parent().unwrap_or(Path::new("")).join("photos"), to)
}

fn bring(names: &BTreeSet<String>, from: &Path, to: &Path) -> Result<Mirrored, PicturesError> {
    let size = |path: &Path| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|meta| meta.len());
    let is_new = |name: &&String| {
        let new = size(&from.join(name)).filter(|bytes| *bytes <= MAX_BYTES);
        new.is_some() && new != size(&to.join(name))
    };
    let new: BTreeSet<String> = names.iter().filter(is_new).cloned().collect();
    let before = copied(to);
    if !new.is_empty() {
        fs::create_dir_all(to).map_err(PicturesError::Folder)?;
        // Before they are: a copy that is not noted would never be deleted.
        note(to, &before.union(&new).cloned().collect()).map_err(PicturesError::Folder)?;
    }
    for name in &new {
        copy(&from.join(name), &to.join(name)).map_err(PicturesError::Folder)?;
    }
    let mut old = before.difference(names).peekable();
    if old.peek().is_some() {
        clear(to, old).map_err(PicturesError::Clearing)?;
        let kept = before.intersection(names).chain(&new).cloned().collect();
        note(to, &kept).map_err(PicturesError::Clearing)?;
    }
    let there = names.iter().filter(|name| size(&to.join(name)).is_some()).count();
    Ok(Mirrored { named: names.len(), there })
}

/// Why photographs could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum PicturesError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the photographs cannot be copied into the data folder: {0}")]
    Folder(#[source] io::Error),
    #[error("photographs that no product has any more cannot be deleted from the data folder: {0}")]
    Clearing(#[source] io::Error),
}

/// The names of the photographs in `folder` that were copied there, not put there by hand.
fn copied(folder: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(folder.join(COPIED)).unwrap_or_default();
    text.lines().filter(|name| is_photo_name(name)).map(str::to_owned).collect()
}

/// Deletes the photographs that are called `old`.
fn clear<'a>(folder: &Path, old: impl Iterator<Item = &'a String>) -> io::Result<()> {
    for name in old {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Notes which photographs were copied.
fn note(folder: &Path, copied: &BTreeSet<String>) -> io::Result<()> {
    let mut part = tempfile::NamedTempFile::new_in(folder)?;
    for name in copied {
        writeln!(part, "{name}")?;
    }
    part.persist(folder.join(COPIED)).map_err(|error| error.error)?;
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_product_names_any_more_is_deleted_and_nothing_else() {
        let (shop, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (from, to) = (shop.path().join("photos"), data.path().join("photos"));
        fs::create_dir(&from).unwrap();
        for name in ["milk.jpg", "bread.jpg"] {
            fs::write(from.join(name), name).unwrap();
        }
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        let bring = |own: &[&str]| bring(&names(own), &from, &to).unwrap();
        assert_eq!(bring(&[]), Mirrored { named: 0, there: 0 });
        assert!(!to.exists(), "without photographs there is no folder");
        assert_eq!(bring(&["milk.jpg", "bread.jpg", "gone.jpg"]), Mirrored { named: 3, there: 2 });
        fs::write(to.join("by hand.jpg"), "x").unwrap();
        fs::write(from.join("bread.jpg"), "another bread").unwrap();
        assert_eq!(bring(&["bread.jpg"]), Mirrored { named: 1, there: 1 });
        assert_eq!(fs::read_to_string(to.join("bread.jpg")).unwrap(), "another bread");
        assert!(!to.join("milk.jpg").exists(), "it is of no product");
        // A catalog without photographs takes the last of them, not what somebody put there.
        assert_eq!(bring(&[]), Mirrored { named: 0, there: 0 });
        assert!(!to.join("bread.jpg").exists() && to.join("by hand.jpg").exists());
    }

    #[test]
    fn a_feed_beside_the_photographs_themselves_loses_none() {
        let shop = tempfile::tempdir().unwrap();
        let photos = shop.path().join("photos");
        fs::create_dir(&photos).unwrap();
        fs::write(photos.join("milk.jpg"), "milk").unwrap();
        let named = BTreeSet::from(["milk.jpg".to_owned()]);
        assert_eq!(bring(&named, &photos, &photos).unwrap(), Mirrored { named: 1, there: 1 });
        bring(&BTreeSet::new(), &photos, &photos).unwrap();
        assert!(photos.join("milk.jpg").exists());
    }
}
