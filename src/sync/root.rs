//! Canonical rows, and the digest of a whole content. A row is the line that `aisle catalog
//! export` writes for a product; what of it is read here is its kind and its number only.
//!
//! The root is the SHA-256 of: `aisle/v1/root` and a NUL; the number of header lines and each
//! of them with its length; each product's number with its length and the SHA-256 of its line,
//! in ascending order of the numbers' bytes; the number of products. Numbers are little-endian,
//! counts of 64 and lengths of 32 bits. So a changed row costs one digest, not the digest of
//! the whole catalog.

use super::digest::{Digest, Hasher};
use super::pack::PackError;
use crate::domain::Sku;
use serde::Deserialize;
use std::borrow::Cow;

/// Longest line, in bytes, as the importers read it.
pub const MAX_LINE: usize = 1 << 20;
/// Most header lines: option groups, areas and the catalog's own.
pub const MAX_HEADERS: usize = 10_000;

/// A product's line, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    sku: Sku,
    line: Vec<u8>,
}

/// A line of a catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The catalog's own, an option group, an area or the kiosk's place.
    Header(Vec<u8>),
    Product(Row),
}

#[derive(Deserialize)]
struct Peek<'a> {
    #[serde(borrow)]
    record: Cow<'a, str>,
    #[serde(borrow, default)]
    sku: Option<Cow<'a, str>>,
}

impl Line {
    /// Reads a line, without its end.
    ///
    /// # Errors
    /// It is no record of a catalog, or too long.
    pub fn read(line: Vec<u8>) -> Result<Self, PackError> {
        if line.len() > MAX_LINE || line.contains(&b'\n') {
            return Err(PackError::Content("a line is too long, or two"));
        }
        let peek: Peek<'_> =
            serde_json::from_slice(&line).map_err(|_| PackError::Content("a line is no record"))?;
        match &*peek.record {
            "product" => {
                let text = peek.sku.as_deref().unwrap_or_default();
                let sku = Sku::new(text).filter(|sku| sku.as_str() == text);
                let sku = sku.ok_or(PackError::Content("a product has no number"))?;
                Ok(Self::Product(Row { sku, line }))
            }
            "catalog" | "option_group" | "aisle" | "kiosk" => Ok(Self::Header(line)),
            _ => Err(PackError::Content("a record is of a kind that is not known: update the program")),
        }
    }
}

impl Row {
    /// Reads a product's line, without its end.
    ///
    /// # Errors
    /// It is none, or too long.
    pub fn read(line: Vec<u8>) -> Result<Self, PackError> {
        match Line::read(line)? {
            Line::Product(row) => Ok(row),
            Line::Header(_) => Err(PackError::Content("a product was to come, and a header came")),
        }
    }

    #[must_use]
    pub fn sku(&self) -> &Sku {
        &self.sku
    }

    #[must_use]
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// What stands for the row in the root.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.line)
    }
}

/// Makes a root, product by product.
#[derive(Clone)]
pub struct RootHasher {
    hasher: Hasher,
    last: Option<Sku>,
    count: u64,
}

impl RootHasher {
    #[must_use]
    pub fn new<L: AsRef<[u8]>>(headers: &[L]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(b"aisle/v1/root\0");
        hasher.update(&(headers.len() as u64).to_le_bytes());
        for header in headers {
            sized(&mut hasher, header.as_ref());
        }
        Self { hasher, last: None, count: 0 }
    }

    /// The next product.
    ///
    /// # Errors
    /// Its number does not come after the one before.
    pub fn row(&mut self, sku: &Sku, digest: Digest) -> Result<(), PackError> {
        if self.last.as_ref().is_some_and(|last| last >= sku) {
            return Err(PackError::Content("the products do not stand in the order of their numbers"));
        }
        sized(&mut self.hasher, sku.as_str().as_bytes());
        self.hasher.update(&digest.0);
        self.last = Some(sku.clone());
        self.count += 1;
        Ok(())
    }

    /// How many products there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    #[must_use]
    pub fn finish(mut self) -> Digest {
        self.hasher.update(&self.count.to_le_bytes());
        self.hasher.finish()
    }
}

