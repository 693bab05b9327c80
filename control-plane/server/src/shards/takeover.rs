//! Cells whose nodes share a store: the copies of a node that does not report, or is about to stop, go to the others,
//! with what is left of copies and is to be erased; and a node that has more than its share gives of it. Nothing is
//! copied.
//!
//! One witness is enough here: the store's fence shuts out whoever had the shard, and whoever takes it waits until that one
//! reads no more. A node that only lost the controllers loses its shards too; that costs a pause and nothing else. So most
//! nodes of a store may be silent, as long as those elsewhere say that it is not the controllers who do not hear.

use std::collections::{BTreeMap, BTreeSet};

use control_plane_state::State;
use control_plane_state::shard_config::{ConfigCommand, ConfigPhase, ShardConfig};
use platform_model::thresholds::{BALANCE_AFTER_MS, BALANCE_EVERY_MS, MISSING_MS};
use platform_model::{CellId, NodeId, ReplicaId, ShardId};

use super::act::Act;
use super::leader::Leader;
use super::repair::copies_held;
use super::silence::Silence;

/// How long what is left of a copy is left where it is, once it was given to another and nothing came of that: controllers of
/// an earlier build refuse it each time.
const REMAINS_AGAIN_MICROS: u64 = 30_000_000;

/// What this leader remembers of a cell whose nodes share a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evenness {
    nodes: Vec<NodeId>,
    /// Since when exactly these report.
    since_micros: u64,
    moved_micros: u64,
}

impl Leader {
    /// Gives the copies of nodes that do not report, or are about to stop, to others on the same store.
    pub fn take_over(&mut self, now_micros: u64, state: &State) -> Vec<Act> {
        let mut acts = Vec::new();
        if !self.has_listened(now_micros) {
            return acts;
        }
        let sharing = state.nodes.iter().filter(|(_, record)| record.store.is_some());
        let (staying, mut going): (Vec<&NodeId>, Vec<&NodeId>) = sharing
            .map(|(node, _)| node)
            .partition(|node| self.stays(now_micros, node));
        going.retain(|node| self.may_take_from(now_micros, state, node));
        if going.is_empty() || staying.is_empty() {
            return acts;
        }
        let mut loads = copies_held(state);
        for (shard, config) in configs(state) {
            let given = lost(config, &going).find_map(|(replica, from)| {
                // Who is about to stop hands over to a standby if he can: that ends first.
                if config.phase != ConfigPhase::Steady && self.is_heard(now_micros, from) {
                    return None;
                }
                let remains = !config.names(replica);
                if remains && self.gave_remains(now_micros, shard) {
                    return None;
                }
                let holder = remains.then(|| holder_there(state, config, from)).flatten();
                let able = staying.iter().filter(|node| {
                    state.share_a_store(from, node) && holder.is_none_or(|holder| holder == **node)
                });
                let node = able.min_by_key(|node| (load(&loads, node), (**node).clone()))?;
                Some((replica, from, *node))
            });
            let Some((replica, from, node)) = given else {
                continue;
            };
            let why = if self.is_heard(now_micros, from) {
                "is about to stop"
            } else {
                "does not report"
            };
            let reason = format!("{from} {why}, and {node} is on the same store");
            let act = take(shard, config, replica, node, reason);
            let act = if config.names(replica) {
                self.give(now_micros, act)
            } else {
                self.give_remains(now_micros, act)
            };
            if let Some(act) = act {
                *loads.entry(node.clone()).or_default() += 1;
                acts.push(act);
            }
        }
        acts
    }

    /// As [`Self::give`], for what is left of copies: seldom, as long as nothing comes of it.
    pub(super) fn give_remains(&mut self, now_micros: u64, act: Act) -> Option<Act> {
        if self.gave_remains(now_micros, &act.shard) {
            return None;
        }
        let act = self.give(now_micros, act)?;
        self.watched(&act.shard).remains_given_micros = Some(now_micros);
        Some(act)
    }

