//! Bundles of head office: which one is in use and what came with it, in `catalog.db`, in the
//! same transaction as its content; which ones were taken or refused before, in `state.db`.
//! Knows nothing of how a bundle came here.

use super::alerts::moment;
use super::catalog::{Catalog, Wording, wording};
use super::connections::give_way;
use super::delta::Renewal;
use super::lexicon::Lexicon;
use super::schema::{BRANDS, LENGTHS};
use super::{Digest, StoreError, overlay, trial};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::collections::{BTreeMap, BTreeSet};

/// Notes kept of bundles.
const KEPT_NOTES: i64 = 100;

/// The bundle in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    pub version: u64,
    /// Of its content, see `sync`.
    pub root: Digest,
    /// Digests of the files that came with it, by name.
    pub files: BTreeMap<String, Digest>,
}

/// A file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleFile {
    pub sha256: Digest,
    pub body: Vec<u8>,
}

/// A bundle that takes the place of the one in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBundle {
    pub version: u64,
    pub root: Digest,
    /// All its files by name; `None`: it is there and stays. Others go.
    pub files: BTreeMap<String, Option<BundleFile>>,
}

/// What became of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleState {
    Applied,
    Refused,
}

/// A line of the bundles' history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleNote {
    pub version: u64,
    pub root: Digest,
    pub state: BundleState,
    /// One line for a person.
    pub why: Option<String>,
    /// The program that did it: a newer one may take what this one refused.
    pub program: String,
}

impl Catalog {
    /// The bundle in use; `None`: the catalog, if any, came from a file.
    ///
    /// # Errors
    /// The database cannot be read; so for the others here.
    pub fn bundle(&self) -> Result<Option<Bundle>, StoreError> {
        self.connections.read(|tx| Ok(bundle(tx)?))
    }

    /// A file of the bundle in use.
    pub fn bundle_file(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT body FROM bundle_files WHERE name = ?1";
        self.connections.read(|tx| Ok(tx.query_row(sql, [name], |row| row.get(0)).optional()?))
    }

    /// Keeps files beside a catalog that is no bundle, for who tries one.
    pub fn enclose(&self, files: &BTreeMap<String, BundleFile>) -> Result<(), StoreError> {
        let mut conn = self.connections.writer()?;
        let sql = |source| StoreError::of(self.connections.path(), source);
        let tx = conn.transaction().map_err(sql)?;
        tx.execute("DELETE FROM bundle_files", []).map_err(sql)?;
        files.iter().try_for_each(|(name, file)| put_file(&tx, name, file)).map_err(sql)?;
        tx.commit().map_err(sql)
    }

