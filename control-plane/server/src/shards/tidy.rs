//! Copies that were taken out and lie on their nodes still: it is ordered that they be erased.

use control_plane_state::State;
use control_plane_state::shard_config::{ConfigCommand, ConfigPhase};

use platform_model::ReplicaId;

use super::act::Act;
use super::leader::Leader;
use super::takeover::misplaced;

impl Leader {
    /// Erases what has left, one copy of a shard at a time, while its primary serves. What an operation took out is for
    /// the operation.
    pub fn tidy(&mut self, now_micros: u64, state: &State) -> Vec<Act> {
        if state.automation.paused.is_some() || !self.has_listened(now_micros) {
            return Vec::new();
        }
        let may_begin = self.may_begin(state);
        let mut acts = Vec::new();
        for (shard, record) in &state.shards {
            let Some(config) = &record.config else {
                continue;
            };
            // Whether it serves or not, and whoever is silent: an order that has gone to the wrong node may be why.
            if let Some(act) = misplaced(state, shard, config) {
                if config.phase == ConfigPhase::Steady {
                    acts.extend(self.give_remains(now_micros, act));
                }
                continue;
            }
            if !may_begin || config.left.is_empty() || !self.serves(now_micros, shard, config) {
                continue;
            }
            let active = state.operations.active_on(shard).map(|(_, record)| record);
            let owned = |replica: ReplicaId| {
                active.is_some_and(|record| [record.source, record.replica].contains(&Some(replica)))
            };
            let Some((replica, node)) = config.left.iter().find(|(replica, _)| !owned(**replica)) else {
                continue;
            };
            let erase = ConfigCommand::EraseCopy { replica: *replica };
            let reason = format!("the copy on {node} is no part of the shard any more");
            let act = Act::configure(shard, config.generation, erase, reason);
            acts.extend(self.give(now_micros, act));
        }
        acts
    }
}
