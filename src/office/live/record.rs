//! Owns the files of what was said to each store. They appear whole or not at all; one that is
//! damaged is told, never taken for nothing. Never sends anything.

use super::{Live, LiveError};
use crate::office::files;
use crate::sync::topics::Name;
use crate::sync::wire;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The folder in head office's.
const FOLDER: &str = "live";

/// What was said to a store of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record<M> {
    /// The group whose catalog it goes on from; recalls have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Name>,
    /// Whether the broker has all of it.
    pub sent: bool,
    /// The last message of each shard; `None`: there never was one.
    pub shards: Vec<Option<M>>,
}

impl<M> Default for Record<M> {
    fn default() -> Self {
        Self { group: None, sent: true, shards: Vec::new() }
    }
}

impl<M: Live> Record<M> {
    /// Reads what was said; where there is no file: nothing.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn load(office: &Path, store: &Name) -> Result<Self, LiveError> {
        let path = path::<M>(office, store);
        if !path.exists() {
            return Ok(Self::default());
        }
        let bytes = files::read(&path)?;
        let damaged = |why: String| LiveError::Damaged { path: path.clone(), why };
        let record: Self = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        let count = record.shards.len();
        if count > M::SHARDS.into() || !(count == 0 || count.is_power_of_two()) {
            return Err(damaged(format!("it has {count} shards")));
        }
        for message in record.shards.iter().flatten() {
            wire::write(message).map_err(|error| damaged(error.to_string()))?;
            if !message.is_whole() {
                return Err(damaged("it holds what this program does not know".to_owned()));
            }
        }
        Ok(record)
    }

    /// Writes it down.
    ///
    /// # Errors
    /// It cannot be written; then what was there before stands.
    pub fn save(&self, office: &Path, store: &Name) -> Result<(), LiveError> {
        let path = path::<M>(office, store);
        let damaged =
            |error: serde_json::Error| LiveError::Damaged { path: path.clone(), why: error.to_string() };
        let bytes = serde_json::to_vec(self).map_err(damaged)?;
        files::private_folder(path.parent().unwrap_or(office))?;
        Ok(files::replace(&path, &bytes)?)
    }
}

/// The stores to which anything was ever said, in order.
///
/// # Errors
/// The folder cannot be read.
pub fn stores(office: &Path) -> Result<Vec<Name>, LiveError> {
    let folder = office.join(FOLDER);
    let names = if folder.is_dir() { files::names(&folder)? } else { Vec::new() };
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

fn path<M: Live>(office: &Path, store: &Name) -> PathBuf {
    office.join(FOLDER).join(store.as_str()).join(M::KIND.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::wire::live::{Prices, Recalls};
    use crate::sync::wire::samples::{name, prices, recalls};
    use std::fs;

    #[test]
    fn what_was_said_is_read_again_and_what_is_damaged_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (office, store) = (folder.path(), name("s042"));
        assert_eq!(Record::<Recalls>::load(office, &store).unwrap(), Record::default());
        assert_eq!(stores(office).unwrap(), []);
        let record = Record { group: None, sent: false, shards: vec![Some(recalls())] };
        record.save(office, &store).unwrap();
        assert_eq!(Record::load(office, &store).unwrap(), record);
        let sheet = Record { group: Some(name("north")), sent: true, shards: vec![None, Some(prices())] };
        sheet.save(office, &store).unwrap();
        assert_eq!(Record::load(office, &store).unwrap(), sheet);
        sheet.save(office, &name("s007")).unwrap();
        assert_eq!(stores(office).unwrap(), [name("s007"), name("s042")]);

        // What a run that was killed left behind is no record.
        let path = path::<Prices>(office, &store);
        fs::write(path.with_file_name(".new-x"), "half").unwrap();
        assert_eq!(Record::load(office, &store).unwrap(), sheet);
        let good = fs::read_to_string(&path).unwrap();
        for bad in [
            String::new(),
            good[..good.len() / 2].to_owned(),
            good.replace("\"version\":3", "\"version\":0"),
            good.replace("null,", "null,null,"),
            good.replace("\"sent\"", "\"send\""),
        ] {
            fs::write(&path, &bad).unwrap();
            let error = Record::<Prices>::load(office, &store).unwrap_err().to_string();
            assert!(error.contains("price is damaged") && error.contains("bring back a copy"), "{error}");
        }
    }
}
