//! What the tests of the whole program share: the program itself on the demo
//! store, with the real models.

#![allow(dead_code)] // Each test file uses its own part.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A path in the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The program with databases of its own.
pub struct Kiosk {
    pub data: TempDir,
}

impl Kiosk {
    /// Without a catalog.
    pub fn empty() -> Self {
        Self { data: tempfile::tempdir().unwrap() }
    }

    /// With the demo store, its prices and stock as of now.
    pub fn with_demo_store() -> Self {
        Self::with_demo_store_in(tempfile::tempdir().unwrap())
    }

    /// The same, in a folder of the test's.
    pub fn with_demo_store_in(data: TempDir) -> Self {
        let kiosk = Self { data };
        let store = repository("firmware-config/demo-store/catalog.jsonl");
        let output = kiosk.run(&["catalog", "import", store.to_str().unwrap(), "--as-of", "now"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        kiosk
    }

    /// The program, its databases set.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aisle"));
        command.arg("--data").arg(self.data.path()).env_remove("XDG_CONFIG_HOME");
        command
    }

    /// A file of its folder; its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.data.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// The one JSON object that `arguments` print.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        let out = text(&output.stdout);
        assert_eq!(out.lines().count(), 1, "exactly one line: {out}");
        serde_json::from_str(&out).unwrap()
    }

    /// One typed turn.
    pub fn ask(&self, words: &str) -> Value {
        self.json(&["ask", "--json", words])
    }

    /// What `lines` are answered with in one batch, engines warm.
    pub fn batch(&self, command: &str, lines: &[u8], more: &[&str]) -> Vec<Value> {
        let file = self.data.path().join("batch.jsonl");
        std::fs::write(&file, lines).unwrap();
        let output = self.command().args([command, "--batch"]).arg(&file).args(more).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// That `arguments` fail with exit code 2 and one line, which is returned.
    pub fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{arguments:?}: one line, not: {error}");
        assert!(output.stdout.is_empty(), "{arguments:?} printed {}", text(&output.stdout));
        error
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The folder of the real models.
pub fn models() -> PathBuf {
    std::env::var_os("AISLE_MODELS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/aisle/models"),
        PathBuf::from,
    )
}
