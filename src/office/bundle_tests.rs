use super::*;
use crate::office::content::{Imported, Taking};
use crate::sync::accept::accept;
use crate::sync::delta::unpack_delta;
use crate::sync::keys::{Key, KeyList, RoleKeys};
use crate::sync::pack::Limits;
use crate::sync::sign::PublicKey;
use crate::sync::topics::Role;
use proptest::prelude::*;
use std::collections::BTreeMap;
use tempfile::TempDir;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn secret() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

fn topic() -> Topic {
    Topic::Manifest { group: name("all") }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Head office with its folder.
struct Desk {
    folder: TempDir,
    shelf: Shelf,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path(), &name("all")).unwrap();
        Self { folder, shelf }
    }

    fn draft(&self, lines: &[String], extras: Extras<'_>, room: &Path) -> Draft {
        let file = self.folder.path().join("catalog.jsonl");
        let head = r#"{"record":"catalog","format":1,"name":"A","currency":"USD"}"#;
        fs::write(&file, format!("{head}\n{}\n", lines.join("\n"))).unwrap();
        let taking = Taking { max_price_cents: i64::MAX, ..Taking::default() };
        let imported = Imported::read(&file, &taking, self.folder.path()).unwrap();
        imported.look(|content| Draft::pack(content, &self.shelf, extras, room)).unwrap()
    }

    /// As a publishing that reached the broker.
    fn publish(&mut self, lines: &[String], extras: Extras<'_>) -> Draft {
        let room = self.shelf.room().unwrap();
        let draft = self.draft(lines, extras, room.path());
        let version = self.shelf.newest().map_or(0, |newest| newest.manifest.version) + 1;
        let now = at("2026-11-26T08:00:00Z");
        let sealed = draft.seal(version, 30, now, &topic(), &name("acme"), &[secret()]).unwrap();
        self.shelf.write_down(room.path(), sealed).unwrap();
        let chunks = self.shelf.to_send();
        self.shelf.intend(&chunks).unwrap();
        self.shelf.arrived(&chunks).unwrap();
        self.shelf.done().unwrap();
        let old = self.shelf.to_clear();
        self.shelf.cleared(&old).unwrap();
        self.shelf.tidy();
        draft
    }

    fn manifest(&self) -> &Manifest {
        &self.shelf.newest().unwrap().manifest
    }

    fn rows(&self, manifest: &Manifest) -> BTreeMap<Sku, Vec<u8>> {
        let mut rows = BTreeMap::new();
        read(&self.shelf, manifest, |line| {
            if let Line::Product(row) = line {
                rows.insert(row.sku().clone(), row.line().to_vec());
            }
            Ok(())
        })
        .unwrap();
        rows
    }
}

