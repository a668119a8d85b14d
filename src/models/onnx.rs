//! ONNX Runtime: the one place that loads the library and opens sessions.
//!
//! Owns the process-wide runtime environment. The shared library is not linked
//! but loaded from a given path, so that a kiosk without it still starts (and
//! says in one line what is missing) and an update replaces one file.
//!
//! Promises: loading twice is free; a second, different library is refused; a
//! missing, foreign or too old library is an error, never a crash. Never
//! downloads anything, never sends telemetry, and never uses more threads than
//! asked for.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::Session;

/// Why the runtime or a model could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// There is no library file at this path.
    #[error(
        "the ONNX Runtime library {} is missing: run `aisle models fetch`",
        .path.display()
    )]
    LibraryMissing { path: PathBuf },
    /// The file is there, but the system cannot load it as ONNX Runtime.
    #[error(
        "{} is not an ONNX Runtime library for this machine ({reason}): run `aisle models verify`",
        .path.display()
    )]
    LibraryUnusable { path: PathBuf, reason: String },
    /// The library is ONNX Runtime, but too old for this program.
    #[error(
        "{} is ONNX Runtime {found}; 1.{} or later is needed: run `aisle models fetch`",
        .path.display(),
        ort::MINOR_VERSION
    )]
    LibraryTooOld { path: PathBuf, found: String },
    /// This process already runs on another library.
    #[error(
        "ONNX Runtime is already loaded from {}; restart to use {}",
        .loaded.display(),
        .asked.display()
    )]
    LibraryAlreadyLoaded { loaded: PathBuf, asked: PathBuf },
    /// There is no model file at this path.
    #[error("the model {} is missing: run `aisle models fetch`", .path.display())]
    ModelMissing { path: PathBuf },
    /// The model file is damaged or not an ONNX model.
    #[error(
        "{} is not a usable ONNX model ({reason}): run `aisle models verify`",
        .path.display()
    )]
    ModelUnusable { path: PathBuf, reason: String },
}

/// The library path (as resolved) and the environment it was loaded into.
static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// A handle to the loaded runtime; cheap to clone.
#[derive(Clone, Debug)]
pub struct Runtime {
    environment: Environment,
}

impl Runtime {
    /// Loads ONNX Runtime from the shared library at `library`, once per process.
    ///
    /// Later calls with the same file return the same environment.
    ///
    /// # Errors
    /// Any of the `Library...` errors of [`OnnxError`]. A failed load may be
    /// tried again, for example after the models were fetched.
    pub fn load(library: &Path) -> Result<Self, OnnxError> {
        let path = library
            .canonicalize()
            .ok()
            .filter(|path| path.is_file())
            .ok_or_else(|| OnnxError::LibraryMissing { path: library.to_owned() })?;

        // A panic while loading leaves `None` behind, which is a valid state.
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((loaded, environment)) = &*loaded {
            return if *loaded == path {
                Ok(Self { environment: environment.clone() })
            } else {
                Err(OnnxError::LibraryAlreadyLoaded { loaded: loaded.clone(), asked: path })
            };
        }
        let unusable = |reason: &dyn std::fmt::Display| OnnxError::LibraryUnusable {
            path: path.clone(),
            reason: one_line(reason),
        };
        let environment = ort::init_from(&path)
            .map_err(|error| match error {
                ort::LoadDynamicError::BadVersion { version_str, .. } => {
                    OnnxError::LibraryTooOld { path: path.clone(), found: version_str }
                }
                ort::LoadDynamicError::Dlopen { error, .. } => unusable(&error),
                other => unusable(&other),
            })?
            .with_name("aisle")
            .with_telemetry(false)
            .with_logger(Arc::new(|_level, _category, _id, place, message| {
                // By default the library prints in red on stderr what it also
                // returns as an error.
                tracing::debug!("onnxruntime {place}: {message}");
            }))
            .build()
            .map_err(|error| unusable(&error))?;
        environment.set_log_level(LogLevel::Error);
        *loaded = Some((path, environment.clone()));
        Ok(Self { environment })
    }

    /// Opens the ONNX model at `model`, to run on at most `threads` threads
    /// (0 counts as 1).
    ///
    /// Worker threads sleep between runs instead of spinning: a kiosk has two
    /// cores, and the other one is drawing the screen.
    ///
    /// # Errors
    /// [`OnnxError::ModelMissing`] or [`OnnxError::ModelUnusable`].
    pub fn session(&self, model: &Path, threads: usize) -> Result<Session, OnnxError> {
        if !model.is_file() {
            return Err(OnnxError::ModelMissing { path: model.to_owned() });
        }
        self.open(model, threads.max(1))
            .map_err(|error| OnnxError::ModelUnusable { path: model.to_owned(), reason: one_line(&error) })
    }

    fn open(&self, model: &Path, threads: usize) -> ort::Result<Session> {
        Session::builder(&self.environment)?
            .with_intra_threads(threads)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            .commit_from_file(model)
    }
}

/// The first line of a foreign message: ours are one line each.
fn one_line(message: &dyn std::fmt::Display) -> String {
    message.to_string().lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_is_named_with_its_remedy() {
        let error = Runtime::load(Path::new("/nowhere/libonnxruntime.so")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the ONNX Runtime library /nowhere/libonnxruntime.so is missing: run `aisle models fetch`"
        );
    }

    #[test]
    fn a_folder_or_a_text_file_is_not_a_library() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Runtime::load(folder.path()), Err(OnnxError::LibraryMissing { .. })));

        let text = folder.path().join("libonnxruntime.so");
        std::fs::write(&text, "not a library\n").unwrap();
        let error = Runtime::load(&text).unwrap_err();
        assert!(matches!(error, OnnxError::LibraryUnusable { .. }), "{error}");
        assert_eq!(error.to_string().lines().count(), 1);
    }
}
