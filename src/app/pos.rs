//! The store's point of sale while the kiosk runs: its sales come in over HTTP where the settings
//! say so, and over head office's broker where there is one. Without a token neither is open. A
//! fault here never stops the kiosk.

use super::doctor::Check;
use super::meter::Meter;
use crate::settings::{self, Settings};
use crate::store::Catalog;
use crate::sync::mqtt::Arrival;
use crate::sync::till::{Receipt, Till, TillError, TokenError, Tokens};
use crate::web::{self, Place, WebError};
use bytes::Bytes;
use jiff::Timestamp;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};

/// Sales that may wait for the disk; beyond them the broker holds the line back.
const WAITING: usize = 64;
/// How often what cannot be written down is tried again over MQTT, which has no answer that asks
/// for it, and the pause before.
const TRIES: u32 = 6;
const FIRST: Duration = Duration::from_secs(1);
/// When a place that is taken is tried again.
const LISTEN_AGAIN: Duration = Duration::from_secs(10);
/// How long a stop waits for what came last.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Why no sales are taken.
#[derive(Debug, thiserror::Error)]
pub enum PosError {
    #[error("pos.token_file is empty: name a file with a token in it, or no sale is taken")]
    NoToken,
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Both ways in.
pub struct Pos {
    stop: watch::Sender<bool>,
    listening: Option<JoinHandle<()>>,
    hearing: Option<JoinHandle<()>>,
}

/// Opens what the settings name, in the runtime that this is called in; what is in the way is
/// logged. Also where sales go that come over MQTT, if they are taken.
#[must_use]
pub fn start(
    catalog: Arc<Catalog>,
    settings: &Settings,
    meter: &Arc<Meter>,
) -> (Pos, Option<mpsc::Sender<Arrival>>) {
    let mut pos = Pos { stop: watch::Sender::new(false), listening: None, hearing: None };
    let till = match tokens(&settings.pos) {
        Ok(None) => return (pos, None),
        Ok(Some(tokens)) => Arc::new(till(catalog, tokens, settings, meter)),
        Err(error) => {
            tracing::error!("sales of the point of sale are not taken: {error}");
            return (pos, None);
        }
    };
    if let Some(place) = place(&settings.pos) {
        pos.listening = Some(tokio::spawn(listen(place, Arc::clone(&till), pos.stop.subscribe())));
    }
    let (sales, told) = mpsc::channel(WAITING);
    pos.hearing = Some(tokio::spawn(hear(till, told)));
    (pos, Some(sales))
}

/// What the point of sale must know; `None`: the settings speak of none.
fn tokens(pos: &settings::Pos) -> Result<Option<Tokens>, PosError> {
    match (pos.token_file.is_empty(), pos.listen.is_empty()) {
        (false, _) => Ok(Some(Tokens::read(Path::new(&pos.token_file))?)),
        (true, false) => Err(PosError::NoToken),
        (true, true) => Ok(None),
    }
}

fn till(catalog: Arc<Catalog>, tokens: Tokens, settings: &Settings, meter: &Arc<Meter>) -> Till {
    let (sync, meter) = (&settings.sync, Arc::clone(meter));
    let store = (!sync.broker.is_empty()).then(|| format!("{}/{}", sync.tenant, sync.store));
    Till::new(catalog, tokens, store, u64::from(sync.outbox_mb) << 20, move || meter.wake())
}

fn place(pos: &settings::Pos) -> Option<Place> {
    let (address, remote) = (pos.listen.clone(), pos.remote);
    (!address.is_empty()).then_some(Place { setting: "pos.listen", allow: "pos.remote", address, remote })
}

/// Serves at `place`, as soon as nobody else does, until it is stopped.
async fn listen(place: Place, till: Arc<Till>, mut stopped: watch::Receiver<bool>) {
    let mut is_told = false;
    let listener = loop {
        match place.listen().await {
            Ok(listener) => break listener,
            Err(error @ WebError::Listen { .. }) => {
                if !std::mem::replace(&mut is_told, true) {
                    tracing::error!("sales are not taken over HTTP yet: {error}");
                }
            }
            Err(error) => {
                tracing::error!("sales are not taken over HTTP: {error}");
                return;
            }
        }
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = sleep(LISTEN_AGAIN) => {}
        }
    };
    let address = listener.local_addr().map_or_else(|_| place.address.clone(), |own| own.to_string());
    tracing::info!(address, "sales are taken over HTTP");
    let stop = async {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    web::serve(listener, web::router(till), stop).await;
}

/// Takes what comes over MQTT, one sale after another, until nobody brings any more.
async fn hear(till: Arc<Till>, mut sales: mpsc::Receiver<Arrival>) {
    let (mut strange, mut fails) = (0_u64, false);
    while let Some(Arrival { payload, authorization, .. }) = sales.recv().await {
        if !authorization.is_some_and(|own| till.tokens().know(own.text())) {
            strange += 1;
            // However many come, the log stays short.
            if strange.is_power_of_two() {
                tracing::warn!(dropped = strange, "sales without the right token are dropped");
            }
            continue;
        }
        // While the disk takes nothing, no sale holds up the next.
        let tries = if fails { 1 } else { TRIES };
        let Some(taken) = take(&till, &payload, tries).await else {
            tracing::error!("a sale is lost: its work broke off");
            continue;
        };
        fails = matches!(taken, Err(TillError::Store(_)));
        match taken {
            Ok(receipt) if !receipt.unknown.is_empty() => {
                tracing::debug!(lines = receipt.unknown.len(), "a sale has articles that are not carried");
            }
            Ok(_) => {}
            Err(TillError::Store(error)) => {
                tracing::error!(%error, "a sale is lost: it cannot be written down")
            }
            Err(error) => tracing::warn!("a sale is not taken: {error}"),
        }
    }
}

/// What becomes of a sale; `None`: nobody knows.
async fn take(till: &Arc<Till>, sale: &Bytes, tries: u32) -> Option<Result<Receipt, TillError>> {
    let mut pause = FIRST;
    let mut left = tries;
    loop {
        let (till, sale) = (Arc::clone(till), sale.clone());
        let taken = spawn_blocking(move || till.take(&sale, Timestamp::now())).await.ok()?;
        left = left.saturating_sub(1);
        match taken {
            Err(TillError::Store(error)) if left > 0 => {
                tracing::warn!(%error, "a sale is not taken yet");
                sleep(pause).await;
                pause *= 2;
            }
            taken => return Some(taken),
        }
    }
}

impl Pos {
    /// Takes no more over HTTP; what was begun there is finished.
    pub async fn close(&mut self) {
        self.stop.send_replace(true);
        if let Some(listening) = self.listening.take() {
            let _ = listening.await;
        }
    }

