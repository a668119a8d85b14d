//! Microphones and loudspeakers: which there are, and finding one by name.
//!
//! Promises: a machine without a sound card yields an empty list, without a
//! panic and without the sound library's chatter on stderr. Never records or plays.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cpal::ErrorKind;
use cpal::traits::{DeviceTrait, HostTrait};

/// A microphone, a loudspeaker, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundDevice {
    /// What to write in the settings; stable across restarts where the system
    /// allows ("alsa:default", "alsa:hw:CARD=PCH,DEV=0").
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether it records.
    pub input: bool,
    /// Whether it plays.
    pub output: bool,
}

/// The devices of this machine, and which ones are used unless settings say
/// otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SoundDevices {
    /// All devices that can record or play, in the system's order.
    pub all: Vec<SoundDevice>,
    /// The id of the default microphone, when it opens.
    pub default_input: Option<String>,
    /// The id of the default loudspeaker, when it opens.
    pub default_output: Option<String>,
}

impl SoundDevices {
    /// Asks the system. What cannot be asked counts as absent.
    #[must_use]
    pub fn list() -> Self {
        let _quiet = Quiet::begin();
        let host = cpal::default_host();
        let described = |device: &cpal::Device| {
            Some(SoundDevice {
                id: device.id().ok()?.to_string(),
                name: name(device),
                input: device.supports_input(),
                output: device.supports_output(),
            })
        };
        let id = |device: cpal::Device| device.id().ok().map(|id| id.to_string());
        Self {
            all: host
                .devices()
                .into_iter()
                .flatten()
                .filter(|device| !is_void(device))
                .filter_map(|device| described(&device))
                .filter(|device| device.input || device.output)
                .collect(),
            // The system names a default also where none opens, so ask for its
            // format.
            default_input: host
                .default_input_device()
                .filter(|device| device.default_input_config().is_ok())
                .and_then(id),
            default_output: host
                .default_output_device()
                .filter(|device| device.default_output_config().is_ok())
                .and_then(id),
        }
    }
}

/// The loudspeaker called `wanted` (by id, or by name in any case), or the
/// default one for `None`.
pub(super) fn find_output(wanted: Option<&str>) -> Option<cpal::Device> {
    match wanted {
        Some(wanted) => find(wanted, DeviceTrait::supports_output),
        None => cpal::default_host().default_output_device(),
    }
}

/// The microphone called `wanted`, likewise.
pub(super) fn find_input(wanted: Option<&str>) -> Option<cpal::Device> {
    match wanted {
        Some(wanted) => find(wanted, DeviceTrait::supports_input),
        None => cpal::default_host().default_input_device(),
    }
}

/// The device called `wanted` that does what is asked of it; where several have that name,
/// one that does.
fn find(wanted: &str, can: impl Fn(&cpal::Device) -> bool) -> Option<cpal::Device> {
    let is_it = |device: &cpal::Device| {
        let by_id = device.id().is_ok_and(|id| id.to_string() == wanted || id.id() == wanted);
        by_id || name(device).to_lowercase() == wanted.to_lowercase()
    };
    let devices = || cpal::default_host().devices().ok().into_iter().flatten().filter(is_it);
    devices().find(can).or_else(|| devices().next())
}

/// Whether it is ALSA's device that discards everything and records silence.
/// Every machine has it; it would pass for a microphone.
fn is_void(device: &cpal::Device) -> bool {
    device.id().is_ok_and(|id| id.id() == "null")
}

fn name(device: &cpal::Device) -> String {
    device.description().map_or_else(|_| "unnamed device".to_owned(), |d| d.name().to_owned())
}

/// A device's name as errors tell it; nothing for the default one.
pub(super) fn named(device: Option<&str>) -> String {
    device.map(|name| format!(" {name:?}")).unwrap_or_default()
}

/// Whether an open stream lives. Shared by the stream's callbacks and its owner.
#[derive(Debug, Default)]
pub(super) struct Life {
    lost: AtomicBool,
    /// Grows while sound goes through.
    moved: AtomicU64,
    /// Since when it fails, and how far the sound was then.
    failing: Mutex<Option<(u64, Instant)>>,
}

/// Faults end a stream that does not move for so long: a sound server under load fails
/// once and goes on.
const HICCUP: Duration = Duration::from_millis(500);

impl Life {
    /// Sound went through. Neither blocks nor allocates.
    pub(super) fn moves(&self) {
        self.moved.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Takes note of a fault of `device`; one of `glitches` ends no stream.
    pub(super) fn note(&self, device: &str, fault: &cpal::Error, glitches: &[ErrorKind]) {
        if glitches.contains(&fault.kind()) || (fault.kind() == ErrorKind::BackendError && !self.is_stuck()) {
            tracing::debug!("{device}: {fault}");
        } else if !self.lost.swap(true, Ordering::Relaxed) {
            // Logged once: a lost device repeats itself with every buffer.
            tracing::warn!("{device}: {fault}");
        }
    }

    /// Whether it has failed for long, and nothing went through meanwhile.
    fn is_stuck(&self) -> bool {
        let moved = self.moved.load(Ordering::Relaxed);
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match *failing {
            Some((then, since)) if then == moved => since.elapsed() >= HICCUP,
            _ => {
                *failing = Some((moved, Instant::now()));
                false
            }
        }
    }
}

/// Closes a stream whose device went away, on a thread that nobody waits for: the sound
/// system may never return from it (ALSA's PulseAudio plugin locks up when its server dies).
pub(super) fn abandon(stream: impl Send + 'static) {
    // Without a thread it is closed here.
    let _ = std::thread::Builder::new().name("closing".into()).spawn(move || drop(stream));
}

/// While it lives, what ALSA would print on this thread's stderr is dropped.
///
/// ALSA prints a page of errors for every device that is configured but absent,
/// which is every device on a machine without a sound card. The failures
/// themselves come back as errors.
pub(super) struct Quiet {
    #[cfg(target_os = "linux")]
    _sink: Option<std::rc::Rc<std::cell::RefCell<alsa::Output>>>,
}

impl Quiet {
    pub(super) fn begin() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            _sink: alsa::Output::local_error_handler().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_never_fails_and_agrees_with_itself() {
        let devices = SoundDevices::list();
        assert!(devices.all.iter().all(|device| device.input || device.output));
        if let Some(id) = &devices.default_output {
            assert!(find_output(Some(id)).is_some());
        }
    }

    #[test]
    fn a_stream_that_fails_is_lost_when_nothing_goes_through_it_any_more() {
        let life = Life::default();
        let fault = cpal::Error::with_message(ErrorKind::BackendError, "I/O error");
        life.note("loudspeaker", &fault, &[]);
        std::thread::sleep(HICCUP);
        life.moves();
        life.note("loudspeaker", &fault, &[]);
        assert!(!life.is_lost(), "it went on in between");
        std::thread::sleep(HICCUP);
        life.note("loudspeaker", &fault, &[]);
        assert!(life.is_lost());
        let life = Life::default();
        life.note("loudspeaker", &cpal::Error::new(ErrorKind::DeviceNotAvailable), &[]);
        assert!(life.is_lost(), "one that is gone is not waited for");
    }

    #[test]
    fn an_unknown_name_is_no_device() {
        let _quiet = Quiet::begin();
        assert!(find_output(Some("no such loudspeaker")).is_none());
        assert!(find_input(Some("no such microphone")).is_none());
    }
}
