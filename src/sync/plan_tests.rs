use super::*;
use crate::sync::wire::catalog::{Delta, File, FileChange};
use crate::sync::wire::samples;
use proptest::prelude::*;

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

/// One part of chunks with these names and sizes, unpacking to ten times as much.
fn parts(chunks: &[(&str, u32)]) -> Parts {
    let chunks: Vec<Chunk> =
        chunks.iter().map(|(name, size)| Chunk { sha256: digest(name), size: *size }).collect();
    let packed = chunks.iter().map(|chunk| u64::from(chunk.size)).sum();
    Parts { size: packed * 10, packed, sha256: digest("unpacked"), chunks }
}

fn delta(from: u64, to: u64, chunk: &str, size: u32) -> Delta {
    Delta {
        from_version: from,
        from_root: digest(&from.to_string()),
        version: to,
        root: digest(&to.to_string()),
        parts: parts(&[(chunk, size)]),
    }
}

fn manifest(deltas: Vec<Delta>) -> Manifest {
    let snapshot = parts(&[("s1", 90_000), ("s2", 90_000), ("s3", 20_000)]);
    Manifest { version: 10, root: digest("10"), snapshot, deltas, files: Vec::new(), ..samples::manifest() }
}

fn at(version: u64) -> Have {
    Have { catalog: Some((version, digest(&version.to_string()))), ..Have::default() }
}

fn nothing_staged(_: &Digest) -> bool {
    false
}

fn way(have: &Have, manifest: &Manifest) -> (Way, u64) {
    let plan = plan(have, manifest, Limits::default(), nothing_staged).unwrap();
    (plan.catalog, plan.bytes)
}

#[test]
fn what_is_there_is_not_fetched() {
    let manifest = manifest(vec![delta(9, 10, "d", 1000)]);
    assert_eq!(way(&at(10), &manifest), (Way::Nothing, 0));
    let same = Have { catalog: Some((7, digest("10"))), ..Have::default() };
    assert_eq!(way(&same, &manifest), (Way::Adopt, 0));
}

#[test]
fn the_cheapest_way_is_taken() {
    let manifest = manifest(vec![
        delta(9, 10, "d9", 1000),
        delta(8, 9, "d8", 1000),
        delta(8, 10, "d8x", 1500),
        delta(7, 8, "d7", 199_000),
        delta(6, 10, "d6", 300_000),
    ]);
    assert_eq!(way(&at(9), &manifest), (Way::Deltas(vec![0]), 1000));
    assert_eq!(way(&at(8), &manifest), (Way::Deltas(vec![2]), 1500), "one larger is less than two");
    assert_eq!(way(&at(7), &manifest), (Way::Snapshot, 200_000), "a chain dearer than all");
    assert_eq!(way(&at(6), &manifest), (Way::Snapshot, 200_000));
    assert_eq!(way(&at(1), &manifest), (Way::Snapshot, 200_000), "no way leads from there");
    assert_eq!(way(&Have::default(), &manifest), (Way::Snapshot, 200_000));
}

#[test]
fn what_is_staged_costs_nothing() {
    let manifest =
        manifest(vec![delta(9, 10, "d9", 1000), delta(8, 9, "d8", 1000), delta(8, 10, "d8x", 1500)]);
    let with = |staged: &[&str]| {
        let staged: Vec<Digest> = staged.iter().map(|name| digest(name)).collect();
        plan(&at(8), &manifest, Limits::default(), |chunk| staged.contains(chunk)).unwrap()
    };
    assert_eq!((with(&["d9"]).catalog, with(&["d9"]).bytes), (Way::Deltas(vec![1, 0]), 1000));
    assert_eq!(with(&["d9"]).fetch, [Chunk { sha256: digest("d8"), size: 1000 }]);
    assert_eq!(with(&["s1", "s2"]).catalog, Way::Deltas(vec![2]), "20,000 are left of the snapshot");
    assert_eq!(with(&["s1", "s2", "s3"]).catalog, Way::Snapshot);
    assert_eq!(with(&["s1", "s2", "s3", "d8x"]).catalog, Way::Deltas(vec![2]), "as cheap, and less work");
}

