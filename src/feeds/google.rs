//! Google Merchant Center's product data: what its attributes say of a product,
//! whether they came as a table or as XML. Follows the product data
//! specification (support.google.com/merchants/answer/7052112).

use super::foreign::{Context, Products, bare};
use super::pack::{self, Customs};
use super::plain::plain;
use super::price::Decimal;
use super::source::Meter;
use super::table::Table;
use super::words;
use crate::domain::product::Unit;
use crate::domain::{Attribute, Pack, Product, Promotion};
use crate::store::FeedError;
use std::collections::BTreeSet;

/// Attributes that say something of the product itself, under the name that a
/// shopper reads.
const FACTS: [(&str, &str); 18] = [
    ("color", "color"),
    ("size", "size"),
    ("size_type", "size type"),
    ("size_system", "size system"),
    ("material", "material"),
    ("pattern", "pattern"),
    ("gender", "gender"),
    ("age_group", "age group"),
    ("condition", "condition"),
    ("mpn", "part number"),
    ("energy_efficiency_class", "energy efficiency class"),
    ("min_energy_efficiency_class", "lowest energy efficiency class"),
    ("max_energy_efficiency_class", "highest energy efficiency class"),
    ("product_length", "length"),
    ("product_width", "width"),
    ("product_height", "height"),
    ("product_weight", "weight"),
    ("availability_date", "available from"),
];

/// Attributes that are read into the product's own fields.
const READ: [&str; 26] = [
    "id",
    "title",
    "structured_title",
    "description",
    "structured_description",
    "image_link",
    "additional_image_link",
    "availability",
    "price",
    "sale_price",
    "sale_price_effective_date",
    "brand",
    "gtin",
    "product_type",
    "google_product_category",
    "item_group_id",
    "unit_pricing_measure",
    "multipack",
    "is_bundle",
    "adult",
    "product_detail",
    "product_highlight",
    "quantity",
    "sell_on_google_quantity",
    "lifestyle_image_link",
    "short_title",
];

/// Attributes about advertising, delivery and the web shop, of no use in a
/// shop; a name that ends with `_` stands for all that begin so.
const SET_ASIDE: [&str; 53] = [
    "link",
    "mobile_link",
    "canonical_link",
    "ads_redirect",
    "adwords_",
    "ads_",
    "custom_label_",
    "promotion_id",
    "shipping",
    "shipping_",
    "tax",
    "tax_",
    "excluded_destination",
    "included_destination",
    "shopping_ads_excluded_country",
    "pause",
    "unit_pricing_base_measure",
    "identifier_exists",
    "cost_of_goods_sold",
    "expiration_date",
    "installment",
    "subscription_cost",
    "loyalty_",
    "auto_pricing_min_price",
    "maximum_retail_price",
    "external_seller_id",
    "certification",
    "ships_from_country",
    "max_handling_time",
    "min_handling_time",
    "transit_time_label",
    "carrier_shipping",
    "free_shipping_threshold",
    "return_",
    "returns",
    "virtual_model_link",
    "video_link",
    "store_code",
    "pickup_",
    "link_template",
    "mobile_link_template",
    "ads_link_template",
    "online_only",
    "feed_label",
    "content_language",
    "target_country",
    "channel",
    "display_ads_",
    "pubdate",
    "guid",
    "minimum_order_value",
    "return_policy_label",
    "local_shipping_label",
];

/// Most unknown attribute names kept for the note.
const UNKNOWN_NAMES: usize = 100;

/// An attribute's name as the specification writes it.
pub(super) fn name(text: &str) -> String {
    let name = text.trim().to_ascii_lowercase().replace(' ', "_");
    name.strip_prefix("g:").unwrap_or(&name).to_owned()
}

/// Whether a table's columns are Google's: an id, a title, and two more that a
/// file with its own columns would hardly have together.
pub(super) fn is_header(columns: &[String]) -> bool {
    let columns: Vec<String> = columns.iter().map(|column| name(column)).collect();
    let has = |name: &str| columns.iter().any(|column| column == name);
    let telling = [
        "link",
        "image_link",
        "availability",
        "price",
        "condition",
        "gtin",
        "product_type",
        "item_group_id",
        "google_product_category",
        "unit_pricing_measure",
        "sale_price",
    ];
    has("id") && has("title") && telling.iter().filter(|name| has(name)).count() >= 2
}

