//! Owns what can go wrong with the connection or with one request, in words that a store's
//! manager can act on, and how the library's errors are told apart. Never logs.

use rumqttc::v5::mqttbytes::Error as WireError;
use rumqttc::v5::mqttbytes::v5::{
    ConnectReturnCode, DisconnectReasonCode, PubAckReason, SubscribeReasonCode,
};
use rumqttc::v5::{ConnectionError, StateError, TlsError};
use rustls::AlertDescription;
use std::io;
use std::time::Duration;
use thiserror::Error;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// The user name, the password or the certificate's name is not known to the broker.
    #[error(
        "the broker refuses this kiosk's name or password: check sync.user and its password file, or ask head office for a new certificate"
    )]
    Denied,
    /// The broker does not take the kiosk's certificate.
    #[error(
        "the broker refuses this kiosk's certificate ({why}): check sync.certificate and sync.key, or ask head office for new ones"
    )]
    CertificateRefused {
        /// What the broker said.
        why: String,
    },
    /// The broker's certificate does not hold.
    #[error(
        "{host} does not prove that it is head office's broker ({why}): check sync.broker, sync.ca and this machine's clock"
    )]
    NotTrusted {
        /// The broker's host.
        host: String,
        /// What does not hold.
        why: String,
    },
    /// No name server knows the host.
    #[error("the host {host} is unknown: check sync.broker and this machine's network")]
    HostUnknown {
        /// The broker's host.
        host: String,
    },
    /// Nobody listens there, or the network does not reach.
    #[error("{address} cannot be reached ({why}): check sync.broker, the network, and that the broker runs")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the system said.
        why: String,
    },
    /// Somebody else came with the same identity; the broker sent this one away.
    #[error("another kiosk uses this one's identity: give each kiosk a certificate or user of its own")]
    IdentityInUse,
    /// The broker does not serve now, or not this kiosk.
    #[error("the broker refuses the connection ({why}): ask whoever runs it")]
    Refused {
        /// The broker's reason.
        why: String,
    },
    /// The broker did not greet in time.
    #[error("{address} did not answer within {} s: check the network and the broker", after.as_secs_f32())]
    NoAnswer {
        /// Host and port.
        address: String,
        /// How long was waited.
        after: Duration,
    },
    /// The broker was silent for too long, or did not answer a request.
    #[error("the broker fell silent for {} s", after.as_secs_f32())]
    Silent {
        /// How long was waited.
        after: Duration,
    },
    /// The connection was cut.
    #[error("the connection to the broker was cut ({why})")]
    Cut {
        /// What the system or the broker said.
        why: String,
    },
    /// Something came that MQTT does not allow, or the library failed.
    #[error("the connection to the broker broke ({why})")]
    Broken {
        /// What came.
        why: String,
    },
}

/// How soon trying again makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    Usual,
    /// Somebody has to mend something first.
    Denied,
    /// Two fight for one identity.
    Taken,
}

impl Problem {
    pub(super) fn patience(&self) -> Patience {
        match self {
            Self::Denied | Self::CertificateRefused { .. } | Self::NotTrusted { .. } => Patience::Denied,
            Self::IdentityInUse => Patience::Taken,
            _ => Patience::Usual,
        }
    }

    /// What the library's error means.
    pub(super) fn of(error: ConnectionError, host: &str, address: &str, greeted: bool) -> Self {
        match error {
            ConnectionError::Io(error) => Self::of_system(&error, host, address, greeted),
            ConnectionError::Tls(TlsError::Io(error)) => Self::of_system(&error, host, address, greeted),
            ConnectionError::Tls(TlsError::TLS(error)) => Self::of_tls(&error, host),
            ConnectionError::Tls(error) => Self::NotTrusted { host: host.to_owned(), why: error.to_string() },
            ConnectionError::ConnectionRefused(code) => Self::of_code(code),
            ConnectionError::MqttState(StateError::ConnFail { reason }) => Self::of_code(reason),
            ConnectionError::MqttState(StateError::Io(error))
            | ConnectionError::MqttState(StateError::Deserialization(WireError::Io(error))) => {
                Self::of_system(&error, host, address, greeted)
            }
            ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => match reason_code
            {
                DisconnectReasonCode::SessionTakenOver => Self::IdentityInUse,
                DisconnectReasonCode::NotAuthorized => Self::Denied,
                code => Self::Cut { why: format!("the broker says {code:?}") },
            },
            ConnectionError::MqttState(StateError::ConnectionAborted) => {
                Self::Cut { why: "it was closed".to_owned() }
            }
            ConnectionError::MqttState(StateError::AwaitPingResp) => {
                Self::Cut { why: "a ping stayed unanswered".to_owned() }
            }
            error => Self::Broken { why: error.to_string() },
        }
    }

