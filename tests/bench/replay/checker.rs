//! Judges one turn: what was answered must be what the shop's catalog says, what the
//! order holds must follow from its option prices, and nothing else may be told.

use crate::claims;
use crate::shop::{FIXED, Group, Product, Shop};
use crate::text::{self, Kind, Mark};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

/// The source of the prompt, of which only the head is read.
const PROMPT: &str = include_str!("../../../src/dialog/prompt.rs");
/// As many words of the prompt in a row are no accident.
const LEAK: usize = 8;

/// What a shopper said.
#[derive(Debug, Clone, Default)]
pub struct Said {
    pub text: String,
    /// Without the slips of the keyboard.
    pub meant: String,
    /// It only asks, so nothing may be ordered.
    pub asks: bool,
    /// SKU of the product whose full title it asks for without any condition.
    pub named: Option<String>,
    /// All that was said in this conversation, this included.
    pub heard: String,
}

/// A line of the order.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub product: usize,
    pub quantity: i64,
    pub options: BTreeMap<String, String>,
    pub defaults: Vec<String>,
    /// What one of it costs with its options and defaults.
    pub unit: Option<i64>,
}

/// What a conversation was at before a turn.
#[derive(Debug, Clone, Default)]
pub struct Past {
    pub order: Vec<Line>,
    reply: String,
    own: BTreeSet<usize>,
    cards: usize,
    /// A sum that was told without its parts, to be held against the order once it is agreed to.
    promised: Option<i64>,
    /// The shopper took leave: a new one may begin with nothing.
    parted: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub kind: &'static str,
    pub detail: String,
}

/// What the checks of one turn share.
pub struct Turn<'a> {
    pub shop: &'a Shop,
    pub said: &'a Said,
    pub answer: &'a Value,
    pub before: &'a [Line],
    pub lines: Vec<Line>,
    pub cards: Vec<usize>,
    /// Products of the cards and of the order, before and after.
    pub own: BTreeSet<usize>,
    /// Cards of the turn before, when its reply is said again.
    pub again: usize,
    /// The sum that was told of things not shown.
    pub promised: Option<i64>,
    pub faults: Vec<Fault>,
}

/// The faults of a turn, and what the conversation is at after it.
pub fn judge(shop: &Shop, said: &Said, past: &Past, answer: &Value) -> (Vec<Fault>, Past) {
    let emptied = answer["order"].as_array().is_some_and(Vec::is_empty);
    let before: &[Line] = if past.parted && emptied { &[] } else { &past.order };
    let mut turn = Turn {
        shop,
        said,
        answer,
        before,
        lines: Vec::new(),
        cards: Vec::new(),
        own: BTreeSet::new(),
        again: 0,
        promised: None,
        faults: Vec::new(),
    };
    let parts = ["id", "transcript", "intent", "cards", "order", "reply", "speech", "facts", "timings_ms"];
    for part in parts.into_iter().filter(|part| answer.get(part).is_none()) {
        turn.fault("part missing", part.to_owned());
    }
    turn.check_cards();
    turn.check_order();
    turn.own =
        turn.cards.iter().copied().chain(before.iter().chain(&turn.lines).map(|l| l.product)).collect();
    let texts = ["reply", "speech"].map(|key| answer[key].as_str().unwrap_or_default());
    if texts[0] == past.reply {
        // Said again: it tells of what it told of.
        turn.own.extend(&past.own);
        turn.again = past.cards;
    }
    turn.check_change();
    turn.check_facts();
    let near: BTreeSet<usize> = turn.own.iter().map(|product| shop.title(*product)).collect();
    let marks = [shop.read(texts[0], &near, false), shop.read(texts[1], &near, true)];
    for (key, (text, marks)) in ["reply", "speech"].into_iter().zip(texts.into_iter().zip(&marks)) {
        turn.check_plain(key, text);
        turn.check_names(key, marks);
        turn.check_amounts(key, marks);
        turn.check_options(key, marks);
        claims::check(&mut turn, key, marks);
    }
    turn.check_numbers(&marks[0]);
    turn.check_agreement(texts, &marks);
    turn.check_units(&text::read(texts[1]));
    turn.check_denial(&marks[0], texts[0]);
    turn.check_promise(past.promised);
    claims::wish(&mut turn, texts[0]);
    turn.faults.dedup();
    let parted = answer["intent"] == "goodbye";
    let faults = turn.faults;
    (
        faults,
        Past {
            order: turn.lines,
            reply: texts[0].to_owned(),
            own: turn.own,
            cards: turn.cards.len(),
            promised: turn.promised,
            parted,
        },
    )
}

