//! What the shop says an occasion or a dish needs, and what goes with what: read from
//! a file that its manager may change. Never looks into the catalog.

use super::words::{stem, words};
use crate::domain::Product;
use serde::Deserialize;

/// The shop's occasions and pairings.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guide {
    #[serde(default, rename = "occasion")]
    occasions: Vec<Occasion>,
    #[serde(default, rename = "pairing")]
    pairings: Vec<Pairing>,
}

/// Something that people shop for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Occasion {
    /// As the kiosk says it.
    pub name: String,
    /// Other ways to say it.
    #[serde(default)]
    pub also: Vec<String>,
    /// People, where none are named.
    pub serves: u32,
    pub needs: Vec<Ingredient>,
}

/// One thing of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ingredient {
    /// As the kiosk says it.
    pub what: String,
    /// What the catalog is asked for.
    pub search: String,
    /// Packs for each person, greater than 0.
    pub per_person: f64,
    /// What somebody must not eat matters of it.
    #[serde(default = "yes", rename = "eaten")]
    pub is_eaten: bool,
}

fn yes() -> bool {
    true
}

/// What is offered beside a product.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pairing {
    /// Words of its title, synonyms or category.
    with: Vec<String>,
    /// Searches, best first.
    goes: Vec<String>,
}

/// What is wrong with a file of occasions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuideError {
    #[error("{0}")]
    Toml(String),
    #[error("occasion {name:?}: {why}")]
    Occasion { name: String, why: &'static str },
    #[error("a pairing needs words in `with` and searches in `goes`")]
    Pairing,
}

/// The occasions that come with the program.
const SHIPPED: &str = include_str!("../../firmware-config/occasions.toml");

/// Longest name of an occasion or a need, in characters: it is said aloud.
const MAX_NAME: usize = 40;

impl Guide {
    /// Reads a file's text.
    ///
    /// # Errors
    /// It is no TOML of the documented keys, or a value is out of its range.
    pub fn read(text: &str) -> Result<Self, GuideError> {
        let guide: Self = toml::from_str(text).map_err(|error| GuideError::Toml(one_line(&error)))?;
        for occasion in &guide.occasions {
            if let Some(why) = occasion.objection() {
                return Err(GuideError::Occasion { name: occasion.name.clone(), why });
            }
        }
        if guide.pairings.iter().any(|pairing| pairing.with.is_empty() || pairing.goes.is_empty()) {
            return Err(GuideError::Pairing);
        }
        Ok(guide)
    }

    /// The occasions that come with the program; a test reads them.
    #[must_use]
    pub fn shipped() -> Self {
        Self::read(SHIPPED).unwrap_or_default()
    }

    /// The occasion that `said` names, by the longest of its names.
    #[must_use]
    pub fn occasion(&self, said: &str) -> Option<&Occasion> {
        let said = stems(said);
        let names = self.occasions.iter().flat_map(|occasion| {
            std::iter::once(&occasion.name).chain(&occasion.also).map(move |name| (stems(name), occasion))
        });
        names
            .filter(|(name, _)| holds(&said, name))
            .max_by_key(|(name, _)| name.len())
            .map(|(_, found)| found)
    }

    /// Searches for what goes with a product, best first; empty where nothing is known.
    #[must_use]
    pub fn goes_with(&self, product: &Product) -> &[String] {
        let title = stems(&product.label());
        let others = product.synonyms.iter().chain(&product.category).map(|text| stems(text));
        let others: Vec<Vec<String>> = others.collect();
        let phrases = self
            .pairings
            .iter()
            .flat_map(|pairing| pairing.with.iter().map(move |words| (stems(words), pairing)));
        phrases
            .filter_map(|(phrase, pairing)| {
                let titled = holds(&title, &phrase);
                let fits = titled || others.iter().any(|text| holds(text, &phrase));
                // What stands later in a title is nearer to what the thing is.
                let place =
                    titled.then(|| title.iter().rposition(|word| Some(word) == phrase.last())).flatten();
                fits.then_some(((phrase.len(), place.map_or(0, |at| at + 1)), pairing))
            })
            .max_by_key(|(weight, _)| *weight)
            .map_or(&[], |(_, pairing)| &pairing.goes)
    }
}

impl Occasion {
    /// Packs of `ingredient` for `people`, at least one.
    #[must_use]
    pub fn packs(ingredient: &Ingredient, people: u32) -> u32 {
        // At most 500 people and 100 packs a person: exact, and far below the limit.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let packs = (ingredient.per_person * f64::from(people) - 1e-9).ceil() as u32;
        packs.max(1)
    }

    fn objection(&self) -> Option<&'static str> {
        let long = |text: &str| text.is_empty() || text.chars().count() > MAX_NAME;
        let counts = |text: &str| text.chars().any(|c| c.is_numeric() || matches!(c, '$' | '€' | '£' | '%'));
        if long(&self.name) || counts(&self.name) {
            return Some("its name must have 1 to 40 characters and no digits");
        }
        if !(1..=50).contains(&self.serves) {
            return Some("it must serve 1 to 50");
        }
        if self.needs.is_empty() || self.needs.len() > 20 {
            return Some("it must have 1 to 20 needs");
        }
        if self.needs.iter().any(|need| long(&need.what) || counts(&need.what) || need.search.is_empty()) {
            return Some("each need must have a `what` of 1 to 40 characters without digits, and a search");
        }
        let believable = |need: &Ingredient| need.per_person > 0.0 && need.per_person <= 100.0;
        (!self.needs.iter().all(believable)).then_some("per_person must be above 0 and at most 100")
    }
}

pub(super) fn one_line(error: &toml::de::Error) -> String {
    error.to_string().lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

fn stems(text: &str) -> Vec<String> {
    words(text).iter().map(|word| stem(word)).collect()
}

fn holds(text: &[String], phrase: &[String]) -> bool {
    !phrase.is_empty() && text.windows(phrase.len()).any(|run| run == phrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_occasions_are_sound() {
        let guide = Guide::read(SHIPPED).unwrap();
        assert!(guide.occasions.len() > 30 && guide.pairings.len() > 50);
        for occasion in &guide.occasions {
            assert_eq!(guide.occasion(&occasion.name).map(|found| &found.name), Some(&occasion.name));
        }
        assert_eq!(guide.occasion("taco night with the kids").unwrap().name, "tacos");
        assert!(guide.occasion("quantum physics").is_none());
    }

    #[test]
    fn packs_are_rounded_up() {
        let need =
            |per_person| Ingredient { what: "x".into(), search: "x".into(), per_person, is_eaten: true };
        assert_eq!(Occasion::packs(&need(0.25), 6), 2);
        assert_eq!(Occasion::packs(&need(0.2), 5), 1);
        assert_eq!(Occasion::packs(&need(0.01), 1), 1);
        assert_eq!(Occasion::packs(&need(2.0), 6), 12);
    }

    #[test]
    fn bad_files_are_refused_in_one_line() {
        for (text, why) in [
            ("[[occasion]]\nname = \"tacos 2\"\nserves = 4\nneeds = []", "no digits"),
            ("[[occasion]]\nname = \"tacos\"\nserves = 0\nneeds = []", "serve 1 to 50"),
            ("[[occasion]]\nname = \"tacos\"\nserves = 4\nneeds = []", "needs"),
            ("[[pairing]]\nwith = []\ngoes = [\"x\"]", "pairing"),
            ("nonsense = 1", "unknown field"),
            ("[[occasion", "TOML"),
        ] {
            let error = Guide::read(text).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains('\n'), "{error}");
        }
    }
}
