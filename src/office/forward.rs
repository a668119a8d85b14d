//! Brings what is in office.db into PostgreSQL, from one commit to the other: kiosks are answered
//! once office.db has an event, whether PostgreSQL answers or not, and what it has not yet waits
//! in office.db. Of the collectors that share an office.db one brings; those with one of their own
//! each bring theirs. An event that is brought twice counts once. Never asks a kiosk for anything.
//!
//! ```text
//! collect -> office.db (events, unsent) -> forward -> postgres, then no more unsent
//! ```

use super::files;
use super::postgres::{Address, Brought, Database, PostgresError};
use super::running::Running;
use crate::store::{Office, StoreError, UnsentEvent};
use crate::sync::topics::Name;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// Events that one transaction brings at most.
const TOGETHER: usize = 500;

/// Why nothing is brought for now.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the work was broken off")]
    Broken,
}

/// How long it waits.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    /// Until it looks for new events.
    pub look: Duration,
    /// Until it tries again where PostgreSQL does not answer: first, and at most.
    pub first: Duration,
    pub longest: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { look: seconds(1), first: seconds(1), longest: seconds(60) }
    }
}

/// What is brought from where to where.
pub struct Options {
    pub office: Arc<Office>,
    /// Head office's folder: one at a time brings what is in it.
    pub folder: PathBuf,
    pub tenant: Name,
    pub address: Address,
    pub pauses: Pauses,
}

/// What was brought since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    pub is_up: bool,
    pub new: u64,
    /// Were there already.
    pub repeated: u64,
    /// Cannot be brought, ever; they stay in office.db.
    pub aside: u64,
}

/// Who brings it. Stopped, it ends the transaction under way; what is not told to be there is brought
/// again.
pub type Forwarder = Running<Figures>;

/// Begins to bring, in the runtime that this is called in.
#[must_use]
pub fn start(options: Options) -> Forwarder {
    let (stop, stopped) = watch::channel(false);
    let (counted, figures) = watch::channel(Figures::default());
    let task = tokio::spawn(Task { options, stopped, counted }.run());
    Running { task, stop, figures }
}

struct Task {
    options: Options,
    stopped: watch::Receiver<bool>,
    counted: watch::Sender<Figures>,
}

impl Task {
    async fn run(mut self) {
        let Pauses { first, longest, look } = self.options.pauses;
        // Another collector brings what is here; should it end, this one does.
        let _alone = loop {
            if let Some(alone) = self.alone() {
                break alone;
            }
            if self.rest(look).await {
                return;
            }
        };
        let (mut pause, mut said) = (first, String::new());
        loop {
            let before = *self.counted.borrow();
            let Err(trouble) = self.bring().await else { return };
            self.counted.send_modify(|figures| figures.is_up = false);
            let now = *self.counted.borrow();
            if (now.new, now.repeated) != (before.new, before.repeated) {
                (pause, said) = (first, String::new());
            }
            let line = trouble.to_string();
            if line != said {
                tracing::warn!("what kiosks tell waits in office.db: {line}");
                said = line;
            }
            // Not all collectors at one moment.
            if self.rest(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await {
                return;
            }
            pause = (pause * 2).min(longest);
        }
    }

    fn alone(&self) -> Option<File> {
        let folder = self.options.folder.join("forward");
        files::private_folder(&folder).and_then(|()| files::lock(&folder)).ok()
    }

    /// Waits; true: it is to stop.
    async fn rest(&mut self, time: Duration) -> bool {
        tokio::select! {
            _ = self.stopped.wait_for(|stopped| *stopped) => true,
            () = sleep(time) => false,
        }
    }

    /// Brings what waits, and what comes, until it is to stop.
    async fn bring(&mut self) -> Result<(), Trouble> {
        let mut database = self.options.address.connect().await?;
        let identity = database.identity().await?;
        self.office(move |office| office.forward_to(identity)).await?;
        self.counted.send_modify(|figures| figures.is_up = true);
        let mut most = TOGETHER;
        loop {
            if *self.stopped.borrow() {
                return Ok(());
            }
            let events = self.office(move |office| office.unsent(most)).await?;
            if events.is_empty() {
                if self.rest(self.options.pauses.look).await {
                    return Ok(());
                }
                continue;
            }
            match self.bring_some(&mut database, &events).await {
                Ok(()) => most = TOGETHER,
                // One of them it cannot take: the smaller the lot, the sooner it is found.
                Err(Trouble::Postgres(error)) if error.is_of_the_rows() => match events.as_slice() {
                    [one] => self.put_aside(one, &error).await?,
                    many => most = many.len().div_ceil(2),
                },
                Err(trouble) => return Err(trouble),
            }
        }
    }

    async fn bring_some(&self, database: &mut Database, events: &[UnsentEvent]) -> Result<(), Trouble> {
        let Brought { new, repeated } = database.bring(&self.options.tenant, events).await?;
        let ids: Vec<_> = events.iter().map(|own| own.event.id).collect();
        self.office(move |office| office.sent(&ids)).await?;
        self.counted.send_modify(|figures| {
            figures.new += new;
            figures.repeated += repeated;
        });
        Ok(())
    }

    async fn put_aside(&self, own: &UnsentEvent, why: &PostgresError) -> Result<(), Trouble> {
        let (id, why) = (own.event.id, why.to_string());
        tracing::error!(%id, "an event stays in office.db alone: {why}");
        self.office(move |office| office.put_aside(id, &why)).await?;
        self.counted.send_modify(|figures| figures.aside += 1);
        Ok(())
    }

    /// Asks office.db, which blocks.
    async fn office<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Office) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Trouble> {
        let office = Arc::clone(&self.options.office);
        Ok(spawn_blocking(move || ask(&office)).await.map_err(|_| Trouble::Broken)??)
    }
}
