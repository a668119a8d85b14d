//! The catalog on the kiosk's disk: everything that is SQL, and nothing else
//! that is not. Owns `catalog.db`, a mirror that an import rebuilds at any time, and
//! `state.db`, the shop's own corrections to it, which outlive every import, and
//! `staging.db`, pieces of a catalog on their way, which may be deleted at any time. At head
//! office: `office.db`, what its kiosks told, and `history.db`, what its customers bought.
//!
//! - [`Catalog`] opens the file, imports into it and reads from it; share it
//!   behind an `Arc`, use it from any thread.
//! - [`Feed`] is what an import reads from; `feeds` holds the formats.
//! - [`SearchRequest`] to [`SearchOutcome`] is the shopper's search.
//!
//! Never logs what a shopper asked for, and never answers with a product that
//! is not in the catalog.

mod alerts;
mod analysis;
mod aside;
mod bundles;
mod catalog;
mod commands;
mod connections;
mod corrections;
mod delta;
mod departments;
mod dispatch;
mod error;
mod facets;
mod feedback;
mod filters;
mod forwards;
mod history;
mod import;
mod intake;
mod lexicon;
mod lines;
mod live;
mod meaning;
mod moves;
mod office;
mod office_events;
mod orders;
mod outbox;
mod overlay;
mod query;
mod ranking;
mod records;
mod relations;
mod retention;
mod room;
mod rows;
mod sales;
mod schema;
mod search;
mod staging;
mod state;
mod stats;
mod stops;
mod trial;
mod trust;
mod vectors;
mod words;

pub use crate::domain::digest::Digest;
pub use alerts::{Alert, AlertKind};
pub use aside::NewAside;
pub use bundles::{Bundle, BundleFile, BundleNote, BundleState, NewBundle};
pub use catalog::{Catalog, CatalogInfo, CatalogVersion, Edition, Vocabulary};
pub use commands::{BegunCommand, KnownCommands};
pub use corrections::{Corrected, CorrectionError};
pub use delta::{ChangeError, Changes, Renewal};
pub use departments::Department;
pub use dispatch::{OutboxIdentity, Refusals};
pub use error::StoreError;
pub use facets::{Facet, Facets};
pub use filters::Filters;
pub use forwards::UnsentEvent;
pub use history::{Bought, History, MAX_CUSTOMER_CHARS};
pub use import::{ImportError, ImportLimits, ImportReport};
pub use lines::{FORMAT, line};
pub use live::Shard;
pub use meaning::{DIMENSIONS, EmbedError, Embedding, Encoder, EncoderError};
pub use office::{Effect, Filed, KioskRow, Office, OfficeBatch, OfficeEvent};
pub use office_events::FiledEvent;
pub use orders::{NewOrder, OrderState, WaitingOrder};
pub use outbox::{Lane, NewEvent, OutboxState, Priority, Waiting};
pub use ranking::{SIGNALS, Signals};
pub use records::{Entry, Feed, FeedError, Header, LineError, Progress, Record};
pub use room::{Room, free};
pub use sales::{Carried, EARLIEST_SALE, LATEST_SALE, NewSale, Took};
pub use search::{Hit, MAX_QUERY_CHARS, SearchOutcome, SearchRequest};
pub use staging::{Staging, StagingError};
pub use stats::CatalogStats;
pub use trust::{Remembered, SeenMark};
