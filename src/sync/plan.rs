//! The cheapest way from what a kiosk has to what a manifest names, counted in bytes that are
//! still to be fetched. Pure: what is staged is asked for, nothing is fetched.

use super::digest::Digest;
use super::pack::Limits;
use super::wire::catalog::{Chunk, FileName, Manifest, Parts};
use std::collections::{BTreeMap, BTreeSet};

/// Most deltas that are applied one after another.
pub const MAX_CHAIN: usize = 6;

/// What a kiosk has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Have {
    /// The bundle in use and its content; `None`: no catalog that came from head office.
    pub catalog: Option<(u64, Digest)>,
    /// Digests of the files that came with it.
    pub files: BTreeMap<FileName, Digest>,
}

/// How the catalog gets there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It is in use already.
    Nothing,
    /// The content is there, under an older version.
    Adopt,
    /// By these of the manifest's deltas, in this order.
    Deltas(Vec<usize>),
    Snapshot,
}

/// How a file gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileWay {
    /// By its change from the file that is here.
    Change,
    Whole,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub catalog: Way,
    /// Files that differ; the others stay.
    pub files: Vec<(FileName, FileWay)>,
    /// Chunks to fetch, each once.
    pub fetch: Vec<Chunk>,
    /// Their bytes.
    pub bytes: u64,
}

/// Why there is no way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bundle unpacks to {size} bytes and this kiosk takes {limit}: raise `max_bundle_mb`")]
pub struct TooLarge {
    pub size: u64,
    pub limit: u64,
}

/// What a way costs: bytes to fetch, then bytes to unpack, then steps.
type Cost = (u64, u64, usize);

/// Finds the cheapest way to `manifest`. `is_staged` tells whether a chunk is here already.
/// Of ways with as much to fetch, the one with less to unpack is taken.
///
/// # Errors
/// Every way is larger than `limits` allow.
pub fn plan(
    have: &Have,
    manifest: &Manifest,
    limits: Limits,
    is_staged: impl Fn(&Digest) -> bool,
) -> Result<Plan, TooLarge> {
    let missing = |parts: &[&Parts]| -> Vec<Chunk> {
        let mut seen = BTreeSet::new();
        let all = parts.iter().flat_map(|parts| &parts.chunks);
        all.filter(|chunk| seen.insert(chunk.sha256) && !is_staged(&chunk.sha256)).copied().collect()
    };
    let cost = |parts: &[&Parts]| -> Cost {
        let fetch = missing(parts).iter().map(|chunk| u64::from(chunk.size)).sum();
        (fetch, parts.iter().map(|parts| parts.size).sum(), parts.len())
    };

    let mut needed: Vec<&Parts> = Vec::new();
    let catalog = match have.catalog {
        Some((version, root)) if root == manifest.root => {
            if version == manifest.version {
                Way::Nothing
            } else {
                Way::Adopt
            }
        }
        _ => {
            let chain = have.catalog.and_then(|(_, root)| cheapest(root, manifest, limits, &cost));
            let snapshot = (manifest.snapshot.size <= limits.snapshot).then(|| cost(&[&manifest.snapshot]));
            match (chain, snapshot) {
                (Some((chain_cost, chain)), snapshot) if snapshot.is_none_or(|whole| chain_cost <= whole) => {
                    needed.extend(
                        chain.iter().filter_map(|at| manifest.deltas.get(*at)).map(|delta| &delta.parts),
                    );
                    Way::Deltas(chain)
                }
                (_, Some(_)) => {
                    needed.push(&manifest.snapshot);
                    Way::Snapshot
                }
                (_, None) => {
                    return Err(TooLarge { size: manifest.snapshot.size, limit: limits.snapshot });
                }
            }
        }
    };

    let mut files = Vec::new();
    for file in &manifest.files {
        let here = have.files.get(&file.name);
        if here == Some(&file.whole.sha256) {
            continue;
        }
        if file.whole.size > limits.file {
            return Err(TooLarge { size: file.whole.size, limit: limits.file });
        }
        let change = file.change.as_ref().filter(|change| here == Some(&change.from));
        let change = change.filter(|change| cost(&[&change.parts]) < cost(&[&file.whole]));
        needed.push(change.map_or(&file.whole, |change| &change.parts));
        files.push((file.name, if change.is_some() { FileWay::Change } else { FileWay::Whole }));
    }

    let fetch = missing(&needed);
    let bytes = fetch.iter().map(|chunk| u64::from(chunk.size)).sum();
    Ok(Plan { catalog, files, fetch, bytes })
}

/// The cheapest chain of deltas from `root`: paths of growing length, of each the cheapest to
/// every content that it reaches (Bellman and Ford, cut off at [`MAX_CHAIN`]).
fn cheapest(
    root: Digest,
    manifest: &Manifest,
    limits: Limits,
    cost: &impl Fn(&[&Parts]) -> Cost,
) -> Option<(Cost, Vec<usize>)> {
    let usable = |parts: &Parts| parts.size <= limits.delta;
    let add = |one: Cost, other: Cost| {
        (one.0.saturating_add(other.0), one.1.saturating_add(other.1), one.2.saturating_add(other.2))
    };
    let steps: Vec<(usize, Cost)> = manifest
        .deltas
        .iter()
        .enumerate()
        .filter(|(_, delta)| usable(&delta.parts))
        .map(|(at, delta)| (at, cost(&[&delta.parts])))
        .collect();
    let mut best: BTreeMap<Digest, (Cost, Vec<usize>)> = BTreeMap::from([(root, ((0, 0, 0), Vec::new()))]);
    for _ in 0..MAX_CHAIN {
        let mut next = best.clone();
        for (at, step) in &steps {
            let Some(delta) = manifest.deltas.get(*at) else { continue };
            let Some((before, path)) = best.get(&delta.from_root) else { continue };
            let total = add(*before, *step);
            if next.get(&delta.root).is_none_or(|(known, _)| total < *known) {
                next.insert(delta.root, (total, path.iter().chain([at]).copied().collect()));
            }
        }
        best = next;
    }
    best.remove(&manifest.root)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
