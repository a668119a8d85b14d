//! The menu of things made to order, compiled into phrases that speech can be
//! matched against: drinks, option values and amounts, each with its synonyms.
//! Built from the catalog; never holds a word that the catalog does not.

use super::sound::Sounded;
use super::words::{numbers_as_words, words};
use crate::domain::{OptionGroup, Product};

/// What a menu phrase stands for; the numbers index the menu's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Item(usize),
    Choice {
        group: usize,
        value: usize,
    },
    Amount(usize),
    /// Something sold beside the menu that is not made to order: "chai latte".
    Goods,
}

/// One way to say something on the menu.
#[derive(Debug, Clone)]
pub struct Phrase {
    pub words: Vec<String>,
    pub sounded: Sounded,
    pub meaning: Meaning,
}

/// Everything that can be ordered with options, and how it is said.
#[derive(Debug, Clone, Default)]
pub struct Menu {
    pub items: Vec<Product>,
    pub groups: Vec<OptionGroup>,
    /// Amount words of all groups, each once.
    pub amounts: Vec<String>,
    pub phrases: Vec<Phrase>,
}

/// Other ways to say an amount. English, like the rules.
const AMOUNT_SYNONYMS: &[(&str, &[&str])] = &[
    ("a bit of", &["a bit", "bit of"]),
    (
        "a little bit of",
        &["a little bit", "little bit of", "a little", "a splash of", "a dash of", "a touch of"],
    ),
    ("a lot of", &["a lot", "lot of", "much"]),
    ("lots of", &["lots", "loads of", "tons of", "plenty of"]),
    ("extra", &["more"]),
    ("no", &["without", "without any", "hold the", "leave out the"]),
];

impl Menu {
    /// The menu of `items` (products with option groups) and their `groups`.
    #[must_use]
    pub fn new(items: Vec<Product>, groups: Vec<OptionGroup>) -> Self {
        let mut menu = Self { items, groups, ..Self::default() };
        for group in &menu.groups {
            for amount in &group.amounts {
                if !menu.amounts.contains(amount) {
                    menu.amounts.push(amount.clone());
                }
            }
        }
        let mut phrases = Vec::new();
        let mut add = |text: &str, meaning| {
            let words = numbers_as_words(&words(text));
            let known = phrases.iter().any(|p: &Phrase| p.words == words && p.meaning == meaning);
            if !words.is_empty() && !known {
                phrases.push(Phrase { sounded: Sounded::new(&words), words, meaning });
            }
        };
        for (index, item) in menu.items.iter().enumerate() {
            names(item).for_each(|text| add(&text, Meaning::Item(index)));
        }
        for (group, entry) in menu.groups.iter().enumerate() {
            for (value, option) in entry.values.iter().enumerate() {
                for text in std::iter::once(&option.name).chain(&option.synonyms) {
                    add(text, Meaning::Choice { group, value });
                }
            }
        }
        for (index, amount) in menu.amounts.iter().enumerate() {
            add(amount, Meaning::Amount(index));
            let known = AMOUNT_SYNONYMS.iter().find(|(name, _)| name == amount);
            for text in known.map_or(&[][..], |(_, synonyms)| synonyms) {
                add(text, Meaning::Amount(index));
            }
        }
        menu.phrases = phrases;
        menu
    }

    /// Also knows what is sold at the same counter and is not made to order, so that
    /// "chai latte" is not heard as a latte.
    #[must_use]
    pub fn beside(mut self, goods: &[Product]) -> Self {
        for product in goods.iter().filter(|product| product.option_groups.is_empty()) {
            for text in std::iter::once(&product.label()).chain(&product.synonyms) {
                let mut words = numbers_as_words(&words(text));
                if words.last().is_some_and(|word| word == "cup") {
                    words.pop();
                }
                let mut several = words.clone();
                if let Some(last) = several.last_mut() {
                    last.push('s');
                }
                for words in [words, several] {
                    let known = self.phrases.iter().any(|phrase| phrase.words == words);
                    if words.len() > 1 && !known {
                        let sounded = Sounded::new(&words);
                        self.phrases.push(Phrase { words, sounded, meaning: Meaning::Goods });
                    }
                }
            }
        }
        self
    }

    /// Everything on the menu as the catalog writes it, with plurals.
    pub fn wordings(&self) -> impl Iterator<Item = String> + '_ {
        let values = self.groups.iter().flat_map(|group| &group.values);
        let values = values.flat_map(|value| std::iter::once(&value.name).chain(&value.synonyms).cloned());
        self.items.iter().flat_map(names).chain(values).chain(self.amounts.iter().cloned())
    }

    /// The item's groups as indices into `groups`, in the item's order.
    pub fn groups_of(&self, item: usize) -> impl Iterator<Item = usize> + '_ {
        let ids = self.items.get(item).map_or(&[][..], |item| &item.option_groups);
        ids.iter().filter_map(|id| self.groups.iter().position(|group| group.id == *id))
    }
}

/// What an item is called, and several of it.
fn names(item: &Product) -> impl Iterator<Item = String> + '_ {
    std::iter::once(item.label()).chain(item.synonyms.iter().cloned()).flat_map(|text| {
        let several = plural(&text);
        [text, several]
    })
}

/// The regular English plural of the last word.
fn plural(text: &str) -> String {
    let es = ["s", "x", "ch", "sh"].iter().any(|end| text.ends_with(end));
    format!("{text}{}", if es { "es" } else { "s" })
}
