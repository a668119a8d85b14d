//! Whether words sound as if more were to come. Knows no catalog: what was understood it is
//! told.

use super::terms::Wholeness;

/// Words that nobody ends with who is done.
const OPEN: [&str; 60] = [
    "a", "about", "actually", "also", "am", "an", "and", "any", "anything", "at", "because", "but", "by",
    "can", "could", "do", "does", "er", "erm", "for", "from", "give", "has", "have", "her", "his", "hmm",
    "i", "i'd", "i'll", "i'm", "if", "in", "into", "is", "its", "let", "like", "maybe", "my", "need", "of",
    "or", "our", "plus", "than", "that's", "the", "their", "then", "to", "uh", "um", "want", "well",
    "where's", "which", "with", "without", "your",
];

/// Short for two words of which the second is missing: "can I get", "do you have".
const OPEN_PAIRS: [[&str; 2]; 10] = [
    ["i", "get"],
    ["i", "have"],
    ["you", "have"],
    ["there", "any"],
    ["how", "much"],
    ["how", "many"],
    ["looking", "for"],
    ["me", "have"],
    ["would", "like"],
    ["me", "some"],
];

/// How whole `words` are, of which `is_understood` says whether they made sense as they are.
#[must_use]
pub fn wholeness(words: &str, is_understood: bool) -> Wholeness {
    let trimmed = words.trim();
    let all: Vec<String> = trimmed
        .split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’')
        .filter(|word| !word.is_empty())
        .map(|word| word.replace('’', "'").to_lowercase())
        .collect();
    let Some(last) = all.last() else { return Wholeness::Unknown };
    let pair = all.len().checked_sub(2).map(|at| [all[at].as_str(), last.as_str()]);
    // Whisper writes what it hears of the melody.
    let trails = trimmed.ends_with([',', '-', '–', '—', ':', '…']) || trimmed.ends_with("...");
    let asks = trimmed.ends_with('?');
    let is_open = OPEN.contains(&last.as_str()) || pair.is_some_and(|pair| OPEN_PAIRS.contains(&pair));
    if trails || (is_open && !asks) {
        Wholeness::Broken
    } else if is_understood {
        Wholeness::Whole
    } else {
        Wholeness::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_breaks_off_is_waited_for() {
        for words in
            ["a latte with", "Can I get", "Two coffees and...", "I'd like a", "um", "a mocha,", "Do you have"]
        {
            assert_eq!(wholeness(words, true), Wholeness::Broken, "{words}");
        }
    }

    #[test]
    fn what_is_understood_is_whole_and_the_rest_is_not_known() {
        assert_eq!(wholeness("a large latte with soy milk", true), Wholeness::Whole);
        assert_eq!(wholeness("Which one do you have?", true), Wholeness::Whole);
        assert_eq!(wholeness("the blue thing over there", false), Wholeness::Unknown);
        assert_eq!(wholeness("", false), Wholeness::Unknown);
        assert_eq!(wholeness("...", true), Wholeness::Unknown);
    }
}
