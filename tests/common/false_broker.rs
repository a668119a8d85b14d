//! A broker that keeps to no rule but the test's own: it takes TLS connections and lets the
//! test read and write bytes. It knows as much of MQTT 5 as it takes to tell packets apart.

#![allow(dead_code)] // Each test file uses its own part.

use super::broker::Authority;
use aisle::sync::tls::{Roots, Tls};
use rumqttc::tokio_rustls::TlsAcceptor;
use rumqttc::tokio_rustls::rustls::ServerConfig;
use rumqttc::tokio_rustls::rustls::crypto::ring::default_provider;
use rumqttc::tokio_rustls::rustls::pki_types::pem::PemObject;
use rumqttc::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rumqttc::tokio_rustls::server::TlsStream;
use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What packets are called in their first byte (MQTT 5, section 2.1.2).
pub const CONNECT: u8 = 1;
pub const PUBLISH: u8 = 3;
pub const SUBSCRIBE: u8 = 8;
pub const PINGREQ: u8 = 12;

/// The greeting, without properties.
pub const CONNACK: &[u8] = &[0x20, 3, 0, 0, 0];

pub struct FalseBroker {
    pub port: u16,
    folder: TempDir,
    serving: JoinHandle<()>,
}

impl FalseBroker {
    /// Serves each connection with what `serve` does with it, one after the other.
    pub async fn start<F>(mut serve: impl FnMut(Peer) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let identity = authority.certify(folder.path(), "server", "broker");
        let chain = vec![CertificateDer::from_pem_file(identity.certificate).unwrap()];
        let key = PrivateKeyDer::from_pem_file(identity.key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(socket).await {
                    serve(Peer(stream)).await;
                }
            }
        });
        Self { port, folder, serving }
    }

    pub fn tls(&self) -> Tls {
        Tls::new(&Roots::File(self.folder.path().join("ca.pem")), None).unwrap()
    }
}

impl Drop for FalseBroker {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The other end of a connection.
pub struct Peer(TlsStream<TcpStream>);

/// A packet that came: its first byte and what follows the length.
pub struct Packet {
    pub first: u8,
    pub rest: Vec<u8>,
}

impl Packet {
    pub fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// The number of a SUBSCRIBE, or of a PUBLISH of QoS 1.
    pub fn number(&self) -> [u8; 2] {
        let topic = usize::from(u16::from_be_bytes([self.rest[0], self.rest[1]]));
        let at = if self.kind() == PUBLISH { 2 + topic } else { 0 };
        [self.rest[at], self.rest[at + 1]]
    }
}

impl Peer {
    /// The next packet; `None` once the other end is gone.
    pub async fn read(&mut self) -> Option<Packet> {
        let first = self.0.read_u8().await.ok()?;
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = self.0.read_u8().await.ok()?;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut rest = vec![0; length];
        self.0.read_exact(&mut rest).await.ok()?;
        Some(Packet { first, rest })
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
        let _ = self.0.flush().await;
    }

    /// Greets, and grants what is subscribed first.
    pub async fn welcome(&mut self, greeting: &[u8], subscriptions: usize) -> Option<()> {
        self.read().await?;
        self.write(greeting).await;
        let asked = self.read().await?;
        self.write(&suback(asked.number(), &vec![1; subscriptions])).await;
        Some(())
    }

    /// Answers all as a good broker does, until the other end goes.
    pub async fn behave(&mut self) -> Option<()> {
        loop {
            let packet = self.read().await?;
            match packet.kind() {
                PUBLISH => self.write(&puback(packet.number(), 0)).await,
                PINGREQ => self.write(&[0xd0, 0]).await,
                _ => {}
            }
        }
    }
}

pub fn suback(number: [u8; 2], codes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(3 + codes.len()).unwrap();
    [&[0x90, length, number[0], number[1], 0], codes].concat()
}

pub fn puback(number: [u8; 2], reason: u8) -> Vec<u8> {
    vec![0x40, 3, number[0], number[1], reason]
}

/// A message of QoS 1.
pub fn publish(topic: &str, number: u16, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(2 + topic.len() + 2 + 1 + payload.len()).unwrap();
    assert!(length < 128, "one byte of length is enough");
    let topic_length = u16::try_from(topic.len()).unwrap().to_be_bytes();
    [&[0x32, length], &topic_length[..], topic.as_bytes(), &number.to_be_bytes(), &[0], payload].concat()
}