/// A product's attributes by name, in file order; one may stand several times.
pub(super) type Item = Vec<(String, String)>;

/// What the attributes say.
///
/// # Errors
/// Why it is no product: no id, or a price that cannot be used.
pub(super) fn product(item: &Item, context: &mut Context) -> Result<Product, String> {
    let all = |name: &'static str| {
        item.iter()
            .filter(move |(given, _)| given == name)
            .map(|(_, text)| text.trim())
            .filter(|text| !text.is_empty())
    };
    let text = |name: &'static str| all(name).next();
    let clean = |name: &'static str| {
        text(name).map(|text| plain(text).trim().to_owned()).filter(|text| !text.is_empty())
    };
    let mut product = bare(text("id").unwrap_or_default())?;
    product.title = clean("title").or_else(|| structured(text("structured_title")));
    product.description = clean("description").or_else(|| structured(text("structured_description")));
    product.brand = clean("brand");
    product.gtins = context.gtins(all("gtin").flat_map(|text| text.split(',')));
    product.category = category(text("product_type"), text("google_product_category"));
    product.variant_group = clean("item_group_id");
    product.synonyms =
        clean("short_title").filter(|short| Some(short) != product.title.as_ref()).into_iter().collect();
    let links = all("image_link").chain(all("additional_image_link").flat_map(|text| text.split(',')));
    product.images = links.chain(all("lifestyle_image_link")).map(|link| link.trim().to_owned()).collect();
    product.price_cents = text("price").map(|text| context.price(text, Decimal::Auto)).transpose()?.flatten();
    if let Some(sale) =
        text("sale_price").map(|text| context.price(text, Decimal::Auto)).transpose()?.flatten()
    {
        let dates = text("sale_price_effective_date");
        product.promotion = promotion(sale, product.price_cents, dates, context);
    }
    if let Some(given) = text("availability") {
        product.availability = words::availability(given);
        if product.availability.is_none() {
            context.note("availability left out, not one of Google's words");
        }
    }
    if let Some(given) = text("quantity").or_else(|| text("sell_on_google_quantity")) {
        product.stock = given.parse().ok().filter(|pieces| *pieces >= 0);
        if product.stock.is_none() {
            context.note("quantity left out, not a number of pieces");
        }
    }
    product.pack = size(text("unit_pricing_measure"), text("multipack"), context);
    facts(&mut product, item, context);
    Ok(product)
}

/// `digital_source_type:content`, the form for generated texts.
fn structured(text: Option<&str>) -> Option<String> {
    let text = text?;
    let content = text.split_once(':').map_or(text, |(_, content)| content);
    let content = plain(content.trim().trim_matches('"')).into_owned();
    (!content.is_empty()).then_some(content)
}

/// The shop's own category, else Google's; a bare number of Google's taxonomy
/// tells a shopper nothing.
fn category(own: Option<&str>, google: Option<&str>) -> Vec<String> {
    let google = google.filter(|text| !text.bytes().all(|byte| byte.is_ascii_digit()));
    // Several categories stand with commas between; the first is the main one.
    let Some(text) = own.or(google) else {
        return Vec::new();
    };
    let text = plain(text);
    let path = if text.contains('>') { &*text } else { text.split(',').next().unwrap_or_default() };
    let levels = path.split('>').map(str::trim).filter(|level| !level.is_empty());
    levels.map(str::to_owned).collect()
}

