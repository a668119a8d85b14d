//! Head office: its keys, two versions of a catalog packed and signed, their publishing, and a
//! collector, all as `aisle office` does it. Only the packing of the whole catalog is hurried,
//! which no kiosk fetches here.

use super::broker::Broker;
use super::bundle::{self, Content, header};
use super::scene::name;
use super::wares::{Alone, changed, wares};
use aisle::domain::Sku;
use aisle::office::bundle::Draft;
use aisle::office::collect::{self, Collector};
use aisle::office::keyring::Keyring;
use aisle::office::publish::{Publishing, Went, publish};
use aisle::office::shelf::Shelf;
use aisle::store::{Catalog, Office};
use aisle::sync::keys::Anchor;
use aisle::sync::mqtt;
use aisle::sync::pack::LEVEL;
use aisle::sync::plan::Have;
use aisle::sync::session::Event;
use aisle::sync::topics::{Role, Topic};
use aisle::sync::wire::catalog::Manifest;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// For how long a manifest may be taken, in days.
const DAYS: u32 = 30;

pub struct Head {
    folder: TempDir,
    ring: Keyring,
    shelf: Shelf,
    bundles: bundle::Office,
    pub versions: [Manifest; 2],
    /// The rows of the first version.
    pub rows: BTreeMap<Sku, Vec<u8>>,
    /// Where the products are from.
    pub origin: String,
    /// The rows that differ.
    pub differing: Alone,
}

impl Head {
    /// With keys and two versions of so many products, of which nothing is published yet.
    pub fn new(products: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ring = Keyring::init(folder.path(), &name("acme"), 365, Timestamp::now()).unwrap();
        let shelf = Shelf::open(folder.path(), &name("all")).unwrap();
        let (products, origin) = wares(products);
        let [one, two] = [1, 2].map(|round| {
            let products = products.iter().enumerate().map(|(n, product)| changed(product, n, round));
            Content::new(&[header("Fleet")], products)
        });
        let mut bundles = bundle::Office::new();
        (bundles.level, bundles.delta_level) = (6, LEVEL);
        let versions = [bundles.publish(1, &one, "facts"), bundles.publish(2, &two, "facts")];
        let differing = Alone::of(&one.rows, &two.rows);
        Self { folder, ring, shelf, bundles, versions, rows: one.rows, origin, differing }
    }

    /// Whom kiosks are to trust.
    pub fn anchor(&self) -> Anchor {
        Anchor { keys: self.ring.root_keys(), threshold: 1 }
    }

    /// What a kiosk has that carries the first version.
    pub fn have(&self) -> Have {
        let [one, _] = &self.versions;
        let files = one.files.iter().map(|file| (file.name, file.whole.sha256)).collect();
        Have { catalog: Some((one.version, one.root)), files }
    }

    /// A data folder in which the first version is in use, as head office sent it.
    pub fn equip(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Arc::new(Catalog::open(folder.path()).unwrap());
        let mut ingest = bundle::ingest(&catalog, folder.path());
        let [one, _] = &self.versions;
        let taken = bundle::take(&mut ingest, &self.bundles, one, true);
        assert!(matches!(taken, Event::Applied(_)), "{taken:?}");
        folder
    }

    /// Signs and publishes one of the versions.
    pub async fn publish(&mut self, broker: &Broker, at: usize) -> Went {
        let version = self.versions[at].version;
        let signers = self.ring.signers(Role::Catalog, Timestamp::now()).unwrap();
        let (tenant, group) = (name("acme"), name("all"));
        let topic = Topic::Manifest { group: group.clone() };
        let draft = Draft::of(&self.versions[at]);
        let sealed = draft.seal(version, DAYS, Timestamp::now(), &topic, &tenant, &signers).unwrap();
        let room = self.shelf.room().unwrap();
        for (digest, bytes) in &self.bundles.chunks {
            fs::write(room.path().join(digest.to_string()), bytes).unwrap();
        }
        self.shelf.write_down(room.path(), sealed).unwrap();
        let what = Publishing {
            shelf: &mut self.shelf,
            ring: &self.ring,
            group,
            new: None,
            days: DAYS,
            again: false,
        };
        publish(options(broker, "office"), what).await.unwrap()
    }

    /// A collector with a database of its own, and that database.
    pub fn collect(&self, broker: &Broker) -> (Collector, Arc<Office>) {
        let office = Arc::new(Office::open(self.folder.path()).unwrap());
        let collector = collect::start(collect::Options {
            connection: options(broker, "collect-1"),
            tenant: name("acme"),
            share: name("collectors"),
            office: office.clone(),
            watching: None,
        });
        (collector, office)
    }

    /// Bytes of what was collected, on the disk.
    pub fn collected(&self) -> u64 {
        let size = |end: &str| fs::metadata(self.folder.path().join(format!("office.db{end}")));
        ["", "-wal"].into_iter().filter_map(|end| size(end).ok()).map(|file| file.len()).sum()
    }
}

fn options(broker: &Broker, who: &str) -> mqtt::Options {
    let user = format!("acme/{who}");
    mqtt::Options::new("127.0.0.1", broker.port, &user, broker.tls(&user))
}

/// A copy of a data folder.
pub fn copy(from: &Path, to: &Path) -> PathBuf {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
    to.to_owned()
}
