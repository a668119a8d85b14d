//! What happens to a visit and what is done for it: the words between its state machine
//! and those who do the work.

use super::customer::Again;
use super::goods::Goods;
use super::shelf::Good;
use super::welcome::Welcome;
use crate::app::line::loyalty::Recognition;
use crate::app::talk::{self, Call};
use crate::dialog::tool::Tool;
use crate::domain::turn::{Intent, OrderLine, Timings};
use crate::domain::{Cents, Private, Sku};
use crate::view::card::Card;
use crate::view::feedback::{Reason, Thumb};
use crate::view::help;
use crate::view::touch::Touch;
use crate::view::{compare, for_you, list, maintenance, map, product, search};
use std::collections::BTreeMap;
use std::time::Instant;

/// Which visit asked, and which of its questions it was. An answer of a visit before is
/// dropped; one that is not the latest turns no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    pub visit: u64,
    pub turn: u64,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    Touched(Touch),
    /// Time went on.
    Tick,
    /// The catalog is open, or was changed: what the start shows.
    Welcomed(Box<Welcome>),
    /// It cannot be opened or read.
    CatalogFailed,
    Answered(Ticket, Box<Answer>),
    /// Something is being said, in these words; `None`: silence.
    Spoke {
        visit: u64,
        caption: Option<String>,
    },
    /// The shopper of a visit speaks, or could.
    Spoken {
        visit: u64,
        spoken: Spoken,
    },
    /// The first sound of an answer was handed to the loudspeaker.
    Sounded {
        visit: u64,
        at: Instant,
    },
    Checked(Box<maintenance::Model>),
    /// Whether the list of a visit was printed.
    Printed {
        visit: u64,
        done: bool,
    },
    /// A sensor sees somebody.
    Approached,
    /// A loudspeaker or a microphone came, or went.
    Plugged,
    /// The order of a visit is written down, under this number; `None`: it is not.
    Placed(u64, Option<String>),
    /// Somebody took the order of this number.
    Taken(u64, String),
    /// What came of a customer's number, by which time it was looked up.
    Recognised {
        visit: u64,
        time: u64,
        recognition: Recognition,
    },
    /// Prices, stock or products are other than they were.
    CatalogChanged,
    /// What a visit shows, as it is now.
    Renewed(u64, Box<Renewal>),
}

/// What is told of a shopper who speaks.
#[derive(Debug, Clone, PartialEq)]
pub enum Spoken {
    View(talk::View),
    /// What was found for words that may go on.
    Found(Vec<Card>),
    /// How loud they are, 0 to 1.
    Level(f32),
    /// These words are their turn; `again`: in the place of the turn before.
    Asked {
        words: String,
        again: bool,
        moments: talk::driver::Moments,
    },
}

/// What a question brought.
#[derive(Debug)]
pub enum Answer {
    Turn(Box<Turned>),
    Goods(Goods),
    Product(Box<product::Model>),
    /// What a line would cost.
    Priced {
        line: OrderLine,
        total: Option<Cents>,
    },
    Suggestions(Vec<search::Suggestion>),
    Compared(Vec<compare::Column>),
    Way(Box<map::Model>),
    ForYou(Vec<for_you::Row>),
    /// No product has the code that was scanned.
    UnknownCode,
    /// It could not be done; the words are for the shopper.
    Failed(String),
}

/// What is shown, as the catalog has it now.
#[derive(Debug)]
pub struct Renewal {
    /// What there is of all that was asked for.
    pub goods: BTreeMap<Sku, Good>,
    /// What of the rest must not be sold, with its name.
    pub stopped: Vec<(Sku, String)>,
    pub list: list::Model,
    /// The page of the product that is open.
    pub product: Option<Box<product::Model>>,
}

/// A turn of the conversation.
#[derive(Debug)]
pub struct Turned {
    pub intent: Intent,
    /// Whether it was said or typed; else it was touched.
    pub by_words: bool,
    pub reply: String,
    /// The reply as it is said aloud.
    pub speech: String,
    pub goods: Goods,
    pub order: Vec<OrderLine>,
    pub list: list::Model,
    /// The way to the one thing that was asked for.
    pub way: Option<Box<map::Model>>,
    /// The products that were compared.
    pub compared: Vec<compare::Column>,
    /// What became of a call for a person.
    pub call: Option<help::Call>,
    /// The shopper is done with the list, and nothing is asked back.
    pub confirmed: bool,
    /// How long its stages took.
    pub times: Timings,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Opens the catalog and what belongs to it, again.
    OpenCatalog,
    /// Brings what the start shows up to date.
    Welcome,
    /// A turn by words.
    Ask(Ticket, String),
    /// The same, in the place of the turn before.
    AskAgain(Ticket, String),
    /// A turn by a call that was touched.
    Call(Ticket, Box<Tool>),
    /// Changes the line of the list that is `line`, by so many pieces; `None`: takes it off.
    Edit {
        ticket: Ticket,
        line: OrderLine,
        by: Option<i64>,
    },
    Browse(Ticket, Browse),
    /// Looks up again what a visit shows, and the page of one product.
    Renew {
        visit: u64,
        skus: Vec<Sku>,
        product: Option<Sku>,
    },
    /// Has head office look up a customer's number.
    LookUp {
        visit: u64,
        time: u64,
        number: Private<String>,
    },
    /// Nobody waits for it any more.
    CallOff,
    /// Sends an order of this visit to those who make it.
    Place(u64, Vec<OrderLine>),
    FillSearch(String),
    /// To the shopper of this visit.
    Speak(u64, String),
    Silence,
    /// Hears what the shopper says.
    Listen(Call),
    /// They are done.
    LetGo,
    /// Listens to nobody any more.
    Leave,
    /// A spoken turn was answered; `true`: an answer is said aloud.
    Answered(bool),
    /// In tenths.
    Volume(u8),
    /// Erases the conversation of a session.
    Forget(String),
    /// The list of this visit.
    Print(u64),
    Check,
    RestartEngines,
    ClearAlerts,
    Feedback {
        thumb: Thumb,
        reason: Reason,
    },
}

/// What is looked up without a turn: it says nothing and changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Browse {
    /// The first `most` products of a category.
    Category {
        name: String,
        most: usize,
    },
    /// What stands in an area, by its sign.
    Area {
        sign: String,
        most: usize,
    },
    Offers {
        most: usize,
    },
    Product(Sku),
    /// The digits of a barcode.
    Scanned(String),
    Suggest(String),
    Compare(Vec<Sku>),
    /// The way past these; none: just the store.
    Way {
        skus: Vec<Sku>,
        title: String,
    },
    /// What goes with the list and the time, behind what this customer buys again.
    ForYou(Again),
    /// What a line would cost.
    Price(OrderLine),
}

/// Products that a page begins with, and grows by.
pub const PAGE: usize = 200;
/// Most products that one page shows: more are searched for.
const LARGEST: usize = 1000;

impl Browse {
    /// How many products it shows at most; `None`: it is no page of them.
    #[must_use]
    pub fn most(&self) -> Option<usize> {
        match self {
            Self::Category { most, .. } | Self::Area { most, .. } | Self::Offers { most } => Some(*most),
            _ => None,
        }
    }

    /// The same page with so many products more; `None`: it grows no further.
    #[must_use]
    pub fn grown(mut self, by: usize) -> Option<Self> {
        let (Self::Category { most, .. } | Self::Area { most, .. } | Self::Offers { most }) = &mut self
        else {
            return None;
        };
        *most += by;
        (*most <= LARGEST).then_some(self)
    }
}
