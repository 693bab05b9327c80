//! What binds the streams between nodes to the copies that are hosted here: the table says who is who, a frame that comes
//! in goes to the copy that it is about, one that goes out takes the lane that fits it.

use std::sync::Arc;

use bytes::Bytes;
use cell_shard::{FrameKind, Peers};
use cell_stream::{Inbound, Known, Lane, Place, Streams};
use platform_model::{NodeId, RoutingTable, ShardId};
use platform_wire::follow::Followed;

use crate::hosted::Hosted;

/// The table, as the streams ask it.
pub struct ByTable(pub Followed);

impl Known for ByTable {
    fn place(&self, node: &NodeId) -> Option<Place> {
        place(&self.0.current(), node)
    }

    fn holds(&self, node: &NodeId, shard: &ShardId) -> bool {
        holds(&self.0.current(), node, shard)
    }
}

fn place(table: &RoutingTable, node: &NodeId) -> Option<Place> {
    let address = table.nodes.get(node)?.address.clone();
    let region = table.cells.get(&node.cell)?.region.clone();
    Some(Place { address, region })
}

/// A copy that is to be erased is none any more.
pub(crate) fn holds(table: &RoutingTable, node: &NodeId, shard: &ShardId) -> bool {
    let Some(route) = table.shards.get(shard) else {
        return false;
    };
    route.node == *node || route.set.standbys.iter().any(|copy| copy.node == *node)
}

/// Frames of copies here go out over the streams.
pub struct Outgoing(pub Streams);

impl Peers for Outgoing {
    fn send(&self, to: &NodeId, shard: &ShardId, kind: FrameKind, frame: Bytes) {
        let lane = match kind {
            FrameKind::Prompt => Lane::Prompt,
            FrameKind::Entries => Lane::Entries,
            FrameKind::Pages => Lane::Pages,
        };
        self.0.send(to, shard, lane, frame);
    }
}

impl Inbound for Hosted {
    fn receive(&self, from: &NodeId, shard: &ShardId, frame: Bytes) {
        if let Some(copy) = self.copy(shard) {
            copy.receive(from, frame);
        }
    }
}

/// As the streams take them.
pub fn known(followed: &Followed) -> Arc<dyn Known> {
    Arc::new(ByTable(followed.clone()))
}
