//! What would become of every shard if something were lost, as it is told.

use control_plane_planner::Observed;
use control_plane_planner::simulate::{self as planner, Fate, GoalAfter, Loss, Outcome, Thresholds};
use control_plane_state::{Refusal as Rule, State};
use platform_model::ShardId;
use platform_model::replica_set::ASYNC_LAG_ENTRIES;
use platform_model::thresholds::{LEASE_MS, MISSING_MS, REPORT_EVERY_MS, RETRY_MS, TICK_MS};
use platform_wire::operation::{HeadRoom, Lose, SimulatedShard, Simulation};
use platform_wire::{Refusal, RefusalCode};

use crate::refuse;

/// # Errors
/// For a place that is none.
pub(super) fn answer(
    state: &State,
    observed: &Observed,
    lose: &Lose,
    now_ms: u64,
) -> Result<Simulation, Refusal> {
    let lose = known(state, lose)?;
    let thresholds = Thresholds {
        lease_ms: LEASE_MS,
        report_every_ms: REPORT_EVERY_MS,
        missing_ms: MISSING_MS,
        tick_ms: TICK_MS,
        retry_ms: RETRY_MS,
        async_lag_entries: ASYNC_LAG_ENTRIES,
    };
    let found = planner::simulate(state, observed, &lose, &thresholds);
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let head_room = found.head_room.into_iter().map(|(region, room)| HeadRoom {
        region,
        nodes: number(room.nodes),
        copies: number(room.copies),
        copies_max: number(room.copies_max),
    });
    Ok(Simulation {
        head_room: head_room.collect(),
        shards: found
            .shards
            .into_iter()
            .map(|(id, fate)| shard(id, fate))
            .collect(),
        users: None,
        time_ms: now_ms,
    })
}

fn known(state: &State, lose: &Lose) -> Result<planner::Lose, Refusal> {
    Ok(match lose.clone() {
        Lose::Node(node) if !state.nodes.contains_key(&node) => {
            return Err(refuse::rule(&Rule::UnknownNode(node)));
        }
        Lose::Cell(cell) if !state.cells.contains_key(&cell) => {
            return Err(refuse::rule(&Rule::UnknownCell(cell)));
        }
        Lose::Region(region) if !state.cells.values().any(|cell| cell.region == region) => {
            let message = format!("no cell is in {region}");
            return Err(Refusal::new(RefusalCode::Unknown, message).hint("cellctl region list"));
        }
        Lose::Node(node) => planner::Lose::Node(node),
        Lose::Cell(cell) => planner::Lose::Cell(cell),
        Lose::Region(region) => planner::Lose::Region(region),
    })
}

fn shard(shard: ShardId, fate: Fate) -> SimulatedShard {
    let successor = match &fate.outcome {
        Outcome::FailsOver { to } => Some(to.clone()),
        _ => None,
    };
    let infeasible = match &fate.after {
        GoalAfter::Infeasible(why) => Some(why.to_string()),
        _ => match &fate.outcome {
            Outcome::Stops(why) => Some(why.as_str().to_owned()),
            _ => None,
        },
    };
    SimulatedShard {
        shard,
        outcome: fate.outcome.as_str().to_owned(),
        primary: fate.primary,
        successor,
        rto_ms: fate.rto_ms,
        rpo_entries: match fate.loss {
            Loss::None | Loss::Async { .. } => Some(0),
            Loss::Unknown | Loss::Everything => None,
        },
        rpo_async_entries: match fate.loss {
            Loss::None => Some(0),
            Loss::Async { entries_max } => Some(entries_max),
            Loss::Unknown | Loss::Everything => None,
        },
        rules: fate.rules,
        goal_met: fate.after == GoalAfter::Met,
        infeasible,
    }
}
