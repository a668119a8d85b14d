//! Products out of any table or JSON Lines file, as a mapping says.

use super::foreign::{Context, Products, bare};
use super::google::{promotion, width};
use super::lines::Lines;
use super::mapping::{From, Kind, Mapping, Ounces, Words, template};
use super::pack::{self, Customs};
use super::plain::plain;
use super::price::{self, Decimal};
use super::source::Meter;
use super::table::Table;
use super::words;
use crate::domain::{Allergens, Attribute, Availability, Location, Product, Sku};
use crate::store::FeedError;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Most names of unused columns kept for the note.
const UNUSED_NAMES: usize = 100;

/// The rows of a file of either kind.
pub(super) enum Rows {
    Table { table: Box<Table>, index: BTreeMap<String, usize>, columns: Vec<String> },
    Lines(Lines),
}

pub(super) struct Mapped {
    mapping: Mapping,
    path: PathBuf,
    rows: Rows,
    /// Columns that the mapping names.
    used: BTreeSet<String>,
    unused: BTreeSet<String>,
    /// Columns of JSON Lines that the mapping names and no line has had yet.
    missing: BTreeSet<String>,
}

/// One row, whatever it came in.
enum Row<'a> {
    Fields(&'a BTreeMap<String, usize>, Vec<String>),
    Object(Map<String, Value>),
}

impl Row<'_> {
    /// The texts in a column: several where it holds a list.
    fn texts(&self, column: &str) -> Vec<String> {
        match self {
            Self::Fields(index, fields) => {
                index.get(column).and_then(|at| fields.get(*at)).cloned().into_iter().collect()
            }
            Self::Object(object) => object.get(column).map(texts).unwrap_or_default(),
        }
    }
}

/// A JSON value as texts; nothing for null and for objects.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Bool(flag) => vec![flag.to_string()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

impl Mapped {
    pub(super) fn new(mapping: Mapping, path: PathBuf, rows: Rows) -> Self {
        let parts = mapping.fields.given().into_iter().flat_map(|(_, from)| from.parts());
        let names = parts.flat_map(|part| template(part).unwrap_or_else(|| vec![part]));
        let attributes = mapping.attributes.values().map(|attribute| attribute.column().0);
        let used: BTreeSet<String> = names.chain(attributes).map(str::to_owned).collect();
        let missing = used.clone();
        Self { mapping, path, rows, used, unused: BTreeSet::new(), missing }
    }

    /// Notes a column that the mapping does not speak of.
    fn see(&mut self, column: &str) {
        let ignored = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => column.starts_with(start),
            None => column == pattern,
        };
        self.missing.remove(column);
        let known = self.used.contains(column)
            || self.mapping.ignore.iter().any(ignored)
            || self.mapping.attribute_prefixes.keys().any(|prefix| column.starts_with(prefix));
        if !known && self.unused.len() < UNUSED_NAMES && !self.unused.contains(column) {
            self.unused.insert(column.to_owned());
        }
    }

    /// Takes the header row, or the columns that the mapping gives.
    fn take_columns(&mut self, found: Vec<String>) -> Result<(), FeedError> {
        let mismatch = |reason| FeedError::Mismatch { path: self.path.clone(), reason };
        if let Some(absent) = self.used.iter().find(|column| !found.contains(column)) {
            let seen = found.join(", ");
            return Err(mismatch(format!("it has no column {absent:?}; its columns are {seen}")));
        }
        if let Some((_, twice)) = found.iter().enumerate().find(|(at, column)| {
            self.used.contains(*column) && found.iter().take(*at).any(|other| other == *column)
        }) {
            return Err(mismatch(format!("it has two columns {twice:?}")));
        }
        found.iter().for_each(|column| self.see(column));
        if let Rows::Table { index, columns, .. } = &mut self.rows {
            *index = found.iter().cloned().enumerate().map(|(at, column)| (column, at)).collect();
            *columns = found;
        }
        Ok(())
    }

    fn columns_known(&self) -> bool {
        !matches!(&self.rows, Rows::Table { columns, .. } if columns.is_empty())
    }
}