fn lines(count: usize, changed: usize, round: usize) -> Vec<String> {
    let line = |n: usize| {
        let price = if n < changed { round } else { 0 };
        format!(r#"{{"record":"product","sku":"P-{n:05}","title":"Thing {n}","price_cents":{price}}}"#)
    };
    (0..count).map(line).collect()
}

#[test]
fn each_delta_leads_from_an_older_content_to_the_newest() {
    let mut desk = Desk::new();
    let first = desk.publish(&lines(800, 0, 0), Extras::default());
    assert_eq!(first.differing, Differing { added: 800, ..Differing::default() });
    assert_eq!(first.delta_bytes(), None);
    let mut old = vec![desk.manifest().clone()];
    for round in 1..4 {
        let mut rows = lines(800, 5, round);
        rows.truncate(800 - round);
        let draft = desk.publish(&rows, Extras::default());
        assert_eq!(draft.differing, Differing { changed: 5, added: 0, removed: 1 });
        assert!(draft.delta_bytes().unwrap() * 4 < draft.snapshot_bytes());
        old.push(desk.manifest().clone());
    }
    let newest = desk.manifest().clone();
    let wanted = desk.rows(&newest);
    assert_eq!(newest.deltas.iter().map(|delta| delta.from_version).collect::<Vec<_>>(), [3, 2, 1]);
    for delta in &newest.deltas {
        let base = old.iter().find(|old| old.root == delta.from_root).unwrap();
        assert_eq!((delta.version, delta.root), (4, newest.root));
        let mut rows = desk.rows(base);
        let chunks = Chunks::new(&delta.parts, |digest: &Digest| desk.shelf.chunk(digest));
        let change = unpack_delta(chunks, &delta.parts, base.root, &mut rows, Limits::default()).unwrap();
        change.removed.iter().for_each(|sku| drop(rows.remove(sku)));
        let come = change.changed.iter().chain(&change.added);
        rows.extend(come.map(|row| (row.sku().clone(), row.line().to_vec())));
        assert_eq!(rows, wanted);
    }
}

#[test]
fn only_so_many_contents_are_kept_and_nothing_that_is_named_is_lost() {
    let mut desk = Desk::new();
    for round in 0..BASES + 4 {
        desk.publish(&lines(200, 2, round), Extras::default());
        for chunk in parts_of(desk.manifest()) {
            assert!(desk.shelf.chunk(&chunk).is_ok());
        }
    }
    assert_eq!(desk.shelf.publications().len(), BASES + 1);
    assert_eq!(desk.manifest().deltas.len(), BASES);
    // Opened anew it is the same, and can be published from.
    let Desk { folder, shelf } = desk;
    let before: Vec<_> = shelf.publications().iter().map(|own| own.sealed.clone()).collect();
    drop(shelf);
    let shelf = Shelf::open(folder.path(), &name("all")).unwrap();
    assert_eq!(shelf.publications().iter().map(|own| own.sealed.clone()).collect::<Vec<_>>(), before);
    let mut desk = Desk { folder, shelf };
    desk.publish(&lines(200, 2, 99), Extras::default());
    assert_eq!(desk.manifest().deltas.len(), BASES);
}

fn parts_of(manifest: &Manifest) -> Vec<Digest> {
    let deltas = manifest.deltas.iter().map(|delta| &delta.parts);
    let parts = [&manifest.snapshot].into_iter().chain(deltas);
    parts.flat_map(|parts| &parts.chunks).map(|chunk| chunk.sha256).collect()
}

#[test]
fn chunks_of_two_publications_ago_are_cleared_and_no_others() {
    let mut desk = Desk::new();
    let mut named = Vec::new();
    for round in 0..3 {
        let room = desk.shelf.room().unwrap();
        let draft = desk.draft(&lines(200, 2, round), Extras::default(), room.path());
        let now = at("2026-11-26T08:00:00Z");
        let sealed = draft.seal(round as u64 + 1, 30, now, &topic(), &name("acme"), &[secret()]).unwrap();
        desk.shelf.write_down(room.path(), sealed).unwrap();
        named.push(parts_of(desk.manifest()));
        let chunks = desk.shelf.to_send();
        desk.shelf.intend(&chunks).unwrap();
        // Until the manifest is there, those of the one before are not touched.
        assert!(desk.shelf.to_clear().iter().all(|digest| round == 2 && !named[1].contains(digest)));
        desk.shelf.arrived(&chunks).unwrap();
        desk.shelf.done().unwrap();
        assert!(desk.shelf.to_send().is_empty());
        desk.shelf.tidy();
    }
    let cleared: BTreeSet<_> = desk.shelf.to_clear().into_iter().collect();
    let kept: BTreeSet<_> = named[1].iter().chain(&named[2]).copied().collect();
    let first: BTreeSet<_> = named[0].iter().copied().collect();
    assert_eq!(cleared, first.difference(&kept).copied().collect());
    assert!(!cleared.is_empty());
    desk.shelf.forget().unwrap();
    assert_eq!(desk.shelf.to_send().len(), named[2].iter().collect::<BTreeSet<_>>().len());
}

#[test]
fn what_says_the_same_is_known_and_a_new_key_or_an_old_date_is_published_anew() {
    let mut desk = Desk::new();
    let of = |text: &str| Bodies::from([(FileName::Facts, text.as_bytes().to_vec())]);
    let (eight, nine, none) = (of("open at eight"), of("open at nine"), of(""));
    let facts = Extras { files: Some(&eight), ..Extras::default() };
    desk.publish(&lines(50, 2, 1), facts);
    let (newest, own) = (desk.shelf.newest().unwrap().clone(), [secret().public().id()]);
    let room = desk.shelf.room().unwrap();
    let now = at("2026-11-27T00:00:00Z");
    let is = |lines: &[String], extras| desk.draft(lines, extras, room.path()).is(&newest, &own, now);
    assert!(is(&lines(50, 2, 1), facts) && is(&lines(50, 2, 1), Extras::default()));
    assert!(!is(&lines(50, 2, 2), facts));
    assert!(!is(&lines(50, 2, 1), Extras { files: Some(&nine), staged: false }));
    assert!(!is(&lines(50, 2, 1), Extras { files: Some(&none), staged: false }));
    assert!(!is(&lines(50, 2, 1), Extras { staged: true, ..facts }));
    let same = desk.draft(&lines(50, 2, 1), facts, room.path());
    let other = [SecretKey::from_seed(&[8; 32]).public().id()];
    assert!(!same.is(&newest, &other, now));
    assert!(same.is(&newest, &own, at("2026-12-11T07:59:59Z")));
    assert!(!same.is(&newest, &own, at("2026-12-11T08:00:01Z")), "half of its time is over");
    // The same content, as another version: no chunk is made for it.
    assert_eq!(same.seal(2, 30, now, &topic(), &name("acme"), &[secret()]).map(|_| ()), Ok(()));
    let whole = newest.manifest.files[0].whole.clone();
    assert_eq!(desk.manifest().files[0].whole, whole);
    // Another file comes with it, and the facts stay.
    let menu = Bodies::from([(FileName::Menu, b"[synonyms]".to_vec())]);
    let both = desk.draft(&lines(50, 2, 1), Extras { files: Some(&menu), staged: false }, room.path());
    let enclosed = both.enclosed(&desk.shelf, room.path()).unwrap();
    assert_eq!(enclosed, eight.into_iter().chain(menu).collect());
}

#[test]
fn a_manifest_is_what_kiosks_accept() {
    let mut desk = Desk::new();
    desk.publish(&lines(20, 2, 1), Extras::default());
    let now = at("2026-11-26T08:00:10Z");
    let public: PublicKey = secret().public();
    let keys = BTreeMap::from([(public.id(), Key { ed25519: public, not_after: None })]);
    let entry = RoleKeys { keys: vec![public.id()], threshold: 1 };
    let roles = BTreeMap::from([(Role::Catalog, entry)]);
    let expires = at("2027-01-01T00:00:00Z");
    let list = KeyList { version: 1, issued: now, expires, previous: None, keys, roles };
    let sealed = &desk.shelf.newest().unwrap().sealed;
    let accepted = accept::<Manifest>(sealed, &topic(), &name("acme"), &list, &[], now).unwrap();
    assert_eq!(&accepted.message, desk.manifest());
    assert_eq!(accepted.message.expires, at("2026-12-26T08:00:00Z"));
}

#[test]
fn where_there_is_no_room_the_oldest_deltas_go_first() {
    let mut desk = Desk::new();
    desk.publish(&lines(20, 2, 1), Extras::default());
    let mut draft = Draft::of(desk.manifest());
    let chunk = draft.snapshot.chunks[0];
    let wide =
        Parts { chunks: vec![chunk; 600], packed: 600 * u64::from(chunk.size), ..draft.snapshot.clone() };
    let (from_root, root) = (Digest::of(b"old"), draft.root);
    let delta = |from_version| Delta { from_version, from_root, version: 0, root, parts: wide.clone() };
    draft.deltas = [9, 8, 7].map(|from| (None, delta(from))).to_vec();
    let now = at("2026-11-26T08:00:00Z");
    let sealed = draft.seal(10, 30, now, &topic(), &name("acme"), &[secret()]).unwrap();
    let room = desk.shelf.room().unwrap();
    desk.shelf.write_down(room.path(), sealed).unwrap();
    assert_eq!(desk.manifest().deltas.iter().map(|delta| delta.from_version).collect::<Vec<_>>(), [9, 8]);
}

#[test]
fn a_damaged_shelf_is_said_and_a_damaged_chunk_costs_one_delta() {
    let mut desk = Desk::new();
    desk.publish(&lines(300, 0, 0), Extras::default());
    desk.publish(&lines(300, 2, 1), Extras::default());
    let first = desk.shelf.publications()[1].manifest.snapshot.chunks[0].sha256;
    let folder = desk.folder.path().join("shelf/all");
    fs::write(folder.join("chunks").join(first.to_string()), "what?").unwrap();
    desk.publish(&lines(300, 2, 2), Extras::default());
    assert_eq!(desk.manifest().deltas.iter().map(|delta| delta.from_version).collect::<Vec<_>>(), [2]);
    let Desk { folder: office, shelf } = desk;
    drop(shelf);
    fs::write(folder.join("00000000000000000003.manifest"), "what?").unwrap();
    let error = Shelf::open(office.path(), &name("all")).unwrap_err().to_string();
    assert!(error.contains("is damaged") && !error.contains('\n'), "{error}");
}

proptest! {
    #[test]
    fn merging_finds_what_differs(
        old in prop::collection::btree_map("[A-E][0-9]", 0u8..3, 0..20),
        new in prop::collection::btree_map("[A-E][0-9]", 0u8..3, 0..20),
    ) {
        let list = |map: &BTreeMap<String, u8>| -> Vec<(Sku, Digest)> {
            map.iter().map(|(sku, value)| (Sku::new(sku).unwrap(), Digest([*value; 32]))).collect()
        };
        let skus = |pick: &dyn Fn(&String) -> bool, of: &BTreeMap<String, u8>| -> Vec<Sku> {
            of.keys().filter(|sku| pick(sku)).map(|sku| Sku::new(sku).unwrap()).collect()
        };
        let expected = Merged {
            changed: skus(&|sku| old.get(sku).is_some_and(|was| Some(was) != new.get(sku)), &new),
            added: skus(&|sku| !old.contains_key(sku), &new),
            removed: skus(&|sku| !new.contains_key(sku), &old),
        };
        prop_assert_eq!(merge(&list(&old), &list(&new)), expected);
    }
}