#[test]
fn a_chain_has_an_end() {
    let long: Vec<Delta> = (1..10).map(|n| delta(n, n + 1, &format!("d{n}"), 10)).collect();
    let manifest = manifest(long);
    let first = 10 - MAX_CHAIN as u64;
    assert_eq!(way(&at(first), &manifest).0, Way::Deltas((first as usize - 1..9).collect()));
    assert_eq!(way(&at(first - 1), &manifest).0, Way::Snapshot);
}

#[test]
fn what_is_too_large_is_no_way() {
    let manifest = manifest(vec![delta(9, 10, "d9", 1000)]);
    let with =
        |limits: Limits, have: &Have| plan(have, &manifest, limits, nothing_staged).map(|plan| plan.catalog);
    let small = Limits { delta: 9_999, ..Limits::default() };
    assert_eq!(with(small, &at(9)), Ok(Way::Snapshot));
    let tiny = Limits { snapshot: 1, ..Limits::default() };
    assert_eq!(with(tiny, &at(9)), Ok(Way::Deltas(vec![0])));
    assert_eq!(with(tiny, &at(1)), Err(TooLarge { size: 2_000_000, limit: 1 }));
}

#[test]
fn files_come_the_shorter_way_too() {
    let whole = Parts { sha256: digest("new"), ..parts(&[("whole", 5000)]) };
    let change = Some(FileChange { from: digest("old"), parts: parts(&[("change", 100)]) });
    let file = File { name: FileName::Recommender, whole, change };
    let manifest = Manifest { files: vec![file], ..manifest(Vec::new()) };
    let with = |here: Option<&str>| {
        let files = here.map(|text| (FileName::Recommender, digest(text))).into_iter().collect();
        let plan = plan(&Have { files, ..at(10) }, &manifest, Limits::default(), nothing_staged).unwrap();
        (plan.files, plan.bytes)
    };
    assert_eq!(with(Some("new")), (vec![], 0));
    assert_eq!(with(Some("old")), (vec![(FileName::Recommender, FileWay::Change)], 100));
    assert_eq!(with(Some("older")), (vec![(FileName::Recommender, FileWay::Whole)], 5000));
    assert_eq!(with(None), (vec![(FileName::Recommender, FileWay::Whole)], 5000));
    // Here as a whole already, the change would cost more.
    let files = BTreeMap::from([(FileName::Recommender, digest("old"))]);
    let staged = |chunk: &Digest| *chunk == digest("whole");
    let plan = plan(&Have { files, ..at(10) }, &manifest, Limits::default(), staged).unwrap();
    assert_eq!((plan.files, plan.bytes), (vec![(FileName::Recommender, FileWay::Whole)], 0));
}

/// All chains from `root` to the manifest's, tried one by one.
fn every_chain(root: Digest, manifest: &Manifest, steps: usize) -> Option<u64> {
    if root == manifest.root {
        return Some(0);
    }
    if steps == 0 {
        return None;
    }
    let onward = manifest.deltas.iter().filter(|delta| delta.from_root == root);
    onward.filter_map(|delta| Some(delta.parts.packed + every_chain(delta.root, manifest, steps - 1)?)).min()
}

proptest! {
    #[test]
    fn no_other_way_is_cheaper(
        edges in prop::collection::vec((1_u64..10, 1_u64..10, 1_u32..90_000), 0..14), from in 1_u64..10
    ) {
        let deltas = edges.iter().enumerate()
            .filter(|(_, (from, to, _))| from != to)
            .map(|(n, (from, to, size))| delta(*from.min(to), *from.max(to) + 1, &format!("d{n}"), *size));
        let manifest = manifest(deltas.collect());
        let cheapest = every_chain(digest(&from.to_string()), &manifest, MAX_CHAIN)
            .map_or(manifest.snapshot.packed, |chain| chain.min(manifest.snapshot.packed));
        let plan = plan(&at(from), &manifest, Limits::default(), nothing_staged).unwrap();
        prop_assert_eq!(plan.bytes, cheapest);
        if let Way::Deltas(path) = plan.catalog {
            let mut here = digest(&from.to_string());
            for step in path {
                prop_assert_eq!(manifest.deltas[step].from_root, here);
                here = manifest.deltas[step].root;
            }
            prop_assert_eq!(here, manifest.root);
        }
    }
}
