//! Owns how the library's client is set up and asked for what happens. Decides nothing.

use super::problem::Problem;
use super::{Options, Presence, Session, packet};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{LastWill, LastWillProperties};
use rumqttc::v5::{AsyncClient, ClientError, ConnectionError, Event, EventLoop, MqttOptions};
use rumqttc::{NetworkOptions, TlsConfiguration, Transport};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Packet numbers. The library sets aside some 210 bytes for each, and takes 65,535 unless told:
/// 13.9 MB a connection.
pub(super) const NUMBERS: u16 = 16;
/// Requests and acks that may wait in the library: more than can ever be open.
const REQUESTS: usize = 512;
/// The shortest keep-alive that the library takes.
const SHORTEST_KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Why the event loop gave no event.
pub(super) enum Fault {
    Error(Box<ConnectionError>),
    Panic,
}

/// A client that nothing was done with, and its event loop; statuses bear `mark`.
pub(super) fn new(options: &Options, session: Session, mark: &str) -> (AsyncClient, EventLoop) {
    AsyncClient::new(library_options(options, session, mark), REQUESTS)
}

fn library_options(options: &Options, session: Session, mark: &str) -> MqttOptions {
    let Options { host, port, client, login, tls, presence, limits, .. } = options;
    let mut options = MqttOptions::new(client, host, *port);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls.config())));
    if let Some(login) = login {
        options.set_credentials(&login.user, &login.password);
    }
    if let Some(Presence { topic, status }) = presence {
        let status = status(session, false).to_vec();
        let properties = LastWillProperties {
            delay_interval: None,
            payload_format_indicator: None,
            message_expiry_interval: None,
            content_type: None,
            response_topic: None,
            correlation_data: None,
            user_properties: vec![packet::marked(mark)],
        };
        options.set_last_will(LastWill::new(topic, status, QoS::AtLeastOnce, true, Some(properties)));
    }
    options.set_keep_alive(keep_alive(limits.keep_alive));
    // Nothing of a session is wanted back: what must not be missed is retained or sent again.
    options.set_clean_start(true);
    options.set_max_packet_size(Some(limits.largest_taken));
    options.set_receive_maximum(Some(limits.taken_ahead.max(1)));
    options.set_outgoing_inflight_upper_limit(NUMBERS);
    options.set_manual_acks(true);
    // The deadline is kept here; this one only must not come before it.
    options.set_connection_timeout(limits.connect_within.as_secs() + 2);
    options
}

/// One event. Dropped halfway, it may lose something: the library does not say what.
pub(super) async fn step(events: &mut EventLoop) -> Result<Event, Fault> {
    match guarded(events.poll()).await {
        Some(polled) => polled.map_err(|error| Fault::Error(Box::new(error))),
        None => Err(Fault::Panic),
    }
}

/// What `work` brings; `None`: it panicked, which is then no more than the end of a connection.
async fn guarded<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(brought)) => Poll::Ready(Some(brought)),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// What the library takes for it.
pub(super) fn keep_alive(wanted: Duration) -> Duration {
    wanted.max(SHORTEST_KEEP_ALIVE)
}

/// The library takes no more requests.
pub(super) fn full(_: ClientError) -> Problem {
    Problem::Broken { why: "the MQTT library takes no more requests".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_of_the_library_is_caught() {
        let fails = async {
            tokio::task::yield_now().await;
            panic!("this is a test")
        };
        assert_eq!(guarded::<()>(fails).await, None);
        assert_eq!(guarded(async { 7 }).await, Some(7));
    }
}
