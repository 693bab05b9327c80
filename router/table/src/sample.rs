//! A small world for this crate's tests.

use platform_model::matrix::plain;
use platform_model::{
    Cell, CellState, Epoch, Generation, Home, HomeId, Incarnation, LawInForce, Node, NodeId, RegionId,
    RoutingTable, ShardId, ShardRoute, Start, WorldId,
};

pub fn region(name: &str) -> RegionId {
    name.parse().expect("a region")
}

/// Three homes with 8 root shards each, one node a cell, all at epoch 1; and `eu-central-2`, which has no shard.
pub fn world() -> RoutingTable {
    let mut table = RoutingTable::empty(WorldId::new(&"a".repeat(64)).expect("an id"));
    table.generation = Generation(1);
    table.common_host = "meridian.test".into();
    for (country, jurisdiction) in [("DE", "eu"), ("IE", "eu"), ("US", "us"), ("CA", "ca")] {
        table.countries.insert(
            country.parse().expect("a country"),
            jurisdiction.parse().expect("a place"),
        );
    }
    for home in ["eu/eu-central", "eu/eu-west", "us/us-east"] {
        let home: HomeId = home.parse().expect("a home");
        let node: NodeId = format!("{}-1/0", home.region).parse().expect("a node");
        let host = format!("{}.meridian.test", home.host_label());
        insert(&mut table, &node, &home.region);
        for index in 0..8 {
            let route = ShardRoute::single(node.clone(), Epoch(1), platform_model::ReplicaId(7));
            table.shards.insert(
                ShardId::Root {
                    home: home.clone(),
                    index,
                },
                route,
            );
        }
        table.homes.insert(
            home,
            Home {
                shard_count: 8,
                host,
                token_keys: Vec::new(),
            },
        );
    }
    table.law = Some(law(false));
    let spare = "eu-central-2/0".parse().expect("a node");
    insert(&mut table, &spare, &region("eu-central"));
    table
}

/// Everything of `eu` and `us` stays in their own regions; `strict`: nobody abroad sees a request.
pub fn law(strict: bool) -> LawInForce {
    let areas: [(&str, &str, &[&str]); 2] = [
        ("eu", "DE", &["eu-central", "eu-west"]),
        ("us", "US", &["us-east"]),
    ];
    plain::in_force(&areas, [1; 32], strict)
}

/// A node and its cell.
fn insert(table: &mut RoutingTable, node: &NodeId, region: &RegionId) {
    let cell = Cell {
        region: region.clone(),
        state: CellState::Open,
    };
    table.cells.insert(node.cell.clone(), cell);
    let entry = Node {
        address: "127.0.0.1:1".into(),
        start: Start {
            incarnation: Incarnation(1),
            copy: 7,
            process: 8,
        },
    };
    table.nodes.insert(node.clone(), entry);
}
