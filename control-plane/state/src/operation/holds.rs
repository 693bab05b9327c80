//! What may be done to a shard's configuration while an operation is under way on it, and what the controllers may do
//! by themselves when none is.

use platform_model::{NodeId, ReplicaId, ShardId};

use super::record::{OperationId, OperationKind, OperationRecord, OperationState};
use super::refusal::OperationRefusal;
use super::step::Step;
use crate::plant::{Planted, planted};
use crate::refusal::Refusal;
use crate::shard_config::{ConfigCommand, ConfigRefusal, Proof};
use crate::state::State;

/// Whether `command` fits what is under way on `shard`.
pub(crate) fn permits(state: &State, shard: &ShardId, command: &ConfigCommand) -> Result<(), Refusal> {
    let active = state.operations.active_on(shard);
    match command {
        ConfigCommand::AddCopy { node, replica } => {
            asked(active, *replica, |record| makes(record, node, *replica))
        }
        ConfigCommand::Retire { replica } | ConfigCommand::RemoveCopy { replica } => {
            asked(active, *replica, |record| {
                may_leave(record, *replica, Step::RemoveStandby)
            })
        }
        ConfigCommand::EraseCopy { replica } => may_erase(state, active, *replica),
        ConfigCommand::BeginForce {
            target,
            proof,
            loss_entries_max,
        } => {
            let record = active.map(|(_, record)| record);
            forced(record, *target, proof, *loss_entries_max)
        }
        ConfigCommand::BeginHandover {
            target, certificate, ..
        } => match active {
            Some((id, record)) => hands_over(state, id, record, *target, certificate.is_some()),
            None => unasked(state),
        },
        // It stays the copy that it was: no operation is about where it lies.
        ConfigCommand::Take { .. } => unasked(state),
        ConfigCommand::BeginPromote | ConfigCommand::ReplaceCopy { .. } if active.is_none() => unasked(state),
        // What was begun is ended, and what the primary says of its standbys counts.
        ConfigCommand::BeginPromote
        | ConfigCommand::ReplaceCopy { .. }
        | ConfigCommand::Propose { .. }
        | ConfigCommand::FinishPromote { .. }
        | ConfigCommand::FinishHandover { .. }
        | ConfigCommand::CancelHandover
        | ConfigCommand::Erased { .. }
        | ConfigCommand::AbandonPromote => Ok(()),
    }
}

/// What nobody has asked for waits while automation is paused.
fn unasked(state: &State) -> Result<(), Refusal> {
    match state.automation.paused {
        Some(_) => Err(OperationRefusal::AutomationPaused.into()),
        None => Ok(()),
    }
}

type Active<'a> = Option<(OperationId, &'a OperationRecord)>;

/// Copies come and go as an operation says, and not otherwise.
fn asked(
    active: Active<'_>,
    replica: ReplicaId,
    says: impl Fn(&OperationRecord) -> bool,
) -> Result<(), Refusal> {
    match active {
        Some((_, record)) if says(record) => Ok(()),
        Some((operation, _)) => Err(OperationRefusal::Held { operation, replica }.into()),
        None => Err(OperationRefusal::NobodyAsked(replica).into()),
    }
}

/// Whether the operation is about to make this copy.
fn makes(record: &OperationRecord, node: &NodeId, replica: ReplicaId) -> bool {
    let now = record.step == Step::AddStandby && record.state == OperationState::Running;
    now && record.replica == Some(replica) && record.kind.target() == Some(node)
}

/// Whether a copy that the operation is about leaves now: the old one from `step` on, the new one when it is taken
/// back.
fn may_leave(record: &OperationRecord, replica: ReplicaId, step: Step) -> bool {
    let turned = matches!(
        record.state,
        OperationState::Cancelling | OperationState::Reversing
    );
    if record.source == Some(replica) {
        return record.step >= step && record.state == OperationState::Running;
    }
    record.replica == Some(replica) && turned
}

/// A copy that left for another reason than this operation is erased whenever somebody gets to it.
fn may_erase(state: &State, active: Active<'_>, replica: ReplicaId) -> Result<(), Refusal> {
    let Some((operation, record)) = active else {
        return unasked(state);
    };
    let ours = record.source == Some(replica) || record.replica == Some(replica);
    if ours && !may_leave(record, replica, Step::Erase) && !planted(Planted::EarlyErase) {
        return Err(OperationRefusal::Held { operation, replica }.into());
    }
    Ok(())
}

/// A person's word is the operation that he has started.
fn forced(
    active: Option<&OperationRecord>,
    target: ReplicaId,
    proof: &Proof,
    loss_entries_max: u64,
) -> Result<(), Refusal> {
    let asked = |record: &&OperationRecord| match &record.kind {
        OperationKind::Failover {
            to: Some(to),
            force: Some(force),
        } => {
            let same = *to == target && force.loss_entries_max == loss_entries_max;
            same && force.old_primary_is_dead && record.state == OperationState::Running
        }
        _ => false,
    };
    let Some(record) = active.filter(asked) else {
        return Err(OperationRefusal::NobodyForces(target).into());
    };
    match proof {
        Proof::Person { reason } if *reason != record.reason => Err(ConfigRefusal::NoProof.into()),
        _ => Ok(()),
    }
}

/// The operation lets the primary hand over to its own target only; a new copy has been compared first.
fn hands_over(
    state: &State,
    operation: OperationId,
    record: &OperationRecord,
    target: ReplicaId,
    certified: bool,
) -> Result<(), Refusal> {
    let running = record.state == OperationState::Running;
    let wanted = match &record.kind {
        OperationKind::Move { .. } if record.state == OperationState::Reversing => {
            record.source == Some(target)
        }
        OperationKind::Move { .. } => {
            running && record.step == Step::Switchover && record.replica == Some(target)
        }
        OperationKind::Failover { to, .. } => running && to.is_none_or(|to| to == target),
        OperationKind::Verify | OperationKind::Repair { .. } => false,
    };
    if !wanted {
        let replica = target;
        return Err(OperationRefusal::Held { operation, replica }.into());
    }
    let compared = record.replica == Some(target) && !planted(Planted::NoCertificate);
    let epoch = crate::rules::shard::served(state, &record.shard)?.epoch;
    if compared && !(certified && record.certificate(epoch).is_some()) {
        return Err(ConfigRefusal::NoCertificate(target).into());
    }
    Ok(())
}
