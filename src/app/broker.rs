//! What the settings say of the broker, read and checked, for a kiosk and for head office alike:
//! where it is, who may vouch for it, and as whom one comes. Opens files, never a connection.

use crate::sync::mqtt::{Login, Options};
use crate::sync::tls::{Identity, Roots, Tls, TlsError};
use crate::sync::topics::{Name, TopicError};
use std::io;
use std::path::PathBuf;

/// The word of `ca` that trusts whom this machine trusts.
pub const SYSTEM: &str = "system";

/// Why the broker cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error("{section}.{key}: {why}")]
    Name { section: &'static str, key: &'static str, why: TopicError },
    #[error("{section}.broker: {text:?} is no host:port, such as broker.example.com:8883")]
    Address { section: &'static str, text: String },
    #[error("{0}.certificate and {0}.key belong together: set both, or none and {0}.user")]
    HalfIdentity(&'static str),
    #[error("{0}.user and {0}.password_file belong together: set both, or none")]
    HalfLogin(&'static str),
    #[error(
        "nothing says who {who} is: set {section}.certificate and {section}.key, or {section}.user and \
         {section}.password_file"
    )]
    Nobody { section: &'static str, who: &'static str },
    #[error("{section}.password_file: {} cannot be read ({why})", path.display())]
    Password { section: &'static str, path: PathBuf, why: io::Error },
    #[error("{0}.ca is empty: name head office's certificates, a PEM file, or write \"system\"")]
    NoRoots(&'static str),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A section's settings of the broker.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub section: &'static str,
    /// Who comes, as an error says it.
    pub who: &'static str,
    pub broker: &'a str,
    pub ca: &'a str,
    pub certificate: &'a str,
    pub key: &'a str,
    pub user: &'a str,
    pub password_file: &'a str,
}

impl Place<'_> {
    /// A connection for `client`, with the usual limits.
    ///
    /// # Errors
    /// A setting is not usable, or a file that it names is not.
    pub fn options(&self, client: &str) -> Result<Options, BrokerError> {
        let section = self.section;
        let address = address(self.broker);
        let (host, port) =
            address.ok_or_else(|| BrokerError::Address { section, text: self.broker.to_owned() })?;
        let identity = match (self.certificate, self.key) {
            ("", "") => None,
            ("", _) | (_, "") => return Err(BrokerError::HalfIdentity(section)),
            (certificate, key) => Some(Identity { certificate: certificate.into(), key: key.into() }),
        };
        let login = self.login()?;
        if identity.is_none() && login.is_none() {
            return Err(BrokerError::Nobody { section, who: self.who });
        }
        let roots = match self.ca {
            "" => return Err(BrokerError::NoRoots(section)),
            SYSTEM => Roots::System,
            path => Roots::File(path.into()),
        };
        let mut options = Options::new(host, port, client, Tls::new(&roots, identity.as_ref())?);
        options.login = login;
        Ok(options)
    }

    fn login(&self) -> Result<Option<Login>, BrokerError> {
        let (section, path) = (self.section, PathBuf::from(self.password_file));
        match (self.user, self.password_file) {
            ("", "") => Ok(None),
            ("", _) | (_, "") => Err(BrokerError::HalfLogin(section)),
            (user, _) => match std::fs::read_to_string(&path) {
                // An editor ends a file with a line feed.
                Ok(text) => Ok(Some(Login {
                    user: user.to_owned(),
                    password: text.trim_end_matches(['\r', '\n']).to_owned(),
                })),
                Err(why) => Err(BrokerError::Password { section, path, why }),
            },
        }
    }
}

fn address(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let is_name = !host.is_empty() && !host.contains([':', '/', ' ', '@']);
    Some((host, port.parse().ok().filter(|port| *port > 0)?)).filter(|_| is_name)
}

/// A tenant's, store's, kiosk's or group's name from the setting `key`.
///
/// # Errors
/// It is none.
pub fn name(section: &'static str, key: &'static str, text: &str) -> Result<Name, BrokerError> {
    text.parse().map_err(|why| BrokerError::Name { section, key, why })
}
