//! Who has moved to another home, as nodes said: bounded, expiring. His token names the home before until he gets another.
//!
//! Of two answers the later user epoch counts. A wrong entry costs one more `home-moved`, never a wrong answer: truth stays at
//! the nodes.

use std::collections::{HashMap, VecDeque};

use platform_model::{HomeId, UserId};

#[derive(Debug, Clone)]
struct Entry {
    home: HomeId,
    user_epoch: u64,
    expires_ms: u64,
}

/// Learned homes.
#[derive(Debug)]
pub struct Homes {
    capacity: usize,
    life_ms: u64,
    entries: HashMap<UserId, Entry>,
    /// Oldest first; each person once.
    order: VecDeque<UserId>,
}

impl Homes {
    /// Room for `capacity` people, each for `life_ms` milliseconds.
    pub fn new(capacity: usize, life_ms: u64) -> Self {
        Self {
            capacity: capacity.max(1),
            life_ms,
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where a person lives by now whose token is of `home`; none: there, as far as anybody said.
    pub fn find(&self, user: UserId, home: &HomeId, now_ms: u64) -> Option<&HomeId> {
        let entry = self.entries.get(&user)?;
        (entry.expires_ms > now_ms && entry.home != *home).then_some(&entry.home)
    }

    /// Takes a node's word. False: what is known is later.
    pub fn learn(&mut self, user: UserId, home: HomeId, user_epoch: u64, now_ms: u64) -> bool {
        let known = self.entries.get(&user);
        if known.is_some_and(|known| known.expires_ms > now_ms && known.user_epoch > user_epoch) {
            return false;
        }
        if known.is_none() {
            while self.entries.len() >= self.capacity
                && let Some(oldest) = self.order.pop_front()
            {
                self.entries.remove(&oldest);
            }
            self.order.push_back(user);
        }
        let entry = Entry {
            home,
            user_epoch,
            expires_ms: now_ms.saturating_add(self.life_ms),
        };
        self.entries.insert(user, entry);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn user(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    fn home(text: &str) -> HomeId {
        text.parse().expect("a home")
    }

    #[test]
    fn the_later_user_epoch_counts_until_it_expires() {
        let mut homes = Homes::new(8, 100);
        let (old, new, newest) = (home("eu/eu-central"), home("eu/eu-west"), home("us/us-east"));
        assert_eq!(homes.find(user(1), &old, 0), None);
        assert!(homes.learn(user(1), new.clone(), 2, 0));
        assert_eq!(homes.find(user(1), &old, 1), Some(&new));
        assert_eq!(homes.find(user(1), &new, 1), None, "his token is of there");
        assert!(homes.learn(user(1), newest.clone(), 3, 1));
        assert!(!homes.learn(user(1), new, 2, 2), "a late answer");
        assert_eq!(homes.find(user(1), &old, 2), Some(&newest));
        assert_eq!(homes.find(user(1), &old, 101), None, "it has expired");
    }

    #[test]
    fn the_oldest_go_when_there_are_more_than_may_be() {
        let mut homes = Homes::new(3, 100);
        for number in 1..=5 {
            homes.learn(user(number), home("eu/eu-west"), 2, 0);
            // Once more: it takes no more room.
            homes.learn(user(number), home("eu/eu-west"), 3, 0);
        }
        assert_eq!(homes.len(), 3);
        let old = home("eu/eu-central");
        let known = |number| homes.find(user(number), &old, 1).is_some();
        assert_eq!([1, 2, 3, 4, 5].map(known), [false, false, true, true, true]);
    }
}
