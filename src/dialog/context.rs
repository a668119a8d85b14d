//! What one conversation remembers: what was searched, shown and spoken of, the
//! list with its earlier states, and the question that is open. Lives in memory
//! only, is dropped whole when the session ends, and is never logged.

use super::findings::Findings;
use super::reply::Reply;
use super::tool::{Constraints, ListItem, Subject, Tool};
use crate::domain::turn::OrderLine;
use crate::domain::{Cents, Product, Sku};

/// A product that the shopper saw, or put on the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    pub product: Product,
    /// What it costs, an offer counted.
    pub price_cents: Option<Cents>,
}

/// What was last searched for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Search {
    pub query: String,
    pub constraints: Constraints,
}

/// A question to the shopper that is still open.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)] // A session has at most one.
pub enum Question {
    /// Whether so many pieces, or so dear a list, are meant; no takes the turn's
    /// change back.
    Meant,
    /// Whether these are to be put on the list.
    AddAll(Vec<ListItem>),
    /// For how many people an occasion is.
    People { occasion: String, constraints: Constraints },
}

/// The memory of one session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    /// The cards of the last turn that had some, in their order.
    shown: Vec<Known>,
    /// Products of the list's lines.
    listed: Vec<Known>,
    /// What "it" or "those" means.
    focus: Vec<Subject>,
    search: Option<Search>,
    /// The last tool call about products.
    last: Option<Tool>,
    /// The list, drinks and goods alike.
    pub order: Vec<OrderLine>,
    /// Lines that the last change of the list was about.
    touched: Vec<usize>,
    /// The list as it was before each change, the latest last.
    earlier: Vec<Vec<OrderLine>>,
    question: Option<Question>,
    said: Option<Reply>,
    /// Allergens that the shopper named to be minded, as labels state them.
    avoid: Vec<String>,
    /// What the turn under way named before its question: "the brie, how much is it".
    pub topic: Option<Subject>,
    /// The last step changed the list.
    just_listed: bool,
}

/// Most earlier states of the list that are kept.
const EARLIER: usize = 30;

impl Context {
    #[must_use]
    pub fn shown(&self) -> &[Known] {
        &self.shown
    }

    /// The product of a line of the list.
    #[must_use]
    pub fn listed(&self, line: usize) -> Option<&Known> {
        let sku = &self.order.get(line)?.sku;
        self.listed.iter().find(|known| known.product.sku == *sku)
    }

    /// What "it" means: what the turn named, else what was last spoken of.
    #[must_use]
    pub fn focus(&self) -> Option<Subject> {
        self.topic.clone().or_else(|| self.focus.first().cloned())
    }

    /// All that was last spoken of: one product, or the two that were compared.
    #[must_use]
    pub fn focus_spoken(&self) -> Option<Subject> {
        self.topic.clone().or_else(|| Subject::of(self.focus.clone()))
    }

    /// What "those" means.
    #[must_use]
    pub fn focus_all(&self) -> Option<Subject> {
        if self.topic.is_some() {
            return self.topic.clone();
        }
        let all = if self.focus.len() == 1 && self.shown.len() > 1 && !self.just_listed {
            self.shown.iter().take(MANY).map(|known| sku(&known.product)).collect()
        } else {
            self.focus.clone()
        };
        Subject::of(all)
    }

    /// The product that "it" means, where it is one that was shown or listed.
    #[must_use]
    pub fn focused(&self) -> Option<&Known> {
        match self.focus.first()? {
            Subject::Sku { sku } => self.known(sku),
            Subject::Line { line } => self.listed(*line),
            _ => None,
        }
    }

    /// What is known of a product that was shown or listed.
    #[must_use]
    pub fn known(&self, sku: &Sku) -> Option<&Known> {
        self.shown.iter().chain(&self.listed).find(|known| known.product.sku == *sku)
    }

    #[must_use]
    pub fn search(&self) -> Option<&Search> {
        self.search.as_ref()
    }

    #[must_use]
    pub fn last(&self) -> Option<&Tool> {
        self.last.as_ref()
    }

    /// The lines that "it" means when the list is changed.
    #[must_use]
    pub fn touched(&self) -> &[usize] {
        &self.touched
    }

    /// True when the last step was about the list.
    #[must_use]
    pub fn just_listed(&self) -> bool {
        self.just_listed
    }

    #[must_use]
    pub fn question(&self) -> Option<&Question> {
        self.question.as_ref()
    }

    #[must_use]
    pub fn avoid(&self) -> &[String] {
        &self.avoid
    }

    /// The reply before this one.
    #[must_use]
    pub fn said(&self) -> Option<&Reply> {
        self.said.as_ref()
    }

    /// The list before its last change.
    #[must_use]
    pub fn before(&self) -> Option<&[OrderLine]> {
        self.earlier.last().map(Vec::as_slice)
    }

    /// Remembers a reply, to be repeated.
    pub fn say(&mut self, reply: &Reply) {
        self.said = Some(reply.clone());
    }

