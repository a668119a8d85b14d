//! What comes with a catalog in its bundle, beside the products: what head office says of its
//! stores, how shoppers name what is on the menu, and what the language model is told. Read in one
//! place, so that who publishes a bundle, who takes it and who uses it agree on what it says.
//! Knows no database.

use super::wire::catalog::FileName;
use crate::dialog::prompt::{Prompts, PromptsError};
use crate::dialog::synonyms::{Synonyms, SynonymsError};
use crate::settings::{Facts, SettingsError};
use std::collections::BTreeMap;

/// Files by their names, as bytes.
pub type Bodies = BTreeMap<FileName, Vec<u8>>;

/// Why what comes with a catalog cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnclosedError {
    #[error("the file of {} is no UTF-8 text", .0.key())]
    Text(FileName),
    #[error(transparent)]
    Facts(#[from] SettingsError),
    #[error("the menu's synonyms are not usable: {0}")]
    Menu(#[from] SynonymsError),
    #[error("the prompts are not usable: {0}")]
    Prompts(#[from] PromptsError),
}

/// All of it, read. What does not come is as the program has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Enclosed {
    pub facts: Facts,
    pub synonyms: Synonyms,
    pub prompts: Prompts,
}

impl Enclosed {
    /// Reads the files that there are.
    ///
    /// # Errors
    /// One of them is not usable.
    pub fn read(bodies: &Bodies) -> Result<Self, EnclosedError> {
        let text = |name| {
            let body = bodies.get(&name);
            body.map(|body| std::str::from_utf8(body).map_err(|_| EnclosedError::Text(name))).transpose()
        };
        let mut enclosed = Self::default();
        if let Some(text) = text(FileName::Facts)? {
            enclosed.facts = Facts::read(text)?;
        }
        if let Some(text) = text(FileName::Menu)? {
            enclosed.synonyms = Synonyms::read(text)?;
        }
        if let Some(text) = text(FileName::Prompts)? {
            enclosed.prompts = Prompts::read(text)?;
        }
        Ok(enclosed)
    }

    /// What the files say that this program does not know, each with its file.
    #[must_use]
    pub fn unknown(&self) -> Vec<(FileName, String)> {
        let facts = self.facts.unknown().iter().map(|own| (FileName::Facts, own.clone()));
        let menu = self.synonyms.unknown().map(|own| (FileName::Menu, own.to_owned()));
        let prompts = self.prompts.unknown().iter().map(|own| (FileName::Prompts, own.clone()));
        facts.chain(menu).chain(prompts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: FileName, body: &[u8]) -> Result<Enclosed, EnclosedError> {
        Enclosed::read(&Bodies::from([(name, body.to_vec())]))
    }

    #[test]
    fn what_does_not_come_is_as_the_program_has_it() {
        assert_eq!(Enclosed::read(&Bodies::new()).unwrap(), Enclosed::default());
        let newer = with(FileName::Facts, b"[store]\nslogan = \"x\"\n").unwrap();
        assert_eq!(newer.unknown(), [(FileName::Facts, "store.slogan".to_owned())]);
        // Nothing of it is read here.
        assert_eq!(with(FileName::Recommender, b"\xFF\0").unwrap(), Enclosed::default());
    }

    #[test]
    fn what_cannot_be_used_is_told_by_its_name() {
        for (name, body, why) in [
            (FileName::Facts, &b"\xFF"[..], "facts is no UTF-8"),
            (FileName::Facts, b"[store]\nhours = 8\n", "store.hours"),
            (FileName::Menu, b"[synonyms]\nlatte = 8\n", "synonyms"),
            (FileName::Prompts, b"instructions = \"\"\n", "prompts"),
        ] {
            let told = with(name, body).unwrap_err().to_string();
            assert!(told.contains(why), "{told} lacks {why}");
        }
    }
}
