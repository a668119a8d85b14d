//! Owns how a content becomes a bundle: its packed snapshot, deltas from the contents before it,
//! the files that come with it, and the manifest that names them all. What did not change since
//! the last manifest is not packed again. Chunks go into a folder; nothing is sent from here.

use super::content::{Content, ContentError};
use super::keyring::{later, whole};
use super::shelf::{BASES, Publication, Shelf};
use crate::domain::Sku;
use crate::sync::delta::{Change, pack_delta};
use crate::sync::digest::Digest;
use crate::sync::enclosed::Bodies;
use crate::sync::pack::{
    Chunks, LEVEL, Limits, PackError, Snapshot, Unpacked, pack_file, pack_snapshot, read_snapshot,
    unpack_file,
};
use crate::sync::root::{Line, Row};
use crate::sync::sign::{KeyId, SecretKey, SignError, seal};
use crate::sync::topics::{MAX_SHARDS, Name, Topic};
use crate::sync::wire::WireError;
use crate::sync::wire::catalog::{Delta, FORMAT, File, FileChange, FileName, Manifest, Parts};
use jiff::Timestamp;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

/// About how many prices or counts of products one message holds.
const ROWS_PER_SHARD: u64 = 1_000;

/// How many products differ from the content before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Differing {
    pub changed: u64,
    pub added: u64,
    pub removed: u64,
}

/// A bundle without a version.
#[derive(Debug, Clone)]
pub struct Draft {
    root: Digest,
    products: u64,
    snapshot: Parts,
    /// Those without a version lead to this one.
    deltas: Vec<(Option<u64>, Delta)>,
    files: Vec<File>,
    shards: u8,
    staged: bool,
    pub differing: Differing,
}

/// What comes with a catalog.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extras<'a> {
    /// Those that are not given are as last time; an empty one is taken away.
    pub files: Option<&'a Bodies>,
    pub staged: bool,
}

impl Draft {
    /// Packs a content. `room` takes the chunks that the shelf does not have yet.
    ///
    /// # Errors
    /// It cannot be read or packed, or is larger than a bundle may be.
    pub fn pack(
        content: &Content<'_>,
        shelf: &Shelf,
        extras: Extras<'_>,
        room: &Path,
    ) -> Result<Self, ContentError> {
        let before = shelf.newest().map(|newest| &newest.manifest);
        let none = Bodies::new();
        let files = files(before, shelf, extras.files.unwrap_or(&none), room)?;
        let same = before.filter(|before| before.root == content.root);
        let mut draft = match same {
            Some(before) => Self { files, ..Self::of(before) },
            None => whole_and_deltas(content, shelf, files, room)?,
        };
        draft.staged = extras.staged;
        // What prices are split into stays as it is while they fit.
        let needed = (draft.products / ROWS_PER_SHARD).next_power_of_two().min(MAX_SHARDS.into());
        draft.shards = u8::try_from(needed).unwrap_or(MAX_SHARDS).max(before.map_or(1, |old| old.shards));
        Ok(draft)
    }

