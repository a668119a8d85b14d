//! Reads settings from the file and the environment, collecting every mistake
//! before giving up. Never guesses: an unknown key is an error.

use super::keys::Settings;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Documentation of one key.
pub(super) struct Spec {
    pub section: &'static str,
    pub about: &'static str,
    pub key: &'static str,
    pub doc: &'static str,
    pub range: String,
    pub value: String,
}

/// One thing wrong with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// `section.key`, or the environment variable.
    pub at: String,
    pub why: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.why)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("cannot read the settings file {path}: {why}")]
    Unreadable { path: PathBuf, why: std::io::Error },
    #[error("{origin} is not TOML: {why}")]
    Syntax { origin: String, why: String },
    #[error("{} in {origin}: {}", count(.mistakes), list(.mistakes))]
    Mistakes { origin: String, mistakes: Vec<Mistake> },
}

fn count(mistakes: &[Mistake]) -> String {
    match mistakes.len() {
        1 => "1 mistake".into(),
        n => format!("{n} mistakes"),
    }
}

fn list(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Values of one source on their way into the settings.
pub(super) struct Entries {
    /// Section and key, to what the user calls it and its raw value.
    values: BTreeMap<(String, String), (String, toml::Value)>,
    mistakes: Vec<Mistake>,
}

impl Entries {
    pub(super) fn get(&self, section: &str, key: &str) -> Option<toml::Value> {
        let (_, value) = self.values.get(&(section.to_owned(), key.to_owned()))?;
        Some(value.clone())
    }

    pub(super) fn object(&mut self, section: &str, key: &str, why: String) {
        let label = self.values.get(&(section.to_owned(), key.to_owned())).map(|(label, _)| label);
        let at = label.cloned().unwrap_or_else(|| format!("{section}.{key}"));
        self.mistakes.push(Mistake { at, why });
    }
}

/// The environment variable of a key: `AISLE_ASR_THREADS`.
fn variable(section: &str, key: &str) -> String {
    format!("AISLE_{}_{}", section.to_uppercase(), key.to_uppercase())
}

/// The variables of the process that are text.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Settings from `file` (when given) under the variables of `environment`.
///
/// # Errors
/// The file cannot be read, is not TOML, or holds unknown keys or values of the
/// wrong type or range: all of them are in the error.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, SettingsError> {
    let mut settings = Settings::default();
    if let Some(path) = file {
        let why = |why| SettingsError::Unreadable { path: path.into(), why };
        let text = std::fs::read_to_string(path).map_err(why)?;
        let origin = format!("the settings file {}", path.display());
        lay(
            &mut settings,
            from_table(parse(&text, &origin)?, &Settings::default().specs()),
            &path.display().to_string(),
        )?;
    }
    let entries = from_environment(environment, &settings.specs());
    lay(&mut settings, entries, "the environment")?;
    Ok(settings)
}

/// The sections of a text; `origin` says whose it is.
pub(super) fn parse(text: &str, origin: &str) -> Result<toml::Table, SettingsError> {
    text.parse().map_err(|why: toml::de::Error| SettingsError::Syntax {
        origin: origin.into(),
        why: why.message().replace('\n', " "),
    })
}

pub(super) fn lay(settings: &mut Settings, mut entries: Entries, origin: &str) -> Result<(), SettingsError> {
    settings.lay(&mut entries);
    if entries.mistakes.is_empty() {
        return Ok(());
    }
    Err(SettingsError::Mistakes { origin: origin.into(), mistakes: entries.mistakes })
}

pub(super) fn from_table(table: toml::Table, specs: &[Spec]) -> Entries {
    let mut entries = Entries { values: BTreeMap::new(), mistakes: Vec::new() };
    for (section, value) in table {
        let toml::Value::Table(keys) = value else {
            let why = "is not a section; keys stand below a [section] line".into();
            entries.mistakes.push(Mistake { at: section, why });
            continue;
        };
        for (key, value) in keys {
            let at = format!("{section}.{key}");
            if specs.iter().any(|spec| spec.section == section && spec.key == key) {
                entries.values.insert((section.clone(), key), (at, value));
            } else {
                let why = unknown(&at, specs);
                entries.mistakes.push(Mistake { at, why });
            }
        }
    }
    entries
}

