//! Mapping files: how a shop's own columns become products, written by the
//! person who knows them. Strict: a key that is not known is an error.
//!
//! ```toml
//! format = "csv"               # csv, tsv or jsonl; left out: found by content
//! delimiter = ";"              # left out: found by content
//! encoding = "windows-1252"    # left out: UTF-8 or windows-1252, found by content
//! decimal_comma = true         # prices are 3,49; left out: found for each price
//! columns = ["id", "name"]     # only for a file without a header row
//! list_separator = "|"         # between several values in one field
//! level_separator = ">"        # between category levels in one field
//! ounces = "weight"            # or "unclear": OZ is also written for fluid ounces
//! ignore = ["internal_*"]      # columns known and not wanted
//!
//! [catalog]
//! name = "Corner shop"
//! currency = "EUR"
//! as_of = "modified"           # or "now", or a time: when prices were last sure
//!
//! [fields]                     # field = column, template or list of columns
//! sku = "ArtNr"                # the only field that must be there
//! title = "{Marke} {Bezeichnung}"
//! gtins = ["EAN", "EAN2"]
//! category = ["Abteilung", "Warengruppe"]
//! price = { column = "VK", unit = "cents" }   # without unit: 3.49
//!
//! [attributes]                 # name = column; type: text, number or flag
//! "fat content" = { column = "Fett", type = "number" }
//!
//! [attribute_prefixes]         # all columns that begin so: attr_t_cable_length
//! attr_t_ = "text"
//!
//! [words]                      # the feed's words for availability, yes and no
//! in_stock = ["lieferbar"]
//! yes = ["ja"]
//! unknown = ["NA", "k.A."]     # nothing is known
//! ```

use super::foreign::{Freshness, Options};
use crate::domain::Currency;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Largest mapping file, in bytes.
const MAX_BYTES: u64 = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} line {line}: {reason}", path.display())]
    Invalid { path: PathBuf, line: usize, reason: String },
}

/// A mapping file, read and checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    #[serde(default)]
    pub(super) format: Format,
    #[serde(default)]
    pub(super) delimiter: Option<char>,
    #[serde(default)]
    encoding: Option<String>,
    #[serde(default)]
    pub(super) decimal_comma: Option<bool>,
    #[serde(default)]
    pub(super) columns: Vec<String>,
    #[serde(default)]
    pub(super) list_separator: Option<String>,
    #[serde(default)]
    pub(super) level_separator: Option<String>,
    #[serde(default)]
    pub(super) ounces: Ounces,
    #[serde(default)]
    pub(super) ignore: Vec<String>,
    #[serde(default)]
    catalog: Catalog,
    pub(super) fields: Fields,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, AttributeColumn>,
    #[serde(default)]
    pub(super) attribute_prefixes: BTreeMap<String, Kind>,
    #[serde(default)]
    pub(super) words: Words,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    #[default]
    Auto,
    Csv,
    Tsv,
    Jsonl,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Ounces {
    #[default]
    Weight,
    Unclear,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalog {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    currency: Option<Currency>,
    #[serde(default)]
    as_of: Option<String>,
}

/// Where each field of a product comes from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    pub sku: From,
    pub gtins: Option<From>,
    pub title: Option<From>,
    pub brand: Option<From>,
    pub category: Option<From>,
    pub description: Option<From>,
    pub synonyms: Option<From>,
    pub price: Option<From>,
    pub price_as_of: Option<From>,
    pub sale_price: Option<From>,
    pub sale_from: Option<From>,
    pub sale_until: Option<From>,
    pub sale_label: Option<From>,
    pub pack: Option<From>,
    pub stock: Option<From>,
    pub availability: Option<From>,
    pub stock_as_of: Option<From>,
    pub aisle: Option<From>,
    pub bay: Option<From>,
    pub shelf: Option<From>,
    pub allergens_contained: Option<From>,
    pub allergens_possible: Option<From>,
    pub allergens_absent: Option<From>,
    pub dietary: Option<From>,
    pub age_restriction: Option<From>,
    pub photo: Option<From>,
    pub images: Option<From>,
    pub variant_group: Option<From>,
    pub accessories: Option<From>,
    pub substitutes: Option<From>,
}

