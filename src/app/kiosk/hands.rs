//! Does what a visit asks for: turns of the conversation, and look-ups without one. Reads
//! the catalog through the assistant; says nothing, shows nothing.

use super::command::{Answer, Browse, Renewal, Turned};
use super::floor::Floor;
use super::for_you::for_you;
use super::goods::Goods;
use super::shelf::{Good, Light};
use super::visit::State;
use super::welcome::Welcome;
use crate::app::assistant::{Assistant, Input, Request};
use crate::app::doctor::Check;
use crate::app::lookup::{Shelves, filters};
use crate::app::orders::{Orders, Placed};
use crate::app::overhear::Glimpse;
use crate::app::talk::{Reading, Said};
use crate::dialog::constraint;
use crate::dialog::context::Question;
use crate::dialog::findings::Found;
use crate::dialog::tool::{Change, Constraints, Subject, Tool};
use crate::domain::turn::{Intent, OrderLine, TurnReport};
use crate::domain::{Cents, Gtin, OptionGroup, Product, Sku};
use crate::engines::{Engine, EngineState};
use crate::settings::Settings;
use crate::store::{Alert, SearchRequest, StoreError};
use crate::view::card::{Card, PriceAge};
use crate::view::help::Call;
use crate::view::home::Category;
use crate::view::photos::kind;
use crate::view::search::Suggestion;
use crate::view::{compare, list, map, product};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most that a question in words brings.
const FOUND: usize = 60;
const SUGGESTED: usize = 6;
pub(super) const OFFERED: usize = 12;
const BESIDE: usize = 8;
const PHOTOS: u32 = 24;
/// Most stops of a way: a map with more is not read.
const STOPS: usize = 60;

/// Age up to which a call is the one that was just made, in seconds.
const NEW: i64 = 10;

/// Carries out commands for one kiosk.
#[derive(Clone)]
pub struct Hands {
    pub assistant: Arc<Assistant>,
    pub settings: Arc<Settings>,
    /// Who takes orders, where somebody does.
    pub orders: Option<Arc<Orders>>,
}

