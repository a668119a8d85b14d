//! Writing speech to a WAV file.
//!
//! Promises: the file at the path is either what was there before or the whole
//! new recording, also after a power cut or on a full disk; nothing else is left
//! in the folder. Never writes over anything that is not a plain file.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavSpec, WavWriter};
use tempfile::NamedTempFile;

/// Why a WAV file was not written; nothing was changed on disk.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// The folder to write into is not there.
    #[error("cannot write {}: its folder does not exist", .path.display())]
    NoFolder { path: PathBuf },
    /// The path names a folder, a device or a pipe.
    #[error("cannot write {}: it is not a plain file", .path.display())]
    NotAFile { path: PathBuf },
    /// The disk is full, the folder is read-only, or writing failed otherwise.
    #[error("cannot write {}: {reason}", .path.display())]
    Failed { path: PathBuf, reason: String },
}

/// Writes mono 16-bit `samples` at `rate` hertz to `path`, atomically: into a
/// temporary file beside it, synced, then renamed over it.
///
/// # Errors
/// [`WavError`]; the temporary file is removed.
pub fn write(path: &Path, samples: &[i16], rate: u32) -> Result<(), WavError> {
    // Follow a link, so that the rename replaces the file and not the link.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if target.exists() && !target.is_file() {
        return Err(WavError::NotAFile { path: path.to_owned() });
    }
    let folder = match target.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => {
            return Err(WavError::NotAFile { path: path.to_owned() });
        }
    };
    if !folder.is_dir() {
        return Err(WavError::NoFolder { path: path.to_owned() });
    }
    let failed = |error: io::Error| WavError::Failed { path: path.to_owned(), reason: error.to_string() };
    let file = temporary(folder).map_err(failed)?;
    fill(file.as_file(), samples, rate).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(&target).map_err(|error| failed(error.error))?;
    Ok(())
}

/// A temporary file in `folder` with the permissions of any new file (the
/// default of a temporary file would keep other accounts from reading it).
fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".aisle-").suffix(".wav");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

fn fill(file: &File, samples: &[i16], rate: u32) -> io::Result<()> {
    let spec =
        WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let as_io = |error| match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    };
    let mut writer = WavWriter::new(BufWriter::new(file), spec).map_err(as_io)?;
    for &sample in samples {
        writer.write_sample(sample).map_err(as_io)?;
    }
    writer.finalize().map_err(as_io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.wav");
        write(&path, &[1, 2, 3], 22_050).unwrap();
        write(&path, &[0, -32_768, 32_767, 5], 22_050).unwrap();

        let mut reader = hound::WavReader::open(&path).unwrap();
        assert_eq!(reader.spec().sample_rate, 22_050);
        let read: Vec<i16> = reader.samples().collect::<Result<_, _>>().unwrap();
        assert_eq!(read, [0, -32_768, 32_767, 5]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn no_samples_still_make_a_valid_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.wav");
        write(&path, &[], 22_050).unwrap();
        assert_eq!(hound::WavReader::open(&path).unwrap().len(), 0);
    }

    #[test]
    fn a_missing_folder_a_folder_and_a_device_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = folder.path().join("no/out.wav");
        let error = write(&nowhere, &[1], 16_000).unwrap_err();
        assert!(error.to_string().ends_with("its folder does not exist"), "{error}");
        assert!(matches!(write(folder.path(), &[1], 16_000), Err(WavError::NotAFile { .. })));
        assert!(matches!(write(Path::new("/dev/null"), &[1], 16_000), Err(WavError::NotAFile { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file.wav"), folder.path().join("link.wav"));
        write(&file, &[1], 16_000).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, &[1, 2], 16_000).unwrap();
        assert!(link.is_symlink());
        assert_eq!(hound::WavReader::open(&file).unwrap().len(), 2);
    }
}
