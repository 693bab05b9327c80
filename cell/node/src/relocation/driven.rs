//! Who is driven at this moment, each by one task of this process; and who should be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::FutureExt as _;
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
    /// None: somebody drives him already, and looks once more before he rests.
    pub(super) fn take(&self, shard: &ShardId, user: UserId) -> Option<Reins<'_>> {
        let whose = (shard.clone(), user);
        let mut now = self.now.lock();
        if let Some(driven) = now.get(&whose) {
            driven.notify_one();
            return None;
        }
        let woken = Arc::new(Notify::new());
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

    /// False: he was woken since, and there may be more to do. Else whoever comes from now on drives him.
    pub(super) fn let_go(&self) -> bool {
        let mut now = self.all.now.lock();
        if self.woken.notified().now_or_never().is_some() {
            return false;
        }
        now.remove(&self.whose);
        true
    }
}

impl Drop for Reins<'_> {
    fn drop(&mut self) {
        let mut now = self.all.now.lock();
        // He may be driven by another since these were let go.
        let ours = now
            .get(&self.whose)
            .is_some_and(|woken| Arc::ptr_eq(woken, &self.woken));
        if ours {
            now.remove(&self.whose);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// What broke: whoever asked while the one before was about to rest was driven by nobody, for minutes.
    #[test]
    fn whoever_is_asked_for_while_he_is_driven_is_looked_at_once_more_before_that_ends() {
        let driven = Driven::default();
        let shard: ShardId = "eu/eu-west/000".parse().expect("a shard");
        let user = UserId::from_uuid(Uuid::from_u128(1));
        let reins = driven.take(&shard, user).expect("nobody drives him");
        assert!(driven.take(&shard, user).is_none());
        assert!(!reins.let_go(), "somebody asked for him");
        driven.wake(&shard, user);
        assert!(!reins.let_go(), "he stands elsewhere");
        assert!(reins.let_go());
        let next = driven.take(&shard, user).expect("nobody drives him any more");
        drop(reins);
        assert!(driven.take(&shard, user).is_none(), "the next one does still");
        drop(next);
        assert!(driven.take(&shard, user).is_some());
    }
}
