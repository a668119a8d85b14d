//! Bundles of head office on the kiosk's disk: whatever happens, shoppers see the old content or
//! the new one, the shop's own corrections over either, and it is the manifest's to the byte.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use aisle::domain::{Area, Correction, OptionGroup, Product, Sku};
use aisle::store::{BundleState, Catalog, Record, SearchRequest};
use aisle::sync::digest::Digest;
use aisle::sync::ingest::Ingest;
use aisle::sync::session::{Command, Event, Failure, Memory, Outcome};
use aisle::sync::wire::catalog::{FileName, Manifest};
use aisle::sync::wire::event::{Refusal, Way};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command as Program, Stdio};
use std::sync::Arc;
use std::time::Duration;
use support::bundle::{Content, Office, everything, facts_of, header, ingest, product, root_of, take};
use support::{demo_file, import};

fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

fn skus(catalog: &Catalog, text: &str) -> Vec<String> {
    let request = SearchRequest { text: text.to_owned(), limit: 10, ..SearchRequest::default() };
    catalog.search(&request).unwrap().hits.iter().map(|hit| hit.product.sku.to_string()).collect()
}

fn correction(json: &str) -> Correction {
    serde_json::from_str(&json.replacen('{', r#"{"as_of":"2026-11-24T09:00:00Z","#, 1)).unwrap()
}

fn area(id: &str, bays: u32) -> Record {
    let area = serde_json::json!({"id": id, "name": "Dairy", "x": 1.5, "y": 2.0, "bays": bays, "shelves": 5});
    Record::Area(serde_json::from_value::<Area>(area).unwrap())
}

fn group() -> Record {
    let group =
        serde_json::json!({"id": "size", "name": "size", "prompt": "Which?", "values": [{"name": "small"}]});
    Record::OptionGroup(serde_json::from_value::<OptionGroup>(group).unwrap())
}

fn jam(n: usize, what: &str, price: usize) -> Product {
    product(&format!(
        r#"{{"sku":"J-{n}","title":"{what} jam {n}","brand":"{what} & Sons","price_cents":{price},"stock":{n},
            "category":["Food","Jam"],"location":{{"aisle":"4","bay":2}},"option_groups":["size"],
            "description":"A jar of {what} for breakfast, tea and cakes.","attributes":{{"sugar":1.5}}}}"#
    ))
}

fn headers() -> Vec<Record> {
    vec![header("Corner Shop"), group(), area("4", 8)]
}

/// Sixty jams, and the same with some gone, other and new.
fn two() -> (Content, Content) {
    let a = Content::new(&headers(), (0..60).map(|n| jam(n, "plum", 100 + n)));
    let other = (0..60).filter(|n| n % 7 != 3).map(|n| match n % 5 {
        0 => jam(n, "quince", 100 + n),
        1 => jam(n, "plum", 900 + n),
        _ => jam(n, "plum", 100 + n),
    });
    let b = Content::new(&headers(), other.chain((100..110).map(|n| jam(n, "fig", n))));
    (a, b)
}

struct Kiosk {
    folder: tempfile::TempDir,
    catalog: Arc<Catalog>,
    ingest: Ingest,
}

impl Kiosk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Arc::new(Catalog::open(folder.path()).unwrap());
        let ingest = ingest(&catalog, folder.path());
        Self { folder, catalog, ingest }
    }

    fn take(&mut self, office: &Office, manifest: &Manifest, whole: bool) -> Way {
        match take(&mut self.ingest, office, manifest, whole) {
            Event::Applied(done) => done.way,
            other => panic!("{other:?}"),
        }
    }

    fn refused(&mut self, office: &Office, manifest: &Manifest) -> Failure {
        match take(&mut self.ingest, office, manifest, false) {
            Event::NotApplied { why, .. } => why,
            other => panic!("{other:?}"),
        }
    }
}

/// A catalog of this content, imported from a file.
fn imported(content: &Content) -> (tempfile::TempDir, Catalog) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("content.jsonl");
    std::fs::write(&file, content.text()).unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    assert_eq!(import(&catalog, &file).unwrap().rejected, []);
    (folder, catalog)
}

