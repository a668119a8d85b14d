//! Head office over MQTT: what passes between it and the kiosks, who may say it, how content
//! is packed, and the connection itself. All but [`mqtt`], [`tls`], [`tell`], [`inventory`],
//! [`till`], [`uplink`], [`ingest`] and [`webhook`] is pure: values in, values out.
//!
//! ```text
//! topics    names of topics, and what a kiosk hears and writes
//! wire      the messages, their limits; samples and schemas
//! sign      envelope and signature      keys     which keys count, and how they change
//! accept    verified, newer than seen   digest   SHA-256 as messages write it
//! root      canonical rows, one digest  pack     chunks and snapshots
//! delta     changed rows                plan     the cheapest way to the newest bundle
//! session   a catalog on its way down   ingest   what it asks of the store
//! enclosed  what comes with a catalog: facts, synonyms, prompts
//! commands  what head office asks of this kiosk, each once
//! pump      which events go next        batch    what a batch of them looks like
//! mqtt      the connection              tls      who the broker must be, and who one is
//! tell      what happened, into the outbox
//! inventory corrections and counts, with the events that tell of them
//! till      sales of the store's point of sale, each once
//! uplink    the kiosk's end of the line: connection, pump and outbox together
//! loyalty   a customer's number, asked and answered
//! webhook   orders, to the store's own program
//! ```
//!
//! # Topics
//! All stand below `aisle/v1/{tenant}/` and are MQTT 5 with quality of service 1. Names are 1 to
//! 32 of a-z, 0-9, `-` and `_`. Each kind of message has a JSON Schema of its name in
//! `src/sync/schemas`; a test compares this table with the code and the schemas with the types.
//!
//! | topic | kind | way | retained | signed by | at most |
//! |---|---|---|---|---|---|
//! | `keys` | keys | down | yes | root | 64 KiB |
//! | `g/{group}/catalog/manifest` | manifest | down | yes | catalog | 120 KiB |
//! | `g/{group}/catalog/c/{sha256}` | chunk | down | yes | - | 96 KiB |
//! | `s/{store}/price/{shard}` | price | down | yes | live | 96 KiB |
//! | `s/{store}/stock/{shard}` | stock | down | yes | live | 96 KiB |
//! | `s/{store}/recall` | recall | down | yes | live | 96 KiB |
//! | `k/{store}/{kiosk}/status` | status | up | yes | - | 8 KiB |
//! | `k/{store}/{kiosk}/telemetry` | telemetry | up | no | - | 64 KiB |
//! | `k/{store}/{kiosk}/inventory` | inventory | up | no | - | 64 KiB |
//! | `k/{store}/{kiosk}/order` | order | up | no | - | 64 KiB |
//! | `k/{store}/{kiosk}/result` | outcome | up | no | - | 64 KiB |
//! | `k/{store}/{kiosk}/ack` | ack | down | no | - | 32 KiB |
//! | `k/{store}/{kiosk}/commands` | commands | down | yes | command | 32 KiB |
//! | `k/{store}/{kiosk}/loyalty` | loyalty | up | no | - | 1 KiB |
//! | `k/{store}/{kiosk}/loyalty/reply` | loyalty_reply | down | no | - | 32 KiB |
//! | `k/{store}/{kiosk}/pos` | sale | within | no | - | 64 KiB |
//!
//! *up* is from a kiosk to head office, *down* the other way, *within* from the store's point of
//! sale to its kiosk. The broker lets a kiosk write below `k/{store}/{kiosk}/` only, and nobody
//! but head office anywhere else; see [`topics::Site`]. Besides these, head office sends itself a
//! mark on `office/echo` to know when it has heard all that is retained; see
//! [`topics::office_echo`].
//!
//! # Rules
//! - **State goes down, not events.** Each message from head office holds all that counts now and
//!   is retained: who was away for three days needs the last one of each topic and no queue.
//!   Prices and counts are cumulative since a version of the catalog, split into shards by
//!   [`wire::live::shard_of`]. A store has at least as many shards as its manifest says, and
//!   more where they did not fit; then the shards that a product comes to are sent before the
//!   one that it leaves, so for a moment it may stand in two. An empty recall lifts all, an
//!   empty list of commands asks nothing.
//! - **Signed** is what makes a kiosk do something: see [`sign`] for the envelope, [`keys`] for
//!   who may sign, [`accept`] for what is refused as old, expired or replayed. The payload is the
//!   header line (`envelope.json`), a line feed, and the body. `keys` holds a chain: all key
//!   lists, each sealed like this, oldest first, with a line feed between two.
//! - **A chunk** is raw bytes. Its topic is its SHA-256, which a signed manifest names; chunks
//!   that no manifest names any more are cleared. See [`pack`] and [`delta`] for what they hold.
//! - **What comes with a catalog** stands in its manifest and is taken into use in the same
//!   transaction, or the catalog is not: facts of the stores, synonyms of the menu, prompts of the
//!   language model, each read as [`enclosed`] says. Keys that a kiosk does not know are passed
//!   over. Facts count over a kiosk's settings file and under its environment.
//! - **A command** is done once, by its id: what was begun is written down before, what came of it
//!   together with what head office is told. It is not begun after its end, and leaves the list
//!   once it is answered; see [`commands`].
//! - **Nothing goes up without being acknowledged end to end.** Batches come from the outbox of
//!   `state.db`; head office answers with the ids of the events that it has written down, and
//!   only then are they forgotten. An event that comes twice has the same id and counts once.
//!   The broker's own acknowledgement deletes nothing.
//! - **Status** is retained. The last will takes its place with `online` false; it names the
//!   connection that it was made for, so that a late will does not bury a newer connection.
//! - **Loyalty** carries a response topic (`loyalty/reply`), correlation data of 16 random bytes
//!   and a message expiry of 5 seconds. It is not retained, stored or logged on either side. Head
//!   office answers on that kiosk's own `loyalty/reply` only, whatever the response topic says,
//!   and with the same expiry; the kiosk takes one answer with that correlation within the 5
//!   seconds, and asks nothing while it has no connection.
//! - **A sale** comes over MQTT with the user property `authorization`, `Bearer` and the store's
//!   token, or over local HTTP with the header of that name; the body is the same. It counts once
//!   by its id. MQTT has no answer to it: what must not be missed is told over HTTP. A store's
//!   point of sale tells each kiosk, and head office counts each line once; see [`till`].
//! - **Versions.** `v1` in the topic is the version of all messages. Fields may be added, and are
//!   passed over by who does not know them. A kind of event, command or recall that is not known
//!   is refused by its id, and the rest of its message is taken; anywhere else an unknown word
//!   refuses the whole message.

pub use crate::domain::digest;

pub mod accept;
pub mod batch;
pub mod commands;
pub mod delta;
pub mod enclosed;
pub mod ingest;
pub mod inventory;
pub mod keys;
pub mod loyalty;
pub mod mqtt;
pub mod pack;
pub mod plan;
pub mod pump;
pub mod root;
pub mod session;
pub mod sign;
pub mod tell;
pub mod till;
pub mod tls;
pub mod topics;
pub mod uplink;
pub mod webhook;
pub mod wire;

#[cfg(test)]
mod schemas_tests;
