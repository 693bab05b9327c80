//! Primaries are relieved: suspect ones one by one, a few at a time in each cell, and not again soon; those of a node that
//! is about to stop at once.

use std::collections::BTreeMap;

use control_plane_state::State;
use control_plane_state::operation::may_lead_on;
use control_plane_state::shard_config::{ConfigCommand, ConfigPhase, ShardConfig};
use platform_model::thresholds::{SUSPECT_AGAIN_MS, SUSPECT_AT_ONCE_MAX};
use platform_model::{CellId, NodeId, ShardId};

use super::act::Act;
use super::gray::{self, CellLatencies};
use super::leader::{Leader, config_of};

impl Leader {
    /// Primaries that serve and should not: relieved one by one, a few at a time in each cell.
    pub fn relieve_suspects(&mut self, now_micros: u64, state: &State) -> Vec<Act> {
        let mut acts = Vec::new();
        if !self.may_begin(state) || !self.has_listened(now_micros) {
            return acts;
        }
        let (latencies, mut at_once) = self.latencies(state);
        let shards: Vec<ShardId> = self.shards.keys().cloned().collect();
        for shard in shards {
            let Some(config) = config_of(state, &shard) else {
                continue;
            };
            let cell = &config.primary.node.cell;
            let under_way = at_once.get(cell).copied().unwrap_or(0);
            if config.phase != ConfigPhase::Steady || under_way >= SUSPECT_AT_ONCE_MAX {
                continue;
            }
            let act = self.relieve(now_micros, state, &shard, config, &latencies);
            if let Some(act) = act {
                *at_once.entry(cell.clone()).or_default() += 1;
                acts.push(act);
            }
        }
        acts
    }

    fn relieve(
        &mut self,
        now_micros: u64,
        state: &State,
        shard: &ShardId,
        config: &ShardConfig,
        latencies: &CellLatencies,
    ) -> Option<Act> {
        let node = &config.primary.node;
        let why = {
            let watched = self.shards.get_mut(shard)?;
            let report = watched.copy(config.primary.replica)?.report.clone();
            let relieved = watched.suspicion.relieved_micros;
            let why = watched.suspicion.judge(now_micros, node, &report, latencies);
            let again = relieved.is_none_or(|at| now_micros.saturating_sub(at) >= SUSPECT_AGAIN_MS * 1_000);
            watched.suspicion.why = why.clone();
            why.filter(|_| again)?
        };
        let act = self.hand_over(now_micros, state, shard, config, format!("suspect: {why}"))?;
        tracing::warn!(%shard, %node, %why, "a primary is suspect and hands over");
        metrics::counter!("controld_suspects_total").increment(1);
        self.watched(shard).suspicion.relieved_micros = Some(now_micros);
        Some(act)
    }

    /// Everything that a node leads that is about to stop. What has no successor is left to a failover, if one is possible.
    pub(super) fn relieve_leaving(&mut self, now_micros: u64, state: &State, node: &NodeId) -> Vec<Act> {
        let led = state.shards.iter().filter_map(|(shard, record)| {
            let config = record.config.as_ref()?;
            (config.primary.node == *node && config.phase == ConfigPhase::Steady).then_some((shard, config))
        });
        let mut acts = Vec::new();
        for (shard, config) in led {
            let reason = format!("{node} is about to stop");
            acts.extend(self.hand_over(now_micros, state, shard, config, reason));
        }
        acts
    }

    /// To the copy that is best to lead next, if there is one that the law lets lead.
    fn hand_over(
        &mut self,
        now_micros: u64,
        state: &State,
        shard: &ShardId,
        config: &ShardConfig,
        reason: String,
    ) -> Option<Act> {
        let able = |node: &NodeId| {
            let stays = self.is_heard(now_micros, node) && !self.heard.is_leaving(node);
            stays && may_lead_on(state, shard, node).is_ok()
        };
        let target = gray::successor(state, config, self.shards.get(shard)?, able)?;
        let command = ConfigCommand::BeginHandover {
            target,
            certificate: None,
            needs_certificate: false,
        };
        self.give(
            now_micros,
            Act::configure(shard, config.generation, command, reason),
        )
    }

    /// Latencies by cell, and how many handovers are under way in each.
    fn latencies(&self, state: &State) -> (CellLatencies, BTreeMap<CellId, u64>) {
        let mut latencies = CellLatencies::default();
        let mut at_once: BTreeMap<CellId, u64> = BTreeMap::new();
        for (shard, watched) in &self.shards {
            let Some(config) = config_of(state, shard) else {
                continue;
            };
            if let Some(seen) = watched.copy(config.primary.replica) {
                latencies.add(&config.primary.node, &seen.report);
            }
            if matches!(config.phase, ConfigPhase::Handover { .. }) {
                *at_once.entry(config.primary.node.cell.clone()).or_default() += 1;
            }
        }
        (latencies, at_once)
    }
}
