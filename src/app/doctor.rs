//! `aisle doctor`: looks at everything that a kiosk needs and says, for each
//! fault, what to do. Changes nothing.

use super::assistant::{Assistant, Parts};
use super::folders::{Folders, worker};
use super::line::Setup;
use super::pos;
use crate::engines::EngineState;
use crate::models::{ModelDir, Status, Tier};
use crate::settings::Settings;
use crate::store::{Catalog, StoreError, free};
use crate::sync::topics::Site;
use crate::sync::webhook::Webhook;
use crate::voice::devices::SoundDevices;
use crate::voice::espeak;
use serde::Serialize;
use std::path::Path;

/// How one check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Good,
    /// Aisle works without it, for less.
    Warning,
    Fault,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub health: Health,
    /// What was seen.
    pub seen: String,
    /// What to do about it, where there is something to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advice: String,
}

const CATALOG: &str = "catalog";

impl Check {
    pub(super) fn good(name: &'static str, seen: impl Into<String>) -> Self {
        Self { name, health: Health::Good, seen: seen.into(), advice: String::new() }
    }

    pub(super) fn fault(name: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, health: Health::Fault, seen: seen.into(), advice: advice.into() }
    }

    pub(super) fn warning(name: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { health: Health::Warning, ..Self::fault(name, seen, advice) }
    }
}

/// Runs every check.
pub async fn examine(folders: &Folders, settings: &Settings) -> Vec<Check> {
    let mut checks = standing(folders, settings);
    if checks.iter().any(|check| check.name == CATALOG && check.health != Health::Fault) {
        checks.extend(engines(folders, settings).await);
    }
    checks
}

/// The checks that start nothing: a kiosk that runs asks its own engines.
#[must_use]
pub fn standing(folders: &Folders, settings: &Settings) -> Vec<Check> {
    let mut checks = vec![processor(), disk(&folders.data, settings)];
    checks.extend(models(folders));
    checks.extend(workers());
    checks.push(match espeak::check("en-us") {
        Ok(()) => Check::good("phonemes", "espeak-ng speaks en-us"),
        Err(error) => {
            Check::fault("phonemes", error.to_string(), "apt-get install libespeak-ng1 espeak-ng-data")
        }
    });
    checks.push(catalog(&folders.data, settings));
    checks.push(head_office(&folders.data, settings));
    checks.push(orders(settings));
    checks.push(pos::check(&folders.data, settings));
    checks.push(cards(settings));
    checks.extend(sound());
    checks
}

fn processor() -> Check {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let arch = std::env::consts::ARCH;
    #[cfg(target_arch = "x86_64")]
    {
        let has = std::is_x86_feature_detected!("avx2")
            && std::is_x86_feature_detected!("fma")
            && std::is_x86_feature_detected!("f16c");
        if !has {
            let advice = "build the workers for this processor: GGML_AVX2=OFF GGML_FMA=OFF GGML_F16C=OFF GGML_BMI2=OFF make build";
            return Check::fault(
                "processor",
                format!("{arch}, {cores} cores, without AVX2, FMA and F16C"),
                advice,
            );
        }
    }
    if cores < 2 {
        return Check::warning(
            "processor",
            format!("{arch}, {cores} core"),
            "answers are faster on two cores",
        );
    }
    Check::good("processor", format!("{arch}, {cores} cores"))
}

fn disk(data: &Path, settings: &Settings) -> Check {
    match free(data).map(|free| free / 1_000_000) {
        Ok(free) => {
            let seen = format!("{free} MB free at {}", data.display());
            if free < settings.machine.low_disk_mb.into() {
                return Check::warning("disk", seen, "free some space, or move --data");
            }
            Check::good("disk", seen)
        }
        Err(error) => Check::fault("disk", format!("{}: {error}", data.display()), "check --data"),
    }
}

fn models(folders: &Folders) -> Vec<Check> {
    let rows = ModelDir::open(&folders.models).and_then(|models| models.list());
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => return vec![Check::fault("models", error.to_string(), "mend or remove the manifest")],
    };
    let wanted = |tier: Tier| tier == Tier::Default;
    let bad: Vec<Check> = rows
        .iter()
        .filter(|row| wanted(row.tier) && !matches!(row.status, Status::Ready | Status::Unchecked))
        .map(|row| {
            Check::fault(
                "models",
                format!("{} is {}", row.name, row.status),
                format!("aisle models fetch {}", row.name),
            )
        })
        .collect();
    if bad.is_empty() {
        let count = rows.iter().filter(|row| wanted(row.tier)).count();
        return vec![Check::good("models", format!("{count} files in {}", folders.models.display()))];
    }
    bad
}

fn workers() -> Vec<Check> {
    let missing = ["aisle-stt", "aisle-llm"].into_iter().filter(|name| !worker(name).is_file());
    missing
        .map(|name| {
            let seen = format!("{} is not there", worker(name).display());
            Check::fault("workers", seen, "install it beside the aisle executable")
        })
        .collect()
}