impl Products for Mapped {
    fn next(&mut self, context: &mut Context) -> Result<Option<Result<Product, String>>, FeedError> {
        if !self.columns_known() {
            let given = self.mapping.columns.clone();
            if !given.is_empty() {
                self.take_columns(given)?;
            } else if let Rows::Table { table, .. } = &mut self.rows {
                match table.next_row()? {
                    None => return Ok(None),
                    Some((_, Ok(fields))) => {
                        self.take_columns(fields.iter().map(|column| column.trim().to_owned()).collect())?;
                    }
                    Some((line, Err(reason))) => {
                        return Err(FeedError::Broken { path: self.path.clone(), line, reason });
                    }
                }
            }
        }
        let mut keys = Vec::new();
        let row = match &mut self.rows {
            Rows::Table { table, index, columns } => {
                let Some((line, row)) = table.next_row()? else {
                    return Ok(None);
                };
                context.line = line;
                row.and_then(|fields| width(&fields, columns.len()).map(|()| Row::Fields(index, fields)))
            }
            Rows::Lines(lines) => {
                let Some((line, text)) = lines.next_line()? else {
                    return Ok(None);
                };
                context.line = line;
                let object = text.and_then(|text| {
                    serde_json::from_str::<Map<String, Value>>(text).map_err(|e| super::native::reason(&e))
                });
                keys = object.iter().flat_map(|object| object.keys().cloned()).collect();
                object.map(Row::Object)
            }
        };
        let product = row.and_then(|row| Reader { mapping: &self.mapping, row: &row, context }.product());
        keys.iter().for_each(|key| self.see(key));
        Ok(Some(product))
    }

    fn meter(&self) -> &Meter {
        match &self.rows {
            Rows::Table { table, .. } => table.meter(),
            Rows::Lines(lines) => lines.meter(),
        }
    }

    fn notes(&self) -> Vec<String> {
        let list = |what: &str, names: &BTreeSet<String>| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")))
        };
        let encoding = match &self.rows {
            Rows::Table { table, .. } => table.note(),
            Rows::Lines(_) => None,
        };
        let missing = list("columns of the mapping that no line has", &self.missing);
        encoding.into_iter().chain(missing).chain(list("columns not used", &self.unused)).collect()
    }
}

/// Reads one row.
struct Reader<'a, 'r> {
    mapping: &'a Mapping,
    row: &'a Row<'r>,
    context: &'a mut Context,
}

impl Reader<'_, '_> {
    fn product(&mut self) -> Result<Product, String> {
        let fields = &self.mapping.fields;
        let mut product = bare(&self.one(Some(&fields.sku)).unwrap_or_default())?;
        let gtins = self.list(&fields.gtins);
        product.gtins = self.context.gtins(gtins.iter().map(String::as_str));
        product.title = self.text(&fields.title);
        product.brand = self.text(&fields.brand);
        product.description = self.text(&fields.description);
        product.category = self.split(&fields.category, self.mapping.level_separator.as_deref());
        product.synonyms = self.list(&fields.synonyms);
        product.dietary = self.list(&fields.dietary);
        product.images = self.list(&fields.images);
        product.accessories = self.skus(&fields.accessories);
        product.substitutes = self.skus(&fields.substitutes);
        product.photo = self.text(&fields.photo);
        product.variant_group = self.text(&fields.variant_group);
        product.price_cents = self.price(&fields.price)?;
        product.price_as_of = self.moment("price_as_of", &fields.price_as_of);
        product.stock_as_of = self.moment("stock_as_of", &fields.stock_as_of);
        if let Some(sale) = self.price(&fields.sale_price)? {
            product.promotion = promotion(sale, product.price_cents, None, self.context);
            // A start or an end that cannot be read must not make it eternal.
            let dated = [&fields.sale_from, &fields.sale_until].map(|from| {
                let given = self.text(from).is_some();
                (given, self.moment("a sale's date", from))
            });
            let [(from_given, from), (until_given, until)] = dated;
            if (from_given && from.is_none()) || (until_given && until.is_none()) {
                product.promotion = None;
            } else if let Some(promotion) = &mut product.promotion {
                (promotion.from, promotion.until, promotion.label) =
                    (from, until, self.text(&fields.sale_label));
            }
        }
        if let Some(size) = self.text(&fields.pack) {
            product.pack = pack::read(&size, self.customs());
            if product.pack.is_none() {
                self.context.note("pack size left out, not clear");
            }
        }
        product.stock = self.whole("stock", &fields.stock);
        product.availability = self.availability(&fields.availability);
        product.age_restriction = self.whole("age_restriction", &fields.age_restriction);
        if let Some(aisle) = self.text(&fields.aisle) {
            let (bay, shelf) = (self.whole("bay", &fields.bay), self.whole("shelf", &fields.shelf));
            product.location = Some(Location { aisle, bay, shelf });
        }
        let allergens = Allergens {
            contains: self.list(&fields.allergens_contained),
            may_contain: self.list(&fields.allergens_possible),
            free_from: self.list(&fields.allergens_absent),
        };
        product.allergens = (allergens != Allergens::default()).then_some(allergens);
        self.attributes(&mut product);
        Ok(product)
    }

