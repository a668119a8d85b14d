//! What may please a shopper, by scores over plain values: no I/O, no clock, no SQL, and of this
//! crate the domain only. It names products; whether the shop carries them, and what they cost
//! now, is the catalog's to say.
//!
//! ```text
//! again   what a customer buys again and again
//! ```

pub mod again;
