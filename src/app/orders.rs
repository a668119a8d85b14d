//! Orders of things that are made for the shopper: numbered, told to head office, posted to the
//! store's own program where the settings name one, until somebody has them. A number is good
//! once somebody has: until then the shopper shows the screen at the counter. What the store counts
//! of an order is put aside for it, where the settings say for how long: until then, or until a
//! sale names its number, the shown count is lower by it. Says nothing of who ordered.

use crate::domain::turn::OrderLine;
use crate::domain::{Cents, Currency, Sku};
use crate::settings::Settings;
use crate::store::{Catalog, NewAside, NewEvent, NewOrder, StoreError};
use crate::sync::tell::Made;
use crate::sync::topics::Name;
use crate::sync::webhook::{Webhook, Went};
use crate::sync::wire::WireError;
use crate::sync::wire::event::{Inventory, Line, Order};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;
use uuid::Uuid;

/// Pauses between attempts.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// A later order is not posted any more: its shopper went to the counter.
const STALE: SignedDuration = SignedDuration::from_mins(10);
/// Letters of the kiosk's name in a number.
const NAME: usize = 8;

/// Why an order was not placed.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    #[error("the order goes beyond its limits: {0}")]
    Unfit(#[from] WireError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An order that was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub id: Uuid,
    /// What the shopper is told once it is taken: `k1-42`.
    pub number: String,
}

/// Takes orders for one kiosk.
pub struct Orders {
    catalog: Arc<Catalog>,
    store: String,
    kiosk: String,
    /// Head office is told.
    tells: bool,
    /// Who posts, where somebody does.
    poster: Option<SyncSender<()>>,
    /// How long the goods of an order are put aside; zero: they are not.
    reserve: SignedDuration,
    cap: u64,
}

impl Orders {
    /// Begins to take orders; `None`: the settings name nobody who would.
    #[must_use]
    pub fn start(catalog: Arc<Catalog>, settings: &Settings) -> Option<Arc<Self>> {
        let sync = &settings.sync;
        let tells = !sync.broker.is_empty();
        let webhook = Webhook::open(&settings.orders.webhook, &settings.orders.webhook_token_file);
        let webhook = webhook.unwrap_or_else(|error| {
            tracing::error!("orders are not posted: {error}");
            None
        });
        let poster = webhook.and_then(|webhook| {
            let (wake, woken) = sync_channel(1);
            let catalog = Arc::clone(&catalog);
            let run = move || post_all(&webhook, &catalog, &woken);
            match thread::Builder::new().name("orders".into()).spawn(run) {
                Ok(_) => Some(wake),
                Err(error) => {
                    tracing::error!(%error, "orders are not posted");
                    None
                }
            }
        });
        if !tells && poster.is_none() {
            return None;
        }
        let kiosk = if sync.kiosk.is_empty() { "kiosk".to_owned() } else { sync.kiosk.clone() };
        let (store, cap) = (sync.store.clone(), u64::from(sync.outbox_mb) << 20);
        let reserve = SignedDuration::from_mins(settings.orders.reserve_minutes.into());
        Some(Arc::new(Self { catalog, store, kiosk, tells, poster, reserve, cap }))
    }

    /// Places an order of `lines`, each with what one piece costs, where that is known.
    ///
    /// # Errors
    /// It goes beyond its limits, or cannot be written down: then there is none.
    pub fn place(
        &self,
        lines: &[(OrderLine, Option<Cents>)],
        currency: Currency,
        now: Timestamp,
    ) -> Result<Placed, OrderError> {
        let short: String = self.kiosk.chars().take(NAME).collect();
        let number = format!("{short}-{}", self.catalog.next_order()?);
        let told: Vec<Line> = lines.iter().map(|(line, cents)| told(line, *cents)).collect();
        let name: Name = number.parse().map_err(|_| WireError::OutOfRange {
            what: "number",
            why: "the kiosk's name is not made of a-z, 0-9, - and _".into(),
        })?;
        let made = Made::of(&Order::OrderPlaced { number: name, lines: told }, now)?;
        let id = made.event().id;
        let body = self.body(id, &number, lines, currency, now);
        let until = now.saturating_add(self.reserve).unwrap_or(now);
        let goods = self.counted(lines)?;
        let told: Vec<Made> = match self.tells {
            true => goods
                .iter()
                .map(|(sku, pieces)| reserved(sku, *pieces, until, now))
                .collect::<Result<_, _>>()?,
            false => Vec::new(),
        };
        let events: Vec<NewEvent<'_>> = told.iter().map(Made::event).collect();
        self.catalog.keep_order(
            &NewOrder {
                id,
                number: &number,
                made_at: now,
                body: &body,
                event: self.tells.then(|| made.event()),
                post: self.poster.is_some(),
                aside: (!goods.is_empty()).then_some(NewAside { until, lines: &goods, events: &events }),
            },
            self.cap,
        )?;
        if let Some(poster) = &self.poster {
            // One that is awake already looks anyway.
            let _ = poster.try_send(());
        }
        Ok(Placed { id, number })
    }