fn unknown(at: &str, specs: &[Spec]) -> String {
    let nearest = specs
        .iter()
        .map(|spec| format!("{}.{}", spec.section, spec.key))
        .map(|known| (strsim::normalized_damerau_levenshtein(at, &known), known))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((likeness, known)) if likeness > 0.6 => format!("unknown key, did you mean {known}?"),
        _ => "unknown key".into(),
    }
}

pub(super) fn from_environment(
    environment: impl IntoIterator<Item = (String, String)>,
    specs: &[Spec],
) -> Entries {
    let mut entries = Entries { values: BTreeMap::new(), mistakes: Vec::new() };
    let environment: BTreeMap<_, _> = environment.into_iter().collect();
    for spec in specs {
        let name = variable(spec.section, spec.key);
        if let Some(text) = environment.get(&name) {
            // Numbers, booleans and lists are written as in TOML; all else is text.
            let value = match text.parse::<toml::Value>() {
                Ok(value) if !spec.value.starts_with('"') => value,
                _ => toml::Value::String(text.clone()),
            };
            entries.values.insert((spec.section.into(), spec.key.into()), (name, value));
        }
    }
    entries
}

/// The reference file: every key with its meaning, range and default, each
/// default commented out as an example to edit.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from(
        "# Every setting of Aisle with its default. Uncomment a line to change it.\n\
         # The environment wins over this file: asr.threads is AISLE_ASR_THREADS.\n",
    );
    let mut section = "";
    for spec in Settings::default().specs() {
        if spec.section != section {
            section = spec.section;
            text += &format!("\n# {}\n[{section}]\n", spec.about);
        }
        let range = if spec.range.is_empty() { String::new() } else { format!(" ({})", spec.range) };
        text += &format!("# {}{range}\n# {} = {}\n", spec.doc, spec.key, spec.value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn from_text(text: &str) -> Result<Settings, SettingsError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        load(Some(file.path()), [])
    }

    #[test]
    fn later_sources_win() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"[asr]\nthreads = 3\n[voice]\nrate = 1\n").unwrap();
        let env = [("AISLE_ASR_THREADS".into(), "4".into()), ("AISLE_STORE_NAME".into(), "12".into())];
        let settings = load(Some(file.path()), env).unwrap();
        assert_eq!((settings.asr.threads, settings.voice.rate), (4, 1.0));
        assert_eq!(settings.store.name, "12", "a text that looks like a number stays a text");
    }

    #[test]
    fn all_mistakes_are_listed_at_once() {
        let error =
            from_text("top = 1\n[asr]\nthreads = 0\nthread = 2\nlanguage = 'xx'\n[llm]\nenabled = 'yes'\n")
                .unwrap_err()
                .to_string();
        for part in [
            "5 mistakes",
            "asr.threads: 0 is outside 1 to 64",
            "did you mean asr.threads?",
            "asr.language: \"xx\" is not one of en, de, es, fr",
            "llm.enabled: expected true or false",
            "top: is not a section",
        ] {
            assert!(error.contains(part), "{part} is missing in: {error}");
        }
        assert!(!error.contains('\n'));
    }

    #[test]
    fn a_bad_variable_is_named() {
        let error = load(None, [("AISLE_ASR_THREADS".into(), "many".into())]).unwrap_err().to_string();
        assert!(error.contains("AISLE_ASR_THREADS: expected a whole number"), "{error}");
    }

    #[test]
    fn the_reference_gives_the_defaults() {
        let uncommented: String = reference()
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest)
                    if rest.split(" = ").next().is_some_and(|k| !k.contains(' ')) && rest.contains(" = ") =>
                {
                    rest
                }
                _ => line,
            })
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(from_text(&uncommented).unwrap(), Settings::default());
    }

    #[test]
    fn broken_toml_is_one_line() {
        let error = from_text("[asr\nthreads=").unwrap_err().to_string();
        assert!(error.contains("is not TOML") && !error.contains('\n'), "{error}");
    }
}
