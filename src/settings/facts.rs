//! What head office says of its stores: keys of section `store` that come with a catalog, for all
//! of its stores or for one. They count over the settings file and under the environment. Never
//! another section's: what a machine is stays with the machine.

use super::keys::Settings;
use super::source::{Entries, Mistake, SettingsError, from_environment, from_table, lay, parse};

const SECTION: &str = "store";
const STORES: &str = "stores";

/// A file of facts: `[store]` holds for every store, `[stores.s042]` for the store that
/// `sync.store` calls so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    all: toml::Table,
    stores: toml::Table,
    unknown: Vec<String>,
}

impl Facts {
    /// Reads a file's text. What this program does not know is passed over: a newer head office
    /// may know more.
    ///
    /// # Errors
    /// It is no TOML, or values have another type or are out of their ranges: all of them are in
    /// the error.
    pub fn read(text: &str) -> Result<Self, SettingsError> {
        let (mut facts, mut mistakes) = (Self::default(), Vec::new());
        for (section, value) in parse(text, "the file of facts")? {
            match (section.as_str(), value) {
                (SECTION, toml::Value::Table(keys)) => {
                    facts.all = facts.known(SECTION, keys, &mut mistakes);
                }
                (STORES, toml::Value::Table(stores)) => {
                    for (store, value) in stores {
                        let at = format!("{STORES}.{store}");
                        let toml::Value::Table(keys) = value else {
                            mistakes.push(Mistake { at, why: "is not a section".into() });
                            continue;
                        };
                        let keys = facts.known(&at, keys, &mut mistakes);
                        facts.stores.insert(store, toml::Value::Table(keys));
                    }
                }
                (SECTION | STORES, _) => {
                    mistakes.push(Mistake { at: section, why: "is not a section".into() });
                }
                _ => facts.unknown.push(section),
            }
        }
        if mistakes.is_empty() {
            return Ok(facts);
        }
        Err(SettingsError::Mistakes { origin: "the facts".into(), mistakes })
    }

    /// Of the keys below `at` those that there are; what is wrong with them goes to `mistakes`.
    fn known(&mut self, at: &str, keys: toml::Table, mistakes: &mut Vec<Mistake>) -> toml::Table {
        let mut scratch = Settings::default();
        let specs = scratch.specs();
        let is_known = |key: &str| specs.iter().any(|spec| spec.section == SECTION && spec.key == key);
        let (keys, others): (toml::Table, toml::Table) = keys.into_iter().partition(|(key, _)| is_known(key));
        self.unknown.extend(others.keys().map(|key| format!("{at}.{key}")));
        if let Err(SettingsError::Mistakes { mistakes: found, .. }) = lay(&mut scratch, section(&keys), "") {
            let of = |own: Mistake| {
                let key = own.at.strip_prefix("store.").unwrap_or(&own.at).to_owned();
                Mistake { at: format!("{at}.{key}"), why: own.why }
            };
            mistakes.extend(found.into_iter().map(of));
        }
        keys
    }

    /// What the file says that this program does not know.
    #[must_use]
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// `settings` with the facts of their store; `environment` counts over them.
    #[must_use]
    pub fn over(
        &self,
        settings: &Settings,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Settings {
        let mut laid = settings.clone();
        let own = self.stores.get(&settings.sync.store).and_then(toml::Value::as_table);
        for keys in [Some(&self.all), own].into_iter().flatten() {
            // They were read without a mistake.
            laid.lay(&mut section(keys));
        }
        let specs = laid.specs();
        laid.lay(&mut from_environment(environment, &specs));
        laid
    }
}

/// Keys as those of the section.
fn section(keys: &toml::Table) -> Entries {
    let table = toml::Table::from_iter([(SECTION.to_owned(), toml::Value::Table(keys.clone()))]);
    from_table(table, &Settings::default().specs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[store]\nhours = \"Eight to eight.\"\nreturns = \"Within 60 days.\"\n\
                        [stores.s042]\nhours = \"Day and night.\"\n";

    fn hours(settings: &Settings) -> &str {
        &settings.store.hours
    }

    #[test]
    fn a_stores_own_facts_count_over_those_of_all_and_the_environment_over_both() {
        let facts = Facts::read(TEXT).unwrap();
        let mut settings = Settings::default();
        settings.store.hours = "As in the file.".into();
        settings.store.parking = "None.".into();
        assert_eq!(hours(&facts.over(&settings, [])), "Eight to eight.");
        settings.sync.store = "s042".into();
        let laid = facts.over(&settings, []);
        assert_eq!(hours(&laid), "Day and night.");
        assert_eq!((laid.store.returns.as_str(), laid.store.parking.as_str()), ("Within 60 days.", "None."));
        let environment = [("AISLE_STORE_HOURS".into(), "Closed today.".into())];
        assert_eq!(hours(&facts.over(&settings, environment)), "Closed today.");
        assert_eq!(Facts::default().over(&settings, []), settings);
    }

    #[test]
    fn what_is_wrong_is_named_and_what_is_unknown_passed_over() {
        let wrong = "[store]\nhours = 8\n[stores]\ns1 = 3\n[stores.s2]\nname = \"".to_owned();
        let error = Facts::read(&format!("{wrong}{}\"\n", "n".repeat(81))).unwrap_err().to_string();
        for part in
            ["3 mistakes", "store.hours: expected text", "stores.s1: is not a section", "stores.s2.name: 81"]
        {
            assert!(error.contains(part), "{error} lacks {part}");
        }
        assert!(Facts::read("store = 1").is_err());
        assert!(Facts::read("[store").unwrap_err().to_string().contains("not TOML"));
        let newer = Facts::read(
            "[store]\nhours = \"Now.\"\nslogan = 7\n[stores.s2]\nlift = 1\n[sync]\nbroker = \"x\"\n",
        )
        .unwrap();
        assert_eq!(newer.unknown(), ["store.slogan", "stores.s2.lift", "sync"]);
        let laid = newer.over(&Settings::default(), []);
        assert_eq!((hours(&laid), laid.sync.broker.as_str()), ("Now.", ""), "no other section is touched");
    }
}
