//! How the operation on a shard follows its configuration: what is made anew has another name, what has fallen behind
//! is at an earlier step, what leads already needs no switchover.

use platform_model::{CopyState, ShardId};

use super::advance::enter;
use super::record::{OperationKind, OperationRecord, OperationState, Receipt};
use super::step::Step;
use crate::shard_config::{ConfigCommand, ShardConfig};
use crate::state::State;

/// `command` has made the configuration of `shard` what it is now.
pub(crate) fn follow(state: &mut State, shard: &ShardId, command: &ConfigCommand) {
    let now_ms = state.time_ms;
    let Some(config) = state.shards.get(shard).and_then(|record| record.config.as_ref()) else {
        return;
    };
    let mut active = state.operations.records.values_mut();
    let active = active.find(|record| record.state.is_active() && record.shard == *shard);
    let Some(record) = active else {
        return;
    };
    let before = record.clone();
    renamed(record, command);
    receipted(record, command, now_ms);
    if record.state == OperationState::Cancelling && record.replica == Some(config.primary.replica) {
        // It leads before it could be taken back: the old one comes first.
        (record.state, record.step, record.step_since_ms) = (OperationState::Reversing, Step::Window, now_ms);
    }
    if matches!(record.state, OperationState::Running | OperationState::Paused) {
        leads_already(record, config, now_ms);
        falls_back(record, config, now_ms);
    }
    if *record != before {
        record.generation = record.generation.next();
    }
}

/// A copy made anew is the one that the operation is about.
fn renamed(record: &mut OperationRecord, command: &ConfigCommand) {
    let ConfigCommand::ReplaceCopy { replica, by } = command else {
        return;
    };
    for own in [&mut record.replica, &mut record.source] {
        if *own == Some(*replica) {
            *own = Some(*by);
        }
    }
}

fn receipted(record: &mut OperationRecord, command: &ConfigCommand, time_ms: u64) {
    let ConfigCommand::Erased {
        replica,
        order,
        bytes,
        keys,
    } = *command
    else {
        return;
    };
    if record.source == Some(replica) || record.replica == Some(replica) {
        record.receipt = Some(Receipt {
            replica,
            order,
            bytes,
            keys,
            time_ms,
        });
    }
}

/// A failover has let the new copy lead before its time.
fn leads_already(record: &mut OperationRecord, config: &ShardConfig, now_ms: u64) {
    let leads = record.replica == Some(config.primary.replica);
    let moves = matches!(record.kind, OperationKind::Move { .. });
    if leads && moves && record.step < Step::Window {
        enter(record, Step::Window, &[], now_ms);
    }
}

/// A copy that is less than its step says is at an earlier one; a comparison of another epoch counts for nothing.
fn falls_back(record: &mut OperationRecord, config: &ShardConfig, now_ms: u64) {
    let made = record.replica.and_then(|replica| config.standby(replica));
    let Some(copy) = made.filter(|_| record.step <= Step::Switchover) else {
        return;
    };
    let at_most = match copy.state {
        CopyState::Damaged | CopyState::Copying => Step::Copy,
        CopyState::CatchingUp => Step::CatchUp,
        CopyState::InSync if record.certificate(config.epoch).is_none() => Step::Verify,
        CopyState::InSync => Step::Switchover,
    };
    if record.step > at_most {
        record.certificates.clear();
        (record.step, record.step_since_ms) = (at_most, now_ms);
    }
}