    fn customs(&self) -> Customs {
        Customs {
            ounce_is_weight: self.mapping.ounces == Ounces::Weight,
            decimal_comma: self.mapping.decimal_comma.unwrap_or_default(),
            ..Customs::of(self.context.currency)
        }
    }

    /// Known texts of a column or template, markup and blanks left out.
    fn texts(&self, part: &str) -> Vec<String> {
        let blank = |text: &String| {
            text.is_empty() || text.eq_ignore_ascii_case("null") || text.eq_ignore_ascii_case("n/a")
        };
        let known = |text: &String| !blank(text) && !Words::is(&self.mapping.words.unknown, text);
        let clean = |text: String| plain(&text).trim().to_owned();
        if template(part).is_none() {
            return self.row.texts(part).into_iter().map(clean).filter(known).collect();
        }
        let mut out = String::new();
        let mut rest = part;
        let mut any = false;
        while let Some((before, name, after)) = rest
            .split_once('{')
            .and_then(|(before, rest)| rest.split_once('}').map(|(name, after)| (before, name, after)))
        {
            let value = self.texts(name).join(" ");
            any |= !value.is_empty();
            out.push_str(before);
            out.push_str(&value);
            rest = after;
        }
        out.push_str(rest);
        let text = out.split_whitespace().collect::<Vec<_>>().join(" ");
        if any { vec![text] } else { Vec::new() }
    }

    /// The first text there is.
    fn one(&self, from: Option<&From>) -> Option<String> {
        from?.parts().iter().flat_map(|part| self.texts(part)).next()
    }

    fn text(&self, from: &Option<From>) -> Option<String> {
        self.one(from.as_ref())
    }

    fn list(&self, from: &Option<From>) -> Vec<String> {
        self.split(from, self.mapping.list_separator.as_deref())
    }

    fn split(&self, from: &Option<From>, separator: Option<&str>) -> Vec<String> {
        let all = from.iter().flat_map(From::parts).flat_map(|part| self.texts(part));
        let Some(separator) = separator.filter(|separator| !separator.is_empty()) else {
            return all.collect();
        };
        all.flat_map(|text| text.split(separator).map(|part| part.trim().to_owned()).collect::<Vec<_>>())
            .filter(|part| !part.is_empty())
            .collect()
    }

    fn skus(&self, from: &Option<From>) -> Vec<Sku> {
        self.list(from).iter().filter_map(|text| Sku::new(text)).collect()
    }

    fn price(&mut self, from: &Option<From>) -> Result<Option<i64>, String> {
        let Some(text) = self.text(from) else {
            return Ok(None);
        };
        if from.as_ref().is_some_and(From::in_cents) {
            return price::read_cents(&text);
        }
        let decimal = match self.mapping.decimal_comma {
            None => Decimal::Auto,
            Some(true) => Decimal::Comma,
            Some(false) => Decimal::Point,
        };
        self.context.price(&text, decimal)
    }

    fn moment(&mut self, what: &str, from: &Option<From>) -> Option<String> {
        let text = self.text(from)?;
        self.context.moment(what, &text)
    }

    /// A whole number that is not negative; else a note.
    fn whole<T: TryFrom<i64>>(&mut self, what: &str, from: &Option<From>) -> Option<T> {
        let text = self.text(from)?;
        let whole = text.strip_suffix(".0").or_else(|| text.strip_suffix(",0")).unwrap_or(&text);
        let number =
            whole.parse::<i64>().ok().filter(|number| *number >= 0).and_then(|n| T::try_from(n).ok());
        if number.is_none() {
            self.context.note(&format!("{what} left out, not a whole number"));
        }
        number
    }

    fn availability(&mut self, from: &Option<From>) -> Option<Availability> {
        let text = self.text(from)?;
        let given = &self.mapping.words;
        let lists = [
            (&given.in_stock, Availability::InStock),
            (&given.out_of_stock, Availability::OutOfStock),
            (&given.preorder, Availability::Preorder),
            (&given.backorder, Availability::Backorder),
            (&given.discontinued, Availability::Discontinued),
        ];
        let own = lists.into_iter().find(|(words, _)| Words::is(words, &text)).map(|(_, found)| found);
        let yes_no = || {
            let in_stock = self.flag(&text)?;
            Some(if in_stock { Availability::InStock } else { Availability::OutOfStock })
        };
        let found = own.or_else(|| words::availability(&text)).or_else(yes_no);
        if found.is_none() {
            self.context.note("availability left out, a word that the mapping does not give under [words]");
        }
        found
    }

    fn flag(&self, text: &str) -> Option<bool> {
        let given = &self.mapping.words;
        let own = Words::is(&given.yes, text).then_some(true).or(Words::is(&given.no, text).then_some(false));
        own.or_else(|| words::flag(text))
    }

