//! Whether a spoken order is worth hearing a second time as words of the menu,
//! what is then expected, and which of the two hearings counts. Pure; a sentence
//! that is no order is never heard again.

use super::menu::Menu;
use super::order::{self, FILLERS, Reading};
use super::words::words;

/// Mean log-probability at and above which an order of menu words alone is sure:
/// none of 76 such among 160 recorded orders, clean and down to 6 dB, was wrong.
const SURE: f32 = -0.6;
/// Mean log-probability below which menu words are not what was said. Of 160
/// recorded orders, half of them in noise of 9 and 6 dB, 152 came out right among
/// the menu's words, all but 2 of these above -1.03; of the 8 others 4 had less
/// than -1.3.
const UNLIKELY: f32 = -1.1;

/// Words of an order that are on no menu and that [`FILLERS`] lack.
const CARRIERS: &[&str] = &[
    "i'd", "i'll", "i'm", "we'd", "we'll", "let's", "another", "more", "any", "no", "without", "sorry",
    "wait", "two", "three", "four", "five", "six", "2", "3", "4", "5", "6", "bit", "little", "lot", "lots",
];

/// Mishearings among the fillers; no word to expect.
const MISHEARD: &[&str] = &["went", "shot", "shots"];

/// Words that open a question, which is no order.
const QUESTIONS: &[&str] =
    &["where", "what", "which", "how", "is", "are", "do", "does", "did", "why", "when", "who"];

/// Words of who wants something made.
const WISHES: &[&str] = &[
    "brew", "bring", "fix", "get", "give", "grab", "have", "like", "love", "make", "order", "pour", "take",
    "want",
];

/// What an order is expected to be made of: phrases that may follow one another,
/// and an order as an example of how it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    pub phrases: Vec<String>,
    pub prompt: String,
}

/// A text and how likely the engine takes it for: the mean natural logarithm of
/// its tokens' probabilities.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hearing {
    pub text: String,
    pub mean_logprob: f32,
}

/// What an order from `menu` is made of; no phrases for an empty menu.
#[must_use]
pub fn expectation(menu: &Menu) -> Expectation {
    if menu.items.is_empty() {
        return Expectation::default();
    }
    let fillers = FILLERS.iter().chain(CARRIERS).chain(WISHES).filter(|word| !MISHEARD.contains(word));
    let mut phrases: Vec<String> =
        menu.wordings().map(|text| text.to_lowercase().replace('-', " ")).collect();
    phrases.extend(menu.phrases.iter().map(|phrase| phrase.words.join(" ")));
    phrases.extend(fillers.map(|word| (*word).to_owned()));
    phrases.sort();
    phrases.dedup();
    Expectation { phrases, prompt: example(menu).unwrap_or_default() }
}

/// "Can I get a small light roast latte with a bit of milk and some sugar?": the
/// drink with the most to choose, each group's first value.
fn example(menu: &Menu) -> Option<String> {
    let item = (0..menu.items.len()).max_by_key(|item| (menu.groups_of(*item).count(), usize::MAX - item))?;
    let groups = || menu.groups_of(item).filter_map(|group| menu.groups.get(group));
    let first = |values: &[crate::domain::OptionValue]| values.first().map(|value| value.name.clone());
    let lead: Vec<String> =
        groups().filter(|g| g.amounts.is_empty()).filter_map(|g| first(&g.values)).collect();
    let with: Vec<String> = groups()
        .filter(|group| !group.amounts.is_empty())
        .enumerate()
        .filter_map(|(n, group)| {
            let amount = group.amounts.get((2 * n).min(group.amounts.len() - 1))?;
            Some(format!("{amount} {}", first(&group.values)?))
        })
        .collect();
    let name = menu.items.get(item)?.label().to_lowercase();
    let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(" and ")) };
    Some(format!("Can I get a {} {name}{with}?", lead.join(" ")).replace("  ", " "))
}

/// Whether `first` is an order, or the ruins of one, that a second hearing may
/// better.
#[must_use]
pub fn is_worthwhile(menu: &Menu, first: &Hearing) -> bool {
    let words = words(&first.text);
    if words.first().is_none_or(|word| QUESTIONS.contains(&word.as_str())) {
        return false;
    }
    let reading = order::read(menu, &words);
    if reading.lines.is_empty() {
        let wished = words.iter().any(|word| WISHES.contains(&word.as_str()));
        return order::options_named(menu, &words) >= if wished { 1 } else { 2 };
    }
    !(is_whole(&reading) && first.mean_logprob >= SURE)
}

