//! Each module imports only what stands above it, and each foreign crate is
//! named in its own room only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// From the top down, as in lib.rs.
const LAYERS: [&str; 14] = [
    "domain",
    "settings",
    "dialog",
    "recommend",
    "store",
    "models",
    "feeds",
    "engines",
    "voice",
    "sync",
    "web",
    "view",
    "office",
    "app",
];

/// Crates and the folders or files of src that may name them.
const ROOMS: [(&str, &[&str]); 38] = [
    ("slint", &["view/"]),
    ("i_slint_core", &["view/"]),
    ("aisle_ui", &["view/"]),
    ("image", &["view/"]),
    ("lru", &["view/"]),
    ("qrcode", &["view/"]),
    ("icu_decimal", &["view/"]),
    ("pathfinding", &["app/"]),
    ("rusqlite", &["store/"]),
    ("whisper_rs", &["engines/bin/stt.rs"]),
    ("llama_cpp_2", &["engines/bin/llm.rs"]),
    ("ort", &["models/onnx.rs", "models/embedding.rs", "voice/vad.rs", "voice/tts.rs"]),
    ("cpal", &["voice/"]),
    ("rodio", &["voice/"]),
    ("ringbuf", &["voice/"]),
    ("sonora", &["voice/echo.rs"]),
    ("symphonia", &["voice/"]),
    ("ureq", &["models/", "sync/webhook.rs"]),
    ("clap", &["app/cli.rs", "app/cli/", "main.rs", "engines/bin/"]),
    ("sd_notify", &["app/"]),
    ("tokenizers", &["models/embedding.rs"]),
    ("csv_core", &["feeds/"]),
    ("quick_xml", &["feeds/"]),
    ("html5gum", &["feeds/"]),
    ("encoding_rs", &["feeds/"]),
    ("flate2", &["feeds/"]),
    ("zstd", &["feeds/", "sync/"]),
    ("rumqttc", &["sync/mqtt/"]),
    ("rustls", &["sync/"]),
    ("rustls_native_certs", &["sync/tls.rs"]),
    ("ed25519_dalek", &["sync/sign.rs"]),
    ("getrandom", &["office/keyring.rs", "app/line/loyalty.rs"]),
    ("tokio_postgres", &["office/postgres/"]),
    ("tokio_postgres_rustls", &["office/postgres/"]),
    ("axum", &["web/"]),
    ("hyper", &["web/"]),
    ("hyper_util", &["web/"]),
    ("subtle", &["sync/till.rs"]),
];

fn sources() -> BTreeMap<String, String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// True where `text` names `item` as a path: `item::`.
fn names(text: &str, item: &str) -> bool {
    let needle = format!("{item}::");
    text.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| {
        line.match_indices(&needle).any(|(at, _)| {
            !line[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
        })
    })
}

#[test]
fn modules_import_only_what_stands_above_them() {
    let sources = sources();
    assert!(sources.len() > 40, "the scan sees the sources");
    for (file, text) in &sources {
        let Some(layer) = LAYERS.iter().position(|layer| file.starts_with(&format!("{layer}/"))) else {
            continue;
        };
        // What pleases is worked out from plain values.
        let is_pure = file.starts_with("recommend/");
        assert!(
            !is_pure || !text.contains("crate::dialog") && !text.contains("crate::settings"),
            "src/{file}"
        );
        for below in &LAYERS[layer + 1..] {
            // `crate::models` and `crate::{models, ...}` alike.
            let direct = text.contains(&format!("crate::{below}"));
            let grouped = text
                .lines()
                .any(|line| line.starts_with("use crate::{") && line.contains(&format!("{below}::")));
            assert!(!direct && !grouped, "src/{file} imports {below}, which stands below it");
        }
    }
}

#[test]
fn foreign_crates_stay_in_their_rooms() {
    for (file, text) in &sources() {
        for (krate, rooms) in ROOMS {
            let allowed = rooms.iter().any(|room| file.starts_with(room));
            assert!(allowed || !names(text, krate), "src/{file} names {krate}; only {rooms:?} may");
        }
    }
}

#[test]
fn the_scan_finds_what_it_looks_for() {
    assert!(names("use rusqlite::Connection;", "rusqlite"));
    assert!(names("    let x: ort::Result<()> = y;", "ort"));
    assert!(!names("let sort::x = 1; // rusqlite::", "ort"));
    assert!(!names("// rusqlite::Connection", "rusqlite"));
}

#[test]
fn files_stay_readable() {
    for (file, text) in &sources() {
        let lines = text.lines().count();
        assert!(lines <= 600, "src/{file} has {lines} lines; split it by noun");
        let documented =
            text.starts_with("//!") || file.ends_with("_tests.rs") || file.ends_with("test_sources.rs");
        assert!(documented, "src/{file} does not say what it owns");
    }
}
