//! PostgreSQL as a second place for what kiosks told: where it is, its tables, and how events get
//! into it. An event counts there once, whoever brings it and however often. Only this file speaks
//! to PostgreSQL; what is to be brought, and when, is `forward`'s.

use crate::store::UnsentEvent;
use crate::sync::tls::{Roots, Tls, TlsError};
use crate::sync::topics::Name;
use serde_json::Value;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

/// The tables, a step a version. A step that was released is never changed.
const STEPS: [&str; 1] = [include_str!("1.sql")];
/// Whoever makes tables holds this lock; "AISLE" in ASCII.
const LOCK: i64 = 0x41_4953_4C45;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// After so long without a sign of life a connection is given up.
const SILENT: Duration = Duration::from_secs(30);
const FIRST: &str = "SET statement_timeout = '60s'; SET synchronous_commit = on;";

const INSERT: &str = "
INSERT INTO aisle.events (id, tenant, store, kiosk, outbox, seq, lane, kind, made_at, received_at, body)
SELECT id, $1, store, kiosk, outbox, seq, lane, kind, made_at, received_at, body
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::text[], $8::text[],
            $9::timestamptz[], $10::timestamptz[], $11::jsonb[])
     AS came (id, store, kiosk, outbox, seq, lane, kind, made_at, received_at, body)
ORDER BY id
ON CONFLICT (id) DO NOTHING
RETURNING id";

// What follows from new events. In whatever order they come, the result is the same; the rows go
// in one order, so that two who bring some never wait for each other in a ring.
const FOLLOW: &str = "
INSERT INTO aisle.inventory AS there (tenant, store, sku, stock, as_of, event, sold)
SELECT tenant, store, body->>'sku',
       (array_agg((body->>'stock')::bigint ORDER BY (body->>'as_of')::timestamptz DESC, id DESC)
           FILTER (WHERE kind = 'counted'))[1],
       max((body->>'as_of')::timestamptz) FILTER (WHERE kind = 'counted'),
       (array_agg(id ORDER BY (body->>'as_of')::timestamptz DESC, id DESC) FILTER (WHERE kind = 'counted'))[1],
       coalesce(sum((body->>'quantity')::bigint) FILTER (WHERE kind = 'sold'), 0)::bigint
FROM aisle.events
WHERE id = ANY ($1::uuid[]) AND lane = 'inventory' AND kind IN ('counted', 'sold')
GROUP BY tenant, store, body->>'sku'
ORDER BY tenant, store, body->>'sku'
ON CONFLICT (tenant, store, sku) DO UPDATE SET
    sold = there.sold + excluded.sold,
    stock = CASE WHEN (excluded.as_of, excluded.event) > (there.as_of, there.event) OR there.as_of IS NULL
                 THEN excluded.stock ELSE there.stock END,
    event = CASE WHEN (excluded.as_of, excluded.event) > (there.as_of, there.event) OR there.as_of IS NULL
                 THEN excluded.event ELSE there.event END,
    as_of = greatest(there.as_of, excluded.as_of)";

/// Why it is not known where the database is.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error("the address of PostgreSQL, {}, cannot be read ({why})", path.display())]
    Unreadable { path: PathBuf, why: io::Error },
    /// Never with what it holds: there is a password in it.
    #[error("{} holds no address of PostgreSQL, such as postgresql://aisle:PASSWORD@db.example.com/aisle", .0.display())]
    Malformed(PathBuf),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Why something did not get in.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    #[error("PostgreSQL: {}", Said(.0))]
    Client(#[from] tokio_postgres::Error),
    #[error("PostgreSQL did not answer within {} s", CONNECT_WITHIN.as_secs())]
    Silent,
    #[error("the tables in PostgreSQL are of version {0}, and this Aisle knows only up to {known}: update Aisle", known = STEPS.len())]
    Newer(i32),
}

impl PostgresError {
    /// Whether what was brought is to blame: nothing gets better with time.
    #[must_use]
    pub fn is_of_the_rows(&self) -> bool {
        let Self::Client(error) = self else { return false };
        // Data exceptions, and constraints that do not hold.
        error.code().is_some_and(|code| code.code().starts_with("22") || code.code().starts_with("23"))
    }
}

