//! The shopper's list: what a tool call makes of it, with prices from the catalog.
//! Returns the list as it becomes; the conversation keeps it.

use super::lookup::Shelves;
use crate::dialog::context::Question;
use crate::dialog::findings::{Findings, Found, Note, PricedLine};
use crate::dialog::order::HeardLine;
use crate::dialog::tool::{Change, ListItem, Subject, Tool};
use crate::domain::turn::OrderLine;
use crate::domain::{Cents, Product, Sku};
use crate::store::StoreError;
use std::collections::BTreeMap;

/// A list while it changes.
struct Draft {
    lines: Vec<OrderLine>,
    touched: Vec<usize>,
    removed: Vec<OrderLine>,
}

impl Draft {
    fn touch(&mut self, line: usize) {
        if !self.touched.contains(&line) {
            self.touched.push(line);
        }
    }

    /// Puts a line on; one that is the same but for its number is added to.
    fn put(&mut self, line: OrderLine) {
        let same = |own: &OrderLine| own.sku == line.sku && own.options == line.options;
        match self.lines.iter().position(same) {
            Some(at) => {
                self.lines[at].quantity = self.lines[at].quantity.saturating_add(line.quantity);
                self.touch(at);
            }
            None => {
                self.lines.push(line);
                self.touch(self.lines.len() - 1);
            }
        }
    }

    /// Takes lines off, by their places.
    fn take_off(&mut self, places: &[usize]) {
        let mut places: Vec<usize> = places.iter().copied().filter(|at| *at < self.lines.len()).collect();
        places.sort_unstable();
        places.dedup();
        for at in places.into_iter().rev() {
            self.removed.insert(0, self.lines.remove(at));
            self.touched.retain(|own| *own != at);
            for own in self.touched.iter_mut().filter(|own| **own > at) {
                *own -= 1;
            }
        }
    }
}