impl Hands {
    /// What the start shows.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn welcome(&self, voice: bool, sound: bool, cards: bool) -> Result<Welcome, StoreError> {
        self.assistant.shelves(None, |shelves| {
            let category = |own: crate::store::Department| Category {
                kind: kind(std::slice::from_ref(&own.name)),
                products: own.products,
                name: own.name,
                photo: own.photo,
            };
            let store = &shelves.settings.store;
            Ok(Welcome {
                store: store.name.clone(),
                voice,
                sound,
                printable: !self.settings.screen.print_command.is_empty(),
                orders: self.orders.is_some(),
                cards,
                categories: shelves.catalog.departments()?.into_iter().map(category).collect(),
                offers: offers(shelves, OFFERED)?.into_iter().map(|good| good.card).collect(),
                photos: shelves.catalog.photographs(PHOTOS)?,
                facts: vec![
                    ("hours", store.hours.clone()),
                    ("toilets", store.toilets.clone()),
                    ("payment", store.payment.clone()),
                    ("returns", store.returns.clone()),
                    ("parking", store.parking.clone()),
                    ("service-desk", store.service_desk.clone()),
                ],
                service_desk: store.service_desk.clone(),
            })
        })
    }

    /// A turn of the visit's conversation.
    pub async fn turn(&self, visit: u64, input: Input) -> Answer {
        let session = State::session(visit);
        let by_words = !matches!(input, Input::Touch(_));
        let request = Request { id: None, input, session: Some(session.clone()), speak: false, stays: true };
        let report = match self.assistant.turn(&request, |_, _| {}).await {
            Ok((report, _)) => report,
            Err(error) => return Answer::Failed(format!("{error:#}")),
        };
        let told = tokio::task::block_in_place(|| {
            self.assistant.shelves(Some(&session), |shelves| told(shelves, &report, by_words))
        });
        match told {
            Ok(mut turned) => {
                let calls = report.intent == Intent::CallStaff;
                turned.call = calls.then(|| tokio::task::block_in_place(|| self.call()));
                Answer::Turn(Box::new(turned))
            }
            Err(error) => failed(&error),
        }
    }

    /// Changes the line of the list that is `line`, by so many pieces, or takes it off. One
    /// that is not there any more is left alone.
    pub async fn edit(&self, visit: u64, line: &OrderLine, by: Option<i64>) -> Answer {
        let session = State::session(visit);
        let same = |own: &OrderLine| own.sku == line.sku && own.options == line.options;
        let at = tokio::task::block_in_place(|| {
            self.assistant.shelves(Some(&session), |shelves| shelves.context.order.iter().position(same))
        });
        let tool = match (at, by) {
            (Some(line), Some(pieces)) => Tool::ChangeList { changes: vec![Change::By { line, pieces }] },
            (Some(line), None) => Tool::RemoveFromList { lines: vec![line] },
            (None, _) => Tool::ReviewList,
        };
        self.turn(visit, Input::Touch(Box::new(tool))).await
    }

    /// Places an order of lines of a visit's list; `None`: nobody takes any.
    pub fn place(&self, visit: u64, lines: &[OrderLine]) -> Option<Placed> {
        let orders = self.orders.as_ref()?;
        let session = State::session(visit);
        let placed = self.assistant.shelves(Some(&session), |shelves| {
            let priced = lines.iter().map(|line| {
                let product = shelves.catalog.product(&line.sku)?;
                Ok((line.clone(), shelves.priced(line, product.as_ref()).unit_cents))
            });
            let priced: Vec<_> = priced.collect::<Result<_, StoreError>>()?;
            orders.place(&priced, shelves.info.currency, shelves.now.timestamp())
        });
        match placed {
            Ok(placed) => {
                self.assistant.meter().iter().for_each(|meter| meter.wake());
                Some(placed)
            }
            Err(error) => {
                tracing::error!(%error, "an order is not placed");
                None
            }
        }
    }

    /// How the engines do, for the maintenance page.
    #[must_use]
    pub fn engines(&self) -> Vec<Check> {
        let check = |engine: &Engine| match engine.state() {
            EngineState::Ready => Check::good("engines", format!("{} answers", engine.name())),
            state => Check::fault("engines", format!("{}: {}", engine.name(), state.name()), ""),
        };
        self.assistant.engines().map(check).collect()
    }

    /// What became of a call for a person.
    fn call(&self) -> Call {
        let waits = |alert: &Alert| alert.acknowledged_at.is_none();
        match self.assistant.catalog().alerts(1) {
            Ok(alerts) => alerts.first().filter(|alert| waits(alert)).map_or(Call::Failed, |alert| {
                let raised = alert.raised_at.parse::<Timestamp>();
                let is_new = raised.is_ok_and(|at| Timestamp::now().duration_since(at).as_secs() < NEW);
                if is_new { Call::Called } else { Call::Waiting }
            }),
            Err(_) => Call::Failed,
        }
    }

    /// What words would mean, and the first cards of what they are about. For a thread that
    /// may block.
    #[must_use]
    pub fn glimpse(&self, visit: u64, said: &Said, most: usize) -> (Reading, Vec<Card>) {
        let session = State::session(visit);
        let Glimpse { reading, mut found } = self.assistant.glimpse(Some(&session), said);
        found.truncate(most);
        let cards = |shelves: &Shelves<'_>| goods(shelves, all(found)).into_iter().map(|good| good.card);
        (reading, self.assistant.shelves(None, |shelves| cards(shelves).collect()))
    }

    /// What a visit shows, as the catalog has it now, with the page of one product.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn renew(&self, visit: u64, skus: &[Sku], open: Option<&Sku>) -> Result<Renewal, StoreError> {
        let session = State::session(visit);
        self.assistant.shelves(Some(&session), |shelves| {
            let own = goods(shelves, all(shelves.catalog.products(skus)?));
            let goods: BTreeMap<Sku, Good> =
                own.into_iter().map(|good| (good.card.sku.clone(), good)).collect();
            let listed = shelves.context.order.iter().map(|line| &line.sku);
            let gone: BTreeSet<&Sku> =
                skus.iter().chain(listed).filter(|sku| !goods.contains_key(*sku)).collect();
            let mut stopped = Vec::new();
            for sku in gone {
                let product = shelves.catalog.stopped(sku)?;
                stopped.extend(product.map(|product| (sku.clone(), product.label())));
            }
            let open = open.and_then(|sku| goods.get(sku)).map(|good| good.product.clone());
            let product = open.map(|own| shown(shelves, own).map(Box::new)).transpose()?;
            Ok(Renewal { goods, stopped, list: list(shelves, None)?, product })
        })
    }

    /// A look-up without a turn.
    #[must_use]
    pub fn browse(&self, visit: u64, browse: &Browse) -> Answer {
        let session = State::session(visit);
        let found = self.assistant.shelves(Some(&session), |shelves| look(shelves, browse));
        found.unwrap_or_else(|error| failed(&error))
    }
}

