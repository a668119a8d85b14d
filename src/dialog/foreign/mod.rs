//! Words of other languages that shoppers mix into English: courtesies, question
//! words, numbers and everyday goods of Spanish, German and French. Translates
//! nothing that is also an English word, and is no language pack.

mod table;

use std::collections::HashMap;
use std::sync::LazyLock;
use table::{ALONE, MEANINGS, NAMES, TIMID};

/// Most words of a run in the table.
const LONGEST: usize = 6;

static ENGLISH: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let names = NAMES.iter().map(|name| (*name, *name));
    let meant = MEANINGS.iter().flat_map(|(english, runs)| runs.iter().map(move |run| (*run, *english)));
    names.chain(meant).collect()
});

/// The run as the table writes it: "groß" is "gross", "œuf" is "oeuf".
fn written(run: &[String]) -> String {
    run.join(" ").replace('ß', "ss").replace('œ', "oe")
}

fn meaning(run: &[String]) -> Option<&'static str> {
    ENGLISH.get(written(run).as_str()).copied()
}

/// The longest run of the table that `words` begin with: how many words it has, and
/// what it means.
fn longest(words: &[String]) -> Option<(usize, &'static str)> {
    (1..=LONGEST.min(words.len())).rev().find_map(|n| Some((n, meaning(&words[..n])?)))
}

fn is_timid(run: &[String]) -> bool {
    TIMID.contains(&written(run).as_str())
}

/// What an answer of one word means.
fn answer(words: &[String]) -> Option<&'static str> {
    let [word] = words else { return None };
    ALONE.iter().find(|(said, _)| said == word).map(|(_, english)| *english)
}

/// True where `words` hold something foreign that is not timid, or are such an answer.
#[must_use]
pub fn is_foreign(words: &[String]) -> bool {
    let mut at = 0;
    while at < words.len() {
        let Some((n, english)) = longest(&words[at..]) else {
            at += 1;
            continue;
        };
        let run = &words[at..at + n];
        if english != written(run) && !is_timid(run) {
            return true;
        }
        at += n;
    }
    answer(words).is_some()
}

/// `words` with what is known of other languages in English; `foreign`: some of what
/// was said is, so that short words count too.
#[must_use]
pub fn english(words: &[String], foreign: bool) -> Vec<String> {
    if let Some(english) = answer(words) {
        return vec![english.to_owned()];
    }
    let mut out = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        let found = longest(&words[at..]).filter(|(n, _)| foreign || !is_timid(&words[at..at + n]));
        let Some((n, meaning)) = found else {
            out.push(words[at].clone());
            at += 1;
            continue;
        };
        out.extend(meaning.split(' ').filter(|word| !word.is_empty()).map(str::to_owned));
        let rest = &words[at + n..];
        let is_asked = longest(rest).is_some_and(|(_, next)| matches!(next, "please" | "thank you"));
        if rest.is_empty() || is_asked {
            complete(&mut out, &words[at], is_asked);
        }
        at += n;
    }
    out
}