/// A price for a limited time, where it is lower than the regular one.
pub(super) fn promotion(
    sale: i64,
    regular: Option<i64>,
    dates: Option<&str>,
    context: &mut Context,
) -> Option<Promotion> {
    if regular.is_some_and(|regular| sale >= regular) {
        if regular != Some(sale) {
            context.note("sale price left out, higher than the regular price");
        }
        return None;
    }
    let (from, until) = match dates {
        None => (None, None),
        Some(dates) => {
            let (from, until) = dates.split_once('/').unwrap_or((dates, ""));
            let from = context.moment("start of a sale", from);
            let ends = context.moment("end of a sale", until);
            if from.is_none() || ends.is_none() {
                context.note("sale price left out, its dates are not start/end");
                return None;
            }
            (from, ends)
        }
    };
    Some(Promotion { price_cents: sale, from, until, label: None })
}

/// The content without packaging; of a multipack of unknown content, the
/// number of pieces.
fn size(measure: Option<&str>, multipack: Option<&str>, context: &mut Context) -> Option<Pack> {
    let pieces = multipack.and_then(|text| text.parse::<u32>().ok()).filter(|count| *count > 1);
    let Some(text) = measure else {
        return pieces.map(|count| Pack { amount: 1.0, unit: Unit::Each, count });
    };
    let pack = pack::read(text, Customs::of(context.currency));
    if pack.is_none() {
        context.note("unit_pricing_measure left out, not an amount with a unit that is known");
    }
    pack
}

fn facts(product: &mut Product, item: &Item, context: &mut Context) {
    let mut highlights: Vec<String> = Vec::new();
    for (name, text) in item {
        let text = plain(text.trim()).into_owned();
        if text.is_empty() {
            continue;
        }
        match name.as_str() {
            "product_highlight" => highlights.push(text),
            "product_detail" => details(product, &text),
            "is_bundle" | "adult" => match words::flag(&text) {
                Some(flag) if flag || name == "is_bundle" => {
                    let name = if name == "adult" { "for adults" } else { "bundle" };
                    product.attributes.insert(name.to_owned(), Attribute::Flag(flag));
                }
                Some(_) => {}
                None => context.note(&format!("{name} left out, neither yes nor no")),
            },
            name => {
                if let Some((_, shown)) = FACTS.iter().find(|(fact, _)| *fact == name) {
                    product.attributes.insert((*shown).to_owned(), Attribute::Text(text));
                }
            }
        }
    }
    if !highlights.is_empty() {
        product.attributes.insert("highlights".to_owned(), Attribute::Text(highlights.join("; ")));
    }
}

/// `section:name:value`, several of them with commas between.
fn details(product: &mut Product, text: &str) {
    for detail in text.split(',') {
        let parts: Vec<&str> = detail.splitn(3, ':').map(str::trim).collect();
        if let [_, name, value] = parts.as_slice()
            && !name.is_empty()
            && !value.is_empty()
        {
            product.attributes.insert((*name).to_owned(), Attribute::Text((*value).to_owned()));
        }
    }
}

/// Names of attributes that nothing here reads.
#[derive(Default)]
pub(super) struct Unknown(BTreeSet<String>);

impl Unknown {
    pub(super) fn see(&mut self, name: &str) {
        let aside =
            |known: &&str| if known.ends_with('_') { name.starts_with(*known) } else { name == *known };
        let known =
            READ.contains(&name) || FACTS.iter().any(|fact| fact.0 == name) || SET_ASIDE.iter().any(aside);
        if !known && self.0.len() < UNKNOWN_NAMES && !self.0.contains(name) {
            self.0.insert(name.to_owned());
        }
    }

    pub(super) fn note(&self) -> Option<String> {
        let names: Vec<&str> = self.0.iter().map(String::as_str).collect();
        (!names.is_empty()).then(|| format!("columns not used: {}", names.join(", ")))
    }
}

/// A feed as a table (TSV, CSV).
pub(super) struct GoogleTable {
    table: Table,
    columns: Vec<String>,
    unknown: Unknown,
}

impl GoogleTable {
    pub(super) fn new(table: Table) -> Self {
        Self { table, columns: Vec::new(), unknown: Unknown::default() }
    }
}

