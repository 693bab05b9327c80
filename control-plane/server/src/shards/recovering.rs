//! A world that was recovered from a backup: every node is asked by what its copies are configured, and of each shard the newest
//! configuration is adopted once everybody has told who may know of one. Nothing else is done with such a shard.

use std::collections::{BTreeMap, BTreeSet};

use control_plane_state::recovery::{RecoveryCommand, Stands};
use control_plane_state::shard_config::ShardConfig;
use control_plane_state::{Command, State};
use platform_model::{NodeId, ShardId, ShardRoute};
use platform_wire::replicas::ReplicasReport;

use super::act::{Act, By};
use super::leader::{Leader, config_of};

/// What each node told this leader, last.
pub(super) type Told = BTreeMap<NodeId, BTreeMap<ShardId, ShardRoute>>;

impl Leader {
    /// Whether nodes are asked.
    pub fn asks(&self, state: &State) -> bool {
        !state.recovery.is_over()
    }

    pub(super) fn note_told(&mut self, state: &State, report: &ReplicasReport) {
        if !self.asks(state) {
            self.told.clear();
        } else if let Some(configured) = &report.configured {
            let routes = configured.iter().cloned().collect();
            if self.told.insert(report.node.clone(), routes).is_none() {
                let (shards, waits_for) = (state.recovery.unsure.len(), awaited(state, &self.told));
                tracing::warn!(node = %report.node, shards, ?waits_for, "the world was recovered; a node has told what it knows");
            }
        }
    }

    /// Shards of which everybody has told.
    pub(super) fn adopt(&mut self, now_micros: u64, state: &State) -> Vec<Act> {
        let found = state.recovery.unsure.iter().filter_map(|shard| {
            let stands = stands(state, &self.told, shard)?;
            Some((shard.clone(), stands))
        });
        let found: Vec<(ShardId, Stands)> = found.collect();
        let acts = found.into_iter().filter_map(|(shard, stands)| {
            let act = Act {
                by: By::Controller,
                reason: reason(state),
                command: Command::Recovery(RecoveryCommand::Adopt(stands)),
                shard,
            };
            self.give(now_micros, act)
        });
        acts.collect()
    }
}

/// Who has not told yet, of those that the state knows of.
fn awaited(state: &State, told: &Told) -> BTreeSet<NodeId> {
    let unsure = state.recovery.unsure.iter();
    let known = unsure.filter_map(|shard| config_of(state, shard));
    let nodes = known.flat_map(|config| config.copies().map(|copy| copy.node.clone()));
    nodes
        .filter(|node| !told.contains_key(node) && !state.recovery.silent.contains(node))
        .collect()
}

/// What is known of a shard, if whoever may know more has told.
fn stands(state: &State, told: &Told, shard: &ShardId) -> Option<Stands> {
    let have = config_of(state, shard)?;
    let routes = told.values().filter_map(|routes| routes.get(shard));
    let newer = routes.filter(|route| route.set.generation > have.generation);
    let newest = newer.max_by_key(|route| (route.set.generation, route.epoch));
    let newest = newest.map(ShardConfig::from);
    let known = [Some(have), newest.as_ref()];
    let mut named = known.into_iter().flatten().flat_map(|config| {
        let copies = config.copies().map(|copy| &copy.node);
        copies.chain(config.left.values())
    });
    let has_told = |node: &NodeId| told.contains_key(node) || state.recovery.silent.contains(node);
    named.all(has_told).then(|| Stands {
        shard: shard.clone(),
        expected: have.generation,
        told: told.keys().cloned().collect(),
        newest: newest.clone(),
    })
}

/// Who recovered the world, and why, stands with each shard that is adopted.
fn reason(state: &State) -> String {
    match &state.recovery.origin {
        Some(origin) => format!("the world was recovered by {}: {}", origin.by, origin.reason),
        None => "the world was recovered".to_owned(),
    }
}
