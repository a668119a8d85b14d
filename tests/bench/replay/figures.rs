//! Judges what a reply tells in figures: amounts of money, quantities, other numbers and
//! dates, and that the screen and the voice tell the same.

use crate::checker::{Line, Turn, amounts, price_of};
use crate::claims;
use crate::shop::FIXED;
use crate::text::{self, Kind, Mark};
use std::collections::{BTreeSet, HashSet};

/// The products that bear a title that was told, and the number before it.
type Named = (Vec<usize>, Option<i64>);

impl Turn<'_> {
    /// Every amount of money is a price of what was named before it, or the cost of
    /// the order's lines.
    pub fn check_amounts(&mut self, key: &str, marks: &[Mark]) {
        let mut told: Vec<Named> = Vec::new();
        for sentence in claims::sentences(marks) {
            let before = told.len();
            for (i, mark) in sentence.iter().enumerate() {
                let named = &told[before..];
                match &mark.kind {
                    Kind::Name(title) if *title < FIXED => {
                        let bearers = self.bearers(*title);
                        let quantity = self.quantity(sentence, i);
                        self.check_quantity(key, &bearers, quantity);
                        told.push((bearers, quantity));
                    }
                    Kind::Amount { cents, pair } => {
                        if pair.as_ref().is_some_and(|pair| self.no_money(pair, &sentence[i + 1..])) {
                            continue;
                        }
                        if !self.amount_holds(*cents, &told, named.len(), (sentence, i)) {
                            let last = named.last().and_then(|(bearers, _)| bearers.first());
                            let of = last.map_or("the turn", |product| &self.product(*product).title);
                            let detail = format!("{key}: {}.{:02} of {of}", cents / 100, cents % 100);
                            let sum = named.is_empty()
                                && claims::says(sentence, &["together", "total", "altogether"]);
                            if sum {
                                self.promised = Some(*cents);
                            }
                            self.fault(if sum { "sum of things not shown" } else { "amount" }, detail);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// Whether an amount follows from the order or from what was `told` of, the last
    /// `here` in the same sentence.
    fn amount_holds(&self, cents: i64, told: &[Named], here: usize, (sentence, i): (&[Mark], usize)) -> bool {
        let word = |back: usize| i.checked_sub(back).and_then(|at| sentence[at].word());
        let has = |words: &[&str]| claims::says(sentence, words);
        let named = &told[told.len() - here..];
        let sums = |named: &[Named]| {
            let mut sums: HashSet<i64> = HashSet::from([0]);
            for (products, quantity) in named {
                let costs = products.iter().flat_map(|product| self.costs(*product, *quantity, sentence));
                let costs: Vec<i64> = costs.collect();
                sums = sums.iter().flat_map(|sum| costs.iter().map(move |cost| sum + cost)).collect();
            }
            sums
        };
        let total =
            |lines: &[Line]| lines.iter().filter_map(|line| Some(line.unit? * line.quantity)).sum::<i64>();
        let (now, then) = (total(&self.lines), total(self.before));
        let mut known: HashSet<i64> = HashSet::new();
        let totals = [
            "total",
            "altogether",
            "together",
            "all",
            "comes",
            "come",
            "list",
            "order",
            "far",
            "makes",
            "now",
        ];
        if here == 0 || has(&totals) {
            known.extend([now, then, (now - then).abs()]);
        }
        if let Some((last, _)) = named.last() {
            known.extend(last.iter().flat_map(|product| self.singles(*product, sentence)));
            known.extend(sums(named));
        } else {
            known.extend(self.own.iter().flat_map(|product| self.singles(*product, sentence)));
            known.extend(self.lines.iter().flat_map(|line| self.costs(line.product, None, sentence)));
            known.extend(sums(told));
        }
        if let Some(pieces) = rate(&sentence[i + 1..]) {
            let products =
                named.last().map_or_else(|| self.own.iter().copied().collect(), |(last, _)| last.clone());
            let rates = products.into_iter().filter_map(|product| {
                let product = self.product(product);
                let (size, base) = product.size?;
                (base == pieces.1 && size > 0.0).then(|| real(product.price().unwrap_or(0)) * pieces.0 / size)
            });
            if rates.into_iter().any(|rate| (rate - real(cents)).abs() <= 1.0) {
                return true;
            }
        }
        if has(&["save", "saving", "cheaper", "less", "more", "off", "difference", "dearer"]) {
            let prices: Vec<i64> =
                self.own.iter().flat_map(|product| self.singles(*product, sentence)).collect();
            known.extend(prices.iter().flat_map(|a| prices.iter().map(move |b| a - b)));
        }
        let limits =
            ["under", "over", "below", "above", "than", "to", "most", "least", "within", "and", "between"];
        let limit = (1..=2).any(|back| word(back).is_some_and(|word| limits.contains(&word)));
        let heard = text::read(&self.said.heard);
        let echoed = heard.iter().any(|mark| match &mark.kind {
            Kind::Amount { cents: heard, .. } => *heard == cents,
            Kind::Number(number) => {
                number.value.parse::<f64>().is_ok_and(|n| (n * 100.0 - real(cents)).abs() < 0.5)
            }
            _ => false,
        });
        cents > 0 && known.contains(&cents) || limit && echoed
    }

    /// What one of a product may cost: alone, with the options named, as it is ordered.
    fn singles(&self, product: usize, sentence: &[Mark]) -> Vec<i64> {
        let known = self.product(product);
        let lines = self.lines.iter().chain(self.before).filter(|line| line.product == product);
        let lines = lines.filter_map(|line| line.unit);
        let prices = [known.price(), known.regular, self.menu_price(product, sentence)];
        prices.into_iter().flatten().chain(lines).collect()
    }

    /// What so many of a product cost as they are ordered, else by its price.
    fn costs(&self, product: usize, quantity: Option<i64>, sentence: &[Mark]) -> Vec<i64> {
        let lines = self.lines.iter().chain(self.before).filter(|line| line.product == product);
        let lines = lines.filter_map(|line| Some((line.unit?, line.quantity)));
        let costs: Vec<i64> =
            lines.flat_map(|(unit, ordered)| [unit * ordered, unit * quantity.unwrap_or(ordered)]).collect();
        let all: i64 = self
            .lines
            .iter()
            .filter(|line| line.product == product)
            .filter_map(|l| Some(l.unit? * l.quantity))
            .sum();
        if costs.is_empty() {
            let unit = self.menu_price(product, sentence).or(self.product(product).price());
            unit.map(|unit| unit * quantity.unwrap_or(1)).into_iter().collect()
        } else {
            costs.into_iter().chain([all]).collect()
        }
    }

    /// What a thing with options costs with those that the sentence names.
    fn menu_price(&self, product: usize, sentence: &[Mark]) -> Option<i64> {
        let known = self.product(product);
        let mut price = known.price().filter(|_| !known.groups.is_empty())?;
        for group in known.groups.iter().map(|group| &self.shop.groups[*group]) {
            let named = group.values.iter().filter(|(name, ..)| {
                let name = text::name(name);
                (0..sentence.len()).any(|i| text::starts_with(&sentence[i..], &name, false).is_some())
            });
            let named = named.max_by_key(|(name, ..)| name.len()).map(|(name, ..)| name.as_str());
            let default = group.default.as_deref();
            price += named.or(default).and_then(|name| price_of(group, name)).unwrap_or(0);
        }
        Some(price)
    }

    /// The number told before a title, options between them or not.
    fn quantity(&self, sentence: &[Mark], i: usize) -> Option<i64> {
        let from = sentence[..i].iter().rposition(|mark| mark.word().is_none())?;
        let number = sentence[from].number()?.parse().ok()?;
        let mut options = self.shop.groups.iter().flat_map(|group| &group.values);
        let option =
            options.any(|(name, ..)| text::starts_with(&sentence[from..], &text::name(name), true).is_some());
        let words: Vec<&str> = sentence[from + 1..i].iter().filter_map(Mark::word).collect();
        let orderable = if words.is_empty() { HashSet::new() } else { self.orderable() };
        (!option && words.iter().all(|word| orderable.contains(*word))).then_some(number)
    }

    /// The number told is that of the order, of the change to it, or of the stock.
    fn check_quantity(&mut self, key: &str, bearers: &[usize], quantity: Option<i64>) {
        let Some(quantity) = quantity else { return };
        let ordered = |line: &&Line| bearers.contains(&line.product);
        let lines = self.lines.iter().chain(self.before).filter(ordered);
        let sum = |lines: &[Line]| lines.iter().filter(ordered).map(|line| line.quantity).sum::<i64>();
        let (now, then) = (sum(&self.lines), sum(self.before));
        let stocked = bearers.iter().any(|product| self.product(*product).stock == Some(quantity));
        let counted = quantity == i64::try_from(self.cards.len()).unwrap_or(0);
        let mut known: Vec<i64> = lines.map(|line| line.quantity).collect();
        known.extend([now, then, (now - then).abs()]);
        if (now, then) != (0, 0) && !known.contains(&quantity) && !stocked && !counted {
            let title = bearers.first().map_or("?", |product| &self.product(*product).title);
            self.fault("quantity", format!("{key}: {quantity} of {title}, ordered {now}, before {then}"));
        }
    }

    /// Options that a sentence on the order tells are those of a line that it names.
    pub fn check_options(&mut self, key: &str, marks: &[Mark]) {
        for sentence in claims::sentences(marks) {
            let asks = matches!(sentence.last().map(|mark| &mark.kind), Some(Kind::Stop(true)));
            let label = claims::says(sentence, &["contains", "contain", "free", "statement", "stated"]);
            let named = sentence.iter().filter_map(|mark| match mark.kind {
                Kind::Name(title) => Some(self.bearers(title)),
                _ => None,
            });
            let named: Vec<usize> = named.flatten().collect();
            let lines = self.lines.iter().chain(self.before).filter(|line| named.contains(&line.product));
            let own: Vec<&str> =
                lines.flat_map(|line| line.options.values().chain(&line.defaults)).map(|w| &**w).collect();
            let ordered = named.iter().any(|product| !self.product(*product).groups.is_empty());
            if asks || label || !ordered || amounts(sentence).is_empty() || own.is_empty() {
                continue;
            }
            let options = self.shop.groups.iter().flat_map(|group| &group.values);
            let options: Vec<(Vec<Mark>, &str)> =
                options.map(|(name, ..)| (text::name(name), &**name)).collect();
            let (mut i, mut wrong) = (0, Vec::new());
            while i < sentence.len() {
                let here = options.iter().filter_map(|(name, text)| {
                    text::starts_with(&sentence[i..], name, false).map(|taken| (taken, *text))
                });
                let Some((taken, text)) = here.max_by_key(|(taken, _)| *taken) else {
                    i += 1;
                    continue;
                };
                if !own.iter().any(|own| own.ends_with(text)) {
                    wrong.push(format!("{key}: {text}, ordered {own:?}"));
                }
                i += taken;
            }
            for detail in wrong {
                self.fault("option claim", detail);
            }
        }
    }

    /// Whether two numbers stand side by side in a title of the turn, or the second begins
    /// an option: "three twenty ounce".
    fn no_money(&self, pair: &(String, String), after: &[Mark]) -> bool {
        let titled = self.own.iter().any(|product| {
            let marks = self.shop.title_marks(self.shop.title(*product));
            marks.windows(2).any(|two| (two[0].number(), two[1].number()) == (Some(&pair.0), Some(&pair.1)))
        });
        let mut options = self.shop.groups.iter().flat_map(|group| &group.values);
        titled
            || options.any(|(name, ..)| {
                let marks = text::name(name);
                let begins = marks.first().and_then(Mark::number) == Some(&pair.1) && marks.len() > 1;
                begins && text::starts_with(after, &marks[1..], true).is_some()
            })
    }

    /// Every number that is left beside names, amounts and dates has a source.
    pub fn check_numbers(&mut self, marks: &[Mark]) {
        let mut known: BTreeSet<String> = BTreeSet::from([self.shop.most.clone()]);
        let mut know = |n: i64| {
            known.insert(n.to_string());
        };
        for line in self.lines.iter().chain(self.before) {
            know(line.quantity);
        }
        let pieces = |lines: &[Line]| lines.iter().map(|line| line.quantity).sum::<i64>();
        // Of a reply of several parts, each tells how many of the cards are its own.
        let first = claims::sentences(marks).first().map_or(0, |sentence| sentence.len());
        let found = marks.iter().filter(|mark| mark.word() == Some("found")).count();
        if found > 1
            || found == 1 && !claims::says(&marks[..first], &["found"])
            || marks.len() > first && found == 1 && claims::says(&marks[first..], &["sorry"])
        {
            (1..self.cards.len()).filter_map(|count| i64::try_from(count).ok()).for_each(&mut know);
        }
        let counts = [self.cards.len(), self.again, self.lines.len(), self.before.len(), self.own.len()];
        for count in counts.into_iter().filter_map(|count| i64::try_from(count).ok()) {
            know(count);
        }
        know(pieces(&self.lines));
        know(pieces(self.before));
        know((pieces(&self.lines) - pieces(self.before)).abs());
        let numbers = |text: &str| {
            text::name(text).iter().filter_map(|m| m.number().map(str::to_owned)).collect::<Vec<_>>()
        };
        for product in self.own.iter().map(|product| &self.shop.products[*product]) {
            known.extend(numbers(&product.title));
            known.extend(product.pack.iter().cloned());
            known.extend(product.aisle.iter().chain(&product.area).flat_map(|name| numbers(name)));
            let whole = [product.stock, product.bay, product.shelf, product.age];
            known.extend(whole.into_iter().flatten().map(|n| n.to_string()));
            let prices = [product.offer, product.regular].into_iter().flatten();
            known.extend(prices.map(|cents| format!("{}.{:02}", cents / 100, cents % 100)));
        }
        // What is stated of a product counts where the product is named.
        let named = marks.iter().filter_map(|mark| match mark.kind {
            Kind::Name(title) => Some(self.bearers(title)),
            _ => None,
        });
        for product in named.flatten().collect::<BTreeSet<_>>() {
            known.extend(numbers(&self.product(product).attributes));
            known.extend(numbers(&self.product(product).description));
        }
        let chosen = self.lines.iter().chain(self.before).flat_map(|line| line.options.values());
        known.extend(chosen.flat_map(|words| numbers(words)));
        // An echo of what was just said, and for how many a meal is planned.
        known.extend(numbers(&self.said.text));
        let plan = self.answer["intent"] == "plan";
        // A size that can be chosen: "eight ounce".
        let groups = self.own.iter().flat_map(|product| &self.product(*product).groups);
        let options: BTreeSet<&str> =
            groups.flat_map(|group| &self.shop.groups[*group].values).map(|(name, ..)| &**name).collect();
        let options: Vec<Vec<Mark>> = options.into_iter().map(text::name).collect();
        let option =
            |i: usize| options.iter().any(|name| text::starts_with(&marks[i..], name, false).is_some());
        for (i, mark) in marks.iter().enumerate() {
            match &mark.kind {
                Kind::Number(_) if plan && i > 0 && marks[i - 1].word() == Some("for") => {}
                Kind::Number(number) if number.worded && number.value == "1" => {}
                Kind::Number(_) if option(i) => {}
                Kind::Number(number) if !number.any_of(|value| known.contains(value)) => {
                    let detail = format!("{}, {} cards shown", number.value, self.cards.len());
                    self.fault("number without a source", detail);
                }
                Kind::Date(month, day, year) => self.check_date(*month, *day, *year),
                Kind::Time(hour, minute) => self.check_time(*hour, *minute),
                _ => {}
            }
        }
    }

    fn check_date(&mut self, month: u32, day: u32, year: Option<i64>) {
        let told = |date: &&String| {
            let mut parts = date.get(..10).unwrap_or_default().split('-').map(str::parse::<i64>);
            let year = parts.next().filter(|theirs| year.is_none_or(|year| theirs == &Ok(year)));
            year.is_some() && parts.eq([Ok(i64::from(month)), Ok(i64::from(day))])
        };
        if !self.own.iter().flat_map(|product| &self.product(*product).dates).any(|date| told(&date)) {
            self.fault("date", format!("{year:?}-{month:02}-{day:02}"));
        }
    }

    fn check_time(&mut self, hour: u32, minute: u32) {
        let told = format!("{hour:02}:{minute:02}");
        let dates = self.own.iter().flat_map(|product| &self.product(*product).dates);
        if !dates.clone().any(|date| date.get(11..16) == Some(&told)) {
            self.fault("time", told);
        }
    }

    /// Reply and speech tell the same amounts and the same numbers.
    pub fn check_agreement(&mut self, texts: [&str; 2], marks: &[Vec<Mark>; 2]) {
        let told = |marks: &[Mark]| {
            let amount = |(i, mark): (usize, &Mark)| match &mark.kind {
                Kind::Amount { cents, pair } => {
                    let money = pair.as_ref().is_none_or(|pair| !self.no_money(pair, &marks[i + 1..]));
                    money.then_some(*cents)
                }
                _ => None,
            };
            marks.iter().enumerate().filter_map(amount).collect::<BTreeSet<_>>()
        };
        if told(&marks[0]) != told(&marks[1]) {
            let detail = format!("{:?} shown, {:?} said", told(&marks[0]), told(&marks[1]));
            self.fault("reply and speech differ: amounts", detail);
        }
        let days = |marks: &[Mark]| {
            let day = |mark: &&Mark| matches!(mark.kind, Kind::Date(..) | Kind::Time(..));
            marks.iter().filter(day).map(|mark| mark.kind.clone()).collect::<Vec<_>>()
        };
        if days(&marks[0]) != days(&marks[1]) {
            let detail = format!("{:?} shown, {:?} said", days(&marks[0]), days(&marks[1]));
            self.fault("reply and speech differ: dates", detail);
        }
        let raw = texts.map(text::name);
        let mut heard: HashSet<String> = HashSet::new();
        for (here, there, key) in [(1, 0, "said, not shown"), (0, 1, "shown, not said")] {
            let known: HashSet<&str> =
                raw[there].iter().chain(&marks[there]).filter_map(Mark::number).collect();
            // Of two numbers that were read as one.
            let part = |number: &text::Number| {
                raw[there].iter().any(|mark| match &mark.kind {
                    Kind::Number(other) => other.worded && other.any_of(|part| part == number.value),
                    _ => false,
                })
            };
            let mut missing = Vec::new();
            for mark in &marks[here] {
                let Kind::Number(number) = &mark.kind else { continue };
                let found = number.any_of(|value| known.contains(value)) || part(number);
                if found || here == 0 && heard.contains(&number.value) {
                    continue;
                }
                match text::heard(texts[here], &mark.at, &|value| known.contains(value)) {
                    Some(numbers) if here == 1 => heard.extend(numbers),
                    _ => missing.push(number.value.clone()),
                }
            }
            if !missing.is_empty() {
                self.fault("reply and speech differ: numbers", format!("{missing:?} {key}"));
            }
        }
    }

    /// "5G" is no weight, and the brand 3M no length.
    pub fn check_units(&mut self, speech: &[Mark]) {
        let mut wrong = Vec::new();
        for product in self.own.iter().map(|product| &self.shop.products[*product]) {
            let letters: Vec<char> = product.title.chars().collect();
            for (i, unit) in letters.iter().enumerate().skip(1) {
                let said = match unit {
                    'M' => ["meters", "meter"],
                    'G' => ["grams", "gram"],
                    _ => continue,
                };
                let digits: Vec<&char> =
                    letters[..i].iter().rev().take_while(|c| c.is_ascii_digit()).collect();
                let number: String = digits.into_iter().rev().collect();
                let alone = letters.get(i + 1).is_none_or(|next| !next.is_alphanumeric());
                let next = letters[i + 1..].iter().skip_while(|c| !c.is_alphanumeric());
                let next: String = next.take_while(|c| c.is_alphabetic()).collect();
                let spoken = |three: &[Mark]| {
                    three[0].number() == Some(&number)
                        && three[1].word().is_some_and(|word| said.contains(&word))
                        && (next.is_empty() || three[2].word() == Some(&next.to_lowercase()))
                };
                let brand = product.brand.starts_with(&format!("{number}{unit}"));
                if alone && !number.is_empty() && (brand || *unit == 'G') && speech.windows(3).any(spoken) {
                    wrong.push(format!("{number}{unit} as {}", said[0]));
                }
            }
        }
        for detail in wrong {
            self.fault("unit said wrong", detail);
        }
    }
}

/// The base amount of "per 100 g", "a liter", "each" and the like, and its base unit.
fn rate(after: &[Mark]) -> Option<(f64, char)> {
    let word = |i: usize| after.get(i).and_then(Mark::word);
    let begins = matches!(after.first().map(|mark| &mark.kind), Some(Kind::Sign('/')));
    if word(0) == Some("each") {
        return Some((1.0, 'e'));
    }
    if !begins && !matches!(word(0), Some("per" | "a" | "an" | "the")) {
        return None;
    }
    let number = after.get(1).and_then(Mark::number).and_then(|number| number.parse::<f64>().ok());
    let (scale, base) = match word(if number.is_some() { 2 } else { 1 })? {
        "kg" | "kilo" | "kilogram" | "kilograms" => (1000.0, 'g'),
        "g" | "gram" | "grams" => (1.0, 'g'),
        "l" | "liter" | "liters" | "litre" | "litres" => (1000.0, 'm'),
        "ml" | "milliliter" | "milliliters" => (1.0, 'm'),
        "piece" | "pieces" | "each" | "one" | "unit" | "item" => (1.0, 'e'),
        _ => return None,
    };
    Some((scale * number.unwrap_or(1.0), base))
}

/// Prices stay far below 2^53.
#[allow(clippy::cast_precision_loss)]
fn real(cents: i64) -> f64 {
    cents as f64
}