impl Products for GoogleTable {
    fn next(&mut self, context: &mut Context) -> Result<Option<Result<Product, String>>, FeedError> {
        loop {
            let Some((line, row)) = self.table.next_row()? else {
                return Ok(None);
            };
            context.line = line;
            let fields = match row {
                Ok(fields) => fields,
                Err(reason) => return Ok(Some(Err(reason))),
            };
            if self.columns.is_empty() {
                self.columns = fields.iter().map(|column| name(column)).collect();
                self.columns.iter().for_each(|column| self.unknown.see(column));
                continue;
            }
            if let Err(reason) = width(&fields, self.columns.len()) {
                return Ok(Some(Err(reason)));
            }
            let item: Item = self.columns.iter().cloned().zip(fields).collect();
            return Ok(Some(product(&item, context)));
        }
    }

    fn meter(&self) -> &Meter {
        self.table.meter()
    }

    fn notes(&self) -> Vec<String> {
        self.table.note().into_iter().chain(self.unknown.note()).collect()
    }
}

/// A row that is shorter or longer than the header has shifted: a delimiter or
/// a line end stands unquoted in a field, or the file is cut off.
pub(super) fn width(fields: &[String], columns: usize) -> Result<(), String> {
    let surplus = fields.get(columns..).unwrap_or_default();
    if fields.len() < columns || surplus.iter().any(|field| !field.trim().is_empty()) {
        return Err(format!("{} fields where the header has {columns} columns", fields.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::notes::Notes;

    fn read(fields: &[(&str, &str)]) -> (Result<Product, String>, Vec<String>) {
        let item: Item = fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let mut context = Context { line: 7, notes: Notes::default(), currency: None };
        (product(&item, &mut context), context.notes.lines())
    }

    #[test]
    fn an_item_becomes_a_product() {
        let (product, notes) = read(&[
            ("id", "A1"),
            ("title", "Ben &amp; Jerry"),
            ("price", "5.00 USD"),
            ("sale_price", "4.00 USD"),
            ("sale_price_effective_date", "2026-02-24T13:00-0800/2026-02-29T15:30-0800"),
            ("gtin", "4006381333932"),
            ("google_product_category", "422"),
            ("availability", "in_stock"),
            ("unit_pricing_measure", "1.5kg"),
            ("product_detail", "General:Lactose:none"),
            ("is_bundle", "no"),
        ]);
        let product = product.unwrap();
        assert_eq!(product.title.as_deref(), Some("Ben & Jerry"));
        assert_eq!((product.price_cents, product.promotion.clone()), (Some(500), None));
        assert!(product.gtins.is_empty() && product.category.is_empty());
        assert_eq!(product.pack, Some(Pack { amount: 1.5, unit: Unit::Kg, count: 1 }));
        assert_eq!(product.attributes["Lactose"], Attribute::Text("none".to_owned()));
        assert_eq!(product.attributes["bundle"], Attribute::Flag(false));
        // 29 February 2026 is no day: the sale must not last for ever.
        assert_eq!(notes.len(), 3, "{notes:?}");
    }

    #[test]
    fn a_sale_has_its_dates() {
        let (product, notes) = read(&[
            ("id", "A1"),
            ("price", "5,00 EUR"),
            ("sale_price", "4.00 EUR"),
            ("sale_price_effective_date", "2026-02-24T13:00-0800/2026-03-01"),
        ]);
        let sale = product.unwrap().promotion.unwrap();
        assert_eq!(sale.from.as_deref(), Some("2026-02-24T21:00:00Z"));
        assert_eq!((sale.until.as_deref(), sale.price_cents), (Some("2026-03-01"), 400));
        assert!(notes.is_empty());
    }

    #[test]
    fn what_is_no_product_has_a_reason() {
        assert!(read(&[("title", "x")]).0.unwrap_err().contains("no product number"));
        assert!(read(&[("id", "1"), ("price", "-1 USD")]).0.unwrap_err().contains("negative"));
        assert!(
            read(&[("id", "1"), ("price", "1 USD"), ("sale_price", "0.5 EUR")])
                .0
                .unwrap_err()
                .contains("EUR")
        );
        assert_eq!(read(&[("id", "1")]).0.unwrap().title, None);
    }
}
