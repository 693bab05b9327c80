//! What a person's failover or restore puts an end to: an operation that takes a copy out, or back, waits for a primary
//! that serves, and would wait for ever on a shard that has lost it.

use platform_model::{ReplicaId, ShardId};

use super::change::{change, end};
use super::record::{OperationKind, OperationRecord, OperationState};
use super::step::Step;
use crate::changes::Changes;
use crate::shard_config::ShardConfig;
use crate::state::State;

/// Whether a failover that a person asks for ends it. What still makes a copy is cancelled first, a window is reversed,
/// and an erasure that was ordered is finished. A failover to which nobody answers gives way to a `forced` one.
pub(super) fn gives_way(record: &OperationRecord, config: &ShardConfig, forced: bool) -> bool {
    match record.kind {
        OperationKind::Move { .. } | OperationKind::Repair { .. } => {}
        OperationKind::Failover { .. } => return forced,
        OperationKind::Verify => return false,
    }
    let turned = matches!(
        record.state,
        OperationState::Cancelling | OperationState::Reversing
    );
    let ordered = record
        .source
        .is_some_and(|source| config.erased.contains(&source));
    let takes_out = match record.step {
        Step::RemoveStandby => true,
        Step::Erase => !ordered,
        _ => false,
    };
    turned || takes_out
}

/// Ends what is under way on the shard, if anything is.
pub(crate) fn supersede(state: &mut State, shard: &ShardId, why: String) -> Changes {
    let mut changes = Changes {
        hidden: true,
        ..Changes::default()
    };
    let Some((id, record)) = state.operations.active_on(shard) else {
        return changes;
    };
    let own = [record.source, record.replica];
    let now_ms = state.time_ms;
    change(state, id, |record| {
        end(record, OperationState::Failed { why }, now_ms);
    });
    may_count_again(state, shard, own, &mut changes);
    changes
}

/// Copies that were to leave may count again, for nobody takes them out any more: a copy that is retired for ever is
/// no standby, and its node takes no other.
pub(super) fn may_count_again(
    state: &mut State,
    shard: &ShardId,
    own: [Option<ReplicaId>; 2],
    changes: &mut Changes,
) {
    let since_ms = state.time_ms;
    let Some(record) = state.shards.get_mut(shard) else {
        return;
    };
    let Some(mut config) = record.config.clone() else {
        return;
    };
    let before = config.retiring.len();
    config.retiring.retain(|replica| !own.contains(&Some(*replica)));
    if config.retiring.len() < before {
        config.generation = config.generation.next();
        record.follow(config, since_ms);
        changes.shards.insert(shard.clone());
    }
}
