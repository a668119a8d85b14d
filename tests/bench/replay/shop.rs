//! What a shop's catalog.db says, read with SQL of our own, and the words that the
//! program may say of the store itself.

use crate::text::{self, Mark};
use rusqlite::{Connection, OpenFlags, Row};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// Every setting with its default, as it is shipped.
const SETTINGS: &str = include_str!("../../../firmware-config/aisle.toml");
/// Names at and above this number are texts of the store's settings.
pub const FIXED: usize = 1 << 40;

/// Prices hold promotions that run now (a date runs to its end, UTC).
const PRODUCTS: &str = "
WITH offers AS (
    SELECT id, promotion ->> 'price_cents' AS offer, promotion ->> 'from' AS since, promotion ->> 'until' AS until
    FROM products WHERE promotion IS NOT NULL
), running AS (
    SELECT id, offer FROM offers
    WHERE (since IS NULL OR unixepoch(since) <= unixepoch('now'))
      AND (until IS NULL OR unixepoch('now')
           < unixepoch(until) + CASE WHEN length(until) = 10 THEN 86400 ELSE 1 END)
)
SELECT p.sku, p.title, p.brand, p.category, p.description, p.synonyms, p.price_cents,
    CASE WHEN r.offer < ifnull(p.price_cents, r.offer + 1) THEN r.offer END AS offer,
    p.pack_amount, p.pack_unit, p.pack_count, p.stock, p.availability, p.aisle, p.bay, p.shelf,
    p.allergens, p.dietary, p.attributes, p.age_restriction, p.option_groups,
    ifnull(p.price_as_of, c.as_of) AS price_as_of, ifnull(p.stock_as_of, c.as_of) AS stock_as_of,
    json_array(p.promotion ->> 'from', p.promotion ->> 'until', p.price_as_of, p.stock_as_of, c.as_of) AS dates,
    json_array(datetime(p.promotion ->> 'from', 'localtime'), datetime(p.promotion ->> 'until', 'localtime'),
        datetime(p.price_as_of, 'localtime'), datetime(p.stock_as_of, 'localtime'),
        datetime(c.as_of, 'localtime')) AS local_dates,
    (SELECT name FROM areas a WHERE a.id = p.aisle) AS area
FROM products p JOIN catalog c LEFT JOIN running r ON r.id = p.id ORDER BY p.sku";

#[derive(Debug, Clone, Default)]
pub struct Product {
    pub sku: String,
    pub title: String,
    pub brand: String,
    pub categories: Vec<String>,
    pub description: String,
    pub synonyms: Vec<String>,
    /// Without promotion.
    pub regular: Option<i64>,
    pub offer: Option<i64>,
    pub pack: Vec<String>,
    /// How much it is in all, in grams, milliliters or pieces: 'g', 'm', 'e'.
    pub size: Option<(f64, char)>,
    pub stock: Option<i64>,
    pub availability: Option<String>,
    pub aisle: Option<String>,
    pub bay: Option<i64>,
    pub shelf: Option<i64>,
    /// Contained, perhaps contained, stated free from; `None`: nothing is stated.
    pub allergens: Option<[Vec<String>; 3]>,
    pub dietary: Vec<String>,
    pub attributes: String,
    pub age: Option<i64>,
    /// Positions of its option groups.
    pub groups: Vec<usize>,
    pub price_as_of: Option<String>,
    pub stock_as_of: Option<String>,
    /// The name of its aisle.
    pub area: Option<String>,
    /// Dates and times that may be told of it: of a day, or with the time.
    pub dates: Vec<String>,
}

impl Product {
    pub fn price(&self) -> Option<i64> {
        self.offer.or(self.regular)
    }

