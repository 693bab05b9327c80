//! Standbys that are missing, or of no use.

use std::collections::BTreeMap;

use control_plane_state::operation::{OperationKind, OperationRefusal};
use control_plane_state::shard_config::{CopyState, ShardConfig};
use control_plane_state::{Refusal, State};
use platform_model::{NodeId, ShardId};

/// Copies on each node.
pub fn copies_held(state: &State) -> BTreeMap<NodeId, usize> {
    let mut held: BTreeMap<NodeId, usize> = BTreeMap::new();
    let configs = state.shards.values().filter_map(|record| record.config.as_ref());
    for copy in configs.flat_map(ShardConfig::copies) {
        *held.entry(copy.node.clone()).or_default() += 1;
    }
    held
}

/// What a repair by hand would do.
///
/// # Errors
/// When there is nothing to repair.
pub fn by_hand(_state: &State, _shard: &ShardId, config: &ShardConfig) -> Result<OperationKind, Refusal> {
    let damaged = config
        .standbys
        .iter()
        .find(|copy| copy.state == CopyState::Damaged);
    let remove = damaged.map(|copy| copy.replica);
    if remove.is_none() {
        return Err(OperationRefusal::NothingToDo.into());
    }
    Ok(OperationKind::Repair { add: None, remove })
}
