//! The store's point of sale: whose word counts, and what becomes of a sale that it tells, the
//! same over MQTT and over local HTTP. Each sale is taken once by its id, and head office told of
//! its lines in the same transaction. Never logs what was sold, and never who tells it.

use super::digest::Digest;
use super::tell::Made;
use super::wire::event::Inventory;
use super::wire::pos::{Sale, SaleLine};
use super::wire::{self, Article, WireError};
use crate::domain::Sku;
use crate::store::{Carried, Catalog, EARLIEST_SALE, LATEST_SALE, NewEvent, NewSale, StoreError, Took};
use jiff::Timestamp;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use subtle::{Choice, ConstantTimeEq};

/// Characters of a token.
const SHORTEST: usize = 16;
const LONGEST: usize = 512;
/// Most tokens that count at a time.
const MOST: usize = 16;
/// The way in which a token is told (RFC 6750).
const SCHEME: &str = "bearer";

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("pos.token_file {file}: {source}")]
    Read { file: String, source: std::io::Error },
    #[error("pos.token_file {0} has no token: write one into it, such as `openssl rand -hex 32` makes")]
    None(String),
    #[error("pos.token_file {0} has more than {MOST} tokens: take old ones out")]
    Many(String),
    #[error(
        "pos.token_file {file} line {line}: a token has {SHORTEST} to {LONGEST} visible ASCII characters, \
         such as `openssl rand -hex 32` makes"
    )]
    Unfit { file: String, line: usize },
}

/// What the point of sale must know. Only their digests are kept.
pub struct Tokens(Vec<Digest>);

impl Tokens {
    /// Reads a file of tokens, one a line; empty lines and those after `#` are passed over. While
    /// one takes the place of another, both stand there.
    ///
    /// # Errors
    /// It cannot be read, holds none, or one that is too easy to guess.
    pub fn read(file: &Path) -> Result<Self, TokenError> {
        let name = || file.display().to_string();
        let text =
            std::fs::read_to_string(file).map_err(|source| TokenError::Read { file: name(), source })?;
        let mut tokens = Vec::new();
        for (at, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let is_fit =
                (SHORTEST..=LONGEST).contains(&line.len()) && line.bytes().all(|c| c.is_ascii_graphic());
            if !is_fit {
                return Err(TokenError::Unfit { file: name(), line: at + 1 });
            }
            tokens.push(Digest::of(line.as_bytes()));
        }
        match tokens.len() {
            0 => Err(TokenError::None(name())),
            1..=MOST => Ok(Self(tokens)),
            _ => Err(TokenError::Many(name())),
        }
    }

    /// How many count.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether `authorization` is `Bearer` and one of them. How long that takes does not tell how
    /// much of one was right.
    #[must_use]
    pub fn know(&self, authorization: &str) -> bool {
        let (scheme, token) = authorization.split_once(' ').unwrap_or_default();
        let told = Digest::of(token.trim().as_bytes());
        let same = |own: &Digest| own.0.ct_eq(&told.0);
        let known = self.0.iter().fold(Choice::from(0), |known, own| known | same(own));
        scheme.eq_ignore_ascii_case(SCHEME) && bool::from(known)
    }
}

/// What was made of a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub id: String,
    /// Not when it was taken before.
    pub is_new: bool,
    /// Articles that this kiosk does not carry: not counted, and told to nobody.
    pub unknown: Vec<Article>,
}

/// Why a sale is not taken.
#[derive(Debug, thiserror::Error)]
pub enum TillError {
    #[error(transparent)]
    Unfit(#[from] WireError),
    #[error("at: {at} is more than a day ahead of this kiosk's clock, {now}: set the clocks")]
    Early { at: Timestamp, now: Timestamp },
    #[error(
        "at: {at} is more than 30 days ago by this kiosk's clock, {now}: such sales are not taken any more"
    )]
    Late { at: Timestamp, now: Timestamp },
    #[error("id: a sale of another time was taken as {0:?}: give each sale an id of its own")]
    Another(String),
    /// The same sale may be told again.
    #[error("the sale cannot be written down now: tell it again")]
    Store(#[from] StoreError),
}

