//! `aisle office collect` and `status`: a collector as a service, and the fleet as it stands. What
//! is collected and shown is `office`'s.

use super::serving::{Serves, serve};
use super::{Place, SECTION, block_on, everywhere, print};
use crate::app::broker;
use crate::office::collect::{self, Collector, Figures, Options};
use crate::office::forward::{self, Forwarder};
use crate::office::postgres::Address;
use crate::office::retention;
use crate::office::status::{Presence, fleet};
use crate::office::table::table;
use crate::store::Office;
use crate::sync::tls::Roots;
use crate::sync::topics::Name;
use anyhow::Result;
use jiff::Timestamp;
use serde_json::json;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How often the fleet is shown again.
const SHOW_EVERY: Duration = Duration::from_secs(2);
/// How long a stop waits for what is on its way into PostgreSQL.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// Clears a terminal: the cursor home, then all below it.
pub(super) const CLEAR: &str = "\x1b[H\x1b[J";

/// Collects until SIGTERM or SIGINT; what has come by then is written down and acknowledged.
///
/// # Errors
/// A setting or the database cannot be used.
pub(super) fn run(number: u16, postgres: Option<PathBuf>, place: &Place) -> Result<()> {
    let name = format!("collect-{number}");
    let connection = place.connection(&name)?;
    let (tenant, share) = (place.tenant()?, broker::name(SECTION, "share", &place.settings.share)?);
    let address = address(postgres, place)?;
    let office = Arc::new(Office::open(&place.folder)?);
    block_on(async {
        let begin = || {
            tracing::info!(%name, folder = %place.folder.display(), "collecting");
            let forwarder = address.map(|address| {
                let (office, tenant) = (Arc::clone(&office), tenant.clone());
                let (folder, pauses) = (place.folder.clone(), forward::Pauses::default());
                forward::start(forward::Options { office, folder, tenant, address, pauses })
            });
            let filed = Arc::clone(&office);
            let retention = tokio::spawn(retention::run(Arc::clone(&office), place.settings.keep_days));
            let collector = collect::start(Options { connection, tenant, share, office, watching: None });
            Collecting { collector, forwarder, retention, office: filed }
        };
        let collecting = serve(begin).await?;
        collecting.retention.abort();
        let (figures, waiting) = (collecting.collector.figures(), Arc::clone(&collecting.office));
        collecting.collector.stop().await;
        tell(*figures.borrow());
        tell_forwarded(collecting.forwarder.as_ref(), &waiting);
        if let Some(forwarder) = collecting.forwarder {
            // What is not there yet is brought after the next start.
            let _ = timeout(STOP_WITHIN, forwarder.stop()).await;
        }
        Ok(())
    })
}

/// A collector, who brings what it filed into PostgreSQL, and who lets go of what is old.
struct Collecting {
    collector: Collector,
    forwarder: Option<Forwarder>,
    retention: JoinHandle<()>,
    office: Arc<Office>,
}

impl Serves for Collecting {
    type Figures = Figures;

    fn figures(&self) -> watch::Receiver<Figures> {
        self.collector.figures()
    }

    fn is_up(figures: &Figures) -> bool {
        figures.is_up
    }

    fn tell(&self) {
        tell(*self.figures().borrow());
        tell_forwarded(self.forwarder.as_ref(), &self.office);
    }
}

/// Where PostgreSQL is; `None`: there is none.
fn address(named: Option<PathBuf>, place: &Place) -> Result<Option<Address>> {
    let Place { settings, .. } = place;
    let set = Some(settings.postgres_file.as_str()).filter(|set| !set.is_empty()).map(PathBuf::from);
    let Some(file) = named.or(set) else { return Ok(None) };
    let roots = match settings.postgres_ca.as_str() {
        broker::SYSTEM => Roots::System,
        path => Roots::File(path.into()),
    };
    Ok(Some(Address::read(&file, &roots)?))
}

fn tell_forwarded(forwarder: Option<&Forwarder>, office: &Office) {
    let Some(forwarder) = forwarder else { return };
    let forward::Figures { is_up, new, repeated, aside } = *forwarder.figures().borrow();
    let waiting = office.unsent_count().map(|(waiting, _)| waiting).unwrap_or_default();
    tracing::info!(is_up, new, repeated, aside, waiting, "into PostgreSQL since it was started");
}

fn tell(figures: Figures) {
    let Figures { is_up, batches, new, repeated, refused, unreadable, failed } = figures;
    tracing::info!(is_up, batches, new, repeated, refused, unreadable, failed, "since it was started");
}

/// Shows the fleet, once or again and again until SIGINT.
///
/// # Errors
/// Nothing was collected in this folder, or its database cannot be read.
pub(super) fn status(place: &Place, as_json: bool, watch: bool) -> Result<()> {
    let office = place.collected()?;
    let show = || -> Result<()> {
        let fleet = fleet(&office.kiosks()?, Timestamp::now());
        if as_json {
            let online = fleet.iter().filter(|kiosk| kiosk.presence == Presence::Online).count();
            let lacking: Vec<Name> = everywhere::lacking(place)?.into_keys().collect();
            let value = json!({"online": online, "kiosks": fleet, "lacking_recalls": lacking});
            return print(&format!("{value}\n"));
        }
        let clear = if watch && std::io::stdout().is_terminal() { CLEAR } else { "" };
        print(&format!("{clear}{}{}", table(&fleet), everywhere::hint(place)?))
    };
    if !watch {
        return show();
    }
    block_on(async {
        loop {
            show()?;
            sleep(SHOW_EVERY).await;
        }
    })
}