    /// The same bundle, to be published as another version.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        Self {
            root: manifest.root,
            products: manifest.products,
            snapshot: manifest.snapshot.clone(),
            deltas: manifest.deltas.iter().map(|delta| (Some(delta.version), delta.clone())).collect(),
            files: manifest.files.clone(),
            shards: manifest.shards,
            staged: manifest.staged,
            differing: Differing::default(),
        }
    }

    /// The same content for all kiosks, as far as the shelf still has it: what leads to it from
    /// older contents is left out where it is not whole. `None`: some of the content is gone.
    #[must_use]
    pub fn anew(manifest: &Manifest, shelf: &Shelf) -> Option<Self> {
        let is_there = |parts: &Parts| parts.chunks.iter().all(|chunk| shelf.chunk(&chunk.sha256).is_ok());
        let mut draft = Self { staged: false, ..Self::of(manifest) };
        draft.deltas.retain(|(_, delta)| is_there(&delta.parts));
        for file in &mut draft.files {
            file.change.take_if(|change| !is_there(&change.parts));
        }
        let whole = draft.files.iter().map(|file| &file.whole).chain([&draft.snapshot]).all(is_there);
        whole.then_some(draft)
    }

    /// Whether it says nothing else than what was published, which has half its time before it
    /// and is signed by the keys that sign now.
    #[must_use]
    pub fn is(&self, published: &Publication, signers: &[KeyId], now: Timestamp) -> bool {
        let Publication { manifest, signers: signed, .. } = published;
        let file = |file: &File| (file.name, file.whole.sha256);
        let half = manifest.issued + manifest.expires.duration_since(manifest.issued) / 2;
        (self.root, self.staged) == (manifest.root, manifest.staged)
            && self.files.iter().map(file).eq(manifest.files.iter().map(file))
            && signed == signers
            && now < half
    }

    #[must_use]
    pub fn products(&self) -> u64 {
        self.products
    }

    /// What comes with it, unpacked: from `room`, where it was packed to, or the shelf.
    ///
    /// # Errors
    /// A chunk is gone or damaged.
    pub fn enclosed(&self, shelf: &Shelf, room: &Path) -> Result<Bodies, ContentError> {
        let chunk =
            |digest: &Digest| fs::read(room.join(digest.to_string())).or_else(|_| shelf.chunk(digest));
        let unpacked = |File { name, whole, .. }: &File| {
            let body = unpack_file(Chunks::new(whole, chunk), whole, &[], Limits::default().file)?;
            Ok((*name, body))
        };
        self.files.iter().map(unpacked).collect()
    }

    /// Bytes of the packed catalog.
    #[must_use]
    pub fn snapshot_bytes(&self) -> u64 {
        self.snapshot.packed
    }

    /// Bytes from the newest content that a delta leads from; `None`: there is none.
    #[must_use]
    pub fn delta_bytes(&self) -> Option<u64> {
        self.deltas.first().map(|(_, delta)| delta.parts.packed)
    }

    /// Signs it as `version`, good for `days`. Where the manifest has no room for all deltas, the
    /// oldest are left out.
    ///
    /// # Errors
    /// It is larger than a manifest may be.
    pub fn seal(
        &self,
        version: u64,
        days: u32,
        now: Timestamp,
        topic: &Topic,
        tenant: &Name,
        keys: &[SecretKey],
    ) -> Result<Vec<u8>, SignError> {
        let issued = whole(now);
        let mut manifest = Manifest {
            version,
            issued,
            expires: later(issued, days),
            staged: self.staged,
            format: FORMAT,
            min_program: None,
            root: self.root,
            products: self.products,
            snapshot: self.snapshot.clone(),
            deltas: self
                .deltas
                .iter()
                .map(|(own, delta)| with_version(delta, own.unwrap_or(version)))
                .collect(),
            files: self.files.clone(),
            shards: self.shards,
        };
        let keys: Vec<&SecretKey> = keys.iter().collect();
        loop {
            match seal(&manifest, topic, tenant, &keys) {
                Err(SignError::TooLarge { .. } | SignError::Body(WireError::TooLarge { .. }))
                    if !manifest.deltas.is_empty() =>
                {
                    manifest.deltas.pop();
                }
                sealed => return sealed,
            }
        }
    }
}

fn with_version(delta: &Delta, version: u64) -> Delta {
    Delta { version, ..delta.clone() }
}

/// Puts chunks into `room`, unless the shelf has them.
fn put<'a>(shelf: &'a Shelf, room: &'a Path) -> impl FnMut(&Digest, &[u8]) -> io::Result<()> + 'a {
    move |digest, bytes| {
        if shelf.chunk(digest).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        fs::write(room.join(digest.to_string()), bytes)
    }
}

fn whole_and_deltas(
    content: &Content<'_>,
    shelf: &Shelf,
    files: Vec<File>,
    room: &Path,
) -> Result<Draft, ContentError> {
    let rows = content.rows.iter().map(|(sku, _)| content.row(sku));
    let Snapshot { parts: snapshot, root, products } =
        pack_snapshot(&content.headers, rows, LEVEL, put(shelf, room))?;
    let mut seen = BTreeSet::from([root]);
    let bases = shelf.publications().iter().map(|own| &own.manifest).filter(|base| seen.insert(base.root));
    let mut draft = Draft {
        root,
        products,
        snapshot,
        deltas: Vec::new(),
        files,
        shards: 1,
        staged: false,
        differing: Differing { added: products, ..Differing::default() },
    };
    for (at, base) in bases.take(BASES).enumerate() {
        match delta(content, shelf, base, room) {
            Ok((differing, parts)) => {
                if at == 0 {
                    draft.differing = differing;
                }
                // One that is no shorter than all of it serves nobody.
                if let Some(parts) = parts.filter(|parts| parts.packed < draft.snapshot.packed) {
                    let (from_version, from_root) = (base.version, base.root);
                    draft.deltas.push((None, Delta { from_version, from_root, version: 0, root, parts }));
                }
            }
            // Kiosks that have it fetch the snapshot.
            Err(error) => tracing::warn!(version = base.version, "no delta leads from there: {error}"),
        }
    }
    Ok(draft)
}

