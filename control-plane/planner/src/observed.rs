//! What the controllers see and keep no record of, as far as a plan needs it.

use std::collections::{BTreeMap, BTreeSet};

use platform_model::thresholds::ROOM_LEFT_MIB;
use platform_model::{NodeId, RegionId, ShardId};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Nodes that have not reported for so long that their copies are to be replaced. Who may still come back stands
    /// here or not as the caller decides.
    pub silent: BTreeSet<NodeId>,
    /// How large shards are, where somebody has said it.
    pub bytes: BTreeMap<ShardId, u64>,
    /// What the disks of nodes still take, where they have said it.
    pub free: BTreeMap<NodeId, u64>,
    /// Where the controllers with a vote stand; empty: it is not known.
    pub controllers: Vec<RegionId>,
}

impl Observed {
    /// Whether the disk of a node takes a copy of a shard and something more. What nobody has said keeps nothing back.
    pub(crate) fn has_room(&self, node: &NodeId, shard: &ShardId) -> bool {
        let bytes = self.bytes.get(shard).copied().unwrap_or(0);
        let needed = bytes.saturating_add(ROOM_LEFT_MIB << 20);
        self.free.get(node).is_none_or(|free| *free >= needed)
    }
}
