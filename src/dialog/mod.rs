//! The conversation, pure: what words mean and what may be answered. No I/O,
//! no engine, no SQL; the catalog's words come in as values. Every reply is
//! made of typed facts, and the gate refuses the rest.

pub mod classifier;
pub mod clause;
pub mod constraint;
pub mod context;
pub mod facts;
pub mod findings;
pub mod foreign;
pub mod freshness;
pub mod gate;
pub mod menu;
pub mod occasion;
pub mod order;
pub mod prompt;
pub mod refer;
pub mod rehearing;
pub mod reply;
pub mod rules;
pub mod size;
pub mod sound;
pub mod spoken;
pub mod synonyms;
pub mod tool;
pub mod wish;
pub mod words;
