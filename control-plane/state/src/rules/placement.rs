//! Where a shard lies. The law first: in a region where it may not be, whatever else is so. Then structure: its cell is
//! known and open, and in the region of its home (of a home of its jurisdiction, for a directory shard).
//!
//! A shard gets its first primary when a node of its cell has registered that takes shards (all that share a store, else
//! ordinal 0), the cell is open, and the law in force permits it there.

use control_plane_ledger::Digest;
use platform_model::replica_set::LEASE_MICROS;
use platform_model::{CellId, CellState, Generation, NodeId, ReplicaId, ShardId, WorldId};

use crate::changes::Changes;
use crate::limits::SHARDS_MAX;
use crate::refusal::{Counted, Refusal};
use crate::rules::shard::copies_on;
use crate::rules::{count, law};
use crate::shard_config::ShardConfig;
use crate::state::{CellRecord, ShardRecord, State};

/// The node of a cell that takes its shards where nodes share nothing.
const FIRST_NODE: u16 = 0;

/// Gives a shard that nobody serves yet to another cell.
pub(crate) fn place(
    state: &mut State,
    shard: &ShardId,
    cell: &CellId,
    expected: Generation,
) -> Result<Changes, Refusal> {
    let record = state
        .shards
        .get(shard)
        .ok_or_else(|| Refusal::UnknownShard(shard.clone()))?;
    if record.generation != expected {
        let have = record.generation;
        return Err(Refusal::GenerationMismatch {
            record: format!("shard {shard}"),
            have,
            expected,
        });
    }
    let is_missed = state.recovery.missed.contains(shard);
    if record.cell == *cell && !is_missed {
        return Ok(Changes::default());
    }
    may_hold(state, shard, cell)?;
    if let Some(primary) = record.primary() {
        return Err(Refusal::ShardServed {
            shard: shard.clone(),
            primary: primary.clone(),
        });
    }
    // Whoever commands it knows that a node which is given up may have served it.
    state.recovery.missed.remove(shard);
    if let Some(record) = state.shards.get_mut(shard) {
        record.cell = cell.clone();
        record.generation = record.generation.next();
    }
    let mut changes = Changes {
        hidden: true,
        ..Changes::default()
    };
    changes.add(fill(state, cell));
    Ok(changes)
}

/// Whether `cell` may take `shard` anew.
pub(crate) fn may_hold(state: &State, shard: &ShardId, cell: &CellId) -> Result<(), Refusal> {
    let record = state
        .cells
        .get(cell)
        .ok_or_else(|| Refusal::UnknownCell(cell.clone()))?;
    law::may_be_meant_for(state, shard, cell, &record.region)?;
    if record.state == CellState::Cordoned {
        return Err(Refusal::CellCordoned(cell.clone()));
    }
    let found = record.region.clone();
    match shard.home() {
        Some(home) if home.region == found => Ok(()),
        Some(home) => {
            let wanted = home.region.clone();
            Err(Refusal::OutsideHomeRegion {
                shard: shard.clone(),
                wanted,
                cell: cell.clone(),
                found,
            })
        }
        None => {
            let jurisdiction = shard.jurisdiction().clone();
            let ours =
                |home: &platform_model::HomeId| home.jurisdiction == jurisdiction && home.region == found;
            if state.homes.keys().any(ours) {
                return Ok(());
            }
            Err(Refusal::OutsideJurisdiction {
                jurisdiction,
                cell: cell.clone(),
                found,
            })
        }
    }
}

/// Whether so many more shards fit into the world.
pub(crate) fn room_for(state: &State, more: usize) -> Result<(), Refusal> {
    count(Counted::Shards, state.shards.len() + more, SHARDS_MAX)
}

/// Adds new shards, meant for `cell`, and gives them a primary if one is there.
pub(crate) fn add(state: &mut State, shards: Vec<ShardId>, cell: &CellId) -> Changes {
    for shard in shards {
        let record = ShardRecord {
            generation: state.first_generation(),
            cell: cell.clone(),
            config: None,
            epochs: Vec::new(),
        };
        state.shards.insert(shard, record);
    }
    let mut changes = Changes {
        hidden: true,
        ..Changes::default()
    };
    changes.add(fill(state, cell));
    changes
}

/// As [`fill`], where nobody has commanded it: it waits while automation is paused.
pub(crate) fn fill_unasked(state: &mut State, cell: &CellId) -> Changes {
    match state.automation.paused {
        Some(_) => Changes::default(),
        None => fill(state, cell),
    }
}

/// Nodes that take a cell's shards, with the copies that they have: all that share its store, or else the first.
fn takers(state: &State, cell: &CellId) -> Vec<(usize, NodeId)> {
    let first = NodeId {
        cell: cell.clone(),
        ordinal: FIRST_NODE,
    };
    let there = state.nodes.iter().filter(|(node, _)| node.cell == *cell);
    let sharing = there.filter(|(_, record)| record.store.is_some());
    let mut takers: Vec<NodeId> = sharing.map(|(node, _)| node.clone()).collect();
    if takers.is_empty() && state.nodes.contains_key(&first) {
        takers.push(first);
    }
    let load = |node: NodeId| (copies_on(state, &node), node);
    takers.into_iter().map(load).collect()
}

/// Gives every shard that waits for `cell` its first primary, if the cell is open and a node is known that takes it. In a
/// world that was just recovered nobody knows yet which shards wait; those that a node which is given up may have do not.
pub(crate) fn fill(state: &mut State, cell: &CellId) -> Changes {
    let open = |record: &&CellRecord| record.state == CellState::Open;
    let mut changes = Changes::default();
    if !state.is_recovered() {
        return changes;
    }
    let Some(region) = state
        .cells
        .get(cell)
        .filter(open)
        .map(|record| record.region.clone())
    else {
        return changes;
    };
    let mut takers = takers(state, cell);
    let (since_ms, epoch) = (state.time_ms, state.first_epoch());
    for (shard, record) in &mut state.shards {
        let waits = record.cell == *cell && record.config.is_none() && !state.recovery.missed.contains(shard);
        if waits && law::may_keep(&state.law, shard, &region).is_ok() {
            let generation = record.generation.next();
            let replica = first_replica(&state.world, shard, generation);
            let Some((load, node)) = takers.iter_mut().min() else {
                break;
            };
            *load += 1;
            let mut config = ShardConfig::new(node.clone(), replica, LEASE_MICROS);
            config.generation = generation;
            (config.epoch, config.epoch_max) = (epoch, epoch);
            record.follow(config, since_ms);
            changes.shards.insert(shard.clone());
        }
    }
    changes
}

/// The name of a shard's first copy. A name is random, so that no two copies ever have one; this one is drawn from what
/// never comes twice, for whoever applies the command must draw the same.
pub(crate) fn first_replica(world: &WorldId, shard: &ShardId, generation: Generation) -> ReplicaId {
    let text = format!("{world} {shard} {generation}");
    name_from(Digest::of("meridian first copy", text.as_bytes()))
}

/// The name that a digest stands for: its first half; never that which is no name.
pub(crate) fn name_from(digest: Digest) -> ReplicaId {
    let half = digest.as_bytes()[..16].iter();
    let number = half.fold(0u128, |number, byte| number << 8 | u128::from(*byte));
    ReplicaId(number.max(1))
}
