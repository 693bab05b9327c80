//! The world as this controller knows it.

use std::sync::Arc;

use platform_wire::report::Heartbeat;
use platform_wire::{FRAME_VERSION, pb};

use super::Parts;

/// From what was applied here; reports of nodes only if this controller leads.
pub(super) async fn local(parts: &Parts) -> pb::StatusReply {
    let state = Arc::clone(&parts.raft.state().borrow());
    let reports = if parts.raft.is_leader() {
        parts.beats.all()
    } else {
        Vec::new()
    };
    let shards = state.shards.iter().map(|(id, record)| pb::ShardRecord {
        shard: id.to_string(),
        generation: record.generation.0,
        epoch: record.epoch.0,
        cell: record.cell.to_string(),
        primary: record
            .primary
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    });
    let cells = state.cells.iter().map(|(id, record)| pb::CellRecord {
        cell: id.to_string(),
        generation: record.generation.0,
    });
    pb::StatusReply {
        version: FRAME_VERSION,
        world: parts.world.to_string(),
        controller: parts.name.to_string(),
        controller_id: parts.id,
        initialized: parts.raft.initialized().await,
        world_made: state.made.is_some(),
        leader: parts
            .raft
            .leader()
            .map(|(id, address)| pb::Leader { id, address }),
        members: parts
            .raft
            .members()
            .into_iter()
            .map(|(id, address)| pb::Member { id, address })
            .collect(),
        table: Some((&state.table()).into()),
        reports: reports.into_iter().map(report).collect(),
        shards: shards.collect(),
        cells: cells.collect(),
    }
}

fn report((beat, age_ms): (Heartbeat, u64)) -> pb::NodeReport {
    pb::NodeReport {
        node: beat.node.to_string(),
        incarnation: beat.incarnation.0,
        table_generation: beat.table_generation.0,
        shards_open: beat.shards_open,
        age_ms,
    }
}