/// An error with its causes, in one line.
struct Said<'a>(&'a tokio_postgres::Error);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = self.0.as_db_error() {
            return write!(f, "{} ({})", error.message().replace('\n', " "), error.code().code());
        }
        write!(f, "{}", self.0)?;
        if let Some(cause) = self.0.source() {
            write!(f, ": {}", cause.to_string().replace('\n', " "))?;
        }
        Ok(())
    }
}

/// Where the database is, and how to come there.
#[derive(Clone)]
pub struct Address {
    config: Config,
    tls: Option<Tls>,
}

impl Address {
    /// Reads a file that holds an address, password and all. What goes over a network is
    /// encrypted, unless the address says `sslmode=disable`.
    ///
    /// # Errors
    /// It cannot be read or is none, or encryption cannot be set up.
    pub fn read(path: &Path, roots: &Roots) -> Result<Self, AddressError> {
        let text = std::fs::read_to_string(path)
            .map_err(|why| AddressError::Unreadable { path: path.to_owned(), why })?;
        let malformed = || AddressError::Malformed(path.to_owned());
        let mut config: Config = text.trim().parse().map_err(|_| malformed())?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(malformed());
        }
        let is_near = config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
            && config.get_hosts().iter().all(|host| match host {
                Host::Tcp(name) => ["localhost", "127.0.0.1", "::1"].contains(&name.as_str()),
                Host::Unix(_) => true,
            });
        // "If the other side can" is for neither: nobody would notice that it cannot.
        let mode = match config.get_ssl_mode() {
            SslMode::Disable => SslMode::Disable,
            SslMode::Prefer if is_near => SslMode::Disable,
            _ => SslMode::Require,
        };
        let tls = if mode == SslMode::Disable { None } else { Some(Tls::new(roots, None)?) };
        config.ssl_mode(mode).application_name("aisle").connect_timeout(CONNECT_WITHIN);
        config.keepalives_idle(SILENT).tcp_user_timeout(SILENT);
        Ok(Self { config, tls })
    }

    /// Connects, and makes the tables where they lack.
    ///
    /// # Errors
    /// Nobody answers or lets us in, or the tables are another's.
    pub async fn connect(&self) -> Result<Database, PostgresError> {
        let connect = async {
            match &self.tls {
                Some(tls) => {
                    let tls = MakeRustlsConnect::new((*tls.config()).clone());
                    let (client, connection) = self.config.connect(tls).await?;
                    Ok::<_, PostgresError>(Database::new(client, tokio::spawn(connection)))
                }
                None => {
                    let (client, connection) = self.config.connect(NoTls).await?;
                    Ok(Database::new(client, tokio::spawn(connection)))
                }
            }
        };
        let mut database =
            tokio::time::timeout(CONNECT_WITHIN, connect).await.map_err(|_| PostgresError::Silent)??;
        database.client.batch_execute(FIRST).await?;
        database.prepare().await?;
        Ok(database)
    }
}

/// How many events were new, and how many were there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Brought {
    pub new: u64,
    pub repeated: u64,
}