fn failed(error: &StoreError) -> Answer {
    tracing::error!(%error, "the catalog could not be read");
    Answer::Failed("I cannot look that up right now. Please try again, or ask a colleague.".into())
}

fn light(shelves: &Shelves<'_>) -> Light {
    Light { now: shelves.now.timestamp(), currency: shelves.info.currency, as_of: shelves.info.as_of.clone() }
}

pub(super) fn goods(shelves: &Shelves<'_>, found: impl IntoIterator<Item = Found>) -> Vec<Good> {
    found.into_iter().map(|found| good(shelves, found)).collect()
}

pub(super) fn all(products: impl IntoIterator<Item = Product>) -> impl Iterator<Item = Found> {
    products.into_iter().map(|product| Found::new(product, ""))
}

fn good(shelves: &Shelves<'_>, mut found: Found) -> Good {
    shelves.judge(&mut found);
    light(shelves).good(found)
}

/// What is cheaper now and whose price is sure.
pub(super) fn offers(shelves: &Shelves<'_>, limit: usize) -> Result<Vec<Good>, StoreError> {
    Ok(sure(goods(shelves, all(shelves.catalog.offers(shelves.now.timestamp(), limit)?))))
}

/// Those of offers whose price is sure.
fn sure(mut offers: Vec<Good>) -> Vec<Good> {
    offers.retain(|good| good.card.regular.is_some());
    offers
}

fn request(text: String, limit: usize, constraints: &Constraints) -> SearchRequest {
    SearchRequest { text, limit, filters: filters(constraints), ..SearchRequest::default() }
}

/// What a line costs; `None`: a price is not known.
fn cost(shelves: &Shelves<'_>, line: &OrderLine, product: Option<&Product>) -> Option<Cents> {
    shelves.priced(line, product).unit_cents?.checked_mul(Cents::from(line.quantity))
}

/// The first `most` of what was found, and whether there are more: one more is looked up
/// than is shown.
fn first(shelves: &Shelves<'_>, found: Vec<Product>, most: usize) -> (Vec<Good>, bool) {
    let is_cut = found.len() > most;
    (goods(shelves, all(found.into_iter().take(most))), is_cut)
}

