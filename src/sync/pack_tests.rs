use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

/// Chunks by name, as a broker or a staging table keeps them.
pub(crate) type Store = HashMap<Digest, Vec<u8>>;

pub(crate) fn put(store: &mut Store) -> impl FnMut(&Digest, &[u8]) -> io::Result<()> {
    |digest, bytes| {
        store.insert(*digest, bytes.to_vec());
        Ok(())
    }
}

pub(crate) fn chunks<'a>(
    parts: &'a Parts,
    store: &'a Store,
) -> Chunks<'a, impl FnMut(&Digest) -> io::Result<Vec<u8>>> {
    Chunks::new(parts, |digest| store.get(digest).cloned().ok_or(io::ErrorKind::NotFound.into()))
}

pub(crate) fn row(sku: &str, rest: &str) -> Row {
    Row::read(format!(r#"{{"record":"product","sku":"{sku}","title":"{rest}"}}"#).into_bytes()).unwrap()
}

pub(crate) fn headers() -> Vec<Vec<u8>> {
    vec![
        br#"{"record":"catalog","format":1,"name":"A","currency":"USD"}"#.to_vec(),
        br#"{"record":"kiosk","x":1.0,"y":2.0}"#.to_vec(),
    ]
}

/// Rows that do not compress, so that they fill several chunks.
fn noisy(count: u32) -> Vec<Row> {
    let mut random = fastrand::Rng::with_seed(7);
    let text = |random: &mut fastrand::Rng| (0..400).map(|_| random.alphanumeric()).collect::<String>();
    (0..count).map(|n| row(&format!("P{n:05}"), &text(&mut random))).collect()
}

fn packed(rows: &[Row]) -> (Snapshot, Store) {
    let mut store = Store::new();
    let rows = rows.iter().cloned().map(Ok::<_, PackError>);
    let snapshot = pack_snapshot(&headers(), rows, 3, put(&mut store)).unwrap();
    (snapshot, store)
}

fn lines(snapshot: &Snapshot, store: &Store, limit: u64) -> Result<Vec<Line>, PackError> {
    let mut lines = Vec::new();
    let unpacked = Unpacked::new(chunks(&snapshot.parts, store), &snapshot.parts, limit)?;
    read_snapshot(unpacked, snapshot.root, |line| {
        lines.push(line);
        Ok(())
    })?;
    Ok(lines)
}

fn all(rows: &[Row]) -> Vec<Line> {
    headers().into_iter().map(Line::Header).chain(rows.iter().cloned().map(Line::Product)).collect()
}

const ROOM: u64 = 1 << 30;

#[test]
fn a_snapshot_is_unpacked_as_it_was_packed() {
    let rows = noisy(1000);
    let (snapshot, store) = packed(&rows);
    assert!(snapshot.parts.chunks.len() > 2 && snapshot.products == 1000, "{snapshot:?}");
    assert!(store.values().all(|chunk| chunk.len() <= MAX_CHUNK));
    assert_eq!(snapshot.parts.check(), Ok(()));
    assert_eq!(lines(&snapshot, &store, ROOM).unwrap(), all(&rows));
    let (empty, store) = packed(&[]);
    assert_eq!(lines(&empty, &store, ROOM).unwrap(), all(&[]));
}

#[test]
fn rows_out_of_order_are_not_packed() {
    for rows in [[row("B", ""), row("A", "")], [row("A", ""), row("A", "x")]] {
        let refused = pack_snapshot(&headers(), rows.map(Ok::<_, PackError>), 3, |_, _| Ok(()));
        assert!(matches!(refused, Err(PackError::Content(_))));
    }
}

#[test]
fn wrong_missing_and_exchanged_chunks_are_refused() {
    let (snapshot, store) = packed(&noisy(1000));
    let first = snapshot.parts.chunks[0].sha256;
    let mut missing = store.clone();
    missing.remove(&first);
    assert!(matches!(lines(&snapshot, &missing, ROOM), Err(PackError::Io(_))));
    let mut changed = store.clone();
    changed.get_mut(&first).unwrap()[5] ^= 1;
    assert!(matches!(lines(&snapshot, &changed, ROOM), Err(PackError::Damaged(_))));
    let mut longer = store.clone();
    longer.get_mut(&first).unwrap().push(0);
    assert!(matches!(lines(&snapshot, &longer, ROOM), Err(PackError::Damaged(_))));
    let mut mixed = snapshot.clone();
    mixed.parts.chunks.swap(0, 1);
    assert!(matches!(lines(&mixed, &store, ROOM), Err(PackError::Damaged(_))));
    let mut cut = snapshot.clone();
    cut.parts.chunks.pop();
    assert!(matches!(lines(&cut, &store, ROOM), Err(PackError::Damaged(_))));
    let mut twice = snapshot.clone();
    twice.parts.chunks.push(twice.parts.chunks[0]);
    assert!(matches!(lines(&twice, &store, ROOM), Err(PackError::Damaged(_))));
    let other = Snapshot { root: Digest::of(b""), ..snapshot.clone() };
    assert!(matches!(lines(&other, &store, ROOM), Err(PackError::Content(_))));
}

#[test]
fn a_size_that_is_not_true_is_refused() {
    let (snapshot, store) = packed(&noisy(50));
    let with = |size: u64, sha256: Digest| {
        let parts = Parts { size, sha256, ..snapshot.parts.clone() };
        lines(&Snapshot { parts, ..snapshot.clone() }, &store, ROOM)
    };
    let Parts { size, sha256, .. } = snapshot.parts;
    assert!(matches!(with(size - 1, sha256), Err(PackError::Damaged("it is longer"))));
    assert!(matches!(with(size + 1, sha256), Err(PackError::Damaged("it is shorter"))));
    assert!(matches!(with(size, Digest::of(b"")), Err(PackError::Damaged("its digest is another"))));
    assert!(matches!(with(u64::MAX, sha256), Err(PackError::TooLarge { .. })));
    assert!(matches!(lines(&snapshot, &store, size - 1), Err(PackError::TooLarge { .. })));
    assert!(lines(&snapshot, &store, size).is_ok());
}

/// A gigabyte of zeros in a few chunks.
fn bomb() -> (Parts, Store) {
    let mut store = Store::new();
    let mut encoder = Encoder::new(Chunker::new(put(&mut store)), 1).unwrap();
    io::copy(&mut io::repeat(0).take(1 << 30), &mut encoder).unwrap();
    let parts = encoder.finish().unwrap().finish(1000, Digest::of(b"")).unwrap();
    (parts, store)
}

#[test]
fn a_bomb_is_put_out_at_its_stated_size() {
    let (parts, store) = bomb();
    assert!(parts.packed < 128 << 10, "{}", parts.packed);
    let mut seen = 0;
    let mut unpacked = Unpacked::new(chunks(&parts, &store), &parts, ROOM).unwrap();
    let mut buffer = vec![0; 64 << 10];
    let error = loop {
        match unpacked.read(&mut buffer) {
            Ok(read) => seen += read,
            Err(error) => break error,
        }
    };
    assert!(seen <= 1000, "{seen}");
    assert!(matches!(error.into(), PackError::Damaged("it is longer")));
    let file = unpack_file(chunks(&parts, &store), &parts, b"", ROOM);
    assert!(matches!(file, Err(PackError::Damaged("it is longer"))));
}

#[test]
fn a_window_larger_than_ours_is_refused() {
    let mut store = Store::new();
    let mut encoder = Encoder::new(Chunker::new(put(&mut store)), 1).unwrap();
    encoder.window_log(WINDOW_LOG + 1).unwrap();
    encoder.write_all(b"small").unwrap();
    let parts = encoder.finish().unwrap().finish(5, Digest::of(b"small")).unwrap();
    let refused = unpack_file(chunks(&parts, &store), &parts, b"", ROOM);
    assert!(matches!(refused, Err(PackError::Damaged(_))), "{refused:?}");
}

#[test]
fn an_endless_line_is_refused() {
    let long = vec![b'x'; MAX_LINE + 10];
    let refused = read_snapshot(long.as_slice(), Digest::of(b""), |_| Ok(()));
    assert!(matches!(refused, Err(PackError::Content(_))));
    let late = [&b"{\"record\":\"product\",\"sku\":\"A\"}\n"[..], b"{\"record\":\"kiosk\"}\n"].concat();
    assert!(matches!(
        read_snapshot(late.as_slice(), Digest::of(b""), |_| Ok(())),
        Err(PackError::Content(_))
    ));
}

#[test]
fn an_error_of_the_reader_below_stays_what_it_is() {
    let (snapshot, _) = packed(&noisy(5));
    let full = |_: &Digest| Err(io::ErrorKind::StorageFull.into());
    let unpacked = Unpacked::new(Chunks::new(&snapshot.parts, full), &snapshot.parts, ROOM).unwrap();
    let error = read_snapshot(unpacked, snapshot.root, |_| Ok(())).unwrap_err();
    assert!(matches!(error, PackError::Io(inner) if inner.kind() == io::ErrorKind::StorageFull));
    let locked = |_: &Digest| Err(io::Error::other("database is locked"));
    let unpacked = Unpacked::new(Chunks::new(&snapshot.parts, locked), &snapshot.parts, ROOM).unwrap();
    let error = read_snapshot(unpacked, snapshot.root, |_| Ok(())).unwrap_err();
    assert_eq!(error.to_string(), "it cannot be read or written: database is locked");
}

#[test]
fn a_file_changes_with_the_older_one_as_its_dictionary() {
    let mut random = fastrand::Rng::with_seed(3);
    let old: Vec<u8> = (0..300_000).map(|_| random.u8(..)).collect();
    let mut new = old.clone();
    new[150_000] ^= 1;
    let mut store = Store::new();
    let whole = pack_file(&new, &[], 3, put(&mut store)).unwrap();
    let change = pack_file(&new, &old, 19, put(&mut store)).unwrap();
    assert!(whole.packed > 290_000 && change.packed < 1000, "{} {}", whole.packed, change.packed);
    let unpack = |parts: &Parts, prefix: &[u8]| unpack_file(chunks(parts, &store), parts, prefix, ROOM);
    assert_eq!(unpack(&whole, &[]).unwrap(), new);
    assert_eq!(unpack(&change, &old).unwrap(), new);
    let other: Vec<u8> = old.iter().rev().copied().collect();
    for wrong in [other.as_slice(), &old[..299_999], &[]] {
        let refused = unpack(&change, wrong);
        assert!(matches!(refused, Err(PackError::Damaged(_))), "{} bytes: {:?}", wrong.len(), refused.err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn damaged_content_is_refused_quietly(
        at in any::<prop::sample::Index>(), change in 1_u8.., cut in any::<prop::sample::Index>(), does_cut in any::<bool>()
    ) {
        // Named anew after the damage, as if it had been signed: only the content tells.
        let (snapshot, store) = &*SMALL;
        let mut bytes: Vec<u8> = snapshot.parts.chunks.iter().flat_map(|chunk| store[&chunk.sha256].clone()).collect();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        if does_cut {
            bytes.truncate(cut.index(bytes.len()).max(1));
        }
        let chunk = Chunk { sha256: Digest::of(&bytes), size: u32::try_from(bytes.len()).unwrap() };
        let parts = Parts { packed: bytes.len() as u64, chunks: vec![chunk], ..snapshot.parts.clone() };
        let store = Store::from([(chunk.sha256, bytes)]);
        // zstd leaves a few bits of a frame unused; what they unpack to is the same.
        if let Ok(lines) = lines(&Snapshot { parts, ..snapshot.clone() }, &store, ROOM) {
            prop_assert_eq!(lines, all(&noisy(20)));
        }
    }
}

static SMALL: std::sync::LazyLock<(Snapshot, Store)> = std::sync::LazyLock::new(|| packed(&noisy(20)));
