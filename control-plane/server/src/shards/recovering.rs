//! A world that was recovered from a backup: every node is asked for the table that it goes by, and of each shard the newest
//! configuration is adopted once everybody has told who may know of one. Nothing else is done with any shard until then.

use std::collections::{BTreeMap, BTreeSet};

use control_plane_state::recovery::{RecoveryCommand, Stands};
use control_plane_state::shard_config::ShardConfig;
use control_plane_state::{Command, State};
use platform_model::{Generation, NodeId, ShardId, ShardRoute};
use platform_wire::replicas::ReplicasReport;

use super::act::{Act, By};
use super::leader::Leader;

/// Shards that the state does not know are named one by one up to so many.
const NAMED_MAX: usize = 20;

/// What nodes told this leader.
#[derive(Debug, Default)]
pub(super) struct Told {
    nodes: BTreeSet<NodeId>,
    /// Of each shard the newest route that any of them told.
    newest: BTreeMap<ShardId, ShardRoute>,
}

impl Leader {
    /// Whether a node is asked: it may know more, and has not told this leader yet.
    pub fn asks(&self, state: &State, node: &NodeId) -> bool {
        !state.recovery.is_over() && !self.told.nodes.contains(node)
    }

    /// Who has not told yet, of all that may know of more.
    pub fn awaited(&self, state: &State) -> BTreeSet<NodeId> {
        awaited(state, &self.told)
    }

    pub(super) fn note_told(&mut self, state: &State, report: &ReplicasReport) {
        if state.recovery.is_over() {
            self.told = Told::default();
            return;
        }
        let Some(configured) = &report.configured else {
            return;
        };
        if !self.told.nodes.insert(report.node.clone()) {
            return;
        }
        self.told.take(configured);
        let (shards, waits_for) = (state.recovery.unsure.len(), awaited(state, &self.told));
        tracing::warn!(node = %report.node, shards, ?waits_for, "the world was recovered; a node has told what it knows");
        name_unknown(state, report, configured);
    }

    /// Shards of which everybody has told.
    pub(super) fn adopt(&mut self, now_micros: u64, state: &State) -> Vec<Act> {
        if state.recovery.is_over() || !awaited(state, &self.told).is_empty() {
            return Vec::new();
        }
        let unsure = state.recovery.unsure.iter();
        let stands = unsure.filter_map(|shard| stands(state, &self.told, shard));
        let found: Vec<Stands> = stands.collect();
        let acts = found.into_iter().filter_map(|stands| {
            let act = Act {
                by: By::Controller,
                reason: reason(state),
                shard: stands.shard.clone(),
                command: Command::Recovery(RecoveryCommand::Adopt(stands)),
            };
            self.give(now_micros, act)
        });
        acts.collect()
    }
}

impl Told {
    fn take(&mut self, configured: &[(ShardId, ShardRoute)]) {
        for (shard, route) in configured {
            let newest = self.newest.get(shard);
            let newer = newest.is_none_or(|newest| order(route) > order(newest));
            if newer {
                self.newest.insert(shard.clone(), route.clone());
            }
        }
    }
}

fn order(route: &ShardRoute) -> (Generation, platform_model::Epoch) {
    (route.set.generation, route.epoch)
}

/// Who has not told yet, of all that the state or anybody who told knows of.
fn awaited(state: &State, told: &Told) -> BTreeSet<NodeId> {
    let named = told.newest.values().flat_map(|route| {
        let standbys = route.set.standbys.iter().map(|copy| &copy.node);
        std::iter::once(&route.node).chain(standbys)
    });
    let waits = |node: &&NodeId| !told.nodes.contains(*node) && !state.recovery.silent.contains(*node);
    state.nodes.keys().chain(named).filter(waits).cloned().collect()
}

/// What is known of a shard, once everybody has told.
fn stands(state: &State, told: &Told, shard: &ShardId) -> Option<Stands> {
    let expected = state.shards.get(shard)?.generation;
    let newest = told.newest.get(shard);
    let newest = newest.filter(|route| route.set.generation > expected);
    Some(Stands {
        shard: shard.clone(),
        expected,
        told: told.nodes.iter().cloned().collect(),
        newest: newest.map(ShardConfig::from),
    })
}

/// Shards of homes that were made after the backup: nobody leads them from here on, and what lies on nodes stays there.
fn name_unknown(state: &State, report: &ReplicasReport, configured: &[(ShardId, ShardRoute)]) {
    let unknown = configured
        .iter()
        .filter(|(shard, _)| !state.shards.contains_key(shard));
    for (shard, route) in unknown.take(NAMED_MAX) {
        tracing::error!(node = %report.node, %shard, led_by = %route.node, "a node knows of a shard that the backup does not");
    }
}

/// Who recovered the world, and why, stands with each shard that is adopted.
fn reason(state: &State) -> String {
    match &state.recovery.origin {
        Some(origin) => format!("the world was recovered by {}: {}", origin.by, origin.reason),
        None => "the world was recovered".to_owned(),
    }
}
