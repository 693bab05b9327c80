//! The state of the world as a controller tells it.

use platform_model::{CellId, Epoch, Generation, Incarnation, InvalidId, NodeId, RoutingTable, ShardId};

use crate::convert::InvalidTable;
use crate::pb;

/// What one controller knows, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldStatus {
    /// Who answers: the name in its certificate, and its Raft id.
    pub controller: String,
    pub controller_id: u64,
    /// Whether Raft ever ran there.
    pub initialized: bool,
    /// Whether the world was made.
    pub world_made: bool,
    pub leader: Option<Member>,
    /// Voters and learners.
    pub members: Vec<Member>,
    pub table: RoutingTable,
    /// What nodes last reported; empty if it is not the leader that answers.
    pub reports: Vec<NodeReport>,
    /// Every shard, also those without a primary yet.
    pub shards: Vec<ShardRecord>,
    /// Generations of the cells' records.
    pub cells: Vec<(CellId, Generation)>,
    /// How far the one that answers is; none from builds that do not tell it.
    pub insight: Option<Insight>,
    /// None from builds that know no pause.
    pub automation: Option<Automation>,
}

/// How far one controller is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Insight {
    /// Index of the last command of the log that was applied there.
    pub position: u64,
    /// Of the last command; two states at the same `state_ms` and `ledger` must be equal.
    pub state_ms: u64,
    /// Sequence of the last entry of the ledger.
    pub ledger: u64,
    /// Of the whole state; empty unless it was asked for.
    pub state_digest: Vec<u8>,
    /// Its clock, in milliseconds since 1970.
    pub clock_ms: u64,
}

/// Whether the controllers act by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Automation {
    pub generation: Generation,
    pub paused: Option<Paused>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    pub since_ms: u64,
    /// SPIFFE id.
    pub by: String,
    pub reason: String,
}

/// A controller: its Raft id and its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: u64,
    pub address: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeReport {
    pub node: NodeId,
    pub incarnation: Incarnation,
    pub table_generation: Generation,
    pub shards_open: u32,
    /// Milliseconds since the leader heard it.
    pub age_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardRecord {
    pub shard: ShardId,
    pub generation: Generation,
    pub epoch: Epoch,
    /// The cell that the shard is meant for.
    pub cell: CellId,
    pub primary: Option<NodeId>,
}

/// A status that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum InvalidStatus {
    #[error(transparent)]
    Table(#[from] InvalidTable),
    #[error(transparent)]
    Id(#[from] InvalidId),
    #[error("the status has no table")]
    NoTable,
}

impl TryFrom<pb::StatusReply> for WorldStatus {
    type Error = InvalidStatus;

    fn try_from(wire: pb::StatusReply) -> Result<Self, InvalidStatus> {
        let table = wire.table.ok_or(InvalidStatus::NoTable)?;
        let cells = wire
            .cells
            .into_iter()
            .map(|c| Ok((c.cell.parse()?, Generation(c.generation))));
        Ok(Self {
            controller: wire.controller,
            controller_id: wire.controller_id,
            initialized: wire.initialized,
            world_made: wire.world_made,
            leader: wire.leader.map(|l| Member {
                id: l.id,
                address: l.address,
            }),
            members: wire
                .members
                .into_iter()
                .map(|m| Member {
                    id: m.id,
                    address: m.address,
                })
                .collect(),
            table: table.try_into()?,
            reports: wire.reports.into_iter().map(report).collect::<Result<_, _>>()?,
            shards: wire.shards.into_iter().map(shard).collect::<Result<_, _>>()?,
            cells: cells.collect::<Result<_, InvalidId>>()?,
            insight: wire.insight.map(insight),
            automation: wire.automation.map(automation),
        })
    }
}

fn insight(wire: pb::Insight) -> Insight {
    Insight {
        position: wire.position,
        state_ms: wire.state_ms,
        ledger: wire.ledger,
        state_digest: wire.state_digest,
        clock_ms: wire.clock_ms,
    }
}

fn automation(wire: pb::Automation) -> Automation {
    Automation {
        generation: Generation(wire.generation),
        paused: wire.paused.map(|paused| Paused {
            since_ms: paused.since_ms,
            by: paused.by,
            reason: paused.reason,
        }),
    }
}

fn report(wire: pb::NodeReport) -> Result<NodeReport, InvalidId> {
    Ok(NodeReport {
        node: wire.node.parse()?,
        incarnation: Incarnation(wire.incarnation),
        table_generation: Generation(wire.table_generation),
        shards_open: wire.shards_open,
        age_ms: wire.age_ms,
    })
}

fn shard(wire: pb::ShardRecord) -> Result<ShardRecord, InvalidId> {
    let primary = if wire.primary.is_empty() {
        None
    } else {
        Some(wire.primary.parse()?)
    };
    Ok(ShardRecord {
        shard: wire.shard.parse()?,
        generation: Generation(wire.generation),
        epoch: Epoch(wire.epoch),
        cell: wire.cell.parse()?,
        primary,
    })
}
