//! Where other programs come in: a Unix socket that only its own user can reach, or a TCP
//! port, which must be loopback's unless the settings allow other machines. Never reads or
//! writes what comes through, never removes a file that is no socket.

use super::ServiceError;
use crate::engines::Address;
use crate::settings;
use rustix::fs::{Mode, fchmod};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixSocket, UnixStream, lookup_host};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 64;

/// A client's stream, of whichever kind.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Where clients come in.
pub(super) enum Door {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// The file of a socket, which goes with it.
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Door {
    pub(super) async fn open(service: &settings::Service) -> Result<Self, ServiceError> {
        let failed = |error| ServiceError::Listen { address: service.address.clone(), error };
        match service.address.parse::<Address>().map_err(ServiceError::Address)? {
            Address::Unix(path) => Self::open_unix(path).await,
            Address::Tcp(place) => {
                let places: Vec<_> = lookup_host(place).await.map_err(failed)?.collect();
                if !service.remote && !places.iter().all(|place| place.ip().is_loopback()) {
                    return Err(ServiceError::Remote(service.address.clone()));
                }
                Ok(Self::Tcp(TcpListener::bind(&places[..]).await.map_err(failed)?))
            }
            // No address in text means a worker.
            Address::Worker { program, .. } => Err(ServiceError::Address(program.display().to_string())),
        }
    }

    async fn open_unix(path: PathBuf) -> Result<Self, ServiceError> {
        if let Ok(about) = std::fs::symlink_metadata(&path) {
            if !about.file_type().is_socket() {
                return Err(ServiceError::InTheWay(path));
            }
            if UnixStream::connect(&path).await.is_ok() {
                return Err(ServiceError::Taken(path));
            }
        }
        match Self::listen_unix(&path) {
            Ok(listener) => Ok(Self::Unix(listener, SocketFile(path))),
            Err(error) => {
                let address = format!("unix://{}", path.display());
                Err(ServiceError::Listen { address, error })
            }
        }
    }

    fn listen_unix(path: &Path) -> io::Result<UnixListener> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if path.exists() {
            // Left behind by a run that was killed.
            std::fs::remove_file(path)?;
        }
        let socket = UnixSocket::new_stream()?;
        // Before the file is there, so that nobody else is quicker.
        fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
        socket.bind(path)?;
        socket.listen(BACKLOG)
    }

    /// Where it listens, a port that was left to the system included.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => {
                listener.local_addr().map_or_else(|_| "tcp".to_owned(), |place| format!("tcp://{place}"))
            }
            Self::Unix(_, file) => format!("unix://{}", file.0.display()),
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Box<dyn Duplex>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Answers are small: send them as they come.
                let _ = stream.set_nodelay(true);
                Ok(Box::new(stream))
            }
            Self::Unix(listener, _) => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn a_socket_is_its_owners_alone_replaces_a_stale_one_and_goes_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/speech.sock");
        let address = format!("unix://{}", path.display());
        let service = settings::Service { address, ..Settings::default().service };
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let listener = Door::open(&service).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(Door::open(&service).await, Err(ServiceError::Taken(_))));
        drop(listener);
        assert!(!path.exists());
        std::fs::write(&path, "a file of the shop").unwrap();
        assert!(matches!(Door::open(&service).await, Err(ServiceError::InTheWay(_))));
        assert!(path.exists());
    }

    #[tokio::test]
    async fn only_loopback_unless_other_machines_are_allowed() {
        let service =
            |address: &str| settings::Service { address: address.into(), ..Settings::default().service };
        for open in ["tcp://0.0.0.0:0", "tcp://[::]:0"] {
            let error = Door::open(&service(open)).await.err().unwrap().to_string();
            assert!(error.contains("other machines") && error.contains("service.remote"), "{error}");
        }
        let allowed = settings::Service { remote: true, ..service("tcp://0.0.0.0:0") };
        assert!(Door::open(&allowed).await.is_ok());
        let local = Door::open(&service("tcp://127.0.0.1:0")).await.unwrap();
        assert!(local.address().starts_with("tcp://127.0.0.1:") && !local.address().ends_with(":0"));
        for wrong in ["10300", "tcp://127.0.0.1", "http://127.0.0.1:80", "unix://here"] {
            let error = Door::open(&service(wrong)).await.err().unwrap().to_string();
            assert!(error.starts_with("service.address: ") && !error.contains('\n'), "{error}");
        }
    }
}