fn sized(hasher: &mut Hasher, bytes: &[u8]) {
    // Lines are at most 1 MiB.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    hasher.update(&length.to_le_bytes());
    hasher.update(bytes);
}

/// The root of products in any order.
///
/// # Errors
/// A number stands there twice.
pub fn root<L: AsRef<[u8]>>(headers: &[L], mut rows: Vec<(Sku, Digest)>) -> Result<Digest, PackError> {
    rows.sort_unstable();
    let mut hasher = RootHasher::new(headers);
    rows.iter().try_for_each(|(sku, digest)| hasher.row(sku, *digest))?;
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(sku: &str, rest: &str) -> Row {
        Row::read(format!(r#"{{"record":"product","sku":"{sku}","title":"{rest}"}}"#).into_bytes()).unwrap()
    }

    fn pairs(rows: &[Row]) -> Vec<(Sku, Digest)> {
        rows.iter().map(|row| (row.sku().clone(), row.digest())).collect()
    }

    #[test]
    fn the_root_never_changes_its_meaning() {
        // Made once with another program (Python's hashlib) from the description above.
        let header: &[u8] = br#"{"record":"catalog","format":1,"name":"A","currency":"USD"}"#;
        let rows = [row("B", "two"), row("A", "one")];
        let root = root(&[header], pairs(&rows)).unwrap();
        assert_eq!(root.to_string(), "93e52eb7a04e854ef2dc649d9f17fba9b03cd8fea4228d147e32ec9353c37b1c");
    }

    #[test]
    fn every_part_counts() {
        let (one, two): (&[u8], &[u8]) = (b"one", b"two");
        let rows = pairs(&[row("A", "1"), row("B", "2")]);
        let all = [
            root(&[one], rows.clone()),
            root(&[two], rows.clone()),
            root(&[one, two], rows.clone()),
            root(&[two, one], rows.clone()),
            root(&[one], rows.get(..1).unwrap().to_vec()),
            root(&[one], pairs(&[row("A", "1"), row("B", "3")])),
            root(&[one], pairs(&[row("A", "1"), row("C", "2")])),
        ];
        let distinct: std::collections::BTreeSet<_> =
            all.iter().map(|root| *root.as_ref().unwrap()).collect();
        assert_eq!(distinct.len(), all.len());
        let twice = root(&[one], [rows.clone(), rows].concat());
        assert!(matches!(twice, Err(PackError::Content(_))));
    }

    #[test]
    fn only_records_of_a_catalog_are_lines() {
        let read = |text: &str| Line::read(text.as_bytes().to_vec());
        assert!(matches!(read(r#"{"record":"kiosk","x":1.0,"y":2.0}"#), Ok(Line::Header(_))));
        assert!(matches!(read(r#"{"sku":"Caf\u00e9","record":"product"}"#), Ok(Line::Product(row))
            if row.sku().as_str() == "Café"));
        let odd = [
            "",
            "7",
            "{}",
            r#"{"record":"gadget"}"#,
            r#"{"record":"product"}"#,
            r#"{"record":"product","sku":" A"}"#,
            r#"{"record":"product","sku":""}"#,
            "{\"record\":\"kiosk\"}\n",
        ];
        for text in odd {
            assert!(matches!(read(text), Err(PackError::Content(_))), "{text}");
        }
        let long = format!(r#"{{"record":"product","sku":"A","title":"{}"}}"#, "x".repeat(MAX_LINE));
        assert!(matches!(read(&long), Err(PackError::Content(_))));
        assert!(Row::read(br#"{"record":"kiosk"}"#.to_vec()).is_err());
    }

    proptest! {
        #[test]
        fn the_order_of_the_rows_does_not_matter(
            rows in prop::collection::btree_map("[A-Z0-9]{1,6}", "[a-z ]{0,8}", 0..40), seed in any::<u64>()
        ) {
            let mut rows: Vec<_> = rows.iter().map(|(sku, rest)| row(sku, rest)).collect();
            let sorted = root(&["head"], pairs(&rows)).unwrap();
            fastrand::Rng::with_seed(seed).shuffle(&mut rows);
            prop_assert_eq!(root(&["head"], pairs(&rows)).unwrap(), sorted);
        }
    }
}
