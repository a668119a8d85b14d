//! Aisle: an in-store shopping assistant that runs wholly on the kiosk.
//!
//! # A turn
//! ```text
//! recording --voice--> speech --engines--> words --dialog--> tool call
//!     tool call --app/store--> findings --dialog--> reply --gate--> screen, voice
//! ```
//!
//! # The modules, each importing only what stands above it
//! | module | owns |
//! |---|---|
//! | [`domain`] | pure types: identifiers, products, money, the turn |
//! | [`settings`] | every setting, its default and its range |
//! | [`dialog`] | pure: what words mean, what may be answered, the provenance gate |
//! | [`recommend`] | pure: what may please a shopper, by what they bought |
//! | [`store`] | all SQL: the mirrored catalog and its search |
//! | [`models`] | the model files, and ONNX sessions |
//! | [`feeds`] | catalog files to records |
//! | [`engines`] | the worker protocol and the supervision of both engines |
//! | [`voice`] | recordings, voice activity, speech output |
//! | [`sync`] | head office over MQTT: messages, signatures, packing, the connection; orders to the store's program |
//! | [`web`] | what other programs of the store reach over HTTP: sales of its point of sale |
//! | [`view`] | the screen: Slint adapters, one a page |
//! | [`office`] | head office's side: keys, what is published, what kiosks tell, into PostgreSQL too |
//! | [`app`] | the turn as a pure state machine, and the loop that runs it |
//!
//! `main.rs` turns arguments into settings and an exit code. The worker binaries
//! stand under `engines/bin`; each names one engine crate, the library none.

pub mod app;
pub mod dialog;
pub mod domain;
pub mod engines;
pub mod feeds;
pub mod models;
pub mod office;
pub mod recommend;
pub mod settings;
pub mod store;
pub mod sync;
pub mod view;
pub mod voice;
pub mod web;
