//! The SHA-256 of a file, and the stamp that remembers a successful check.
//!
//! A stamp holds the digest, size and modification time of the file at its last good
//! check, so that a start does not read hundreds of megabytes. It says nothing about
//! a disk that changes bytes behind the file system's back; `aisle models verify`
//! reads every byte.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File, Metadata};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::stream::{self, CopyError};

/// The SHA-256 of the whole file in lower-case hexadecimal, telling `seen` the bytes read.
pub(super) fn sha256(path: &Path, seen: impl FnMut(u64)) -> io::Result<String> {
    struct Hashing(Sha256);
    impl io::Write for Hashing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut hashing = Hashing(Sha256::new());
    match stream::copy(&mut File::open(path)?, &mut hashing, u64::MAX, seen) {
        Ok(_) => {}
        Err(CopyError::Read(error) | CopyError::Write(error)) => return Err(error),
        Err(CopyError::TooLong) => return Err(io::ErrorKind::FileTooLarge.into()),
    }
    let mut hex = String::with_capacity(64);
    for byte in hashing.0.finalize() {
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex)
}

/// The stamp of a file in that state, once its SHA-256 was found to be `sha256`.
/// None where the system gives no modification time, so that every start hashes.
fn stamp(sha256: &str, file: &Metadata) -> Option<String> {
    let modified = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{sha256} {} {}\n", file.len(), modified.as_nanos()))
}

/// Whether the stamp at `path` says that a file in that state had this SHA-256.
pub(super) fn is_stamped(path: &Path, sha256: &str, file: &Metadata) -> bool {
    match (fs::read_to_string(path), stamp(sha256, file)) {
        (Ok(found), Some(wanted)) => found == wanted,
        _ => false,
    }
}

/// Writes the stamp at `path`, in one step.
///
/// # Errors
/// When the folder cannot be written; the caller may go on, the next start hashes again.
pub(super) fn write_stamp(path: &Path, sha256: &str, file: &Metadata) -> io::Result<()> {
    let (Some(text), Some(dir)) = (stamp(sha256, file), path.parent()) else {
        return Ok(());
    };
    fs::create_dir_all(dir)?;
    let mut temporary = stream::temporary(dir)?;
    temporary.write_all(text.as_bytes())?;
    temporary.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digest_and_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let (file, stamp) = (dir.path().join("f"), dir.path().join("stamps/f"));
        fs::write(&file, "abc").unwrap();
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&file, |_| ()).unwrap(), abc);

        let state = fs::metadata(&file).unwrap();
        assert!(!is_stamped(&stamp, abc, &state));
        write_stamp(&stamp, abc, &state).unwrap();
        assert!(is_stamped(&stamp, abc, &state));
        assert!(!is_stamped(&stamp, "another", &state), "a new manifest asks for a new check");
        fs::write(&file, "abcd").unwrap();
        assert!(!is_stamped(&stamp, abc, &fs::metadata(&file).unwrap()));
    }
}
