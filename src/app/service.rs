//! What every kiosk does, with a screen or without: keeps the engines warm, tells systemd's watchdog
//! that turns are answered, and answers turns as JSON lines on a Unix socket
//! that only its own user can reach. Never listens on a network.

use super::ask::{self, MAX_LINE};
use super::assistant::{Assistant, Input, Request};
use super::folders::Folders;
use super::{machine, mirror};
use crate::settings::Settings;
use anyhow::{Context, Result, bail};
use sd_notify::NotifyState;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;

/// Most clients of the socket at a time; others wait in the listen queue.
const CLIENTS: usize = 8;
/// How long an ended correction, or one that another program made, may wait.
const RECONCILE_EVERY: Duration = Duration::from_secs(60);
/// How often it is looked for what came with a catalog and awaits an engine.
const TAKE_IN_EVERY: Duration = Duration::from_secs(60);

/// Sees that a kiosk can begin, before anything of its data is opened: there is room to open it, and
/// what is damaged makes way for what head office brings.
///
/// # Errors
/// The folder or the catalog cannot be used.
pub fn prepare(folders: &Folders, settings: &Settings) -> Result<()> {
    machine::make_room(&folders.data);
    Ok(mirror::mend(folders, settings)?)
}

/// Runs until SIGTERM, SIGINT or the end of `stop`. The watchdog is told that all is well while
/// turns are answered and `alive` says that the rest is.
///
/// # Errors
/// The socket cannot be made, or a signal handler not installed.
pub async fn run(
    assistant: Arc<Assistant>,
    socket: &Path,
    alive: impl Fn() -> bool,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let listener = listen(socket).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let warming = Arc::clone(&assistant);
    tokio::spawn(async move {
        for trouble in warming.warm().await {
            tracing::warn!(%trouble, "an engine did not start; it is tried again with its next turn");
        }
        tracing::info!("engines are warm");
    });
    tokio::spawn(take_in(Arc::clone(&assistant)));
    if !assistant.has_catalog() {
        tracing::error!("there is no catalog yet: import one, or wait for head office's");
    }
    tracing::info!(products = assistant.info().products, socket = %socket.display(), "answering turns");
    notify(&[NotifyState::Ready]);
    let every = sd_notify::watchdog_enabled().map_or(Duration::from_secs(10), |limit| limit / 2);
    let mut heartbeat = tokio::time::interval(every);
    let mut reconciling = tokio::time::interval(RECONCILE_EVERY);
    reconciling.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let clients = Arc::new(Semaphore::new(CLIENTS));
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = &mut stop => break,
            _ = heartbeat.tick() => {
                // A beat is a whole turn through rules and catalog: a hung store
                // stops the beats, and systemd restarts the kiosk.
                match beat(&assistant).await {
                    Ok(()) if !alive() => tracing::error!("the screen does not answer"),
                    Ok(()) => notify(&[NotifyState::Watchdog]),
                    Err(error) => tracing::error!(%error, "the kiosk cannot answer"),
                }
            }
            _ = reconciling.tick() => {
                let assistant = Arc::clone(&assistant);
                tokio::task::spawn_blocking(move || {
                    if let Err(error) = assistant.reconcile() {
                        tracing::error!(%error, "the shop's corrections are not up to date");
                    }
                });
            }
            accepted = accept(&listener, &clients) => match accepted {
                Ok((stream, permit)) => {
                    let assistant = Arc::clone(&assistant);
                    tokio::spawn(async move {
                        let _permit = permit;
                        // A client that goes away is its own affair.
                        let _ = serve(&assistant, stream).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a client could not connect");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    notify(&[NotifyState::Stopping]);
    assistant.stop_engines().await;
    let _ = std::fs::remove_file(socket);
    Ok(())
}

async fn accept(
    listener: &UnixListener,
    clients: &Arc<Semaphore>,
) -> Result<(UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(clients).acquire_owned().await?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

pub(super) fn notify(state: &[NotifyState<'_>]) {
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(state);
}

/// Makes new products ready for search by meaning, and has the language model read what it is
/// told, as they come.
async fn take_in(assistant: Arc<Assistant>) {
    loop {
        let embedding = Arc::clone(&assistant);
        match tokio::task::spawn_blocking(move || embedding.embed()).await {
            Ok(Ok(0)) => {}
            Ok(Ok(products)) => tracing::info!(products, "compared by meaning"),
            Ok(Err(error)) => tracing::error!(%error, "new products are found by words alone"),
            Err(error) => tracing::error!(%error, "comparing products by meaning broke off"),
        }
        if let Err(error) = assistant.prime().await {
            tracing::warn!(%error, "the language model has not read its prompts yet");
        }
        tokio::time::sleep(TAKE_IN_EVERY).await;
    }
}

async fn beat(assistant: &Assistant) -> Result<()> {
    if !tokio::task::block_in_place(|| assistant.has_catalog()) {
        // Turns say so, and a restart brings none.
        return Ok(());
    }
    let request = Request {
        id: None,
        input: Input::Text("where is the milk".into()),
        session: None,
        speak: false,
        stays: false,
    };
    let report = assistant.try_turn(&request).await?;
    if let Some(trouble) = report.degraded.first() {
        bail!("{trouble}");
    }
    Ok(())
}

/// The default place of the socket.
///
/// # Errors
/// No runtime folder is known.
pub fn default_socket(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    let folder =
        variable("RUNTIME_DIRECTORY").or_else(|| variable("XDG_RUNTIME_DIR").map(|dir| dir.join("aisle")));
    folder.map(|dir| dir.join("turns.sock")).context("no runtime folder is known: give --socket PATH")
}

async fn listen(path: &Path) -> Result<UnixListener> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    if path.exists() {
        if UnixStream::connect(path).await.is_ok() {
            bail!("another aisle already answers on {}", path.display());
        }
        // Left behind by a run that was killed.
        std::fs::remove_file(path).with_context(|| format!("{} is in the way", path.display()))?;
    }
    let listener =
        UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn serve(assistant: &Assistant, stream: UnixStream) -> Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        // One byte more than allowed tells a line that is too long from one that fits.
        let read = (&mut reader).take(MAX_LINE as u64 + 2).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Ok(());
        }
        let whole = line.ends_with(b"\n");
        if whole {
            line.pop();
        }
        let answer = ask::answer(assistant, &line, None, "").await;
        writer.write_all(format!("{answer}\n").as_bytes()).await?;
        if !whole && line.len() > MAX_LINE {
            return Ok(()); // The rest of that line is not worth reading.
        }
    }
}
