//! Readers of catalog files, one file per format: bytes in, records or line
//! errors out, in bounded memory and with progress in bytes. What a record must
//! satisfy to be sold is checked once for all formats, by `store`'s import.
//! Never writes anywhere.

mod lines;
pub mod native;

pub use native::NativeFeed;
