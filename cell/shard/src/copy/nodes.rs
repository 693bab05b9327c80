//! Numbers for nodes: the protocol compares nodes by a small number, which means something on this node only. On the
//! wire and on disk stands the name.

use std::collections::BTreeMap;

use cell_replica::NodeKey;
use platform_model::NodeId;

/// Nodes that one copy can ever hear of; who comes after is not heard.
const NODES_MAX: usize = 4_096;

/// Names and their numbers, in the order of first sight.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    names: Vec<NodeId>,
    keys: BTreeMap<NodeId, NodeKey>,
}

impl Nodes {
    /// The number of a node; none when there are too many.
    pub(crate) fn key(&mut self, node: &NodeId) -> Option<NodeKey> {
        if let Some(key) = self.keys.get(node) {
            return Some(*key);
        }
        if self.names.len() >= NODES_MAX {
            return None;
        }
        let key = NodeKey(u16::try_from(self.names.len()).ok()?);
        self.names.push(node.clone());
        self.keys.insert(node.clone(), key);
        Some(key)
    }

    pub(crate) fn name(&self, key: NodeKey) -> Option<&NodeId> {
        self.names.get(usize::from(key.0))
    }
}
