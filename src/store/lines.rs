//! A record as a line of Aisle's own catalog format, one way only: what is written, read and
//! written again is the same to the byte. So a line stands for its record in digests, and what
//! the catalog has of a product needs no copy of the line it came in. Reading lines is `feeds`'.

use super::records::{Header, Record};
use crate::domain::{Area, Currency, OptionGroup, Point, Product};
use serde::Serialize;
use serde_json::Value;

/// The only version of the format so far.
pub const FORMAT: u32 = 1;

/// A record as its line is written; the keys are those that `feeds` reads.
#[derive(Serialize)]
#[serde(tag = "record", rename_all = "snake_case")]
enum Written<'a> {
    Catalog { format: u32, name: &'a str, currency: Currency, as_of: Option<&'a str> },
    OptionGroup(&'a OptionGroup),
    Aisle(&'a Area),
    Kiosk(&'a Point),
    Product(&'a Product),
}

/// The line of a record, without its end.
///
/// # Errors
/// None of these types has a value without a JSON form; the writer could only say so.
pub fn line(record: &Record) -> serde_json::Result<Vec<u8>> {
    write(&match record {
        Record::Header(Header { name, currency, as_of }) => {
            Written::Catalog { format: FORMAT, name, currency: *currency, as_of: as_of.as_deref() }
        }
        Record::OptionGroup(group) => Written::OptionGroup(group),
        Record::Area(area) => Written::Aisle(area),
        Record::Kiosk(point) => Written::Kiosk(point),
        Record::Product(product) => Written::Product(product),
    })
}

/// The line of a product, without its end.
pub(super) fn product(product: &Product) -> serde_json::Result<Vec<u8>> {
    write(&Written::Product(product))
}

fn write(written: &Written<'_>) -> serde_json::Result<Vec<u8>> {
    let mut value = serde_json::to_value(written)?;
    drop_unknown(&mut value, matches!(written, Written::Product(_)));
    serde_json::to_vec(&value)
}

/// Drops what is not known, and a product's empty lists and maps: all of them
/// are read as if they stood there.
fn drop_unknown(value: &mut Value, lists: bool) {
    match value {
        Value::Object(object) => {
            object.retain(|key, value| match value {
                Value::Null => false,
                Value::Array(values) => !lists || !values.is_empty(),
                Value::Object(values) => {
                    !values.is_empty() || !matches!(key.as_str(), "attributes" | "languages")
                }
                _ => true,
            });
            object.values_mut().for_each(|value| drop_unknown(value, lists));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| drop_unknown(value, lists)),
        _ => {}
    }
}
