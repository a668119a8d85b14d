//! The assistant put together: the turn as a pure state machine, and the loop
//! that carries out its commands on the catalog, the engines and the voice.

pub mod advice;
pub mod ask;
pub mod assistant;
pub mod broker;
pub mod cli;
pub mod corrections;
pub mod doctor;
pub mod ears;
pub mod folders;
pub mod history;
pub mod kiosk;
pub mod line;
pub mod listing;
pub mod live;
pub mod lookup;
pub mod machine;
pub mod meaning;
pub mod meter;
pub mod mind;
pub mod mirror;
pub mod mouth;
pub mod office;
pub mod orders;
pub mod overhear;
pub mod pictures;
pub mod pos;
pub mod reports;
pub mod search;
pub mod service;
mod sessions;
mod shop;
pub mod speech_service;
pub mod talk;
pub mod turn;
