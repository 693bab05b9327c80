//! Who was erased, and whose erasure has not come to its end.

use std::collections::{BTreeMap, BTreeSet};

use control_plane_ledger::Digest;
use platform_model::{HomeId, Jurisdiction, ShardId, UserId};
use serde::{Deserialize, Serialize};

use crate::limits::{ERASED_PER_HOME_MAX, OWN_ERASURES_PER_DAY_MAX};
use crate::state::State;

const DAY_MS: u64 = 86_400_000;

impl State {
    /// How full the fullest list of a home is, of those who were erased, of those who have left, and of those who asked for
    /// their erasure themselves on the day before the last decision: 0 to 1.
    pub fn erased_list_filled(&self) -> f64 {
        let share = |count: usize, max: usize| {
            let wide = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
            wide(count) / wide(max)
        };
        let count = self.erasures.count_max().max(self.departures.count_max());
        let today = self.erasures.own_max(self.time_ms);
        share(count, ERASED_PER_HOME_MAX).max(share(today, OWN_ERASURES_PER_DAY_MAX))
    }

    /// Whom a restore of a shard leaves out: who was erased, and who has moved away. Claims of those who moved are theirs
    /// still, wherever they live.
    pub fn left_out(&self, shard: &ShardId) -> impl Iterator<Item = UserId> {
        let departed = self.departures_of(shard).into_iter();
        self.erasures
            .of(shard)
            .chain(departed.flat_map(|departed| departed.of(shard)))
    }

    /// What stands for that whole list: another one for every list.
    pub fn left_out_digest(&self, shard: &ShardId) -> Digest {
        let erased = self.erasures.digest(shard);
        match self.departures_of(shard) {
            None => erased,
            Some(departed) => {
                let both = [*erased.as_bytes(), *departed.digest(shard).as_bytes()].concat();
                Digest::of("meridian erased and departed people", &both)
            }
        }
    }

    fn departures_of(&self, shard: &ShardId) -> Option<&Erasures> {
        let holds_roots = shard.home().is_some();
        Some(&self.departures).filter(|departed| holds_roots && departed.concerns(shard))
    }
}

/// People of each home whose erasure was begun, and when that was put on record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasures {
    homes: BTreeMap<HomeId, BTreeMap<UserId, u64>>,
    /// Those of them that have no certificate yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    open: BTreeMap<HomeId, BTreeSet<UserId>>,
    /// When people asked for it themselves, as long as that is within a day: of each home, no more than it takes in a day.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    own: BTreeMap<HomeId, Vec<u64>>,
}

impl Erasures {
    pub fn is_empty(&self) -> bool {
        self.homes.is_empty()
    }

    /// How many of a home.
    pub fn count(&self, home: &HomeId) -> usize {
        self.homes.get(home).map_or(0, BTreeMap::len)
    }

    /// How many people of the home where most did asked for it themselves within the day before `now_ms`.
    pub fn own_max(&self, now_ms: u64) -> usize {
        let asked = self.own.values().map(|asked| within_a_day(asked, now_ms).count());
        asked.max().unwrap_or(0)
    }

    /// How many of the home that has most.
    pub fn count_max(&self) -> usize {
        self.homes.values().map(BTreeMap::len).max().unwrap_or(0)
    }

    /// How many of all homes of a jurisdiction.
    pub fn count_in(&self, jurisdiction: &Jurisdiction) -> usize {
        let homes = self.homes.iter();
        let within = homes.filter(|(home, _)| home.jurisdiction == *jurisdiction);
        within.map(|(_, users)| users.len()).sum()
    }

    /// People of a home whose erasure was begun and has not come to its end.
    pub fn open(&self, home: &HomeId) -> impl Iterator<Item = UserId> {
        self.open.get(home).into_iter().flatten().copied()
    }

    pub fn is_open(&self, home: &HomeId, user: UserId) -> bool {
        self.open.get(home).is_some_and(|users| users.contains(&user))
    }

    /// When it was put on record, in milliseconds since 1970.
    pub fn erased_ms(&self, home: &HomeId, user: UserId) -> Option<u64> {
        self.homes.get(home)?.get(&user).copied()
    }

    /// The people who had data in a shard, or claims, by home and in order.
    pub fn of(&self, shard: &ShardId) -> impl Iterator<Item = UserId> {
        self.homes_of(shard).flat_map(|(_, users)| users.keys().copied())
    }

    /// What stands for that whole list: another one for every list.
    pub fn digest(&self, shard: &ShardId) -> Digest {
        let mut bytes = Vec::new();
        for (home, users) in self.homes_of(shard) {
            bytes.extend(home.to_string().as_bytes());
            bytes.push(0);
            bytes.extend((users.len() as u64).to_be_bytes());
            bytes.extend(users.keys().flat_map(|user| *user.as_bytes()));
        }
        Digest::of("meridian erased people", &bytes)
    }

    fn concerns(&self, shard: &ShardId) -> bool {
        self.homes_of(shard).any(|(_, users)| !users.is_empty())
    }

    /// Of a directory shard, every home whose people's claims it holds.
    fn homes_of(&self, shard: &ShardId) -> impl Iterator<Item = (&HomeId, &BTreeMap<UserId, u64>)> {
        self.homes.iter().filter(move |(home, _)| match shard.home() {
            Some(own) => own == *home,
            None => home.jurisdiction == *shard.jurisdiction(),
        })
    }

    /// Nothing is ever taken from it. Answers whether the person was not on it.
    pub(super) fn begin(&mut self, home: &HomeId, user: UserId, time_ms: u64) -> bool {
        let users = self.homes.entry(home.clone()).or_default();
        let new = !users.contains_key(&user);
        if new {
            users.insert(user, time_ms);
            self.open.entry(home.clone()).or_default().insert(user);
        }
        new
    }

    /// Takes one of the places that a home has in a day for people who ask for it themselves. False: there is none, and
    /// nothing is taken.
    pub(super) fn take_own(&mut self, home: &HomeId, now_ms: u64) -> bool {
        let asked = self.own.get(home).map(Vec::as_slice).unwrap_or_default();
        let mut asked: Vec<u64> = within_a_day(asked, now_ms).collect();
        let has_room = asked.len() < OWN_ERASURES_PER_DAY_MAX;
        if has_room {
            asked.push(now_ms);
            self.own.insert(home.clone(), asked);
        }
        has_room
    }

    /// So many people of a home, by number.
    #[cfg(test)]
    pub(super) fn fill(&mut self, home: HomeId, users: impl Iterator<Item = UserId>) {
        self.homes.insert(home, users.map(|user| (user, 1)).collect());
    }

    /// It has come to its end. Answers whether that was not on record.
    pub(super) fn end(&mut self, home: &HomeId, user: UserId) -> bool {
        let Some(users) = self.open.get_mut(home) else {
            return false;
        };
        let new = users.remove(&user);
        if users.is_empty() {
            self.open.remove(home);
        }
        new
    }
}

/// Those of the times that are less than a day before `now_ms`.
fn within_a_day(asked: &[u64], now_ms: u64) -> impl Iterator<Item = u64> {
    let asked = asked.iter().copied();
    asked.filter(move |asked_ms| now_ms.saturating_sub(*asked_ms) < DAY_MS)
}