    /// What of an order is put aside: pieces of what the store counts. What is only said to be
    /// there, or of which nothing is known, is not.
    fn counted(&self, lines: &[(OrderLine, Option<Cents>)]) -> Result<Vec<(Sku, i64)>, StoreError> {
        if self.reserve.is_zero() {
            return Ok(Vec::new());
        }
        let mut pieces = BTreeMap::<&Sku, i64>::new();
        for (line, _) in lines {
            *pieces.entry(&line.sku).or_default() += i64::from(line.quantity);
        }
        let skus: Vec<Sku> = pieces.keys().map(|sku| (*sku).clone()).collect();
        let counted = self.catalog.products(&skus)?.into_iter().filter(|product| product.stock.is_some());
        Ok(counted.filter_map(|product| Some((product.sku.clone(), *pieces.get(&product.sku)?))).collect())
    }

    /// Whether somebody has the order.
    #[must_use]
    pub fn is_taken(&self, id: Uuid) -> bool {
        let state = self.catalog.order_state(id).ok().flatten();
        state.is_some_and(|state| state.is_taken())
    }

    /// An order as the store's program gets it.
    fn body(
        &self,
        id: Uuid,
        number: &str,
        lines: &[(OrderLine, Option<Cents>)],
        currency: Currency,
        now: Timestamp,
    ) -> String {
        let line = |(line, cents): &(OrderLine, Option<Cents>)| {
            json!({
                "sku": line.sku, "title": line.title, "quantity": line.quantity, "price_cents": cents,
                "options": chosen(line),
            })
        };
        json!({
            "id": id, "number": number, "store": self.store, "kiosk": self.kiosk, "at": now,
            "currency": currency.code(), "lines": lines.iter().map(line).collect::<Vec<_>>(),
        })
        .to_string()
    }
}

/// What was said, and what is assumed where nothing was.
fn chosen(line: &OrderLine) -> BTreeMap<&String, &String> {
    line.defaults.iter().chain(&line.options).collect()
}

fn told(line: &OrderLine, price_cents: Option<Cents>) -> Line {
    let options = chosen(line).into_iter().map(|(group, value)| (group.clone(), value.clone())).collect();
    Line { sku: line.sku.clone(), quantity: line.quantity.into(), price_cents, options }
}

fn reserved(sku: &Sku, quantity: i64, until: Timestamp, now: Timestamp) -> Result<Made, WireError> {
    Made::of(&Inventory::Reserved { sku: sku.clone(), quantity, until }, now)
}

/// What is next.
enum Next {
    /// Another may wait.
    Go,
    Rest,
    /// The same, after a while.
    Again,
}

/// Posts orders, one after another, until nobody takes any more.
fn post_all(webhook: &Webhook, catalog: &Catalog, woken: &Receiver<()>) {
    let mut pause = FIRST;
    loop {
        let wait = match post_next(webhook, catalog) {
            Ok(Next::Go) => {
                pause = FIRST;
                continue;
            }
            // Every now and then, too: another program may have put one there.
            Ok(Next::Rest) => LONGEST,
            Ok(Next::Again) => {
                pause = (pause * 2).min(LONGEST);
                pause / 2
            }
            Err(error) => {
                tracing::error!(%error, "orders cannot be read or written");
                LONGEST
            }
        };
        if woken.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// Posts the oldest order that waits.
fn post_next(webhook: &Webhook, catalog: &Catalog) -> Result<Next, StoreError> {
    let Some(order) = catalog.order_to_post()? else { return Ok(Next::Rest) };
    let is_stale = Timestamp::now().duration_since(order.made_at) > STALE;
    let went = match is_stale {
        true => Went::Never("it is too old by now".into()),
        false => webhook.post(order.id, &order.body),
    };
    match went {
        Went::Taken => catalog.order_posted(order.id, false)?,
        Went::Never(why) => {
            tracing::error!("an order is given up: {why}");
            catalog.order_posted(order.id, true)?;
        }
        Went::Again(why) => {
            tracing::warn!("an order is not taken yet: {why}");
            return Ok(Next::Again);
        }
    }
    Ok(Next::Go)
}

#[cfg(test)]
#[path = "orders_tests.rs"]
mod tests;
