//! What holds after every command, as a bystander sees it.

use proptest::prelude::*;

use super::History;
use crate::operation::tests::*;
use crate::shard_config::ConfigPhase;

pub(super) fn check(before: &State, after: &State, history: &mut History) -> Result<(), TestCaseError> {
    let config = |state: &State| state.shards[&shard()].config.clone().expect("served");
    let (old, new) = (config(before), config(after));
    copies(before, &old, &new, history)?;
    let active = after
        .operations
        .active()
        .filter(|(_, record)| record.shard == shard());
    prop_assert!(active.count() <= 1, "two operations on one shard");
    for (id, record) in &before.operations.records {
        let Some(now) = after.operations.records.get(id) else {
            prop_assert!(!record.state.is_active(), "one was forgotten");
            continue;
        };
        prop_assert!(
            record.state.is_active() || record == now,
            "one has ended and goes on"
        );
        prop_assert!(
            record == now || now.generation > record.generation,
            "changed unseen"
        );
        if now.state.is_active() {
            operation(record, &old, &new)?;
        }
    }
    for record in after.operations.records.values() {
        stands(record, &new)?;
    }
    Ok(())
}

/// Copies come where they may be and under names that are new; none leaves that counts.
fn copies(
    before: &State,
    old: &ShardConfig,
    new: &ShardConfig,
    history: &mut History,
) -> Result<(), TestCaseError> {
    prop_assert!(
        old == new || new.generation > old.generation,
        "the configuration changed unseen"
    );
    prop_assert!(new.epoch >= old.epoch && new.epoch_max >= new.epoch);
    if new.epoch > old.epoch {
        prop_assert!(history.epochs.insert(new.epoch), "an epoch was given out twice");
    }
    for copy in old.candidates() {
        prop_assert!(new.names(copy.replica), "a copy left that counted");
    }
    let left = old.copies().filter(|copy| !new.names(copy.replica));
    history.gone.extend(left.map(|copy| copy.replica));
    history.gone.extend(&new.erased);
    for copy in new.copies() {
        prop_assert!(!history.gone.contains(&copy.replica), "a name came back");
        if old.copies().any(|known| known.node == copy.node) {
            continue;
        }
        let cell = &before.cells[&copy.node.cell];
        prop_assert!(cell.region.as_str().starts_with("eu-"), "against the law");
        prop_assert!(cell.state == CellState::Open, "in a cordoned cell");
    }
    Ok(())
}

/// What may happen to the copies that an operation is about.
fn operation(record: &OperationRecord, old: &ShardConfig, new: &ShardConfig) -> Result<(), TestCaseError> {
    let ordered = |replica: Option<ReplicaId>| {
        replica.is_some_and(|replica| new.erased.contains(&replica) && !old.erased.contains(&replica))
    };
    let turned = matches!(
        record.state,
        OperationState::Cancelling | OperationState::Reversing
    );
    prop_assert!(
        !ordered(record.source) || record.step == Step::Erase,
        "erased too early"
    );
    prop_assert!(!ordered(record.replica) || turned, "the new copy was erased");
    let target = match new.phase {
        ConfigPhase::Handover { target, .. } if new.phase != old.phase => Some(target),
        _ => None,
    };
    if target.is_some() && target == record.replica {
        let compared = record.certificate(old.epoch).is_some();
        prop_assert!(compared && record.step == Step::Switchover, "not compared");
    }
    Ok(())
}

/// An operation is at a step that its copy has reached.
fn stands(record: &OperationRecord, config: &ShardConfig) -> Result<(), TestCaseError> {
    use OperationState::{Paused, Running};
    let goes_on = matches!(record.state, Running | Paused);
    let made = record.replica.and_then(|replica| config.standby(replica));
    if let Some(replica) = record.replica.filter(|_| goes_on) {
        match record.step {
            Step::Copy | Step::CatchUp => prop_assert!(config.names(replica), "not added"),
            Step::Verify | Step::Switchover => {
                let in_sync = made.is_some_and(|copy| copy.state == CopyState::InSync);
                prop_assert!(in_sync, "not in sync");
            }
            _ => {}
        }
    }
    let source = record.source.filter(|source| config.names(*source));
    let past = goes_on && record.step >= Step::Erase;
    prop_assert!(!past || source.is_none(), "it stands in the configuration");
    Ok(())
}