    /// Waits for what came last over MQTT to be written down, once nobody brings any more.
    pub async fn stop(mut self) {
        self.close().await;
        if let Some(hearing) = self.hearing.take()
            && timeout(STOP_WITHIN, hearing).await.is_err()
        {
            tracing::warn!("the last sales were not written down in time");
        }
    }
}

/// How the point of sale is connected. Nothing listens, and nothing is taken.
pub(super) fn check(data: &Path, settings: &Settings) -> Check {
    const NAME: &str = "point of sale";
    let own = &settings.pos;
    let tokens = match tokens(own) {
        Ok(None) => return Check::good(NAME, "none is set (pos.token_file)"),
        Ok(Some(tokens)) => tokens.count(),
        Err(error) => return Check::fault(NAME, error.to_string(), "mend that setting"),
    };
    let place = place(own);
    if let Some(Err(error)) = place.as_ref().map(Place::find) {
        return Check::fault(NAME, error.to_string(), "mend that setting");
    }
    let over_http = place.map(|place| format!("over HTTP at {}", place.address));
    let over_mqtt = (!settings.sync.broker.is_empty()).then(|| "over MQTT".to_owned());
    let ways: Vec<String> = over_http.into_iter().chain(over_mqtt).collect();
    if ways.is_empty() {
        let advice = "set pos.listen, or sync.broker";
        return Check::warning(NAME, "it has a token and no way to tell sales", advice);
    }
    let last = match Catalog::open(data).and_then(|catalog| catalog.last_sale()) {
        Ok(Some(last)) => format!("the last one came at {last:.0}"),
        Ok(None) => "none came yet".to_owned(),
        Err(error) => return Check::fault(NAME, error.to_string(), "see the catalog's check"),
    };
    Check::good(NAME, format!("sales come {}, tokens: {tokens}; {last}", ways.join(" and ")))
}
