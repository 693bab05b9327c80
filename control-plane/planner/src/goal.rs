//! What a shard is to survive, and whether its copies do.

use std::collections::BTreeSet;

use control_plane_state::State;
use control_plane_state::shard_config::{CopyState, ShardConfig, ShardCopy};
use platform_model::{CellId, NodeId, RegionId, ShardId, Survival};

use crate::law;
use crate::plant::{Planted, planted};

/// The goal of a shard: that of its home; of a directory shard, the highest of the homes whose people it knows.
pub fn of_shard(state: &State, shard: &ShardId) -> Survival {
    if let Some(home) = shard.home() {
        return state
            .homes
            .get(home)
            .map_or(Survival::None, |home| home.survival.goal);
    }
    let ours = state
        .homes
        .iter()
        .filter(|(home, _)| home.jurisdiction == *shard.jurisdiction());
    ours.map(|(_, home)| home.survival.goal).max().unwrap_or_default()
}

/// Where the primary of a shard is, as the goal is judged from there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seat<'a> {
    pub cell: &'a CellId,
    pub region: &'a RegionId,
}

impl<'a> Seat<'a> {
    pub(crate) fn of(state: &'a State, node: &'a NodeId) -> Option<Self> {
        let cell = state.cells.get(&node.cell)?;
        Some(Self {
            cell: &node.cell,
            region: &cell.region,
        })
    }

    /// Whether a standby over there lets the shard survive what `goal` says. For a cell's loss any other cell does, also
    /// one in another region.
    pub(crate) fn survives_by(self, goal: Survival, other: Seat<'_>) -> bool {
        match goal {
            Survival::None => true,
            Survival::Zone => other.cell != self.cell,
            Survival::Region => other.region != self.region,
        }
    }

    /// Whether a new standby for `goal` is to be made there: for a cell's loss, in the region.
    pub(crate) fn wants(self, goal: Survival, other: Seat<'_>) -> bool {
        let near = goal != Survival::Zone || other.region == self.region;
        near && self.survives_by(goal, other)
    }
}

/// A standby that is there or on its way, and could lead one day: on a node that is heard, where the law lets it lead.
pub(crate) fn counts(
    state: &State,
    silent: &BTreeSet<NodeId>,
    shard: &ShardId,
    config: &ShardConfig,
    copy: &ShardCopy,
) -> bool {
    if planted(Planted::OnItsWayForgotten) && copy.state != CopyState::InSync {
        return false;
    }
    let whole = copy.state != CopyState::Damaged && !config.retiring.contains(&copy.replica);
    let seat = Seat::of(state, &copy.node);
    let lawful = |seat: Seat<'_>| law::may_stand_by(state, shard, seat.region).is_ok();
    whole && !silent.contains(&copy.node) && seat.is_some_and(lawful)
}

/// Whether the standbys let the shard survive what `goal` says, once those on their way have arrived.
pub(crate) fn is_met(
    state: &State,
    silent: &BTreeSet<NodeId>,
    shard: &ShardId,
    config: &ShardConfig,
    goal: Survival,
) -> bool {
    if goal == Survival::None || planted(Planted::AllIsWell) {
        return true;
    }
    let Some(primary) = Seat::of(state, &config.primary.node) else {
        return false;
    };
    let counted = config
        .standbys
        .iter()
        .filter(|copy| counts(state, silent, shard, config, copy));
    let mut seats = counted.filter_map(|copy| Seat::of(state, &copy.node));
    seats.any(|other| primary.survives_by(goal, other))
}
