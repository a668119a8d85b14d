//! Bundles as head office makes them, for the tests: contents, snapshots, deltas, manifests.

#![allow(dead_code)] // Each test file uses its own part.

use aisle::domain::{Product, Sku};
use aisle::store::{Catalog, Header, Record, StoreError, line};
use aisle::sync::delta::{Change, OldRows, diff, pack_delta};
use aisle::sync::digest::Digest;
use aisle::sync::ingest::Ingest;
use aisle::sync::pack::{Limits, PackError, pack_file, pack_snapshot};
use aisle::sync::plan::{Have, plan};
use aisle::sync::root::{Row, root};
use aisle::sync::session::{Command, Event, Job};
use aisle::sync::wire::catalog::{Delta, FORMAT, File, FileName, Manifest, Parts};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A catalog's lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    pub headers: Vec<Vec<u8>>,
    pub rows: BTreeMap<Sku, Vec<u8>>,
    pub root: Digest,
}

impl Content {
    pub fn new(headers: &[Record], products: impl IntoIterator<Item = Product>) -> Self {
        let headers: Vec<Vec<u8>> = headers.iter().map(|record| line(record).unwrap()).collect();
        let rows: BTreeMap<Sku, Vec<u8>> = products
            .into_iter()
            .map(|product| (product.sku.clone(), line(&Record::Product(Box::new(product))).unwrap()))
            .collect();
        let digests = rows.iter().map(|(sku, line)| (sku.clone(), Digest::of(line))).collect();
        let root = root(&headers, digests).unwrap();
        Self { headers, rows, root }
    }

    pub fn rows(&self) -> impl Iterator<Item = Result<Row, PackError>> + '_ {
        self.rows.values().map(|line| Row::read(line.clone()))
    }

    /// As a catalog file.
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for line in self.headers.iter().chain(self.rows.values()) {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        text
    }
}

pub fn header(name: &str) -> Record {
    Record::Header(Header { name: name.to_owned(), currency: Default::default(), as_of: None })
}

pub fn product(json: &str) -> Product {
    serde_json::from_str(json).unwrap()
}

struct Lines<'a>(&'a BTreeMap<Sku, Vec<u8>>);

impl OldRows for Lines<'_> {
    fn row(&mut self, sku: &Sku) -> Result<Option<Vec<u8>>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.get(sku).cloned())
    }
}

/// What head office has published: contents by version, and all chunks.
#[derive(Default)]
pub struct Office {
    pub chunks: HashMap<Digest, Vec<u8>>,
    /// How hard snapshots and files are packed, and deltas.
    pub level: i32,
    pub delta_level: i32,
    deltas: Vec<Delta>,
    last: Option<(u64, Content)>,
}

fn keep(chunks: &mut HashMap<Digest, Vec<u8>>) -> impl FnMut(&Digest, &[u8]) -> io::Result<()> {
    |digest, bytes| {
        chunks.insert(*digest, bytes.to_vec());
        Ok(())
    }
}

impl Office {
    pub fn new() -> Self {
        Self { level: 3, delta_level: 3, ..Self::default() }
    }

    pub fn delta(&mut self, from: &Content, to: &Content) -> Parts {
        let headers = (from.headers != to.headers).then(|| to.headers.clone());
        let digests = from.rows.iter().map(|(sku, line)| (sku.clone(), Digest::of(line)));
        let change: Change = diff(from.root, to.root, headers, digests, to.rows()).unwrap();
        let limit = Limits::default().delta;
        pack_delta(&change, &mut Lines(&from.rows), self.delta_level, limit, keep(&mut self.chunks)).unwrap()
    }

    /// The manifest with `body` as its file `name`.
    pub fn enclose(&mut self, manifest: &Manifest, name: FileName, body: &[u8]) -> Manifest {
        let whole = pack_file(body, &[], self.level, keep(&mut self.chunks)).unwrap();
        let mut files: Vec<File> = manifest.files.iter().filter(|file| file.name != name).cloned().collect();
        files.push(File { name, whole, change: None });
        Manifest { files, ..manifest.clone() }
    }

