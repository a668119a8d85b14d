//! Catalogs for the tests: the demo store as shipped, and small ones made up.

#![allow(dead_code)] // Each test file uses its own part.

pub mod bundle;
pub mod queries;

use aisle::feeds::NativeFeed;
use aisle::store::{Catalog, ImportError, ImportLimits, ImportReport};
use std::fmt::Write;
use std::path::{Path, PathBuf};

pub fn demo_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware-config/demo-store/catalog.jsonl")
}

pub fn import(catalog: &Catalog, file: &Path) -> Result<ImportReport, ImportError> {
    let mut feed = NativeFeed::open(file)?;
    catalog.import(&mut feed, &ImportLimits::default(), &mut |_| {})
}

/// The demo store, imported into a folder of its own.
pub fn demo() -> (tempfile::TempDir, Catalog) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    import(&catalog, &demo_file()).unwrap();
    (folder, catalog)
}

pub const HEADER: &str = r#"{"record":"catalog","format":1,"name":"Test","currency":"USD"}"#;

/// A catalog of `count` products called `NAME jam 0`, `NAME jam 1`, ...
pub fn made_up(name: &str, count: usize) -> String {
    let mut text = format!("{HEADER}\n");
    for at in 0..count {
        let line = format!(
            r#"{{"record":"product","sku":"{name}-{at}","title":"{name} jam {at}","price_cents":{at},"description":"A jar of {name} number {at} for breakfast, tea and cakes."}}"#
        );
        writeln!(text, "{line}").unwrap();
    }
    text
}

pub fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}
