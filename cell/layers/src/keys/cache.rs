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
    held: Mutex<Held>,
}

/// The state of a cache at a miss. What was opened on account of it is taken only if nothing was forgotten since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Miss(u64);

#[derive(Default)]
struct Held {
    opened: HashMap<UserId, Opened>,
    /// Raised whenever something is forgotten on purpose.
    generation: u64,
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
            held: Mutex::default(),
        }
    }

    /// An empty one with the same bounds.
    #[must_use]
    pub fn sibling(&self) -> Self {
        Self::new(self.clock.clone(), self.capacity, self.life)
    }

    /// The person's key.
    ///
    /// # Errors
    /// [`Miss`], to be shown to [`KeyCache::put`] by who then opens the key. Taken before the key shard is read.
    pub fn get(&self, user: UserId) -> Result<UserKey, Miss> {
        let now = self.clock.monotonic();
        let mut held = self.held.lock();
        let fresh = held
            .opened
            .get(&user)
            .filter(|one| now < one.at + self.life)
            .map(|one| one.key.clone());
        if let Some(key) = fresh {
            return Ok(key);
        }
        held.opened.remove(&user);
        Err(Miss(held.generation))
    }

    /// Keeps a key that was opened after `miss`. Not if anything was forgotten since: it may be this one, destroyed while
    /// it was on its way.
    pub fn put(&self, user: UserId, key: UserKey, miss: Miss) {
        let at = self.clock.monotonic();
        let mut held = self.held.lock();
        if held.generation != miss.0 {
            return;
        }
        if held.opened.len() >= self.capacity && !held.opened.contains_key(&user) {
            make_room(&mut held.opened, at, self.life);
        }
        held.opened.insert(user, Opened { key, at });
    }

    /// To be called when a key is destroyed, after its shard has said so.
    pub fn forget(&self, user: UserId) {
        let mut held = self.held.lock();
        held.generation += 1;
        held.opened.remove(&user);
    }

    /// To be called when a key shard leaves this node.
    pub fn clear(&self) {
        let mut held = self.held.lock();
        held.generation += 1;
        held.opened.clear();
    }

    /// Keys held now, expired ones included.
    pub fn len(&self) -> usize {
        self.held.lock().opened.len()
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

    fn add(cache: &KeyCache, n: u128) {
        if let Err(miss) = cache.get(user(n)) {
            cache.put(user(n), UserKey::generate(), miss);
        }
    }

    fn has(cache: &KeyCache, n: u128) -> bool {
        cache.get(user(n)).is_ok()
    }

    #[test]
    fn a_key_is_forgotten_after_its_time() {
        let (clock, hand) = Clock::manual(0);
        let cache = KeyCache::new(clock, 8, Duration::from_secs(60));
        add(&cache, 1);
        hand.advance(Duration::from_secs(59));
        assert!(has(&cache, 1));
        hand.advance(Duration::from_secs(1));
        assert!(!has(&cache, 1));
        assert!(cache.is_empty(), "an expired key stays in memory");
    }

    #[test]
    fn there_are_never_more_than_capacity() {
        let (clock, hand) = Clock::manual(0);
        let cache = KeyCache::new(clock, 3, Duration::from_secs(60));
        for n in 0..10 {
            add(&cache, n);
            hand.advance(Duration::from_millis(1));
            assert!(cache.len() <= 3);
        }
        assert!(has(&cache, 9) && !has(&cache, 6));
        cache.forget(user(9));
        assert!(!has(&cache, 9));
    }

    #[test]
    fn a_key_that_was_destroyed_while_it_was_opened_is_not_kept() {
        let (clock, _hand) = Clock::manual(0);
        let cache = KeyCache::new(clock, 8, Duration::from_secs(60));
        let miss = cache.get(user(1)).expect_err("not there");
        // Read from the key shard here; destroyed there; forgotten; and only then put.
        cache.forget(user(1));
        cache.put(user(1), UserKey::generate(), miss);
        assert!(!has(&cache, 1));
        let miss = cache.get(user(2)).expect_err("not there");
        cache.clear();
        cache.put(user(2), UserKey::generate(), miss);
        assert!(cache.is_empty(), "a key outlives its shard's leave");
        add(&cache, 2);
        assert!(has(&cache, 2));
    }
}
