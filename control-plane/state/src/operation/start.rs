//! How an operation starts: what must be so before it is on record.

use control_plane_ledger::Digest;
use platform_model::{CellId, CopyState, Generation, NodeId, ReplicaId, ShardId, WorldId};

use super::command::Start;
use super::record::{Force, OperationId, OperationKind, OperationRecord, OperationState};
use super::refusal::OperationRefusal;
use super::step::Step;
use super::supersede::{gives_way, supersede};
use crate::changes::Changes;
use crate::command::{Author, Envelope};
use crate::limits::{OPERATIONS_MAX, OPERATIONS_PER_CELL_MAX, WINDOW_MS_MAX};
use crate::plant::{Planted, planted};
use crate::refusal::{Counted, Refusal};
use crate::rules::{count, shard as rules};
use crate::shard_config::{ConfigPhase, ConfigRefusal, STANDBYS_MAX, ShardConfig};
use crate::state::State;

pub(super) fn start(state: &mut State, envelope: &Envelope, start: &Start) -> Result<Changes, Refusal> {
    let config = rules::served(state, &start.shard)?;
    if config.generation != start.expected {
        return Err(Refusal::GenerationMismatch {
            record: format!("shard {}", start.shard),
            have: config.generation,
            expected: start.expected,
        });
    }
    asked_for(state, envelope)?;
    let superseded = free(state, envelope, start, config)?;
    if config.unborn {
        return Err(ConfigRefusal::Unborn.into());
    }
    possible(state, envelope, config, start)?;
    room(state, config, start, superseded)?;
    let record = record(state, envelope, config, start);
    let id = next_id(state.operations.last);
    let changes = match superseded {
        Some(_) => supersede(state, &start.shard, format!("superseded by operation {id}")),
        None => Changes {
            hidden: true,
            ..Changes::default()
        },
    };
    let operations = &mut state.operations;
    operations.last = id;
    operations.records.insert(id, record);
    operations.trim();
    Ok(changes)
}

fn next_id(last: OperationId) -> OperationId {
    OperationId(last.0 + 1)
}

/// While automation is paused only people start something.
fn asked_for(state: &State, envelope: &Envelope) -> Result<(), Refusal> {
    let by_itself = matches!(envelope.author, Author::Controller { .. });
    if by_itself && state.automation.paused.is_some() {
        return Err(OperationRefusal::AutomationPaused.into());
    }
    Ok(())
}

/// Nothing else is under way on the shard, but for what gives way to a failover: that is answered, and ends.
fn free(
    state: &State,
    envelope: &Envelope,
    start: &Start,
    config: &ShardConfig,
) -> Result<Option<OperationId>, Refusal> {
    let Some((operation, record)) = state.operations.active_on(&start.shard) else {
        return Ok(None);
    };
    let gives_way = match start.kind {
        OperationKind::Failover { force, .. } => gives_way(record, config, force.is_some()),
        _ => false,
    };
    if envelope.version >= 2 && gives_way {
        return Ok(Some(operation));
    }
    if planted(Planted::TwoOperations) {
        return Ok(None);
    }
    let shard = start.shard.clone();
    Err(OperationRefusal::AlreadyUnderWay { shard, operation }.into())
}

/// Not too much at once, in the world and in each cell that takes part.
fn room(
    state: &State,
    config: &ShardConfig,
    start: &Start,
    superseded: Option<OperationId>,
) -> Result<(), Refusal> {
    let goes_on = move |(id, _): &(OperationId, &OperationRecord)| superseded != Some(*id);
    let active = || state.operations.active().filter(goes_on);
    count(Counted::Operations, active().count() + 1, OPERATIONS_MAX)?;
    let target = start.kind.target().map(|node| &node.cell);
    let ours = [Some(&config.primary.node.cell), target];
    for cell in ours.into_iter().flatten() {
        let concerned = |record: &OperationRecord| cells(record).any(|other| other == cell);
        let there = active().filter(|(_, record)| concerned(record)).count();
        count(Counted::OperationsOfCell, there + 1, OPERATIONS_PER_CELL_MAX)?;
    }
    Ok(())
}

/// The cells whose disks and lines an operation uses.
fn cells(record: &OperationRecord) -> impl Iterator<Item = &CellId> {
    let target = record.kind.target().map(|node| &node.cell);
    std::iter::once(&record.from.cell).chain(target)
}

fn possible(state: &State, envelope: &Envelope, config: &ShardConfig, start: &Start) -> Result<(), Refusal> {
    match &start.kind {
        OperationKind::Move { to, window_ms } => {
            if *window_ms > WINDOW_MS_MAX {
                let max_ms = WINDOW_MS_MAX;
                return Err(OperationRefusal::WindowTooLong { max_ms }.into());
            }
            if *to == config.primary.node {
                return Err(OperationRefusal::ToItself(to.clone()).into());
            }
            steady(config)?;
            may_take(state, &start.shard, config, to)?;
            rules::may_lead(state, &start.shard, to)
        }
        OperationKind::Failover { to, force } => {
            let target = to.and_then(|replica| config.standby(replica));
            if let Some(copy) = target {
                rules::may_lead(state, &start.shard, &copy.node)?;
            }
            may_fail_over(config, *to, *force, &envelope.reason)
        }
        OperationKind::Verify => {
            let in_sync = config.candidates().count() > 1;
            let nothing = Refusal::Operation(OperationRefusal::NothingToCompare);
            if in_sync { Ok(()) } else { Err(nothing) }
        }
        OperationKind::Repair { add, remove } => {
            if add.is_none() && remove.is_none() {
                return Err(OperationRefusal::NothingToDo.into());
            }
            if let Some(replica) = remove.filter(|replica| config.standby(*replica).is_none()) {
                return Err(ConfigRefusal::UnknownCopy(replica).into());
            }
            match add {
                Some(node) => may_take(state, &start.shard, config, node),
                None => Ok(()),
            }
        }
    }
}

