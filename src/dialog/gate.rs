//! The provenance gate, the last thing before a reply is shown or said: every
//! fact must be one that this turn's findings support, and outside its facts a
//! reply must hold no number, no price and no claim about allergens, diet or
//! health. It does not trust how the reply was made.

use super::constraint::allergens_named;
use super::facts::supported;
use super::findings::Findings;
use super::reply::Reply;
use super::words::{number, words};

/// Why a reply was refused. Names no shopper's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("a {0} fact is not among the findings")]
    Unsupported(&'static str),
    #[error("the {0} holds a number that is no fact")]
    Number(&'static str),
    #[error("the {0} makes a claim about food or health that is no fact")]
    Claim(&'static str),
}

/// Words that claim something of a product's suitability.
const CLAIMS: &[&str] = &[
    "vegan",
    "vegetarian",
    "organic",
    "halal",
    "kosher",
    "healthy",
    "healthier",
    "safe",
    "allergy",
    "allergic",
    "cure",
    "cures",
    "heals",
    "contains",
    "diabetic",
    "calories",
    "natural",
    "free",
];

/// Passes a reply that stands on `findings` alone.
///
/// # Errors
/// The first thing in it that does not.
pub fn check(reply: &Reply, findings: &Findings) -> Result<(), Refused> {
    let supported = supported(findings);
    for fact in &reply.facts {
        if !supported.contains(fact) {
            return Err(Refused::Unsupported(kind(fact)));
        }
    }
    let screen = without(&reply.text, reply.facts.iter().map(|fact| fact.value.as_str()));
    remainder(&screen, "text")?;
    let voice = without(&reply.speech, reply.facts.iter().map(|fact| fact.speech.as_str()));
    remainder(&voice, "speech")
}

fn kind(fact: &crate::domain::turn::Fact) -> &'static str {
    use crate::domain::turn::FactKind as K;
    match fact.kind {
        K::Title => "title",
        K::Price | K::UnitPrice | K::OrderTotal => "price",
        K::Stock | K::Count => "count",
        K::Location => "location",
        K::Allergen | K::Dietary => "label",
        K::Pack | K::Options => "option",
        K::StoreFact => "shop",
        K::Time => "time",
        K::Age => "age",
        K::Occasion => "occasion",
    }
}

/// `text` with the facts' words cut out, longest first, so that one fact inside
/// another leaves nothing behind. Case is ignored: sentences are capitalised.
fn without<'a>(text: &str, facts: impl Iterator<Item = &'a str>) -> String {
    let mut rest = text.to_lowercase();
    let mut facts: Vec<String> = facts.filter(|fact| !fact.is_empty()).map(str::to_lowercase).collect();
    facts.sort_by_key(|fact| std::cmp::Reverse(fact.len()));
    for fact in facts {
        // A mark keeps the words on both sides apart.
        rest = rest.replace(&fact, " \u{1} ");
    }
    rest
}

fn remainder(rest: &str, place: &'static str) -> Result<(), Refused> {
    for word in words(rest) {
        // "a" and "one" are articles and pronouns here, not amounts.
        let counts = !matches!(word.as_str(), "a" | "an" | "one") && number(&word).is_some();
        if counts || word.chars().any(|c| c.is_numeric() || matches!(c, '$' | '€' | '£' | '%')) {
            return Err(Refused::Number(place));
        }
        if CLAIMS.contains(&word.as_str()) || !allergens_named(&word).is_empty() {
            return Err(Refused::Claim(place));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::findings::Found;
    use super::super::reply::reply;
    use super::super::tool::{Subject, Tool};
    use super::*;
    use crate::domain::{Currency, Product};

    fn findings() -> Findings {
        let json = r#"{"sku":"A1","title":"Vegan Oat Milk 1 L","price_cents":299,"stock":0,
            "location":{"aisle":"4","bay":2,"shelf":3},"dietary":["vegan"]}"#;
        let product: Product = serde_json::from_str(json).unwrap();
        let found = vec![Found::new(product, "")];
        Findings { found, ..Findings::none(Tool::GetPrice(Subject::words("milk")), Currency::Usd) }
    }

    #[test]
    fn honest_replies_pass() {
        let mut findings = findings();
        for tool in [
            Tool::GetPrice(Subject::words("milk")),
            Tool::LocateProduct(Subject::words("milk")),
            Tool::CheckStock(Subject::words("milk")),
            Tool::CheckFacts {
                subject: Subject::words("milk"),
                allergens: vec!["milk".into()],
                dietary: vec!["vegan".into()],
            },
        ] {
            findings.tool = tool;
            let reply = reply(&findings);
            assert_eq!(check(&reply, &findings), Ok(()), "{}", reply.text);
        }
    }

    #[test]
    fn invented_facts_are_refused() {
        let findings = findings();
        let honest = reply(&findings);
        let mut wrong_price = honest.clone();
        wrong_price.facts[1].value = "$0.01".into();
        assert_eq!(check(&wrong_price, &findings), Err(Refused::Unsupported("price")));
        let with = |words: &str| {
            let mut reply = honest.clone();
            reply.text += words;
            reply.speech += words;
            check(&reply, &findings)
        };
        assert_eq!(with(" There are 12 left."), Err(Refused::Number("text")));
        assert_eq!(with(" There are twelve left."), Err(Refused::Number("text")));
        assert_eq!(with(" It is gluten free."), Err(Refused::Claim("text")));
        assert_eq!(with(" It is safe for you."), Err(Refused::Claim("text")));
        let mut only_said = honest;
        only_said.speech += " Only 5 dollars.";
        assert_eq!(check(&only_said, &findings), Err(Refused::Number("speech")));
    }
}
