//! What the files of this folder are compiled to. No code of ours; `src/view` uses it.

#![allow(clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub use slint;

slint::include_modules!();
