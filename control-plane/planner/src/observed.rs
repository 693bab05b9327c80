//! What the controllers see and keep no record of, as far as a plan needs it.

use std::collections::{BTreeMap, BTreeSet};

use platform_model::{NodeId, RegionId, ShardId};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Nodes that have not reported for so long that their copies are to be replaced. Who may still come back stands
    /// here or not as the caller decides.
    pub silent: BTreeSet<NodeId>,
    /// How large shards are, where somebody has said it.
    pub bytes: BTreeMap<ShardId, u64>,
    /// Where the controllers with a vote stand; empty: it is not known.
    pub controllers: Vec<RegionId>,
}