impl Shelves<'_> {
    fn draft(&self) -> Draft {
        Draft { lines: self.context.order.clone(), touched: Vec::new(), removed: Vec::new() }
    }

    /// Puts goods on the list.
    pub(super) fn add(&self, findings: &mut Findings, items: &[ListItem]) -> Result<(), StoreError> {
        let mut draft = self.draft();
        self.put_all(findings, &mut draft, items)?;
        self.settle(findings, draft)
    }

    fn put_all(
        &self,
        findings: &mut Findings,
        draft: &mut Draft,
        items: &[ListItem],
    ) -> Result<(), StoreError> {
        for item in items {
            let subjects = match &item.subject {
                Subject::Several { subjects } => subjects.as_slice(),
                one => std::slice::from_ref(one),
            };
            for subject in subjects {
                if let Subject::Line { line } = subject
                    && let Some(own) = draft.lines.get_mut(*line)
                {
                    own.quantity = own.quantity.saturating_add(item.quantity);
                    draft.touch(*line);
                    continue;
                }
                let Some(product) = self.one(findings, subject)? else { continue };
                draft.put(line_of(&product, item.quantity));
            }
        }
        Ok(())
    }

    /// The product that a subject means; none: the nearest are kept as alternatives.
    fn one(&self, findings: &mut Findings, subject: &Subject) -> Result<Option<Product>, StoreError> {
        let mut one = Findings::none(Tool::AskAgain, findings.currency);
        self.about(&mut one, subject)?;
        let is_stopped = !one.stopped.is_empty();
        findings.stopped.append(&mut one.stopped);
        if is_stopped {
            // Nothing else is put there in its place.
            return Ok(None);
        }
        if one.found.is_empty() {
            findings.partly = true;
            if findings.alternatives.is_empty() {
                findings.alternatives = one.alternatives;
            }
            return Ok(None);
        }
        findings.other_size |= one.other_size;
        Ok(one.found.into_iter().next().map(|found| found.product))
    }

    /// Puts drinks on the list, and goods that were named beside them.
    pub(super) fn order(
        &self,
        findings: &mut Findings,
        lines: &[HeardLine],
        others: &[ListItem],
    ) -> Result<(), StoreError> {
        let mut draft = self.draft();
        for heard in lines {
            let Some(index) = self.ordered(&heard.item) else { continue };
            let product = &self.menu.items[index];
            let mut line = line_of(product, heard.quantity);
            line.options = heard.options.clone();
            self.fill_in(&mut line);
            draft.put(line);
        }
        self.put_all(findings, &mut draft, others)?;
        self.settle(findings, draft)
    }

    /// The menu item that is called `item`, by SKU or else by name.
    fn ordered(&self, item: &str) -> Option<usize> {
        let of = |is: &dyn Fn(&Product) -> bool| self.menu.items.iter().position(is);
        of(&|own| own.sku.as_str() == item).or_else(|| of(&|own| own.label() == item))
    }

    /// Sets options of a line.
    fn choose(&self, line: &mut OrderLine, options: &BTreeMap<String, String>) {
        line.options.extend(options.clone());
        self.fill_in(line);
    }

    /// Sets what was not said of a line to its groups' defaults.
    pub(super) fn fill_in(&self, line: &mut OrderLine) {
        let Some(index) = self.menu.items.iter().position(|item| item.sku == line.sku) else { return };
        let groups = self.menu.groups_of(index).filter_map(|group| self.menu.groups.get(group));
        line.defaults = groups
            .filter(|group| !line.options.contains_key(&group.id))
            .filter_map(|group| Some((group.id.clone(), group.default.clone()?)))
            .collect();
    }

    pub(super) fn change(&self, findings: &mut Findings, changes: &[Change]) -> Result<(), StoreError> {
        let mut draft = self.draft();
        let mut gone = Vec::new();
        for change in changes {
            match change {
                Change::Quantity { line, quantity } => {
                    if let Some(own) = draft.lines.get_mut(*line) {
                        own.quantity = *quantity;
                        draft.touch(*line);
                    }
                }
                Change::By { line, pieces } => {
                    let Some(own) = draft.lines.get_mut(*line) else { continue };
                    match u32::try_from(i64::from(own.quantity).saturating_add(*pieces)) {
                        Ok(quantity @ 1..) => {
                            own.quantity = quantity;
                            draft.touch(*line);
                        }
                        _ => gone.push(*line),
                    }
                }
                Change::Options { line, options } => {
                    if let Some(own) = draft.lines.get_mut(*line) {
                        self.choose(own, options);
                        draft.touch(*line);
                    }
                }
                Change::Split { line, pieces, options } => {
                    let Some(own) = draft.lines.get_mut(*line) else { continue };
                    if *pieces < own.quantity {
                        // The part that changes stands in the line's place, the rest after it.
                        let mut rest = own.clone();
                        rest.quantity -= pieces;
                        own.quantity = *pieces;
                        draft.lines.insert(*line + 1, rest);
                    }
                    self.choose(&mut draft.lines[*line], options);
                    draft.touch(*line);
                }
                Change::Swap { line, item } => {
                    let Some(product) = self.one(findings, &item.subject)? else { continue };
                    if draft.lines.get(*line).is_some_and(|own| own.sku != product.sku) {
                        gone.push(*line);
                        draft.put(line_of(&product, item.quantity));
                    } else {
                        draft.touch(*line);
                    }
                }
            }
        }
        draft.take_off(&gone);
        self.settle(findings, draft)
    }

    pub(super) fn remove(&self, findings: &mut Findings, lines: &[usize]) -> Result<(), StoreError> {
        let mut draft = self.draft();
        draft.take_off(lines);
        self.settle(findings, draft)
    }

    pub(super) fn clear(&self, findings: &mut Findings) -> Result<(), StoreError> {
        if self.context.order.is_empty() {
            findings.note = Some(Note::NotListed);
            return Ok(());
        }
        self.settle(findings, Draft { lines: Vec::new(), touched: Vec::new(), removed: Vec::new() })
    }

    /// The list as it was before its last change.
    pub(super) fn undo(&self, findings: &mut Findings) -> Result<(), StoreError> {
        let Some(before) = self.context.before() else {
            findings.note = Some(Note::NothingToUndo);
            return Ok(());
        };
        self.restore(findings, before)
    }

    fn restore(&self, findings: &mut Findings, before: &[OrderLine]) -> Result<(), StoreError> {
        let now = &self.context.order;
        let back = |line: &OrderLine| !now.contains(line);
        let touched: Vec<usize> =
            before.iter().enumerate().filter(|(_, line)| back(line)).map(|(at, _)| at).collect();
        findings.list = Some(before.to_vec());
        findings.touched = touched;
        self.tell(findings, before)
    }

    /// Reads the list back.
    pub(super) fn review(&self, findings: &mut Findings) -> Result<(), StoreError> {
        if self.context.order.is_empty() {
            findings.note = Some(Note::NotListed);
            return Ok(());
        }
        // A question whether so much is meant is asked again before the list stands.
        if findings.tool == Tool::ConfirmList && self.context.question() == Some(&Question::Meant) {
            findings.question = Some(Question::Meant);
        }
        self.tell(findings, &self.context.order)?;
        let is_made = |found: &Found| !found.product.option_groups.is_empty();
        findings.sent = self.sends && findings.question.is_none() && findings.found.iter().any(is_made);
        Ok(())
    }

    /// "Yes" to the question that is open.
    pub(super) fn agree(&self, findings: &mut Findings) -> Result<(), StoreError> {
        match self.context.question() {
            Some(Question::AddAll(items)) => {
                let mut draft = self.draft();
                self.put_all(findings, &mut draft, items)?;
                self.settle(findings, draft)?;
                findings.question = None;
            }
            Some(Question::Meant) => {
                let touched = self.context.touched();
                let lines: Vec<OrderLine> =
                    touched.iter().filter_map(|line| self.context.order.get(*line).cloned()).collect();
                self.tell(findings, &lines)?;
            }
            Some(Question::People { .. }) | None => {
                findings.note = Some(Note::Nothing);
            }
        }
        Ok(())
    }

    /// "No" to it: what was asked about is taken back.
    pub(super) fn decline(&self, findings: &mut Findings) -> Result<(), StoreError> {
        match (self.context.question(), self.context.before()) {
            (Some(Question::Meant), Some(before)) => self.restore(findings, before),
            (Some(_), _) => Ok(()),
            (None, _) => {
                findings.note = Some(Note::Nothing);
                Ok(())
            }
        }
    }

    /// Makes a draft the list of the findings, with the products that it speaks of.
    fn settle(&self, findings: &mut Findings, draft: Draft) -> Result<(), StoreError> {
        let Draft { lines, touched, removed } = draft;
        let spoken: Vec<OrderLine> = touched.iter().filter_map(|at| lines.get(*at).cloned()).collect();
        let is_clear = findings.tool == Tool::ClearList;
        if spoken.is_empty() && removed.is_empty() && !is_clear {
            findings.no_match =
                !matches!(findings.tool, Tool::ChangeList { .. } | Tool::RemoveFromList { .. });
            if !findings.no_match {
                findings.note = Some(Note::NotListed);
            }
            return Ok(());
        }
        findings.alternatives.clear();
        self.speak_of(findings, &spoken, &removed)?;
        let limit = self.settings.dialog.max_quantity;
        let before = |line: &OrderLine| {
            self.context.order.iter().any(|old| old.sku == line.sku && old.quantity >= line.quantity)
        };
        let many = spoken.iter().any(|line| line.quantity > limit && !before(line));
        let most = Cents::from(self.settings.dialog.max_total) * 100;
        let dear = self.total(&lines)?.is_some_and(|cents| cents > most)
            && self.total(&self.context.order)?.is_none_or(|cents| cents <= most);
        if many || dear {
            findings.question = Some(Question::Meant);
        }
        findings.list = Some(lines);
        findings.touched = touched;
        findings.removed = removed;
        Ok(())
    }

    /// Speaks of `lines` with what they cost together.
    fn tell(&self, findings: &mut Findings, lines: &[OrderLine]) -> Result<(), StoreError> {
        self.speak_of(findings, lines, &[])?;
        findings.total_cents = self.total(lines)?;
        Ok(())
    }

    /// Brings the products of `lines` and `removed`, each once, and prices `lines`.
    fn speak_of(
        &self,
        findings: &mut Findings,
        lines: &[OrderLine],
        removed: &[OrderLine],
    ) -> Result<(), StoreError> {
        for line in lines.iter().chain(removed) {
            if findings.found.iter().any(|found| found.product.sku == line.sku) {
                continue;
            }
            match self.catalog.product(&line.sku)? {
                Some(product) => findings.found.push(Found::new(product, "on your list")),
                None if findings.stopped.iter().any(|product| product.sku == line.sku) => {}
                None => findings.stopped.extend(self.catalog.stopped(&line.sku)?),
            }
        }
        let stopped: Vec<Sku> = findings.stopped.iter().map(|product| product.sku.clone()).collect();
        for line in lines.iter().filter(|line| !stopped.contains(&line.sku)) {
            let product = findings.found.iter().map(|found| &found.product).find(|p| p.sku == line.sku);
            let priced = self.priced(line, product);
            findings.lines.push(priced);
        }
        Ok(())
    }

    /// What a list costs; `None` when a price is not known, or the sum no money.
    fn total(&self, lines: &[OrderLine]) -> Result<Option<Cents>, StoreError> {
        let mut sum: Cents = 0;
        for line in lines {
            let product = self.catalog.product(&line.sku)?;
            if product.is_none() && self.catalog.stopped(&line.sku)?.is_some() {
                continue;
            }
            let unit = self.priced(line, product.as_ref()).unit_cents;
            let more = unit.and_then(|cents| cents.checked_mul(Cents::from(line.quantity)));
            match more.and_then(|more| sum.checked_add(more)) {
                Some(total) => sum = total,
                None => return Ok(None),
            }
        }
        Ok((!lines.is_empty()).then_some(sum))
    }

    pub(super) fn priced(&self, line: &OrderLine, product: Option<&Product>) -> PricedLine {
        PricedLine {
            line: line.clone(),
            unit_cents: product.and_then(|product| self.line_price(product, line)),
        }
    }

    /// The product's price with what its options add; leaving something out
    /// costs nothing.
    fn line_price(&self, product: &Product, line: &OrderLine) -> Option<Cents> {
        let chosen = line.options.iter().chain(&line.defaults);
        let added: Cents = chosen
            .filter(|(_, words)| !words.starts_with("no "))
            .filter_map(|(id, words)| self.menu.groups.iter().find(|group| group.id == *id)?.value(words))
            .map(|value| value.price_delta_cents)
            .sum();
        Some((product.price_at(self.now.timestamp())? + added).max(0))
    }

    /// What a product made to order can be had with.
    pub(super) fn choices(
        &self,
        findings: &mut Findings,
        subject: &Subject,
        group: Option<&str>,
    ) -> Result<(), StoreError> {
        self.about(findings, subject)?;
        findings.lines.clear();
        let Some(first) = findings.found.first() else { return Ok(()) };
        let index = self.menu.items.iter().position(|item| item.sku == first.product.sku);
        findings.choices = index
            .into_iter()
            .flat_map(|index| self.menu.groups_of(index))
            .filter_map(|at| self.menu.groups.get(at))
            .filter(|own| group.is_none_or(|wanted| own.id == wanted))
            .map(|own| (own.name.clone(), own.values.iter().map(|value| value.name.clone()).collect()))
            .collect();
        findings.found.truncate(1);
        findings.no_match = findings.choices.is_empty();
        Ok(())
    }
}

pub(super) fn line_of(product: &Product, quantity: u32) -> OrderLine {
    OrderLine {
        sku: product.sku.clone(),
        title: product.label(),
        quantity,
        options: BTreeMap::new(),
        defaults: BTreeMap::new(),
    }
}
