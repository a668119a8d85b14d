//! The machine that the kiosk runs on: its disk, memory and heat, when somebody is called for one
//! of them, and what is set aside of the disk.

use crate::settings::Settings;
use crate::store::{Room, free};
use crate::sync::wire::event::{Alert, Health};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Where the system tells how warm it is.
const ZONES: &str = "/sys/class/thermal";
/// Degrees that a sensor is believed.
const BELIEVED: std::ops::RangeInclusive<i32> = -40..=150;
/// Degrees below the limit at which it was hot, and is not any more.
const COOLER_BY: i16 = 10;
const MB: u64 = 1_000_000;

/// The disk of a folder, of which a fifth of what is little is left to what must not be lost.
#[must_use]
pub fn room(data: &Path, settings: &Settings) -> Room {
    Room::new(data, u64::from(settings.machine.low_disk_mb) * MB / 5)
}

/// Gives up what was set aside of a disk that is full, so that a kiosk can start on it.
pub fn make_room(data: &Path) {
    match Room::new(data, 0).give_up() {
        Ok(true) => {
            tracing::error!("the disk is full: what was set aside of it is given up, free some space")
        }
        Ok(false) => {}
        Err(error) => tracing::error!("the disk is full, and what was set aside stays: {error}"),
    }
}

/// One machine.
#[derive(Debug, Clone)]
pub struct Machine {
    data: PathBuf,
    zones: PathBuf,
    started: Instant,
    low_disk_mb: u64,
    hot_c: i16,
}

impl Machine {
    /// With its databases in `data`. The program has started now.
    #[must_use]
    pub fn new(data: &Path, settings: &Settings) -> Self {
        Self {
            data: data.to_owned(),
            zones: ZONES.into(),
            started: Instant::now(),
            low_disk_mb: settings.machine.low_disk_mb.into(),
            hot_c: i16::try_from(settings.machine.hot_c).unwrap_or(i16::MAX),
        }
    }

    /// Sets some of the disk aside for a start when it is full, while there is plenty.
    pub fn set_aside(&self) {
        if let Err(error) = Room::new(&self.data, 0).set_aside() {
            tracing::warn!("none of the disk can be set aside: {error}");
        }
    }

    /// How it is. What the system does not say is 0.
    #[must_use]
    pub fn health(&self) -> Health {
        Health {
            temperature_c: warmest(&self.zones),
            disk_free_mb: free(&self.data).unwrap_or(0) / MB,
            memory_free_mb: free_memory_kb() / 1000,
            up_s: self.started.elapsed().as_secs(),
        }
    }
}

/// What somebody is called for: each once, and again only after it was well in between.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Alarms {
    is_full: bool,
    is_hot: bool,
}

impl Alarms {
    /// Looks at how a machine is; whom to call for what began.
    pub fn look(&mut self, machine: &Machine, health: &Health) -> Vec<Alert> {
        let before = *self;
        let (low, disk) = (machine.low_disk_mb, health.disk_free_mb);
        self.is_full = disk < low || (before.is_full && disk < low + low / 4);
        // Who does not say how warm it is, is not hot.
        self.is_hot = health.temperature_c.is_some_and(|warm| {
            warm >= machine.hot_c || (before.is_hot && warm > machine.hot_c.saturating_sub(COOLER_BY))
        });
        let began = [
            (self.is_full && !before.is_full, Alert::DiskFull),
            (self.is_hot && !before.is_hot, Alert::TooHot),
        ];
        began.into_iter().filter_map(|(began, alert)| began.then_some(alert)).collect()
    }

    /// What is wrong, for a person of head office.
    #[must_use]
    pub fn trouble(&self, health: &Health) -> Option<String> {
        if self.is_full {
            return Some(format!("the disk is nearly full: {} MB are free", health.disk_free_mb));
        }
        let warm = health.temperature_c.filter(|_| self.is_hot)?;
        Some(format!("it is too hot: {warm} degrees"))
    }
}

/// The warmest place of the machine, in degrees Celsius; `None`: it does not say.
fn warmest(zones: &Path) -> Option<i16> {
    let zones = fs::read_dir(zones).ok()?.flatten();
    let zones = zones.filter(|zone| zone.file_name().to_string_lossy().starts_with("thermal_zone"));
    let degrees = zones.filter_map(|zone| {
        let text = fs::read_to_string(zone.path().join("temp")).ok()?;
        // In thousandths.
        let degrees = text.trim().parse::<i32>().ok()?.div_euclid(1000);
        i16::try_from(degrees).ok().filter(|_| BELIEVED.contains(&degrees))
    });
    degrees.max()
}

/// As the system estimates it; 0 where it does not say.
fn free_memory_kb() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(disk_free_mb: u64, temperature_c: Option<i16>) -> Health {
        Health { temperature_c, disk_free_mb, memory_free_mb: 1, up_s: 1 }
    }

    #[test]
    fn somebody_is_called_once_and_again_after_it_was_well() {
        let machine = Machine::new(Path::new("/"), &Settings::default());
        let mut alarms = Alarms::default();
        let mut calls = |disk, warm| alarms.look(&machine, &health(disk, warm));
        assert_eq!(calls(500, Some(84)), []);
        assert_eq!(calls(499, None), [Alert::DiskFull]);
        // Around the limit nobody is called again.
        for disk in [501, 499, 624, 10] {
            assert_eq!(calls(disk, None), [], "{disk}");
        }
        assert_eq!(calls(625, Some(85)), [Alert::TooHot]);
        assert_eq!(calls(625, Some(76)), []);
        assert_eq!(calls(499, Some(85)), [Alert::DiskFull]);
        assert_eq!(calls(625, Some(75)), []);
        assert_eq!(calls(1, Some(90)), [Alert::DiskFull, Alert::TooHot]);
    }

    #[test]
    fn head_office_reads_what_is_wrong() {
        let machine = Machine::new(Path::new("/"), &Settings::default());
        let mut alarms = Alarms::default();
        let mut says = |health: Health| {
            alarms.look(&machine, &health);
            alarms.trouble(&health)
        };
        assert_eq!(says(health(1000, None)), None);
        assert_eq!(says(health(7, None)).as_deref(), Some("the disk is nearly full: 7 MB are free"));
        assert_eq!(says(health(1000, Some(91))).as_deref(), Some("it is too hot: 91 degrees"));
    }

    #[test]
    fn the_warmest_zone_that_is_believed_counts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(warmest(folder.path()), None);
        for (zone, text) in
            [("thermal_zone0", "41000\n"), ("thermal_zone1", "63499\n"), ("thermal_zone2", "-274000\n")]
        {
            fs::create_dir(folder.path().join(zone)).unwrap();
            fs::write(folder.path().join(zone).join("temp"), text).unwrap();
        }
        fs::create_dir(folder.path().join("cooling_device0")).unwrap();
        fs::create_dir(folder.path().join("thermal_zone3")).unwrap();
        assert_eq!(warmest(folder.path()), Some(63));
    }
}
