//! Standby repair: whatever the planner finds to do is started, a few copies at a time.
//!
//! What is wanted, and where it may be, is the planner's to say; this only looks who is gone and how much is under way.

use std::collections::BTreeMap;

use control_plane_planner::{Infeasible, Observed, repair};
use control_plane_state::operation::{OperationCommand, OperationKind, Start};
use control_plane_state::shard_config::ShardConfig;
use control_plane_state::{Command, State};
use platform_model::thresholds::{REPAIR_EVERY_MS, REPAIR_NODE_AT_ONCE_MAX, REPAIR_WORLD_AT_ONCE_MAX};
use platform_model::{NodeId, ShardId};

use super::act::{Act, By};
use super::leader::{Leader, config_of};

impl Leader {
    /// Starts what brings shards back to the goals of their homes.
    pub fn repair(&mut self, now_micros: u64, state: &State) -> Vec<Act> {
        let since = now_micros.saturating_sub(self.repaired_micros);
        let due = since >= REPAIR_EVERY_MS * 1_000 && self.has_listened(now_micros);
        if !due || !self.may_begin(state) {
            return Vec::new();
        }
        self.repaired_micros = now_micros;
        let plan = repair::plan(state, &self.observed(now_micros, state));
        let unmet = u32::try_from(plan.unmet.len()).unwrap_or(u32::MAX);
        metrics::gauge!("controld_shards_below_goal").set(f64::from(unmet));
        let surplus = u32::try_from(plan.surplus.len()).unwrap_or(u32::MAX);
        metrics::gauge!("controld_shards_above_goal").set(f64::from(surplus));
        let mut under_way = UnderWay::of(state);
        let mut acts = Vec::new();
        for command in plan.commands() {
            let OperationCommand::Start(start) = &command else {
                continue;
            };
            if !under_way.takes(start) {
                continue;
            }
            let act = Act {
                by: By::Controller,
                reason: "standby repair".to_owned(),
                shard: start.shard.clone(),
                command: Command::Operation(command),
            };
            acts.extend(self.give(now_micros, act));
        }
        acts
    }

    /// What the planner is told beside the state.
    pub fn observed(&self, now_micros: u64, state: &State) -> Observed {
        let gone = state.nodes.keys().filter(|node| self.is_gone(now_micros, node));
        let bytes = self.shards.iter().filter_map(|(shard, watched)| {
            let primary = config_of(state, shard)?.primary.replica;
            let bytes = watched.copy(primary)?.report.bytes;
            (bytes > 0).then(|| (shard.clone(), bytes))
        });
        Observed {
            silent: gone.cloned().collect(),
            bytes: bytes.collect(),
            free: self.heard.all_free_bytes(),
            ..Observed::default()
        }
    }

    /// The same for a person who waits for nobody that does not report: no disk is taken by hand either that is too full.
    pub fn observed_by_hand(&self, now_micros: u64, state: &State) -> Observed {
        let silent = state.nodes.keys().filter(|node| !self.is_heard(now_micros, node));
        Observed {
            silent: silent.cloned().collect(),
            ..self.observed(now_micros, state)
        }
    }
}

/// Copies that repairs make now, by node.
struct UnderWay {
    by_node: BTreeMap<NodeId, u64>,
    all: u64,
}

impl UnderWay {
    fn of(state: &State) -> Self {
        let mut under_way = Self {
            by_node: BTreeMap::new(),
            all: 0,
        };
        for (_, record) in state.operations.active() {
            if let OperationKind::Repair { add: Some(node), .. } = &record.kind {
                under_way.add(node);
            }
        }
        under_way
    }

    fn add(&mut self, node: &NodeId) {
        *self.by_node.entry(node.clone()).or_default() += 1;
        self.all += 1;
    }

    /// Whether one more may begin; then it is counted.
    fn takes(&mut self, start: &Start) -> bool {
        let Some(node) = start.kind.target() else {
            return true;
        };
        let there = self.by_node.get(node).copied().unwrap_or(0);
        if there >= REPAIR_NODE_AT_ONCE_MAX || self.all >= REPAIR_WORLD_AT_ONCE_MAX {
            return false;
        }
        self.add(node);
        true
    }
}

/// Copies on each node.
pub fn copies_held(state: &State) -> BTreeMap<NodeId, usize> {
    let mut held: BTreeMap<NodeId, usize> = BTreeMap::new();
    let configs = state.shards.values().filter_map(|record| record.config.as_ref());
    for copy in configs.flat_map(ShardConfig::copies) {
        *held.entry(copy.node.clone()).or_default() += 1;
    }
    held
}

/// What a repair by hand does: a person says that nobody need wait for the nodes that do not report, and that a standby
/// goes which no goal asks for. `observed` is of [`Leader::observed_by_hand`].
///
/// # Errors
/// When there is nothing to repair, or it cannot be.
pub fn by_hand(state: &State, shard: &ShardId, observed: &Observed) -> Result<OperationKind, NotByHand> {
    let plan = repair::plan_shard(state, observed, shard);
    let step = plan.steps.into_iter().next();
    let surplus = plan.surplus.into_iter().next();
    match (step, surplus) {
        (Some(step), _) => Ok(OperationKind::Repair {
            add: step.add,
            remove: step.remove,
        }),
        (None, Some(surplus)) => Ok(OperationKind::Repair {
            add: None,
            remove: Some(surplus.replica),
        }),
        (None, None) => match plan.unmet.into_iter().next() {
            Some(unmet) => Err(NotByHand::Cannot(unmet.infeasible)),
            None => Err(NotByHand::Nothing),
        },
    }
}

/// Why nothing is repaired by hand.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotByHand {
    #[error("there is nothing to repair")]
    Nothing,
    #[error("it cannot be repaired: {0}")]
    Cannot(Infeasible),
}
