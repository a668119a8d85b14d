//! The one place where settings come from: defaults, then the TOML file, then
//! what head office says of the store, then the environment, then the command
//! line, each over the one before. Every key
//! has a type, a default, a range and a sentence; all mistakes of a source are
//! listed at once. Never read by `domain`, never written here.

mod facts;
mod keys;
mod source;
mod value;

pub use facts::Facts;
pub use keys::{
    Asr, Audio, Brand, Catalog, Dialog, Listening, Llm, Office, Pos, Screen, Service, Settings, Store, Sync,
    Voice,
};
pub use source::{Mistake, SettingsError, environment, load, reference};
pub use value::{Allowed, Setting, rgb};
