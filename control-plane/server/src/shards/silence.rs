//! Whether so many nodes are silent at once that it is more likely the controllers who do not hear: nothing is begun
//! then, what has begun goes on.

use std::collections::BTreeSet;

use control_plane_state::State;
use platform_model::NodeId;
use platform_model::thresholds::SILENT_NODES_PERCENT_MAX;

use super::reports::NodesHeard;

/// Nodes that hold copies, and those of them that are silent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Silence {
    pub holders: usize,
    pub silent: Vec<NodeId>,
}

impl Silence {
    /// Of `holders`, those that have not reported for so long.
    pub fn of(holders: &BTreeSet<NodeId>, heard: &NodesHeard, now_micros: u64, missing_micros: u64) -> Self {
        let silent = holders
            .iter()
            .filter(|node| heard.is_missing(now_micros, node, missing_micros));
        Self {
            silent: silent.cloned().collect(),
            holders: holders.len(),
        }
    }

    /// One silent node is a failure, however few there are; more of them only up to the share.
    pub fn is_too_much(&self) -> bool {
        let share_max = u64::try_from(self.holders).unwrap_or(u64::MAX) * SILENT_NODES_PERCENT_MAX;
        let silent = u64::try_from(self.silent.len()).unwrap_or(u64::MAX);
        silent > 1 && silent * 100 > share_max
    }
}

/// Nodes that hold a copy of anything.
pub fn holders(state: &State) -> BTreeSet<NodeId> {
    let configs = state.shards.values().filter_map(|record| record.config.as_ref());
    let nodes = configs.flat_map(|config| config.copies().map(|copy| &copy.node));
    nodes
        .collect::<BTreeSet<&NodeId>>()
        .into_iter()
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_node_may_fail_and_half_of_many_but_not_more() {
        let of = |silent: u16, holders: usize| {
            let node = |ordinal| format!("eu-central-1/{ordinal}").parse().expect("a node");
            Silence {
                holders,
                silent: (0..silent).map(node).collect(),
            }
        };
        assert!(!of(0, 3).is_too_much());
        assert!(!of(1, 1).is_too_much());
        assert!(!of(1, 3).is_too_much());
        assert!(of(2, 3).is_too_much());
        assert!(!of(2, 4).is_too_much());
        assert!(of(3, 4).is_too_much());
    }
}
