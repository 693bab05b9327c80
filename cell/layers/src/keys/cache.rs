//! Opened keys, for a bounded time and a bounded number of people.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use platform_model::UserId;
use platform_runtime::clock::Clock;

use crate::keys::UserKey;

/// Opened keys by person. A key is forgotten `life` after it was opened, used or not; when there are more than
/// `capacity`, the one opened first goes.
pub struct KeyCache {
    clock: Clock,
    capacity: usize,
    life: Duration,
    opened: Mutex<HashMap<UserId, Opened>>,
}

struct Opened {
    key: UserKey,
    /// Monotonic.
    at: Duration,
}

impl KeyCache {
    /// `capacity` keys (at least one), each for `life`.
    pub fn new(clock: Clock, capacity: usize, life: Duration) -> Self {
        Self {
            clock,
            capacity: capacity.max(1),
            life,
            opened: Mutex::new(HashMap::new()),
        }
    }

    pub fn get(&self, user: UserId) -> Option<UserKey> {
        let now = self.clock.monotonic();
        let mut opened = self.opened.lock();
        let fresh = opened
            .get(&user)
            .filter(|one| now < one.at + self.life)
            .map(|one| one.key.clone());
        if fresh.is_none() {
            opened.remove(&user);
        }
        fresh
    }

    pub fn put(&self, user: UserId, key: UserKey) {
        let at = self.clock.monotonic();
        let mut opened = self.opened.lock();
        if opened.len() >= self.capacity && !opened.contains_key(&user) {
            make_room(&mut opened, at, self.life);
        }
        opened.insert(user, Opened { key, at });
    }

    /// To be called when a key is destroyed or its shard leaves this node.
    pub fn forget(&self, user: UserId) {
        self.opened.lock().remove(&user);
    }

    pub fn clear(&self) {
        self.opened.lock().clear();
    }

    /// Keys held now, expired ones included.
    pub fn len(&self) -> usize {
        self.opened.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Drops what has expired; if nothing has, the oldest.
fn make_room(opened: &mut HashMap<UserId, Opened>, now: Duration, life: Duration) {
    let before = opened.len();
    opened.retain(|_, one| now < one.at + life);
    if opened.len() < before {
        return;
    }
    let oldest = opened.iter().min_by_key(|(_, one)| one.at).map(|(user, _)| *user);
    if let Some(oldest) = oldest {
        opened.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn user(n: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(n))
    }

    #[test]
    fn a_key_is_forgotten_after_its_time() {
        let (clock, hand) = Clock::manual(0);
        let cache = KeyCache::new(clock, 8, Duration::from_secs(60));
        cache.put(user(1), UserKey::generate());
        hand.advance(Duration::from_secs(59));
        assert!(cache.get(user(1)).is_some());
        hand.advance(Duration::from_secs(1));
        assert!(cache.get(user(1)).is_none());
        assert!(cache.is_empty(), "an expired key stays in memory");
    }

    #[test]
    fn there_are_never_more_than_capacity() {
        let (clock, hand) = Clock::manual(0);
        let cache = KeyCache::new(clock, 3, Duration::from_secs(60));
        for n in 0..10 {
            cache.put(user(n), UserKey::generate());
            hand.advance(Duration::from_millis(1));
            assert!(cache.len() <= 3);
        }
        assert!(cache.get(user(9)).is_some() && cache.get(user(6)).is_none());
        cache.forget(user(9));
        assert!(cache.get(user(9)).is_none());
    }
}
