//! The kiosk with its screen. The window has the main thread; all else runs on tokio,
//! where one loop takes events in turn, asks the pure visit what follows and has it done.
//!
//! ```text
//! finger -> view -> Touch -> visit -> Command -> hands, loudspeaker, printer
//!                     screen <- visit <- Event <-
//! ```

mod aloud;
mod answers;
pub mod command;
mod customer;
#[cfg(test)]
mod customer_tests;
mod desk;
mod floor;
mod for_you;
mod gate;
mod goods;
mod hands;
#[cfg(test)]
mod idle_tests;
mod loudspeaker;
mod ordering;
#[cfg(test)]
mod ordering_tests;
mod printer;
mod renewal;
#[cfg(test)]
mod renewal_tests;
mod sensor;
mod shelf;
mod spoken;
#[cfg(test)]
mod spoken_tests;
mod tally;
mod taste;
mod touches;
pub mod visit;
#[cfg(test)]
mod visit_tests;
mod voice;
pub mod welcome;

use super::folders::Folders;
use crate::settings::{Settings, rgb};
use crate::view::format::Language;
use crate::view::touch::Touch;
use crate::view::window::{self, Brand, Handle, Window};
use anyhow::{Context, Result, anyhow};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;
use visit::{Rules, State};

/// Touches that may wait; nobody's fingers are so quick.
const TOUCHES: usize = 256;

/// Where Linux shows graphics processors.
const GRAPHICS: &str = "/dev/dri";
/// How long work that is under way may hold up the end.
const LEAVE: Duration = Duration::from_secs(3);

/// Runs the kiosk until its window is closed or a signal ends it; with what the program ends.
///
/// # Errors
/// There is no display, or another kiosk runs with the same data.
pub fn run(folders: Folders, settings: Settings, socket: PathBuf) -> Result<ExitCode> {
    hush_panics();
    let screen = &settings.screen;
    let named = |name: &str| (name != "auto").then(|| name.to_owned());
    let (backend, mut renderer) = (named(&screen.backend), named(&screen.renderer));
    if renderer.is_none() && !Path::new(GRAPHICS).exists() {
        // OpenGL without a graphics processor draws half as fast as the software renderer.
        renderer = Some("software".into());
    }
    if backend.is_some() || renderer.is_some() {
        window::select(backend.as_deref(), renderer.as_deref())?;
    }
    let (touched, touches) = mpsc::channel::<Touch>(TOUCHES);
    let window = Window::open(&brand(&settings, &folders), move |touch| {
        // A loop that is that far behind hangs, and the watchdog sees to it.
        let _ = touched.try_send(touch);
    })?;
    let state = State::new(rules(&settings), &settings.store.name, &settings.store.service_desk);
    window.show(&state.screen);
    let work = thread::Builder::new()
        .name("kiosk".into())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            // However it ends, the window does not stay behind dead.
            let _quit = Quit;
            let runtime = runtime?;
            let done = runtime.block_on(desk::run(state, touches, folders, settings, socket));
            Handle.quit();
            // What cannot be waited for is left.
            runtime.shutdown_timeout(LEAVE);
            done
        })
        .context("no thread can be started")?;
    let ran = window.run();
    // With the window go its touches, which ends the loop.
    window.close();
    let done = work.join().map_err(|_| anyhow!("the kiosk's loop broke off"))?;
    ran?;
    done
}

/// Ends the event loop when it is dropped.
struct Quit;

impl Drop for Quit {
    fn drop(&mut self) {
        Handle.quit();
    }
}

/// Panics name their place only: a message may quote what a shopper typed.
fn hush_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}

fn rules(settings: &Settings) -> Rules {
    let screen = &settings.screen;
    Rules {
        language: Language::parse(&screen.language).unwrap_or_default(),
        ask_after: Duration::from_secs(screen.ask_seconds.into()),
        erase_after: Duration::from_secs(screen.erase_seconds.into()),
        pin: screen.pin.clone(),
    }
}

fn brand(settings: &Settings, folders: &Folders) -> Brand {
    let (brand, screen) = (&settings.brand, &settings.screen);
    let photos = &settings.catalog.photos;
    Brand {
        // Settings take nothing that is no colour.
        colour: rgb(&brand.colour).unwrap_or_default(),
        highlight: rgb(&brand.highlight).unwrap_or_default(),
        font: brand.font.clone(),
        display_font: brand.display_font.clone(),
        logo: (!brand.logo.is_empty()).then(|| PathBuf::from(&brand.logo)),
        photos: if photos.is_empty() { folders.photos() } else { PathBuf::from(photos) },
        fullscreen: screen.fullscreen,
        size: (!screen.fullscreen).then_some((screen.width, screen.height)),
    }
}
