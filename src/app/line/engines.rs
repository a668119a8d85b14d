//! Tells head office of each engine that had to be started anew. Looks, and changes nothing.

use crate::app::assistant::Assistant;
use crate::app::meter::Meter;
use crate::engines::Engine;
use crate::sync::wire::event::{self, Telemetry};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Watches the engines, in the runtime that this is called in, until they are gone.
pub(super) fn watch(assistant: &Assistant, meter: &Arc<Meter>) -> Vec<JoinHandle<()>> {
    let known = assistant.engines().filter_map(|own| Some((own, named(own)?)));
    known.map(|(own, engine)| tokio::spawn(follow(own.watch(), engine, Arc::clone(meter)))).collect()
}

/// As head office calls it.
pub(super) fn named(own: &Engine) -> Option<event::Engine> {
    match own.name() {
        "aisle-stt" => Some(event::Engine::Stt),
        "aisle-llm" => Some(event::Engine::Llm),
        _ => None,
    }
}

async fn follow(
    mut status: tokio::sync::watch::Receiver<crate::engines::EngineStatus>,
    engine: event::Engine,
    meter: Arc<Meter>,
) {
    let mut before = status.borrow_and_update().restarts;
    while status.changed().await.is_ok() {
        let now = status.borrow_and_update().restarts;
        // One that fails at each start is told of each time: head office counts them.
        for _ in before..now {
            meter.tell(Telemetry::EngineRestarted { engine });
        }
        before = now;
    }
}
