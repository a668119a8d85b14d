//! Head office's folder and settings for a broker of the test's own.

#![allow(dead_code)] // Each test file uses its own part.

use super::broker::Broker;
use super::common::{Kiosk as Office, text};
use std::fs;

/// What is published in the tests of the line is not tried: their products have no real names.
pub const UNTRIED: &[&str] = &["--skip-replay", "a test of the line"];

/// Head office's settings for a broker at `port`.
pub fn set(office: &Office, broker: &Broker, port: u16) {
    for name in ["office", "collect-1"] {
        let identity = broker.identity(&format!("acme/{name}"));
        fs::copy(identity.certificate, office.data.path().join(format!("{name}.pem"))).unwrap();
        fs::copy(identity.key, office.data.path().join(format!("{name}.key"))).unwrap();
    }
    let here = office.data.path().display();
    let settings = format!(
        "[office]\nbroker = \"127.0.0.1:{port}\"\ntenant = \"acme\"\nca = {:?}\n\
         certificate = \"{here}/{{name}}.pem\"\nkey = \"{here}/{{name}}.key\"\n",
        broker.ca()
    );
    fs::write(office.data.path().join("aisle.toml"), settings).unwrap();
}

/// Tells a kiosk whom head office is, at a broker; `more`: further settings.
pub fn join(kiosk: &Office, broker: &Broker, office: &Office, more: &str) {
    let identity = broker.identity("acme/k/s042/k1");
    let root = office.json(&["office", "keys", "show", "--json"])["root_keys"][0].clone();
    let settings = format!(
        "[llm]\nenabled = false\n[sync]\nbroker = \"127.0.0.1:{}\"\ntenant = \"acme\"\nstore = \"s042\"\n\
         kiosk = \"k1\"\nca = {:?}\ncertificate = {:?}\nkey = {:?}\nroot_keys = [{root}]\n\
         status_seconds = 5\nspread_seconds = 0\n{more}",
        broker.port,
        broker.ca(),
        identity.certificate,
        identity.key,
    );
    fs::write(kiosk.data.path().join("aisle.toml"), settings).unwrap();
}

/// With keys.
pub fn office(broker: &Broker) -> Office {
    let office = Office::empty();
    set(&office, broker, broker.port);
    let output = office.run(&["office", "keys", "init"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    office
}