    /// Remembers what a step of a turn found and did.
    pub fn take(&mut self, findings: &Findings) {
        self.look_at(findings);
        self.topic = None;
        self.question = match &findings.tool {
            // A question stays open over a courtesy.
            Tool::Repeat | Tool::SmallTalk | Tool::Greet | Tool::Help => self.question.take(),
            _ => findings.question.clone(),
        };
        if let Tool::Mind { allergens } = &findings.tool {
            self.avoid.extend(
                allergens.iter().filter(|word| !self.avoid.contains(word)).cloned().collect::<Vec<_>>(),
            );
        }
        self.just_listed =
            findings.list.is_some() || matches!(findings.tool, Tool::ReviewList | Tool::ConfirmList);
        if let Some(list) = &findings.list {
            self.relist(findings, list.clone());
        }
    }

    fn look_at(&mut self, findings: &Findings) {
        let tool = &findings.tool;
        if let Some(search) = searched(tool) {
            self.search = Some(search);
        }
        if matches!(
            tool,
            Tool::FindProducts { .. }
                | Tool::NarrowProducts { .. }
                | Tool::ShowProducts { .. }
                | Tool::Recommend { .. }
                | Tool::LocateProduct(_)
                | Tool::GetPrice(_)
                | Tool::CheckStock(_)
                | Tool::CheckFacts { .. }
                | Tool::CompareProducts { .. }
                | Tool::FindSubstitutes { .. }
                | Tool::FindPairings { .. }
                | Tool::AddToList { .. }
                | Tool::OrderDrinks { .. }
        ) {
            self.last = Some(tool.clone());
        }
        let is_about_list = findings.list.is_some();
        let cards: Vec<Known> = findings
            .all()
            .map(|found| Known { product: found.product.clone(), price_cents: found.price_cents })
            .collect();
        if cards.is_empty() {
            return;
        }
        let several = matches!(
            tool,
            Tool::CompareProducts { .. }
                | Tool::LocateProduct(Subject::Several { .. })
                | Tool::GetPrice(Subject::Several { .. })
                | Tool::CheckStock(Subject::Several { .. })
                | Tool::CheckFacts { subject: Subject::Several { .. }, .. }
                | Tool::ShowProducts { subject: Subject::Several { .. } }
        );
        let lines = match tool.subject() {
            Some(Subject::Line { line }) => vec![Subject::Line { line: *line }],
            _ => Vec::new(),
        };
        self.focus = if !lines.is_empty() {
            lines
        } else {
            let count = if several { cards.len() } else { 1 };
            cards.iter().take(count).map(|known| sku(&known.product)).collect()
        };
        // A look at one of the cards leaves the others where they are.
        let is_known = |known: &Known| self.shown.iter().any(|old| old.product.sku == known.product.sku);
        let picks = matches!(
            tool.subject(),
            Some(Subject::Sku { .. } | Subject::Line { .. } | Subject::Several { .. })
        ) && cards.iter().all(is_known);
        if !picks && !is_about_list {
            self.shown = cards;
        }
    }

    fn relist(&mut self, findings: &Findings, list: Vec<OrderLine>) {
        for found in findings.all() {
            if !self.listed.iter().any(|known| known.product.sku == found.product.sku) {
                self.listed.push(Known { product: found.product.clone(), price_cents: found.price_cents });
            }
        }
        if list != self.order {
            let before = std::mem::replace(&mut self.order, list);
            if matches!(findings.tool, Tool::Undo | Tool::Decline) {
                self.earlier.pop();
            } else {
                self.earlier.push(before);
                if self.earlier.len() > EARLIER {
                    self.earlier.remove(0);
                }
            }
        }
        self.touched = findings.touched.iter().copied().filter(|line| *line < self.order.len()).collect();
        self.focus = self.touched.iter().map(|line| Subject::Line { line: *line }).collect();
        if self.focus.is_empty() {
            // What was taken off is still spoken of.
            let gone = findings.removed.iter().map(|line| Subject::Sku { sku: line.sku.clone() });
            self.focus = gone.collect();
        }
        let order = &self.order;
        let earlier = &self.earlier;
        let on_a_list = |sku: &Sku| order.iter().chain(earlier.iter().flatten()).any(|line| line.sku == *sku);
        self.listed.retain(|known| on_a_list(&known.product.sku));
    }
}

/// Most products that "those" means of many cards.
const MANY: usize = 3;

fn sku(product: &Product) -> Subject {
    Subject::Sku { sku: product.sku.clone() }
}

/// What a tool call searches for.
fn searched(tool: &Tool) -> Option<Search> {
    let (query, constraints) = match tool {
        Tool::FindProducts { query, constraints }
        | Tool::Recommend { query, constraints }
        | Tool::NarrowProducts { query, constraints, .. } => (query, constraints),
        Tool::LocateProduct(subject)
        | Tool::GetPrice(subject)
        | Tool::CheckStock(subject)
        | Tool::CheckFacts { subject, .. } => match subject {
            Subject::Query { query, constraints } => (query, constraints),
            _ => return None,
        },
        _ => return None,
    };
    Some(Search { query: query.clone(), constraints: constraints.clone() })
}
