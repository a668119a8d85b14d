//! The command line: what may be asked of `aisle`. Parsing only.

mod customers;
mod replay;
mod rollout;

pub use customers::{Cards, History};
pub use replay::Replay;
pub use rollout::Rollout;

use crate::domain::{AsOf, Cents, Gtin, Sku, moment, money};
use crate::office::keyring::{GRACE_DAYS, LIST_DAYS};
use crate::sync::topics::{Name, Role};
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
    /// What customers bought: at head office only, never on a kiosk.
    #[command(subcommand)]
    History(History),
    /// Calls for a person that shoppers made.
    #[command(subcommand)]
    Alerts(Alerts),
    /// The model files.
    #[command(subcommand)]
    Models(Models),
    /// Run the kiosk.
    Run(Run),
    /// Head office: sign and publish what kiosks carry, collect and show what they tell.
    Office(Office),
    /// Check the installation and say what to do about each fault.
    Doctor(Doctor),
    /// Print every setting with its meaning, range and default.
    Settings,
}

impl Command {
    /// Whether it is a service, which tells what it does.
    #[must_use]
    pub fn serves(&self) -> bool {
        use OfficeCommand::{Collect, Loyalty};
        matches!(self, Self::Run(_) | Self::Office(Office { command: Collect { .. } | Loyalty(_), .. }))
    }
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
    /// Hear the recording as it is being spoken, in real time, and answer when its turns are
    /// over; one answer for each turn. Times count from the last voiced sample.
    #[arg(long, requires = "wav", conflicts_with_all = ["say", "play"])]
    pub live: bool,
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
    /// Also count what the found products could be narrowed by.
    #[arg(long)]
    pub facets: bool,
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
    Import(Import),
    /// Write the loaded catalog as Aisle's own JSON lines.
    Export {
        /// Where to; "-" is standard output.
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// Make every product ready for search by meaning, now.
    Embed,
    /// Correct a product for this shop: it counts over this and later catalogs.
    Correct(Box<Correct>),
    /// What the shop has corrected.
    Corrections {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// What is loaded, and how much of it is known.
    Stats {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Alerts {
    /// Those that wait, then the latest others.
    List {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Say that somebody has seen to one.
    Ack {
        /// Its number, as `aisle alerts list` shows it.
        id: i64,
        /// Who it was.
        #[arg(long, default_value = "a colleague")]
        by: String,
    },
}

#[derive(Debug, Args)]
pub struct Correct {
    /// The product.
    pub sku: String,
    /// Its regular price: 3.49.
    #[arg(long, value_parser = cents)]
    pub price: Option<Cents>,
    /// Pieces on hand.
    #[arg(long)]
    pub stock: Option<i64>,
    /// The sign of the aisle where it stands.
    #[arg(long)]
    pub aisle: Option<String>,
    /// Its bay there, from 1.
    #[arg(long)]
    pub bay: Option<u32>,
    /// Its shelf there, from 1 at the bottom.
    #[arg(long)]
    pub shelf: Option<u32>,
    #[arg(long)]
    pub title: Option<String>,
    #[arg(long)]
    pub description: Option<String>,
    /// Another word that shoppers use for it; may be given more than once.
    #[arg(long)]
    pub synonym: Vec<String>,
    /// File name of its photo.
    #[arg(long)]
    pub photo: Option<String>,
    /// Stop selling it here: it is not found and not offered.
    #[arg(long)]
    pub withdraw: bool,
    /// When the correction ends by itself: an RFC 3339 time, or a date's end.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Who corrects it, and why.
    #[arg(long)]
    pub note: Option<String>,
    /// Drop all corrections of the product.
    #[arg(long, conflicts_with_all = ["price", "stock", "aisle", "bay", "shelf", "title", "description",
        "synonym", "photo", "withdraw", "until", "note"])]
    pub drop: bool,
}

fn cents(text: &str) -> Result<Cents, String> {
    money::parse(text).ok_or_else(|| "write it like 3.49".to_owned())
}

fn as_of(text: &str) -> Result<AsOf, String> {
    if text == "now" {
        return Ok(jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
    let known = moment::first(text).map(|_| text.to_owned());
    known
        .ok_or_else(|| "write \"now\", a time like 2026-11-20T06:00:00Z or a date like 2026-11-20".to_owned())
}

#[derive(Debug, Args)]
pub struct Import {
    /// A catalog: Aisle's own JSON lines, a Google Merchant Center feed (TSV, CSV
    /// or XML), schema.org products as JSON-LD, or any table with --mapping; each
    /// plain, .gz or .zst.
    pub file: PathBuf,
    /// Which column is what, for other tables: CSV, TSV or JSON lines.
    #[arg(long, value_name = "MAP.toml")]
    pub mapping: Option<PathBuf>,
    /// When its prices and stock were last sure, instead of what it says: "now",
    /// an RFC 3339 time or a date.
    #[arg(long, value_name = "TIME", value_parser = as_of)]
    pub as_of: Option<AsOf>,
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
    #[arg(long)]
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

#[derive(Debug, Args)]
pub struct Office {
    #[command(subcommand)]
    pub command: OfficeCommand,
    /// Head office's folder (default: office.data, else office in the data folder).
    #[arg(long, global = true, value_name = "DIR")]
    pub office: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum OfficeCommand {
    /// The keys that sign what kiosks take.
    #[command(subcommand)]
    Keys(Keys),
    /// Publish a catalog to a group of stores.
    Publish(Publish),
    /// What stores must not sell now.
    #[command(subcommand)]
    Recall(Recall),
    /// Send prices to stores, over those of their catalog.
    Price(Sheet),
    /// Send counts to stores, over those of their catalog.
    Stock(Sheet),
    /// Send prices, counts and recalls that stand once more where the broker lacks them, or
    /// another key signed them.
    Resend {
        /// A store (default: all that anything was sent to); may be given more than once.
        #[arg(long, value_name = "STORE", value_delimiter = ',')]
        store: Vec<Name>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Write down what kiosks tell, until it is stopped.
    Collect {
        /// Which collector this is: it comes to the broker as collect-1, collect-2 and so on.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=99))]
        number: u16,
        /// File with the address of a PostgreSQL database that gets all of it as well (default:
        /// office.postgres_file).
        #[arg(long, value_name = "FILE")]
        postgres: Option<PathBuf>,
    },
    /// Answer kiosks that ask, with a shopper's consent, what they bought before; until it is stopped.
    Loyalty(Cards),
    /// The kiosks as they were last heard; those that need a look stand first.
    Status {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        /// Show it again every 2 seconds.
        #[arg(long)]
        watch: bool,
    },
    /// Tell kiosks to do something, each once.
    #[command(subcommand)]
    Command(Order),
    /// The fleet and what happens there, as it comes, until ctrl-c.
    Watch,
    /// Give a bundle that waits (`publish --staged`) to some stores, see whether it does well there,
    /// and give it to all, or take it back. Broken off, it goes on when it is asked again.
    Rollout(Rollout),
}

/// What kiosks are told.
#[derive(Debug, Subcommand)]
pub enum Order {
    /// Start engines, the program or the machine anew.
    Restart {
        what: What,
        #[command(flatten)]
        to: To,
    },
    /// Look at itself as `aisle doctor` does, and tell what it finds.
    Diagnose {
        #[command(flatten)]
        to: To,
    },
    /// Take no catalog newer than this.
    Pin {
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        version: u64,
        #[command(flatten)]
        to: To,
    },
    /// Take any catalog again.
    Unpin {
        #[command(flatten)]
        to: To,
    },
    /// Take this catalog into use although it waits.
    Release {
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        version: u64,
        #[command(flatten)]
        to: To,
    },
    /// Have the newest key list in force, and say when it is.
    Keys {
        #[command(flatten)]
        to: To,
    },
    /// What is asked of kiosks, and what they answered.
    List {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Take back what is not answered yet.
    Withdraw {
        /// As `aisle office command list` shows them.
        #[arg(required = true)]
        ids: Vec<uuid::Uuid>,
    },
    /// Send the lists that the broker lacks.
    Send {
        /// All of them, for a broker that lost them.
        #[arg(long)]
        again: bool,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum What {
    Engines,
    Program,
    Machine,
}

/// Who is told, and until when it counts.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("whom").required(true).args(["store", "group"]))]
pub struct To {
    /// All kiosks of this store.
    #[arg(long, value_name = "S", conflicts_with = "group")]
    pub store: Option<Name>,
    /// One kiosk of the store.
    #[arg(long, value_name = "K", requires = "store")]
    pub kiosk: Option<Name>,
    /// All kiosks that take the catalog of this group.
    #[arg(long, value_name = "G")]
    pub group: Option<Name>,
    /// Minutes within which it is begun, or not at all.
    #[arg(long, value_name = "MINUTES", default_value_t = 1440, value_parser = clap::value_parser!(u32).range(1..=43_200))]
    pub within: u32,
    /// Wait for answers so many seconds, and print them.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub wait: u32,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make root, catalog, live and command keys, and print the root key for the kiosks.
    Init {
        /// Days for which the key list is good.
        #[arg(long, value_name = "N", default_value_t = LIST_DAYS, value_parser = days())]
        days: u32,
    },
    /// List the keys.
    Show {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Put a new key in the place of a role's oldest.
    Rotate {
        /// root, catalog, live or command.
        #[arg(value_parser = role)]
        role: Role,
        /// Days for which what the old key signed is still accepted.
        #[arg(long, value_name = "N", default_value_t = GRACE_DAYS, value_parser = clap::value_parser!(u32).range(0..=365))]
        grace_days: u32,
    },
    /// Extend the time for which the keys are good.
    Renew {
        /// Days from now on.
        #[arg(long, value_name = "N", default_value_t = LIST_DAYS, value_parser = days())]
        days: u32,
    },
    /// Send the key lists to the kiosks; publishing a catalog does it too.
    Publish,
}

#[derive(Debug, Args)]
pub struct Publish {
    /// A catalog in any format that `aisle catalog import` reads.
    pub file: PathBuf,
    /// Group of stores that are to carry it.
    #[arg(long, default_value = "all")]
    pub group: Name,
    /// Which column is what, for other tables: CSV, TSV or JSON lines.
    #[arg(long, value_name = "MAP.toml")]
    pub mapping: Option<PathBuf>,
    /// When its prices and stock were last sure, instead of what it says: "now",
    /// an RFC 3339 time or a date.
    #[arg(long, value_name = "TIME", value_parser = as_of)]
    pub as_of: Option<AsOf>,
    /// What the stores say of themselves, TOML: `[store]` for all, `[stores.NAME]` for one. As with
    /// the next two: where none is given the last one stays, and an empty file takes it away.
    #[arg(long, value_name = "FILE")]
    pub facts: Option<PathBuf>,
    /// Other ways to say what is on the menu, TOML: `[synonyms]`, NAME = ["...", ...].
    #[arg(long, value_name = "FILE")]
    pub menu: Option<PathBuf>,
    /// What the language model is told, written like firmware-config/prompts.toml.
    #[arg(long, value_name = "FILE")]
    pub prompts: Option<PathBuf>,
    /// Kiosks fetch it, and take it into use only when a command names them.
    #[arg(long)]
    pub staged: bool,
    /// Days for which kiosks that do not have it may take it.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = days())]
    pub days: u32,
    /// Say what would be published, and connect to nothing.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub replay: Replay,
    /// Send all of it again, for a broker that lost it.
    #[arg(long, conflicts_with = "dry_run")]
    pub again: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Which stores are meant.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Stores {
    /// A store; may be given more than once.
    #[arg(long, value_name = "STORE", value_delimiter = ',')]
    pub store: Vec<Name>,
    /// All stores that head office has heard of or sent anything to.
    #[arg(long)]
    pub all_stores: bool,
}

#[derive(Debug, Subcommand)]
pub enum Recall {
    /// Stop the sale of products.
    Add(RecallAdd),
    /// Let products be sold again.
    Lift {
        /// The recall's name, as `aisle office recall list` shows it.
        id: Name,
        /// A store (default: all where it stands); may be given more than once.
        #[arg(long, value_name = "STORE", value_delimiter = ',')]
        store: Vec<Name>,
        /// Say what would be sent, and connect to nothing.
        #[arg(long)]
        dry_run: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// The recalls that stand, as they were last sent from here.
    List {
        /// A store (default: all); may be given more than once.
        #[arg(long, value_name = "STORE", value_delimiter = ',')]
        store: Vec<Name>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub struct RecallAdd {
    /// A name for it: 1 to 32 of a-z, 0-9, - and _.
    pub id: Name,
    #[command(flatten)]
    pub stores: Stores,
    /// A product, by its number in the catalog; may be given more than once.
    #[arg(long, value_parser = sku, required_unless_present = "gtin")]
    pub sku: Vec<Sku>,
    /// A product, by the number under its bar code; may be given more than once.
    #[arg(long, value_parser = Gtin::parse)]
    pub gtin: Vec<Gtin>,
    /// Which lot, as the label writes it, for the people of the store: the product is stopped as
    /// a whole.
    #[arg(long)]
    pub lot: Option<String>,
    /// Why, for the people of the store.
    #[arg(long)]
    pub text: String,
    /// Take the place of a recall of this name that says something else.
    #[arg(long)]
    pub replace: bool,
    /// Say what would be sent, and connect to nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Sheet {
    /// One product a row, CSV, TSV or JSON lines, with the columns sku and as_of; of prices also
    /// price or price_cents, and promotion_price (or promotion_price_cents), promotion_from,
    /// promotion_until and promotion_label; of counts also stock and availability. What nobody
    /// knows is "unknown". If one row is bad, nothing is sent.
    pub file: PathBuf,
    #[command(flatten)]
    pub stores: Stores,
    /// Group whose catalog the stores carry (default: as last time, else all).
    #[arg(long)]
    pub group: Option<Name>,
    /// When rows were last sure that do not say it: "now", an RFC 3339 time or a date (default:
    /// when the file was last changed).
    #[arg(long, value_name = "TIME", value_parser = as_of)]
    pub as_of: Option<AsOf>,
    /// Say what would be sent, and connect to nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

fn sku(text: &str) -> Result<Sku, String> {
    Sku::new(text).ok_or_else(|| format!("write 1 to {} visible characters", Sku::MAX_CHARS))
}

fn days() -> clap::builder::RangedU64ValueParser<u32> {
    clap::builder::RangedU64ValueParser::new().range(1..=3650)
}

fn role(text: &str) -> Result<Role, String> {
    let role = Role::ALL.into_iter().find(|role| role.name() == text);
    role.ok_or_else(|| "write root, catalog, live or command".to_owned())
}
