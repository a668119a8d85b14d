//! What other programs of the store reach over HTTP. Listens on this machine alone unless the
//! settings allow others, serves a bounded number of connections, and waits for none that says
//! nothing. What is asked of the kiosk, and by whom, is each route's own; never logs a request.
//!
//! ```text
//! POST /v1/sales    the store's point of sale tells what was sold
//! ```

mod refusal;
mod sales;

use crate::sync::till::Till;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use refusal::Refusal;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// Connections that are served at a time; others wait to be accepted.
const CONNECTIONS: usize = 16;
/// How long a request's head may take, and how long a connection may be idle before the next.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Most that is read of a head.
const LARGEST_HEAD: usize = 16 << 10;
/// How long what is asked already may take when it is to end.
const END_WITHIN: Duration = Duration::from_secs(5);
/// Pause after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// Why nothing can be reached.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    #[error("{setting} {address:?} is no address: write host:port, such as 127.0.0.1:8091")]
    Address { setting: &'static str, address: String },
    #[error("{setting} {address} can be reached from other machines: write 127.0.0.1:port, or set {allow}")]
    Remote { setting: &'static str, address: String, allow: &'static str },
    #[error("cannot listen on {address}: {source}")]
    Listen { address: String, source: io::Error },
}

/// A place to listen at, as the settings have it.
#[derive(Debug, Clone)]
pub struct Place {
    /// The setting's name, and that of the one which allows other machines.
    pub setting: &'static str,
    pub allow: &'static str,
    pub address: String,
    pub remote: bool,
}

impl Place {
    /// Where that is. Blocks where a name must be looked up.
    ///
    /// # Errors
    /// It is nowhere, or other machines would reach it.
    pub fn find(&self) -> Result<Vec<SocketAddr>, WebError> {
        let Self { setting, allow, address, remote } = self;
        let has_port = address
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !has_port {
            return Err(WebError::Address { setting, address: address.clone() });
        }
        let failed = |source| WebError::Listen { address: address.clone(), source };
        let places: Vec<SocketAddr> = address.to_socket_addrs().map_err(failed)?.collect();
        if !remote && !places.iter().all(|place| place.ip().is_loopback()) {
            return Err(WebError::Remote { setting, address: address.clone(), allow });
        }
        Ok(places)
    }

    /// Begins to listen there.
    ///
    /// # Errors
    /// As [`Place::find`], or something else listens there.
    pub async fn listen(&self) -> Result<TcpListener, WebError> {
        let failed = |source| WebError::Listen { address: self.address.clone(), source };
        let place = self.clone();
        let found = spawn_blocking(move || place.find()).await;
        let places = found.map_err(|error| failed(io::Error::other(error)))??;
        TcpListener::bind(&places[..]).await.map_err(failed)
    }
}

/// All routes.
pub fn router(till: Arc<Till>) -> Router {
    let nothing = async || Refusal::NowhereKnown;
    let other = async || Refusal::OtherMethod;
    Router::new().merge(sales::routes(till)).fallback(nothing).method_not_allowed_fallback(other)
}

/// Serves until `stop`, and then what was begun.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let ending = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(PAUSE).await;
                continue;
            }
        };
        let connection = ending.watch(connection(stream, router.clone()));
        tokio::spawn(async move {
            let _place = place;
            // A client that goes away is its own affair.
            let _ = connection.await;
        });
    }
    drop(listener);
    if timeout(END_WITHIN, ending.shutdown()).await.is_err() {
        tracing::warn!("a request was cut off: it took too long");
    }
}

/// One connection, request after request.
fn connection(
    stream: TcpStream,
    router: Router,
) -> http1::Connection<TokioIo<TcpStream>, TowerToHyperService<Router>> {
    // Answers are small: send them as they come.
    let _ = stream.set_nodelay(true);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_this_machine_unless_others_are_allowed() {
        let place = |address: &str, remote| Place {
            setting: "pos.listen",
            allow: "pos.remote",
            address: address.into(),
            remote,
        };
        for open in ["0.0.0.0:0", "[::]:0"] {
            let error = place(open, false).listen().await.unwrap_err().to_string();
            assert!(error.contains("other machines") && error.contains("set pos.remote"), "{error}");
        }
        assert!(place("0.0.0.0:0", true).listen().await.is_ok());
        let listener = place("127.0.0.1:0", false).listen().await.unwrap();
        let taken = listener.local_addr().unwrap().to_string();
        let error = place(&taken, false).listen().await.unwrap_err();
        assert!(matches!(error, WebError::Listen { .. }), "{error}");
        for wrong in ["8091", "127.0.0.1", ":8091", "http://127.0.0.1:80/", "127.0.0.1:99999"] {
            let error = place(wrong, false).listen().await.unwrap_err().to_string();
            assert!(error.starts_with("pos.listen") && !error.contains('\n'), "{error}");
        }
    }
}