    fn attributes(&mut self, product: &mut Product) {
        let mut all: Vec<(String, String, Kind)> = Vec::new();
        for (name, attribute) in &self.mapping.attributes {
            let (column, kind) = attribute.column();
            all.push((name.clone(), column.to_owned(), kind));
        }
        let columns: Vec<&String> = match self.row {
            Row::Fields(index, _) => index.keys().collect(),
            Row::Object(object) => object.keys().collect(),
        };
        for column in columns {
            for (prefix, kind) in &self.mapping.attribute_prefixes {
                if let Some(rest) = column.strip_prefix(prefix.as_str()) {
                    all.push((readable(rest), column.clone(), *kind));
                }
            }
        }
        for (name, column, kind) in all {
            let text = self.texts(&column).join(", ");
            if text.is_empty() || name.is_empty() {
                continue;
            }
            match self.attribute(&text, kind) {
                // attr_t_colour and attr_b_colour both say something.
                Some(value) if product.attributes.contains_key(&name) => {
                    product.attributes.insert(format!("{name} ({})", kind.name()), value);
                }
                Some(value) => {
                    product.attributes.insert(name, value);
                }
                None => self.context.note(&format!("attribute {name:?} left out, not a {}", kind.name())),
            }
        }
    }

    fn attribute(&self, text: &str, kind: Kind) -> Option<Attribute> {
        match kind {
            Kind::Text => Some(Attribute::Text(text.to_owned())),
            Kind::Flag => self.flag(text).map(Attribute::Flag),
            Kind::Number => {
                let comma = self.mapping.decimal_comma == Some(true);
                let text = if comma { text.replace('.', "").replace(',', ".") } else { text.to_owned() };
                text.parse().ok().filter(|number: &f64| number.is_finite()).map(Attribute::Number)
            }
        }
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Flag => "yes or no",
        }
    }
}

/// A column's name as words: `usb_2_0_ports__max_` is `usb 2 0 ports max`.
fn readable(column: &str) -> String {
    column.split(['_', ' ']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::notes::Notes;

    fn product(mapping: &str, json: &str) -> (Result<Product, String>, Vec<String>) {
        let mapping = Mapping::parse(mapping).unwrap();
        let row = Row::Object(serde_json::from_str(json).unwrap());
        let mut context = Context { line: 1, notes: Notes::default(), currency: None };
        let product = Reader { mapping: &mapping, row: &row, context: &mut context }.product();
        (product, context.notes.lines())
    }

    #[test]
    fn attributes_are_typed_and_none_is_lost() {
        let mapping =
            "[fields]\nsku = \"id\"\n[attribute_prefixes]\nt_ = \"text\"\nb_ = \"flag\"\nn_ = \"number\"\n";
        let (product, notes) = product(
            mapping,
            r#"{"id":5,"t_colour":"red","b_colour":true,"n_usb_2_0__max_":4,"n_bad":"x","t_lactose":"none"}"#,
        );
        let got: Vec<(String, String)> =
            product.unwrap().attributes.into_iter().map(|(name, value)| (name, value.to_string())).collect();
        let wanted =
            [("colour", "red"), ("colour (yes or no)", "yes"), ("lactose", "none"), ("usb 2 0 max", "4")];
        assert_eq!(got, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(notes.len(), 1, "{notes:?}");
    }

    #[test]
    fn templates_need_one_known_column() {
        let mapping = "[fields]\nsku = \"id\"\ntitle = \"{brand} {name}\"\nprice = { column = \"p\", unit = \"cents\" }";
        let title = |json: &str| product(mapping, json).0.unwrap().title;
        assert_eq!(title(r#"{"id":"1","name":"Tea"}"#).as_deref(), Some("Tea"));
        assert_eq!(title(r#"{"id":"1","brand":null}"#), None);
        assert_eq!(product(mapping, r#"{"id":"1","p":349}"#).0.unwrap().price_cents, Some(349));
        assert!(product(mapping, r#"{"id":"1","p":3.49}"#).0.is_err());
    }

    #[test]
    fn a_sale_whose_end_cannot_be_read_is_left_out() {
        let mapping = "[fields]\nsku = \"id\"\nprice = \"p\"\nsale_price = \"s\"\nsale_until = \"u\"\n";
        let sale = |json: &str| product(mapping, json).0.unwrap().promotion;
        assert!(sale(r#"{"id":"1","p":"3.00","s":"2.00","u":"2026-12-01"}"#).is_some());
        assert!(sale(r#"{"id":"1","p":"3.00","s":"2.00","u":"next week"}"#).is_none());
        assert!(sale(r#"{"id":"1","p":"3.00","s":"4.00"}"#).is_none());
    }
}
