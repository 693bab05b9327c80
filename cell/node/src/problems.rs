//! What the node itself tells apps: the shard is elsewhere, not open yet, or its keys are.

use platform_model::{Code, NodeId, Problem, RoutingTable, ShardId};

/// Seconds after which a request should be sent again while a shard is being opened.
const RETRY_AFTER_S: u32 = 1;

/// The shard is not served here: who serves it, as far as this node knows.
pub fn not_here(table: &RoutingTable, me: &NodeId, shard: &ShardId) -> Problem {
    match table.shards.get(shard) {
        Some(route) if route.node == *me => unavailable("the shard is being opened"),
        Some(route) => Problem::new(Code::Moved)
            .with("shard", shard.to_string())
            .with("epoch", route.epoch.0)
            .with("node", route.node.to_string()),
        None => unavailable("the shard has no node yet"),
    }
}

/// The shard is served here, in a later epoch than the caller knows.
pub fn newer_epoch(me: &NodeId, shard: &ShardId, epoch: platform_model::Epoch) -> Problem {
    Problem::new(Code::Moved)
        .with("shard", shard.to_string())
        .with("epoch", epoch.0)
        .with("node", me.to_string())
}

pub fn unavailable(detail: &str) -> Problem {
    Problem::new(Code::Unavailable)
        .detail(detail)
        .retry_after_s(RETRY_AFTER_S)
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform_model::{Epoch, ShardRoute, WorldId};

    #[test]
    fn a_caller_is_told_who_serves_the_shard() {
        let me: NodeId = "eu-central-1/0".parse().expect("a node");
        let shard: ShardId = "eu/eu-central/003".parse().expect("a shard");
        let mut table = RoutingTable::empty(WorldId::new(&"a".repeat(64)).expect("an id"));
        assert_eq!(not_here(&table, &me, &shard).code, Code::Unavailable);
        let route = ShardRoute::single(me.clone(), Epoch(4), platform_model::ReplicaId(7));
        table.shards.insert(shard.clone(), route);
        assert_eq!(
            not_here(&table, &me, &shard).code,
            Code::Unavailable,
            "ours, but not open"
        );
        let other: NodeId = "eu-west-1/0".parse().expect("a node");
        table.shards.insert(
            shard.clone(),
            ShardRoute::single(other, Epoch(5), platform_model::ReplicaId(7)),
        );
        let moved = not_here(&table, &me, &shard);
        assert_eq!(moved.code, Code::Moved);
        assert_eq!(
            (&moved.members["node"], &moved.members["epoch"]),
            (&"eu-west-1/0".into(), &5.into())
        );
    }
}
