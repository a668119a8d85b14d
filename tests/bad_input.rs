//! Whatever comes in: one clear line and exit code 2, nothing half-written, and
//! in a batch the rest goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Kiosk, models, repository, text};
use std::fs;
use std::path::Path;

fn order() -> Vec<u8> {
    fs::read(repository("tests/recordings/order-2.flac")).unwrap()
}

#[test]
fn bad_recordings() {
    let kiosk = Kiosk::with_demo_store();
    let file = |name: &str, bytes: &[u8]| kiosk.file(name, bytes);
    let long = kiosk.data.path().join("hour.wav");
    hour(&long);
    let cases = [
        ("/no/such/recording.wav".to_owned(), "no recording"),
        (kiosk.data.path().to_str().unwrap().to_owned(), "not a file"),
        (file("empty.wav", b""), "empty"),
        (file("text.wav", b"this is no sound at all"), "not a WAV"),
        (file("cut.flac", &order()[..60]), ""),
        (long.to_str().unwrap().to_owned(), "3600 s long; at most 60 s"),
    ];
    for (path, expected) in cases {
        let line = kiosk.refusal(&["ask", "--json", "--wav", &path]);
        assert!(line.contains(expected), "{path}: {line}");
    }
}

/// An hour of silence: 8 kHz, 8 bits.
fn hour(path: &Path) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 8,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for _ in 0..8000 * 3600 {
        writer.write_sample(0_i8).unwrap();
    }
    writer.finalize().unwrap();
}

#[test]
fn bad_texts_and_files() {
    let kiosk = Kiosk::with_demo_store();
    assert!(kiosk.refusal(&["ask", "  "]).contains("empty"));
    assert!(kiosk.refusal(&["ask", &"milk ".repeat(2000)]).contains("at most 4000"));
    assert!(kiosk.refusal(&["search", " "]).contains("empty"));
    assert!(kiosk.refusal(&["ask", "--batch", "/no/such/file"]).contains("/no/such/file"));
    assert!(kiosk.refusal(&["catalog", "import", "/no/such/file"]).contains("/no/such/file"));
    let say = ["ask", "milk", "--say", "/no/such/folder/reply.wav"];
    assert!(kiosk.refusal(&say).contains("/no/such/folder"));
    let missing = Kiosk::empty();
    assert!(missing.refusal(&["ask", "milk"]).contains("aisle catalog import"));
    assert!(missing.refusal(&["search", "milk"]).contains("aisle catalog import"));
}

#[test]
fn text_that_is_not_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let kiosk = Kiosk::with_demo_store();
    let output = kiosk.command().arg("ask").arg(std::ffi::OsStr::from_bytes(b"mil\xffk")).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("panicked"));
}

#[test]
fn bad_lines_of_a_batch_are_answered_and_the_rest_go_on() {
    let kiosk = Kiosk::with_demo_store();
    let mut lines = Vec::new();
    lines.extend(b"{\"id\":\"1\",\"text\":\"oat milk\"}\n");
    lines.extend(b"not json\n");
    lines.extend(b"{\"id\":\"3\",\"text\":\"\xff\xfe\"}\n");
    lines.extend(b"{\"id\":\"4\"}\n");
    lines.extend(b"{\"id\":\"5\",\"wav\":\"/no/such.wav\"}\n");
    lines.extend(format!("{{\"id\":\"6\",\"text\":\"{}\"}}\n", "x".repeat(70_000)).bytes());
    lines.extend(b"\n{\"id\":\"7\",\"text\":\"oat milk\"}");
    let answers = kiosk.batch("ask", &lines, &[]);
    let codes: Vec<_> = answers.iter().map(|a| a["error"]["code"].as_str().unwrap_or("")).collect();
    assert_eq!(codes, ["", "bad_json", "not_utf8", "bad_request", "bad_input", "line_too_long", ""]);
    assert_eq!(answers[3]["id"], "4");
    assert_eq!(answers[4]["id"], "5");
    assert_eq!(answers[0]["cards"], answers[6]["cards"]);
    let found = kiosk.batch("search", b"{\"id\":1,\"query\":\"oat milk\"}\n{}\n", &[]);
    assert_eq!(
        (found[0]["no_match"].as_bool(), found[1]["error"]["code"].as_str()),
        (Some(false), Some("bad_json"))
    );
}

