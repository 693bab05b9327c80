//! The world as this controller knows it.

use std::sync::Arc;

use control_plane_ledger::Digest;
use control_plane_state::State;
use platform_wire::report::Heartbeat;
use platform_wire::{FRAME_VERSION, pb};

use super::Parts;

/// From what was applied here; reports of nodes only if this controller leads. `digest`: of the whole state, too.
pub(super) async fn local(parts: &Parts, digest: bool) -> pb::StatusReply {
    let state = Arc::clone(&parts.raft.state().borrow());
    let reports = if parts.raft.is_leader() {
        parts.beats.all()
    } else {
        Vec::new()
    };
    let shards = state.shards.iter().map(|(id, record)| pb::ShardRecord {
        shard: id.to_string(),
        generation: record.generation.0,
        epoch: record.epoch().0,
        cell: record.cell.to_string(),
        primary: record.primary().map(ToString::to_string).unwrap_or_default(),
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
        automation: Some(automation(&state)),
        copies: copies(parts),
        recovering: recovering(parts, &state),
        insight: Some(insight(parts, &state, digest).await),
    }
}

/// From the leader's memory; nothing from a follower.
fn copies(parts: &Parts) -> Vec<pb::HeardCopy> {
    let seen = parts.shards.look(|leader, _, now| leader.seen(now));
    let seen = seen.unwrap_or_default().into_iter().map(|copy| pb::HeardCopy {
        report: Some((&copy.report).into()),
        age_ms: copy.age_ms,
    });
    seen.collect()
}

/// Whom the leader waits for; a follower knows only that it does.
fn recovering(parts: &Parts, state: &State) -> Option<pb::Recovering> {
    if state.is_recovered() {
        return None;
    }
    let known = parts
        .shards
        .look(|leader, state, _| (leader.awaited(state), leader.not_adopted(state)));
    let (waits_for, not_adopted) = known.unwrap_or_default();
    Some(pb::Recovering {
        shards: u32::try_from(state.recovery.unsure.len()).unwrap_or(u32::MAX),
        waits_for: waits_for.iter().map(ToString::to_string).collect(),
        not_adopted,
        law_is_behind: state.recovery.is_over() && state.law_is_behind(),
    })
}

async fn insight(parts: &Parts, state: &Arc<State>, digest: bool) -> pb::Insight {
    let state_digest = if digest {
        digest_of(state).await
    } else {
        Vec::new()
    };
    pb::Insight {
        position: parts.raft.status().applied.unwrap_or(0),
        state_ms: state.time_ms,
        ledger: state.ledger.head().sequence,
        state_digest,
        clock_ms: parts.clock.unix_ms(),
    }
}

/// Of the state as it is stored. Takes time in its size: not on a thread that serves.
async fn digest_of(state: &Arc<State>) -> Vec<u8> {
    let state = Arc::clone(state);
    let digest = tokio::task::spawn_blocking(move || {
        let stored = serde_json::to_vec(&*state).expect("ids, numbers and texts always write");
        Digest::of("meridian state", &stored).as_bytes().to_vec()
    });
    digest.await.unwrap_or_default()
}

fn automation(state: &State) -> pb::Automation {
    pb::Automation {
        generation: state.automation.generation.0,
        paused: state.automation.paused.as_ref().map(|paused| pb::Paused {
            since_ms: paused.since_ms,
            by: paused.by.clone(),
            reason: paused.reason.clone(),
        }),
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