fn look(shelves: &Shelves<'_>, browse: &Browse) -> Result<Answer, StoreError> {
    let page = |title: &str, goods: Vec<Good>, is_cut: bool| {
        let (title, source) = (title.to_owned(), Some(browse.clone()));
        Answer::Goods(Goods { title, goods, source, is_cut, ..Goods::default() })
    };
    Ok(match browse {
        Browse::Category { name, most } => {
            let (own, is_cut) =
                first(shelves, shelves.catalog.in_category(&[name.as_str()], most + 1)?, *most);
            page(name, own, is_cut)
        }
        Browse::Area { sign, most } => {
            let (own, is_cut) = first(shelves, shelves.catalog.in_area(sign, most + 1)?, *most);
            page(shelves.areas.get(sign).unwrap_or(sign), own, is_cut)
        }
        Browse::Offers { most } => {
            let found = shelves.catalog.offers(shelves.now.timestamp(), most + 1)?;
            let (own, is_cut) = first(shelves, found, *most);
            page("%", sure(own), is_cut)
        }
        Browse::Product(sku) => match shelves.catalog.product(sku)? {
            Some(own) => Answer::Product(Box::new(shown(shelves, own)?)),
            None => Answer::Failed(match shelves.catalog.stopped(sku)? {
                Some(own) => not_sold(&own),
                None => "We do not have that any more.".into(),
            }),
        },
        Browse::Scanned(code) => {
            let catalog = shelves.catalog;
            let sku = || Sku::new(code);
            let (own, stopped) = match Gtin::parse(code) {
                Ok(gtin) => (catalog.by_gtin(gtin)?, catalog.stopped_by_gtin(gtin)?),
                Err(_) => (
                    sku().map(|sku| catalog.product(&sku)).transpose()?.flatten(),
                    sku().map(|sku| catalog.stopped(&sku)).transpose()?.flatten(),
                ),
            };
            match (own, stopped) {
                // A code that another product has as well is that of what must not be sold, too.
                (_, Some(own)) => Answer::Failed(not_sold(&own)),
                (Some(own), None) => Answer::Product(Box::new(shown(shelves, own)?)),
                (None, None) => Answer::UnknownCode,
            }
        }
        Browse::Suggest(text) => Answer::Suggestions(suggestions(shelves, text)?),
        Browse::Compare(skus) => Answer::Compared(columns(shelves, skus)?),
        Browse::Way { skus, title } => Answer::Way(Box::new(way(shelves, skus, title)?)),
        Browse::ForYou(again) => Answer::ForYou(for_you(shelves, again)?),
        Browse::Price(line) => Answer::Priced { line: line.clone(), total: price(shelves, line)? },
    })
}

fn not_sold(product: &Product) -> String {
    format!("{} is not sold at the moment.", product.label())
}

fn price(shelves: &Shelves<'_>, line: &OrderLine) -> Result<Option<Cents>, StoreError> {
    let own = shelves.catalog.product(&line.sku)?;
    let mut line = line.clone();
    // What is not chosen costs what is assumed, as on the list.
    shelves.fill_in(&mut line);
    Ok(cost(shelves, &line, own.as_ref()))
}

/// The page of a product.
fn shown(shelves: &Shelves<'_>, own: Product) -> Result<product::Model, StoreError> {
    let subject = Subject::Sku { sku: own.sku.clone() };
    let beside = |tool: Tool| -> Result<Vec<Card>, StoreError> {
        let found = shelves.look_up(tool)?.found;
        let others = found.into_iter().filter(|found| found.product.sku != own.sku).take(BESIDE);
        Ok(goods(shelves, others).into_iter().map(|good| good.card).collect())
    };
    let pairings = beside(Tool::FindPairings { subject: subject.clone(), kind: None })?;
    let substitutes = beside(Tool::FindSubstitutes { subject })?;
    let options: Vec<OptionGroup> = own
        .option_groups
        .iter()
        .filter_map(|id| shelves.menu.groups.iter().find(|group| group.id == *id).cloned())
        .collect();
    let chosen: BTreeMap<String, String> =
        options.iter().filter_map(|group| Some((group.id.clone(), group.default.clone()?))).collect();
    let line = OrderLine {
        sku: own.sku.clone(),
        title: own.label(),
        quantity: 1,
        options: chosen.clone(),
        defaults: BTreeMap::new(),
    };
    let total = shelves.priced(&line, Some(&own)).unit_cents;
    let Good { card, product: own } = good(shelves, Found::new(own, ""));
    Ok(product::Model {
        card,
        brand: own.brand,
        description: own.description,
        pack: own.pack,
        allergens: own.allergens,
        attributes: own.attributes,
        age: own.age_restriction,
        options,
        chosen,
        quantity: 1,
        total,
        pairings,
        substitutes,
    })
}