#[test]
fn bad_catalogs_leave_the_old_one() {
    let kiosk = Kiosk::with_demo_store();
    let before = kiosk.json(&["catalog", "stats", "--json"]);
    let file = kiosk.data.path().join("bad.jsonl");
    for bytes in [&b""[..], b"\x00\x01\x02", b"{\"record\":\"product\"}\n", b"a;b;c\n1;2;3\n"] {
        fs::write(&file, bytes).unwrap();
        kiosk.refusal(&["catalog", "import", file.to_str().unwrap()]);
    }
    assert_eq!(kiosk.json(&["catalog", "stats", "--json"]), before);
    // A few bad lines are named and left out.
    let mut store = fs::read_to_string(repository("firmware-config/demo-store/catalog.jsonl")).unwrap();
    store += "{\"record\":\"product\",\"sku\":\"BAD-1\",\"title\":\"x\",\"price_cents\":-5}\nnonsense\n";
    fs::write(&file, &store).unwrap();
    let output = kiosk.run(&["catalog", "import", file.to_str().unwrap()]);
    assert!(output.status.success());
    let left_out = text(&output.stderr);
    assert_eq!(left_out.lines().filter(|line| line.contains("left out line")).count(), 2, "{left_out}");
}

#[test]
fn a_damaged_model_is_named() {
    let kiosk = Kiosk::with_demo_store();
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(models()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::os::unix::fs::symlink(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let damaged = folder.path().join("whisper-base.bin");
    fs::remove_file(&damaged).unwrap();
    fs::write(&damaged, b"no model").unwrap();
    let recording = repository("tests/recordings/order-2.flac");
    let output = kiosk
        .command()
        .args(["ask", "--wav"])
        .arg(recording)
        .env("AISLE_MODELS", folder.path())
        .output()
        .unwrap();
    let error = text(&output.stderr);
    assert_eq!((output.status.code(), error.lines().count()), (Some(2), 1), "{error}");
    assert!(error.contains("whisper-base") && error.contains("aisle models fetch"), "{error}");
}

#[test]
fn bad_settings_are_listed_at_once() {
    let kiosk = Kiosk::with_demo_store();
    fs::write(kiosk.data.path().join("aisle.toml"), "[asr]\nthreads = 0\n[voice]\nspeed = 2\n").unwrap();
    let line = kiosk.refusal(&["ask", "milk"]);
    assert!(line.contains("asr.threads") && line.contains("voice.speed"), "{line}");
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    // A file size limit answers writes as a full disk does, without root.
    let kiosk = Kiosk::with_demo_store();
    let before = kiosk.json(&["catalog", "stats", "--json"]);
    let say = kiosk.data.path().join("reply.wav");
    let program = env!("CARGO_BIN_EXE_aisle");
    let script = |arguments: &str| {
        let script = format!(
            "trap '' XFSZ; ulimit -f 16; exec {program} --data {} {arguments}",
            kiosk.data.path().display()
        );
        std::process::Command::new("bash").args(["-c", &script]).output().unwrap()
    };
    let output = script(&format!("ask 'where is the oat milk' --say {}", say.display()));
    let error = text(&output.stderr);
    assert_eq!((output.status.code(), error.lines().count()), (Some(2), 1), "{error}");
    assert!(!say.exists());
    let store = repository("firmware-config/demo-store/catalog.jsonl");
    let output = script(&format!("catalog import {}", store.display()));
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert_eq!(kiosk.json(&["catalog", "stats", "--json"]), before);
}

#[test]
fn doctor_says_what_to_do() {
    let kiosk = Kiosk::with_demo_store();
    let healthy = kiosk.json(&["doctor", "--json"]);
    assert_eq!(healthy["ok"], true, "{healthy}");
    let empty = Kiosk::empty();
    let output =
        empty.command().args(["doctor", "--json"]).env("AISLE_MODELS", empty.data.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let faults: Vec<_> =
        report["checks"].as_array().unwrap().iter().filter(|c| c["health"] == "fault").collect();
    assert!(
        faults.len() > 3 && faults.iter().all(|fault| !fault["advice"].as_str().unwrap_or("").is_empty()),
        "{report}"
    );
}

#[test]
fn the_shipped_settings_reference_is_current() {
    let output = Kiosk::empty().run(&["settings"]);
    let shipped = fs::read_to_string(repository("firmware-config/aisle.toml")).unwrap();
    assert_eq!(text(&output.stdout), shipped, "run: aisle settings > firmware-config/aisle.toml");
}
