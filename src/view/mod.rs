//! The screen: one file per page's adapter, each turning plain values into Slint's and a
//! finger's touch into a [`touch::Touch`]. The only place that names Slint. Decides
//! nothing, knows no catalog.

pub mod attract;
pub mod card;
pub mod chrome;
mod code;
pub mod compare;
pub mod consent;
pub mod feedback;
pub mod for_you;
pub mod format;
pub mod help;
pub mod home;
pub mod list;
pub mod listening;
pub mod maintenance;
pub mod map;
pub mod outage;
pub mod photos;
pub mod product;
pub mod results;
mod scanner;
pub mod screen;
pub mod search;
pub mod touch;
pub mod window;

/// What the files of `ui` are compiled to.
pub use aisle_ui as ui;