#[test]
fn a_snapshot_and_a_delta_lead_to_what_an_import_of_the_same_content_gives() {
    let (a, b) = two();
    let mut office = Office::new();
    let (one, two) = (office.publish(1, &a, "open till 8"), office.publish(2, &b, "open till 9"));
    let mut kiosk = Kiosk::new();
    assert_eq!(kiosk.take(&office, &one, false), Way::Snapshot);
    assert_eq!(root_of(&kiosk.catalog), a.root);
    assert_eq!(everything(&kiosk.catalog), everything(&imported(&a).1));
    assert_eq!(kiosk.catalog.bundle_file("facts").unwrap().unwrap(), facts_of("open till 8"));
    let before = kiosk.catalog.edition().unwrap();
    assert_eq!(kiosk.take(&office, &two, false), Way::Delta);
    assert_eq!(root_of(&kiosk.catalog), b.root);
    assert_ne!(kiosk.catalog.edition().unwrap(), before, "word lists are read anew");
    let (_folder, fresh) = imported(&b);
    assert_eq!(everything(&kiosk.catalog), everything(&fresh));
    for text in ["quince", "plum jam", "fig", "breakfast", "qince"] {
        let (mut ours, mut theirs) = (skus(&kiosk.catalog, text), skus(&fresh, text));
        ours.sort();
        theirs.sort();
        assert_eq!(ours.is_empty(), theirs.is_empty(), "{text}");
        if theirs.len() < 10 {
            assert_eq!(ours, theirs, "{text}");
        }
    }
    assert_eq!(kiosk.catalog.bundle_file("facts").unwrap().unwrap(), facts_of("open till 9"));
    let bundle = kiosk.catalog.bundle().unwrap().unwrap();
    assert_eq!((bundle.version, bundle.root.0), (2, b.root.0));
    // And back to the older content, as a newer version.
    let three = office.publish(3, &a, "open till 9");
    assert_eq!(kiosk.take(&office, &three, false), Way::Delta);
    assert_eq!((root_of(&kiosk.catalog), everything(&kiosk.catalog)), (a.root, everything(&imported(&a).1)));
    let four = office.publish(4, &a, "open till 9");
    assert_eq!(kiosk.take(&office, &four, false), Way::Adopted);
    assert_eq!(kiosk.catalog.bundle().unwrap().unwrap().version, 4);
}

#[test]
fn a_kiosk_far_behind_takes_several_deltas_in_one_transaction() {
    let (a, b) = two();
    let c = Content::new(&[header("Corner Shop & Co"), group(), area("4", 9), area("5", 2)], {
        (0..50).map(|n| jam(n, "damson", 100 + n))
    });
    let mut office = Office::new();
    let manifests: Vec<Manifest> = [&a, &b, &c]
        .into_iter()
        .zip(1..)
        .map(|(content, version)| office.publish(version, content, ""))
        .collect();
    let mut kiosk = Kiosk::new();
    kiosk.take(&office, &manifests[0], false);
    // Level 3 on so little makes the snapshot the cheaper way: bar it.
    let mut last = manifests[2].clone();
    last.snapshot.chunks[0].size = 90_000;
    assert_eq!(kiosk.take(&office, &last, false), Way::Delta);
    assert_eq!((root_of(&kiosk.catalog), everything(&kiosk.catalog)), (c.root, everything(&imported(&c).1)));
}

#[test]
fn the_demo_store_comes_as_a_bundle_whole() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Catalog::open(folder.path()).unwrap();
    import(&demo, &demo_file()).unwrap();
    let info = demo.info().unwrap();
    let head = aisle::store::Header { name: info.name, currency: info.currency, as_of: info.as_of };
    let mut headers = vec![Record::Header(head)];
    headers.extend(demo.option_groups().unwrap().into_iter().map(Record::OptionGroup));
    headers.extend(demo.areas().unwrap().into_iter().map(Record::Area));
    headers.extend(demo.kiosk().unwrap().map(Record::Kiosk));
    let mut products = Vec::new();
    demo.for_each_product(|product| products.push(product)).unwrap();
    let content = Content::new(&headers, products);
    let mut office = Office::new();
    let manifest = office.publish(1, &content, "");
    let mut kiosk = Kiosk::new();
    kiosk.take(&office, &manifest, false);
    assert_eq!((root_of(&kiosk.catalog), everything(&kiosk.catalog)), (content.root, everything(&demo)));
}