impl Fields {
    /// All that are given, with their names.
    pub(super) fn given(&self) -> Vec<(&'static str, &From)> {
        let optional = [
            ("gtins", &self.gtins),
            ("title", &self.title),
            ("brand", &self.brand),
            ("category", &self.category),
            ("description", &self.description),
            ("synonyms", &self.synonyms),
            ("price", &self.price),
            ("price_as_of", &self.price_as_of),
            ("sale_price", &self.sale_price),
            ("sale_from", &self.sale_from),
            ("sale_until", &self.sale_until),
            ("sale_label", &self.sale_label),
            ("pack", &self.pack),
            ("stock", &self.stock),
            ("availability", &self.availability),
            ("stock_as_of", &self.stock_as_of),
            ("aisle", &self.aisle),
            ("bay", &self.bay),
            ("shelf", &self.shelf),
            ("allergens_contained", &self.allergens_contained),
            ("allergens_possible", &self.allergens_possible),
            ("allergens_absent", &self.allergens_absent),
            ("dietary", &self.dietary),
            ("age_restriction", &self.age_restriction),
            ("photo", &self.photo),
            ("images", &self.images),
            ("variant_group", &self.variant_group),
            ("accessories", &self.accessories),
            ("substitutes", &self.substitutes),
        ];
        let optional = optional.into_iter().filter_map(|(name, from)| Some((name, from.as_ref()?)));
        std::iter::once(("sku", &self.sku)).chain(optional).collect()
    }
}

