//! A PostgreSQL of one's own: Debian's server in a temporary folder, on a free port, with a
//! password and every way to stop. It never runs as root, so a test that does lends it the user
//! that Debian made for it.

#![allow(dead_code)] // Each test file uses its own part.

use super::broker::{Authority, free_port};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const USER: &str = "aisle";
const PASSWORD: &str = "correct horse";
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Postgres {
    folder: TempDir,
    /// As whom it runs, where this is root.
    owner: Option<(u32, u32)>,
    server: Option<Child>,
    pub port: u16,
    /// Whom its certificate is of, where it lets nobody in without encryption.
    authority: Option<Authority>,
}

impl Postgres {
    pub fn start() -> Self {
        Self::begin(None)
    }

    /// One that speaks encrypted only.
    pub fn encrypted() -> Self {
        Self::begin(Some(Authority::new()))
    }

    fn begin(authority: Option<Authority>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let owner = rustix::process::geteuid().is_root().then(|| {
            let users = fs::read_to_string("/etc/passwd").unwrap();
            let line = users.lines().find(|line| line.starts_with("postgres:"));
            let mut parts = line.expect("the user postgres (make test installs it)").split(':').skip(2);
            let mut number = || parts.next().unwrap().parse().unwrap();
            (number(), number())
        });
        let mut postgres = Self { folder, owner, server: None, port: 0, authority };
        postgres.make();
        for _ in 0..10 {
            postgres.port = free_port();
            if postgres.try_to_start() {
                return postgres;
            }
        }
        panic!("PostgreSQL does not start: {}", postgres.log());
    }

    fn make(&self) {
        let here = self.folder.path();
        self.give(here);
        let word = here.join("password");
        fs::write(&word, PASSWORD).unwrap();
        self.give(&word);
        let made = self
            .tool("initdb")
            .args(["-A", "scram-sha-256", "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(self.data())
            .arg(format!("--pwfile={}", word.display()))
            .output()
            .expect("initdb runs (make test installs it)");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        if let Some(authority) = &self.authority {
            fs::write(here.join("ca.pem"), authority.pem()).unwrap();
            let identity = authority.certify(here, "server", "postgres");
            for path in [identity.certificate, identity.key] {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
                self.give(&path);
            }
            let rules = "local all all scram-sha-256\nhostssl all all all scram-sha-256\n";
            fs::write(self.data().join("pg_hba.conf"), rules).unwrap();
        }
    }

    fn give(&self, path: &Path) {
        if let Some((user, group)) = self.owner {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(tool(name));
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command.current_dir(self.folder.path()).env_remove("PGDATA");
        command
    }

    fn try_to_start(&mut self) -> bool {
        let log = self.folder.path().join("log");
        let log = fs::File::options().create(true).append(true).open(log).unwrap();
        let mut command = self.tool("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-c", "fsync=off"]);
        if self.authority.is_some() {
            let here = self.folder.path().display();
            command.args(["-c", "ssl=on", "-c", &format!("ssl_cert_file={here}/server.pem")]);
            command.args(["-c", &format!("ssl_key_file={here}/server.key")]);
        }
        let mut server = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !self.answers() {
            if server.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(Instant::now() < deadline, "PostgreSQL never answers: {}", self.log());
            sleep(Duration::from_millis(20));
        }
        self.server = Some(server);
        true
    }

    fn answers(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() && self.query("SELECT 1").is_ok()
    }

    /// Stops it at once, as a crash does.
    pub fn crash(&mut self) {
        if let Some(mut server) = self.server.take() {
            kill_process(Pid::from_child(&server), Signal::QUIT).unwrap();
            server.wait().unwrap();
        }
    }

    /// Starts it again on the same port.
    pub fn restart(&mut self) {
        self.crash();
        let deadline = Instant::now() + PATIENCE;
        while !self.try_to_start() {
            assert!(Instant::now() < deadline, "PostgreSQL does not start again: {}", self.log());
            sleep(Duration::from_millis(50));
        }
    }

    /// Deletes all that it had.
    pub fn empty(&self) {
        self.ask("DROP SCHEMA aisle CASCADE");
    }

    /// The one value that a query gives.
    pub fn ask(&self, sql: &str) -> String {
        self.query(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn query(&self, sql: &str) -> Result<String, String> {
        let port = self.port.to_string();
        let mut command = Command::new(tool("psql"));
        command.args(["-XAtq", "-U", USER, "-d", "postgres", "-p", &port, "-c", sql, "-h"]);
        let output = command.arg(self.folder.path()).env("PGPASSWORD", PASSWORD).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// A file with the address of it, and `word` as the password.
    pub fn address_with(&self, word: &str) -> PathBuf {
        let path = self.folder.path().join("address");
        let mode = if self.authority.is_some() { "?sslmode=require" } else { "" };
        let word = word.replace(' ', "%20");
        let text = format!("postgresql://{USER}:{word}@localhost:{}/postgres{mode}\n", self.port);
        fs::write(&path, text).unwrap();
        path
    }

    pub fn address(&self) -> PathBuf {
        self.address_with(PASSWORD)
    }

    /// The file of those who vouch for it.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.crash();
    }
}

/// Debian keeps the server's programs beside its version.
fn tool(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.is_file());
    found.max().unwrap_or_else(|| name.into())
}