    fn gave_remains(&self, now_micros: u64, shard: &ShardId) -> bool {
        let given = self.shards.get(shard);
        let given = given.and_then(|watched| watched.remains_given_micros);
        given.is_some_and(|given| now_micros.saturating_sub(given) < REMAINS_AGAIN_MICROS)
    }

    /// Whether a shard whose primary seems dead goes to another node on its store rather than to a standby elsewhere:
    /// its own node does not report, or may just have said its last word (without its copies), and another reports.
    pub(super) fn goes_to_its_store(
        &self,
        now_micros: u64,
        state: &State,
        shard: &ShardId,
        config: &ShardConfig,
    ) -> bool {
        let node = &config.primary.node;
        let able = |other: &NodeId| {
            other != node && state.share_a_store(node, other) && self.stays(now_micros, other)
        };
        if !self.may_take_from(now_micros, state, node) || !state.nodes.keys().any(able) {
            return false;
        }
        let watched = self.shards.get(shard);
        let copy = watched.and_then(|watched| watched.copy(config.primary.replica));
        let lately =
            copy.is_some_and(|seen| now_micros.saturating_sub(seen.at_micros) < 2 * MISSING_MS * 1_000);
        lately || !self.is_heard(now_micros, node)
    }

    /// Whether others on a node's store may be given what it holds: as anything may be begun, or else when those who do not
    /// share that store are heard. Where they are silent too it is more likely the controllers who do not hear, and whoever
    /// is left would be given everything; of two stores that lost most of their nodes at once neither is given.
    fn may_take_from(&self, now_micros: u64, state: &State, node: &NodeId) -> bool {
        if self.may_begin(state) {
            return true;
        }
        let elsewhere = self
            .holders
            .iter()
            .filter(|other| !state.share_a_store(node, other));
        let elsewhere: BTreeSet<NodeId> = elsewhere.cloned().collect();
        let silence = Silence::of(&elsewhere, &self.heard, now_micros, MISSING_MS * 1_000);
        state.automation.paused.is_none() && !silence.is_too_much()
    }

    /// Whether a node reports and is not about to stop.
    fn stays(&self, now_micros: u64, node: &NodeId) -> bool {
        self.is_heard(now_micros, node) && !self.heard.is_leaving(node)
    }

    /// Moves one shard in each cell whose nodes share a store and all report, from whoever has most to whoever has least.
    pub fn balance(&mut self, now_micros: u64, state: &State) -> Vec<Act> {
        let mut acts = Vec::new();
        if !self.may_begin(state) || !self.has_listened(now_micros) {
            return acts;
        }
        let loads = copies_held(state);
        for (cell, nodes) in self.whole_cells(now_micros, state) {
            let even = self.evenness.entry(cell).or_insert_with(|| Evenness {
                nodes: Vec::new(),
                since_micros: now_micros,
                moved_micros: 0,
            });
            if even.nodes != nodes {
                (even.nodes, even.since_micros) = (nodes, now_micros);
            }
            let settled = now_micros.saturating_sub(even.since_micros) >= BALANCE_AFTER_MS * 1_000;
            let again = now_micros.saturating_sub(even.moved_micros) >= BALANCE_EVERY_MS * 1_000;
            if !settled || !again {
                continue;
            }
            let Some((shard, config, replica, node)) = uneven(state, &loads, &even.nodes) else {
                continue;
            };
            even.moved_micros = now_micros;
            let reason = "the nodes of its cell are to have as many shards each".to_owned();
            let act = take(shard, config, replica, node, reason);
            acts.extend(self.give(now_micros, act));
        }
        acts
    }

    /// Cells whose nodes share a store, with these nodes, where all of them report and stay.
    fn whole_cells(&mut self, now_micros: u64, state: &State) -> BTreeMap<CellId, Vec<NodeId>> {
        let mut cells: BTreeMap<CellId, Vec<NodeId>> = BTreeMap::new();
        for (node, _) in state.nodes.iter().filter(|(_, record)| record.store.is_some()) {
            cells.entry(node.cell.clone()).or_default().push(node.clone());
        }
        cells.retain(|_, nodes| nodes.iter().all(|node| self.stays(now_micros, node)));
        self.evenness.retain(|cell, _| cells.contains_key(cell));
        cells
    }
}