    /// The manifest of a content, with a delta from the one before and facts with these opening hours.
    pub fn publish(&mut self, version: u64, content: &Content, facts: &str) -> Manifest {
        let level = self.level;
        let snapshot =
            pack_snapshot(&content.headers, content.rows(), level, keep(&mut self.chunks)).unwrap();
        assert_eq!(snapshot.root, content.root);
        if let Some((from_version, from)) = self.last.take() {
            let parts = self.delta(&from, content);
            let (from_root, root) = (from.root, content.root);
            self.deltas.insert(0, Delta { from_version, from_root, version, root, parts });
            self.deltas.truncate(4);
        }
        self.last = Some((version, content.clone()));
        let whole = pack_file(&facts_of(facts), &[], level, keep(&mut self.chunks)).unwrap();
        Manifest {
            version,
            issued: "2026-11-26T08:00:00Z".parse().unwrap(),
            expires: "2026-12-26T08:00:00Z".parse().unwrap(),
            staged: false,
            format: FORMAT,
            min_program: None,
            root: content.root,
            products: snapshot.products,
            snapshot: snapshot.parts,
            deltas: self.deltas.clone(),
            files: vec![File { name: FileName::Facts, whole, change: None }],
            shards: 1,
        }
    }
}

/// A file of facts with these opening hours.
pub fn facts_of(hours: &str) -> Vec<u8> {
    format!("[store]\nhours = {hours:?}\n").into_bytes()
}

pub fn ingest(catalog: &Arc<Catalog>, folder: &Path) -> Ingest {
    let program = "1.4.0".parse().unwrap();
    Ingest::open(Arc::clone(catalog), folder, 256 << 20, Limits::default(), program).unwrap()
}

/// Stages what is needed and takes a manifest into use, from what is there or as a whole.
pub fn take(ingest: &mut Ingest, office: &Office, manifest: &Manifest, whole: bool) -> Event {
    let stored = ingest.stored().unwrap();
    let have = if whole { Have::default() } else { stored.have };
    let plan = plan(&have, manifest, Limits::default(), |digest| stored.staged.contains(digest)).unwrap();
    for chunk in &plan.fetch {
        let bytes = office.chunks[&chunk.sha256].clone().into();
        let staged = ingest.run(Command::Stage(*chunk, bytes));
        assert!(matches!(staged, Some(Event::Staged(_))), "{staged:?}");
    }
    let job = Job { manifest: manifest.clone(), plan, have };
    let answer = ingest.run(Command::Apply(Box::new(job))).unwrap();
    if matches!(answer, Event::Applied(_)) {
        ingest.run(Command::Sweep(BTreeSet::new()));
    }
    answer
}

#[derive(Debug)]
pub struct Stop;

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        panic!("{error}")
    }
}

/// The root of what a catalog holds beneath corrections, read row by row.
pub fn root_of(catalog: &Catalog) -> Digest {
    let mut found = None;
    let rolled_back = catalog.renew::<Stop>(&mut |_| {}, |renewal| {
        let mut rows = Vec::new();
        renewal.digests(|sku, digest| {
            let line = renewal.line(&sku)?.expect("a row that is digested is there");
            assert_eq!(Digest::of(&line), digest, "the digest is the row's");
            rows.push((sku, digest));
            Ok::<_, Stop>(())
        })?;
        found = Some(root(&renewal.headers()?, rows).unwrap());
        Err(Stop)
    });
    assert!(rolled_back.is_err());
    found.unwrap()
}

/// Everything that search and reads stand on, but the order of the rows.
pub fn everything(catalog: &Catalog) -> (BTreeMap<Sku, Product>, BTreeMap<String, u32>, String) {
    let mut products = BTreeMap::new();
    catalog
        .for_each_product(|product| assert!(products.insert(product.sku.clone(), product).is_none()))
        .unwrap();
    let declared = format!(
        "{:?} {:?} {:?} {:?}",
        catalog.option_groups().unwrap(),
        catalog.areas().unwrap(),
        catalog.kiosk().unwrap(),
        catalog.info().map(|info| (info.name, info.currency, info.as_of, info.products)).unwrap()
    );
    (products, catalog.vocabulary().unwrap().words, declared)
}
