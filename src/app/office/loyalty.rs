//! `aisle office loyalty`: the stand-in for a CRM as a service. Whom it knows and what it says is
//! `office`'s.

use super::serving::{Serves, serve};
use super::{Place, SECTION, block_on};
use crate::app::broker;
use crate::app::cli::Cards;
use crate::office::loyalty::{self, Answerer, Customers, Figures, Options};
use crate::store::History;
use anyhow::{Result, ensure};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// Answers until SIGTERM or SIGINT, out of the history in the folder `data`.
///
/// # Errors
/// A setting, the history or the names cannot be used.
pub(super) fn run(arguments: &Cards, place: &Place, data: &Path) -> Result<()> {
    let name = format!("loyalty-{}", arguments.number);
    let connection = place.connection(&name)?;
    let (tenant, share) = (place.tenant()?, broker::name(SECTION, "share", &place.settings.share)?);
    let has_history = History::is_in(data);
    ensure!(
        has_history || arguments.names.is_some(),
        "nobody is known: there is no history.db in {}; fill it with `aisle history import FILE`",
        data.display()
    );
    let history = if has_history { Some(History::open(data)?) } else { None };
    let mut customers = Customers::new(history);
    if let Some(names) = &arguments.names {
        customers = customers.with_names(names)?;
    }
    let customers = Arc::new(customers);
    block_on(async {
        let begin = || {
            tracing::info!(%name, folder = %data.display(), "answering about customers");
            loyalty::start(Options { connection, tenant, share, customers })
        };
        let answerer = serve(begin).await?;
        let figures = answerer.figures();
        answerer.stop().await;
        tell(*figures.borrow());
        Ok(())
    })
}

impl Serves for Answerer {
    type Figures = Figures;

    fn figures(&self) -> watch::Receiver<Figures> {
        Answerer::figures(self)
    }

    fn is_up(figures: &Figures) -> bool {
        figures.is_up
    }

    fn tell(&self) {
        tell(*Answerer::figures(self).borrow());
    }
}

fn tell(figures: Figures) {
    let Figures { is_up, known, unknown, passed_over, too_many, late, failed } = figures;
    tracing::info!(is_up, known, unknown, passed_over, too_many, late, failed, "since it was started");
}
