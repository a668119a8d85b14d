//! A broker of one's own: mosquitto in a temporary folder, on free ports, with the files that
//! the product ships, certificates made for the occasion, and every way to die.

#![allow(dead_code)] // Each test file uses its own part.

use aisle::sync::tls::{Identity, Roots, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// The user and password that the broker knows, besides certificates.
pub const USER: &str = "acme/k/s042/k9";
pub const PASSWORD: &str = "correct horse";

/// Where the shipped files expect their companions, and what they say that a test must change.
const FOLDER: &str = "/etc/aisle/broker/";
const STORE: &str = "/var/lib/mosquitto/";

/// Who signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "head office");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes `NAME.pem` and `NAME.key` for somebody called `common_name`.
    pub fn certify(&self, folder: &Path, name: &str, common_name: &str) -> Identity {
        self.certify_from(folder, name, common_name, SystemTime::UNIX_EPOCH)
    }

    /// The same, which holds from a time on.
    pub fn certify_from(&self, folder: &Path, name: &str, common_name: &str, from: SystemTime) -> Identity {
        let mut params = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.not_before = from.into();
        let private = KeyPair::generate().unwrap();
        let signed = params.signed_by(&private, &self.0).unwrap();
        let identity = Identity {
            certificate: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        };
        fs::write(&identity.certificate, signed.pem()).unwrap();
        fs::write(&identity.key, private.serialize_pem()).unwrap();
        identity
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }
}

pub struct Broker {
    folder: TempDir,
    authority: Authority,
    server: Option<Child>,
    /// Its log and its saving are those of a shop, not of a test.
    is_as_shipped: bool,
    /// Where it asks for a certificate.
    pub port: u16,
    /// Where it asks for user and password.
    pub password_port: u16,
}

impl Broker {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// With more lines of configuration, which hold for all listeners.
    pub fn start_with(lines: &str) -> Self {
        Self::begin(lines, false)
    }

    /// For measuring: it logs and saves no more than it does with the shipped files.
    pub fn as_shipped() -> Self {
        Self::begin("", true)
    }

    fn begin(lines: &str, is_as_shipped: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        authority.certify(folder.path(), "server", "broker");
        let passwords = folder.path().join("passwords");
        let made =
            tool("mosquitto_passwd").arg("-c").arg("-b").arg(passwords).args([USER, PASSWORD]).output();
        assert!(made.expect("mosquitto_passwd runs (make test installs it)").status.success());
        let mut broker = Self { folder, authority, server: None, is_as_shipped, port: 0, password_port: 0 };
        // Another program may take a port between the look and the start.
        for _ in 0..10 {
            (broker.port, broker.password_port) = (free_port(), free_port());
            broker.configure(lines);
            if broker.try_to_start() {
                return broker;
            }
        }
        panic!("mosquitto does not start: {}", broker.log());
    }

    fn configure(&self, lines: &str) {
        let shipped = |name: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware-config/mosquitto").join(name);
            fs::read_to_string(path).unwrap()
        };
        let replaced = |text: String, from: &str, to: &str| {
            assert!(text.contains(from), "the shipped mosquitto.conf says nothing of {from}");
            text.replace(from, to)
        };
        let here = format!("{}/", self.folder.path().display());
        let mut text = replaced(shipped("mosquitto.conf"), FOLDER, &here);
        text = replaced(text, STORE, &here);
        text = replaced(text, "listener 8883", &format!("listener {} 127.0.0.1", self.port));
        text = replaced(text, "listener 8884", &format!("listener {} 127.0.0.1", self.password_port));
        if !self.is_as_shipped {
            // So that what is retained outlives a kill, as it does on a machine after half a minute.
            text = replaced(text, "autosave_on_changes false", "autosave_on_changes true");
            text = replaced(text, "autosave_interval 30", "autosave_interval 1");
        }
        // Otherwise it becomes the user mosquitto, who may not read this folder.
        let user = if rustix::process::geteuid().is_root() { "user root\n" } else { "" };
        fs::write(self.folder.path().join("mosquitto.conf"), format!("{user}{lines}\n{text}")).unwrap();
        fs::write(self.folder.path().join("acl"), shipped("acl")).unwrap();
    }

    /// Whether it runs now; not when it ended at once.
    fn try_to_start(&mut self) -> bool {
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut command = tool("mosquitto");
        command.args((!self.is_as_shipped).then_some("-v"));
        command.arg("-c").arg(self.folder.path().join("mosquitto.conf"));
        command.stdout(Stdio::null()).stderr(log);
        let mut server = command.spawn().expect("mosquitto runs (make test installs it)");
        let deadline = Instant::now() + Duration::from_secs(20);
        let is_there = |port: u16| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        while !(is_there(self.port) && is_there(self.password_port)) {
            if server.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(Instant::now() < deadline, "mosquitto never listened: {}", self.log());
            sleep(Duration::from_millis(2));
        }
        self.server = Some(server);
        true
    }

    /// Its number in the system, while it runs.
    pub fn pid(&self) -> u32 {
        self.server.as_ref().expect("it runs").id()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A place for a test's own files.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The file of whom kiosks trust.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for `user`, in two files.
    pub fn identity(&self, user: &str) -> Identity {
        self.authority.certify(self.folder.path(), &user.replace('/', "-"), user)
    }

    /// The encryption with which `user` comes.
    pub fn tls(&self, user: &str) -> Tls {
        Tls::new(&Roots::File(self.ca()), Some(&self.identity(user))).unwrap()
    }

    /// The encryption of one who has no certificate.
    pub fn plain_tls(&self) -> Tls {
        Tls::new(&Roots::File(self.ca()), None).unwrap()
    }

    /// Users with passwords from now on, instead of those it knew. It takes note a moment later.
    pub fn know<'a>(&self, users: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let lines: String = users.into_iter().map(|(user, word)| format!("{user}:{word}\n")).collect();
        let passwords = self.folder.path().join("passwords");
        fs::write(&passwords, lines).unwrap();
        assert!(tool("mosquitto_passwd").arg("-U").arg(passwords).status().unwrap().success());
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        if let Some(server) = &self.server {
            kill_process(Pid::from_child(server), signal).unwrap();
        }
    }

    /// Kills it with -9.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Begins anew with a certificate that holds from a time on.
    pub fn holds_from(&mut self, from: SystemTime) {
        self.authority.certify_from(self.folder.path(), "server", "broker", from);
        self.restart();
    }

    /// Starts it again on the same ports.
    pub fn restart(&mut self) {
        self.kill();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.try_to_start() {
            assert!(Instant::now() < deadline, "mosquitto does not start again: {}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until what is retained is on the disk, and `text` in it.
    pub fn has_saved(&self, text: &str) -> bool {
        fs::read(self.database())
            .is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }

    /// Deletes all that it had kept; while it does not run.
    pub fn forget(&self) {
        assert!(self.server.is_none(), "it would write it again");
        let _ = fs::remove_file(self.database());
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("mosquitto.db")
    }

    /// Stops it where it is; its sockets stay open, and nobody answers.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("The broker's last words:\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
        self.kill();
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Debian keeps the server where only root looks.
fn tool(name: &str) -> Command {
    let paths = std::env::var("PATH").unwrap_or_default();
    let folders = paths.split(':').chain(["/usr/sbin", "/usr/local/sbin"]);
    let found = folders.map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    Command::new(found.unwrap_or_else(|| name.into()))
}