    /// Renews the catalog in one transaction, while searches go on and see the old one: `work`
    /// brings the content in, compares it and says which bundle it is. Corrections count over
    /// the new content from the first moment. `on_step` is told of each step that is done.
    ///
    /// # Errors
    /// The first error of `work`, or the database cannot be written: all is as it was before.
    pub fn renew<E: From<StoreError>>(
        &self,
        on_step: &mut dyn FnMut(&'static str),
        work: impl FnOnce(&mut Renewal<'_>) -> Result<NewBundle, E>,
    ) -> Result<(), E> {
        let mut conn = self.connections.writer()?;
        let renewed = self.renew_over(&mut conn, on_step, work);
        if renewed.is_err() {
            give_way(&conn);
        }
        renewed
    }

    fn renew_over<E: From<StoreError>>(
        &self,
        conn: &mut Connection,
        on_step: &mut dyn FnMut(&'static str),
        work: impl FnOnce(&mut Renewal<'_>) -> Result<NewBundle, E>,
    ) -> Result<(), E> {
        let path = self.connections.path();
        let sql = |source| StoreError::of(path, source);
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let mut renewal = Renewal::new(&tx, path, on_step);
        renewal.step("begun");
        let bundle = work(&mut renewal)?;
        renewal.step("checked");
        if renewal.changed {
            tx.execute_batch(LENGTHS).and_then(|()| tx.execute_batch(BRANDS)).map_err(sql)?;
            renewal.step("measured");
            let sql_text = "UPDATE catalog SET digest = ?1, imported_at = ?2";
            tx.execute(sql_text, params![bundle.root.to_string(), moment(Timestamp::now())]).map_err(sql)?;
        }
        // What head office says of prices counts since a bundle: it may end with this one.
        overlay::lay_all(&self.connections, &tx, self.state(), bundle.version, Timestamp::now())?;
        renewal.step("corrected");
        put(&tx, &bundle).map_err(sql)?;
        renewal.step("named");
        let words = if renewal.changed { Some(self.tried(&tx)?) } else { None };
        renewal.step("tried");
        tx.commit().map_err(sql)?;
        on_step("committed");
        let _ = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        // The first shopper afterwards shall not wait for the word lists.
        if let Some((wording, lexicon)) = words {
            self.keep_lexicon(wording, lexicon);
        }
        Ok(())
    }

    /// Tries a catalog that is not committed yet; its word lists.
    fn tried(&self, tx: &Transaction<'_>) -> Result<(Wording, Lexicon), StoreError> {
        let path = self.connections.path();
        // Not through what is kept: searches go on in the old words until the commit.
        let read = || Ok((wording(tx)?, Lexicon::load(tx)?));
        let (wording, lexicon) = read().map_err(|source| StoreError::of(path, source))?;
        trial::passes(tx, &lexicon).map_err(|failed| failed.at(path))?;
        Ok((wording, lexicon))
    }

    /// Notes what became of a bundle.
    pub fn note_bundle(&self, note: &BundleNote, now: Timestamp) -> Result<(), StoreError> {
        self.state().write_alone(|tx| {
            let BundleNote { version, root, state, why, program } = note;
            let state = match state {
                BundleState::Applied => "applied",
                BundleState::Refused => "refused",
            };
            tx.execute(
                "INSERT INTO bundles (version, root, state, why, program, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![version.cast_signed(), root.0, state, why, program, moment(now)],
            )?;
            tx.execute("DELETE FROM bundles WHERE id <= (SELECT max(id) FROM bundles) - ?1", [KEPT_NOTES])?;
            Ok(())
        })
    }

    /// The bundles' history, the latest first.
    pub fn bundle_notes(&self) -> Result<Vec<BundleNote>, StoreError> {
        self.state().write_alone(|tx| {
            let mut select =
                tx.prepare("SELECT version, root, state, why, program FROM bundles ORDER BY id DESC")?;
            let notes = select.query_map([], |row| {
                let state: String = row.get(2)?;
                Ok(BundleNote {
                    version: row.get::<_, i64>(0)?.cast_unsigned(),
                    root: Digest(row.get(1)?),
                    state: if state == "applied" { BundleState::Applied } else { BundleState::Refused },
                    why: row.get(3)?,
                    program: row.get(4)?,
                })
            })?;
            notes.collect()
        })
    }

    /// Versions and roots of those that this program refused for good.
    pub fn refused_bundles(&self, program: &str) -> Result<BTreeSet<(u64, Digest)>, StoreError> {
        let refused = |note: &BundleNote| note.state == BundleState::Refused && note.program == program;
        Ok(self.bundle_notes()?.into_iter().filter(refused).map(|note| (note.version, note.root)).collect())
    }

    /// The bundle that was in use before the present one.
    pub fn previous_bundle(&self) -> Result<Option<BundleNote>, StoreError> {
        let version = self.bundle()?.map(|bundle| bundle.version);
        let before = |note: &BundleNote| note.state == BundleState::Applied && Some(note.version) != version;
        Ok(self.bundle_notes()?.into_iter().find(before))
    }
}

fn bundle(tx: &Transaction<'_>) -> rusqlite::Result<Option<Bundle>> {
    let of = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?.cast_unsigned(), Digest(row.get(1)?)));
    let Some((version, root)) =
        tx.query_row("SELECT version, root FROM bundle WHERE id = 1", [], of).optional()?
    else {
        return Ok(None);
    };
    let mut select = tx.prepare("SELECT name, sha256 FROM bundle_files")?;
    let files = select.query_map([], |row| Ok((row.get(0)?, Digest(row.get(1)?))))?;
    Ok(Some(Bundle { version, root, files: files.collect::<rusqlite::Result<_>>()? }))
}

fn put(tx: &Transaction<'_>, bundle: &NewBundle) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO bundle (id, version, root) VALUES (1, ?1, ?2)";
    tx.execute(sql, params![bundle.version.cast_signed(), bundle.root.0])?;
    let mut select = tx.prepare("SELECT name FROM bundle_files")?;
    let names: Vec<String> = select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for name in names.iter().filter(|name| !bundle.files.contains_key(*name)) {
        tx.execute("DELETE FROM bundle_files WHERE name = ?1", [name])?;
    }
    for (name, file) in &bundle.files {
        if let Some(file) = file {
            put_file(tx, name, file)?;
        }
    }
    Ok(())
}

fn put_file(tx: &Transaction<'_>, name: &str, file: &BundleFile) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO bundle_files (name, sha256, body) VALUES (?1, ?2, ?3)";
    tx.execute(sql, params![name, file.sha256.0, file.body]).map(drop)
}
