//! Where every copy is: what the state intends, beside what each node says of itself, each judged by the law in force.
//! Built anew for each question, at the leader, and signed.

use std::collections::{BTreeMap, BTreeSet};

use control_plane_state::State;
use control_plane_state::shard_config::ShardCopy;
use control_plane_state::state::ShardRecord;
use platform_model::{CopyState, NodeId, RegionId, ShardId};
use platform_wire::law;
use platform_wire::report::{Heartbeat, HeldCopy};
use platform_wire::{FRAME_VERSION, Refusal, RefusalCode, pb};

use super::Parts;

/// What a copy is there for: one of these, or why it cannot stand in yet.
const PRIMARY: &str = "primary";
const STANDBY: &str = "standby";

/// The report of this moment, signed by this controller.
///
/// # Errors
/// When its key cannot sign.
pub(super) fn signed(parts: &Parts) -> Result<pb::ResidencyReply, Refusal> {
    let state = parts.raft.state();
    let report = report(parts, &state.borrow(), &parts.beats.all());
    law::signed(&report, &parts.identity)
        .map_err(|error| Refusal::new(RefusalCode::Internal, error.to_string()))
}

type Seen<'a> = BTreeMap<(&'a ShardId, &'a NodeId), (&'a HeldCopy, u64)>;

fn report(parts: &Parts, state: &State, beats: &[(Heartbeat, u64)]) -> pb::ResidencyReport {
    let mut seen = Seen::new();
    for (beat, age_ms) in beats {
        for copy in &beat.copies {
            seen.insert((&copy.shard, &beat.node), (copy, *age_ms));
        }
    }
    let intended: BTreeSet<(&ShardId, &NodeId)> = state
        .shards
        .iter()
        .flat_map(|(shard, record)| all(record).map(move |copy| (shard, &copy.node)))
        .collect();
    let copies = state.shards.iter().flat_map(|(shard, record)| {
        let primary = primary(state, shard, record, &seen);
        let standbys = all(record).skip(1);
        let standbys = standbys.filter_map(|copy| standby(state, shard, record, copy, &seen));
        std::iter::once(primary).chain(standbys.collect::<Vec<_>>())
    });
    let unintended = seen
        .iter()
        .filter(|(place, _)| !intended.contains(*place))
        .filter_map(|((shard, node), (copy, age_ms))| stray(state, shard, node, copy, *age_ms));
    let head = state.ledger.head();
    pb::ResidencyReport {
        version: FRAME_VERSION,
        world: state.world.to_string(),
        controller: parts.name.to_string(),
        time_ms: state.time_ms.max(parts.clock.unix_ms()),
        table_generation: state.table_generation.0,
        in_force: state.table().law.as_ref().map(Into::into),
        copies: copies.collect(),
        unintended: unintended.collect(),
        ledger_sequence: head.sequence,
        ledger_hash: head.hash.as_bytes().to_vec(),
    }
}

/// The copies that are intended, the primary first; none until there is one.
fn all(record: &ShardRecord) -> impl Iterator<Item = &ShardCopy> {
    record.config.iter().flat_map(|config| config.copies())
}

fn primary(state: &State, shard: &ShardId, record: &ShardRecord, seen: &Seen<'_>) -> pb::ShardCopy {
    let region = state.cells.get(&record.cell).map(|cell| cell.region.clone());
    let (rules, denied) = judged(state, shard, region.as_ref(), Part::Primary);
    let node = record.primary();
    let (current, earlier) = match record.epochs.split_last() {
        Some((current, earlier)) => (Some(current), earlier),
        None => (None, [].as_slice()),
    };
    let seen = node.and_then(|node| Some((node, seen.get(&(shard, node))?)));
    pb::ShardCopy {
        shard: shard.to_string(),
        role: PRIMARY.to_owned(),
        cell: record.cell.to_string(),
        region: region.map(|region| region.to_string()).unwrap_or_default(),
        node: node.map(ToString::to_string).unwrap_or_default(),
        epoch: record.epoch().0,
        since_ms: current.map_or(0, |current| current.since_ms),
        rules,
        denied,
        seen: seen.map(|(node, (copy, age_ms))| told(node, copy, *age_ms)),
        earlier: earlier
            .iter()
            .map(|entry| pb::EarlierHolder {
                node: entry.node.to_string(),
                region: region_of(state, &entry.node)
                    .map(|region| region.to_string())
                    .unwrap_or_default(),
                epoch: entry.epoch.0,
                since_ms: entry.since_ms,
            })
            .collect(),
    }
}

/// A copy that follows the primary. Since when it is there nobody has kept.
fn standby(
    state: &State,
    shard: &ShardId,
    record: &ShardRecord,
    copy: &ShardCopy,
    seen: &Seen<'_>,
) -> Option<pb::ShardCopy> {
    let region = region_of(state, &copy.node)?;
    let (rules, denied) = judged(state, shard, Some(region), Part::Standby);
    let seen = seen.get(&(shard, &copy.node));
    Some(pb::ShardCopy {
        shard: shard.to_string(),
        role: match copy.state {
            CopyState::InSync => STANDBY,
            CopyState::CatchingUp => "catching-up",
            CopyState::Copying => "copying",
            CopyState::Damaged => "damaged",
        }
        .to_owned(),
        cell: copy.node.cell.to_string(),
        region: region.to_string(),
        node: copy.node.to_string(),
        epoch: record.epoch().0,
        rules,
        denied,
        seen: seen.map(|(held, age_ms)| told(&copy.node, held, *age_ms)),
        ..pb::ShardCopy::default()
    })
}

/// A copy that a node holds and nothing intends.
fn stray(
    state: &State,
    shard: &ShardId,
    node: &NodeId,
    copy: &HeldCopy,
    age_ms: u64,
) -> Option<pb::ShardCopy> {
    let region = region_of(state, node)?;
    let (rules, denied) = judged(state, shard, Some(region), Part::Primary);
    Some(pb::ShardCopy {
        shard: shard.to_string(),
        role: PRIMARY.to_owned(),
        cell: node.cell.to_string(),
        region: region.to_string(),
        node: node.to_string(),
        epoch: copy.epoch.0,
        rules,
        denied,
        seen: Some(told(node, copy, age_ms)),
        ..pb::ShardCopy::default()
    })
}

fn told(node: &NodeId, copy: &HeldCopy, age_ms: u64) -> pb::SeenCopy {
    pb::SeenCopy {
        node: node.to_string(),
        age_ms,
        epoch: copy.epoch.0,
        law_revision: copy.law_revision,
        rules: copy.rules.clone(),
        denied: copy.denied.clone().unwrap_or_default(),
    }
}

fn region_of<'a>(state: &'a State, node: &NodeId) -> Option<&'a RegionId> {
    state.cells.get(&node.cell).map(|cell| &cell.region)
}

/// What the law is asked about.
enum Part {
    Primary,
    Standby,
}

/// Ids of the rules that permit a copy there, or why it may not be there.
fn judged(state: &State, shard: &ShardId, region: Option<&RegionId>, part: Part) -> (Vec<String>, String) {
    let Some(matrix) = state.law.matrix() else {
        return (Vec::new(), "no law is in force".to_owned());
    };
    let Some(region) = region else {
        return (Vec::new(), "its cell is not known".to_owned());
    };
    let permitted = match part {
        Part::Primary => matrix.may_serve(shard, region),
        Part::Standby => matrix.may_stand_by(shard, region),
    };
    match permitted {
        Ok(rules) => (rules.into_iter().map(str::to_owned).collect(), String::new()),
        Err(denied) => (Vec::new(), denied.to_string()),
    }
}