/// Reads a content that was published before.
pub(super) fn read(
    shelf: &Shelf,
    base: &Manifest,
    take: impl FnMut(Line) -> Result<(), PackError>,
) -> Result<(), PackError> {
    let parts = &base.snapshot;
    let chunks = Chunks::new(parts, |digest: &Digest| shelf.chunk(digest));
    read_snapshot(Unpacked::new(chunks, parts, u64::MAX)?, base.root, take).map(drop)
}

/// What leads from an older content to this one; no parts where it would be too large.
fn delta(
    content: &Content<'_>,
    shelf: &Shelf,
    base: &Manifest,
    room: &Path,
) -> Result<(Differing, Option<Parts>), PackError> {
    let (mut headers, mut old) = (Vec::new(), Vec::new());
    read(shelf, base, |line| {
        match line {
            Line::Header(line) => headers.push(line),
            Line::Product(row) => old.push((row.sku().clone(), row.digest())),
        }
        Ok(())
    })?;
    let Merged { changed, added, removed } = merge(&old, &content.rows);
    let differing =
        Differing { changed: changed.len() as u64, added: added.len() as u64, removed: removed.len() as u64 };
    drop(old);
    let limit = Limits::default().delta;
    let mut bytes = 0;
    let mut rows = |skus: &[Sku]| -> Result<Option<Vec<Row>>, PackError> {
        let mut rows = Vec::with_capacity(skus.len());
        for sku in skus {
            let row = content.row(sku)?;
            bytes += row.line().len() as u64;
            if bytes > limit {
                return Ok(None);
            }
            rows.push(row);
        }
        Ok(Some(rows))
    };
    let (Some(new), Some(added)) = (rows(&changed)?, rows(&added)?) else { return Ok((differing, None)) };
    let wanted: BTreeSet<&Sku> = changed.iter().collect();
    let mut lines: BTreeMap<Sku, Vec<u8>> = BTreeMap::new();
    read(shelf, base, |line| {
        if let Line::Product(row) = line
            && wanted.contains(row.sku())
        {
            lines.insert(row.sku().clone(), row.line().to_vec());
        }
        Ok(())
    })?;
    let headers = (headers != content.headers).then(|| content.headers.clone());
    let change = Change { from_root: base.root, root: content.root, headers, removed, changed: new, added };
    match pack_delta(&change, &mut lines, LEVEL, limit, put(shelf, room)) {
        Ok(parts) => Ok((differing, Some(parts))),
        Err(PackError::TooLarge { .. }) => Ok((differing, None)),
        Err(error) => Err(error),
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Merged {
    changed: Vec<Sku>,
    added: Vec<Sku>,
    removed: Vec<Sku>,
}

/// What differs, of two lists in the order of their numbers.
fn merge(old: &[(Sku, Digest)], new: &[(Sku, Digest)]) -> Merged {
    let mut merged = Merged::default();
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return merged,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((one, _)), Some((other, _))) => one.cmp(other),
        };
        let gone = old.next_if(|_| order.is_le());
        let come = new.next_if(|_| order.is_ge());
        match (gone, come) {
            (Some((_, was)), Some((sku, is))) if was != is => merged.changed.push(sku.clone()),
            (Some((sku, _)), None) => merged.removed.push(sku.clone()),
            (None, Some((sku, _))) => merged.added.push(sku.clone()),
            _ => {}
        }
    }
}

/// The bundle's files as they are now, in the order of their names.
fn files(
    before: Option<&Manifest>,
    shelf: &Shelf,
    given: &Bodies,
    room: &Path,
) -> Result<Vec<File>, ContentError> {
    let mut files = Vec::new();
    for name in FileName::ALL {
        let there = before.and_then(|before| before.files.iter().find(|file| file.name == name));
        match given.get(&name) {
            None => files.extend(there.cloned()),
            Some(body) if body.is_empty() => {}
            Some(body) => files.push(file(name, body, there, shelf, room)?),
        }
    }
    Ok(files)
}

/// One file, with the way from the one before.
fn file(
    name: FileName,
    body: &[u8],
    there: Option<&File>,
    shelf: &Shelf,
    room: &Path,
) -> Result<File, ContentError> {
    if let Some(there) = there.filter(|there| there.whole.sha256 == Digest::of(body)) {
        return Ok(there.clone());
    }
    let whole = pack_file(body, &[], LEVEL, put(shelf, room))?;
    let old = there.and_then(|there| {
        let chunks = Chunks::new(&there.whole, |digest: &Digest| shelf.chunk(digest));
        unpack_file(chunks, &there.whole, &[], Limits::default().file).ok()
    });
    let change = match old {
        Some(old) => {
            let parts = pack_file(body, &old, LEVEL, put(shelf, room))?;
            (parts.packed < whole.packed).then(|| FileChange { from: Digest::of(&old), parts })
        }
        None => None,
    };
    Ok(File { name, whole, change })
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;
