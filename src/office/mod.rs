//! Head office's side: what kiosks carry is signed and published, what they tell is collected, and
//! seen. Stands beside the kiosk's program in one binary, and shares nothing with it but the
//! messages.
//!
//! ```text
//! collect   the kiosks' events and statuses into office.db, acknowledged after the commit
//! filing    batches as they come to rows of office.db
//! forward   from there into PostgreSQL         postgres  its tables, and the way in
//! retention lets go of what office.db has held long enough
//! status    the fleet as a table
//! table     the fleet as people read it     news      what happens there, as it comes
//! keyring   the keys that sign, and their lists
//! content   a catalog file as rows         bundle    packed, with deltas and a manifest
//! shelf     what was published             publish   to the broker, step by step
//! replay    what it is tried with before
//! live      prices, counts and recalls between two catalogs
//! line      the connection                 files     files that appear whole or not at all
//! commands  what is asked of each kiosk    judge     whether a bundle does well at some
//! rollout   first to some kiosks, then to all
//! loyalty   who a customer is, answered to the kiosk that asks with their consent
//! running   the handle of those that run in the background
//! ```

pub mod bundle;
pub mod collect;
pub mod commands;
pub mod content;
pub mod files;
mod filing;
pub mod forward;
pub mod judge;
pub mod keyring;
mod line;
pub mod live;
pub mod loyalty;
pub mod news;
pub mod postgres;
pub mod publish;
pub mod replay;
pub mod retention;
pub mod rollout;
pub mod running;
pub mod shelf;
pub mod status;
pub mod table;
