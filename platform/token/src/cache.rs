//! Tokens whose signature has been checked, so that the next request with the same one costs a hash and a look-up.
//!
//! Bounded: each shard has two generations of half its share; when the young one is full the old one is forgotten.
//! It decides nothing: whether an entry still counts is for [`crate::Verifier`].

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use platform_model::WorldId;

use crate::claims::Claims;

/// SHA-256 of a token.
pub(crate) type Digest = [u8; 32];

/// Parts with a lock each.
const SHARDS: usize = 16;

/// A token that was good under `public` in `world`.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) claims: Arc<Claims>,
    pub(crate) kid: Arc<str>,
    pub(crate) public: [u8; 32],
    pub(crate) world: WorldId,
}

pub(crate) struct Cache {
    shards: [Mutex<Generations>; SHARDS],
    /// Entries of one generation of one shard.
    generation_entries_max: usize,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Digest, Entry>,
    old: HashMap<Digest, Entry>,
}

impl Cache {
    /// Holds about `capacity` entries: never more, and at least 32.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            shards: Default::default(),
            generation_entries_max: (capacity / SHARDS / 2).max(1),
        }
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<Entry> {
        let mut shard = self.shard(digest).lock();
        if let Some(entry) = shard.young.get(digest) {
            return Some(entry.clone());
        }
        let entry = shard.old.remove(digest)?;
        shard.insert(*digest, entry.clone(), self.generation_entries_max);
        Some(entry)
    }

    pub(crate) fn insert(&self, digest: Digest, entry: Entry) {
        self.shard(&digest)
            .lock()
            .insert(digest, entry, self.generation_entries_max);
    }

    pub(crate) fn remove(&self, digest: &Digest) {
        let mut shard = self.shard(digest).lock();
        shard.young.remove(digest);
        shard.old.remove(digest);
    }

    pub(crate) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.lock())
            .map(|shard| shard.young.len() + shard.old.len())
            .sum()
    }

    fn shard(&self, digest: &Digest) -> &Mutex<Generations> {
        &self.shards[usize::from(digest[0]) % SHARDS]
    }
}

impl Generations {
    fn insert(&mut self, digest: Digest, entry: Entry, entries_max: usize) {
        if self.young.len() >= entries_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, entry);
    }
}
