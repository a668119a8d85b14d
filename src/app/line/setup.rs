//! What the settings say of head office, read and checked: who answers, who this kiosk is
//! there, and whose signatures count. Opens files, never a connection.

use crate::app::broker::{BrokerError, Place, name};
use crate::settings::Sync;
use crate::sync::keys::Anchor;
use crate::sync::mqtt;
use crate::sync::sign::{PublicKey, SignError};
use crate::sync::topics::Site;

const SECTION: &str = "sync";

/// Why there is no line to head office.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error("sync.root_keys is empty: write head office's root keys into it, or nothing that it says counts")]
    NoKeys,
    #[error("sync.root_keys: {0}")]
    Key(SignError),
    #[error("sync.root_signatures is {wanted}, and sync.root_keys holds {there}")]
    Threshold { wanted: usize, there: usize },
}

/// All that a line needs of the settings.
pub struct Setup {
    pub connection: mqtt::Options,
    pub site: Site,
    pub anchor: Anchor,
}

impl Setup {
    /// Reads the settings; `None` where they name no broker.
    ///
    /// # Errors
    /// One of them is not usable, or a file that they name is not.
    pub fn read(sync: &Sync) -> Result<Option<Self>, SetupError> {
        if sync.broker.is_empty() {
            return Ok(None);
        }
        let site = Site {
            tenant: name(SECTION, "tenant", &sync.tenant)?,
            store: name(SECTION, "store", &sync.store)?,
            kiosk: name(SECTION, "kiosk", &sync.kiosk)?,
            group: name(SECTION, "group", &sync.group)?,
        };
        let too_long = |why| BrokerError::Name { section: SECTION, key: "kiosk", why };
        let client = site.user().map_err(too_long)?;
        let place = Place {
            section: SECTION,
            who: "this kiosk",
            broker: &sync.broker,
            ca: &sync.ca,
            certificate: &sync.certificate,
            key: &sync.key,
            user: &sync.user,
            password_file: &sync.password_file,
        };
        let connection = place.options(&client)?;
        Ok(Some(Self { connection, site, anchor: anchor(sync)? }))
    }
}

fn anchor(sync: &Sync) -> Result<Anchor, SetupError> {
    let keys = sync.root_keys.iter().map(|text| text.trim().parse());
    let keys: Vec<PublicKey> = keys.collect::<Result<_, _>>().map_err(SetupError::Key)?;
    let wanted = sync.root_signatures as usize;
    match keys.len() {
        0 => Err(SetupError::NoKeys),
        there if there < wanted => Err(SetupError::Threshold { wanted, there }),
        _ => Ok(Anchor { keys, threshold: wanted }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::broker::SYSTEM;
    use crate::settings::Settings;
    use crate::sync::sign::SecretKey;

    fn why(change: impl FnOnce(&mut Sync)) -> String {
        let mut sync = Settings::default().sync;
        sync.broker = "broker.example.com:8883".into();
        (sync.tenant, sync.store, sync.kiosk) = ("acme".into(), "s042".into(), "k1".into());
        (sync.user, sync.ca) = ("acme/k/s042/k1".into(), SYSTEM.into());
        sync.password_file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into();
        sync.root_keys = vec![SecretKey::from_seed(&[1; 32]).public().to_string()];
        change(&mut sync);
        Setup::read(&sync).map_or_else(|error| error.to_string(), |found| found.is_some().to_string())
    }

    #[test]
    fn a_kiosk_without_a_broker_has_no_line() {
        assert!(Setup::read(&Settings::default().sync).unwrap().is_none());
        assert_eq!(why(|_| {}), "true");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_by_its_key() {
        assert!(why(|sync| sync.broker = "broker.example.com".into()).starts_with("sync.broker"));
        assert!(why(|sync| sync.broker = "mqtt://broker:8883".into()).starts_with("sync.broker"));
        assert!(why(|sync| sync.broker = "broker:0".into()).starts_with("sync.broker"));
        assert!(why(|sync| sync.store = "Store 42".into()).starts_with("sync.store"));
        assert!(why(|sync| sync.tenant.clear()).starts_with("sync.tenant"));
        assert!(why(|sync| sync.ca.clear()).starts_with("sync.ca"));
        assert!(why(|sync| sync.ca = "/nowhere/ca.pem".into()).contains("/nowhere/ca.pem"));
        assert!(why(|sync| sync.password_file = "/nowhere/word".into()).contains("/nowhere/word"));
        assert!(why(|sync| sync.user.clear()).contains("sync.user"));
        assert!(why(|sync| sync.certificate = "/a.pem".into()).contains("sync.key"));
        assert!(
            why(|sync| (sync.user, sync.password_file) = Default::default()).contains("who this kiosk is")
        );
        assert!(why(|sync| sync.root_keys.clear()).starts_with("sync.root_keys"));
        assert!(why(|sync| sync.root_keys = vec!["not a key".into()]).starts_with("sync.root_keys"));
        assert!(why(|sync| sync.root_signatures = 2).starts_with("sync.root_signatures"));
    }
}
