//! Owns which recalls stand in all stores, those that are still to open or to be heard of too:
//! `recalls` in head office's folder. A store that lacks one is brought up to date by the next
//! command that says something. Of two copies of a folder the older one may bring a recall back
//! that was lifted since: too much is stopped then, never too little. Sends nothing.

use super::LiveError;
use crate::office::files;
use crate::sync::topics::Name;
use crate::sync::wire::live::Recall;
use crate::sync::wire::sifted::Item;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The file in head office's folder.
const FILE: &str = "recalls";

/// What stands in all stores.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Everywhere {
    recalls: Vec<Standing>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Standing {
    recall: Recall,
    /// Stores where it was lifted by itself.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    but: BTreeSet<Name>,
}

impl Everywhere {
    /// Reads it; where there is no file: nothing stands everywhere.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn load(office: &Path) -> Result<Self, LiveError> {
        let path = path(office);
        if !path.exists() {
            return Ok(Self::default());
        }
        let bytes = files::read(&path)?;
        let damaged = |why: String| LiveError::Damaged { path: path.clone(), why };
        let all: Self = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        let check = |own: &Standing| own.recall.check();
        all.recalls.iter().try_for_each(check).map_err(|error| damaged(error.to_string()))?;
        Ok(all)
    }

    /// Writes it down.
    ///
    /// # Errors
    /// It cannot be written; then what was there before stands.
    pub fn save(&self, office: &Path) -> Result<(), LiveError> {
        let path = path(office);
        let damaged =
            |error: serde_json::Error| LiveError::Damaged { path: path.clone(), why: error.to_string() };
        let bytes = serde_json::to_vec(self).map_err(damaged)?;
        files::private_folder(office)?;
        Ok(files::replace(&path, &bytes)?)
    }

    /// This one stands from now on, in the place of one of its name.
    pub fn add(&mut self, recall: &Recall) {
        self.recalls.retain(|own| own.recall.id != recall.id);
        self.recalls.push(Standing { recall: recall.clone(), but: BTreeSet::new() });
    }

    /// The one of this name stands no more: in these stores, or (none named) anywhere. Whether it
    /// stood.
    pub fn lift(&mut self, id: &Name, stores: &[Name]) -> bool {
        let stood = self.recalls.iter().any(|own| own.recall.id == *id);
        if stores.is_empty() {
            self.recalls.retain(|own| own.recall.id != *id);
        }
        for own in self.recalls.iter_mut().filter(|own| own.recall.id == *id) {
            own.but.extend(stores.iter().cloned());
        }
        stood
    }

    /// What is to stand in a store and is not among what does.
    #[must_use]
    pub fn lacking(&self, store: &Name, standing: &[Recall]) -> Vec<Recall> {
        let wanted = self.recalls.iter().filter(|own| !own.but.contains(store)).map(|own| &own.recall);
        wanted.filter(|own| standing.iter().all(|there| there.id != own.id)).cloned().collect()
    }

    /// Whether nothing does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recalls.is_empty()
    }
}

fn path(office: &Path) -> PathBuf {
    office.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::wire::samples::{at, name, sku};

    fn recall(id: &str) -> Recall {
        let (text, since) = ("The maker recalls it.".to_owned(), at("2026-11-26T09:00:00Z"));
        Recall { id: name(id), skus: vec![sku("A")], gtins: Vec::new(), lot: None, text, since }
    }

    fn lacks(all: &Everywhere, store: &str, there: &[Recall]) -> Vec<String> {
        all.lacking(&name(store), there).iter().map(|recall| recall.id.to_string()).collect()
    }

    #[test]
    fn a_store_that_opens_later_lacks_what_stands_everywhere() {
        let folder = tempfile::tempdir().unwrap();
        let mut all = Everywhere::load(folder.path()).unwrap();
        assert!(all.is_empty());
        all.add(&recall("milk"));
        all.add(&recall("nuts"));
        all.add(&recall("milk"));
        all.save(folder.path()).unwrap();
        let mut all = Everywhere::load(folder.path()).unwrap();
        assert_eq!(lacks(&all, "s050", &[]), ["nuts", "milk"]);
        assert_eq!(lacks(&all, "s050", &[recall("milk"), recall("own")]), ["nuts"]);
        // Lifted in one store it stays lifted there; lifted everywhere nobody lacks it.
        assert!(all.lift(&name("milk"), &[name("s050")]));
        assert_eq!((lacks(&all, "s050", &[]), lacks(&all, "s051", &[]).len()), (vec!["nuts".to_owned()], 2));
        assert!(all.lift(&name("milk"), &[]) && !all.lift(&name("milk"), &[]));
        assert_eq!(lacks(&all, "s051", &[]), ["nuts"]);
    }

    #[test]
    fn a_damaged_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for bad in ["", "{}", r#"{"recalls":[{}]}"#] {
            std::fs::write(path(folder.path()), bad).unwrap();
            let error = Everywhere::load(folder.path()).unwrap_err().to_string();
            assert!(error.contains("is damaged"), "{error}");
        }
    }
}
