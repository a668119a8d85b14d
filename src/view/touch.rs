//! All that a shopper, or staff, can do on the screen. Says what was done, never what
//! follows from it.

use super::format::Language;
use super::ui::{Reason, Sheet, Thumb};
use crate::domain::{Private, Sku};

/// One thing that was done.
#[derive(Debug, Clone, PartialEq)]
pub enum Touch {
    /// Somebody touched the screen, or a key.
    Presence,
    /// The attract page was touched; a language may have been chosen with it.
    Woken(Option<Language>),
    Back,
    Home,
    /// Start over: all of the visit is erased.
    Ended,
    /// "I am still here."
    Stayed,
    ListOpened,
    MapOpened,
    HelpOpened,
    ForYouOpened,
    ConsentOpened,
    /// Wants to speak.
    Spoke,
    /// The talk button is pressed, and let go.
    TalkPressed,
    TalkReleased,
    /// Wants not to be heard any more.
    Hushed,
    /// Wants to type.
    Typed,
    SheetOpened(Sheet),
    LanguageChosen(Language),
    ContrastToggled,
    LargeToggled,
    ReachToggled,
    StillToggled,
    /// Louder or quieter, by so many tenths.
    VolumeStepped(i32),
    ReadAloud,
    Silenced,
    NoticeUndone,
    /// The store's name was held.
    Held,
    CategoryOpened(String),
    OffersOpened,
    /// One of the examples.
    Asked(String),
    /// The field holds this now.
    Edited(String),
    Submitted(String),
    /// A suggestion's words, or its product.
    Suggested(String, Option<Sku>),
    Opened(Sku),
    Added(Sku),
    CompareToggled(Sku),
    Compared,
    /// A facet, by its key.
    Narrowed(String),
    /// More of the goods that were browsed to.
    MoreWanted,
    Finished,
    Cancelled,
    /// Pieces of the product on show, by so many.
    Stepped(i32),
    /// Group and value.
    OptionChosen(String, String),
    /// The product on show, with its options and number.
    ShownAdded,
    /// The way to the product on show.
    ShownLocated,
    ShownCompareToggled,
    /// A line of the list, from 0, by so many pieces.
    LineStepped(usize, i32),
    LineRemoved(usize),
    Undone,
    Cleared,
    Printed,
    WayShown,
    Confirmed,
    /// Yes or no to the question that is open.
    Agreed(bool),
    AreaOpened(String),
    Thumbed(Thumb),
    Reasoned(Reason),
    FeedbackFinished,
    Consented(bool),
    NumberEntered(Private<String>),
    Forgotten,
    StaffCalled,
    Retried,
    /// A key of the PIN: a digit, or `None` for back.
    PinKey(Option<char>),
    Rechecked,
    EnginesRestarted,
    AlertsCleared,
    Locked,
    /// The digits of a barcode that was held to the scanner.
    Scanned(String),
}
