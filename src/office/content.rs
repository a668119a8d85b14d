//! Owns how a catalog file becomes what is published: it is imported, with all the checks of
//! `aisle catalog import`, into a database that nobody else sees and that goes afterwards. So the
//! rows are those that a kiosk will have, to the byte. Never packs or sends anything.

use crate::domain::{AsOf, Sku};
use crate::feeds::{self, Mapping, MappingError};
use crate::store::{
    BundleFile, Catalog, Feed, FeedError, ImportError, ImportLimits, ImportReport, Renewal, StoreError,
};
use crate::sync::digest::Digest;
use crate::sync::enclosed::Bodies;
use crate::sync::pack::PackError;
use crate::sync::root::{RootHasher, Row};
use crate::sync::wire::catalog::FileName;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Highest price that a kiosk believes, in cents, as its ingest has it.
pub const MAX_PRICE_CENTS: i64 = 10_000_000;

/// Why a file cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    #[error(transparent)]
    Mapping(#[from] MappingError),
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the catalog cannot be packed: {0}")]
    Pack(#[from] PackError),
    #[error("there is no room to work in {} ({why})", path.display())]
    Room { path: PathBuf, why: std::io::Error },
}

/// What is taken of a file.
#[derive(Debug, Clone, Default)]
pub struct Taking {
    pub mapping: Option<PathBuf>,
    pub as_of: Option<AsOf>,
    /// Highest believable price, in cents; a kiosk's own limit holds too.
    pub max_price_cents: i64,
    /// Share of lines that may be bad, 0 to 1.
    pub bad_share: f64,
}

/// A file's catalog, imported.
pub struct Imported {
    catalog: Catalog,
    pub report: ImportReport,
    /// What the reader did not use.
    pub notes: Vec<String>,
    folder: TempDir,
}

/// The content of a catalog while it is looked at.
pub struct Content<'a> {
    pub headers: Vec<Vec<u8>>,
    /// The numbers and digests of all rows, in the order of the numbers.
    pub rows: Vec<(Sku, Digest)>,
    pub root: Digest,
    row: &'a dyn Fn(&Sku) -> Result<Row, PackError>,
}

impl Imported {
    /// Imports `file` into a folder of its own in `room`.
    ///
    /// # Errors
    /// The file or its mapping is not usable, or there is no room.
    pub fn read(file: &Path, taking: &Taking, room: &Path) -> Result<Self, ContentError> {
        let mapping = taking.mapping.as_deref().map(Mapping::read).transpose()?;
        let mut feed = feeds::open(file, mapping.as_ref(), &feeds::Options::default())?;
        let folder = tempfile::Builder::new().prefix(super::files::NEW).tempdir_in(room);
        let folder = folder.map_err(|why| ContentError::Room { path: room.to_owned(), why })?;
        let catalog = Catalog::open(folder.path())?;
        let limits = ImportLimits {
            max_price_cents: taking.max_price_cents.min(MAX_PRICE_CENTS),
            bad_share: taking.bad_share,
            as_of: taking.as_of.clone(),
            ..ImportLimits::default()
        };
        let report = catalog.import(&mut feed, &limits, &mut |_| {})?;
        Ok(Self { catalog, report, notes: feed.notes(), folder })
    }