fn columns(shelves: &Shelves<'_>, skus: &[Sku]) -> Result<Vec<compare::Column>, StoreError> {
    let own = goods(shelves, all(shelves.catalog.products(skus)?));
    let column = |good: Good| compare::Column {
        card: good.card,
        pack: good.product.pack,
        allergens: good.product.allergens,
        attributes: good.product.attributes,
    };
    Ok(own.into_iter().map(column).collect())
}

/// What typed words may become: products that are found, those named so first.
fn suggestions(shelves: &Shelves<'_>, text: &str) -> Result<Vec<Suggestion>, StoreError> {
    let typed = text.trim();
    if typed.chars().count() < 2 {
        return Ok(Vec::new());
    }
    let parts: Vec<&str> = typed.split_whitespace().collect();
    let (wanted, constraints) = constraint::split(typed);
    let found = shelves.catalog.search(&request(wanted, SUGGESTED, &constraints))?;
    // While a word is half typed, the search may not know it: titles that hold it do.
    let titled = shelves.catalog.with_title(&parts, 4 * SUGGESTED)?;
    let begins = |product: &Product| {
        let label = product.label().to_lowercase();
        parts.iter().all(|part| {
            let part = part.to_lowercase();
            label.split(|c: char| !c.is_alphanumeric()).any(|word| word.starts_with(&part))
        })
    };
    let titled = titled.into_iter().filter(|product| begins(product));
    let hits = found.hits.into_iter().filter(|hit| !hit.is_mention).map(|hit| hit.product);
    let mut seen = BTreeSet::new();
    let products = hits.chain(titled).filter(|product| seen.insert(product.sku.clone())).take(SUGGESTED);
    let suggestion = |good: Good| Suggestion {
        text: good.card.title,
        sku: Some(good.card.sku),
        price: good.card.price.map(|cents| (cents, good.card.currency)),
        category: good.product.category.last().cloned().unwrap_or_default(),
        photo: good.card.photo,
        kind: good.card.kind,
    };
    Ok(goods(shelves, all(products)).into_iter().map(suggestion).collect())
}

/// The map, with the way past `skus`.
fn way(shelves: &Shelves<'_>, skus: &[Sku], title: &str) -> Result<map::Model, StoreError> {
    let areas = shelves.catalog.areas()?;
    let kiosk = shelves.catalog.kiosk()?;
    let mut floor = Floor::new(&areas, kiosk);
    let own = goods(shelves, all(shelves.catalog.products(&skus[..skus.len().min(STOPS)])?));
    let mut stops: Vec<map::Stop> = own
        .into_iter()
        .filter_map(|good| {
            let place = good.card.place.clone()?;
            let at = areas.iter().find(|area| area.id == place.aisle)?.bay(place.bay);
            Some(map::Stop {
                at,
                title: good.card.title,
                place: Some(place),
                area: good.card.area,
                sku: good.card.sku,
            })
        })
        .collect();
    let points: Vec<_> = stops.iter().map(|stop| stop.at).collect();
    let (way, order) = match kiosk {
        Some(kiosk) => floor.way(kiosk, &points),
        None => (Vec::new(), (0..stops.len()).collect()),
    };
    stops = order.into_iter().filter_map(|index| stops.get(index).cloned()).collect();
    for shelf in &mut floor.shelves {
        shelf.is_goal =
            stops.iter().any(|stop| stop.place.as_ref().is_some_and(|place| place.aisle == shelf.id));
    }
    Ok(map::Model {
        width: floor.width,
        depth: floor.depth,
        shelves: floor.shelves,
        kiosk,
        way,
        // The one thing that was asked for tells its place itself.
        left_out: if title.is_empty() { skus.len().saturating_sub(stops.len()) } else { 0 },
        stops,
        title: title.to_owned(),
    })
}

