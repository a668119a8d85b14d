//! What is searched: the products and judged queries of a folder of test data,
//! as many products as a measurement needs, or the shipped demo store.

use aisle::feeds::Mapping;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Most queries made up for the demo store, which has none of its own.
const DEMO_QUERIES: usize = 60;

/// Ways in which [`varied`] can change a text.
pub const VARIATIONS: usize = 100;

/// What every engine indexes of a product.
pub struct Document {
    pub id: String,
    pub title: String,
    pub name: String,
    pub brand: String,
    pub description: String,
}

/// Judged queries: product ids to ratings, 0 (wrong) to 3 (perfect).
pub type Judgments = BTreeMap<String, BTreeMap<String, i32>>;

pub enum Source {
    Icecat {
        /// One product a line, as the data set has them.
        lines: Vec<String>,
        judgments: Judgments,
        /// Queries for which the shop carries nothing good.
        no_relevant: Vec<String>,
    },
    Demo(PathBuf),
}

impl Source {
    /// The folder `icecat` of $AISLE_EVAL_DATA; without it the demo store.
    pub fn find() -> Self {
        let given = std::env::var_os("AISLE_EVAL_DATA").map(|dir| PathBuf::from(dir).join("icecat"));
        let Some(dir) = given.filter(|dir| dir.is_dir()) else {
            println!(
                "Quality needs judged queries: set AISLE_EVAL_DATA to a folder whose `icecat` holds \
                 products.jsonl.zst, judgments_dev.csv and no_relevant_dev.txt. Without them only the \
                 speed on the shipped demo store is measured."
            );
            return Self::demo();
        };
        let read = |name: &str| {
            let path = dir.join(name);
            std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        };
        let packed = std::fs::File::open(dir.join("products.jsonl.zst")).expect("products.jsonl.zst");
        let unpacked = zstd::stream::read::Decoder::new(packed).expect("zstd");
        let lines = BufReader::new(unpacked).lines().collect::<Result<_, _>>().expect("lines of text");
        let no_relevant = read("no_relevant_dev.txt");
        let no_relevant = no_relevant.lines().map(|line| line.trim().to_owned());
        Self::Icecat {
            lines,
            judgments: judgments(&read("judgments_dev.csv")),
            no_relevant: no_relevant.filter(|line| !line.is_empty()).collect(),
        }
    }

    /// The shipped demo store.
    pub fn demo() -> Self {
        let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware-config/demo-store");
        Self::Demo(store.join("catalog.jsonl"))
    }

    /// How many products there are unvaried.
    pub fn len(&self) -> usize {
        match self {
            Self::Icecat { lines, .. } => lines.len(),
            Self::Demo(path) => demo(path).count(),
        }
    }

    /// Distinct queries, for the clock.
    pub fn queries(&self) -> Vec<String> {
        match self {
            Self::Icecat { judgments, .. } => judgments.keys().cloned().collect(),
            Self::Demo(path) => {
                let titles: Vec<String> = demo(path).map(|product| text(&product, "title")).collect();
                let step = titles.len().div_ceil(DEMO_QUERIES).max(1);
                titles.into_iter().step_by(step).collect()
            }
        }
    }

    /// What the other engines index, `count` products.
    pub fn documents(&self, count: usize) -> Box<dyn Iterator<Item = Document> + '_> {
        match self {
            Self::Icecat { lines, .. } => Box::new(rows(lines, count).map(|row| Document {
                id: text(&row, "id"),
                title: text(&row, "title"),
                name: text(&row, "name"),
                brand: text(&row, "supplier"),
                description: text(&row, "short_description"),
            })),
            Self::Demo(path) => Box::new(demo(path).take(count).map(|product| {
                Document {
                    id: text(&product, "sku"),
                    title: text(&product, "title"),
                    name: product["synonyms"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter_map(Value::as_str)
                        .collect::<Vec<_>>()
                        .join(" "),
                    brand: text(&product, "brand"),
                    description: text(&product, "description"),
                }
            })),
        }
    }

    /// The same products as a catalog file, and how to read it where it is not in
    /// Aisle's own format.
    pub fn catalog_file(&self, count: usize, folder: &Path) -> (PathBuf, Option<Mapping>) {
        let lines = match self {
            Self::Icecat { lines, .. } => lines,
            Self::Demo(path) => return (path.clone(), None),
        };
        let path = folder.join(format!("{count}.jsonl"));
        let mut file = BufWriter::new(std::fs::File::create(&path).expect("a catalog file"));
        for row in rows(lines, count) {
            writeln!(file, "{row}").expect("disk space");
        }
        file.flush().expect("disk space");
        let mapping = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware-config/mappings/icecat.toml");
        (path, Some(Mapping::read(&mapping).unwrap_or_else(|e| panic!("{e}"))))
    }
}

/// The data set's products, and when `count` is more than there are, varied ones
/// after them: another id, and title, model name and description [`varied`].
fn rows(lines: &[String], count: usize) -> impl Iterator<Item = Value> + '_ {
    (0..count).map(move |at| {
        let mut row: Value = serde_json::from_str(&lines[at % lines.len()]).expect("a JSON line");
        let variation = at / lines.len();
        if variation > 0 {
            assert!(variation < VARIATIONS, "{count} products are more than there are variations");
            row["id"] = format!("{}-{variation}", text(&row, "id")).into();
            for key in ["title", "name", "short_description"] {
                if let Some(words) = row[key].as_str() {
                    row[key] = varied(words, variation).into();
                }
            }
        }
        row
    })
}

/// Turns the digits of `text`: those of words that have letters ("dv7-1211ea")
/// by the last digit of `variation`, those of plain numbers ("43.2") by the sum
/// of its digits. So a varied product is of another model and size, its words are
/// as long and as many, and [`unvaried`] finds what it was made of.
pub fn varied(text: &str, variation: usize) -> String {
    let (models, sizes) = (variation % 10, (variation / 10 + variation) % 10);
    turned(text, models, sizes)
}

/// The inverse of [`varied`].
pub fn unvaried(text: &str, variation: usize) -> String {
    let (models, sizes) = (variation % 10, (variation / 10 + variation) % 10);
    turned(text, (10 - models) % 10, (10 - sizes) % 10)
}

fn turned(text: &str, models: usize, sizes: usize) -> String {
    let mut turned = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let by = if word.contains(char::is_alphabetic) { models } else { sizes };
        turned.extend(word.chars().map(|c| match c.to_digit(10) {
            Some(digit) => char::from(b'0' + u8::try_from((digit as usize + by) % 10).expect("a digit")),
            None => c,
        }));
    }
    turned
}

fn demo(path: &Path) -> impl Iterator<Item = Value> + use<> {
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let lines = BufReader::new(file).lines().map(|line| line.expect("a line of text"));
    lines
        .map(|line| serde_json::from_str::<Value>(&line).expect("a JSON line"))
        .filter(|record| record["record"] == "product")
}

/// `query,docid,rating` below a header; the query is quoted when it has a comma.
fn judgments(csv: &str) -> Judgments {
    let mut judgments = Judgments::new();
    for line in csv.lines().skip(1).filter(|line| !line.is_empty()) {
        let mut fields = line.rsplitn(3, ',');
        let rating = fields.next().and_then(|field| field.trim().parse().ok()).expect("a rating");
        let id = fields.next().expect("a document id");
        let query = fields.next().expect("a query").trim_matches('"').replace("\"\"", "\"");
        judgments.entry(query).or_default().insert(id.to_owned(), rating);
    }
    judgments
}

fn text(row: &Value, key: &str) -> String {
    row[key].as_str().unwrap_or_default().to_owned()
}
