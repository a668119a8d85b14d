//! Makes conversations: real requests, the shipped dialogues and made sentences over
//! the words of a catalog. The same seed makes the same ones.

use crate::checker::Said;
use crate::frames;
use crate::shop::{Product, Shop};
use serde_json::Value;
use std::path::Path;

/// Marsaglia's xorshift64*.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`, which is above 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or(0) % end
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { Some(&of[self.below(of.len())]) }
    }
}

/// What people wrote and said, apart from any catalog.
#[derive(Default)]
pub struct Texts {
    pub requests: Vec<String>,
    pub conversations: Vec<Vec<String>>,
}

/// What a turn is made for.
pub type Aim = &'static str;

pub struct Conversation {
    pub turns: Vec<(Aim, Said)>,
}

impl Texts {
    /// Requests of `$AISLE_EVAL_DATA` where it is set, and those of `dialogs`.
    pub fn read(data: Option<&Path>, dialogs: &Path) -> Self {
        let mut texts = Self::default();
        let mut files: Vec<_> =
            std::fs::read_dir(dialogs).into_iter().flatten().flatten().map(|e| e.path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|ext| ext == "jsonl")) {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            for line in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
                let turns = line["turns"].as_array().into_iter().flatten();
                let says: Vec<String> =
                    turns.filter_map(|turn| turn["says"].as_str().map(str::to_owned)).collect();
                if !says.is_empty() {
                    texts.conversations.push(says);
                } else if let Some(text) = line["text"].as_str().or(line["says"].as_str()) {
                    texts.requests.push(text.to_owned());
                }
            }
        }
        let folder = data.map(|data| data.join("requests"));
        let mut files: Vec<_> =
            folder.iter().flat_map(std::fs::read_dir).flatten().flatten().map(|e| e.path()).collect();
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let list: Vec<String> = serde_json::from_str(&text).unwrap_or_default();
            texts
                .requests
                .extend(list.into_iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()));
        }
        texts
    }
}

pub struct Generator<'a> {
    pub random: Random,
    shop: &'a Shop,
    texts: &'a Texts,
    /// Positions of the things with options.
    menu: Vec<usize>,
    allergens: Vec<String>,
    diets: Vec<String>,
}

impl<'a> Generator<'a> {
    pub fn new(seed: u64, shop: &'a Shop, texts: &'a Texts) -> Self {
        let menu = (0..shop.products.len()).filter(|p| !shop.products[*p].groups.is_empty()).collect();
        let mut allergens: Vec<String> =
            ["milk", "nuts", "gluten", "eggs", "soy", "fish", "shellfish"].map(str::to_owned).to_vec();
        let mut diets: Vec<String> =
            ["vegan", "gluten free", "dairy-free", "keto"].map(str::to_owned).to_vec();
        for product in &shop.products {
            allergens.extend(product.allergens.iter().flatten().flatten().cloned());
            diets.extend(product.dietary.iter().cloned());
        }
        for words in [&mut allergens, &mut diets] {
            words.sort();
            words.dedup();
        }
        Self { random: Random::new(seed), shop, texts, menu, allergens, diets }
    }

    /// A conversation of 3 to 8 turns.
    pub fn conversation(&mut self) -> Conversation {
        let length = 3 + self.random.below(6);
        let style = self.random.below(100);
        let mut turns = Vec::new();
        if style < 8 && !self.texts.conversations.is_empty() {
            let texts = self.texts;
            let says = self.random.one(&texts.conversations).cloned().unwrap_or_default();
            turns.extend(says.into_iter().take(8).map(|text| ("dialogue", said(text))));
        }
        while turns.len() < length {
            let offered = turns.last().is_some_and(|(aim, _)| *aim == "plan") && self.random.chance(40);
            turns.push(if offered {
                self.said("short", "yes please")
            } else {
                self.turn(style, turns.is_empty())
            });
        }
        let mut heard = String::new();
        for (_, said) in &mut turns {
            heard.push_str(&said.text);
            heard.push_str(" . ");
            said.heard.clone_from(&heard);
        }
        Conversation { turns }
    }