/// A connection to the database. Dropped, it ends.
pub struct Database {
    client: Client,
    connection: JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Drop for Database {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Database {
    fn new(client: Client, connection: JoinHandle<Result<(), tokio_postgres::Error>>) -> Self {
        Self { client, connection }
    }

    /// Makes the tables or brings them up to date; of several who start at once, one does it.
    async fn prepare(&mut self) -> Result<(), PostgresError> {
        let newest = i32::try_from(STEPS.len()).unwrap_or(i32::MAX);
        let found = version(&self.client).await?;
        if found > newest {
            return Err(PostgresError::Newer(found));
        }
        if found == newest {
            // Who may not make tables need not.
            return Ok(());
        }
        let tx = self.client.transaction().await?;
        tx.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
        // Another may have been first while this one waited.
        let found = version(tx.client()).await?;
        for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            tx.batch_execute(step).await?;
        }
        if found < newest {
            tx.execute("UPDATE aisle.about SET version = $1", &[&newest]).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Which database it is: one that was made anew is another.
    ///
    /// # Errors
    /// It cannot be read; so for the others here.
    pub async fn identity(&self) -> Result<Uuid, PostgresError> {
        Ok(self.client.query_one("SELECT id FROM aisle.about", &[]).await?.get(0))
    }

    /// Brings events in with what follows from them, each once by its id, all or none.
    ///
    /// # Errors
    /// It cannot be written; then nothing is.
    pub async fn bring(&mut self, tenant: &Name, events: &[UnsentEvent]) -> Result<Brought, PostgresError> {
        fn column<'a, T>(events: &'a [UnsentEvent], of: impl Fn(&'a UnsentEvent) -> T) -> Vec<T> {
            events.iter().map(of).collect()
        }
        let tx = self.client.transaction().await?;
        let inserted = tx
            .query(
                INSERT,
                &[
                    &tenant.as_str(),
                    &column(events, |own| own.event.id),
                    &column(events, |own| own.event.store.as_str()),
                    &column(events, |own| own.event.kiosk.as_str()),
                    &column(events, |own| own.outbox),
                    &column(events, |own| own.seq),
                    &column(events, |own| own.lane.as_str()),
                    &column(events, |own| own.event.kind.as_str()),
                    &column(events, |own| own.event.made_at),
                    &column(events, |own| own.event.received_at),
                    &column(events, |own| body(&own.event.body)),
                ],
            )
            .await?;
        let new: Vec<Uuid> = inserted.iter().map(|row| row.get(0)).collect();
        let fresh: BTreeSet<Uuid> = new.iter().copied().collect();
        let follows = |own: &&UnsentEvent| own.lane == "inventory" && fresh.contains(&own.event.id);
        if events.iter().any(|own| follows(&own)) {
            tx.execute(FOLLOW, &[&new]).await?;
        }
        tx.commit().await?;
        Ok(Brought { new: new.len() as u64, repeated: (events.len() - new.len()) as u64 })
    }
}

/// The version of the tables; 0: there are none.
async fn version(client: &Client) -> Result<i32, PostgresError> {
    // Not `to_regclass`: it may answer from what this connection saw before it waited for the lock.
    let there = "SELECT FROM pg_tables WHERE schemaname = 'aisle' AND tablename = 'about'";
    if client.query_opt(there, &[]).await?.is_none() {
        return Ok(0);
    }
    Ok(client.query_one("SELECT version FROM aisle.about", &[]).await?.get(0))
}

/// A body as PostgreSQL takes it: its JSON holds no zero characters.
fn body(text: &str) -> Value {
    fn without(value: &mut Value) {
        match value {
            Value::String(text) => text.retain(|c| c != '\0'),
            Value::Array(all) => all.iter_mut().for_each(without),
            Value::Object(all) => all.values_mut().for_each(without),
            _ => {}
        }
    }
    let mut value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    without(&mut value);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Address, AddressError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postgres");
        std::fs::write(&path, text).unwrap();
        Address::read(&path, &Roots::System)
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_and_no_password_is_told() {
        let mode = |text: &str| read(text).map(|address| address.config.get_ssl_mode());
        for near in
            ["postgresql://a:b@localhost/x\n", "host=/run/postgresql user=a", "postgresql://a@127.0.0.1"]
        {
            assert_eq!(mode(near).unwrap(), SslMode::Disable, "{near}");
        }
        assert_eq!(mode("postgresql://a:b@db.example.com/x?sslmode=disable").unwrap(), SslMode::Disable);
        for far in ["postgresql://a:b@db.example.com/x", "host=localhost hostaddr=10.0.0.7 user=a"] {
            match mode(far) {
                Ok(mode) => assert_eq!(mode, SslMode::Require, "{far}"),
                // Where this machine trusts nobody, nothing is sent at all.
                Err(error) => assert!(matches!(error, AddressError::Tls(_)), "{error}"),
            }
        }
        for bad in ["", "hunter2", "postgresql://a:hunter2@db:port/x", "mysql://a:hunter2@db/x", "user=a"] {
            let line = read(bad).err().unwrap().to_string();
            assert!(line.contains("holds no address") && !line.contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn a_body_is_json_without_zero_characters() {
        assert_eq!(
            body(r#"{"a":["x\u0000y",1],"b":{"c":"\u0000"}}"#),
            serde_json::json!({"a": ["xy", 1], "b": {"c": ""}})
        );
        assert_eq!(body(r#"{"a":"\\u0000"}"#), serde_json::json!({"a": "\\u0000"}));
        assert_eq!(body("no JSON"), Value::String("no JSON".to_owned()));
    }
}