    /// The database, for those who try it; what they change in it changes no bundle.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The folder that the database is in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Has the database hold what comes with the catalog, as a kiosk's will.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn enclose(&self, bodies: &Bodies) -> Result<(), StoreError> {
        let file = |(name, body): (&FileName, &Vec<u8>)| {
            (name.key().to_owned(), BundleFile { sha256: Digest::of(body), body: body.clone() })
        };
        self.catalog.enclose(&bodies.iter().map(file).collect())
    }

    /// Looks at the content; nothing is changed.
    ///
    /// # Errors
    /// It cannot be read; the first error of `work`.
    pub fn look<T>(
        &self,
        work: impl FnOnce(&Content<'_>) -> Result<T, ContentError>,
    ) -> Result<T, ContentError> {
        let mut skus = Vec::new();
        self.catalog.for_each_product(|product| skus.push(product.sku))?;
        skus.sort_unstable();
        // A renewal that is rolled back: it alone knows the rows beneath what reads make of them.
        let mut made = None;
        let ended = self.catalog.renew::<Ended>(&mut |_| {}, |renewal| {
            let renewal = &*renewal;
            let row = |sku: &Sku| row(renewal, sku);
            let headers = renewal.headers()?;
            made = Some(Content::of(headers, skus, &row).and_then(|content| work(&content)));
            Err(Ended::Here)
        });
        match (made, ended) {
            (Some(made), _) => made,
            (None, Err(Ended::Store(error))) => Err(error.into()),
            (None, _) => Err(StoreError::Empty.into()),
        }
    }
}

/// How a look ends: never with a change.
enum Ended {
    Here,
    Store(StoreError),
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<'a> Content<'a> {
    fn of(
        headers: Vec<Vec<u8>>,
        skus: Vec<Sku>,
        row: &'a dyn Fn(&Sku) -> Result<Row, PackError>,
    ) -> Result<Self, ContentError> {
        let mut root = RootHasher::new(&headers);
        let mut rows = Vec::with_capacity(skus.len());
        for sku in skus {
            let digest = row(&sku)?.digest();
            root.row(&sku, digest)?;
            rows.push((sku, digest));
        }
        Ok(Self { headers, rows, root: root.finish(), row })
    }

    /// A product's row.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn row(&self, sku: &Sku) -> Result<Row, PackError> {
        (self.row)(sku)
    }
}

fn row(renewal: &Renewal<'_>, sku: &Sku) -> Result<Row, PackError> {
    let line = renewal.line(sku).map_err(|error| PackError::Old(error.into()))?;
    Row::read(line.ok_or(PackError::Base("a product is not there"))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn taking() -> Taking {
        Taking { max_price_cents: i64::MAX, bad_share: 0.05, ..Taking::default() }
    }

    fn root(text: &str) -> Result<Digest, ContentError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("catalog.jsonl");
        fs::write(&file, text).unwrap();
        let imported = Imported::read(&file, &taking(), folder.path())?;
        let root = imported.look(|content| Ok(content.root));
        drop(imported);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing stays behind");
        root
    }

    const HEADER: &str = r#"{"record":"catalog","format":1,"name":"A","currency":"USD"}"#;

    #[test]
    fn the_root_is_that_of_canonical_rows_whatever_their_order_and_spelling() {
        let two = r#"{"record":"product","sku":"B","title":"two","accessories":["X-1"]}"#;
        let one = r#"{"record":"product","sku":"A","title":"one"}"#;
        let spelled = r#"{"sku":"B","record":"product","brand":null,"accessories":["X-1"],"title":" two\t"}"#;
        let plain = root(&format!("{HEADER}\n{one}\n{two}\n")).unwrap();
        assert_eq!(root(&format!("{HEADER}\n{spelled}\n{one}\n")).unwrap(), plain);
        let rows = [("A", one), ("B", two)].map(|(sku, line)| {
            // As a kiosk writes it: keys in the order of the type.
            (Sku::new(sku).unwrap(), Row::read(line.as_bytes().to_vec()).unwrap().digest())
        });
        assert_eq!(crate::sync::root::root(&[HEADER], rows.to_vec()).unwrap(), plain);
    }

    #[test]
    fn what_an_import_would_refuse_is_refused() {
        assert!(matches!(root("not a catalog at all\n"), Err(ContentError::Feed(_))));
        assert!(matches!(root(&format!("{HEADER}\n")), Err(ContentError::Import(_))));
        let dear = r#"{"record":"product","sku":"A","title":"one","price_cents":10000001}"#;
        assert!(matches!(root(&format!("{HEADER}\n{dear}\n")), Err(ContentError::Import(_))));
    }
}