fn catalog(data: &Path, settings: &Settings) -> Check {
    let advice = "aisle catalog import FILE (the demo store: firmware-config/demo-store/catalog.jsonl)";
    let info = Catalog::open(data).and_then(|catalog| {
        catalog.check()?;
        catalog.info()
    });
    match info {
        Ok(info) => {
            let as_of = info.as_of.unwrap_or_else(|| "an unknown time".into());
            Check::good(CATALOG, format!("{}: {} products as of {as_of}", info.name, info.products))
        }
        Err(StoreError::Empty) if !settings.sync.broker.is_empty() => Check::warning(
            CATALOG,
            "none yet",
            "let the kiosk run: head office's comes over the line (aisle office status shows it there)",
        ),
        Err(error) => Check::fault(CATALOG, error.to_string(), advice),
    }
}

/// Nothing connects: a second connection of one name would end the running kiosk's.
fn head_office(data: &Path, settings: &Settings) -> Check {
    const NAME: &str = "head office";
    let place = match Setup::read(&settings.sync) {
        Ok(None) => "none is set (sync.broker); this kiosk runs alone".to_owned(),
        Ok(Some(setup)) => {
            let Site { store, kiosk, group, .. } = setup.site;
            format!("{} as {kiosk} of {store}, group {group}", settings.sync.broker)
        }
        Err(error) => return Check::fault(NAME, error.to_string(), "mend that setting"),
    };
    let waits = Catalog::open(data).and_then(|catalog| Ok((catalog.outbox()?, catalog.refusals()?)));
    let (outbox, refusals) = match waits {
        Ok(waits) => waits,
        Err(error) => return Check::fault(NAME, error.to_string(), "see the catalog's check"),
    };
    let dropped: u64 = outbox.dropped.iter().map(|(_, count)| count).sum();
    let refused: u64 = refusals.iter().map(|own| own.count).sum();
    let seen = format!("{place}; {} events wait", outbox.waiting);
    match (dropped, refused) {
        (0, 0) => Check::good(NAME, seen),
        _ => Check::warning(
            NAME,
            format!("{seen}, {dropped} were given up for want of room, {refused} were refused"),
            "let it reach head office, or raise sync.outbox_mb",
        ),
    }
}

/// Nothing is posted: there is nothing to order.
fn orders(settings: &Settings) -> Check {
    const NAME: &str = "orders";
    let own = &settings.orders;
    match Webhook::open(&own.webhook, &own.webhook_token_file) {
        Err(error) => Check::fault(NAME, error.to_string(), "mend that setting"),
        Ok(Some(_)) => Check::good(NAME, format!("are posted to {}", own.webhook)),
        Ok(None) if settings.sync.broker.is_empty() => {
            Check::good(NAME, "nobody takes any (orders.webhook); lists are shown at the counter")
        }
        Ok(None) => Check::good(NAME, "head office is told of them"),
    }
}

fn cards(settings: &Settings) -> Check {
    const NAME: &str = "customer cards";
    match (settings.loyalty.enabled, settings.sync.broker.is_empty()) {
        (false, _) => Check::good(NAME, "are not asked for (loyalty.enabled)"),
        (true, false) => Check::good(NAME, "head office is asked, if the shopper agrees"),
        (true, true) => Check::warning(
            NAME,
            "nobody can be asked about them",
            "name head office's broker in sync.broker, or set loyalty.enabled = false",
        ),
    }
}

fn sound() -> Vec<Check> {
    let devices = SoundDevices::list();
    let one = |name, device: Option<String>, advice| match device {
        Some(device) => Check::good(name, device),
        None => Check::warning(name, "none", advice),
    };
    vec![
        one("microphone", devices.default_input, "connect one; until then shoppers type and tap"),
        one(
            "loudspeaker",
            devices.default_output,
            "connect one, or set audio.output; until then replies are on screen only",
        ),
    ]
}

async fn engines(folders: &Folders, settings: &Settings) -> Vec<Check> {
    let parts = Parts { hearing: true, speaking: true };
    let assistant = match Assistant::open_to_run(folders, settings.clone(), parts) {
        Ok(assistant) => assistant,
        Err(error) => return vec![Check::fault("engines", error.to_string(), "mend the faults above first")],
    };
    let troubles = assistant.warm().await;
    let mut checks: Vec<Check> =
        troubles.into_iter().map(|trouble| Check::fault("engines", trouble, "aisle models verify")).collect();
    for engine in assistant.engines().filter(|engine| engine.state() == EngineState::Ready) {
        checks.push(Check::good("engines", format!("{} starts and answers", engine.name())));
    }
    checks
}

/// The checks as a table for a person.
#[must_use]
pub fn table(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let mark = match check.health {
            Health::Good => "ok     ",
            Health::Warning => "warning",
            Health::Fault => "FAULT  ",
        };
        text += &format!("{mark} {:<12} {}\n", check.name, check.seen);
        if !check.advice.is_empty() {
            text += &format!("{:>20} -> {}\n", "", check.advice);
        }
    }
    text
}
