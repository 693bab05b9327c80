//! Who was erased.

use std::collections::BTreeMap;

use control_plane_ledger::Digest;
use platform_model::{HomeId, UserId};
use serde::{Deserialize, Serialize};

/// People of each home whose data was erased, and when that was put on record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Erasures {
    homes: BTreeMap<HomeId, BTreeMap<UserId, u64>>,
}

impl Erasures {
    pub fn is_empty(&self) -> bool {
        self.homes.is_empty()
    }

    /// How many of a home.
    pub fn count(&self, home: &HomeId) -> usize {
        self.homes.get(home).map_or(0, BTreeMap::len)
    }

    /// When it was put on record, in milliseconds since 1970.
    pub fn erased_ms(&self, home: &HomeId, user: UserId) -> Option<u64> {
        self.homes.get(home)?.get(&user).copied()
    }

    /// The people of a home, in order.
    pub fn of(&self, home: &HomeId) -> impl Iterator<Item = UserId> {
        self.homes
            .get(home)
            .into_iter()
            .flat_map(|users| users.keys().copied())
    }

    /// What stands for the whole list of a home: another one for every list.
    pub fn digest(&self, home: &HomeId) -> Digest {
        let bytes: Vec<u8> = self.of(home).flat_map(|user| *user.as_bytes()).collect();
        Digest::of("meridian erased people", &bytes)
    }

    /// Nothing is ever taken from it. Answers whether the person was not on it.
    pub(super) fn add(&mut self, home: &HomeId, user: UserId, time_ms: u64) -> bool {
        let users = self.homes.entry(home.clone()).or_default();
        let new = !users.contains_key(&user);
        users.entry(user).or_insert(time_ms);
        new
    }
}
