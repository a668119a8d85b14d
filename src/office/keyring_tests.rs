use super::*;
use crate::sync::topics::Topic;
use tempfile::TempDir;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn acme() -> Name {
    "acme".parse().unwrap()
}

fn made() -> (TempDir, Keyring) {
    let folder = tempfile::tempdir().unwrap();
    let ring = Keyring::init(folder.path(), &acme(), LIST_DAYS, at("2026-11-26T08:00:00.5Z")).unwrap();
    (folder, ring)
}

fn again(folder: &TempDir) -> Keyring {
    Keyring::open(folder.path(), &acme()).unwrap()
}

/// What a kiosk that was set up with `root` trusts.
fn trusted(root: &[PublicKey], ring: &Keyring) -> Trust {
    Trust::begin(&Anchor { keys: root.to_vec(), threshold: 1 }, &ring.chain(), &acme()).unwrap()
}

#[test]
fn secrets_are_for_their_owner_alone_and_never_replaced() {
    let (folder, ring) = made();
    assert_eq!(ring.list().expires, at("2027-11-26T08:00:00Z"));
    let rows = ring.rows();
    assert_eq!(rows.iter().map(|row| row.role).collect::<Vec<_>>(), Role::ALL);
    assert!(rows.iter().all(|row| row.here && row.not_after.is_none()));
    for row in &rows {
        let path = ring.path(row.role, row.id);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!fs::read_to_string(path).unwrap().contains(&row.public.to_string()));
    }
    let before = ring.chain();
    let error = Keyring::init(folder.path(), &acme(), 1, Timestamp::now()).unwrap_err().to_string();
    assert!(error.contains("rotate"), "{error}");
    assert_eq!(again(&folder).chain(), before);
    assert!(!format!("{ring:?}").contains("seed"));
}

#[test]
fn what_was_cut_off_goes_on_with_the_secrets_that_were_made() {
    let (folder, ring) = made();
    let roots = ring.root_keys();
    fs::remove_file(ring.folder().join(CHAIN)).unwrap();
    fs::remove_file(
        ring.path(Role::Live, ring.signers(Role::Live, Timestamp::now()).unwrap()[0].public().id()),
    )
    .unwrap();
    let ring = Keyring::init(folder.path(), &acme(), 30, Timestamp::now()).unwrap();
    assert_eq!(ring.root_keys(), roots);
    assert_eq!(files::names(ring.folder()).unwrap().len(), 5);
}

#[test]
fn a_key_that_is_replaced_counts_for_its_grace() {
    let (folder, mut ring) = made();
    let root = ring.root_keys();
    let now = at("2026-12-01T00:00:00Z");
    let old = ring.signers(Role::Catalog, now).unwrap().remove(0).public();
    let new = ring.rotate(Role::Catalog, 7, now).unwrap();
    let kiosk = trusted(&root, &again(&folder));
    let counts = |now: &str| kiosk.list().ring(Role::Catalog, at(now)).unwrap().keys;
    assert_eq!(counts("2026-12-07T23:59:59Z"), [old, new]);
    assert_eq!(counts("2026-12-08T00:00:00Z"), [new]);
    let signers = again(&folder).signers(Role::Catalog, now).unwrap();
    assert_eq!(signers.iter().map(SecretKey::public).collect::<Vec<_>>(), [new]);
    // The next list leaves it out.
    ring.renew(30, at("2026-12-09T00:00:00Z")).unwrap();
    assert!(!ring.list().keys.contains_key(&old.id()));
    assert_eq!((ring.list().version, ring.list().expires), (3, at("2027-01-08T00:00:00Z")));
    assert_eq!(trusted(&root, &ring).list().version, 3);
}

#[test]
fn a_new_root_is_vouched_for_by_the_old_one() {
    let (folder, mut ring) = made();
    let old = ring.root_keys();
    let before = trusted(&old, &ring);
    let new = ring.rotate(Role::Root, 7, at("2026-12-01T00:00:00Z")).unwrap();
    assert_eq!(ring.root_keys(), [new]);
    // Whoever trusts the old one, whether it heard of it before or not, and whoever comes new.
    for trust in
        [before.advance(&ring.chain(), &acme()).unwrap(), trusted(&old, &ring), trusted(&[new], &ring)]
    {
        assert_eq!(trust.list().version, 2);
    }
    // The old one is not needed any more.
    fs::remove_file(ring.path(Role::Root, old[0].id())).unwrap();
    again(&folder).renew(30, at("2026-12-02T00:00:00Z")).unwrap();
}

#[test]
fn without_the_root_key_daily_work_goes_on_and_lists_do_not() {
    let (folder, mut ring) = made();
    let now = at("2026-12-01T00:00:00Z");
    let root = ring.root_keys().remove(0);
    let (path, away) = (ring.path(Role::Root, root.id()), folder.path().join("medium"));
    fs::rename(&path, &away).unwrap();
    assert!(ring.signers(Role::Catalog, now).is_ok() && ring.signers(Role::Live, now).is_ok());
    let before = files::names(ring.folder()).unwrap();
    for error in [ring.rotate(Role::Catalog, 7, now).unwrap_err(), ring.renew(9, now).unwrap_err()] {
        let error = error.to_string();
        assert!(error.contains(&path.display().to_string()) && !error.contains('\n'), "{error}");
    }
    assert_eq!(files::names(ring.folder()).unwrap(), before, "no secret is made in vain");
    assert!(!ring.rows()[0].here);
    fs::rename(&away, &path).unwrap();
    ring.rotate(Role::Catalog, 7, now).unwrap();
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let (folder, mut ring) = made();
    let now = at("2026-12-01T00:00:00Z");
    assert!(matches!(
        Keyring::open(folder.path(), &"other".parse().unwrap()),
        Err(KeyringError::Chain { .. })
    ));
    assert!(matches!(Keyring::open(&folder.path().join("x"), &acme()), Err(KeyringError::None(_))));
    assert!(matches!(ring.signers(Role::Live, at("2028-01-01T00:00:00Z")), Err(KeyringError::Expired(_))));
    let live = ring.path(Role::Live, ring.rows()[2].id);
    fs::set_permissions(&live, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(ring.signers(Role::Live, now), Err(KeyringError::Open(_))));
    fs::set_permissions(&live, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&live, format!("{}\n", Digest([7; 32]))).unwrap();
    assert!(matches!(ring.signers(Role::Live, now), Err(KeyringError::Secret { .. })));
    let held = files::lock(ring.folder()).unwrap();
    assert!(matches!(ring.renew(9, now), Err(KeyringError::File(FileError::Busy(_)))));
    drop(held);
    let chain = ring.folder().join(CHAIN);
    let damaged: Vec<u8> =
        fs::read(&chain).unwrap().iter().map(|b| if *b == b'2' { b'3' } else { *b }).collect();
    fs::write(chain, damaged).unwrap();
    let error = Keyring::open(folder.path(), &acme()).unwrap_err().to_string();
    assert!(error.contains("bring back a copy") && !error.contains('\n'), "{error}");
}

#[test]
fn many_rotations_lead_on_from_each_list() {
    let (_folder, mut ring) = made();
    let root = ring.root_keys();
    let first = trusted(&root, &ring);
    let mut now = at("2026-12-01T00:00:00Z");
    for round in 0..12 {
        let role = Role::ALL[round % 4];
        ring.rotate(role, 3, now).unwrap();
        now = later(now, 2);
    }
    assert_eq!(ring.list().version, 13);
    assert_eq!(first.advance(&ring.chain(), &acme()).unwrap().digest(), ring.trust.digest());
    assert!(ring.chain().len() < Topic::Keys.kind().limit());
}
