//! What a route says to a copy: the configuration, and the orders that travel in it.

use cell_replica::{Configuration, Member, OrderIndex, Phase, Standby, StandbyState};
use platform_model::{CopyState, Epoch, NodeId, ReplicaId, SetPhase, ShardRoute};

use super::nodes::Nodes;

/// An order of the control plane to the copy on one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Prepare { order: OrderIndex, epoch: Epoch },
    Erase { order: OrderIndex, replica: ReplicaId },
}

/// The configuration; none when it names more nodes than can be numbered.
pub(crate) fn configuration(route: &ShardRoute, nodes: &mut Nodes) -> Option<Configuration> {
    let set = &route.set;
    let mut member = |node: &NodeId, replica| {
        Some(Member {
            node: nodes.key(node)?,
            replica,
        })
    };
    let primary = member(&route.node, set.primary)?;
    let mut standbys = Vec::with_capacity(set.standbys.len());
    for copy in &set.standbys {
        standbys.push(Standby {
            member: member(&copy.node, copy.replica)?,
            state: match copy.state {
                CopyState::Damaged => StandbyState::Damaged,
                CopyState::Copying => StandbyState::Copying,
                CopyState::CatchingUp => StandbyState::CatchingUp,
                CopyState::InSync => StandbyState::InSync,
            },
        });
    }
    Some(Configuration {
        generation: set.generation,
        epoch: route.epoch,
        primary,
        standbys,
        lease_micros: set.lease_micros,
        phase: match set.phase {
            SetPhase::Steady => Phase::Steady,
            SetPhase::Promoting { epoch, .. } => Phase::Promoting { epoch },
            SetPhase::Handover { target, epoch, .. } => Phase::Handover { target, epoch },
        },
        unborn: set.unborn,
    })
}

/// What the route orders the copy on a node to do. A copy that cannot be a candidate refuses by itself.
pub(crate) fn orders(route: &ShardRoute, node: &NodeId) -> Vec<Order> {
    let set = &route.set;
    let named = route.node == *node || set.standbys.iter().any(|copy| copy.node == *node);
    let mut orders = Vec::new();
    if let SetPhase::Promoting { epoch, order } = set.phase
        && named
    {
        let order = OrderIndex(order);
        orders.push(Order::Prepare { order, epoch });
    }
    for copy in set.erased.iter().filter(|copy| copy.node == *node) {
        orders.push(Order::Erase {
            order: OrderIndex(copy.order),
            replica: copy.replica,
        });
    }
    orders
}
