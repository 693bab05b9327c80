//! A node that holds as many copies as it may.

use super::*;
use crate::limits::COPIES_PER_NODE_MAX;
use crate::state::ShardRecord;

fn moves() -> OperationKind {
    OperationKind::Move {
        to: node(NEXT),
        window_ms: 0,
    }
}

#[test]
fn a_full_node_takes_no_copy() {
    let mut world = World::new();
    let record = world.state.shards[&shard()].clone();
    let config = ShardConfig::new(node(NEXT), ReplicaId(77), 1_000_000);
    for index in 0..COPIES_PER_NODE_MAX {
        let other = format!("eu/eu-west/{index:03}").parse().expect("a shard");
        let full = ShardRecord {
            config: Some(config.clone()),
            ..record.clone()
        };
        world.state.shards.insert(other, full);
    }
    let max = COPIES_PER_NODE_MAX;
    let node = node(NEXT);
    let no_room = OperationRefusal::NoRoom {
        node,
        copies: max,
        max,
    };
    assert_eq!(world.start(moves()).expect_err("refused"), no_room.into());
    let one: ShardId = "eu/eu-west/000".parse().expect("a shard");
    world.state.shards.remove(&one).expect("one of them");
    world.start(moves()).expect("there is room for one");
}