/// A column, a template such as `{brand} {name}`, or several of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a column, a list of columns, or { column = \"...\", unit = \"cents\" }"
)]
pub(super) enum From {
    One(String),
    Several(Vec<String>),
    Unit(InUnit),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InUnit {
    pub column: String,
    pub unit: Money,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Money {
    Cents,
    Decimal,
}

impl From {
    /// Its columns or templates.
    pub(super) fn parts(&self) -> &[String] {
        match self {
            Self::One(column) => std::slice::from_ref(column),
            Self::Several(columns) => columns,
            Self::Unit(InUnit { column, .. }) => std::slice::from_ref(column),
        }
    }

    pub(super) fn in_cents(&self) -> bool {
        matches!(self, Self::Unit(InUnit { unit: Money::Cents, .. }))
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a column or { column = \"...\", type = \"number\" }")]
pub(super) enum AttributeColumn {
    Column(String),
    Typed(TypedColumn),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedColumn {
    pub column: String,
    #[serde(rename = "type")]
    pub kind: Kind,
}

impl AttributeColumn {
    pub(super) fn column(&self) -> (&str, Kind) {
        match self {
            Self::Column(column) => (column, Kind::Text),
            Self::Typed(typed) => (&typed.column, typed.kind),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Text,
    Number,
    Flag,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Words {
    pub in_stock: Vec<String>,
    pub out_of_stock: Vec<String>,
    pub preorder: Vec<String>,
    pub backorder: Vec<String>,
    pub discontinued: Vec<String>,
    pub yes: Vec<String>,
    pub no: Vec<String>,
    pub unknown: Vec<String>,
}

impl Words {
    /// Whether `text` is one of `words`, in any case.
    pub(super) fn is(words: &[String], text: &str) -> bool {
        let text = text.trim().to_lowercase();
        words.iter().any(|word| word.trim().to_lowercase() == text)
    }
}

/// The columns that a template names; `None`: it is a plain column.
pub(super) fn template(text: &str) -> Option<Vec<&str>> {
    let names: Vec<&str> = text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0)).collect();
    (!names.is_empty()).then_some(names)
}

impl Mapping {
    /// Reads and checks a mapping file.
    ///
    /// # Errors
    /// It cannot be read, or a line of it is wrong.
    pub fn read(path: &Path) -> Result<Self, MappingError> {
        let failed = |source| MappingError::Read { path: path.to_owned(), source };
        let size = std::fs::metadata(path).map_err(failed)?.len();
        if size > MAX_BYTES {
            let reason = format!("larger than {} KiB: this is no mapping file", MAX_BYTES >> 10);
            return Err(MappingError::Invalid { path: path.to_owned(), line: 1, reason });
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        Self::parse(&text).map_err(|(line, reason)| MappingError::Invalid {
            path: path.to_owned(),
            line,
            reason,
        })
    }

    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let line_of = |at: usize| text.get(..at).unwrap_or(text).matches('\n').count() + 1;
        let mapping: Self = toml::from_str(text).map_err(|e| {
            let reason = e.message().split_whitespace().collect::<Vec<_>>().join(" ");
            (e.span().map_or(1, |span| line_of(span.start)), reason)
        })?;
        let wrong = |key: &str, reason: String| Err((text.find(key).map_or(1, line_of), reason));
        if let Some(label) = &mapping.encoding
            && encoding_rs::Encoding::for_label(label.as_bytes()).is_none()
        {
            return wrong(
                "encoding",
                format!("encoding {label:?} is not known; try \"utf-8\" or \"windows-1252\""),
            );
        }
        if let Some(delimiter) = mapping.delimiter
            && !(delimiter.is_ascii() && delimiter != '"' && delimiter != '\n' && delimiter != '\r')
        {
            return wrong(
                "delimiter",
                format!("delimiter {delimiter:?} cannot be used: take one such as \";\""),
            );
        }
        if let Some(as_of) = &mapping.catalog.as_of
            && !matches!(as_of.as_str(), "now" | "modified")
            && super::words::moment(as_of).is_none()
        {
            return wrong(
                "as_of",
                format!("as_of {as_of:?} is none of \"now\", \"modified\", a date or a time"),
            );
        }
        for (name, from) in mapping.fields.given() {
            if matches!(from, From::Unit(_)) && !matches!(name, "price" | "sale_price") {
                return wrong(name, format!("{name} has no unit; only price and sale_price have"));
            }
            if from.parts().is_empty() || from.parts().iter().any(|part| part.trim().is_empty()) {
                return wrong(name, format!("{name} names no column"));
            }
        }
        Ok(mapping)
    }

    pub(super) fn encoding(&self) -> Option<&'static encoding_rs::Encoding> {
        self.encoding.as_ref().and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()))
    }

    /// What the command line says, completed by what the mapping says.
    pub(super) fn options(&self, given: &Options) -> Options {
        let as_of = match self.catalog.as_of.as_deref() {
            _ if given.as_of != Freshness::Unknown => given.as_of.clone(),
            None => Freshness::Unknown,
            Some("now") => Freshness::Now,
            Some("modified") => Freshness::Modified,
            Some(time) => super::words::moment(time).map_or(Freshness::Unknown, Freshness::At),
        };
        Options {
            name: given.name.clone().or_else(|| self.catalog.name.clone()),
            currency: given.currency.or(self.catalog.currency),
            as_of,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_key_is_named_with_its_line() {
        let (line, reason) =
            Mapping::parse("format = \"csv\"\n[fields]\nsku = \"id\"\ntitel = \"name\"\n").unwrap_err();
        assert_eq!(line, 4);
        assert!(reason.contains("`titel`") && reason.contains("`title`"), "{reason}");
        for (text, part) in [
            ("[fields]\ntitle = \"x\"", "missing field `sku`"),
            ("encoding = \"klingon\"\n[fields]\nsku = \"a\"", "klingon"),
            ("[fields]\nsku = \"a\"\ntitle = { column = \"b\", unit = \"cents\" }", "no unit"),
            ("[fields]\nsku = 5", "a column"),
            ("[fields]\nsku = \"\"", "names no column"),
            ("[catalog]\nas_of = \"soon\"\n[fields]\nsku = \"a\"", "soon"),
            ("delimiter = \"\\\"\"\n[fields]\nsku = \"a\"", "cannot be used"),
        ] {
            let (_, reason) = Mapping::parse(text).unwrap_err();
            assert!(reason.contains(part), "{text}: {reason}");
        }
    }

    #[test]
    fn templates_name_their_columns() {
        assert_eq!(template("{brand} {name}"), Some(vec!["brand", "name"]));
        assert_eq!(template("brand"), None);
        assert_eq!(template("{open"), None);
    }
}
