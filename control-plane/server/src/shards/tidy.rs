//! Copies that were taken out and lie on their nodes still: it is ordered that they be erased.

use control_plane_state::State;
use control_plane_state::shard_config::ConfigCommand;

use super::act::Act;
use super::leader::Leader;

impl Leader {
    /// Erases what has left, one copy of a shard at a time. What an operation took out is for the operation.
    pub fn tidy(&mut self, now_micros: u64, state: &State) -> Vec<Act> {
        if !self.may_begin(state) || !self.has_listened(now_micros) {
            return Vec::new();
        }
        let mut acts = Vec::new();
        for (shard, record) in &state.shards {
            let Some(config) = &record.config else { continue };
            let Some((replica, node)) = config.left.iter().next() else {
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
