//! `make bench-sync`: what taking a bundle into use costs: a snapshot of a catalog, a delta of
//! one row in a hundred, how large that delta is, and what searches wait meanwhile.
//! `AISLE_BENCH_CATALOG` names a catalog in Aisle's own format; without it there are 100,000
//! products, of $AISLE_EVAL_DATA or made up. Prints one line a figure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;
mod wares;

use aisle::domain::Product;
use aisle::store::{Catalog, SearchRequest};
use aisle::sync::pack::LEVEL;
use aisle::sync::session::Event;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::bundle::{Content, Office, everything, header, ingest, root_of, take};
use wares::{Alone, changed, wares};

/// Searches, of one to five words.
const TEXTS: [&str; 8] = [
    "milk",
    "usb cable",
    "laptop bag",
    "hp toner black",
    "wireless mouse",
    "cat6 patch cord 2 m",
    "ssd",
    "router",
];
/// The pause of a shopper between two searches.
const PAUSE: Duration = Duration::from_millis(5);

fn main() {
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let products = products();
    let contents = [1, 2].map(|round| {
        let products = products.iter().enumerate().map(|(n, product)| changed(product, n, round));
        Content::new(&[header("Bench")], products)
    });
    let [a, b] = &contents;
    let mut office = Office::new();
    // As it unpacks at one speed at all levels, a quick one serves here; of the delta the size
    // is told as well.
    (office.level, office.delta_level) = (6, LEVEL);
    let started = Instant::now();
    let one = office.publish(1, a, "facts");
    println!(
        "packing {} rows, {} bytes to {}: {:.1?}",
        a.rows.len(),
        one.snapshot.size,
        one.snapshot.packed,
        started.elapsed()
    );
    let two = office.publish(2, b, "facts");
    println!("{}", Alone::of(&a.rows, &b.rows).tell(two.deltas[0].parts.packed));

    let folder = tempfile::tempdir().unwrap();
    let catalog = Arc::new(Catalog::open(folder.path()).unwrap());
    measure("first snapshot", &catalog, folder.path(), &office, &one, true, false);
    quiet(&catalog);
    measure("delta alone", &catalog, folder.path(), &office, &two, false, false);
    assert_eq!(root_of(&catalog), b.root);
    let three = office.publish(3, a, "facts");
    measure("delta while searching", &catalog, folder.path(), &office, &three, false, true);
    let four = office.publish(4, b, "facts");
    measure("snapshot while searching", &catalog, folder.path(), &office, &four, true, true);
    assert_eq!(everything(&catalog).0.len(), b.rows.len());
}

fn products() -> Vec<Product> {
    let Ok(file) = std::env::var("AISLE_BENCH_CATALOG") else {
        let (products, origin) = wares(100_000);
        println!("{} products: {origin}", products.len());
        return products;
    };
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let started = Instant::now();
    support::import(&catalog, Path::new(&file)).unwrap();
    println!("import of the same from a file: {:.1?}", started.elapsed());
    let mut products = Vec::new();
    catalog
        .for_each_product(|product| {
            products.push(Product { location: None, option_groups: vec![], ..product })
        })
        .unwrap();
    products
}

fn ask(catalog: &Catalog, n: usize) -> Duration {
    let text = TEXTS[n % TEXTS.len()].to_owned();
    let started = Instant::now();
    catalog.search(&SearchRequest { text, limit: 10, ..SearchRequest::default() }).unwrap();
    started.elapsed()
}

fn show(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!(
        "{name}: {} searches, p50 {:.1?}, p99 {:.1?}, longest {:.1?}",
        times.len(),
        at(50),
        at(99),
        at(100)
    );
}

fn quiet(catalog: &Catalog) {
    let times = (0..600).map(|n| {
        std::thread::sleep(PAUSE);
        ask(catalog, n)
    });
    show("at rest", times.collect());
}

fn measure(
    name: &str,
    catalog: &Arc<Catalog>,
    folder: &Path,
    office: &Office,
    manifest: &aisle::sync::wire::catalog::Manifest,
    whole: bool,
    search: bool,
) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let shopper = scope.spawn(|| {
            let mut times = Vec::new();
            while search && !over.load(Ordering::Relaxed) {
                std::thread::sleep(PAUSE);
                times.push(ask(catalog, times.len()));
            }
            times
        });
        let mut steps = vec![("start", Instant::now())];
        let (tell, told) = std::sync::mpsc::channel();
        let mut ingest = ingest(catalog, folder).with_steps(move |step| {
            let _ = tell.send((step, Instant::now()));
        });
        match take(&mut ingest, office, manifest, whole) {
            Event::Applied(done) => println!("{name}: {:?} in {:.2?}", done.way, done.took),
            other => panic!("{other:?}"),
        }
        over.store(true, Ordering::Relaxed);
        steps.extend(told.try_iter().filter(|(step, _)| *step != "staged"));
        for pair in steps.windows(2) {
            print!("  {} {:.0?}", pair[1].0, pair[1].1 - pair[0].1);
        }
        println!();
        let times = shopper.join().unwrap();
        if !times.is_empty() {
            show(name, times);
        }
    });
}