fn steady(config: &ShardConfig) -> Result<(), Refusal> {
    match config.phase {
        ConfigPhase::Steady => Ok(()),
        _ => Err(ConfigRefusal::UnderWay.into()),
    }
}

/// Whether a copy can be made on `node`: law, place, room, and nothing of the shard there.
fn may_take(state: &State, shard: &ShardId, config: &ShardConfig, node: &NodeId) -> Result<(), Refusal> {
    rules::may_take_copy(state, shard, node)?;
    if config.copies().any(|copy| copy.node == *node) {
        let node = node.clone();
        return Err(OperationRefusal::HoldsCopy { node }.into());
    }
    if config.standbys.len() >= STANDBYS_MAX {
        return Err(ConfigRefusal::TooManyStandbys { max: STANDBYS_MAX }.into());
    }
    Ok(())
}

/// Whether a copy of the shard could be begun on `node` as everything is now. Whoever starts an operation has asked;
/// until it begins, a cell may be closed, the law changed, or a copy found in the store that the node shares.
///
/// # Errors
/// The rule that keeps it from being begun.
pub fn may_begin_copy(state: &State, shard: &ShardId, node: &NodeId) -> Result<(), Refusal> {
    let config = rules::served(state, shard)?;
    may_take(state, shard, config, node)?;
    rules::store_is_free(state, shard, config, node)
}

/// Whether the law lets a copy of the shard lead on `node`. It may have changed since an operation was started.
///
/// # Errors
/// The rule that keeps it from leading there.
pub fn may_lead_on(state: &State, shard: &ShardId, node: &NodeId) -> Result<(), Refusal> {
    rules::may_lead(state, shard, node)
}

fn may_fail_over(
    config: &ShardConfig,
    to: Option<ReplicaId>,
    force: Option<Force>,
    reason: &str,
) -> Result<(), Refusal> {
    if to == Some(config.primary.replica) {
        return Err(OperationRefusal::ToItself(config.primary.node.clone()).into());
    }
    let target = match to {
        Some(replica) => Some(
            config
                .standby(replica)
                .ok_or(ConfigRefusal::UnknownCopy(replica))?,
        ),
        None => None,
    };
    match (target, force) {
        (None, None) if config.candidates().count() > 1 => Ok(()),
        (None, None) => Err(OperationRefusal::NobodyElse.into()),
        (Some(copy), None) if copy.state == CopyState::InSync => Ok(()),
        (Some(copy), None) => Err(OperationRefusal::NoCandidate(copy.replica).into()),
        (Some(copy), Some(_)) if copy.state == CopyState::InSync => {
            Err(OperationRefusal::NeedsNoForce(copy.replica).into())
        }
        (Some(copy), Some(_)) if copy.state != CopyState::CatchingUp => {
            Err(ConfigRefusal::NotWhole(copy.replica).into())
        }
        (Some(_), Some(force)) if force.old_primary_is_dead && !reason.trim().is_empty() => Ok(()),
        (_, Some(_)) => Err(OperationRefusal::ForceIncomplete.into()),
    }
}

fn record(state: &State, envelope: &Envelope, config: &ShardConfig, start: &Start) -> OperationRecord {
    let id = next_id(state.operations.last);
    let makes = start.kind.target().is_some();
    let source = match start.kind {
        OperationKind::Move { .. } => Some(config.primary.replica),
        OperationKind::Repair { remove, .. } => remove,
        OperationKind::Failover { .. } | OperationKind::Verify => None,
    };
    OperationRecord {
        generation: Generation(1),
        shard: start.shard.clone(),
        step: start.kind.steps().first().copied().unwrap_or(Step::Done),
        kind: start.kind.clone(),
        state: OperationState::Running,
        by: envelope.author.spiffe_id(&state.world),
        reason: envelope.reason.clone(),
        started_ms: state.time_ms,
        step_since_ms: state.time_ms,
        deadline_ms: start.deadline_ms,
        ended_ms: None,
        from: config.primary.node.clone(),
        epoch: config.epoch,
        source,
        replica: makes.then(|| new_replica(&state.world, &start.shard, id)),
        certificates: Vec::new(),
        window_until_ms: None,
        receipt: None,
        plan: start.plan,
    }
}

/// The name of the copy that an operation makes: drawn from what never comes twice, so that whoever carries it on asks
/// for the same copy.
fn new_replica(world: &WorldId, shard: &ShardId, id: OperationId) -> ReplicaId {
    let text = format!("{world} {shard} {id}");
    crate::rules::placement::name_from(Digest::of("meridian copy of an operation", text.as_bytes()))
}