/// What a turn brought, with all that was found for a search, not its first cards only.
fn told(shelves: &Shelves<'_>, report: &TurnReport, by_words: bool) -> Result<Turned, StoreError> {
    let skus: Vec<Sku> = report.cards.iter().map(|card| card.sku.clone()).collect();
    let products = shelves.catalog.products(&skus)?;
    let why = |product: &Product| report.cards.iter().find(|card| card.sku == product.sku);
    let mut own: Vec<Good> = Vec::new();
    for product in products {
        let reason = why(&product).map(|card| card.reason.clone()).unwrap_or_default();
        let (reason, instead) = match reason.strip_prefix("instead: ") {
            Some(rest) => (rest.to_owned(), true),
            None => (reason, false),
        };
        let mut good = goods(shelves, [Found::new(product, reason)]);
        own.extend(good.drain(..).map(|mut good| {
            good.card.instead = instead;
            good
        }));
    }
    if report.intent == Intent::Find && own.first().is_some_and(|good| !good.card.instead) {
        let shown: BTreeSet<Sku> = own.iter().map(|good| good.card.sku.clone()).collect();
        own.extend(more(shelves, report)?.into_iter().filter(|good| !shown.contains(&good.card.sku)));
    }
    let way = match own.as_slice() {
        [only] if report.intent == Intent::Locate && !only.card.instead => {
            Some(Box::new(way(shelves, &skus, &only.card.title)?))
        }
        _ => None,
    };
    let way = way.filter(|way| !way.stops.is_empty());
    let compared = if report.intent == Intent::Compare { columns(shelves, &skus)? } else { Vec::new() };
    let asks = matches!(shelves.context.question(), Some(Question::Meant | Question::AddAll(_)));
    let title = if by_words {
        report.transcript.clone()
    } else {
        // What was put on the list is said of it.
        own.first().map(|good| good.card.title.clone()).unwrap_or_default()
    };
    // What is said of the first few is not true of all that is shown.
    let is_more = own.len() > report.cards.len();
    let answer = if is_more { String::new() } else { report.reply.clone() };
    let goods = Goods { title, answer, goods: own, asks: asks && !is_more, ..Goods::default() };
    Ok(Turned {
        intent: report.intent,
        by_words,
        reply: report.reply.clone(),
        speech: report.speech.clone(),
        list: list(shelves, asks.then(|| report.reply.clone()))?,
        goods,
        order: shelves.context.order.clone(),
        way,
        compared,
        call: None,
        confirmed: report.tool.name == "confirm_list" && !asks && !shelves.context.order.is_empty(),
        times: report.timings_ms,
    })
}

/// All that a search finds beyond its first cards.
fn more(shelves: &Shelves<'_>, report: &TurnReport) -> Result<Vec<Good>, StoreError> {
    let arguments = &report.tool.arguments;
    let Some(query) = arguments["query"].as_str() else { return Ok(Vec::new()) };
    // What is required is never dropped.
    let Ok(constraints) = serde_json::from_value::<Constraints>(arguments["constraints"].clone()) else {
        return Ok(Vec::new());
    };
    let request = request(query.to_owned(), FOUND, &constraints);
    let hits = shelves.catalog.search(&request)?.hits.into_iter().filter(|hit| !hit.is_mention);
    Ok(goods(shelves, hits.map(|hit| Found::new(hit.product, hit.reason))))
}

fn list(shelves: &Shelves<'_>, question: Option<String>) -> Result<list::Model, StoreError> {
    let mut model = list::Model { currency: shelves.info.currency, question, ..list::Model::default() };
    for (place, line) in shelves.context.order.iter().enumerate() {
        let Some(own) = shelves.catalog.product(&line.sku)? else {
            // Not sold any more since it was put there.
            model.is_partial = true;
            continue;
        };
        let price = cost(shelves, line, Some(&own));
        model.total = model.total.saturating_add(price.unwrap_or(0));
        let card = good(shelves, Found::new(own, "")).card;
        model.is_partial |= price.is_none() || card.price_age != PriceAge::Now;
        model.lines.push(list::Line {
            place,
            card,
            quantity: line.quantity,
            options: line.options.values().cloned().collect(),
            defaults: line.defaults.values().cloned().collect(),
            price,
        });
    }
    model.store.clone_from(&shelves.settings.store.name);
    model.undoable = shelves.context.before().is_some();
    Ok(model)
}
