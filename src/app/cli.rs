//! The command line: what may be asked of `aisle`. Parsing only.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// An in-store shopping assistant that runs wholly on the kiosk.
#[derive(Debug, Parser)]
#[command(name = "aisle", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Folder of the databases (default: the XDG data folder).
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Settings file (default: aisle.toml in the data or XDG configuration folder).
    #[arg(long, global = true, value_name = "FILE")]
    pub settings: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer a shopper, typed or recorded.
    Ask(Ask),
    /// Search the catalog.
    Search(Search),
    /// The mirrored catalog.
    #[command(subcommand)]
    Catalog(Catalog),
    /// The model files.
    #[command(subcommand)]
    Models(Models),
    /// Run the kiosk.
    Run(Run),
    /// Check the installation and say what to do about each fault.
    Doctor(Doctor),
    /// Print every setting with its meaning, range and default.
    Settings,
}

#[derive(Debug, Args)]
pub struct Ask {
    /// What the shopper says.
    #[arg(conflicts_with_all = ["wav", "batch"], required_unless_present_any = ["wav", "batch"])]
    pub text: Option<String>,
    /// A recording of the shopper: WAV, FLAC or Ogg Vorbis.
    #[arg(long, value_name = "IN")]
    pub wav: Option<PathBuf>,
    /// Write the spoken reply to this WAV file; with --batch, to this folder.
    #[arg(long, value_name = "OUT")]
    pub say: Option<PathBuf>,
    /// Speak the reply through the loudspeaker.
    #[arg(long, conflicts_with = "batch")]
    pub play: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Answer each line {"id", "text" or "wav", "session"?} of a file, or of
    /// standard input for "-".
    #[arg(long, value_name = "FILE", conflicts_with = "wav")]
    pub batch: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Search {
    /// The words to search for.
    #[arg(required_unless_present = "batch", conflicts_with = "batch")]
    pub query: Option<String>,
    /// Most hits, 1 to 200.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub limit: u16,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Search for each line {"id", "query"} of a file, or of standard input for "-".
    #[arg(long, value_name = "FILE")]
    pub batch: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Catalog {
    /// Replace the catalog by a file's, all or nothing.
    Import {
        /// A catalog in Aisle's own JSON lines.
        file: PathBuf,
    },
    /// What is loaded, and how much of it is known.
    Stats {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Models {
    /// Which models there are, and which are here.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Fetch models (default: those that the defaults need).
    Fetch { names: Vec<String> },
    /// Check models by SHA-256 (default: all that are here).
    Verify {
        names: Vec<String>,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub struct Run {
    /// Without a screen: engines, catalog and the local turn socket.
    #[arg(long, required = true)]
    pub headless: bool,
    /// Unix socket for turns (default: aisle/turns.sock in the runtime folder).
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Doctor {
    #[arg(long)]
    pub json: bool,
}