/// A shard of whoever has most, for whoever has least, if that makes them more even.
fn uneven<'a>(
    state: &'a State,
    loads: &BTreeMap<NodeId, usize>,
    nodes: &'a [NodeId],
) -> Option<(&'a ShardId, &'a ShardConfig, ReplicaId, &'a NodeId)> {
    let least = nodes.iter().min_by_key(|node| load(loads, node))?;
    let most = nodes.iter().max_by_key(|node| load(loads, node))?;
    if load(loads, most) < load(loads, least) + 2 {
        return None;
    }
    configs(state).find_map(|(shard, config)| {
        let copy = config.copies().find(|copy| copy.node == *most)?;
        let quiet = config.phase == ConfigPhase::Steady && state.operations.active_on(shard).is_none();
        // An order to erase there would open the store that another holds.
        let ordered = config.erasing.values().any(|erasing| erasing.node == *most);
        let moves = quiet && !config.unborn && !ordered && config.primary.replica == copy.replica;
        moves.then_some((shard, config, copy.replica, least))
    })
}

fn configs(state: &State) -> impl Iterator<Item = (&ShardId, &ShardConfig)> {
    let records = state.shards.iter();
    records.filter_map(|(shard, record)| Some((shard, record.config.as_ref()?)))
}

/// What lies on nodes that are gone or go, and may be given to others now.
fn lost<'a>(
    config: &'a ShardConfig,
    going: &'a [&'a NodeId],
) -> impl Iterator<Item = (ReplicaId, &'a NodeId)> {
    let copies = config
        .copies()
        .filter(move |copy| may_be_taken(config, copy.replica));
    let copies = copies.map(|copy| (copy.replica, &copy.node));
    let steady = config.phase == ConfigPhase::Steady;
    let remains = remains(config).filter(move |_| steady);
    copies
        .chain(remains)
        .filter(move |(_, node)| going.contains(node))
}

/// What is left of copies, and where.
fn remains(config: &ShardConfig) -> impl Iterator<Item = (ReplicaId, &NodeId)> {
    let left = config.left.iter().map(|(replica, node)| (*replica, node));
    let erasing = config.erasing.iter();
    left.chain(erasing.map(|(replica, erasing)| (*replica, &erasing.node)))
}

/// Whoever holds the shard in the store where `from` is: only that node may erase there what is left. Another that opens
/// the shard there takes it from the one that serves.
pub(super) fn holder_there<'a>(state: &State, config: &'a ShardConfig, from: &NodeId) -> Option<&'a NodeId> {
    let mut holders = config.copies().map(|copy| &copy.node);
    holders.find(|node| *node == from || state.share_a_store(from, node))
}

/// What is left on a node that does not hold the shard in its store, while another does: it goes to that one.
pub(super) fn misplaced(state: &State, shard: &ShardId, config: &ShardConfig) -> Option<Act> {
    remains(config).find_map(|(replica, from)| {
        let holder = holder_there(state, config, from).filter(|holder| *holder != from)?;
        let reason = format!("{holder} holds the shard in the store where it is to be erased");
        Some(take(shard, config, replica, holder, reason))
    })
}

/// A primary at any time but while another is chosen; a standby only when nothing is under way.
fn may_be_taken(config: &ShardConfig, replica: ReplicaId) -> bool {
    match config.phase {
        ConfigPhase::Steady => true,
        ConfigPhase::Handover { .. } => config.primary.replica == replica,
        ConfigPhase::Promoting { .. } => false,
    }
}

fn load(loads: &BTreeMap<NodeId, usize>, node: &NodeId) -> usize {
    loads.get(node).copied().unwrap_or(0)
}

fn take(shard: &ShardId, config: &ShardConfig, replica: ReplicaId, node: &NodeId, reason: String) -> Act {
    let node = node.clone();
    Act::configure(
        shard,
        config.generation,
        ConfigCommand::Take { replica, node },
        reason,
    )
}