/// Where sales go.
pub struct Till {
    catalog: Arc<Catalog>,
    tokens: Tokens,
    /// The store as head office knows it, `acme/s042`; `None`: there is none to be told.
    store: Option<String>,
    /// What the outbox may take, in bytes.
    cap: u64,
    /// Called when head office has something to be told.
    wake: Box<dyn Fn() + Send + Sync>,
    /// One sale at a time: each finds all before it shown, and shows no more than its own.
    turn: Mutex<()>,
}

impl Till {
    /// Takes sales into `catalog`, whose outbox may take `cap` bytes, and tells head office, which
    /// knows the store as `store`, if there is one; `wake` is called when there is something to
    /// tell.
    #[must_use]
    pub fn new(
        catalog: Arc<Catalog>,
        tokens: Tokens,
        store: Option<String>,
        cap: u64,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self { catalog, tokens, store, cap, wake: Box::new(wake), turn: Mutex::default() }
    }

    /// Whose word counts.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Takes the sale that `body` is, once. Blocks for the disk.
    ///
    /// # Errors
    /// It is none, not of this time, or cannot be written down: then nothing is.
    pub fn take(&self, body: &[u8], now: Timestamp) -> Result<Receipt, TillError> {
        let sale: Sale = wire::read(body)?;
        let age = now.duration_since(sale.at);
        if age < -EARLIEST_SALE {
            return Err(TillError::Early { at: sale.at, now });
        }
        if age > LATEST_SALE {
            return Err(TillError::Late { at: sale.at, now });
        }
        // Plain values are behind it, which a panic elsewhere cannot break.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let carried = self.carried(&sale)?;
        let (mut lines, mut unknown, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for (place, line) in sale.lines.iter().enumerate() {
            let Some(sku) = sku_of(&carried, &line.article) else {
                unknown.push(line.article.clone());
                continue;
            };
            if line.quantity == 0 {
                continue;
            }
            if let Some(store) = &self.store {
                told.push(tell(store, &sale, place, line, sku, now)?);
            }
            lines.push((sku.clone(), line.quantity));
        }
        let events: Vec<NewEvent<'_>> = told.iter().map(Made::event).collect();
        let Sale { id, at, order, .. } = &sale;
        let new = NewSale { id, at: *at, lines: &lines, order: order.as_deref(), events: &events };
        let is_new = match self.catalog.take_sale(&new, now, self.cap)? {
            Took::New => true,
            Took::Had => false,
            Took::Another => return Err(TillError::Another(sale.id)),
        };
        if is_new && !events.is_empty() {
            (self.wake)();
        }
        Ok(Receipt { id: sale.id, is_new, unknown })
    }

    fn carried(&self, sale: &Sale) -> Result<Carried, StoreError> {
        let articles = sale.lines.iter().map(|line| &line.article);
        let skus = articles.clone().filter_map(|own| match own {
            Article::Sku(sku) => Some(sku.clone()),
            Article::Gtin(_) => None,
        });
        let gtins = articles.filter_map(|own| match own {
            Article::Gtin(gtin) => Some(*gtin),
            Article::Sku(_) => None,
        });
        self.catalog.carried(&skus.collect(), &gtins.collect())
    }
}

fn sku_of<'a>(carried: &'a Carried, article: &Article) -> Option<&'a Sku> {
    match article {
        Article::Sku(sku) => carried.skus.get(sku),
        Article::Gtin(gtin) => carried.gtins.get(gtin),
    }
}

/// What head office is told of a line. A store's kiosks are told of the same sales: their events
/// have one id, so that head office counts each line once.
fn tell(
    store: &str,
    sale: &Sale,
    place: usize,
    line: &SaleLine,
    sku: &Sku,
    now: Timestamp,
) -> Result<Made, WireError> {
    let sold = Inventory::Sold { sku: sku.clone(), quantity: line.quantity, sale: sale.id.clone() };
    let facts = serde_json::json!(["sold", store, sale.id, sale.at.as_microsecond(), place]).to_string();
    let mut id = [0; 16];
    id.copy_from_slice(&Digest::of(facts.as_bytes()).0[..16]);
    Ok(Made::of(&sold, now)?.known_as(uuid::Builder::from_custom_bytes(id).into_uuid()))
}

#[cfg(test)]
#[path = "till_tests.rs"]
mod tests;
