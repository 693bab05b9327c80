//! The state of the world as a controller tells it.

use platform_model::{CellId, Epoch, Generation, Incarnation, InvalidId, NodeId, RoutingTable, ShardId};

use crate::convert::InvalidTable;
use crate::pb;
use crate::replicas::{CopyReport, InvalidReplicas};

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
    /// How copies stand, as the leader heard it last; empty if it is not the leader that answers.
    pub copies: Vec<HeardCopy>,
    /// Only while it is not known of every shard of a recovered world who holds it.
    pub recovering: Option<Recovering>,
}

/// What a recovered world waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovering {
    /// Shards of which it is not known who holds them.
    pub shards: u32,
    /// Nodes that may know, and have not told; empty if it is not the leader that answers.
    pub waits_for: Vec<NodeId>,
    /// Nodes go by a later law than the one in force: it waits for being proposed and approved anew.
    pub law_is_behind: bool,
    /// Why shards are not adopted of which everybody has told; a few of them.
    pub not_adopted: Vec<String>,
}

/// What a node last said of one copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardCopy {
    pub report: CopyReport,
    /// Milliseconds since the leader heard it.
    pub age_ms: u64,
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
    #[error(transparent)]
    Copy(#[from] InvalidReplicas),
    #[error("the status has no table")]
    NoTable,
    #[error("a copy that was seen has no report")]
    NoReport,
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
            copies: wire.copies.into_iter().map(heard).collect::<Result<_, _>>()?,
            recovering: wire.recovering.map(recovering).transpose()?,
        })
    }
}

fn heard(wire: pb::HeardCopy) -> Result<HeardCopy, InvalidStatus> {
    let report = wire.report.ok_or(InvalidStatus::NoReport)?;
    Ok(HeardCopy {
        report: report.try_into()?,
        age_ms: wire.age_ms,
    })
}

fn recovering(wire: pb::Recovering) -> Result<Recovering, InvalidId> {
    let waits_for = wire.waits_for.iter().map(|node| node.parse());
    Ok(Recovering {
        shards: wire.shards,
        waits_for: waits_for.collect::<Result<_, _>>()?,
        law_is_behind: wire.law_is_behind,
        not_adopted: wire.not_adopted,
    })
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

#[cfg(test)]
mod tests {
    use platform_model::{Generation, Position, ReplicaId, Term};

    use super::*;

    #[test]
    fn a_copy_is_read_as_it_was_written_and_one_without_a_report_is_refused() {
        let report = CopyReport {
            shard: "eu/eu-central/007".parse().expect("a shard"),
            replica: ReplicaId(7),
            generation: Generation(3),
            term: Term::default(),
            last: Position(9),
            chain: 1,
            committed: Position(8),
            leads: true,
            serves: true,
            silent_micros: 0,
            state: "leading".into(),
            copied_bytes: 0,
            copy_bytes_per_second: 0,
            copy_left_bytes: 0,
            commits_per_second: 2,
            p99_micros: 3,
            stalled_micros: 0,
            bytes: 4,
        };
        let wire = pb::HeardCopy {
            report: Some((&report).into()),
            age_ms: 12,
        };
        let seen = HeardCopy { report, age_ms: 12 };
        assert_eq!(heard(wire).expect("whole"), seen);
        assert!(matches!(
            heard(pb::HeardCopy::default()),
            Err(InvalidStatus::NoReport)
        ));
    }
}
