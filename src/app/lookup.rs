//! Performs tool calls: asks the catalog and the settings, and returns plain
//! findings. The only place where a tool call meets the store.

use crate::dialog::findings::{Findings, Found, Offer, PricedLine};
use crate::dialog::freshness::{Freshness, Moment};
use crate::dialog::menu::Menu;
use crate::dialog::order::HeardLine;
use crate::dialog::tool::{Constraints, ListItem, Subject, Tool, Topic};
use crate::domain::turn::OrderLine;
use crate::domain::{AsOf, Cents, Product, moment};
use crate::settings::Settings;
use crate::store::{Catalog, CatalogInfo, Filters, Hit, SearchOutcome, SearchRequest, StoreError};
use jiff::{Timestamp, Zoned};
use std::collections::BTreeMap;

/// What look-ups read from.
pub struct Shelves<'a> {
    pub catalog: &'a Catalog,
    pub info: &'a CatalogInfo,
    pub menu: &'a Menu,
    pub settings: &'a Settings,
    /// The present, where the shop's clocks are.
    pub now: &'a Zoned,
}

impl Shelves<'_> {
    /// Performs `tool`.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn look_up(&self, tool: Tool) -> Result<Findings, StoreError> {
        let mut findings = Findings::none(tool, self.info.currency);
        match findings.tool.clone() {
            Tool::FindProducts { query, constraints } | Tool::Recommend { query, constraints } => {
                self.find(&mut findings, &query, &constraints)?;
            }
            Tool::LocateProduct(subject) | Tool::GetPrice(subject) | Tool::CheckStock(subject) => {
                self.about(&mut findings, &subject)?;
            }
            Tool::CheckFacts { subject, .. } => self.about(&mut findings, &subject)?,
            Tool::Refuse { subject: Some(subject), .. } => self.about(&mut findings, &subject)?,
            Tool::CompareProducts { subjects } => self.compare(&mut findings, &subjects)?,
            Tool::AddToList { items } => self.add(&mut findings, &items)?,
            Tool::OrderDrinks { lines, others } => {
                self.order(&mut findings, &lines);
                self.add(&mut findings, &others)?;
            }
            Tool::StoreFact { topic } => findings.store_fact = Some(self.store_fact(topic)),
            Tool::CallStaff => findings.store_fact = Some(self.store_fact(Topic::ServiceDesk)),
            Tool::ListPromotions => self.offers(&mut findings)?,
            Tool::Help
            | Tool::Greet
            | Tool::Goodbye
            | Tool::Refuse { subject: None, .. }
            | Tool::AskAgain
            | Tool::HeardNothing
            | Tool::CannotHear
            | Tool::CannotLook => {}
        }
        for found in findings.found.iter_mut().chain(&mut findings.alternatives) {
            self.judge(found);
        }
        if findings.tool == Tool::ListPromotions {
            // Who is not sure of a price promises no offer.
            findings.found.retain(|found| found.price == Freshness::Now);
        }
        Ok(findings)
    }

    /// What a product costs now, and whether that and its stock are still sure.
    fn judge(&self, found: &mut Found) {
        let now = self.now.timestamp();
        let (product, limits) = (&found.product, &self.settings.catalog);
        found.price_cents = product.price_at(now);
        found.offer = product.offer(now).map(|offer| {
            let until = offer.until.as_deref();
            let end = until.and_then(|until| Some((moment::last(until)?, moment::date(until))));
            Offer { until: end.map(|(end, date)| Moment::until(end, date, self.now)) }
        });
        found.price = self.freshness(product.price_as_of.as_ref(), limits.price_max_age_hours, Moment::day);
        found.stock = self.freshness(product.stock_as_of.as_ref(), limits.stock_max_age_hours, Moment::time);
    }

    fn freshness(
        &self,
        as_of: Option<&AsOf>,
        max_hours: u32,
        word: impl Fn(Timestamp, &Zoned) -> Moment,
    ) -> Freshness {
        let Some(as_of) = as_of.or(self.info.as_of.as_ref()) else {
            return Freshness::Once;
        };
        let Some(at) = moment::first(as_of) else {
            return Freshness::Once;
        };
        let age = self.now.timestamp().as_second().saturating_sub(at.as_second());
        if age <= i64::from(max_hours) * 3600 {
            return Freshness::Now;
        }
        Freshness::Then(match moment::date(as_of) {
            Some(date) => Moment::date(date, self.now),
            None => word(at, self.now),
        })
    }

    fn offers(&self, findings: &mut Findings) -> Result<(), StoreError> {
        let limit = self.settings.catalog.results as usize;
        let products = self.catalog.offers(self.now.timestamp(), limit)?;
        findings.found = products.into_iter().map(|product| Found::new(product, "on offer")).collect();
        Ok(())
    }

    fn find(
        &self,
        findings: &mut Findings,
        query: &str,
        constraints: &Constraints,
    ) -> Result<(), StoreError> {
        let request = SearchRequest {
            text: query.to_owned(),
            limit: self.settings.catalog.results as usize,
            filters: Filters { moment: Some(self.now.timestamp()), ..filters(constraints) },
            ..SearchRequest::default()
        };
        take(findings, required(self.catalog, &request, constraints.cheapest_first)?);
        Ok(())
    }

    fn about(&self, findings: &mut Findings, subject: &Subject) -> Result<(), StoreError> {
        match subject {
            Subject::Query { query, constraints } => self.find(findings, query, constraints)?,
            Subject::Sku { sku } => match self.catalog.product(sku)? {
                Some(product) => findings.found.push(Found::new(product, "you asked about it")),
                None => findings.no_match = true,
            },
        }
        Ok(())
    }

    fn compare(&self, findings: &mut Findings, subjects: &[Subject]) -> Result<(), StoreError> {
        for subject in subjects {
            let mut one = Findings::none(Tool::AskAgain, findings.currency);
            self.about(&mut one, subject)?;
            let known = |found: &Found| findings.found.iter().any(|f| f.product.sku == found.product.sku);
            let first = one.found.into_iter().find(|found| !known(found));
            findings.other_size |= one.other_size;
            findings.found.extend(first);
            if findings.alternatives.is_empty() {
                findings.alternatives = one.alternatives;
            }
        }
        findings.no_match = findings.found.is_empty();
        if !findings.no_match {
            findings.alternatives.clear();
        }
        Ok(())
    }

    fn add(&self, findings: &mut Findings, items: &[ListItem]) -> Result<(), StoreError> {
        for item in items {
            let mut one = Findings::none(Tool::AskAgain, findings.currency);
            self.about(&mut one, &item.subject)?;
            match one.found.into_iter().next() {
                Some(found) => {
                    findings.other_size |= one.other_size;
                    let line = OrderLine {
                        sku: found.product.sku.clone(),
                        title: found.product.label(),
                        quantity: item.quantity,
                        options: BTreeMap::new(),
                        defaults: BTreeMap::new(),
                    };
                    let price = found.product.price_at(self.now.timestamp());
                    self.take_line(findings, line, price);
                    findings.found.push(Found { reason: "added".into(), ..found });
                }
                None if findings.alternatives.is_empty() => findings.alternatives = one.alternatives,
                None => {}
            }
        }
        findings.no_match = findings.lines.is_empty();
        if !findings.no_match {
            findings.alternatives.clear();
        }
        Ok(())
    }

    fn order(&self, findings: &mut Findings, lines: &[HeardLine]) {
        for heard in lines {
            let Some(index) = self.menu.items.iter().position(|item| item.label() == heard.item) else {
                continue;
            };
            let product = &self.menu.items[index];
            let groups = self.menu.groups_of(index).filter_map(|group| self.menu.groups.get(group));
            let defaults = groups
                .filter(|group| !heard.options.contains_key(&group.id))
                .filter_map(|group| Some((group.id.clone(), group.default.clone()?)))
                .collect();
            let line = OrderLine {
                sku: product.sku.clone(),
                title: product.label(),
                quantity: heard.quantity,
                options: heard.options.clone(),
                defaults,
            };
            let price = self.line_price(product, &line);
            self.take_line(findings, line, price);
            if !findings.found.iter().any(|found| found.product.sku == product.sku) {
                findings.found.push(Found::new(product.clone(), "ordered"));
            }
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

    fn take_line(&self, findings: &mut Findings, line: OrderLine, unit_cents: Option<Cents>) {
        let limit = self.settings.dialog.max_quantity;
        if line.quantity > limit {
            findings.too_many = Some(limit);
        }
        findings.lines.push(PricedLine { line, unit_cents });
    }

    fn store_fact(&self, topic: Topic) -> (&'static str, String) {
        let store = &self.settings.store;
        match topic {
            Topic::Hours => ("store.hours", store.hours.clone()),
            Topic::Returns => ("store.returns", store.returns.clone()),
            Topic::Toilets => ("store.toilets", store.toilets.clone()),
            Topic::Payment => ("store.payment", store.payment.clone()),
            Topic::Parking => ("store.parking", store.parking.clone()),
            Topic::ServiceDesk => ("store.service_desk", store.service_desk.clone()),
        }
    }
}

/// Searches, the cheapest hit first where that is wished.
///
/// # Errors
/// No catalog is loaded, or it cannot be read.
pub fn required(
    catalog: &Catalog,
    request: &SearchRequest,
    cheapest_first: bool,
) -> Result<SearchOutcome, StoreError> {
    let mut outcome = catalog.search(request)?;
    if cheapest_first {
        let now = request.filters.moment.unwrap_or_else(Timestamp::now);
        outcome.hits.sort_by_key(|hit| hit.product.price_at(now).unwrap_or(Cents::MAX));
    }
    Ok(outcome)
}

/// What a search must heed of a shopper's wishes.
#[must_use]
pub fn filters(constraints: &Constraints) -> Filters {
    Filters {
        min_price_cents: constraints.min_price_cents,
        max_price_cents: constraints.max_price_cents,
        dietary: constraints.dietary.clone(),
        free_from: constraints.free_from.clone(),
        size: constraints.size,
        in_stock: constraints.in_stock,
        ..Filters::default()
    }
}

/// Products whose description merely mentions what was asked for are no match:
/// oat cookies are not oat milk. They are offered as what they are.
fn take(findings: &mut Findings, outcome: SearchOutcome) {
    let found = |hit: Hit| Found::new(hit.product, hit.reason);
    let (mentions, hits): (Vec<_>, Vec<_>) = outcome.hits.into_iter().partition(|hit| hit.is_mention);
    findings.no_match = hits.is_empty();
    findings.other_size = outcome.other_size && !hits.is_empty();
    findings.found = hits.into_iter().map(found).collect();
    let nearest: Vec<_> = if findings.no_match {
        mentions.into_iter().chain(outcome.alternatives).collect()
    } else {
        Vec::new()
    };
    findings.alternatives = nearest.into_iter().map(found).collect();
}
