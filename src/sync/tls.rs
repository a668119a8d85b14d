//! Owns how the connection to the broker is encrypted: whom the kiosk trusts and what it
//! shows of itself. Reads files once, at the start; never opens a connection.
//!
//! The cryptography is ring's, named here, so that nothing depends on what another part of
//! the program has installed for the whole process.

use jiff::Timestamp;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Whose word the kiosk takes that the broker is the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// The certificates in this PEM file, and no others.
    File(PathBuf),
    /// Whom this machine's system trusts. Only where a setting says so: any of a hundred
    /// authorities could then vouch for a false broker.
    System,
}

/// What the kiosk shows of itself: two PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its certificate, then those between it and head office's root, if any.
    pub certificate: PathBuf,
    /// The key of the certificate.
    pub key: PathBuf,
}

/// Why the encryption cannot be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read ({why}): check the path and that Aisle's user may read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A file holds no certificate.
    #[error("{} holds no certificate: it must be a PEM file with BEGIN CERTIFICATE", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A file holds no key.
    #[error("{} holds no private key: it must be a PEM file with BEGIN PRIVATE KEY, without a pass phrase", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// A file holds something that is not what it says.
    #[error("{} is damaged ({why}): copy it again from head office", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The two files do not belong together.
    #[error("{} is not the key of {} ({why}): copy both again from head office", key.display(), certificate.display())]
    Mismatch {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// The system trusts nobody.
    #[error(
        "this machine trusts no authority ({why}): install ca-certificates, or name head office's file in sync.ca"
    )]
    NoSystemRoots {
        /// What was found.
        why: String,
    },
    /// The library was built without what is needed.
    #[error("encryption is not available ({why})")]
    Unavailable {
        /// What is missing.
        why: String,
    },
}

/// An encryption that is set up; clones share it, and the sessions it remembers.
#[derive(Debug, Clone)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Reads the files and sets the encryption up: TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// Any [`TlsError`]; it names the file and what to do.
    pub fn new(roots: &Roots, identity: Option<&Identity>) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Unavailable { why: error.to_string() })?
            .with_root_certificates(match roots {
                Roots::File(path) => of_file(path)?,
                Roots::System => of_system()?,
            });
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(Identity { certificate, key }) => builder
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|error| TlsError::Mismatch {
                    certificate: certificate.clone(),
                    key: key.clone(),
                    why: error.to_string(),
                })?,
        };
        Ok(Self(Arc::new(config)))
    }

    /// Whether a certificate holds is asked of the clock, but never of a time before `floor`: a
    /// machine without a battery begins in 1970, where no certificate holds yet.
    #[must_use]
    pub fn not_before(&self, floor: Timestamp) -> Self {
        let mut config = ClientConfig::clone(&self.0);
        let floor = u64::try_from(floor.as_second()).unwrap_or(0);
        config.time_provider =
            Arc::new(Clock { floor: UnixTime::since_unix_epoch(Duration::from_secs(floor)) });
        Self(Arc::new(config))
    }

    /// The library's own form.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        self.0.clone()
    }
}

/// The machine's clock, which is not believed below a time.
#[derive(Debug)]
struct Clock {
    floor: UnixTime,
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::now().max(self.floor))
    }
}

fn of_file(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| TlsError::Damaged { path: path.to_owned(), why: error.to_string() })?;
    }
    Ok(roots)
}

fn of_system() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Old ones that the library does not understand are no reason to trust none.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or_else(|| "none were found".to_owned(), ToString::to_string);
        return Err(TlsError::NoSystemRoots { why });
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(TlsError::NoCertificate { path: path.to_owned() }),
        Ok(found) => Ok(found),
        Err(error) => Err(TlsError::Damaged { path: path.to_owned(), why: error.to_string() }),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    match PrivateKeyDer::from_pem_slice(&read(path)?) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(TlsError::NoKey { path: path.to_owned() }),
        Err(error) => Err(TlsError::Damaged { path: path.to_owned(), why: error.to_string() }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path)
        .map_err(|error| TlsError::Unreadable { path: path.to_owned(), why: error.to_string() })
}
