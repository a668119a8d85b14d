//! Performs tool calls: asks the catalog and the settings, and returns plain
//! findings. The only place where a tool call meets the store.

use crate::dialog::context::Context;
use crate::dialog::findings::{Findings, Found, Note, Offer};
use crate::dialog::freshness::{Freshness, Moment};
use crate::dialog::menu::Menu;
use crate::dialog::occasion::Guide;
use crate::dialog::refer::{all_words, content, kind};
use crate::dialog::tool::{Constraints, Subject, Than, Tool, Topic};
use crate::dialog::words::{stem, words};
use crate::domain::product::AllergenFact;
use crate::domain::{AsOf, Cents, Sku, moment};
use crate::settings::Settings;
use crate::store::{Catalog, CatalogInfo, Filters, Hit, SearchOutcome, SearchRequest, StoreError};
use jiff::{Timestamp, Zoned};
use std::collections::BTreeMap;

/// What look-ups read from.
pub struct Shelves<'a> {
    pub catalog: &'a Catalog,
    pub info: &'a CatalogInfo,
    pub menu: &'a Menu,
    pub guide: &'a Guide,
    /// What shoppers call each area, by its sign.
    pub areas: &'a BTreeMap<String, String>,
    pub settings: &'a Settings,
    /// The present, where the shop's clocks are.
    pub now: &'a Zoned,
    /// The conversation so far.
    pub context: &'a Context,
    /// What is made for the shopper is sent to who makes it, not shown to them.
    pub sends: bool,
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
            Tool::NarrowProducts { query, constraints, shown, than } => {
                self.narrow(&mut findings, &query, &constraints, &shown, than)?;
            }
            Tool::ShowProducts { subject }
            | Tool::LocateProduct(subject)
            | Tool::GetPrice(subject)
            | Tool::CheckStock(subject)
            | Tool::CheckFacts { subject, .. }
            | Tool::Refuse { subject: Some(subject), .. } => self.about(&mut findings, &subject)?,
            Tool::ListOptions { subject, group } => {
                self.choices(&mut findings, &subject, group.as_deref())?
            }
            Tool::CompareProducts { subjects } => self.each(&mut findings, &subjects)?,
            Tool::FindPairings { subject, kind } => self.pair(&mut findings, &subject, kind.as_deref())?,
            Tool::FindSubstitutes { subject } => self.substitute(&mut findings, &subject)?,
            Tool::PlanOccasion { occasion, people, constraints } => {
                self.plan(&mut findings, &occasion, people, constraints)?;
            }
            Tool::AddToList { items } => self.add(&mut findings, &items)?,
            Tool::OrderDrinks { lines, others } => self.order(&mut findings, &lines, &others)?,
            Tool::ChangeList { changes } => self.change(&mut findings, &changes)?,
            Tool::RemoveFromList { lines } => self.remove(&mut findings, &lines)?,
            Tool::ClearList => self.clear(&mut findings)?,
            Tool::Undo => self.undo(&mut findings)?,
            Tool::ReviewList | Tool::ConfirmList => self.review(&mut findings)?,
            Tool::Agree => self.agree(&mut findings)?,
            Tool::Decline => self.decline(&mut findings)?,
            Tool::StoreFact { topic } => findings.store_fact = Some(self.store_fact(topic)),
            Tool::CallStaff => findings.store_fact = Some(self.store_fact(Topic::ServiceDesk)),
            Tool::ListPromotions => self.offers(&mut findings)?,
            Tool::Repeat => findings.repeated = self.context.said().cloned().map(Box::new),
            Tool::Help
            | Tool::SmallTalk
            | Tool::Acknowledge
            | Tool::Mind { .. }
            | Tool::Greet
            | Tool::Goodbye
            | Tool::Refuse { subject: None, .. }
            | Tool::AskFor { .. }
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
    pub(super) fn judge(&self, found: &mut Found) {
        let now = self.now.timestamp();
        let (product, limits) = (&found.product, &self.settings.catalog);
        let place = product.location.as_ref();
        found.area = place.and_then(|place| self.areas.get(&place.aisle).cloned());
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

    fn request(&self, query: &str, constraints: &Constraints) -> SearchRequest {
        SearchRequest {
            text: query.to_owned(),
            limit: self.settings.catalog.results as usize,
            filters: Filters { moment: Some(self.now.timestamp()), ..filters(constraints) },
            ..SearchRequest::default()
        }
    }

    /// Searches. A product that was called by its whole name is found, whatever its name
    /// was read to require.
    pub(super) fn find(
        &self,
        findings: &mut Findings,
        query: &str,
        constraints: &Constraints,
    ) -> Result<(), StoreError> {
        self.wanted(findings, query, constraints)?;
        let name = if constraints.is_empty() { query } else { &constraints.said };
        if !findings.no_match || name.is_empty() {
            return Ok(());
        }
        let name = words(name);
        let parts: Vec<&str> = name.iter().map(String::as_str).collect();
        let titled = self.catalog.with_title(&parts, TITLED)?;
        if let Some(product) = titled.into_iter().find(|product| words(&product.label()) == name) {
            findings.no_match = false;
            findings.relaxed = false;
            findings.alternatives.clear();
            findings.found = vec![Found::new(product, "called by its name")];
        }
        Ok(())
    }

    fn wanted(
        &self,
        findings: &mut Findings,
        query: &str,
        constraints: &Constraints,
    ) -> Result<(), StoreError> {
        let request = self.request(query, constraints);
        let wishes = constraints.wishes();
        if wishes.is_empty() {
            take(findings, required(self.catalog, &request, constraints.cheapest_first)?);
            if findings.no_match && !constraints.is_empty() && !query.is_empty() {
                // The nearest without what was required, told as what they are.
                let words = [std::slice::from_ref(&request.text), &constraints.dietary].concat().join(" ");
                let request = SearchRequest { text: words, ..self.request(query, &Constraints::default()) };
                let mut near = Findings::none(Tool::AskAgain, findings.currency);
                take(&mut near, required(self.catalog, &request, constraints.cheapest_first)?);
                // What a label names as in it is never offered to who must not have it.
                let has = |found: &Found| {
                    let on_label = |word: &String| {
                        matches!(
                            found.product.allergen(word),
                            AllergenFact::Contains | AllergenFact::MayContain
                        )
                    };
                    constraints.free_from.iter().any(on_label)
                };
                near.found.retain(|found| !has(found));
                findings.relaxed = !near.found.is_empty();
                if findings.relaxed {
                    findings.alternatives = near.found.into_iter().take(NEAR).collect();
                } else {
                    findings.alternatives.retain(|found| !has(found));
                }
            }
            return Ok(());
        }
        // What fulfils more wishes comes first; the kind of thing must be right.
        let request = SearchRequest { limit: MANY, ..request };
        take(findings, required(self.catalog, &request, constraints.cheapest_first)?);
        let wishes: Vec<String> = wishes.iter().map(|word| stem(word)).collect();
        let fulfilled = |found: &Found| {
            let words = all_words(&found.product);
            wishes.iter().filter(|wish| words.contains(wish)).count()
        };
        findings.found.sort_by_cached_key(|found| std::cmp::Reverse(fulfilled(found)));
        findings.found.truncate(self.settings.catalog.results as usize);
        Ok(())
    }

    /// What was searched, as different from what is shown as it is wished.
    fn narrow(
        &self,
        findings: &mut Findings,
        query: &str,
        constraints: &Constraints,
        shown: &[Sku],
        than: Option<Than>,
    ) -> Result<(), StoreError> {
        let request = SearchRequest { limit: MANY, ..self.request(query, constraints) };
        take(findings, required(self.catalog, &request, constraints.cheapest_first)?);
        if let Some(than) = than {
            let beside = self.catalog.products(shown)?;
            let now = self.now.timestamp();
            let first = beside.first();
            let cents = first.and_then(|product| product.price_at(now));
            let size = first.and_then(content);
            let unit = first.and_then(|product| product.pack.as_ref()).map(|pack| pack.unit);
            let is_so = |found: &Found| {
                let (price, pack) = (found.product.price_at(now), content(&found.product));
                let alike = found
                    .product
                    .pack
                    .as_ref()
                    .map(|pack| pack.unit)
                    .is_some_and(|own| unit.is_some_and(|unit| own.base_unit() == unit.base_unit()));
                match than {
                    Than::Cheaper => price.zip(cents).is_some_and(|(a, b)| a < b),
                    Than::Dearer => price.zip(cents).is_some_and(|(a, b)| a > b),
                    Than::Bigger => alike && pack.zip(size).is_some_and(|(a, b)| a > b),
                    Than::Smaller => alike && pack.zip(size).is_some_and(|(a, b)| a < b),
                    Than::Other => !shown.contains(&found.product.sku),
                }
            };
            findings.found.retain(is_so);
            if findings.found.is_empty()
                && than != Than::Other
                && let Some(kind) = first.and_then(kind)
            {
                // "Something cheaper" than duct tape may be another tape.
                let request = SearchRequest { text: kind, ..request };
                take(findings, required(self.catalog, &request, constraints.cheapest_first)?);
                let category = first.map(|product| product.category.clone()).unwrap_or_default();
                findings.found.retain(|found| found.product.category == category && is_so(found));
            }
            if findings.found.is_empty() {
                findings.note = Some(Note::None(than));
                findings.no_match = false;
                findings.alternatives.clear();
                findings.found =
                    beside.into_iter().take(1).map(|product| Found::new(product, "shown before")).collect();
            }
        }
        if findings.no_match {
            // What was there before the new wish is still the nearest.
            findings.alternatives = self
                .context
                .shown()
                .iter()
                .take(3)
                .map(|known| Found::new(known.product.clone(), "shown before"))
                .collect();
        }
        findings.found.truncate(self.settings.catalog.results as usize);
        Ok(())
    }

    pub(super) fn about(&self, findings: &mut Findings, subject: &Subject) -> Result<(), StoreError> {
        match subject {
            Subject::Query { query, constraints } => self.find(findings, query, constraints)?,
            Subject::Sku { sku } => match self.catalog.product(sku)? {
                Some(product) => findings.found.push(Found::new(product, "you asked about it")),
                None => self.gone(findings, sku)?,
            },
            Subject::Line { line } => {
                let Some(line) = self.context.order.get(*line) else {
                    findings.no_match = true;
                    return Ok(());
                };
                match self.catalog.product(&line.sku)? {
                    Some(product) => {
                        findings.lines.push(self.priced(line, Some(&product)));
                        findings.found.push(Found::new(product, "on your list"));
                    }
                    None => self.gone(findings, &line.sku)?,
                }
            }
            Subject::Several { subjects } => self.each(findings, subjects)?,
        }
        Ok(())
    }

    /// What is not there any more: it may be stopped only.
    fn gone(&self, findings: &mut Findings, sku: &Sku) -> Result<(), StoreError> {
        findings.no_match = true;
        findings.stopped.extend(self.catalog.stopped(sku)?);
        Ok(())
    }

    /// The first product that each of `subjects` means, every product once.
    fn each(&self, findings: &mut Findings, subjects: &[Subject]) -> Result<(), StoreError> {
        for subject in subjects {
            let mut one = Findings::none(Tool::AskAgain, findings.currency);
            self.about(&mut one, subject)?;
            findings.lines.append(&mut one.lines);
            findings.stopped.append(&mut one.stopped);
            findings.other_size |= one.other_size;
            let known = |found: &Found| findings.found.iter().any(|f| f.product.sku == found.product.sku);
            let first = one.found.into_iter().find(|found| !known(found));
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

/// Most products offered where none has what was required.
const NEAR: usize = 3;

/// Most products whose titles are compared with what was said, whole word for word.
const TITLED: usize = 50;

/// Hits among which a cheaper or bigger one is looked for.
const MANY: usize = 24;

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
    findings.stopped = outcome.stopped;
    let nearest: Vec<_> = if findings.no_match {
        mentions.into_iter().chain(outcome.alternatives).collect()
    } else {
        Vec::new()
    };
    findings.alternatives = nearest.into_iter().map(found).collect();
}
