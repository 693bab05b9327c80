//! Restored copies that no configuration took - the command was broken off, the controllers refused it and nobody could take
//! it back - are removed after a while: nobody serves them, nobody erases them, and who is erased later lies in them. So is what a
//! restore left that broke off half way. The controllers take no copy that is half that old.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cell_shard::{Restore, Unclaimed, copies, unclaimed};
use platform_model::{NodeId, RoutingTable, ShardId};

use super::Custody;

/// How often it is looked for them.
const EVERY: Duration = Duration::from_secs(300);
/// So long one may lie there before it is removed: far longer than the controllers take to decide.
const LEFT_FOR: Duration = Duration::from_secs(3_600);

/// A table that is older says nothing of what is not in it.
const TABLE_AGE_MS_MAX: u64 = 60_000;

/// Copies that were seen before, and since when.
pub(super) type Seen = BTreeMap<ShardId, (Unclaimed, Duration)>;

impl Custody {
    pub(super) async fn sweep_on(&self) {
        let mut seen = Seen::new();
        loop {
            self.shared.clock.sleep(EVERY).await;
            // By an old table a copy that has been taken up may look as if nobody had.
            if self.shared.followed.age_ms() <= TABLE_AGE_MS_MAX {
                self.sweep(&mut seen).await;
            } else {
                seen.clear();
            }
        }
    }

    /// Looks at every copy on the disk once.
    pub(super) async fn sweep(&self, seen: &mut Seen) {
        let Ok(lying) = copies(&*self.shared.disk).await else {
            return;
        };
        let now = self.shared.clock.monotonic();
        let mut left = Seen::new();
        for (shard, _) in lying {
            let Some(left_here) = self.left_here(&shard).await else {
                continue;
            };
            let before = seen.get(&shard).filter(|(known, _)| *known == left_here);
            let since = before.map_or(now, |(_, since)| *since);
            if now.saturating_sub(since) < LEFT_FOR || !self.remove_left(&shard, left_here).await {
                left.insert(shard, (left_here, since));
            }
        }
        let count = u32::try_from(left.len()).unwrap_or(u32::MAX);
        metrics::gauge!("celld_unclaimed_copies").set(f64::from(count));
        *seen = left;
    }

    /// A copy on the disk that nobody took up, of a shard that this cell has no part in.
    async fn left_here(&self, shard: &ShardId) -> Option<Unclaimed> {
        let table = self.shared.followed.current();
        let is_open = self.shared.hosted.copy(shard).is_some();
        if is_open || has_part(&table, &self.shared.node, shard) || self.jobs.is_busy(shard) {
            return None;
        }
        unclaimed(&*self.shared.disk, shard).await.ok().flatten()
    }

    /// False: it is looked at again.
    async fn remove_left(&self, shard: &ShardId, left: Unclaimed) -> bool {
        let disk = Arc::clone(&self.shared.disk);
        let removed = match left {
            Unclaimed::Whole(replica) => {
                self.jobs.discarded(replica);
                Restore::discard(disk, shard.clone(), replica).await
            }
            Unclaimed::Half => {
                let node = self.shared.node.clone();
                Restore::clear_half(disk, shard.clone(), node).await
            }
        };
        match removed {
            Ok(removed) => {
                tracing::warn!(target: "audit", %shard, ?left, removed, "a restored copy that nobody took up is removed");
                true
            }
            Err(error) => {
                tracing::warn!(%shard, ?left, %error, "a restored copy that nobody took up could not be removed");
                false
            }
        }
    }
}

/// Whether a node of this cell is to hold a copy: where nodes share a store, it is the cell's.
fn has_part(table: &RoutingTable, node: &NodeId, shard: &ShardId) -> bool {
    let Some(route) = table.shards.get(shard) else {
        return false;
    };
    let standbys = route.set.standbys.iter().map(|copy| &copy.node);
    let mut copies = standbys.chain([&route.node]);
    copies.any(|copy| copy.cell == node.cell)
}