    fn of_system(error: &io::Error, host: &str, address: &str, greeted: bool) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(error) => Self::of_tls(error, host),
            None if greeted => Self::Cut { why: error.to_string() },
            None => Self::Unreachable { address: address.to_owned(), why: error.to_string() },
        }
    }

    fn of_tls(error: &rustls::Error, host: &str) -> Self {
        use AlertDescription as Alert;
        match error {
            // RFC 8446, section 6.2: what a server says about the certificate it was shown, or not.
            rustls::Error::AlertReceived(
                alert @ (Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
                | Alert::DecryptError
                | Alert::CertificateRequired
                | Alert::HandshakeFailure),
            ) => Self::CertificateRefused { why: format!("{alert:?}") },
            rustls::Error::AlertReceived(alert) => {
                Self::Cut { why: format!("encryption: the broker says {alert:?}") }
            }
            rustls::Error::InvalidCertificate(why) => {
                Self::NotTrusted { host: host.to_owned(), why: why.to_string() }
            }
            rustls::Error::NoCertificatesPresented => {
                Self::NotTrusted { host: host.to_owned(), why: "it shows no certificate".to_owned() }
            }
            error => Self::Cut { why: format!("encryption: {error}") },
        }
    }

    fn of_code(code: ConnectReturnCode) -> Self {
        match code {
            ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::NotAuthorized
            | ConnectReturnCode::BadClientId
            | ConnectReturnCode::ClientIdentifierNotValid
            | ConnectReturnCode::Banned => Self::Denied,
            code => Self::Refused { why: format!("{code:?}") },
        }
    }
}

/// Why a message did not go, or a subscription was not made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The broker's rules forbid it.
    #[error("the broker does not allow this topic: its access rules (acl) must let this user have it")]
    NotAllowed,
    /// It is larger than may be sent.
    #[error("the message has {bytes} bytes, and {limit} may be sent")]
    TooLarge {
        /// The whole packet.
        bytes: usize,
        /// What the broker or Aisle allows.
        limit: usize,
    },
    /// The topic cannot be one.
    #[error("this is no valid topic")]
    Topic,
    /// The broker has no room now.
    #[error("the broker has no room for it now")]
    Quota,
    /// There is no connection.
    #[error("there is no connection to the broker")]
    Down,
    /// The connection was cut before the answer came: the broker has it or has it not.
    #[error("the connection was cut before the broker answered")]
    Cut,
    /// Nothing is sent any more.
    #[error("the connection to the broker is being closed")]
    Stopped,
    /// Another reason of the broker's.
    #[error("the broker refuses it ({0})")]
    Other(String),
}

impl Refusal {
    /// Whether the same message would be refused again. Otherwise it is sent again after the
    /// next [`Told::Up`](super::Told::Up).
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::NotAllowed | Self::TooLarge { .. } | Self::Topic)
    }

    /// `None`: the broker has it.
    pub(super) fn of_publish(reason: PubAckReason) -> Option<Self> {
        match reason {
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers => None,
            PubAckReason::NotAuthorized => Some(Self::NotAllowed),
            PubAckReason::TopicNameInvalid => Some(Self::Topic),
            PubAckReason::QuotaExceeded => Some(Self::Quota),
            reason => Some(Self::Other(format!("{reason:?}"))),
        }
    }

    /// `None`: the subscription is made.
    pub(super) fn of_subscribe(reason: SubscribeReasonCode) -> Option<Self> {
        match reason {
            SubscribeReasonCode::Success(_) => None,
            // What brokers of MQTT 3.1.1 say for any reason, and mosquitto 2.0 still does.
            SubscribeReasonCode::Failure
            | SubscribeReasonCode::Unspecified
            | SubscribeReasonCode::NotAuthorized => Some(Self::NotAllowed),
            SubscribeReasonCode::TopicFilterInvalid => Some(Self::Topic),
            SubscribeReasonCode::QuotaExceeded => Some(Self::Quota),
            reason => Some(Self::Other(format!("{reason:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: ConnectionError, greeted: bool) -> Problem {
        Problem::of(error, "hq", "hq:8883", greeted)
    }

    #[test]
    fn what_the_broker_says_of_a_certificate_is_found_inside_a_system_error() {
        let alert = rustls::Error::AlertReceived(AlertDescription::CertificateExpired);
        let wrapped = || io::Error::new(io::ErrorKind::InvalidData, alert.clone());
        for error in [
            ConnectionError::Io(wrapped()),
            ConnectionError::Tls(TlsError::Io(wrapped())),
            ConnectionError::MqttState(StateError::Deserialization(WireError::Io(wrapped()))),
        ] {
            assert_eq!(of(error, true), Problem::CertificateRefused { why: "CertificateExpired".into() });
        }
    }

    #[test]
    fn a_reset_is_a_cut_only_once_there_was_a_connection() {
        let reset = || ConnectionError::Io(io::Error::from(io::ErrorKind::ConnectionReset));
        assert!(matches!(of(reset(), false), Problem::Unreachable { .. }));
        assert!(matches!(of(reset(), true), Problem::Cut { .. }));
    }

    #[test]
    fn every_problem_is_one_line_that_says_what_to_do() {
        let why = || "why".to_owned();
        let host = || "hq".to_owned();
        for problem in [
            Problem::Denied,
            Problem::CertificateRefused { why: why() },
            Problem::NotTrusted { host: host(), why: why() },
            Problem::HostUnknown { host: host() },
            Problem::Unreachable { address: host(), why: why() },
            Problem::IdentityInUse,
            Problem::Refused { why: why() },
            Problem::NoAnswer { address: host(), after: Duration::from_millis(1500) },
        ] {
            let line = problem.to_string();
            assert!(!line.contains('\n') && line.contains(": "), "{line}");
        }
    }

    #[test]
    fn only_what_would_be_refused_again_lasts() {
        assert!(Refusal::NotAllowed.is_lasting() && Refusal::TooLarge { bytes: 2, limit: 1 }.is_lasting());
        assert!(!Refusal::Cut.is_lasting() && !Refusal::Quota.is_lasting());
        assert_eq!(Refusal::of_publish(PubAckReason::NoMatchingSubscribers), None);
        assert_eq!(Refusal::of_subscribe(SubscribeReasonCode::Unspecified), Some(Refusal::NotAllowed));
    }
}
