//! How shoppers of a retailer say what is on the menu, beside what the catalog writes: read from
//! a file that comes with it. Adds ways to say a thing, never a thing.

use super::menu::{Meaning, Menu, Phrase};
use super::occasion::one_line;
use super::sound::Sounded;
use super::words::{numbers_as_words, words};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Most names, and most ways to say one.
const MAX_NAMES: usize = 2_000;
const MAX_WAYS: usize = 40;
/// Longest way to say something, in characters.
const MAX_CHARS: usize = 60;

/// A file of synonyms: section `synonyms` has names as the menu writes them (drinks, option
/// values, amounts), each with other ways to say it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Synonyms {
    #[serde(default)]
    synonyms: BTreeMap<String, Vec<String>>,
    #[serde(flatten)]
    more: BTreeMap<String, toml::Value>,
}

/// What is wrong with a file of synonyms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SynonymsError {
    #[error("{0}")]
    Toml(String),
    #[error("{0} names are more than {MAX_NAMES}")]
    Names(usize),
    #[error("{name:?}: {ways} ways to say it are more than {MAX_WAYS}")]
    Ways { name: String, ways: usize },
    #[error("{0:?} is no way to say something: write words, at most {MAX_CHARS} characters")]
    Words(String),
}

impl Synonyms {
    /// Reads a file's text. Other sections are passed over: a newer head office may know more.
    ///
    /// # Errors
    /// It is no TOML of that kind, or holds more than may be.
    pub fn read(text: &str) -> Result<Self, SynonymsError> {
        let own: Self = toml::from_str(text).map_err(|error| SynonymsError::Toml(one_line(&error)))?;
        if own.synonyms.len() > MAX_NAMES {
            return Err(SynonymsError::Names(own.synonyms.len()));
        }
        for (name, ways) in &own.synonyms {
            if ways.len() > MAX_WAYS {
                return Err(SynonymsError::Ways { name: name.clone(), ways: ways.len() });
            }
            let is_said = |text: &&String| text.chars().count() <= MAX_CHARS && !said(text).is_empty();
            if let Some(wrong) = std::iter::once(name).chain(ways).find(|text| !is_said(text)) {
                return Err(SynonymsError::Words(wrong.clone()));
            }
        }
        Ok(own)
    }

    /// What the file says that this program does not know.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.more.keys().map(String::as_str)
    }

    /// Lines of it that change nothing with `menu`: names that are not on it, and ways to say
    /// something that say another thing already.
    #[must_use]
    pub fn idle(&self, menu: &Menu) -> Vec<String> {
        let mut idle = Vec::new();
        for (name, ways) in &self.synonyms {
            let meanings = meanings(menu, name);
            if meanings.is_empty() {
                idle.push(format!("{name:?} is not on the menu"));
            }
            let is_taken = |way: &&String| {
                let meant = self::meanings(menu, way);
                !meant.is_empty() && meant != meanings
            };
            let taken = ways.iter().filter(|_| !meanings.is_empty()).filter(is_taken);
            idle.extend(taken.map(|way| format!("{way:?} says something else on the menu than {name:?}")));
        }
        idle
    }
}

impl Menu {
    /// Also known by `synonyms`. What says something already says nothing else.
    #[must_use]
    pub fn said_as(mut self, synonyms: &Synonyms) -> Self {
        let mut more: Vec<Phrase> = Vec::new();
        for (name, ways) in &synonyms.synonyms {
            let meanings = meanings(&self, name);
            for words in ways.iter().map(|way| said(way)) {
                if self.phrases.iter().chain(&more).any(|phrase| phrase.words == words) {
                    continue;
                }
                let sounded = Sounded::new(&words);
                let phrase = |meaning| Phrase { words: words.clone(), sounded: sounded.clone(), meaning };
                more.extend(meanings.iter().copied().map(phrase));
            }
        }
        self.phrases.extend(more);
        self
    }
}

/// What `text` means on the menu, in the menu's order.
fn meanings(menu: &Menu, text: &str) -> Vec<Meaning> {
    let words = said(text);
    menu.phrases.iter().filter(|phrase| phrase.words == words).map(|phrase| phrase.meaning).collect()
}

fn said(text: &str) -> Vec<String> {
    numbers_as_words(&words(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{OptionGroup, Product};

    fn menu() -> Menu {
        let groups = r#"[{"id":"milk","name":"milk","prompt":"","amounts":["lots of"],"values":[{"name":"oat milk"}]}]"#;
        let groups: Vec<OptionGroup> = serde_json::from_str(groups).unwrap();
        let item = |title: &str| {
            let json = serde_json::json!({"sku": title, "title": title, "option_groups": ["milk"]});
            serde_json::from_value::<Product>(json).unwrap()
        };
        Menu::new(["latte", "cappuccino"].map(item).into(), groups)
    }

    #[test]
    fn a_drink_and_an_amount_are_known_by_what_the_shop_calls_them() {
        let file = "[synonyms]\n\"latte\" = [\"milky joe\", \"cappuccino\"]\n\"unicorn\" = [\"horse\"]\n\
                    \"lots of\" = [\"heaps of\"]\n\"oat milk\" = [\"barista oat\"]\n";
        let synonyms = Synonyms::read(file).unwrap();
        let menu = menu();
        let idle = synonyms.idle(&menu);
        assert_eq!(idle.len(), 2, "{idle:?}");
        assert!(idle[0].contains("cappuccino") && idle[1].contains("unicorn"), "{idle:?}");
        let before = meanings(&menu, "cappuccino");
        let known = menu.said_as(&synonyms);
        for (way, name) in [("milky joe", "latte"), ("Heaps of", "lots of"), ("barista oat", "oat milk")] {
            assert!(!meanings(&known, name).is_empty());
            assert_eq!(meanings(&known, way), meanings(&known, name));
        }
        assert_eq!(meanings(&known, "cappuccino"), before, "it stays what it is");
        assert!(meanings(&known, "horse").is_empty());
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        let long = format!("[synonyms]\nlatte = [\"{}\"]", "a".repeat(61));
        let many = format!("[synonyms]\nlatte = [{}]", "\"a\",".repeat(41));
        for bad in ["[synonyms]\nlatte = \"x\"", "[synonyms]\nlatte = [\"!\"]", "[synonyms", &long, &many] {
            assert!(Synonyms::read(bad).is_err(), "{bad}");
        }
        let newer = Synonyms::read("[moods]\nhot = 1\n").unwrap();
        assert_eq!(newer.unknown().collect::<Vec<_>>(), ["moods"]);
    }
}
