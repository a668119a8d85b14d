//! What may be asked of `aisle office rollout`. Parsing only.

use super::days;
use crate::sync::topics::Name;
use clap::Args;

/// Which bundle goes to whom first, and what is borne.
#[derive(Debug, Args)]
pub struct Rollout {
    /// The version that waits.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub version: u64,
    /// Its group of stores.
    #[arg(long, default_value = "all")]
    pub group: Name,
    /// Stores whose kiosks get it first.
    #[arg(long, value_name = "STORE", num_args = 1.., required_unless_present = "abort")]
    pub canary: Vec<Name>,
    /// Minutes for which it must do well there.
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=43_200))]
    pub hold: u64,
    /// Minutes within which all of the first kiosks must have it.
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=43_200))]
    pub within: u64,
    /// Days before with which it is compared.
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = days())]
    pub compare: u32,
    /// Searches, questions or times that are needed on both sides before they are compared.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    pub least: u64,
    /// Points of 100 by which the share of honest no's may grow.
    #[arg(long, value_name = "POINTS", default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub max_honest_no: u8,
    /// Points of 100 by which the share of searches that find something may fall.
    #[arg(long, value_name = "POINTS", default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub max_search_loss: u8,
    /// How many times as long a stage may take, for 95 of 100.
    #[arg(long, value_name = "TIMES", default_value_t = 3.0, value_parser = times)]
    pub max_slower: f64,
    /// Engine restarts beyond those of before.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub max_restarts: u64,
    /// Kiosks that may go silent.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_silent: usize,
    /// Take it back now.
    #[arg(long)]
    pub abort: bool,
}

pub(super) fn times(text: &str) -> Result<f64, String> {
    let times = text.parse::<f64>().ok().filter(|times| (1.0..=1_000.0).contains(times));
    times.ok_or_else(|| "write a number from 1 to 1000".to_owned())
}
