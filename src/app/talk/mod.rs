//! The spoken conversation: whose turn it is, what is heard while somebody still speaks, and
//! when an answer is due.
//!
//! ```text
//! microphone -> listener -> driver -> taking (pure) -> driver -> engines, loudspeaker, screen
//!                              ^                        |
//!                              +---- words, findings <--+
//! ```
//!
//! [`taking`] decides and does nothing; [`driver`] does and decides nothing. Neither knows a
//! screen or a catalog: what words mean is asked of a [`driver::Mind`].

#[cfg(test)]
mod any_order_tests;
pub mod driver;
pub mod taking;
#[cfg(test)]
mod taking_tests;
pub mod terms;
pub mod trace;
pub mod whole;

pub use terms::{Call, Ear, Manner, Reading, Said, View, Wholeness};
