//! What may be asked about customers: their history, and answering kiosks that ask for it.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum History {
    /// Replace the history (history.db in the data folder) by a file's, all or nothing.
    Import {
        /// One purchase a row, CSV, TSV or JSON lines, with the columns customer, sku, at (a date or
        /// time) and quantity (default 1). Rows of less than one piece are returns and left out.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct Cards {
    /// Who answers: comes to the broker as loyalty-1, loyalty-2 and so on.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=99))]
    pub number: u16,
    /// What customers are called on the screen: a table with the columns number and name.
    #[arg(long, value_name = "FILE.csv")]
    pub names: Option<PathBuf>,
}
