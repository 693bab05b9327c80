//! What an operator asks of shards and of operations on them, as commands. What the caller left open is settled here, by
//! the state of the controller that was asked; the command then says all of it, and the state judges it.

use control_plane_planner::Observed;
use control_plane_state::operation::{
    Force, OperationCommand, OperationId, OperationKind, OperationRefusal, Start,
};
use control_plane_state::shard_config::ShardConfig;
use control_plane_state::{Command, Refusal as Rule, State};
use platform_model::{CellId, Generation, HomeId, NodeId, ShardId, Survival};
use platform_wire::operation::Change;
use platform_wire::replicas::read_replica;
use platform_wire::{Refusal, RefusalCode, pb};

use crate::refuse;
use crate::shards::repair::{self, NotByHand};

/// # Errors
/// For words that are none, and places that are not there.
pub fn move_shard(state: &State, now_ms: u64, wire: pb::MoveShardRequest) -> Result<Command, Refusal> {
    let shard: ShardId = wire.shard.parse().map_err(Refusal::invalid)?;
    let config = served(state, &shard)?;
    let to = match wire.to {
        Some(pb::move_shard_request::To::Node(node)) => node.parse().map_err(Refusal::invalid)?,
        Some(pb::move_shard_request::To::Cell(cell)) => {
            let cell: CellId = cell.parse().map_err(Refusal::invalid)?;
            roomiest(state, config, &cell)?
        }
        None => return Err(Refusal::invalid("the request says no place to move to")),
    };
    let window_ms = wire.window_ms;
    let deadline_ms = Some(wire.deadline_ms).filter(|ms| *ms != 0);
    let deadline_ms = deadline_ms.map(|ms| now_ms.saturating_add(ms));
    let kind = OperationKind::Move { to, window_ms };
    Ok(start(config, shard, kind, wire.expected, deadline_ms))
}

/// # Errors
/// As [`move_shard`].
pub fn failover(state: &State, wire: &pb::FailoverShardRequest) -> Result<Command, Refusal> {
    let shard: ShardId = wire.shard.parse().map_err(Refusal::invalid)?;
    let config = served(state, &shard)?;
    let to = match wire.to.as_slice() {
        [] => None,
        bytes => Some(read_replica(bytes).map_err(Refusal::invalid)?),
    };
    let force = wire.force.map(|force| Force {
        old_primary_is_dead: force.old_primary_is_dead,
        loss_entries_max: force.loss_entries_max,
    });
    let kind = OperationKind::Failover { to, force };
    Ok(start(config, shard, kind, wire.expected, None))
}

/// # Errors
/// As [`move_shard`].
pub fn verify(state: &State, shard: &str) -> Result<Command, Refusal> {
    let shard: ShardId = shard.parse().map_err(Refusal::invalid)?;
    let config = served(state, &shard)?;
    Ok(start(config, shard, OperationKind::Verify, 0, None))
}

/// `observed`: what the controller sees beside the state, for a repair by hand.
///
/// # Errors
/// As [`move_shard`]; when nothing is to be repaired, or nothing can be.
pub fn repair(state: &State, shard: &str, observed: &Observed) -> Result<Command, Refusal> {
    let shard: ShardId = shard.parse().map_err(Refusal::invalid)?;
    let config = served(state, &shard)?;
    let kind = repair::by_hand(state, &shard, observed).map_err(|why| match why {
        NotByHand::Nothing => refuse::rule(&OperationRefusal::NothingToDo.into()),
        NotByHand::Cannot(_) => {
            let message = format!("{shard}: {why}");
            Refusal::new(RefusalCode::Placement, message)
                .hint("cellctl operation list   names what stays below its goal, and why")
        }
    })?;
    Ok(start(config, shard, kind, 0, None))
}

/// # Errors
/// For words that are none, and a home that is not there.
pub fn survival(state: &State, wire: &pb::SetSurvivalRequest) -> Result<Command, Refusal> {
    let home: HomeId = wire.home.parse().map_err(Refusal::invalid)?;
    let goal: Survival = wire.goal.parse().map_err(Refusal::invalid)?;
    let record = state.homes.get(&home);
    let record = record.ok_or_else(|| refuse::rule(&Rule::UnknownHome(home.clone())))?;
    let expected = expected(wire.expected, record.survival.generation);
    Ok(Command::SetSurvival { home, goal, expected })
}

/// # Errors
/// For an operation that is not there.
pub fn change(state: &State, wire: &pb::ChangeOperationRequest, change: Change) -> Result<Command, Refusal> {
    let id = OperationId(wire.id);
    let record = state.operations.records.get(&id);
    let known = record.map_or(Generation(0), |record| record.generation);
    let expected = expected(wire.expected, known);
    Ok(Command::Operation(match change {
        Change::Pause => OperationCommand::Pause { id, expected },
        Change::Resume => OperationCommand::Resume { id, expected },
        Change::Cancel => OperationCommand::Cancel { id, expected },
        Change::Reverse => OperationCommand::Reverse { id, expected },
        Change::Finish => OperationCommand::Finish { id, expected },
    }))
}

fn start(
    config: &ShardConfig,
    shard: ShardId,
    kind: OperationKind,
    given: u64,
    deadline_ms: Option<u64>,
) -> Command {
    Command::Operation(OperationCommand::Start(Start {
        shard,
        kind,
        expected: expected(given, config.generation),
        deadline_ms,
        plan: None,
    }))
}

/// 0: whatever it is.
fn expected(given: u64, known: Generation) -> Generation {
    match given {
        0 => known,
        given => Generation(given),
    }
}

fn served<'a>(state: &'a State, shard: &ShardId) -> Result<&'a ShardConfig, Refusal> {
    let record = state.shards.get(shard);
    let record = record.ok_or_else(|| refuse::rule(&Rule::UnknownShard(shard.clone())))?;
    let config = record.config.as_ref();
    config.ok_or_else(|| refuse::rule(&Rule::ShardUnserved(shard.clone())))
}

/// The node of a cell that holds the fewest copies, and none of this shard if there is one.
fn roomiest(state: &State, config: &ShardConfig, cell: &CellId) -> Result<NodeId, Refusal> {
    if !state.cells.contains_key(cell) {
        return Err(refuse::rule(&Rule::UnknownCell(cell.clone())));
    }
    let held = repair::copies_held(state);
    let nodes = state.nodes.keys().filter(|node| node.cell == *cell);
    let holds = |node: &NodeId| config.copies().any(|copy| copy.node == *node);
    let best = nodes.min_by_key(|node| (holds(node), held.get(*node).copied().unwrap_or(0), node.ordinal));
    let first = || NodeId {
        cell: cell.clone(),
        ordinal: 0,
    };
    Ok(best.cloned().unwrap_or_else(first))
}