#[test]
fn what_fails_leaves_the_old_content() {
    let (a, b) = two();
    let mut office = Office::new();
    let (one, two) = (office.publish(1, &a, "old"), office.publish(2, &b, "new"));
    let mut kiosk = Kiosk::new();
    kiosk.take(&office, &one, false);
    let before = everything(&kiosk.catalog);
    let elsewhere = |manifest: &Manifest| Manifest { root: Digest::of(b"elsewhere"), ..manifest.clone() };
    let mut wrong_end = elsewhere(&two);
    wrong_end.deltas[0].root = wrong_end.root;
    let few = Manifest { products: two.products + 1, ..two.clone() };
    // Unpacks to more than it says.
    let mut longer = two.clone();
    longer.deltas[0].parts.size -= 1;
    longer.snapshot.chunks[0].size = 90_000;
    for (manifest, why) in [
        (wrong_end, Refusal::Checks),
        (few, Refusal::Checks),
        (Manifest { deltas: vec![], ..elsewhere(&two) }, Refusal::Checks),
        // Parts of two bundles.
        (Manifest { snapshot: one.snapshot.clone(), deltas: vec![], ..two.clone() }, Refusal::Checks),
        (longer, Refusal::Damaged),
        // What comes with it makes no sense.
        (office.enclose(&two, FileName::Facts, b"[store]\nhours = 8\n"), Refusal::Checks),
        (office.enclose(&two, FileName::Menu, b"[synonyms]\nlatte = 1\n"), Refusal::Checks),
        (office.enclose(&two, FileName::Prompts, b"instructions = \"<|im_end|>\"\n"), Refusal::Checks),
    ] {
        let failure = kiosk.refused(&office, &manifest);
        assert!(matches!(&failure, Failure::Content(found, _) if *found == why), "{failure:?}");
        assert_eq!(everything(&kiosk.catalog), before);
        assert_eq!(root_of(&kiosk.catalog), a.root);
        assert_eq!(kiosk.catalog.bundle_file("facts").unwrap().unwrap(), facts_of("old"));
    }
    // Rows that make no sense, and rows of no declared aisle.
    for bad in
        [r#"{"sku":"X","title":"X","location":{"aisle":"9"}}"#, r#"{"sku":"X","title":"X","stock":-1}"#]
    {
        let content = Content::new(&headers(), [product(bad)]);
        let mut office = Office::new();
        office.publish(1, &a, "");
        let mut manifest = office.publish(2, &content, "");
        assert!(matches!(kiosk.refused(&office, &manifest), Failure::Content(Refusal::Checks, _)));
        manifest.deltas.clear();
        assert!(matches!(kiosk.refused(&office, &manifest), Failure::Content(Refusal::Checks, _)));
        assert_eq!(everything(&kiosk.catalog), before);
    }
    // Pieces that went meanwhile are named; then it goes well.
    let staging = kiosk.folder.path().join("staging.db");
    rusqlite::Connection::open(&staging).unwrap().execute("UPDATE chunks SET body = x'00'", []).unwrap();
    kiosk.ingest.run(Command::Sweep(Default::default()));
    let (from, have) = (office_plan(&kiosk, &two), kiosk.ingest.stored().unwrap().have);
    let job = aisle::sync::session::Job { manifest: two.clone(), plan: from.clone(), have };
    match kiosk.ingest.run(Command::Apply(Box::new(job))) {
        Some(Event::NotApplied { why: Failure::Missing(missing), .. }) => {
            assert_eq!(missing.len(), from.fetch.len())
        }
        other => panic!("{other:?}"),
    }
    kiosk.take(&office, &two, false);
    assert_eq!(root_of(&kiosk.catalog), b.root);
}

fn office_plan(kiosk: &Kiosk, manifest: &Manifest) -> aisle::sync::plan::Plan {
    let have = kiosk.ingest.stored().unwrap().have;
    aisle::sync::plan::plan(&have, manifest, Default::default(), |_| false).unwrap()
}

#[test]
fn the_history_of_bundles_is_kept() {
    let (a, b) = two();
    let mut office = Office::new();
    let (one, two) = (office.publish(1, &a, ""), office.publish(2, &b, ""));
    let mut kiosk = Kiosk::new();
    for manifest in [&one, &two] {
        kiosk.take(&office, manifest, false);
        let (version, root) = (manifest.version, manifest.root);
        let (way, took) = (Way::Delta, Duration::ZERO);
        kiosk.ingest.run(Command::Report(Outcome::Applied { version, root, way, took, bytes: 0 }));
    }
    kiosk.ingest.run(Command::Report(Outcome::Refused {
        version: Some(3),
        root: Some(a.root),
        why: Refusal::Checks,
        detail: "another root".into(),
        lasting: true,
    }));
    let states: Vec<_> =
        kiosk.catalog.bundle_notes().unwrap().into_iter().map(|note| (note.version, note.state)).collect();
    assert_eq!(states, [(3, BundleState::Refused), (2, BundleState::Applied), (1, BundleState::Applied)]);
    assert_eq!(kiosk.catalog.previous_bundle().unwrap().unwrap().version, 1);
    assert_eq!(kiosk.ingest.stored().unwrap().refused, [(3, a.root)].into());
    assert!(kiosk.catalog.refused_bundles("9.9.9").unwrap().is_empty(), "a newer program tries again");
    // A catalog from a file is no bundle: the next one comes whole.
    import(&kiosk.catalog, &demo_file()).unwrap();
    assert_eq!(kiosk.ingest.stored().unwrap().have.catalog, None);
    assert_eq!(kiosk.catalog.bundle_file("facts").unwrap(), None);
    assert_eq!(kiosk.take(&office, &two, false), Way::Snapshot);
    assert!(kiosk.catalog.bundle_file("facts").unwrap().is_some());
}

/// What the shop says: a price, a name, goods that are not sold, one that waits.
fn correct(catalog: &Catalog) {
    for (number, json) in [
        ("J-0", r#"{"price_cents":7}"#),
        ("J-1", r#"{"title":"Quoggly spread","synonyms":["zibble"]}"#),
        ("J-2", r#"{"withdrawn":true}"#),
        ("J-3", r#"{"price_cents":8}"#),
        ("J-5", r#"{"withdrawn":true}"#),
        ("J-10", r#"{"withdrawn":true}"#),
        ("J-105", r#"{"price_cents":9}"#),
        ("J-109", r#"{"withdrawn":true}"#),
    ] {
        catalog.correct(&sku(number), correction(json)).unwrap();
    }
}

#[test]
fn the_shops_corrections_count_over_snapshot_and_delta() {
    let (a, b) = two();
    let mut office = Office::new();
    let (one, two) = (office.publish(1, &a, ""), office.publish(2, &b, ""));
    let three = office.publish(3, &a, "");
    let expected = |content: &Content| {
        let (_folder, fresh) = imported(content);
        correct(&fresh);
        everything(&fresh)
    };
    let mut kiosk = Kiosk::new();
    correct(&kiosk.catalog);
    kiosk.take(&office, &one, false);
    assert_eq!(everything(&kiosk.catalog), expected(&a));
    assert_eq!(kiosk.catalog.product(&sku("J-2")).unwrap(), None);
    for (manifest, content) in [(&two, &b), (&three, &a)] {
        assert_eq!(kiosk.take(&office, manifest, false), Way::Delta);
        assert_eq!(root_of(&kiosk.catalog), content.root, "beneath them is what head office has");
        assert_eq!(everything(&kiosk.catalog), expected(content));
        assert_eq!(skus(&kiosk.catalog, "zibble"), ["J-1"]);
    }
    kiosk.take(&office, &two, true);
    assert_eq!((root_of(&kiosk.catalog), everything(&kiosk.catalog)), (b.root, expected(&b)));
    for n in 0..110 {
        kiosk.catalog.drop_correction(&sku(&format!("J-{n}"))).unwrap();
    }
    assert_eq!(everything(&kiosk.catalog), everything(&imported(&b).1), "nothing is left of them");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_delta_between_any_two_contents_leads_to_the_other(
        a in prop::collection::btree_map(0_usize..40, (0_usize..3, 0_usize..4), 1..30),
        b in prop::collection::btree_map(0_usize..40, (0_usize..3, 0_usize..4), 1..30),
        corrected in prop::collection::btree_map(0_usize..40, 0_usize..3, 0..8),
    ) {
        let content = |of: &BTreeMap<usize, (usize, usize)>| {
            let named = |what: usize| ["plum", "fig", "quince"][what];
            Content::new(&headers(), of.iter().map(|(n, (what, price))| jam(*n, named(*what), *price)))
        };
        let (a, b) = (content(&a), content(&b));
        let mut office = Office::new();
        let (one, mut two) = (office.publish(1, &a, ""), office.publish(2, &b, ""));
        two.snapshot.chunks[0].size = 90_000;
        let correct = |catalog: &Catalog| {
            for (n, what) in &corrected {
                let json = [r#"{"price_cents":77}"#, r#"{"withdrawn":true}"#, r#"{"title":"Damson spread"}"#][*what];
                catalog.correct(&sku(&format!("J-{n}")), correction(json)).unwrap();
            }
        };
        let mut kiosk = Kiosk::new();
        correct(&kiosk.catalog);
        kiosk.take(&office, &one, false);
        let way = kiosk.take(&office, &two, false);
        prop_assert_eq!(way, if a == b { Way::Adopted } else { Way::Delta });
        prop_assert_eq!(root_of(&kiosk.catalog), b.root);
        let (_folder, fresh) = imported(&b);
        correct(&fresh);
        prop_assert_eq!(everything(&kiosk.catalog), everything(&fresh));
    }
}

/// Tells a child process of this test program its folder and its step, see [`child`].
const FOLDER: &str = "AISLE_TEST_BUNDLES_FOLDER";
const STEP: &str = "AISLE_TEST_BUNDLES_STEP";
const WHOLE: &str = "AISLE_TEST_BUNDLES_WHOLE";

/// The manifest after this version: the contents take turns.
fn turn(version: u64) -> (Office, Manifest) {
    let (a, b) = two();
    let mut office = Office::new();
    let (from, to) = if version.is_multiple_of(2) { (&b, &a) } else { (&a, &b) };
    office.publish(version, from, &format!("facts {version}"));
    let manifest = office.publish(version + 1, to, &format!("facts {}", version + 1));
    (office, manifest)
}

/// Not a test by itself: takes the next bundle into use, and stops at its step until it is killed.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let parked = std::env::var(STEP).unwrap();
    let whole = std::env::var(WHOLE).is_ok();
    let folder = Path::new(&folder);
    let catalog = Arc::new(Catalog::open(folder).unwrap());
    let (office, mut manifest) = turn(catalog.bundle().unwrap().unwrap().version);
    // So few rows travel as well whole: make that way the dearer one.
    manifest.snapshot.chunks[0].size += if whole { 0 } else { 90_000 };
    println!("step=ready");
    let mut ingest = ingest(&catalog, folder).with_steps(move |step| {
        println!("step={step}");
        if step == parked {
            println!("step=here");
            std::thread::sleep(Duration::from_secs(600));
        }
    });
    ingest.run(Command::Remember(Memory { pinned: Some(manifest.version), ..Memory::default() }));
    assert!(matches!(take(&mut ingest, &office, &manifest, whole), Event::Applied(_)));
    println!("step=done");
}

/// The steps of either way, in their order.
const WHOLE_STEPS: [&str; 11] = [
    "remembered",
    "staged",
    "begun",
    "laid",
    "checked",
    "measured",
    "corrected",
    "named",
    "tried",
    "committed",
    "swept",
];
const DELTA_STEPS: [&str; 13] = [
    "remembered",
    "staged",
    "begun",
    "removed",
    "changed",
    "counted",
    "checked",
    "measured",
    "corrected",
    "named",
    "tried",
    "committed",
    "swept",
];

fn spawn(folder: &Path, step: &str, whole: bool) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut command = Program::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, folder).env(STEP, step);
    if whole {
        command.env(WHOLE, "1");
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let steps = lines.map_while(Result::ok).filter_map(|line| Some(line.split_once("step=")?.1.to_owned()));
    (child, steps)
}

#[test]
fn a_kill_at_any_step_leaves_the_old_content_or_the_new_one() {
    let (a, b) = two();
    let mut kiosk = Kiosk::new();
    let mut office = Office::new();
    let one = office.publish(1, &a, "facts 1");
    kiosk.take(&office, &one, false);
    correct(&kiosk.catalog);
    let expected = [&b, &a].map(|content| {
        let (_folder, fresh) = imported(content);
        correct(&fresh);
        (content.root, everything(&fresh))
    });
    let folder = kiosk.folder;
    drop((kiosk.catalog, kiosk.ingest));
    let mut random = fastrand::Rng::with_seed(7);
    let (mut killed, mut seen) = (0, BTreeMap::<String, u32>::new());
    let named = WHOLE_STEPS.map(|step| (step, true)).into_iter().chain(DELTA_STEPS.map(|step| (step, false)));
    let named: Vec<(&str, bool)> = named.collect();
    for run in 0..126 {
        // First each step in its turn, three times; then at any moment.
        let (step, whole) = if run < 66 { named[run % 22] } else { ("", random.bool()) };
        let before = Catalog::open(folder.path()).unwrap().bundle().unwrap().unwrap().version;
        let (mut child, mut steps) = spawn(folder.path(), step, whole);
        let mut last = steps.next().unwrap();
        if !step.is_empty() {
            for found in steps.by_ref().take_while(|found| found != "here") {
                last = found;
            }
            // What was staged before a kill is not staged again.
            assert!(last == step || step == "staged", "{step}: {last}");
        } else {
            std::thread::sleep(Duration::from_micros(random.u64(0..200_000)));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        last = steps.last().unwrap_or(last);

        killed += u32::from(last != "done");
        *seen.entry(last.clone()).or_default() += 1;

        let catalog = Catalog::open(folder.path()).unwrap();
        catalog.check().unwrap();
        let bundle = catalog.bundle().unwrap().unwrap();
        assert!(bundle.version == before || bundle.version == before + 1, "after {last}");
        if ["committed", "swept", "done"].contains(&last.as_str()) {
            assert_eq!(bundle.version, before + 1, "after {last}");
        } else if !step.is_empty() {
            assert_eq!(bundle.version, before, "after {last}");
        }
        let (root, everything_there) = &expected[usize::try_from(bundle.version % 2).unwrap()];
        assert_eq!((bundle.root.0, root_of(&catalog)), (root.0, *root), "after {last}");
        assert!(everything(&catalog) == *everything_there, "after {last}");
        let facts = catalog.bundle_file("facts").unwrap().unwrap();
        assert_eq!(facts, facts_of(&format!("facts {}", bundle.version)));
        for file in ["state.db", "staging.db"] {
            let conn = rusqlite::Connection::open(folder.path().join(file)).unwrap();
            let verdict: String = conn.query_row("PRAGMA quick_check", [], |row| row.get(0)).unwrap();
            assert_eq!(verdict, "ok");
        }
    }
    println!("{killed} kills of 120; last steps seen: {seen:?}");
    assert!(killed >= 60);
    for step in [
        "begun",
        "laid",
        "removed",
        "changed",
        "counted",
        "checked",
        "corrected",
        "named",
        "tried",
        "committed",
    ] {
        assert!(seen.contains_key(step), "{step} was never the last: {seen:?}");
    }
}
