//! The recordings that measurements hear: which there are, and their sound.

use aisle::voice::recording::{Limits, Recording};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The recordings in `folder`, by name: at least one.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.extension().is_some_and(|end| end == "flac"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} holds recordings", folder.display());
    paths
}

/// The sound of a recording of any length, 16 kHz mono.
pub fn open(path: &Path) -> Vec<f32> {
    let limits = Limits { duration: Duration::from_hours(1), bytes: 1 << 30 };
    let recording = Recording::open(path, &limits);
    recording.unwrap_or_else(|error| panic!("{}: {error}", path.display())).into_samples()
}

/// The name of a file, by which cases are told apart.
pub fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
