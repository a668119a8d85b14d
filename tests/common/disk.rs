//! A small disk of one's own that a test can fill. Only a process of its own can have one: the
//! test program again, in a mount namespace where a small file system lies over a folder. Where
//! the system lets nobody have such a thing, writing beyond a size fails instead.

#![allow(dead_code)] // Each test file uses its own part.

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// Where the disk lies.
const FOLDER: &str = "AISLE_TEST_DISK";
/// It is no file system of its own.
const LIMITED: &str = "AISLE_TEST_DISK_LIMITED";
/// What fills it.
const FILLER: &str = "filler";

/// Runs the test `name` of this program once more, with a disk of so many MiB.
pub fn with_disk(name: &str, mib: u32) {
    let folder = tempfile::tempdir().unwrap();
    let own = *MAY_MOUNT;
    let mut command = if own { Command::new("unshare") } else { Command::new("sh") };
    if own {
        let mount = format!("mount -t tmpfs -o size={mib}m tmpfs {} && exec \"$@\"", folder.path().display());
        command.args(["--map-root-user", "--mount", "sh", "-c", &mount, "sh"]);
    } else {
        println!("no file system of its own can be mounted here: the size of files is limited instead");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).env(LIMITED, "1");
    }
    command.arg(std::env::current_exe().unwrap()).args([name, "--exact", "--nocapture"]);
    let output = command.env(FOLDER, folder.path()).stdin(Stdio::null()).output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success(), "on a disk of {mib} MiB");
    assert!(said.contains("1 passed"), "{name} is a test of this program");
}

/// Whether this user may have a file system of their own.
static MAY_MOUNT: LazyLock<bool> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs"]).arg(folder.path());
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
});

pub struct Disk {
    folder: PathBuf,
    is_own: bool,
}

impl Disk {
    /// In a process that [`with_disk`] started; `None`: elsewhere.
    pub fn of_this_process() -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os(FOLDER)?);
        Some(Self { folder, is_own: std::env::var_os(LIMITED).is_none() })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it is a file system of its own, and not a limit of this process alone.
    pub fn is_own(&self) -> bool {
        self.is_own
    }

    fn free(&self) -> u64 {
        let space = statvfs(&self.folder).unwrap();
        space.f_bavail * space.f_frsize
    }

    /// Leaves about so many bytes. What the disk was filled with before is taken away first.
    pub fn fill(&self, leaves: u64) {
        self.make_room();
        if !self.is_own {
            return limit(Some(leaves));
        }
        let filler = File::create(self.folder.join(FILLER)).unwrap();
        let size = self.free().saturating_sub(leaves);
        if size > 0 {
            fallocate(filler, FallocateFlags::empty(), 0, size).unwrap();
        }
    }

    pub fn make_room(&self) {
        if self.is_own {
            let _ = std::fs::remove_file(self.folder.join(FILLER));
        } else {
            limit(None);
        }
    }
}

/// How far files may be written by this process.
fn limit(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum }).unwrap();
}