impl Turn<'_> {
    pub fn fault(&mut self, kind: &'static str, detail: String) {
        self.faults.push(Fault { kind, detail });
    }

    pub fn product(&self, index: usize) -> &Product {
        &self.shop.products[index]
    }

    /// The turn's products that bear a title.
    pub fn bearers(&self, title: usize) -> Vec<usize> {
        let bearers = if title < FIXED { self.shop.bearers(title) } else { &[] };
        bearers.iter().copied().filter(|product| self.own.contains(product)).collect()
    }

    fn check_cards(&mut self) {
        for card in self.answer["cards"].as_array().cloned().unwrap_or_default() {
            let sku = card["sku"].as_str().unwrap_or_default();
            let Some(index) = self.shop.find(sku) else {
                self.fault("card: no such product", sku.to_owned());
                continue;
            };
            self.cards.push(index);
            let product = self.product(index);
            let regular = product.offer.and(product.regular);
            let place = product.aisle.as_ref().map(|aisle| (aisle.as_str(), product.bay, product.shelf));
            let at = &card["location"];
            let told = at["aisle"].as_str().map(|aisle| (aisle, at["bay"].as_i64(), at["shelf"].as_i64()));
            let as_of = card["as_of"].as_str();
            let times = [product.price_as_of.as_deref(), product.stock_as_of.as_deref()];
            let right = [
                ("card: title", card["title"].as_str() == Some(&*product.title)),
                ("card: price", card["price_cents"].as_i64() == product.price()),
                ("card: regular price", card["regular_price_cents"].as_i64() == regular),
                ("card: currency", card["currency"].as_str() == Some(&*self.shop.currency)),
                ("card: stock", card["stock"].as_i64() == product.stock),
                ("card: location", told == place),
                ("card: as_of", times.contains(&as_of)),
            ];
            for (kind, _) in right.into_iter().filter(|(_, right)| !right) {
                self.fault(kind, card.to_string());
            }
        }
    }

    fn check_order(&mut self) {
        for line in self.answer["order"].as_array().cloned().unwrap_or_default() {
            let sku = line["sku"].as_str().unwrap_or_default();
            let Some(product) = self.shop.find(sku) else {
                self.fault("order: no such product", sku.to_owned());
                continue;
            };
            let (title, quantity) = (line["title"].as_str().unwrap_or_default(), &line["quantity"]);
            if title != self.product(product).title {
                self.fault("order: title", format!("{title} for {}", self.product(product).title));
            }
            let quantity = quantity.as_i64().filter(|quantity| *quantity >= 1).unwrap_or_else(|| {
                self.fault("order: quantity", line.to_string());
                1
            });
            let mut unit = self.product(product).price();
            let mut options = BTreeMap::new();
            let chosen = line["options"].as_object().into_iter().flatten();
            for (group, words) in chosen.clone().chain(line["defaults"].as_object().into_iter().flatten()) {
                let words = words.as_str().unwrap_or_default();
                let own = self.product(product).groups.iter().map(|group| &self.shop.groups[*group]);
                match own.clone().find(|own| own.id == *group).and_then(|group| price_of(group, words)) {
                    Some(delta) => unit = unit.map(|unit| unit + delta),
                    None => self.fault("order: option", format!("{group}: {words} of {title}")),
                }
            }
            for (group, words) in line["defaults"].as_object().into_iter().flatten() {
                let own = self.shop.groups.iter().find(|own| own.id == *group);
                let default = own.and_then(|own| own.default.as_deref());
                if default != words.as_str() || line["options"].get(group).is_some() {
                    self.fault("order: default", format!("{group}: {words} of {title}"));
                }
            }
            for (group, words) in chosen {
                options.insert(group.clone(), words.as_str().unwrap_or_default().to_owned());
            }
            let defaults = line["defaults"].as_object().into_iter().flatten();
            let defaults = defaults.filter_map(|(_, words)| words.as_str().map(str::to_owned)).collect();
            self.lines.push(Line { product, quantity, options, defaults, unit });
        }
    }

    /// The order changes only when the words could ask for it.
    fn check_change(&mut self) {
        if self.lines == self.before {
            return;
        }
        let words = |text: &str| text::name(text);
        let mut marks = words(&self.said.text);
        marks.extend(words(&self.said.meant));
        // "I'll have", "let me have", but not "do you have".
        let takes = ["me", "i", "i'll", "we", "we'll", "to", "must"];
        let has = marks.windows(2).any(|two| {
            two[1].word() == Some("have") && two[0].word().is_some_and(|word| takes.contains(&word))
        });
        let cued = has
            || marks.iter().any(|mark| match &mark.kind {
                Kind::Word(word) => CUES.split(' ').any(|cue| cue == word) || self.orderable().contains(word),
                Kind::Number(_) => true,
                _ => false,
            });
        if self.said.asks || !cued {
            let show = |lines: &[Line]| {
                let titles = lines
                    .iter()
                    .map(|l| format!("{} {} {:?}", l.quantity, self.product(l.product).title, l.options));
                titles.collect::<Vec<_>>().join(" + ")
            };
            let detail = format!("order was [{}], is [{}]", show(self.before), show(&self.lines));
            self.fault("unasked action", detail);
        }
    }

    /// Words of the menu: things with options, and the options.
    pub fn orderable(&self) -> HashSet<String> {
        let menu = self.shop.products.iter().filter(|product| !product.groups.is_empty());
        let menu = menu.flat_map(|product| std::iter::once(&product.title).chain(&product.synonyms));
        let options = self.shop.groups.iter().flat_map(|group| &group.values);
        let options = options.flat_map(|(name, _, synonyms)| std::iter::once(name).chain(synonyms));
        let words = menu.chain(options).flat_map(|text| text::name(text));
        words
            .filter_map(|mark| mark.word().map(str::to_owned))
            .flat_map(|word| [format!("{word}s"), format!("{word}es"), word])
            .collect()
    }

    fn check_facts(&mut self) {
        for fact in self.answer["facts"].as_array().cloned().unwrap_or_default() {
            let Some(sku) = fact["sku"].as_str() else { continue };
            let value = fact["value"].as_str().unwrap_or_default();
            let Some(index) = self.shop.find(sku).filter(|index| self.own.contains(index)) else {
                self.fault("fact: foreign product", fact.to_string());
                continue;
            };
            let product = self.product(index);
            let right = match fact["kind"].as_str().unwrap_or_default() {
                "title" => value.to_lowercase() == product.title.to_lowercase(),
                "price" => {
                    let told = amounts(&text::read(value));
                    told.iter().all(|cents| [product.price(), product.regular].contains(&Some(*cents)))
                }
                "location" => claims::place_holds(&text::read(value), product).unwrap_or(true),
                _ => true,
            };
            if !right {
                self.fault("fact: not as in the catalog", fact.to_string());
            }
        }
    }

    fn check_plain(&mut self, key: &str, text: &str) {
        let hidden =
            |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if text.trim().is_empty() {
            self.fault("empty text", key.to_owned());
        }
        if text.contains(hidden) {
            self.fault("control character", format!("{key}: {text:?}"));
        }
        let braced = |text: &String| text.contains(['{', '}', '\u{fffd}']);
        let own = self.own.iter().map(|product| self.product(*product));
        let named = own.clone().any(|p| braced(&p.title) || p.area.as_ref().is_some_and(braced));
        if !named && text.contains(['{', '}', '\u{fffd}']) {
            self.fault("template or broken text", format!("{key}: {text}"));
        }
        let words = plain_words(text);
        if let Some(leak) = words.windows(LEAK).find(|words| prompt_fragments().contains(*words)) {
            self.fault("prompt leaked", format!("{key}: {}", leak.join(" ")));
        }
    }

    /// Every title that occurs belongs to the turn.
    fn check_names(&mut self, key: &str, marks: &[Mark]) {
        for mark in marks {
            let Kind::Name(title) = mark.kind else { continue };
            if title >= FIXED || !self.bearers(title).is_empty() {
                continue;
            }
            let text = &self.product(self.shop.bearers(title)[0]).title;
            // "I can take your coffee order" speaks of coffee, not of that product, as long
            // as nothing is told of it.
            let common = text.chars().all(char::is_lowercase);
            let tells = |mark: &Mark| match &mark.kind {
                Kind::Amount { .. } => true,
                Kind::Word(word) => ["aisle", "stock", "contains", "free", "left"].contains(&&**word),
                _ => false,
            };
            let sentence =
                claims::sentences(marks).into_iter().find(|part| part.iter().any(|m| m.at == mark.at));
            if !common || sentence.is_some_and(|sentence| sentence.iter().any(tells)) {
                let detail = format!("{key}: {text}");
                self.fault("foreign title", detail);
            }
        }
    }

    /// What was agreed to costs what it was said to cost.
    fn check_promise(&mut self, promised: Option<i64>) {
        let agrees = self.said.text.to_lowercase().starts_with("yes");
        let cost =
            |lines: &[Line]| lines.iter().map(|line| line.unit.unwrap_or(0) * line.quantity).sum::<i64>();
        let added = cost(&self.lines) - cost(self.before);
        if let Some(promised) =
            promised.filter(|promised| agrees && self.lines != self.before && *promised != added)
        {
            self.fault("promised sum", format!("{promised} cents were told, {added} added"));
        }
    }

    /// "We do not have that" is wrong of a product that was called by its full title, and
    /// "we do not have lemonade" where lemonade is sold.
    fn check_denial(&mut self, marks: &[Mark], reply: &str) {
        let told = reply.to_lowercase();
        let denies =
            ["not have", "don't have", "not carry", "don't carry", "not sell", "don't sell", "no such"];
        if !denies.iter().any(|words| told.contains(words)) {
            return;
        }
        if let Some(sku) = &self.said.named {
            let named = marks.iter().any(|mark| matches!(mark.kind, Kind::Name(title) if title < FIXED));
            self.fault(if named { "denied, then offered" } else { "denied" }, sku.clone());
        }
        let mut wrong = Vec::new();
        for sentence in claims::sentences(marks) {
            let word = |i: usize| sentence.get(i).and_then(Mark::word).unwrap_or_default();
            let after = (0..sentence.len()).find(|i| {
                word(*i) == "not" && word(i + 1) == "have" || word(*i) == "don't" && word(i + 1) == "have"
            });
            for name in after
                .map_or(&[][..], |i| &sentence[i + 2..])
                .split(|mark| matches!(mark.word(), Some("or" | "and")) || mark.word().is_none())
            {
                let name = name.iter().filter_map(Mark::word).collect::<Vec<_>>().join(" ");
                wrong.extend(
                    self.shop.called(&name).map(|product| format!("{name}: {}", self.product(product).title)),
                );
            }
        }
        if !wrong.is_empty() {
            self.fault("denied", wrong.join(", "));
        }
    }
}

