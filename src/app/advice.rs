//! Advice that stands on the catalog and on the shop's own guide: what goes with a
//! product, what may stand in for it, what an occasion needs.

use super::listing::line_of;
use super::lookup::Shelves;
use crate::dialog::context::Question;
use crate::dialog::findings::{Findings, Found, Need, Note, Plan};
use crate::dialog::occasion::Occasion;
use crate::dialog::refer::{kind as kind_of, title_words};
use crate::dialog::tool::{Constraints, ListItem, Subject, Tool};
use crate::dialog::words::{stem, words};
use crate::domain::Product;
use crate::store::StoreError;

/// Most products that are suggested at once.
const SUGGESTED: usize = 4;

impl Shelves<'_> {
    /// The product that advice is asked about.
    fn asked_about(&self, findings: &mut Findings, subject: &Subject) -> Result<Option<Product>, StoreError> {
        let mut one = Findings::none(Tool::AskAgain, findings.currency);
        self.about(&mut one, subject)?;
        findings.alternatives = one.alternatives;
        findings.stopped = one.stopped;
        Ok(one.found.into_iter().next().map(|found| found.product))
    }

    /// The first that a search finds, one that can be had before one that cannot.
    fn first_of(&self, query: &str, constraints: &Constraints) -> Result<Option<Product>, StoreError> {
        let mut one = Findings::none(Tool::AskAgain, self.info.currency);
        self.find(&mut one, query, constraints)?;
        let can_be_had = |found: &Found| found.product.can_be_had() != Some(false);
        // Near hits only: the fourth is another thing.
        let near = one.found.iter().take(3).position(can_be_had).unwrap_or(0);
        Ok((!one.found.is_empty()).then(|| one.found.swap_remove(near).product))
    }

    /// The first that a search finds and `constraints` allow; and whether the shop has one
    /// that they do not. Potatoes are no vegan potato salad.
    fn fitting(&self, query: &str, constraints: &Constraints) -> Result<(Option<Product>, bool), StoreError> {
        let found = self.first_of(query, constraints)?;
        if constraints.is_empty() {
            return Ok((found, false));
        }
        let wanted: Vec<String> = words(query).iter().map(|word| stem(word)).collect();
        // Called what was asked for: no need to look for what else is.
        if let Some(product) = &found
            && wanted.iter().all(|word| title_words(product).contains(word))
        {
            return Ok((found, false));
        }
        let Some(any) = self.first_of(query, &Constraints::default())? else { return Ok((found, false)) };
        let titled = title_words(&any);
        let kind = wanted.into_iter().rfind(|word| titled.contains(word));
        let found = found.filter(|product| kind.is_none_or(|kind| title_words(product).contains(&kind)));
        let unfit = found.is_none();
        Ok((found, unfit))
    }

    pub(super) fn pair(
        &self,
        findings: &mut Findings,
        subject: &Subject,
        kind: Option<&str>,
    ) -> Result<(), StoreError> {
        let Some(product) = self.asked_about(findings, subject)? else {
            findings.no_match = true;
            return Ok(());
        };
        let mut goes = self.catalog.accessories(&product.sku)?;
        for search in self.guide.goes_with(&product) {
            goes.extend(self.first_of(search, &Constraints::default())?);
        }
        if let Some(kind) = kind {
            let wanted = stem(kind);
            goes.retain(|other| is_kind(other, &wanted));
            if goes.is_empty() {
                let mut one = Findings::none(Tool::AskAgain, findings.currency);
                self.find(&mut one, kind, &Constraints::default())?;
                goes = one.found.into_iter().map(|found| found.product).collect();
            }
        }
        self.suggest(findings, &product, goes, "goes with it");
        Ok(())
    }

    pub(super) fn substitute(&self, findings: &mut Findings, subject: &Subject) -> Result<(), StoreError> {
        let Some(product) = self.asked_about(findings, subject)? else {
            findings.no_match = findings.alternatives.is_empty();
            findings.found = std::mem::take(&mut findings.alternatives);
            return Ok(());
        };
        let mut others = self.catalog.substitutes(&product.sku)?;
        let category: Vec<&str> = product.category.iter().map(String::as_str).collect();
        if let Some(kind) = kind_of(&product) {
            // Of the same kind, in the same corner of the shop.
            let mut one = Findings::none(Tool::AskAgain, findings.currency);
            self.find(&mut one, &without_brand(&product), &Constraints::default())?;
            let found = one.found.into_iter().map(|found| found.product);
            others.extend(found.filter(|other| other.category == product.category && is_kind(other, &kind)));
        }
        if others.len() < 2 && !category.is_empty() {
            others.extend(self.catalog.in_category(&category, MANY)?);
        }
        others.sort_by_key(|other| other.can_be_had() == Some(false));
        self.suggest(findings, &product, others, "similar");
        Ok(())
    }

    fn suggest(&self, findings: &mut Findings, product: &Product, others: Vec<Product>, reason: &str) {
        findings.alternatives.clear();
        for other in others {
            let known = findings.found.iter().any(|found| found.product.sku == other.sku);
            if other.sku != product.sku && !known && findings.found.len() < SUGGESTED {
                findings.found.push(Found::new(other, reason));
            }
        }
        findings.no_match = findings.found.is_empty();
    }

    pub(super) fn plan(
        &self,
        findings: &mut Findings,
        said: &str,
        people: Option<u32>,
        mut constraints: Constraints,
    ) -> Result<(), StoreError> {
        let Some(occasion) = self.guide.occasion(said) else {
            findings.note = Some(Note::NoPlan);
            return Ok(());
        };
        let count = people.unwrap_or(occasion.serves);
        let asked = constraints.clone();
        constraints.free_from.extend(self.context.avoid().iter().cloned());
        let mut needs = Vec::new();
        let mut items = Vec::new();
        let uneaten = Constraints { dietary: Vec::new(), free_from: Vec::new(), ..constraints.clone() };
        for ingredient in &occasion.needs {
            let constraints = if ingredient.is_eaten { &constraints } else { &uneaten };
            let (product, unfit) = self.fitting(&ingredient.search, constraints)?;
            let quantity = Occasion::packs(ingredient, count);
            needs.push(Need {
                what: ingredient.what.clone(),
                sku: product.as_ref().map(|product| product.sku.clone()),
                unfit,
                quantity,
            });
            let Some(product) = product else { continue };
            if findings.found.iter().any(|found| found.product.sku == product.sku) {
                continue;
            }
            items.push(ListItem { subject: Subject::Sku { sku: product.sku.clone() }, quantity });
            findings.lines.push(self.priced(&line_of(&product, quantity), Some(&product)));
            findings.found.push(Found::new(product, format!("for {}", occasion.name)));
        }
        if needs.iter().all(|need| need.sku.is_none() && !need.unfit) {
            // The guide knows the occasion, but this shop sells other things.
            findings.note = Some(Note::NoPlan);
            return Ok(());
        }
        findings.question = match people {
            _ if items.is_empty() => None,
            None => Some(Question::People { occasion: occasion.name.clone(), constraints: asked }),
            Some(_) => Some(Question::AddAll(items)),
        };
        findings.plan = Some(Plan { occasion: occasion.name.clone(), people: count, needs });
        Ok(())
    }
}

/// Most products of a category that are looked at for a substitute.
const MANY: usize = 12;

/// True when the product is a `wanted` (a stem), by its title, synonyms or category.
fn is_kind(product: &Product, wanted: &str) -> bool {
    let texts =
        std::iter::once(product.label()).chain(product.synonyms.clone()).chain(product.category.clone());
    texts.into_iter().flat_map(|text| words(&text)).any(|word| stem(&word) == wanted)
}

fn without_brand(product: &Product) -> String {
    let label = product.label();
    let brand = product.brand.as_deref().unwrap_or_default();
    label.strip_prefix(brand).unwrap_or(&label).trim().to_owned()
}
