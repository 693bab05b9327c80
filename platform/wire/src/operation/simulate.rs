//! What would become of every shard if something were lost.

use platform_model::{CellId, InvalidId, NodeId, RegionId, ShardId};

use super::convert::{InvalidOperation, SHARDS_MAX, few, said, word, words};
use crate::pb;

/// What is supposed to be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lose {
    Cell(CellId),
    Node(NodeId),
    Region(RegionId),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulation {
    /// Those that have a copy in what would be lost.
    pub shards: Vec<SimulatedShard>,
    /// What would be left to take copies.
    pub head_room: Vec<HeadRoom>,
    /// People of the homes concerned; `None`: nobody counts them.
    pub users: Option<u64>,
    pub time_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedShard {
    pub shard: ShardId,
    /// `serves-on`, `fails-over`, `stops` or `lost`.
    pub outcome: String,
    pub primary: NodeId,
    /// Who would lead; `None`: nobody.
    pub successor: Option<NodeId>,
    /// Time without an acknowledged write; `None`: until somebody acts.
    pub rto_ms: Option<u64>,
    /// Acknowledged sync writes that would be lost; `None`: all of them.
    pub rpo_entries: Option<u64>,
    /// Acknowledged async writes that would be lost at most, as entries of the log; `None`: all of them.
    pub rpo_async_entries: Option<u64>,
    /// Ids of the rules that permit the successor to lead where it is.
    pub rules: Vec<String>,
    /// Whether the home's goal would still be met.
    pub goal_met: bool,
    /// Why it could not be met any more.
    pub infeasible: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadRoom {
    pub region: RegionId,
    pub nodes: u32,
    pub copies: u32,
    pub copies_max: u32,
}

impl From<&Lose> for pb::simulate_request::Lose {
    fn from(lose: &Lose) -> Self {
        match lose {
            Lose::Cell(cell) => Self::Cell(cell.to_string()),
            Lose::Node(node) => Self::Node(node.to_string()),
            Lose::Region(region) => Self::Region(region.to_string()),
        }
    }
}

impl TryFrom<pb::simulate_request::Lose> for Lose {
    type Error = InvalidId;

    fn try_from(wire: pb::simulate_request::Lose) -> Result<Self, InvalidId> {
        Ok(match wire {
            pb::simulate_request::Lose::Cell(cell) => Self::Cell(cell.parse()?),
            pb::simulate_request::Lose::Node(node) => Self::Node(node.parse()?),
            pb::simulate_request::Lose::Region(region) => Self::Region(region.parse()?),
        })
    }
}

impl From<&Simulation> for pb::SimulateReply {
    fn from(simulation: &Simulation) -> Self {
        let head_room = simulation.head_room.iter().map(|room| pb::HeadRoom {
            region: room.region.to_string(),
            nodes: room.nodes,
            copies: room.copies,
            copies_max: room.copies_max,
        });
        Self {
            version: crate::FRAME_VERSION,
            shards: simulation.shards.iter().map(Into::into).collect(),
            head_room: head_room.collect(),
            users: simulation.users,
            time_ms: simulation.time_ms,
        }
    }
}

impl From<&SimulatedShard> for pb::SimulatedShard {
    fn from(shard: &SimulatedShard) -> Self {
        Self {
            shard: shard.shard.to_string(),
            outcome: shard.outcome.clone(),
            primary: shard.primary.to_string(),
            successor: shard
                .successor
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            rto_ms: shard.rto_ms,
            rpo_entries: shard.rpo_entries,
            rpo_async_entries: shard.rpo_async_entries,
            rules: shard.rules.clone(),
            goal_met: shard.goal_met,
            infeasible: shard.infeasible.clone().unwrap_or_default(),
        }
    }
}

impl TryFrom<pb::SimulateReply> for Simulation {
    type Error = InvalidOperation;

    fn try_from(wire: pb::SimulateReply) -> Result<Self, InvalidOperation> {
        few("shards", wire.shards.len(), SHARDS_MAX)?;
        few("regions", wire.head_room.len(), SHARDS_MAX)?;
        let head_room = wire.head_room.into_iter().map(|room| {
            Ok(HeadRoom {
                region: room.region.parse()?,
                nodes: room.nodes,
                copies: room.copies,
                copies_max: room.copies_max,
            })
        });
        Ok(Self {
            shards: wire.shards.into_iter().map(shard).collect::<Result<_, _>>()?,
            head_room: head_room.collect::<Result<_, InvalidId>>()?,
            users: wire.users,
            time_ms: wire.time_ms,
        })
    }
}

fn shard(wire: pb::SimulatedShard) -> Result<SimulatedShard, InvalidOperation> {
    let successor = said(wire.successor).map(|node| node.parse()).transpose()?;
    Ok(SimulatedShard {
        shard: wire.shard.parse()?,
        outcome: word("outcome", wire.outcome)?,
        primary: wire.primary.parse()?,
        successor,
        rto_ms: wire.rto_ms,
        rpo_entries: wire.rpo_entries,
        rpo_async_entries: wire.rpo_async_entries,
        rules: words("rules", wire.rules)?,
        goal_met: wire.goal_met,
        infeasible: said(wire.infeasible),
    })
}
