//! Who is driven at this moment, each by one task of this process; and who should be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use platform_model::{ShardId, UserId};
use tokio::sync::{Notify, Semaphore};

/// People who leave shards of one node at once; the others wait, and are served.
pub(super) const LEAVE_AT_ONCE: usize = 8;

type Whose = (ShardId, UserId);

/// People who are driven, each by one task of this process; and those whom somebody should drive.
pub struct Driven {
    now: Mutex<BTreeMap<Whose, Arc<Notify>>>,
    wanted: Mutex<BTreeSet<Whose>>,
    /// For those who are copied: each holds digests of all that he has in memory.
    pub(super) room: Semaphore,
}

impl Default for Driven {
    fn default() -> Self {
        Self {
            now: Mutex::default(),
            wanted: Mutex::default(),
            room: Semaphore::new(LEAVE_AT_ONCE),
        }
    }
}

/// He is driven by whoever holds it.
pub(super) struct Reins<'a> {
    all: &'a Driven,
    whose: Whose,
    woken: Arc<Notify>,
}

impl Driven {
    /// None: somebody drives him already.
    pub(super) fn take(&self, shard: &ShardId, user: UserId) -> Option<Reins<'_>> {
        let whose = (shard.clone(), user);
        let woken = Arc::new(Notify::new());
        let mut now = self.now.lock();
        if now.contains_key(&whose) {
            return None;
        }
        now.insert(whose.clone(), Arc::clone(&woken));
        drop(now);
        Some(Reins {
            all: self,
            whose,
            woken,
        })
    }

    /// Somebody is to be driven, by whoever looks next.
    pub(super) fn want(&self, shard: &ShardId, user: UserId) {
        self.wanted.lock().insert((shard.clone(), user));
    }

    /// He stands elsewhere than whoever drives him knows: it looks at once.
    pub(super) fn wake(&self, shard: &ShardId, user: UserId) {
        let driven = self.now.lock().get(&(shard.clone(), user)).cloned();
        match driven {
            Some(woken) => woken.notify_one(),
            None => self.want(shard, user),
        }
    }

    pub(super) fn take_wanted(&self) -> BTreeSet<Whose> {
        std::mem::take(&mut *self.wanted.lock())
    }
}

impl Reins<'_> {
    /// He was woken since this was asked last, or is now.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }
}

impl Drop for Reins<'_> {
    fn drop(&mut self) {
        self.all.now.lock().remove(&self.whose);
    }
}
