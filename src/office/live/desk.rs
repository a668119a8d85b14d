//! Owns the way of live messages to the broker: what it keeps is heard, the next messages are
//! planned and signed, written down, and sent; the record says so once the broker has them. Cut
//! off at any point, the next command goes on from there. Never decides what is said.

use super::record::Record;
use super::retained::{Base, Judge};
use super::{Live, LiveError, Plan};
use crate::office::keyring::{Keyring, whole};
use crate::office::line::{Line, keys, retained};
use crate::office::shelf;
use crate::sync::mqtt::{Message, Options};
use crate::sync::sign::{self, SecretKey};
use crate::sync::topics::{Name, Role, Topic, standing_filter};
use jiff::Timestamp;
use std::fs::File;
use std::path::Path;

/// What is to be said to a store.
pub struct Next<M> {
    pub plan: Plan<M>,
    /// The group to be remembered for it.
    pub group: Option<Name>,
}

/// Head office at the broker, alone.
pub struct Desk<'a> {
    office: &'a Path,
    ring: &'a Keyring,
    signers: Vec<SecretKey>,
    line: Line,
    _alone: File,
}

impl<'a> Desk<'a> {
    /// Connects.
    ///
    /// # Errors
    /// No key signs, another command is at work, or the broker cannot be reached.
    pub async fn open(office: &'a Path, ring: &'a Keyring, options: Options) -> Result<Self, LiveError> {
        let signers = ring.signers(Role::Live, Timestamp::now())?;
        let alone = shelf::hold(office)?;
        let line = Line::open(options).await?;
        Ok(Self { office, ring, signers, line, _alone: alone })
    }

    /// Says to each of `stores` what `plan` makes of what was said before. Where it fails, stores
    /// may have been served already; those that were not are the same as before, or are finished
    /// by the next command.
    ///
    /// # Errors
    /// The first error of `plan`; the broker or a file cannot be used.
    pub async fn say<M: Live>(
        &mut self,
        stores: &[Name],
        mut plan: impl FnMut(&Name, &Record<M>, &[Base<M>], Timestamp) -> Result<Next<M>, LiveError>,
    ) -> Result<(), LiveError> {
        for stores in stores.chunks(M::TOGETHER) {
            self.say_to(stores, &mut plan).await?;
        }
        Ok(())
    }

    async fn say_to<M: Live>(
        &mut self,
        stores: &[Name],
        plan: &mut impl FnMut(&Name, &Record<M>, &[Base<M>], Timestamp) -> Result<Next<M>, LiveError>,
    ) -> Result<(), LiveError> {
        let tenant = self.ring.tenant();
        let key_list = Topic::Keys.text(tenant);
        let standing = stores.iter().filter_map(|store| standing_filter(tenant, store, M::KIND));
        let filters: Vec<String> = standing.chain([key_list.clone()]).collect();
        let heard = self.line.hear(tenant, &filters).await?;
        let chain = self.ring.chain();
        // Without the list nobody would believe what follows. A longer one is another folder's.
        if !heard.get(&key_list).is_some_and(|there| there.starts_with(&chain)) {
            self.line.put(keys(tenant, &chain)).await?;
        }
        let now = whole(Timestamp::now());
        let judge = Judge::new(self.ring, self.signers.iter().map(|key| key.public().id()).collect(), now)?;
        let mut planned = Vec::new();
        for store in stores {
            let before = Record::<M>::load(self.office, store)?;
            let bases = judge.bases(&before, &heard, store)?;
            let Next { plan, group } = plan(store, &before, &bases, now)?;
            let messages = self.seal(store, &plan)?;
            let after = Record { group, sent: messages.is_empty(), shards: plan.shards };
            planned.push((store, before, after, messages));
        }
        drop(heard);
        for (store, before, after, _) in &planned {
            if before != after {
                after.save(self.office, store)?;
            }
        }
        for (store, _, after, messages) in &mut planned {
            self.line.send::<_, LiveError>(messages, |message| Ok(message.clone()), |_| Ok(())).await?;
            if !after.sent {
                after.sent = true;
                after.save(self.office, store)?;
            }
        }
        Ok(())
    }

    /// The messages of a plan, signed: what is too large is told before anything is written down.
    fn seal<M: Live>(&self, store: &Name, plan: &Plan<M>) -> Result<Vec<Message>, LiveError> {
        let tenant = self.ring.tenant();
        let keys: Vec<&SecretKey> = self.signers.iter().collect();
        let mut messages = Vec::new();
        for shard in &plan.send {
            let Some(message) = plan.shards.get(usize::from(*shard)).and_then(Option::as_ref) else {
                continue;
            };
            let topic = M::topic(store, *shard);
            let sealed = sign::seal(message, &topic, tenant, &keys);
            let sealed = sealed.map_err(|source| LiveError::Unfit { store: store.clone(), source })?;
            messages.push(retained(topic.text(tenant), sealed.into()));
        }
        Ok(messages)
    }

    /// Ends the connection.
    pub async fn close(self) {
        self.line.close().await;
    }
}