/// The hearing that counts: `again` holds what the second made, likeliest first.
#[must_use]
pub fn choose(menu: &Menu, first: Hearing, again: Vec<Hearing>) -> Hearing {
    let is_order = |hearing: &Hearing| {
        hearing.mean_logprob >= UNLIKELY && is_whole(&order::read(menu, &words(&hearing.text)))
    };
    again.into_iter().find(is_order).unwrap_or(first)
}

/// Whether a drink was heard, and nothing that had to be repaired or left over.
fn is_whole(reading: &Reading) -> bool {
    let carries = |word: &String| CARRIERS.contains(&word.as_str()) || WISHES.contains(&word.as_str());
    !reading.lines.is_empty() && reading.exact && reading.leftover.iter().all(carries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{OptionGroup, Product};

    fn menu() -> Menu {
        let groups = r#"[
            {"id":"size","name":"size","prompt":"","values":[{"name":"small"},{"name":"large"},
              {"name":"twelve ounce","synonyms":["12-ounce"]}]},
            {"id":"roast","name":"roast","prompt":"","values":[{"name":"dark roast"}]},
            {"id":"milk","name":"milk","prompt":"","amounts":["a bit of","no"],
              "values":[{"name":"milk"},{"name":"soy milk"},{"name":"cream","synonyms":["creamer"]}]}]"#;
        let groups: Vec<OptionGroup> = serde_json::from_str(groups).unwrap();
        let item = |(sku, title, ids): (&str, &str, &[&str])| {
            let json = serde_json::json!({"sku": sku, "title": title, "option_groups": ids});
            serde_json::from_value::<Product>(json).unwrap()
        };
        let items = [("1", "latte", &["size", "roast", "milk"][..]), ("2", "Iced Mocha", &["size"])];
        Menu::new(items.map(item).into(), groups)
    }

    fn heard(text: &str, mean_logprob: f32) -> Hearing {
        Hearing { text: text.into(), mean_logprob }
    }

    #[test]
    fn the_menu_is_expected_as_it_is_said() {
        let expected = expectation(&menu());
        assert_eq!(expected.prompt, "Can I get a small dark roast latte with a bit of milk?");
        for phrase in ["iced mocha", "lattes", "12 ounce", "twelve ounce", "creamer", "please", "without"] {
            assert!(expected.phrases.iter().any(|each| each == phrase), "{phrase}");
        }
        assert!(!expected.phrases.iter().any(|each| each == "went"));
        assert_eq!(expectation(&Menu::default()), Expectation::default());
    }

    #[test]
    fn only_an_unclear_order_is_heard_again() {
        let worthwhile = |text: &str| is_worthwhile(&menu(), &heard(text, -0.3));
        for text in [
            "a dark rose latte",
            "Now you have a large ice poppy with cream.",
            "I'd like a latte and a croissant",
            "Ru'a large ice poppy with cream",
        ] {
            assert!(worthwhile(text), "{text}");
        }
        for text in [
            "",
            "Can I get a large latte with soy milk?",
            "Where is the soy milk?",
            "Do you have large latte glasses",
            "I need a stain remover",
            "thank you for watching",
        ] {
            assert!(!worthwhile(text), "{text}");
        }
        assert!(is_worthwhile(&menu(), &heard("a large latte", -0.9)), "unsure of every word");
    }

    #[test]
    fn the_menus_words_win_only_where_they_are_likely_and_whole() {
        let first = heard("a dark rose a latte with creme", -0.4);
        let again = heard("a dark roast latte with cream.", -0.5);
        let chosen = |again: Vec<Hearing>| choose(&menu(), first.clone(), again).text;
        assert_eq!(chosen(vec![again.clone()]), again.text);
        assert_eq!(chosen(vec![heard("a dark roast with", -0.2), again.clone()]), again.text, "no drink");
        assert_eq!(chosen(vec![Hearing { mean_logprob: -1.5, ..again }]), first.text, "not what was said");
        assert_eq!(chosen(Vec::new()), first.text);
    }
}
