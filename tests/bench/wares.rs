//! The catalog that the benches of head office's line carry: of the evaluation's catalogs where
//! they are at hand, made up else, the same in every run, and what differs of it from one version
//! to the next.

use aisle::domain::{Product, Sku};
use aisle::feeds::{self, Mapping, NativeFeed};
use aisle::store::{Catalog, Header, ImportLimits, Record, line};
use aisle::sync::pack::LEVEL;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Each catalog of $AISLE_EVAL_DATA: what its numbers begin with, its mapping, its file.
const GIVEN: [(&str, &str, &str); 2] = [
    ("E-", "icecat.toml", "icecat/products.jsonl.zst"),
    ("G-", "completejourney-products.toml", "completejourney/products.csv.zst"),
];

/// So many products, and a word on where they are from.
pub fn wares(count: usize) -> (Vec<Product>, String) {
    let Some(folder) = std::env::var_os("AISLE_EVAL_DATA").map(PathBuf::from) else {
        return ((0..count).map(made_up).collect(), "made up, as AISLE_EVAL_DATA is not set".to_owned());
    };
    let files = GIVEN.map(|(prefix, mapping, file)| (prefix, mapping, folder.join(file)));
    if let Some((_, _, file)) = files.iter().find(|(_, _, file)| !file.is_file()) {
        return ((0..count).map(made_up).collect(), format!("made up, as there is no {}", file.display()));
    }
    let all: Vec<Product> =
        files.iter().flat_map(|(prefix, mapping, file)| read(prefix, mapping, file)).collect();
    // Evenly of all of them; where that is not enough, made up ones fill the rest.
    let given = count.min(all.len());
    let chosen = (0..given).filter_map(|n| all.get(n * all.len() / given.max(1)).cloned());
    let products: Vec<Product> = chosen.chain((given..count).map(made_up)).collect();
    let electronics = products.iter().filter(|product| product.sku.as_str().starts_with("E-")).count();
    let rest = count - given;
    let origin =
        format!("{electronics} of Icecat, {} of Complete Journey, {rest} made up", given - electronics);
    (imported(products), origin)
}

/// Products as an import leaves them: what head office packs, and a kiosk has, to the byte.
fn imported(products: Vec<Product>) -> Vec<Product> {
    let folder = tempfile::tempdir().unwrap();
    let header = Header { name: "Wares".to_owned(), currency: Default::default(), as_of: None };
    let mut text = line(&Record::Header(header)).unwrap();
    for product in products {
        text.push(b'\n');
        text.extend(line(&Record::Product(Box::new(product))).unwrap());
    }
    let file = folder.path().join("wares.jsonl");
    std::fs::write(&file, text).unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    catalog.import(&mut NativeFeed::open(&file).unwrap(), &ImportLimits::default(), &mut |_| {}).unwrap();
    let mut products = Vec::new();
    catalog
        .for_each_product(|product| {
            products.push(Product { location: None, option_groups: Vec::new(), ..product })
        })
        .unwrap();
    products
}

/// What a catalog has, under numbers that no other one has.
fn read(prefix: &str, mapping: &str, file: &Path) -> Vec<Product> {
    let mappings = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware-config/mappings");
    let mapping = Mapping::read(&mappings.join(mapping)).unwrap();
    let feed = feeds::open(file, Some(&mapping), &feeds::Options::default()).unwrap();
    let records = feed.filter_map(|entry| entry.unwrap().record.ok());
    let product = |(n, record): (usize, Record)| {
        let Record::Product(product) = record else { return None };
        let sku = Sku::new(&format!("{prefix}{}", product.sku.as_str()))?;
        // Groceries come without prices and counts, and a shop has both.
        let price_cents = product.price_cents.or_else(|| Some(99 + i64::try_from(n * 37 % 1_900).ok()?));
        let stock = product.stock.or_else(|| i64::try_from(n * 13 % 90).ok());
        // They name others by numbers that these have not any more.
        let (accessories, substitutes, variant_group) = (Vec::new(), Vec::new(), None);
        Some(Product { sku, price_cents, stock, accessories, substitutes, variant_group, ..*product })
    };
    records.enumerate().filter_map(product).collect()
}

fn made_up(n: usize) -> Product {
    let words = [
        "usb", "cable", "laptop", "bag", "toner", "mouse", "router", "ssd", "milk", "cord", "black", "patch",
    ];
    let word = |at: usize| words[(n / 7_usize.pow(u32::try_from(at).unwrap()) + at * 5) % words.len()];
    let text: Vec<&str> = (0..40).map(|at| word(at % 6)).collect();
    serde_json::from_str(&format!(
        r#"{{"sku":"P-{n}","title":"{} {} {} {n}","brand":"Brand {}","price_cents":{n},"stock":{},"category":["All","{}"],"description":"{}"}}"#,
        word(0),
        word(1),
        word(2),
        n % 500,
        n % 90,
        word(3),
        text.join(" ")
    ))
    .unwrap()
}

/// The product as version `round` has it: one in a hundred has another price or, of ten of these,
/// another title.
pub fn changed(product: &Product, n: usize, round: i64) -> Product {
    let mut product = product.clone();
    if n % 100 == 37 {
        // Not the same step for all, which would pack too well to be true.
        let step = fastrand::Rng::with_seed(n as u64 + 7_919 * round.unsigned_abs()).i64(1..1_000);
        product.price_cents = Some(product.price_cents.unwrap_or(100) % 9_000_000 + step);
        if n % 1000 == 37 {
            let title = product.title.take();
            product.title = Some(format!("{} {round}", title.as_deref().unwrap_or("Now called")));
        }
    }
    product
}

/// The rows that differ, and what they are if they are packed without the old ones: what a delta
/// is measured against.
pub struct Alone {
    pub rows: usize,
    pub bytes: u64,
    /// Of Zstandard, at the level at which bundles are packed.
    pub packed: u64,
}

impl Alone {
    pub fn of(old: &BTreeMap<Sku, Vec<u8>>, new: &BTreeMap<Sku, Vec<u8>>) -> Self {
        let differing = new.iter().filter(|(sku, line)| old.get(*sku) != Some(*line));
        let lines: Vec<&[u8]> = differing.map(|(_, line)| line.as_slice()).collect();
        let (rows, lines) = (lines.len(), lines.join(&b'\n'));
        let packed = zstd::bulk::compress(&lines, LEVEL).unwrap();
        Self { rows, bytes: lines.len() as u64, packed: packed.len() as u64 }
    }

    /// In words, with what the delta is in its place.
    pub fn tell(&self, delta: u64) -> String {
        let Self { rows, bytes, packed } = self;
        let times = delta as f64 / *packed as f64;
        format!(
            "{rows} rows differ: {bytes} bytes, {packed} by zstd alone; as a delta {delta}, {times:.2} times that"
        )
    }
}
