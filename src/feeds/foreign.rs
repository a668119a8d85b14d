//! What all formats but the native one have in common: prices in one currency,
//! GTINs that may be wrong, notes on what was left out, and a header that the
//! file itself does not have.

use super::notes::Notes;
use super::price::{self, Decimal};
use super::source::Meter;
use super::words;
use crate::domain::{Cents, Currency, Gtin, Product};
use crate::store::{Digest, Entry, Feed, FeedError, Header, Progress, Record};

/// What the person who imports knows of a file that does not tell it.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The catalog's name; `None`: the feed's own, else the file's.
    pub name: Option<String>,
    /// `None`: the one that the first price is in, else US dollars.
    pub currency: Option<Currency>,
    /// When prices and stock were last sure.
    pub as_of: Freshness,
}

/// When a feed's prices and stock were last sure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Freshness {
    #[default]
    Unknown,
    /// When it is imported: an export made just before.
    Now,
    /// When the file was last changed.
    Modified,
    /// A date or an RFC 3339 time.
    At(String),
}

/// A reader's state while it goes through a file.
pub(super) struct Context {
    pub line: u64,
    pub notes: Notes,
    pub currency: Option<Currency>,
}

impl Context {
    /// A price in the catalog's currency; the first that names one sets it.
    pub(super) fn price(&mut self, text: &str, decimal: Decimal) -> Result<Option<Cents>, String> {
        let Some(price) = price::read(text, decimal)? else {
            return Ok(None);
        };
        if let Some(found) = price.currency {
            let set = *self.currency.get_or_insert(found);
            if set != found {
                return Err(format!("a price is in {found}, but the catalog is in {set}"));
            }
        }
        Ok(Some(price.cents))
    }

    pub(super) fn note(&mut self, reason: &str) {
        self.notes.add(self.line, reason);
    }

    /// The good ones of some GTINs, each once.
    pub(super) fn gtins<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> Vec<Gtin> {
        let mut all = Vec::new();
        for text in texts {
            match words::gtin(text) {
                Ok(Some(gtin)) if !all.contains(&gtin) => all.push(gtin),
                Ok(_) => {}
                Err(reason) => self.note(reason),
            }
        }
        all
    }

    /// A point in time, or a note that it is none.
    pub(super) fn moment(&mut self, what: &str, text: &str) -> Option<String> {
        let found = words::moment(text);
        if found.is_none() && !price::is_blank(text) {
            self.note(&format!("{what} left out, neither a date nor a time"));
        }
        found
    }
}

/// A product with a number and nothing else.
pub(super) fn bare(id: &str) -> Result<Product, String> {
    let id = id.trim();
    if id.is_empty() {
        return Err("no product number (id)".to_owned());
    }
    let sku = crate::domain::Sku::new(id)
        .ok_or("the product number (id) is too long or holds control characters")?;
    // All else is optional in the domain's own type, so this cannot fail.
    serde_json::from_value(serde_json::json!({ "sku": sku })).map_err(|e| e.to_string())
}

/// The products of a file in some format.
pub(super) trait Products {
    /// The next product, or why there is none, and its line.
    fn next(&mut self, context: &mut Context) -> Result<Option<Result<Product, String>>, FeedError>;
    fn meter(&self) -> &Meter;
    /// The catalog's name as the file tells it.
    fn name(&self) -> Option<String> {
        None
    }
    /// When it was made, as the file tells it.
    fn made(&self) -> Option<String> {
        None
    }
    fn notes(&self) -> Vec<String>;
}

/// A feed of products, with the header that is missing.
pub(super) struct Foreign<P> {
    products: P,
    context: Context,
    options: Options,
    stem: String,
    modified: Option<jiff::Timestamp>,
    headed: bool,
    waiting: Option<Entry>,
    ended: bool,
}

impl<P: Products> Foreign<P> {
    pub(super) fn new(products: P, options: &Options, origin: Origin) -> Self {
        let context = Context { line: 0, notes: Notes::default(), currency: options.currency };
        let Origin { stem, modified } = origin;
        let options = options.clone();
        Self { products, context, options, stem, modified, headed: false, waiting: None, ended: false }
    }

    fn header(&self) -> Entry {
        let as_of = match &self.options.as_of {
            Freshness::Unknown => self.products.made(),
            Freshness::Now => Some(seconds(jiff::Timestamp::now())),
            Freshness::Modified => self.modified.map(seconds),
            Freshness::At(time) => Some(time.clone()),
        };
        let name = self.options.name.clone().or_else(|| self.products.name());
        let name = name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| self.stem.clone());
        let currency = self.context.currency.unwrap_or_default();
        Entry { line: self.context.line.max(1), record: Ok(Record::Header(Header { name, currency, as_of })) }
    }
}

fn seconds(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What a file's name and date tell.
pub(super) struct Origin {
    stem: String,
    modified: Option<jiff::Timestamp>,
}

impl Origin {
    pub(super) fn of(source: &super::source::Source) -> Self {
        let name = source.path().file_name().map(|name| name.to_string_lossy().into_owned());
        let stem = name.as_deref().and_then(|name| name.split('.').find(|part| !part.is_empty()));
        Self { stem: stem.unwrap_or("catalog").to_owned(), modified: source.modified() }
    }
}

impl<P: Products> Iterator for Foreign<P> {
    type Item = Result<Entry, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(entry) = self.waiting.take() {
            return Some(Ok(entry));
        }
        if self.ended {
            return None;
        }
        match self.products.next(&mut self.context) {
            Ok(Some(product)) => {
                let record = product.map(|product| Record::Product(Box::new(product)));
                let entry = Entry { line: self.context.line, record };
                // The header waits for the first price that tells the currency.
                if self.headed || self.context.currency.is_none() {
                    return Some(Ok(entry));
                }
                self.headed = true;
                self.waiting = Some(entry);
                Some(Ok(self.header()))
            }
            Ok(None) => {
                self.ended = true;
                (!self.headed).then(|| Ok(self.header()))
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}

impl<P: Products> Feed for Foreign<P> {
    fn progress(&self) -> Progress {
        self.products.meter().progress()
    }

    fn digest(&self) -> Digest {
        self.products.meter().digest()
    }

    fn notes(&self) -> Vec<String> {
        self.products.notes().into_iter().chain(self.context.notes.lines()).collect()
    }
}
