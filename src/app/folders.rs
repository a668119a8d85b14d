//! Where Aisle keeps things: databases, models, and the workers beside its own
//! executable. Never creates or deletes any of them.

use std::path::{Path, PathBuf};

/// The folders of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Databases only.
    pub data: PathBuf,
    pub models: PathBuf,
    /// The settings file that is read, where there is one.
    pub settings: Option<PathBuf>,
}

/// Why a folder cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("neither {0} nor HOME is set: say where with {1}")]
    NoHome(&'static str, &'static str),
    #[error("there is no settings file {}", .0.display())]
    NoSettings(PathBuf),
}

impl Folders {
    /// The folders that the command line and `variable` (the environment) name:
    /// `--data`, then the XDG data folder; `AISLE_MODELS`, then the XDG cache
    /// folder; `--settings`, then `aisle.toml` beside the databases or in the XDG
    /// configuration folder, if it is there.
    ///
    /// # Errors
    /// A folder is neither given nor derivable, or a named settings file is missing.
    pub fn find(
        data: Option<PathBuf>,
        settings: Option<PathBuf>,
        variable: impl Fn(&str) -> Option<PathBuf>,
    ) -> Result<Self, FolderError> {
        let home = |xdg: &str, below: &str| {
            variable(xdg)
                .or_else(|| variable("HOME").map(|home| home.join(below)))
                .map(|root| root.join("aisle"))
        };
        let data = data
            .or_else(|| home("XDG_DATA_HOME", ".local/share"))
            .ok_or(FolderError::NoHome("XDG_DATA_HOME", "--data DIR"))?;
        let models = variable("AISLE_MODELS")
            .or_else(|| home("XDG_CACHE_HOME", ".cache").map(|root| root.join("models")))
            .ok_or(FolderError::NoHome("XDG_CACHE_HOME", "AISLE_MODELS"))?;
        let settings = match settings {
            Some(path) if path.is_file() => Some(path),
            Some(path) => return Err(FolderError::NoSettings(path)),
            None => [Some(data.clone()), home("XDG_CONFIG_HOME", ".config")]
                .into_iter()
                .flatten()
                .map(|folder| folder.join("aisle.toml"))
                .find(|path| path.is_file()),
        };
        Ok(Self { data, models, settings })
    }
}

impl Folders {
    /// Where an import puts the products' photographs.
    #[must_use]
    pub fn photos(&self) -> PathBuf {
        self.data.join("photos")
    }
}

/// The worker `name` beside the running executable, or a folder above it: measurements lie
/// in a folder of their own.
#[must_use]
pub fn worker(name: &str) -> PathBuf {
    let here = std::env::current_exe().ok();
    let folder = here.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
    let above = folder.parent().map(|above| above.join(name)).filter(|path| path.is_file());
    Some(folder.join(name)).filter(|path| path.is_file()).or(above).unwrap_or_else(|| folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xdg_folders_and_overrides() {
        let home = |name: &str| (name == "HOME").then(|| PathBuf::from("/home/kiosk"));
        let folders = Folders::find(None, None, home).unwrap();
        assert_eq!(folders.data, Path::new("/home/kiosk/.local/share/aisle"));
        assert_eq!(folders.models, Path::new("/home/kiosk/.cache/aisle/models"));
        let all = |name: &str| Some(PathBuf::from(format!("/x/{name}")));
        let folders = Folders::find(Some("/d".into()), None, all).unwrap();
        assert_eq!((folders.data, folders.models), ("/d".into(), "/x/AISLE_MODELS".into()));
        assert!(Folders::find(None, None, |_| None).is_err());
        assert!(Folders::find(None, Some("/no/such.toml".into()), home).is_err());
    }
}
