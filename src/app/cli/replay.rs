//! What may be asked of the replay before a catalog is published. Parsing only.

use crate::office::replay::verdict::Limits;
use clap::Args;
use std::path::PathBuf;

/// What a new catalog is tried with, and what is borne.
#[derive(Debug, Args)]
pub struct Replay {
    /// Turns with what is right, JSON lines, besides those that are drawn from the catalog (default:
    /// turns/GROUP.jsonl in head office's folder where it is; the demo store has its own).
    #[arg(long, value_name = "FILE")]
    pub turns: Option<PathBuf>,
    /// Of 100 turns and of 100 products called by their names, so many must be answered right.
    #[arg(long, value_name = "PERCENT", default_value_t = 90.0, value_parser = percent)]
    pub min_accuracy: f64,
    /// Of 100 things that the shop has not, must not sell or does not know, so many must get an honest no.
    #[arg(long, value_name = "PERCENT", default_value_t = 85.0, value_parser = percent)]
    pub min_honest: f64,
    /// Milliseconds within which 95 of 100 turns must be answered here.
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub max_p95_ms: u32,
    /// Points of 100 by which each of these may fall below those of the catalog before.
    #[arg(long, value_name = "POINTS", default_value_t = 2.0, value_parser = percent)]
    pub max_fall: f64,
    /// How many times as long as with the catalog before 95 of 100 turns may take.
    #[arg(long, value_name = "TIMES", default_value_t = 3.0, value_parser = super::rollout::times)]
    pub max_slower: f64,
    /// Publish without trying it; why is written down.
    #[arg(long, value_name = "WHY", value_parser = why, conflicts_with = "turns")]
    pub skip_replay: Option<String>,
}

impl Replay {
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            accuracy: self.min_accuracy,
            honest: self.min_honest,
            p95_ms: self.max_p95_ms.into(),
            fall: self.max_fall,
            slower: self.max_slower,
        }
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| "write a number from 0 to 100".to_owned())
}

fn why(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 300 {
        return Err("say why, in 1 to 300 characters".to_owned());
    }
    Ok(text.to_owned())
}