/// Completes what nothing but a courtesy follows: "was kostet" is "how much is it", "die
/// letzte" is "the last one". `first` is the last run's first word; `is_asked`: a courtesy
/// follows, so that "eine" does not wait for its noun.
fn complete(out: &mut Vec<String>, first: &str, is_asked: bool) {
    let ends = |said: &[&str]| out.len() >= said.len() && out[out.len() - said.len()..] == *said;
    let (drops, last) = match out.last().map_or("", String::as_str) {
        // "Ich nehme das": a pronoun.
        "the" if out.len() > 1 && matches!(first, "das" | "der" | "die" | "den") => {
            (1, if ends(&["are", "the"]) { "they" } else { "it" })
        }
        "a" if is_asked => (1, "one"),
        "first" | "second" | "last" | "best" | "cheapest" | "biggest" | "smallest" | "other" | "another" => {
            (0, "one")
        }
        "is" if ends(&["how", "much", "is"]) => (0, "it"),
        "are" if ends(&["how", "much", "are"]) => (0, "they"),
        "have" if *out == ["do", "you", "have"] => (0, "any"),
        _ => return,
    };
    out.truncate(out.len() - drops);
    out.push(last.to_owned());
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    fn said(text: &str) -> String {
        let words = words(text);
        english(&words, is_foreign(&words)).join(" ")
    }

    #[test]
    fn mixed_sentences_become_english() {
        for (text, meant) in [
            ("¿Y cuánto cuesta?", "and how much is it"),
            ("¿Tienen leche sin lactosa?", "do you have milk without lactose"),
            ("a latte con leche de soya, por favor", "a latte with soy milk please"),
            ("Und was kostet die?", "and how much is it"),
            ("the one ohne Gluten", "the one without gluten"),
            ("je voudrais deux croissants", "i would like two croissants"),
            ("eine Packung Haferflocken, bitte", "a pack rolled oats please"),
        ] {
            assert_eq!(said(text), meant, "{text}");
        }
    }

    #[test]
    fn spanish_is_understood() {
        for (text, meant) in [
            ("¿Dónde puedo encontrar the toothpaste?", "where can i find the toothpaste"),
            ("¿Cuánto cuesta the vanilla one?", "how much is the vanilla one"),
            ("¿Cuál es la más barata, por favor?", "which one is the cheapest one please"),
            ("¿Contiene nueces, this one?", "does it contain nuts this one"),
            ("¿Cuántos quedan?", "how many are left"),
            ("dame media docena de eggs", "give me half a dozen eggs"),
            ("me llevo dos de esos", "i will take two of those"),
            ("no, espera, mejor tres", "no wait rather three"),
            ("agrega olive oil a mi lista", "add olive oil to my list"),
            ("soy alérgica a los cacahuetes", "i am allergic to the peanuts"),
            ("quisiera un café con leche de avena, please", "i would like a latte with oat milk please"),
            ("eso es todo, thanks, hasta luego", "that is all thanks goodbye"),
        ] {
            assert_eq!(said(text), meant, "{text}");
        }
    }

    #[test]
    fn german_is_understood() {
        for (text, meant) in [
            ("Wo kann ich toothpaste finden?", "where can i find toothpaste"),
            ("Was kostet die Milch?", "how much is the milk"),
            ("Was kosten die?", "how much are they"),
            ("Welche ist am günstigsten?", "which one is the cheapest one"),
            ("Sind da Nüsse drin?", "are there nuts in it"),
            ("Wie viele sind noch da?", "how many are left"),
            ("Ein halbes Kilo tomatoes, bitte", "half a kilo tomatoes please"),
            ("the big one, eine bitte", "the big one one please"),
            ("Nein, lieber zwölf", "no rather twelve"),
            ("Setzen Sie den cheddar auf meine Liste", "put the cheddar on my list"),
            ("Wann schließen Sie?", "what time do you close"),
            ("Ich nehme das, danke, das war's", "i will take it thank you that is all"),
        ] {
            assert_eq!(said(text), meant, "{text}");
        }
    }

    #[test]
    fn french_is_understood() {
        for (text, meant) in [
            ("Où est l'huile d'olive?", "where is olive oil"),
            ("Ça coûte combien, the brie?", "how much is the brie"),
            ("C'est où?", "where is it"),
            ("Lequel est le moins cher?", "which one is the cheapest one"),
            ("Est-ce qu'il y a du lait dedans?", "is there some milk in it"),
            ("Est-ce que c'est végétarien?", "is it vegetarian"),
            ("une douzaine d'œufs, please", "a dozen of eggs please"),
            ("donnez-moi deux bouteilles de still water", "give me two bottles of still water"),
            ("celui-là, s'il vous plaît", "that one please"),
            ("l'autre, s'il vous plaît", "the other one please"),
            ("enlevez le beurre and that's it", "remove the butter and that is it"),
            ("je peux payer par carte?", "can i pay by card"),
        ] {
            assert_eq!(said(text), meant, "{text}");
        }
        assert_eq!(said("non"), "no");
    }

    #[test]
    fn english_stays() {
        for text in [
            "dulce de leche ice cream",
            "el paso salsa",
            "a y connector",
            "was the bread sold out",
            "die cast cars",
            "los angeles dodgers cap",
            "sin free candles",
            "calvin klein eau de parfum",
            "faux fur slippers",
            "non dairy creamer and pain relief",
            "that is gross",
            "hay fever tablets",
            "siete grain free tortilla chips",
            "chow mein noodles",
            "kinder bueno",
            "the elf on the shelf",
            "gut health drinks and a golf tee",
        ] {
            assert_eq!(said(text), text);
        }
    }

    #[test]
    fn names_stay_among_foreign_words() {
        assert_eq!(said("hola, do you have faux fur"), "hello do you have faux fur");
        assert_eq!(said("la croix, por favor"), "la croix please");
    }

    #[test]
    fn the_table_is_written_as_words_are_heard() {
        let meant = MEANINGS.iter().flat_map(|(_, runs)| runs.iter());
        let runs: Vec<&str> = NAMES.iter().chain(meant).copied().collect();
        for run in &runs {
            let heard = words(run);
            assert_eq!(heard.join(" "), *run);
            assert!(heard.len() <= LONGEST, "{run}");
        }
        assert_eq!(ENGLISH.len(), runs.len(), "a run stands there twice");
        assert!(TIMID.iter().all(|run| ENGLISH.contains_key(run)));
    }
}