    fn turn(&mut self, style: usize, first: bool) -> (Aim, Said) {
        if style >= 90 && self.random.chance(60) || self.random.chance(4) {
            let texts = self.texts;
            if let Some(text) = self.random.one(&texts.requests) {
                return ("request", said(text.clone()));
            }
        }
        let cafe = !self.menu.is_empty();
        // Openings and what may follow, with their weights.
        let opening: &[(Aim, &[&str], usize)] = &[
            ("find", frames::FIND, 22),
            ("price", frames::PRICE, 12),
            ("plain", frames::PLAIN, 10),
            ("place", frames::PLACE, 10),
            ("stock", frames::STOCK, 8),
            ("contents", frames::CONTENTS, 9),
            ("diet", frames::DIET, 6),
            ("compare", frames::COMPARE, 5),
            ("add", frames::ADD, if style < 45 { 25 } else { 8 }),
            ("cafe", frames::CAFE, if cafe { if style < 30 { 40 } else { 6 } } else { 0 }),
            ("plan", frames::PLAN, 4),
            ("store", frames::STORE, 3),
            ("odd", frames::ODD, 5),
            ("foreign", frames::FOREIGN, 3),
        ];
        let further: &[(Aim, &[&str], usize)] = &[
            ("follow", frames::FOLLOW, 40),
            ("list", frames::LIST, if style < 45 { 25 } else { 6 }),
            ("cafe on", frames::CAFE_ON, if cafe && style < 30 { 30 } else { 2 }),
            ("short", frames::SHORT, 10),
        ];
        let kinds = if first || self.random.chance(45) { opening } else { further };
        let mut at = self.random.below(kinds.iter().map(|(_, _, weight)| weight).sum());
        let kind = kinds.iter().find(|(_, _, weight)| {
            let here = at < *weight;
            at = at.saturating_sub(*weight);
            here
        });
        let (aim, frames, _) = kind.copied().unwrap_or(kinds[0]);
        let frame = self.random.pick(frames);
        self.said(aim, frame)
    }

    /// Fills a frame, and now and then spoils it as people do.
    fn said(&mut self, aim: Aim, frame: &str) -> (Aim, Said) {
        let mut named = None;
        let mut meant = String::new();
        let mut rest = frame;
        while let Some((before, (gap, after))) =
            rest.split_once('{').and_then(|(b, a)| Some((b, a.split_once('}')?)))
        {
            meant.push_str(before);
            if gap == "t" {
                let product = self.product();
                named = Some(product.sku.clone());
                meant.push_str(&product.title);
            } else if let Some(word) = self.fill(gap) {
                meant.push_str(&word);
            } else {
                meant.push('{');
                meant.push_str(gap);
                meant.push('}');
            }
            rest = after;
        }
        meant.push_str(rest);
        let mut text = meant.clone();
        if self.random.chance(14) {
            for _ in 0..=self.random.below(2) {
                text = self.slip(&text);
            }
        }
        match self.random.below(40) {
            0 => text = text.to_uppercase(),
            1 => text = text.to_lowercase(),
            2 => text.push_str(" please"),
            3 => text = format!("uh, {text}"),
            4 => text = format!("{text}!!"),
            5 => text = text.replace(' ', "  "),
            6 => text = text.replace(' ', ", "),
            7 => text = format!("so {text} you know"),
            8 => text = format!("“{text}”"),
            9 => text = format!("{text} - thx"),
            _ => {}
        }
        let asked =
            ["how", "what", "what's", "where", "which", "is", "are", "do", "does", "when", "whereabouts"];
        let asking = asked.contains(&frame.split(' ').next().unwrap_or_default());
        let about = matches!(aim, "price" | "plain" | "place" | "stock" | "contents" | "compare" | "store");
        let asks = asking && about && text == meant;
        let named = named.filter(|_| text == meant);
        (aim, Said { asks, text, meant, named, heard: String::new() })
    }

