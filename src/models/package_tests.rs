use super::*;
use crate::models::manifest::Manifest;
use crate::models::progress::Quiet;
use crate::models::test_sources::{FakePip, entry, manifest, packages};

struct Index {
    root: tempfile::TempDir,
    pip: FakePip,
    manifest: Manifest,
}

impl Index {
    fn new(otherwise: &str, text: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let pip = FakePip::new(&root.path().join("index"), otherwise);
        Self { root, pip, manifest: manifest(text) }
    }

    /// Fetches one model in a new run: its content, or the refusal.
    fn fetch(&self, name: &str) -> Result<Vec<u8>, String> {
        let wanted: Vec<_> = self.manifest.models.iter().collect();
        let entry = wanted.iter().find(|entry| entry.name == name).unwrap();
        let run = Packages::new(self.root.path().join("work"), vec![self.pip.command()]);
        match run.fetch(entry, &entry.sources[0], &wanted, &Quiet) {
            Ok(path) => Ok(fs::read(path).unwrap()),
            Err(SourceError::Refused(why)) => Err(why),
            Err(SourceError::Disk { path, source }) => panic!("{}: {source}", path.display()),
        }
    }
}

#[test]
fn parts_are_put_together_in_order() {
    let source = packages("concat", &[("p1", "a"), ("p2", "a"), ("p3", "a")]);
    let index = Index::new("exit 1", &entry("m", b"onetwothree", &source));
    for (package, content) in [("p1", "one"), ("p2", "two"), ("p3", "three")] {
        index.pip.wheel(package, &[("a", content.as_bytes())]);
    }
    assert_eq!(index.fetch("m").unwrap(), b"onetwothree");
}

#[test]
fn an_interrupted_run_asks_only_for_what_is_missing() {
    let source = packages("concat", &[("p1", "a"), ("p2", "a")]);
    let index = Index::new("exit 1", &entry("m", b"onetwo", &source));
    index.pip.wheel("p1", &[("a", b"one")]);
    assert!(index.fetch("m").unwrap_err().contains("package p2 1.0"));
    index.pip.wheel("p2", &[("a", b"two")]);
    assert_eq!(index.fetch("m").unwrap(), b"onetwo");
    assert_eq!(index.pip.asked(), ["p1", "p2", "p2"]);
}

#[test]
fn two_models_of_one_wheel_need_it_once() {
    let text = entry("m", b"one", &packages("copy", &[("p", "a")]))
        + &entry("n", b"two", &packages("copy", &[("p", "b")]));
    let index = Index::new("exit 1", &text);
    index.pip.wheel("p", &[("a", b"one"), ("b", b"two")]);
    assert_eq!(index.fetch("m").unwrap(), b"one");
    assert_eq!(index.fetch("n").unwrap(), b"two");
    assert_eq!(index.pip.asked(), ["p"]);
}

#[test]
fn bad_wheels_are_refused_by_name() {
    let text = entry("m", b"one", &packages("copy", &[("p", "a")]))
        + &entry("n", b"one", &packages("copy", &[("q", "a")]));
    let index = Index::new("exit 1", &text);
    index.pip.broken_wheel("p");
    index.pip.wheel("q", &[("b", b"one")]);
    assert!(index.fetch("m").unwrap_err().starts_with("package p 1.0: "));
    assert!(index.fetch("n").unwrap_err().starts_with("package q 1.0: a: "));
    let left = fs::read_dir(index.root.path().join("work/.pip")).unwrap();
    assert_eq!(left.count(), 0, "wheels are deleted");
}

#[test]
fn a_member_cannot_fill_the_disk() {
    let index = Index::new("exit 1", &entry("m", b"one", &packages("copy", &[("p", "a")])));
    let bomb = vec![0; usize::try_from(SMALL_MEMBER).unwrap() + 1];
    index.pip.wheel("p", &[("a", &bomb)]);
    assert!(index.fetch("m").unwrap_err().contains("too large"));
}

#[test]
fn what_pip_says_becomes_one_reason() {
    for (script, reason) in [
        ("echo 'No module named pip' >&2; exit 1", "pip is not installed"),
        ("echo 'WARNING: Retrying after connection broken by X' >&2; exit 1", "index does not answer"),
        ("printf 'ERROR: first\\nERROR: last\\nnotice\\n' >&2; exit 1", "package p 1.0: last"),
        (
            "printf 'ERROR: Exception:\\nTraceback:\\nOSError: it broke\\n' >&2; exit 2",
            "1.0: OSError: it broke",
        ),
        ("head -c 3000000 /dev/zero >&2; exit 1", "package p 1.0: "),
        ("exit 3", "pip gives no reason"),
        ("exit 0", "pip left no wheel"),
    ] {
        let index = Index::new(script, &entry("m", b"one", &packages("copy", &[("p", "a")])));
        let message = index.fetch("m").unwrap_err();
        assert!(message.contains(reason) && !message.contains('\n'), "{message}");
    }
}

#[test]
fn without_any_pip_the_line_says_what_to_install() {
    let index = Index::new("", &entry("m", b"one", &packages("copy", &[("p", "a")])));
    let run = Packages::new(index.root.path().join("work"), vec![vec!["/nowhere/pip".to_owned()]]);
    let entry = &index.manifest.models[0];
    match run.fetch(entry, &entry.sources[0], &[entry], &Quiet) {
        Err(SourceError::Refused(why)) => assert!(why.contains("apt install python3-pip"), "{why}"),
        other => panic!("{other:?}"),
    }
}
