use super::*;
use crate::sync::pack::tests::{Store, chunks, headers, put, row};
use crate::sync::root::root;
use proptest::prelude::*;

type Rows = BTreeMap<Sku, Vec<u8>>;

fn rows(of: &BTreeMap<String, String>) -> Rows {
    of.iter().map(|(sku, rest)| row(sku, rest)).map(|row| (row.sku().clone(), row.line().to_vec())).collect()
}

fn root_of(rows: &Rows) -> Digest {
    root(&headers(), rows.iter().map(|(sku, line)| (sku.clone(), Digest::of(line))).collect()).unwrap()
}

fn between(old: &Rows, new: &Rows) -> Change {
    let digests = old.iter().map(|(sku, line)| (sku.clone(), Digest::of(line)));
    let lines = new.values().map(|line| Row::read(line.clone()));
    diff(root_of(old), root_of(new), None, digests, lines).unwrap()
}

fn pack(change: &Change, old: &mut Rows) -> (Parts, Store) {
    let mut store = Store::new();
    let parts = pack_delta(change, old, 3, 1 << 20, put(&mut store)).unwrap();
    (parts, store)
}

fn apply(rows: &mut Rows, change: &Change) {
    for sku in &change.removed {
        assert!(rows.remove(sku).is_some());
    }
    for row in change.changed.iter().chain(&change.added) {
        rows.insert(row.sku().clone(), row.line().to_vec());
    }
}

fn table(pairs: &[(&str, &str)]) -> Rows {
    rows(&pairs.iter().map(|(sku, rest)| ((*sku).to_owned(), (*rest).to_owned())).collect())
}

fn old() -> Rows {
    table(&[("A", "apple"), ("B", "bread"), ("C", "cheese"), ("D", "dates")])
}

fn new() -> Rows {
    table(&[("A", "apple"), ("B", "brown bread"), ("D", "dates"), ("E", "eggs")])
}

fn unpack(parts: &Parts, store: &Store, here: &mut Rows) -> Result<Change, PackError> {
    unpack_delta(chunks(parts, store), parts, root_of(&old()), here, Limits::default())
}

#[test]
fn a_delta_says_what_is_gone_other_and_new() {
    let change = between(&old(), &new());
    let skus = |rows: &[Row]| rows.iter().map(|row| row.sku().to_string()).collect::<Vec<_>>();
    assert_eq!(change.removed, [Sku::new("C").unwrap()]);
    assert_eq!((skus(&change.changed), skus(&change.added)), (vec!["B".into()], vec!["E".into()]));
    let (parts, store) = pack(&change, &mut old());
    assert_eq!(unpack(&parts, &store, &mut old()).unwrap(), change);
}

#[test]
fn headers_travel_where_they_differ() {
    let change = Change { headers: Some(headers()), ..between(&old(), &old()) };
    let (parts, store) = pack(&change, &mut old());
    assert_eq!(unpack(&parts, &store, &mut old()).unwrap(), change);
    let none = Change { headers: Some(Vec::new()), ..change };
    let (parts, store) = pack(&none, &mut old());
    assert_eq!(unpack(&parts, &store, &mut old()).unwrap(), none);
}

#[test]
fn a_delta_for_other_content_is_refused() {
    let (parts, store) = pack(&between(&old(), &new()), &mut old());
    let elsewhere =
        unpack_delta(chunks(&parts, &store), &parts, Digest::of(b""), &mut old(), Limits::default());
    assert!(matches!(elsewhere, Err(PackError::Base("its root is another"))));
    let mut other = table(&[("B", "bread!")]);
    assert!(matches!(unpack(&parts, &store, &mut other), Err(PackError::Base("its rows are others"))));
    let gone = unpack(&parts, &store, &mut Rows::new());
    assert!(matches!(gone, Err(PackError::Base("a changed product is not there"))));
}

#[test]
fn a_delta_that_is_too_large_is_refused_before_it_is_unpacked() {
    let (parts, store) = pack(&between(&old(), &new()), &mut old());
    let limits = Limits { delta: parts.size - 1, ..Limits::default() };
    let refused = unpack_delta(chunks(&parts, &store), &parts, root_of(&old()), &mut old(), limits);
    assert!(matches!(refused, Err(PackError::TooLarge { .. })));
    let refused = pack_delta(&between(&old(), &new()), &mut old(), 3, 50, |_, _| Ok(()));
    assert!(matches!(refused, Err(PackError::TooLarge { .. })));
}

/// A delta put together by hand: lengths and frames as stated.
fn forged(index: &[u8], frames: &[&[u8]], prefix: &[u8], size: u64) -> (Parts, Store) {
    let mut bytes = Vec::new();
    compress(&mut bytes, index, &[], 3).unwrap();
    let mut packed = u32::try_from(bytes.len()).unwrap().to_le_bytes().to_vec();
    packed.append(&mut bytes);
    for rows in frames {
        compress(&mut packed, rows, prefix, 3).unwrap();
    }
    let mut store = Store::new();
    let mut chunker = Chunker::new(put(&mut store));
    chunker.write_all(&packed).unwrap();
    let whole = [&[index], frames].concat().concat();
    let parts = chunker.finish(size, Digest::of(&whole)).unwrap();
    (parts, store)
}