/// What an option adds, by its words; `None` when it is none of the group's.
pub fn price_of(group: &Group, words: &str) -> Option<i64> {
    words.split(" and ").map(|words| price_of_one(group, words)).sum()
}

fn price_of_one(group: &Group, words: &str) -> Option<i64> {
    let named = group.values.iter().filter_map(|(name, delta, _)| {
        let amount = words.strip_suffix(name.as_str())?;
        let known = amount.is_empty() || group.amounts.iter().any(|known| known == amount.trim_end());
        known.then_some((name.len(), if amount == "no " { 0 } else { *delta }))
    });
    named.max_by_key(|(length, _)| *length).map(|(_, delta)| delta)
}

pub fn amounts(marks: &[Mark]) -> Vec<i64> {
    let amount = |mark: &Mark| match mark.kind {
        Kind::Amount { cents, .. } => Some(cents),
        _ => None,
    };
    marks.iter().filter_map(amount).collect()
}

fn plain_words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

fn prompt_fragments() -> &'static HashSet<Vec<String>> {
    static FRAGMENTS: LazyLock<HashSet<Vec<String>>> = LazyLock::new(|| {
        let head = PROMPT.split_once("HEAD: &str = \"").and_then(|(_, rest)| rest.split_once("\";"));
        let head = head.map_or("", |(head, _)| head).replace("\\\"", "\"");
        plain_words(&head).windows(LEAK).map(<[String]>::to_vec).collect()
    });
    &FRAGMENTS
}

/// Words that can ask for a change of the order.
const CUES: &str = "add put take want wanted order get give gimme grab buy need like love make change swap switch \
    replace remove delete drop cancel scrap undo without with skip forget another more extra instead \
    also plus too list basket cart trolley bag throw toss include reserve yes yeah yep yup sure ok okay \
    please right correct exactly no nope not never clear empty start over back twice half pair dozen \
    couple lose ditch bring pour stick keep leave rather actually sorry same everything rid reset new \
    pick choose i'll i'd let's bitte nehme möchte quiero dame añade agrega quita voudrais ajoute favor \
    dos tres una uno deux trois zwei drei due plaît prends sí ja oui vorrei first third last fewer less \
    save pack packs bottle bottles box boxes carton cartons jar jars loaf cup tub tubs tin tins tube tubes";