    fn product(&mut self) -> &'a Product {
        &self.shop.products[self.random.below(self.shop.products.len())]
    }

    fn fill(&mut self, gap: &str) -> Option<String> {
        let shop = self.shop;
        Some(match gap {
            "p" | "q" => self.call(),
            "c" => {
                let product = self.product();
                self.random.one(&product.categories).map_or_else(|| "things".to_owned(), |c| c.to_lowercase())
            }
            "b" => self.product().brand.clone(),
            "n" => {
                let words = [
                    "one",
                    "two",
                    "three",
                    "a couple of",
                    "half a dozen",
                    "a",
                    "12",
                    "2",
                    "3",
                    "5",
                    "30",
                    "4 packs of",
                ];
                self.random.pick(&words).to_owned()
            }
            "m" => {
                let whole = 1 + self.random.below(40);
                let words = [
                    format!("${whole}"),
                    format!("${whole}.49"),
                    format!("{whole} dollars"),
                    format!("{whole} bucks"),
                ];
                words[self.random.below(4)].clone()
            }
            "a" => self.allergens[self.random.below(self.allergens.len())].clone(),
            "d" => self.diets[self.random.below(self.diets.len())].clone(),
            "o" => self
                .random
                .pick(&["first", "second", "third", "last", "2nd", "fourth", "other", "cheapest"])
                .to_owned(),
            "x" => match self.random.one(&self.menu) {
                Some(item) => self.name_of(&shop.products[*item]),
                None => "coffee".to_owned(),
            },
            "y" => {
                let group = self.random.one(&shop.groups);
                let value = group.and_then(|group| self.random.one(&group.values));
                let synonym = value.and_then(|(_, _, synonyms)| self.random.one(synonyms));
                let name = value.map(|(name, ..)| name);
                let word = if self.random.chance(70) { name } else { synonym.or(name) };
                word.map_or_else(|| "milk".to_owned(), String::clone)
            }
            _ => return None,
        })
    }

    fn name_of(&mut self, product: &Product) -> String {
        let synonym = self.random.one(&product.synonyms).cloned();
        if self.random.chance(75) {
            product.title.clone()
        } else {
            synonym.unwrap_or_else(|| product.title.clone())
        }
    }

    /// One of the ways in which people call a product.
    fn call(&mut self) -> String {
        let product = self.product();
        let words: Vec<&str> = product.title.split_whitespace().collect();
        let plain: Vec<&str> =
            words.iter().copied().filter(|w| w.chars().all(char::is_alphabetic) && w.len() > 1).collect();
        let brands = product.brand.split_whitespace().count();
        let core = &plain[brands.min(plain.len().saturating_sub(1))..];
        match self.random.below(10) {
            0 => product.title.clone(),
            1 => plain.join(" "),
            2 | 3 => core.join(" ").to_lowercase(),
            4 => self.name_of(product),
            5 | 6 => match self.random.one(&product.synonyms) {
                Some(synonym) => synonym.to_lowercase(),
                None => core.join(" "),
            },
            7 => core.last().map_or_else(|| product.title.clone(), |word| word.to_lowercase()),
            8 => {
                let from = self.random.below(words.len().max(1));
                words[from..].iter().take(2).copied().collect::<Vec<_>>().join(" ")
            }
            _ => {
                let described: Vec<&str> = product.description.split_whitespace().collect();
                let from = self.random.below(described.len().max(1));
                described[from..].iter().take(2).copied().collect::<Vec<_>>().join(" ").to_lowercase()
            }
        }
    }

    /// One slip of the keyboard.
    fn slip(&mut self, text: &str) -> String {
        let mut letters: Vec<char> = text.chars().collect();
        if letters.len() < 3 {
            return text.to_owned();
        }
        let at = self.random.below(letters.len() - 1);
        match self.random.below(5) {
            0 => letters.swap(at, at + 1),
            1 => drop(letters.remove(at)),
            2 => letters.insert(at, letters[at]),
            3 => letters[at] = char::from(b'a' + u8::try_from(self.random.below(26)).unwrap_or(0)),
            _ => letters.insert(at, [' ', '\'', ',', '.', '-', '?'][self.random.below(6)]),
        }
        letters.into_iter().collect()
    }
}

fn said(text: String) -> Said {
    Said { meant: text.clone(), text, ..Said::default() }
}
