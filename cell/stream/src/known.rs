//! What the streams must know of the world. The node answers from its own copy of the routing table.

use platform_model::{NodeId, RegionId, ShardId};

/// Where a node is reached, and what its certificate must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `host:port`.
    pub address: String,
    pub region: RegionId,
}

/// Asked for every frame: must not wait.
pub trait Known: Send + Sync + 'static {
    /// Where the node is; none if the table does not name it.
    fn place(&self, node: &NodeId) -> Option<Place>;

    /// Whether the newest configuration of the shard that is known here names a copy on the node.
    fn holds(&self, node: &NodeId, shard: &ShardId) -> bool;
}