fn index(change: &str, rest: &str) -> Vec<u8> {
    let line = b"{\"record\":\"product\",\"sku\":\"B\",\"title\":\"bread\"}\n";
    let counts = format!(
        r#"{{"format":1,"from_root":"{}","root":"{}",{change},"old":{},"old_sha256":"{}"}}"#,
        root_of(&old()),
        root_of(&new()),
        line.len(),
        Digest::of(line),
    );
    format!("{counts}\n{rest}").into_bytes()
}

#[test]
fn an_index_that_lies_is_refused() {
    let base = b"{\"record\":\"product\",\"sku\":\"B\",\"title\":\"bread\"}\n";
    let b = b"{\"record\":\"product\",\"sku\":\"B\",\"title\":\"x\"}\n";
    let c = b"{\"record\":\"product\",\"sku\":\"C\",\"title\":\"x\"}\n";
    let kiosk = b"{\"record\":\"kiosk\",\"x\":1,\"y\":2}\n";
    let try_it = |change: &str, rest: &str, rows: &[u8]| {
        let index = index(change, rest);
        let (parts, store) = forged(&index, &[rows], base, (index.len() + rows.len()) as u64);
        unpack(&parts, &store, &mut old())
    };
    let counts = |removed, changed, added| {
        format!(r#""headers":null,"removed":{removed},"changed":{changed},"added":{added}"#)
    };
    assert!(try_it(&counts(0, 1, 0), "B\n", b).is_ok(), "the hand is steady");
    let lies = [
        try_it(&counts(1, 1, 0), "B\n", b),
        try_it(&counts(0, 2, 0), "B\n", b),
        try_it(&counts(0, 1, 1), "B\n", b),
        try_it(&counts(0, 1, 0), "B\n", c),
        try_it(&counts(0, 1, 0), "B\n", kiosk),
        try_it(&counts(0, 1, 1), "B\n", &[&b[..], b"no json\n"].concat()),
        try_it(&counts(0, 1, 2), "B\n", &[&b[..], c, c].concat()),
        try_it(&counts(2, 1, 0), "Z\nY\nB\n", b),
        try_it(&counts(0, 1, 0), "B", b),
        try_it(&counts(0, 1, 0), " B\n", b),
        try_it(&counts(usize::MAX, usize::MAX, 0), "B\n", b),
        try_it(r#""headers":1,"removed":0,"changed":1,"added":0"#, "B\nB\n", b),
        try_it(r#""headers":99999,"removed":0,"changed":1,"added":0"#, "B\n", b),
        try_it(&counts(0, 1, 0).replace("\"added\":0", "\"added\":-1"), "B\n", b),
    ];
    for (at, lie) in lies.into_iter().enumerate() {
        assert!(matches!(lie, Err(PackError::Content(_))), "{at}: {lie:?}");
    }
}

#[test]
fn a_bomb_in_either_half_is_put_out() {
    let zeros = vec![0; 64 << 20];
    let (parts, store) = forged(&zeros, &[b""], b"", 1000);
    assert!(matches!(unpack(&parts, &store, &mut old()), Err(PackError::Damaged("it is longer"))));
    let index = index(r#""headers":null,"removed":0,"changed":1,"added":0"#, "B\n");
    let base = b"{\"record\":\"product\",\"sku\":\"B\",\"title\":\"bread\"}\n";
    let (parts, store) = forged(&index, &[&zeros], base, 1000);
    assert!(matches!(unpack(&parts, &store, &mut old()), Err(PackError::Damaged("it is longer"))));
    let (parts, store) = forged(&index, &[b"", b"more"], base, index.len() as u64 + 4);
    assert!(matches!(
        unpack(&parts, &store, &mut old()),
        Err(PackError::Damaged("something stands behind it"))
    ));
}

fn catalog() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[A-J][0-9]?", "[a-c ]{0,12}", 0..30)
}

proptest! {
    #[test]
    fn a_delta_makes_one_content_into_the_other(one in catalog(), other in catalog()) {
        let (mut old, new) = (rows(&one), rows(&other));
        let (parts, store) = pack(&between(&old, &new), &mut old.clone());
        let here = root_of(&old);
        let change =
            unpack_delta(chunks(&parts, &store), &parts, here, &mut old.clone(), Limits::default()).unwrap();
        apply(&mut old, &change);
        prop_assert_eq!(root_of(&old), change.root);
        prop_assert_eq!(&old, &new);
        let changed: Vec<Sku> = change.digests().map(|(sku, _)| sku.clone()).collect();
        prop_assert!(changed.iter().all(|sku| new.contains_key(sku)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn whatever_comes_is_refused_quietly(
        at in any::<prop::sample::Index>(), change in any::<u8>(), junk in prop::collection::vec(any::<u8>(), 1..200), is_junk in any::<bool>()
    ) {
        let change_of = between(&old(), &new());
        let mut bytes = if is_junk { junk } else { PACKED.clone() };
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        let parts = Parts { size: PARTS.size, packed: bytes.len() as u64, sha256: PARTS.sha256, chunks: Vec::new() };
        if let Ok(unpacked) = unpack_delta(bytes.as_slice(), &parts, root_of(&old()), &mut old(), Limits::default()) {
            prop_assert_eq!(unpacked, change_of);
        }
    }
}

static PACKED: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
    let (parts, store) = pack(&between(&old(), &new()), &mut old());
    store[&parts.chunks[0].sha256].clone()
});
static PARTS: std::sync::LazyLock<Parts> =
    std::sync::LazyLock::new(|| pack(&between(&old(), &new()), &mut old()).0);