    /// Whether it is on the shelf, as far as that is known.
    pub fn carried(&self) -> Option<bool> {
        match (self.stock, self.availability.as_deref()) {
            (Some(stock), _) => Some(stock > 0),
            (None, Some("in_stock")) => Some(true),
            (None, Some(_)) => Some(false),
            (None, None) => None,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Group {
    pub id: String,
    pub amounts: Vec<String>,
    /// Names, price differences and synonyms.
    pub values: Vec<(String, i64, Vec<String>)>,
    pub default: Option<String>,
}

#[derive(Default)]
pub struct Shop {
    pub name: String,
    pub currency: String,
    pub products: Vec<Product>,
    pub groups: Vec<Group>,
    skus: HashMap<String, usize>,
    /// Distinct titles as marks, with the products that bear them.
    titles: Vec<(Vec<Mark>, Vec<usize>)>,
    /// Titles by their first two marks.
    starts: HashMap<(String, String), Vec<usize>>,
    title_of: Vec<usize>,
    fixed: Vec<Vec<Mark>>,
    diets: BTreeSet<String>,
    /// What products are called plainly: titles without brand and pack, and synonyms.
    called: HashMap<String, usize>,
    /// Most pieces that are taken at once.
    pub most: String,
}

impl Shop {
    pub fn open(name: &str, folder: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(folder.join("catalog.db"), flags)?;
        let mut groups = conn.prepare("SELECT body FROM option_groups ORDER BY position")?;
        let groups = groups.query_map([], |row| Ok(group(&json(&row.get::<_, String>(0)?))))?;
        let groups = groups.collect::<Result<Vec<_>, _>>()?;
        let mut products = conn.prepare(PRODUCTS)?;
        let products = products.query_map([], |row| product(row, &groups))?.collect::<Result<_, _>>()?;
        let currency = conn.query_row("SELECT currency FROM catalog", [], |row| row.get(0))?;
        Ok(Self { name: name.to_owned(), currency, groups, ..Self::of(products) })
    }

    /// A shop of these products.
    pub fn of(products: Vec<Product>) -> Self {
        let mut shop = Self { currency: "USD".into(), ..Self::default() };
        let mut known: HashMap<String, usize> = HashMap::new();
        for (index, product) in products.iter().enumerate() {
            shop.skus.insert(product.sku.clone(), index);
            let marks = text::name(&product.title);
            // Titles that differ in signs alone are one, since a reply's are read without.
            let title = *known
                .entry(format!("{:?}", marks.iter().map(|mark| &mark.kind).collect::<Vec<_>>()))
                .or_insert_with(|| {
                    shop.titles.push((marks, Vec::new()));
                    shop.titles.len() - 1
                });
            shop.titles[title].1.push(index);
            shop.title_of.push(title);
        }
        for (index, (marks, _)) in shop.titles.iter().enumerate() {
            if !marks.is_empty() {
                shop.starts.entry(start(marks)).or_default().push(index);
            }
        }
        let store = SETTINGS.split("\n[").find(|part| part.starts_with("store]")).unwrap_or_default();
        let value =
            |line: &str| line.strip_prefix("# ")?.split_once(" = ").map(|(_, value)| value.to_owned());
        for text in store.lines().filter_map(value) {
            shop.fixed.push(text::name(text.trim_matches('"')));
        }
        let most = SETTINGS.lines().find_map(|line| line.strip_prefix("# max_quantity = "));
        most.unwrap_or_default().clone_into(&mut shop.most);
        for (index, product) in products.iter().enumerate() {
            let own = product.title.strip_prefix(&*product.brand).unwrap_or(&product.title).trim();
            let own: Vec<&str> =
                own.split_whitespace().take_while(|w| !w.contains(|c: char| c.is_numeric())).collect();
            for name in product.synonyms.iter().cloned().chain([own.join(" ")]) {
                if name.len() > 2 {
                    shop.called.entry(plain(&name)).or_insert(index);
                }
            }
        }
        shop.diets = products.iter().flat_map(|product| product.dietary.iter().cloned()).collect();
        shop.products = products;
        shop
    }

    /// All diets that are stated of any product.
    pub fn diets(&self) -> &'_ BTreeSet<String> {
        &self.diets
    }

    /// The product that is called so.
    pub fn called(&self, name: &str) -> Option<usize> {
        self.called.get(&plain(name)).copied()
    }

    pub fn find(&self, sku: &str) -> Option<usize> {
        self.skus.get(sku).copied()
    }

    /// The number of a product's title among all titles.
    pub fn title(&self, product: usize) -> usize {
        self.title_of[product]
    }

    pub fn title_marks(&self, title: usize) -> &[Mark] {
        &self.titles[title].0
    }

    /// The products that bear a title.
    pub fn bearers(&self, title: usize) -> &[usize] {
        &self.titles[title].1
    }

    /// The marks of a reply with its titles and settings texts found: the longest title
    /// at each place. Titles of `near` may stand as they are spoken.
    pub fn read(&self, reply: &str, near: &BTreeSet<usize>, spoken: bool) -> Vec<Mark> {
        text::read_naming(reply, |marks| {
            let fixed = self.fixed.iter().enumerate().filter_map(|(index, name)| {
                text::starts_with(marks, name, spoken).map(|taken| (taken, FIXED + index))
            });
            let far = [start(marks), (start(marks).0, String::new())];
            let far = far.iter().filter_map(|start| self.starts.get(start)).flatten();
            let near = near.iter().filter(|_| spoken);
            let titles = near.map(|title| (title, true)).chain(far.map(|title| (title, false)));
            let titles = titles.filter_map(|(title, spoken)| {
                let taken =
                    text::starts_with(marks, &self.titles[*title].0, spoken).filter(|taken| *taken > 0)?;
                let cased = self.cased(*title, &reply[marks[0].at.clone()]);
                cased.then(|| (taken + self.tail(*title, &marks[taken - 1..]), *title))
            });
            fixed.chain(titles).max_by_key(|(taken, _)| *taken).map(|(taken, name)| (name, taken))
        })
    }

    /// How many signs of a title's end follow its last word: "(50-ft.)".
    fn tail(&self, title: usize, marks: &[Mark]) -> usize {
        let title = &self.products[self.titles[title].1[0]].title;
        let most = title.chars().rev().take_while(|c| !c.is_alphanumeric()).count();
        let glued = |two: &&[Mark]| {
            two[0].at.end == two[1].at.start
                && matches!(two[1].kind, text::Kind::Sign(_) | text::Kind::Stop(_))
        };
        marks.windows(2).take(most).take_while(glued).count()
    }

    /// Whether a title's first word is written as in the catalog, or with a capital:
    /// "Orange" is a product's name where "orange" may be a colour.
    fn cased(&self, title: usize, first: &str) -> bool {
        let title = &self.products[self.titles[title].1[0]].title;
        let (here, there) = (first.chars().next(), title.chars().find(|c| c.is_alphanumeric()));
        here == there || here.is_some_and(char::is_uppercase) || there.is_some_and(char::is_numeric)
    }
}

fn start(marks: &[Mark]) -> (String, String) {
    let words = |mark: &Mark| match &mark.kind {
        text::Kind::Sign(_) | text::Kind::Stop(_) => None,
        text::Kind::Word(word) => Some(word.clone()),
        other => Some(other_start(other)),
    };
    let mut words = marks.iter().filter_map(words);
    (words.next().unwrap_or_default(), words.next().unwrap_or_default())
}

fn other_start(kind: &text::Kind) -> String {
    match kind {
        text::Kind::Number(number) => number.value.clone(),
        _ => "$".to_owned(),
    }
}

/// In lower case, one or many.
fn plain(name: &str) -> String {
    name.to_lowercase().trim_end_matches('s').to_owned()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn group(body: &Value) -> Group {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let value = |value: &Value| {
        (text(&value["name"]), value["price_delta_cents"].as_i64().unwrap_or(0), words(&value["synonyms"]))
    };
    Group {
        id: text(&body["id"]),
        amounts: words(&body["amounts"]),
        values: body["values"].as_array().into_iter().flatten().map(value).collect(),
        default: body["default"].as_str().map(str::to_owned),
    }
}

fn product(row: &Row, groups: &[Group]) -> rusqlite::Result<Product> {
    let list = |column: &str| Ok::<_, rusqlite::Error>(words(&json(&row.get::<_, String>(column)?)));
    let text =
        |column: &str| Ok::<_, rusqlite::Error>(row.get::<_, Option<String>>(column)?.unwrap_or_default());
    let allergens: Option<String> = row.get("allergens")?;
    let allergens = allergens.map(|text| json(&text)).filter(Value::is_object);
    let amount: Option<f64> = row.get("pack_amount")?;
    let count: Option<i64> = row.get("pack_count")?;
    let unit: Option<String> = row.get("pack_unit")?;
    let base = unit.and_then(|unit| match &*unit {
        "kg" => Some((1000.0, 'g')),
        "g" => Some((1.0, 'g')),
        "l" => Some((1000.0, 'm')),
        "ml" => Some((1.0, 'm')),
        "each" => Some((1.0, 'e')),
        _ => None,
    });
    #[allow(clippy::cast_precision_loss)]
    let size = amount.zip(base).map(|(n, (scale, base))| (n * scale * count.unwrap_or(1) as f64, base));
    let own = list("option_groups")?;
    let mut dates = list("dates")?;
    // A time may be told in the shop's own zone.
    if dates.iter().any(|date| date.len() > 10) {
        dates.extend(list("local_dates")?);
    }
    Ok(Product {
        sku: row.get("sku")?,
        title: text("title")?,
        brand: text("brand")?,
        categories: list("category")?,
        description: text("description")?,
        synonyms: list("synonyms")?,
        regular: row.get("price_cents")?,
        offer: row.get("offer")?,
        pack: amount.map(|n| n.to_string()).into_iter().chain(count.map(|n| n.to_string())).collect(),
        size,
        stock: row.get("stock")?,
        availability: row.get("availability")?,
        aisle: row.get("aisle")?,
        bay: row.get("bay")?,
        shelf: row.get("shelf")?,
        allergens: allergens
            .map(|lists| ["contains", "may_contain", "free_from"].map(|key| words(&lists[key]))),
        dietary: list("dietary")?,
        attributes: text("attributes")?,
        age: row.get("age_restriction")?,
        groups: (0..groups.len()).filter(|group| own.contains(&groups[*group].id)).collect(),
        price_as_of: row.get("price_as_of")?,
        stock_as_of: row.get("stock_as_of")?,
        dates,
        area: row.get("area")?,
    })
}
