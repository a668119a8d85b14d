//! What the settings say of head office, read and checked: who answers, who this kiosk is
//! there, and whose signatures count. Opens files, never a connection.

use crate::settings::Sync;
use crate::sync::keys::Anchor;
use crate::sync::mqtt::{self, Login};
use crate::sync::sign::{PublicKey, SignError};
use crate::sync::tls::{Identity, Roots, Tls, TlsError};
use crate::sync::topics::{Name, Site, TopicError};
use std::io;
use std::path::PathBuf;

/// The word of `sync.ca` that trusts whom this machine trusts.
const SYSTEM: &str = "system";

/// Why there is no line to head office.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("sync.{key}: {why}")]
    Name { key: &'static str, why: TopicError },
    #[error("sync.broker: {0:?} is no host:port, such as broker.example.com:8883")]
    Broker(String),
    #[error("sync.certificate and sync.key belong together: set both, or none and sync.user")]
    HalfIdentity,
    #[error("sync.user and sync.password_file belong together: set both, or none")]
    HalfLogin,
    #[error(
        "nothing says who this kiosk is: set sync.certificate and sync.key, or sync.user and sync.password_file"
    )]
    Nobody,
    #[error("sync.password_file: {} cannot be read ({why})", path.display())]
    Password { path: PathBuf, why: io::Error },
    #[error("sync.ca is empty: name head office's certificates, a PEM file, or write \"system\"")]
    NoRoots,
    #[error(transparent)]
    Tls(#[from] TlsError),
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
        let (host, port) = broker(&sync.broker).ok_or_else(|| SetupError::Broker(sync.broker.clone()))?;
        let site = Site {
            tenant: name("tenant", &sync.tenant)?,
            store: name("store", &sync.store)?,
            kiosk: name("kiosk", &sync.kiosk)?,
            group: name("group", &sync.group)?,
        };
        let identity = match (sync.certificate.as_str(), sync.key.as_str()) {
            ("", "") => None,
            ("", _) | (_, "") => return Err(SetupError::HalfIdentity),
            (certificate, key) => Some(Identity { certificate: certificate.into(), key: key.into() }),
        };
        let login = login(sync)?;
        if identity.is_none() && login.is_none() {
            return Err(SetupError::Nobody);
        }
        let roots = match sync.ca.as_str() {
            "" => return Err(SetupError::NoRoots),
            SYSTEM => Roots::System,
            path => Roots::File(path.into()),
        };
        let anchor = anchor(sync)?;
        let client = site.user().map_err(|why| SetupError::Name { key: "kiosk", why })?;
        let mut connection = mqtt::Options::new(host, port, &client, Tls::new(&roots, identity.as_ref())?);
        connection.login = login;
        Ok(Some(Self { connection, site, anchor }))
    }
}

fn broker(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let is_name = !host.is_empty() && !host.contains([':', '/', ' ', '@']);
    Some((host, port.parse().ok().filter(|port| *port > 0)?)).filter(|_| is_name)
}

fn name(key: &'static str, text: &str) -> Result<Name, SetupError> {
    text.parse().map_err(|why| SetupError::Name { key, why })
}

fn login(sync: &Sync) -> Result<Option<Login>, SetupError> {
    let path = PathBuf::from(&sync.password_file);
    match (sync.user.as_str(), sync.password_file.as_str()) {
        ("", "") => Ok(None),
        ("", _) | (_, "") => Err(SetupError::HalfLogin),
        (user, _) => match std::fs::read_to_string(&path) {
            // An editor ends a file with a line feed.
            Ok(text) => Ok(Some(Login {
                user: user.to_owned(),
                password: text.trim_end_matches(['\r', '\n']).to_owned(),
            })),
            Err(why) => Err(SetupError::Password { path, why }),
        },
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
